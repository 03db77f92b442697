/* SPDX-License-Identifier: BSD-3-Clause */
/* Transmit buffers that already hold the payload pattern. */
#ifndef GREMC_LOADGEN_TRANSMIT_PATTERN_POOL_H
#define GREMC_LOADGEN_TRANSMIT_PATTERN_POOL_H

#include <stdint.h>

#include <rte_mbuf.h>

/* Offset of the payload in every buffer, for headers of any length. */
#define GREMC_PATTERN_OFFSET 192u

/* Create a pool of `count` buffers that hold the pattern.
 * Thread:  control thread.
 * Input:   `inner` is the largest inner packet in bytes.
 * Returns: NULL on failure, with rte_errno set. */
struct rte_mempool *gremc_pattern_pool_create(const char *name, unsigned count, uint16_t inner, int socket);
/* Write the pattern into all buffers again: a device that shares the memory may have overwritten it.
 * Thread:  control thread, while the lcores rest. */
void gremc_pattern_pool_refill(struct rte_mempool *pool);

#endif
