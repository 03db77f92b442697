/* SPDX-License-Identifier: BSD-3-Clause */
/* The actions of the program. Each returns an exit code. */
#ifndef GREMC_LOADGEN_ACTIONS_ACTIONS_H
#define GREMC_LOADGEN_ACTIONS_ACTIONS_H

#include "options/options.h"
#include "trial/tester.h"

/* Test the forwarder: find it, prove that it forwards, run the test, write the results.
 * Thread:  control thread.
 * Input:   the engine's lcores are in their loops. */
int gremc_tester_execute(struct gremc_tester *tester);
/* make-config: print a configuration for the forwarder and the generator. */
int gremc_hub_config_print(const struct gremc_loadgen_options *options);
/* report: write one report of several results. */
int gremc_report_write(const struct gremc_loadgen_options *options);
/* bench: measure the generator's own cost per packet.
 * Input:   the EAL is initialised. */
int gremc_bench_run(const struct gremc_loadgen_options *options);

#endif
