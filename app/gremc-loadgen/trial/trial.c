/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <unistd.h>

#include <rte_cycles.h>

#include "engine/arp.h"
#include "engine/lcore.h"
#include "engine/links.h"
#include "trial/collect.h"
#include "trial/prepare.h"
#include "trial/progress.h"
#include "trial/trial.h"

#define TRIES         4    /* of a trial during which the generator was disturbed */
#define CATCH_UP      0.25 /* seconds that the devices get beyond the time of the trial */
#define QUIET_SECONDS 0.03 /* without a frame, once all replicas have arrived: the trial is over */
#define WATCH_MICRO   5000
#define SHORT_SECONDS 0.05 /* a shorter trial is watched more often */
#define SHORT_MICRO   100
#define SETTLE_MICRO  500
#define SETTLE_TIMES  5    /* the longest wait in settling times */
#define DRAIN_SECONDS 5.0  /* longest: a forwarder may hold packets of a second in its rings */
#define DRAIN_QUIET   0.02 /* seconds without a frame: the network is empty */
#define DRAIN_MICRO   200
#define WARM_UP_MIN   100.0   /* packets/s */
#define WARM_UP_MAX   20000.0 /* packets/s */
#define ENDLESS       (UINT64_C(1) << 62)

static double cycles_to_elapsed(const struct gremc_tester *tester, uint64_t begin)
{
	return (double)(rte_rdtsc() - begin) / (double)tester->engine->hz;
}

/* ---- watch ---- */

/* The counters of all lcores. */
struct watch {
	uint64_t made, taken, replicas, frames, damaged;
	bool done; /* the devices have accepted all packets */
};

/* Read the counters while the lcores change them. That is good enough to see whether they still change. */
static struct watch counters_watch(const struct gremc_engine *engine)
{
	struct watch watch = {.done = true};

	for (uint32_t i = 0; i < engine->lcore_count; i++) {
		const struct gremc_transmitter *tx = engine->lcore[i].tx;
		const struct gremc_receiver *rx = engine->lcore[i].rx;

		if (tx) {
			watch.made += gremc_u64_load(&tx->made);
			watch.taken += gremc_u64_load(&tx->taken);
			watch.done &= gremc_transmitter_is_done(tx);
		}
		if (rx) {
			watch.replicas += gremc_u64_load(&rx->counters.replicas);
			watch.damaged += gremc_u64_load(&rx->counters.anonymous);
			watch.frames += gremc_u64_load(&rx->counters.frames);
		}
	}
	return watch;
}

/* ---- phases of a trial ---- */

/* Wait until no frames of an earlier trial arrive. */
static int network_drain(struct gremc_tester *tester)
{
	uint64_t begin = rte_rdtsc(), changed = begin;
	struct watch last = counters_watch(tester->engine), watch;

	if (gremc_engine_phase_set(tester->engine, GREMC_PHASE_DRAIN))
		return -ETIMEDOUT;
	do {
		usleep(DRAIN_MICRO);
		gremc_engine_arp_poll(tester->engine);
		watch = counters_watch(tester->engine);
		if (watch.frames != last.frames)
			changed = rte_rdtsc();
		last = watch;
	} while (cycles_to_elapsed(tester, changed) < DRAIN_QUIET &&
		 cycles_to_elapsed(tester, begin) < DRAIN_SECONDS);
	return gremc_engine_phase_set(tester->engine, GREMC_PHASE_REST);
}

/* Wait until all packets are sent, the callback or a signal ends the trial, or its time is over. */
static void trial_send_wait(struct gremc_tester *tester, const struct gremc_trial *trial, double seconds)
{
	double limit = gremc_trial_is_endless(trial) ? seconds : seconds * 1.1 + CATCH_UP;
	struct gremc_progress progress = {.label = trial->label, .seconds = seconds};
	uint64_t begin = rte_rdtsc();
	struct watch watch;
	bool enough;

	do {
		/* Each look costs the lcore 50 us where the control thread has no CPU of its own. */
		usleep(trial->meanwhile || seconds < SHORT_SECONDS ? SHORT_MICRO : WATCH_MICRO);
		gremc_engine_arp_poll(tester->engine);
		progress.elapsed = cycles_to_elapsed(tester, begin);
		watch = counters_watch(tester->engine);
		enough = trial->meanwhile && trial->meanwhile(trial->argument, progress.elapsed);
		progress.sent = watch.made;
		progress.received = watch.replicas;
		gremc_progress_update(tester, &progress);
	} while (!watch.done && !enough && progress.elapsed < limit && !gremc_tester_is_stopped(tester));
}

/* Wait for packets in transit: until all replicas have arrived and no frame came for a moment, or until the
 * settling time is over. With `settle_whole` (RFC 2544, 23) always wait for the whole time. */
static void trial_settle_wait(struct gremc_tester *tester, uint64_t expected)
{
	uint64_t begin = rte_rdtsc(), changed = begin;
	double settle = tester->options->settle;
	bool whole = tester->options->settle_whole;
	struct watch last = counters_watch(tester->engine), watch;

	do {
		usleep(SETTLE_MICRO);
		gremc_engine_arp_poll(tester->engine);
		watch = counters_watch(tester->engine);
		if (watch.frames != last.frames || watch.taken != last.taken)
			changed = rte_rdtsc();
		last = watch;
		if (watch.replicas + watch.damaged >= expected && !whole &&
		    cycles_to_elapsed(tester, changed) > QUIET_SECONDS)
			return;
	} while (cycles_to_elapsed(tester, whole ? begin : changed) < settle &&
		 cycles_to_elapsed(tester, begin) < SETTLE_TIMES * settle);
}

/* ---- the trial ---- */

static uint64_t trial_packet_count(const struct gremc_trial *trial)
{
	if (gremc_trial_is_endless(trial))
		return ENDLESS;
	return trial->packets ? trial->packets : (uint64_t)RTE_MAX(1.0, round(trial->rate * trial->seconds));
}

static int network_prepare(struct gremc_tester *tester, struct gremc_outcome *outcome)
{
	const char *down = gremc_engine_link_down(tester->engine);

	if (down)
		return gremc_outcome_fail(outcome, -ENOLINK,
					  "the link of `%s` is down: has the forwarder stopped?", down);
	if (network_drain(tester))
		return gremc_outcome_fail(outcome, -ETIMEDOUT,
					  "an lcore does not respond: is another program using its CPU?");
	outcome->missed = gremc_engine_rx_missed(tester->engine);
	return 0;
}

/* Send, drain and rest. *end is the TSC when sending ended. */
static int trial_phases_run(struct gremc_tester *tester, const struct gremc_trial *trial, double planned,
			    uint64_t *end)
{
	int rc = gremc_engine_phase_set(tester->engine, GREMC_PHASE_SEND);

	if (rc)
		return rc;
	trial_send_wait(tester, trial, planned);
	*end = rte_rdtsc();
	rc = gremc_engine_phase_set(tester->engine, GREMC_PHASE_DRAIN);
	if (rc)
		return rc;
	trial_settle_wait(tester, gremc_trial_expected(tester));
	return gremc_engine_phase_set(tester->engine, GREMC_PHASE_REST);
}

int gremc_trial_run(struct gremc_tester *tester, const struct gremc_trial *trial,
		    struct gremc_outcome *outcome)
{
	uint64_t packets = trial_packet_count(trial), end = 0;
	double planned = trial->rate > 0 ? (double)packets / trial->rate : trial->seconds;
	uint32_t *orders = malloc(((size_t)trial->selection->count + 1) * sizeof(*orders));
	int rc;

	*outcome = (struct gremc_outcome){0};
	if (orders == NULL)
		return gremc_outcome_fail(outcome, -ENOMEM, "out of memory");
	rc = network_prepare(tester, outcome);
	if (rc)
		goto done;
	rc = gremc_trial_prepare(tester, trial, packets, orders);
	if (rc) {
		gremc_outcome_fail(outcome, rc, "out of memory for the packet templates");
		goto done;
	}
	rc = trial_phases_run(tester, trial, planned, &end);
	if (rc) {
		gremc_outcome_fail(outcome, rc,
				   "an lcore does not respond: is another program using its CPU?");
		goto done;
	}
	outcome->missed = gremc_engine_rx_missed(tester->engine) - outcome->missed;
	gremc_trial_collect(tester, trial, end, planned, outcome);
	gremc_progress_clear(tester);
done:
	free(orders);
	return rc;
}

/* ---- trials with messages and repetition ---- */

int gremc_trial_run_once(struct gremc_tester *tester, const struct gremc_trial *trial,
			 struct gremc_outcome *outcome)
{
	int rc = gremc_trial_run(tester, trial, outcome);

	if (rc)
		fprintf(stderr, "gremc-loadgen: %s\n", outcome->error);
	else if (gremc_tester_is_stopped(tester))
		rc = -EINTR;
	return rc;
}

int gremc_trial_run_undisturbed(struct gremc_tester *tester, const struct gremc_trial *trial,
				struct gremc_outcome *outcome)
{
	for (int i = 0; i < TRIES; i++) {
		int rc = gremc_trial_run_once(tester, trial, outcome);

		if (rc || !outcome->disturbed)
			return rc;
		if (i + 1 < TRIES)
			gremc_progress_print(
				tester, "%s: the generator was stalled for %.1f ms: the trial is repeated",
				trial->label, outcome->stall_longest * 1e3);
	}
	return 0;
}

int gremc_trial_warm_up(struct gremc_tester *tester, const struct gremc_trial *trial, double rate)
{
	struct gremc_trial warm = *trial;
	struct gremc_outcome outcome;

	if (tester->options->warmup <= 0)
		return 0;
	warm.rate = RTE_MIN(RTE_MAX(rate / 10, WARM_UP_MIN), WARM_UP_MAX);
	warm.seconds = tester->options->warmup;
	warm.packets = 0;
	warm.measure = warm.record_times = false;
	warm.label = "warm-up";
	return gremc_trial_run_undisturbed(tester, &warm, &outcome);
}
