/* SPDX-License-Identifier: BSD-3-Clause */
/* An intrusive hash map of 64-bit keys for tables of the control thread that change with every report. It
 * owns only its buckets and has no limit. Hosts choose the keys, so the hash has a seed. */
#ifndef GREMC_BASE_MAP_H
#define GREMC_BASE_MAP_H

#include <stdbool.h>
#include <stdint.h>

#include <rte_common.h>

/* Embedded in the user's object, which keeps its address while it is in a map. */
struct gremc_map_node {
	struct gremc_map_node *next;
	uint64_t key;
};

struct gremc_map {
	struct gremc_map_node **buckets;
	struct gremc_map_node **smaller; /* while the map grows: half as many; NULL: it does not grow */
	uint64_t seed;
	uint32_t mask, count;
	uint32_t moved; /* lists of `smaller` that are in `buckets` */
	bool is_frozen; /* an iteration is in progress: no list moves */
};

/* Create an empty map.
 * Errors:  -ENOMEM. */
__rte_warn_unused_result int gremc_map_init(struct gremc_map *map);
/* Free the buckets. The objects stay the caller's. */
void gremc_map_fini(struct gremc_map *map);
/* Returns: a node with this key, or NULL. */
struct gremc_map_node *gremc_map_find(const struct gremc_map *map, uint64_t key);
/* Returns: the next node with the same key, or NULL. For keys that are hashes, which may collide. */
struct gremc_map_node *gremc_map_find_next(const struct gremc_map_node *node);
/* Add a node, even if another one has this key. Cannot fail: without memory for more buckets the chains get
 * longer. */
void gremc_map_add(struct gremc_map *map, struct gremc_map_node *node, uint64_t key);
/* Remove a node, which is in the map. */
void gremc_map_remove(struct gremc_map *map, struct gremc_map_node *node);

/* For an iteration over all nodes: each is in one of gremc_map_lists() lists, linked by `next`. With
 * map->is_frozen nodes may be added and removed between two lists.
 * Returns: the first node of the list, or NULL. */
struct gremc_map_node *gremc_map_list(const struct gremc_map *map, uint32_t list);
/* Returns: number of lists, for gremc_map_list(). */
uint32_t gremc_map_lists(const struct gremc_map *map);

#endif
