/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <unistd.h>

#include <rte_branch_prediction.h>
#include <rte_cycles.h>

#include "base/assert.h"
#include "engine/inject.h"
#include "engine/lcore.h"
#include "receive/poll.h"

#define PHASE_MASK      3u
#define REST_MICRO      50u
#define POLL_MICRO      20u
#define CONFIRM_SECONDS 2
#define STALLS_A_SECOND 1000u /* a round that takes a thousandth of a second is a stall */
#define WINDOW_SHARE    0.75  /* of the RX queue, in a closed loop */

static_assert(GREMC_PHASE_QUIT <= PHASE_MASK, "a command holds every phase");

/* ---- the lcore ---- */

static void lcore_command_accept(struct gremc_lcore *lcore, uint64_t command)
{
	struct gremc_transmitter *tx = lcore->tx;

	if ((command & PHASE_MASK) == GREMC_PHASE_SEND) {
		/* The schedule starts now, and not when the control thread set the phase. */
		if (tx)
			gremc_pace_restart(&tx->pace, rte_rdtsc());
		lcore->longest_round = lcore->stalled = 0;
	}
	gremc_u64_store_release(&lcore->phase, command);
}

/* Receive a burst. The lcore must empty its queues before it sends more: a packet returns as often as its
 * fan-out, and where the lcore cannot check that many replicas, the rate must fall short rather than its
 * own queue overflow. Once it has received as many frames as the ring holds without a pause, it sends
 * again.
 * Returns: whether the lcore must receive again. */
static bool lcore_must_receive(struct gremc_lcore *lcore)
{
	lcore->full_rounds = gremc_receiver_poll(lcore->rx) ? lcore->full_rounds + 1 : 0;
	return lcore->full_rounds > 0 && lcore->full_rounds * GREMC_RX_BURST < lcore->engine->rx_ring;
}

/* Returns: whether, in a closed loop, as many replicas are in transit as permitted. */
static bool closed_window_is_full(const struct gremc_engine *engine)
{
	uint64_t made = 0, frames = 0;

	if (likely(engine->closed_fanout <= 0))
		return false;
	for (uint32_t i = 0; i < engine->lcore_count; i++) {
		const struct gremc_lcore *lcore = &engine->lcore[i];

		if (lcore->tx)
			made += gremc_u64_load(&lcore->tx->made);
		if (lcore->rx)
			frames += gremc_u64_load(&lcore->rx->counters.frames);
	}
	return (double)made * engine->closed_fanout > (double)frames + WINDOW_SHARE * engine->rx_ring;
}

static void lcore_round(struct gremc_lcore *lcore, bool sending)
{
	struct gremc_transmitter *tx = lcore->tx;
	bool behind = lcore->rx && lcore_must_receive(lcore);

	if (tx == NULL)
		return;
	if (lcore->number == 0 && !rte_ring_empty(lcore->engine->inject))
		gremc_lcore_injected_send(lcore);
	if (sending && !behind && !closed_window_is_full(lcore->engine))
		gremc_transmitter_poll(tx, rte_rdtsc());
	else if (!sending && gremc_u64_load(&tx->pending))
		gremc_transmitter_pending_flush(tx);
}

void gremc_lcore_loop(struct gremc_lcore *lcore)
{
	const struct gremc_engine *engine = lcore->engine;
	uint64_t last = rte_rdtsc(), now, stall = engine->hz / STALLS_A_SECOND, command;

	gremc_assert_worker();
	while ((command = gremc_u64_load_acquire(&engine->command)) != GREMC_PHASE_QUIT) {
		if (unlikely(command != gremc_u64_load(&lcore->phase))) {
			lcore_command_accept(lcore, command);
			last = rte_rdtsc();
		}
		if ((command & PHASE_MASK) == GREMC_PHASE_REST) {
			if (lcore->tx && lcore->number == 0)
				gremc_lcore_injected_send(lcore);
			usleep(REST_MICRO);
			continue;
		}
		lcore_round(lcore, (command & PHASE_MASK) == GREMC_PHASE_SEND);
		now = rte_rdtsc();
		if (unlikely(now - last > lcore->longest_round))
			lcore->longest_round = now - last;
		if (unlikely(now - last > stall))
			lcore->stalled += now - last;
		last = now;
	}
}

/* ---- the control thread ---- */

static bool lcores_have_confirmed(const struct gremc_engine *engine, uint64_t command)
{
	for (uint32_t i = 0; i < engine->lcore_count; i++)
		if (gremc_u64_load_acquire(&engine->lcore[i].phase) != command)
			return false;
	return true;
}

int gremc_engine_phase_set(struct gremc_engine *engine, enum gremc_phase phase)
{
	uint64_t generation = gremc_u64_load(&engine->command) & ~(uint64_t)PHASE_MASK;
	uint64_t command = generation + PHASE_MASK + 1 + phase;
	uint64_t end = rte_rdtsc() + CONFIRM_SECONDS * engine->hz;

	gremc_assert_control_thread();
	gremc_assert(phase != GREMC_PHASE_QUIT);
	gremc_u64_store_release(&engine->command, command);
	while (!lcores_have_confirmed(engine, command)) {
		if (rte_rdtsc() > end)
			return -ETIMEDOUT;
		usleep(POLL_MICRO);
	}
	return 0;
}

void gremc_engine_quit(struct gremc_engine *engine)
{
	gremc_u64_store_release(&engine->command, GREMC_PHASE_QUIT);
}
