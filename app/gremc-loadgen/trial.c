/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <rte_cycles.h>

#include "stamp.h"
#include "tester.h"

#define LINE_OVERHEAD 20.0 /* preamble, start of frame, gap: bytes */
#define FCS           4.0
#define TOLERANCE     0.001 /* of the rate, before it is a shortfall */
#define CATCH_UP      0.25  /* seconds beyond the trial's own time that the ports get */
#define QUIET_SECONDS 0.03  /* nothing came for so long, and all that is expected is there: it is over */
#define WATCH_MICRO   5000
#define FLUSH_SECONDS 5.0 /* a forwarder may hold a second of packets in its rings */
#define FLUSH_QUIET   0.02
/* times what comes in a pause may be lost by it: the forwarder has packets, too */
#define HELD_UP_COSTS 4.0

static double cycles_to_seconds(const struct gremc_tester *tester, uint64_t cycles)
{
	return (double)cycles / (double)tester->engine->hz;
}

static int outcome_fail(struct gremc_outcome *outcome, int error, const char *text)
{
	snprintf(outcome->error, sizeof(outcome->error), "%s", text);
	outcome->failed = true;
	return error;
}

/* As fast as possible, and no number: the time ends it. */
static bool trial_is_endless(const struct gremc_trial *trial)
{
	return trial->packets == 0 && trial->rate <= 0;
}

/* ---- before ---- */

static int trial_templates_build(struct gremc_tester *tester, const struct gremc_mix *mix)
{
	struct gremc_flows *flows = tester->flows;
	size_t count = (size_t)mix->size_count * flows->count;

	if (tester->templates && tester->template_flows == flows->count &&
	    memcmp(&tester->template_mix, mix, sizeof(*mix)) == 0)
		return 0;
	free(tester->templates);
	tester->templates = aligned_alloc(128, count * sizeof(*tester->templates));
	if (tester->templates == NULL)
		return -ENOMEM;
	for (uint32_t f = 0; f < flows->count; f++) {
		const struct gremc_site *site = &flows->site[flows->flow[f].from];
		struct rte_ether_addr mac = gremc_engine_site_mac(tester->engine, flows->flow[f].from);

		for (unsigned s = 0; s < mix->size_count; s++)
			gremc_template_build(&tester->templates[(size_t)s * flows->count + f], flows, f,
					     gremc_size_inner_length(site, mix->size[s]),
					     &tester->engine->options.map[site->port].forwarder, &mac);
	}
	tester->template_mix = *mix;
	tester->template_flows = flows->count;
	return 0;
}

/* Each sender gets the flows whose number modulo the senders is its own, and its share of rate and packets.
 */
static int transmitters_prepare(struct gremc_tester *tester, const struct gremc_trial *trial,
				uint64_t packets, uint32_t *orders)
{
	struct gremc_engine *engine = tester->engine;
	const struct gremc_selection *selection = trial->selection;
	uint64_t left = packets;
	uint32_t at = 0;

	for (uint32_t i = 0; i < engine->tx_count; i++) {
		struct gremc_transmitter *tx = engine->lcore[i].tx;
		uint32_t first = at;
		double share;

		for (uint32_t k = 0; k < selection->count; k++)
			if (selection->order[k] % engine->tx_count == i)
				orders[at++] = selection->order[k];
		share = (double)(at - first) / selection->count;
		tx->order = &orders[first];
		tx->order_count = at - first;
		tx->packets = i + 1 == engine->tx_count ? left : (uint64_t)(share * (double)packets);
		if (tx->order_count == 0)
			tx->packets = 0;
		left -= tx->packets;
		tx->templates = tester->templates;
		tx->template_stride = tester->flows->count;
		tx->sizes = trial->mix->pattern;
		tx->size_count = trial->mix->pattern_count;
		tx->sequence = engine->sequence;
		tx->trial_id = tester->trial_id;
		tx->order_at = tx->size_at = 0;
		tx->made = tx->taken = tx->bytes = tx->no_mbufs = tx->first = tx->last = 0;
		tx->blocked = tx->blocked_at = 0;
		gremc_pace_start(&tx->pace, trial->rate * share, engine->hz, 0);
		if (trial->closed) /* what leaves when is the forwarder's choice: nothing is late */
			tx->pace.period = 0;
		gremc_pattern_pool_refill(tx->pool);
	}
	/* Rounding may have left packets to a sender without flows. */
	for (uint32_t i = 0; left && i < engine->tx_count; i++)
		if (engine->lcore[i].tx->order_count) {
			engine->lcore[i].tx->packets += left;
			left = 0;
		}
	return 0;
}

static void receivers_prepare(struct gremc_tester *tester, const struct gremc_trial *trial)
{
	struct gremc_engine *engine = tester->engine;
	uint32_t receiver = 0;

	for (uint32_t i = 0; i < engine->lcore_count; i++) {
		struct gremc_receiver *rx = engine->lcore[i].rx;
		struct gremc_histogram *own;

		if (rx == NULL)
			continue;
		rx->from_sent = &tester->from_sent[receiver];
		if (trial->measure)
			*rx->from_sent = (struct gremc_histogram){0};
		own = &tester->histogram[(size_t)receiver++ * tester->flows->site_count];
		gremc_receiver_reset(rx, tester->trial_id);
		rx->histogram = trial->measure ? own : NULL;
		rx->first_time = trial->keep_times ? tester->first_time : NULL;
		rx->last_time = trial->keep_times ? tester->last_time : NULL;
		for (uint32_t s = 0; trial->measure && s < tester->flows->site_count; s++)
			if (own[s].count)
				own[s] = (struct gremc_histogram){0};
	}
}

/* ---- while it runs ---- */

struct watch {
	uint64_t made, taken, replicas, frames, damaged;
	bool done;
};

/* A look from outside: counters move while we read them, which is good enough to see whether they still move.
 */
static struct watch counters_watch(const struct gremc_engine *engine)
{
	struct watch watch = {.done = true};

	for (uint32_t i = 0; i < engine->lcore_count; i++) {
		const struct gremc_transmitter *tx = engine->lcore[i].tx;
		const struct gremc_receiver *rx = engine->lcore[i].rx;

		if (tx) {
			uint64_t made = __atomic_load_n(&tx->made, __ATOMIC_RELAXED);

			watch.made += made;
			watch.taken += __atomic_load_n(&tx->taken, __ATOMIC_RELAXED);
			watch.done &=
				made == tx->packets && __atomic_load_n(&tx->pending, __ATOMIC_RELAXED) == 0;
		}
		if (rx) {
			watch.replicas += __atomic_load_n(&rx->counters.replicas, __ATOMIC_RELAXED);
			watch.damaged += __atomic_load_n(&rx->counters.anonymous, __ATOMIC_RELAXED);
			watch.frames += __atomic_load_n(&rx->counters.frames, __ATOMIC_RELAXED);
		}
	}
	return watch;
}

static void trial_send_wait(struct gremc_tester *tester, const struct gremc_trial *trial, double seconds)
{
	uint64_t begin = rte_rdtsc();
	double limit = trial_is_endless(trial) ? seconds : seconds * 1.1 + CATCH_UP, elapsed = 0;
	struct watch watch;
	bool enough;

	do {
		/* each look costs us a twentieth of a millisecond where control has no CPU of its own */
		usleep(trial->meanwhile || seconds < 0.05 ? 100 : WATCH_MICRO);
		gremc_engine_arp_poll(tester->engine);
		elapsed = cycles_to_seconds(tester, rte_rdtsc() - begin);
		watch = counters_watch(tester->engine);
		enough = trial->meanwhile && trial->meanwhile(trial->argument, elapsed);
		gremc_progress_update(tester, trial->label, elapsed, seconds, watch.made, watch.replicas);
	} while (!watch.done && !enough && elapsed < limit && !gremc_tester_is_stopped(tester));
}

/* Until all is there and nothing has come for a moment (--settle full: for the whole time, RFC 2544, 23), or
 * the time is over. */
static void trial_settle_wait(struct gremc_tester *tester, uint64_t expected)
{
	uint64_t begin = rte_rdtsc(), changed = begin, now;
	double settle = tester->options->settle;
	struct watch last = counters_watch(tester->engine), watch;
	bool all;

	do {
		usleep(500);
		gremc_engine_arp_poll(tester->engine);
		watch = counters_watch(tester->engine);
		now = rte_rdtsc();
		if (watch.frames != last.frames || watch.taken != last.taken)
			changed = now;
		last = watch;
		all = watch.replicas + watch.damaged >= expected;
		if (all && !tester->options->settle_whole &&
		    cycles_to_seconds(tester, now - changed) > QUIET_SECONDS)
			return;
	} while (cycles_to_seconds(tester, now - (tester->options->settle_whole ? begin : changed)) <
			 settle &&
		 cycles_to_seconds(tester, now - begin) < 5 * settle);
}

/* What an earlier trial left on the way is not this one's: wait until nothing comes. */
static int network_drain(struct gremc_tester *tester)
{
	uint64_t begin = rte_rdtsc(), changed = begin, now;
	struct watch last = counters_watch(tester->engine), watch;

	if (gremc_engine_phase_set(tester->engine, GREMC_PHASE_DRAIN))
		return -ETIMEDOUT;
	do {
		usleep(200);
		gremc_engine_arp_poll(tester->engine);
		watch = counters_watch(tester->engine);
		now = rte_rdtsc();
		if (watch.frames != last.frames)
			changed = now;
		last = watch;
	} while (cycles_to_seconds(tester, now - changed) < FLUSH_QUIET &&
		 cycles_to_seconds(tester, now - begin) < FLUSH_SECONDS);
	return gremc_engine_phase_set(tester->engine, GREMC_PHASE_REST);
}

/* ---- after ---- */

static uint64_t trial_expected_replicas(const struct gremc_tester *tester)
{
	uint64_t expected = 0;

	for (uint32_t f = 0; f < tester->flows->count; f++)
		expected += tester->engine->sequence[f] * tester->flows->flow[f].fanout;
	return expected;
}

static void receivers_collect(struct gremc_tester *tester, const struct gremc_trial *trial,
			      struct gremc_outcome *outcome)
{
	uint64_t first = 0, last = 0, replicas = 0, anonymous = 0;

	for (uint32_t i = 0; i < tester->engine->lcore_count; i++) {
		const struct gremc_receiver *rx = tester->engine->lcore[i].rx;

		if (rx == NULL)
			continue;
		outcome->frames += rx->counters.frames;
		outcome->received_bytes += rx->counters.bytes;
		replicas += rx->counters.replicas;
		anonymous += rx->counters.anonymous;
		outcome->backlog = RTE_MAX(outcome->backlog, rx->counters.backlog);
		for (unsigned k = 0; k < GREMC_FAULT_COUNT; k++)
			outcome->fault[k] += rx->counters.fault[k];
		if (rx->counters.first && (first == 0 || rx->counters.first < first))
			first = rx->counters.first;
		last = RTE_MAX(last, rx->counters.last);
		for (uint32_t s = 0; trial->measure && s < tester->flows->site_count; s++)
			gremc_histogram_merge(&outcome->delay, &rx->histogram[s]);
		if (trial->measure)
			gremc_histogram_merge(&outcome->from_sent, rx->from_sent);
	}
	for (unsigned k = 0; k < GREMC_FAULT_COUNT; k++)
		*(k < GREMC_FAULT_DAMAGED_FIRST      ? &outcome->sequence
		  : k < GREMC_FAULT_UNEXPECTED_FIRST ? &outcome->damaged
						     : &outcome->unexpected) += outcome->fault[k];
	outcome->received = replicas;
	outcome->lost = anonymous; /* taken off what is missing, below */
	if (last > first)
		outcome->replica_rate = (double)replicas / cycles_to_seconds(tester, last - first);
}

/* Missing is what no stream has: a replica too damaged to say whose it was did come. */
static void lost_replicas_count(struct gremc_tester *tester, struct gremc_outcome *outcome)
{
	uint64_t anonymous = outcome->lost, missing = 0, unique = 0;

	for (uint32_t f = 0; f < tester->flows->count; f++) {
		const struct gremc_flow *flow = &tester->flows->flow[f];
		uint64_t sent = tester->engine->sequence[f];

		for (uint32_t i = 0; i < flow->fanout; i++) {
			const struct gremc_stream *stream = &tester->flows->stream[flow->first + i];
			uint64_t came = RTE_MIN(stream->received - stream->duplicated, sent);

			missing += sent - came;
			unique += came;
		}
	}
	outcome->lost = missing > anonymous ? missing - anonymous : 0;
	outcome->received = unique;
}

/* `end`: when sending was over. Where a device took nothing any more, or a closed loop was full, it did not
 * end with the last burst. */
static void transmitters_collect(struct gremc_tester *tester, const struct gremc_trial *trial, uint64_t end,
				 struct gremc_outcome *outcome)
{
	uint64_t first = 0, last = 0, longest = 0, held = 0, late = 0;
	uint32_t dropped = 0;

	for (uint32_t i = 0; i < tester->engine->lcore_count; i++) {
		struct gremc_lcore *lcore = &tester->engine->lcore[i];

		longest = RTE_MAX(longest, lcore->longest);
		held = RTE_MAX(held, lcore->held);
		if (lcore->tx == NULL || lcore->tx->made == 0)
			continue;
		outcome->sent += lcore->tx->made;
		outcome->sent_bytes += lcore->tx->bytes;
		outcome->blocked += cycles_to_seconds(tester, lcore->tx->blocked);
		outcome->behind += lcore->tx->pace.behind;
		late = RTE_MAX(late, lcore->tx->pace.latest);
		outcome->cut |= lcore->tx->made < lcore->tx->packets;
		if (first == 0 || lcore->tx->first < first)
			first = lcore->tx->first;
		last = RTE_MAX(last, lcore->tx->pending || trial->closed ? end : lcore->tx->last);
		dropped += lcore->tx->pending;
		gremc_transmitter_pending_free(lcore->tx);
	}
	outcome->held_up = cycles_to_seconds(tester, longest);
	outcome->held = cycles_to_seconds(tester, held);
	outcome->late = cycles_to_seconds(tester, late);
	outcome->seconds = cycles_to_seconds(tester, last - first);
	outcome->cut |= dropped > 0;
	/* From the first burst to the last there are all packets but those of the last. */
	if (outcome->sent > 1 && last > first)
		outcome->rate = (double)(outcome->sent - 1) / outcome->seconds;
	else
		outcome->rate = trial->rate;
}

/* The schedule's own grain: bursts of 10 us, of which the last may be short. */
static void outcome_rate_check(const struct gremc_trial *trial, double planned, struct gremc_outcome *outcome)
{
	double grain = planned > 0 ? 20e-6 / planned : 0;

	if (trial_is_endless(trial))
		outcome->cut = false;
	outcome->shortfall = trial->rate > 0 && outcome->rate < trial->rate * (1 - TOLERANCE - grain);
}

/* May what is missing be our own doing? Not if nothing came at all. A queue that never held a ring's frames
 * lost none. More than a pause can have cost is not due to it; where only the rate was missed, any pause may
 * be why. */
static void outcome_disturbance_check(const struct gremc_tester *tester, struct gremc_outcome *outcome)
{
	double during = outcome->held * outcome->replica_rate;

	outcome->saturated = outcome->missed > 0 || outcome->backlog >= tester->engine->rx_ring;
	outcome->disturbed = outcome->held > 0 && outcome->received > 0 &&
			     (outcome->lost ? (double)outcome->lost <
						      HELD_UP_COSTS * during + (double)tester->engine->rx_ring
					    : outcome->shortfall || outcome->cut);
}

static int trial_prepare(struct gremc_tester *tester, const struct gremc_trial *trial, uint64_t packets,
			 uint32_t *orders, struct gremc_outcome *outcome)
{
	const char *down = gremc_engine_link_down(tester->engine);

	*outcome = (struct gremc_outcome){0};
	if (down) {
		snprintf(outcome->error, sizeof(outcome->error),
			 "the link of `%s` is down: has the forwarder stopped?", down);
		outcome->failed = true;
		return -ENOLINK;
	}
	if (network_drain(tester))
		return outcome_fail(outcome, -ETIMEDOUT,
				    "an lcore does not answer: is another program using its CPU?");
	if (trial_templates_build(tester, trial->mix))
		return outcome_fail(outcome, -ENOMEM, "out of memory for the packets' templates");
	outcome->missed = gremc_engine_rx_missed(tester->engine); /* before; the difference after */
	tester->trial_id++;
	tester->trials++;
	tester->engine->closed_fanout = trial->closed ? trial->selection->fanout : 0;
	memset(tester->engine->sequence, 0, tester->flows->count * sizeof(*tester->engine->sequence));
	gremc_flows_reset(tester->flows);
	receivers_prepare(tester, trial);
	return transmitters_prepare(tester, trial, packets, orders);
}

static uint64_t trial_packet_count(const struct gremc_trial *trial)
{
	if (trial_is_endless(trial))
		return UINT64_C(1) << 62;
	return trial->packets ? trial->packets : (uint64_t)RTE_MAX(1.0, round(trial->rate * trial->seconds));
}

int gremc_trial_run(struct gremc_tester *tester, const struct gremc_trial *trial,
		    struct gremc_outcome *outcome)
{
	uint64_t packets = trial_packet_count(trial);
	double planned = trial->rate > 0 ? (double)packets / trial->rate : trial->seconds;
	uint32_t *orders = malloc(((size_t)trial->selection->count + 1) * sizeof(*orders));
	uint64_t end = 0;
	int rc;

	if (orders == NULL)
		return outcome_fail(outcome, -ENOMEM, "out of memory");
	rc = trial_prepare(tester, trial, packets, orders, outcome);
	if (rc)
		goto done;
	rc = gremc_engine_phase_set(tester->engine, GREMC_PHASE_SEND);
	if (rc == 0) {
		trial_send_wait(tester, trial, planned);
		end = rte_rdtsc();
		rc = gremc_engine_phase_set(tester->engine, GREMC_PHASE_DRAIN);
	}
	if (rc == 0) {
		trial_settle_wait(tester, trial_expected_replicas(tester));
		rc = gremc_engine_phase_set(tester->engine, GREMC_PHASE_REST);
	}
	if (rc) {
		outcome_fail(outcome, rc, "an lcore does not answer: is another program using its CPU?");
		goto done;
	}
	outcome->missed = gremc_engine_rx_missed(tester->engine) - outcome->missed;
	outcome->expected = trial_expected_replicas(tester);
	transmitters_collect(tester, trial, end, outcome);
	receivers_collect(tester, trial, outcome);
	lost_replicas_count(tester, outcome);
	outcome_rate_check(trial, planned, outcome);
	outcome_disturbance_check(tester, outcome);
	gremc_progress_clear(tester);
done:
	free(orders);
	return rc;
}

char *gremc_outcome_faults_format(const struct gremc_outcome *outcome, char *text, size_t size)
{
	size_t used = 0;

	snprintf(text, size, "none");
	for (unsigned i = 0; i < GREMC_FAULT_COUNT && used < size; i++)
		if (outcome->fault[i])
			used += (size_t)snprintf(text + used, size - used, "%s%s %" PRIu64, used ? ", " : "",
						 gremc_fault_name(i), outcome->fault[i]);
	return text;
}

double gremc_trial_frame_bits(const struct gremc_tester *tester, const struct gremc_trial *trial, bool line)
{
	const struct gremc_selection *selection = trial->selection;
	double bytes = 0;

	for (uint32_t i = 0; i < selection->count; i++) {
		const struct gremc_site *site =
			&tester->flows->site[tester->flows->flow[selection->order[i]].from];

		for (unsigned k = 0; k < trial->mix->pattern_count; k++)
			bytes += gremc_size_inner_length(site, trial->mix->size[trial->mix->pattern[k]]) +
				 gremc_site_tx_overhead(site) + FCS + (line ? LINE_OVERHEAD : 0);
	}
	return bytes * 8 / selection->count / trial->mix->pattern_count;
}
