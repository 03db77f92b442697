/* SPDX-License-Identifier: BSD-3-Clause */
/* Ports that accept packets more slowly than they arrive. */
#include "forwarder.h"

/* ---- a device that accepts as many packets as a test allows ---- */

static struct {
	uint32_t capacity;    /* packets that it still accepts */
	uint32_t every;       /* 0, or: the capacity grows by one at every such attempt */
	uint64_t attempts;    /* calls with at least one packet */
	uint32_t order[4096]; /* vifs of the accepted packets */
	uint32_t accepted;
} slow;

static eth_tx_burst_t usual;

static uint16_t slow_device_tx_burst(void *queue, struct rte_mbuf **mbufs, uint16_t count)
{
	uint16_t n;

	(void)queue;
	slow.attempts += count > 0;
	if (slow.every && slow.attempts % slow.every == 0)
		slow.capacity++;
	n = RTE_MIN(count, slow.capacity);
	for (uint16_t i = 0; i < n; i++) {
		slow.order[slow.accepted++ % RTE_DIM(slow.order)] = mbufs[i]->hash.usr;
		rte_pktmbuf_free(mbufs[i]);
	}
	slow.capacity -= n;
	return n;
}

static void device_slow_down(uint32_t capacity, uint32_t every)
{
	memset(&slow, 0, sizeof(slow));
	slow.capacity = capacity;
	slow.every = every;
	usual = rte_eth_fp_ops[device[LOOP]].tx_pkt_burst;
	rte_eth_fp_ops[device[LOOP]].tx_pkt_burst = slow_device_tx_burst;
}

static int slow_device_restore(void **state)
{
	rte_eth_fp_ops[device[LOOP]].tx_pkt_burst = usual;
	return forwarder_tear_down(state);
}

/* Forward packets to `count` tunnels; their iif is not in the oil. */
static void frames_forward_to(struct forwarder *f, uint32_t count, unsigned packets)
{
	struct rte_mbuf *mbuf;

	forwarder_set_route(f, count);
	for (unsigned i = 0; i < packets; i++) {
		mbuf = frame_mbuf_create(count, 100, 0);
		forwarder_forward_frame(f, mbuf);
	}
}

static uint64_t tx_full_count(const struct forwarder *f)
{
	return forwarder_totals(f).losses[GREMC_TX_DROP_tx_full];
}

/* ---- tests ---- */

/* Packets that the port rejects wait in the backlog, and leave in order when the port accepts packets again:
 * nothing is lost, and the sums hold at each step. */
static void test_refused_packets_are_sent_later_in_order(void **state)
{
	struct forwarder *f = *state;
	const uint32_t n = 50;

	forwarder_add_tunnels(f, n + 1, LOOP);
	device_slow_down(10, 0);
	frames_forward_to(f, n, 3);
	assert_int_equal(forwarder_totals(f).sent, 10);
	assert_int_equal(forwarder_totals(f).queued, 3 * n - 10);
	assert_int_equal(tx_full_count(f), 0);
	assert_true(f->worker->egress.backlogged);
	/* no progress, so the worker may sleep */
	assert_int_equal(gremc_backlogs_send(&f->worker->egress), 0);
	slow.capacity = 7;
	assert_int_equal(gremc_backlogs_send(&f->worker->egress), 7);
	gremc_worker_account(f->worker, NULL);
	assert_int_equal(forwarder_totals(f).queued, 3 * n - 17);
	slow.capacity = 1000;
	frames_forward_to(f, n, 1);
	assert_int_equal(forwarder_totals(f).queued, 0);
	assert_int_equal(forwarder_totals(f).sent, 4 * n);
	assert_int_equal(forwarder_totals(f).tx_bytes, 4 * n * 138);
	for (uint32_t i = 0; i < 4 * n; i++)
		assert_int_equal(slow.order[i], f->vif[i % n]);
	assert_int_equal(gremc_backlogs_send(&f->worker->egress), 0);
	assert_false(f->worker->egress.backlogged);
}

/* A full backlog: the rest is lost by name, and the tunnels count it. */
static void test_backlog_is_bounded(void **state)
{
	struct forwarder *f = *state;
	const uint32_t n = 1000;
	uint64_t of_tunnels = 0;

	forwarder_add_tunnels(f, n + 1, LOOP);
	device_slow_down(100, 0);
	frames_forward_to(f, n, 1);
	assert_int_equal(forwarder_totals(f).sent, 100);
	assert_int_equal(forwarder_totals(f).queued, GREMC_TX_HELD_MAX);
	assert_int_equal(tx_full_count(f), n - 100 - GREMC_TX_HELD_MAX);
	for (uint32_t i = 0; i < n; i++)
		of_tunnels += f->worker->stats->vif_cold[f->vif[i]].lost[GREMC_TX_DROP_tx_full];
	assert_int_equal(of_tunnels, tx_full_count(f));
	gremc_backlogs_drop(&f->worker->egress);
	gremc_worker_account(f->worker, NULL);
	assert_int_equal(forwarder_totals(f).queued, 0);
	assert_int_equal(tx_full_count(f), n - 100);
}

/* A high fan-out to a port that makes progress: the worker waits, and nothing is lost. */
static void test_worker_waits_for_port_that_makes_progress(void **state)
{
	struct forwarder *f = *state;
	const uint32_t n = 2000;

	forwarder_add_tunnels(f, n + 1, LOOP);
	device_slow_down(0, 1);
	frames_forward_to(f, n, 1);
	assert_int_equal(tx_full_count(f), 0);
	assert_true(forwarder_totals(f).sent >= n - GREMC_TX_HELD_MAX);
}

/* A port that always makes progress, but slowly: after GREMC_BACKLOG_WAIT_MS the worker makes one attempt per
 * burst, even if the port accepts a packet now and then. An attempt takes a few nanoseconds at least, so the
 * time limit of the wait bounds the number of attempts. */
static void test_worker_does_not_wait_for_slow_port(void **state)
{
	enum { BURSTS = 20000, SIZE = 32 };
	struct forwarder *f = *state;
	struct rte_mbuf *mbufs[SIZE];

	forwarder_add_tunnels(f, 2, LOOP);
	forwarder_set_route(f, 1);
	device_slow_down(0, 500);
	for (unsigned burst = 0; burst < BURSTS; burst++) {
		for (unsigned i = 0; i < SIZE; i++)
			mbufs[i] = frame_mbuf_create(1, 100, 0);
		forwarder_forward_burst(f, mbufs, SIZE);
		assert_true(slow.attempts < 2 * BURSTS + GREMC_BACKLOG_WAIT_MS * 1000000 / 4);
	}
	assert_int_equal(forwarder_totals(f).wanted, BURSTS * SIZE);
	assert_int_equal(forwarder_totals(f).sent, slow.accepted);
	assert_int_equal(forwarder_totals(f).queued, GREMC_TX_HELD_MAX);
}

/* The backlog of a port that accepts nothing is dropped after GREMC_BACKLOG_MAX_AGE_MS. */
static void test_backlog_of_stuck_port_expires(void **state)
{
	struct forwarder *f = *state;
	const uint64_t start = rte_rdtsc();
	uint32_t done;

	forwarder_add_tunnels(f, 31, LOOP);
	device_slow_down(0, 0);
	frames_forward_to(f, 30, 2);
	do {
		done = gremc_backlogs_send(&f->worker->egress);
		assert_int_equal(done, f->worker->egress.backlogged ? 0 : 60);
	} while (f->worker->egress.backlogged);
	gremc_worker_account(f->worker, NULL);
	assert_true(rte_rdtsc() - start > rte_get_tsc_hz() / MS_PER_S * GREMC_BACKLOG_MAX_AGE_MS);
	assert_int_equal(forwarder_totals(f).queued, 0);
	assert_int_equal(tx_full_count(f), 60);
}

/* A tunnel is removed while its replicas are in the backlog, and a new tunnel gets its index: the new tunnel
 * counts neither their transmission nor their loss. */
static void test_removed_tunnels_leave_backlog_uncounted(void **state)
{
	static const struct gremc_vif_cold none;
	struct forwarder *f = *state;
	struct gremc_vif_info info = tunnel_info(1000, LOOP);
	uint32_t again;

	forwarder_add_tunnels(f, 31, LOOP);
	device_slow_down(0, 0);
	frames_forward_to(f, 30, 2);
	forwarder_set_route(f, 0);
	gremc_vif_remove(f->vifs, f->vif[7]);
	gremc_rcu_synchronize(f->rcu);
	again = forwarder_add_tunnel(f, &info);
	assert_int_equal(again, f->vif[7]);
	gremc_stats_reset_vif(f->worker->stats, again);
	slow.capacity = 20;
	gremc_backlogs_send(&f->worker->egress);
	gremc_backlogs_drop(&f->worker->egress);
	gremc_worker_account(f->worker, NULL);
	assert_int_equal(forwarder_totals(f).sent, 20);
	assert_int_equal(tx_full_count(f), 40);
	assert_memory_equal(&f->worker->stats->vif_cold[again], &none, sizeof(none));
	assert_int_equal(f->worker->stats->vif_cold[f->vif[8]].lost_bytes, 100);
}

/* The backlog of a port that loses its link is lost with the reason link_down. */
static void test_backlog_is_dropped_when_link_fails(void **state)
{
	struct forwarder *f = *state;

	forwarder_add_tunnels(f, 31, LOOP);
	device_slow_down(5, 0);
	frames_forward_to(f, 30, 2);
	assert_int_equal(forwarder_totals(f).queued, 55);
	gremc_int_store(&f->port[LOOP].status, GREMC_PORT_DOWN);
	f->port[LOOP].link_changes = 1;
	gremc_workers_port_changed(f->group, &f->port[LOOP]);
	gremc_backlogs_send(&f->worker->egress);
	gremc_worker_account(f->worker, NULL);
	assert_int_equal(forwarder_totals(f).queued, 0);
	assert_int_equal(forwarder_totals(f).losses[GREMC_TX_DROP_link_down], 55);
	assert_false(f->worker->egress.backlogged);
}

#define SLOW(function) cmocka_unit_test_setup_teardown(function, forwarder_set_up, slow_device_restore)

int main(void)
{
	const struct CMUnitTest tests[] = {
		SLOW(test_refused_packets_are_sent_later_in_order),
		SLOW(test_backlog_is_bounded),
		SLOW(test_worker_waits_for_port_that_makes_progress),
		SLOW(test_worker_does_not_wait_for_slow_port),
		SLOW(test_backlog_of_stuck_port_expires),
		SLOW(test_removed_tunnels_leave_backlog_uncounted),
		SLOW(test_backlog_is_dropped_when_link_fails),
	};

	return cmocka_run_group_tests_name("backlog", tests, forwarder_eal_init, forwarder_eal_cleanup);
}
