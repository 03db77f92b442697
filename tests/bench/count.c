/* SPDX-License-Identifier: BSD-3-Clause */
/* The command for callgrind, which counts the instructions inside bench_forward() and writes its count at
 * each bench_callgrind_mark(): after the warm-up, after N packets, and after 2 N more. The difference of the
 * last two is the cost of N packets without the cost of the beginning. tests/bench/test_gate.py runs it and
 * reads the counts. */
#include "bench.h"

/* Ordered by fan-out, because each fan-out needs another world. */
static const uint32_t count_fanouts[] = {1, 16, 256};

/* Settings that cost something, each alone, at fan-out OPTION_FANOUT. */
static const struct gremc_config_policy count_policy = {.out.rate = {.pps = 1000000000, .burst = 1000}};
static const struct {
	const char *name;
	struct bench_setting setting;
} count_settings[] = {
	{"key", {.options = {.has_output_key = true, .output_key = 7}}},
	{"checksum", {.options = {.checksum = true}}},
	{"sequence", {.options = {.sequence = GREMC_SEQUENCE_COUNT}}},
	{"df_clear", {.options = {.df = GREMC_DF_CLEAR}}},
	{"dscp_map", {.options = {.has_dscp_map = true}}},
	{"police", {.policy = &count_policy}},
	{"rotate", {.rotates = true}},
};
#define OPTION_FANOUT 16u

#define SIZE    64u
#define GROUPS  64u
#define TUNNELS 1024u
#define BURST   32u

void bench_callgrind_mark(void);

__attribute__((noinline)) void bench_callgrind_mark(void)
{
	__asm__ volatile("" ::: "memory");
}

static int count_forward(struct bench_world *world, struct bench_source *source, uint32_t packets)
{
	struct bench_section_cost cost;
	int rc = 0;

	for (uint32_t done = 0; done < packets && rc == 0; done += BURST)
		rc = bench_section(world, source, BURST, BURST, &cost);
	return rc;
}

/* Three marks: after the warm-up, after N packets, after 2 N packets. */
static int count_input(struct bench_world *world, enum bench_input input, enum bench_mode mode,
		       uint32_t packets)
{
	static struct bench_source source;
	int rc;

	if (bench_world_workers_create(world, mode, SIZE))
		return -1;
	bench_source_init(&source, world, input, SIZE);
	rte_rcu_qsbr_thread_online(world->worker->qsbr, (unsigned)world->worker->rcu_slot);
	rc = count_forward(world, &source, packets);
	bench_callgrind_mark();
	if (rc == 0)
		rc = count_forward(world, &source, packets);
	bench_callgrind_mark();
	if (rc == 0)
		rc = count_forward(world, &source, 2 * packets);
	bench_callgrind_mark();
	rte_rcu_qsbr_thread_offline(world->worker->qsbr, (unsigned)world->worker->rcu_slot);
	return rc;
}

static int count_modes(struct bench_world *world, uint32_t fanout, uint32_t packets)
{
	for (enum bench_mode mode = BENCH_COPY; mode <= BENCH_SHARE; mode++) {
		if (count_input(world, BENCH_INPUT_good, mode, packets))
			return -1;
		printf("count %s %u %u\n", mode == BENCH_COPY ? "copy" : "share", fanout, packets);
	}
	return 0;
}

static int count_inputs(struct bench_world *world, uint32_t packets)
{
	for (enum bench_input input = BENCH_INPUT_good + 1; input < BENCH_INPUT_COUNT; input++) {
		if (input == BENCH_INPUT_no_adjacency)
			continue; /* forwarded like the kinds above */
		if (count_input(world, input, BENCH_COPY, packets))
			return -1;
		printf("count %s 0 %u\n", bench_input_name(input), packets);
	}
	return 0;
}

static int count_setting(const struct bench_environment *environment, unsigned i, uint32_t packets)
{
	const struct bench_point point = {
		.fanout = OPTION_FANOUT, .size = SIZE, .groups = GROUPS, .tunnels = TUNNELS, .burst = BURST};
	struct bench_world *world = bench_world_create_with(environment, &point, &count_settings[i].setting);
	int rc;

	if (world == NULL)
		return -1;
	rc = count_input(world, BENCH_INPUT_good, BENCH_COPY, packets);
	if (rc == 0)
		printf("count %s %u %u\n", count_settings[i].name, OPTION_FANOUT, packets);
	bench_world_destroy(world);
	return rc;
}

int bench_count(const struct bench_environment *environment, const struct bench_arguments *arguments,
		struct bench_output *output)
{
	int rc = 0;

	RTE_SET_USED(output);
	/* the same seeds of hashes in every run */
	rte_srand(1);
	for (unsigned i = 0; i < RTE_DIM(count_fanouts) && rc == 0; i++) {
		const struct bench_point point = {.fanout = count_fanouts[i],
						  .size = SIZE,
						  .groups = GROUPS,
						  .tunnels = TUNNELS,
						  .burst = BURST};
		struct bench_world *world = bench_world_create(environment, &point);

		if (world == NULL)
			return 1;
		rc = count_modes(world, count_fanouts[i], arguments->packets);
		if (rc == 0 && i == 0)
			rc = count_inputs(world, arguments->packets);
		bench_world_destroy(world);
	}
	for (unsigned i = 0; i < RTE_DIM(count_settings) && rc == 0; i++)
		rc = count_setting(environment, i, arguments->packets);
	return rc ? 1 : 0;
}
