/* SPDX-License-Identifier: BSD-3-Clause */
/* Offloads of the host path in software: TCP segmentation (GSO) and merging (GRO), checksums. Packets are in
 * heap buffers of their exact length, so that ASan detects each access outside. */
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include <rte_eal.h>
#include <rte_ip.h>
#include <rte_mbuf.h>
#include <rte_tcp.h>
#include <rte_udp.h>

#include "host/offload_priv.h"
#include "test.h"

#define OPTIONS 12 /* timestamps, as most TCP stacks send them */
#define HEADER  (sizeof(struct rte_ipv4_hdr) + sizeof(struct rte_tcp_hdr) + OPTIONS)
#define SIZE    1424
#define FIRST   0xfffff000u /* the sequence number wraps */
#define MOST    64

static struct rte_mempool *pool;

static uint8_t byte_of(uint32_t n)
{
	return (uint8_t)(n * 7 + (n >> 8));
}

/* A packet as the kernel passes it: an L2 header of l2 bytes, TCP with `payload` bytes, without checksums. */
static uint8_t *packet_make(uint32_t l2, uint32_t payload, uint8_t flags)
{
	uint8_t *packet = calloc(1, l2 + HEADER + payload);
	struct rte_ipv4_hdr *ip = (struct rte_ipv4_hdr *)(packet + l2);
	struct rte_tcp_hdr *tcp = (struct rte_tcp_hdr *)(ip + 1);

	if (l2 > 0)
		memcpy(packet + 12, l2 > 14 ? "\x81\x00\x00\x07\x08\x00" : "\x08\x00", l2 - 12);
	*ip = (struct rte_ipv4_hdr){.version_ihl = RTE_IPV4_VHL_DEF,
				    .total_length = rte_cpu_to_be_16(HEADER + payload),
				    .packet_id = RTE_BE16(0xffff),
				    .fragment_offset = RTE_BE16(RTE_IPV4_HDR_DF_FLAG),
				    .time_to_live = 64,
				    .next_proto_id = IPPROTO_TCP,
				    .src_addr = RTE_BE32(0x0a640001),
				    .dst_addr = RTE_BE32(0x0a640002)};
	*tcp = (struct rte_tcp_hdr){.src_port = RTE_BE16(1000),
				    .dst_port = RTE_BE16(22),
				    .sent_seq = RTE_BE32(FIRST),
				    .recv_ack = RTE_BE32(5),
				    .data_off = (sizeof(*tcp) + OPTIONS) / 4 << 4,
				    .tcp_flags = flags,
				    .rx_win = RTE_BE16(500)};
	memcpy(tcp + 1,
	       "\x01\x01\x08\x0a"
	       "12345678",
	       OPTIONS);
	for (uint32_t i = 0; i < payload; i++)
		packet[l2 + HEADER + i] = byte_of(i);
	return packet;
}

static struct virtio_net_hdr segmented_packet_make(uint32_t l2, uint16_t size)
{
	return (struct virtio_net_hdr){.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
				       .gso_type = VIRTIO_NET_HDR_GSO_TCPV4,
				       .gso_size = size,
				       .hdr_len = l2 + HEADER,
				       .csum_start = l2 + sizeof(struct rte_ipv4_hdr),
				       .csum_offset = 16};
}

/* ---- GSO ---- */

static void segment_check(const uint8_t *bytes, const struct gremc_gso *gso, uint32_t n, uint8_t flags)
{
	const struct rte_ipv4_hdr *ip = (const struct rte_ipv4_hdr *)(bytes + gso->l3);
	const struct rte_tcp_hdr *tcp = (const struct rte_tcp_hdr *)(ip + 1);
	uint32_t length = gremc_gso_segment_length(gso, n);

	assert_int_equal(rte_be_to_cpu_16(ip->total_length), length - gso->l3);
	assert_int_equal(rte_be_to_cpu_16(ip->packet_id), (uint16_t)(0xffff + n));
	assert_int_equal(rte_ipv4_cksum(ip), 0);
	assert_int_equal(rte_ipv4_udptcp_cksum_verify(ip, tcp), 0);
	assert_int_equal(rte_be_to_cpu_32(tcp->sent_seq), FIRST + n * SIZE);
	assert_int_equal(tcp->tcp_flags, flags);
	assert_memory_equal(tcp + 1,
			    "\x01\x01\x08\x0a"
			    "12345678",
			    OPTIONS);
	for (uint32_t i = 0; i < length - gso->header; i++)
		assert_int_equal(bytes[gso->header + i], byte_of(n * SIZE + i));
}

/* Each segment is a complete packet; only the first has CWR, only the last has PSH and FIN. */
static void test_tcp_is_cut_into_segments(void **state __rte_unused)
{
	const uint8_t all = RTE_TCP_ACK_FLAG | RTE_TCP_PSH_FLAG | RTE_TCP_FIN_FLAG | RTE_TCP_CWR_FLAG;
	const uint32_t payloads[] = {1, SIZE, SIZE + 1, 2 * SIZE, 45 * SIZE + 7}, l2s[] = {0, 14, 18};

	for (unsigned i = 0; i < RTE_DIM(payloads) * RTE_DIM(l2s); i++) {
		uint32_t payload = payloads[i % RTE_DIM(payloads)], l2 = l2s[i / RTE_DIM(payloads)];
		struct virtio_net_hdr header = segmented_packet_make(l2, SIZE);
		uint8_t *packet = packet_make(l2, payload, all);
		struct gremc_gso gso;

		assert_int_equal(gremc_gso_init(&gso, &header, l2 > 0, packet, l2 + HEADER + payload), 0);
		assert_int_equal(gso.count, (payload + SIZE - 1) / SIZE);
		for (uint32_t n = 0; n < gso.count; n++) {
			uint8_t *bytes = malloc(gremc_gso_segment_length(&gso, n)), flags = all;

			if (n > 0)
				flags &= (uint8_t)~RTE_TCP_CWR_FLAG;
			if (n + 1 < gso.count)
				flags &= (uint8_t) ~(RTE_TCP_PSH_FLAG | RTE_TCP_FIN_FLAG);
			gremc_gso_segment_write(&gso, n, bytes);
			segment_check(bytes, &gso, n, flags);
			free(bytes);
		}
		free(packet);
	}
}

/* A request that does not fit the packet is refused without a read behind it. */
static void test_wrong_offload_requests_are_refused(void **state __rte_unused)
{
	struct virtio_net_hdr good = segmented_packet_make(0, SIZE), bad[4] = {good, good, good, good};
	struct gremc_gso gso;

	bad[0].gso_size = 0;
	bad[1].gso_type = VIRTIO_NET_HDR_GSO_TCPV6;
	bad[2].gso_type = VIRTIO_NET_HDR_GSO_NONE;
	bad[2].csum_start = UINT16_MAX;
	bad[3].gso_type = VIRTIO_NET_HDR_GSO_NONE;
	bad[3].csum_offset = UINT16_MAX;
	for (uint32_t length = 1; length <= HEADER; length++) {
		uint8_t *whole = packet_make(0, 1, RTE_TCP_ACK_FLAG), *packet = malloc(length);

		memcpy(packet, whole, length);
		assert_int_equal(gremc_gso_init(&gso, &good, false, packet, length), -EINVAL);
		/* as a frame the packet is another one: accepted segments lie within it */
		if (gremc_gso_init(&gso, &good, true, packet, length) == 0)
			assert_true(gso.header < length);
		for (unsigned i = 0; i < RTE_DIM(bad); i++)
			assert_int_equal(gremc_gso_init(&gso, &bad[i], false, packet, length), -EINVAL);
		free(packet);
		free(whole);
	}
}

/* The kernel writes the sum of the pseudo header. For UDP, a checksum of 0 is sent as 0xffff (RFC 768). */
static void test_checksums_are_completed(void **state __rte_unused)
{
	const uint32_t l4 = sizeof(struct rte_ipv4_hdr), length = l4 + sizeof(struct rte_udp_hdr) + 2;
	const struct virtio_net_hdr header = {
		.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM, .csum_start = l4, .csum_offset = 6};
	bool zero = false;

	for (uint32_t n = 0; n <= UINT16_MAX; n++) {
		uint8_t *packet = packet_make(0, 0, 0);
		struct rte_ipv4_hdr *ip = (struct rte_ipv4_hdr *)packet;
		struct rte_udp_hdr *udp = (struct rte_udp_hdr *)(ip + 1);
		uint16_t data = n;
		struct gremc_gso gso;

		ip->next_proto_id = IPPROTO_UDP;
		ip->total_length = rte_cpu_to_be_16(length);
		udp->dgram_len = rte_cpu_to_be_16(length - l4);
		memcpy(udp + 1, &data, sizeof(data));
		udp->dgram_cksum = rte_ipv4_phdr_cksum(ip, 0);
		assert_int_equal(gremc_gso_init(&gso, &header, false, packet, length), 0);
		assert_int_equal(gso.count, 1);
		assert_int_equal(gremc_gso_segment_length(&gso, 0), length);
		assert_int_not_equal(udp->dgram_cksum, 0);
		zero |= udp->dgram_cksum == UINT16_MAX;
		if (n % 97 == 0)
			assert_int_equal(rte_ipv4_udptcp_cksum_verify(ip, udp), 0);
		free(packet);
	}
	assert_true(zero);
}

/* ---- GRO ---- */

/* Segments as a tunnel (l2 0) or a port receives them; the last one has PSH. */
static uint32_t segments_make(uint32_t l2, uint32_t payload, uint8_t flags, struct rte_mbuf **mbufs)
{
	struct virtio_net_hdr header = segmented_packet_make(l2, SIZE);
	uint8_t *packet = packet_make(l2, payload, flags);
	struct gremc_gso gso;

	assert_int_equal(gremc_gso_init(&gso, &header, l2 > 0, packet, l2 + HEADER + payload), 0);
	for (uint32_t n = 0; n < gso.count; n++) {
		mbufs[n] = rte_pktmbuf_alloc(pool);
		mbufs[n]->l2_len = l2;
		gremc_gso_segment_write(
			&gso, n, (uint8_t *)rte_pktmbuf_append(mbufs[n], gremc_gso_segment_length(&gso, n)));
	}
	free(packet);
	return gso.count;
}

static void check_merged(struct rte_mbuf *mbuf, uint32_t l2, uint32_t payload)
{
	uint8_t *bytes = malloc(mbuf->pkt_len);
	const uint8_t *whole = rte_pktmbuf_read(mbuf, 0, mbuf->pkt_len, bytes);
	const struct rte_ipv4_hdr *ip = (const struct rte_ipv4_hdr *)(whole + l2);
	struct virtio_net_hdr header;

	assert_int_equal(mbuf->pkt_len, l2 + HEADER + payload);
	assert_int_equal(rte_be_to_cpu_16(ip->total_length), HEADER + payload);
	assert_int_equal(rte_ipv4_cksum(ip), 0);
	for (uint32_t i = 0; i < payload; i++)
		assert_int_equal(whole[l2 + HEADER + i], byte_of(i));
	gremc_gro_header_write(mbuf, &header);
	assert_int_equal(header.gso_type, VIRTIO_NET_HDR_GSO_TCPV4);
	assert_int_equal(header.gso_size, SIZE);
	assert_int_equal(header.hdr_len, l2 + HEADER);
	assert_int_equal(header.csum_start, l2 + sizeof(*ip));
	/* the field has the value that the kernel writes for a NIC */
	assert_int_equal(((const struct rte_tcp_hdr *)(ip + 1))->cksum, rte_ipv4_phdr_cksum(ip, 0));
	free(bytes);
}

static void test_segments_are_merged(void **state __rte_unused)
{
	for (uint32_t l2 = 0; l2 <= 14; l2 += 14) {
		/* at least as many segments as each version of DPDK merges */
		const uint32_t payload = 14 * SIZE + 7;
		struct rte_mbuf *mbufs[MOST];
		uint32_t n = segments_make(l2, payload, RTE_TCP_ACK_FLAG, mbufs);

		for (uint32_t i = 0; i < n; i++)
			assert_true(gremc_gro_is_mergeable(mbufs[i]));
		assert_int_equal(gremc_gro_merge(mbufs, n, l2 > 0), 1);
		assert_int_equal(gremc_gro_segment_count(mbufs[0]), n);
		check_merged(mbufs[0], l2, payload);
		rte_pktmbuf_free(mbufs[0]);
	}
}

/* A gap results in two packets, in order. A single segment stays unchanged. */
static void test_gap_in_the_sequence_stays(void **state __rte_unused)
{
	struct rte_mbuf *mbufs[MOST];
	struct virtio_net_hdr header;
	uint32_t n = segments_make(0, 6 * SIZE, RTE_TCP_ACK_FLAG, mbufs);

	rte_pktmbuf_free(mbufs[2]);
	memmove(&mbufs[2], &mbufs[3], (n - 3) * sizeof(mbufs[0]));
	assert_int_equal(gremc_gro_merge(mbufs, n - 1, false), 2);
	assert_int_equal(gremc_gro_segment_count(mbufs[0]), 2);
	assert_int_equal(gremc_gro_segment_count(mbufs[1]), 3);
	rte_pktmbuf_free_bulk(mbufs, 2);
	segments_make(0, 1, RTE_TCP_ACK_FLAG, mbufs);
	assert_int_equal(gremc_gro_merge(mbufs, 1, false), 1);
	gremc_gro_header_write(mbufs[0], &header);
	assert_int_equal(header.gso_type, VIRTIO_NET_HDR_GSO_NONE);
	assert_int_equal(header.flags, 0);
	rte_pktmbuf_free(mbufs[0]);
}

static void segment_spoil(struct rte_mbuf *mbuf, uint32_t at, uint8_t bits)
{
	*rte_pktmbuf_mtod_offset(mbuf, uint8_t *, at) ^= bits;
}

/* Packets that the kernel must get unchanged: damaged packets, fragments, flags, other protocols, options. */
static void test_other_packets_stay_unchanged(void **state __rte_unused)
{
	const struct {
		uint32_t at;
		uint8_t bits;
	} spoilt[] = {{HEADER, 1}, {10, 1}, {6, 0x20}, {7, 1},    {33, RTE_TCP_PSH_FLAG},
		      {9, 0x17},   {0, 3},  {2, 4},    {32, 0xf0}};
	struct rte_mbuf *mbufs[MOST];

	for (unsigned i = 0; i < RTE_DIM(spoilt); i++) {
		assert_int_equal(segments_make(0, 1, RTE_TCP_ACK_FLAG, mbufs), 1);
		assert_true(gremc_gro_is_mergeable(mbufs[0]));
		segment_spoil(mbufs[0], spoilt[i].at, spoilt[i].bits);
		assert_false(gremc_gro_is_mergeable(mbufs[0]));
		rte_pktmbuf_free(mbufs[0]);
	}
	segments_make(18, 1, RTE_TCP_ACK_FLAG, mbufs);
	assert_false(gremc_gro_is_mergeable(mbufs[0]));
	rte_pktmbuf_trim(mbufs[0], mbufs[0]->data_len - 30);
	assert_false(gremc_gro_is_mergeable(mbufs[0]));
	rte_pktmbuf_free(mbufs[0]);
	segments_make(0, 2 * SIZE, RTE_TCP_ACK_FLAG, mbufs);
	assert_true(gremc_gro_is_same_class(mbufs[0], mbufs[1]));
	segment_spoil(mbufs[1], 1, 3); /* congestion experienced (RFC 3168) must be kept */
	assert_false(gremc_gro_is_same_class(mbufs[0], mbufs[1]));
	rte_pktmbuf_free_bulk(mbufs, 2);
}

/* ---- EAL ---- */

static int offload_eal_start(void **state __rte_unused)
{
	char *arguments[] = {"test",        "--no-huge",      "-m", "64", "--no-pci",
			     "--no-shconf", "--no-telemetry", "-l", "0"};

	if (rte_eal_init(RTE_DIM(arguments), arguments) < 0)
		return -1;
	pool = rte_pktmbuf_pool_create("pool", 127, 0, 0, 2200, SOCKET_ID_ANY);
	return pool ? 0 : -1;
}

/* Each mbuf has returned to its pool. */
static int offload_eal_stop(void **state __rte_unused)
{
	return rte_mempool_avail_count(pool) == 127 ? rte_eal_cleanup() : -1;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_tcp_is_cut_into_segments),
		cmocka_unit_test(test_wrong_offload_requests_are_refused),
		cmocka_unit_test(test_checksums_are_completed),
		cmocka_unit_test(test_segments_are_merged),
		cmocka_unit_test(test_gap_in_the_sequence_stays),
		cmocka_unit_test(test_other_packets_stay_unchanged),
	};

	return cmocka_run_group_tests_name("offload", tests, offload_eal_start, offload_eal_stop);
}
