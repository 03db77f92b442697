/* SPDX-License-Identifier: BSD-3-Clause */
/* Facts about machine and run that a reader of the results needs. */
#ifndef GREMC_LOADGEN_ACTIONS_FACTS_H
#define GREMC_LOADGEN_ACTIONS_FACTS_H

#include "trial/tester.h"

/* Add the facts to the results.
 * Thread:  control thread, with the engine created. */
void gremc_setup_facts_add(struct gremc_tester *tester);

#endif
