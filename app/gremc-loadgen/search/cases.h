/* SPDX-License-Identifier: BSD-3-Clause */
/* The cases of a test: each packet size with each fan-out. Everything here: control thread. */
#ifndef GREMC_LOADGEN_SEARCH_CASES_H
#define GREMC_LOADGEN_SEARCH_CASES_H

#include "trial/selection.h"
#include "trial/tester.h"

struct gremc_test_case {
	const struct gremc_selection *selection;
	const struct gremc_mix *mix;
	uint32_t fanout; /* 0: mixed */
};

/* The name of a test, its section in the RFC, and the function that runs one of its cases. */
struct gremc_test_runner {
	const char *test, *section; /* section: NULL if there is none */
	int (*run_case)(struct gremc_tester *tester, const struct gremc_test_case *test_case);
};

/* Run a test for each size that fits and each fan-out of --fanout. A size or a fan-out that is not
 * possible becomes a skipped row.
 * Input:   `tunneling`: enum gremc_tunneling or GREMC_TUNNELING_ANY.
 * Errors:  those of run_case(); -ENOMEM. */
int gremc_cases_run(struct gremc_tester *tester, const struct gremc_test_runner *runner, int tunneling);
/* The same, with the flows of all fan-outs together. */
int gremc_sizes_run(struct gremc_tester *tester, const struct gremc_test_runner *runner, int tunneling);

#endif
