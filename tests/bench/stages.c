/* SPDX-License-Identifier: BSD-3-Clause */
/* The cost of each stage alone, burst by burst. The read of the clock between stages prevents the processor
 * from executing ahead, so the sum of the stages exceeds the cost of a section. */

#include "bench.h"

#define SECONDS       2.0
#define QUICK_SECONDS 0.5
#define ROUND         8u /* sections between two checks of the time */

#define STAGES(X) X(classify) X(decap) X(lookup) X(replicate) X(tx) X(account)

#define STAGE(name) STAGE_##name,
enum stage { STAGES(STAGE) STAGE_COUNT };
#undef STAGE
#define STAGE(name) #name,
static const char *const stage_names[] = {STAGES(STAGE)};
#undef STAGE

struct lap {
	uint64_t last;
	uint64_t cycles[STAGE_COUNT];
};

static inline void stage_lap_record(struct lap *lap, enum stage stage)
{
	uint64_t now = bench_clock();

	lap->cycles[stage] += now - lap->last;
	lap->last = bench_clock();
}

static void stages_forward(struct gremc_worker *worker, const struct gremc_rxq *rxq, struct rte_mbuf **frames,
			   uint32_t n, uint32_t length, struct lap *lap)
{
	bench_burst_begin(worker, frames, n, length);
	lap->last = bench_clock();
	gremc_stage_classify(worker, rxq);
	stage_lap_record(lap, STAGE_classify);
	gremc_stage_decap(worker, rxq);
	stage_lap_record(lap, STAGE_decap);
	gremc_stage_lookup(worker);
	stage_lap_record(lap, STAGE_lookup);
	gremc_stage_replicate(worker);
	stage_lap_record(lap, STAGE_replicate);
	gremc_stage_tx(&worker->egress);
	stage_lap_record(lap, STAGE_tx);
	gremc_worker_account(worker, rxq);
	stage_lap_record(lap, STAGE_account);
	rte_rcu_qsbr_quiescent(worker->qsbr, (unsigned)worker->rcu_slot);
}

/* Forward a section and add its cycles to the stages. */
static int stages_section_run(struct bench_world *world, struct bench_source *source, uint32_t burst,
			      struct lap *lap)
{
	struct gremc_worker *worker = world->worker;
	struct rte_mbuf *frames[BENCH_SECTION];

	if (bench_source_alloc(source, frames, BENCH_SECTION)) {
		fprintf(stderr, "gremc-bench: the pool of received frames is empty\n");
		return -1;
	}
	for (uint32_t done = 0, n; done < BENCH_SECTION; done += n) {
		n = RTE_MIN(BENCH_SECTION - done, burst);
		stages_forward(worker, &worker->rxq[0], frames + done, n, source->length, lap);
	}
	return 0;
}

static int stages_measure(struct bench_world *world, const struct bench_point *point, double seconds,
			  struct bench_samples *samples)
{
	static struct bench_source source;
	uint64_t end = 0;
	int rc = 0;

	bench_source_init(&source, world, BENCH_INPUT_good, point->size);
	rte_rcu_qsbr_thread_online(world->worker->qsbr, (unsigned)world->worker->rcu_slot);
	for (uint64_t warm = 0; rc == 0 && (warm < world->flow_count || rte_rdtsc() < end);) {
		struct lap lap = {0};

		for (uint32_t i = 0; i < ROUND && rc == 0; i++)
			rc = stages_section_run(world, &source, point->burst, &lap);
		warm += ROUND * BENCH_SECTION;
		if (end == 0 && warm >= world->flow_count)
			end = rte_rdtsc() + (uint64_t)(seconds * (double)rte_get_tsc_hz());
		for (unsigned stage = 0; stage < STAGE_COUNT && end; stage++)
			bench_samples_add(&samples[stage],
					  (double)lap.cycles[stage] / (ROUND * BENCH_SECTION));
	}
	rte_rcu_qsbr_thread_offline(world->worker->qsbr, (unsigned)world->worker->rcu_slot);
	return rc;
}

int bench_stages(const struct bench_environment *environment, const struct bench_arguments *arguments,
		 struct bench_output *output)
{
	static struct bench_samples samples[STAGE_COUNT];
	const struct bench_point *point = &arguments->point;
	double seconds = arguments->seconds > 0 ? arguments->seconds
			 : arguments->quick     ? QUICK_SECONDS
						: SECONDS;
	struct bench_world *world = bench_world_create(environment, point);
	const double overhead = (double)bench_clock_cost() / point->burst;
	int rc;

	if (world == NULL)
		return 1;
	rc = stages_measure(world, point, seconds, samples);
	printf("\nCycles per input packet by stage, each alone, minimum (median): fan-out %u, %u bytes, %u groups, %u tunnels, "
	       "burst %u\n",
	       point->fanout, point->size, point->groups, world->tunnel_count, point->burst);
	bench_output_begin(output, "stages");
	for (unsigned stage = 0; stage < STAGE_COUNT && rc == 0; stage++) {
		const double least = bench_samples_quantile(&samples[stage], 0) - overhead;
		const double median = bench_samples_quantile(&samples[stage], 0.5) - overhead;

		printf("%-10s %8.1f (%8.1f)\n", stage_names[stage], least, median);
		bench_output_item(
			output,
			"\"stage\": \"%s\", \"cycles_per_input\": %.1f, \"cycles_per_input_median\": %.1f",
			stage_names[stage], least, median);
	}
	bench_output_end(output);
	bench_world_destroy(world);
	return rc ? 1 : 0;
}
