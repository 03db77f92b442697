/* SPDX-License-Identifier: BSD-3-Clause */
#include <rte_ethdev.h>

#include "datapath/datapath_priv.h"

/* The stages write to the packet, so a packet in a buffer with other users is copied first: a clone, a packet
 * of another forwarder's ring, an external buffer with two references. NULL: no free buffer. */
static struct rte_mbuf *mbuf_copy_private(const struct gremc_rxq *rxq, struct rte_mbuf *mbuf)
{
	struct rte_mbuf *copy = rte_pktmbuf_copy(mbuf, rxq->pool, 0, UINT32_MAX);

	if (copy)
		rte_pktmbuf_free(mbuf);
	return copy;
}

/* Does the segment have no other user? An external buffer counts its references itself. With one reference
 * all of it is the segment's, headroom and tailroom included (mlx5 leaves that room between its strides). */
static inline bool mbuf_segment_is_private(const struct rte_mbuf *segment)
{
	if (unlikely(rte_mbuf_refcnt_read(segment) != 1))
		return false;
	if (likely(RTE_MBUF_DIRECT(segment)))
		return true;
	return !RTE_MBUF_CLONED(segment) && rte_mbuf_ext_refcnt_read(segment->shinfo) == 1;
}

static inline bool mbuf_is_shared(const struct rte_mbuf *mbuf)
{
	const struct rte_mbuf *segment = mbuf;

	/* the number of segments is in the mbuf's first cache line, the pointer to the next one is not */
	for (uint32_t left = mbuf->nb_segs; left > 0; left--) {
		if (unlikely(!mbuf_segment_is_private(segment)))
			return true;
		if (likely(left == 1))
			break;
		segment = segment->next;
	}
	return false;
}

uint32_t gremc_stage_rx(struct gremc_worker *worker, const struct gremc_rxq *rxq)
{
	struct gremc_burst *burst = &worker->burst;
	struct rte_mbuf *received[GREMC_BURST], *mbuf;
	uint32_t n;

	burst->count = 0;
	burst->done_count = 0;
	/* acquire: an open queue is of the device whose number is read after */
	if (unlikely(__atomic_load_n(&rxq->closed, __ATOMIC_ACQUIRE)))
		return 0;
	n = rte_eth_rx_burst(rxq->id, rxq->queue, received, GREMC_BURST);
	for (uint32_t i = 0; i < n; i++) {
		mbuf = received[i];
		rte_prefetch0(rte_pktmbuf_mtod(mbuf, void *));
		worker->rx_bytes += mbuf->pkt_len;
		if (unlikely(mbuf_is_shared(mbuf))) {
			mbuf = mbuf_copy_private(rxq, mbuf);
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
