/* SPDX-License-Identifier: BSD-3-Clause */
/* gremc-bench: measures the worker's stages on prepared bursts, in one process, against the least cost of a
 * replica. docs/performance.md describes the measurements.
 *
 * Unless noted, all functions run on the main lcore, and a function that fails has written its reason to
 * standard error. */
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

/* Packets that are prepared together and then timed together. They are so many that reading the clock costs
 * nothing, and so few that they stay in the caches, where a driver leaves packets. */
#define BENCH_SECTION 128u

/* ---- CPUs, memory and devices (environment.c) ---- */

struct bench_options {
	const char *cpus; /* NULL: the last ones that the process may use */
	unsigned lcores;  /* requested */
	uint32_t memory;  /* MiB */
	uint32_t simd;    /* bits; 0: DPDK's choice */
	bool no_huge;
};

/* Devices and pools, made once. */
struct bench_environment {
	/* ethdevs: net_ring, whose sent packets are received again; net_null, with a queue for each worker */
	uint16_t in, out;
	struct rte_mempool *rx_pool;
	struct rte_mempool *header_pool,
		*large_header_pool; /* for copies up to the threshold; up to any size */
	uint32_t header_capacity, large_header_capacity;
	bool hugepages;
};

/* Start the EAL and open the devices.
 * Returns: 0 or -1. */
int bench_environment_init(struct bench_environment *environment, const struct bench_options *options);
/* Close the devices and end the EAL. */
void bench_environment_fini(struct bench_environment *environment);
/* Write the processor's name. */
void bench_cpu_name(char *text, size_t size);
/* Returns: resident bytes of this process, without pages of hugetlbfs. */
uint64_t bench_resident(void);

/* ---- a forwarder to measure (world.c) ---- */

enum bench_mode { BENCH_AUTO, BENCH_COPY, BENCH_SHARE }; /* AUTO: by the default copy threshold */

/* The configuration of all tunnels and mroutes of a world. */
struct bench_setting {
	struct gremc_tunnel_options options;
	const struct gremc_config_policy *policy; /* NULL: none */
	bool rotates;                             /* `order: rotate` */
};

/* One point of the grid. */
struct bench_point {
	uint32_t fanout, size, groups, tunnels, burst;
	enum bench_mode mode;
};

/* The maximum number of workers of a world, which share an oil. */
#define BENCH_WORKERS 2u

/* A flow: source and group, and the tunnel by which it arrives. */
struct bench_flow {
	rte_be32_t remote; /* outer source */
	rte_be32_t source, group;
};

struct bench_world {
	const struct bench_environment *environment;
	struct bench_setting setting;
	struct gremc_rcu *rcu;
	struct gremc_vifs *vifs;
	struct gremc_fanout *fanout;
	struct gremc_ports ports;
	struct gremc_port port[2]; /* in, out */
	struct gremc_worker_group *group;
	struct gremc_worker *worker; /* the first worker, which receives */
	uint32_t workers;            /* number for bench_world_workers_create() */
	uint32_t tunnel_count;
	uint32_t *vif;           /* of each tunnel */
	uint32_t adjacency;      /* of all tunnels */
	struct bench_flow *flow; /* one of each mroute, in shuffled order */
	uint32_t flow_count;
	uint64_t random;
	uint32_t *stamp; /* [tunnel]: bench_world_oil_draw() */
	uint32_t stamps;
};

/* Create a world with the tunnels and the mroutes of the point (groups 0: none). One world exists at a time.
 * Returns: NULL if no memory is available. */
struct bench_world *bench_world_create(const struct bench_environment *environment,
				       const struct bench_point *point);
/* The same with a setting other than the default one. */
struct bench_world *bench_world_create_with(const struct bench_environment *environment,
					    const struct bench_point *point,
					    const struct bench_setting *setting);
/* Free the world; NULL is allowed. */
void bench_world_destroy(struct bench_world *world);
/* Replace the worker, or the workers, which then share every oil, for replicas of `mode` with inner packets
 * of `size` bytes.
 * Returns: 0, or -1 if no memory is available. */
int bench_world_workers_create(struct bench_world *world, enum bench_mode mode, uint32_t size);
/* Resolve the next hop of all tunnels.
 * Returns: 0, or -1 if no memory is available. */
int bench_world_resolve(struct bench_world *world);
/* Returns: memory of the oils of the point's routes, in bytes. */
uint64_t bench_point_memory(const struct bench_point *point);
/* Returns: number of tunnels of the point: the configured number, but more than the fan-out. */
uint32_t bench_point_tunnels(const struct bench_point *point);
/* Returns: COPY or SHARE; for AUTO by the default copy threshold. */
enum bench_mode bench_point_mode(const struct bench_point *point);

/* Write the vifs of `count` different tunnels, ascending, except the vif of tunnel `but`. */
void bench_world_oil_draw(struct bench_world *world, uint32_t *oil, uint32_t count, uint32_t but);
/* Returns: the n-th flow of the world. Its addresses depend on n; it arrives by `tunnel`. */
struct bench_flow bench_flow_make(uint32_t n, uint32_t tunnel);
/* Returns: the next number of a reproducible sequence. */
uint64_t bench_random(uint64_t *state);
/* Returns: a number from 0 to limit - 1. */
static inline uint32_t bench_random_below(uint64_t *state, uint32_t limit)
{
	return (uint32_t)(((bench_random(state) & UINT32_MAX) * limit) >> 32);
}

/* ---- input (frames.c) ---- */

/* Kinds of input: name and description. All kinds but the first two end as drops, or lose their replicas. */
#define BENCH_INPUTS(X)                                                                                      \
	X(good, "packets that the mroutes forward")                                                          \
	X(no_adjacency, "forwarded to a next hop without a MAC address")                                     \
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
/* Returns: the name or the description of a kind. */
const char *bench_input_name(enum bench_input input);
/* As above. */
const char *bench_input_text(enum bench_input input);

/* An endless sequence of frames. */
struct bench_source {
	const struct bench_world *world;
	enum bench_input input;
	uint32_t next;                  /* flow */
	uint32_t length;                /* of a frame */
	uint32_t outer, inner;          /* offsets of the IP headers; inner 0: none */
	const struct bench_flow *extra; /* not NULL: the first frame of each section is of this flow */
	uint8_t frame[2048];
};
/* Initialize a source of frames with inner packets of `size` bytes. */
void bench_source_init(struct bench_source *source, const struct bench_world *world, enum bench_input input,
		       uint32_t size);
/* Allocate mbufs with the next n frames.
 * Owner:   the caller.
 * Returns: 0, or -1 if the pool is empty. */
int bench_source_alloc(struct bench_source *source, struct rte_mbuf **frames, uint32_t n);

/* ---- sections (section.c) ---- */

/* Returns: the TSC after all earlier instructions have ended, and before any later one begins. */
static inline uint64_t bench_clock(void)
{
	uint64_t now;

	rte_mb();
	now = rte_rdtsc_precise();
	rte_compiler_barrier();
	return now;
}
/* Returns: the cost of one read of the clock, in cycles. */
uint64_t bench_clock_cost(void);

/* Begin a burst, like gremc_stage_rx(). */
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

/* Run the worker's stages, in its order, over received frames. Not inlined, because callgrind counts the
 * instructions inside this function. */
void bench_forward(struct gremc_worker *worker, const struct gremc_rxq *rxq, struct rte_mbuf **frames,
		   uint32_t count, uint32_t burst, uint32_t length);

struct bench_section_cost {
	uint64_t receive, forward; /* cycles */
};
/* Prepare `count` frames (up to BENCH_SECTION), receive them burst by burst, and forward them.
 * Returns: 0, or -1 without mbufs. */
int bench_section(struct bench_world *world, struct bench_source *source, uint32_t count, uint32_t burst,
		  struct bench_section_cost *cost);
/* Measure the cost of a read of the clock.
 * Order:   before the first bench_section(). */
void bench_section_calibrate(void);

/* Returns: the counts of the world's worker since its creation. */
struct gremc_totals bench_world_totals(const struct bench_world *world);

/* ---- the baseline (baseline.c) ---- */

struct bench_baseline;
/* Create the baseline's pools and templates.
 * Returns: NULL if no memory is available. */
struct bench_baseline *bench_baseline_create(const struct bench_environment *environment);
/* Free it; NULL is allowed. */
void bench_baseline_destroy(struct bench_baseline *baseline);
/* Measure for at least `cycles`.
 * Returns: cycles per replica; negative if the pool is empty. */
double bench_baseline_measure(struct bench_baseline *baseline, bool copy, uint32_t size, uint32_t fanout,
			      uint64_t cycles);

/* ---- measurement (measure.c) ---- */

#define BENCH_SLICES_MAX 512

/* One figure of each slice. */
struct bench_samples {
	uint32_t count;
	double value[BENCH_SLICES_MAX];
};
/* Append a sample; samples beyond the capacity are omitted. */
static inline void bench_samples_add(struct bench_samples *samples, double value)
{
	if (samples->count < BENCH_SLICES_MAX)
		samples->value[samples->count++] = value;
}
/* Sort the samples and return their quantile q (0: minimum, 0.5: median); 0 without samples. */
double bench_samples_quantile(struct bench_samples *samples, double q);

struct bench_result {
	struct bench_point point;                           /* with a mode other than AUTO */
	uint32_t tunnels;                                   /* number created */
	struct bench_samples input, receive;                /* cycles per input packet */
	struct bench_samples baseline_copy, baseline_share; /* cycles per replica */
};
/* Measure one point in its world: slices of the point and of the baseline alternate for about `seconds`.
 * Returns: 0 or -1. */
int bench_measure(struct bench_world *world, struct bench_baseline *baseline, const struct bench_point *point,
		  double seconds, struct bench_result *result);
/* Measure the cycles per packet of one kind of input for about `seconds`, and append the samples.
 * Returns: 0 or -1. */
int bench_measure_input(struct bench_world *world, enum bench_input input, const struct bench_point *point,
			double seconds, struct bench_samples *samples);

/* ---- a worker on its own lcore (load.c) ---- */

/* Forwards the flows of its world at the highest rate until `stop`. */
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
/* Start the worker.
 * Returns: 0, or -1 without a second lcore. */
int bench_load_start(struct bench_load *load);
/* Stop the worker.
 * Returns: 0, or -1 if it failed. */
int bench_load_stop(struct bench_load *load);

/* ---- JSON output (output.c) ---- */

struct bench_output {
	FILE *json; /* NULL: none */
	unsigned sections, items;
};
/* Open the file; `path` NULL: no output.
 * Returns: 0 or -1. */
int bench_output_open(struct bench_output *output, const char *path,
		      const struct bench_environment *environment);
/* Begin a list of objects under this name. */
void bench_output_begin(struct bench_output *output, const char *name);
/* End the list. */
void bench_output_end(struct bench_output *output);
/* Append an object to the list.
 * Input:   `format` is the text between the braces. */
void bench_output_item(struct bench_output *output, const char *format, ...) __rte_format_printf(2, 3);
/* Close the file.
 * Returns: 0, or -1 if the file is incomplete. */
int bench_output_close(struct bench_output *output);

/* ---- the commands ---- */

struct bench_arguments {
	struct bench_point point;
	bool one;   /* an option selects the point */
	bool alone; /* no other command runs before */
	bool quick, grid;
	double seconds; /* per point; 0: the command's default */
	const char *json;
	uint32_t packets; /* of the command `count` */
};

/* Each command returns an exit status: 0 or 1. */
/* Cost of a replica at several points. */
int bench_points(const struct bench_environment *environment, const struct bench_arguments *arguments,
		 struct bench_output *output);
/* Cost of packets that are not forwarded. */
int bench_malformed(const struct bench_environment *environment, const struct bench_arguments *arguments,
		    struct bench_output *output);
/* Memory and changes of the mroute table. */
int bench_table(const struct bench_environment *environment, const struct bench_arguments *arguments,
		struct bench_output *output);
/* Time from a new mroute to its first replica. */
int bench_publish(const struct bench_environment *environment, const struct bench_arguments *arguments,
		  struct bench_output *output);
/* One mroute's oil on one and on two lcores. */
int bench_shard(const struct bench_environment *environment, const struct bench_arguments *arguments,
		struct bench_output *output);
/* Received flows on one and on two lcores. */
int bench_spread(const struct bench_environment *environment, const struct bench_arguments *arguments,
		 struct bench_output *output);
/* Cost of each stage. */
int bench_stages(const struct bench_environment *environment, const struct bench_arguments *arguments,
		 struct bench_output *output);
/* A fixed sequence of packets for callgrind. */
int bench_count(const struct bench_environment *environment, const struct bench_arguments *arguments,
		struct bench_output *output);

#endif
