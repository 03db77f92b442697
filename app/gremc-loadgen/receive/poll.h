/* SPDX-License-Identifier: BSD-3-Clause */
/* The life of a receiver, and its polling of the RX queues. */
#ifndef GREMC_LOADGEN_RECEIVE_POLL_H
#define GREMC_LOADGEN_RECEIVE_POLL_H

#include <stdbool.h>
#include <stdint.h>

#include <rte_mbuf.h>

#include "receive/receiver.h"

/* Allocate the memory that the receiver owns.
 * Thread:  control thread.
 * Input:   *rx is zeroed.
 * Errors:  -ENOMEM; gremc_receiver_fini() releases the rest. */
int gremc_receiver_init(struct gremc_receiver *rx, const struct gremc_flows *flows);
/* Thread:  control thread, while the lcores rest. */
void gremc_receiver_fini(struct gremc_receiver *rx);
/* Reset the counters before a trial.
 * Thread:  control thread, while the lcores rest. */
void gremc_receiver_reset(struct gremc_receiver *rx, uint32_t trial_id);

/* Fetch and check a burst from each queue.
 * Thread:  the receiver's lcore.
 * Returns: whether a queue returned a full burst, so that more may be waiting. */
bool gremc_receiver_poll(struct gremc_receiver *rx);
/* Check frames that arrived on `port` at `now`.
 * Thread:  the receiver's lcore.
 * Input:   `count` is at most GREMC_RX_BURST.
 * Owner:   the mbufs stay the caller's. */
void gremc_receiver_check(struct gremc_receiver *rx, uint16_t port, uint64_t now, struct rte_mbuf **packet,
			  unsigned count);

#endif
