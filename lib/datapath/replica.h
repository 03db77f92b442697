/* SPDX-License-Identifier: BSD-3-Clause */
/* Between the replicate stage and replica.c: one packet that is being replicated. */
#ifndef GREMC_DATAPATH_REPLICA_H
#define GREMC_DATAPATH_REPLICA_H

#include "datapath/datapath_priv.h"
#include "datapath/encap.h"
#include "datapath/wait.h"

/* The IP header of a replica's own buffer starts here: any L2 header fits before it, and both lie in one
 * cache line. */
#define GREMC_HEADER_OFFSET (RTE_PKTMBUF_HEADROOM + GREMC_L2_MAX)

/* One packet, as its replicas see it, with the tables that they read. */
struct gremc_job {
	const struct gremc_encap *encap;
	struct gremc_adjacency *const *adjacency;
	struct gremc_vif_hot *hot;
	struct rte_mbuf *payload;
	const uint8_t *bytes; /* of the payload */
	uint32_t blocks;      /* of 64 bytes to copy; 0: byte by byte, with a look at the room */
	struct gremc_inner inner;
};

#define GREMC_REPLICAS_AHEAD 6  /* replicas between a prefetch and its use */
#define GREMC_BLOCK          64 /* bytes copied at once */

/* The lines of a vif and of its counter. */
static inline void gremc_prefetch_vif(const struct gremc_encap *encap, const struct gremc_vif_hot *hot,
				      uint32_t vif)
{
	__builtin_prefetch(&encap[vif]);
	__builtin_prefetch(&hot[vif]);
}

/* Whole blocks are copied, past the payload's end: into the header buffer, where nothing else is, out of the
 * payload's buffer, if it goes on so far. 0 when it does not, or when the payload is in pieces or too long
 * for it. */
static inline uint32_t gremc_replica_blocks(const struct gremc_worker *worker, const struct rte_mbuf *payload)
{
	uint32_t bytes = RTE_ALIGN_CEIL((uint32_t)payload->data_len, GREMC_BLOCK);

	if (unlikely(payload->nb_segs > 1 || (uint32_t)payload->data_off + bytes > payload->buf_len ||
		     GREMC_L2_MAX + GREMC_ENCAP_HEADER_MAX + bytes > worker->header_room))
		return 0;
	return bytes / GREMC_BLOCK;
}

/* Of a packet whose TTL is decremented. Made where it is used, for then it is made in registers. */
static __rte_always_inline struct gremc_inner gremc_packet_inner(const struct gremc_packet *packet)
{
	const struct rte_ipv4_hdr *ip = rte_pktmbuf_mtod(packet->mbuf, const struct rte_ipv4_hdr *);

	return gremc_inner_of(ip, packet->length, ip->time_to_live, packet->iif);
}

static inline struct gremc_job gremc_job_of(const struct gremc_worker *worker, struct rte_mbuf *mbuf,
					    const struct gremc_inner *inner)
{
	return (struct gremc_job){
		.encap = worker->vifs->encap,
		.adjacency = worker->vifs->adjacency,
		.hot = worker->stats->vif_hot,
		.payload = mbuf,
		.bytes = rte_pktmbuf_mtod(mbuf, const uint8_t *),
		.blocks = gremc_replica_blocks(worker, mbuf),
		.inner = *inner,
	};
}

/* limit.c: replicas of a packet of a limited mroute, whose TTL is decremented already, for the interfaces
 * that take it. */
void gremc_replicate_limited(struct gremc_worker *worker, const struct gremc_packet *packet);

/* Each vif gets a replica in a buffer of its own. Above the threshold the payload is chained behind the
 * headers, where the port takes that, else copied; the packet keeps its own reference. */
void gremc_replicas(struct gremc_worker *worker, const struct gremc_job *job, const uint32_t *vifs,
		    uint32_t n);

/* A packet whose TTL is decremented, to all of its oil: with copies of the payload, or sharing it. Both take
 * the packet over. */
void gremc_replicate_copies(struct gremc_worker *worker, const struct gremc_packet *packet);
void gremc_replicate_shares(struct gremc_worker *worker, const struct gremc_packet *packet);

/* The inner packet `mbuf`, with room before it, becomes a replica: headers are written before it, and it is
 * queued. */
static __rte_always_inline void gremc_replica_in_place(struct gremc_worker *worker, struct gremc_tx *tx,
						       struct rte_mbuf *mbuf, const struct gremc_encap *encap,
						       const struct gremc_adjacency *adjacency,
						       const struct gremc_inner *inner, uint32_t vif)
{
	const uint16_t headers = adjacency->l2_length + encap->header_length;
	const uint32_t length = headers + mbuf->pkt_len;

	gremc_encap_before(rte_pktmbuf_mtod(mbuf, uint8_t *), encap, adjacency, inner, &worker->ip_id);
	mbuf->data_off -= headers;
	mbuf->data_len += headers;
	mbuf->pkt_len = length;
	/* what the receiving driver said of the packet is no request to the sending one */
	mbuf->ol_flags = 0;
	mbuf->hash.usr = vif;
	gremc_tx_put(worker, tx, mbuf, length);
}

/* The headers go before the payload, in the packet's own buffer: nothing is allocated or copied. Takes the
 * packet over, unless it returns false: this one cannot be sent so. */
static __rte_always_inline bool gremc_replicate_in_place(struct gremc_worker *worker,
							 const struct gremc_packet *packet, uint32_t vif)
{
	const struct gremc_inner inner = gremc_packet_inner(packet);
	struct rte_mbuf *mbuf = packet->mbuf;
	const struct gremc_encap *encap = &worker->vifs->encap[vif];
	const struct gremc_adjacency *adjacency =
		__atomic_load_n(&worker->vifs->adjacency[encap->adjacency], __ATOMIC_ACQUIRE);
	struct gremc_vif_hot *hot = &worker->stats->vif_hot[vif];
	struct gremc_tx *tx = worker->tx[adjacency->port];

	if (unlikely(inner.length > encap->mtu || !adjacency->ready)) {
		gremc_count_pair(&hot->tx_packets, 1, inner.length);
		if (inner.length <= encap->mtu) {
			gremc_wait_packet(worker, vif, mbuf);
			return true;
		}
		gremc_lose(worker, vif, GREMC_LOSS_too_big, inner.length);
		rte_pktmbuf_free(mbuf);
		return true;
	}
	if (unlikely(mbuf->data_off < GREMC_L2_MAX + encap->header_length ||
		     mbuf->nb_segs > tx->max_segments))
		return false;
	gremc_count_pair(&hot->tx_packets, 1, inner.length);
	gremc_replica_in_place(worker, tx, mbuf, encap, adjacency, &inner, vif);
	return true;
}

#endif
