/* SPDX-License-Identifier: BSD-3-Clause */
/* What a port asks of its device: filters, descriptors, offloads, inner RSS. The device is net_null, whose
 * capabilities and answers are the test's: the linker puts the functions here before the library's (--wrap).
 */
#include "port_world.h"

#include <netinet/in.h>

#include <rte_flow.h>

static struct {
	/* what it can do and how it answers */
	const char *driver;
	uint64_t rx_capa, tx_capa;
	uint16_t max_descriptors;
	bool powers_of_two, inner_rss;
	uint32_t room_minimum;
	int rx_answer, vlan_answer, vlan_offload_answer;
	/* what it was told */
	uint64_t rx_offloads, tx_offloads;
	uint16_t rx_descriptors, tx_descriptors, vlan;
	unsigned rx_tries;
	bool all_multicast, promiscuous, vlans_open, rule;
	struct rte_flow_action_rss rss;
	bool gre;
} device;

#define WRAP(type, name, ...)                                                                                \
	type __real_##name(__VA_ARGS__);                                                                     \
	type __wrap_##name(__VA_ARGS__);                                                                     \
	type __wrap_##name(__VA_ARGS__)

WRAP(int, rte_eth_dev_info_get, uint16_t id, struct rte_eth_dev_info *info)
{
	int ret = __real_rte_eth_dev_info_get(id, info);

	if (device.driver)
		info->driver_name = device.driver;
	info->rx_offload_capa |= device.rx_capa;
	info->tx_offload_capa |= device.tx_capa;
	if (device.max_descriptors)
		info->rx_desc_lim.nb_max = info->tx_desc_lim.nb_max = device.max_descriptors;
	return ret;
}

WRAP(int, rte_eth_dev_configure, uint16_t id, uint16_t rx, uint16_t tx, const struct rte_eth_conf *conf)
{
	struct rte_eth_conf real = *conf;

	device.rx_offloads = conf->rxmode.offloads;
	device.tx_offloads = conf->txmode.offloads;
	real.rxmode.offloads &= ~device.rx_capa;
	real.txmode.offloads &= ~device.tx_capa;
	return __real_rte_eth_dev_configure(id, rx, tx, &real);
}

WRAP(int, rte_eth_rx_queue_setup, uint16_t id, uint16_t queue, uint16_t descriptors, unsigned socket,
     const struct rte_eth_rxconf *conf, struct rte_mempool *pool)
{
	struct rte_eth_rxconf real = *conf;

	device.rx_tries++;
	device.rx_descriptors = descriptors;
	if (device.powers_of_two && !rte_is_power_of_2(descriptors))
		return -EINVAL;
	if (device.room_minimum > (uint32_t)rte_pktmbuf_data_room_size(pool) - RTE_PKTMBUF_HEADROOM)
		return -ENOSPC;
	if (device.rx_answer)
		return device.rx_answer;
	real.offloads &= ~device.rx_capa;
	return __real_rte_eth_rx_queue_setup(id, queue, descriptors, socket, &real, pool);
}

WRAP(int, rte_eth_tx_queue_setup, uint16_t id, uint16_t queue, uint16_t descriptors, unsigned socket,
     const struct rte_eth_txconf *conf)
{
	struct rte_eth_txconf real = *conf;

	device.tx_descriptors = descriptors;
	if (device.powers_of_two && !rte_is_power_of_2(descriptors))
		return -EINVAL;
	real.offloads &= ~device.tx_capa;
	return __real_rte_eth_tx_queue_setup(id, queue, descriptors, socket, &real);
}

WRAP(int, rte_eth_dev_vlan_filter, uint16_t id, uint16_t vlan, int on)
{
	RTE_SET_USED(id);
	device.vlan = on ? vlan : 0;
	return device.vlan_answer;
}

WRAP(int, rte_eth_dev_get_vlan_offload, uint16_t id)
{
	RTE_SET_USED(id);
	return RTE_ETH_VLAN_FILTER_OFFLOAD;
}

WRAP(int, rte_eth_dev_set_vlan_offload, uint16_t id, int mask)
{
	RTE_SET_USED(id);
	device.vlans_open = device.vlan_offload_answer == 0 && !(mask & RTE_ETH_VLAN_FILTER_OFFLOAD);
	return device.vlan_offload_answer;
}

WRAP(int, rte_eth_allmulticast_enable, uint16_t id)
{
	RTE_SET_USED(id);
	device.all_multicast = true;
	return 0;
}

WRAP(int, rte_eth_allmulticast_disable, uint16_t id)
{
	RTE_SET_USED(id);
	device.all_multicast = false;
	return 0;
}

WRAP(int, rte_eth_promiscuous_enable, uint16_t id)
{
	RTE_SET_USED(id);
	device.promiscuous = true;
	return 0;
}

WRAP(int, rte_flow_validate, uint16_t id, const struct rte_flow_attr *attr, const struct rte_flow_item *items,
     const struct rte_flow_action *actions, struct rte_flow_error *error)
{
	RTE_SET_USED(id);
	assert_true(attr->ingress);
	device.gre = false;
	for (; items->type != RTE_FLOW_ITEM_TYPE_END; items++) {
		const struct rte_flow_item_ipv4 *ip = items->spec;

		device.gre |= items->type == RTE_FLOW_ITEM_TYPE_GRE;
		if (items->type == RTE_FLOW_ITEM_TYPE_IPV4)
			assert_int_equal(ip->hdr.next_proto_id, IPPROTO_GRE);
	}
	assert_int_equal(actions[0].type, RTE_FLOW_ACTION_TYPE_RSS);
	device.rss = *(const struct rte_flow_action_rss *)actions[0].conf;
	for (uint32_t q = 0; q < device.rss.queue_num; q++)
		assert_int_equal(device.rss.queue[q], q);
	if (device.inner_rss)
		return 0;
	*error = (struct rte_flow_error){.message = "no inner RSS"};
	return -ENOTSUP;
}

WRAP(struct rte_flow *, rte_flow_create, uint16_t id, const struct rte_flow_attr *attr,
     const struct rte_flow_item *items, const struct rte_flow_action *actions, struct rte_flow_error *error)
{
	if (__wrap_rte_flow_validate(id, attr, items, actions, error))
		return NULL;
	device.rule = true;
	return (struct rte_flow *)&device;
}

WRAP(int, rte_flow_destroy, uint16_t id, struct rte_flow *flow, struct rte_flow_error *error)
{
	RTE_SET_USED(id);
	RTE_SET_USED(error);
	assert_ptr_equal(flow, &device);
	device.rule = false;
	return 0;
}

static int set_up(void **state)
{
	memset(&device, 0, sizeof(device));
	setup(state);
	plug("net_null0", NULL);
	add_port("wan", "net_null0");
	return 0;
}

static void again(void **state)
{
	teardown(state);
	set_up(state);
}

/* ---- groups ---- */

/* All groups come in for native multicast, the host or IGMP, and not without; a reload changes it. */
static void test_groups(void **state)
{
	for (unsigned why = 0; why < 8; why++) {
		struct gremc_ports *open;

		ports[0].multicast = why & 1;
		ports[0].host = why & 2;
		ports[0].igmp = why & 4 ? (void *)&device : NULL;
		open = open_ports(1);
		assert_int_equal(device.all_multicast, why != 0);
		assert_false(device.promiscuous);
		ports[0].host = true;
		gremc_ports_filters_change(open, &config);
		assert_true(device.all_multicast);
		ports[0].host = ports[0].multicast = false;
		ports[0].igmp = NULL;
		gremc_ports_filters_change(open, &config);
		assert_false(device.all_multicast);
		gremc_ports_close(open);
		again(state);
	}
}

/* ---- VLANs ---- */

static void check_vlan(void **state, const char *driver, bool host, int answer, int offload_answer,
		       bool asked, const char *log)
{
	struct gremc_ports *open;

	device.driver = driver;
	device.rx_capa = RTE_ETH_RX_OFFLOAD_VLAN_FILTER;
	device.vlan_answer = answer;
	device.vlan_offload_answer = offload_answer;
	ports[0].vlan = 7;
	ports[0].host = host;
	open = open_ports(1);
	assert_int_equal(!!(device.rx_offloads & RTE_ETH_RX_OFFLOAD_VLAN_FILTER), asked);
	assert_int_equal(device.vlan, asked ? 7 : 0);
	assert_int_equal(device.vlans_open, asked && answer && offload_answer == 0);
	if (log)
		assert_logged(log);
	else
		assert_not_logged("VLAN");
	ports[0].host = true; /* by a reload: the kernel's VLANs come in from now on */
	gremc_ports_filters_change(open, &config);
	if (strstr(driver, "vf") == NULL && offload_answer == 0)
		assert_int_equal(device.vlans_open, asked);
	gremc_ports_close(open);
	again(state);
}

static void test_vlan_filter(void **state)
{
	check_vlan(state, "net_iavf", false, 0, 0, true, NULL);
	check_vlan(state, "net_ixgbe_vf", true, 0, 0, true, NULL);
	check_vlan(state, "net_ice", false, 0, 0, true, NULL);
	check_vlan(state, "net_ice", true, 0, 0, false, NULL);
	check_vlan(state, "net_ice", false, -ENOTSUP, 0, true, "it receives all VLANs");
	check_vlan(state, "net_ice", false, -EIO, -EIO, true, "it may not receive its frames");
	check_vlan(state, "net_iavf", false, -EIO, 0, true, "does not accept VLAN 7");
}

static void test_vf_without_a_filter(void **state)
{
	RTE_SET_USED(state);
	device.driver = "net_other_vf";
	ports[0].vlan = 7;
	gremc_ports_close(open_ports(1));
	assert_int_equal(device.vlan, 0);
	assert_logged("has no filter for VLAN 7; its physical function has to deliver the frames");
}

/* ---- descriptors and rooms ---- */

/* A device that refuses what is no power of two does not mean the mbufs. */
static void test_descriptors(void **state)
{
	struct gremc_ports *open;
	uint32_t size;

	config.settings.rx_descriptors = 700;
	config.settings.tx_descriptors = 600;
	device.powers_of_two = true;
	open = open_ports(1);
	assert_int_equal(device.rx_descriptors, 1024);
	assert_int_equal(open->port[0]->rx_descriptors, 1024);
	assert_int_equal(device.tx_descriptors, 1024);
	assert_int_equal(open->port[0]->tx_descriptors, 1024);
	assert_logged("`net_null0` refuses 700 RX descriptors, trying 1024");
	assert_not_logged("refuses mbufs");
	size = open->port[0]->rx_pool[0]->size;
	gremc_ports_close(open);
	again(state);
	config.settings.rx_descriptors = config.settings.tx_descriptors = 1024;
	open = open_ports(1);
	assert_int_equal(open->port[0]->rx_pool[0]->size, size);
	gremc_ports_close(open);
	again(state);
	/* down where there is no more */
	config.settings.rx_descriptors = config.settings.tx_descriptors = 700;
	device.powers_of_two = true;
	device.max_descriptors = 1000;
	open = open_ports(1);
	assert_int_equal(open->port[0]->rx_descriptors, 512);
	gremc_ports_close(open);
}

static void test_rooms(void **state)
{
	struct gremc_ports *open;

	/* no room is tried for what is not about it */
	device.rx_answer = -EINVAL;
	assert_refused(1, "RX queue 0 of `net_null0` cannot be set up: Invalid argument");
	assert_int_equal(device.rx_tries, 1);
	assert_not_logged("refuses mbufs");
	gremc_errors_fini(&errors);
	again(state);
	device.room_minimum = 4096;
	open = open_ports(1);
	assert_logged("refuses mbufs of 2048 bytes, trying 4096");
	assert_true(rte_pktmbuf_data_room_size(open->port[0]->rx_pool[0]) >= 4096);
	gremc_ports_close(open);
	again(state);
	/* what is scattered may be in too many pieces */
	device.rx_capa = RTE_ETH_RX_OFFLOAD_SCATTER;
	device.rx_answer = -EINVAL;
	ports[0].mtu = 9000;
	assert_refused(1, "RX queue 0 of `net_null0` cannot be set up: Invalid argument");
	assert_logged("refuses mbufs of 2048 bytes, trying 4096");
	gremc_errors_fini(&errors);
}

/* ---- transmitting chains ---- */

static void check_segments(void **state, uint16_t threshold, uint16_t mtu, bool scatter, bool chains)
{
	struct gremc_ports *open;

	device.tx_capa = RTE_ETH_TX_OFFLOAD_MULTI_SEGS;
	device.rx_capa = scatter ? RTE_ETH_RX_OFFLOAD_SCATTER : 0;
	config.settings.copy_threshold = threshold;
	ports[0].mtu = mtu;
	open = open_ports(1);
	assert_int_equal(!!(device.tx_offloads & RTE_ETH_TX_OFFLOAD_MULTI_SEGS), chains);
	assert_int_equal(open->port[0]->multi_seg, chains);
	assert_int_equal(open->port[0]->copies, !chains);
	if (!chains) /* a copy of the longest packet fits */
		assert_true(open->worker[0].header_capacity >= mtu + GREMC_PORT_HEADERS);
	gremc_ports_close(open);
	again(state);
}

static void test_segments(void **state)
{
	check_segments(state, 256, 1500, false, true);
	check_segments(state, 1499, 1500, false, true);
	check_segments(state, 1500, 1500, false, false);
	check_segments(state, 9000, 9000, false, false);
	check_segments(state, 9000, 9000, true, true); /* what is received in pieces is sent in pieces */
	check_segments(state, 9000, 1500, true, false);
}

/* One port's packets leave by another: all count. */
static void test_segments_of_several_ports(void **state)
{
	struct gremc_ports *open;

	RTE_SET_USED(state);
	device.tx_capa = RTE_ETH_TX_OFFLOAD_MULTI_SEGS;
	config.settings.copy_threshold = 1500;
	plug("net_null1", NULL);
	add_port("lan", "net_null1")->mtu = 2000;
	open = open_ports(1);
	assert_true(open->port[0]->multi_seg);
	assert_true(open->port[1]->multi_seg);
	gremc_ports_close(open);
}

/* ---- RSS ---- */

static void test_inner_rss(void **state)
{
	struct gremc_ports *open;

	RTE_SET_USED(state);
	device.inner_rss = true;
	open = open_ports(3);
	assert_true(device.rule);
	assert_true(device.gre);
	assert_int_equal(device.rss.level, 2);
	assert_int_equal(device.rss.queue_num, 3);
	assert_int_equal(device.rss.types, RTE_ETH_RSS_IP | RTE_ETH_RSS_UDP);
	assert_logged("port wan: `net_null0` uses the inner headers of GRE for RSS, by a flow rule");
	gremc_ports_close(open);
	assert_false(device.rule);
	again(state);
	gremc_ports_close(open_ports(3));
	assert_false(device.rule);
	assert_logged("port wan: RSS of `net_null0` sees outer headers only");
	again(state);
	/* with one queue there is nothing to choose */
	device.inner_rss = true;
	gremc_ports_close(open_ports(1));
	assert_not_logged("RSS");
}

int main(void)
{
	char *arguments[] = {"test_filters", "--no-huge",      "-m",       "512",        "--no-pci",
			     "--no-shconf",  "--no-telemetry", "--lcores", "(0-3)@(0-1)"};
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_groups, set_up, teardown),
		cmocka_unit_test_setup_teardown(test_vlan_filter, set_up, teardown),
		cmocka_unit_test_setup_teardown(test_vf_without_a_filter, set_up, teardown),
		cmocka_unit_test_setup_teardown(test_descriptors, set_up, teardown),
		cmocka_unit_test_setup_teardown(test_rooms, set_up, teardown),
		cmocka_unit_test_setup_teardown(test_segments, set_up, teardown),
		cmocka_unit_test_setup_teardown(test_segments_of_several_ports, set_up, teardown),
		cmocka_unit_test_setup_teardown(test_inner_rss, set_up, teardown),
	};
	int failed;

	if (rte_eal_init(RTE_DIM(arguments), arguments) < 0)
		return 1;
	failed = cmocka_run_group_tests_name("filters", tests, NULL, NULL);
	rte_eal_cleanup();
	return failed;
}
