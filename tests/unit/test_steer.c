/* SPDX-License-Identifier: BSD-3-Clause */
/* The flow rules of shared ports: tunnels, capabilities of devices, full tables. */
#include <netinet/in.h>

#include <rte_flow.h>

#include "steer_world.h"

/* RFC 8086: one rule by port takes all tunnels of GRE-in-UDP between two addresses, with RSS by outer ports.
 * It is there until the last of them is removed, also where the device cannot match GRE. */
static void test_rfc8086_one_rule_for_the_port(void **state)
{
	struct gremc_ports *open;

	RTE_SET_USED(state);
	isolated_port_add(2);
	flow_device.no_key = true;
	config_add_tunnel("192.0.2.1");
	config_add_keyed_tunnel("192.0.2.1", 7);
	config_add_tunnel("192.0.2.2");
	steer_tunnels[0].options.udp_port = steer_tunnels[1].options.udp_port = 4754;
	open = open_ports(2);
	assert_int_equal(gremc_ports_steer_add(open, &config, &errors), 0);
	assert_int_equal(gremc_ports_steer_trim(open, &config), 0);
	assert_int_equal(rules_count(), 2);
	assert_int_equal(rule_find("192.0.2.1")->protocol, IPPROTO_UDP);
	assert_int_equal(rule_find("192.0.2.1")->port, 4754);
	assert_int_equal(rule_find("192.0.2.1")->source, address_parse("198.51.100.1"));
	assert_false(rule_find("192.0.2.1")->gre);
	assert_int_equal(rule_find("192.0.2.1")->queues, 2);
	assert_int_equal(rule_find("192.0.2.1")->level, 0);
	assert_int_equal(rule_find("192.0.2.2")->protocol, IPPROTO_GRE);
	/* the tunnel with the key stays */
	steer_tunnels[0] = steer_tunnels[2];
	config.tunnel_count = 2;
	assert_int_equal(gremc_ports_steer_add(open, &config, &errors), 0);
	assert_int_equal(gremc_ports_steer_trim(open, &config), 0);
	assert_int_equal(rules_count(), 2);
	assert_int_equal(rule_find("192.0.2.1")->protocol, IPPROTO_UDP);
	config.tunnel_count = 1;
	assert_int_equal(gremc_ports_steer_add(open, &config, &errors), 0);
	assert_int_equal(gremc_ports_steer_trim(open, &config), 0);
	assert_int_equal(rules_count(), 1);
	gremc_ports_close(open);
}

static void test_rules_follow_the_configuration(void **state)
{
	struct gremc_ports *open;

	RTE_SET_USED(state);
	isolated_port_add(2)->multicast = true;
	config_add_tunnel("192.0.2.1");
	config_add_tunnel("192.0.2.2");
	config_add_tunnel("192.0.2.1");
	config_add_mroute("239.0.0.0/8", 3 + 0);
	open = open_ports(2);
	assert_true(flow_device.isolated);
	assert_int_equal(rules_count(), 0);
	assert_int_equal(gremc_ports_steer_add(open, &config, &errors), 0);
	assert_int_equal(gremc_ports_steer_trim(open, &config), 0);
	assert_int_equal(rules_count(), 3);
	assert_int_equal(rule_find("192.0.2.1")->protocol, IPPROTO_GRE);
	assert_true(rule_find("192.0.2.1")->type);
	assert_int_equal(rule_find("192.0.2.1")->source, address_parse("198.51.100.1"));
	assert_int_equal(rule_find("192.0.2.1")->level, 2);
	assert_int_equal(rule_find("192.0.2.1")->queues, 2);
	assert_int_equal(rule_find("192.0.2.1")->vlan, 0);
	assert_int_equal(rule_find("239.0.0.0/8")->protocol, IPPROTO_UDP);
	assert_false(rule_find("239.0.0.0/8")->gre);
	/* the add step adds the new rule, the trim step removes the old one */
	steer_tunnels[1].options.local = address_parse("192.0.2.3");
	config.mroute_count = 0;
	assert_int_equal(gremc_ports_steer_add(open, &config, &errors), 0);
	assert_int_equal(rules_count(), 4);
	assert_int_equal(gremc_ports_steer_trim(open, &config), 0);
	assert_int_equal(rules_count(), 2);
	assert_non_null(rule_find("192.0.2.3"));
	assert_null(rule_find("192.0.2.2"));
	assert_int_equal(gremc_ports_close(open), 0);
	assert_int_equal(rules_count(), 0);
}

static void test_rule_matches_the_vlan_of_the_port(void **state)
{
	struct gremc_ports *open;

	RTE_SET_USED(state);
	isolated_port_add(1)->vlan = 100;
	config_add_tunnel("192.0.2.1");
	open = open_ports(1);
	assert_int_equal(gremc_ports_steer_add(open, &config, &errors), 0);
	assert_int_equal(rule_find("192.0.2.1")->vlan, 100);
	/* one queue needs no RSS */
	assert_false(rule_find("192.0.2.1")->rss);
	gremc_ports_close(open);
}

/* Open a port with two queues and two tunnels, and check the form of the rules and the warning. */
static void style_check(const struct rule_copy *expected, const char *warning)
{
	const struct rule_copy *rule;
	struct gremc_ports *open;

	isolated_port_add(2);
	config_add_tunnel("192.0.2.1");
	config_add_tunnel("192.0.2.2");
	open = open_ports(2);
	assert_int_equal(gremc_ports_steer_add(open, &config, &errors), 0);
	assert_int_equal(rules_count(), 2);
	rule = rule_find("192.0.2.2");
	assert_int_equal(rule->gre, expected->gre);
	assert_int_equal(rule->rss, expected->rss);
	assert_int_equal(rule->level, expected->level);
	assert_logged(warning);
	gremc_ports_close(open);
}

static void test_device_without_inner_rss_uses_outer_rss(void **state)
{
	RTE_SET_USED(state);
	flow_device.no_inner = true;
	style_check(&(struct rule_copy){.gre = true, .rss = true}, "RSS sees outer headers only");
}

static void test_device_without_gre_item_gets_rules_without_it(void **state)
{
	RTE_SET_USED(state);
	flow_device.no_gre = true;
	style_check(&(struct rule_copy){.rss = true}, "RSS sees outer headers only");
}

static void test_device_without_rss_uses_queue_0(void **state)
{
	RTE_SET_USED(state);
	flow_device.no_rss = true;
	style_check(&(struct rule_copy){.gre = true}, "all packets arrive in queue 0");
}

/* ---- matches of tunnels ---- */

/* Open a port with two tunnels between the same addresses, one of them with a key, and a third from another
 * address. */
static struct gremc_ports *three_tunnels_open(void)
{
	struct gremc_ports *open;

	isolated_port_add(1);
	config_add_tunnel("192.0.2.1");
	config_add_keyed_tunnel("192.0.2.1", 7);
	config_add_tunnel("192.0.2.1");
	steer_tunnels[2].options.remote = address_parse("198.51.100.2");
	open = open_ports(1);
	assert_int_equal(gremc_ports_steer_add(open, &config, &errors), 0);
	assert_int_equal(gremc_ports_steer_trim(open, &config), 0);
	return open;
}

static unsigned keyed_rules_count(void)
{
	unsigned count = 0;

	for (unsigned i = 0; i < RULES; i++)
		count += flow_device.rule_copy[i].used && flow_device.rule_copy[i].has_key &&
			 flow_device.rule_copy[i].key == 7;
	return count;
}

static void test_each_tunnel_has_a_rule(void **state)
{
	struct gremc_ports *open;

	RTE_SET_USED(state);
	open = three_tunnels_open();
	assert_int_equal(rules_count(), 3);
	assert_int_equal(keyed_rules_count(), 1);
	/* a removed tunnel loses its rule, the others keep theirs */
	config.tunnel_count = 1;
	assert_int_equal(gremc_ports_steer_add(open, &config, &errors), 0);
	assert_int_equal(gremc_ports_steer_trim(open, &config), 0);
	assert_int_equal(rules_count(), 1);
	assert_false(rule_find("192.0.2.1")->has_key);
	gremc_ports_close(open);
}

/* A device that cannot match keys delivers all GRE between the addresses, with a warning. */
static void test_device_without_keys_gets_rules_of_addresses(void **state)
{
	struct gremc_ports *open;

	RTE_SET_USED(state);
	flow_device.no_key = true;
	open = three_tunnels_open();
	assert_logged("it delivers all GRE between the addresses of a tunnel");
	assert_int_equal(rules_count(), 2);
	assert_int_equal(keyed_rules_count(), 0);
	assert_true(rule_find("192.0.2.1")->source);
	/* another tunnel has the addresses of the removed one */
	steer_tunnels[1] = steer_tunnels[2];
	config.tunnel_count = 2;
	assert_int_equal(gremc_ports_steer_add(open, &config, &errors), 0);
	assert_int_equal(gremc_ports_steer_trim(open, &config), 0);
	assert_int_equal(rules_count(), 2);
	config.tunnel_count = 1;
	assert_int_equal(gremc_ports_steer_trim(open, &config), 0);
	assert_int_equal(rules_count(), 1);
	gremc_ports_close(open);
}

static void test_device_without_pairs_gets_rules_of_local_addresses(void **state)
{
	struct gremc_ports *open;

	RTE_SET_USED(state);
	flow_device.no_type = flow_device.no_pair = true;
	open = three_tunnels_open();
	assert_logged("it delivers all GRE to the `local` of a tunnel");
	assert_int_equal(rules_count(), 1);
	assert_int_equal(rule_find("192.0.2.1")->source, 0);
	gremc_ports_close(open);
}

static void test_full_table_at_start_gets_wider_rules(void **state)
{
	struct gremc_ports *open;

	RTE_SET_USED(state);
	flow_device.free = 1;
	open = three_tunnels_open();
	assert_logged("(the table is full): it delivers all GRE to the `local` of a tunnel");
	assert_int_equal(rules_count(), 1);
	gremc_ports_close(open);
}

static void test_full_table_at_reload_gets_wider_rules(void **state)
{
	struct gremc_ports *open;

	RTE_SET_USED(state);
	flow_device.free = 4;
	open = three_tunnels_open();
	assert_int_equal(rules_count(), 3);
	config_add_keyed_tunnel("192.0.2.1", 8);
	steer_tunnels[0].options.remote = address_parse("198.51.100.3");
	assert_int_equal(gremc_ports_steer_add(open, &config, &errors), 0);
	assert_int_equal(gremc_ports_steer_trim(open, &config), 0);
	assert_logged("it delivers all GRE to the `local` of a tunnel");
	assert_int_equal(rules_count(), 1);
	assert_int_equal(rule_find("192.0.2.1")->source, 0);
	gremc_ports_close(open);
}

static void test_full_table_refuses_the_reload(void **state)
{
	struct gremc_ports *open;

	RTE_SET_USED(state);
	isolated_port_add(1);
	config_add_tunnel("192.0.2.1");
	flow_device.free = 1;
	open = open_ports(1);
	assert_int_equal(gremc_ports_steer_add(open, &config, &errors), 0);
	/* the reload is refused, and the old rules stay */
	config_add_tunnel("192.0.2.2");
	assert_int_equal(gremc_ports_steer_add(open, &config, &errors), -ENOTSUP);
	assert_non_null(strstr(
		errors.text,
		"ethernets.wan: cannot steer 2 tunnels and 0 groups to `net_pcap0`: the table is full"));
	config.tunnel_count = 1;
	assert_int_equal(gremc_ports_steer_trim(open, &config), 0);
	assert_non_null(rule_find("192.0.2.1"));
	gremc_ports_close(open);
}

/* ---- devices without the capability ---- */

static void test_device_without_isolation_is_refused(void **state)
{
	RTE_SET_USED(state);
	flow_device.real = true;
	vdev_plug("net_null0", NULL);
	add_port("wan", "net_null0")->isolate = true;
	assert_refused(
		1,
		"ethernets.wan: `net_null0` (driver net_null) cannot be shared with the kernel by `isolate`");
}

static void test_missing_interface_is_refused(void **state)
{
	struct gremc_config_port *port = add_port("wan", "net_af_xdp_nowhere");

	RTE_SET_USED(state);
	strcpy(port->interface, "nowhere");
	assert_refused(1,
		       GREMC_TEST_XDP ? "the kernel has no interface `nowhere`" : "was built without AF_XDP");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_rfc8086_one_rule_for_the_port),
		TEST(test_rules_follow_the_configuration),
		TEST(test_rule_matches_the_vlan_of_the_port),
		TEST(test_device_without_inner_rss_uses_outer_rss),
		TEST(test_device_without_gre_item_gets_rules_without_it),
		TEST(test_device_without_rss_uses_queue_0),
		TEST(test_each_tunnel_has_a_rule),
		TEST(test_device_without_keys_gets_rules_of_addresses),
		TEST(test_device_without_pairs_gets_rules_of_local_addresses),
		TEST(test_full_table_at_start_gets_wider_rules),
		TEST(test_full_table_at_reload_gets_wider_rules),
		TEST(test_full_table_refuses_the_reload),
		TEST(test_device_without_isolation_is_refused),
		TEST(test_missing_interface_is_refused),
	};

	return port_world_run("steer", tests, RTE_DIM(tests), "512", "(0-3)@(0-1)");
}
