/* SPDX-License-Identifier: BSD-3-Clause */
/* latency (RFC 3918, 5.1 and 5.2): the delay of every replica at a given rate, for all tunnels together and
 * for each. 5.2 is the difference between the fastest and the slowest. */
#include <errno.h>
#include <stdlib.h>

#include "rfc/tests.h"
#include "search/throughput.h"
#include "trial/progress.h"
#include "trial/rate.h"
#include "trial/rows.h"
#include "trial/trial.h"

#define TUNNELS_MAX 64 /* rows; if there are more tunnels, those with the largest maximum */

struct site_max {
	uint32_t site;
	uint64_t max;
};

static int site_max_compare(const void *a, const void *b)
{
	uint64_t x = ((const struct site_max *)a)->max, y = ((const struct site_max *)b)->max;

	return x < y ? 1 : x > y ? -1 : 0;
}

static void site_histogram_merge(const struct gremc_tester *tester, uint32_t site,
				 struct gremc_histogram *whole)
{
	*whole = (struct gremc_histogram){0};
	for (uint32_t r = 0; r < tester->engine->rx_count; r++)
		gremc_histogram_merge(whole,
				      &tester->histogram[(size_t)r * tester->flows->site_count + site]);
}

static int site_latency_row_add(struct gremc_tester *tester, uint32_t site, const char *size, double rate)
{
	static struct gremc_histogram histogram;
	struct gremc_result *row = gremc_results_row_add(&tester->results, "latency", "RFC 3918 5.1");

	if (row == NULL)
		return -ENOMEM;
	site_histogram_merge(tester, site, &histogram);
	gremc_result_text_set(&row->variant, "%s", tester->flows->site[site].name);
	gremc_result_text_set(&row->size, "%s", size);
	row->achieved_pps = rate;
	row->received = histogram.count;
	gremc_result_delay_set(row, &histogram, tester->engine->hz);
	gremc_result_text_set(&row->verdict, "measured");
	return 0;
}

static int site_latency_rows_add(struct gremc_tester *tester, const char *size, double rate)
{
	uint32_t count = 0, sites = tester->flows->site_count;
	struct site_max *list = malloc((sites + 1) * sizeof(*list));
	static struct gremc_histogram histogram;
	int rc = list ? 0 : -ENOMEM;

	for (uint32_t s = 0; rc == 0 && s < sites; s++) {
		site_histogram_merge(tester, s, &histogram);
		if (histogram.count)
			list[count++] = (struct site_max){s, histogram.max};
	}
	if (rc == 0)
		qsort(list, count, sizeof(*list), site_max_compare);
	for (uint32_t i = 0; rc == 0 && i < RTE_MIN(count, TUNNELS_MAX); i++)
		rc = site_latency_row_add(tester, list[i].site, size, rate);
	free(list);
	return rc;
}

/* Choose the rate: that of the user, otherwise a safe one. */
static int latency_rate_choose(struct gremc_tester *tester, struct gremc_trial *trial,
			       const struct gremc_test_case *test_case)
{
	int rc = 0;

	if (gremc_loadgen_option_is_given(tester->options, GREMC_OPTION_rate)) {
		trial->rate = gremc_rate_to_pps(tester, trial, tester->options->rate);
		return trial->rate > 0 ? 0 : -EINVAL;
	}
	rc = gremc_safe_rate_find(tester, test_case, "latency", &trial->rate);
	return rc ? rc : trial->rate > 0 ? 0 : -ENODATA;
}

static int latency_case_run(struct gremc_tester *tester, const struct gremc_test_case *test_case)
{
	struct gremc_trial trial = {
		.selection = test_case->selection, .mix = test_case->mix, .label = "latency"};
	struct gremc_outcome outcome;
	struct gremc_result *row;
	int rc = latency_rate_choose(tester, &trial, test_case);

	if (rc == -ENODATA)
		return gremc_skipped_row_add(tester, "latency", "RFC 3918 5.1",
					     "no rate passes without loss");
	trial.seconds = tester->options->latency_duration;
	trial.measure = true;
	for (unsigned i = 0; rc == 0 && i < tester->options->repeat && !gremc_tester_is_stopped(tester);
	     i++) {
		rc = gremc_trial_run_undisturbed(tester, &trial, &outcome);
		if (rc)
			break;
		row = gremc_trial_row_add(tester, "latency", "RFC 3918 5.1", &trial, &outcome,
					  test_case->fanout);
		if (row == NULL)
			return -ENOMEM;
		gremc_result_text_set(&row->variant, "all tunnels");
		gremc_trial_row_delays_set(tester, row, &outcome);
		gremc_trial_row_verdict_set(row, &outcome);
		gremc_progress_print(
			tester, "latency: size %s at %.0f packets/s: p50 %.1f us, p99 %.1f us, max %.1f us",
			test_case->mix->name, outcome.rate, row->delay_p50_us, row->delay_p99_us,
			row->delay_max_us);
	}
	return rc ? rc : site_latency_rows_add(tester, test_case->mix->name, outcome.rate);
}

int gremc_test_latency(struct gremc_tester *tester)
{
	static const struct gremc_test_runner runner = {
		.test = "latency", .section = "RFC 3918 5.1", .run_case = latency_case_run};

	return gremc_cases_run(tester, &runner, GREMC_TUNNELING_ANY);
}
