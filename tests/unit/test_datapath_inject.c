/* SPDX-License-Identifier: BSD-3-Clause */
/* Packets that the control thread injects: by the ring of a worker, or by a transmit queue of its own. */
#include <errno.h>
#include <string.h>

#include "datapath/backlog.h"
#include "host_path.h"

#define FRAMES 1728 /* more than net_ring0 and a backlog contain */

static void test_injected_frames_are_sent(void **state)
{
	struct host_path *f = *state;
	struct rte_mbuf *mbuf = ether_frame_create("02:00:00:00:00:02", 0x0806, arp, sizeof(arp)), *back;

	mbuf->port = PORT;
	mbuf->hash.usr = GREMC_VIF_NONE;
	assert_int_equal(gremc_inject_frames(f->group, &mbuf, 1), 1);
	assert_int_equal(gremc_worker_poll_inject(f->worker), 1);
	assert_int_equal(rte_eth_rx_burst(device, 0, &back, 1), 1);
	assert_ptr_equal(back, mbuf);
	rte_pktmbuf_free(back);
	assert_int_equal(host_path_totals(f).injected, 1);
	assert_int_equal(host_path_totals(f).sent, 1);
	assert_int_equal(gremc_worker_poll_inject(f->worker), 0);
}

/* A full port: the tunnel that counts the frame counts its loss by name. */
static void test_injected_frames_drop_by_name(void **state)
{
	struct host_path *f = *state;
	struct rte_mbuf *mbuf;
	unsigned sent = 0;

	for (unsigned i = 0; i < FRAMES; i++) {
		mbuf = tunnel_frame_create(ipv4_write(SOURCE, LOCAL, 6, 16, 20));
		mbuf->port = PORT;
		mbuf->l2_len = 14;
		mbuf->hash.usr = i % 2 ? f->tunnel : GREMC_VIF_NONE;
		assert_int_equal(gremc_inject_frames(f->group, &mbuf, 1), 1);
		gremc_worker_poll_inject(f->worker);
	}
	sent = host_path_totals(f).sent;
	assert_in_range(sent, 1, FRAMES - 1);
	gremc_backlogs_drop(&f->worker->egress);
	gremc_worker_account(f->worker, NULL);
	assert_int_equal(host_path_totals(f).losses[GREMC_TX_DROP_tx_full], FRAMES - sent);
	assert_int_equal(f->worker->stats->vif_hot[f->tunnel].tx_packets, FRAMES / 2);
	assert_in_range(f->worker->stats->vif_cold[f->tunnel].lost[GREMC_TX_DROP_tx_full], 1, FRAMES / 2);
}

/* A packet of the control thread leaves by a tunnel or a native port like a replica. */
static void test_injected_packets_are_encapsulated(void **state)
{
	const struct rte_ipv4_hdr query = ipv4_write(SOURCE, RTE_BE32(0xe0000001), 2, 1, 20);
	struct host_path *f = *state;
	struct rte_mbuf *back;
	const uint8_t *bytes;

	assert_int_equal(gremc_inject_packet(f->group, pool, &query, sizeof(query), f->tunnel), 0);
	assert_int_equal(gremc_inject_packet(f->group, pool, &query, sizeof(query), f->lan), 0);
	assert_int_equal(gremc_worker_poll_inject(f->worker), 2);
	assert_int_equal(rte_eth_rx_burst(device, 0, &back, 1), 1);
	bytes = rte_pktmbuf_mtod(back, const uint8_t *);
	assert_int_equal(back->pkt_len, 14 + 24 + 20);
	assert_memory_equal(bytes, &peer_mac, 6);
	assert_int_equal(rte_raw_cksum(bytes + 14, 20), 0xffff);
	assert_memory_equal(bytes + 38, &query, 20);
	rte_pktmbuf_free(back);
	assert_int_equal(rte_eth_rx_burst(device, 0, &back, 1), 1);
	bytes = rte_pktmbuf_mtod(back, const uint8_t *);
	assert_int_equal(back->pkt_len, 14 + 20);
	assert_memory_equal(bytes, "\x01\x00\x5e\x00\x00\x01\x02\0\0\0\0\x01\x08\0", 14);
	rte_pktmbuf_free(back);
	assert_int_equal(host_path_totals(f).sent, 2);
	assert_int_equal(f->worker->stats->vif_hot[f->tunnel].tx_bytes, 20);
}

static void test_unsendable_injected_packets_return_errors(void **state)
{
	static uint8_t large[1477];
	const struct rte_ipv4_hdr ip = ipv4_write(SOURCE, LOCAL, 17, 1, 20);
	struct host_path *f = *state;

	assert_int_equal(gremc_inject_packet(f->group, pool, large, 1477, f->tunnel), -EMSGSIZE);
	assert_int_equal(gremc_inject_packet(f->group, pool, large, 1476, f->tunnel), 0);
	assert_int_equal(gremc_inject_packet(f->group, pool, &ip, 19, f->tunnel), -ENOBUFS);
	assert_int_equal(gremc_adjacency_resolve(f->vifs, f->vifs->encap[f->tunnel].adjacency, NULL), 0);
	assert_int_equal(gremc_inject_packet(f->group, pool, &ip, sizeof(ip), f->tunnel), -EHOSTUNREACH);
	gremc_workers_drain(f->group);
	assert_int_equal(host_path_totals(f).wanted, 0);
}

/* Packets of the host's vif are forwarded like packets of any other vif. */
static void test_host_vif_is_an_iif(void **state)
{
	const struct rte_ipv4_hdr ip = ipv4_write(SOURCE, GROUP, 17, 16, 20),
				  unicast = ipv4_write(SOURCE, LOCAL, 17, 16, 20);
	struct host_path *f = *state;
	struct rte_mbuf *mbufs[2] = {mbuf_from_bytes(&ip, sizeof(ip)),
				     mbuf_from_bytes(&unicast, sizeof(unicast))},
			*back;

	host_path_set_route(f, f->tunnel);
	gremc_u32_store_release(&f->vifs->port_vif[HOST], f->host);
	mbufs[0]->port = mbufs[1]->port = HOST;
	assert_int_equal(gremc_inject_frames(f->group, mbufs, 2), 2);
	assert_int_equal(gremc_worker_poll_inject(f->worker), 2);
	assert_int_equal(rte_eth_rx_burst(device, 0, &back, 1), 1);
	assert_int_equal(back->pkt_len, 14 + 24 + 20);
	rte_pktmbuf_free(back);
	assert_int_equal(host_path_totals(f).rx_packets, 2);
	assert_int_equal(host_path_totals(f).forwarded, 1);
	assert_int_equal(host_path_totals(f).drops[GREMC_DROP_inner_unicast], 1);
	assert_int_equal(host_path_totals(f).injected, 0);
}

/* ---- a transmit queue of the control thread ---- */

static struct rte_mbuf *host_path_frame_create(uint32_t vif)
{
	struct rte_mbuf *mbuf = tunnel_frame_create(ipv4_write(SOURCE, LOCAL, 6, 16, 20));

	mbuf->port = PORT;
	mbuf->l2_len = 14;
	mbuf->hash.usr = vif;
	return mbuf;
}

static struct rte_mbuf *host_packet_create(void)
{
	const struct rte_ipv4_hdr ip = ipv4_write(SOURCE, GROUP, 17, 16, 20);
	struct rte_mbuf *mbuf = mbuf_from_bytes(&ip, sizeof(ip));

	mbuf->port = HOST;
	return mbuf;
}

/* The control thread sends frames at once and counts them; the worker gets packets for the fast path. */
static void test_injected_frames_use_the_host_queue(void **state)
{
	struct host_path *f = *state;
	struct rte_mbuf *mbufs[] = {host_path_frame_create(f->tunnel), host_packet_create(),
				    host_path_frame_create(GREMC_VIF_NONE)},
			*sent[] = {mbufs[0], mbufs[2]}, *back[4];

	assert_int_equal(f->group->stats_count, 2);
	assert_int_equal(gremc_inject_frames(f->group, mbufs, 3), 3);
	assert_int_equal(rte_eth_rx_burst(device, 1, back, 4), 2);
	assert_memory_equal(back, sent, sizeof(sent));
	rte_pktmbuf_free_bulk(back, 2);
	assert_int_equal(host_path_totals(f).injected, 2);
	assert_int_equal(host_path_totals(f).sent, 2);
	assert_int_equal(host_path_totals(f).tx_bytes, 2 * sizeof(struct tunnel_frame));
	assert_int_equal(host_path_totals(f).ports[PORT].tx_packets, 2);
	assert_int_equal(f->group->host_egress->stats->vif_hot[f->tunnel].tx_packets, 1);
	assert_int_equal(f->group->host_egress->stats->vif_hot[f->tunnel].tx_bytes,
			 sizeof(struct tunnel_frame) - 38);
	assert_int_equal(gremc_worker_poll_inject(f->worker), 1);
	assert_int_equal(rte_eth_rx_burst(device, 0, back, 4), 0);
}

static void test_host_queue_drops_by_name(void **state)
{
	struct host_path *f = *state;
	struct rte_mbuf *mbufs[GREMC_BURST];
	unsigned sent;

	for (unsigned i = 0; i < FRAMES; i += RTE_DIM(mbufs)) {
		for (unsigned k = 0; k < RTE_DIM(mbufs); k++)
			mbufs[k] = host_path_frame_create(k % 2 ? f->tunnel : GREMC_VIF_NONE);
		assert_int_equal(gremc_inject_frames(f->group, mbufs, RTE_DIM(mbufs)), RTE_DIM(mbufs));
	}
	sent = host_path_totals(f).sent;
	assert_in_range(sent, 1, FRAMES - 1);
	assert_int_equal(host_path_totals(f).losses[GREMC_TX_DROP_tx_full],
			 host_path_totals(f).wanted - sent);
	assert_int_equal(host_path_totals(f).ports[PORT].tx_lost, host_path_totals(f).wanted - sent);
	/* every second frame, including the last */
	assert_int_equal(f->group->host_egress->stats->vif_cold[f->tunnel].lost[GREMC_TX_DROP_tx_full],
			 (host_path_totals(f).wanted - sent + 1) / 2);
}

/* Packets that a full ring rejects move to the end, in order; frames for the queue are still sent. */
static void test_full_inject_ring_does_not_stop_host_queue(void **state)
{
	struct host_path *f = *state;
	struct rte_mbuf *mbufs[4], *left[2], *mbuf;

	while (gremc_inject_capacity(f->group) > 1) {
		mbuf = host_packet_create();
		assert_int_equal(gremc_inject_frames(f->group, &mbuf, 1), 1);
	}
	for (unsigned i = 0; i < 4; i++)
		mbufs[i] = i == 2 ? host_path_frame_create(f->tunnel) : host_packet_create();
	left[0] = mbufs[1];
	left[1] = mbufs[3];
	assert_int_equal(gremc_inject_frames(f->group, mbufs, 4), 2);
	assert_memory_equal(&mbufs[2], left, sizeof(left));
	assert_int_equal(host_path_totals(f).sent, 1);
	rte_pktmbuf_free_bulk(left, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_injected_frames_are_sent),
		TEST(test_injected_frames_drop_by_name),
		TEST(test_injected_packets_are_encapsulated),
		TEST(test_unsendable_injected_packets_return_errors),
		TEST(test_host_vif_is_an_iif),
		TEST_OWN_QUEUE(test_injected_frames_use_the_host_queue),
		TEST_OWN_QUEUE(test_host_queue_drops_by_name),
		TEST_OWN_QUEUE(test_full_inject_ring_does_not_stop_host_queue),
	};

	return cmocka_run_group_tests_name("datapath_inject", tests, host_path_eal_init,
					   host_path_eal_cleanup);
}
