/* SPDX-License-Identifier: BSD-3-Clause */
/* Inside fanout: the table, its views, and the memory of its mroutes. All but lookup.c is the writer's. */
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

#define GREMC_SLAB_STEP    64u
#define GREMC_SLAB_CLASSES 56u

struct gremc_slab_chunk;

struct gremc_slab {
	/* By node. All objects are in here: an object's number counts lines from here, and is the same on
	 * each. The first is where the writer makes them; the others get copies. */
	void *lines[GREMC_NODES_MAX];
	uint32_t node_count;
	size_t size;                                       /* of each */
	struct gremc_slab_chunk *room[GREMC_SLAB_CLASSES]; /* per class, the chunks that have a free object */
	uint32_t *spare;                                   /* chunks that were given back, a stack */
	uint32_t spare_count, chunks;
	uint64_t bytes; /* of objects in use, on one node; atomic, relaxed */
};

/* -ENOMEM: the address space is not to be had. */
int gremc_slab_init(struct gremc_slab *slab, const struct gremc_nodes *nodes);
/* Whatever is in it goes with it. */
void gremc_slab_fini(struct gremc_slab *slab);
/* Aligned to a cache line, not zeroed, on the first node. NULL: ENOMEM. */
void *gremc_slab_alloc(struct gremc_slab *slab, size_t size);
/* Give the object as it is now to the other nodes. */
void gremc_slab_copy(struct gremc_slab *slab, const void *object, size_t size);
/* `size` as it was asked for. On all nodes the memory reads as zero until it is given out again. */
void gremc_slab_free(struct gremc_slab *slab, void *memory, size_t size);

static inline uint32_t gremc_slab_number(const struct gremc_slab *slab, const void *object)
{
	return (uint32_t)(RTE_PTR_DIFF(object, slab->lines[0]) / GREMC_SLAB_STEP);
}

/* The object's place on a node. */
static inline void *gremc_slab_at(const struct gremc_slab *slab, uint32_t node, const void *object)
{
	return RTE_PTR_ADD(slab->lines[node], RTE_PTR_DIFF(object, slab->lines[0]));
}

/* ---- object: an mroute, its key, and what only the writer needs ---- */

/* Stands directly before its mroute: 16 bytes, so that an oil of 4 makes one cache line. */
struct gremc_object {
	struct gremc_object
		*next; /* retired with it; itself while an op of the call in progress is about it */
	struct gremc_fanout_key key; /* under which the hash has it */
};
static_assert(sizeof(struct gremc_object) == 16, "the header keeps an oil of 4 in one cache line");
static_assert(sizeof(struct gremc_mroute) == 28, "so does the mroute");
static_assert(sizeof(struct gremc_object) + sizeof(struct gremc_mroute) +
			      GREMC_MROUTE_LINE * sizeof(uint32_t) ==
		      RTE_CACHE_LINE_SIZE,
	      "a first line is as full as it can be");

static inline struct gremc_mroute *gremc_object_mroute(struct gremc_object *object)
{
	return (struct gremc_mroute *)(object + 1);
}

static inline struct gremc_object *gremc_object_of(const struct gremc_mroute *mroute)
{
	return (struct gremc_object *)RTE_PTR_SUB(mroute, sizeof(struct gremc_object));
}

/* 0, or why the spec is no route: -EINVAL, -E2BIG. Does not look at the vifs. */
int gremc_spec_check(const struct gremc_mroute_spec *spec);
/* The object of a checked spec, without an id. -ENOMEM, or -EINVAL: a vif twice. */
int gremc_object_create(struct gremc_slab *slab, const struct gremc_mroute_spec *spec,
			struct gremc_object **out);
void gremc_object_destroy(struct gremc_slab *slab, struct gremc_object *object);
/* It is complete, its id included: bring it to the other nodes. */
void gremc_object_copy(struct gremc_slab *slab, const struct gremc_object *object);
/* Do both say the same, but for the id? */
bool gremc_mroute_same(const struct gremc_mroute *a, const struct gremc_mroute *b);

/* ---- view: the hash of the table, on each node ---- */

/* A table that grows gets another view, published by one store a node. */
struct gremc_view {
	struct gremc_hash
		*hash[GREMC_NODES_MAX]; /* key to the number of the object; each has a seed of its own */
	struct gremc_view *next;        /* retired with it */
};

static inline uint64_t gremc_key_hash(const struct gremc_hash *hash, const struct gremc_fanout_key *key)
{
	uint64_t both;

	memcpy(&both, key, sizeof(both));
	return gremc_hash_compute(hash, both, 0);
}

static inline bool gremc_object_has_key(const void *line, const void *key)
{
	return memcmp(&((const struct gremc_object *)line)->key, key, sizeof(struct gremc_fanout_key)) == 0;
}

/* ---- table ---- */

/* Classes among the prefix lengths: (S,G), and 232.0.0.0/8, the only one for groups in it. */
#define GREMC_LENGTH_SG  33u
#define GREMC_LENGTH_SSM 34u

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
	/* Lengths in use. A bit is set before the first route of its class can be found, and cleared after
	 * the last one is gone: a reader may probe in vain, but never passes by a route. */
	gremc_atomic_u64 lengths;
	/* Counts the changes that remove something: moved after their additions, before their removals. A
	 * lookup that sees it move may have looked for a new route too early and for the old one too late. */
	gremc_atomic_u64 removals;
	const void *lines; /* the slab's; stays */
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

static inline struct gremc_fanout_key gremc_fanout_key_of(rte_be32_t source, rte_be32_t group, uint8_t length)
{
	return (struct gremc_fanout_key){source ? source : rte_cpu_to_be_32(length), group};
}

/* Hashes with room for `keys` at once, with all routes of the table in them; not yet published. -ENOMEM. */
int gremc_view_create(struct gremc_fanout *table, uint32_t keys, struct gremc_view **out);
void gremc_view_destroy(struct gremc_fanout *table, struct gremc_view *view);
void gremc_view_publish(struct gremc_fanout *table, struct gremc_view *view);
/* Writer: add a route whose key is not there. The hash has room. */
void gremc_view_add(struct gremc_fanout *table, const struct gremc_mroute *mroute);
/* Writer: one route in the place of another with the same key. */
void gremc_view_replace(struct gremc_fanout *table, const struct gremc_mroute *old,
			const struct gremc_mroute *mroute);
void gremc_view_remove(struct gremc_fanout *table, const struct gremc_mroute *mroute);

#endif
