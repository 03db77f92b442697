/* SPDX-License-Identifier: BSD-3-Clause */
#include "datapath/conditional.h"
#include "datapath/punt.h"
#include "datapath/replica.h"

/* Whether the OIF takes a packet with this received TTL and source. */
static inline bool oif_accepts(const struct gremc_worker *worker, const struct gremc_mroute *mroute,
			       uint32_t i, uint8_t ttl, rte_be32_t source)
{
	const uint8_t threshold = gremc_mroute_thresholds(mroute)[i];

	if (threshold == GREMC_THRESHOLD_SOURCES)
		return gremc_vif_accepts_source(worker->vifs, mroute->vif[i], source);
	return ttl > threshold;
}

/* Collect up to a burst of vifs that take the packet, from the OIFs [*at, end). Advances *at. Returns how
 * many.
 */
static uint32_t oifs_collect(const struct gremc_worker *worker, const struct gremc_packet *packet,
			     uint8_t ttl, uint32_t *at, uint32_t end, uint32_t *vifs)
{
	const struct rte_ipv4_hdr *ip = rte_pktmbuf_mtod(packet->mbuf, const struct rte_ipv4_hdr *);
	const struct gremc_mroute *mroute = packet->mroute;
	uint32_t i = *at, n = 0;

	for (; i < end && n < GREMC_BURST; i++)
		if (i != packet->oif_skip && oif_accepts(worker, mroute, i, ttl, ip->src_addr))
			vifs[n++] = mroute->vif[i];
	*at = i;
	return n;
}

/* The reason for which no OIF takes the packet. */
static enum gremc_drop drop_reason_find(const struct gremc_packet *packet)
{
	const struct gremc_mroute *mroute = packet->mroute;
	enum gremc_drop reason = GREMC_DROP_empty_oil;

	for (uint32_t i = 0; i < mroute->oif_count; i++) {
		if (i == packet->oif_skip)
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
		       : drop_reason_find(packet);
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
