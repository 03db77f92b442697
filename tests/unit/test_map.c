/* SPDX-License-Identifier: BSD-3-Clause */
/* The hash map. */
#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "base/map.h"
#include "test.h"

#define NODES 5000u

/* Each node is in one list at most. Returns the number of nodes in lists. */
static uint32_t nodes_visited(const struct gremc_map *map, const struct gremc_map_node *nodes)
{
	static uint8_t visits[NODES];
	uint32_t count = 0;

	memset(visits, 0, sizeof(visits));
	for (uint32_t i = 0; i < gremc_map_lists(map); i++)
		for (const struct gremc_map_node *node = gremc_map_list(map, i); node; node = node->next) {
			assert_int_equal(visits[node - nodes]++, 0);
			count++;
		}
	return count;
}

/* Keys that are hashes may collide. */
static void test_map_finds_each_node_of_a_key(void **state)
{
	struct gremc_map_node nodes[3], other, *node;
	struct gremc_map map;
	unsigned seen = 0;

	(void)state;
	assert_int_equal(gremc_map_init(&map), 0);
	gremc_map_add(&map, &other, 8);
	for (unsigned i = 0; i < RTE_DIM(nodes); i++)
		gremc_map_add(&map, &nodes[i], 7);
	for (node = gremc_map_find(&map, 7); node; node = gremc_map_find_next(node))
		seen |= 1u << (node - nodes);
	assert_int_equal(seen, 7);
	gremc_map_remove(&map, &nodes[1]);
	seen = 0;
	for (node = gremc_map_find(&map, 7); node; node = gremc_map_find_next(node))
		seen |= 1u << (node - nodes);
	assert_int_equal(seen, 5);
	assert_null(gremc_map_find_next(gremc_map_find(&map, 8)));
	gremc_map_fini(&map);
}

static void test_map_finds_all_nodes_while_it_grows(void **state)
{
	static struct gremc_map_node nodes[NODES];
	struct gremc_map map;

	(void)state;
	assert_int_equal(gremc_map_init(&map), 0);
	for (uint32_t i = 0; i < NODES; i++) {
		gremc_map_add(&map, &nodes[i], i * 7);
		if (i % 17 == 0)
			assert_int_equal(nodes_visited(&map, nodes), i + 1);
		assert_ptr_equal(gremc_map_find(&map, i * 7 / 2 / 7 * 7), &nodes[i / 2]);
	}
	for (uint32_t i = 0; i < NODES; i += 2)
		gremc_map_remove(&map, &nodes[i]);
	for (uint32_t i = 0; i < NODES; i++)
		assert_ptr_equal(gremc_map_find(&map, i * 7), i % 2 ? &nodes[i] : NULL);
	assert_int_equal(nodes_visited(&map, nodes), NODES / 2);
	gremc_map_fini(&map);
}

static void test_frozen_map_moves_nothing(void **state)
{
	static struct gremc_map_node nodes[NODES];
	struct gremc_map map;
	uint32_t lists, i = 0;

	(void)state;
	assert_int_equal(gremc_map_init(&map), 0);
	/* up to the next growth, and during it */
	while (map.smaller == NULL || map.moved == 0) {
		gremc_map_add(&map, &nodes[i], i);
		i++;
	}
	map.is_frozen = true;
	lists = gremc_map_lists(&map);
	for (; i < NODES; i++) {
		const uint32_t moved = map.moved;

		gremc_map_add(&map, &nodes[i], i);
		assert_int_equal(map.moved, moved);
		assert_int_equal(gremc_map_lists(&map), lists);
	}
	assert_int_equal(nodes_visited(&map, nodes), NODES);
	map.is_frozen = false;
	gremc_map_remove(&map, &nodes[0]);
	gremc_map_add(&map, &nodes[0], 0);
	for (i = 0; i < NODES; i++)
		assert_ptr_equal(gremc_map_find(&map, i), &nodes[i]);
	gremc_map_fini(&map);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_map_finds_each_node_of_a_key),
		cmocka_unit_test(test_map_finds_all_nodes_while_it_grows),
		cmocka_unit_test(test_frozen_map_moves_nothing),
	};

	return cmocka_run_group_tests_name("map", tests, NULL, NULL);
}
