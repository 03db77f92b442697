/* SPDX-License-Identifier: BSD-3-Clause */
/* The settings of each device, derived from its capabilities. */
#include <errno.h>
#include <net/if.h>
#include <string.h>

#include <rte_malloc.h>

#include "port/port_priv.h"

/* Combine the traits of the lower devices' drivers: a bond copies when all members do. */
static void port_traits_read(struct gremc_port_state *state, struct gremc_port *port)
{
	struct rte_eth_dev_info info = {0};

	state->copies = true;
	port->rejects_without_link = true;
	for (uint16_t i = 0; i < state->lower_count; i++) {
		const struct gremc_driver_trait *trait = rte_eth_dev_info_get(state->lower_id[i], &info)
								 ? NULL
								 : gremc_driver_trait(info.driver_name);

		state->copies &= trait && trait->copies;
		port->rejects_without_link &= trait && trait->rejects_without_link;
		state->fixed_queues |= trait && trait->fixed_queues;
		state->on_netdev |= trait && trait->on_netdev;
		state->paired |= trait && trait->paired;
		state->umem |= trait && trait->umem;
		state->is_vf |= info.driver_name && strstr(info.driver_name, "vf");
	}
}

static void port_offloads_set(struct gremc_port_state *state, struct gremc_port *port)
{
	const struct rte_eth_dev_info *info = &state->info;
	uint16_t segments = info->tx_desc_lim.nb_mtu_seg_max;

	/* MBUF_FAST_FREE stays off: replicas share payloads, and these come from several pools. */
	port->multi_seg = info->tx_offload_capa & RTE_ETH_TX_OFFLOAD_MULTI_SEGS;
	port->max_segments = segments == UINT16_MAX ? 0 : segments;
}

/* Use the innermost headers: between two sites the outer addresses are constant, so outer RSS sends all
 * packets to one queue. */
static void port_rss_set(struct gremc_port_state *state, const struct gremc_port *port)
{
	const uint64_t headers = RTE_ETH_RSS_IP | RTE_ETH_RSS_UDP;
	uint64_t functions = (headers | RTE_ETH_RSS_LEVEL_INNERMOST) & state->info.flow_type_rss_offloads;

	if (port->rx_queues < 2)
		return;
	if ((functions & headers) == 0) {
		GREMC_LOG(
			INFO,
			"port %s: no RSS on `%s`: the device distributes packets over its %u RX queues by its own rule",
			port->name, port->device, port->rx_queues);
		return;
	}
	state->conf.rxmode.mq_mode = RTE_ETH_MQ_RX_RSS;
	state->conf.rx_adv_conf.rss_conf.rss_hf = functions;
	state->rss_outer = (functions & RTE_ETH_RSS_LEVEL_MASK) == 0;
}

/* A virtual function needs a filter entry for the port's VLAN. A physical function receives all VLANs without
 * a filter; on a port with `host` it has none, because the filter would drop VLANs of the kernel. */
static void port_vlan_set(struct gremc_port_state *state, const struct gremc_port *port)
{
	if (port->vlan == 0 || port->shared || (state->config->host && !state->is_vf))
		return;
	if (state->info.rx_offload_capa & RTE_ETH_RX_OFFLOAD_VLAN_FILTER)
		state->conf.rxmode.offloads |= RTE_ETH_RX_OFFLOAD_VLAN_FILTER;
	else if (state->is_vf)
		GREMC_LOG(
			INFO,
			"port %s: `%s` has no filter for VLAN %u; its physical function has to deliver the frames",
			port->name, port->device, port->vlan);
}

/* A bond handles the interrupts of its members and reports its own link without an interrupt. */
static void port_interrupts_set(struct gremc_port_state *state)
{
	uint32_t flags = state->info.dev_flags ? *state->info.dev_flags : 0;

	if (rte_eth_bond_mode_get(state->id) >= 0)
		return;
	state->conf.intr_conf.lsc = !!(flags & RTE_ETH_DEV_INTR_LSC);
	state->conf.intr_conf.rmv = !!(flags & RTE_ETH_DEV_INTR_RMV);
}

static int port_queues_set(struct gremc_port_set *set, struct gremc_port_state *state,
			   struct gremc_port *port)
{
	const struct rte_eth_dev_info *info = &state->info;
	const struct gremc_config_settings *settings = &set->config->settings;
	int ret;

	if (info->max_rx_queues == 0 || info->max_tx_queues == 0) {
		gremc_port_error(set, state, "`%s` has %u RX and %u TX queues; a port needs one of each",
				 port->device, info->max_rx_queues, info->max_tx_queues);
		return -ENODEV;
	}
	if (state->fixed_queues && info->max_rx_queues > GREMC_QUEUES_MAX) {
		gremc_port_error(set, state, "`%s` has %u RX queues; the maximum is %u", port->device,
				 info->max_rx_queues, GREMC_QUEUES_MAX);
		return -E2BIG;
	}
	port->rx_queues =
		gremc_port_queue_count(info->max_rx_queues, set->ports.worker_count, state->fixed_queues);
	port->tx_queues = gremc_port_queue_count(info->max_tx_queues, set->ports.worker_count, false);
	port->host_tx = gremc_port_has_host_path(set->config) &&
			port->tx_queues < (state->paired ? port->rx_queues : info->max_tx_queues);
	state->tx_configured = state->umem ? port->rx_queues : port->tx_queues + port->host_tx;
	port->rx_descriptors = settings->rx_descriptors;
	port->tx_descriptors = settings->tx_descriptors;
	if (state->umem) {
		port->rx_descriptors = rte_align32prevpow2(port->rx_descriptors);
		port->tx_descriptors = rte_align32prevpow2(port->tx_descriptors);
	}
	ret = rte_eth_dev_adjust_nb_rx_tx_desc(state->id, &port->rx_descriptors, &port->tx_descriptors);
	if (ret) {
		gremc_port_error(set, state, "`%s` accepts no number of descriptors near %u and %u: %s",
				 port->device, settings->rx_descriptors, settings->tx_descriptors,
				 rte_strerror(-ret));
		return ret;
	}
	if (port->rx_descriptors != settings->rx_descriptors)
		GREMC_LOG(WARNING, "port %s: the device has %u RX descriptors instead of %u", port->name,
			  port->rx_descriptors, settings->rx_descriptors);
	if (port->tx_descriptors != settings->tx_descriptors)
		GREMC_LOG(WARNING, "port %s: the device has %u TX descriptors instead of %u", port->name,
			  port->tx_descriptors, settings->tx_descriptors);
	return 0;
}

/* Allocate on the device's node, or on another one when that has no memory. */
static struct gremc_port *port_alloc(uint16_t id)
{
	struct gremc_port *port = rte_zmalloc_socket("gremc_port", sizeof(*port), RTE_CACHE_LINE_SIZE,
						     rte_eth_dev_socket_id(id));

	return port ? port : rte_zmalloc("gremc_port", sizeof(*port), RTE_CACHE_LINE_SIZE);
}

/* Find the interface that has the addresses, routes and neighbours of a shared port. A VLAN has an interface
 * of its own, with the customary name DEVICE.VLAN. */
static void port_interface_set(const struct gremc_port_state *state, struct gremc_port *port)
{
	const struct gremc_config_port *config = state->config;
	char device[IF_NAMESIZE], name[IF_NAMESIZE + 6];

	port->shared = config->interface[0] || config->isolate;
	gremc_text_copy(device, sizeof(device), config->interface);
	if (config->isolate && if_indextoname(state->info.if_index, device) == NULL)
		device[0] = '\0';
	if (config->vlan)
		snprintf(name, sizeof(name), "%s.%u", device, config->vlan);
	else
		gremc_text_copy(name, sizeof(name), device);
	/* the kernel has no interface with a longer name */
	if (device[0] && !gremc_text_copy(port->interface, sizeof(port->interface), name))
		port->interface[0] = '\0';
}

static int port_settings_derive(struct gremc_port_set *set, uint16_t index)
{
	struct gremc_port_state *state = &set->state[index];
	const struct gremc_config_port *config = state->config;
	struct gremc_port *port = port_alloc(state->id);
	int ret;

	set->ports.port[index] = port;
	ret = port ? rte_eth_dev_info_get(state->id, &state->info) : -ENOMEM;
	if (ret) {
		gremc_port_error(set, state,
				 "cannot read the capabilities of the device, or out of memory: %s",
				 rte_strerror(-ret));
		return ret;
	}
	port->id = state->id;
	port->index = index;
	gremc_text_copy(port->name, sizeof(port->name), config->name);
	if (rte_eth_dev_get_name_by_port(state->id, port->device))
		gremc_text_copy(port->device, sizeof(port->device), config->device);
	port->vlan = config->vlan;
	port->multicast = config->multicast;
	port->socket = rte_eth_dev_socket_id(state->id);
	/* the driver sends LACP frames inside of bursts, also for a bond that the EAL made */
	port->keep_alive = rte_eth_bond_mode_get(state->id) == BONDING_MODE_8023AD;
	state->all_multicast = gremc_port_needs_groups(port, config);
	port_interface_set(state, port);
	port_traits_read(state, port);
	port_offloads_set(state, port);
	port_interrupts_set(state);
	port_vlan_set(state, port);
	ret = port_queues_set(set, state, port);
	if (ret)
		return ret;
	port_rss_set(state, port);
	return gremc_port_mtu_plan(set, index);
}

/* Returns whether a replica can be a chain of mbufs: headers before a shared payload, or a packet that was
 * received in several mbufs. */
static bool replicas_have_chains(const struct gremc_port_set *set)
{
	for (uint16_t i = 0; i < set->ports.count; i++) {
		const struct gremc_port_state *state = &set->state[i];

		if (set->ports.port[i] == NULL)
			continue;
		if (state->planned_mtu > set->config->settings.copy_threshold ||
		    state->conf.rxmode.offloads & RTE_ETH_RX_OFFLOAD_SCATTER)
			return true;
	}
	return false;
}

/* Enable MULTI_SEGS only where chains occur: many drivers have no vector transmit path with it. */
static void ports_segments_set(struct gremc_port_set *set)
{
	bool chains = replicas_have_chains(set);

	for (uint16_t i = 0; i < set->ports.count; i++) {
		struct gremc_port *port = set->ports.port[i];

		if (port == NULL || !port->multi_seg)
			continue;
		port->copies = !chains;
		port->multi_seg = chains;
		if (chains)
			set->state[i].conf.txmode.offloads |= RTE_ETH_TX_OFFLOAD_MULTI_SEGS;
		else
			GREMC_LOG(INFO, "port %s: every replica is a copy: `%s` transmits single segments",
				  port->name, port->device);
	}
}

int gremc_ports_settings_derive(struct gremc_port_set *set)
{
	int ret = 0, one;

	for (uint32_t i = 0; i < set->config->port_count; i++) {
		if (set->state[i].is_member)
			continue;
		one = port_settings_derive(set, i);
		ret = one ? one : ret;
	}
	if (ret == 0)
		ports_segments_set(set);
	return ret;
}
