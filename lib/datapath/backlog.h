/* SPDX-License-Identifier: BSD-3-Clause */
/* The backlog of a port: replicas that the port did not accept at once. */
#ifndef GREMC_DATAPATH_BACKLOG_H
#define GREMC_DATAPATH_BACKLOG_H

#include "datapath/egress.h"

#define GREMC_BACKLOG_WAIT_MS    10 /* the longest wait for a port that makes progress: gremc_backlog_add() */
#define GREMC_BACKLOG_MAX_AGE_MS 100 /* a port that accepts nothing for this time loses its backlog */

/* Who empties a backlog. */
enum gremc_backlog_kind {
	GREMC_BACKLOG_POLLED,    /* the owner calls gremc_backlogs_send() in each iteration */
	GREMC_BACKLOG_IMMEDIATE, /* only gremc_backlog_add(): it returns with an empty backlog */
};

/* Returns: NULL if no memory is available. */
struct gremc_backlog *gremc_backlog_create(enum gremc_backlog_kind kind, int socket);
/* Frees the mbufs in it without counting them. */
void gremc_backlog_destroy(struct gremc_backlog *backlog);

/* Append replicas that the port did not accept, or that follow such replicas. They count as queued.
 *
 * When the backlog is full (GREMC_TX_HELD_MAX), the thread waits while the port accepts packets, up to
 * egress->tx_retries attempts in a row that make no progress, within two time budgets:
 * - the port's: GREMC_BACKLOG_WAIT_MS, refilled while its backlog is empty. A port that gets more than it can
 *   send exhausts it, and is not waited for at all.
 * - the thread's: GREMC_BACKLOG_WAIT_MS, refilled by the time that it does not wait. So the thread waits for
 *   at most half of its time.
 * Replicas that do not fit afterwards are dropped as tx_full.
 *
 * Thread:  the egress's owner, which owns the port's queue.
 * Input:   the replicas name their vifs; those of removed vifs are dropped at once.
 * Owner:   takes the mbufs over.
 * Order:   preserved. */
void gremc_backlog_add(struct gremc_egress *egress, struct gremc_tx *tx, struct rte_mbuf **packet,
		       uint32_t n);

/* Make one more attempt for each port with a backlog. Called in each iteration if egress->backlogged.
 * Returns: replicas that were sent or dropped; 0 lets the worker sleep. */
uint32_t gremc_backlogs_send(struct gremc_egress *egress);
/* Drop all backlogs as tx_full. */
void gremc_backlogs_drop(struct gremc_egress *egress);

#endif
