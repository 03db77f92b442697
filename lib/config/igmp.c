/* SPDX-License-Identifier: BSD-3-Clause */
/* `igmp` of a vif and of the top level. */
#include <stdlib.h>
#include <string.h>

#include "config/config_priv.h"

void gremc_config_igmp_free(struct gremc_config_igmp *igmp)
{
	if (igmp == NULL)
		return;
	free(igmp->groups);
	free(igmp->sources);
	free(igmp->joins);
	free(igmp);
}

/* The field in the vif's draft. */
static struct gremc_config_igmp **igmp_field_of(const struct key *key, void *object)
{
	return (struct gremc_config_igmp **)((uint8_t *)object + key->offset);
}

/* Reject settings for members: an upstream vif has no members. */
static void igmp_check_upstream_keys(struct loader *l, const struct place *places)
{
	static const enum key_id of_members[] = {KEY_FAST_LEAVE,  KEY_MAX_GROUPS,  KEY_MAX_SOURCES,
						 KEY_REPORT_RATE, KEY_IGMP_GROUPS, KEY_IGMP_SOURCES,
						 KEY_JOIN};

	for (size_t i = 0; i < RTE_DIM(of_members); i++)
		if (places[of_members[i]].line)
			gremc_config_error_add(
				l, places[of_members[i]],
				"`%s` is for the members of a `querier` and has no effect with `mode: "
				"upstream`; remove it",
				gremc_config_keys[of_members[i]].name);
}

void gremc_config_read_igmp(struct loader *l, const struct key *key, yaml_node_t *node, void *object)
{
	struct value owner = {key->name, gremc_config_node_place(node), false};
	struct gremc_config_igmp *igmp = gremc_config_array_alloc(l, 1, sizeof(*igmp));
	struct place places[KEY_COUNT] = {{0}};

	*igmp_field_of(key, object) = igmp;
	if (igmp == NULL)
		return;
	gremc_config_mapping_read(l, node, SECTION_IGMP, &owner, igmp, places);
	if (igmp->mode == GREMC_IGMP_UPSTREAM)
		igmp_check_upstream_keys(l, places);
}

void gremc_config_read_igmp_word(struct loader *l, const struct key *key, const struct value *value,
				 void *object)
{
	struct value owner = {key->name, value->place, false};
	const int mode = gremc_keyword_parse(&gremc_igmp_mode_keywords, value->text);
	struct gremc_config_igmp *igmp;

	if (mode < 0)
		gremc_config_text_reject(l, key, value);
	if (mode <= GREMC_IGMP_OFF)
		return;
	igmp = gremc_config_array_alloc(l, 1, sizeof(*igmp));
	*igmp_field_of(key, object) = igmp;
	if (igmp == NULL)
		return;
	gremc_config_defaults_set(l, SECTION_IGMP, &owner, igmp);
	igmp->mode = (enum gremc_igmp_mode)mode;
}

void gremc_config_read_igmp_mode(struct loader *l, const struct key *key, const struct value *value,
				 void *object)
{
	const int mode = gremc_keyword_parse(&gremc_igmp_mode_keywords, value->text);

	if (mode <= GREMC_IGMP_OFF)
		gremc_config_text_reject(l, key, value);
	else
		((struct gremc_config_igmp *)object)->mode = (enum gremc_igmp_mode)mode;
}

void gremc_config_read_timing(struct loader *l, const struct key *key, yaml_node_t *node, void *object)
{
	struct gremc_config_igmp_timing *timing = &l->config->igmp;
	struct value owner = {key->name, gremc_config_node_place(node), false};
	uint32_t problems = l->problems.count;

	(void)object;
	gremc_config_mapping_read(l, node, SECTION_TIMING, &owner, timing, NULL);
	if (l->problems.count == problems && timing->response_interval >= timing->query_interval * 1000u)
		gremc_config_error_add(
			l, owner.place,
			"`query-response-interval` is %u ms, which is not less than the "
			"`query-interval` of %u s; members answer within it, before the next query",
			timing->response_interval, timing->query_interval);
}

/* ---- groups, sources, join ---- */

static bool igmp_check_group(struct loader *l, const struct value *value, const struct gremc_prefix *group)
{
	if (group->length < 4 || !gremc_addr_is_multicast(&group->address))
		gremc_config_error_add(l, value->place,
				       "%s is not multicast; `igmp` accepts groups inside 224.0.0.0/4",
				       value->text);
	else if (group->length >= 24 && gremc_ipv4_is_link_local_group(group->address.ipv4))
		gremc_config_error_add(l, value->place,
				       "%s is inside 224.0.0.0/24, which is never forwarded; `igmp` accepts "
				       "groups from 224.0.1.0 on",
				       value->text);
	else
		return true;
	return false;
}

static bool igmp_group_read(struct loader *l, const struct value *value, void *object)
{
	struct gremc_config_igmp *igmp = object;
	struct gremc_prefix group, *groups;

	if (!gremc_config_prefix_read(l, "groups", value, &group) || !igmp_check_group(l, value, &group))
		return true;
	groups = gremc_config_array_grow(l, igmp->groups, igmp->group_count, sizeof(*groups));
	if (groups == NULL)
		return false;
	igmp->groups = groups;
	groups[igmp->group_count++] = group;
	return true;
}

void gremc_config_read_igmp_groups(struct loader *l, const struct key *key, yaml_node_t *node, void *object)
{
	gremc_config_sequence_visit(l, key, node, igmp_group_read, object);
}

bool gremc_config_source_read(struct loader *l, const struct value *value, struct gremc_prefix *source)
{
	struct gremc_addr address;
	uint8_t net;

	if (strchr(value->text, '/') == NULL) {
		if (!gremc_config_unicast_read(l, "sources", value, &address))
			return false;
		*source = gremc_prefix_of(&address, gremc_family_bits(address.family));
		return true;
	}
	if (!gremc_config_prefix_read(l, "sources", value, source))
		return false;
	net = (uint8_t)(rte_be_to_cpu_32(source->address.ipv4) >> 24);
	if (net != 0 && net != 127 && net < 224)
		return true;
	gremc_config_error_add(
		l, value->place,
		"%s is not a prefix of unicast addresses; `sources` accepts those of senders, and "
		"without it any sender is accepted",
		value->text);
	return false;
}

/* Check that the source neither is in the list nor overlaps an entry. */
static bool igmp_source_is_new(struct loader *l, const struct value *value,
			       const struct gremc_config_igmp *igmp, const struct gremc_prefix *source)
{
	char text[GREMC_PREFIX_TEXT];

	for (uint32_t i = 0; i < igmp->source_count; i++) {
		const struct gremc_prefix *other = &igmp->sources[i];
		bool inside = other->length <= source->length && gremc_prefix_covers(other, &source->address);

		if (!inside && !gremc_prefix_covers(source, &other->address))
			continue;
		if (other->length == source->length)
			gremc_config_error_add(l, value->place, "%s is in the list twice; remove one",
					       value->text);
		else
			gremc_config_error_add(l, value->place,
					       "%s %s %s, which is in the list, too; remove one", value->text,
					       inside ? "is inside" : "contains",
					       gremc_prefix_format(text, other));
		return false;
	}
	return true;
}

static bool igmp_source_read(struct loader *l, const struct value *value, void *object)
{
	struct gremc_config_igmp *igmp = object;
	struct gremc_prefix source, *sources;

	if (!gremc_config_source_read(l, value, &source))
		return true;
	if (igmp->source_count == GREMC_CONFIG_SOURCES_MAX) {
		gremc_config_error_add(l, value->place, "there are more than %u sources; remove some",
				       GREMC_CONFIG_SOURCES_MAX);
		return false;
	}
	if (!igmp_source_is_new(l, value, igmp, &source))
		return true;
	sources = gremc_config_array_grow(l, igmp->sources, igmp->source_count, sizeof(*sources));
	if (sources == NULL)
		return false;
	igmp->sources = sources;
	sources[igmp->source_count++] = source;
	return true;
}

void gremc_config_read_igmp_sources(struct loader *l, const struct key *key, yaml_node_t *node, void *object)
{
	gremc_config_sequence_visit(l, key, node, igmp_source_read, object);
}

void gremc_config_read_join_group(struct loader *l, const struct key *key, const struct value *value,
				  void *object)
{
	struct gremc_config_join *join = object;
	struct gremc_prefix group;

	if (!gremc_config_prefix_read(l, key->name, value, &group) || !igmp_check_group(l, value, &group))
		return;
	if (!gremc_prefix_is_single(&group))
		gremc_config_error_add(l, value->place, "`group` is %s; a member joins a single group",
				       value->text);
	join->group = group.address;
}

static void igmp_join_read(struct loader *l, yaml_node_t *node, struct gremc_config_igmp *igmp)
{
	struct value owner = {"the member", gremc_config_node_place(node), false};
	struct place places[KEY_COUNT] = {{0}};
	uint32_t problems = l->problems.count;
	struct gremc_config_join join = {0}, *joins;

	gremc_config_mapping_read(l, node, SECTION_JOIN, &owner, &join, places);
	if (l->problems.count != problems)
		return;
	if (!gremc_addr_is_set(&join.source) && gremc_addr_is_ssm(&join.group)) {
		gremc_config_error_add(
			l, places[KEY_JOIN_GROUP],
			"`group` is %s, inside 232.0.0.0/8, where a member names its source (RFC "
			"4607); add `source:`",
			ADDRESS(&join.group));
		return;
	}
	joins = gremc_config_array_grow(l, igmp->joins, igmp->join_count, sizeof(*joins));
	if (joins == NULL)
		return;
	igmp->joins = joins;
	joins[igmp->join_count++] = join;
}

void gremc_config_read_joins(struct loader *l, const struct key *key, yaml_node_t *node, void *object)
{
	(void)key;
	for (const yaml_node_item_t *item = node->data.sequence.items.start;
	     item < node->data.sequence.items.top && !l->no_memory; item++)
		igmp_join_read(l, yaml_document_get_node(&l->document, *item), object);
}

/* ---- checks of all vifs ---- */

/* A proxy has one upstream interface (RFC 4605, 4). */
static void igmp_check_upstream(struct loader *l, const struct gremc_config_igmp *igmp, struct place place,
				const char *name, struct place *first)
{
	char where[WHERE_TEXT];

	if (igmp == NULL || igmp->mode != GREMC_IGMP_UPSTREAM)
		return;
	if (first->line)
		gremc_config_error_add(
			l, place,
			"%s cannot be `igmp: upstream`, too; there is one already (%s), and two "
			"would make a loop",
			name, gremc_config_place_format(where, l, *first, place));
	else
		*first = place;
}

void gremc_config_validate_igmp(struct loader *l)
{
	struct place first = {0};

	for (uint32_t i = 0; i < l->port_count; i++) {
		const struct gremc_config_port *port = &l->config->ports[i];
		struct place place = l->ports[i].places[KEY_PORT_IGMP];

		if (port->igmp && !port->multicast)
			gremc_config_error_add(l, place,
					       "%s has no native multicast, so no host can join there; add "
					       "`multicast: true` to it, or remove `igmp`",
					       port->name);
		igmp_check_upstream(l, port->igmp, place, port->name, &first);
		gremc_config_igmp_check_limits(l, port->igmp, place, port->name);
	}
	for (uint32_t i = 0; i < l->tunnel_count; i++) {
		const struct gremc_config_tunnel *tunnel = &l->config->tunnels[i];

		igmp_check_upstream(l, tunnel->igmp, l->tunnels[i].igmp, tunnel->name, &first);
		gremc_config_igmp_check_limits(l, tunnel->igmp, l->tunnels[i].igmp, tunnel->name);
	}
}
