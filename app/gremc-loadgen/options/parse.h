/* SPDX-License-Identifier: BSD-3-Clause */
/* The command line: EAL options, `--`, the name of a test, its options. */
#ifndef GREMC_LOADGEN_OPTIONS_PARSE_H
#define GREMC_LOADGEN_OPTIONS_PARSE_H

#include <stdio.h>

#include "options/options.h"

/* Parse the command line.
 * Returns:  0, or GREMC_EXIT_USAGE after a message on stderr.
 * Lifetime: *options borrows the arguments. */
int gremc_loadgen_options_parse(struct gremc_loadgen_options *options, int argc, char **argv);
/* Print the text of --help. */
void gremc_loadgen_help_print(FILE *out, const char *program);

#endif
