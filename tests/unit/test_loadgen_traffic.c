/* SPDX-License-Identifier: BSD-3-Clause */
/* The traffic of the load generator: flows of a configuration, packets, IGMP reports. */
#include <rte_ip.h>

#include "engine/igmp.h"
#include "proto/proto.h"
#include "traffic/stamp.h"
#include "traffic/template.h"
#include "transmit/pattern_pool.h"
#include "transmit/transmitter.h"

#include "loadgen_world.h"

#define HZ        UINT64_C(2100000000)
#define INNER     141 /* bytes of the inner packets */
#define FLOWS_MAX 16
#define IGMP_AT   24 /* IPv4 header with Router Alert */

/* ---- flows ---- */

static const char CONFIG[] = "ethernets:\n"
			     "  wan: {device: a, addresses: [192.0.2.1/24], gateway4: 192.0.2.254}\n"
			     "  lan: {device: b, addresses: [198.51.100.1/24], multicast: true}\n"
			     "tunnels:\n"
			     "  t0: {local: 192.0.2.1, remote: 203.0.113.1, peer: 10.0.0.9}\n"
			     "  t1: {local: 192.0.2.1, remote: 203.0.113.2}\n"
			     "  t2: {local: 192.0.2.1, remote: 203.0.113.3, key: {input: 3, output: 4}}\n"
			     "mroutes:\n"
			     "  - {group: 239.0.0.0/8, from: any, to: all}\n"
			     "  - {group: 239.1.0.0/16, from: [t1], to: [t2]}\n"
			     "  - {group: 239.1.1.0, from: [t1], to: [t0]}\n"
			     "  - {group: 232.1.1.1, source: 10.9.9.9, from: [t0], to: [t0, lan]}\n";

static void test_each_mroute_has_its_flows_and_streams(void **state)
{
	struct gremc_config *config = loadgen_config_load(CONFIG);
	struct gremc_flows *flows = loadgen_flows_create(
		config, (struct gremc_flows_options){.senders = 1, .groups_per_route = 2, .unicast = 4});
	unsigned tunnelings[4] = {0}, unicast = 0;

	RTE_SET_USED(state);
	for (uint32_t f = 0; f < flows->count; f++) {
		const struct gremc_flow *flow = &flows->flow[f];

		if (flow->kind == GREMC_FLOW_UNICAST) {
			unicast++;
			continue;
		}
		tunnelings[flow->tunneling]++;
		assert_int_equal(gremc_flows_match(config, flow->source, flow->group), flow->mroute);
		assert_false(gremc_ipv4_is_link_local_group(flow->group));
		for (uint32_t k = 0; k < flow->fanout; k++) {
			const struct gremc_stream *s = &flows->stream[flow->first + k];

			assert_true(s->flow == f && s->site != flow->from);
			assert_ptr_equal(gremc_stream_find(flows, s->remote, s->local, s->key, f), s);
		}
	}
	assert_int_equal(unicast, 4);
	/* /8: a tunnel and the LAN, 2 groups each; /16: one of two groups, because 239.1.1.0 has another
	 * mroute */
	assert_int_equal(tunnelings[GREMC_TUNNELING_ENCAP], 2);
	assert_int_equal(tunnelings[GREMC_TUNNELING_DECAP], 1);
	assert_int_equal(tunnelings[GREMC_TUNNELING_MIXED], 2);
	assert_int_equal(tunnelings[GREMC_TUNNELING_REENCAP], 2);
	assert_null(gremc_stream_find(flows, RTE_BE32(1), RTE_BE32(2), 3, 0));
	gremc_flows_destroy(flows);
	gremc_config_free(config);
}

static uint32_t matching_mroute_find(const struct gremc_config *config, rte_be32_t source, const char *text)
{
	rte_be32_t group = 0;

	assert_int_equal(gremc_ipv4_parse(text, &group), 0);
	return gremc_flows_match(config, source, group);
}

static void test_the_most_specific_mroute_matches(void **state)
{
	struct gremc_config *config = loadgen_config_load(CONFIG);
	rte_be32_t any = RTE_BE32(0x0a010101);

	RTE_SET_USED(state);
	assert_int_equal(matching_mroute_find(config, any, "239.2.0.1"), 0);
	assert_int_equal(matching_mroute_find(config, any, "239.1.0.1"), 1);
	assert_int_equal(matching_mroute_find(config, any, "239.1.1.0"), 2);
	assert_int_equal(matching_mroute_find(config, any, "232.1.1.1"), GREMC_FLOW_NONE);
	assert_int_equal(matching_mroute_find(config, RTE_BE32(0x0a090909), "232.1.1.1"), 3);
	gremc_config_free(config);
}

/* ---- packets ---- */

/* Build packets at `now`, and assert that each stamp has the lag since `due` of its burst. */
static void packet_built_with_lag(struct gremc_transmitter *tx, uint64_t now, unsigned count,
				  const uint64_t *due)
{
	struct rte_mbuf *packet[GREMC_PACE_BURST];

	assert_int_equal(gremc_transmitter_packets_build(tx, now, packet, count), 0);
	for (unsigned i = 0; i < count; i++) {
		struct gremc_stamp stamp;

		assert_true(
			gremc_stamp_read(mbuf_bytes(packet[i]) + packet[i]->data_len - (INNER - 28), &stamp));
		assert_true(stamp.time == now && stamp.lag == now - due[i]);
	}
	rte_pktmbuf_free_bulk(packet, count);
}

/* At a million packets/s a burst of the schedule has 10 packets. Build one on time, then several late ones in
 * one call, then the rest of one. */
static void packet_lags_check(struct gremc_transmitter *tx)
{
	const uint64_t period = HZ / 1000000;
	uint64_t due[GREMC_PACE_BURST];

	gremc_pace_start(&tx->pace, 1e6, HZ, 0);
	for (unsigned i = 0; i < RTE_DIM(due); i++)
		due[i] = 9 * period;
	packet_built_with_lag(tx, 9 * period + 500, 10, due);
	for (unsigned i = 0; i < RTE_DIM(due); i++)
		due[i] = (10 + i / 10 * 10 + 9) * period;
	packet_built_with_lag(tx, 200 * period, 32, due);
	for (unsigned i = 0; i < RTE_DIM(due); i++)
		due[i] = 49 * period;
	packet_built_with_lag(tx, 201 * period, 8, due);
	due[0] = 59 * period;
	packet_built_with_lag(tx, 202 * period, 1, due);
	assert_int_equal(tx->pace.lag_max, 200 * period - 19 * period);
}

/* Assert the outer headers of a packet, and return its inner header. */
static const struct rte_ipv4_hdr *outer_headers_check(struct rte_mbuf *packet, const struct gremc_site *site)
{
	const uint8_t *frame = mbuf_bytes(packet);
	const struct rte_ipv4_hdr *ip = (const struct rte_ipv4_hdr *)(frame + 14);
	uint16_t length = packet->data_len - 14;
	struct gremc_ipv4 outer;
	struct gremc_gre gre;

	if (site->native) {
		assert_int_equal(frame[0], 0x01);
		return ip;
	}
	assert_int_equal(gremc_ipv4_parse_header(frame + 14, length, length, GREMC_IPV4_OUTER, true, &outer),
			 GREMC_PROTO_OK);
	assert_int_equal(outer.total_length, length);
	assert_true(ip->src_addr == site->site && ip->dst_addr == site->forwarder);
	assert_int_equal(gremc_gre_parse(frame + 34, 8, &gre), GREMC_PROTO_OK);
	assert_true(gre.has_key == site->has_in && gre.key == site->in_key);
	return (const struct rte_ipv4_hdr *)(frame + 34 + gre.length);
}

static void inner_headers_assert(const struct rte_ipv4_hdr *ip)
{
	struct gremc_ipv4 inner;

	assert_int_equal(
		gremc_ipv4_parse_header((const uint8_t *)ip, INNER, INNER, GREMC_IPV4_INNER, true, &inner),
		GREMC_PROTO_OK);
	assert_int_equal(inner.total_length, INNER);
	assert_int_equal(gremc_ipv4_check_multicast(ip), GREMC_PROTO_OK);
	assert_int_equal(rte_ipv4_udptcp_cksum_verify(ip, ip + 1), 0);
}

static void transmitter_open(struct gremc_transmitter *tx, const struct gremc_flows *flows)
{
	static const struct rte_ether_addr target = {.addr_bytes = {2, 0, 0, 0, 0, 1}},
					   sender = {.addr_bytes = {2}};
	static struct gremc_template template[FLOWS_MAX];
	static uint64_t sequence[FLOWS_MAX];
	static uint32_t order[FLOWS_MAX];
	static const uint8_t one_size[1];

	assert_in_range(flows->count, 2, FLOWS_MAX);
	for (uint32_t f = 0; f < flows->count; f++) {
		order[f] = f;
		gremc_template_build(&template[f], flows, f, INNER, &target, &sender);
	}
	*tx = (struct gremc_transmitter){.templates = template,
					 .template_stride = flows->count,
					 .order = order,
					 .order_count = flows->count,
					 .sizes = one_size,
					 .size_count = 1,
					 .sequence = sequence,
					 .trial_id = 3};
	tx->pool = gremc_pattern_pool_create("packets", 255, INNER, SOCKET_ID_ANY);
	assert_non_null(tx->pool);
}

/* Parsers and checksums here are independent of the templates. */
static void test_every_header_and_checksum_of_a_packet_is_right(void **state)
{
	struct gremc_config *config = loadgen_config_load(CONFIG);
	struct gremc_flows *flows = loadgen_flows_create(config, (struct gremc_flows_options){0});
	static struct gremc_transmitter tx;
	struct rte_mbuf *packet[GREMC_PACE_BURST];

	RTE_SET_USED(state);
	transmitter_open(&tx, flows);
	assert_int_equal(gremc_transmitter_packets_build(&tx, 99, packet, RTE_DIM(packet)), 0);
	for (unsigned i = 0; i < RTE_DIM(packet); i++) {
		const struct gremc_flow *flow = &flows->flow[i % flows->count];
		const struct rte_ipv4_hdr *ip = outer_headers_check(packet[i], &flows->site[flow->from]);
		struct gremc_stamp stamp;

		inner_headers_assert(ip);
		assert_true(gremc_stamp_read((const uint8_t *)ip + 28, &stamp));
		assert_true(stamp.trial_id == 3 && stamp.flow == i % flows->count &&
			    stamp.sequence == i / flows->count && stamp.time == 99 && stamp.lag == 0);
	}
	rte_pktmbuf_free_bulk(packet, RTE_DIM(packet));
	packet_lags_check(&tx);
	rte_mempool_free(tx.pool);
	gremc_flows_destroy(flows);
	gremc_config_free(config);
}

/* ---- IGMP reports ---- */

/* Assert the checksums of a report, and return its length. */
static uint16_t igmp_report_write(uint8_t *packet, const struct gremc_site_report *report)
{
	uint16_t length = gremc_igmp_write(packet, RTE_BE32(0x0a000001), report);

	assert_int_equal(((struct rte_ipv4_hdr *)packet)->time_to_live, 1);
	assert_int_equal(rte_raw_cksum(packet, IGMP_AT), 0xffff);
	assert_int_equal(rte_raw_cksum(packet + IGMP_AT, length - IGMP_AT), 0xffff);
	return length;
}

static void test_igmp_reports_are_well_formed(void **state)
{
	static const struct {
		struct gremc_site_report report;
		uint16_t length;
		uint8_t type, record;
	} cases[] = {
		{{.version = 2, .join = true}, 32, 0x16, 0},
		{{.version = 2, .join = false}, 32, 0x17, 0},
		{{.version = 3, .join = true}, 40, 0x22, 4},  /* CHANGE_TO_EXCLUDE_MODE */
		{{.version = 3, .join = false}, 40, 0x22, 3}, /* CHANGE_TO_INCLUDE_MODE */
		{{.version = 3, .join = true, .source = RTE_BE32(0x0a010101)},
		 44,
		 0x22,
		 5}, /* ALLOW_NEW_SOURCES */
		{{.version = 3, .join = false, .source = RTE_BE32(0x0a010101)},
		 44,
		 0x22,
		 6}, /* BLOCK_OLD_SOURCES */
	};
	uint8_t packet[GREMC_IGMP_LENGTH];

	RTE_SET_USED(state);
	for (unsigned i = 0; i < RTE_DIM(cases); i++) {
		struct gremc_site_report report = cases[i].report;

		report.group = RTE_BE32(0xefff0001);
		assert_int_equal(igmp_report_write(packet, &report), cases[i].length);
		assert_int_equal(packet[IGMP_AT], cases[i].type);
		if (report.version == 3)
			assert_int_equal(packet[IGMP_AT + 8], cases[i].record);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_mroute_has_its_flows_and_streams),
		cmocka_unit_test(test_the_most_specific_mroute_matches),
		cmocka_unit_test(test_every_header_and_checksum_of_a_packet_is_right),
		cmocka_unit_test(test_igmp_reports_are_well_formed),
	};

	return cmocka_run_group_tests_name("loadgen_traffic", tests, loadgen_eal_start, NULL);
}
