/* SPDX-License-Identifier: BSD-3-Clause */
/* Packets that the control thread sends: frames for ports, and packets of the host's vif for the fast path.
 */
#ifndef GREMC_DATAPATH_INJECT_H
#define GREMC_DATAPATH_INJECT_H

#include "datapath/worker.h"

/* Thread of all: control thread. */

/* Send complete frames by ports, and packets of the host's vif by the fast path.
 *
 * The control thread transmits by its own TX queue where the port has one to spare (gremc_port.host_tx). The
 * rest goes to worker 0 by a ring.
 * Input:   mbuf->port is a port index. The field vif (mbuf.h) is the vif that a frame counts for, then l2_len
 * is the length of the L2 header and the outer header follows; or it is GREMC_VIF_NONE. For a packet of the
 * host's vif, mbuf->port is the host's index (gremc_worker.host_rxq) and the data starts with the IP header.
 * Returns: number accepted; rejected mbufs move to the end of the array and stay the caller's.
 * Order:   preserved per port. */
uint32_t gremc_inject_frames(struct gremc_worker_group *group, struct rte_mbuf **mbufs, uint32_t n);
/* Returns: mbufs that the ring to worker 0 has space for. */
uint32_t gremc_inject_capacity(const struct gremc_worker_group *group);

/* Make the frame of an inner packet that leaves by a vif (a tunnel, or a native port for multicast). The
 * caller passes it to gremc_inject_frames(). The inner header does not change.
 * Input:   the data starts with an IPv4 header.
 * Errors:  -EMSGSIZE: longer than the vif's MTU; -EHOSTUNREACH: the next hop is not resolved; -ENETDOWN: the
 *          operator has set the interface down; -ENOBUFS: too little headroom. */
int gremc_inject_encap(struct gremc_worker_group *group, struct rte_mbuf *mbuf, uint32_t vif);
/* Send a copy of an inner packet by a vif.
 * Input:   pool: for the copy (gremc_ports.host_pool).
 * Errors:  those of gremc_inject_encap(); -ENOBUFS: also an empty pool, or shorter than an IPv4 header;
 * -EAGAIN: the ring to worker 0 is full. */
int gremc_inject_packet(struct gremc_worker_group *group, struct rte_mempool *pool, const void *packet,
			uint16_t length, uint32_t vif);
/* Send a copy of an IPv4 packet by the underlay, without the outer header of the tunnel, to the next hop of
 * the tunnel. Its frame counts for no vif.
 * Input:   pool: for the copy (gremc_ports.host_pool).
 * Errors:  those of gremc_inject_packet(), except -EMSGSIZE. */
int gremc_inject_underlay(struct gremc_worker_group *group, struct rte_mempool *pool, const void *packet,
			  uint16_t length, uint32_t vif);

#endif
