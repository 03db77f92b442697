/* SPDX-License-Identifier: BSD-3-Clause */
/* GRE-in-UDP (RFC 8086): received packets, replicas, and the UDP header by itself. */
#include "datapath/options.h"
#include "forwarder.h"
#include "proto/proto.h"

#define PEER   0x0a010000u /* of tunnel 0 */
#define PORT   GREMC_UDP_GRE_PORT
#define OUTER  14u
#define UDP_AT (OUTER + 20u)
#define GRE_AT (UDP_AT + 8u)

/* ---- tunnels and frames ---- */

static struct gremc_vif_info udp_tunnel_info(uint32_t n)
{
	struct gremc_vif_info info = tunnel_info(n, LOOP);

	info.options.udp_port = PORT;
	return info;
}

static void udp_tunnels_add(struct forwarder *f, uint32_t count)
{
	for (uint32_t n = 0; n < count; n++) {
		const struct gremc_vif_info info = udp_tunnel_info(n);

		f->vif[n] = forwarder_add_tunnel(f, &info);
	}
}

enum checksum { NO_CHECKSUM, RIGHT_CHECKSUM, WRONG_CHECKSUM };

static uint16_t checksum_compute(const uint8_t *frame, uint16_t length)
{
	const struct rte_ipv4_hdr *ip = (const struct rte_ipv4_hdr *)(frame + OUTER);
	uint32_t sum = (uint32_t)gremc_udp_pseudo_sum(ip, length) + rte_raw_cksum(frame + UDP_AT, length);

	return (uint16_t)((sum & 0xffff) + (sum >> 16));
}

static void outer_header_finish(uint8_t *frame, uint16_t total)
{
	struct rte_ipv4_hdr *ip = (struct rte_ipv4_hdr *)(frame + OUTER);

	ip->total_length = rte_cpu_to_be_16(total);
	ip->hdr_checksum = 0;
	ip->hdr_checksum = rte_ipv4_cksum(ip);
}

/* A frame of GRE-in-UDP from tunnel n around an inner packet of `length` bytes. Returns its length. */
static uint32_t udp_frame_write(uint8_t *frame, uint32_t n, uint16_t length, uint16_t port,
				enum checksum checksum)
{
	struct rte_udp_hdr *udp = (struct rte_udp_hdr *)(frame + UDP_AT);
	const uint16_t datagram = (uint16_t)(8 + 4 + length);
	uint8_t plain[2000];

	frame_write(plain, n, length, 0);
	memcpy(frame, plain, UDP_AT);
	frame[OUTER + 9] = 17;
	outer_header_finish(frame, (uint16_t)(20 + datagram));
	*udp = (struct rte_udp_hdr){.src_port = RTE_BE16(50000),
				    .dst_port = rte_cpu_to_be_16(port),
				    .dgram_len = rte_cpu_to_be_16(datagram)};
	memcpy(frame + GRE_AT, plain + UDP_AT, 4u + length);
	if (checksum != NO_CHECKSUM)
		udp->dgram_cksum = (uint16_t)~checksum_compute(frame, datagram);
	if (checksum == WRONG_CHECKSUM)
		udp->dgram_cksum ^= 0x100;
	return UDP_AT + datagram;
}

static void bytes_receive(struct forwarder *f, const uint8_t *frame, uint32_t length)
{
	struct rte_mbuf *mbuf = rte_pktmbuf_alloc(payloads);

	assert_non_null(mbuf);
	memcpy(rte_pktmbuf_append(mbuf, (uint16_t)length), frame, length);
	forwarder_forward_frame(f, mbuf);
}

static void udp_frame_receive(struct forwarder *f, uint32_t n, uint16_t length, enum checksum checksum)
{
	uint8_t frame[2000];

	bytes_receive(f, frame, udp_frame_write(frame, n, length, PORT, checksum));
}

/* ---- replicas ---- */

/* Read one replica and check its outer headers (RFC 8086, 3.2). Returns its source port. */
static uint16_t udp_replica_expect(uint32_t n, uint16_t inner, bool has_checksum, struct gremc_gre *gre)
{
	static uint8_t flat[4000];
	const struct rte_ipv4_hdr *ip = (const struct rte_ipv4_hdr *)(flat + OUTER);
	const struct rte_udp_hdr *udp = (const struct rte_udp_hdr *)(flat + UDP_AT);
	struct rte_mbuf *mbuf;
	const uint8_t *bytes;
	uint16_t datagram;

	assert_int_equal(rte_eth_rx_burst(device[LOOP], 0, &mbuf, 1), 1);
	bytes = rte_pktmbuf_read(mbuf, 0, mbuf->pkt_len, flat);
	if (bytes != flat)
		memcpy(flat, bytes, mbuf->pkt_len);
	datagram = (uint16_t)(mbuf->pkt_len - UDP_AT);
	rte_pktmbuf_free(mbuf);
	assert_int_equal(rte_be_to_cpu_32(ip->dst_addr), PEER + n);
	assert_int_equal(ip->next_proto_id, 17);
	assert_int_equal(rte_be_to_cpu_16(ip->total_length), 20 + datagram);
	assert_int_equal(rte_raw_cksum(ip, 20), 0xffff);
	assert_int_equal(rte_be_to_cpu_16(udp->dst_port), PORT);
	assert_int_equal(rte_be_to_cpu_16(udp->dgram_len), datagram);
	if (has_checksum)
		assert_int_equal(checksum_compute(flat, datagram), 0xffff);
	assert_true(has_checksum == (udp->dgram_cksum != 0));
	assert_int_equal(gremc_gre_parse(flat + GRE_AT, datagram - 8, gre), GREMC_PROTO_OK);
	assert_int_equal(8 + gre->length + inner, datagram);
	if (gre->has_checksum)
		assert_int_equal(rte_raw_cksum(flat + GRE_AT, datagram - 8), 0xffff);
	assert_int_equal(rte_raw_cksum(flat + GRE_AT + gre->length, 20), 0xffff);
	for (uint32_t i = 20; i < inner; i++)
		assert_int_equal(flat[GRE_AT + gre->length + i], payload_byte(i));
	assert_true(rte_be_to_cpu_16(udp->src_port) >= GREMC_UDP_SOURCE_BASE);
	return rte_be_to_cpu_16(udp->src_port);
}

/* Tunnel n has the options of its bits: GRE checksum, key, sequence number, UDP checksum, DF clear. */
static struct gremc_vif_info udp_options_info(uint32_t n)
{
	struct gremc_vif_info info = udp_tunnel_info(n);

	info.options.checksum = n & 1;
	info.options.has_output_key = n & 2;
	info.options.output_key = n & 2 ? 0x12345678 + n : 0;
	info.options.sequence = n & 4 ? GREMC_SEQUENCE_COUNT : GREMC_SEQUENCE_OFF;
	info.options.udp_checksum = n & 8;
	info.options.df = n & 16 ? GREMC_DF_CLEAR : GREMC_DF_SET;
	return info;
}

/* RFC 8086, 3.2 and 3.3: all combinations of options, copied, shared and in place, of one flow. */
static void test_rfc8086_3_2_replicas_have_a_udp_header(void **state)
{
	static const uint16_t lengths[] = {20, 101, 256, 257, 1400};
	struct forwarder *f = *state;
	uint32_t number[34] = {0};

	for (uint32_t n = 0; n < 34; n++) {
		const struct gremc_vif_info info = udp_options_info(n);

		f->vif[n] = forwarder_add_tunnel(f, &info);
	}
	for (unsigned l = 0; l < RTE_DIM(lengths); l++) {
		for (uint32_t fanout = 1; fanout <= 32; fanout += 3) {
			uint16_t port = 0, first = 0;

			forwarder_set_route(f, fanout);
			udp_frame_receive(f, 32, lengths[l], NO_CHECKSUM);
			for (uint32_t n = 0; n < fanout; n++) {
				struct gremc_gre gre;

				port = udp_replica_expect(n, lengths[l], n & 8, &gre);
				first = n == 0 ? port : first;
				assert_int_equal(port, first);
				assert_true(gre.has_checksum == (n & 1) && gre.has_key == !!(n & 2));
				assert_int_equal(gre.key, n & 2 ? 0x12345678 + n : 0);
				assert_int_equal(gre.sequence, n & 4 ? number[n]++ : 0);
			}
			replicas_expect_none();
			worker_release_mbufs(f->worker);
			pools_expect_full();
		}
	}
}

/* A plain tunnel and one of GRE-in-UDP in one oil, between the same addresses: each gets its own headers. */
static void test_plain_gre_and_udp_share_an_oil(void **state)
{
	struct forwarder *f = *state;
	const struct gremc_vif_info udp = udp_tunnel_info(0), plain = tunnel_info(1, LOOP),
				    same_peer = tunnel_info(0, LOOP);
	struct gremc_gre gre;

	f->vif[0] = forwarder_add_tunnel(f, &udp);
	f->vif[1] = forwarder_add_tunnel(f, &plain);
	f->vif[2] = forwarder_add_tunnel(f, &same_peer);
	forwarder_set_route(f, 3);
	/* tunnel 0 is the iif; plain GRE of the same peer has another one */
	udp_frame_receive(f, 0, 100, RIGHT_CHECKSUM);
	replica_expect(1, 100);
	replica_expect(0, 100);
	replicas_expect_none();
	forwarder_forward_frame(f, frame_mbuf_create(0, 300, 0));
	udp_replica_expect(0, 300, false, &gre);
	replica_expect(1, 300);
	replicas_expect_none();
}

/* The control thread's packets have the UDP header, too. */
static void test_host_packets_have_a_udp_header(void **state)
{
	struct forwarder *f = *state;
	const struct gremc_vif_info info = udp_options_info(15);
	struct rte_ipv4_hdr *ip;
	uint8_t packet[128] = {0};
	struct gremc_gre gre;

	f->vif[0] = forwarder_add_tunnel(f, &info);
	gremc_rcu_commit(f->rcu);
	gremc_rcu_synchronize(f->rcu);
	ip = (struct rte_ipv4_hdr *)packet;
	*ip = (struct rte_ipv4_hdr){.version_ihl = RTE_IPV4_VHL_DEF,
				    .total_length = RTE_BE16(sizeof(packet)),
				    .time_to_live = 15,
				    .next_proto_id = 17,
				    .src_addr = RTE_BE32(SOURCE),
				    .dst_addr = RTE_BE32(GROUP)};
	ip->hdr_checksum = rte_ipv4_cksum(ip);
	for (uint32_t i = 20; i < sizeof(packet); i++)
		packet[i] = payload_byte(i);
	assert_int_equal(gremc_inject_packet(f->group, payloads, packet, sizeof(packet), f->vif[0]), 0);
	gremc_worker_poll_inject(f->worker);
	udp_replica_expect(15, sizeof(packet), true, &gre);
	assert_int_equal(gre.key, 0x12345678 + 15);
}

/* RFC 8086, 4.1: the MTU leaves space for the UDP header. */
static void test_rfc8086_4_1_overhead_has_the_udp_header(void **state)
{
	const struct gremc_vif_info info = udp_options_info(7);

	(void)state;
	assert_int_equal(gremc_tunnel_overhead(&info.options), 20 + 8 + 16);
	assert_int_equal(gremc_tunnel_mtu(&info.options, 1500), 1456);
}

/* ---- source ports ---- */

static uint16_t source_port_of(uint32_t source, uint16_t port, uint16_t fragment)
{
	struct {
		struct rte_ipv4_hdr ip;
		rte_be16_t source, destination;
	} packet = {
		.ip = {.version_ihl = RTE_IPV4_VHL_DEF,
		       .next_proto_id = 17,
		       .fragment_offset = rte_cpu_to_be_16(fragment),
		       .src_addr = rte_cpu_to_be_32(source),
		       .dst_addr = RTE_BE32(GROUP)},
		.source = RTE_BE16(1000),
		.destination = rte_cpu_to_be_16(port),
	};

	return gremc_udp_source_port(&packet.ip, sizeof(packet));
}

/* RFC 8086, 3.2.1: the source port distributes flows over 49152 to 65535, and is constant in a flow. */
static void test_rfc8086_3_2_1_source_port_is_entropy(void **state)
{
	static bool seen[UINT16_MAX + 1];
	unsigned distinct = 0;

	(void)state;
	for (uint32_t i = 0; i < 16384; i++) {
		const uint16_t port = source_port_of(SOURCE + i / 4, (uint16_t)(5000 + i % 4), 0);

		assert_true(port >= GREMC_UDP_SOURCE_BASE);
		assert_int_equal(port, source_port_of(SOURCE + i / 4, (uint16_t)(5000 + i % 4), 0));
		distinct += !seen[port];
		seen[port] = true;
	}
	/* 1 - 1/e of the ports with a random function */
	assert_true(distinct > 16384 / 2);
}

/* All fragments of a flow have one source port: other bytes are in the place of its ports. */
static void test_rfc8086_3_2_1_fragments_have_one_source_port(void **state)
{
	const uint16_t first = source_port_of(SOURCE, 1, RTE_IPV4_HDR_MF_FLAG);

	(void)state;
	assert_int_equal(source_port_of(SOURCE, 2, 100), first);
	assert_int_equal(source_port_of(SOURCE, 3, RTE_IPV4_HDR_MF_FLAG | 200), first);
}

/* ---- received packets ---- */

/* RFC 8086, 6.1: a checksum is optional; one that is present is verified. */
static void test_rfc8086_6_1_checksum_is_verified(void **state)
{
	static const uint16_t lengths[] = {20, 21, 100, 1400};
	struct forwarder *f = *state;
	struct gremc_gre gre;

	udp_tunnels_add(f, 2);
	forwarder_set_route(f, 1);
	for (unsigned l = 0; l < RTE_DIM(lengths); l++) {
		for (enum checksum checksum = NO_CHECKSUM; checksum <= RIGHT_CHECKSUM; checksum++) {
			udp_frame_receive(f, 1, lengths[l], checksum);
			udp_replica_expect(0, lengths[l], false, &gre);
		}
		udp_frame_receive(f, 1, lengths[l], WRONG_CHECKSUM);
		replicas_expect_none();
	}
	assert_int_equal(forwarder_totals(f).drops[GREMC_DROP_udp_checksum], RTE_DIM(lengths));
	assert_int_equal(f->worker->stats->vif_drop[f->vif[1]].packets[GREMC_DROP_udp_checksum],
			 RTE_DIM(lengths));
	/* a datagram of no tunnel: its checksum is none of the forwarder's business */
	udp_frame_receive(f, 9, 100, WRONG_CHECKSUM);
	assert_int_equal(forwarder_totals(f).drops[GREMC_DROP_udp_checksum], RTE_DIM(lengths));
	assert_int_equal(forwarder_totals(f).drops[GREMC_DROP_unknown_peer], 1);
}

/* RFC 8086, 3.2.2: only UDP to the port of a tunnel is GRE; plain GRE of the same peer is not the tunnel's.
 */
static void test_rfc8086_3_2_2_destination_port_selects_the_tunnel(void **state)
{
	struct forwarder *f = *state;
	struct gremc_vif_info other;
	uint8_t frame[2000];
	struct gremc_gre gre;

	udp_tunnels_add(f, 2);
	forwarder_set_route(f, 1);
	bytes_receive(f, frame, udp_frame_write(frame, 1, 100, PORT + 1, NO_CHECKSUM));
	assert_int_equal(forwarder_totals(f).drops[GREMC_DROP_not_gre], 1);
	forwarder_forward_frame(f, frame_mbuf_create(1, 100, 0));
	assert_int_equal(forwarder_totals(f).drops[GREMC_DROP_unknown_key], 1);
	replicas_expect_none();
	/* a second tunnel between the same addresses, on another port */
	other = udp_tunnel_info(1);
	other.options.udp_port = PORT + 1;
	f->vif[2] = forwarder_add_tunnel(f, &other);
	bytes_receive(f, frame, udp_frame_write(frame, 1, 100, PORT + 1, NO_CHECKSUM));
	udp_replica_expect(0, 100, false, &gre);
	assert_int_equal(gremc_counter_read(&f->worker->stats->vif_cold[f->vif[2]].rx_packets), 1);
	assert_int_equal(gremc_counter_read(&f->worker->stats->vif_cold[f->vif[1]].rx_packets), 0);
	/* without a tunnel the port is the kernel's again */
	forwarder_set_route(f, 1);
	gremc_vif_remove(f->vifs, f->vif[2]);
	assert_false(gremc_udp_port_is_used(f->vifs, PORT + 1));
	bytes_receive(f, frame, udp_frame_write(frame, 1, 100, PORT + 1, NO_CHECKSUM));
	assert_int_equal(forwarder_totals(f).drops[GREMC_DROP_not_gre], 2);
}

/* RFC 768: a length that the packet does not have. Bytes behind the datagram are not part of it. */
static void test_rfc768_length_is_checked(void **state)
{
	static const uint16_t wrong[] = {0, 7, 113, 0xffff};
	struct forwarder *f = *state;
	struct gremc_gre gre;
	uint8_t frame[2000];
	uint32_t length;

	udp_tunnels_add(f, 2);
	forwarder_set_route(f, 1);
	for (unsigned i = 0; i < RTE_DIM(wrong); i++) {
		const rte_be16_t value = rte_cpu_to_be_16(wrong[i]);

		length = udp_frame_write(frame, 1, 100, PORT, NO_CHECKSUM);
		memcpy(frame + UDP_AT + 4, &value, sizeof(value));
		bytes_receive(f, frame, length);
	}
	assert_int_equal(forwarder_totals(f).drops[GREMC_DROP_udp_truncated], RTE_DIM(wrong));
	replicas_expect_none();
	length = udp_frame_write(frame, 1, 100, PORT, RIGHT_CHECKSUM);
	memset(frame + length, 0xee, 9);
	outer_header_finish(frame, (uint16_t)(length + 9 - OUTER));
	bytes_receive(f, frame, length + 9);
	udp_replica_expect(0, 100, false, &gre);
	/* GRE that ends after the header */
	length = udp_frame_write(frame, 1, 100, PORT, NO_CHECKSUM);
	memcpy(frame + UDP_AT + 4, "\0\x0a", 2);
	bytes_receive(f, frame, length);
	assert_int_equal(forwarder_totals(f).drops[GREMC_DROP_gre_truncated], 1);
}

static void fragment_receive(struct forwarder *f, uint16_t fragment)
{
	uint8_t frame[2000];
	const uint32_t length = udp_frame_write(frame, 1, 100, PORT, NO_CHECKSUM);
	struct rte_ipv4_hdr *ip = (struct rte_ipv4_hdr *)(frame + OUTER);

	ip->fragment_offset = rte_cpu_to_be_16(fragment);
	outer_header_finish(frame, (uint16_t)(length - OUTER));
	bytes_receive(f, frame, length);
}

/* A first fragment has the port, so it is the tunnel's. The others may belong to any service of the kernel.
 */
static void test_first_fragment_is_the_tunnels(void **state)
{
	struct forwarder *f = *state;

	udp_tunnels_add(f, 2);
	fragment_receive(f, RTE_IPV4_HDR_MF_FLAG);
	assert_int_equal(forwarder_totals(f).drops[GREMC_DROP_outer_fragment], 1);
	fragment_receive(f, 20);
	assert_int_equal(forwarder_totals(f).drops[GREMC_DROP_not_gre], 1);
}

/* With `reassemble` the fragments between the addresses of a tunnel make a packet first. */
static void test_fragments_are_reassembled(void **state)
{
	struct forwarder *f = *state;
	uint8_t frame[2000], part[2000];
	struct gremc_gre gre;
	uint32_t length;

	udp_tunnels_add(f, 2);
	forwarder_set_route(f, 1);
	gremc_bool_store(&f->worker->reassembles, true);
	length = udp_frame_write(frame, 1, 1000, PORT, RIGHT_CHECKSUM);
	for (uint32_t at = 0, n; at < length - UDP_AT; at += n) {
		struct rte_ipv4_hdr *ip = (struct rte_ipv4_hdr *)(part + OUTER);

		n = RTE_MIN(400u, length - UDP_AT - at);
		memcpy(part, frame, UDP_AT);
		memcpy(part + UDP_AT, frame + UDP_AT + at, n);
		ip->fragment_offset = rte_cpu_to_be_16(
			(uint16_t)(at / 8 | (UDP_AT + at + n < length ? RTE_IPV4_HDR_MF_FLAG : 0)));
		outer_header_finish(part, (uint16_t)(20 + n));
		bytes_receive(f, part, UDP_AT + n);
	}
	udp_replica_expect(0, 1000, false, &gre);
	replicas_expect_none();
}

/* The sequence number of GRE-in-UDP is found behind the UDP header. */
static void test_sequence_numbers_are_received(void **state)
{
	struct forwarder *f = *state;
	struct gremc_sequence_state *sequence;
	uint8_t frame[2000];

	for (uint32_t n = 0; n < 2; n++) {
		struct gremc_vif_info info = udp_tunnel_info(n);

		info.options.sequence = n == 1 ? GREMC_SEQUENCE_STRICT : GREMC_SEQUENCE_OFF;
		f->vif[n] = forwarder_add_tunnel(f, &info);
	}
	forwarder_set_route(f, 1);
	sequence = gremc_sequence_load(f->vifs, f->vif[1]);
	for (uint8_t i = 0; i < 3; i++) {
		const uint8_t numbers[] = {7, 9, 8};
		uint32_t length = udp_frame_write(frame, 1, 100, PORT, NO_CHECKSUM);

		memmove(frame + GRE_AT + 8, frame + GRE_AT + 4, 100);
		memcpy(frame + GRE_AT, "\x10\0\x08\0\0\0\0", 7);
		frame[GRE_AT + 7] = numbers[i];
		memcpy(frame + UDP_AT + 4, (uint8_t[]){0, 116}, 2);
		outer_header_finish(frame, (uint16_t)(length + 4 - OUTER));
		bytes_receive(f, frame, length + 4);
	}
	assert_int_equal(loop_port_empty(), 2);
	assert_int_equal(gremc_u64_load(&sequence->received), 3);
	assert_int_equal(forwarder_totals(f).drops[GREMC_DROP_sequence], 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_rfc8086_3_2_replicas_have_a_udp_header),
		TEST(test_plain_gre_and_udp_share_an_oil),
		TEST(test_host_packets_have_a_udp_header),
		cmocka_unit_test(test_rfc8086_4_1_overhead_has_the_udp_header),
		cmocka_unit_test(test_rfc8086_3_2_1_source_port_is_entropy),
		cmocka_unit_test(test_rfc8086_3_2_1_fragments_have_one_source_port),
		TEST(test_rfc8086_6_1_checksum_is_verified),
		TEST(test_rfc8086_3_2_2_destination_port_selects_the_tunnel),
		TEST(test_rfc768_length_is_checked),
		TEST(test_first_fragment_is_the_tunnels),
		TEST(test_fragments_are_reassembled),
		TEST(test_sequence_numbers_are_received),
	};

	return cmocka_run_group_tests(tests, forwarder_eal_init, forwarder_eal_cleanup);
}
