/* SPDX-License-Identifier: BSD-3-Clause */
/* The report: one HTML file without external references, about one run or several. */
#ifndef GREMC_LOADGEN_REPORT_PAGE_H
#define GREMC_LOADGEN_REPORT_PAGE_H

#include "results/results.h"

/* Write the report of `count` runs, at most GREMC_REPORT_RUNS_MAX.
 * Thread:  control thread.
 * Returns: 0, or -1 with errno set. */
int gremc_report_html_write(const struct gremc_results *const *results, unsigned count, const char *path);

#endif
