/* SPDX-License-Identifier: BSD-3-Clause */
/* A map that grows moves its nodes a few lists at each addition: no addition takes long, however large the
 * map is. Meanwhile the lists from `moved` on are in the smaller array, and all others in the larger one. */
#include <errno.h>
#include <stdlib.h>
#include <time.h>

#include "base/assert.h"
#include "base/map.h"

#define BUCKETS_FIRST 256u
#define BUCKETS_MAX   (1u << 22)
/* Lists that an addition moves: the move is over long before the larger array is full. */
#define MOVES 8u

static struct gremc_map_node **map_bucket_find(const struct gremc_map *map, uint64_t key)
{
	uint64_t h = key ^ map->seed;

	h *= UINT64_C(0x9e3779b97f4a7c15);
	h ^= h >> 32;
	h *= UINT64_C(0xd6e8feb86659fd93);
	h >>= 32;
	if (map->smaller && (h & map->mask >> 1) >= map->moved)
		return &map->smaller[h & map->mask >> 1];
	return &map->buckets[h & map->mask];
}

int gremc_map_init(struct gremc_map *map)
{
	struct timespec now = {0};

	/* cannot fail: the clock exists */
	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	*map = (struct gremc_map){
		.buckets = calloc(BUCKETS_FIRST, sizeof(*map->buckets)),
		.seed = (uint64_t)now.tv_nsec << 32 ^ (uint64_t)now.tv_sec ^ (uintptr_t)map,
		.mask = BUCKETS_FIRST - 1,
	};
	return map->buckets ? 0 : -ENOMEM;
}

void gremc_map_fini(struct gremc_map *map)
{
	free(map->smaller);
	free(map->buckets);
	*map = (struct gremc_map){0};
}

struct gremc_map_node *gremc_map_find(const struct gremc_map *map, uint64_t key)
{
	struct gremc_map_node *node = *map_bucket_find(map, key);

	while (node && node->key != key)
		node = node->next;
	return node;
}

struct gremc_map_node *gremc_map_find_next(const struct gremc_map_node *node)
{
	struct gremc_map_node *next = node->next;

	while (next && next->key != node->key)
		next = next->next;
	return next;
}

static void map_node_insert(struct gremc_map *map, struct gremc_map_node *node)
{
	struct gremc_map_node **bucket = map_bucket_find(map, node->key);

	node->next = *bucket;
	*bucket = node;
}

/* Begin to grow. Without memory the chains get longer. */
static void grow_begin(struct gremc_map *map)
{
	struct gremc_map_node **buckets = calloc(((size_t)map->mask + 1) * 2, sizeof(*buckets));

	if (buckets == NULL)
		return;
	map->smaller = map->buckets;
	map->buckets = buckets;
	map->mask = map->mask * 2 + 1;
	map->moved = 0;
}

static void grow_continue(struct gremc_map *map)
{
	for (uint32_t i = 0; i < MOVES && map->moved <= map->mask >> 1; i++) {
		struct gremc_map_node *node = map->smaller[map->moved++], *next;

		for (; node; node = next) {
			next = node->next;
			map_node_insert(map, node);
		}
	}
	if (map->moved <= map->mask >> 1)
		return;
	free(map->smaller);
	map->smaller = NULL;
}

void gremc_map_add(struct gremc_map *map, struct gremc_map_node *node, uint64_t key)
{
	if (map->smaller == NULL && map->count > map->mask && map->mask + 1 < BUCKETS_MAX && !map->is_frozen)
		grow_begin(map);
	if (map->smaller && !map->is_frozen)
		grow_continue(map);
	node->key = key;
	map_node_insert(map, node);
	map->count++;
}

void gremc_map_remove(struct gremc_map *map, struct gremc_map_node *node)
{
	struct gremc_map_node **at = map_bucket_find(map, node->key);

	gremc_assert(map->count > 0);
	while (*at != node) {
		gremc_assert(*at != NULL);
		at = &(*at)->next;
	}
	*at = node->next;
	map->count--;
}

uint32_t gremc_map_lists(const struct gremc_map *map)
{
	if (map->buckets == NULL)
		return 0;
	return map->mask + 1 + (map->smaller ? (map->mask >> 1) + 1 : 0);
}

struct gremc_map_node *gremc_map_list(const struct gremc_map *map, uint32_t list)
{
	/* a list that has moved stays in the smaller array as it was, and is not to be followed */
	if (list <= map->mask)
		return map->buckets[list];
	list -= map->mask + 1;
	return list < map->moved ? NULL : map->smaller[list];
}
