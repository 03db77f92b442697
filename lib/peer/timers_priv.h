/* SPDX-License-Identifier: BSD-3-Clause */
/* One timer for each vif: a heap with the earliest on top. */
#ifndef GREMC_PEER_TIMERS_PRIV_H
#define GREMC_PEER_TIMERS_PRIV_H

#include "peer/peer.h"

struct gremc_peer_timers {
	uint64_t *due;      /* [vif] nanoseconds, if the timer runs */
	uint32_t *position; /* [vif] in the heap, counted from 1; 0: the timer does not run */
	uint32_t *heap;     /* vifs; an entry is not due before the entry at half its position */
	uint32_t count;
};

/* Create `vifs` timers, none of which runs.
 * Errors:  -ENOMEM. */
__rte_warn_unused_result int gremc_peer_timers_init(struct gremc_peer_timers *timers, uint32_t vifs);
/* Free the timers. */
void gremc_peer_timers_fini(struct gremc_peer_timers *timers, uint32_t vifs);
/* Start or restart the timer of a vif.
 * Units:   nanoseconds; GREMC_PEER_NEVER stops it. */
void gremc_peer_timer_start(struct gremc_peer_timers *timers, uint32_t vif, uint64_t due);
/* Returns: when the earliest timer is due; GREMC_PEER_NEVER: none runs. */
uint64_t gremc_peer_timers_next(const struct gremc_peer_timers *timers);
/* Stop the earliest timer if it is due.
 * Returns: its vif; UINT32_MAX: none is due. */
uint32_t gremc_peer_timers_pop(struct gremc_peer_timers *timers, uint64_t now);

#endif
