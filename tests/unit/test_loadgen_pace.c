/* SPDX-License-Identifier: BSD-3-Clause */
/* The time of the load generator: pacing, lags, stamps, histograms. */
#include <math.h>

#include "receive/histogram.h"
#include "traffic/stamp.h"
#include "transmit/pace.h"

#include "test.h"

#define HZ UINT64_C(2100000000)

/* ---- pace ---- */

/* Returns: packets that leave within `cycles` if the lcore polls every `step` cycles. */
static uint64_t pace_sent_after(double rate, uint64_t cycles, uint64_t step)
{
	struct gremc_pace pace;

	gremc_pace_start(&pace, rate, HZ, 1000);
	for (uint64_t now = 1000; now < 1000 + cycles; now += step) {
		uint32_t count = gremc_pace_due_count(&pace, now, GREMC_PACE_BURST);

		assert_true(count <= GREMC_PACE_BURST);
		if (count)
			gremc_pace_sent_add(&pace, now, count);
	}
	return pace.sent;
}

static void test_the_rate_is_exact_to_a_thousandth(void **state)
{
	static const double rates[] = {1, 999.5, 10e3, 1234567, 14880952, 100e6};

	RTE_SET_USED(state);
	for (unsigned i = 0; i < RTE_DIM(rates); i++)
		for (uint64_t step = 37; step < 700; step += 331) {
			double seconds = rates[i] < 1000 ? 20 : 1, expected;
			uint64_t sent;

			if (rates[i] < 1000 && step > 37)
				continue;
			if (rates[i] < 1000)
				step = 100000;
			expected = rates[i] * seconds;
			if (rates[i] > 50e6 && step > 300)
				continue; /* bursts of 32 every 368 cycles are below this rate */
			sent = pace_sent_after(rates[i], (uint64_t)(seconds * HZ), step);
			assert_true(fabs((double)sent - expected) <= RTE_MAX(1.0, expected * 0.001));
		}
}

static void test_pacing_catches_up_at_a_quarter_above_the_rate(void **state)
{
	struct gremc_pace pace;
	uint64_t now = 0, before;

	RTE_SET_USED(state);
	gremc_pace_start(&pace, 1e6, HZ, 0);
	now = HZ / 100; /* a pause of 10 ms: 10,000 packets behind */
	before = now;
	while (now < before + HZ / 1000) {
		uint32_t count = gremc_pace_due_count(&pace, now, GREMC_PACE_BURST);

		if (count)
			gremc_pace_sent_add(&pace, now, count);
		now += 100;
	}
	assert_in_range(pace.sent, 1200, 1290); /* in a millisecond, at 1.25 million */
	assert_in_range(pace.behind, 9990, 10100);
	while (now < before + HZ / 10) {
		uint32_t count = gremc_pace_due_count(&pace, now, GREMC_PACE_BURST);

		if (count)
			gremc_pace_sent_add(&pace, now, count);
		now += 100;
	}
	assert_in_range(pace.sent, 109900, 110010); /* all of 110 ms */
}

/* Poll every `step` cycles from `*now` to `end`.
 * Returns: the largest lag; *above is the number of lags above `limit`. */
static uint64_t pace_lags_get(struct gremc_pace *pace, uint64_t *now, uint64_t end, uint64_t step,
			      uint64_t limit, uint64_t *above)
{
	uint64_t most = 0;

	for (*above = 0; *now < end; *now += step) {
		uint32_t count = gremc_pace_due_count(pace, *now, GREMC_PACE_BURST);

		for (uint32_t i = 0; i < count; i++) {
			uint64_t lag = gremc_pace_lag(pace, *now);

			most = RTE_MAX(most, lag);
			*above += lag > limit;
		}
		if (count)
			gremc_pace_sent_add(pace, *now, count);
	}
	return most;
}

/* A lag is at most one round of the loop. */
static void test_a_transmitter_on_schedule_has_no_lag(void **state)
{
	static const double rates[] = {1000, 98765.4, 1234567, 14880952};
	uint64_t now, above;

	RTE_SET_USED(state);
	for (unsigned i = 0; i < RTE_DIM(rates); i++) {
		struct gremc_pace pace;

		now = 5000;
		gremc_pace_start(&pace, rates[i], HZ, now);
		assert_in_range(pace_lags_get(&pace, &now, 5000 + HZ, 100, 0, &above), 0, 110);
		assert_in_range(pace.lag_max, 0, 110);
	}
}

/* A pause of 300 ms at 20,000 packets/s: 6,000 packets are due meanwhile with lags evenly between 0 and 300
 * ms, and catching up at 1.25 times the rate takes another 1.2 s. */
static void test_packets_due_in_a_pause_have_its_lag(void **state)
{
	struct gremc_pace pace;
	uint64_t now = 0, above, most, pause = HZ * 3 / 10;

	RTE_SET_USED(state);
	gremc_pace_start(&pace, 20000, HZ, 0);
	assert_in_range(pace_lags_get(&pace, &now, HZ, 100, 0, &above), 0, 110);
	now += pause;
	most = pace_lags_get(&pace, &now, HZ + pause + HZ * 2, 100, HZ / 20, &above);
	assert_in_range(most, pause - HZ / 1000, pause + HZ / 1000);
	/* the lag falls from 300 to 50 ms in 1.0 s, in which 25,000 packets leave */
	assert_in_range(above, 24800, 25200);
	assert_int_equal(pace.lag_max, most);
	assert_in_range(pace.behind, 5990, 6010);
	/* on schedule again */
	assert_in_range(pace_lags_get(&pace, &now, now + HZ, 100, 0, &above), 0, 110);
	/* without a schedule there is no lag */
	gremc_pace_start(&pace, 0, HZ, 0);
	assert_int_equal(gremc_pace_lag(&pace, HZ), 0);
}

static void test_a_stamp_holds_any_lag(void **state)
{
	uint8_t at[GREMC_STAMP_LENGTH];

	RTE_SET_USED(state);
	for (uint64_t lag = 0; lag < UINT64_C(1) << 50; lag = lag * 9 / 8 + 1) {
		struct gremc_stamp stamp = {1, 2, (UINT64_C(1) << 40) - 3, UINT64_MAX - 5, lag}, read;

		gremc_stamp_write(at, &stamp);
		assert_true(gremc_stamp_read(at, &read));
		assert_true(read.trial_id == 1 && read.flow == 2 && read.sequence == stamp.sequence &&
			    read.time == stamp.time);
		assert_true(read.lag <= lag && lag - read.lag <= lag >> 18);
	}
	assert_int_equal(gremc_stamp_lag_unpack(gremc_stamp_lag_pack(UINT64_MAX)), ((UINT64_C(1) << 19) - 1)
											   << 31);
}

/* ---- histogram ---- */

static void test_percentiles_are_close_to_the_true_values(void **state)
{
	static struct gremc_histogram a, b, all;

	RTE_SET_USED(state);
	assert_int_equal(gremc_histogram_percentile(&a, 0.5), 0);
	for (uint64_t i = 1; i <= 100000; i++)
		gremc_histogram_add(i % 2 ? &a : &b, i);
	gremc_histogram_merge(&all, &a);
	gremc_histogram_merge(&all, &b);
	assert_int_equal(all.count, 100000);
	assert_int_equal(all.min, 1);
	assert_int_equal(all.max, 100000);
	assert_int_equal(all.sum, UINT64_C(5000050000));
	for (unsigned percent = 1; percent <= 100; percent++) {
		uint64_t value = gremc_histogram_percentile(&all, percent / 100.0), exact = percent * 1000;

		assert_true(value >= exact && value <= exact + exact / 31 + 1);
	}
	assert_int_equal(all.jitter_sum, 2 * 2 * 49999); /* the steps in each half are 2 */
}

static void test_every_value_is_in_the_range_of_its_bucket(void **state)
{
	unsigned last = 0;

	RTE_SET_USED(state);
	for (uint64_t value = 1; value < GREMC_HISTOGRAM_LARGEST; value += 1 + value / 100) {
		unsigned bucket = gremc_histogram_bucket(value);

		assert_true(bucket >= last && bucket < GREMC_HISTOGRAM_BUCKETS);
		assert_true(value <= gremc_histogram_upper(bucket));
		assert_true(bucket == 0 || value > gremc_histogram_upper(bucket - 1));
		last = bucket;
	}
	assert_int_equal(gremc_histogram_bucket(UINT64_MAX), GREMC_HISTOGRAM_BUCKETS - 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_rate_is_exact_to_a_thousandth),
		cmocka_unit_test(test_pacing_catches_up_at_a_quarter_above_the_rate),
		cmocka_unit_test(test_a_transmitter_on_schedule_has_no_lag),
		cmocka_unit_test(test_packets_due_in_a_pause_have_its_lag),
		cmocka_unit_test(test_a_stamp_holds_any_lag),
		cmocka_unit_test(test_percentiles_are_close_to_the_true_values),
		cmocka_unit_test(test_every_value_is_in_the_range_of_its_bucket),
	};

	return cmocka_run_group_tests_name("loadgen_pace", tests, NULL, NULL);
}
