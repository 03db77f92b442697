/* SPDX-License-Identifier: BSD-3-Clause */
/* The highest rate without loss (RFC 2544, 26.1). First everything is offered that can be sent: if none of
 * that is lost there is nothing to search for. Otherwise what the forwarder delivered then is where the
 * search begins (bisect.h).
 *
 * Where less was sent than asked for and all of it came back, nothing is known of the rate that was asked
 * for, but that which was sent has passed: with a pause of the machine in it, it is a percent less, and not
 * the end of the search at a rate that says nothing. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "bisect.h"
#include "tester.h"
#include "tests.h"

#define OVERLOAD_MOST 1.0   /* seconds */
#define WARM_RATE     100e3 /* a tenth of it is sent */
#define LABEL         96
#define FAULTS_TEXT   256
#define BLOCKED_SHARE 0.1 /* of the time, in which the device took nothing: it is the limit, not we */

struct asked {
	struct gremc_tester *tester;
	const struct gremc_trial *trial;
	struct gremc_search *search;
	double best; /* packets/s */
};

int gremc_overload(struct gremc_tester *tester, const struct gremc_trial *trial,
		   struct gremc_outcome *outcome)
{
	struct gremc_trial all = *trial;

	all.rate = 0;
	all.packets = 0;
	all.seconds = RTE_MIN(trial->seconds, OVERLOAD_MOST);
	return gremc_try(tester, &all, outcome);
}

/* Most of what is missing at this rate is time in which a device took nothing? */
static bool was_blocked(double rate, const struct gremc_outcome *outcome)
{
	double missing = rate > 0 ? 1 - outcome->rate / rate : 2 * BLOCKED_SHARE;

	return outcome->blocked > outcome->seconds * missing / 2;
}

static void say(const struct asked *asked, double rate, const struct gremc_outcome *outcome)
{
	const char *label = asked->trial->label;

	char faults[FAULTS_TEXT];

	if (!gremc_outcome_clean(outcome) || outcome->cut)
		gremc_progress_say(
			asked->tester,
			"%s: %.0f packets/s failed: %" PRIu64 " of %" PRIu64 " lost, faults: %s%s%s", label,
			rate > 0 ? rate : outcome->rate, outcome->lost, outcome->expected,
			gremc_outcome_faults(outcome, faults, sizeof(faults)),
			outcome->cut ? "; the ports did not take all packets" : "",
			outcome->lost && outcome->saturated ? "; our own receive queue was full" : "");
	else if (outcome->shortfall)
		gremc_progress_say(asked->tester,
				   "%s: of %.0f packets/s only %.0f could be sent; they passed, %" PRIu64
				   " replicas",
				   label, rate, outcome->rate, outcome->received);
	else
		gremc_progress_say(asked->tester, "%s: %.0f packets/s passed, %" PRIu64 " replicas", label,
				   rate > 0 ? rate : outcome->rate, outcome->received);
}

/* What stood in the way of this rate, for the case that it was not the forwarder. */
static void note_reason(struct gremc_search *search, double rate, const struct gremc_outcome *outcome)
{
	search->held_up = outcome->disturbed;
	search->saturated = outcome->lost > 0 && outcome->saturated;
	search->blocked = outcome->lost == 0 && was_blocked(rate, outcome);
}

static int ask(void *argument, double rate, struct gremc_answer *answer)
{
	struct asked *asked = argument;
	struct gremc_trial trial = *asked->trial;
	struct gremc_outcome outcome;
	int rc;

	trial.rate = rate;
	trial.packets = 0;
	rc = gremc_try(asked->tester, &trial, &outcome);
	if (rc)
		return rc;
	say(asked, rate, &outcome);
	*answer = (struct gremc_answer){.sent = rate > 0 && !outcome.shortfall ? rate : outcome.rate,
					.loss = gremc_outcome_loss(&outcome),
					.clean = gremc_outcome_clean(&outcome) && !outcome.cut};
	if (answer->clean) {
		answer->limited = outcome.shortfall;
		if (answer->sent > asked->best) {
			asked->best = answer->sent;
			asked->search->best = outcome;
		}
	} else {
		answer->limited =
			outcome.lost ? outcome.saturated || outcome.disturbed : gremc_outcome_clean(&outcome);
	}
	if (rate <= 0 || !answer->clean || answer->limited)
		note_reason(asked->search, rate, &outcome);
	return 0;
}

/* From what was offered, which is more than the forwarder takes, to what it takes. */
static int search_below(struct gremc_bisect *bisect, const struct gremc_trial *trial,
			const struct gremc_outcome *all)
{
	const struct asked *asked = bisect->argument;
	double delivered = all->expected ? all->replica_rate / trial->selection->fanout : all->rate;

	bisect->highest_failed = all->lost && !all->saturated && !all->disturbed;
	note_reason(asked->search, 0, all);
	return gremc_bisect_between(bisect, RTE_MIN(all->rate, delivered), all->rate);
}

static int search_freely(struct gremc_tester *tester, const struct gremc_trial *trial,
			 struct gremc_bisect *bisect)
{
	struct gremc_outcome all;
	bool found = false;
	int rc = gremc_overload(tester, trial, &all);

	if (rc)
		return rc;
	gremc_progress_say(tester, "%s: at most %.0f packets/s can be sent; %.0f replicas/s came back then",
			   trial->label, all.rate, all.replica_rate);
	if (gremc_outcome_clean(&all))
		rc = gremc_bisect_flat_out(bisect, &found);
	return rc || found ? rc : search_below(bisect, trial, &all);
}

int gremc_search_run(struct gremc_tester *tester, const struct gremc_trial *trial,
		     struct gremc_search *search)
{
	struct asked asked = {.tester = tester, .trial = trial, .search = search};
	struct gremc_bisect bisect = {.resolution = tester->options->resolution / 100,
				      .confirm = tester->options->confirm,
				      .ask = ask,
				      .argument = &asked};
	double most;
	int rc;

	*search = (struct gremc_search){0};
	if (tester->options->given[GREMC_OPTION_max_rate]) {
		most = gremc_rate_pps(tester, trial, tester->options->max_rate);
		rc = most > 0 ? gremc_bisect_between(&bisect, most, most * (1 + bisect.resolution / 2))
			      : -EINVAL;
		search->capped = bisect.found >= most;
	} else {
		rc = search_freely(tester, trial, &bisect);
	}
	search->found = bisect.found;
	search->lossy = bisect.lossy;
	search->limited = bisect.limited;
	search->trials = bisect.trials;
	return rc;
}

static void label_of(char *label, size_t size, const char *test, const struct gremc_case *that,
		     const char *variant)
{
	snprintf(label, size, "%s, size %s, fan-out %.4g%s%s", test, that->mix->name, that->selection->fanout,
		 variant ? ", " : "", variant ? variant : "");
}

int gremc_throughput_of(struct gremc_tester *tester, const struct gremc_case *that, const char *test,
			double *rate)
{
	char label[LABEL];
	struct gremc_trial trial = {.selection = that->selection,
				    .mix = that->mix,
				    .seconds = tester->options->duration,
				    .label = label};
	struct gremc_search search;
	int rc;

	for (unsigned i = tester->results.count; i-- > 0;) {
		const struct gremc_result *row = &tester->results.row[i];

		if (strcmp(row->test, "throughput") == 0 && row->size &&
		    strcmp(row->size, that->mix->name) == 0 &&
		    row->fanout == (that->fanout ? that->fanout : GREMC_RESULT_NONE) &&
		    row->offered_pps > 0) {
			*rate = row->offered_pps;
			return 0;
		}
	}
	label_of(label, sizeof(label), test, that, NULL);
	rc = gremc_search_run(tester, &trial, &search);
	*rate = search.found;
	return rc;
}

/* ---- its row ---- */

static const char *why_limited(const struct gremc_search *search)
{
	if (search->capped)
		return "nothing was lost yet at the highest rate that was allowed (--max-rate)";
	if (search->held_up)
		return "above this rate the generator itself was held up, and what was lost or not sent may be due to that: "
		       "let nothing else run on its CPU";
	if (search->saturated)
		return "above this rate replicas were lost, but the generator's own receive queue was full: the "
		       "forwarder's own limit may be higher";
	if (search->blocked)
		return "nothing was lost yet, but the device took no more: the limit is what is behind it (over memif "
		       "the forwarder itself, over a NIC the line)";
	return "the generator could not send faster: the forwarder's own limit was not reached";
}

static void put_verdict(const struct gremc_search *search, struct gremc_result *row)
{
	gremc_result_set(&row->verdict, search->found <= 0 ? "failed"
					: search->limited  ? "limited"
							   : "measured");
	if (search->found <= 0)
		gremc_result_set(&row->note, "something was lost even at the lowest rate tried");
	else if (search->limited)
		gremc_result_set(&row->note, "%s", why_limited(search));
	else if (search->lossy > 0 && search->lossy < search->found)
		gremc_result_set(
			&row->note,
			"not every trial passed: one at %.0f packets/s (%.1f %% less) lost something",
			search->lossy, (1 - search->lossy / search->found) * 100);
}

int gremc_search_row(struct gremc_tester *tester, const char *test, const char *section, const char *variant,
		     const struct gremc_case *that)
{
	char label[LABEL];
	struct gremc_trial trial = {.selection = that->selection,
				    .mix = that->mix,
				    .seconds = tester->options->duration,
				    .label = label};
	struct gremc_search search;
	struct gremc_result *row;
	int rc;

	label_of(label, sizeof(label), test, that, variant);
	rc = gremc_warm_up(tester, &trial, WARM_RATE);
	if (rc == 0)
		rc = gremc_search_run(tester, &trial, &search);
	if (rc)
		return rc;
	trial.rate = search.found;
	row = gremc_row(tester, test, section, &trial, &search.best, that->fanout);
	if (row == NULL)
		return -ENOMEM;
	row->trials = search.trials;
	if (variant)
		gremc_result_set(&row->variant, "%s", variant);
	if (search.lossy > 0)
		row->lossy_pps = search.lossy;
	put_verdict(&search, row);
	return 0;
}
