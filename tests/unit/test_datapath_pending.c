/* SPDX-License-Identifier: BSD-3-Clause */
/* Packets that wait until their next hop is resolved. */
#include "datapath/pending.h"
#include "forwarder.h"

/* Make the tunnels' next hop unresolved. Returns its adjacency. */
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

/* The requested replicas of a tunnel that were sent or lost, without those that wait. */
static uint64_t vif_tx_packets(const struct forwarder *f, uint32_t n)
{
	return f->worker->stats->vif_hot[f->vif[n]].tx_packets;
}

/* Packets wait for the MAC address, at any fan-out and length, and leave in order. A packet that arrives
 * between the resolution and its publication to the fast path leaves behind them. */
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
		replicas_expect_none();
		waiting_expect(f, 2 * n, 0);
		assert_int_equal(vif_tx_packets(f, 0), wanted);
		/* no MAC address: they continue to wait */
		assert_int_equal(gremc_worker_poll_pending(f->worker), 0);
		assert_int_equal(gremc_adjacency_resolve(f->vifs, adjacency, &peer_mac), 0);
		assert_true(gremc_adjacency_load(f->vifs, adjacency)->resolved);
		assert_false(gremc_adjacency_load(f->vifs, adjacency)->ready);
		if (i % 3)
			gremc_worker_poll_pending(f->worker);
		forwarder_forward_frame(f, frame_mbuf_create(200, length + 2, 0));
		waiting_expect(f, 0, 0);
		gremc_rcu_synchronize(f->rcu);
		assert_true(gremc_adjacency_load(f->vifs, adjacency)->ready);
		forwarder_forward_frame(f, frame_mbuf_create(200, length + 3, 0));
		wanted += 4;
		assert_int_equal(vif_tx_packets(f, 0), wanted);
		replicas_expect_in_order(n, length, 4);
	}
	assert_int_equal(forwarder_totals(f).sent, forwarder_totals(f).wanted);
}

/* The newest GREMC_PENDING_PACKETS packets of a next hop wait, for GREMC_PENDING_NEIGHBOURS next hops at
 * most. */
static void test_waiting_packets_are_bounded(void **state)
{
	struct forwarder *f = *state;
	uint32_t adjacency;

	forwarder_add_tunnels(f, 3, LOOP);
	forwarder_set_route(f, 2);
	adjacency = next_hop_unresolve(f);
	for (uint16_t k = 0; k < GREMC_PENDING_PACKETS + 3; k++) {
		/* fresh packets are not replaced, so let them age */
		if (k == GREMC_PENDING_PACKETS)
			rte_delay_us_block(2 * US_PER_S / GREMC_PENDING_REPLACE_HZ);
		forwarder_forward_frame(f, frame_mbuf_create(2, 100 + k, 0));
	}
	waiting_expect(f, 2 * GREMC_PENDING_PACKETS, 2 * 3);
	assert_int_equal(gremc_adjacency_resolve(f->vifs, adjacency, &peer_mac), 0);
	assert_int_equal(gremc_worker_poll_pending(f->worker), GREMC_PENDING_PACKETS);
	waiting_expect(f, 0, 2 * 3);
	replicas_expect_in_order(2, 100 + 3, GREMC_PENDING_PACKETS);

	/* a next hop for each tunnel */
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
	replicas_expect_none();
}

/* Packets of a flood do not replace each other. */
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

/* While replicas wait, their tunnels are removed, or get another next hop or a smaller MTU. */
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
	/* the new tunnel counts nothing */
	assert_int_equal(vif_tx_packets(f, REUSED), 0);
	assert_int_equal(f->worker->stats->vif_cold[f->vif[REUSED]].lost[GREMC_TX_DROP_no_adjacency], 0);
	assert_int_equal(f->worker->stats->vif_cold[f->vif[REROUTED]].lost[GREMC_TX_DROP_no_adjacency], 1);
	assert_int_equal(rte_eth_rx_burst(device[LOOP], 0, &mbuf, 1), 1);
	replica_check(mbuf, STAYS, 1000, ANY_SEGMENTS);
	rte_pktmbuf_free(mbuf);
	replicas_expect_none();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_packets_wait_for_next_hop_in_order),
		TEST(test_waiting_packets_are_bounded),
		TEST(test_flood_does_not_replace_fresh_packets),
		TEST(test_waiting_replicas_follow_tunnel_changes),
	};

	return cmocka_run_group_tests_name("datapath_pending", tests, forwarder_eal_init,
					   forwarder_eal_cleanup);
}
