/* SPDX-License-Identifier: BSD-3-Clause */
/* loss (RFC 2544, 26.3): at 100 % of the highest rate, then --step percent less each time, until two rates in
 * a row lose nothing. */
#include <errno.h>

#include "rfc/tests.h"
#include "search/cases.h"
#include "search/search.h"
#include "trial/progress.h"
#include "trial/rate.h"
#include "trial/rows.h"
#include "trial/trial.h"

/* Find the highest rate: --max-rate, otherwise the rate that the generator can send. */
static int loss_highest_rate_find(struct gremc_tester *tester, struct gremc_trial *trial)
{
	struct gremc_outcome outcome;
	int rc;

	if (gremc_loadgen_option_is_given(tester->options, GREMC_OPTION_max_rate)) {
		trial->rate = gremc_rate_to_pps(tester, trial, tester->options->max_rate);
		return trial->rate > 0 ? 0 : -EINVAL;
	}
	rc = gremc_overload_run(tester, trial, &outcome);
	trial->rate = outcome.rate;
	return rc;
}

static int loss_case_run(struct gremc_tester *tester, const struct gremc_test_case *test_case)
{
	struct gremc_trial trial = {.selection = test_case->selection,
				    .mix = test_case->mix,
				    .seconds = tester->options->duration,
				    .label = "loss"};
	unsigned without = 0;
	double most;
	int rc = loss_highest_rate_find(tester, &trial);

	most = trial.rate;
	for (double percent = 100;
	     rc == 0 && percent > 0.5 && without < 2 && !gremc_tester_is_stopped(tester);
	     percent -= tester->options->step) {
		struct gremc_outcome outcome;
		struct gremc_result *row;

		trial.rate = most * percent / 100;
		rc = gremc_trial_run_undisturbed(tester, &trial, &outcome);
		if (rc)
			break;
		row = gremc_trial_row_add(tester, "loss", "RFC 2544 26.3", &trial, &outcome,
					  test_case->fanout);
		if (row == NULL)
			return -ENOMEM;
		gremc_result_text_set(&row->variant, "%.0f %%", percent);
		gremc_trial_row_verdict_set(row, &outcome);
		without = outcome.lost ? 0 : without + 1;
		gremc_progress_print(tester, "loss: %.0f packets/s (%.0f %%): %.4f %% lost", outcome.rate,
				     percent, gremc_outcome_loss(&outcome) * 100);
	}
	return rc;
}

int gremc_test_loss(struct gremc_tester *tester)
{
	static const struct gremc_test_runner runner = {
		.test = "loss", .section = "RFC 2544 26.3", .run_case = loss_case_run};

	return gremc_cases_run(tester, &runner, GREMC_TUNNELING_ANY);
}
