/* SPDX-License-Identifier: BSD-3-Clause */
/* The memory of the multicast route table: growth, limits, copies on NUMA nodes. */
#include <errno.h>

#include "base/annotate.h"
#include "fanout_world.h"

static void test_table_grows(void **state)
{
	struct fanout_world *f = *state;
	const uint32_t count = 50000;
	struct gremc_fanout_usage usage = table_usage(f);

	assert_in_range(usage.capacity, 1024, 2048);
	routes_change_many(f, GREMC_FANOUT_SET, count, 1);
	usage = table_usage(f);
	assert_int_equal(usage.mroutes, count);
	assert_in_range(usage.capacity, count, 4 * count);
	assert_int_equal(usage.lengths, UINT64_C(1) << 33);
	routes_expect_many(f, count);
	/* in one batch */
	routes_change_many(f, GREMC_FANOUT_REMOVE, count, count);
	assert_int_equal(table_usage(f).mroutes, 0);
	gremc_rcu_synchronize(f->rcu);
	gremc_fanout_destroy(f->table);
	f->table = gremc_fanout_create(0, f->nodes, f->rcu);
	assert_non_null(f->table);
	routes_change_many(f, GREMC_FANOUT_SET, count, count);
	routes_expect_many(f, count);
}

/* While a reader reports no quiescent state, removed routes do not fill the hash. */
static void test_removed_routes_do_not_fill_the_table(void **state)
{
	struct fanout_world *f = *state;
	struct rte_rcu_qsbr *qsbr = gremc_rcu_qsbr(f->rcu);
	int slot = gremc_rcu_reader_register(f->rcu);

	assert_true(slot >= 0);
	rte_rcu_qsbr_thread_online(qsbr, (unsigned)slot);
	for (uint32_t i = 0; i < 50; i++) {
		routes_change_many(f, GREMC_FANOUT_SET, 500, 100);
		routes_expect_many(f, 500);
		routes_change_many(f, GREMC_FANOUT_REMOVE, 500, 100);
	}
	assert_in_range(table_usage(f).capacity, 1024, 2048);
	assert_true(gremc_rcu_reclaim(f->rcu) > 0);
	rte_rcu_qsbr_thread_offline(qsbr, (unsigned)slot);
	assert_int_equal(gremc_rcu_reclaim(f->rcu), 0);
	gremc_rcu_reader_unregister(f->rcu, slot);
	routes_change_many(f, GREMC_FANOUT_SET, 5000, 100);
	routes_expect_many(f, 5000);
}

static void test_memory_is_reused(void **state)
{
	struct fanout_world *f = *state;
	struct gremc_fanout_usage full[3], empty[3];

	for (uint32_t i = 0; i < 3; i++) {
		routes_change_many(f, GREMC_FANOUT_SET, 20000, 1000);
		for (uint32_t j = 0; j < 40; j++)
			assert_int_equal(op_apply(f, route_set_op(0, rte_cpu_to_be_32(0xe1000000 + j), 32,
								  f->ramp, 50 * j)),
					 0);
		gremc_rcu_synchronize(f->rcu);
		full[i] = table_usage(f);
		routes_change_many(f, GREMC_FANOUT_REMOVE, 20000, 1000);
		for (uint32_t j = 0; j < 40; j++)
			assert_int_equal(
				op_apply(f, route_remove_op(0, rte_cpu_to_be_32(0xe1000000 + j), 32)), 0);
		gremc_rcu_synchronize(f->rcu);
		empty[i] = table_usage(f);
		assert_int_equal(empty[i].mroutes, 0);
		assert_int_equal(empty[i].lengths, 0);
		assert_true(full[i].bytes > empty[i].bytes + 20000 * 60);
	}
	assert_int_equal(empty[1].bytes, empty[2].bytes);
	assert_int_equal(full[1].bytes, full[2].bytes);
	assert_int_equal(gremc_fanout_id_limit(f->table), 20040);
}

static void test_route_takes_less_than_200_bytes(void **state)
{
	struct fanout_world *f = *state;
	const uint32_t count = 100000;

	routes_change_many(f, GREMC_FANOUT_SET, count, 1000);
	gremc_rcu_synchronize(f->rcu);
	assert_true(table_usage(f).bytes / count < 200);
}

static void test_limit_of_routes_is_kept(void **state)
{
	struct fanout_world *f = *state;
	const rte_be32_t removed = RTE_BE32(0x0a000000), its_group = RTE_BE32(0xef000000);
	struct gremc_fanout_op ops[] = {route_remove_op(removed, its_group, 32),
					route_set_op(source, IP(225, 0, 0, 1), 32, vifs123, 3)};

	routes_change_many(f, GREMC_FANOUT_SET, GREMC_MROUTES_MAX, 4096);
	assert_int_equal(table_usage(f).mroutes, GREMC_MROUTES_MAX);
	assert_int_equal(gremc_fanout_id_limit(f->table), GREMC_MROUTES_MAX);
	assert_int_equal(op_apply(f, ops[1]), -ENOSPC);
	assert_int_equal(op_apply(f, route_set_op(removed, its_group, 32, vifs123, 2)), 0);
	assert_int_equal(route_lookup(f, removed, its_group)->oif_count, 2);
	/* additions are applied first, but the limit applies to the result of the batch */
	assert_int_equal(gremc_fanout_apply(f->table, ops, 2, NULL, NULL), 0);
	assert_null(route_lookup(f, removed, its_group));
	assert_int_equal(route_lookup(f, source, IP(225, 0, 0, 1))->oif_count, 3);
	assert_int_equal(op_apply(f, route_remove_op(source, IP(225, 0, 0, 1), 32)), 0);
	assert_int_equal(op_apply(f, ops[1]), 0);
	assert_int_equal(table_usage(f).mroutes, GREMC_MROUTES_MAX);
}

static void test_tables_are_independent(void **state)
{
	struct fanout_world *f = *state;
	struct gremc_fanout *other = gremc_fanout_create(GREMC_MROUTES_MAX / 16, &gremc_nodes_any, f->rcu);
	struct gremc_fanout_op op = route_set_op(0, group, 32, vifs123, 3);
	struct gremc_fanout_usage usage;

	assert_non_null(other);
	gremc_fanout_usage(other, &usage);
	assert_true(usage.capacity >= GREMC_MROUTES_MAX / 16);
	assert_int_equal(gremc_fanout_apply(other, &op, 1, NULL, NULL), 0);
	assert_null(route_lookup(f, source, group));
	route_add(f, source, group, 32);
	assert_int_equal(op_apply(f, route_remove_op(source, group, 32)), 0);
	gremc_fanout_destroy(other);
	gremc_fanout_destroy(NULL);
	assert_null(route_lookup(f, source, group));
}

/* A second node has a copy of its own; a node without a copy uses that of the first. */
static void test_each_node_has_a_copy(void **state)
{
	struct fanout_world *f = *state;
	const struct gremc_fanout_node *first = gremc_fanout_at(f->table, 0);
	const struct gremc_fanout_usage empty = table_usage(f);
	struct gremc_fanout *single = gremc_fanout_create(0, &gremc_nodes_any, f->rcu);
	struct gremc_fanout_usage one, one_empty, two;

	assert_ptr_not_equal(gremc_fanout_at(f->table, 1), first);
	assert_ptr_equal(gremc_fanout_at(f->table, 7), first);
	assert_ptr_equal(gremc_fanout_at(f->table, SOCKET_ID_ANY), first);
	assert_non_null(single);
	assert_ptr_equal(gremc_fanout_at(single, 1), gremc_fanout_at(single, 0));
	gremc_fanout_usage(single, &one_empty);
	gremc_fanout_destroy(single);
	routes_change_many(f, GREMC_FANOUT_SET, 500, 100);
	two = table_usage(f);
	f->table->nodes.count = 1; /* the usage of one node */
	one = table_usage(f);
	f->table->nodes.count = 2;
	assert_int_equal(one_empty.nodes, 1);
	assert_int_equal(two.nodes, 2);
	assert_true(two.bytes - one.bytes >= 500 * 64);
	assert_true(empty.bytes > one_empty.bytes + GREMC_HASH_ENTRIES * 64);
	routes_expect_many(f, 500);
}

/* A removed route is freed on every node after its grace period. */
static void test_removed_route_is_freed_on_every_node(void **state)
{
	struct fanout_world *f = *state;
	const struct gremc_mroute *mroute, *copy;

	route_add(f, source, group, 32);
	route_add(f, source, IP(239, 2, 2, 2), 32);
	mroute = route_lookup(f, source, group);
	copy = gremc_slab_at(&f->table->slab, 1, mroute);
	assert_int_equal(copy->oif_count, 3);
	assert_int_equal(op_apply(f, route_remove_op(source, group, 32)), 0);
	assert_int_equal(copy->oif_count, 3); /* a reader may still hold it */
	gremc_rcu_synchronize(f->rcu);
#ifndef GREMC_ASAN
	assert_int_equal(copy->oif_count, 0);
#endif
	assert_null(route_lookup(f, source, group));
	assert_non_null(route_lookup(f, source, IP(239, 2, 2, 2)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_table_grows),
		TEST_ON_TWO_NODES(test_table_grows),
		TEST(test_removed_routes_do_not_fill_the_table),
		TEST(test_memory_is_reused),
		TEST_ON_TWO_NODES(test_memory_is_reused),
		TEST(test_route_takes_less_than_200_bytes),
		TEST(test_limit_of_routes_is_kept),
		TEST(test_tables_are_independent),
		TEST_ON_TWO_NODES(test_each_node_has_a_copy),
		TEST_ON_TWO_NODES(test_removed_route_is_freed_on_every_node),
	};

	return cmocka_run_group_tests_name("fanout_memory", tests, fanout_eal_init, fanout_eal_cleanup);
}
