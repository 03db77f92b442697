/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <stdlib.h>
#include <time.h>

#include "base/assert.h"
#include "base/map.h"

#define BUCKETS_FIRST 256u
#define BUCKETS_MAX   (1u << 22)

static struct gremc_map_node **map_bucket_find(const struct gremc_map *map, uint64_t key)
{
	uint64_t h = key ^ map->seed;

	h *= UINT64_C(0x9e3779b97f4a7c15);
	h ^= h >> 32;
	h *= UINT64_C(0xd6e8feb86659fd93);
	return &map->buckets[h >> 32 & map->mask];
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

static void map_node_insert(struct gremc_map *map, struct gremc_map_node *node)
{
	struct gremc_map_node **bucket = map_bucket_find(map, node->key);

	node->next = *bucket;
	*bucket = node;
}

static void map_buckets_grow(struct gremc_map *map)
{
	struct gremc_map_node **old = map->buckets;
	uint32_t count = map->mask + 1;
	struct gremc_map_node **buckets = calloc((size_t)count * 2, sizeof(*buckets));

	if (buckets == NULL)
		return;
	map->buckets = buckets;
	map->mask = count * 2 - 1;
	for (uint32_t i = 0; i < count; i++) {
		while (old[i]) {
			struct gremc_map_node *node = old[i];

			old[i] = node->next;
			map_node_insert(map, node);
		}
	}
	free(old);
}

void gremc_map_add(struct gremc_map *map, struct gremc_map_node *node, uint64_t key)
{
	gremc_assert(gremc_map_find(map, key) == NULL);
	if (map->count > map->mask && map->mask + 1 < BUCKETS_MAX)
		map_buckets_grow(map);
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
