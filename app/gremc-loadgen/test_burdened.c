/* SPDX-License-Identifier: BSD-3-Clause */
/* RFC 3918, 8.1: delay of some flows while others load the forwarder. */
#include <errno.h>

#include "tester.h"
#include "tests.h"

#define TEST_SHARE 0.1 /* of the packets */

/* Every tenth flow is measured, the others are the burden. */
static int burden_flows_divide(struct gremc_tester *tester, const struct gremc_selection *all,
			       struct gremc_selection *order)
{
	struct gremc_flow_filter none = {.tunneling = GREMC_TUNNELING_MIXED + 1};
	struct gremc_selection test, burden;
	int rc = gremc_selection_create(tester, &none, &test);

	rc = rc ? rc : gremc_selection_create(tester, &none, &burden);
	if (rc)
		return rc;
	for (uint32_t i = 0; i < all->count; i++) {
		bool measured = i % 10 == 0;

		tester->flows->flow[all->order[i]].burden = !measured;
		if (measured)
			test.order[test.count++] = all->order[i];
		else
			burden.order[burden.count++] = all->order[i];
	}
	gremc_selection_describe(tester, &test);
	gremc_selection_describe(tester, &burden);
	rc = gremc_selection_mix(tester, &burden, &test, TEST_SHARE, order);
	gremc_selection_fini(&test);
	gremc_selection_fini(&burden);
	return rc;
}

static int burden_latency_measure(struct gremc_tester *tester, const struct gremc_test_case *that,
				  const char *variant, double rate)
{
	struct gremc_trial trial = {.selection = that->selection,
				    .mix = that->mix,
				    .rate = rate,
				    .seconds = tester->options->latency_duration,
				    .measure = true,
				    .label = "burdened-latency"};
	struct gremc_outcome outcome;
	struct gremc_result *row;
	int rc = gremc_trial_run_undisturbed(tester, &trial, &outcome);

	if (rc)
		return rc;
	row = gremc_trial_row_add(tester, "burdened-latency", "RFC 3918 8.1", &trial, &outcome, that->fanout);
	if (row == NULL)
		return -ENOMEM;
	gremc_result_text_set(&row->variant, "%s", variant);
	gremc_result_delay_set(row, &outcome.delay, tester->engine->hz, true);
	gremc_result_sent_delay_set(row, &outcome.from_sent, tester->engine->hz);
	gremc_trial_row_verdict_set(row, &outcome);
	return 0;
}

static int burden_case_run(struct gremc_tester *tester, const struct gremc_test_case *that)
{
	struct gremc_selection order;
	struct gremc_test_case burdened = {.selection = &order, .mix = that->mix, .fanout = that->fanout};
	double throughput;
	char variant[48];
	int rc;

	if (that->selection->count < 2)
		return gremc_skipped_row_add(tester, "burdened-latency", "RFC 3918 8.1",
					     "a burden needs a second flow");
	rc = gremc_throughput_find(tester, that, "burdened-latency", &throughput);
	if (rc)
		return rc;
	if (throughput <= 0)
		return gremc_skipped_row_add(tester, "burdened-latency", "RFC 3918 8.1",
					     "nothing passes without loss at any rate");
	rc = burden_flows_divide(tester, that->selection, &order);
	if (rc)
		return rc;
	/* the same flows without much of a burden, to compare with */
	rc = burden_latency_measure(tester, &burdened, "1 % load", throughput / 100);
	snprintf(variant, sizeof(variant), "%.4g %% load", tester->options->burden);
	if (rc == 0)
		rc = burden_latency_measure(tester, &burdened, variant,
					    throughput * tester->options->burden / 100);
	for (uint32_t i = 0; i < that->selection->count; i++)
		tester->flows->flow[that->selection->order[i]].burden = 0;
	gremc_selection_fini(&order);
	return rc;
}

int gremc_test_burdened_latency(struct gremc_tester *tester)
{
	return gremc_cases_run(tester, "burdened-latency", "RFC 3918 8.1", -1, burden_case_run);
}
