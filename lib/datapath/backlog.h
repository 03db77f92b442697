/* SPDX-License-Identifier: BSD-3-Clause */
/* Packets that a port has not taken at once (backlog.c). */
#ifndef GREMC_DATAPATH_BACKLOG_H
#define GREMC_DATAPATH_BACKLOG_H

#include "datapath/datapath_priv.h"

/* Bounds of a port's troubles, so that the other ports have none. */
#define GREMC_BACKLOG_WAIT_MS    10 /* of waiting for a port that does take packets: see gremc_backlog_add() */
#define GREMC_BACKLOG_MAX_AGE_MS 100 /* what a port has taken nothing of for so long is lost */

/* `keeps`: there is somebody who calls gremc_backlogs_send(). NULL: ENOMEM. */
struct gremc_backlog *gremc_backlog_create(bool keeps, int socket);
/* What it still holds is freed, uncounted. */
void gremc_backlog_destroy(struct gremc_backlog *backlog);

/* Packets that the port of a queue of ours has not taken, or that follow such: they are held, and counted as
 * queued, until it takes them. They name their vifs; those whose vif has been removed are lost at once.
 *
 * When GREMC_TX_HELD_MAX are held, the worker waits for the port: while it takes packets, with at most
 * worker->tx_retries attempts in a row that it takes none in, and no longer than both of these allow:
 * - the port: GREMC_BACKLOG_WAIT_MS; time begins to count again when it has taken everything, so a port that
 *   gets more than it can send is not waited for at all;
 * - the worker: GREMC_BACKLOG_WAIT_MS, too, and half of its time in the long run, whatever the ports do.
 * What has no place then is lost as tx_full. */
void gremc_backlog_add(struct gremc_worker *worker, struct gremc_tx *tx, struct rte_mbuf **packet,
		       uint32_t n);

/* Where worker->holds, once an iteration: one more attempt for each port that something is held for. Returns
 * how many packets were sent or lost: 0 while the ports take nothing, so that the worker may sleep. */
uint32_t gremc_backlogs_send(struct gremc_worker *worker);
/* Nothing is held any longer: it is lost. */
void gremc_backlogs_drop(struct gremc_worker *worker);

#endif
