/* SPDX-License-Identifier: BSD-3-Clause */
#include "search/cases.h"
#include "trial/rate.h"
#include "trial/rows.h"

static int sizes_run(struct gremc_tester *tester, const struct gremc_test_runner *runner,
		     struct gremc_test_case *test_case)
{
	int rc = 0;

	for (unsigned i = 0; rc == 0 && i < tester->options->mix_count && !gremc_tester_is_stopped(tester);
	     i++) {
		const char *misfit;

		test_case->mix = &tester->options->mix[i];
		misfit = gremc_mix_check(tester, test_case->selection, test_case->mix);
		rc = misfit ? gremc_skipped_row_add(tester, runner->test, runner->section, "size %s: %s",
						    test_case->mix->name, misfit)
			    : runner->run_case(tester, test_case);
	}
	return rc;
}

/* Run all sizes of one fan-out; 0: any. */
static int fanout_cases_run(struct gremc_tester *tester, const struct gremc_test_runner *runner,
			    int tunneling, uint32_t fanout)
{
	struct gremc_flow_filter filter = {.fanout = fanout, .tunneling = tunneling};
	struct gremc_selection selection;
	struct gremc_test_case test_case = {.selection = &selection, .fanout = fanout};
	int rc = gremc_selection_create(tester, &filter, &selection);

	if (fanout == 0 && selection.fanout == (uint32_t)selection.fanout)
		test_case.fanout = (uint32_t)selection.fanout;
	if (rc == 0 && selection.count)
		rc = sizes_run(tester, runner, &test_case);
	else if (rc == 0 && fanout)
		rc = gremc_skipped_row_add(tester, runner->test, runner->section,
					   "the configuration has no such flow with fan-out %u", fanout);
	else if (rc == 0)
		rc = gremc_skipped_row_add(tester, runner->test, runner->section,
					   "the configuration has no flow of this kind (a LAN needs a port "
					   "with `multicast: true`)");
	gremc_selection_fini(&selection);
	return rc;
}

int gremc_sizes_run(struct gremc_tester *tester, const struct gremc_test_runner *runner, int tunneling)
{
	return fanout_cases_run(tester, runner, tunneling, 0);
}

int gremc_cases_run(struct gremc_tester *tester, const struct gremc_test_runner *runner, int tunneling)
{
	const struct gremc_loadgen_options *options = tester->options;
	int rc = 0;

	if (options->fanout_count == 0)
		return gremc_sizes_run(tester, runner, tunneling);
	for (unsigned i = 0; rc == 0 && i < options->fanout_count && !gremc_tester_is_stopped(tester); i++)
		rc = fanout_cases_run(tester, runner, tunneling, options->fanout[i]);
	return rc;
}
