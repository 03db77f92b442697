/* SPDX-License-Identifier: BSD-3-Clause */
/* The binary search of RFC 2544, 26.1, independent of the trials: between the highest rate that passed and
 * the lowest that failed, down to a resolution.
 *
 * A shared machine, or a forwarder that is delayed for a moment, loses packets at any rate occasionally and
 * never gains any, so only failures can be wrong. A rate therefore passes as soon as one of `confirm` trials
 * passes. At the end the lowest rate that failed gets as many trials again; if it passes now, the search
 * continues above it. */
#ifndef GREMC_LOADGEN_SEARCH_BISECT_H
#define GREMC_LOADGEN_SEARCH_BISECT_H

#include <stdbool.h>

/* The result of one trial. */
struct gremc_bisect_answer {
	double sent;  /* packets/s; the requested rate if all of it was sent */
	double loss;  /* share */
	bool clean;   /* every replica arrived once, intact and in order */
	bool limited; /* clean: the generator sent less than requested. Not clean: the generator may be the
			 cause */
};

struct gremc_bisect {
	double resolution; /* share */
	unsigned confirm;
	bool highest_failed; /* the highest rate is known to fail because of the forwarder */
	/* Run a trial at `rate`; 0: as fast as possible. Returns 0, or a negative errno, which ends the
	 * search. */
	int (*run_trial)(void *argument, double rate, struct gremc_bisect_answer *answer);
	void *argument;
	/* The result. */
	double found; /* packets/s; 0: nothing passed */
	double lossy; /* packets/s, the lowest rate at which a trial failed; 0: none failed */
	bool limited; /* the rates above `found` may have failed because of the generator */
	unsigned trials;
};

/* Search up to `highest`, from `first` on.
 * Errors:  those of run_trial(). */
int gremc_bisect_range_search(struct gremc_bisect *bisect, double first, double highest);
/* Confirm that the highest rate that the generator can send passes: run `confirm` trials as fast as
 * possible.
 * Returns: 0; *found is false if the first trial fails, otherwise the best trial is the result.
 * Errors:  those of run_trial(). */
int gremc_bisect_max_confirm(struct gremc_bisect *bisect, bool *found);

#endif
