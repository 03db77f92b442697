/* SPDX-License-Identifier: BSD-3-Clause */
/* rcu: the only QSBR variable of the program, and the calls that wait for its grace periods.
 *
 * A reader is a thread with a slot. A worker holds a slot for its life: it is online while it polls, reports
 * a quiescent state between bursts, and goes offline before it sleeps. A telemetry callback holds a slot
 * while it runs. One thread at a time is the writer: the control thread. */
#ifndef GREMC_RCU_RCU_H
#define GREMC_RCU_RCU_H

#include <rte_rcu_qsbr.h>

#define GREMC_RCU_READERS 256 /* slots of workers and telemetry threads together */

struct gremc_rcu; /* on the heap: the QSBR variable and the list of deferred calls */

/* Create the variable, without readers.
 * Returns: NULL if memory is exhausted. */
struct gremc_rcu *gremc_rcu_create(void);

/* Run all deferred calls, including those that these calls defer, and free the variable.
 * Thread:  writer.
 * Input:   NULL is allowed; no reader is online. */
void gremc_rcu_destroy(struct gremc_rcu *rcu);

/* The QSBR variable, for rte_rcu_qsbr_quiescent() and its relatives in a reader.
 * Lifetime: that of rcu. */
struct rte_rcu_qsbr *gremc_rcu_qsbr(struct gremc_rcu *rcu);

/* Allocate a reader slot. The reader is registered and offline.
 * Thread:  any.
 * Returns: the slot, at least 0; -ENOSPC if no slot is free. */
__rte_warn_unused_result int gremc_rcu_reader_register(struct gremc_rcu *rcu);

/* Free a reader slot.
 * Thread:  any.
 * Input:   the reader is offline. */
void gremc_rcu_reader_unregister(struct gremc_rcu *rcu, int slot);

/* Call free_function(argument) after every reader that is online now has passed a quiescent state. All calls
 * that are deferred before the same gremc_rcu_commit() share one grace period. Does not block.
 * Thread:  writer.
 * Owner:   on success the deferred call owns the argument, on an error the caller.
 * Returns: 0 or -ENOMEM. After -ENOMEM the caller may free the argument after gremc_rcu_synchronize(). */
__rte_warn_unused_result int gremc_rcu_defer(struct gremc_rcu *rcu, void (*free_function)(void *),
					     void *argument);

/* Start the grace period of all calls that were deferred since the last commit.
 * Thread:  writer. */
void gremc_rcu_commit(struct gremc_rcu *rcu);

/* Run the calls whose grace period is over, oldest first. Does not block.
 * Thread:  writer.
 * Returns: number of calls that remain, uncommitted ones included. */
unsigned gremc_rcu_reclaim(struct gremc_rcu *rcu);

/* Run at most max_calls of the calls whose grace period is over, oldest first. Does not block.
 * Thread:  writer.
 * Returns: number of calls that ran. */
unsigned gremc_rcu_reclaim_some(struct gremc_rcu *rcu, unsigned max_calls);

/* Thread:  writer.
 * Returns: number of deferred calls that have not run, uncommitted ones included. */
unsigned gremc_rcu_waiting(const struct gremc_rcu *rcu);

/* Wait for a grace period and run all deferred calls. Repeat for the calls that these calls defer, until none
 * remains.
 * Thread:  writer, which is no online reader. */
void gremc_rcu_synchronize(struct gremc_rcu *rcu);

#endif
