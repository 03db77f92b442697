/* SPDX-License-Identifier: BSD-3-Clause */
/* A histogram of delays in TSC cycles: log-linear with 32 buckets per octave, so a percentile is at most 3.2
 * % above the true value; minimum, maximum, mean and jitter are exact. One lcore writes it; the control
 * thread reads it while the lcore rests. */
#ifndef GREMC_LOADGEN_RECEIVE_HISTOGRAM_H
#define GREMC_LOADGEN_RECEIVE_HISTOGRAM_H

#include <stdint.h>

#include <rte_common.h>

#define GREMC_HISTOGRAM_BITS   5u
#define GREMC_HISTOGRAM_LINEAR (1u << GREMC_HISTOGRAM_BITS)
#define GREMC_HISTOGRAM_LARGEST                                                                              \
	((UINT64_C(1) << 40) - 1) /* cycles (minutes); larger ones share the last bucket */
#define GREMC_HISTOGRAM_BUCKETS ((40u - GREMC_HISTOGRAM_BITS + 1) * GREMC_HISTOGRAM_LINEAR)

struct gremc_histogram {
	uint64_t count, sum, min, max;
	/* Jitter (RFC 4689, 3.2.5): the mean difference of consecutive delays. */
	uint64_t jitter_sum, last;
	uint32_t bucket[GREMC_HISTOGRAM_BUCKETS];
} __rte_cache_aligned;

/* Returns: the index of the bucket, below GREMC_HISTOGRAM_BUCKETS. */
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

/* Add a delay. A zeroed histogram is empty.
 * Thread:  the writer. */
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

/* Returns: the largest value of the bucket, in cycles. */
uint64_t gremc_histogram_upper(unsigned bucket);
/* Add all values of `from` to `into`.
 * Thread:  control thread, while the writers rest. */
void gremc_histogram_merge(struct gremc_histogram *into, const struct gremc_histogram *from);
/* Input:   `share` is from 0 to 1.
 * Returns: the smallest value, in cycles, that at least `share` of the delays do not exceed, at most the
 *          maximum; 0 if the histogram is empty. */
uint64_t gremc_histogram_percentile(const struct gremc_histogram *histogram, double share);

#endif
