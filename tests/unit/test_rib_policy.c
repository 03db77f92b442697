/* SPDX-License-Identifier: BSD-3-Clause */
/* Oils respect the policies of interfaces: static routes, members and routes of the kernel. */
#include "rib_world.h"

static struct gremc_prefix inside = GREMC_PREFIX_IPV4(IP(239, 1, 0, 0), 16),
			   elsewhere = GREMC_PREFIX_IPV4(IP(239, 9, 0, 0), 16);
static const struct gremc_config_policy bounded = {.out = {.groups = &inside, .group_count = 1}},
					distant = {.out = {.groups = &elsewhere, .group_count = 1}},
					ttl = {.ttl_threshold = 5},
					sourced = {.out = {.sources = &inside, .source_count = 1}},
					incoming = {.in = {.groups = &inside, .group_count = 1}},
					narrow = {.max_fanout = 2};

static const struct gremc_rib_route all_groups[] = {
	{.key = KEY(IP(239, 0, 0, 0), 8), .oifs = to23, .oif_count = 2}};

/* Interface 2 has this policy. */
static void policy_apply(const struct gremc_config_policy *policy)
{
	static const struct gremc_config_policy *policies[INTERFACES];

	policies[2] = policy;
	gremc_rib_policies_set(rib, policies, INTERFACES);
	assert_int_equal(gremc_rib_static_replace(rib, all_groups, 1, vifs, INTERFACES, 1), 0);
}

static const struct gremc_mroute *static_route(void)
{
	return gremc_fanout_find(table, 0, IP(239, 0, 0, 0), 8);
}

/* A route inside the boundary does not have the interface, whichever origin requests it. */
static void test_boundary_removes_interface_from_routes_inside(void **state)
{
	static const uint32_t to2[] = {2};

	(void)state;
	policy_apply(&bounded);
	group_member_set(2, 0, GREMC_IGMP_INCLUDE);
	group_member_set(5, 0, GREMC_IGMP_INCLUDE);
	expect_oil(route_flush(0, group, 32), 1 << 3 | 1 << 5);
	assert_false(gremc_fanout_find(table, 0, group, 32)->limited);
	assert_int_equal(kernel_set(source, group, 1, to2, NULL, 1), 0);
	expect_oil(route_flush(source, group, 32), 1 << 3 | 1 << 5);
	/* without the policy all requests hold again */
	policy_apply(NULL);
	expect_oil(route_flush(0, group, 32), 1 << 2 | 1 << 3 | 1 << 5);
	expect_oil(gremc_fanout_find(table, source, group, 32), 1 << 2 | 1 << 3 | 1 << 5);
}

/* A wider route has groups on both sides of the boundary: each packet is tested. A boundary of other groups
 * changes nothing. */
static void test_boundary_inside_a_route_makes_it_conditional(void **state)
{
	(void)state;
	policy_apply(&bounded);
	expect_oil(static_route(), 1 << 2 | 1 << 3);
	assert_true(static_route()->limited);
	group_member_set(5, 0, GREMC_IGMP_INCLUDE);
	policy_apply(&distant);
	expect_oil(route_flush(0, group, 32), 1 << 2 | 1 << 3 | 1 << 5);
	assert_false(gremc_fanout_find(table, 0, group, 32)->limited);
	assert_true(static_route()->limited);
}

static void test_limits_of_packets_make_routes_conditional(void **state)
{
	static const struct {
		const struct gremc_config_policy *policy;
		bool limited;
	} cases[] = {{NULL, false}, {&ttl, true}, {&incoming, false}, {&sourced, true}, {NULL, false}};

	(void)state;
	for (unsigned i = 0; i < RTE_DIM(cases); i++) {
		policy_apply(cases[i].policy);
		expect_oil(static_route(), 1 << 2 | 1 << 3);
		assert_int_equal(static_route()->limited, cases[i].limited);
	}
}

/* Any interface may be the incoming one: an oil above the least limit is tested for each packet. */
static void test_oil_above_a_fanout_limit_is_conditional(void **state)
{
	(void)state;
	policy_apply(&narrow);
	assert_false(static_route()->limited);
	group_member_set(5, 0, GREMC_IGMP_INCLUDE);
	expect_oil(route_flush(0, group, 32), 1 << 2 | 1 << 3 | 1 << 5);
	assert_true(gremc_fanout_find(table, 0, group, 32)->limited);
	group_member_set(5, 0, GREMC_IGMP_NONE);
	assert_null(route_flush(0, group, 32));
}

/* A replacement that fails leaves the policies, too. */
static void test_refused_replacement_keeps_policies(void **state)
{
	static const struct gremc_config_policy *policies[INTERFACES];
	static const struct gremc_rib_route bad[] = {
		{.key = KEY(IP(10, 0, 0, 0), 8), .oifs = to8, .oif_count = 1}};

	(void)state;
	policy_apply(&bounded);
	gremc_rib_policies_set(rib, policies, INTERFACES);
	assert_int_not_equal(gremc_rib_static_replace(rib, bad, 1, vifs, INTERFACES, 1), 0);
	assert_true(static_route()->limited);
	group_member_set(2, 0, GREMC_IGMP_INCLUDE);
	expect_oil(route_flush(0, group, 32), 1 << 3);
	/* nor does the next replacement apply those of the failed one */
	assert_int_equal(gremc_rib_static_replace(rib, all_groups, 1, vifs, INTERFACES, 1), 0);
	expect_oil(route_flush(0, group, 32), 1 << 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_boundary_removes_interface_from_routes_inside),
		TEST(test_boundary_inside_a_route_makes_it_conditional),
		TEST(test_limits_of_packets_make_routes_conditional),
		TEST(test_oil_above_a_fanout_limit_is_conditional),
		TEST(test_refused_replacement_keeps_policies),
	};

	return rib_world_run("rib_policy", tests, RTE_DIM(tests));
}
