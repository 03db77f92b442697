/* SPDX-License-Identifier: BSD-3-Clause */
/* The values that users write, the results, and the distance of CPUs. */
#include <errno.h>
#include <math.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <rte_common.h>

#include "engine/cpu_distance.h"
#include "options/values.h"
#include "report/page.h"
#include "results/output.h"

#include "loadgen_world.h"

/* ---- values of the command line ---- */

static void test_rates_are_parsed(void **state)
{
	static const char *const wrong[] = {"",    "k",   "-1",  "0",  "1x",   "101%",
					    "1kk", "inf", "nan", " 1", "1 pps"};
	struct gremc_rate rate;

	RTE_SET_USED(state);
	assert_int_equal(gremc_rate_parse("250k", &rate), 0);
	assert_true(rate.value == 250e3 && rate.unit == GREMC_RATE_PPS);
	assert_int_equal(gremc_rate_parse("1.5Mpps", &rate), 0);
	assert_true(rate.value == 1.5e6 && rate.unit == GREMC_RATE_PPS);
	assert_int_equal(gremc_rate_parse("2Gbps", &rate), 0);
	assert_true(rate.value == 2e9 && rate.unit == GREMC_RATE_BPS);
	assert_int_equal(gremc_rate_parse("40%", &rate), 0);
	assert_true(rate.value == 40 && rate.unit == GREMC_RATE_PERCENT);
	for (unsigned i = 0; i < RTE_DIM(wrong); i++)
		assert_int_equal(gremc_rate_parse(wrong[i], &rate), -EINVAL);
}

static void test_sizes_and_mixes_are_parsed(void **state)
{
	static const char *const wrong[] = {"", "55", "x", "9601", "outer:", "64b", "middle:64", "-64"};
	struct gremc_mix mix;

	RTE_SET_USED(state);
	assert_int_equal(gremc_mix_parse("56", &mix), 0);
	assert_true(mix.size_count == 1 && mix.size[0].bytes == 56 && !mix.size[0].outer);
	assert_int_equal(gremc_mix_parse("outer:128", &mix), 0);
	assert_true(mix.size[0].bytes == 128 && mix.size[0].outer);
	assert_int_equal(gremc_mix_parse("imix", &mix), 0);
	assert_int_equal(mix.pattern_count, 12);
	for (unsigned i = 0, small = 0; i < 12; i++)
		assert_true(mix.pattern[i] < mix.size_count && (small += mix.pattern[i] == 0) <= 7);
	for (unsigned i = 0; i < RTE_DIM(wrong); i++)
		assert_int_equal(gremc_mix_parse(wrong[i], &mix), -EINVAL);
}

/* ---- results ---- */

static void test_results_survive_a_file(void **state)
{
	struct gremc_results written = {0}, read = {0};
	char path[] = "/tmp/gremc-results-XXXXXX", line[4096], text[64];
	int fd = mkstemp(path);
	struct gremc_errors errors = {0};
	struct gremc_result *row;
	FILE *file;

	RTE_SET_USED(state);
	assert_true(fd >= 0);
	close(fd);
	gremc_results_fact_add(&written, "label", "a \"forwarder\"\nof two lines");
	row = gremc_results_row_add(&written, "throughput", "RFC 2544 26.1");
	gremc_result_text_set(&row->size, "64");
	row->sent = UINT64_C(1) << 60;
	row->loss_percent = 0.125;
	assert_int_equal(gremc_results_json_write(&written, path), 0);
	assert_int_equal(gremc_results_json_read(&read, path, &errors), 0);
	assert_int_equal(read.count, 1);
	assert_string_equal(gremc_results_fact_get(&read, "label"), "a \"forwarder\"\nof two lines");
	for (unsigned c = 0; c < gremc_column_count; c++) {
		char other[64];

		gremc_column_text_format(&gremc_columns[c], &written.row[0], GREMC_NUMBER_EXACT, text,
					 sizeof(text));
		gremc_column_text_format(&gremc_columns[c], &read.row[0], GREMC_NUMBER_EXACT, other,
					 sizeof(other));
		assert_string_equal(text, other);
	}
	gremc_result_text_set(&written.row[0].note, "a, b and \"c\"");
	assert_int_equal(gremc_results_csv_write(&written, path), 0);
	file = fopen(path, "r");
	assert_non_null(fgets(line, sizeof(line), file));
	assert_non_null(strstr(line, "test,section,variant,size"));
	assert_non_null(fgets(line, sizeof(line), file));
	assert_non_null(strstr(line, "\"a, b and \"\"c\"\"\""));
	fclose(file);
	gremc_results_fini(&read);
	assert_int_equal(gremc_results_json_read(&read, path, &errors), -1);
	assert_non_null(strstr(errors.text, "no results"));
	gremc_errors_fini(&errors);
	gremc_results_fini(&read);
	gremc_results_fini(&written);
	unlink(path);
}

static unsigned substring_count(const char *text, const char *substring)
{
	unsigned count = 0;

	for (const char *at = text; (at = strstr(at, substring)) != NULL; at++)
		count++;
	return count;
}

static void latency_row_add(struct gremc_results *results, const char *label)
{
	struct gremc_result *row;

	gremc_results_fact_add(results, "label", "%s", label);
	/* repeated trials at one rate */
	for (unsigned i = 0; i < 2; i++) {
		row = gremc_results_row_add(results, "latency", "RFC 3918 5.1");
		gremc_result_text_set(&row->size, "64");
		gremc_result_text_set(&row->variant, "all tunnels");
		gremc_result_text_set(&row->histogram, "%u.5:7;%u.5:3", 1 + i, 3 + i);
		gremc_result_text_set(&row->verdict, "measured");
		row->fanout = 4;
		row->sent = row->received = 10;
		row->achieved_pps = 1000;
	}
}

/* Runs with equal labels and repeated trials are series of their own; the verdict is the first column. */
static void test_a_report_separates_runs_and_trials(void **state)
{
	static struct gremc_results one, two;
	const struct gremc_results *runs[] = {&one, &two};
	char path[] = "/tmp/gremc-report-XXXXXX";
	int fd = mkstemp(path);
	static char text[1 << 20];
	char *table;
	ssize_t size;

	RTE_SET_USED(state);
	latency_row_add(&one, "dpdk-gremc");
	latency_row_add(&two, "dpdk-gremc");
	assert_int_equal(gremc_report_html_write(runs, 2, path), 0);
	size = read(fd, text, sizeof(text) - 1);
	assert_true(size > 0);
	close(fd);
	unlink(path);
	assert_int_equal(substring_count(text, "<path fill='none' stroke='"), 4);
	for (unsigned i = 0; i < 4; i++) {
		char name[96];

		snprintf(name, sizeof(name),
			 ">run %u: dpdk-gremc, size 64, all tunnels, 1000 packets/s%s</text>", i / 2 + 1,
			 i % 2 ? ", trial 2" : "");
		assert_int_equal(substring_count(text, name), 1);
	}
	table = strstr(text, "<div class='scroll'><table><tr>");
	assert_non_null(table);
	assert_non_null(strstr(table, "class='v'>verdict</th><th class='r'>forwarder</th>"));
	assert_ptr_equal(strstr(table, "<th"), strstr(table, "<tr>") + 4);
	assert_non_null(strstr(
		table,
		"<tr class='measured'><td class='v'>measured</td><td class='r'>run 1: dpdk-gremc</td>"));
	gremc_results_fini(&one);
	gremc_results_fini(&two);
}

/* ---- distance ---- */

static cpu_set_t allowed; /* before the EAL restricts them */

static void test_the_distance_of_two_cpus_is_measured(void **state)
{
	unsigned cpu[2], count = 0;
	double there;

	RTE_SET_USED(state);
	assert_true(isnan(gremc_cpu_distance_measure(0, 0)));
	assert_true(isnan(gremc_cpu_distance_measure(0, CPU_SETSIZE)));
	assert_true(isnan(gremc_cpu_distance_measure(0, CPU_SETSIZE - 1)));
	assert_true(gremc_cpu_distance_differs(80, 350) && gremc_cpu_distance_differs(350, 80));
	assert_false(gremc_cpu_distance_differs(80, 100) || gremc_cpu_distance_differs(NAN, 80));
	for (unsigned i = 0; i < CPU_SETSIZE && count < 2; i++)
		if (CPU_ISSET(i, &allowed))
			cpu[count++] = i;
	if (count < 2)
		skip();
	/* the value depends on the machine, but another CPU is never as close as the same one */
	there = gremc_cpu_distance_measure(cpu[0], cpu[1]);
	assert_true(there > 5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rates_are_parsed),
		cmocka_unit_test(test_sizes_and_mixes_are_parsed),
		cmocka_unit_test(test_results_survive_a_file),
		cmocka_unit_test(test_a_report_separates_runs_and_trials),
		cmocka_unit_test(test_the_distance_of_two_cpus_is_measured),
	};

	if (sched_getaffinity(0, sizeof(allowed), &allowed))
		return EXIT_FAILURE;
	return cmocka_run_group_tests_name("loadgen_results", tests, loadgen_eal_start, NULL);
}
