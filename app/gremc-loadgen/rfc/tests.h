/* SPDX-License-Identifier: BSD-3-Clause */
/* The tests, each in a file of its own. Everything here: control thread. */
#ifndef GREMC_LOADGEN_RFC_TESTS_H
#define GREMC_LOADGEN_RFC_TESTS_H

#include "options/actions.h"
#include "trial/tester.h"

/* gremc_test_NAME(): run a test and add its rows.
 * Errors:  a negative errno, after a message on stderr. */
#define GREMC_X(function, name, section, meaning) int gremc_test_##function(struct gremc_tester *tester);
GREMC_TESTS(GREMC_X)
#undef GREMC_X

#endif
