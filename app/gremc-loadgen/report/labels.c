/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "report/labels.h"

static const char *run_label(const struct gremc_results *results)
{
	const char *label = gremc_results_fact_get(results, "label");

	return label ? label : "forwarder";
}

/* Returns: number of runs among the first `count` with the same label as `results`. */
static unsigned equal_labels_count(const struct gremc_results *const *all, unsigned count,
				   const struct gremc_results *results)
{
	unsigned equal = 0;

	for (unsigned i = 0; i < count; i++)
		equal += strcmp(run_label(all[i]), run_label(results)) == 0;
	return equal;
}

void gremc_report_init(struct gremc_report *report, const struct gremc_results *const *results,
		       unsigned count)
{
	gremc_assert(count <= GREMC_REPORT_RUNS_MAX);
	*report = (struct gremc_report){.count = count};
	for (unsigned i = 0; i < count; i++) {
		struct gremc_report_run *run = &report->run[i];

		run->results = results[i];
		if (equal_labels_count(results, count, results[i]) == 1)
			gremc_text_copy(run->label, sizeof(run->label), run_label(results[i]));
		else
			snprintf(run->label, sizeof(run->label), "run %u: %s",
				 equal_labels_count(results, i, results[i]) + 1, run_label(results[i]));
	}
}
