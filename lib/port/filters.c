/* SPDX-License-Identifier: BSD-3-Clause */
/* Receive filters of devices: multicast groups and VLANs. The kernel sets those of a shared port. */
#include <errno.h>

#include "port/port_priv.h"

/* ---- multicast ---- */

/* LACP frames are multicast; without them a bond in mode 802.3ad receives no broadcast either. */
bool gremc_port_needs_groups(const struct gremc_port *port, const struct gremc_config_port *config)
{
	return config->multicast || config->host || config->igmp || port->keep_alive;
}

static void device_groups_open(struct gremc_port_state *state, const struct gremc_port *port, uint16_t id)
{
	int ret = rte_eth_allmulticast_enable(id);

	if (ret == 0)
		return;
	ret = rte_eth_promiscuous_enable(id);
	state->promiscuous = ret == 0;
	if (ret && ret != -ENOTSUP)
		GREMC_LOG(WARNING,
			  "port %s: `%s` has neither all-multicast nor promiscuous mode (%s): it may not "
			  "receive multicast",
			  port->name, port->device, rte_strerror(-ret));
}

static void device_groups_close(struct gremc_port_state *state, const struct gremc_port *port)
{
	int ret = state->promiscuous ? rte_eth_promiscuous_disable(state->id)
				     : rte_eth_allmulticast_disable(state->id);

	if (ret && ret != -ENOTSUP)
		GREMC_LOG(WARNING, "port %s: `%s` still receives all multicast (%s)", port->name,
			  port->device, rte_strerror(-ret));
	state->promiscuous = false;
}

void gremc_port_groups_open(struct gremc_port_state *state, const struct gremc_port *port, uint16_t id)
{
	if (!port->shared && state->all_multicast)
		device_groups_open(state, port, id);
}

/* ---- VLANs ---- */

/* Receive all VLANs. Returns 0 or a negative errno. */
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

/* Receive the port's VLAN. Without a filter entry the filter is disabled; that is sufficient unless the
 * device is a virtual function, whose physical function filters, too. */
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
		GREMC_LOG(WARNING,
			  "port %s: `%s` does not accept VLAN %u (%s): it may not receive its frames",
			  port->name, port->device, port->vlan, gremc_driver_error_text(ret));
	else
		GREMC_LOG(INFO, "port %s: `%s` has no filter for VLAN %u (%s): it receives all VLANs",
			  port->name, port->device, port->vlan, gremc_driver_error_text(ret));
}

/* ---- both ---- */

void gremc_port_filters_open(struct gremc_port_state *state, const struct gremc_port *port)
{
	gremc_port_groups_open(state, port, state->id);
	if (!port->shared)
		vlan_filter_add(state, port);
}

/* The VLANs of a port with `host` belong to interfaces of the kernel. */
static void port_vlans_open(struct gremc_port_state *state, const struct gremc_port *port)
{
	int ret;

	if (state->is_vf || !(state->conf.rxmode.offloads & RTE_ETH_RX_OFFLOAD_VLAN_FILTER))
		return;
	ret = vlan_filter_disable(state);
	if (ret)
		GREMC_LOG(WARNING, "port %s: the host may not receive other VLANs than %u: `%s`: %s",
			  port->name, port->vlan, port->device, rte_strerror(-ret));
}

void gremc_ports_filters_change(struct gremc_ports *ports, const struct gremc_config *config)
{
	struct gremc_port_set *set = gremc_port_set_of(ports);

	gremc_assert_control_thread();
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
			device_groups_close(state, port);
		state->all_multicast = all;
		if (config->ports[i].host)
			port_vlans_open(state, port);
	}
	pthread_mutex_unlock(&ports->devices);
}
