/* SPDX-License-Identifier: BSD-3-Clause */
#include "trial/collect.h"
#include "base/assert.h"

#define TOLERANCE      0.001 /* share of the rate that may be missing */
#define SCHEDULE_GRAIN 20e-6 /* seconds: bursts of 10 us, of which the last may be short */
/* A stall costs up to this many times the replicas that arrive during its length: the forwarder has queues,
 * too. */
#define STALL_COST 4.0

static double cycles_to_seconds(const struct gremc_tester *tester, uint64_t cycles)
{
	return (double)cycles / (double)tester->engine->hz;
}

uint64_t gremc_trial_expected(const struct gremc_tester *tester)
{
	uint64_t expected = 0;

	for (uint32_t f = 0; f < tester->flows->count; f++)
		expected += tester->engine->sequence[f] * tester->flows->flow[f].fanout;
	return expected;
}

/* ---- receivers ---- */

/* TSC of the first and the last event; 0: none. */
struct time_span {
	uint64_t first, last;
};

static void time_span_extend(struct time_span *span, uint64_t first, uint64_t last)
{
	if (first && (span->first == 0 || first < span->first))
		span->first = first;
	span->last = RTE_MAX(span->last, last);
}

static void receiver_delays_collect(const struct gremc_tester *tester, const struct gremc_receiver *rx,
				    struct gremc_outcome *outcome)
{
	for (uint32_t s = 0; s < tester->flows->site_count; s++)
		gremc_histogram_merge(&outcome->delay, &rx->histogram[s]);
	gremc_histogram_merge(&outcome->from_sent, rx->from_sent);
}

static void fault_kinds_sum(struct gremc_outcome *outcome)
{
	for (unsigned k = 0; k < GREMC_FAULT_COUNT; k++) {
		if (gremc_fault_is_sequence(k))
			outcome->sequence += outcome->fault[k];
		else if (gremc_fault_is_damage(k))
			outcome->damaged += outcome->fault[k];
		else
			outcome->unexpected += outcome->fault[k];
	}
}

static void receivers_collect(const struct gremc_tester *tester, const struct gremc_trial *trial,
			      struct gremc_outcome *outcome)
{
	struct time_span span = {0};
	uint64_t replicas = 0;

	for (uint32_t i = 0; i < tester->engine->lcore_count; i++) {
		const struct gremc_receiver *rx = tester->engine->lcore[i].rx;

		if (rx == NULL)
			continue;
		outcome->frames += gremc_u64_load(&rx->counters.frames);
		outcome->received_bytes += rx->counters.bytes;
		replicas += gremc_u64_load(&rx->counters.replicas);
		outcome->backlog = RTE_MAX(outcome->backlog, rx->counters.backlog);
		for (unsigned k = 0; k < GREMC_FAULT_COUNT; k++)
			outcome->fault[k] += rx->counters.fault[k];
		time_span_extend(&span, rx->counters.first, rx->counters.last);
		if (trial->measure)
			receiver_delays_collect(tester, rx, outcome);
	}
	fault_kinds_sum(outcome);
	if (span.last > span.first)
		outcome->replica_rate = (double)replicas / cycles_to_seconds(tester, span.last - span.first);
}

/* Returns: damaged replicas whose stream is unknown. They did arrive, so they are not lost. */
static uint64_t anonymous_replicas_count(const struct gremc_engine *engine)
{
	uint64_t anonymous = 0;

	for (uint32_t i = 0; i < engine->lcore_count; i++)
		if (engine->lcore[i].rx)
			anonymous += gremc_u64_load(&engine->lcore[i].rx->counters.anonymous);
	return anonymous;
}

static void lost_replicas_count(const struct gremc_tester *tester, struct gremc_outcome *outcome)
{
	uint64_t anonymous = anonymous_replicas_count(tester->engine), missing = 0;

	for (uint32_t f = 0; f < tester->flows->count; f++) {
		const struct gremc_flow *flow = &tester->flows->flow[f];
		uint64_t sent = tester->engine->sequence[f];

		for (uint32_t i = 0; i < flow->fanout; i++) {
			const struct gremc_stream *stream = &tester->flows->stream[flow->first + i];
			uint64_t arrived = RTE_MIN(stream->received - stream->duplicated, sent);

			missing += sent - arrived;
			outcome->received += arrived;
		}
	}
	outcome->lost = missing > anonymous ? missing - anonymous : 0;
}

/* ---- transmitters and lcores ---- */

/* Sending ends with the last burst. It ends with the phase (`end`) where a device accepted no more packets,
 * or a closed loop was full. */
static void transmitter_collect(const struct gremc_tester *tester, const struct gremc_trial *trial,
				uint64_t end, struct gremc_transmitter *tx, struct time_span *span,
				struct gremc_outcome *outcome)
{
	uint64_t made = gremc_u64_load(&tx->made), pending = gremc_u64_load(&tx->pending);

	if (made == 0)
		return;
	outcome->sent += made;
	outcome->sent_bytes += tx->bytes;
	outcome->blocked += cycles_to_seconds(tester, tx->blocked);
	outcome->behind += tx->pace.behind;
	outcome->behind_time = RTE_MAX(outcome->behind_time, cycles_to_seconds(tester, tx->pace.lag_max));
	outcome->cut |= made < tx->packets || pending > 0;
	time_span_extend(span, tx->first, pending || trial->closed ? end : tx->last);
	gremc_transmitter_pending_free(tx);
}

static void lcores_collect(const struct gremc_tester *tester, const struct gremc_trial *trial, uint64_t end,
			   struct gremc_outcome *outcome)
{
	struct time_span span = {0};

	for (uint32_t i = 0; i < tester->engine->lcore_count; i++) {
		struct gremc_lcore *lcore = &tester->engine->lcore[i];

		outcome->stall_longest =
			RTE_MAX(outcome->stall_longest, cycles_to_seconds(tester, lcore->longest_round));
		outcome->stalled = RTE_MAX(outcome->stalled, cycles_to_seconds(tester, lcore->stalled));
		if (lcore->tx)
			transmitter_collect(tester, trial, end, lcore->tx, &span, outcome);
	}
	outcome->seconds = cycles_to_seconds(tester, span.last - span.first);
	/* The time from the first burst to the last excludes the packets of the last. */
	if (outcome->sent > 1 && span.last > span.first)
		outcome->rate = (double)(outcome->sent - 1) / outcome->seconds;
	else
		outcome->rate = trial->rate;
}

/* ---- verdict ---- */

static void outcome_rate_check(const struct gremc_trial *trial, double planned, struct gremc_outcome *outcome)
{
	double grain = planned > 0 ? SCHEDULE_GRAIN / planned : 0;

	if (gremc_trial_is_endless(trial))
		outcome->cut = false;
	outcome->shortfall = trial->rate > 0 && outcome->rate < trial->rate * (1 - TOLERANCE - grain);
}

/* Can a stall of the generator have caused this outcome? Not if nothing arrived at all, and not if more is
 * lost than a stall can cost. If only the rate was missed, any stall may be the reason. */
static bool outcome_stall_is_cause(const struct gremc_tester *tester, const struct gremc_outcome *outcome)
{
	double cost = STALL_COST * outcome->stalled * outcome->replica_rate;

	if (outcome->stalled <= 0 || outcome->received == 0)
		return false;
	if (outcome->lost)
		return (double)outcome->lost < cost + (double)tester->engine->rx_ring;
	return outcome->shortfall || outcome->cut;
}

void gremc_trial_collect(struct gremc_tester *tester, const struct gremc_trial *trial, uint64_t end,
			 double planned, struct gremc_outcome *outcome)
{
	gremc_assert_control_thread();
	outcome->expected = gremc_trial_expected(tester);
	lcores_collect(tester, trial, end, outcome);
	receivers_collect(tester, trial, outcome);
	lost_replicas_count(tester, outcome);
	outcome_rate_check(trial, planned, outcome);
	/* An RX queue that never held as many frames as its ring lost none. */
	outcome->saturated = outcome->missed > 0 || outcome->backlog >= tester->engine->rx_ring;
	outcome->disturbed = outcome_stall_is_cause(tester, outcome);
}
