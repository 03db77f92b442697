/* SPDX-License-Identifier: BSD-3-Clause */
/* The links of ports: what devices report, or the kernel of its own interfaces. */
#include <string.h>

#include "port/port_priv.h"

/* A link that flaps has this many lines in so many milliseconds; then what was left out is summed up. */
#define LOG_WINDOW 10000
#define LOG_LINES  6

#define TEXT_SIZE 256

static const char *const port_status_names[] = {
	[GREMC_PORT_UP] = "up",
	[GREMC_PORT_DOWN] = "down",
	[GREMC_PORT_RESETTING] = "resetting",
	[GREMC_PORT_FAILED] = "failed",
	[GREMC_PORT_REMOVED] = "removed",
};

const char *gremc_port_status_name(enum gremc_port_status status)
{
	return port_status_names[status];
}

/* ---- what there is ---- */

/* Drivers that use a socket on a kernel interface do not report its link reliably: read the carrier. */
static bool lower_is_up(uint16_t id)
{
	struct rte_eth_dev_info info;
	struct rte_eth_link link;

	if (rte_eth_dev_info_get(id, &info) == 0 && gremc_netdev_has_mtu(&info))
		return gremc_netdev_has_carrier(info.if_index);
	return rte_eth_link_get_nowait(id, &link) == 0 && link.link_status == RTE_ETH_LINK_UP;
}

/* A member that is out of the bond has no link. */
static bool bond_member_is_up(const struct gremc_port_state *state, uint16_t lower_id)
{
	return !state->lower[lower_id].out && !state->lower[lower_id].gone &&
	       lower_is_up(state->lower_id[lower_id]);
}

bool gremc_port_link_get(const struct gremc_port_state *state, struct rte_eth_link *link)
{
	bool any = false;

	memset(link, 0, sizeof(*link));
	if (rte_eth_link_get_nowait(state->id, link))
		return false;
	/* net_af_packet reports a link that is always up (22.11), or IFF_RUNNING, which follows the carrier
	 * up to a second later (24.11) */
	if (state->kernel && state->lower_id[0] == state->id) {
		link->link_status = lower_is_up(state->id) ? RTE_ETH_LINK_UP : RTE_ETH_LINK_DOWN;
		return link->link_status == RTE_ETH_LINK_UP;
	}
	if (link->link_status != RTE_ETH_LINK_UP)
		return false;
	/* a bond of DPDK 22.11 may keep its link when its last member has lost its own */
	if (state->lower_id[0] == state->id)
		return true;
	for (uint16_t i = 0; i < state->lower_count; i++)
		any |= bond_member_is_up(state, i);
	if (!any)
		link->link_status = RTE_ETH_LINK_DOWN;
	return any;
}

/* ---- saying it ---- */

/* May this change be logged? sum_up() comes before it. */
static bool link_log_allow(struct gremc_link_log *log, uint64_t now)
{
	if (now - log->since >= LOG_WINDOW)
		*log = (struct gremc_link_log){.since = now};
	if (log->lines < LOG_LINES) {
		log->lines++;
		return true;
	}
	log->silent++;
	return false;
}

/* The window is over: log what was left out of it. */
static void link_log_summarize(struct gremc_link_state *link, const char *name, uint64_t now)
{
	if (link->log.silent == 0 || now - link->log.since < LOG_WINDOW)
		return;
	GREMC_LOG(NOTICE, "port %s: its link changed %u more times and is %s", name, link->log.silent,
		  link->up ? "up" : "down");
	link->log = (struct gremc_link_log){.since = now};
}

/* DPDK's words, such as "Link up at 10 Gbps FDX Autoneg". */
static const char *link_format(const struct rte_eth_link *link, char *text, size_t size)
{
	return rte_eth_link_to_str(text, size, link) > 0 ? text : link->link_status ? "link up" : "link down";
}

static void bond_members_update(struct gremc_port_state *state, const struct gremc_port *port, uint64_t now)
{
	/* a port that is no bond has its own log line */
	for (uint16_t i = 0; i < state->lower_count && state->lower_id[0] != state->id; i++) {
		struct gremc_link_state *link = &state->lower_link[i];
		bool up = bond_member_is_up(state, i);

		link_log_summarize(link, port->name, now);
		if (up == link->up)
			continue;
		link->up = up;
		if (link_log_allow(&link->log, now))
			GREMC_LOG(NOTICE, "port %s: the link of its member `%s` is %s", port->name,
				  state->lower[i].name, up ? "up" : "down");
	}
}

/* ---- from one state to the next ---- */

void gremc_port_link_init(struct gremc_port_state *state, struct gremc_port *port)
{
	struct rte_eth_link link;
	char text[RTE_ETH_LINK_MAX_STR_LEN];

	const bool was_up = state->link.up;

	state->link.up = gremc_port_link_get(state, &link);
	if (was_up && !state->link.up) /* a device that has been set up again */
		__atomic_store_n(&port->link_changes, port->link_changes + 1, __ATOMIC_RELAXED);
	for (uint16_t i = 0; i < state->lower_count; i++)
		state->lower_link[i].up = lower_is_up(state->lower_id[i]);
	GREMC_LOG(INFO, "port %s: `%s`: %s", port->name, port->device,
		  link_format(&link, text, sizeof(text)));
	__atomic_store_n(&port->status, state->link.up ? GREMC_PORT_UP : GREMC_PORT_DOWN, __ATOMIC_RELAXED);
}

bool gremc_port_link_update(struct gremc_port_state *state, struct gremc_port *port, uint64_t now)
{
	struct rte_eth_link link;
	char text[RTE_ETH_LINK_MAX_STR_LEN];
	bool up = gremc_port_link_get(state, &link);

	bond_members_update(state, port, now);
	link_log_summarize(&state->link, port->name, now);
	if (up == state->link.up)
		return false;
	state->link.up = up;
	if (link_log_allow(&state->link.log, now))
		GREMC_LOG(NOTICE, "port %s: `%s`: %s", port->name, port->device,
			  link_format(&link, text, sizeof(text)));
	__atomic_store_n(&port->link_changes, port->link_changes + 1, __ATOMIC_RELAXED);
	__atomic_store_n(&port->status, up ? GREMC_PORT_UP : GREMC_PORT_DOWN, __ATOMIC_RELAXED);
	return true;
}
