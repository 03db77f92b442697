/* SPDX-License-Identifier: BSD-3-Clause */
/* The way of a packet through the stages of one worker: replicas, drops, accounts. */
#include "datapath/pending.h"
#include "forwarder.h"

/* Lengths around the copy threshold, fan-outs around the chunk of 64 replicas. */
static void test_every_byte_of_every_replica_is_right(void **state)
{
	static const uint16_t lengths[] = {20, 28, 255, 256, 257, 1400};
	static const uint32_t fanouts[] = {1, 2, 3, 63, 64, 65, 128, 129, 300};
	struct forwarder *f = *state;
	uint64_t wanted = 0;

	forwarder_add_tunnels(f, 301, LOOP);
	for (unsigned l = 0; l < RTE_DIM(lengths); l++) {
		for (unsigned o = 0; o < RTE_DIM(fanouts); o++) {
			forwarder_set_route(f, fanouts[o]);
			assert_int_equal(forwarder_receive_frame(f, frame_mbuf_create(300, lengths[l], 18)),
					 1);
			replicas_expect(fanouts[o], NO_TUNNEL, lengths[l],
					lengths[l] <= 256 || fanouts[o] == 1);
			worker_release_mbufs(f->worker);
			pools_expect_full();
			wanted += fanouts[o];
		}
	}
	assert_int_equal(forwarder_totals(f).sent, wanted);
}

static void test_no_replica_leaves_by_the_iif(void **state)
{
	static const uint16_t lengths[] = {100, 1000};
	struct forwarder *f = *state;

	forwarder_add_tunnels(f, 130, LOOP);
	for (unsigned l = 0; l < 2; l++) {
		for (uint32_t count = 2; count <= 130; count += 64) {
			const uint32_t in[] = {0, 1, count / 2, count - 1};

			forwarder_set_route(f, count);
			for (unsigned i = 0; i < RTE_DIM(in); i++) {
				forwarder_receive_frame(f, frame_mbuf_create(in[i], lengths[l], 0));
				replicas_expect(count - 1, in[i], lengths[l], ANY_SEGMENTS);
			}
		}
	}
	forwarder_set_route(f, 1);
	forwarder_receive_frame(f, frame_mbuf_create(0, 100, 0));
	replicas_expect_none();
	assert_int_equal(forwarder_totals(f).drops[GREMC_DROP_empty_oil], 1);
}

/* Frames have TTL 16. Copies and shares, fan-outs around the chunk, with the iif in the oil. */
static void test_ttl_thresholds_filter_oifs(void **state)
{
	static const uint16_t lengths[] = {100, 1000};
	struct forwarder *f = *state;
	uint8_t thresholds[200];
	struct gremc_fanout_op op = forwarder_route(f, 200);

	op.spec.thresholds = thresholds;
	forwarder_add_tunnels(f, 200, LOOP);
	for (unsigned pass = 0; pass <= 200; pass += 50) {
		for (unsigned i = 0; i < 200; i++)
			thresholds[i] = i < pass ? i % 16 : 16 + i;
		assert_int_equal(gremc_fanout_apply(f->fanout, &op, 1, NULL, NULL), 0);
		for (unsigned l = 0; l < RTE_DIM(lengths); l++) {
			forwarder_receive_frame(f, frame_mbuf_create(3, lengths[l], 0));
			replicas_expect(pass ? pass - 1 : 0, 3, lengths[l], ANY_SEGMENTS);
			worker_release_mbufs(f->worker);
			pools_expect_full();
		}
	}
	assert_int_equal(forwarder_totals(f).drops[GREMC_DROP_ttl_threshold], RTE_DIM(lengths));
	/* an oil of the iif only is empty, regardless of the threshold */
	op.spec.oif_count = 1;
	thresholds[0] = 3;
	assert_int_equal(gremc_fanout_apply(f->fanout, &op, 1, NULL, NULL), 0);
	forwarder_receive_frame(f, frame_mbuf_create(0, 100, 0));
	assert_int_equal(forwarder_totals(f).drops[GREMC_DROP_empty_oil], 1);
}

/* Counters and reference counts do not wrap at 8 or 16 bits. */
static void test_counters_hold_at_any_fanout(void **state)
{
	static const uint32_t fanouts[] = {255, 256, 257, 1000, 20000, 32767, 32768, 65535};
	static const uint16_t lengths[] = {64, 1400};
	struct forwarder *f = *state;
	struct gremc_vif_info in = tunnel_info(70000, LOOP);
	uint64_t wanted = 0;

	forwarder_add_tunnel(f, &in);
	forwarder_add_tunnels(f, 65535, NOWHERE);
	for (unsigned o = 0; o < RTE_DIM(fanouts); o++) {
		for (unsigned l = 0; l < RTE_DIM(lengths); l++) {
			forwarder_set_route(f, fanouts[o]);
			forwarder_receive_frame(f, frame_mbuf_create(70000, lengths[l], 0));
			wanted += fanouts[o];
			assert_int_equal(forwarder_totals(f).wanted, wanted);
			assert_int_equal(forwarder_totals(f).sent, wanted);
			worker_release_mbufs(f->worker);
			pools_expect_full();
		}
	}
	assert_int_equal(f->worker->stats->vif_hot[f->vif[254]].tx_packets, RTE_DIM(fanouts) * 2);
	assert_int_equal(f->worker->stats->vif_hot[f->vif[65534]].tx_packets, 2);
	assert_int_equal(f->worker->stats->vif_hot[f->vif[65534]].tx_bytes, 1464);
}

/* A frame whose inner packet has DF set. */
static struct rte_mbuf *frame_mbuf_create_unfragmentable(uint32_t n, uint16_t length)
{
	struct rte_mbuf *mbuf = frame_mbuf_create(n, length, 0);
	struct rte_ipv4_hdr *ip = rte_pktmbuf_mtod_offset(mbuf, struct rte_ipv4_hdr *, 38);

	ip->fragment_offset = RTE_BE16(RTE_IPV4_HDR_DF_FLAG);
	ip->hdr_checksum = 0;
	ip->hdr_checksum = rte_ipv4_cksum(ip);
	return mbuf;
}

/* One OIF cannot send (too small an MTU, or an unresolved next hop); the others do. At every place of the
 * oil, by copies and by shares. */
static void test_one_bad_oif_does_not_affect_others(void **state)
{
	static const uint16_t lengths[] = {100, 1000};
	struct forwarder *f = *state;
	const uint32_t n = 67;

	forwarder_add_tunnels(f, n + 1, LOOP);
	for (unsigned kind = 0; kind < 2; kind++) {
		for (unsigned l = 0; l < 2; l++) {
			for (uint32_t bad = 0; bad < n; bad += 11) {
				struct gremc_vif_info info = tunnel_info(bad, LOOP);
				uint32_t good = f->vif[bad], adjacency;
				struct gremc_fanout_op op;

				if (kind == 0) {
					info.mtu = 99;
					f->vif[bad] = forwarder_add_tunnel(f, &info);
				} else {
					info.next_hop = RTE_BE32(0x0a0000aa);
					f->vif[bad] = forwarder_add_tunnel(f, &info);
					adjacency = f->vifs->encap[f->vif[bad]].adjacency;
					assert_int_equal(gremc_adjacency_resolve(f->vifs, adjacency, NULL),
							 0);
				}
				forwarder_set_route(f, n);
				forwarder_receive_frame(f, frame_mbuf_create_unfragmentable(n, lengths[l]));
				/* the oil is in vif order: the new vif is the last */
				replicas_expect(n - 1, bad, lengths[l], ANY_SEGMENTS);
				/* alone, at fan-out 1 */
				op = forwarder_route(f, 1);
				op.spec.oifs = &f->vif[bad];
				assert_int_equal(gremc_fanout_apply(f->fanout, &op, 1, NULL, NULL), 0);
				forwarder_receive_frame(f, frame_mbuf_create_unfragmentable(n, lengths[l]));
				replicas_expect_none();
				f->vif[bad] = good;
			}
		}
	}
	gremc_pending_drop_all(f->worker);
	gremc_worker_account(f->worker, NULL);
	assert_int_equal(forwarder_totals(f).losses[GREMC_TX_DROP_too_big], 28);
	assert_int_equal(forwarder_totals(f).losses[GREMC_TX_DROP_no_adjacency], 28);
}

/* Drops name their vif and, after the mroute lookup, the flow; a packet that is forwarded counts nothing. */
static void test_drops_name_their_vif_and_flow(void **state)
{
	struct forwarder *f = *state;
	const struct gremc_vif_drop *drop = f->worker->stats->vif_drop;
	struct gremc_fanout_op op = forwarder_route(f, 2);
	rte_be32_t flow[2];

	forwarder_add_tunnels(f, 3, LOOP);
	op.spec.iif_count = 1;
	op.spec.iifs = &f->vif[0];
	assert_int_equal(gremc_fanout_apply(f->fanout, &op, 1, NULL, NULL), 0);
	forwarder_receive_frame(f, frame_mbuf_create(0, 100, 0));
	replicas_expect(1, 0, 100, ANY_SEGMENTS);
	forwarder_receive_frame(f, frame_mbuf_create(1, 100, 0));
	forwarder_receive_frame(f, frame_mbuf_create(1, 100, 0));
	assert_int_equal(drop[f->vif[1]].packets[GREMC_DROP_rpf], 2);
	assert_int_equal(forwarder_totals(f).drops[GREMC_DROP_rpf], 2);
	memcpy(flow, &drop[f->vif[1]].flow[GREMC_DROP_rpf], sizeof(flow));
	assert_int_equal(flow[1], rte_cpu_to_be_32(GROUP));
	op.kind = GREMC_FANOUT_REMOVE;
	assert_int_equal(gremc_fanout_apply(f->fanout, &op, 1, NULL, NULL), 0);
	forwarder_receive_frame(f, frame_mbuf_create(2, 100, 0));
	assert_int_equal(drop[f->vif[2]].packets[GREMC_DROP_no_mroute], 1);
	memcpy(flow, &drop[f->vif[2]].flow[GREMC_DROP_no_mroute], sizeof(flow));
	assert_int_equal(flow[1], rte_cpu_to_be_32(GROUP));
	gremc_vif_down_set(f->vifs, f->vif[2], true);
	forwarder_receive_frame(f, frame_mbuf_create(2, 100, 0));
	assert_int_equal(drop[f->vif[2]].packets[GREMC_DROP_iif_down], 1);
	assert_int_equal(drop[f->vif[2]].flow[GREMC_DROP_iif_down], 0);
	for (unsigned i = 0; i < GREMC_DROP_COUNT; i++)
		assert_int_equal(drop[f->vif[0]].packets[i], 0);
}

/* Read the newest sample of the worker. */
static struct gremc_sample newest_sample_read(struct forwarder *f)
{
	const struct gremc_samples *samples = f->worker->stats->samples;
	struct gremc_sample sample;

	assert_true(gremc_samples_count(samples) > 0);
	assert_true(gremc_samples_read(samples, gremc_samples_count(samples) - 1, &sample));
	return sample;
}

/* The sample of a drop begins with the Ethernet header, also after the outer headers have been cut off. That
 * of a loss begins with the inner packet. */
static void test_samples_have_the_bytes_of_dropped_packets(void **state)
{
	struct forwarder *f = *state;
	uint8_t frame[200];
	const uint32_t length = frame_write(frame, 0, 100, 0);
	struct gremc_sample sample;

	forwarder_add_tunnels(f, 3, LOOP);
	forwarder_receive_frame(f, frame_mbuf_create(0, 100, 0));
	sample = newest_sample_read(f);
	assert_int_equal(sample.reason, GREMC_DROP_no_mroute);
	assert_int_equal(sample.vif, f->vif[0]);
	assert_false(sample.is_ip);
	assert_int_equal(sample.length, length);
	assert_int_equal(sample.count, GREMC_SAMPLE_BYTES);
	assert_memory_equal(sample.bytes, frame, sample.count);
	forwarder_set_route(f, 3);
	gremc_vif_down_set(f->vifs, f->vif[1], true);
	forwarder_receive_frame(f, frame_mbuf_create_split(0, 100, 0, 60));
	replica_expect(2, 100);
	sample = newest_sample_read(f);
	assert_int_equal(sample.reason, GREMC_DROP_COUNT + GREMC_TX_DROP_oif_down);
	assert_int_equal(sample.vif, f->vif[1]);
	assert_true(sample.is_ip);
	assert_int_equal(sample.length, 100);
	/* the TTL and its checksum have changed */
	assert_memory_equal(sample.bytes + 12, frame + length - 100 + 12, 88);
}

/* A frame: plain, with options in the outer header, or in several segments. */
static struct rte_mbuf *frame_kind_write(unsigned kind)
{
	static uint8_t frame[200];
	struct rte_ipv4_hdr *outer = (struct rte_ipv4_hdr *)(frame + 14);
	const uint32_t length = frame_write(frame, 2, 100, 0);
	struct rte_mbuf *mbuf;

	if (kind == 2)
		return frame_mbuf_create_split(2, 100, 0, 30);
	mbuf = rte_pktmbuf_alloc(payloads);
	if (kind == 1) {
		memmove(frame + 38, frame + 34, length - 34);
		memset(frame + 34, 1, 4); /* no operation */
		outer->version_ihl++;
		outer->total_length = rte_cpu_to_be_16(128);
		outer->hdr_checksum = 0;
		outer->hdr_checksum = (uint16_t)~rte_raw_cksum(outer, 24);
	}
	memcpy(rte_pktmbuf_append(mbuf, length + 4 * (kind == 1)), frame, length + 4 * (kind == 1));
	return mbuf;
}

/* Change the identification: only the checksum covers it. */
static void frame_damage(struct rte_mbuf *mbuf, uint32_t header)
{
	uint32_t at = header + offsetof(struct rte_ipv4_hdr, packet_id);

	for (; at >= mbuf->data_len; mbuf = mbuf->next)
		at -= mbuf->data_len;
	*rte_pktmbuf_mtod_offset(mbuf, uint8_t *, at) ^= 1;
}

/* The worker verifies both headers, regardless of the driver's verdict; the reason names the wrong one. */
static void test_nic_checksum_flags_are_ignored(void **state)
{
	static const uint64_t verdicts[] = {
		0,
		RTE_MBUF_F_RX_IP_CKSUM_GOOD,
		RTE_MBUF_F_RX_IP_CKSUM_BAD,
		RTE_MBUF_F_RX_IP_CKSUM_NONE,
		RTE_MBUF_F_RX_IP_CKSUM_GOOD | RTE_MBUF_F_RX_OUTER_IP_CKSUM_BAD,
		RTE_MBUF_F_RX_IP_CKSUM_BAD | RTE_MBUF_F_RX_OUTER_IP_CKSUM_BAD,
		RTE_MBUF_F_RX_L4_CKSUM_BAD | RTE_MBUF_F_RX_OUTER_L4_CKSUM_BAD,
	};
	enum { RIGHT, OUTER_WRONG, INNER_WRONG, BOTH_WRONG, WRONGS };
	struct forwarder *f = *state;

	forwarder_add_tunnels(f, 3, LOOP);
	forwarder_set_route(f, 2);
	for (unsigned i = 0; i < RTE_DIM(verdicts) * WRONGS * 3; i++) {
		const unsigned kind = i % 3, wrong = i / 3 % WRONGS;
		const struct gremc_totals before = forwarder_totals(f);
		struct rte_mbuf *mbuf = frame_kind_write(kind);
		uint64_t outer, inner;

		if (wrong == OUTER_WRONG || wrong == BOTH_WRONG)
			frame_damage(mbuf, 14);
		if (wrong == INNER_WRONG || wrong == BOTH_WRONG)
			frame_damage(mbuf, kind == 1 ? 42 : 38);
		mbuf->ol_flags |= verdicts[i / 3 / WRONGS];
		forwarder_receive_frame(f, mbuf);
		replicas_expect(wrong == RIGHT ? 2 : 0, NO_TUNNEL, 100, ANY_SEGMENTS);
		outer = forwarder_totals(f).drops[GREMC_DROP_outer_checksum] -
			before.drops[GREMC_DROP_outer_checksum];
		inner = forwarder_totals(f).drops[GREMC_DROP_inner_checksum] -
			before.drops[GREMC_DROP_inner_checksum];
		assert_int_equal(outer, wrong == OUTER_WRONG || wrong == BOTH_WRONG);
		assert_int_equal(inner, wrong == INNER_WRONG);
	}
}

/* Random bytes: both sums hold and no buffer leaks. */
static void test_any_bytes_are_handled_safely(void **state)
{
	struct forwarder *f = *state;
	unsigned seed = 1;

	forwarder_add_tunnels(f, 4, LOOP);
	forwarder_set_route(f, 3);
	for (unsigned i = 0; i < 20000; i++) {
		struct rte_mbuf *mbuf = frame_mbuf_create(3, 20 + rand_r(&seed) % 200, rand_r(&seed) % 30),
				*out[64];
		uint8_t *bytes = rte_pktmbuf_mtod(mbuf, uint8_t *);

		for (unsigned flips = rand_r(&seed) % 4; flips > 0; flips--)
			bytes[rand_r(&seed) % RTE_MIN(mbuf->pkt_len, 64u)] = rand_r(&seed);
		if (rand_r(&seed) % 2)
			mbuf->data_len = mbuf->pkt_len = rand_r(&seed) % (mbuf->pkt_len + 1);
		forwarder_receive_frame(f, mbuf);
		for (uint16_t n = rte_eth_rx_burst(device[LOOP], 0, out, 64); n > 0;
		     n = rte_eth_rx_burst(device[LOOP], 0, out, 64))
			rte_pktmbuf_free_bulk(out, n);
	}
	assert_int_equal(forwarder_totals(f).rx_packets, 20000);
	assert_in_range(forwarder_totals(f).forwarded, 1000, 15000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_every_byte_of_every_replica_is_right),
		TEST(test_no_replica_leaves_by_the_iif),
		TEST(test_ttl_thresholds_filter_oifs),
		TEST(test_counters_hold_at_any_fanout),
		TEST(test_one_bad_oif_does_not_affect_others),
		TEST(test_drops_name_their_vif_and_flow),
		TEST(test_samples_have_the_bytes_of_dropped_packets),
		TEST(test_nic_checksum_flags_are_ignored),
		TEST(test_any_bytes_are_handled_safely),
	};

	return cmocka_run_group_tests_name("datapath", tests, forwarder_eal_init, forwarder_eal_cleanup);
}
