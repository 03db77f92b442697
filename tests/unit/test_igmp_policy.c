/* SPDX-License-Identifier: BSD-3-Clause */
/* The policy of an interface, and packets that it refuses. */
#include <errno.h>

#include "igmp_querier.h"

static void test_policy_refuses_groups_and_sources(void **state)
{
	static const struct gremc_prefix groups[] = {GREMC_PREFIX_IPV4(IP(239, 1, 0, 0), 16),
						     GREMC_PREFIX_IPV4(IP(232, 0, 0, 0), 8)};
	struct gremc_igmp_policy policy = querier;
	const rte_be32_t bad[] = {IP(127, 0, 0, 1), IP(239, 0, 0, 1), 0};

	(void)state;
	policy.groups = groups;
	policy.group_count = 2;
	policy.max_groups = 3;
	policy.max_sources = 2;
	assert_int_equal(gremc_igmp_interface_set(w.igmp, 1, &policy, w.now), 0);
	world_old(&w, 1, GREMC_IGMP_V2_REPORT, IP(239, 2, 0, 1));
	assert_int_equal(world_counter(&w, 1, GREMC_IGMP_COUNT_group_range), 1);
	world_old(&w, 1, GREMC_IGMP_V2_REPORT, IP(224, 0, 0, 251));
	assert_int_equal(world_counter(&w, 1, GREMC_IGMP_COUNT_link_local), 1);
	world_old(&w, 1, GREMC_IGMP_V2_REPORT, ssm);
	world_record(&w, 1, GREMC_IGMP_TO_EX, ssm, NULL, 0);
	assert_int_equal(world_counter(&w, 1, GREMC_IGMP_COUNT_ssm_any), 2);
	world_record(&w, 1, GREMC_IGMP_ALLOW, group, bad, 3);
	assert_int_equal(world_counter(&w, 1, GREMC_IGMP_COUNT_source_refused), 3);
	world_record(&w, 1, 77, group, NULL, 0);
	assert_int_equal(world_counter(&w, 1, GREMC_IGMP_COUNT_record_type), 1);
	assert_int_equal(w.said_count, 0);
	record_input(GREMC_IGMP_ALLOW, 7);
	assert_int_equal(world_counter(&w, 1, GREMC_IGMP_COUNT_source_limit), 1);
	assert_int_equal(w.said_count, 2);
	for (unsigned i = 2; i < 8; i++)
		world_old(&w, 1, GREMC_IGMP_V2_REPORT, IP(239, 1, 1, i));
	assert_int_equal(world_counter(&w, 1, GREMC_IGMP_COUNT_group_limit), 4);
	assert_int_equal(w.said_count, 4);
}

/* The burst size is the larger one of the rate and max_groups. */
static void test_report_rate_limits_changes(void **state)
{
	struct gremc_igmp_policy policy = querier;

	(void)state;
	policy.report_rate = 10;
	policy.max_groups = 20;
	assert_int_equal(gremc_igmp_interface_set(w.igmp, 1, &policy, w.now), 0);
	for (unsigned i = 0; i < 30; i++)
		world_old(&w, 1, GREMC_IGMP_V2_REPORT, IP(239, 1, 1, i));
	assert_int_equal(w.said_count, 20);
	assert_int_equal(world_counter(&w, 1, GREMC_IGMP_COUNT_rate), 10);
	policy.max_groups = 5;
	assert_int_equal(gremc_igmp_interface_set(w.igmp, 2, &policy, w.now), 0);
	for (unsigned i = 0; i < 30; i++)
		world_record(&w, 2, i ? GREMC_IGMP_TO_IN : GREMC_IGMP_TO_EX, group, NULL, 0);
	assert_int_equal(world_counter(&w, 2, GREMC_IGMP_COUNT_rate), 20);
	world_run(&w, 500);
	for (unsigned i = 0; i < 30; i++)
		world_record(&w, 2, GREMC_IGMP_TO_IN, group, NULL, 0);
	assert_int_equal(world_counter(&w, 2, GREMC_IGMP_COUNT_rate), 45);
}

/* Answers to queries exceed the rate and keep all memberships. */
static void test_refresh_costs_no_token(void **state)
{
	struct gremc_igmp_policy policy = querier;
	const rte_be32_t named[] = {member_address(0), member_address(1)};
	struct gremc_igmp_group_info info;

	(void)state;
	policy.report_rate = 7;
	policy.max_groups = 100;
	assert_int_equal(gremc_igmp_interface_set(w.igmp, 1, &policy, w.now), 0);
	for (unsigned turn = 0; turn < 4; turn++) {
		for (unsigned i = 0; i < 100; i++) {
			if (i % 3 == 0)
				world_old(&w, 1, GREMC_IGMP_V2_REPORT, IP(239, 1, 1, i));
			else
				world_record(&w, 1, i % 3 == 1 ? GREMC_IGMP_IS_EX : GREMC_IGMP_IS_IN,
					     IP(239, 1, 1, i), named, 2);
		}
		assert_int_equal(world_counter(&w, 1, GREMC_IGMP_COUNT_rate), 0);
		world_run(&w, turn ? 100000 : 10);
	}
	for (unsigned i = 0; i < 100; i++)
		assert_true(world_group_find(&w, 1, IP(239, 1, 1, i), &info));
}

static void test_each_change_costs_a_token(void **state)
{
	static const struct {
		uint8_t type;
		unsigned set;
	} records[] = {
		{GREMC_IGMP_IS_EX, 6}, /* another list */
		{GREMC_IGMP_IS_EX, 7}, {GREMC_IGMP_TO_EX, 3},
		{GREMC_IGMP_TO_EX, 0}, {GREMC_IGMP_ALLOW, 4}, /* a new source */
		{GREMC_IGMP_BLOCK, 4}, {GREMC_IGMP_TO_IN, 0},
	};
	struct gremc_igmp_policy policy = querier;

	(void)state;
	policy.report_rate = policy.max_groups = 1;
	for (unsigned i = 0; i < RTE_DIM(records); i++) {
		assert_int_equal(gremc_igmp_interface_set(w.igmp, 1, &policy, w.now), 0);
		record_input(GREMC_IGMP_IS_EX, 3); /* takes the only token */
		record_input(GREMC_IGMP_IS_EX, 3);
		assert_int_equal(world_counter(&w, 1, GREMC_IGMP_COUNT_rate), 0);
		record_input(records[i].type, records[i].set);
		assert_int_equal(world_counter(&w, 1, GREMC_IGMP_COUNT_rate), 1);
		gremc_igmp_interface_remove(w.igmp, 1, w.now);
	}
}

/* The list limits (S,G) requests, not (*,G) requests. */
static void test_source_list_limits_requests(void **state)
{
	/* 10.9.0.1 is member_address(0) */
	const struct gremc_prefix list[] = {GREMC_PREFIX_IPV4(member_address(0), 32),
					    GREMC_PREFIX_IPV4(member_address(1), 31)};
	struct gremc_igmp_policy policy = querier;

	(void)state;
	policy.sources = list;
	policy.source_count = 1;
	assert_int_equal(gremc_igmp_interface_set(w.igmp, 1, &policy, w.now), 0);
	record_input(GREMC_IGMP_IS_EX, 0);
	assert_int_equal(w.said_count, 1);
	request_expect(0, 0, GREMC_IGMP_INCLUDE);
	world_forget(&w);
	record_input(GREMC_IGMP_TO_IN, 5); /* the third source is not in the list */
	assert_int_equal(world_counter(&w, 1, GREMC_IGMP_COUNT_source_refused), 1);
	world_run(&w, LMQT + 20);
	assert_int_equal(w.said_count, 2);
	request_expect(1, member_address(0), GREMC_IGMP_INCLUDE);
	policy.source_count = 2; /* 10.9.0.2/31: the second and the third */
	assert_int_equal(gremc_igmp_interface_set(w.igmp, 1, &policy, w.now), 0);
	request_expect(w.said_count - 1, member_address(0), GREMC_IGMP_INCLUDE); /* it stays */
	world_forget(&w);
	record_input(GREMC_IGMP_ALLOW, 6);
	assert_int_equal(w.said_count, 2);
	assert_int_equal(world_counter(&w, 1, GREMC_IGMP_COUNT_source_refused), 1);
}

static void test_static_joins_stay(void **state)
{
	const struct gremc_igmp_join joins[] = {
		{.group = GREMC_ADDR_IPV4(group)},
		{GREMC_ADDR_IPV4(ssm), GREMC_ADDR_IPV4(member_address(0))},
	};
	struct gremc_igmp_policy policy = querier;
	struct gremc_igmp_group_info info;

	(void)state;
	policy.joins = joins;
	policy.join_count = 2;
	assert_int_equal(gremc_igmp_interface_set(w.igmp, 1, &policy, w.now), 0);
	assert_int_equal(w.said_count, 2);
	/* neither a leave nor a timer ends them */
	record_input(GREMC_IGMP_TO_EX, 1);
	record_input(GREMC_IGMP_TO_IN, 0);
	world_run(&w, 3 * GMI);
	assert_int_equal(w.said_count, 2);
	assert_true(world_group_find(&w, 1, group, &info));
	assert_true(info.is_static);
	world_forget(&w);
	assert_int_equal(gremc_igmp_interface_set(w.igmp, 1, &querier, w.now), 0);
	assert_false(world_group_find(&w, 1, group, &info));
	assert_false(world_group_find(&w, 1, ssm, &info));
}

static void test_policy_with_ipv6_is_refused(void **state)
{
	struct gremc_igmp_join join = {.group = GREMC_ADDR_IPV4(group)};
	struct gremc_igmp_policy policy = querier;

	(void)state;
	policy.joins = &join;
	policy.join_count = 1;
	assert_int_equal(gremc_addr_parse("fe80::1", &policy.address), 0);
	assert_int_equal(gremc_igmp_interface_set(w.igmp, 1, &policy, w.now), -EAFNOSUPPORT);
	policy.address = querier.address;
	assert_int_equal(gremc_addr_parse("ff0e::1", &join.group), 0);
	assert_int_equal(gremc_igmp_interface_set(w.igmp, 1, &policy, w.now), -EAFNOSUPPORT);
	assert_int_equal(w.said_count, 0);
}

static void test_mode_off_withdraws_and_ignores(void **state)
{
	struct gremc_igmp_policy policy = querier;

	(void)state;
	record_input(GREMC_IGMP_IS_EX, 0);
	policy.mode = GREMC_IGMP_OFF;
	assert_int_equal(gremc_igmp_interface_set(w.igmp, 1, &policy, w.now), 0);
	request_expect(1, 0, GREMC_IGMP_NONE);
	world_forget(&w);
	record_input(GREMC_IGMP_IS_EX, 0);
	world_run(&w, 1000000);
	assert_int_equal(w.sent_count + w.said_count, 0);
	assert_int_equal(world_counter(&w, 1, GREMC_IGMP_COUNT_off), 1);
	gremc_igmp_interface_remove(w.igmp, 1, w.now);
	record_input(GREMC_IGMP_IS_EX, 0); /* the interface does not exist */
	assert_int_equal(gremc_igmp_next_due(w.igmp), GREMC_IGMP_NEVER);
}

static void test_removed_interface_withdraws(void **state)
{
	(void)state;
	record_input(GREMC_IGMP_IS_EX, 2);
	world_forget(&w);
	gremc_igmp_interface_remove(w.igmp, 1, w.now);
	assert_int_equal(w.said_count, 2);
}

static void test_malformed_packets_change_nothing(void **state)
{
	uint8_t packet[100], good[100];
	struct gremc_igmp_report report = {.packet = packet, .size = sizeof(packet)};
	const rte_be32_t sources[] = {member_address(0), member_address(1)};

	(void)state;
	gremc_igmp_report_add(&report, GREMC_IGMP_ALLOW, group, sources, 2);
	gremc_igmp_report_finish(&report, IP(10, 0, 0, 9));
	for (size_t length = 0; length < report.length; length++)
		world_input(&w, 1, report.packet, length);
	assert_int_equal(w.said_count, 0);
	for (size_t bit = 0; bit < report.length * 8; bit++) {
		memcpy(good, report.packet, report.length);
		good[bit / 8] ^= (uint8_t)(1u << bit % 8);
		world_input(&w, 1, good, report.length);
		/* a checksum covers every bit */
		assert_int_equal(w.said_count, 0);
	}
	assert_int_not_equal(world_counter(&w, 1, GREMC_IGMP_COUNT_truncated), 0);
	assert_int_not_equal(world_counter(&w, 1, GREMC_IGMP_COUNT_header), 0);
	assert_int_not_equal(world_counter(&w, 1, GREMC_IGMP_COUNT_checksum), 0);
	world_input(&w, 1, report.packet, report.length);
	assert_int_equal(w.said_count, 2);
}

static void test_router_alert_can_be_required(void **state)
{
	struct gremc_igmp_policy policy = querier;
	uint8_t packet[GREMC_IGMP_PACKET_MAX], bare[GREMC_IGMP_PACKET_MAX];
	size_t length = gremc_igmp_v1v2_build(packet, GREMC_IGMP_V2_REPORT, IP(10, 0, 0, 9), group);
	uint16_t sum;

	(void)state;
	memcpy(bare, packet, 20);
	memcpy(bare + 20, packet + 24, length - 24);
	bare[0] = 0x45;
	bare[3] = (uint8_t)(length - 4);
	memset(bare + 10, 0, 2);
	sum = (uint16_t)~rte_raw_cksum(bare, 20);
	memcpy(bare + 10, &sum, 2);
	policy.router_alert = true;
	assert_int_equal(gremc_igmp_interface_set(w.igmp, 1, &policy, w.now), 0);
	world_input(&w, 1, bare, length - 4);
	assert_int_equal(world_counter(&w, 1, GREMC_IGMP_COUNT_router_alert), 1);
	assert_int_equal(w.said_count, 0);
	assert_int_equal(gremc_igmp_interface_set(w.igmp, 1, &querier, w.now), 0);
	world_input(&w, 1, bare, length - 4);
	assert_int_equal(w.said_count, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_policy_refuses_groups_and_sources),
		TEST(test_report_rate_limits_changes),
		TEST(test_refresh_costs_no_token),
		TEST(test_each_change_costs_a_token),
		TEST(test_source_list_limits_requests),
		TEST(test_static_joins_stay),
		TEST(test_policy_with_ipv6_is_refused),
		TEST(test_mode_off_withdraws_and_ignores),
		TEST(test_removed_interface_withdraws),
		TEST(test_malformed_packets_change_nothing),
		TEST(test_router_alert_can_be_required),
	};

	return cmocka_run_group_tests_name("igmp_policy", tests, NULL, NULL);
}
