/* SPDX-License-Identifier: BSD-3-Clause */
/* What the tests found: rows of one table of columns, from which the table on the terminal, JSON, CSV and the
 * report are made, and into which JSON is read again. Control thread. */
#ifndef GREMC_LOADGEN_RESULTS_H
#define GREMC_LOADGEN_RESULTS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/base.h"
#include "histogram.h"

/* kind, name, heading in the table ("" is not shown there), meaning. A count that was not taken is
 * GREMC_RESULT_NONE, a number NAN, a text NULL. */
#define GREMC_RESULT_COLUMNS(X)                                                                              \
	X(text, test, "test", "name of the test")                                                            \
	X(text, section, "by", "the section of the RFC that defines it")                                     \
	X(text, variant, "variant", "what distinguishes this row: a tunnel, a mix, a step")                  \
	X(text, size, "size", "inner IP packet in bytes; outer:N is an Ethernet frame with FCS; or a mix")   \
	X(count, fanout, "fan-out", "replicas of a multicast packet")                                        \
	X(count, flows, "flows", "flows that were sent")                                                     \
	X(count, streams, "", "flows times the sites that must receive them")                                \
	X(number, offered_pps, "", "packets/s that were to be sent")                                         \
	X(number, achieved_pps, "pps in", "packets/s that were sent")                                        \
	X(number, offered_bps, "", "bits/s of layer 2 (with FCS) into the forwarder")                        \
	X(number, line_percent, "", "share of the line that this fills, with preamble and gap")              \
	X(number, seconds, "", "how long was sent")                                                          \
	X(count, trials, "", "trials that led to this row")                                                  \
	X(count, sent, "sent", "packets into the forwarder")                                                 \
	X(count, expected, "expected", "replicas that had to come: sent times fan-out")                      \
	X(count, received, "received", "of these, those that came, each counted once")                       \
	X(count, lost, "lost", "those that did not come")                                                    \
	X(number, loss_percent, "loss %", "lost of expected")                                                \
	X(number, replicas_ps, "replicas/s", "replicas/s that came, all checked")                            \
	X(number, received_bps, "", "bits/s of layer 2 (with FCS) out of the forwarder")                     \
	X(count, duplicated, "", "replicas that came twice")                                                 \
	X(count, reordered, "", "replicas that came after a later one of their flow")                        \
	X(count, late, "", "replicas more than 64 behind the latest of their flow")                          \
	X(count, damaged, "", "replicas that were not as they were sent")                                    \
	X(count, unexpected, "", "frames that should not have come")                                         \
	X(text, faults, "faults", "what was found wrong, by name")                                           \
	X(number, delay_min_us, "min us", "forwarding delay, microseconds, from when packets were due")      \
	X(number, delay_mean_us, "mean us", "")                                                              \
	X(number, delay_p50_us, "p50", "")                                                                   \
	X(number, delay_p90_us, "p90", "")                                                                   \
	X(number, delay_p99_us, "p99", "")                                                                   \
	X(number, delay_p999_us, "p99.9", "")                                                                \
	X(number, delay_max_us, "max us", "")                                                                \
	X(number, jitter_us, "jitter", "mean difference of consecutive delays (RFC 4689)")                   \
	X(text, histogram, "", "delays: microseconds:count of each bucket that is not empty")                \
	X(number, sent_delay_mean_us, "",                                                                    \
	  "the same from when packets were sent: what did not leave on time")                                \
	X(number, sent_delay_p50_us, "", "has no delay here")                                                \
	X(number, sent_delay_p99_us, "sent p99",                                                             \
	  "delay from when packets were sent, not from when they were due")                                  \
	X(number, sent_delay_p999_us, "", "")                                                                \
	X(number, sent_delay_max_us, "", "")                                                                 \
	X(count, behind, "behind", "packets, the most that were due and had not left")                       \
	X(number, behind_ms, "behind ms", "the most by which a packet left after it was due")                \
	X(number, join_min_ms, "join min ms", "group join delay")                                            \
	X(number, join_max_ms, "join max ms", "")                                                            \
	X(number, leave_min_ms, "leave min ms", "group leave delay")                                         \
	X(number, leave_max_ms, "leave max ms", "")                                                          \
	X(count, groups, "groups", "groups that were forwarded")                                             \
	X(number, lossy_pps, "", "lowest rate at which a trial of the search lost something")                \
	X(number, line_ns, "line ns",                                                                        \
	  "round trip of a cache line between the forwarder's CPU and ours: compare only rows of the same")  \
	X(number, held_up_ms, "", "longest time that the generator itself was held up")                      \
	X(text, verdict, "verdict", "passed, failed, measured, limited (by the generator), skipped")         \
	X(text, note, "note", "what must be known to read the row")

#define GREMC_RESULT_NONE UINT64_MAX

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

extern const struct gremc_column gremc_columns[];
extern const unsigned gremc_column_count;

/* A fact of the set-up: name and value. */
struct gremc_fact {
	char *name, *value;
};

/* All of one run; heap. Zero-initialised it is empty. */
struct gremc_results {
	struct gremc_result *row;
	unsigned count;
	struct gremc_fact *fact;
	unsigned fact_count;
};

/* A new row with nothing in it but the test's name; valid until the next one is added. NULL: out of memory.
 */
struct gremc_result *gremc_results_row_add(struct gremc_results *results, const char *test,
					   const char *section);
void gremc_results_fini(struct gremc_results *results);
/* Replace a text column's value by a copy (printf). */
void gremc_result_text_set(char **text, const char *format, ...) __rte_format_printf(2, 3);
void gremc_results_fact_add(struct gremc_results *results, const char *name, const char *format, ...)
	__rte_format_printf(3, 4);
/* NULL: no such fact. */
const char *gremc_results_fact_get(const struct gremc_results *results, const char *name);
/* Delay columns from a histogram of delays from when packets were due; hz is the TSC's. */
void gremc_result_delay_set(struct gremc_result *row, const struct gremc_histogram *histogram, uint64_t hz,
			    bool with_buckets);
/* And from one of the same delays from when packets were sent. */
void gremc_result_sent_delay_set(struct gremc_result *row, const struct gremc_histogram *histogram,
				 uint64_t hz);

/* A column's value as text; "" when there is none. Returns text. */
char *gremc_column_text_format(const struct gremc_column *column, const struct gremc_result *row, bool brief,
			       char *text, size_t size);

/* A value that says that all is well, or nothing: a column of only such need not be shown. */
bool gremc_column_is_trivial(const struct gremc_column *column, const char *text);

/* Writers: 0, or -1 with errno. */
void gremc_results_print(const struct gremc_results *results, FILE *out); /* tables, one a test */
int gremc_results_json_write(const struct gremc_results *results, const char *path);
int gremc_results_csv_write(const struct gremc_results *results, const char *path);
int gremc_results_html_write(const struct gremc_results *const *results, unsigned count, const char *path);
/* Read what gremc_results_json_write() wrote. 0, or -1 with the reason in *errors. */
int gremc_results_json_read(struct gremc_results *results, const char *path, struct gremc_errors *errors);

#endif
