/* SPDX-License-Identifier: BSD-3-Clause */
#include <rte_launch.h>

#include "bench.h"

/* After a burst: was its probe forwarded? It is the only one that may lack an mroute. */
static void load_probe_check(struct bench_load *load, uint64_t *dropped)
{
	uint64_t drops = load->world->worker->stats->totals.drops[GREMC_DROP_no_mroute];

	if (drops == *dropped && __atomic_load_n(&load->seen, __ATOMIC_RELAXED) == 0)
		__atomic_store_n(&load->seen, rte_rdtsc(), __ATOMIC_RELEASE);
	*dropped = drops;
}

static int load_thread(void *argument)
{
	struct bench_load *load = argument;
	struct gremc_worker *worker = load->world->worker;
	static struct bench_source source;
	struct bench_section_cost cost;
	uint64_t packets = 0, dropped = 0;

	bench_source_init(&source, load->world, BENCH_INPUT_good, load->size);
	source.extra = load->probe;
	rte_rcu_qsbr_thread_online(worker->qsbr, (unsigned)worker->rcu_slot);
	while (!__atomic_load_n(&load->stop, __ATOMIC_RELAXED)) {
		if (bench_section(load->world, &source, load->burst, load->burst, &cost)) {
			__atomic_store_n(&load->failed, true, __ATOMIC_RELAXED);
			break;
		}
		if (load->probe)
			load_probe_check(load, &dropped);
		packets += load->burst;
		__atomic_store_n(&load->packets, packets, __ATOMIC_RELEASE);
	}
	rte_rcu_qsbr_thread_offline(worker->qsbr, (unsigned)worker->rcu_slot);
	return 0;
}

int bench_load_start(struct bench_load *load)
{
	unsigned lcore = rte_get_next_lcore(-1, 1, 0);

	if (lcore >= RTE_MAX_LCORE) {
		fprintf(stderr, "gremc-bench: this needs two lcores\n");
		return -1;
	}
	load->lcore = lcore;
	load->seen = load->packets = 0;
	load->stop = load->failed = false;
	if (rte_eal_remote_launch(load_thread, load, lcore)) {
		fprintf(stderr, "gremc-bench: lcore %u is busy\n", lcore);
		return -1;
	}
	while (__atomic_load_n(&load->packets, __ATOMIC_ACQUIRE) == 0)
		if (__atomic_load_n(&load->failed, __ATOMIC_RELAXED))
			return bench_load_stop(load);
	return 0;
}

int bench_load_stop(struct bench_load *load)
{
	__atomic_store_n(&load->stop, true, __ATOMIC_RELAXED);
	rte_eal_wait_lcore(load->lcore);
	return load->failed ? -1 : 0;
}
