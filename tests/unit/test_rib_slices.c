/* SPDX-License-Identifier: BSD-3-Clause */
/* Replacements and flushes in slices, while memberships change. */
#include <string.h>

#include "base/job.h"
#include "rib_world.h"

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

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_members_change_during_a_replacement),
		TEST(test_cancelled_replacement_changes_nothing),
		TEST(test_members_change_during_a_flush),
	};

	return rib_world_run("rib_slices", tests, RTE_DIM(tests));
}
