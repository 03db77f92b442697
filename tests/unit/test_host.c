/* SPDX-License-Identifier: BSD-3-Clause */
/* The devices of the host, with their addresses, routes and settings. */
#include <fcntl.h>

#include "base/clock.h"
#include "host/host_priv.h"
#include "host_fixture.h"
#include "nexthop/nexthop_priv.h"
#include "port/port_priv.h"

static void test_devices_match_the_configuration(void **state)
{
	struct host_fixture *f = *state;
	struct gremc_host_device_info entry;
	struct gremc_link link;
	struct gremc_kernel_next_hop next_hop;

	NEEDS_ROOT(state);
	config_apply(f);
	assert_int_equal(gremc_link_get(&f->netlink, "wan0", &link), 0);
	assert_int_equal(link.mtu, 1500);
	assert_memory_equal(&link.mac, &mac_a, 6);
	assert_true(link.flags & IFF_UP);
	assert_int_equal(gremc_link_get(&f->netlink, "gre1", &link), 0);
	assert_int_equal(link.mtu, 1476);
	assert_int_equal(link.flags & (IFF_POINTOPOINT | IFF_NOARP | IFF_MULTICAST | IFF_UP),
			 IFF_POINTOPOINT | IFF_NOARP | IFF_MULTICAST | IFF_UP);
	assert_int_equal(kernel_route_lookup(f, REMOTE, LOCAL, &next_hop), 0);
	assert_int_equal(gremc_addr_to_ipv4(&next_hop.via), GATEWAY);
	assert_int_equal(kernel_route_lookup(f, gremc_addr_to_ipv4(&f->tunnel.peer), 0, &next_hop), 0);
	assert_int_equal(next_hop.ifindex, link.ifindex);
	assert_int_equal(gremc_host_device_count(f->host), 2);
	assert_true(gremc_host_device_info(f->host, 0, &entry));
	assert_string_equal(entry.name, "gre1");
	assert_false(gremc_host_device_info(f->host, 2, &entry));
	assert_int_equal(gremc_u8_load(&f->vifs->port_punt[0]), GREMC_VIF_PUNT_FRAMES);
	assert_true(gremc_u8_load(&f->vifs->punt[f->vif[0]]) & GREMC_VIF_PUNT_UNICAST);
}

/* A reload removes addresses and routes of the old configuration; those of other programs stay. */
static void test_reload_removes_only_addresses_and_routes_of_the_configuration(void **state)
{
	const struct gremc_link_address ours = {.address = GREMC_ADDR_IPV4(RTE_BE32(0xc0000205)),
						.length = 24};
	const struct gremc_link_address theirs = {.address = GREMC_ADDR_IPV4(RTE_BE32(0xc0000206)),
						  .length = 24};
	struct gremc_config_address two[2] = {{GREMC_ADDR_IPV4(LOCAL), 24}, {ours.address, 24}};
	struct host_fixture *f = *state;
	unsigned ifindex;

	NEEDS_ROOT(state);
	f->config_port.addresses = two;
	f->config_port.address_count = 2;
	config_apply(f);
	ifindex = if_nametoindex("wan0");
	assert_int_equal(gremc_address_set(&f->netlink, ifindex, &theirs, true), 0);
	config_init(f);
	f->config_port.route_count = 0;
	config_apply(f);
	assert_int_equal(if_nametoindex("wan0"), ifindex);
	/* a removal reports whether the address existed: ours is gone */
	assert_int_equal(kernel_route_lookup(f, REMOTE, LOCAL, &(struct gremc_kernel_next_hop){0}),
			 -ENETUNREACH);
	assert_int_not_equal(
		kernel_route_lookup(f, GATEWAY, theirs.address.ipv4, &(struct gremc_kernel_next_hop){0}),
		-EINVAL);
	assert_int_equal(kernel_route_lookup(f, ours.address.ipv4, 0, &(struct gremc_kernel_next_hop){0}), 0);
}

static void test_tunnel_follows_the_mtu_of_its_device(void **state)
{
	const struct gremc_link_settings small = {.mtu = 1400}, large = {.mtu = 9000};
	struct host_fixture *f = *state;

	NEEDS_ROOT(state);
	config_apply(f);
	assert_int_equal(gremc_link_set(&f->netlink, if_nametoindex("gre1"), &small), 0);
	EVENTUALLY(f, f->vifs->encap[f->vif[0]].mtu == 1400);
	assert_int_equal(gremc_link_set(&f->netlink, if_nametoindex("gre1"), &large), 0);
	EVENTUALLY(f, f->vifs->encap[f->vif[0]].mtu == 1476);
}

static void test_removed_device_is_created_again(void **state)
{
	struct host_fixture *f = *state;
	struct gremc_kernel_next_hop next_hop;
	unsigned ifindex;

	NEEDS_ROOT(state);
	config_apply(f);
	ifindex = if_nametoindex("wan0");
	kernel_link_remove(f, "wan0");
	EVENTUALLY(f, if_nametoindex("wan0") != 0 && if_nametoindex("wan0") != ifindex);
	assert_int_equal(kernel_route_lookup(f, REMOTE, LOCAL, &next_hop), 0);
	assert_int_equal(gremc_addr_to_ipv4(&next_hop.via), GATEWAY);
	kernel_neighbor_set(f, GATEWAY, &mac_b);
	EVENTUALLY(f, tunnel_adjacency_is(f, GATEWAY, &mac_b));
}

static bool interface_has_carrier(const char *name)
{
	return gremc_netdev_has_carrier(if_nametoindex(name));
}

/* The carrier of a TAP follows the link of its port, also after the TAP was created again; a TUN always has
 * one. */
static void test_carrier_of_a_tap_follows_the_link(void **state)
{
	struct host_fixture *f = *state;
	unsigned ifindex;

	NEEDS_ROOT(state);
	gremc_host_carrier_set(f->host, 0, false);
	config_apply(f);
	assert_false(interface_has_carrier("wan0"));
	assert_true(interface_has_carrier("gre1"));
	gremc_host_carrier_set(f->host, 0, true);
	assert_true(interface_has_carrier("wan0"));
	gremc_host_carrier_set(f->host, 0, false);
	assert_false(interface_has_carrier("wan0"));
	ifindex = if_nametoindex("wan0");
	kernel_link_remove(f, "wan0");
	EVENTUALLY(f, if_nametoindex("wan0") != 0 && if_nametoindex("wan0") != ifindex);
	assert_false(interface_has_carrier("wan0"));
	gremc_host_carrier_set(f->host, 0, true);
	assert_true(interface_has_carrier("wan0"));
}

/* After a crash, the devices still exist. */
static void test_restart_finds_the_devices_of_an_earlier_start(void **state)
{
	const struct gremc_link_settings small = {.mtu = 1300};
	struct host_fixture *f = *state;
	unsigned ifindex;

	NEEDS_ROOT(state);
	config_apply(f);
	ifindex = if_nametoindex("gre1");
	assert_int_equal(gremc_link_set(&f->netlink, ifindex, &small), 0);
	gremc_host_destroy(f->host, false);
	assert_int_equal(if_nametoindex("gre1"), ifindex);
	host_create(f);
	config_apply(f);
	assert_int_equal(if_nametoindex("gre1"), ifindex);
	EVENTUALLY(f, f->vifs->encap[f->vif[0]].mtu == 1300);
}

static void test_reload_creates_and_removes_devices(void **state)
{
	struct host_fixture *f = *state;

	NEEDS_ROOT(state);
	config_apply(f);
	f->config.tunnel_count = 0;
	f->config.names_host = true;
	f->vif[0] = GREMC_VIF_NONE; /* the index of the port changes */
	assert_true(gremc_host_vif_get(f->host) != GREMC_VIF_NONE);
	config_apply(f);
	assert_int_equal(if_nametoindex("gre1"), 0);
	assert_int_not_equal(if_nametoindex("gremc0"), 0);
	assert_int_not_equal(if_nametoindex("wan0"), 0);
}

/* A name that another interface of the kernel has is an error that names it. */
static void test_name_in_use_is_an_error(void **state)
{
	struct host_fixture *f = *state;
	struct gremc_errors errors = {0};

	NEEDS_ROOT(state);
	strcpy(f->tunnel.name, "lo");
	assert_int_equal(gremc_host_reserve(f->host, &f->config), 0);
	assert_int_equal(gremc_host_apply(f->host, &f->config, f->vif, &errors), 1);
	assert_non_null(strstr(errors.text, "host interface lo: "));
	gremc_errors_fini(&errors);
}

/* The next start has another gateway and fewer addresses and routes: those of the earlier start are replaced
 * or removed, those of an operator stay. */
static void test_restart_removes_what_only_the_earlier_start_configured(void **state)
{
	const struct gremc_prefix theirs = GREMC_PREFIX_IPV4(RTE_BE32(0xc6120000), 15);
	struct gremc_config_address two[2] = {{GREMC_ADDR_IPV4(LOCAL), 24},
					      {GREMC_ADDR_IPV4(RTE_BE32(0xc0000205)), 24}};
	struct gremc_config_route routes[2] = {
		{.to = GREMC_PREFIX_IPV4(0, 0), .via = GREMC_ADDR_IPV4(GATEWAY)},
		{.to = GREMC_PREFIX_IPV4(RTE_BE32(0xcb007100), 24), .via = GREMC_ADDR_IPV4(GATEWAY)}};
	struct host_fixture *f = *state;
	unsigned ifindex;

	NEEDS_ROOT(state);
	f->config_port.addresses = two;
	f->config_port.address_count = 2;
	f->config_port.routes = routes;
	f->config_port.route_count = 2;
	config_apply(f);
	ifindex = if_nametoindex("wan0");
	kernel_address_add(f, ifindex, RTE_BE32(0xc0000209), 32, 0);
	kernel_route_change(f, RTM_NEWROUTE, &theirs, GATEWAY2, ifindex);
	assert_true(kernel_routes_via(f, RTE_BE32(0xcb007101), GATEWAY));
	gremc_host_destroy(f->host, false);

	host_create(f);
	config_init(f);
	f->route.via = gremc_addr_from_ipv4(GATEWAY2);
	f->tunnel.peer = gremc_addr_from_ipv4(RTE_BE32(0x0a000009));
	config_apply(f);
	assert_int_equal(if_nametoindex("wan0"), ifindex);
	assert_true(kernel_routes_via(f, REMOTE, GATEWAY2));
	/* no more specific route is left, and the address is not local */
	assert_true(kernel_routes_via(f, RTE_BE32(0xcb007101), GATEWAY2));
	assert_int_equal(kernel_route_lookup(f, RTE_BE32(0xc0000205), 0, &(struct gremc_kernel_next_hop){0}),
			 0);
	assert_int_not_equal(
		kernel_route_lookup(f, RTE_BE32(0xc0000209), 0, &(struct gremc_kernel_next_hop){0}), 0);
	assert_true(kernel_routes_via(f, theirs.address.ipv4, GATEWAY2));
	/* the tunnel has the new peer only */
	assert_true(kernel_routes_via(f, RTE_BE32(0x0a000002), GATEWAY2));
	assert_true(kernel_routes_via(f, RTE_BE32(0x0a000009), 0));
}

/* The port has a new name: the old device, which no program holds, has a conflicting route. */
static void test_route_of_an_abandoned_device_is_replaced(void **state)
{
	struct host_fixture *f = *state;

	NEEDS_ROOT(state);
	config_apply(f);
	gremc_host_destroy(f->host, false);
	host_create(f);
	strcpy(f->config_port.name, "wan1");
	f->address.address = gremc_addr_from_ipv4(RTE_BE32(0xc0000203));
	config_apply(f);
	kernel_link_remove(f, "wan0");
	assert_true(kernel_routes_via(f, REMOTE, GATEWAY));
}

/* A route of another program stays, and the log names it. After its removal, ours is set. */
static void test_conflicting_route_is_kept_and_reported(void **state)
{
	struct host_fixture *f = *state;
	unsigned mgmt;

	NEEDS_ROOT(state);
	mgmt = kernel_veth_create(f, "mgmt");
	kernel_address_add(f, mgmt, MGMT, 24, 0);
	kernel_route_change(f, RTM_NEWROUTE, DEFAULT, MGMT_GW, mgmt);
	log_capture_begin();
	config_apply(f);
	assert_true(kernel_routes_via(f, REMOTE, MGMT_GW));
	assert_true(log_contains(
		"the route to 0.0.0.0/0 via 192.0.2.254 is not set: the kernel has one via 10.9.9.1 on "
		"mgmt"));
	/* the log also reports the tunnel without a next hop */
	f->host->nexthops->full_check_ended = 0;
	EVENTUALLY(f, log_contains("1 tunnels have no next hop"));
	assert_true(log_contains("leads by mgmt"));
	f->host->next_check = 0;
	loop_turn(f);
	assert_true(kernel_routes_via(f, REMOTE, MGMT_GW));
	kernel_route_change(f, RTM_DELROUTE, DEFAULT, MGMT_GW, mgmt);
	f->host->next_check = 0;
	EVENTUALLY(f, kernel_routes_via(f, REMOTE, GATEWAY));
	assert_true(log_contains("wan0: the route to 0.0.0.0/0 is set now"));
	EVENTUALLY(f, tunnel_adjacency_is(f, GATEWAY, NULL));
	log_capture_end();
	kernel_link_remove(f, "mgmt");
}

/* An equal route of another program is no conflict; the same address with another peer is one. */
static void test_equal_route_of_another_program_is_no_conflict(void **state)
{
	struct host_fixture *f = *state;
	unsigned wan0, gre1;

	NEEDS_ROOT(state);
	f->config_port.route_count = f->config_port.address_count = 0;
	f->tunnel.address.address = (struct gremc_addr){.family = GREMC_FAMILY_NONE};
	config_apply(f);
	wan0 = if_nametoindex("wan0");
	gre1 = if_nametoindex("gre1");
	kernel_address_add(f, wan0, LOCAL, 24, 0);
	kernel_route_change(f, RTM_NEWROUTE, DEFAULT, GATEWAY, wan0);
	kernel_address_add(f, gre1, RTE_BE32(0x0a000001), 32, RTE_BE32(0x0a000002));
	config_init(f);
	log_capture_begin();
	config_apply(f);
	assert_false(log_contains("not set"));
	f->route.via = gremc_addr_from_ipv4(GATEWAY2);
	config_apply(f);
	assert_true(log_contains(
		"the route to 0.0.0.0/0 via 192.0.2.253 is not set: the kernel has one via 192.0.2.254 on "
		"wan0"));
	log_capture_end();
}

static void rp_filter_write(const char *interface, char value)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/proc/sys/net/ipv4/conf/%s/rp_filter", interface);
	fd = open(path, O_WRONLY);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, &value, 1), 1);
	close(fd);
}

static int rp_filter_read(struct host_fixture *f, const char *name)
{
	return gremc_device_rp_filter_read(gremc_host_device_find(f->host, name));
}

/* New tunnels have no reverse path filter. The log reports if `all` or another program sets one. */
static void test_reverse_path_filter_is_off_or_reported(void **state)
{
	struct host_fixture *f = *state;

	NEEDS_ROOT(state);
	rp_filter_write("default", '1');
	log_capture_begin();
	config_apply(f);
	assert_int_equal(rp_filter_read(f, "gre1"), 0);
	assert_int_equal(rp_filter_read(f, "wan0"), 1);
	assert_false(log_contains("rp_filter"));
	/* as a udev rule does after the interface was created */
	rp_filter_write("gre1", '1');
	while (!f->host->rp_filter_due)
		loop_turn(f);
	f->host->next_check = 0;
	EVENTUALLY(f, log_contains("rp_filter is on for 1 host interfaces (gre1)"));
	gremc_host_destroy(f->host, true);
	host_create(f);
	rp_filter_write("all", '1');
	config_apply(f);
	/* a loose filter of the device overrides a strict `all` */
	assert_int_equal(rp_filter_read(f, "gre1"), 2);
	log_capture_end();
	rp_filter_write("all", '0');
	rp_filter_write("default", '0');
}

/* ---- keepalives in several segments ---- */

#define KEEPALIVE_LENGTH 200
#define KEEPALIVE_FIRST  154 /* bytes of the first segment */

struct keepalive_heard {
	unsigned count;
	uint8_t packet[KEEPALIVE_LENGTH];
};

static void keepalive_hear(void *argument, uint32_t vif, bool is_request, uint8_t *ip, uint32_t length,
			   uint32_t stamp)
{
	struct keepalive_heard *heard = argument;

	assert_int_equal(vif, 0);
	assert_true(is_request);
	assert_int_equal(length, KEEPALIVE_LENGTH);
	assert_int_equal(stamp, 77);
	memcpy(heard->packet, ip, length);
	heard->count++;
}

/* An inner packet of two segments as a worker punts it. `tailroom`: bytes behind the first segment. */
static struct rte_mbuf *segments_create(struct host_fixture *f, uint16_t tailroom)
{
	struct rte_mbuf *mbuf = rte_pktmbuf_alloc(f->ports.host_pool);
	struct rte_mbuf *rest = rte_pktmbuf_alloc(f->ports.host_pool);

	mbuf->data_off = mbuf->buf_len - tailroom - KEEPALIVE_FIRST;
	for (uint16_t i = 0; i < KEEPALIVE_LENGTH; i++)
		*(uint8_t *)rte_pktmbuf_append(i < KEEPALIVE_FIRST ? mbuf : rest, 1) = (uint8_t)i;
	assert_int_equal(rte_pktmbuf_chain(mbuf, rest), 0);
	mbuf->port = GREMC_PORT_NONE;
	mbuf->l2_len = 0;
	gremc_mbuf_vif_set(mbuf, f->vifs, f->vif[0]);
	gremc_mbuf_fields(mbuf)->timestamp = 77;
	return mbuf;
}

static void test_keepalive_in_several_segments_is_one_packet(void **state)
{
	struct host_fixture *f = *state;
	struct keepalive_heard heard = {.count = 0};
	struct rte_mbuf *whole, *too_long;
	struct rte_ring *ring;

	NEEDS_ROOT(state);
	ring = f->workers->worker[0]->punt_ring[GREMC_PUNT_keepalive];
	whole = segments_create(f, KEEPALIVE_LENGTH - KEEPALIVE_FIRST);
	too_long = segments_create(f, 0);
	gremc_host_keepalive_listener_set(f->host, keepalive_hear, &heard);
	assert_int_equal(rte_ring_enqueue(ring, whole), 0);
	assert_int_equal(rte_ring_enqueue(ring, too_long), 0);
	gremc_host_punts_write(f->host);
	assert_int_equal(heard.count, 1);
	for (unsigned i = 0; i < KEEPALIVE_LENGTH; i++)
		assert_int_equal(heard.packet[i], i);
	assert_int_equal(gremc_counter_read(&f->host->other_counters.lost[GREMC_HOST_DROP_too_big]), 1);
	gremc_host_keepalive_listener_set(f->host, NULL, NULL);
}

static void test_every_drop_reason_has_a_text(void **state __rte_unused)
{
	for (unsigned i = 0; i < GREMC_HOST_DROP_COUNT; i++) {
		assert_true(strlen(gremc_host_drop_name(i)) > 0);
		assert_true(strlen(gremc_host_drop_text(i)) > strlen("down"));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_devices_match_the_configuration),
		TEST(test_reload_removes_only_addresses_and_routes_of_the_configuration),
		TEST(test_tunnel_follows_the_mtu_of_its_device),
		TEST(test_removed_device_is_created_again),
		TEST(test_carrier_of_a_tap_follows_the_link),
		TEST(test_restart_finds_the_devices_of_an_earlier_start),
		TEST(test_reload_creates_and_removes_devices),
		TEST(test_name_in_use_is_an_error),
		TEST(test_restart_removes_what_only_the_earlier_start_configured),
		TEST(test_route_of_an_abandoned_device_is_replaced),
		TEST(test_conflicting_route_is_kept_and_reported),
		TEST(test_equal_route_of_another_program_is_no_conflict),
		TEST(test_reverse_path_filter_is_off_or_reported),
		TEST(test_keepalive_in_several_segments_is_one_packet),
		cmocka_unit_test(test_every_drop_reason_has_a_text),
	};

	return cmocka_run_group_tests_name("host", tests, host_group_set_up, host_group_tear_down);
}
