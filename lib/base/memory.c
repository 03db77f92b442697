/* SPDX-License-Identifier: BSD-3-Clause */
#include <limits.h>
#include <sys/mman.h>

#include <numa.h>
#include <numaif.h>

#include <rte_malloc.h>

#include "base/base.h"

/* Prefer the node, so that pages come from another node when it is full. With MPOL_BIND, the default of
 * numa_tonode_memory(), the kernel would call its OOM killer instead. */
static void memory_prefer_node(void *memory, size_t size, int socket)
{
	unsigned long mask[GREMC_NODES_MAX / (CHAR_BIT * sizeof(unsigned long)) + 1] = {0};
	const unsigned bits = CHAR_BIT * sizeof(mask[0]);

	if (socket < 0 || (uint32_t)socket >= GREMC_NODES_MAX || numa_available() < 0 ||
	    !numa_bitmask_isbitset(numa_all_nodes_ptr, (unsigned)socket))
		return;
	mask[(unsigned)socket / bits] = 1UL << (unsigned)socket % bits;
	/* best effort: pages of another node work, too */
	(void)mbind(memory, size, MPOL_PREFERRED, mask, sizeof(mask) * CHAR_BIT, 0);
}

void *gremc_memory_reserve(size_t size, int socket)
{
	void *memory =
		mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (memory == MAP_FAILED)
		return NULL;
	/* best effort: a kernel without huge pages gives ordinary ones */
	(void)madvise(memory, size, MADV_HUGEPAGE);
	memory_prefer_node(memory, size, socket);
	return memory;
}

void gremc_memory_release(void *memory, size_t size)
{
	if (memory && munmap(memory, size))
		GREMC_LOG(ERR, "cannot release %zu bytes of reserved memory", size);
}

void *gremc_memory_zalloc(size_t size, int socket)
{
	void *memory = rte_zmalloc_socket(NULL, size, RTE_CACHE_LINE_SIZE, socket);

	return memory || socket == SOCKET_ID_ANY ? memory : rte_zmalloc(NULL, size, RTE_CACHE_LINE_SIZE);
}
