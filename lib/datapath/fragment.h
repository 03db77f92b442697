/* SPDX-License-Identifier: BSD-3-Clause */
/* Fragmentation of inner packets that are larger than the MTU of a tunnel (RFC 791, RFC 7588 section 3.3).
 *
 * A packet with DF clear is fragmented when the first replica does not fit. Its fragments are kept, so
 * further replicas to tunnels with the same MTU send the same ones. */
#ifndef GREMC_DATAPATH_FRAGMENT_H
#define GREMC_DATAPATH_FRAGMENT_H

#include "datapath/worker.h"

/* Send a requested replica as fragments, each of which then counts as a replica of its own.
 * Input:   a packet whose TTL is decremented, larger than the MTU of the vif.
 * Owner:   the packet stays the caller's.
 * Returns: GREMC_TX_DROP_NONE: each fragment was sent, waits or was dropped by name; GREMC_TX_DROP_too_big:
 * DF is set, or there would be more than GREMC_FRAGMENTS_MAX fragments; GREMC_TX_DROP_no_mbuf. */
enum gremc_tx_drop gremc_replica_fragment(struct gremc_worker *worker, struct rte_mbuf *packet, uint32_t vif);
/* Whether replicas of this packet are fragmented where they do not fit. */
bool gremc_packet_may_fragment(const struct rte_ipv4_hdr *ip, bool ignore_df);
/* Free the fragments that the worker keeps.
 * Order:   when the worker ends. */
void gremc_fragments_free(struct gremc_worker *worker);

#endif
