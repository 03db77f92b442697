/* SPDX-License-Identifier: BSD-3-Clause */
/* The packet's way: every sequence of stages. */
#ifndef GREMC_DATAPATH_FORWARD_H
#define GREMC_DATAPATH_FORWARD_H

#include "datapath/worker.h"

/* Thread of all: the worker's. */

/* Forward the received packets in worker->burst. */
void gremc_worker_forward(struct gremc_worker *worker, const struct gremc_rxq *rxq);
/* Receive a burst from a queue and forward it.
 * Returns: packets received. */
uint32_t gremc_worker_poll(struct gremc_worker *worker, const struct gremc_rxq *rxq);
/* Send the waiting replicas whose next hop is resolved.
 * Returns: packets sent or dropped. */
uint32_t gremc_worker_poll_pending(struct gremc_worker *worker);
/* Send and forward a burst that the control thread injected.
 * Returns: mbufs taken from the ring. */
uint32_t gremc_worker_poll_inject(struct gremc_worker *worker);
/* Forward the packets that other workers handed off, for at most GREMC_POLL_BUDGET_US.
 * Returns: packets taken from the ring. */
uint32_t gremc_worker_poll_handoff(struct gremc_worker *worker);
/* Transmit the replicas that other workers enqueued, for at most GREMC_POLL_BUDGET_US.
 * Returns: replicas taken from the rings. */
uint32_t gremc_worker_poll_shared(struct gremc_worker *worker);
/* Make one more attempt for each port with a backlog.
 * Returns: replicas sent or dropped. */
uint32_t gremc_worker_poll_backlogs(struct gremc_worker *worker);

#endif
