/* SPDX-License-Identifier: BSD-3-Clause */
/* What a reader of the results must know of the machine and the run. */
#ifndef GREMC_LOADGEN_SETUP_H
#define GREMC_LOADGEN_SETUP_H

struct gremc_tester;

/* Add the facts to the results. Control thread, with the engine up. */
void gremc_setup_facts_add(struct gremc_tester *tester);

#endif
