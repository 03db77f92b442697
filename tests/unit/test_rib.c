/* SPDX-License-Identifier: BSD-3-Clause */
/* The rules by which origins form one mroute; model/model_rib.c applies them to random requests. */
#include <stdlib.h>
#include <string.h>

#include "rib_world.h"

static void test_members_form_the_oil(void **state)
{
	const struct gremc_mroute *mroute;

	(void)state;
	group_member_set(3, 0, GREMC_IGMP_INCLUDE);
	group_member_set(5, 0, GREMC_IGMP_INCLUDE);
	group_member_set(5, 0, GREMC_IGMP_INCLUDE);
	mroute = route_flush(0, group, 32);
	expect_oil(mroute, 1 << 3 | 1 << 5);
	assert_int_equal(mroute->origin, GREMC_ORIGIN_IGMP);
	assert_int_equal(mroute->origins, 1 << GREMC_ORIGIN_IGMP);
	assert_int_equal(mroute->iif_count, 0);
	assert_int_equal(gremc_rib_since(rib, mroute->id), 7);
	assert_int_equal(new_ids, 1);
	group_member_set(3, 0, GREMC_IGMP_NONE);
	expect_oil(route_flush(0, group, 32), 1 << 5);
	group_member_set(5, 0, GREMC_IGMP_NONE);
	assert_null(route_flush(0, group, 32));
}

static void test_member_that_excludes_a_source_does_not_get_it(void **state)
{
	(void)state;
	group_member_set(1, 0, GREMC_IGMP_INCLUDE);
	group_member_set(2, 0, GREMC_IGMP_INCLUDE);
	group_member_set(2, source, GREMC_IGMP_EXCLUDE);
	group_member_set(3, source, GREMC_IGMP_INCLUDE);
	expect_oil(route_flush(source, group, 32), 1 << 1 | 1 << 3);
	expect_oil(route_flush(0, group, 32), 1 << 1 | 1 << 2);
	group_member_set(4, 0, GREMC_IGMP_INCLUDE); /* a later member is in both */
	expect_oil(route_flush(source, group, 32), 1 << 1 | 1 << 3 | 1 << 4);
	group_member_set(1, 0, GREMC_IGMP_NONE);
	group_member_set(4, 0, GREMC_IGMP_NONE);
	group_member_set(3, source, GREMC_IGMP_NONE);
	expect_oil(route_flush(source, group, 32), 0); /* empty, but it hides the (*,G) */
	group_member_set(2, source, GREMC_IGMP_NONE);
	assert_null(route_flush(source, group, 32));
	expect_oil(route_flush(0, group, 32), 1 << 2);
}

/* A join inside a static prefix adds to it, and keeps its incoming interfaces. */
static void test_join_adds_to_a_static_prefix(void **state)
{
	static const struct gremc_rib_route routes[] = {
		{.key = KEY(IP(239, 0, 0, 0), 8),
		 .iifs = from1,
		 .iif_count = 1,
		 .oifs = to23,
		 .oif_count = 2,
		 .rotates = true},
		{.key = SOURCE_KEY(IP(10, 1, 1, 2), IP(239, 1, 1, 1)), .oifs = to8, .oif_count = 1},
	};
	const struct gremc_mroute *mroute;

	(void)state;
	assert_int_equal(gremc_rib_static_replace(rib, routes, 2, vifs, INTERFACES, 1), 0);
	group_member_set(5, 0, GREMC_IGMP_INCLUDE);
	group_member_set(2, source, GREMC_IGMP_EXCLUDE);
	mroute = route_flush(0, group, 32);
	expect_oil(mroute, 1 << 2 | 1 << 3 | 1 << 5);
	assert_int_equal(mroute->iif_count, 1);
	assert_int_equal(mroute->iif, 99);
	assert_true(mroute->rotates);
	assert_int_equal(mroute->origin, GREMC_ORIGIN_IGMP);
	assert_int_equal(mroute->origins, 1 << GREMC_ORIGIN_STATIC | 1 << GREMC_ORIGIN_IGMP);
	/* a member cannot exclude a static OIF */
	expect_oil(route_flush(source, group, 32), 1 << 2 | 1 << 3 | 1 << 5);
	/* the most specific static route applies, and members of any source get its packets */
	mroute = route_flush(other, group, 32);
	expect_oil(mroute, 1 << 5 | 1 << 8);
	assert_int_equal(mroute->origin, GREMC_ORIGIN_STATIC);
	assert_int_equal(mroute->iif_count, 0);
	/* the static routes go, the members stay */
	assert_int_equal(gremc_rib_static_replace(rib, NULL, 0, vifs, INTERFACES, 1), 0);
	expect_oil(route_flush(0, group, 32), 1 << 5);
	assert_false(route_flush(0, group, 32)->rotates);
	assert_null(route_flush(other, group, 32));
	assert_null(route_flush(0, IP(239, 0, 0, 0), 8));
}

static void test_kernel_routes_meet_memberships(void **state)
{
	const uint32_t oifs[] = {6, GREMC_RIB_NONE, 7};
	const struct gremc_mroute *mroute;

	(void)state;
	assert_int_equal(kernel_set(source, group, 1, oifs, NULL, 3), 0);
	mroute = route_flush(source, group, 32);
	expect_oil(mroute, 1 << 6 | 1 << 7);
	assert_int_equal(mroute->origin, GREMC_ORIGIN_KERNEL);
	assert_int_equal(mroute->iif, 99);
	group_member_set(9, 0, GREMC_IGMP_INCLUDE);
	mroute = route_flush(source, group, 32);
	expect_oil(mroute, 1 << 6 | 1 << 7 | 1 << 9);
	assert_int_equal(mroute->origins, 1 << GREMC_ORIGIN_IGMP | 1 << GREMC_ORIGIN_KERNEL);
	/* an unknown iif: the route accepts no packet */
	assert_int_equal(kernel_set(other, group, GREMC_RIB_NONE, oifs, NULL, 3), 0);
	mroute = route_flush(other, group, 32);
	expect_oil(mroute, 0);
	assert_int_equal(mroute->iif_count, 0);
	/* the end of a dump removes the routes that were not set */
	gremc_rib_kernel_begin(rib);
	assert_int_equal(kernel_set(other, group, 1, oifs, NULL, 1), 0);
	gremc_rib_kernel_end(rib);
	expect_oil(route_flush(other, group, 32), 1 << 6 | 1 << 9);
	assert_null(route_flush(source, group, 32));
	kernel_remove(other, group);
	assert_null(route_flush(other, group, 32));
}

static void test_thresholds_hold_for_interfaces_of_the_kernel_only(void **state)
{
	const uint32_t oifs[] = {6, 7, GREMC_RIB_NONE, 8};
	const uint8_t thresholds[] = {1, 16, 3, 200};
	const struct gremc_mroute *mroute;

	(void)state;
	assert_int_equal(kernel_set(source, group, 1, oifs, thresholds, 4), 0);
	mroute = route_flush(source, group, 32);
	expect_oil(mroute, 1 << 6 | 1 << 7 | 1 << 8);
	assert_true(mroute->limited);
	/* as the vifs, whose numbers descend */
	assert_memory_equal(gremc_mroute_thresholds(mroute), ((const uint8_t[]){200, 16, 0}), 3);
	assert_int_equal(mroute->iif, 99);
	group_member_set(8, 0, GREMC_IGMP_INCLUDE);
	mroute = route_flush(source, group, 32);
	expect_oil(mroute, 1 << 6 | 1 << 7 | 1 << 8);
	assert_memory_equal(gremc_mroute_thresholds(mroute), ((const uint8_t[]){0, 16, 0}), 3);
	group_member_set(7, 0, GREMC_IGMP_INCLUDE);
	mroute = route_flush(source, group, 32);
	expect_oil(mroute, 1 << 6 | 1 << 7 | 1 << 8);
	assert_false(mroute->limited);
	/* a (*,G) accepts packets from its OIFs, with any threshold */
	assert_int_equal(kernel_set(0, group, 1, oifs, thresholds, 4), 0);
	mroute = route_flush(0, group, 32);
	assert_int_equal(mroute->iif_count, 4);
	assert_true(gremc_mroute_accepts(mroute, 92) && gremc_mroute_accepts(mroute, 99));
	assert_false(mroute->limited);
}

static void test_source_filter_holds_for_members_of_any_source(void **state)
{
	const struct gremc_mroute *mroute;

	(void)state;
	group_member_set(3, 0, GREMC_IGMP_INCLUDE);
	group_member_set(5, 0, GREMC_IGMP_INCLUDE);
	assert_int_equal(gremc_rib_source_filter_set(rib, 3, true), 0);
	mroute = route_flush(0, group, 32);
	expect_oil(mroute, 1 << 3 | 1 << 5);
	assert_memory_equal(gremc_mroute_thresholds(mroute), ((const uint8_t[]){0, GREMC_THRESHOLD_SOURCES}),
			    2);
	group_member_set(5, source, GREMC_IGMP_EXCLUDE);
	mroute = route_flush(source, group, 32);
	expect_oil(mroute, 1 << 3);
	assert_true(mroute->limited);
	/* a join of the source itself was filtered by the IGMP engine */
	group_member_set(3, source, GREMC_IGMP_INCLUDE);
	mroute = route_flush(source, group, 32);
	expect_oil(mroute, 1 << 3);
	assert_false(mroute->limited);
	assert_int_equal(gremc_rib_source_filter_set(rib, 3, false), 0);
	assert_false(route_flush(0, group, 32)->limited);
}

static void test_kernel_wildcard_accepts_its_oifs(void **state)
{
	const uint32_t oifs[] = {1, 6}, up[] = {0};
	const struct gremc_mroute *mroute;

	(void)state;
	assert_int_equal(kernel_set(0, group, 1, oifs, NULL, 2), 0);
	mroute = route_flush(0, group, 32);
	expect_oil(mroute, 1 << 1 | 1 << 6);
	assert_int_equal(mroute->iif_count, 2);
	assert_int_equal(kernel_set(0, 0, 0, up, NULL, 1), 0);
	mroute = route_flush(0, IP(224, 0, 0, 0), 4);
	expect_oil(mroute, 1 << 0);
	assert_int_equal(mroute->origin, GREMC_ORIGIN_KERNEL);
	kernel_remove(0, 0);
	assert_null(route_flush(0, IP(224, 0, 0, 0), 4));
	kernel_remove(0, group);
	assert_null(route_flush(0, group, 32));
}

static void test_ssm_join_makes_no_wildcard(void **state)
{
	(void)state;
	member_set(4, source, ssm, GREMC_IGMP_INCLUDE);
	expect_oil(route_flush(source, ssm, 32), 1 << 4);
	assert_null(route_flush(0, ssm, 32));
}

static void test_upstream_gets_all_packets(void **state)
{
	(void)state;
	group_member_set(5, 0, GREMC_IGMP_INCLUDE);
	assert_int_equal(gremc_rib_upstream_set(rib, 0), 0);
	expect_oil(route_flush(0, group, 32), 1 << 0 | 1 << 5);
	expect_oil(route_flush(0, IP(224, 0, 0, 0), 4), 1 << 0);
	expect_oil(route_flush(0, IP(232, 0, 0, 0), 8), 1 << 0);
	assert_int_equal(gremc_rib_upstream_set(rib, 2), 0);
	expect_oil(route_flush(0, IP(232, 0, 0, 0), 8), 1 << 2);
	assert_int_equal(gremc_rib_upstream_set(rib, GREMC_RIB_NONE), 0);
	assert_null(route_flush(0, IP(232, 0, 0, 0), 8));
	expect_oil(route_flush(0, group, 32), 1 << 5);
	assert_null(route_flush(0, IP(224, 0, 0, 0), 4));
}

/* RFC 4605, 3: the upstream gets all packets, with or without members. RFC 4607: other interfaces get those
 * of their (S,G) only, also if a route of all groups has them. */
static void test_upstream_gets_ssm_packets_without_a_join(void **state)
{
	const uint32_t everyone[] = {1, 2, 3};

	(void)state;
	assert_int_equal(gremc_rib_upstream_set(rib, 0), 0);
	member_set(4, source, ssm, GREMC_IGMP_INCLUDE);
	assert_int_equal(kernel_set(0, 0, 1, everyone, NULL, 3), 0);
	expect_oil(route_flush(source, ssm, 32), 1 << 0 | 1 << 4);
	assert_null(route_flush(0, ssm, 32));
	expect_oil(route_flush(0, IP(232, 0, 0, 0), 8), 1 << 0);
	assert_int_equal(route_flush(0, IP(232, 0, 0, 0), 8)->iif_count, 0);
	member_set(4, source, ssm, GREMC_IGMP_NONE);
	assert_null(route_flush(source, ssm, 32));
	expect_oil(route_flush(0, IP(232, 0, 0, 0), 8), 1 << 0);
}

static void test_register_interface_samples_a_kernel_route(void **state)
{
	const uint32_t oifs[] = {1, GREMC_RIB_REGISTER};

	(void)state;
	assert_int_equal(kernel_set(source, group, 0, oifs, NULL, 2), 0);
	expect_oil(route_flush(source, group, 32), 1 << 1);
	assert_true(route_flush(source, group, 32)->limited && route_flush(source, group, 32)->sampled);
	assert_int_equal(gremc_mroute_thresholds(route_flush(source, group, 32))[0], 0);
	member_set(5, source, group, GREMC_IGMP_INCLUDE);
	expect_oil(route_flush(source, group, 32), 1 << 1 | 1 << 5);
	assert_int_equal(route_flush(source, group, 32)->limited, 0);
	member_set(5, source, group, GREMC_IGMP_NONE);
	assert_true(route_flush(source, group, 32)->limited && route_flush(source, group, 32)->sampled);
	assert_int_equal(kernel_set(source, group, 0, oifs, NULL, 1), 0);
	assert_int_equal(route_flush(source, group, 32)->limited, 0);
	kernel_remove(source, group);
}

/* The mroute for packets of an interface. */
static const struct gremc_mroute *branch_flush(rte_be32_t s, rte_be32_t g, uint8_t length, uint32_t interface)
{
	const struct gremc_mroute *mroute = route_flush(s, g, length);

	assert_non_null(mroute);
	mroute = gremc_mroute_branch(mroute, 100 - interface);
	return gremc_mroute_accepts(mroute, 100 - interface) ? mroute : NULL;
}

/* Static routes with one key: each has its own oil, to which the other origins add. */
static void test_static_routes_with_one_key_are_branches(void **state)
{
	static const uint32_t from4[] = {4};
	const struct gremc_rib_route second = {.key = KEY(IP(239, 0, 0, 0), 8),
					       .iifs = from4,
					       .iif_count = 1,
					       .oifs = to8,
					       .oif_count = 1,
					       .rotates = true};
	const struct gremc_rib_route routes[] = {{.key = KEY(IP(239, 0, 0, 0), 8),
						  .iifs = from1,
						  .iif_count = 1,
						  .oifs = to23,
						  .oif_count = 2,
						  .next = &second}};
	struct gremc_rib_route wrong_next = second, wrong = routes[0];
	uint32_t changed[INTERFACES];

	(void)state;
	assert_int_equal(gremc_rib_static_replace(rib, routes, 1, vifs, INTERFACES, 1), 0);
	assert_int_equal(new_ids, 2);
	expect_oil(branch_flush(0, IP(239, 0, 0, 0), 8, 1), 1 << 2 | 1 << 3);
	expect_oil(branch_flush(0, IP(239, 0, 0, 0), 8, 4), 1 << 8);
	assert_null(branch_flush(0, IP(239, 0, 0, 0), 8, 2));
	assert_true(branch_flush(0, IP(239, 0, 0, 0), 8, 4)->rotates);
	assert_false(branch_flush(0, IP(239, 0, 0, 0), 8, 1)->rotates);
	/* a join inside the prefix adds to each branch */
	group_member_set(5, 0, GREMC_IGMP_INCLUDE);
	expect_oil(branch_flush(0, group, 32, 1), 1 << 2 | 1 << 3 | 1 << 5);
	expect_oil(branch_flush(0, group, 32, 4), 1 << 5 | 1 << 8);
	assert_null(branch_flush(0, group, 32, 5));
	assert_int_equal(branch_flush(0, group, 32, 4)->origin, GREMC_ORIGIN_IGMP);
	/* an iif without a vif: the other branch is an mroute by itself */
	memcpy(changed, vifs, sizeof(changed));
	changed[1] = GREMC_RIB_NONE;
	assert_int_equal(gremc_rib_static_replace(rib, routes, 1, changed, INTERFACES, 1), 0);
	assert_false(route_flush(0, group, 32)->trunk);
	expect_oil(branch_flush(0, group, 32, 4), 1 << 5 | 1 << 8);
	assert_null(branch_flush(0, group, 32, 1));
	/* no iif is left: the route accepts nothing */
	changed[4] = GREMC_RIB_NONE;
	assert_int_equal(gremc_rib_static_replace(rib, routes, 1, changed, INTERFACES, 1), 0);
	expect_oil(route_flush(0, group, 32), 0);
	/* a `next` with another key, or without iifs */
	wrong.next = &wrong_next;
	wrong_next.iif_count = 0;
	assert_int_equal(gremc_rib_static_replace(rib, &wrong, 1, vifs, INTERFACES, 1), -EINVAL);
	wrong_next = second;
	wrong_next.key = routes[0].key;
	wrong_next.key.group.length = 9;
	assert_int_equal(gremc_rib_static_replace(rib, &wrong, 1, vifs, INTERFACES, 1), -EINVAL);
	expect_oil(route_flush(0, group, 32), 0);
	assert_int_equal(gremc_rib_static_replace(rib, NULL, 0, vifs, INTERFACES, 1), 0);
	group_member_set(5, 0, GREMC_IGMP_NONE);
	assert_null(route_flush(0, group, 32));
}

/* A changed tunnel has another vif, a removed one has none. */
static void test_members_stay_when_vifs_change(void **state)
{
	uint32_t changed[INTERFACES];
	const struct gremc_mroute *mroute;
	uint32_t id;

	(void)state;
	group_member_set(5, 0, GREMC_IGMP_INCLUDE);
	group_member_set(6, 0, GREMC_IGMP_INCLUDE);
	id = route_flush(0, group, 32)->id;
	memcpy(changed, vifs, sizeof(changed));
	changed[5] = 77;
	changed[6] = GREMC_RIB_NONE;
	assert_int_equal(gremc_rib_static_replace(rib, NULL, 0, changed, INTERFACES, 1), 0);
	mroute = route_flush(0, group, 32);
	assert_int_equal(mroute->oif_count, 1);
	assert_int_equal(mroute->vif[0], 77);
	assert_int_equal(mroute->id, id); /* its counters go on */
	assert_int_equal(gremc_rib_static_replace(rib, NULL, 0, vifs, INTERFACES, 1), 0);
}

/* The table has IPv4 only. */
static void test_ipv6_keys_are_refused(void **state)
{
	const struct gremc_addr none = {.family = GREMC_FAMILY_NONE}, v4 = gremc_addr_from_ipv4(group);
	struct gremc_rib_route route = {.oifs = to8, .oif_count = 1};
	const uint32_t oifs[] = {1};
	struct gremc_addr v6;

	(void)state;
	assert_int_equal(gremc_addr_parse("ff3e::1", &v6), 0);
	assert_int_equal(gremc_rib_member_set(rib, 1, &none, &v6, GREMC_IGMP_INCLUDE), -EAFNOSUPPORT);
	assert_int_equal(gremc_rib_member_set(rib, 1, &v6, &v4, GREMC_IGMP_INCLUDE), -EAFNOSUPPORT);
	assert_int_equal(gremc_rib_member_set(rib, 1, &none, &v6, GREMC_IGMP_NONE), 0);
	assert_int_equal(gremc_rib_kernel_set(rib, &none, &v6, 0, oifs, NULL, 1), -EAFNOSUPPORT);
	route.key.group = gremc_prefix_of(&v6, 128);
	assert_int_equal(gremc_rib_static_replace(rib, &route, 1, vifs, INTERFACES, 1), -EAFNOSUPPORT);
	assert_false(gremc_rib_is_dirty(rib));
	assert_int_equal(gremc_rib_kernel_count(rib), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_members_form_the_oil),
		TEST(test_member_that_excludes_a_source_does_not_get_it),
		TEST(test_join_adds_to_a_static_prefix),
		TEST(test_thresholds_hold_for_interfaces_of_the_kernel_only),
		TEST(test_source_filter_holds_for_members_of_any_source),
		TEST(test_kernel_routes_meet_memberships),
		TEST(test_ssm_join_makes_no_wildcard),
		TEST(test_kernel_wildcard_accepts_its_oifs),
		TEST(test_upstream_gets_all_packets),
		TEST(test_upstream_gets_ssm_packets_without_a_join),
		TEST(test_register_interface_samples_a_kernel_route),
		TEST(test_static_routes_with_one_key_are_branches),
		TEST(test_members_stay_when_vifs_change),
		TEST(test_ipv6_keys_are_refused),
	};

	return rib_world_run("rib", tests, RTE_DIM(tests));
}
