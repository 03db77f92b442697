/* SPDX-License-Identifier: BSD-3-Clause */
/* Memory on NUMA nodes. */
#ifndef GREMC_BASE_MEMORY_H
#define GREMC_BASE_MEMORY_H

#include <stddef.h>

/* Reserve zeroed address space for an array with a known limit and unknown use. The kernel allocates a page
 * when it is touched, a huge page if possible, preferably on NUMA node `socket`. A full node is replaced by
 * another one. SOCKET_ID_ANY: the node of the thread that touches the page.
 * Thread:  control thread.
 * Returns: NULL: no address space. */
void *gremc_memory_reserve(size_t size, int socket);
/* Release reserved memory.
 * Input:   `size` is the reserved size; memory NULL is allowed. */
void gremc_memory_release(void *memory, size_t size);
/* Allocate zeroed DPDK memory, aligned to a cache line, on NUMA node `socket`, or on another node if that one
 * is full.
 * Owner:   the caller frees it by rte_free().
 * Returns: NULL: -ENOMEM. */
void *gremc_memory_zalloc(size_t size, int socket);

#endif
