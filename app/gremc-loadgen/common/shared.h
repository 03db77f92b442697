/* SPDX-License-Identifier: BSD-3-Clause */
/* A value that one thread writes and other threads read. The type prevents plain access, so every shared
 * field of the load generator uses these accessors, and the field's comment names the writer and the readers.
 */
#ifndef GREMC_LOADGEN_COMMON_SHARED_H
#define GREMC_LOADGEN_COMMON_SHARED_H

#include <stdint.h>

struct gremc_shared_u64 {
	uint64_t value;
};

/* Thread:  any.
 * Order:   relaxed; the value alone is consistent. */
static inline uint64_t gremc_shared_u64_read(const struct gremc_shared_u64 *shared)
{
	return __atomic_load_n(&shared->value, __ATOMIC_RELAXED);
}

/* Thread:  the writer, or any thread while the writer rests.
 * Order:   relaxed. */
static inline void gremc_shared_u64_write(struct gremc_shared_u64 *shared, uint64_t value)
{
	__atomic_store_n(&shared->value, value, __ATOMIC_RELAXED);
}

/* Add to a counter that only the caller writes: no locked instruction is needed.
 * Thread:  the writer.
 * Order:   relaxed. */
static inline void gremc_shared_u64_add(struct gremc_shared_u64 *shared, uint64_t count)
{
	gremc_shared_u64_write(shared, gremc_shared_u64_read(shared) + count);
}

/* Write a value and everything that the caller wrote before it.
 * Thread:  the writer.
 * Order:   release; pairs with gremc_shared_u64_acquire(). */
static inline void gremc_shared_u64_release(struct gremc_shared_u64 *shared, uint64_t value)
{
	__atomic_store_n(&shared->value, value, __ATOMIC_RELEASE);
}

/* Thread:  any.
 * Order:   acquire; the caller sees all that the writer wrote before it released this value. */
static inline uint64_t gremc_shared_u64_acquire(const struct gremc_shared_u64 *shared)
{
	return __atomic_load_n(&shared->value, __ATOMIC_ACQUIRE);
}

#endif
