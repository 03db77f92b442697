/* SPDX-License-Identifier: BSD-3-Clause */
/* Counters with a single writer: no lock prefix, and no torn value for readers. They are plain 64-bit words,
 * because structures of them are added, copied and reset as a whole. */
#ifndef GREMC_STATS_COUNTER_H
#define GREMC_STATS_COUNTER_H

#include <stdint.h>

/* Thread:  the writer. */
static inline void gremc_counter_add(uint64_t *counter, uint64_t n)
{
	__atomic_store_n(counter, *counter + n, __ATOMIC_RELAXED);
}

/* Add to two adjacent counters. Each is whole for a reader; both together are not.
 * Thread:  the writer.
 * Input:   the address is a multiple of 16. */
static inline void gremc_counter_pair_add(uint64_t *counters, uint64_t first, uint64_t second)
{
#ifdef __x86_64__
	/* An aligned vector store keeps each of its 8-byte halves whole. */
	typedef uint64_t pair __attribute__((vector_size(16), may_alias));

	*(pair *)counters += (pair){first, second};
#else
	gremc_counter_add(&counters[0], first);
	gremc_counter_add(&counters[1], second);
#endif
}

/* Replace the value.
 * Thread:  the writer. */
static inline void gremc_counter_set(uint64_t *counter, uint64_t value)
{
	__atomic_store_n(counter, value, __ATOMIC_RELAXED);
}

/* Thread:  any. */
static inline uint64_t gremc_counter_read(const uint64_t *counter)
{
	return __atomic_load_n(counter, __ATOMIC_RELAXED);
}

#endif
