/* SPDX-License-Identifier: BSD-3-Clause */
/* Lookups in the static configuration of a port. */
#include <errno.h>

#include "config/config.h"

int gremc_config_route_lookup(const struct gremc_config_port *port, rte_be32_t remote, rte_be32_t *next_hop)
{
	const struct gremc_addr address = gremc_addr_from_ipv4(remote);

	for (uint32_t i = 0; i < port->address_count; i++) {
		const struct gremc_config_address *own = &port->addresses[i];

		if (((own->address ^ remote) & gremc_ipv4_mask(own->length)) == 0) {
			*next_hop = remote;
			return 0;
		}
	}
	for (uint32_t i = 0; i < port->route_count; i++) {
		if (gremc_prefix_covers(&port->routes[i].to, &address)) {
			*next_hop = port->routes[i].via;
			return 0;
		}
	}
	return -ENETUNREACH;
}

const struct rte_ether_addr *gremc_config_neighbor_find(const struct gremc_config_port *port,
							rte_be32_t address)
{
	uint32_t low = 0, high = port->neighbor_count;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		const struct gremc_config_neighbor *neighbor = &port->neighbors[middle];

		if (neighbor->address == address)
			return &neighbor->mac;
		if (rte_be_to_cpu_32(neighbor->address) < rte_be_to_cpu_32(address))
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}

struct gremc_config_next_hop gremc_config_next_hop(const struct gremc_config_port *port, rte_be32_t remote)
{
	struct gremc_config_next_hop way = {.mac = gremc_config_neighbor_find(port, remote)};

	/* a static neighbour is on the link, even outside the port's networks */
	if (way.mac)
		way.next_hop = remote;
	else if (gremc_config_route_lookup(port, remote, &way.next_hop) == 0)
		way.mac = gremc_config_neighbor_find(port, way.next_hop);
	return way;
}
