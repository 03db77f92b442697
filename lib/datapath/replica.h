/* SPDX-License-Identifier: BSD-3-Clause */
/* The replicas of one packet. */
#ifndef GREMC_DATAPATH_REPLICA_H
#define GREMC_DATAPATH_REPLICA_H

#include "datapath/encap.h"
#include "datapath/tx.h"
#include "datapath/worker.h"

/* The IP header of a replica in a header mbuf starts here. Any L2 header fits before it, and both lie in one
 * cache line. */
#define GREMC_HEADER_OFFSET (RTE_PKTMBUF_HEADROOM + GREMC_L2_MAX)

/* The packet key: with an encap key, it decides all fields that replicas have in common. Never 0.
 * Input:   length and TOS of the inner packet; chain: segments of a shared payload, 0 if the payload is
 * copied or sent in place. */
static inline uint64_t gremc_packet_key(uint16_t length, uint8_t tos, uint16_t chain)
{
	return length | (uint64_t)tos << 16 | (uint64_t)chain << 32;
}

/* The TOS of a packet key. */
static inline uint8_t gremc_packet_key_tos(uint64_t packet_key)
{
	return (uint8_t)(packet_key >> 16);
}

/* One packet in replication, with the tables that its replicas read. */
struct gremc_replication {
	const struct gremc_encap *encap;
	struct gremc_vif_hot *hot;
	struct rte_mbuf *payload;
	uint64_t packet_key;
	uint32_t blocks; /* of 64 bytes to copy; 0: copy by bytes, after a check of the capacity */
	struct gremc_inner inner;
};

#define GREMC_REPLICAS_AHEAD 6 /* replicas between a prefetch and its use */

/* Prefetch the cache lines of a vif and of its counter. */
static inline void gremc_vif_prefetch(const struct gremc_encap *encap, const struct gremc_vif_hot *hot,
				      uint32_t vif)
{
	__builtin_prefetch(&encap[vif]);
	__builtin_prefetch(&hot[vif]);
}

/* Constructed where it is used, so that the compiler keeps it in registers.
 * Input:   a packet whose TTL is decremented. `blocks` is 0 for a shared payload, `chain` is 0 for a copied
 * one, both are 0 to send in place. */
static __rte_always_inline struct gremc_replication gremc_replication_make(const struct gremc_worker *worker,
									   const struct gremc_packet *packet,
									   uint32_t blocks, uint16_t chain)
{
	const struct rte_ipv4_hdr *ip = rte_pktmbuf_mtod(packet->mbuf, const struct rte_ipv4_hdr *);

	return (struct gremc_replication){
		.encap = worker->vifs->encap,
		.hot = worker->stats->vif_hot,
		.payload = packet->mbuf,
		.packet_key = gremc_packet_key(packet->length, ip->type_of_service, chain),
		.blocks = blocks,
		.inner = {.ip = ip, .iif = packet->iif, .length = packet->length},
	};
}

/* Fill worker->cache for these keys.
 * Input:   worker->cache.vif: the vif of the replica.
 * Returns: GREMC_TX_DROP_NONE; else the reason why replicas with these keys cannot be sent, and the cache is
 *          invalid. */
enum gremc_tx_drop gremc_replica_cache_update(struct gremc_worker *worker, uint64_t encap_key,
					      uint64_t packet_key);
/* Write the header fields that the template does not have, for the flags of worker->cache.
 * Input:   ip: headers that are written from the vif's encap. */
void gremc_replica_cache_patch(struct gremc_worker *worker, const struct gremc_replication *replication,
			       uint32_t vif, uint8_t *ip);

/* Send a replica of the packet, in a header mbuf, to each of n vifs. The payload is chained above the copy
 * threshold, if the port can send chains; else it is copied.
 * Input:   a packet whose TTL is decremented; the replicas are requested.
 * Owner:   the packet stays the caller's. */
void gremc_replicas_send(struct gremc_worker *worker, const struct gremc_packet *packet, const uint32_t *vifs,
			 uint32_t n);
/* Send replicas with a copied payload to the whole oil, at least two vifs.
 * Input:   a packet whose TTL is decremented; the replicas are requested.
 * Owner:   takes the packet over. */
void gremc_packet_replicate_copied(struct gremc_worker *worker, const struct gremc_packet *packet);
/* Like gremc_packet_replicate_copied(), with a shared payload. */
void gremc_packet_replicate_shared(struct gremc_worker *worker, const struct gremc_packet *packet);

/* Count a requested replica that cannot be sent as it is: send it as fragments, hold it for its next hop, or
 * drop it.
 * Owner:   takes the packet over. */
void gremc_replica_hold_or_drop(struct gremc_worker *worker, struct rte_mbuf *packet, uint32_t vif,
				enum gremc_tx_drop reason);

/* Send the only or last replica in the packet's own mbuf: no allocation, no copy.
 * Owner:   takes the packet over unless it returns false.
 * Returns: false if the mbuf has too little headroom or too many segments. */
static __rte_always_inline bool gremc_replica_send_in_place(struct gremc_worker *worker,
							    const struct gremc_replication *replication,
							    uint32_t vif)
{
	const struct gremc_encap *encap = &replication->encap[vif];
	const uint64_t encap_key = gremc_encap_key_load(encap);
	const struct gremc_replica_cache *cache = &worker->cache;
	struct rte_mbuf *mbuf = replication->payload;

	if (unlikely(cache->encap_key != encap_key || cache->packet_key != replication->packet_key)) {
		enum gremc_tx_drop reason;

		worker->cache.vif = vif;
		reason = gremc_replica_cache_update(worker, encap_key, replication->packet_key);

		if (unlikely(reason != GREMC_TX_DROP_NONE)) {
			gremc_replica_hold_or_drop(worker, mbuf, vif, reason);
			return true;
		}
	}
	if (unlikely(mbuf->data_off < GREMC_L2_MAX + cache->header_length ||
		     mbuf->nb_segs > cache->tx->max_segments))
		return false;
	gremc_counter_pair_add(&replication->hot[vif].tx_packets, 1, replication->inner.length);
	gremc_encap_headers((uint8_t *)(uintptr_t)replication->inner.ip, encap, cache->header_length,
			    cache->adjacency, &cache->outer);
	if (unlikely(!cache->template_only))
		gremc_replica_cache_patch(worker, replication, vif,
					  (uint8_t *)(uintptr_t)replication->inner.ip - cache->header_length);
	gremc_tx_enqueue_in_place(&worker->egress, cache->tx, mbuf, cache->headers, vif);
	return true;
}

#endif
