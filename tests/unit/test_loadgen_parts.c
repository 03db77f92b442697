/* SPDX-License-Identifier: BSD-3-Clause */
/* The load generator's other parts: pace, histogram, sizes and rates, flows of a configuration, packets,
 * reports, results as files, the way between two CPUs. */
#include <math.h>
#include <sched.h>
#include <unistd.h>

#include <rte_ip.h>

#include "proto/proto.h"

#include "distance.h"
#include "igmp.h"
#include "loadgen_world.h"
#include "options.h"
#include "pace.h"
#include "results.h"
#include "stamp.h"

#define HZ UINT64_C(2100000000)

/* ---- pace ---- */

/* Packets that leave in `cycles`, polled every `step` cycles. */
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

/* +-0.1 % at any rate, from one packet a second to a hundred million, whatever the loop's rounds. */
static void test_pace_keeps_rate(void **state)
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
				continue; /* a burst of 32 each 368 cycles is less than that */
			sent = pace_sent_after(rates[i], (uint64_t)(seconds * HZ), step);
			assert_true(fabs((double)sent - expected) <= RTE_MAX(1.0, expected * 0.001));
		}
}

/* After a pause it catches up, a quarter faster and no more. */
static void test_pace_catches_up_gently(void **state)
{
	struct gremc_pace pace;
	uint64_t now = 0, before;

	RTE_SET_USED(state);
	gremc_pace_start(&pace, 1e6, HZ, 0);
	now = HZ / 100; /* 10 ms asleep: 10,000 packets behind */
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

/* Poll every `step` cycles from `*now` to `end`; the largest lag, and how many lags were above `limit`. */
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

/* A sender that keeps up has lags of no more than a round of its loop, whatever the size of its bursts. */
static void test_pace_lag_on_time(void **state)
{
	static const double rates[] = {1000, 98765.4, 1234567, 14880952};
	uint64_t now, above;

	RTE_SET_USED(state);
	for (unsigned i = 0; i < RTE_DIM(rates); i++) {
		struct gremc_pace pace;

		now = 5000;
		gremc_pace_start(&pace, rates[i], HZ, now);
		assert_in_range(pace_lags_get(&pace, &now, 5000 + HZ, 100, 0, &above), 0, 110);
		assert_int_equal(pace.latest <= 110, 1);
	}
}

/* 300 ms without a chance to send, at 20,000 packets/s: 6,000 packets are due meanwhile, and their lags are
 * evenly between 0 and 300 ms; catching up at a quarter above the rate takes 1.2 s more. */
static void test_pace_lag_after_a_pause(void **state)
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
	assert_int_equal(pace.latest, most);
	assert_in_range(pace.behind, 5990, 6010);
	/* as before afterwards */
	assert_in_range(pace_lags_get(&pace, &now, now + HZ, 100, 0, &above), 0, 110);
	/* no schedule, no lag */
	gremc_pace_start(&pace, 0, HZ, 0);
	assert_int_equal(gremc_pace_lag(&pace, HZ), 0);
}

static void test_lag_in_the_stamp(void **state)
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

static void test_histogram(void **state)
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
		uint64_t value = gremc_histogram_percentile(&all, percent / 100.0), true_one = percent * 1000;

		assert_true(value >= true_one && value <= true_one + true_one / 31 + 1);
	}
	assert_int_equal(all.jitter_sum, 2 * 2 * 49999); /* within each half the steps are 2 */
}

static void test_histogram_buckets(void **state)
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

/* ---- what users write ---- */

static void test_rates(void **state)
{
	static const char *const wrong[] = {"",    "k",   "-1",  "0",  "1x",   "101%",
					    "1kk", "inf", "nan", " 1", "1 pps"};
	struct gremc_rate rate;

	RTE_SET_USED(state);
	assert_int_equal(gremc_rate_parse("250k", &rate), 0);
	assert_true(rate.value == 250e3 && rate.unit == GREMC_RATE_PPS);
	assert_int_equal(gremc_rate_parse("1.5Mpps", &rate), 0);
	assert_true(rate.value == 1.5e6 && rate.unit == GREMC_RATE_PPS);
	assert_int_equal(gremc_rate_parse("2Gbps", &rate), 0);
	assert_true(rate.value == 2e9 && rate.unit == GREMC_RATE_BPS);
	assert_int_equal(gremc_rate_parse("40%", &rate), 0);
	assert_true(rate.value == 40 && rate.unit == GREMC_RATE_PERCENT);
	for (unsigned i = 0; i < RTE_DIM(wrong); i++)
		assert_int_equal(gremc_rate_parse(wrong[i], &rate), -EINVAL);
}

static void test_sizes(void **state)
{
	static const char *const wrong[] = {"", "55", "x", "9601", "outer:", "64b", "middle:64", "-64"};
	struct gremc_mix mix;

	RTE_SET_USED(state);
	assert_int_equal(gremc_mix_parse("56", &mix), 0);
	assert_true(mix.size_count == 1 && mix.size[0].bytes == 56 && !mix.size[0].outer);
	assert_int_equal(gremc_mix_parse("outer:128", &mix), 0);
	assert_true(mix.size[0].bytes == 128 && mix.size[0].outer);
	assert_int_equal(gremc_mix_parse("imix", &mix), 0);
	assert_int_equal(mix.pattern_count, 12);
	for (unsigned i = 0, small = 0; i < 12; i++)
		assert_true(mix.pattern[i] < mix.size_count && (small += mix.pattern[i] == 0) <= 7);
	for (unsigned i = 0; i < RTE_DIM(wrong); i++)
		assert_int_equal(gremc_mix_parse(wrong[i], &mix), -EINVAL);
}

/* ---- flows ---- */

static const char CONFIG[] = "ethernets:\n"
			     "  wan: {device: a, addresses: [192.0.2.1/24], gateway4: 192.0.2.254}\n"
			     "  lan: {device: b, addresses: [198.51.100.1/24], multicast: true}\n"
			     "tunnels:\n"
			     "  t0: {local: 192.0.2.1, remote: 203.0.113.1, peer: 10.0.0.9}\n"
			     "  t1: {local: 192.0.2.1, remote: 203.0.113.2}\n"
			     "  t2: {local: 192.0.2.1, remote: 203.0.113.3, key: {input: 3, output: 4}}\n"
			     "mroutes:\n"
			     "  - {group: 239.0.0.0/8, from: any, to: all}\n"
			     "  - {group: 239.1.0.0/16, from: [t1], to: [t2]}\n"
			     "  - {group: 239.1.1.0, from: [t1], to: [t0]}\n"
			     "  - {group: 232.1.1.1, source: 10.9.9.9, from: [t0], to: [t0, lan]}\n";

static void test_flows(void **state)
{
	struct gremc_config *config = loadgen_config_load(CONFIG);
	struct gremc_flows *flows = loadgen_flows_create(
		config, (struct gremc_flows_options){.senders = 1, .groups_per_route = 2, .unicast = 4});
	unsigned ways[4] = {0}, unicast = 0;

	RTE_SET_USED(state);
	for (uint32_t f = 0; f < flows->count; f++) {
		const struct gremc_flow *flow = &flows->flow[f];

		if (flow->kind == GREMC_FLOW_UNICAST) {
			unicast++;
			continue;
		}
		ways[flow->tunneling]++;
		assert_int_equal(gremc_flows_match(config, flow->source, flow->group), flow->mroute);
		assert_false(gremc_ipv4_is_link_local_group(flow->group));
		for (uint32_t k = 0; k < flow->fanout; k++) {
			const struct gremc_stream *s = &flows->stream[flow->first + k];

			assert_true(s->flow == f && s->site != flow->from);
			assert_ptr_equal(gremc_stream_find(flows, s->remote, s->local, s->key, f), s);
		}
	}
	assert_int_equal(unicast, 4);
	/* /8: a tunnel and the LAN, 2 groups each; /16: 239.1.1.0 is another mroute's, so one of two */
	assert_int_equal(ways[GREMC_TUNNELING_ENCAP], 2);
	assert_int_equal(ways[GREMC_TUNNELING_DECAP], 1);
	assert_int_equal(ways[GREMC_TUNNELING_MIXED], 2);
	assert_int_equal(ways[GREMC_TUNNELING_REENCAP], 2);
	assert_null(gremc_stream_find(flows, RTE_BE32(1), RTE_BE32(2), 3, 0));
	gremc_flows_destroy(flows);
	gremc_config_free(config);
}

static uint32_t mroute_expect_match(const struct gremc_config *config, rte_be32_t source, const char *text)
{
	rte_be32_t group = 0;

	assert_int_equal(gremc_ipv4_parse(text, &group), 0);
	return gremc_flows_match(config, source, group);
}

static void test_match(void **state)
{
	struct gremc_config *config = loadgen_config_load(CONFIG);
	rte_be32_t any = RTE_BE32(0x0a010101);

	RTE_SET_USED(state);
	assert_int_equal(mroute_expect_match(config, any, "239.2.0.1"), 0);
	assert_int_equal(mroute_expect_match(config, any, "239.1.0.1"), 1);
	assert_int_equal(mroute_expect_match(config, any, "239.1.1.0"), 2);
	assert_int_equal(mroute_expect_match(config, any, "232.1.1.1"), GREMC_FLOW_NONE);
	assert_int_equal(mroute_expect_match(config, RTE_BE32(0x0a090909), "232.1.1.1"), 3);
	gremc_config_free(config);
}

/* ---- packets as they are sent ---- */

/* Make packets at `now`; the lag in each stamp is that since `due` of its burst. */
static void packet_built_with_lag(struct gremc_transmitter *tx, uint64_t now, unsigned count,
				  const uint64_t *due)
{
	struct rte_mbuf *packet[GREMC_PACE_BURST];

	assert_int_equal(gremc_transmitter_packets_build(tx, now, packet, count), 0);
	for (unsigned i = 0; i < count; i++) {
		struct gremc_stamp stamp;

		assert_true(
			gremc_stamp_read(mbuf_bytes(packet[i]) + packet[i]->data_len - (141 - 28), &stamp));
		assert_true(stamp.time == now && stamp.lag == now - due[i]);
	}
	rte_pktmbuf_free_bulk(packet, count);
}

/* At a million packets/s a burst of the schedule is 10: on time, several of them late in one call, and the
 * rest of one. */
static void packet_lags_check(struct gremc_transmitter *tx)
{
	const uint64_t period = HZ / 1000000;
	uint64_t due[GREMC_PACE_BURST];

	gremc_pace_start(&tx->pace, 1e6, HZ, 0);
	for (unsigned i = 0; i < RTE_DIM(due); i++)
		due[i] = 9 * period;
	packet_built_with_lag(tx, 9 * period + 500, 10, due);
	for (unsigned i = 0; i < RTE_DIM(due); i++)
		due[i] = (10 + i / 10 * 10 + 9) * period;
	packet_built_with_lag(tx, 200 * period, 32, due);
	for (unsigned i = 0; i < RTE_DIM(due); i++)
		due[i] = 49 * period;
	packet_built_with_lag(tx, 201 * period, 8, due);
	due[0] = 59 * period;
	packet_built_with_lag(tx, 202 * period, 1, due);
	assert_int_equal(tx->pace.latest, 200 * period - 19 * period);
}

/* Every header and checksum of what the templates make, by independent sums. */
static void test_packets(void **state)
{
	struct gremc_config *config = loadgen_config_load(CONFIG);
	struct gremc_flows *flows = loadgen_flows_create(config, (struct gremc_flows_options){0});
	static const struct rte_ether_addr target = {.addr_bytes = {2, 0, 0, 0, 0, 1}},
					   sender = {.addr_bytes = {2}};
	static struct gremc_template template[16];
	static struct gremc_transmitter tx;
	static uint64_t sequence[16];
	static uint32_t order[16];
	static const uint8_t one_size[1];
	struct rte_mbuf *packet[GREMC_PACE_BURST];

	RTE_SET_USED(state);
	assert_in_range(flows->count, 2, 16);
	for (uint32_t f = 0; f < flows->count; f++) {
		order[f] = f;
		gremc_template_build(&template[f], flows, f, 141, &target, &sender);
	}
	tx.pool = gremc_pattern_pool_create("packets", 255, 141, SOCKET_ID_ANY);
	tx.templates = template;
	tx.template_stride = tx.order_count = flows->count;
	tx.order = order;
	tx.sizes = one_size;
	tx.size_count = 1;
	tx.sequence = sequence;
	tx.trial_id = 3;
	assert_int_equal(gremc_transmitter_packets_build(&tx, 99, packet, RTE_DIM(packet)), 0);
	for (unsigned i = 0; i < RTE_DIM(packet); i++) {
		const struct gremc_flow *flow = &flows->flow[i % flows->count];
		const struct gremc_site *site = &flows->site[flow->from];
		uint8_t *frame = mbuf_bytes(packet[i]);
		struct gremc_ipv4 outer, inner;
		const struct rte_ipv4_hdr *ip = (struct rte_ipv4_hdr *)(frame + 14);
		struct gremc_stamp stamp;
		struct gremc_gre gre;

		if (!site->native) {
			assert_int_equal(gremc_ipv4_parse_header(frame + 14, packet[i]->data_len - 14,
								 packet[i]->data_len - 14, GREMC_IPV4_OUTER,
								 true, &outer),
					 GREMC_PROTO_OK);
			assert_int_equal(outer.total_length, packet[i]->data_len - 14);
			assert_true(ip->src_addr == site->site && ip->dst_addr == site->forwarder);
			assert_int_equal(gremc_gre_parse(frame + 34, 8, &gre), GREMC_PROTO_OK);
			assert_true(gre.has_key == site->has_in && gre.key == site->in_key);
			ip = (struct rte_ipv4_hdr *)(frame + 34 + gre.length);
		} else {
			assert_int_equal(frame[0], 0x01);
		}
		assert_int_equal(gremc_ipv4_parse_header((const uint8_t *)ip, 141, 141, GREMC_IPV4_INNER,
							 true, &inner),
				 GREMC_PROTO_OK);
		assert_int_equal(inner.total_length, 141);
		assert_int_equal(gremc_ipv4_check_multicast(ip), GREMC_PROTO_OK);
		assert_int_equal(rte_ipv4_udptcp_cksum_verify(ip, ip + 1), 0);
		assert_true(gremc_stamp_read((const uint8_t *)ip + 28, &stamp));
		assert_true(stamp.trial_id == 3 && stamp.flow == i % flows->count &&
			    stamp.sequence == i / flows->count && stamp.time == 99 && stamp.lag == 0);
	}
	rte_pktmbuf_free_bulk(packet, RTE_DIM(packet));
	packet_lags_check(&tx);
	rte_mempool_free(tx.pool);
	gremc_flows_destroy(flows);
	gremc_config_free(config);
}

static void test_reports(void **state)
{
	uint8_t packet[GREMC_IGMP_MOST];

	RTE_SET_USED(state);
	for (unsigned version = 2; version <= 3; version++)
		for (unsigned join = 0; join <= 1; join++) {
			uint16_t length = gremc_igmp_write(packet, version, join, RTE_BE32(0x0a000001),
							   RTE_BE32(0xefff0001), 0);
			const struct rte_ipv4_hdr *ip = (struct rte_ipv4_hdr *)packet;

			assert_int_equal(length, version == 2 ? 32 : 40);
			assert_int_equal(ip->time_to_live, 1);
			assert_int_equal(rte_raw_cksum(packet, 24), 0xffff);
			assert_int_equal(rte_raw_cksum(packet + 24, length - 24), 0xffff);
			assert_int_equal(packet[24], version == 3 ? 0x22 : join ? 0x16 : 0x17);
		}
	assert_int_equal(
		gremc_igmp_write(packet, 3, true, RTE_BE32(1), RTE_BE32(0xe8010101), RTE_BE32(0x0a010101)),
		44);
	assert_int_equal(packet[24 + 8], 5); /* ALLOW_NEW_SOURCES */
	assert_int_equal(rte_raw_cksum(packet + 24, 20), 0xffff);
}

/* ---- results ---- */

static void test_results_as_files(void **state)
{
	struct gremc_results written = {0}, read = {0};
	char path[] = "/tmp/gremc-results-XXXXXX", line[4096], text[64];
	int fd = mkstemp(path);
	struct gremc_errors errors = {0};
	struct gremc_result *row;
	FILE *file;

	RTE_SET_USED(state);
	assert_true(fd >= 0);
	close(fd);
	gremc_results_fact_add(&written, "label", "a \"forwarder\"\nof two lines");
	row = gremc_results_row_add(&written, "throughput", "RFC 2544 26.1");
	gremc_result_text_set(&row->size, "64");
	row->sent = UINT64_C(1) << 60;
	row->loss_percent = 0.125;
	assert_int_equal(gremc_results_json_write(&written, path), 0);
	assert_int_equal(gremc_results_json_read(&read, path, &errors), 0);
	assert_int_equal(read.count, 1);
	assert_string_equal(gremc_results_fact_get(&read, "label"), "a \"forwarder\"\nof two lines");
	for (unsigned c = 0; c < gremc_column_count; c++) {
		char other[64];

		gremc_column_text_format(&gremc_columns[c], &written.row[0], false, text, sizeof(text));
		gremc_column_text_format(&gremc_columns[c], &read.row[0], false, other, sizeof(other));
		assert_string_equal(text, other);
	}
	gremc_result_text_set(&written.row[0].note, "a, b and \"c\"");
	assert_int_equal(gremc_results_csv_write(&written, path), 0);
	file = fopen(path, "r");
	assert_non_null(fgets(line, sizeof(line), file));
	assert_non_null(strstr(line, "test,section,variant,size"));
	assert_non_null(fgets(line, sizeof(line), file));
	assert_non_null(strstr(line, "\"a, b and \"\"c\"\"\""));
	fclose(file);
	gremc_results_fini(&read);
	assert_int_equal(gremc_results_json_read(&read, path, &errors), -1);
	assert_non_null(strstr(errors.text, "not the results"));
	gremc_errors_fini(&errors);
	gremc_results_fini(&read);
	gremc_results_fini(&written);
	unlink(path);
}

static unsigned substring_count(const char *text, const char *what)
{
	unsigned count = 0;

	for (const char *at = text; (at = strstr(at, what)) != NULL; at++)
		count++;
	return count;
}

static void latency_row_add(struct gremc_results *results, const char *label)
{
	struct gremc_result *row;

	gremc_results_fact_add(results, "label", "%s", label);
	/* repeated trials at one rate */
	for (unsigned i = 0; i < 2; i++) {
		row = gremc_results_row_add(results, "latency", "RFC 3918 5.1");
		gremc_result_text_set(&row->size, "64");
		gremc_result_text_set(&row->variant, "all tunnels");
		gremc_result_text_set(&row->histogram, "%u.5:7;%u.5:3", 1 + i, 3 + i);
		gremc_result_text_set(&row->verdict, "measured");
		row->fanout = 4;
		row->sent = row->received = 10;
		row->achieved_pps = 1000;
	}
}

/* Each run is a line of its own, though the labels are alike, and so is each trial; the verdict is what
 * stands first. */
static void test_report_of_several_runs(void **state)
{
	static struct gremc_results one, two;
	const struct gremc_results *runs[] = {&one, &two};
	char path[] = "/tmp/gremc-report-XXXXXX";
	int fd = mkstemp(path);
	static char text[1 << 20];
	char *table;
	ssize_t size;

	RTE_SET_USED(state);
	latency_row_add(&one, "dpdk-gremc");
	latency_row_add(&two, "dpdk-gremc");
	assert_int_equal(gremc_results_html_write(runs, 2, path), 0);
	size = read(fd, text, sizeof(text) - 1);
	assert_true(size > 0);
	close(fd);
	unlink(path);
	assert_int_equal(substring_count(text, "<path fill='none' stroke='"), 4);
	for (unsigned i = 0; i < 4; i++) {
		char name[96];

		snprintf(name, sizeof(name),
			 ">run %u: dpdk-gremc, size 64, all tunnels, 1000 packets/s%s</text>", i / 2 + 1,
			 i % 2 ? ", trial 2" : "");
		assert_int_equal(substring_count(text, name), 1);
	}
	table = strstr(text, "<div class='scroll'><table><tr>");
	assert_non_null(table);
	assert_non_null(strstr(table, "class='v'>verdict</th><th class='r'>forwarder</th>"));
	assert_ptr_equal(strstr(table, "<th"), strstr(table, "<tr>") + 4);
	assert_non_null(strstr(
		table,
		"<tr class='measured'><td class='v'>measured</td><td class='r'>run 1: dpdk-gremc</td>"));
	gremc_results_fini(&one);
	gremc_results_fini(&two);
}

/* ---- distance ---- */

static cpu_set_t allowed; /* before EAL took one of them */

static void test_distance(void **state)
{
	unsigned cpu[2], count = 0;
	double there;

	RTE_SET_USED(state);
	assert_true(isnan(gremc_cpu_distance_measure(0, 0)));
	assert_true(isnan(gremc_cpu_distance_measure(0, CPU_SETSIZE)));
	assert_true(isnan(gremc_cpu_distance_measure(0, CPU_SETSIZE - 1)));
	assert_true(gremc_cpu_distance_differs(80, 350) && gremc_cpu_distance_differs(350, 80));
	assert_false(gremc_cpu_distance_differs(80, 100) || gremc_cpu_distance_differs(NAN, 80));
	for (unsigned i = 0; i < CPU_SETSIZE && count < 2; i++)
		if (CPU_ISSET(i, &allowed))
			cpu[count++] = i;
	if (count < 2)
		skip();
	/* how long it takes is the machine's, but no answer from another CPU is as quick as one's own */
	there = gremc_cpu_distance_measure(cpu[0], cpu[1]);
	assert_true(there > 5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pace_keeps_rate),
		cmocka_unit_test(test_pace_catches_up_gently),
		cmocka_unit_test(test_pace_lag_on_time),
		cmocka_unit_test(test_pace_lag_after_a_pause),
		cmocka_unit_test(test_lag_in_the_stamp),
		cmocka_unit_test(test_histogram),
		cmocka_unit_test(test_histogram_buckets),
		cmocka_unit_test(test_rates),
		cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_flows),
		cmocka_unit_test(test_match),
		cmocka_unit_test(test_packets),
		cmocka_unit_test(test_reports),
		cmocka_unit_test(test_results_as_files),
		cmocka_unit_test(test_report_of_several_runs),
		cmocka_unit_test(test_distance),
	};

	if (sched_getaffinity(0, sizeof(allowed), &allowed))
		return EXIT_FAILURE;
	return cmocka_run_group_tests_name("loadgen_parts", tests, loadgen_eal_start, NULL);
}
