/* SPDX-License-Identifier: BSD-3-Clause */
/* Rates and sizes of a trial's packets on the wire. Everything here: control thread. */
#ifndef GREMC_LOADGEN_TRIAL_RATE_H
#define GREMC_LOADGEN_TRIAL_RATE_H

#include "options/values.h"
#include "trial/plan.h"
#include "trial/tester.h"

/* Returns: bits of a frame into the forwarder with FCS, mean over selection and mix. */
double gremc_trial_frame_bits(const struct gremc_tester *tester, const struct gremc_trial *trial);
/* Returns: the same with preamble and inter-frame gap. */
double gremc_trial_line_bits(const struct gremc_tester *tester, const struct gremc_trial *trial);
/* Returns: bits/s of the slowest link, or --line; 0: unknown. */
double gremc_line_speed(const struct gremc_tester *tester);
/* Convert a rate to packets/s.
 * Returns: 0 if it is unknown (% of a line of unknown speed), after a message on stderr. */
double gremc_rate_to_pps(const struct gremc_tester *tester, const struct gremc_trial *trial,
			 struct gremc_rate rate);
/* Check that packets of a mix fit into the tunnels of a selection.
 * Returns:  NULL, or the reason why they do not fit.
 * Lifetime: the reason is valid until the next call. */
const char *gremc_mix_check(const struct gremc_tester *tester, const struct gremc_selection *selection,
			    const struct gremc_mix *mix);

#endif
