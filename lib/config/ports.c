/* SPDX-License-Identifier: BSD-3-Clause */
/* ethernets: and bonds: */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "config/config_priv.h"

/* One port of either kind: false when no more may come. */
static bool read_port(struct loader *l, const struct value *name, yaml_node_t *node, enum section section)
{
	uint32_t index = l->port_count;
	struct port_draft *draft = &l->ports[index];
	char quoted[QUOTE_TEXT];
	struct value owner = {gremc_config_quote(quoted, name->text), name->place, false};

	if (index == GREMC_CONFIG_PORTS_MAX) {
		gremc_config_problem(l, name->place, "there are more than %u ports; remove some",
				     GREMC_CONFIG_PORTS_MAX);
		return false;
	}
	l->port_count++;
	draft->name = name->place;
	draft->is_ethernet = section == SECTION_ETHERNET;
	draft->port.member_of = GREMC_CONFIG_NONE;
	gremc_config_name(l, name, true, index, draft->port.name);
	gremc_config_mapping(l, node, section, &owner, draft, draft->places);
	return true;
}

/* The kernel keeps the device: it needs no TAP in the place of it, and its IGMP is the kernel's. */
static void check_shared(struct loader *l, const struct port_draft *draft)
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
			gremc_config_problem(l, draft->places[id], "`%s` is not for a port with `%s`; %s",
					     gremc_config_keys[id].name, key, instead[id]);
}

static bool read_ethernet(struct loader *l, const struct value *name, yaml_node_t *node, void *object)
{
	uint32_t problems = l->problem_count;
	const struct place *places;

	(void)object;
	if (!read_port(l, name, node, SECTION_ETHERNET))
		return false;
	places = l->ports[l->port_count - 1].places;
	if (l->problem_count != problems)
		return true;
	if (places[KEY_ETHERNET_DEVICE].line && places[KEY_INTERFACE].line)
		gremc_config_problem(
			l, places[KEY_INTERFACE],
			"%s has a `device`, which DPDK takes, and an `interface`, which the kernel "
			"keeps; remove one of them",
			QUOTE(name->text));
	else if (!places[KEY_ETHERNET_DEVICE].line && !places[KEY_INTERFACE].line)
		gremc_config_problem(
			l, name->place,
			"%s has no `device`; add `device:`, which takes the EAL's name of a device, "
			"or `interface:`, which takes one of the kernel",
			QUOTE(name->text));
	else if (places[KEY_INTERFACE].line && l->ports[l->port_count - 1].port.isolate)
		gremc_config_problem(
			l, places[KEY_ISOLATE],
			"`isolate` is for a `device`; remove it: the kernel keeps an `interface` anyway");
	check_shared(l, &l->ports[l->port_count - 1]);
	return true;
}

static bool read_bond(struct loader *l, const struct value *name, yaml_node_t *node, void *object)
{
	struct port_draft *draft;
	const struct place *places;

	(void)object;
	if (!read_port(l, name, node, SECTION_BOND))
		return false;
	draft = &l->ports[l->port_count - 1];
	places = draft->places;
	draft->port.is_bond = places[KEY_INTERFACES].line != 0;
	if (places[KEY_BOND_DEVICE].line && (places[KEY_INTERFACES].line || places[KEY_PARAMETERS].line))
		gremc_config_problem(
			l, places[KEY_BOND_DEVICE],
			"`device` names a bond that the EAL made, with members and a mode of its own; "
			"remove it, or `interfaces` and `parameters`");
	else if (!places[KEY_BOND_DEVICE].line && !places[KEY_INTERFACES].line)
		gremc_config_problem(l, name->place,
				     "bond %s has no members; add `interfaces: [NAME, ...]`, or "
				     "`device:` with a bond that the EAL made",
				     QUOTE(name->text));
	else if (places[KEY_INTERFACES].line && !places[KEY_PARAMETERS].line)
		gremc_config_problem(l, name->place,
				     "bond %s has no mode; add `parameters: {mode: 802.3ad}`, or "
				     "another mode",
				     QUOTE(name->text));
	return true;
}

void gremc_config_read_ethernets(struct loader *l, const struct key *key, yaml_node_t *node, void *object)
{
	uint32_t problems = l->problem_count;

	(void)key;
	gremc_config_each_name(l, node, read_ethernet, object);
	l->ports_broken |= l->problem_count != problems;
}

void gremc_config_read_bonds(struct loader *l, const struct key *key, yaml_node_t *node, void *object)
{
	uint32_t problems = l->problem_count;

	(void)key;
	gremc_config_each_name(l, node, read_bond, object);
	l->ports_broken |= l->problem_count != problems;
}

void gremc_config_read_parameters(struct loader *l, const struct key *key, yaml_node_t *node, void *object)
{
	struct value owner = {key->name, gremc_config_place(node), false};

	gremc_config_mapping(l, node, SECTION_PARAMETERS, &owner, object, NULL);
}

void gremc_config_read_interfaces(struct loader *l, const struct key *key, yaml_node_t *node, void *object)
{
	(void)l, (void)key;
	((struct port_draft *)object)->interfaces = node;
}

/* ---- addresses ---- */

static bool read_address(struct loader *l, const struct value *value, void *object)
{
	struct port_draft *draft = object;
	struct gremc_config_port *port = &draft->port;
	struct gremc_config_address address, *addresses;
	struct place *places;

	if (!gremc_config_interface_address(l, value, 0, &address))
		return true;
	addresses = gremc_config_grow(l, port->addresses, port->address_count, sizeof(*addresses));
	if (addresses == NULL)
		return false;
	port->addresses = addresses;
	places = gremc_config_grow(l, draft->address_places, port->address_count, sizeof(*places));
	if (places == NULL)
		return false;
	draft->address_places = places;
	addresses[port->address_count] = address;
	places[port->address_count++] = value->place;
	return true;
}

void gremc_config_read_addresses(struct loader *l, const struct key *key, yaml_node_t *node, void *object)
{
	gremc_config_each_text(l, key, node, read_address, object);
}

/* ---- routes ---- */

static void add_route(struct loader *l, struct port_draft *draft, const struct gremc_config_route *route,
		      struct place place)
{
	struct route_draft *routes =
		gremc_config_grow(l, draft->routes, draft->route_count, sizeof(*draft->routes));

	if (routes == NULL)
		return;
	draft->routes = routes;
	routes[draft->route_count++] = (struct route_draft){*route, place};
}

void gremc_config_read_gateway(struct loader *l, const struct key *key, const struct value *value,
			       void *object)
{
	struct gremc_config_route route = {0};

	if (gremc_config_unicast(l, key->name, value, &route.via))
		add_route(l, object, &route, value->place);
}

void gremc_config_read_route_to(struct loader *l, const struct key *key, const struct value *value,
				void *object)
{
	struct gremc_config_route *route = object;

	if (strcmp(value->text, "default") == 0) {
		route->to = (struct gremc_prefix){0};
		return;
	}
	if (gremc_config_prefix_ok(l, key->name, value, &route->to) && route->to.length &&
	    gremc_config_not_unicast(route->to.address))
		gremc_config_problem(l, value->place,
				     "`to` is %s, %s; it takes a unicast network, or `default`", value->text,
				     gremc_config_not_unicast(route->to.address));
}

void gremc_config_read_routes(struct loader *l, const struct key *key, yaml_node_t *node, void *object)
{
	(void)key;
	for (const yaml_node_item_t *item = node->data.sequence.items.start;
	     item < node->data.sequence.items.top; item++) {
		yaml_node_t *entry = yaml_document_get_node(&l->document, *item);
		struct value owner = {"the route", gremc_config_place(entry), false};
		struct place places[KEY_COUNT] = {{0}};
		uint32_t problems = l->problem_count;
		struct gremc_config_route route = {0};

		gremc_config_mapping(l, entry, SECTION_ROUTE, &owner, &route, places);
		if (l->problem_count == problems)
			add_route(l, object, &route, places[KEY_ROUTE_VIA]);
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

static bool parse_mac(const char *text, struct rte_ether_addr *mac)
{
	for (size_t i = 0; i < RTE_ETHER_ADDR_LEN; i++, text += 3) {
		if (!isxdigit((unsigned char)text[0]) || !isxdigit((unsigned char)text[1]) ||
		    text[2] != (i + 1 < RTE_ETHER_ADDR_LEN ? ':' : '\0'))
			return false;
		mac->addr_bytes[i] = strtoul((char[]){text[0], text[1], '\0'}, NULL, 16);
	}
	return true;
}

static void check_mac(struct loader *l, const struct value *value, struct rte_ether_addr *mac)
{
	if (!parse_mac(value->text, mac))
		gremc_config_problem(l, value->place,
				     "`%s` is no MAC address; write six pairs of hexadecimal digits, such as "
				     "02:00:00:00:00:11",
				     QUOTE(value->text));
	else if (rte_is_multicast_ether_addr(mac))
		gremc_config_problem(l, value->place,
				     "%s is a multicast MAC address; a neighbor has a unicast one",
				     value->text);
	else if (rte_is_zero_ether_addr(mac))
		gremc_config_problem(l, value->place,
				     "%s is no station's MAC address; write the neighbor's own", value->text);
}

static bool read_neighbor(struct loader *l, const struct value *name, yaml_node_t *node, void *object)
{
	struct neighbor_drafts *list = object;
	struct neighbor_draft draft = {.place = name->place};
	uint32_t problems = l->problem_count;
	struct neighbor_draft *drafts;
	struct value mac;

	gremc_config_unicast(l, "neighbors", name, &draft.neighbor.address);
	if (gremc_config_is_null(node) || !gremc_config_scalar(node, &mac))
		gremc_config_problem(l, gremc_config_place(node),
				     "the neighbor %s has no MAC address; write "
				     "`%s: 02:00:00:00:00:11`",
				     QUOTE(name->text), QUOTE(name->text));
	else
		check_mac(l, &mac, &draft.neighbor.mac);
	if (l->problem_count != problems)
		return true;
	drafts = gremc_config_grow(l, list->drafts, list->count, sizeof(*drafts));
	if (drafts == NULL)
		return false;
	list->drafts = drafts;
	drafts[list->count++] = draft;
	return true;
}

static int compare_neighbors(const void *a, const void *b)
{
	const struct neighbor_draft *x = a, *y = b;
	uint32_t left = rte_be_to_cpu_32(x->neighbor.address), right = rte_be_to_cpu_32(y->neighbor.address);

	if (left != right)
		return left < right ? -1 : 1;
	if (x->place.line != y->place.line)
		return x->place.line < y->place.line ? -1 : 1;
	return x->place.column < y->place.column ? -1 : x->place.column > y->place.column;
}

void gremc_config_read_neighbors(struct loader *l, const struct key *key, yaml_node_t *node, void *object)
{
	struct gremc_config_port *port = &((struct port_draft *)object)->port;
	struct neighbor_drafts list = {0};

	(void)key;
	gremc_config_each_name(l, node, read_neighbor, &list);
	if (list.count == 0)
		goto out;
	qsort(list.drafts, list.count, sizeof(*list.drafts), compare_neighbors);
	port->neighbors = gremc_config_alloc(l, list.count, sizeof(*port->neighbors));
	if (port->neighbors == NULL)
		goto out;
	port->neighbor_count = list.count;
	for (uint32_t i = 0; i < list.count; i++) {
		port->neighbors[i] = list.drafts[i].neighbor;
		if (i && port->neighbors[i].address == port->neighbors[i - 1].address)
			gremc_config_problem(
				l, list.drafts[i].place,
				"the neighbor %s is given twice, first on line %u; keep one of them",
				ADDRESS(port->neighbors[i].address), list.drafts[i - 1].place.line);
	}
out:
	free(list.drafts);
}
