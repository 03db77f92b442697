/* SPDX-License-Identifier: BSD-3-Clause */
/* Lookups in the static configuration of a port. */
#include <errno.h>

#include "config/config.h"

int gremc_config_route_lookup(const struct gremc_config_port *port, rte_be32_t remote, rte_be32_t *next_hop)
{
	const struct gremc_addr address = gremc_addr_from_ipv4(remote);

	for (uint32_t i = 0; i < port->address_count; i++) {
		const struct gremc_prefix network = gremc_config_network_of(&port->addresses[i]);

		if (gremc_prefix_covers(&network, &address)) {
			*next_hop = remote;
			return 0;
		}
	}
	for (uint32_t i = 0; i < port->route_count; i++) {
		if (gremc_prefix_covers(&port->routes[i].to, &address)) {
			*next_hop = gremc_addr_to_ipv4(&port->routes[i].via);
			return 0;
		}
	}
	return -ENETUNREACH;
}

const struct rte_ether_addr *gremc_config_neighbor_find(const struct gremc_config_port *port,
							rte_be32_t address)
{
	const struct gremc_addr key = gremc_addr_from_ipv4(address);
	uint32_t low = 0, high = port->neighbor_count;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		const struct gremc_config_neighbor *neighbor = &port->neighbors[middle];
		const int order = gremc_addr_compare(&neighbor->address, &key);

		if (order == 0)
			return &neighbor->mac;
		if (order < 0)
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
