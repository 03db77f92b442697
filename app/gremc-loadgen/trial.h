/* SPDX-License-Identifier: BSD-3-Clause */
/* One trial (RFC 2544, 23): send a number of packets at a rate, wait until what is under way has come, and
 * say what became of every replica. Control thread. */
#ifndef GREMC_LOADGEN_TRIAL_H
#define GREMC_LOADGEN_TRIAL_H

#include <stdbool.h>
#include <stdint.h>

#include "engine.h"

#define GREMC_SIZES_MAX   8
#define GREMC_PATTERN_MAX 16
#define GREMC_MIX_NAME    32

/* The sizes of a trial's packets: one, or a mix in a fixed order. */
struct gremc_mix {
	char name[GREMC_MIX_NAME]; /* as the user wrote it */
	bool outer;
	struct gremc_size size[GREMC_SIZES_MAX];
	uint8_t size_count;
	uint8_t pattern[GREMC_PATTERN_MAX]; /* size of each packet in turn */
	uint8_t pattern_count;
};

/* Which flows are sent, in turn. Heap, gremc_selection_fini(). */
struct gremc_selection {
	uint32_t *order;
	uint32_t count;
	double fanout;           /* replicas of a packet, mean */
	uint32_t flows, streams; /* different ones */
};

struct gremc_trial {
	const struct gremc_selection *selection;
	const struct gremc_mix *mix;
	double rate;       /* packets/s into the forwarder; 0: as fast as possible */
	double seconds;    /* packets = rate * seconds, */
	uint64_t packets;  /* or this, when it is not 0 */
	bool closed;       /* no more is under way than our receive queue holds, whatever the rate */
	bool measure;      /* delays */
	bool keep_times;   /* of the first and last replica of each stream */
	const char *label; /* for the progress line */
	/* Called some thousand times a second while it sends; true ends the trial. NULL: nothing. For joins
	 * and leaves. */
	bool (*meanwhile)(void *argument, double elapsed);
	void *argument;
};

struct gremc_outcome {
	uint64_t sent, expected, received, lost;     /* received: good, without doubles */
	uint64_t frames, sent_bytes, received_bytes; /* bytes of frames without FCS */
	uint64_t damaged, unexpected, sequence;      /* sums of the faults by kind */
	uint64_t fault[GREMC_FAULT_COUNT];
	double rate;         /* achieved, packets/s */
	double seconds;      /* of sending */
	double replica_rate; /* good replicas/s over the time in which they came */
	double held_up;      /* seconds, the longest that an lcore of ours did not run its loop */
	double held;         /* seconds, all such times together that lasted a millisecond or more */
	uint64_t behind;     /* packets, the most that were due and had not left, of all senders */
	double late;         /* seconds, the most by which a packet left after it was due */
	double blocked;      /* seconds in which a device did not take what was due, of all senders */
	bool shortfall;      /* the rate was missed by more than 0.1 % */
	bool cut;            /* the ports did not take all packets in time */
	uint64_t backlog;    /* frames: no receive queue of ours ever held more */
	uint64_t missed;     /* frames for which, as the device says, our receive queue had no room */
	bool disturbed;      /* we were held up, and what is missing may be due to that */
	bool saturated;      /* our own receive queue was full, or may have been */
	bool failed;         /* an lcore does not answer, a link is down: see `error` */
	char error[192];
	struct gremc_histogram delay; /* of all, with `measure`, from the times at which packets were due */
	struct gremc_histogram from_sent; /* the same, from the times at which they were sent */
};

/* What a trial needs of the tester; see tester.h. */
struct gremc_tester;

/* Returns 0 when the trial was run (whatever came of it), else a negative errno, with outcome->error set. */
int gremc_trial_run(struct gremc_tester *tester, const struct gremc_trial *trial,
		    struct gremc_outcome *outcome);

/* Was every replica there, whole, once, in order? */
static inline bool gremc_outcome_is_clean(const struct gremc_outcome *outcome)
{
	return outcome->lost == 0 && outcome->damaged == 0 && outcome->unexpected == 0 &&
	       outcome->sequence == 0;
}
static inline double gremc_outcome_loss(const struct gremc_outcome *outcome)
{
	return outcome->expected ? (double)outcome->lost / (double)outcome->expected : 0;
}
/* Faults that are not 0, as "name 3, name 1"; "none" when all are. Returns text. */
char *gremc_outcome_faults_format(const struct gremc_outcome *outcome, char *text, size_t size);

/* Bits/s of layer 2 and of the line (with preamble, gap and FCS) that `rate` packets/s of the mix make into
 * the forwarder, mean over the selection. */
double gremc_trial_frame_bits(const struct gremc_tester *tester, const struct gremc_trial *trial, bool line);

#endif
