/* SPDX-License-Identifier: BSD-3-Clause */
/* Idle caches, rings and descriptors never hold all mbufs of a pool. The tests check this for many planned
 * sets of ports at every memory level, and for the pools and rings of open ports. */
#include "base/annotate.h"
#include "datapath/datapath.h"
#include "port_world.h"

/* ---- the places that mbufs of a pool can reach ----
 *
 * A model that is independent of the plan: it follows an mbuf step by step from its allocation. */

enum kind { RX, HEADER, SHARD, HOST };

/* One pool of a set. */
struct pool {
	enum kind kind;
	uint16_t port, queue; /* RX: the first queue */
	uint16_t worker;      /* HEADER */
	uint32_t count, cache;
};

struct reach {
	const struct gremc_port_set *set;
	const struct gremc_ring_sizes *rings;
	const struct pool *pool;
	bool worker[GREMC_WORKERS_MAX]; /* processes mbufs of the pool */
	bool lcore[GREMC_WORKERS_MAX];  /* has a cache with mbufs of the pool */
	uint64_t mbufs;                 /* the capacity of all reached places */
};

/* Returns the larger of two capacities of a cache: one and a half times its size, or, from DPDK 26.07 on, its
 * size, which is twice as large then. */
static uint32_t cache_capacity(uint32_t size)
{
	return RTE_MAX(size * 3 / 2, size * 2);
}

static void worker_reach(struct reach *reach, uint16_t w);

static void handoff_rings_reach(struct reach *reach)
{
	for (uint16_t w = 0; w < reach->set->ports.worker_count; w++)
		worker_reach(reach, w);
}

/* Reach a worker: its burst, copies, header buffers, pending packets and transmit buffers. */
static void worker_reach(struct reach *reach, uint16_t w)
{
	const struct gremc_ports *all = &reach->set->ports;
	bool any = reach->pool->kind == SHARD || (reach->pool->kind == RX && all->spread);

	if (reach->worker[w])
		return;
	reach->worker[w] = reach->lcore[w] = true;
	reach->mbufs += 3 * GREMC_BURST + GREMC_PENDING_MBUFS;
	for (uint16_t i = 0; i < all->count; i++)
		reach->mbufs += all->port[i] ? 2 * GREMC_BURST : 0;
	reach->mbufs += 2 * GREMC_BURST; /* to the host */
	for (unsigned class = 0; class < GREMC_PUNT_COUNT; class ++)
		if (reach->pool->kind == RX || reach->pool->kind == HOST || class == GREMC_PUNT_multicast)
			reach->mbufs += reach->rings->up[class];
	if (any) {
		reach->mbufs += reach->rings->relay; /* the ring that others fill */
		handoff_rings_reach(reach);
	}
}

static uint32_t lower_descriptors(const struct gremc_port_set *set, const struct gremc_port *port,
				  uint32_t descriptors)
{
	return descriptors * set->state[port->index].lower_count;
}

/* Reach the TX queues of a port that the reached workers use. */
static void tx_queues_reach(struct reach *reach, const struct gremc_port *port)
{
	const struct gremc_port_set *set = reach->set;

	for (uint16_t q = 0; q < port->tx_queues; q++) {
		bool direct = false, ring = false;

		for (uint16_t w = 0; w < set->ports.worker_count; w++) {
			direct |= reach->worker[w] && port->tx_queue[w] == q && port->tx_worker[q] == w;
			ring |= reach->worker[w] && port->tx_queue[w] == q && port->tx_worker[q] != w;
		}
		if (ring)
			reach->mbufs += reach->rings->tx + GREMC_BURST;
		if (!direct && !ring)
			continue;
		reach->lcore[port->tx_worker[q]] = true;
		reach->mbufs += GREMC_TX_HELD_MAX; /* the backlog */
		if (!set->state[port->index].copies)
			reach->mbufs += lower_descriptors(set, port, port->tx_descriptors);
	}
}

/* Returns the number of mbufs that can be outside of a pool at one time. */
static uint64_t worst_case_count(const struct gremc_port_set *set, const struct gremc_ring_sizes *rings,
				 const struct pool *pool)
{
	struct reach reach = {.set = set, .rings = rings, .pool = pool};
	const struct gremc_ports *all = &set->ports;
	uint32_t caches = 1; /* the control thread, on the main lcore */

	for (uint16_t w = 0; w < all->worker_count; w++)
		if (pool->kind == SHARD || (pool->kind == HEADER && pool->worker == w) ||
		    (pool->kind == HOST && w == 0))
			worker_reach(&reach, w);
	for (uint16_t i = 0; i < all->count; i++) {
		const struct gremc_port *port = all->port[i];

		for (uint16_t q = 0; pool->kind == RX && i == pool->port && q < port->rx_queues; q++) {
			if (gremc_port_rx_pool_owner(set, port, q) != pool->queue)
				continue;
			reach.mbufs += lower_descriptors(set, port, port->rx_descriptors);
			worker_reach(&reach, port->rx_worker[q]);
		}
		if (pool->kind == HOST && port && port->host_tx)
			reach.mbufs +=
				2 * GREMC_BURST + GREMC_TX_HELD_MAX +
				(set->state[i].copies ? 0
						      : lower_descriptors(set, port, port->tx_descriptors));
	}
	for (uint16_t i = 0; i < all->count; i++)
		if (all->port[i])
			tx_queues_reach(&reach, all->port[i]);
	if (pool->kind == RX && set->state[pool->port].umem)
		reach.mbufs += GREMC_PORT_UMEM_HELD;
	if (pool->kind == HOST)
		reach.mbufs += rings->down;
	reach.mbufs += 2 * GREMC_BURST; /* the control thread */
	for (uint16_t w = 0; w < all->worker_count; w++)
		caches += reach.lcore[w];
	return reach.mbufs + (uint64_t)caches * cache_capacity(pool->cache);
}

/* Even then the pool has a driver's refill or a burst. */
static void pool_check(const struct gremc_port_set *set, const struct gremc_ring_sizes *rings,
		       const struct pool *pool, const char *name)
{
	uint64_t away = worst_case_count(set, rings, pool);

	if (pool->count < away + 2 * GREMC_BURST)
		fail_msg("%s: %u mbufs, %lu can be away (workers %u, spread %d, cache %u)", name, pool->count,
			 away, set->ports.worker_count, set->ports.spread, pool->cache);
}

/* ---- plans ---- */

struct pool_scenario {
	unsigned workers, ports, rx_queues, tx_queues, wires, descriptors;
	bool spread, shards, host, copies, nodes;
};

static struct gremc_port_set *pool_set_make(const struct pool_scenario *pool_scenario)
{
	struct gremc_port_set *set = calloc(1, sizeof(*set));

	config.port_count = pool_scenario->ports;
	set->config = &config;
	set->ports.count = pool_scenario->ports;
	set->ports.worker_count = pool_scenario->workers;
	set->ports.spread = pool_scenario->spread && pool_scenario->workers > 1;
	set->ports.shards = pool_scenario->shards && pool_scenario->workers > 1;
	for (unsigned w = 0; w < pool_scenario->workers; w++)
		set->ports.worker[w] = (struct gremc_worker_place){
			.lcore = w + 1, .socket = pool_scenario->nodes ? w % 2 : 0};
	for (unsigned i = 0; i < pool_scenario->ports; i++) {
		struct gremc_port *port = calloc(1, sizeof(*port));

		set->ports.port[i] = port;
		ports[i].host = pool_scenario->host;
		snprintf(port->name, sizeof(port->name), "p%u", i);
		port->index = i;
		port->socket = pool_scenario->nodes ? SOCKET_ID_ANY : 0;
		port->rx_queues = pool_scenario->rx_queues;
		port->tx_queues = RTE_MIN(pool_scenario->tx_queues, pool_scenario->workers);
		port->host_tx = pool_scenario->host && pool_scenario->tx_queues > pool_scenario->workers;
		port->rx_descriptors = port->tx_descriptors = pool_scenario->descriptors;
		port->multi_seg = true;
		set->state[i] = (struct gremc_port_state){.planned_mtu = 1500,
							  .rx_capacity = GREMC_PORT_RX_CAPACITY_MIN,
							  .lower_count = pool_scenario->wires,
							  .copies = pool_scenario->copies};
	}
	gremc_port_queues_assign(&set->ports);
	return set;
}

static void pool_set_free(struct gremc_port_set *set)
{
	for (unsigned i = 0; i < set->ports.count; i++)
		free(set->ports.port[i]);
	free(set);
}

/* Returns the pool of the set that a plan is for. */
static struct pool plan_pool_find(const struct gremc_port_set *set, const struct gremc_pool_plan *plan)
{
	struct pool pool = {.kind = HOST, .count = plan->count, .cache = plan->cache};

	for (uint16_t w = 0; w < set->ports.worker_count; w++) {
		if (plan->pool == &set->ports.worker[w].header_pool) {
			pool.kind = HEADER;
			pool.worker = w;
		} else if (plan->pool == &set->ports.worker[w].shard_pool) {
			pool.kind = SHARD;
		}
	}
	for (uint16_t i = 0; i < set->ports.count; i++) {
		struct gremc_port *port = set->ports.port[i];

		for (uint16_t q = 0; q < port->rx_queues; q++)
			if (plan->pool == &port->rx_pool[q])
				pool = (struct pool){RX, i, q, 0, plan->count, plan->cache};
	}
	return pool;
}

/* Check a scenario at all levels. Returns the memory of the smallest pools. */
static uint64_t plan_levels_check(const struct pool_scenario *pool_scenario)
{
	struct gremc_port_set *set = pool_set_make(pool_scenario);
	uint64_t bytes = UINT64_MAX;

	for (unsigned level = 0; level < GREMC_POOL_LEVELS; level++) {
		struct gremc_pool_plans plans;

		assert_int_equal(gremc_pool_plans_init(&plans, set, level), 0);
		for (unsigned i = 0; i < plans.count; i++) {
			struct pool pool = plan_pool_find(set, &plans.plan[i]);

			pool_check(set, &plans.rings, &pool, plans.plan[i].name);
			assert_true(GREMC_MEMPOOL_CACHE(pool.cache) <= RTE_MEMPOOL_CACHE_MAX_SIZE);
		}
		assert_true(gremc_pool_plans_bytes(&plans) < bytes);
		bytes = gremc_pool_plans_bytes(&plans);
		gremc_pool_plans_fini(&plans);
	}
	pool_set_free(set);
	return bytes;
}

/* Combinations of workers, ports, queues, members of bonds, software RSS, OIL split, host path, drivers that
 * copy and NUMA nodes. */
static void test_plans_hold_the_worst_case(void **state)
{
	static const unsigned workers[] = {1, 2, 3, 14, 28, GREMC_WORKERS_MAX}, ports_of[] = {1, 2, 5},
			      queues[] = {1, 3, 28, 129}, wires[] = {1, 4}, descriptors[] = {64, 1000};
	/* every 29th combination covers all pairs in a short time; builds for AddressSanitizer are slow */
#ifdef GREMC_ASAN
	const unsigned step = 29 * 8;
#else
	const unsigned step = 29;
#endif
	unsigned checked = 0;

	RTE_SET_USED(state);
	for (unsigned code = 0; code < 6 * 3 * 4 * 4 * 2 * 2 * 32; code++) {
		unsigned rest = code / 32;
		struct pool_scenario pool_scenario = {.spread = code & 1,
						      .shards = code & 2,
						      .host = code & 4,
						      .copies = code & 8,
						      .nodes = code & 16};

		pool_scenario.workers = workers[rest % 6];
		pool_scenario.ports = ports_of[rest / 6 % 3];
		pool_scenario.rx_queues = RTE_MIN(queues[rest / 18 % 4], GREMC_QUEUES_MAX);
		pool_scenario.tx_queues = queues[rest / 72 % 4];
		pool_scenario.wires = wires[rest / 288 % 2];
		pool_scenario.descriptors = descriptors[rest / 576 % 2];
		if (code % step || pool_scenario.ports * pool_scenario.rx_queues > 2 * GREMC_QUEUES_MAX)
			continue;
		plan_levels_check(&pool_scenario);
		checked++;
	}
	assert_true(checked > 400 * 29 / step);
}

/* Many workers on one queue: the least memory grows with their number, not with its square. */
static void test_least_memory_grows_linearly_with_workers(void **state)
{
	static const struct {
		struct pool_scenario pool_scenario;
		unsigned mebibytes;
	} cases[] = {
		{{28, 1, 1, 1, 1, 1024, .shards = true, .copies = true}, 128},
		{{28, 1, 1, 1, 1, 1024, .shards = true, .spread = true, .copies = true, .host = true}, 192},
		{{127, 1, 1, 1, 1, 1024, .shards = true, .copies = true}, 448},
		{{20, 2, 1, 1, 4, 1024, .shards = true}, 320},
	};

	RTE_SET_USED(state);
	for (unsigned i = 0; i < RTE_DIM(cases); i++) {
		uint64_t bytes = plan_levels_check(&cases[i].pool_scenario);

		print_message("case %u: the least is %lu MiB\n", i, bytes >> 20);
		assert_true(bytes >> 20 <= cases[i].mebibytes);
	}
}

/* ---- open ports ---- */

#define MANY 28

/* Returns the mbufs that are in no cache: the backend of the pools is a ring. */
static unsigned pool_backend_count(const struct rte_mempool *pool)
{
	return rte_ring_count(pool->pool_data);
}

/* Fill an lcore's cache of the pool, as frees of mbufs of other lcores do. */
static void pool_cache_fill(struct rte_mempool *pool, unsigned lcore)
{
	struct rte_mempool_cache *cache = rte_mempool_default_cache(pool, lcore);
	unsigned before, after = pool_backend_count(pool);
	void *mbuf;

	do {
		before = after;
		if (cache == NULL || rte_mempool_generic_get(pool, &mbuf, 1, NULL))
			return;
		rte_mempool_generic_put(pool, &mbuf, 1, cache);
		after = pool_backend_count(pool);
	} while (after < before);
	/* the last free has flushed the cache: fill it again, to one less */
	for (unsigned n = before + 1; n < after; n++) {
		assert_int_equal(rte_mempool_generic_get(pool, &mbuf, 1, NULL), 0);
		rte_mempool_generic_put(pool, &mbuf, 1, cache);
	}
}

/* With full caches, rings and descriptors the pool still has a burst. */
static void open_pool_check(const struct gremc_ports *open, struct rte_mempool *mempool, struct pool pool)
{
	const struct gremc_port_set *set = (const struct gremc_port_set *)open;
	struct rte_mbuf *left[GREMC_BURST];
	struct pool without_caches = pool;
	void **away;
	unsigned n;

	pool.count = mempool->size;
	pool.cache = mempool->cache_size;
	without_caches.cache = 0;
	pool_check(set, &open->rings, &pool, mempool->name);
	for (unsigned lcore = 0; lcore <= open->worker_count; lcore++)
		if (pool.kind == SHARD || (pool.kind == RX && open->spread) || lcore < 2)
			pool_cache_fill(mempool, lcore);
	n = worst_case_count(set, &open->rings, &without_caches) -
	    (pool.kind == RX
		     ? lower_descriptors(set, open->port[pool.port], open->port[pool.port]->rx_descriptors)
		     : 0);
	away = calloc(n, sizeof(*away));
	for (unsigned i = 0; i < n; i++)
		assert_int_equal(rte_mempool_generic_get(mempool, &away[i], 1, NULL), 0);
	assert_int_equal(rte_mempool_generic_get(mempool, (void **)left, GREMC_BURST, NULL), 0);
	rte_mempool_generic_put(mempool, (void **)left, GREMC_BURST, NULL);
	rte_mempool_generic_put(mempool, away, n, NULL);
	free(away);
}

static void open_pools_check(const struct gremc_ports *open)
{
	for (uint16_t i = 0; i < open->count; i++)
		for (uint16_t q = 0; open->port[i] && q < open->port[i]->rx_queues; q++)
			if (!open->spread || q == 0)
				open_pool_check(open, open->port[i]->rx_pool[q],
						(struct pool){RX, i, q, 0, 0, 0});
	for (uint16_t w = 0; w < open->worker_count; w++)
		open_pool_check(open, open->worker[w].header_pool,
				(struct pool){.kind = HEADER, .worker = w});
	if (open->shards)
		open_pool_check(open, open->worker[0].shard_pool, (struct pool){.kind = SHARD});
	open_pool_check(open, open->host_pool, (struct pool){.kind = HOST});
	for (uint16_t i = 0; i < open->count; i++)
		for (uint16_t q = 0; open->port[i] && q < open->port[i]->tx_queues; q++)
			if (open->port[i]->tx_ring[q])
				assert_true(rte_ring_get_size(open->port[i]->tx_ring[q]) <= open->rings.tx);
}

static void test_open_pools_hold_the_worst_case(void **state)
{
	RTE_SET_USED(state);
	for (unsigned kind = 0; kind < 4; kind++) {
		struct gremc_ports *open;

		vdev_plug_pcap("net_pcap0", 1, 1);
		vdev_plug("net_ring0", NULL);
		add_port("cap", "net_pcap0");
		add_port("ring", "net_ring0");
		config.settings.shard_threshold = kind & 1 ? 512 : 0;
		config.settings.spread = kind & 2;
		config.settings.rx_descriptors = config.settings.tx_descriptors = 64;
		open = open_ports(kind == 3 ? 8 : 20);
		assert_int_equal(open->shards, kind & 1);
		assert_int_equal(open->spread, kind >> 1);
		open_pools_check(open);
		assert_int_equal(gremc_ports_close(open), 0);
		port_world_renew();
	}
}

static void test_each_bond_member_has_descriptors(void **state)
{
	struct gremc_ports *open;
	uint32_t one;

	RTE_SET_USED(state);
	vdev_plug("net_null0", NULL);
	add_port("alone", "net_null0");
	config.settings.rx_descriptors = config.settings.tx_descriptors = 1024;
	open = open_ports(1);
	one = open->port[0]->rx_pool[0]->size;
	assert_int_equal(gremc_ports_close(open), 0);
	port_world_renew();
	for (unsigned i = 0; i < 4; i++) {
		char device[RTE_ETH_NAME_MAX_LEN], name[GREMC_NAME_SIZE];

		snprintf(device, sizeof(device), "net_null%u", i);
		snprintf(name, sizeof(name), "m%u", i);
		vdev_plug(device, NULL);
		add_port(name, device);
	}
	config.settings.rx_descriptors = config.settings.tx_descriptors = 1024;
	add_bond("bond", GREMC_BOND_ACTIVE_BACKUP, 0, 4);
	open = open_ports(1);
	assert_true(open->port[4]->rx_pool[0]->size >= one + 3 * 1024);
	open_pools_check(open);
	assert_int_equal(gremc_ports_close(open), 0);
}

/* Rings and caches shrink, and the pools still hold the worst case. */
static void test_many_workers_start_in_little_memory(void **state)
{
	struct gremc_ports *open;
	void *taken[256];
	unsigned count;

	RTE_SET_USED(state);
	vdev_plug_pcap("net_pcap0", 1, 1);
	add_port("cap", "net_pcap0");
	config.settings.shard_threshold = 512;
	config.settings.rx_descriptors = 64;
	count = take_memory(232 << 20, taken, RTE_DIM(taken));
	open = open_ports(MANY);
	assert_logged("memory is short: the mbuf pools have ");
	assert_logged(" more pools");
	assert_true(open->rings.tx < 4096);
	open_pools_check(open);
	assert_int_equal(gremc_ports_close(open), 0);
	while (count > 0)
		rte_free(taken[--count]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_plans_hold_the_worst_case, port_world_set_up,
						port_world_tear_down),
		cmocka_unit_test_setup_teardown(test_least_memory_grows_linearly_with_workers,
						port_world_set_up, port_world_tear_down),
		cmocka_unit_test_setup_teardown(test_open_pools_hold_the_worst_case, port_world_set_up,
						port_world_tear_down),
		cmocka_unit_test_setup_teardown(test_each_bond_member_has_descriptors, port_world_set_up,
						port_world_tear_down),
		cmocka_unit_test_setup_teardown(test_many_workers_start_in_little_memory, port_world_set_up,
						port_world_tear_down),
	};

	return port_world_run("pools", tests, RTE_DIM(tests), "768", "(0-28)@(0-1)");
}
