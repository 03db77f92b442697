/* SPDX-License-Identifier: BSD-3-Clause */
/* rcu: the one QSBR variable of the program and what waits for its grace periods.
 *
 * Readers are threads with a slot: each worker holds one for life, is online while it polls, reports a
 * quiescent state between bursts and goes offline before it sleeps. A telemetry callback borrows a slot for
 * its duration. The writer is one thread at a time (the control thread, or whoever holds its lock). */
#ifndef GREMC_RCU_RCU_H
#define GREMC_RCU_RCU_H

#include <rte_rcu_qsbr.h>

#define GREMC_RCU_READERS 256 /* slots: workers and telemetry threads together */

struct gremc_rcu; /* heap; holds the QSBR variable and the list of what is to be freed */

/* NULL: ENOMEM. */
struct gremc_rcu *gremc_rcu_create(void);
/* Runs everything still deferred. No reader may be online. */
void gremc_rcu_destroy(struct gremc_rcu *rcu);

/* The variable itself, for rte_rcu_qsbr_quiescent(), _online(), _offline() in the worker and for libraries
 * (rte_hash_rcu_qsbr_add). Lives as long as rcu. */
struct rte_rcu_qsbr *gremc_rcu_qsbr(struct gremc_rcu *rcu);

/* Any thread: take a reader slot, registered and offline. Returns it (>= 0), or -ENOSPC. */
int gremc_rcu_reader_register(struct gremc_rcu *rcu);
/* The reader is offline. */
void gremc_rcu_reader_unregister(struct gremc_rcu *rcu, int slot);

/* Writer: call free_function(argument) once every reader that is online now has passed a quiescent state. All
 * deferred since the last gremc_rcu_commit() share one grace period. Never blocks. -ENOMEM: the caller still
 * owns the argument (and may call gremc_rcu_synchronize() and free it). */
int gremc_rcu_defer(struct gremc_rcu *rcu, void (*free_function)(void *), void *argument);
/* Writer: start the grace period of all that was deferred since the last commit. */
void gremc_rcu_commit(struct gremc_rcu *rcu);
/* Writer: run what has had its grace period; never blocks. Returns how many are still waiting. */
unsigned gremc_rcu_reclaim(struct gremc_rcu *rcu);
/* Writer: wait for a whole grace period, then reclaim, and again for what that has deferred: nothing is left.
 * The caller must not be an online reader itself. */
void gremc_rcu_synchronize(struct gremc_rcu *rcu);

#endif
