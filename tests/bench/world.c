/* SPDX-License-Identifier: BSD-3-Clause */
/* Tunnels, routes and a worker, created as the forwarder creates them from a configuration. */
#include <stdlib.h>
#include <string.h>

#include "bench.h"

#define LOCAL          0x0a000001u /* 10.0.0.1 */
#define FIRST_REMOTE   0x0a010000u /* tunnel n: 10.1.0.0 + n */
#define FIRST_SOURCE   0x0b000000u
#define SOURCES        1000u
#define FIRST_GROUP    0xef000000u
#define COPY_THRESHOLD 256u /* the forwarder's default */
#define OIFS_A_CALL    65536u

enum { IN, OUT };

static const struct rte_ether_addr our_mac = {{0x02, 0, 0, 0, 0, 1}};
static const struct rte_ether_addr gateway_mac = {{0x02, 0, 0, 0, 0, 2}};

uint64_t bench_random(uint64_t *state)
{
	uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

uint32_t bench_point_tunnels(const struct bench_point *point)
{
	return RTE_MAX(point->tunnels, point->fanout + 1);
}

uint64_t bench_point_memory(const struct bench_point *point)
{
	return (uint64_t)point->groups * (64 + point->fanout * sizeof(uint32_t));
}

enum bench_mode bench_point_mode(const struct bench_point *point)
{
	if (point->mode != BENCH_AUTO)
		return point->mode;
	return point->size > COPY_THRESHOLD ? BENCH_SHARE : BENCH_COPY;
}

/* ---- tunnels ---- */

static int world_add_tunnel(struct bench_world *world, uint32_t n)
{
	struct gremc_vif_info info = {
		.kind = GREMC_VIF_TUNNEL,
		.port = OUT,
		.options = world->setting.options,
		.next_hop = rte_cpu_to_be_32(0x0a0000fe),
	};
	int rc;

	info.options.local = rte_cpu_to_be_32(LOCAL);
	info.options.remote = rte_cpu_to_be_32(FIRST_REMOTE + n);
	info.options.ttl = 64;
	info.mtu = gremc_tunnel_mtu(&info.options, world->port[OUT].mtu);
	rc = gremc_adjacency_get(world->vifs, OUT, info.next_hop, &our_mac, 0, &world->adjacency);

	if (rc == 0)
		rc = gremc_tunnel_add(world->vifs, &info, world->adjacency, &world->vif[n]);
	if (rc == 0)
		rc = gremc_tunnel_publish(world->vifs, world->vif[n]);
	if (rc == 0 && world->setting.policy)
		rc = gremc_vif_policy_set(world->vifs, world->vif[n], world->setting.policy);
	return rc;
}

int bench_world_resolve(struct bench_world *world)
{
	int rc = gremc_adjacency_resolve(world->vifs, world->adjacency, &gateway_mac);

	/* and ready */
	gremc_rcu_synchronize(world->rcu);
	return rc;
}

static int world_add_tunnels(struct bench_world *world)
{
	for (uint32_t n = 0; n < world->tunnel_count; n++) {
		int rc = world_add_tunnel(world, n);

		if (rc)
			return rc;
	}
	return bench_world_resolve(world);
}

/* ---- routes ---- */

struct bench_flow bench_flow_make(uint32_t n, uint32_t tunnel)
{
	return (struct bench_flow){
		.remote = rte_cpu_to_be_32(FIRST_REMOTE + tunnel),
		.source = rte_cpu_to_be_32(FIRST_SOURCE + n % SOURCES),
		.group = rte_cpu_to_be_32(FIRST_GROUP + n),
	};
}

/* Draw `count` tunnels other than `but` and mark them. Write their vifs to `drawn` unless it is NULL. Returns
 * the mark. */
static uint32_t oil_tunnels_draw(struct bench_world *world, uint32_t count, uint32_t but, uint32_t *drawn)
{
	uint32_t mark = ++world->stamps, done = 0;

	world->stamp[but] = mark;
	while (done < count) {
		uint32_t n = bench_random_below(&world->random, world->tunnel_count);

		if (world->stamp[n] == mark)
			continue;
		world->stamp[n] = mark;
		if (drawn)
			drawn[done] = world->vif[n];
		done++;
	}
	return mark;
}

static int oil_vifs_compare(const void *a, const void *b)
{
	uint32_t left = *(const uint32_t *)a, right = *(const uint32_t *)b;

	return (left > right) - (left < right);
}

void bench_world_oil_draw(struct bench_world *world, uint32_t *oil, uint32_t count, uint32_t but)
{
	uint32_t mark, filled = 0;

	if (count <= world->tunnel_count / 2) {
		oil_tunnels_draw(world, count, but, oil);
		qsort(oil, count, sizeof(*oil), oil_vifs_compare);
		return;
	}
	/* more than half: draw the tunnels that are not in the oil */
	mark = oil_tunnels_draw(world, world->tunnel_count - 1 - count, but, NULL);
	for (uint32_t n = 0; n < world->tunnel_count; n++)
		if (world->stamp[n] != mark)
			oil[filled++] = world->vif[n];
}

/* Prepare the mroutes of groups [first, first + count). Each accepts one tunnel and sends by others. */
static int world_add_routes(struct bench_world *world, uint32_t first, uint32_t count, uint32_t fanout,
			    struct gremc_fanout_op *ops, uint32_t *vifs)
{
	for (uint32_t i = 0; i < count; i++) {
		uint32_t *iif = &vifs[(size_t)i * (fanout + 1)], *oil = iif + 1;
		uint32_t tunnel = bench_random_below(&world->random, world->tunnel_count);

		world->flow[first + i] = bench_flow_make(first + i, tunnel);
		*iif = world->vif[tunnel];
		bench_world_oil_draw(world, oil, fanout, tunnel);
		ops[i] = (struct gremc_fanout_op){
			.kind = GREMC_FANOUT_SET,
			.spec = {.source = world->flow[first + i].source,
				 .group = world->flow[first + i].group,
				 .length = 32,
				 .iif_count = 1,
				 .iifs = iif,
				 .oif_count = fanout,
				 .oifs = oil,
				 .rotates = world->setting.rotates},
		};
	}
	return gremc_fanout_apply(world->fanout, ops, count, NULL, NULL);
}

static void flows_shuffle(struct bench_world *world)
{
	for (uint32_t i = world->flow_count; i > 1; i--) {
		uint32_t other = bench_random_below(&world->random, i);
		struct bench_flow flow = world->flow[i - 1];

		world->flow[i - 1] = world->flow[other];
		world->flow[other] = flow;
	}
}

static int world_add_all_routes(struct bench_world *world, uint32_t groups, uint32_t fanout)
{
	uint32_t batch = RTE_MAX(1u, OIFS_A_CALL / (fanout + 1));
	struct gremc_fanout_op *ops = malloc(batch * sizeof(*ops));
	uint32_t *vifs = malloc((size_t)batch * (fanout + 1) * sizeof(*vifs));
	int rc = ops && vifs ? 0 : -ENOMEM;

	for (uint32_t first = 0; first < groups && rc == 0; first += batch)
		rc = world_add_routes(world, first, RTE_MIN(batch, groups - first), fanout, ops, vifs);
	free(ops);
	free(vifs);
	flows_shuffle(world);
	return rc;
}

/* ---- the worker ---- */

static void world_ports_init(struct bench_world *world)
{
	const struct bench_environment *environment = world->environment;

	for (unsigned i = IN; i <= OUT; i++) {
		world->port[i] = (struct gremc_port){
			.id = i == IN ? environment->in : environment->out,
			.index = i,
			.mac = our_mac,
			.mtu = 9000,
			.multi_seg = true, /* as NICs do; net_null frees chains of any length */
			.rx_queues = i == IN,
			.tx_queues = i == IN ? 1 : BENCH_WORKERS,
			.rx_pool = {environment->rx_pool},
		};
		world->ports.port[i] = &world->port[i];
	}
	for (uint16_t i = 0; i < BENCH_WORKERS; i++)
		world->port[OUT].tx_queue[i] = world->port[OUT].tx_worker[i] = i;
	world->ports.count = OUT + 1;
}

static void world_workers_destroy(struct bench_world *world)
{
	if (world->group == NULL)
		return;
	for (uint32_t i = 0; i < world->group->count; i++) {
		struct gremc_worker *worker = world->group->worker[i];

		rte_pktmbuf_free_bulk(worker->header, worker->header_count);
		worker->header_count = 0;
	}
	gremc_workers_destroy(world->group, world->rcu);
	world->group = NULL;
}

int bench_world_workers_create(struct bench_world *world, enum bench_mode mode, uint32_t size)
{
	const struct bench_environment *environment = world->environment;
	bool large = mode == BENCH_COPY && size > COPY_THRESHOLD;
	const struct gremc_config_settings settings = {
		.copy_threshold = mode == BENCH_SHARE ? 0 : RTE_MAX(size, COPY_THRESHOLD),
		.shard_threshold = 1,
		.tx_retries = 1000,
		.max_sleep = 500,
	};
	unsigned lcore = rte_get_main_lcore();

	world_workers_destroy(world);
	world->ports.worker_count = world->workers;
	world->ports.spread = world->workers > 1;
	gremc_ring_sizes_init(&world->ports.rings, world->workers);
	for (uint32_t i = 0; i < world->workers; i++, lcore = rte_get_next_lcore(lcore, 1, 0)) {
		world->ports.worker[i] = (struct gremc_worker_place){
			.lcore = lcore,
			.socket = SOCKET_ID_ANY,
			.header_pool = large ? environment->large_header_pool : environment->header_pool,
			.header_capacity =
				large ? environment->large_header_capacity : environment->header_capacity,
			.shard_pool = world->workers > 1 ? environment->rx_pool : NULL,
		};
	}
	world->group = gremc_workers_create(&world->ports, &settings, world->vifs, world->fanout, world->rcu);
	if (world->group == NULL) {
		fprintf(stderr, "gremc-bench: no memory for a worker\n");
		return -1;
	}
	world->worker = world->group->worker[0];
	return 0;
}

struct gremc_totals bench_world_totals(const struct bench_world *world)
{
	struct gremc_totals totals = {0};

	gremc_stats_read(world->worker->stats, &totals);
	return totals;
}

/* ---- all of it ---- */

static int world_fill(struct bench_world *world, const struct bench_point *point)
{
	world->rcu = gremc_rcu_create();
	if (world->rcu == NULL)
		return -ENOMEM;
	world->vifs = gremc_vifs_create(world->tunnel_count, &gremc_nodes_any, world->rcu);
	world->fanout = gremc_fanout_create(point->groups, &gremc_nodes_any, world->rcu);
	world->vif = calloc(world->tunnel_count, sizeof(*world->vif));
	world->stamp = calloc(world->tunnel_count, sizeof(*world->stamp));
	world->flow = calloc(point->groups + 1, sizeof(*world->flow));
	if (world->vifs == NULL || world->fanout == NULL || world->vif == NULL || world->stamp == NULL ||
	    world->flow == NULL || world_add_tunnels(world))
		return -ENOMEM;
	return world_add_all_routes(world, point->groups, point->fanout);
}

struct bench_world *bench_world_create(const struct bench_environment *environment,
				       const struct bench_point *point)
{
	static const struct bench_setting plain;

	return bench_world_create_with(environment, point, &plain);
}

struct bench_world *bench_world_create_with(const struct bench_environment *environment,
					    const struct bench_point *point,
					    const struct bench_setting *setting)
{
	struct bench_world *world = calloc(1, sizeof(*world));
	int rc = -ENOMEM;

	if (world) {
		world->environment = environment;
		world->setting = *setting;
		world->workers = 1;
		world->tunnel_count = bench_point_tunnels(point);
		world->flow_count = point->groups;
		world_ports_init(world);
		rc = world_fill(world, point);
	}
	if (rc == 0)
		rc = bench_world_workers_create(world, bench_point_mode(point), point->size);
	if (rc) {
		fprintf(stderr,
			"gremc-bench: no memory for %u mroutes of fan-out %u and %u tunnels; try a larger "
			"--memory\n",
			point->groups, point->fanout, bench_point_tunnels(point));
		bench_world_destroy(world);
		return NULL;
	}
	return world;
}

void bench_world_destroy(struct bench_world *world)
{
	if (world == NULL)
		return;
	world_workers_destroy(world);
	if (world->rcu)
		gremc_rcu_synchronize(world->rcu);
	gremc_fanout_destroy(world->fanout);
	gremc_vifs_destroy(world->vifs);
	if (world->rcu)
		gremc_rcu_destroy(world->rcu);
	free(world->vif);
	free(world->stamp);
	free(world->flow);
	free(world);
}
