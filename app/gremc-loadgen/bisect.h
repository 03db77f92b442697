/* SPDX-License-Identifier: BSD-3-Clause */
/* The binary search of RFC 2544, 26.1, apart from what a trial is: between the highest rate that passed and
 * the lowest that failed, to --resolution.
 *
 * A machine that is shared, or a forwarder that is held up for a moment, loses packets at any rate now and
 * then, and never gains any: what a trial says is wrong to one side only. So a rate passes as soon as one of
 * `confirm` trials does, and when the search is over the rate above it, which failed earlier and perhaps in a
 * bad moment, gets as many trials again; if it passes now the search goes on from there. */
#ifndef GREMC_LOADGEN_BISECT_H
#define GREMC_LOADGEN_BISECT_H

#include <stdbool.h>

/* What one trial said. */
struct gremc_bisect_answer {
	double sent;  /* packets/s; where the whole rate was sent that rate */
	double loss;  /* share */
	bool clean;   /* all came, whole and in order */
	bool limited; /* clean: less was sent than asked for. Not clean: it may have been the generator's
			 fault */
};

struct gremc_bisect {
	double resolution; /* share */
	unsigned confirm;
	bool highest_failed; /* it is known that the highest rate fails by the forwarder's fault */
	/* A trial at `rate`; 0: as fast as possible. 0, or a negative errno, which ends the search. */
	int (*ask)(void *argument, double rate, struct gremc_bisect_answer *answer);
	void *argument;
	/* the result */
	double found; /* packets/s; 0: nothing passed */
	double lossy; /* packets/s, the lowest rate at which a trial lost something; 0: none did */
	bool limited; /* what is above `found` did not fail by the forwarder's fault */
	unsigned trials;
};

/* Search up to `highest`, beginning at `first`. 0 or what ask() returned. */
int gremc_bisect_range_search(struct gremc_bisect *bisect, double first, double highest);
/* Nothing is lost as fast as can be sent, it seems: the best of `confirm` trials, true in *found; or none is
 * clean after all, false. 0 or what ask() returned. */
int gremc_bisect_max_confirm(struct gremc_bisect *bisect, bool *found);

#endif
