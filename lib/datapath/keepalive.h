/* SPDX-License-Identifier: BSD-3-Clause */
/* GRE keepalives in received packets. The worker punts them in class `keepalive`. The control thread answers
 * the keepalives of the peer, and measures the answers to its own. The worker punts at most ten per second of
 * each kind and tunnel, so a flood costs less than forwarding. */
#ifndef GREMC_DATAPATH_KEEPALIVE_H
#define GREMC_DATAPATH_KEEPALIVE_H

#include "datapath/worker.h"

#define GREMC_KEEPALIVE_INTERVAL_MIN 100u /* milliseconds between two of a tunnel that are accepted */

enum gremc_keepalive_kind {
	GREMC_KEEPALIVE_REQUEST, /* of the peer, in the tunnel */
	GREMC_KEEPALIVE_ANSWER,  /* to one of the program, outside the tunnel */
	GREMC_KEEPALIVE_KINDS
};

/* Whether an inner unicast packet is a keepalive of its tunnel's peer.
 * Input:   packet->iif is set, and the header at inner_offset is valid. */
bool gremc_packet_is_keepalive(const struct gremc_worker *worker, const struct gremc_packet *packet);
/* Find the tunnel for which a frame is the answer to a keepalive.
 * Input:   a frame with a valid outer IPv4 header at offset l2 that carries GRE.
 * Returns: the vif; GREMC_VIF_NONE: no answer, or no vif expects one. */
uint32_t gremc_keepalive_answer_vif(const struct gremc_worker *worker, const struct rte_mbuf *mbuf,
				    uint32_t l2);
/* Whether a keepalive of this kind is accepted now, GREMC_KEEPALIVE_INTERVAL_MIN after the last one.
 * Thread:  any worker; of several at one time, one gets true. */
bool gremc_keepalive_is_due(const struct gremc_worker *worker, uint32_t vif, enum gremc_keepalive_kind kind);

#endif
