/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdlib.h>
#include <string.h>

#include <rte_eal.h>

#include "datapath/fragment.h"
#include "datapath/reassembly.h"
#include "forwarder.h"

const struct rte_ether_addr our_mac = {{0x02, 0, 0, 0, 0, 1}};
const struct rte_ether_addr peer_mac = {{0x02, 0, 0, 0, 0, 2}};
const struct gremc_config_settings default_settings = {
	.copy_threshold = 256, .tx_retries = 2, .max_sleep = 1};

struct rte_mempool *payloads, *headers, *tiny;
uint16_t device[PORTS];

/* ---- set-up ---- */

static int loop_device_open(unsigned port, const char *name)
{
	struct rte_eth_conf conf = {0};

	if (rte_eth_dev_get_port_by_name(name, &device[port]) ||
	    rte_eth_dev_configure(device[port], 1, 1, &conf) ||
	    rte_eth_rx_queue_setup(device[port], 0, 512, SOCKET_ID_ANY, NULL, payloads) ||
	    rte_eth_tx_queue_setup(device[port], 0, 512, SOCKET_ID_ANY, NULL))
		return -1;
	return rte_eth_dev_start(device[port]);
}

int forwarder_eal_init(void **state)
{
	char *arguments[] = {"test",        "--no-huge",      "-m",       "512", "--no-pci",
			     "--no-shconf", "--no-telemetry", "-l",       "0",   "--vdev",
			     "net_ring0",   "--vdev",         "net_null0"};

	(void)state;
	if (rte_eal_init(RTE_DIM(arguments), arguments) < 0)
		return -1;
	/* no cache: the numbers of free mbufs are exact */
	payloads = rte_pktmbuf_pool_create("payloads", PAYLOAD_POOL, 0, 0, 2176, SOCKET_ID_ANY);
	headers = rte_pktmbuf_pool_create("headers", HEADER_POOL, 0, 0, 9500, SOCKET_ID_ANY);
	tiny = rte_pktmbuf_pool_create("tiny", 127, 0, 0, 9500, SOCKET_ID_ANY);
	if (payloads == NULL || headers == NULL || tiny == NULL)
		return -1;
	return loop_device_open(LOOP, "net_ring0") || loop_device_open(NOWHERE, "net_null0");
}

int forwarder_eal_cleanup(void **state)
{
	(void)state;
	for (unsigned i = 0; i < PORTS; i++) {
		rte_eth_dev_stop(device[i]);
		rte_eth_dev_close(device[i]);
	}
	return rte_eal_cleanup();
}

void forwarder_start_workers(struct forwarder *f, unsigned workers)
{
	if (f->group)
		gremc_workers_destroy(f->group, f->rcu);
	f->ports.worker_count = workers;
	f->ports.spread = workers > 1;
	gremc_ring_sizes_init(&f->ports.rings, workers);
	for (unsigned i = 0; i < workers; i++)
		f->ports.worker[i] = (struct gremc_worker_place){.lcore = 0,
								 .socket = f->socket[i],
								 .header_pool = headers,
								 .header_capacity = 9300,
								 .shard_pool = workers > 1 ? payloads : NULL};
	f->group = gremc_workers_create(&f->ports, &default_settings, f->vifs, f->fanout, f->rcu);
	assert_non_null(f->group);
	f->worker = f->group->worker[0];
}

static struct gremc_worker *forwarder_start_two_workers(struct forwarder *f,
							const struct gremc_config_settings *settings)
{
	forwarder_start_workers(f, 2);
	gremc_workers_configure(f->group, settings);
	return f->group->worker[1];
}

struct gremc_worker *forwarder_start_oil_split(struct forwarder *f, uint16_t threshold)
{
	struct gremc_config_settings settings = default_settings;

	settings.shard_threshold = threshold;
	return forwarder_start_two_workers(f, &settings);
}

struct gremc_worker *forwarder_start_software_rss(struct forwarder *f)
{
	struct gremc_config_settings settings = default_settings;

	settings.spread = true;
	return forwarder_start_two_workers(f, &settings);
}

static int forwarder_set_up_on_nodes(void **state, const struct gremc_nodes *nodes)
{
	struct forwarder *f = calloc(1, sizeof(*f));

	for (unsigned i = 0; i < RTE_DIM(f->socket); i++)
		f->socket[i] = nodes->socket[i % nodes->count];
	f->rcu = gremc_rcu_create();
	f->vifs = gremc_vifs_create(16, nodes, f->rcu);
	f->fanout = gremc_fanout_create(16, nodes, f->rcu);
	f->ports.count = PORTS;
	for (unsigned i = 0; i < PORTS; i++) {
		f->port[i] = (struct gremc_port){.id = device[i],
						 .index = i,
						 .mac = our_mac,
						 .mtu = 9000,
						 .multi_seg = true,
						 .rx_queues = 1,
						 .tx_queues = 1,
						 .rx_pool = {payloads}};
		f->ports.port[i] = &f->port[i];
	}
	forwarder_start_workers(f, 1);
	*state = f;
	return 0;
}

int forwarder_set_up(void **state)
{
	return forwarder_set_up_on_nodes(state, &gremc_nodes_any);
}

int forwarder_set_up_two_nodes(void **state)
{
	static const struct gremc_nodes nodes = {.count = 2, .socket = {0, 1}};

	return forwarder_set_up_on_nodes(state, &nodes);
}

void pools_expect_full(void)
{
	assert_int_equal(rte_mempool_avail_count(payloads), PAYLOAD_POOL);
	assert_int_equal(rte_mempool_avail_count(headers), HEADER_POOL);
}

void worker_release_mbufs(struct gremc_worker *worker)
{
	gremc_backlogs_drop(&worker->egress);
	gremc_fragments_free(worker);
	gremc_reassembly_drop_all(worker);
	gremc_worker_account(worker, NULL);
	rte_pktmbuf_free_bulk(worker->header, worker->header_count);
	worker->header_count = 0;
}

int forwarder_tear_down(void **state)
{
	struct forwarder *f = *state;
	struct rte_mbuf *left[64];
	uint16_t n;

	while ((n = rte_eth_rx_burst(device[LOOP], 0, left, 64)) > 0)
		rte_pktmbuf_free_bulk(left, n);
	for (unsigned i = 0; i < f->group->count; i++)
		worker_release_mbufs(f->group->worker[i]);
	pools_expect_full();
	gremc_workers_destroy(f->group, f->rcu);
	gremc_rcu_synchronize(f->rcu);
	gremc_fanout_destroy(f->fanout);
	gremc_vifs_destroy(f->vifs);
	gremc_rcu_destroy(f->rcu);
	free(f);
	return 0;
}

/* ---- tunnels and routes ---- */

struct gremc_vif_info tunnel_info(uint32_t n, unsigned port)
{
	return (struct gremc_vif_info){
		.kind = GREMC_VIF_TUNNEL,
		.port = port,
		.options.local = rte_cpu_to_be_32(LOCAL),
		.options.remote = rte_cpu_to_be_32(0x0a010000 + n),
		.next_hop = rte_cpu_to_be_32(0x0a0000fe + port),
		.mtu = 8976,
		.options.ttl = 64,
	};
}

uint32_t forwarder_add_tunnel(struct forwarder *f, const struct gremc_vif_info *info)
{
	uint32_t adjacency, vif;

	assert_int_equal(gremc_adjacency_get(f->vifs, info->port, info->next_hop, &our_mac, 0, &adjacency),
			 0);
	assert_int_equal(gremc_adjacency_resolve(f->vifs, adjacency, &peer_mac), 0);
	assert_int_equal(gremc_tunnel_add(f->vifs, info, adjacency, &vif), 0);
	assert_int_equal(gremc_tunnel_publish(f->vifs, vif), 0);
	return vif;
}

void forwarder_add_tunnels(struct forwarder *f, uint32_t count, unsigned port)
{
	for (uint32_t n = 0; n < count; n++) {
		struct gremc_vif_info info = tunnel_info(n, port);

		f->vif[n] = forwarder_add_tunnel(f, &info);
	}
}

struct gremc_fanout_op forwarder_route(const struct forwarder *f, uint32_t count)
{
	return (struct gremc_fanout_op){
		.kind = GREMC_FANOUT_SET,
		.spec = {.group = rte_cpu_to_be_32(GROUP), .length = 32, .oif_count = count, .oifs = f->vif}};
}

void forwarder_set_route(struct forwarder *f, uint32_t count)
{
	const struct gremc_fanout_op op = forwarder_route(f, count);

	assert_int_equal(gremc_fanout_apply(f->fanout, &op, 1, NULL, NULL), 0);
}

/* ---- frames ---- */

static void frame_write_ipv4(struct rte_ipv4_hdr *ip, uint32_t from, uint32_t to, uint8_t protocol,
			     uint16_t total)
{
	*ip = (struct rte_ipv4_hdr){.version_ihl = 0x45,
				    .total_length = rte_cpu_to_be_16(total),
				    .time_to_live = 16,
				    .next_proto_id = protocol,
				    .src_addr = rte_cpu_to_be_32(from),
				    .dst_addr = rte_cpu_to_be_32(to)};
	ip->hdr_checksum = rte_ipv4_cksum(ip);
}

uint8_t payload_byte(uint32_t i)
{
	return i * 31 + 7;
}

uint32_t frame_write(uint8_t *frame, uint32_t n, uint16_t length, uint16_t padding)
{
	struct rte_ether_hdr *ether = (struct rte_ether_hdr *)frame;
	struct rte_ipv4_hdr *outer = (struct rte_ipv4_hdr *)(ether + 1), *inner;
	uint8_t *gre = (uint8_t *)(outer + 1);

	*ether = (struct rte_ether_hdr){
		.dst_addr = our_mac, .src_addr = peer_mac, .ether_type = RTE_BE16(0x0800)};
	frame_write_ipv4(outer, 0x0a010000 + n, LOCAL, 47, 24 + length);
	memcpy(gre, "\0\0\x08\0", 4);
	inner = (struct rte_ipv4_hdr *)(gre + 4);
	frame_write_ipv4(inner, SOURCE, GROUP, 17, length);
	for (uint32_t i = 20; i < length; i++)
		gre[4 + i] = payload_byte(i);
	memset(gre + 4 + length, 0xee, padding);
	return 14 + 24 + length + padding;
}

struct rte_mbuf *frame_mbuf_create(uint32_t n, uint16_t length, uint16_t padding)
{
	struct rte_mbuf *mbuf = rte_pktmbuf_alloc(payloads);

	assert_non_null(mbuf);
	mbuf->data_len = mbuf->pkt_len = frame_write(rte_pktmbuf_mtod(mbuf, uint8_t *), n, length, padding);
	return mbuf;
}

struct rte_mbuf *frame_mbuf_create_split(uint32_t n, uint16_t length, uint16_t padding, uint32_t piece)
{
	static uint8_t frame[10000];
	uint32_t total = frame_write(frame, n, length, padding);
	struct rte_mbuf *first = NULL, **last = &first;

	for (uint32_t at = 0; at < total; at += piece) {
		struct rte_mbuf *mbuf = rte_pktmbuf_alloc(payloads);

		mbuf->data_len = RTE_MIN(piece, total - at);
		memcpy(rte_pktmbuf_mtod(mbuf, void *), frame + at, mbuf->data_len);
		*last = mbuf;
		last = &mbuf->next;
		if (mbuf != first)
			first->nb_segs++;
	}
	first->pkt_len = total;
	return first;
}

/* ---- input ---- */

uint32_t forwarder_receive_frame(struct forwarder *f, struct rte_mbuf *mbuf)
{
	assert_int_equal(rte_eth_tx_burst(device[LOOP], 0, &mbuf, 1), 1);
	return gremc_worker_poll(f->worker, &f->worker->rxq[LOOP]);
}

void worker_forward_burst(struct forwarder *f, struct gremc_worker *worker, struct rte_mbuf **mbufs,
			  uint32_t n)
{
	struct gremc_burst *burst = &worker->burst;

	burst->count = n;
	burst->done_count = 0;
	for (uint32_t i = 0; i < n; i++)
		burst->packet[i].mbuf = mbufs[i];
	worker->rx_packets = n;
	gremc_worker_forward(worker, &f->worker->rxq[LOOP]);
}

void forwarder_forward_burst(struct forwarder *f, struct rte_mbuf **mbufs, uint32_t n)
{
	worker_forward_burst(f, f->worker, mbufs, n);
}

void forwarder_forward_frame(struct forwarder *f, struct rte_mbuf *mbuf)
{
	forwarder_forward_burst(f, &mbuf, 1);
}

/* ---- output ---- */

void replica_check(struct rte_mbuf *mbuf, uint32_t n, uint16_t length, enum segments segments)
{
	static uint8_t flat[10000];
	const uint8_t *bytes;
	const struct rte_ipv4_hdr *outer, *inner;

	rte_mbuf_sanity_check(mbuf, 1);
	assert_int_equal(mbuf->pkt_len, 38u + length);
	if (segments == ONE_SEGMENT)
		assert_int_equal(mbuf->nb_segs, 1);
	bytes = rte_pktmbuf_read(mbuf, 0, mbuf->pkt_len, flat);
	assert_non_null(bytes);
	assert_memory_equal(bytes, &peer_mac, 6);
	assert_memory_equal(bytes + 6, &our_mac, 6);
	outer = (const struct rte_ipv4_hdr *)(bytes + 14);
	assert_int_equal(rte_be_to_cpu_32(outer->src_addr), LOCAL);
	assert_int_equal(rte_be_to_cpu_32(outer->dst_addr), 0x0a010000 + n);
	assert_int_equal(rte_be_to_cpu_16(outer->total_length), 24 + length);
	assert_int_equal(outer->time_to_live, 64);
	assert_int_equal(rte_raw_cksum(outer, 20), 0xffff);
	inner = (const struct rte_ipv4_hdr *)(bytes + 38);
	assert_int_equal(inner->time_to_live, 15);
	assert_int_equal(rte_raw_cksum(inner, 20), 0xffff);
	for (uint32_t i = 20; i < length; i++)
		assert_int_equal(bytes[38 + i], payload_byte(i));
}

void replica_expect(uint32_t n, uint16_t length)
{
	struct rte_mbuf *mbuf;

	assert_int_equal(rte_eth_rx_burst(device[LOOP], 0, &mbuf, 1), 1);
	replica_check(mbuf, n, length, ANY_SEGMENTS);
	rte_pktmbuf_free(mbuf);
}

void replicas_expect_none(void)
{
	struct rte_mbuf *mbuf;

	assert_int_equal(rte_eth_rx_burst(device[LOOP], 0, &mbuf, 1), 0);
}

void replicas_expect(uint32_t count, uint32_t skip, uint16_t length, enum segments segments)
{
	struct rte_mbuf *mbuf;
	uint32_t n = 0;

	for (uint32_t i = 0; i < count; i++, n++) {
		n += n == skip;
		assert_int_equal(rte_eth_rx_burst(device[LOOP], 0, &mbuf, 1), 1);
		replica_check(mbuf, n, length, segments);
		rte_pktmbuf_free(mbuf);
	}
	replicas_expect_none();
}

void replicas_expect_in_order(uint32_t tunnels, uint16_t length, uint16_t packets)
{
	struct rte_mbuf *mbuf;

	for (uint16_t k = 0; k < packets; k++)
		for (uint32_t n = 0; n < tunnels; n++) {
			assert_int_equal(rte_eth_rx_burst(device[LOOP], 0, &mbuf, 1), 1);
			replica_check(mbuf, n, length + k, ANY_SEGMENTS);
			rte_pktmbuf_free(mbuf);
		}
	replicas_expect_none();
}

uint32_t replicas_collect(const struct forwarder *f, bool *got, uint32_t tunnels)
{
	struct rte_mbuf *mbuf;
	uint32_t count = 0;

	while (rte_eth_rx_burst(device[LOOP], 0, &mbuf, 1) == 1) {
		uint32_t n = mbuf->hash.usr - f->vif[0];

		assert_true(n < tunnels);
		assert_false(got[n]);
		got[n] = true;
		count++;
		rte_pktmbuf_free(mbuf);
	}
	return count;
}

uint32_t loop_port_empty(void)
{
	struct rte_mbuf *mbuf;
	uint32_t n = 0;

	for (; rte_eth_rx_burst(device[LOOP], 0, &mbuf, 1) == 1; n++)
		rte_pktmbuf_free(mbuf);
	return n;
}

/* ---- counters, rings ---- */

struct gremc_totals forwarder_totals(const struct forwarder *f)
{
	struct gremc_totals t = {0};
	uint64_t drops = 0, losses = 0, punted = 0;

	for (unsigned i = 0; i < f->group->count; i++)
		gremc_stats_read(f->group->stats[i], &t);
	for (unsigned i = 0; i < GREMC_DROP_COUNT; i++)
		drops += t.drops[i];
	for (unsigned i = 0; i < GREMC_TX_DROP_COUNT; i++)
		losses += t.losses[i];
	for (unsigned i = 0; i < GREMC_PUNT_COUNT; i++)
		punted += t.punted[i];
	assert_int_equal(t.rx_packets, t.forwarded + punted + drops + t.relayed + t.reassembled);
	assert_int_equal(t.wanted, t.sent + losses + t.queued + t.waiting);
	return t;
}

void handoff_ring_fill(struct gremc_worker *worker)
{
	while (rte_ring_enqueue(worker->handoff_ring, worker) == 0)
		;
}

void handoff_ring_clear(struct gremc_worker *worker)
{
	void *entry;

	while (rte_ring_dequeue(worker->handoff_ring, &entry) == 0)
		assert_ptr_equal(entry, worker);
}
