/* SPDX-License-Identifier: BSD-3-Clause */
#include <pthread.h>
#include <string.h>

#include <rte_eal.h>
#include <rte_malloc.h>

#include "stats/delay.h"
#include "stats/sample.h"
#include "stats/stats.h"
#include "test.h"

#define ROUNDS 2000000u

static void test_every_reason_has_a_text(void **state)
{
	(void)state;
	for (unsigned i = 0; i < GREMC_DROP_COUNT; i++) {
		assert_true(strlen(gremc_drop_name(i)) > 2);
		assert_true(strlen(gremc_drop_text(i)) > 8);
		for (unsigned j = 0; j < i; j++)
			assert_string_not_equal(gremc_drop_name(i), gremc_drop_name(j));
	}
	for (unsigned i = 0; i < GREMC_TX_DROP_COUNT; i++) {
		assert_true(strlen(gremc_tx_drop_name(i)) > 2);
		assert_true(strlen(gremc_tx_drop_text(i)) > 8);
	}
	/* each error of a parser is a drop reason with the same name */
	assert_string_equal(gremc_drop_name(gremc_drop_from_proto(GREMC_PROTO_gre_version)), "gre_version");
}

static struct gremc_sample sample_make(unsigned reason, uint8_t byte)
{
	struct gremc_sample sample = {.time = byte, .reason = reason, .count = GREMC_SAMPLE_BYTES};

	memset(sample.bytes, byte, sizeof(sample.bytes));
	return sample;
}

static void test_newest_samples_displace_the_oldest(void **state)
{
	struct gremc_samples *samples = gremc_samples_create(-1);
	struct gremc_sample sample, copy;

	(void)state;
	assert_non_null(samples);
	assert_false(gremc_samples_read(samples, 0, &copy));
	for (unsigned i = 0; i < GREMC_SAMPLES + 10; i++) {
		sample = sample_make(GREMC_DROP_rpf, i);
		samples->left[GREMC_DROP_rpf] = 1;
		gremc_samples_add(samples, &sample);
	}
	assert_int_equal(gremc_samples_count(samples), GREMC_SAMPLES + 10);
	for (unsigned i = 0; i < GREMC_SAMPLES + 10; i++) {
		assert_int_equal(gremc_samples_read(samples, i, &copy), i >= 10);
		sample = sample_make(GREMC_DROP_rpf, i);
		if (i >= 10)
			assert_memory_equal(copy.bytes, sample.bytes, sizeof(copy.bytes));
	}
	rte_free(samples);
}

/* A flood of one reason leaves the other reasons their samples. */
static void test_each_reason_has_few_samples_a_second(void **state)
{
	struct gremc_samples *samples = gremc_samples_create(-1);
	const unsigned reason = GREMC_DROP_rpf, other = GREMC_DROP_COUNT;
	const uint64_t second = samples->cycles;
	struct gremc_sample sample = sample_make(reason, 0);

	(void)state;
	gremc_samples_refill(samples, 10 * second);
	for (unsigned i = 0; i < GREMC_SAMPLES_PER_SECOND; i++) {
		assert_true(gremc_samples_accept(samples, reason));
		gremc_samples_add(samples, &sample);
	}
	gremc_samples_refill(samples, 11 * second - 1);
	assert_false(gremc_samples_accept(samples, reason));
	assert_true(gremc_samples_accept(samples, other));
	gremc_samples_refill(samples, 11 * second);
	assert_true(gremc_samples_accept(samples, reason));
	rte_free(samples);
}

#define SAMPLES_WRITTEN 20000

static void *samples_thread(void *argument)
{
	struct gremc_samples *samples = argument;
	struct gremc_sample sample;

	for (unsigned i = 0; i < SAMPLES_WRITTEN; i++) {
		sample = sample_make(GREMC_DROP_rpf, i);
		samples->left[GREMC_DROP_rpf] = 1;
		gremc_samples_add(samples, &sample);
	}
	return NULL;
}

static void test_reader_sees_whole_samples(void **state)
{
	struct gremc_samples *samples = gremc_samples_create(-1);
	struct gremc_sample sample, wanted;
	pthread_t thread;
	uint64_t count;

	(void)state;
	assert_int_equal(pthread_create(&thread, NULL, samples_thread, samples), 0);
	do {
		count = gremc_samples_count(samples);
		for (uint64_t i = count - RTE_MIN(count, GREMC_SAMPLES); i < count; i++) {
			if (!gremc_samples_read(samples, i, &sample))
				continue;
			wanted = sample_make(GREMC_DROP_rpf, i);
			assert_int_equal(sample.time, wanted.time);
			assert_memory_equal(sample.bytes, wanted.bytes, sizeof(sample.bytes));
		}
	} while (count < SAMPLES_WRITTEN);
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_true(gremc_samples_read(samples, SAMPLES_WRITTEN - 1, &sample));
	rte_free(samples);
}

/* A worker whose sums hold only between bursts. */
static void *writer_thread(void *argument)
{
	struct gremc_stats *stats = argument;

	for (unsigned i = 0; i < ROUNDS; i++) {
		gremc_stats_write_begin(stats);
		gremc_counter_add(&stats->totals.rx_packets, 3);
		gremc_counter_add(&stats->totals.forwarded, 2);
		gremc_counter_add(&stats->totals.drops[GREMC_DROP_rpf], 1);
		gremc_counter_add(&stats->totals.wanted, 10);
		gremc_counter_add(&stats->totals.sent, 9);
		gremc_counter_add(&stats->totals.losses[GREMC_TX_DROP_tx_full], 1);
		gremc_stats_write_end(stats);
	}
	return NULL;
}

static void test_reader_sees_whole_bursts(void **state)
{
	struct gremc_stats *stats = gremc_stats_create(-1, 64, 64);
	struct gremc_totals t = {0};
	unsigned reads = 0;
	pthread_t thread;

	(void)state;
	assert_non_null(stats);
	assert_int_equal(pthread_create(&thread, NULL, writer_thread, stats), 0);
	while (t.rx_packets < 3ull * ROUNDS) {
		memset(&t, 0, sizeof(t));
		gremc_stats_read(stats, &t);
		assert_int_equal(t.rx_packets, t.forwarded + t.drops[GREMC_DROP_rpf]);
		assert_int_equal(t.wanted, t.sent + t.losses[GREMC_TX_DROP_tx_full]);
		reads++;
	}
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_true(reads > 0);
	/* the sum includes a second worker */
	gremc_stats_read(stats, &t);
	assert_int_equal(t.rx_packets, 6ull * ROUNDS);
	gremc_stats_destroy(stats);
}

static void test_reset_index_starts_at_zero(void **state)
{
	struct gremc_stats *stats = gremc_stats_create(-1, 64, 64);

	(void)state;
	assert_non_null(stats);
	gremc_counter_add(&stats->vif_hot[63].tx_packets, 5);
	gremc_counter_add(&stats->vif_cold[63].lost[GREMC_TX_DROP_too_big], 5);
	gremc_counter_add(&stats->vif_hot[62].tx_packets, 4);
	gremc_counter_add(&stats->mroute[63].bytes, 5);
	gremc_stats_reset_vif(stats, 63);
	gremc_stats_reset_mroute(stats, 63);
	assert_int_equal(stats->vif_hot[63].tx_packets, 0);
	assert_int_equal(stats->vif_cold[63].lost[GREMC_TX_DROP_too_big], 0);
	assert_int_equal(stats->mroute[63].bytes, 0);
	assert_int_equal(stats->vif_hot[62].tx_packets, 4);
	gremc_stats_destroy(stats);
	gremc_stats_destroy(NULL);
}

/* A percentile is at most an eighth too large, and never outside the observed range. */
static void test_delay_percentiles_are_exact_to_an_eighth(void **state)
{
	struct gremc_delays delays = {0};

	(void)state;
	assert_int_equal(gremc_delays_percentile(&delays, 50), 0);
	gremc_delays_add(&delays, 12345);
	for (unsigned percent = 0; percent <= 100; percent++)
		assert_int_equal(gremc_delays_percentile(&delays, percent), 12345);
	memset(&delays, 0, sizeof(delays));
	for (uint64_t i = 1; i <= 1000; i++)
		gremc_delays_add(&delays, i * 1000);
	assert_int_equal(delays.count, 1000);
	assert_int_equal(delays.min, 1000);
	assert_int_equal(delays.max, 1000000);
	for (unsigned percent = 1; percent <= 100; percent++) {
		assert_in_range(gremc_delays_percentile(&delays, percent), percent * 10000,
				percent * 10000 * 9 / 8);
		assert_true(gremc_delays_percentile(&delays, percent) <= delays.max);
	}
	gremc_delays_add(&delays, 0);
	gremc_delays_add(&delays, UINT64_MAX);
	assert_int_equal(delays.min, 0);
	assert_int_equal(gremc_delays_percentile(&delays, 100), GREMC_DELAY_LARGEST);
}

static int stats_eal_init(void **state)
{
	char *arguments[] = {"test",        "--no-huge",      "-m", "64", "--no-pci",
			     "--no-shconf", "--no-telemetry", "-l", "0"};

	(void)state;
	return rte_eal_init(RTE_DIM(arguments), arguments) < 0;
}

static int stats_eal_cleanup(void **state)
{
	(void)state;
	return rte_eal_cleanup();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_reason_has_a_text),
		cmocka_unit_test(test_reader_sees_whole_bursts),
		cmocka_unit_test(test_newest_samples_displace_the_oldest),
		cmocka_unit_test(test_each_reason_has_few_samples_a_second),
		cmocka_unit_test(test_reader_sees_whole_samples),
		cmocka_unit_test(test_reset_index_starts_at_zero),
		cmocka_unit_test(test_delay_percentiles_are_exact_to_an_eighth),
	};

	return cmocka_run_group_tests_name("stats", tests, stats_eal_init, stats_eal_cleanup);
}
