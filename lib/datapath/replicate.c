/* SPDX-License-Identifier: BSD-3-Clause */
/* One input packet becomes one replica for each outgoing interface. TTL, checksum and the choice of copying
 * or sharing the payload are settled once a packet; what is left for each replica is a header (replica.c). */
#include "datapath/handoff.h"
#include "datapath/replica.h"

/* What does not change in a burst. */
struct steady {
	const struct gremc_encap *encap;
	const struct gremc_vif_hot *hot;
	struct gremc_mroute_counter *counters;
	uint32_t shard_threshold, copy_threshold;
};

static inline void packet_send_single(struct gremc_worker *worker, const struct gremc_packet *packet,
				      uint32_t vif)
{
	const struct gremc_replication job = gremc_replication_make(worker, packet, 0, 0);

	if (likely(gremc_replica_send_in_place(worker, &job, vif)))
		return;
	gremc_replicas_send(worker, packet, &vif, 1);
	gremc_burst_done(&worker->burst, packet->mbuf);
}

static inline void packet_replicate(struct gremc_worker *worker, const struct gremc_packet *packet,
				    const struct steady *steady)
{
	const struct gremc_mroute *mroute = packet->mroute;
	const uint32_t skip = packet->oif_skip;
	const uint32_t wanted = mroute->oif_count - (skip < mroute->oif_count);

	gremc_ipv4_decrement_ttl(rte_pktmbuf_mtod(packet->mbuf, struct rte_ipv4_hdr *));
	gremc_counter_pair_add(&steady->counters[mroute->id].packets, 1, packet->length);
	if (unlikely(mroute->limited)) {
		gremc_packet_replicate_conditional(worker, packet, 0, mroute->oif_count);
		gremc_burst_done(&worker->burst, packet->mbuf);
		return;
	}
	if (unlikely(wanted >= steady->shard_threshold)) {
		gremc_oil_split(worker, packet);
		return;
	}
	worker->wanted += wanted;
	if (wanted == 1)
		packet_send_single(worker, packet, mroute->vif[skip == 0]);
	else if (packet->length > steady->copy_threshold)
		gremc_packet_replicate_shared(worker, packet);
	else
		gremc_packet_replicate_copied(worker, packet);
}

/* What a packet's replicas read first: of its first outgoing interfaces all that is read. */
static inline void packet_prefetch_oil(const struct gremc_packet *packet, const struct steady *steady)
{
	const struct gremc_mroute *mroute = packet->mroute;

	if (mroute->oif_count >= GREMC_REPLICAS_AHEAD) {
		/* a number that the compiler knows: no loop */
		for (uint32_t i = 0; i < GREMC_REPLICAS_AHEAD; i++)
			gremc_vif_prefetch(steady->encap, steady->hot, mroute->vif[i]);
	} else {
		for (uint32_t i = 0; i < mroute->oif_count; i++)
			gremc_vif_prefetch(steady->encap, steady->hot, mroute->vif[i]);
	}
}

void gremc_stage_replicate(struct gremc_worker *worker)
{
	struct gremc_burst *burst = &worker->burst;
	const struct gremc_packet *packet = burst->packet, *const end = packet + burst->count;
	const struct steady steady = {
		.encap = worker->vifs->encap,
		.hot = worker->stats->vif_hot,
		.counters = worker->stats->mroute,
		.shard_threshold = __atomic_load_n(&worker->shard_threshold, __ATOMIC_RELAXED),
		.copy_threshold = __atomic_load_n(&worker->copy_threshold, __ATOMIC_RELAXED),
	};

	worker->forwarded += burst->count;
	if (packet < end)
		packet_prefetch_oil(packet, &steady);
	for (; packet < end; packet++) {
		if (packet + 1 < end)
			packet_prefetch_oil(packet + 1, &steady);
		packet_replicate(worker, packet, &steady);
	}
	burst->count = 0;
}
