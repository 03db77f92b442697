/* SPDX-License-Identifier: BSD-3-Clause */
/* What the control thread gives: whole frames for a port, and multicast of the host for the fast path. */
#include "datapath/datapath_priv.h"

void gremc_host_frame_send(struct gremc_worker *worker, struct rte_mbuf *mbuf)
{
	/* a frame of a vif that has been removed is sent, too, for no vif */
	const uint32_t vif = gremc_mbuf_vif(mbuf, worker->vifs);

	worker->injected++;
	worker->wanted++;
	if (vif != GREMC_VIF_NONE)
		gremc_counter_pair_add(&worker->stats->vif_hot[vif].tx_packets, 1, mbuf->vlan_tci);
	mbuf->hash.usr = vif;
	gremc_tx_enqueue(worker, worker->tx[mbuf->port], mbuf, mbuf->pkt_len);
}

/* A packet of the host's own vif: as if it had come by a port that takes native multicast. */
static void burst_add_host_packet(struct gremc_worker *worker, struct rte_mbuf *mbuf)
{
	struct gremc_burst *burst = &worker->burst;

	worker->rx_packets++;
	worker->rx_bytes += mbuf->pkt_len;
	burst->tunnel[burst->count] = (struct gremc_tunnel_key){0};
	burst->packet[burst->count++] = (struct gremc_packet){
		.mbuf = mbuf,
		.native = true,
		.inner_room = RTE_MIN(mbuf->pkt_len, (uint32_t)UINT16_MAX),
	};
}

uint32_t gremc_stage_inject(struct gremc_worker *worker)
{
	struct gremc_burst *burst = &worker->burst;
	struct rte_mbuf *mbufs[GREMC_BURST];
	uint32_t n = gremc_ring_dequeue(worker->down, mbufs, GREMC_BURST);

	if (likely(n == 0))
		return 0;
	burst->count = 0;
	burst->done_count = 0;
	for (uint32_t i = 0; i < n; i++) {
		rte_prefetch0(rte_pktmbuf_mtod(mbufs[i], void *));
		if (mbufs[i]->port == worker->host_rxq.port)
			burst_add_host_packet(worker, mbufs[i]);
		else
			gremc_host_frame_send(worker, mbufs[i]);
	}
	gremc_stage_decap(worker, &worker->host_rxq);
	gremc_stage_lookup(worker);
	gremc_stage_replicate(worker);
	gremc_stage_tx(worker);
	gremc_worker_account(worker, &worker->host_rxq);
	return n;
}
