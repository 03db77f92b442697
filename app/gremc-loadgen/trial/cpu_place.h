/* SPDX-License-Identifier: BSD-3-Clause */
/* The place of a forwarder on this machine. */
#ifndef GREMC_LOADGEN_TRIAL_CPU_PLACE_H
#define GREMC_LOADGEN_TRIAL_CPU_PLACE_H

#include "trial/tester.h"

/* Measure the distance between the forwarder's CPU and the receiving CPU of the generator.
 * Thread:  control thread, while the lcores rest.
 * Returns: nanoseconds; NAN without --dut-cpu. */
double gremc_tester_distance_measure(const struct gremc_tester *tester);

#endif
