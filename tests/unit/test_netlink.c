/* SPDX-License-Identifier: BSD-3-Clause */
/* Netlink messages as C structures, and overflows of an event socket. */
#include "test.h"

#include <arpa/inet.h>
#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "netlink/netlink.h"

static char message_buffer[4096] __rte_aligned(8);

static struct nlmsghdr *message_begin(uint16_t type, const void *header, size_t size)
{
	struct nlmsghdr *message = mnl_nlmsg_put_header(message_buffer);

	message->nlmsg_type = type;
	memcpy(mnl_nlmsg_put_extra_header(message, size), header, size);
	return message;
}

/* ---- links ---- */

static void test_link_message_has_every_property(void **state __rte_unused)
{
	static const uint8_t mac[6] = {2, 0, 0, 0, 0, 7};
	const struct ifinfomsg header = {.ifi_index = 9, .ifi_flags = IFF_UP};
	struct nlmsghdr *message = message_begin(RTM_NEWLINK, &header, sizeof(header));
	struct nlattr *info;
	struct gremc_link link;

	mnl_attr_put_strz(message, IFLA_IFNAME, "wan0");
	mnl_attr_put_u32(message, IFLA_MTU, 1400);
	mnl_attr_put_u32(message, IFLA_MASTER, 12);
	mnl_attr_put(message, IFLA_ADDRESS, sizeof(mac), mac);
	info = mnl_attr_nest_start(message, IFLA_LINKINFO);
	mnl_attr_put_strz(message, IFLA_INFO_KIND, "tun");
	mnl_attr_put_strz(message, IFLA_INFO_SLAVE_KIND, "vrf");
	mnl_attr_nest_end(message, info);
	gremc_link_parse(message, &link);
	assert_int_equal(link.ifindex, 9);
	assert_int_equal(link.flags, IFF_UP);
	assert_int_equal(link.mtu, 1400);
	assert_int_equal(link.master, 12);
	assert_true(link.in_vrf);
	assert_string_equal(link.name, "wan0");
	assert_string_equal(link.kind, "tun");
	assert_memory_equal(&link.mac, mac, sizeof(mac));
}

static void test_link_in_a_bridge_is_in_no_vrf(void **state __rte_unused)
{
	const struct ifinfomsg header = {.ifi_index = 9};
	struct nlmsghdr *message = message_begin(RTM_NEWLINK, &header, sizeof(header));
	struct nlattr *info;
	struct gremc_link link;

	mnl_attr_put_u32(message, IFLA_MASTER, 12);
	info = mnl_attr_nest_start(message, IFLA_LINKINFO);
	mnl_attr_put_strz(message, IFLA_INFO_SLAVE_KIND, "bridge");
	mnl_attr_nest_end(message, info);
	gremc_link_parse(message, &link);
	assert_int_equal(link.master, 12);
	assert_false(link.in_vrf);
	assert_string_equal(link.kind, "");
}

/* ---- routes ---- */

static void test_route_message_has_its_destination(void **state __rte_unused)
{
	const struct rtmsg header = {.rtm_family = AF_INET, .rtm_dst_len = 24};
	struct nlmsghdr *message = message_begin(RTM_NEWROUTE, &header, sizeof(header));
	struct gremc_prefix to;

	mnl_attr_put_u32(message, RTA_DST, RTE_BE32(0xcb007100));
	assert_true(gremc_route_destination_parse(message, &to));
	assert_int_equal(to.address.ipv4, RTE_BE32(0xcb007100));
	assert_int_equal(to.length, 24);
}

static void test_default_route_covers_every_address(void **state __rte_unused)
{
	const struct rtmsg header = {.rtm_family = AF_INET};
	struct gremc_prefix to;

	assert_true(gremc_route_destination_parse(message_begin(RTM_DELROUTE, &header, sizeof(header)), &to));
	assert_true(gremc_prefix_covers(&to, &(struct gremc_addr)GREMC_ADDR_IPV4(RTE_BE32(0xc6336402))));
}

static void test_route_of_another_family_is_ignored(void **state __rte_unused)
{
	const struct rtmsg ipv6 = {.rtm_family = AF_INET6},
			   cached = {.rtm_family = AF_INET, .rtm_flags = RTM_F_CLONED};
	struct gremc_prefix to;

	assert_false(gremc_route_destination_parse(message_begin(RTM_NEWROUTE, &ipv6, sizeof(ipv6)), &to));
	assert_false(
		gremc_route_destination_parse(message_begin(RTM_NEWROUTE, &cached, sizeof(cached)), &to));
}

/* ---- neighbours ---- */

static void test_neighbor_has_an_address_of_its_family(void **state __rte_unused)
{
	static const uint8_t mac[6] = {2, 0, 0, 0, 0, 8};
	const struct ndmsg header = {.ndm_family = AF_INET, .ndm_ifindex = 5, .ndm_state = NUD_REACHABLE};
	struct nlmsghdr *message = message_begin(RTM_NEWNEIGH, &header, sizeof(header));
	struct gremc_neighbor neighbor;

	mnl_attr_put_u32(message, NDA_DST, RTE_BE32(0xc0000202));
	mnl_attr_put(message, NDA_LLADDR, sizeof(mac), mac);
	assert_true(gremc_neighbor_parse(message, &neighbor));
	assert_int_equal(neighbor.ifindex, 5);
	assert_int_equal(neighbor.state, NUD_REACHABLE);
	assert_int_equal(neighbor.address.family, GREMC_FAMILY_IPV4);
	assert_int_equal(gremc_addr_to_ipv4(&neighbor.address), RTE_BE32(0xc0000202));
	assert_memory_equal(&neighbor.mac, mac, sizeof(mac));
}

static void test_removed_neighbor_has_no_state(void **state __rte_unused)
{
	const struct ndmsg header = {.ndm_family = AF_INET6, .ndm_state = NUD_REACHABLE};
	struct nlmsghdr *message = message_begin(RTM_DELNEIGH, &header, sizeof(header));
	static const struct in6_addr address = {.s6_addr = {0xfe, 0x80, [15] = 1}};
	struct gremc_neighbor neighbor;

	mnl_attr_put(message, NDA_DST, sizeof(address), &address);
	assert_true(gremc_neighbor_parse(message, &neighbor));
	assert_int_equal(neighbor.state, NUD_NONE);
	assert_int_equal(neighbor.address.family, GREMC_FAMILY_IPV6);
	assert_memory_equal(neighbor.address.bytes, &address, sizeof(address));
}

static void test_neighbor_of_a_bridge_is_ignored(void **state __rte_unused)
{
	const struct ndmsg header = {.ndm_family = AF_BRIDGE};
	struct gremc_neighbor neighbor;

	assert_false(gremc_neighbor_parse(message_begin(RTM_NEWNEIGH, &header, sizeof(header)), &neighbor));
}

/* ---- the kernel ---- */

static bool netlink_has_namespace;

static void test_loopback_is_found_and_other_names_are_not(void **state __rte_unused)
{
	static struct gremc_netlink netlink;
	struct gremc_link link;

	assert_int_equal(gremc_netlink_open(&netlink), 0);
	assert_int_equal(gremc_link_get(&netlink, "lo", &link), 0);
	assert_true(link.flags & IFF_LOOPBACK);
	assert_int_equal(gremc_link_get(&netlink, "gremc-none", &link), -ENODEV);
	gremc_netlink_close(&netlink);
	gremc_netlink_close(&netlink); /* no-op */
}

static void loopback_set(struct gremc_netlink *netlink, unsigned count)
{
	const struct gremc_link_settings up = {.up = true}, down = {.down = true};

	for (unsigned i = 0; i < count; i++)
		assert_int_equal(gremc_link_set(netlink, 1, i % 2 ? &down : &up), 0);
}

/* Read the socket until it is empty, and count each event. */
static void events_read_all(struct gremc_netlink_events *events, unsigned *overflows, unsigned *resyncs)
{
	enum gremc_netlink_event event;
	size_t length;

	*overflows = *resyncs = 0;
	while ((event = gremc_netlink_events_receive(events, &length)) != GREMC_NETLINK_EMPTY) {
		/* the resynchronisation is reported when nothing is left */
		assert_int_equal(*resyncs, 0);
		*overflows += event == GREMC_NETLINK_OVERFLOW;
		*resyncs += event == GREMC_NETLINK_RESYNC;
	}
}

static void test_overflow_ends_with_one_resync(void **state __rte_unused)
{
	static const unsigned group = RTNLGRP_LINK;
	static struct gremc_netlink netlink;
	static struct gremc_netlink_events events;
	unsigned overflows, resyncs;

	if (!netlink_has_namespace) {
		print_message("needs root\n");
		skip();
	}
	assert_int_equal(gremc_netlink_open(&netlink), 0);
	assert_int_equal(gremc_netlink_events_open(&events, &group, 1, 4096), 0);
	loopback_set(&netlink, 2);
	events_read_all(&events, &overflows, &resyncs);
	assert_int_equal(overflows, 0);
	assert_int_equal(resyncs, 0);
	loopback_set(&netlink, 64);
	events_read_all(&events, &overflows, &resyncs);
	assert_true(overflows > 0);
	assert_int_equal(resyncs, 1);
	/* afterwards events arrive again */
	loopback_set(&netlink, 2);
	events_read_all(&events, &overflows, &resyncs);
	assert_int_equal(overflows, 0);
	gremc_netlink_events_close(&events);
	gremc_netlink_close(&netlink);
}

static void test_unknown_group_is_an_error(void **state __rte_unused)
{
	static const unsigned groups[] = {RTNLGRP_LINK, 1000000};
	static struct gremc_netlink_events events;

	assert_int_equal(gremc_netlink_events_open(&events, groups, RTE_DIM(groups), 4096), -EINVAL);
	assert_null(events.socket);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_link_message_has_every_property),
		cmocka_unit_test(test_link_in_a_bridge_is_in_no_vrf),
		cmocka_unit_test(test_route_message_has_its_destination),
		cmocka_unit_test(test_default_route_covers_every_address),
		cmocka_unit_test(test_route_of_another_family_is_ignored),
		cmocka_unit_test(test_neighbor_has_an_address_of_its_family),
		cmocka_unit_test(test_removed_neighbor_has_no_state),
		cmocka_unit_test(test_neighbor_of_a_bridge_is_ignored),
		cmocka_unit_test(test_loopback_is_found_and_other_names_are_not),
		cmocka_unit_test(test_overflow_ends_with_one_resync),
		cmocka_unit_test(test_unknown_group_is_an_error),
	};

	netlink_has_namespace = unshare(CLONE_NEWNET) == 0;
	return cmocka_run_group_tests_name("netlink", tests, NULL, NULL);
}
