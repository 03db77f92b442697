/* SPDX-License-Identifier: BSD-3-Clause */
#include <time.h>

#include <rte_cycles.h>
#include <rte_pause.h>

#include "datapath/idle.h"

/* Empty iterations before the first sleep: shorter gaps in the traffic add no latency. */
#define SPINS 2000u

/* Free the stock of header mbufs, so that an idle worker holds none. */
static void header_mbufs_free(struct gremc_worker *worker)
{
	if (worker->header_count == 0)
		return;
	rte_pktmbuf_free_bulk(worker->header, worker->header_count);
	worker->header_count = 0;
}

void gremc_idle_wait(struct gremc_worker *worker)
{
	struct gremc_idle *idle = &worker->idle;
	struct timespec time;
	uint64_t start;

	if (!gremc_bool_load(&worker->sleep_when_idle) || ++idle->empty < SPINS) {
		rte_pause();
		return;
	}
	header_mbufs_free(worker);
	time = (struct timespec){.tv_nsec = idle->sleep * 1000L};
	start = rte_rdtsc();
	rte_rcu_qsbr_thread_offline(worker->qsbr, worker->rcu_slot);
	nanosleep(&time, NULL);
	rte_rcu_qsbr_thread_online(worker->qsbr, worker->rcu_slot);
	idle->sleep = RTE_MIN(idle->sleep * 2, gremc_u32_load(&worker->max_sleep));
	gremc_stats_write_begin(worker->stats);
	gremc_counter_add(&worker->stats->totals.sleeps, 1);
	gremc_counter_add(&worker->stats->totals.sleep_cycles, rte_rdtsc() - start);
	gremc_stats_write_end(worker->stats);
}
