/* SPDX-License-Identifier: BSD-3-Clause */
/* Two workers: shared transmit queues, OIL split, software RSS, tables on two nodes. */
#include <sys/mman.h>

#include "datapath/handoff.h"
#include "fanout/fanout_priv.h" /* the addresses of its tables on each node */
#include "forwarder.h"

/* Two workers, one transmit queue: the second hands replicas to the first by a ring; the first sends them. */
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
	replicas_expect(127, NO_TUNNEL, 1000, ANY_SEGMENTS);
	f->port[LOOP].tx_ring[0] = NULL;
	rte_ring_free(ring);
}

/* Two workers split a large oil: each OIF gets one replica, by copies and by shares, with the iif in the oil
 * and outside. A full ring loses replicas by name; a route that shrinks while its part is in the ring gets
 * only the replicas of its new oil. */
static void test_large_oil_is_split_between_workers(void **state)
{
	static const uint16_t lengths[] = {100, 1000};
	struct forwarder *f = *state;
	struct gremc_worker *other = forwarder_start_oil_split(f, 200);
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
	handoff_ring_fill(other);
	forwarder_receive_frame(f, frame_mbuf_create(n, 100, 0));
	handoff_ring_clear(other);
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

/* One worker owns a flow, regardless of the worker that receives its packets. */
static void test_flows_are_spread_between_workers(void **state)
{
	struct forwarder *f = *state;
	struct gremc_worker *other = forwarder_start_software_rss(f), *owner, *stranger;
	struct rte_mbuf *mbuf;

	forwarder_add_tunnels(f, 3, LOOP);
	forwarder_set_route(f, 2);
	forwarder_receive_frame(f, frame_mbuf_create(2, 100, 0));
	owner = forwarder_totals(f).relayed == 1 ? other : f->worker;
	stranger = owner == other ? f->worker : other;
	assert_int_equal(gremc_worker_poll_handoff(owner), owner == other);
	for (unsigned i = 0; i < 2; i++)
		replica_expect(i, 100);
	/* the other worker receives it and hands it to the owner */
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
	/* a full ring: a named drop */
	mbuf = frame_mbuf_create(2, 100, 0);
	assert_int_equal(rte_eth_tx_burst(device[LOOP], 0, &mbuf, 1), 1);
	handoff_ring_fill(owner);
	assert_int_equal(gremc_worker_poll(stranger, &f->worker->rxq[0]), 1);
	handoff_ring_clear(owner);
	assert_int_equal(forwarder_totals(f).drops[GREMC_DROP_relay_full], 1);
}

/* Set the access to the node's tables for lookups and replicas. */
static void node_tables_protect(struct forwarder *f, uint32_t node, int protection)
{
	const struct gremc_vifs *vifs = gremc_vifs_on_socket(f->vifs, f->socket[node]);
	const struct gremc_hash *hash = f->fanout->view->hash[node];

	assert_int_equal(mprotect(vifs->encap, GREMC_VIFS_MAX * sizeof(*vifs->encap), protection), 0);
	assert_int_equal(
		mprotect(vifs->adjacency, GREMC_ADJACENCIES_MAX * sizeof(*vifs->adjacency), protection), 0);
	assert_int_equal(mprotect(gremc_pointer_load(&vifs->tunnels)->bucket,
				  gremc_hash_bytes(gremc_pointer_load(&vifs->tunnels)), protection),
			 0);
	assert_int_equal(mprotect(hash->bucket, gremc_hash_bytes(hash), protection), 0);
	assert_int_equal(mprotect(f->fanout->slab.lines[node], f->fanout->slab.size, protection), 0);
}

/* Each of two workers forwards while the other node's tables are inaccessible. */
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
			node_tables_protect(f, !i, PROT_NONE);
			assert_int_equal(gremc_worker_poll(worker, &f->worker->rxq[LOOP]), 1);
			node_tables_protect(f, !i, PROT_READ | PROT_WRITE);
			replicas_expect(1 + 79 * l, NO_TUNNEL, lengths[l], ANY_SEGMENTS);
		}
	}
	assert_int_equal(forwarder_totals(f).sent, 2 * (1 + 80));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_replicas_are_handed_to_queue_owner),
		TEST(test_large_oil_is_split_between_workers),
		TEST_ON_TWO_NODES(test_large_oil_is_split_between_workers),
		TEST(test_flows_are_spread_between_workers),
		TEST_ON_TWO_NODES(test_flows_are_spread_between_workers),
		TEST_ON_TWO_NODES(test_workers_read_their_own_node),
	};

	return cmocka_run_group_tests_name("datapath_workers", tests, forwarder_eal_init,
					   forwarder_eal_cleanup);
}
