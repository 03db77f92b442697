/* SPDX-License-Identifier: BSD-3-Clause */
/* RFC 3918, 4.1: throughput of multicast with shares of unicast from tunnel to tunnel. A forwarder that
 * carries no unicast is found out first: then unicast is load that it discards, and the row says so. */
#include <errno.h>
#include <stdio.h>

#include "tester.h"
#include "tests.h"

#define PROBE_RATE    1000.0
#define PROBE_PACKETS 64

/* Does any of it come out at all? */
static bool unicast_is_carried(struct gremc_tester *tester, const struct gremc_test_case *that,
			       const struct gremc_selection *unicast, int *rc)
{
	struct gremc_trial probe = {.selection = unicast,
				    .mix = that->mix,
				    .rate = PROBE_RATE,
				    .packets = PROBE_PACKETS,
				    .label = "mixed, unicast alone"};
	struct gremc_outcome outcome;

	*rc = gremc_trial_run_undisturbed(tester, &probe, &outcome);
	return *rc == 0 && outcome.received > 0;
}

/* Unicast flows must arrive, or must not be waited for. */
static void unicast_expect(struct gremc_tester *tester, const struct gremc_selection *unicast, bool expected)
{
	for (uint32_t i = 0; i < unicast->count; i++)
		tester->flows->flow[unicast->order[i]].fanout = expected ? 1 : 0;
}

static int unicast_share_run(struct gremc_tester *tester, const struct gremc_test_case *that,
			     const struct gremc_selection *unicast, double percent, bool carried)
{
	struct gremc_selection mixed;
	struct gremc_test_case both = {.selection = &mixed, .mix = that->mix, .fanout = that->fanout};
	char variant[48];
	int rc = gremc_selection_mix(tester, that->selection, unicast, percent / 100, &mixed);

	if (rc)
		return rc;
	snprintf(variant, sizeof(variant), "%.4g %% unicast", percent);
	rc = gremc_search_row_add(tester, "mixed", "RFC 3918 4.1", variant, &both);
	if (rc == 0 && !carried && percent > 0) {
		struct gremc_result *row = &tester->results.row[tester->results.count - 1];

		gremc_result_text_set(
			&row->note,
			"the forwarder carries no unicast between tunnels (none of %d packets came "
			"out): it is load that is discarded, and not waited for",
			PROBE_PACKETS);
	}
	gremc_selection_fini(&mixed);
	return rc;
}

static int mixed_case_run(struct gremc_tester *tester, const struct gremc_test_case *that)
{
	struct gremc_flow_filter filter = {.tunneling = -1, .kind = GREMC_FLOW_UNICAST};
	struct gremc_selection unicast;
	bool carried = false;
	int rc = gremc_selection_create(tester, &filter, &unicast);

	if (rc == 0 && unicast.count == 0) {
		gremc_selection_fini(&unicast);
		return gremc_skipped_row_add(tester, "mixed", "RFC 3918 4.1", "unicast needs two tunnels");
	}
	if (rc == 0) {
		carried = unicast_is_carried(tester, that, &unicast, &rc);
		unicast_expect(tester, &unicast, carried);
		gremc_selection_describe(tester, &unicast);
	}
	for (unsigned i = 0;
	     rc == 0 && i < tester->options->unicast_count && !gremc_tester_is_stopped(tester); i++)
		rc = unicast_share_run(tester, that, &unicast, tester->options->unicast[i], carried);
	unicast_expect(tester, &unicast, true);
	gremc_selection_fini(&unicast);
	return rc;
}

int gremc_test_mixed(struct gremc_tester *tester)
{
	return gremc_cases_run(tester, "mixed", "RFC 3918 4.1", -1, mixed_case_run);
}
