/* SPDX-License-Identifier: BSD-3-Clause */
/* Tests by name. */
#ifndef GREMC_LOADGEN_RFC_SUITE_H
#define GREMC_LOADGEN_RFC_SUITE_H

#include "trial/tester.h"

/* Run the test `name`, or all tests if it is "suite".
 * Thread:  control thread.
 * Errors:  those of the test; -ENOENT. */
int gremc_test_run(struct gremc_tester *tester, const char *name);

#endif
