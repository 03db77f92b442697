/* SPDX-License-Identifier: BSD-3-Clause */
/* The outcome of a trial. */
#ifndef GREMC_LOADGEN_TRIAL_OUTCOME_H
#define GREMC_LOADGEN_TRIAL_OUTCOME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "receive/faults.h"
#include "receive/histogram.h"

struct gremc_outcome {
	uint64_t sent, expected, received, lost;     /* received: each replica once */
	uint64_t frames, sent_bytes, received_bytes; /* bytes of frames without FCS */
	uint64_t damaged, unexpected, sequence;      /* sums of the faults by kind */
	uint64_t fault[GREMC_FAULT_COUNT];
	double rate;         /* achieved, packets/s */
	double seconds;      /* duration of sending */
	double replica_rate; /* replicas/s between the first and the last one */
	/* The generator itself. */
	double stall_longest; /* seconds, the longest time for which an lcore did not run its loop */
	double stalled;       /* seconds, sum of the stalls of a millisecond or longer, of the worst lcore */
	uint64_t behind;      /* maximum of packets that were due and had not left, sum of all transmitters */
	double behind_time;   /* seconds, the longest time by which a packet left after it was due */
	double blocked;       /* seconds during which a device did not accept due packets, sum */
	uint64_t backlog;     /* upper bound of the frames that any RX queue held */
	uint64_t missed;      /* frames that an RX queue dropped, as far as the devices count them */
	bool shortfall;       /* the rate was missed by more than 0.1 % */
	bool cut;             /* the devices did not accept all packets in time */
	bool disturbed;       /* the generator was stalled, which may have caused the loss or the shortfall */
	bool saturated;       /* an RX queue of the generator was full, or may have been */
	bool failed;          /* an lcore does not respond or a link is down: see `error` */
	char error[192];
	/* With `measure`: delays of all replicas, from the due time and from transmission. */
	struct gremc_histogram delay, from_sent;
};

/* Returns: whether every replica arrived once, intact and in order. */
static inline bool gremc_outcome_is_clean(const struct gremc_outcome *outcome)
{
	return outcome->lost == 0 && outcome->damaged == 0 && outcome->unexpected == 0 &&
	       outcome->sequence == 0;
}

/* Returns: the lost share of the expected replicas. */
static inline double gremc_outcome_loss(const struct gremc_outcome *outcome)
{
	return outcome->expected ? (double)outcome->lost / (double)outcome->expected : 0;
}

/* Returns: whether the generator's own receive side may have lost replicas. */
static inline bool gremc_outcome_loss_is_doubtful(const struct gremc_outcome *outcome)
{
	return outcome->lost > 0 && (outcome->saturated || outcome->disturbed);
}

/* Record that a trial could not run.
 * Returns: `error`. */
int gremc_outcome_fail(struct gremc_outcome *outcome, int error, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/* Format the faults that occurred, as "name 3, name 1", or "none".
 * Returns: text. */
char *gremc_outcome_faults_format(const struct gremc_outcome *outcome, char *text, size_t size);

#endif
