/* SPDX-License-Identifier: BSD-3-Clause */
#include <rte_prefetch.h>

#include "datapath/conditional.h"
#include "datapath/punt.h"
#include "datapath/stages.h"

/* RPF check and split horizon. Returns GREMC_DROP_NONE to forward the packet; GREMC_DROP_no_mroute if the
 * kernel gets it as if no mroute matched. */
static enum gremc_drop packet_rpf_check(const struct gremc_worker *worker, struct gremc_packet *packet)
{
	const struct gremc_mroute *mroute = packet->mroute;

	if (likely(mroute->plain && mroute->iif == packet->iif)) {
		packet->oif_skip = mroute->oif_count;
		return GREMC_DROP_NONE;
	}
	if (unlikely(!gremc_mroute_accepts(mroute, packet->iif)))
		return gremc_punt_wrong_vif_due(worker, packet) ? GREMC_DROP_no_mroute : GREMC_DROP_rpf;
	packet->oif_skip = gremc_mroute_skip(mroute, packet->iif);
	if (unlikely(mroute->limited))
		return gremc_conditional_oifs_check(worker, packet);
	return likely(mroute->oif_count > (packet->oif_skip < mroute->oif_count)) ? GREMC_DROP_NONE
										  : GREMC_DROP_empty_oil;
}

/* The replicate stage reads the counter and, beside the mroute's first cache line, further vifs of the oil.
 */
static inline void mroute_prefetch(const struct gremc_worker *worker, const struct gremc_mroute *mroute)
{
	rte_prefetch0(&worker->stats->mroute[mroute->id]);
	if (mroute->oif_count > GREMC_MROUTE_LINE)
		rte_prefetch0(&mroute->vif[GREMC_MROUTE_LINE]);
}

void gremc_stage_lookup(struct gremc_worker *worker)
{
	struct gremc_burst *burst = &worker->burst;
	const struct gremc_mroute *mroute[GREMC_BURST];
	uint32_t alive = 0;

	if (burst->count == 0)
		return;
	gremc_fanout_lookup_bulk(worker->fanout, burst->key, burst->count, mroute);
	for (uint32_t i = 0; i < burst->count; i++) {
		struct gremc_packet *packet = &burst->packet[i];
		enum gremc_drop reason;

		packet->mroute = mroute[i];
		reason = unlikely(packet->mroute == NULL) ? GREMC_DROP_no_mroute
							  : packet_rpf_check(worker, packet);
		if (unlikely(reason != GREMC_DROP_NONE)) {
			if (reason == GREMC_DROP_no_mroute)
				gremc_unrouted_punt_or_drop(worker, packet);
			else
				gremc_packet_drop(worker, packet->mbuf, reason);
			continue;
		}
		mroute_prefetch(worker, packet->mroute);
		gremc_burst_retain(burst, &alive, i);
	}
	burst->count = alive;
}
