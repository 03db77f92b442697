/* SPDX-License-Identifier: BSD-3-Clause */
/* Between the replicate stage and replica.c: one packet that is being replicated. */
#ifndef GREMC_DATAPATH_REPLICA_H
#define GREMC_DATAPATH_REPLICA_H

#include "datapath/datapath_priv.h"
#include "datapath/encap.h"

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

/* Each vif gets a replica in a buffer of its own, with a copy of the payload behind the headers. */
void gremc_replicas_copy(struct gremc_worker *worker, const struct gremc_job *job, const uint32_t *vifs,
			 uint32_t n);
/* The same with the payload chained behind the headers, where the port takes that. `last`: no more will
 * follow, so that the packet's own reference to the payload goes to a replica, or is freed. */
void gremc_replicas_share(struct gremc_worker *worker, const struct gremc_job *job, const uint32_t *vifs,
			  uint32_t n, bool last);

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

#define GREMC_REPLICAS_AHEAD 6  /* replicas between a prefetch and its use */
#define GREMC_BLOCK          64 /* bytes copied at once */

/* The lines of a vif and of its counter. */
static inline void gremc_prefetch_vif(const struct gremc_encap *encap, const struct gremc_vif_hot *hot,
				      uint32_t vif)
{
	rte_prefetch0(&encap[vif]);
	rte_prefetch0(&hot[vif]);
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

/* Above the threshold the payload is shared, where the port takes that; the packet keeps its own reference.
 */
static inline void gremc_replicas(struct gremc_worker *worker, const struct gremc_job *job,
				  const uint32_t *vifs, uint32_t n)
{
	if (job->inner.length > __atomic_load_n(&worker->copy_threshold, __ATOMIC_RELAXED))
		gremc_replicas_share(worker, job, vifs, n, false);
	else
		gremc_replicas_copy(worker, job, vifs, n);
}

#endif
