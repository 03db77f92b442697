/* SPDX-License-Identifier: BSD-3-Clause */
/* Outer packets that arrive as fragments. */
#include <string.h>

#include <rte_cycles.h>

#include "datapath/reassembly.h"
#include "forwarder.h"

#define SENDER 9 /* the tunnel that packets come from */
#define L2     14u
#define OUTER  (L2 + 20u)

static void world_start(struct forwarder *f)
{
	forwarder_add_tunnels(f, SENDER + 1, LOOP);
	forwarder_set_route(f, 1);
	gremc_bool_store(&f->worker->reassembles, true);
}

/* The fragment of the frame from tunnel n with bytes [from, to) of its outer payload, and padding behind it.
 */
static struct rte_mbuf *fragment_create(uint32_t n, uint16_t length, uint16_t id, uint32_t from, uint32_t to,
					bool more)
{
	static uint8_t frame[10000];
	const uint32_t end = frame_write(frame, n, length, 0);
	struct rte_mbuf *mbuf = rte_pktmbuf_alloc(payloads);
	struct rte_ipv4_hdr *ip;

	to = RTE_MIN(to, end - OUTER);
	memcpy(rte_pktmbuf_append(mbuf, OUTER), frame, OUTER);
	memcpy(rte_pktmbuf_append(mbuf, to - from), frame + OUTER + from, to - from);
	memset(rte_pktmbuf_append(mbuf, 6), 0xee, 6);
	ip = rte_pktmbuf_mtod_offset(mbuf, struct rte_ipv4_hdr *, L2);
	ip->total_length = rte_cpu_to_be_16(20 + to - from);
	ip->packet_id = rte_cpu_to_be_16(id);
	ip->fragment_offset = rte_cpu_to_be_16(from / 8 | (more ? RTE_IPV4_HDR_MF_FLAG : 0));
	ip->hdr_checksum = 0;
	ip->hdr_checksum = rte_ipv4_cksum(ip);
	return mbuf;
}

static void fragment_receive(struct forwarder *f, uint16_t id, uint32_t from, uint32_t to, bool more)
{
	forwarder_forward_frame(f, fragment_create(SENDER, 1400, id, from, to, more));
}

static uint64_t reassembly_drops_count(struct forwarder *f, enum gremc_drop reason)
{
	return forwarder_totals(f).drops[reason];
}

/* Wait until the fragments are old by the TSC, whose assumed frequency differs a little from the true one. */
static void fragments_expire(void)
{
	const uint64_t end = rte_rdtsc() + rte_get_tsc_hz() / MS_PER_S * (GREMC_REASSEMBLY_MS + 1);

	while (rte_rdtsc() < end)
		rte_delay_us_sleep(1000);
}

/* RFC 791, section 3.2: in any order, the fragments make the packet, which is then forwarded. */
static void test_rfc791_fragments_make_a_packet_in_any_order(void **state)
{
	static const uint8_t orders[][3] = {{0, 1, 2}, {2, 1, 0}, {1, 2, 0}, {0, 2, 1}};
	struct forwarder *f = *state;

	world_start(f);
	for (uint16_t i = 0; i < RTE_DIM(orders); i++) {
		for (unsigned k = 0; k < 3; k++)
			fragment_receive(f, i, orders[i][k] * 480u, orders[i][k] * 480u + 480,
					 orders[i][k] < 2);
		replicas_expect(1, NO_TUNNEL, 1400, ANY_SEGMENTS);
	}
	assert_int_equal(forwarder_totals(f).rx_packets, 12);
	assert_int_equal(forwarder_totals(f).forwarded, 4);
	assert_int_equal(forwarder_totals(f).reassembled, 8);
	assert_true(gremc_reassembly_is_empty(f->worker));
}

/* Without the setting, and between addresses of no tunnel, a fragment is a drop by name. */
static void test_fragments_are_dropped_without_the_setting(void **state)
{
	struct forwarder *f = *state;

	world_start(f);
	gremc_bool_store(&f->worker->reassembles, false);
	fragment_receive(f, 1, 0, 480, true);
	gremc_bool_store(&f->worker->reassembles, true);
	forwarder_forward_frame(f, fragment_create(SENDER + 1, 1400, 1, 0, 480, true));
	assert_int_equal(reassembly_drops_count(f, GREMC_DROP_outer_fragment), 2);
	assert_int_equal(forwarder_totals(f).reassembled, 0);
}

/* RFC 1858, RFC 3128: fragments that overlap make no packet. */
static void test_rfc1858_overlaps_make_no_packet(void **state)
{
	struct forwarder *f = *state;

	world_start(f);
	/* the lengths add up to that of the packet, and the second covers a part of the first */
	fragment_receive(f, 1, 0, 480, true);
	fragment_receive(f, 1, 472, 952, true);
	fragment_receive(f, 1, 960, 1440, false);
	replicas_expect_none();
	fragments_expire();
	gremc_worker_poll_pending(f->worker);
	assert_int_equal(reassembly_drops_count(f, GREMC_DROP_reassembly_failed) +
				 reassembly_drops_count(f, GREMC_DROP_reassembly_timeout),
			 3);
	assert_int_equal(forwarder_totals(f).forwarded, 0);
	assert_int_equal(forwarder_totals(f).reassembled, 0);
}

static void test_incomplete_packet_expires(void **state)
{
	struct forwarder *f = *state;

	world_start(f);
	fragment_receive(f, 1, 0, 480, true);
	fragment_receive(f, 1, 480, 960, true);
	assert_int_equal(forwarder_totals(f).reassembled, 2);
	assert_true(f->worker->has_pending);
	gremc_worker_poll_pending(f->worker);
	assert_int_equal(reassembly_drops_count(f, GREMC_DROP_reassembly_timeout), 0);
	assert_true(f->worker->has_pending);
	fragments_expire();
	gremc_worker_poll_pending(f->worker);
	assert_int_equal(reassembly_drops_count(f, GREMC_DROP_reassembly_timeout), 2);
	assert_false(f->worker->has_pending);
	assert_int_equal(forwarder_totals(f).reassembled, 0);
}

/* The fragments of two addresses are bounded, so they leave space to others; and so are all together. */
static void test_waiting_fragments_are_bounded(void **state)
{
	struct forwarder *f = *state;
	uint64_t full;

	world_start(f);
	for (uint16_t id = 0; id < 100; id++)
		fragment_receive(f, id, 0, 480, true);
	/* the table may drop older ones of one bucket before */
	full = reassembly_drops_count(f, GREMC_DROP_reassembly_full);
	assert_true(full > 0);
	assert_true(forwarder_totals(f).reassembled <= GREMC_REASSEMBLY_PEER_MAX);
	/* another tunnel's packet passes */
	for (unsigned k = 0; k < 3; k++)
		forwarder_forward_frame(f, fragment_create(1, 1400, 7, k * 480u, k * 480u + 480, k < 2));
	assert_int_equal(forwarder_totals(f).forwarded, 1);
	loop_port_empty();
	for (uint16_t id = 0; id < 60; id++)
		for (uint32_t n = 0; n < SENDER; n++)
			forwarder_forward_frame(f, fragment_create(n, 1400, 100 + id, 0, 480, true));
	/* and the packet, of three fragments, that was complete */
	assert_true(forwarder_totals(f).reassembled <= GREMC_REASSEMBLY_MBUFS + 2);
}

static void test_too_many_fragments_fail(void **state)
{
	struct forwarder *f = *state;

	world_start(f);
	for (uint32_t at = 0; at < 1424; at += 80)
		fragment_receive(f, 1, at, at + 80, at + 80 < 1424);
	replicas_expect_none();
	assert_int_equal(forwarder_totals(f).forwarded, 0);
	assert_true(reassembly_drops_count(f, GREMC_DROP_reassembly_failed) > 0);
}

/* RFC 791, section 3.1: no packet is longer than 65,535 bytes. */
static void test_rfc791_longer_packets_fail(void **state)
{
	struct forwarder *f = *state;
	struct rte_mbuf *mbuf = fragment_create(SENDER, 1400, 1, 0, 480, false);
	struct rte_ipv4_hdr *ip = rte_pktmbuf_mtod_offset(mbuf, struct rte_ipv4_hdr *, L2);

	world_start(f);
	ip->fragment_offset = RTE_BE16(RTE_IPV4_HDR_OFFSET_MASK);
	ip->hdr_checksum = 0;
	ip->hdr_checksum = rte_ipv4_cksum(ip);
	forwarder_forward_frame(f, mbuf);
	assert_int_equal(reassembly_drops_count(f, GREMC_DROP_reassembly_failed), 1);
	assert_true(gremc_reassembly_is_empty(f->worker));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_rfc791_fragments_make_a_packet_in_any_order),
		TEST(test_fragments_are_dropped_without_the_setting),
		TEST(test_rfc1858_overlaps_make_no_packet),
		TEST(test_incomplete_packet_expires),
		TEST(test_waiting_fragments_are_bounded),
		TEST(test_too_many_fragments_fail),
		TEST(test_rfc791_longer_packets_fail),
	};

	return cmocka_run_group_tests_name("reassembly", tests, forwarder_eal_init, forwarder_eal_cleanup);
}
