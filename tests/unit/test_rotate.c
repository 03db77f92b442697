/* SPDX-License-Identifier: BSD-3-Clause */
/* Mroutes with `order: rotate`: which receiver is the first, and that each one gets its replica. */
#include <string.h>

#include "datapath/rotate.h"
#include "forwarder.h"

#define RECEIVERS_MAX 400u

/* Statistics of the order in which receivers got the replicas of packets. */
struct ranking {
	uint32_t packets;
	uint32_t first[RECEIVERS_MAX]; /* [receiver] packets of which it was the first */
	uint32_t ahead[RECEIVERS_MAX]; /* [receiver] packets of which it was ahead of the next one */
	uint32_t received[RECEIVERS_MAX], total;
};

static void route_rotate(struct forwarder *f, uint32_t count)
{
	struct gremc_fanout_op op = forwarder_route(f, count);

	op.spec.rotates = true;
	assert_int_equal(gremc_fanout_apply(f->fanout, &op, 1, NULL, NULL), 0);
}

/* Take the replicas of one packet out of LOOP and record their order. Returns: the first receiver. */
static uint32_t packet_rank(const struct forwarder *f, struct ranking *ranking, uint32_t receivers,
			    uint16_t length, uint32_t replicas)
{
	uint32_t place[RECEIVERS_MAX], first = 0;
	struct rte_mbuf *mbuf;

	memset(place, 0xff, sizeof(place));
	for (uint32_t i = 0; i < replicas; i++) {
		uint32_t n;

		assert_int_equal(rte_eth_rx_burst(device[LOOP], 0, &mbuf, 1), 1);
		n = mbuf->hash.usr - f->vif[0];
		assert_true(n < receivers);
		assert_int_equal(place[n], UINT32_MAX);
		replica_check(mbuf, n, length, ANY_SEGMENTS);
		rte_pktmbuf_free(mbuf);
		place[n] = i;
		first = i == 0 ? n : first;
		ranking->received[n]++;
	}
	ranking->packets++;
	ranking->total += replicas;
	ranking->first[first]++;
	for (uint32_t n = 0; n + 1 < receivers; n++)
		ranking->ahead[n] += place[n] < place[n + 1];
	return first;
}

static void packet_forward_and_rank(struct forwarder *f, struct ranking *ranking, uint32_t receivers,
				    uint32_t from, uint16_t length)
{
	forwarder_receive_frame(f, frame_mbuf_create(from, length, 0));
	packet_rank(f, ranking, receivers, length, receivers - (from < receivers));
	replicas_expect_none();
}

static void test_each_receiver_is_first_once_in_each_round(void **state)
{
	static const uint16_t lengths[] = {100, 1000};
	static const uint32_t fanouts[] = {2, 3, 7, 64, 65, 130};
	struct forwarder *f = *state;

	forwarder_add_tunnels(f, 131, LOOP);
	for (unsigned o = 0; o < RTE_DIM(fanouts); o++) {
		const uint32_t n = fanouts[o];
		struct ranking ranking = {0};

		route_rotate(f, n);
		/* the counter of the mroute, which goes on, may be inside a round */
		while (f->worker->stats->mroute[0].packets % n != n - 1)
			packet_forward_and_rank(f, &ranking, n, 130, 100);
		ranking = (struct ranking){0};
		for (uint32_t i = 0; i < 8 * n; i++)
			packet_forward_and_rank(f, &ranking, n, 130, lengths[i % 2]);
		for (uint32_t i = 0; i < n; i++) {
			assert_int_equal(ranking.first[i], 8);
			assert_int_equal(ranking.received[i], 8 * n);
		}
		worker_release_mbufs(f->worker);
		pools_expect_full();
	}
	assert_int_equal(forwarder_totals(f).sent, forwarder_totals(f).wanted);
}

/* A descending round has the opposite order. */
static void test_neighbours_are_ahead_of_each_other_equally_often(void **state)
{
	struct forwarder *f = *state;
	struct ranking ranking = {0};
	const uint32_t n = 5;

	forwarder_add_tunnels(f, n + 1, LOOP);
	route_rotate(f, n);
	for (uint32_t i = 0; i < 1000 * n; i++)
		packet_forward_and_rank(f, &ranking, n, n, 100);
	for (uint32_t i = 0; i + 1 < n; i++)
		assert_in_range(ranking.ahead[i], ranking.packets * 49 / 100, ranking.packets * 51 / 100);
}

/* Two sources send in turn: neither of them has a favourite. */
static void test_alternating_sources_rotate_too(void **state)
{
	static const uint32_t fanouts[] = {2, 4, 6};
	struct forwarder *f = *state;

	forwarder_add_tunnels(f, 12, LOOP);
	for (unsigned o = 0; o < RTE_DIM(fanouts); o++) {
		const uint32_t n = fanouts[o];
		struct ranking ranking[2] = {{0}};

		route_rotate(f, n);
		for (uint32_t i = 0; i < 2400; i++)
			packet_forward_and_rank(f, &ranking[i % 2], n, 10 + i % 2, 100);
		for (uint32_t i = 0; i < n; i++)
			for (unsigned source = 0; source < 2; source++)
				assert_in_range(ranking[source].first[i], 1200 / n * 95 / 100,
						1200 / n * 105 / 100);
	}
}

static void test_packets_of_one_burst_rotate(void **state)
{
	struct forwarder *f = *state;
	struct rte_mbuf *burst[GREMC_BURST];
	struct ranking ranking = {0};
	const uint32_t n = 4;

	forwarder_add_tunnels(f, n + 1, LOOP);
	route_rotate(f, n);
	for (uint32_t i = 0; i < GREMC_BURST; i++)
		burst[i] = frame_mbuf_create(n, 100 + i, 0);
	forwarder_forward_burst(f, burst, GREMC_BURST);
	/* the packets keep their order */
	for (uint32_t i = 0; i < GREMC_BURST; i++)
		packet_rank(f, &ranking, n, 100 + i, n);
	replicas_expect_none();
	for (uint32_t i = 0; i < n; i++)
		assert_in_range(ranking.first[i], GREMC_BURST / n - 1, GREMC_BURST / n + 1);
}

/* The other receivers share the turns of the iif. */
static void test_iif_in_the_oil_has_no_turn(void **state)
{
	struct forwarder *f = *state;
	const uint32_t n = 5;

	forwarder_add_tunnels(f, n, LOOP);
	route_rotate(f, n);
	for (uint32_t iif = 0; iif < n; iif++) {
		struct ranking ranking = {0};

		while (f->worker->stats->mroute[0].packets % (n - 1) != n - 2)
			packet_forward_and_rank(f, &ranking, n, iif, 100);
		ranking = (struct ranking){0};
		for (uint32_t i = 0; i < 10 * (n - 1); i++)
			packet_forward_and_rank(f, &ranking, n, iif, 100);
		for (uint32_t i = 0; i < n; i++)
			assert_int_equal(ranking.first[i], i == iif ? 0 : 10);
	}
	/* an oil of two, one of which is the iif */
	route_rotate(f, 2);
	forwarder_receive_frame(f, frame_mbuf_create(0, 100, 0));
	replica_expect(1, 100);
	route_rotate(f, 1);
	forwarder_receive_frame(f, frame_mbuf_create(0, 100, 0));
	replicas_expect_none();
	assert_int_equal(forwarder_totals(f).drops[GREMC_DROP_empty_oil], 1);
}

/* Frames have TTL 16. */
static void test_receivers_that_take_no_packet_have_no_turn(void **state)
{
	struct forwarder *f = *state;
	const uint32_t n = 9, takers = 3;
	uint8_t thresholds[9];
	struct gremc_fanout_op op = forwarder_route(f, n);
	struct ranking ranking = {0};

	forwarder_add_tunnels(f, n + 1, LOOP);
	op.spec.oifs = f->vif;
	for (uint32_t i = 0; i < n; i++)
		thresholds[i] = i % 3 == 1 ? 0 : 16;
	op.spec.thresholds = thresholds;
	op.spec.rotates = true;
	assert_int_equal(gremc_fanout_apply(f->fanout, &op, 1, NULL, NULL), 0);
	for (uint32_t i = 0; i < 1 + 20 * takers; i++) {
		forwarder_receive_frame(f, frame_mbuf_create(n, 100, 0));
		packet_rank(f, &ranking, n, 100, takers);
		if (i == 1) /* the second packet ends the first round, which began with turn 1 */
			ranking = (struct ranking){0};
	}
	for (uint32_t i = 0; i < n; i++)
		assert_in_range(ranking.first[i], i % 3 == 1 ? 19 : 0, i % 3 == 1 ? 20 : 0);
	assert_int_equal(forwarder_totals(f).wanted, (1 + 20 * takers) * takers);
}

/* Each worker rotates its part. */
static void test_parts_of_a_split_oil_rotate(void **state)
{
	struct forwarder *f = *state;
	struct gremc_worker *other = forwarder_start_oil_split(f, 100);
	struct ranking ranking[2] = {{0}};
	const uint32_t n = 200;

	forwarder_add_tunnels(f, n + 1, LOOP);
	route_rotate(f, n);
	for (uint32_t i = 0; i < 4 * n; i++) {
		uint64_t wanted = forwarder_totals(f).wanted;
		uint32_t own;

		forwarder_receive_frame(f, frame_mbuf_create(n, i % 2 ? 100 : 1000, 0));
		own = (uint32_t)(forwarder_totals(f).wanted - wanted);
		packet_rank(f, &ranking[0], n, i % 2 ? 100 : 1000, own);
		assert_int_equal(gremc_worker_poll_handoff(other), 1);
		packet_rank(f, &ranking[1], n, i % 2 ? 100 : 1000, n - own);
		replicas_expect_none();
	}
	for (uint32_t i = 0; i < n; i++) {
		/* it is in one part, whose rounds are shorter; the run begins and ends inside a round */
		const struct ranking *part = &ranking[ranking[0].received[i] == 0];
		const uint32_t size = part->total / part->packets;

		assert_int_equal(ranking[0].received[i] + ranking[1].received[i], 4 * n);
		assert_in_range(part->first[i], 4 * n / size - 1, 4 * n / size + 2);
	}
	assert_int_equal(forwarder_totals(f).sent, UINT64_C(4) * n * n);
}

static void test_fixed_order_begins_with_the_first_vif(void **state)
{
	struct forwarder *f = *state;
	struct ranking ranking = {0};
	uint32_t id;

	forwarder_add_tunnels(f, 4, LOOP);
	route_rotate(f, 3);
	id = gremc_fanout_find(f->fanout, 0, rte_cpu_to_be_32(GROUP), 32)->id;
	forwarder_set_route(f, 3); /* a change of the order alone */
	assert_int_equal(gremc_fanout_find(f->fanout, 0, rte_cpu_to_be_32(GROUP), 32)->id, id);
	for (uint32_t i = 0; i < 30; i++)
		packet_forward_and_rank(f, &ranking, 3, 3, 100);
	assert_int_equal(ranking.first[0], 30);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_each_receiver_is_first_once_in_each_round),
		TEST(test_neighbours_are_ahead_of_each_other_equally_often),
		TEST(test_alternating_sources_rotate_too),
		TEST(test_packets_of_one_burst_rotate),
		TEST(test_iif_in_the_oil_has_no_turn),
		TEST(test_receivers_that_take_no_packet_have_no_turn),
		TEST(test_parts_of_a_split_oil_rotate),
		TEST(test_fixed_order_begins_with_the_first_vif),
	};

	return cmocka_run_group_tests_name("rotate", tests, forwarder_eal_init, forwarder_eal_cleanup);
}
