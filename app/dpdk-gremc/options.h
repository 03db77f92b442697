/* SPDX-License-Identifier: BSD-3-Clause */
/* The command line: what stands before `--` is the EAL's, what stands after it is ours. */
#ifndef GREMC_APP_OPTIONS_H
#define GREMC_APP_OPTIONS_H

#include <stdbool.h>
#include <stdio.h>

#include "control/loading.h"

/* Exit codes. 78 is sysexits.h's EX_CONFIG, which systemd shows by name. */
enum { GREMC_EXIT_STOPPED = 0, GREMC_EXIT_FAILURE = 1, GREMC_EXIT_USAGE = 2, GREMC_EXIT_CONFIG = 78 };

enum gremc_action {
	GREMC_RUN,
	GREMC_CHECK,
	GREMC_SHOW_HELP,
	GREMC_SHOW_HELP_CONFIG,
	GREMC_SHOW_HELP_TELEMETRY,
	GREMC_SHOW_VERSION
};

struct gremc_options {
	enum gremc_action action;
	struct gremc_config_source source;
	const char *takeover; /* the kernel interface to take over; NULL: none */
	int eal_argc;         /* argv[0] and the EAL's arguments; eal_argv points into main's argv */
	char **eal_argv;
};

/* Returns 0, or GREMC_EXIT_USAGE after a sentence on stderr. */
int gremc_options_parse(struct gremc_options *options, int argc, char **argv);
void gremc_options_help(FILE *out, const char *program);

#endif
