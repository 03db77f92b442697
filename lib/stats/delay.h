/* SPDX-License-Identifier: BSD-3-Clause */
/* Distributions of delays: exact extremes, and percentiles with an error of an eighth at most. There is one
 * writer. Any thread reads, and may see one value more in a field than in another. */
#ifndef GREMC_STATS_DELAY_H
#define GREMC_STATS_DELAY_H

#include <stdint.h>

#define GREMC_DELAY_BITS    3u                        /* eight buckets to each doubling */
#define GREMC_DELAY_LARGEST ((UINT64_C(1) << 37) - 1) /* two minutes; larger values count as this one */
#define GREMC_DELAY_BUCKETS ((37u - GREMC_DELAY_BITS + 1) << GREMC_DELAY_BITS)

/* Empty if zeroed. Units: nanoseconds. */
struct gremc_delays {
	uint64_t count, min, max;
	uint64_t bucket[GREMC_DELAY_BUCKETS];
};

/* Add one value.
 * Thread:  the writer. */
void gremc_delays_add(struct gremc_delays *delays, uint64_t nanoseconds);
/* Thread:  any.
 * Returns: a value that `percent` of the values do not exceed; 0 if there are none. */
uint64_t gremc_delays_percentile(const struct gremc_delays *delays, unsigned percent);

#endif
