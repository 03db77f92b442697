/* SPDX-License-Identifier: BSD-3-Clause */
/* What stands in for a NIC's offloads on the host path: TCP cut and put together, checksums. Packets lie in
 * heap buffers of their size, so that the sanitizer sees a byte too many. */
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

#define OPTIONS 12 /* timestamps, as every TCP has them */
#define HEADER  (sizeof(struct rte_ipv4_hdr) + sizeof(struct rte_tcp_hdr) + OPTIONS)
#define SIZE    1424
#define FIRST   0xfffff000u /* the sequence number wraps */
#define MOST    64

static struct rte_mempool *pool;

static uint8_t byte_of(uint32_t n)
{
	return (uint8_t)(n * 7 + (n >> 8));
}

/* A packet as the kernel hands it over: l2 bytes of header, then TCP with `payload` bytes, no sum right. */
static uint8_t *make_packet(uint32_t l2, uint32_t payload, uint8_t flags)
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

/* ---- down ---- */

static void check_segment(const uint8_t *bytes, const struct gremc_gso *gso, uint32_t n, uint8_t flags)
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

/* Every segment is a packet of its own; CWR is on the first alone, PSH and FIN on the last. */
static void tcp_is_cut(void **state __rte_unused)
{
	const uint8_t all = RTE_TCP_ACK_FLAG | RTE_TCP_PSH_FLAG | RTE_TCP_FIN_FLAG | RTE_TCP_CWR_FLAG;
	const uint32_t payloads[] = {1, SIZE, SIZE + 1, 2 * SIZE, 45 * SIZE + 7}, l2s[] = {0, 14, 18};

	for (unsigned i = 0; i < RTE_DIM(payloads) * RTE_DIM(l2s); i++) {
		uint32_t payload = payloads[i % RTE_DIM(payloads)], l2 = l2s[i / RTE_DIM(payloads)];
		struct virtio_net_hdr header = segmented_packet_make(l2, SIZE);
		uint8_t *packet = make_packet(l2, payload, all);
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
			check_segment(bytes, &gso, n, flags);
			free(bytes);
		}
		free(packet);
	}
}

/* What does not fit the packet is refused, and nothing is read behind it. */
static void nonsense_is_refused(void **state __rte_unused)
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
		uint8_t *whole = make_packet(0, 1, RTE_TCP_ACK_FLAG), *packet = malloc(length);

		memcpy(packet, whole, length);
		assert_int_equal(gremc_gso_init(&gso, &good, false, packet, length), -EINVAL);
		gremc_gso_init(&gso, &good, true, packet, length);
		for (unsigned i = 0; i < RTE_DIM(bad); i++)
			assert_int_equal(gremc_gso_init(&gso, &bad[i], false, packet, length), -EINVAL);
		free(packet);
		free(whole);
	}
}

/* The kernel leaves the pseudo header's sum: of UDP, too, where a sum of 0 must not be sent as such. */
static void checksums_are_finished(void **state __rte_unused)
{
	const uint32_t l4 = sizeof(struct rte_ipv4_hdr), length = l4 + sizeof(struct rte_udp_hdr) + 2;
	const struct virtio_net_hdr header = {
		.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM, .csum_start = l4, .csum_offset = 6};
	bool zero = false;

	for (uint32_t n = 0; n <= UINT16_MAX; n++) {
		uint8_t *packet = make_packet(0, 0, 0);
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

/* ---- up ---- */

/* Segments as they come from a tunnel (l2 0) or a port, in mbufs; PSH on the last of them. */
static uint32_t make_segments(uint32_t l2, uint32_t payload, uint8_t flags, struct rte_mbuf **mbufs)
{
	struct virtio_net_hdr header = segmented_packet_make(l2, SIZE);
	uint8_t *packet = make_packet(l2, payload, flags);
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
	/* the field has what the kernel leaves when it has a NIC */
	assert_int_equal(((const struct rte_tcp_hdr *)(ip + 1))->cksum, rte_ipv4_phdr_cksum(ip, 0));
	free(bytes);
}

static void segments_are_put_together(void **state __rte_unused)
{
	for (uint32_t l2 = 0; l2 <= 14; l2 += 14) {
		/* what each DPDK puts together: a later one stops at about 20 segments */
		const uint32_t payload = 14 * SIZE + 7;
		struct rte_mbuf *mbufs[MOST];
		uint32_t n = make_segments(l2, payload, RTE_TCP_ACK_FLAG, mbufs);

		for (uint32_t i = 0; i < n; i++)
			assert_true(gremc_gro_is_mergeable(mbufs[i]));
		assert_int_equal(gremc_gro_merge(mbufs, n, l2 > 0), 1);
		assert_int_equal(gremc_gro_segment_count(mbufs[0]), n);
		check_merged(mbufs[0], l2, payload);
		rte_pktmbuf_free(mbufs[0]);
	}
}

/* A gap stays a gap: two packets, in their order. One segment alone stays as it is. */
static void a_gap_stays(void **state __rte_unused)
{
	struct rte_mbuf *mbufs[MOST];
	struct virtio_net_hdr header;
	uint32_t n = make_segments(0, 6 * SIZE, RTE_TCP_ACK_FLAG, mbufs);

	rte_pktmbuf_free(mbufs[2]);
	memmove(&mbufs[2], &mbufs[3], (n - 3) * sizeof(mbufs[0]));
	assert_int_equal(gremc_gro_merge(mbufs, n - 1, false), 2);
	assert_int_equal(gremc_gro_segment_count(mbufs[0]), 2);
	assert_int_equal(gremc_gro_segment_count(mbufs[1]), 3);
	rte_pktmbuf_free_bulk(mbufs, 2);
	make_segments(0, 1, RTE_TCP_ACK_FLAG, mbufs);
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

/* What the kernel has to see as it is: damaged, fragments, the end of a series, other protocols, options. */
static void others_are_left_alone(void **state __rte_unused)
{
	const struct {
		uint32_t at;
		uint8_t bits;
	} spoilt[] = {{HEADER, 1}, {10, 1}, {6, 0x20}, {7, 1},    {33, RTE_TCP_PSH_FLAG},
		      {9, 0x17},   {0, 3},  {2, 4},    {32, 0xf0}};
	struct rte_mbuf *mbufs[MOST];

	for (unsigned i = 0; i < RTE_DIM(spoilt); i++) {
		assert_int_equal(make_segments(0, 1, RTE_TCP_ACK_FLAG, mbufs), 1);
		assert_true(gremc_gro_is_mergeable(mbufs[0]));
		segment_spoil(mbufs[0], spoilt[i].at, spoilt[i].bits);
		assert_false(gremc_gro_is_mergeable(mbufs[0]));
		rte_pktmbuf_free(mbufs[0]);
	}
	make_segments(18, 1, RTE_TCP_ACK_FLAG, mbufs);
	assert_false(gremc_gro_is_mergeable(mbufs[0]));
	rte_pktmbuf_trim(mbufs[0], mbufs[0]->data_len - 30);
	assert_false(gremc_gro_is_mergeable(mbufs[0]));
	rte_pktmbuf_free(mbufs[0]);
	make_segments(0, 2 * SIZE, RTE_TCP_ACK_FLAG, mbufs);
	assert_true(gremc_gro_is_same_class(mbufs[0], mbufs[1]));
	segment_spoil(mbufs[1], 1, 3); /* congestion experienced (RFC 3168) must not be lost */
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

/* Every mbuf has come back. */
static int offload_eal_stop(void **state __rte_unused)
{
	return rte_mempool_avail_count(pool) == 127 ? rte_eal_cleanup() : -1;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tcp_is_cut),
		cmocka_unit_test(nonsense_is_refused),
		cmocka_unit_test(checksums_are_finished),
		cmocka_unit_test(segments_are_put_together),
		cmocka_unit_test(a_gap_stays),
		cmocka_unit_test(others_are_left_alone),
	};

	return cmocka_run_group_tests_name("offload", tests, offload_eal_start, offload_eal_stop);
}
