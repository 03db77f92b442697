/* SPDX-License-Identifier: BSD-3-Clause */
/* The runs of a report and their names. */
#ifndef GREMC_LOADGEN_REPORT_LABELS_H
#define GREMC_LOADGEN_REPORT_LABELS_H

#include "results/results.h"

#define GREMC_REPORT_RUNS_MAX 6
#define GREMC_REPORT_LABEL    128

struct gremc_report_run {
	const struct gremc_results *results;
	char label[GREMC_REPORT_LABEL]; /* the forwarder's name; different for each run */
};

struct gremc_report {
	struct gremc_report_run run[GREMC_REPORT_RUNS_MAX];
	unsigned count;
};

/* Collect the runs of a report and give each a label. A number precedes equal labels, because long labels
 * may be cut at the end.
 * Input:    `count` is at most GREMC_REPORT_RUNS_MAX.
 * Lifetime: borrows the results. */
void gremc_report_init(struct gremc_report *report, const struct gremc_results *const *results,
		       unsigned count);

#endif
