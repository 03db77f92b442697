/* SPDX-License-Identifier: BSD-3-Clause */
/* Collection of the outcome after a trial. */
#ifndef GREMC_LOADGEN_TRIAL_COLLECT_H
#define GREMC_LOADGEN_TRIAL_COLLECT_H

#include "trial/outcome.h"
#include "trial/plan.h"
#include "trial/tester.h"

/* Returns: the replicas that the packets sent so far must cause. */
uint64_t gremc_trial_expected(const struct gremc_tester *tester);
/* Fill in *outcome.
 * Thread:  control thread, while the lcores rest.
 * Input:   outcome->missed; `end`: TSC when sending ended; `planned`: seconds that sending should take. */
void gremc_trial_collect(struct gremc_tester *tester, const struct gremc_trial *trial, uint64_t end,
			 double planned, struct gremc_outcome *outcome);

#endif
