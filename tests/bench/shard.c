/* SPDX-License-Identifier: BSD-3-Clause */
/* The gain of a second lcore. One lcore receives all packets and passes the other its part by a ring, as in
 * the forwarder: a part of a large oil, or the flows of the other lcore. The clock stops when both have sent
 * all replicas. */
#include <rte_launch.h>
#include <rte_pause.h>

#include "bench.h"
#include "datapath/handoff.h"

#define SECONDS       3.0
#define QUICK_SECONDS 0.6
#define REPLICAS      65536u /* of a slice, at least, where a section has as many packets */
#define ROUND         8u     /* slices of one kind in a row */
#define WAIT_SECONDS  5u

struct kind {
	const char *name, *title;
	bool spread; /* flows, not parts of oils */
	uint32_t groups;
	uint32_t fanout[7]; /* ends with 0 */
};

/* Around the default threshold, and at large oils. */
static const struct kind shard = {
	.name = "shard",
	.title = "One mroute: its oil on one lcore, and on two",
	.groups = 1,
	.fanout = {64, 128, 256, 512, 1024, 4096},
};
static const struct kind spread = {
	.name = "spread",
	.title = "1,024 mroutes, received by one lcore, forwarded by one or by two",
	.spread = true,
	.groups = 1024,
	.fanout = {1, 4, 16, 64},
};

/* The second lcore. */
struct helper {
	struct gremc_worker *worker;
	gremc_atomic_bool stop; /* writer: the measuring lcore; reader: the helper */
};

static int helper_thread(void *argument)
{
	struct helper *helper = argument;
	struct gremc_worker *worker = helper->worker;

	rte_rcu_qsbr_thread_online(worker->qsbr, (unsigned)worker->rcu_slot);
	while (!gremc_bool_load(&helper->stop)) {
		gremc_worker_poll_handoff(worker);
		rte_rcu_qsbr_quiescent(worker->qsbr, (unsigned)worker->rcu_slot);
	}
	rte_rcu_qsbr_thread_offline(worker->qsbr, (unsigned)worker->rcu_slot);
	return 0;
}

/* Returns: replicas of the world's workers so far. */
static uint64_t replicas_made(const struct bench_world *world)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < world->group->count; i++)
		sum += gremc_counter_read(&world->group->worker[i]->stats->totals.wanted);
	return sum;
}

/* Forward `count` frames. Returns 0, or -1 if not all replicas are sent in time. */
static int split_measure_slice(struct bench_world *world, struct bench_source *source,
			       const struct bench_point *point, uint32_t count, struct bench_samples *samples)
{
	const uint64_t end = replicas_made(world) + (uint64_t)count * point->fanout;
	struct bench_section_cost cost;
	uint64_t start = rte_rdtsc();
	const uint64_t late = start + rte_get_tsc_hz() * WAIT_SECONDS;

	if (bench_section(world, source, count, point->burst, &cost))
		return -1;
	start = bench_clock();
	while (replicas_made(world) < end) {
		if (rte_rdtsc() > late) {
			fprintf(stderr, "gremc-bench: the second lcore does not send its part\n");
			return -1;
		}
		rte_pause();
	}
	bench_samples_add(samples, (double)(cost.forward + bench_clock() - start) / count / point->fanout);
	return 0;
}

/* Measure some slices on one lcore or on both. */
static int split_measure_round(struct bench_world *world, struct bench_source *source,
			       const struct kind *kind, const struct bench_point *point, bool both,
			       struct bench_samples *samples)
{
	struct helper helper = {.worker = world->group->worker[1]};
	const unsigned lcore = helper.worker->lcore;
	const uint32_t count = RTE_MIN(RTE_MAX(REPLICAS / point->fanout, point->burst), BENCH_SECTION);
	int rc = 0;

	gremc_u32_store(&world->worker->split_threshold, both && !kind->spread ? 1 : UINT32_MAX);
	gremc_u32_store(&helper.worker->split_threshold, UINT32_MAX);
	gremc_bool_store(&world->worker->software_rss, both && kind->spread);
	if (both && rte_eal_remote_launch(helper_thread, &helper, lcore)) {
		fprintf(stderr, "gremc-bench: lcore %u is busy\n", lcore);
		return -1;
	}
	for (unsigned i = 0; i < ROUND && rc == 0; i++)
		rc = split_measure_slice(world, source, point, count, samples);
	gremc_bool_store(&helper.stop, true);
	rte_eal_wait_lcore(lcore);
	return rc;
}

static void split_report(const struct bench_point *point, struct bench_samples samples[2],
			 struct bench_output *output)
{
	const double alone = bench_samples_quantile(&samples[0], 0),
		     both = bench_samples_quantile(&samples[1], 0);
	const double alone_median = bench_samples_quantile(&samples[0], 0.5),
		     both_median = bench_samples_quantile(&samples[1], 0.5);

	printf("%6u %5u %9.1f (%6.1f) %9.1f (%6.1f) %8.2f (%5.2f)\n", point->fanout, point->size, alone,
	       alone_median, both, both_median, alone / both, alone_median / both_median);
	bench_output_item(output,
			  "\"fanout\": %u, \"size\": %u, \"cycles_per_replica\": %.2f, "
			  "\"cycles_per_replica_median\": %.2f, \"two_lcores\": %.2f, "
			  "\"two_lcores_median\": %.2f, \"speedup\": %.3f, \"speedup_median\": %.3f",
			  point->fanout, point->size, alone, alone_median, both, both_median, alone / both,
			  alone_median / both_median);
}

static int split_measure(const struct bench_environment *environment, const struct kind *kind,
			 const struct bench_point *point, double seconds, struct bench_output *output)
{
	struct bench_world *world = bench_world_create(environment, point);
	static struct bench_samples samples[2];
	static struct bench_source source;
	const uint64_t end = rte_rdtsc() + (uint64_t)(seconds * (double)rte_get_tsc_hz());
	int rc = -1;

	samples[0].count = samples[1].count = 0;
	if (world == NULL)
		return -1;
	world->workers = BENCH_WORKERS;
	if (bench_world_workers_create(world, bench_point_mode(point), point->size))
		goto out;
	bench_source_init(&source, world, BENCH_INPUT_good, point->size);
	rte_rcu_qsbr_thread_online(world->worker->qsbr, (unsigned)world->worker->rcu_slot);
	do {
		rc = split_measure_round(world, &source, kind, point, false, &samples[0]);
		if (rc == 0)
			rc = split_measure_round(world, &source, kind, point, true, &samples[1]);
	} while (rc == 0 && rte_rdtsc() < end);
	rte_rcu_qsbr_thread_offline(world->worker->qsbr, (unsigned)world->worker->rcu_slot);
	if (rc == 0)
		split_report(point, samples, output);
out:
	bench_world_destroy(world);
	return rc;
}

static int split_measure_all(const struct bench_environment *environment,
			     const struct bench_arguments *arguments, const struct kind *kind,
			     struct bench_output *output)
{
	const double seconds = arguments->seconds > 0 ? arguments->seconds
			       : arguments->quick     ? QUICK_SECONDS
						      : SECONDS;
	struct bench_point point = arguments->point;
	int rc = 0;

	if (rte_lcore_count() < BENCH_WORKERS) {
		fprintf(stderr, "gremc-bench: this needs two lcores\n");
		return 1;
	}
	printf("\n%s; cycles per replica, minimum (median)\n"
	       "fan-out size         one lcore         two lcores      speedup\n",
	       kind->title);
	bench_output_begin(output, kind->name);
	if (arguments->one)
		rc = split_measure(environment, kind, &point, seconds, output);
	for (unsigned i = 0; kind->fanout[i] && !arguments->one && rc == 0; i++) {
		point.groups = kind->groups;
		point.fanout = kind->fanout[i];
		point.tunnels = RTE_MAX(arguments->point.tunnels, 2 * kind->fanout[i]);
		rc = split_measure(environment, kind, &point, seconds, output);
	}
	bench_output_end(output);
	return rc ? 1 : 0;
}

int bench_shard(const struct bench_environment *environment, const struct bench_arguments *arguments,
		struct bench_output *output)
{
	return split_measure_all(environment, arguments, &shard, output);
}

int bench_spread(const struct bench_environment *environment, const struct bench_arguments *arguments,
		 struct bench_output *output)
{
	return split_measure_all(environment, arguments, &spread, output);
}
