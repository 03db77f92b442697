/* SPDX-License-Identifier: BSD-3-Clause */
/* Parsers of wire formats. Each call uses a heap buffer of the exact length, so a sanitizer detects a read
 * past its end. */
#include <stdlib.h>
#include <string.h>

#include <rte_ip.h>

#include "proto/proto.h"
#include "test.h"

static uint8_t *bytes_copy(const void *bytes, size_t length)
{
	uint8_t *copy = malloc(length ? length : 1);

	assert_non_null(copy);
	memcpy(copy, bytes, length);
	return copy;
}

/* ---- GRE ---- */

static enum gremc_proto_error gre_parse(const uint8_t *bytes, size_t length, struct gremc_gre *out)
{
	uint8_t *copy = bytes_copy(bytes, length);
	enum gremc_proto_error error = gremc_gre_parse(copy, length, out);

	free(copy);
	return error;
}

/* Every combination of C, K and S, complete and cut at every byte. */
static void test_gre_key_follows_optional_checksum(void **state)
{
	struct gremc_gre out;

	(void)state;
	for (unsigned flags = 0; flags < 8; flags++) {
		bool c = flags & 4, k = flags & 2, s = flags & 1;
		uint8_t bytes[16] = {c << 7 | k << 5 | s << 4, 0, 0x08, 0x00};
		size_t length = 4 + 4 * (c + k + s);

		if (k)
			memcpy(bytes + 4 + 4 * c, "\xde\xad\xbe\xef", 4);
		for (size_t cut = 0; cut < length; cut++)
			assert_int_equal(gre_parse(bytes, cut, &out), GREMC_PROTO_gre_truncated);
		assert_int_equal(gre_parse(bytes, length, &out), GREMC_PROTO_OK);
		assert_int_equal(out.length, length);
		assert_int_equal(out.protocol, GREMC_GRE_IPV4);
		assert_int_equal(out.has_key, k);
		assert_int_equal(out.key, k ? 0xdeadbeef : 0);
	}
}

/* RFC 2784, 2.3: bits 1 and 4, 5 must be zero, 6 to 12 are ignored, the version is 0. */
static void test_gre_reserved_flags_are_errors(void **state)
{
	struct gremc_gre out;

	(void)state;
	for (unsigned bit = 0; bit < 16; bit++) {
		uint16_t flags = 0x8000 >> bit;
		uint8_t bytes[16] = {flags >> 8, flags & 0xff, 0x08, 0x00};
		enum gremc_proto_error expected = bit == 1               ? GREMC_PROTO_gre_routing
						  : bit == 4 || bit == 5 ? GREMC_PROTO_gre_flags
						  : bit >= 13            ? GREMC_PROTO_gre_version
									 : GREMC_PROTO_OK;

		assert_int_equal(gre_parse(bytes, sizeof(bytes), &out), expected);
	}
	/* PPTP, with further flags */
	assert_int_equal(gre_parse((const uint8_t[]){0x70, 0x81, 0x88, 0x0b}, 4, &out),
			 GREMC_PROTO_gre_version);
}

/* ---- IPv4 ---- */

static void ipv4_header_init(uint8_t *bytes, unsigned ihl, unsigned total)
{
	struct rte_ipv4_hdr *ip = (struct rte_ipv4_hdr *)bytes;

	memset(bytes, 0x5a, 60);
	ip->version_ihl = 0x40 | ihl;
	ip->type_of_service = 0;
	ip->total_length = rte_cpu_to_be_16(total);
	ip->fragment_offset = 0;
	ip->time_to_live = 64;
	ip->next_proto_id = 17;
	ip->src_addr = RTE_BE32(0x0a000001);
	ip->dst_addr = RTE_BE32(0xef010101);
	ip->hdr_checksum = 0;
	ip->hdr_checksum = ~rte_raw_cksum(bytes, ihl * 4);
}

static enum gremc_proto_error ipv4_parse(const uint8_t *bytes, size_t length, enum gremc_ipv4_layer layer,
					 struct gremc_ipv4 *out)
{
	uint8_t *copy = bytes_copy(bytes, RTE_MIN(length, (size_t)60));
	enum gremc_proto_error error =
		gremc_ipv4_parse_header(copy, length, RTE_MIN(length, (size_t)60), layer, true, out);

	free(copy);
	return error;
}

static void test_ipv4_lengths_are_checked(void **state)
{
	struct gremc_ipv4 out;
	uint8_t bytes[60];

	(void)state;
	for (unsigned ihl = 5; ihl <= 15; ihl++) {
		ipv4_header_init(bytes, ihl, 100);
		assert_int_equal(ipv4_parse(bytes, 120, GREMC_IPV4_OUTER, &out), GREMC_PROTO_OK);
		assert_int_equal(out.header_length, ihl * 4);
		assert_int_equal(out.total_length, 100);
		assert_int_equal(ipv4_parse(bytes, 99, GREMC_IPV4_OUTER, &out), GREMC_PROTO_outer_length);
		assert_int_equal(ipv4_parse(bytes, 99, GREMC_IPV4_INNER, &out), GREMC_PROTO_inner_length);
		if (ihl > 5)
			assert_int_equal(ipv4_parse(bytes, ihl * 4 - 1, GREMC_IPV4_INNER, &out),
					 GREMC_PROTO_inner_ihl);
		ipv4_header_init(bytes, ihl, ihl * 4 - 1);
		assert_int_equal(ipv4_parse(bytes, 120, GREMC_IPV4_INNER, &out), GREMC_PROTO_inner_length);
	}
	ipv4_header_init(bytes, 5, 100);
	for (size_t length = 0; length < 20; length++) {
		assert_int_equal(ipv4_parse(bytes, length, GREMC_IPV4_OUTER, &out), GREMC_PROTO_outer_length);
		assert_int_equal(ipv4_parse(bytes, length, GREMC_IPV4_INNER, &out),
				 GREMC_PROTO_inner_truncated);
	}
	for (unsigned ihl = 0; ihl < 5; ihl++) {
		bytes[0] = 0x40 | ihl;
		assert_int_equal(ipv4_parse(bytes, 120, GREMC_IPV4_OUTER, &out), GREMC_PROTO_outer_ihl);
	}
	for (unsigned version = 0; version < 16; version++) {
		bytes[0] = version << 4 | 5;
		if (version != 4)
			assert_int_equal(ipv4_parse(bytes, 120, GREMC_IPV4_INNER, &out),
					 GREMC_PROTO_inner_version);
	}
}

static void test_ipv4_checksum_detects_each_bit(void **state)
{
	struct gremc_ipv4 out;
	uint8_t bytes[60];

	(void)state;
	for (unsigned ihl = 5; ihl <= 15; ihl++) {
		ipv4_header_init(bytes, ihl, 100);
		for (unsigned bit = 8 * 4; bit < ihl * 32; bit++) {
			bytes[bit / 8] ^= 1 << bit % 8;
			assert_int_equal(ipv4_parse(bytes, 120, GREMC_IPV4_OUTER, &out),
					 GREMC_PROTO_outer_checksum);
			bytes[bit / 8] ^= 1 << bit % 8;
		}
	}
}

static void test_multicast_source_group_and_ttl_are_checked(void **state)
{
	static const struct {
		uint32_t source, group;
		uint8_t ttl;
		enum gremc_proto_error expected;
	} cases[] = {
		{0x0a000001, 0xef010101, 2, GREMC_PROTO_OK},
		{0xf0000001, 0xef010101, 2, GREMC_PROTO_OK},
		{0x0a000001, 0xe0000100, 2, GREMC_PROTO_OK},
		{0x0a000001, 0xef010101, 1, GREMC_PROTO_ttl_expired},
		{0x0a000001, 0xef010101, 0, GREMC_PROTO_ttl_expired},
		{0x0a000001, 0xe0000005, 1, GREMC_PROTO_inner_link_local},
		{0x0a000001, 0xe00000ff, 64, GREMC_PROTO_inner_link_local},
		{0x0a000001, 0x0a000002, 64, GREMC_PROTO_inner_unicast},
		{0x0a000001, 0xffffffff, 64, GREMC_PROTO_inner_unicast},
		{0xe1000001, 0xef010101, 64, GREMC_PROTO_bad_source},
		{0xffffffff, 0xef010101, 64, GREMC_PROTO_bad_source},
		{0x7f000001, 0xef010101, 64, GREMC_PROTO_bad_source},
		{0x00000000, 0xef010101, 64, GREMC_PROTO_bad_source},
		{0x00000020, 0xef010101, 64, GREMC_PROTO_bad_source},
	};

	(void)state;
	for (unsigned i = 0; i < RTE_DIM(cases); i++) {
		struct rte_ipv4_hdr ip = {.src_addr = rte_cpu_to_be_32(cases[i].source),
					  .dst_addr = rte_cpu_to_be_32(cases[i].group),
					  .time_to_live = cases[i].ttl};

		assert_int_equal(gremc_ipv4_check_multicast(&ip), cases[i].expected);
	}
}

/* Every protocol, to groups of every range, with TTLs and sources of every kind. */
static void test_control_traffic_is_never_data(void **state)
{
	static const uint32_t groups[] = {0xe0000000, 0xe0000001, 0xe000000d, 0xe0000016, 0xe00000ff,
					  0xe0000100, 0xe0000127, 0xe8010101, 0xef010101, 0xefffffff};
	static const uint32_t sources[] = {0x0a000001, 0};
	static const uint8_t ttls[] = {0, 1, 2, 64, 255};

	(void)state;
	for (unsigned i = 0; i < 256 * RTE_DIM(groups) * RTE_DIM(sources) * RTE_DIM(ttls); i++) {
		const unsigned protocol = i % 256, group = i / 256 % RTE_DIM(groups);
		const unsigned source = i / 256 / RTE_DIM(groups) % RTE_DIM(sources);
		const uint8_t ttl = ttls[i / 256 / RTE_DIM(groups) / RTE_DIM(sources)];
		const struct rte_ipv4_hdr ip = {.src_addr = rte_cpu_to_be_32(sources[source]),
						.dst_addr = rte_cpu_to_be_32(groups[group]),
						.next_proto_id = protocol,
						.time_to_live = ttl};
		enum gremc_proto_error expected = protocol == 2 ? GREMC_PROTO_inner_igmp : GREMC_PROTO_OK;

		if (groups[group] < 0xe0000100)
			expected = GREMC_PROTO_inner_link_local;
		else if (expected == GREMC_PROTO_OK && sources[source] == 0)
			expected = GREMC_PROTO_bad_source;
		else if (expected == GREMC_PROTO_OK && ttl < 2)
			expected = GREMC_PROTO_ttl_expired;
		assert_int_equal(gremc_ipv4_check_multicast(&ip), expected);
	}
}

/* Compares with a complete checksum. The identifications cover sums with and without a carry. */
static void test_ttl_decrement_updates_checksum(void **state)
{
	uint8_t bytes[60];
	struct rte_ipv4_hdr *ip = (struct rte_ipv4_hdr *)bytes;

	(void)state;
	for (unsigned id = 0; id <= UINT16_MAX; id += 13) {
		for (unsigned ttl = 2; ttl <= 255; ttl += 11) {
			ipv4_header_init(bytes, 5, 100);
			ip->packet_id = id;
			ip->time_to_live = ttl;
			ip->hdr_checksum = 0;
			ip->hdr_checksum = ~rte_raw_cksum(bytes, 20);
			gremc_ipv4_decrement_ttl(ip);
			assert_int_equal(ip->time_to_live, ttl - 1);
			assert_int_equal(rte_raw_cksum(bytes, 20), 0xffff);
		}
	}
}

/* RFC 6040, figure 4. ECT(1) is more severe than ECT(0). */
static void test_ecn_fields_are_merged(void **state)
{
	enum { DROP = 9 };
	static const uint8_t expected[4][4] = {
		/* outer:    Not-ECT ECT(1) ECT(0) CE */
		/* Not-ECT */ {0, 0, 0, DROP},
		/* ECT(1) */ {1, 1, 1, 3},
		/* ECT(0) */ {2, 1, 2, 3},
		/* CE */ {3, 3, 3, 3},
	};
	uint8_t bytes[60];
	struct rte_ipv4_hdr *ip = (struct rte_ipv4_hdr *)bytes;

	(void)state;
	for (unsigned inner = 0; inner < 4; inner++) {
		for (unsigned outer = 0; outer < 4; outer++) {
			enum gremc_proto_error error;

			ipv4_header_init(bytes, 5, 100);
			ip->type_of_service = 0xb8 | inner;
			ip->hdr_checksum = 0;
			ip->hdr_checksum = ~rte_raw_cksum(bytes, 20);
			error = gremc_ipv4_decap_ecn(ip, 0x20 | outer);
			if (expected[inner][outer] == DROP) {
				assert_int_equal(error, GREMC_PROTO_ecn);
				continue;
			}
			assert_int_equal(error, GREMC_PROTO_OK);
			assert_int_equal(ip->type_of_service, 0xb8 | expected[inner][outer]);
			assert_int_equal(rte_raw_cksum(bytes, 20), 0xffff);
		}
	}
}

static void test_group_mac_holds_low_23_bits(void **state)
{
	uint8_t mac[6];

	(void)state;
	gremc_group_mac(mac, RTE_BE32(0xef81a2b3));
	assert_memory_equal(mac, "\x01\x00\x5e\x01\xa2\xb3", 6);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_gre_key_follows_optional_checksum),
		cmocka_unit_test(test_gre_reserved_flags_are_errors),
		cmocka_unit_test(test_ipv4_lengths_are_checked),
		cmocka_unit_test(test_ipv4_checksum_detects_each_bit),
		cmocka_unit_test(test_multicast_source_group_and_ttl_are_checked),
		cmocka_unit_test(test_control_traffic_is_never_data),
		cmocka_unit_test(test_ttl_decrement_updates_checksum),
		cmocka_unit_test(test_ecn_fields_are_merged),
		cmocka_unit_test(test_group_mac_holds_low_23_bits),
	};

	return cmocka_run_group_tests_name("proto", tests, NULL, NULL);
}
