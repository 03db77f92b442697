/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdlib.h>
#include <string.h>

#include <rte_eal.h>

#include "host_path.h"

const struct rte_ether_addr our_mac = {{0x02, 0, 0, 0, 0, 1}};
const struct rte_ether_addr peer_mac = {{0x02, 0, 0, 0, 0, 2}};
const uint8_t arp[28] = {0, 1, 8};

static const struct gremc_config_settings path_settings = {
	.copy_threshold = 256, .tx_retries = 2, .max_sleep = 1};

struct rte_mempool *pool;
uint16_t device;

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

/* The queue by which the control thread transmits frames. */
enum transmit_queue { WORKER_QUEUE, CONTROL_QUEUE };

static int host_path_port_init(void **state, enum transmit_queue queue)
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
				      .host_tx = queue == CONTROL_QUEUE,
				      .rx_pool = {pool}};
	f->ports = (struct gremc_ports){.count = 1, .worker_count = 1, .port = {&f->port}};
	gremc_ring_sizes_init(&f->ports.rings, 1);
	f->ports.worker[0] = (struct gremc_worker_place){
		.socket = SOCKET_ID_ANY, .header_pool = pool, .header_capacity = 2000};
	f->group = gremc_workers_create(&f->ports, &path_settings, f->vifs, f->fanout, f->rcu);
	assert_non_null(f->group);
	f->worker = f->group->worker[0];
	host_path_add_vifs(f);
	*state = f;
	return 0;
}

int host_path_set_up(void **state)
{
	return host_path_port_init(state, WORKER_QUEUE);
}

int host_path_set_up_own_queue(void **state)
{
	return host_path_port_init(state, CONTROL_QUEUE);
}

int host_path_tear_down(void **state)
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

void host_path_set_route(struct host_path *f, uint32_t vif)
{
	struct gremc_fanout_op op = {.kind = GREMC_FANOUT_SET,
				     .spec = {.group = GROUP, .length = 32, .oif_count = 1, .oifs = &vif}};

	assert_int_equal(gremc_fanout_apply(f->fanout, &op, 1, NULL, NULL), 0);
}

struct gremc_totals host_path_totals(const struct host_path *f)
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
	assert_int_equal(t.rx_packets, t.forwarded + punted + drops + t.reassembled);
	assert_int_equal(t.wanted, t.sent + losses + t.queued + t.waiting);
	return t;
}

struct rte_mbuf *mbuf_from_bytes(const void *bytes, uint16_t length)
{
	struct rte_mbuf *mbuf = rte_pktmbuf_alloc(pool);

	assert_non_null(mbuf);
	memcpy(rte_pktmbuf_append(mbuf, length), bytes, length);
	return mbuf;
}

struct rte_ipv4_hdr ipv4_write(rte_be32_t from, rte_be32_t to, uint8_t protocol, uint8_t ttl, uint16_t total)
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

struct rte_mbuf *tunnel_frame_create(struct rte_ipv4_hdr inner)
{
	struct tunnel_frame frame = {
		.ether = {our_mac, peer_mac, RTE_BE16(0x0800)},
		.outer = ipv4_write(REMOTE, LOCAL, 47, 64, 24 + rte_be_to_cpu_16(inner.total_length)),
		.gre = {0, 0, 8, 0},
		.inner = inner,
	};

	return mbuf_from_bytes(&frame, sizeof(frame));
}

struct rte_mbuf *ether_frame_create(const char *to, uint16_t type, const void *payload, uint16_t length)
{
	struct rte_ether_hdr ether = {.src_addr = peer_mac, .ether_type = rte_cpu_to_be_16(type)};
	struct rte_mbuf *mbuf;

	rte_ether_unformat_addr(to, &ether.dst_addr);
	mbuf = mbuf_from_bytes(&ether, sizeof(ether));
	memcpy(rte_pktmbuf_append(mbuf, length), payload, length);
	return mbuf;
}

void port_receive_one(struct host_path *f, struct rte_mbuf *mbuf)
{
	struct gremc_worker *worker = f->worker;

	worker->burst.count = 1;
	worker->burst.done_count = 0;
	worker->burst.packet[0].mbuf = mbuf;
	worker->rx_packets = 1;
	worker->rx_bytes = mbuf->pkt_len;
	gremc_worker_forward(worker, &worker->rxq[0]);
}

struct rte_mbuf *punt_dequeue_one(struct host_path *f, enum gremc_punt class)
{
	struct rte_mbuf *mbuf = NULL;

	gremc_punt_dequeue(f->group, class, &mbuf, 1);
	return mbuf;
}

int host_path_eal_init(void **state __rte_unused)
{
	char *arguments[] = {"test",        "--no-huge",      "-m",       "256",     "--no-pci",
			     "--no-shconf", "--no-telemetry", "--lcores", "(0,1)@0", "--vdev=net_ring0"};
	struct rte_eth_conf conf = {0};

	if (rte_eal_init(RTE_DIM(arguments), arguments) < 0)
		return -1;
	/* no cache: the number of free mbufs is exact */
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

int host_path_eal_cleanup(void **state __rte_unused)
{
	rte_eth_dev_stop(device);
	rte_eth_dev_close(device);
	return rte_eal_cleanup();
}
