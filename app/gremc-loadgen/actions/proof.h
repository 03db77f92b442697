/* SPDX-License-Identifier: BSD-3-Clause */
/* The proof before a test: the forwarder forwards as its configuration specifies. */
#ifndef GREMC_LOADGEN_ACTIONS_PROOF_H
#define GREMC_LOADGEN_ACTIONS_PROOF_H

#include "trial/tester.h"

/* Send a few packets of each flow at a low rate and check that every stream receives some.
 * Thread:  control thread.
 * Errors:  a negative errno, after a message on stderr. */
int gremc_forwarder_prove(struct gremc_tester *tester);

#endif
