/* SPDX-License-Identifier: BSD-3-Clause */
/* Keywords: the names of an enum's values, in one table that the configuration's reader, its error texts and
 * documentation, and telemetry share. */
#ifndef GREMC_BASE_KEYWORD_H
#define GREMC_BASE_KEYWORD_H

#include <stddef.h>

#include <rte_common.h>

/* The names of the values 0 to count - 1. Immutable. */
struct gremc_keywords {
	const char *const *name;
	unsigned count;
};

#define GREMC_KEYWORD_TEXT 128 /* bytes of gremc_keywords_format() that are enough for every table */

/* Returns: the value that has the name, or -ENOENT. */
__rte_warn_unused_result int gremc_keyword_parse(const struct gremc_keywords *keywords, const char *text);
/* Returns: the name of a value; "unknown" for a number that is no value. */
const char *gremc_keyword_name(const struct gremc_keywords *keywords, unsigned value);
/* Write "`a`, `b` or `c`", the names from the value `first` on.
 * Returns: text. */
char *gremc_keywords_format(char *text, size_t size, const struct gremc_keywords *keywords, unsigned first);

#endif
