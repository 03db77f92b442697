/* SPDX-License-Identifier: BSD-3-Clause */
/* The MTU of the path: ICMP about packets of tunnels, from the parser to the engine of peers. */
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include <rte_ip.h>

#include "peer_world.h"
#include "proto/gre.h"
#include "proto/icmp.h"

#define ROUTER RTE_BE32(0x0a0000fe)
#define LINK   1500 /* the largest outer packet of each tunnel */

/* ---- packets ---- */

/* The parts of an ICMP message. Zero: as a router sends it about a packet without a key. */
struct report {
	uint8_t type, code;
	uint16_t mtu, quoted_length, fragment, quoted_fragment, gre_flags, gre_protocol;
	uint32_t key;
	bool has_key, bad_checksum, udp;
	uint16_t quoted_bytes; /* after the quoted IP header; 0: 8 (RFC 792) */
};

static uint16_t report_write(uint8_t *packet, const struct report *report)
{
	const uint16_t quoted = report->quoted_bytes ? report->quoted_bytes : 8;
	const uint16_t length = 20 + 8 + 20 + quoted;
	struct rte_ipv4_hdr ip = {.version_ihl = 0x45,
				  .total_length = rte_cpu_to_be_16(length),
				  .fragment_offset = rte_cpu_to_be_16(report->fragment),
				  .time_to_live = 60,
				  .next_proto_id = IPPROTO_ICMP,
				  .src_addr = ROUTER,
				  .dst_addr = LOCAL};
	struct rte_ipv4_hdr quote = {.version_ihl = 0x45,
				     .total_length = rte_cpu_to_be_16(report->quoted_length),
				     .fragment_offset = rte_cpu_to_be_16(report->quoted_fragment),
				     .time_to_live = 1,
				     .next_proto_id = report->udp ? IPPROTO_UDP : IPPROTO_GRE,
				     .src_addr = LOCAL,
				     .dst_addr = REMOTE};
	const rte_be16_t gre[2] = {
		rte_cpu_to_be_16((report->has_key ? GREMC_GRE_KEY : 0) | report->gre_flags),
		rte_cpu_to_be_16(report->gre_protocol ? report->gre_protocol : GREMC_GRE_IPV4)};
	const rte_be32_t key = rte_cpu_to_be_32(report->key);
	const rte_be16_t mtu = rte_cpu_to_be_16(report->mtu);
	rte_be16_t sum;

	memset(packet, 0, length);
	ip.hdr_checksum = rte_ipv4_cksum(&ip);
	memcpy(packet, &ip, sizeof(ip));
	packet[20] = report->type ? report->type : GREMC_ICMP_UNREACHABLE;
	packet[21] = report->code;
	memcpy(packet + 26, &mtu, sizeof(mtu));
	memcpy(packet + 28, &quote, sizeof(quote));
	memcpy(packet + 48, gre, RTE_MIN(sizeof(gre), (size_t)quoted));
	if (report->has_key && quoted >= 8)
		memcpy(packet + 52, &key, sizeof(key));
	sum = (rte_be16_t)~rte_raw_cksum(packet + 20, length - 20);
	if (report->bad_checksum)
		sum ^= 1;
	memcpy(packet + 22, &sum, sizeof(sum));
	return length;
}

/* Parse it in a buffer of its exact length, so that a sanitizer detects reads past its end. */
static bool report_parse(const struct report *report, struct gremc_icmp_error *error)
{
	uint8_t packet[256];
	const uint16_t length = report_write(packet, report);
	uint8_t *exact = malloc(length);
	bool parsed;

	memcpy(exact, packet, length);
	parsed = gremc_icmp_error_parse(exact, length, error);
	free(exact);
	return parsed;
}

/* RFC 792: an error quotes the IP header and 8 bytes, which hold the GRE header and its key (RFC 2890). */
static void test_rfc792_quote_identifies_the_tunnel(void **state)
{
	const struct report plain = {.code = 4, .mtu = 1400, .quoted_length = 1500},
			    keyed = {.code = 4,
				     .mtu = 1400,
				     .quoted_length = 1500,
				     .has_key = true,
				     .key = 77},
			    other = {.code = 1, .mtu = 9, .quoted_length = 100, .quoted_bytes = 60};
	struct gremc_icmp_error error;

	(void)state;
	assert_true(report_parse(&plain, &error));
	assert_int_equal(error.source, LOCAL);
	assert_int_equal(error.destination, REMOTE);
	assert_int_equal(error.total_length, 1500);
	assert_int_equal(error.next_hop_mtu, 1400);
	assert_false(error.has_key);
	assert_true(report_parse(&keyed, &error));
	assert_true(error.has_key);
	assert_int_equal(error.key, 77);
	/* the MTU field of other codes is unused */
	assert_true(report_parse(&other, &error));
	assert_int_equal(error.code, 1);
	assert_int_equal(error.next_hop_mtu, 0);
}

static void test_other_packets_are_no_reports(void **state)
{
	const struct report reports[] = {
		{.type = 8},
		{.type = 11},
		{.code = 4, .bad_checksum = true},
		{.code = 4, .fragment = 0x2000},
		{.code = 4, .fragment = 1},
		{.code = 4, .quoted_fragment = 1},
		{.code = 4, .udp = true},
		{.code = 4, .gre_protocol = 0x6558},
		{.code = 4, .gre_flags = 1},
		{.code = 4, .quoted_bytes = 3},
		/* the key is not in the quote, so the tunnel is not known */
		{.code = 4, .has_key = true, .quoted_bytes = 4},
		{.code = 4, .has_key = true, .gre_flags = GREMC_GRE_CHECKSUM},
	};
	struct gremc_icmp_error error;
	uint8_t packet[256];

	(void)state;
	for (unsigned i = 0; i < RTE_DIM(reports); i++)
		assert_false(report_parse(&reports[i], &error));
	/* each length that ends before the GRE header */
	report_write(packet, &(struct report){.code = 4, .mtu = 1400, .quoted_length = 1500});
	for (uint16_t length = 0; length < 20 + 8 + 20 + 4; length++)
		assert_false(gremc_icmp_error_parse(packet, length, &error));
}

/* RFC 1191, section 7.1: an old router reports an MTU of 0, and the next lower plateau is tried. */
static void test_rfc1191_plateaus_replace_a_missing_mtu(void **state)
{
	const struct {
		uint16_t length, mtu;
	} cases[] = {{65535, 32000}, {9000, 8166}, {1500, 1492}, {1492, 1006},
		     {1006, 508},    {100, 68},    {60, 68}};
	struct gremc_icmp_error error = {.code = GREMC_ICMP_FRAGMENTATION_NEEDED};

	(void)state;
	for (unsigned i = 0; i < RTE_DIM(cases); i++) {
		error.total_length = cases[i].length;
		assert_int_equal(gremc_icmp_error_mtu(&error), cases[i].mtu);
	}
	error.next_hop_mtu = 1280;
	assert_int_equal(gremc_icmp_error_mtu(&error), 1280);
}

/* ---- the engine ---- */

static void report_input(struct world *world, uint32_t vif, uint16_t mtu, uint16_t quoted_length)
{
	const struct gremc_icmp_error error = {
		.code = GREMC_ICMP_FRAGMENTATION_NEEDED, .next_hop_mtu = mtu, .total_length = quoted_length};

	gremc_peer_icmp_input(world->peers, vif, &error, LINK, world->now);
}

static void test_report_lowers_the_path_mtu_of_its_tunnel(void **state)
{
	struct world *world = *state;

	report_input(world, 1, 1400, 1500);
	assert_int_equal(world->path_mtu[1], 1400);
	assert_int_equal(world->path_mtu[2], 0);
	assert_int_equal(info_read(world, 1).path_mtu, 1400);
	assert_int_equal(info_read(world, 1).reports, 1);
}

/* RFC 1191, section 6.3: a larger MTU is tried ten minutes after the last decrease. */
static void test_rfc1191_path_mtu_expires(void **state)
{
	struct world *world = *state;

	report_input(world, 1, 1400, 1500);
	world->now += 300 * SECOND;
	report_input(world, 1, 1300, 1400);
	assert_int_equal(world->path_mtu[1], 1300);
	assert_int_equal(gremc_peers_next_due(world->peers), world->now + 600 * SECOND);
	gremc_peers_run(world->peers, world->now + 600 * SECOND - 1);
	assert_int_equal(world->path_mtu[1], 1300);
	gremc_peers_run(world->peers, world->now + 600 * SECOND);
	assert_int_equal(world->path_mtu[1], 0);
	assert_int_equal(info_read(world, 1).path_mtu, 0);
	assert_int_equal(gremc_peers_next_due(world->peers), GREMC_PEER_NEVER);
}

/* RFC 5927, section 7.2: a packet that fits the reported MTU, or that no port of the program can have sent,
 * was not rejected by any router; and no report lowers the MTU below the bound. */
static void test_rfc5927_forged_reports_change_nothing(void **state)
{
	struct world *world = *state;

	report_input(world, 1, 1400, 1400);
	report_input(world, 1, 1400, 100);
	report_input(world, 1, 1400, LINK + 1);
	assert_int_equal(world->path_mtu_changes, 0);
	assert_int_equal(info_read(world, 1).reports_ignored, 3);
	report_input(world, 1, 68, 1500);
	assert_int_equal(world->path_mtu[1], 552);
	world->now += 2 * SECOND;
	report_input(world, 1, 68, 552);
	assert_int_equal(world->path_mtu[1], 552);
}

static void test_reports_are_limited(void **state)
{
	struct world *world = *state;

	report_input(world, 1, 1400, 1500);
	for (uint16_t mtu = 1399; mtu > 1300; mtu--)
		report_input(world, 1, mtu, 1500);
	assert_int_equal(world->path_mtu_changes, 1);
	assert_int_equal(info_read(world, 1).reports_ignored, 99);
	/* the limit is that of one tunnel */
	report_input(world, 2, 1300, 1500);
	assert_int_equal(world->path_mtu[2], 1300);
	world->now += SECOND;
	report_input(world, 1, 1300, 1500);
	assert_int_equal(world->path_mtu[1], 1300);
	/* one that is not lower does not renew it */
	world->now += 599 * SECOND;
	report_input(world, 1, 1300, 1500);
	gremc_peers_run(world->peers, world->now + SECOND);
	assert_int_equal(world->path_mtu[1], 0);
}

static void test_other_codes_are_counted(void **state)
{
	struct world *world = *state;
	const struct gremc_icmp_error error = {.code = 1, .total_length = 100};

	gremc_peer_icmp_input(world->peers, 3, &error, LINK, world->now);
	assert_int_equal(info_read(world, 3).unreachable, 1);
	assert_int_equal(world->path_mtu_changes, 0);
}

static void test_forgotten_vif_has_no_path_mtu(void **state)
{
	struct world *world = *state;

	report_input(world, 1, 1400, 1500);
	gremc_peer_forget(world->peers, 1);
	assert_int_equal(gremc_peers_next_due(world->peers), GREMC_PEER_NEVER);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rfc792_quote_identifies_the_tunnel),
		cmocka_unit_test(test_other_packets_are_no_reports),
		cmocka_unit_test(test_rfc1191_plateaus_replace_a_missing_mtu),
		PEER(test_report_lowers_the_path_mtu_of_its_tunnel),
		PEER(test_rfc1191_path_mtu_expires),
		PEER(test_rfc5927_forged_reports_change_nothing),
		PEER(test_reports_are_limited),
		PEER(test_other_codes_are_counted),
		PEER(test_forgotten_vif_has_no_path_mtu),
	};

	return cmocka_run_group_tests_name("pmtu", tests, NULL, NULL);
}
