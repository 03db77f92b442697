/* SPDX-License-Identifier: BSD-3-Clause */
#include <math.h>

#include "pace.h"

#define BURST_SECONDS 10e-6
#define PERIOD_MOST   9e18

void gremc_pace_start(struct gremc_pace *pace, double rate, uint64_t hz, uint64_t now)
{
	double batch = rate * BURST_SECONDS;

	*pace = (struct gremc_pace){.start = now, .not_yet = now, .least = 1};
	if (rate <= 0)
		return;
	pace->rate = (uint64_t)ldexp(rate / (double)hz, 64);
	pace->period = (uint64_t)fmin(ldexp((double)hz / rate, GREMC_PACE_PERIOD_BITS), PERIOD_MOST);
	pace->interval = (uint64_t)ldexp((double)hz / (rate * 1.25), 16);
	if (batch > 1)
		pace->least = batch < GREMC_PACE_BURST ? (uint32_t)batch : GREMC_PACE_BURST;
}
