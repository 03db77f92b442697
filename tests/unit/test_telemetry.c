/* SPDX-License-Identifier: BSD-3-Clause */
/* Each telemetry command: its values, its errors, its pages. */
#include <errno.h>
#include <pthread.h>
#include <sched.h>

#include "telemetry_query.h"

static const char *refused_key; /* of the text that DPDK refuses, as if the reply were full */

int __real_rte_tel_data_add_dict_string(struct rte_tel_data *dict, const char *key, const char *text);
int __wrap_rte_tel_data_add_dict_string(struct rte_tel_data *dict, const char *key, const char *text);

int __wrap_rte_tel_data_add_dict_string(struct rte_tel_data *dict, const char *key, const char *text)
{
	if (refused_key && strcmp(key, refused_key) == 0)
		return -ENOSPC;
	return __real_rte_tel_data_add_dict_string(dict, key, text);
}

static void test_missing_values_are_reported(void **unused __rte_unused)
{
	refused_key = "dpdk";
	query_send("/gremc/info");
	refused_key = NULL;
	assert_string_equal(reply_text("error"), "this reply is not complete: a value does not fit in it");
	assert_string_equal(reply_text("version"), GREMC_VERSION);
	query_expect_reply("/gremc/info");
	assert_string_equal(reply_text("dpdk"), rte_version());
}

static void test_info_sums_all_workers(void **unused __rte_unused)
{
	struct gremc_totals *a = &world->stats[0]->totals, *b = &world->stats[1]->totals;

	memset(a, 0, sizeof(*a));
	memset(b, 0, sizeof(*b));
	a->rx_packets = 5000000000;
	b->rx_packets = 7;
	a->rx_bytes = 1ull << 63;
	a->forwarded = 4999999999;
	b->drops[GREMC_DROP_rpf] = 5;
	b->drops[GREMC_DROP_not_ipv4] = 3;
	a->punted[GREMC_PUNT_control] = 2;
	b->punted[GREMC_PUNT_traffic] = 4;
	a->rx_packets += 6;
	a->injected = 3;
	a->wanted = 103;
	a->sent = 90;
	a->losses[GREMC_TX_DROP_tx_full] = 4;
	a->losses[GREMC_TX_DROP_too_big] = 1;
	a->queued = 5;
	a->waiting = 3;
	query_expect_reply("/gremc/info");
	assert_string_equal(reply_text("version"), GREMC_VERSION);
	assert_string_equal(reply_text("dpdk"), rte_version());
	assert_string_equal(reply_text("config"), "/etc/dpdk-gremc.yaml");
	assert_int_equal(reply_number("pid"), getpid());
	assert_true(reply_number("uptime") >= 100 && reply_number("uptime") < 100 + 300);
	assert_int_equal(reply_number("started"), world->telemetry.started);
	assert_int_equal(reply_number("reloads"), 3);
	assert_int_equal(reply_number("reload_errors"), 1);
	assert_int_equal(reply_number("workers"), 2);
	assert_int_equal(reply_number("ports"), 3);
	assert_int_equal(reply_number("tunnels"), 4);
	assert_int_equal(reply_number("mroutes"), 6);
	assert_int_equal(reply_number("rx_packets"), 5000000013);
	assert_int_equal(reply_number("rx_bytes"), 1ull << 63);
	assert_int_equal(reply_number("dropped"), 8);
	assert_int_equal(reply_number("punted"), 6);
	assert_int_equal(reply_number("injected"), 3);
	assert_int_equal(reply_number("rx_packets"),
			 reply_number("forwarded") + reply_number("punted") + reply_number("dropped"));
	assert_int_equal(reply_number("lost"), 5);
	assert_int_equal(reply_number("queued"), 5);
	assert_int_equal(reply_number("waiting"), 3);
	assert_int_equal(reply_number("wanted"), reply_number("sent") + reply_number("lost") +
							 reply_number("queued") + reply_number("waiting"));
}

static bool is_applied;

/* The table gets the change later than the engine. */
static void *changes_apply_late(void *unused __rte_unused)
{
	for (unsigned i = 0; i < 2000; i++)
		sched_yield();
	__atomic_store_n(&is_applied, true, __ATOMIC_RELAXED);
	gremc_u64_store_release(&world->igmp_applied, 5);
	return NULL;
}

/* A reply that shows a membership waits until the table of mroutes contains it. */
static void test_reply_waits_for_the_table_of_mroutes(void **unused __rte_unused)
{
	pthread_t thread;

	gremc_u64_store(&world->igmp_applied, 4);
	gremc_u64_store(&world->igmp_changes, 5);
	assert_int_equal(pthread_create(&thread, NULL, changes_apply_late, NULL), 0);
	query_expect_reply("/gremc/groups");
	assert_true(__atomic_load_n(&is_applied, __ATOMIC_RELAXED));
	pthread_join(thread, NULL);
}

/* Workers are read one after the other, so a replica can be counted as sent before it is counted as queued.
 */
static void test_queued_is_never_negative(void **unused __rte_unused)
{
	memset(&world->stats[0]->totals, 0, sizeof(world->stats[0]->totals));
	memset(&world->stats[1]->totals, 0, sizeof(world->stats[1]->totals));
	world->stats[0]->totals.wanted = world->stats[0]->totals.queued = 10;
	world->stats[1]->totals.sent = 12;
	world->stats[1]->totals.queued = -12ull;
	query_expect_reply("/gremc/info");
	assert_int_equal(reply_number("queued"), 0);
	assert_int_equal(reply_number("sent"), 12);
	assert_int_equal(reply_number("wanted"), 12);
}

static void test_long_path_is_shown_by_its_end(void **unused __rte_unused)
{
	char path[300];
	struct gremc_telemetry telemetry = world->telemetry;

	memset(path, 'x', sizeof(path));
	strcpy(path + sizeof(path) - 10, "y/\xc3\xa4.yaml");
	telemetry.config_path = path;
	gremc_telemetry_stop();
	assert_int_equal(gremc_telemetry_start(&telemetry), 0);
	query_expect_reply("/gremc/info");
	assert_int_equal(strlen(reply_text("config")), RTE_TEL_MAX_STRING_LEN - 1);
	assert_memory_equal(reply_text("config"), "...x", 4);
	/* bytes that JSON cannot carry are replaced */
	assert_string_equal(reply_text("config") + RTE_TEL_MAX_STRING_LEN - 10, "y/?\?.yaml");
	gremc_telemetry_stop();
	assert_int_equal(gremc_telemetry_start(&world->telemetry), 0);
}

static void test_lcores_show_each_worker(void **unused __rte_unused)
{
	struct gremc_totals *a = &world->stats[1]->totals;

	memset(a, 0, sizeof(*a));
	a->rx_packets = 11;
	a->forwarded = 8;
	a->drops[GREMC_DROP_no_mroute] = 3;
	a->busy_cycles = 1ull << 40;
	a->sleeps = 9;
	a->sleep_cycles = UINT64_MAX;
	for (unsigned i = 0; i < GREMC_BURST_BUCKETS; i++)
		a->bursts[i] = i + 1;
	query_expect_reply("/gremc/lcores");
	assert_int_equal(reply_number("total"), 2);
	assert_int_equal(reply_number("next"), 0);
	assert_true(reply_number("cycles") > 0);
	assert_int_equal(reply_number("cycles_per_second"), rte_get_tsc_hz());
	assert_int_equal(reply_number("list.1.lcore"), 2);
	assert_int_equal(reply_number("list.1.queues"), 1);
	assert_string_equal(reply_text("list.1.polls"), "wan0/1");
	assert_int_equal(reply_number("list.0.queues"), 3);
	assert_string_equal(reply_text("list.0.polls"), "wan0/0 lan0/0 wan1/0");
	assert_int_equal(reply_number("list.1.rx_packets"),
			 reply_number("list.1.forwarded") + reply_number("list.1.dropped"));
	assert_int_equal(reply_number("list.1.busy_cycles"), 1ull << 40);
	assert_int_equal(reply_number("list.1.sleeps"), 9);
	assert_int_equal(reply_number("list.1.sleep_percent"), 100);
	assert_int_equal(reply_number("list.0.sleep_percent"), 0);
	assert_int_equal(reply_number("list.1.bursts[7]"), 8);
	query_expect_reply("/gremc/lcores,1");
	assert_int_equal(reply_number("offset"), 1);
	assert_null(reply_find_number(&reply, "list.0.lcore"));
}

static void test_ports_sum_all_workers(void **unused __rte_unused)
{
	char mac[GREMC_MAC_TEXT];

	memset(&world->stats[0]->totals, 0, sizeof(world->stats[0]->totals));
	memset(&world->stats[1]->totals, 0, sizeof(world->stats[1]->totals));
	world->stats[0]->totals.ports[LAN0].rx_packets = 3;
	world->stats[1]->totals.ports[LAN0].rx_packets = 4;
	world->stats[1]->totals.ports[LAN0].tx_lost = 6;
	query_expect_reply("/gremc/ports");
	assert_int_equal(reply_number("total"), 3); /* without the member of the bond */
	assert_string_equal(reply_text("list.1.name"), "lan0");
	assert_string_equal(reply_text("list.1.device"), "net_null1");
	assert_string_equal(reply_text("list.1.mac"), gremc_mac_format(mac, &world->port[LAN0].mac));
	assert_int_equal(reply_number("list.1.mtu"), 1500);
	assert_int_equal(reply_number("list.1.multicast"), 1);
	assert_int_equal(reply_number("list.0.multicast"), 0);
	assert_int_equal(reply_number("list.0.rx_queues"), 2);
	assert_int_equal(reply_number("list.1.rx_packets"), 7);
	assert_int_equal(reply_number("list.1.tx_lost"), 6);
	assert_int_equal(reply_number("list.1.device_counters"), 1);
	assert_int_equal(reply_number("list.1.imissed"), 0);
	assert_null(reply_find_text(&reply, "list.3.name"));
}

static void test_pools_show_a_shared_pool_once(void **unused __rte_unused)
{
	struct rte_mbuf *mbufs[10];

	assert_int_equal(rte_pktmbuf_alloc_bulk(world->rx_pool, mbufs, 10), 0);
	query_expect_reply("/gremc/pools");
	rte_pktmbuf_free_bulk(mbufs, 10);
	assert_int_equal(reply_number("total"), 4 + 2);
	assert_string_equal(reply_text("list.1.user"), "wan0/1");
	assert_string_equal(reply_text("list.1.kind"), "rx");
	assert_string_equal(reply_text("list.1.name"), "rx_pool");
	assert_int_equal(reply_number("list.1.size"), 127);
	assert_int_equal(reply_number("list.1.in_use"), 10);
	assert_int_equal(reply_number("list.1.available"), 117);
	assert_string_equal(reply_text("list.128.user"), "lan0/0");
	assert_string_equal(reply_text("list.4097.user"), "lcore 2");
	assert_string_equal(reply_text("list.4097.kind"), "header");
	assert_int_equal(reply_number("list.4097.room"), 384);
	/* workers of a node share a pool for OIL split; with software RSS, queues of a port share a pool */
	world->ports.worker[0].shard_pool = world->ports.worker[1].shard_pool = world->header_pool;
	world->ports.spread = true;
	query_expect_reply("/gremc/pools");
	world->ports.worker[0].shard_pool = world->ports.worker[1].shard_pool = NULL;
	world->ports.spread = false;
	assert_int_equal(reply_number("total"), 3 + 2 + 1); /* one per port, two workers, one for OIL split */
	assert_string_equal(reply_text("list.4225.kind"), "shard");
	assert_string_equal(reply_text("list.4225.user"), "node 0");
	assert_null(reply_find_text(&reply, "list.1.name"));
}

static void test_drops_and_reasons_have_every_reason(void **unused __rte_unused)
{
	memset(&world->stats[0]->totals, 0, sizeof(world->stats[0]->totals));
	memset(&world->stats[1]->totals, 0, sizeof(world->stats[1]->totals));
	for (unsigned i = 0; i < GREMC_DROP_COUNT; i++)
		world->stats[i % 2]->totals.drops[i] = 1000 + i;
	for (unsigned i = 0; i < GREMC_TX_DROP_COUNT; i++)
		world->stats[i % 2]->totals.losses[i] = 2000 + i;
	for (unsigned i = 0; i < GREMC_PUNT_COUNT; i++)
		world->stats[i % 2]->totals.punted[i] = 3000 + i;
	query_expect_reply("/gremc/drops");
	assert_int_equal(reply.count, GREMC_DROP_COUNT + GREMC_TX_DROP_COUNT + GREMC_PUNT_COUNT);
	for (unsigned i = 0; i < GREMC_DROP_COUNT; i++)
		assert_int_equal(reply_number("drops.%s", gremc_drop_name(i)), 1000 + i);
	for (unsigned i = 0; i < GREMC_TX_DROP_COUNT; i++)
		assert_int_equal(reply_number("losses.%s", gremc_tx_drop_name(i)), 2000 + i);
	for (unsigned i = 0; i < GREMC_PUNT_COUNT; i++)
		assert_int_equal(reply_number("punts.%s", gremc_punt_name(i)), 3000 + i);
	query_expect_reply("/gremc/reasons");
	assert_int_equal(reply.count, GREMC_DROP_COUNT + GREMC_TX_DROP_COUNT + GREMC_PUNT_COUNT);
	for (unsigned i = 0; i < GREMC_DROP_COUNT; i++)
		assert_string_equal(reply_text("drops.%s", gremc_drop_name(i)), gremc_drop_text(i));
	for (unsigned i = 0; i < GREMC_TX_DROP_COUNT; i++)
		assert_string_equal(reply_text("losses.%s", gremc_tx_drop_name(i)), gremc_tx_drop_text(i));
	for (unsigned i = 0; i < GREMC_PUNT_COUNT; i++)
		assert_string_equal(reply_text("punts.%s", gremc_punt_name(i)), gremc_punt_text(i));
}

/* Record drops of one vif, and the last flow. */
static void vif_drop_set(unsigned worker, uint32_t vif, enum gremc_drop reason, uint64_t packets,
			 rte_be32_t source, rte_be32_t group)
{
	struct gremc_vif_drop *drop = &world->stats[worker]->vif_drop[vif];
	const rte_be32_t flow[2] = {source, group};

	drop->packets[reason] = packets;
	memcpy(&drop->flow[reason], flow, sizeof(flow));
}

static void test_vif_drops_name_the_vif_the_reason_and_the_last_flow(void **unused __rte_unused)
{
	const uint32_t gre1 = world->vif[GRE1], gre3 = world->vif[GRE3];

	vif_drop_set(0, gre1, GREMC_DROP_rpf, 30, IP(10, 1, 1, 7), IP(239, 1, 1, 7));
	vif_drop_set(1, gre1, GREMC_DROP_rpf, 7, IP(10, 1, 1, 7), IP(239, 1, 1, 7));
	vif_drop_set(1, gre1, GREMC_DROP_inner_checksum, 2, 0, 0);
	vif_drop_set(0, gre3, GREMC_DROP_no_mroute, 1, IP(10, 9, 9, 1), IP(239, 8, 8, 8));
	query_expect_reply("/gremc/vif_drops");
	assert_int_equal(reply_number("total"), 2);
	assert_string_equal(reply_text("list.%u.name", gre1), "gre1");
	assert_int_equal(reply_number("list.%u.dropped", gre1), 39);
	assert_int_equal(reply_number("list.%u.drops.rpf.packets", gre1), 37);
	assert_string_equal(reply_text("list.%u.drops.rpf.source", gre1), "10.1.1.7");
	assert_string_equal(reply_text("list.%u.drops.rpf.group", gre1), "239.1.1.7");
	/* a damaged header names no flow */
	assert_int_equal(reply_number("list.%u.drops.inner_checksum.packets", gre1), 2);
	assert_null(strstr(reply.json, "\"0.0.0.0\""));
	assert_string_equal(reply_text("list.%u.drops.no_mroute.group", gre3), "239.8.8.8");
	/* a reused index begins without drops */
	gremc_stats_reset_vif(world->stats[0], gre3);
	query_expect_reply("/gremc/vif_drops,%u", gre3);
	assert_int_equal(reply_number("total"), 1);
}

/* A peer that has a policy, and one that has sent a keepalive only. Others are not listed. */
static void test_peers_show_their_state(void **unused __rte_unused)
{
	const struct gremc_peer_policy policy = {
		.interval = 10, .retries = 1, .sends = true, .liveness = GREMC_LIVENESS_KEEPALIVE};
	const uint32_t gre1 = world->vif[GRE1], gre2 = world->vif[GRE2];
	uint8_t packet[28] = {0x45, [8] = 9};

	query_expect_reply("/gremc/peers");
	assert_int_equal(reply_number("total"), 0);
	gremc_peer_policy_set(world->peers, gre1, &policy, 0);
	for (uint64_t now = 10; now < 100; now += 10)
		gremc_peers_run(world->peers, now);
	gremc_peer_request_input(world->peers, gre2, packet, sizeof(packet));
	query_expect_reply("/gremc/peers");
	assert_int_equal(reply_number("total"), 2);
	assert_string_equal(reply_text("list.%u.name", gre1), "gre1");
	assert_string_equal(reply_text("list.%u.state", gre1), "dead");
	assert_string_equal(reply_text("list.%u.liveness", gre1), "keepalive");
	assert_int_equal(reply_number("list.%u.changes", gre1), 1);
	assert_string_equal(reply_text("list.%u.state", gre2), "alive");
	assert_int_equal(reply_number("list.%u.requests", gre2), 1);
	assert_int_equal(reply_number("list.%u.answered", gre2), 1);
	/* no replicas to a dead peer */
	assert_true(gremc_vif_is_dead(world->vifs, gre1));
	gremc_peer_policy_set(world->peers, gre1, NULL, 100);
	assert_false(gremc_vif_is_dead(world->vifs, gre1));
	gremc_peer_forget(world->peers, gre1);
	gremc_peer_forget(world->peers, gre2);
}

static void test_hosts_show_each_device(void **unused __rte_unused)
{
	query_expect_reply("/gremc/hosts");
	assert_int_equal(reply_number("total"), 2);
	assert_string_equal(reply_text("list.0.name"), "wan0");
	assert_string_equal(reply_text("list.0.kind"), "tap");
	assert_string_equal(reply_text("list.1.kind"), "tun");
	assert_int_equal(reply_number("list.1.ifindex"), 8);
	assert_int_equal(reply_number("list.1.up_bytes"), 60);
	assert_int_equal(reply_number("list.1.down_packets"), 2);
	for (unsigned i = 0; i < GREMC_HOST_DROP_COUNT; i++)
		assert_int_equal(reply_number("list.1.losses.%s", gremc_host_drop_name(i)), 10 + i);
}

static void test_neighbors_count_their_users(void **unused __rte_unused)
{
	query_expect_reply("/gremc/neighbors");
	assert_int_equal(reply_number("total"), 3);
	assert_string_equal(reply_text("list.0.port"), "wan0");
	assert_string_equal(reply_text("list.0.next_hop"), "192.0.2.254");
	assert_string_equal(reply_text("list.0.mac"), "02:00:00:00:00:fe");
	assert_int_equal(reply_number("list.0.resolved"), 1);
	assert_int_equal(reply_number("list.0.users"), 3);
	assert_string_equal(reply_text("list.1.mac"), "");
	assert_int_equal(reply_number("list.1.resolved"), 0);
	assert_int_equal(reply_number("list.1.users"), 1);
	assert_string_equal(reply_text("list.2.port"), "lan0");
	assert_string_equal(reply_text("list.2.next_hop"), "0.0.0.0");
	assert_string_equal(reply_text("list.2.mac"), "by group");
	assert_int_equal(reply_number("list.2.resolved"), 1);
	query_expect_error("/gremc/neighbors,x", "OFFSET 'x' is not a number");
}

static void test_tunnel_shows_settings_and_counters(void **unused __rte_unused)
{
	uint32_t vif = world->vif[GRE1];

	for (unsigned i = 0; i < WORLD_WORKERS; i++) {
		world->stats[i]->vif_hot[vif].tx_packets = 5000000000;
		world->stats[i]->vif_hot[vif].tx_bytes = 5000;
		world->stats[i]->vif_cold[vif].rx_packets = 7;
		world->stats[i]->vif_cold[vif].rx_bytes = 70;
		world->stats[i]->vif_cold[vif].lost[GREMC_TX_DROP_tx_full] = 3 - i;
		world->stats[i]->vif_cold[vif].lost_bytes = 300;
	}
	query_expect_reply("/gremc/tunnel,gre1");
	assert_int_equal(reply_number("number"), vif);
	assert_string_equal(reply_text("local"), "192.0.2.1");
	assert_string_equal(reply_text("remote"), "198.51.100.11");
	assert_int_equal(reply_number("input_key"), 7);
	assert_int_equal(reply_number("output_key"), 8);
	assert_int_equal(reply_number("mtu"), 1472);
	assert_string_equal(reply_text("ttl"), "inherit");
	assert_string_equal(reply_text("tos"), "inherit");
	assert_string_equal(reply_text("df"), "true");
	assert_string_equal(reply_text("port"), "wan0");
	assert_string_equal(reply_text("next_hop"), "192.0.2.254");
	assert_string_equal(reply_text("mac"), "02:00:00:00:00:fe");
	assert_int_equal(reply_number("resolved"), 1);
	assert_int_equal(reply_number("rx_packets"), 14);
	assert_int_equal(reply_number("rx_bytes"), 140);
	assert_int_equal(reply_number("wanted"), 10000000000);
	assert_int_equal(reply_number("lost"), 5);
	assert_int_equal(reply_number("tx_packets"), reply_number("wanted") - reply_number("lost"));
	assert_int_equal(reply_number("tx_bytes"), 10000 - 600);
	assert_int_equal(reply_number("losses.tx_full"), 5);
	assert_int_equal(reply_number("losses.too_big"), 0);
	query_expect_reply("/gremc/tunnel,gre2");
	assert_null(reply_find_number(&reply, "input_key"));
	assert_null(reply_find_number(&reply, "output_key"));
	assert_string_equal(reply_text("ttl"), "64");
	assert_string_equal(reply_text("tos"), "184");
	assert_int_equal(reply_number("resolved"), 0);
	assert_string_equal(reply_text("mac"), "");
	query_expect_error("/gremc/tunnel,gre9", "no tunnel 'gre9'; /gremc/tunnels lists them");
	query_expect_error("/gremc/tunnel,lan0", "'lan0' is a port, not a tunnel");
	query_expect_error("/gremc/tunnel", "parameters given: 0; right would be /gremc/tunnel,NAME");
}

static void test_mroute_shows_interfaces_and_counters(void **unused __rte_unused)
{
	uint32_t id = gremc_fanout_find(world->fanout, 0, IP(239, 2, 0, 0), 16)->id;

	world->stats[0]->mroute[id].packets = 5000000000;
	world->stats[1]->mroute[id].packets = 1;
	world->stats[1]->mroute[id].bytes = 99;
	query_expect_reply("/gremc/mroute,*,239.2.0.0/16");
	assert_int_equal(reply_number("number"), id);
	assert_string_equal(reply_text("source"), "*");
	assert_string_equal(reply_text("group"), "239.2.0.0/16");
	assert_string_equal(reply_text("origin"), "static");
	assert_int_equal(reply_number("iifs"), 0);
	assert_int_equal(reply_number("oifs"), 4);
	assert_int_equal(reply_number("packets"), 5000000001);
	assert_int_equal(reply_number("bytes"), 99);
	assert_string_equal(reply_text("oif_names[0]"), "gre0");
	assert_string_equal(reply_text("oif_names[3]"), "lan0");
	assert_int_equal(reply_number("next"), 0);
	assert_string_equal(reply_text("order"), "rotate");
	query_expect_reply("/gremc/mroute,0.0.0.0,239.3.1.1");
	assert_string_equal(reply_text("order"), "fixed");
	assert_string_equal(reply_text("group"), "239.3.1.1");
	assert_int_equal(reply_number("iifs"), 2);
	assert_string_equal(reply_text("iif_names[1]"), "gre1");
	query_expect_reply("/gremc/mroute,10.1.1.1,239.1.1.1/32,1");
	assert_string_equal(reply_text("source"), "10.1.1.1");
	assert_string_equal(reply_text("oif_names[0]"), "gre2");
	query_expect_error("/gremc/mroute,10.1.1.1",
			   "parameters given: 1; right would be /gremc/mroute,SOURCE,GROUP[,OFFSET[,IIF]]");
	query_expect_error("/gremc/mroute,gre0,239.1.1.1", "SOURCE 'gre0' is neither an IPv4 address nor *");
	query_expect_error("/gremc/mroute,*,239.1.1", "GROUP '239.1.1' is not an IPv4 address");
	query_expect_error("/gremc/mroute,*,239.0.0.0/33", "GROUP '239.0.0.0/33' is not an IPv4 address");
	query_expect_error("/gremc/mroute,*,239.2.1.0/16", "right would be 239.2.0.0/16");
	query_expect_error("/gremc/mroute,*,239.1.1.1", "no mroute with just this source and group");
	query_expect_error("/gremc/mroute,*,239.2.0.0/16,-1", "OFFSET '-1' is not a number");
	/* an mroute without branches accepts the parameter IIF, too */
	query_expect_reply("/gremc/mroute,10.1.1.1,239.1.1.1,0,gre0");
	assert_string_equal(reply_text("iif"), "gre0");
	assert_int_equal(reply_number("branch"), 0);
	query_expect_error("/gremc/mroute,10.1.1.1,239.1.1.1,0,gre1", "accepts packets from IIF 'gre1'");
}

/* Two mroutes with one source and group: each is in the list, and IIF selects one. */
static void test_branches_are_mroutes_of_their_own(void **unused __rte_unused)
{
	const rte_be32_t group = IP(239, 8, 8, 8);
	const struct gremc_mroute_spec branches[] = {{.group = group,
						      .length = 32,
						      .iifs = &world->vif[GRE0],
						      .iif_count = 1,
						      .oifs = &world->vif[GRE1],
						      .oif_count = 1},
						     {.group = group,
						      .length = 32,
						      .iifs = &world->vif[GRE1],
						      .iif_count = 1,
						      .oifs = &world->vif[GRE2],
						      .oif_count = 1}};
	struct gremc_fanout_op op = {
		.kind = GREMC_FANOUT_SET,
		.spec = {.group = group, .length = 32, .branches = branches, .branch_count = 2}};
	const struct gremc_mroute *trunk;

	assert_int_equal(gremc_fanout_apply(world->fanout, &op, 1, NULL, NULL), 0);
	trunk = gremc_fanout_find(world->fanout, 0, group, 32);
	world->stats[0]->mroute[gremc_mroute_branch(trunk, world->vif[GRE1])->id].packets = 77;
	query_expect_error("/gremc/mroute,*,239.8.8.8", "each for other incoming interfaces; add one");
	query_expect_error("/gremc/mroute,*,239.8.8.8,0,gre2", "accepts packets from IIF 'gre2'");
	query_expect_error("/gremc/mroute,*,239.8.8.8,0,nowhere", "accepts packets from IIF 'nowhere'");
	query_expect_reply("/gremc/mroute,*,239.8.8.8,0,gre0");
	assert_int_equal(reply_number("packets"), 0);
	assert_int_equal(reply_number("branch"), 1);
	assert_string_equal(reply_text("oif_names[0]"), "gre1");
	query_expect_reply("/gremc/mroute,*,239.8.8.8,0,gre1");
	assert_int_equal(reply_number("packets"), 77);
	assert_string_equal(reply_text("iif"), "gre1");
	assert_string_equal(reply_text("oif_names[0]"), "gre2");
	assert_int_equal(pages_walk("/gremc/mroutes", "group"), 6 + 2);
	query_expect_reply("/gremc/why,gre1,10.1.1.1,239.8.8.8");
	assert_string_equal(reply_text("verdict"), "forward");
	assert_string_equal(reply_text("oif_names[0]"), "gre2");
	assert_string_equal(reply_text("mroute.iif"), "gre1");
	/* a wrong iif: the reply names those of all branches */
	query_expect_reply("/gremc/why,gre2,10.1.1.1,239.8.8.8");
	assert_string_equal(reply_text("reason"), "rpf");
	assert_string_equal(reply_text("iif_names[0]"), "gre0");
	assert_string_equal(reply_text("iif_names[1]"), "gre1");
	op.kind = GREMC_FANOUT_REMOVE;
	assert_int_equal(gremc_fanout_apply(world->fanout, &op, 1, NULL, NULL), 0);
}

static void test_commands_reject_wrong_parameters(void **unused __rte_unused)
{
	char query[900];

	for (unsigned i = 0; i < gremc_command_count; i++) {
		const struct gremc_command *command = &gremc_commands[i];

		snprintf(query, sizeof(query), "%s,a,b,c,d,e", command->path);
		query_expect_error(query, "parameters given: 5; right would be");
		if (command->least) {
			query_expect_error(command->path, "parameters given: 0; right would be");
			continue;
		}
		query_expect_reply("%s", command->path);
		if (command->most == 0)
			continue;
		snprintf(query, sizeof(query), "%s,", command->path);
		query_expect_reply("%s", query); /* DPDK passes no parameter */
		snprintf(query, sizeof(query), "%s,1x", command->path);
		query_expect_error(query, "OFFSET '1x' is not a number");
		snprintf(query, sizeof(query), "%s,4294967296", command->path);
		query_expect_error(query, "is not a number of 0 to 4294967295");
		query_expect_reply("%s,4294967295", command->path);
		assert_int_equal(reply_number("next"), 0);
	}
	memset(query, 'n', sizeof(query));
	memcpy(query, "/gremc/tunnel,", 14);
	query[899] = '\0';
	query_expect_error(query, "parameters of more than 255 bytes");
	query_expect_error("/gremc/tunnel,\xc3\xa4\x01\"\\", "no tunnel '???\"\\'");
}

#define CROWD 1000

static void test_pages_have_every_entry_once(void **unused __rte_unused)
{
	uint32_t vifs[CROWD];
	uint64_t next;

	for (unsigned i = 0; i < CROWD; i++) {
		char name[GREMC_VIF_NAME_SIZE];

		snprintf(name, sizeof(name), "crowd%u", i);
		vifs[i] = world_tunnel_add(world, name, IP(203, 0, 113, 0) + RTE_BE32(i), WITHOUT_KEY,
					   RESOLVED);
	}
	for (unsigned i = 0; i < CROWD; i++)
		assert_int_equal(world_mroute_change(world, GREMC_FANOUT_SET, 0,
						     IP(238, 0, 0, 0) + RTE_BE32(i), 32, NULL, 0, vifs, i),
				 0);
	assert_int_equal(pages_walk("/gremc/tunnels", "name"), CROWD + 4);
	assert_int_equal(pages_walk("/gremc/mroutes", "group"), CROWD + 6);
	query_expect_reply("/gremc/tunnel,crowd999");
	assert_int_equal(reply_number("number"), vifs[CROWD - 1]);
	/* the names of a long oil have pages of their own */
	query_expect_reply("/gremc/mroute,*,238.0.3.231");
	assert_int_equal(reply_number("oifs"), CROWD - 1);
	assert_string_equal(reply_text("oif_names[191]"), "crowd191");
	assert_int_equal(reply_number("next"), 192);
	query_expect_reply("/gremc/mroute,*,238.0.3.231,960");
	assert_string_equal(reply_text("oif_names[38]"), "crowd998");
	assert_null(reply_find_text(&reply, "oif_names[39]"));
	assert_int_equal(reply_number("next"), 0);
	/* /gremc/why names 64 OIFs at most */
	query_expect_reply("/gremc/why,gre0,10.1.1.1,238.0.3.231");
	assert_int_equal(reply_number("wanted"), CROWD - 1);
	assert_non_null(reply_find_text(&reply, "oif_names[63]"));
	assert_null(reply_find_text(&reply, "oif_names[64]"));
	/* a removal between two pages does not shift the others */
	query_expect_reply("/gremc/tunnels");
	next = reply_number("next");
	for (unsigned i = 0; i < CROWD; i++)
		assert_int_equal(world_mroute_change(world, GREMC_FANOUT_REMOVE, 0,
						     IP(238, 0, 0, 0) + RTE_BE32(i), 32, NULL, 0, NULL, 0),
				 0);
	for (unsigned i = 0; i < CROWD - 1; i++)
		gremc_vif_remove(world->vifs, vifs[i]);
	gremc_rcu_commit(world->rcu);
	query_expect_reply("/gremc/tunnels,%" PRIu64, next);
	assert_int_equal(reply_number("total"), 5);
	assert_string_equal(reply_text("list.%u.name", vifs[CROWD - 1]), "crowd999");
	assert_int_equal(reply_number("next"), 0);
	gremc_vif_remove(world->vifs, vifs[CROWD - 1]);
	gremc_rcu_synchronize(world->rcu);
	assert_int_equal(pages_walk("/gremc/tunnels", "name"), 4);
	assert_int_equal(pages_walk("/gremc/mroutes", "group"), 6);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_missing_values_are_reported),
		cmocka_unit_test(test_info_sums_all_workers),
		cmocka_unit_test(test_reply_waits_for_the_table_of_mroutes),
		cmocka_unit_test(test_queued_is_never_negative),
		cmocka_unit_test(test_long_path_is_shown_by_its_end),
		cmocka_unit_test(test_lcores_show_each_worker),
		cmocka_unit_test(test_ports_sum_all_workers),
		cmocka_unit_test(test_pools_show_a_shared_pool_once),
		cmocka_unit_test(test_drops_and_reasons_have_every_reason),
		cmocka_unit_test(test_vif_drops_name_the_vif_the_reason_and_the_last_flow),
		cmocka_unit_test(test_peers_show_their_state),
		cmocka_unit_test(test_hosts_show_each_device),
		cmocka_unit_test(test_neighbors_count_their_users),
		cmocka_unit_test(test_tunnel_shows_settings_and_counters),
		cmocka_unit_test(test_mroute_shows_interfaces_and_counters),
		cmocka_unit_test(test_branches_are_mroutes_of_their_own),
		cmocka_unit_test(test_commands_reject_wrong_parameters),
		cmocka_unit_test(test_pages_have_every_entry_once),
	};

	return cmocka_run_group_tests_name("telemetry", tests, telemetry_set_up, telemetry_tear_down);
}
