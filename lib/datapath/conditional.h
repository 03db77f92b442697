/* SPDX-License-Identifier: BSD-3-Clause */
/* Mroutes with conditional OIFs: interfaces that do not accept all packets, because of the kernel's
 * TTL thresholds or of a vif's `sources`. Such mroutes take this path; all others test one byte for each
 * packet.
 */
#ifndef GREMC_DATAPATH_CONDITIONAL_H
#define GREMC_DATAPATH_CONDITIONAL_H

#include "datapath/worker.h"

/* lookup: whether any OIF accepts the packet.
 * Returns: GREMC_DROP_NONE: yes; GREMC_DROP_no_mroute: the kernel gets the packet as a sample; else
 *          the reason why no OIF accepts it. */
enum gremc_drop gremc_conditional_oifs_check(const struct gremc_worker *worker,
					     const struct gremc_packet *packet);
/* replicate: request and send replicas for those of the OIFs [from, to) that accept the packet.
 * Input:   a packet whose TTL is decremented.
 * Owner:   the packet stays the caller's. */
void gremc_packet_replicate_conditional(struct gremc_worker *worker, const struct gremc_packet *packet,
					uint32_t from, uint32_t to);

#endif
