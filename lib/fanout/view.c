/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <stdlib.h>

#include <rte_malloc.h>

#include "base/job.h"
#include "fanout/fanout_priv.h"

#define SMALLEST 1024u

static uint64_t mroute_hash(const struct gremc_hash *hash, const struct gremc_mroute *mroute)
{
	return gremc_key_hash(hash, &gremc_object_of(mroute)->key);
}

static uint32_t mroute_number(const struct gremc_fanout *table, const struct gremc_mroute *mroute)
{
	return gremc_slab_number(&table->slab, gremc_object_of(mroute));
}

/* The node's copy of the route is complete before the hash has its number. */
static void mroute_complete(const struct gremc_fanout *table, uint32_t node,
			    const struct gremc_mroute *mroute)
{
	GREMC_TSAN_RELEASE(gremc_slab_at(&table->slab, node, gremc_object_of(mroute)));
}

/* The mroute that the hash has in place of this one: that of a branch is its trunk, once for all branches.
 * Returns: NULL: another branch stands for the trunk. */
static const struct gremc_mroute *mroute_in_hash(const struct gremc_mroute *mroute)
{
	const struct gremc_mroute *trunk;

	if (!mroute->branch)
		return mroute;
	trunk = gremc_object_mroute(gremc_object_of(mroute)->trunk);
	return trunk->id == mroute->id ? trunk : NULL;
}

static int view_mroute_add(const struct gremc_fanout *table, const struct gremc_view *view,
			   const struct gremc_mroute *mroute)
{
	int rc = 0;

	for (uint32_t i = 0; i < table->nodes.count && rc == 0; i++) {
		mroute_complete(table, i, mroute);
		rc = gremc_hash_add(view->hash[i], mroute_hash(view->hash[i], mroute),
				    mroute_number(table, mroute));
	}
	return rc;
}

static void view_free(const struct gremc_fanout *table, struct gremc_view *view)
{
	for (uint32_t i = 0; view && i < table->nodes.count; i++) {
		if (view->hash[i] == NULL)
			continue;
		gremc_hash_fini(view->hash[i]);
		rte_free(view->hash[i]);
	}
	free(view);
}

/* An empty view. Returns: NULL: out of memory. */
static struct gremc_view *view_alloc(const struct gremc_fanout *table, uint32_t keys)
{
	struct gremc_view *view = calloc(1, sizeof(*view));

	for (uint32_t i = 0; view && i < table->nodes.count; i++) {
		const int socket = table->nodes.socket[i];

		view->hash[i] = gremc_memory_zalloc(sizeof(*view->hash[i]), socket);
		if (view->hash[i] && gremc_hash_init(view->hash[i], keys, socket) == 0)
			continue;
		view_free(table, view);
		view = NULL;
	}
	return view;
}

/* Count the view's memory: `sign` 1 adds it, -1 removes it. */
static void view_bytes_count(struct gremc_fanout *table, const struct gremc_view *view, int sign)
{
	uint64_t bytes = table->nodes.count * gremc_hash_bytes(view->hash[0]);

	gremc_counter_add(&table->view_bytes, (uint64_t)sign * bytes);
}

int gremc_view_create(struct gremc_fanout *table, uint32_t keys, struct gremc_view **out)
{
	struct gremc_view *view = view_alloc(table, RTE_MAX(keys, SMALLEST));
	int rc = 0;

	if (view == NULL)
		return -ENOMEM;
	view_bytes_count(table, view, 1);
	for (uint32_t id = 0; id < gremc_fanout_id_limit(table) && rc == 0; id++) {
		const struct gremc_mroute *mroute = gremc_fanout_get(table, id);

		mroute = mroute ? mroute_in_hash(mroute) : NULL;
		if (mroute)
			rc = view_mroute_add(table, view, mroute);
		gremc_job_pause();
	}
	if (rc) {
		gremc_view_destroy(table, view);
		return rc;
	}
	*out = view;
	return 0;
}

void gremc_view_destroy(struct gremc_fanout *table, struct gremc_view *view)
{
	view_bytes_count(table, view, -1);
	view_free(table, view);
}

void gremc_view_publish(struct gremc_fanout *table, struct gremc_view *view)
{
	for (uint32_t i = 0; i < table->nodes.count; i++)
		gremc_pointer_store_release(&table->node[i]->hash, view->hash[i]);
	table->view = view;
	gremc_u32_store(&table->capacity, view->hash[0]->capacity);
}

void gremc_view_add(struct gremc_fanout *table, const struct gremc_mroute *mroute)
{
	int rc = view_mroute_add(table, table->view, mroute);

	gremc_assert(rc == 0); /* capacity_reserve() */
	(void)rc;
}

void gremc_view_replace(struct gremc_fanout *table, const struct gremc_mroute *old,
			const struct gremc_mroute *mroute)
{
	for (uint32_t i = 0; i < table->nodes.count; i++) {
		struct gremc_hash *hash = table->view->hash[i];

		mroute_complete(table, i, mroute);
		gremc_hash_replace(hash, mroute_hash(hash, mroute), mroute_number(table, old),
				   mroute_number(table, mroute));
	}
}

void gremc_view_remove(struct gremc_fanout *table, const struct gremc_mroute *mroute)
{
	for (uint32_t i = 0; i < table->nodes.count; i++) {
		struct gremc_hash *hash = table->view->hash[i];

		gremc_hash_remove(hash, mroute_hash(hash, mroute), mroute_number(table, mroute));
	}
}
