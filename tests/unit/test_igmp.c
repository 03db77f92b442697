/* SPDX-License-Identifier: BSD-3-Clause */
/* Memberships against RFC 3376 and 2236: the tables of section 6.4, timers, leaves, older hosts. */
#include "igmp_querier.h"

#define SETS 8u /* sets of three sources */

/* A membership in the notation of the tables, INCLUDE(x) or EXCLUDE(x,y), and the actions of a row. */
struct outcome {
	bool exclude;
	unsigned x, y;
	unsigned fresh;  /* sources with a timer of GMI */
	unsigned leased; /* sources with the value of the group timer */
	bool group_fresh;
	unsigned query; /* Send Q(G,query) */
	bool query_group;
};

static struct outcome include_row(unsigned a, uint8_t type, unsigned b)
{
	switch (type) {
	case GREMC_IGMP_IS_IN:
	case GREMC_IGMP_ALLOW:
		return (struct outcome){.x = a | b, .fresh = b};
	case GREMC_IGMP_IS_EX:
		return (struct outcome){.exclude = true, .x = a & b, .y = b & ~a, .group_fresh = true};
	case GREMC_IGMP_TO_EX:
		return (struct outcome){
			.exclude = true, .x = a & b, .y = b & ~a, .group_fresh = true, .query = a & b};
	case GREMC_IGMP_TO_IN:
		return (struct outcome){.x = a | b, .fresh = b, .query = a & ~b};
	default:
		return (struct outcome){.x = a, .query = a & b};
	}
}

static struct outcome exclude_row(unsigned x, unsigned y, uint8_t type, unsigned a)
{
	switch (type) {
	case GREMC_IGMP_IS_IN:
	case GREMC_IGMP_ALLOW:
		return (struct outcome){.exclude = true, .x = x | a, .y = y & ~a, .fresh = a};
	case GREMC_IGMP_IS_EX:
		return (struct outcome){
			.exclude = true, .x = a & ~y, .y = y & a, .fresh = a & ~x & ~y, .group_fresh = true};
	case GREMC_IGMP_TO_EX:
		return (struct outcome){.exclude = true,
					.x = a & ~y,
					.y = y & a,
					.leased = a & ~x & ~y,
					.group_fresh = true,
					.query = a & ~y};
	case GREMC_IGMP_TO_IN:
		return (struct outcome){.exclude = true,
					.x = x | a,
					.y = y & ~a,
					.fresh = a,
					.query = x & ~a,
					.query_group = true};
	default:
		return (struct outcome){
			.exclude = true, .x = x | (a & ~y), .y = y, .leased = a & ~x & ~y, .query = a & ~y};
	}
}

/* Compare the state with the outcome. `left` is the value of unchanged timers. */
static void outcome_check(const struct outcome *o, uint32_t left)
{
	struct gremc_igmp_group_info info;
	unsigned x = 0, y = 0;
	bool of_group;

	assert_int_equal(queried_sources(&of_group), o->query);
	assert_int_equal(of_group, o->query_group);
	if (!world_group_find(&w, 1, group, &info)) {
		assert_true(!o->exclude && o->x == 0);
		return;
	}
	assert_int_equal(info.exclude, o->exclude);
	assert_int_equal(info.expires, !o->exclude ? 0 : o->query_group ? LMQT : o->group_fresh ? GMI : left);
	for (uint32_t i = 0; i < info.source_count; i++) {
		const struct gremc_igmp_source_info *s = &info.sources[i];
		unsigned bit =
			1u << (rte_be_to_cpu_32(s->address.ipv4) - rte_be_to_cpu_32(member_address(0)));

		*(s->excluded ? &y : &x) |= bit;
		assert_int_equal(s->expires, s->excluded       ? 0
					     : o->query & bit  ? LMQT
					     : o->fresh & bit  ? GMI
					     : o->leased & bit ? left
							       : left);
	}
	assert_int_equal(x, o->x);
	assert_int_equal(y, o->y);
}

/* Every row with every set: 6 record types, 8 sets, and all states of three sources. */
static void test_records_follow_tables_of_rfc_3376(void **state)
{
	(void)state;
	for (unsigned from = 0; from < 2 * SETS * SETS; from++) {
		unsigned exclude = from & 1, x = from >> 1 & 7, y = from >> 4 & 7;

		if ((x & y) || (!exclude && (y || !x)))
			continue;
		for (uint8_t type = GREMC_IGMP_IS_IN; type <= GREMC_IGMP_BLOCK; type++) {
			for (unsigned set = 0; set < SETS; set++) {
				struct outcome o =
					exclude ? exclude_row(x, y, type, set) : include_row(x, type, set);

				if (exclude)
					record_input(GREMC_IGMP_IS_EX, y);
				if (x)
					record_input(GREMC_IGMP_ALLOW, x);
				world_run(&w, 50000);
				world_forget(&w);
				record_input(type, set);
				outcome_check(&o, GMI - 50000);
				igmp_tear_down(NULL);
				igmp_set_up(NULL);
			}
		}
	}
}

/* RFC 3376, 6.5: the group timer expires with and without requested sources. */
static void test_group_timer_ends_exclude_mode(void **state)
{
	struct gremc_igmp_group_info info;

	(void)state;
	record_input(GREMC_IGMP_IS_EX, 4);
	world_run(&w, 100000);
	record_input(GREMC_IGMP_ALLOW, 3);
	world_run(&w, GMI - 100000 + 20);
	assert_true(world_group_find(&w, 1, group, &info));
	assert_false(info.exclude);
	assert_int_equal(info.source_count, 2); /* the excluded source is removed */
	world_run(&w, 100000);
	assert_false(world_group_find(&w, 1, group, &info));
	record_input(GREMC_IGMP_IS_EX, 0);
	world_run(&w, GMI - 10);
	assert_true(world_group_find(&w, 1, group, &info));
	world_run(&w, 30);
	assert_false(world_group_find(&w, 1, group, &info));
}

/* RFC 3376, 6.3. */
static void test_expired_source_is_excluded(void **state)
{
	struct gremc_igmp_group_info info;

	(void)state;
	record_input(GREMC_IGMP_IS_EX, 0);
	record_input(GREMC_IGMP_ALLOW, 1);
	world_run(&w, 200000);
	record_input(GREMC_IGMP_IS_EX, 1);
	world_run(&w, 100000);
	assert_true(world_group_find(&w, 1, group, &info));
	assert_int_equal(info.source_count, 1);
	assert_true(info.sources[0].excluded);
}

static void test_only_changes_are_published(void **state)
{
	(void)state;
	record_input(GREMC_IGMP_ALLOW, 1);
	request_expect(0, member_address(0), GREMC_IGMP_INCLUDE);
	record_input(GREMC_IGMP_ALLOW, 1); /* a refresh publishes nothing */
	assert_int_equal(w.said_count, 1);
	record_input(GREMC_IGMP_TO_EX, 2);
	request_expect(1, 0, GREMC_IGMP_INCLUDE);
	assert_int_equal(w.said_count, 4);
	world_forget(&w);
	world_run(&w, GMI + 100);
	/* each request is withdrawn once */
	assert_int_equal(w.said_count, 2);
	request_expect(0, 0, GREMC_IGMP_NONE);
	request_expect(1, member_address(1), GREMC_IGMP_NONE);
}

static void test_leave_takes_the_last_member_query_time(void **state)
{
	struct gremc_igmp_message m;

	(void)state;
	world_old(&w, 1, GREMC_IGMP_V2_REPORT, group);
	world_run(&w, 1000);
	world_forget(&w);
	world_old(&w, 1, GREMC_IGMP_LEAVE, group);
	assert_int_equal(w.sent_count, 1);
	assert_int_equal(gremc_igmp_parse(w.sent[0].packet, w.sent[0].length, &m), GREMC_IGMP_OK);
	assert_int_equal(m.group, group);
	assert_int_equal(m.destination, group);
	world_run(&w, 1990);
	assert_int_equal(w.sent_count, 2); /* last member query count */
	assert_int_equal(w.said_count, 0);
	world_run(&w, 20);
	request_expect(0, 0, GREMC_IGMP_NONE);
}

static void test_answer_keeps_membership_after_leave(void **state)
{
	(void)state;
	world_old(&w, 1, GREMC_IGMP_V2_REPORT, group);
	world_forget(&w);
	world_old(&w, 1, GREMC_IGMP_LEAVE, group);
	world_run(&w, 500);
	world_old(&w, 1, GREMC_IGMP_V2_REPORT, group);
	world_run(&w, 5000);
	assert_int_equal(w.said_count, 0);
}

static void test_retransmission_after_answer_has_s_flag(void **state)
{
	struct gremc_igmp_message m;

	(void)state;
	record_input(GREMC_IGMP_IS_EX, 0);
	world_run(&w, 5000);
	world_forget(&w);
	record_input(GREMC_IGMP_TO_IN, 0);
	assert_int_equal(gremc_igmp_parse(w.sent[0].packet, w.sent[0].length, &m), GREMC_IGMP_OK);
	assert_false(m.suppress);
	record_input(GREMC_IGMP_IS_EX, 0);
	world_run(&w, 1010);
	assert_int_equal(w.sent_count, 2);
	assert_int_equal(gremc_igmp_parse(w.sent[1].packet, w.sent[1].length, &m), GREMC_IGMP_OK);
	assert_true(m.suppress);
}

static void test_fast_leave_sends_no_query(void **state)
{
	struct gremc_igmp_policy policy = querier;
	struct gremc_igmp_group_info info;

	(void)state;
	policy.fast_leave = true;
	assert_int_equal(gremc_igmp_interface_set(w.igmp, 1, &policy, w.now), 0);
	world_old(&w, 1, GREMC_IGMP_V2_REPORT, group);
	world_forget(&w);
	world_old(&w, 1, GREMC_IGMP_LEAVE, group);
	assert_int_equal(w.sent_count, 0);
	request_expect(0, 0, GREMC_IGMP_NONE);
	assert_false(world_group_find(&w, 1, group, &info));
	record_input(GREMC_IGMP_ALLOW, 3);
	record_input(GREMC_IGMP_BLOCK, 1);
	assert_true(world_group_find(&w, 1, group, &info));
	assert_int_equal(info.source_count, 1);
	assert_int_equal(info.sources[0].address.ipv4, member_address(1));
	/* from EXCLUDE to INCLUDE: the other sources are removed at once */
	record_input(GREMC_IGMP_TO_EX, 0);
	record_input(GREMC_IGMP_TO_IN, 4);
	assert_true(world_group_find(&w, 1, group, &info));
	assert_false(info.exclude);
	assert_int_equal(info.source_count, 1);
	assert_int_equal(info.sources[0].address.ipv4, member_address(2));
}

static void test_v2_host_limits_v3_records(void **state)
{
	struct gremc_igmp_group_info info;

	(void)state;
	world_old(&w, 1, GREMC_IGMP_V2_REPORT, group);
	assert_true(world_group_find(&w, 1, group, &info));
	assert_int_equal(info.version, 2);
	record_input(GREMC_IGMP_BLOCK, 1);
	record_input(GREMC_IGMP_TO_EX, 2);
	assert_true(world_group_find(&w, 1, group, &info));
	assert_int_equal(info.source_count, 0);
	assert_int_equal(world_counter(&w, 1, GREMC_IGMP_COUNT_older_host), 1);
	/* older host present interval (RFC 3376, 8.13) */
	world_run(&w, GMI - 1000);
	record_input(GREMC_IGMP_IS_EX, 0);
	world_run(&w, 2000);
	assert_true(world_group_find(&w, 1, group, &info));
	assert_int_equal(info.version, 3);
}

static void test_v1_host_cannot_leave(void **state)
{
	(void)state;
	world_old(&w, 1, GREMC_IGMP_V1_REPORT, group);
	world_forget(&w);
	world_old(&w, 1, GREMC_IGMP_LEAVE, group);
	record_input(GREMC_IGMP_TO_IN, 0);
	assert_int_equal(w.sent_count, 0);
	world_run(&w, 5000);
	assert_int_equal(w.said_count, 0);
	assert_int_equal(world_counter(&w, 1, GREMC_IGMP_COUNT_older_host), 2);
	world_run(&w, GMI);
	request_expect(0, 0, GREMC_IGMP_NONE);
}

static void test_failed_change_is_repeated(void **state)
{
	(void)state;
	proxy_start();
	w.is_poor = true;
	record_input(GREMC_IGMP_TO_EX, 1);
	world_old(&w, 2, GREMC_IGMP_V2_REPORT, group);
	world_old(&w, 2, GREMC_IGMP_V2_REPORT, IP(239, 9, 9, 9));
	world_run(&w, 5000);
	assert_int_equal(w.said_count, 0);
	assert_true(world_counter(&w, 1, GREMC_IGMP_COUNT_no_memory) > 0);
	w.is_poor = false;
	world_run(&w, 1100);
	assert_int_equal(w.said_count, 4);
	world_run(&w, 1100);
	assert_int_equal(w.said_count, 4);
	/* each request is withdrawn once */
	w.is_poor = true;
	gremc_igmp_interface_remove(w.igmp, 1, w.now);
	gremc_igmp_interface_remove(w.igmp, 2, w.now);
	assert_int_equal(w.said_count, 8);
}

static void test_groups_are_listed_by_pages(void **state)
{
	struct gremc_igmp_group_info infos[10];
	uint32_t total, from = 0, seen = 0, n;

	(void)state;
	for (unsigned i = 0; i < 95; i++)
		world_old(&w, 1, GREMC_IGMP_V2_REPORT, IP(239, 1, 1, i));
	while ((n = gremc_igmp_groups_list(w.igmp, from, infos, 10, &total)) > 0) {
		assert_int_equal(total, 95);
		seen += n;
		from = infos[n - 1].number + 1;
	}
	assert_int_equal(seen, 95);
}

/* No timer expires early or more than a tick late. */
static void test_timers_expire_on_every_wheel_level(void **state)
{
	struct gremc_igmp_settings settings = defaults;
	struct gremc_igmp_group_info info;
	const uint32_t intervals[] = {2000, 2550, 2560, 2570, 600000, 655360, 30000000};

	(void)state;
	for (unsigned i = 0; i < RTE_DIM(intervals); i++) {
		settings.query_interval = intervals[i];
		gremc_igmp_configure(w.igmp, &settings, w.now);
		world_run(&w, 7);
		record_input(GREMC_IGMP_IS_EX, 0);
		world_run(&w, 2 * intervals[i] + 10000 - 1);
		assert_true(world_group_find(&w, 1, group, &info));
		world_run(&w, 11);
		assert_false(world_group_find(&w, 1, group, &info));
	}
}

static void test_codes_round_down(void **state)
{
	(void)state;
	for (uint32_t value = 0; value < 31744; value++) {
		uint32_t back = gremc_igmp_code_decode(gremc_igmp_code_encode(value));

		assert_true(back <= value && value - back <= value / 16);
	}
	for (unsigned code = 0; code < 256; code++)
		assert_int_equal(gremc_igmp_code_encode(gremc_igmp_code_decode((uint8_t)code)), code);
}

static void test_counters_have_names(void **state)
{
	(void)state;
	for (unsigned i = 0; i < GREMC_IGMP_COUNTER_COUNT; i++) {
		assert_true(strlen(gremc_igmp_counter_name(i)) > 0);
		assert_true(strlen(gremc_igmp_counter_text(i)) > 0);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, igmp_set_up, igmp_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_records_follow_tables_of_rfc_3376),
		TEST(test_group_timer_ends_exclude_mode),
		TEST(test_expired_source_is_excluded),
		TEST(test_only_changes_are_published),
		TEST(test_leave_takes_the_last_member_query_time),
		TEST(test_answer_keeps_membership_after_leave),
		TEST(test_retransmission_after_answer_has_s_flag),
		TEST(test_fast_leave_sends_no_query),
		TEST(test_v2_host_limits_v3_records),
		TEST(test_v1_host_cannot_leave),
		TEST(test_failed_change_is_repeated),
		TEST(test_groups_are_listed_by_pages),
		TEST(test_timers_expire_on_every_wheel_level),
		TEST(test_codes_round_down),
		TEST(test_counters_have_names),
	};

	return cmocka_run_group_tests_name("igmp", tests, NULL, NULL);
}
