/* SPDX-License-Identifier: BSD-3-Clause */
/* One input packet becomes one replica for each outgoing interface. TTL, checksum and the choice of copying
 * or sharing the payload are settled once a packet; what is left for each replica is a header (replica.c). */
#include "datapath/relay.h"
#include "datapath/replica.h"
#include "datapath/wait.h"

/* The headers go before the payload, in the packet's own buffer: nothing is allocated or copied. Takes the
 * packet over, unless it returns false: this one cannot be sent so. */
static __rte_always_inline bool replicate_in_place(struct gremc_worker *worker,
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

/* Copies for all but the last one, which gets the packet itself: a buffer less to take, and none to give
 * back. Takes the packet over. */
static void copy_to_all(struct gremc_worker *worker, const struct gremc_packet *packet)
{
	const struct gremc_inner inner = gremc_packet_inner(packet);
	const struct gremc_job job = gremc_job_of(worker, packet->mbuf, &inner);
	const struct gremc_mroute *mroute = packet->mroute;
	const uint32_t *oil = mroute->vif;
	const uint32_t skip = packet->oif_skip;
	/* one that is skipped is none of these: then the one before it */
	const uint32_t last = mroute->oif_count - 1 - (skip + 1 == mroute->oif_count);

	gremc_replicas_copy(worker, &job, oil, RTE_MIN(skip, last));
	if (unlikely(skip < last))
		gremc_replicas_copy(worker, &job, &oil[skip + 1], last - skip - 1);
	if (likely(replicate_in_place(worker, packet, oil[last])))
		return;
	gremc_replicas_copy(worker, &job, &oil[last], 1);
	gremc_burst_done(&worker->burst, packet->mbuf);
}

static void share_with_all(struct gremc_worker *worker, const struct gremc_packet *packet)
{
	const struct gremc_inner inner = gremc_packet_inner(packet);
	const struct gremc_job job = gremc_job_of(worker, packet->mbuf, &inner);
	const uint32_t *oil = packet->mroute->vif;
	const uint32_t skip = packet->oif_skip, count = packet->mroute->oif_count;

	gremc_replicas_share(worker, &job, oil, RTE_MIN(skip, count), skip + 1 >= count);
	if (skip + 1 < count)
		gremc_replicas_share(worker, &job, &oil[skip + 1], count - skip - 1, true);
}

/* `share`: chain the payload where the ports take that. */
static __rte_noinline void replicate_many(struct gremc_worker *worker, const struct gremc_packet *packet,
					  bool share)
{
	if (share)
		share_with_all(worker, packet);
	else
		copy_to_all(worker, packet);
}

static inline void replicate_packet(struct gremc_worker *worker, const struct gremc_packet *packet)
{
	const struct gremc_mroute *mroute = packet->mroute;
	struct rte_ipv4_hdr *ip = rte_pktmbuf_mtod(packet->mbuf, struct rte_ipv4_hdr *);
	const uint32_t skip = packet->oif_skip;
	const uint32_t wanted = mroute->oif_count - (skip < mroute->oif_count);

	gremc_ipv4_decrement_ttl(ip);
	gremc_count_pair(&worker->stats->mroute[mroute->id].packets, 1, packet->length);
	worker->forwarded++;
	if (unlikely(mroute->limited)) {
		gremc_replicate_limited(worker, packet);
		return;
	}
	if (unlikely(wanted >= __atomic_load_n(&worker->shard_threshold, __ATOMIC_RELAXED))) {
		gremc_relay_shards(worker, packet);
		return;
	}
	worker->wanted += wanted;
	if (wanted == 1 && likely(replicate_in_place(worker, packet, mroute->vif[skip == 0])))
		return;
	replicate_many(worker, packet,
		       wanted > 1 &&
			       packet->length > __atomic_load_n(&worker->copy_threshold, __ATOMIC_RELAXED));
}

/* What a packet's replicas read first: its counter, and of its first outgoing interfaces all that is read. */
static inline void prefetch_packet(const struct gremc_worker *worker, const struct gremc_packet *packet)
{
	const struct gremc_mroute *mroute = packet->mroute;
	const uint32_t n = RTE_MIN(mroute->oif_count, (uint32_t)GREMC_REPLICAS_AHEAD);

	rte_prefetch0(&worker->stats->mroute[mroute->id]);
	for (uint32_t i = 0; i < n; i++)
		gremc_prefetch_vif(worker->vifs->encap, worker->stats->vif_hot, mroute->vif[i]);
}

void gremc_stage_replicate(struct gremc_worker *worker)
{
	struct gremc_burst *burst = &worker->burst;

	if (burst->count > 0)
		prefetch_packet(worker, &burst->packet[0]);
	for (uint32_t i = 0; i < burst->count; i++) {
		if (i + 1 < burst->count)
			prefetch_packet(worker, &burst->packet[i + 1]);
		replicate_packet(worker, &burst->packet[i]);
	}
	burst->count = 0;
}
