/* SPDX-License-Identifier: BSD-3-Clause */
/* RFC 2544, 26.4: the longest burst, at the line's rate or as fast as we can, of which nothing is lost. */
#include <errno.h>
#include <inttypes.h>

#include "tester.h"
#include "tests.h"

#define LEAST 2u

static int try_burst(struct gremc_tester *tester, struct gremc_trial *trial, uint64_t packets,
		     struct gremc_outcome *outcome, bool *passed)
{
	*passed = false;
	for (unsigned i = 0; i < tester->options->confirm && !*passed; i++) {
		int rc;

		trial->packets = packets;
		rc = gremc_try(tester, trial, outcome);
		if (rc)
			return rc;
		*passed = gremc_outcome_clean(outcome) && !outcome->cut;
	}
	gremc_progress_say(tester, "back-to-back: a burst of %" PRIu64 " packets %s", packets,
			   *passed ? "passed" : "failed");
	return 0;
}

static int search(struct gremc_tester *tester, struct gremc_trial *trial, uint64_t *found,
		  struct gremc_outcome *best, unsigned *trials)
{
	uint64_t low = 0, high = tester->options->burst + 1, packets = tester->options->burst;
	struct gremc_outcome outcome;

	while (low + 1 < high && high - low > (double)high * tester->options->resolution / 100) {
		bool passed;
		int rc = try_burst(tester, trial, packets, &outcome, &passed);

		if (rc)
			return rc;
		++*trials;
		if (passed) {
			low = packets;
			*best = outcome;
		} else {
			high = packets;
		}
		packets = low ? low + (high - low) / 2 : high / 4;
		if (packets < LEAST)
			break;
	}
	*found = low;
	return 0;
}

static int one(struct gremc_tester *tester, const struct gremc_case *that)
{
	struct gremc_trial trial = {
		.selection = that->selection, .mix = that->mix, .seconds = 10, .label = "back-to-back"};
	struct gremc_outcome best = {0};
	struct gremc_result *row;
	unsigned trials = 0;
	uint64_t found = 0;
	int rc;

	if (tester->options->given[GREMC_OPTION_max_rate])
		trial.rate = gremc_rate_pps(tester, &trial, tester->options->max_rate);
	rc = search(tester, &trial, &found, &best, &trials);
	if (rc)
		return rc;
	row = gremc_row(tester, "back-to-back", "RFC 2544 26.4", &trial, &best, that->fanout);
	if (row == NULL)
		return -ENOMEM;
	row->trials = trials;
	gremc_result_set(&row->variant, "burst %" PRIu64, found);
	gremc_result_set(&row->verdict, found >= tester->options->burst ? "limited"
					: found                         ? "measured"
									: "failed");
	if (found >= tester->options->burst)
		gremc_result_set(&row->note, "the longest burst that was tried passed (--burst)");
	return 0;
}

int gremc_test_back_to_back(struct gremc_tester *tester)
{
	return gremc_for_each_case(tester, "back-to-back", "RFC 2544 26.4", -1, one);
}
