/* SPDX-License-Identifier: BSD-3-Clause */
/* The rules by which origins form one mroute; model/model_rib.c applies them to random requests. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <rte_eal.h>

#include "base/job.h"
#include "rib/rib.h"
#include "test.h"

#define IP(a, b, c, d) RTE_BE32((uint32_t)(a) << 24 | (b) << 16 | (c) << 8 | (d))

/* initializers of struct gremc_rib_key */
#define KEY(g, length)                                                                                       \
	{                                                                                                    \
		.group = GREMC_PREFIX_IPV4(g, length)                                                        \
	}
#define SOURCE_KEY(s, g)                                                                                     \
	{                                                                                                    \
		GREMC_ADDR_IPV4(s), GREMC_PREFIX_IPV4(g, 32)                                                 \
	}

static const rte_be32_t source = IP(10, 1, 1, 1), other = IP(10, 1, 1, 2), group = IP(239, 1, 1, 1),
			ssm = IP(232, 1, 1, 1);

/* Interface i is vif 100 - i: another order. */
#define INTERFACES 20u
static uint32_t vifs[INTERFACES];

static struct gremc_rcu *rcu;
static struct gremc_fanout *table;
static struct gremc_rib *rib;
static unsigned new_ids;

/* ---- a table and a heap that are full ---- */

static uint32_t capacity = UINT32_MAX; /* routes that may still be added to the table */
static bool is_out_of_memory;          /* there is no memory */

int __real_gremc_fanout_apply(struct gremc_fanout *fanout, const struct gremc_fanout_op *ops, uint32_t count,
			      void (*on_new_id)(uint32_t id, void *argument), void *argument);
int __wrap_gremc_fanout_apply(struct gremc_fanout *fanout, const struct gremc_fanout_op *ops, uint32_t count,
			      void (*on_new_id)(uint32_t id, void *argument), void *argument);
void *__real_calloc(size_t count, size_t size);
void *__wrap_calloc(size_t count, size_t size);

int __wrap_gremc_fanout_apply(struct gremc_fanout *fanout, const struct gremc_fanout_op *ops, uint32_t count,
			      void (*on_new_id)(uint32_t id, void *argument), void *argument)
{
	uint32_t added = 0;
	int rc;

	for (uint32_t i = 0; i < count; i++) {
		const struct gremc_mroute_spec *spec = &ops[i].spec;

		added += ops[i].kind == GREMC_FANOUT_SET &&
			 gremc_fanout_find(fanout, spec->source, spec->group, spec->length) == NULL;
	}
	if (added > capacity)
		return -ENOSPC;
	rc = __real_gremc_fanout_apply(fanout, ops, count, on_new_id, argument);
	capacity -= rc == 0 ? added : 0;
	return rc;
}

void *__wrap_calloc(size_t count, size_t size)
{
	return is_out_of_memory ? NULL : __real_calloc(count, size);
}

static void new_id_count(uint32_t id, void *argument)
{
	(void)id, (void)argument;
	new_ids++;
}

static int rib_set_up(void **state)
{
	const struct gremc_rib_callbacks callbacks = {new_id_count, NULL};

	(void)state;
	for (uint32_t i = 0; i < INTERFACES; i++)
		vifs[i] = 100 - i;
	rcu = gremc_rcu_create();
	table = gremc_fanout_create(0, &gremc_nodes_any, rcu);
	rib = gremc_rib_create(table, &callbacks);
	new_ids = 0;
	return rib && gremc_rib_static_replace(rib, NULL, 0, vifs, INTERFACES, 1) == 0 ? 0 : -1;
}

static int rib_tear_down(void **state)
{
	(void)state;
	capacity = UINT32_MAX;
	is_out_of_memory = false;
	gremc_rib_destroy(rib);
	gremc_fanout_destroy(table);
	gremc_rcu_destroy(rcu);
	return 0;
}

static const struct gremc_mroute *route_flush(rte_be32_t s, rte_be32_t g, uint8_t length)
{
	assert_int_equal(gremc_rib_flush(rib, 7), 0);
	assert_false(gremc_rib_is_dirty(rib));
	return gremc_fanout_find(table, s, g, length);
}

/* The route leaves by the interfaces of the mask, and no others. */
static void expect_oil(const struct gremc_mroute *mroute, uint32_t interfaces)
{
	uint32_t seen = 0;

	assert_non_null(mroute);
	for (uint32_t i = 0; i < mroute->oif_count; i++)
		seen |= 1u << (100 - mroute->vif[i]);
	assert_int_equal(seen, interfaces);
}

static int member_set_at(struct gremc_rib *at, uint32_t interface, rte_be32_t s, rte_be32_t g,
			 enum gremc_igmp_request request)
{
	const struct gremc_addr from = gremc_addr_from_ipv4_or_none(s), to = gremc_addr_from_ipv4_or_none(g);

	return gremc_rib_member_set(at, interface, &from, &to, request);
}

static int member_set(uint32_t interface, rte_be32_t s, rte_be32_t g, enum gremc_igmp_request request)
{
	return member_set_at(rib, interface, s, g, request);
}

static int kernel_set(rte_be32_t s, rte_be32_t g, uint32_t iif, const uint32_t *oifs,
		      const uint8_t *thresholds, uint32_t oif_count)
{
	const struct gremc_addr from = gremc_addr_from_ipv4_or_none(s), to = gremc_addr_from_ipv4_or_none(g);

	return gremc_rib_kernel_set(rib, &from, &to, iif, oifs, thresholds, oif_count);
}

static void kernel_remove(rte_be32_t s, rte_be32_t g)
{
	const struct gremc_addr from = gremc_addr_from_ipv4_or_none(s), to = gremc_addr_from_ipv4_or_none(g);

	gremc_rib_kernel_remove(rib, &from, &to);
}

/* Set the request of an interface in `group`. */
static void group_member_set(uint32_t interface, rte_be32_t s, enum gremc_igmp_request request)
{
	assert_int_equal(member_set(interface, s, group, request), 0);
}

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

static const uint32_t from1[] = {1}, to23[] = {2, 3}, to8[] = {8};

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

/* Routes that fit are added; the others are added when the table has capacity. */
static void test_routes_wait_for_a_full_table(void **state)
{
	(void)state;
	capacity = 4;
	for (uint32_t i = 0; i < 10; i++)
		assert_int_equal(member_set(3, 0, IP(239, 7, 0, i), GREMC_IGMP_INCLUDE), 0);
	assert_int_equal(gremc_rib_flush(rib, 7), 6);
	assert_int_equal(gremc_rib_waiting(rib), 6);
	assert_int_equal(published_count(10), 4);
	/* gremc_rib_retry() repeats them, and a change of another route does not */
	assert_false(gremc_rib_is_dirty(rib));
	capacity = 1;
	group_member_set(5, 0, GREMC_IGMP_INCLUDE);
	expect_oil(route_flush(0, group, 32), 1 << 5);
	gremc_rib_retry(rib);
	assert_int_equal(gremc_rib_flush(rib, 8), 6);
	capacity = 2;
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
	capacity = UINT32_MAX;
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
	capacity = 0;
	for (uint32_t i = 0; i < 3; i++)
		member_set(3, 0, IP(239, 7, 0, i), GREMC_IGMP_INCLUDE);
	assert_int_equal(gremc_rib_flush(rib, 7), 3);
	capacity = 1;
	assert_int_equal(gremc_rib_static_replace(rib, one, 1, vifs, INTERFACES, 7), 0);
	expect_oil(gremc_fanout_find(table, 0, IP(239, 8, 0, 1), 32), 1 << 2 | 1 << 3);
	assert_int_equal(gremc_rib_waiting(rib), 3);
	/* a route that waits becomes static */
	capacity = 1;
	assert_int_equal(gremc_rib_static_replace(rib, two, 2, vifs, INTERFACES, 7), 0);
	expect_oil(gremc_fanout_find(table, 0, IP(239, 7, 0, 1), 32), 1 << 3 | 1 << 8);
	assert_int_equal(gremc_rib_waiting(rib), 2);
	capacity = UINT32_MAX;
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

/* ---- a replacement in slices, while memberships change ---- */

#define GROUPS 60u /* of the static routes, and of the members */

struct replacement {
	const struct gremc_rib_route *routes;
	uint32_t count;
};

static rte_be32_t group_of(uint32_t i)
{
	return rte_cpu_to_be_32(0xef090000 + i);
}

static int job_replace(void *argument)
{
	const struct replacement *new = argument;

	return gremc_rib_static_replace(rib, new->routes, new->count, vifs, INTERFACES, 9);
}

/* Static routes for every group of which `mask` has a bit, modulo 3. */
static uint32_t routes_make(struct gremc_rib_route *specs, unsigned mask, const uint32_t *oifs,
			    uint32_t oif_count)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < GROUPS; i++)
		if (mask >> i % 3 & 1)
			specs[count++] = (struct gremc_rib_route){
				.key = KEY(group_of(i), 32), .oifs = oifs, .oif_count = oif_count};
	return count;
}

/* The members of the interfaces 10 to 13 that the test has set. */
static bool members[GROUPS][4];

static void member_flip(struct gremc_rib *at, uint32_t random)
{
	const uint32_t i = random % GROUPS, interface = random / GROUPS % 4;

	members[i][interface] = !members[i][interface];
	assert_int_equal(member_set_at(at, 10 + interface, 0, group_of(i),
				       members[i][interface] ? GREMC_IGMP_INCLUDE : GREMC_IGMP_NONE),
			 0);
}

/* The table has the same mroutes as without slices. */
static void expect_table(const struct gremc_rib_route *specs, uint32_t count)
{
	uint32_t routes = 0, expected_routes = 0;
	struct gremc_fanout_usage usage;

	for (uint32_t i = 0; i < GROUPS; i++) {
		const struct gremc_mroute *mroute = gremc_fanout_find(table, 0, group_of(i), 32);
		uint32_t expected = 0;

		for (uint32_t spec = 0; spec < count; spec++)
			if (specs[spec].key.group.address.ipv4 == group_of(i))
				for (uint32_t oif = 0; oif < specs[spec].oif_count; oif++)
					expected |= 1u << specs[spec].oifs[oif];
		for (uint32_t interface = 0; interface < 4; interface++)
			expected |= (uint32_t)members[i][interface] << (10 + interface);
		routes += mroute != NULL;
		expected_routes += expected != 0;
		if (expected)
			expect_oil(mroute, expected);
		else
			assert_null(mroute);
	}
	assert_int_equal(routes, expected_routes);
	gremc_fanout_usage(table, &usage);
	assert_int_equal(usage.mroutes, expected_routes);
}

static void test_members_change_during_a_replacement(void **state)
{
	static struct gremc_rib_route old[GROUPS], new[GROUPS];
	struct replacement replacement = {new, routes_make(new, 6, to8, 1)};
	uint32_t old_count = routes_make(old, 3, to23, 2), slices = 0;
	struct gremc_job job = {0};

	(void)state;
	memset(members, 0, sizeof(members));
	assert_int_equal(gremc_rib_static_replace(rib, old, old_count, vifs, INTERFACES, 1), 0);
	for (uint32_t i = 0; i < 100; i++)
		member_flip(rib, i * 2654435761u >> 8);
	assert_int_equal(gremc_job_start(&job, "job", job_replace, &replacement), 0);
	while (!gremc_job_run(&job, 0)) {
		assert_true(gremc_rib_is_busy(rib));
		member_flip(rib, slices++ * 2654435761u >> 8);
		/* a flush waits for the replacement */
		assert_int_equal(gremc_rib_flush(rib, 9), 0);
	}
	assert_int_equal(gremc_job_finish(&job), 0);
	assert_false(gremc_rib_is_busy(rib));
	assert_true(slices > 5 * GROUPS);
	assert_int_equal(gremc_rib_flush(rib, 9), 0);
	assert_false(gremc_rib_is_dirty(rib));
	expect_table(new, replacement.count);
}

/* At any pause: the table has all old routes or all new ones. */
static void test_cancelled_replacement_changes_nothing(void **state)
{
	static struct gremc_rib_route old[GROUPS], new[GROUPS];
	struct replacement replacement = {new, routes_make(new, 6, to8, 1)};
	uint32_t old_count = routes_make(old, 3, to23, 2), cancelled = 0, slices = 0;
	bool is_short = false;

	(void)state;
	memset(members, 0, sizeof(members));
	assert_int_equal(gremc_rib_static_replace(rib, old, old_count, vifs, INTERFACES, 1), 0);
	while (!is_short) {
		struct gremc_job job = {0};
		int rc;

		slices += 5;
		assert_int_equal(gremc_job_start(&job, "job", job_replace, &replacement), 0);
		for (uint32_t i = 0; i < slices && !is_short; i++)
			is_short = gremc_job_run(&job, 0);
		gremc_job_cancel(&job);
		if (!is_short)
			assert_true(gremc_job_run(&job, GREMC_JOB_TO_END));
		rc = gremc_job_finish(&job);
		assert_true(rc == 0 || rc == -ECANCELED);
		cancelled += rc != 0;
		assert_int_equal(gremc_rib_flush(rib, 9), 0);
		expect_table(rc ? old : new, rc ? old_count : replacement.count);
		assert_int_equal(gremc_rib_static_replace(rib, old, old_count, vifs, INTERFACES, 1), 0);
		expect_table(old, old_count);
	}
	assert_true(cancelled > 10);
}

static int job_flush(void *argument)
{
	(void)argument;
	return (int)gremc_rib_flush(rib, 9);
}

static void test_members_change_during_a_flush(void **state)
{
	struct gremc_job job = {0};
	uint32_t slices = 0;

	(void)state;
	memset(members, 0, sizeof(members));
	for (uint32_t i = 0; i < 200; i++)
		member_flip(rib, i * 2654435761u >> 8);
	assert_true(gremc_rib_dirty_count(rib) > GROUPS / 2);
	assert_int_equal(gremc_job_start(&job, "job", job_flush, NULL), 0);
	while (!gremc_job_run(&job, 0))
		member_flip(rib, slices++ * 2654435761u >> 9);
	assert_int_equal(gremc_job_finish(&job), 0);
	assert_true(slices > GROUPS);
	assert_int_equal(gremc_rib_flush(rib, 9), 0);
	assert_false(gremc_rib_is_dirty(rib));
	expect_table(NULL, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, rib_set_up, rib_tear_down)

int main(void)
{
	char *eal[] = {"test_rib",       "--no-huge",     "--no-pci", "--no-shconf", "-m", "128",
		       "--no-telemetry", "--log-level=3", "-l",       "0",           NULL};
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
		TEST(test_members_stay_when_vifs_change),
		TEST(test_refused_replacement_changes_nothing),
		TEST(test_routes_wait_for_a_full_table),
		TEST(test_static_routes_precede_waiting_ones),
		TEST(test_leave_needs_no_memory),
		TEST(test_ipv6_keys_are_refused),
		TEST(test_upstream_change_needs_memory_or_changes_nothing),
		TEST(test_members_change_during_a_replacement),
		TEST(test_cancelled_replacement_changes_nothing),
		TEST(test_members_change_during_a_flush),
	};

	if (rte_eal_init((int)RTE_DIM(eal) - 1, eal) < 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
