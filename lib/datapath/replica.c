/* SPDX-License-Identifier: BSD-3-Clause */
/* Replicas in header mbufs: the innermost loop of the program. The replica cache has the fields that they
 * have in common. Each further replica costs its template, one checksum fold, its payload and the stores. */
#include <rte_cycles.h>

#include "datapath/decision.h"
#include "datapath/fragment.h"
#include "datapath/marking.h"
#include "datapath/options.h"
#include "datapath/pending.h"
#include "datapath/replica.h"
#include "datapath/segments.h"

#define CHUNK GREMC_BURST /* replicas whose mbufs and references are acquired together */
#define BLOCK 64          /* bytes copied at once */

/* Two words that are stored as one, at any alignment. */
typedef uint64_t words __attribute__((vector_size(16), aligned(1), may_alias));

static_assert(sizeof(((struct gremc_replica_cache *)0)->mbuf_words) ==
		      offsetof(struct gremc_mbuf_fields, vif_serial),
	      "the cache has the fields up to the vif");

/* A freed header mbuf has one segment, one reference and no next segment; replicas rely on this. A replica
 * writes the other fields that a driver reads, so no field is written twice. */
static bool header_mbufs_alloc(struct gremc_worker *worker, uint32_t n)
{
	if (rte_mempool_get_bulk(worker->header_pool, (void **)&worker->header[worker->header_count], n))
		return false;
	worker->header_count += n;
	return true;
}

/* Refill the stock of header mbufs. Returns the smaller of `want`, which is at most CHUNK, and the stock. */
static inline uint32_t header_mbufs_refill(struct gremc_worker *worker, uint32_t want)
{
	if (likely(header_mbufs_alloc(worker, CHUNK - worker->header_count)))
		return want;
	/* the pool is nearly empty: take its rest one by one */
	while (worker->header_count < want && header_mbufs_alloc(worker, 1))
		;
	return RTE_MIN(want, worker->header_count);
}

/* How many whole blocks to copy. They extend past the payload's end, where the header mbuf is unused. Returns
 * 0 if the payload's buffer or the header mbuf ends before, or if the payload has several segments. */
static inline uint32_t payload_blocks(const struct gremc_worker *worker, const struct rte_mbuf *payload)
{
	uint32_t bytes = RTE_ALIGN_CEIL((uint32_t)payload->data_len, BLOCK);

	if (unlikely(payload->nb_segs > 1 || (uint32_t)payload->data_off + bytes > payload->buf_len ||
		     GREMC_L2_MAX + GREMC_ENCAP_HEADER_MAX + bytes > worker->header_capacity))
		return 0;
	return bytes / BLOCK;
}

/* Copy at least one block. */
static __rte_always_inline void payload_copy_blocks(uint8_t *to, const uint8_t *from, uint32_t blocks)
{
	rte_mov64(to, from);
	for (uint32_t block = 1; block < blocks; block++)
		rte_mov64(to + block * BLOCK, from + block * BLOCK);
}

static bool vif_is_policed(const struct gremc_vifs *vifs, uint32_t vif)
{
	const struct gremc_policy *policy = gremc_policy_load(vifs, vif);

	return policy && gremc_policy_has_rate(&policy->out);
}

/* Take the tokens of a replica to a vif with a policer, and send it. The cache is valid for this replica
 * only, so that the next one comes here, too. Returns: GREMC_TX_DROP_NONE: it is sent or lost, and counted;
 * GREMC_TX_DROP_oif_policed: too few tokens. */
static enum gremc_tx_drop replica_police_and_send(struct gremc_worker *worker, struct rte_mbuf *payload,
						  uint32_t vif)
{
	const struct gremc_packet packet = {
		.mbuf = payload, .iif = GREMC_VIF_NONE, .length = (uint16_t)payload->pkt_len};
	struct gremc_policy *policy = gremc_policy_load(worker->vifs, vif);

	if (policy && !gremc_policer_accept(&policy->out, rte_rdtsc(), packet.length))
		return GREMC_TX_DROP_oif_policed;
	worker->cache.has_tokens = true;
	gremc_replicas_send(worker, &packet, &vif, 1);
	worker->cache.has_tokens = false;
	worker->cache.packet_key = 0;
	return GREMC_TX_DROP_NONE;
}

/* Count a requested replica that cannot be sent as it is: send it as fragments, hold it for its next hop, or
 * drop it. */
static __rte_noinline void replica_hold_or_drop(struct gremc_worker *worker,
						const struct gremc_replication *replication, uint32_t vif,
						enum gremc_tx_drop reason)
{
	if (reason == GREMC_TX_DROP_too_big)
		reason = gremc_replica_fragment(worker, replication->payload, vif);
	else if (reason == GREMC_TX_DROP_oif_policed)
		reason = replica_police_and_send(worker, replication->payload, vif);
	if (reason == GREMC_TX_DROP_NONE)
		return;
	gremc_counter_pair_add(&replication->hot[vif].tx_packets, 1, replication->inner.length);
	if (reason == GREMC_TX_DROP_no_adjacency)
		gremc_pending_add_copy(worker, vif, replication->payload);
	else
		gremc_egress_count_drop(&worker->egress, vif, reason, replication->payload);
}

void gremc_replica_hold_or_drop(struct gremc_worker *worker, struct rte_mbuf *packet, uint32_t vif,
				enum gremc_tx_drop reason)
{
	if (reason == GREMC_TX_DROP_too_big)
		reason = gremc_replica_fragment(worker, packet, vif);
	else if (reason == GREMC_TX_DROP_oif_policed)
		reason = replica_police_and_send(worker, packet, vif);
	if (reason == GREMC_TX_DROP_NONE) {
		rte_pktmbuf_free(packet);
		return;
	}
	gremc_counter_pair_add(&worker->stats->vif_hot[vif].tx_packets, 1, packet->pkt_len);
	if (reason == GREMC_TX_DROP_no_adjacency) {
		gremc_pending_add_packet(worker, vif, packet);
		return;
	}
	gremc_egress_count_drop(&worker->egress, vif, reason, packet);
	rte_pktmbuf_free(packet);
}

/* Correct a cache that is filled for a plain encap: the outer TOS by a DSCP map, the priority in the tag,
 * the policer. The keys are those of the cache: so the common case keeps no argument for this call. */
static __rte_noinline enum gremc_tx_drop replica_cache_adjust(struct gremc_worker *worker)
{
	struct gremc_replica_cache *cache = &worker->cache;
	const struct gremc_encap encap = gremc_encap_from_key(cache->encap_key);
	const uint8_t outer_tos =
		gremc_outer_tos(worker->vifs, &encap, gremc_packet_key_tos(cache->packet_key));

	cache->outer = gremc_outer_fields_make(&encap, (uint16_t)cache->packet_key, outer_tos);
	cache->adjacency = gremc_adjacency_mark(worker->vifs, cache->adjacency, outer_tos, &cache->marked);
	/* each replica takes tokens of its own (replica_police_and_send()) */
	if (!vif_is_policed(worker->vifs, cache->vif) || cache->has_tokens)
		return GREMC_TX_DROP_NONE;
	cache->packet_key = 0;
	return GREMC_TX_DROP_oif_policed;
}

enum gremc_tx_drop gremc_replica_cache_update(struct gremc_worker *worker, uint64_t encap_key,
					      uint64_t packet_key)
{
	const uint16_t length = (uint16_t)packet_key, chain = (uint16_t)(packet_key >> 32);
	const uint8_t tos = gremc_packet_key_tos(packet_key);
	const struct gremc_encap encap = gremc_encap_from_key(encap_key);
	const struct gremc_adjacency *adjacency = gremc_adjacency_load(worker->vifs, encap.adjacency);
	const enum gremc_tx_drop reason = gremc_replica_check(&encap, adjacency, length);
	struct gremc_replica_cache *cache = &worker->cache;
	struct gremc_mbuf_fields fields = {.refcnt = 1, .port = RTE_MBUF_PORT_INVALID};
	struct gremc_tx *tx;
	uint16_t headers;
	bool chained;

	if (reason != GREMC_TX_DROP_NONE) {
		cache->packet_key = 0;
		return reason;
	}
	tx = worker->egress.tx[adjacency->port];
	headers = adjacency->l2_length + encap.header_length;
	/* a port that cannot send the chain gets a copy */
	chained = chain > 0 && chain < tx->max_segments;
	cache->packet_key = packet_key;
	cache->encap_key = encap_key;
	cache->adjacency = adjacency;
	cache->tx = tx;
	cache->outer = gremc_outer_fields_make(&encap, length, encap.tos | (tos & encap.tos_mask));
	cache->header_length = encap.header_length;
	cache->headers = headers;
	cache->pkt_len = headers + length;
	cache->chained = chained;
	cache->template_only = (encap.flags & ~GREMC_ENCAP_ADJUST) == 0;
	fields.data_off = GREMC_HEADER_OFFSET - adjacency->l2_length;
	fields.nb_segs = chained ? chain + 1 : 1;
	fields.pkt_len = headers + length;
	fields.data_len = chained ? headers : headers + length;
	fields.inner_length = length;
	memcpy(cache->mbuf_words, &fields, sizeof(cache->mbuf_words));
	if (unlikely(encap.flags & GREMC_ENCAP_ADJUST ||
		     adjacency->l2_length != sizeof(struct rte_ether_hdr)))
		return replica_cache_adjust(worker);
	return GREMC_TX_DROP_NONE;
}

void gremc_replica_cache_patch(struct gremc_worker *worker, const struct gremc_replication *replication,
			       uint32_t vif, uint8_t *ip)
{
	const struct gremc_replica_cache *cache = &worker->cache;
	/* the encap may have another key by now, but this one's template is still valid */
	struct gremc_encap encap = gremc_encap_from_key(cache->encap_key);
	const struct gremc_encap *line = &replication->encap[vif];

	if (encap.flags & GREMC_ENCAP_CHANGING) {
		line = &replication->encap[vif + GREMC_VIFS_MAX];
		memcpy(ip, line->header, encap.header_length);
		gremc_encap_outer(ip, line, &cache->outer);
	}
	if (encap.flags & ~(GREMC_ENCAP_CHANGING | GREMC_ENCAP_ADJUST))
		gremc_encap_patch(ip, &encap, cache->adjacency, &replication->inner, &worker->ids);
	if (encap.flags & GREMC_ENCAP_OPTIONS)
		gremc_options_write(worker->vifs, vif, line, replication->payload,
				    gremc_replication_digest(worker, replication->payload), ip);
}

/* Complete a replica that needs more than its template: patched headers, or another kind of payload. */
static __rte_noinline void replica_finish(struct gremc_worker *worker,
					  const struct gremc_replication *replication, uint32_t vif,
					  struct rte_mbuf *mbuf, uint8_t *ip)
{
	const struct gremc_replica_cache *cache = &worker->cache;

	if (!cache->template_only)
		gremc_replica_cache_patch(worker, replication, vif, ip);
	if (cache->chained)
		mbuf->next = replication->payload;
	else if (replication->blocks > 0)
		payload_copy_blocks(ip + cache->header_length, (const uint8_t *)replication->inner.ip,
				    replication->blocks);
	else
		gremc_segments_copy(ip + cache->header_length, replication->payload);
}

/* Build replicas for the vifs whose encap has the cache's key, from the first one on, which has it. Takes
 * their header mbufs from the end of the stock. Returns the first vif without a replica.
 *
 * Local variables let the compiler keep the loop's values in registers: it cannot prove that the stores
 * through byte pointers do not change them. The headers are written before the payload, which overwrites the
 * bytes that they wrote past their end. */
static __rte_always_inline const uint32_t *replicas_build(struct gremc_worker *worker,
							  const struct gremc_replication *replication,
							  const uint32_t *vifs, uint32_t n, bool share)
{
	struct rte_mbuf **header = &worker->header[worker->header_count];
	const struct gremc_replica_cache *const cache = &worker->cache;
	const uint32_t *at = vifs, *const end = vifs + n;
	const struct gremc_encap *const encaps = replication->encap;
	struct gremc_vif_hot *const hot = replication->hot;
	struct rte_mbuf **out = &cache->tx->packet[cache->tx->count]; /* has space for a chunk */
	struct rte_mbuf *const payload = replication->payload;
	const uint8_t *const bytes = (const uint8_t *)replication->inner.ip;
	const uint32_t blocks = replication->blocks;
	/* in registers for copies; chains need the registers for other values */
	const struct gremc_outer_fields copy = cache->outer, *const outer = share ? &cache->outer : &copy;
	const uint16_t length = replication->inner.length, header_length = cache->header_length;
	const uint64_t encap_key = cache->encap_key;
	const bool template_only = cache->template_only && (share ? cache->chained : blocks > 0);
	const words front = ((const words *)cache->mbuf_words)[0],
		    back = ((const words *)cache->mbuf_words)[1];
	const words l2_front = ((const words *)cache->adjacency->l2)[0];
	const words l2_back = ((const words *)cache->adjacency->l2)[1];

	do {
		const uint32_t vif = *at;
		const struct gremc_encap *const encap = &encaps[vif];
		struct rte_mbuf *mbuf;
		uint8_t *ip;

		if (unlikely(gremc_encap_key_load(encap) != encap_key))
			break;
		if (at + GREMC_REPLICAS_AHEAD < end)
			gremc_vif_prefetch(encaps, hot, at[GREMC_REPLICAS_AHEAD]);
		gremc_counter_pair_add(&hot[vif].tx_packets, 1, length);
		mbuf = *--header;
		/* computed, not loaded from buf_addr: no wait for the load of a cold mbuf */
		ip = (uint8_t *)(mbuf + 1) + GREMC_HEADER_OFFSET;
		((words *)ip)[-2] = l2_front;
		((words *)ip)[-1] = l2_back;
		rte_mov32(ip, encap->header);
		gremc_encap_outer(ip, encap, outer);
		if (unlikely(!template_only))
			replica_finish(worker, replication, vif, mbuf, ip);
		else if (share)
			mbuf->next = payload;
		else
			payload_copy_blocks(ip + header_length, bytes, blocks);
		*(words *)&mbuf->data_off = front;
		*(words *)&mbuf->packet_type = back;
		gremc_mbuf_fields(mbuf)->vif = vif;
		*out++ = mbuf;
	} while (++at < end);
	worker->header_count = (uint32_t)(header - worker->header);
	return at;
}

/* Commit the built replicas to the transmit buffer. */
static inline void replicas_commit(struct gremc_worker *worker, const struct gremc_replica_cache *cache,
				   uint32_t made)
{
	struct gremc_tx *tx = cache->tx;

	tx->count += made;
	tx->bytes += (uint64_t)made * cache->pkt_len;
	if (tx->count >= GREMC_BURST)
		gremc_tx_flush(&worker->egress, tx);
}

/* Whether a header mbuf has capacity for a payload that is copied by bytes, not by blocks. */
static inline bool header_mbuf_fits(const struct gremc_worker *worker, uint16_t length)
{
	return worker->cache.chained ||
	       (uint32_t)GREMC_L2_MAX + worker->cache.header_length + length <= worker->header_capacity;
}

/* Send n > 0 replicas. Returns how many took a reference to the payload. */
static __rte_always_inline uint32_t oifs_replicate(struct gremc_worker *worker,
						   const struct gremc_replication *replication,
						   const uint32_t *vifs, uint32_t n, bool share)
{
	const struct gremc_replica_cache *const cache = &worker->cache;
	const uint32_t *const end = vifs + n;
	uint32_t references = 0, made;

	do {
		const uint64_t encap_key = gremc_encap_key_load(&replication->encap[*vifs]);
		enum gremc_tx_drop reason = GREMC_TX_DROP_NONE;
		uint32_t left = RTE_MIN((uint32_t)(end - vifs), CHUNK);

		if (unlikely(cache->encap_key != encap_key || cache->packet_key != replication->packet_key)) {
			worker->cache.vif = *vifs;
			reason = gremc_replica_cache_update(worker, encap_key, replication->packet_key);
		}
		if (unlikely(worker->header_count < left))
			left = header_mbufs_refill(worker, left);
		if (unlikely(left == 0 || (replication->blocks == 0 &&
					   !header_mbuf_fits(worker, replication->inner.length))) &&
		    reason == GREMC_TX_DROP_NONE)
			reason = GREMC_TX_DROP_no_mbuf;
		if (unlikely(reason != GREMC_TX_DROP_NONE)) {
			replica_hold_or_drop(worker, replication, *vifs++, reason);
			continue;
		}
		made = worker->header_count;
		vifs = replicas_build(worker, replication, vifs, left, share);
		made -= worker->header_count;
		references += share && cache->chained ? made : 0;
		replicas_commit(worker, cache, made);
	} while (unlikely(vifs < end));
	return references;
}

static __rte_always_inline void oifs_replicate_shared_inline(struct gremc_worker *worker,
							     const struct gremc_packet *packet,
							     const uint32_t *vifs, uint32_t n, bool last)
{
	struct rte_mbuf *const payload = packet->mbuf;
	const struct gremc_replication replication =
		gremc_replication_make(worker, packet, 0, payload->nb_segs);

	for (uint32_t done = 0, k; done < n; done += k) {
		bool final = last && n - done <= CHUNK;
		uint32_t unused;

		k = RTE_MIN(n - done, CHUNK);
		/* References are added before the replicas that hold them: a replica may be freed as soon as
		 * it is sent. */
		if (k > final)
			rte_pktmbuf_refcnt_update(payload, k - final);
		unused = k - oifs_replicate(worker, &replication, vifs + done, k, true);
		if (likely(unused == 0))
			continue;
		/* Some replicas were dropped or copied. In the final chunk one unused reference is the
		 * packet's own: freeing it frees the payload if no replica holds one. */
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
	oifs_replicate_shared_inline(worker, packet, vifs, n, last);
}

static __rte_noinline void oifs_replicate_copied(struct gremc_worker *worker,
						 const struct gremc_packet *packet, const uint32_t *vifs,
						 uint32_t n)
{
	const struct gremc_replication replication =
		gremc_replication_make(worker, packet, payload_blocks(worker, packet->mbuf), 0);

	if (n > 0)
		oifs_replicate(worker, &replication, vifs, n, false);
}

void gremc_replicas_send(struct gremc_worker *worker, const struct gremc_packet *packet, const uint32_t *vifs,
			 uint32_t n)
{
	if (packet->length > gremc_u16_load(&worker->copy_threshold))
		oifs_replicate_shared(worker, packet, vifs, n, false);
	else
		oifs_replicate_copied(worker, packet, vifs, n);
}

/* The last vif gets the packet's own mbuf: one header mbuf less. */
static __rte_always_inline void last_oif_send(struct gremc_worker *worker, const struct gremc_packet *packet,
					      const struct gremc_replication *replication,
					      const uint32_t *vif)
{
	if (likely(gremc_replica_send_in_place(worker, replication, *vif)))
		return;
	oifs_replicate_copied(worker, packet, vif, 1);
	gremc_burst_done(&worker->burst, packet->mbuf);
}

/* Replicate to an oil that contains the iif. */
static __rte_noinline void oil_replicate_around_iif(struct gremc_worker *worker,
						    const struct gremc_packet *packet)
{
	const struct gremc_replication replication = gremc_replication_make(worker, packet, 0, 0);
	const uint32_t *oil = packet->mroute->vif;
	const uint32_t skip = packet->oif_skip, end = packet->mroute->oif_count;
	/* the last vif, or the one before it if the last is the iif */
	const uint32_t last = end - 1 - (skip == end - 1);

	oifs_replicate_copied(worker, packet, oil, RTE_MIN(skip, last));
	if (skip < last)
		oifs_replicate_copied(worker, packet, &oil[skip + 1], last - skip - 1);
	last_oif_send(worker, packet, &replication, &oil[last]);
}

void gremc_packet_replicate_copied(struct gremc_worker *worker, const struct gremc_packet *packet)
{
	const struct gremc_replication replication =
		gremc_replication_make(worker, packet, payload_blocks(worker, packet->mbuf), 0);
	const uint32_t *oil = packet->mroute->vif;
	const uint32_t last = packet->mroute->oif_count - 1;

	if (unlikely(packet->oif_skip <= last)) {
		oil_replicate_around_iif(worker, packet);
		return;
	}
	oifs_replicate(worker, &replication, oil, last, false);
	last_oif_send(worker, packet, &replication, &oil[last]);
}

void gremc_packet_replicate_shared(struct gremc_worker *worker, const struct gremc_packet *packet)
{
	const uint32_t *oil = packet->mroute->vif;
	const uint32_t skip = packet->oif_skip, count = packet->mroute->oif_count;

	if (likely(skip >= count)) {
		oifs_replicate_shared_inline(worker, packet, oil, count, true);
	} else {
		oifs_replicate_shared(worker, packet, oil, skip, skip + 1 == count);
		oifs_replicate_shared(worker, packet, &oil[skip + 1], count - skip - 1, true);
	}
}
