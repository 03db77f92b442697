/* SPDX-License-Identifier: BSD-3-Clause */
/* The command line: the EAL's arguments, `--`, the program's arguments. */
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

/* Parse the command line.
 * Thread:   main.
 * Lifetime: of *options: as long as argv.
 * Returns:  0; GREMC_EXIT_USAGE: stderr has the reason. */
int gremc_options_parse(struct gremc_options *options, int argc, char **argv);
/* Print the help of the command line. */
void gremc_options_help(FILE *out, const char *program);

#endif
