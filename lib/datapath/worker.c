/* SPDX-License-Identifier: BSD-3-Clause */
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <rte_cycles.h>
#include <rte_malloc.h>
#include <rte_ring.h>

#include "datapath/backlog.h"
#include "datapath/handoff.h"
#include "datapath/pending.h"

/* ---- making ---- */

static void worker_add_rxqs(struct gremc_worker *worker, const struct gremc_port *port)
{
	for (uint16_t q = 0; q < port->rx_queues; q++) {
		if (port->rx_worker[q] != worker->index || worker->rxq_count == GREMC_WORKER_RXQS)
			continue;
		worker->rxq[worker->rxq_count++] = (struct gremc_rxq){
			.id = port->id,
			.queue = q,
			.port = port->index,
			.vlan = port->vlan,
			.unusual = port->vlan != 0,
			.multicast = port->multicast,
			.pool = port->rx_pool[q],
		};
	}
}

/* A queue of ours, and those who use it beside us. */
static int worker_own_tx_queue(struct gremc_worker *worker, struct gremc_tx *tx,
			       const struct gremc_port *port, uint32_t workers)
{
	const int socket = rte_lcore_to_socket_id(worker->lcore);

	worker->needs_keep_alive |= tx->keep_alive;
	tx->backlog = gremc_backlog_create(true, socket);
	tx->share = port->tx_ring[tx->queue];
	for (uint32_t w = 0; tx->share && w < workers; w++)
		tx->givers += w != worker->index && port->tx_queue[w] == tx->queue;
	if (tx->share)
		worker->share[worker->share_count++] =
			(struct gremc_tx_shared_queue){.ring = tx->share, .port = port->index};
	return tx->backlog ? 0 : -ENOMEM;
}

static int worker_add_tx(struct gremc_worker *worker, const struct gremc_port *port, uint32_t workers)
{
	const uint16_t queue = port->tx_queue[worker->index];
	struct gremc_tx *tx = gremc_tx_create(port, queue, rte_lcore_to_socket_id(worker->lcore));

	worker->tx[port->index] = tx;
	if (tx == NULL)
		return -ENOMEM;
	if (port->tx_worker[queue] != worker->index)
		tx->ring = port->tx_ring[queue];
	return tx->ring ? 0 : worker_own_tx_queue(worker, tx, port, workers);
}

/* The way to the host, as one more port. */
static int worker_add_host(struct gremc_worker *worker, uint16_t port, const struct gremc_ring_sizes *rings)
{
	struct gremc_tx *tx = rte_zmalloc_socket("gremc_tx", sizeof(*tx), RTE_CACHE_LINE_SIZE,
						 rte_lcore_to_socket_id(worker->lcore));

	worker->tx[port] = tx;
	if (tx == NULL || gremc_worker_rings_init(worker, port, rings))
		return -ENOMEM;
	tx->closed = GREMC_TX_DROP_NONE;
	tx->to_host = true;
	tx->max_segments = UINT16_MAX;
	tx->ring = worker->up[GREMC_PUNT_multicast];
	return 0;
}

/* What the others give. */
static int worker_add_handoff_ring(struct gremc_worker *worker, uint32_t workers, uint32_t size)
{
	if (workers > 1)
		worker->relay = gremc_ring_create(size, RING_F_SC_DEQ);
	return workers == 1 || worker->relay ? 0 : -ENOMEM;
}

static struct gremc_worker *worker_create(const struct gremc_ports *ports, uint32_t index)
{
	const struct gremc_worker_place *place = &ports->worker[index];
	struct gremc_worker *worker =
		rte_zmalloc_socket("gremc_worker", sizeof(*worker), RTE_CACHE_LINE_SIZE, place->socket);

	if (worker == NULL)
		return NULL;
	worker->index = index;
	worker->lcore = place->lcore;
	worker->rcu_slot = -1;
	worker->header_pool = place->header_pool;
	worker->header_capacity = place->header_capacity;
	worker->shard_pool = place->shard_pool;
	worker->port_count = ports->count + 1;
	/* workers number their packets in ranges apart, so that two do not give one number at the same time
	 */
	worker->ip_id = index * (UINT16_MAX / GREMC_WORKERS_MAX);
	gremc_idle_reset(&worker->idle);
	worker->stats = gremc_stats_create(place->socket, GREMC_VIFS_MAX, GREMC_MROUTE_IDS_MAX);
	worker->wait = gremc_pending_create(place->socket);
	if (worker->stats == NULL || worker->wait == NULL)
		goto fail;
	for (uint16_t i = 0; i < ports->count; i++) {
		if (ports->port[i] == NULL)
			continue;
		worker_add_rxqs(worker, ports->port[i]);
		if (worker_add_tx(worker, ports->port[i], ports->worker_count))
			goto fail;
	}
	if (worker_add_host(worker, ports->count, &ports->rings) ||
	    worker_add_handoff_ring(worker, ports->worker_count, ports->rings.relay))
		goto fail;
	return worker;
fail:
	rte_free(worker->relay);
	gremc_worker_rings_fini(worker);
	for (uint16_t i = 0; i < worker->port_count; i++)
		gremc_tx_destroy(worker->tx[i]);
	gremc_pending_destroy(worker->wait);
	gremc_stats_destroy(worker->stats);
	rte_free(worker);
	return NULL;
}

void gremc_workers_configure(struct gremc_worker_group *group, const struct gremc_config_settings *settings)
{
	for (uint32_t i = 0; i < group->count; i++) {
		struct gremc_worker *worker = group->worker[i];
		/* a copy must fit behind its headers; pools are not made anew while they are in use */
		uint32_t room = worker->header_capacity - GREMC_L2_MAX - GREMC_ENCAP_HEADER_MAX;
		uint16_t threshold =
			RTE_MIN(room, group->copies ? UINT16_MAX : (uint32_t)settings->copy_threshold);

		__atomic_store_n(&worker->copy_threshold, threshold, __ATOMIC_RELAXED);
		__atomic_store_n(&worker->shard_threshold,
				 worker->shard_pool && settings->shard_threshold ? settings->shard_threshold
										 : UINT32_MAX,
				 __ATOMIC_RELAXED);
		__atomic_store_n(&worker->spread, group->spread && settings->spread, __ATOMIC_RELAXED);
		__atomic_store_n(&worker->tx_retries, settings->tx_retries, __ATOMIC_RELAXED);
		__atomic_store_n(&worker->idle_enabled, settings->idle, __ATOMIC_RELAXED);
		__atomic_store_n(&worker->max_sleep, settings->max_sleep, __ATOMIC_RELAXED);
	}
	if (group->sender)
		__atomic_store_n(&group->sender->tx_retries, settings->tx_retries, __ATOMIC_RELAXED);
}

void gremc_workers_port_down(struct gremc_worker_group *group, uint16_t port, bool down)
{
	for (uint32_t i = 0; i < group->count; i++) {
		struct gremc_worker *worker = group->worker[i];

		for (uint16_t q = 0; q < worker->rxq_count; q++) {
			struct gremc_rxq *rxq = &worker->rxq[q];

			if (rxq->port != port)
				continue;
			__atomic_store_n(&rxq->down, down, __ATOMIC_RELAXED);
			__atomic_store_n(&rxq->unusual, down || rxq->vlan, __ATOMIC_RELAXED);
		}
	}
}

struct gremc_worker_group *gremc_workers_create(const struct gremc_ports *ports,
						const struct gremc_config_settings *settings,
						const struct gremc_vifs *vifs,
						const struct gremc_fanout *fanout, struct gremc_rcu *rcu)
{
	struct gremc_worker_group *group = aligned_alloc(RTE_CACHE_LINE_SIZE, sizeof(*group));

	if (group == NULL)
		return NULL;
	memset(group, 0, sizeof(*group));
	group->spread = ports->spread && ports->worker_count > 1;
	group->copies = true;
	for (uint16_t i = 0; i < ports->count; i++)
		group->copies &= ports->port[i] == NULL || !ports->port[i]->multi_seg;
	group->host_event = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	group->sample = gremc_memory_reserve(GREMC_MROUTE_IDS_MAX, SOCKET_ID_ANY);
	group->wrong_vif =
		gremc_memory_reserve(GREMC_MROUTE_IDS_MAX * sizeof(*group->wrong_vif), SOCKET_ID_ANY);
	if (group->host_event < 0 || group->sample == NULL || group->wrong_vif == NULL)
		goto fail;
	group->host_ip_id =
		UINT16_MAX / 2; /* among the workers' ranges, in the middle of one that is rarely used */
	for (uint32_t i = 0; i < ports->worker_count; i++) {
		struct gremc_worker *worker = worker_create(ports, i);

		if (worker == NULL)
			goto fail;
		group->worker[group->count] = worker;
		group->stats[group->count++] = worker->stats;
		group->stats_count = group->count;
		worker->group = group;
		worker->vifs = gremc_vifs_on_socket(vifs, ports->worker[i].socket);
		worker->fanout = gremc_fanout_at(fanout, ports->worker[i].socket);
		worker->qsbr = gremc_rcu_qsbr(rcu);
		worker->rcu_slot = gremc_rcu_reader_register(rcu);
		if (worker->rcu_slot < 0)
			goto fail;
	}
	if (gremc_host_egress_create(group, ports, gremc_vifs_on_socket(vifs, ports->worker[0].socket)))
		goto fail;
	gremc_workers_configure(group, settings);
	return group;
fail:
	gremc_workers_destroy(group, rcu);
	return NULL;
}

void gremc_workers_destroy(struct gremc_worker_group *group, struct gremc_rcu *rcu)
{
	if (group == NULL)
		return;
	for (uint32_t i = 0; i < group->count; i++) {
		struct gremc_worker *worker = group->worker[i];

		gremc_worker_rings_drain(worker);
		if (worker->rcu_slot >= 0)
			gremc_rcu_reader_unregister(rcu, worker->rcu_slot);
		gremc_worker_rings_fini(worker);
		rte_free(worker->relay);
		for (uint16_t p = 0; p < worker->port_count; p++)
			gremc_tx_destroy(worker->tx[p]);
		gremc_pending_destroy(worker->wait);
		gremc_stats_destroy(worker->stats);
		rte_free(worker);
	}
	gremc_host_egress_destroy(group);
	if (group->host_event >= 0)
		close(group->host_event);
	if (group->sample)
		gremc_memory_release(group->sample, GREMC_MROUTE_IDS_MAX);
	if (group->wrong_vif)
		gremc_memory_release(group->wrong_vif, GREMC_MROUTE_IDS_MAX * sizeof(*group->wrong_vif));
	free(group);
}

/* Why replicas to the port are dropped. */
static enum gremc_transmitter_pending_free port_drop_reason(const struct gremc_port *port)
{
	if (gremc_port_is_closed(port->status))
		return GREMC_TX_DROP_port_down;
	/* Some drivers never report a link: the driver decides until the port has had one. */
	if (port->status != GREMC_PORT_DOWN || port->link_changes == 0 || port->refuses)
		return GREMC_TX_DROP_NONE;
	return GREMC_TX_DROP_link_down;
}

static void worker_port_changed(struct gremc_worker *worker, const struct gremc_port *port)
{
	const enum gremc_transmitter_pending_free closed = port_drop_reason(port);
	struct gremc_tx *tx = worker->tx[port->index];

	/* A number changes while its queues are closed, and is seen before they are open. */
	for (uint16_t i = 0; i < worker->rxq_count; i++) {
		struct gremc_rxq *rxq = &worker->rxq[i];

		if (rxq->port != port->index)
			continue;
		__atomic_store_n(&rxq->id, port->id, __ATOMIC_RELAXED);
		__atomic_store_n(&rxq->closed, gremc_port_is_closed(port->status), __ATOMIC_RELEASE);
	}
	if (tx == NULL)
		return;
	__atomic_store_n(&tx->id, port->id, __ATOMIC_RELAXED);
	__atomic_store_n(&tx->closed, closed, __ATOMIC_RELEASE);
}

void gremc_workers_port_changed(struct gremc_worker_group *group, const struct gremc_port *port)
{
	for (uint32_t i = 0; i < group->count; i++)
		worker_port_changed(group->worker[i], port);
	if (group->sender)
		worker_port_changed(group->sender, port);
}

void gremc_workers_drain(struct gremc_worker_group *group)
{
	for (uint32_t i = 0; i < group->count; i++) {
		struct gremc_worker *worker = group->worker[i];

		gremc_worker_rings_drain(worker);
		gremc_handoff_ring_drop(worker);
		gremc_tx_drop_all(worker);
		gremc_worker_account(worker, NULL);
	}
}

void gremc_workers_stop(struct gremc_worker_group *group)
{
	__atomic_store_n(&group->stop, 1, __ATOMIC_RELEASE);
}

/* ---- accounting ---- */

static void account_egress(struct gremc_worker *worker, struct gremc_totals *totals)
{
	for (uint16_t i = 0; i < worker->port_count; i++) {
		struct gremc_tx *tx = worker->tx[i];

		if (tx == NULL || (tx->sent | tx->lost | tx->queued) == 0)
			continue;
		gremc_counter_add(&totals->sent, tx->sent);
		gremc_counter_add(&totals->tx_bytes, tx->sent_bytes);
		gremc_counter_add(&totals->queued, (uint64_t)(int64_t)(int32_t)tx->queued);
		gremc_counter_add(&totals->ports[i].tx_packets, tx->sent);
		gremc_counter_add(&totals->ports[i].tx_bytes, tx->sent_bytes);
		gremc_counter_add(&totals->ports[i].tx_lost, tx->lost);
		tx->sent = tx->lost = tx->queued = 0;
		tx->sent_bytes = 0;
	}
}

static void account_reasons(uint64_t *into, uint32_t *from, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		if (from[i] == 0)
			continue;
		gremc_counter_add(&into[i], from[i]);
		from[i] = 0;
	}
}

/* What went to the control thread and came from it. */
static void account_host(struct gremc_worker *worker, struct gremc_totals *totals)
{
	account_reasons(totals->punted, worker->punted, GREMC_PUNT_COUNT);
	gremc_counter_add(&totals->injected, worker->injected);
	worker->injected = 0;
}

static unsigned burst_size_bucket(uint32_t n)
{
	return n == 0 ? 0 : 32 - __builtin_clz(n);
}

void gremc_worker_account(struct gremc_worker *worker, const struct gremc_rxq *rxq)
{
	struct gremc_totals *totals = &worker->stats->totals;
	struct gremc_burst *burst = &worker->burst;

	/* what it points to is not ours any more when the burst is over */
	worker->run.like = 0;
	if (unlikely(burst->punted_any))
		gremc_punt_flush(worker);
	if (burst->done_count) {
		rte_pktmbuf_free_bulk(burst->done, burst->done_count);
		burst->done_count = 0;
	}
	gremc_stats_write_begin(worker->stats);
	if (rxq) {
		gremc_counter_add(&totals->rx_packets, worker->rx_packets);
		gremc_counter_add(&totals->rx_bytes, worker->rx_bytes);
		gremc_counter_add(&totals->ports[rxq->port].rx_packets, worker->rx_packets);
		gremc_counter_add(&totals->ports[rxq->port].rx_bytes, worker->rx_bytes);
		gremc_counter_add(&totals->bursts[burst_size_bucket(worker->rx_packets)], 1);
		worker->rx_packets = 0;
		worker->rx_bytes = 0;
	}
	gremc_counter_add(&totals->forwarded, worker->forwarded);
	gremc_counter_add(&totals->wanted, worker->wanted);
	if (unlikely(worker->relayed)) {
		gremc_counter_add(&totals->relayed, (uint64_t)(int64_t)(int32_t)worker->relayed);
		worker->relayed = 0;
	}
	worker->forwarded = worker->wanted = 0;
	if (unlikely(worker->wake_host || worker->injected))
		account_host(worker, totals);
	account_egress(worker, totals);
	if (worker->dropped_any)
		account_reasons(totals->drops, worker->drop, GREMC_DROP_COUNT);
	if (worker->lost_any) {
		account_reasons(totals->losses, worker->loss, GREMC_TX_DROP_COUNT);
		if (likely(worker->wait != NULL)) /* the sender waits for nobody */
			gremc_pending_account(worker, totals);
	}
	worker->dropped_any = worker->lost_any = false;
	gremc_stats_write_end(worker->stats);
}

/* ---- running ---- */

void gremc_worker_forward(struct gremc_worker *worker, const struct gremc_rxq *rxq)
{
	gremc_stage_classify(worker, rxq);
	gremc_stage_decap(worker, rxq);
	if (unlikely(__atomic_load_n(&worker->spread, __ATOMIC_RELAXED)))
		gremc_stage_software_rss(worker);
	gremc_stage_lookup(worker);
	gremc_stage_replicate(worker);
	gremc_stage_tx(worker);
	gremc_worker_account(worker, rxq);
}

uint32_t gremc_worker_poll(struct gremc_worker *worker, const struct gremc_rxq *rxq)
{
	uint32_t n = gremc_stage_rx(worker, rxq);

	if (n > 0)
		gremc_worker_forward(worker, rxq);
	return n;
}

/* Forward what others gave, send what they handed over. Returns how many packets that were. */
static uint32_t worker_poll_rings(struct gremc_worker *worker)
{
	uint32_t relayed = gremc_handoff_poll(worker), n = gremc_tx_shared_poll(worker);

	if (n)
		gremc_worker_account(worker, NULL);
	return relayed + n;
}

/* One more attempt to send what ports have not taken yet. Returns how many packets were sent or lost. */
static uint32_t worker_poll_backlogs(struct gremc_worker *worker)
{
	uint32_t n = gremc_backlogs_send(worker);

	if (n)
		gremc_worker_account(worker, NULL);
	return n;
}

/* One turn at the end, where there may be more threads than CPUs. Returns what serve_others() does. */
static uint32_t worker_poll_shutdown(struct gremc_worker *worker)
{
	uint32_t n = worker_poll_rings(worker);

	if (worker->holds)
		worker_poll_backlogs(worker);
	rte_rcu_qsbr_quiescent(worker->qsbr, worker->rcu_slot);
	if (unlikely(worker->needs_keep_alive))
		gremc_tx_keep_alive(worker, rte_rdtsc());
	if (n == 0)
		sched_yield();
	return n;
}

/* Until every worker has come so far, somebody may still count on us: then take what they had given before.
 */
static void shutdown_step_run(struct gremc_worker *worker, enum gremc_shutdown_step step, uint64_t until)
{
	uint32_t *ended = &worker->group->ended[step];

	__atomic_add_fetch(ended, 1, __ATOMIC_ACQ_REL);
	while (__atomic_load_n(ended, __ATOMIC_ACQUIRE) < worker->group->count && rte_rdtsc() < until)
		worker_poll_shutdown(worker);
	while (worker_poll_shutdown(worker) > 0 && rte_rdtsc() < until)
		;
}

/* Three generations: flows that others have received, shards of them, and replicas for our transmit queues.
 * What is not done in time is lost, or left to gremc_workers_drain(). */
static void worker_shutdown(struct gremc_worker *worker)
{
	const uint64_t until = rte_rdtsc() + rte_get_tsc_hz() / MS_PER_S * GREMC_SHUTDOWN_MS;

	while (gremc_stage_inject(worker) > 0 && rte_rdtsc() < until)
		;
	for (enum gremc_shutdown_step step = 0; step < GREMC_SHUTDOWN_COUNT; step++)
		shutdown_step_run(worker, step, until);
	while (worker->holds && rte_rdtsc() < until)
		worker_poll_shutdown(worker);
	gremc_backlogs_drop(worker);
	gremc_pending_drop_all(worker);
	rte_pktmbuf_free_bulk(worker->header, worker->header_count);
	worker->header_count = 0;
}

#define WINDOW_SECONDS 10

/* The longest time between two quiescent states, since the start and lately. */
static void iteration_account(struct gremc_worker *worker, uint64_t start, uint64_t end)
{
	struct gremc_totals *totals = &worker->stats->totals;
	const uint64_t cycles = end - start;
	const bool next = end - worker->window > WINDOW_SECONDS * rte_get_tsc_hz();

	if (likely(cycles <= worker->window_longest && !next))
		return;
	gremc_stats_write_begin(worker->stats);
	if (next) {
		worker->window = end;
		__atomic_store_n(&totals->longest_before, worker->window_longest, __ATOMIC_RELAXED);
		worker->window_longest = 0;
	}
	worker->window_longest = RTE_MAX(worker->window_longest, cycles);
	__atomic_store_n(&totals->longest_now, worker->window_longest, __ATOMIC_RELAXED);
	__atomic_store_n(&totals->longest, RTE_MAX(totals->longest, cycles), __ATOMIC_RELAXED);
	gremc_stats_write_end(worker->stats);
}

void gremc_worker_run(struct gremc_worker *worker)
{
	const struct gremc_worker_group *group = worker->group;
	struct gremc_totals *totals = &worker->stats->totals;
	uint64_t start, end;
	uint32_t n;

	/* Sleeps of microseconds, not of the 50 that a thread is given by default. */
	prctl(PR_SET_TIMERSLACK, 1000UL);
	gremc_role_register(GREMC_ROLE_WORKER);
	rte_rcu_qsbr_thread_online(worker->qsbr, worker->rcu_slot);
	start = rte_rdtsc();
	worker->window = start;
	while (!__atomic_load_n(&group->stop, __ATOMIC_RELAXED)) {
		/* first of all, so that nothing overtakes what has waited */
		n = unlikely(worker->waits) ? gremc_pending_poll(worker) : 0;
		for (uint16_t i = 0; i < worker->rxq_count; i++) {
			n += gremc_worker_poll(worker, &worker->rxq[i]);
			if (unlikely(worker->needs_keep_alive))
				gremc_tx_keep_alive(worker, rte_rdtsc());
		}
		n += gremc_stage_inject(worker);
		n += worker_poll_rings(worker);
		if (unlikely(worker->holds))
			n += worker_poll_backlogs(worker);
		if (unlikely(worker->wake_host))
			gremc_punt_wake(worker);
		rte_rcu_qsbr_quiescent(worker->qsbr, worker->rcu_slot);
		end = rte_rdtsc();
		iteration_account(worker, start, end);
		if (n) {
			gremc_stats_write_begin(worker->stats);
			gremc_counter_add(&totals->busy_cycles, end - start);
			gremc_stats_write_end(worker->stats);
			gremc_idle_reset(&worker->idle);
		} else {
			gremc_idle_wait(worker);
		}
		if (unlikely(worker->needs_keep_alive))
			gremc_tx_keep_alive(worker, end);
		start = n ? end : rte_rdtsc();
	}
	worker_shutdown(worker);
	rte_rcu_qsbr_thread_offline(worker->qsbr, worker->rcu_slot);
	gremc_role_unregister(GREMC_ROLE_WORKER);
}
