/* SPDX-License-Identifier: BSD-3-Clause */
/* Checks of tunnels against ports and against each other. */
#include <stdlib.h>
#include <string.h>

#include "config/config_priv.h"

static const struct owned_address *address_find_owner(const struct loader *l,
						      const struct gremc_addr *address)
{
	uint32_t low = 0, high = l->address_count;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (gremc_addr_compare(&l->addresses[middle].address, address) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low < l->address_count && gremc_addr_is_equal(&l->addresses[low].address, address)
		       ? &l->addresses[low]
		       : NULL;
}

static void tunnel_local_error(struct loader *l, const struct tunnel_draft *draft)
{
	const struct gremc_addr local = gremc_addr_from_ipv4(draft->tunnel.options.local);
	const struct netplan_port *netplan = gremc_config_netplan_owner_find(l, &local);
	char list[128] = "";
	size_t length = 0;

	if (netplan) {
		gremc_config_error_add(
			l, draft->local,
			"`local` is %s, an address of %s, which has no `device`; add `device:` to it, which "
			"accepts the EAL's name of a device, or `interface:`, which accepts one of the kernel",
			ADDRESS(&local), QUOTE(netplan->name.text));
		return;
	}
	for (uint32_t i = 0, shown = 0; i < l->config->port_count; i++)
		for (uint32_t j = 0; j < l->config->ports[i].address_count && shown < 4; j++, shown++)
			length += snprintf(list + length, sizeof(list) - length, "%s%s", shown ? ", " : "",
					   ADDRESS(&l->config->ports[i].addresses[j].address));
	if (*list)
		gremc_config_error_add(
			l, draft->local,
			"`local` is %s, an address of no port; the ports have %s%s, or add it to `addresses`",
			ADDRESS(&local), list, l->address_count > 4 ? " and more" : "");
	else
		gremc_config_error_add(l, draft->local,
				       "`local` is %s, an address of no port; add it to a port's `addresses`",
				       ADDRESS(&local));
}

/* Returns: the longest prefix of the port's addresses and routes that covers the address; -1: none. */
static int port_find_prefix_length(const struct gremc_config_port *port, const struct gremc_addr *address)
{
	int longest = -1;

	for (uint32_t i = 0; i < port->address_count; i++) {
		const struct gremc_prefix network = gremc_config_network_of(&port->addresses[i]);

		if (gremc_prefix_covers(&network, address))
			longest = RTE_MAX(longest, (int)network.length);
	}
	for (uint32_t i = 0; i < port->route_count; i++)
		if (gremc_prefix_covers(&port->routes[i].to, address))
			longest = RTE_MAX(longest, (int)port->routes[i].to.length);
	return longest;
}

/* Check that the kernel does not route the tunnel's own packets into the tunnel. */
static void tunnel_check_inner_networks(struct loader *l, const struct tunnel_draft *draft,
					const struct gremc_config_port *port)
{
	const struct gremc_config_tunnel *tunnel = &draft->tunnel;
	const struct gremc_prefix inner = gremc_config_network_of(&tunnel->address);
	const struct gremc_addr remote = gremc_addr_from_ipv4(tunnel->options.remote);
	int outer = port_find_prefix_length(port, &remote);

	if (!tunnel->host)
		return;
	if (!gremc_addr_is_set(&tunnel->peer) && !gremc_prefix_is_single(&inner) &&
	    (int)inner.length > outer && gremc_prefix_covers(&inner, &remote))
		gremc_config_error_add(
			l, draft->address,
			"the inner network of %s holds its `remote` %s, so the tunnel's packets would "
			"enter the tunnel; inner addresses take a network of their own",
			tunnel->name, IPV4(tunnel->options.remote));
	for (uint32_t i = 0; i < tunnel->route_count; i++)
		if ((int)tunnel->routes[i].to.length > outer &&
		    gremc_prefix_covers(&tunnel->routes[i].to, &remote))
			gremc_config_error_add(
				l, draft->routes,
				"a route of %s holds its `remote` %s, so the tunnel's packets would "
				"enter the tunnel; remove it",
				tunnel->name, IPV4(tunnel->options.remote));
}

/* Check that IGMP, which has a TTL of 1 (RFC 3376, 4), reaches the other end. */
static void tunnel_check_outer_ttl(struct loader *l, const struct tunnel_draft *draft,
				   const struct gremc_config_port *port)
{
	const struct gremc_config_tunnel *tunnel = &draft->tunnel;
	const struct gremc_addr remote = gremc_addr_from_ipv4(tunnel->options.remote);
	bool is_direct = false;

	for (uint32_t i = 0; i < port->address_count; i++) {
		const struct gremc_prefix network = gremc_config_network_of(&port->addresses[i]);

		is_direct |= gremc_prefix_covers(&network, &remote);
	}
	if (tunnel->igmp && tunnel->options.ttl == 0 && !is_direct)
		gremc_config_error_add(
			l, draft->ttl,
			"`ttl` of %s is `inherit` and it has `igmp`, whose packets have a TTL of 1: "
			"they do not pass a router on the way to %s; give a number, such as 64",
			tunnel->name, IPV4(tunnel->options.remote));
}

static void tunnel_check(struct loader *l, struct tunnel_draft *draft)
{
	struct gremc_config_tunnel *tunnel = &draft->tunnel;
	const unsigned overhead = gremc_tunnel_overhead(&tunnel->options);
	const struct gremc_addr local = gremc_addr_from_ipv4(tunnel->options.local);
	const struct owned_address *owner;
	const struct gremc_config_port *port;

	if (tunnel->options.local == tunnel->options.remote)
		gremc_config_error_add(
			l, draft->local,
			"`local` and `remote` of %s are both %s; a tunnel ends at another host", tunnel->name,
			IPV4(tunnel->options.local));
	if (gremc_addr_is_set(&tunnel->peer) && gremc_addr_is_equal(&tunnel->peer, &tunnel->address.address))
		gremc_config_error_add(l, draft->peer,
				       "`peer` of %s is its own inner address; it accepts the other end's",
				       tunnel->name);
	if (gremc_addr_is_set(&tunnel->peer) && tunnel->peer.ipv4 == tunnel->options.remote)
		gremc_config_error_add(
			l, draft->peer,
			"`peer` of %s is its `remote`, so the tunnel's packets would enter the "
			"tunnel; it accepts the inner address of the other end",
			tunnel->name);
	if (tunnel->route_count > 0 && !tunnel->host)
		gremc_config_error_add(
			l, draft->routes,
			"`routes` of %s need an interface of the kernel; add `host: true` to it, or "
			"remove them",
			tunnel->name);
	/* the lack of ports is one error, not one for each tunnel */
	if (!l->has_ports || l->port_count == 0)
		return;
	owner = address_find_owner(l, &local);
	if (owner == NULL) {
		if (!l->ports_broken)
			tunnel_local_error(l, draft);
		return;
	}
	gremc_assert(owner->port < l->config->port_count);
	tunnel->port = owner->port;
	port = &l->config->ports[owner->port];
	tunnel_check_inner_networks(l, draft, port);
	tunnel_check_outer_ttl(l, draft, port);
	if (port->mtu && port->mtu < overhead + GREMC_CONFIG_MTU_MINIMUM)
		gremc_config_error_add(
			l, draft->name,
			"%s has `mtu: %u`, which leaves %d bytes to the packets of %s, and IPv4 needs "
			"%u; raise it",
			port->name, port->mtu, port->mtu - (int)overhead, tunnel->name,
			GREMC_CONFIG_MTU_MINIMUM);
	if (port->mtu && tunnel->options.mtu && tunnel->options.mtu + overhead > port->mtu)
		gremc_config_error_add(
			l, draft->mtu,
			"`mtu` is %u, but %s's is %u and the tunnel's headers take %u of it; it accepts "
			"at most %d",
			tunnel->options.mtu, port->name, port->mtu, overhead, port->mtu - (int)overhead);
}

static int tunnel_draft_compare(const void *a, const void *b)
{
	const struct tunnel_draft *x = *(struct tunnel_draft *const *)a,
				  *y = *(struct tunnel_draft *const *)b;
	const struct gremc_config_tunnel *s = &x->tunnel, *t = &y->tunnel;

	if (s->options.local != t->options.local)
		return s->options.local < t->options.local ? -1 : 1;
	if (s->options.remote != t->options.remote)
		return s->options.remote < t->options.remote ? -1 : 1;
	if (s->options.udp_port != t->options.udp_port)
		return s->options.udp_port < t->options.udp_port ? -1 : 1;
	if (s->options.has_input_key != t->options.has_input_key)
		return s->options.has_input_key ? 1 : -1;
	if (s->options.input_key != t->options.input_key)
		return s->options.input_key < t->options.input_key ? -1 : 1;
	return gremc_config_place_compare(x->name, y->name);
}

static bool tunnel_identity_equal(const struct gremc_config_tunnel *s, const struct gremc_config_tunnel *t)
{
	return s->options.local == t->options.local && s->options.remote == t->options.remote &&
	       s->options.udp_port == t->options.udp_port &&
	       s->options.has_input_key == t->options.has_input_key &&
	       s->options.input_key == t->options.input_key;
}

/* Check that no packet matches two tunnels. */
static void tunnels_check_distinct(struct loader *l)
{
	struct tunnel_draft **sorted = gremc_config_array_alloc(l, l->tunnel_count, sizeof(*sorted));
	uint32_t count = 0;

	if (sorted == NULL)
		return;
	for (uint32_t i = 0; i < l->tunnel_count; i++)
		if (!l->tunnels[i].broken)
			sorted[count++] = &l->tunnels[i];
	qsort(sorted, count, sizeof(*sorted), tunnel_draft_compare);
	for (uint32_t i = 1; i < count; i++) {
		const struct tunnel_draft *first = sorted[i - 1], *second = sorted[i];
		char where[WHERE_TEXT];

		if (!tunnel_identity_equal(&first->tunnel, &second->tunnel))
			continue;
		gremc_config_place_format(where, l, first->name, second->name);
		if (second->tunnel.options.has_input_key)
			gremc_config_error_add(
				l, second->name,
				"%s has the same `local`, `remote` and input key as %s (%s); give one of "
				"them another `key`",
				second->tunnel.name, first->tunnel.name, where);
		else
			gremc_config_error_add(
				l, second->name,
				"%s has the same `local` and `remote` as %s (%s), and neither has an "
				"input key; give one of them a `key`",
				second->tunnel.name, first->tunnel.name, where);
	}
	free(sorted);
}

/* Check that no TAP or TUN device has the name of an `interface`, which the kernel already has. */
static void ports_check_interface_names(struct loader *l)
{
	for (uint32_t i = 0; i < l->port_count; i++) {
		const char *interface = l->ports[i].port.interface;
		const struct name *name = *interface ? gremc_config_names_find(&l->names, interface) : NULL;
		bool makes_device = name && (name->is_port ? l->ports[name->index].port.host
							   : l->tunnels[name->index].tunnel.host);

		if (makes_device)
			gremc_config_error_add(
				l, name->place,
				"%s has `host: true`, and the kernel has an interface of this name, the "
				"`interface` of %s; choose another name",
				name->text, l->ports[i].port.name);
	}
}

/* Check that the tunnels have few different DSCP maps: each one takes a number of the fast path. */
static void tunnels_check_dscp_maps(struct loader *l)
{
	const uint8_t *maps[GREMC_CONFIG_DSCP_MAPS_MAX];
	uint32_t count = 0;

	for (uint32_t i = 0; i < l->tunnel_count; i++) {
		const struct gremc_tunnel_options *options = &l->tunnels[i].tunnel.options;
		uint32_t k = 0;

		while (k < count && memcmp(maps[k], options->dscp_map, sizeof(options->dscp_map)))
			k++;
		if (!options->has_dscp_map || k < count)
			continue;
		if (count == GREMC_CONFIG_DSCP_MAPS_MAX) {
			gremc_config_error_add(
				l, l->tunnels[i].dscp_map,
				"the tunnels have more than %u different `dscp-map`; let some have the same",
				GREMC_CONFIG_DSCP_MAPS_MAX);
			return;
		}
		maps[count++] = options->dscp_map;
	}
}

void gremc_config_validate_tunnels(struct loader *l)
{
	struct gremc_config *config = l->config;

	gremc_assert(config->tunnels == NULL);
	for (uint32_t i = 0; i < l->tunnel_count; i++)
		if (!l->tunnels[i].broken)
			tunnel_check(l, &l->tunnels[i]);
	tunnels_check_distinct(l);
	tunnels_check_dscp_maps(l);
	ports_check_interface_names(l);
	config->tunnels = gremc_config_array_alloc(l, l->tunnel_count, sizeof(*config->tunnels));
	if (config->tunnels == NULL)
		return;
	config->tunnel_count = l->tunnel_count;
	for (uint32_t i = 0; i < l->tunnel_count; i++) {
		config->tunnels[i] = l->tunnels[i].tunnel;
		l->tunnels[i].tunnel.igmp = NULL; /* config->tunnels owns them now */
		l->tunnels[i].tunnel.policy = NULL;
		l->tunnels[i].tunnel.routes = NULL;
	}
}
