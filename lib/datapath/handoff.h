/* SPDX-License-Identifier: BSD-3-Clause */
/* Between the stages and relay.c: packets that one worker gives another. */
#ifndef GREMC_DATAPATH_RELAY_H
#define GREMC_DATAPATH_RELAY_H

#include "datapath/replica.h"

#define GREMC_HANDED_OFF UINT32_MAX /* in the place of an owner: has been given away */

/* Give the packets of the burst, behind decap, to the workers that have their flows. */
void gremc_stage_software_rss(struct gremc_worker *worker);
/* Give each other worker its part of a large oil, and replicate to our own. Takes the packet over, whose TTL
 * is decremented. */
void gremc_oil_split(struct gremc_worker *worker, const struct gremc_packet *packet);
/* Forward what other workers have given by now, as far as GREMC_POLL_BUDGET_US allow. Returns how many
 * packets that were. */
uint32_t gremc_handoff_poll(struct gremc_worker *worker);
/* After the end: what still stands in the ring is dropped or lost, and accounted. */
void gremc_handoff_ring_drop(struct gremc_worker *worker);

#endif
