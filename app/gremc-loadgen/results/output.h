/* SPDX-License-Identifier: BSD-3-Clause */
/* Results on the terminal, as JSON and as CSV; and JSON back into results. Everything here: control thread.
 */
#ifndef GREMC_LOADGEN_RESULTS_OUTPUT_H
#define GREMC_LOADGEN_RESULTS_OUTPUT_H

#include <stdio.h>

#include "results/results.h"

/* Print a table for each test. */
void gremc_results_print(const struct gremc_results *results, FILE *out);
/* Returns: 0, or -1 with errno set. */
int gremc_results_json_write(const struct gremc_results *results, const char *path);
/* Write CSV (RFC 4180).
 * Returns: 0, or -1 with errno set. */
int gremc_results_csv_write(const struct gremc_results *results, const char *path);
/* Read a file of gremc_results_json_write().
 * Returns: 0, or -1 with the reason in *errors; gremc_results_fini() releases the part that was read. */
int gremc_results_json_read(struct gremc_results *results, const char *path, struct gremc_errors *errors);

#endif
