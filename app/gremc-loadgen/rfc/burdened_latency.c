/* SPDX-License-Identifier: BSD-3-Clause */
/* burdened-latency (RFC 3918, 8.1): the delay of some flows while others load the forwarder. */
#include <errno.h>
#include <stdio.h>

#include "rfc/tests.h"
#include "search/throughput.h"
#include "trial/rows.h"
#include "trial/trial.h"

#define TEST_SHARE   0.1 /* of the packets */
#define TEST_EACH    10  /* every tenth flow is measured */
#define REFERENCE    1.0 /* percent of the throughput */
#define VARIANT_TEXT 48

/* Divide the flows into measured ones and the burden, and mix them. */
static int burden_flows_divide(struct gremc_tester *tester, const struct gremc_selection *all,
			       struct gremc_selection *order)
{
	struct gremc_flow_filter none = {.tunneling = GREMC_TUNNELING_MIXED + 1} /* matches no flow */;
	struct gremc_selection test, burden;
	int rc = gremc_selection_create(tester, &none, &test);

	rc = rc ? rc : gremc_selection_create(tester, &none, &burden);
	if (rc)
		return rc;
	for (uint32_t i = 0; i < all->count; i++) {
		bool measured = i % TEST_EACH == 0;

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

static int burden_latency_measure(struct gremc_tester *tester, const struct gremc_test_case *test_case,
				  const char *variant, double rate)
{
	struct gremc_trial trial = {.selection = test_case->selection,
				    .mix = test_case->mix,
				    .rate = rate,
				    .seconds = tester->options->latency_duration,
				    .measure = true,
				    .label = "burdened-latency"};
	struct gremc_outcome outcome;
	struct gremc_result *row;
	int rc = gremc_trial_run_undisturbed(tester, &trial, &outcome);

	if (rc)
		return rc;
	row = gremc_trial_row_add(tester, "burdened-latency", "RFC 3918 8.1", &trial, &outcome,
				  test_case->fanout);
	if (row == NULL)
		return -ENOMEM;
	gremc_result_text_set(&row->variant, "%s", variant);
	gremc_trial_row_delays_set(tester, row, &outcome);
	gremc_trial_row_verdict_set(row, &outcome);
	return 0;
}

static int burden_case_run(struct gremc_tester *tester, const struct gremc_test_case *test_case)
{
	struct gremc_selection order;
	struct gremc_test_case burdened = {
		.selection = &order, .mix = test_case->mix, .fanout = test_case->fanout};
	double throughput;
	char variant[VARIANT_TEXT];
	int rc;

	if (test_case->selection->count < 2)
		return gremc_skipped_row_add(tester, "burdened-latency", "RFC 3918 8.1",
					     "a burden needs at least two flows");
	rc = gremc_throughput_find(tester, test_case, "burdened-latency", &throughput);
	if (rc)
		return rc;
	if (throughput <= 0)
		return gremc_skipped_row_add(tester, "burdened-latency", "RFC 3918 8.1",
					     "no rate passes without loss");
	rc = burden_flows_divide(tester, test_case->selection, &order);
	if (rc)
		return rc;
	/* the same flows at low load, for comparison */
	rc = burden_latency_measure(tester, &burdened, "1 % load", throughput * REFERENCE / 100);
	snprintf(variant, sizeof(variant), "%.4g %% load", tester->options->burden);
	if (rc == 0)
		rc = burden_latency_measure(tester, &burdened, variant,
					    throughput * tester->options->burden / 100);
	for (uint32_t i = 0; i < test_case->selection->count; i++)
		tester->flows->flow[test_case->selection->order[i]].burden = 0;
	gremc_selection_fini(&order);
	return rc;
}

int gremc_test_burdened_latency(struct gremc_tester *tester)
{
	static const struct gremc_test_runner runner = {
		.test = "burdened-latency", .section = "RFC 3918 8.1", .run_case = burden_case_run};

	return gremc_cases_run(tester, &runner, GREMC_TUNNELING_ANY);
}
