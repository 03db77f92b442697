/* SPDX-License-Identifier: BSD-3-Clause */
/* Ports that accept nothing: full, without link, closed, down. */
#include "forwarder.h"

/* A full port: after a bounded number of attempts, replicas that do not fit the backlog are lost by name. */
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
	replicas_expect(sent, NO_TUNNEL, 1000, ANY_SEGMENTS);
	/* the port accepts packets again */
	forwarder_set_route(f, 100);
	forwarder_receive_frame(f, frame_mbuf_create(2000, 1000, 0));
	replicas_expect(100, NO_TUNNEL, 1000, ANY_SEGMENTS);
}

/* A port that lost its link is not tried. A port whose link was never up is: some drivers report no link. */
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
	gremc_int_store(&f->port[LOOP].status, GREMC_PORT_DOWN);
	gremc_workers_port_changed(f->group, &f->port[LOOP]);
	forwarder_receive_frame(f, frame_mbuf_create(0, 100, 0));
	replicas_expect(99, 0, 100, ANY_SEGMENTS);
	f->port[LOOP].link_changes = 1;
	gremc_workers_port_changed(f->group, &f->port[LOOP]);
	for (unsigned l = 0; l < RTE_DIM(lengths); l++) {
		forwarder_receive_frame(f, frame_mbuf_create(0, lengths[l], 0));
		replicas_expect_none();
		assert_int_equal(forwarder_totals(f).losses[GREMC_TX_DROP_link_down], 99 * (l + 1));
		assert_int_equal(forwarder_totals(f).ports[LOOP].tx_lost, 99 * (l + 1));
	}
	assert_int_equal(f->worker->stats->vif_cold[f->vif[5]].lost[GREMC_TX_DROP_link_down], 2);
	assert_int_equal(f->worker->stats->vif_cold[f->vif[5]].lost_bytes, 1100);
	assert_int_equal(f->worker->stats->vif_cold[f->vif[100]].lost[GREMC_TX_DROP_link_down], 0);
	gremc_int_store(&f->port[LOOP].status, GREMC_PORT_UP);
	gremc_workers_port_changed(f->group, &f->port[LOOP]);
	forwarder_receive_frame(f, frame_mbuf_create(0, 1000, 0));
	replicas_expect(99, 0, 1000, ANY_SEGMENTS);
	assert_int_equal(forwarder_totals(f).losses[GREMC_TX_DROP_link_down], 198);
}

/* The worker does not use a closed port: input stays in the device, replicas are lost by name. The port may
 * have another device number when it is open again. */
static void test_closed_port_is_not_touched(void **state)
{
	struct forwarder *f = *state;
	struct rte_mbuf *mbuf = frame_mbuf_create(0, 100, 0);

	forwarder_add_tunnels(f, 101, LOOP);
	forwarder_set_route(f, 101);
	gremc_int_store(&f->port[LOOP].status, GREMC_PORT_RESETTING);
	f->port[LOOP].id = UINT16_MAX; /* no device: a use faults */
	gremc_workers_port_changed(f->group, &f->port[LOOP]);
	assert_int_equal(rte_eth_tx_burst(device[LOOP], 0, &mbuf, 1), 1);
	assert_int_equal(gremc_worker_poll(f->worker, &f->worker->rxq[LOOP]), 0);
	/* a packet that another port received */
	f->worker->burst.packet[0].mbuf = frame_mbuf_create(0, 1000, 0);
	f->worker->burst.count = 1;
	f->worker->rx_packets = 1;
	gremc_worker_forward(f->worker, &f->worker->rxq[LOOP]);
	assert_int_equal(forwarder_totals(f).losses[GREMC_TX_DROP_port_down], 100);
	gremc_int_store(&f->port[LOOP].status, GREMC_PORT_UP);
	f->port[LOOP].id = device[LOOP];
	gremc_workers_port_changed(f->group, &f->port[LOOP]);
	assert_int_equal(gremc_worker_poll(f->worker, &f->worker->rxq[LOOP]), 1);
	replicas_expect(100, 0, 100, ONE_SEGMENT);
	assert_int_equal(forwarder_totals(f).losses[GREMC_TX_DROP_port_down], 100);
}

/* An interface that is set down drops input and replicas by name, at once. Set up again, it forwards. */
static void test_interface_down_drops_packets(void **state)
{
	struct forwarder *f = *state;

	forwarder_add_tunnels(f, 4, LOOP);
	forwarder_set_route(f, 4);
	gremc_vif_down_set(f->vifs, f->vif[3], true);
	assert_int_equal(forwarder_receive_frame(f, frame_mbuf_create(0, 100, 0)), 1);
	replicas_expect(2, 0, 100, ANY_SEGMENTS);
	assert_int_equal(forwarder_receive_frame(f, frame_mbuf_create(3, 100, 0)), 1);
	replicas_expect_none();
	assert_int_equal(forwarder_totals(f).losses[GREMC_TX_DROP_oif_down], 1);
	assert_int_equal(forwarder_totals(f).drops[GREMC_DROP_iif_down], 1);
	assert_int_equal(forwarder_totals(f).waiting, 0);
	gremc_vif_down_set(f->vifs, f->vif[3], false);
	assert_int_equal(forwarder_receive_frame(f, frame_mbuf_create(3, 100, 0)), 1);
	replicas_expect(3, 3, 100, ANY_SEGMENTS);
}

/* A port that is set down does the same for all its vifs. */
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
	replicas_expect_none();
	assert_int_equal(forwarder_totals(f).losses[GREMC_TX_DROP_oif_down], 2);
	assert_int_equal(forwarder_totals(f).sent, 1);
	/* a MAC address that is learned while the port is down is kept */
	assert_int_equal(gremc_adjacency_resolve(f->vifs, gremc_vif_adjacency(f->vifs, f->vif[1]), &our_mac),
			 0);
	assert_int_equal(gremc_adjacency_resolve(f->vifs, gremc_vif_adjacency(f->vifs, f->vif[1]), &peer_mac),
			 0);
	assert_int_equal(gremc_port_down_set(f->vifs, LOOP, false), 0);
	gremc_rcu_synchronize(f->rcu);
	assert_int_equal(forwarder_receive_frame(f, frame_mbuf_create(0, 100, 0)), 1);
	replicas_expect(2, 0, 100, ANY_SEGMENTS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_full_port_drops_by_name),
		TEST(test_port_without_link_is_not_tried),
		TEST(test_closed_port_is_not_touched),
		TEST(test_interface_down_drops_packets),
		TEST_ON_TWO_NODES(test_interface_down_drops_packets),
		TEST(test_port_down_drops_packets),
	};

	return cmocka_run_group_tests_name("datapath_ports", tests, forwarder_eal_init,
					   forwarder_eal_cleanup);
}
