/* SPDX-License-Identifier: BSD-3-Clause */
/* Mroutes with conditional OIFs: interfaces that do not accept all packets, because of the kernel's
 * TTL thresholds, the `sources` of members, or the policy of a vif. Such mroutes take this path; all others
 * test one byte for each packet.
 */
#ifndef GREMC_DATAPATH_CONDITIONAL_H
#define GREMC_DATAPATH_CONDITIONAL_H

#include "datapath/worker.h"

/* lookup: whether the mroute requests any replica of the packet, and the policy of the iif allows them.
 * Returns: GREMC_DROP_NONE: yes; GREMC_DROP_no_mroute: the kernel gets the packet as a sample; else
 *          the reason why no OIF accepts it. */
enum gremc_drop gremc_conditional_oifs_check(const struct gremc_worker *worker,
					     const struct gremc_packet *packet);
/* replicate: request replicas for those of the OIFs [from, to) that accept the packet, and send those that
 * the policies of the vifs allow.
 * Input:   a packet whose TTL is decremented.
 * Owner:   the packet stays the caller's. */
void gremc_packet_replicate_conditional(struct gremc_worker *worker, const struct gremc_packet *packet,
					uint32_t from, uint32_t to);
/* replicate: whether the policy of a vif allows a requested replica; else the replica is lost.
 * Input:   a packet whose TTL is decremented. */
bool gremc_replica_is_allowed(struct gremc_worker *worker, const struct gremc_packet *packet, uint32_t vif);

#endif
