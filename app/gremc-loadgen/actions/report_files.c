/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <string.h>

#include "actions/actions.h"
#include "report/labels.h"
#include "report/page.h"
#include "results/output.h"

int gremc_report_write(const struct gremc_loadgen_options *options)
{
	static struct gremc_results loaded[GREMC_REPORT_RUNS_MAX];
	const struct gremc_results *list[GREMC_REPORT_RUNS_MAX] = {NULL};
	struct gremc_errors errors = {0};
	unsigned count = 0;
	int status = GREMC_EXIT_DONE;

	if (options->operand_count > GREMC_REPORT_RUNS_MAX) {
		fprintf(stderr, "gremc-loadgen: a report compares at most %d results\n",
			GREMC_REPORT_RUNS_MAX);
		return GREMC_EXIT_USAGE;
	}
	for (int i = 0; i < options->operand_count; i++) {
		gremc_results_json_read(&loaded[count], options->operand[i], &errors);
		list[count] = &loaded[count];
		count++;
	}
	if (errors.count) {
		fputs(errors.text ? errors.text : "out of memory\n", stderr);
		status = GREMC_EXIT_FAILURE;
	} else if (gremc_report_html_write(list, count, options->report)) {
		fprintf(stderr, "gremc-loadgen: cannot write %s: %s\n", options->report, strerror(errno));
		status = GREMC_EXIT_FAILURE;
	}
	gremc_errors_fini(&errors);
	for (unsigned i = 0; i < count; i++)
		gremc_results_fini(&loaded[i]);
	return status;
}
