/* SPDX-License-Identifier: BSD-3-Clause */
/* Between the replicate stage and replica.c: one packet that is being replicated. */
#ifndef GREMC_DATAPATH_REPLICA_H
#define GREMC_DATAPATH_REPLICA_H

#include "datapath/datapath_priv.h"
#include "datapath/encap.h"
#include "datapath/pending.h"

/* The IP header of a replica's own buffer starts here: any L2 header fits before it, and both lie in one
 * cache line. */
#define GREMC_HEADER_OFFSET (RTE_PKTMBUF_HEADROOM + GREMC_L2_MAX)

/* What of a packet decides, with an encap's shape, what is the same in its replicas: its length, its TOS, and
 * how many segments are to be chained, 0 when it is copied or sent in place. Never 0. One word, for it is
 * compared with each packet. */
static inline uint64_t gremc_packet_key(uint16_t length, uint8_t tos, uint16_t chain)
{
	return length | (uint64_t)tos << 16 | (uint64_t)chain << 32;
}

/* One packet, as its replicas see it, with the tables that they read. */
struct gremc_replication {
	const struct gremc_encap *encap;
	struct gremc_vif_hot *hot;
	struct rte_mbuf *payload;
	uint64_t like;   /* gremc_packet_key() */
	uint32_t blocks; /* of 64 bytes to copy; 0: byte by byte, with a look at the room */
	struct gremc_inner inner;
};

#define GREMC_REPLICAS_AHEAD 6 /* replicas between a prefetch and its use */

/* The lines of a vif and of its counter. */
static inline void gremc_vif_prefetch(const struct gremc_encap *encap, const struct gremc_vif_hot *hot,
				      uint32_t vif)
{
	__builtin_prefetch(&encap[vif]);
	__builtin_prefetch(&hot[vif]);
}

/* Of a packet whose TTL is decremented; of blocks and chain one is 0, both to send it in place. Made whole
 * where it is used, for then it is made in registers. */
static __rte_always_inline struct gremc_replication gremc_replication_make(const struct gremc_worker *worker,
									   const struct gremc_packet *packet,
									   uint32_t blocks, uint16_t chain)
{
	const struct rte_ipv4_hdr *ip = rte_pktmbuf_mtod(packet->mbuf, const struct rte_ipv4_hdr *);

	return (struct gremc_replication){
		.encap = worker->vifs->encap,
		.hot = worker->stats->vif_hot,
		.payload = packet->mbuf,
		.like = gremc_packet_key(packet->length, ip->type_of_service, chain),
		.blocks = blocks,
		.inner = {.ip = ip, .iif = packet->iif, .length = packet->length},
	};
}

/* Settle what replicas of this shape of packets like this one have in common. Returns GREMC_TX_DROP_NONE, or
 * why there can be none. */
enum gremc_transmitter_pending_free gremc_replica_cache_update(struct gremc_worker *worker,
							       uint64_t encap_key, uint64_t like);
/* Over headers at `ip` that are written from the vif's encap: what a run's shape with flags asks for. */
void gremc_replica_cache_patch(struct gremc_worker *worker, const struct gremc_replication *job, uint32_t vif,
			       uint8_t *ip);

/* limit.c: replicas of a packet of a limited mroute, whose TTL is decremented already, for those of the oil's
 * interfaces [from, to) that take it. The packet stays the caller's. */
void gremc_packet_replicate_conditional(struct gremc_worker *worker, const struct gremc_packet *packet,
					uint32_t from, uint32_t to);

/* Each vif gets a replica of the packet, whose TTL is decremented, in a buffer of its own. Above the
 * threshold the payload is chained behind the headers, where the port takes that, else copied; the packet
 * keeps its own reference. */
void gremc_replicas_send(struct gremc_worker *worker, const struct gremc_packet *packet, const uint32_t *vifs,
			 uint32_t n);

/* A packet whose TTL is decremented, to all of its oil, two vifs at least: with copies of the payload, or
 * sharing it. Both take the packet over. */
void gremc_packet_replicate_copied(struct gremc_worker *worker, const struct gremc_packet *packet);
void gremc_packet_replicate_shared(struct gremc_worker *worker, const struct gremc_packet *packet);

/* A replica that is wanted, and waits for its next hop or is lost; takes the packet over. */
void gremc_replica_hold_or_drop(struct gremc_worker *worker, struct rte_mbuf *packet, uint32_t vif,
				enum gremc_transmitter_pending_free reason);

/* The inner packet `mbuf` has got `headers` bytes before it: it is a replica, and queued. */
static __rte_always_inline void gremc_replica_enqueue_in_place(struct gremc_worker *worker,
							       struct gremc_tx *tx, struct rte_mbuf *mbuf,
							       uint16_t headers, uint32_t vif)
{
	mbuf->vlan_tci = mbuf->pkt_len; /* gremc_tx_enqueue() */
	mbuf->data_off -= headers;
	mbuf->data_len += headers;
	mbuf->pkt_len += headers;
	/* the receiving driver's flags request nothing of the sending one; the flags of the buffer's owner
	 * stay */
	mbuf->ol_flags &= RTE_MBUF_F_INDIRECT | RTE_MBUF_F_EXTERNAL;
	mbuf->hash.usr = vif;
	gremc_tx_enqueue(worker, tx, mbuf, mbuf->pkt_len);
}

/* The headers go before the payload, in the packet's own buffer: nothing is allocated or copied. Takes the
 * packet over, unless it returns false: this one cannot be sent so. */
static __rte_always_inline bool gremc_replica_send_in_place(struct gremc_worker *worker,
							    const struct gremc_replication *job, uint32_t vif)
{
	const struct gremc_encap *encap = &job->encap[vif];
	const uint64_t encap_key = __atomic_load_n(&encap->encap_key, __ATOMIC_RELAXED);
	const struct gremc_replica_cache *run = &worker->run;
	struct rte_mbuf *mbuf = job->payload;

	if (unlikely(run->encap_key != encap_key || run->like != job->like)) {
		enum gremc_transmitter_pending_free loss =
			gremc_replica_cache_update(worker, encap_key, job->like);

		if (unlikely(loss != GREMC_TX_DROP_NONE)) {
			gremc_replica_hold_or_drop(worker, mbuf, vif, loss);
			return true;
		}
	}
	if (unlikely(mbuf->data_off < GREMC_L2_MAX + run->header_length ||
		     mbuf->nb_segs > run->tx->max_segments))
		return false;
	gremc_counter_pair_add(&job->hot[vif].tx_packets, 1, job->inner.length);
	gremc_encap_headers((uint8_t *)(uintptr_t)job->inner.ip, encap, run->header_length, run->adjacency,
			    &run->outer);
	if (unlikely(!run->plain))
		gremc_replica_cache_patch(worker, job, vif,
					  (uint8_t *)(uintptr_t)job->inner.ip - run->header_length);
	gremc_replica_enqueue_in_place(worker, run->tx, mbuf, run->headers, vif);
	return true;
}

#endif
