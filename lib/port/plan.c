/* SPDX-License-Identifier: BSD-3-Clause */
/* The size of each pool: all mbufs that its holders can hold at one time, and a reserve.
 *
 * Holders are the descriptors of every device of a port (each member of a bond has its own), the rings
 * between lcores, the caches of all lcores that free mbufs of the pool, the packets that wait for a next hop,
 * and the bursts in process. Two holders never release their mbufs: an idle lcore does not flush its cache,
 * and an idle device keeps the mbufs that it has sent. So a pool that is smaller than its holders can run
 * empty for ever.
 *
 * When memory is short, the rings, the caches and the reserve shrink in levels, and the pools with them. At
 * each level a pool is larger than its holders. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <rte_mbuf.h>

#include "port/port_priv.h"

/* Sizes at level 0; each level halves them, down to a minimum. */
#define TX_RING         4096u
#define TX_RING_ALL     131072u /* of all workers' header pools together */
#define TX_RING_MINIMUM 128u
#define HANDOFF         2048u  /* of one worker */
#define HANDOFF_ALL     16384u /* of all workers together */
#define HANDOFF_MINIMUM 64u
#define INJECT          1024u
#define INJECT_MINIMUM  256u /* more than one read from the kernel brings */
#define PUNT_MINIMUM    32u
#define PUNT_UNUSED     2u /* more levels without a host path at the start */
#define RESERVE         1024u
#define RESERVE_MINIMUM 256u /* more than a refill of a driver */

#define CACHE         256u  /* of one lcore; more than a burst of 64 */
#define CACHE_ALL     4096u /* mbufs in the caches of all lcores together */
#define CACHE_MINIMUM 16u

/* Packets of a queue that a driver with bulk receive holds back. */
#define RX_STAGED 64u
/* mbufs of one pool that the control thread processes. */
#define CONTROL_HOLDS 256u

/* The punt rings of one worker, by class, at level 0. */
static const uint32_t punt_ring_sizes[] = {
	[GREMC_PUNT_neighbor] = 256,  [GREMC_PUNT_control] = 2048, /* 100 ms of 20,000 reports a second */
	[GREMC_PUNT_keepalive] = 512, /* 70 ms of 65,536 tunnels with a keepalive every ten seconds */
	[GREMC_PUNT_tcp] = 2048,      /* 10 ms of TCP at 2 Gbit/s, while other threads have the CPU */
	[GREMC_PUNT_traffic] = 1024,  [GREMC_PUNT_gre] = 256,
	[GREMC_PUNT_other] = 256,     [GREMC_PUNT_multicast] = 512,
};
static_assert(RTE_DIM(punt_ring_sizes) == GREMC_PUNT_COUNT, "each class has a size");

/* ---- rings and caches ---- */

static uint32_t size_at_level(uint32_t size, unsigned level, uint32_t least)
{
	return RTE_MAX(size >> level, least);
}

static void ring_sizes_at_level(struct gremc_ring_sizes *rings, uint16_t workers, bool host_path,
				unsigned level)
{
	uint32_t handoff = RTE_MIN(HANDOFF, rte_align32prevpow2(HANDOFF_ALL / workers));
	uint32_t tx = RTE_MIN(TX_RING, rte_align32prevpow2(TX_RING_ALL / workers));

	*rings = (struct gremc_ring_sizes){0};
	rings->tx = size_at_level(tx, level, TX_RING_MINIMUM);
	rings->relay = size_at_level(handoff, level, HANDOFF_MINIMUM);
	rings->down = size_at_level(INJECT, level, INJECT_MINIMUM);
	for (unsigned class = 0; class < GREMC_PUNT_COUNT; class ++)
		rings->up[class] = size_at_level(punt_ring_sizes[class],
						 host_path ? level : level + PUNT_UNUSED, PUNT_MINIMUM);
}

void gremc_ring_sizes_init(struct gremc_ring_sizes *rings, uint16_t workers)
{
	ring_sizes_at_level(rings, workers, true, 0);
}

/* Returns the cache size of each lcore for a pool that `lcores` use; the last level has no caches. */
static uint32_t pool_cache_size(uint32_t lcores, unsigned level)
{
	uint32_t size = rte_align32prevpow2(CACHE_ALL / GREMC_CACHE_HOLDS(1) / lcores);

	if (level + 1 == GREMC_POOL_LEVELS)
		return 0;
	return size_at_level(RTE_MIN(size, CACHE), level, CACHE_MINIMUM);
}

/* ---- holders ---- */

/* The holders of mbufs of one pool. */
struct holders {
	const struct gremc_port_set *set;
	const struct gremc_ring_sizes *rings;
	bool handles[GREMC_WORKERS_MAX]; /* workers that process packets of the pool */
	bool frees[GREMC_WORKERS_MAX];   /* workers that free them: also the owners of TX queues */
	uint32_t mbufs;
};

static uint32_t holders_count(const struct holders *holders, const bool *which)
{
	uint32_t count = 0;

	for (uint16_t w = 0; w < holders->set->ports.worker_count; w++)
		count += which[w];
	return count;
}

static void holders_add_worker(struct holders *holders, uint16_t worker)
{
	holders->handles[worker] = holders->frees[worker] = true;
}

static void holders_add_all_workers(struct holders *holders)
{
	for (uint16_t w = 0; w < holders->set->ports.worker_count; w++)
		holders_add_worker(holders, w);
}

/* Returns the descriptors of all lower devices. Drivers may round up to a power of two. */
static uint32_t port_descriptors(const struct gremc_port_state *state, uint16_t count)
{
	return rte_align32pow2(count) * RTE_MAX(state->lower_count, 1);
}

static uint32_t tx_descriptors_held(const struct gremc_port_state *state, const struct gremc_port *port)
{
	return state->copies ? 0 : port_descriptors(state, port->tx_descriptors);
}

static void holders_add_tx_queue(struct holders *holders, const struct gremc_port *port, uint16_t queue)
{
	const struct gremc_port_set *set = holders->set;
	bool used = false, handed_over = false;

	for (uint16_t w = 0; w < set->ports.worker_count; w++) {
		if (!holders->handles[w] || port->tx_queue[w] != queue)
			continue;
		used = true;
		handed_over |= port->tx_worker[queue] != w;
	}
	if (!used)
		return;
	holders->frees[port->tx_worker[queue]] = true;
	/* the device, and the owner's backlog of packets that the device does not accept */
	holders->mbufs += tx_descriptors_held(&set->state[port->index], port) + GREMC_TX_HELD_MAX;
	if (handed_over) /* the ring, and the packets that its owner has dequeued */
		holders->mbufs += holders->rings->tx + GREMC_WORK_MBUFS + GREMC_TX_MBUFS;
}

/* Add the packets in process, and those in the TX queues of the workers. All workers are added before. */
static void holders_add_in_flight(struct holders *holders)
{
	const struct gremc_ports *ports = &holders->set->ports;
	uint32_t outlets = 1; /* the host, then each port */

	for (uint16_t i = 0; i < ports->count; i++) {
		const struct gremc_port *port = ports->port[i];

		outlets += port != NULL;
		for (uint16_t q = 0; port && q < port->tx_queues; q++)
			holders_add_tx_queue(holders, port, q);
	}
	holders->mbufs += holders_count(holders, holders->handles) *
			  (GREMC_WORK_MBUFS + GREMC_PENDING_MBUFS + outlets * GREMC_TX_MBUFS);
}

/* Add the punt rings: of packets of any class, or of replicas to the host's vif only. A reload may add a host
 * path, so they count without one, too. */
static void holders_add_punt_rings(struct holders *holders, bool any_class)
{
	uint32_t size = 0;

	for (unsigned class = 0; class < GREMC_PUNT_COUNT; class ++)
		if (any_class || class == GREMC_PUNT_multicast)
			size += holders->rings->up[class];
	holders->mbufs += holders_count(holders, holders->handles) * size + CONTROL_HOLDS;
}

/* Add the handoff rings. */
static void holders_add_handoff_rings(struct holders *holders)
{
	holders->mbufs += holders->set->ports.worker_count * holders->rings->relay;
}

/* The pool's size and cache follow from its holders. */
static void pool_plan_finish(const struct holders *holders, unsigned level, struct gremc_pool_plan *plan)
{
	/* the control thread frees punted mbufs on the main lcore */
	uint32_t lcores = holders_count(holders, holders->frees) + 1;

	plan->cache = pool_cache_size(lcores, level);
	plan->count = holders->mbufs + lcores * GREMC_CACHE_HOLDS(plan->cache) +
		      size_at_level(RESERVE, level, RESERVE_MINIMUM);
}

/* ---- the pools ---- */

/* Returns the most segments of a received packet with a header in front. */
static uint32_t frame_max_segments(const struct gremc_port_state *state)
{
	return (state->planned_mtu + GREMC_PORT_HEADERS + state->rx_capacity - 1) / state->rx_capacity;
}

/* A header mbuf is small when payloads are chained behind it. It has the size of a packet when a port
 * transmits single segments only, or fewer than a received packet may have with a header in front: then
 * replicas are copies. */
uint32_t gremc_ports_header_capacity(const struct gremc_port_set *set)
{
	uint32_t largest_mtu = 0, segments = 1, capacity = set->config->settings.copy_threshold;
	bool copies = false;

	for (uint16_t i = 0; i < set->ports.count; i++) {
		const struct gremc_port_state *state = &set->state[i];

		if (set->ports.port[i] == NULL)
			continue;
		largest_mtu = RTE_MAX(largest_mtu, state->planned_mtu);
		segments = RTE_MAX(segments, frame_max_segments(state));
	}
	for (uint16_t i = 0; i < set->ports.count; i++) {
		const struct gremc_port *port = set->ports.port[i];

		if (port && (!port->multi_seg || (port->max_segments && port->max_segments < 1 + segments)))
			copies = true;
	}
	if (copies)
		capacity = RTE_MAX(capacity, largest_mtu);
	return RTE_MIN(RTE_ALIGN(capacity + GREMC_PORT_HEADERS, RTE_CACHE_LINE_SIZE),
		       (uint32_t)GREMC_PORT_RX_CAPACITY_MAX);
}

uint16_t gremc_port_rx_pool_owner(const struct gremc_port_set *set, const struct gremc_port *port,
				  uint16_t queue)
{
	int node = gremc_port_node(port, &set->ports.worker[port->rx_worker[queue]]);

	if (!set->ports.spread || set->state[port->index].umem)
		return queue;
	for (uint16_t q = 0; q < queue; q++)
		if (gremc_port_node(port, &set->ports.worker[port->rx_worker[q]]) == node)
			return q;
	return queue;
}

uint16_t gremc_ports_split_pool_owner(const struct gremc_port_set *set, uint16_t worker)
{
	for (uint16_t w = 0; w < worker; w++)
		if (set->ports.worker[w].socket == set->ports.worker[worker].socket)
			return w;
	return worker;
}

/* Plan the pool of one queue. With software RSS all queues on a node share a pool: any worker may hold
 * packets of each pool, so fewer pools have to be sized for all workers. */
static void pool_plan_rx(struct gremc_port_set *set, struct gremc_port *port, uint16_t queue,
			 const struct gremc_ring_sizes *rings, unsigned level, struct gremc_pool_plan *plan)
{
	const struct gremc_port_state *state = &set->state[port->index];
	struct holders holders = {.set = set, .rings = rings};

	for (uint16_t q = queue; q < port->rx_queues; q++) {
		if (gremc_port_rx_pool_owner(set, port, q) != queue)
			continue;
		holders_add_worker(&holders, port->rx_worker[q]);
		holders.mbufs += port_descriptors(state, port->rx_descriptors) +
				 RX_STAGED * RTE_MAX(state->lower_count, 1);
	}
	if (set->ports.spread) {
		holders_add_all_workers(&holders);
		holders_add_handoff_rings(&holders);
	}
	holders_add_in_flight(&holders);
	holders_add_punt_rings(&holders, true);
	holders.mbufs += holders_count(&holders, holders.handles) * GREMC_REASSEMBLY_MBUFS;
	if (state->umem) {
		holders.mbufs += GREMC_PORT_UMEM_HELD;
		if (queue < port->tx_queues) /* the driver copies transmitted packets into this pool */
			holders.frees[port->tx_worker[queue]] = true;
	}
	snprintf(plan->name, sizeof(plan->name), "rx_%s_%u", port->name, queue);
	plan->data_room = RTE_PKTMBUF_HEADROOM + state->rx_capacity;
	plan->socket = gremc_port_node(port, &set->ports.worker[port->rx_worker[queue]]);
	plan->pool = &port->rx_pool[queue];
	pool_plan_finish(&holders, level, plan);
}

static void pool_plan_headers(struct gremc_port_set *set, uint16_t w, const struct gremc_ring_sizes *rings,
			      unsigned level, struct gremc_pool_plan *plan)
{
	struct gremc_worker_place *worker = &set->ports.worker[w];
	struct holders holders = {.set = set, .rings = rings};

	worker->header_capacity = gremc_ports_header_capacity(set);
	holders_add_worker(&holders, w);
	holders_add_in_flight(&holders);
	holders_add_punt_rings(&holders, false);
	holders.mbufs += GREMC_FRAGMENT_MBUFS;
	snprintf(plan->name, sizeof(plan->name), "hdr_%u", worker->lcore);
	plan->data_room = RTE_PKTMBUF_HEADROOM + worker->header_capacity;
	plan->socket = worker->socket;
	plan->pool = &worker->header_pool;
	pool_plan_finish(&holders, level, plan);
}

/* Plan the pool of payload copies for an OIL split, one copy for each packet and worker. The workers of a
 * node share it. With copies from RX pools, each RX pool would have to be sized for all workers. */
static void pool_plan_split(struct gremc_port_set *set, uint16_t w, const struct gremc_ring_sizes *rings,
			    unsigned level, struct gremc_pool_plan *plan)
{
	struct gremc_worker_place *worker = &set->ports.worker[w];
	struct holders holders = {.set = set, .rings = rings};
	uint32_t largest_mtu = 0, largest_capacity = 0;

	for (uint16_t i = 0; i < set->ports.count; i++) {
		if (set->ports.port[i] == NULL)
			continue;
		largest_mtu = RTE_MAX(largest_mtu, (uint32_t)set->state[i].planned_mtu);
		largest_capacity = RTE_MAX(largest_capacity, set->state[i].rx_capacity);
	}
	holders_add_all_workers(&holders);
	holders_add_handoff_rings(&holders);
	holders_add_in_flight(&holders);
	holders_add_punt_rings(&holders, false);
	snprintf(plan->name, sizeof(plan->name), "shards_%u", worker->lcore);
	plan->data_room = RTE_PKTMBUF_HEADROOM +
			  RTE_MIN(RTE_ALIGN(largest_mtu, (uint32_t)RTE_CACHE_LINE_SIZE), largest_capacity);
	plan->socket = worker->socket;
	plan->pool = &worker->shard_pool;
	pool_plan_finish(&holders, level, plan);
}

/* Plan the pool of packets of the host. The control thread transmits them by its own queues, or worker 0
 * does. */
static void pool_plan_host(struct gremc_port_set *set, const struct gremc_ring_sizes *rings, unsigned level,
			   struct gremc_pool_plan *plan)
{
	struct holders holders = {.set = set, .rings = rings};
	uint32_t mtu = 0;

	for (uint16_t i = 0; i < set->ports.count; i++)
		if (set->ports.port[i])
			mtu = RTE_MAX(mtu, (uint32_t)set->state[i].planned_mtu);
	set->ports.host_capacity = RTE_ALIGN(mtu + GREMC_PORT_HEADERS, RTE_CACHE_LINE_SIZE);
	snprintf(plan->name, sizeof(plan->name), "host");
	plan->data_room = RTE_PKTMBUF_HEADROOM + set->ports.host_capacity;
	plan->socket = set->ports.worker[0].socket;
	plan->pool = &set->ports.host_pool;
	holders_add_worker(&holders, 0);
	holders_add_in_flight(&holders);
	holders_add_punt_rings(&holders, true);
	holders.mbufs += rings->down + CONTROL_HOLDS;
	for (uint16_t i = 0; i < set->ports.count; i++)
		if (set->ports.port[i] && set->ports.port[i]->host_tx)
			holders.mbufs += tx_descriptors_held(&set->state[i], set->ports.port[i]) +
					 GREMC_TX_HELD_MAX + GREMC_TX_MBUFS;
	pool_plan_finish(&holders, level, plan);
}

/* Returns the largest possible number of pools. */
static unsigned pool_plans_max(const struct gremc_port_set *set)
{
	unsigned count = 2 * set->ports.worker_count + 1;

	for (uint16_t i = 0; i < set->ports.count; i++)
		count += set->ports.port[i] ? set->ports.port[i]->rx_queues : 0;
	return count;
}

int gremc_pool_plans_init(struct gremc_pool_plans *plans, struct gremc_port_set *set, unsigned level)
{
	struct gremc_pool_plan *plan = calloc(pool_plans_max(set), sizeof(*plan));

	*plans = (struct gremc_pool_plans){.plan = plan};
	if (plan == NULL)
		return -ENOMEM;
	ring_sizes_at_level(&plans->rings, set->ports.worker_count, gremc_port_has_host_path(set->config),
			    level);
	for (uint16_t i = 0; i < set->ports.count; i++) {
		struct gremc_port *port = set->ports.port[i];

		for (uint16_t q = 0; port && q < port->rx_queues; q++)
			if (gremc_port_rx_pool_owner(set, port, q) == q)
				pool_plan_rx(set, port, q, &plans->rings, level, plan++);
	}
	for (uint16_t w = 0; w < set->ports.worker_count; w++) {
		pool_plan_headers(set, w, &plans->rings, level, plan++);
		if (set->ports.shards && gremc_ports_split_pool_owner(set, w) == w)
			pool_plan_split(set, w, &plans->rings, level, plan++);
	}
	pool_plan_host(set, &plans->rings, level, plan++);
	plans->count = plan - plans->plan;
	return 0;
}

void gremc_pool_plans_fini(struct gremc_pool_plans *plans)
{
	free(plans->plan);
}

/* Count objects, the ring of pointers to them, and a cache for each possible lcore. */
uint64_t gremc_pool_plans_bytes(const struct gremc_pool_plans *plans)
{
	uint64_t bytes = 0;

	for (unsigned i = 0; i < plans->count; i++) {
		const struct gremc_pool_plan *plan = &plans->plan[i];

		bytes += (uint64_t)plan->count *
			 rte_mempool_calc_obj_size(sizeof(struct rte_mbuf) + plan->data_room, 0, NULL);
		bytes += rte_align32pow2(plan->count + 1) * sizeof(void *);
		if (plan->cache > 0)
			bytes += RTE_MAX_LCORE *
				 (2 * RTE_MEMPOOL_CACHE_MAX_SIZE * sizeof(void *) + 2 * RTE_CACHE_LINE_SIZE);
	}
	return bytes;
}
