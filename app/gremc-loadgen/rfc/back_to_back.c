/* SPDX-License-Identifier: BSD-3-Clause */
/* back-to-back (RFC 2544, 26.4): the longest burst without loss, at the rate of the line or as fast as
 * possible. */
#include <errno.h>
#include <inttypes.h>

#include "rfc/tests.h"
#include "search/cases.h"
#include "trial/progress.h"
#include "trial/rate.h"
#include "trial/rows.h"
#include "trial/trial.h"

#define PACKETS_MIN 2u

/* The longest burst that passed, and the trial in which it did. */
struct longest_burst {
	uint64_t packets; /* 0: none passed */
	bool limited;     /* each failure of the shortest burst that failed may be the generator's */
	unsigned trials;
	struct gremc_outcome outcome;
};

static int burst_try(struct gremc_tester *tester, struct gremc_trial *trial, struct longest_burst *longest,
		     bool *passed)
{
	bool limited = true;

	*passed = false;
	for (unsigned i = 0; i < tester->options->confirm && !*passed; i++) {
		struct gremc_outcome outcome;
		int rc = gremc_trial_run_undisturbed(tester, trial, &outcome);

		if (rc)
			return rc;
		longest->trials++;
		limited &= outcome.saturated || outcome.disturbed;
		*passed = gremc_outcome_is_clean(&outcome) && !outcome.cut;
		if (*passed) {
			longest->packets = trial->packets;
			longest->outcome = outcome;
		}
	}
	if (!*passed)
		longest->limited = limited;
	gremc_progress_print(tester, "%s: a burst of %" PRIu64 " packets %s", trial->label, trial->packets,
			     *passed ? "passed" : "failed");
	return 0;
}

static int burst_search(struct gremc_tester *tester, struct gremc_trial *trial, struct longest_burst *longest)
{
	uint64_t low = 0, high = tester->options->burst + 1;

	trial->packets = tester->options->burst;
	while (low + 1 < high && high - low > (double)high * tester->options->resolution / 100 &&
	       trial->packets >= PACKETS_MIN) {
		bool passed;
		int rc = burst_try(tester, trial, longest, &passed);

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

static void burst_verdict_set(const struct gremc_tester *tester, const struct longest_burst *longest,
			      struct gremc_result *row)
{
	bool all = longest->packets >= tester->options->burst;

	gremc_result_text_set(&row->variant, "burst %" PRIu64, longest->packets);
	gremc_result_text_set(&row->verdict, longest->packets == 0     ? "failed"
					     : all || longest->limited ? "limited"
								       : "measured");
	if (all)
		gremc_result_text_set(&row->note, "the longest permitted burst passed (--burst)");
	else if (longest->packets && longest->limited)
		gremc_result_text_set(
			&row->note,
			"longer bursts failed, but the generator was stalled or its RX queue was full: the forwarder may "
			"accept longer ones");
}

static int burst_case_run(struct gremc_tester *tester, const struct gremc_test_case *test_case)
{
	struct gremc_trial trial = {.selection = test_case->selection,
				    .mix = test_case->mix,
				    .seconds = 10,
				    .label = "back-to-back"};
	struct longest_burst longest = {0};
	struct gremc_result *row;
	int rc;

	if (gremc_loadgen_option_is_given(tester->options, GREMC_OPTION_max_rate))
		trial.rate = gremc_rate_to_pps(tester, &trial, tester->options->max_rate);
	rc = burst_search(tester, &trial, &longest);
	if (rc)
		return rc;
	row = gremc_trial_row_add(tester, "back-to-back", "RFC 2544 26.4", &trial, &longest.outcome,
				  test_case->fanout);
	if (row == NULL)
		return -ENOMEM;
	row->trials = longest.trials;
	burst_verdict_set(tester, &longest, row);
	return 0;
}

int gremc_test_back_to_back(struct gremc_tester *tester)
{
	static const struct gremc_test_runner runner = {
		.test = "back-to-back", .section = "RFC 2544 26.4", .run_case = burst_case_run};

	return gremc_cases_run(tester, &runner, GREMC_TUNNELING_ANY);
}
