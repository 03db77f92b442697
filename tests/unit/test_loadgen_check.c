/* SPDX-License-Identifier: BSD-3-Clause */
/* The checks of the load generator's receiver: every fault of a replica has its name, and a good replica has
 * none. */
#include <rte_dev.h>
#include <rte_ethdev.h>
#include <rte_ip.h>
#include <rte_udp.h>

#include "proto/proto.h"
#include "receive/poll.h"
#include "traffic/replica.h"
#include "traffic/stamp.h"

#include "loadgen_world.h"

#define OUTER 14u /* offset of the outer IPv4 header */
#define GRE   (OUTER + 20u)
#define INNER (GRE + 4u) /* of a tunnel without a key */
#define UDP   (INNER + 20u)
#define STAMP (UDP + 8u)
#define SIZE  200u

static const char CHECK_CONFIG[] =
	"ethernets:\n"
	"  wan: {device: a, addresses: [192.0.2.1/24], gateway4: 192.0.2.254}\n"
	"  lan: {device: b, addresses: [198.51.100.1/24], multicast: true, vlan: 5}\n"
	"tunnels:\n"
	"  t0: {local: 192.0.2.1, remote: 203.0.113.1}\n"
	"  t1: {local: 192.0.2.1, remote: 203.0.113.2}\n"
	"  t2: {local: 192.0.2.1, remote: 203.0.113.3, key: 0}\n"
	"  t3: {local: 192.0.2.1, remote: 203.0.113.4, key: 77}\n"
	"mroutes:\n"
	"  - {group: 239.1.1.1, source: 10.1.1.1, from: [t0], to: [t1, t2, lan]}\n"
	"  - {group: 239.1.1.2, source: 10.1.1.2, from: [lan], to: [t0]}\n";

static struct loadgen_world world;

static int world_setup(void **state)
{
	RTE_SET_USED(state);
	loadgen_world_open(&world, CHECK_CONFIG);
	return 0;
}

static int world_teardown(void **state)
{
	RTE_SET_USED(state);
	loadgen_world_close(&world);
	return 0;
}

static uint64_t replicas_received(void)
{
	return gremc_u64_load(&world.rx->counters.replicas);
}

static void outer_checksum_fix(uint8_t *frame)
{
	struct rte_ipv4_hdr *ip = (struct rte_ipv4_hdr *)(frame + OUTER);

	ip->hdr_checksum = 0;
	ip->hdr_checksum = rte_ipv4_cksum(ip);
}

/* ---- good replicas ---- */

static void test_good_replicas_have_no_fault(void **state)
{
	static const uint16_t sizes[] = {GREMC_INNER_MIN, 57, 64, 65, 1400, 8999};

	RTE_SET_USED(state);
	for (unsigned i = 0; i < RTE_DIM(sizes); i++)
		for (uint32_t member = 0; member < 3; member++)
			frame_receive(&world, member == 2, replica_alloc(&world, 0, member, i, sizes[i]));
	frame_receive(&world, 0, replica_alloc(&world, 1, 0, 0, 64));
	assert_int_equal(replicas_received(), 3 * RTE_DIM(sizes) + 1);
	expect_only_fault(&world, NO_FAULT, 0);
	for (uint32_t i = 0; i < 3; i++)
		assert_int_equal(world.flows->stream[i].received, RTE_DIM(sizes));
}

static void test_replicas_of_a_packet_may_arrive_in_any_order(void **state)
{
	struct rte_mbuf *packet[GREMC_RX_BURST];
	unsigned count = 0;

	RTE_SET_USED(state);
	for (uint64_t sequence = 0; sequence < 30; sequence++)
		for (unsigned k = 0; k < 2; k++)
			packet[count++] = replica_alloc(&world, 0, (sequence + k) % 2, sequence, 64);
	gremc_receiver_check(world.rx, 0, 3000, packet, count);
	rte_pktmbuf_free_bulk(packet, count);
	assert_int_equal(replicas_received(), 60);
	expect_only_fault(&world, NO_FAULT, 0);
}

static void test_a_frame_of_several_segments_is_checked(void **state)
{
	struct rte_mbuf *whole = replica_alloc(&world, 0, 0, 0, 1000), *head = rte_pktmbuf_alloc(world.pool),
			*tail = rte_pktmbuf_alloc(world.pool);

	RTE_SET_USED(state);
	memcpy(rte_pktmbuf_append(head, 50), mbuf_bytes(whole), 50);
	memcpy(rte_pktmbuf_append(tail, whole->data_len - 50), mbuf_bytes(whole) + 50, whole->data_len - 50);
	rte_pktmbuf_free(whole);
	assert_int_equal(rte_pktmbuf_chain(head, tail), 0);
	frame_receive(&world, 0, head);
	assert_int_equal(replicas_received(), 1);
	expect_only_fault(&world, NO_FAULT, 0);
}

/* ---- sequence ---- */

static void replica_receive(const uint64_t *sequence, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		frame_receive(&world, 0, replica_alloc(&world, 0, 0, sequence[i], 64));
}

static void test_sequence_faults_are_named(void **state)
{
	static const uint64_t gap[] = {0, 1, 5, 6}, twice[] = {7, 7}, swapped[] = {9, 8, 10},
			      twice_late[] = {8};
	const struct gremc_stream *stream = &world.flows->stream[0];

	RTE_SET_USED(state);
	replica_receive(gap, RTE_DIM(gap)); /* a gap is a loss, which the end of the trial counts */
	expect_only_fault(&world, NO_FAULT, 0);
	replica_receive(twice, RTE_DIM(twice));
	expect_only_fault(&world, GREMC_FAULT_duplicated, 1);
	replica_receive(swapped, RTE_DIM(swapped));
	expect_only_fault(&world, GREMC_FAULT_reordered, 1);
	replica_receive(twice_late, RTE_DIM(twice_late));
	expect_only_fault(&world, GREMC_FAULT_duplicated, 1);
	assert_int_equal(stream->received - stream->duplicated, 8);
	assert_int_equal(stream->duplicated, 2);
	assert_int_equal(stream->reordered, 1);
}

static void test_a_stream_remembers_64_sequence_numbers(void **state)
{
	static const uint64_t jump[] = {0, 100}, inside[] = {37}, outside[] = {36}, far[] = {100 + 64, 500};

	RTE_SET_USED(state);
	replica_receive(jump, RTE_DIM(jump));
	expect_only_fault(&world, NO_FAULT, 0);
	replica_receive(inside, 1);
	expect_only_fault(&world, GREMC_FAULT_reordered, 1);
	replica_receive(outside, 1);
	expect_only_fault(&world, GREMC_FAULT_late, 1);
	replica_receive(far, RTE_DIM(far));
	expect_only_fault(&world, NO_FAULT, 0);
	replica_receive(&far[0], 1);
	expect_only_fault(&world, GREMC_FAULT_late, 1);
}

/* ---- damage: each byte of a frame ---- */

/* Returns: whether a changed byte may cause this fault. The outer checksum covers outer TTL, TOS and
 * identification. */
static bool fault_fits_byte(unsigned at, unsigned fault)
{
	if (at < 2 * RTE_ETHER_ADDR_LEN)
		return fault == (at < RTE_ETHER_ADDR_LEN ? GREMC_FAULT_target_mac : GREMC_FAULT_source_mac);
	if (at < OUTER)
		return fault == GREMC_FAULT_foreign;
	if (at < GRE)
		return fault == GREMC_FAULT_outer_checksum || fault == GREMC_FAULT_outer_header;
	/* another flag makes the GRE header longer and moves the start of the inner header */
	if (at < INNER)
		return fault == GREMC_FAULT_gre_header || fault == GREMC_FAULT_inner_header ||
		       fault == GREMC_FAULT_unknown_tunnel || fault == NO_FAULT;
	if (at < UDP)
		return fault == GREMC_FAULT_inner_checksum || fault == GREMC_FAULT_inner_header;
	if (at < STAMP)
		return fault == (at < UDP + 6 ? GREMC_FAULT_inner_header : GREMC_FAULT_udp_checksum);
	return fault == (at < STAMP + GREMC_STAMP_LENGTH ? GREMC_FAULT_stamp : GREMC_FAULT_payload);
}

static unsigned only_fault_get(void)
{
	unsigned fault = NO_FAULT;

	for (unsigned i = 0; i < GREMC_FAULT_COUNT; i++) {
		assert_true(world.rx->counters.fault[i] <= 1);
		if (world.rx->counters.fault[i]) {
			assert_int_equal(fault, NO_FAULT);
			fault = i;
		}
	}
	return fault;
}

static void test_a_change_of_any_byte_is_detected(void **state)
{
	uint64_t sequence = 0;

	RTE_SET_USED(state);
	for (unsigned at = 0; at < INNER + SIZE; at++)
		for (unsigned bit = 0; bit < 8; bit++) {
			struct rte_mbuf *packet = replica_alloc(&world, 0, 0, sequence++, SIZE);
			unsigned fault;

			assert_int_equal(packet->data_len, INNER + SIZE);
			mbuf_bytes(packet)[at] ^= 1u << bit;
			frame_receive(&world, 0, packet);
			fault = only_fault_get();
			/* a receiver ignores the reserved bits 6 to 12 of GRE (RFC 2784, 2.3) */
			if (!fault_fits_byte(at, fault))
				fail_msg("byte %u bit %u: %s", at, bit,
					 fault == NO_FAULT ? "not noticed" : gremc_fault_name(fault));
			if (fault == NO_FAULT && at >= OUTER)
				assert_true(at == GRE || at == GRE + 1);
			gremc_receiver_reset(world.rx, WORLD_TRIAL_ID);
		}
}

static void test_a_truncated_frame_is_a_fault(void **state)
{
	RTE_SET_USED(state);
	for (unsigned length = 0; length < INNER + SIZE; length++) {
		struct rte_mbuf *packet = replica_alloc(&world, 0, 0, length, SIZE);

		packet->data_len = packet->pkt_len = (uint16_t)length;
		frame_receive(&world, 0, packet);
		assert_int_equal(replicas_received(), 0);
		assert_true(only_fault_get() != NO_FAULT);
		gremc_receiver_reset(world.rx, WORLD_TRIAL_ID);
	}
}

static void test_a_damaged_replica_is_not_lost(void **state)
{
	struct rte_mbuf *packet = replica_alloc(&world, 0, 0, 0, SIZE);

	RTE_SET_USED(state);
	mbuf_bytes(packet)[STAMP + 60] ^= 1;
	frame_receive(&world, 0, packet);
	assert_int_equal(world.flows->stream[0].received, 1);
	assert_int_equal(gremc_u64_load(&world.rx->counters.anonymous), 0);
	expect_only_fault(&world, GREMC_FAULT_payload, 1);
	packet = replica_alloc(&world, 0, 0, 1, SIZE);
	mbuf_bytes(packet)[STAMP] ^= 1;
	frame_receive(&world, 0, packet);
	assert_int_equal(world.flows->stream[0].received, 1);
	assert_int_equal(gremc_u64_load(&world.rx->counters.anonymous), 1);
	expect_only_fault(&world, GREMC_FAULT_stamp, 1);
}

static void test_the_inner_ttl_must_fall_by_the_step(void **state)
{
	struct rte_mbuf *packet = replica_alloc(&world, 0, 0, 0, 64);

	RTE_SET_USED(state);
	gremc_ipv4_decrement_ttl((struct rte_ipv4_hdr *)(mbuf_bytes(packet) + INNER));
	frame_receive(&world, 0, packet);
	expect_only_fault(&world, GREMC_FAULT_inner_ttl, 1);
	world.rx->ttl_step = 2;
	packet = replica_alloc(&world, 0, 0, 1, 64);
	gremc_ipv4_decrement_ttl((struct rte_ipv4_hdr *)(mbuf_bytes(packet) + INNER));
	frame_receive(&world, 0, packet);
	expect_only_fault(&world, NO_FAULT, 0);
	world.rx->ttl_step = 1;
}

/* ---- unexpected frames ---- */

static void test_a_replica_at_the_wrong_place_is_unexpected(void **state)
{
	struct rte_mbuf *packet = replica_alloc(&world, 0, 0, 0, 64);
	struct rte_ipv4_hdr *outer = (struct rte_ipv4_hdr *)(mbuf_bytes(packet) + OUTER);

	RTE_SET_USED(state);
	outer->dst_addr = RTE_BE32(0xcb007101); /* t0, which sends this flow */
	outer_checksum_fix(mbuf_bytes(packet));
	frame_receive(&world, 0, packet);
	expect_only_fault(&world, GREMC_FAULT_misdirected, 1);
	packet = replica_alloc(&world, 0, 0, 0, 64);
	outer = (struct rte_ipv4_hdr *)(mbuf_bytes(packet) + OUTER);
	outer->dst_addr = RTE_BE32(0xcb007109); /* no tunnel */
	outer_checksum_fix(mbuf_bytes(packet));
	frame_receive(&world, 0, packet);
	expect_only_fault(&world, GREMC_FAULT_unknown_tunnel, 1);
	frame_receive(&world, 1, replica_alloc(&world, 0, 0, 0, 64));
	expect_only_fault(&world, GREMC_FAULT_wrong_port, 1);
}

static void test_key_0_differs_from_no_key(void **state)
{
	struct rte_mbuf *keyed = replica_alloc(&world, 0, 1, 0, 64),
			*plain = replica_alloc(&world, 0, 0, 0, 64);
	struct rte_ipv4_hdr *outer = (struct rte_ipv4_hdr *)(mbuf_bytes(plain) + OUTER);

	RTE_SET_USED(state);
	frame_receive(&world, 0, keyed);
	expect_only_fault(&world, NO_FAULT, 0);
	outer->dst_addr = RTE_BE32(0xcb007103); /* t2, without its key */
	outer_checksum_fix(mbuf_bytes(plain));
	frame_receive(&world, 0, plain);
	expect_only_fault(&world, GREMC_FAULT_unknown_tunnel, 1);
}

static void test_a_replica_of_an_earlier_trial_is_stale(void **state)
{
	struct rte_mbuf *packet = replica_alloc(&world, 0, 0, 0, 64);

	RTE_SET_USED(state);
	gremc_receiver_reset(world.rx, WORLD_TRIAL_ID + 1);
	frame_receive(&world, 0, packet);
	expect_only_fault(&world, GREMC_FAULT_stale, 1);
	gremc_receiver_reset(world.rx, WORLD_TRIAL_ID);
}

static void test_control_traffic_is_no_fault(void **state)
{
	static const uint16_t types[] = {RTE_ETHER_TYPE_ARP, RTE_ETHER_TYPE_IPV6, 0x8809, 0x88cc};
	struct rte_mbuf *packet;

	RTE_SET_USED(state);
	for (unsigned i = 0; i < RTE_DIM(types); i++) {
		packet = replica_alloc(&world, 0, 0, 0, 64);
		mbuf_bytes(packet)[12] = (uint8_t)(types[i] >> 8);
		mbuf_bytes(packet)[13] = (uint8_t)types[i];
		frame_receive(&world, 0, packet);
	}
	assert_int_equal(world.rx->counters.control, RTE_DIM(types));
	expect_only_fault(&world, NO_FAULT, 0);
}

/* ---- delays ---- */

static void test_delays_are_counted_per_site(void **state)
{
	struct gremc_histogram *histogram = calloc(world.flows->site_count, sizeof(*histogram));
	static struct gremc_histogram from_sent;

	RTE_SET_USED(state);
	world.rx->histogram = histogram;
	world.rx->from_sent = &from_sent;
	frame_receive(&world, 0, replica_alloc(&world, 0, 0, 0, 64));
	frame_receive(&world, 0, replica_alloc(&world, 0, 1, 0, 64));
	world.rx->histogram = NULL;
	for (uint32_t i = 0; i < world.flows->site_count; i++)
		assert_int_equal(histogram[i].count, i == 1 || i == 2);
	assert_int_equal(histogram[1].min, LOADGEN_WORLD_DELAY);
	assert_true(from_sent.count == 2 && from_sent.max == LOADGEN_WORLD_DELAY);
	free(histogram);
}

static void test_a_late_packet_has_a_delay_from_its_due_time(void **state)
{
	struct gremc_histogram *histogram = calloc(world.flows->site_count, sizeof(*histogram));
	static struct gremc_histogram from_sent;
	struct rte_mbuf *packet = rte_pktmbuf_alloc(world.pool);
	struct gremc_stamp stamp = {
		.trial_id = WORLD_TRIAL_ID, .flow = 0, .sequence = 7, .time = 1000, .lag = 500000};

	RTE_SET_USED(state);
	assert_non_null(packet);
	packet->data_len = gremc_replica_write(world.flows, world.flows->flow[0].first, 64, &stamp,
					       rte_pktmbuf_mtod(packet, uint8_t *));
	packet->pkt_len = packet->data_len;
	world.rx->histogram = histogram;
	world.rx->from_sent = &from_sent;
	frame_receive(&world, 0, packet);
	world.rx->histogram = world.rx->from_sent = NULL;
	assert_true(histogram[1].count == 1 && histogram[1].min == 502000);
	assert_true(from_sent.count == 1 && from_sent.min == 2000);
	free(histogram);
}

/* ---- the fill of a queue ---- */

/* Start a device that receives the packets that it sends. */
static uint16_t loop_device_start(struct rte_mempool *pool)
{
	const struct rte_eth_conf conf = {0};
	uint16_t id;

	assert_int_equal(rte_eal_hotplug_add("vdev", "net_ring0", ""), 0);
	assert_int_equal(rte_eth_dev_get_port_by_name("net_ring0", &id), 0);
	assert_int_equal(rte_eth_dev_configure(id, 1, 1, &conf), 0);
	assert_int_equal(rte_eth_rx_queue_setup(id, 0, 512, SOCKET_ID_ANY, NULL, pool), 0);
	assert_int_equal(rte_eth_tx_queue_setup(id, 0, 512, SOCKET_ID_ANY, NULL), 0);
	assert_int_equal(rte_eth_dev_start(id), 0);
	return id;
}

static void test_the_backlog_is_the_most_frames_that_a_queue_held(void **state)
{
	uint16_t loop = loop_device_start(world.pool);
	uint64_t sequence = 0;

	RTE_SET_USED(state);
	world.rx->queue[world.rx->queue_count++] = (struct gremc_receiver_queue){.id = loop};
	for (unsigned waiting = 10; waiting <= 210; waiting += 100) {
		for (unsigned i = 0; i < waiting; i++) {
			struct rte_mbuf *packet = replica_alloc(&world, 0, 0, sequence++, 64);

			assert_int_equal(rte_eth_tx_burst(loop, 0, &packet, 1), 1);
		}
		while (gremc_receiver_poll(world.rx))
			;
		assert_false(gremc_receiver_poll(world.rx)); /* the queue is empty */
		assert_int_equal(world.rx->counters.backlog, waiting);
	}
	assert_int_equal(replicas_received(), sequence);
	assert_int_equal(world.rx->queue[0].waiting, 0);
	expect_only_fault(&world, NO_FAULT, 0);
	assert_int_equal(world.rx->counters.backlog, 0);
	rte_eth_dev_stop(loop);
	rte_eth_dev_close(loop);
}

int main(void)
{
#define IN_WORLD(test) cmocka_unit_test_setup_teardown(test, world_setup, world_teardown)
	const struct CMUnitTest tests[] = {
		IN_WORLD(test_good_replicas_have_no_fault),
		IN_WORLD(test_replicas_of_a_packet_may_arrive_in_any_order),
		IN_WORLD(test_a_frame_of_several_segments_is_checked),
		IN_WORLD(test_sequence_faults_are_named),
		IN_WORLD(test_a_stream_remembers_64_sequence_numbers),
		IN_WORLD(test_a_change_of_any_byte_is_detected),
		IN_WORLD(test_a_truncated_frame_is_a_fault),
		IN_WORLD(test_a_damaged_replica_is_not_lost),
		IN_WORLD(test_the_inner_ttl_must_fall_by_the_step),
		IN_WORLD(test_a_replica_at_the_wrong_place_is_unexpected),
		IN_WORLD(test_key_0_differs_from_no_key),
		IN_WORLD(test_a_replica_of_an_earlier_trial_is_stale),
		IN_WORLD(test_control_traffic_is_no_fault),
		IN_WORLD(test_delays_are_counted_per_site),
		IN_WORLD(test_a_late_packet_has_a_delay_from_its_due_time),
		IN_WORLD(test_the_backlog_is_the_most_frames_that_a_queue_held),
	};

	return cmocka_run_group_tests_name("loadgen_check", tests, loadgen_eal_start, NULL);
}
