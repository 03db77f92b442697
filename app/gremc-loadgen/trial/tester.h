/* SPDX-License-Identifier: BSD-3-Clause */
/* The tester (RFC 2544): everything that the tests share. Owned by the control thread. */
#ifndef GREMC_LOADGEN_TRIAL_TESTER_H
#define GREMC_LOADGEN_TRIAL_TESTER_H

#include "base/atomic.h"
#include "config/config.h"
#include "engine/engine.h"
#include "options/options.h"
#include "results/results.h"
#include "traffic/template.h"

struct gremc_tester {
	const struct gremc_loadgen_options *options;
	struct gremc_config *config;
	struct gremc_flows *flows;
	struct gremc_engine *engine;
	struct gremc_results results;
	/* The templates of the last trial, reused while flows and mix stay the same. */
	struct gremc_template *templates;
	struct gremc_mix template_mix;
	uint32_t template_flows;
	struct gremc_histogram *histogram; /* [receiver * sites + site], reserved; delays from the due time */
	struct gremc_histogram *from_sent; /* [receiver], reserved; delays from transmission */
	gremc_atomic_u64 *first_time, *last_time; /* [stream], heap; for trials that record times */
	uint32_t trial_id;                        /* of the last trial */
	unsigned trials;
	/* Not 0: a signal ends the test after this trial. Written by the signal handler, read by control. */
	gremc_atomic_u64 stop;
	int status;
};

/* Returns: whether a signal came. Every test then ends early. */
static inline bool gremc_tester_is_stopped(const struct gremc_tester *tester)
{
	return gremc_u64_load(&tester->stop) != 0;
}

#endif
