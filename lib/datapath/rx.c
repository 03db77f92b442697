/* SPDX-License-Identifier: BSD-3-Clause */
#include <rte_ethdev.h>
#include <rte_prefetch.h>

#include "datapath/segments.h"
#include "datapath/stages.h"

/* The stages write to packets. So a packet in a buffer with another user is copied first: a clone, a packet
 * from another forwarder's ring, an external buffer with two references. Returns NULL if the pool is empty.
 */
static struct rte_mbuf *mbuf_copy_private(const struct gremc_rxq *rxq, struct rte_mbuf *mbuf)
{
	struct rte_mbuf *copy = gremc_segments_clone(mbuf, rxq->pool);

	if (copy)
		rte_pktmbuf_free(mbuf);
	return copy;
}

/* Whether the segment is the only user of its buffer. An external buffer has a reference count of its own.
 * With one reference, its headroom and tailroom belong to the segment (mlx5 leaves space between its
 * strides). */
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

	/* nb_segs is in the mbuf's first cache line, `next` is not */
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

	gremc_burst_reset(burst);
	/* acquire: pairs with the release in rxq_set_device(), so that an open queue's `id` is current */
	if (unlikely(gremc_bool_load_acquire(&rxq->closed)))
		return 0;
	n = rte_eth_rx_burst(gremc_u16_load(&rxq->id), rxq->queue, received, GREMC_BURST);
	for (uint32_t i = 0; i < n; i++) {
		mbuf = received[i];
		rte_prefetch0(rte_pktmbuf_mtod(mbuf, void *));
		worker->rx_bytes += mbuf->pkt_len;
		if (unlikely(mbuf_is_shared(mbuf))) {
			mbuf = mbuf_copy_private(rxq, mbuf);
			if (mbuf == NULL) {
				gremc_packet_drop(worker, received[i], GREMC_DROP_shared_input);
				continue;
			}
		}
		burst->packet[burst->count++].mbuf = mbuf;
	}
	worker->rx_packets += n;
	return n;
}
