/* SPDX-License-Identifier: BSD-3-Clause */
/* RFC 2544, 26.4: the longest burst, at the line's rate or as fast as we can, of which nothing is lost. */
#include <errno.h>
#include <inttypes.h>

#include "tester.h"
#include "tests.h"

#define LEAST 2u

/* The longest burst that passed, and the trial in which it did. */
struct longest_burst {
	uint64_t packets; /* 0: none passed */
	bool ours;        /* the shortest that failed may have failed by our own fault, each time */
	unsigned trials;
	struct gremc_outcome outcome;
};

static int burst_try(struct gremc_tester *tester, struct gremc_trial *trial,
		     struct longest_burst *longest_burst, bool *passed)
{
	bool ours = true;

	*passed = false;
	for (unsigned i = 0; i < tester->options->confirm && !*passed; i++) {
		struct gremc_outcome outcome;
		int rc = gremc_trial_run_undisturbed(tester, trial, &outcome);

		if (rc)
			return rc;
		longest_burst->trials++;
		ours &= outcome.saturated || outcome.disturbed;
		*passed = gremc_outcome_is_clean(&outcome) && !outcome.cut;
		if (*passed) {
			longest_burst->packets = trial->packets;
			longest_burst->outcome = outcome;
		}
	}
	if (!*passed)
		longest_burst->ours = ours;
	gremc_progress_print(tester, "%s: a burst of %" PRIu64 " packets %s", trial->label, trial->packets,
			     *passed ? "passed" : "failed");
	return 0;
}

static int burst_search(struct gremc_tester *tester, struct gremc_trial *trial,
			struct longest_burst *longest_burst)
{
	uint64_t low = 0, high = tester->options->burst + 1;

	trial->packets = tester->options->burst;
	while (low + 1 < high && high - low > (double)high * tester->options->resolution / 100 &&
	       trial->packets >= LEAST) {
		bool passed;
		int rc = burst_try(tester, trial, longest_burst, &passed);

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

static void burst_verdict_set(const struct gremc_tester *tester, const struct longest_burst *longest_burst,
			      struct gremc_result *row)
{
	bool all = longest_burst->packets >= tester->options->burst;

	gremc_result_text_set(&row->variant, "burst %" PRIu64, longest_burst->packets);
	gremc_result_text_set(&row->verdict, longest_burst->packets == 0  ? "failed"
					     : all || longest_burst->ours ? "limited"
									  : "measured");
	if (all)
		gremc_result_text_set(&row->note, "the longest burst that was tried passed (--burst)");
	else if (longest_burst->packets && longest_burst->ours)
		gremc_result_text_set(
			&row->note,
			"longer bursts lost something, but the generator's own receive queue was full or it was "
			"held up: the forwarder may take more");
}

static int burst_case_run(struct gremc_tester *tester, const struct gremc_test_case *that)
{
	struct gremc_trial trial = {
		.selection = that->selection, .mix = that->mix, .seconds = 10, .label = "back-to-back"};
	struct longest_burst longest_burst = {0};
	struct gremc_result *row;
	int rc;

	if (tester->options->given[GREMC_OPTION_max_rate])
		trial.rate = gremc_rate_to_pps(tester, &trial, tester->options->max_rate);
	rc = burst_search(tester, &trial, &longest_burst);
	if (rc)
		return rc;
	row = gremc_trial_row_add(tester, "back-to-back", "RFC 2544 26.4", &trial, &longest_burst.outcome,
				  that->fanout);
	if (row == NULL)
		return -ENOMEM;
	row->trials = longest_burst.trials;
	burst_verdict_set(tester, &longest_burst, row);
	return 0;
}

int gremc_test_back_to_back(struct gremc_tester *tester)
{
	return gremc_cases_run(tester, "back-to-back", "RFC 2544 26.4", -1, burst_case_run);
}
