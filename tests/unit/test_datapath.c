/* SPDX-License-Identifier: BSD-3-Clause */
/* The worker's stages: what becomes of a packet. */
#include <sys/mman.h>

#include <rte_malloc.h>

#include "datapath/handoff.h"
#include "datapath/pending.h"
#include "datapath_world.h"
#include "fanout/fanout_priv.h" /* where its memory is on each node */

/* Sizes about the copy threshold, fan-outs about the chunk: every byte of every replica, and nothing leaks.
 */
static void every_replica_is_right(void **state)
{
	static const uint16_t lengths[] = {20, 28, 255, 256, 257, 1400};
	static const uint32_t fanouts[] = {1, 2, 3, 63, 64, 65, 128, 129, 300};
	struct fixture *f = *state;
	uint64_t wanted = 0;

	add_tunnels(f, 301, LOOP);
	for (unsigned l = 0; l < RTE_DIM(lengths); l++) {
		for (unsigned o = 0; o < RTE_DIM(fanouts); o++) {
			route(f, fanouts[o]);
			assert_int_equal(poll_with(f, frame_mbuf(300, lengths[l], 18)), 1);
			expect_replicas(fanouts[o], UINT32_MAX, lengths[l],
					lengths[l] <= 256 || fanouts[o] == 1);
			return_headers(f->worker);
			check_no_leak();
			wanted += fanouts[o];
		}
	}
	assert_int_equal(totals(f).sent, wanted);
}

static void never_back_out_of_the_iif(void **state)
{
	static const uint16_t lengths[] = {100, 1000};
	struct fixture *f = *state;

	add_tunnels(f, 130, LOOP);
	for (unsigned l = 0; l < 2; l++) {
		for (uint32_t count = 2; count <= 130; count += 64) {
			const uint32_t in[] = {0, 1, count / 2, count - 1};

			route(f, count);
			for (unsigned i = 0; i < RTE_DIM(in); i++) {
				poll_with(f, frame_mbuf(in[i], lengths[l], 0));
				expect_replicas(count - 1, in[i], lengths[l], false);
			}
		}
	}
	route(f, 1);
	poll_with(f, frame_mbuf(0, 100, 0));
	expect_replicas(0, 0, 0, false);
	assert_int_equal(totals(f).drops[GREMC_DROP_empty_oil], 1);
}

/* Frames come with a TTL of 16. By copies and by sharing, about the chunk, with the iif in the oil. */
static void ttl_thresholds_hold(void **state)
{
	static const uint16_t lengths[] = {100, 1000};
	struct fixture *f = *state;
	uint8_t thresholds[200];
	struct gremc_fanout_op op = {.kind = GREMC_FANOUT_SET,
				     .spec = {.group = rte_cpu_to_be_32(GROUP),
					      .length = 32,
					      .oif_count = 200,
					      .oifs = f->vif,
					      .thresholds = thresholds}};

	add_tunnels(f, 200, LOOP);
	for (unsigned pass = 0; pass <= 200; pass += 50) {
		for (unsigned i = 0; i < 200; i++)
			thresholds[i] = i < pass ? i % 16 : 16 + i;
		assert_int_equal(gremc_fanout_apply(f->fanout, &op, 1, NULL, NULL), 0);
		for (unsigned l = 0; l < RTE_DIM(lengths); l++) {
			poll_with(f, frame_mbuf(3, lengths[l], 0));
			expect_replicas(pass ? pass - 1 : 0, 3, lengths[l], false);
			return_headers(f->worker);
			check_no_leak();
		}
	}
	assert_int_equal(totals(f).drops[GREMC_DROP_ttl_threshold], RTE_DIM(lengths));
	/* nobody but the sender: that is no matter of its TTL */
	op.spec.oif_count = 1;
	thresholds[0] = 3;
	assert_int_equal(gremc_fanout_apply(f->fanout, &op, 1, NULL, NULL), 0);
	poll_with(f, frame_mbuf(0, 100, 0));
	assert_int_equal(totals(f).drops[GREMC_DROP_empty_oil], 1);
}

/* Nothing wraps at 8 or 16 bits, of counters, of references. */
static void any_fanout(void **state)
{
	static const uint32_t fanouts[] = {255, 256, 257, 1000, 20000, 32767, 32768, 65535};
	static const uint16_t lengths[] = {64, 1400};
	struct fixture *f = *state;
	struct gremc_vif_info in = tunnel(70000, LOOP);
	uint64_t wanted = 0;

	add_tunnel(f, &in);
	add_tunnels(f, 65535, NOWHERE);
	for (unsigned o = 0; o < RTE_DIM(fanouts); o++) {
		for (unsigned l = 0; l < RTE_DIM(lengths); l++) {
			route(f, fanouts[o]);
			poll_with(f, frame_mbuf(70000, lengths[l], 0));
			wanted += fanouts[o];
			assert_int_equal(totals(f).wanted, wanted);
			assert_int_equal(totals(f).sent, wanted);
			return_headers(f->worker);
			check_no_leak();
		}
	}
	assert_int_equal(f->worker->stats->vif_hot[f->vif[254]].tx_packets, RTE_DIM(fanouts) * 2);
	assert_int_equal(f->worker->stats->vif_hot[f->vif[65534]].tx_packets, 2);
	assert_int_equal(f->worker->stats->vif_hot[f->vif[65534]].tx_bytes, 1464);
}

static void single_segment_port_gets_copies(void **state)
{
	struct fixture *f = *state;

	f->port[LOOP].multi_seg = false;
	start_workers(f, 1);
	add_tunnels(f, 66, LOOP);
	route(f, 65);
	poll_with(f, frame_mbuf(65, 1400, 0));
	expect_replicas(65, UINT32_MAX, 1400, true);
	/* and a packet that came in pieces leaves in one, at fan-out 1, too */
	route(f, 1);
	poll_with(f, split_mbuf(65, 4000, 0, 600));
	expect_replicas(1, UINT32_MAX, 4000, true);
	route(f, 65);
	poll_with(f, split_mbuf(65, 4000, 9, 600));
	expect_replicas(65, UINT32_MAX, 4000, true);
}

static void segments_limit_of_a_port(void **state)
{
	struct fixture *f = *state;
	struct rte_mbuf *mbuf;

	f->port[LOOP].max_segments = 4;
	start_workers(f, 1);
	add_tunnels(f, 4, LOOP);
	route(f, 3);
	/* three pieces and a header go chained, four are copied into one */
	poll_with(f, split_mbuf(3, 1700 - 38, 0, 600));
	assert_int_equal(rte_eth_rx_burst(device[LOOP], 0, &mbuf, 1), 1);
	assert_int_equal(mbuf->nb_segs, 4);
	rte_pktmbuf_free(mbuf);
	assert_int_equal(rte_eth_rx_burst(device[LOOP], 0, &mbuf, 1), 1);
	rte_pktmbuf_free(mbuf);
	assert_int_equal(rte_eth_rx_burst(device[LOOP], 0, &mbuf, 1), 1);
	rte_pktmbuf_free(mbuf);
	poll_with(f, split_mbuf(3, 2300 - 38, 0, 600));
	expect_replicas(3, UINT32_MAX, 2300 - 38, true);
}

/* However the frame is cut, headers included, it is the same packet. */
static void segmented_input(void **state)
{
	static const uint32_t pieces[] = {1,  7,   13,  14,  33,  34,  38,   57,  58,
					  59, 100, 153, 154, 155, 500, 1437, 1438};
	struct fixture *f = *state;

	add_tunnels(f, 6, LOOP);
	for (unsigned i = 0; i < RTE_DIM(pieces); i++) {
		/* net_ring passes chains of any length, a replica of a thousand pieces is one */
		for (uint32_t fanout = 1; fanout <= 5; fanout += 4) {
			route(f, fanout);
			poll_with(f, split_mbuf(5, 1400, 40, pieces[i]));
			expect_replicas(fanout, UINT32_MAX, 1400, false);
			poll_with(f, split_mbuf(5, 100, 40, pieces[i]));
			expect_replicas(fanout, UINT32_MAX, 100, false);
		}
	}
	assert_int_equal(totals(f).forwarded, RTE_DIM(pieces) * 4);
}

/* The headers do not fit the first buffer: a named drop. */
static void headers_that_no_buffer_holds(void **state)
{
	struct fixture *f = *state;
	struct rte_mbuf *mbuf;

	add_tunnels(f, 2, LOOP);
	route(f, 1);
	mbuf = split_mbuf(1, 1000, 0, 20);
	/* push the data to the buffer's end */
	memmove(rte_pktmbuf_mtod_offset(mbuf, uint8_t *, rte_pktmbuf_tailroom(mbuf)),
		rte_pktmbuf_mtod(mbuf, uint8_t *), 20);
	mbuf->data_off += rte_pktmbuf_tailroom(mbuf);
	poll_with(f, mbuf);
	assert_int_equal(totals(f).drops[GREMC_DROP_header_split], 1);
}

/* A buffer that somebody else still reads is not written to. */
static void shared_input_is_copied(void **state)
{
	static uint8_t before[2000];
	struct fixture *f = *state;
	struct rte_mbuf *mbuf = frame_mbuf(2, 1000, 0), *taken[64], *all[PAYLOAD_POOL];
	unsigned n = 0;

	add_tunnels(f, 3, LOOP);
	route(f, 2);
	memcpy(before, rte_pktmbuf_mtod(mbuf, void *), mbuf->pkt_len);
	rte_mbuf_refcnt_update(mbuf, 1);
	poll_with(f, mbuf);
	expect_replicas(2, UINT32_MAX, 1000, false);
	assert_int_equal(rte_mbuf_refcnt_read(mbuf), 1);
	assert_memory_equal(before, rte_pktmbuf_mtod(mbuf, void *), mbuf->pkt_len);
	/* and when no buffer is free for the copy, it is a named drop */
	rte_mbuf_refcnt_update(mbuf, 1);
	while (rte_mempool_get(payloads, (void **)&all[n]) == 0)
		n++;
	poll_with(f, mbuf);
	rte_mempool_put_bulk(payloads, (void **)all, n);
	assert_int_equal(totals(f).drops[GREMC_DROP_shared_input], 1);
	assert_int_equal(rte_eth_rx_burst(device[LOOP], 0, taken, 64), 0);
	assert_int_equal(rte_mbuf_refcnt_read(mbuf), 1);
	rte_pktmbuf_free(mbuf);
}

/* The header pool runs dry in the middle of a packet: what there is goes, and of a copied one the last
 * tunnel's, which is in the packet's own buffer; the rest is counted for each tunnel. */
static void empty_header_pool(void **state)
{
	struct fixture *f = *state;
	uint64_t lost = 0;

	add_tunnels(f, 201, LOOP);
	route(f, 200);
	f->worker->header_pool = tiny; /* 127 buffers */
	poll_with(f, frame_mbuf(200, 1000, 0));
	expect_replicas(127, UINT32_MAX, 1000, false);
	poll_with(f, frame_mbuf(200, 100, 0));
	for (unsigned n = 0; n < 127; n++)
		expect_one(n, 100);
	expect_one(199, 100);
	assert_int_equal(rte_mempool_avail_count(tiny), 127);
	assert_int_equal(totals(f).sent, 255);
	assert_int_equal(totals(f).losses[GREMC_TX_DROP_no_mbuf], 145);
	for (unsigned n = 0; n < 200; n++)
		lost += f->worker->stats->vif_cold[f->vif[n]].lost[GREMC_TX_DROP_no_mbuf];
	assert_int_equal(lost, 145);
	assert_int_equal(f->worker->stats->vif_cold[f->vif[198]].lost_bytes, 1100);
	assert_int_equal(f->worker->stats->vif_cold[f->vif[199]].lost_bytes, 1000);
}

/* A port that takes no more: bounded tries, then what has no place in its backlog is lost by name. */
static void full_port(void **state)
{
	struct fixture *f = *state;
	uint64_t lost = 0;
	uint32_t sent;

	add_tunnels(f, 2001, LOOP);
	route(f, 2000);
	poll_with(f, frame_mbuf(2000, 1000, 0));
	sent = totals(f).sent;
	assert_in_range(sent, 1000, 1100);
	assert_int_equal(totals(f).queued, GREMC_TX_HELD_MAX);
	gremc_backlogs_drop(f->worker);
	gremc_worker_account(f->worker, NULL);
	assert_int_equal(totals(f).losses[GREMC_TX_DROP_tx_full], 2000 - sent);
	for (unsigned n = 0; n < 2000; n++) {
		lost += f->worker->stats->vif_cold[f->vif[n]].lost[GREMC_TX_DROP_tx_full];
		assert_int_equal(f->worker->stats->vif_cold[f->vif[n]].lost_bytes,
				 f->worker->stats->vif_cold[f->vif[n]].lost[GREMC_TX_DROP_tx_full] * 1000);
	}
	assert_int_equal(lost, 2000 - sent);
	expect_replicas(sent, UINT32_MAX, 1000, false);
	/* it moves again, and so do we */
	route(f, 100);
	poll_with(f, frame_mbuf(2000, 1000, 0));
	expect_replicas(100, UINT32_MAX, 1000, false);
}

/* A port that has lost its link is not asked; one that has never had any is. */
static void no_link_no_try(void **state)
{
	static const uint16_t lengths[] = {100, 1000};
	struct fixture *f = *state;

	add_tunnels(f, 101, LOOP);
	f->vif[100] = add_tunnel(f, &(struct gremc_vif_info){.kind = GREMC_VIF_TUNNEL,
							     .port = NOWHERE,
							     .local = rte_cpu_to_be_32(LOCAL),
							     .remote = rte_cpu_to_be_32(0x0a020000),
							     .mtu = 8976});
	route(f, 101);
	f->port[LOOP].status = GREMC_PORT_DOWN;
	gremc_workers_port_changed(f->group, &f->port[LOOP]);
	poll_with(f, frame_mbuf(0, 100, 0));
	expect_replicas(99, 0, 100, false);
	f->port[LOOP].link_changes = 1;
	gremc_workers_port_changed(f->group, &f->port[LOOP]);
	for (unsigned l = 0; l < RTE_DIM(lengths); l++) {
		poll_with(f, frame_mbuf(0, lengths[l], 0));
		expect_replicas(0, 0, 0, false);
		assert_int_equal(totals(f).losses[GREMC_TX_DROP_link_down], 99 * (l + 1));
		assert_int_equal(totals(f).ports[LOOP].tx_lost, 99 * (l + 1));
	}
	assert_int_equal(f->worker->stats->vif_cold[f->vif[5]].lost[GREMC_TX_DROP_link_down], 2);
	assert_int_equal(f->worker->stats->vif_cold[f->vif[5]].lost_bytes, 1100);
	assert_int_equal(f->worker->stats->vif_cold[f->vif[100]].lost[GREMC_TX_DROP_link_down], 0);
	f->port[LOOP].status = GREMC_PORT_UP;
	gremc_workers_port_changed(f->group, &f->port[LOOP]);
	poll_with(f, frame_mbuf(0, 1000, 0));
	expect_replicas(99, 0, 1000, false);
	assert_int_equal(totals(f).losses[GREMC_TX_DROP_link_down], 198);
}

/* A closed port is not touched: what it would bring stays where it is, what it would take is lost by name;
 * and it may have another number when it is open again. */
static void a_closed_port_is_left_alone(void **state)
{
	struct fixture *f = *state;
	struct rte_mbuf *mbuf = frame_mbuf(0, 100, 0);

	add_tunnels(f, 101, LOOP);
	route(f, 101);
	f->port[LOOP].status = GREMC_PORT_RESETTING;
	f->port[LOOP].id = UINT16_MAX; /* no device: whoever used it would fault */
	gremc_workers_port_changed(f->group, &f->port[LOOP]);
	assert_int_equal(rte_eth_tx_burst(device[LOOP], 0, &mbuf, 1), 1);
	assert_int_equal(gremc_worker_poll(f->worker, &f->worker->rxq[LOOP]), 0);
	/* a packet of another port */
	f->worker->burst.packet[0].mbuf = frame_mbuf(0, 1000, 0);
	f->worker->burst.count = 1;
	f->worker->rx_packets = 1;
	gremc_worker_forward(f->worker, &f->worker->rxq[LOOP]);
	assert_int_equal(totals(f).losses[GREMC_TX_DROP_port_down], 100);
	f->port[LOOP].status = GREMC_PORT_UP;
	f->port[LOOP].id = device[LOOP];
	gremc_workers_port_changed(f->group, &f->port[LOOP]);
	assert_int_equal(gremc_worker_poll(f->worker, &f->worker->rxq[LOOP]), 1);
	expect_replicas(100, 0, 100, true);
	assert_int_equal(totals(f).losses[GREMC_TX_DROP_port_down], 100);
}

/* One of the outgoing interfaces cannot be served; the others are. In every place of the oil, copied and
 * shared. */
static void some_are_lost(void **state)
{
	static const uint16_t lengths[] = {100, 1000};
	struct fixture *f = *state;
	const uint32_t n = 67;

	add_tunnels(f, n + 1, LOOP);
	for (unsigned kind = 0; kind < 2; kind++) {
		for (unsigned l = 0; l < 2; l++) {
			for (uint32_t bad = 0; bad < n; bad += 11) {
				struct gremc_vif_info info = tunnel(bad, LOOP);
				uint32_t good = f->vif[bad], adjacency;

				if (kind == 0) {
					info.mtu = 99;
					f->vif[bad] = add_tunnel(f, &info);
				} else {
					info.next_hop = RTE_BE32(0x0a0000aa);
					f->vif[bad] = add_tunnel(f, &info);
					adjacency = f->vifs->encap[f->vif[bad]].adjacency;
					assert_int_equal(gremc_adjacency_resolve(f->vifs, adjacency, NULL),
							 0);
				}
				route(f, n);
				poll_with(f, frame_mbuf(n, lengths[l], 0));
				/* the oil is in vif order: the new vif is its last */
				expect_replicas(n - 1, bad, lengths[l], false);
				/* alone, at fan-out 1 */
				route(f, 0);
				struct gremc_fanout_op op = {.kind = GREMC_FANOUT_SET,
							     .spec = {.group = rte_cpu_to_be_32(GROUP),
								      .length = 32,
								      .oif_count = 1,
								      .oifs = &f->vif[bad]}};

				assert_int_equal(gremc_fanout_apply(f->fanout, &op, 1, NULL, NULL), 0);
				poll_with(f, frame_mbuf(n, lengths[l], 0));
				expect_replicas(0, 0, 0, false);
				f->vif[bad] = good;
			}
		}
	}
	gremc_pending_drop_all(f->worker);
	assert_int_equal(totals(f).losses[GREMC_TX_DROP_too_big], 28);
	assert_int_equal(totals(f).losses[GREMC_TX_DROP_no_adjacency], 28);
}

/* ---- next hops that are not known yet ---- */

/* The tunnels' next hop has no MAC, and there are vifs that need it. */
static uint32_t forget_next_hop(struct fixture *f)
{
	const uint32_t adjacency = f->vifs->encap[f->vif[0]].adjacency;

	assert_int_equal(gremc_adjacency_resolve(f->vifs, adjacency, NULL), 0);
	gremc_rcu_synchronize(f->rcu);
	return adjacency;
}

static void expect_waiting(const struct fixture *f, uint64_t waiting, uint64_t lost)
{
	assert_int_equal(totals(f).waiting, waiting);
	assert_int_equal(totals(f).losses[GREMC_TX_DROP_no_adjacency], lost);
}

/* What a tunnel has wanted: sent or lost, but not what still waits. */
static uint64_t decided(const struct fixture *f, uint32_t n)
{
	return f->worker->stats->vif_hot[f->vif[n]].tx_packets;
}

/* A few packets wait for the MAC, at any fan-out and length, and go in their order; what comes when it is
 * known, and before the fast path may know of it, goes behind them. */
static void next_hop_is_waited_for(void **state)
{
	static const uint32_t fanouts[] = {1, 2, 67, 200};
	static const uint16_t lengths[] = {100, 1000};
	struct fixture *f = *state;
	uint64_t wanted = 0;

	add_tunnels(f, 201, LOOP);
	for (unsigned i = 0; i < 2 * RTE_DIM(fanouts); i++) {
		const uint32_t n = fanouts[i / 2], adjacency = forget_next_hop(f);
		const uint16_t length = lengths[i % 2];

		route(f, n);
		for (uint16_t k = 0; k < 2; k++)
			forward(f, frame_mbuf(200, length + k, 0));
		expect_replicas(0, 0, 0, false);
		expect_waiting(f, 2 * n, 0);
		assert_int_equal(decided(f, 0), wanted);
		/* nobody knows of a MAC: they wait on */
		assert_int_equal(gremc_pending_poll(f->worker), 0);
		assert_int_equal(gremc_adjacency_resolve(f->vifs, adjacency, &peer_mac), 0);
		assert_true(f->vifs->adjacency[adjacency]->resolved);
		assert_false(f->vifs->adjacency[adjacency]->ready);
		if (i % 3)
			gremc_pending_poll(f->worker);
		forward(f, frame_mbuf(200, length + 2, 0));
		expect_waiting(f, 0, 0);
		gremc_rcu_synchronize(f->rcu);
		assert_true(f->vifs->adjacency[adjacency]->ready);
		forward(f, frame_mbuf(200, length + 3, 0));
		wanted += 4;
		assert_int_equal(decided(f, 0), wanted);
		expect_in_order(n, length, 4);
	}
	assert_int_equal(totals(f).sent, totals(f).wanted);
}

/* No more than so many: of a next hop the newest, and of so many next hops. */
static void few_wait(void **state)
{
	struct fixture *f = *state;
	uint32_t adjacency;

	add_tunnels(f, 3, LOOP);
	route(f, 2);
	adjacency = forget_next_hop(f);
	for (uint16_t k = 0; k < GREMC_PENDING_PACKETS + 3; k++) {
		/* what is fresh would stay, and the newest be lost */
		if (k == GREMC_PENDING_PACKETS)
			rte_delay_us_block(2 * US_PER_S / GREMC_PENDING_REPLACE_HZ);
		forward(f, frame_mbuf(2, 100 + k, 0));
	}
	expect_waiting(f, 2 * GREMC_PENDING_PACKETS, 2 * 3);
	assert_int_equal(gremc_adjacency_resolve(f->vifs, adjacency, &peer_mac), 0);
	assert_int_equal(gremc_pending_poll(f->worker), GREMC_PENDING_PACKETS);
	expect_waiting(f, 0, 2 * 3);
	expect_in_order(2, 100 + 3, GREMC_PENDING_PACKETS);

	/* each tunnel by a next hop of its own */
	for (uint32_t n = 0; n < GREMC_PENDING_NEIGHBOURS + 5; n++) {
		struct gremc_vif_info info = tunnel(100 + n, LOOP);

		info.next_hop = rte_cpu_to_be_32(0x0a0000a0 + n);
		f->vif[n] = add_tunnel(f, &info);
		adjacency = f->vifs->encap[f->vif[n]].adjacency;
		assert_int_equal(gremc_adjacency_resolve(f->vifs, adjacency, NULL), 0);
	}
	route(f, GREMC_PENDING_NEIGHBOURS + 5);
	forward(f, frame_mbuf(2, 1000, 0));
	expect_waiting(f, GREMC_PENDING_NEIGHBOURS, 2 * 3 + 5);
	gremc_pending_drop_all(f->worker);
	expect_waiting(f, 0, 2 * 3 + 5 + GREMC_PENDING_NEIGHBOURS);
	for (uint32_t n = 0; n < GREMC_PENDING_NEIGHBOURS; n++)
		assert_int_equal(f->worker->stats->vif_cold[f->vif[n]].lost[GREMC_TX_DROP_no_adjacency], 1);
	expect_replicas(0, 0, 0, false);
}

/* Those that came at the same time, as in a flood, do not replace each other all the time. */
static void a_flood_waits_little(void **state)
{
	struct rte_mbuf *mbufs[GREMC_PENDING_PACKETS + 3];
	struct fixture *f = *state;
	uint32_t adjacency;

	add_tunnels(f, 3, LOOP);
	route(f, 1);
	adjacency = forget_next_hop(f);
	for (uint16_t k = 0; k < RTE_DIM(mbufs); k++)
		mbufs[k] = frame_mbuf(2, 100 + k, 0);
	forward_burst(f, mbufs, RTE_DIM(mbufs));
	expect_waiting(f, GREMC_PENDING_PACKETS, 3);
	assert_int_equal(gremc_adjacency_resolve(f->vifs, adjacency, &peer_mac), 0);
	gremc_pending_poll(f->worker);
	expect_waiting(f, 0, 3);
	expect_in_order(1, 100, GREMC_PENDING_PACKETS);
}

/* While replicas wait, their tunnels go, get another next hop, or a smaller MTU. */
static void tunnels_change_meanwhile(void **state)
{
	enum { REMOVED, REUSED, REROUTED, SHRUNK, STAYS, TUNNELS };
	struct fixture *f = *state;
	struct gremc_vif_info info = tunnel(300, LOOP);
	uint32_t adjacency, other;
	struct rte_mbuf *mbuf;

	add_tunnels(f, TUNNELS + 1, LOOP);
	route(f, TUNNELS);
	adjacency = forget_next_hop(f);
	forward(f, frame_mbuf(TUNNELS, 1000, 0));
	expect_waiting(f, TUNNELS, 0);
	route(f, 0);
	gremc_vif_remove(f->vifs, f->vif[REUSED]);
	gremc_rcu_synchronize(f->rcu);
	assert_int_equal(add_tunnel(f, &info), f->vif[REUSED]);
	gremc_stats_reset_vif(f->worker->stats, f->vif[REUSED]);
	gremc_vif_remove(f->vifs, f->vif[REMOVED]);
	assert_int_equal(gremc_adjacency_get(f->vifs, LOOP, RTE_BE32(0x0a0000ee), &our_mac, 0, &other), 0);
	assert_int_equal(gremc_adjacency_resolve(f->vifs, other, &peer_mac), 0);
	gremc_tunnel_reroute(f->vifs, f->vif[REROUTED], other);
	gremc_tunnel_mtu_set(f->vifs, f->vif[SHRUNK], 999);
	assert_int_equal(gremc_adjacency_resolve(f->vifs, adjacency, &peer_mac), 0);
	gremc_pending_poll(f->worker);
	expect_waiting(f, 0, 3);
	assert_int_equal(totals(f).losses[GREMC_TX_DROP_too_big], 1);
	/* the new one has no part in it */
	assert_int_equal(decided(f, REUSED), 0);
	assert_int_equal(f->worker->stats->vif_cold[f->vif[REUSED]].lost[GREMC_TX_DROP_no_adjacency], 0);
	assert_int_equal(f->worker->stats->vif_cold[f->vif[REROUTED]].lost[GREMC_TX_DROP_no_adjacency], 1);
	assert_int_equal(rte_eth_rx_burst(device[LOOP], 0, &mbuf, 1), 1);
	check_replica(mbuf, STAYS, 1000, false);
	rte_pktmbuf_free(mbuf);
	expect_replicas(0, 0, 0, false);
}

/* Two workers, one transmit queue: the second hands over by a ring, the first sends. */
static void handing_over(void **state)
{
	struct fixture *f = *state;
	struct rte_ring *ring = rte_ring_create("handover", 128, SOCKET_ID_ANY, RING_F_SC_DEQ);
	struct gremc_worker *other;

	assert_non_null(ring);
	f->port[LOOP].tx_ring[0] = ring;
	f->port[LOOP].rx_worker[0] = 1;
	start_workers(f, 2);
	other = f->group->worker[1];
	assert_int_equal(f->worker->share_count, 1);
	assert_int_equal(other->rxq_count, 1);
	add_tunnels(f, 201, LOOP);
	route(f, 200);
	struct rte_mbuf *mbuf = frame_mbuf(200, 1000, 0);

	assert_int_equal(rte_eth_tx_burst(device[LOOP], 0, &mbuf, 1), 1);
	assert_int_equal(gremc_worker_poll(other, &other->rxq[0]), 1);
	assert_int_equal(totals(f).queued, 127);
	assert_int_equal(totals(f).losses[GREMC_TX_DROP_ring_full], 73);
	while (gremc_tx_shared_poll(f->worker) > 0)
		gremc_worker_account(f->worker, NULL);
	assert_int_equal(totals(f).queued, 0);
	assert_int_equal(totals(f).sent, 127);
	expect_replicas(127, UINT32_MAX, 1000, false);
	f->port[LOOP].tx_ring[0] = NULL;
	rte_ring_free(ring);
}

/* A large oil is shared by two workers: each interface has one replica, from one of them, copied and chained,
 * from a member of the oil and from another; an mroute that is gone by the second worker's turn wants
 * nothing, and a full ring loses each replica by name. */
static void large_oils_are_sharded(void **state)
{
	static const uint16_t lengths[] = {100, 1000};
	struct fixture *f = *state;
	struct gremc_worker *other = start_two(f, 200, false);
	const uint32_t n = 400;
	uint32_t first, lost = 0;

	add_tunnels(f, n + 1, LOOP);
	route(f, n);
	for (unsigned l = 0; l < RTE_DIM(lengths); l++) {
		for (uint32_t from = n - 1; from <= n; from++) {
			const uint32_t wanted = from < n ? n - 1 : n;
			const struct gremc_totals before = totals(f);
			bool got[400] = {false};

			poll_with(f, frame_mbuf(from, lengths[l], 0));
			first = collect(f, got, n);
			assert_in_range(first, n / 4, n * 3 / 4);
			assert_int_equal(totals(f).wanted - before.wanted, first);
			assert_int_equal(gremc_handoff_poll(other), 1);
			assert_int_equal(collect(f, got, n), wanted - first);
			assert_int_equal(totals(f).wanted - before.wanted, wanted);
			assert_int_equal(totals(f).sent - before.sent, wanted);
			assert_int_equal(totals(f).forwarded - before.forwarded, 1);
			assert_true(from == n || !got[from]);
		}
	}
	block(other, true);
	poll_with(f, frame_mbuf(n, 100, 0));
	block(other, false);
	first = collect(f, (bool[400]){false}, n);
	assert_int_equal(totals(f).losses[GREMC_TX_DROP_shard_full], n - first);
	for (uint32_t i = 0; i < n; i++)
		lost += f->worker->stats->vif_cold[f->vif[i]].lost[GREMC_TX_DROP_shard_full];
	assert_int_equal(lost, n - first);
	assert_int_equal(totals(f).wanted, totals(f).sent + n - first);

	poll_with(f, frame_mbuf(n, 100, 0));
	first = collect(f, (bool[400]){false}, n);
	route(f, 1);
	assert_int_equal(gremc_handoff_poll(other), 1);
	assert_in_range(collect(f, (bool[400]){false}, n), 0, 1);
}

/* A flow belongs to one worker, whichever receives it. */
static void flows_are_spread(void **state)
{
	struct fixture *f = *state;
	struct gremc_worker *other = start_two(f, 0, true), *owner, *stranger;
	struct rte_mbuf *mbuf;

	add_tunnels(f, 3, LOOP);
	route(f, 2);
	poll_with(f, frame_mbuf(2, 100, 0));
	owner = totals(f).relayed == 1 ? other : f->worker;
	stranger = owner == other ? f->worker : other;
	assert_int_equal(gremc_handoff_poll(owner), owner == other);
	for (unsigned i = 0; i < 2; i++)
		expect_one(i, 100);
	/* received by the other one: given to the owner, who forwards it */
	mbuf = frame_mbuf(2, 100, 0);
	assert_int_equal(rte_eth_tx_burst(device[LOOP], 0, &mbuf, 1), 1);
	assert_int_equal(gremc_worker_poll(stranger, &f->worker->rxq[0]), 1);
	assert_int_equal(totals(f).relayed, 1);
	assert_int_equal(gremc_handoff_poll(stranger), 0);
	assert_int_equal(gremc_handoff_poll(owner), 1);
	for (unsigned i = 0; i < 2; i++)
		expect_one(i, 100);
	assert_int_equal(totals(f).relayed, 0);
	assert_int_equal(totals(f).forwarded, totals(f).rx_packets);
	/* and a full ring is a named drop */
	mbuf = frame_mbuf(2, 100, 0);
	assert_int_equal(rte_eth_tx_burst(device[LOOP], 0, &mbuf, 1), 1);
	block(owner, true);
	assert_int_equal(gremc_worker_poll(stranger, &f->worker->rxq[0]), 1);
	block(owner, false);
	assert_int_equal(totals(f).drops[GREMC_DROP_relay_full], 1);
}

/* May what is on the node for lookups and replicas be touched? */
static void permit(struct fixture *f, uint32_t node, bool touch)
{
	const int protection = touch ? PROT_READ | PROT_WRITE : PROT_NONE;
	const struct gremc_vifs *vifs = gremc_vifs_at(f->vifs, f->socket[node]);
	const struct gremc_hash *hash = f->fanout->view->hash[node];

	assert_int_equal(mprotect(vifs->encap, GREMC_VIFS_MAX * sizeof(*vifs->encap), protection), 0);
	assert_int_equal(
		mprotect(vifs->adjacency, GREMC_ADJACENCIES_MAX * sizeof(*vifs->adjacency), protection), 0);
	assert_int_equal(mprotect(vifs->tunnels->bucket, gremc_hash_bytes(vifs->tunnels), protection), 0);
	assert_int_equal(mprotect(hash->bucket, gremc_hash_bytes(hash), protection), 0);
	assert_int_equal(mprotect(f->fanout->slab.lines[node], f->fanout->slab.size, protection), 0);
}

/* Each of two workers forwards while the other's tables are out of reach. */
static void workers_read_their_own_node(void **state)
{
	static const uint16_t lengths[] = {100, 1000};
	struct fixture *f = *state;
	struct rte_mbuf *mbuf;

	start_workers(f, 2);
	add_tunnels(f, 81, LOOP);
	for (uint32_t i = 0; i < 2; i++) {
		struct gremc_worker *worker = f->group->worker[i];

		assert_ptr_equal(worker->vifs, gremc_vifs_at(f->vifs, f->socket[i]));
		assert_ptr_equal(worker->fanout, gremc_fanout_at(f->fanout, f->socket[i]));
		for (unsigned l = 0; l < RTE_DIM(lengths); l++) {
			route(f, 1 + 79 * l); /* published, then replaced */
			mbuf = frame_mbuf(80, lengths[l], 0);
			assert_int_equal(rte_eth_tx_burst(device[LOOP], 0, &mbuf, 1), 1);
			permit(f, !i, false);
			assert_int_equal(gremc_worker_poll(worker, &f->worker->rxq[LOOP]), 1);
			permit(f, !i, true);
			expect_replicas(1 + 79 * l, UINT32_MAX, lengths[l], false);
		}
	}
	assert_int_equal(totals(f).sent, 2 * (1 + 80));
}

/* Outer fields that come from the inner packet. */
/* A replica of a frame with `length` inner bytes has exactly these settings, all of them. */
static void check_settings(struct rte_mbuf *mbuf, const struct gremc_vif_info *info, uint16_t length)
{
	static uint8_t flat[10000];
	const uint16_t outer_length = info->has_output_key ? 28 : 24;
	const uint8_t *bytes = rte_pktmbuf_read(mbuf, 0, mbuf->pkt_len, flat);
	const struct rte_ipv4_hdr *outer = (const struct rte_ipv4_hdr *)(bytes + 14);
	const rte_be32_t key = rte_cpu_to_be_32(info->output_key);

	assert_int_equal(mbuf->pkt_len, 14u + outer_length + length);
	assert_int_equal(rte_be_to_cpu_16(outer->total_length), outer_length + length);
	assert_int_equal(outer->time_to_live, info->ttl ? info->ttl : 15);
	assert_int_equal(outer->type_of_service, info->tos);
	assert_int_equal(outer->fragment_offset, info->df ? 0 : RTE_BE16(0x4000));
	assert_int_equal(outer->dst_addr, info->remote);
	assert_int_equal(rte_raw_cksum(outer, 20), 0xffff);
	assert_memory_equal(bytes + 34, info->has_output_key ? "\x20\0\x08\0" : "\0\0\x08\0", 4);
	if (info->has_output_key)
		assert_memory_equal(bytes + 38, &key, 4);
	assert_int_equal(bytes[14 + outer_length + 8], 15);
	for (uint32_t i = 20; i < length; i++)
		assert_int_equal(bytes[14 + outer_length + i], byte_at(i));
}

/* One packet from tunnel 0 to the others, of which number 2 has been changed. */
static void exchange(struct fixture *f, uint32_t count, const struct gremc_vif_info *changed, uint16_t length)
{
	struct rte_mbuf *mbuf;

	assert_int_equal(poll_with(f, frame_mbuf(0, length, 0)), 1);
	for (uint32_t n = 1; n < count; n++) {
		const struct gremc_vif_info as_before = tunnel(n, LOOP);

		assert_int_equal(rte_eth_rx_burst(device[LOOP], 0, &mbuf, 1), 1);
		check_settings(mbuf, n == 2 ? changed : &as_before, length);
		rte_pktmbuf_free(mbuf);
	}
	expect_replicas(0, 0, 0, false);
}

/* At each step of a change, for copies, chains and a packet that is sent in place: a replica has all of the
 * new settings. The vif, its place in mroutes and its counters stay. */
static void settings_change_in_place(void **state)
{
	static const uint16_t lengths[] = {20, 255, 1400};
	struct fixture *f = *state;
	struct rte_rcu_qsbr *qsbr = gremc_rcu_qsbr(f->rcu);
	const unsigned slot = (unsigned)gremc_rcu_reader_register(f->rcu);
	struct gremc_vif_info info;
	uint32_t sent = 0;

	add_tunnels(f, 5, LOOP);
	rte_rcu_qsbr_thread_online(qsbr, slot);
	for (unsigned i = 0; i < 7; i++) {
		info = tunnel(2, LOOP);
		info.ttl = (uint8_t)(i == 3 ? 0 : 64 + i);
		info.tos = i & 1 ? 0xb8 : 0;
		info.has_output_key = i % 3 == 1;
		info.output_key = 0x01020300 + i;
		info.df = i == 4;
		assert_int_equal(gremc_tunnel_holder(f->vifs, &info), f->vif[2]);
		gremc_adjacency_get(f->vifs, LOOP, info.next_hop, &our_mac, 0, &(uint32_t){0});
		assert_int_equal(gremc_tunnel_change(f->vifs, f->vif[2], &info,
						     gremc_vif_adjacency(f->vifs, f->vif[2])),
				 0);
		for (unsigned step = 0; step < 5; step++) {
			/* number 2 is the last one, which gets the packet itself; and one of several */
			for (uint32_t count = 3; count <= 5; count += 2) {
				route(f, count);
				for (unsigned k = 0; k < RTE_DIM(lengths); k++, sent++)
					exchange(f, count, &info, lengths[k]);
			}
			rte_rcu_qsbr_quiescent(qsbr, slot);
			gremc_rcu_reclaim(f->rcu);
		}
		assert_int_equal(f->vifs->encap[f->vif[2]].flags & GREMC_ENCAP_CHANGING, 0);
	}
	assert_int_equal(f->worker->stats->vif_hot[f->vif[2]].tx_packets, sent);
	assert_int_equal(totals(f).sent, totals(f).wanted);
	rte_rcu_qsbr_thread_offline(qsbr, slot);
	gremc_rcu_reader_unregister(f->rcu, (int)slot);
}

/* An interface that is set down neither receives nor sends, at once and by name; up again it does both. */
static void an_interface_is_down(void **state)
{
	struct fixture *f = *state;

	add_tunnels(f, 4, LOOP);
	route(f, 4);
	gremc_vif_down_set(f->vifs, f->vif[3], true);
	assert_int_equal(poll_with(f, frame_mbuf(0, 100, 0)), 1);
	expect_replicas(2, 0, 100, false);
	assert_int_equal(poll_with(f, frame_mbuf(3, 100, 0)), 1);
	expect_replicas(0, 0, 0, false);
	assert_int_equal(totals(f).losses[GREMC_TX_DROP_oif_down], 1);
	assert_int_equal(totals(f).drops[GREMC_DROP_iif_down], 1);
	assert_int_equal(totals(f).waiting, 0);
	gremc_vif_down_set(f->vifs, f->vif[3], false);
	assert_int_equal(poll_with(f, frame_mbuf(3, 100, 0)), 1);
	expect_replicas(3, 3, 100, false);
}

/* The same of a port, for all that leaves and arrives by it. */
static void a_port_is_down(void **state)
{
	struct fixture *f = *state;
	const struct gremc_vif_info nowhere = tunnel(9, NOWHERE);

	add_tunnels(f, 3, LOOP);
	f->vif[3] = add_tunnel(f, &nowhere);
	route(f, 4);
	gremc_workers_port_down(f->group, LOOP, true);
	assert_int_equal(poll_with(f, frame_mbuf(0, 100, 0)), 1);
	assert_int_equal(totals(f).drops[GREMC_DROP_iif_down], 1);
	gremc_workers_port_down(f->group, LOOP, false);
	assert_int_equal(gremc_port_down_set(f->vifs, LOOP, true), 0);
	assert_int_equal(poll_with(f, frame_mbuf(0, 100, 0)), 1);
	expect_replicas(0, 0, 0, false);
	assert_int_equal(totals(f).losses[GREMC_TX_DROP_oif_down], 2);
	assert_int_equal(totals(f).sent, 1);
	/* a MAC that is learned meanwhile is not lost */
	assert_int_equal(gremc_adjacency_resolve(f->vifs, gremc_vif_adjacency(f->vifs, f->vif[1]), &our_mac),
			 0);
	assert_int_equal(gremc_adjacency_resolve(f->vifs, gremc_vif_adjacency(f->vifs, f->vif[1]), &peer_mac),
			 0);
	assert_int_equal(gremc_port_down_set(f->vifs, LOOP, false), 0);
	gremc_rcu_synchronize(f->rcu);
	assert_int_equal(poll_with(f, frame_mbuf(0, 100, 0)), 1);
	expect_replicas(2, 0, 100, false);
}

static void inherited_fields(void **state)
{
	struct fixture *f = *state;
	struct gremc_vif_info in = tunnel(9, LOOP), out = tunnel(0, LOOP);
	const struct rte_ipv4_hdr *outer;
	struct rte_mbuf *mbuf;
	uint16_t last_id = 0;

	add_tunnel(f, &in);
	out.ttl = 0;
	out.df = 2;
	out.tos_inherit = true;
	f->vif[0] = add_tunnel(f, &out);
	route(f, 1);
	for (unsigned i = 0; i < 4; i++) {
		struct rte_ipv4_hdr *inner;

		mbuf = frame_mbuf(9, 100, 0);
		inner = rte_pktmbuf_mtod_offset(mbuf, struct rte_ipv4_hdr *, 38);
		inner->type_of_service = 0xb9;
		inner->fragment_offset = i % 2 ? RTE_BE16(0x4000) : 0;
		inner->hdr_checksum = 0;
		inner->hdr_checksum = rte_ipv4_cksum(inner);
		poll_with(f, mbuf);
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

static struct rte_mbuf *marked_mbuf(uint16_t length, uint8_t tos)
{
	struct rte_mbuf *mbuf = frame_mbuf(9, length, 0);
	struct rte_ipv4_hdr *inner = rte_pktmbuf_mtod_offset(mbuf, struct rte_ipv4_hdr *, 38);

	inner->type_of_service = tos;
	inner->hdr_checksum = 0;
	inner->hdr_checksum = rte_ipv4_cksum(inner);
	return mbuf;
}

/* What replicas have in common is kept within a burst: it must not be taken for a packet of another length,
 * another TOS or another number of segments, nor for a tunnel of another shape. */
static void unlike_packets_of_one_burst(void **state)
{
	static const uint16_t lengths[] = {100, 100, 101, 101, 1400, 1400, 100, 1400, 100};
	static const uint8_t tos[] = {0x00, 0xb8, 0xb8, 0x02, 0x02, 0x00, 0x00, 0xb8, 0xb9};
	struct fixture *f = *state;
	struct rte_mbuf *mbufs[RTE_DIM(lengths)], *mbuf;
	struct gremc_vif_info in = tunnel(9, LOOP);

	add_tunnel(f, &in);
	for (uint32_t n = 0; n < 6; n++) {
		struct gremc_vif_info out = tunnel(n, LOOP);

		out.tos_inherit = n % 3 == 1;
		f->vif[n] = add_tunnel(f, &out);
	}
	for (uint32_t fanout = 1; fanout <= 6; fanout++) {
		route(f, fanout);
		for (unsigned i = 0; i < RTE_DIM(lengths); i++)
			mbufs[i] = marked_mbuf(lengths[i], tos[i]);
		forward_burst(f, mbufs, RTE_DIM(lengths));
		for (unsigned i = 0; i < RTE_DIM(lengths); i++)
			for (uint32_t n = 0; n < fanout; n++) {
				assert_int_equal(rte_eth_rx_burst(device[LOOP], 0, &mbuf, 1), 1);
				check_replica(mbuf, n, lengths[i], lengths[i] <= 256 || fanout == 1);
				assert_int_equal(rte_pktmbuf_mtod(mbuf, const uint8_t *)[15],
						 n % 3 == 1 ? tos[i] : tos[i] & 3);
				rte_pktmbuf_free(mbuf);
			}
		expect_replicas(0, 0, 0, false);
		return_headers(f->worker);
		check_no_leak();
	}
}

/* Whatever bytes come in, each packet is accounted for and no buffer is lost. */
static void garbage(void **state)
{
	struct fixture *f = *state;
	unsigned seed = 1;

	add_tunnels(f, 4, LOOP);
	route(f, 3);
	for (unsigned i = 0; i < 20000; i++) {
		struct rte_mbuf *mbuf = frame_mbuf(3, 20 + rand_r(&seed) % 200, rand_r(&seed) % 30), *out[64];
		uint8_t *bytes = rte_pktmbuf_mtod(mbuf, uint8_t *);

		for (unsigned flips = rand_r(&seed) % 4; flips > 0; flips--)
			bytes[rand_r(&seed) % RTE_MIN(mbuf->pkt_len, 64u)] = rand_r(&seed);
		if (rand_r(&seed) % 2)
			mbuf->data_len = mbuf->pkt_len = rand_r(&seed) % (mbuf->pkt_len + 1);
		poll_with(f, mbuf);
		for (uint16_t n = rte_eth_rx_burst(device[LOOP], 0, out, 64); n > 0;
		     n = rte_eth_rx_burst(device[LOOP], 0, out, 64))
			rte_pktmbuf_free_bulk(out, n);
	}
	assert_int_equal(totals(f).rx_packets, 20000);
	assert_in_range(totals(f).forwarded, 1000, 15000);
}

/* ---- buffers that are not the mbuf's own ---- */

/* A buffer that is no longer than needed, so that ASan sees each byte before and behind it. */
struct external {
	struct rte_mbuf_ext_shared_info shinfo;
	unsigned freed;
	void *memory;
};

static void foreign_freed(void *memory, void *opaque)
{
	struct external *external = opaque;

	assert_ptr_equal(memory, external->memory);
	free(memory);
	external->freed++;
}

/* As a driver receives it that has external buffers: mlx5 with mprq_en=1, vhost. */
static struct rte_mbuf *foreign_mbuf(struct external *external, const uint8_t *bytes, uint16_t length,
				     uint16_t headroom)
{
	const uint16_t size = headroom + length;
	struct rte_mbuf *mbuf = rte_pktmbuf_alloc(payloads);

	*external = (struct external){.memory = malloc(size)};
	external->shinfo.free_cb = foreign_freed;
	external->shinfo.fcb_opaque = external;
	rte_mbuf_ext_refcnt_set(&external->shinfo, 1);
	rte_pktmbuf_attach_extbuf(mbuf, external->memory, RTE_BAD_IOVA, size, &external->shinfo);
	mbuf->data_off = headroom;
	mbuf->data_len = mbuf->pkt_len = length;
	memcpy(rte_pktmbuf_mtod(mbuf, void *), bytes, length);
	return mbuf;
}

/* All buffers of the pool are in their mbufs again. */
static void expect_own_buffers(void)
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
static void external_buffers_go_back(void **state)
{
	static const uint32_t fanouts[] = {1, 2, 70};
	static const uint16_t lengths[] = {20, 100, 1000}, headrooms[] = {0, 16, 18, 128};
	static uint8_t frame[2000];
	struct fixture *f = *state;
	struct external external;

	add_tunnels(f, 71, LOOP);
	for (unsigned i = 0; i < RTE_DIM(fanouts) * RTE_DIM(lengths) * RTE_DIM(headrooms); i++) {
		const uint32_t fanout = fanouts[i % RTE_DIM(fanouts)];
		const uint16_t length = lengths[i / RTE_DIM(fanouts) % RTE_DIM(lengths)];
		const uint16_t headroom = headrooms[i / RTE_DIM(fanouts) / RTE_DIM(lengths)];
		const uint32_t bytes = write_frame(frame, 70, length, 0);

		route(f, fanout);
		poll_with(f, foreign_mbuf(&external, frame, bytes, headroom));
		expect_replicas(fanout, UINT32_MAX, length, false);
		assert_int_equal(external.freed, 1);
		return_headers(f->worker);
		check_no_leak();
	}
	assert_int_equal(totals(f).losses[GREMC_TX_DROP_no_mbuf], 0);
	expect_own_buffers();
}

/* The ways in which a received packet may share its bytes with somebody else. */
enum sharing { CLONE, EXTERNAL, LATER_EXTERNAL, LATER_CLONE, LATER_REFERENCE, SHARINGS };

/* The same frame, and in *reader the other owner's mbuf. `external` is in use with an external buffer. */
static struct rte_mbuf *sharing_mbuf(enum sharing how, uint16_t length, struct external *external,
				     struct rte_mbuf **reader)
{
	static uint8_t frame[2000];
	const uint32_t bytes = write_frame(frame, 70, length, 0);
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
		part = foreign_mbuf(external, frame + at, bytes - at, 128);
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
static void shared_buffers_are_not_written(void **state)
{
	static const uint32_t fanouts[] = {1, 3, 70};
	static const uint16_t lengths[] = {28, 1000};
	static uint8_t before[2000];
	struct fixture *f = *state;
	struct external external;
	struct rte_mbuf *reader, *mbuf;
	const uint8_t *seen;
	uint16_t bytes;

	add_tunnels(f, 71, LOOP);
	for (unsigned i = 0; i < SHARINGS * RTE_DIM(fanouts) * RTE_DIM(lengths); i++) {
		const enum sharing how = i % SHARINGS;
		const uint32_t fanout = fanouts[i / SHARINGS % RTE_DIM(fanouts)];
		const uint16_t length = lengths[i / SHARINGS / RTE_DIM(fanouts)];

		route(f, fanout);
		mbuf = sharing_mbuf(how, length, &external, &reader);
		seen = rte_pktmbuf_mtod(reader, const uint8_t *);
		bytes = reader->data_len;
		memcpy(before, seen, bytes);
		poll_with(f, mbuf);
		expect_replicas(fanout, UINT32_MAX, length, false);
		assert_ptr_equal(rte_pktmbuf_mtod(reader, const uint8_t *), seen);
		assert_int_equal(reader->data_len, bytes);
		assert_memory_equal(before, seen, bytes);
		assert_int_equal(external.freed, 0);
		assert_int_equal(rte_mbuf_refcnt_read(reader), 1);
		rte_pktmbuf_free(reader);
		assert_int_equal(external.freed, external.memory != NULL);
		return_headers(f->worker);
		check_no_leak();
	}
	expect_own_buffers();
}

/* Next hops that are not known yet, and an oil that other workers share: what is kept and handed over is
 * ours, too. */
static void external_buffers_wait(void **state)
{
	static uint8_t frame[2000];
	struct fixture *f = *state;
	struct gremc_vif_info info = tunnel(0, LOOP);
	struct external external, held;
	uint32_t adjacency;
	struct rte_mbuf *out;

	add_tunnels(f, 3, LOOP);
	assert_int_equal(gremc_adjacency_get(f->vifs, LOOP, info.next_hop, &our_mac, 0, &adjacency), 0);
	assert_int_equal(gremc_adjacency_resolve(f->vifs, adjacency, NULL), 0);
	gremc_rcu_synchronize(f->rcu);
	for (uint32_t fanout = 1; fanout <= 2; fanout++) {
		route(f, fanout);
		forward(f, foreign_mbuf(&external, frame, write_frame(frame, 2, 100, 0), 128));
		assert_int_equal(totals(f).waiting, fanout);
		/* a second one, whose place is the mbuf itself or a copy */
		forward(f, foreign_mbuf(&held, frame, write_frame(frame, 2, 1000, 0), 128));
		assert_int_equal(gremc_adjacency_resolve(f->vifs, adjacency, &peer_mac), 0);
		gremc_pending_poll(f->worker);
		while (rte_eth_rx_burst(device[LOOP], 0, &out, 1) == 1)
			rte_pktmbuf_free(out);
		assert_int_equal(totals(f).waiting, 0);
		assert_int_equal(external.freed, 1);
		assert_int_equal(held.freed, 1);
		assert_int_equal(gremc_adjacency_resolve(f->vifs, adjacency, NULL), 0);
		gremc_rcu_synchronize(f->rcu);
	}
	return_headers(f->worker);
	check_no_leak();
	expect_own_buffers();
}

/* Pools whose mbufs have their buffers elsewhere for good (pinned): the flag that says so comes back with
 * each of them, and no copy is made in such a pool. */
static void pinned_buffers_stay_pinned(void **state)
{
	enum { COUNT = 63, SIZE = 2176 };
	static const uint32_t fanouts[] = {1, 3, 200};
	struct fixture *f = *state;
	const struct gremc_config_settings sharding = {
		.copy_threshold = 256, .shard_threshold = 150, .tx_retries = 2, .max_sleep = 1};
	struct rte_pktmbuf_extmem memory = {.buf_len = (size_t)COUNT * SIZE, .elt_size = SIZE};
	struct rte_mempool *pinned;
	struct rte_mbuf *all[COUNT], *mbuf;

	memory.buf_ptr = rte_zmalloc("pinned", memory.buf_len, RTE_CACHE_LINE_SIZE);
	memory.buf_iova = rte_malloc_virt2iova(memory.buf_ptr);
	pinned = rte_pktmbuf_pool_create_extbuf("pinned", COUNT, 0, 0, SIZE, SOCKET_ID_ANY, &memory, 1);
	assert_non_null(pinned);
	start_workers(f, 2);
	gremc_workers_configure(f->group, &sharding);
	add_tunnels(f, 201, LOOP);
	for (unsigned i = 0; i < RTE_DIM(fanouts); i++) {
		route(f, fanouts[i]);
		mbuf = rte_pktmbuf_alloc(pinned);
		mbuf->data_len = mbuf->pkt_len = write_frame(rte_pktmbuf_mtod(mbuf, uint8_t *), 200, 1000, 0);
		poll_with(f, mbuf);
		assert_int_equal(gremc_handoff_poll(f->group->worker[1]), fanouts[i] >= 150);
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
static struct rte_mbuf *kind_of_frame(unsigned kind)
{
	static uint8_t frame[200];
	struct rte_ipv4_hdr *outer = (struct rte_ipv4_hdr *)(frame + 14);
	const uint32_t length = write_frame(frame, 2, 100, 0);
	struct rte_mbuf *mbuf;

	if (kind == 2)
		return split_mbuf(2, 100, 0, 30);
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
static void damage(struct rte_mbuf *mbuf, uint32_t header)
{
	uint32_t at = header + offsetof(struct rte_ipv4_hdr, packet_id);

	for (; at >= mbuf->data_len; mbuf = mbuf->next)
		at -= mbuf->data_len;
	*rte_pktmbuf_mtod_offset(mbuf, uint8_t *, at) ^= 1;
}

/* Both headers are summed, whatever the driver says of one of them; the reason names the wrong one. */
static void checksum_verdicts_decide_nothing(void **state)
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
	struct fixture *f = *state;

	add_tunnels(f, 3, LOOP);
	route(f, 2);
	for (unsigned i = 0; i < RTE_DIM(verdicts) * WRONGS * 3; i++) {
		const unsigned kind = i % 3, wrong = i / 3 % WRONGS;
		const struct gremc_totals before = totals(f);
		struct rte_mbuf *mbuf = kind_of_frame(kind);
		uint64_t outer, inner;

		if (wrong == OUTER_WRONG || wrong == BOTH_WRONG)
			damage(mbuf, 14);
		if (wrong == INNER_WRONG || wrong == BOTH_WRONG)
			damage(mbuf, kind == 1 ? 42 : 38);
		mbuf->ol_flags |= verdicts[i / 3 / WRONGS];
		poll_with(f, mbuf);
		expect_replicas(wrong == RIGHT ? 2 : 0, UINT32_MAX, 100, false);
		outer = totals(f).drops[GREMC_DROP_outer_checksum] - before.drops[GREMC_DROP_outer_checksum];
		inner = totals(f).drops[GREMC_DROP_inner_checksum] - before.drops[GREMC_DROP_inner_checksum];
		assert_int_equal(outer, wrong == OUTER_WRONG || wrong == BOTH_WRONG);
		assert_int_equal(inner, wrong == INNER_WRONG);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(every_replica_is_right),
		TEST(never_back_out_of_the_iif),
		TEST(ttl_thresholds_hold),
		TEST(any_fanout),
		TEST(single_segment_port_gets_copies),
		TEST(segments_limit_of_a_port),
		TEST(segmented_input),
		TEST(headers_that_no_buffer_holds),
		TEST(shared_input_is_copied),
		TEST(empty_header_pool),
		TEST(full_port),
		TEST(no_link_no_try),
		TEST(a_closed_port_is_left_alone),
		TEST(some_are_lost),
		TEST(next_hop_is_waited_for),
		TEST(few_wait),
		TEST(a_flood_waits_little),
		TEST(tunnels_change_meanwhile),
		TEST(handing_over),
		TEST(large_oils_are_sharded),
		TEST(flows_are_spread),
		TWO(workers_read_their_own_node),
		TWO(large_oils_are_sharded),
		TWO(flows_are_spread),
		TEST(settings_change_in_place),
		TWO(settings_change_in_place),
		TEST(an_interface_is_down),
		TWO(an_interface_is_down),
		TEST(a_port_is_down),
		TEST(inherited_fields),
		TEST(unlike_packets_of_one_burst),
		TEST(garbage),
		TEST(external_buffers_go_back),
		TEST(shared_buffers_are_not_written),
		TEST(external_buffers_wait),
		TEST(pinned_buffers_stay_pinned),
		TEST(checksum_verdicts_decide_nothing),
	};

	return cmocka_run_group_tests_name("datapath", tests, start_eal, stop_eal);
}
