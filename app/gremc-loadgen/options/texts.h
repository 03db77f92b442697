/* SPDX-License-Identifier: BSD-3-Clause */
/* The options by name, with the texts of --help, and messages about wrong ones. */
#ifndef GREMC_LOADGEN_OPTIONS_TEXTS_H
#define GREMC_LOADGEN_OPTIONS_TEXTS_H

#include <rte_common.h>

#include "options/options.h"

struct gremc_option_text {
	const char *argument, *standard, *meaning; /* "": none */
	char name[32];                             /* with hyphens */
};

/* Returns: the texts of an option. */
const struct gremc_option_text *gremc_option_text_get(enum gremc_option option);
/* Print a message about the command line on stderr.
 * Returns: GREMC_EXIT_USAGE. */
int gremc_usage_error_print(const char *format, ...) __rte_format_printf(1, 2);

#endif
