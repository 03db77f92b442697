/* SPDX-License-Identifier: BSD-3-Clause */
/* What all tests work with: options, the forwarder's configuration, flows, lcores, and the results so far.
 * Control thread. */
#ifndef GREMC_LOADGEN_TESTER_H
#define GREMC_LOADGEN_TESTER_H

#include "config/config.h"
#include "engine.h"
#include "flows.h"
#include "options.h"
#include "results.h"
#include "trial.h"

struct gremc_tester {
	const struct gremc_loadgen_options *options;
	struct gremc_config *config;
	struct gremc_flows *flows;
	struct gremc_engine *engine;
	struct gremc_results results;
	/* the templates of the last trial, kept while flows and mix stay the same */
	struct gremc_template *templates;
	struct gremc_mix template_mix;
	uint32_t template_flows;
	struct gremc_histogram *histogram; /* [receiver * sites + site], reserved; by the schedule */
	struct gremc_histogram *from_sent; /* [receiver], reserved; from when the packets were sent */
	uint64_t *first_time, *last_time;  /* [stream], heap, for trials that keep times */
	uint32_t trial_id;                 /* of the last trial */
	unsigned trials;
	int stop; /* a signal came: end after this trial; relaxed */
	int status;
};

/* All trials of a test end early when this is true. */
static inline bool gremc_tester_is_stopped(const struct gremc_tester *tester)
{
	return __atomic_load_n(&tester->stop, __ATOMIC_RELAXED);
}

/* The whole run: find the forwarder, prove that it forwards, run the test, write the results. Returns the
 * exit code. */
int gremc_tester_execute(struct gremc_tester *tester);

/* progress.c */
void gremc_progress_update(const struct gremc_tester *tester, const char *label, double done, double seconds,
			   uint64_t sent, uint64_t received);
void gremc_progress_print(const struct gremc_tester *tester, const char *format, ...)
	__rte_format_printf(2, 3);
void gremc_progress_clear(const struct gremc_tester *tester);

/* selection.c: flows by what they are. */
struct gremc_flow_filter {
	uint32_t fanout; /* 0: any */
	int tunneling;   /* enum gremc_kernel_next_hop, -1: any */
	uint32_t limit;  /* flows; 0: all */
	uint8_t kind;    /* enum gremc_flow_kind */
};
int gremc_selection_create(const struct gremc_tester *tester, const struct gremc_flow_filter *filter,
			   struct gremc_selection *selection);
/* All but the order, from an order in which each flow is once. */
void gremc_selection_describe(const struct gremc_tester *tester, struct gremc_selection *selection);
/* Of two selections, which share no flow, one in which `share` (0 to 1) of the packets are of the second,
 * evenly mixed. */
int gremc_selection_mix(const struct gremc_tester *tester, const struct gremc_selection *a,
			const struct gremc_selection *b, double share, struct gremc_selection *selection);
void gremc_selection_fini(struct gremc_selection *selection);

#endif
