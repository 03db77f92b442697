/* SPDX-License-Identifier: BSD-3-Clause */
/* RFC 3918, 4.2: more and more groups at one rate. */
#include <errno.h>
#include <stdio.h>

#include "tester.h"
#include "tests.h"

static int matrix_step_run(struct gremc_tester *tester, const struct gremc_test_case *that, uint32_t flows,
			   double rate)
{
	struct gremc_selection part = *that->selection;
	struct gremc_trial trial = {
		.mix = that->mix, .rate = rate, .seconds = tester->options->duration, .label = "matrix"};
	struct gremc_outcome outcome;
	struct gremc_result *row;
	int rc;

	part.count = flows;
	gremc_selection_describe(tester, &part);
	trial.selection = &part;
	rc = gremc_trial_run_undisturbed(tester, &trial, &outcome);
	if (rc)
		return rc;
	row = gremc_trial_row_add(tester, "matrix", "RFC 3918 4.2", &trial, &outcome, that->fanout);
	if (row == NULL)
		return -ENOMEM;
	row->groups = flows;
	gremc_result_text_set(&row->variant, "%u of %u flows", flows, that->selection->count);
	gremc_trial_row_verdict_set(row, &outcome);
	gremc_progress_print(tester, "matrix: %u flows at %.0f packets/s: %.4f %% lost", flows, outcome.rate,
			     gremc_outcome_loss(&outcome) * 100);
	return 0;
}

/* The rate: --rate, else one at which all flows together lose nothing. */
static int matrix_case_run(struct gremc_tester *tester, const struct gremc_test_case *that)
{
	struct gremc_trial trial = {.selection = that->selection,
				    .mix = that->mix,
				    .seconds = tester->options->duration,
				    .label = "matrix"};
	double rate;
	int rc = 0;

	if (tester->options->given[GREMC_OPTION_rate]) {
		rate = gremc_rate_to_pps(tester, &trial, tester->options->rate);
	} else {
		rc = gremc_safe_rate_find(tester, that, "matrix", &rate);
	}
	if (rc == 0 && rate <= 0)
		return gremc_skipped_row_add(tester, "matrix", "RFC 3918 4.2",
					     "nothing passes without loss at any rate");
	for (uint32_t flows = 1; rc == 0 && !gremc_tester_is_stopped(tester); flows *= 4) {
		rc = matrix_step_run(tester, that, RTE_MIN(flows, that->selection->count), rate);
		if (flows >= that->selection->count)
			break;
	}
	return rc;
}

int gremc_test_matrix(struct gremc_tester *tester)
{
	return gremc_cases_run(tester, "matrix", "RFC 3918 4.2", -1, matrix_case_run);
}
