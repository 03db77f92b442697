/* SPDX-License-Identifier: BSD-3-Clause */
/* throughput (RFC 2544, 26.1), with every replica of the fan-out counted. */
#include <stdio.h>

#include "rfc/tests.h"
#include "search/throughput.h"

static int throughput_case_run(struct gremc_tester *tester, const struct gremc_test_case *test_case)
{
	int rc = 0;
	char variant[32];

	for (unsigned i = 0; rc == 0 && i < tester->options->repeat && !gremc_tester_is_stopped(tester);
	     i++) {
		snprintf(variant, sizeof(variant), "run %u of %u", i + 1, tester->options->repeat);
		rc = gremc_search_row_add(tester, "throughput", "RFC 2544 26.1",
					  tester->options->repeat > 1 ? variant : NULL, test_case);
	}
	return rc;
}

int gremc_test_throughput(struct gremc_tester *tester)
{
	static const struct gremc_test_runner runner = {
		.test = "throughput", .section = "RFC 2544 26.1", .run_case = throughput_case_run};

	return gremc_cases_run(tester, &runner, GREMC_TUNNELING_ANY);
}
