/* SPDX-License-Identifier: BSD-3-Clause */
/* The kernel's routes to the tunnels' remote addresses. A change of a route is looked up in passes over the
 * bindings, which run in slices so that the control loop still serves packets. */
#include <string.h>

#include "nexthop/nexthop_priv.h"

/* The next hop of a tunnel without a route: an address that is never resolved. */
static const struct gremc_addr no_route = GREMC_ADDR_IPV4(RTE_BE32(0xffffffff));

static uint16_t port_by_ifindex(const struct gremc_nexthops *nexthops, unsigned ifindex)
{
	for (uint16_t i = 0; i < RTE_DIM(nexthops->port); i++)
		if (ifindex && nexthops->port[i].ifindex == ifindex)
			return i;
	return GREMC_PORT_NONE;
}

/* Look up the route from `local` to `remote`. A next hop without a gateway is the remote address itself.
 * Returns: the port that the route uses; GREMC_PORT_NONE: none of the ports. next_hop->ifindex is 0 if the
 *          kernel has no route. */
static uint16_t route_port_lookup(const struct gremc_nexthops *nexthops, uint16_t tunnel_port,
				  const struct gremc_addr *local, const struct gremc_addr *remote,
				  struct gremc_kernel_next_hop *next_hop)
{
	if (gremc_route_lookup(nexthops->context.netlink, remote, local, nexthops->port[tunnel_port].vrf,
			       next_hop))
		next_hop->ifindex = 0;
	if (!gremc_addr_is_set(&next_hop->via))
		next_hop->via = *remote;
	return port_by_ifindex(nexthops, next_hop->ifindex);
}

/* ---- one tunnel ---- */

static void binding_adjacency_set(const struct gremc_nexthops *nexthops,
				  const struct gremc_nexthop_binding *binding, uint16_t port,
				  const struct gremc_addr *address)
{
	struct gremc_vifs *vifs = nexthops->context.vifs;
	uint32_t adjacency;

	if (gremc_nexthop_adjacency_get(nexthops, port, address, &adjacency))
		GREMC_LOG_LIMITED(ERR, "out of memory: a tunnel keeps its old next hop");
	else if (adjacency == gremc_vif_adjacency(vifs, binding->vif))
		gremc_adjacency_release(vifs, adjacency);
	else
		gremc_tunnel_reroute(vifs, binding->vif, adjacency);
}

/* The MAC address of a next hop as the configuration or the kernel has it at present; NULL: unknown. */
static const struct rte_ether_addr *next_hop_mac(const struct gremc_nexthops *nexthops,
						 const struct gremc_config_port *port,
						 const struct gremc_kernel_next_hop *next_hop,
						 struct gremc_neighbor *entry)
{
	const struct rte_ether_addr *mac = NULL;

	if (next_hop->via.family == GREMC_FAMILY_IPV4)
		mac = gremc_config_neighbor_find(port, gremc_addr_to_ipv4(&next_hop->via));
	if (mac)
		return mac;
	/* after an error the entry's state is NUD_NONE */
	(void)gremc_neighbor_get(nexthops->context.netlink, next_hop->ifindex, &next_hop->via, entry);
	return entry->state & GREMC_NUD_VALID ? &entry->mac : NULL;
}

int gremc_nexthops_tunnel_adjacency(struct gremc_nexthops *nexthops, const struct gremc_config *config,
				    const struct gremc_config_tunnel *tunnel, uint32_t *adjacency)
{
	struct gremc_vifs *vifs = nexthops->context.vifs;
	const struct gremc_addr local = gremc_addr_from_ipv4(tunnel->options.local);
	const struct gremc_addr remote = gremc_addr_from_ipv4(tunnel->options.remote);
	const struct rte_ether_addr *mac;
	struct gremc_kernel_next_hop next_hop;
	struct gremc_neighbor entry;
	uint16_t port = route_port_lookup(nexthops, tunnel->port, &local, &remote, &next_hop);
	int rc;

	gremc_assert_control_thread();
	if (port == GREMC_PORT_NONE)
		return gremc_nexthop_adjacency_get(nexthops, tunnel->port, &no_route, adjacency);
	rc = gremc_nexthop_adjacency_get(nexthops, port, &next_hop.via, adjacency);
	if (rc || gremc_adjacency_load(vifs, *adjacency)->known)
		return rc;
	mac = next_hop_mac(nexthops, &config->ports[port], &next_hop, &entry);
	/* if this is out of memory, gremc_nexthops_config_apply() resolves the adjacency later */
	if (mac && gremc_adjacency_resolve(vifs, *adjacency, mac) == 0)
		gremc_rcu_commit(nexthops->context.rcu);
	return 0;
}

void gremc_nexthop_binding_update(struct gremc_nexthops *nexthops, struct gremc_nexthop_binding *binding)
{
	struct gremc_nexthop_neighbor *neighbor = NULL;
	struct gremc_kernel_next_hop next_hop;
	uint16_t port =
		route_port_lookup(nexthops, binding->port, &binding->local, &binding->remote, &next_hop);

	if (port != GREMC_PORT_NONE)
		neighbor = gremc_nexthop_neighbor_get(nexthops, port, next_hop.ifindex, &next_hop.via);
	binding->other_ifindex = port == GREMC_PORT_NONE ? next_hop.ifindex : 0;
	if (neighbor)
		binding_adjacency_set(nexthops, binding, neighbor->port, &neighbor->address);
	else
		binding_adjacency_set(nexthops, binding, binding->port, &no_route);
	gremc_nexthop_neighbor_put(nexthops, binding->neighbor);
	binding->neighbor = neighbor;
}

/* ---- passes over all tunnels ---- */

void gremc_nexthop_route_changed(struct gremc_nexthops *nexthops, const struct gremc_prefix *to)
{
	struct gremc_nexthop_changes *changes = &nexthops->changes;

	gremc_assert(to->length <= 32);
	if (changes->count < RTE_DIM(changes->to))
		changes->to[changes->count++] = *to;
	else
		changes->all = true;
}

void gremc_nexthop_routes_changed(struct gremc_nexthops *nexthops)
{
	nexthops->changes.all = true;
}

static bool binding_is_affected(const struct gremc_nexthop_changes *changes,
				const struct gremc_nexthop_binding *binding)
{
	if (changes->all)
		return true;
	for (uint32_t i = 0; i < changes->count; i++)
		if (gremc_prefix_covers(&changes->to[i], &binding->remote))
			return true;
	return false;
}

static void route_pass_begin(struct gremc_nexthops *nexthops, uint64_t now, bool full_check)
{
	nexthops->pass = nexthops->changes;
	nexthops->pass.all |= full_check;
	nexthops->changes = (struct gremc_nexthop_changes){0};
	nexthops->pass_active = true;
	nexthops->full_check = full_check;
	nexthops->cursor = 0;
	nexthops->pass_began = now;
	for (uint16_t i = 0; full_check && i < RTE_DIM(nexthops->port); i++)
		nexthops->port[i].vrf = gremc_link_vrf(nexthops->context.netlink, nexthops->port[i].ifindex);
}

/* Warn if more tunnels than before have no next hop. Their replicas are all lost. */
static void unrouted_bindings_report(struct gremc_nexthops *nexthops)
{
	const struct gremc_nexthop_binding *first = NULL;
	char text[GREMC_ADDR_TEXT], name[IF_NAMESIZE];
	uint32_t count = 0;

	for (uint32_t i = 0; i < nexthops->binding_count; i++) {
		if (nexthops->bindings[i].neighbor)
			continue;
		if (count++ == 0)
			first = &nexthops->bindings[i];
	}
	if (count > nexthops->unrouted_count &&
	    (first->other_ifindex == 0 || if_indextoname(first->other_ifindex, name) == NULL))
		GREMC_LOG_LIMITED(
			WARNING,
			"%u tunnels have no next hop, and lose their replicas as no_adjacency: the kernel has no "
			"route to %s%s",
			count, gremc_addr_format(text, &first->remote), count > 1 ? " and others" : "");
	else if (count > nexthops->unrouted_count)
		GREMC_LOG_LIMITED(
			WARNING,
			"%u tunnels have no next hop, and lose their replicas as no_adjacency: the kernel's route to "
			"%s%s leads by %s, which is no port of the configuration",
			count, gremc_addr_format(text, &first->remote), count > 1 ? " and others" : "", name);
	nexthops->unrouted_count = count;
}

/* Process one slice of the present pass. */
static void route_pass_continue(struct gremc_nexthops *nexthops, uint64_t now)
{
	gremc_assert(nexthops->pass_active);
	for (uint32_t lookups = 0; nexthops->cursor < nexthops->binding_count; nexthops->cursor++) {
		struct gremc_nexthop_binding *binding = &nexthops->bindings[nexthops->cursor];

		if (!binding_is_affected(&nexthops->pass, binding))
			continue;
		if (lookups++ == GREMC_ROUTE_PASS_SLICE)
			break;
		gremc_nexthop_binding_update(nexthops, binding);
		/* some changes have no event: a redirect, the end of a path exception, a sysctl */
		if (nexthops->full_check)
			gremc_nexthop_neighbor_check(nexthops, binding->neighbor, now);
	}
	gremc_rcu_commit(nexthops->context.rcu);
	if (nexthops->cursor < nexthops->binding_count)
		return;
	nexthops->pass_active = false;
	nexthops->pass_ended = gremc_clock_ms();
	if (nexthops->full_check) {
		unrouted_bindings_report(nexthops);
		nexthops->full_check_ended = nexthops->pass_ended;
	}
}

static bool full_check_is_due(const struct gremc_nexthops *nexthops, uint64_t now)
{
	return now - nexthops->full_check_ended >= GREMC_FULL_CHECK_INTERVAL;
}

/* Milliseconds until the next pass may begin; -1: none is due. */
static int route_pass_delay(const struct gremc_nexthops *nexthops, uint64_t now)
{
	uint64_t took = nexthops->pass_ended - nexthops->pass_began;
	uint64_t next = nexthops->pass_ended +
			RTE_MAX((uint64_t)GREMC_ROUTE_PASS_INTERVAL, took * GREMC_ROUTE_PASS_SHARE);

	if (nexthops->binding_count == 0)
		return -1;
	if (!full_check_is_due(nexthops, now) && !nexthops->changes.all && nexthops->changes.count == 0)
		next = RTE_MAX(next, nexthops->full_check_ended + GREMC_FULL_CHECK_INTERVAL);
	return now < next ? (int)(next - now) : 0;
}

int gremc_nexthop_routes_poll(struct gremc_nexthops *nexthops, uint64_t now)
{
	int wait = nexthops->pass_active ? 0 : route_pass_delay(nexthops, now);

	if (wait)
		return wait;
	if (!nexthops->pass_active)
		route_pass_begin(nexthops, now, full_check_is_due(nexthops, now));
	route_pass_continue(nexthops, now);
	return nexthops->pass_active ? 0 : route_pass_delay(nexthops, gremc_clock_ms());
}
