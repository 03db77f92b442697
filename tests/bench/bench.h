/* SPDX-License-Identifier: BSD-3-Clause */
/* gremc-bench: the worker's own stages on prepared bursts, in one process, against the least that a replica
 * can cost. docs/performance.md says what is measured and how. */
#ifndef GREMC_BENCH_H
#define GREMC_BENCH_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include <rte_cycles.h>

#include "datapath/datapath.h"
#include "datapath/forward.h"
#include "datapath/stages.h"
#include "datapath/tx.h"

/* Packets that are prepared together and then timed together: enough that reading the clock costs nothing,
 * few enough that they stay where a driver would have left them, in the nearer caches. */
#define BENCH_SECTION 128u

/* ---- what the machine offers (environment.c) ---- */

struct bench_options {
	const char *cpus; /* NULL: the last ones that we may run on */
	unsigned lcores;  /* wanted */
	uint32_t memory;  /* MiB */
	uint32_t simd;    /* bits; 0: as DPDK finds it */
	bool no_huge;
};

/* Devices and pools, made once. */
struct bench_environment {
	/* ethdevs: net_ring, what is sent to it is received from it; net_null, with a queue for each worker
	 */
	uint16_t in, out;
	struct rte_mempool *rx_pool;
	struct rte_mempool *header_pool,
		*large_header_pool; /* for copies up to the threshold; up to any size */
	uint32_t header_capacity, large_header_room;
	bool hugepages;
};

/* Start the EAL, open the devices. Says what is wrong and returns -1 when that cannot be. */
int bench_environment_init(struct bench_environment *environment, const struct bench_options *options);
void bench_environment_fini(struct bench_environment *environment);
/* The processor's name. */
void bench_cpu_name(char *text, size_t size);
/* Bytes of this process that are in memory (pages of hugetlbfs are not counted by the kernel). */
uint64_t bench_resident(void);

/* ---- a forwarder to measure (world.c) ---- */

enum bench_mode { BENCH_AUTO, BENCH_COPY, BENCH_SHARE }; /* AUTO: by the default copy threshold */

/* One point of the grid. */
struct bench_point {
	uint32_t fanout, size, groups, tunnels, burst;
	enum bench_mode mode;
};

/* The most that a world has: those that share an oil. */
#define BENCH_WORKERS 2u

/* A sender: who sends what by which tunnel. */
struct bench_flow {
	rte_be32_t remote; /* outer source */
	rte_be32_t source, group;
};

struct bench_world {
	const struct bench_environment *environment;
	struct gremc_rcu *rcu;
	struct gremc_vifs *vifs;
	struct gremc_fanout *fanout;
	struct gremc_ports ports;
	struct gremc_port port[2]; /* in, out */
	struct gremc_worker_group *group;
	struct gremc_worker *worker; /* the first one, which receives */
	uint32_t workers;            /* wanted by bench_world_workers_create() */
	uint32_t tunnel_count;
	uint32_t *vif;           /* of each tunnel */
	uint32_t adjacency;      /* of all tunnels */
	struct bench_flow *flow; /* one of each mroute, in shuffled order */
	uint32_t flow_count;
	uint64_t random;
	uint32_t *stamp; /* [tunnel]: bench_world_oil_draw() */
	uint32_t stamps;
};

/* A world with the tunnels and the mroutes of the point (groups 0: none). NULL: no memory, and it has been
 * said. One at a time. */
struct bench_world *bench_world_create(const struct bench_environment *environment,
				       const struct bench_point *point);
void bench_world_destroy(struct bench_world *world);
/* Make the worker anew, or the workers, which then share every oil, for replicas of `mode` with inner packets
 * of `size`. -1: no memory, and it has been said. */
int bench_world_workers_create(struct bench_world *world, enum bench_mode mode, uint32_t size);
/* Make the next hop of all tunnels known (again). -1: no memory. */
int bench_world_resolve(struct bench_world *world);
/* Memory of the routes' oils that the point asks for, in bytes. */
uint64_t bench_point_memory(const struct bench_point *point);
/* Tunnels that the point needs: those it asks for, and more than the largest fan-out. */
uint32_t bench_point_tunnels(const struct bench_point *point);
enum bench_mode bench_point_mode(const struct bench_point *point);

/* `count` different tunnels' vifs, ascending, without that of tunnel `but`. */
void bench_world_oil_draw(struct bench_world *world, uint32_t *oil, uint32_t count, uint32_t but);
/* The n-th flow of the world: its addresses follow from n, its tunnel is `tunnel`. */
struct bench_flow bench_flow_make(uint32_t n, uint32_t tunnel);
uint64_t bench_random(uint64_t *state);
static inline uint32_t bench_random_below(uint64_t *state, uint32_t limit)
{
	return (uint32_t)(((bench_random(state) & UINT32_MAX) * limit) >> 32);
}

/* ---- input (frames.c) ---- */

/* What arrives: name, text. Each but the first two ends as a drop, or loses its replicas. */
#define BENCH_INPUTS(X)                                                                                      \
	X(good, "what the mroutes forward")                                                                  \
	X(no_adjacency, "forwarded to a next hop whose MAC is not known")                                    \
	X(no_mroute, "groups that no mroute has")                                                            \
	X(rpf, "by another tunnel than the mroute accepts")                                                  \
	X(unknown_peer, "from addresses that no tunnel has")                                                 \
	X(unknown_key, "from a known address, with a key that no tunnel has")                                \
	X(inner_checksum, "inner header with a wrong checksum")                                              \
	X(ttl_expired, "inner TTL of 1")                                                                     \
	X(not_gre, "UDP to our address")                                                                     \
	X(not_ipv4, "ARP")

#define BENCH_X(name, text) BENCH_INPUT_##name,
enum bench_input { BENCH_INPUTS(BENCH_X) BENCH_INPUT_COUNT };
#undef BENCH_X
const char *bench_input_name(enum bench_input input);
const char *bench_input_text(enum bench_input input);

/* An endless row of frames. */
struct bench_source {
	const struct bench_world *world;
	enum bench_input input;
	uint32_t next;                  /* flow */
	uint32_t length;                /* of a frame */
	uint32_t outer, inner;          /* offsets of the IP headers; inner 0: none */
	const struct bench_flow *extra; /* not NULL: the first frame of each section is of this flow */
	uint8_t frame[2048];
};
void bench_source_init(struct bench_source *source, const struct bench_world *world, enum bench_input input,
		       uint32_t size);
/* Fresh mbufs with the next n frames. -1: the pool is empty. */
int bench_source_alloc(struct bench_source *source, struct rte_mbuf **frames, uint32_t n);

/* ---- sections (section.c) ---- */

/* Everything before it has been carried out, and nothing behind it has begun. */
static inline uint64_t bench_clock(void)
{
	uint64_t now;

	rte_mb();
	now = rte_rdtsc_precise();
	rte_compiler_barrier();
	return now;
}
/* What reading it costs. */
uint64_t bench_clock_cost(void);

/* A burst as gremc_stage_rx() leaves it. */
static inline void bench_burst_begin(struct gremc_worker *worker, struct rte_mbuf **frames, uint32_t n,
				     uint32_t length)
{
	for (uint32_t i = 0; i < n; i++)
		worker->burst.packet[i].mbuf = frames[i];
	worker->burst.count = n;
	worker->burst.done_count = 0;
	worker->rx_packets = n;
	worker->rx_bytes = (uint64_t)n * length;
}

/* The stages as the worker calls them, over frames that have been received already. Not inlined: callgrind
 * counts what is inside of it. */
void bench_forward(struct gremc_worker *worker, const struct gremc_rxq *rxq, struct rte_mbuf **frames,
		   uint32_t count, uint32_t burst, uint32_t length);

struct bench_section_cost {
	uint64_t receive, forward; /* cycles */
};
/* Prepare `count` frames (up to BENCH_SECTION), receive them burst by burst, forward them. -1: no mbufs. */
int bench_section(struct bench_world *world, struct bench_source *source, uint32_t count, uint32_t burst,
		  struct bench_section_cost *cost);
/* Measure what reading the clock costs; before the first bench_section(). */
void bench_section_calibrate(void);

/* What the world's worker has counted since it was made. */
struct gremc_totals bench_world_totals(const struct bench_world *world);

/* ---- the floor (floor.c) ---- */

struct bench_baseline;
struct bench_baseline *bench_baseline_create(const struct bench_environment *environment);
void bench_baseline_destroy(struct bench_baseline *floor);
/* Cycles per replica, over at least `cycles`. A negative number: the pool is empty. */
double bench_baseline_measure(struct bench_baseline *floor, bool copy, uint32_t size, uint32_t fanout,
			      uint64_t cycles);

/* ---- measuring (measure.c) ---- */

#define BENCH_SLICES_MAX 512

/* Figures of many slices. */
struct bench_samples {
	uint32_t count;
	double value[BENCH_SLICES_MAX];
};
static inline void bench_samples_add(struct bench_samples *samples, double value)
{
	if (samples->count < BENCH_SLICES_MAX)
		samples->value[samples->count++] = value;
}
/* The part q (0: minimum, 0.5: median) of what was sampled; sorts it. 0 where there is nothing. */
double bench_samples_quantile(struct bench_samples *samples, double q);

struct bench_result {
	struct bench_point point;                     /* mode settled */
	uint32_t tunnels;                             /* as made */
	struct bench_samples input, receive;          /* cycles an input packet */
	struct bench_samples floor_copy, floor_share; /* cycles a replica */
};
/* One point in the world made for it: slices of it and of the floor, interleaved, for about `seconds`.
 * Returns -1 when something is wrong, which has been said. */
int bench_measure(struct bench_world *world, struct bench_baseline *floor, const struct bench_point *point,
		  double seconds, struct bench_result *result);
/* Cycles an input packet of one kind of input, for about `seconds`; the samples are added. -1: something is
 * wrong, which has been said. */
int bench_measure_input(struct bench_world *world, enum bench_input input, const struct bench_point *point,
			double seconds, struct bench_samples *samples);

/* ---- a worker on an lcore of its own (load.c) ---- */

/* Forwards its world's flows, as fast as it can, until it is told to stop. */
struct bench_load {
	struct bench_world *world;
	uint32_t burst, size;
	const struct bench_flow *probe; /* not NULL: one frame of each burst is of this flow */
	unsigned lcore;
	/* TSC when the probe was first forwarded since this was 0. Writers: the load's lcore, and the
	 * measuring one, which stores 0. */
	gremc_atomic_u64 seen;
	gremc_atomic_u64 packets; /* forwarded. Writer: the load's lcore. */
	gremc_atomic_bool stop;   /* writer: the measuring lcore */
	gremc_atomic_bool failed; /* writer: the load's lcore */
};
/* -1: there is no second lcore, and it has been said. */
int bench_load_start(struct bench_load *load);
/* -1: it has failed, and it has been said. */
int bench_load_stop(struct bench_load *load);

/* ---- what is printed and written (output.c) ---- */

struct bench_output {
	FILE *json; /* NULL: none */
	unsigned sections, items;
};
int bench_output_open(struct bench_output *output, const char *path,
		      const struct bench_environment *environment);
/* A list of objects under this name begins or ends. */
void bench_output_begin(struct bench_output *output, const char *name);
void bench_output_end(struct bench_output *output);
/* An object of the list: format is the inside of the braces. */
void bench_output_item(struct bench_output *output, const char *format, ...) __rte_format_printf(2, 3);
/* -1: the file is not whole, and it has been said. */
int bench_output_close(struct bench_output *output);

/* ---- the commands ---- */

struct bench_arguments {
	struct bench_point point;
	bool one;   /* the point has been chosen */
	bool alone; /* no other command has run before */
	bool quick, grid;
	double seconds; /* a point; 0: the command's own choice */
	const char *json;
	uint32_t packets; /* count */
};

/* Each returns an exit status: 0 or 1. */
int bench_points(const struct bench_environment *environment, const struct bench_arguments *arguments,
		 struct bench_output *output);
int bench_malformed(const struct bench_environment *environment, const struct bench_arguments *arguments,
		    struct bench_output *output);
int bench_table(const struct bench_environment *environment, const struct bench_arguments *arguments,
		struct bench_output *output);
int bench_publish(const struct bench_environment *environment, const struct bench_arguments *arguments,
		  struct bench_output *output);
int bench_shard(const struct bench_environment *environment, const struct bench_arguments *arguments,
		struct bench_output *output);
int bench_spread(const struct bench_environment *environment, const struct bench_arguments *arguments,
		 struct bench_output *output);
int bench_stages(const struct bench_environment *environment, const struct bench_arguments *arguments,
		 struct bench_output *output);
int bench_count(const struct bench_environment *environment, const struct bench_arguments *arguments,
		struct bench_output *output);

#endif
