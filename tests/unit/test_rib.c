/* SPDX-License-Identifier: BSD-3-Clause */
/* How origins meet in one route. model/model_rib.c has them meet at random. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <rte_eal.h>

#include "base/job.h"
#include "rib/rib.h"
#include "test.h"

#define IP(a, b, c, d) RTE_BE32((uint32_t)(a) << 24 | (b) << 16 | (c) << 8 | (d))

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
static bool is_poor;                   /* there is no memory */

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
	return is_poor ? NULL : __real_calloc(count, size);
}

static void count_id(uint32_t id, void *argument)
{
	(void)id, (void)argument;
	new_ids++;
}

static int set_up(void **state)
{
	const struct gremc_rib_callbacks callbacks = {count_id, NULL};

	(void)state;
	for (uint32_t i = 0; i < INTERFACES; i++)
		vifs[i] = 100 - i;
	rcu = gremc_rcu_create();
	table = gremc_fanout_create(0, &gremc_nodes_any, rcu);
	rib = gremc_rib_create(table, &callbacks);
	new_ids = 0;
	return rib && gremc_rib_replace_static(rib, NULL, 0, vifs, INTERFACES, 1) == 0 ? 0 : -1;
}

static int tear_down(void **state)
{
	(void)state;
	capacity = UINT32_MAX;
	is_poor = false;
	gremc_rib_destroy(rib);
	gremc_fanout_destroy(table);
	gremc_rcu_destroy(rcu);
	return 0;
}

static const struct gremc_mroute *flushed(rte_be32_t s, rte_be32_t g, uint8_t length)
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

static void member(uint32_t interface, rte_be32_t s, enum gremc_igmp_request interest)
{
	gremc_rib_member(rib, interface, s, group, interest);
}

static void test_members(void **state)
{
	const struct gremc_mroute *mroute;

	(void)state;
	member(3, 0, GREMC_IGMP_INCLUDE);
	member(5, 0, GREMC_IGMP_INCLUDE);
	member(5, 0, GREMC_IGMP_INCLUDE);
	mroute = flushed(0, group, 32);
	expect_oil(mroute, 1 << 3 | 1 << 5);
	assert_int_equal(mroute->origin, GREMC_ORIGIN_IGMP);
	assert_int_equal(mroute->origins, 1 << GREMC_ORIGIN_IGMP);
	assert_int_equal(mroute->iif_count, 0);
	assert_int_equal(gremc_rib_since(rib, mroute->id), 7);
	assert_int_equal(new_ids, 1);
	member(3, 0, GREMC_IGMP_NONE);
	expect_oil(flushed(0, group, 32), 1 << 5);
	member(5, 0, GREMC_IGMP_NONE);
	assert_null(flushed(0, group, 32));
}

/* One that excludes a source does not get it, the others do. */
static void test_exclusion(void **state)
{
	(void)state;
	member(1, 0, GREMC_IGMP_INCLUDE);
	member(2, 0, GREMC_IGMP_INCLUDE);
	member(2, source, GREMC_IGMP_EXCLUDE);
	member(3, source, GREMC_IGMP_INCLUDE);
	expect_oil(flushed(source, group, 32), 1 << 1 | 1 << 3);
	expect_oil(flushed(0, group, 32), 1 << 1 | 1 << 2);
	member(4, 0, GREMC_IGMP_INCLUDE); /* a later member is in both */
	expect_oil(flushed(source, group, 32), 1 << 1 | 1 << 3 | 1 << 4);
	member(1, 0, GREMC_IGMP_NONE);
	member(4, 0, GREMC_IGMP_NONE);
	member(3, source, GREMC_IGMP_NONE);
	expect_oil(flushed(source, group, 32), 0); /* nobody: but it must not fall to (*,G) */
	member(2, source, GREMC_IGMP_NONE);
	assert_null(flushed(source, group, 32));
	expect_oil(flushed(0, group, 32), 1 << 2);
}

static const uint32_t from1[] = {1}, to23[] = {2, 3}, to8[] = {8};

/* A join inside a static prefix adds to it, and keeps its incoming interfaces. */
static void test_static_is_a_floor(void **state)
{
	static const struct gremc_mroute_spec routes[] = {
		{.group = IP(239, 0, 0, 0),
		 .length = 8,
		 .iifs = from1,
		 .iif_count = 1,
		 .oifs = to23,
		 .oif_count = 2},
		{.source = IP(10, 1, 1, 2),
		 .group = IP(239, 1, 1, 1),
		 .length = 32,
		 .oifs = to8,
		 .oif_count = 1},
	};
	const struct gremc_mroute *mroute;

	(void)state;
	assert_int_equal(gremc_rib_replace_static(rib, routes, 2, vifs, INTERFACES, 1), 0);
	member(5, 0, GREMC_IGMP_INCLUDE);
	member(2, source, GREMC_IGMP_EXCLUDE);
	mroute = flushed(0, group, 32);
	expect_oil(mroute, 1 << 2 | 1 << 3 | 1 << 5);
	assert_int_equal(mroute->iif_count, 1);
	assert_int_equal(mroute->iif, 99);
	assert_int_equal(mroute->origin, GREMC_ORIGIN_IGMP);
	assert_int_equal(mroute->origins, 1 << GREMC_ORIGIN_STATIC | 1 << GREMC_ORIGIN_IGMP);
	/* what is static is not to be excluded */
	expect_oil(flushed(source, group, 32), 1 << 2 | 1 << 3 | 1 << 5);
	/* the most exact static route decides, and members of any source get its packets, too */
	mroute = flushed(other, group, 32);
	expect_oil(mroute, 1 << 5 | 1 << 8);
	assert_int_equal(mroute->origin, GREMC_ORIGIN_STATIC);
	assert_int_equal(mroute->iif_count, 0);
	/* the static routes go, the members stay */
	assert_int_equal(gremc_rib_replace_static(rib, NULL, 0, vifs, INTERFACES, 1), 0);
	expect_oil(flushed(0, group, 32), 1 << 5);
	assert_null(flushed(other, group, 32));
	assert_null(flushed(0, IP(239, 0, 0, 0), 8));
}

static void test_kernel(void **state)
{
	const uint32_t oifs[] = {6, GREMC_RIB_NONE, 7};
	const struct gremc_mroute *mroute;

	(void)state;
	assert_int_equal(gremc_rib_kernel_set(rib, source, group, 1, oifs, NULL, 3), 0);
	mroute = flushed(source, group, 32);
	expect_oil(mroute, 1 << 6 | 1 << 7);
	assert_int_equal(mroute->origin, GREMC_ORIGIN_KERNEL);
	assert_int_equal(mroute->iif, 99);
	member(9, 0, GREMC_IGMP_INCLUDE);
	mroute = flushed(source, group, 32);
	expect_oil(mroute, 1 << 6 | 1 << 7 | 1 << 9);
	assert_int_equal(mroute->origins, 1 << GREMC_ORIGIN_IGMP | 1 << GREMC_ORIGIN_KERNEL);
	/* an interface that we do not know: nothing is taken from it, and nothing from others */
	assert_int_equal(gremc_rib_kernel_set(rib, other, group, GREMC_RIB_NONE, oifs, NULL, 3), 0);
	mroute = flushed(other, group, 32);
	expect_oil(mroute, 0);
	assert_int_equal(mroute->iif_count, 0);
	/* what is not seen again is gone */
	gremc_rib_kernel_begin(rib);
	assert_int_equal(gremc_rib_kernel_set(rib, other, group, 1, oifs, NULL, 1), 0);
	gremc_rib_kernel_end(rib);
	expect_oil(flushed(other, group, 32), 1 << 6 | 1 << 9);
	assert_null(flushed(source, group, 32));
	gremc_rib_kernel_remove(rib, other, group);
	assert_null(flushed(other, group, 32));
}

/* They hold where nobody but the kernel wants the interface, and where they say more than the TTL does. */
static void test_thresholds(void **state)
{
	const uint32_t oifs[] = {6, 7, GREMC_RIB_NONE, 8};
	const uint8_t thresholds[] = {1, 16, 3, 200};
	const struct gremc_mroute *mroute;

	(void)state;
	assert_int_equal(gremc_rib_kernel_set(rib, source, group, 1, oifs, thresholds, 4), 0);
	mroute = flushed(source, group, 32);
	expect_oil(mroute, 1 << 6 | 1 << 7 | 1 << 8);
	assert_true(mroute->limited);
	/* as the vifs, whose numbers descend */
	assert_memory_equal(gremc_mroute_thresholds(mroute), ((const uint8_t[]){200, 16, 0}), 3);
	assert_int_equal(mroute->iif, 99);
	member(8, 0, GREMC_IGMP_INCLUDE);
	mroute = flushed(source, group, 32);
	expect_oil(mroute, 1 << 6 | 1 << 7 | 1 << 8);
	assert_memory_equal(gremc_mroute_thresholds(mroute), ((const uint8_t[]){0, 16, 0}), 3);
	member(7, 0, GREMC_IGMP_INCLUDE);
	mroute = flushed(source, group, 32);
	expect_oil(mroute, 1 << 6 | 1 << 7 | 1 << 8);
	assert_false(mroute->limited);
	/* (*,G) takes packets from its oifs, whatever their thresholds */
	assert_int_equal(gremc_rib_kernel_set(rib, 0, group, 1, oifs, thresholds, 4), 0);
	mroute = flushed(0, group, 32);
	assert_int_equal(mroute->iif_count, 4);
	assert_true(gremc_mroute_accepts(mroute, 92) && gremc_mroute_accepts(mroute, 99));
	assert_false(mroute->limited);
}

/* The list of a guarded interface is for what its members want of any source. */
static void test_guard(void **state)
{
	const struct gremc_mroute *mroute;

	(void)state;
	member(3, 0, GREMC_IGMP_INCLUDE);
	member(5, 0, GREMC_IGMP_INCLUDE);
	gremc_rib_guard(rib, 3, true);
	mroute = flushed(0, group, 32);
	expect_oil(mroute, 1 << 3 | 1 << 5);
	assert_memory_equal(gremc_mroute_thresholds(mroute), ((const uint8_t[]){0, GREMC_THRESHOLD_SOURCES}),
			    2);
	member(5, source, GREMC_IGMP_EXCLUDE);
	mroute = flushed(source, group, 32);
	expect_oil(mroute, 1 << 3);
	assert_true(mroute->limited);
	/* by name it was judged before */
	member(3, source, GREMC_IGMP_INCLUDE);
	mroute = flushed(source, group, 32);
	expect_oil(mroute, 1 << 3);
	assert_false(mroute->limited);
	gremc_rib_guard(rib, 3, false);
	assert_false(flushed(0, group, 32)->limited);
}

/* (*,G) takes packets from each of its interfaces, and a proxy's (*,*) is part of all. */
static void test_kernel_wildcards(void **state)
{
	const uint32_t oifs[] = {1, 6}, up[] = {0};
	const struct gremc_mroute *mroute;

	(void)state;
	assert_int_equal(gremc_rib_kernel_set(rib, 0, group, 1, oifs, NULL, 2), 0);
	mroute = flushed(0, group, 32);
	expect_oil(mroute, 1 << 1 | 1 << 6);
	assert_int_equal(mroute->iif_count, 2);
	assert_int_equal(gremc_rib_kernel_set(rib, 0, 0, 0, up, NULL, 1), 0);
	mroute = flushed(0, IP(224, 0, 0, 0), 4);
	expect_oil(mroute, 1 << 0);
	assert_int_equal(mroute->origin, GREMC_ORIGIN_KERNEL);
	gremc_rib_kernel_remove(rib, 0, 0);
	assert_null(flushed(0, IP(224, 0, 0, 0), 4));
	gremc_rib_kernel_remove(rib, 0, group);
	assert_null(flushed(0, group, 32));
}

static void test_ssm(void **state)
{
	(void)state;
	gremc_rib_member(rib, 4, source, ssm, GREMC_IGMP_INCLUDE);
	expect_oil(flushed(source, ssm, 32), 1 << 4);
	assert_null(flushed(0, ssm, 32));
}

static void test_upstream(void **state)
{
	(void)state;
	member(5, 0, GREMC_IGMP_INCLUDE);
	gremc_rib_upstream(rib, 0);
	expect_oil(flushed(0, group, 32), 1 << 0 | 1 << 5);
	expect_oil(flushed(0, IP(224, 0, 0, 0), 4), 1 << 0);
	expect_oil(flushed(0, IP(232, 0, 0, 0), 8), 1 << 0);
	gremc_rib_upstream(rib, 2);
	expect_oil(flushed(0, IP(232, 0, 0, 0), 8), 1 << 2);
	gremc_rib_upstream(rib, GREMC_RIB_NONE);
	assert_null(flushed(0, IP(232, 0, 0, 0), 8));
	expect_oil(flushed(0, group, 32), 1 << 5);
	assert_null(flushed(0, IP(224, 0, 0, 0), 4));
}

/* RFC 4605, 3: what comes in below goes up, be there members or not. RFC 4607: but to nobody else who did not
 * name the source, neither by a join of another source nor by what is wanted of every group. */
static void test_upstream_ssm(void **state)
{
	const uint32_t everyone[] = {1, 2, 3};

	(void)state;
	gremc_rib_upstream(rib, 0);
	gremc_rib_member(rib, 4, source, ssm, GREMC_IGMP_INCLUDE);
	assert_int_equal(gremc_rib_kernel_set(rib, 0, 0, 1, everyone, NULL, 3), 0);
	expect_oil(flushed(source, ssm, 32), 1 << 0 | 1 << 4);
	assert_null(flushed(0, ssm, 32));
	expect_oil(flushed(0, IP(232, 0, 0, 0), 8), 1 << 0);
	assert_int_equal(flushed(0, IP(232, 0, 0, 0), 8)->iif_count, 0);
	gremc_rib_member(rib, 4, source, ssm, GREMC_IGMP_NONE);
	assert_null(flushed(source, ssm, 32));
	expect_oil(flushed(0, IP(232, 0, 0, 0), 8), 1 << 0);
}

/* The daemon asks for packets: the kernel gets some, unless somebody else waits for them, too. */
static void test_register(void **state)
{
	const uint32_t oifs[] = {1, GREMC_RIB_REGISTER};

	(void)state;
	assert_int_equal(gremc_rib_kernel_set(rib, source, group, 0, oifs, NULL, 2), 0);
	expect_oil(flushed(source, group, 32), 1 << 1);
	assert_true(flushed(source, group, 32)->limited && flushed(source, group, 32)->sampled);
	assert_int_equal(gremc_mroute_thresholds(flushed(source, group, 32))[0], 0);
	gremc_rib_member(rib, 5, source, group, GREMC_IGMP_INCLUDE);
	expect_oil(flushed(source, group, 32), 1 << 1 | 1 << 5);
	assert_int_equal(flushed(source, group, 32)->limited, 0);
	gremc_rib_member(rib, 5, source, group, GREMC_IGMP_NONE);
	assert_true(flushed(source, group, 32)->limited && flushed(source, group, 32)->sampled);
	assert_int_equal(gremc_rib_kernel_set(rib, source, group, 0, oifs, NULL, 1), 0);
	assert_int_equal(flushed(source, group, 32)->limited, 0);
	gremc_rib_kernel_remove(rib, source, group);
}

/* A tunnel that changed has another vif, one that is gone has none: members stay. */
static void test_vifs_change(void **state)
{
	uint32_t changed[INTERFACES];
	const struct gremc_mroute *mroute;
	uint32_t id;

	(void)state;
	member(5, 0, GREMC_IGMP_INCLUDE);
	member(6, 0, GREMC_IGMP_INCLUDE);
	id = flushed(0, group, 32)->id;
	memcpy(changed, vifs, sizeof(changed));
	changed[5] = 77;
	changed[6] = GREMC_RIB_NONE;
	assert_int_equal(gremc_rib_replace_static(rib, NULL, 0, changed, INTERFACES, 1), 0);
	mroute = flushed(0, group, 32);
	assert_int_equal(mroute->oif_count, 1);
	assert_int_equal(mroute->vif[0], 77);
	assert_int_equal(mroute->id, id); /* its counters go on */
	assert_int_equal(gremc_rib_replace_static(rib, NULL, 0, vifs, INTERFACES, 1), 0);
}

/* All or nothing: what the table refuses leaves everything as it was. */
static void test_refused(void **state)
{
	static const struct gremc_mroute_spec good[] = {
		{.group = IP(239, 0, 0, 0), .length = 8, .oifs = to23, .oif_count = 2}};
	static const struct gremc_mroute_spec bad[] = {
		{.group = IP(239, 0, 0, 0), .length = 8, .oifs = to8, .oif_count = 1},
		{.group = IP(10, 0, 0, 0), .length = 8, .oifs = to8, .oif_count = 1}};
	uint32_t none[INTERFACES];

	(void)state;
	memset(none, 0xff, sizeof(none));
	assert_int_equal(gremc_rib_replace_static(rib, good, 1, vifs, INTERFACES, 1), 0);
	member(5, 0, GREMC_IGMP_INCLUDE);
	assert_int_equal(gremc_rib_replace_static(rib, bad, 2, none, INTERFACES, 1), -EINVAL);
	expect_oil(gremc_fanout_find(table, 0, IP(239, 0, 0, 0), 8), 1 << 2 | 1 << 3);
	expect_oil(gremc_fanout_find(table, 0, group, 32), 1 << 2 | 1 << 3 | 1 << 5);
	member(5, 0, GREMC_IGMP_NONE);
	assert_null(flushed(0, group, 32));
}

static unsigned published(uint32_t count)
{
	unsigned found = 0;

	for (uint32_t i = 0; i < count; i++)
		found += gremc_fanout_find(table, 0, IP(239, 7, 0, i), 32) != NULL;
	return found;
}

/* What does not fit waits, those that fit do not, and when there is room the others follow. */
static void test_full_table(void **state)
{
	(void)state;
	capacity = 4;
	for (uint32_t i = 0; i < 10; i++)
		assert_int_equal(gremc_rib_member(rib, 3, 0, IP(239, 7, 0, i), GREMC_IGMP_INCLUDE), 0);
	assert_int_equal(gremc_rib_flush(rib, 7), 6);
	assert_int_equal(gremc_rib_waiting(rib), 6);
	assert_int_equal(published(10), 4);
	/* nothing is tried before it is asked for; a change of another route goes in alone */
	assert_false(gremc_rib_is_dirty(rib));
	capacity = 1;
	member(5, 0, GREMC_IGMP_INCLUDE);
	expect_oil(flushed(0, group, 32), 1 << 5);
	gremc_rib_retry(rib);
	assert_int_equal(gremc_rib_flush(rib, 8), 6);
	capacity = 2;
	gremc_rib_retry(rib);
	assert_int_equal(gremc_rib_flush(rib, 8), 4);
	assert_int_equal(gremc_rib_waiting(rib), 4);
	assert_int_equal(published(10), 6);
	/* who leaves waits no more */
	for (uint32_t i = 0; i < 10; i++)
		if (gremc_fanout_find(table, 0, IP(239, 7, 0, i), 32) == NULL) {
			gremc_rib_member(rib, 3, 0, IP(239, 7, 0, i), GREMC_IGMP_NONE);
			break;
		}
	assert_int_equal(gremc_rib_flush(rib, 8), 0);
	assert_int_equal(gremc_rib_waiting(rib), 3);
	capacity = UINT32_MAX;
	gremc_rib_retry(rib);
	assert_int_equal(gremc_rib_flush(rib, 8), 0);
	assert_int_equal(gremc_rib_waiting(rib), 0);
	assert_int_equal(published(10), 9);
}

/* Static routes go in although members' routes wait, and the waiting ones go on waiting. */
static void test_static_beside_waiting(void **state)
{
	static const struct gremc_mroute_spec one[] = {
		{.group = IP(239, 8, 0, 1), .length = 32, .oifs = to23, .oif_count = 2}};
	static const struct gremc_mroute_spec two[] = {
		{.group = IP(239, 8, 0, 1), .length = 32, .oifs = to23, .oif_count = 2},
		{.group = IP(239, 7, 0, 1), .length = 32, .oifs = to8, .oif_count = 1}};

	(void)state;
	capacity = 0;
	for (uint32_t i = 0; i < 3; i++)
		gremc_rib_member(rib, 3, 0, IP(239, 7, 0, i), GREMC_IGMP_INCLUDE);
	assert_int_equal(gremc_rib_flush(rib, 7), 3);
	capacity = 1;
	assert_int_equal(gremc_rib_replace_static(rib, one, 1, vifs, INTERFACES, 7), 0);
	expect_oil(gremc_fanout_find(table, 0, IP(239, 8, 0, 1), 32), 1 << 2 | 1 << 3);
	assert_int_equal(gremc_rib_waiting(rib), 3);
	/* one of those that wait is static now */
	capacity = 1;
	assert_int_equal(gremc_rib_replace_static(rib, two, 2, vifs, INTERFACES, 7), 0);
	expect_oil(gremc_fanout_find(table, 0, IP(239, 7, 0, 1), 32), 1 << 3 | 1 << 8);
	assert_int_equal(gremc_rib_waiting(rib), 2);
	capacity = UINT32_MAX;
	gremc_rib_retry(rib);
	assert_int_equal(gremc_rib_flush(rib, 8), 0);
	assert_int_equal(gremc_rib_waiting(rib), 0);
	assert_int_equal(published(3), 3);
}

/* Without memory a membership is refused, or waits; nothing is lost, and a leave needs none. */
static void test_no_memory(void **state)
{
	(void)state;
	member(3, 0, GREMC_IGMP_INCLUDE);
	is_poor = true;
	assert_int_equal(gremc_rib_member(rib, 3, source, group, GREMC_IGMP_INCLUDE), -ENOMEM);
	assert_int_equal(gremc_rib_member(rib, 3, 0, IP(239, 7, 0, 0), GREMC_IGMP_INCLUDE), -ENOMEM);
	assert_int_not_equal(gremc_rib_flush(rib, 7), 0);
	is_poor = false;
	gremc_rib_retry(rib);
	expect_oil(flushed(0, group, 32), 1 << 3);
	assert_int_equal(gremc_rib_waiting(rib), 0);
	is_poor = true;
	assert_int_equal(gremc_rib_member(rib, 3, 0, group, GREMC_IGMP_NONE), 0);
	assert_int_equal(gremc_rib_member(rib, 3, source, group, GREMC_IGMP_NONE), 0);
	is_poor = false;
	gremc_rib_retry(rib);
	assert_null(flushed(0, group, 32));
}

/* ---- a replacement in slices, while others change ---- */

#define GROUPS 60u /* of the static routes, and of the members */

struct replacement {
	const struct gremc_mroute_spec *routes;
	uint32_t count;
};

static rte_be32_t group_of(uint32_t i)
{
	return rte_cpu_to_be_32(0xef090000 + i);
}

static int replace(void *argument)
{
	const struct replacement *new = argument;

	return gremc_rib_replace_static(rib, new->routes, new->count, vifs, INTERFACES, 9);
}

/* Static routes for every group of which `mask` has a bit, modulo 3. */
static uint32_t specs_make(struct gremc_mroute_spec *specs, unsigned mask, const uint32_t *oifs,
			   uint32_t oif_count)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < GROUPS; i++)
		if (mask >> i % 3 & 1)
			specs[count++] = (struct gremc_mroute_spec){
				.group = group_of(i), .length = 32, .oifs = oifs, .oif_count = oif_count};
	return count;
}

/* Members by interface 10 to 13, as the test has them, and in a rib. */
static bool members[GROUPS][4];

static void member_flip(struct gremc_rib *at, uint32_t random)
{
	const uint32_t i = random % GROUPS, interface = random / GROUPS % 4;

	members[i][interface] = !members[i][interface];
	assert_int_equal(gremc_rib_member(at, 10 + interface, 0, group_of(i),
					  members[i][interface] ? GREMC_IGMP_INCLUDE : GREMC_IGMP_NONE),
			 0);
}

/* The table has what it would have without slices. */
static void expect_table(const struct gremc_mroute_spec *specs, uint32_t count)
{
	uint32_t routes = 0, expected_routes = 0;
	struct gremc_fanout_usage usage;

	for (uint32_t i = 0; i < GROUPS; i++) {
		const struct gremc_mroute *mroute = gremc_fanout_find(table, 0, group_of(i), 32);
		uint32_t expected = 0;

		for (uint32_t spec = 0; spec < count; spec++)
			if (specs[spec].group == group_of(i))
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

static void members_change_during_a_replacement(void **state)
{
	static struct gremc_mroute_spec old[GROUPS], new[GROUPS];
	struct replacement replacement = {new, specs_make(new, 6, to8, 1)};
	uint32_t old_count = specs_make(old, 3, to23, 2), slices = 0;
	struct gremc_job job = {0};

	(void)state;
	memset(members, 0, sizeof(members));
	assert_int_equal(gremc_rib_replace_static(rib, old, old_count, vifs, INTERFACES, 1), 0);
	for (uint32_t i = 0; i < 100; i++)
		member_flip(rib, i * 2654435761u >> 8);
	assert_int_equal(gremc_job_start(&job, "job", replace, &replacement), 0);
	while (!gremc_job_run(&job, 0)) {
		assert_true(gremc_rib_is_busy(rib));
		member_flip(rib, slices++ * 2654435761u >> 8);
		/* a flush waits for the replacement, and loses nothing */
		assert_int_equal(gremc_rib_flush(rib, 9), 0);
	}
	assert_int_equal(gremc_job_finish(&job), 0);
	assert_false(gremc_rib_is_busy(rib));
	assert_true(slices > 5 * GROUPS);
	assert_int_equal(gremc_rib_flush(rib, 9), 0);
	assert_false(gremc_rib_is_dirty(rib));
	expect_table(new, replacement.count);
}

/* Cancelled at any pause: the old routes stay, or the new ones are there; never a part of them. */
static void cancelled_replacement_changes_nothing(void **state)
{
	static struct gremc_mroute_spec old[GROUPS], new[GROUPS];
	struct replacement replacement = {new, specs_make(new, 6, to8, 1)};
	uint32_t old_count = specs_make(old, 3, to23, 2), cancelled = 0, slices = 0;
	bool is_short = false;

	(void)state;
	memset(members, 0, sizeof(members));
	assert_int_equal(gremc_rib_replace_static(rib, old, old_count, vifs, INTERFACES, 1), 0);
	while (!is_short) {
		struct gremc_job job = {0};
		int rc;

		slices += 5;
		assert_int_equal(gremc_job_start(&job, "job", replace, &replacement), 0);
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
		assert_int_equal(gremc_rib_replace_static(rib, old, old_count, vifs, INTERFACES, 1), 0);
		expect_table(old, old_count);
	}
	assert_true(cancelled > 10);
}

static int flush_all(void *argument)
{
	(void)argument;
	return (int)gremc_rib_flush(rib, 9);
}

static void members_change_during_a_flush(void **state)
{
	struct gremc_job job = {0};
	uint32_t slices = 0;

	(void)state;
	memset(members, 0, sizeof(members));
	for (uint32_t i = 0; i < 200; i++)
		member_flip(rib, i * 2654435761u >> 8);
	assert_true(gremc_rib_dirty_count(rib) > GROUPS / 2);
	assert_int_equal(gremc_job_start(&job, "job", flush_all, NULL), 0);
	while (!gremc_job_run(&job, 0))
		member_flip(rib, slices++ * 2654435761u >> 9);
	assert_int_equal(gremc_job_finish(&job), 0);
	assert_true(slices > GROUPS);
	assert_int_equal(gremc_rib_flush(rib, 9), 0);
	assert_false(gremc_rib_is_dirty(rib));
	expect_table(NULL, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	char *eal[] = {"test_rib",       "--no-huge",     "--no-pci", "--no-shconf", "-m", "128",
		       "--no-telemetry", "--log-level=3", "-l",       "0",           NULL};
	const struct CMUnitTest tests[] = {
		TEST(test_members),
		TEST(test_exclusion),
		TEST(test_static_is_a_floor),
		TEST(test_thresholds),
		TEST(test_guard),
		TEST(test_kernel),
		TEST(test_ssm),
		TEST(test_kernel_wildcards),
		TEST(test_upstream),
		TEST(test_upstream_ssm),
		TEST(test_register),
		TEST(test_vifs_change),
		TEST(test_refused),
		TEST(test_full_table),
		TEST(test_static_beside_waiting),
		TEST(test_no_memory),
		TEST(members_change_during_a_replacement),
		TEST(cancelled_replacement_changes_nothing),
		TEST(members_change_during_a_flush),
	};

	if (rte_eal_init((int)RTE_DIM(eal) - 1, eal) < 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
