/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <rte_cycles.h>
#include <rte_dev.h>
#include <rte_devargs.h>
#include <rte_ethdev.h>
#include <rte_kvargs.h>

#include "engine/links.h"

#define RX_DESCRIPTORS 4096
#define TX_DESCRIPTORS 1024
#define INNER_AROUND   32 /* outer IPv4 and GRE with a key, and a reserve */
#define MTU_MIN        1500
#define MEMIF_RING_LOG 10  /* driver's default */
#define AF_PACKET_RING 512 /* driver's default */

/* Returns: the number of the device argument `name=N`. */
static uint32_t kvargs_number_get(const struct rte_kvargs *arguments, const char *name, uint32_t standard)
{
	const char *text = arguments ? rte_kvargs_get(arguments, name) : NULL;

	return text ? (uint32_t)strtoul(text, NULL, 10) : standard;
}

/* Returns: the frames that a device holds between two polls. The rings of memif and af_packet are independent
 * of the number of descriptors. The client of memif sets the ring's size; the size of a peer's ring is
 * unknown, and its default is assumed. */
static uint32_t rx_ring_size(const struct gremc_port *port)
{
	struct rte_eth_dev_info info;
	const struct rte_devargs *given;
	struct rte_kvargs *arguments;
	const char *role;
	uint32_t ring = port->rx_descriptors;

	if (rte_eth_dev_info_get(port->id, &info) || info.driver_name == NULL)
		return ring;
	given = rte_dev_devargs(info.device);
	arguments = given && given->args ? rte_kvargs_parse(given->args, NULL) : NULL;
	if (strcmp(info.driver_name, "net_memif") == 0) {
		role = arguments ? rte_kvargs_get(arguments, "role") : NULL;
		ring = role && strcmp(role, "client") == 0
			       ? 1u << (kvargs_number_get(arguments, "rsize", MEMIF_RING_LOG) & 15)
			       : 1u << MEMIF_RING_LOG;
	} else if (strcmp(info.driver_name, "net_af_packet") == 0) {
		ring = kvargs_number_get(arguments, "framecnt", AF_PACKET_RING);
	}
	rte_kvargs_free(arguments);
	return ring;
}

/* Find or create the port of `own` for a device. */
static uint32_t own_port_get(struct gremc_engine *engine, const char *device)
{
	struct gremc_config *own = &engine->own;
	struct gremc_config_port *port;

	for (uint32_t i = 0; i < own->port_count; i++)
		if (strcmp(own->ports[i].device, device) == 0)
			return i;
	port = &own->ports[own->port_count];
	snprintf(port->name, sizeof(port->name), "dev%u", own->port_count);
	gremc_text_copy(port->device, sizeof(port->device), device);
	port->member_of = GREMC_CONFIG_NONE;
	/* Raise the MTU only if necessary: not every device permits it. */
	if (engine->options.inner_max > MTU_MIN)
		port->mtu = engine->options.inner_max + INNER_AROUND;
	return own->port_count++;
}

static int own_ports_describe(struct gremc_engine *engine, struct gremc_errors *errors)
{
	engine->own.ports = calloc((size_t)GREMC_CONFIG_PORTS_MAX * 2, sizeof(*engine->own.ports));
	if (engine->own.ports == NULL) {
		gremc_errors_add(errors, NULL, 0, 0, "out of memory");
		return -ENOMEM;
	}
	engine->own.settings = (struct gremc_config_settings){.rx_descriptors = RX_DESCRIPTORS,
							      .tx_descriptors = TX_DESCRIPTORS};
	for (uint32_t i = 0; i < engine->config->port_count; i++) {
		const struct gremc_port_map *map = &engine->options.map[i];

		engine->rx_port[i] = map->rx[0] ? own_port_get(engine, map->rx) : GREMC_CONFIG_NONE;
		engine->tx_port[i] = map->tx[0] ? own_port_get(engine, map->tx) : engine->rx_port[i];
	}
	return 0;
}

const char *gremc_engine_link_down(const struct gremc_engine *engine)
{
	struct rte_eth_link link;

	for (uint16_t i = 0; i < engine->ports->count; i++)
		if (rte_eth_link_get_nowait(engine->ports->port[i]->id, &link) == 0 &&
		    link.link_status == RTE_ETH_LINK_DOWN)
			return engine->ports->port[i]->device;
	return NULL;
}

static int links_wait(struct gremc_engine *engine, struct gremc_errors *errors)
{
	uint64_t end = rte_rdtsc() + (uint64_t)(engine->options.link_wait * (double)engine->hz);
	const char *down;

	while ((down = gremc_engine_link_down(engine)) != NULL) {
		if (rte_rdtsc() > end) {
			gremc_errors_add(
				errors, NULL, 0, 0,
				"the link of `%s` is down after %.3g s: is the forwarder running, and is it at "
				"the other end of this wire? (--link-wait waits longer)",
				down, engine->options.link_wait);
			return -ENOLINK;
		}
		usleep(10000);
	}
	return 0;
}

int gremc_engine_ports_open(struct gremc_engine *engine, const unsigned *lcores, unsigned count,
			    struct gremc_errors *errors)
{
	if (own_ports_describe(engine, errors))
		return -1;
	engine->ports = gremc_ports_open(&engine->own, lcores, count, errors);
	if (engine->ports == NULL)
		return -1;
	/* Sites have MAC addresses of their own. A device that has no promiscuous mode is used as it is. */
	engine->rx_ring = UINT32_MAX;
	for (uint16_t i = 0; i < engine->ports->count; i++) {
		rte_eth_promiscuous_enable(engine->ports->port[i]->id);
		engine->rx_ring = RTE_MIN(engine->rx_ring, rx_ring_size(engine->ports->port[i]));
	}
	return links_wait(engine, errors);
}

bool gremc_engine_is_virtual(const struct gremc_engine *engine)
{
	for (uint16_t i = 0; i < engine->ports->count; i++)
		if (strncmp(engine->ports->port[i]->device, "net_", 4) == 0)
			return true;
	return false;
}

uint64_t gremc_engine_rx_missed(const struct gremc_engine *engine)
{
	struct rte_eth_stats stats;
	uint64_t missed = 0;

	for (uint16_t i = 0; i < engine->ports->count; i++)
		if (rte_eth_stats_get(engine->ports->port[i]->id, &stats) == 0)
			missed += stats.imissed;
	return missed;
}
