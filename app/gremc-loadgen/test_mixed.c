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
static bool carries_unicast(struct gremc_tester *tester, const struct gremc_case *that,
			    const struct gremc_selection *unicast, int *rc)
{
	struct gremc_trial probe = {.selection = unicast,
				    .mix = that->mix,
				    .rate = PROBE_RATE,
				    .packets = PROBE_PACKETS,
				    .label = "mixed, unicast alone"};
	struct gremc_outcome outcome;

	*rc = gremc_try(tester, &probe, &outcome);
	return *rc == 0 && outcome.received > 0;
}

/* Unicast flows must arrive, or must not be waited for. */
static void expect_unicast(struct gremc_tester *tester, const struct gremc_selection *unicast, bool expected)
{
	for (uint32_t i = 0; i < unicast->count; i++)
		tester->flows->flow[unicast->order[i]].fanout = expected ? 1 : 0;
}

static int one_share(struct gremc_tester *tester, const struct gremc_case *that,
		     const struct gremc_selection *unicast, double percent, bool carried)
{
	struct gremc_selection mixed;
	struct gremc_case both = {.selection = &mixed, .mix = that->mix, .fanout = that->fanout};
	char variant[48];
	int rc = gremc_selection_mix(tester, that->selection, unicast, percent / 100, &mixed);

	if (rc)
		return rc;
	snprintf(variant, sizeof(variant), "%.4g %% unicast", percent);
	rc = gremc_search_row(tester, "mixed", "RFC 3918 4.1", variant, &both);
	if (rc == 0 && !carried && percent > 0) {
		struct gremc_result *row = &tester->results.row[tester->results.count - 1];

		gremc_result_set(&row->note,
				 "the forwarder carries no unicast between tunnels (none of %d packets came "
				 "out): it is load that is discarded, and not waited for",
				 PROBE_PACKETS);
	}
	gremc_selection_fini(&mixed);
	return rc;
}

static int one(struct gremc_tester *tester, const struct gremc_case *that)
{
	struct gremc_filter filter = {.way = -1, .kind = GREMC_FLOW_UNICAST};
	struct gremc_selection unicast;
	bool carried = false;
	int rc = gremc_selection_make(tester, &filter, &unicast);

	if (rc == 0 && unicast.count == 0) {
		gremc_selection_fini(&unicast);
		return gremc_skip(tester, "mixed", "RFC 3918 4.1", "unicast needs two tunnels");
	}
	if (rc == 0) {
		carried = carries_unicast(tester, that, &unicast, &rc);
		expect_unicast(tester, &unicast, carried);
		gremc_selection_describe(tester, &unicast);
	}
	for (unsigned i = 0; rc == 0 && i < tester->options->unicast_count && !gremc_tester_stopped(tester);
	     i++)
		rc = one_share(tester, that, &unicast, tester->options->unicast[i], carried);
	expect_unicast(tester, &unicast, true);
	gremc_selection_fini(&unicast);
	return rc;
}

int gremc_test_mixed(struct gremc_tester *tester)
{
	return gremc_for_each_case(tester, "mixed", "RFC 3918 4.1", -1, one);
}
