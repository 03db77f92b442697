/* SPDX-License-Identifier: BSD-3-Clause */
/* One input packet becomes one replica for each outgoing interface. The stage decrements the TTL, updates the
 * checksum and chooses a copied or a shared payload once per packet. Each replica adds a header (replica.c).
 */
#include "datapath/conditional.h"
#include "datapath/handoff.h"
#include "datapath/replica.h"
#include "datapath/rotate.h"
#include "datapath/stages.h"

/* Values that are constant during a burst. */
struct burst_constants {
	const struct gremc_encap *encap;
	const struct gremc_vif_hot *hot;
	struct gremc_mroute_counter *counters;
	uint32_t split_threshold, copy_threshold;
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

/* Replicate to an oil with conditional OIFs or a changing order. */
static __rte_noinline void packet_replicate_specially(struct gremc_worker *worker,
						      const struct gremc_packet *packet, uint32_t requested,
						      uint32_t split_threshold)
{
	const struct gremc_mroute *mroute = packet->mroute;

	if (!mroute->limited && requested >= split_threshold) {
		gremc_oil_split(worker, packet);
		return;
	}
	if (mroute->rotates)
		gremc_packet_replicate_rotated(worker, packet, gremc_packet_turn(worker, packet),
					       GREMC_ROTATE_OIL);
	else
		gremc_packet_replicate_conditional(worker, packet, 0, mroute->oif_count);
	gremc_burst_done(&worker->burst, packet->mbuf);
}

static inline void packet_replicate(struct gremc_worker *worker, const struct gremc_packet *packet,
				    const struct burst_constants *constants)
{
	const struct gremc_mroute *mroute = packet->mroute;
	const uint32_t skip = packet->oif_skip;
	const uint32_t requested = mroute->oif_count - (skip < mroute->oif_count);

	gremc_ipv4_decrement_ttl(rte_pktmbuf_mtod(packet->mbuf, struct rte_ipv4_hdr *));
	gremc_counter_pair_add(&constants->counters[mroute->id].packets, 1, packet->length);
	if (unlikely(mroute->limited || mroute->rotates)) {
		packet_replicate_specially(worker, packet, requested, constants->split_threshold);
		return;
	}
	if (unlikely(requested >= constants->split_threshold)) {
		gremc_oil_split(worker, packet);
		return;
	}
	worker->egress.requested += requested;
	if (requested == 1)
		packet_send_single(worker, packet, mroute->vif[skip == 0]);
	else if (packet->length > constants->copy_threshold)
		gremc_packet_replicate_shared(worker, packet);
	else
		gremc_packet_replicate_copied(worker, packet);
}

/* Prefetch the cache lines that the packet's first replicas read. */
static inline void packet_prefetch_oil(const struct gremc_packet *packet,
				       const struct burst_constants *constants)
{
	const struct gremc_mroute *mroute = packet->mroute;

	if (mroute->oif_count >= GREMC_REPLICAS_AHEAD) {
		/* a constant bound: the compiler unrolls the loop */
		for (uint32_t i = 0; i < GREMC_REPLICAS_AHEAD; i++)
			gremc_vif_prefetch(constants->encap, constants->hot, mroute->vif[i]);
	} else {
		for (uint32_t i = 0; i < mroute->oif_count; i++)
			gremc_vif_prefetch(constants->encap, constants->hot, mroute->vif[i]);
	}
}

void gremc_stage_replicate(struct gremc_worker *worker)
{
	struct gremc_burst *burst = &worker->burst;
	const struct gremc_packet *packet = burst->packet, *const end = packet + burst->count;
	const struct burst_constants constants = {
		.encap = worker->vifs->encap,
		.hot = worker->stats->vif_hot,
		.counters = worker->stats->mroute,
		.split_threshold = gremc_u32_load(&worker->split_threshold),
		.copy_threshold = gremc_u16_load(&worker->copy_threshold),
	};

	worker->forwarded += burst->count;
	if (packet < end)
		packet_prefetch_oil(packet, &constants);
	for (; packet < end; packet++) {
		if (packet + 1 < end)
			packet_prefetch_oil(packet + 1, &constants);
		packet_replicate(worker, packet, &constants);
	}
	burst->count = 0;
}
