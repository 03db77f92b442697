/* SPDX-License-Identifier: BSD-3-Clause */
/* RFC 2544, 26.3: loss at 100 % of the highest rate, and at --step less and less, until two rates in a row
 * lose nothing. */
#include <errno.h>

#include "tester.h"
#include "tests.h"

/* The highest rate: the line's or --max-rate; of a device without a speed what we can send. */
static int loss_highest_rate_find(struct gremc_tester *tester, struct gremc_trial *trial)
{
	struct gremc_outcome outcome;
	int rc;

	if (tester->options->given[GREMC_OPTION_max_rate]) {
		trial->rate = gremc_rate_to_pps(tester, trial, tester->options->max_rate);
		return trial->rate > 0 ? 0 : -EINVAL;
	}
	rc = gremc_overload_run(tester, trial, &outcome);
	trial->rate = outcome.rate;
	return rc;
}

static int loss_case_run(struct gremc_tester *tester, const struct gremc_test_case *that)
{
	struct gremc_trial trial = {.selection = that->selection,
				    .mix = that->mix,
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
		row = gremc_trial_row_add(tester, "loss", "RFC 2544 26.3", &trial, &outcome, that->fanout);
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
	return gremc_cases_run(tester, "loss", "RFC 2544 26.3", -1, loss_case_run);
}
