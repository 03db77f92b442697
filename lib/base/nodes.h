/* SPDX-License-Identifier: BSD-3-Clause */
/* NUMA nodes with workers. */
#ifndef GREMC_BASE_NODES_H
#define GREMC_BASE_NODES_H

#include <stdint.h>

#include <rte_config.h>

#define GREMC_NODES_MAX ((uint32_t)RTE_MAX_NUMA_NODES)

/* The NUMA nodes with workers, in the order of the workers. Tables that workers only read have a copy on each
 * node; the index in this array identifies a copy. */
struct gremc_nodes {
	uint32_t count;              /* 1 to GREMC_NODES_MAX once it is complete */
	int socket[GREMC_NODES_MAX]; /* SOCKET_ID_ANY: any node */
};

/* One copy, on any node. */
extern const struct gremc_nodes gremc_nodes_any;

/* Add a NUMA node; no-op if present.
 * Input:   at most GREMC_NODES_MAX different nodes. */
void gremc_nodes_add(struct gremc_nodes *nodes, int socket);
/* Returns: the index of `socket`; 0 for a node without a copy. */
uint32_t gremc_nodes_index(const struct gremc_nodes *nodes, int socket);

#endif
