/* SPDX-License-Identifier: BSD-3-Clause */
#include <rte_memory.h>

#include "base/base.h"

const struct gremc_nodes gremc_nodes_any = {.count = 1, .socket = {SOCKET_ID_ANY}};

static uint32_t nodes_find_socket(const struct gremc_nodes *nodes, int socket)
{
	uint32_t i = 0;

	while (i < nodes->count && nodes->socket[i] != socket)
		i++;
	return i;
}

void gremc_nodes_add(struct gremc_nodes *nodes, int socket)
{
	if (nodes_find_socket(nodes, socket) == nodes->count && nodes->count < GREMC_NODES_MAX)
		nodes->socket[nodes->count++] = socket;
}

uint32_t gremc_nodes_index(const struct gremc_nodes *nodes, int socket)
{
	uint32_t i = nodes_find_socket(nodes, socket);

	return i < nodes->count ? i : 0;
}
