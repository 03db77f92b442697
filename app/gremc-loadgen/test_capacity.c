/* SPDX-License-Identifier: BSD-3-Clause */
/* RFC 3918, 7.1: how many groups are forwarded at once. First those of the configuration; then groups that
 * sites join, twice as many each time, until one of them is not forwarded or --join-groups is reached. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <unistd.h>

#include "tester.h"
#include "tests.h"

#define RATE          20000.0
#define EACH          4     /* packets of each group */
#define FIRST_JOINED  16u   /* groups of the first step */
#define SITES_MOST    4u    /* that join */
#define REPORT_MICRO  2000u /* between the reports of two groups: routers limit what they listen to */
#define AGAIN_SECONDS 0.2   /* between two looks whether all joins have had their effect */

static int group_compare(const void *a, const void *b)
{
	rte_be32_t x = *(const rte_be32_t *)a, y = *(const rte_be32_t *)b;

	return x < y ? -1 : x > y;
}

/* Groups of which every flow arrived whole, of all groups of the selection. */
static int whole_groups_count(const struct gremc_tester *tester, const struct gremc_selection *selection,
			      uint32_t *whole, uint32_t *all)
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
	*all = *whole = 0;
	for (uint32_t i = 0; i < count; i++) {
		if (i && list[i] == list[i - 1])
			continue;
		++*all;
		*whole += bsearch(&list[i], bad, bad_count, sizeof(*bad), group_compare) == NULL;
	}
	free(list);
	return 0;
}

static int groups_trial_run(struct gremc_tester *tester, const struct gremc_selection *selection,
			    const struct gremc_mix *mix, struct gremc_trial *trial,
			    struct gremc_outcome *outcome, uint32_t *whole, uint32_t *all)
{
	int rc;

	*trial = (struct gremc_trial){.selection = selection,
				      .mix = mix,
				      .rate = RATE,
				      .packets = (uint64_t)EACH * selection->count,
				      .label = "capacity"};
	rc = gremc_trial_run_undisturbed(tester, trial, outcome);
	return rc ? rc : whole_groups_count(tester, selection, whole, all);
}

/* ---- the configuration's groups ---- */

static int configured_groups_test(struct gremc_tester *tester, const struct gremc_test_case *that)
{
	struct gremc_trial trial;
	struct gremc_outcome outcome;
	struct gremc_result *row;
	uint32_t whole, all;
	int rc = groups_trial_run(tester, that->selection, that->mix, &trial, &outcome, &whole, &all);

	if (rc)
		return rc;
	row = gremc_trial_row_add(tester, "capacity", "RFC 3918 7.1", &trial, &outcome, that->fanout);
	if (row == NULL)
		return -ENOMEM;
	row->groups = whole;
	gremc_result_text_set(&row->variant, "%u groups", all);
	gremc_result_text_set(&row->verdict, whole == all ? "passed" : "failed");
	gremc_result_text_set(
		&row->note, whole == all ? "all groups that the configuration has; the forwarder's own limit "
					   "was not reached (make-config --groups makes more)"
					 : "not all groups of the configuration are forwarded");
	return 0;
}

/* ---- groups that are joined ---- */

static void groups_report_send(struct gremc_tester *tester, uint32_t from, uint32_t to, bool join)
{
	/* It takes seconds: meanwhile the forwarder's kernel may ask for us. */
	gremc_engine_phase_set(tester->engine, GREMC_PHASE_DRAIN);
	for (uint32_t i = from; i < to && !gremc_tester_is_stopped(tester); i++) {
		gremc_joins_report_send(tester, i, join);
		gremc_engine_arp_poll(tester->engine);
		usleep(REPORT_MICRO);
	}
}

/* Whose packets do not all come is reported once more, as hosts do; then it is waited for the rest of
 * --join-wait. */
static int joined_groups_wait(struct gremc_tester *tester, const struct gremc_selection *selection,
			      struct gremc_trial *trial, struct gremc_outcome *outcome, uint32_t *whole)
{
	double waited = 0;
	uint32_t all;

	for (bool first = true;; first = false) {
		int rc = groups_trial_run(tester, selection, &tester->options->mix[0], trial, outcome, whole,
					  &all);

		if (rc || *whole == all || waited >= tester->options->join_wait)
			return rc;
		if (first)
			groups_report_send(tester, selection->order[0],
					   selection->order[0] + selection->count, true);
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
			"none of %u groups that were joined came: the forwarder learns no groups", groups);
	row = gremc_trial_row_add(tester, "capacity", "RFC 3918 7.1", trial, outcome,
				  (uint32_t)trial->selection->fanout);
	if (row == NULL)
		return -ENOMEM;
	row->groups = whole;
	gremc_result_text_set(&row->variant, "%u joined", groups);
	gremc_result_text_set(&row->verdict, whole == groups ? "passed" : "measured");
	if (whole == groups)
		gremc_result_text_set(&row->note,
				      "all groups that were joined; the forwarder's own limit was not "
				      "reached (--join-groups joins more)");
	else
		gremc_result_text_set(&row->note, "so many of the groups that were joined are forwarded");
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
		return gremc_skipped_row_add(tester, "capacity", "RFC 3918 7.1", "by joins: %s", why);
	rc = gremc_joins_add(tester, groups, SITES_MOST, &first);
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
		groups_report_send(tester, first + have, first + selection.count, true);
		have = selection.count;
		rc = joined_groups_wait(tester, &selection, &trial, &outcome, &whole);
		gremc_progress_print(tester, "capacity: %u of %u groups that were joined", whole, have);
	}
	if (rc == 0 && have)
		rc = joined_groups_row_add(tester, &trial, &outcome, whole);
	groups_report_send(tester, first, first + have, false);
done:
	gremc_joins_remove(tester, first);
	free(selection.order);
	return rc;
}

int gremc_test_capacity(struct gremc_tester *tester)
{
	int rc = gremc_cases_run(tester, "capacity", "RFC 3918 7.1", -1, configured_groups_test);

	return rc || gremc_tester_is_stopped(tester) ? rc : joined_groups_test(tester);
}
