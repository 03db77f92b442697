/* SPDX-License-Identifier: BSD-3-Clause */
/* Changes of many routes, all or none. All steps that can fail precede the first publication, with one
 * exception: a key that the call has twice. op_undo() is for it. */
#include <errno.h>
#include <stdlib.h>

#include "base/job.h"
#include "fanout/fanout_priv.h"

#define RETIRED_MAX 1024u /* objects that are freed at once */

/* Objects that one change removes from the table, freed together after its grace period. */
struct retired {
	struct retired *next; /* of the same change */
	struct gremc_fanout *table;
	uint32_t count; /* of objects */
	struct gremc_object *replaced;
	struct gremc_object *removed; /* their ids are freed with them */
	struct gremc_view *views;
};

/* An operation in progress. */
struct staged {
	struct gremc_object *object;    /* to publish; NULL: removal, or nothing to change */
	const struct gremc_mroute *old; /* published under this key before; NULL: the key is new */
};

struct change {
	struct gremc_fanout *table;
	const struct gremc_fanout_op *ops;
	uint32_t count;
	void (*on_new_id)(uint32_t id, void *argument);
	void *argument;
	struct staged *staged;
	struct retired *retired;
	uint32_t keys_added, keys_removed;
	uint32_t added, removed; /* mroutes, branches included; an upper bound where both have branches */
	uint32_t ids_needed;     /* an upper bound */
};

/* ---- ids ---- */

static uint32_t ids_left(const struct gremc_fanout *table)
{
	return table->free_id_count + GREMC_MROUTE_IDS_MAX - gremc_fanout_id_limit(table);
}

static uint32_t id_take(struct gremc_fanout *table)
{
	uint32_t id = gremc_fanout_id_limit(table);

	if (table->free_id_count > 0)
		return table->free_ids[--table->free_id_count];
	gremc_u32_store(&table->id_limit, id + 1);
	return id;
}

/* ---- retired objects ---- */

static void object_list_destroy(struct gremc_fanout *table, struct gremc_object *object)
{
	while (object) {
		struct gremc_object *next = object->next;

		gremc_object_destroy(&table->slab, object);
		object = next;
	}
}

/* Free the objects. Their grace period is over. */
static void retired_free(void *argument)
{
	struct retired *retired = argument;
	struct gremc_fanout *table = retired->table;
	struct gremc_object *object;

	for (object = retired->removed; object; object = object->next)
		table->free_ids[table->free_id_count++] = gremc_object_mroute(object)->id;
	object_list_destroy(table, retired->removed);
	object_list_destroy(table, retired->replaced);
	while (retired->views) {
		struct gremc_view *view = retired->views;

		retired->views = view->next;
		gremc_view_destroy(table, view);
	}
	free(retired);
}

static struct retired *retired_create(struct gremc_fanout *table)
{
	struct retired *retired = calloc(1, sizeof(*retired));

	if (retired)
		retired->table = table;
	return retired;
}

/* The part for another object. Without memory for a new part it is the last one, which becomes longer. */
static struct retired *retired_part(struct change *change)
{
	struct retired *part = NULL;

	if (change->retired->count >= RETIRED_MAX)
		part = retired_create(change->table);
	if (part) {
		part->next = change->retired;
		change->retired = part;
	}
	change->retired->count++;
	return change->retired;
}

static void object_list_push(struct gremc_object **list, const struct gremc_mroute *mroute)
{
	struct gremc_object *object = gremc_object_of(mroute);

	object->next = *list;
	*list = object;
}

static void removed_mroute_retire(struct change *change, const struct gremc_mroute *mroute)
{
	object_list_push(&retired_part(change)->removed, mroute);
}

static void replaced_mroute_retire(struct change *change, const struct gremc_mroute *mroute)
{
	object_list_push(&retired_part(change)->replaced, mroute);
}

static void retired_defer(struct gremc_rcu *rcu, struct retired *retired)
{
	if (gremc_rcu_defer(rcu, retired_free, retired) == 0)
		return;
	/* without memory to defer it */
	gremc_rcu_synchronize(rcu);
	retired_free(retired);
}

/* Start the grace period of all retired objects. */
static void retired_hand_over(struct change *change)
{
	while (change->retired) {
		struct retired *retired = change->retired;

		change->retired = retired->next;
		if (retired->replaced || retired->removed || retired->views)
			retired_defer(change->table->rcu, retired);
		else
			free(retired);
	}
	gremc_rcu_commit(change->table->rcu);
}

/* ---- stage: the steps that can fail ---- */

/* Count a route that is added, or that replaces `old`. */
static void staged_route_count(struct change *change, const struct gremc_mroute *mroute,
			       const struct gremc_mroute *old)
{
	const uint32_t branches = gremc_route_branches(mroute);

	change->keys_added += old == NULL;
	change->added += branches;
	change->removed += old ? gremc_route_branches(old) : 0;
	/* the id of an mroute stays; branches may be others */
	change->ids_needed += old && !old->trunk && !mroute->trunk ? 0 : branches;
}

static int op_stage(struct change *change, uint32_t at)
{
	struct gremc_fanout *table = change->table;
	const struct gremc_mroute_spec *spec = &change->ops[at].spec;
	struct staged *staged = &change->staged[at];
	struct gremc_object *object;
	int rc;

	staged->old = gremc_fanout_find(table, spec->source, spec->group, spec->length);
	if (staged->old) {
		object = gremc_object_of(staged->old);
		if (object->next)
			return -EINVAL; /* another operation has this key */
		object->next = object;
	}
	if (change->ops[at].kind == GREMC_FANOUT_REMOVE) {
		if (staged->old == NULL)
			return -ENOENT;
		change->keys_removed++;
		change->removed += gremc_route_branches(staged->old);
		return 0;
	}
	rc = gremc_route_check(spec);
	if (rc == 0)
		rc = gremc_route_create(&table->slab, spec, &object);
	if (rc)
		return rc;
	if (staged->old && gremc_route_same(staged->old, gremc_object_mroute(object))) {
		gremc_route_destroy(&table->slab, object);
		return 0;
	}
	staged->object = object;
	staged_route_count(change, gremc_object_mroute(object), staged->old);
	return 0;
}

static int view_rebuild(struct change *change, uint32_t keys)
{
	struct gremc_fanout *table = change->table;
	struct gremc_view *old = table->view, *view;
	int rc = gremc_view_create(table, keys, &view);

	if (rc)
		return rc;
	gremc_view_publish(table, view);
	old->next = change->retired->views;
	change->retired->views = old;
	return 0;
}

/* Provide ids and entries of the hash for the added routes. Removed routes keep their ids for a grace period.
 */
static int capacity_reserve(struct change *change)
{
	struct gremc_fanout *table = change->table;
	const struct gremc_hash *hash = table->view->hash[0]; /* all are equally full */
	uint32_t keys = hash->count + change->keys_added;

	if (change->added > change->removed &&
	    gremc_u32_load(&table->mroutes) + change->added > GREMC_MROUTES_MAX + change->removed)
		return -ENOSPC;
	while (ids_left(table) < change->ids_needed && gremc_rcu_reclaim_some(table->rcu, 1))
		gremc_job_pause();
	if (ids_left(table) < change->ids_needed)
		return -ENOSPC;
	/* by half, to grow in few steps */
	return keys > hash->capacity ? view_rebuild(change, keys + keys / 2) : 0;
}

/* ---- publish ---- */

static void lengths_set(struct gremc_fanout *table, uint64_t lengths)
{
	for (uint32_t i = 0; i < table->nodes.count; i++)
		gremc_u64_store_release(&table->node[i]->lengths, lengths);
}

/* Count the branches of a route: `sign` 1 adds them, -1 removes them. */
static void branches_count(struct gremc_fanout *table, const struct gremc_mroute *mroute, int sign)
{
	const uint32_t branches = gremc_route_branches(mroute);

	gremc_u32_store(&table->mroutes, gremc_u32_load(&table->mroutes) + (uint32_t)sign * branches);
}

static void key_count_add(struct gremc_fanout *table, const struct gremc_mroute *mroute)
{
	uint8_t length = gremc_length_class(mroute);

	if (table->per_length[length]++ == 0)
		lengths_set(table, gremc_u64_load(&table->node[0]->lengths) | UINT64_C(1) << length);
}

static void key_count_remove(struct gremc_fanout *table, const struct gremc_mroute *mroute)
{
	uint8_t length = gremc_length_class(mroute);

	if (--table->per_length[length] == 0)
		lengths_set(table, gremc_u64_load(&table->node[0]->lengths) & ~(UINT64_C(1) << length));
}

static void slot_set(struct gremc_fanout *table, uint32_t id, const struct gremc_mroute *mroute)
{
	gremc_pointer_store_release(&table->slots[id], mroute);
}

/* Retire an mroute or branch whose id no other one has. */
static void branch_retire(struct change *change, const struct gremc_mroute *branch)
{
	slot_set(change->table, branch->id, NULL);
	removed_mroute_retire(change, branch);
}

/* Retire a replaced route. The id of a branch without a successor is freed with it. */
static void replaced_route_retire(struct change *change, const struct gremc_mroute *mroute)
{
	const struct gremc_mroute *branch;
	uint32_t at = 0;

	while ((branch = gremc_branch_next(mroute, &at))) {
		if (gremc_fanout_get(change->table, branch->id) == branch)
			branch_retire(change, branch);
		else
			replaced_mroute_retire(change, branch);
	}
	if (mroute->trunk)
		replaced_mroute_retire(change, mroute);
}

/* Remove a route: no reader finds it from now on, and some may still hold it. */
static void route_unpublish(struct change *change, const struct gremc_mroute *mroute)
{
	struct gremc_fanout *table = change->table;

	gremc_view_remove(table, mroute);
	branches_count(table, mroute, -1);
	key_count_remove(table, mroute);
	replaced_route_retire(change, mroute); /* no branch has a successor */
}

/* Find the published mroute that a new one replaces and whose id it gets: one with a common iif that has no
 * successor yet.
 * Input:   old: the published route of this key; NULL: none.
 * Returns: NULL: the new one needs another id. */
static const struct gremc_mroute *branch_predecessor(const struct gremc_fanout *table,
						     const struct gremc_mroute *old,
						     const struct gremc_mroute *branch)
{
	uint32_t at = 0;

	if (old == NULL || (!old->trunk && !branch->branch))
		return old;
	if (branch->iif_count == 0)
		return gremc_branch_next(old, &at);
	for (uint32_t i = 0; i < branch->iif_count; i++) {
		const uint32_t iif = gremc_mroute_iifs(branch)[i];
		const struct gremc_mroute *found = gremc_mroute_branch(old, iif);

		if (gremc_mroute_accepts(found, iif) && gremc_fanout_get(table, found->id) == found)
			return found;
	}
	return NULL;
}

static void branch_publish(struct change *change, const struct gremc_mroute *old, struct gremc_mroute *branch)
{
	struct gremc_fanout *table = change->table;
	const struct gremc_mroute *predecessor = branch_predecessor(table, old, branch);

	branch->id = predecessor ? predecessor->id : id_take(table);
	gremc_object_copy(&table->slab, gremc_object_of(branch));
	if (predecessor == NULL && change->on_new_id)
		change->on_new_id(branch->id, change->argument);
	slot_set(table, branch->id, branch);
}

/* Errors:  -EINVAL: another operation of this call has added the same key. */
static int op_publish(struct change *change, const struct staged *staged)
{
	struct gremc_fanout *table = change->table;
	struct gremc_mroute *mroute = gremc_object_mroute(staged->object);
	const struct gremc_mroute *branch;
	uint32_t at = 0;

	if (staged->old == NULL) {
		if (gremc_fanout_find(table, mroute->source, mroute->group, mroute->length))
			return -EINVAL;
		key_count_add(table, mroute);
	} else {
		branches_count(table, staged->old, -1);
	}
	branches_count(table, mroute, 1);
	while ((branch = gremc_branch_next(mroute, &at)))
		branch_publish(change, staged->old, gremc_object_mroute(gremc_object_of(branch)));
	if (mroute->trunk) {
		at = 0;
		mroute->id = gremc_branch_next(mroute, &at)->id;
		gremc_object_copy(&table->slab, staged->object);
	}
	if (staged->old)
		gremc_view_replace(table, staged->old, mroute);
	else
		gremc_view_add(table, mroute);
	return 0;
}

/* Undo the publication of an operation. */
static void op_undo(struct change *change, const struct staged *staged)
{
	struct gremc_fanout *table = change->table;
	const struct gremc_mroute *mroute = gremc_object_mroute(staged->object), *branch;
	uint32_t at = 0;

	if (staged->old == NULL) {
		route_unpublish(change, mroute);
		return;
	}
	branches_count(table, mroute, -1);
	branches_count(table, staged->old, 1);
	while ((branch = gremc_branch_next(staged->old, &at)))
		slot_set(table, branch->id, branch);
	gremc_view_replace(table, mroute, staged->old);
	replaced_route_retire(change, mroute);
}

static void removals_announce(struct gremc_fanout *table)
{
	for (uint32_t i = 0; i < table->nodes.count; i++) {
		struct gremc_fanout_node *node = table->node[i];

		gremc_u64_store_release(&node->removals, gremc_u64_load(&node->removals) + 1);
	}
}

/* Publish all additions before the first removal, so that a packet finds either a route or its replacement.
 */
static int ops_publish(struct change *change)
{
	struct gremc_fanout *table = change->table;
	uint32_t at = 0;
	int rc = 0;

	for (; at < change->count; at++) {
		if (change->staged[at].object)
			rc = op_publish(change, &change->staged[at]);
		if (rc)
			break;
		gremc_job_pause();
	}
	if (rc || change->keys_removed > 0)
		removals_announce(table);
	if (rc) {
		while (at-- > 0) {
			if (change->staged[at].object)
				op_undo(change, &change->staged[at]);
			change->staged[at].object = NULL;
			gremc_job_pause();
		}
		return rc;
	}
	for (at = 0; at < change->count; at++) {
		struct staged *staged = &change->staged[at];

		if (change->ops[at].kind == GREMC_FANOUT_REMOVE)
			route_unpublish(change, staged->old);
		else if (staged->object && staged->old)
			replaced_route_retire(change, staged->old);
		gremc_job_pause();
	}
	return 0;
}

/* Errors:  -ECANCELED: the job is cancelled. */
static int ops_stage(struct change *change)
{
	int rc = 0;

	for (uint32_t i = 0; i < change->count && rc == 0; i++) {
		rc = op_stage(change, i);
		if (gremc_job_pause() && rc == 0)
			rc = -ECANCELED;
	}
	for (uint32_t i = 0; i < change->count; i++) {
		if (change->staged[i].old)
			gremc_object_of(change->staged[i].old)->next = NULL;
		gremc_job_pause();
	}
	return rc;
}

static void ops_unstage(struct change *change)
{
	for (uint32_t i = 0; i < change->count; i++) {
		if (change->staged[i].object)
			gremc_route_destroy(&change->table->slab, change->staged[i].object);
		gremc_job_pause();
	}
}

int gremc_fanout_apply(struct gremc_fanout *table, const struct gremc_fanout_op *ops, uint32_t count,
		       void (*on_new_id)(uint32_t id, void *argument), void *argument)
{
	struct change change = {
		.table = table, .ops = ops, .count = count, .on_new_id = on_new_id, .argument = argument};
	int rc = -ENOMEM;

	gremc_assert_control_thread();
	if (count == 0)
		return 0;
	change.staged = calloc(count, sizeof(*change.staged));
	change.retired = retired_create(table);
	if (change.staged == NULL || change.retired == NULL)
		goto free_change;
	rc = ops_stage(&change);
	if (rc == 0)
		rc = capacity_reserve(&change);
	if (rc == 0)
		rc = ops_publish(&change);
	if (rc)
		ops_unstage(&change);
	retired_hand_over(&change);

free_change:
	free(change.retired);
	free(change.staged);
	return rc;
}
