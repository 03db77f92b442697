/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <string.h>

#include <rte_common.h>

#include "options/actions.h"

static const struct {
	const char *name;
	enum gremc_action_needs needs;
	const char *section, *meaning;
} actions[] = {
#define GREMC_X(function, name, section, meaning) {name, GREMC_NEEDS_FORWARDER, section, meaning},
	GREMC_TESTS(GREMC_X)
#undef GREMC_X
#define GREMC_X(name, needs, meaning) {name, needs, "", meaning},
		GREMC_OTHER_ACTIONS(GREMC_X)
#undef GREMC_X
};

int gremc_action_needs_get(const char *name, enum gremc_action_needs *needs)
{
	for (unsigned i = 0; i < RTE_DIM(actions); i++)
		if (strcmp(actions[i].name, name) == 0) {
			*needs = actions[i].needs;
			return 0;
		}
	return -ENOENT;
}

void gremc_actions_help_print(FILE *out)
{
	for (unsigned i = 0; i < RTE_DIM(actions); i++)
		fprintf(out, "  %-17s %s%s%s%s\n", actions[i].name, actions[i].meaning,
			*actions[i].section ? " (" : "", actions[i].section, *actions[i].section ? ")" : "");
}
