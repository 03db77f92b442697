/* SPDX-License-Identifier: BSD-3-Clause */
/* The mbuf pools: of each RX queue on the port's node, of headers and of OIL splits on the workers' nodes,
 * and one of packets of the host. They are created as plan.c plans them, at the first level with sufficient
 * memory. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <rte_eal.h>
#include <rte_malloc.h>

#include "port/port_priv.h"

#define MEBIBYTE        ((size_t)1 << 20)
#define RESERVE_MAXIMUM (256 * MEBIBYTE)
#define WARNINGS_MAX    8 /* pools that the log names when memory is short */

static unsigned plans_mebibytes(const struct gremc_pool_plans *plans)
{
	return gremc_pool_plans_bytes(plans) / MEBIBYTE + 1;
}

static size_t eal_free_bytes(void)
{
	struct rte_malloc_socket_stats stats;
	size_t bytes = 0;

	for (int node = 0; node < RTE_MAX_NUMA_NODES; node++)
		if (rte_malloc_get_socket_stats(node, &stats) == 0)
			bytes += stats.heap_freesz_bytes;
	return bytes;
}

/* ---- create ---- */

/* ENOBUFS: memory ended before the last mbuf. */
static bool errno_is_no_memory(int error)
{
	return error == ENOMEM || error == ENOBUFS;
}

static struct rte_mempool *pool_create(const struct gremc_pool_plan *plan)
{
	uint32_t cache = GREMC_MEMPOOL_CACHE(plan->cache);
	struct rte_mempool *pool =
		rte_pktmbuf_pool_create(plan->name, plan->count, cache, 0, plan->data_room, plan->socket);

	/* memory of another node is slower; numa.c logs it */
	if (pool == NULL && errno_is_no_memory(rte_errno))
		pool = rte_pktmbuf_pool_create(plan->name, plan->count, cache, 0, plan->data_room,
					       SOCKET_ID_ANY);
	return pool;
}

static void planned_pools_free(const struct gremc_pool_plans *plans)
{
	for (unsigned i = 0; i < plans->count; i++) {
		rte_mempool_free(*plans->plan[i].pool);
		*plans->plan[i].pool = NULL;
	}
}

/* Create all pools or none. Returns 0 or a negative errno. */
static int planned_pools_create(const struct gremc_pool_plans *plans)
{
	int error;

	/* without huge pages the EAL's memory cannot grow */
	if (!rte_eal_has_hugepages() && gremc_pool_plans_bytes(plans) > eal_free_bytes())
		return -ENOMEM;
	for (unsigned i = 0; i < plans->count; i++) {
		const struct gremc_pool_plan *plan = &plans->plan[i];

		*plan->pool = pool_create(plan);
		if (*plan->pool)
			continue;
		error = errno_is_no_memory(rte_errno) ? ENOMEM : rte_errno;
		planned_pools_free(plans);
		return -error;
	}
	return 0;
}

static void pools_shrunk_warn(const struct gremc_pool_plans *plans, const struct gremc_pool_plans *full)
{
	unsigned most = RTE_MIN(plans->count, (unsigned)WARNINGS_MAX);

	GREMC_LOG(
		WARNING,
		"memory is short: the mbuf pools have %u MiB instead of %u MiB; bursts that exceed them or the rings lose "
		"packets; give the EAL %u MiB more (-m or --socket-mem)",
		plans_mebibytes(plans), plans_mebibytes(full),
		plans_mebibytes(full) - plans_mebibytes(plans));
	for (unsigned i = 0; i < most; i++)
		GREMC_LOG(WARNING, "pool %s: %u mbufs instead of %u", plans->plan[i].name,
			  plans->plan[i].count, full->plan[i].count);
	if (plans->count > most)
		GREMC_LOG(WARNING, "and %u more pools", plans->count - most);
}

/* Reserve an eighth of the free memory while pools are created: descriptor rings, the LACP pools of bonds
 * (whose driver panics without memory) and tables follow later. */
static void *reserve_alloc(void)
{
	return rte_malloc("gremc_memory_reserve", RTE_MIN(eal_free_bytes() / 8, RESERVE_MAXIMUM), 0);
}

/* Set the pools of queues and workers that share one with the first of them. */
static void pools_share(struct gremc_port_set *set)
{
	for (uint16_t i = 0; i < set->ports.count; i++) {
		struct gremc_port *port = set->ports.port[i];

		for (uint16_t q = 0; port && q < port->rx_queues; q++)
			port->rx_pool[q] = port->rx_pool[gremc_port_rx_pool_owner(set, port, q)];
	}
	for (uint16_t w = 0; w < set->ports.worker_count; w++)
		set->ports.worker[w].shard_pool =
			set->ports.worker[gremc_ports_split_pool_owner(set, w)].shard_pool;
}

/* Create the pools at the first level with sufficient memory. *plans: of this level, or of the last one.
 * Returns 0 or a negative errno. */
static int pools_create_at_level(struct gremc_port_set *set, struct gremc_pool_plans *plans)
{
	int ret = -ENOMEM;

	for (unsigned level = 0; level < GREMC_POOL_LEVELS && ret == -ENOMEM; level++) {
		gremc_pool_plans_fini(plans);
		ret = gremc_pool_plans_init(plans, set, level);
		if (ret == 0)
			ret = planned_pools_create(plans);
	}
	if (ret == 0)
		set->ports.rings = plans->rings;
	return ret;
}

static int pools_plan_and_create(struct gremc_port_set *set)
{
	struct gremc_pool_plans full, plans = {0};
	void *reserve;
	int ret;

	if (gremc_pool_plans_init(&full, set, 0)) {
		gremc_errors_add(set->errors, NULL, 0, 0, "no memory to plan the mbuf pools");
		return -ENOMEM;
	}
	reserve = reserve_alloc();
	ret = pools_create_at_level(set, &plans);
	rte_free(reserve);
	if (ret == -ENOMEM)
		gremc_errors_add(
			set->errors, NULL, 0, 0,
			"no memory for the mbuf pools: they need %u MiB, and at least %u MiB and an eighth for other "
			"users; give the EAL more (-m or --socket-mem)",
			plans_mebibytes(&full), plans_mebibytes(&plans));
	else if (ret)
		gremc_errors_add(set->errors, NULL, 0, 0, "cannot create the mbuf pools: %s",
				 rte_strerror(-ret));
	else if (plans_mebibytes(&plans) < plans_mebibytes(&full))
		pools_shrunk_warn(&plans, &full);
	if (ret == 0)
		pools_share(set);
	gremc_pool_plans_fini(&plans);
	gremc_pool_plans_fini(&full);
	return ret;
}

int gremc_ports_memory_setup(struct gremc_port_set *set)
{
	int ret;

	do {
		ret = pools_plan_and_create(set);
		if (ret)
			return ret;
		ret = gremc_ports_queues_setup(set);
		if (ret == -EAGAIN)
			gremc_ports_pools_free(set);
	} while (ret == -EAGAIN);
	return ret ? ret : gremc_ports_tx_rings_create(set);
}

/* ---- free ---- */

void gremc_ports_pools_free(struct gremc_port_set *set)
{
	for (uint16_t i = 0; i < set->ports.count; i++) {
		struct gremc_port *port = set->ports.port[i];

		for (uint16_t q = port ? port->rx_queues : 0; q-- > 0; port->rx_pool[q] = NULL)
			if (gremc_port_rx_pool_owner(set, port, q) == q)
				rte_mempool_free(port->rx_pool[q]);
	}
	for (uint16_t w = set->ports.worker_count; w-- > 0;) {
		struct gremc_worker_place *worker = &set->ports.worker[w];

		if (gremc_ports_split_pool_owner(set, w) == w)
			rte_mempool_free(worker->shard_pool);
		rte_mempool_free(worker->header_pool);
		worker->shard_pool = worker->header_pool = NULL;
	}
	rte_mempool_free(set->ports.host_pool);
	set->ports.host_pool = NULL;
}

unsigned gremc_pool_missing(const struct rte_mempool *pool)
{
	unsigned available = pool ? rte_mempool_avail_count(pool) : 0;

	if (pool == NULL || available >= pool->size)
		return 0;
	GREMC_LOG(ERR, "pool %s lacks %u of its %u mbufs: they have not been freed", pool->name,
		  pool->size - available, pool->size);
	return pool->size - available;
}

unsigned gremc_ports_pools_missing(const struct gremc_port_set *set)
{
	unsigned missing = gremc_pool_missing(set->ports.host_pool);

	for (uint16_t i = 0; i < set->ports.count; i++) {
		const struct gremc_port *port = set->ports.port[i];

		for (uint16_t q = 0; port && q < port->rx_queues; q++)
			if (!set->state[i].umem && gremc_port_rx_pool_owner(set, port, q) == q)
				missing += gremc_pool_missing(port->rx_pool[q]);
	}
	for (uint16_t w = 0; w < set->ports.worker_count; w++) {
		missing += gremc_pool_missing(set->ports.worker[w].header_pool);
		if (gremc_ports_split_pool_owner(set, w) == w)
			missing += gremc_pool_missing(set->ports.worker[w].shard_pool);
	}
	return missing;
}
