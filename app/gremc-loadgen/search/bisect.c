/* SPDX-License-Identifier: BSD-3-Clause */
#include <rte_common.h>

#include "base/assert.h"
#include "search/bisect.h"

#define FIRST_STEP   0.05 /* share of the first rate */
#define LOWEST       1e-4 /* share of the highest rate; below it nothing passes */
#define LOSS_CERTAIN 0.05 /* a short disturbance does not lose this share: no second trial */
#define TRIALS_MAX   100
#define RETRIES_MAX  3

struct rate_range {
	double low, high, highest; /* passed; failed; where the search started */
	double step;
	bool failed; /* `high` failed in a trial; false: it is only the start of the search */
};

static int bisect_trial_run(struct gremc_bisect *bisect, double rate, struct gremc_bisect_answer *answer)
{
	int rc = bisect->run_trial(bisect->argument, rate, answer);

	if (rc)
		return rc;
	bisect->trials++;
	if (answer->clean)
		bisect->found = RTE_MAX(bisect->found, answer->sent);
	else if (rate > 0 && (bisect->lossy <= 0 || rate < bisect->lossy))
		bisect->lossy = rate;
	return 0;
}

/* Run up to `confirm` trials at a rate.
 * Returns: 0; *passed if one of them passed; otherwise *limited if the generator may be the cause of each
 *          failure. */
static int bisect_rate_attempt(struct gremc_bisect *bisect, double rate, bool *passed, bool *limited)
{
	struct gremc_bisect_answer answer;

	*passed = false;
	*limited = true;
	for (unsigned i = 0; i < bisect->confirm && !*passed; i++) {
		int rc = bisect_trial_run(bisect, rate, &answer);

		if (rc)
			return rc;
		*passed = answer.clean && !answer.limited;
		*limited &= answer.limited;
		if (!answer.clean && answer.loss > LOSS_CERTAIN)
			break;
	}
	return 0;
}

/* Returns: the next rate: in growing steps until one rate passed and one failed, then the middle of the two.
 */
static double range_next_rate(struct rate_range *range)
{
	double rate;

	if (range->low > 0 && range->failed)
		return (range->low + range->high) / 2;
	range->step *= 2;
	rate = range->low > 0 ? range->low * (1 + range->step) : range->high / (1 + range->step);
	return rate >= range->high ? (range->low + range->high) / 2 : rate;
}

static bool range_is_open(const struct gremc_bisect *bisect, const struct rate_range *range)
{
	return range->high - range->low > bisect->resolution * range->high &&
	       range->high > range->highest * LOWEST && bisect->trials < TRIALS_MAX;
}

static int range_narrow(struct gremc_bisect *bisect, struct rate_range *range, double rate)
{
	while (range_is_open(bisect, range)) {
		bool passed, limited;
		int rc = bisect_rate_attempt(bisect, rate, &passed, &limited);

		if (rc)
			return rc;
		if (!passed) {
			range->high = rate;
			range->failed = true;
			bisect->limited = limited;
		}
		/* The rate that was sent has passed, even if the requested rate could not be sent. */
		range->low = RTE_MIN(RTE_MAX(range->low, bisect->found), range->high);
		rate = range_next_rate(range);
	}
	return 0;
}

/* Try the lowest rate that failed again. If it passes now, the range above it is open again. */
static int range_failed_retry(struct gremc_bisect *bisect, struct rate_range *range, bool *passed)
{
	bool limited;
	int rc = bisect_rate_attempt(bisect, range->high, passed, &limited);

	if (rc)
		return rc;
	if (!*passed) {
		bisect->limited &= limited;
		return 0;
	}
	range->low = range->high;
	range->high = range->highest;
	range->failed = false;
	range->step = FIRST_STEP / 2;
	return 0;
}

int gremc_bisect_range_search(struct gremc_bisect *bisect, double first, double highest)
{
	struct rate_range range = {.high = highest, .highest = highest, .step = FIRST_STEP / 2};
	int rc;

	bisect->limited = !bisect->highest_failed;
	rc = range_narrow(bisect, &range, RTE_MAX(first, highest * LOWEST));
	for (unsigned i = 0; rc == 0 && i < RETRIES_MAX && range.low > 0 && range.failed; i++) {
		bool passed;

		rc = range_failed_retry(bisect, &range, &passed);
		if (rc || !passed)
			break;
		bisect->limited = !bisect->highest_failed;
		rc = range_narrow(bisect, &range, range_next_rate(&range));
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
			return 0;
		*found = true;
	}
	bisect->limited = true;
	return 0;
}
