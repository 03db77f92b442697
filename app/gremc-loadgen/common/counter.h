/* SPDX-License-Identifier: BSD-3-Clause */
/* Counters that one lcore increments and other threads read. */
#ifndef GREMC_LOADGEN_COMMON_COUNTER_H
#define GREMC_LOADGEN_COMMON_COUNTER_H

#include "base/atomic.h"

/* Add to a counter that only the calling thread writes, so that no locked instruction is needed.
 * Thread:  the writer.
 * Order:   relaxed. */
static inline void gremc_lcore_counter_add(gremc_atomic_u64 *counter, uint64_t count)
{
	gremc_u64_store(counter, gremc_u64_load(counter) + count);
}

#endif
