/* SPDX-License-Identifier: BSD-3-Clause */
/* Mroutes whose replicas change their order from packet to packet (`order: rotate`). Such mroutes take this
 * path; all others test one byte for each packet, which they test in any case.
 *
 * A worker numbers the packets of an mroute: the number is a turn. As many turns as OIFs take the packet are
 * a round. In each round, each of these OIFs is the first one once, and the others follow in the circular
 * order of the oil. The next round begins with another OIF, and half of the rounds are in descending order:
 * a source that sends every second packet of a group has no first receiver of its own, and of two receivers
 * each is ahead of the other equally often. */
#ifndef GREMC_DATAPATH_ROTATE_H
#define GREMC_DATAPATH_ROTATE_H

#include "datapath/worker.h"

/* The turn of a packet that the worker has counted for its mroute. */
static inline uint32_t gremc_packet_turn(const struct gremc_worker *worker, const struct gremc_packet *packet)
{
	return (uint32_t)worker->stats->mroute[packet->mroute->id].packets;
}

/* Which OIFs of the oil get a replica. */
enum gremc_rotation {
	GREMC_ROTATE_OIL,  /* all that take the packet */
	GREMC_ROTATE_PART, /* of these, the worker's part of a split oil */
};

/* replicate: request and send replicas in the order of the turn.
 * Input:   a packet whose TTL is decremented.
 * Owner:   the packet stays the caller's. */
void gremc_packet_replicate_rotated(struct gremc_worker *worker, const struct gremc_packet *packet,
				    uint32_t turn, enum gremc_rotation rotation);

#endif
