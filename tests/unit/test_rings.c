/* SPDX-License-Identifier: BSD-3-Clause */
/* Packets in the rings between workers: their tunnel or mroute may be removed before they leave the ring. */
#include <pthread.h>

#include <rte_rcu_qsbr.h>

#include "datapath/handoff.h"
#include "forwarder.h"

#define RING_SIZE 4096

/* The program is linked with --wrap for rte_get_tsc_hz(): a poll of a ring gets so many times its budget,
 * which no slow build or busy machine exhausts. 0: the budget is exhausted at once. */
static uint64_t poll_budget_factor = 1;

uint64_t __real_rte_get_tsc_hz(void);
uint64_t __wrap_rte_get_tsc_hz(void);
uint64_t __wrap_rte_get_tsc_hz(void)
{
	return __real_rte_get_tsc_hz() * poll_budget_factor;
}
#define POLL_BUDGET_LARGE (60 * US_PER_S / GREMC_POLL_BUDGET_US) /* one minute */

/* ---- two workers: one uses the other's transmit queue, or hands flows to it ---- */

/* Worker 0 transmits on LOOP; worker 1 hands its replicas to worker 0. Returns worker 1. */
static struct gremc_worker *tx_queue_share(struct forwarder *f, struct rte_ring **ring)
{
	*ring = rte_ring_create("rings", RING_SIZE, SOCKET_ID_ANY, RING_F_MP_RTS_ENQ | RING_F_SC_DEQ);
	assert_non_null(*ring);
	f->port[LOOP].tx_ring[0] = *ring;
	forwarder_start_workers(f, 2);
	return f->group->worker[1];
}

static void tx_queue_unshare(struct forwarder *f, struct rte_ring *ring)
{
	f->port[LOOP].tx_ring[0] = NULL;
	assert_int_equal(rte_ring_count(ring), 0);
	rte_ring_free(ring);
}

/* Fill the device: it accepts no more packets. */
static void loop_port_fill(void)
{
	struct rte_mbuf *mbuf;

	while ((mbuf = rte_pktmbuf_alloc(payloads))) {
		mbuf->data_len = mbuf->pkt_len = 60;
		if (rte_eth_tx_burst(device[LOOP], 0, &mbuf, 1) == 1)
			continue;
		rte_pktmbuf_free(mbuf);
		break;
	}
}

static void forwarder_remove_tunnels(struct forwarder *f, uint32_t first, uint32_t count)
{
	for (uint32_t n = first; n < first + count; n++)
		gremc_vif_remove(f->vifs, f->vif[n]);
	gremc_rcu_synchronize(f->rcu);
}

/* Another tunnel gets the index that was removed last. */
static uint32_t vif_index_reuse(struct forwarder *f, uint32_t old, uint32_t n)
{
	struct gremc_vif_info info = tunnel_info(n, LOOP);
	uint32_t vif = forwarder_add_tunnel(f, &info);

	assert_int_equal(vif, old);
	for (uint32_t i = 0; i < f->group->stats_count; i++)
		gremc_stats_reset_vif(f->group->stats[i], vif);
	return vif;
}

static void vif_counters_expect_zero(const struct forwarder *f, uint32_t vif)
{
	static const struct gremc_vif_hot none;
	static const struct gremc_vif_cold no_loss;

	for (uint32_t i = 0; i < f->group->stats_count; i++) {
		assert_memory_equal(&f->group->stats[i]->vif_hot[vif], &none, sizeof(none));
		assert_memory_equal(&f->group->stats[i]->vif_cold[vif], &no_loss, sizeof(no_loss));
	}
}

/* ---- hand-over rings ---- */

/* While replicas are in the ring, tunnels and adjacencies are removed, and a new tunnel gets the index of a
 * removed one. The full port rejects replicas: only tunnels that still exist count the losses. */
static void test_removed_tunnels_leave_queued_replicas_uncounted(void **state)
{
	enum { TUNNELS = 300, STAY = 100 };
	struct forwarder *f = *state;
	struct rte_ring *ring;
	struct gremc_worker *other = tx_queue_share(f, &ring);
	uint64_t lost = 0;
	struct rte_mbuf *mbuf;
	uint32_t again;

	for (uint32_t n = 0; n < TUNNELS; n++) {
		struct gremc_vif_info info = tunnel_info(n, LOOP);

		info.next_hop = rte_cpu_to_be_32(0x0a000100 + n / STAY);
		f->vif[n] = forwarder_add_tunnel(f, &info);
	}
	forwarder_set_route(f, TUNNELS - 1);
	mbuf = frame_mbuf_create(TUNNELS - 1, 100, 0);
	worker_forward_burst(f, other, &mbuf, 1);
	assert_int_equal(forwarder_totals(f).queued, TUNNELS - 1);
	loop_port_fill();
	forwarder_set_route(f, STAY);
	forwarder_remove_tunnels(f, STAY, TUNNELS - STAY);
	vif_index_reuse(f, f->vif[TUNNELS - 1], 1000);
	again = vif_index_reuse(f, f->vif[TUNNELS - 2], 1001);
	while (gremc_tx_shared_poll(&f->worker->egress))
		gremc_worker_account(f->worker, NULL);
	loop_port_empty();
	while (gremc_tx_shared_poll(&f->worker->egress))
		gremc_worker_account(f->worker, NULL);
	assert_int_equal(forwarder_totals(f).wanted, TUNNELS - 1);
	assert_true(forwarder_totals(f).losses[GREMC_TX_DROP_tx_full] >= TUNNELS - 1 - STAY - 64);
	vif_counters_expect_zero(f, again);
	for (uint32_t n = 0; n < TUNNELS; n++) {
		const struct gremc_vif_cold *cold = &f->worker->stats->vif_cold[f->vif[n]];

		assert_int_equal(cold->lost_bytes, 100 * cold->lost[GREMC_TX_DROP_tx_full]);
		assert_true(n < STAY || cold->lost_bytes == 0);
		lost += cold->lost[GREMC_TX_DROP_tx_full];
	}
	assert_true(lost <= STAY);
	tx_queue_unshare(f, ring);
}

/* ---- relay rings ---- */

/* Returns the owner of the flow of frame_mbuf_create(); *stranger: the other worker. */
static struct gremc_worker *flow_owner_find(struct forwarder *f, struct gremc_worker **stranger)
{
	struct gremc_worker *owner;

	forwarder_receive_frame(f, frame_mbuf_create(0, 100, 0));
	owner = f->group->worker[forwarder_totals(f).relayed];
	*stranger = f->group->worker[owner == f->worker];
	while (gremc_worker_poll_handoff(owner))
		;
	loop_port_empty();
	return owner;
}

/* While packets are in the ring of their flow's owner, their tunnel is removed and a new tunnel gets its
 * index. They are not packets of the new tunnel, although the mroute accepts the new tunnel's packets. */
static void test_flows_of_removed_tunnels_are_dropped(void **state)
{
	enum { PACKETS = 200 };
	struct forwarder *f = *state;
	struct gremc_worker *owner, *stranger;
	uint64_t forwarded;
	uint32_t again;

	forwarder_start_software_rss(f);
	forwarder_add_tunnels(f, 3, LOOP);
	forwarder_set_route(f, 2);
	owner = flow_owner_find(f, &stranger);
	for (unsigned i = 0; i < PACKETS; i++) {
		struct rte_mbuf *mbuf = frame_mbuf_create(2, 100, 0);

		worker_forward_burst(f, stranger, &mbuf, 1);
	}
	assert_int_equal(forwarder_totals(f).relayed, PACKETS);
	forwarded = forwarder_totals(f).forwarded;
	forwarder_remove_tunnels(f, 2, 1);
	again = vif_index_reuse(f, f->vif[2], 1000);
	while (gremc_worker_poll_handoff(owner))
		;
	assert_int_equal(forwarder_totals(f).relayed, 0);
	assert_int_equal(forwarder_totals(f).forwarded, forwarded);
	assert_int_equal(forwarder_totals(f).drops[GREMC_DROP_unknown_peer], PACKETS);
	assert_int_equal(loop_port_empty(), 0);
	vif_counters_expect_zero(f, again);
}

/* The iif is removed while the payload of a large oil is in the other worker's ring. */
static void test_oil_parts_of_removed_tunnels_are_freed(void **state)
{
	enum { OIL = 400 };
	struct forwarder *f = *state;
	struct gremc_worker *other = forwarder_start_oil_split(f, 200);
	uint64_t wanted;

	forwarder_add_tunnels(f, OIL + 1, LOOP);
	forwarder_set_route(f, OIL);
	forwarder_receive_frame(f, frame_mbuf_create(OIL, 100, 0));
	wanted = forwarder_totals(f).wanted;
	assert_int_equal(loop_port_empty(), wanted);
	forwarder_remove_tunnels(f, OIL, 1);
	vif_index_reuse(f, f->vif[OIL], 1000);
	assert_int_equal(gremc_worker_poll_handoff(other), 1);
	assert_int_equal(loop_port_empty(), 0);
	assert_int_equal(forwarder_totals(f).wanted, wanted);
}

/* An mroute gets conditional OIFs while a part of its oil is in a ring: TTL thresholds (frames have TTL 16)
 * and sources. The remaining replicas obey them. */
static void test_oil_parts_obey_limits_set_meanwhile(void **state)
{
	enum { OIL = 400 };
	static const uint16_t lengths[] = {100, 1000};
	const struct gremc_prefix ours = GREMC_PREFIX_IPV4(RTE_BE32(SOURCE), 32);
	struct forwarder *f = *state;
	struct gremc_worker *other = forwarder_start_oil_split(f, 200);
	uint8_t thresholds[OIL];
	struct gremc_fanout_op op = forwarder_route(f, OIL);

	op.spec.thresholds = thresholds;
	forwarder_add_tunnels(f, OIL + 1, LOOP);
	for (uint32_t n = 0; n < OIL; n += 4)
		assert_int_equal(gremc_vif_sources_set(f->vifs, f->vif[n], &ours, 1), 0);
	/* two of four interfaces accept the packet: one by its sources, one by its TTL threshold */
	for (uint32_t n = 0; n < OIL; n++)
		thresholds[n] = n % 4 < 2 ? GREMC_THRESHOLD_SOURCES : n % 4 == 2 ? 15 : 16;
	for (uint32_t from = OIL - 2; from <= OIL; from += 2) {
		for (unsigned l = 0; l < RTE_DIM(lengths); l++) {
			const struct gremc_totals before = forwarder_totals(f);
			bool first[OIL] = {false}, then[OIL] = {false};
			uint32_t made;

			forwarder_set_route(f, OIL);
			forwarder_receive_frame(f, frame_mbuf_create(from, lengths[l], 0));
			replicas_collect(f, first, OIL);
			assert_int_equal(gremc_fanout_apply(f->fanout, &op, 1, NULL, NULL), 0);
			assert_int_equal(gremc_worker_poll_handoff(other), 1);
			made = replicas_collect(f, then, OIL);
			assert_in_range(made, 1, OIL / 2);
			for (uint32_t n = 0; n < OIL; n++) {
				const bool takes = n % 4 == 0 || n % 4 == 2;

				assert_false(first[n] && then[n]);
				assert_true(n == from || first[n] || then[n] == takes);
			}
			assert_int_equal(forwarder_totals(f).forwarded, before.forwarded + 1);
		}
	}
}

/* ---- rings of the host path ---- */

/* A tunnel is removed while its punted packet is in the ring: the packet is not one of the new tunnel with
 * the same index. */
static void test_punts_of_removed_tunnels_name_no_vif(void **state)
{
	struct forwarder *f = *state;
	struct rte_mbuf *mbuf;

	forwarder_add_tunnels(f, 1, LOOP);
	gremc_vif_punt_set(f->vifs, f->vif[0], GREMC_VIF_PUNT_MULTICAST);
	for (unsigned round = 0; round < 2; round++) {
		mbuf = frame_mbuf_create(0, 100, 0);
		worker_forward_burst(f, f->worker, &mbuf, 1);
		if (round > 0)
			forwarder_remove_tunnels(f, 0, 1);
		if (round > 0)
			vif_index_reuse(f, f->vif[0], 1000);
		assert_int_equal(gremc_punt_dequeue(f->group, GREMC_PUNT_multicast, &mbuf, 1), 1);
		assert_int_equal(gremc_mbuf_vif(mbuf, f->vifs), round ? GREMC_VIF_NONE : f->vif[0]);
		rte_pktmbuf_free(mbuf);
	}
}

/* Frames of the host for a removed tunnel are sent, and no other tunnel counts them. */
static void test_frames_for_removed_tunnels_are_sent_uncounted(void **state)
{
	struct forwarder *f = *state;
	const uint32_t length = 100;
	struct rte_mbuf *mbuf;
	uint32_t again;

	forwarder_add_tunnels(f, 2, LOOP);
	for (unsigned n = 0; n < 2; n++) {
		mbuf = frame_mbuf_create(n, length, 0);
		mbuf->port = LOOP;
		mbuf->l2_len = sizeof(struct rte_ether_hdr);
		mbuf->hash.usr = f->vif[n];
		assert_int_equal(gremc_inject_frames(f->group, &mbuf, 1), 1);
	}
	forwarder_remove_tunnels(f, 1, 1);
	again = vif_index_reuse(f, f->vif[1], 1000);
	assert_int_equal(gremc_worker_poll_inject(f->worker), 2);
	assert_int_equal(loop_port_empty(), 2);
	assert_int_equal(forwarder_totals(f).injected, 2);
	assert_int_equal(forwarder_totals(f).sent, 2);
	assert_int_equal(f->worker->stats->vif_hot[f->vif[0]].tx_bytes, length);
	vif_counters_expect_zero(f, again);
}

/* ---- thousands of packets in a ring ---- */

#define MANY 3000

/* `other` hands at least MANY replicas to worker 0. */
static void replicas_hand_over_many(struct forwarder *f, struct gremc_worker *other)
{
	struct rte_mbuf *mbufs[30];

	for (unsigned i = 0; i < MANY / 30 / 30 + 1; i++) {
		for (unsigned k = 0; k < 30; k++)
			mbufs[k] = frame_mbuf_create(9000, 100, 0);
		worker_forward_burst(f, other, mbufs, 30);
	}
	assert_true(forwarder_totals(f).queued >= MANY);
}

/* Worker 0 owns the only queue of a port that accepts everything. Returns worker 1. */
static struct gremc_worker *null_queue_share(struct forwarder *f, struct rte_ring **ring, uint32_t oil)
{
	struct gremc_vif_info in = tunnel_info(9000, LOOP);

	*ring = rte_ring_create("rings", RING_SIZE, SOCKET_ID_ANY, RING_F_MP_RTS_ENQ | RING_F_SC_DEQ);
	assert_non_null(*ring);
	f->port[NOWHERE].tx_ring[0] = *ring;
	forwarder_start_workers(f, 2);
	forwarder_add_tunnel(f, &in);
	forwarder_add_tunnels(f, oil, NOWHERE);
	forwarder_set_route(f, oil);
	return f->group->worker[1];
}

static void null_queue_unshare(struct forwarder *f, struct rte_ring *ring)
{
	assert_int_equal(rte_ring_count(ring), 0);
	for (unsigned i = 0; i < f->group->count; i++)
		worker_release_mbufs(f->group->worker[i]);
	f->port[NOWHERE].tx_ring[0] = NULL;
	forwarder_start_workers(f, 1);
	rte_ring_free(ring);
}

/* In one poll, the owner of a queue sends all replicas that the ring contains. */
static void test_all_handed_over_replicas_are_sent(void **state)
{
	struct forwarder *f = *state;
	struct rte_ring *ring;
	struct gremc_worker *other = null_queue_share(f, &ring, 30);

	replicas_hand_over_many(f, other);
	poll_budget_factor = POLL_BUDGET_LARGE;
	assert_true(gremc_tx_shared_poll(&f->worker->egress) >= MANY);
	poll_budget_factor = 1;
	assert_int_equal(gremc_tx_shared_poll(&f->worker->egress), 0);
	gremc_worker_account(f->worker, NULL);
	assert_int_equal(forwarder_totals(f).queued, 0);
	assert_int_equal(forwarder_totals(f).sent, forwarder_totals(f).wanted);
	null_queue_unshare(f, ring);
}

/* The owner also sends them while it replicates to a large oil of its own. */
static void test_owner_sends_others_replicas_between_bursts(void **state)
{
	struct forwarder *f = *state;
	struct rte_ring *ring;
	struct gremc_worker *other = null_queue_share(f, &ring, 300);
	struct rte_mbuf *mbufs[13];

	for (unsigned k = 0; k < RTE_DIM(mbufs); k++)
		mbufs[k] = frame_mbuf_create(9000, 100, 0);
	worker_forward_burst(f, other, mbufs, RTE_DIM(mbufs));
	assert_int_equal(rte_ring_count(ring), 13 * 300);
	for (unsigned k = 0; k < RTE_DIM(mbufs); k++)
		mbufs[k] = frame_mbuf_create(9000, 100, 0);
	worker_forward_burst(f, f->worker, mbufs, RTE_DIM(mbufs));
	assert_true(rte_ring_count(ring) < 13 * 300 / 4);
	while (gremc_tx_shared_poll(&f->worker->egress))
		gremc_worker_account(f->worker, NULL);
	assert_int_equal(forwarder_totals(f).sent, 2 * 13 * 300);
	null_queue_unshare(f, ring);
}

/* Hand COUNT packets of one flow to their owner. */
static struct gremc_worker *packets_hand_off(struct forwarder *f, unsigned count)
{
	struct gremc_worker *owner, *stranger;
	struct rte_mbuf *mbuf;

	forwarder_start_software_rss(f);
	forwarder_add_tunnels(f, 3, LOOP);
	forwarder_set_route(f, 1);
	owner = flow_owner_find(f, &stranger);
	for (unsigned i = 0; i < count; i++) {
		mbuf = frame_mbuf_create(2, 100, 0);
		worker_forward_burst(f, stranger, &mbuf, 1);
	}
	assert_int_equal(forwarder_totals(f).relayed, count);
	return owner;
}

/* The same for flows that are handed to their owner. */
static void test_all_relayed_packets_are_forwarded(void **state)
{
	struct forwarder *f = *state;
	struct gremc_worker *owner = packets_hand_off(f, 500);

	poll_budget_factor = POLL_BUDGET_LARGE;
	assert_int_equal(gremc_worker_poll_handoff(owner), 500);
	poll_budget_factor = 1;
	assert_int_equal(forwarder_totals(f).relayed, 0);
	loop_port_empty();
}

/* Without a budget, a poll still forwards one burst, so the ring empties. */
static void test_poll_ends_when_its_budget_is_exhausted(void **state)
{
	struct forwarder *f = *state;
	struct gremc_worker *owner = packets_hand_off(f, 500);
	uint32_t first, polls = 0;

	poll_budget_factor = 0;
	first = gremc_worker_poll_handoff(owner);
	assert_true(first > 0 && first < 500);
	do {
		polls++;
		loop_port_empty();
	} while (gremc_worker_poll_handoff(owner));
	poll_budget_factor = 1;
	assert_int_equal(polls, RTE_ALIGN_MUL_CEIL(500, first) / first);
	assert_int_equal(forwarder_totals(f).relayed, 0);
	loop_port_empty();
}

/* ---- a producer that the operating system interrupts ---- */

/* The first half of an enqueue: the entry becomes visible by enqueue_end(). */
static uint32_t enqueue_begin(struct rte_ring *ring, void *entry)
{
	const uint32_t head = ring->rts_prod.head.val.pos;

	assert_int_equal(rte_ring_get_prod_sync_type(ring), RTE_RING_SYNC_MT_RTS);
	((void **)&ring[1])[head & ring->mask] = entry;
	ring->rts_prod.head.val.pos++;
	ring->rts_prod.head.val.cnt++;
	return head;
}

static void enqueue_end(struct rte_ring *ring)
{
	if (++ring->rts_prod.tail.val.cnt == ring->rts_prod.head.val.cnt)
		ring->rts_prod.tail.val.pos = ring->rts_prod.head.val.pos;
}

/* One producer stops in the middle of an enqueue. The others continue until the ring is full; then they drop
 * by name. All their entries are in the ring when the first producer continues. */
static void test_no_producer_waits_for_another(void **state)
{
	struct forwarder *f = *state;
	struct gremc_worker *owner, *stranger;
	struct rte_mbuf *mbuf;
	void *entry;

	forwarder_start_software_rss(f);
	forwarder_add_tunnels(f, 3, LOOP);
	forwarder_set_route(f, 1);
	owner = flow_owner_find(f, &stranger);
	enqueue_begin(owner->handoff_ring, f);
	for (unsigned i = 0; i < f->ports.rings.relay - 200; i++) {
		mbuf = frame_mbuf_create(2, 100, 0);
		worker_forward_burst(f, stranger, &mbuf, 1);
	}
	assert_int_equal(forwarder_totals(f).relayed, f->ports.rings.relay - 200);
	assert_int_equal(gremc_worker_poll_handoff(owner), 0);
	enqueue_end(owner->handoff_ring);
	assert_int_equal(rte_ring_dequeue(owner->handoff_ring, &entry), 0);
	assert_ptr_equal(entry, f);
	while (gremc_worker_poll_handoff(owner))
		loop_port_empty();
	assert_int_equal(forwarder_totals(f).relayed, 0);
	loop_port_empty();
}

/* ---- stop ---- */

#define WORKERS 4

static void *worker_thread(void *worker)
{
	gremc_worker_run(worker);
	return NULL;
}

/* Four workers, one transmit queue, software RSS and OIL split: the receiver hands a packet to the owner of
 * its flow, which hands parts of the oil to all workers, which hand replicas to the owner of the queue. The
 * first `running` workers run after the stop. */
static struct rte_ring *workers_run_to_the_end(struct forwarder *f, unsigned running, unsigned packets)
{
	struct gremc_config_settings all = default_settings;
	struct rte_ring *ring =
		rte_ring_create("rings", RING_SIZE, SOCKET_ID_ANY, RING_F_MP_RTS_ENQ | RING_F_SC_DEQ);
	pthread_t thread[WORKERS];
	struct gremc_vif_info in = tunnel_info(9000, LOOP);
	struct rte_mbuf *mbuf;

	assert_non_null(ring);
	f->port[NOWHERE].tx_ring[0] = ring;
	forwarder_start_workers(f, WORKERS);
	all.shard_threshold = 100;
	all.spread = true;
	gremc_workers_configure(f->group, &all);
	forwarder_add_tunnel(f, &in);
	forwarder_add_tunnels(f, 400, NOWHERE);
	forwarder_set_route(f, 400);
	for (unsigned i = 0; i < packets; i++) {
		mbuf = frame_mbuf_create(9000, 100, 0);
		worker_forward_burst(f, f->group->worker[i % WORKERS], &mbuf, 1);
	}
	assert_int_equal(forwarder_totals(f).rx_packets, packets);
	assert_true(forwarder_totals(f).relayed > 0);
	gremc_workers_stop(f->group);
	for (unsigned i = 0; i < running; i++)
		assert_int_equal(pthread_create(&thread[i], NULL, worker_thread, f->group->worker[i]), 0);
	for (unsigned i = 0; i < running; i++)
		assert_int_equal(pthread_join(thread[i], NULL), 0);
	return ring;
}

static void test_stop_sends_every_generation(void **state)
{
	enum { PACKETS = 10 };
	struct forwarder *f = *state;
	struct rte_ring *ring = workers_run_to_the_end(f, WORKERS, PACKETS);

	assert_int_equal(forwarder_totals(f).relayed, 0);
	assert_int_equal(forwarder_totals(f).queued, 0);
	assert_int_equal(forwarder_totals(f).waiting, 0);
	assert_int_equal(forwarder_totals(f).forwarded, PACKETS);
	assert_int_equal(forwarder_totals(f).wanted, PACKETS * 400);
	assert_int_equal(forwarder_totals(f).sent + forwarder_totals(f).losses[GREMC_TX_DROP_ring_full],
			 PACKETS * 400);
	null_queue_unshare(f, ring);
}

/* One worker never runs: the others end, and the packets in its rings are dropped by name. */
static void test_stop_without_one_worker_drops_by_name(void **state)
{
	enum { PACKETS = 10 };
	struct forwarder *f = *state;
	struct rte_ring *ring = workers_run_to_the_end(f, WORKERS - 1, PACKETS);

	gremc_workers_drain(f->group);
	assert_int_equal(forwarder_totals(f).relayed, 0);
	assert_int_equal(forwarder_totals(f).queued, 0);
	assert_int_equal(forwarder_totals(f).waiting, 0);
	assert_int_equal(forwarder_totals(f).forwarded + forwarder_totals(f).drops[GREMC_DROP_relay_full],
			 PACKETS);
	assert_int_equal(forwarder_totals(f).wanted, forwarder_totals(f).forwarded * 400);
	null_queue_unshare(f, ring);
}

/* The counters show the longest iteration while the worker runs. */
static void test_longest_iteration_is_reported(void **state)
{
	struct forwarder *f = *state;
	struct gremc_totals t;
	pthread_t thread;

	assert_int_equal(pthread_create(&thread, NULL, worker_thread, f->worker), 0);
	do {
		memset(&t, 0, sizeof(t));
		gremc_stats_read(f->worker->stats, &t);
	} while (t.longest == 0);
	assert_true(t.longest >= t.longest_now);
	assert_int_equal(t.longest_before, 0);
	gremc_workers_stop(f->group);
	assert_int_equal(pthread_join(thread, NULL), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_removed_tunnels_leave_queued_replicas_uncounted),
		TEST(test_flows_of_removed_tunnels_are_dropped),
		TEST(test_oil_parts_of_removed_tunnels_are_freed),
		TEST(test_oil_parts_obey_limits_set_meanwhile),
		TEST(test_punts_of_removed_tunnels_name_no_vif),
		TEST(test_frames_for_removed_tunnels_are_sent_uncounted),
		TEST(test_all_handed_over_replicas_are_sent),
		TEST(test_owner_sends_others_replicas_between_bursts),
		TEST(test_all_relayed_packets_are_forwarded),
		TEST(test_poll_ends_when_its_budget_is_exhausted),
		TEST(test_no_producer_waits_for_another),
		TEST(test_stop_sends_every_generation),
		TEST(test_stop_without_one_worker_drops_by_name),
		TEST(test_longest_iteration_is_reported),
	};

	return cmocka_run_group_tests_name("rings", tests, forwarder_eal_init, forwarder_eal_cleanup);
}
