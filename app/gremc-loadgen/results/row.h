/* SPDX-License-Identifier: BSD-3-Clause */
/* A row of results. One table of columns defines the row and its form on the terminal, in JSON, in CSV and in
 * the report. Everything here: control thread. */
#ifndef GREMC_LOADGEN_RESULTS_ROW_H
#define GREMC_LOADGEN_RESULTS_ROW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/base.h"
#include "receive/histogram.h"

/* kind, name, heading ("": not in the terminal's table), meaning. An absent count is GREMC_RESULT_NONE, an
 * absent number NAN, an absent text NULL. */
#define GREMC_RESULT_COLUMNS(X)                                                                                    \
	X(text, test, "test", "name of the test")                                                                  \
	X(text, section, "by", "the section of the RFC that defines it")                                           \
	X(text, variant, "variant", "distinguishes the rows of a test: a tunnel, a share, a step")                 \
	X(text, size, "size", "inner IP packet in bytes; outer:N is an Ethernet frame with FCS; or a mix")         \
	X(count, fanout, "fan-out", "replicas of a multicast packet")                                              \
	X(count, flows, "flows", "flows sent")                                                                     \
	X(count, streams, "", "flows times the sites that must receive them")                                      \
	X(number, offered_pps, "", "requested packets/s")                                                          \
	X(number, achieved_pps, "pps in", "packets/s sent")                                                        \
	X(number, offered_bps, "", "bits/s of layer 2 (with FCS) into the forwarder")                              \
	X(number, line_percent, "", "load of the line in percent, with preamble and gap")                          \
	X(number, seconds, "", "duration of sending")                                                              \
	X(count, trials, "", "trials that led to this row")                                                        \
	X(count, sent, "sent", "packets into the forwarder")                                                       \
	X(count, expected, "expected", "replicas that must arrive: sent times fan-out")                            \
	X(count, received, "received", "of these, replicas that arrived, each counted once")                       \
	X(count, lost, "lost", "replicas that did not arrive")                                                     \
	X(number, loss_percent, "loss %", "lost in percent of expected")                                           \
	X(number, replicas_ps, "replicas/s", "replicas/s that arrived; all are checked")                           \
	X(number, received_bps, "", "bits/s of layer 2 (with FCS) out of the forwarder")                           \
	X(count, duplicated, "", "replicas that arrived twice")                                                    \
	X(count, reordered, "", "replicas that arrived after a later one of their flow")                           \
	X(count, late, "", "replicas more than 64 behind the latest of their flow")                                \
	X(count, damaged, "", "replicas that arrived changed")                                                     \
	X(count, unexpected, "", "frames that must not arrive")                                                    \
	X(text, faults, "faults", "faults by name")                                                                \
	X(number, delay_min_us, "min us",                                                                          \
	  "forwarding delay in microseconds from the due time of the packet")                                      \
	X(number, delay_mean_us, "mean us", "")                                                                    \
	X(number, delay_p50_us, "p50", "")                                                                         \
	X(number, delay_p90_us, "p90", "")                                                                         \
	X(number, delay_p99_us, "p99", "")                                                                         \
	X(number, delay_p999_us, "p99.9", "")                                                                      \
	X(number, delay_max_us, "max us", "")                                                                      \
	X(number, jitter_us, "jitter", "mean difference of consecutive delays (RFC 4689)")                         \
	X(text, histogram, "", "delays: microseconds:count of each bucket that is not empty")                      \
	X(number, sent_delay_mean_us, "", "delays from transmission; they omit the time for which a")              \
	X(number, sent_delay_p50_us, "", "packet waited before it left")                                           \
	X(number, sent_delay_p99_us, "sent p99", "99th percentile of the delay from transmission")                 \
	X(number, sent_delay_p999_us, "", "")                                                                      \
	X(number, sent_delay_max_us, "", "")                                                                       \
	X(count, behind, "behind", "maximum of packets that were due and had not left")                            \
	X(number, behind_ms, "behind ms", "longest time by which a packet left after it was due")                  \
	X(number, join_min_ms, "join min ms", "group join delay")                                                  \
	X(number, join_max_ms, "join max ms", "")                                                                  \
	X(number, leave_min_ms, "leave min ms", "group leave delay")                                               \
	X(number, leave_max_ms, "leave max ms", "")                                                                \
	X(count, groups, "groups", "groups that the forwarder forwarded")                                          \
	X(number, lossy_pps, "", "lowest rate at which a trial of the search failed")                              \
	X(number, line_ns, "line ns",                                                                              \
	  "round trip of a cache line between the CPUs of forwarder and generator; compare rows with like values") \
	X(number, held_up_ms, "", "longest stall of the generator")                                                \
	X(text, verdict, "verdict",                                                                                \
	  "passed, failed, measured, limited (by something else than the forwarder), skipped")                     \
	X(text, note, "note", "explains the verdict")

#define GREMC_RESULT_NONE UINT64_MAX

/* One row: the outcome of a trial, a search or a step of a test. Owns its texts. */
struct gremc_result {
#define GREMC_RESULT_text(name)               char *name;
#define GREMC_RESULT_count(name)              uint64_t name;
#define GREMC_RESULT_number(name)             double name;
#define GREMC_X(kind, name, heading, meaning) GREMC_RESULT_##kind(name)
	GREMC_RESULT_COLUMNS(GREMC_X)
#undef GREMC_X
};

enum gremc_column_kind { GREMC_COLUMN_text, GREMC_COLUMN_count, GREMC_COLUMN_number };

struct gremc_column {
	enum gremc_column_kind kind;
	const char *name, *heading, *meaning;
	size_t offset; /* in struct gremc_result */
};

/* In the order of GREMC_RESULT_COLUMNS. */
extern const struct gremc_column gremc_columns[];
extern const unsigned gremc_column_count;

/* Make a row empty.
 * Owner:   texts of the row are overwritten, not freed. */
void gremc_result_init(struct gremc_result *row);
/* Free the texts of a row. */
void gremc_result_fini(struct gremc_result *row);
/* Replace a text column by a formatted copy; NULL if memory is short.
 * Input:   the arguments may include *text. */
void gremc_result_text_set(char **text, const char *format, ...) __rte_format_printf(2, 3);
/* Append a formatted sentence to a text column, after "; " if it has a text. */
void gremc_result_text_append(char **text, const char *format, ...) __rte_format_printf(2, 3);
/* Set the delay columns.
 * Input:   delays from the due time, in cycles of a TSC of `hz`; an empty histogram changes nothing. */
void gremc_result_delay_set(struct gremc_result *row, const struct gremc_histogram *histogram, uint64_t hz);
/* Set the column of the histogram's buckets.
 * Input:   as for gremc_result_delay_set(). */
void gremc_result_buckets_set(struct gremc_result *row, const struct gremc_histogram *histogram, uint64_t hz);
/* Set the columns of delays from transmission.
 * Input:   as for gremc_result_delay_set(). */
void gremc_result_sent_delay_set(struct gremc_result *row, const struct gremc_histogram *histogram,
				 uint64_t hz);

/* How gremc_column_text_format() writes a number. */
enum gremc_number_form { GREMC_NUMBER_EXACT, GREMC_NUMBER_BRIEF };

/* Format the value of a column; "" if it is absent.
 * Returns: text. */
char *gremc_column_text_format(const struct gremc_column *column, const struct gremc_result *row,
			       enum gremc_number_form form, char *text, size_t size);
/* Returns: whether `text` is absent or the normal value of the column. A column of such values is not shown.
 */
bool gremc_column_is_trivial(const struct gremc_column *column, const char *text);

#endif
