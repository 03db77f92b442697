/* SPDX-License-Identifier: BSD-3-Clause */
#include <rte_cycles.h>

#include "datapath/pending.h"
#include "datapath/punt.h"
#include "datapath/worker.h"

static void account_drops(struct gremc_worker *worker, struct gremc_totals *totals)
{
	for (unsigned reason = 0; reason < GREMC_DROP_COUNT; reason++)
		if (worker->drops[reason]) {
			gremc_counter_add(&totals->drops[reason], worker->drops[reason]);
			worker->drops[reason] = 0;
		}
	worker->dropped_any = false;
	gremc_samples_refill(worker->stats->samples, rte_rdtsc());
}

static void account_punts(struct gremc_worker *worker, struct gremc_totals *totals)
{
	for (unsigned class = 0; class < GREMC_PUNT_COUNT; class ++)
		if (worker->punted[class]) {
			gremc_counter_add(&totals->punted[class], worker->punted[class]);
			worker->punted[class] = 0;
		}
	worker->punted_any = false;
	/* negative where more packets left the table than fragments entered it: only the sum counts */
	gremc_counter_add(&totals->reassembled, (uint64_t)(int64_t)(int32_t)worker->reassembled);
	worker->reassembled = 0;
}

/* 0, 1, 2-3, 4-7, ... packets */
static unsigned burst_size_bucket(uint32_t n)
{
	return n == 0 ? 0 : 32 - __builtin_clz(n);
}

static void account_rx(struct gremc_worker *worker, struct gremc_totals *totals, const struct gremc_rxq *rxq)
{
	gremc_counter_add(&totals->rx_packets, worker->rx_packets);
	gremc_counter_add(&totals->rx_bytes, worker->rx_bytes);
	gremc_counter_add(&totals->ports[rxq->port].rx_packets, worker->rx_packets);
	gremc_counter_add(&totals->ports[rxq->port].rx_bytes, worker->rx_bytes);
	gremc_counter_add(&totals->bursts[burst_size_bucket(worker->rx_packets)], 1);
	worker->rx_packets = 0;
	worker->rx_bytes = 0;
}

void gremc_worker_account(struct gremc_worker *worker, const struct gremc_rxq *rxq)
{
	struct gremc_totals *totals = &worker->stats->totals;
	struct gremc_burst *burst = &worker->burst;

	/* RCU protects the cache's pointers until the next quiescent state only */
	worker->cache.packet_key = 0;
	if (unlikely(burst->punted_any))
		gremc_punt_flush(worker);
	if (burst->done_count) {
		rte_pktmbuf_free_bulk(burst->done, burst->done_count);
		burst->done_count = 0;
	}
	gremc_stats_write_begin(worker->stats);
	if (rxq)
		account_rx(worker, totals, rxq);
	gremc_counter_add(&totals->forwarded, worker->forwarded);
	worker->forwarded = 0;
	gremc_egress_account(&worker->egress);
	if (unlikely(worker->handed_off)) {
		/* negative where more packets left the rings than entered them: only the sum counts */
		gremc_counter_add(&totals->relayed, (uint64_t)(int64_t)(int32_t)worker->handed_off);
		worker->handed_off = 0;
	}
	if (unlikely(worker->punted_any))
		account_punts(worker, totals);
	if (worker->dropped_any)
		account_drops(worker, totals);
	if (unlikely(worker->pending_changed))
		gremc_pending_account(worker);
	gremc_stats_write_end(worker->stats);
}
