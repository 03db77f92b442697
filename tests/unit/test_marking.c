/* SPDX-License-Identifier: BSD-3-Clause */
/* Marking: the outer DSCP and ECN of replicas, and the priority in VLAN tags. */
#include <errno.h>

#include "datapath/marking.h"
#include "forwarder.h"

#define VLAN 100u

static const uint8_t no_pcp[GREMC_DSCP_COUNT];

/* A frame from tunnel 9 with this inner TOS. */
static struct rte_mbuf *tos_mbuf_create(uint16_t length, uint8_t tos)
{
	struct rte_mbuf *mbuf = frame_mbuf_create(9, length, 0);
	struct rte_ipv4_hdr *inner = rte_pktmbuf_mtod_offset(mbuf, struct rte_ipv4_hdr *, 38);

	inner->type_of_service = tos;
	inner->hdr_checksum = 0;
	inner->hdr_checksum = rte_ipv4_cksum(inner);
	return mbuf;
}

static void tunnel_in_add(struct forwarder *f)
{
	const struct gremc_vif_info in = tunnel_info(9, LOOP);

	forwarder_add_tunnel(f, &in);
}

/* The DSCP that the map of these tests has for an inner DSCP. */
static uint8_t mapped_dscp(uint8_t dscp)
{
	return dscp == 34 ? 46 : dscp == 46 ? 0 : (uint8_t)(63 - dscp);
}

static void dscp_map_fill(struct gremc_tunnel_options *options)
{
	options->has_dscp_map = true;
	for (uint8_t dscp = 0; dscp < GREMC_DSCP_COUNT; dscp++)
		options->dscp_map[dscp] = mapped_dscp(dscp);
}

/* ---- the outer TOS ---- */

/* Tunnel n: a fixed, inherited or mapped DSCP; the ECN field of both modes. */
static struct gremc_vif_info tos_tunnel_info(uint32_t n)
{
	struct gremc_vif_info info = tunnel_info(n, LOOP);

	info.options.ecn = n & 1 ? GREMC_ECN_COMPATIBILITY : GREMC_ECN_NORMAL;
	if (n / 2 == 0)
		info.options.tos = 0xb8;
	else if (n / 2 == 1)
		info.options.tos_inherit = true;
	else
		dscp_map_fill(&info.options);
	return info;
}

static uint8_t outer_tos_expected(uint32_t n, uint8_t tos)
{
	const uint8_t dscp = n / 2 == 0 ? 46 : n / 2 == 1 ? tos >> 2 : mapped_dscp(tos >> 2);

	return (uint8_t)(dscp << 2 | (n & 1 ? 0 : tos & 3));
}

/* Read the next frame of LOOP, with `tag` bytes between MAC addresses and type. Returns its outer TOS. */
static uint8_t frame_tos_read(uint32_t tag, uint16_t *tci)
{
	const struct rte_ipv4_hdr *outer;
	struct rte_mbuf *mbuf;
	uint8_t tos;

	assert_int_equal(rte_eth_rx_burst(device[LOOP], 0, &mbuf, 1), 1);
	if (tag) {
		assert_memory_equal(rte_pktmbuf_mtod_offset(mbuf, uint8_t *, 12), "\x81\0", 2);
		memcpy(tci, rte_pktmbuf_mtod_offset(mbuf, uint8_t *, 14), sizeof(*tci));
		*tci = rte_be_to_cpu_16(*tci);
	}
	outer = rte_pktmbuf_mtod_offset(mbuf, const struct rte_ipv4_hdr *, 14 + tag);
	assert_int_equal(rte_raw_cksum(outer, 20), 0xffff);
	tos = outer->type_of_service;
	rte_pktmbuf_free(mbuf);
	return tos;
}

/* Each inner TOS, with copied and shared payloads and the packet itself as the last replica. The modes of ECN
 * are those of RFC 6040, section 4.1. */
static void test_outer_tos_follows_each_mode(void **state)
{
	struct forwarder *f = *state;

	tunnel_in_add(f);
	for (uint32_t n = 0; n < 6; n++) {
		const struct gremc_vif_info info = tos_tunnel_info(n);

		f->vif[n] = forwarder_add_tunnel(f, &info);
	}
	forwarder_set_route(f, 6);
	for (unsigned tos = 0; tos < 256; tos++)
		for (uint16_t length = 100; length < 1000; length += 800) {
			/* the outer ECN field of the frame is 0, so the inner one stays */
			forwarder_forward_frame(f, tos_mbuf_create(length, (uint8_t)tos));
			for (uint32_t n = 0; n < 6; n++)
				assert_int_equal(frame_tos_read(0, NULL),
						 outer_tos_expected(n, (uint8_t)tos));
		}
	replicas_expect_none();
}

/* The mode of a tunnel changes while its packets pass: each replica has the old mode or the new one. */
static void test_mode_changes_in_place(void **state)
{
	struct forwarder *f = *state;
	struct gremc_vif_info info = tos_tunnel_info(0);

	tunnel_in_add(f);
	f->vif[0] = forwarder_add_tunnel(f, &info);
	forwarder_set_route(f, 1);
	for (uint32_t step = 0; step < 20; step++) {
		const uint32_t mode = step * 5 % 6;

		info.options = tos_tunnel_info(mode).options;
		info.options.remote = tunnel_info(0, LOOP).options.remote;
		gremc_adjacency_hold(f->vifs, gremc_vif_adjacency(f->vifs, f->vif[0]));
		assert_int_equal(gremc_tunnel_change(f->vifs, f->vif[0], &info,
						     gremc_vif_adjacency(f->vifs, f->vif[0])),
				 0);
		forwarder_forward_frame(f, tos_mbuf_create(100, 0x8a));
		assert_int_equal(frame_tos_read(0, NULL), outer_tos_expected(mode, 0x8a));
	}
}

/* ---- DSCP maps ---- */

/* Tunnel n with a map of its own. */
static struct gremc_vif_info map_tunnel_info(uint32_t n)
{
	struct gremc_vif_info info = tunnel_info(n, LOOP);

	info.options.has_dscp_map = true;
	info.options.dscp_map[0] = (uint8_t)(n % 64);
	info.options.dscp_map[1] = (uint8_t)(n / 64 % 64);
	return info;
}

static int tunnel_try_add(struct forwarder *f, const struct gremc_vif_info *info, uint32_t *vif)
{
	uint32_t adjacency;
	int rc;

	assert_int_equal(gremc_adjacency_get(f->vifs, info->port, info->next_hop, &our_mac, 0, &adjacency),
			 0);
	rc = gremc_tunnel_add(f->vifs, info, adjacency, vif);
	if (rc)
		gremc_adjacency_release(f->vifs, adjacency);
	return rc;
}

/* Tunnels with equal maps share one; a map beyond the limit is refused; the maps of removed tunnels give
 * their numbers to others. */
static void test_numbers_of_dscp_maps_are_bounded_and_reused(void **state)
{
	struct forwarder *f = *state;
	uint32_t vif[2 * GREMC_DSCP_MAPS_MAX], other;
	struct gremc_vif_info info;

	for (uint32_t n = 0; n < GREMC_DSCP_MAPS_MAX; n++) {
		info = map_tunnel_info(n);
		assert_int_equal(tunnel_try_add(f, &info, &vif[n]), 0);
		info.options.remote += RTE_BE32(0x10000);
		assert_int_equal(tunnel_try_add(f, &info, &vif[GREMC_DSCP_MAPS_MAX + n]), 0);
		assert_int_equal(f->vifs->encap[vif[n]].tos,
				 f->vifs->encap[vif[GREMC_DSCP_MAPS_MAX + n]].tos);
	}
	info = map_tunnel_info(GREMC_DSCP_MAPS_MAX);
	assert_int_equal(tunnel_try_add(f, &info, &other), -ENOSPC);
	gremc_vif_remove(f->vifs, vif[5]);
	assert_int_equal(tunnel_try_add(f, &info, &other), -ENOSPC); /* the other tunnel still has the map */
	gremc_vif_remove(f->vifs, vif[GREMC_DSCP_MAPS_MAX + 5]);
	assert_int_equal(tunnel_try_add(f, &info, &other), 0);
	assert_int_equal(f->vifs->encap[other].tos, f->vifs->encap[vif[5]].tos);
}

/* A reader that has loaded the old key still finds its map. */
static void test_dscp_map_lives_until_its_readers_end(void **state)
{
	struct forwarder *f = *state;
	struct rte_rcu_qsbr *qsbr = gremc_rcu_qsbr(f->rcu);
	const unsigned slot = (unsigned)gremc_rcu_reader_register(f->rcu);
	struct gremc_vif_info info = tos_tunnel_info(4);
	struct gremc_encap old;

	f->vif[0] = forwarder_add_tunnel(f, &info);
	rte_rcu_qsbr_thread_online(qsbr, slot);
	old = gremc_encap_read(f->vifs, f->vif[0]);
	gremc_vif_remove(f->vifs, f->vif[0]);
	gremc_rcu_commit(f->rcu);
	gremc_rcu_reclaim(f->rcu);
	assert_int_equal(gremc_outer_tos(f->vifs, &old, 34 << 2), 46 << 2);
	rte_rcu_qsbr_quiescent(qsbr, slot);
	gremc_rcu_reclaim(f->rcu);
	assert_null(gremc_pointer_load(&f->vifs->dscp_map[old.tos >> 1]));
	rte_rcu_qsbr_thread_offline(qsbr, slot);
	gremc_rcu_reader_unregister(f->rcu, (int)slot);
}

/* ---- the priority in VLAN tags (IEEE 802.1Q) ---- */

static uint32_t tagged_adjacency_get(struct forwarder *f, rte_be32_t next_hop)
{
	uint32_t adjacency;

	assert_int_equal(gremc_adjacency_get(f->vifs, LOOP, next_hop, &our_mac, VLAN, &adjacency), 0);
	if (next_hop)
		assert_int_equal(gremc_adjacency_resolve(f->vifs, adjacency, &peer_mac), 0);
	return adjacency;
}

/* Tunnel 0 marks with EF, tunnel 1 inherits, and vif 2 is the native port: the priority follows the DSCP that
 * is on the wire. */
static void test_priority_follows_outer_dscp(void **state)
{
	struct forwarder *f = *state;
	uint8_t pcp[GREMC_DSCP_COUNT];
	uint16_t tci;

	tunnel_in_add(f);
	for (uint32_t n = 0; n < 2; n++) {
		struct gremc_vif_info info = tunnel_info(n, LOOP);

		info.options.tos = n == 0 ? 46 << 2 : 0;
		info.options.tos_inherit = n == 1;
		assert_int_equal(
			gremc_tunnel_add(f->vifs, &info, tagged_adjacency_get(f, RTE_BE32(77)), &f->vif[n]),
			0);
	}
	assert_int_equal(
		gremc_port_vif_add(f->vifs, "lan", LOOP, 1500, tagged_adjacency_get(f, 0), &f->vif[2]), 0);
	for (unsigned dscp = 0; dscp < GREMC_DSCP_COUNT; dscp++)
		pcp[dscp] = (uint8_t)((dscp + 3) % 8);
	forwarder_set_route(f, 3);
	for (unsigned round = 0; round < 3; round++) {
		const uint8_t *table = round == 1 ? pcp : no_pcp;

		gremc_port_pcp_set(f->vifs, LOOP, table);
		for (unsigned tos = 0; tos < 256; tos += 3)
			for (uint16_t length = 100; length < 1000; length += 800) {
				forwarder_forward_frame(f, tos_mbuf_create(length, (uint8_t)tos));
				assert_int_equal(frame_tos_read(4, &tci) >> 2, 46);
				assert_int_equal(tci, VLAN | table[46] << 13);
				for (uint32_t n = 1; n < 3; n++) {
					assert_int_equal(frame_tos_read(4, &tci), tos);
					assert_int_equal(tci, VLAN | table[tos >> 2] << 13);
				}
			}
	}
	replicas_expect_none();
}

static void host_frame_expect(struct forwarder *f, const char *packet, uint32_t length, uint16_t type,
			      uint16_t expected)
{
	struct rte_mbuf *mbuf = rte_pktmbuf_alloc(payloads);
	uint8_t *bytes = rte_pktmbuf_mtod(mbuf, uint8_t *);
	const rte_be16_t tag[3] = {RTE_BE16(0x8100), RTE_BE16(VLAN), rte_cpu_to_be_16(type)};

	mbuf->data_len = mbuf->pkt_len = (uint16_t)(18 + length);
	memcpy(bytes + 12, tag, sizeof(tag));
	memcpy(bytes + 18, packet, length);
	gremc_frame_tag_mark(f->vifs, LOOP, mbuf);
	assert_int_equal(bytes[14] << 8 | bytes[15], expected);
	rte_pktmbuf_free(mbuf);
}

/* Frames of the kernel: by the DSCP of IPv4 and IPv6; others, and truncated ones, as DSCP 0. */
static void test_priority_of_frames_of_the_host(void **state)
{
	static const char ipv4[20] = "\x45\xb8", ipv6[40] = "\x6b\x80", arp[28] = "\0\1\x08\0";
	struct forwarder *f = *state;
	uint8_t pcp[GREMC_DSCP_COUNT] = {[0] = 1, [46] = 5};

	gremc_port_pcp_set(f->vifs, LOOP, pcp);
	host_frame_expect(f, ipv4, sizeof(ipv4), RTE_ETHER_TYPE_IPV4, VLAN | 5 << 13);
	host_frame_expect(f, ipv6, sizeof(ipv6), RTE_ETHER_TYPE_IPV6, VLAN | 5 << 13);
	host_frame_expect(f, arp, sizeof(arp), RTE_ETHER_TYPE_ARP, VLAN | 1 << 13);
	host_frame_expect(f, ipv4, sizeof(ipv4) - 1, RTE_ETHER_TYPE_IPV4, VLAN | 1 << 13);
	host_frame_expect(f, ipv4, 0, RTE_ETHER_TYPE_IPV4, VLAN | 1 << 13);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_outer_tos_follows_each_mode),
		TEST_ON_TWO_NODES(test_outer_tos_follows_each_mode),
		TEST(test_mode_changes_in_place),
		TEST(test_numbers_of_dscp_maps_are_bounded_and_reused),
		TEST(test_dscp_map_lives_until_its_readers_end),
		TEST(test_priority_follows_outer_dscp),
		TEST(test_priority_of_frames_of_the_host),
	};

	return cmocka_run_group_tests_name("marking", tests, forwarder_eal_init, forwarder_eal_cleanup);
}
