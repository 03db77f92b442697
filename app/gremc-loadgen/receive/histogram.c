/* SPDX-License-Identifier: BSD-3-Clause */
#include <math.h>

#include "base/assert.h"
#include "receive/histogram.h"

uint64_t gremc_histogram_upper(unsigned bucket)
{
	unsigned octave;

	if (bucket < 2 * GREMC_HISTOGRAM_LINEAR)
		return bucket;
	octave = bucket / GREMC_HISTOGRAM_LINEAR - 1;
	return ((uint64_t)(bucket - octave * GREMC_HISTOGRAM_LINEAR + 1) << octave) - 1;
}

void gremc_histogram_merge(struct gremc_histogram *into, const struct gremc_histogram *from)
{
	if (from->count == 0)
		return;
	into->min = into->count ? RTE_MIN(into->min, from->min) : from->min;
	into->max = RTE_MAX(into->max, from->max);
	into->count += from->count;
	into->sum += from->sum;
	into->jitter_sum += from->jitter_sum;
	for (unsigned i = 0; i < GREMC_HISTOGRAM_BUCKETS; i++)
		into->bucket[i] += from->bucket[i];
}

uint64_t gremc_histogram_percentile(const struct gremc_histogram *histogram, double share)
{
	uint64_t rank = (uint64_t)ceil(share * (double)histogram->count), seen = 0;

	gremc_assert(share >= 0 && share <= 1);
	if (histogram->count == 0)
		return 0;
	if (rank < 1)
		rank = 1;
	for (unsigned i = 0; i < GREMC_HISTOGRAM_BUCKETS; i++) {
		seen += histogram->bucket[i];
		if (seen >= rank)
			return RTE_MAX(RTE_MIN(gremc_histogram_upper(i), histogram->max), histogram->min);
	}
	return histogram->max;
}
