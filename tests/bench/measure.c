/* SPDX-License-Identifier: BSD-3-Clause */
/* Slices of the measured point and of the baseline alternate, so other work of the machine affects both. The
 * minimum of many slices is the cost of the code; the median shows how quiet the machine was. */
#include <stdlib.h>

#include "bench.h"

#define SLICES_A_SECOND 1000u /* of the timed part of a slice */
#define LEAST_ROUNDS    5u
#define WARM_SECONDS    1u

static int samples_compare(const void *a, const void *b)
{
	double left = *(const double *)a, right = *(const double *)b;

	return (left > right) - (left < right);
}

double bench_samples_quantile(struct bench_samples *samples, double q)
{
	if (samples->count == 0)
		return 0;
	qsort(samples->value, samples->count, sizeof(samples->value[0]), samples_compare);
	return samples->value[(uint32_t)(q * (samples->count - 1) + 0.5)];
}

/* Forward every flow once, so that the caches are filled. */
static int caches_warm(struct bench_world *world, struct bench_source *source, uint32_t burst)
{
	const uint64_t end = rte_rdtsc() + rte_get_tsc_hz() * WARM_SECONDS;
	struct bench_section_cost cost;
	uint64_t packets = 0;

	do {
		if (bench_section(world, source, BENCH_SECTION, burst, &cost))
			return -1;
		packets += BENCH_SECTION;
	} while (packets < world->flow_count && rte_rdtsc() < end);
	return 0;
}

static int slice_measure(struct bench_world *world, struct bench_source *source, uint32_t burst,
			 struct bench_samples *input, struct bench_samples *received)
{
	const uint64_t enough = rte_get_tsc_hz() / SLICES_A_SECOND;
	uint64_t forward = 0, receive = 0, packets = 0;
	struct bench_section_cost cost;

	/* untimed: the slices of the baseline have filled the caches */
	if (bench_section(world, source, BENCH_SECTION, burst, &cost))
		return -1;
	do {
		if (bench_section(world, source, BENCH_SECTION, burst, &cost))
			return -1;
		forward += cost.forward;
		receive += cost.receive;
		packets += BENCH_SECTION;
	} while (forward < enough);
	bench_samples_add(input, (double)forward / (double)packets);
	if (received)
		bench_samples_add(received, (double)receive / (double)packets);
	return 0;
}

/* Check that all packets were forwarded or dropped as expected; otherwise no figure counts. */
static int totals_check(const struct bench_world *world, enum bench_input input, uint32_t fanout)
{
	const struct gremc_totals totals = bench_world_totals(world);
	const bool forwards = input == BENCH_INPUT_good || input == BENCH_INPUT_no_adjacency;
	const uint64_t wanted = forwards ? totals.rx_packets * fanout : 0;
	const uint64_t sent = input == BENCH_INPUT_good ? wanted : 0;

	if (totals.rx_packets > 0 && totals.forwarded == (forwards ? totals.rx_packets : 0) &&
	    totals.wanted == wanted && totals.sent == sent)
		return 0;
	fprintf(stderr,
		"gremc-bench: input '%s' at fan-out %u: of %" PRIu64 " packets %" PRIu64
		" were forwarded, of %" PRIu64 " replicas %" PRIu64 " sent: no figure for this\n",
		bench_input_name(input), fanout, totals.rx_packets, totals.forwarded, totals.wanted,
		totals.sent);
	return -1;
}

static int baseline_slice_measure(struct bench_baseline *baseline, const struct bench_point *point, bool copy,
				  struct bench_samples *samples)
{
	double cost = bench_baseline_measure(baseline, copy, point->size, point->fanout,
					     rte_get_tsc_hz() / SLICES_A_SECOND);

	if (cost < 0) {
		fprintf(stderr, "gremc-bench: a pool of the baseline is empty\n");
		return -1;
	}
	bench_samples_add(samples, cost);
	return 0;
}

static void reader_go_online(const struct bench_world *world)
{
	rte_rcu_qsbr_thread_online(world->worker->qsbr, (unsigned)world->worker->rcu_slot);
}

static void reader_go_offline(const struct bench_world *world)
{
	rte_rcu_qsbr_thread_offline(world->worker->qsbr, (unsigned)world->worker->rcu_slot);
}

int bench_measure(struct bench_world *world, struct bench_baseline *baseline, const struct bench_point *point,
		  double seconds, struct bench_result *result)
{
	static struct bench_source source;
	uint64_t end;
	int rc;

	*result = (struct bench_result){.point = *point, .tunnels = world->tunnel_count};
	result->point.mode = bench_point_mode(point);
	if (bench_world_workers_create(world, result->point.mode, point->size))
		return -1;
	bench_source_init(&source, world, BENCH_INPUT_good, point->size);
	reader_go_online(world);
	rc = caches_warm(world, &source, point->burst);
	end = rte_rdtsc() + (uint64_t)(seconds * (double)rte_get_tsc_hz());
	while (rc == 0 && (result->input.count < LEAST_ROUNDS ||
			   (rte_rdtsc() < end && result->input.count < BENCH_SLICES_MAX))) {
		rc = slice_measure(world, &source, point->burst, &result->input, &result->receive);
		if (rc == 0)
			rc = baseline_slice_measure(baseline, point, true, &result->baseline_copy);
		if (rc == 0)
			rc = baseline_slice_measure(baseline, point, false, &result->baseline_share);
	}
	reader_go_offline(world);
	return rc ? rc : totals_check(world, BENCH_INPUT_good, point->fanout);
}

int bench_measure_input(struct bench_world *world, enum bench_input input, const struct bench_point *point,
			double seconds, struct bench_samples *samples)
{
	const uint64_t end = rte_rdtsc() + (uint64_t)(seconds * (double)rte_get_tsc_hz());
	static struct bench_source source;
	int rc;

	if (bench_world_workers_create(world, bench_point_mode(point), point->size))
		return -1;
	bench_source_init(&source, world, input, point->size);
	reader_go_online(world);
	rc = caches_warm(world, &source, point->burst);
	do {
		if (rc == 0)
			rc = slice_measure(world, &source, point->burst, samples, NULL);
	} while (rc == 0 && rte_rdtsc() < end);
	reader_go_offline(world);
	return rc ? rc : totals_check(world, input, point->fanout);
}
