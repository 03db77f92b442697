/* SPDX-License-Identifier: BSD-3-Clause */
/* The worker's stages: what becomes of a packet. */
#include <sys/mman.h>

#include <rte_malloc.h>

#include "datapath/handoff.h"
#include "datapath/pending.h"
#include "fanout/fanout_priv.h" /* where its memory is on each node */
#include "forwarder.h"

/* Sizes about the copy threshold, fan-outs about the chunk: every byte of every replica, and nothing leaks.
 */
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
			replicas_expect(fanouts[o], UINT32_MAX, lengths[l],
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
				replicas_expect(count - 1, in[i], lengths[l], false);
			}
		}
	}
	forwarder_set_route(f, 1);
	forwarder_receive_frame(f, frame_mbuf_create(0, 100, 0));
	replicas_expect(0, 0, 0, false);
	assert_int_equal(forwarder_totals(f).drops[GREMC_DROP_empty_oil], 1);
}

/* Frames come with a TTL of 16. By copies and by sharing, about the chunk, with the iif in the oil. */
static void test_ttl_thresholds_filter_oifs(void **state)
{
	static const uint16_t lengths[] = {100, 1000};
	struct forwarder *f = *state;
	uint8_t thresholds[200];
	struct gremc_fanout_op op = {.kind = GREMC_FANOUT_SET,
				     .spec = {.group = rte_cpu_to_be_32(GROUP),
					      .length = 32,
					      .oif_count = 200,
					      .oifs = f->vif,
					      .thresholds = thresholds}};

	forwarder_add_tunnels(f, 200, LOOP);
	for (unsigned pass = 0; pass <= 200; pass += 50) {
		for (unsigned i = 0; i < 200; i++)
			thresholds[i] = i < pass ? i % 16 : 16 + i;
		assert_int_equal(gremc_fanout_apply(f->fanout, &op, 1, NULL, NULL), 0);
		for (unsigned l = 0; l < RTE_DIM(lengths); l++) {
			forwarder_receive_frame(f, frame_mbuf_create(3, lengths[l], 0));
			replicas_expect(pass ? pass - 1 : 0, 3, lengths[l], false);
			worker_release_mbufs(f->worker);
			pools_expect_full();
		}
	}
	assert_int_equal(forwarder_totals(f).drops[GREMC_DROP_ttl_threshold], RTE_DIM(lengths));
	/* nobody but the sender: that is no matter of its TTL */
	op.spec.oif_count = 1;
	thresholds[0] = 3;
	assert_int_equal(gremc_fanout_apply(f->fanout, &op, 1, NULL, NULL), 0);
	forwarder_receive_frame(f, frame_mbuf_create(0, 100, 0));
	assert_int_equal(forwarder_totals(f).drops[GREMC_DROP_empty_oil], 1);
}

/* Nothing wraps at 8 or 16 bits, of counters, of references. */
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

static void test_single_segment_port_gets_copies(void **state)
{
	struct forwarder *f = *state;

	f->port[LOOP].multi_seg = false;
	forwarder_start_workers(f, 1);
	forwarder_add_tunnels(f, 66, LOOP);
	forwarder_set_route(f, 65);
	forwarder_receive_frame(f, frame_mbuf_create(65, 1400, 0));
	replicas_expect(65, UINT32_MAX, 1400, true);
	/* and a packet that came in pieces leaves in one, at fan-out 1, too */
	forwarder_set_route(f, 1);
	forwarder_receive_frame(f, frame_mbuf_create_split(65, 4000, 0, 600));
	replicas_expect(1, UINT32_MAX, 4000, true);
	forwarder_set_route(f, 65);
	forwarder_receive_frame(f, frame_mbuf_create_split(65, 4000, 9, 600));
	replicas_expect(65, UINT32_MAX, 4000, true);
}

static void test_port_segment_limit_is_respected(void **state)
{
	struct forwarder *f = *state;
	struct rte_mbuf *mbuf;

	f->port[LOOP].max_segments = 4;
	forwarder_start_workers(f, 1);
	forwarder_add_tunnels(f, 4, LOOP);
	forwarder_set_route(f, 3);
	/* three pieces and a header go chained, four are copied into one */
	forwarder_receive_frame(f, frame_mbuf_create_split(3, 1700 - 38, 0, 600));
	assert_int_equal(rte_eth_rx_burst(device[LOOP], 0, &mbuf, 1), 1);
	assert_int_equal(mbuf->nb_segs, 4);
	rte_pktmbuf_free(mbuf);
	assert_int_equal(rte_eth_rx_burst(device[LOOP], 0, &mbuf, 1), 1);
	rte_pktmbuf_free(mbuf);
	assert_int_equal(rte_eth_rx_burst(device[LOOP], 0, &mbuf, 1), 1);
	rte_pktmbuf_free(mbuf);
	forwarder_receive_frame(f, frame_mbuf_create_split(3, 2300 - 38, 0, 600));
	replicas_expect(3, UINT32_MAX, 2300 - 38, true);
}

/* However the frame is cut, headers included, it is the same packet. */
static void test_segmented_input_is_forwarded(void **state)
{
	static const uint32_t pieces[] = {1,  7,   13,  14,  33,  34,  38,   57,  58,
					  59, 100, 153, 154, 155, 500, 1437, 1438};
	struct forwarder *f = *state;

	forwarder_add_tunnels(f, 6, LOOP);
	for (unsigned i = 0; i < RTE_DIM(pieces); i++) {
		/* net_ring passes chains of any length, a replica of a thousand pieces is one */
		for (uint32_t fanout = 1; fanout <= 5; fanout += 4) {
			forwarder_set_route(f, fanout);
			forwarder_receive_frame(f, frame_mbuf_create_split(5, 1400, 40, pieces[i]));
			replicas_expect(fanout, UINT32_MAX, 1400, false);
			forwarder_receive_frame(f, frame_mbuf_create_split(5, 100, 40, pieces[i]));
			replicas_expect(fanout, UINT32_MAX, 100, false);
		}
	}
	assert_int_equal(forwarder_totals(f).forwarded, RTE_DIM(pieces) * 4);
}

/* The headers do not fit the first buffer: a named drop. */
static void test_split_headers_without_tailroom_are_dropped(void **state)
{
	struct forwarder *f = *state;
	struct rte_mbuf *mbuf;

	forwarder_add_tunnels(f, 2, LOOP);
	forwarder_set_route(f, 1);
	mbuf = frame_mbuf_create_split(1, 1000, 0, 20);
	/* push the data to the buffer's end */
	memmove(rte_pktmbuf_mtod_offset(mbuf, uint8_t *, rte_pktmbuf_tailroom(mbuf)),
		rte_pktmbuf_mtod(mbuf, uint8_t *), 20);
	mbuf->data_off += rte_pktmbuf_tailroom(mbuf);
	forwarder_receive_frame(f, mbuf);
	assert_int_equal(forwarder_totals(f).drops[GREMC_DROP_header_split], 1);
}

/* A buffer that somebody else still reads is not written to. */
static void test_shared_input_is_copied(void **state)
{
	static uint8_t before[2000];
	struct forwarder *f = *state;
	struct rte_mbuf *mbuf = frame_mbuf_create(2, 1000, 0), *taken[64], *all[PAYLOAD_POOL];
	unsigned n = 0;

	forwarder_add_tunnels(f, 3, LOOP);
	forwarder_set_route(f, 2);
	memcpy(before, rte_pktmbuf_mtod(mbuf, void *), mbuf->pkt_len);
	rte_mbuf_refcnt_update(mbuf, 1);
	forwarder_receive_frame(f, mbuf);
	replicas_expect(2, UINT32_MAX, 1000, false);
	assert_int_equal(rte_mbuf_refcnt_read(mbuf), 1);
	assert_memory_equal(before, rte_pktmbuf_mtod(mbuf, void *), mbuf->pkt_len);
	/* and when no buffer is free for the copy, it is a named drop */
	rte_mbuf_refcnt_update(mbuf, 1);
	while (rte_mempool_get(payloads, (void **)&all[n]) == 0)
		n++;
	forwarder_receive_frame(f, mbuf);
	rte_mempool_put_bulk(payloads, (void **)all, n);
	assert_int_equal(forwarder_totals(f).drops[GREMC_DROP_shared_input], 1);
	assert_int_equal(rte_eth_rx_burst(device[LOOP], 0, taken, 64), 0);
	assert_int_equal(rte_mbuf_refcnt_read(mbuf), 1);
	rte_pktmbuf_free(mbuf);
}

/* The header pool runs dry in the middle of a packet: what there is goes, and of a copied one the last
 * tunnel's, which is in the packet's own buffer; the rest is counted for each tunnel. */
static void test_empty_header_pool_drops_by_name(void **state)
{
	struct forwarder *f = *state;
	uint64_t lost = 0;

	forwarder_add_tunnels(f, 201, LOOP);
	forwarder_set_route(f, 200);
	f->worker->header_pool = tiny; /* 127 buffers */
	forwarder_receive_frame(f, frame_mbuf_create(200, 1000, 0));
	replicas_expect(127, UINT32_MAX, 1000, false);
	forwarder_receive_frame(f, frame_mbuf_create(200, 100, 0));
	for (unsigned n = 0; n < 127; n++)
		replica_expect(n, 100);
	replica_expect(199, 100);
	assert_int_equal(rte_mempool_avail_count(tiny), 127);
	assert_int_equal(forwarder_totals(f).sent, 255);
	assert_int_equal(forwarder_totals(f).losses[GREMC_TX_DROP_no_mbuf], 145);
	for (unsigned n = 0; n < 200; n++)
		lost += f->worker->stats->vif_cold[f->vif[n]].lost[GREMC_TX_DROP_no_mbuf];
	assert_int_equal(lost, 145);
	assert_int_equal(f->worker->stats->vif_cold[f->vif[198]].lost_bytes, 1100);
	assert_int_equal(f->worker->stats->vif_cold[f->vif[199]].lost_bytes, 1000);
}

/* A port that takes no more: bounded tries, then what has no place in its backlog is lost by name. */
static void test_full_port_drops_by_name(void **state)
{
	struct forwarder *f = *state;
	uint64_t lost = 0;
	uint32_t sent;

	forwarder_add_tunnels(f, 2001, LOOP);
	forwarder_set_route(f, 2000);
	forwarder_receive_frame(f, frame_mbuf_create(2000, 1000, 0));
	sent = forwarder_totals(f).sent;
	assert_in_range(sent, 1000, 1100);
	assert_int_equal(forwarder_totals(f).queued, GREMC_TX_HELD_MAX);
	gremc_backlogs_drop(&f->worker->egress);
	gremc_worker_account(f->worker, NULL);
	assert_int_equal(forwarder_totals(f).losses[GREMC_TX_DROP_tx_full], 2000 - sent);
	for (unsigned n = 0; n < 2000; n++) {
		lost += f->worker->stats->vif_cold[f->vif[n]].lost[GREMC_TX_DROP_tx_full];
		assert_int_equal(f->worker->stats->vif_cold[f->vif[n]].lost_bytes,
				 f->worker->stats->vif_cold[f->vif[n]].lost[GREMC_TX_DROP_tx_full] * 1000);
	}
	assert_int_equal(lost, 2000 - sent);
	replicas_expect(sent, UINT32_MAX, 1000, false);
	/* it moves again, and so do we */
	forwarder_set_route(f, 100);
	forwarder_receive_frame(f, frame_mbuf_create(2000, 1000, 0));
	replicas_expect(100, UINT32_MAX, 1000, false);
}

/* A port that has lost its link is not asked; one that has never had any is. */
static void test_port_without_link_is_not_tried(void **state)
{
	static const uint16_t lengths[] = {100, 1000};
	struct forwarder *f = *state;

	forwarder_add_tunnels(f, 101, LOOP);
	f->vif[100] = forwarder_add_tunnel(
		f, &(struct gremc_vif_info){.kind = GREMC_VIF_TUNNEL,
					    .port = NOWHERE,
					    .options.local = rte_cpu_to_be_32(LOCAL),
					    .options.remote = rte_cpu_to_be_32(0x0a020000),
					    .mtu = 8976});
	forwarder_set_route(f, 101);
	f->port[LOOP].status = GREMC_PORT_DOWN;
	gremc_workers_port_changed(f->group, &f->port[LOOP]);
	forwarder_receive_frame(f, frame_mbuf_create(0, 100, 0));
	replicas_expect(99, 0, 100, false);
	f->port[LOOP].link_changes = 1;
	gremc_workers_port_changed(f->group, &f->port[LOOP]);
	for (unsigned l = 0; l < RTE_DIM(lengths); l++) {
		forwarder_receive_frame(f, frame_mbuf_create(0, lengths[l], 0));
		replicas_expect(0, 0, 0, false);
		assert_int_equal(forwarder_totals(f).losses[GREMC_TX_DROP_link_down], 99 * (l + 1));
		assert_int_equal(forwarder_totals(f).ports[LOOP].tx_lost, 99 * (l + 1));
	}
	assert_int_equal(f->worker->stats->vif_cold[f->vif[5]].lost[GREMC_TX_DROP_link_down], 2);
	assert_int_equal(f->worker->stats->vif_cold[f->vif[5]].lost_bytes, 1100);
	assert_int_equal(f->worker->stats->vif_cold[f->vif[100]].lost[GREMC_TX_DROP_link_down], 0);
	f->port[LOOP].status = GREMC_PORT_UP;
	gremc_workers_port_changed(f->group, &f->port[LOOP]);
	forwarder_receive_frame(f, frame_mbuf_create(0, 1000, 0));
	replicas_expect(99, 0, 1000, false);
	assert_int_equal(forwarder_totals(f).losses[GREMC_TX_DROP_link_down], 198);
}

/* A closed port is not touched: what it would bring stays where it is, what it would take is lost by name;
 * and it may have another number when it is open again. */
static void test_closed_port_is_not_touched(void **state)
{
	struct forwarder *f = *state;
	struct rte_mbuf *mbuf = frame_mbuf_create(0, 100, 0);

	forwarder_add_tunnels(f, 101, LOOP);
	forwarder_set_route(f, 101);
	f->port[LOOP].status = GREMC_PORT_RESETTING;
	f->port[LOOP].id = UINT16_MAX; /* no device: whoever used it would fault */
	gremc_workers_port_changed(f->group, &f->port[LOOP]);
	assert_int_equal(rte_eth_tx_burst(device[LOOP], 0, &mbuf, 1), 1);
	assert_int_equal(gremc_worker_poll(f->worker, &f->worker->rxq[LOOP]), 0);
	/* a packet of another port */
	f->worker->burst.packet[0].mbuf = frame_mbuf_create(0, 1000, 0);
	f->worker->burst.count = 1;
	f->worker->rx_packets = 1;
	gremc_worker_forward(f->worker, &f->worker->rxq[LOOP]);
	assert_int_equal(forwarder_totals(f).losses[GREMC_TX_DROP_port_down], 100);
	f->port[LOOP].status = GREMC_PORT_UP;
	f->port[LOOP].id = device[LOOP];
	gremc_workers_port_changed(f->group, &f->port[LOOP]);
	assert_int_equal(gremc_worker_poll(f->worker, &f->worker->rxq[LOOP]), 1);
	replicas_expect(100, 0, 100, true);
	assert_int_equal(forwarder_totals(f).losses[GREMC_TX_DROP_port_down], 100);
}

/* One of the outgoing interfaces cannot be served; the others are. In every place of the oil, copied and
 * shared. */
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
				forwarder_receive_frame(f, frame_mbuf_create(n, lengths[l], 0));
				/* the oil is in vif order: the new vif is its last */
				replicas_expect(n - 1, bad, lengths[l], false);
				/* alone, at fan-out 1 */
				forwarder_set_route(f, 0);
				struct gremc_fanout_op op = {.kind = GREMC_FANOUT_SET,
							     .spec = {.group = rte_cpu_to_be_32(GROUP),
								      .length = 32,
								      .oif_count = 1,
								      .oifs = &f->vif[bad]}};

				assert_int_equal(gremc_fanout_apply(f->fanout, &op, 1, NULL, NULL), 0);
				forwarder_receive_frame(f, frame_mbuf_create(n, lengths[l], 0));
				replicas_expect(0, 0, 0, false);
				f->vif[bad] = good;
			}
		}
	}
	gremc_pending_drop_all(f->worker);
	gremc_worker_account(f->worker, NULL);
	assert_int_equal(forwarder_totals(f).losses[GREMC_TX_DROP_too_big], 28);
	assert_int_equal(forwarder_totals(f).losses[GREMC_TX_DROP_no_adjacency], 28);
}

/* ---- next hops that are not known yet ---- */

/* The tunnels' next hop has no MAC, and there are vifs that need it. */
static uint32_t next_hop_unresolve(struct forwarder *f)
{
	const uint32_t adjacency = f->vifs->encap[f->vif[0]].adjacency;

	assert_int_equal(gremc_adjacency_resolve(f->vifs, adjacency, NULL), 0);
	gremc_rcu_synchronize(f->rcu);
	return adjacency;
}

static void waiting_expect(const struct forwarder *f, uint64_t waiting, uint64_t lost)
{
	assert_int_equal(forwarder_totals(f).waiting, waiting);
	assert_int_equal(forwarder_totals(f).losses[GREMC_TX_DROP_no_adjacency], lost);
}

/* What a tunnel has wanted: sent or lost, but not what still waits. */
static uint64_t vif_tx_packets(const struct forwarder *f, uint32_t n)
{
	return f->worker->stats->vif_hot[f->vif[n]].tx_packets;
}

/* A few packets wait for the MAC, at any fan-out and length, and go in their order; what comes when it is
 * known, and before the fast path may know of it, goes behind them. */
static void test_packets_wait_for_next_hop_in_order(void **state)
{
	static const uint32_t fanouts[] = {1, 2, 67, 200};
	static const uint16_t lengths[] = {100, 1000};
	struct forwarder *f = *state;
	uint64_t wanted = 0;

	forwarder_add_tunnels(f, 201, LOOP);
	for (unsigned i = 0; i < 2 * RTE_DIM(fanouts); i++) {
		const uint32_t n = fanouts[i / 2], adjacency = next_hop_unresolve(f);
		const uint16_t length = lengths[i % 2];

		forwarder_set_route(f, n);
		for (uint16_t k = 0; k < 2; k++)
			forwarder_forward_frame(f, frame_mbuf_create(200, length + k, 0));
		replicas_expect(0, 0, 0, false);
		waiting_expect(f, 2 * n, 0);
		assert_int_equal(vif_tx_packets(f, 0), wanted);
		/* nobody knows of a MAC: they wait on */
		assert_int_equal(gremc_worker_poll_pending(f->worker), 0);
		assert_int_equal(gremc_adjacency_resolve(f->vifs, adjacency, &peer_mac), 0);
		assert_true(f->vifs->adjacency[adjacency]->resolved);
		assert_false(f->vifs->adjacency[adjacency]->ready);
		if (i % 3)
			gremc_worker_poll_pending(f->worker);
		forwarder_forward_frame(f, frame_mbuf_create(200, length + 2, 0));
		waiting_expect(f, 0, 0);
		gremc_rcu_synchronize(f->rcu);
		assert_true(f->vifs->adjacency[adjacency]->ready);
		forwarder_forward_frame(f, frame_mbuf_create(200, length + 3, 0));
		wanted += 4;
		assert_int_equal(vif_tx_packets(f, 0), wanted);
		replicas_expect_in_order(n, length, 4);
	}
	assert_int_equal(forwarder_totals(f).sent, forwarder_totals(f).wanted);
}

/* No more than so many: of a next hop the newest, and of so many next hops. */
static void test_waiting_packets_are_bounded(void **state)
{
	struct forwarder *f = *state;
	uint32_t adjacency;

	forwarder_add_tunnels(f, 3, LOOP);
	forwarder_set_route(f, 2);
	adjacency = next_hop_unresolve(f);
	for (uint16_t k = 0; k < GREMC_PENDING_PACKETS + 3; k++) {
		/* what is fresh would stay, and the newest be lost */
		if (k == GREMC_PENDING_PACKETS)
			rte_delay_us_block(2 * US_PER_S / GREMC_PENDING_REPLACE_HZ);
		forwarder_forward_frame(f, frame_mbuf_create(2, 100 + k, 0));
	}
	waiting_expect(f, 2 * GREMC_PENDING_PACKETS, 2 * 3);
	assert_int_equal(gremc_adjacency_resolve(f->vifs, adjacency, &peer_mac), 0);
	assert_int_equal(gremc_worker_poll_pending(f->worker), GREMC_PENDING_PACKETS);
	waiting_expect(f, 0, 2 * 3);
	replicas_expect_in_order(2, 100 + 3, GREMC_PENDING_PACKETS);

	/* each tunnel by a next hop of its own */
	for (uint32_t n = 0; n < GREMC_PENDING_NEIGHBOURS + 5; n++) {
		struct gremc_vif_info info = tunnel_info(100 + n, LOOP);

		info.next_hop = rte_cpu_to_be_32(0x0a0000a0 + n);
		f->vif[n] = forwarder_add_tunnel(f, &info);
		adjacency = f->vifs->encap[f->vif[n]].adjacency;
		assert_int_equal(gremc_adjacency_resolve(f->vifs, adjacency, NULL), 0);
	}
	forwarder_set_route(f, GREMC_PENDING_NEIGHBOURS + 5);
	forwarder_forward_frame(f, frame_mbuf_create(2, 1000, 0));
	waiting_expect(f, GREMC_PENDING_NEIGHBOURS, 2 * 3 + 5);
	gremc_pending_drop_all(f->worker);
	gremc_worker_account(f->worker, NULL);
	waiting_expect(f, 0, 2 * 3 + 5 + GREMC_PENDING_NEIGHBOURS);
	for (uint32_t n = 0; n < GREMC_PENDING_NEIGHBOURS; n++)
		assert_int_equal(f->worker->stats->vif_cold[f->vif[n]].lost[GREMC_TX_DROP_no_adjacency], 1);
	replicas_expect(0, 0, 0, false);
}

/* Those that came at the same time, as in a flood, do not replace each other all the time. */
static void test_flood_does_not_replace_fresh_packets(void **state)
{
	struct rte_mbuf *mbufs[GREMC_PENDING_PACKETS + 3];
	struct forwarder *f = *state;
	uint32_t adjacency;

	forwarder_add_tunnels(f, 3, LOOP);
	forwarder_set_route(f, 1);
	adjacency = next_hop_unresolve(f);
	for (uint16_t k = 0; k < RTE_DIM(mbufs); k++)
		mbufs[k] = frame_mbuf_create(2, 100 + k, 0);
	forwarder_forward_burst(f, mbufs, RTE_DIM(mbufs));
	waiting_expect(f, GREMC_PENDING_PACKETS, 3);
	assert_int_equal(gremc_adjacency_resolve(f->vifs, adjacency, &peer_mac), 0);
	gremc_worker_poll_pending(f->worker);
	waiting_expect(f, 0, 3);
	replicas_expect_in_order(1, 100, GREMC_PENDING_PACKETS);
}

/* While replicas wait, their tunnels go, get another next hop, or a smaller MTU. */
static void test_waiting_replicas_follow_tunnel_changes(void **state)
{
	enum { REMOVED, REUSED, REROUTED, SHRUNK, STAYS, TUNNELS };
	struct forwarder *f = *state;
	struct gremc_vif_info info = tunnel_info(300, LOOP);
	uint32_t adjacency, other;
	struct rte_mbuf *mbuf;

	forwarder_add_tunnels(f, TUNNELS + 1, LOOP);
	forwarder_set_route(f, TUNNELS);
	adjacency = next_hop_unresolve(f);
	forwarder_forward_frame(f, frame_mbuf_create(TUNNELS, 1000, 0));
	waiting_expect(f, TUNNELS, 0);
	forwarder_set_route(f, 0);
	gremc_vif_remove(f->vifs, f->vif[REUSED]);
	gremc_rcu_synchronize(f->rcu);
	assert_int_equal(forwarder_add_tunnel(f, &info), f->vif[REUSED]);
	gremc_stats_reset_vif(f->worker->stats, f->vif[REUSED]);
	gremc_vif_remove(f->vifs, f->vif[REMOVED]);
	assert_int_equal(gremc_adjacency_get(f->vifs, LOOP, RTE_BE32(0x0a0000ee), &our_mac, 0, &other), 0);
	assert_int_equal(gremc_adjacency_resolve(f->vifs, other, &peer_mac), 0);
	gremc_tunnel_reroute(f->vifs, f->vif[REROUTED], other);
	gremc_tunnel_mtu_set(f->vifs, f->vif[SHRUNK], 999);
	assert_int_equal(gremc_adjacency_resolve(f->vifs, adjacency, &peer_mac), 0);
	gremc_worker_poll_pending(f->worker);
	waiting_expect(f, 0, 3);
	assert_int_equal(forwarder_totals(f).losses[GREMC_TX_DROP_too_big], 1);
	/* the new one has no part in it */
	assert_int_equal(vif_tx_packets(f, REUSED), 0);
	assert_int_equal(f->worker->stats->vif_cold[f->vif[REUSED]].lost[GREMC_TX_DROP_no_adjacency], 0);
	assert_int_equal(f->worker->stats->vif_cold[f->vif[REROUTED]].lost[GREMC_TX_DROP_no_adjacency], 1);
	assert_int_equal(rte_eth_rx_burst(device[LOOP], 0, &mbuf, 1), 1);
	replica_check(mbuf, STAYS, 1000, false);
	rte_pktmbuf_free(mbuf);
	replicas_expect(0, 0, 0, false);
}

/* Two workers, one transmit queue: the second hands over by a ring, the first sends. */
static void test_replicas_are_handed_to_queue_owner(void **state)
{
	struct forwarder *f = *state;
	struct rte_ring *ring = rte_ring_create("handover", 128, SOCKET_ID_ANY, RING_F_SC_DEQ);
	struct gremc_worker *other;

	assert_non_null(ring);
	f->port[LOOP].tx_ring[0] = ring;
	f->port[LOOP].rx_worker[0] = 1;
	forwarder_start_workers(f, 2);
	other = f->group->worker[1];
	assert_int_equal(f->worker->egress.shared_count, 1);
	assert_int_equal(other->rxq_count, 1);
	forwarder_add_tunnels(f, 201, LOOP);
	forwarder_set_route(f, 200);
	struct rte_mbuf *mbuf = frame_mbuf_create(200, 1000, 0);

	assert_int_equal(rte_eth_tx_burst(device[LOOP], 0, &mbuf, 1), 1);
	assert_int_equal(gremc_worker_poll(other, &other->rxq[0]), 1);
	assert_int_equal(forwarder_totals(f).queued, 127);
	assert_int_equal(forwarder_totals(f).losses[GREMC_TX_DROP_ring_full], 73);
	while (gremc_tx_shared_poll(&f->worker->egress) > 0)
		gremc_worker_account(f->worker, NULL);
	assert_int_equal(forwarder_totals(f).queued, 0);
	assert_int_equal(forwarder_totals(f).sent, 127);
	replicas_expect(127, UINT32_MAX, 1000, false);
	f->port[LOOP].tx_ring[0] = NULL;
	rte_ring_free(ring);
}

/* A large oil is shared by two workers: each interface has one replica, from one of them, copied and chained,
 * from a member of the oil and from another; an mroute that is gone by the second worker's turn wants
 * nothing, and a full ring loses each replica by name. */
static void test_large_oil_is_split_between_workers(void **state)
{
	static const uint16_t lengths[] = {100, 1000};
	struct forwarder *f = *state;
	struct gremc_worker *other = forwarder_start_two_workers(f, 200, false);
	const uint32_t n = 400;
	uint32_t first, lost = 0;

	forwarder_add_tunnels(f, n + 1, LOOP);
	forwarder_set_route(f, n);
	for (unsigned l = 0; l < RTE_DIM(lengths); l++) {
		for (uint32_t from = n - 1; from <= n; from++) {
			const uint32_t wanted = from < n ? n - 1 : n;
			const struct gremc_totals before = forwarder_totals(f);
			bool got[400] = {false};

			forwarder_receive_frame(f, frame_mbuf_create(from, lengths[l], 0));
			first = replicas_collect(f, got, n);
			assert_in_range(first, n / 4, n * 3 / 4);
			assert_int_equal(forwarder_totals(f).wanted - before.wanted, first);
			assert_int_equal(gremc_worker_poll_handoff(other), 1);
			assert_int_equal(replicas_collect(f, got, n), wanted - first);
			assert_int_equal(forwarder_totals(f).wanted - before.wanted, wanted);
			assert_int_equal(forwarder_totals(f).sent - before.sent, wanted);
			assert_int_equal(forwarder_totals(f).forwarded - before.forwarded, 1);
			assert_true(from == n || !got[from]);
		}
	}
	handoff_ring_block(other, true);
	forwarder_receive_frame(f, frame_mbuf_create(n, 100, 0));
	handoff_ring_block(other, false);
	first = replicas_collect(f, (bool[400]){false}, n);
	assert_int_equal(forwarder_totals(f).losses[GREMC_TX_DROP_shard_full], n - first);
	for (uint32_t i = 0; i < n; i++)
		lost += f->worker->stats->vif_cold[f->vif[i]].lost[GREMC_TX_DROP_shard_full];
	assert_int_equal(lost, n - first);
	assert_int_equal(forwarder_totals(f).wanted, forwarder_totals(f).sent + n - first);

	forwarder_receive_frame(f, frame_mbuf_create(n, 100, 0));
	first = replicas_collect(f, (bool[400]){false}, n);
	forwarder_set_route(f, 1);
	assert_int_equal(gremc_worker_poll_handoff(other), 1);
	assert_in_range(replicas_collect(f, (bool[400]){false}, n), 0, 1);
}

/* A flow belongs to one worker, whichever receives it. */
static void test_flows_are_spread_between_workers(void **state)
{
	struct forwarder *f = *state;
	struct gremc_worker *other = forwarder_start_two_workers(f, 0, true), *owner, *stranger;
	struct rte_mbuf *mbuf;

	forwarder_add_tunnels(f, 3, LOOP);
	forwarder_set_route(f, 2);
	forwarder_receive_frame(f, frame_mbuf_create(2, 100, 0));
	owner = forwarder_totals(f).relayed == 1 ? other : f->worker;
	stranger = owner == other ? f->worker : other;
	assert_int_equal(gremc_worker_poll_handoff(owner), owner == other);
	for (unsigned i = 0; i < 2; i++)
		replica_expect(i, 100);
	/* received by the other one: given to the owner, who forwards it */
	mbuf = frame_mbuf_create(2, 100, 0);
	assert_int_equal(rte_eth_tx_burst(device[LOOP], 0, &mbuf, 1), 1);
	assert_int_equal(gremc_worker_poll(stranger, &f->worker->rxq[0]), 1);
	assert_int_equal(forwarder_totals(f).relayed, 1);
	assert_int_equal(gremc_worker_poll_handoff(stranger), 0);
	assert_int_equal(gremc_worker_poll_handoff(owner), 1);
	for (unsigned i = 0; i < 2; i++)
		replica_expect(i, 100);
	assert_int_equal(forwarder_totals(f).relayed, 0);
	assert_int_equal(forwarder_totals(f).forwarded, forwarder_totals(f).rx_packets);
	/* and a full ring is a named drop */
	mbuf = frame_mbuf_create(2, 100, 0);
	assert_int_equal(rte_eth_tx_burst(device[LOOP], 0, &mbuf, 1), 1);
	handoff_ring_block(owner, true);
	assert_int_equal(gremc_worker_poll(stranger, &f->worker->rxq[0]), 1);
	handoff_ring_block(owner, false);
	assert_int_equal(forwarder_totals(f).drops[GREMC_DROP_relay_full], 1);
}

/* May what is on the node for lookups and replicas be touched? */
static void mprotect_pages(struct forwarder *f, uint32_t node, bool touch)
{
	const int protection = touch ? PROT_READ | PROT_WRITE : PROT_NONE;
	const struct gremc_vifs *vifs = gremc_vifs_on_socket(f->vifs, f->socket[node]);
	const struct gremc_hash *hash = f->fanout->view->hash[node];

	assert_int_equal(mprotect(vifs->encap, GREMC_VIFS_MAX * sizeof(*vifs->encap), protection), 0);
	assert_int_equal(
		mprotect(vifs->adjacency, GREMC_ADJACENCIES_MAX * sizeof(*vifs->adjacency), protection), 0);
	assert_int_equal(mprotect(vifs->tunnels->bucket, gremc_hash_bytes(vifs->tunnels), protection), 0);
	assert_int_equal(mprotect(hash->bucket, gremc_hash_bytes(hash), protection), 0);
	assert_int_equal(mprotect(f->fanout->slab.lines[node], f->fanout->slab.size, protection), 0);
}

/* Each of two workers forwards while the other's tables are out of reach. */
static void test_workers_read_their_own_node(void **state)
{
	static const uint16_t lengths[] = {100, 1000};
	struct forwarder *f = *state;
	struct rte_mbuf *mbuf;

	forwarder_start_workers(f, 2);
	forwarder_add_tunnels(f, 81, LOOP);
	for (uint32_t i = 0; i < 2; i++) {
		struct gremc_worker *worker = f->group->worker[i];

		assert_ptr_equal(worker->vifs, gremc_vifs_on_socket(f->vifs, f->socket[i]));
		assert_ptr_equal(worker->fanout, gremc_fanout_at(f->fanout, f->socket[i]));
		for (unsigned l = 0; l < RTE_DIM(lengths); l++) {
			forwarder_set_route(f, 1 + 79 * l); /* published, then replaced */
			mbuf = frame_mbuf_create(80, lengths[l], 0);
			assert_int_equal(rte_eth_tx_burst(device[LOOP], 0, &mbuf, 1), 1);
			mprotect_pages(f, !i, false);
			assert_int_equal(gremc_worker_poll(worker, &f->worker->rxq[LOOP]), 1);
			mprotect_pages(f, !i, true);
			replicas_expect(1 + 79 * l, UINT32_MAX, lengths[l], false);
		}
	}
	assert_int_equal(forwarder_totals(f).sent, 2 * (1 + 80));
}

/* Outer fields that come from the inner packet. */
/* A replica of a frame with `length` inner bytes has exactly these settings, all of them. */
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

/* One packet from tunnel 0 to the others, of which number 2 has been changed. */
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
	replicas_expect(0, 0, 0, false);
}

/* At each step of a change, for copies, chains and a packet that is sent in place: a replica has all of the
 * new settings. The vif, its place in mroutes and its counters stay. */
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
		gremc_adjacency_get(f->vifs, LOOP, info.next_hop, &our_mac, 0, &(uint32_t){0});
		assert_int_equal(gremc_tunnel_change(f->vifs, f->vif[2], &info,
						     gremc_vif_adjacency(f->vifs, f->vif[2])),
				 0);
		for (unsigned step = 0; step < 5; step++) {
			/* number 2 is the last one, which gets the packet itself; and one of several */
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

/* Drops name their vif and, after the mroute lookup, the flow; a packet that is forwarded counts nothing. */
static void test_drops_name_their_vif_and_flow(void **state)
{
	struct forwarder *f = *state;
	const struct gremc_vif_drop *drop = f->worker->stats->vif_drop;
	struct gremc_fanout_op op = {.kind = GREMC_FANOUT_SET,
				     .spec = {.group = rte_cpu_to_be_32(GROUP),
					      .length = 32,
					      .iif_count = 1,
					      .iifs = &f->vif[0],
					      .oif_count = 2,
					      .oifs = f->vif}};
	rte_be32_t flow[2];

	forwarder_add_tunnels(f, 3, LOOP);
	assert_int_equal(gremc_fanout_apply(f->fanout, &op, 1, NULL, NULL), 0);
	forwarder_receive_frame(f, frame_mbuf_create(0, 100, 0));
	replicas_expect(1, 0, 100, false);
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

/* An interface that is set down neither receives nor sends, at once and by name; up again it does both. */
static void test_interface_down_drops_packets(void **state)
{
	struct forwarder *f = *state;

	forwarder_add_tunnels(f, 4, LOOP);
	forwarder_set_route(f, 4);
	gremc_vif_down_set(f->vifs, f->vif[3], true);
	assert_int_equal(forwarder_receive_frame(f, frame_mbuf_create(0, 100, 0)), 1);
	replicas_expect(2, 0, 100, false);
	assert_int_equal(forwarder_receive_frame(f, frame_mbuf_create(3, 100, 0)), 1);
	replicas_expect(0, 0, 0, false);
	assert_int_equal(forwarder_totals(f).losses[GREMC_TX_DROP_oif_down], 1);
	assert_int_equal(forwarder_totals(f).drops[GREMC_DROP_iif_down], 1);
	assert_int_equal(forwarder_totals(f).waiting, 0);
	gremc_vif_down_set(f->vifs, f->vif[3], false);
	assert_int_equal(forwarder_receive_frame(f, frame_mbuf_create(3, 100, 0)), 1);
	replicas_expect(3, 3, 100, false);
}

/* The same of a port, for all that leaves and arrives by it. */
static void test_port_down_drops_packets(void **state)
{
	struct forwarder *f = *state;
	const struct gremc_vif_info nowhere = tunnel_info(9, NOWHERE);

	forwarder_add_tunnels(f, 3, LOOP);
	f->vif[3] = forwarder_add_tunnel(f, &nowhere);
	forwarder_set_route(f, 4);
	gremc_workers_port_down(f->group, LOOP, true);
	assert_int_equal(forwarder_receive_frame(f, frame_mbuf_create(0, 100, 0)), 1);
	assert_int_equal(forwarder_totals(f).drops[GREMC_DROP_iif_down], 1);
	gremc_workers_port_down(f->group, LOOP, false);
	assert_int_equal(gremc_port_down_set(f->vifs, LOOP, true), 0);
	assert_int_equal(forwarder_receive_frame(f, frame_mbuf_create(0, 100, 0)), 1);
	replicas_expect(0, 0, 0, false);
	assert_int_equal(forwarder_totals(f).losses[GREMC_TX_DROP_oif_down], 2);
	assert_int_equal(forwarder_totals(f).sent, 1);
	/* a MAC that is learned meanwhile is not lost */
	assert_int_equal(gremc_adjacency_resolve(f->vifs, gremc_vif_adjacency(f->vifs, f->vif[1]), &our_mac),
			 0);
	assert_int_equal(gremc_adjacency_resolve(f->vifs, gremc_vif_adjacency(f->vifs, f->vif[1]), &peer_mac),
			 0);
	assert_int_equal(gremc_port_down_set(f->vifs, LOOP, false), 0);
	gremc_rcu_synchronize(f->rcu);
	assert_int_equal(forwarder_receive_frame(f, frame_mbuf_create(0, 100, 0)), 1);
	replicas_expect(2, 0, 100, false);
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
		if (i > 0)
			assert_int_equal(rte_be_to_cpu_16(outer->packet_id), (uint16_t)(last_id + 1));
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

/* What replicas have in common is kept within a burst: it must not be taken for a packet of another length,
 * another TOS or another number of segments, nor for a tunnel of another shape. */
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
		replicas_expect(0, 0, 0, false);
		worker_release_mbufs(f->worker);
		pools_expect_full();
	}
}

/* Whatever bytes come in, each packet is accounted for and no buffer is lost. */
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

/* ---- buffers that are not the mbuf's own ---- */

/* A buffer that is no longer than needed, so that ASan sees each byte before and behind it. */
struct external {
	struct rte_mbuf_ext_shared_info shinfo;
	unsigned freed;
	void *memory;
};

static void extbuf_free_count(void *memory, void *opaque)
{
	struct external *external = opaque;

	assert_ptr_equal(memory, external->memory);
	free(memory);
	external->freed++;
}

/* As a driver receives it that has external buffers: mlx5 with mprq_en=1, vhost. */
static struct rte_mbuf *extbuf_mbuf_create(struct external *external, const uint8_t *bytes, uint16_t length,
					   uint16_t headroom)
{
	const uint16_t size = headroom + length;
	struct rte_mbuf *mbuf = rte_pktmbuf_alloc(payloads);

	*external = (struct external){.memory = malloc(size)};
	external->shinfo.free_cb = extbuf_free_count;
	external->shinfo.fcb_opaque = external;
	rte_mbuf_ext_refcnt_set(&external->shinfo, 1);
	rte_pktmbuf_attach_extbuf(mbuf, external->memory, RTE_BAD_IOVA, size, &external->shinfo);
	mbuf->data_off = headroom;
	mbuf->data_len = mbuf->pkt_len = length;
	memcpy(rte_pktmbuf_mtod(mbuf, void *), bytes, length);
	return mbuf;
}

/* All buffers of the pool are in their mbufs again. */
static void extbufs_expect_freed(void)
{
	static struct rte_mbuf *all[PAYLOAD_POOL];

	assert_int_equal(rte_mempool_get_bulk(payloads, (void **)all, PAYLOAD_POOL), 0);
	for (unsigned i = 0; i < PAYLOAD_POOL; i++) {
		assert_true(RTE_MBUF_DIRECT(all[i]));
		assert_ptr_equal(all[i]->buf_addr, (uint8_t *)all[i] + sizeof(*all[i]));
	}
	rte_mempool_put_bulk(payloads, (void **)all, PAYLOAD_POOL);
}

/* One owner: the packet is forwarded, and the buffer goes back once, whatever room there is before the data.
 */
static void test_external_buffers_return_to_their_owner(void **state)
{
	static const uint32_t fanouts[] = {1, 2, 70};
	static const uint16_t lengths[] = {20, 100, 1000}, headrooms[] = {0, 16, 18, 128};
	static uint8_t frame[2000];
	struct forwarder *f = *state;
	struct external external;

	forwarder_add_tunnels(f, 71, LOOP);
	for (unsigned i = 0; i < RTE_DIM(fanouts) * RTE_DIM(lengths) * RTE_DIM(headrooms); i++) {
		const uint32_t fanout = fanouts[i % RTE_DIM(fanouts)];
		const uint16_t length = lengths[i / RTE_DIM(fanouts) % RTE_DIM(lengths)];
		const uint16_t headroom = headrooms[i / RTE_DIM(fanouts) / RTE_DIM(lengths)];
		const uint32_t bytes = frame_write(frame, 70, length, 0);

		forwarder_set_route(f, fanout);
		forwarder_receive_frame(f, extbuf_mbuf_create(&external, frame, bytes, headroom));
		replicas_expect(fanout, UINT32_MAX, length, false);
		assert_int_equal(external.freed, 1);
		worker_release_mbufs(f->worker);
		pools_expect_full();
	}
	assert_int_equal(forwarder_totals(f).losses[GREMC_TX_DROP_no_mbuf], 0);
	extbufs_expect_freed();
}

/* The ways in which a received packet may share its bytes with somebody else. */
enum sharing { CLONE, EXTERNAL, LATER_EXTERNAL, LATER_CLONE, LATER_REFERENCE, SHARINGS };

/* The same frame, and in *reader the other owner's mbuf. `external` is in use with an external buffer. */
static struct rte_mbuf *extbuf_mbuf_create_shared(enum sharing how, uint16_t length,
						  struct external *external, struct rte_mbuf **reader)
{
	static uint8_t frame[2000];
	const uint32_t bytes = frame_write(frame, 70, length, 0);
	const bool later = how >= LATER_EXTERNAL;
	const uint32_t at = later ? RTE_MIN(40u, bytes - 1) : 0;
	struct rte_mbuf *first, *part;

	*external = (struct external){0};
	if (how == CLONE || how == LATER_CLONE) {
		/* the other owner has the direct mbuf */
		*reader = rte_pktmbuf_alloc(payloads);
		memcpy(rte_pktmbuf_append(*reader, bytes - at), frame + at, bytes - at);
		part = rte_pktmbuf_clone(*reader, payloads);
	} else if (how == LATER_REFERENCE) {
		/* a payload that is in several chains, as this program sends it */
		part = rte_pktmbuf_alloc(payloads);
		memcpy(rte_pktmbuf_append(part, bytes - at), frame + at, bytes - at);
		rte_mbuf_refcnt_update(part, 1);
		*reader = part;
	} else {
		part = extbuf_mbuf_create(external, frame + at, bytes - at, 128);
		*reader = rte_pktmbuf_clone(part, payloads);
	}
	if (!later)
		return part;
	first = rte_pktmbuf_alloc(payloads);
	memcpy(rte_pktmbuf_append(first, at), frame, at);
	assert_int_equal(rte_pktmbuf_chain(first, part), 0);
	return first;
}

/* Forwarded, waiting for a MAC, dropped: the other owner never sees a byte change, in any buffer. */
static void test_shared_external_buffers_are_not_written(void **state)
{
	static const uint32_t fanouts[] = {1, 3, 70};
	static const uint16_t lengths[] = {28, 1000};
	static uint8_t before[2000];
	struct forwarder *f = *state;
	struct external external;
	struct rte_mbuf *reader, *mbuf;
	const uint8_t *seen;
	uint16_t bytes;

	forwarder_add_tunnels(f, 71, LOOP);
	for (unsigned i = 0; i < SHARINGS * RTE_DIM(fanouts) * RTE_DIM(lengths); i++) {
		const enum sharing how = i % SHARINGS;
		const uint32_t fanout = fanouts[i / SHARINGS % RTE_DIM(fanouts)];
		const uint16_t length = lengths[i / SHARINGS / RTE_DIM(fanouts)];

		forwarder_set_route(f, fanout);
		mbuf = extbuf_mbuf_create_shared(how, length, &external, &reader);
		seen = rte_pktmbuf_mtod(reader, const uint8_t *);
		bytes = reader->data_len;
		memcpy(before, seen, bytes);
		forwarder_receive_frame(f, mbuf);
		replicas_expect(fanout, UINT32_MAX, length, false);
		assert_ptr_equal(rte_pktmbuf_mtod(reader, const uint8_t *), seen);
		assert_int_equal(reader->data_len, bytes);
		assert_memory_equal(before, seen, bytes);
		assert_int_equal(external.freed, 0);
		assert_int_equal(rte_mbuf_refcnt_read(reader), 1);
		rte_pktmbuf_free(reader);
		assert_int_equal(external.freed, external.memory != NULL);
		worker_release_mbufs(f->worker);
		pools_expect_full();
	}
	extbufs_expect_freed();
}

/* Next hops that are not known yet, and an oil that other workers share: what is kept and handed over is
 * ours, too. */
static void test_external_buffers_wait_for_next_hop(void **state)
{
	static uint8_t frame[2000];
	struct forwarder *f = *state;
	struct gremc_vif_info info = tunnel_info(0, LOOP);
	struct external external, held;
	uint32_t adjacency;
	struct rte_mbuf *out;

	forwarder_add_tunnels(f, 3, LOOP);
	assert_int_equal(gremc_adjacency_get(f->vifs, LOOP, info.next_hop, &our_mac, 0, &adjacency), 0);
	assert_int_equal(gremc_adjacency_resolve(f->vifs, adjacency, NULL), 0);
	gremc_rcu_synchronize(f->rcu);
	for (uint32_t fanout = 1; fanout <= 2; fanout++) {
		forwarder_set_route(f, fanout);
		forwarder_forward_frame(
			f, extbuf_mbuf_create(&external, frame, frame_write(frame, 2, 100, 0), 128));
		assert_int_equal(forwarder_totals(f).waiting, fanout);
		/* a second one, whose place is the mbuf itself or a copy */
		forwarder_forward_frame(
			f, extbuf_mbuf_create(&held, frame, frame_write(frame, 2, 1000, 0), 128));
		assert_int_equal(gremc_adjacency_resolve(f->vifs, adjacency, &peer_mac), 0);
		gremc_worker_poll_pending(f->worker);
		while (rte_eth_rx_burst(device[LOOP], 0, &out, 1) == 1)
			rte_pktmbuf_free(out);
		assert_int_equal(forwarder_totals(f).waiting, 0);
		assert_int_equal(external.freed, 1);
		assert_int_equal(held.freed, 1);
		assert_int_equal(gremc_adjacency_resolve(f->vifs, adjacency, NULL), 0);
		gremc_rcu_synchronize(f->rcu);
	}
	worker_release_mbufs(f->worker);
	pools_expect_full();
	extbufs_expect_freed();
}

/* Pools whose mbufs have their buffers elsewhere for good (pinned): the flag that says so comes back with
 * each of them, and no copy is made in such a pool. */
static void test_pinned_buffers_stay_pinned(void **state)
{
	enum { COUNT = 63, SIZE = 2176 };
	static const uint32_t fanouts[] = {1, 3, 200};
	struct forwarder *f = *state;
	const struct gremc_config_settings sharding = {
		.copy_threshold = 256, .shard_threshold = 150, .tx_retries = 2, .max_sleep = 1};
	struct rte_pktmbuf_extmem memory = {.buf_len = (size_t)COUNT * SIZE, .elt_size = SIZE};
	struct rte_mempool *pinned;
	struct rte_mbuf *all[COUNT], *mbuf;

	memory.buf_ptr = rte_zmalloc("pinned", memory.buf_len, RTE_CACHE_LINE_SIZE);
	memory.buf_iova = rte_malloc_virt2iova(memory.buf_ptr);
	pinned = rte_pktmbuf_pool_create_extbuf("pinned", COUNT, 0, 0, SIZE, SOCKET_ID_ANY, &memory, 1);
	assert_non_null(pinned);
	forwarder_start_workers(f, 2);
	gremc_workers_configure(f->group, &sharding);
	forwarder_add_tunnels(f, 201, LOOP);
	for (unsigned i = 0; i < RTE_DIM(fanouts); i++) {
		forwarder_set_route(f, fanouts[i]);
		mbuf = rte_pktmbuf_alloc(pinned);
		mbuf->data_len = mbuf->pkt_len = frame_write(rte_pktmbuf_mtod(mbuf, uint8_t *), 200, 1000, 0);
		forwarder_receive_frame(f, mbuf);
		assert_int_equal(gremc_worker_poll_handoff(f->group->worker[1]), fanouts[i] >= 150);
		for (uint32_t n = 0; n < fanouts[i]; n++) {
			assert_int_equal(rte_eth_rx_burst(device[LOOP], 0, &mbuf, 1), 1);
			rte_pktmbuf_free(mbuf);
		}
		assert_int_equal(rte_mempool_get_bulk(pinned, (void **)all, COUNT), 0);
		for (unsigned k = 0; k < COUNT; k++)
			assert_true(RTE_MBUF_HAS_EXTBUF(all[k]));
		rte_mempool_put_bulk(pinned, (void **)all, COUNT);
	}
	rte_mempool_free(pinned);
	rte_free(memory.buf_ptr);
}

/* ---- checksums ---- */

/* A frame as usual, with options in its outer header, in several segments. */
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

/* Change the identification, which nothing but the checksum covers. */
static void frame_damage(struct rte_mbuf *mbuf, uint32_t header)
{
	uint32_t at = header + offsetof(struct rte_ipv4_hdr, packet_id);

	for (; at >= mbuf->data_len; mbuf = mbuf->next)
		at -= mbuf->data_len;
	*rte_pktmbuf_mtod_offset(mbuf, uint8_t *, at) ^= 1;
}

/* Both headers are summed, whatever the driver says of one of them; the reason names the wrong one. */
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
		replicas_expect(wrong == RIGHT ? 2 : 0, UINT32_MAX, 100, false);
		outer = forwarder_totals(f).drops[GREMC_DROP_outer_checksum] -
			before.drops[GREMC_DROP_outer_checksum];
		inner = forwarder_totals(f).drops[GREMC_DROP_inner_checksum] -
			before.drops[GREMC_DROP_inner_checksum];
		assert_int_equal(outer, wrong == OUTER_WRONG || wrong == BOTH_WRONG);
		assert_int_equal(inner, wrong == INNER_WRONG);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_every_byte_of_every_replica_is_right),
		TEST(test_no_replica_leaves_by_the_iif),
		TEST(test_ttl_thresholds_filter_oifs),
		TEST(test_counters_hold_at_any_fanout),
		TEST(test_single_segment_port_gets_copies),
		TEST(test_port_segment_limit_is_respected),
		TEST(test_segmented_input_is_forwarded),
		TEST(test_split_headers_without_tailroom_are_dropped),
		TEST(test_shared_input_is_copied),
		TEST(test_empty_header_pool_drops_by_name),
		TEST(test_full_port_drops_by_name),
		TEST(test_port_without_link_is_not_tried),
		TEST(test_closed_port_is_not_touched),
		TEST(test_one_bad_oif_does_not_affect_others),
		TEST(test_packets_wait_for_next_hop_in_order),
		TEST(test_waiting_packets_are_bounded),
		TEST(test_flood_does_not_replace_fresh_packets),
		TEST(test_waiting_replicas_follow_tunnel_changes),
		TEST(test_replicas_are_handed_to_queue_owner),
		TEST(test_large_oil_is_split_between_workers),
		TEST(test_flows_are_spread_between_workers),
		TWO(test_workers_read_their_own_node),
		TWO(test_large_oil_is_split_between_workers),
		TWO(test_flows_are_spread_between_workers),
		TEST(test_settings_change_in_place),
		TWO(test_settings_change_in_place),
		TEST(test_drops_name_their_vif_and_flow),
		TEST(test_interface_down_drops_packets),
		TWO(test_interface_down_drops_packets),
		TEST(test_port_down_drops_packets),
		TEST(test_inherited_outer_fields_are_copied),
		TEST(test_mixed_packets_in_one_burst),
		TEST(test_any_bytes_are_handled_safely),
		TEST(test_external_buffers_return_to_their_owner),
		TEST(test_shared_external_buffers_are_not_written),
		TEST(test_external_buffers_wait_for_next_hop),
		TEST(test_pinned_buffers_stay_pinned),
		TEST(test_nic_checksum_flags_are_ignored),
	};

	return cmocka_run_group_tests_name("datapath", tests, forwarder_eal_init, forwarder_eal_cleanup);
}
