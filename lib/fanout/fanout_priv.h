/* SPDX-License-Identifier: BSD-3-Clause */
/* The table, its views, and the memory of its mroutes. All functions are for the writer, except those of
 * lookup.c. */
#ifndef GREMC_FANOUT_FANOUT_PRIV_H
#define GREMC_FANOUT_FANOUT_PRIV_H

#include <assert.h>
#include <stdalign.h>
#include <string.h>

#include "base/annotate.h"
#include "fanout/fanout.h"
#include "hash/hash.h"
#include "stats/counter.h"

/* ---- slab: memory of mroutes, in steps of a cache line; the same line on each node ---- */

#define GREMC_SLAB_STEP    GREMC_MROUTE_STEP
#define GREMC_SLAB_CLASSES 56u

struct gremc_slab_chunk;

struct gremc_slab {
	/* [node] The memory of all objects. The number of an object counts lines from its start and is the
	 * same on each node. The writer makes objects on the first node and copies them to the others. */
	void *lines[GREMC_NODES_MAX];
	uint32_t node_count;
	size_t size;                                            /* bytes of each node's memory */
	struct gremc_slab_chunk *available[GREMC_SLAB_CLASSES]; /* [class] chunks that have a free object */
	uint32_t *spare;                                        /* a stack of freed chunks */
	uint32_t spare_count, chunks;
	uint64_t bytes; /* a counter: of objects in use, on one node */
};

/* Reserve the memory.
 * Errors:  -ENOMEM: the process cannot have as much address space. */
__rte_warn_unused_result int gremc_slab_init(struct gremc_slab *slab, const struct gremc_nodes *nodes);
/* Free the memory and all objects in it. */
void gremc_slab_fini(struct gremc_slab *slab);
/* Allocate an object on the first node, aligned to a cache line, not zeroed.
 * Returns: NULL: out of memory. */
void *gremc_slab_alloc(struct gremc_slab *slab, size_t size);
/* Copy the object to the other nodes. */
void gremc_slab_copy(struct gremc_slab *slab, const void *object, size_t size);
/* Free an object. Its memory is zero on all nodes until it is allocated again.
 * Input:   `size` is that of its allocation. */
void gremc_slab_free(struct gremc_slab *slab, void *memory, size_t size);

/* The number of the object, which is the same on all nodes. */
static inline uint32_t gremc_slab_number(const struct gremc_slab *slab, const void *object)
{
	return (uint32_t)(RTE_PTR_DIFF(object, slab->lines[0]) / GREMC_SLAB_STEP);
}

/* The object's place on a node. */
static inline void *gremc_slab_at(const struct gremc_slab *slab, uint32_t node, const void *object)
{
	return RTE_PTR_ADD(slab->lines[node], RTE_PTR_DIFF(object, slab->lines[0]));
}

/* ---- object: an mroute, its key, and fields of the writer ---- */

/* The header of an mroute, directly before it. */
struct gremc_object {
	struct gremc_object
		*next; /* retired with it; itself while an operation of the present call changes it */
	union {
		struct gremc_fanout_key key; /* under which the hash has it */
		struct gremc_object *trunk;  /* of a branch, on the first node; the hash does not have it */
	};
};
static_assert(sizeof(struct gremc_object) == 16, "an object with a short oil is one cache line");
static_assert(sizeof(struct gremc_mroute) == 28, "so does the mroute");
static_assert(sizeof(struct gremc_object) + sizeof(struct gremc_mroute) +
			      GREMC_MROUTE_LINE * sizeof(uint32_t) ==
		      RTE_CACHE_LINE_SIZE,
	      "a first line is as full as it can be");

/* The mroute of an object. */
static inline struct gremc_mroute *gremc_object_mroute(struct gremc_object *object)
{
	return (struct gremc_mroute *)(object + 1);
}

/* The object of a published mroute. */
static inline struct gremc_object *gremc_object_of(const struct gremc_mroute *mroute)
{
	return (struct gremc_object *)RTE_PTR_SUB(mroute, sizeof(struct gremc_object));
}

/* Check all of a spec but the order of its vifs.
 * Errors:  -EINVAL, -E2BIG. */
__rte_warn_unused_result int gremc_spec_check(const struct gremc_mroute_spec *spec);
/* Create the object of a checked spec without branches, without an id.
 * Errors:  -ENOMEM; -EINVAL: a vif twice. */
__rte_warn_unused_result int
gremc_object_create(struct gremc_slab *slab, const struct gremc_mroute_spec *spec, struct gremc_object **out);
/* Create a trunk for `iif_count` iifs, which the caller writes.
 * Returns: NULL: out of memory. */
struct gremc_object *gremc_trunk_object_create(struct gremc_slab *slab, const struct gremc_mroute_spec *spec,
					       uint32_t iif_count);
/* Free one object that no reader can have. */
void gremc_object_destroy(struct gremc_slab *slab, struct gremc_object *object);
/* Copy the object, which is complete and has its id, to the other nodes. */
void gremc_object_copy(struct gremc_slab *slab, const struct gremc_object *object);
/* Whether both, which are no trunks, are equal, except for their ids. */
bool gremc_mroute_same(const struct gremc_mroute *a, const struct gremc_mroute *b);

/* ---- trunk: the route of a key, which is one mroute, or a trunk and its branches ---- */

/* Check the spec of a route, except for the order of its vifs.
 * Errors:  -EINVAL, -E2BIG. */
__rte_warn_unused_result int gremc_route_check(const struct gremc_mroute_spec *spec);
/* Create the mroute, or the trunk and its branches, of a checked spec, without ids.
 * Errors:  -ENOMEM; -EINVAL: a vif twice. */
__rte_warn_unused_result int gremc_route_create(struct gremc_slab *slab, const struct gremc_mroute_spec *spec,
						struct gremc_object **out);
/* Free an mroute, or a trunk and its branches, that no reader can have. */
void gremc_route_destroy(struct gremc_slab *slab, struct gremc_object *object);
/* Whether both routes are equal, except for their ids. */
bool gremc_route_same(const struct gremc_mroute *a, const struct gremc_mroute *b);
/* Returns: the number of branches; 1 for an mroute that is no trunk. */
uint32_t gremc_route_branches(const struct gremc_mroute *mroute);

/* The branch whose lowest iif has index `i` in the trunk, or NULL. */
static inline const struct gremc_mroute *gremc_trunk_branch_begin(const struct gremc_mroute *trunk,
								  uint32_t i)
{
	const struct gremc_mroute *branch = gremc_trunk_branch_at(trunk, i);

	return gremc_mroute_iifs(branch)[0] == trunk->vif[i] ? branch : NULL;
}

/* Iterate over the branches of a trunk, or over an mroute alone. Start with *at = 0. NULL: the end. */
static inline const struct gremc_mroute *gremc_branch_next(const struct gremc_mroute *mroute, uint32_t *at)
{
	const struct gremc_mroute *branch = NULL;

	if (!mroute->trunk)
		return (*at)++ == 0 ? mroute : NULL;
	while (branch == NULL && *at < mroute->iif_count)
		branch = gremc_trunk_branch_begin(mroute, (*at)++);
	return branch;
}

/* ---- view: the hash of the table, on each node ---- */

/* A table that grows gets another view, published by one store per node. */
struct gremc_view {
	struct gremc_hash
		*hash[GREMC_NODES_MAX]; /* key to the number of the object; each has a seed of its own */
	struct gremc_view *next;        /* retired with it */
};

/* The hash of a key in this table. */
static inline uint64_t gremc_key_hash(const struct gremc_hash *hash, const struct gremc_fanout_key *key)
{
	uint64_t both;

	memcpy(&both, key, sizeof(both));
	return gremc_hash_compute(hash, both, 0);
}

/* A gremc_hash_key_equals. */
static inline bool gremc_object_has_key(const void *line, const void *key)
{
	return memcmp(&((const struct gremc_object *)line)->key, key, sizeof(struct gremc_fanout_key)) == 0;
}

/* ---- table ---- */

/* Classes among the prefix lengths: (S,G), and 232.0.0.0/8, the only one for groups in it. */
#define GREMC_LENGTH_SG  33u
#define GREMC_LENGTH_SSM 34u

/* The class of the mroute: its bit in `lengths`. */
static inline uint8_t gremc_length_class(const struct gremc_mroute *mroute)
{
	if (mroute->source)
		return GREMC_LENGTH_SG;
	return mroute->group == GREMC_SSM_GROUPS && mroute->length == GREMC_SSM_LENGTH ? GREMC_LENGTH_SSM
										       : mroute->length;
}

GREMC_ATOMIC_POINTER(fanout_hash, struct gremc_hash);
GREMC_ATOMIC_POINTER(mroute, const struct gremc_mroute);

/* The data of lookups on one node, in its memory. Writer: control thread. Readers: workers and telemetry. */
struct gremc_fanout_node {
	alignas(RTE_CACHE_LINE_SIZE) gremc_atomic_fanout_hash hash; /* of the table's view */
	/* Lengths in use. A bit is set before the first route of its class is published, and cleared after
	 * the last one is removed: a reader may probe in vain, and never misses a route. */
	gremc_atomic_u64 lengths;
	/* Changes that remove routes, counted between their additions and their removals. A lookup during
	 * which it changes may have probed for a new route too early and for the old one too late. */
	gremc_atomic_u64 removals;
	const void *lines; /* of the slab; constant */
};

struct gremc_fanout {
	/* On any node. Writer: control thread. Readers: any thread. */
	alignas(RTE_CACHE_LINE_SIZE) gremc_atomic_mroute *slots; /* [id] acquire; NULL: free; reserved */
	gremc_atomic_u32 id_limit; /* ids from here on have never been used; relaxed, like all below */
	gremc_atomic_u32 mroutes;
	gremc_atomic_u32 capacity;
	uint64_t view_bytes; /* a counter */
	struct gremc_nodes nodes;
	struct gremc_fanout_node *node[GREMC_NODES_MAX];

	/* The writer's. */
	alignas(RTE_CACHE_LINE_SIZE) struct gremc_rcu *rcu;
	struct gremc_view *view;
	uint32_t *free_ids; /* a stack */
	uint32_t free_id_count;
	uint32_t per_length[GREMC_LENGTH_SSM + 1];
	struct gremc_slab slab;
};

/* The key of a route in the hash. */
static inline struct gremc_fanout_key gremc_fanout_key_of(rte_be32_t source, rte_be32_t group, uint8_t length)
{
	return (struct gremc_fanout_key){source ? source : rte_cpu_to_be_32(length), group};
}

/* Create hashes of a capacity of `keys`, with all routes of the table; not yet published.
 * Errors:  -ENOMEM. */
__rte_warn_unused_result int gremc_view_create(struct gremc_fanout *table, uint32_t keys,
					       struct gremc_view **out);
/* Free a view that no reader can have. */
void gremc_view_destroy(struct gremc_fanout *table, struct gremc_view *view);
/* Make readers use the view. */
void gremc_view_publish(struct gremc_fanout *table, struct gremc_view *view);
/* Add a route. Its key is not in the hash, which is not full. */
void gremc_view_add(struct gremc_fanout *table, const struct gremc_mroute *mroute);
/* Replace a route by another one with the same key. */
void gremc_view_replace(struct gremc_fanout *table, const struct gremc_mroute *old,
			const struct gremc_mroute *mroute);
/* Remove a route, which is in the hash. */
void gremc_view_remove(struct gremc_fanout *table, const struct gremc_mroute *mroute);

#endif
