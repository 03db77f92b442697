/* SPDX-License-Identifier: BSD-3-Clause */
#include <rte_ethdev.h>

#include "datapath/datapath_priv.h"

/* The stages write to the packet. A driver may give a buffer that others still read (a ring from another
 * forwarder, a clone): that packet is copied first. Returns NULL when there is no buffer. */
static struct rte_mbuf *own(const struct gremc_rxq *rxq, struct rte_mbuf *mbuf)
{
	struct rte_mbuf *copy = rte_pktmbuf_copy(mbuf, rxq->pool, 0, UINT32_MAX);

	if (copy) {
		copy->ol_flags = mbuf->ol_flags & ~(RTE_MBUF_F_INDIRECT | RTE_MBUF_F_EXTERNAL);
		rte_pktmbuf_free(mbuf);
	}
	return copy;
}

static bool is_shared(const struct rte_mbuf *mbuf)
{
	for (; mbuf; mbuf = mbuf->next)
		if (unlikely(rte_mbuf_refcnt_read(mbuf) != 1 || RTE_MBUF_CLONED(mbuf)))
			return true;
	return false;
}

uint32_t gremc_stage_rx(struct gremc_worker *worker, const struct gremc_rxq *rxq)
{
	struct gremc_burst *burst = &worker->burst;
	struct rte_mbuf *received[GREMC_BURST], *mbuf;
	uint32_t n = rte_eth_rx_burst(rxq->id, rxq->queue, received, GREMC_BURST);

	burst->count = 0;
	burst->done_count = 0;
	for (uint32_t i = 0; i < n; i++) {
		mbuf = received[i];
		rte_prefetch0(rte_pktmbuf_mtod(mbuf, void *));
		worker->rx_bytes += mbuf->pkt_len;
		if (unlikely(is_shared(mbuf))) {
			mbuf = own(rxq, mbuf);
			if (mbuf == NULL) {
				gremc_drop(worker, received[i], GREMC_DROP_shared_input);
				continue;
			}
		}
		burst->packet[burst->count++].mbuf = mbuf;
	}
	worker->rx_packets += n;
	return n;
}
