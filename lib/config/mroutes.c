/* SPDX-License-Identifier: BSD-3-Clause */
/* `mroutes`, read last, when every vif has its number. */
#include <stdlib.h>
#include <string.h>

#include "config/config_priv.h"

/* The search for the nearest of 65,536 names takes a millisecond, too long for each of a million wrong names.
 */
#define SUGGESTIONS_MAX 100

void gremc_config_read_mroutes(struct loader *l, const struct key *key, yaml_node_t *node, void *object)
{
	(void)key, (void)object;
	l->mroutes = node;
}

/* `kernel` in place of the list of mroutes. */
void gremc_config_read_origin(struct loader *l, const struct key *key, const struct value *value,
			      void *object)
{
	(void)object;
	if (strcmp(value->text, "kernel"))
		gremc_config_text_reject(l, key, value);
	else
		l->config->kernel_mroutes = true;
}

/* ---- group and source ---- */

void gremc_config_read_group(struct loader *l, const struct key *key, const struct value *value, void *object)
{
	struct gremc_config_mroute *mroute = object;
	struct gremc_prefix *group = &mroute->group;

	if (!gremc_config_prefix_read(l, key->name, value, group))
		return;
	if (group->length < 4 || !gremc_addr_is_multicast(&group->address))
		gremc_config_error_add(
			l, value->place,
			"`group` is %s, which is not multicast; it accepts groups inside 224.0.0.0/4",
			value->text);
	else if (group->length >= 24 && gremc_ipv4_is_link_local_group(group->address.ipv4))
		gremc_config_error_add(
			l, value->place,
			"`group` is %s, inside 224.0.0.0/24, which is never forwarded; it accepts groups "
			"from 224.0.1.0 on",
			value->text);
}

void gremc_config_read_source(struct loader *l, const struct key *key, const struct value *value,
			      void *object)
{
	struct gremc_config_mroute *mroute = object;

	gremc_config_unicast_read(l, key->name, value, &mroute->source);
}

/* Check the combination of group and source. */
static void mroute_check_pair(struct loader *l, const struct gremc_config_mroute *mroute,
			      const struct place *places)
{
	char text[GREMC_PREFIX_TEXT];

	if (places[KEY_SOURCE].line && !gremc_prefix_is_single(&mroute->group))
		gremc_config_error_add(
			l, places[KEY_GROUP],
			"`group` is %s together with a `source`; with a source it accepts a single group, "
			"without a length",
			gremc_prefix_format(text, &mroute->group));
	else if (!places[KEY_SOURCE].line && mroute->group.length >= 8 &&
		 gremc_addr_is_ssm(&mroute->group.address))
		gremc_config_error_add(
			l, places[KEY_GROUP],
			"`group` is %s, inside 232.0.0.0/8, where each route needs its source (RFC "
			"4607); add `source:`",
			gremc_prefix_format(text, &mroute->group));
}

/* ---- from and to ---- */

struct vif_draft {
	uint32_t vif;
	uint32_t order; /* in the list */
};

static void vif_unknown_error(struct loader *l, const struct value *value)
{
	const struct name *near = NULL;

	if (l->suggestions++ < SUGGESTIONS_MAX)
		near = gremc_config_names_nearest(&l->names, value->text);
	if (near)
		gremc_config_error_add(l, value->place, "there is no `%s`; did you mean `%s`?",
				       QUOTE(value->text), near->text);
	else
		gremc_config_error_add(
			l, value->place,
			"there is no `%s`; name a tunnel, a port with `multicast: true`, or `host`",
			QUOTE(value->text));
}

/* Returns: the number of the vif; GREMC_CONFIG_NONE: the error is added. */
static uint32_t vif_number_find(struct loader *l, const struct value *value)
{
	const struct name *name = gremc_config_names_find(&l->names, value->text);
	const struct gremc_config_port *port;

	if (name == NULL && strcmp(value->text, "host") == 0) {
		l->config->names_host = true;
		return l->tunnel_count + l->config->port_count;
	}
	if (name == NULL) {
		vif_unknown_error(l, value);
		return GREMC_CONFIG_NONE;
	}
	if (!name->is_port) {
		gremc_assert(name->index < l->tunnel_count);
		return name->index;
	}
	gremc_assert(name->index < l->config->port_count);
	port = &l->config->ports[name->index];
	if (port->member_of != GREMC_CONFIG_NONE) {
		gremc_config_error_add(l, value->place, "%s is a member of %s; name the bond instead",
				       port->name, l->config->ports[port->member_of].name);
		return GREMC_CONFIG_NONE;
	}
	if (!port->multicast) {
		gremc_config_error_add(l, value->place,
				       "%s has no native multicast; add `multicast: true` to it", port->name);
		return GREMC_CONFIG_NONE;
	}
	return l->tunnel_count + name->index;
}

static bool text_is_every_vif(const char *text)
{
	return strcmp(text, "any") == 0 || strcmp(text, "all") == 0;
}

static void mroute_set_vifs(const struct key *key, struct gremc_config_mroute *mroute, uint32_t *vifs,
			    uint32_t count)
{
	bool is_from = key == &gremc_config_keys[KEY_FROM];

	*(is_from ? &mroute->from : &mroute->to) = vifs;
	*(is_from ? &mroute->from_count : &mroute->to_count) = count;
}

/* A single name, or the word for all of them. */
void gremc_config_read_vif(struct loader *l, const struct key *key, const struct value *value, void *object)
{
	struct gremc_config_mroute *mroute = object;
	uint32_t vif, *list;

	if (text_is_every_vif(value->text)) {
		*(key == &gremc_config_keys[KEY_FROM] ? &mroute->from_any : &mroute->to_all) = true;
		return;
	}
	vif = vif_number_find(l, value);
	list = vif == GREMC_CONFIG_NONE ? NULL : gremc_config_array_alloc(l, 1, sizeof(*list));
	if (list) {
		*list = vif;
		mroute_set_vifs(key, mroute, list, 1);
	}
}

static int vif_draft_compare(const void *a, const void *b)
{
	const struct vif_draft *x = a, *y = b;

	if (x->vif != y->vif)
		return x->vif < y->vif ? -1 : 1;
	return x->order < y->order ? -1 : x->order > y->order;
}

static yaml_node_t *sequence_item_at(struct loader *l, const yaml_node_t *node, size_t index)
{
	return yaml_document_get_node(&l->document, node->data.sequence.items.start[index]);
}

/* Collect the valid vifs of a list, in its order. */
static uint32_t vif_drafts_collect(struct loader *l, const struct key *key, yaml_node_t *node,
				   struct vif_draft *drafts)
{
	size_t length = node->data.sequence.items.top - node->data.sequence.items.start;
	uint32_t count = 0;

	for (size_t i = 0; i < length; i++) {
		yaml_node_t *item = sequence_item_at(l, node, i);
		struct value value;
		uint32_t vif;

		if (gremc_config_node_is_null(item) || !gremc_config_node_scalar(item, &value)) {
			gremc_config_entry_reject(l, key, item);
		} else if (text_is_every_vif(value.text)) {
			gremc_config_error_add(l, value.place,
					       "`%s` stands alone; write `%s: %s` without a list", value.text,
					       key->name, value.text);
		} else {
			vif = vif_number_find(l, &value);
			if (vif != GREMC_CONFIG_NONE)
				drafts[count++] = (struct vif_draft){vif, i};
		}
	}
	return count;
}

void gremc_config_read_vifs(struct loader *l, const struct key *key, yaml_node_t *node, void *object)
{
	size_t length = node->data.sequence.items.top - node->data.sequence.items.start;
	struct vif_draft *drafts;
	uint32_t count, *list;

	if (length == 0) {
		gremc_config_error_add(l, gremc_config_node_place(node),
				       "`%s` is an empty list; name at least one, or write `%s: %s`",
				       key->name, key->name,
				       key == &gremc_config_keys[KEY_FROM] ? "any" : "all");
		return;
	}
	drafts = gremc_config_array_alloc(l, length, sizeof(*drafts));
	if (drafts == NULL)
		return;
	count = vif_drafts_collect(l, key, node, drafts);
	list = gremc_config_array_alloc(l, count, sizeof(*list));
	if (list == NULL)
		goto out;
	qsort(drafts, count, sizeof(*drafts), vif_draft_compare);
	for (uint32_t i = 0; i < count; i++) {
		const yaml_node_t *item = sequence_item_at(l, node, drafts[i].order);

		list[i] = drafts[i].vif;
		if (i && list[i] == list[i - 1])
			gremc_config_error_add(l, gremc_config_node_place(item),
					       "`%s` is in the list twice; remove one",
					       (const char *)item->data.scalar.value);
	}
	mroute_set_vifs(key, object, list, count);
out:
	free(drafts);
}

/* `any` and `all` stand for every tunnel and every port with `multicast`. */
static uint32_t config_count_vifs(const struct gremc_config *config, uint32_t tunnels)
{
	uint32_t count = tunnels;

	for (uint32_t i = 0; i < config->port_count; i++)
		count += config->ports[i].multicast;
	return count;
}

static void mroute_check_vif_counts(struct loader *l, const struct gremc_config_mroute *mroute,
				    const struct place *places)
{
	const uint32_t from =
		mroute->from_any ? config_count_vifs(l->config, l->tunnel_count) : mroute->from_count;
	const uint32_t to = mroute->to_all ? config_count_vifs(l->config, l->tunnel_count) : mroute->to_count;

	if (from > GREMC_CONFIG_VIFS_MAX)
		gremc_config_error_add(l, places[KEY_FROM], "`from` has %u vifs; an mroute has at most %u",
				       from, GREMC_CONFIG_VIFS_MAX);
	if (to > GREMC_CONFIG_VIFS_MAX)
		gremc_config_error_add(l, places[KEY_TO], "`to` has %u vifs; an mroute has at most %u", to,
				       GREMC_CONFIG_VIFS_MAX);
}

/* ---- the list ---- */

static void mroute_read(struct loader *l, yaml_node_t *node)
{
	struct value owner = {"the mroute", gremc_config_node_place(node), false};
	struct gremc_config *config = l->config;
	struct gremc_config_mroute mroute = {0}, *mroutes;
	struct place places[KEY_COUNT] = {{0}}, *mroute_places;
	uint32_t problems = l->problems.count;
	struct value word;

	if (!gremc_config_node_is_null(node) && gremc_config_node_scalar(node, &word) &&
	    strcmp(word.text, "kernel") == 0) {
		config->kernel_mroutes = true;
		return;
	}
	gremc_config_mapping_read(l, node, SECTION_MROUTE, &owner, &mroute, places);
	if (l->problems.count == problems) {
		mroute_check_pair(l, &mroute, places);
		mroute_check_vif_counts(l, &mroute, places);
	}
	mroutes = gremc_config_array_grow(l, config->mroutes, config->mroute_count, sizeof(*mroutes));
	if (mroutes)
		config->mroutes = mroutes;
	mroute_places =
		gremc_config_array_grow(l, l->mroute_places, config->mroute_count, sizeof(*mroute_places));
	if (mroute_places)
		l->mroute_places = mroute_places;
	if (l->problems.count != problems || l->no_memory) {
		free(mroute.from);
		free(mroute.to);
		return;
	}
	gremc_assert(mroute.from_count <= GREMC_CONFIG_VIFS_MAX && mroute.to_count <= GREMC_CONFIG_VIFS_MAX);
	mroutes[config->mroute_count] = mroute;
	mroute_places[config->mroute_count++] = places[KEY_GROUP];
}

void gremc_config_load_mroutes(struct loader *l)
{
	size_t length;

	if (l->mroutes == NULL)
		return;
	length = l->mroutes->data.sequence.items.top - l->mroutes->data.sequence.items.start;
	for (size_t i = 0; i < length && !l->no_memory; i++) {
		if (i == GREMC_CONFIG_MROUTES_MAX) {
			gremc_config_error_add(
				l, gremc_config_node_place(sequence_item_at(l, l->mroutes, i)),
				"there are more than %u mroutes; remove some, or use a prefix for several",
				GREMC_CONFIG_MROUTES_MAX);
			return;
		}
		mroute_read(l, sequence_item_at(l, l->mroutes, i));
	}
}
