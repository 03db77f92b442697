/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "engine/cpu_distance.h"
#include "search/search.h"
#include "search/throughput.h"
#include "trial/cpu_place.h"
#include "trial/rows.h"
#include "trial/trial.h"

#define WARM_UP_RATE 100e3 /* a tenth of it is sent */
#define LABEL        96
#define SAFE         0.9 /* of the throughput */
#define SAFE_LIMITED 0.5 /* of a throughput that may not be the forwarder's limit */

/* A search with its trial and its label. */
struct case_search_state {
	struct gremc_search search;
	struct gremc_trial trial;
	char label[LABEL];
};

static int case_search(struct gremc_tester *tester, const struct gremc_test_case *test_case, const char *test,
		       const char *variant, struct case_search_state *state)
{
	int rc;

	state->search = (struct gremc_search){0};
	state->trial = (struct gremc_trial){.selection = test_case->selection,
					    .mix = test_case->mix,
					    .seconds = tester->options->duration,
					    .label = state->label};
	snprintf(state->label, sizeof(state->label), "%s, size %s, fan-out %.4g%s%s", test,
		 test_case->mix->name, test_case->selection->fanout, variant ? ", " : "",
		 variant ? variant : "");
	rc = gremc_trial_warm_up(tester, &state->trial, WARM_UP_RATE);
	return rc ? rc : gremc_search_run(tester, &state->trial, &state->search);
}

/* Returns: the row of the throughput test for this case; NULL if there is none, or the machine has moved its
 * CPUs since. */
static const struct gremc_result *suite_row_find(const struct gremc_tester *tester,
						 const struct gremc_test_case *test_case)
{
	uint64_t fanout = test_case->fanout ? test_case->fanout : GREMC_RESULT_NONE;
	double now = gremc_tester_distance_measure(tester);

	for (unsigned i = tester->results.count; i-- > 0;) {
		const struct gremc_result *row = &tester->results.row[i];

		if (strcmp(row->test, "throughput") == 0 && row->size &&
		    strcmp(row->size, test_case->mix->name) == 0 && row->fanout == fanout &&
		    row->offered_pps > 0 && !gremc_cpu_distance_differs(row->line_ns, now))
			return row;
	}
	return NULL;
}

static int case_throughput_find(struct gremc_tester *tester, const struct gremc_test_case *test_case,
				const char *test, double *rate, bool *limited)
{
	const struct gremc_result *row = suite_row_find(tester, test_case);
	struct case_search_state found;
	int rc;

	if (row) {
		*rate = row->offered_pps;
		*limited = strcmp(row->verdict, "limited") == 0;
		return 0;
	}
	rc = case_search(tester, test_case, test, NULL, &found);
	*rate = found.search.found;
	*limited = found.search.limited;
	return rc;
}

int gremc_throughput_find(struct gremc_tester *tester, const struct gremc_test_case *test_case,
			  const char *test, double *rate)
{
	bool limited;

	return case_throughput_find(tester, test_case, test, rate, &limited);
}

int gremc_safe_rate_find(struct gremc_tester *tester, const struct gremc_test_case *test_case,
			 const char *test, double *rate)
{
	bool limited = false;
	int rc = case_throughput_find(tester, test_case, test, rate, &limited);

	*rate *= limited ? SAFE_LIMITED : SAFE;
	return rc;
}

static const char *limit_reason_text(const struct gremc_search *search)
{
	if (search->capped)
		return "nothing was lost at the highest permitted rate (--max-rate)";
	if (search->stalled)
		return "above this rate the generator was stalled, which may have caused the loss or the shortfall: "
		       "let no other process run on its CPU";
	if (search->closed)
		return "the highest rate at which the generator can receive and check, with no more packets in transit "
		       "than its RX queue holds; a higher rate overflows that queue, and the forwarder's limit may be higher";
	if (search->saturated)
		return "above this rate replicas were lost, but the generator's RX queue was full: the forwarder's limit "
		       "may be higher";
	if (search->blocked)
		return "nothing was lost, but the device accepted no more packets: the limit is behind the device (over "
		       "memif the forwarder itself, over a NIC the line)";
	return "the generator cannot send faster: the forwarder's limit is higher";
}

static void search_verdict_set(const struct gremc_search *search, struct gremc_result *row)
{
	gremc_result_text_set(&row->verdict, search->found <= 0 ? "failed"
					     : search->limited  ? "limited"
								: "measured");
	if (search->found <= 0)
		gremc_result_text_set(&row->note, "the lowest rate of the search failed");
	else if (search->limited)
		gremc_result_text_set(&row->note, "%s", limit_reason_text(search));
	else if (search->lossy > 0 && search->lossy < search->found)
		gremc_result_text_set(&row->note,
				      "not every trial passed: one at %.0f packets/s (%.1f %% less) failed",
				      search->lossy, (1 - search->lossy / search->found) * 100);
	if (search->moved)
		gremc_result_text_append(&row->note, "the machine moved its CPUs during the search");
}

int gremc_search_row_add(struct gremc_tester *tester, const char *test, const char *section,
			 const char *variant, const struct gremc_test_case *test_case)
{
	struct case_search_state found;
	struct gremc_result *row;
	int rc = case_search(tester, test_case, test, variant, &found);

	if (rc)
		return rc;
	found.trial.rate = found.search.found;
	row = gremc_trial_row_add(tester, test, section, &found.trial, &found.search.best, test_case->fanout);
	if (row == NULL)
		return -ENOMEM;
	row->trials = found.search.trials;
	if (variant)
		gremc_result_text_set(&row->variant, "%s", variant);
	if (found.search.lossy > 0)
		row->lossy_pps = found.search.lossy;
	search_verdict_set(&found.search, row);
	return 0;
}
