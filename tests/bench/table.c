/* SPDX-License-Identifier: BSD-3-Clause */
/* A large table: the mroutes per second that one writer adds, replaces and removes while a worker forwards,
 * and the memory of an entry. */
#include <inttypes.h>
#include <stdlib.h>

#include "bench.h"

#define BASE          1024u /* mroutes that the worker forwards during the changes */
#define CHUNK         4096u /* changes that are prepared before the clock starts */
#define QUICK_ENTRIES 200000u
#define MEMORY_LIMIT  (UINT64_C(256) << 20) /* of the mroutes of one measurement of memory */
#define QUICK_LIMIT   (UINT64_C(32) << 20)

static const uint32_t batches[] = {1, 64, 1024}; /* changes per call */
static const uint32_t fanouts[] = {1, 4, 16, 64, 256, 1024};

enum kind { ADD, REPLACE, REMOVE, KINDS };
static const char *const operation_names[KINDS] = {"add", "replace", "remove"};

struct change {
	struct bench_world *world;
	uint32_t entries, fanout;
	uint32_t *order; /* entries, shuffled */
	struct gremc_fanout_op *ops;
	uint32_t *vifs; /* for each change of a chunk: the iif, then the oil */
};

/* The cost of a run over all entries. */
struct timing {
	uint64_t cycles, longest; /* seconds in all calls; in the longest call */
	unsigned waiting;         /* the most changes that waited for a grace period at one time */
};

static int table_change_init(struct change *change, struct bench_world *world, uint32_t entries,
			     uint32_t fanout)
{
	*change = (struct change){.world = world, .entries = entries, .fanout = fanout};
	change->order = malloc(entries * sizeof(*change->order));
	change->ops = malloc(CHUNK * sizeof(*change->ops));
	change->vifs = malloc((size_t)CHUNK * (fanout + 1) * sizeof(*change->vifs));
	if (change->order == NULL || change->ops == NULL || change->vifs == NULL) {
		fprintf(stderr, "gremc-bench: no memory for %u changes\n", entries);
		return -1;
	}
	for (uint32_t i = 0; i < entries; i++)
		change->order[i] = i;
	for (uint32_t i = entries; i > 1; i--) {
		uint32_t other = bench_random_below(&world->random, i), held = change->order[i - 1];

		change->order[i - 1] = change->order[other];
		change->order[other] = held;
	}
	return 0;
}

static void table_change_fini(struct change *change)
{
	free(change->order);
	free(change->ops);
	free(change->vifs);
}

/* Prepare the operations on entries [first, first + count), in their order, with new oils. */
static void change_ops_fill(struct change *change, enum kind kind, uint32_t first, uint32_t count)
{
	struct bench_world *world = change->world;

	for (uint32_t i = 0; i < count; i++) {
		const uint32_t n = change->order[first + i];
		const uint32_t tunnel = bench_random_below(&world->random, world->tunnel_count);
		const struct bench_flow flow = bench_flow_make(BASE + n, tunnel);
		uint32_t *iif = &change->vifs[(size_t)i * (change->fanout + 1)];

		*iif = world->vif[tunnel];
		bench_world_oil_draw(world, iif + 1, change->fanout, tunnel);
		change->ops[i] = (struct gremc_fanout_op){
			.kind = kind == REMOVE ? GREMC_FANOUT_REMOVE : GREMC_FANOUT_SET,
			.spec = {.source = flow.source,
				 .group = flow.group,
				 .length = 32,
				 .iif_count = 1,
				 .iifs = iif,
				 .oif_count = change->fanout,
				 .oifs = iif + 1},
		};
	}
}

/* Change all entries, `batch` per call. Reclaim freed memory after each call, as the control loop does. */
static int change_apply_all(struct change *change, enum kind kind, uint32_t batch, struct timing *timing)
{
	struct bench_world *world = change->world;

	*timing = (struct timing){0};
	for (uint32_t first = 0, chunk; first < change->entries; first += chunk) {
		chunk = RTE_MIN(CHUNK, change->entries - first);
		change_ops_fill(change, kind, first, chunk);
		for (uint32_t done = 0, n; done < chunk; done += n) {
			uint64_t start = rte_rdtsc(), took;
			unsigned waiting;
			int rc;

			n = RTE_MIN(batch, chunk - done);
			rc = gremc_fanout_apply(world->fanout, &change->ops[done], n, NULL, NULL);
			if (rc) {
				fprintf(stderr, "gremc-bench: %s of mroute %u failed: error %d\n",
					operation_names[kind], first + done, -rc);
				return -1;
			}
			waiting = gremc_rcu_reclaim(world->rcu);
			took = rte_rdtsc() - start;
			timing->cycles += took;
			timing->longest = RTE_MAX(timing->longest, took);
			timing->waiting = RTE_MAX(timing->waiting, waiting);
		}
	}
	return 0;
}

/* ---- speed of changes ---- */

static uint64_t load_packets_read(const struct bench_load *load)
{
	return gremc_u64_load_acquire(&load->packets);
}

static void table_report_speed(struct bench_output *output, const struct change *change, enum kind kind,
			       uint32_t batch, const struct timing *timing, double reader)
{
	const double hz = (double)rte_get_tsc_hz(), speed = change->entries / ((double)timing->cycles / hz);
	const double longest = (double)timing->longest / hz * 1e3;

	printf("%-8s %6u %11.0f %13.2f %9u %11.2f\n", operation_names[kind], batch, speed, longest,
	       timing->waiting, reader / 1e6);
	fflush(stdout);
	bench_output_item(
		output,
		"\"operation\": \"%s\", \"entries\": %u, \"fanout\": %u, \"batch\": %u, \"per_second\": %.0f, "
		"\"longest_call_ms\": %.3f, \"most_waiting\": %u, \"reader_mpps\": %.3f",
		operation_names[kind], change->entries, change->fanout, batch, speed, longest,
		timing->waiting, reader / 1e6);
}

/* Add, replace and remove all entries while the load runs. */
static int table_measure_batch(struct change *change, struct bench_load *load, uint32_t batch,
			       struct bench_output *output)
{
	for (enum kind kind = ADD; kind < KINDS; kind++) {
		uint64_t start = rte_rdtsc(), packets = load_packets_read(load);
		struct timing timing;

		if (change_apply_all(change, kind, batch, &timing))
			return -1;
		table_report_speed(output, change, kind, batch, &timing,
				   (double)(load_packets_read(load) - packets) /
					   ((double)(rte_rdtsc() - start) / (double)rte_get_tsc_hz()));
	}
	return 0;
}

/* The worker's speed without changes. */
static double load_measure_alone(const struct bench_load *load)
{
	const uint64_t hz = rte_get_tsc_hz(), start = rte_rdtsc(), packets = load_packets_read(load);

	while (rte_rdtsc() - start < hz / 2)
		rte_pause();
	return (double)(load_packets_read(load) - packets) * 2;
}

static int table_measure_speed(const struct bench_environment *environment,
			       const struct bench_arguments *arguments, struct bench_output *output)
{
	const uint32_t wanted = arguments->quick ? QUICK_ENTRIES : arguments->point.groups;
	const uint32_t entries = RTE_MIN(wanted, GREMC_MROUTES_MAX - BASE);
	struct bench_point point = arguments->point;
	struct change change = {0};
	struct bench_load load = {.burst = point.burst, .size = point.size};
	int rc = -1;

	point.groups = BASE;
	load.world = bench_world_create(environment, &point);
	if (load.world && table_change_init(&change, load.world, entries, point.fanout) == 0)
		rc = bench_load_start(&load);
	if (rc == 0) {
		printf("\nChanges of %u mroutes of fan-out %u by one writer while a worker forwards (without changes: %.2f "
		       "Mpackets/s)\n"
		       "change    batch    a second  longest, ms   waiting  worker, Mpackets/s\n",
		       entries, point.fanout, load_measure_alone(&load) / 1e6);
		for (unsigned i = 0; i < RTE_DIM(batches) && rc == 0; i++)
			rc = table_measure_batch(&change, &load, batches[i], output);
		rc |= bench_load_stop(&load);
	}
	table_change_fini(&change);
	bench_world_destroy(load.world);
	return rc;
}

/* ---- memory ---- */

/* Report the memory of an entry. `fresh`: DPDK's heap was unused, so the process grew by the memory of the
 * routes. */
static void table_report_memory(struct bench_output *output, uint32_t entries, uint32_t fanout,
				double counted, double resident, bool fresh)
{
	char text[32] = "-", json[64] = "";

	if (fresh) {
		snprintf(text, sizeof(text), "%.1f", resident);
		snprintf(json, sizeof(json), ", \"resident_bytes_per_entry\": %.1f", resident);
	}
	printf("%7u %8u %10.1f %12s\n", fanout, entries, counted, text);
	fflush(stdout);
	bench_output_item(output, "\"fanout\": %u, \"entries\": %u, \"bytes_per_entry\": %.1f%s", fanout,
			  entries, counted, json);
}

static int table_measure_memory(const struct bench_environment *environment, uint32_t entries,
				uint32_t fanout, bool fresh, struct bench_output *output)
{
	struct bench_point point = {.fanout = fanout, .size = 64, .groups = 0, .tunnels = 2048, .burst = 32};
	struct bench_world *world = bench_world_create(environment, &point);
	struct gremc_fanout_usage before, after;
	struct change change = {0};
	struct timing timing;
	uint64_t resident;
	int rc = -1;

	if (world == NULL)
		return -1;
	if (table_change_init(&change, world, entries, fanout) == 0) {
		change_ops_fill(&change, ADD, 0,
				RTE_MIN(CHUNK, entries)); /* touch the memory of the operations */
		gremc_fanout_usage(world->fanout, &before);
		resident = bench_resident();
		rc = change_apply_all(&change, ADD, 1024, &timing);
		gremc_rcu_synchronize(world->rcu);
	}
	if (rc == 0) {
		gremc_fanout_usage(world->fanout, &after);
		table_report_memory(output, entries, fanout, (double)(after.bytes - before.bytes) / entries,
				    ((double)bench_resident() - (double)resident) / entries,
				    fresh && !environment->hugepages);
	}
	table_change_fini(&change);
	bench_world_destroy(world);
	return rc;
}

static int table_measure_memories(const struct bench_environment *environment,
				  const struct bench_arguments *arguments, struct bench_output *output)
{
	const uint32_t wanted = arguments->quick ? QUICK_ENTRIES : arguments->point.groups;
	const uint64_t limit = arguments->quick ? QUICK_LIMIT : MEMORY_LIMIT;

	printf("\nMemory of an mroute in bytes: by the table's count, and by the growth of the process (only the "
	       "first row,\nbecause later rows use DPDK's heap again)\nfan-out  entries    counted     resident\n");
	if (table_measure_memory(environment, RTE_MIN(wanted, GREMC_MROUTES_MAX), arguments->point.fanout,
				 true, output))
		return -1;
	for (unsigned i = 0; i < RTE_DIM(fanouts); i++) {
		uint64_t fit = limit / (64 + fanouts[i] * sizeof(uint32_t));
		uint32_t entries = (uint32_t)RTE_MIN(fit, (uint64_t)RTE_MIN(wanted, GREMC_MROUTES_MAX));

		if (fanouts[i] != arguments->point.fanout &&
		    table_measure_memory(environment, entries, fanouts[i], false, output))
			return -1;
	}
	return 0;
}

int bench_table(const struct bench_environment *environment, const struct bench_arguments *arguments,
		struct bench_output *output)
{
	int rc;

	bench_output_begin(output, "table_memory");
	rc = table_measure_memories(environment, arguments, output);
	bench_output_end(output);
	if (rc)
		return 1;
	bench_output_begin(output, "table_changes");
	rc = table_measure_speed(environment, arguments, output);
	bench_output_end(output);
	return rc ? 1 : 0;
}
