/* SPDX-License-Identifier: BSD-3-Clause */
#include "test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <rte_cycles.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>

#include "telemetry_world.h"

static void world_port_add(struct world *world, unsigned index, const char *name, const char *device,
			   uint16_t queues)
{
	struct gremc_port *port = &world->port[index];

	port->index = index;
	snprintf(port->name, sizeof(port->name), "%s", name);
	snprintf(port->device, sizeof(port->device), "%s", device);
	assert_int_equal(rte_eth_dev_get_port_by_name(device, &port->id), 0);
	assert_int_equal(rte_eth_macaddr_get(port->id, &port->mac), 0);
	port->mtu = 1500;
	port->multicast = index == LAN0;
	port->rx_queues = queues;
	port->tx_queues = queues;
	for (unsigned q = 0; q < queues; q++) {
		port->rx_worker[q] = q % WORLD_WORKERS;
		port->rx_pool[q] = world->rx_pool;
	}
	world->ports.port[index] = port;
}

static void world_ports_create(struct world *world)
{
	world->rx_pool =
		rte_pktmbuf_pool_create("rx_pool", 127, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);
	world->header_pool = rte_pktmbuf_pool_create("header_pool", 63, 0, 0, 384, SOCKET_ID_ANY);
	assert_non_null(world->rx_pool);
	assert_non_null(world->header_pool);
	world->ports.count = PORTS;
	world->ports.worker_count = WORLD_WORKERS;
	for (unsigned i = 0; i < WORLD_WORKERS; i++)
		world->ports.worker[i] =
			(struct gremc_worker_place){.lcore = i + 1, .header_pool = world->header_pool};
	world_port_add(world, WAN0, "wan0", "net_null0", 2);
	world_port_add(world, LAN0, "lan0", "net_null1", 1);
	world_port_add(world, WAN1, "wan1", "net_null2", 1);
}

/* Each vif owns a reference to its adjacency, which gremc_vif_remove() releases. */
static uint32_t world_adjacency_get(struct world *world, uint16_t port, rte_be32_t next_hop)
{
	uint32_t adjacency;

	assert_int_equal(
		gremc_adjacency_get(world->vifs, port, next_hop, &world->port[port].mac, 0, &adjacency), 0);
	return adjacency;
}

uint32_t world_tunnel_add(struct world *world, const char *name, rte_be32_t remote, enum tunnel_keys keys,
			  rte_be32_t next_hop)
{
	struct gremc_vif_info info = {
		.kind = GREMC_VIF_TUNNEL,
		.port = WAN0,
		.options.local = IP(192, 0, 2, 1),
		.options.remote = remote,
		.next_hop = next_hop,
		.options.has_input_key = (keys == WITH_KEYS),
		.options.has_output_key = (keys == WITH_KEYS),
		.options.input_key = 7,
		.options.output_key = 8,
		.mtu = (keys == WITH_KEYS) ? 1472 : 1476,
		.options.ttl = (keys == WITH_KEYS) ? 0 : 64,
		.options.tos = 184,
		.options.tos_inherit = (keys == WITH_KEYS),
		.options.sequence = (keys == WITH_KEYS) ? GREMC_SEQUENCE_COUNT : GREMC_SEQUENCE_OFF,
	};
	uint32_t vif;

	info.options.has_dscp_map = keys == WITH_KEYS;
	for (uint8_t dscp = 0; info.options.has_dscp_map && dscp < GREMC_DSCP_COUNT; dscp++)
		info.options.dscp_map[dscp] = dscp == 34 ? 46 : dscp;
	snprintf(info.name, sizeof(info.name), "%s", name);
	assert_int_equal(
		gremc_tunnel_add(world->vifs, &info, world_adjacency_get(world, WAN0, next_hop), &vif), 0);
	assert_int_equal(gremc_tunnel_publish(world->vifs, vif), 0);
	return vif;
}

static void world_vifs_create(struct world *world)
{
	const struct rte_ether_addr mac = {{0x02, 0, 0, 0, 0, 0xfe}};
	struct gremc_vifs *vifs = world->vifs;

	world->vif[GRE0] = world_tunnel_add(world, "gre0", IP(198, 51, 100, 10), WITHOUT_KEY, RESOLVED);
	world->vif[GRE1] = world_tunnel_add(world, "gre1", IP(198, 51, 100, 11), WITH_KEYS, RESOLVED);
	world->vif[GRE2] = world_tunnel_add(world, "gre2", IP(198, 51, 100, 12), WITHOUT_KEY, UNRESOLVED);
	world->vif[GRE3] = world_tunnel_add(world, "gre3", IP(198, 51, 100, 13), WITHOUT_KEY, RESOLVED);
	assert_int_equal(gremc_adjacency_resolve(vifs, vifs->encap[world->vif[GRE0]].adjacency, &mac), 0);
	/* after a grace period the next hop is ready */
	gremc_rcu_commit(world->rcu);
	gremc_rcu_synchronize(world->rcu);
	assert_int_equal(gremc_port_vif_add(vifs, "lan0", LAN0, 1500, world_adjacency_get(world, LAN0, 0),
					    &world->vif[LAN]),
			 0);
}

int world_mroute_change(struct world *world, enum gremc_fanout_op_kind kind, rte_be32_t source,
			rte_be32_t group, uint8_t length, const uint32_t *iifs, uint32_t iif_count,
			const uint32_t *oifs, uint32_t oif_count)
{
	const struct gremc_fanout_op op = {kind,
					   {.source = source,
					    .group = group,
					    .length = length,
					    .iif_count = iif_count,
					    .oif_count = oif_count,
					    .rotates = length < 32, /* so that both orders exist */
					    .iifs = iifs,
					    .oifs = oifs}};

	return gremc_fanout_apply(world->fanout, &op, 1, NULL, NULL);
}

/* An mroute between sets of vifs: bit GRE0 is gre0, and so on. `from` 0 accepts any iif. */
static void world_mroute_set(struct world *world, rte_be32_t source, rte_be32_t group, uint8_t length,
			     unsigned from, unsigned to)
{
	uint32_t iifs[VIFS], oifs[VIFS], iif_count = 0, oif_count = 0;

	for (unsigned i = 0; i < VIFS; i++) {
		if (from & 1u << i)
			iifs[iif_count++] = world->vif[i];
		if (to & 1u << i)
			oifs[oif_count++] = world->vif[i];
	}
	assert_int_equal(world_mroute_change(world, GREMC_FANOUT_SET, source, group, length, iifs, iif_count,
					     oifs, oif_count),
			 0);
}

static void world_mroutes_create(struct world *world)
{
	world_mroute_set(world, IP(10, 1, 1, 1), IP(239, 1, 1, 1), 32, 1 << GRE0,
			 1 << GRE1 | 1 << GRE2 | 1 << LAN);
	world_mroute_set(world, 0, IP(239, 2, 0, 0), 16, 0, 1 << GRE0 | 1 << GRE1 | 1 << GRE3 | 1 << LAN);
	world_mroute_set(world, 0, IP(239, 3, 1, 1), 32, 1 << GRE0 | 1 << GRE1, 1 << GRE3);
	world_mroute_set(world, 0, IP(239, 4, 4, 4), 32, 0, 1 << GRE0);
	world_mroute_set(world, 0, IP(239, 5, 5, 5), 32, 0, 0);
	world_mroute_set(world, IP(10, 9, 9, 9), IP(232, 1, 1, 1), 32, 1 << GRE0, 1 << GRE1);
}

/* One TAP and one TUN. */
static uint32_t world_host_count_read(struct gremc_host *host __rte_unused)
{
	return 2;
}

static uint64_t world_host_overruns_read(struct gremc_host *host __rte_unused)
{
	return 3;
}

static bool world_host_info_read(struct gremc_host *host __rte_unused, uint32_t number,
				 struct gremc_host_device_info *entry)
{
	*entry = (struct gremc_host_device_info){
		.is_tap = number == 0,
		.open = true,
		.ifindex = 7 + number,
		.counters = {.up_packets = 1, .up_bytes = 60, .down_packets = 2, .down_bytes = 120},
	};
	snprintf(entry->name, sizeof(entry->name), "%s", number ? "gre1" : "wan0");
	for (unsigned i = 0; i < GREMC_HOST_DROP_COUNT; i++)
		entry->counters.lost[i] = 10 * number + i;
	return number < 2;
}

static int world_no_packet(void *argument, uint32_t interface, const uint8_t *packet, size_t length)
{
	(void)argument, (void)interface, (void)packet, (void)length;
	return 0;
}

/* GRE1 to GRE3 have IGMP; GRE1 is a member of 239.2.2.2 and of a group with a source. */
static void world_igmp_create(struct world *world)
{
	static const struct gremc_igmp_settings settings = {2, 125000, 10000, 1000, 0};
	static const struct gremc_igmp_callbacks callbacks = {.send = world_no_packet};
	static const struct gremc_rib_callbacks rib_callbacks;
	const struct gremc_igmp_join joins[] = {
		{.group = GREMC_ADDR_IPV4(IP(239, 2, 2, 2))},
		{GREMC_ADDR_IPV4(IP(239, 7, 7, 7)), GREMC_ADDR_IPV4(IP(10, 1, 1, 1))},
	};
	struct gremc_igmp_policy policy = {.mode = GREMC_IGMP_QUERIER,
					   .version = 3,
					   .address = GREMC_ADDR_IPV4(IP(10, 0, 0, 1)),
					   .max_groups = 1000000,
					   .max_sources = 100,
					   .joins = joins,
					   .join_count = 2};

	world->igmp = gremc_igmp_create(&settings, &callbacks, 1000);
	world->rib = gremc_rib_create(world->fanout, &rib_callbacks);
	assert_non_null(world->igmp);
	assert_non_null(world->rib);
	for (unsigned i = 0; i < VIFS; i++)
		gremc_u32_store(&world->interface_vif[i], world->vif[i]);
	for (unsigned i = GRE1; i <= GRE3; i++) {
		assert_int_equal(gremc_igmp_interface_set(world->igmp, i, &policy, 1000), 0);
		policy.join_count = 0;
	}
	/* send the first queries, so that counters are not zero */
	gremc_igmp_timers_run(world->igmp, 2000);
}

static int world_keepalive_send(void *argument, uint32_t vif, const uint8_t *packet, uint16_t length)
{
	(void)argument, (void)vif, (void)packet, (void)length;
	return 0;
}

static void world_peer_dead_set(void *argument, uint32_t vif, bool dead)
{
	gremc_vif_dead_set(((struct world *)argument)->vifs, vif, dead);
}

static void world_path_mtu_set(void *argument, uint32_t vif, uint16_t bytes)
{
	gremc_tunnel_path_mtu_set(((struct world *)argument)->vifs, vif, bytes);
}

static uint64_t world_packets_read(void *argument, uint32_t vif)
{
	(void)argument, (void)vif;
	return 0;
}

static void world_peers_create(struct world *world)
{
	const struct gremc_peer_callbacks callbacks = {world_keepalive_send, world_keepalive_send,
						       world_peer_dead_set,  world_path_mtu_set,
						       world_packets_read,   world};

	world->peers = gremc_peers_create(GREMC_VIFS_MAX, &callbacks);
	assert_non_null(world->peers);
}

struct world *world_create(void)
{
	struct world *world = calloc(1, sizeof(*world));

	assert_non_null(world);
	world->rcu = gremc_rcu_create();
	assert_non_null(world->rcu);
	world->vifs = gremc_vifs_create(2000, &gremc_nodes_any, world->rcu);
	world->fanout = gremc_fanout_create(2000, &gremc_nodes_any, world->rcu);
	assert_non_null(world->vifs);
	assert_non_null(world->fanout);
	world_ports_create(world);
	world_vifs_create(world);
	world_mroutes_create(world);
	world_igmp_create(world);
	world_peers_create(world);
	for (unsigned i = 0; i < WORLD_WORKERS; i++) {
		world->stats[i] = gremc_stats_create(SOCKET_ID_ANY, GREMC_VIFS_MAX, GREMC_MROUTE_IDS_MAX);
		assert_non_null(world->stats[i]);
	}
	gremc_u64_store(&world->reloads, 3);
	gremc_u64_store(&world->reload_errors, 1);
	world->telemetry = (struct gremc_telemetry){
		.ports = &world->ports,
		.vifs = world->vifs,
		.fanout = world->fanout,
		.igmp = world->igmp,
		.rib = world->rib,
		.interface_vif = world->interface_vif,
		.mfc = &world->mfc,
		.peers = world->peers,
		.alive = &world->alive,
		.igmp_unsent = &world->igmp_unsent,
		.igmp_changes = &world->igmp_changes,
		.igmp_applied = &world->igmp_applied,
		.igmp_delays = &world->igmp_delays,
		.rcu = world->rcu,
		.hosts = {.count = world_host_count_read,
			  .entry = world_host_info_read,
			  .overruns = world_host_overruns_read},
		.stats = world->stats,
		.stats_count = WORLD_WORKERS,
		.config_path = "/etc/dpdk-gremc.yaml",
		.started = time(NULL) - 100,
		.reloads = &world->reloads,
		.reload_errors = &world->reload_errors,
	};
	return world;
}

void world_destroy(struct world *world)
{
	gremc_rcu_synchronize(world->rcu);
	gremc_peers_destroy(world->peers);
	gremc_igmp_destroy(world->igmp);
	gremc_rib_destroy(world->rib);
	gremc_fanout_destroy(world->fanout);
	gremc_vifs_destroy(world->vifs);
	gremc_rcu_destroy(world->rcu);
	for (unsigned i = 0; i < WORLD_WORKERS; i++)
		gremc_stats_destroy(world->stats[i]);
	rte_mempool_free(world->rx_pool);
	rte_mempool_free(world->header_pool);
	free(world);
}
