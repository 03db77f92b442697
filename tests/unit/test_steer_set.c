/* SPDX-License-Identifier: BSD-3-Clause */
/* The set of tunnels and groups that a shared port takes. */
#include "steer_world.h"

static void test_set_is_sorted_without_duplicates(void **state)
{
	const struct gremc_steer_group group = {GREMC_PREFIX_IPV4(address_parse("239.1.0.0"), 16), 0},
				       longer = {GREMC_PREFIX_IPV4(address_parse("239.1.0.0"), 24), 0},
				       flow = {GREMC_PREFIX_IPV4(address_parse("239.2.2.2"), 32),
					       address_parse("10.1.1.1")},
				       any = {flow.group, 0};
	struct gremc_steer_tunnel tunnel = {.local = address_parse("10.0.0.1"),
					    .remote = address_parse("198.51.100.1")};
	struct gremc_steer_set steer;

	RTE_SET_USED(state);
	add_port("a", "x")->multicast = true;
	add_port("b", "y");
	for (unsigned i = 0; i < 3; i++)
		config_add_tunnel(i % 2 ? "10.0.0.1" : "9.0.0.2");
	config_add_keyed_tunnel("10.0.0.1", 7);
	config_add_mroute("239.1.0.0/16", UINT32_MAX);
	config_add_mroute("239.2.2.2", 4 + 0); /* a */
	config_add_mroute("239.2.2.2", 4 + 0);
	steer_mroutes[1].source = steer_mroutes[2].source = gremc_addr_from_ipv4(flow.source);
	config_add_mroute("239.3.3.3", 4 + 1); /* b */
	assert_int_equal(gremc_steer_set_init(&steer, &config, 0), 0);
	assert_int_equal(steer.tunnel_count, 3);
	assert_int_equal(steer.tunnels[0].local, address_parse("9.0.0.2"));
	assert_false(steer.tunnels[1].has_key);
	assert_true(steer.tunnels[2].has_key);
	assert_true(gremc_steer_set_has_tunnel(&steer, &tunnel, GREMC_STEER_TUNNEL));
	tunnel.has_key = true;
	assert_false(gremc_steer_set_has_tunnel(&steer, &tunnel, GREMC_STEER_TUNNEL));
	assert_true(gremc_steer_set_has_tunnel(&steer, &tunnel, GREMC_STEER_ADDRESSES));
	tunnel.key = 7;
	assert_true(gremc_steer_set_has_tunnel(&steer, &tunnel, GREMC_STEER_TUNNEL));
	tunnel.key = 8;
	assert_false(gremc_steer_set_has_tunnel(&steer, &tunnel, GREMC_STEER_TUNNEL));
	tunnel.remote = address_parse("198.51.100.2");
	assert_false(gremc_steer_set_has_tunnel(&steer, &tunnel, GREMC_STEER_ADDRESSES));
	assert_true(gremc_steer_set_has_tunnel(&steer, &tunnel, GREMC_STEER_LOCAL));
	tunnel.local = address_parse("10.0.0.2");
	assert_false(gremc_steer_set_has_tunnel(&steer, &tunnel, GREMC_STEER_LOCAL));
	assert_int_equal(steer.group_count, 2);
	assert_true(gremc_steer_set_has_group(&steer, &group));
	assert_false(gremc_steer_set_has_group(&steer, &longer));
	assert_true(gremc_steer_set_has_group(&steer, &flow));
	assert_false(gremc_steer_set_has_group(&steer, &any));
	gremc_steer_set_fini(&steer);
	/* a port without native multicast takes no group */
	assert_int_equal(gremc_steer_set_init(&steer, &config, 1), 0);
	assert_int_equal(steer.tunnel_count, 3);
	assert_int_equal(steer.group_count, 0);
	gremc_steer_set_fini(&steer);
	config.tunnel_count = config.mroute_count = 0;
	assert_int_equal(gremc_steer_set_init(&steer, &config, 0), 0);
	assert_int_equal(steer.tunnel_count, 0);
	assert_false(gremc_steer_set_has_tunnel(&steer, &tunnel, GREMC_STEER_LOCAL));
	gremc_steer_set_fini(&steer);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_set_is_sorted_without_duplicates),
	};

	return port_world_run("steer_set", tests, RTE_DIM(tests), "512", "(0-3)@(0-1)");
}
