/* SPDX-License-Identifier: BSD-3-Clause */
#include "engine/macs.h"

struct rte_ether_addr gremc_engine_site_mac(const struct gremc_engine *engine, uint32_t site)
{
	const struct gremc_site *s = &engine->flows->site[site];
	const struct gremc_config_port *port = &engine->config->ports[s->port];
	const struct rte_ether_addr *mac = NULL;
	rte_be32_t next_hop;

	if (!s->native) {
		mac = gremc_config_neighbor_find(port, s->site);
		if (mac == NULL && gremc_config_route_lookup(port, s->site, &next_hop) == 0)
			mac = gremc_config_neighbor_find(port, next_hop);
	}
	return mac ? *mac : engine->ports->port[engine->tx_port[s->port]]->mac;
}

void gremc_engine_macs_expect(struct gremc_engine *engine)
{
	for (uint32_t i = 0; i < engine->flows->site_count; i++) {
		const struct gremc_site *site = &engine->flows->site[i];
		const struct gremc_port_map *map = &engine->options.map[site->port];

		if (!site->used || engine->rx_port[site->port] == GREMC_CONFIG_NONE)
			continue;
		if (!site->native)
			engine->macs[i].target = gremc_engine_site_mac(engine, i);
		if (map->has_mac)
			engine->macs[i].source = map->forwarder;
	}
}
