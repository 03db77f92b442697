/* SPDX-License-Identifier: BSD-3-Clause */
/* Every telemetry command, asked through DPDK's own socket, so that what is checked is what a user gets. */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <time.h>

#include <rte_eal.h>

#include "telemetry_ask.h"

static char prefix[64];

/* ---- the commands ---- */

static void info_sums_all_workers(void **unused __rte_unused)
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

/* The table gets the change a while after the engine. The asker's answer does not depend on how long that is.
 */
static void *changes_apply_late(void *unused __rte_unused)
{
	for (unsigned i = 0; i < 2000; i++)
		sched_yield();
	__atomic_store_n(&is_applied, true, __ATOMIC_RELAXED);
	__atomic_store_n(&world->igmp_applied, 5, __ATOMIC_RELEASE);
	return NULL;
}

/* A reply that shows a membership is sent when the table of mroutes has it. */
static void reply_waits_for_the_table_of_mroutes(void **unused __rte_unused)
{
	pthread_t thread;

	world->igmp_applied = 4;
	world->igmp_changes = 5;
	assert_int_equal(pthread_create(&thread, NULL, changes_apply_late, NULL), 0);
	query_expect_reply("/gremc/groups");
	assert_true(__atomic_load_n(&is_applied, __ATOMIC_RELAXED));
	pthread_join(thread, NULL);
}

/* The owner of a queue was read after it had sent what the other worker, when it was read, had not yet handed
 * over. */
static void queued_is_never_negative(void **unused __rte_unused)
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

static void long_path_is_shown_by_its_end(void **unused __rte_unused)
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
	/* bytes that the library's JSON cannot carry do not reach it */
	assert_string_equal(reply_text("config") + RTE_TEL_MAX_STRING_LEN - 10, "y/?\?.yaml");
	gremc_telemetry_stop();
	assert_int_equal(gremc_telemetry_start(&world->telemetry), 0);
}

static void lcores_show_each_worker(void **unused __rte_unused)
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

static void ports_sum_all_workers(void **unused __rte_unused)
{
	char mac[GREMC_MAC_TEXT];

	memset(&world->stats[0]->totals, 0, sizeof(world->stats[0]->totals));
	memset(&world->stats[1]->totals, 0, sizeof(world->stats[1]->totals));
	world->stats[0]->totals.ports[LAN0].rx_packets = 3;
	world->stats[1]->totals.ports[LAN0].rx_packets = 4;
	world->stats[1]->totals.ports[LAN0].tx_lost = 6;
	query_expect_reply("/gremc/ports");
	assert_int_equal(reply_number("total"), 3); /* the bond's member is not there */
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

static void pools_show_a_shared_pool_once(void **unused __rte_unused)
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
	/* workers of a node share a pool of shards, queues of a port with `spread` one of receiving */
	world->ports.worker[0].shard_pool = world->ports.worker[1].shard_pool = world->header_pool;
	world->ports.spread = true;
	query_expect_reply("/gremc/pools");
	world->ports.worker[0].shard_pool = world->ports.worker[1].shard_pool = NULL;
	world->ports.spread = false;
	assert_int_equal(reply_number("total"), 3 + 2 + 1); /* each port has one */
	assert_string_equal(reply_text("list.4225.kind"), "shard");
	assert_string_equal(reply_text("list.4225.user"), "node 0");
	assert_null(reply_find_text(&reply, "list.1.name"));
}

static void drops_and_reasons_have_every_reason(void **unused __rte_unused)
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

static void vif_drops_name_the_vif_the_reason_and_the_last_flow(void **unused __rte_unused)
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
	/* the header was wrong, so it names no flow */
	assert_int_equal(reply_number("list.%u.drops.inner_checksum.packets", gre1), 2);
	assert_null(strstr(reply.json, "\"0.0.0.0\""));
	assert_string_equal(reply_text("list.%u.drops.no_mroute.group", gre3), "239.8.8.8");
	/* an index that is used again begins without drops */
	gremc_stats_reset_vif(world->stats[0], gre3);
	query_expect_reply("/gremc/vif_drops,%u", gre3);
	assert_int_equal(reply_number("total"), 1);
}

static void hosts_show_each_device(void **unused __rte_unused)
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

static void neighbors_count_their_users(void **unused __rte_unused)
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

static void tunnel_shows_settings_and_counters(void **unused __rte_unused)
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

static void mroute_shows_interfaces_and_counters(void **unused __rte_unused)
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
	query_expect_reply("/gremc/mroute,0.0.0.0,239.3.1.1");
	assert_string_equal(reply_text("group"), "239.3.1.1");
	assert_int_equal(reply_number("iifs"), 2);
	assert_string_equal(reply_text("iif_names[1]"), "gre1");
	query_expect_reply("/gremc/mroute,10.1.1.1,239.1.1.1/32,1");
	assert_string_equal(reply_text("source"), "10.1.1.1");
	assert_string_equal(reply_text("oif_names[0]"), "gre2");
	query_expect_error("/gremc/mroute,10.1.1.1",
			   "parameters given: 1; right would be /gremc/mroute,SOURCE,GROUP[,OFFSET]");
	query_expect_error("/gremc/mroute,gre0,239.1.1.1", "SOURCE 'gre0' is neither an IPv4 address nor *");
	query_expect_error("/gremc/mroute,*,239.1.1", "GROUP '239.1.1' is not an IPv4 address");
	query_expect_error("/gremc/mroute,*,239.0.0.0/33", "GROUP '239.0.0.0/33' is not an IPv4 address");
	query_expect_error("/gremc/mroute,*,239.2.1.0/16", "right would be 239.2.0.0/16");
	query_expect_error("/gremc/mroute,*,239.1.1.1", "no mroute with just this source and group");
	query_expect_error("/gremc/mroute,*,239.2.0.0/16,-1", "OFFSET '-1' is not a number");
}

/* ---- why ---- */

static void why_expect(const char *iif, const char *source, const char *group, const char *verdict,
		       const char *reason, const char *detail)
{
	query_expect_reply("/gremc/why,%s,%s,%s", iif, source, group);
	assert_string_equal(reply_text("iif"), iif);
	assert_string_equal(reply_text("source"), source);
	assert_string_equal(reply_text("group"), group);
	assert_string_equal(reply_text("verdict"), verdict);
	assert_string_equal(reply_text("reason"), reason);
	assert_string_equal(reply_text("text"), "");
	if (strstr(reply_text("detail"), detail) == NULL)
		fail_msg("'%s' does not say '%s'", reply_text("detail"), detail);
}

static void why_expect_drop(const char *iif, const char *source, const char *group, enum gremc_drop reason,
			    const char *detail)
{
	query_expect_reply("/gremc/why,%s,%s,%s", iif, source, group);
	assert_string_equal(reply_text("verdict"), "drop");
	assert_string_equal(reply_text("reason"), gremc_drop_name(reason));
	assert_string_equal(reply_text("text"), gremc_drop_text(reason));
	assert_int_equal(reply_number("wanted"), 0);
	if (strstr(reply_text("detail"), detail) == NULL)
		fail_msg("'%s' does not say '%s'", reply_text("detail"), detail);
}

static void why_explains_forwarding(void **unused __rte_unused)
{
	why_expect("gre0", "10.1.1.1", "239.1.1.1", "forward", "",
		   "1 of 3 replicas would be lost now: no_adjacency");
	assert_int_equal(reply_number("wanted"), 3);
	assert_int_equal(reply_number("no_adjacency"), 1);
	assert_int_equal(reply_number("smallest_mtu"), 1472);
	assert_string_equal(reply_text("mroute.source"), "10.1.1.1");
	assert_string_equal(reply_text("mroute.group"), "239.1.1.1");
	assert_int_equal(reply_number("mroute.iifs"), 1);
	assert_string_equal(reply_text("iif_names[0]"), "gre0");
	assert_string_equal(reply_text("oif_names[0]"), "gre1");
	assert_string_equal(reply_text("oif_names[2]"), "lan0");
	/* split horizon: the incoming interface is one of the four */
	why_expect("gre1", "10.7.7.7", "239.2.9.9", "forward", "", "");
	assert_int_equal(reply_number("wanted"), 3);
	assert_int_equal(reply_number("no_adjacency"), 0);
	assert_string_equal(reply_text("mroute.group"), "239.2.0.0/16");
	assert_string_equal(reply_text("oif_names[0]"), "gre0");
	assert_string_equal(reply_text("oif_names[1]"), "gre3");
	/* by a native port */
	why_expect("lan0", "10.7.7.7", "239.2.9.9", "forward", "", "");
	assert_int_equal(reply_number("wanted"), 3);
	why_expect("gre0", "10.9.9.9", "232.1.1.1", "forward", "", "");
}

static void why_explains_drops(void **unused __rte_unused)
{
	why_expect_drop("gre1", "10.1.1.1", "239.1.1.1", GREMC_DROP_rpf, "does not accept packets from gre1");
	assert_string_equal(reply_text("iif_names[0]"), "gre0");
	assert_string_equal(reply_text("mroute.group"), "239.1.1.1");
	why_expect_drop("gre2", "10.1.1.1", "239.3.1.1", GREMC_DROP_rpf, "does not accept packets from gre2");
	why_expect_drop("gre0", "10.1.1.1", "239.9.9.9", GREMC_DROP_no_mroute, "/gremc/mroutes");
	assert_null(reply_find_text(&reply, "mroute.group"));
	why_expect_drop("gre0", "10.9.9.8", "232.1.1.1", GREMC_DROP_no_mroute, "RFC 4607");
	why_expect_drop("gre0", "10.1.1.1", "239.4.4.4", GREMC_DROP_empty_oil,
			"gre0, by which it arrived, is the only");
	why_expect_drop("gre0", "10.1.1.1", "239.5.5.5", GREMC_DROP_empty_oil, "no outgoing interface");
	why_expect_drop("gre0", "10.1.1.1", "224.0.0.5", GREMC_DROP_inner_link_local, "");
	why_expect_drop("gre0", "10.1.1.1", "10.2.2.2", GREMC_DROP_inner_unicast, "");
	why_expect_drop("gre0", "127.0.0.1", "239.1.1.1", GREMC_DROP_bad_source, "");
	why_expect_drop("gre0", "239.1.1.1", "239.1.1.1", GREMC_DROP_bad_source, "");
	why_expect_drop("lan0", "10.1.1.1", "10.2.2.2", GREMC_DROP_not_gre, "");
	why_expect_drop("wan1", "10.1.1.1", "239.1.1.1", GREMC_DROP_not_gre, "port wan1 accepts GRE only");
}

/* No mroute has several reasons where IGMP is on, and the reply tells them apart. */
static void why_explains_missing_memberships(void **unused __rte_unused)
{
	uint8_t packet[GREMC_IGMP_PACKET_MIN];
	size_t length =
		gremc_igmp_v1v2_build(packet, GREMC_IGMP_V2_REPORT, IP(10, 9, 0, 2), IP(239, 9, 9, 8));

	why_expect_drop("gre0", "10.1.1.1", "239.9.9.9", GREMC_DROP_no_mroute, "no interface has joined it");
	/* a member, and the rib does not know of it */
	why_expect_drop(
		"gre0", "10.1.1.1", "239.7.7.7", GREMC_DROP_no_mroute,
		"joined at 1 interface (gre1 first), but there is no capacity for its mroute; tried again every "
		"second");
	why_expect_drop("gre0", "10.1.1.2", "239.7.7.7", GREMC_DROP_no_mroute, "no interface has joined it");
	gremc_igmp_budget_set(world->igmp, 0, 3000);
	gremc_igmp_input(world->igmp, GRE2, packet, length, 3000);
	why_expect_drop(
		"gre0", "10.1.1.1", "239.9.9.8", GREMC_DROP_no_mroute,
		"not joined now; 1 interface had joins refused or given up: all memberships are at their limit "
		"(/gremc/igmp)");
	query_expect_reply("/gremc/igmp");
	assert_int_equal(reply_number("budget.limit"), 0);
	assert_int_equal(reply_number("budget.used"), 3 * 9); /* the configuration's */
	gremc_igmp_budget_set(world->igmp, 1000, 3000);
}

static void why_expect_punt(const char *iif, const char *group, const char *verdict, const char *reason,
			    const char *host)
{
	query_expect_reply("/gremc/why,%s,10.1.1.1,%s", iif, group);
	assert_string_equal(reply_text("verdict"), verdict);
	assert_string_equal(reply_text("reason"), reason);
	if (host)
		assert_string_equal(reply_text("host"), host);
	assert_int_equal(reply_number("wanted"), 0);
}

/* What has a host interface, or IGMP, is not dropped. */
static void why_explains_punts(void **unused __rte_unused)
{
	struct gremc_vifs *vifs = world->vifs;
	const uint8_t all = GREMC_VIF_PUNT_CONTROL | GREMC_VIF_PUNT_UNICAST | GREMC_VIF_PUNT_MULTICAST;

	gremc_vif_punt_set(vifs, world->vif[GRE1], all);
	gremc_vif_punt_set(vifs, world->vif[GRE2], GREMC_VIF_PUNT_CONTROL);
	why_expect_punt("gre1", "224.0.0.5", "punt", "control", "gre1");
	assert_string_equal(reply_text("text"), gremc_punt_text(GREMC_PUNT_control));
	why_expect_punt("gre1", "10.2.2.2", "punt", "traffic", "gre1");
	why_expect_punt("gre1", "239.9.9.9", "punt", "multicast", "gre1");
	if (strstr(reply_text("detail"), "/gremc/mroutes") == NULL)
		fail_msg("'%s' does not say why there is no mroute", reply_text("detail"));
	why_expect_punt("gre1", "239.1.1.1", "drop", "rpf", NULL);
	/* by IGMP alone: no interface, and nothing else */
	why_expect_punt("gre2", "224.0.0.22", "punt", "control", "");
	why_expect_punt("gre2", "10.2.2.2", "drop", "inner_unicast", NULL);
	why_expect_punt("gre0", "224.0.0.5", "drop", "inner_link_local", NULL);
	/* ports */
	gremc_port_punt_set(vifs, WAN0, GREMC_VIF_PUNT_FRAMES);
	gremc_port_punt_set(vifs, LAN0, GREMC_VIF_PUNT_FRAMES);
	why_expect_punt("wan0", "10.2.2.2", "punt", "traffic", "wan0");
	why_expect_punt("wan0", "224.0.0.5", "punt", "control", "wan0");
	why_expect_punt("lan0", "224.0.0.5", "punt", "control", "");
	why_expect_punt("wan1", "10.2.2.2", "drop", "not_gre", NULL);
	gremc_port_punt_set(vifs, WAN0, 0);
	gremc_port_punt_set(vifs, LAN0, 0);
	gremc_vif_punt_set(vifs, world->vif[GRE1], 0);
	gremc_vif_punt_set(vifs, world->vif[GRE2], 0);
}

static void why_rejects_wrong_parameters(void **unused __rte_unused)
{
	query_expect_error("/gremc/why", "parameters given: 0; right would be /gremc/why,IIF,SOURCE,GROUP");
	query_expect_error("/gremc/why,gre0,10.1.1.1", "parameters given: 2; right would be");
	query_expect_error("/gremc/why,gre0,10.1.1.1,239.1.1.1,0", "parameters given: 4; right would be");
	query_expect_error("/gremc/why,eth9,10.1.1.1,239.1.1.1",
			   "IIF 'eth9' is neither a tunnel (/gremc/tunnels) nor a port");
	query_expect_error("/gremc/why,gre0,*,239.1.1.1", "SOURCE '*' is not an IPv4 address");
	query_expect_error("/gremc/why,gre0,10.1.1.1,239.1.1.1/32",
			   "GROUP '239.1.1.1/32' is not an IPv4 address");
	query_expect_error("/gremc/why,,10.1.1.1,239.1.1.1", "IIF '' is neither");
}

/* ---- parameters and pages ---- */

static void commands_reject_wrong_parameters(void **unused __rte_unused)
{
	char question[900];

	for (unsigned i = 0; i < gremc_command_count; i++) {
		const struct gremc_command *command = &gremc_commands[i];

		snprintf(question, sizeof(question), "%s,a,b,c,d", command->path);
		query_expect_error(question, "parameters given: 4; right would be");
		if (command->least) {
			query_expect_error(command->path, "parameters given: 0; right would be");
			continue;
		}
		query_expect_reply("%s", command->path);
		if (command->most == 0)
			continue;
		snprintf(question, sizeof(question), "%s,", command->path);
		query_expect_reply("%s", question); /* DPDK gives no parameter here */
		snprintf(question, sizeof(question), "%s,1x", command->path);
		query_expect_error(question, "OFFSET '1x' is not a number");
		snprintf(question, sizeof(question), "%s,4294967296", command->path);
		query_expect_error(question, "is not a number of 0 to 4294967295");
		query_expect_reply("%s,4294967295", command->path);
		assert_int_equal(reply_number("next"), 0);
	}
	memset(question, 'n', sizeof(question));
	memcpy(question, "/gremc/tunnel,", 14);
	question[899] = '\0';
	query_expect_error(question, "parameters of more than 255 bytes");
	query_expect_error("/gremc/tunnel,\xc3\xa4\x01\"\\", "no tunnel '???\"\\'");
}

#define CROWD 1000

static void pages_have_every_entry_once(void **unused __rte_unused)
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
	/* the oil of the last one is a list of names in pages of its own */
	query_expect_reply("/gremc/mroute,*,238.0.3.231");
	assert_int_equal(reply_number("oifs"), CROWD - 1);
	assert_string_equal(reply_text("oif_names[191]"), "crowd191");
	assert_int_equal(reply_number("next"), 192);
	query_expect_reply("/gremc/mroute,*,238.0.3.231,960");
	assert_string_equal(reply_text("oif_names[38]"), "crowd998");
	assert_null(reply_find_text(&reply, "oif_names[39]"));
	assert_int_equal(reply_number("next"), 0);
	/* more outgoing interfaces than are named */
	query_expect_reply("/gremc/why,gre0,10.1.1.1,238.0.3.231");
	assert_int_equal(reply_number("wanted"), CROWD - 1);
	assert_non_null(reply_find_text(&reply, "oif_names[63]"));
	assert_null(reply_find_text(&reply, "oif_names[64]"));
	/* what goes between two pages moves nothing else */
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

/* ---- threads ---- */

static void commands_release_their_reader_slot(void **unused __rte_unused)
{
	int slots[GREMC_RCU_READERS], count = 0;

	while (count < GREMC_RCU_READERS && (slots[count] = gremc_rcu_reader_register(world->rcu)) >= 0)
		count++;
	assert_true(count > 0);
	query_expect_error("/gremc/tunnels", "reader slots are taken; ask again");
	query_expect_reply("/gremc/drops"); /* reads no table */
	while (count > 0)
		gremc_rcu_reader_unregister(world->rcu, slots[--count]);
	/* each question gives its own slot back */
	for (unsigned i = 0; i < 2 * GREMC_RCU_READERS; i++)
		query_expect_reply("/gremc/tunnel,gre0");
}

struct asker {
	pthread_t thread;
	unsigned answers; /* atomic */
	bool enough;      /* atomic */
};

/* Asks on a connection of its own until it is told to stop; any well-formed answer will do. */
static void *asker_run(void *argument)
{
	static const char *const questions[] = {
		"/gremc/tunnels",           "/gremc/neighbors",
		"/gremc/mroutes",           "/gremc/why,gre0,10.1.1.1,237.1.1.1",
		"/gremc/tunnel,gone",       "/gremc/info",
		"/gremc/mroute,*,237.1.1.1"};
	struct asker *asker = argument;
	struct reply *own = malloc(sizeof(*own));
	int fd = client_connect(socket_path);

	for (unsigned i = 0; own && fd >= 0 && !__atomic_load_n(&asker->enough, __ATOMIC_RELAXED); i++) {
		if (!client_ask(fd, questions[i % RTE_DIM(questions)], own) || !reply_parse(own))
			break;
		__atomic_add_fetch(&asker->answers, 1, __ATOMIC_RELAXED);
	}
	if (fd >= 0)
		close(fd);
	free(own);
	return NULL;
}

/* Wait until two askers have had `count` answers each, doing `work` meanwhile. */
static void work_while_asked(unsigned count, void (*work)(void))
{
	struct asker asker[2] = {0};
	time_t deadline = time(NULL) + 60;

	for (unsigned i = 0; i < 2; i++)
		assert_int_equal(pthread_create(&asker[i].thread, NULL, asker_run, &asker[i]), 0);
	while (__atomic_load_n(&asker[0].answers, __ATOMIC_RELAXED) < count ||
	       __atomic_load_n(&asker[1].answers, __ATOMIC_RELAXED) < count) {
		work();
		assert_true(time(NULL) < deadline);
	}
	for (unsigned i = 0; i < 2; i++)
		__atomic_store_n(&asker[i].enough, true, __ATOMIC_RELAXED);
	for (unsigned i = 0; i < 2; i++)
		pthread_join(asker[i].thread, NULL);
}

static void route_add_and_remove(void)
{
	const struct rte_ether_addr mac = {{2, 0, 0, 0, 0, 1}};
	uint32_t vif = world_tunnel_add(world, "gone", IP(203, 0, 113, 1), WITH_KEYS, IP(192, 0, 2, 77));

	assert_int_equal(gremc_adjacency_resolve(world->vifs, world->vifs->encap[vif].adjacency, &mac), 0);
	assert_int_equal(
		world_mroute_change(world, GREMC_FANOUT_SET, 0, IP(237, 1, 1, 1), 32, NULL, 0, &vif, 1), 0);
	assert_int_equal(
		world_mroute_change(world, GREMC_FANOUT_REMOVE, 0, IP(237, 1, 1, 1), 32, NULL, 0, NULL, 0),
		0);
	gremc_vif_remove(world->vifs, vif);
	gremc_rcu_commit(world->rcu);
	/* Askers that lose the CPU in an answer hold the grace periods up: the tables' places are not
	 * endless. */
	if (gremc_rcu_reclaim(world->rcu) > 100)
		gremc_rcu_synchronize(world->rcu);
}

static void commands_run_while_tables_change(void **unused __rte_unused)
{
	work_while_asked(200, route_add_and_remove);
	gremc_rcu_synchronize(world->rcu);
	query_expect_reply("/gremc/info");
	assert_int_equal(reply_number("tunnels"), 4);
	assert_int_equal(reply_number("mroutes"), 6);
}

/* Once stop has returned, what was reported on may go: the askers go on. */
static void world_rebuild(void)
{
	gremc_telemetry_stop();
	world_destroy(world);
	world = world_create();
	assert_int_equal(gremc_telemetry_start(&world->telemetry), 0);
}

static void commands_run_while_telemetry_restarts(void **unused __rte_unused)
{
	work_while_asked(20, world_rebuild);
}

static void stopped_telemetry_answers_with_an_error(void **unused __rte_unused)
{
	struct rte_tel_data *data = rte_tel_data_alloc();

	assert_int_equal(gremc_telemetry_start(&world->telemetry), -EALREADY);
	gremc_telemetry_stop();
	for (unsigned i = 0; i < gremc_command_count; i++)
		query_expect_error(gremc_commands[i].path, "the program is stopping");
	assert_int_equal(gremc_telemetry_start(&world->telemetry), 0);
	query_expect_reply("/gremc/info");
	assert_int_equal(gremc_telemetry_answer("/gremc/unknown", NULL, data), -ENOENT);
	rte_tel_data_free(data);
}

/* ---- main ---- */

static int telemetry_set_up(void **unused __rte_unused)
{
	world = world_create();
	assert_int_equal(gremc_telemetry_start(&world->telemetry), 0);
	client = client_connect(socket_path);
	if (client < 0)
		fail_msg("%s: %s", socket_path, strerror(errno));
	return 0;
}

static int telemetry_tear_down(void **unused __rte_unused)
{
	close(client);
	gremc_telemetry_stop();
	world_destroy(world);
	return 0;
}

/* At exit, however it comes: the EAL leaves its folder. */
static void runtime_directory_remove(void)
{
	unlink(socket_path);
	rmdir(rte_eal_get_runtime_dir());
}

int main(void)
{
	char *arguments[] = {"test_telemetry",
			     "-l",
			     "0",
			     "--no-huge",
			     "-m",
			     "512",
			     "--no-pci",
			     "--vdev",
			     "net_null0",
			     "--vdev",
			     "net_null1",
			     "--vdev",
			     "net_null2",
			     "--log-level",
			     "error",
			     "--no-shconf",
			     "--file-prefix",
			     prefix,
			     NULL};
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(info_sums_all_workers),
		cmocka_unit_test(reply_waits_for_the_table_of_mroutes),
		cmocka_unit_test(queued_is_never_negative),
		cmocka_unit_test(long_path_is_shown_by_its_end),
		cmocka_unit_test(lcores_show_each_worker),
		cmocka_unit_test(ports_sum_all_workers),
		cmocka_unit_test(pools_show_a_shared_pool_once),
		cmocka_unit_test(drops_and_reasons_have_every_reason),
		cmocka_unit_test(vif_drops_name_the_vif_the_reason_and_the_last_flow),
		cmocka_unit_test(hosts_show_each_device),
		cmocka_unit_test(neighbors_count_their_users),
		cmocka_unit_test(tunnel_shows_settings_and_counters),
		cmocka_unit_test(mroute_shows_interfaces_and_counters),
		cmocka_unit_test(why_explains_forwarding),
		cmocka_unit_test(why_explains_drops),
		cmocka_unit_test(why_explains_punts),
		cmocka_unit_test(why_rejects_wrong_parameters),
		cmocka_unit_test(commands_reject_wrong_parameters),
		cmocka_unit_test(pages_have_every_entry_once),
		cmocka_unit_test(largest_vif_replies_fit),
		cmocka_unit_test(largest_vif_drops_fit),
		cmocka_unit_test(largest_mroute_and_neighbor_replies_fit),
		cmocka_unit_test(why_explains_missing_memberships),
		cmocka_unit_test(largest_igmp_replies_fit),
		cmocka_unit_test(largest_port_replies_fit),
		cmocka_unit_test(commands_release_their_reader_slot),
		cmocka_unit_test(commands_run_while_tables_change),
		cmocka_unit_test(commands_run_while_telemetry_restarts),
		cmocka_unit_test(stopped_telemetry_answers_with_an_error),
		cmocka_unit_test(help_shows_every_command),
		cmocka_unit_test(docs_show_every_key),
		cmocka_unit_test(docs_show_every_reason),
		cmocka_unit_test(docs_index_equals_the_table_of_commands),
		cmocka_unit_test(man_page_equals_the_table_of_commands),
		cmocka_unit_test(reference_lists_every_command),
	};
	int failed;

	snprintf(prefix, sizeof(prefix), "gremc_telemetry_%d", getpid());
	if (rte_eal_init(RTE_DIM(arguments) - 1, arguments) < 0)
		return 1;
	snprintf(socket_path, sizeof(socket_path), "%s/dpdk_telemetry.v2", rte_eal_get_runtime_dir());
	atexit(runtime_directory_remove);
	failed = cmocka_run_group_tests(tests, telemetry_set_up, telemetry_tear_down);
	rte_eal_cleanup();
	return failed;
}
