/* SPDX-License-Identifier: BSD-3-Clause */
/* The tests, each in a file of its own; the list is what --help, the suite and the manual page go by. */
#ifndef GREMC_LOADGEN_TESTS_H
#define GREMC_LOADGEN_TESTS_H

#include <stdio.h>

#include "options.h"
#include "trial.h"

struct gremc_tester;
struct gremc_result;

/* function, name, section, meaning; in the order of the suite */
#define GREMC_TESTS(X)                                                                                       \
	X(rate, "rate", "", "a fixed rate for --duration: does everything come back, whole and in order?")   \
	X(throughput, "throughput", "RFC 2544 26.1", "the highest rate without loss, by binary search")      \
	X(loss, "loss", "RFC 2544 26.3", "loss against rate, downwards from the highest")                    \
	X(latency, "latency", "RFC 3918 5.1, 5.2", "delay, jitter and their percentiles for each tunnel")    \
	X(back_to_back, "back-to-back", "RFC 2544 26.4", "the longest burst at full rate without loss")      \
	X(mixed, "mixed", "RFC 3918 4.1", "throughput with shares of unicast in the tunnels")                \
	X(matrix, "matrix", "RFC 3918 4.2", "forwarding of more and more groups at one rate")                \
	X(aggregated, "aggregated", "RFC 3918 4.3", "throughput over all tunnels and groups together")       \
	X(encap, "encap", "RFC 3918 4.4.1", "throughput from a LAN into tunnels")                            \
	X(decap, "decap", "RFC 3918 4.4.2", "throughput from a tunnel onto LANs")                            \
	X(reencap, "reencap", "RFC 3918 4.4.3", "throughput from a tunnel into tunnels")                     \
	X(join, "join", "RFC 3918 6.1, 6.2",                                                                 \
	  "delay from an IGMP report to the first, or after the last replica")                               \
	X(capacity, "capacity", "RFC 3918 7.1", "how many groups are forwarded at once")                     \
	X(burdened_latency, "burdened-latency", "RFC 3918 8.1",                                              \
	  "latency while other flows load the forwarder")                                                    \
	X(burdened_join, "burdened-join", "RFC 3918 8.2", "join and leave delay under load")

/* What is more than a test of one forwarder. */
#define GREMC_OTHER_ACTIONS(X)                                                                               \
	X("suite", GREMC_NEEDS_FORWARDER, "all of them")                                                     \
	X("make-config", GREMC_NEEDS_NOTHING, "write a configuration for the forwarder and for us")          \
	X("report", GREMC_NEEDS_RESULTS, "one report of several results, side by side")                      \
	X("bench", GREMC_NEEDS_EAL, "what our own generating and checking cost, in cycles")

enum gremc_action_needs { GREMC_NEEDS_FORWARDER, GREMC_NEEDS_NOTHING, GREMC_NEEDS_RESULTS, GREMC_NEEDS_EAL };

/* Each returns 0 when it was made (its verdict is in the row), or a negative errno after a sentence on
 * stderr. */
#define GREMC_X(function, name, section, meaning) int gremc_test_##function(struct gremc_tester *tester);
GREMC_TESTS(GREMC_X)
#undef GREMC_X
int gremc_test_suite(struct gremc_tester *tester);

/* The test of this name, or all for "suite". 0, or a negative errno. */
int gremc_test_run(struct gremc_tester *tester, const char *name);
/* 0, or -ENOENT. */
int gremc_action_needs_get(const char *name, enum gremc_action_needs *needs);
void gremc_tests_help_print(FILE *out);

/* The actions that are no tests return exit codes. */
int gremc_hub_config_print(const struct gremc_loadgen_options *options);
int gremc_report_write(const struct gremc_loadgen_options *options);
int gremc_bench_run(const struct gremc_loadgen_options *options);

/* ---- common.c: what several tests do ---- */

/* For each mix that fits, and each fan-out asked for: call `each`. What does not fit becomes a skipped row.
 */
struct gremc_test_case {
	const struct gremc_selection *selection;
	const struct gremc_mix *mix;
	uint32_t fanout; /* 0: mixed */
};
int gremc_cases_run(struct gremc_tester *tester, const char *test, const char *section, int tunneling,
		    int (*each)(struct gremc_tester *, const struct gremc_test_case *));
/* The same with flows of all fan-outs together. */
int gremc_sizes_run(struct gremc_tester *tester, const char *test, const char *section, int tunneling,
		    int (*each)(struct gremc_tester *, const struct gremc_test_case *));
/* NULL: it fits; otherwise why it does not, valid until the next call. */
const char *gremc_mix_check(const struct gremc_tester *tester, const struct gremc_selection *selection,
			    const struct gremc_mix *mix);
/* Packets/s of a rate; 0: not known (% of a line without a speed), after a sentence on stderr. */
double gremc_rate_to_pps(struct gremc_tester *tester, const struct gremc_trial *trial,
			 struct gremc_rate rate);
/* Nanoseconds from the CPU that receives to the forwarder's and back (distance.h), now, while the lcores
 * rest; NAN without --dut-cpu. */
double gremc_tester_distance_measure(const struct gremc_tester *tester);
/* A row of one trial: everything but the verdict. */
struct gremc_result *gremc_trial_row_add(struct gremc_tester *tester, const char *test, const char *section,
					 const struct gremc_trial *trial, const struct gremc_outcome *outcome,
					 uint32_t fanout);
/* The verdict of a trial at a rate that was given: nothing passes or fails, but was it the forwarder's doing?
 */
void gremc_trial_row_verdict_set(struct gremc_result *row, const struct gremc_outcome *outcome);
/* A row that says why there is no result. 0 or -ENOMEM. */
int gremc_skipped_row_add(struct gremc_tester *tester, const char *test, const char *section,
			  const char *format, ...) __rte_format_printf(4, 5);
/* Run a trial, and say a failure on stderr; the other one again when we ourselves were held up, up to 3
 * times. */
int gremc_trial_run_once(struct gremc_tester *tester, const struct gremc_trial *trial,
			 struct gremc_outcome *outcome);
int gremc_trial_run_undisturbed(struct gremc_tester *tester, const struct gremc_trial *trial,
				struct gremc_outcome *outcome);
/* The warm-up of a case: some packets of each flow, at a tenth of `rate` at most. */
int gremc_trial_warm_up(struct gremc_tester *tester, const struct gremc_trial *trial, double rate);

/* joins.c: groups that no mroute covers, from the first tunnel's site to those that join them. */
/* NULL: they can be joined, beginning with --join-group; otherwise why not. */
const char *gremc_joins_check(const struct gremc_tester *tester, uint32_t groups);
/* Their flows, to at most `sites` sites; they begin with number *first, are the last ones, and have to be
 * removed again. 0 or a negative errno (which may leave some of them). */
int gremc_joins_add(struct gremc_tester *tester, uint32_t groups, uint32_t sites, uint32_t *first);
void gremc_joins_remove(struct gremc_tester *tester, uint32_t first);
/* Each site of a flow reports that it wants, or no longer wants, its group; returns when the reports have
 * left. */
void gremc_joins_report_send(struct gremc_tester *tester, uint32_t number, bool join);

/* search.c */
struct gremc_search {
	double found;   /* packets/s, 0: even the lowest failed */
	double lossy;   /* packets/s, the lowest rate at which a trial lost something; 0: none did */
	bool limited;   /* what is above is not the forwarder's limit, or not known to be, */
	bool blocked;   /* because a device took no more, */
	bool held_up;   /* because we were held up, */
	bool saturated; /* because our own receive queue was full, */
	bool closed;    /* because it would have been: sent in a closed loop, */
	bool capped;    /* because of --max-rate; none of these: because we could not send faster */
	bool moved;     /* the machine moved its CPUs meanwhile, each time that it was begun again */
	unsigned trials;
	struct gremc_outcome best; /* the trial at `found` */
};
/* The highest rate at which nothing is lost. `trial` says the rest. 0 or a negative errno. */
int gremc_search_run(struct gremc_tester *tester, const struct gremc_trial *trial,
		     struct gremc_search *search);
/* Packets/s, 0: nothing passes. What the suite has found by now for this case, else what a search finds. */
int gremc_throughput_find(struct gremc_tester *tester, const struct gremc_test_case *that, const char *test,
			  double *rate);
/* The same, a tenth below; and half of it where it is not known to be the forwarder's limit: what is measured
 * there is to be the forwarder's delay and loss, and not those of our own queue. */
int gremc_safe_rate_find(struct gremc_tester *tester, const struct gremc_test_case *that, const char *test,
			 double *rate);
/* A trial of at most a second, as fast as possible. */
int gremc_overload_run(struct gremc_tester *tester, const struct gremc_trial *trial,
		       struct gremc_outcome *outcome);
/* Search, and add its row. */
int gremc_search_row_add(struct gremc_tester *tester, const char *test, const char *section,
			 const char *variant, const struct gremc_test_case *that);

#endif
