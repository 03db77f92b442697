/* SPDX-License-Identifier: BSD-3-Clause */
/* join (RFC 3918, 6.1 and 6.2): while packets of a group enter by one tunnel, the sites of other tunnels join
 * the group, and later leave it. The join delay is the time from the report to the first replica, the leave
 * delay the time from the report to the last one. burdened-join (8.2) sends other flows at the same time. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <rte_cycles.h>

#include "rfc/joins.h"
#include "rfc/tests.h"
#include "search/throughput.h"
#include "trial/rate.h"
#include "trial/rows.h"
#include "trial/trial.h"

#define BEFORE_SECONDS 0.05 /* of traffic before the join (RFC 3918, 6.1.2) */
#define QUIET_SECONDS  0.2  /* without a replica: all sites have left */
#define SITES_MAX      256u /* that join at once, so that their reports are a burst and not a load */
#define LOAD_SHARE     0.1  /* of the packets that are the group's, in a burdened test */

enum join_step { BEFORE, JOINING, LEAVING };

/* The state of a join test. */
struct joining {
	struct gremc_tester *tester;
	uint32_t flow; /* of the group */
	enum join_step step;
	uint64_t joined_at, left_at; /* TSC */
	bool quiet;                  /* no replicas arrive after the leave */
	double step_start;
};

static struct gremc_flow *joined_flow(const struct joining *joining)
{
	return &joining->tester->flows->flow[joining->flow];
}

/* Returns: number of sites that received a replica; *latest is the TSC of the last one. */
static uint32_t sites_reached_count(const struct joining *joining, uint64_t *latest)
{
	const struct gremc_flow *flow = joined_flow(joining);
	uint32_t count = 0;

	*latest = 0;
	for (uint32_t i = 0; i < flow->fanout; i++) {
		uint64_t last = gremc_u64_load(&joining->tester->last_time[flow->first + i]);

		count += last != 0;
		*latest = RTE_MAX(*latest, last);
	}
	return count;
}

static bool join_step_advance(void *argument, double elapsed)
{
	struct joining *joining = argument;
	double wait = joining->tester->options->join_wait;
	uint64_t latest;

	switch (joining->step) {
	case BEFORE:
		if (elapsed < BEFORE_SECONDS)
			return false;
		joining->joined_at = rte_rdtsc();
		gremc_joins_report_send(joining->tester, joining->flow, GREMC_JOIN);
		break;
	case JOINING:
		if (sites_reached_count(joining, &latest) < joined_flow(joining)->fanout &&
		    elapsed - joining->step_start < wait)
			return false;
		if (latest == 0)
			return true; /* the forwarder does not learn groups */
		joining->left_at = rte_rdtsc();
		gremc_joins_report_send(joining->tester, joining->flow, GREMC_LEAVE);
		break;
	case LEAVING:
		sites_reached_count(joining, &latest);
		joining->quiet =
			rte_rdtsc() > RTE_MAX(latest, joining->left_at) +
					      (uint64_t)(QUIET_SECONDS * (double)joining->tester->engine->hz);
		return joining->quiet || elapsed - joining->step_start > wait + QUIET_SECONDS;
	}
	joining->step++;
	joining->step_start = elapsed;
	return false;
}

static double cycles_to_milliseconds(const struct gremc_tester *tester, uint64_t from, uint64_t to)
{
	return to > from ? (double)(to - from) / (double)tester->engine->hz * 1e3 : 0;
}

static void join_verdict_set(const struct joining *joining, uint32_t joined, struct gremc_result *row)
{
	double wait = joining->tester->options->join_wait;
	uint32_t sites = joined_flow(joining)->fanout;

	gremc_result_text_set(&row->variant, "%u of %u sites, IGMPv%u", joined, sites,
			      joining->tester->options->igmp);
	gremc_result_text_set(&row->verdict, joined == sites && joining->quiet ? "measured" : "failed");
	if (joined < sites)
		gremc_result_text_set(&row->note, "%u of the joined sites received nothing within %.1f s",
				      sites - joined, wait);
	else if (!joining->quiet)
		gremc_result_text_set(
			&row->note,
			"replicas still arrived %.1f s after all sites had left; --join-wait waits longer",
			wait);
}

static void join_delays_set(const struct joining *joining, struct gremc_result *row)
{
	struct gremc_tester *tester = joining->tester;
	const struct gremc_flow *flow = joined_flow(joining);
	uint32_t joined = 0;

	for (uint32_t i = 0; i < flow->fanout; i++) {
		uint64_t first = gremc_u64_load(&tester->first_time[flow->first + i]);
		uint64_t last = gremc_u64_load(&tester->last_time[flow->first + i]);
		double join = cycles_to_milliseconds(tester, joining->joined_at, first);
		double leave = cycles_to_milliseconds(tester, joining->left_at, last);

		if (first == 0)
			continue;
		row->join_min_ms = joined ? RTE_MIN(row->join_min_ms, join) : join;
		row->join_max_ms = joined ? RTE_MAX(row->join_max_ms, join) : join;
		joined++;
		if (!joining->quiet)
			continue;
		row->leave_min_ms = joined > 1 ? RTE_MIN(row->leave_min_ms, leave) : leave;
		row->leave_max_ms = joined > 1 ? RTE_MAX(row->leave_max_ms, leave) : leave;
	}
	row->groups = 1;
	join_verdict_set(joining, joined, row);
}

static int join_trial_run(struct gremc_tester *tester, const char *test, const char *section,
			  struct joining *joining, const struct gremc_selection *selection, double rate)
{
	struct gremc_trial trial = {.selection = selection,
				    .mix = &tester->options->mix[0],
				    .rate = rate,
				    .seconds = BEFORE_SECONDS + 2 * tester->options->join_wait +
					       2 * QUIET_SECONDS,
				    .record_times = true,
				    .label = test,
				    .meanwhile = join_step_advance,
				    .argument = joining};
	struct gremc_outcome outcome;
	struct gremc_result *row;
	char group[GREMC_IPV4_TEXT];
	uint64_t latest;
	int rc = gremc_trial_run_once(tester, &trial, &outcome);

	if (rc)
		return rc;
	if (sites_reached_count(joining, &latest) == 0)
		return gremc_skipped_row_add(
			tester, test, section,
			"no replica of %s arrived within %.1f s of IGMPv%u reports from %u sites: the forwarder does not "
			"learn groups",
			gremc_ipv4_format(group, tester->options->join_group), tester->options->join_wait,
			tester->options->igmp, joined_flow(joining)->fanout);
	row = gremc_results_row_add(&tester->results, test, section);
	if (row == NULL)
		return -ENOMEM;
	gremc_result_text_set(&row->size, "%s", trial.mix->name);
	row->offered_pps = rate;
	row->achieved_pps = outcome.rate;
	join_delays_set(joining, row);
	return 0;
}

static int join_test_run(struct gremc_tester *tester, const char *test, const char *section,
			 const struct gremc_selection *load, double rate)
{
	struct joining joining = {.tester = tester};
	struct gremc_selection one = {.order = &joining.flow, .count = 1}, both = {0};
	int rc = gremc_joins_add(tester, 1, SITES_MAX, &joining.flow);

	tester->first_time = calloc(tester->flows->stream_count, sizeof(*tester->first_time));
	tester->last_time = calloc(tester->flows->stream_count, sizeof(*tester->last_time));
	if (tester->first_time == NULL || tester->last_time == NULL)
		rc = -ENOMEM;
	if (rc == 0)
		gremc_selection_describe(tester, &one);
	if (rc == 0 && load)
		rc = gremc_selection_mix(tester, load, &one, LOAD_SHARE, &both);
	if (rc == 0)
		rc = join_trial_run(tester, test, section, &joining, load ? &both : &one, rate);
	gremc_selection_fini(&both);
	free(tester->first_time);
	free(tester->last_time);
	tester->first_time = tester->last_time = NULL;
	gremc_joins_remove(tester, joining.flow);
	return rc;
}

int gremc_test_join(struct gremc_tester *tester)
{
	struct gremc_trial any = {.mix = &tester->options->mix[0]};
	const char *why = gremc_joins_check(tester, 1);
	double rate;

	if (why)
		return gremc_skipped_row_add(tester, "join", "RFC 3918 6.1, 6.2", "%s", why);
	if (tester->options->rate.unit != GREMC_RATE_PPS) {
		struct gremc_selection one = {.order = (uint32_t[]){0}, .count = 1};

		any.selection = &one;
		rate = gremc_rate_to_pps(tester, &any, tester->options->rate);
	} else {
		rate = tester->options->rate.value;
	}
	return rate > 0 ? join_test_run(tester, "join", "RFC 3918 6.1, 6.2", NULL, rate) : -EINVAL;
}

/* Returns: whether the join test found that the forwarder does not learn groups. */
static bool join_was_skipped(const struct gremc_tester *tester)
{
	for (unsigned i = 0; i < tester->results.count; i++)
		if (strcmp(tester->results.row[i].test, "join") == 0)
			return strcmp(tester->results.row[i].verdict, "skipped") == 0;
	return false;
}

int gremc_test_burdened_join(struct gremc_tester *tester)
{
	struct gremc_flow_filter filter = {.tunneling = GREMC_TUNNELING_ANY};
	struct gremc_selection load;
	struct gremc_test_case all = {.selection = &load, .mix = &tester->options->mix[0]};
	const char *why = gremc_joins_check(tester, 1);
	double throughput = 0;
	int rc;

	if (why || join_was_skipped(tester))
		return gremc_skipped_row_add(tester, "burdened-join", "RFC 3918 8.2", "%s",
					     why ? why : "see join");
	rc = gremc_selection_create(tester, &filter, &load);
	if (rc == 0)
		rc = gremc_throughput_find(tester, &all, "burdened-join", &throughput);
	if (rc == 0 && throughput <= 0)
		rc = gremc_skipped_row_add(tester, "burdened-join", "RFC 3918 8.2",
					   "no rate passes without loss");
	else if (rc == 0)
		rc = join_test_run(tester, "burdened-join", "RFC 3918 8.2", &load,
				   throughput * tester->options->burden / 100);
	gremc_selection_fini(&load);
	return rc;
}
