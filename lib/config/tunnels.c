/* SPDX-License-Identifier: BSD-3-Clause */
/* `tunnels`. */
#include <string.h>

#include "config/config_priv.h"

struct tunnel_draft *gremc_config_tunnel_add(struct loader *l, const struct value *name)
{
	struct tunnel_draft *tunnels, *draft;

	if (l->tunnel_count == GREMC_CONFIG_TUNNELS_MAX) {
		gremc_config_error_add(l, name->place, "there are more than %u tunnels; remove some",
				       GREMC_CONFIG_TUNNELS_MAX);
		return NULL;
	}
	tunnels = gremc_config_array_grow(l, l->tunnels, l->tunnel_count, sizeof(*tunnels));
	if (tunnels == NULL)
		return NULL;
	l->tunnels = tunnels;
	draft = &tunnels[l->tunnel_count];
	*draft = (struct tunnel_draft){.tunnel.port = GREMC_CONFIG_NONE, .name = name->place};
	gremc_config_name_read(l, name, false, l->tunnel_count, draft->tunnel.name);
	l->tunnel_count++;
	return draft;
}

/* Whether the tunnel is of another kind, which netplan creates in the kernel. */
static bool tunnel_is_netplans(struct loader *l, const struct value *name, const yaml_node_t *node)
{
	static const char *const modes[] = {"gretap", "ip6gre", "ip6gretap", "ip6ip6", "ipip",  "ipip6",
					    "isatap", "sit",    "vti",       "vti6",   "vxlan", "wireguard"};
	const yaml_node_t *mode = gremc_config_mapping_find(l, node, "mode");
	struct value value;

	if (mode == NULL || !gremc_config_node_scalar(mode, &value))
		return false;
	for (size_t i = 0; i < RTE_DIM(modes); i++) {
		if (strcmp(value.text, modes[i]))
			continue;
		gremc_config_warning_add(
			l, value.place,
			"%s has the mode %s, so only the kernel uses it; the forwarder has `gre` and `gre-udp` tunnels only",
			QUOTE(name->text), modes[i]);
		return true;
	}
	return false;
}

static bool tunnel_read(struct loader *l, const struct value *name, yaml_node_t *node, void *object)
{
	uint32_t problems = l->problems.count;
	struct place places[KEY_COUNT] = {{0}};
	char quoted[QUOTE_TEXT];
	struct value owner = {gremc_config_text_quote(quoted, name->text), name->place, false};
	struct tunnel_draft *draft;

	(void)object;
	if (tunnel_is_netplans(l, name, node))
		return true;
	draft = gremc_config_tunnel_add(l, name);
	if (draft == NULL)
		return false;
	gremc_config_mapping_read(l, node, SECTION_TUNNEL, &owner, draft, places);
	draft->local = places[KEY_LOCAL];
	draft->remote = places[KEY_REMOTE];
	draft->mtu = places[KEY_TUNNEL_MTU];
	draft->address = places[KEY_TUNNEL_ADDRESSES];
	draft->peer = places[KEY_PEER];
	draft->routes = places[KEY_TUNNEL_ROUTES];
	draft->igmp = places[KEY_TUNNEL_IGMP];
	draft->ttl = places[KEY_TTL];
	draft->dscp_map = places[KEY_DSCP_MAP];
	draft->broken = l->problems.count != problems;
	return true;
}

void gremc_config_read_tunnels(struct loader *l, const struct key *key, yaml_node_t *node, void *object)
{
	(void)key;
	gremc_config_mapping_visit(l, node, tunnel_read, object);
}

void gremc_config_read_key_pair(struct loader *l, const struct key *key, yaml_node_t *node, void *object)
{
	struct value owner = {key->name, gremc_config_node_place(node), false};

	if (node->data.mapping.pairs.start == node->data.mapping.pairs.top)
		gremc_config_error_add(l, owner.place,
				       "`key` is an empty mapping; give `input`, `output` or both, or "
				       "remove it for a tunnel without a key");
	gremc_config_mapping_read(l, node, SECTION_KEY, &owner, object, NULL);
}

static bool tunnel_address_read(struct loader *l, const struct value *value, void *object)
{
	struct gremc_config_tunnel *tunnel = &((struct tunnel_draft *)object)->tunnel;
	struct gremc_config_address address;

	if (!gremc_config_interface_address_read(l, value, 32, &address))
		return true;
	if (gremc_addr_is_set(&tunnel->address.address)) {
		gremc_config_error_add(l, value->place, "a tunnel has one inner address; remove %s",
				       value->text);
		return false;
	}
	tunnel->address = address;
	return true;
}

void gremc_config_read_tunnel_addresses(struct loader *l, const struct key *key, yaml_node_t *node,
					void *object)
{
	gremc_config_addresses_visit(l, key, node, tunnel_address_read, object);
}

void gremc_config_read_tunnel_routes(struct loader *l, const struct key *key, yaml_node_t *node, void *object)
{
	struct gremc_config_tunnel *tunnel = &((struct tunnel_draft *)object)->tunnel;

	(void)key;
	for (const yaml_node_item_t *item = node->data.sequence.items.start;
	     item < node->data.sequence.items.top; item++) {
		struct gremc_config_route route = {0}, *routes;
		struct place place;

		if (!gremc_config_route_read(l, yaml_document_get_node(&l->document, *item), true, &route,
					     &place))
			continue;
		routes = gremc_config_array_grow(l, tunnel->routes, tunnel->route_count, sizeof(*routes));
		if (routes == NULL)
			return;
		tunnel->routes = routes;
		routes[tunnel->route_count++] = route;
	}
}
