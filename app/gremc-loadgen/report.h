/* SPDX-License-Identifier: BSD-3-Clause */
/* The parts of the HTML report (gremc_results_html_write()). */
#ifndef GREMC_LOADGEN_REPORT_H
#define GREMC_LOADGEN_REPORT_H

#include <stdbool.h>
#include <stdio.h>

#include "results.h"

/* The forwarder's name in this run. */
const char *gremc_results_label(const struct gremc_results *results);
bool gremc_results_row_is_of(const struct gremc_results *results, unsigned row, const char *test);

/* report_table.c: the rows of a test. What a reader looks for first, with the notes below it; rows of single
 * sites and all other columns can be unfolded. */
void gremc_report_table_write(FILE *out, const struct gremc_results *const *results, unsigned count,
			      const char *test);

#endif
