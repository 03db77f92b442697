/* SPDX-License-Identifier: BSD-3-Clause */
/* The outer headers of replicas: inherited fields, and changes of a tunnel's settings. */
#include "forwarder.h"

/* The replica of a frame with `length` inner bytes has exactly the settings of `info`. */
static void settings_expect(struct rte_mbuf *mbuf, const struct gremc_vif_info *info, uint16_t length)
{
	static uint8_t flat[10000];
	const uint16_t outer_length = gremc_tunnel_overhead(&info->options);
	const uint8_t *bytes = rte_pktmbuf_read(mbuf, 0, mbuf->pkt_len, flat);
	const struct rte_ipv4_hdr *outer = (const struct rte_ipv4_hdr *)(bytes + 14);
	const rte_be32_t key = rte_cpu_to_be_32(info->options.output_key);

	assert_int_equal(mbuf->pkt_len, 14u + outer_length + length);
	assert_int_equal(rte_be_to_cpu_16(outer->total_length), outer_length + length);
	assert_int_equal(outer->time_to_live, info->options.ttl ? info->options.ttl : 15);
	assert_int_equal(outer->type_of_service, info->options.tos);
	assert_int_equal(outer->fragment_offset, info->options.df ? 0 : RTE_BE16(0x4000));
	assert_int_equal(outer->dst_addr, info->options.remote);
	assert_int_equal(rte_raw_cksum(outer, 20), 0xffff);
	assert_memory_equal(bytes + 34, info->options.has_output_key ? "\x20\0\x08\0" : "\0\0\x08\0", 4);
	if (info->options.has_output_key)
		assert_memory_equal(bytes + 38, &key, 4);
	assert_int_equal(bytes[14 + outer_length + 8], 15);
	for (uint32_t i = 20; i < length; i++)
		assert_int_equal(bytes[14 + outer_length + i], payload_byte(i));
}

/* One packet from tunnel 0 to the others; tunnel 2 has the settings `changed`. */
static void tunnel_exchange(struct forwarder *f, uint32_t count, const struct gremc_vif_info *changed,
			    uint16_t length)
{
	struct rte_mbuf *mbuf;

	assert_int_equal(forwarder_receive_frame(f, frame_mbuf_create(0, length, 0)), 1);
	for (uint32_t n = 1; n < count; n++) {
		const struct gremc_vif_info as_before = tunnel_info(n, LOOP);

		assert_int_equal(rte_eth_rx_burst(device[LOOP], 0, &mbuf, 1), 1);
		settings_expect(mbuf, n == 2 ? changed : &as_before, length);
		rte_pktmbuf_free(mbuf);
	}
	replicas_expect_none();
}

/* At each step of a change, each replica has the new settings only: copies, shares, and the input packet
 * itself. The vif, its place in mroutes and its counters stay. */
static void test_settings_change_in_place(void **state)
{
	static const uint16_t lengths[] = {20, 255, 1400};
	struct forwarder *f = *state;
	struct rte_rcu_qsbr *qsbr = gremc_rcu_qsbr(f->rcu);
	const unsigned slot = (unsigned)gremc_rcu_reader_register(f->rcu);
	struct gremc_vif_info info;
	uint32_t sent = 0;

	forwarder_add_tunnels(f, 5, LOOP);
	rte_rcu_qsbr_thread_online(qsbr, slot);
	for (unsigned i = 0; i < 7; i++) {
		info = tunnel_info(2, LOOP);
		info.options.ttl = (uint8_t)(i == 3 ? 0 : 64 + i);
		info.options.tos = i & 1 ? 0xb8 : 0;
		info.options.has_output_key = i % 3 == 1;
		info.options.output_key = 0x01020300 + i;
		info.options.df = i == 4;
		assert_int_equal(gremc_tunnel_find(f->vifs, &info.options), f->vif[2]);
		assert_int_equal(
			gremc_adjacency_get(f->vifs, LOOP, info.next_hop, &our_mac, 0, &(uint32_t){0}), 0);
		assert_int_equal(gremc_tunnel_change(f->vifs, f->vif[2], &info,
						     gremc_vif_adjacency(f->vifs, f->vif[2])),
				 0);
		for (unsigned step = 0; step < 5; step++) {
			/* tunnel 2 is the last OIF, which sends the input packet itself; then one of several
			 */
			for (uint32_t count = 3; count <= 5; count += 2) {
				forwarder_set_route(f, count);
				for (unsigned k = 0; k < RTE_DIM(lengths); k++, sent++)
					tunnel_exchange(f, count, &info, lengths[k]);
			}
			rte_rcu_qsbr_quiescent(qsbr, slot);
			gremc_rcu_reclaim(f->rcu);
		}
		assert_int_equal(f->vifs->encap[f->vif[2]].flags & GREMC_ENCAP_CHANGING, 0);
	}
	assert_int_equal(f->worker->stats->vif_hot[f->vif[2]].tx_packets, sent);
	assert_int_equal(forwarder_totals(f).sent, forwarder_totals(f).wanted);
	rte_rcu_qsbr_thread_offline(qsbr, slot);
	gremc_rcu_reader_unregister(f->rcu, (int)slot);
}

static void test_inherited_outer_fields_are_copied(void **state)
{
	struct forwarder *f = *state;
	struct gremc_vif_info in = tunnel_info(9, LOOP), out = tunnel_info(0, LOOP);
	const struct rte_ipv4_hdr *outer;
	struct rte_mbuf *mbuf;
	uint16_t last_id = 0;

	forwarder_add_tunnel(f, &in);
	out.options.ttl = 0;
	out.options.df = GREMC_DF_INHERIT;
	out.options.tos_inherit = true;
	f->vif[0] = forwarder_add_tunnel(f, &out);
	forwarder_set_route(f, 1);
	for (unsigned i = 0; i < 4; i++) {
		struct rte_ipv4_hdr *inner;

		mbuf = frame_mbuf_create(9, 100, 0);
		inner = rte_pktmbuf_mtod_offset(mbuf, struct rte_ipv4_hdr *, 38);
		inner->type_of_service = 0xb9;
		inner->fragment_offset = i % 2 ? RTE_BE16(0x4000) : 0;
		inner->hdr_checksum = 0;
		inner->hdr_checksum = rte_ipv4_cksum(inner);
		forwarder_receive_frame(f, mbuf);
		assert_int_equal(rte_eth_rx_burst(device[LOOP], 0, &mbuf, 1), 1);
		outer = rte_pktmbuf_mtod_offset(mbuf, const struct rte_ipv4_hdr *, 14);
		assert_int_equal(outer->time_to_live, 15);
		assert_int_equal(outer->type_of_service, 0xb9);
		assert_int_equal(outer->fragment_offset, i % 2 ? RTE_BE16(0x4000) : 0);
		assert_int_equal(rte_raw_cksum(outer, 20), 0xffff);
		if (i == 2) /* those with DF set need none (RFC 6864, section 4.1) */
			assert_int_equal(rte_be_to_cpu_16(outer->packet_id), (uint16_t)(last_id + 1));
		if (i % 2 == 0)
			last_id = rte_be_to_cpu_16(outer->packet_id);
		rte_pktmbuf_free(mbuf);
	}
}

static struct rte_mbuf *tos_mbuf_create(uint16_t length, uint8_t tos)
{
	struct rte_mbuf *mbuf = frame_mbuf_create(9, length, 0);
	struct rte_ipv4_hdr *inner = rte_pktmbuf_mtod_offset(mbuf, struct rte_ipv4_hdr *, 38);

	inner->type_of_service = tos;
	inner->hdr_checksum = 0;
	inner->hdr_checksum = rte_ipv4_cksum(inner);
	return mbuf;
}

/* The replica cache lives for one burst. It must not be used for a packet with another length, TOS or number
 * of segments, nor for a tunnel with another encap key. */
static void test_mixed_packets_in_one_burst(void **state)
{
	static const uint16_t lengths[] = {100, 100, 101, 101, 1400, 1400, 100, 1400, 100};
	static const uint8_t tos[] = {0x00, 0xb8, 0xb8, 0x02, 0x02, 0x00, 0x00, 0xb8, 0xb9};
	struct forwarder *f = *state;
	struct rte_mbuf *mbufs[RTE_DIM(lengths)], *mbuf;
	struct gremc_vif_info in = tunnel_info(9, LOOP);

	forwarder_add_tunnel(f, &in);
	for (uint32_t n = 0; n < 6; n++) {
		struct gremc_vif_info out = tunnel_info(n, LOOP);

		out.options.tos_inherit = n % 3 == 1;
		f->vif[n] = forwarder_add_tunnel(f, &out);
	}
	for (uint32_t fanout = 1; fanout <= 6; fanout++) {
		forwarder_set_route(f, fanout);
		for (unsigned i = 0; i < RTE_DIM(lengths); i++)
			mbufs[i] = tos_mbuf_create(lengths[i], tos[i]);
		forwarder_forward_burst(f, mbufs, RTE_DIM(lengths));
		for (unsigned i = 0; i < RTE_DIM(lengths); i++)
			for (uint32_t n = 0; n < fanout; n++) {
				assert_int_equal(rte_eth_rx_burst(device[LOOP], 0, &mbuf, 1), 1);
				replica_check(mbuf, n, lengths[i], lengths[i] <= 256 || fanout == 1);
				assert_int_equal(rte_pktmbuf_mtod(mbuf, const uint8_t *)[15],
						 n % 3 == 1 ? tos[i] : tos[i] & 3);
				rte_pktmbuf_free(mbuf);
			}
		replicas_expect_none();
		worker_release_mbufs(f->worker);
		pools_expect_full();
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_settings_change_in_place),
		TEST_ON_TWO_NODES(test_settings_change_in_place),
		TEST(test_inherited_outer_fields_are_copied),
		TEST(test_mixed_packets_in_one_burst),
	};

	return cmocka_run_group_tests_name("datapath_headers", tests, forwarder_eal_init,
					   forwarder_eal_cleanup);
}
