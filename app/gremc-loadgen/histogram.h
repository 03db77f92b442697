/* SPDX-License-Identifier: BSD-3-Clause */
/* Delays in TSC cycles: a log-linear histogram (32 buckets to each doubling, so a percentile is at most 3.2 %
 * above the true one), with exact minimum, maximum, mean and jitter. One writer; read when it rests. */
#ifndef GREMC_LOADGEN_HISTOGRAM_H
#define GREMC_LOADGEN_HISTOGRAM_H

#include <stdint.h>

#include <rte_common.h>

#define GREMC_HISTOGRAM_BITS    5u
#define GREMC_HISTOGRAM_LINEAR  (1u << GREMC_HISTOGRAM_BITS)
#define GREMC_HISTOGRAM_LARGEST ((UINT64_C(1) << 40) - 1) /* cycles, minutes: above it is the last bucket */
#define GREMC_HISTOGRAM_BUCKETS ((40u - GREMC_HISTOGRAM_BITS + 1) * GREMC_HISTOGRAM_LINEAR)

struct gremc_histogram {
	uint64_t count, sum, min, max;
	/* Jitter, RFC 4689, 3.2.5: the mean of |difference| between consecutive ones. */
	uint64_t jitter_sum, last;
	uint32_t bucket[GREMC_HISTOGRAM_BUCKETS];
} __rte_cache_aligned;

static inline unsigned gremc_histogram_bucket(uint64_t cycles)
{
	unsigned octave;

	if (cycles < GREMC_HISTOGRAM_LINEAR)
		return (unsigned)cycles;
	if (cycles > GREMC_HISTOGRAM_LARGEST)
		cycles = GREMC_HISTOGRAM_LARGEST;
	octave = 63u - (unsigned)__builtin_clzll(cycles) - GREMC_HISTOGRAM_BITS;
	return octave * GREMC_HISTOGRAM_LINEAR + (unsigned)(cycles >> octave);
}

/* Zero-initialised it is empty. */
static inline void gremc_histogram_add(struct gremc_histogram *histogram, uint64_t cycles)
{
	uint64_t last = histogram->last;

	if (histogram->count++ == 0) {
		histogram->min = cycles;
		last = cycles;
	}
	histogram->sum += cycles;
	histogram->min = RTE_MIN(histogram->min, cycles);
	histogram->max = RTE_MAX(histogram->max, cycles);
	histogram->jitter_sum += last > cycles ? last - cycles : cycles - last;
	histogram->last = cycles;
	histogram->bucket[gremc_histogram_bucket(cycles)]++;
}

/* The largest value that falls into the bucket. */
uint64_t gremc_histogram_upper(unsigned bucket);
/* Values of `from` into `into`. */
void gremc_histogram_merge(struct gremc_histogram *into, const struct gremc_histogram *from);
/* The smallest value that at least `share` (0 to 1) of them do not exceed, never above the maximum; 0: empty.
 */
uint64_t gremc_histogram_percentile(const struct gremc_histogram *histogram, double share);

#endif
