/* SPDX-License-Identifier: BSD-3-Clause */
/* RFC 2544, 26.4: the longest burst, at the line's rate or as fast as we can, of which nothing is lost. */
#include <errno.h>
#include <inttypes.h>

#include "tester.h"
#include "tests.h"

#define LEAST 2u

/* The longest burst that passed, and the trial in which it did. */
struct longest {
	uint64_t packets; /* 0: none passed */
	bool ours;        /* the shortest that failed may have failed by our own fault, each time */
	unsigned trials;
	struct gremc_outcome outcome;
};

static int try_burst(struct gremc_tester *tester, struct gremc_trial *trial, struct longest *longest,
		     bool *passed)
{
	bool ours = true;

	*passed = false;
	for (unsigned i = 0; i < tester->options->confirm && !*passed; i++) {
		struct gremc_outcome outcome;
		int rc = gremc_try(tester, trial, &outcome);

		if (rc)
			return rc;
		longest->trials++;
		ours &= outcome.saturated || outcome.disturbed;
		*passed = gremc_outcome_clean(&outcome) && !outcome.cut;
		if (*passed) {
			longest->packets = trial->packets;
			longest->outcome = outcome;
		}
	}
	if (!*passed)
		longest->ours = ours;
	gremc_progress_say(tester, "%s: a burst of %" PRIu64 " packets %s", trial->label, trial->packets,
			   *passed ? "passed" : "failed");
	return 0;
}

static int search(struct gremc_tester *tester, struct gremc_trial *trial, struct longest *longest)
{
	uint64_t low = 0, high = tester->options->burst + 1;

	trial->packets = tester->options->burst;
	while (low + 1 < high && high - low > (double)high * tester->options->resolution / 100 &&
	       trial->packets >= LEAST) {
		bool passed;
		int rc = try_burst(tester, trial, longest, &passed);

		if (rc)
			return rc;
		if (passed)
			low = trial->packets;
		else
			high = trial->packets;
		trial->packets = low ? low + (high - low) / 2 : high / 4;
	}
	return 0;
}

static void put_verdict(const struct gremc_tester *tester, const struct longest *longest,
			struct gremc_result *row)
{
	bool all = longest->packets >= tester->options->burst;

	gremc_result_set(&row->variant, "burst %" PRIu64, longest->packets);
	gremc_result_set(&row->verdict, longest->packets == 0  ? "failed"
					: all || longest->ours ? "limited"
							       : "measured");
	if (all)
		gremc_result_set(&row->note, "the longest burst that was tried passed (--burst)");
	else if (longest->packets && longest->ours)
		gremc_result_set(
			&row->note,
			"longer bursts lost something, but the generator's own receive queue was full or it was "
			"held up: the forwarder may take more");
}

static int one(struct gremc_tester *tester, const struct gremc_case *that)
{
	struct gremc_trial trial = {
		.selection = that->selection, .mix = that->mix, .seconds = 10, .label = "back-to-back"};
	struct longest longest = {0};
	struct gremc_result *row;
	int rc;

	if (tester->options->given[GREMC_OPTION_max_rate])
		trial.rate = gremc_rate_pps(tester, &trial, tester->options->max_rate);
	rc = search(tester, &trial, &longest);
	if (rc)
		return rc;
	row = gremc_row(tester, "back-to-back", "RFC 2544 26.4", &trial, &longest.outcome, that->fanout);
	if (row == NULL)
		return -ENOMEM;
	row->trials = longest.trials;
	put_verdict(tester, &longest, row);
	return 0;
}

int gremc_test_back_to_back(struct gremc_tester *tester)
{
	return gremc_for_each_case(tester, "back-to-back", "RFC 2544 26.4", -1, one);
}
