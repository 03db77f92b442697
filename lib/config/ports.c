/* SPDX-License-Identifier: BSD-3-Clause */
/* `ethernets` and `bonds`. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "config/config_priv.h"

/* ---- ports that only the kernel uses ---- */

/* Keys that netplan does not have: an Ethernet or a bond with one of them is a port of this program. */
static bool pair_visit_own_key(struct loader *l, const struct value *name, yaml_node_t *node, void *object)
{
	static const enum key_id own[] = {
		KEY_ETHERNET_DEVICE, KEY_INTERFACE,   KEY_ISOLATE,   KEY_NEIGHBORS, KEY_VLAN, KEY_PCP,
		KEY_MULTICAST,       KEY_PORT_POLICY, KEY_PORT_IGMP, KEY_HOST};
	bool *found = object;

	(void)l, (void)node;
	for (size_t i = 0; i < RTE_DIM(own) && !*found; i++)
		*found = strcmp(name->text, gremc_config_keys[own[i]].name) == 0;
	return !*found;
}

static bool port_has_own_key(struct loader *l, yaml_node_t *node)
{
	bool found = false;

	gremc_config_mapping_visit(l, node, pair_visit_own_key, &found);
	return found;
}

const struct netplan_port *gremc_config_netplan_port_find(const struct loader *l, const char *name)
{
	for (uint32_t i = 0; i < l->netplan_port_count; i++)
		if (strcmp(l->netplan_ports[i].name.text, name) == 0)
			return &l->netplan_ports[i];
	return NULL;
}

const struct netplan_port *gremc_config_netplan_owner_find(const struct loader *l,
							   const struct gremc_addr *address)
{
	for (uint32_t i = 0; i < l->netplan_port_count; i++)
		for (uint32_t j = 0; j < l->netplan_ports[i].address_count; j++)
			if (gremc_addr_is_equal(&l->netplan_ports[i].addresses[j], address))
				return &l->netplan_ports[i];
	return NULL;
}

/* Whether only the kernel uses all members, and so the bond. */
static bool bond_has_netplan_members(struct loader *l, const yaml_node_t *node)
{
	const yaml_node_t *list = gremc_config_mapping_find(l, node, "interfaces");
	struct value name;

	if (list == NULL || list->type != YAML_SEQUENCE_NODE)
		return false;
	for (const yaml_node_item_t *item = list->data.sequence.items.start;
	     item < list->data.sequence.items.top; item++)
		if (!gremc_config_node_scalar(yaml_document_get_node(&l->document, *item), &name) ||
		    gremc_config_netplan_port_find(l, name.text) == NULL)
			return false;
	return list->data.sequence.items.start < list->data.sequence.items.top;
}

/* Check the keys as those of a port, and keep the name and the addresses for messages. */
static void netplan_port_read(struct loader *l, const struct value *name, yaml_node_t *node,
			      enum section section)
{
	struct port_draft *draft = gremc_config_array_alloc(l, 1, sizeof(*draft));
	struct netplan_port *ports =
		gremc_config_array_grow(l, l->netplan_ports, l->netplan_port_count, sizeof(*ports));
	struct netplan_port *port;
	char quoted[QUOTE_TEXT];
	struct value owner = {gremc_config_text_quote(quoted, name->text), name->place, false};

	if (ports)
		l->netplan_ports = ports;
	if (draft == NULL || ports == NULL) {
		free(draft);
		return;
	}
	gremc_config_mapping_read(l, node, section, &owner, draft, draft->places);
	port = &ports[l->netplan_port_count];
	*port = (struct netplan_port){.name = *name, .address_count = draft->port.address_count};
	port->addresses = gremc_config_array_alloc(l, port->address_count, sizeof(*port->addresses));
	for (uint32_t i = 0; port->addresses && i < port->address_count; i++)
		port->addresses[i] = draft->port.addresses[i].address;
	l->netplan_port_count += port->addresses != NULL;
	gremc_config_port_draft_fini(draft);
	free(draft);
	gremc_config_note_add(
		l, name->place,
		"%s has neither `device` nor `interface`, so only the kernel uses it and no tunnel",
		owner.text);
}

/* ---- ports ---- */

/* Read an Ethernet or a bond.
 * Returns: false: the limit of ports is reached. */
static bool port_draft_read(struct loader *l, const struct value *name, yaml_node_t *node,
			    enum section section)
{
	uint32_t index = l->port_count;
	struct port_draft *draft = &l->ports[index];
	char quoted[QUOTE_TEXT];
	struct value owner = {gremc_config_text_quote(quoted, name->text), name->place, false};

	if (index == GREMC_CONFIG_PORTS_MAX) {
		gremc_config_error_add(l, name->place, "there are more than %u ports; remove some",
				       GREMC_CONFIG_PORTS_MAX);
		return false;
	}
	l->port_count++;
	draft->name = name->place;
	draft->is_ethernet = section == SECTION_ETHERNET;
	draft->port.member_of = GREMC_CONFIG_NONE;
	gremc_config_name_read(l, name, true, index, draft->port.name);
	gremc_config_mapping_read(l, node, section, &owner, draft, draft->places);
	return true;
}

/* Reject keys that a port shared with the kernel cannot have: a TAP device and IGMP. */
static void port_check_shared(struct loader *l, const struct port_draft *draft)
{
	static const char *const instead[] = {
		[KEY_HOST] = "remove it: the kernel has the interface itself",
		[KEY_PORT_IGMP] =
			"remove it: reports go to the kernel, whose mroutes `mroutes: kernel` takes over",
	};
	const char *key = draft->places[KEY_INTERFACE].line ? "interface" : "isolate";

	if (!draft->places[KEY_INTERFACE].line && !draft->port.isolate)
		return;
	for (enum key_id id = KEY_ADDRESSES; id <= KEY_HOST; id++)
		if (instead[id] && draft->places[id].line && (id != KEY_HOST || draft->port.host))
			gremc_config_error_add(l, draft->places[id], "`%s` is not for a port with `%s`; %s",
					       gremc_config_keys[id].name, key, instead[id]);
}

static bool ethernet_read(struct loader *l, const struct value *name, yaml_node_t *node, void *object)
{
	uint32_t problems = l->problems.count;
	const struct place *places;

	(void)object;
	if (node->type == YAML_MAPPING_NODE && !port_has_own_key(l, node)) {
		netplan_port_read(l, name, node, SECTION_ETHERNET);
		return true;
	}
	if (!port_draft_read(l, name, node, SECTION_ETHERNET))
		return false;
	places = l->ports[l->port_count - 1].places;
	if (l->problems.count != problems)
		return true;
	if (places[KEY_ETHERNET_DEVICE].line && places[KEY_INTERFACE].line)
		gremc_config_error_add(
			l, places[KEY_INTERFACE],
			"%s has a `device`, which DPDK uses, and an `interface`, which the kernel "
			"keeps; remove one of them",
			QUOTE(name->text));
	else if (!places[KEY_ETHERNET_DEVICE].line && !places[KEY_INTERFACE].line)
		gremc_config_error_add(
			l, name->place,
			"%s has no `device`; add `device:`, which accepts the EAL's name of a device, "
			"or `interface:`, which accepts one of the kernel",
			QUOTE(name->text));
	else if (places[KEY_INTERFACE].line && l->ports[l->port_count - 1].port.isolate)
		gremc_config_error_add(
			l, places[KEY_ISOLATE],
			"`isolate` is for a `device`; remove it: the kernel keeps an `interface` anyway");
	port_check_shared(l, &l->ports[l->port_count - 1]);
	return true;
}

static bool bond_read(struct loader *l, const struct value *name, yaml_node_t *node, void *object)
{
	struct port_draft *draft;
	const struct place *places;

	(void)object;
	if (node->type == YAML_MAPPING_NODE && !port_has_own_key(l, node) &&
	    bond_has_netplan_members(l, node)) {
		netplan_port_read(l, name, node, SECTION_BOND);
		return true;
	}
	if (!port_draft_read(l, name, node, SECTION_BOND))
		return false;
	draft = &l->ports[l->port_count - 1];
	places = draft->places;
	draft->port.is_bond = places[KEY_INTERFACES].line != 0;
	if (places[KEY_BOND_DEVICE].line && (places[KEY_INTERFACES].line || places[KEY_PARAMETERS].line))
		gremc_config_error_add(
			l, places[KEY_BOND_DEVICE],
			"`device` names a bond that the EAL made, with members and a mode of its own; "
			"remove it, or `interfaces` and `parameters`");
	else if (!places[KEY_BOND_DEVICE].line && !places[KEY_INTERFACES].line)
		gremc_config_error_add(l, name->place,
				       "bond %s has no members; add `interfaces: [NAME, ...]`, or "
				       "`device:` with a bond that the EAL made",
				       QUOTE(name->text));
	else if (places[KEY_INTERFACES].line && !places[KEY_PARAMETERS].line)
		gremc_config_error_add(l, name->place,
				       "bond %s has no mode; add `parameters: {mode: 802.3ad}`, or "
				       "another mode",
				       QUOTE(name->text));
	return true;
}

void gremc_config_read_ethernets(struct loader *l, const struct key *key, yaml_node_t *node, void *object)
{
	uint32_t problems = l->problems.count;

	(void)key;
	gremc_config_mapping_visit(l, node, ethernet_read, object);
	l->ports_broken |= l->problems.count != problems;
}

void gremc_config_read_bonds(struct loader *l, const struct key *key, yaml_node_t *node, void *object)
{
	uint32_t problems = l->problems.count;

	(void)key;
	gremc_config_mapping_visit(l, node, bond_read, object);
	l->ports_broken |= l->problems.count != problems;
}

void gremc_config_read_parameters(struct loader *l, const struct key *key, yaml_node_t *node, void *object)
{
	struct value owner = {key->name, gremc_config_node_place(node), false};

	gremc_config_mapping_read(l, node, SECTION_PARAMETERS, &owner, object, NULL);
}

void gremc_config_read_interfaces(struct loader *l, const struct key *key, yaml_node_t *node, void *object)
{
	(void)l, (void)key;
	((struct port_draft *)object)->interfaces = node;
}

/* ---- addresses ---- */

static bool port_address_read(struct loader *l, const struct value *value, void *object)
{
	struct port_draft *draft = object;
	struct gremc_config_port *port = &draft->port;
	struct gremc_config_address address, *addresses;
	struct place *places;

	if (!gremc_config_interface_address_read(l, value, 0, &address))
		return true;
	addresses = gremc_config_array_grow(l, port->addresses, port->address_count, sizeof(*addresses));
	if (addresses == NULL)
		return false;
	port->addresses = addresses;
	places = gremc_config_array_grow(l, draft->address_places, port->address_count, sizeof(*places));
	if (places == NULL)
		return false;
	draft->address_places = places;
	addresses[port->address_count] = address;
	places[port->address_count++] = value->place;
	return true;
}

void gremc_config_read_addresses(struct loader *l, const struct key *key, yaml_node_t *node, void *object)
{
	gremc_config_addresses_visit(l, key, node, port_address_read, object);
}

/* ---- routes ---- */

static void port_draft_add_route(struct loader *l, struct port_draft *draft,
				 const struct gremc_config_route *route, struct place place)
{
	struct route_draft *routes =
		gremc_config_array_grow(l, draft->routes, draft->route_count, sizeof(*draft->routes));

	if (routes == NULL)
		return;
	draft->routes = routes;
	routes[draft->route_count++] = (struct route_draft){*route, place};
}

void gremc_config_read_gateway(struct loader *l, const struct key *key, const struct value *value,
			       void *object)
{
	struct gremc_config_route route = {.to = GREMC_PREFIX_IPV4(0, 0)};

	if (gremc_config_unicast_read(l, key->name, value, &route.via))
		port_draft_add_route(l, object, &route, value->place);
}

void gremc_config_read_route_to(struct loader *l, const struct key *key, const struct value *value,
				void *object)
{
	struct gremc_config_route *route = object;

	if (strcmp(value->text, "default") == 0) {
		route->to = (struct gremc_prefix)GREMC_PREFIX_IPV4(0, 0);
		return;
	}
	if (gremc_config_prefix_read(l, key->name, value, &route->to) && route->to.length &&
	    gremc_config_unicast_problem(&route->to.address))
		gremc_config_error_add(l, value->place,
				       "`to` is %s, %s; it accepts a unicast network, or `default`",
				       value->text, gremc_config_unicast_problem(&route->to.address));
}

/* Returns: the text of a route's key, or "". */
static const char *mapping_find_text(struct loader *l, const yaml_node_t *entry, const char *name)
{
	const yaml_node_t *node = gremc_config_mapping_find(l, entry, name);
	struct value value;

	return node && gremc_config_node_scalar(node, &value) ? value.text : "";
}

/* Returns: the reason why only the kernel uses the route; NULL: this program uses it. */
static const char *route_netplan_reason(struct loader *l, const yaml_node_t *entry)
{
	const char *table = mapping_find_text(l, entry, "table"), *type = mapping_find_text(l, entry, "type");

	if (gremc_config_text_is_ipv6(mapping_find_text(l, entry, "to")) ||
	    gremc_config_text_is_ipv6(mapping_find_text(l, entry, "via")))
		return "it is an IPv6 route";
	if (*table && strcmp(table, "254") && strcmp(table, "main"))
		return "it is in another table than `main`";
	if (*type && strcmp(type, "unicast"))
		return "its `type` is not `unicast`";
	return NULL;
}

bool gremc_config_route_read(struct loader *l, yaml_node_t *entry, bool is_tunnel,
			     struct gremc_config_route *route, struct place *place)
{
	struct value owner = {"the route", gremc_config_node_place(entry), false};
	const char *why = route_netplan_reason(l, entry);
	bool is_link = strcmp(mapping_find_text(l, entry, "scope"), "link") == 0;
	struct place places[KEY_COUNT] = {{0}};
	uint32_t problems = l->problems.count;

	if (why) {
		gremc_config_note_add(l, owner.place, "the route has no effect here: %s", why);
		return false;
	}
	gremc_config_mapping_read(l, entry, SECTION_ROUTE, &owner, route, places);
	*place = places[KEY_ROUTE_VIA].line ? places[KEY_ROUTE_VIA] : owner.place;
	if (l->problems.count != problems)
		return false;
	if (gremc_addr_is_set(&route->via) || (is_tunnel && is_link))
		return true;
	if (is_link)
		gremc_config_note_add(
			l, owner.place,
			"the route has no effect here: it has no `via`, and a port finds no next hop by it");
	else
		gremc_config_error_add(l, owner.place,
				       "the route has no `via`; add `via:`, which accepts an IPv4 address");
	return false;
}

void gremc_config_read_routes(struct loader *l, const struct key *key, yaml_node_t *node, void *object)
{
	(void)key;
	for (const yaml_node_item_t *item = node->data.sequence.items.start;
	     item < node->data.sequence.items.top; item++) {
		struct gremc_config_route route = {0};
		struct place place;

		if (gremc_config_route_read(l, yaml_document_get_node(&l->document, *item), false, &route,
					    &place))
			port_draft_add_route(l, object, &route, place);
	}
}

/* ---- neighbors ---- */

struct neighbor_draft {
	struct gremc_config_neighbor neighbor;
	struct place place;
};

struct neighbor_drafts {
	struct neighbor_draft *drafts;
	uint32_t count;
};

static bool mac_parse(const char *text, struct rte_ether_addr *mac)
{
	for (size_t i = 0; i < RTE_ETHER_ADDR_LEN; i++, text += 3) {
		if (!isxdigit((unsigned char)text[0]) || !isxdigit((unsigned char)text[1]) ||
		    text[2] != (i + 1 < RTE_ETHER_ADDR_LEN ? ':' : '\0'))
			return false;
		mac->addr_bytes[i] = strtoul((char[]){text[0], text[1], '\0'}, NULL, 16);
	}
	return true;
}

static void mac_read(struct loader *l, const struct value *value, struct rte_ether_addr *mac)
{
	if (!mac_parse(value->text, mac))
		gremc_config_error_add(
			l, value->place,
			"`%s` is not a MAC address; write six pairs of hexadecimal digits, such as "
			"02:00:00:00:00:11",
			QUOTE(value->text));
	else if (rte_is_multicast_ether_addr(mac))
		gremc_config_error_add(l, value->place,
				       "%s is a multicast MAC address; a neighbor has a unicast one",
				       value->text);
	else if (rte_is_zero_ether_addr(mac))
		gremc_config_error_add(l, value->place,
				       "%s is the zero MAC address; write the neighbor's own", value->text);
}

static bool neighbor_read(struct loader *l, const struct value *name, yaml_node_t *node, void *object)
{
	struct neighbor_drafts *list = object;
	struct neighbor_draft draft = {.place = name->place};
	uint32_t problems = l->problems.count;
	struct neighbor_draft *drafts;
	struct value mac;

	gremc_config_unicast_read(l, "neighbors", name, &draft.neighbor.address);
	if (gremc_config_node_is_null(node) || !gremc_config_node_scalar(node, &mac))
		gremc_config_error_add(l, gremc_config_node_place(node),
				       "the neighbor %s has no MAC address; write "
				       "`%s: 02:00:00:00:00:11`",
				       QUOTE(name->text), QUOTE(name->text));
	else
		mac_read(l, &mac, &draft.neighbor.mac);
	if (l->problems.count != problems)
		return true;
	drafts = gremc_config_array_grow(l, list->drafts, list->count, sizeof(*drafts));
	if (drafts == NULL)
		return false;
	list->drafts = drafts;
	drafts[list->count++] = draft;
	return true;
}

static int neighbor_draft_compare(const void *a, const void *b)
{
	const struct neighbor_draft *x = a, *y = b;
	const int order = gremc_addr_compare(&x->neighbor.address, &y->neighbor.address);

	if (order)
		return order;
	return gremc_config_place_compare(x->place, y->place);
}

void gremc_config_read_neighbors(struct loader *l, const struct key *key, yaml_node_t *node, void *object)
{
	struct gremc_config_port *port = &((struct port_draft *)object)->port;
	struct neighbor_drafts list = {0};

	(void)key;
	gremc_config_mapping_visit(l, node, neighbor_read, &list);
	if (list.count == 0)
		goto out;
	qsort(list.drafts, list.count, sizeof(*list.drafts), neighbor_draft_compare);
	port->neighbors = gremc_config_array_alloc(l, list.count, sizeof(*port->neighbors));
	if (port->neighbors == NULL)
		goto out;
	port->neighbor_count = list.count;
	for (uint32_t i = 0; i < list.count; i++) {
		port->neighbors[i] = list.drafts[i].neighbor;
		if (i && gremc_addr_is_equal(&port->neighbors[i].address, &port->neighbors[i - 1].address))
			gremc_config_error_add(
				l, list.drafts[i].place,
				"the neighbor %s is given twice, first on line %u; keep one of them",
				ADDRESS(&port->neighbors[i].address), list.drafts[i - 1].place.line);
	}
out:
	free(list.drafts);
}
