/* SPDX-License-Identifier: BSD-3-Clause */
/* Packets that one worker passes to another, by the other's ring:
 *
 * - software RSS: a packet of a flow that belongs to the other worker, where the device cannot distribute
 *   received packets (`spread`);
 * - OIL split: the payload of a packet with a large oil. Each worker replicates it to its part of the oil. An
 *   interface is in the part of one worker, for every mroute, so its packets keep their order.
 *
 * The mbuf names the iif. The other worker looks the mroute up again and checks that the vif still exists:
 * the control thread may have removed both while the packet was in the ring. */
#ifndef GREMC_DATAPATH_HANDOFF_H
#define GREMC_DATAPATH_HANDOFF_H

#include "datapath/worker.h"

/* Stage: pass the burst's packets to the workers that own their flows. */
void gremc_stage_software_rss(struct gremc_worker *worker);
/* Pass each other worker its part of a large oil, and replicate to the own part.
 * Input:   a packet whose TTL is decremented.
 * Owner:   takes the packet over. */
void gremc_oil_split(struct gremc_worker *worker, const struct gremc_packet *packet);

/* Whether a vif is in the worker's part of each split oil. */
bool gremc_oil_part_has(const struct gremc_worker *worker, uint32_t vif);

/* Returns: packets in the worker's handoff ring. */
uint32_t gremc_handoff_count(const struct gremc_worker *worker);
/* Stage instead of rx to decap: take up to `most` packets, at most a burst, from the handoff ring. Flows form
 * the burst; parts of oils are replicated.
 * Returns: packets taken. */
uint32_t gremc_stage_handoff(struct gremc_worker *worker, uint32_t most);
/* Drop the packets that are left in the ring by name.
 * Thread:  control thread, after all workers have ended. */
void gremc_handoff_ring_drop(struct gremc_worker *worker);

#endif
