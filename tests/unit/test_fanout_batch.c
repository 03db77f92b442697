/* SPDX-License-Identifier: BSD-3-Clause */
/* Changes of the multicast route table: a batch is applied as a whole or not at all. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "fanout_world.h"

static void test_replacement_keeps_the_id(void **state)
{
	struct fanout_world *f = *state;
	const struct gremc_mroute *first, *second;

	route_add(f, 0, IP(239, 0, 0, 0), 8);
	route_add(f, source, group, 32);
	first = route_lookup(f, source, group);
	assert_ptr_equal(gremc_fanout_get(f->table, first->id), first);
	assert_int_equal(op_apply(f, route_set_op(source, group, 32, f->ramp, 300)), 0);
	second = route_lookup(f, source, group);
	assert_ptr_not_equal(first, second);
	assert_int_equal(first->id, second->id);
	assert_int_equal(second->oif_count, 300);
	assert_ptr_equal(gremc_fanout_get(f->table, second->id), second);
	assert_int_equal(gremc_fanout_id_limit(f->table), 2);
	assert_int_equal(table_usage(f).mroutes, 2);
}

static void test_equal_route_changes_nothing(void **state)
{
	struct fanout_world *f = *state;
	const uint32_t mixed[] = {3, 1, 2};
	struct gremc_fanout_op op = route_set_op(source, group, 32, vifs123, 3);
	const struct gremc_mroute *first;
	uint64_t token;

	assert_int_equal(op_apply(f, op), 0);
	first = route_lookup(f, source, group);
	token = gremc_rcu_qsbr(f->rcu)->token;
	op.spec.oifs = mixed;
	assert_int_equal(op_apply(f, op), 0);
	assert_ptr_equal(route_lookup(f, source, group), first);
	assert_int_equal(gremc_rcu_qsbr(f->rcu)->token, token);
	op.spec.origin = 1;
	assert_int_equal(op_apply(f, op), 0);
	assert_int_equal(route_lookup(f, source, group)->origin, 1);
	op.spec.iifs = vifs123;
	op.spec.iif_count = 1;
	assert_int_equal(op_apply(f, op), 0);
	assert_int_equal(route_lookup(f, source, group)->iif, 1);
}

static void test_wrong_routes_are_refused(void **state)
{
	struct fanout_world *f = *state;
	const struct gremc_fanout_op wrong[] = {
		route_set_op(source, IP(192, 0, 2, 1), 32, vifs123, 3),
		route_set_op(0, IP(10, 0, 0, 0), 8, vifs123, 3),
		route_set_op(source, IP(239, 1, 1, 0), 24, vifs123, 3),
		route_set_op(0, IP(239, 1, 1, 1), 24, vifs123, 3),
		route_set_op(0, IP(224, 0, 0, 0), 3, vifs123, 3),
		route_set_op(0, 0, 0, vifs123, 3),
		route_set_op(0, group, 33, vifs123, 3),
		route_set_op(IP(0, 0, 0, 32), group, 32, vifs123, 3),
		route_set_op(IP(239, 9, 9, 9), group, 32, vifs123, 3),
	};
	struct gremc_fanout_usage before = table_usage(f), after;

	for (uint32_t i = 0; i < RTE_DIM(wrong); i++)
		assert_int_equal(op_apply(f, wrong[i]), -EINVAL);
	assert_int_equal(op_apply(f, route_remove_op(source, group, 32)), -ENOENT);
	assert_int_equal(gremc_fanout_apply(f->table, NULL, 0, NULL, NULL), 0);
	after = table_usage(f);
	assert_memory_equal(&before, &after, sizeof(before));
}

/* A batch with a key twice is an error of the caller; the table stays unchanged. */
static void test_repeated_key_is_refused(void **state)
{
	struct fanout_world *f = *state;
	const struct gremc_fanout_op set_new = route_set_op(0, IP(239, 0, 0, 0), 8, vifs123, 3);
	const struct gremc_fanout_op set_old = route_set_op(source, group, 32, vifs123, 2),
				     rem_old = route_remove_op(source, group, 32);
	const struct gremc_fanout_op pairs[][2] = {{set_new, set_new},
						   {set_old, set_old},
						   {rem_old, rem_old},
						   {rem_old, set_old},
						   {set_old, rem_old}};
	const struct gremc_mroute *old;

	route_add(f, source, group, 32);
	old = route_lookup(f, source, group);
	for (uint32_t i = 0; i < RTE_DIM(pairs); i++) {
		assert_int_equal(gremc_fanout_apply(f->table, pairs[i], 2, NULL, NULL), -EINVAL);
		assert_ptr_equal(route_lookup(f, source, group), old);
		assert_null(route_lookup(f, source, IP(239, 1, 1, 2)));
		assert_int_equal(table_usage(f).mroutes, 1);
		assert_int_equal(table_usage(f).lengths, UINT64_C(1) << 33);
		gremc_rcu_synchronize(f->rcu);
		assert_int_equal(f->table->view->hash[0]->count, 1);
	}
	for (uint32_t i = 0; i < 2; i++)
		assert_int_equal(op_apply(f, pairs[i][0]), 0);
	assert_int_equal(table_usage(f).mroutes, 2);
	assert_int_equal(op_apply(f, rem_old), 0);
	assert_int_equal(route_lookup(f, source, group)->length, 8);
}

/* A batch that fails in its middle is undone. */
static void test_failed_batch_changes_nothing(void **state)
{
	struct fanout_world *f = *state;
	struct gremc_fanout_op batch[] = {
		route_set_op(source, group, 32, f->ramp, 2),            /* a replacement */
		route_set_op(source, IP(239, 1, 1, 2), 32, f->ramp, 9), /* an addition */
		route_remove_op(0, IP(239, 0, 0, 0), 8),                /* a removal */
		{0},
		route_set_op(0, IP(239, 1, 1, 3), 32, f->ramp, 1000),
	};
	const struct gremc_fanout_op failing[] = {
		route_set_op(0, group, 32, f->ramp, GREMC_FANOUT_MAX + 1),
		route_remove_op(0, IP(239, 9, 9, 9), 32),
		route_set_op(0, IP(1, 2, 3, 4), 32, f->ramp, 1),
	};
	const int expected[] = {-E2BIG, -ENOENT, -EINVAL};
	const struct gremc_mroute *exact, *prefix;
	struct gremc_fanout_usage before, after;

	/* allocate chunks of memory that stay */
	assert_int_equal(op_apply(f, route_set_op(0, IP(239, 7, 7, 7), 32, f->ramp, 9)), 0);
	route_add(f, source, group, 32);
	route_add(f, 0, IP(239, 0, 0, 0), 8);
	exact = route_lookup(f, source, group);
	prefix = route_lookup(f, source, IP(239, 1, 1, 2));
	before = table_usage(f);
	for (uint32_t i = 0; i < RTE_DIM(failing); i++) {
		batch[3] = failing[i];
		assert_int_equal(gremc_fanout_apply(f->table, batch, RTE_DIM(batch), NULL, NULL),
				 expected[i]);
		assert_ptr_equal(route_lookup(f, source, group), exact);
		assert_ptr_equal(route_lookup(f, source, IP(239, 1, 1, 2)), prefix);
		assert_ptr_equal(route_lookup(f, source, IP(239, 1, 1, 3)), prefix);
		after = table_usage(f);
		assert_memory_equal(&before, &after, sizeof(before));
		assert_int_equal(gremc_rcu_reclaim(f->rcu), 0);
	}
	batch[3] = batch[4];
	assert_int_equal(gremc_fanout_apply(f->table, batch, 4, NULL, NULL), 0);
	assert_int_equal(route_lookup(f, source, group)->oif_count, 2);
	assert_int_equal(route_lookup(f, source, IP(239, 1, 1, 2))->oif_count, 9);
	assert_int_equal(route_lookup(f, source, IP(239, 1, 1, 3))->oif_count, 1000);
	assert_null(route_lookup(f, source, IP(239, 1, 1, 4)));
}

/* Create a table while the address space of the process can grow by `mebibytes` only. Returns NULL if it does
 * not fit. */
static struct gremc_fanout *table_create_within(size_t mebibytes, const struct fanout_world *f)
{
	struct gremc_fanout *table;
	struct rlimit before, limit;
	unsigned long pages = 0;
	FILE *statm = fopen("/proc/self/statm", "r");

	assert_non_null(statm);
	assert_int_equal(fscanf(statm, "%lu", &pages), 1);
	fclose(statm);
	assert_int_equal(getrlimit(RLIMIT_AS, &before), 0);
	limit = before;
	limit.rlim_cur = pages * (rlim_t)sysconf(_SC_PAGESIZE) + (mebibytes << 20);
	assert_int_equal(setrlimit(RLIMIT_AS, &limit), 0);
	table = gremc_fanout_create(0, f->nodes, f->rcu);
	assert_int_equal(setrlimit(RLIMIT_AS, &before), 0);
	return table;
}

/* A batch that needs more memory than there is. */
static void test_batch_without_memory_changes_nothing(void **state)
{
	struct fanout_world *f = *state;
	const uint32_t count = 2000; /* of 256 KiB each */
	struct gremc_fanout_op *ops = calloc(count, sizeof(*ops));
	struct gremc_fanout_usage before, after;

	assert_non_null(ops);
	assert_null(table_create_within(100, f));
	gremc_fanout_destroy(f->table);
	f->table = table_create_within(400 * f->nodes->count, f);
	assert_non_null(f->table);
	route_add(f, 0, rte_cpu_to_be_32(0xef000000), 32);
	before = table_usage(f);
	for (uint32_t i = 0; i < count; i++)
		ops[i] = route_set_op(0, rte_cpu_to_be_32(0xef000000 + i), 32, f->ramp, GREMC_FANOUT_MAX);
	assert_int_equal(gremc_fanout_apply(f->table, ops, count, NULL, NULL), -ENOMEM);
	after = table_usage(f);
	assert_int_equal(after.mroutes, before.mroutes);
	assert_int_equal(after.lengths, before.lengths);
	assert_int_equal(route_lookup(f, source, rte_cpu_to_be_32(0xef000000))->oif_count, 3);
	assert_null(route_lookup(f, source, rte_cpu_to_be_32(0xef000001)));
	assert_int_equal(gremc_fanout_apply(f->table, ops, 10, NULL, NULL), 0);
	assert_int_equal(route_lookup(f, source, rte_cpu_to_be_32(0xef000009))->oif_count, GREMC_FANOUT_MAX);
	free(ops);
}

struct new_ids {
	struct fanout_world *f;
	uint32_t count, last;
};

static void on_new_id(uint32_t id, void *argument)
{
	struct new_ids *ids = argument;

	assert_null(gremc_fanout_get(ids->f->table, id));
	ids->count++;
	ids->last = id;
}

static void test_each_new_id_is_reported(void **state)
{
	struct fanout_world *f = *state;
	struct new_ids ids = {f, 0, UINT32_MAX};
	struct gremc_fanout_op ops[] = {route_set_op(source, group, 32, vifs123, 3),
					route_set_op(0, IP(239, 0, 0, 0), 8, vifs123, 3)};

	assert_int_equal(gremc_fanout_apply(f->table, ops, 1, on_new_id, &ids), 0);
	assert_int_equal(ids.count, 1);
	ops[0].spec.oif_count = 2;
	assert_int_equal(gremc_fanout_apply(f->table, ops, 2, on_new_id, &ids), 0);
	assert_int_equal(ids.count, 2);
	assert_int_equal(route_lookup(f, source, IP(239, 5, 5, 5))->id, ids.last);
	assert_int_equal(gremc_fanout_apply(f->table, ops, 2, on_new_id, &ids), 0);
	assert_int_equal(ids.count, 2);
}

/* The memory and the id of a removed route are reused only after its grace period. */
static void test_removed_route_waits_for_its_readers(void **state)
{
	struct fanout_world *f = *state;
	struct rte_rcu_qsbr *qsbr = gremc_rcu_qsbr(f->rcu);
	int slot = gremc_rcu_reader_register(f->rcu);
	const struct gremc_mroute *held;

	assert_true(slot >= 0);
	rte_rcu_qsbr_thread_online(qsbr, (unsigned)slot);
	assert_int_equal(op_apply(f, route_set_op(source, group, 32, f->ramp, 7)), 0);
	held = route_lookup(f, source, group);
	assert_int_equal(held->id, 0);
	assert_int_equal(op_apply(f, route_remove_op(source, group, 32)), 0);
	assert_null(route_lookup(f, source, group));
	assert_null(gremc_fanout_get(f->table, 0));
	assert_int_equal(gremc_rcu_reclaim(f->rcu), 1);
	/* an entry of the hash is free at once, because a reader compares keys */
	assert_int_equal(f->table->view->hash[0]->count, 0);
	assert_int_equal(op_apply(f, route_set_op(source, group, 32, f->ramp, 7)), 0);
	assert_int_equal(route_lookup(f, source, group)->id, 1);
	assert_ptr_not_equal(route_lookup(f, source, group), held);
	assert_int_equal(held->oif_count, 7);
	assert_memory_equal(held->vif, f->ramp, 7 * sizeof(uint32_t));

	rte_rcu_qsbr_quiescent(qsbr, (unsigned)slot);
	assert_int_equal(gremc_rcu_reclaim(f->rcu), 0);
	route_add(f, 0, IP(239, 0, 0, 0), 8);
	assert_int_equal(route_lookup(f, source, IP(239, 3, 3, 3))->id, 0);
	assert_int_equal(gremc_fanout_id_limit(f->table), 2);
	rte_rcu_qsbr_thread_offline(qsbr, (unsigned)slot);
	gremc_rcu_reader_unregister(f->rcu, slot);
}

#define COLLIDING (GREMC_HASH_ENTRIES + 8) /* more than a bucket contains */

/* Fill `ops` with routes whose keys are in one bucket. */
static void colliding_ops_create(struct fanout_world *f, struct gremc_fanout_op *ops)
{
	const struct gremc_hash *hash = f->table->view->hash[0];
	const struct gremc_hash_bucket *bucket = NULL;
	uint32_t found = 0;

	for (uint32_t i = 0; found < COLLIDING; i++) {
		const struct gremc_fanout_key key = {rte_cpu_to_be_32(0x0b000000 + i), group};
		const struct gremc_hash_bucket *its = gremc_hash_bucket_get(hash, gremc_key_hash(hash, &key));

		assert_true(i < 1u << 24);
		if (found > 0 && its != bucket)
			continue;
		bucket = its;
		ops[found++] = route_set_op(key.source, key.group, 32, vifs123, 3);
	}
}

static void test_colliding_keys_are_stored(void **state)
{
	struct fanout_world *f = *state;
	struct gremc_fanout_op ops[COLLIDING];
	uint32_t capacity = table_usage(f).capacity;

	route_add(f, source, group, 32);
	colliding_ops_create(f, ops);
	assert_int_equal(gremc_fanout_apply(f->table, ops, COLLIDING, NULL, NULL), 0);
	assert_int_equal(table_usage(f).mroutes, COLLIDING + 1);
	assert_int_equal(table_usage(f).capacity, capacity);
	assert_non_null(route_lookup(f, source, group));
	for (uint32_t i = 0; i < COLLIDING; i++)
		assert_int_equal(route_lookup(f, ops[i].spec.source, group)->source, ops[i].spec.source);
}

/* A key occurs twice, and half of the batch is published when the table detects it. */
static void test_half_published_batch_is_undone(void **state)
{
	struct fanout_world *f = *state;
	struct gremc_fanout_op ops[COLLIDING + 3];
	const uint32_t twice = RTE_DIM(ops) - 1;
	const struct gremc_mroute *replaced, *removed;
	struct gremc_fanout_usage before, after;

	route_add(f, source, group, 32);
	route_add(f, 0, IP(239, 0, 0, 0), 8);
	replaced = route_lookup(f, source, group);
	removed = route_lookup(f, source, IP(239, 2, 2, 2));
	ops[0] = route_set_op(source, group, 32, vifs123, 1);
	ops[1] = route_remove_op(0, IP(239, 0, 0, 0), 8);
	colliding_ops_create(f, &ops[2]);
	ops[twice] = ops[5];
	before = table_usage(f);
	assert_int_equal(gremc_fanout_apply(f->table, ops, RTE_DIM(ops), NULL, NULL), -EINVAL);
	gremc_rcu_synchronize(f->rcu);
	after = table_usage(f);
	assert_int_equal(after.mroutes, before.mroutes);
	assert_int_equal(after.lengths, before.lengths);
	assert_ptr_equal(route_lookup(f, source, group), replaced);
	assert_ptr_equal(gremc_fanout_get(f->table, replaced->id), replaced);
	assert_ptr_equal(route_lookup(f, source, IP(239, 2, 2, 2)), removed);
	for (uint32_t i = 2; i < RTE_DIM(ops); i++)
		assert_ptr_equal(route_lookup(f, ops[i].spec.source, group), removed);
	for (uint32_t id = 2; id < gremc_fanout_id_limit(f->table); id++)
		assert_null(gremc_fanout_get(f->table, id));

	/* the failed batch used up neither entries nor ids */
	assert_int_equal(gremc_fanout_apply(f->table, ops, twice, NULL, NULL), 0);
	assert_int_equal(route_lookup(f, source, group)->oif_count, 1);
	assert_int_equal(route_lookup(f, source, group)->id, 0);
	assert_null(route_lookup(f, source, IP(239, 2, 2, 2)));
	assert_in_range(gremc_fanout_id_limit(f->table), COLLIDING, COLLIDING + 2);
	assert_int_equal(table_usage(f).mroutes, COLLIDING + 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_replacement_keeps_the_id),
		TEST_ON_TWO_NODES(test_replacement_keeps_the_id),
		TEST(test_equal_route_changes_nothing),
		TEST(test_wrong_routes_are_refused),
		TEST(test_repeated_key_is_refused),
		TEST(test_failed_batch_changes_nothing),
		TEST_ON_TWO_NODES(test_failed_batch_changes_nothing),
		TEST(test_batch_without_memory_changes_nothing),
		TEST_ON_TWO_NODES(test_batch_without_memory_changes_nothing),
		TEST(test_each_new_id_is_reported),
		TEST(test_removed_route_waits_for_its_readers),
		TEST(test_colliding_keys_are_stored),
		TEST_ON_TWO_NODES(test_colliding_keys_are_stored),
		TEST(test_half_published_batch_is_undone),
		TEST_ON_TWO_NODES(test_half_published_batch_is_undone),
	};

	return cmocka_run_group_tests_name("fanout_batch", tests, fanout_eal_init, fanout_eal_cleanup);
}
