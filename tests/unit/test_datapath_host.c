/* SPDX-License-Identifier: BSD-3-Clause */
/* The worker's ends of the host path: what goes up, as what, what is refused; what comes down, and the sums.
 * A burst is put where rx would have put it; what is sent comes back by net_ring0. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>

#include <rte_eal.h>
#include <rte_ethdev.h>
#include <rte_ip.h>

#include "datapath/backlog.h"
#include "datapath/datapath.h"
#include "datapath/forward.h"
#include "test.h"

#define LOCAL  RTE_BE32(0x0a000001)
#define REMOTE RTE_BE32(0x0a000002)
#define GROUP  RTE_BE32(0xef010101)
#define SOURCE RTE_BE32(0x0b000001)
#define POOL   4095
#define FRAMES 1728 /* more than net_ring0 and a backlog hold */

enum { PORT, HOST }; /* indexes of ports */

static const struct rte_ether_addr our_mac = {{0x02, 0, 0, 0, 0, 1}};
static const struct rte_ether_addr peer_mac = {{0x02, 0, 0, 0, 0, 2}};
static const struct gremc_config_settings settings = {.copy_threshold = 256, .tx_retries = 2, .max_sleep = 1};

static const uint8_t arp[28] = {0, 1, 8}, bad_ip[20] = {0x55};

static struct rte_mempool *pool;
static uint16_t device;

struct host_path {
	struct gremc_rcu *rcu;
	struct gremc_vifs *vifs;
	struct gremc_fanout *fanout;
	struct gremc_ports ports;
	struct gremc_port port;
	struct gremc_worker_group *group;
	struct gremc_worker *worker;
	uint32_t tunnel, lan, host; /* vifs */
};

/* ---- the fixture ---- */

static void host_path_add_vifs(struct host_path *f)
{
	const struct gremc_vif_info info = {.kind = GREMC_VIF_TUNNEL,
					    .name = "gre1",
					    .options.local = LOCAL,
					    .options.remote = REMOTE,
					    .mtu = 1476,
					    .options.ttl = 64};
	uint32_t adjacency;

	assert_int_equal(gremc_adjacency_get(f->vifs, PORT, REMOTE, &our_mac, 0, &adjacency), 0);
	assert_int_equal(gremc_adjacency_resolve(f->vifs, adjacency, &peer_mac), 0);
	assert_int_equal(gremc_tunnel_add(f->vifs, &info, adjacency, &f->tunnel), 0);
	assert_int_equal(gremc_tunnel_publish(f->vifs, f->tunnel), 0);
	assert_int_equal(gremc_adjacency_get(f->vifs, PORT, 0, &our_mac, 0, &adjacency), 0);
	assert_int_equal(gremc_port_vif_add(f->vifs, "lan", PORT, 1500, adjacency, &f->lan), 0);
	assert_int_equal(gremc_host_vif_add(f->vifs, "host", HOST, &f->host), 0);
}

static int host_path_port_init(void **state, bool host_tx)
{
	struct host_path *f = calloc(1, sizeof(*f));

	f->rcu = gremc_rcu_create();
	f->vifs = gremc_vifs_create(16, &gremc_nodes_any, f->rcu);
	f->fanout = gremc_fanout_create(16, &gremc_nodes_any, f->rcu);
	f->port = (struct gremc_port){.id = device,
				      .mac = our_mac,
				      .mtu = 1500,
				      .multicast = true,
				      .multi_seg = true,
				      .rx_queues = 1,
				      .tx_queues = 1,
				      .host_tx = host_tx,
				      .rx_pool = {pool}};
	f->ports = (struct gremc_ports){.count = 1, .worker_count = 1, .port = {&f->port}};
	gremc_ring_sizes_init(&f->ports.rings, 1);
	f->ports.worker[0] = (struct gremc_worker_place){
		.socket = SOCKET_ID_ANY, .header_pool = pool, .header_capacity = 2000};
	f->group = gremc_workers_create(&f->ports, &settings, f->vifs, f->fanout, f->rcu);
	assert_non_null(f->group);
	f->worker = f->group->worker[0];
	host_path_add_vifs(f);
	*state = f;
	return 0;
}

static int host_path_set_up(void **state)
{
	return host_path_port_init(state, false);
}

/* The port has a TX queue for the control thread. */
static int host_path_set_up_own_queue(void **state)
{
	return host_path_port_init(state, true);
}

static int host_path_tear_down(void **state)
{
	struct host_path *f = *state;
	struct rte_mbuf *mbuf;

	for (uint16_t queue = 0; queue < 2; queue++)
		while (rte_eth_rx_burst(device, queue, &mbuf, 1) > 0)
			rte_pktmbuf_free(mbuf);
	rte_pktmbuf_free_bulk(f->worker->header, f->worker->header_count);
	gremc_workers_destroy(f->group, f->rcu);
	assert_int_equal(rte_mempool_avail_count(pool), POOL);
	gremc_rcu_synchronize(f->rcu);
	gremc_fanout_destroy(f->fanout);
	gremc_vifs_destroy(f->vifs);
	gremc_rcu_destroy(f->rcu);
	free(f);
	return 0;
}

/* (*,GROUP) from any to one vif. */
static void host_path_set_route(struct host_path *f, uint32_t vif)
{
	struct gremc_fanout_op op = {.kind = GREMC_FANOUT_SET,
				     .spec = {.group = GROUP, .length = 32, .oif_count = 1, .oifs = &vif}};

	assert_int_equal(gremc_fanout_apply(f->fanout, &op, 1, NULL, NULL), 0);
}

static struct gremc_totals host_path_totals(const struct host_path *f)
{
	struct gremc_totals t = {0};
	uint64_t drops = 0, losses = 0, punted = 0;

	for (uint32_t i = 0; i < f->group->stats_count; i++)
		gremc_stats_read(f->group->stats[i], &t);
	for (unsigned i = 0; i < GREMC_DROP_COUNT; i++)
		drops += t.drops[i];
	for (unsigned i = 0; i < GREMC_TX_DROP_COUNT; i++)
		losses += t.losses[i];
	for (unsigned i = 0; i < GREMC_PUNT_COUNT; i++)
		punted += t.punted[i];
	assert_int_equal(t.rx_packets, t.forwarded + punted + drops);
	assert_int_equal(t.wanted, t.sent + losses + t.queued + t.waiting);
	return t;
}

/* ---- packets ---- */

static struct rte_mbuf *mbuf_from_bytes(const void *bytes, uint16_t length)
{
	struct rte_mbuf *mbuf = rte_pktmbuf_alloc(pool);

	assert_non_null(mbuf);
	memcpy(rte_pktmbuf_append(mbuf, length), bytes, length);
	return mbuf;
}

static struct rte_ipv4_hdr ipv4_write(rte_be32_t from, rte_be32_t to, uint8_t protocol, uint8_t ttl,
				      uint16_t total)
{
	struct rte_ipv4_hdr ip = {.version_ihl = 0x45,
				  .total_length = rte_cpu_to_be_16(total),
				  .time_to_live = ttl,
				  .next_proto_id = protocol,
				  .src_addr = from,
				  .dst_addr = to};

	ip.hdr_checksum = rte_ipv4_cksum(&ip);
	return ip;
}

struct wrapped {
	struct rte_ether_hdr ether;
	struct rte_ipv4_hdr outer;
	uint8_t gre[4];
	struct rte_ipv4_hdr inner;
	uint8_t padding[20];
} __rte_packed __rte_aligned(2);

/* The tunnel's packet with this inner header. */
static struct rte_mbuf *tunnel_frame_create(struct rte_ipv4_hdr inner)
{
	struct wrapped frame = {
		.ether = {our_mac, peer_mac, RTE_BE16(0x0800)},
		.outer = ipv4_write(REMOTE, LOCAL, 47, 64, 44),
		.gre = {0, 0, 8, 0},
		.inner = inner,
	};

	return mbuf_from_bytes(&frame, sizeof(frame));
}

static struct rte_mbuf *ether_frame_create(const char *to, uint16_t type, const void *payload,
					   uint16_t length)
{
	struct rte_ether_hdr ether = {.src_addr = peer_mac, .ether_type = rte_cpu_to_be_16(type)};
	struct rte_mbuf *mbuf;

	rte_ether_unformat_addr(to, &ether.dst_addr);
	mbuf = mbuf_from_bytes(&ether, sizeof(ether));
	memcpy(rte_pktmbuf_append(mbuf, length), payload, length);
	return mbuf;
}

/* As if rx had received it. */
static void port_receive_one(struct host_path *f, struct rte_mbuf *mbuf)
{
	struct gremc_worker *worker = f->worker;

	worker->burst.count = 1;
	worker->burst.done_count = 0;
	worker->burst.packet[0].mbuf = mbuf;
	worker->rx_packets = 1;
	worker->rx_bytes = mbuf->pkt_len;
	gremc_worker_forward(worker, &worker->rxq[0]);
}

static struct rte_mbuf *punt_dequeue_one(struct host_path *f, enum gremc_punt class)
{
	struct rte_mbuf *mbuf = NULL;

	gremc_punt_dequeue(f->group, class, &mbuf, 1);
	return mbuf;
}

/* ---- up ---- */

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

/* A frame goes up as it came, in its class. */
static void test_frames_are_punted(void **state)
{
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
	/* what is broken is not the kernel's either */
	port_receive_one(f, ether_frame_create("02:00:00:00:00:01", 0x0800, bad_ip, sizeof(bad_ip)));
	assert_int_equal(host_path_totals(f).drops[GREMC_DROP_outer_version], 1);
}

/* A GRE packet with this header, from REMOTE or from a stranger, to LOCAL. */
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

/* GRE of no configured tunnel goes up whole, in a class of its own, where the port's frames do; else it is a
 * named drop. Fragments between a tunnel's addresses are the tunnel's. */
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

/* The inner packets of a tunnel go up without their outer headers and padding, each by its bit. */
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

/* Whether an inner packet with this header comes by the tunnel, the port or the host's vif. */
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

/* Control traffic is never forwarded, whatever its TTL, its source and the interface that it comes by; nor
 * are its fragments. IGMP is that to any group, with an mroute, too. Who asks for it gets it in its class,
 * else it is a named drop. */
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

/* Of a sampled mroute the kernel gets one packet each time that it is due to, and only where it takes any. */
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
	port_receive_one(f, tunnel_frame_create(ip)); /* nobody there */
	assert_int_equal(host_path_totals(f).forwarded, 2);
	gremc_vif_punt_set(f->vifs, f->tunnel, GREMC_VIF_PUNT_MULTICAST);
	port_receive_one(f, tunnel_frame_create(ip));
	port_receive_one(f, tunnel_frame_create(ip));
	mbuf = punt_dequeue_one(f, GREMC_PUNT_multicast);
	assert_non_null(mbuf);
	assert_int_equal(mbuf->pkt_len, 20);
	assert_memory_equal(rte_pktmbuf_mtod(mbuf, void *), &ip, 20); /* its TTL, too */
	rte_pktmbuf_free(mbuf);
	assert_null(punt_dequeue_one(f, GREMC_PUNT_multicast));
	assert_int_equal(host_path_totals(f).forwarded, 3);
	assert_int_equal(host_path_totals(f).punted[GREMC_PUNT_multicast], 1);
}

/* A packet that came by a vif that the kernel's route does not accept: the kernel gets one in three seconds,
 * so that it can tell its daemon. Routes of other origins only drop it, and so do vifs without an interface.
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

/* Native multicast that is not forwarded is a whole frame again, and says its vif. */
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

/* A frame, or a tunnel's packet, of each class. */
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

/* A full ring is a drop with the class's name; all other classes have room, TCP among them. Together they
 * hold no more than what the pools have for them. */
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
			port_receive_one(f, punt_class_frame_create(class));
		assert_int_equal(host_path_totals(f).punted[class] - before.punted[class], full);
		assert_int_equal(host_path_totals(f).drops[GREMC_DROP_punt_neighbor + class], 3);
		for (unsigned other = 0; other < GREMC_PUNT_COUNT; other++) {
			if (other == class)
				continue;
			port_receive_one(f, punt_class_frame_create(other));
			assert_int_equal(host_path_totals(f).punted[other] - before.punted[other], 1);
		}
		gremc_workers_drain(f->group);
	}
	for (unsigned class = 0; class < GREMC_PUNT_COUNT; class ++)
		planned += f->ports.rings.up[class];
	assert_in_range(together, 1, planned);
}

/* The host in an oil: the replica stands in the ring, with its iif. */
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

/* ---- waking ---- */

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
	assert_false(gremc_punt_sleep_begin(f->group)); /* there is something */
	gremc_punt_wake(f->worker);
	assert_int_equal(eventfd_read(f->group->host_event, &value), -1);
	gremc_workers_drain(f->group);
}

/* ---- down ---- */

static void test_injected_frames_are_sent(void **state)
{
	struct host_path *f = *state;
	struct rte_mbuf *mbuf = ether_frame_create("02:00:00:00:00:02", 0x0806, arp, sizeof(arp)), *back;

	mbuf->port = PORT;
	mbuf->hash.usr = GREMC_VIF_NONE;
	assert_int_equal(gremc_inject_frames(f->group, &mbuf, 1), 1);
	assert_int_equal(gremc_worker_poll_inject(f->worker), 1);
	assert_int_equal(rte_eth_rx_burst(device, 0, &back, 1), 1);
	assert_ptr_equal(back, mbuf);
	rte_pktmbuf_free(back);
	assert_int_equal(host_path_totals(f).injected, 1);
	assert_int_equal(host_path_totals(f).sent, 1);
	assert_int_equal(gremc_worker_poll_inject(f->worker), 0);
}

/* A port that takes nothing: a loss, by name, of the tunnel that the frame is counted for. */
static void test_injected_frames_drop_by_name(void **state)
{
	struct host_path *f = *state;
	struct rte_mbuf *mbuf;
	unsigned sent = 0;

	for (unsigned i = 0; i < FRAMES; i++) {
		mbuf = tunnel_frame_create(ipv4_write(SOURCE, LOCAL, 6, 16, 20));
		mbuf->port = PORT;
		mbuf->l2_len = 14;
		mbuf->hash.usr = i % 2 ? f->tunnel : GREMC_VIF_NONE;
		assert_int_equal(gremc_inject_frames(f->group, &mbuf, 1), 1);
		gremc_worker_poll_inject(f->worker);
	}
	sent = host_path_totals(f).sent;
	assert_in_range(sent, 1, FRAMES - 1);
	gremc_backlogs_drop(&f->worker->egress);
	gremc_worker_account(f->worker, NULL);
	assert_int_equal(host_path_totals(f).losses[GREMC_TX_DROP_tx_full], FRAMES - sent);
	assert_int_equal(f->worker->stats->vif_hot[f->tunnel].tx_packets, FRAMES / 2);
	assert_in_range(f->worker->stats->vif_cold[f->tunnel].lost[GREMC_TX_DROP_tx_full], 1, FRAMES / 2);
}

/* A packet that the control thread makes leaves by a tunnel, or by a native port, as a replica would. */
static void test_injected_packets_are_encapsulated(void **state)
{
	const struct rte_ipv4_hdr query = ipv4_write(SOURCE, RTE_BE32(0xe0000001), 2, 1, 20);
	struct host_path *f = *state;
	struct rte_mbuf *back;
	const uint8_t *bytes;

	assert_int_equal(gremc_inject_packet(f->group, pool, &query, sizeof(query), f->tunnel), 0);
	assert_int_equal(gremc_inject_packet(f->group, pool, &query, sizeof(query), f->lan), 0);
	assert_int_equal(gremc_worker_poll_inject(f->worker), 2);
	assert_int_equal(rte_eth_rx_burst(device, 0, &back, 1), 1);
	bytes = rte_pktmbuf_mtod(back, const uint8_t *);
	assert_int_equal(back->pkt_len, 14 + 24 + 20);
	assert_memory_equal(bytes, &peer_mac, 6);
	assert_int_equal(rte_raw_cksum(bytes + 14, 20), 0xffff);
	assert_memory_equal(bytes + 38, &query, 20);
	rte_pktmbuf_free(back);
	assert_int_equal(rte_eth_rx_burst(device, 0, &back, 1), 1);
	bytes = rte_pktmbuf_mtod(back, const uint8_t *);
	assert_int_equal(back->pkt_len, 14 + 20);
	assert_memory_equal(bytes, "\x01\x00\x5e\x00\x00\x01\x02\0\0\0\0\x01\x08\0", 14);
	rte_pktmbuf_free(back);
	assert_int_equal(host_path_totals(f).sent, 2);
	assert_int_equal(f->worker->stats->vif_hot[f->tunnel].tx_bytes, 20);
}

static void test_unsendable_injected_packets_return_errors(void **state)
{
	static uint8_t large[1477];
	const struct rte_ipv4_hdr ip = ipv4_write(SOURCE, LOCAL, 17, 1, 20);
	struct host_path *f = *state;

	assert_int_equal(gremc_inject_packet(f->group, pool, large, 1477, f->tunnel), -EMSGSIZE);
	assert_int_equal(gremc_inject_packet(f->group, pool, large, 1476, f->tunnel), 0);
	assert_int_equal(gremc_inject_packet(f->group, pool, &ip, 19, f->tunnel), -ENOBUFS);
	assert_int_equal(gremc_adjacency_resolve(f->vifs, f->vifs->encap[f->tunnel].adjacency, NULL), 0);
	assert_int_equal(gremc_inject_packet(f->group, pool, &ip, sizeof(ip), f->tunnel), -EHOSTUNREACH);
	gremc_workers_drain(f->group);
	assert_int_equal(host_path_totals(f).wanted, 0);
}

/* What the host sends on its own vif goes the way of all multicast. */
static void test_host_vif_is_an_iif(void **state)
{
	const struct rte_ipv4_hdr ip = ipv4_write(SOURCE, GROUP, 17, 16, 20),
				  unicast = ipv4_write(SOURCE, LOCAL, 17, 16, 20);
	struct host_path *f = *state;
	struct rte_mbuf *mbufs[2] = {mbuf_from_bytes(&ip, sizeof(ip)),
				     mbuf_from_bytes(&unicast, sizeof(unicast))},
			*back;

	host_path_set_route(f, f->tunnel);
	__atomic_store_n(&f->vifs->port_vif[HOST], f->host, __ATOMIC_RELEASE);
	mbufs[0]->port = mbufs[1]->port = HOST;
	assert_int_equal(gremc_inject_frames(f->group, mbufs, 2), 2);
	assert_int_equal(gremc_worker_poll_inject(f->worker), 2);
	assert_int_equal(rte_eth_rx_burst(device, 0, &back, 1), 1);
	assert_int_equal(back->pkt_len, 14 + 24 + 20);
	rte_pktmbuf_free(back);
	assert_int_equal(host_path_totals(f).rx_packets, 2);
	assert_int_equal(host_path_totals(f).forwarded, 1);
	assert_int_equal(host_path_totals(f).drops[GREMC_DROP_inner_unicast], 1);
	assert_int_equal(host_path_totals(f).injected, 0);
}

/* ---- down, by a queue of the control thread's own ---- */

static struct rte_mbuf *host_path_frame_create(uint32_t vif)
{
	struct rte_mbuf *mbuf = tunnel_frame_create(ipv4_write(SOURCE, LOCAL, 6, 16, 20));

	mbuf->port = PORT;
	mbuf->l2_len = 14;
	mbuf->hash.usr = vif;
	return mbuf;
}

static struct rte_mbuf *host_packet_create(void)
{
	const struct rte_ipv4_hdr ip = ipv4_write(SOURCE, GROUP, 17, 16, 20);
	struct rte_mbuf *mbuf = mbuf_from_bytes(&ip, sizeof(ip));

	mbuf->port = HOST;
	return mbuf;
}

/* Frames are sent at once, and counted; packets for the fast path go to the worker. */
static void test_injected_frames_use_the_host_queue(void **state)
{
	struct host_path *f = *state;
	struct rte_mbuf *mbufs[] = {host_path_frame_create(f->tunnel), host_packet_create(),
				    host_path_frame_create(GREMC_VIF_NONE)},
			*sent[] = {mbufs[0], mbufs[2]}, *back[4];

	assert_int_equal(f->group->stats_count, 2);
	assert_int_equal(gremc_inject_frames(f->group, mbufs, 3), 3);
	assert_int_equal(rte_eth_rx_burst(device, 1, back, 4), 2);
	assert_memory_equal(back, sent, sizeof(sent));
	rte_pktmbuf_free_bulk(back, 2);
	assert_int_equal(host_path_totals(f).injected, 2);
	assert_int_equal(host_path_totals(f).sent, 2);
	assert_int_equal(host_path_totals(f).tx_bytes, 2 * sizeof(struct wrapped));
	assert_int_equal(host_path_totals(f).ports[PORT].tx_packets, 2);
	assert_int_equal(f->group->host_egress->stats->vif_hot[f->tunnel].tx_packets, 1);
	assert_int_equal(f->group->host_egress->stats->vif_hot[f->tunnel].tx_bytes,
			 sizeof(struct wrapped) - 38);
	assert_int_equal(gremc_worker_poll_inject(f->worker), 1);
	assert_int_equal(rte_eth_rx_burst(device, 0, back, 4), 0);
}

static void test_host_queue_drops_by_name(void **state)
{
	struct host_path *f = *state;
	struct rte_mbuf *mbufs[GREMC_BURST];
	unsigned sent;

	for (unsigned i = 0; i < FRAMES; i += RTE_DIM(mbufs)) {
		for (unsigned k = 0; k < RTE_DIM(mbufs); k++)
			mbufs[k] = host_path_frame_create(k % 2 ? f->tunnel : GREMC_VIF_NONE);
		assert_int_equal(gremc_inject_frames(f->group, mbufs, RTE_DIM(mbufs)), RTE_DIM(mbufs));
	}
	sent = host_path_totals(f).sent;
	assert_in_range(sent, 1, FRAMES - 1);
	assert_int_equal(host_path_totals(f).losses[GREMC_TX_DROP_tx_full],
			 host_path_totals(f).wanted - sent);
	assert_int_equal(host_path_totals(f).ports[PORT].tx_lost, host_path_totals(f).wanted - sent);
	/* every other one, the last among them */
	assert_int_equal(f->group->host_egress->stats->vif_cold[f->tunnel].lost[GREMC_TX_DROP_tx_full],
			 (host_path_totals(f).wanted - sent + 1) / 2);
}

/* What a full ring leaves to the caller is last, in order, and what has a queue is sent all the same. */
static void test_full_inject_ring_does_not_stop_host_queue(void **state)
{
	struct host_path *f = *state;
	struct rte_mbuf *mbufs[4], *left[2], *mbuf;

	while (gremc_inject_capacity(f->group) > 1) {
		mbuf = host_packet_create();
		assert_int_equal(gremc_inject_frames(f->group, &mbuf, 1), 1);
	}
	for (unsigned i = 0; i < 4; i++)
		mbufs[i] = i == 2 ? host_path_frame_create(f->tunnel) : host_packet_create();
	left[0] = mbufs[1];
	left[1] = mbufs[3];
	assert_int_equal(gremc_inject_frames(f->group, mbufs, 4), 2);
	assert_memory_equal(&mbufs[2], left, sizeof(left));
	assert_int_equal(host_path_totals(f).sent, 1);
	rte_pktmbuf_free_bulk(left, 2);
}

/* ---- EAL ---- */

static int host_path_eal_init(void **state __rte_unused)
{
	char *arguments[] = {"test",        "--no-huge",      "-m",       "256",     "--no-pci",
			     "--no-shconf", "--no-telemetry", "--lcores", "(0,1)@0", "--vdev=net_ring0"};
	struct rte_eth_conf conf = {0};

	if (rte_eal_init(RTE_DIM(arguments), arguments) < 0)
		return -1;
	/* no cache: the count of what is free is exact */
	pool = rte_pktmbuf_pool_create("pool", POOL, 0, 0, 2200, SOCKET_ID_ANY);
	if (pool == NULL || rte_eth_dev_get_port_by_name("net_ring0", &device) ||
	    rte_eth_dev_configure(device, 2, 2, &conf))
		return -1;
	for (uint16_t queue = 0; queue < 2; queue++)
		if (rte_eth_rx_queue_setup(device, queue, 512, SOCKET_ID_ANY, NULL, pool) ||
		    rte_eth_tx_queue_setup(device, queue, 512, SOCKET_ID_ANY, NULL))
			return -1;
	return rte_eth_dev_start(device);
}

static int host_path_eal_cleanup(void **state __rte_unused)
{
	rte_eth_dev_stop(device);
	rte_eth_dev_close(device);
	return rte_eal_cleanup();
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, host_path_set_up, host_path_tear_down)
#define TEST_OWN(function)                                                                                   \
	cmocka_unit_test_setup_teardown(function, host_path_set_up_own_queue, host_path_tear_down)

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
		TEST(test_injected_frames_are_sent),
		TEST(test_injected_frames_drop_by_name),
		TEST(test_injected_packets_are_encapsulated),
		TEST(test_unsendable_injected_packets_return_errors),
		TEST(test_host_vif_is_an_iif),
		TEST_OWN(test_injected_frames_use_the_host_queue),
		TEST_OWN(test_host_queue_drops_by_name),
		TEST_OWN(test_full_inject_ring_does_not_stop_host_queue),
	};

	return cmocka_run_group_tests_name("datapath_host", tests, host_path_eal_init, host_path_eal_cleanup);
}
