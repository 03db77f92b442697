/* SPDX-License-Identifier: BSD-3-Clause */
#include <rte_common.h>

#include "bisect.h"

#define FIRST_STEP  0.05 /* of the guess */
#define LOWEST      1e-4 /* of the highest rate: nothing passes */
#define LOSS_SURE   0.05 /* so much no short disturbance loses: no second trial */
#define TRIALS_MOST 100
#define REOPEN_MOST 3

struct rate_range {
	double low, high, highest; /* passed, failed, where it began */
	double step;
	bool failed; /* high: in a trial; false: it is only where the search began */
};

static int bisect_trial_run(struct gremc_bisect *bisect, double rate, struct gremc_bisect_answer *answer)
{
	int rc = bisect->ask(bisect->argument, rate, answer);

	if (rc)
		return rc;
	bisect->trials++;
	if (answer->clean)
		bisect->found = RTE_MAX(bisect->found, answer->sent);
	else if (rate > 0 && (bisect->lossy <= 0 || rate < bisect->lossy))
		bisect->lossy = rate;
	return 0;
}

/* Does one of `confirm` trials pass? If none does *ours says whether each may have been the generator's
 * fault. */
static int bisect_rate_attempt(struct gremc_bisect *bisect, double rate, bool *passed, bool *ours)
{
	struct gremc_bisect_answer answer;

	*passed = false;
	*ours = true;
	for (unsigned i = 0; i < bisect->confirm && !*passed; i++) {
		int rc = bisect_trial_run(bisect, rate, &answer);

		if (rc)
			return rc;
		*passed = answer.clean && !answer.limited;
		*ours &= answer.limited;
		if (!answer.clean && answer.loss > LOSS_SURE)
			break;
	}
	return 0;
}

/* Growing steps while one side is open, then the middle. */
static double range_next_rate(struct rate_range *rate_range)
{
	double rate;

	if (rate_range->low > 0 && rate_range->failed)
		return (rate_range->low + rate_range->high) / 2;
	rate_range->step *= 2;
	rate = rate_range->low > 0 ? rate_range->low * (1 + rate_range->step)
				   : rate_range->high / (1 + rate_range->step);
	return rate >= rate_range->high ? (rate_range->low + rate_range->high) / 2 : rate;
}

static bool range_is_open(const struct gremc_bisect *bisect, const struct rate_range *rate_range)
{
	return rate_range->high - rate_range->low > bisect->resolution * rate_range->high &&
	       rate_range->high > rate_range->highest * LOWEST && bisect->trials < TRIALS_MOST;
}

static int range_narrow(struct gremc_bisect *bisect, struct rate_range *rate_range, double rate)
{
	while (range_is_open(bisect, rate_range)) {
		bool passed, ours;
		int rc = bisect_rate_attempt(bisect, rate, &passed, &ours);

		if (rc)
			return rc;
		if (!passed) {
			rate_range->high = rate;
			rate_range->failed = true;
			bisect->limited = ours;
		}
		/* what was sent of a rate that could not be sent has passed, too */
		rate_range->low = RTE_MIN(RTE_MAX(rate_range->low, bisect->found), rate_range->high);
		rate = range_next_rate(rate_range);
	}
	return 0;
}

/* The rate that failed, once more. Passed: everything above it is open again. */
static int range_failed_retry(struct gremc_bisect *bisect, struct rate_range *rate_range, bool *passed)
{
	bool ours;
	int rc = bisect_rate_attempt(bisect, rate_range->high, passed, &ours);

	if (rc)
		return rc;
	if (!*passed) {
		bisect->limited &= ours;
		return 0;
	}
	rate_range->low = rate_range->high;
	rate_range->high = rate_range->highest;
	rate_range->failed = false;
	rate_range->step = FIRST_STEP / 2;
	return 0;
}

int gremc_bisect_range_search(struct gremc_bisect *bisect, double first, double highest)
{
	struct rate_range rate_range = {.high = highest, .highest = highest, .step = FIRST_STEP / 2};
	int rc;

	bisect->limited = !bisect->highest_failed;
	rc = range_narrow(bisect, &rate_range, RTE_MAX(first, highest * LOWEST));
	for (unsigned i = 0; rc == 0 && i < REOPEN_MOST && rate_range.low > 0 && rate_range.failed; i++) {
		bool passed;

		rc = range_failed_retry(bisect, &rate_range, &passed);
		if (rc || !passed)
			break;
		bisect->limited = !bisect->highest_failed;
		rc = range_narrow(bisect, &rate_range, range_next_rate(&rate_range));
	}
	return rc;
}

int gremc_bisect_max_confirm(struct gremc_bisect *bisect, bool *found)
{
	*found = false;
	for (unsigned i = 0; i < bisect->confirm; i++) {
		struct gremc_bisect_answer answer;
		int rc = bisect_trial_run(bisect, 0, &answer);

		if (rc)
			return rc;
		if (i == 0 && !answer.clean)
			return 0; /* then it is a search like any other */
		*found = true;
	}
	bisect->limited = true;
	return 0;
}
