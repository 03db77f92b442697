/* SPDX-License-Identifier: BSD-3-Clause */
/* The kernel's routes and neighbours as adjacencies of tunnels. */
#include <linux/nexthop.h>

#include "base/clock.h"
#include "host/host_priv.h"
#include "host_fixture.h"
#include "nexthop/nexthop_priv.h"

static void test_kernel_neighbor_resolves_the_adjacency(void **state)
{
	struct host_fixture *f = *state;

	NEEDS_ROOT(state);
	config_apply(f);
	EVENTUALLY(f, tunnel_adjacency_is(f, GATEWAY, NULL));
	kernel_neighbor_set(f, GATEWAY, &mac_a);
	EVENTUALLY(f, tunnel_adjacency_is(f, GATEWAY, &mac_a));
	kernel_neighbor_set(f, GATEWAY, &mac_b);
	EVENTUALLY(f, tunnel_adjacency_is(f, GATEWAY, &mac_b));
	kernel_neighbor_set(f, GATEWAY, NULL);
	EVENTUALLY(f, tunnel_adjacency_is(f, GATEWAY, NULL));
}

static void test_tunnel_follows_the_kernel_route(void **state)
{
	const struct gremc_link_route host_route = {GREMC_PREFIX_IPV4(REMOTE, 32), GREMC_ADDR_IPV4(GATEWAY2),
						    false},
				      rest = {GREMC_PREFIX_IPV4(0, 0), GREMC_ADDR_IPV4(GATEWAY), false};
	struct host_fixture *f = *state;
	unsigned ifindex;

	NEEDS_ROOT(state);
	config_apply(f);
	ifindex = if_nametoindex("wan0");
	kernel_neighbor_set(f, GATEWAY2, &mac_b);
	assert_int_equal(gremc_route_set(&f->netlink, ifindex, &host_route, GREMC_ROUTE_ADD), 0);
	EVENTUALLY(f, tunnel_adjacency_is(f, GATEWAY2, &mac_b));
	assert_int_equal(gremc_route_set(&f->netlink, ifindex, &host_route, GREMC_ROUTE_REMOVE), 0);
	EVENTUALLY(f, tunnel_adjacency_is(f, GATEWAY, NULL));
	assert_int_equal(gremc_route_set(&f->netlink, ifindex, &rest, GREMC_ROUTE_REMOVE), 0);
	EVENTUALLY(f, tunnel_adjacency_is(f, RTE_BE32(UINT32_MAX), NULL));
	assert_int_equal(gremc_route_set(&f->netlink, ifindex, &rest, GREMC_ROUTE_ADD), 0);
	EVENTUALLY(f, tunnel_adjacency_is(f, GATEWAY, NULL));
}

/* A neighbour of the configuration overrides the kernel's, also for a next hop of a kernel route. */
static void test_static_neighbor_overrides_the_kernel(void **state)
{
	struct gremc_config_neighbor neighbor = {GREMC_ADDR_IPV4(GATEWAY2), mac_a};
	const struct gremc_link_route host_route = {GREMC_PREFIX_IPV4(REMOTE, 32), GREMC_ADDR_IPV4(GATEWAY2),
						    false};
	struct host_fixture *f = *state;

	NEEDS_ROOT(state);
	f->config_port.neighbors = &neighbor;
	f->config_port.neighbor_count = 1;
	config_apply(f);
	kernel_neighbor_set(f, GATEWAY2, &mac_b);
	assert_int_equal(gremc_route_set(&f->netlink, if_nametoindex("wan0"), &host_route, GREMC_ROUTE_ADD),
			 0);
	EVENTUALLY(f, tunnel_adjacency_is(f, GATEWAY2, &mac_a));
}

/* More changes than the socket can hold. */
static void events_overflow(struct host_fixture *f)
{
	struct gremc_link_route route = {GREMC_PREFIX_IPV4(0, 32), GREMC_ADDR_IPV4(GATEWAY2), false};
	unsigned ifindex = if_nametoindex("wan0");

	for (uint32_t i = 0; i < 60000; i++) {
		route.to.address.ipv4 = rte_cpu_to_be_32(0x0b000000 + i / 2);
		assert_int_equal(gremc_route_set(&f->netlink, ifindex, &route,
						 i % 2 ? GREMC_ROUTE_REMOVE : GREMC_ROUTE_ADD),
				 0);
	}
}

static void test_resync_finds_changes_that_an_overflow_dropped(void **state)
{
	const struct gremc_link_route route = {GREMC_PREFIX_IPV4(REMOTE, 32), GREMC_ADDR_IPV4(GATEWAY2),
					       false};
	struct host_fixture *f = *state;

	NEEDS_ROOT(state);
	config_apply(f);
	kernel_neighbor_set(f, GATEWAY2, &mac_b);
	events_overflow(f);
	/* the relevant change is lost among them */
	assert_int_equal(gremc_route_set(&f->netlink, if_nametoindex("wan0"), &route, GREMC_ROUTE_ADD), 0);
	kernel_neighbor_set(f, GATEWAY2, &mac_a);
	assert_int_equal(gremc_host_overruns_read(f->host), 0);
	EVENTUALLY(f, tunnel_adjacency_is(f, GATEWAY2, &mac_a));
	assert_true(gremc_host_overruns_read(f->host) > 0);
}

/* The kernel reports a loss of events once, and loses more until the others are read. */
static void test_resync_finds_changes_during_the_overflow(void **state)
{
	const struct gremc_link_route route = {GREMC_PREFIX_IPV4(REMOTE, 32), GREMC_ADDR_IPV4(GATEWAY2),
					       false};
	struct host_fixture *f = *state;

	NEEDS_ROOT(state);
	config_apply(f);
	kernel_neighbor_set(f, GATEWAY2, &mac_b);
	assert_int_equal(gremc_route_set(&f->netlink, if_nametoindex("wan0"), &route, GREMC_ROUTE_ADD), 0);
	EVENTUALLY(f, tunnel_adjacency_is(f, GATEWAY2, &mac_b));
	events_overflow(f);
	for (unsigned i = 0; i < 8; i++)
		loop_turn(f);
	kernel_neighbor_set(f, GATEWAY2, &mac_a);
	EVENTUALLY(f, tunnel_adjacency_is(f, GATEWAY2, &mac_a));
}

static void kernel_nexthop_set(struct host_fixture *f, uint16_t type, uint32_t id, rte_be32_t via,
			       unsigned ifindex)
{
	struct nlmsghdr *request = gremc_netlink_request_init(
		&f->netlink, type, type == RTM_NEWNEXTHOP ? NLM_F_CREATE | NLM_F_REPLACE : 0);
	struct nhmsg *message = mnl_nlmsg_put_extra_header(request, sizeof(*message));

	message->nh_family = type == RTM_NEWNEXTHOP ? AF_INET : AF_UNSPEC;
	mnl_attr_put_u32(request, NHA_ID, id);
	if (type == RTM_NEWNEXTHOP) {
		mnl_attr_put_u32(request, NHA_OIF, ifindex);
		mnl_attr_put_u32(request, NHA_GATEWAY, via);
	}
	kernel_request_send(f, request);
}

static void kernel_nexthop_group_set(struct host_fixture *f, uint32_t id, uint32_t member)
{
	struct nlmsghdr *request =
		gremc_netlink_request_init(&f->netlink, RTM_NEWNEXTHOP, NLM_F_CREATE | NLM_F_REPLACE);
	struct nexthop_grp group = {.id = member};

	mnl_nlmsg_put_extra_header(request, sizeof(struct nhmsg));
	mnl_attr_put_u32(request, NHA_ID, id);
	mnl_attr_put(request, NHA_GROUP, sizeof(group), &group);
	kernel_request_send(f, request);
}

static void kernel_route_by_nexthop_add(struct host_fixture *f, const struct gremc_prefix *to, uint32_t id)
{
	struct nlmsghdr *request = kernel_route_request(f, RTM_NEWROUTE, to);

	mnl_attr_put_u32(request, RTA_NH_ID, id);
	kernel_request_send(f, request);
}

/* A nexthop object is replaced, a group gets another member, the object is deleted. */
static void test_tunnel_follows_nexthop_objects(void **state)
{
	const struct gremc_prefix to = GREMC_PREFIX_IPV4(REMOTE & gremc_ipv4_mask(24), 24),
				  host = GREMC_PREFIX_IPV4(REMOTE, 32);
	struct host_fixture *f = *state;
	unsigned ifindex;

	NEEDS_ROOT(state);
	kernel_setting_write("/proc/sys/net/ipv4/nexthop_compat_mode", "0");
	config_apply(f);
	ifindex = if_nametoindex("wan0");
	EVENTUALLY(f, tunnel_adjacency_is(f, GATEWAY, NULL));
	kernel_nexthop_set(f, RTM_NEWNEXTHOP, 7, GATEWAY2, ifindex);
	kernel_route_by_nexthop_add(f, &to, 7);
	EVENTUALLY(f, tunnel_adjacency_is(f, GATEWAY2, NULL));
	kernel_nexthop_set(f, RTM_NEWNEXTHOP, 7, RTE_BE32(0xc00002fc), ifindex);
	EVENTUALLY(f, tunnel_adjacency_is(f, RTE_BE32(0xc00002fc), NULL));
	kernel_nexthop_set(f, RTM_NEWNEXTHOP, 8, GATEWAY2, ifindex);
	kernel_nexthop_group_set(f, 20, 7);
	kernel_route_by_nexthop_add(f, &host, 20);
	EVENTUALLY(f, tunnel_adjacency_is(f, RTE_BE32(0xc00002fc), NULL));
	kernel_nexthop_group_set(f, 20, 8);
	EVENTUALLY(f, tunnel_adjacency_is(f, GATEWAY2, NULL));
	kernel_setting_write("/proc/sys/net/ipv4/nexthop_compat_mode", "1");
	kernel_nexthop_set(f, RTM_DELNEXTHOP, 20, 0, 0);
	EVENTUALLY(f, tunnel_adjacency_is(f, RTE_BE32(0xc00002fc), NULL));
	kernel_nexthop_set(f, RTM_DELNEXTHOP, 7, 0, 0);
	EVENTUALLY(f, tunnel_adjacency_is(f, GATEWAY, NULL));
}

/* The link of the better route goes down and up again. */
static void test_tunnel_follows_links_that_are_no_ports(void **state)
{
	const struct gremc_link_settings down = {.down = true};
	const struct gremc_prefix to = GREMC_PREFIX_IPV4(REMOTE & gremc_ipv4_mask(24), 24);
	struct host_fixture *f = *state;
	unsigned mgmt;

	NEEDS_ROOT(state);
	mgmt = kernel_veth_create(f, "mgmt");
	kernel_address_add(f, mgmt, MGMT, 24, 0);
	config_apply(f);
	kernel_route_change(f, RTM_NEWROUTE, &to, MGMT_GW, mgmt);
	EVENTUALLY(f, tunnel_adjacency_is(f, RTE_BE32(UINT32_MAX), NULL));
	assert_int_equal(gremc_link_set(&f->netlink, mgmt, &down), 0);
	EVENTUALLY(f, tunnel_adjacency_is(f, GATEWAY, NULL));
	kernel_link_remove(f, "mgmt");
}

/* The full check finds a change whose event was lost. */
static void test_full_check_finds_changes_without_an_event(void **state)
{
	const struct gremc_prefix to = GREMC_PREFIX_IPV4(REMOTE, 32);
	struct host_fixture *f = *state;
	size_t length;

	NEEDS_ROOT(state);
	config_apply(f);
	EVENTUALLY(f, tunnel_adjacency_is(f, GATEWAY, NULL));
	kernel_route_change(f, RTM_NEWROUTE, &to, GATEWAY2, if_nametoindex("wan0"));
	/* the event about this change is lost */
	while (gremc_netlink_events_receive(&f->host->nexthops->events, &length) == GREMC_NETLINK_MESSAGES)
		;
	f->host->nexthops->full_check_ended = 0;
	EVENTUALLY(f, tunnel_adjacency_is(f, GATEWAY2, NULL));
}

/* An IPv4 route by an IPv6 neighbour (RFC 5549): the next hop has its MAC address. */
static void test_route_with_an_ipv6_next_hop_resolves(void **state)
{
	static const struct in6_addr gateway = {.s6_addr = {0xfe, 0x80, [15] = 0x42}};
	const struct gremc_prefix to = GREMC_PREFIX_IPV4(REMOTE, 32);
	struct rtvia *via = (struct rtvia *)(uint8_t[sizeof(*via) + sizeof(gateway)]){0};
	struct host_fixture *f = *state;
	struct nlmsghdr *request;
	struct ndmsg *message;
	unsigned ifindex;

	NEEDS_ROOT(state);
	if (access("/proc/sys/net/ipv6", R_OK)) {
		print_message("no IPv6\n");
		skip();
	}
	kernel_setting_write("/proc/sys/net/ipv6/conf/all/disable_ipv6", "0");
	config_apply(f);
	ifindex = if_nametoindex("wan0");
	request = kernel_route_request(f, RTM_NEWROUTE, &to);
	via->rtvia_family = AF_INET6;
	memcpy(via->rtvia_addr, &gateway, sizeof(gateway));
	mnl_attr_put(request, RTA_VIA, sizeof(*via) + sizeof(gateway), via);
	mnl_attr_put_u32(request, RTA_OIF, ifindex);
	kernel_request_send(f, request);
	EVENTUALLY(f, tunnel_adjacency_is(f, GREMC_NEXT_HOP_IPV6, NULL));
	assert_memory_equal(tunnel_adjacency(f)->next_hop6, &gateway, sizeof(gateway));
	request = gremc_netlink_request_init(&f->netlink, RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_REPLACE);
	message = mnl_nlmsg_put_extra_header(request, sizeof(*message));
	message->ndm_family = AF_INET6;
	message->ndm_ifindex = ifindex;
	message->ndm_state = NUD_PERMANENT;
	mnl_attr_put(request, NDA_DST, sizeof(gateway), &gateway);
	mnl_attr_put(request, NDA_LLADDR, sizeof(mac_b), &mac_b);
	kernel_request_send(f, request);
	EVENTUALLY(f, tunnel_adjacency_is(f, GREMC_NEXT_HOP_IPV6, &mac_b));
	kernel_route_change(f, RTM_DELROUTE, &to, 0, ifindex);
	EVENTUALLY(f, tunnel_adjacency_is(f, GATEWAY, NULL));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_kernel_neighbor_resolves_the_adjacency),
		TEST(test_tunnel_follows_the_kernel_route),
		TEST(test_static_neighbor_overrides_the_kernel),
		TEST(test_resync_finds_changes_that_an_overflow_dropped),
		TEST(test_resync_finds_changes_during_the_overflow),
		TEST(test_tunnel_follows_nexthop_objects),
		TEST(test_tunnel_follows_links_that_are_no_ports),
		TEST(test_full_check_finds_changes_without_an_event),
		TEST(test_route_with_an_ipv6_next_hop_resolves),
	};

	return cmocka_run_group_tests_name("nexthop", tests, host_group_set_up, host_group_tear_down);
}
