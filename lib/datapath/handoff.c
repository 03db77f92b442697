/* SPDX-License-Identifier: BSD-3-Clause */
/* What one worker gives another, by that one's ring:
 *
 * - a packet of a flow that is the other's, where the device cannot spread what it receives (`spread`);
 * - the payload of a packet whose oil is large: each worker replicates it to its part of the interfaces, its
 *   shard. An interface is in the shard of one worker, whatever the mroute, so its packets keep their order.
 *
 * The other one looks the mroute up again, and whether the packet's vif is still there: what was found here
 * may be gone by then, however long that takes. */
#include "datapath/handoff.h"

enum kind { FLOW, SHARD }; /* in an mbuf's packet_type; the vif that it names is the iif */

/* ---- flows ---- */

/* Whose is it? Neighbouring sources and groups are spread evenly (Fibonacci hashing). */
static uint32_t flow_owner(const struct gremc_fanout_key *key, uint32_t workers)
{
	uint64_t h = ((uint64_t)key->source << 32 | key->group) * UINT64_C(0x9e3779b97f4a7c15);

	h ^= h >> 32;
	h *= UINT64_C(0xd6e8feb86659fd93);
	return (uint32_t)((h >> 32) * workers >> 32);
}

static void flows_enqueue(struct gremc_worker *worker, uint32_t owner, struct rte_mbuf **mbufs, uint32_t n)
{
	uint32_t taken = gremc_ring_enqueue(worker->group->worker[owner]->relay, mbufs, n);

	worker->relayed += taken;
	for (uint32_t i = taken; i < n; i++)
		gremc_drop(worker, mbufs[i], GREMC_DROP_relay_full);
}

void gremc_stage_software_rss(struct gremc_worker *worker)
{
	struct gremc_burst *burst = &worker->burst;
	const uint32_t workers = worker->group->count;
	uint32_t owner[GREMC_BURST], alive = 0;

	for (uint32_t i = 0; i < burst->count; i++)
		owner[i] = burst->packet[i].native ? worker->index : flow_owner(&burst->key[i], workers);
	for (uint32_t i = 0; i < burst->count; i++) {
		struct rte_mbuf *batch[GREMC_BURST];
		const uint32_t to = owner[i];
		uint32_t n = 0;

		if (to == worker->index) {
			burst->key[alive] = burst->key[i];
			gremc_burst_retain(burst, &alive, i);
			continue;
		}
		/* all of this owner's together; its later ones are passed by when their turn comes */
		for (uint32_t j = i; to != GREMC_HANDED_OFF && j < burst->count; j++) {
			struct rte_mbuf *mbuf = burst->packet[j].mbuf;

			if (owner[j] != to)
				continue;
			mbuf->packet_type = FLOW;
			gremc_mbuf_vif_set(mbuf, worker->vifs, burst->packet[j].iif);
			owner[j] = GREMC_HANDED_OFF;
			batch[n++] = mbuf;
		}
		if (n > 0)
			flows_enqueue(worker, to, batch, n);
	}
	burst->count = alive;
}

/* ---- shards ---- */

/* An interface is in the shard of its block of numbers. Blocks are spread evenly over any number of shards
 * (Fibonacci hashing). */
#define BLOCK_BITS 5

static inline uint32_t vif_split_owner(uint32_t vif, uint32_t shards)
{
	return (uint32_t)((uint64_t)((vif >> BLOCK_BITS) * UINT32_C(0x9e3779b9)) * shards >> 32);
}

/* The oil is ascending: the end of the block that begins at `at`. */
static inline uint32_t oil_block_end(const struct gremc_mroute *mroute, uint32_t at)
{
	const uint32_t next = ((mroute->vif[at] >> BLOCK_BITS) + 1) << BLOCK_BITS;
	const uint32_t most = RTE_MIN(mroute->oif_count - at, 1u << BLOCK_BITS);

	return at + gremc_vif_lower_bound(&mroute->vif[at], most, next);
}

/* The next part of the oil, from *from on, that is in the shard: [*from, *to). */
static inline bool oil_part_next(const struct gremc_mroute *mroute, uint32_t shard, uint32_t shards,
				 uint32_t *from, uint32_t *to)
{
	while (*from < mroute->oif_count) {
		*to = oil_block_end(mroute, *from);
		if (vif_split_owner(mroute->vif[*from], shards) == shard)
			return true;
		*from = *to;
	}
	return false;
}

/* Nobody will replicate to these: wanted, and lost. */
static void oil_part_drop(struct gremc_worker *worker, const struct gremc_packet *packet, uint32_t shard,
			  enum gremc_transmitter_pending_free reason)
{
	const struct gremc_mroute *mroute = packet->mroute;

	for (uint32_t from = 0, to; oil_part_next(mroute, shard, worker->group->count, &from, &to);
	     from = to) {
		for (uint32_t i = from; i < to; i++) {
			if (i == packet->oif_skip)
				continue;
			worker->wanted++;
			gremc_counter_pair_add(&worker->stats->vif_hot[mroute->vif[i]].tx_packets, 1,
					       packet->length);
			gremc_replica_count_drop(worker, mroute->vif[i], reason, packet->length);
		}
	}
}

static void oil_part_enqueue(struct gremc_worker *worker, const struct gremc_packet *packet, uint32_t shard)
{
	/* A payload of its own: a reference count that workers share would cost more than the copy. */
	struct rte_mbuf *copy = rte_pktmbuf_copy(packet->mbuf, worker->shard_pool, 0, UINT32_MAX);

	if (unlikely(copy == NULL)) {
		oil_part_drop(worker, packet, shard, GREMC_TX_DROP_no_mbuf);
		return;
	}
	copy->packet_type = SHARD;
	gremc_mbuf_vif_set(copy, worker->vifs, packet->iif);
	if (likely(gremc_ring_enqueue(worker->group->worker[shard]->relay, &copy, 1) == 1))
		return;
	rte_pktmbuf_free(copy);
	oil_part_drop(worker, packet, shard, GREMC_TX_DROP_shard_full);
}

/* Takes the packet over, whose TTL is decremented. */
static void oil_part_replicate(struct gremc_worker *worker, const struct gremc_packet *packet)
{
	const struct gremc_mroute *mroute = packet->mroute;
	const uint32_t skip = packet->oif_skip;

	for (uint32_t from = 0, to; oil_part_next(mroute, worker->index, worker->group->count, &from, &to);
	     from = to) {
		const bool skips = skip >= from && skip < to;

		if (unlikely(mroute->limited)) { /* it was not when the packet came */
			gremc_packet_replicate_conditional(worker, packet, from, to);
			continue;
		}
		worker->wanted += to - from - skips;
		gremc_replicas_send(worker, packet, &mroute->vif[from], skips ? skip - from : to - from);
		if (unlikely(skips))
			gremc_replicas_send(worker, packet, &mroute->vif[skip + 1], to - skip - 1);
	}
	gremc_burst_done(&worker->burst, packet->mbuf);
}

void gremc_oil_split(struct gremc_worker *worker, const struct gremc_packet *packet)
{
	for (uint32_t shard = 0; shard < worker->group->count; shard++)
		if (shard != worker->index)
			oil_part_enqueue(worker, packet, shard);
	oil_part_replicate(worker, packet);
}

/* What is known of a shard now. false: its tunnel or mroute has been removed or changed on the way: then it
 * is as if the packet had come after that. */
static bool split_packet_lookup(const struct gremc_worker *worker, struct rte_mbuf *mbuf,
				struct gremc_packet *packet)
{
	const struct rte_ipv4_hdr *ip = rte_pktmbuf_mtod(mbuf, const struct rte_ipv4_hdr *);
	const struct gremc_fanout_key key = {ip->src_addr, ip->dst_addr};

	*packet = (struct gremc_packet){
		.mbuf = mbuf, .iif = gremc_mbuf_vif(mbuf, worker->vifs), .length = mbuf->pkt_len};
	gremc_fanout_lookup_bulk(worker->fanout, &key, 1, &packet->mroute);
	if (packet->iif == GREMC_VIF_NONE || packet->mroute == NULL ||
	    !gremc_mroute_accepts(packet->mroute, packet->iif))
		return false;
	packet->oif_skip = gremc_mroute_skip(packet->mroute, packet->iif);
	return true;
}

/* A payload that another worker has received: its TTL is decremented, and it is counted for its mroute. */
static void split_packet_accept(struct gremc_worker *worker, struct rte_mbuf *mbuf)
{
	struct gremc_packet packet;

	if (split_packet_lookup(worker, mbuf, &packet))
		oil_part_replicate(worker, &packet);
	else
		gremc_burst_done(&worker->burst, mbuf);
}

/* ---- the other end ---- */

static void flow_packet_accept(struct gremc_worker *worker, struct rte_mbuf *mbuf)
{
	const struct rte_ipv4_hdr *ip = rte_pktmbuf_mtod(mbuf, const struct rte_ipv4_hdr *);
	const uint32_t iif = gremc_mbuf_vif(mbuf, worker->vifs);
	struct gremc_burst *burst = &worker->burst;

	worker->relayed--; /* modulo 2^32: the sum over the workers is what counts */
	if (unlikely(iif == GREMC_VIF_NONE)) {
		gremc_drop(worker, mbuf, GREMC_DROP_unknown_peer);
		return;
	}
	burst->key[burst->count] = (struct gremc_fanout_key){ip->src_addr, ip->dst_addr};
	burst->packet[burst->count++] =
		(struct gremc_packet){.mbuf = mbuf, .iif = iif, .length = mbuf->pkt_len};
}

/* Up to a burst of them. Returns how many. */
static uint32_t handoff_burst_forward(struct gremc_worker *worker, uint32_t most)
{
	struct rte_mbuf *mbuf[GREMC_BURST];
	uint32_t n = gremc_ring_dequeue(worker->relay, mbuf, RTE_MIN(most, GREMC_BURST));

	if (n == 0)
		return 0;
	worker->burst.count = 0;
	worker->burst.done_count = 0;
	for (uint32_t i = 0; i < n; i++)
		rte_prefetch0(rte_pktmbuf_mtod(mbuf[i], void *));
	for (uint32_t i = 0; i < n; i++) {
		if (mbuf[i]->packet_type == FLOW)
			flow_packet_accept(worker, mbuf[i]);
		else
			split_packet_accept(worker, mbuf[i]);
	}
	gremc_stage_lookup(worker);
	gremc_stage_replicate(worker);
	gremc_stage_tx(worker);
	gremc_worker_account(worker, NULL);
	return n;
}

uint32_t gremc_handoff_poll(struct gremc_worker *worker)
{
	uint32_t left = worker->relay ? rte_ring_count(worker->relay) : 0, total = 0, n;
	uint64_t until;

	if (likely(left == 0))
		return 0;
	until = gremc_poll_deadline();
	do {
		n = handoff_burst_forward(worker, left);
		total += n;
		left -= n;
	} while (n > 0 && left > 0 && rte_rdtsc() < until);
	return total;
}

/* ---- the end ---- */

static void handoff_packet_drop(struct gremc_worker *worker, struct rte_mbuf *mbuf)
{
	struct gremc_packet packet;

	if (mbuf->packet_type == FLOW) {
		worker->relayed--;
		gremc_drop(worker, mbuf, GREMC_DROP_relay_full);
		return;
	}
	if (split_packet_lookup(worker, mbuf, &packet))
		oil_part_drop(worker, &packet, worker->index, GREMC_TX_DROP_shard_full);
	gremc_burst_done(&worker->burst, mbuf);
}

void gremc_handoff_ring_drop(struct gremc_worker *worker)
{
	struct rte_mbuf *mbuf;

	worker->burst.done_count = 0;
	while (worker->relay && gremc_ring_dequeue(worker->relay, &mbuf, 1) == 1) {
		handoff_packet_drop(worker, mbuf);
		gremc_worker_account(worker, NULL);
	}
}
