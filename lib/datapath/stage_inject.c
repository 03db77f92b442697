/* SPDX-License-Identifier: BSD-3-Clause */
#include <rte_prefetch.h>

#include "datapath/stages.h"
#include "datapath/tx.h"

/* Add a packet of the host's vif, like one that a port with native multicast received. */
static void burst_add_host_packet(struct gremc_worker *worker, struct rte_mbuf *mbuf)
{
	struct gremc_burst *burst = &worker->burst;

	worker->rx_packets++;
	worker->rx_bytes += mbuf->pkt_len;
	burst->tunnel[burst->count] = (struct gremc_tunnel_key){0};
	burst->packet[burst->count++] = (struct gremc_packet){
		.mbuf = mbuf,
		.native = true,
		.inner_space = RTE_MIN(mbuf->pkt_len, (uint32_t)UINT16_MAX),
	};
}

uint32_t gremc_stage_inject(struct gremc_worker *worker)
{
	struct rte_mbuf *mbufs[GREMC_BURST];
	uint32_t n = gremc_ring_dequeue(worker->inject_ring, mbufs, GREMC_BURST);

	if (likely(n == 0))
		return 0;
	gremc_burst_reset(&worker->burst);
	for (uint32_t i = 0; i < n; i++) {
		rte_prefetch0(rte_pktmbuf_mtod(mbufs[i], void *));
		if (mbufs[i]->port == worker->host_rxq.port)
			burst_add_host_packet(worker, mbufs[i]);
		else
			gremc_tx_enqueue_frame(&worker->egress, mbufs[i]);
	}
	return n;
}
