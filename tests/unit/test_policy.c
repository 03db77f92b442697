/* SPDX-License-Identifier: BSD-3-Clause */
/* Policies of vifs: filters, limits of the fan-out, and policers by a simulated clock. */
#include <pthread.h>

#include <rte_cycles.h>

#include "forwarder.h"

static struct gremc_policy *policy_set(struct forwarder *f, uint32_t vif, struct gremc_config_policy config)
{
	assert_int_equal(gremc_vif_policy_set(f->vifs, vif, &config), 0);
	return gremc_policy_load(f->vifs, vif);
}

static struct gremc_prefix prefix(uint32_t address, uint32_t length)
{
	const struct gremc_addr addr = gremc_addr_from_ipv4(rte_cpu_to_be_32(address));

	return gremc_prefix_of(&addr, length);
}

/* ---- filters ---- */

static void test_overlapping_prefixes_are_one_range(void **state)
{
	struct forwarder *f = *state;
	struct gremc_prefix groups[] = {prefix(0xef020000, 16), prefix(0xef020300, 24),
					prefix(0xef010101, 32), prefix(0xef010102, 32),
					prefix(0xe0000000, 5)};
	const struct {
		uint32_t group;
		bool in;
	} cases[] = {{0xef010100, false}, {0xef010101, true}, {0xef010102, true}, {0xef010103, false},
		     {0xef01ffff, false}, {0xef020000, true}, {0xef02ffff, true}, {0xef030000, false},
		     {0xe0000000, true},  {0xe7ffffff, true}, {0xe8000000, false}};
	struct gremc_policy *policy;

	forwarder_add_tunnels(f, 1, LOOP);
	policy = policy_set(
		f, f->vif[0],
		(struct gremc_config_policy){.in = {.groups = groups, .group_count = RTE_DIM(groups)}});
	for (unsigned i = 0; i < RTE_DIM(cases); i++)
		assert_int_equal(
			gremc_policy_check_input(policy, RTE_BE32(SOURCE), rte_cpu_to_be_32(cases[i].group)),
			cases[i].in ? GREMC_DROP_boundary : GREMC_DROP_NONE);
}

/* The whole address space, and one address at each end of it. */
static void test_ranges_have_the_ends_of_the_address_space(void **state)
{
	struct forwarder *f = *state;
	struct gremc_prefix all = prefix(0, 0), ends[] = {prefix(0, 32), prefix(UINT32_MAX, 32)};
	struct gremc_policy *policy;

	forwarder_add_tunnels(f, 1, LOOP);
	policy = policy_set(f, f->vif[0],
			    (struct gremc_config_policy){.in = {.sources = &all, .source_count = 1}});
	assert_true(gremc_ranges_have(policy->in.sources, 0));
	assert_true(gremc_ranges_have(policy->in.sources, RTE_BE32(UINT32_MAX)));
	policy = policy_set(f, f->vif[0],
			    (struct gremc_config_policy){.in = {.sources = ends, .source_count = 2}});
	assert_true(gremc_ranges_have(policy->in.sources, 0));
	assert_false(gremc_ranges_have(policy->in.sources, RTE_BE32(1)));
	assert_true(gremc_ranges_have(policy->in.sources, RTE_BE32(UINT32_MAX)));
}

/* A vif with a filter leaves the plain path, and comes back to it. Other vifs stay on it. */
static void test_only_packets_of_limited_vifs_are_checked(void **state)
{
	struct forwarder *f = *state;
	struct gremc_prefix group = prefix(GROUP, 32);
	const struct gremc_config_policy denied = {.in = {.groups = &group, .group_count = 1}};

	forwarder_add_tunnels(f, 3, LOOP);
	forwarder_set_route(f, 3);
	policy_set(f, f->vif[0], denied);
	for (unsigned i = 0; i < 3; i++)
		forwarder_forward_frame(f, frame_mbuf_create(0, 100, 0));
	replicas_expect_none();
	assert_int_equal(forwarder_totals(f).drops[GREMC_DROP_boundary], 3);
	assert_int_equal(f->worker->stats->vif_drop[f->vif[0]].packets[GREMC_DROP_boundary], 3);
	forwarder_forward_frame(f, frame_mbuf_create(1, 100, 0));
	replica_expect(0, 100);
	replica_expect(2, 100);
	assert_int_equal(gremc_vif_policy_set(f->vifs, f->vif[0], NULL), 0);
	forwarder_forward_frame(f, frame_mbuf_create(0, 100, 0));
	replica_expect(1, 100);
	replica_expect(2, 100);
	assert_int_equal(forwarder_totals(f).drops[GREMC_DROP_boundary], 3);
}

/* ---- policers ---- */

#define SECOND (rte_get_tsc_hz())

/* Offer packets at a steady rate for ten seconds of the simulated clock. Returns the bytes that pass after
 * the first second. */
static uint64_t steady_offer(struct gremc_policy_direction *direction, uint32_t packets_per_second,
			     uint16_t length, uint64_t *packets)
{
	const uint64_t start = rte_rdtsc(), count = packets_per_second * UINT64_C(11);
	uint64_t bytes = 0;

	*packets = 0;
	for (uint64_t i = 0; i < count; i++) {
		const uint64_t at = i / packets_per_second * SECOND +
				    i % packets_per_second * SECOND / packets_per_second;

		if (!gremc_policer_accept(direction, start + at, length) || i < packets_per_second)
			continue;
		bytes += length;
		(*packets)++;
	}
	return bytes;
}

static void rate_expect(uint64_t measured, uint64_t expected)
{
	assert_in_range(measured, expected - expected / 1000, expected + expected / 1000);
}

/* RFC 2697: over ten seconds as many tokens pass as the CIR has, to a thousandth. */
static void test_rate_is_exact_over_ten_seconds(void **state)
{
	static const uint32_t pps[] = {1000, 3333, 100003}, kbps[] = {64, 10000, 1000000};
	struct forwarder *f = *state;
	uint64_t packets;

	forwarder_add_tunnels(f, 1, LOOP);
	for (unsigned i = 0; i < 3; i++) {
		struct gremc_policy *policy = policy_set(
			f, f->vif[0], (struct gremc_config_policy){.out.rate = {.pps = pps[i], .burst = 50}});

		steady_offer(&policy->out, pps[i] * 2 + 17, 500, &packets);
		rate_expect(packets, pps[i] * UINT64_C(10));
		policy =
			policy_set(f, f->vif[0],
				   (struct gremc_config_policy){.out.rate = {.kbps = kbps[i], .burst = 500}});
		rate_expect(steady_offer(&policy->out, kbps[i] / 2 + 17, 1000, &packets),
			    kbps[i] * UINT64_C(1250));
	}
}

/* Below the rate nothing is lost. */
static void test_packets_below_the_rate_pass(void **state)
{
	struct forwarder *f = *state;
	struct gremc_policy *policy;
	uint64_t packets;

	forwarder_add_tunnels(f, 1, LOOP);
	policy =
		policy_set(f, f->vif[0],
			   (struct gremc_config_policy){.in.rate = {.pps = 1000, .kbps = 4000, .burst = 10}});
	steady_offer(&policy->in, 999, 499, &packets);
	assert_int_equal(packets, 9990);
}

/* A full bucket passes the CBS at once, also after a long silence, and no more. */
static void test_burst_is_that_of_the_configuration(void **state)
{
	static const uint64_t silences[] = {0, 10, 1000, 100000000};
	struct forwarder *f = *state;
	struct gremc_policy *policy;
	uint64_t now = rte_rdtsc();

	forwarder_add_tunnels(f, 1, LOOP);
	policy = policy_set(f, f->vif[0],
			    (struct gremc_config_policy){.in.rate = {.pps = 1000, .burst = 100}});
	for (unsigned i = 0; i < RTE_DIM(silences); i++) {
		unsigned passed = 0;

		now += silences[i] * SECOND;
		for (unsigned k = 0; k < 1000; k++)
			passed += gremc_policer_accept(&policy->in, now, 500);
		assert_int_equal(passed, silences[i] == 0 && i > 0 ? 0 : 100);
	}
}

/* A packet larger than the CBS passes a full bucket; else it would never pass. */
static void test_large_packet_passes_a_full_bucket(void **state)
{
	struct forwarder *f = *state;
	struct gremc_policy *policy;
	const uint64_t now = rte_rdtsc();

	forwarder_add_tunnels(f, 1, LOOP);
	/* 8 bytes in a millisecond */
	policy = policy_set(f, f->vif[0], (struct gremc_config_policy){.in.rate = {.kbps = 64, .burst = 1}});
	assert_true(gremc_policer_accept(&policy->in, now, 1500));
	assert_false(gremc_policer_accept(&policy->in, now, 20));
	assert_false(gremc_policer_accept(&policy->in, now + SECOND * 186 / 1000, 1500));
	assert_true(gremc_policer_accept(&policy->in, now + SECOND * 188 / 1000, 1500));
}

/* A packet that the bits do not allow takes no token of the packets. */
static void test_denied_packet_takes_no_tokens(void **state)
{
	struct forwarder *f = *state;
	struct gremc_policy *policy;
	const uint64_t now = rte_rdtsc();
	unsigned passed = 0;

	forwarder_add_tunnels(f, 1, LOOP);
	/* 10 packets and 1,000 bytes */
	policy = policy_set(f, f->vif[0],
			    (struct gremc_config_policy){.in.rate = {.pps = 100, .kbps = 80, .burst = 100}});
	assert_true(gremc_policer_accept(&policy->in, now, 900));
	for (unsigned i = 0; i < 100; i++)
		assert_false(gremc_policer_accept(&policy->in, now, 200));
	for (unsigned i = 0; i < 100; i++)
		passed += gremc_policer_accept(&policy->in, now, 10);
	assert_int_equal(passed, 9);
}

#define THREADS 4u
#define STEPS   200000u

struct offerer {
	pthread_t thread;
	struct gremc_policy_direction *direction;
	uint64_t start, passed;
};

/* Each thread offers a packet at each of the same moments. */
static void *offerer_run(void *argument)
{
	struct offerer *offerer = argument;

	for (uint64_t i = 0; i < STEPS; i++)
		offerer->passed += gremc_policer_accept(offerer->direction,
							offerer->start + i * SECOND * 10 / STEPS, 1000);
	return NULL;
}

/* Threads that share a bucket have its rate together, however they are scheduled: moments of one thread may
 * be seconds behind those of another. */
static void test_threads_share_the_rate(void **state)
{
	struct forwarder *f = *state;
	struct offerer offerers[THREADS] = {0};
	struct gremc_policy *policy;
	uint64_t passed = 0;

	forwarder_add_tunnels(f, 1, LOOP);
	policy = policy_set(f, f->vif[0],
			    (struct gremc_config_policy){.out.rate = {.pps = 5000, .burst = 50}});
	for (unsigned i = 0; i < THREADS; i++) {
		offerers[i].direction = &policy->out;
		offerers[i].start = rte_rdtsc();
		assert_int_equal(pthread_create(&offerers[i].thread, NULL, offerer_run, &offerers[i]), 0);
	}
	for (unsigned i = 0; i < THREADS; i++) {
		pthread_join(offerers[i].thread, NULL);
		passed += offerers[i].passed;
	}
	/* ten seconds and the burst */
	assert_in_range(passed, 50000, 50000 + 250 + 500);
}

/* Policed and other tunnels of one oil, with equal encap keys otherwise; copies, shares and the packet
 * itself. The burst passes, the rest is lost, and the others lose nothing. */
static void test_replicas_of_policed_vifs_only_are_lost(void **state)
{
	static const uint16_t lengths[] = {100, 1400};
	struct forwarder *f = *state;
	/* an hour for a token */
	const struct gremc_config_policy policed = {.out.rate = {.pps = 1, .burst = 4000}};
	uint32_t sent[5] = {0};

	forwarder_add_tunnels(f, 5, LOOP);
	forwarder_set_route(f, 5);
	policy_set(f, f->vif[1], policed);
	policy_set(f, f->vif[2], policed);
	policy_set(f, f->vif[4], policed);
	for (unsigned i = 0; i < 20; i++) {
		struct rte_mbuf *mbuf;

		forwarder_forward_frame(f, frame_mbuf_create(0, lengths[i % 2], 0));
		while (rte_eth_rx_burst(device[LOOP], 0, &mbuf, 1)) {
			const struct rte_ipv4_hdr *outer =
				rte_pktmbuf_mtod_offset(mbuf, const struct rte_ipv4_hdr *, 14);
			const uint32_t n = rte_be_to_cpu_32(outer->dst_addr) - 0x0a010000;

			assert_in_range(n, 1, 4);
			replica_check(mbuf, n, lengths[i % 2], ANY_SEGMENTS);
			sent[n]++;
			rte_pktmbuf_free(mbuf);
		}
	}
	assert_int_equal(sent[3], 20);
	for (unsigned n = 1; n < 5; n += n == 2 ? 2 : 1) {
		const struct gremc_vif_cold *cold = &f->worker->stats->vif_cold[f->vif[n]];

		assert_in_range(sent[n], 4, 19); /* a second for each further token */
		assert_int_equal(gremc_counter_read(&cold->lost[GREMC_TX_DROP_oif_policed]), 20 - sent[n]);
	}
	assert_int_equal(forwarder_totals(f).sent + forwarder_totals(f).losses[GREMC_TX_DROP_oif_policed],
			 80);
}

/* A policy that a reload does not change keeps its bucket, and so does a rate while the rest changes. */
static void test_unchanged_rate_keeps_its_tokens(void **state)
{
	struct forwarder *f = *state;
	struct gremc_config_policy config = {.in.rate = {.pps = 1, .burst = 2000}};
	const uint64_t now = rte_rdtsc();
	struct gremc_policy *policy, *first;

	forwarder_add_tunnels(f, 1, LOOP);
	first = policy_set(f, f->vif[0], config);
	assert_true(gremc_policer_accept(&first->in, now, 100));
	assert_true(gremc_policer_accept(&first->in, now, 100));
	assert_ptr_equal(policy_set(f, f->vif[0], config), first);
	config.ttl_threshold = 5;
	policy = policy_set(f, f->vif[0], config);
	assert_ptr_not_equal(policy, first);
	assert_false(gremc_policer_accept(&policy->in, now, 100));
	config.in.rate.pps = 2;
	policy = policy_set(f, f->vif[0], config);
	assert_true(gremc_policer_accept(&policy->in, now, 100));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_overlapping_prefixes_are_one_range),
		TEST(test_ranges_have_the_ends_of_the_address_space),
		TEST(test_only_packets_of_limited_vifs_are_checked),
		TEST_ON_TWO_NODES(test_only_packets_of_limited_vifs_are_checked),
		TEST(test_rate_is_exact_over_ten_seconds),
		TEST(test_packets_below_the_rate_pass),
		TEST(test_burst_is_that_of_the_configuration),
		TEST(test_large_packet_passes_a_full_bucket),
		TEST(test_denied_packet_takes_no_tokens),
		TEST(test_threads_share_the_rate),
		TEST(test_replicas_of_policed_vifs_only_are_lost),
		TEST(test_unchanged_rate_keeps_its_tokens),
	};

	return cmocka_run_group_tests_name("policy", tests, forwarder_eal_init, forwarder_eal_cleanup);
}
