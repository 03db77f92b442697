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
#include "distance.h"
#include "tester.h"
#include "tests.h"

#define OVERLOAD_MOST 1.0   /* seconds */
#define WARM_RATE     100e3 /* a tenth of it is sent */
#define LABEL         96
#define FAULTS_TEXT   256
#define SAFE          0.9 /* of the throughput */
#define SAFE_LIMITED  0.5
#define SEARCHES_MOST 4   /* of one row, while the machine moves its CPUs */
#define BLOCKED_SHARE 0.1 /* of the time, in which the device took nothing: it is the limit, not we */

struct search_context {
	struct gremc_tester *tester;
	const struct gremc_trial *trial;
	struct gremc_search *search;
	double best;     /* packets/s */
	double distance; /* ns, when it began */
	bool may_move;
};

int gremc_overload_run(struct gremc_tester *tester, const struct gremc_trial *trial,
		       struct gremc_outcome *outcome)
{
	struct gremc_trial all = *trial;

	all.rate = 0;
	all.packets = 0;
	all.seconds = RTE_MIN(trial->seconds, OVERLOAD_MOST);
	return gremc_trial_run_undisturbed(tester, &all, outcome);
}

/* Most of what is missing at this rate is time in which a device took nothing? */
static bool rate_was_blocked(double rate, const struct gremc_outcome *outcome)
{
	double missing = rate > 0 ? 1 - outcome->rate / rate : 2 * BLOCKED_SHARE;

	return outcome->blocked > outcome->seconds * missing / 2;
}

static void trial_result_print(const struct search_context *search_context, double rate,
			       const struct gremc_outcome *outcome)
{
	const char *label = search_context->trial->label;

	char faults[FAULTS_TEXT];

	if (!gremc_outcome_is_clean(outcome) || outcome->cut)
		gremc_progress_print(
			search_context->tester,
			"%s: %.0f packets/s failed: %" PRIu64 " of %" PRIu64 " lost, faults: %s%s%s", label,
			rate > 0 ? rate : outcome->rate, outcome->lost, outcome->expected,
			gremc_outcome_faults_format(outcome, faults, sizeof(faults)),
			outcome->cut ? "; the ports did not take all packets" : "",
			outcome->disturbed                    ? "; we ourselves were held up"
			: outcome->lost && outcome->saturated ? "; our own receive queue was full"
							      : "");
	else if (outcome->shortfall)
		gremc_progress_print(search_context->tester,
				     "%s: of %.0f packets/s only %.0f could be sent; they passed, %" PRIu64
				     " replicas",
				     label, rate, outcome->rate, outcome->received);
	else
		gremc_progress_print(search_context->tester,
				     "%s: %.0f packets/s passed, %" PRIu64 " replicas", label,
				     rate > 0 ? rate : outcome->rate, outcome->received);
}

/* What stood in the way of this rate, for the case that it was not the forwarder. */
static void search_reason_set(struct gremc_search *search, double rate, const struct gremc_outcome *outcome)
{
	search->held_up = outcome->disturbed;
	search->saturated = outcome->lost > 0 && outcome->saturated;
	search->blocked = outcome->lost == 0 && rate_was_blocked(rate, outcome);
}

/* 0, or -EAGAIN: the CPUs are not any more where they were when the search began. */
static int cpu_place_check(struct search_context *search_context)
{
	double now = gremc_tester_distance_measure(search_context->tester);

	if (!gremc_cpu_distance_differs(search_context->distance, now))
		return 0;
	if (search_context->may_move) {
		search_context->search->moved = true;
		return 0;
	}
	gremc_progress_print(
		search_context->tester,
		"%s: a cache line took %.0f ns to the forwarder's CPU and back, and takes %.0f now: the machine "
		"has moved its CPUs, and the search begins again",
		search_context->trial->label, search_context->distance, now);
	return -EAGAIN;
}

static int search_trial_run(void *argument, double rate, struct gremc_bisect_answer *answer)
{
	struct search_context *search_context = argument;
	struct gremc_trial trial = *search_context->trial;
	struct gremc_outcome outcome;
	int rc;

	trial.rate = rate;
	trial.packets = 0;
	trial.closed = search_context->search->closed;
	/* Where a rate gets several trials anyway, one that we were held up in is one of them. */
	rc = (search_context->tester->options->confirm > 1
		      ? gremc_trial_run_once
		      : gremc_trial_run_undisturbed)(search_context->tester, &trial, &outcome);
	if (rc == 0)
		rc = cpu_place_check(search_context);
	if (rc)
		return rc;
	trial_result_print(search_context, rate, &outcome);
	*answer = (struct gremc_bisect_answer){.sent = rate > 0 && !outcome.shortfall ? rate : outcome.rate,
					       .loss = gremc_outcome_loss(&outcome),
					       .clean = gremc_outcome_is_clean(&outcome) && !outcome.cut};
	if (answer->clean) {
		answer->limited = outcome.shortfall;
		if (answer->sent > search_context->best) {
			search_context->best = answer->sent;
			search_context->search->best = outcome;
		}
	} else {
		answer->limited = outcome.lost ? outcome.saturated || outcome.disturbed
					       : gremc_outcome_is_clean(&outcome);
	}
	if (rate <= 0 || !answer->clean || answer->limited)
		search_reason_set(search_context->search, rate, &outcome);
	return 0;
}

/* From what was offered, which is more than the forwarder takes, to what it takes. */
static int search_below_overload(struct gremc_bisect *bisect, const struct search_context *search_context,
				 const struct gremc_outcome *all)
{
	double delivered =
		all->expected ? all->replica_rate / search_context->trial->selection->fanout : all->rate;

	bisect->highest_failed = all->lost && !all->saturated && !all->disturbed;
	search_reason_set(search_context->search, 0, all);
	return gremc_bisect_range_search(bisect, RTE_MIN(all->rate, delivered), all->rate);
}

/* Where it is our own queue that overflows, whatever rate is tried next is a matter of luck: for how long our
 * CPU and the forwarder's were taken from us meanwhile. What we can take is found by waiting for it. */
static int search_closed_loop(struct gremc_bisect *bisect, const struct search_context *search_context,
			      bool *found)
{
	int rc;

	search_context->search->closed = true;
	rc = gremc_bisect_max_confirm(bisect, found);
	search_context->search->closed = *found;
	return rc;
}

static int search_unlimited(struct gremc_bisect *bisect, const struct search_context *search_context)
{
	struct gremc_outcome all;
	bool found = false;
	int rc = gremc_overload_run(search_context->tester, search_context->trial, &all);

	if (rc)
		return rc;
	gremc_progress_print(search_context->tester,
			     "%s: at most %.0f packets/s can be sent; %.0f replicas/s came back then",
			     search_context->trial->label, all.rate, all.replica_rate);
	if (gremc_outcome_is_clean(&all))
		rc = gremc_bisect_max_confirm(bisect, &found);
	if (rc == 0 && !found && (search_context->search->saturated || (all.lost && all.saturated)))
		rc = search_closed_loop(bisect, search_context, &found);
	if (rc || found)
		return rc;
	return search_below_overload(bisect, search_context, &all);
}

static int search_once(struct gremc_bisect *bisect, const struct search_context *search_context)
{
	const struct gremc_loadgen_options *options = search_context->tester->options;
	double most;
	int rc;

	if (options->given[GREMC_OPTION_max_rate] == NULL)
		return search_unlimited(bisect, search_context);
	most = gremc_rate_to_pps(search_context->tester, search_context->trial, options->max_rate);
	if (most <= 0)
		return -EINVAL;
	rc = gremc_bisect_range_search(bisect, most, most * (1 + bisect->resolution / 2));
	search_context->search->capped = bisect->found >= most;
	return rc;
}

/* Where the machine moves its CPUs meanwhile, what passed before is not what passes now: begin again. */
int gremc_search_run(struct gremc_tester *tester, const struct gremc_trial *trial,
		     struct gremc_search *search)
{
	int rc = -EAGAIN;

	for (unsigned i = 0; rc == -EAGAIN && i < SEARCHES_MOST; i++) {
		struct search_context search_context = {.tester = tester,
							.trial = trial,
							.search = search,
							.distance = gremc_tester_distance_measure(tester),
							.may_move = i + 1 == SEARCHES_MOST};
		struct gremc_bisect bisect = {.resolution = tester->options->resolution / 100,
					      .confirm = tester->options->confirm,
					      .ask = search_trial_run,
					      .argument = &search_context};

		*search = (struct gremc_search){0};
		rc = search_once(&bisect, &search_context);
		search->found = bisect.found;
		search->lossy = bisect.lossy;
		search->limited = bisect.limited;
		search->trials = bisect.trials;
	}
	return rc;
}

/* ---- of a case ---- */

/* A search, what is sent in it, and its name. */
struct case_search {
	struct gremc_search search;
	struct gremc_trial trial;
	char label[LABEL];
};

static int case_search(struct gremc_tester *tester, const struct gremc_test_case *that, const char *test,
		       const char *variant, struct case_search *case_search)
{
	int rc;

	case_search->search = (struct gremc_search){0};
	case_search->trial = (struct gremc_trial){.selection = that->selection,
						  .mix = that->mix,
						  .seconds = tester->options->duration,
						  .label = case_search->label};
	snprintf(case_search->label, sizeof(case_search->label), "%s, size %s, fan-out %.4g%s%s", test,
		 that->mix->name, that->selection->fanout, variant ? ", " : "", variant ? variant : "");
	rc = gremc_trial_warm_up(tester, &case_search->trial, WARM_RATE);
	return rc ? rc : gremc_search_run(tester, &case_search->trial, &case_search->search);
}

/* The suite's own row for it; NULL: there is none, or the machine has moved its CPUs since. */
static const struct gremc_result *suite_row_find(const struct gremc_tester *tester,
						 const struct gremc_test_case *that)
{
	uint64_t fanout = that->fanout ? that->fanout : GREMC_RESULT_NONE;
	double now = gremc_tester_distance_measure(tester);

	for (unsigned i = tester->results.count; i-- > 0;) {
		const struct gremc_result *row = &tester->results.row[i];

		if (strcmp(row->test, "throughput") == 0 && row->size &&
		    strcmp(row->size, that->mix->name) == 0 && row->fanout == fanout &&
		    row->offered_pps > 0 && !gremc_cpu_distance_differs(row->line_ns, now))
			return row;
	}
	return NULL;
}

static int case_throughput_find(struct gremc_tester *tester, const struct gremc_test_case *that,
				const char *test, double *rate, bool *limited)
{
	const struct gremc_result *row = suite_row_find(tester, that);
	struct case_search found;
	int rc;

	if (row) {
		*rate = row->offered_pps;
		*limited = strcmp(row->verdict, "limited") == 0;
		return 0;
	}
	rc = case_search(tester, that, test, NULL, &found);
	*rate = found.search.found;
	*limited = found.search.limited;
	return rc;
}

int gremc_throughput_find(struct gremc_tester *tester, const struct gremc_test_case *that, const char *test,
			  double *rate)
{
	bool limited;

	return case_throughput_find(tester, that, test, rate, &limited);
}

int gremc_safe_rate_find(struct gremc_tester *tester, const struct gremc_test_case *that, const char *test,
			 double *rate)
{
	bool limited = false;
	int rc = case_throughput_find(tester, that, test, rate, &limited);

	*rate *= limited ? SAFE_LIMITED : SAFE;
	return rc;
}

/* ---- its row ---- */

static const char *limit_reason_text(const struct gremc_search *search)
{
	if (search->capped)
		return "nothing was lost yet at the highest rate that was allowed (--max-rate)";
	if (search->held_up)
		return "above this rate the generator itself was held up, and what was lost or not sent may be due to that: "
		       "let nothing else run on its CPU";
	if (search->closed)
		return "as fast as the generator could take and check what came back, with no more under way than its "
		       "receive queue holds: sent faster, it is that queue that overflows; the forwarder's own limit may be higher";
	if (search->saturated)
		return "above this rate replicas were lost, but the generator's own receive queue was full: the "
		       "forwarder's own limit may be higher";
	if (search->blocked)
		return "nothing was lost yet, but the device took no more: the limit is what is behind it (over memif "
		       "the forwarder itself, over a NIC the line)";
	return "the generator could not send faster: the forwarder's own limit was not reached";
}

static void search_verdict_set(const struct gremc_search *search, struct gremc_result *row)
{
	gremc_result_text_set(&row->verdict, search->found <= 0 ? "failed"
					     : search->limited  ? "limited"
								: "measured");
	if (search->found <= 0)
		gremc_result_text_set(&row->note, "something was lost even at the lowest rate tried");
	else if (search->limited)
		gremc_result_text_set(&row->note, "%s", limit_reason_text(search));
	else if (search->lossy > 0 && search->lossy < search->found)
		gremc_result_text_set(
			&row->note,
			"not every trial passed: one at %.0f packets/s (%.1f %% less) lost something",
			search->lossy, (1 - search->lossy / search->found) * 100);
	if (search->moved)
		gremc_result_text_set(&row->note, "%s%sthe machine moved its CPUs while this was searched",
				      row->note ? row->note : "", row->note ? "; " : "");
}

int gremc_search_row_add(struct gremc_tester *tester, const char *test, const char *section,
			 const char *variant, const struct gremc_test_case *that)
{
	struct case_search found;
	struct gremc_result *row;
	int rc = case_search(tester, that, test, variant, &found);

	if (rc)
		return rc;
	found.trial.rate = found.search.found;
	row = gremc_trial_row_add(tester, test, section, &found.trial, &found.search.best, that->fanout);
	if (row == NULL)
		return -ENOMEM;
	row->trials = found.search.trials;
	if (variant)
		gremc_result_text_set(&row->variant, "%s", variant);
	if (found.search.lossy > 0)
		row->lossy_pps = found.search.lossy;
	search_verdict_set(&found.search, row);
	return 0;
}
