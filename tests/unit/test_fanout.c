/* SPDX-License-Identifier: BSD-3-Clause */
/* Lookups in the multicast route table. */
#include <errno.h>

#include "fanout_world.h"

static void test_lower_bound_finds_every_place(void **state)
{
	const uint32_t vifs[] = {3, 5, 9, 9000, UINT32_MAX};

	(void)state;
	assert_int_equal(gremc_vif_lower_bound(NULL, 0, 7), 0);
	for (uint32_t count = 1; count <= RTE_DIM(vifs); count++) {
		for (uint32_t i = 0; i < count; i++) {
			assert_int_equal(gremc_vif_lower_bound(vifs, count, vifs[i]), i);
			assert_int_equal(gremc_vif_lower_bound(vifs, count, vifs[i] - 1), i);
		}
		if (vifs[count - 1] < UINT32_MAX)
			assert_int_equal(gremc_vif_lower_bound(vifs, count, vifs[count - 1] + 1), count);
	}
	assert_int_equal(gremc_vif_lower_bound(vifs, 5, 0), 0);
}

static void test_longest_match_wins(void **state)
{
	struct fanout_world *f = *state;
	const rte_be32_t other = IP(10, 9, 9, 9);

	assert_null(route_lookup(f, source, group));
	assert_int_equal(table_usage(f).lengths, 0);
	/* from the shortest to the longest: each replaces the match before it */
	for (uint8_t length = 4; length <= 32; length++) {
		if (length > 8 && length < 24 && length % 5)
			continue;
		route_add(f, 0, group & gremc_ipv4_mask(length), length);
		assert_int_equal(route_lookup(f, source, group)->length, length);
		assert_true(table_usage(f).lengths >> length & 1);
	}
	route_add(f, source, group, 32);
	assert_int_equal(route_lookup(f, source, group)->source, source);
	assert_int_equal(route_lookup(f, other, group)->source, 0);
	assert_int_equal(route_lookup(f, other, group)->length, 32);
	assert_int_equal(route_lookup(f, source, IP(239, 1, 1, 0))->length, 31);
	assert_int_equal(route_lookup(f, source, IP(239, 1, 1, 9))->length, 28);
	assert_int_equal(route_lookup(f, source, IP(239, 200, 0, 1))->length, 8);
	assert_int_equal(route_lookup(f, source, IP(225, 0, 0, 1))->length, 4);
	assert_null(route_lookup(f, source, IP(192, 0, 2, 1)));

	assert_int_equal(op_apply(f, route_remove_op(source, group, 32)), 0);
	assert_int_equal(route_lookup(f, source, group)->length, 32);
	assert_int_equal(route_lookup(f, source, group)->source, 0);
	assert_int_equal(table_usage(f).lengths >> 33, 0);
	assert_int_equal(op_apply(f, route_remove_op(0, group, 32)), 0);
	assert_int_equal(route_lookup(f, source, group)->length, 31);
}

/* RFC 4607: only (S,G) matches in 232.0.0.0/8, unless a route covers the range exactly. */
static void test_ssm_groups_match_exact_sources_only(void **state)
{
	struct fanout_world *f = *state;
	const rte_be32_t ssm = IP(232, 1, 2, 3);

	route_add(f, 0, IP(224, 0, 0, 0), 4);
	assert_non_null(route_lookup(f, source, IP(233, 0, 0, 1)));
	assert_null(route_lookup(f, source, ssm));
	route_add(f, source, ssm, 32);
	assert_int_equal(route_lookup(f, source, ssm)->group, ssm);
	assert_null(route_lookup(f, IP(10, 1, 1, 2), ssm));
	assert_int_equal(op_apply(f, route_set_op(0, ssm, 32, vifs123, 3)), -EINVAL);
	assert_int_equal(op_apply(f, route_set_op(0, IP(232, 0, 0, 0), 9, vifs123, 3)), -EINVAL);
	route_add(f, 0, IP(232, 0, 0, 0), 7); /* also covers 233.0.0.0/8 */
	assert_null(route_lookup(f, IP(10, 1, 1, 2), ssm));
	assert_int_equal(route_lookup(f, source, IP(233, 0, 0, 1))->length, 7);
	/* a route for exactly this range */
	route_add(f, 0, IP(232, 0, 0, 0), 8);
	assert_int_equal(table_usage(f).lengths >> 34, 1);
	assert_int_equal(table_usage(f).lengths >> 8 & 1, 0);
	assert_int_equal(route_lookup(f, IP(10, 1, 1, 2), ssm)->length, 8);
	assert_int_equal(route_lookup(f, source, ssm)->length, 32);
	assert_int_equal(route_lookup(f, source, IP(233, 0, 0, 1))->length, 7);
	assert_int_equal(op_apply(f, route_remove_op(0, IP(232, 0, 0, 0), 8)), 0);
	assert_int_equal(table_usage(f).lengths >> 34, 0);
	assert_null(route_lookup(f, IP(10, 1, 1, 2), ssm));
}

static void test_bulk_lookup_mixes_all_kinds(void **state)
{
	struct fanout_world *f = *state;
	struct gremc_fanout_key keys[GREMC_FANOUT_BULK] = {{0, 0}};
	const struct gremc_mroute *out[GREMC_FANOUT_BULK + 1];

	for (uint32_t i = 0; i < GREMC_FANOUT_BULK; i += 4)
		route_add(f, source, rte_cpu_to_be_32(0xef000000 + i), 32);
	for (uint32_t i = 1; i < GREMC_FANOUT_BULK; i += 4)
		route_add(f, 0, rte_cpu_to_be_32(0xef000000 + i), 32);
	route_add(f, 0, IP(239, 0, 0, 32), 27);
	for (uint32_t n = 0; n <= GREMC_FANOUT_BULK; n++) {
		out[n] = (const struct gremc_mroute *)f;
		for (uint32_t i = 0; i < n; i++)
			keys[i] = (struct gremc_fanout_key){source, rte_cpu_to_be_32(0xef000000 + i)};
		gremc_fanout_lookup_bulk(gremc_fanout_at(f->table, SOCKET_ID_ANY), keys, n, out);
		for (uint32_t i = 0; i < n; i++) {
			if (i % 4 < 2) {
				assert_int_equal(out[i]->group, keys[i].group);
				assert_int_equal(out[i]->source, i % 4 ? 0 : source);
			} else if (i >= 32) {
				assert_int_equal(out[i]->length, 27);
			} else {
				assert_null(out[i]);
			}
		}
		assert_ptr_equal(out[n], f); /* exactly n results are written */
	}
}

static void test_find_returns_the_exact_route(void **state)
{
	struct fanout_world *f = *state;

	route_add(f, source, group, 32);
	route_add(f, 0, IP(239, 0, 0, 0), 8);
	assert_int_equal(gremc_fanout_find(f->table, source, group, 32)->source, source);
	assert_int_equal(gremc_fanout_find(f->table, 0, IP(239, 0, 0, 0), 8)->length, 8);
	assert_null(gremc_fanout_find(f->table, 0, group, 32));
	assert_null(gremc_fanout_find(f->table, source, group, 24));
	assert_null(gremc_fanout_find(f->table, 0, IP(239, 0, 0, 0), 9));
	assert_null(gremc_fanout_find(f->table, 0, IP(239, 0, 0, 0), 0));
	/* a source that looks like a length */
	assert_null(gremc_fanout_find(f->table, IP(0, 0, 0, 8), IP(239, 0, 0, 0), 32));
	assert_null(gremc_fanout_get(f->table, GREMC_MROUTE_IDS_MAX));
	assert_null(gremc_fanout_get(f->table, UINT32_MAX));
}

static void test_route_accepts_its_iifs(void **state)
{
	struct fanout_world *f = *state;
	const uint32_t iifs[] = {70, 7, 700};
	struct gremc_fanout_op op = route_set_op(source, group, 32, vifs123, 3);
	const struct gremc_mroute *mroute;

	assert_int_equal(op_apply(f, op), 0);
	mroute = route_lookup(f, source, group);
	assert_true(gremc_mroute_accepts(mroute, 0) && gremc_mroute_accepts(mroute, UINT32_MAX));

	op.spec.iifs = iifs;
	op.spec.iif_count = 1;
	assert_int_equal(op_apply(f, op), 0);
	mroute = route_lookup(f, source, group);
	assert_true(gremc_mroute_accepts(mroute, 70));
	assert_false(gremc_mroute_accepts(mroute, 7) || gremc_mroute_accepts(mroute, 71));
	assert_int_equal(gremc_mroute_iifs(mroute)[0], 70);

	op.spec.iif_count = 3;
	assert_int_equal(op_apply(f, op), 0);
	mroute = route_lookup(f, source, group);
	for (uint32_t vif = 0; vif < 800; vif++)
		assert_int_equal(gremc_mroute_accepts(mroute, vif), vif == 7 || vif == 70 || vif == 700);
	assert_int_equal(mroute->oif_count, 3);
	assert_memory_equal(mroute->vif, vifs123, sizeof(vifs123));
}

static void test_oil_is_sorted(void **state)
{
	struct fanout_world *f = *state;
	const uint32_t mixed[] = {9, 1, UINT32_MAX, 0, 4}, sorted[] = {0, 1, 4, 9, UINT32_MAX};
	const uint32_t twice[] = {3, 1, 2, 3};
	struct gremc_fanout_op op = route_set_op(source, group, 32, mixed, 5);
	const struct gremc_mroute *mroute;

	assert_int_equal(op_apply(f, op), 0);
	mroute = route_lookup(f, source, group);
	assert_memory_equal(mroute->vif, sorted, sizeof(sorted));
	assert_int_equal(op_apply(f, route_set_op(source, group, 32, twice, 4)), -EINVAL);
	op.spec.iifs = twice;
	op.spec.iif_count = 4;
	assert_int_equal(op_apply(f, op), -EINVAL);
	assert_ptr_equal(route_lookup(f, source, group), mroute);
}

static void test_oil_has_any_length(void **state)
{
	static const uint32_t sizes[] = {0,   1,   2,   4,   5,    20,    230,   244,
					 245, 255, 256, 257, 1000, 20000, 65534, 65535};
	struct fanout_world *f = *state;

	for (uint32_t i = 0; i < RTE_DIM(sizes); i++)
		assert_int_equal(
			op_apply(f, route_set_op(0, rte_cpu_to_be_32(0xef000000 + i), 32, f->ramp, sizes[i])),
			0);
	for (uint32_t i = 0; i < RTE_DIM(sizes); i++) {
		const struct gremc_mroute *mroute = route_lookup(f, source, rte_cpu_to_be_32(0xef000000 + i));

		assert_int_equal(mroute->oif_count, sizes[i]);
		assert_memory_equal(mroute->vif, f->ramp, sizes[i] * sizeof(uint32_t));
		assert_int_equal((uintptr_t)mroute % 8, 0);
	}
	assert_int_equal(op_apply(f, route_set_op(0, group, 32, f->ramp, GREMC_FANOUT_MAX + 1)), -E2BIG);
	assert_null(gremc_fanout_find(f->table, 0, group, 32));
}

static void test_thresholds_belong_to_their_oifs(void **state)
{
	static const uint32_t iifs[] = {7, 8}, descending[] = {3, 2, 1};
	uint8_t thresholds[] = {0, 16, 255};
	struct fanout_world *f = *state;
	struct gremc_fanout_op op = route_set_op(source, group, 32, vifs123, 3);
	const struct gremc_mroute *mroute, *same;

	op.spec.iifs = iifs;
	op.spec.iif_count = 2;
	op.spec.thresholds = thresholds;
	assert_int_equal(op_apply(f, op), 0);
	mroute = route_lookup(f, source, group);
	assert_true(mroute->limited);
	assert_memory_equal(gremc_mroute_thresholds(mroute), thresholds, 3);
	assert_memory_equal(gremc_mroute_iifs(mroute), iifs, sizeof(iifs));
	assert_int_equal(op_apply(f, op), 0);
	same = route_lookup(f, source, group);
	assert_ptr_equal(same, mroute);
	thresholds[2] = 1; /* the only change */
	assert_int_equal(op_apply(f, op), 0);
	assert_int_equal(gremc_mroute_thresholds(route_lookup(f, source, group))[2], 1);
	op.spec.oifs = descending;
	assert_int_equal(op_apply(f, op), -EINVAL);
	op.spec.thresholds = NULL;
	assert_int_equal(op_apply(f, op), 0);
	assert_false(route_lookup(f, source, group)->limited);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_lower_bound_finds_every_place),
		TEST(test_longest_match_wins),
		TEST_ON_TWO_NODES(test_longest_match_wins),
		TEST(test_ssm_groups_match_exact_sources_only),
		TEST(test_bulk_lookup_mixes_all_kinds),
		TEST(test_find_returns_the_exact_route),
		TEST(test_route_accepts_its_iifs),
		TEST_ON_TWO_NODES(test_route_accepts_its_iifs),
		TEST(test_oil_is_sorted),
		TEST(test_oil_has_any_length),
		TEST_ON_TWO_NODES(test_oil_has_any_length),
		TEST(test_thresholds_belong_to_their_oifs),
	};

	return cmocka_run_group_tests_name("fanout", tests, fanout_eal_init, fanout_eal_cleanup);
}
