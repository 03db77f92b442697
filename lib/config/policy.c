/* SPDX-License-Identifier: BSD-3-Clause */
/* `policy` of a vif. */
#include <stdlib.h>

#include "config/config_priv.h"

void gremc_config_policy_free(struct gremc_config_policy *policy)
{
	if (policy == NULL)
		return;
	free(policy->in.groups);
	free(policy->in.sources);
	free(policy->out.groups);
	free(policy->out.sources);
	free(policy);
}

/* Report a mapping without entries: it has no effect.
 * Returns: whether the mapping has entries. */
static bool mapping_check_entries(struct loader *l, const struct key *key, const yaml_node_t *node)
{
	if (node->data.mapping.pairs.start != node->data.mapping.pairs.top)
		return true;
	gremc_config_error_add(l, gremc_config_node_place(node),
			       "`%s` is an empty mapping; give it an entry, or remove it", key->name);
	return false;
}

void gremc_config_read_policy(struct loader *l, const struct key *key, yaml_node_t *node, void *object)
{
	const struct value owner = {key->name, gremc_config_node_place(node), false};
	struct gremc_config_policy *policy = gremc_config_array_alloc(l, 1, sizeof(*policy));

	*(struct gremc_config_policy **)((uint8_t *)object + key->offset) = policy;
	if (policy && mapping_check_entries(l, key, node))
		gremc_config_mapping_read(l, node, SECTION_POLICY, &owner, policy, NULL);
}

void gremc_config_read_boundary(struct loader *l, const struct key *key, yaml_node_t *node, void *object)
{
	const struct value owner = {key->name, gremc_config_node_place(node), false};

	if (mapping_check_entries(l, key, node))
		gremc_config_mapping_read(l, node, SECTION_BOUNDARY, &owner, object, NULL);
}

void gremc_config_read_policy_sources(struct loader *l, const struct key *key, yaml_node_t *node,
				      void *object)
{
	const struct value owner = {key->name, gremc_config_node_place(node), false};

	if (mapping_check_entries(l, key, node))
		gremc_config_mapping_read(l, node, SECTION_SOURCES, &owner, object, NULL);
}

void gremc_config_read_police(struct loader *l, const struct key *key, yaml_node_t *node, void *object)
{
	const struct value owner = {key->name, gremc_config_node_place(node), false};

	if (mapping_check_entries(l, key, node))
		gremc_config_mapping_read(l, node, SECTION_POLICE, &owner, object, NULL);
}

void gremc_config_read_rate(struct loader *l, const struct key *key, yaml_node_t *node, void *object)
{
	const struct value owner = {key->name, gremc_config_node_place(node), false};
	struct gremc_config_rate *rate = (struct gremc_config_rate *)((uint8_t *)object + key->offset);

	gremc_config_mapping_read(l, node, SECTION_RATE, &owner, rate, NULL);
	if (rate->pps == 0 && rate->kbps == 0)
		gremc_config_error_add(l, owner.place,
				       "`%s` of `police` has no rate; add `pps:`, `kbps:` or both",
				       key->name);
}

/* ---- lists of prefixes ---- */

/* A list in progress: two fields of a direction. */
struct prefix_list {
	struct gremc_prefix **prefixes;
	uint32_t *count;
	const char *what;
};

static bool prefix_append(struct loader *l, const struct value *value, struct prefix_list *list,
			  const struct gremc_prefix *prefix)
{
	struct gremc_prefix *prefixes;

	if (*list->count == GREMC_CONFIG_SOURCES_MAX) {
		gremc_config_error_add(l, value->place, "there are more than %u %s; remove some",
				       GREMC_CONFIG_SOURCES_MAX, list->what);
		return false;
	}
	prefixes = gremc_config_array_grow(l, *list->prefixes, *list->count, sizeof(*prefixes));
	if (prefixes == NULL)
		return false;
	*list->prefixes = prefixes;
	prefixes[(*list->count)++] = *prefix;
	return true;
}

static bool boundary_group_read(struct loader *l, const struct value *value, void *object)
{
	struct gremc_prefix group;

	if (!gremc_config_prefix_read(l, "boundary", value, &group))
		return true;
	if (group.length < 4 || !gremc_addr_is_multicast(&group.address)) {
		gremc_config_error_add(l, value->place,
				       "%s is not multicast; `boundary` accepts groups inside 224.0.0.0/4",
				       value->text);
		return true;
	}
	return prefix_append(l, value, object, &group);
}

static bool policy_source_read(struct loader *l, const struct value *value, void *object)
{
	struct gremc_prefix source;

	return !gremc_config_source_read(l, value, &source) || prefix_append(l, value, object, &source);
}

static void prefix_list_read(struct loader *l, const struct key *key, yaml_node_t *node, text_visitor *visit,
			     struct prefix_list list)
{
	if (node->data.sequence.items.start == node->data.sequence.items.top)
		gremc_config_error_add(l, gremc_config_node_place(node),
				       "the list of %s is empty; give it an entry, or remove it", list.what);
	gremc_config_sequence_visit(l, key, node, visit, &list);
}

void gremc_config_read_boundary_groups(struct loader *l, const struct key *key, yaml_node_t *node,
				       void *object)
{
	struct gremc_config_policy_direction *direction =
		(struct gremc_config_policy_direction *)((uint8_t *)object + key->offset);

	prefix_list_read(
		l, key, node, boundary_group_read,
		(struct prefix_list){&direction->groups, &direction->group_count, "groups of `boundary`"});
}

void gremc_config_read_source_list(struct loader *l, const struct key *key, yaml_node_t *node, void *object)
{
	struct gremc_config_policy_direction *direction =
		(struct gremc_config_policy_direction *)((uint8_t *)object + key->offset);

	prefix_list_read(l, key, node, policy_source_read,
			 (struct prefix_list){&direction->sources, &direction->source_count, "sources"});
}
