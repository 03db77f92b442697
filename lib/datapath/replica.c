/* SPDX-License-Identifier: BSD-3-Clause */
/* Replicas in buffers of their own: the innermost loop of the program. What they have in common is settled
 * once (struct gremc_replica_cache), so that one more costs its template, a fold, its payload and the stores.
 */
#include "datapath/replica.h"

#define CHUNK GREMC_BURST /* replicas whose buffers and references are taken together */
#define BLOCK 64          /* bytes copied at once */

/* Two words that are stored as one, of any alignment. */
typedef uint64_t words __attribute__((vector_size(16), aligned(1), may_alias));

/* The 32 bytes of an mbuf that a replica sets, as the mbuf has them. All but the vif are the same in a run.
 */
union mbuf_fields {
	struct {
		uint16_t data_off, refcnt, nb_segs, port;
		uint64_t ol_flags;
		uint32_t packet_type, pkt_len;
		uint16_t data_len, vlan_tci;
		uint32_t vif; /* hash.usr */
	};
	uint64_t word[4]; /* by which the compiler keeps them in registers */
};
#define FIELD(name) (offsetof(struct rte_mbuf, name) - offsetof(struct rte_mbuf, data_off))
static_assert(FIELD(refcnt) == offsetof(union mbuf_fields, refcnt) &&
		      FIELD(nb_segs) == offsetof(union mbuf_fields, nb_segs) &&
		      FIELD(ol_flags) == offsetof(union mbuf_fields, ol_flags) &&
		      FIELD(packet_type) == offsetof(union mbuf_fields, packet_type) &&
		      FIELD(pkt_len) == offsetof(union mbuf_fields, pkt_len) &&
		      FIELD(data_len) == offsetof(union mbuf_fields, data_len) &&
		      FIELD(hash.usr) == offsetof(union mbuf_fields, vif),
	      "the fields of an mbuf stand where they are written");

static_assert(sizeof(union mbuf_fields) == sizeof(((struct gremc_replica_cache *)0)->fields),
	      "a run has all of them");

/* Header buffers come from the pool as they were freed: one segment, one reference, no successor. The other
 * fields that a driver reads are written with the replica, so nothing is reset twice. */
static bool header_mbufs_alloc(struct gremc_worker *worker, uint32_t n)
{
	if (rte_mempool_get_bulk(worker->header_pool, (void **)&worker->header[worker->header_count], n))
		return false;
	worker->header_count += n;
	return true;
}

/* Fill the stash of header buffers up to `want`, at most CHUNK, as far as the pool has them. Returns how many
 * of these there are. */
static inline uint32_t header_mbufs_refill(struct gremc_worker *worker, uint32_t want)
{
	if (likely(header_mbufs_alloc(worker, CHUNK - worker->header_count)))
		return want;
	/* The pool is nearly empty: what is left goes one by one. */
	while (worker->header_count < want && header_mbufs_alloc(worker, 1))
		;
	return RTE_MIN(want, worker->header_count);
}

/* Whole blocks are copied, past the payload's end: into the header buffer, where nothing else is, out of the
 * payload's buffer, if it goes on so far. 0 when it does not, or when the payload is in pieces or too long
 * for it. */
static inline uint32_t payload_blocks(const struct gremc_worker *worker, const struct rte_mbuf *payload)
{
	uint32_t bytes = RTE_ALIGN_CEIL((uint32_t)payload->data_len, BLOCK);

	if (unlikely(payload->nb_segs > 1 || (uint32_t)payload->data_off + bytes > payload->buf_len ||
		     GREMC_L2_MAX + GREMC_ENCAP_HEADER_MAX + bytes > worker->header_capacity))
		return 0;
	return bytes / BLOCK;
}

/* Whole blocks, at least one. */
static __rte_always_inline void payload_copy_blocks(uint8_t *to, const uint8_t *from, uint32_t blocks)
{
	rte_mov64(to, from);
	for (uint32_t block = 1; block < blocks; block++)
		rte_mov64(to + block * BLOCK, from + block * BLOCK);
}

/* A replica that is wanted, and waits for its next hop or is lost. */
static __rte_noinline void replica_hold_or_drop(struct gremc_worker *worker,
						const struct gremc_replication *job, uint32_t vif,
						enum gremc_transmitter_pending_free reason)
{
	gremc_counter_pair_add(&job->hot[vif].tx_packets, 1, job->inner.length);
	if (reason == GREMC_TX_DROP_no_adjacency)
		gremc_pending_add_copy(worker, vif, job->payload);
	else
		gremc_replica_count_drop(worker, vif, reason, job->inner.length);
}

void gremc_replica_hold_or_drop(struct gremc_worker *worker, struct rte_mbuf *packet, uint32_t vif,
				enum gremc_transmitter_pending_free reason)
{
	gremc_counter_pair_add(&worker->stats->vif_hot[vif].tx_packets, 1, packet->pkt_len);
	if (reason == GREMC_TX_DROP_no_adjacency) {
		gremc_pending_add_packet(worker, vif, packet);
		return;
	}
	gremc_replica_count_drop(worker, vif, reason, packet->pkt_len);
	rte_pktmbuf_free(packet);
}

enum gremc_transmitter_pending_free gremc_replica_cache_update(struct gremc_worker *worker,
							       uint64_t encap_key, uint64_t like)
{
	const uint16_t length = (uint16_t)like, chain = (uint16_t)(like >> 32);
	const uint8_t tos = (uint8_t)(like >> 16);
	const struct gremc_encap encap = {.encap_key = encap_key};
	const struct gremc_adjacency *adjacency =
		__atomic_load_n(&worker->vifs->adjacency[encap.adjacency], __ATOMIC_ACQUIRE);
	struct gremc_replica_cache *run = &worker->run;
	union mbuf_fields fields = {{0}};

	run->like = 0;
	if (length > encap.mtu)
		return GREMC_TX_DROP_too_big;
	if (!adjacency->ready)
		return adjacency->down ? GREMC_TX_DROP_oif_down : GREMC_TX_DROP_no_adjacency;
	run->like = like;
	run->encap_key = encap_key;
	run->adjacency = adjacency;
	run->tx = worker->tx[adjacency->port];
	run->outer = gremc_outer_fields_make(&encap, length, tos);
	run->header_length = encap.header_length;
	run->headers = adjacency->l2_length + encap.header_length;
	run->pkt_len = run->headers + length;
	/* a port that cannot send the chain gets a copy */
	run->chained = chain > 0 && chain < run->tx->max_segments;
	run->plain = encap.flags == 0;
	fields.data_off = GREMC_HEADER_OFFSET - adjacency->l2_length;
	fields.refcnt = 1;
	fields.nb_segs = run->chained ? chain + 1 : 1;
	fields.port = RTE_MBUF_PORT_INVALID;
	fields.pkt_len = run->pkt_len;
	fields.data_len = run->chained ? run->headers : run->pkt_len;
	fields.vlan_tci = length; /* gremc_tx_enqueue() */
	memcpy(run->fields, &fields, sizeof(fields));
	return GREMC_TX_DROP_NONE;
}

void gremc_replica_cache_patch(struct gremc_worker *worker, const struct gremc_replication *job, uint32_t vif,
			       uint8_t *ip)
{
	const struct gremc_replica_cache *run = &worker->run;
	/* the encap may have got another shape since the run began, but not another template */
	struct gremc_encap encap = {.encap_key = run->encap_key};

	if (encap.flags & GREMC_ENCAP_CHANGING) {
		const struct gremc_encap *twin = &job->encap[vif + GREMC_VIFS_MAX];

		memcpy(ip, twin->header, encap.header_length);
		gremc_encap_outer(ip, twin, &run->outer);
	}
	if (encap.flags & ~GREMC_ENCAP_CHANGING)
		gremc_encap_patch(ip, &encap, run->adjacency, &job->inner, &worker->ip_id);
}

/* The rest of a replica that is not plain; its template is written. */
static __rte_noinline void replica_finish(struct gremc_worker *worker, const struct gremc_replication *job,
					  uint32_t vif, struct rte_mbuf *mbuf, uint8_t *ip)
{
	const struct gremc_replica_cache *run = &worker->run;

	if (!run->plain)
		gremc_replica_cache_patch(worker, job, vif, ip);
	if (run->chained)
		mbuf->next = job->payload;
	else if (job->blocks > 0)
		payload_copy_blocks(ip + run->header_length, (const uint8_t *)job->inner.ip, job->blocks);
	else
		gremc_segments_copy(ip + run->header_length, job->payload);
}

/* As many as have the run's shape, from the first on, which has. The header buffers for them are those before
 * `header`. Returns how many.
 *
 * What the loop needs stands in variables, for the compiler to keep it in registers while bytes are written
 * that might be anything. A replica's headers come first, then the payload over what they wrote past their
 * end. */
static __rte_always_inline uint32_t replicas_build(struct gremc_worker *worker,
						   const struct gremc_replication *job, const uint32_t *vifs,
						   uint32_t n, struct rte_mbuf **header, bool share)
{
	const struct gremc_replica_cache *const run = &worker->run;
	const uint32_t *at = vifs, *const end = vifs + n;
	const struct gremc_encap *const encaps = job->encap;
	struct gremc_vif_hot *const hot = job->hot;
	struct rte_mbuf **out = &run->tx->packet[run->tx->count]; /* with room for a chunk */
	struct rte_mbuf *const payload = job->payload;
	const uint8_t *const bytes = (const uint8_t *)job->inner.ip;
	const uint32_t blocks = job->blocks;
	const struct gremc_outer_fields outer = run->outer;
	const uint16_t length = job->inner.length, header_length = run->header_length;
	const uint64_t encap_key = run->encap_key;
	const bool plain = run->plain && (share ? run->chained : blocks > 0);
	const words front = ((const words *)run->fields)[0], back = ((const words *)run->fields)[1];
	const words l2_front = ((const words *)run->adjacency->l2)[0];
	const words l2_back = ((const words *)run->adjacency->l2)[1];

	do {
		const uint32_t vif = *at;
		const struct gremc_encap *const encap = &encaps[vif];
		struct rte_mbuf *mbuf;
		uint8_t *ip;

		if (unlikely(__atomic_load_n(&encap->encap_key, __ATOMIC_RELAXED) != encap_key))
			break;
		if (at + GREMC_REPLICAS_AHEAD < end)
			gremc_vif_prefetch(encaps, hot, at[GREMC_REPLICAS_AHEAD]);
		gremc_counter_pair_add(&hot[vif].tx_packets, 1, length);
		mbuf = *--header;
		/* Not by buf_addr: a buffer that has been away for long is written without waiting for it. */
		ip = (uint8_t *)(mbuf + 1) + GREMC_HEADER_OFFSET;
		((words *)ip)[-2] = l2_front;
		((words *)ip)[-1] = l2_back;
		rte_mov32(ip, encap->header);
		gremc_encap_outer(ip, encap, &outer);
		if (unlikely(!plain))
			replica_finish(worker, job, vif, mbuf, ip);
		else if (share)
			mbuf->next = payload;
		else
			payload_copy_blocks(ip + header_length, bytes, blocks);
		*(words *)&mbuf->data_off = front;
		*(words *)&mbuf->packet_type = back;
		mbuf->hash.usr = vif;
		*out++ = mbuf;
	} while (++at < end);
	return (uint32_t)(at - vifs);
}

/* Give what the run has made to its port's buffer. */
static inline void replicas_commit(struct gremc_worker *worker, const struct gremc_replica_cache *run,
				   uint32_t made)
{
	struct gremc_tx *tx = run->tx;

	tx->count += made;
	tx->bytes += (uint64_t)made * run->pkt_len;
	if (tx->count >= GREMC_BURST)
		gremc_tx_flush(worker, tx);
}

/* Are there buffers for copies of this length that are not made by blocks? */
static inline bool header_mbuf_fits(const struct gremc_worker *worker, uint16_t length)
{
	return worker->run.chained ||
	       (uint32_t)GREMC_L2_MAX + worker->run.header_length + length <= worker->header_capacity;
}

/* n > 0 replicas. Returns how many took a reference to the payload. */
static __rte_always_inline uint32_t oifs_replicate(struct gremc_worker *worker,
						   const struct gremc_replication *job, const uint32_t *vifs,
						   uint32_t n, bool share)
{
	const struct gremc_replica_cache *const run = &worker->run;
	const uint32_t *const end = vifs + n;
	uint32_t references = 0, made;

	do {
		const uint64_t encap_key = __atomic_load_n(&job->encap[*vifs].encap_key, __ATOMIC_RELAXED);
		enum gremc_transmitter_pending_free loss = GREMC_TX_DROP_NONE;
		uint32_t left = RTE_MIN((uint32_t)(end - vifs), CHUNK);

		if (unlikely(run->encap_key != encap_key || run->like != job->like))
			loss = gremc_replica_cache_update(worker, encap_key, job->like);
		if (unlikely(worker->header_count < left))
			left = header_mbufs_refill(worker, left);
		if (unlikely(left == 0 ||
			     (job->blocks == 0 && !header_mbuf_fits(worker, job->inner.length))) &&
		    loss == GREMC_TX_DROP_NONE)
			loss = GREMC_TX_DROP_no_mbuf;
		if (unlikely(loss != GREMC_TX_DROP_NONE)) {
			replica_hold_or_drop(worker, job, *vifs++, loss);
			continue;
		}
		made = replicas_build(worker, job, vifs, left, &worker->header[worker->header_count], share);
		vifs += made;
		worker->header_count -= made;
		references += share && run->chained ? made : 0;
		replicas_commit(worker, run, made);
	} while (unlikely(vifs < end));
	return references;
}

static __rte_always_inline void share(struct gremc_worker *worker, const struct gremc_packet *packet,
				      const uint32_t *vifs, uint32_t n, bool last)
{
	struct rte_mbuf *const payload = packet->mbuf;
	const struct gremc_replication job = gremc_replication_make(worker, packet, 0, payload->nb_segs);

	for (uint32_t done = 0, k; done < n; done += k) {
		bool final = last && n - done <= CHUNK;
		uint32_t unused;

		k = RTE_MIN(n - done, CHUNK);
		/* References before the replicas that hold them: a sent one may be freed at any time from
		 * then on. */
		if (k > final)
			rte_pktmbuf_refcnt_update(payload, k - final);
		unused = k - oifs_replicate(worker, &job, vifs + done, k, true);
		if (likely(unused == 0))
			continue;
		/* Some were lost or copied. In the final chunk one of the references is the packet's own, and
		 * freed: if it was the last one, so is the payload. */
		if (unused > final)
			rte_pktmbuf_refcnt_update(payload, -(int16_t)(unused - final));
		if (final)
			rte_pktmbuf_free(payload);
	}
}

static __rte_noinline void oifs_replicate_shared(struct gremc_worker *worker,
						 const struct gremc_packet *packet, const uint32_t *vifs,
						 uint32_t n, bool last)
{
	share(worker, packet, vifs, n, last);
}

static __rte_noinline void oifs_replicate_copied(struct gremc_worker *worker,
						 const struct gremc_packet *packet, const uint32_t *vifs,
						 uint32_t n)
{
	const struct gremc_replication job =
		gremc_replication_make(worker, packet, payload_blocks(worker, packet->mbuf), 0);

	if (n > 0)
		oifs_replicate(worker, &job, vifs, n, false);
}

void gremc_replicas_send(struct gremc_worker *worker, const struct gremc_packet *packet, const uint32_t *vifs,
			 uint32_t n)
{
	if (packet->length > __atomic_load_n(&worker->copy_threshold, __ATOMIC_RELAXED))
		oifs_replicate_shared(worker, packet, vifs, n, false);
	else
		oifs_replicate_copied(worker, packet, vifs, n);
}

/* One vif gets the packet itself: a buffer less to take, and none to give back. */
static __rte_always_inline void last_oif_send(struct gremc_worker *worker, const struct gremc_packet *packet,
					      const struct gremc_replication *job, const uint32_t *vif)
{
	if (likely(gremc_replica_send_in_place(worker, job, *vif)))
		return;
	oifs_replicate_copied(worker, packet, vif, 1);
	gremc_burst_done(&worker->burst, packet->mbuf);
}

/* The same for an oil with the iif in it. */
static __rte_noinline void oil_replicate_around_iif(struct gremc_worker *worker,
						    const struct gremc_packet *packet)
{
	const struct gremc_replication job = gremc_replication_make(worker, packet, 0, 0);
	const uint32_t *oil = packet->mroute->vif;
	const uint32_t skip = packet->oif_skip, end = packet->mroute->oif_count;
	/* the one that is skipped is not the last: then the one before it */
	const uint32_t last = end - 1 - (skip == end - 1);

	oifs_replicate_copied(worker, packet, oil, RTE_MIN(skip, last));
	if (skip < last)
		oifs_replicate_copied(worker, packet, &oil[skip + 1], last - skip - 1);
	last_oif_send(worker, packet, &job, &oil[last]);
}

void gremc_packet_replicate_copied(struct gremc_worker *worker, const struct gremc_packet *packet)
{
	const struct gremc_replication job =
		gremc_replication_make(worker, packet, payload_blocks(worker, packet->mbuf), 0);
	const uint32_t *oil = packet->mroute->vif;
	const uint32_t last = packet->mroute->oif_count - 1;

	if (unlikely(packet->oif_skip <= last)) {
		oil_replicate_around_iif(worker, packet);
		return;
	}
	oifs_replicate(worker, &job, oil, last, false);
	last_oif_send(worker, packet, &job, &oil[last]);
}

void gremc_packet_replicate_shared(struct gremc_worker *worker, const struct gremc_packet *packet)
{
	const uint32_t *oil = packet->mroute->vif;
	const uint32_t skip = packet->oif_skip, count = packet->mroute->oif_count;

	if (likely(skip >= count)) {
		share(worker, packet, oil, count, true);
	} else {
		oifs_replicate_shared(worker, packet, oil, skip, skip + 1 == count);
		oifs_replicate_shared(worker, packet, &oil[skip + 1], count - skip - 1, true);
	}
}
