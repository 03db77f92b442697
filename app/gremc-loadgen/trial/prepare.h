/* SPDX-License-Identifier: BSD-3-Clause */
/* Preparation of transmitters and receivers for a trial. */
#ifndef GREMC_LOADGEN_TRIAL_PREPARE_H
#define GREMC_LOADGEN_TRIAL_PREPARE_H

#include "trial/plan.h"
#include "trial/tester.h"

/* Give each transmitter its flows, templates and schedule, and reset the receivers.
 * Thread:   control thread, while the lcores rest.
 * Input:    `orders` holds as many elements as the selection.
 * Lifetime: the transmitters borrow `orders` until the end of the trial.
 * Errors:   -ENOMEM. */
int gremc_trial_prepare(struct gremc_tester *tester, const struct gremc_trial *trial, uint64_t packets,
			uint32_t *orders);

#endif
