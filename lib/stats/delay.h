/* SPDX-License-Identifier: BSD-3-Clause */
/* delay: how long something took, counted: the extremes exactly, percentiles to an eighth. One writer; any
 * thread reads, and may see one value more in a field than in another. */
#ifndef GREMC_STATS_DELAY_H
#define GREMC_STATS_DELAY_H

#include <stdint.h>

#define GREMC_DELAY_BITS    3u                        /* eight buckets to each doubling */
#define GREMC_DELAY_LARGEST ((UINT64_C(1) << 37) - 1) /* two minutes: what is above counts as that */
#define GREMC_DELAY_BUCKETS ((37u - GREMC_DELAY_BITS + 1) << GREMC_DELAY_BITS)

/* Zero-initialised it is empty. Nanoseconds. */
struct gremc_delays {
	uint64_t count, min, max;
	uint64_t bucket[GREMC_DELAY_BUCKETS];
};

void gremc_delays_add(struct gremc_delays *delays, uint64_t nanoseconds);
/* What `percent` of them do not exceed; 0: there are none. */
uint64_t gremc_delays_percentile(const struct gremc_delays *delays, unsigned percent);

#endif
