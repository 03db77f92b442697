/* SPDX-License-Identifier: BSD-3-Clause */
/* RFC 2544, 26.1, with every replica of the whole fan-out counted. */
#include <stdio.h>

#include "tester.h"
#include "tests.h"

static int throughput_case_run(struct gremc_tester *tester, const struct gremc_test_case *that)
{
	int rc = 0;
	char variant[32];

	for (unsigned i = 0; rc == 0 && i < tester->options->repeat && !gremc_tester_is_stopped(tester);
	     i++) {
		snprintf(variant, sizeof(variant), "run %u of %u", i + 1, tester->options->repeat);
		rc = gremc_search_row_add(tester, "throughput", "RFC 2544 26.1",
					  tester->options->repeat > 1 ? variant : NULL, that);
	}
	return rc;
}

int gremc_test_throughput(struct gremc_tester *tester)
{
	return gremc_cases_run(tester, "throughput", "RFC 2544 26.1", -1, throughput_case_run);
}
