/* SPDX-License-Identifier: BSD-3-Clause */
/* The requests of a port to its device: filters, descriptors, offloads, inner RSS. The device is net_null
 * with capabilities and answers of the test: the linker replaces the library's functions by these (--wrap).
 */
#include "port_world.h"

#include <netinet/in.h>

#include <rte_flow.h>

static struct {
	/* its capabilities and answers */
	const char *driver;
	uint64_t rx_capa, tx_capa;
	uint16_t max_descriptors;
	bool powers_of_two, inner_rss;
	uint32_t room_minimum;
	int rx_answer, vlan_answer, vlan_offload_answer;
	/* the requests to it */
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

static void wan_add(void)
{
	memset(&device, 0, sizeof(device));
	vdev_plug("net_null0", NULL);
	add_port("wan", "net_null0");
}

static int filters_set_up(void **state)
{
	if (port_world_set_up(state))
		return -1;
	wan_add();
	return 0;
}

static void filters_renew(void)
{
	port_world_renew();
	wan_add();
}

/* ---- groups ---- */

/* All-multicast is on for native multicast, the host or IGMP, and off without; a reload changes it. */
static void test_all_multicast_follows_the_configuration(void **state)
{
	for (unsigned why = 0; why < 8; why++) {
		struct gremc_ports *open;

		RTE_SET_USED(state);
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
		filters_renew();
	}
}

/* ---- VLANs ---- */

struct vlan_case {
	const char *driver;
	bool host;
	int filter_answer, offload_answer; /* of the device */
	bool filtered;                     /* expected: the port uses a filter */
	const char *log;                   /* expected; NULL: none about VLANs */
};

static void vlan_case_check(const struct vlan_case *expected)
{
	struct gremc_ports *open;

	device.driver = expected->driver;
	device.rx_capa = RTE_ETH_RX_OFFLOAD_VLAN_FILTER;
	device.vlan_answer = expected->filter_answer;
	device.vlan_offload_answer = expected->offload_answer;
	ports[0].vlan = 7;
	ports[0].host = expected->host;
	open = open_ports(1);
	assert_int_equal(!!(device.rx_offloads & RTE_ETH_RX_OFFLOAD_VLAN_FILTER), expected->filtered);
	assert_int_equal(device.vlan, expected->filtered ? 7 : 0);
	assert_int_equal(device.vlans_open,
			 expected->filtered && expected->filter_answer && expected->offload_answer == 0);
	if (expected->log)
		assert_logged(expected->log);
	else
		assert_not_logged("VLAN");
	ports[0].host = true; /* by a reload: the port receives the VLANs of the kernel from now on */
	gremc_ports_filters_change(open, &config);
	if (strstr(expected->driver, "vf") == NULL && expected->offload_answer == 0)
		assert_int_equal(device.vlans_open, expected->filtered);
	gremc_ports_close(open);
	filters_renew();
}

static void test_vlan_filter_follows_device_and_host(void **state)
{
	static const struct vlan_case cases[] = {
		{.driver = "net_iavf", .filtered = true},
		{.driver = "net_ixgbe_vf", .host = true, .filtered = true},
		{.driver = "net_ice", .filtered = true},
		{.driver = "net_ice", .host = true},
		{.driver = "net_ice",
		 .filter_answer = -ENOTSUP,
		 .filtered = true,
		 .log = "it receives all VLANs"},
		{.driver = "net_ice",
		 .filter_answer = -EIO,
		 .offload_answer = -EIO,
		 .filtered = true,
		 .log = "it may not receive its frames"},
		{.driver = "net_iavf",
		 .filter_answer = -EIO,
		 .filtered = true,
		 .log = "does not accept VLAN 7"},
	};

	RTE_SET_USED(state);
	for (unsigned i = 0; i < RTE_DIM(cases); i++)
		vlan_case_check(&cases[i]);
}

static void test_vf_without_filter_is_logged(void **state)
{
	RTE_SET_USED(state);
	device.driver = "net_other_vf";
	ports[0].vlan = 7;
	gremc_ports_close(open_ports(1));
	assert_int_equal(device.vlan, 0);
	assert_logged("has no filter for VLAN 7; its physical function has to deliver the frames");
}

/* ---- descriptors and mbufs ---- */

/* The refusal of a number that is no power of two does not change the mbufs. */
static void test_descriptors_are_rounded_to_a_power_of_two(void **state)
{
	struct gremc_ports *open;
	uint32_t size;

	RTE_SET_USED(state);
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
	filters_renew();
	config.settings.rx_descriptors = config.settings.tx_descriptors = 1024;
	open = open_ports(1);
	assert_int_equal(open->port[0]->rx_pool[0]->size, size);
	gremc_ports_close(open);
	filters_renew();
	/* downwards at the device's maximum */
	config.settings.rx_descriptors = config.settings.tx_descriptors = 700;
	device.powers_of_two = true;
	device.max_descriptors = 1000;
	open = open_ports(1);
	assert_int_equal(open->port[0]->rx_descriptors, 512);
	gremc_ports_close(open);
}

static void test_mbuf_capacity_grows_after_capacity_errors_only(void **state)
{
	struct gremc_ports *open;

	RTE_SET_USED(state);
	/* another error does not change the capacity */
	device.rx_answer = -EINVAL;
	assert_refused(1, "RX queue 0 of `net_null0` cannot be set up: Invalid argument");
	assert_int_equal(device.rx_tries, 1);
	assert_not_logged("refuses mbufs");
	gremc_errors_fini(&errors);
	filters_renew();
	device.room_minimum = 4096;
	open = open_ports(1);
	assert_logged("refuses mbufs of 2048 bytes, trying 4096");
	assert_true(rte_pktmbuf_data_room_size(open->port[0]->rx_pool[0]) >= 4096);
	gremc_ports_close(open);
	filters_renew();
	/* with scattered frames the error can mean too many segments */
	device.rx_capa = RTE_ETH_RX_OFFLOAD_SCATTER;
	device.rx_answer = -EINVAL;
	ports[0].mtu = 9000;
	assert_refused(1, "RX queue 0 of `net_null0` cannot be set up: Invalid argument");
	assert_logged("refuses mbufs of 2048 bytes, trying 4096");
	gremc_errors_fini(&errors);
}

/* ---- transmitting chains ---- */

struct segments_case {
	uint16_t copy_threshold, mtu;
	bool scatter; /* the device receives a frame in several mbufs */
	bool chains;  /* expected: replicas can be chains */
};

static void segments_case_check(const struct segments_case *expected)
{
	struct gremc_ports *open;

	device.tx_capa = RTE_ETH_TX_OFFLOAD_MULTI_SEGS;
	device.rx_capa = expected->scatter ? RTE_ETH_RX_OFFLOAD_SCATTER : 0;
	config.settings.copy_threshold = expected->copy_threshold;
	ports[0].mtu = expected->mtu;
	open = open_ports(1);
	assert_int_equal(!!(device.tx_offloads & RTE_ETH_TX_OFFLOAD_MULTI_SEGS), expected->chains);
	assert_int_equal(open->port[0]->multi_seg, expected->chains);
	assert_int_equal(open->port[0]->copies, !expected->chains);
	if (!expected->chains) /* a header mbuf has space for a copy of the longest packet */
		assert_true(open->worker[0].header_capacity >= expected->mtu + GREMC_PORT_HEADERS);
	gremc_ports_close(open);
	filters_renew();
}

static void test_multi_segment_tx_is_enabled_where_chains_occur(void **state)
{
	static const struct segments_case cases[] = {
		{.copy_threshold = 256, .mtu = 1500, .chains = true},
		{.copy_threshold = 1499, .mtu = 1500, .chains = true},
		{.copy_threshold = 1500, .mtu = 1500},
		{.copy_threshold = 9000, .mtu = 9000},
		{.copy_threshold = 9000, .mtu = 9000, .scatter = true, .chains = true},
		{.copy_threshold = 9000, .mtu = 1500, .scatter = true},
	};

	RTE_SET_USED(state);
	for (unsigned i = 0; i < RTE_DIM(cases); i++)
		segments_case_check(&cases[i]);
}

/* A packet of one port leaves by another, so the ports count together. */
static void test_chains_from_one_port_leave_by_another(void **state)
{
	struct gremc_ports *open;

	RTE_SET_USED(state);
	device.tx_capa = RTE_ETH_TX_OFFLOAD_MULTI_SEGS;
	config.settings.copy_threshold = 1500;
	vdev_plug("net_null1", NULL);
	add_port("lan", "net_null1")->mtu = 2000;
	open = open_ports(1);
	assert_true(open->port[0]->multi_seg);
	assert_true(open->port[1]->multi_seg);
	gremc_ports_close(open);
}

/* ---- RSS ---- */

static void test_inner_rss_rule_replaces_outer_rss(void **state)
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
	filters_renew();
	gremc_ports_close(open_ports(3));
	assert_false(device.rule);
	assert_logged("port wan: RSS of `net_null0` sees outer headers only");
	filters_renew();
	/* one queue needs no RSS */
	device.inner_rss = true;
	gremc_ports_close(open_ports(1));
	assert_not_logged("RSS");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_all_multicast_follows_the_configuration, filters_set_up,
						port_world_tear_down),
		cmocka_unit_test_setup_teardown(test_vlan_filter_follows_device_and_host, filters_set_up,
						port_world_tear_down),
		cmocka_unit_test_setup_teardown(test_vf_without_filter_is_logged, filters_set_up,
						port_world_tear_down),
		cmocka_unit_test_setup_teardown(test_descriptors_are_rounded_to_a_power_of_two,
						filters_set_up, port_world_tear_down),
		cmocka_unit_test_setup_teardown(test_mbuf_capacity_grows_after_capacity_errors_only,
						filters_set_up, port_world_tear_down),
		cmocka_unit_test_setup_teardown(test_multi_segment_tx_is_enabled_where_chains_occur,
						filters_set_up, port_world_tear_down),
		cmocka_unit_test_setup_teardown(test_chains_from_one_port_leave_by_another, filters_set_up,
						port_world_tear_down),
		cmocka_unit_test_setup_teardown(test_inner_rss_rule_replaces_outer_rss, filters_set_up,
						port_world_tear_down),
	};

	return port_world_run("filters", tests, RTE_DIM(tests), "512", "(0-3)@(0-1)");
}
