/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <string.h>

#include "tester.h"
#include "tests.h"

static const struct {
	int (*run)(struct gremc_tester *);
	const char *name, *section, *meaning;
} tests[] = {
#define GREMC_X(function, name, section, meaning) {gremc_test_##function, name, section, meaning},
	GREMC_TESTS(GREMC_X)
#undef GREMC_X
};

static const struct {
	const char *name;
	enum gremc_action_needs needs;
	const char *meaning;
} others[] = {
#define GREMC_X(name, needs, meaning) {name, needs, meaning},
	GREMC_OTHER_ACTIONS(GREMC_X)
#undef GREMC_X
};

int gremc_action_needs_get(const char *name, enum gremc_action_needs *needs)
{
	*needs = GREMC_NEEDS_FORWARDER;
	for (unsigned i = 0; i < RTE_DIM(tests); i++)
		if (strcmp(tests[i].name, name) == 0)
			return 0;
	for (unsigned i = 0; i < RTE_DIM(others); i++)
		if (strcmp(others[i].name, name) == 0) {
			*needs = others[i].needs;
			return 0;
		}
	return -ENOENT;
}

void gremc_tests_help_print(FILE *out)
{
	for (unsigned i = 0; i < RTE_DIM(tests); i++)
		fprintf(out, "  %-17s %s%s%s%s\n", tests[i].name, tests[i].meaning,
			*tests[i].section ? " (" : "", tests[i].section, *tests[i].section ? ")" : "");
	for (unsigned i = 0; i < RTE_DIM(others); i++)
		fprintf(out, "  %-17s %s\n", others[i].name, others[i].meaning);
}

int gremc_test_suite(struct gremc_tester *tester)
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
		return gremc_test_suite(tester);
	for (unsigned i = 0; i < RTE_DIM(tests); i++)
		if (strcmp(tests[i].name, name) == 0)
			return tests[i].run(tester);
	return -ENOENT;
}
