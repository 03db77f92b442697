/* SPDX-License-Identifier: BSD-3-Clause */
/* One input packet becomes one replica for each outgoing interface. TTL, checksum and the choice of copying
 * or sharing the payload are settled once a packet; what is left for each replica is a header (replica.c). */
#include "datapath/relay.h"
#include "datapath/replica.h"

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
	if (wanted == 1) {
		const struct gremc_job job = gremc_job_make(worker, packet, 0, 0);

		if (likely(gremc_replicate_in_place(worker, &job, mroute->vif[skip == 0])))
			return;
	}
	if (wanted > 1 && packet->length > __atomic_load_n(&worker->copy_threshold, __ATOMIC_RELAXED))
		gremc_replicate_shares(worker, packet);
	else
		gremc_replicate_copies(worker, packet);
}

/* What a packet's replicas read first: its counter, and of its first outgoing interfaces all that is read. */
static inline void prefetch_packet(const struct gremc_worker *worker, const struct gremc_packet *packet)
{
	const struct gremc_mroute *mroute = packet->mroute;
	const struct gremc_encap *encap = worker->vifs->encap;
	const struct gremc_vif_hot *hot = worker->stats->vif_hot;

	rte_prefetch0(&worker->stats->mroute[mroute->id]);
	if (mroute->oif_count >= GREMC_REPLICAS_AHEAD) {
		/* a number that the compiler knows: no loop */
		for (uint32_t i = 0; i < GREMC_REPLICAS_AHEAD; i++)
			gremc_prefetch_vif(encap, hot, mroute->vif[i]);
	} else {
		for (uint32_t i = 0; i < mroute->oif_count; i++)
			gremc_prefetch_vif(encap, hot, mroute->vif[i]);
	}
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
