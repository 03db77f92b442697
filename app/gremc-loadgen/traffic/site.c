/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdlib.h>

#include <rte_ether.h>
#include <rte_ip.h>

#include "traffic/site.h"
#include "traffic/stamp.h"

/* RFC 2544, C.2.2: addresses for benchmarks. Sources that no mroute names are in this network. */
#define BENCHMARK_NET  0xc6120000u /* 198.18.0.0/15 */
#define DEFAULT_MTU    1500u
#define GRE_LENGTH     4u
#define GRE_KEY_LENGTH 4u

static uint16_t tunnel_overhead(bool has_key)
{
	return sizeof(struct rte_ipv4_hdr) + GRE_LENGTH + (has_key ? GRE_KEY_LENGTH : 0);
}

static void site_tunnel_init(struct gremc_site *site, const struct gremc_config *config, uint32_t number)
{
	const struct gremc_config_tunnel *tunnel = &config->tunnels[number];
	const struct gremc_config_port *port = &config->ports[tunnel->port];
	uint16_t overhead = gremc_tunnel_overhead(&tunnel->options);

	*site = (struct gremc_site){
		.name = tunnel->name,
		.used = true,
		.has_in = tunnel->options.has_input_key,
		.has_out = tunnel->options.has_output_key,
		.in_key = tunnel->options.has_input_key ? tunnel->options.input_key : 0,
		.out_key = tunnel->options.has_output_key ? tunnel->options.output_key : 0,
		.site = tunnel->options.remote,
		.forwarder = tunnel->options.local,
		.inner = gremc_addr_to_ipv4(&tunnel->peer),
		.port = tunnel->port,
		.vlan = port->vlan,
		.mtu = port->mtu ? port->mtu - overhead : 0,
	};
	if (tunnel->options.mtu && (site->mtu == 0 || tunnel->options.mtu < site->mtu))
		site->mtu = tunnel->options.mtu;
}

static void site_lan_init(struct gremc_site *site, const struct gremc_config *config, uint32_t number)
{
	*site = (struct gremc_site){
		.name = config->ports[number].name,
		.native = true,
		.used = config->ports[number].multicast,
		.port = number,
		.vlan = config->ports[number].vlan,
		.mtu = config->ports[number].mtu,
	};
}

struct gremc_site *gremc_sites_create(const struct gremc_config *config, uint32_t *count)
{
	uint32_t tunnels = config->tunnel_count;
	struct gremc_site *site;

	*count = tunnels + config->port_count;
	site = calloc(*count + 1, sizeof(*site));
	if (site == NULL)
		return NULL;
	for (uint32_t i = 0; i < tunnels; i++)
		site_tunnel_init(&site[i], config, i);
	for (uint32_t i = 0; i < config->port_count; i++)
		site_lan_init(&site[tunnels + i], config, i);
	for (uint32_t i = 0; i < *count; i++)
		if (site[i].inner == 0)
			site[i].inner = rte_cpu_to_be_32(BENCHMARK_NET + 1 + i);
	return site;
}

uint16_t gremc_site_tx_overhead(const struct gremc_site *site)
{
	uint16_t l2 = RTE_ETHER_HDR_LEN + (site->vlan ? RTE_VLAN_HLEN : 0);

	return site->native ? l2 : l2 + tunnel_overhead(site->has_in);
}

uint16_t gremc_size_inner_length(const struct gremc_site *site, struct gremc_packet_size size)
{
	uint16_t around = size.outer ? gremc_site_tx_overhead(site) + RTE_ETHER_CRC_LEN : 0;

	return size.bytes >= around + GREMC_INNER_MIN ? size.bytes - around : 0;
}

uint16_t gremc_site_inner_max(const struct gremc_site *site)
{
	if (site->mtu)
		return site->mtu;
	return site->native ? DEFAULT_MTU : DEFAULT_MTU - tunnel_overhead(site->has_out);
}
