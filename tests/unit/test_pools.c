/* SPDX-License-Identifier: BSD-3-Clause */
/* No state exists in which idle caches, rings and descriptors hold all mbufs of a pool: for planned sets of
 * many kinds, at every level, and for the pools and rings of open ports. */
#include "datapath/datapath.h"
#include "port_world.h"

/* ---- where mbufs of a pool can be ----
 *
 * A second opinion, made apart from the plan: the places that an mbuf can reach, followed step by step from
 * where it is allocated. */

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
	bool worker[GREMC_WORKERS_MAX]; /* has them in its hands */
	bool lcore[GREMC_WORKERS_MAX];  /* has a cache with them in it */
	uint64_t mbufs;                 /* what all places that were reached can hold */
};

/* The larger one of what a cache may hold: half more than its size, or, from DPDK 26.07 on, its size, which
 * is made twice as large. */
static uint32_t cache_holds(uint32_t size)
{
	return RTE_MAX(size * 3 / 2, size * 2);
}

static void reach_worker(struct reach *reach, uint16_t w);

static void reach_relays(struct reach *reach)
{
	for (uint16_t w = 0; w < reach->set->ports.worker_count; w++)
		reach_worker(reach, w);
}

/* Into the hands of a worker: its burst, copies, stash, wait list and transmit buffers. */
static void reach_worker(struct reach *reach, uint16_t w)
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
		reach->mbufs += reach->rings->relay; /* its own, filled by others */
		reach_relays(reach);
	}
}

static uint32_t on_wires(const struct gremc_port_set *set, const struct gremc_port *port,
			 uint32_t descriptors)
{
	return descriptors * set->state[port->index].lower_count;
}

/* By the queues of a port, from the hands of all workers that have been reached. */
static void reach_queues(struct reach *reach, const struct gremc_port *port)
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
		reach->mbufs += GREMC_TX_HELD_MAX; /* what the device did not take */
		if (!set->state[port->index].copies)
			reach->mbufs += on_wires(set, port, port->tx_descriptors);
	}
}

/* All mbufs of a pool that can be away from it at one time. */
static uint64_t worst_case(const struct gremc_port_set *set, const struct gremc_ring_sizes *rings,
			   const struct pool *pool)
{
	struct reach reach = {.set = set, .rings = rings, .pool = pool};
	const struct gremc_ports *all = &set->ports;
	uint32_t caches = 1; /* the control thread, on the main lcore */

	for (uint16_t w = 0; w < all->worker_count; w++)
		if (pool->kind == SHARD || (pool->kind == HEADER && pool->worker == w) ||
		    (pool->kind == HOST && w == 0))
			reach_worker(&reach, w);
	for (uint16_t i = 0; i < all->count; i++) {
		const struct gremc_port *port = all->port[i];

		for (uint16_t q = 0; pool->kind == RX && i == pool->port && q < port->rx_queues; q++) {
			if (gremc_port_rx_pool_owner(set, port, q) != pool->queue)
				continue;
			reach.mbufs += on_wires(set, port, port->rx_descriptors);
			reach_worker(&reach, port->rx_worker[q]);
		}
		if (pool->kind == HOST && port && port->host_tx)
			reach.mbufs += 2 * GREMC_BURST + GREMC_TX_HELD_MAX +
				       (set->state[i].copies ? 0 : on_wires(set, port, port->tx_descriptors));
	}
	for (uint16_t i = 0; i < all->count; i++)
		if (all->port[i])
			reach_queues(&reach, all->port[i]);
	if (pool->kind == RX && set->state[pool->port].umem)
		reach.mbufs += GREMC_PORT_UMEM_HELD;
	if (pool->kind == HOST)
		reach.mbufs += rings->down;
	reach.mbufs += 2 * GREMC_BURST; /* what the control thread has in its hands */
	for (uint16_t w = 0; w < all->worker_count; w++)
		caches += reach.lcore[w];
	return reach.mbufs + (uint64_t)caches * cache_holds(pool->cache);
}

/* Even then a driver's refill, or a burst, is there. */
static void check_pool(const struct gremc_port_set *set, const struct gremc_ring_sizes *rings,
		       const struct pool *pool, const char *name)
{
	uint64_t away = worst_case(set, rings, pool);

	if (pool->count < away + 2 * GREMC_BURST)
		fail_msg("%s: %u mbufs, %lu can be away (workers %u, spread %d, cache %u)", name, pool->count,
			 away, set->ports.worker_count, set->ports.spread, pool->cache);
}

/* ---- plans ---- */

struct shape {
	unsigned workers, ports, rx_queues, tx_queues, wires, descriptors;
	bool spread, shards, host, copies, nodes;
};

static struct gremc_port_set *make_set(const struct shape *shape)
{
	struct gremc_port_set *set = calloc(1, sizeof(*set));

	config.port_count = shape->ports;
	set->config = &config;
	set->ports.count = shape->ports;
	set->ports.worker_count = shape->workers;
	set->ports.spread = shape->spread && shape->workers > 1;
	set->ports.shards = shape->shards && shape->workers > 1;
	for (unsigned w = 0; w < shape->workers; w++)
		set->ports.worker[w] =
			(struct gremc_worker_place){.lcore = w + 1, .socket = shape->nodes ? w % 2 : 0};
	for (unsigned i = 0; i < shape->ports; i++) {
		struct gremc_port *port = calloc(1, sizeof(*port));

		set->ports.port[i] = port;
		ports[i].host = shape->host;
		snprintf(port->name, sizeof(port->name), "p%u", i);
		port->index = i;
		port->socket = shape->nodes ? SOCKET_ID_ANY : 0;
		port->rx_queues = shape->rx_queues;
		port->tx_queues = RTE_MIN(shape->tx_queues, shape->workers);
		port->host_tx = shape->host && shape->tx_queues > shape->workers;
		port->rx_descriptors = port->tx_descriptors = shape->descriptors;
		port->multi_seg = true;
		set->state[i] = (struct gremc_port_state){.planned_mtu = 1500,
							  .rx_capacity = GREMC_PORT_RX_CAPACITY_MIN,
							  .lower_count = shape->wires,
							  .copies = shape->copies};
	}
	gremc_port_queues_assign(&set->ports);
	return set;
}

static void free_set(struct gremc_port_set *set)
{
	for (unsigned i = 0; i < set->ports.count; i++)
		free(set->ports.port[i]);
	free(set);
}

/* Which pool of the set a plan is for. */
static struct pool pool_of(const struct gremc_port_set *set, const struct gremc_pool_plan *plan)
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

/* Returns how much memory the least pools take. */
static uint64_t check_levels(const struct shape *shape)
{
	struct gremc_port_set *set = make_set(shape);
	uint64_t bytes = UINT64_MAX;

	for (unsigned level = 0; level < GREMC_POOL_LEVELS; level++) {
		struct gremc_pool_plans plans;

		assert_int_equal(gremc_pool_plans_init(&plans, set, level), 0);
		for (unsigned i = 0; i < plans.count; i++) {
			struct pool pool = pool_of(set, &plans.plan[i]);

			check_pool(set, &plans.rings, &pool, plans.plan[i].name);
			assert_true(GREMC_MEMPOOL_CACHE(pool.cache) <= RTE_MEMPOOL_CACHE_MAX_SIZE);
		}
		assert_true(gremc_pool_plans_bytes(&plans) < bytes);
		bytes = gremc_pool_plans_bytes(&plans);
		gremc_pool_plans_fini(&plans);
	}
	free_set(set);
	return bytes;
}

/* Workers, ports, queues, members of bonds, `spread`, shards, host path, drivers that copy, NUMA nodes. */
static void test_plans_hold_the_worst_case(void **state)
{
	static const unsigned workers[] = {1, 2, 3, 14, 28, GREMC_WORKERS_MAX}, ports_of[] = {1, 2, 5},
			      queues[] = {1, 3, 28, 129}, wires[] = {1, 4}, descriptors[] = {64, 1000};
	unsigned checked = 0;

	RTE_SET_USED(state);
	for (unsigned code = 0; code < 6 * 3 * 4 * 4 * 2 * 2 * 32; code++) {
		unsigned rest = code / 32;
		struct shape shape = {.spread = code & 1,
				      .shards = code & 2,
				      .host = code & 4,
				      .copies = code & 8,
				      .nodes = code & 16};

		shape.workers = workers[rest % 6];
		shape.ports = ports_of[rest / 6 % 3];
		shape.rx_queues = RTE_MIN(queues[rest / 18 % 4], GREMC_QUEUES_MAX);
		shape.tx_queues = queues[rest / 72 % 4];
		shape.wires = wires[rest / 288 % 2];
		shape.descriptors = descriptors[rest / 576 % 2];
		/* every 29th, so that all pairs are there in a short time */
		if (code % 29 || shape.ports * shape.rx_queues > 2 * GREMC_QUEUES_MAX)
			continue;
		check_levels(&shape);
		checked++;
	}
	assert_true(checked > 400);
}

/* Many workers on one queue: what they need at least grows with their number, and not with its square. */
static void test_least_memory(void **state)
{
	static const struct {
		struct shape shape;
		unsigned mebibytes;
	} cases[] = {
		{{28, 1, 1, 1, 1, 1024, .shards = true, .copies = true}, 128},
		{{28, 1, 1, 1, 1, 1024, .shards = true, .spread = true, .copies = true, .host = true}, 192},
		{{127, 1, 1, 1, 1, 1024, .shards = true, .copies = true}, 448},
		{{20, 2, 1, 1, 4, 1024, .shards = true}, 320},
	};

	RTE_SET_USED(state);
	for (unsigned i = 0; i < RTE_DIM(cases); i++) {
		uint64_t bytes = check_levels(&cases[i].shape);

		print_message("case %u: the least is %lu MiB\n", i, bytes >> 20);
		assert_true(bytes >> 20 <= cases[i].mebibytes);
	}
}

/* ---- open ports ---- */

#define MANY 28

static unsigned many[MANY];

static struct gremc_ports *open_many(unsigned workers)
{
	struct gremc_ports *open;

	for (unsigned w = 0; w < MANY; w++)
		many[w] = w + 1;
	open = gremc_ports_open(&config, many, workers, &errors);
	if (open == NULL)
		print_message("%s%s", errors.text, log_text);
	assert_non_null(open);
	return open;
}

/* What is in no cache: the pools' backend is a ring. */
static unsigned in_backend(const struct rte_mempool *pool)
{
	return rte_ring_count(pool->pool_data);
}

/* Fill the cache that an lcore has of the pool, as if it freed what others allocate. */
static void fill_cache(struct rte_mempool *pool, unsigned lcore)
{
	struct rte_mempool_cache *cache = rte_mempool_default_cache(pool, lcore);
	unsigned before, after = in_backend(pool);
	void *mbuf;

	do {
		before = after;
		if (cache == NULL || rte_mempool_generic_get(pool, &mbuf, 1, NULL))
			return;
		rte_mempool_generic_put(pool, &mbuf, 1, cache);
		after = in_backend(pool);
	} while (after < before);
	/* It has just been flushed, all but for this one: fill it again, to one less. */
	for (unsigned n = before + 1; n < after; n++) {
		assert_int_equal(rte_mempool_generic_get(pool, &mbuf, 1, NULL), 0);
		rte_mempool_generic_put(pool, &mbuf, 1, cache);
	}
}

/* With all caches full, and as many mbufs away as rings and descriptors take, there is still a burst. */
static void check_open_pool(const struct gremc_ports *open, struct rte_mempool *mempool, struct pool pool)
{
	const struct gremc_port_set *set = (const struct gremc_port_set *)open;
	struct rte_mbuf *left[GREMC_BURST];
	struct pool without_caches = pool;
	void **away;
	unsigned n;

	pool.count = mempool->size;
	pool.cache = mempool->cache_size;
	without_caches.cache = 0;
	check_pool(set, &open->rings, &pool, mempool->name);
	for (unsigned lcore = 0; lcore <= open->worker_count; lcore++)
		if (pool.kind == SHARD || (pool.kind == RX && open->spread) || lcore < 2)
			fill_cache(mempool, lcore);
	n = worst_case(set, &open->rings, &without_caches) -
	    (pool.kind == RX ? on_wires(set, open->port[pool.port], open->port[pool.port]->rx_descriptors)
			     : 0);
	away = calloc(n, sizeof(*away));
	for (unsigned i = 0; i < n; i++)
		assert_int_equal(rte_mempool_generic_get(mempool, &away[i], 1, NULL), 0);
	assert_int_equal(rte_mempool_generic_get(mempool, (void **)left, GREMC_BURST, NULL), 0);
	rte_mempool_generic_put(mempool, (void **)left, GREMC_BURST, NULL);
	rte_mempool_generic_put(mempool, away, n, NULL);
	free(away);
}

static void check_open(const struct gremc_ports *open)
{
	for (uint16_t i = 0; i < open->count; i++)
		for (uint16_t q = 0; open->port[i] && q < open->port[i]->rx_queues; q++)
			if (!open->spread || q == 0)
				check_open_pool(open, open->port[i]->rx_pool[q],
						(struct pool){RX, i, q, 0, 0, 0});
	for (uint16_t w = 0; w < open->worker_count; w++)
		check_open_pool(open, open->worker[w].header_pool,
				(struct pool){.kind = HEADER, .worker = w});
	if (open->shards)
		check_open_pool(open, open->worker[0].shard_pool, (struct pool){.kind = SHARD});
	check_open_pool(open, open->host_pool, (struct pool){.kind = HOST});
	for (uint16_t i = 0; i < open->count; i++)
		for (uint16_t q = 0; open->port[i] && q < open->port[i]->tx_queues; q++)
			if (open->port[i]->tx_ring[q])
				assert_true(rte_ring_get_size(open->port[i]->tx_ring[q]) <= open->rings.tx);
}

static void test_open_pools_hold_the_worst_case(void **state)
{
	for (unsigned kind = 0; kind < 4; kind++) {
		struct gremc_ports *open;

		plug_pcap("net_pcap0", 1, 1);
		plug("net_ring0", NULL);
		add_port("cap", "net_pcap0");
		add_port("ring", "net_ring0");
		config.settings.shard_threshold = kind & 1 ? 512 : 0;
		config.settings.spread = kind & 2;
		config.settings.rx_descriptors = config.settings.tx_descriptors = 64;
		open = open_many(kind == 3 ? 8 : 20);
		assert_int_equal(open->shards, kind & 1);
		assert_int_equal(open->spread, kind >> 1);
		check_open(open);
		assert_int_equal(gremc_ports_close(open), 0);
		teardown(state);
		setup(state);
	}
}

/* Each member of a bond has descriptors of its own. */
static void test_bond_of_four(void **state)
{
	struct gremc_ports *open;
	uint32_t one;

	RTE_SET_USED(state);
	plug("net_null0", NULL);
	add_port("alone", "net_null0");
	config.settings.rx_descriptors = config.settings.tx_descriptors = 1024;
	open = open_many(1);
	one = open->port[0]->rx_pool[0]->size;
	assert_int_equal(gremc_ports_close(open), 0);
	teardown(NULL);
	setup(NULL);
	for (unsigned i = 0; i < 4; i++) {
		char device[RTE_ETH_NAME_MAX_LEN], name[GREMC_NAME_SIZE];

		snprintf(device, sizeof(device), "net_null%u", i);
		snprintf(name, sizeof(name), "m%u", i);
		plug(device, NULL);
		add_port(name, device);
	}
	config.settings.rx_descriptors = config.settings.tx_descriptors = 1024;
	add_bond("bond", GREMC_BOND_ACTIVE_BACKUP, 0, 4);
	open = open_many(1);
	assert_true(open->port[4]->rx_pool[0]->size >= one + 3 * 1024);
	check_open(open);
	assert_int_equal(gremc_ports_close(open), 0);
}

/* With little memory all start, their rings and caches shrink, and the promise holds. */
static void test_many_workers_in_little_memory(void **state)
{
	struct gremc_ports *open;
	void *taken[256];
	unsigned count;

	RTE_SET_USED(state);
	plug_pcap("net_pcap0", 1, 1);
	add_port("cap", "net_pcap0");
	config.settings.shard_threshold = 512;
	config.settings.rx_descriptors = 64;
	count = take_memory(200 << 20, taken, RTE_DIM(taken));
	open = open_many(MANY);
	assert_logged("memory is short: the mbuf pools have ");
	assert_logged(" more pools");
	assert_true(open->rings.tx < 4096);
	check_open(open);
	assert_int_equal(gremc_ports_close(open), 0);
	while (count > 0)
		rte_free(taken[--count]);
}

int main(void)
{
	char *arguments[] = {"test_pools",  "--no-huge",      "-m",       "768",         "--no-pci",
			     "--no-shconf", "--no-telemetry", "--lcores", "(0-28)@(0-1)"};
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_plans_hold_the_worst_case, setup, teardown),
		cmocka_unit_test_setup_teardown(test_least_memory, setup, teardown),
		cmocka_unit_test_setup_teardown(test_open_pools_hold_the_worst_case, setup, teardown),
		cmocka_unit_test_setup_teardown(test_bond_of_four, setup, teardown),
		cmocka_unit_test_setup_teardown(test_many_workers_in_little_memory, setup, teardown),
	};
	int failed;

	if (rte_eal_init(RTE_DIM(arguments), arguments) < 0)
		return 1;
	failed = cmocka_run_group_tests_name("pools", tests, NULL, NULL);
	rte_eal_cleanup();
	return failed;
}
