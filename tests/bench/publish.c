/* SPDX-License-Identifier: BSD-3-Clause */
/* The time until a new mroute forwards: from the call of gremc_fanout_apply() until the worker, under load,
 * has transmitted the first replica. Each burst of the load has one packet of the new mroute. */
#include <inttypes.h>
#include <stdlib.h>

#include <rte_pause.h>

#include "bench.h"

#define ROUNDS       5000u
#define QUICK_ROUNDS 1000u
#define WAIT_SECONDS 5u

static const uint32_t publish_groups[] = {1000, 100000};

struct times {
	uint32_t count;
	double *apply, *forward; /* microseconds */
};

static int times_compare(const void *a, const void *b)
{
	double left = *(const double *)a, right = *(const double *)b;

	return (left > right) - (left < right);
}

static double times_quantile(const double *sorted, uint32_t count, double q)
{
	return sorted[(uint32_t)(q * (count - 1))];
}

/* Returns: when the load forwarded the probe; 0: it did not. */
static uint64_t probe_wait(const struct bench_load *load)
{
	const uint64_t end = rte_rdtsc() + rte_get_tsc_hz() * WAIT_SECONDS;
	uint64_t seen;

	while ((seen = gremc_u64_load_acquire(&load->seen)) == 0 && rte_rdtsc() < end)
		rte_pause();
	return seen;
}

/* Wait until the load has handled a few more bursts, so that it sees the previous change. */
static int bursts_wait(const struct bench_load *load)
{
	const uint64_t end = rte_rdtsc() + rte_get_tsc_hz() * WAIT_SECONDS;
	const uint64_t until = gremc_u64_load_acquire(&load->packets) + 3 * load->burst;

	while (gremc_u64_load_acquire(&load->packets) < until) {
		if (rte_rdtsc() > end || gremc_bool_load(&load->failed))
			return -1;
		rte_pause();
	}
	return 0;
}

static int publish_measure_once(struct bench_load *load, const struct gremc_fanout_op *set,
				struct times *times)
{
	const struct gremc_fanout_op remove = {.kind = GREMC_FANOUT_REMOVE, .spec = set->spec};
	const double hz = (double)rte_get_tsc_hz();
	struct gremc_fanout *table = load->world->fanout;
	uint64_t start, applied, seen;

	if (bursts_wait(load))
		return -1;
	gremc_u64_store_release(&load->seen, 0);
	start = rte_rdtsc();
	if (gremc_fanout_apply(table, set, 1, NULL, NULL))
		return -1;
	applied = rte_rdtsc();
	seen = probe_wait(load);
	if (seen <= start || gremc_fanout_apply(table, &remove, 1, NULL, NULL))
		return -1;
	gremc_rcu_reclaim(load->world->rcu);
	times->apply[times->count] = (double)(applied - start) / hz * 1e6;
	times->forward[times->count++] = (double)(seen - start) / hz * 1e6;
	return 0;
}

static void publish_report(struct times *times, uint32_t group_count, const struct bench_point *point,
			   struct bench_output *output)
{
	const uint32_t n = times->count;

	qsort(times->apply, n, sizeof(double), times_compare);
	qsort(times->forward, n, sizeof(double), times_compare);
	printf("%7u %7u %9.2f %9.2f %9.2f %11.2f %9.2f\n", group_count, n,
	       times_quantile(times->forward, n, 0.5), times_quantile(times->forward, n, 0.99),
	       times_quantile(times->forward, n, 1), times_quantile(times->apply, n, 0.5),
	       times_quantile(times->apply, n, 0.99));
	bench_output_item(
		output,
		"\"groups\": %u, \"fanout\": %u, \"burst\": %u, \"rounds\": %u, \"p50_us\": %.2f, \"p99_us\": %.2f, "
		"\"max_us\": %.2f, \"apply_p50_us\": %.2f, \"apply_p99_us\": %.2f",
		group_count, point->fanout, point->burst, n, times_quantile(times->forward, n, 0.5),
		times_quantile(times->forward, n, 0.99), times_quantile(times->forward, n, 1),
		times_quantile(times->apply, n, 0.5), times_quantile(times->apply, n, 0.99));
}

static int publish_measure(struct bench_load *load, const struct bench_point *point, uint32_t rounds,
			   struct times *times)
{
	const struct bench_flow probe = bench_flow_make(point->groups, 0);
	uint32_t *oil = malloc(point->fanout * sizeof(*oil));
	const struct gremc_fanout_op set = {
		.kind = GREMC_FANOUT_SET,
		.spec = {.source = probe.source,
			 .group = probe.group,
			 .length = 32,
			 .iif_count = 1,
			 .iifs = &load->world->vif[0],
			 .oif_count = point->fanout,
			 .oifs = oil},
	};
	int rc = -1;

	load->probe = &probe;
	if (oil) {
		bench_world_oil_draw(load->world, oil, point->fanout, 0);
		rc = bench_load_start(load);
	}
	if (rc == 0) {
		for (uint32_t i = 0; i < rounds && rc == 0; i++)
			rc = publish_measure_once(load, &set, times);
		if (rc)
			fprintf(stderr, "gremc-bench: a new mroute did not forward within %u s\n",
				WAIT_SECONDS);
		rc |= bench_load_stop(load);
	}
	free(oil);
	return rc;
}

static int publish_measure_groups(const struct bench_environment *environment, struct bench_point point,
				  uint32_t rounds, struct bench_output *output)
{
	struct bench_load load = {.burst = point.burst, .size = point.size};
	struct times times = {0};
	int rc = -1;

	times.apply = malloc(rounds * sizeof(double));
	times.forward = malloc(rounds * sizeof(double));
	load.world = bench_world_create(environment, &point);
	if (times.apply && times.forward && load.world)
		rc = publish_measure(&load, &point, rounds, &times);
	if (rc == 0)
		publish_report(&times, point.groups, &point, output);
	bench_world_destroy(load.world);
	free(times.apply);
	free(times.forward);
	return rc;
}

int bench_publish(const struct bench_environment *environment, const struct bench_arguments *arguments,
		  struct bench_output *output)
{
	struct bench_point point = arguments->point;
	int rc = 0;

	printf("\nFrom the call to the first replica of a new mroute, under load (fan-out %u, burst %u), microseconds; "
	       "and the call alone\n"
	       " groups  rounds       p50       p99       max   call: p50       p99\n",
	       point.fanout, point.burst);
	bench_output_begin(output, "publish");
	for (unsigned i = 0; i < RTE_DIM(publish_groups) && rc == 0; i++) {
		point.groups = publish_groups[i];
		rc = publish_measure_groups(environment, point, arguments->quick ? QUICK_ROUNDS : ROUNDS,
					    output);
	}
	bench_output_end(output);
	return rc ? 1 : 0;
}
