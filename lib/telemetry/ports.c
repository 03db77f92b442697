/* SPDX-License-Identifier: BSD-3-Clause */
/* /gremc/ports, /gremc/pools: devices and mbuf pools. */
#include <stdio.h>

#include <rte_ethdev.h>
#include <rte_mbuf.h>

#include "telemetry/telemetry_priv.h"

#define PORTS_PAGE 10
#define POOLS_PAGE 40

/* The numbers of pools: RX pools by port and queue, header pools by worker, the host's pool, and shard pools
 * by the first worker that uses each. */
#define HEADER_POOLS (GREMC_CONFIG_PORTS_MAX * GREMC_QUEUES_MAX)
#define HOST_POOL    (HEADER_POOLS + GREMC_WORKERS_MAX)
#define SHARD_POOLS  (HOST_POOL + 1)
#define POOLS        (SHARD_POOLS + GREMC_WORKERS_MAX)

static bool port_exists(const void *context, uint32_t number)
{
	const struct gremc_ports *ports = context;

	return ports->port[number] != NULL;
}

/* Add the device's own counters; they and device_counters are 0 if the driver has none. */
static void port_device_reply(struct rte_tel_data *dict, const struct gremc_port *port, bool is_open,
			      bool is_up)
{
	struct rte_eth_stats device = {0};
	struct rte_eth_link link = {0};
	bool linked = is_up && rte_eth_link_get_nowait(port->id, &link) == 0;
	bool known = is_open && rte_eth_stats_get(port->id, &device) == 0;

	gremc_reply_u64(dict, "link", linked && link.link_status == RTE_ETH_LINK_UP);
	gremc_reply_u64(dict, "speed",
			linked && link.link_speed != RTE_ETH_SPEED_NUM_UNKNOWN ? link.link_speed : 0);
	gremc_reply_u64(dict, "device_counters", known);
	gremc_reply_u64(dict, "imissed", known ? device.imissed : 0);
	gremc_reply_u64(dict, "ierrors", known ? device.ierrors : 0);
	gremc_reply_u64(dict, "rx_nombuf", known ? device.rx_nombuf : 0);
	gremc_reply_u64(dict, "oerrors", known ? device.oerrors : 0);
}

/* Add the state of a device. The lock excludes a reset or removal while the driver is called. */
static void port_status_reply(struct rte_tel_data *dict, struct gremc_ports *ports,
			      const struct gremc_port *port)
{
	enum gremc_port_status status;

	pthread_mutex_lock(&ports->devices);
	status = gremc_port_status_get(port);
	gremc_reply_text(dict, "status", gremc_port_status_name(status));
	gremc_reply_u64(dict, "link_changes", gremc_counter_read(&port->link_changes));
	gremc_reply_u64(dict, "resets", gremc_counter_read(&port->resets));
	gremc_reply_u64(dict, "removals", gremc_counter_read(&port->removals));
	port_device_reply(dict, port, !gremc_port_is_closed(status), status == GREMC_PORT_UP);
	pthread_mutex_unlock(&ports->devices);
}

/* Add the priorities in the port's tags: a digit for each DSCP. */
static void port_pcp_reply(struct rte_tel_data *dict, const struct gremc_vifs *vifs, uint16_t port)
{
	char digits[GREMC_DSCP_COUNT + 1] = "";

	for (unsigned dscp = 0; dscp < GREMC_DSCP_COUNT; dscp++)
		digits[dscp] = (char)('0' + gremc_u8_load(&vifs->port_pcp[port][dscp]));
	gremc_reply_text(dict, "pcp", digits);
}

static void port_reply(struct rte_tel_data *dict, const struct gremc_vifs *vifs,
		       const struct gremc_port *port, const struct gremc_totals *sum)
{
	gremc_reply_text(dict, "name", port->name);
	gremc_reply_text(dict, "device", port->device);
	gremc_reply_mac(dict, "mac", &port->mac);
	gremc_reply_u64(dict, "mtu", port->mtu);
	gremc_reply_u64(dict, "vlan", port->vlan);
	port_pcp_reply(dict, vifs, port->index);
	gremc_reply_u64(dict, "multicast", port->multicast);
	gremc_reply_u64(dict, "socket", port->socket < 0 ? 0 : port->socket);
	gremc_reply_u64(dict, "rx_queues", port->rx_queues);
	gremc_reply_u64(dict, "tx_queues", port->tx_queues);
	gremc_reply_u64(dict, "host_tx", port->host_tx);
	gremc_reply_u64(dict, "rx_packets", sum->ports[port->index].rx_packets);
	gremc_reply_u64(dict, "rx_bytes", sum->ports[port->index].rx_bytes);
	gremc_reply_u64(dict, "tx_packets", sum->ports[port->index].tx_packets);
	gremc_reply_u64(dict, "tx_bytes", sum->ports[port->index].tx_bytes);
	gremc_reply_u64(dict, "tx_lost", sum->ports[port->index].tx_lost);
}

void gremc_command_ports(struct gremc_query *query)
{
	const struct gremc_ports *ports = query->telemetry->ports;
	struct gremc_totals sum;
	struct gremc_page page;

	if (!gremc_page_collect(&page, query, ports->count, PORTS_PAGE, port_exists, ports))
		return;
	gremc_query_totals(query, &sum);
	for (uint32_t i = 0; i < page.count; i++) {
		struct rte_tel_data *dict = gremc_page_entry(&page, query, i);

		port_reply(dict, query->telemetry->vifs, ports->port[page.number[i]], &sum);
		port_status_reply(dict, query->telemetry->ports, ports->port[page.number[i]]);
	}
}

static const struct rte_mempool *header_pool_get(const struct gremc_ports *ports, uint32_t worker)
{
	return worker < ports->worker_count ? ports->worker[worker].header_pool : NULL;
}

static const struct rte_mempool *rx_pool_get(const struct gremc_ports *ports, uint32_t number)
{
	uint32_t index = number / GREMC_QUEUES_MAX, queue = number % GREMC_QUEUES_MAX;
	const struct gremc_port *port = index < ports->count ? ports->port[index] : NULL;

	if (port == NULL || queue >= port->rx_queues)
		return NULL;
	/* with `spread` queues share a pool, which is listed for the first queue */
	for (uint32_t q = 0; ports->spread && q < queue; q++)
		if (port->rx_pool[q] == port->rx_pool[queue])
			return NULL;
	return port->rx_pool[queue];
}

static const struct rte_mempool *shard_pool_get(const struct gremc_ports *ports, uint32_t worker)
{
	if (worker >= ports->worker_count)
		return NULL;
	for (uint32_t w = 0; w < worker; w++)
		if (ports->worker[w].shard_pool == ports->worker[worker].shard_pool)
			return NULL;
	return ports->worker[worker].shard_pool;
}

static const struct rte_mempool *pool_by_number(const struct gremc_ports *ports, uint32_t number)
{
	if (number == HOST_POOL)
		return ports->host_pool;
	if (number >= SHARD_POOLS)
		return shard_pool_get(ports, number - SHARD_POOLS);
	return number < HEADER_POOLS ? rx_pool_get(ports, number)
				     : header_pool_get(ports, number - HEADER_POOLS);
}

static bool pool_exists(const void *context, uint32_t number)
{
	return pool_by_number(context, number) != NULL;
}

static void pool_reply(struct rte_tel_data *dict, const struct gremc_ports *ports, uint32_t number)
{
	struct rte_mempool *mempool = (struct rte_mempool *)(uintptr_t)pool_by_number(ports, number);
	unsigned available = rte_mempool_avail_count(mempool);

	gremc_reply_text(dict, "name", mempool->name);
	if (number < HEADER_POOLS) {
		gremc_reply_text(dict, "kind", "rx");
		gremc_reply_format(dict, "user", "%s/%u", ports->port[number / GREMC_QUEUES_MAX]->name,
				   number % GREMC_QUEUES_MAX);
	} else if (number == HOST_POOL) {
		gremc_reply_text(dict, "kind", "host");
		gremc_reply_text(dict, "user", "control");
	} else if (number >= SHARD_POOLS) {
		gremc_reply_text(dict, "kind", "shard");
		gremc_reply_format(dict, "user", "node %d", ports->worker[number - SHARD_POOLS].socket);
	} else {
		gremc_reply_text(dict, "kind", "header");
		gremc_reply_format(dict, "user", "lcore %u", ports->worker[number - HEADER_POOLS].lcore);
	}
	gremc_reply_u64(dict, "socket", mempool->socket_id < 0 ? 0 : mempool->socket_id);
	gremc_reply_u64(dict, "size", mempool->size);
	gremc_reply_u64(dict, "in_use", mempool->size - RTE_MIN(available, mempool->size));
	gremc_reply_u64(dict, "available", available);
	gremc_reply_u64(dict, "room", rte_pktmbuf_data_room_size(mempool));
}

void gremc_command_pools(struct gremc_query *query)
{
	const struct gremc_ports *ports = query->telemetry->ports;
	struct gremc_page page;

	if (!gremc_page_collect(&page, query, POOLS, POOLS_PAGE, pool_exists, ports))
		return;
	for (uint32_t i = 0; i < page.count; i++)
		pool_reply(gremc_page_entry(&page, query, i), ports, page.number[i]);
}
