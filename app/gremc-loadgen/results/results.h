/* SPDX-License-Identifier: BSD-3-Clause */
/* The results of one run: rows, and facts about its set-up. Everything here: control thread. */
#ifndef GREMC_LOADGEN_RESULTS_RESULTS_H
#define GREMC_LOADGEN_RESULTS_RESULTS_H

#include <stdbool.h>

#include "results/row.h"

struct gremc_fact {
	char *name, *value;
};

/* A zeroed structure is empty. */
struct gremc_results {
	struct gremc_result *row;
	unsigned count;
	struct gremc_fact *fact;
	unsigned fact_count;
};

/* Add a row that is empty except the name of the test and, unless NULL, the section.
 * Returns:  NULL if memory is short.
 * Lifetime: the pointer is valid until the next row is added. */
struct gremc_result *gremc_results_row_add(struct gremc_results *results, const char *test,
					   const char *section);
/* Free all rows and facts. */
void gremc_results_fini(struct gremc_results *results);
/* Add a fact; omitted if memory is short. */
void gremc_results_fact_add(struct gremc_results *results, const char *name, const char *format, ...)
	__rte_format_printf(3, 4);
/* Returns: the fact's value; NULL if there is no such fact. */
const char *gremc_results_fact_get(const struct gremc_results *results, const char *name);
/* Returns: whether a row belongs to a test. */
bool gremc_results_row_is_of(const struct gremc_results *results, unsigned row, const char *test);

#endif
