/* SPDX-License-Identifier: BSD-3-Clause */
/* Between the stages and relay.c: packets that one worker gives another. */
#ifndef GREMC_DATAPATH_RELAY_H
#define GREMC_DATAPATH_RELAY_H

#include "datapath/replica.h"

#define GREMC_RELAYED UINT32_MAX /* in the place of an owner: has been given away */

/* Give the packets of the burst, behind decap, to the workers that have their flows. */
void gremc_stage_spread(struct gremc_worker *worker);
/* Give each other worker its part of a large oil, and replicate to our own. Takes the packet over, whose TTL
 * is decremented. */
void gremc_relay_shards(struct gremc_worker *worker, const struct gremc_packet *packet);
/* Forward what other workers have given by now, as far as GREMC_SERVE_US allow. Returns how many packets that
 * were. */
uint32_t gremc_stage_relayed(struct gremc_worker *worker);
/* After the end: what still stands in the ring is dropped or lost, and accounted. */
void gremc_relay_give_up(struct gremc_worker *worker);

#endif
