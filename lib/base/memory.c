/* SPDX-License-Identifier: BSD-3-Clause */
#include <sys/mman.h>

#include <numa.h>

#include <rte_malloc.h>

#include "base/base.h"

void *gremc_reserve(size_t size, int socket)
{
	void *memory =
		mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (memory == MAP_FAILED)
		return NULL;
	/* Best effort, both: a kernel without huge pages or NUMA gives ordinary memory, which works. */
	madvise(memory, size, MADV_HUGEPAGE);
	if (socket >= 0 && numa_available() >= 0 &&
	    numa_bitmask_isbitset(numa_all_nodes_ptr, (unsigned)socket))
		numa_tonode_memory(memory, size, socket);
	return memory;
}

void gremc_release(void *memory, size_t size)
{
	if (memory)
		munmap(memory, size);
}

void *gremc_zalloc(size_t size, int socket)
{
	void *memory = rte_zmalloc_socket(NULL, size, RTE_CACHE_LINE_SIZE, socket);

	return memory || socket == SOCKET_ID_ANY ? memory : rte_zmalloc(NULL, size, RTE_CACHE_LINE_SIZE);
}
