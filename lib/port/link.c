/* SPDX-License-Identifier: BSD-3-Clause */
/* The links of ports, as devices report them, or the kernel for its own interfaces. */
#include <string.h>

#include "port/port_priv.h"

static const char *const port_status_names[] = {
	[GREMC_PORT_UP] = "up",
	[GREMC_PORT_DOWN] = "down",
	[GREMC_PORT_RESETTING] = "resetting",
	[GREMC_PORT_FAILED] = "failed",
	[GREMC_PORT_REMOVED] = "removed",
};
static_assert(RTE_DIM(port_status_names) == GREMC_PORT_STATUSES, "each status has a name");

const char *gremc_port_status_name(enum gremc_port_status status)
{
	gremc_assert(status < GREMC_PORT_STATUSES);
	return port_status_names[status];
}

/* ---- reading links ---- */

/* Drivers with a socket on an interface of the kernel do not report its link reliably: read the carrier. */
static bool lower_is_up(uint16_t id)
{
	struct rte_eth_dev_info info;
	struct rte_eth_link link;

	if (rte_eth_dev_info_get(id, &info) == 0 && gremc_netdev_has_mtu(&info))
		return gremc_netdev_has_carrier(info.if_index);
	return rte_eth_link_get_nowait(id, &link) == 0 && link.link_status == RTE_ETH_LINK_UP;
}

/* A device that is not a member of its bond now has no link. */
static bool bond_member_is_up(const struct gremc_port_state *state, uint16_t member)
{
	return !state->lower[member].out && !state->lower[member].gone &&
	       lower_is_up(state->lower_id[member]);
}

bool gremc_port_link_get(const struct gremc_port_state *state, struct rte_eth_link *link)
{
	bool any = false;

	memset(link, 0, sizeof(*link));
	if (rte_eth_link_get_nowait(state->id, link))
		return false;
	/* net_af_packet reports a link that is always up (22.11), or IFF_RUNNING, which follows the carrier
	 * up to a second later (24.11) */
	if (state->on_netdev && !gremc_port_is_bond(state)) {
		link->link_status = lower_is_up(state->id) ? RTE_ETH_LINK_UP : RTE_ETH_LINK_DOWN;
		return link->link_status == RTE_ETH_LINK_UP;
	}
	if (link->link_status != RTE_ETH_LINK_UP)
		return false;
	/* a bond of DPDK 22.11 may keep its link when its last member has lost its own */
	if (!gremc_port_is_bond(state))
		return true;
	for (uint16_t i = 0; i < state->lower_count; i++)
		any |= bond_member_is_up(state, i);
	if (!any)
		link->link_status = RTE_ETH_LINK_DOWN;
	return any;
}

/* ---- logging ---- */

/* Each port and each member has a limit of its own, so that one link that flaps hides no other. */
static struct gremc_log_limit port_link_limits[GREMC_CONFIG_PORTS_MAX];
static struct gremc_log_limit member_link_limits[RTE_MAX_ETHPORTS];

/* Returns DPDK's text, such as "Link up at 10 Gbps FDX Autoneg". */
static const char *link_format(const struct rte_eth_link *link, char *text, size_t size)
{
	return rte_eth_link_to_str(text, size, link) > 0 ? text : link->link_status ? "link up" : "link down";
}

static void bond_members_update(struct gremc_port_state *state, const struct gremc_port *port)
{
	for (uint16_t i = 0; i < state->lower_count && gremc_port_is_bond(state); i++) {
		struct gremc_lower_device *lower = &state->lower[i];
		bool up = bond_member_is_up(state, i);

		if (up == lower->link_up)
			continue;
		lower->link_up = up;
		gremc_log_limited(&member_link_limits[state->lower_id[i]], RTE_LOG_NOTICE,
				  "port %s: the link of its member `%s` is %s", port->name, lower->name,
				  up ? "up" : "down");
	}
}

/* ---- status ---- */

static void port_link_set(struct gremc_port_state *state, struct gremc_port *port, bool up)
{
	state->link_up = up;
	gremc_int_store(&port->status, up ? GREMC_PORT_UP : GREMC_PORT_DOWN);
}

void gremc_port_link_init(struct gremc_port_state *state, struct gremc_port *port)
{
	struct rte_eth_link link;
	char text[RTE_ETH_LINK_MAX_STR_LEN];
	bool was_up = state->link_up, up = gremc_port_link_get(state, &link);

	gremc_assert_control_thread();
	if (was_up && !up) /* after a restart */
		gremc_counter_add(&port->link_changes, 1);
	for (uint16_t i = 0; i < state->lower_count; i++)
		state->lower[i].link_up = lower_is_up(state->lower_id[i]);
	GREMC_LOG(INFO, "port %s: `%s`: %s", port->name, port->device,
		  link_format(&link, text, sizeof(text)));
	port_link_set(state, port, up);
}

bool gremc_port_link_update(struct gremc_port_state *state, struct gremc_port *port)
{
	struct rte_eth_link link;
	char text[RTE_ETH_LINK_MAX_STR_LEN];
	bool up = gremc_port_link_get(state, &link);

	gremc_assert_control_thread();
	bond_members_update(state, port);
	if (up == state->link_up)
		return false;
	gremc_log_limited(&port_link_limits[port->index], RTE_LOG_NOTICE, "port %s: `%s`: %s", port->name,
			  port->device, link_format(&link, text, sizeof(text)));
	gremc_counter_add(&port->link_changes, 1);
	port_link_set(state, port, up);
	return true;
}
