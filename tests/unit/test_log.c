/* SPDX-License-Identifier: BSD-3-Clause */
/* Levels of log lines, and the limit of messages that outsiders can cause. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/base.h"
#include "test.h"

static char *log_text;

static unsigned log_lines_count(const char *what)
{
	unsigned count = 0;

	for (const char *at = log_text; at && (at = strstr(at, what)); at++)
		count++;
	return count;
}

/* Five lines per statement, then one with the number of the lines left out; each statement has its own limit.
 */
static void test_log_limit_counts_lines_left_out(void **state)
{
	struct gremc_log_limit limit = {0}, other = {0};
	uint64_t before = gremc_log_left_out();
	size_t size;
	FILE *stream = open_memstream(&log_text, &size);

	(void)state;
	rte_log_set_level(gremc_logtype, RTE_LOG_INFO);
	rte_openlog_stream(stream);
	for (unsigned i = 0; i < 1000; i++)
		gremc_log_limited(&limit, RTE_LOG_ERR, "join number %u", i);
	gremc_log_limited(&other, RTE_LOG_ERR, "another one");
	fflush(stream);
	assert_int_equal(log_lines_count("join number"), GREMC_LOG_BURST);
	assert_int_equal(log_lines_count("gremc: another one\n"), 1);
	assert_int_equal(gremc_log_left_out() - before, 1000 - GREMC_LOG_BURST);
	assert_in_range(gremc_log_report(false), 1, GREMC_LOG_WINDOW);
	gremc_log_report(true);
	assert_int_equal(gremc_log_report(false), -1);
	fflush(stream);
	assert_int_equal(log_lines_count("left out 995 more lines like: join number 5\n"), 1);
	/* the interval has ended: five more lines, and no report before one is left out */
	limit.begin -= GREMC_LOG_WINDOW;
	for (unsigned i = 0; i < 7; i++)
		gremc_log_limited(&limit, RTE_LOG_ERR, "leave number %u", i);
	fflush(stream);
	assert_int_equal(log_lines_count("leave number"), GREMC_LOG_BURST);
	limit.begin -= GREMC_LOG_WINDOW;
	assert_int_equal(gremc_log_report(false), -1);
	fflush(stream);
	assert_int_equal(log_lines_count("left out 2 more lines like: leave number 5\n"), 1);
	rte_openlog_stream(NULL);
	fclose(stream);
	free(log_text);
}

/* Each line begins with its level, regardless of how a message is split into writes. */
static void test_log_lines_start_with_their_level(void **state)
{
	static const struct {
		const char *message, *text, *journal;
		uint32_t level;
	} cases[] = {
		{"gremc: one\n", "warning: gremc: one\n", "<4>gremc: one\n", RTE_LOG_WARNING},
		{"a\nb\n", "error: a\nerror: b\n", "<3>a\n<3>b\n", RTE_LOG_ERR},
		{"begin", "info: begin", "<6>begin", RTE_LOG_INFO},
		{" end\nnext\n", " end\ninfo: next\n", " end\n<6>next\n", RTE_LOG_INFO},
		{"\n", "debug: \n", "<7>\n", RTE_LOG_DEBUG},
		{"", "", "", RTE_LOG_NOTICE},
		{"x\n", "emergency: x\n", "<0>x\n", RTE_LOG_EMERG},
		{"y\n", "debug: y\n", "<7>y\n", 99},
	};

	(void)state;
	for (unsigned journal = 0; journal < 2; journal++) {
		bool is_inside = false;

		for (unsigned i = 0; i < RTE_DIM(cases); i++) {
			char *text = gremc_log_lines(cases[i].message, strlen(cases[i].message),
						     cases[i].level, journal, &is_inside);

			assert_string_equal(text, journal ? cases[i].journal : cases[i].text);
			free(text);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_log_limit_counts_lines_left_out),
		cmocka_unit_test(test_log_lines_start_with_their_level),
	};

	return cmocka_run_group_tests_name("log", tests, NULL, NULL);
}
