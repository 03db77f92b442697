/* SPDX-License-Identifier: BSD-3-Clause */
#include <sched.h>
#include <sys/prctl.h>

#include <rte_cycles.h>

#include "base/assert.h"
#include "datapath/backlog.h"
#include "datapath/datapath.h"
#include "datapath/forward.h"
#include "datapath/fragment.h"
#include "datapath/idle.h"
#include "datapath/pending.h"
#include "datapath/punt_ring.h"
#include "datapath/reassembly.h"

#define WINDOW_SECONDS 10

/* ---- shutdown ---- */

static uint32_t worker_poll_workers(struct gremc_worker *worker)
{
	uint32_t handoffs = gremc_worker_poll_handoff(worker);

	return handoffs + gremc_worker_poll_shared(worker);
}

/* One iteration of the shutdown. There may be more threads than CPUs. Returns how many packets of other
 * workers it took. */
static uint32_t worker_poll_shutdown(struct gremc_worker *worker)
{
	uint32_t n = worker_poll_workers(worker);

	if (worker->egress.backlogged)
		gremc_worker_poll_backlogs(worker);
	rte_rcu_qsbr_quiescent(worker->qsbr, worker->rcu_slot);
	if (unlikely(worker->egress.needs_keep_alive))
		gremc_egress_keep_alive(&worker->egress, rte_rdtsc());
	if (n == 0)
		sched_yield();
	return n;
}

/* Poll until all workers have reached the step, then until the rings are empty. Until then other workers may
 * still wait for this one to empty its rings. */
static void shutdown_step_run(struct gremc_worker *worker, enum gremc_shutdown_step step, uint64_t until)
{
	gremc_atomic_u32 *reached = &worker->group->reached[step];

	/* acquire, release: a worker that sees another one at this step also sees the packets that the other
	 * one enqueued before */
	gremc_u32_add_acq_rel(reached, 1);
	while (gremc_u32_load_acquire(reached) < worker->group->count && rte_rdtsc() < until)
		worker_poll_shutdown(worker);
	while (worker_poll_shutdown(worker) > 0 && rte_rdtsc() < until)
		;
}

/* Forward or drop all packets that the worker holds, and those that others give it meanwhile. Packets that
 * are left in rings are for gremc_workers_drain(). */
static void worker_shutdown(struct gremc_worker *worker)
{
	const uint64_t until = rte_rdtsc() + rte_get_tsc_hz() / MS_PER_S * GREMC_SHUTDOWN_MS;

	while (gremc_worker_poll_inject(worker) > 0 && rte_rdtsc() < until)
		;
	for (enum gremc_shutdown_step step = 0; step < GREMC_SHUTDOWN_COUNT; step++)
		shutdown_step_run(worker, step, until);
	while (worker->egress.backlogged && rte_rdtsc() < until)
		worker_poll_shutdown(worker);
	gremc_backlogs_drop(&worker->egress);
	gremc_pending_drop_all(worker);
	gremc_fragments_free(worker);
	gremc_reassembly_drop_all(worker);
	gremc_worker_account(worker, NULL);
	rte_pktmbuf_free_bulk(worker->header, worker->header_count);
	worker->header_count = 0;
}

/* ---- the loop ---- */

/* Record the longest iteration, the time between two quiescent states: since the start, in the present window
 * and in the previous one. */
static void iteration_account(struct gremc_worker *worker, uint64_t start, uint64_t end)
{
	struct gremc_totals *totals = &worker->stats->totals;
	const uint64_t cycles = end - start;
	const bool next = end - worker->window > WINDOW_SECONDS * rte_get_tsc_hz();

	if (likely(cycles <= worker->window_longest && !next))
		return;
	gremc_stats_write_begin(worker->stats);
	if (next) {
		worker->window = end;
		gremc_counter_set(&totals->longest_before, worker->window_longest);
		worker->window_longest = 0;
	}
	worker->window_longest = RTE_MAX(worker->window_longest, cycles);
	gremc_counter_set(&totals->longest_now, worker->window_longest);
	gremc_counter_set(&totals->longest, RTE_MAX(totals->longest, cycles));
	gremc_stats_write_end(worker->stats);
}

static void busy_account(struct gremc_stats *stats, uint64_t cycles)
{
	gremc_stats_write_begin(stats);
	gremc_counter_add(&stats->totals.busy_cycles, cycles);
	gremc_stats_write_end(stats);
}

/* Returns how many packets the iteration found. */
static uint32_t worker_iterate(struct gremc_worker *worker)
{
	/* first, so that later packets do not overtake those that waited */
	uint32_t n = unlikely(worker->has_pending) ? gremc_worker_poll_pending(worker) : 0;

	for (uint16_t i = 0; i < worker->rxq_count; i++) {
		n += gremc_worker_poll(worker, &worker->rxq[i]);
		if (unlikely(worker->egress.needs_keep_alive))
			gremc_egress_keep_alive(&worker->egress, rte_rdtsc());
	}
	n += gremc_worker_poll_inject(worker);
	n += worker_poll_workers(worker);
	if (unlikely(worker->egress.backlogged))
		n += gremc_worker_poll_backlogs(worker);
	if (unlikely(worker->egress.wake_control))
		gremc_punt_wake(worker);
	rte_rcu_qsbr_quiescent(worker->qsbr, worker->rcu_slot);
	return n;
}

void gremc_worker_run(struct gremc_worker *worker)
{
	uint64_t start, end;
	uint32_t n;

	gremc_role_register(GREMC_ROLE_WORKER);
	/* sleeps of microseconds; the default slack is 50 */
	prctl(PR_SET_TIMERSLACK, 1000UL);
	rte_rcu_qsbr_thread_online(worker->qsbr, worker->rcu_slot);
	start = rte_rdtsc();
	worker->window = start;
	while (!gremc_bool_load(&worker->group->stop)) {
		n = worker_iterate(worker);
		end = rte_rdtsc();
		iteration_account(worker, start, end);
		if (n) {
			busy_account(worker->stats, end - start);
			gremc_idle_reset(&worker->idle);
		} else {
			gremc_idle_wait(worker);
		}
		if (unlikely(worker->egress.needs_keep_alive))
			gremc_egress_keep_alive(&worker->egress, end);
		start = n ? end : rte_rdtsc();
	}
	worker_shutdown(worker);
	rte_rcu_qsbr_thread_offline(worker->qsbr, worker->rcu_slot);
	gremc_role_unregister(GREMC_ROLE_WORKER);
}
