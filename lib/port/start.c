/* SPDX-License-Identifier: BSD-3-Clause */
/* Configure the devices, set up their queues, start and stop them. */
#include <errno.h>

#include <rte_ethdev.h>

#include "port/steer_priv.h"

/* Many drivers return -1 for anything, which is no errno. */
static const char *driver_error_text(int ret)
{
	return ret == -1 ? "its driver has logged why" : rte_strerror(-ret);
}

/* ---- configure ---- */

static int device_configure(struct gremc_port_set *set, uint16_t index)
{
	struct gremc_port_state *state = &set->state[index];
	struct gremc_port *port = set->ports.port[index];
	int ret;

	state->touched = true;
	ret = state->config->isolate ? gremc_flow_rules_isolate(set, state) : 0;
	if (ret)
		return ret;
	ret = rte_eth_dev_configure(state->id, port->rx_queues, state->tx_configured, &state->conf);
	/* Some drivers want as many queues in both directions. */
	if (ret && port->host_tx && !state->umem) {
		port->host_tx = false;
		state->tx_configured--;
		ret = rte_eth_dev_configure(state->id, port->rx_queues, state->tx_configured, &state->conf);
	}
	if (ret) {
		gremc_port_error(set, state, "`%s` refuses %u RX and %u TX queues with mtu %u: %s",
				 port->device, port->rx_queues, state->tx_configured, state->planned_mtu,
				 driver_error_text(ret));
		return ret;
	}
	/* Members of a bond get their MTU when the bond starts them, interfaces of the kernel after the
	 * start. */
	if (state->kernel || rte_eth_bond_mode_get(state->id) >= 0)
		return 0;
	ret = rte_eth_dev_set_mtu(state->id, state->conf.rxmode.mtu);
	if (ret && ret != -ENOTSUP) {
		gremc_port_error(set, state, "`%s` does not take mtu %u (%u to %u): %s", port->device,
				 state->planned_mtu, state->info.min_mtu, gremc_port_mtu_max(&state->info),
				 driver_error_text(ret));
		return ret;
	}
	return 0;
}

int gremc_ports_devices_configure(struct gremc_port_set *set)
{
	int ret = 0, one;

	for (uint16_t i = 0; i < set->ports.count; i++) {
		if (set->ports.port[i] == NULL)
			continue;
		one = device_configure(set, i);
		ret = one ? one : ret;
		if (one == 0 && gremc_port_has_host_path(set->config))
			gremc_port_host_tx_report(&set->ports, set->ports.port[i]);
	}
	return ret;
}

/* ---- queues ---- */

uint32_t gremc_port_rx_capacity_next(uint32_t room)
{
	static const uint32_t rooms[] = {2048, 4096, 10240, 17408, 33792, GREMC_PORT_RX_CAPACITY_MAX};

	for (unsigned i = 0; i < RTE_DIM(rooms); i++)
		if (rooms[i] > room)
			return rooms[i];
	return 0;
}

/* Some drivers take powers of two only and say so by -EINVAL alone. Returns whether there is one to try. */
static bool descriptors_round(const struct gremc_port *port, const struct rte_eth_desc_lim *limits,
			      uint16_t *descriptors, const char *direction)
{
	uint32_t round = rte_align32pow2(*descriptors);

	if (limits->nb_max && round > limits->nb_max)
		round = rte_align32prevpow2(*descriptors);
	if (round == *descriptors || round > UINT16_MAX || round < limits->nb_min)
		return false;
	GREMC_LOG(WARNING, "port %s: `%s` refuses %u %s descriptors, trying %u", port->name, port->device,
		  *descriptors, direction, round);
	*descriptors = round;
	return true;
}

/* Can the refusal be about mbufs that are smaller than a frame of the driver's, of a size that it does not
 * tell? -ENOMEM is, when there were enough of them; -EINVAL means many things, and can only mean this when
 * frames are scattered over several. */
static bool error_is_about_capacity(const struct gremc_port_state *state, const struct rte_mempool *pool,
				    int ret)
{
	if (state->umem)
		return false;
	if (ret == -ENOMEM)
		return rte_mempool_avail_count(pool) > 0;
	return ret == -ENOSPC || (ret == -EINVAL && state->conf.rxmode.offloads & RTE_ETH_RX_OFFLOAD_SCATTER);
}

static int rx_queue_setup(struct gremc_port_set *set, struct gremc_port_state *state, struct gremc_port *port,
			  uint16_t queue)
{
	struct rte_eth_rxconf conf = state->info.default_rxconf;
	uint32_t room = gremc_port_rx_capacity_next(state->room);
	int ret;

	conf.offloads = state->conf.rxmode.offloads;
	ret = rte_eth_rx_queue_setup(state->id, queue, port->rx_descriptors,
				     gremc_port_node(port, &set->ports.worker[port->rx_worker[queue]]), &conf,
				     port->rx_pool[queue]);
	if (ret == 0)
		return 0;
	if (queue == 0 && ret == -EINVAL &&
	    descriptors_round(port, &state->info.rx_desc_lim, &port->rx_descriptors, "RX"))
		return -EAGAIN;
	if (queue == 0 && room && error_is_about_capacity(state, port->rx_pool[queue], ret)) {
		GREMC_LOG(INFO, "port %s: `%s` refuses mbufs of %u bytes, trying %u", port->name,
			  port->device, state->room, room);
		state->room = room;
		return -EAGAIN;
	}
	/* net_af_xdp has one errno for all */
	gremc_port_error(set, state, "RX queue %u of `%s` cannot be set up: %s", queue, port->device,
			 driver_error_text(state->umem ? -1 : ret));
	return ret;
}

static int device_queues_setup(struct gremc_port_set *set, uint16_t index)
{
	struct gremc_port_state *state = &set->state[index];
	struct gremc_port *port = set->ports.port[index];
	struct rte_eth_txconf conf = state->info.default_txconf;
	int ret;

	for (uint16_t q = 0; q < port->rx_queues; q++) {
		ret = rx_queue_setup(set, state, port, q);
		if (ret)
			return ret;
	}
	conf.offloads = state->conf.txmode.offloads;
	for (uint16_t q = 0; q < state->tx_configured; q++) {
		uint16_t owner = q < port->tx_queues ? port->tx_worker[q] : 0;

		ret = rte_eth_tx_queue_setup(state->id, q, port->tx_descriptors,
					     gremc_port_node(port, &set->ports.worker[owner]), &conf);
		if (ret == 0)
			continue;
		if (q == 0 && ret == -EINVAL &&
		    descriptors_round(port, &state->info.tx_desc_lim, &port->tx_descriptors, "TX"))
			return -EAGAIN;
		gremc_port_error(set, state, "TX queue %u of `%s` cannot be set up: %s", q, port->device,
				 driver_error_text(ret));
		return ret;
	}
	return 0;
}

int gremc_ports_queues_setup(struct gremc_port_set *set)
{
	int ret;

	for (uint16_t i = 0; i < set->ports.count; i++) {
		if (set->ports.port[i] == NULL)
			continue;
		ret = device_queues_setup(set, i);
		if (ret)
			return ret;
	}
	return 0;
}

/* ---- start and stop ---- */

/* LACP is multicast, and without it a bond in mode 802.3ad drops broadcast, too. */
bool gremc_port_needs_groups(const struct gremc_port *port, const struct gremc_config_port *config)
{
	return config->multicast || config->host || config->igmp || port->keep_alive;
}

/* Groups that nobody joined on the port have to come in, too. What the kernel keeps is not ours to open. */
static void device_groups_open(struct gremc_port_state *state, const struct gremc_port *port, uint16_t id)
{
	int ret = rte_eth_allmulticast_enable(id);

	if (ret == 0)
		return;
	ret = rte_eth_promiscuous_enable(id);
	state->promiscuous = ret == 0;
	if (ret && ret != -ENOTSUP)
		GREMC_LOG(
			WARNING,
			"port %s: neither allmulticast nor promiscuous mode on `%s` (%s): multicast may not come in",
			port->name, port->device, rte_strerror(-ret));
}

static void device_groups_close(struct gremc_port_state *state)
{
	if (state->promiscuous)
		rte_eth_promiscuous_disable(state->id);
	else
		rte_eth_allmulticast_disable(state->id);
	state->promiscuous = false;
}

/* No VLAN is shut out any more. Returns 0 or a negative errno. */
static int vlan_filter_disable(struct gremc_port_state *state)
{
	int offload = rte_eth_dev_get_vlan_offload(state->id);
	int ret = offload < 0
			  ? offload
			  : rte_eth_dev_set_vlan_offload(state->id, offload & ~RTE_ETH_VLAN_FILTER_OFFLOAD);

	if (ret == 0)
		state->conf.rxmode.offloads &= ~RTE_ETH_RX_OFFLOAD_VLAN_FILTER;
	return ret;
}

/* A filter that cannot be set is harmless where filtering can be switched off instead, but for a virtual
 * function, whose physical one filters. */
static void vlan_filter_add(struct gremc_port_state *state, const struct gremc_port *port)
{
	int ret, all;

	if (!(state->conf.rxmode.offloads & RTE_ETH_RX_OFFLOAD_VLAN_FILTER))
		return;
	ret = rte_eth_dev_vlan_filter(state->id, port->vlan, 1);
	if (ret == 0)
		return;
	all = vlan_filter_disable(state);
	if (all || state->is_vf)
		GREMC_LOG(WARNING, "port %s: `%s` does not let VLAN %u in (%s): its frames may not come",
			  port->name, port->device, port->vlan, driver_error_text(ret));
	else
		GREMC_LOG(INFO, "port %s: `%s` has no filter for VLAN %u (%s): it lets all VLANs in",
			  port->name, port->device, port->vlan, driver_error_text(ret));
}

void gremc_port_groups_open(struct gremc_port_state *state, const struct gremc_port *port, uint16_t id)
{
	if (!port->shared && state->all_multicast)
		device_groups_open(state, port, id);
}

void gremc_port_filters_open(struct gremc_port_state *state, const struct gremc_port *port)
{
	gremc_port_groups_open(state, port, state->id);
	if (!port->shared)
		vlan_filter_add(state, port);
}

void gremc_ports_filters_change(struct gremc_ports *ports, const struct gremc_config *config)
{
	struct gremc_port_set *set = (struct gremc_port_set *)ports;

	pthread_mutex_lock(&ports->devices);
	for (uint16_t i = 0; i < ports->count; i++) {
		struct gremc_port_state *state = &set->state[i];
		const struct gremc_port *port = ports->port[i];
		bool all;

		if (port == NULL || port->shared)
			continue;
		all = gremc_port_needs_groups(port, &config->ports[i]);
		if (all && !state->all_multicast)
			device_groups_open(state, port, state->id);
		else if (!all && state->all_multicast)
			device_groups_close(state);
		state->all_multicast = all;
		if (config->ports[i].host && !state->is_vf &&
		    state->conf.rxmode.offloads & RTE_ETH_RX_OFFLOAD_VLAN_FILTER)
			vlan_filter_disable(state); /* the others are the kernel's now */
	}
	pthread_mutex_unlock(&ports->devices);
}

static int device_start(struct gremc_port_set *set, uint16_t index)
{
	struct gremc_port_state *state = &set->state[index];
	struct gremc_port *port = set->ports.port[index];
	int ret = rte_eth_dev_start(state->id);

	if (ret) {
		gremc_port_error(set, state, "`%s` does not start: %s", port->device, driver_error_text(ret));
		return ret;
	}
	state->started = true;
	gremc_port_filters_open(state, port);
	gremc_port_inner_rss_create(state, port);
	if (state->xdp) {
		ret = gremc_xdp_attach(set, state);
		if (ret)
			return ret;
	}
	ret = gremc_port_mtu_apply(set, index);
	if (ret)
		return ret;
	ret = rte_eth_macaddr_get(state->id, &port->mac);
	if (ret) {
		gremc_port_error(set, state, "`%s` has no MAC address: %s", port->device,
				 driver_error_text(ret));
		return ret;
	}
	gremc_port_link_init(state, port);
	return 0;
}

int gremc_ports_devices_start(struct gremc_port_set *set)
{
	int ret = 0, one;

	for (uint16_t i = 0; i < set->ports.count; i++) {
		if (set->ports.port[i] == NULL)
			continue;
		one = device_start(set, i);
		ret = one ? one : ret;
	}
	return ret;
}

#define DRAIN_MAXIMUM 65536u /* packets of a queue */

/* What software rings (net_ring) still hold is ours to free; a wire, which brings more all the time, is left
 * after some time. */
static void rx_queues_drain(const struct gremc_port *port)
{
	struct rte_mbuf *packet[32];
	uint32_t n, total;

	for (uint16_t q = 0; q < port->rx_queues; q++) {
		total = 0;
		do {
			n = rte_eth_rx_burst(port->id, q, packet, RTE_DIM(packet));
			rte_pktmbuf_free_bulk(packet, n);
			total += n;
		} while (n > 0 && total < DRAIN_MAXIMUM);
	}
}

void gremc_port_device_stop(struct gremc_port_set *set, uint16_t index)
{
	struct gremc_port_state *state = &set->state[index];

	if (state->started) {
		rx_queues_drain(set->ports.port[index]);
		if (state->promiscuous)
			rte_eth_promiscuous_disable(state->id);
	}
	gremc_port_device_halt(set, index);
}

void gremc_port_device_halt(struct gremc_port_set *set, uint16_t index)
{
	struct gremc_port_state *state = &set->state[index];
	const struct gremc_port *port = set->ports.port[index];
	int ret;

	gremc_flow_rules_destroy(state->flows);
	state->flows = NULL;
	gremc_port_inner_rss_destroy(state);
	if (!state->started)
		return;
	ret = rte_eth_dev_stop(state->id);
	if (ret)
		GREMC_LOG(ERR, "port %s: stopping `%s` failed: %s", port->name, port->device,
			  rte_strerror(-ret));
	state->started = false;
}

/* ---- restart ---- */

/* A device may come out of a reset with another address than the tunnels' frames leave with. */
static void device_mac_restore(const struct gremc_port_state *state, const struct rte_ether_addr *mac)
{
	struct rte_ether_addr now;

	if (rte_eth_macaddr_get(state->id, &now) == 0 && !rte_is_same_ether_addr(&now, mac))
		rte_eth_dev_default_mac_addr_set(state->id, (struct rte_ether_addr *)(uintptr_t)mac);
}

int gremc_port_device_restart(struct gremc_port_set *set, uint16_t index)
{
	struct gremc_port_state *state = &set->state[index];
	struct gremc_port *port = set->ports.port[index];
	const struct rte_ether_addr mac = port->mac;
	char text[RTE_ETHER_ADDR_FMT_SIZE];
	int ret = device_configure(set, index);

	if (ret == 0)
		ret = device_queues_setup(set, index);
	if (ret == 0)
		device_mac_restore(state, &mac);
	if (ret == 0)
		ret = device_start(set, index);
	if (ret == 0 && !rte_is_same_ether_addr(&port->mac, &mac)) {
		rte_ether_format_addr(text, sizeof(text), &port->mac);
		GREMC_LOG(
			WARNING,
			"port %s: `%s` has the MAC address %s now and does not take its old one; its frames "
			"leave with the old one until the program is started again",
			port->name, port->device, text);
		port->mac = mac;
	}
	return ret ? ret : gremc_port_steer_restore(state, port);
}
