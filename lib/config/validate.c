/* SPDX-License-Identifier: BSD-3-Clause */
/* Checks across keys: references by name, and values that must be unique. */
#include <stdlib.h>
#include <string.h>

#include "config/config_priv.h"

static int place_compare(struct place a, struct place b)
{
	if (a.file != b.file)
		return a.file < b.file ? -1 : 1;
	if (a.line != b.line)
		return a.line < b.line ? -1 : 1;
	return a.column < b.column ? -1 : a.column > b.column;
}

/* ---- ports ---- */

static void ports_check_devices(struct loader *l)
{
	char where[WHERE_TEXT];

	for (uint32_t i = 0; i < l->port_count; i++) {
		const char *device = l->ports[i].port.device;
		const struct place *places = l->ports[i].places;
		enum key_id id = places[KEY_BOND_DEVICE].line ? KEY_BOND_DEVICE
				 : places[KEY_INTERFACE].line ? KEY_INTERFACE
							      : KEY_ETHERNET_DEVICE;

		for (uint32_t j = 0; j < i && *device; j++) {
			if (strcmp(device, l->ports[j].port.device))
				continue;
			gremc_config_error_add(
				l, places[id], "device %s is used by %s already (%s); a port has its own",
				device, l->ports[j].port.name,
				gremc_config_place_format(where, l, l->ports[j].name, l->ports[i].name));
			break;
		}
	}
}

/* Check that a member has only a device: all other settings belong to the bond. */
static void bond_check_member(struct loader *l, const struct port_draft *member,
			      const struct port_draft *bond)
{
	static const enum key_id kept[] = {KEY_INTERFACE, KEY_ISOLATE};

	for (size_t i = 0; i < RTE_DIM(kept); i++)
		if (member->places[kept[i]].line)
			gremc_config_error_add(
				l, member->places[kept[i]],
				"%s is a member of %s, which is not possible: the kernel keeps a port with "
				"`%s`, and a bond sets its members' MAC addresses",
				member->port.name, bond->port.name, gremc_config_keys[kept[i]].name);
	/* members may repeat the bond's MTU, as in files of netplan */
	for (enum key_id id = KEY_ADDRESSES; id <= KEY_HOST; id++)
		if (member->places[id].line && (id != KEY_MTU || member->port.mtu != bond->port.mtu))
			gremc_config_error_add(
				l, member->places[id],
				"%s is a member of %s and has no `%s` of its own; give it to %s",
				member->port.name, bond->port.name, gremc_config_keys[id].name,
				bond->port.name);
}

static bool bond_member_read(struct loader *l, const struct value *value, void *object)
{
	struct port_draft *bond = object, *member;
	const struct name *name = gremc_config_names_find(&l->names, value->text);

	if (gremc_config_netplan_port_find(l, value->text)) {
		gremc_config_error_add(
			l, value->place,
			"%s has no `device`; a member of a bond that has other members with one "
			"needs one, too",
			QUOTE(value->text));
		return true;
	}
	if (name == NULL || !name->is_port) {
		name = gremc_config_names_nearest(&l->names, value->text);
		gremc_config_error_add(
			l, value->place, "there is no Ethernet `%s`; %s%s%s", QUOTE(value->text),
			name && name->is_port ? "did you mean `" : "name one of `ethernets`",
			name && name->is_port ? name->text : "", name && name->is_port ? "`?" : "");
		return true;
	}
	member = &l->ports[name->index];
	if (!member->is_ethernet) {
		gremc_config_error_add(l, value->place, "%s is a bond; a bond's members are `ethernets`",
				       name->text);
	} else if (member->port.member_of != GREMC_CONFIG_NONE) {
		gremc_config_error_add(l, value->place, "%s is a member of %s already; a member has one bond",
				       name->text, l->ports[member->port.member_of].port.name);
	} else if (bond->port.member_count == GREMC_CONFIG_MEMBERS_MAX) {
		gremc_config_error_add(l, value->place, "a bond has at most %u members; remove some",
				       GREMC_CONFIG_MEMBERS_MAX);
		return false;
	} else {
		bond->port.members[bond->port.member_count++] = name->index;
		member->port.member_of = bond - l->ports;
		bond_check_member(l, member, bond);
	}
	return true;
}

static void ports_check_members(struct loader *l)
{
	for (uint32_t i = 0; i < l->port_count; i++) {
		struct port_draft *bond = &l->ports[i];
		const yaml_node_t *list = bond->interfaces;

		if (list == NULL)
			continue;
		if (list->data.sequence.items.start == list->data.sequence.items.top)
			gremc_config_error_add(l, gremc_config_node_place(list),
					       "bond %s has no members; name 1 to %u of `ethernets`",
					       bond->port.name, GREMC_CONFIG_MEMBERS_MAX);
		gremc_config_sequence_visit(l, &gremc_config_keys[KEY_INTERFACES], bond->interfaces,
					    bond_member_read, bond);
	}
}

static int owned_address_compare(const void *a, const void *b)
{
	const struct owned_address *x = a, *y = b;

	const int order = gremc_addr_compare(&x->address, &y->address);

	return order ? order : place_compare(x->place, y->place);
}

static void ports_check_addresses(struct loader *l)
{
	struct owned_address *owned;
	char where[WHERE_TEXT];
	uint32_t count = 0;

	for (uint32_t i = 0; i < l->port_count; i++)
		count += l->ports[i].port.address_count;
	owned = l->addresses = gremc_config_array_alloc(l, count, sizeof(*owned));
	if (owned == NULL)
		return;
	for (uint32_t i = 0; i < l->port_count; i++)
		for (uint32_t j = 0; j < l->ports[i].port.address_count; j++)
			owned[l->address_count++] = (struct owned_address){
				l->ports[i].port.addresses[j].address, i, l->ports[i].address_places[j]};
	qsort(owned, count, sizeof(*owned), owned_address_compare);
	for (uint32_t i = 1; i < count; i++)
		if (gremc_addr_is_equal(&owned[i].address, &owned[i - 1].address))
			gremc_config_error_add(
				l, owned[i].place, "%s is an address of %s already (%s); give it once",
				ADDRESS(&owned[i].address), l->ports[owned[i - 1].port].port.name,
				gremc_config_place_format(where, l, owned[i - 1].place, owned[i].place));
}

/* Longest prefix first. */
static int route_draft_compare(const void *a, const void *b)
{
	const struct route_draft *x = a, *y = b;
	int order;

	if (x->route.to.length != y->route.to.length)
		return x->route.to.length > y->route.to.length ? -1 : 1;
	order = gremc_addr_compare(&x->route.to.address, &y->route.to.address);
	return order ? order : place_compare(x->place, y->place);
}

static void route_check_via(struct loader *l, const struct gremc_config_port *port,
			    const struct route_draft *draft)
{
	const struct gremc_addr *via = &draft->route.via;
	bool is_covered = false;

	for (uint32_t i = 0; i < port->address_count; i++) {
		const struct gremc_config_address *own = &port->addresses[i];
		const struct gremc_prefix network = gremc_config_network_of(own);

		if (gremc_addr_is_equal(&own->address, via)) {
			gremc_config_error_add(
				l, draft->place,
				"the next hop %s is %s's own address; it accepts the gateway's", ADDRESS(via),
				port->name);
			return;
		}
		if (!gremc_prefix_covers(&network, via))
			continue;
		is_covered = true;
		if (own->length < 31 &&
		    (gremc_addr_to_ipv4(via) | gremc_ipv4_mask(own->length)) == RTE_BE32(UINT32_MAX))
			gremc_config_error_add(
				l, draft->place,
				"the next hop %s is the broadcast address of a network of %s; it accepts "
				"the gateway's",
				ADDRESS(via), port->name);
	}
	if (!is_covered && !draft->route.on_link)
		gremc_config_error_add(
			l, draft->place,
			"the next hop %s is in no network of %s; it accepts an address inside one of its "
			"`addresses`",
			ADDRESS(via), port->name);
}

static void port_check_routes(struct loader *l, struct port_draft *draft, bool addresses_known)
{
	struct gremc_config_port *port = &draft->port;
	char where[WHERE_TEXT], text[GREMC_PREFIX_TEXT];

	if (draft->route_count == 0)
		return;
	qsort(draft->routes, draft->route_count, sizeof(*draft->routes), route_draft_compare);
	port->routes = gremc_config_array_alloc(l, draft->route_count, sizeof(*port->routes));
	if (port->routes == NULL)
		return;
	port->route_count = draft->route_count;
	for (uint32_t i = 0; i < draft->route_count; i++) {
		const struct route_draft *route = &draft->routes[i], *before = i ? route - 1 : route;

		port->routes[i] = route->route;
		if (addresses_known)
			route_check_via(l, port, route);
		if (i && gremc_prefix_is_equal(&route->route.to, &before->route.to))
			gremc_config_error_add(
				l, route->place, "there is a route to %s already (%s); keep one of them",
				route->route.to.length ? gremc_prefix_format(text, &route->route.to)
						       : "`default`",
				gremc_config_place_format(where, l, before->place, route->place));
	}
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

void gremc_config_validate_ports(struct loader *l)
{
	struct gremc_config *config = l->config;

	gremc_assert(config->ports == NULL);
	ports_check_devices(l);
	ports_check_members(l);
	ports_check_addresses(l);
	for (uint32_t i = 0; i < l->port_count; i++)
		port_check_routes(l, &l->ports[i], !l->ports_broken);
	config->ports = gremc_config_array_alloc(l, l->port_count, sizeof(*config->ports));
	if (config->ports == NULL)
		return;
	config->port_count = l->port_count;
	for (uint32_t i = 0; i < l->port_count; i++) {
		config->ports[i] = l->ports[i].port;
		/* config->ports owns them now */
		l->ports[i].port.addresses = NULL;
		l->ports[i].port.routes = NULL;
		l->ports[i].port.neighbors = NULL;
		l->ports[i].port.igmp = NULL;
	}
}

/* ---- tunnels ---- */

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
	if (s->options.has_input_key != t->options.has_input_key)
		return s->options.has_input_key ? 1 : -1;
	if (s->options.input_key != t->options.input_key)
		return s->options.input_key < t->options.input_key ? -1 : 1;
	return place_compare(x->name, y->name);
}

static bool tunnel_identity_equal(const struct gremc_config_tunnel *s, const struct gremc_config_tunnel *t)
{
	return s->options.local == t->options.local && s->options.remote == t->options.remote &&
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

void gremc_config_validate_tunnels(struct loader *l)
{
	struct gremc_config *config = l->config;

	gremc_assert(config->tunnels == NULL);
	for (uint32_t i = 0; i < l->tunnel_count; i++)
		if (!l->tunnels[i].broken)
			tunnel_check(l, &l->tunnels[i]);
	tunnels_check_distinct(l);
	ports_check_interface_names(l);
	config->tunnels = gremc_config_array_alloc(l, l->tunnel_count, sizeof(*config->tunnels));
	if (config->tunnels == NULL)
		return;
	config->tunnel_count = l->tunnel_count;
	for (uint32_t i = 0; i < l->tunnel_count; i++) {
		config->tunnels[i] = l->tunnels[i].tunnel;
		l->tunnels[i].tunnel.igmp = NULL; /* config->tunnels owns them now */
		l->tunnels[i].tunnel.routes = NULL;
	}
}

/* ---- mroutes ---- */

static int mroute_compare(const void *a, const void *b, void *mroutes)
{
	const struct gremc_config_mroute *all = mroutes;
	uint32_t i = *(const uint32_t *)a, j = *(const uint32_t *)b;
	const struct gremc_config_mroute *x = &all[i], *y = &all[j];

	int order = gremc_addr_compare(&x->group.address, &y->group.address);

	if (order)
		return order;
	if (x->group.length != y->group.length)
		return x->group.length < y->group.length ? -1 : 1;
	order = gremc_addr_compare(&x->source, &y->source);
	if (order)
		return order;
	return i < j ? -1 : i > j; /* the order of the file */
}

void gremc_config_validate_mroutes(struct loader *l)
{
	const struct gremc_config *config = l->config;
	uint32_t *sorted = gremc_config_array_alloc(l, config->mroute_count, sizeof(*sorted));

	if (sorted == NULL)
		return;
	for (uint32_t i = 0; i < config->mroute_count; i++)
		sorted[i] = i;
	qsort_r(sorted, config->mroute_count, sizeof(*sorted), mroute_compare, config->mroutes);
	for (uint32_t i = 1; i < config->mroute_count; i++) {
		const struct gremc_config_mroute *x = &config->mroutes[sorted[i - 1]],
						 *y = &config->mroutes[sorted[i]];
		struct place first = l->mroute_places[sorted[i - 1]], second = l->mroute_places[sorted[i]];
		char where[WHERE_TEXT], group[GREMC_PREFIX_TEXT];

		if (gremc_prefix_is_equal(&x->group, &y->group) &&
		    gremc_addr_is_equal(&x->source, &y->source))
			gremc_config_error_add(
				l, second,
				"there is an mroute for group %s and %s%s already (%s); keep one of them",
				gremc_prefix_format(group, &y->group),
				gremc_addr_is_set(&y->source) ? "source " : "any source",
				gremc_addr_is_set(&y->source) ? ADDRESS(&y->source) : "",
				gremc_config_place_format(where, l, first, second));
	}
	free(sorted);
}
