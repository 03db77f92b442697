/* SPDX-License-Identifier: BSD-3-Clause */
/* The parts of the report about one test. */
#ifndef GREMC_LOADGEN_REPORT_SECTIONS_H
#define GREMC_LOADGEN_REPORT_SECTIONS_H

#include <stdio.h>

#include "report/labels.h"

/* Write the plots of a test: rates and loss, then delays. */
void gremc_report_plots_write(FILE *out, const struct gremc_report *report, const char *test);
/* Write the tables of a test: the main columns with notes below, and, folded, the rows of single sites and
 * all columns. */
void gremc_report_tables_write(FILE *out, const struct gremc_report *report, const char *test);

#endif
