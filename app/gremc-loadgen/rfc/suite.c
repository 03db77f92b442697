/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <string.h>

#include <rte_common.h>

#include "rfc/suite.h"
#include "rfc/tests.h"
#include "trial/progress.h"

static const struct {
	int (*run)(struct gremc_tester *tester);
	const char *name, *meaning;
} tests[] = {
#define GREMC_X(function, name, section, meaning) {gremc_test_##function, name, meaning},
	GREMC_TESTS(GREMC_X)
#undef GREMC_X
};

static int suite_run(struct gremc_tester *tester)
{
	int rc = 0;

	for (unsigned i = 0; rc == 0 && i < RTE_DIM(tests) && !gremc_tester_is_stopped(tester); i++) {
		gremc_progress_print(tester, "---- %s: %s", tests[i].name, tests[i].meaning);
		rc = tests[i].run(tester);
	}
	return rc;
}

int gremc_test_run(struct gremc_tester *tester, const char *name)
{
	if (strcmp(name, "suite") == 0)
		return suite_run(tester);
	for (unsigned i = 0; i < RTE_DIM(tests); i++)
		if (strcmp(tests[i].name, name) == 0)
			return tests[i].run(tester);
	return -ENOENT;
}
