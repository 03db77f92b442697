/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdint.h>

#include <rte_common.h>
#include <rte_cycles.h>
#include <rte_pause.h>

#include "base/atomic.h"
#include "engine/cpu_distance.h"

#define ROUNDS      50u  /* the fastest one is the result */
#define TURNS       100u /* round trips of the line in a round */
#define SECONDS_MAX 0.02

/* The cache line that two threads pass to each other. */
struct shared_line {
	/* even: the timing thread writes next; odd: the answering thread writes next */
	gremc_atomic_u64 turn __rte_cache_aligned;
	gremc_atomic_u64 over __rte_cache_aligned; /* not 0: both threads end */
	double cycles_min; /* of a round trip; NAN: no round ended. Written by the timing thread, read after
			      it ended */
};

/* Wait for a turn.
 * Returns: false if the measurement is over. */
static bool line_turn_wait(struct shared_line *line, uint64_t turn)
{
	while (gremc_u64_load_acquire(&line->turn) != turn)
		if (gremc_u64_load(&line->over))
			return false;
	return true;
}

static void *line_turns_answer(void *argument)
{
	struct shared_line *line = argument;

	for (uint64_t turn = 1; line_turn_wait(line, turn); turn += 2)
		gremc_u64_store_release(&line->turn, turn + 1);
	return NULL;
}

/* A thread of its own, so that the caller's affinity stays. */
static void *line_turns_time(void *argument)
{
	struct shared_line *line = argument;
	uint64_t end = rte_rdtsc() + (uint64_t)(SECONDS_MAX * (double)rte_get_tsc_hz()), turn = 0;

	for (unsigned round = 0; round < ROUNDS && rte_rdtsc() < end; round++) {
		uint64_t begin = rte_rdtsc();

		for (unsigned i = 0; i < TURNS; i++, turn += 2) {
			gremc_u64_store_release(&line->turn, turn + 1);
			if (!line_turn_wait(line, turn + 2))
				return NULL;
		}
		line->cycles_min = fmin(line->cycles_min, (double)(rte_rdtsc() - begin) / TURNS);
	}
	gremc_u64_store(&line->over, 1);
	return NULL;
}

static int line_thread_start(pthread_t *thread, unsigned cpu, void *(*run)(void *),
			     struct shared_line *shared_line)
{
	pthread_attr_t attributes;
	cpu_set_t set;
	int rc = pthread_attr_init(&attributes);

	if (rc)
		return rc;
	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	rc = pthread_attr_setaffinity_np(&attributes, sizeof(set), &set);
	if (rc == 0)
		rc = pthread_create(thread, &attributes, run, shared_line);
	pthread_attr_destroy(&attributes);
	return rc;
}

double gremc_cpu_distance_measure(unsigned a, unsigned b)
{
	struct shared_line line = {.cycles_min = NAN};
	pthread_t timing, answering;

	if (a == b || a >= CPU_SETSIZE || b >= CPU_SETSIZE ||
	    line_thread_start(&answering, b, line_turns_answer, &line))
		return NAN;
	if (line_thread_start(&timing, a, line_turns_time, &line) == 0)
		pthread_join(timing, NULL);
	gremc_u64_store(&line.over, 1);
	pthread_join(answering, NULL);
	return line.cycles_min / (double)rte_get_tsc_hz() * 1e9;
}
