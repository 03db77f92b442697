/* SPDX-License-Identifier: BSD-3-Clause */
/* The search for the highest rate without loss (RFC 2544, 26.1). Everything here: control thread.
 *
 * First the generator sends as fast as it can. If nothing is lost, that rate is the result. Otherwise the
 * bisection (search/bisect.h) starts at the rate that the forwarder delivered.
 *
 * If the generator sent less than requested and every replica arrived, the rate that was sent has passed and
 * the requested rate is unknown. */
#ifndef GREMC_LOADGEN_SEARCH_SEARCH_H
#define GREMC_LOADGEN_SEARCH_SEARCH_H

#include <stdbool.h>

#include "trial/outcome.h"
#include "trial/plan.h"
#include "trial/tester.h"

struct gremc_search {
	double found; /* packets/s; 0: the lowest rate failed */
	double lossy; /* packets/s, the lowest rate at which a trial failed; 0: none failed */
	bool limited; /* `found` may not be the forwarder's limit. The first of these that is set is the
			 reason; if none is set, the generator could not send faster */
	bool capped;  /* --max-rate passed */
	bool stalled; /* the generator was stalled */
	bool closed;  /* measured in a closed loop, because an open loop overflows the generator's RX queue */
	bool saturated; /* the RX queue of the generator was full */
	bool blocked;   /* a device accepted no more packets */
	bool moved;     /* the CPUs were moved during each attempt */
	unsigned trials;
	struct gremc_outcome best; /* the trial at `found` */
};

/* Search the highest rate without loss. The CPUs of the machine may move meanwhile
 * (engine/cpu_distance.h); the search then starts again, up to three times.
 * Input:   rate, packets and closed of `trial` are not used.
 * Errors:  those of gremc_trial_run_once(). */
int gremc_search_run(struct gremc_tester *tester, const struct gremc_trial *trial,
		     struct gremc_search *search);
/* Run a trial of at most a second, as fast as possible.
 * Errors:  those of gremc_trial_run_once(). */
int gremc_overload_run(struct gremc_tester *tester, const struct gremc_trial *trial,
		       struct gremc_outcome *outcome);

#endif
