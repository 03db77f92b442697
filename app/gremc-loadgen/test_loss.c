/* SPDX-License-Identifier: BSD-3-Clause */
/* RFC 2544, 26.3: loss at 100 % of the highest rate, and at --step less and less, until two rates in a row
 * lose nothing. */
#include <errno.h>

#include "tester.h"
#include "tests.h"

/* The highest rate: the line's or --max-rate; of a device without a speed what we can send. */
static int highest(struct gremc_tester *tester, struct gremc_trial *trial)
{
	struct gremc_outcome outcome;
	int rc;

	if (tester->options->given[GREMC_OPTION_max_rate]) {
		trial->rate = gremc_rate_pps(tester, trial, tester->options->max_rate);
		return trial->rate > 0 ? 0 : -EINVAL;
	}
	rc = gremc_overload(tester, trial, &outcome);
	trial->rate = outcome.rate;
	return rc;
}

static int one(struct gremc_tester *tester, const struct gremc_case *that)
{
	struct gremc_trial trial = {.selection = that->selection,
				    .mix = that->mix,
				    .seconds = tester->options->duration,
				    .label = "loss"};
	unsigned without = 0;
	double most;
	int rc = highest(tester, &trial);

	most = trial.rate;
	for (double percent = 100; rc == 0 && percent > 0.5 && without < 2 && !gremc_tester_stopped(tester);
	     percent -= tester->options->step) {
		struct gremc_outcome outcome;
		struct gremc_result *row;

		trial.rate = most * percent / 100;
		rc = gremc_try(tester, &trial, &outcome);
		if (rc)
			break;
		row = gremc_row(tester, "loss", "RFC 2544 26.3", &trial, &outcome, that->fanout);
		if (row == NULL)
			return -ENOMEM;
		gremc_result_set(&row->variant, "%.0f %%", percent);
		gremc_row_judge(row, &outcome);
		without = outcome.lost ? 0 : without + 1;
		gremc_progress_say(tester, "loss: %.0f packets/s (%.0f %%): %.4f %% lost", outcome.rate,
				   percent, gremc_outcome_loss(&outcome) * 100);
	}
	return rc;
}

int gremc_test_loss(struct gremc_tester *tester)
{
	return gremc_for_each_case(tester, "loss", "RFC 2544 26.3", -1, one);
}
