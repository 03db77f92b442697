/* SPDX-License-Identifier: BSD-3-Clause */
/* Queries: the election of the querier, their timers, and their delay until the next hop is resolved. */
#include "igmp_querier.h"

static void test_general_queries_follow_timers(void **state)
{
	struct gremc_igmp_message m;
	const uint8_t *p;

	(void)state;
	world_run(&w, 100);
	assert_int_equal(w.sent_count, 1);
	p = w.sent[0].packet;
	assert_int_equal(p[8], 1);    /* TTL */
	assert_int_equal(p[1], 0xc0); /* TOS */
	assert_memory_equal(p + 20, "\x94\x04\x00\x00", 4);
	assert_int_equal(gremc_igmp_parse(p, w.sent[0].length, &m), GREMC_IGMP_OK);
	assert_int_equal(m.destination, IP(224, 0, 0, 1));
	assert_int_equal(m.source, querier.address.ipv4);
	assert_int_equal(m.group, 0);
	assert_int_equal(m.version, 3);
	assert_int_equal(m.response_time, 10000);
	assert_int_equal(m.interval, 125000);
	assert_int_equal(m.robustness, 2);
	assert_true(m.has_router_alert);
	world_run(&w, 31250); /* startup query interval */
	assert_int_equal(w.sent_count, 2);
	world_run(&w, 124900);
	assert_int_equal(w.sent_count, 2);
	world_run(&w, 125200);
	assert_int_equal(w.sent_count, 4);
}

static void test_lower_address_becomes_querier(void **state)
{
	struct gremc_igmp_interface_info info;

	(void)state;
	world_run(&w, 100);
	router_query_input(IP(10, 0, 0, 2), 0, S_CLEAR, NULL, 0); /* a higher address loses */
	router_query_input(0, 0, S_CLEAR, NULL, 0);               /* the address 0.0.0.0 loses */
	assert_true(gremc_igmp_interface_info_get(w.igmp, 1, &info));
	assert_true(info.is_querier);
	router_query_input(IP(9, 255, 0, 2), 0, S_CLEAR, NULL, 0);
	assert_true(gremc_igmp_interface_info_get(w.igmp, 1, &info));
	assert_false(info.is_querier);
	assert_int_equal(info.querier.ipv4, IP(9, 255, 0, 2));
	assert_int_equal(info.robustness, 3);
	assert_int_equal(info.query_interval, 60000);
	assert_int_equal(info.querier_expires, 185000); /* 3 * 60 + 10 / 2 */
	world_forget(&w);
	world_run(&w, 184980);
	assert_int_equal(w.sent_count, 0);
	world_run(&w, 40);
	assert_int_equal(w.sent_count, 1);
	assert_true(gremc_igmp_interface_info_get(w.igmp, 1, &info));
	assert_true(info.is_querier);
	assert_int_equal(info.query_interval, 125000);
}

/* RFC 3376, 6.6.1: group specific queries lower timers, unless they have the S flag. */
static void test_queries_of_other_querier_lower_timers(void **state)
{
	const rte_be32_t asked[] = {member_address(0)};
	struct gremc_igmp_group_info info;

	(void)state;
	router_query_input(IP(9, 0, 0, 2), 0, S_CLEAR, NULL, 0);
	record_input(GREMC_IGMP_IS_EX, 0);
	record_input(GREMC_IGMP_ALLOW, 1);
	router_query_input(IP(9, 0, 0, 2), group, S_SET, NULL, 0);
	assert_true(world_group_find(&w, 1, group, &info));
	assert_int_equal(info.expires, 190000); /* 3 * 60 + 10: the querier's intervals */
	router_query_input(IP(9, 0, 0, 2), group, S_CLEAR, asked, 1);
	assert_true(world_group_find(&w, 1, group, &info));
	assert_int_equal(info.sources[0].expires, 3000);
	assert_int_equal(info.expires, 190000);
	router_query_input(IP(9, 0, 0, 2), group, S_CLEAR, NULL, 0);
	assert_true(world_group_find(&w, 1, group, &info));
	assert_int_equal(info.expires, 3000);
	/* only the querier sends last member queries */
	world_forget(&w);
	record_input(GREMC_IGMP_TO_IN, 0);
	assert_int_equal(w.sent_count, 0);
}

/* RFC 2236, 3. */
static void test_leave_completes_after_lost_election(void **state)
{
	struct gremc_igmp_settings settings = defaults;
	bool of_group;

	(void)state;
	settings.last_member_count = 4;
	gremc_igmp_configure(w.igmp, &settings, w.now);
	world_run(&w, 1000);
	record_input(GREMC_IGMP_IS_EX, 0);
	world_record(&w, 1, GREMC_IGMP_ALLOW, ssm, (rte_be32_t[]){member_address(0)}, 1);
	world_forget(&w);
	record_input(GREMC_IGMP_TO_IN, 0);
	world_record(&w, 1, GREMC_IGMP_BLOCK, ssm, (rte_be32_t[]){member_address(0)}, 1);
	router_query_input(IP(9, 0, 0, 2), 0, S_CLEAR, NULL, 0);
	world_run(&w, 10000);
	assert_int_equal(w.sent_count, 8); /* four for the group, four for the source, no general query */
	queried_sources(&of_group);
	assert_true(of_group);
	/* the new querier handles the next leave */
	record_input(GREMC_IGMP_IS_EX, 0);
	world_forget(&w);
	record_input(GREMC_IGMP_TO_IN, 0);
	world_run(&w, 10000);
	assert_int_equal(w.sent_count, 0);
}

static uint32_t sent_query_count(rte_be32_t of)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < w.sent_count; i++) {
		struct gremc_igmp_message m;

		assert_int_equal(gremc_igmp_parse(w.sent[i].packet, w.sent[i].length, &m), GREMC_IGMP_OK);
		count += m.type == GREMC_IGMP_QUERY && m.group == of;
	}
	return count;
}

/* The startup queries begin when the next hop is resolved. */
static void test_first_query_waits_for_the_next_hop(void **state)
{
	static const uint32_t after[] = {0, 500, 5000, 40000, 200000, 1000000};

	(void)state;
	for (unsigned i = 0; i < RTE_DIM(after); i++) {
		igmp_tear_down(NULL);
		world_init(&w);
		w.mtu = 0;
		assert_int_equal(gremc_igmp_interface_set(w.igmp, 1, &querier, w.now), 0);
		world_run(&w, after[i]);
		assert_int_equal(w.sent_count, 0);
		assert_int_equal(world_counter(&w, 1, GREMC_IGMP_COUNT_queries_sent), 0);
		w.mtu = 1476;
		world_run(&w, 200);
		assert_int_equal(sent_query_count(0), 1);
		world_run(&w, 31250);
		assert_int_equal(sent_query_count(0), 2);
		world_run(&w, 125100);
		assert_int_equal(sent_query_count(0), 3);
		assert_int_equal(world_counter(&w, 1, GREMC_IGMP_COUNT_queries_sent), 3);
	}
}

/* The gateway of many tunnels is resolved: their queries do not overrun the queue. */
static void test_resumed_queries_are_paced(void **state)
{
	(void)state;
	w.mtu = 0;
	for (uint32_t i = 2; i < 1000; i++)
		assert_int_equal(gremc_igmp_interface_set(w.igmp, i, &querier, w.now), 0);
	world_run(&w, 3000);
	w.mtu = 1476;
	w.accept = 100;
	world_run(&w, 400);
	assert_int_equal(w.sent_count, 100);
	w.accept = UINT32_MAX;
	world_run(&w, 1000);
	assert_int_equal(sent_query_count(0), 999);
}

/* A membership stays until its last member queries could be sent. */
static void test_leave_waits_for_the_next_hop(void **state)
{
	struct gremc_igmp_group_info info;

	(void)state;
	world_run(&w, 100);
	record_input(GREMC_IGMP_IS_EX, 0);
	world_record(&w, 1, GREMC_IGMP_ALLOW, ssm, (rte_be32_t[]){member_address(0)}, 1);
	world_forget(&w);
	w.mtu = 0;
	record_input(GREMC_IGMP_TO_IN, 0);
	world_record(&w, 1, GREMC_IGMP_BLOCK, ssm, (rte_be32_t[]){member_address(0)}, 1);
	world_run(&w, 60000);
	assert_true(world_group_find(&w, 1, group, &info));
	assert_true(world_group_find(&w, 1, ssm, &info));
	w.mtu = 1476;
	world_run(&w, 200);
	assert_int_equal(sent_query_count(group), 1);
	assert_int_equal(sent_query_count(ssm), 1);
	world_run(&w, 1700);
	assert_true(world_group_find(&w, 1, group, &info));
	assert_int_equal(sent_query_count(group), 2);
	assert_int_equal(sent_query_count(ssm), 2);
	world_run(&w, 2000);
	assert_false(world_group_find(&w, 1, group, &info));
	assert_false(world_group_find(&w, 1, ssm, &info));
	/* at most for the group membership interval */
	record_input(GREMC_IGMP_IS_EX, 0);
	w.mtu = 0;
	record_input(GREMC_IGMP_TO_IN, 0);
	world_run(&w, GMI + 5000);
	assert_false(world_group_find(&w, 1, group, &info));
}

static void test_removed_interface_sends_no_deferred_query(void **state)
{
	(void)state;
	w.mtu = 0;
	assert_int_equal(gremc_igmp_interface_set(w.igmp, 2, &querier, w.now), 0);
	world_run(&w, 1000);
	gremc_igmp_interface_remove(w.igmp, 1, w.now);
	w.mtu = 1476;
	world_run(&w, 1000);
	assert_int_equal(w.sent_count, 1);
	assert_int_equal(w.sent[0].interface, 2);
	gremc_igmp_interface_remove(w.igmp, 2, w.now);
	assert_int_equal(gremc_igmp_next_due(w.igmp), GREMC_IGMP_NEVER);
}

/* A query that exceeds a message is split; each source is in one message. */
static void test_source_queries_fit_the_mtu(void **state)
{
	static const size_t mtus[] = {68, 72, 100, 576, 1300, 1476, 9000};
	struct gremc_igmp_policy policy = querier;
	rte_be32_t sources[300];

	(void)state;
	policy.max_sources = 300;
	for (unsigned i = 0; i < 300; i++)
		sources[i] = IP(10, 9, 1, 0) + rte_cpu_to_be_32(i);
	for (unsigned i = 0; i < RTE_DIM(mtus); i++) {
		size_t most = (mtus[i] - 36) / 4, asked = 0;

		assert_int_equal(gremc_igmp_interface_set(w.igmp, 1, &policy, w.now), 0);
		world_record(&w, 1, GREMC_IGMP_ALLOW, ssm, sources, 300);
		world_run(&w, 2000);
		world_forget(&w);
		w.mtu = mtus[i];
		world_record(&w, 1, GREMC_IGMP_TO_IN, ssm, NULL, 0);
		assert_int_equal(w.sent_count, (300 + most - 1) / most);
		for (uint32_t n = 0; n < w.sent_count; n++) {
			struct gremc_igmp_message m;

			assert_true(w.sent[n].length <= mtus[i]);
			assert_int_equal(gremc_igmp_parse(w.sent[n].packet, w.sent[n].length, &m),
					 GREMC_IGMP_OK);
			asked += m.source_count;
		}
		assert_int_equal(asked, 300);
		w.mtu = 1476;
		gremc_igmp_interface_remove(w.igmp, 1, w.now);
	}
}

static void test_version_2_querier_refuses_v3_reports(void **state)
{
	struct gremc_igmp_policy policy = querier;
	struct gremc_igmp_message m;

	(void)state;
	policy.version = 2;
	assert_int_equal(gremc_igmp_interface_set(w.igmp, 1, &policy, w.now), 0);
	world_run(&w, 100);
	assert_int_equal(gremc_igmp_parse(w.sent[0].packet, w.sent[0].length, &m), GREMC_IGMP_OK);
	assert_int_equal(m.version, 2);
	assert_int_equal(m.response_time, 10000);
	record_input(GREMC_IGMP_IS_EX, 0);
	assert_int_equal(world_counter(&w, 1, GREMC_IGMP_COUNT_version), 1);
	assert_int_equal(w.said_count, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_general_queries_follow_timers),
		TEST(test_lower_address_becomes_querier),
		TEST(test_queries_of_other_querier_lower_timers),
		TEST(test_leave_completes_after_lost_election),
		TEST(test_first_query_waits_for_the_next_hop),
		TEST(test_resumed_queries_are_paced),
		TEST(test_leave_waits_for_the_next_hop),
		TEST(test_removed_interface_sends_no_deferred_query),
		TEST(test_source_queries_fit_the_mtu),
		TEST(test_version_2_querier_refuses_v3_reports),
	};

	return cmocka_run_group_tests_name("igmp_queries", tests, NULL, NULL);
}
