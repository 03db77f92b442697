/* SPDX-License-Identifier: BSD-3-Clause */
/* matrix (RFC 3918, 4.2): more and more groups at one rate. */
#include <errno.h>

#include "rfc/tests.h"
#include "search/throughput.h"
#include "trial/progress.h"
#include "trial/rate.h"
#include "trial/rows.h"
#include "trial/trial.h"

#define STEP_FACTOR 4 /* flows of the next step */

static int matrix_step_run(struct gremc_tester *tester, const struct gremc_test_case *test_case,
			   uint32_t flows, double rate)
{
	struct gremc_selection part = *test_case->selection;
	struct gremc_trial trial = {
		.mix = test_case->mix, .rate = rate, .seconds = tester->options->duration, .label = "matrix"};
	struct gremc_outcome outcome;
	struct gremc_result *row;
	int rc;

	part.count = flows;
	gremc_selection_describe(tester, &part);
	trial.selection = &part;
	rc = gremc_trial_run_undisturbed(tester, &trial, &outcome);
	if (rc)
		return rc;
	row = gremc_trial_row_add(tester, "matrix", "RFC 3918 4.2", &trial, &outcome, test_case->fanout);
	if (row == NULL)
		return -ENOMEM;
	row->groups = flows;
	gremc_result_text_set(&row->variant, "%u of %u flows", flows, test_case->selection->count);
	gremc_trial_row_verdict_set(row, &outcome);
	gremc_progress_print(tester, "matrix: %u flows at %.0f packets/s: %.4f %% lost", flows, outcome.rate,
			     gremc_outcome_loss(&outcome) * 100);
	return 0;
}

/* The rate is that of --rate, otherwise one at which all flows together lose nothing. */
static int matrix_case_run(struct gremc_tester *tester, const struct gremc_test_case *test_case)
{
	struct gremc_trial trial = {.selection = test_case->selection,
				    .mix = test_case->mix,
				    .seconds = tester->options->duration,
				    .label = "matrix"};
	double rate;
	int rc = 0;

	if (gremc_loadgen_option_is_given(tester->options, GREMC_OPTION_rate)) {
		rate = gremc_rate_to_pps(tester, &trial, tester->options->rate);
	} else {
		rc = gremc_safe_rate_find(tester, test_case, "matrix", &rate);
	}
	if (rc == 0 && rate <= 0)
		return gremc_skipped_row_add(tester, "matrix", "RFC 3918 4.2", "no rate passes without loss");
	for (uint32_t flows = 1; rc == 0 && !gremc_tester_is_stopped(tester); flows *= STEP_FACTOR) {
		rc = matrix_step_run(tester, test_case, RTE_MIN(flows, test_case->selection->count), rate);
		if (flows >= test_case->selection->count)
			break;
	}
	return rc;
}

int gremc_test_matrix(struct gremc_tester *tester)
{
	static const struct gremc_test_runner runner = {
		.test = "matrix", .section = "RFC 3918 4.2", .run_case = matrix_case_run};

	return gremc_cases_run(tester, &runner, GREMC_TUNNELING_ANY);
}
