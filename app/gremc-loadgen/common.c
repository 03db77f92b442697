/* SPDX-License-Identifier: BSD-3-Clause */
/* What several tests do: cases of sizes and fan-outs, rates, rows, trials that are repeated when we were the
 * cause. */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_ethdev.h>
#include <rte_lcore.h>

#include "distance.h"
#include "stamp.h"
#include "tester.h"
#include "tests.h"

#define TRIES          4 /* of a trial during which we were held up */
#define NOTE_TEXT      512
#define BEHIND_SECONDS 0.001 /* from then on a trial says that it fell behind */
#define DEFAULT_MTU    1500u
#define FCS            4u
#define MEGA           1e6
#define FAULTS_TEXT    256
#define WARM_UP_MOST   20000.0 /* packets/s */

/* ---- sizes ---- */

const char *gremc_mix_check(const struct gremc_tester *tester, const struct gremc_selection *selection,
			    const struct gremc_mix *mix)
{
	static char text[192];

	for (uint32_t i = 0; i < selection->count; i++) {
		const struct gremc_flow *flow = &tester->flows->flow[selection->order[i]];
		const struct gremc_site *from = &tester->flows->site[flow->from];

		for (unsigned s = 0; s < mix->size_count; s++) {
			uint16_t inner = gremc_size_inner_length(from, mix->size[s]), most;

			if (inner == 0) {
				snprintf(
					text, sizeof(text),
					"a frame of %u bytes cannot hold headers and stamp: the smallest is outer:%u",
					mix->size[s].bytes,
					gremc_site_tx_overhead(from) + FCS + GREMC_INNER_MIN);
				return text;
			}
			for (uint32_t k = 0; k < flow->fanout; k++) {
				const struct gremc_site *to =
					&tester->flows->site[tester->flows->stream[flow->first + k].site];

				most = to->mtu      ? to->mtu
				       : to->native ? DEFAULT_MTU
						    : DEFAULT_MTU - (to->has_out ? 28 : 24);
				if (inner <= most)
					continue;
				snprintf(
					text, sizeof(text),
					"inner packets of %u bytes are over the MTU of %s, %u: the forwarder would drop them",
					inner, to->name, most);
				return text;
			}
		}
	}
	return NULL;
}

/* ---- rates ---- */

static double line_speed_get(const struct gremc_tester *tester)
{
	struct rte_eth_link link;
	double slowest = tester->options->line;

	if (gremc_engine_is_virtual(tester->engine))
		return slowest;
	for (uint16_t i = 0; tester->options->line <= 0 && i < tester->engine->ports->count; i++) {
		double speed;

		if (rte_eth_link_get_nowait(tester->engine->ports->port[i]->id, &link) ||
		    link.link_speed == RTE_ETH_SPEED_NUM_NONE || link.link_speed == RTE_ETH_SPEED_NUM_UNKNOWN)
			return 0;
		speed = link.link_speed * MEGA;
		slowest = slowest > 0 ? RTE_MIN(slowest, speed) : speed;
	}
	return slowest;
}

double gremc_rate_to_pps(struct gremc_tester *tester, const struct gremc_trial *trial, struct gremc_rate rate)
{
	double line = line_speed_get(tester);

	switch (rate.unit) {
	case GREMC_RATE_PPS:
		return rate.value;
	case GREMC_RATE_BPS:
		return rate.value / gremc_trial_frame_bits(tester, trial, false);
	case GREMC_RATE_PERCENT:
		if (line > 0)
			return rate.value / 100 * line / gremc_trial_frame_bits(tester, trial, true);
	}
	fprintf(stderr,
		"gremc-loadgen: a rate in %% needs the speed of the line, which this device does not have: give "
		"--line 10G\n");
	return 0;
}

/* ---- where the forwarder is ---- */

double gremc_tester_distance_measure(const struct gremc_tester *tester)
{
	const struct gremc_engine *engine = tester->engine;
	int ours = rte_lcore_to_cpu_id((int)engine->lcore[engine->lcore_count - 1].lcore);

	if (tester->options->given[GREMC_OPTION_dut_cpu] == NULL || ours < 0)
		return NAN;
	return gremc_cpu_distance_measure((unsigned)ours, tester->options->dut_cpu);
}

/* ---- rows ---- */

static void row_rates_set(struct gremc_tester *tester, const struct gremc_trial *trial,
			  const struct gremc_outcome *o, struct gremc_result *row)
{
	double line = line_speed_get(tester);

	if (trial->rate > 0)
		row->offered_pps = trial->rate;
	row->achieved_pps = o->rate;
	row->offered_bps = o->rate * gremc_trial_frame_bits(tester, trial, false);
	if (line > 0)
		row->line_percent = o->rate * gremc_trial_frame_bits(tester, trial, true) / line * 100;
	row->replicas_ps = o->replica_rate;
	if (o->frames)
		row->received_bps =
			o->replica_rate * 8 * ((double)o->received_bytes / (double)o->frames + FCS);
}

/* A trial that fell behind its schedule says so: its delays hold the wait, and its rate was not constant. */
static void row_note_behind(const struct gremc_trial *trial, const struct gremc_outcome *o,
			    struct gremc_result *row)
{
	char earlier[NOTE_TEXT];

	if (trial->rate <= 0 || trial->closed || o->late < BEHIND_SECONDS)
		return;
	snprintf(earlier, sizeof(earlier), "%s%s", row->note ? row->note : "", row->note ? "; " : "");
	gremc_result_text_set(&row->note,
			      "%ssending fell behind its schedule, by %.3g ms and %" PRIu64
			      " packets at most: %s. Delays count from the schedule",
			      earlier, o->late * 1e3, o->behind,
			      o->held_up >= o->late / 2 ? "the generator itself was held up"
			      : o->blocked > 0          ? "the device took no packets meanwhile"
							: "the generator did not send so fast");
}

struct gremc_result *gremc_trial_row_add(struct gremc_tester *tester, const char *test, const char *section,
					 const struct gremc_trial *trial, const struct gremc_outcome *o,
					 uint32_t fanout)
{
	struct gremc_result *row = gremc_results_row_add(&tester->results, test, section);
	char faults[FAULTS_TEXT];

	if (row == NULL)
		return NULL;
	gremc_result_text_set(&row->size, "%s", trial->mix->name);
	if (fanout)
		row->fanout = fanout;
	row->flows = trial->selection->flows;
	row->streams = trial->selection->streams;
	row->seconds = o->seconds;
	row->trials = 1;
	row->sent = o->sent;
	row->expected = o->expected;
	row->received = o->received;
	row->lost = o->lost;
	row->loss_percent = gremc_outcome_loss(o) * 100;
	row->duplicated = o->fault[GREMC_FAULT_duplicated];
	row->reordered = o->fault[GREMC_FAULT_reordered];
	row->late = o->fault[GREMC_FAULT_late];
	row->damaged = o->damaged;
	row->unexpected = o->unexpected;
	row->line_ns = gremc_tester_distance_measure(tester);
	row->held_up_ms = o->held_up * 1e3;
	if (trial->rate > 0 && !trial->closed) {
		row->behind = o->behind;
		row->behind_ms = o->late * 1e3;
	}
	gremc_result_text_set(&row->faults, "%s", gremc_outcome_faults_format(o, faults, sizeof(faults)));
	row_rates_set(tester, trial, o, row);
	if (gremc_tester_is_stopped(tester))
		gremc_result_text_set(&row->note, "a signal ended it after %.3g s", o->seconds);
	else if (o->cut)
		gremc_result_text_set(
			&row->note,
			"the device did not take all packets in time: has the forwarder stopped?");
	else if (o->lost && (o->saturated || o->disturbed))
		gremc_result_text_set(&row->note,
				      "what was lost may be the generator's own loss: it was held up, or its "
				      "receive queue was full");
	else if (o->shortfall)
		gremc_result_text_set(
			&row->note,
			"less was sent than was asked for (offered_pps in the table of all columns)");
	row_note_behind(trial, o, row);
	return row;
}

void gremc_trial_row_verdict_set(struct gremc_result *row, const struct gremc_outcome *outcome)
{
	bool ours = outcome->shortfall || (outcome->lost && (outcome->saturated || outcome->disturbed));

	gremc_result_text_set(&row->verdict, ours ? "limited" : "measured");
}

int gremc_skipped_row_add(struct gremc_tester *tester, const char *test, const char *section,
			  const char *format, ...)
{
	struct gremc_result *row = gremc_results_row_add(&tester->results, test, section);
	va_list arguments;
	char text[512];

	if (row == NULL)
		return -ENOMEM;
	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	gremc_result_text_set(&row->verdict, "skipped");
	gremc_result_text_set(&row->note, "%s", text);
	gremc_progress_print(tester, "%s: skipped: %s", test, text);
	return 0;
}

/* ---- trials ---- */

int gremc_trial_run_once(struct gremc_tester *tester, const struct gremc_trial *trial,
			 struct gremc_outcome *outcome)
{
	int rc = gremc_trial_run(tester, trial, outcome);

	if (rc)
		fprintf(stderr, "gremc-loadgen: %s\n", outcome->error);
	else if (gremc_tester_is_stopped(tester))
		rc = -EINTR;
	return rc;
}

int gremc_trial_run_undisturbed(struct gremc_tester *tester, const struct gremc_trial *trial,
				struct gremc_outcome *outcome)
{
	for (int i = 0; i < TRIES; i++) {
		int rc = gremc_trial_run_once(tester, trial, outcome);

		if (rc || !outcome->disturbed)
			return rc;
		if (i + 1 < TRIES)
			gremc_progress_print(
				tester,
				"%s: the generator itself was held up for %.1f ms: the trial is repeated",
				trial->label, outcome->held_up * 1e3);
	}
	return 0;
}

int gremc_trial_warm_up(struct gremc_tester *tester, const struct gremc_trial *trial, double rate)
{
	struct gremc_trial warm = *trial;
	struct gremc_outcome outcome;

	if (tester->options->warmup <= 0)
		return 0;
	warm.rate = RTE_MIN(RTE_MAX(rate / 10, 100.0), WARM_UP_MOST);
	warm.seconds = tester->options->warmup;
	warm.packets = 0;
	warm.measure = warm.keep_times = false;
	warm.label = "warming up";
	return gremc_trial_run_undisturbed(tester, &warm, &outcome);
}

/* ---- cases ---- */

static int fanout_cases_run(struct gremc_tester *tester, const char *test, const char *section, int tunneling,
			    uint32_t fanout,
			    int (*each)(struct gremc_tester *, const struct gremc_test_case *))
{
	struct gremc_flow_filter filter = {.fanout = fanout, .tunneling = tunneling};
	struct gremc_selection selection;
	int rc = gremc_selection_create(tester, &filter, &selection);

	if (rc == 0 && selection.count == 0)
		rc = fanout ? gremc_skipped_row_add(tester, test, section,
						    "the configuration has no such flow with fan-out %u",
						    fanout)
			    : gremc_skipped_row_add(
				      tester, test, section,
				      "the configuration has no flow of this kind (for LANs a port needs `multicast: true`)");
	else
		for (unsigned i = 0;
		     rc == 0 && i < tester->options->mix_count && !gremc_tester_is_stopped(tester); i++) {
			const struct gremc_mix *mix = &tester->options->mix[i];
			const char *misfit = gremc_mix_check(tester, &selection, mix);
			struct gremc_test_case that = {.selection = &selection, .mix = mix, .fanout = fanout};

			if (fanout == 0 && selection.fanout == (uint32_t)selection.fanout)
				that.fanout = (uint32_t)selection.fanout;
			rc = misfit ? gremc_skipped_row_add(tester, test, section, "size %s: %s", mix->name,
							    misfit)
				    : each(tester, &that);
		}
	gremc_selection_fini(&selection);
	return rc;
}

int gremc_sizes_run(struct gremc_tester *tester, const char *test, const char *section, int tunneling,
		    int (*each)(struct gremc_tester *, const struct gremc_test_case *))
{
	return fanout_cases_run(tester, test, section, tunneling, 0, each);
}

int gremc_cases_run(struct gremc_tester *tester, const char *test, const char *section, int tunneling,
		    int (*each)(struct gremc_tester *, const struct gremc_test_case *))
{
	int rc = 0;

	if (tester->options->fanout_count == 0)
		return gremc_sizes_run(tester, test, section, tunneling, each);
	for (unsigned i = 0; rc == 0 && i < tester->options->fanout_count && !gremc_tester_is_stopped(tester);
	     i++)
		rc = fanout_cases_run(tester, test, section, tunneling, tester->options->fanout[i], each);
	return rc;
}
