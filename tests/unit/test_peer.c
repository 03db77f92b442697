/* SPDX-License-Identifier: BSD-3-Clause */
/* The engine of peers: keepalives, their answers, and who is alive, with a clock of the test's own. */
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include <rte_eal.h>
#include <rte_ip.h>

#include "peer/timers_priv.h"
#include "peer_world.h"
#include "proto/keepalive.h"
#include "proto/proto.h"

static struct gremc_peer_policy policy_make(enum gremc_liveness liveness, bool sends)
{
	return (struct gremc_peer_policy){
		.options = {.local = LOCAL, .remote = REMOTE},
		.interval = 10 * SECOND,
		.retries = 3,
		.sends = sends,
		.liveness = liveness,
	};
}

static void policy_apply(struct world *world, uint32_t vif, struct gremc_peer_policy policy)
{
	gremc_peer_policy_set(world->peers, vif, &policy, world->now);
}

/* Run every timer until `duration` from now. */
static void time_pass(struct world *world, uint64_t duration)
{
	const uint64_t end = world->now + duration;

	while (gremc_peers_next_due(world->peers) <= end) {
		world->now = RTE_MAX(world->now, gremc_peers_next_due(world->peers));
		gremc_peers_run(world->peers, world->now);
	}
	world->now = end;
}

static uint16_t last_id(const struct world *world)
{
	return rte_be_to_cpu_16(((const struct rte_ipv4_hdr *)world->packet)->packet_id);
}

static void answer_input(struct world *world, uint32_t vif, uint64_t after)
{
	gremc_peer_answer_input(world->peers, vif, last_id(world), world->now + after);
}

/* A keepalive is the answer that the peer returns: from the remote to the local address, GRE of protocol 0.
 */
static void test_keepalive_carries_its_answer(void **state)
{
	struct world *world = *state;
	struct gremc_peer_policy policy = policy_make(GREMC_LIVENESS_KEEPALIVE, true);
	const struct rte_ipv4_hdr *ip = (const struct rte_ipv4_hdr *)world->packet;
	struct gremc_gre gre;

	policy_apply(world, 1, policy);
	/* the first one comes within an interval, at a random time */
	assert_true(gremc_peers_next_due(world->peers) <= world->now + 10 * SECOND);
	time_pass(world, gremc_peers_next_due(world->peers) - world->now);
	assert_int_equal(world->sent[1], 1);
	assert_int_equal(world->length, 24);
	assert_int_equal(ip->src_addr, REMOTE);
	assert_int_equal(ip->dst_addr, LOCAL);
	assert_int_equal(ip->next_proto_id, IPPROTO_GRE);
	assert_int_equal(ip->time_to_live, 255);
	assert_true(gremc_ipv4_checksum_is_valid(world->packet));
	assert_int_equal(gremc_gre_parse(world->packet + 20, 4, &gre), GREMC_PROTO_OK);
	assert_int_equal(gre.protocol, 0);
	/* with the key of received packets, where it has one: the peer returns it as it is */
	policy.options.has_input_key = policy.options.has_output_key = true;
	policy.options.input_key = 0x01020304;
	policy.options.output_key = 5;
	policy_apply(world, 1, policy);
	time_pass(world, 10 * SECOND);
	assert_int_equal(world->length, 28);
	assert_int_equal(gremc_gre_parse(world->packet + 20, 8, &gre), GREMC_PROTO_OK);
	assert_int_equal(gre.key, 0x01020304);
	assert_int_equal(gre.protocol, 0);
}

static void test_peer_without_answers_dies_once(void **state)
{
	struct world *world = *state;

	policy_apply(world, 1, policy_make(GREMC_LIVENESS_KEEPALIVE, true));
	time_pass(world, 20 * SECOND);
	assert_false(info_read(world, 1).dead);
	time_pass(world, 30 * SECOND);
	assert_true(info_read(world, 1).dead);
	assert_int_equal(info_read(world, 1).changes, 1);
	time_pass(world, 600 * SECOND);
	assert_int_equal(world->died[1], 1);
	assert_int_equal(world->revived[1], 0);
	/* keepalives go on: within a tenth of one in ten seconds */
	assert_in_range(world->sent[1], 58, 74);
}

static void test_first_answer_revives_at_once(void **state)
{
	struct world *world = *state;

	policy_apply(world, 1, policy_make(GREMC_LIVENESS_KEEPALIVE, true));
	time_pass(world, 60 * SECOND);
	answer_input(world, 1, 1234);
	assert_int_equal(world->revived[1], 1);
	assert_false(info_read(world, 1).dead);
	assert_int_equal(info_read(world, 1).changes, 2);
	/* and it has all its intervals again */
	time_pass(world, 20 * SECOND);
	assert_false(info_read(world, 1).dead);
}

static void test_round_trip_time_is_that_of_the_answered_keepalive(void **state)
{
	struct world *world = *state;

	policy_apply(world, 1, policy_make(GREMC_LIVENESS_KEEPALIVE, true));
	time_pass(world, 10 * SECOND);
	world->now = 2000 * SECOND;
	gremc_peers_run(world->peers, world->now);
	answer_input(world, 1, 5000);
	assert_int_equal(info_read(world, 1).rtt, 5000);
	/* a second answer to the same keepalive measures nothing, an answer to an older one neither */
	answer_input(world, 1, 1);
	gremc_peer_answer_input(world->peers, 1, (uint16_t)(last_id(world) - 1), world->now + 1);
	assert_int_equal(info_read(world, 1).rtt, 5000);
	assert_int_equal(info_read(world, 1).answers, 3);
	world->now = 3000 * SECOND;
	gremc_peers_run(world->peers, world->now);
	answer_input(world, 1, 9000);
	assert_int_equal(info_read(world, 1).rtt, 9000);
	assert_int_equal(info_read(world, 1).rtt_least, 5000);
}

static void test_any_packet_is_a_sign_of_life_with_traffic(void **state)
{
	struct world *world = *state;

	world->packets[1] = 17; /* from before */
	policy_apply(world, 1, policy_make(GREMC_LIVENESS_TRAFFIC, false));
	for (unsigned i = 0; i < 20; i++) {
		world->packets[1]++;
		time_pass(world, 10 * SECOND);
	}
	assert_int_equal(world->died[1], 0);
	time_pass(world, 60 * SECOND);
	assert_int_equal(world->died[1], 1);
	/* back within a second of the first packet */
	world->packets[1]++;
	time_pass(world, SECOND);
	assert_int_equal(world->revived[1], 1);
	assert_int_equal(world->calls, 0);
}

static void test_traffic_of_one_peer_keeps_no_other_alive(void **state)
{
	struct world *world = *state;

	policy_apply(world, 1, policy_make(GREMC_LIVENESS_TRAFFIC, true));
	policy_apply(world, 2, policy_make(GREMC_LIVENESS_TRAFFIC, true));
	for (unsigned i = 0; i < 10; i++) {
		world->packets[2]++;
		time_pass(world, 10 * SECOND);
	}
	assert_int_equal(world->died[1], 1);
	assert_int_equal(world->died[2], 0);
	assert_in_range(world->sent[1], 8, 12);
}

static void test_request_is_answered_and_counted(void **state)
{
	struct world *world = *state;
	const struct gremc_tunnel_options theirs = {.local = REMOTE, .remote = LOCAL};
	uint8_t packet[GREMC_KEEPALIVE_MAX];
	uint16_t length = gremc_keepalive_build(packet, &theirs, 99);

	gremc_peer_request_input(world->peers, 3, packet, length);
	assert_int_equal(world->answered, 1);
	assert_int_equal(((struct rte_ipv4_hdr *)world->packet)->time_to_live, 254);
	assert_int_equal(last_id(world), 99);
	assert_true(gremc_ipv4_checksum_is_valid(world->packet));
	assert_int_equal(info_read(world, 3).requests, 1);
	assert_int_equal(info_read(world, 3).answered, 1);
	/* without a policy it is never dead */
	assert_int_equal(info_read(world, 3).liveness, GREMC_LIVENESS_OFF);
	/* one whose TTL is spent is not sent on (RFC 1812, 5.3.1) */
	((struct rte_ipv4_hdr *)packet)->time_to_live = 1;
	gremc_peer_request_input(world->peers, 3, packet, length);
	assert_int_equal(world->answered, 1);
	assert_int_equal(info_read(world, 3).requests, 2);
	/* nor is one counted as answered that could not be sent */
	((struct rte_ipv4_hdr *)packet)->time_to_live = 64;
	world->send_rc = -EHOSTUNREACH;
	gremc_peer_request_input(world->peers, 3, packet, length);
	assert_int_equal(info_read(world, 3).answered, 1);
}

static void test_request_revives_with_traffic_only(void **state)
{
	struct world *world = *state;
	const struct gremc_tunnel_options theirs = {.local = REMOTE, .remote = LOCAL};
	uint8_t packet[GREMC_KEEPALIVE_MAX];
	uint16_t length = gremc_keepalive_build(packet, &theirs, 1);

	policy_apply(world, 1, policy_make(GREMC_LIVENESS_TRAFFIC, false));
	policy_apply(world, 2, policy_make(GREMC_LIVENESS_KEEPALIVE, true));
	time_pass(world, 60 * SECOND);
	gremc_peer_request_input(world->peers, 1, packet, length);
	gremc_peer_request_input(world->peers, 2, packet, length);
	assert_false(info_read(world, 1).dead);
	/* the peer hears us: only an answer proves that */
	assert_true(info_read(world, 2).dead);
}

static void test_policy_change_keeps_state(void **state)
{
	struct world *world = *state;
	struct gremc_peer_policy policy = policy_make(GREMC_LIVENESS_KEEPALIVE, true);

	policy_apply(world, 1, policy);
	time_pass(world, 60 * SECOND);
	policy_apply(world, 1, policy);
	assert_true(info_read(world, 1).dead);
	policy.interval = SECOND;
	policy_apply(world, 1, policy);
	assert_true(info_read(world, 1).dead);
	assert_true(gremc_peers_next_due(world->peers) <= world->now + SECOND);
	/* liveness off: alive */
	gremc_peer_policy_set(world->peers, 1, NULL, world->now);
	assert_int_equal(world->revived[1], 1);
	assert_int_equal(gremc_peers_next_due(world->peers), GREMC_PEER_NEVER);
}

static void test_forgotten_vif_is_empty(void **state)
{
	struct world *world = *state;
	struct gremc_peer_info info;

	policy_apply(world, 1, policy_make(GREMC_LIVENESS_KEEPALIVE, true));
	time_pass(world, 60 * SECOND);
	gremc_peer_forget(world->peers, 1);
	assert_false(gremc_peer_info_get(world->peers, 1, &info));
	assert_int_equal(gremc_peers_next_due(world->peers), GREMC_PEER_NEVER);
	assert_int_equal(world->revived[1], 0);
	assert_false(gremc_peer_info_get(world->peers, VIFS, &info));
}

static void test_keepalive_that_cannot_be_sent_is_counted(void **state)
{
	struct world *world = *state;

	world->send_rc = -ENETDOWN;
	policy_apply(world, 1, policy_make(GREMC_LIVENESS_OFF, true));
	time_pass(world, 100 * SECOND);
	assert_int_equal(info_read(world, 1).sent, 0);
	assert_in_range(info_read(world, 1).unsent, 8, 12);
	assert_int_equal(world->died[1], 0);
}

/* 65,536 tunnels: the work of one run is bounded, and their keepalives are spread over the interval. */
static void test_work_of_one_run_is_bounded(void **state)
{
	struct world *world = *state;
	const struct gremc_peer_policy policy = policy_make(GREMC_LIVENESS_KEEPALIVE, true);
	uint32_t most = 0, total = 0;

	for (uint32_t vif = 0; vif < 65536; vif++)
		policy_apply(world, vif, policy);
	for (unsigned slot = 0; slot < 100; slot++) {
		uint32_t before = total;

		world->now += SECOND / 10;
		do {
			world->calls = 0;
			gremc_peers_run(world->peers, world->now);
			assert_true(world->calls <= 256);
			total += world->calls;
		} while (gremc_peers_next_due(world->peers) <= world->now);
		most = RTE_MAX(most, total - before);
	}
	assert_in_range(total, 65536, 66000 * 2);
	assert_true(most < 3 * 655); /* of an equal share of 655 */
	for (uint32_t vif = 0; vif < 65536; vif++)
		assert_true(world->sent[vif] >= 1);
}

/* The heap against a search of all timers. */
static void test_timers_expire_in_order(void **state)
{
	enum { COUNT = 300 };
	struct gremc_peer_timers timers;
	uint64_t due[COUNT];
	uint32_t seed = 1;

	(void)state;
	assert_int_equal(gremc_peer_timers_init(&timers, COUNT), 0);
	memset(due, 0xff, sizeof(due));
	for (unsigned step = 0; step < 20000; step++) {
		uint64_t least = GREMC_PEER_NEVER;
		uint32_t vif;

		seed = seed * 1664525 + 1013904223;
		vif = (seed >> 8) % COUNT;
		due[vif] = seed % 7 == 0 ? GREMC_PEER_NEVER : seed >> 12;
		gremc_peer_timer_start(&timers, vif, due[vif]);
		for (unsigned i = 0; i < COUNT; i++)
			least = RTE_MIN(least, due[i]);
		assert_int_equal(gremc_peer_timers_next(&timers), least);
		if (seed % 5 || least == GREMC_PEER_NEVER)
			continue;
		assert_int_equal(gremc_peer_timers_pop(&timers, least - 1), UINT32_MAX);
		vif = gremc_peer_timers_pop(&timers, least);
		assert_true(vif < COUNT && due[vif] == least);
		due[vif] = GREMC_PEER_NEVER;
	}
	gremc_peer_timers_fini(&timers, COUNT);
}

/* rte_rand() needs the EAL: without it DPDK 24.11 returns 0. */
static int group_set_up(void **state)
{
	char *arguments[] = {"test_peer",      "--no-huge", "--no-pci", "--no-shconf",
			     "--no-telemetry", "-m",        "64"};

	(void)state;
	return rte_eal_init(RTE_DIM(arguments), arguments) < 0 ? -1 : 0;
}

static int group_tear_down(void **state)
{
	(void)state;
	return rte_eal_cleanup();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		PEER(test_keepalive_carries_its_answer),
		PEER(test_peer_without_answers_dies_once),
		PEER(test_first_answer_revives_at_once),
		PEER(test_round_trip_time_is_that_of_the_answered_keepalive),
		PEER(test_any_packet_is_a_sign_of_life_with_traffic),
		PEER(test_traffic_of_one_peer_keeps_no_other_alive),
		PEER(test_request_is_answered_and_counted),
		PEER(test_request_revives_with_traffic_only),
		PEER(test_policy_change_keeps_state),
		PEER(test_forgotten_vif_is_empty),
		PEER(test_keepalive_that_cannot_be_sent_is_counted),
		PEER(test_work_of_one_run_is_bounded),
		cmocka_unit_test(test_timers_expire_in_order),
	};

	return cmocka_run_group_tests_name("peer", tests, group_set_up, group_tear_down);
}
