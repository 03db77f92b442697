/* SPDX-License-Identifier: BSD-3-Clause */
/* The proxy (RFC 4605): its reports to the upstream router. */
#include <errno.h>

#include "igmp_querier.h"

/* The records sent upstream since world_forget(). */
static unsigned upstream_records(struct gremc_igmp_record *records, unsigned most)
{
	unsigned count = 0;

	for (uint32_t i = 0; i < w.sent_count; i++) {
		struct gremc_igmp_message m;
		const uint8_t *at;

		if (w.sent[i].interface != 7)
			continue;
		assert_int_equal(gremc_igmp_parse(w.sent[i].packet, w.sent[i].length, &m), GREMC_IGMP_OK);
		assert_int_equal(m.type, GREMC_IGMP_V3_REPORT);
		assert_int_equal(m.source, upstream.address.ipv4);
		at = m.records;
		for (uint16_t r = 0; r < m.record_count && count < most; r++)
			at = gremc_igmp_record_read(at, &records[count++]);
	}
	return count;
}

static void test_proxy_merges_memberships(void **state)
{
	const rte_be32_t one[] = {member_address(0)}, two[] = {member_address(1)};
	struct gremc_igmp_record r[16];

	(void)state;
	proxy_start();
	world_record(&w, 1, GREMC_IGMP_ALLOW, group, one, 1);
	world_record(&w, 2, GREMC_IGMP_ALLOW, group, two, 1);
	assert_int_equal(upstream_records(r, 16), 2);
	assert_int_equal(r[0].type, GREMC_IGMP_ALLOW);
	assert_int_equal(gremc_igmp_source_at(r[0].sources, 0), member_address(0));
	/* each change is reported twice (robustness); the second report of the first is the first of the
	 * second */
	assert_int_equal(r[1].source_count, 2);
	world_run(&w, 3000);
	assert_int_equal(upstream_records(r, 16), 3);
	assert_int_equal(r[2].source_count, 1);
	assert_int_equal(gremc_igmp_source_at(r[2].sources, 0), member_address(1));
	world_forget(&w);
	/* one interface excludes a source that the other includes: the list is empty */
	world_record(&w, 1, GREMC_IGMP_TO_EX, group, two, 1);
	assert_int_equal(upstream_records(r, 16), 1);
	assert_int_equal(r[0].type, GREMC_IGMP_TO_EX);
	assert_int_equal(r[0].source_count, 0);
	world_run(&w, 3000);
	world_forget(&w);
	/* after the last member query time no interface includes it: it is excluded */
	world_record(&w, 2, GREMC_IGMP_BLOCK, group, two, 1);
	world_run(&w, 1900);
	assert_int_equal(upstream_records(r, 16), 0);
	/* repeated after a random time of at most a second */
	world_run(&w, 1200);
	assert_int_equal(upstream_records(r, 16), 2);
	assert_int_equal(r[0].type, GREMC_IGMP_BLOCK);
	assert_int_equal(gremc_igmp_source_at(r[0].sources, 0), member_address(1));
	assert_int_equal(r[1].type, GREMC_IGMP_BLOCK);
}

static void test_proxy_answers_general_query(void **state)
{
	const rte_be32_t one[] = {member_address(0)};
	const struct gremc_igmp_query query = {.version = 3,
					       .source = IP(10, 7, 0, 1),
					       .response_time = 10000,
					       .interval = 125000,
					       .robustness = 2};
	uint8_t packet[GREMC_IGMP_PACKET_MAX];
	struct gremc_igmp_record r[16];

	(void)state;
	proxy_start();
	world_record(&w, 1, GREMC_IGMP_ALLOW, group, one, 1);
	world_record(&w, 2, GREMC_IGMP_IS_EX, IP(239, 9, 9, 9), NULL, 0);
	world_run(&w, 5000);
	world_forget(&w);
	world_input(&w, 7, packet, gremc_igmp_query_build(packet, &query));
	world_run(&w, 10100);
	assert_int_equal(upstream_records(r, 16), 2);
	for (unsigned i = 0; i < 2; i++)
		assert_int_equal(r[i].type, r[i].group == group ? GREMC_IGMP_IS_IN : GREMC_IGMP_IS_EX);
}

static void test_proxy_speaks_version_2(void **state)
{
	const struct gremc_igmp_query query = {
		.version = 2, .source = IP(10, 7, 0, 1), .response_time = 1000};
	uint8_t packet[GREMC_IGMP_PACKET_MAX];
	struct gremc_igmp_policy fast = querier;
	struct gremc_igmp_message m;

	(void)state;
	fast.fast_leave = true;
	proxy_start();
	assert_int_equal(gremc_igmp_interface_set(w.igmp, 1, &fast, w.now), 0);
	world_input(&w, 7, packet, gremc_igmp_query_build(packet, &query));
	world_run(&w, 1100);
	world_forget(&w);
	world_record(&w, 1, GREMC_IGMP_IS_EX, group, NULL, 0);
	assert_int_equal(w.sent_count, 1);
	assert_int_equal(gremc_igmp_parse(w.sent[0].packet, w.sent[0].length, &m), GREMC_IGMP_OK);
	assert_int_equal(m.type, GREMC_IGMP_V2_REPORT);
	assert_int_equal(m.destination, group);
	world_run(&w, 3000);
	world_forget(&w);
	world_record(&w, 1, GREMC_IGMP_TO_IN, group, NULL, 0);
	assert_int_equal(gremc_igmp_parse(w.sent[0].packet, w.sent[0].length, &m), GREMC_IGMP_OK);
	assert_int_equal(m.type, GREMC_IGMP_LEAVE);
	assert_int_equal(m.destination, IP(224, 0, 0, 2));
	assert_int_equal(m.group, group);
}

/* The whole state is reported like a change. */
static void test_proxy_reports_state_to_new_upstream(void **state)
{
	const rte_be32_t one[] = {member_address(0), member_address(1)};
	struct gremc_igmp_record r[16];
	unsigned count, any = 0, named = 0;

	(void)state;
	world_record(&w, 1, GREMC_IGMP_IS_EX, group, one, 1);
	world_record(&w, 1, GREMC_IGMP_ALLOW, ssm, one, 2);
	world_run(&w, 5000);
	for (unsigned turn = 0; turn < 2; turn++) {
		world_forget(&w);
		assert_int_equal(gremc_igmp_interface_set(w.igmp, 7, &upstream, w.now), 0);
		world_run(&w, 5000);
		count = upstream_records(r, 16);
		assert_int_equal(count, 4);
		for (unsigned i = 0; i < count; i++) {
			bool is_any = r[i].group == group;

			any += is_any;
			named += !is_any;
			assert_int_equal(r[i].type, is_any ? GREMC_IGMP_TO_EX : GREMC_IGMP_ALLOW);
			assert_int_equal(r[i].source_count, is_any ? 1 : 2);
		}
		assert_true(any == 2 * (turn + 1) && named == 2 * (turn + 1));
		gremc_igmp_interface_remove(w.igmp, 7, w.now);
	}
}

/* Deferred reports contain the state at the time of their transmission. */
static void test_proxy_waits_for_the_next_hop(void **state)
{
	const rte_be32_t one[] = {member_address(0)};
	struct gremc_igmp_record r[16];

	(void)state;
	w.mtu = 0;
	assert_int_equal(gremc_igmp_interface_set(w.igmp, 7, &upstream, w.now), 0);
	world_record(&w, 1, GREMC_IGMP_IS_EX, group, NULL, 0);
	world_record(&w, 1, GREMC_IGMP_IS_EX, IP(239, 9, 9, 9), NULL, 0);
	world_run(&w, 20000);
	world_record(&w, 1, GREMC_IGMP_ALLOW, ssm, one, 1);
	assert_int_equal(w.sent_count, 0);
	w.mtu = 1476;
	world_run(&w, 200);
	assert_true(upstream_records(r, 16) >= 3);
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(r[i].type, r[i].group == ssm ? GREMC_IGMP_ALLOW : GREMC_IGMP_TO_EX);
	world_run(&w, 3000);
	/* likewise a leave */
	w.mtu = 0;
	world_record(&w, 1, GREMC_IGMP_TO_IN, group, NULL, 0);
	world_run(&w, 1000);
	w.mtu = 1476;
	world_run(&w, 5000);
	world_forget(&w);
	w.mtu = 0;
	gremc_igmp_interface_remove(w.igmp, 1, w.now);
	world_run(&w, 5000);
	w.mtu = 1476;
	world_run(&w, 150);
	assert_true(upstream_records(r, 16) >= 2);
	for (unsigned i = 0; i < 2; i++)
		assert_int_equal(r[i].type, r[i].group == ssm ? GREMC_IGMP_BLOCK : GREMC_IGMP_TO_IN);
}

/* Version 2 has a packet per group. All are sent, at the pace of the queue. */
static void test_proxy_paces_its_messages(void **state)
{
	const struct gremc_igmp_query query = {.version = 2, .source = IP(10, 7, 0, 1), .response_time = 100};
	uint8_t packet[GREMC_IGMP_PACKET_MIN];

	(void)state;
	proxy_start();
	for (unsigned i = 0; i < 1000; i++)
		world_old(&w, 1, GREMC_IGMP_V2_REPORT, IP(239, 1, i >> 8, i & 255));
	world_run(&w, 5000);
	world_input(&w, 7, packet, gremc_igmp_query_build(packet, &query));
	world_forget(&w);
	for (unsigned i = 0; i < 100; i++) {
		w.accept = 64;
		world_run(&w, 10);
	}
	assert_int_equal(w.sent_count, 1000);
	assert_int_equal(world_counter(&w, 7, GREMC_IGMP_COUNT_deferred), 0);
	/* likewise with a queue that is shorter than the pace */
	world_input(&w, 7, packet, gremc_igmp_query_build(packet, &query));
	world_forget(&w);
	for (unsigned i = 0; i < 100 && w.sent_count < 1000; i++) {
		w.accept = 50;
		world_run(&w, 110);
	}
	w.accept = UINT32_MAX;
	world_run(&w, 1000);
	assert_int_equal(w.sent_count, 1000);
}

/* Numbers of groups around the capacity of a message. */
static void test_proxy_reports_every_group(void **state)
{
	const struct gremc_igmp_query query = {
		.version = 3, .source = IP(10, 7, 0, 1), .response_time = 100, .robustness = 2};
	static const size_t mtus[] = {68, 576, 1300, 1400, 1476};
	static struct gremc_igmp_record r[1000];
	struct gremc_igmp_policy policy = querier;
	uint8_t packet[GREMC_IGMP_PACKET_MIN];
	struct gremc_igmp_settings settings = defaults;
	uint32_t count = 0;

	(void)state;
	settings.query_interval = 3600000;
	gremc_igmp_configure(w.igmp, &settings, w.now);
	policy.max_groups = 1000;
	assert_int_equal(gremc_igmp_interface_set(w.igmp, 1, &policy, w.now), 0);
	proxy_start();
	for (unsigned i = 0; i < RTE_DIM(mtus); i++) {
		uint32_t full = (uint32_t)(mtus[i] - 32) / 8;

		for (; count < 2 * full + 1; count++) {
			world_old(&w, 1, GREMC_IGMP_V2_REPORT, IP(239, 1, count >> 8, count & 255));
			if (count + 2 < full)
				continue;
			w.mtu = mtus[i];
			world_run(&w, 2500);
			world_forget(&w);
			world_input(&w, 7, packet, gremc_igmp_query_build(packet, &query));
			world_run(&w, 500);
			assert_int_equal(upstream_records(r, 1000), count + 1);
		}
	}
}

/* RFC 3376, 4.2.16: a list that fits into a message of its own is complete. */
static void test_proxy_sends_whole_exclude_lists(void **state)
{
	struct gremc_igmp_record r[400];
	rte_be32_t sources[400];
	struct gremc_igmp_policy policy = querier;
	unsigned count, cut = 0;

	(void)state;
	policy.max_sources = 400;
	assert_int_equal(gremc_igmp_interface_set(w.igmp, 1, &policy, w.now), 0);
	proxy_start();
	for (unsigned i = 0; i < 400; i++)
		sources[i] = IP(10, 9, 1, 0) + rte_cpu_to_be_32(i);
	for (unsigned i = 0; i < 20; i++)
		world_record(&w, 1, GREMC_IGMP_TO_EX, IP(239, 1, 2, i), sources, 300 + i);
	world_record(&w, 1, GREMC_IGMP_TO_EX, IP(239, 1, 2, 20), sources, 359); /* (1476 - 40) / 4 */
	world_record(&w, 1, GREMC_IGMP_TO_EX, IP(239, 1, 2, 21), sources, 360);
	count = upstream_records(r, 400);
	for (unsigned i = 0; i < count; i++) {
		unsigned n = rte_be_to_cpu_32(r[i].group) & 255;

		assert_int_equal(r[i].type, GREMC_IGMP_TO_EX);
		assert_int_equal(r[i].source_count, n < 20 ? 300 + n : 359);
		cut |= 1u << n;
	}
	assert_int_equal(cut, (1u << 22) - 1);
}

/* RFC 4605, 4.2. There is at most one upstream. */
static void test_proxy_forwards_only_as_querier(void **state)
{
	(void)state;
	proxy_start();
	assert_int_equal(gremc_igmp_interface_set(w.igmp, 2, &upstream, w.now), -EEXIST);
	record_input(GREMC_IGMP_IS_EX, 0);
	world_forget(&w);
	router_query_input(IP(9, 0, 0, 2), 0, S_CLEAR, NULL, 0);
	request_expect(0, 0, GREMC_IGMP_NONE);
	world_forget(&w);
	gremc_igmp_interface_remove(w.igmp, 7, w.now);
	request_expect(0, 0, GREMC_IGMP_INCLUDE);
	/* reports on the upstream interface are ignored */
	assert_int_equal(gremc_igmp_interface_set(w.igmp, 7, &upstream, w.now), 0);
	world_forget(&w);
	world_old(&w, 7, GREMC_IGMP_V2_REPORT, IP(239, 9, 9, 9));
	assert_int_equal(w.said_count, 0);
	assert_int_equal(world_counter(&w, 7, GREMC_IGMP_COUNT_off), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_proxy_merges_memberships),       TEST(test_proxy_answers_general_query),
		TEST(test_proxy_speaks_version_2),         TEST(test_proxy_reports_state_to_new_upstream),
		TEST(test_proxy_waits_for_the_next_hop),   TEST(test_proxy_paces_its_messages),
		TEST(test_proxy_reports_every_group),      TEST(test_proxy_sends_whole_exclude_lists),
		TEST(test_proxy_forwards_only_as_querier),
	};

	return cmocka_run_group_tests_name("igmp_proxy", tests, NULL, NULL);
}
