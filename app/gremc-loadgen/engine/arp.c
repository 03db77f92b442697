/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include <rte_arp.h>
#include <rte_cycles.h>
#include <rte_mbuf.h>

#include "base/assert.h"
#include "base/ring.h"
#include "engine/arp.h"
#include "engine/inject.h"

#define REQUEST_TRIES   3
#define REQUEST_SECONDS 0.5
#define POLL_BURST      64u /* packets that one call handles */
#define POLL_MICRO      1000

/* ---- send ---- */

static uint16_t arp_ethernet_write(const struct gremc_engine *engine, uint32_t port, struct rte_mbuf *packet,
				   const struct rte_ether_addr *target, const struct rte_ether_addr *sender)
{
	uint16_t vlan = engine->config->ports[port].vlan,
		 length = RTE_ETHER_HDR_LEN + (vlan ? RTE_VLAN_HLEN : 0);
	struct rte_ether_hdr *ether = rte_pktmbuf_mtod(packet, struct rte_ether_hdr *);
	rte_be16_t tag[2] = {rte_cpu_to_be_16(vlan), RTE_BE16(RTE_ETHER_TYPE_ARP)};

	rte_ether_addr_copy(target, &ether->dst_addr);
	rte_ether_addr_copy(sender, &ether->src_addr);
	ether->ether_type = vlan ? RTE_BE16(RTE_ETHER_TYPE_VLAN) : RTE_BE16(RTE_ETHER_TYPE_ARP);
	if (vlan)
		memcpy(ether + 1, tag, sizeof(tag));
	return length;
}

static int arp_packet_send(struct gremc_engine *engine, uint32_t port, uint16_t opcode,
			   const struct rte_arp_ipv4 *data, const struct rte_ether_addr *target)
{
	struct rte_mbuf *packet = gremc_engine_mbuf_alloc(engine);
	struct rte_arp_hdr *arp;
	uint16_t l2;

	if (packet == NULL)
		return -ENOBUFS;
	l2 = arp_ethernet_write(engine, port, packet, target, &data->arp_sha);
	arp = rte_pktmbuf_mtod_offset(packet, struct rte_arp_hdr *, l2);
	*arp = (struct rte_arp_hdr){
		.arp_hardware = RTE_BE16(RTE_ARP_HRD_ETHER),
		.arp_protocol = RTE_BE16(RTE_ETHER_TYPE_IPV4),
		.arp_hlen = RTE_ETHER_ADDR_LEN,
		.arp_plen = sizeof(rte_be32_t),
		.arp_opcode = rte_cpu_to_be_16(opcode),
		.arp_data = *data,
	};
	packet->data_len = RTE_MAX(l2 + sizeof(*arp), RTE_ETHER_MIN_LEN - RTE_ETHER_CRC_LEN);
	packet->pkt_len = packet->data_len;
	memset(rte_pktmbuf_mtod_offset(packet, uint8_t *, l2 + sizeof(*arp)), 0,
	       packet->data_len - l2 - sizeof(*arp));
	return gremc_engine_inject(engine, port, packet);
}

/* Send an ARP request for the forwarder's address, as from a site of the port. */
static void arp_request_send(struct gremc_engine *engine, uint32_t port)
{
	static const struct rte_ether_addr broadcast = {.addr_bytes = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff}};
	const struct gremc_config_port *config = &engine->config->ports[port];
	struct rte_arp_ipv4 request = {
		.arp_sha = engine->ports->port[engine->tx_port[port]]->mac,
		.arp_tip = gremc_addr_to_ipv4(&config->addresses[0].address),
	};

	if (config->neighbor_count) {
		request.arp_sip = gremc_addr_to_ipv4(&config->neighbors[0].address);
		request.arp_sha = config->neighbors[0].mac;
	} else if (config->route_count) {
		request.arp_sip = gremc_addr_to_ipv4(&config->routes[0].via);
	}
	arp_packet_send(engine, port, RTE_ARP_OP_REQUEST, &request, &broadcast);
}

/* ---- receive ---- */

/* Returns: whether a site on this port has the address: any address of its subnets except the forwarder's. */
static bool arp_address_is_played(const struct gremc_config_port *port, rte_be32_t address)
{
	const struct gremc_addr addr = gremc_addr_from_ipv4(address);
	bool on_link = false;

	for (uint32_t i = 0; i < port->address_count; i++) {
		const struct gremc_prefix network = gremc_config_network_of(&port->addresses[i]);

		if (gremc_addr_is_equal(&port->addresses[i].address, &addr))
			return false;
		on_link |= gremc_prefix_covers(&network, &addr);
	}
	return on_link;
}

static void arp_forwarder_learn(struct gremc_engine *engine, uint32_t port, const struct rte_arp_ipv4 *data)
{
	const struct gremc_config_port *config = &engine->config->ports[port];
	struct gremc_port_map *map = &engine->options.map[port];

	for (uint32_t i = 0; i < config->address_count; i++)
		if (gremc_addr_to_ipv4(&config->addresses[i].address) == data->arp_sip && !map->has_mac) {
			map->forwarder = data->arp_sha;
			map->has_mac = true;
		}
}

static void arp_message_handle(struct gremc_engine *engine, uint32_t port, const struct rte_arp_hdr *arp)
{
	const struct gremc_config_port *config = &engine->config->ports[port];
	const struct rte_ether_addr *mac;
	struct rte_arp_ipv4 reply;

	arp_forwarder_learn(engine, port, &arp->arp_data);
	if (arp->arp_opcode != RTE_BE16(RTE_ARP_OP_REQUEST) ||
	    !arp_address_is_played(config, arp->arp_data.arp_tip))
		return;
	mac = gremc_config_neighbor_find(config, arp->arp_data.arp_tip);
	reply = (struct rte_arp_ipv4){
		.arp_sha = mac ? *mac : engine->ports->port[engine->tx_port[port]]->mac,
		.arp_sip = arp->arp_data.arp_tip,
		.arp_tha = arp->arp_data.arp_sha,
		.arp_tip = arp->arp_data.arp_sip,
	};
	engine->arp_answered +=
		arp_packet_send(engine, port, RTE_ARP_OP_REPLY, &reply, &arp->arp_data.arp_sha) == 0;
}

static void arp_frame_handle(struct gremc_engine *engine, struct rte_mbuf *packet)
{
	const struct rte_ether_hdr *ether = rte_pktmbuf_mtod(packet, const struct rte_ether_hdr *);
	uint16_t l2 = sizeof(*ether);
	rte_be16_t type = ether->ether_type;

	if (type == RTE_BE16(RTE_ETHER_TYPE_VLAN)) {
		memcpy(&type, rte_pktmbuf_mtod_offset(packet, const uint8_t *, l2 + 2), sizeof(type));
		l2 += RTE_VLAN_HLEN;
	}
	if (type == RTE_BE16(RTE_ETHER_TYPE_ARP) && packet->data_len >= l2 + sizeof(struct rte_arp_hdr))
		arp_message_handle(engine, packet->port,
				   rte_pktmbuf_mtod_offset(packet, const struct rte_arp_hdr *, l2));
	rte_pktmbuf_free(packet);
}

void gremc_engine_arp_poll(struct gremc_engine *engine)
{
	struct rte_mbuf *packet;

	gremc_assert_control_thread();
	for (unsigned i = 0; i < POLL_BURST && gremc_ring_dequeue(engine->arp, &packet, 1) == 1; i++)
		arp_frame_handle(engine, packet);
}

/* ---- resolve ---- */

static int port_mac_resolve(struct gremc_engine *engine, uint32_t port, struct gremc_errors *errors)
{
	const struct gremc_config_port *config = &engine->config->ports[port];
	const struct gremc_port_map *map = &engine->options.map[port];
	char text[GREMC_ADDR_TEXT];

	if (map->has_mac)
		return 0;
	for (int i = 0; config->address_count && i < REQUEST_TRIES; i++) {
		uint64_t end = rte_rdtsc() + (uint64_t)(REQUEST_SECONDS * (double)engine->hz);

		arp_request_send(engine, port);
		while (!map->has_mac && rte_rdtsc() < end) {
			gremc_engine_arp_poll(engine);
			usleep(POLL_MICRO);
		}
		if (map->has_mac)
			return 0;
	}
	gremc_errors_add(
		errors, NULL, 0, 0,
		"the forwarder does not answer ARP for %s (port %s): give its MAC address by --dut-mac %s=MAC",
		config->address_count ? gremc_addr_format(text, &config->addresses[0].address)
				      : "its address",
		config->name, config->name);
	return -1;
}

/* Packets from a LAN have the group's MAC address, so only a port with tunnels needs the forwarder's. */
static bool port_has_tunnels(const struct gremc_config *config, uint32_t port)
{
	for (uint32_t i = 0; i < config->tunnel_count; i++)
		if (config->tunnels[i].port == port)
			return true;
	return false;
}

int gremc_engine_macs_resolve(struct gremc_engine *engine, struct gremc_errors *errors)
{
	int rc = 0;

	for (uint32_t i = 0; i < engine->config->port_count; i++)
		if (port_has_tunnels(engine->config, i) && engine->tx_port[i] != GREMC_CONFIG_NONE)
			rc |= port_mac_resolve(engine, i, errors);
	return rc;
}
