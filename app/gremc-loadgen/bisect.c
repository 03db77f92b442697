/* SPDX-License-Identifier: BSD-3-Clause */
#include <rte_common.h>

#include "bisect.h"

#define FIRST_STEP  0.05 /* of the guess */
#define LOWEST      1e-4 /* of the highest rate: nothing passes */
#define LOSS_SURE   0.05 /* so much no short disturbance loses: no second trial */
#define TRIALS_MOST 100
#define REOPEN_MOST 3

struct range {
	double low, high, highest; /* passed, failed, where it began */
	double step;
	bool failed; /* high: in a trial; false: it is only where the search began */
};

static int one(struct gremc_bisect *bisect, double rate, struct gremc_answer *answer)
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
static int attempt(struct gremc_bisect *bisect, double rate, bool *passed, bool *ours)
{
	struct gremc_answer answer;

	*passed = false;
	*ours = true;
	for (unsigned i = 0; i < bisect->confirm && !*passed; i++) {
		int rc = one(bisect, rate, &answer);

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
static double next_rate(struct range *range)
{
	double rate;

	if (range->low > 0 && range->failed)
		return (range->low + range->high) / 2;
	range->step *= 2;
	rate = range->low > 0 ? range->low * (1 + range->step) : range->high / (1 + range->step);
	return rate >= range->high ? (range->low + range->high) / 2 : rate;
}

static bool is_open(const struct gremc_bisect *bisect, const struct range *range)
{
	return range->high - range->low > bisect->resolution * range->high &&
	       range->high > range->highest * LOWEST && bisect->trials < TRIALS_MOST;
}

static int narrow(struct gremc_bisect *bisect, struct range *range, double rate)
{
	while (is_open(bisect, range)) {
		bool passed, ours;
		int rc = attempt(bisect, rate, &passed, &ours);

		if (rc)
			return rc;
		if (!passed) {
			range->high = rate;
			range->failed = true;
			bisect->limited = ours;
		}
		/* what was sent of a rate that could not be sent has passed, too */
		range->low = RTE_MIN(RTE_MAX(range->low, bisect->found), range->high);
		rate = next_rate(range);
	}
	return 0;
}

/* The rate that failed, once more. Passed: everything above it is open again. */
static int reopen(struct gremc_bisect *bisect, struct range *range, bool *passed)
{
	bool ours;
	int rc = attempt(bisect, range->high, passed, &ours);

	if (rc)
		return rc;
	if (!*passed) {
		bisect->limited &= ours;
		return 0;
	}
	range->low = range->high;
	range->high = range->highest;
	range->failed = false;
	range->step = FIRST_STEP / 2;
	return 0;
}

int gremc_bisect_between(struct gremc_bisect *bisect, double first, double highest)
{
	struct range range = {.high = highest, .highest = highest, .step = FIRST_STEP / 2};
	int rc;

	bisect->limited = !bisect->highest_failed;
	rc = narrow(bisect, &range, RTE_MAX(first, highest * LOWEST));
	for (unsigned i = 0; rc == 0 && i < REOPEN_MOST && range.low > 0 && range.failed; i++) {
		bool passed;

		rc = reopen(bisect, &range, &passed);
		if (rc || !passed)
			break;
		bisect->limited = !bisect->highest_failed;
		rc = narrow(bisect, &range, next_rate(&range));
	}
	return rc;
}

int gremc_bisect_flat_out(struct gremc_bisect *bisect, bool *found)
{
	*found = false;
	for (unsigned i = 0; i < bisect->confirm; i++) {
		struct gremc_answer answer;
		int rc = one(bisect, 0, &answer);

		if (rc)
			return rc;
		if (i == 0 && !answer.clean)
			return 0; /* then it is a search like any other */
		*found = true;
	}
	bisect->limited = true;
	return 0;
}
