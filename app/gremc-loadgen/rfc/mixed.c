/* SPDX-License-Identifier: BSD-3-Clause */
/* mixed (RFC 3918, 4.1): the throughput of multicast with shares of unicast from tunnel to tunnel. A probe
 * first finds out whether the forwarder carries unicast; if not, unicast is load that it drops, and a note
 * mentions it. */
#include <stdio.h>

#include "rfc/tests.h"
#include "search/throughput.h"
#include "trial/rows.h"
#include "trial/trial.h"

#define PROBE_RATE    1000.0
#define PROBE_PACKETS 64

enum unicast_fate { UNICAST_DROPPED, UNICAST_FORWARDED };

/* Find out whether the forwarder forwards any unicast. */
static int unicast_probe(struct gremc_tester *tester, const struct gremc_test_case *test_case,
			 const struct gremc_selection *unicast, enum unicast_fate *fate)
{
	struct gremc_trial probe = {.selection = unicast,
				    .mix = test_case->mix,
				    .rate = PROBE_RATE,
				    .packets = PROBE_PACKETS,
				    .label = "mixed, unicast alone"};
	struct gremc_outcome outcome;
	int rc = gremc_trial_run_undisturbed(tester, &probe, &outcome);

	*fate = rc == 0 && outcome.received ? UNICAST_FORWARDED : UNICAST_DROPPED;
	return rc;
}

/* Set whether the replicas of unicast flows are expected. */
static void unicast_expect(struct gremc_tester *tester, const struct gremc_selection *unicast,
			   enum unicast_fate fate)
{
	for (uint32_t i = 0; i < unicast->count; i++)
		tester->flows->flow[unicast->order[i]].fanout = fate == UNICAST_FORWARDED ? 1 : 0;
}

static int unicast_share_run(struct gremc_tester *tester, const struct gremc_test_case *test_case,
			     const struct gremc_selection *unicast, double percent, enum unicast_fate fate)
{
	struct gremc_selection mixed;
	struct gremc_test_case both = {
		.selection = &mixed, .mix = test_case->mix, .fanout = test_case->fanout};
	char variant[48];
	int rc = gremc_selection_mix(tester, test_case->selection, unicast, percent / 100, &mixed);

	if (rc)
		return rc;
	snprintf(variant, sizeof(variant), "%.4g %% unicast", percent);
	rc = gremc_search_row_add(tester, "mixed", "RFC 3918 4.1", variant, &both);
	if (rc == 0 && fate == UNICAST_DROPPED && percent > 0) {
		struct gremc_result *row = &tester->results.row[tester->results.count - 1];

		gremc_result_text_set(
			&row->note,
			"the forwarder carries no unicast between tunnels (it dropped all of %d packets): unicast is load, "
			"and its replicas are not expected",
			PROBE_PACKETS);
	}
	gremc_selection_fini(&mixed);
	return rc;
}

static int unicast_shares_run(struct gremc_tester *tester, const struct gremc_test_case *test_case,
			      struct gremc_selection *unicast)
{
	const struct gremc_loadgen_options *options = tester->options;
	enum unicast_fate fate;
	int rc = unicast_probe(tester, test_case, unicast, &fate);

	unicast_expect(tester, unicast, fate);
	gremc_selection_describe(tester, unicast);
	for (unsigned i = 0; rc == 0 && i < options->unicast_count && !gremc_tester_is_stopped(tester); i++)
		rc = unicast_share_run(tester, test_case, unicast, options->unicast[i], fate);
	unicast_expect(tester, unicast, UNICAST_FORWARDED);
	return rc;
}

static int mixed_case_run(struct gremc_tester *tester, const struct gremc_test_case *test_case)
{
	struct gremc_flow_filter filter = {.tunneling = GREMC_TUNNELING_ANY, .kind = GREMC_FLOW_UNICAST};
	struct gremc_selection unicast;
	int rc = gremc_selection_create(tester, &filter, &unicast);

	if (rc == 0 && unicast.count == 0)
		rc = gremc_skipped_row_add(tester, "mixed", "RFC 3918 4.1", "unicast needs two tunnels");
	else if (rc == 0)
		rc = unicast_shares_run(tester, test_case, &unicast);
	gremc_selection_fini(&unicast);
	return rc;
}

int gremc_test_mixed(struct gremc_tester *tester)
{
	static const struct gremc_test_runner runner = {
		.test = "mixed", .section = "RFC 3918 4.1", .run_case = mixed_case_run};

	return gremc_cases_run(tester, &runner, GREMC_TUNNELING_ANY);
}
