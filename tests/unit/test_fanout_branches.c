/* SPDX-License-Identifier: BSD-3-Clause */
/* Keys with several mroutes, each for packets of other iifs. */
#include <errno.h>
#include <stdlib.h>

#include "fanout_world.h"

#define IIFS     8u
#define BRANCHES 4u

/* The branches of one key: a set of iifs each, a bit per iif. Branch b has the oil {100 * (b + 1)}. */
struct branches {
	uint32_t iifs[BRANCHES]; /* 0: there is no such branch */
};

static uint32_t branch_oif_of(uint32_t branch)
{
	return 100 * (branch + 1);
}

static uint32_t iif_set_list(uint32_t set, uint32_t *list)
{
	uint32_t count = 0;

	/* descending, to be sorted by the table */
	for (uint32_t i = IIFS; i-- > 0;)
		if (set >> i & 1)
			list[count++] = i;
	return count;
}

/* Set (*,group) to the branches; one branch is an mroute without a trunk. Returns the result. */
static int branches_apply(struct fanout_world *f, const struct branches *branches,
			  void (*on_new_id)(uint32_t id, void *argument), void *argument)
{
	struct gremc_mroute_spec specs[BRANCHES];
	struct gremc_fanout_op op = route_set_op(0, group, 32, NULL, 0);
	uint32_t iifs[BRANCHES][IIFS], oifs[BRANCHES];

	for (uint32_t b = 0; b < BRANCHES; b++) {
		if (branches->iifs[b] == 0)
			continue;
		oifs[b] = branch_oif_of(b);
		specs[op.spec.branch_count++] = (struct gremc_mroute_spec){
			.group = group,
			.length = 32,
			.iifs = iifs[b],
			.iif_count = iif_set_list(branches->iifs[b], iifs[b]),
			.oifs = &oifs[b],
			.oif_count = 1,
		};
	}
	if (op.spec.branch_count == 1)
		op.spec = specs[0];
	else
		op.spec.branches = specs;
	return gremc_fanout_apply(f->table, &op, 1, on_new_id, argument);
}

/* Packets of each iif find their branch, or a route that does not accept them. */
static void branches_expect(struct fanout_world *f, const struct branches *branches)
{
	for (uint32_t i = 0; i < IIFS; i++) {
		const struct gremc_mroute *found = route_lookup(f, IP(10, 1, 1, 1), group);
		uint32_t expected = 0;

		for (uint32_t b = 0; b < BRANCHES; b++)
			expected = branches->iifs[b] >> i & 1 ? branch_oif_of(b) : expected;
		assert_non_null(found);
		found = gremc_mroute_branch(found, i);
		assert_int_equal(gremc_mroute_accepts(found, i), expected != 0);
		if (expected == 0)
			continue;
		assert_int_equal(found->oif_count, 1);
		assert_int_equal(found->vif[0], expected);
		assert_ptr_equal(gremc_fanout_get(f->table, found->id), found);
	}
}

static uint32_t branch_id(struct fanout_world *f, uint32_t iif)
{
	return gremc_mroute_branch(gremc_fanout_find(f->table, 0, group, 32), iif)->id;
}

static void added_ids_count(uint32_t id, void *argument)
{
	(void)id;
	(*(unsigned *)argument)++;
}

static void test_each_iif_has_the_oil_of_its_branch(void **state)
{
	static const struct branches three = {{1 << 1 | 1 << 6, 1 << 0, 1 << 3 | 1 << 4}};
	struct fanout_world *f = *state;
	unsigned added = 0;
	const struct gremc_mroute *trunk;

	assert_int_equal(branches_apply(f, &three, added_ids_count, &added), 0);
	branches_expect(f, &three);
	assert_int_equal(added, 3);
	assert_int_equal(table_usage(f).mroutes, 3);
	trunk = gremc_fanout_find(f->table, 0, group, 32);
	assert_true(trunk->trunk);
	assert_int_equal(trunk->iif_count, 5);
	assert_true(gremc_mroute_branch(trunk, 6)->branch);
	/* the same again publishes nothing */
	assert_int_equal(branches_apply(f, &three, added_ids_count, &added), 0);
	assert_ptr_equal(gremc_fanout_find(f->table, 0, group, 32), trunk);
	assert_int_equal(added, 3);
	assert_int_equal(op_apply(f, route_remove_op(0, group, 32)), 0);
	assert_null(route_lookup(f, IP(10, 1, 1, 1), group));
	assert_int_equal(table_usage(f).mroutes, 0);
	for (uint32_t id = 0; id < gremc_fanout_id_limit(f->table); id++)
		assert_null(gremc_fanout_get(f->table, id));
}

/* The counters of a branch go on while it has an iif in common with its predecessor. */
static void test_branches_keep_their_ids(void **state)
{
	static const struct branches one = {{1 << 1 | 1 << 2}}, two = {{1 << 1, 1 << 2}},
				     moved = {{1 << 2 | 1 << 5, 1 << 1}}, other = {{1 << 6, 1 << 7}};
	struct fanout_world *f = *state;
	uint32_t first, second;

	assert_int_equal(branches_apply(f, &one, NULL, NULL), 0);
	first = branch_id(f, 1);
	/* an mroute becomes a trunk: its first branch gets its id */
	assert_int_equal(branches_apply(f, &two, NULL, NULL), 0);
	branches_expect(f, &two);
	assert_int_equal(branch_id(f, 1), first);
	second = branch_id(f, 2);
	assert_int_not_equal(second, first);
	assert_int_equal(branches_apply(f, &moved, NULL, NULL), 0);
	branches_expect(f, &moved);
	assert_int_equal(branch_id(f, 1), first);
	assert_int_equal(branch_id(f, 5), second);
	/* without common iifs: other ids, and the old ones are free after a grace period */
	assert_int_equal(branches_apply(f, &other, NULL, NULL), 0);
	branches_expect(f, &other);
	assert_null(gremc_fanout_get(f->table, first));
	assert_null(gremc_fanout_get(f->table, second));
	/* a trunk becomes an mroute */
	assert_int_equal(branches_apply(f, &one, NULL, NULL), 0);
	branches_expect(f, &one);
	assert_int_equal(table_usage(f).mroutes, 1);
	/* any iif: one of the branches goes on */
	assert_int_equal(branches_apply(f, &two, NULL, NULL), 0);
	first = branch_id(f, 1);
	route_add(f, 0, group, 32);
	assert_int_equal(branch_id(f, 3), first);
	assert_int_equal(table_usage(f).mroutes, 1);
}

static void test_wrong_branches_are_refused(void **state)
{
	static const struct branches good = {{1 << 1, 1 << 2}}, overlapping = {{1 << 3, 1 << 3 | 1 << 4}};
	struct fanout_world *f = *state;
	struct gremc_fanout_op op = route_set_op(0, group, 32, NULL, 0),
			       add = route_set_op(0, group, 32, vifs123, 3);
	const uint32_t iif1 = 1, iif2 = 2;
	struct gremc_mroute_spec specs[2] = {{.group = group, .length = 32, .iifs = &iif1, .iif_count = 1},
					     {.group = group, .length = 32, .iifs = &iif2, .iif_count = 1}};
	struct gremc_fanout_op both[2];

	assert_int_equal(branches_apply(f, &good, NULL, NULL), 0);
	assert_int_equal(branches_apply(f, &overlapping, NULL, NULL), -EINVAL);
	op.spec.branches = specs;
	op.spec.branch_count = 1;
	assert_int_equal(op_apply(f, op), -EINVAL);
	op.spec.branch_count = 2;
	specs[1].iif_count = 0;
	assert_int_equal(op_apply(f, op), -EINVAL);
	specs[1].iif_count = 1;
	specs[1].group = IP(239, 9, 9, 9);
	assert_int_equal(op_apply(f, op), -EINVAL);
	specs[1].group = group;
	specs[1].iifs = f->ramp;
	specs[1].iif_count = GREMC_FANOUT_MAX;
	assert_int_equal(op_apply(f, op), -E2BIG);
	branches_expect(f, &good);
	/* a call with a key twice is undone: a trunk that was new, and one that replaced another */
	specs[1].iifs = &iif2;
	specs[1].iif_count = 1;
	op.spec.group = specs[0].group = specs[1].group = add.spec.group = IP(239, 7, 7, 7);
	both[0] = op;
	both[1] = add;
	assert_int_equal(gremc_fanout_apply(f->table, both, 2, NULL, NULL), -EINVAL);
	assert_null(gremc_fanout_find(f->table, 0, IP(239, 7, 7, 7), 32));
	assert_int_equal(table_usage(f).mroutes, 2);
	branches_expect(f, &good);
}

/* The same with a trunk that is replaced before the failure. */
static void test_undone_change_restores_branches(void **state)
{
	static const struct branches old = {{1 << 1, 1 << 2}};
	struct fanout_world *f = *state;
	const uint32_t iif1 = 1, iif5 = 5;
	struct gremc_mroute_spec specs[2] = {{.group = group, .length = 32, .iifs = &iif1, .iif_count = 1},
					     {.group = group, .length = 32, .iifs = &iif5, .iif_count = 1}};
	struct gremc_fanout_op ops[3] = {route_set_op(0, group, 32, NULL, 0),
					 route_set_op(0, IP(239, 7, 7, 7), 32, vifs123, 3),
					 route_set_op(0, IP(239, 7, 7, 7), 32, vifs123, 2)};
	uint32_t ids[2];

	assert_int_equal(branches_apply(f, &old, NULL, NULL), 0);
	ids[0] = branch_id(f, 1);
	ids[1] = branch_id(f, 2);
	ops[0].spec.branches = specs;
	ops[0].spec.branch_count = 2;
	assert_int_equal(gremc_fanout_apply(f->table, ops, 3, NULL, NULL), -EINVAL);
	branches_expect(f, &old);
	assert_int_equal(branch_id(f, 1), ids[0]);
	assert_int_equal(branch_id(f, 2), ids[1]);
	assert_int_equal(table_usage(f).mroutes, 2);
}

/* A table that grows has another hash, with the trunk once. */
static void test_branches_survive_growth(void **state)
{
	static const struct branches three = {{1 << 1, 1 << 2, 1 << 3}}, two = {{1 << 1, 0, 1 << 3}};
	struct fanout_world *f = *state;
	const uint32_t before = table_usage(f).capacity;

	assert_int_equal(branches_apply(f, &three, NULL, NULL), 0);
	routes_change_many(f, GREMC_FANOUT_SET, 5000, 500);
	assert_true(table_usage(f).capacity > before);
	branches_expect(f, &three);
	routes_expect_many(f, 5000);
	assert_int_equal(branches_apply(f, &two, NULL, NULL), 0);
	branches_expect(f, &two);
	assert_int_equal(op_apply(f, route_remove_op(0, group, 32)), 0);
	assert_null(route_lookup(f, IP(10, 1, 1, 1), group));
}

/* Random changes: each branch is found, ids are exact, and no memory remains. */
static void test_random_branches_are_exact(void **state)
{
	struct fanout_world *f = *state;
	struct branches old = {{0}};
	const uint64_t bytes = f->table->slab.bytes;
	unsigned seed = 4711;

	for (unsigned step = 0; step < 3000; step++) {
		struct branches branches = {{0}};
		uint32_t ids[BRANCHES] = {0}, count = 0, used = 0;

		for (uint32_t b = 0; b < BRANCHES; b++)
			if (old.iifs[b])
				ids[b] = branch_id(f, (uint32_t)__builtin_ctz(old.iifs[b]));
		for (uint32_t i = 0; i < IIFS; i++) {
			uint32_t b = (uint32_t)rand_r(&seed) % (BRANCHES + 2);

			if (b < BRANCHES)
				branches.iifs[b] |= 1u << i;
		}
		for (uint32_t b = 0; b < BRANCHES; b++)
			count += branches.iifs[b] != 0;
		if (count == 0)
			continue;
		assert_int_equal(branches_apply(f, &branches, NULL, NULL), 0);
		branches_expect(f, &branches);
		assert_int_equal(table_usage(f).mroutes, count);
		for (uint32_t id = 0; id < gremc_fanout_id_limit(f->table); id++)
			used += gremc_fanout_get(f->table, id) != NULL;
		assert_int_equal(used, count);
		/* a branch whose iifs are those of an old one has its id */
		for (uint32_t b = 0; b < BRANCHES; b++)
			for (uint32_t k = 0; k < BRANCHES; k++)
				if (branches.iifs[b] && branches.iifs[b] == old.iifs[k])
					assert_int_equal(
						branch_id(f, (uint32_t)__builtin_ctz(branches.iifs[b])),
						ids[k]);
		old = branches;
		gremc_rcu_reclaim(f->rcu);
	}
	assert_int_equal(op_apply(f, route_remove_op(0, group, 32)), 0);
	gremc_rcu_synchronize(f->rcu);
	assert_int_equal(f->table->slab.bytes, bytes);
	assert_true(gremc_fanout_id_limit(f->table) <= 4 * BRANCHES);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_each_iif_has_the_oil_of_its_branch),
		TEST_ON_TWO_NODES(test_each_iif_has_the_oil_of_its_branch),
		TEST(test_branches_keep_their_ids),
		TEST_ON_TWO_NODES(test_branches_keep_their_ids),
		TEST(test_wrong_branches_are_refused),
		TEST(test_undone_change_restores_branches),
		TEST(test_branches_survive_growth),
		TEST_ON_TWO_NODES(test_branches_survive_growth),
		TEST(test_random_branches_are_exact),
		TEST_ON_TWO_NODES(test_random_branches_are_exact),
	};

	return cmocka_run_group_tests_name("fanout branches", tests, fanout_eal_init, fanout_eal_cleanup);
}
