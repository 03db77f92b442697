/* SPDX-License-Identifier: BSD-3-Clause */
/* Typed atomics: fields that threads share.
 *
 * An atomic field is a struct, so that a plain read or write of it does not compile. The declaration of each
 * field names its writer and its readers. Every accessor names its memory order:
 *
 *     gremc_u32_load()           relaxed: the value alone matters
 *     gremc_u32_load_acquire()   stores before the release store of the value are visible afterwards
 *     gremc_u32_store()          relaxed
 *     gremc_u32_store_release()  all earlier stores are visible to a thread that load-acquires the value
 *     gremc_u32_exchange()       relaxed; returns the old value
 *     gremc_u32_replace()        relaxed; stores `to` if the value is `from`, returns whether it did
 *     gremc_u32_add()            relaxed; returns the old value
 *     gremc_u32_add_acq_rel()    acquire and release; returns the new value
 *
 * likewise for bool, u8, u16, u64 and int. Zeroed memory holds 0.
 *
 * GREMC_ATOMIC_POINTER(name, type) defines gremc_atomic_name, a pointer to `type`, for the accessors
 * gremc_pointer_...(). Counters with a single writer are in stats/counter.h. */
#ifndef GREMC_BASE_ATOMIC_H
#define GREMC_BASE_ATOMIC_H

#include <stdbool.h>
#include <stdint.h>

#define GREMC_ATOMIC(name, type)                                                                             \
	typedef struct {                                                                                     \
		type value;                                                                                  \
	} gremc_atomic_##name;                                                                               \
	static inline type gremc_##name##_load(const gremc_atomic_##name *atomic)                            \
	{                                                                                                    \
		return __atomic_load_n(&atomic->value, __ATOMIC_RELAXED);                                    \
	}                                                                                                    \
	static inline type gremc_##name##_load_acquire(const gremc_atomic_##name *atomic)                    \
	{                                                                                                    \
		return __atomic_load_n(&atomic->value, __ATOMIC_ACQUIRE);                                    \
	}                                                                                                    \
	static inline void gremc_##name##_store(gremc_atomic_##name *atomic, type value)                     \
	{                                                                                                    \
		__atomic_store_n(&atomic->value, value, __ATOMIC_RELAXED);                                   \
	}                                                                                                    \
	static inline void gremc_##name##_store_release(gremc_atomic_##name *atomic, type value)             \
	{                                                                                                    \
		__atomic_store_n(&atomic->value, value, __ATOMIC_RELEASE);                                   \
	}                                                                                                    \
	static inline type gremc_##name##_exchange(gremc_atomic_##name *atomic, type value)                  \
	{                                                                                                    \
		return __atomic_exchange_n(&atomic->value, value, __ATOMIC_RELAXED);                         \
	}                                                                                                    \
	static inline bool gremc_##name##_replace(gremc_atomic_##name *atomic, type from, type to)           \
	{                                                                                                    \
		return __atomic_compare_exchange_n(&atomic->value, &from, to, false, __ATOMIC_RELAXED,       \
						   __ATOMIC_RELAXED);                                        \
	}

GREMC_ATOMIC(bool, bool)
GREMC_ATOMIC(u8, uint8_t)
GREMC_ATOMIC(u16, uint16_t)
GREMC_ATOMIC(u32, uint32_t)
GREMC_ATOMIC(u64, uint64_t)
GREMC_ATOMIC(int, int)

#undef GREMC_ATOMIC

/* Returns: the old value. */
static inline uint32_t gremc_u32_add(gremc_atomic_u32 *atomic, uint32_t n)
{
	return __atomic_fetch_add(&atomic->value, n, __ATOMIC_RELAXED);
}

/* Returns: the old value. */
static inline uint64_t gremc_u64_add(gremc_atomic_u64 *atomic, uint64_t n)
{
	return __atomic_fetch_add(&atomic->value, n, __ATOMIC_RELAXED);
}

/* Add 1, as the only writer: without an atomic addition. */
static inline void gremc_u64_count(gremc_atomic_u64 *atomic)
{
	gremc_u64_store(atomic, gremc_u64_load(atomic) + 1);
}

#define GREMC_ATOMIC_POINTER(name, type)                                                                     \
	typedef struct {                                                                                     \
		type *value;                                                                                 \
	} gremc_atomic_##name

#define gremc_pointer_load(atomic)           __atomic_load_n(&(atomic)->value, __ATOMIC_RELAXED)
#define gremc_pointer_load_acquire(atomic)   __atomic_load_n(&(atomic)->value, __ATOMIC_ACQUIRE)
#define gremc_pointer_store(atomic, pointer) __atomic_store_n(&(atomic)->value, pointer, __ATOMIC_RELAXED)
#define gremc_pointer_store_release(atomic, pointer)                                                         \
	__atomic_store_n(&(atomic)->value, pointer, __ATOMIC_RELEASE)

/* Returns: the new value. */
static inline uint32_t gremc_u32_add_acq_rel(gremc_atomic_u32 *atomic, uint32_t n)
{
	return __atomic_add_fetch(&atomic->value, n, __ATOMIC_ACQ_REL);
}

/* Replace the value, with acquire order.
 * Returns: the old value. */
static inline uint32_t gremc_u32_exchange_acquire(gremc_atomic_u32 *atomic, uint32_t value)
{
	return __atomic_exchange_n(&atomic->value, value, __ATOMIC_ACQUIRE);
}

/* Set bits, with release order. */
static inline void gremc_u32_or_release(gremc_atomic_u32 *atomic, uint32_t bits)
{
	__atomic_fetch_or(&atomic->value, bits, __ATOMIC_RELEASE);
}

/* Clear bits. Relaxed. */
static inline void gremc_u32_clear(gremc_atomic_u32 *atomic, uint32_t bits)
{
	__atomic_fetch_and(&atomic->value, ~bits, __ATOMIC_RELAXED);
}

/* Set a bit, with acquire order.
 * Returns: whether it was clear. */
static inline bool gremc_u64_bit_set_acquire(gremc_atomic_u64 *atomic, unsigned bit)
{
	return !(__atomic_fetch_or(&atomic->value, UINT64_C(1) << bit, __ATOMIC_ACQUIRE) >> bit & 1);
}

/* Clear a bit, with release order. */
static inline void gremc_u64_bit_clear_release(gremc_atomic_u64 *atomic, unsigned bit)
{
	__atomic_fetch_and(&atomic->value, ~(UINT64_C(1) << bit), __ATOMIC_RELEASE);
}

/* Between loads: those behind the fence are not earlier than those before it. */
static inline void gremc_fence_acquire(void)
{
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
}

/* Between stores: those behind the fence are not visible before those in front of it. */
static inline void gremc_fence_release(void)
{
	__atomic_thread_fence(__ATOMIC_RELEASE);
}

/* Between a store and a load of different fields: another thread that does the same the other way round does
 * not miss both. */
static inline void gremc_fence_full(void)
{
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
}

#endif
