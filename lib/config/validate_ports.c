/* SPDX-License-Identifier: BSD-3-Clause */
/* Checks of ports against each other: devices, members of bonds, addresses and routes. */
#include <stdlib.h>
#include <string.h>

#include "config/config_priv.h"

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

	return order ? order : gremc_config_place_compare(x->place, y->place);
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
	return order ? order : gremc_config_place_compare(x->place, y->place);
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

/* Check that the frames of a port with `pcp` have a tag. */
static void port_check_pcp(struct loader *l, const struct port_draft *draft)
{
	if (draft->places[KEY_PCP].line && draft->port.vlan == 0)
		gremc_config_error_add(
			l, draft->places[KEY_PCP],
			"`pcp` is a field of the VLAN tag, and frames of %s have none; add `vlan:` "
			"or remove it",
			draft->port.name);
}

/* Check that a port with a policy is a vif. */
static void port_check_policy(struct loader *l, const struct port_draft *draft)
{
	if (draft->port.policy && !draft->port.multicast)
		gremc_config_error_add(
			l, draft->places[KEY_PORT_POLICY],
			"%s has no native multicast that `policy` could limit; add `multicast: "
			"true` to it, or remove `policy`",
			draft->port.name);
}

void gremc_config_validate_ports(struct loader *l)
{
	struct gremc_config *config = l->config;

	gremc_assert(config->ports == NULL);
	ports_check_devices(l);
	ports_check_members(l);
	ports_check_addresses(l);
	for (uint32_t i = 0; i < l->port_count; i++) {
		port_check_routes(l, &l->ports[i], !l->ports_broken);
		port_check_pcp(l, &l->ports[i]);
		port_check_policy(l, &l->ports[i]);
	}
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
		l->ports[i].port.policy = NULL;
	}
}
