/* SPDX-License-Identifier: BSD-3-Clause */
/* Inside rib/: what is kept for a route, and how it is put together. */
#ifndef GREMC_RIB_RIB_PRIV_H
#define GREMC_RIB_RIB_PRIV_H

#include "base/map.h"
#include "rib/rib.h"

#define GREMC_RIB_EVERY_GROUP RTE_BE32(0xe0000000) /* with the length 4 */

/* Interfaces, ascending. */
struct set {
	uint32_t *items;
	uint32_t count, room;
};

/* What IGMP wants of a route: of (*,G) its members, of (S,G) those that want it and those that do not. */
struct interest {
	struct set included, excluded;
};

/* An oif of the kernel's. */
struct kernel_oif {
	uint32_t interface;
	uint8_t threshold; /* of the TTL; 0: none that any packet with a hop left would meet */
};

/* The kernel's route, its oifs behind it. */
struct kernel_route {
	struct kernel_route *next, **previous; /* in the rib's list of them */
	struct route *route;
	uint32_t iif; /* GREMC_RIB_NONE: unknown */
	uint32_t oif_count;
	bool is_wild;  /* of any source */
	bool is_asked; /* GREMC_RIB_REGISTER is among the oifs */
	bool is_stale; /* not seen again since gremc_rib_kernel_begin() */
	struct kernel_oif oifs[];
};

struct route {
	struct gremc_map_node node; /* source or length, group */
	rte_be32_t source, group;
	uint8_t length;
	bool is_dirty, is_published;
	bool is_batched;                /* in rib->batch */
	bool is_waiting;                /* did not go into the table; tried again */
	bool is_listed;                 /* in rib->waiting, also for a while when it waits no more */
	struct route *star;             /* of (S,G): its (*,G), which is there as long as it */
	struct route *next, **previous; /* (S,G) of one group, from its (*,G)'s `sources` */
	struct route *sources;
	struct route *next_dirty, *next_waiting;
	const struct gremc_mroute_spec *fixed,
		*fixed_before; /* static; before: while one set replaces another */
	struct kernel_route *kernel;
	struct interest *interest;
};

/* Numbers of many lists, one behind the other. */
struct arena {
	uint32_t *items;
	uint32_t count, room;
};

struct gremc_rib {
	struct gremc_fanout *fanout;
	struct gremc_rib_callbacks callbacks;
	struct gremc_map routes;
	struct route *dirty;
	uint32_t dirty_count;
	bool all_dirty;       /* every route, though it is not in the list */
	bool is_busy;         /* a flush or a replacement is in progress */
	struct route **batch; /* the routes that it is about */
	uint32_t batch_count, batch_room;
	bool batch_failed;                    /* out of memory for it */
	struct route *waiting, **waiting_end; /* the longest first */
	uint32_t waiting_count;               /* with is_waiting; atomic */
	uint32_t kernel_count;
	struct kernel_route *kernels;
	uint32_t lengths[33]; /* static prefixes in use, by length */
	uint32_t upstream;
	struct set guarded; /* interfaces with a list of sources */
	const uint32_t *vifs;
	uint32_t interface_count;
	uint32_t now;
	uint32_t *since; /* [mroute id] reserved address space; atomic */
	uint64_t failures;
	struct arena arena;
	struct gremc_fanout_op *ops;
	struct route **op_routes;
	uint32_t op_room;
};

/* ---- set.c ---- */

/* 0, or -ENOMEM. What is there already, or is not, stays so. */
int gremc_set_add(struct set *set, uint32_t item);
void gremc_set_remove(struct set *set, uint32_t item);
bool gremc_set_has(const struct set *set, uint32_t item);

/* ---- rib.c ---- */

struct route *gremc_route_find(const struct gremc_rib *rib, rte_be32_t source, rte_be32_t group,
			       uint8_t length);
/* Made when it is not there. NULL: ENOMEM. */
struct route *gremc_route_get(struct gremc_rib *rib, rte_be32_t source, rte_be32_t group, uint8_t length);
/* Free it when nothing needs it any more; and then its (*,G). */
void gremc_route_tidy(struct gremc_rib *rib, struct route *route);
/* The route, and all that build on it, are to be put together anew. */
void gremc_route_touch(struct gremc_rib *rib, struct route *route);
void gremc_route_touch_one(struct gremc_rib *rib, struct route *route);
void gremc_rib_touch_all(struct gremc_rib *rib);
/* Visit every route. Pauses between routes: then others may add routes, which are visited or not. */
void gremc_rib_each(struct gremc_rib *rib, void (*each)(struct gremc_rib *rib, struct route *route));

/* ---- compose.c ---- */

/* Put the route together: false: no origin wants it. The lists of *spec are offsets into the arena, to be
 * made pointers by gremc_compose_finish() when the arena does not grow any more. -ENOMEM. */
int gremc_compose(struct gremc_rib *rib, const struct route *route, struct gremc_mroute_spec *spec,
		  bool *wanted);
void gremc_compose_finish(const struct gremc_rib *rib, struct gremc_mroute_spec *spec);

/* ---- flush.c ---- */

/* Flush while rib->is_busy: see gremc_rib_flush(). */
uint32_t gremc_rib_flush_dirty(struct gremc_rib *rib);
/* Add a route to the batch; no-op if it is in it. Returns 0 or -ENOMEM. */
int gremc_batch_add(struct gremc_rib *rib, struct route *route);
/* Bring the batch into the table, all or nothing; it stays the batch. Leaves out routes that wait for room
 * and are not static: those go on waiting. Returns: 0, -ENOMEM, -ECANCELED (the job that runs this is
 * cancelled), or what gremc_fanout_apply() returns. */
int gremc_batch_apply(struct gremc_rib *rib);
/* Empty the batch, and free its routes that no origin has. */
void gremc_batch_clean(struct gremc_rib *rib);

#endif
