/* SPDX-License-Identifier: BSD-3-Clause */
/* Lists of error lines with their places. */
#ifndef GREMC_BASE_ERRORS_H
#define GREMC_BASE_ERRORS_H

#include <stddef.h>

#include <rte_common.h>

/* A list of error lines in one text, so that a user sees all errors at once. Zero-initialised it is empty;
 * gremc_errors_fini() frees the text. */
struct gremc_errors {
	char *text; /* lines, each ended by a newline; NULL while count is 0 */
	size_t length;
	unsigned count;
};

/* Append the line `file:line:column: message`.
 * Input:   line 0: `file: message`; file NULL: the message alone. */
void gremc_errors_add(struct gremc_errors *errors, const char *file, unsigned line, unsigned column,
		      const char *format, ...) __rte_format_printf(5, 6);
/* Log each line as an error. */
void gremc_errors_log(const struct gremc_errors *errors);
/* Free the text; the list is empty then. */
void gremc_errors_fini(struct gremc_errors *errors);

#endif
