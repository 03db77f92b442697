/* SPDX-License-Identifier: BSD-3-Clause */
/* Mbufs in DPDK's rings.
 *
 * The ring's inline functions copy pointers as 64-bit integers. To the compiler those are other objects than
 * the array of pointers (C11, 6.5), so it may drop the array's stores before an enqueue, or take the array
 * for uninitialised after a dequeue: clang 14 does. A barrier that the array's address goes into prevents
 * both. */
#ifndef GREMC_BASE_RING_H
#define GREMC_BASE_RING_H

#include <rte_mbuf.h>
#include <rte_ring.h>

static inline void gremc_ring_barrier(struct rte_mbuf **mbufs)
{
	__asm__ volatile("" : : "r"(mbufs) : "memory");
}

/* As many of n mbufs as there is room for, by the ring's own kind of producers. Returns how many. */
static inline uint32_t gremc_ring_enqueue(struct rte_ring *ring, struct rte_mbuf **mbufs, uint32_t n)
{
	gremc_ring_barrier(mbufs);
	return rte_ring_enqueue_burst(ring, (void **)mbufs, n, NULL);
}

/* As many of n mbufs as there are, by the ring's own kind of consumers. Returns how many. */
static inline uint32_t gremc_ring_dequeue(struct rte_ring *ring, struct rte_mbuf **mbufs, uint32_t n)
{
	n = rte_ring_dequeue_burst(ring, (void **)mbufs, n, NULL);
	gremc_ring_barrier(mbufs);
	return n;
}

#endif
