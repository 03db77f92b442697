/* SPDX-License-Identifier: BSD-3-Clause */
/* The life of the workers, and the changes that the control thread makes while they run. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <rte_malloc.h>
#include <rte_random.h>

#include "base/assert.h"
#include "datapath/backlog.h"
#include "datapath/datapath.h"
#include "datapath/handoff.h"
#include "datapath/host_egress.h"
#include "datapath/idle.h"
#include "datapath/keepalive.h"
#include "datapath/pending.h"
#include "datapath/reassembly.h"
#include "datapath/tx.h"

#define PUNT_SAMPLE_BYTES (GREMC_MROUTE_IDS_MAX * sizeof(gremc_atomic_bool))
#define WRONG_VIF_BYTES   (GREMC_MROUTE_IDS_MAX * sizeof(gremc_atomic_u32))
#define KEEPALIVE_BYTES   (GREMC_VIFS_MAX * GREMC_KEEPALIVE_KINDS * sizeof(gremc_atomic_u32))

/* ---- one worker ---- */

static void worker_add_rxqs(struct gremc_worker *worker, const struct gremc_port *port)
{
	for (uint16_t q = 0; q < port->rx_queues; q++) {
		if (port->rx_worker[q] != worker->index || worker->rxq_count == GREMC_WORKER_QUEUES_MAX)
			continue;
		worker->rxq[worker->rxq_count++] = (struct gremc_rxq){
			.id = {port->id},
			.queue = q,
			.port = port->index,
			.vlan = port->vlan,
			.slow_path = {port->vlan != 0},
			.multicast = port->multicast,
			.pool = port->rx_pool[q],
		};
	}
}

/* Own a TX queue, which other workers may use by a ring. */
static int worker_own_tx_queue(struct gremc_worker *worker, struct gremc_tx *tx,
			       const struct gremc_port *port, uint32_t workers)
{
	struct gremc_egress *egress = &worker->egress;

	egress->needs_keep_alive |= tx->keep_alive;
	tx->backlog = gremc_backlog_create(GREMC_BACKLOG_POLLED, rte_lcore_to_socket_id(worker->lcore));
	tx->shared = port->tx_ring[tx->queue];
	for (uint32_t w = 0; tx->shared && w < workers; w++)
		tx->sharers += w != worker->index && port->tx_queue[w] == tx->queue;
	if (tx->shared)
		egress->shared[egress->shared_count++] =
			(struct gremc_tx_shared_queue){.ring = tx->shared, .port = port->index};
	return tx->backlog ? 0 : -ENOMEM;
}

static int worker_add_tx(struct gremc_worker *worker, const struct gremc_port *port, uint32_t workers)
{
	const uint16_t queue = port->tx_queue[worker->index];
	struct gremc_tx *tx = gremc_tx_create(port, queue, rte_lcore_to_socket_id(worker->lcore));

	worker->egress.tx[port->index] = tx;
	if (tx == NULL)
		return -ENOMEM;
	if (port->tx_worker[queue] != worker->index)
		tx->ring = port->tx_ring[queue];
	return tx->ring ? 0 : worker_own_tx_queue(worker, tx, port, workers);
}

/* Add the way to the host, as one more port. */
static int worker_add_host(struct gremc_worker *worker, uint16_t port, const struct gremc_ring_sizes *rings)
{
	struct gremc_tx *tx = gremc_tx_create(NULL, 0, rte_lcore_to_socket_id(worker->lcore));

	worker->egress.tx[port] = tx;
	if (tx == NULL || gremc_worker_rings_init(worker, port, rings))
		return -ENOMEM;
	tx->to_host = true;
	tx->ring = worker->punt_ring[GREMC_PUNT_multicast];
	return 0;
}

static int worker_add_handoff_ring(struct gremc_worker *worker, uint32_t workers, uint32_t size)
{
	if (workers > 1)
		worker->handoff_ring = gremc_ring_create(size, RING_F_SC_DEQ);
	return workers == 1 || worker->handoff_ring ? 0 : -ENOMEM;
}

static void worker_destroy(struct gremc_worker *worker)
{
	gremc_worker_rings_fini(worker);
	rte_free(worker->handoff_ring);
	for (uint16_t i = 0; i < worker->egress.port_count; i++)
		gremc_tx_destroy(worker->egress.tx[i]);
	gremc_pending_destroy(worker->pending);
	gremc_reassembly_destroy(worker->reassembly);
	gremc_ids_fini(&worker->ids);
	gremc_stats_destroy(worker->stats);
	rte_free(worker);
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
	worker->split_pool = place->shard_pool;
	worker->egress.port_count = ports->count + 1;
	gremc_idle_reset(&worker->idle);
	worker->stats = gremc_stats_create(place->socket, GREMC_VIFS_MAX, GREMC_MROUTE_IDS_MAX);
	worker->egress.stats = worker->stats;
	worker->pending = gremc_pending_create(place->socket);
	worker->reassembly = gremc_reassembly_create(place->socket);
	if (worker->stats == NULL || worker->pending == NULL || worker->reassembly == NULL)
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
	worker_destroy(worker);
	return NULL;
}

/* ---- changes while the workers run ---- */

void gremc_workers_configure(struct gremc_worker_group *group, const struct gremc_config_settings *settings)
{
	for (uint32_t i = 0; i < group->count; i++) {
		struct gremc_worker *worker = group->worker[i];
		/* a copy must fit behind its headers; the pool of the running worker does not change */
		uint32_t capacity = worker->header_capacity - GREMC_L2_MAX - GREMC_ENCAP_HEADER_MAX;
		uint16_t threshold =
			RTE_MIN(capacity, group->copy_only ? UINT16_MAX : (uint32_t)settings->copy_threshold);

		gremc_u16_store(&worker->copy_threshold, threshold);
		gremc_u32_store(&worker->split_threshold, worker->split_pool && settings->shard_threshold
								  ? settings->shard_threshold
								  : UINT32_MAX);
		gremc_bool_store(&worker->software_rss, group->software_rss && settings->spread);
		gremc_u16_store(&worker->egress.tx_retries, settings->tx_retries);
		gremc_bool_store(&worker->reassembles, settings->reassemble);
		gremc_bool_store(&worker->sleep_when_idle, settings->idle);
		gremc_u32_store(&worker->max_sleep, settings->max_sleep);
	}
	if (group->host_egress)
		gremc_u16_store(&group->host_egress->tx_retries, settings->tx_retries);
}

void gremc_workers_port_down(struct gremc_worker_group *group, uint16_t port, bool down)
{
	for (uint32_t i = 0; i < group->count; i++) {
		struct gremc_worker *worker = group->worker[i];

		for (uint16_t q = 0; q < worker->rxq_count; q++) {
			struct gremc_rxq *rxq = &worker->rxq[q];

			if (rxq->port != port)
				continue;
			gremc_bool_store(&rxq->down, down);
			gremc_bool_store(&rxq->slow_path, down || rxq->vlan);
		}
	}
}

/* ---- the group ---- */

struct gremc_worker_group *gremc_workers_create(const struct gremc_ports *ports,
						const struct gremc_config_settings *settings,
						const struct gremc_vifs *vifs,
						const struct gremc_fanout *fanout, struct gremc_rcu *rcu)
{
	struct gremc_worker_group *group = aligned_alloc(RTE_CACHE_LINE_SIZE, sizeof(*group));
	const uint64_t id_seed = rte_rand();

	if (group == NULL)
		return NULL;
	memset(group, 0, sizeof(*group));
	group->software_rss = ports->spread && ports->worker_count > 1;
	group->copy_only = true;
	for (uint16_t i = 0; i < ports->count; i++)
		group->copy_only &= ports->port[i] == NULL || !ports->port[i]->multi_seg;
	group->host_event = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	group->punt_sample = gremc_memory_reserve(PUNT_SAMPLE_BYTES, SOCKET_ID_ANY);
	group->wrong_vif_time = gremc_memory_reserve(WRONG_VIF_BYTES, SOCKET_ID_ANY);
	group->keepalive_time = gremc_memory_reserve(KEEPALIVE_BYTES, SOCKET_ID_ANY);
	group->id_counters = gremc_id_counters_create();
	if (group->host_event < 0 || group->punt_sample == NULL || group->wrong_vif_time == NULL ||
	    group->keepalive_time == NULL || group->id_counters == NULL ||
	    gremc_ids_init(&group->host_ids, group->id_counters, id_seed, SOCKET_ID_ANY))
		goto fail;
	for (uint32_t i = 0; i < ports->worker_count; i++) {
		struct gremc_worker *worker = worker_create(ports, i);

		if (worker == NULL)
			goto fail;
		group->worker[group->count] = worker;
		group->stats[group->count++] = worker->stats;
		group->stats_count = group->count;
		worker->group = group;
		worker->vifs = gremc_vifs_on_socket(vifs, ports->worker[i].socket);
		worker->egress.vifs = worker->vifs;
		worker->fanout = gremc_fanout_at(fanout, ports->worker[i].socket);
		worker->qsbr = gremc_rcu_qsbr(rcu);
		worker->rcu_slot = gremc_rcu_reader_register(rcu);
		if (worker->rcu_slot < 0 ||
		    gremc_ids_init(&worker->ids, group->id_counters, id_seed, ports->worker[i].socket))
			goto fail;
	}
	if (gremc_host_egress_create(ports, gremc_vifs_on_socket(vifs, ports->worker[0].socket),
				     &group->host_egress))
		goto fail;
	if (group->host_egress)
		group->stats[group->stats_count++] = group->host_egress->stats;
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
		worker_destroy(worker);
	}
	gremc_host_egress_destroy(group->host_egress);
	if (group->host_event >= 0)
		close(group->host_event);
	if (group->punt_sample)
		gremc_memory_release(group->punt_sample, PUNT_SAMPLE_BYTES);
	if (group->wrong_vif_time)
		gremc_memory_release(group->wrong_vif_time, WRONG_VIF_BYTES);
	if (group->keepalive_time)
		gremc_memory_release(group->keepalive_time, KEEPALIVE_BYTES);
	gremc_ids_fini(&group->host_ids);
	gremc_id_counters_destroy(group->id_counters);
	free(group);
}

/* Why replicas to the port are dropped. */
static enum gremc_tx_drop port_drop_reason(const struct gremc_port *port)
{
	if (gremc_port_is_closed(gremc_port_status_get(port)))
		return GREMC_TX_DROP_port_down;
	/* Some drivers never report a link: the driver decides until the port has had one. */
	if (gremc_port_status_get(port) != GREMC_PORT_DOWN || port->link_changes == 0 ||
	    port->rejects_without_link)
		return GREMC_TX_DROP_NONE;
	return GREMC_TX_DROP_link_down;
}

static void rxq_set_device(struct gremc_rxq *rxq, uint16_t id, bool closed)
{
	gremc_u16_store(&rxq->id, id);
	/* release: a worker that sees the queue open sees its device */
	gremc_bool_store_release(&rxq->closed, closed);
}

static void worker_port_changed(struct gremc_worker *worker, const struct gremc_port *port)
{
	for (uint16_t i = 0; i < worker->rxq_count; i++)
		if (worker->rxq[i].port == port->index)
			rxq_set_device(&worker->rxq[i], port->id,
				       gremc_port_is_closed(gremc_port_status_get(port)));
	if (worker->egress.tx[port->index])
		gremc_tx_set_device(worker->egress.tx[port->index], port->id, port_drop_reason(port));
}

void gremc_workers_port_changed(struct gremc_worker_group *group, const struct gremc_port *port)
{
	gremc_assert_control_thread();
	for (uint32_t i = 0; i < group->count; i++)
		worker_port_changed(group->worker[i], port);
	if (group->host_egress && group->host_egress->tx[port->index])
		gremc_tx_set_device(group->host_egress->tx[port->index], port->id, port_drop_reason(port));
}

void gremc_workers_punt_sample(struct gremc_worker_group *group, uint32_t mroute_id)
{
	gremc_assert_control_thread();
	gremc_assert(mroute_id < GREMC_MROUTE_IDS_MAX);
	gremc_bool_store(&group->punt_sample[mroute_id], true);
}

void gremc_workers_drain(struct gremc_worker_group *group)
{
	for (uint32_t i = 0; i < group->count; i++) {
		struct gremc_worker *worker = group->worker[i];

		gremc_worker_rings_drain(worker);
		gremc_handoff_ring_drop(worker);
		gremc_tx_drop_all(&worker->egress);
		gremc_worker_account(worker, NULL);
	}
}

void gremc_workers_stop(struct gremc_worker_group *group)
{
	gremc_bool_store(&group->stop, true);
}
