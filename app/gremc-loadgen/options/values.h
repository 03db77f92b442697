/* SPDX-License-Identifier: BSD-3-Clause */
/* Values of the command line: rates and packet sizes. */
#ifndef GREMC_LOADGEN_OPTIONS_VALUES_H
#define GREMC_LOADGEN_OPTIONS_VALUES_H

#include "traffic/mix.h"

enum gremc_rate_unit { GREMC_RATE_PPS, GREMC_RATE_BPS, GREMC_RATE_PERCENT };

struct gremc_rate {
	double value;
	enum gremc_rate_unit unit;
};

/* Parse a rate: 250k, 1.5Mpps, 2Gbps or 40%.
 * Errors:  -EINVAL. */
int gremc_rate_parse(const char *text, struct gremc_rate *rate);
/* Parse a size or a mix: 64, inner:64, outer:128 or imix.
 * Errors:  -EINVAL. */
int gremc_mix_parse(const char *text, struct gremc_mix *mix);

#endif
