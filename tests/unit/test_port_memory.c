/* SPDX-License-Identifier: BSD-3-Clause */
/* The pools of ports, and the NUMA nodes that they use. */
#include "port/numa_priv.h"
#include "port_world.h"

/* ---- pools ---- */

/* The sizes as sums; test_pools.c proves that they are sufficient. */
static void test_pool_size_is_the_sum_of_its_holders(void **state)
{
	const uint32_t in_process = GREMC_WORK_MBUFS + GREMC_PENDING_MBUFS + 3 * GREMC_TX_MBUFS;
	const uint32_t control = 256, caches = 2 * 512;
	uint32_t up = 0;
	/* descriptors of the ring device (pcap and null hold nothing after a burst), and both ports' backlogs
	 */
	uint32_t flight = 512 + 2 * GREMC_TX_HELD_MAX;
	uint32_t handed = 4096 + GREMC_WORK_MBUFS + GREMC_TX_MBUFS;
	struct gremc_ports *p;

	RTE_SET_USED(state);
	vdev_plug("net_ring2", NULL);
	vdev_plug_pcap("net_pcap0", 1, 1);
	add_port("ring", "net_ring2");
	add_port("cap", "net_pcap0");
	p = open_ports(2);
	for (unsigned class = 0; class < GREMC_PUNT_COUNT; class ++)
		up += p->rings.up[class];
	assert_int_equal(up, 6912 / 4); /* no host path */
	/* worker 0 polls queue 0 of the ring device; one worker polls and owns the only queue of the capture
	 */
	assert_int_equal(p->port[0]->rx_pool[0]->size, 256 + 64 + 1024 + in_process + flight + up +
							       GREMC_REASSEMBLY_MBUFS + control + caches);
	/* the owner frees handed-over mbufs, too */
	assert_int_equal(p->port[0]->rx_pool[1]->size, 256 + 64 + 1024 + in_process + flight + up +
							       GREMC_REASSEMBLY_MBUFS + control + caches +
							       handed + 512);
	assert_int_equal(p->worker[0].header_pool->size,
			 1024 + in_process + flight + 128 + GREMC_FRAGMENT_MBUFS + control + caches);
	assert_int_equal(p->worker[1].header_pool->size, 1024 + in_process + flight + 128 +
								 GREMC_FRAGMENT_MBUFS + control + caches +
								 handed + 512);
	assert_string_equal(p->port[0]->rx_pool[1]->name, "rx_ring_1");
	assert_string_equal(p->worker[1].header_pool->name, "hdr_2");
	assert_int_equal(p->port[0]->rx_pool[0]->cache_size, GREMC_MEMPOOL_CACHE(256));
	assert_int_equal(p->rings.relay, 2048);
	assert_null(p->worker[0].shard_pool);
	assert_not_logged("memory is short");
	assert_int_equal(gremc_ports_close(p), 0);
}

/* With software RSS the queues of a port share one pool; the workers of a node share one for OIL splits. */
static void test_software_rss_and_oil_split_share_pools(void **state)
{
	struct gremc_ports *p;

	RTE_SET_USED(state);
	vdev_plug("net_ring2", NULL);
	add_port("ring", "net_ring2");
	config.settings.spread = true;
	config.settings.shard_threshold = 512;
	p = open_ports(3);
	assert_int_equal(p->port[0]->rx_queues, 3);
	assert_ptr_equal(p->port[0]->rx_pool[0], p->port[0]->rx_pool[2]);
	assert_non_null(p->worker[0].shard_pool);
	assert_ptr_equal(p->worker[0].shard_pool, p->worker[2].shard_pool);
	assert_ptr_not_equal(p->worker[0].header_pool, p->worker[2].header_pool);
	assert_non_null(rte_pktmbuf_alloc(p->port[0]->rx_pool[1]));
	assert_non_null(rte_pktmbuf_alloc(p->worker[1].shard_pool));
	assert_int_equal(gremc_ports_close(p), 2); /* each counts once */
	/* both need several workers */
	vdev_plug("net_null0", NULL);
	strcpy(ports[0].device, "net_null0");
	p = open_ports(1);
	assert_false(p->spread);
	assert_null(p->worker[0].shard_pool);
	assert_int_equal(gremc_ports_close(p), 0);
}

/* Rings, caches and reserves shrink with the memory, and the pools with them; the number of descriptors
 * stays. */
static void test_pools_and_rings_shrink_in_short_memory(void **state)
{
	struct gremc_ports *p;
	void *taken[128];
	unsigned count;

	RTE_SET_USED(state);
	config.settings.rx_descriptors = 1024;
	config.settings.shard_threshold = 512;
	vdev_plug("net_ring3", NULL);
	add_port("ring", "net_ring3");
	ports[0].host = true;
	count = take_memory(88 << 20, taken, RTE_DIM(taken));
	p = open_ports(3);
	assert_logged("memory is short: the mbuf pools have ");
	assert_logged("pool rx_ring_0: ");
	assert_true(p->port[0]->rx_pool[0]->size >= 1024 + 512 + 256);
	assert_true(p->rings.relay < 2048);
	assert_true(p->rings.up[GREMC_PUNT_control] < 2048);
	assert_int_equal(gremc_ports_close(p), 0);
	while (count > 0)
		rte_free(taken[--count]);
}

static void test_insufficient_memory_is_an_error(void **state)
{
	void *taken[128];
	unsigned count;

	RTE_SET_USED(state);
	config.settings.rx_descriptors = 16384;
	vdev_plug("net_null0", NULL);
	add_port("null", "net_null0");
	count = take_memory(24 << 20, taken, RTE_DIM(taken));
	assert_refused(1, "no memory for the mbuf pools: ");
	assert_non_null(strstr(errors.text, " and at least "));
	assert_non_null(strstr(errors.text, "--socket-mem"));
	while (count > 0)
		rte_free(taken[--count]);
	assert_int_equal(rte_eth_dev_count_avail(), 0); /* closed again */
}

/* ---- NUMA ---- */

static void test_numa_check_finds_uses_across_nodes(void **state)
{
	static const struct gremc_numa_lcore places[] = {
		{.lcore = 4, .eal = 0, .kernel = 0},
		{.lcore = 5, .eal = 1, .kernel = 1},
		{.lcore = 6, .eal = 0, .kernel = 1},
		{.lcore = 7, .eal = 0, .kernel = GREMC_NUMA_SEVERAL},
		{.lcore = 8, .eal = 1, .kernel = GREMC_NUMA_UNKNOWN},
	};
	static const struct gremc_numa_port devices[] = {{"wan0", 1}, {NULL, -1}, {"lan0", -1}};
	static const struct gremc_numa_queue queues[] = {
		{0, 0, 0, false}, {0, 1, 1, false}, {0, 0, 0, true}, {2, 0, 0, false}, {0, 2, 4, false},
	};
	static const struct gremc_numa_pool pools[] = {
		{"rx_wan0_0", 0, true, 0},
		{"rx_lan0_0", 0, true, 2},
		{"hdr_4", 0, false, 0},
		{"hdr_6", 0, false, 2},
	};
	const struct gremc_numa_topology topology = {places, devices, queues, pools, 5, 3, 5, 4};
	static const struct {
		struct gremc_numa_finding finding;
		const char *text;
	} expected[] = {
		{{GREMC_NUMA_LCORE_DISAGREE, 2, 1, 0},
		 "lcore 6 runs on NUMA node 1, the EAL places its memory on node 0"},
		{{GREMC_NUMA_LCORE_SPANS, 3, GREMC_NUMA_SEVERAL, 0},
		 "lcore 7 may run on CPUs of several NUMA nodes"},
		{{GREMC_NUMA_QUEUE, 0, 0, 1},
		 "port wan0 is on NUMA node 1, lcore 4, which polls its queue 0, on node 0; give -l lcores of node 1"},
		{{GREMC_NUMA_QUEUE, 2, 0, 1}, "lcore 4, which transmits for others by its queue 0"},
		{{GREMC_NUMA_POOL, 0, 0, 1},
		 "pool rx_wan0_0 is in memory of NUMA node 0, its user on node 1"},
		{{GREMC_NUMA_POOL, 3, 0, 1}, "pool hdr_6 is in memory of NUMA node 0, its user on node 1"},
	};
	struct gremc_numa_finding findings[8];
	char text[256];

	RTE_SET_USED(state);
	assert_int_equal(gremc_numa_check(&topology, findings, RTE_DIM(findings)), RTE_DIM(expected));
	for (unsigned i = 0; i < RTE_DIM(expected); i++) {
		assert_memory_equal(&findings[i], &expected[i].finding, sizeof(findings[i]));
		gremc_numa_finding_format(&topology, &findings[i], text, sizeof(text));
		if (strstr(text, expected[i].text) == NULL)
			fail_msg("`%s` is not in: %s", expected[i].text, text);
	}
	/* a short array is filled; the count has all findings */
	assert_int_equal(gremc_numa_check(&topology, findings, 1), RTE_DIM(expected));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_pool_size_is_the_sum_of_its_holders, port_world_set_up,
						port_world_tear_down),
		cmocka_unit_test_setup_teardown(test_software_rss_and_oil_split_share_pools,
						port_world_set_up, port_world_tear_down),
		cmocka_unit_test_setup_teardown(test_pools_and_rings_shrink_in_short_memory,
						port_world_set_up, port_world_tear_down),
		cmocka_unit_test_setup_teardown(test_insufficient_memory_is_an_error, port_world_set_up,
						port_world_tear_down),
		cmocka_unit_test(test_numa_check_finds_uses_across_nodes),
	};

	return port_world_run("port_memory", tests, RTE_DIM(tests), "512", "(0-3)@(0-1)");
}
