/* SPDX-License-Identifier: BSD-3-Clause */
#include "datapath/conditional.h"
#include "datapath/decision.h"
#include "datapath/punt.h"
#include "datapath/replica.h"

bool gremc_replica_is_allowed(struct gremc_worker *worker, const struct gremc_packet *packet, uint32_t vif)
{
	const struct rte_ipv4_hdr *ip = rte_pktmbuf_mtod(packet->mbuf, const struct rte_ipv4_hdr *);
	const enum gremc_tx_drop reason =
		gremc_oif_policy_check(worker->vifs, vif, ip->time_to_live + 1, ip->src_addr, ip->dst_addr);

	if (reason == GREMC_TX_DROP_NONE)
		return true;
	gremc_counter_pair_add(&worker->stats->vif_hot[vif].tx_packets, 1, packet->length);
	gremc_egress_count_drop(&worker->egress, vif, reason, packet->mbuf);
	return false;
}

/* Request replicas for the OIFs [*at, end). Collect up to a burst of vifs whose policies allow them. Advances
 * *at. Returns: their number. */
static uint32_t oifs_collect(struct gremc_worker *worker, const struct gremc_packet *packet, uint32_t *at,
			     uint32_t end, uint32_t *vifs)
{
	const struct rte_ipv4_hdr *ip = rte_pktmbuf_mtod(packet->mbuf, const struct rte_ipv4_hdr *);
	const struct gremc_mroute *mroute = packet->mroute;
	uint32_t i = *at, n = 0;

	for (; i < end && n < GREMC_BURST; i++) {
		if (i == packet->oif_skip ||
		    !gremc_oif_requests(worker->vifs, mroute, i, ip->time_to_live + 1, ip->src_addr))
			continue;
		worker->egress.requested++;
		if (gremc_replica_is_allowed(worker, packet, mroute->vif[i]))
			vifs[n++] = mroute->vif[i];
	}
	*at = i;
	return n;
}

enum gremc_drop gremc_conditional_drop_reason(const struct gremc_mroute *mroute, uint32_t oif_skip)
{
	enum gremc_drop reason = GREMC_DROP_empty_oil;

	for (uint32_t i = 0; i < mroute->oif_count; i++) {
		if (i == oif_skip)
			continue;
		if (gremc_mroute_thresholds(mroute)[i] == GREMC_THRESHOLD_SOURCES)
			return GREMC_DROP_source_guard;
		reason = GREMC_DROP_ttl_threshold;
	}
	return reason;
}

enum gremc_drop gremc_conditional_oifs_check(const struct gremc_worker *worker,
					     const struct gremc_packet *packet)
{
	const struct rte_ipv4_hdr *ip = rte_pktmbuf_mtod(packet->mbuf, const struct rte_ipv4_hdr *);
	const struct gremc_mroute *mroute = packet->mroute;

	if (!gremc_fanout_is_allowed(worker->vifs, mroute, packet->iif, packet->oif_skip))
		return GREMC_DROP_fanout_limit;
	if (mroute->sampled && gremc_punt_sample_due(worker, packet))
		return GREMC_DROP_no_mroute;
	for (uint32_t i = 0; i < mroute->oif_count; i++)
		if (i != packet->oif_skip &&
		    gremc_oif_requests(worker->vifs, mroute, i, ip->time_to_live, ip->src_addr))
			return GREMC_DROP_NONE;
	return gremc_conditional_drop_reason(mroute, packet->oif_skip);
}

void gremc_packet_replicate_conditional(struct gremc_worker *worker, const struct gremc_packet *packet,
					uint32_t from, uint32_t to)
{
	uint32_t vifs[GREMC_BURST], n;

	while (from < to) {
		n = oifs_collect(worker, packet, &from, to, vifs);
		gremc_replicas_send(worker, packet, vifs, n);
	}
}
