/* SPDX-License-Identifier: BSD-3-Clause */
/* The mbuf pools: one for each RX queue on the port's node, one of header mbufs for each worker on its node.
 *
 * A pool is as large as all that can hold its mbufs at one time, so that it never runs dry while memory is
 * there. When it is not, all pools shrink alike, and it is said. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <rte_eal.h>
#include <rte_malloc.h>

#include "port/port_priv.h"

/* A cache gives back to its pool when it holds half more than its size. */
#define CACHE_HOLDS     (GREMC_PORT_POOL_CACHE * 3 / 2)
#define FULL_SCALE      10000u /* all that is wanted */
#define MEBIBYTE        ((size_t)1 << 20)
#define RESERVE_MAXIMUM (256 * MEBIBYTE)

struct pool_plan {
	char name[RTE_MEMPOOL_NAMESIZE];
	uint32_t wanted, least;
	uint16_t data_room; /* with headroom */
	int socket;
	struct rte_mempool **pool;
};

struct pool_plans {
	struct pool_plan *plan;
	unsigned count;
};

/* ---- sizes ---- */

static uint32_t in_flight_of_port(const struct gremc_port_set *set, const struct gremc_port *port,
				  uint16_t worker)
{
	uint16_t queue = port->tx_queue[worker];
	uint32_t held = set->state[port->index].copies ? 0 : port->tx_descriptors;

	held += GREMC_TX_HELD_MAX;
	if (port->tx_worker[queue] != worker)
		held += GREMC_PORT_RING_SIZE + CACHE_HOLDS; /* the owner frees into its own cache */
	return held;
}

uint32_t gremc_port_in_flight(const struct gremc_port_set *set, uint16_t worker)
{
	uint32_t total = 0;

	for (uint16_t i = 0; i < set->ports.count; i++)
		if (set->ports.port[i])
			total += in_flight_of_port(set, set->ports.port[i], worker);
	return total;
}

/* Small when payloads are chained behind headers. When a port takes single-segment packets only, or fewer
 * segments than a received packet may have with a header in front, its replicas are whole copies. */
uint32_t gremc_port_header_room(const struct gremc_port_set *set)
{
	uint32_t largest_mtu = 0, segments = 1, room = set->config->settings.copy_threshold;
	bool copies = false;

	for (uint16_t i = 0; i < set->ports.count; i++) {
		const struct gremc_port_state *state = &set->state[i];
		uint32_t frame = state->wanted_mtu + GREMC_PORT_HEADERS;

		if (set->ports.port[i] == NULL)
			continue;
		largest_mtu = RTE_MAX(largest_mtu, state->wanted_mtu);
		segments = RTE_MAX(segments, (frame + state->room - 1) / state->room);
	}
	for (uint16_t i = 0; i < set->ports.count; i++) {
		const struct gremc_port *port = set->ports.port[i];

		if (port && (!port->multi_seg || (port->max_segments && port->max_segments < 1 + segments)))
			copies = true;
	}
	if (copies)
		room = RTE_MAX(room, largest_mtu);
	return RTE_MIN(RTE_ALIGN(room + GREMC_PORT_HEADERS, RTE_CACHE_LINE_SIZE),
		       (uint32_t)GREMC_PORT_ROOM_MAXIMUM);
}

static void plan_rx(const struct gremc_port_set *set, struct gremc_port *port, struct pool_plans *plans)
{
	bool host = gremc_port_has_host_path(set->config);

	for (uint16_t q = 0; q < port->rx_queues; q++) {
		struct pool_plan *plan = &plans->plan[plans->count++];
		uint16_t worker = port->rx_worker[q];

		snprintf(plan->name, sizeof(plan->name), "rx_%s_%u", port->name, q);
		plan->least = port->rx_descriptors + GREMC_PORT_POOL_MINIMUM;
		plan->wanted = port->rx_descriptors + GREMC_PORT_POOL_SLACK + CACHE_HOLDS + GREMC_WAIT_MBUFS +
			       gremc_port_in_flight(set, worker) + (host ? GREMC_PORT_HOST_UP : 0);
		if (set->ports.worker_count > 1)
			plan->wanted += GREMC_RELAY_SIZE + CACHE_HOLDS; /* freed into the others' caches */
		if (set->state[port->index].umem) {
			plan->least += GREMC_PORT_UMEM_HOLDS;
			plan->wanted += GREMC_PORT_UMEM_HOLDS;
		}
		plan->data_room = RTE_PKTMBUF_HEADROOM + set->state[port->index].room;
		plan->socket = gremc_port_node(port, &set->ports.worker[worker]);
		plan->pool = &port->rx_pool[q];
	}
}

static void plan_headers(struct gremc_port_set *set, struct pool_plans *plans)
{
	uint32_t room = gremc_port_header_room(set);

	for (uint16_t w = 0; w < set->ports.worker_count; w++) {
		struct gremc_worker_place *worker = &set->ports.worker[w];
		struct pool_plan *plan = &plans->plan[plans->count++];

		worker->header_room = room;
		snprintf(plan->name, sizeof(plan->name), "hdr_%u", worker->lcore);
		plan->least = 2 * GREMC_PORT_POOL_MINIMUM;
		plan->wanted =
			GREMC_PORT_POOL_SLACK + CACHE_HOLDS + GREMC_WAIT_MBUFS + gremc_port_in_flight(set, w);
		plan->data_room = RTE_PKTMBUF_HEADROOM + room;
		plan->socket = worker->socket;
		plan->pool = &worker->header_pool;
	}
}

/* The control thread sends what is made of these, or the first worker for it: they lie in its queues. */
static void plan_host(struct gremc_port_set *set, struct pool_plans *plans)
{
	struct pool_plan *plan = &plans->plan[plans->count++];
	uint32_t mtu = 0;

	for (uint16_t i = 0; i < set->ports.count; i++)
		if (set->ports.port[i])
			mtu = RTE_MAX(mtu, (uint32_t)set->state[i].wanted_mtu);
	set->ports.host_room = RTE_ALIGN(mtu + GREMC_PORT_HEADERS, RTE_CACHE_LINE_SIZE);
	snprintf(plan->name, sizeof(plan->name), "host");
	plan->least = GREMC_PORT_POOL_MINIMUM;
	plan->wanted = plan->least;
	if (gremc_port_has_host_path(set->config))
		plan->wanted += GREMC_PORT_HOST_DOWN + CACHE_HOLDS + gremc_port_in_flight(set, 0);
	plan->data_room = RTE_PKTMBUF_HEADROOM + set->ports.host_room;
	plan->socket = set->ports.worker[0].socket;
	plan->pool = &set->ports.host_pool;
}

static int plan_all(struct gremc_port_set *set, struct pool_plans *plans)
{
	unsigned count = set->ports.worker_count + 1;

	for (uint16_t i = 0; i < set->ports.count; i++)
		count += set->ports.port[i] ? set->ports.port[i]->rx_queues : 0;
	*plans = (struct pool_plans){.plan = calloc(count, sizeof(*plans->plan))};
	if (plans->plan == NULL)
		return -ENOMEM;
	for (uint16_t i = 0; i < set->ports.count; i++)
		if (set->ports.port[i])
			plan_rx(set, set->ports.port[i], plans);
	plan_headers(set, plans);
	plan_host(set, plans);
	return 0;
}

static uint32_t shrunk(const struct pool_plan *plan, uint32_t scale)
{
	return RTE_MAX((uint32_t)((uint64_t)plan->wanted * scale / FULL_SCALE), plan->least);
}

/* About: objects, the ring of pointers to them, and a cache for each lcore that could be. */
static uint64_t bytes_of(const struct pool_plans *plans, uint32_t scale)
{
	uint64_t bytes = 0;

	for (unsigned i = 0; i < plans->count; i++) {
		const struct pool_plan *plan = &plans->plan[i];
		uint32_t count = shrunk(plan, scale);

		bytes += (uint64_t)count *
			 rte_mempool_calc_obj_size(sizeof(struct rte_mbuf) + plan->data_room, 0, NULL);
		bytes += rte_align32pow2(count + 1) * sizeof(void *) +
			 RTE_MAX_LCORE * sizeof(struct rte_mempool_cache);
	}
	return bytes;
}

static unsigned mebibytes(const struct pool_plans *plans, uint32_t scale)
{
	return bytes_of(plans, scale) / MEBIBYTE + 1;
}

static size_t free_bytes(void)
{
	struct rte_malloc_socket_stats stats;
	size_t bytes = 0;

	for (int node = 0; node < RTE_MAX_NUMA_NODES; node++)
		if (rte_malloc_get_socket_stats(node, &stats) == 0)
			bytes += stats.heap_freesz_bytes;
	return bytes;
}

/* ---- making them ---- */

/* Both are said of memory: there is none, or not for the last of the mbufs. */
static bool is_no_memory(int error)
{
	return error == ENOMEM || error == ENOBUFS;
}

static struct rte_mempool *create(const struct pool_plan *plan, uint32_t count)
{
	uint32_t cache = RTE_MIN(GREMC_PORT_POOL_CACHE, count / 4);
	struct rte_mempool *pool =
		rte_pktmbuf_pool_create(plan->name, count, cache, 0, plan->data_room, plan->socket);

	/* Another node's memory is slow, none at all is worse; the audit says it. */
	if (pool == NULL && is_no_memory(rte_errno))
		pool = rte_pktmbuf_pool_create(plan->name, count, cache, 0, plan->data_room, SOCKET_ID_ANY);
	return pool;
}

static void free_all(const struct pool_plans *plans)
{
	for (unsigned i = 0; i < plans->count; i++) {
		rte_mempool_free(*plans->plan[i].pool);
		*plans->plan[i].pool = NULL;
	}
}

/* All pools, or none. */
static int create_all(const struct pool_plans *plans, uint32_t scale)
{
	int error;

	/* Without huge pages the EAL's memory does not grow: do not begin what cannot end. */
	if (!rte_eal_has_hugepages() && bytes_of(plans, scale) > free_bytes())
		return -ENOMEM;
	for (unsigned i = 0; i < plans->count; i++) {
		const struct pool_plan *plan = &plans->plan[i];

		*plan->pool = create(plan, shrunk(plan, scale));
		if (*plan->pool)
			continue;
		error = is_no_memory(rte_errno) ? ENOMEM : rte_errno;
		free_all(plans);
		return -error;
	}
	return 0;
}

static bool can_shrink(const struct pool_plans *plans, uint32_t scale)
{
	for (unsigned i = 0; i < plans->count; i++)
		if (shrunk(&plans->plan[i], scale) > plans->plan[i].least)
			return true;
	return false;
}

static void warn_shrunk(const struct pool_plans *plans, uint32_t scale)
{
	GREMC_LOG(
		WARNING,
		"memory is short: the mbuf pools got %u MiB of the %u MiB wanted; bursts larger than they hold lose packets; "
		"give the EAL %u MiB more (-m or --socket-mem)",
		mebibytes(plans, scale), mebibytes(plans, FULL_SCALE),
		mebibytes(plans, FULL_SCALE) - mebibytes(plans, scale));
	for (unsigned i = 0; i < plans->count; i++)
		if (shrunk(&plans->plan[i], scale) < plans->plan[i].wanted)
			GREMC_LOG(WARNING, "pool %s: %u mbufs of %u wanted", plans->plan[i].name,
				  shrunk(&plans->plan[i], scale), plans->plan[i].wanted);
}

/* An eighth of what is free is not for pools but for what comes later: descriptor rings, the LACP pools of
 * bonds (whose driver panics when it gets none), tables. Held while pools are made. */
static void *hold_reserve(void)
{
	return rte_malloc("gremc_reserve", RTE_MIN(free_bytes() / 8, RESERVE_MAXIMUM), 0);
}

static int make_pools(struct gremc_port_set *set)
{
	struct pool_plans plans;
	uint32_t scale = FULL_SCALE;
	void *reserve;
	int ret = plan_all(set, &plans);

	if (ret) {
		gremc_errors_add(set->errors, NULL, 0, 0, "no memory to plan the mbuf pools");
		return ret;
	}
	reserve = hold_reserve();
	for (;;) {
		ret = create_all(&plans, scale);
		if (ret != -ENOMEM || !can_shrink(&plans, scale))
			break;
		scale = scale * 7 / 8;
	}
	rte_free(reserve);
	if (ret == -ENOMEM)
		gremc_errors_add(
			set->errors, NULL, 0, 0,
			"no memory for the mbuf pools: %u MiB are wanted, %u MiB and an eighth for other things are the "
			"least; give the EAL more (-m or --socket-mem)",
			mebibytes(&plans, FULL_SCALE), mebibytes(&plans, scale));
	else if (ret)
		gremc_errors_add(set->errors, NULL, 0, 0, "the mbuf pools cannot be made: %s",
				 rte_strerror(-ret));
	else if (scale < FULL_SCALE)
		warn_shrunk(&plans, scale);
	free(plans.plan);
	return ret;
}

int gremc_port_equip(struct gremc_port_set *set)
{
	int ret;

	do {
		ret = make_pools(set);
		if (ret)
			return ret;
		ret = gremc_port_queues_setup(set);
		if (ret == -EAGAIN)
			gremc_port_pools_free(set);
	} while (ret == -EAGAIN);
	return ret;
}

/* ---- the end ---- */

void gremc_port_pools_free(struct gremc_port_set *set)
{
	for (uint16_t i = 0; i < set->ports.count; i++) {
		struct gremc_port *port = set->ports.port[i];

		for (uint16_t q = 0; port && q < port->rx_queues; q++) {
			rte_mempool_free(port->rx_pool[q]);
			port->rx_pool[q] = NULL;
		}
	}
	for (uint16_t w = 0; w < set->ports.worker_count; w++) {
		rte_mempool_free(set->ports.worker[w].header_pool);
		set->ports.worker[w].header_pool = NULL;
	}
	rte_mempool_free(set->ports.host_pool);
	set->ports.host_pool = NULL;
}

unsigned gremc_port_pool_missing(const struct rte_mempool *pool)
{
	unsigned available = pool ? rte_mempool_avail_count(pool) : 0;

	if (pool == NULL || available >= pool->size)
		return 0;
	GREMC_LOG(ERR, "pool %s lacks %u of its %u mbufs: somebody never gave them back", pool->name,
		  pool->size - available, pool->size);
	return pool->size - available;
}
