/* SPDX-License-Identifier: BSD-3-Clause */
/* Mbufs in DPDK's rings.
 *
 * The contents of an mbuf at its enqueue are visible after its dequeue. ThreadSanitizer does not recognise
 * the fences of the rings, so annotations declare it.
 *
 * The inline functions of a ring copy pointers as 64-bit integers. For the compiler these are other objects
 * than the array of pointers (C11, 6.5), so it may drop stores to the array before an enqueue or treat the
 * array as uninitialised after a dequeue, as clang 14 does. A compiler barrier that takes the array's address
 * prevents both. */
#ifndef GREMC_BASE_RING_H
#define GREMC_BASE_RING_H

#include <rte_mbuf.h>
#include <rte_ring.h>

#include "base/annotate.h"

/* Make the compiler assume that the array is read and written here. */
static inline void gremc_ring_barrier(struct rte_mbuf **mbufs)
{
	__asm__ volatile("" : : "r"(mbufs) : "memory");
}

/* Enqueue up to n mbufs, in the producer mode of the ring.
 * Returns: number enqueued; the other mbufs stay the caller's. */
static inline uint32_t gremc_ring_enqueue(struct rte_ring *ring, struct rte_mbuf **mbufs, uint32_t n)
{
	gremc_ring_barrier(mbufs);
	GREMC_TSAN_RELEASE(ring);
	return rte_ring_enqueue_burst(ring, (void **)mbufs, n, NULL);
}

/* Dequeue up to n mbufs, in the consumer mode of the ring.
 * Returns: number dequeued. */
static inline uint32_t gremc_ring_dequeue(struct rte_ring *ring, struct rte_mbuf **mbufs, uint32_t n)
{
	n = rte_ring_dequeue_burst(ring, (void **)mbufs, n, NULL);
	gremc_ring_barrier(mbufs);
	GREMC_TSAN_ACQUIRE(ring);
	return n;
}

#endif
