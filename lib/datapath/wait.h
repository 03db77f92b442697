/* SPDX-License-Identifier: BSD-3-Clause */
/* Replicas that wait for their next hop's MAC address (wait.c): what the stages call without it. */
#ifndef GREMC_DATAPATH_WAIT_H
#define GREMC_DATAPATH_WAIT_H

#include "datapath/datapath_priv.h"

/* Bounds, of each worker. */
#define GREMC_WAIT_HOPS     16   /* next hops; packets for others are lost at once */
#define GREMC_WAIT_PACKETS  8    /* for each of them: the newest, unless they are all fresh */
#define GREMC_WAIT_REPLICAS 64   /* that share one held packet; of more interfaces there are more copies */
#define GREMC_WAIT_TURNS    4000 /* a second: a packet that has waited less is not replaced by a newer one */
#define GREMC_WAIT_SECONDS  3    /* as long as the kernel asks for a neighbour before it gives up */
static_assert(GREMC_WAIT_HOPS * GREMC_WAIT_PACKETS <= GREMC_WAIT_MBUFS, "the pools are planned with so many");

/* NULL: ENOMEM. */
struct gremc_wait *gremc_wait_create(int socket);
/* What still waits is freed, uncounted. */
void gremc_wait_destroy(struct gremc_wait *wait);

/* A replica of an inner packet, wanted and counted for its vif, whose adjacency was not ready: it is sent
 * after all, or waits, or is lost. The packet is only read. */
void gremc_wait_copy(struct gremc_worker *worker, uint32_t vif, struct rte_mbuf *packet);
/* The same, and takes the packet over, which is one of worker->burst. */
void gremc_wait_packet(struct gremc_worker *worker, uint32_t vif, struct rte_mbuf *packet);

/* Count what has begun or ended to wait in this burst. */
void gremc_wait_account(struct gremc_worker *worker, struct gremc_totals *totals);

/* Where worker->waits, before it receives: send what is resolved, lose what is too old. Returns how many
 * packets that were. */
uint32_t gremc_stage_wait(struct gremc_worker *worker);
/* Nothing waits any longer: it is lost, and accounted. */
void gremc_wait_give_up(struct gremc_worker *worker);

#endif
