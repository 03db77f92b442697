/* SPDX-License-Identifier: BSD-3-Clause */
/* Model tests: random numbers from a seed, and a report if the model and the implementation disagree. A
 * header with code, because each model test is one file. */
#ifndef GREMC_TESTS_MODEL_MODEL_H
#define GREMC_TESTS_MODEL_MODEL_H

#include <errno.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

static struct {
	uint64_t seed, random, operation, operations;
} run;

/* PROGRAM [SEED [OPERATIONS]] */
static void run_begin(int argc, char **argv, uint64_t operations)
{
	run.seed = run.random = argc > 1 ? strtoull(argv[1], NULL, 0) : 1;
	run.operations = argc > 2 ? strtoull(argv[2], NULL, 0) : operations;
}

static void run_end(void)
{
	printf("%s: seed %" PRIu64 ": %" PRIu64 " operations agree\n", program_invocation_short_name,
	       run.seed, run.operations);
}

static _Noreturn void run_fail(const char *what)
{
	fprintf(stderr, "%s: seed %" PRIu64 ", operation %" PRIu64 ": %s\n", program_invocation_short_name,
		run.seed, run.operation, what);
	exit(1);
}

#define CHECK(condition)                                                                                     \
	do {                                                                                                 \
		if (!(condition))                                                                            \
			run_fail("violated: " #condition);                                                   \
	} while (0)

/* Returns: a number from 0 to limit - 1 (splitmix64). */
static uint32_t random_below(uint32_t limit)
{
	uint64_t z = run.random += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return (uint32_t)((z ^ z >> 31) % limit);
}

#endif
