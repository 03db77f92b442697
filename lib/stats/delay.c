/* SPDX-License-Identifier: BSD-3-Clause */
#include "stats/delay.h"
#include "stats/stats.h"

#define LINEAR (1u << GREMC_DELAY_BITS)

static unsigned delay_bucket(uint64_t value)
{
	unsigned octave;

	if (value < LINEAR)
		return (unsigned)value;
	octave = 63u - (unsigned)__builtin_clzll(value) - GREMC_DELAY_BITS;
	return octave * LINEAR + (unsigned)(value >> octave);
}

/* The largest value of the bucket. */
static uint64_t delay_bucket_limit(unsigned bucket)
{
	unsigned octave;

	if (bucket < 2 * LINEAR)
		return bucket;
	octave = bucket / LINEAR - 1;
	return ((uint64_t)(bucket - octave * LINEAR + 1) << octave) - 1;
}

void gremc_delays_add(struct gremc_delays *delays, uint64_t nanoseconds)
{
	uint64_t value = RTE_MIN(nanoseconds, GREMC_DELAY_LARGEST);

	if (delays->count == 0 || value < delays->min)
		gremc_counter_set(&delays->min, value);
	if (value > delays->max)
		gremc_counter_set(&delays->max, value);
	gremc_counter_add(&delays->bucket[delay_bucket(value)], 1);
	gremc_counter_add(&delays->count, 1);
}

uint64_t gremc_delays_percentile(const struct gremc_delays *delays, unsigned percent)
{
	uint64_t count = gremc_counter_read(&delays->count), seen = 0, max = gremc_counter_read(&delays->max);
	uint64_t wanted = (count * percent + 99) / 100;

	if (count == 0)
		return 0;
	for (unsigned i = 0; i < GREMC_DELAY_BUCKETS; i++) {
		seen += gremc_counter_read(&delays->bucket[i]);
		if (seen >= RTE_MAX(wanted, 1u))
			return RTE_MAX(RTE_MIN(delay_bucket_limit(i), max), gremc_counter_read(&delays->min));
	}
	return max;
}
