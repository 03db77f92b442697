/* SPDX-License-Identifier: BSD-3-Clause */
#include <math.h>

#include "base/assert.h"
#include "transmit/pace.h"

#define BURST_SECONDS 10e-6
#define PERIOD_MAX    9e18
#define CATCH_UP      1.25 /* of the rate */

void gremc_pace_start(struct gremc_pace *pace, double rate, uint64_t hz, uint64_t now)
{
	double batch = rate * BURST_SECONDS;

	gremc_assert(rate < (double)hz);
	*pace = (struct gremc_pace){.start = now, .next_burst = now, .burst_min = 1};
	if (rate <= 0)
		return;
	pace->rate = (uint64_t)ldexp(rate / (double)hz, 64);
	pace->period = (uint64_t)fmin(ldexp((double)hz / rate, GREMC_PACE_PERIOD_BITS), PERIOD_MAX);
	pace->interval = (uint64_t)ldexp((double)hz / (rate * CATCH_UP), 16);
	if (batch > 1)
		pace->burst_min = batch < GREMC_PACE_BURST ? (uint32_t)batch : GREMC_PACE_BURST;
}
