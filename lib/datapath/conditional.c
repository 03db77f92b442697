/* SPDX-License-Identifier: BSD-3-Clause */
#include "datapath/conditional.h"
#include "datapath/decision.h"
#include "datapath/punt.h"
#include "datapath/replica.h"

/* Collect up to a burst of vifs that accept the packet, from the OIFs [*at, end). Advances *at.
 * Returns: their number.
 */
static uint32_t oifs_collect(const struct gremc_worker *worker, const struct gremc_packet *packet,
			     uint8_t ttl, uint32_t *at, uint32_t end, uint32_t *vifs)
{
	const struct rte_ipv4_hdr *ip = rte_pktmbuf_mtod(packet->mbuf, const struct rte_ipv4_hdr *);
	const struct gremc_mroute *mroute = packet->mroute;
	uint32_t i = *at, n = 0;

	for (; i < end && n < GREMC_BURST; i++)
		if (i != packet->oif_skip && gremc_oif_accepts(worker->vifs, mroute, i, ttl, ip->src_addr))
			vifs[n++] = mroute->vif[i];
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
	uint32_t vifs[GREMC_BURST], at = 0;

	if (packet->mroute->sampled && gremc_punt_sample_due(worker, packet))
		return GREMC_DROP_no_mroute;
	return oifs_collect(worker, packet, ip->time_to_live, &at, packet->mroute->oif_count, vifs)
		       ? GREMC_DROP_NONE
		       : gremc_conditional_drop_reason(packet->mroute, packet->oif_skip);
}

void gremc_packet_replicate_conditional(struct gremc_worker *worker, const struct gremc_packet *packet,
					uint32_t from, uint32_t to)
{
	const struct rte_ipv4_hdr *ip = rte_pktmbuf_mtod(packet->mbuf, const struct rte_ipv4_hdr *);
	uint32_t vifs[GREMC_BURST], n;

	while (from < to) {
		n = oifs_collect(worker, packet, ip->time_to_live + 1, &from, to, vifs);
		worker->egress.requested += n;
		gremc_replicas_send(worker, packet, vifs, n);
	}
}
