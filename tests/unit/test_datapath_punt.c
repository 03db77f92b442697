/* SPDX-License-Identifier: BSD-3-Clause */
/* Packets that a worker punts: their class, their form, full rings, waking of the control thread. */
#include <string.h>
#include <sys/eventfd.h>

#include "datapath/keepalive.h"
#include "host_path.h"

static void test_everything_is_dropped_without_a_host(void **state)
{
	struct host_path *f = *state;

	port_receive_one(f, ether_frame_create("02:00:00:00:00:01", 0x0806, arp, sizeof(arp)));
	port_receive_one(f, tunnel_frame_create(ipv4_write(SOURCE, LOCAL, 17, 16, 20)));
	port_receive_one(f, tunnel_frame_create(ipv4_write(SOURCE, RTE_BE32(0xe0000016), 2, 1, 20)));
	assert_int_equal(host_path_totals(f).drops[GREMC_DROP_not_ipv4], 1);
	assert_int_equal(host_path_totals(f).drops[GREMC_DROP_inner_unicast], 1);
	assert_int_equal(host_path_totals(f).drops[GREMC_DROP_inner_link_local], 1);
}

/* A frame is punted unchanged, in its class. */
static void test_frames_are_punted(void **state)
{
	static const uint8_t bad_ip[20] = {0x55};
	static const uint8_t nd[41] = {[0] = 0x60, [6] = 58, [40] = 135};
	static const uint8_t tagged[] = {0, 7, 8, 6, 0, 1};
	static const uint8_t ssh[40] = {[0] = 0x60, [6] = 6}, dns[40] = {[0] = 0x60, [6] = 17};
	static const uint8_t echo[40] = {[0] = 0x60, [6] = 58};
	const struct rte_ipv4_hdr tcp = ipv4_write(SOURCE, LOCAL, 6, 64, 20),
				  udp = ipv4_write(SOURCE, LOCAL, 17, 64, 20),
				  icmp = ipv4_write(SOURCE, LOCAL, 1, 64, 20),
				  esp = ipv4_write(SOURCE, LOCAL, 50, 64, 20),
				  ospf = ipv4_write(SOURCE, 0x050000e0, 89, 1, 20);
	const struct {
		const char *to;
		uint16_t type;
		const void *payload;
		uint16_t length;
		enum gremc_punt class;
		uint8_t l2;
	} cases[] = {
		{"ff:ff:ff:ff:ff:ff", 0x0806, "\0\1", 2, GREMC_PUNT_neighbor, 14},
		{"33:33:ff:00:00:01", 0x86dd, nd, sizeof(nd), GREMC_PUNT_neighbor, 14},
		{"33:33:00:00:00:01", 0x86dd, "\x60", 1, GREMC_PUNT_control, 14},
		{"02:00:00:00:00:01", 0x86dd, "\x60", 1, GREMC_PUNT_other, 14},
		{"02:00:00:00:00:01", 0x8847, "\x60", 1, GREMC_PUNT_other, 14},
		{"02:00:00:00:00:01", 0x86dd, ssh, sizeof(ssh), GREMC_PUNT_tcp, 14},
		{"02:00:00:00:00:01", 0x86dd, dns, sizeof(dns), GREMC_PUNT_traffic, 14},
		{"02:00:00:00:00:01", 0x86dd, echo, sizeof(echo), GREMC_PUNT_traffic, 14},
		{"02:00:00:00:00:01", 0x0800, &tcp, sizeof(tcp), GREMC_PUNT_tcp, 14},
		{"02:00:00:00:00:01", 0x0800, &udp, sizeof(udp), GREMC_PUNT_traffic, 14},
		{"02:00:00:00:00:01", 0x0800, &icmp, sizeof(icmp), GREMC_PUNT_traffic, 14},
		{"02:00:00:00:00:01", 0x0800, &esp, sizeof(esp), GREMC_PUNT_other, 14},
		{"01:80:c2:00:00:0e", 0x88cc, "\2\7\4", 3, GREMC_PUNT_control, 14},
		{"01:00:5e:00:00:05", 0x0800, &ospf, sizeof(ospf), GREMC_PUNT_control, 14},
		{"ff:ff:ff:ff:ff:ff", 0x8100, tagged, sizeof(tagged), GREMC_PUNT_neighbor, 18},
	};
	struct host_path *f = *state;

	gremc_port_punt_set(f->vifs, PORT, GREMC_VIF_PUNT_FRAMES);
	for (unsigned i = 0; i < RTE_DIM(cases); i++) {
		struct rte_mbuf *sent =
			ether_frame_create(cases[i].to, cases[i].type, cases[i].payload, cases[i].length);

		port_receive_one(f, sent);
		assert_ptr_equal(punt_dequeue_one(f, cases[i].class), sent);
		assert_int_equal(sent->pkt_len, 14u + cases[i].length);
		assert_int_equal(sent->port, PORT);
		assert_int_equal(sent->l2_len, cases[i].l2);
		assert_true(sent->hash.usr == GREMC_VIF_NONE || sent->hash.usr == f->lan);
		rte_pktmbuf_free(sent);
	}
	assert_int_equal(host_path_totals(f).punted[GREMC_PUNT_neighbor], 3);
	/* a damaged packet is dropped */
	port_receive_one(f, ether_frame_create("02:00:00:00:00:01", 0x0800, bad_ip, sizeof(bad_ip)));
	assert_int_equal(host_path_totals(f).drops[GREMC_DROP_outer_version], 1);
}

/* A GRE packet with this GRE header to LOCAL. */
static struct rte_mbuf *gre_frame_create(rte_be32_t from, const uint8_t *gre, rte_be16_t fragment)
{
	const struct rte_ipv4_hdr inner = ipv4_write(SOURCE, GROUP, 17, 16, 20);
	struct rte_ipv4_hdr outer = ipv4_write(from, LOCAL, 47, 64, 20 + 12 + 20);
	uint8_t bytes[52];

	outer.fragment_offset = fragment;
	outer.hdr_checksum = 0;
	outer.hdr_checksum = rte_ipv4_cksum(&outer);
	memcpy(bytes, &outer, 20);
	memcpy(bytes + 20, gre, 12);
	memcpy(bytes + 32, &inner, 20);
	return ether_frame_create("02:00:00:00:00:01", 0x0800, bytes, sizeof(bytes));
}

/* GRE of no tunnel is punted as a whole frame, in its own class, if the port punts frames; otherwise it is
 * dropped by name. Fragments between the addresses of a tunnel are dropped in both cases. */
static void test_gre_of_unknown_peers_is_punted(void **state)
{
	static const struct {
		uint8_t gre[12];
		rte_be32_t from;
		rte_be16_t fragment;
		enum gremc_drop reason;
		bool ours;
	} cases[] = {
		{{0, 0, 0x08, 0, 0x45}, RTE_BE32(0x0a000009), 0, GREMC_DROP_unknown_peer, false},
		{{0x20, 0, 0x08, 0, 0, 0, 0, 7}, REMOTE, 0, GREMC_DROP_unknown_key, false},
		{{0x20, 0, 0x08, 0, 0, 0, 0, 0}, REMOTE, 0, GREMC_DROP_unknown_key, false},
		{{0xa0, 0, 0x08, 0, 0, 0, 0, 0, 0, 0, 0, 7}, REMOTE, 0, GREMC_DROP_unknown_key, false},
		{{0, 0, 0x65, 0x58}, REMOTE, 0, GREMC_DROP_gre_protocol, false},
		{{0, 0, 0x65, 0x58}, RTE_BE32(0x0a000009), 0, GREMC_DROP_gre_protocol, false},
		{{0x10, 0, 0x88, 0xbe}, REMOTE, 0, GREMC_DROP_gre_protocol, false},
		{{0, 0, 0x86, 0xdd}, RTE_BE32(0x0a000009), 0, GREMC_DROP_gre_protocol, false},
		{{0x30, 0x01, 0x88, 0x0b}, REMOTE, 0, GREMC_DROP_gre_version, false},
		{{0x40, 0, 0x08, 0}, REMOTE, 0, GREMC_DROP_gre_routing, false},
		{{0x08, 0, 0x08, 0}, REMOTE, 0, GREMC_DROP_gre_flags, false},
		{{0, 0, 0x08, 0}, RTE_BE32(0x0a000009), RTE_BE16(0x2000), GREMC_DROP_outer_fragment, false},
		{{0, 0, 0x08, 0}, RTE_BE32(0x0a000009), RTE_BE16(7), GREMC_DROP_outer_fragment, false},
		{{0, 0, 0x08, 0}, REMOTE, RTE_BE16(0x2000), GREMC_DROP_outer_fragment, true},
		{{0, 0, 0x08, 0}, REMOTE, RTE_BE16(7), GREMC_DROP_outer_fragment, true},
	};
	struct host_path *f = *state;
	struct rte_mbuf *sent;

	for (unsigned i = 0; i < RTE_DIM(cases); i++) {
		uint64_t dropped = host_path_totals(f).drops[cases[i].reason];

		gremc_port_punt_set(f->vifs, PORT, 0);
		port_receive_one(f, gre_frame_create(cases[i].from, cases[i].gre, cases[i].fragment));
		assert_int_equal(host_path_totals(f).drops[cases[i].reason], ++dropped);
		gremc_port_punt_set(f->vifs, PORT, GREMC_VIF_PUNT_FRAMES);
		sent = gre_frame_create(cases[i].from, cases[i].gre, cases[i].fragment);
		port_receive_one(f, sent);
		assert_int_equal(host_path_totals(f).drops[cases[i].reason], dropped + cases[i].ours);
		if (cases[i].ours)
			continue;
		assert_ptr_equal(punt_dequeue_one(f, GREMC_PUNT_gre), sent);
		assert_int_equal(sent->pkt_len, 14 + 52);
		assert_int_equal(sent->port, PORT);
		assert_int_equal(sent->l2_len, 14);
		assert_int_equal(sent->hash.usr, GREMC_VIF_NONE);
		rte_pktmbuf_free(sent);
	}
	assert_int_equal(host_path_totals(f).forwarded, 0);
}

/* Inner packets are punted without outer headers and padding; each kind has a bit of the vif. */
static void test_inner_packets_are_punted(void **state)
{
	const struct rte_ipv4_hdr unicast = ipv4_write(SOURCE, LOCAL, 6, 1, 20),
				  pim = ipv4_write(SOURCE, 0x0d0000e0, 103, 1, 20);
	const struct rte_ipv4_hdr report = ipv4_write(0, GROUP, 2, 1, 20),
				  dying = ipv4_write(SOURCE, GROUP, 17, 1, 20);
	const struct rte_ipv4_hdr unrouted = ipv4_write(SOURCE, GROUP, 17, 16, 20);
	const struct {
		const struct rte_ipv4_hdr *ip;
		uint8_t bit;
		enum gremc_punt class;
	} cases[] = {
		{&unicast, GREMC_VIF_PUNT_UNICAST, GREMC_PUNT_tcp},
		{&pim, GREMC_VIF_PUNT_CONTROL, GREMC_PUNT_control},
		{&report, GREMC_VIF_PUNT_CONTROL, GREMC_PUNT_control},
		{&dying, GREMC_VIF_PUNT_MULTICAST, GREMC_PUNT_multicast},
		{&unrouted, GREMC_VIF_PUNT_MULTICAST, GREMC_PUNT_multicast},
	};
	struct host_path *f = *state;

	for (unsigned i = 0; i < RTE_DIM(cases); i++) {
		struct rte_mbuf *mbuf;

		gremc_vif_punt_set(f->vifs, f->tunnel, (uint8_t)~cases[i].bit);
		port_receive_one(f, tunnel_frame_create(*cases[i].ip));
		assert_null(punt_dequeue_one(f, cases[i].class));
		gremc_vif_punt_set(f->vifs, f->tunnel, cases[i].bit);
		port_receive_one(f, tunnel_frame_create(*cases[i].ip));
		mbuf = punt_dequeue_one(f, cases[i].class);
		assert_non_null(mbuf);
		assert_int_equal(mbuf->pkt_len, 20);
		assert_memory_equal(rte_pktmbuf_mtod(mbuf, void *), cases[i].ip, 20);
		assert_int_equal(mbuf->port, GREMC_PORT_NONE);
		assert_int_equal(mbuf->hash.usr, f->tunnel);
		rte_pktmbuf_free(mbuf);
	}
	assert_int_equal(host_path_totals(f).rx_packets, 2 * RTE_DIM(cases));
}

/* The vif by which a packet arrives. */
enum way { BY_TUNNEL, BY_PORT, BY_HOST, WAYS };

static void packet_arrive_by(struct host_path *f, enum way way, struct rte_ipv4_hdr ip)
{
	struct rte_mbuf *mbuf;

	if (way == BY_TUNNEL) {
		port_receive_one(f, tunnel_frame_create(ip));
	} else if (way == BY_PORT) {
		port_receive_one(f, ether_frame_create("01:00:5e:01:01:01", 0x0800, &ip, sizeof(ip)));
	} else {
		mbuf = mbuf_from_bytes(&ip, sizeof(ip));
		mbuf->port = HOST;
		assert_int_equal(gremc_inject_frames(f->group, &mbuf, 1), 1);
		assert_int_equal(gremc_worker_poll_inject(f->worker), 1);
	}
}

/* Control traffic and its fragments are never forwarded, regardless of TTL, source and iif. IGMP is control
 * traffic to any group, even if there is an mroute. It is punted if the vif punts control traffic, otherwise
 * dropped by name. */
static void test_control_packets_are_never_forwarded(void **state)
{
	static const struct {
		uint8_t protocol;
		rte_be32_t group;
		enum gremc_drop reason;
	} protocols[] = {{2, GROUP, GREMC_DROP_inner_igmp},
			 {2, RTE_BE32(0xe0000001), GREMC_DROP_inner_link_local},
			 {103, RTE_BE32(0xe000000d), GREMC_DROP_inner_link_local},
			 {89, RTE_BE32(0xe0000005), GREMC_DROP_inner_link_local},
			 {17, RTE_BE32(0xe00000fb), GREMC_DROP_inner_link_local}};
	static const uint8_t ttls[] = {0, 1, 2, 64, 255};
	static const rte_be16_t fragments[] = {0, RTE_BE16(RTE_IPV4_HDR_MF_FLAG), RTE_BE16(3)};
	static const rte_be32_t sources[] = {SOURCE, 0};
	struct host_path *f = *state;
	uint64_t packets = 0;

	host_path_set_route(f, f->tunnel);
	for (unsigned i = 0;
	     i < RTE_DIM(protocols) * RTE_DIM(ttls) * RTE_DIM(fragments) * RTE_DIM(sources) * WAYS; i++) {
		const unsigned p = i % RTE_DIM(protocols), t = i / RTE_DIM(protocols);
		const unsigned x = t / RTE_DIM(ttls), y = x / RTE_DIM(fragments), way = y / RTE_DIM(sources);
		const enum gremc_drop reason = protocols[p].reason;
		const uint32_t vif = way == BY_TUNNEL ? f->tunnel : way == BY_PORT ? f->lan : f->host;
		struct rte_ipv4_hdr ip = ipv4_write(sources[y % RTE_DIM(sources)], protocols[p].group,
						    protocols[p].protocol, ttls[t % RTE_DIM(ttls)], 20);
		uint64_t dropped = host_path_totals(f).drops[reason];
		struct rte_mbuf *mbuf;

		ip.fragment_offset = fragments[x % RTE_DIM(fragments)];
		ip.hdr_checksum = 0;
		ip.hdr_checksum = rte_ipv4_cksum(&ip);
		packet_arrive_by(f, way, ip);
		packets++;
		assert_int_equal(host_path_totals(f).drops[reason], ++dropped);
		if (way == BY_HOST)
			continue;
		gremc_vif_punt_set(f->vifs, vif, GREMC_VIF_PUNT_CONTROL);
		packet_arrive_by(f, way, ip);
		packets++;
		mbuf = punt_dequeue_one(f, GREMC_PUNT_control);
		assert_non_null(mbuf);
		assert_int_equal(mbuf->hash.usr, vif);
		rte_pktmbuf_free(mbuf);
		gremc_vif_punt_set(f->vifs, vif, 0);
		assert_int_equal(host_path_totals(f).drops[reason], dropped);
	}
	assert_int_equal(host_path_totals(f).rx_packets, packets);
	assert_int_equal(host_path_totals(f).forwarded, 0);
}

/* One packet of a punt-sampled mroute is punted when a sample is due, if the vif punts multicast. */
static void test_samples_are_punted(void **state)
{
	static const uint8_t none[1];
	const struct rte_ipv4_hdr ip = ipv4_write(SOURCE, GROUP, 17, 16, 20);
	struct host_path *f = *state;
	struct gremc_fanout_op op = {.kind = GREMC_FANOUT_SET,
				     .spec = {.group = GROUP,
					      .length = 32,
					      .oif_count = 1,
					      .oifs = &f->lan,
					      .thresholds = none,
					      .sampled = true}};
	struct rte_mbuf *mbuf;

	assert_int_equal(gremc_fanout_apply(f->fanout, &op, 1, NULL, NULL), 0);
	port_receive_one(f, tunnel_frame_create(ip)); /* not due */
	gremc_workers_punt_sample(f->group, gremc_fanout_find(f->fanout, 0, GROUP, 32)->id);
	port_receive_one(f, tunnel_frame_create(ip)); /* the vif does not punt */
	assert_int_equal(host_path_totals(f).forwarded, 2);
	gremc_vif_punt_set(f->vifs, f->tunnel, GREMC_VIF_PUNT_MULTICAST);
	port_receive_one(f, tunnel_frame_create(ip));
	port_receive_one(f, tunnel_frame_create(ip));
	mbuf = punt_dequeue_one(f, GREMC_PUNT_multicast);
	assert_non_null(mbuf);
	assert_int_equal(mbuf->pkt_len, 20);
	assert_memory_equal(rte_pktmbuf_mtod(mbuf, void *), &ip, 20); /* including its TTL */
	rte_pktmbuf_free(mbuf);
	assert_null(punt_dequeue_one(f, GREMC_PUNT_multicast));
	assert_int_equal(host_path_totals(f).forwarded, 3);
	assert_int_equal(host_path_totals(f).punted[GREMC_PUNT_multicast], 1);
}

/* A packet whose iif the kernel's route does not accept is punted once in three seconds, so that the kernel
 * can send WRONGVIF to its daemon. Routes of other origins drop it, and so do vifs without a host interface.
 */
static void test_wrong_vif_punts_are_rate_limited(void **state)
{
	const struct rte_ipv4_hdr ip = ipv4_write(SOURCE, GROUP, 17, 16, 20);
	struct host_path *f = *state;
	struct gremc_fanout_op op = {.kind = GREMC_FANOUT_SET,
				     .spec = {.group = GROUP,
					      .length = 32,
					      .iif_count = 1,
					      .iifs = &f->lan,
					      .oif_count = 1,
					      .oifs = &f->tunnel}};
	struct rte_mbuf *mbuf;
	gremc_atomic_u32 *time;

	gremc_vif_punt_set(f->vifs, f->tunnel, GREMC_VIF_PUNT_MULTICAST);
	assert_int_equal(gremc_fanout_apply(f->fanout, &op, 1, NULL, NULL), 0);
	port_receive_one(f, tunnel_frame_create(ip));
	assert_null(punt_dequeue_one(f, GREMC_PUNT_multicast));
	op.spec.origins = 1u << GREMC_ORIGIN_STATIC | 1u << GREMC_ORIGIN_KERNEL;
	assert_int_equal(gremc_fanout_apply(f->fanout, &op, 1, NULL, NULL), 0);
	gremc_vif_punt_set(f->vifs, f->tunnel, GREMC_VIF_PUNT_CONTROL);
	port_receive_one(f, tunnel_frame_create(ip));
	assert_int_equal(host_path_totals(f).drops[GREMC_DROP_rpf], 2);
	gremc_vif_punt_set(f->vifs, f->tunnel, GREMC_VIF_PUNT_MULTICAST);
	for (unsigned i = 0; i < 3; i++)
		port_receive_one(f, tunnel_frame_create(ip));
	mbuf = punt_dequeue_one(f, GREMC_PUNT_multicast);
	assert_non_null(mbuf);
	assert_memory_equal(rte_pktmbuf_mtod(mbuf, void *), &ip, 20);
	assert_int_equal(mbuf->hash.usr, f->tunnel);
	rte_pktmbuf_free(mbuf);
	assert_null(punt_dequeue_one(f, GREMC_PUNT_multicast));
	assert_int_equal(host_path_totals(f).drops[GREMC_DROP_rpf], 4);
	/* three seconds later */
	time = &f->group->wrong_vif_time[gremc_fanout_find(f->fanout, 0, GROUP, 32)->id];
	gremc_u32_store(time, gremc_u32_load(time) - (uint32_t)(rte_get_tsc_hz() * 31 / 10 / 256));
	port_receive_one(f, tunnel_frame_create(ip));
	mbuf = punt_dequeue_one(f, GREMC_PUNT_multicast);
	assert_non_null(mbuf);
	rte_pktmbuf_free(mbuf);
	assert_int_equal(host_path_totals(f).punted[GREMC_PUNT_multicast], 2);
	assert_int_equal(host_path_totals(f).forwarded, 0);
}

/* Native multicast is punted as a whole frame that names its vif. */
static void test_native_punts_are_whole_frames(void **state)
{
	const struct rte_ipv4_hdr ip = ipv4_write(SOURCE, GROUP, 17, 16, 20);
	struct host_path *f = *state;
	struct rte_mbuf *mbuf;

	gremc_vif_punt_set(f->vifs, f->lan, GREMC_VIF_PUNT_MULTICAST);
	port_receive_one(f, ether_frame_create("01:00:5e:01:01:01", 0x0800, &ip, sizeof(ip)));
	mbuf = punt_dequeue_one(f, GREMC_PUNT_multicast);
	assert_non_null(mbuf);
	assert_int_equal(mbuf->pkt_len, 34);
	assert_int_equal(mbuf->hash.usr, f->lan);
	assert_memory_equal(rte_pktmbuf_mtod_offset(mbuf, void *, 14), &ip, 20);
	rte_pktmbuf_free(mbuf);
	assert_int_equal(host_path_totals(f).punted[GREMC_PUNT_multicast], 1);
}

/* A frame of the punt class. */
static struct rte_mbuf *punt_class_frame_create(enum gremc_punt class)
{
	static const uint8_t gre[12] = {0, 0, 0x65, 0x58};
	const struct rte_ipv4_hdr tcp = ipv4_write(SOURCE, LOCAL, 6, 64, 20),
				  udp = ipv4_write(SOURCE, LOCAL, 17, 64, 20),
				  esp = ipv4_write(SOURCE, LOCAL, 50, 64, 20);

	switch (class) {
	case GREMC_PUNT_neighbor:
		return ether_frame_create("ff:ff:ff:ff:ff:ff", 0x0806, arp, sizeof(arp));
	case GREMC_PUNT_control:
		return tunnel_frame_create(ipv4_write(SOURCE, GROUP, 2, 1, 20));
	case GREMC_PUNT_keepalive:
		return tunnel_frame_create(ipv4_write(LOCAL, REMOTE, 47, 64, 24));
	case GREMC_PUNT_tcp:
		return ether_frame_create("02:00:00:00:00:01", 0x0800, &tcp, sizeof(tcp));
	case GREMC_PUNT_traffic:
		return ether_frame_create("02:00:00:00:00:01", 0x0800, &udp, sizeof(udp));
	case GREMC_PUNT_gre:
		return gre_frame_create(REMOTE, gre, 0);
	case GREMC_PUNT_other:
		return ether_frame_create("02:00:00:00:00:01", 0x0800, &esp, sizeof(esp));
	default:
		return tunnel_frame_create(ipv4_write(SOURCE, GROUP, 17, 16, 20));
	}
}

/* Receive it. Keepalives are not limited here. */
static void punt_class_frame_receive(struct host_path *f, enum gremc_punt class)
{
	gremc_u32_store(
		&f->group->keepalive_time[f->tunnel * GREMC_KEEPALIVE_KINDS + GREMC_KEEPALIVE_REQUEST], 0);
	port_receive_one(f, punt_class_frame_create(class));
}

/* A full ring drops with the name of its class; the other classes are unaffected. The rings together contain
 * no more packets than the plan of the pools counts. */
static void test_full_punt_ring_drops_by_name(void **state)
{
	struct host_path *f = *state;
	unsigned together = 0, planned = 0;

	gremc_port_punt_set(f->vifs, PORT, GREMC_VIF_PUNT_FRAMES);
	gremc_vif_punt_set(f->vifs, f->tunnel, GREMC_VIF_PUNT_CONTROL | GREMC_VIF_PUNT_MULTICAST);
	for (unsigned class = 0; class < GREMC_PUNT_COUNT; class ++) {
		const unsigned full = rte_ring_get_capacity(f->worker->punt_ring[class]);
		const struct gremc_totals before = host_path_totals(f);

		together += rte_ring_get_size(f->worker->punt_ring[class]);
		for (unsigned i = 0; i < full + 3; i++)
			punt_class_frame_receive(f, class);
		assert_int_equal(host_path_totals(f).punted[class] - before.punted[class], full);
		assert_int_equal(host_path_totals(f).drops[GREMC_DROP_punt_neighbor + class], 3);
		for (unsigned other = 0; other < GREMC_PUNT_COUNT; other++) {
			if (other == class)
				continue;
			punt_class_frame_receive(f, other);
			assert_int_equal(host_path_totals(f).punted[other] - before.punted[other], 1);
		}
		gremc_workers_drain(f->group);
	}
	for (unsigned class = 0; class < GREMC_PUNT_COUNT; class ++)
		planned += f->ports.rings.up[class];
	assert_in_range(together, 1, planned);
}

/* The host is in an oil: the replica in the ring names its iif. */
static void test_replicas_for_the_host_name_their_iif(void **state)
{
	struct host_path *f = *state;
	struct rte_mbuf *mbuf;
	uint32_t iif;

	host_path_set_route(f, f->host);
	port_receive_one(f, tunnel_frame_create(ipv4_write(SOURCE, GROUP, 17, 16, 20)));
	mbuf = punt_dequeue_one(f, GREMC_PUNT_multicast);
	assert_non_null(mbuf);
	assert_int_equal(mbuf->hash.usr, f->host);
	assert_int_equal(mbuf->pkt_len, 34);
	memcpy(&iif, rte_pktmbuf_mtod_offset(mbuf, void *, 6), sizeof(iif));
	assert_int_equal(iif, f->tunnel);
	assert_int_equal(rte_pktmbuf_mtod_offset(mbuf, struct rte_ipv4_hdr *, 14)->time_to_live, 15);
	rte_pktmbuf_free(mbuf);
	assert_int_equal(host_path_totals(f).sent, 1);
	assert_int_equal(host_path_totals(f).forwarded, 1);
}

static void test_sleeping_control_thread_is_woken_once(void **state)
{
	struct host_path *f = *state;
	eventfd_t value;

	gremc_port_punt_set(f->vifs, PORT, GREMC_VIF_PUNT_FRAMES);
	assert_true(gremc_punt_sleep_begin(f->group));
	for (unsigned i = 0; i < 2; i++) {
		port_receive_one(f, ether_frame_create("ff:ff:ff:ff:ff:ff", 0x0806, arp, sizeof(arp)));
		assert_true(f->worker->egress.wake_control);
		gremc_punt_wake(f->worker);
	}
	assert_int_equal(eventfd_read(f->group->host_event, &value), 0);
	assert_int_equal(value, 1);
	gremc_punt_sleep_end(f->group);
	assert_false(gremc_punt_sleep_begin(f->group)); /* a ring is not empty */
	gremc_punt_wake(f->worker);
	assert_int_equal(eventfd_read(f->group->host_event, &value), -1);
	gremc_workers_drain(f->group);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_everything_is_dropped_without_a_host),
		TEST(test_frames_are_punted),
		TEST(test_gre_of_unknown_peers_is_punted),
		TEST(test_inner_packets_are_punted),
		TEST(test_control_packets_are_never_forwarded),
		TEST(test_samples_are_punted),
		TEST(test_wrong_vif_punts_are_rate_limited),
		TEST(test_native_punts_are_whole_frames),
		TEST(test_full_punt_ring_drops_by_name),
		TEST(test_replicas_for_the_host_name_their_iif),
		TEST(test_sleeping_control_thread_is_woken_once),
	};

	return cmocka_run_group_tests_name("datapath_punt", tests, host_path_eal_init, host_path_eal_cleanup);
}
