/* SPDX-License-Identifier: BSD-3-Clause */
#include <rte_launch.h>

#include "bench.h"

/* After a burst: record whether its probe was forwarded. Only the probe may have no mroute. */
static void load_probe_check(struct bench_load *load, uint64_t *dropped)
{
	uint64_t drops = load->world->worker->stats->totals.drops[GREMC_DROP_no_mroute];

	if (drops == *dropped && gremc_u64_load(&load->seen) == 0)
		gremc_u64_store_release(&load->seen, rte_rdtsc());
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
	while (!gremc_bool_load(&load->stop)) {
		if (bench_section(load->world, &source, load->burst, load->burst, &cost)) {
			gremc_bool_store(&load->failed, true);
			break;
		}
		if (load->probe)
			load_probe_check(load, &dropped);
		packets += load->burst;
		gremc_u64_store_release(&load->packets, packets);
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
	gremc_u64_store(&load->seen, 0);
	gremc_u64_store(&load->packets, 0);
	gremc_bool_store(&load->stop, false);
	gremc_bool_store(&load->failed, false);
	if (rte_eal_remote_launch(load_thread, load, lcore)) {
		fprintf(stderr, "gremc-bench: lcore %u is busy\n", lcore);
		return -1;
	}
	while (gremc_u64_load_acquire(&load->packets) == 0)
		if (gremc_bool_load(&load->failed))
			return bench_load_stop(load);
	return 0;
}

int bench_load_stop(struct bench_load *load)
{
	gremc_bool_store(&load->stop, true);
	rte_eal_wait_lcore(load->lcore);
	return gremc_bool_load(&load->failed) ? -1 : 0;
}
