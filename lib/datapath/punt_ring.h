/* SPDX-License-Identifier: BSD-3-Clause */
/* The rings between the workers and the control thread.
 *
 * A punted mbuf is one of:
 * - a frame of a port: `port` is the port's index, the data starts with the Ethernet header, l2_len is the
 *   offset of the IP header. A VLAN tag that the device removed is in vlan_tci, with
 *   RTE_MBUF_F_RX_VLAN_STRIPPED.
 * - an inner packet: `port` is GREMC_PORT_NONE, l2_len is 0, the data starts with the IP header.
 * - a replica for the host: gremc_mbuf_vif() is the host's vif. The data starts with an Ethernet header whose
 *   bytes 6 to 9 hold the iif; iif_serial is its serial number.
 * gremc_mbuf_vif() is the incoming vif; GREMC_VIF_NONE: a frame of the underlay, or the vif has been removed.
 * In class `keepalive` it is the tunnel of the keepalive, also of an answer, which is a frame of a port.
 * In the classes `control` and `keepalive`, the field `timestamp` is the time of the punt. */
#ifndef GREMC_DATAPATH_PUNT_RING_H
#define GREMC_DATAPATH_PUNT_RING_H

#include "datapath/worker.h"

/* Returns: a 32-bit timestamp (TSC >> 8), which wraps after a few minutes. */
uint32_t gremc_timestamp(void);
/* Returns: nanoseconds since the timestamp. */
uint64_t gremc_timestamp_age(uint32_t timestamp);

/* Create a ring without a name.
 * Input:   flags without RING_F_SP_ENQ: producers do not wait for each other.
 * Owner:   the caller frees it by rte_free().
 * Returns: NULL if no memory is available. */
struct rte_ring *gremc_ring_create(unsigned size, unsigned flags);

/* ---- the workers' side ---- */

/* Create the worker's rings to and from the control thread.
 * Input:   port: the host's index, one more than the last port's.
 * Errors:  -ENOMEM; the caller still calls gremc_worker_rings_fini(). */
int gremc_worker_rings_init(struct gremc_worker *worker, uint16_t port, const struct gremc_ring_sizes *sizes);
/* Free the rings, which are empty. */
void gremc_worker_rings_fini(struct gremc_worker *worker);
/* Free the mbufs in the rings.
 * Thread:  control thread, after the worker has ended. */
void gremc_worker_rings_drain(struct gremc_worker *worker);
/* Wake the control thread if it sleeps. This may make a system call, so no stage calls it. */
void gremc_punt_wake(struct gremc_worker *worker);

/* ---- the control thread's side ---- */

/* Take up to n punted mbufs of a class, from all workers in turn.
 * Thread:  control thread.
 * Owner:   the mbufs become the caller's.
 * Returns: how many. */
uint32_t gremc_punt_dequeue(struct gremc_worker_group *group, enum gremc_punt class, struct rte_mbuf **mbufs,
			    uint32_t n);
/* Prepare to wait for group->host_event: from now on a worker that punts writes to the eventfd.
 * Thread:  control thread.
 * Returns: false if a ring is not empty, so that the thread must not wait. */
bool gremc_punt_sleep_begin(struct gremc_worker_group *group);
/* End the wait and reset the eventfd.
 * Thread:  control thread. */
void gremc_punt_sleep_end(struct gremc_worker_group *group);

#endif
