/* SPDX-License-Identifier: BSD-3-Clause */
/* Ports on virtual devices, in a network namespace of the test where that is permitted. */
#include "port_world.h"

#include "port/numa_priv.h"

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

/* ---- net_af_packet, on veth pairs in the namespace of the test ---- */

static void test_af_packet_carries_jumbo_frames(void **state)
{
	struct gremc_ports *p;

	RTE_SET_USED(state);
	if (!own_network)
		skip();
	vdev_plug_veths(2, JUMBO);
	add_port("wan0", "net_af_packet0")->mtu = 9000;
	add_port("wan1", "net_af_packet1")->mtu = 9000;
	p = open_ports(3);
	assert_int_equal(p->port[0]->mtu, 9000);
	assert_int_equal(interface_mtu("v0", 0), 9000);
	assert_true(rte_pktmbuf_data_room_size(p->port[0]->rx_pool[0]) >= RTE_PKTMBUF_HEADROOM + 16384 - 32);
	assert_int_equal(p->port[0]->tx_queues, 1);
	assert_int_equal(p->worker[2].header_capacity, 384); /* chains, no copies */
	assert_int_equal(frame_pass(p->port[0], p->port[1], p->worker[2].header_pool, 9018), 9018);
	assert_int_equal(gremc_ports_close(p), 0);
}

static void test_af_packet_mtu_is_limited_by_framesz(void **state)
{
	struct gremc_ports *p;

	RTE_SET_USED(state);
	if (!own_network)
		skip();
	vdev_plug_veths(2, "framesz=2048");
	add_port("wan0", "net_af_packet0")->mtu = 1969;
	add_port("wan1", "net_af_packet1");
	assert_refused(
		1, "ethernets.wan0: mtu 1969 is more than `net_af_packet0` accepts, 1968; a larger framesz=");
	gremc_errors_fini(&errors);

	interface_mtu("v0", 9000);
	interface_mtu("v1", 1968);
	ports[0].mtu = 0; /* the device's own MTU is lowered */
	p = open_ports(1);
	assert_logged("port wan0: `net_af_packet0` carries only 1968 bytes of its MTU of 9000");
	assert_int_equal(p->port[0]->mtu, 1968);
	assert_int_equal(p->port[1]->mtu, 1968);
	assert_int_equal(frame_pass(p->port[0], p->port[1], p->worker[0].header_pool, 1968 + 18), 1968 + 18);
	assert_int_equal(gremc_ports_close(p), 0);
}

/* Two bonds back to back pass chains of segments and jumbo frames; LACP agrees. */
static void bonds_exchange_frames(enum gremc_bond_mode mode)
{
	struct gremc_ports *p;

	if (!own_network)
		skip();
	vdev_plug_veths(4, JUMBO);
	add_port("m0", "net_af_packet0");
	add_port("m2", "net_af_packet2");
	add_port("m1", "net_af_packet1");
	add_port("m3", "net_af_packet3");
	add_bond("bond0", mode, 0, 2)->mtu = 9000;
	add_bond("bond1", mode, 2, 2)->mtu = 9000;
	p = open_ports(1);
	for (unsigned i = 0; i < 4; i++)
		assert_null(p->port[i]);
	assert_int_equal(p->port[4]->mtu, 9000);
	assert_int_equal(interface_mtu("v2", 0), 9000);
	assert_true(p->port[4]->multi_seg);
	assert_int_equal(frame_pass(p->port[4], p->port[5], p->worker[0].header_pool, 9018), 9018);
	assert_int_equal(frame_pass(p->port[5], p->port[4], p->worker[0].header_pool, 70), 70);
	assert_int_equal(gremc_ports_close(p), 0);
}

static void test_active_backup_bond_carries_jumbo_frames(void **state)
{
	RTE_SET_USED(state);
	bonds_exchange_frames(GREMC_BOND_ACTIVE_BACKUP);
}

static void test_broadcast_bond_carries_jumbo_frames(void **state)
{
	RTE_SET_USED(state);
	bonds_exchange_frames(GREMC_BOND_BROADCAST);
}

static void test_balance_xor_bond_carries_jumbo_frames(void **state)
{
	RTE_SET_USED(state);
	bonds_exchange_frames(GREMC_BOND_BALANCE_XOR);
}

static void test_lacp_bond_carries_jumbo_frames(void **state)
{
	RTE_SET_USED(state);
	bonds_exchange_frames(GREMC_BOND_8023AD);
}

/* ---- bonds ---- */

/* The word for a bond's members in --vdev arguments. */
#if RTE_VERSION < RTE_VERSION_NUM(23, 11, 0, 0)
#	define MEMBER "slave"
#else
#	define MEMBER "member"
#endif

static void test_bond_takes_mode_mac_and_mtu_of_members(void **state)
{
	static const enum gremc_bond_mode modes[] = {GREMC_BOND_BALANCE_RR, GREMC_BOND_ACTIVE_BACKUP,
						     GREMC_BOND_BALANCE_XOR, GREMC_BOND_BROADCAST,
						     GREMC_BOND_8023AD};

	RTE_SET_USED(state);
	for (unsigned i = 0; i < RTE_DIM(modes); i++) {
		struct rte_ether_addr mac;
		struct gremc_ports *p;
		uint16_t id;

		vdev_plug("net_null0", NULL);
		vdev_plug("net_null1", NULL);
		add_port("m0", "net_null0");
		add_port("m1", "net_null1")->mtu = 2000;
		add_bond("bond0", modes[i], 0, 2);
		assert_int_equal(rte_eth_dev_get_port_by_name("net_null0", &id), 0);
		assert_int_equal(rte_eth_macaddr_get(id, &mac), 0);
		p = open_ports(2);
		assert_int_equal(p->count, 3);
		assert_null(p->port[0]);
		assert_null(p->port[1]);
		assert_string_equal(p->port[2]->device, "net_bonding_bond0");
		assert_int_equal(p->port[2]->index, 2);
		assert_int_equal(p->port[2]->mtu, 2000);
		assert_int_equal(p->port[2]->rx_queues, 2);
		assert_int_equal(p->port[2]->keep_alive, modes[i] == GREMC_BOND_8023AD);
		assert_int_equal(rte_eth_bond_mode_get(p->port[2]->id), modes[i]);
		assert_memory_equal(&p->port[2]->mac, &mac, sizeof(mac));
		if (modes[i] == GREMC_BOND_8023AD || modes[i] == GREMC_BOND_BALANCE_XOR)
			assert_int_equal(rte_eth_bond_xmit_policy_get(p->port[2]->id),
					 BALANCE_XMIT_POLICY_LAYER34);
		assert_int_equal(gremc_ports_close(p), 0);
		assert_int_equal(rte_eth_dev_count_avail(), 0);
		port_world_renew();
	}
}

static void test_eal_bond_is_closed_with_its_members(void **state)
{
	struct gremc_ports *p;

	RTE_SET_USED(state);
	vdev_plug("net_null0", NULL);
	vdev_plug("net_null1", NULL);
	vdev_plug("net_bonding0", "mode=4," MEMBER "=net_null0," MEMBER "=net_null1");
	add_port("wan0", "net_bonding0");
	p = open_ports(1);
	assert_true(p->port[0]->keep_alive);
	assert_int_equal(p->port[0]->mtu, 1500);
	assert_int_equal(gremc_ports_close(p), 0);
	assert_int_equal(rte_eth_dev_count_avail(), 0);
}

/* The driver resets the MTU of its members to 1500; the port restores it. */
static void test_eal_bond_keeps_the_mtu_of_its_members(void **state)
{
	struct gremc_ports *p;

	RTE_SET_USED(state);
	if (!own_network)
		skip();
	vdev_plug_veths(1, JUMBO);
	interface_mtu("v0", 8000);
	vdev_plug("net_bonding0", "mode=1," MEMBER "=net_af_packet0");
	add_port("wan0", "net_bonding0");
	p = open_ports(1);
	assert_int_equal(p->port[0]->mtu, 8000);
	assert_int_equal(interface_mtu("v0", 0), 8000);
	assert_int_equal(gremc_ports_close(p), 0);
}

static void test_bond_refuses_missing_members_and_different_mtus(void **state)
{
	RTE_SET_USED(state);
	vdev_plug("net_null0", NULL);
	vdev_plug("net_null1", NULL);
	add_port("m0", "net_null0");
	add_port("m1", "net_null9");
	add_bond("bond0", GREMC_BOND_ACTIVE_BACKUP, 0, 2);
	assert_refused(1, "ethernets.m1: no EAL device `net_null9`; this EAL has: net_null0, net_null1;");
	gremc_errors_fini(&errors);

	strcpy(ports[1].device, "net_null1");
	ports[1].mtu = 1400;
	ports[2].mtu = 1500;
	assert_refused(
		1,
		"bonds.bond0: member m1 has mtu 1400, the bond has 1500; a bond and its members have one MTU");
	gremc_errors_fini(&errors);
}

static void test_member_of_an_eal_bond_is_no_port(void **state)
{
	RTE_SET_USED(state);
	vdev_plug("net_null0", NULL);
	vdev_plug("net_bonding0", "mode=1," MEMBER "=net_null0");
	add_port("lan0", "net_null0");
	add_port("wan0", "net_bonding0");
	assert_refused(1, "ethernets.lan0: `net_null0` is a member of the bond `net_bonding0`");
}

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

/* ---- */

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
		cmocka_unit_test_setup_teardown(test_af_packet_carries_jumbo_frames, port_world_set_up,
						port_world_tear_down),
		cmocka_unit_test_setup_teardown(test_af_packet_mtu_is_limited_by_framesz, port_world_set_up,
						port_world_tear_down),
		cmocka_unit_test_setup_teardown(test_active_backup_bond_carries_jumbo_frames,
						port_world_set_up, port_world_tear_down),
		cmocka_unit_test_setup_teardown(test_balance_xor_bond_carries_jumbo_frames, port_world_set_up,
						port_world_tear_down),
		cmocka_unit_test_setup_teardown(test_broadcast_bond_carries_jumbo_frames, port_world_set_up,
						port_world_tear_down),
		cmocka_unit_test_setup_teardown(test_lacp_bond_carries_jumbo_frames, port_world_set_up,
						port_world_tear_down),
		cmocka_unit_test_setup_teardown(test_bond_takes_mode_mac_and_mtu_of_members,
						port_world_set_up, port_world_tear_down),
		cmocka_unit_test_setup_teardown(test_eal_bond_is_closed_with_its_members, port_world_set_up,
						port_world_tear_down),
		cmocka_unit_test_setup_teardown(test_eal_bond_keeps_the_mtu_of_its_members, port_world_set_up,
						port_world_tear_down),
		cmocka_unit_test_setup_teardown(test_bond_refuses_missing_members_and_different_mtus,
						port_world_set_up, port_world_tear_down),
		cmocka_unit_test_setup_teardown(test_member_of_an_eal_bond_is_no_port, port_world_set_up,
						port_world_tear_down),
		cmocka_unit_test_setup_teardown(test_pool_size_is_the_sum_of_its_holders, port_world_set_up,
						port_world_tear_down),
		cmocka_unit_test_setup_teardown(test_software_rss_and_oil_split_share_pools,
						port_world_set_up, port_world_tear_down),
		cmocka_unit_test_setup_teardown(test_pools_and_rings_shrink_in_short_memory,
						port_world_set_up, port_world_tear_down),
		cmocka_unit_test_setup_teardown(test_insufficient_memory_is_an_error, port_world_set_up,
						port_world_tear_down),
		cmocka_unit_test(test_numa_check_finds_uses_across_nodes),
		cmocka_unit_test_setup_teardown(test_start_up_table_has_one_line_per_queue, port_world_set_up,
						port_world_tear_down),
	};

	return port_world_run("port", tests, RTE_DIM(tests), "512", "(0-3)@(0-1)");
}
