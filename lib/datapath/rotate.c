/* SPDX-License-Identifier: BSD-3-Clause */
#include "datapath/rotate.h"
#include "datapath/conditional.h"
#include "datapath/decision.h"
#include "datapath/handoff.h"
#include "datapath/replica.h"

/* The order of one packet's replicas among `count` OIFs. */
struct turn_order {
	uint32_t first; /* of the OIFs that take the packet, below `count` */
	bool descends;
};

static struct turn_order turn_order_make(uint32_t turn, uint32_t count)
{
	/* Consecutive rounds begin evenly distributed over the OIFs and both directions (Fibonacci hashing).
	 */
	const uint32_t hash = turn / count * UINT32_C(0x9e3779b9);
	const uint32_t start = (uint32_t)((uint64_t)hash * 2 * count >> 32);

	return (struct turn_order){.first = (turn % count + start / 2) % count, .descends = start % 2};
}

/* Whether the OIF with index `i` gets a replica. */
static bool oif_takes_packet(const struct gremc_worker *worker, const struct gremc_packet *packet, uint32_t i,
			     enum gremc_rotation rotation)
{
	const struct rte_ipv4_hdr *ip = rte_pktmbuf_mtod(packet->mbuf, const struct rte_ipv4_hdr *);
	const struct gremc_mroute *mroute = packet->mroute;

	if (i == packet->oif_skip)
		return false;
	if (rotation == GREMC_ROTATE_PART && !gremc_oil_part_has(worker, mroute->vif[i]))
		return false;
	return !mroute->limited ||
	       gremc_oif_requests(worker->vifs, mroute, i, ip->time_to_live + 1, ip->src_addr);
}

/* Returns: the number of OIFs that get a replica. */
static uint32_t oifs_count_takers(const struct gremc_worker *worker, const struct gremc_packet *packet,
				  enum gremc_rotation rotation)
{
	const struct gremc_mroute *mroute = packet->mroute;
	uint32_t count = 0;

	if (rotation == GREMC_ROTATE_OIL && !mroute->limited)
		return mroute->oif_count - (packet->oif_skip < mroute->oif_count);
	for (uint32_t i = 0; i < mroute->oif_count; i++)
		count += oif_takes_packet(worker, packet, i, rotation);
	return count;
}

/* Returns: the index in the oil of number `taker` of the OIFs that get a replica. */
static uint32_t oif_index_find(const struct gremc_worker *worker, const struct gremc_packet *packet,
			       uint32_t taker, enum gremc_rotation rotation)
{
	uint32_t i = 0;

	if (rotation == GREMC_ROTATE_OIL && !packet->mroute->limited)
		return taker + (taker >= packet->oif_skip);
	for (;; i++)
		if (oif_takes_packet(worker, packet, i, rotation) && taker-- == 0)
			return i;
}

void gremc_packet_replicate_rotated(struct gremc_worker *worker, const struct gremc_packet *packet,
				    uint32_t turn, enum gremc_rotation rotation)
{
	const struct gremc_mroute *mroute = packet->mroute;
	const uint32_t takers = oifs_count_takers(worker, packet, rotation);
	struct turn_order order;
	uint32_t vifs[GREMC_BURST], n = 0, i;

	if (takers == 0)
		return;
	worker->egress.requested += takers;
	order = turn_order_make(turn, takers);
	i = oif_index_find(worker, packet, order.first, rotation);
	for (uint32_t left = takers; left > 0;) {
		if (oif_takes_packet(worker, packet, i, rotation)) {
			if (!mroute->limited || gremc_replica_is_allowed(worker, packet, mroute->vif[i]))
				vifs[n++] = mroute->vif[i];
			left--;
		}
		if (n == GREMC_BURST || left == 0) {
			gremc_replicas_send(worker, packet, vifs, n);
			n = 0;
		}
		if (order.descends)
			i = i > 0 ? i - 1 : mroute->oif_count - 1;
		else
			i = i + 1 < mroute->oif_count ? i + 1 : 0;
	}
}
