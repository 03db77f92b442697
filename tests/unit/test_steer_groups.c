/* SPDX-License-Identifier: BSD-3-Clause */
/* Flow rules of mroutes of other origins, and of devices that restart. */
#include "steer_world.h"

/* ---- restarts ---- */

/* A reload while the device restarts changes the rules that the restart adds. */
static void test_restart_adds_the_rules_of_a_reload(void **state)
{
	struct gremc_steer_device wan = {.port = "wan", .name = "net_x", .rx_queues = 1};
	struct gremc_config_port *port = add_port("wan", "net_x");
	struct gremc_steer *steer;

	RTE_SET_USED(state);
	port->isolate = true;
	config_add_tunnel("192.0.2.1");
	assert_int_equal(gremc_steer_open(port, &steer, &errors), 0);
	assert_int_equal(gremc_steer_isolate(steer, &wan, &errors), 0);
	assert_int_equal(gremc_steer_add(steer, &wan, &config, 0, &errors), 0);
	assert_int_equal(gremc_steer_trim(steer, &wan, &config, 0), 0);
	assert_non_null(rule_find("192.0.2.1"));
	gremc_steer_halt(steer);
	assert_int_equal(rules_count(), 0);
	config.tunnel_count = 0;
	config_add_tunnel("192.0.2.2");
	assert_int_equal(gremc_steer_add(steer, &wan, &config, 0, &errors), 0);
	assert_int_equal(gremc_steer_trim(steer, &wan, &config, 0), 0);
	assert_int_equal(rules_count(), 0);
	assert_int_equal(gremc_steer_isolate(steer, &wan, &errors), 0);
	assert_int_equal(gremc_steer_restore(steer, &wan), 0);
	assert_int_equal(rules_count(), 1);
	assert_non_null(rule_find("192.0.2.2"));
	gremc_steer_close(steer);
	assert_int_equal(rules_count(), 0);
}

/* The device restarts during a reload and has no space for its rules: a trim reports that, and a later one
 * adds them. */
static void test_failed_restore_is_completed_by_a_later_trim(void **state)
{
	struct gremc_steer_device wan = {.port = "wan", .name = "net_x", .rx_queues = 1};
	struct gremc_config_port *port = add_port("wan", "net_x");
	struct gremc_steer *steer;

	RTE_SET_USED(state);
	port->isolate = true;
	config_add_tunnel("192.0.2.1");
	assert_int_equal(gremc_steer_open(port, &steer, &errors), 0);
	assert_int_equal(gremc_steer_isolate(steer, &wan, &errors), 0);
	assert_int_equal(gremc_steer_add(steer, &wan, &config, 0, &errors), 0);
	gremc_steer_halt(steer);
	assert_int_equal(gremc_steer_isolate(steer, &wan, &errors), 0);
	flow_device.free = 0;
	assert_int_equal(gremc_steer_restore(steer, &wan), 0); /* the old configuration has no tunnel */
	assert_int_equal(gremc_steer_trim(steer, &wan, &config, 0), -ENOTSUP);
	assert_logged("cannot steer tunnels and groups to `net_x` after its restart: the table is full");
	flow_device.free = RULES;
	assert_int_equal(gremc_steer_trim(steer, &wan, &config, 0), 0);
	assert_non_null(rule_find("192.0.2.1"));
	gremc_steer_close(steer);
	assert_int_equal(rules_count(), 0);
}

/* ---- groups of mroutes of other origins ---- */

static struct gremc_steer_group group_parse(const char *text)
{
	struct gremc_steer_group group = {0};

	assert_int_equal(gremc_prefix_parse(text, &group.group, NULL), 0);
	return group;
}

static struct gremc_ports *two_groups_open(void)
{
	struct gremc_ports *open;

	isolated_port_add(1)->multicast = true;
	config_add_mroute("239.1.1.1", UINT32_MAX);
	config_add_mroute("239.2.2.2", UINT32_MAX);
	open = open_ports(1);
	assert_int_equal(gremc_ports_steer_add(open, &config, &errors), 0);
	assert_int_equal(gremc_ports_steer_trim(open, &config), 0);
	assert_int_equal(rules_count(), 2);
	return open;
}

static void test_rules_follow_mroutes_of_other_origins(void **state)
{
	const struct gremc_steer_group groups[] = {group_parse("239.9.9.9"), group_parse("239.1.1.1"),
						   group_parse("239.9.9.9"), group_parse("239.8.0.0/16")};
	struct gremc_ports *open;

	RTE_SET_USED(state);
	open = two_groups_open();
	gremc_ports_steer_groups(open, 0, groups, RTE_DIM(groups));
	assert_int_equal(rules_count(), 4);
	assert_int_equal(rule_find("239.9.9.9")->protocol, IPPROTO_UDP);
	assert_non_null(rule_find("239.8.0.0/16"));
	/* a reload keeps them, also one that the configuration no longer has */
	steer_mroutes[0] = steer_mroutes[1];
	config.mroute_count = 1;
	assert_int_equal(gremc_ports_steer_add(open, &config, &errors), 0);
	assert_int_equal(gremc_ports_steer_trim(open, &config), 0);
	assert_int_equal(rules_count(), 4);
	/* rules of removed groups are destroyed, except those of the configuration */
	gremc_ports_steer_groups(open, 0, groups, 1);
	assert_int_equal(rules_count(), 2);
	assert_non_null(rule_find("239.2.2.2"));
	assert_non_null(rule_find("239.9.9.9"));
	gremc_ports_steer_groups(open, 0, groups, 0);
	assert_int_equal(rules_count(), 1);
	assert_int_equal(gremc_ports_close(open), 0);
	assert_int_equal(rules_count(), 0);
}

static void test_each_source_of_a_group_has_a_rule(void **state)
{
	const struct gremc_steer_group groups[] = {
		{group_parse("239.9.9.9").group, address_parse("10.1.1.1")},
		{group_parse("239.9.9.9").group, address_parse("10.1.1.2")},
		group_parse("239.9.9.9")};
	struct gremc_ports *open;

	RTE_SET_USED(state);
	open = two_groups_open();
	gremc_ports_steer_groups(open, 0, groups, 1);
	assert_int_equal(rules_count(), 3);
	assert_int_equal(rule_find("239.9.9.9")->source, address_parse("10.1.1.1"));
	assert_int_equal(rule_find("239.1.1.1")->source, 0);
	gremc_ports_steer_groups(open, 0, groups, 3);
	assert_int_equal(rules_count(), 5);
	gremc_ports_steer_groups(open, 0, groups + 1, 1);
	assert_int_equal(rules_count(), 3);
	assert_int_equal(rule_find("239.9.9.9")->source, address_parse("10.1.1.2"));
	/* a flow rule cannot pass a single packet */
	assert_false(gremc_ports_steer_pass(open, 0, &groups[1]));
	assert_int_equal(gremc_ports_close(open), 0);
}

static void test_groups_that_do_not_fit_are_retried(void **state)
{
	const struct gremc_steer_group groups[] = {group_parse("239.7.7.7"), group_parse("239.8.8.8")};
	struct gremc_ports *open;

	RTE_SET_USED(state);
	flow_device.free = 3;
	open = two_groups_open();
	gremc_ports_steer_groups(open, 0, groups, 2);
	assert_logged("cannot take all of the 2 groups of mroutes that accept the port: the table is full");
	assert_int_equal(rules_count(), 3);
	/* with space again, the next change adds all */
	flow_device.free = 1;
	gremc_ports_steer_groups(open, 0, groups, 2);
	assert_int_equal(rules_count(), 4);
	gremc_ports_close(open);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_restart_adds_the_rules_of_a_reload),
		TEST(test_failed_restore_is_completed_by_a_later_trim),
		TEST(test_rules_follow_mroutes_of_other_origins),
		TEST(test_each_source_of_a_group_has_a_rule),
		TEST(test_groups_that_do_not_fit_are_retried),
	};

	return port_world_run("steer_groups", tests, RTE_DIM(tests), "512", "(0-3)@(0-1)");
}
