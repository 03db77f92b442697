/* SPDX-License-Identifier: BSD-3-Clause */
/* rate: a fixed rate for as long as requested. All replicas must return, and the rate must be kept. */
#include <errno.h>

#include "rfc/tests.h"
#include "search/cases.h"
#include "trial/rate.h"
#include "trial/rows.h"
#include "trial/trial.h"

static int rate_case_run(struct gremc_tester *tester, const struct gremc_test_case *test_case)
{
	struct gremc_trial trial = {.selection = test_case->selection,
				    .mix = test_case->mix,
				    .seconds = tester->options->duration,
				    .measure = true,
				    .label = "rate"};
	struct gremc_outcome outcome;
	struct gremc_result *row;
	bool passed;
	int rc;

	trial.rate = gremc_rate_to_pps(tester, &trial, tester->options->rate);
	if (trial.rate <= 0)
		return -EINVAL;
	rc = gremc_trial_warm_up(tester, &trial, trial.rate);
	if (rc)
		return rc;
	/* Replicas that arrived before a signal count. */
	rc = gremc_trial_run_once(tester, &trial, &outcome);
	if (rc && rc != -EINTR)
		return rc;
	row = gremc_trial_row_add(tester, "rate", NULL, &trial, &outcome, test_case->fanout);
	if (row == NULL)
		return -ENOMEM;
	gremc_trial_row_delays_set(tester, row, &outcome);
	passed = gremc_outcome_is_clean(&outcome) && !outcome.shortfall && (!outcome.cut || rc == -EINTR);
	gremc_result_text_set(&row->verdict, passed ? "passed" : "failed");
	return rc;
}

int gremc_test_rate(struct gremc_tester *tester)
{
	static const struct gremc_test_runner runner = {
		.test = "rate", .section = NULL, .run_case = rate_case_run};

	return gremc_cases_run(tester, &runner, GREMC_TUNNELING_ANY);
}
