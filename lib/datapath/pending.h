/* SPDX-License-Identifier: BSD-3-Clause */
/* Replicas that wait for their next hop's MAC address (wait.c): what the stages call without it. */
#ifndef GREMC_DATAPATH_WAIT_H
#define GREMC_DATAPATH_WAIT_H

#include "datapath/datapath_priv.h"

/* Bounds, of each worker. */
#define GREMC_PENDING_NEIGHBOURS 16 /* next hops; packets for others are lost at once */
#define GREMC_PENDING_PACKETS    8  /* for each of them: the newest, unless they are all fresh */
#define GREMC_PENDING_REPLICAS   64 /* that share one held packet; of more interfaces there are more copies */
#define GREMC_PENDING_REPLACE_HZ                                                                             \
	4000                    /* a second: a packet that has waited less is not replaced by a newer one */
#define GREMC_PENDING_SECONDS 3 /* as long as the kernel asks for a neighbour before it gives up */
static_assert(GREMC_PENDING_NEIGHBOURS * GREMC_PENDING_PACKETS <= GREMC_PENDING_MBUFS,
	      "the pools are planned with so many");

/* NULL: ENOMEM. */
struct gremc_pending *gremc_pending_create(int socket);
/* What still waits is freed, uncounted. */
void gremc_pending_destroy(struct gremc_pending *wait);

/* A replica of an inner packet, wanted and counted for its vif, whose adjacency was not ready: it is sent
 * after all, or waits, or is lost. The packet is only read. */
void gremc_pending_add_copy(struct gremc_worker *worker, uint32_t vif, struct rte_mbuf *packet);
/* The same, and takes the packet over, which is one of worker->burst. */
void gremc_pending_add_packet(struct gremc_worker *worker, uint32_t vif, struct rte_mbuf *packet);

/* Count what has begun or ended to wait in this burst. */
void gremc_pending_account(struct gremc_worker *worker, struct gremc_totals *totals);

/* Where worker->waits, before it receives: send what is resolved, lose what is too old. Returns how many
 * packets that were. */
uint32_t gremc_pending_poll(struct gremc_worker *worker);
/* Nothing waits any longer: it is lost, and accounted. */
void gremc_pending_drop_all(struct gremc_worker *worker);

#endif
