/* SPDX-License-Identifier: BSD-3-Clause */
/* capacity (RFC 3918, 7.1): how many groups the forwarder forwards at once. First the groups of the
 * configuration; then groups that sites join, twice as many each time, until one of them is not forwarded or
 * --join-groups is reached. */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "engine/arp.h"
#include "engine/lcore.h"
#include "rfc/joins.h"
#include "rfc/tests.h"
#include "search/cases.h"
#include "trial/progress.h"
#include "trial/rows.h"
#include "trial/trial.h"

#define RATE          20000.0
#define EACH          4     /* packets of each group */
#define FIRST_JOINED  16u   /* groups of the first step */
#define SITES_MAX     4u    /* that join */
#define REPORT_MICRO  2000u /* between the reports of two groups: routers limit their rate */
#define AGAIN_SECONDS 0.2   /* between two trials of the same groups */

/* Groups of a selection. */
struct group_counts {
	uint32_t all;
	uint32_t whole; /* every replica of all their flows arrived */
};

static int group_compare(const void *a, const void *b)
{
	rte_be32_t x = *(const rte_be32_t *)a, y = *(const rte_be32_t *)b;

	return x < y ? -1 : x > y;
}

/* Count the groups of a selection after a trial. */
static int whole_groups_count(const struct gremc_tester *tester, const struct gremc_selection *selection,
			      struct group_counts *groups)
{
	rte_be32_t *list = malloc((selection->count + 1) * sizeof(*list) * 2),
		   *bad = list + selection->count + 1;
	uint32_t count = 0, bad_count = 0;

	if (list == NULL)
		return -ENOMEM;
	for (uint32_t i = 0; i < selection->count; i++) {
		const struct gremc_flow *flow = &tester->flows->flow[selection->order[i]];
		bool good = true;

		for (uint32_t k = 0; k < flow->fanout; k++)
			good &= tester->flows->stream[flow->first + k].received >=
				tester->engine->sequence[selection->order[i]];
		list[count++] = flow->group;
		if (!good)
			bad[bad_count++] = flow->group;
	}
	qsort(list, count, sizeof(*list), group_compare);
	qsort(bad, bad_count, sizeof(*bad), group_compare);
	*groups = (struct group_counts){0};
	for (uint32_t i = 0; i < count; i++) {
		if (i && list[i] == list[i - 1])
			continue;
		groups->all++;
		groups->whole += bsearch(&list[i], bad, bad_count, sizeof(*bad), group_compare) == NULL;
	}
	free(list);
	return 0;
}

static int groups_trial_run(struct gremc_tester *tester, const struct gremc_selection *selection,
			    const struct gremc_mix *mix, struct gremc_trial *trial,
			    struct gremc_outcome *outcome, struct group_counts *groups)
{
	int rc;

	*trial = (struct gremc_trial){.selection = selection,
				      .mix = mix,
				      .rate = RATE,
				      .packets = (uint64_t)EACH * selection->count,
				      .label = "capacity"};
	rc = gremc_trial_run_undisturbed(tester, trial, outcome);
	return rc ? rc : whole_groups_count(tester, selection, groups);
}

/* ---- groups of the configuration ---- */

static int configured_groups_test(struct gremc_tester *tester, const struct gremc_test_case *test_case)
{
	struct gremc_trial trial;
	struct gremc_outcome outcome;
	struct gremc_result *row;
	struct group_counts groups;
	int rc = groups_trial_run(tester, test_case->selection, test_case->mix, &trial, &outcome, &groups);

	if (rc)
		return rc;
	row = gremc_trial_row_add(tester, "capacity", "RFC 3918 7.1", &trial, &outcome, test_case->fanout);
	if (row == NULL)
		return -ENOMEM;
	row->groups = groups.whole;
	gremc_result_text_set(&row->variant, "%u groups", groups.all);
	gremc_result_text_set(&row->verdict, groups.whole == groups.all ? "passed" : "failed");
	gremc_result_text_set(
		&row->note,
		groups.whole == groups.all
			? "all groups of the configuration; the forwarder's limit is higher (make-config "
			  "--groups makes more)"
			: "the forwarder does not forward all groups of the configuration");
	return 0;
}

/* ---- joined groups ---- */

static void groups_report_send(struct gremc_tester *tester, uint32_t from, uint32_t to,
			       enum gremc_join_action action)
{
	/* This takes seconds, during which the forwarder may send ARP requests. */
	gremc_engine_phase_set(tester->engine, GREMC_PHASE_DRAIN);
	for (uint32_t i = from; i < to && !gremc_tester_is_stopped(tester); i++) {
		gremc_joins_report_send(tester, i, action);
		gremc_engine_arp_poll(tester->engine);
		usleep(REPORT_MICRO);
	}
}

/* Wait up to --join-wait until the joined groups are forwarded. After the first trial their reports are
 * repeated, as hosts do. */
static int joined_groups_wait(struct gremc_tester *tester, const struct gremc_selection *selection,
			      struct gremc_trial *trial, struct gremc_outcome *outcome, uint32_t *whole)
{
	struct group_counts groups;
	double waited = 0;

	for (bool first = true;; first = false) {
		int rc = groups_trial_run(tester, selection, &tester->options->mix[0], trial, outcome,
					  &groups);

		*whole = groups.whole;
		if (rc || groups.whole == groups.all || waited >= tester->options->join_wait)
			return rc;
		if (first)
			groups_report_send(tester, selection->order[0],
					   selection->order[0] + selection->count, GREMC_JOIN);
		usleep((useconds_t)(AGAIN_SECONDS * 1e6));
		waited += AGAIN_SECONDS + trial->packets / RATE;
	}
}

static int joined_groups_row_add(struct gremc_tester *tester, const struct gremc_trial *trial,
				 const struct gremc_outcome *outcome, uint32_t whole)
{
	uint32_t groups = trial->selection->count;
	struct gremc_result *row;

	if (whole == 0)
		return gremc_skipped_row_add(
			tester, "capacity", "RFC 3918 7.1",
			"no replica of %u joined groups arrived: the forwarder does not learn groups",
			groups);
	row = gremc_trial_row_add(tester, "capacity", "RFC 3918 7.1", trial, outcome,
				  (uint32_t)trial->selection->fanout);
	if (row == NULL)
		return -ENOMEM;
	row->groups = whole;
	gremc_result_text_set(&row->variant, "%u joined", groups);
	gremc_result_text_set(&row->verdict, whole == groups ? "passed" : "measured");
	if (whole == groups)
		gremc_result_text_set(
			&row->note,
			"all joined groups; the forwarder's limit is higher (--join-groups joins more)");
	else
		gremc_result_text_set(&row->note, "the forwarder forwards this many of the joined groups");
	return 0;
}

static int joined_groups_test(struct gremc_tester *tester)
{
	uint32_t groups = tester->options->join_groups, first, have = 0, whole = 0;
	const char *why = gremc_joins_check(tester, groups);
	struct gremc_selection selection = {0};
	struct gremc_trial trial;
	struct gremc_outcome outcome;
	int rc;

	if (why)
		return gremc_skipped_row_add(tester, "capacity", "RFC 3918 7.1", "joined groups: %s", why);
	rc = gremc_joins_add(tester, groups, SITES_MAX, &first);
	selection.order = malloc((size_t)groups * sizeof(*selection.order));
	if (rc || selection.order == NULL) {
		rc = rc ? rc : -ENOMEM;
		goto done;
	}
	for (uint32_t i = 0; i < groups; i++)
		selection.order[i] = first + i;
	while (rc == 0 && whole == have && have < groups && !gremc_tester_is_stopped(tester)) {
		uint32_t more = have ? have * 2 : FIRST_JOINED;

		selection.count = RTE_MIN(more, groups);
		gremc_selection_describe(tester, &selection);
		groups_report_send(tester, first + have, first + selection.count, GREMC_JOIN);
		have = selection.count;
		rc = joined_groups_wait(tester, &selection, &trial, &outcome, &whole);
		gremc_progress_print(tester, "capacity: %u of %u joined groups are forwarded", whole, have);
	}
	if (rc == 0 && have)
		rc = joined_groups_row_add(tester, &trial, &outcome, whole);
	groups_report_send(tester, first, first + have, GREMC_LEAVE);
done:
	gremc_joins_remove(tester, first);
	free(selection.order);
	return rc;
}

int gremc_test_capacity(struct gremc_tester *tester)
{
	static const struct gremc_test_runner runner = {
		.test = "capacity", .section = "RFC 3918 7.1", .run_case = configured_groups_test};
	int rc = gremc_cases_run(tester, &runner, GREMC_TUNNELING_ANY);

	return rc || gremc_tester_is_stopped(tester) ? rc : joined_groups_test(tester);
}
