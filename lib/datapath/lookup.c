/* SPDX-License-Identifier: BSD-3-Clause */
#include <rte_prefetch.h>

#include "datapath/conditional.h"
#include "datapath/decision.h"
#include "datapath/punt.h"
#include "datapath/stages.h"

/* RPF check and split horizon. Returns GREMC_DROP_NONE to forward the packet; GREMC_DROP_no_mroute if the
 * kernel gets it as if no mroute matched. */
static enum gremc_drop packet_rpf_check(const struct gremc_worker *worker, struct gremc_packet *packet)
{
	switch (gremc_rpf_check(&packet->mroute, packet->iif, &packet->oif_skip)) {
	case GREMC_RPF_PASS:
		return GREMC_DROP_NONE;
	case GREMC_RPF_CONDITIONAL:
		return gremc_conditional_oifs_check(worker, packet);
	case GREMC_RPF_FAIL:
		return gremc_punt_wrong_vif_due(worker, packet) ? GREMC_DROP_no_mroute : GREMC_DROP_rpf;
	case GREMC_RPF_NO_OIF:
		break;
	}
	return GREMC_DROP_empty_oil;
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
				gremc_flow_drop(worker, packet, reason,
						rte_pktmbuf_mtod(packet->mbuf, const struct rte_ipv4_hdr *));
			continue;
		}
		mroute_prefetch(worker, packet->mroute);
		gremc_burst_retain(burst, &alive, i);
	}
	burst->count = alive;
}
