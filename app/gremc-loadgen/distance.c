/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdint.h>

#include <rte_common.h>
#include <rte_cycles.h>
#include <rte_pause.h>

#include "distance.h"

#define ROUNDS       50u  /* of which the quickest counts */
#define TURNS        100u /* of the line in a round, there and back */
#define MOST_SECONDS 0.02

struct shared_line {
	uint64_t turn __rte_cache_aligned; /* even: the first one's; odd: the second one's */
	int over __rte_cache_aligned;
	double least; /* cycles there and back; NAN: no round was ended */
};

/* Wait for a turn to come. False: it is over. */
static bool line_turn_wait(struct shared_line *shared_line, uint64_t turn)
{
	while (__atomic_load_n(&shared_line->turn, __ATOMIC_ACQUIRE) != turn)
		if (__atomic_load_n(&shared_line->over, __ATOMIC_RELAXED))
			return false;
	return true;
}

static void *line_turns_answer(void *argument)
{
	struct shared_line *shared_line = argument;

	for (uint64_t turn = 1; line_turn_wait(shared_line, turn); turn += 2)
		__atomic_store_n(&shared_line->turn, turn + 1, __ATOMIC_RELEASE);
	return NULL;
}

/* Its own thread, too: the caller stays where it is. */
static void *line_turns_time(void *argument)
{
	struct shared_line *shared_line = argument;
	uint64_t end = rte_rdtsc() + (uint64_t)(MOST_SECONDS * (double)rte_get_tsc_hz()), turn = 0;

	for (unsigned round = 0; round < ROUNDS && rte_rdtsc() < end; round++) {
		uint64_t begin = rte_rdtsc();

		for (unsigned i = 0; i < TURNS; i++, turn += 2) {
			__atomic_store_n(&shared_line->turn, turn + 1, __ATOMIC_RELEASE);
			if (!line_turn_wait(shared_line, turn + 2))
				return NULL;
		}
		shared_line->least = fmin(shared_line->least, (double)(rte_rdtsc() - begin) / TURNS);
	}
	__atomic_store_n(&shared_line->over, 1, __ATOMIC_RELAXED);
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
	struct shared_line shared_line = {.least = NAN};
	pthread_t asks, answers;

	if (a == b || a >= CPU_SETSIZE || b >= CPU_SETSIZE ||
	    line_thread_start(&answers, b, line_turns_answer, &shared_line))
		return NAN;
	if (line_thread_start(&asks, a, line_turns_time, &shared_line) == 0)
		pthread_join(asks, NULL);
	__atomic_store_n(&shared_line.over, 1, __ATOMIC_RELAXED);
	pthread_join(answers, NULL);
	return shared_line.least / (double)rte_get_tsc_hz() * 1e9;
}
