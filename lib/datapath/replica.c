/* SPDX-License-Identifier: BSD-3-Clause */
/* Replicas in buffers of their own: the innermost loop of the program. What consecutive replicas have in
 * common is settled once a run, so that one more costs its template, a fold, its payload and the stores. */
#include "datapath/replica.h"
#include "datapath/wait.h"

#define CHUNK GREMC_BURST /* replicas whose buffers and references are taken together */

/* The 32 bytes of an mbuf that a replica sets, as the mbuf has them; by words, for the compiler keeps those
 * in registers. All but the vif are the same in a run. */
union mbuf_fields {
	struct {
		uint16_t data_off, refcnt, nb_segs, port;
		uint64_t ol_flags;
		uint32_t packet_type, pkt_len;
		uint16_t data_len, vlan_tci;
		uint32_t vif; /* hash.usr */
	};
	struct {
		uint64_t rearm, flags, lengths;
		uint32_t last;
	};
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

/* Consecutive replicas of one packet by the same adjacency and with templates of the same shape. */
struct run {
	const struct gremc_adjacency *adjacency; /* NULL: no run */
	uint32_t shape;
	bool share; /* the payload is chained, not copied */
	bool patch; /* headers need more than the template */
	uint8_t header_length;
	uint32_t first; /* the first word of the outer header */
	uint32_t sum;   /* what `first` adds to its checksum; 16 bits */
	uint32_t pkt_len;
	uint32_t last; /* this and the next two: of union mbuf_fields */
	uint64_t rearm, lengths;
	struct gremc_tx *tx;
	struct rte_mbuf **out; /* where the next one goes: in tx->packet, with room for a chunk */
};

/* Header buffers come from the pool as they were freed: one segment, one reference, no successor. The other
 * fields that a driver reads are written with the replica, so nothing is reset twice. */
static bool take_headers(struct gremc_worker *worker, uint32_t n)
{
	if (rte_mempool_get_bulk(worker->header_pool, (void **)&worker->header[worker->header_count], n))
		return false;
	worker->header_count += n;
	return true;
}

/* Fill the stash of header buffers up to `want`, at most CHUNK, as far as the pool has them. */
static inline void stock_headers(struct gremc_worker *worker, uint32_t want)
{
	if (likely(worker->header_count >= want) ||
	    likely(take_headers(worker, CHUNK - worker->header_count)))
		return;
	/* The pool is nearly empty: what is left goes one by one. */
	while (worker->header_count < want && take_headers(worker, 1))
		;
}

/* Put the payload behind the headers. Returns false when there is no room. */
static inline bool copy_payload(const struct gremc_worker *worker, const struct gremc_job *job, uint8_t *to,
				uint8_t header_length)
{
	const uint8_t *from = job->bytes;
	const uint32_t blocks = job->blocks;

	if (unlikely(blocks == 0)) {
		if ((uint32_t)GREMC_L2_MAX + header_length + job->inner.length > worker->header_room)
			return false;
		gremc_segments_copy(to, job->payload);
		return true;
	}
	rte_mov64(to, from);
	for (uint32_t block = 1; block < blocks; block++)
		rte_mov64(to + block * GREMC_BLOCK, from + block * GREMC_BLOCK);
	return true;
}

/* Give what the run has made to its port's buffer. */
static inline void run_end(struct gremc_worker *worker, const struct run *run)
{
	struct gremc_tx *tx = run->tx;
	uint32_t made;

	if (run->adjacency == NULL)
		return;
	made = (uint32_t)(run->out - &tx->packet[tx->count]);
	tx->count += made;
	tx->bytes += (uint64_t)made * run->pkt_len;
	if (tx->count >= GREMC_BURST)
		gremc_tx_flush(worker, tx);
}

/* Another adjacency or shape: settle what its replicas have in common. Inlined and by value, so that it is
 * made in the registers where it is used. */
static __rte_always_inline struct run run_begin(struct gremc_worker *worker, const struct gremc_job *job,
						const struct gremc_encap *encap,
						const struct gremc_adjacency *adjacency, bool share)
{
	const uint16_t headers = adjacency->l2_length + encap->header_length;
	union mbuf_fields fields = {0};
	struct run run = {.adjacency = NULL};

	if (!adjacency->ready)
		return run;
	run.adjacency = adjacency;
	run.shape = encap->shape;
	run.header_length = encap->header_length;
	run.patch = encap->flags != 0;
	run.first = gremc_encap_first(encap, &job->inner);
	run.sum = gremc_encap_add((uint16_t)run.first, (uint16_t)(run.first >> 16));
	run.tx = worker->tx[adjacency->port];
	run.out = &run.tx->packet[run.tx->count];
	/* a port that cannot send the chain gets a copy */
	run.share = share && job->payload->nb_segs < run.tx->max_segments;
	fields.data_off = GREMC_HEADER_OFFSET - adjacency->l2_length;
	fields.refcnt = 1;
	fields.nb_segs = run.share ? job->payload->nb_segs + 1 : 1;
	fields.port = RTE_MBUF_PORT_INVALID;
	fields.pkt_len = run.pkt_len = headers + job->inner.length;
	fields.data_len = run.share ? headers : run.pkt_len;
	run.rearm = fields.rearm;
	run.lengths = fields.lengths;
	run.last = fields.last;
	return run;
}

/* Headers first, then the payload over what they wrote past their end. Returns false when the payload was to
 * be copied and does not fit. */
static __rte_always_inline bool build(struct gremc_worker *worker, const struct gremc_job *job,
				      const struct run *run, struct rte_mbuf *mbuf, uint32_t vif,
				      const struct gremc_encap *encap)
{
	/* Not by buf_addr: a buffer that has been away for long is written without waiting for it. */
	uint8_t *ip = (uint8_t *)(mbuf + 1) + GREMC_HEADER_OFFSET;
	const uint16_t checksum = (uint16_t)~gremc_encap_add(encap->sum, run->sum);

	gremc_encap_l2(ip, run->adjacency);
	rte_mov32(ip, encap->header);
	memcpy(ip, &run->first, sizeof(run->first));
	memcpy(ip + offsetof(struct rte_ipv4_hdr, hdr_checksum), &checksum, sizeof(checksum));
	if (unlikely(run->patch))
		gremc_encap_patch(ip, encap, run->adjacency, &job->inner, &worker->ip_id);
	if (run->share)
		mbuf->next = job->payload;
	else if (unlikely(!copy_payload(worker, job, ip + run->header_length, run->header_length)))
		return false;
	memcpy(&mbuf->data_off, &run->rearm, sizeof(run->rearm));
	mbuf->ol_flags = 0;
	memcpy(&mbuf->packet_type, &run->lengths, sizeof(run->lengths));
	memcpy(&mbuf->data_len, &run->last, sizeof(run->last));
	mbuf->hash.usr = vif;
	return true;
}

/* Up to CHUNK replicas. Returns how many took a reference to the payload. */
static __rte_always_inline uint32_t replicate_chunk(struct gremc_worker *worker, const struct gremc_job *job,
						    const uint32_t *vifs, uint32_t n, bool share)
{
	/* for the compiler to keep in registers while bytes are written that might be anything */
	const struct gremc_encap *const encaps = job->encap;
	struct gremc_adjacency *const *const adjacencies = job->adjacency;
	struct gremc_vif_hot *const hot = job->hot;
	const uint16_t length = job->inner.length;
	struct run run = {.adjacency = NULL};
	uint32_t references = 0, at_hand;

	stock_headers(worker, n);
	at_hand = worker->header_count;
	for (uint32_t i = 0; i < n; i++) {
		const uint32_t vif = vifs[i];
		const struct gremc_encap *encap = &encaps[vif];
		const struct gremc_adjacency *adjacency =
			__atomic_load_n(&adjacencies[encap->adjacency], __ATOMIC_ACQUIRE);
		enum gremc_loss loss = GREMC_LOSS_no_mbuf;
		struct rte_mbuf *mbuf;

		if (i + GREMC_REPLICAS_AHEAD < n)
			gremc_prefetch_vif(encaps, hot, vifs[i + GREMC_REPLICAS_AHEAD]);
		gremc_count_pair(&hot[vif].tx_packets, 1, length);
		if (unlikely(length > encap->mtu)) {
			loss = GREMC_LOSS_too_big;
			goto lost;
		}
		if (unlikely(adjacency != run.adjacency || encap->shape != run.shape)) {
			run_end(worker, &run);
			run = run_begin(worker, job, encap, adjacency, share);
			if (unlikely(run.adjacency == NULL)) {
				gremc_wait_copy(worker, vif, job->payload);
				continue;
			}
		}
		if (unlikely(at_hand == 0))
			goto lost;
		mbuf = worker->header[at_hand - 1];
		if (unlikely(!build(worker, job, &run, mbuf, vif, encap)))
			goto lost;
		at_hand--;
		references += share && run.share;
		*run.out++ = mbuf;
		continue;
	lost:
		gremc_lose(worker, vif, loss, length);
	}
	worker->header_count = at_hand;
	run_end(worker, &run);
	return references;
}

void gremc_replicas_copy(struct gremc_worker *worker, const struct gremc_job *job, const uint32_t *vifs,
			 uint32_t n)
{
	for (uint32_t done = 0; done < n; done += CHUNK)
		replicate_chunk(worker, job, vifs + done, RTE_MIN(n - done, CHUNK), false);
}

void gremc_replicas_share(struct gremc_worker *worker, const struct gremc_job *job, const uint32_t *vifs,
			  uint32_t n, bool last)
{
	for (uint32_t done = 0, k; done < n; done += k) {
		bool final = last && n - done <= CHUNK;
		uint32_t unused;

		k = RTE_MIN(n - done, CHUNK);
		/* References before the replicas that hold them: a sent one may be freed at any time from
		 * then on. */
		if (k > final)
			rte_pktmbuf_refcnt_update(job->payload, k - final);
		unused = k - replicate_chunk(worker, job, vifs + done, k, true);
		if (likely(unused == 0))
			continue;
		/* Some were lost or copied. In the final chunk one of the references is the packet's own, and
		 * freed: if it was the last one, so is the payload. */
		if (unused > final)
			rte_pktmbuf_refcnt_update(job->payload, -(int16_t)(unused - final));
		if (final)
			rte_pktmbuf_free(job->payload);
	}
}
