/* SPDX-License-Identifier: BSD-3-Clause */
/* Inner packets that are larger than the MTU of a tunnel. */
#include <string.h>

#include "datapath/fragment.h"
#include "forwarder.h"

#define SENDER  9   /* the tunnel that packets come from */
#define HEADERS 38u /* Ethernet, IPv4, GRE */

/* A packet under reassembly: fragments of one tunnel, in any order. */
struct whole {
	uint8_t bytes[10000];
	bool has[10000];
	uint32_t end; /* of the payload, from the fragment without MF; 0: not seen */
	uint32_t fragments;
	uint16_t id;
};

static void tunnels_add(struct forwarder *f, uint32_t count, const uint16_t *mtus, bool ignore_df)
{
	for (uint32_t n = 0; n < SENDER + 1; n++) {
		struct gremc_vif_info info = tunnel_info(n, LOOP);

		if (n < count) {
			info.mtu = mtus[n];
			info.ignore_df = ignore_df;
		}
		f->vif[n] = forwarder_add_tunnel(f, &info);
	}
	forwarder_set_route(f, count);
}

static struct rte_ipv4_hdr *inner_header(struct rte_mbuf *mbuf)
{
	return rte_pktmbuf_mtod_offset(mbuf, struct rte_ipv4_hdr *, HEADERS);
}

/* Set identification and fragmentation bits of the inner packet. */
static struct rte_mbuf *inner_fragment_set(struct rte_mbuf *mbuf, uint16_t id, uint16_t fragment)
{
	struct rte_ipv4_hdr *ip = inner_header(mbuf);

	ip->packet_id = rte_cpu_to_be_16(id);
	ip->fragment_offset = rte_cpu_to_be_16(fragment);
	ip->hdr_checksum = 0;
	ip->hdr_checksum = rte_ipv4_cksum(ip);
	return mbuf;
}

/* Add a replica of tunnel n, which is a fragment of at most `mtu` bytes. */
static void fragment_add(struct whole *whole, struct rte_mbuf *mbuf, uint16_t mtu)
{
	static uint8_t flat[10000];
	const uint8_t *bytes = rte_pktmbuf_read(mbuf, 0, mbuf->pkt_len, flat);
	const struct rte_ipv4_hdr *outer = (const struct rte_ipv4_hdr *)(bytes + 14);
	const struct rte_ipv4_hdr *inner = (const struct rte_ipv4_hdr *)(bytes + HEADERS);
	const uint16_t field = rte_be_to_cpu_16(inner->fragment_offset);
	const uint32_t at = (field & RTE_IPV4_HDR_OFFSET_MASK) * 8u, length = mbuf->pkt_len - HEADERS;

	rte_mbuf_sanity_check(mbuf, 1);
	assert_true(length <= mtu);
	assert_int_equal(rte_be_to_cpu_16(inner->total_length), length);
	assert_int_equal(rte_be_to_cpu_16(outer->total_length), length + 24);
	assert_int_equal(rte_raw_cksum(inner, 20), 0xffff);
	assert_int_equal(rte_raw_cksum(outer, 20), 0xffff);
	assert_int_equal(inner->time_to_live, 15);
	assert_int_equal(field & RTE_IPV4_HDR_DF_FLAG, 0);
	/* RFC 791: all but the last are a multiple of eight bytes */
	if (field & RTE_IPV4_HDR_MF_FLAG)
		assert_int_equal((length - 20) % 8, 0);
	else
		whole->end = at + length - 20;
	whole->id = rte_be_to_cpu_16(inner->packet_id);
	for (uint32_t i = 0; i < length - 20; i++) {
		assert_false(whole->has[at + i]);
		whole->has[at + i] = true;
		whole->bytes[at + i] = bytes[HEADERS + 20 + i];
	}
	whole->fragments++;
}

/* The next `count` packets of LOOP are the fragments of a packet of `length` bytes. Returns the
 * identification. */
static uint16_t fragments_expect(uint32_t count, uint16_t length, uint16_t mtu)
{
	static struct whole whole;
	struct rte_mbuf *mbuf;

	memset(&whole, 0, sizeof(whole));
	for (uint32_t i = 0; i < count; i++) {
		assert_int_equal(rte_eth_rx_burst(device[LOOP], 0, &mbuf, 1), 1);
		fragment_add(&whole, mbuf, mtu);
		rte_pktmbuf_free(mbuf);
	}
	assert_int_equal(whole.end, length - 20u);
	for (uint32_t i = 0; i < whole.end; i++)
		assert_true(whole.has[i] && whole.bytes[i] == payload_byte(20 + i));
	return whole.id;
}

static uint64_t tx_packets_count(struct forwarder *f, uint32_t n)
{
	return gremc_counter_read(&f->worker->stats->vif_hot[f->vif[n]].tx_packets);
}

/* RFC 791, section 3.2: fragments carry the packet, in any kind of payload. */
static void test_rfc791_fragments_make_the_packet(void **state)
{
	struct forwarder *f = *state;
	const uint16_t mtus[] = {600};

	tunnels_add(f, 1, mtus, false);
	forwarder_forward_frame(f, inner_fragment_set(frame_mbuf_create(SENDER, 1400, 0), 77, 0));
	assert_int_equal(fragments_expect(3, 1400, 600), 77);
	replicas_expect_none();
	assert_int_equal(forwarder_totals(f).wanted, 3);
	assert_int_equal(forwarder_totals(f).sent, 3);
	assert_int_equal(forwarder_totals(f).forwarded, 1);
	assert_int_equal(tx_packets_count(f, 0), 3);
	/* of several segments, and with padding */
	forwarder_forward_frame(f, frame_mbuf_create_split(SENDER, 5000, 0, 1200));
	fragments_expect(9, 5000, 600);
	forwarder_forward_frame(f, frame_mbuf_create(SENDER, 601, 17));
	fragments_expect(2, 601, 600);
	assert_int_equal(forwarder_totals(f).losses[GREMC_TX_DROP_too_big], 0);
}

/* A packet that fits is not fragmented. */
static void test_packet_of_mtu_stays_whole(void **state)
{
	struct forwarder *f = *state;
	const uint16_t mtus[] = {600, 600};

	tunnels_add(f, 2, mtus, false);
	forwarder_forward_frame(f, frame_mbuf_create(SENDER, 600, 0));
	replicas_expect(2, NO_TUNNEL, 600, ANY_SEGMENTS);
}

/* Tunnels with one MTU share the fragments, others get their own or the packet as it is. */
static void test_fragments_are_made_once(void **state)
{
	struct forwarder *f = *state;
	const uint16_t mtus[] = {600, 600, 600, 1500};

	tunnels_add(f, 4, mtus, false);
	forwarder_forward_frame(f, frame_mbuf_create(SENDER, 1400, 0));
	assert_int_equal(f->worker->fragments.count, 3);
	/* one reference of the worker, one of each replica that is in the port */
	assert_int_equal(rte_mbuf_refcnt_read(f->worker->fragments.mbuf[0]), 1 + 3);
	for (unsigned n = 0; n < 3; n++)
		fragments_expect(3, 1400, 600);
	replica_expect(3, 1400);
	replicas_expect_none();
	assert_int_equal(forwarder_totals(f).wanted, 10);
}

/* Fragments of different MTUs, and of two packets in one burst, are not mixed up. */
static void test_fragments_of_packets_and_mtus_are_apart(void **state)
{
	struct forwarder *f = *state;
	const uint16_t mtus[] = {600, 1000};
	struct rte_mbuf *burst[2];

	tunnels_add(f, 2, mtus, false);
	burst[0] = inner_fragment_set(frame_mbuf_create(SENDER, 1400, 0), 1, 0);
	burst[1] = inner_fragment_set(frame_mbuf_create(SENDER, 1300, 0), 2, 0);
	forwarder_forward_burst(f, burst, 2);
	assert_int_equal(fragments_expect(3, 1400, 600), 1);
	assert_int_equal(fragments_expect(2, 1400, 1000), 1);
	assert_int_equal(fragments_expect(3, 1300, 600), 2);
	assert_int_equal(fragments_expect(2, 1300, 1000), 2);
	replicas_expect_none();
}

/* RFC 1122, section 3.2.2: no ICMP about multicast. A packet with DF set is lost by name. */
static void test_packet_with_df_is_lost(void **state)
{
	struct forwarder *f = *state;
	const uint16_t mtus[] = {600, 1500, 600};

	tunnels_add(f, 3, mtus, false);
	forwarder_forward_frame(f, inner_fragment_set(frame_mbuf_create(SENDER, 1400, 0), 5, 0x4000));
	replica_expect(1, 1400);
	replicas_expect_none();
	assert_int_equal(forwarder_totals(f).losses[GREMC_TX_DROP_too_big], 2);
	assert_int_equal(tx_packets_count(f, 0), 1);
}

/* ignore-df: DF is cleared in the fragments, which get an identification of their own (RFC 6864,
 * section 4.1). The packet itself, which others share, stays as it is. */
static void test_ignore_df_fragments_a_copy_of_the_header(void **state)
{
	struct forwarder *f = *state;
	const uint16_t mtus[] = {600, 1500};
	struct rte_mbuf *mbuf;
	uint16_t id;

	tunnels_add(f, 2, mtus, true);
	forwarder_forward_frame(f, inner_fragment_set(frame_mbuf_create(SENDER, 1400, 0), 0, 0x4000));
	id = fragments_expect(3, 1400, 600);
	assert_int_equal(rte_eth_rx_burst(device[LOOP], 0, &mbuf, 1), 1);
	replica_check(mbuf, 1, 1400, ANY_SEGMENTS);
	rte_pktmbuf_free(mbuf);
	forwarder_forward_frame(f, inner_fragment_set(frame_mbuf_create(SENDER, 1400, 0), 0, 0x4000));
	assert_int_equal(fragments_expect(3, 1400, 600), (uint16_t)(id + 1));
}

/* A fragment of the source is fragmented again: offsets add up, and MF stays in all of them. */
static void test_fragment_is_fragmented_again(void **state)
{
	struct forwarder *f = *state;
	const uint16_t mtus[] = {600};
	static const uint16_t offsets[] = {185, 185 + 576 / 8};
	struct rte_mbuf *mbuf;

	tunnels_add(f, 1, mtus, false);
	forwarder_forward_frame(f, inner_fragment_set(frame_mbuf_create(SENDER, 1172, 0), 8, 0x2000 | 185));
	for (unsigned i = 0; i < RTE_DIM(offsets); i++) {
		struct rte_ipv4_hdr inner;

		assert_int_equal(rte_eth_rx_burst(device[LOOP], 0, &mbuf, 1), 1);
		memmove(&inner, rte_pktmbuf_read(mbuf, HEADERS, sizeof(inner), &inner), sizeof(inner));
		assert_int_equal(rte_be_to_cpu_16(inner.fragment_offset), 0x2000 | offsets[i]);
		assert_int_equal(rte_be_to_cpu_16(inner.total_length), 596);
		rte_pktmbuf_free(mbuf);
	}
	replicas_expect_none();
}

static void test_too_many_fragments_are_too_big(void **state)
{
	struct forwarder *f = *state;
	const uint16_t mtus[] = {68};

	tunnels_add(f, 1, mtus, false);
	/* 48 bytes in each: 64 of them, and one byte more */
	forwarder_forward_frame(f, frame_mbuf_create(SENDER, 20 + 64 * 48, 0));
	fragments_expect(64, 20 + 64 * 48, 68);
	forwarder_forward_frame(f, frame_mbuf_create(SENDER, 20 + 64 * 48 + 1, 0));
	replicas_expect_none();
	assert_int_equal(forwarder_totals(f).losses[GREMC_TX_DROP_too_big], 1);
}

static void test_lack_of_mbufs_is_named(void **state)
{
	struct forwarder *f = *state;
	const uint16_t mtus[] = {600, 600};
	struct rte_mbuf *taken[127];
	struct rte_mempool *pool = f->worker->header_pool;

	tunnels_add(f, 2, mtus, false);
	f->worker->header_pool = tiny;
	assert_int_equal(rte_pktmbuf_alloc_bulk(tiny, taken, RTE_DIM(taken)), 0);
	forwarder_forward_frame(f, frame_mbuf_create(SENDER, 1400, 0));
	replicas_expect_none();
	assert_int_equal(forwarder_totals(f).losses[GREMC_TX_DROP_no_mbuf], 2);
	rte_pktmbuf_free_bulk(taken, RTE_DIM(taken));
	f->worker->header_pool = pool;
}

/* Fragments wait for the next hop like other replicas. */
static void test_fragments_wait_for_next_hop(void **state)
{
	struct forwarder *f = *state;
	const uint16_t mtus[] = {600};
	uint32_t adjacency;

	tunnels_add(f, 1, mtus, false);
	adjacency = f->vifs->encap[f->vif[0]].adjacency;
	assert_int_equal(gremc_adjacency_resolve(f->vifs, adjacency, NULL), 0);
	forwarder_forward_frame(f, frame_mbuf_create(SENDER, 1400, 0));
	assert_int_equal(forwarder_totals(f).waiting, 3);
	assert_int_equal(gremc_adjacency_resolve(f->vifs, adjacency, &peer_mac), 0);
	gremc_worker_poll_pending(f->worker);
	fragments_expect(3, 1400, 600);
	assert_int_equal(forwarder_totals(f).waiting, 0);
}

/* The MTU of the path lowers that of the tunnel, and goes away again. */
static void test_path_mtu_lowers_the_mtu(void **state)
{
	struct forwarder *f = *state;
	const uint16_t mtus[] = {1476};

	tunnels_add(f, 1, mtus, false);
	gremc_tunnel_path_mtu_set(f->vifs, f->vif[0], 624);
	assert_int_equal(gremc_vif_mtu(f->vifs, f->vif[0]), 600);
	forwarder_forward_frame(f, frame_mbuf_create(SENDER, 1400, 0));
	fragments_expect(3, 1400, 600);
	/* the smaller of both holds */
	gremc_tunnel_mtu_set(f->vifs, f->vif[0], 500);
	assert_int_equal(gremc_vif_mtu(f->vifs, f->vif[0]), 500);
	gremc_tunnel_mtu_set(f->vifs, f->vif[0], 1400);
	assert_int_equal(gremc_vif_mtu(f->vifs, f->vif[0]), 600);
	gremc_tunnel_path_mtu_set(f->vifs, f->vif[0], 0);
	assert_int_equal(gremc_vif_mtu(f->vifs, f->vif[0]), 1400);
	forwarder_forward_frame(f, frame_mbuf_create(SENDER, 1400, 0));
	replicas_expect(1, NO_TUNNEL, 1400, ANY_SEGMENTS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_rfc791_fragments_make_the_packet),
		TEST(test_packet_of_mtu_stays_whole),
		TEST(test_fragments_are_made_once),
		TEST(test_fragments_of_packets_and_mtus_are_apart),
		TEST(test_packet_with_df_is_lost),
		TEST(test_ignore_df_fragments_a_copy_of_the_header),
		TEST(test_fragment_is_fragmented_again),
		TEST(test_too_many_fragments_are_too_big),
		TEST(test_lack_of_mbufs_is_named),
		TEST(test_fragments_wait_for_next_hop),
		TEST(test_path_mtu_lowers_the_mtu),
		TEST_ON_TWO_NODES(test_path_mtu_lowers_the_mtu),
	};

	return cmocka_run_group_tests_name("fragment", tests, forwarder_eal_init, forwarder_eal_cleanup);
}
