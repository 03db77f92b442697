/* SPDX-License-Identifier: BSD-3-Clause */
/* Replicas that wait for the MAC address of their next hop. */
#ifndef GREMC_DATAPATH_PENDING_H
#define GREMC_DATAPATH_PENDING_H

#include "datapath/worker.h"

/* Limits of each worker. */
#define GREMC_PENDING_NEIGHBOURS 16 /* next hops; packets for other next hops are dropped at once */
#define GREMC_PENDING_PACKETS    8  /* of each next hop: the newest ones, unless all are fresh */
#define GREMC_PENDING_REPLICAS   64 /* that share one packet; more vifs need more copies of it */
#define GREMC_PENDING_REPLACE_HZ                                                                             \
	4000                    /* a younger packet than 1/4000 s is fresh: a newer one does not replace it */
#define GREMC_PENDING_SECONDS 3 /* as long as the kernel probes a neighbour */
static_assert(GREMC_PENDING_NEIGHBOURS * GREMC_PENDING_PACKETS <= GREMC_PENDING_MBUFS,
	      "the pools are planned with so many");

/* Returns: NULL if no memory is available. */
struct gremc_pending *gremc_pending_create(int socket);
/* Frees the mbufs in it without counting them. */
void gremc_pending_destroy(struct gremc_pending *pending);

/* Hold a copy of an inner packet for the vif, whose adjacency was not ready; or send it, if the adjacency is
 * resolved meanwhile; or drop it as no_adjacency.
 * Input:   the replica is requested and counted for its vif; the packet belongs to worker->burst. */
void gremc_pending_add_copy(struct gremc_worker *worker, uint32_t vif, struct rte_mbuf *packet);
/* The same without a copy.
 * Owner:   takes the packet over. */
void gremc_pending_add_packet(struct gremc_worker *worker, uint32_t vif, struct rte_mbuf *packet);

/* Send the packets of resolved next hops to the transmit buffers, drop the packets that are too old. Called
 * in each iteration if worker->has_pending, before packets are received.
 * Returns: packets sent or dropped. */
uint32_t gremc_pending_poll(struct gremc_worker *worker);
/* Drop all packets as no_adjacency. */
void gremc_pending_drop_all(struct gremc_worker *worker);
/* Publish the changes of worker->waiting. Called at the end of each burst if worker->pending_changed.
 * Thread:  the worker's, between gremc_stats_write_begin() and gremc_stats_write_end(). */
void gremc_pending_account(struct gremc_worker *worker);

#endif
