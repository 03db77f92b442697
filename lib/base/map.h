/* SPDX-License-Identifier: BSD-3-Clause */
/* An intrusive hash map of 64-bit keys for tables of the control thread that change with every report: no
 * memory of its own but its buckets, no limit, and a seed, for whoever may choose a group chooses keys. */
#ifndef GREMC_BASE_MAP_H
#define GREMC_BASE_MAP_H

#include <stdint.h>

/* Part of the user's object, which keeps its address while it is in a map. */
struct gremc_map_node {
	struct gremc_map_node *next;
	uint64_t key;
};

struct gremc_map {
	struct gremc_map_node **buckets;
	uint64_t seed;
	uint32_t mask, count;
};

/* Returns 0 or -ENOMEM. */
int gremc_map_init(struct gremc_map *map);
/* The objects are their owner's. */
void gremc_map_fini(struct gremc_map *map);
/* The node with this key, or NULL. */
struct gremc_map_node *gremc_map_find(const struct gremc_map *map, uint64_t key);
/* No node with this key is in it. Cannot fail: without memory to grow the chains get longer. */
void gremc_map_add(struct gremc_map *map, struct gremc_map_node *node, uint64_t key);
/* The node is in it. */
void gremc_map_remove(struct gremc_map *map, struct gremc_map_node *node);

#endif
