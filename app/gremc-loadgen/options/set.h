/* SPDX-License-Identifier: BSD-3-Clause */
/* The values of the options. */
#ifndef GREMC_LOADGEN_OPTIONS_SET_H
#define GREMC_LOADGEN_OPTIONS_SET_H

#include "options/options.h"

/* Set an option, and mark it as given.
 * Input:    `text`: NULL for an option without an argument.
 * Returns:  0, or GREMC_EXIT_USAGE after a message on stderr.
 * Lifetime: *options borrows the text. */
int gremc_option_set(struct gremc_loadgen_options *options, enum gremc_option option, const char *text);

#endif
