/* SPDX-License-Identifier: BSD-3-Clause */
/* A trial (RFC 2544, 23): send a number of packets at a rate, wait for the packets in transit, and account
 * for every replica. Everything here: control thread. */
#ifndef GREMC_LOADGEN_TRIAL_TRIAL_H
#define GREMC_LOADGEN_TRIAL_TRIAL_H

#include "trial/outcome.h"
#include "trial/plan.h"
#include "trial/tester.h"

/* Run a trial.
 * Returns: 0 if it ran, with any outcome.
 * Errors:  a negative errno, with outcome->error set. */
int gremc_trial_run(struct gremc_tester *tester, const struct gremc_trial *trial,
		    struct gremc_outcome *outcome);
/* Run a trial, and print a failure on stderr.
 * Errors:  as above; -EINTR if a signal came, with *outcome complete. */
int gremc_trial_run_once(struct gremc_tester *tester, const struct gremc_trial *trial,
			 struct gremc_outcome *outcome);
/* As gremc_trial_run_once(), and repeat the trial up to three times if the generator was disturbed. */
int gremc_trial_run_undisturbed(struct gremc_tester *tester, const struct gremc_trial *trial,
				struct gremc_outcome *outcome);
/* Send some packets of each flow before a test, at no more than a tenth of `rate`. */
int gremc_trial_warm_up(struct gremc_tester *tester, const struct gremc_trial *trial, double rate);

#endif
