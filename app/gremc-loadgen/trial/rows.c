/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "trial/cpu_place.h"
#include "trial/progress.h"
#include "trial/rate.h"
#include "trial/rows.h"

#define NOTE_TEXT      512
#define FAULTS_TEXT    256
#define BEHIND_SECONDS 0.001 /* from which on a note mentions that the trial fell behind */
#define FCS            4

static void row_rates_set(struct gremc_tester *tester, const struct gremc_trial *trial,
			  const struct gremc_outcome *o, struct gremc_result *row)
{
	double line = gremc_line_speed(tester);

	if (trial->rate > 0)
		row->offered_pps = trial->rate;
	row->achieved_pps = o->rate;
	row->offered_bps = o->rate * gremc_trial_frame_bits(tester, trial);
	if (line > 0)
		row->line_percent = o->rate * gremc_trial_line_bits(tester, trial) / line * 100;
	row->replicas_ps = o->replica_rate;
	if (o->frames)
		row->received_bps =
			o->replica_rate * 8 * ((double)o->received_bytes / (double)o->frames + FCS);
}

static const char *behind_reason_text(const struct gremc_outcome *o)
{
	if (o->stall_longest >= o->behind_time / 2)
		return "the generator was stalled";
	if (o->blocked > 0)
		return "the device accepted no packets";
	return o->stalled >= o->behind_time / 2 ? "the generator was stalled several times"
						: "the generator did not keep up";
}

/* Note that a trial fell behind its schedule: its delays include the wait, and its rate was not constant. */
static void row_note_behind(const struct gremc_trial *trial, const struct gremc_outcome *o,
			    struct gremc_result *row)
{
	if (trial->rate <= 0 || trial->closed || o->behind_time < BEHIND_SECONDS)
		return;
	gremc_result_text_append(&row->note,
				 "sending fell behind its schedule by up to %.3g ms and %" PRIu64
				 " packets, because %s. Delays count from the schedule",
				 o->behind_time * 1e3, o->behind, behind_reason_text(o));
}

static void row_note_doubts(const struct gremc_tester *tester, const struct gremc_outcome *o,
			    struct gremc_result *row)
{
	if (gremc_tester_is_stopped(tester))
		gremc_result_text_set(&row->note, "a signal ended the trial after %.3g s", o->seconds);
	else if (o->cut && o->disturbed)
		gremc_result_text_set(&row->note,
				      "the generator was stalled and could not send all packets in time");
	else if (o->cut)
		gremc_result_text_set(&row->note, "the device did not accept all packets in time: has the "
						  "forwarder stopped?");
	else if (gremc_outcome_loss_is_doubtful(o))
		gremc_result_text_set(&row->note, "the generator may have lost the replicas itself: it was "
						  "stalled, or its RX queue was full");
	else if (o->shortfall)
		gremc_result_text_set(&row->note, "the generator sent less than requested (offered pps in "
						  "the table of all columns)");
}

static void row_counts_set(const struct gremc_trial *trial, const struct gremc_outcome *o,
			   struct gremc_result *row)
{
	char faults[FAULTS_TEXT];

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
	gremc_result_text_set(&row->faults, "%s", gremc_outcome_faults_format(o, faults, sizeof(faults)));
}

struct gremc_result *gremc_trial_row_add(struct gremc_tester *tester, const char *test, const char *section,
					 const struct gremc_trial *trial, const struct gremc_outcome *outcome,
					 uint32_t fanout)
{
	struct gremc_result *row = gremc_results_row_add(&tester->results, test, section);

	if (row == NULL)
		return NULL;
	gremc_result_text_set(&row->size, "%s", trial->mix->name);
	if (fanout)
		row->fanout = fanout;
	row_counts_set(trial, outcome, row);
	row->line_ns = gremc_tester_distance_measure(tester);
	row->held_up_ms = outcome->stall_longest * 1e3;
	if (trial->rate > 0 && !trial->closed) {
		row->behind = outcome->behind;
		row->behind_ms = outcome->behind_time * 1e3;
	}
	row_rates_set(tester, trial, outcome, row);
	row_note_doubts(tester, outcome, row);
	row_note_behind(trial, outcome, row);
	return row;
}

void gremc_trial_row_delays_set(const struct gremc_tester *tester, struct gremc_result *row,
				const struct gremc_outcome *outcome)
{
	gremc_result_delay_set(row, &outcome->delay, tester->engine->hz);
	gremc_result_buckets_set(row, &outcome->delay, tester->engine->hz);
	gremc_result_sent_delay_set(row, &outcome->from_sent, tester->engine->hz);
}

void gremc_trial_row_verdict_set(struct gremc_result *row, const struct gremc_outcome *outcome)
{
	bool limited = outcome->shortfall || gremc_outcome_loss_is_doubtful(outcome);

	gremc_result_text_set(&row->verdict, limited ? "limited" : "measured");
}

int gremc_skipped_row_add(struct gremc_tester *tester, const char *test, const char *section,
			  const char *format, ...)
{
	struct gremc_result *row = gremc_results_row_add(&tester->results, test, section);
	va_list arguments;
	char text[NOTE_TEXT];

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
