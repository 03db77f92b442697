/* SPDX-License-Identifier: BSD-3-Clause */
/* The distance of two CPUs of this machine, as the round-trip time of a cache line.
 *
 * A forwarder and a generator on one machine exchange packets through its caches. The cost depends on the
 * place of the two CPUs: they may share the level-3 cache or be at opposite corners of the package. A
 * hypervisor moves virtual CPUs while it runs and thereby changes the results of a test by up to 70 %, so the
 * distance is measured. */
#ifndef GREMC_LOADGEN_ENGINE_CPU_DISTANCE_H
#define GREMC_LOADGEN_ENGINE_CPU_DISTANCE_H

#include <math.h>
#include <stdbool.h>

/* Measure how long a cache line takes from CPU `a` to CPU `b` and back: the minimum of many rounds. Loads
 * both CPUs for about 2 ms, at most 20 ms.
 * Returns: nanoseconds; NAN if `a` equals `b` or this process may not use one of them. */
double gremc_cpu_distance_measure(unsigned a, unsigned b);

/* Returns: whether the distances differ by more than a factor of two; false if either is NAN. */
static inline bool gremc_cpu_distance_differs(double before, double after)
{
	return fmax(before, after) > 2 * fmin(before, after);
}

#endif
