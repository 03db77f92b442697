/* SPDX-License-Identifier: BSD-3-Clause */
#include <rte_prefetch.h>

#include "datapath/conditional.h"
#include "datapath/handoff.h"
#include "datapath/replica.h"
#include "datapath/rotate.h"
#include "datapath/segments.h"

#define HANDED_OFF UINT32_MAX /* instead of an owner: the packet has left the burst */

/* The field `handoff` of an mbuf in the ring: the kind, and above it the turn of an oil part (rotate.h). */
enum gremc_handoff {
	GREMC_HANDOFF_FLOW,
	GREMC_HANDOFF_OIL_PART,
};
#define TURN_SHIFT 1

/* ---- software RSS ---- */

/* The worker that owns the flow. Neighbouring sources and groups are distributed evenly (Fibonacci hashing).
 */
static uint32_t flow_owner(const struct gremc_fanout_key *key, uint32_t workers)
{
	uint64_t h = ((uint64_t)key->source << 32 | key->group) * UINT64_C(0x9e3779b97f4a7c15);

	h ^= h >> 32;
	h *= UINT64_C(0xd6e8feb86659fd93);
	return (uint32_t)((h >> 32) * workers >> 32);
}

static void flows_enqueue(struct gremc_worker *worker, uint32_t owner, struct rte_mbuf **mbufs, uint32_t n)
{
	uint32_t taken = gremc_ring_enqueue(worker->group->worker[owner]->handoff_ring, mbufs, n);

	worker->handed_off += taken;
	for (uint32_t i = taken; i < n; i++)
		gremc_sampled_drop(worker, gremc_mbuf_vif(mbufs[i], worker->vifs), mbufs[i],
				   GREMC_STARTS_WITH_IP, GREMC_DROP_relay_full);
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
		/* enqueue all packets of this owner together */
		for (uint32_t j = i; to != HANDED_OFF && j < burst->count; j++) {
			struct rte_mbuf *mbuf = burst->packet[j].mbuf;

			if (owner[j] != to)
				continue;
			gremc_mbuf_fields(mbuf)->handoff = GREMC_HANDOFF_FLOW;
			gremc_mbuf_vif_set(mbuf, worker->vifs, burst->packet[j].iif);
			owner[j] = HANDED_OFF;
			batch[n++] = mbuf;
		}
		if (n > 0)
			flows_enqueue(worker, to, batch, n);
	}
	burst->count = alive;
}

/* ---- OIL split ---- */

/* Blocks of vif numbers are distributed evenly over any number of workers (Fibonacci hashing). */
#define BLOCK_BITS 5

static inline uint32_t vif_split_owner(uint32_t vif, uint32_t workers)
{
	return (uint32_t)((uint64_t)((vif >> BLOCK_BITS) * UINT32_C(0x9e3779b9)) * workers >> 32);
}

bool gremc_oil_part_has(const struct gremc_worker *worker, uint32_t vif)
{
	return vif_split_owner(vif, worker->group->count) == worker->index;
}

/* The end of the block that begins at index `at` of the oil, which is ascending. */
static inline uint32_t oil_block_end(const struct gremc_mroute *mroute, uint32_t at)
{
	const uint32_t next = ((mroute->vif[at] >> BLOCK_BITS) + 1) << BLOCK_BITS;
	const uint32_t most = RTE_MIN(mroute->oif_count - at, 1u << BLOCK_BITS);

	return at + gremc_vif_lower_bound(&mroute->vif[at], most, next);
}

/* Find the next OIFs of the worker, from *from on: [*from, *to). Returns false if there are none. */
static inline bool oil_part_next(const struct gremc_mroute *mroute, uint32_t owner, uint32_t workers,
				 uint32_t *from, uint32_t *to)
{
	while (*from < mroute->oif_count) {
		*to = oil_block_end(mroute, *from);
		if (vif_split_owner(mroute->vif[*from], workers) == owner)
			return true;
		*from = *to;
	}
	return false;
}

/* Request and drop the replicas of the owner's part. */
static void oil_part_drop(struct gremc_worker *worker, const struct gremc_packet *packet, uint32_t owner,
			  enum gremc_tx_drop reason)
{
	const struct gremc_mroute *mroute = packet->mroute;

	for (uint32_t from = 0, to; oil_part_next(mroute, owner, worker->group->count, &from, &to);
	     from = to) {
		for (uint32_t i = from; i < to; i++) {
			if (i == packet->oif_skip)
				continue;
			worker->egress.requested++;
			gremc_counter_pair_add(&worker->stats->vif_hot[mroute->vif[i]].tx_packets, 1,
					       packet->length);
			gremc_egress_count_drop(&worker->egress, mroute->vif[i], reason, packet->mbuf);
		}
	}
}

static void oil_part_enqueue(struct gremc_worker *worker, const struct gremc_packet *packet, uint32_t owner,
			     uint32_t turn)
{
	/* A copy costs less than a reference count that several workers write. */
	struct rte_mbuf *copy = gremc_segments_clone(packet->mbuf, worker->split_pool);

	if (unlikely(copy == NULL)) {
		oil_part_drop(worker, packet, owner, GREMC_TX_DROP_no_mbuf);
		return;
	}
	gremc_mbuf_fields(copy)->handoff = GREMC_HANDOFF_OIL_PART | turn << TURN_SHIFT;
	gremc_mbuf_vif_set(copy, worker->vifs, packet->iif);
	if (likely(gremc_ring_enqueue(worker->group->worker[owner]->handoff_ring, &copy, 1) == 1))
		return;
	rte_pktmbuf_free(copy);
	oil_part_drop(worker, packet, owner, GREMC_TX_DROP_shard_full);
}

/* Replicate to the own part of the oil. Takes the packet over. */
static void oil_part_replicate(struct gremc_worker *worker, const struct gremc_packet *packet, uint32_t turn)
{
	const struct gremc_mroute *mroute = packet->mroute;
	const uint32_t skip = packet->oif_skip;

	if (unlikely(mroute->rotates)) {
		gremc_packet_replicate_rotated(worker, packet, turn, GREMC_ROTATE_PART);
		gremc_burst_done(&worker->burst, packet->mbuf);
		return;
	}
	for (uint32_t from = 0, to; oil_part_next(mroute, worker->index, worker->group->count, &from, &to);
	     from = to) {
		const bool skips = skip >= from && skip < to;

		if (unlikely(mroute->limited)) { /* set since the packet was received */
			gremc_packet_replicate_conditional(worker, packet, from, to);
			continue;
		}
		worker->egress.requested += to - from - skips;
		gremc_replicas_send(worker, packet, &mroute->vif[from], skips ? skip - from : to - from);
		if (unlikely(skips))
			gremc_replicas_send(worker, packet, &mroute->vif[skip + 1], to - skip - 1);
	}
	gremc_burst_done(&worker->burst, packet->mbuf);
}

void gremc_oil_split(struct gremc_worker *worker, const struct gremc_packet *packet)
{
	/* the same bits of the turn as in the mbufs */
	const uint32_t turn = gremc_packet_turn(worker, packet) << TURN_SHIFT >> TURN_SHIFT;

	for (uint32_t owner = 0; owner < worker->group->count; owner++)
		if (owner != worker->index)
			oil_part_enqueue(worker, packet, owner, turn);
	oil_part_replicate(worker, packet, turn);
}

/* Look up the packet of an oil part. Returns false if its vif or mroute has been removed meanwhile: the
 * packet counts as received after that. */
static bool split_packet_lookup(const struct gremc_worker *worker, struct rte_mbuf *mbuf,
				struct gremc_packet *packet)
{
	const struct rte_ipv4_hdr *ip = rte_pktmbuf_mtod(mbuf, const struct rte_ipv4_hdr *);
	const struct gremc_fanout_key key = {ip->src_addr, ip->dst_addr};

	*packet = (struct gremc_packet){
		.mbuf = mbuf, .iif = gremc_mbuf_vif(mbuf, worker->vifs), .length = mbuf->pkt_len};
	gremc_fanout_lookup_bulk(worker->fanout, &key, 1, &packet->mroute);
	if (packet->iif == GREMC_VIF_NONE || packet->mroute == NULL)
		return false;
	packet->mroute = gremc_mroute_branch(packet->mroute, packet->iif);
	if (!gremc_mroute_accepts(packet->mroute, packet->iif))
		return false;
	packet->oif_skip = gremc_mroute_skip(packet->mroute, packet->iif);
	return true;
}

/* The other worker has decremented the TTL and counted the packet for its mroute. */
static void split_packet_accept(struct gremc_worker *worker, struct rte_mbuf *mbuf)
{
	const uint32_t turn = gremc_mbuf_fields(mbuf)->handoff >> TURN_SHIFT;
	struct gremc_packet packet;

	if (split_packet_lookup(worker, mbuf, &packet))
		oil_part_replicate(worker, &packet, turn);
	else
		gremc_burst_done(&worker->burst, mbuf);
}

/* ---- the receiving worker ---- */

static void flow_packet_accept(struct gremc_worker *worker, struct rte_mbuf *mbuf)
{
	const struct rte_ipv4_hdr *ip = rte_pktmbuf_mtod(mbuf, const struct rte_ipv4_hdr *);
	const uint32_t iif = gremc_mbuf_vif(mbuf, worker->vifs);
	struct gremc_burst *burst = &worker->burst;

	worker->handed_off--; /* modulo 2^32: only the sum over the workers counts */
	if (unlikely(iif == GREMC_VIF_NONE)) {
		gremc_sampled_drop(worker, GREMC_VIF_NONE, mbuf, GREMC_STARTS_WITH_IP,
				   GREMC_DROP_unknown_peer);
		return;
	}
	burst->key[burst->count] = (struct gremc_fanout_key){ip->src_addr, ip->dst_addr};
	burst->packet[burst->count++] =
		(struct gremc_packet){.mbuf = mbuf, .iif = iif, .length = mbuf->pkt_len};
}

uint32_t gremc_handoff_count(const struct gremc_worker *worker)
{
	return worker->handoff_ring ? rte_ring_count(worker->handoff_ring) : 0;
}

uint32_t gremc_stage_handoff(struct gremc_worker *worker, uint32_t most)
{
	struct rte_mbuf *mbuf[GREMC_BURST];
	uint32_t n = gremc_ring_dequeue(worker->handoff_ring, mbuf, RTE_MIN(most, GREMC_BURST));

	gremc_burst_reset(&worker->burst);
	for (uint32_t i = 0; i < n; i++)
		rte_prefetch0(rte_pktmbuf_mtod(mbuf[i], void *));
	for (uint32_t i = 0; i < n; i++) {
		if (gremc_mbuf_fields(mbuf[i])->handoff == GREMC_HANDOFF_FLOW)
			flow_packet_accept(worker, mbuf[i]);
		else
			split_packet_accept(worker, mbuf[i]);
	}
	return n;
}

/* ---- shutdown ---- */

static void handoff_packet_drop(struct gremc_worker *worker, struct rte_mbuf *mbuf)
{
	struct gremc_packet packet;

	if (gremc_mbuf_fields(mbuf)->handoff == GREMC_HANDOFF_FLOW) {
		worker->handed_off--;
		gremc_sampled_drop(worker, GREMC_VIF_NONE, mbuf, GREMC_STARTS_WITH_IP, GREMC_DROP_relay_full);
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
	while (worker->handoff_ring && gremc_ring_dequeue(worker->handoff_ring, &mbuf, 1) == 1) {
		handoff_packet_drop(worker, mbuf);
		gremc_worker_account(worker, NULL);
	}
}
