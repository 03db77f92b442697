/* SPDX-License-Identifier: BSD-3-Clause */
/* Reserved memory, and the NUMA nodes that it is on. */
#include <string.h>

#include <numa.h>
#include <numaif.h>

#include "base/base.h"
#include "test.h"

static void test_reserved_memory_is_zero(void **state)
{
	const size_t size = 64 << 20;
	uint8_t *memory = gremc_memory_reserve(size, -1);

	(void)state;
	assert_non_null(memory);
	assert_int_equal(memory[0] | memory[size / 2] | memory[size - 1], 0);
	memory[size - 1] = 1;
	gremc_memory_release(memory, size);
	gremc_memory_release(NULL, size);
}

static void test_nodes_are_indexed_in_order_of_addition(void **state)
{
	struct gremc_nodes nodes = {0};

	(void)state;
	assert_int_equal(gremc_nodes_index(&gremc_nodes_any, 3), 0);
	gremc_nodes_add(&nodes, 1);
	gremc_nodes_add(&nodes, 0);
	gremc_nodes_add(&nodes, 1);
	assert_int_equal(nodes.count, 2);
	assert_int_equal(gremc_nodes_index(&nodes, 1), 0);
	assert_int_equal(gremc_nodes_index(&nodes, 0), 1);
	assert_int_equal(gremc_nodes_index(&nodes, 2), 0);
	for (uint32_t i = 0; i < 2 * GREMC_NODES_MAX; i++)
		gremc_nodes_add(&nodes, (int)i);
	assert_int_equal(nodes.count, GREMC_NODES_MAX);
}

/* A node that does not exist gets memory of another one. */
static void test_memory_is_reserved_on_its_node(void **state)
{
	(void)state;
	for (int socket = 0; socket < (int)GREMC_NODES_MAX; socket += 31) {
		uint8_t *memory = gremc_memory_reserve(4096, socket);

		assert_non_null(memory);
		memory[4095] = 1;
		gremc_memory_release(memory, 4096);
	}
}

/* Memory prefers its node without a binding to it, because a full node would start the OOM killer. */
static void test_reserved_node_is_preferred_not_bound(void **state)
{
	const size_t size = 1 << 20;

	(void)state;
	if (numa_available() < 0)
		skip();
	for (int node = 0; node <= numa_max_node(); node++) {
		unsigned long mask[1024 / (8 * sizeof(unsigned long))] = {0};
		uint8_t *memory = gremc_memory_reserve(size, node);
		int mode = -1;

		assert_non_null(memory);
		assert_int_equal(get_mempolicy(&mode, mask, 1024, memory + size / 2, MPOL_F_ADDR), 0);
		if (numa_bitmask_isbitset(numa_all_nodes_ptr, node)) {
			assert_int_equal(mode, MPOL_PREFERRED);
			assert_int_equal(mask[0], 1UL << node);
		} else {
			assert_int_equal(mode, MPOL_DEFAULT);
		}
		gremc_memory_release(memory, size);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_reserved_memory_is_zero),
		cmocka_unit_test(test_nodes_are_indexed_in_order_of_addition),
		cmocka_unit_test(test_memory_is_reserved_on_its_node),
		cmocka_unit_test(test_reserved_node_is_preferred_not_bound),
	};

	return cmocka_run_group_tests_name("memory", tests, NULL, NULL);
}
