/* SPDX-License-Identifier: BSD-3-Clause */
/* Routes that do not fit into the table or into memory. */
#include <string.h>

#include "rib_world.h"

static void test_refused_replacement_changes_nothing(void **state)
{
	static const struct gremc_rib_route good[] = {
		{.key = KEY(IP(239, 0, 0, 0), 8), .oifs = to23, .oif_count = 2}};
	static const struct gremc_rib_route bad[] = {
		{.key = KEY(IP(239, 0, 0, 0), 8), .oifs = to8, .oif_count = 1},
		{.key = KEY(IP(10, 0, 0, 0), 8), .oifs = to8, .oif_count = 1}};
	uint32_t none[INTERFACES];

	(void)state;
	memset(none, 0xff, sizeof(none));
	assert_int_equal(gremc_rib_static_replace(rib, good, 1, vifs, INTERFACES, 1), 0);
	group_member_set(5, 0, GREMC_IGMP_INCLUDE);
	assert_int_equal(gremc_rib_static_replace(rib, bad, 2, none, INTERFACES, 1), -EINVAL);
	expect_oil(gremc_fanout_find(table, 0, IP(239, 0, 0, 0), 8), 1 << 2 | 1 << 3);
	expect_oil(gremc_fanout_find(table, 0, group, 32), 1 << 2 | 1 << 3 | 1 << 5);
	group_member_set(5, 0, GREMC_IGMP_NONE);
	assert_null(route_flush(0, group, 32));
}

static unsigned published_count(uint32_t count)
{
	unsigned found = 0;

	for (uint32_t i = 0; i < count; i++)
		found += gremc_fanout_find(table, 0, IP(239, 7, 0, i), 32) != NULL;
	return found;
}

/* Routes that fit are added; the others are added when the table has table_capacity. */
static void test_routes_wait_for_a_full_table(void **state)
{
	(void)state;
	table_capacity = 4;
	for (uint32_t i = 0; i < 10; i++)
		assert_int_equal(member_set(3, 0, IP(239, 7, 0, i), GREMC_IGMP_INCLUDE), 0);
	assert_int_equal(gremc_rib_flush(rib, 7), 6);
	assert_int_equal(gremc_rib_waiting(rib), 6);
	assert_int_equal(published_count(10), 4);
	/* gremc_rib_retry() repeats them, and a change of another route does not */
	assert_false(gremc_rib_is_dirty(rib));
	table_capacity = 1;
	group_member_set(5, 0, GREMC_IGMP_INCLUDE);
	expect_oil(route_flush(0, group, 32), 1 << 5);
	gremc_rib_retry(rib);
	assert_int_equal(gremc_rib_flush(rib, 8), 6);
	table_capacity = 2;
	gremc_rib_retry(rib);
	assert_int_equal(gremc_rib_flush(rib, 8), 4);
	assert_int_equal(gremc_rib_waiting(rib), 4);
	assert_int_equal(published_count(10), 6);
	/* a route without members does not wait */
	for (uint32_t i = 0; i < 10; i++)
		if (gremc_fanout_find(table, 0, IP(239, 7, 0, i), 32) == NULL) {
			member_set(3, 0, IP(239, 7, 0, i), GREMC_IGMP_NONE);
			break;
		}
	assert_int_equal(gremc_rib_flush(rib, 8), 0);
	assert_int_equal(gremc_rib_waiting(rib), 3);
	table_capacity = UINT32_MAX;
	gremc_rib_retry(rib);
	assert_int_equal(gremc_rib_flush(rib, 8), 0);
	assert_int_equal(gremc_rib_waiting(rib), 0);
	assert_int_equal(published_count(10), 9);
}

static void test_static_routes_precede_waiting_ones(void **state)
{
	static const struct gremc_rib_route one[] = {
		{.key = KEY(IP(239, 8, 0, 1), 32), .oifs = to23, .oif_count = 2}};
	static const struct gremc_rib_route two[] = {
		{.key = KEY(IP(239, 8, 0, 1), 32), .oifs = to23, .oif_count = 2},
		{.key = KEY(IP(239, 7, 0, 1), 32), .oifs = to8, .oif_count = 1}};

	(void)state;
	table_capacity = 0;
	for (uint32_t i = 0; i < 3; i++)
		member_set(3, 0, IP(239, 7, 0, i), GREMC_IGMP_INCLUDE);
	assert_int_equal(gremc_rib_flush(rib, 7), 3);
	table_capacity = 1;
	assert_int_equal(gremc_rib_static_replace(rib, one, 1, vifs, INTERFACES, 7), 0);
	expect_oil(gremc_fanout_find(table, 0, IP(239, 8, 0, 1), 32), 1 << 2 | 1 << 3);
	assert_int_equal(gremc_rib_waiting(rib), 3);
	/* a route that waits becomes static */
	table_capacity = 1;
	assert_int_equal(gremc_rib_static_replace(rib, two, 2, vifs, INTERFACES, 7), 0);
	expect_oil(gremc_fanout_find(table, 0, IP(239, 7, 0, 1), 32), 1 << 3 | 1 << 8);
	assert_int_equal(gremc_rib_waiting(rib), 2);
	table_capacity = UINT32_MAX;
	gremc_rib_retry(rib);
	assert_int_equal(gremc_rib_flush(rib, 8), 0);
	assert_int_equal(gremc_rib_waiting(rib), 0);
	assert_int_equal(published_count(3), 3);
}

/* Without memory a membership is refused, or waits. */
static void test_leave_needs_no_memory(void **state)
{
	(void)state;
	group_member_set(3, 0, GREMC_IGMP_INCLUDE);
	is_out_of_memory = true;
	assert_int_equal(member_set(3, source, group, GREMC_IGMP_INCLUDE), -ENOMEM);
	assert_int_equal(member_set(3, 0, IP(239, 7, 0, 0), GREMC_IGMP_INCLUDE), -ENOMEM);
	assert_int_not_equal(gremc_rib_flush(rib, 7), 0);
	is_out_of_memory = false;
	gremc_rib_retry(rib);
	expect_oil(route_flush(0, group, 32), 1 << 3);
	assert_int_equal(gremc_rib_waiting(rib), 0);
	is_out_of_memory = true;
	assert_int_equal(member_set(3, 0, group, GREMC_IGMP_NONE), 0);
	assert_int_equal(member_set(3, source, group, GREMC_IGMP_NONE), 0);
	is_out_of_memory = false;
	gremc_rib_retry(rib);
	assert_null(route_flush(0, group, 32));
}

/* Without memory the requests of the configuration stay as they were. */
static void test_upstream_change_needs_memory_or_changes_nothing(void **state)
{
	(void)state;
	is_out_of_memory = true;
	assert_int_equal(gremc_rib_upstream_set(rib, 2), -ENOMEM);
	is_out_of_memory = false;
	assert_null(route_flush(0, IP(232, 0, 0, 0), 8));
	assert_int_equal(gremc_rib_upstream_set(rib, 2), 0);
	expect_oil(route_flush(0, IP(232, 0, 0, 0), 8), 1 << 2);
	expect_oil(route_flush(0, IP(224, 0, 0, 0), 4), 1 << 2);
	assert_int_equal(gremc_rib_failures(rib), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_refused_replacement_changes_nothing),
		TEST(test_routes_wait_for_a_full_table),
		TEST(test_static_routes_precede_waiting_ones),
		TEST(test_leave_needs_no_memory),
		TEST(test_upstream_change_needs_memory_or_changes_nothing),
	};

	return rib_world_run("rib_capacity", tests, RTE_DIM(tests));
}
