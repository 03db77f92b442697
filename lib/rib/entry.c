/* SPDX-License-Identifier: BSD-3-Clause */
/* The entries: each key that an origin requests, or whose mroute is in the table. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/job.h"
#include "rib/rib_priv.h"

const struct gremc_rib_key gremc_rib_every_group = {.group = GREMC_PREFIX_IPV4(RTE_BE32(0xe0000000), 4)};
const struct gremc_rib_key gremc_rib_ssm_groups = {
	.group = GREMC_PREFIX_IPV4(GREMC_SSM_GROUPS, GREMC_SSM_LENGTH)};

/* ---- keys ---- */

int gremc_rib_key_check(const struct gremc_rib_key *key)
{
	if (key->group.address.family != GREMC_FAMILY_IPV4 || key->source.family == GREMC_FAMILY_IPV6)
		return -EAFNOSUPPORT;
	return 0;
}

static uint64_t rib_key_hash(const struct gremc_rib *rib, const struct gremc_rib_key *key)
{
	return gremc_addr_hash(&key->group.address,
			       gremc_addr_hash(&key->source, rib->entries.seed ^ key->group.length));
}

struct rib_entry *gremc_rib_entry_find(const struct gremc_rib *rib, const struct gremc_rib_key *key)
{
	struct gremc_map_node *node = gremc_map_find(&rib->entries, rib_key_hash(rib, key));

	for (; node; node = gremc_map_find_next(node)) {
		struct rib_entry *entry = container_of(node, struct rib_entry, node);

		if (memcmp(&entry->key, key, sizeof(*key)) == 0)
			return entry;
	}
	return NULL;
}

/* ---- life ---- */

static void rib_entry_link_source(struct rib_entry *entry, struct rib_entry *wildcard)
{
	entry->wildcard = wildcard;
	entry->next = wildcard->sources;
	entry->previous = &wildcard->sources;
	if (entry->next)
		entry->next->previous = &entry->next;
	wildcard->sources = entry;
}

static void rib_entry_unlink_source(const struct rib_entry *entry)
{
	*entry->previous = entry->next;
	if (entry->next)
		entry->next->previous = entry->previous;
}

struct rib_entry *gremc_rib_entry_get(struct gremc_rib *rib, const struct gremc_rib_key *key)
{
	struct rib_entry *entry = gremc_rib_entry_find(rib, key), *wildcard = NULL;

	gremc_assert(gremc_rib_key_check(key) == 0);
	if (entry)
		return entry;
	if (gremc_addr_is_set(&key->source)) {
		wildcard = gremc_rib_entry_get(rib, &(const struct gremc_rib_key){.group = key->group});
		if (wildcard == NULL)
			return NULL;
	}
	entry = calloc(1, sizeof(*entry));
	if (entry == NULL) {
		if (wildcard)
			gremc_rib_entry_release(rib, wildcard);
		return NULL;
	}
	entry->key = *key;
	gremc_map_add(&rib->entries, &entry->node, rib_key_hash(rib, key));
	if (wildcard)
		rib_entry_link_source(entry, wildcard);
	return entry;
}

void gremc_rib_entry_members_free(struct rib_entry *entry)
{
	if (entry->members == NULL)
		return;
	free(entry->members->included.items);
	free(entry->members->excluded.items);
	free(entry->members);
	entry->members = NULL;
}

static void rib_entry_free(struct gremc_rib *rib, struct rib_entry *entry)
{
	(void)rib;
	gremc_rib_entry_members_free(entry);
	gremc_rib_entry_kernel_free(entry);
	free(entry);
}

static bool rib_entry_is_used(const struct rib_entry *entry)
{
	return entry->static_route || entry->static_before || entry->kernel || entry->members ||
	       entry->sources || entry->is_dirty || entry->is_batched || entry->is_published ||
	       entry->is_listed;
}

void gremc_rib_entry_release(struct gremc_rib *rib, struct rib_entry *entry)
{
	struct rib_entry *wildcard = entry->wildcard;

	if (rib_entry_is_used(entry))
		return;
	gremc_map_remove(&rib->entries, &entry->node);
	if (wildcard)
		rib_entry_unlink_source(entry);
	rib_entry_free(rib, entry);
	if (wildcard)
		gremc_rib_entry_release(rib, wildcard);
}

/* ---- changes ---- */

void gremc_rib_entry_touch(struct gremc_rib *rib, struct rib_entry *entry)
{
	if (entry->is_dirty)
		return;
	entry->is_dirty = true;
	entry->next_dirty = rib->dirty;
	rib->dirty = entry;
	rib->dirty_count++;
}

void gremc_rib_group_touch(struct gremc_rib *rib, struct rib_entry *entry)
{
	gremc_rib_entry_touch(rib, entry);
	for (struct rib_entry *source = entry->sources; source; source = source->next)
		gremc_rib_entry_touch(rib, source);
}

void gremc_rib_all_touch(struct gremc_rib *rib)
{
	rib->all_dirty = true;
}

void gremc_rib_entries_visit(struct gremc_rib *rib,
			     void (*visit)(struct gremc_rib *rib, struct rib_entry *entry))
{
	rib->entries.is_frozen = true;
	for (uint32_t i = 0; i < gremc_map_lists(&rib->entries); i++) {
		struct gremc_map_node *node = gremc_map_list(&rib->entries, i), *next;

		for (; node; node = next) {
			next = node->next;
			visit(rib, container_of(node, struct rib_entry, node));
		}
		gremc_job_pause(); /* a cancelled job completes the pass */
	}
	rib->entries.is_frozen = false;
}

/* ---- the rib ---- */

struct gremc_rib *gremc_rib_create(struct gremc_fanout *fanout, const struct gremc_rib_callbacks *callbacks)
{
	struct gremc_rib *rib = calloc(1, sizeof(*rib));

	gremc_assert_control_thread();
	if (rib == NULL)
		return NULL;
	rib->fanout = fanout;
	rib->callbacks = *callbacks;
	rib->upstream = GREMC_RIB_NONE;
	rib->waiting_end = &rib->waiting;
	rib->since = gremc_memory_reserve(GREMC_MROUTE_IDS_MAX * sizeof(*rib->since), SOCKET_ID_ANY);
	if (rib->since == NULL || gremc_map_init(&rib->entries)) {
		gremc_rib_destroy(rib);
		return NULL;
	}
	return rib;
}

void gremc_rib_destroy(struct gremc_rib *rib)
{
	if (rib == NULL)
		return;
	gremc_rib_entries_visit(rib, rib_entry_free);
	gremc_map_fini(&rib->entries);
	free(rib->filtered.items);
	if (rib->since)
		gremc_memory_release(rib->since, GREMC_MROUTE_IDS_MAX * sizeof(*rib->since));
	free(rib->arena.items);
	free(rib->branches.items);
	free(rib->batch);
	free(rib->ops);
	free(rib->op_entries);
	free(rib);
}
