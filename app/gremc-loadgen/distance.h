/* SPDX-License-Identifier: BSD-3-Clause */
/* How far two CPUs of this machine are from each other.
 *
 * Forwarder and generator on one machine hand packets to each other through its caches, and what that costs
 * depends on where the two CPUs are: one that shares the third cache, or one in another corner of the
 * package. A hypervisor moves virtual CPUs from the one to the other while it runs, and the figures of a test
 * are others then, by as much as 70 %. It can be measured, so it is. */
#ifndef GREMC_LOADGEN_DISTANCE_H
#define GREMC_LOADGEN_DISTANCE_H

#include <math.h>
#include <stdbool.h>

/* Nanoseconds that a cache line takes from CPU `a` to CPU `b` and back, the least of many rounds; NAN: they
 * are the same, or one of them may not be used. Takes some 2 ms, at most 20, and keeps both CPUs busy. */
double gremc_cpu_distance_measure(unsigned a, unsigned b);

/* Not the same place any more? Nothing is known of NAN. */
static inline bool gremc_cpu_distance_differs(double before, double after)
{
	return fmax(before, after) > 2 * fmin(before, after);
}

#endif
