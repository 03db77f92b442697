/* SPDX-License-Identifier: BSD-3-Clause */
/* A fixed rate for as long as wanted. Everything must come back; the rate must have been kept. */
#include <errno.h>

#include "tester.h"
#include "tests.h"

static int rate_case_run(struct gremc_tester *tester, const struct gremc_test_case *that)
{
	struct gremc_trial trial = {.selection = that->selection,
				    .mix = that->mix,
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
	/* What came before a signal counts, too. */
	rc = gremc_trial_run_once(tester, &trial, &outcome);
	if (rc && rc != -EINTR)
		return rc;
	row = gremc_trial_row_add(tester, "rate", NULL, &trial, &outcome, that->fanout);
	if (row == NULL)
		return -ENOMEM;
	gremc_result_delay_set(row, &outcome.delay, tester->engine->hz, true);
	gremc_result_sent_delay_set(row, &outcome.from_sent, tester->engine->hz);
	passed = gremc_outcome_is_clean(&outcome) && !outcome.shortfall && (!outcome.cut || rc == -EINTR);
	gremc_result_text_set(&row->verdict, passed ? "passed" : "failed");
	return rc;
}

int gremc_test_rate(struct gremc_tester *tester)
{
	return gremc_cases_run(tester, "rate", NULL, -1, rate_case_run);
}
