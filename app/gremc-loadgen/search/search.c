/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "engine/cpu_distance.h"
#include "search/bisect.h"
#include "search/search.h"
#include "trial/cpu_place.h"
#include "trial/progress.h"
#include "trial/rate.h"
#include "trial/trial.h"

#define OVERLOAD_SECONDS 1.0
#define FAULTS_TEXT      256
#define ATTEMPTS         4   /* of one search, while the machine moves its CPUs */
#define BLOCKED_SHARE    0.1 /* of the time, from which on a device that accepts no packets is the limit */

/* A search and its trials. */
struct search_context {
	struct gremc_tester *tester;
	const struct gremc_trial *trial;
	struct gremc_search *search;
	double best;     /* packets/s */
	double distance; /* of the CPUs in ns, at the start */
	bool may_move;   /* the last attempt: it does not start again */
};

int gremc_overload_run(struct gremc_tester *tester, const struct gremc_trial *trial,
		       struct gremc_outcome *outcome)
{
	struct gremc_trial all = *trial;

	all.rate = 0;
	all.packets = 0;
	all.seconds = RTE_MIN(trial->seconds, OVERLOAD_SECONDS);
	return gremc_trial_run_undisturbed(tester, &all, outcome);
}

/* Returns: whether most of the missing rate is due to a device that accepted no packets. */
static bool rate_was_blocked(double rate, const struct gremc_outcome *outcome)
{
	double missing = rate > 0 ? 1 - outcome->rate / rate : 2 * BLOCKED_SHARE;

	return outcome->blocked > outcome->seconds * missing / 2;
}

static void trial_result_print(const struct search_context *context, double rate,
			       const struct gremc_outcome *outcome)
{
	const char *label = context->trial->label;

	char faults[FAULTS_TEXT];

	if (!gremc_outcome_is_clean(outcome) || outcome->cut)
		gremc_progress_print(
			context->tester,
			"%s: %.0f packets/s failed: %" PRIu64 " of %" PRIu64 " lost, faults: %s%s%s", label,
			rate > 0 ? rate : outcome->rate, outcome->lost, outcome->expected,
			gremc_outcome_faults_format(outcome, faults, sizeof(faults)),
			outcome->cut ? "; the devices did not accept all packets" : "",
			outcome->disturbed                    ? "; the generator was stalled"
			: outcome->lost && outcome->saturated ? "; the generator's RX queue was full"
							      : "");
	else if (outcome->shortfall)
		gremc_progress_print(context->tester,
				     "%s: sent only %.0f of %.0f packets/s, which passed with %" PRIu64
				     " replicas",
				     label, outcome->rate, rate, outcome->received);
	else
		gremc_progress_print(context->tester, "%s: %.0f packets/s passed with %" PRIu64 " replicas",
				     label, rate > 0 ? rate : outcome->rate, outcome->received);
}

/* Record why this rate may have failed other than by the forwarder. */
static void search_reason_set(struct gremc_search *search, double rate, const struct gremc_outcome *outcome)
{
	search->stalled = outcome->disturbed;
	search->saturated = outcome->lost > 0 && outcome->saturated;
	search->blocked = outcome->lost == 0 && rate_was_blocked(rate, outcome);
}

/* Errors:  -EAGAIN if the machine has moved the CPUs since the search started. */
static int cpu_place_check(struct search_context *context)
{
	double now = gremc_tester_distance_measure(context->tester);

	if (!gremc_cpu_distance_differs(context->distance, now))
		return 0;
	if (context->may_move) {
		context->search->moved = true;
		return 0;
	}
	gremc_progress_print(
		context->tester,
		"%s: the round trip of a cache line to the forwarder's CPU changed from %.0f to %.0f ns: the "
		"machine has moved its CPUs, and the search starts again",
		context->trial->label, context->distance, now);
	return -EAGAIN;
}

static struct gremc_bisect_answer bisect_answer_make(double rate, const struct gremc_outcome *outcome)
{
	bool clean = gremc_outcome_is_clean(outcome);
	struct gremc_bisect_answer answer = {
		.sent = rate > 0 && !outcome->shortfall ? rate : outcome->rate,
		.loss = gremc_outcome_loss(outcome),
		.clean = clean && !outcome->cut,
	};

	if (answer.clean)
		answer.limited = outcome->shortfall;
	else
		answer.limited = outcome->lost ? gremc_outcome_loss_is_doubtful(outcome) : clean;
	return answer;
}

static int search_trial_run(void *argument, double rate, struct gremc_bisect_answer *answer)
{
	struct search_context *context = argument;
	struct gremc_trial trial = *context->trial;
	struct gremc_outcome outcome;
	int rc;

	trial.rate = rate;
	trial.packets = 0;
	trial.closed = context->search->closed;
	/* Where each rate gets several trials, a disturbed trial is one of them. */
	if (context->tester->options->confirm > 1)
		rc = gremc_trial_run_once(context->tester, &trial, &outcome);
	else
		rc = gremc_trial_run_undisturbed(context->tester, &trial, &outcome);
	if (rc == 0)
		rc = cpu_place_check(context);
	if (rc)
		return rc;
	trial_result_print(context, rate, &outcome);
	*answer = bisect_answer_make(rate, &outcome);
	if (answer->clean && answer->sent > context->best) {
		context->best = answer->sent;
		context->search->best = outcome;
	}
	if (rate <= 0 || !answer->clean || answer->limited)
		search_reason_set(context->search, rate, &outcome);
	return 0;
}

/* Search below an overload, from the rate that the forwarder delivered. */
static int search_below_overload(struct gremc_bisect *bisect, const struct search_context *context,
				 const struct gremc_outcome *all)
{
	double delivered = all->expected ? all->replica_rate / context->trial->selection->fanout : all->rate;

	bisect->highest_failed = all->lost && !all->saturated && !all->disturbed;
	search_reason_set(context->search, 0, all);
	return gremc_bisect_range_search(bisect, RTE_MIN(all->rate, delivered), all->rate);
}

/* Where the generator's own RX queue overflows, the outcome of a rate depends on how long the machine took
 * the CPUs away. A closed loop finds the rate that the generator can receive. */
static int search_closed_loop(struct gremc_bisect *bisect, const struct search_context *context, bool *found)
{
	int rc;

	context->search->closed = true;
	rc = gremc_bisect_max_confirm(bisect, found);
	context->search->closed = *found;
	return rc;
}

static int search_unlimited(struct gremc_bisect *bisect, const struct search_context *context)
{
	struct gremc_outcome all;
	bool found = false;
	int rc = gremc_overload_run(context->tester, context->trial, &all);

	if (rc)
		return rc;
	gremc_progress_print(context->tester,
			     "%s: the generator sends at most %.0f packets/s; %.0f replicas/s returned",
			     context->trial->label, all.rate, all.replica_rate);
	if (gremc_outcome_is_clean(&all))
		rc = gremc_bisect_max_confirm(bisect, &found);
	if (rc == 0 && !found && (context->search->saturated || (all.lost && all.saturated)))
		rc = search_closed_loop(bisect, context, &found);
	if (rc || found)
		return rc;
	return search_below_overload(bisect, context, &all);
}

static int search_once(struct gremc_bisect *bisect, const struct search_context *context)
{
	const struct gremc_loadgen_options *options = context->tester->options;
	double most;
	int rc;

	if (!gremc_loadgen_option_is_given(options, GREMC_OPTION_max_rate))
		return search_unlimited(bisect, context);
	most = gremc_rate_to_pps(context->tester, context->trial, options->max_rate);
	if (most <= 0)
		return -EINVAL;
	rc = gremc_bisect_range_search(bisect, most, most * (1 + bisect->resolution / 2));
	context->search->capped = bisect->found >= most;
	return rc;
}

int gremc_search_run(struct gremc_tester *tester, const struct gremc_trial *trial,
		     struct gremc_search *search)
{
	int rc = -EAGAIN;

	for (unsigned i = 0; rc == -EAGAIN && i < ATTEMPTS; i++) {
		struct search_context context = {.tester = tester,
						 .trial = trial,
						 .search = search,
						 .distance = gremc_tester_distance_measure(tester),
						 .may_move = i + 1 == ATTEMPTS};
		struct gremc_bisect bisect = {.resolution = tester->options->resolution / 100,
					      .confirm = tester->options->confirm,
					      .run_trial = search_trial_run,
					      .argument = &context};

		*search = (struct gremc_search){0};
		rc = search_once(&bisect, &context);
		search->found = bisect.found;
		search->lossy = bisect.lossy;
		search->limited = bisect.limited;
		search->trials = bisect.trials;
	}
	return rc;
}
