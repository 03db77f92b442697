/* SPDX-License-Identifier: BSD-3-Clause */
/* Replies with the longest names and the largest counters are complete. */
#include <string.h>

#include <rte_mbuf.h>

#include "peer/peer_priv.h"
#include "stats/sample.h"
#include "telemetry_query.h"

/* A name of quotes is twice as long in JSON. */
static void name_fill_with_quotes(char *name, size_t size)
{
	memset(name, '"', size - 1);
	name[size - 1] = '\0';
}

/* The reply is a full page: at least `size` entries of `fields` values, and 512 bytes below the limit. */
static void full_page_check(const char *query, unsigned size, unsigned fields)
{
	query_expect_reply("%s", query);
	assert_true(reply_number("next") > 0);
	if (reply.count < size * fields + 3)
		fail_msg("%s: %u fields", query, reply.count);
	assert_in_range(reply.length, 0, REPLY_LIMIT - 512);
}

static void test_largest_vif_replies_fit(void **unused __rte_unused)
{
	struct gremc_vif_info info = {
		.kind = GREMC_VIF_TUNNEL, .options.has_input_key = true, .options.has_output_key = true};
	const uint32_t first = GREMC_VIFS_MAX - 400, limit = gremc_vifs_limit(world->vifs);
	struct gremc_vif_cold *cold = world->stats[0]->vif_cold;
	struct gremc_vif_hot *hot = world->stats[0]->vif_hot;
	uint32_t vifs[400];

	name_fill_with_quotes(info.name, sizeof(info.name));
	info.options.local = info.options.remote = info.next_hop = UINT32_MAX;
	info.options.input_key = info.options.output_key = UINT32_MAX;
	for (uint32_t i = 0; i < 400; i++) {
		vifs[i] = first + i;
		gremc_pointer_store(&world->vifs->info[first + i], &info);
		hot[first + i] = (struct gremc_vif_hot){UINT64_MAX, UINT64_MAX};
		cold[first + i].rx_packets = cold[first + i].rx_bytes = UINT64_MAX;
		cold[first + i].lost[0] = 1ull << 62;
	}
	gremc_u32_store(&world->vifs->limit, GREMC_VIFS_MAX);
	assert_int_equal(world_mroute_change(world, GREMC_FANOUT_SET, 0, IP(238, 255, 255, 255), 32, vifs,
					     400, vifs, 400),
			 0);
	full_page_check("/gremc/tunnels,100000", 32, 11);
	full_page_check("/gremc/mroute,*,238.255.255.255", 2, 192);
	query_expect_reply("/gremc/why,\"\"\"\"\"\"\"\"\"\"\"\"\"\"\",10.255.255.255,238.255.255.255");
	assert_int_equal(reply_number("wanted"), 399);
	assert_non_null(reply_find_text(&reply, "iif_names[63]"));
	assert_non_null(reply_find_text(&reply, "oif_names[63]"));
	assert_in_range(reply.length, 0, REPLY_LIMIT - 512);
	assert_int_equal(world_mroute_change(world, GREMC_FANOUT_REMOVE, 0, IP(238, 255, 255, 255), 32, NULL,
					     0, NULL, 0),
			 0);
	gremc_rcu_commit(world->rcu);
	gremc_rcu_synchronize(world->rcu);
	for (uint32_t i = 0; i < 400; i++)
		gremc_pointer_store(&world->vifs->info[first + i], NULL);
	gremc_u32_store(&world->vifs->limit, limit);
}

static void test_largest_peer_replies_fit(void **unused __rte_unused)
{
	struct gremc_vif_info info = {.kind = GREMC_VIF_TUNNEL};
	const uint32_t first = GREMC_VIFS_MAX - 40, limit = gremc_vifs_limit(world->vifs);

	name_fill_with_quotes(info.name, sizeof(info.name));
	for (uint32_t i = 0; i < 40; i++) {
		gremc_pointer_store(&world->vifs->info[first + i], &info);
		memset(&world->peers->peer[first + i], 0xff, sizeof(struct peer));
		gremc_bool_store(&world->peers->peer[first + i].is_known, true);
		gremc_bool_store(&world->peers->peer[first + i].dead, true);
		gremc_bool_store(&world->peers->peer[first + i].sends, true);
		gremc_u8_store(&world->peers->peer[first + i].liveness, GREMC_LIVENESS_KEEPALIVE);
	}
	gremc_u32_store(&world->vifs->limit, GREMC_VIFS_MAX);
	full_page_check("/gremc/peers,100000", 16, 16);
	for (uint32_t i = 0; i < 40; i++) {
		gremc_pointer_store(&world->vifs->info[first + i], NULL);
		memset(&world->peers->peer[first + i], 0, sizeof(struct peer));
	}
	gremc_u32_store(&world->vifs->limit, limit);
}

static void test_largest_trace_fits(void **unused __rte_unused)
{
	struct gremc_vif_info info = {.kind = GREMC_VIF_TUNNEL};
	const uint32_t vif = GREMC_VIFS_MAX - 1;
	struct gremc_sample sample = {.vif = vif,
				      .serial = gremc_vif_serial(world->vifs, vif),
				      .reason = GREMC_DROP_reassembly_timeout,
				      .length = UINT16_MAX,
				      .count = GREMC_SAMPLE_BYTES};
	struct gremc_samples *samples = world->stats[0]->samples;

	name_fill_with_quotes(info.name, sizeof(info.name));
	gremc_pointer_store(&world->vifs->info[vif], &info);
	for (unsigned i = 0; i < GREMC_SAMPLES; i++) {
		samples->left[sample.reason] = 1;
		gremc_samples_add(samples, &sample);
	}
	/* kind, reason, name, worker, number, age, length, beginning, and three texts of bytes */
	full_page_check("/gremc/trace", 16, 11);
	gremc_pointer_store(&world->vifs->info[vif], NULL);
}

static void test_largest_vif_drops_fit(void **unused __rte_unused)
{
	struct gremc_vif_info info = {.kind = GREMC_VIF_TUNNEL};
	const uint32_t first = GREMC_VIFS_MAX - 6, limit = gremc_vifs_limit(world->vifs);

	name_fill_with_quotes(info.name, sizeof(info.name));
	for (uint32_t i = 0; i < 6; i++) {
		gremc_pointer_store(&world->vifs->info[first + i], &info);
		memset(&world->stats[0]->vif_drop[first + i], 0xff, sizeof(struct gremc_vif_drop));
	}
	gremc_u32_store(&world->vifs->limit, GREMC_VIFS_MAX);
	/* name, sum, and three keys of each reason */
	full_page_check("/gremc/vif_drops,100000", 2, 2 + 3 * GREMC_DROP_COUNT);
	for (uint32_t i = 0; i < 6; i++) {
		gremc_pointer_store(&world->vifs->info[first + i], NULL);
		gremc_stats_reset_vif(world->stats[0], first + i);
	}
	gremc_u32_store(&world->vifs->limit, limit);
}

static void test_largest_policies_fit(void **unused __rte_unused)
{
	static struct gremc_policy policy;
	struct gremc_vif_info info = {.kind = GREMC_VIF_TUNNEL};
	const uint32_t first = GREMC_VIFS_MAX - 60, limit = gremc_vifs_limit(world->vifs);
	struct gremc_vif_sources ranges = {.count = UINT32_MAX};

	memset(&policy, 0xff, sizeof(policy));
	policy.in.groups = policy.in.sources = policy.out.groups = policy.out.sources = &ranges;
	name_fill_with_quotes(info.name, sizeof(info.name));
	for (uint32_t i = 0; i < 60; i++) {
		gremc_pointer_store(&world->vifs->info[first + i], &info);
		gremc_pointer_store(&world->vifs->policy[first + i], &policy);
		memset(&world->stats[0]->vif_drop[first + i], 0xff, sizeof(struct gremc_vif_drop));
		memset(&world->stats[0]->vif_cold[first + i], 0xff, sizeof(struct gremc_vif_cold));
	}
	gremc_u32_store(&world->vifs->limit, GREMC_VIFS_MAX);
	full_page_check("/gremc/policies,100000", 24, 15);
	for (uint32_t i = 0; i < 60; i++) {
		gremc_pointer_store(&world->vifs->info[first + i], NULL);
		gremc_pointer_store(&world->vifs->policy[first + i], NULL);
		gremc_stats_reset_vif(world->stats[0], first + i);
	}
	gremc_u32_store(&world->vifs->limit, limit);
}

static void test_largest_mroute_and_neighbor_replies_fit(void **unused __rte_unused)
{
	const struct rte_ether_addr mac = {{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}};
	struct gremc_mroute_counter *counters = world->stats[0]->mroute;
	uint32_t vifs[70];

	for (unsigned i = 0; i < 70; i++) {
		vifs[i] = world_tunnel_add(world, "name-of-a-tunne", IP(203, 100, 113, 100) + RTE_BE32(i),
					   WITH_KEYS, IP(192, 168, 255, 100) + RTE_BE32(i));
		assert_int_equal(
			gremc_adjacency_resolve(world->vifs, world->vifs->encap[vifs[i]].adjacency, &mac), 0);
		assert_int_equal(world_mroute_change(world, GREMC_FANOUT_SET, IP(192, 168, 255, 100),
						     IP(238, 255, 255, 100) + RTE_BE32(i), 32, NULL, 0, NULL,
						     0),
				 0);
	}
	name_fill_with_quotes(world->port[WAN0].name, sizeof(world->port[WAN0].name));
	for (uint32_t i = 0; i < gremc_fanout_id_limit(world->fanout); i++)
		counters[i] = (struct gremc_mroute_counter){UINT64_MAX, UINT64_MAX};
	full_page_check("/gremc/neighbors", 64, 5);
	full_page_check("/gremc/mroutes", 48, 9);
	strcpy(world->port[WAN0].name, "wan0");
	for (unsigned i = 0; i < 70; i++) {
		gremc_vif_remove(world->vifs, vifs[i]);
		assert_int_equal(world_mroute_change(world, GREMC_FANOUT_REMOVE, IP(192, 168, 255, 100),
						     IP(238, 255, 255, 100) + RTE_BE32(i), 32, NULL, 0, NULL,
						     0),
				 0);
	}
	gremc_rcu_commit(world->rcu);
	gremc_rcu_synchronize(world->rcu);
}

/* All counters, a page of sources, names of quotes. */
static void test_largest_igmp_replies_fit(void **unused __rte_unused)
{
	struct gremc_igmp_policy policy = {.mode = GREMC_IGMP_QUERIER,
					   .version = 3,
					   .address = GREMC_ADDR_IPV4(UINT32_MAX),
					   .max_groups = 100,
					   .max_sources = 100};
	struct gremc_igmp_join joins[40 * 17];
	gremc_atomic_u32 interface_vif[40] = {0};
	struct gremc_telemetry telemetry = world->telemetry;
	struct gremc_vif_info info = {.kind = GREMC_VIF_TUNNEL};
	const struct gremc_vif_info *before = gremc_vif_info_load(world->vifs, 0);

	for (unsigned i = 0; i < RTE_DIM(joins); i++)
		joins[i] = (struct gremc_igmp_join){
			GREMC_ADDR_IPV4(IP(239, 255, 255, 100) + rte_cpu_to_be_32(i / 17)),
			GREMC_ADDR_IPV4(IP(200, 255, 255, 100) + rte_cpu_to_be_32(i % 17))};
	policy.joins = joins;
	policy.join_count = RTE_DIM(joins);
	for (unsigned i = 10; i < 40; i++)
		assert_int_equal(gremc_igmp_interface_set(world->igmp, i, &policy, 3000), 0);
	name_fill_with_quotes(info.name, sizeof(info.name));
	gremc_pointer_store(&world->vifs->info[0], &info);
	telemetry.interface_vif = interface_vif;
	gremc_telemetry_stop();
	assert_int_equal(gremc_telemetry_start(&telemetry), 0);
	full_page_check("/gremc/groups,5", 20, 8 + 16);
	full_page_check("/gremc/igmp,10", 6, 12);
	gremc_telemetry_stop();
	assert_int_equal(gremc_telemetry_start(&world->telemetry), 0);
	gremc_pointer_store(&world->vifs->info[0], before);
	for (unsigned i = 10; i < 40; i++)
		gremc_igmp_interface_remove(world->igmp, i, 3000);
}

/* 32 ports with 128 queues, 128 workers. */
static void test_largest_port_replies_fit(void **unused __rte_unused)
{
	struct gremc_ports ports = {.count = GREMC_CONFIG_PORTS_MAX, .worker_count = GREMC_WORKERS_MAX};
	struct gremc_telemetry telemetry = world->telemetry;
	struct gremc_stats *stats[GREMC_WORKERS_MAX];
	struct gremc_port port = world->port[WAN0];
	struct rte_mempool *pool;
	char name[RTE_MEMPOOL_NAMESIZE];

	memset(name, 'p', sizeof(name));
	name[sizeof(name) - 1] = '\0';
	pool = rte_pktmbuf_pool_create(name, 63, 0, 0, 128, SOCKET_ID_ANY);
	assert_non_null(pool);
	name_fill_with_quotes(port.name, sizeof(port.name));
	name_fill_with_quotes(port.device, sizeof(port.device));
	memset(&port.mac, 0xff, sizeof(port.mac));
	port.rx_queues = port.tx_queues = GREMC_QUEUES_MAX;
	for (unsigned q = 0; q < GREMC_QUEUES_MAX; q++) {
		port.rx_pool[q] = pool;
		port.rx_worker[q] = q;
	}
	for (unsigned i = 0; i < GREMC_CONFIG_PORTS_MAX; i++)
		ports.port[i] = &port;
	for (unsigned i = 0; i < GREMC_WORKERS_MAX; i++) {
		ports.worker[i] =
			(struct gremc_worker_place){.lcore = RTE_MAX_LCORE - 1, .header_pool = pool};
		stats[i] = world->stats[0];
	}
	/* no worker writes: all counters have their largest value */
	memset(&world->stats[0]->totals, 0xff, sizeof(world->stats[0]->totals));
	telemetry.ports = &ports;
	telemetry.stats = stats;
	telemetry.stats_count = GREMC_WORKERS_MAX;
	gremc_telemetry_stop();
	assert_int_equal(gremc_telemetry_start(&telemetry), 0);
	full_page_check("/gremc/lcores", 16, 22);
	full_page_check("/gremc/ports", 10, 26);
	full_page_check("/gremc/pools", 40, 8);
	query_expect_reply("/gremc/drops");
	assert_int_equal(reply.count, GREMC_DROP_COUNT + GREMC_TX_DROP_COUNT + GREMC_PUNT_COUNT);
	assert_int_equal(pages_walk("/gremc/lcores", "lcore"), GREMC_WORKERS_MAX);
	assert_int_equal(pages_walk("/gremc/ports", "name"), GREMC_CONFIG_PORTS_MAX);
	assert_int_equal(pages_walk("/gremc/pools", "name"),
			 GREMC_CONFIG_PORTS_MAX * GREMC_QUEUES_MAX + GREMC_WORKERS_MAX);
	query_expect_reply("/gremc/lcores");
	assert_int_equal(reply_number("list.5.queues"), GREMC_CONFIG_PORTS_MAX);
	assert_int_equal(strlen(reply_text("list.5.polls")), RTE_TEL_MAX_STRING_LEN - 1);
	assert_string_equal(reply_text("list.5.polls") + RTE_TEL_MAX_STRING_LEN - 4, "...");
	gremc_telemetry_stop();
	assert_int_equal(gremc_telemetry_start(&world->telemetry), 0);
	rte_mempool_free(pool);
	memset(&world->stats[0]->totals, 0, sizeof(world->stats[0]->totals));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_largest_vif_replies_fit),
		cmocka_unit_test(test_largest_peer_replies_fit),
		cmocka_unit_test(test_largest_vif_drops_fit),
		cmocka_unit_test(test_largest_policies_fit),
		cmocka_unit_test(test_largest_trace_fits),
		cmocka_unit_test(test_largest_mroute_and_neighbor_replies_fit),
		cmocka_unit_test(test_largest_igmp_replies_fit),
		cmocka_unit_test(test_largest_port_replies_fit),
	};

	return cmocka_run_group_tests_name("telemetry_largest", tests, telemetry_set_up, telemetry_tear_down);
}
