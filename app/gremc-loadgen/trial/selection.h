/* SPDX-License-Identifier: BSD-3-Clause */
/* Selections of flows, in the order in which a trial sends them. Everything here: control thread. */
#ifndef GREMC_LOADGEN_TRIAL_SELECTION_H
#define GREMC_LOADGEN_TRIAL_SELECTION_H

#include <stdint.h>

#include "trial/tester.h"

struct gremc_selection {
	uint32_t *order; /* flows; heap */
	uint32_t count;
	double fanout;           /* replicas per packet, mean */
	uint32_t flows, streams; /* different ones */
};

#define GREMC_TUNNELING_ANY (-1)

struct gremc_flow_filter {
	uint32_t fanout; /* 0: any */
	int tunneling;   /* enum gremc_tunneling or GREMC_TUNNELING_ANY */
	uint32_t limit;  /* flows; 0: all */
	uint8_t kind;    /* enum gremc_flow_kind */
};

/* Select the flows that match a filter, each once.
 * Owner:   the caller; gremc_selection_fini(), also on failure.
 * Errors:  -ENOMEM. */
int gremc_selection_create(const struct gremc_tester *tester, const struct gremc_flow_filter *filter,
			   struct gremc_selection *selection);
/* Compute fan-out, flows and streams of an order in which each flow is once. */
void gremc_selection_describe(const struct gremc_tester *tester, struct gremc_selection *selection);
/* Mix two selections that share no flow, so that `share` (0 to 1) of the packets are of `b`, evenly
 * spread.
 * Owner:   the caller; gremc_selection_fini(), also on failure.
 * Errors:  -ENOMEM. */
int gremc_selection_mix(const struct gremc_tester *tester, const struct gremc_selection *a,
			const struct gremc_selection *b, double share, struct gremc_selection *selection);
/* Input:   a zeroed selection is permitted. */
void gremc_selection_fini(struct gremc_selection *selection);

#endif
