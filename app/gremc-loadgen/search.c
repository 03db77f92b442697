/* SPDX-License-Identifier: BSD-3-Clause */
/* The highest rate without loss: binary search between a rate that passed and one that failed (RFC
 * 2544, 26.1). The first guess is what the forwarder delivered when it was offered more than it could take;
 * from there to the first rate on the other side in growing steps, then by halves.
 *
 * Where less was sent than asked for and all of it came back, nothing is known of the rate that was asked
 * for, but that which was sent has passed: with a pause of the machine in it, it is a percent less, and not
 * the end of the search at a rate that says nothing. */
#include <errno.h>
#include <inttypes.h>

#include "tester.h"
#include "tests.h"

#define FIRST_STEP    0.05 /* of the guess */
#define LOWEST        1e-4 /* of the highest rate: nothing passes */
#define OVERLOAD_MOST 1.0  /* seconds */
#define TRIALS_MOST   60
#define WARM_RATE     100e3 /* a tenth of it is sent */

struct range {
	double low, high;  /* passed, failed */
	bool high_is_ours; /* failed because we could not send so fast */
	double step;
};

/* Offer as much as can be sent. Sets range->high and returns a guess, or a negative errno in *rc. */
static double overload(struct gremc_tester *tester, const struct gremc_trial *trial, struct range *range,
		       int *rc)
{
	struct gremc_trial all = *trial;
	struct gremc_outcome outcome;

	all.rate = 0;
	all.packets = 0;
	all.seconds = RTE_MIN(trial->seconds, OVERLOAD_MOST);
	*rc = gremc_try(tester, &all, &outcome);
	if (*rc)
		return 0;
	range->high = outcome.rate;
	range->high_is_ours = true;
	gremc_progress_say(tester, "%s: at most %.0f packets/s can be sent; %.0f replicas/s came back then",
			   trial->label, outcome.rate, outcome.replica_rate);
	if (outcome.expected == 0)
		return outcome.rate;
	return RTE_MIN(outcome.rate, outcome.replica_rate / trial->selection->fanout);
}

static void passed(struct gremc_tester *tester, const struct gremc_trial *trial, double rate,
		   const struct gremc_outcome *outcome, struct gremc_search *search, struct range *range)
{
	gremc_progress_say(tester, "%s: %.0f packets/s passed, %" PRIu64 " replicas", trial->label, rate,
			   outcome->received);
	if (rate <= range->low)
		return;
	search->best = *outcome;
	range->low = rate;
}

/* Most of what is missing at this rate is time in which a device took nothing? */
static bool was_blocked(const struct gremc_trial *trial, const struct gremc_outcome *outcome)
{
	return outcome->blocked > outcome->seconds * (1 - outcome->rate / trial->rate) / 2;
}

static int attempt(struct gremc_tester *tester, const struct gremc_trial *trial,
		   bool (*passes)(const struct gremc_outcome *), struct gremc_search *search,
		   struct range *range)
{
	struct gremc_outcome outcome;
	bool clean = false;

	for (unsigned i = 0; i < tester->options->confirm; i++) {
		int rc = gremc_try(tester, trial, &outcome);

		if (rc)
			return rc;
		search->trials++;
		clean = passes(&outcome) && !outcome.cut;
		if (clean) {
			passed(tester, trial, outcome.shortfall ? outcome.rate : trial->rate, &outcome,
			       search, range);
			if (!outcome.shortfall)
				return 0;
			gremc_progress_say(tester, "%s: %.0f packets/s could not be sent", trial->label,
					   trial->rate);
			continue;
		}
		gremc_progress_say(tester, "%s: %.0f packets/s failed: %" PRIu64 " of %" PRIu64 " lost%s",
				   trial->label, trial->rate, outcome.lost, outcome.expected,
				   outcome.cut ? "; the ports did not take all packets" : "");
	}
	range->high = trial->rate;
	range->high_is_ours = clean || (outcome.cut && passes(&outcome));
	search->blocked = range->high_is_ours && was_blocked(trial, &outcome);
	return 0;
}

/* Growing steps while one side is open, then the middle. */
static double next_rate(struct range *range, double highest)
{
	double rate;

	if (range->low > 0 && range->high < highest)
		return (range->low + range->high) / 2;
	range->step *= 2;
	rate = range->low > 0 ? range->low * (1 + range->step) : range->high / (1 + range->step);
	return rate >= range->high ? (range->low + range->high) / 2 : rate;
}

int gremc_search_run(struct gremc_tester *tester, const struct gremc_trial *trial,
		     bool (*passes)(const struct gremc_outcome *), struct gremc_search *search)
{
	double resolution = tester->options->resolution / 100, highest, rate;
	struct range range = {.step = FIRST_STEP / 2};
	struct gremc_trial each = *trial;
	int rc = 0;

	*search = (struct gremc_search){0};
	if (passes == NULL)
		passes = gremc_outcome_clean;
	if (tester->options->given[GREMC_OPTION_max_rate]) {
		range.high = gremc_rate_pps(tester, trial, tester->options->max_rate) * (1 + resolution / 2);
		rate = range.high / (1 + resolution / 2);
		if (range.high <= 0)
			return -EINVAL;
	} else {
		rate = overload(tester, trial, &range, &rc);
		if (rc)
			return rc;
	}
	highest = range.high;
	rate = RTE_MAX(rate, highest * LOWEST);
	while (range.high - range.low > resolution * range.high && range.high > highest * LOWEST &&
	       search->trials < TRIALS_MOST) {
		each.rate = rate;
		rc = attempt(tester, &each, passes, search, &range);
		if (rc)
			return rc;
		rate = next_rate(&range, highest);
	}
	search->found = range.low;
	search->limited = range.high_is_ours;
	return 0;
}

int gremc_search_row(struct gremc_tester *tester, const char *test, const char *section, const char *variant,
		     const struct gremc_case *that)
{
	char label[96];
	struct gremc_trial trial = {.selection = that->selection,
				    .mix = that->mix,
				    .seconds = tester->options->duration,
				    .label = label};
	struct gremc_search search;
	struct gremc_result *row;
	int rc;

	snprintf(label, sizeof(label), "%s, size %s, fan-out %.4g%s%s", test, that->mix->name,
		 that->selection->fanout, variant ? ", " : "", variant ? variant : "");
	rc = gremc_warm_up(tester, &trial, WARM_RATE);
	if (rc == 0)
		rc = gremc_search_run(tester, &trial, NULL, &search);
	if (rc)
		return rc;
	trial.rate = search.found;
	row = gremc_row(tester, test, section, &trial, &search.best, that->fanout);
	if (row == NULL)
		return -ENOMEM;
	row->trials = search.trials;
	if (variant)
		gremc_result_set(&row->variant, "%s", variant);
	gremc_result_set(&row->verdict, search.found <= 0 ? "failed"
					: search.limited  ? "limited"
							  : "measured");
	if (search.found <= 0)
		gremc_result_set(&row->note, "something was lost even at the lowest rate tried");
	else if (search.limited)
		gremc_result_set(
			&row->note, "%s",
			search.blocked
				? "nothing was lost yet, but the device took no more: the limit is what is behind "
				  "it (over memif the forwarder itself, over a NIC the line)"
				: "the generator could not send faster: the forwarder's own limit was not "
				  "reached");
	return 0;
}
