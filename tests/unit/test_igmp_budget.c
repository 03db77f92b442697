/* SPDX-License-Identifier: BSD-3-Clause */
/* The budget of routes that all interfaces share. */
#include "igmp_querier.h"

/* ---- the budget ---- */

#define SITES 31u /* interfaces 1 to 31; the last one joins little */

static void budget_start(uint32_t routes)
{
	struct gremc_igmp_policy policy = querier;

	policy.max_groups = 10000;
	for (uint32_t i = 1; i <= SITES; i++)
		assert_int_equal(gremc_igmp_interface_set(w.igmp, i, &policy, w.now), 0);
	gremc_igmp_budget_set(w.igmp, routes, w.now);
}

static uint32_t interface_cost(uint32_t interface)
{
	struct gremc_igmp_interface_info info = {0};

	assert_true(gremc_igmp_interface_info_get(w.igmp, interface, &info));
	return info.cost;
}

static bool membership_exists(uint32_t interface, rte_be32_t of)
{
	struct gremc_igmp_group_info info;

	return world_group_find(&w, interface, of, &info);
}

/* Check the sums of the budget. Static memberships are not in them. */
static void budget_check(void)
{
	struct gremc_igmp_budget_info info;
	uint64_t sum = 0, largest = 0;

	gremc_igmp_budget_info_get(w.igmp, &info);
	for (uint32_t i = 1; i <= SITES; i++) {
		sum += interface_cost(i);
		largest = RTE_MAX(largest, interface_cost(i));
	}
	assert_int_equal(sum, info.used);
	assert_int_equal(largest, info.largest);
	assert_true(info.used <= info.limit);
	assert_true(info.used >= 8u * info.routes);
}

static void groups_join(uint32_t interface, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
		world_record(&w, interface, GREMC_IGMP_IS_IN, IP(239, interface, i >> 8, i & 255),
			     (rte_be32_t[]){member_address(0), member_address(1), member_address(2)}, 3);
}

/* Thirty sites exhaust the budget. The thirty-first gets all its requests below their share. */
static void test_budget_is_shared_fairly(void **state)
{
	uint32_t least = UINT32_MAX, most = 0;

	(void)state;
	budget_start(3000);
	for (uint32_t i = 1; i < SITES; i++)
		groups_join(i, 200);
	budget_check();
	for (uint32_t i = 1; i < SITES; i++) {
		least = RTE_MIN(least, interface_cost(i));
		most = RTE_MAX(most, interface_cost(i));
	}
	assert_true(most - least <= 40 && least >= 3000 * 9 / 30 - 40);
	assert_true(world_counter(&w, 1, GREMC_IGMP_COUNT_evicted) > 0);
	assert_true(world_counter(&w, 30, GREMC_IGMP_COUNT_budget) > 0);
	/* a site with an equal share is refused and evicts nothing */
	world_forget(&w);
	groups_join(30, 200);
	assert_true(w.said_count < 20);
	groups_join(31, 20); /* 4 routes each */
	assert_int_equal(interface_cost(31), 20 * 4 * 9);
	assert_int_equal(world_counter(&w, 31, GREMC_IGMP_COUNT_budget), 0);
	assert_int_equal(world_counter(&w, 31, GREMC_IGMP_COUNT_evicted), 0);
	budget_check();
	/* and keeps them */
	for (uint32_t i = 1; i < SITES; i++)
		groups_join(i, 300);
	assert_int_equal(interface_cost(31), 20 * 4 * 9);
	budget_check();
}

/* Many sites with the same groups need few routes. */
static void test_budget_charges_shared_groups_once(void **state)
{
	struct gremc_igmp_budget_info info;

	(void)state;
	budget_start(250);
	for (uint32_t i = 1; i <= SITES; i++)
		for (uint32_t g = 0; g < 50; g++)
			world_old(&w, i, GREMC_IGMP_V2_REPORT, IP(239, 100, 0, g));
	gremc_igmp_budget_info_get(w.igmp, &info);
	assert_int_equal(info.routes, 50);
	assert_int_equal(info.used, 50 * (8 + SITES));
	budget_check();
	/* requests of one site do not evict shared groups of the others */
	groups_join(1, 300);
	budget_check();
	for (uint32_t i = 2; i <= SITES; i++)
		for (uint32_t g = 0; g < 50; g++)
			assert_true(membership_exists(i, IP(239, 100, 0, g)));
}

/* A route that both sites request is charged to the site with less. */
static void test_budget_charges_payer_with_least_cost(void **state)
{
	(void)state;
	budget_start(100);
	world_old(&w, 1, GREMC_IGMP_V2_REPORT, group);
	for (uint32_t i = 0; i < 200; i++)
		world_old(&w, 1, GREMC_IGMP_V2_REPORT, IP(239, 5, 0, i));
	assert_int_equal(interface_cost(1), 900);
	world_old(&w, 2, GREMC_IGMP_V2_REPORT, group);
	assert_int_equal(interface_cost(2), 9);
	for (uint32_t i = 0; i < 49; i++)
		world_old(&w, 2, GREMC_IGMP_V2_REPORT, IP(239, 6, 0, i));
	assert_true(membership_exists(2, group));
	budget_check();
	gremc_igmp_interface_remove(w.igmp, 2, w.now);
	budget_start(100);
	budget_check();
	assert_true(interface_cost(1) < 900);
}

/* After a refusal the site is queried when the budget has a reserve again. */
static void test_budget_queries_after_release(void **state)
{
	struct gremc_igmp_settings settings = defaults;

	(void)state;
	settings.query_interval = 3600000;
	gremc_igmp_configure(w.igmp, &settings, w.now);
	budget_start(100);
	world_run(&w, 2000000); /* past the startup queries */
	for (uint32_t i = 0; i < 60; i++) {
		world_old(&w, 1, GREMC_IGMP_V2_REPORT, IP(239, 5, 0, i));
		world_old(&w, 2, GREMC_IGMP_V2_REPORT, IP(239, 6, 0, i));
	}
	assert_int_equal(interface_cost(1) + interface_cost(2), 900);
	assert_true(world_counter(&w, 2, GREMC_IGMP_COUNT_budget) > 0);
	world_forget(&w);
	world_run(&w, 60000);
	assert_int_equal(w.sent_count, 0);
	gremc_igmp_interface_remove(w.igmp, 1, w.now);
	world_run(&w, 2000);
	assert_int_equal(w.sent_count, 1);
	assert_int_equal(w.sent[0].interface, 2);
	for (uint32_t i = 0; i < 60; i++)
		world_old(&w, 2, GREMC_IGMP_V2_REPORT, IP(239, 6, 0, i));
	assert_int_equal(interface_cost(2), 540);
}

/* A smaller budget evicts from the sites with the largest cost, but no static join. */
static void test_budget_spares_static_joins(void **state)
{
	const struct gremc_igmp_join joins[] = {
		{.group = GREMC_ADDR_IPV4(group)},
		{GREMC_ADDR_IPV4(ssm), GREMC_ADDR_IPV4(member_address(0))},
	};
	struct gremc_igmp_policy policy = querier;

	(void)state;
	budget_start(50);
	for (uint32_t i = 0; i < 40; i++)
		world_old(&w, 1, GREMC_IGMP_V2_REPORT, IP(239, 5, 0, i));
	for (uint32_t i = 0; i < 10; i++)
		world_old(&w, 2, GREMC_IGMP_V2_REPORT, IP(239, 6, 0, i));
	policy.joins = joins;
	policy.join_count = 2;
	assert_int_equal(gremc_igmp_interface_set(w.igmp, 3, &policy, w.now), 0);
	assert_int_equal(interface_cost(3), 0);
	gremc_igmp_budget_set(w.igmp, 23, w.now); /* static joins need three */
	assert_int_equal(interface_cost(1), 90);
	assert_int_equal(interface_cost(2), 90);
	gremc_igmp_budget_set(w.igmp, 0, w.now);
	assert_int_equal(interface_cost(1) + interface_cost(2), 0);
	assert_true(membership_exists(3, group) && membership_exists(3, ssm));
	gremc_igmp_budget_set(w.igmp, 50, w.now);
	/* a member keeps the group after the join is removed from the configuration */
	world_old(&w, 3, GREMC_IGMP_V2_REPORT, group);
	assert_int_equal(gremc_igmp_interface_set(w.igmp, 3, &querier, w.now), 0);
	assert_true(membership_exists(3, group) && !membership_exists(3, ssm));
	assert_int_equal(interface_cost(3), 9);
	budget_check();
}

/* The sums hold, and a site below its share loses nothing. */
static void test_budget_holds_with_random_records(void **state)
{
	uint32_t random = 1;

	(void)state;
	budget_start(400);
	for (uint32_t i = 0; i < 12; i++)
		world_old(&w, SITES, GREMC_IGMP_V2_REPORT, IP(239, 200, 0, i));
	for (unsigned n = 0; n < 30000; n++) {
		uint32_t interface, g;
		uint8_t type;

		random = random * 1664525 + 1013904223;
		interface = 1 + (random >> 8) % (SITES - 1);
		g = (random >> 16) % 300;
		type = (uint8_t)(GREMC_IGMP_IS_IN + (random >> 4) % 6);
		world_record(&w, interface, type, IP(239, 100 + g % 2 * interface, g >> 8, g & 255),
			     (rte_be32_t[]){member_address(0), member_address(1), member_address(2)},
			     (uint16_t)(random >> 28) % 4);
		if (n % 50 == 0) {
			budget_check();
			world_run(&w, (random >> 12) % 4000);
		}
		if (n % 500 == 0)
			for (uint32_t i = 0; i < 12; i++)
				world_old(&w, SITES, GREMC_IGMP_V2_REPORT, IP(239, 200, 0, i));
		w.said_count = w.sent_count = 0;
	}
	assert_int_equal(world_counter(&w, SITES, GREMC_IGMP_COUNT_evicted), 0);
	assert_int_equal(world_counter(&w, SITES, GREMC_IGMP_COUNT_budget), 0);
	assert_int_equal(world_counter(&w, SITES, GREMC_IGMP_COUNT_joined), 12);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_budget_is_shared_fairly),
		TEST(test_budget_charges_shared_groups_once),
		TEST(test_budget_charges_payer_with_least_cost),
		TEST(test_budget_queries_after_release),
		TEST(test_budget_spares_static_joins),
		TEST(test_budget_holds_with_random_records),
	};

	return cmocka_run_group_tests_name("igmp_budget", tests, NULL, NULL);
}
