/* SPDX-License-Identifier: BSD-3-Clause */
/* Cost of a replica over fan-out, size, groups, tunnels and burst, each beside the baseline. */
#include <stdlib.h>

#include "bench.h"

#define POINT_SECONDS  1.0
#define QUICK_SECONDS  0.4
#define CHOSEN_SECONDS 1.5
#define GRID_SECONDS   0.12
/* A median so far above the minimum shows that other work used the machine. */
#define NOISE 1.25
/* The grid omits points whose routes need more. */
#define GRID_MEMORY (UINT64_C(512) << 20)

/* The default points: one parameter varies at a time. */
static const struct bench_point chosen[] = {
	/* fan-out, size, groups, tunnels, burst */
	{1, 64, 1024, 1024, 32, BENCH_AUTO},
	{4, 64, 1024, 1024, 32, BENCH_AUTO},
	{16, 64, 1024, 1024, 32, BENCH_AUTO},
	{64, 64, 1024, 1024, 32, BENCH_AUTO},
	{256, 64, 1024, 1024, 32, BENCH_AUTO},
	{1024, 64, 1024, 1024, 32, BENCH_AUTO},
	{4096, 64, 1024, 1024, 32, BENCH_AUTO},
	/* size */
	{1, 1400, 1024, 1024, 32, BENCH_AUTO},
	{16, 128, 1024, 1024, 32, BENCH_AUTO},
	{16, 256, 1024, 1024, 32, BENCH_AUTO},
	{16, 512, 1024, 1024, 32, BENCH_AUTO},
	{16, 1400, 1024, 1024, 32, BENCH_AUTO},
	{64, 1400, 1024, 1024, 32, BENCH_AUTO},
	/* burst */
	{1, 64, 1024, 1024, 4, BENCH_AUTO},
	{16, 64, 1024, 1024, 4, BENCH_AUTO},
	{16, 64, 1024, 1024, 8, BENCH_AUTO},
	{16, 64, 1024, 1024, 64, BENCH_AUTO},
	/* tunnels */
	{16, 64, 1024, 16, 32, BENCH_AUTO},
	{16, 64, 1024, 65536, 32, BENCH_AUTO},
	/* groups */
	{4, 64, 1, 1024, 32, BENCH_AUTO},
	{4, 64, 10000, 1024, 32, BENCH_AUTO},
	{4, 64, 100000, 1024, 32, BENCH_AUTO},
	{4, 64, 1000000, 1024, 32, BENCH_AUTO},
	{16, 64, 1000000, 1024, 32, BENCH_AUTO},
};

/* Both modes at each size, to find the size from which sharing is cheaper. Not in a quick run. */
static const struct bench_point modes[] = {
	{16, 64, 1024, 1024, 32, BENCH_SHARE},  {16, 128, 1024, 1024, 32, BENCH_SHARE},
	{16, 256, 1024, 1024, 32, BENCH_SHARE}, {16, 512, 1024, 1024, 32, BENCH_COPY},
	{16, 1400, 1024, 1024, 32, BENCH_COPY},
};

static const uint32_t point_fanouts[] = {1, 4, 16, 64, 256, 1024, 4096};
static const uint32_t point_groups[] = {1, 1000, 10000, 100000, 1000000};
static const uint32_t tunnels[] = {16, 1024, 65536};
static const uint32_t sizes[] = {64, 128, 256, 512, 1400};
static const uint32_t bursts[] = {4, 8, 32, 64};

/* The world of the previous point is used again if it has the same tunnels and mroutes. */
struct run {
	const struct bench_environment *environment;
	struct bench_output *output;
	struct bench_baseline *baseline;
	struct bench_world *world;
	struct bench_point made; /* of the world */
	double seconds;
};

static const char *bench_mode_name(enum bench_mode mode)
{
	return mode == BENCH_SHARE ? "share" : "copy";
}

static void points_print_head(void)
{
	printf("\nCycles, minimum (median). Baseline: the cheaper of copy and share at this fan-out and size.\n"
	       "fan-out size  groups tunnels burst mode    per replica   per input  receive     baseline  ratio "
	       "Mreplicas/s\n");
}

static void point_report(struct run *run, struct bench_result *result)
{
	const struct bench_point *point = &result->point;
	const double copy = bench_samples_quantile(&result->baseline_copy, 0);
	const double share = bench_samples_quantile(&result->baseline_share, 0);
	struct bench_samples *baseline = copy <= share ? &result->baseline_copy : &result->baseline_share;
	const double least = copy <= share ? copy : share;
	const double input = bench_samples_quantile(&result->input, 0), replica = input / point->fanout;
	const double median = bench_samples_quantile(&result->input, 0.5) / point->fanout;
	const double baseline_median = bench_samples_quantile(baseline, 0.5);
	const double receive = bench_samples_quantile(&result->receive, 0);
	const bool noisy = median > replica * NOISE || baseline_median > least * NOISE;
	const double millions = (double)rte_get_tsc_hz() / replica / 1e6;

	printf("%6u %5u %7u %7u %5u %-5s %6.1f (%6.1f) %9.0f %8.1f %6.1f %-5s %5.2f %9.1f%s\n", point->fanout,
	       point->size, point->groups, result->tunnels, point->burst, bench_mode_name(point->mode),
	       replica, median, input, receive, least, copy <= share ? "copy" : "share", replica / least,
	       millions, noisy ? "  noisy" : "");
	fflush(stdout);
	bench_output_item(
		run->output,
		"\"fanout\": %u, \"size\": %u, \"groups\": %u, \"tunnels\": %u, \"burst\": %u, \"mode\": \"%s\", "
		"\"cycles_per_replica\": %.2f, \"cycles_per_input\": %.1f, \"baseline_cycles\": %.2f, \"ratio\": %.3f, "
		"\"mreplicas_per_s\": %.2f, \"receive_cycles_per_input\": %.1f, \"cycles_per_replica_median\": %.2f, "
		"\"baseline_cycles_median\": %.2f, \"ratio_median\": %.3f, \"baseline_copy_cycles\": %.2f, "
		"\"baseline_share_cycles\": %.2f, \"slices\": %u, \"noisy\": %s",
		point->fanout, point->size, point->groups, result->tunnels, point->burst,
		bench_mode_name(point->mode), replica, input, least, replica / least, millions, receive,
		median, baseline_median, median / baseline_median, copy, share, result->input.count,
		noisy ? "true" : "false");
}

static int point_measure(struct run *run, const struct bench_point *point)
{
	static struct bench_result result;
	const struct bench_point *made = &run->made;

	if (run->world == NULL || made->fanout != point->fanout || made->groups != point->groups ||
	    made->tunnels != point->tunnels) {
		bench_world_destroy(run->world);
		run->world = bench_world_create(run->environment, point);
		run->made = *point;
		if (run->world == NULL)
			return -1;
	}
	if (bench_measure(run->world, run->baseline, point, run->seconds, &result))
		return -1;
	point_report(run, &result);
	return 0;
}

static int world_measure(struct run *run, struct bench_point point)
{
	for (unsigned size = 0; size < RTE_DIM(sizes); size++) {
		for (unsigned burst = 0; burst < RTE_DIM(bursts); burst++) {
			point.size = sizes[size];
			point.burst = bursts[burst];
			if (point_measure(run, &point))
				return -1;
		}
		/* at the default burst the other mode, too, to check the threshold */
		point.burst = 32;
		point.mode = bench_point_mode(&point) == BENCH_COPY ? BENCH_SHARE : BENCH_COPY;
		if (point.groups == 1000 && point.tunnels == 1024 && point_measure(run, &point))
			return -1;
		point.mode = BENCH_AUTO;
	}
	return 0;
}

static int grid_measure(struct run *run)
{
	for (unsigned g = 0; g < RTE_DIM(point_groups); g++) {
		for (unsigned t = 0; t < RTE_DIM(tunnels); t++) {
			for (unsigned f = 0; f < RTE_DIM(point_fanouts); f++) {
				const struct bench_point point = {.fanout = point_fanouts[f],
								  .groups = point_groups[g],
								  .tunnels = tunnels[t]};

				if (bench_point_memory(&point) <= GRID_MEMORY && world_measure(run, point))
					return -1;
			}
		}
	}
	return 0;
}

static int chosen_points_measure(struct run *run, bool quick)
{
	int rc = 0;

	for (unsigned i = 0; i < RTE_DIM(chosen) && rc == 0; i++)
		rc = point_measure(run, &chosen[i]);
	for (unsigned i = 0; i < RTE_DIM(modes) && rc == 0 && !quick; i++)
		rc = point_measure(run, &modes[i]);
	return rc;
}

/* Seconds per point, if no option sets them. */
static double seconds_per_point(const struct bench_arguments *arguments)
{
	if (arguments->seconds > 0)
		return arguments->seconds;
	if (arguments->grid)
		return GRID_SECONDS;
	if (arguments->one)
		return POINT_SECONDS;
	return arguments->quick ? QUICK_SECONDS : CHOSEN_SECONDS;
}

int bench_points(const struct bench_environment *environment, const struct bench_arguments *arguments,
		 struct bench_output *output)
{
	struct run run = {
		.environment = environment, .output = output, .seconds = seconds_per_point(arguments)};
	int rc = 0;

	run.baseline = bench_baseline_create(environment);
	if (run.baseline == NULL)
		return 1;
	points_print_head();
	bench_output_begin(output, "points");
	if (arguments->grid)
		rc = grid_measure(&run);
	else if (arguments->one)
		rc = point_measure(&run, &arguments->point);
	else
		rc = chosen_points_measure(&run, arguments->quick);
	bench_output_end(output);
	bench_world_destroy(run.world);
	bench_baseline_destroy(run.baseline);
	return rc ? 1 : 0;
}
