/* SPDX-License-Identifier: BSD-3-Clause */
/* Options of GRE: checksum and sequence number, in received packets and in replicas. */
#include <pthread.h>

#include "datapath/options.h"
#include "forwarder.h"

#define PEER 0x0a010000u /* of tunnel 0 */

/* ---- frames with options ---- */

static void ipv4_write(uint8_t *packet, uint32_t from, uint32_t to, uint8_t protocol, uint16_t length)
{
	struct rte_ipv4_hdr *ip = (struct rte_ipv4_hdr *)packet;

	*ip = (struct rte_ipv4_hdr){.version_ihl = RTE_IPV4_VHL_DEF,
				    .total_length = rte_cpu_to_be_16(length),
				    .time_to_live = 15,
				    .next_proto_id = protocol,
				    .src_addr = rte_cpu_to_be_32(from),
				    .dst_addr = rte_cpu_to_be_32(to)};
	ip->hdr_checksum = rte_ipv4_cksum(ip);
}

struct gre_options {
	bool checksum, key, sequence, wrong;
	uint32_t key_value, number;
};

/* A frame of tunnel n with these options around an inner packet of `length` bytes. */
static uint32_t options_frame_write(uint8_t *frame, uint32_t n, uint16_t length, struct gre_options options)
{
	uint8_t plain[10000];
	const uint32_t flags = (options.checksum ? 0x8000u : 0) | (options.key ? 0x2000u : 0) |
			       (options.sequence ? 0x1000u : 0);
	const rte_be32_t key = rte_cpu_to_be_32(options.key_value), number = rte_cpu_to_be_32(options.number);
	uint8_t *gre = frame + 34, *at = gre + 4;
	uint16_t checksum;

	frame_write(plain, n, length, 0);
	memcpy(frame, plain, 34);
	gre[0] = (uint8_t)(flags >> 8);
	gre[1] = 0;
	memcpy(gre + 2, "\x08\0", 2);
	if (options.checksum)
		at = memset(at, 0, 4), at += 4;
	if (options.key)
		at = (uint8_t *)memcpy(at, &key, 4) + 4;
	if (options.sequence)
		at = (uint8_t *)memcpy(at, &number, 4) + 4;
	memcpy(at, plain + 38, length);
	at += length;
	checksum = (uint16_t)~rte_raw_cksum(gre, (size_t)(at - gre));
	if (options.wrong)
		checksum ^= 0x100;
	if (options.checksum)
		memcpy(gre + 4, &checksum, 2);
	ipv4_write(frame + 14, PEER + n, LOCAL, 47, (uint16_t)(at - frame - 14));
	return (uint32_t)(at - frame);
}

static void options_frame_receive(struct forwarder *f, uint32_t n, uint16_t length,
				  struct gre_options options)
{
	struct rte_mbuf *mbuf = rte_pktmbuf_alloc(payloads);

	assert_non_null(mbuf);
	mbuf->data_len = mbuf->pkt_len =
		(uint16_t)options_frame_write(rte_pktmbuf_mtod(mbuf, uint8_t *), n, length, options);
	forwarder_forward_frame(f, mbuf);
}

static void sequence_receive(struct forwarder *f, uint32_t n, uint32_t number)
{
	options_frame_receive(f, n, 100, (struct gre_options){.sequence = true, .number = number});
}

/* ---- replicas ---- */

/* Read one replica: check it, and return its GRE header. `inner` is the length of the inner packet. */
static struct gremc_gre options_replica_read(uint32_t n, uint16_t inner)
{
	static uint8_t flat[10000];
	const struct rte_ipv4_hdr *outer, *packet;
	struct gremc_gre gre = {0};
	struct rte_mbuf *mbuf;
	const uint8_t *bytes;
	uint32_t gre_length;

	assert_int_equal(rte_eth_rx_burst(device[LOOP], 0, &mbuf, 1), 1);
	rte_mbuf_sanity_check(mbuf, 1);
	bytes = rte_pktmbuf_read(mbuf, 0, mbuf->pkt_len, flat);
	if (bytes != flat)
		memcpy(flat, bytes, mbuf->pkt_len);
	outer = (const struct rte_ipv4_hdr *)(flat + 14);
	assert_int_equal(rte_be_to_cpu_32(outer->dst_addr), PEER + n);
	assert_int_equal(rte_be_to_cpu_16(outer->total_length), mbuf->pkt_len - 14);
	assert_int_equal(rte_raw_cksum(outer, 20), 0xffff);
	gre_length = mbuf->pkt_len - 34;
	assert_int_equal(gremc_gre_parse(flat + 34, gre_length, &gre), GREMC_PROTO_OK);
	assert_int_equal(gre.length + inner, gre_length);
	if (gre.has_checksum) {
		assert_int_equal(rte_raw_cksum(flat + 34, gre_length), 0xffff);
		assert_memory_equal(flat + 40, "\0\0", 2); /* Reserved1 (RFC 2784, 2.3) */
	}
	packet = (const struct rte_ipv4_hdr *)(flat + 34 + gre.length);
	assert_int_equal(packet->time_to_live, 15);
	assert_int_equal(rte_raw_cksum(packet, 20), 0xffff);
	for (uint32_t i = 20; i < inner; i++)
		assert_int_equal(flat[34 + gre.length + i], payload_byte(i));
	rte_pktmbuf_free(mbuf);
	return gre;
}

/* Tunnel n of 16 has the options of the bits of n: checksum, key, sequence number. */
static struct gremc_vif_info options_tunnel_info(uint32_t n)
{
	struct gremc_vif_info info = tunnel_info(n, LOOP);

	info.options.checksum = n & 1;
	info.options.has_output_key = n & 2;
	info.options.output_key = n & 2 ? 0x12345678 + n : 0;
	info.options.sequence = n & 4 ? GREMC_SEQUENCE_COUNT : GREMC_SEQUENCE_OFF;
	info.options.df = n & 8 ? GREMC_DF_CLEAR : GREMC_DF_SET;
	return info;
}

static void options_replica_expect(uint32_t n, uint16_t length, uint32_t number)
{
	const struct gremc_gre gre = options_replica_read(n, length);

	assert_int_equal(gre.has_checksum, n % 16 & 1);
	assert_int_equal(gre.has_key, (n & 2) != 0);
	assert_int_equal(gre.key, n & 2 ? 0x12345678 + n : 0);
	assert_int_equal(gre.has_sequence, (n & 4) != 0);
	assert_int_equal(gre.sequence, n & 4 ? number : 0);
}

/* RFC 2784, 2.1, and RFC 2890, 2: all combinations, copied, shared and in place, of any segments. */
static void test_rfc2890_2_replicas_have_their_options(void **state)
{
	static const uint16_t lengths[] = {20, 101, 256, 257, 1400};
	struct forwarder *f = *state;
	uint32_t number[70] = {0};

	for (uint32_t n = 0; n < 70; n++) {
		const struct gremc_vif_info info = options_tunnel_info(n);

		f->vif[n] = forwarder_add_tunnel(f, &info);
	}
	for (unsigned l = 0; l < RTE_DIM(lengths); l++) {
		for (uint32_t fanout = 1; fanout <= 69; fanout += 4) {
			struct rte_mbuf *mbuf = fanout % 8 == 1
							? frame_mbuf_create(69, lengths[l], 5)
							: frame_mbuf_create_split(69, lengths[l], 5, 333);

			forwarder_set_route(f, fanout);
			forwarder_receive_frame(f, mbuf);
			for (uint32_t n = 0; n < fanout; n++)
				options_replica_expect(n, lengths[l], number[n]++);
			replicas_expect_none();
			worker_release_mbufs(f->worker);
			pools_expect_full();
		}
	}
}

/* Packets of one burst with equal headers have different payloads: each has its own checksum. */
static void test_checksum_belongs_to_its_packet(void **state)
{
	struct forwarder *f = *state;
	struct rte_mbuf *mbuf[8];

	for (uint32_t n = 0; n < 3; n++) {
		struct gremc_vif_info info = tunnel_info(n, LOOP);

		info.options.checksum = n < 2;
		f->vif[n] = forwarder_add_tunnel(f, &info);
	}
	forwarder_set_route(f, 2);
	for (unsigned round = 0; round < 3; round++) {
		for (unsigned i = 0; i < RTE_DIM(mbuf); i++) {
			mbuf[i] = frame_mbuf_create(2, 100, 0);
			rte_pktmbuf_mtod(mbuf[i], uint8_t *)[14 + 24 + 50] = (uint8_t)(i * 8 + round);
		}
		forwarder_forward_burst(f, mbuf, RTE_DIM(mbuf));
		for (unsigned i = 0; i < 2 * RTE_DIM(mbuf); i++) {
			struct rte_mbuf *replica;
			const uint8_t *bytes;

			assert_int_equal(rte_eth_rx_burst(device[LOOP], 0, &replica, 1), 1);
			bytes = rte_pktmbuf_mtod(replica, const uint8_t *);
			assert_int_equal(bytes[14 + 28 + 50], i / 2 * 8 + round);
			assert_int_equal(rte_raw_cksum(bytes + 34, replica->pkt_len - 34), 0xffff);
			rte_pktmbuf_free(replica);
		}
	}
}

/* The control thread's packets and those that wait for a next hop have the options, too. */
static void test_host_packets_have_their_options(void **state)
{
	struct forwarder *f = *state;
	struct gremc_vif_info info = options_tunnel_info(7);
	uint8_t packet[128] = {0};

	f->vif[0] = forwarder_add_tunnel(f, &info);
	gremc_rcu_commit(f->rcu);
	gremc_rcu_synchronize(f->rcu);
	ipv4_write(packet, SOURCE, GROUP, 17, sizeof(packet));
	for (uint32_t i = 20; i < sizeof(packet); i++)
		packet[i] = payload_byte(i);
	for (uint32_t number = 0; number < 3; number++) {
		assert_int_equal(gremc_inject_packet(f->group, payloads, packet, sizeof(packet), f->vif[0]),
				 0);
		gremc_worker_poll_inject(f->worker);
		options_replica_expect(7, sizeof(packet), number);
	}
}

/* ---- received checksums ---- */

/* RFC 2784, 2.2: a wrong checksum is a named drop of its tunnel, also where the tunnel sends none. */
static void test_rfc2784_2_2_checksum_is_verified(void **state)
{
	static const uint16_t lengths[] = {20, 21, 100, 1400};
	struct forwarder *f = *state;
	uint64_t wrong = 0;

	forwarder_add_tunnels(f, 2, LOOP);
	forwarder_set_route(f, 1);
	for (unsigned l = 0; l < RTE_DIM(lengths); l++) {
		for (unsigned sequence = 0; sequence < 2; sequence++) {
			struct gre_options options = {.checksum = true, .sequence = sequence, .number = 9};

			options_frame_receive(f, 1, lengths[l], options);
			replica_expect(0, lengths[l]);
			options.wrong = true;
			options_frame_receive(f, 1, lengths[l], options);
			replicas_expect_none();
			wrong++;
		}
	}
	assert_int_equal(forwarder_totals(f).drops[GREMC_DROP_gre_checksum], wrong);
	assert_int_equal(f->worker->stats->vif_drop[f->vif[1]].packets[GREMC_DROP_gre_checksum], wrong);
	/* GRE of no tunnel may be the kernel's: its checksum is none of the forwarder's business */
	options_frame_receive(f, 9, 100, (struct gre_options){.checksum = true, .wrong = true});
	assert_int_equal(forwarder_totals(f).drops[GREMC_DROP_gre_checksum], wrong);
	assert_int_equal(forwarder_totals(f).drops[GREMC_DROP_unknown_peer], 1);
}

/* The payload may be in several segments, cut at odd places, with padding behind it. */
static void test_checksum_covers_all_segments(void **state)
{
	struct forwarder *f = *state;
	static uint8_t frame[2000];

	forwarder_add_tunnels(f, 2, LOOP);
	forwarder_set_route(f, 1);
	for (unsigned wrong = 0; wrong < 2; wrong++) {
		const uint32_t length =
			options_frame_write(frame, 1, 1401, (struct gre_options){.checksum = true});
		struct rte_mbuf *first = NULL, **last = &first;

		frame[1300] ^= wrong;
		for (uint32_t at = 0; at < length; at += 177) {
			struct rte_mbuf *mbuf = rte_pktmbuf_alloc(payloads);

			mbuf->data_len = RTE_MIN(177u, length - at);
			memcpy(rte_pktmbuf_mtod(mbuf, void *), frame + at, mbuf->data_len);
			*last = mbuf;
			last = &mbuf->next;
			first->nb_segs += mbuf != first;
		}
		first->pkt_len = length;
		forwarder_forward_frame(f, first);
	}
	replica_expect(0, 1401);
	replicas_expect_none();
	assert_int_equal(forwarder_totals(f).drops[GREMC_DROP_gre_checksum], 1);
}

/* ---- received sequence numbers ---- */

static struct gremc_sequence_state *sequence_tunnel_add(struct forwarder *f, enum gremc_sequence mode)
{
	for (uint32_t n = 0; n < 2; n++) {
		struct gremc_vif_info info = tunnel_info(n, LOOP);

		info.options.sequence = n == 1 ? mode : GREMC_SEQUENCE_OFF;
		f->vif[n] = forwarder_add_tunnel(f, &info);
	}
	forwarder_set_route(f, 1);
	return gremc_sequence_load(f->vifs, f->vif[1]);
}

static void sequence_expect(const struct gremc_sequence_state *s, uint64_t received, uint64_t missing,
			    uint64_t reordered, uint64_t duplicates)
{
	assert_int_equal(gremc_u64_load(&s->received), received);
	assert_int_equal(gremc_u64_load(&s->missing), missing);
	assert_int_equal(gremc_u64_load(&s->reordered), reordered);
	assert_int_equal(gremc_u64_load(&s->duplicates), duplicates);
}

/* `count` forwards everything and counts exactly. */
static void test_count_is_exact_and_drops_nothing(void **state)
{
	static const uint32_t numbers[] = {5, 6, 8, 7, 7, 6, 12, 10, 12, 3, 13};
	struct forwarder *f = *state;
	struct gremc_sequence_state *s = sequence_tunnel_add(f, GREMC_SEQUENCE_COUNT);

	for (unsigned i = 0; i < RTE_DIM(numbers); i++)
		sequence_receive(f, 1, numbers[i]);
	/* 9 and 11 are missing; 7, 10 and 3 are late; 7, 6 and 12 came twice */
	sequence_expect(s, RTE_DIM(numbers), 2, 3, 3);
	options_frame_receive(f, 1, 100, (struct gre_options){0});
	assert_int_equal(gremc_u64_load(&s->unnumbered), 1);
	assert_int_equal(loop_port_empty(), RTE_DIM(numbers) + 1);
	assert_int_equal(forwarder_totals(f).forwarded, RTE_DIM(numbers) + 1);
}

/* RFC 2890, 2.2: a number that is not above the last one is dropped, also about 2^32. */
static void test_rfc2890_2_2_strict_drops_old_packets(void **state)
{
	static const uint32_t numbers[] = {0xfffffffe, 0xffffffff, 0, 0, 0xffffffff, 2, 1, 3};
	struct forwarder *f = *state;
	struct gremc_sequence_state *s = sequence_tunnel_add(f, GREMC_SEQUENCE_STRICT);

	for (unsigned i = 0; i < RTE_DIM(numbers); i++)
		sequence_receive(f, 1, numbers[i]);
	assert_int_equal(loop_port_empty(), 5);
	assert_int_equal(forwarder_totals(f).drops[GREMC_DROP_sequence], 3);
	/* 1 was dropped, so it stays missing */
	sequence_expect(s, RTE_DIM(numbers), 1, 1, 2);
	options_frame_receive(f, 1, 100, (struct gre_options){.checksum = true});
	assert_int_equal(forwarder_totals(f).drops[GREMC_DROP_no_sequence], 1);
	assert_int_equal(f->worker->stats->vif_drop[f->vif[1]].packets[GREMC_DROP_sequence], 3);
	assert_int_equal(loop_port_empty(), 0);
}

/* A peer that restarts begins at 0: after some packets its numbers count from there. */
static void test_restarted_peer_is_accepted_again(void **state)
{
	struct forwarder *f = *state;
	struct gremc_sequence_state *s = sequence_tunnel_add(f, GREMC_SEQUENCE_STRICT);

	sequence_receive(f, 1, 1000000);
	assert_int_equal(loop_port_empty(), 1);
	for (uint32_t number = 0; number < GREMC_SEQUENCE_RESTART + 10; number++)
		sequence_receive(f, 1, number);
	assert_int_equal(loop_port_empty(), 11);
	assert_int_equal(gremc_u64_load(&s->restarts), 1);
	assert_int_equal(gremc_u64_load(&s->late), GREMC_SEQUENCE_RESTART - 1);
	assert_int_equal(gremc_u64_load(&s->missing), 0);
	/* far ahead: another beginning, and nothing is missing */
	sequence_receive(f, 1, 0x40000000);
	assert_int_equal(loop_port_empty(), 1);
	assert_int_equal(gremc_u64_load(&s->restarts), 2);
	assert_int_equal(gremc_u64_load(&s->missing), 0);
}

/* A random order within the window, with losses and duplicates: as counted by a simple model. */
static void test_count_agrees_with_a_model(void **state)
{
	struct forwarder *f = *state;
	struct gremc_sequence_state *s = sequence_tunnel_add(f, GREMC_SEQUENCE_COUNT);
	static bool seen[20000];
	uint64_t received = 0, reordered = 0, duplicates = 0, missing = 0;
	uint32_t highest = 0, base = 0xffffff00;

	memset(seen, 0, sizeof(seen));
	gremc_sequence_accept(s, base);
	seen[0] = true;
	received++;
	for (unsigned i = 0; i < 60000; i++) {
		const uint32_t from = highest < 500 ? 0 : highest - 500;
		const uint32_t number = from + (uint32_t)rand() % (highest - from + 3);

		if (number >= RTE_DIM(seen))
			break;
		received++;
		duplicates += seen[number];
		reordered += !seen[number] && number < highest;
		seen[number] = true;
		highest = RTE_MAX(highest, number);
		assert_true(gremc_sequence_accept(s, base + number));
	}
	for (uint32_t number = 0; number <= highest; number++)
		missing += !seen[number];
	sequence_expect(s, received, missing, reordered, duplicates);
	assert_int_equal(gremc_u64_load(&s->late), 0);
}

#define THREADS    4u
#define PER_THREAD 100000u

static struct gremc_sequence_state shared;

/* Each number arrives on two threads. */
static void *numbers_accept(void *argument)
{
	const uint32_t thread = (uint32_t)(uintptr_t)argument;

	for (uint32_t i = 0; i < PER_THREAD; i++)
		gremc_sequence_accept(&shared, i * (THREADS / 2) + thread / 2);
	return NULL;
}

static void *numbers_take(void *sum)
{
	for (uint32_t i = 0; i < PER_THREAD; i++)
		*(uint64_t *)sum += gremc_sequence_take(&shared);
	return NULL;
}

/* Several workers: no number is sent twice, and all received packets are in one of the counters. */
static void test_workers_share_the_numbers(void **state)
{
	const uint64_t all = THREADS * PER_THREAD;
	uint64_t sum[THREADS] = {0}, total = 0;
	pthread_t thread[THREADS];

	(void)state;
	memset(&shared, 0, sizeof(shared));
	gremc_u8_store(&shared.mode, GREMC_SEQUENCE_COUNT);
	for (uintptr_t i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&thread[i], NULL, numbers_take, &sum[i]), 0);
	for (unsigned i = 0; i < THREADS; i++) {
		pthread_join(thread[i], NULL);
		total += sum[i];
	}
	assert_int_equal(total, all * (all - 1) / 2);
	for (uintptr_t i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&thread[i], NULL, numbers_accept, (void *)i), 0);
	for (unsigned i = 0; i < THREADS; i++)
		pthread_join(thread[i], NULL);
	assert_int_equal(gremc_u64_load(&shared.received), all);
}

/* ---- changes ---- */

static void tunnel_options_change(struct forwarder *f, uint32_t n, struct gremc_tunnel_options options)
{
	struct gremc_vif_info info = tunnel_info(n, LOOP);
	uint32_t adjacency;

	info.options = options;
	assert_int_equal(gremc_adjacency_get(f->vifs, LOOP, info.next_hop, &our_mac, 0, &adjacency), 0);
	assert_int_equal(gremc_tunnel_change(f->vifs, f->vif[n], &info, adjacency), 0);
}

/* A reload turns options on and off while packets pass: the vif, its counters and its numbers stay, and no
 * other tunnel loses a packet. Each replica is wholly old or wholly new in every step of the change. */
static void test_change_of_options_keeps_the_vif(void **state)
{
	struct forwarder *f = *state;
	uint32_t sent[3] = {0}, number = 0;

	for (uint32_t n = 0; n < 4; n++) {
		struct gremc_vif_info info = tunnel_info(n, LOOP);

		f->vif[n] = forwarder_add_tunnel(f, &info);
	}
	forwarder_set_route(f, 3);
	for (unsigned round = 0; round < 12; round++) {
		struct gremc_tunnel_options options = tunnel_info(1, LOOP).options;

		options.checksum = round & 1;
		options.sequence = round % 3 ? GREMC_SEQUENCE_COUNT : GREMC_SEQUENCE_OFF;
		tunnel_options_change(f, 1, options);
		for (unsigned step = 0; step < 4; step++) {
			/* by the tunnel itself, and to it */
			sequence_receive(f, 3, 0);
			for (uint32_t n = 0; n < 3; n++, sent[n - 1]++) {
				const struct gremc_gre gre = options_replica_read(n, 100);

				assert_int_equal(gre.has_checksum, n == 1 && round & 1);
				assert_int_equal(gre.has_sequence, n == 1 && round % 3);
				assert_int_equal(gre.sequence, gre.has_sequence ? number++ : 0);
			}
			sequence_receive(f, 1, round * 4 + step);
			options_replica_read(0, 100);
			options_replica_read(2, 100);
			gremc_rcu_commit(f->rcu);
			gremc_rcu_reclaim(f->rcu);
		}
	}
	for (uint32_t n = 0; n < 3; n++)
		assert_int_equal(f->worker->stats->vif_hot[f->vif[n]].tx_packets, n == 1 ? 48 : 96);
	assert_int_equal(f->worker->stats->vif_cold[f->vif[1]].rx_packets, 48);
	/* `count` was on in rounds 1, 2, 4, 5, 7, 8, 10, 11: the numbers of rounds 3, 6 and 9 are missing */
	sequence_expect(gremc_sequence_load(f->vifs, f->vif[1]), 32, 12, 0, 0);
	assert_int_equal(forwarder_totals(f).forwarded, 96);
}

/* A tunnel with sequence numbers whose interface is down, and up again. */
static void test_interface_with_options_goes_down_and_up(void **state)
{
	struct forwarder *f = *state;
	struct gremc_sequence_state *s = sequence_tunnel_add(f, GREMC_SEQUENCE_STRICT);

	gremc_vif_down_set(f->vifs, f->vif[1], true);
	sequence_receive(f, 1, 1);
	assert_int_equal(forwarder_totals(f).drops[GREMC_DROP_iif_down], 1);
	gremc_vif_down_set(f->vifs, f->vif[1], false);
	sequence_receive(f, 1, 2);
	sequence_receive(f, 1, 1);
	assert_int_equal(loop_port_empty(), 1);
	sequence_expect(s, 2, 0, 1, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_rfc2890_2_replicas_have_their_options),
		TEST(test_checksum_belongs_to_its_packet),
		TEST(test_host_packets_have_their_options),
		TEST(test_rfc2784_2_2_checksum_is_verified),
		TEST(test_checksum_covers_all_segments),
		TEST(test_count_is_exact_and_drops_nothing),
		TEST(test_rfc2890_2_2_strict_drops_old_packets),
		TEST(test_restarted_peer_is_accepted_again),
		TEST(test_count_agrees_with_a_model),
		TEST(test_workers_share_the_numbers),
		TEST(test_change_of_options_keeps_the_vif),
		TEST(test_interface_with_options_goes_down_and_up),
	};

	return cmocka_run_group_tests(tests, forwarder_eal_init, forwarder_eal_cleanup);
}
