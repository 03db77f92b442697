/* SPDX-License-Identifier: BSD-3-Clause */
/* Cost of packets that are not forwarded: malformed traffic must cost less than good packets. */
#include "bench.h"

#define ROUNDS        12
#define SECONDS       4.0
#define QUICK_SECONDS 1.5

struct run {
	struct bench_world *world;
	struct bench_point point;
	double seconds; /* of one round of one input */
	struct bench_samples input[BENCH_INPUT_COUNT], no_table;
};

/* Measure one round of each kind of input. */
static int malformed_measure_round(struct run *run)
{
	int rc = 0;

	for (unsigned input = 0; input < BENCH_INPUT_COUNT && rc == 0; input++) {
		if (input == BENCH_INPUT_no_adjacency)
			rc = gremc_adjacency_resolve(run->world->vifs, run->world->adjacency, NULL);
		if (rc == 0)
			rc = bench_measure_input(run->world, input, &run->point, run->seconds,
						 &run->input[input]);
		if (rc == 0 && input == BENCH_INPUT_no_adjacency)
			rc = bench_world_resolve(run->world);
	}
	return rc;
}

/* Measure with an empty table. Two worlds cannot exist at the same time. */
static int malformed_measure_idle(const struct bench_environment *environment, struct run *run)
{
	struct bench_world *world;
	int rc;

	run->point.groups = 0;
	world = bench_world_create(environment, &run->point);
	if (world == NULL)
		return -1;
	rc = bench_measure_input(world, BENCH_INPUT_no_mroute, &run->point, run->seconds * ROUNDS,
				 &run->no_table);
	bench_world_destroy(world);
	return rc;
}

static void malformed_report_row(struct bench_output *output, const char *name, const char *text,
				 struct bench_samples *samples, double good)
{
	const double cost = bench_samples_quantile(samples, 0), median = bench_samples_quantile(samples, 0.5);

	printf("%-16s %7.1f (%7.1f) %6.2f  %s\n", name, cost, median, cost / good, text);
	bench_output_item(output,
			  "\"input\": \"%s\", \"cycles_per_input\": %.1f, \"cycles_per_input_median\": %.1f, "
			  "\"of_good\": %.3f",
			  name, cost, median, cost / good);
}

static void malformed_report(struct run *run, struct bench_output *output)
{
	const double good = bench_samples_quantile(&run->input[BENCH_INPUT_good], 0);

	printf("\nCycles per input packet by kind of input, minimum (median), and the ratio to a good one: 64 bytes, "
	       "fan-out 1, %u tunnels, burst %u\n",
	       bench_point_tunnels(&run->point), run->point.burst);
	bench_output_begin(output, "malformed");
	for (unsigned input = 0; input < BENCH_INPUT_COUNT; input++)
		malformed_report_row(output, bench_input_name(input), bench_input_text(input),
				     &run->input[input], good);
	malformed_report_row(output, "empty_table", "the table is empty", &run->no_table, good);
	bench_output_end(output);
}

int bench_malformed(const struct bench_environment *environment, const struct bench_arguments *arguments,
		    struct bench_output *output)
{
	static struct run run;
	double seconds = arguments->seconds > 0 ? arguments->seconds
			 : arguments->quick     ? QUICK_SECONDS
						: SECONDS;
	int rc = -1;

	run = (struct run){.point = arguments->point, .seconds = seconds / (BENCH_INPUT_COUNT + 1) / ROUNDS};
	run.point.fanout = 1;
	run.world = bench_world_create(environment, &run.point);
	if (run.world)
		rc = 0;
	for (unsigned i = 0; i < ROUNDS && rc == 0; i++)
		rc = malformed_measure_round(&run);
	bench_world_destroy(run.world);
	if (rc == 0)
		rc = malformed_measure_idle(environment, &run);
	if (rc == 0)
		malformed_report(&run, output);
	return rc ? 1 : 0;
}
