/* SPDX-License-Identifier: BSD-3-Clause */
/* Ports: queues, devices, MTU, the table of the start. */
#include "port_world.h"

/* ---- the assignment of queues ---- */

static void assignment_check(const struct gremc_ports *p, const struct gremc_port *port)
{
	unsigned owned[GREMC_WORKERS_MAX] = {0}, polled[GREMC_WORKERS_MAX] = {0};

	for (unsigned q = 0; q < port->rx_queues; q++) {
		assert_true(port->rx_worker[q] < p->worker_count);
		polled[port->rx_worker[q]]++;
	}
	for (unsigned w = 0; w < p->worker_count; w++)
		assert_true(polled[w] <= (port->rx_queues + p->worker_count - 1u) / p->worker_count);
	for (unsigned q = 0; q < port->tx_queues; q++) {
		owned[port->tx_worker[q]]++;
		assert_int_equal(port->tx_queue[port->tx_worker[q]], q);
		if (port->tx_queues >= p->worker_count)
			assert_int_equal(port->tx_worker[q], q);
	}
	for (unsigned w = 0; w < p->worker_count; w++) {
		assert_true(owned[w] <= 1);
		assert_true(port->tx_queue[w] < port->tx_queues);
		if (owned[w] == 0)
			assert_true(gremc_port_tx_is_shared(p, port, port->tx_queue[w]));
	}
	for (unsigned q = 0; q < port->tx_queues && port->tx_queues >= p->worker_count; q++)
		assert_false(gremc_port_tx_is_shared(p, port, q));
}

static void test_queues_are_balanced_over_workers(void **state)
{
	static struct gremc_port port[3];

	RTE_SET_USED(state);
	for (unsigned workers = 1; workers <= 4; workers++) {
		for (unsigned code = 0; code < 6 * 6 * 6; code++) {
			struct gremc_ports p = {.count = 3, .worker_count = workers};
			unsigned total[4] = {0}, least = UINT32_MAX, most = 0;

			for (unsigned i = 0, rest = code; i < 3; i++, rest /= 6) {
				p.port[i] = &port[i];
				port[i] = (struct gremc_port){.rx_queues = 1 + rest % 6,
							      .socket = SOCKET_ID_ANY};
				port[i].tx_queues = RTE_MIN(1 + (rest + i) % 6, workers);
			}
			gremc_port_queues_assign(&p);
			for (unsigned i = 0; i < 3; i++) {
				assignment_check(&p, &port[i]);
				for (unsigned q = 0; q < port[i].rx_queues; q++)
					total[port[i].rx_worker[q]]++;
			}
			for (unsigned w = 0; w < workers; w++) {
				least = RTE_MIN(least, total[w]);
				most = RTE_MAX(most, total[w]);
			}
			assert_true(most - least <= 1);
		}
	}
}

static void test_assignment_prefers_the_node_of_the_port(void **state)
{
	struct gremc_port a = {.rx_queues = 1, .tx_queues = 1, .socket = 1}, b = a, c = a;
	struct gremc_ports p = {.count = 4, .worker_count = 3, .port = {&a, NULL, &b, &c}};

	RTE_SET_USED(state);
	p.worker[2].socket = 1;
	gremc_port_queues_assign(&p);
	assert_int_equal(a.rx_worker[0], 2);
	assert_int_equal(b.rx_worker[0], 0);
	assert_int_equal(c.rx_worker[0], 1);
	assert_int_equal(a.tx_worker[0], 2);
	assert_int_equal(b.tx_worker[0], 0);
	assert_int_equal(c.tx_worker[0], 1);
	assert_int_equal(gremc_port_queue_count(1, 3, false), 1);
	assert_int_equal(gremc_port_queue_count(1024, 3, false), 3);
	assert_int_equal(gremc_port_queue_count(5, 3, true), 5);
	assert_int_equal(gremc_port_queue_count(1024, 3, true), GREMC_QUEUES_MAX);
}

/* ---- open devices ---- */

static void test_shared_tx_queues_have_rings(void **state)
{
	RTE_SET_USED(state);
	for (unsigned workers = 1; workers <= 4; workers++) {
		struct gremc_ports *p;

		vdev_plug_pcap("net_pcap0", 3, 2);
		vdev_plug("net_null0", NULL);
		add_port("cap", "net_pcap0");
		add_port("null", "net_null0");
		p = open_ports(workers);
		assert_int_equal(p->port[0]->rx_queues, 3); /* fixed: each receives packets */
		assert_int_equal(p->port[0]->tx_queues, RTE_MIN(workers, 2u));
		assert_int_equal(p->port[1]->rx_queues, workers);
		assert_int_equal(p->port[1]->tx_queues, workers);
		for (unsigned i = 0; i < 2; i++) {
			const struct gremc_port *port = p->port[i];

			assignment_check(p, port);
			for (unsigned q = 0; q < port->tx_queues; q++)
				assert_int_equal(port->tx_ring[q] != NULL,
						 gremc_port_tx_is_shared(p, port, q));
		}
		if (workers > 2) {
			assert_non_null(p->port[0]->tx_ring[0]);
			/* no worker waits for another one that is descheduled in the middle of an enqueue */
			assert_int_equal(rte_ring_get_prod_sync_type(p->port[0]->tx_ring[0]),
					 RTE_RING_SYNC_MT_RTS);
			assert_int_equal(rte_ring_get_prod_htd_max(p->port[0]->tx_ring[0]),
					 rte_ring_get_capacity(p->port[0]->tx_ring[0]));
			assert_logged("give the device more queues");
		} else {
			assert_null(p->port[0]->tx_ring[0]);
			assert_not_logged("WARNING");
			assert_not_logged("by a ring");
		}
		assert_int_equal(gremc_ports_close(p), 0);
		port_world_renew();
	}
}

static void spare_queues_plug(unsigned workers)
{
	vdev_plug_pcap("net_pcap0", 1, 2);
	vdev_plug("net_null0", NULL);
	vdev_plug("net_null1", NULL);
	vdev_plug("net_null2", NULL);
	add_port("cap", "net_pcap0");
	add_port("null", "net_null0");
	add_port("m0", "net_null1");
	add_port("m1", "net_null2");
	add_bond("bond", GREMC_BOND_ACTIVE_BACKUP, 2, 2);
	config.settings.tx_descriptors = 64;
	config.settings.rx_descriptors = 64;
	ports[0].host = workers > 0;
}

/* With a host path the control thread owns the TX queue behind those of the workers, if the device has one.
 */
static void test_control_thread_owns_a_spare_tx_queue(void **state)
{
	struct gremc_ports *p;
	struct rte_mbuf *mbuf;

	RTE_SET_USED(state);
	for (unsigned workers = 1; workers <= 3; workers++) {
		spare_queues_plug(workers);
		p = open_ports(workers);
		assert_int_equal(p->port[0]->host_tx, workers < 2);
		assert_int_equal(p->port[0]->tx_queues, RTE_MIN(workers, 2u));
		for (unsigned i = 1; i < 5; i += 3) {
			assert_int_equal(p->port[i]->host_tx, true);
			assert_int_equal(p->port[i]->tx_queues, workers);
			mbuf = rte_pktmbuf_alloc(p->host_pool);
			rte_pktmbuf_append(mbuf, 60);
			assert_int_equal(rte_eth_tx_burst(p->port[i]->id, workers, &mbuf, 1), i == 1);
			if (i == 4) /* the bond has no link yet */
				rte_pktmbuf_free(mbuf);
			assignment_check(p, p->port[i]);
		}
		assert_logged(
			workers < 2
				? "port cap: packets of the host leave by TX queue 1, which the control thread owns"
				: "port cap: packets of the host leave through lcore 1: `net_pcap0` has no spare TX queue");
		assert_int_equal(gremc_ports_close(p), 0);
		port_world_renew();
	}
	spare_queues_plug(0);
	p = open_ports(1);
	for (unsigned i = 0; i < 5; i++)
		assert_false(p->port[i] && p->port[i]->host_tx);
	assert_not_logged("packets of the host");
	assert_int_equal(gremc_ports_close(p), 0);
}

/* A driver that needs equal numbers of RX and TX queues is configured again without the spare one. */
static void test_refused_spare_tx_queue_is_not_used(void **state)
{
	struct gremc_ports *p;

	RTE_SET_USED(state);
	if (!own_network || !vdev_try_plug("net_failsafe0", "dev(net_tap7,iface=ft0)"))
		skip();
	add_port("fail", "net_failsafe0")->host = true;
	p = open_ports(1);
	assert_false(p->port[0]->host_tx);
	assert_logged("port fail: packets of the host leave through lcore 1");
	assert_int_equal(gremc_ports_close(p), 0);
}

static void test_log_names_idle_workers(void **state)
{
	struct gremc_ports *p;

	RTE_SET_USED(state);
	vdev_plug_pcap("net_pcap0", 1, 1);
	add_port("cap", "net_pcap0");
	p = open_ports(3);
	assert_logged("lcores 2 3 poll no RX queue");
	assert_logged("port cap: 1 TX queue for 3 lcores: lcores 2 3 enqueue to lcore 1 by a ring");
	/* close frees the mbufs in rings */
	assert_int_equal(
		rte_ring_enqueue(p->port[0]->tx_ring[0], rte_pktmbuf_alloc(p->worker[1].header_pool)), 0);
	assert_int_equal(gremc_ports_close(p), 0);
}

static void test_missing_and_duplicate_devices_are_errors(void **state)
{
	RTE_SET_USED(state);
	vdev_plug("net_null0", NULL);
	vdev_plug("net_null1", NULL);
	add_port("wan0", "net_af_packet0");
	add_port("lan0", "0000:7f:1f.7");
	add_port("lan1", "net_null1");
	add_port("lan2", "net_null1");
	assert_refused(
		1,
		"ethernets.wan0: no EAL device `net_af_packet0`; this EAL has: net_null0, net_null1; give it "
		"with --vdev or -a\nethernets.lan0: no EAL device `0000:7f:1f.7`");
	assert_non_null(strstr(errors.text, "ethernets.lan2: `net_null1` is already the device of lan1"));
	assert_int_equal(errors.count, 3);
}

static void test_too_many_lcores_and_queues_are_errors(void **state)
{
	RTE_SET_USED(state);
	for (unsigned i = 0; i < 17; i++) {
		char device[RTE_ETH_NAME_MAX_LEN], name[GREMC_NAME_SIZE];

		snprintf(device, sizeof(device), "net_pcap%u", i);
		snprintf(name, sizeof(name), "cap%u", i);
		vdev_plug_pcap(device, 4, 1);
		add_port(name, device);
	}
	assert_refused(0, "0 lcores to poll");
	gremc_errors_fini(&errors);
	assert_refused(GREMC_WORKERS_MAX + 1, "129 lcores to poll");
	gremc_errors_fini(&errors);
	assert_refused(1, "lcore 1 would poll 68 RX queues, the maximum is 64");
}

static void test_close_frees_mbufs_in_software_rings(void **state)
{
	struct gremc_ports *p;
	struct rte_mbuf *packet;

	RTE_SET_USED(state);
	vdev_plug("net_ring0", NULL);
	add_port("ring", "net_ring0");
	p = open_ports(2);
	assert_true(p->port[0]->multi_seg);
	assert_int_equal(p->port[0]->max_segments, 0);
	assert_int_equal(p->worker[0].header_capacity, 256 + GREMC_PORT_HEADERS + 32); /* whole cache lines */
	packet = rte_pktmbuf_alloc(p->port[0]->rx_pool[0]);
	assert_int_equal(rte_eth_tx_burst(p->port[0]->id, 0, &packet, 1), 1);
	packet = rte_pktmbuf_alloc(p->worker[1].header_pool);
	assert_int_equal(rte_eth_tx_burst(p->port[0]->id, 1, &packet, 1), 1);
	assert_int_equal(gremc_ports_close(p), 0);
}

static void test_close_counts_missing_mbufs(void **state)
{
	struct gremc_ports *p;

	RTE_SET_USED(state);
	vdev_plug("net_null0", NULL);
	add_port("wan0", "net_null0");
	p = open_ports(2);
	assert_non_null(rte_pktmbuf_alloc(p->port[0]->rx_pool[1]));
	assert_non_null(rte_pktmbuf_alloc(p->worker[0].header_pool));
	assert_non_null(rte_pktmbuf_alloc(p->worker[0].header_pool));
	assert_int_equal(gremc_ports_close(p), 3);
	assert_logged("pool rx_wan0_1 lacks 1 of its ");
	assert_logged("pool hdr_1 lacks 2 of its ");
	assert_int_equal(gremc_ports_close(NULL), 0);
}

/* ---- MTU ---- */

static void test_rx_mbufs_have_capacity_for_the_mtu(void **state)
{
	struct gremc_ports *p;

	RTE_SET_USED(state);
	vdev_plug("net_null0", NULL);
	vdev_plug("net_ring1", NULL);
	vdev_plug("net_null1", NULL);
	add_port("jumbo", "net_null0")->mtu = 9000;
	add_port("scatter", "net_ring1")->mtu = 9000;
	add_port("usual", "net_null1")->vlan = 7;
	p = open_ports(1);
	assert_int_equal(p->port[0]->mtu, 9000);
	assert_true(rte_pktmbuf_data_room_size(p->port[0]->rx_pool[0]) >=
		    RTE_PKTMBUF_HEADROOM + 9000 + 14 + 8);
	assert_int_equal(p->port[1]->mtu, 9000);
	assert_int_equal(rte_pktmbuf_data_room_size(p->port[1]->rx_pool[0]), RTE_PKTMBUF_HEADROOM + 2048);
	assert_int_equal(p->port[2]->mtu, 1500);
	assert_int_equal(p->port[2]->vlan, 7);
	/* net_null transmits single segments only: a header mbuf has space for a copy */
	assert_false(p->port[0]->multi_seg);
	assert_true(p->worker[0].header_capacity >= 9000 + GREMC_PORT_HEADERS);
	assert_int_equal(gremc_ports_close(p), 0);
}

static void test_mtu_limits_follow_the_device(void **state)
{
	struct rte_eth_dev_info info = {.driver_name = "net_x", .max_mtu = 9000, .max_rx_pktlen = 9018};

	RTE_SET_USED(state);
	assert_int_equal(gremc_port_mtu_max(&info), 9000);
	assert_int_equal(gremc_port_vlan_extra(&info), 4);
	info.max_rx_pktlen = 9022; /* this overhead includes a tag */
	assert_int_equal(gremc_port_vlan_extra(&info), 0);
	info = (struct rte_eth_dev_info){
		.driver_name = "net_x", .max_mtu = UINT16_MAX, .max_rx_pktlen = 1518};
	assert_int_equal(gremc_port_mtu_max(&info), 1500);
	assert_int_equal(gremc_port_vlan_extra(&info), 0);
	info.max_rx_pktlen = UINT32_MAX;
	assert_int_equal(gremc_port_mtu_max(&info), UINT16_MAX);
	assert_int_equal(gremc_port_rx_capacity_next(1), 2048);
	assert_int_equal(gremc_port_rx_capacity_next(2048), 4096);
	assert_int_equal(gremc_port_rx_capacity_next(GREMC_PORT_RX_CAPACITY_MAX), 0);
}

/* ---- the table ---- */

static void test_start_up_table_has_one_line_per_queue(void **state)
{
	struct gremc_ports *p;
	char *text, mac[GREMC_MAC_TEXT], pattern[128];
	size_t size;
	FILE *out;

	RTE_SET_USED(state);
	vdev_plug("net_null0", NULL);
	vdev_plug_pcap("net_pcap0", 1, 1);
	add_port("wan0", "net_null0")->mtu = 1400;
	add_port("lan0", "net_pcap0");
	p = open_ports(3);
	out = open_memstream(&text, &size);
	gremc_ports_print(p, out);
	fclose(out);
	print_message("%s", text);
	snprintf(pattern, sizeof(pattern), "wan0  net_null0  %s  1400      0",
		 gremc_mac_format(mac, &p->port[0]->mac));
	assert_non_null(strstr(text, pattern));
	assert_non_null(strstr(text, "  rx_wan0_2"));
	assert_non_null(strstr(text, "lan0  net_pcap0"));
	assert_non_null(strstr(text, "1, for 2 3\n"));
	assert_non_null(strstr(text, "lcore 3 on node 0: header pool hdr_3, "));
	for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n"))
		assert_true(strlen(line) <= 110 && line[strlen(line) - 1] != ' ');
	free(text);
	assert_int_equal(gremc_ports_close(p), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_queues_are_balanced_over_workers),
		cmocka_unit_test(test_assignment_prefers_the_node_of_the_port),
		cmocka_unit_test_setup_teardown(test_shared_tx_queues_have_rings, port_world_set_up,
						port_world_tear_down),
		cmocka_unit_test_setup_teardown(test_control_thread_owns_a_spare_tx_queue, port_world_set_up,
						port_world_tear_down),
		cmocka_unit_test_setup_teardown(test_refused_spare_tx_queue_is_not_used, port_world_set_up,
						port_world_tear_down),
		cmocka_unit_test_setup_teardown(test_log_names_idle_workers, port_world_set_up,
						port_world_tear_down),
		cmocka_unit_test_setup_teardown(test_missing_and_duplicate_devices_are_errors,
						port_world_set_up, port_world_tear_down),
		cmocka_unit_test_setup_teardown(test_too_many_lcores_and_queues_are_errors, port_world_set_up,
						port_world_tear_down),
		cmocka_unit_test_setup_teardown(test_close_frees_mbufs_in_software_rings, port_world_set_up,
						port_world_tear_down),
		cmocka_unit_test_setup_teardown(test_close_counts_missing_mbufs, port_world_set_up,
						port_world_tear_down),
		cmocka_unit_test_setup_teardown(test_rx_mbufs_have_capacity_for_the_mtu, port_world_set_up,
						port_world_tear_down),
		cmocka_unit_test(test_mtu_limits_follow_the_device),
		cmocka_unit_test_setup_teardown(test_start_up_table_has_one_line_per_queue, port_world_set_up,
						port_world_tear_down),
	};

	return port_world_run("port", tests, RTE_DIM(tests), "512", "(0-3)@(0-1)");
}
