/* SPDX-License-Identifier: BSD-3-Clause */
/* GRE keepalives in the data path: those of peers and answers, which of them reach the control thread, and
 * replicas to a dead peer. */
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include <rte_cycles.h>

#include "datapath/inject.h"
#include "datapath/keepalive.h"
#include "datapath/punt_ring.h"
#include "forwarder.h"
#include "proto/keepalive.h"

#define REMOTE(n) (0x0a010000u + (n))
#define L2        14u

/* The parts of a keepalive of tunnel 0's peer. Zero: as the routers send it, without a key. */
struct form {
	uint32_t inner_source, inner_destination;
	bool has_outer_key, has_inner_key;
	uint32_t outer_key, inner_key;
	uint16_t protocol; /* of the inner GRE header */
	uint16_t fragment;
	uint8_t ttl, tos, trailer; /* bytes after the inner GRE header */
	uint16_t flags;            /* of the inner GRE header */
};

static void form_ipv4_write(uint8_t *at, uint32_t source, uint32_t destination, uint16_t length,
			    const struct form *form)
{
	struct rte_ipv4_hdr ip = {
		.version_ihl = RTE_IPV4_VHL_DEF,
		.type_of_service = form->tos,
		.total_length = rte_cpu_to_be_16(length),
		.packet_id = RTE_BE16(7),
		.fragment_offset = rte_cpu_to_be_16(form->fragment),
		.time_to_live = form->ttl ? form->ttl : 255,
		.next_proto_id = IPPROTO_GRE,
		.src_addr = rte_cpu_to_be_32(source),
		.dst_addr = rte_cpu_to_be_32(destination),
	};

	ip.hdr_checksum = rte_ipv4_cksum(&ip);
	memcpy(at, &ip, sizeof(ip));
}

static uint8_t *gre_write(uint8_t *at, uint16_t protocol, bool has_key, uint32_t key, uint16_t flags)
{
	const rte_be16_t words[2] = {rte_cpu_to_be_16((has_key ? GREMC_GRE_KEY : 0) | flags),
				     rte_cpu_to_be_16(protocol)};
	const rte_be32_t value = rte_cpu_to_be_32(key);

	memcpy(at, words, sizeof(words));
	if (has_key)
		memcpy(at + 4, &value, sizeof(value));
	return at + (has_key ? 8 : 4);
}

static struct rte_mbuf *keepalive_create(const struct form *form)
{
	static const struct form plain;
	uint8_t frame[256] = {0}, *inner, *end;
	struct rte_mbuf *mbuf = rte_pktmbuf_alloc(payloads);

	memcpy(frame, &our_mac, 6);
	memcpy(frame + 6, &peer_mac, 6);
	frame[12] = 8;
	inner = gre_write(frame + L2 + 20, GREMC_GRE_IPV4, form->has_outer_key, form->outer_key, 0);
	end = gre_write(inner + 20, form->protocol, form->has_inner_key, form->inner_key, form->flags);
	end += form->trailer;
	form_ipv4_write(inner, form->inner_source ? form->inner_source : LOCAL,
			form->inner_destination ? form->inner_destination : REMOTE(0),
			(uint16_t)(end - inner), form);
	form_ipv4_write(frame + L2, REMOTE(0), LOCAL, (uint16_t)(end - frame - L2), &plain);
	memcpy(rte_pktmbuf_append(mbuf, (uint16_t)(end - frame)), frame, end - frame);
	return mbuf;
}

/* The answer to a keepalive, as tunnel 0's peer returns it by the underlay. */
static struct rte_mbuf *answer_create(const struct form *form)
{
	uint8_t frame[256] = {0}, *end;
	struct rte_mbuf *mbuf = rte_pktmbuf_alloc(payloads);

	memcpy(frame, &our_mac, 6);
	memcpy(frame + 6, &peer_mac, 6);
	frame[12] = 8;
	end = gre_write(frame + L2 + 20, form->protocol, form->has_inner_key, form->inner_key, form->flags);
	form_ipv4_write(frame + L2, form->inner_source ? form->inner_source : REMOTE(0), LOCAL,
			(uint16_t)(end - frame - L2), form);
	memcpy(rte_pktmbuf_append(mbuf, 60), frame, 60);
	return mbuf;
}

static struct rte_mbuf *keepalive_dequeue(struct forwarder *f)
{
	struct rte_mbuf *mbuf = NULL;

	gremc_punt_dequeue(f->group, GREMC_PUNT_keepalive, &mbuf, 1);
	return mbuf;
}

/* Wait until the next keepalive is accepted, by the clock of the workers. */
static void rate_limit_pass(void)
{
	rte_delay_us_sleep((GREMC_KEEPALIVE_INTERVAL_MIN + 1) * 1000);
}

static uint64_t drops_count(struct forwarder *f, enum gremc_drop reason)
{
	return forwarder_totals(f).drops[reason];
}

static void tunnel_add(struct forwarder *f, uint32_t input_key, uint32_t output_key)
{
	struct gremc_vif_info info = tunnel_info(0, LOOP);

	info.options.has_input_key = input_key > 0;
	info.options.input_key = input_key;
	info.options.has_output_key = output_key > 0;
	info.options.output_key = output_key;
	f->vif[0] = forwarder_add_tunnel(f, &info);
}

static void form_expect(struct forwarder *f, const struct form *form, bool accepted)
{
	const uint64_t before = drops_count(f, GREMC_DROP_inner_unicast);
	struct rte_mbuf *mbuf;

	forwarder_forward_frame(f, keepalive_create(form));
	mbuf = keepalive_dequeue(f);
	assert_int_equal(mbuf != NULL, accepted);
	assert_int_equal(drops_count(f, GREMC_DROP_inner_unicast), before + !accepted);
	if (mbuf == NULL)
		return;
	assert_int_equal(mbuf->port, GREMC_PORT_NONE);
	assert_int_equal(gremc_mbuf_vif(mbuf, f->vifs), f->vif[0]);
	assert_int_equal(rte_pktmbuf_mtod(mbuf, const uint8_t *)[9], IPPROTO_GRE);
	rte_pktmbuf_free(mbuf);
	rate_limit_pass();
}

/* The forms of Cisco (TOS 0xc0, TTL 255, no payload), Huawei (TTL 255, TOS 0) and MikroTik (a payload behind
 * the inner header), without a key. */
static void test_keepalives_of_three_vendors_are_accepted(void **state)
{
	struct forwarder *f = *state;
	const struct form forms[] = {{.tos = 0xc0}, {.ttl = 255}, {.ttl = 64, .trailer = 12}};

	tunnel_add(f, 0, 0);
	for (unsigned i = 0; i < RTE_DIM(forms); i++)
		form_expect(f, &forms[i], true);
	assert_int_equal(forwarder_totals(f).punted[GREMC_PUNT_keepalive], RTE_DIM(forms));
}

/* The same on a tunnel with keys: the inner header has the key of packets to the peer, or none. */
static void test_keepalives_with_keys_are_accepted(void **state)
{
	struct forwarder *f = *state;
	struct form form = {.has_outer_key = true, .outer_key = 5};

	tunnel_add(f, 5, 9);
	form_expect(f, &form, true);
	form.has_inner_key = true;
	form.inner_key = 9;
	form_expect(f, &form, true);
	form.inner_key = 5;
	form_expect(f, &form, false);
}

/* Any packet that a router would not accept as the peer's own keepalive stays inner unicast. */
static void test_other_addresses_and_protocols_are_no_keepalives(void **state)
{
	struct forwarder *f = *state;
	const struct form forms[] = {
		{.inner_source = LOCAL + 1},
		{.inner_destination = REMOTE(1)},
		{.inner_source = REMOTE(0), .inner_destination = LOCAL},
		{.protocol = 0x0800},
		{.protocol = 1},
		{.has_inner_key = true, .inner_key = 1},
		{.fragment = 0x2000},
		{.fragment = 1},
		{.flags = 1},
		{.flags = GREMC_GRE_ROUTING},
	};

	tunnel_add(f, 0, 0);
	for (unsigned i = 0; i < RTE_DIM(forms); i++)
		form_expect(f, &forms[i], false);
}

/* `host: true` changes nothing: the kernel gets other inner unicast, and no keepalive. */
static void test_keepalive_goes_before_host(void **state)
{
	struct forwarder *f = *state;
	const struct form keepalive = {0}, other = {.protocol = 0x0800};
	struct rte_mbuf *mbuf = NULL;

	tunnel_add(f, 0, 0);
	gremc_vif_punt_set(f->vifs, f->vif[0], GREMC_VIF_PUNT_UNICAST);
	form_expect(f, &keepalive, true);
	forwarder_forward_frame(f, keepalive_create(&other));
	assert_null(keepalive_dequeue(f));
	assert_int_equal(gremc_punt_dequeue(f->group, GREMC_PUNT_gre, &mbuf, 1), 1);
	rte_pktmbuf_free(mbuf);
}

static void test_keepalives_are_limited_per_tunnel(void **state)
{
	struct forwarder *f = *state;
	const struct form form = {0};
	struct gremc_vif_info other = tunnel_info(1, LOOP);

	tunnel_add(f, 0, 0);
	f->vif[1] = forwarder_add_tunnel(f, &other);
	for (unsigned i = 0; i < 10; i++)
		forwarder_forward_frame(f, keepalive_create(&form));
	assert_int_equal(drops_count(f, GREMC_DROP_keepalive_rate), 9);
	assert_int_equal(
		gremc_counter_read(&f->worker->stats->vif_drop[f->vif[0]].packets[GREMC_DROP_keepalive_rate]),
		9);
	/* the limit of one tunnel and kind is not that of another */
	assert_true(gremc_keepalive_is_due(f->worker, f->vif[0], GREMC_KEEPALIVE_ANSWER));
	assert_true(gremc_keepalive_is_due(f->worker, f->vif[1], GREMC_KEEPALIVE_REQUEST));
	rte_pktmbuf_free(keepalive_dequeue(f));
	rate_limit_pass();
	forwarder_forward_frame(f, keepalive_create(&form));
	assert_int_equal(drops_count(f, GREMC_DROP_keepalive_rate), 9);
	rte_pktmbuf_free(keepalive_dequeue(f));
}

/* Answers reach the control thread only where keepalives are sent; elsewhere they are GRE of protocol 0. */
static void test_answers_are_accepted_where_keepalives_are_sent(void **state)
{
	struct forwarder *f = *state;
	const struct form plain = {0}, stranger = {.inner_source = REMOTE(77)},
			  keyed = {.has_inner_key = true, .inner_key = 5};
	struct rte_mbuf *mbuf;

	tunnel_add(f, 0, 0);
	forwarder_forward_frame(f, answer_create(&plain));
	assert_int_equal(drops_count(f, GREMC_DROP_gre_protocol), 1);
	gremc_vif_answers_punt_set(f->vifs, f->vif[0], true);
	/* the host's bits are others */
	gremc_vif_punt_set(f->vifs, f->vif[0], 0);
	forwarder_forward_frame(f, answer_create(&plain));
	mbuf = keepalive_dequeue(f);
	assert_non_null(mbuf);
	assert_int_equal(mbuf->port, LOOP);
	assert_int_equal(mbuf->l2_len, L2);
	assert_int_equal(gremc_mbuf_vif(mbuf, f->vifs), f->vif[0]);
	rte_pktmbuf_free(mbuf);
	forwarder_forward_frame(f, answer_create(&plain));
	assert_int_equal(drops_count(f, GREMC_DROP_keepalive_rate), 1);
	rate_limit_pass();
	forwarder_forward_frame(f, answer_create(&stranger));
	forwarder_forward_frame(f, answer_create(&keyed));
	assert_int_equal(drops_count(f, GREMC_DROP_gre_protocol), 3);
	assert_null(keepalive_dequeue(f));
}

/* The answer leaves by the underlay as it is, to the next hop of the tunnel. */
static void test_answer_leaves_by_underlay(void **state)
{
	struct forwarder *f = *state;
	const struct gremc_tunnel_options theirs = {.local = rte_cpu_to_be_32(REMOTE(0)),
						    .remote = rte_cpu_to_be_32(LOCAL)};
	uint8_t packet[GREMC_KEEPALIVE_MAX];
	uint16_t length = gremc_keepalive_build(packet, &theirs, 3);
	struct rte_mbuf *mbuf;

	tunnel_add(f, 0, 0);
	/* also to a peer that is dead */
	gremc_vif_dead_set(f->vifs, f->vif[0], true);
	assert_int_equal(gremc_inject_underlay(f->group, payloads, packet, length, f->vif[0]), 0);
	gremc_worker_poll_inject(f->worker);
	assert_int_equal(rte_eth_rx_burst(device[LOOP], 0, &mbuf, 1), 1);
	assert_int_equal(mbuf->pkt_len, L2 + length);
	assert_memory_equal(rte_pktmbuf_mtod(mbuf, const uint8_t *), &peer_mac, 6);
	assert_memory_equal(rte_pktmbuf_mtod(mbuf, const uint8_t *) + 6, &our_mac, 6);
	assert_memory_equal(rte_pktmbuf_mtod(mbuf, const uint8_t *) + L2, packet, length);
	rte_pktmbuf_free(mbuf);
	gremc_vif_down_set(f->vifs, f->vif[0], true);
	assert_int_equal(gremc_inject_underlay(f->group, payloads, packet, length, f->vif[0]), -ENETDOWN);
	assert_int_equal(forwarder_totals(f).injected, 1);
}

/* A dead peer leaves the oils by one store: its replicas are lost as peer_dead, those of others are sent. */
static void test_dead_peer_gets_no_replicas(void **state)
{
	struct forwarder *f = *state;
	const struct form form = {0};

	forwarder_add_tunnels(f, 4, LOOP);
	forwarder_set_route(f, 3);
	gremc_vif_dead_set(f->vifs, f->vif[1], true);
	assert_true(gremc_vif_is_dead(f->vifs, f->vif[1]));
	assert_false(gremc_vif_is_down(f->vifs, f->vif[1]));
	forwarder_forward_frame(f, frame_mbuf_create(3, 64, 0));
	replicas_expect(2, 1, 64, ANY_SEGMENTS);
	assert_int_equal(forwarder_totals(f).losses[GREMC_TX_DROP_peer_dead], 1);
	/* the operator's verdict comes first, and both are independent */
	gremc_vif_down_set(f->vifs, f->vif[1], true);
	assert_true(gremc_vif_is_down(f->vifs, f->vif[1]));
	forwarder_forward_frame(f, frame_mbuf_create(3, 64, 0));
	assert_int_equal(forwarder_totals(f).losses[GREMC_TX_DROP_oif_down], 1);
	gremc_vif_down_set(f->vifs, f->vif[1], false);
	assert_true(gremc_vif_is_dead(f->vifs, f->vif[1]));
	gremc_vif_dead_set(f->vifs, f->vif[1], false);
	loop_port_empty();
	forwarder_forward_frame(f, frame_mbuf_create(3, 64, 0));
	replicas_expect(3, NO_TUNNEL, 64, ANY_SEGMENTS);
	/* a dead peer's packets are received: they may be the sign of life */
	gremc_vif_dead_set(f->vifs, f->vif[0], true);
	forwarder_forward_frame(f, keepalive_create(&form));
	rte_pktmbuf_free(keepalive_dequeue(f));
	assert_int_equal(forwarder_totals(f).punted[GREMC_PUNT_keepalive], 1);
}

/* The host's packets go to a dead peer too: a routing daemon or IGMP may bring it back. */
static void test_host_reaches_dead_peer(void **state)
{
	struct forwarder *f = *state;
	uint8_t packet[28] = {0};
	const struct form form = {0};

	tunnel_add(f, 0, 0);
	form_ipv4_write(packet, LOCAL, REMOTE(0), sizeof(packet), &form);
	gremc_vif_dead_set(f->vifs, f->vif[0], true);
	assert_int_equal(gremc_inject_packet(f->group, payloads, packet, sizeof(packet), f->vif[0]), 0);
	gremc_worker_poll_inject(f->worker);
	assert_int_equal(loop_port_empty(), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_keepalives_of_three_vendors_are_accepted),
		TEST(test_keepalives_with_keys_are_accepted),
		TEST(test_other_addresses_and_protocols_are_no_keepalives),
		TEST(test_keepalive_goes_before_host),
		TEST(test_keepalives_are_limited_per_tunnel),
		TEST(test_answers_are_accepted_where_keepalives_are_sent),
		TEST(test_answer_leaves_by_underlay),
		TEST(test_dead_peer_gets_no_replicas),
		TEST(test_host_reaches_dead_peer),
		TEST_ON_TWO_NODES(test_dead_peer_gets_no_replicas),
	};

	return cmocka_run_group_tests_name("keepalive", tests, forwarder_eal_init, forwarder_eal_cleanup);
}
