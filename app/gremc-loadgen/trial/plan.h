/* SPDX-License-Identifier: BSD-3-Clause */
/* The plan of a trial: packets, rate and duration. */
#ifndef GREMC_LOADGEN_TRIAL_PLAN_H
#define GREMC_LOADGEN_TRIAL_PLAN_H

#include <stdbool.h>
#include <stdint.h>

#include "traffic/mix.h"
#include "trial/selection.h"

struct gremc_trial {
	const struct gremc_selection *selection;
	const struct gremc_mix *mix;
	double rate;       /* packets/s into the forwarder; 0: as fast as possible */
	double seconds;    /* packets = rate * seconds, */
	uint64_t packets;  /* or this number, if not 0 */
	bool closed;       /* closed loop: at most as many packets in transit as the RX queues hold */
	bool measure;      /* measure delays */
	bool record_times; /* record the times of the first and the last replica of each stream */
	const char *label; /* for the progress line */
	/* Called about a thousand times a second during the trial, with the seconds since its start; returns
	 * true to end the trial. NULL: not called. */
	bool (*meanwhile)(void *argument, double elapsed);
	void *argument;
};

/* Returns: whether only the time ends the trial, which sends as fast as possible. */
static inline bool gremc_trial_is_endless(const struct gremc_trial *trial)
{
	return trial->packets == 0 && trial->rate <= 0;
}

#endif
