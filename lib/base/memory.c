/* SPDX-License-Identifier: BSD-3-Clause */
#include <limits.h>
#include <sys/mman.h>

#include <numa.h>
#include <numaif.h>

#include <rte_malloc.h>

#include "base/base.h"

/* Prefer a node, not bind to it: a full node then gives pages of another one. With MPOL_BIND, which
 * numa_tonode_memory() sets by default, the kernel calls its OOM killer instead. */
static void memory_prefer_node(void *memory, size_t size, int socket)
{
	unsigned long mask[GREMC_NODES_MAX / (CHAR_BIT * sizeof(unsigned long)) + 1] = {0};
	const unsigned bits = CHAR_BIT * sizeof(mask[0]);

	if (socket < 0 || (uint32_t)socket >= GREMC_NODES_MAX || numa_available() < 0 ||
	    !numa_bitmask_isbitset(numa_all_nodes_ptr, (unsigned)socket))
		return;
	mask[(unsigned)socket / bits] = 1UL << (unsigned)socket % bits;
	mbind(memory, size, MPOL_PREFERRED, mask, sizeof(mask) * CHAR_BIT, 0);
}

void *gremc_memory_reserve(size_t size, int socket)
{
	void *memory =
		mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (memory == MAP_FAILED)
		return NULL;
	/* Best effort, both: a kernel without huge pages or NUMA gives ordinary memory, which works. */
	madvise(memory, size, MADV_HUGEPAGE);
	memory_prefer_node(memory, size, socket);
	return memory;
}

void gremc_memory_release(void *memory, size_t size)
{
	if (memory)
		munmap(memory, size);
}

void *gremc_memory_zalloc(size_t size, int socket)
{
	void *memory = rte_zmalloc_socket(NULL, size, RTE_CACHE_LINE_SIZE, socket);

	return memory || socket == SOCKET_ID_ANY ? memory : rte_zmalloc(NULL, size, RTE_CACHE_LINE_SIZE);
}
