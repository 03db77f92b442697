/* SPDX-License-Identifier: BSD-3-Clause */
/* Bonds, and ports of net_af_packet on veth pairs in the namespace of the test. */
#include <rte_eth_bond.h>

#include "port_world.h"

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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_af_packet_carries_jumbo_frames, port_world_set_up,
						port_world_tear_down),
		cmocka_unit_test_setup_teardown(test_af_packet_mtu_is_limited_by_framesz, port_world_set_up,
						port_world_tear_down),
		cmocka_unit_test_setup_teardown(test_active_backup_bond_carries_jumbo_frames,
						port_world_set_up, port_world_tear_down),
		cmocka_unit_test_setup_teardown(test_broadcast_bond_carries_jumbo_frames, port_world_set_up,
						port_world_tear_down),
		cmocka_unit_test_setup_teardown(test_balance_xor_bond_carries_jumbo_frames, port_world_set_up,
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
	};

	return port_world_run("port_bonds", tests, RTE_DIM(tests), "512", "(0-3)@(0-1)");
}
