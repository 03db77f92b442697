/* SPDX-License-Identifier: BSD-3-Clause */
/* The tests and the other actions by name. --help, the suite, the report and the manual page use these lists.
 */
#ifndef GREMC_LOADGEN_OPTIONS_ACTIONS_H
#define GREMC_LOADGEN_OPTIONS_ACTIONS_H

#include <stdio.h>

/* function, name, section, meaning; in the order of the suite */
#define GREMC_TESTS(X)                                                                                       \
	X(rate, "rate", "",                                                                                  \
	  "send at a fixed rate for --duration; all replicas must return intact and in order")               \
	X(throughput, "throughput", "RFC 2544 26.1", "find the highest rate without loss by binary search")  \
	X(loss, "loss", "RFC 2544 26.3", "measure loss against rate, downwards from the highest rate")       \
	X(latency, "latency", "RFC 3918 5.1, 5.2", "measure delay, jitter and percentiles for each tunnel")  \
	X(back_to_back, "back-to-back", "RFC 2544 26.4", "find the longest burst at full rate without loss") \
	X(mixed, "mixed", "RFC 3918 4.1", "find the throughput with shares of unicast in the tunnels")       \
	X(matrix, "matrix", "RFC 3918 4.2", "forward more and more groups at one rate")                      \
	X(aggregated, "aggregated", "RFC 3918 4.3",                                                          \
	  "find the throughput of all tunnels and groups together")                                          \
	X(encap, "encap", "RFC 3918 4.4.1", "find the throughput from a LAN into tunnels")                   \
	X(decap, "decap", "RFC 3918 4.4.2", "find the throughput from a tunnel onto LANs")                   \
	X(reencap, "reencap", "RFC 3918 4.4.3", "find the throughput from a tunnel into tunnels")            \
	X(join, "join", "RFC 3918 6.1, 6.2",                                                                 \
	  "measure the delay from an IGMP report to the first or the last replica")                          \
	X(capacity, "capacity", "RFC 3918 7.1", "find how many groups the forwarder forwards at once")       \
	X(burdened_latency, "burdened-latency", "RFC 3918 8.1",                                              \
	  "measure latency while other flows load the forwarder")                                            \
	X(burdened_join, "burdened-join", "RFC 3918 8.2", "measure join and leave delay under load")

/* name, needs, meaning */
#define GREMC_OTHER_ACTIONS(X)                                                                               \
	X("suite", GREMC_NEEDS_FORWARDER, "run all tests")                                                   \
	X("make-config", GREMC_NEEDS_NOTHING, "print a configuration for the forwarder and the generator")   \
	X("report", GREMC_NEEDS_RESULTS, "write one report that compares several results")                   \
	X("bench", GREMC_NEEDS_EAL, "measure the generator's own cost per packet in cycles")

enum gremc_action_needs { GREMC_NEEDS_FORWARDER, GREMC_NEEDS_NOTHING, GREMC_NEEDS_RESULTS, GREMC_NEEDS_EAL };

/* Find the needs of the action `name`.
 * Errors:  -ENOENT if there is no such action. */
int gremc_action_needs_get(const char *name, enum gremc_action_needs *needs);
/* Print the tests and actions with their meanings. */
void gremc_actions_help_print(FILE *out);

#endif
