/* SPDX-License-Identifier: BSD-3-Clause */
/* The host room on this kernel, in a network namespace of its own: devices, addresses and the mirror of
 * routes and neighbours. Without the right to make one (root) there is nothing to test, and it is said. */
#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <rte_eal.h>
#include <rte_ethdev.h>

#include "host/host_priv.h"
#include "port/port_priv.h"
#include "test.h"

#define LOCAL    RTE_BE32(0xc0000201) /* 192.0.2.1 */
#define GATEWAY  RTE_BE32(0xc00002fe) /* 192.0.2.254 */
#define GATEWAY2 RTE_BE32(0xc00002fd)
#define REMOTE   RTE_BE32(0xc6336402) /* 198.51.100.2 */
#define PATIENCE 60000                /* milliseconds */

static const struct rte_ether_addr mac_a = {{0x02, 0, 0, 0, 0, 0xa}}, mac_b = {{0x02, 0, 0, 0, 0, 0xb}};
static const struct gremc_config_settings settings = {.copy_threshold = 256, .max_sleep = 1};

static bool may; /* there is a namespace of ours */
static struct rte_mempool *pool;
static uint16_t device;

struct fixture {
	struct gremc_rcu *rcu;
	struct gremc_vifs *vifs;
	struct gremc_fanout *fanout;
	struct gremc_ports ports;
	struct gremc_port port;
	struct gremc_worker_group *workers;
	struct gremc_host *host;
	struct gremc_netlink netlink; /* the test's */
	struct gremc_config config;
	struct gremc_config_port config_port;
	struct gremc_config_address address;
	struct gremc_config_route route;
	struct gremc_config_tunnel tunnel;
	uint32_t vif[3]; /* tunnel, port, host */
	int epoll;
};

/* ---- the fixture ---- */

static void configure(struct fixture *f)
{
	f->address = (struct gremc_config_address){LOCAL, 24};
	f->route = (struct gremc_config_route){.via = GATEWAY};
	f->config_port = (struct gremc_config_port){.name = "wan0",
						    .host = true,
						    .member_of = GREMC_CONFIG_NONE,
						    .addresses = &f->address,
						    .address_count = 1,
						    .routes = &f->route,
						    .route_count = 1};
	f->tunnel = (struct gremc_config_tunnel){.name = "gre1",
						 .local = LOCAL,
						 .remote = REMOTE,
						 .host = true,
						 .address = {RTE_BE32(0x0a000001), 32},
						 .peer = RTE_BE32(0x0a000002)};
	f->config = (struct gremc_config){
		.ports = &f->config_port, .port_count = 1, .tunnels = &f->tunnel, .tunnel_count = 1};
}

static void add_tunnel(struct fixture *f)
{
	struct gremc_vif_info info = {
		.kind = GREMC_VIF_TUNNEL, .name = "gre1", .mtu = 1476, .remote = REMOTE};
	uint32_t adjacency;

	assert_int_equal(gremc_adjacency_get(f->vifs, 0, GATEWAY, &mac_a, 0, &adjacency), 0);
	assert_int_equal(gremc_tunnel_add(f->vifs, &info, adjacency, &f->vif[0]), 0);
	f->vif[1] = f->vif[2] = GREMC_VIF_NONE;
}

static void create_host(struct fixture *f)
{
	const struct gremc_host_parts parts = {
		.ports = &f->ports, .vifs = f->vifs, .workers = f->workers, .rcu = f->rcu, .epoll = f->epoll};
	struct gremc_errors errors = {0};

	f->host = gremc_host_create(&parts, &errors);
	assert_non_null(f->host);
}

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	if (!may) {
		free(f);
		return 0;
	}
	f->rcu = gremc_rcu_create();
	f->vifs = gremc_vifs_create(16, &gremc_nodes_any, f->rcu);
	f->fanout = gremc_fanout_create(16, &gremc_nodes_any, f->rcu);
	f->port =
		(struct gremc_port){.id = device, .mac = mac_a, .mtu = 1500, .rx_queues = 1, .tx_queues = 1};
	f->ports = (struct gremc_ports){
		.count = 1, .worker_count = 1, .port = {&f->port}, .host_pool = pool, .host_room = 1600};
	f->ports.worker[0] = (struct gremc_worker_place){
		.socket = SOCKET_ID_ANY, .header_pool = pool, .header_room = 2000};
	f->workers = gremc_workers_create(&f->ports, &settings, f->vifs, f->fanout, f->rcu);
	f->epoll = epoll_create1(EPOLL_CLOEXEC);
	add_tunnel(f);
	create_host(f);
	assert_int_equal(gremc_netlink_open(&f->netlink), 0);
	configure(f);
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	if (f == NULL)
		return 0;
	gremc_host_destroy(f->host, true);
	gremc_netlink_close(&f->netlink);
	gremc_workers_destroy(f->workers, f->rcu);
	gremc_rcu_synchronize(f->rcu);
	gremc_fanout_destroy(f->fanout);
	gremc_vifs_destroy(f->vifs);
	gremc_rcu_destroy(f->rcu);
	close(f->epoll);
	free(f);
	assert_int_equal(if_nametoindex("wan0"), 0);
	return 0;
}

static void apply(struct fixture *f)
{
	struct gremc_errors errors = {0};
	unsigned failed = gremc_host_apply(f->host, &f->config, f->vif, &errors);

	if (failed)
		print_error("%s", errors.text);
	gremc_errors_fini(&errors);
	assert_int_equal(failed, 0);
}

/* One turn of the control loop. */
static void turn(struct fixture *f)
{
	struct epoll_event events[8];
	int wait = gremc_host_before_wait(f->host, 50);
	int n = epoll_wait(f->epoll, events, 8, RTE_MIN(wait, 50));

	for (int i = 0; i < n; i++) {
		const struct gremc_watch *watch = events[i].data.ptr;

		watch->ready(watch->argument);
	}
	gremc_host_after_wait(f->host);
	gremc_stage_inject(f->workers->worker[0]);
	gremc_rcu_reclaim(f->rcu);
}

#define EVENTUALLY(f, condition)                                                                             \
	do {                                                                                                 \
		uint64_t start_ = gremc_host_now();                                                          \
		while (!(condition) && gremc_host_now() - start_ < PATIENCE)                                 \
			turn(f);                                                                             \
		assert_true(condition);                                                                      \
	} while (0)

static const struct gremc_adjacency *adjacency(const struct fixture *f)
{
	return f->vifs->adjacency[f->vifs->encap[f->vif[0]].adjacency];
}

static bool leads(const struct fixture *f, rte_be32_t next_hop, const struct rte_ether_addr *mac)
{
	const struct gremc_adjacency *a = adjacency(f);

	return a->next_hop == next_hop && a->resolved == (mac != NULL) &&
	       (mac == NULL || memcmp(&a->l2[GREMC_L2_MAX - 14], mac, 6) == 0);
}

static void set_neighbor(struct fixture *f, rte_be32_t address, const struct rte_ether_addr *mac)
{
	struct nlmsghdr *request = gremc_netlink_request(&f->netlink, mac ? RTM_NEWNEIGH : RTM_DELNEIGH,
							 mac ? NLM_F_CREATE | NLM_F_REPLACE : 0);
	struct ndmsg *message = mnl_nlmsg_put_extra_header(request, sizeof(*message));

	message->ndm_family = AF_INET;
	message->ndm_ifindex = if_nametoindex("wan0");
	message->ndm_state = NUD_PERMANENT;
	mnl_attr_put_u32(request, NDA_DST, address);
	if (mac)
		mnl_attr_put(request, NDA_LLADDR, sizeof(*mac), mac);
	assert_int_equal(gremc_netlink_ask(&f->netlink, request, NULL, NULL), 0);
}

#define NEEDS_ROOT(state)                                                                                    \
	do {                                                                                                 \
		if (*(state) == NULL) {                                                                      \
			print_message("needs root\n");                                                       \
			skip();                                                                              \
		}                                                                                            \
	} while (0)

/* ---- tests ---- */

static void devices_are_as_configured(void **state)
{
	struct fixture *f = *state;
	struct gremc_host_entry entry;
	struct gremc_link link;
	struct gremc_way way;

	NEEDS_ROOT(state);
	apply(f);
	assert_int_equal(gremc_link_get(&f->netlink, "wan0", &link), 0);
	assert_int_equal(link.mtu, 1500);
	assert_memory_equal(&link.mac, &mac_a, 6);
	assert_true(link.flags & IFF_UP);
	assert_int_equal(gremc_link_get(&f->netlink, "gre1", &link), 0);
	assert_int_equal(link.mtu, 1476);
	assert_int_equal(link.flags & (IFF_POINTOPOINT | IFF_NOARP | IFF_MULTICAST | IFF_UP),
			 IFF_POINTOPOINT | IFF_NOARP | IFF_MULTICAST | IFF_UP);
	assert_int_equal(gremc_route_lookup(&f->netlink, REMOTE, LOCAL, &way), 0);
	assert_int_equal(way.via, GATEWAY);
	assert_int_equal(gremc_route_lookup(&f->netlink, f->tunnel.peer, 0, &way), 0);
	assert_int_equal(way.ifindex, link.ifindex);
	assert_int_equal(gremc_host_count(f->host), 2);
	assert_true(gremc_host_entry(f->host, 0, &entry));
	assert_string_equal(entry.name, "gre1");
	assert_false(gremc_host_entry(f->host, 2, &entry));
	assert_int_equal(f->vifs->port_punt[0], GREMC_VIF_PUNT_FRAMES);
	assert_true(f->vifs->punt[f->vif[0]] & GREMC_VIF_PUNT_UNICAST);
}

/* What the configuration gave goes with it; what somebody else gave stays. */
static void only_ours_is_taken_back(void **state)
{
	const struct gremc_link_address ours = {.address = RTE_BE32(0xc0000205), .length = 24};
	const struct gremc_link_address theirs = {.address = RTE_BE32(0xc0000206), .length = 24};
	struct gremc_config_address two[2] = {{LOCAL, 24}, {ours.address, 24}};
	struct fixture *f = *state;
	unsigned ifindex;

	NEEDS_ROOT(state);
	f->config_port.addresses = two;
	f->config_port.address_count = 2;
	apply(f);
	ifindex = if_nametoindex("wan0");
	assert_int_equal(gremc_address_set(&f->netlink, ifindex, &theirs, true), 0);
	configure(f);
	f->config_port.route_count = 0;
	apply(f);
	assert_int_equal(if_nametoindex("wan0"), ifindex);
	/* removing says whether it was there: of ours nothing is left */
	assert_int_equal(gremc_route_lookup(&f->netlink, REMOTE, LOCAL, &(struct gremc_way){0}),
			 -ENETUNREACH);
	assert_int_not_equal(gremc_route_lookup(&f->netlink, GATEWAY, theirs.address, &(struct gremc_way){0}),
			     -EINVAL);
	assert_int_equal(gremc_route_lookup(&f->netlink, ours.address, 0, &(struct gremc_way){0}), 0);
}

static void neighbors_resolve_adjacencies(void **state)
{
	struct fixture *f = *state;

	NEEDS_ROOT(state);
	apply(f);
	assert_true(leads(f, GATEWAY, NULL));
	set_neighbor(f, GATEWAY, &mac_a);
	EVENTUALLY(f, leads(f, GATEWAY, &mac_a));
	set_neighbor(f, GATEWAY, &mac_b);
	EVENTUALLY(f, leads(f, GATEWAY, &mac_b));
	set_neighbor(f, GATEWAY, NULL);
	EVENTUALLY(f, leads(f, GATEWAY, NULL));
}

static void routes_lead_tunnels(void **state)
{
	const struct gremc_link_route host_route = {{REMOTE, 32}, GATEWAY2, false},
				      rest = {{0, 0}, GATEWAY, false};
	struct fixture *f = *state;
	unsigned ifindex;

	NEEDS_ROOT(state);
	apply(f);
	ifindex = if_nametoindex("wan0");
	set_neighbor(f, GATEWAY2, &mac_b);
	assert_int_equal(gremc_route_set(&f->netlink, ifindex, &host_route, true), 0);
	EVENTUALLY(f, leads(f, GATEWAY2, &mac_b));
	assert_int_equal(gremc_route_set(&f->netlink, ifindex, &host_route, false), 0);
	EVENTUALLY(f, leads(f, GATEWAY, NULL));
	assert_int_equal(gremc_route_set(&f->netlink, ifindex, &rest, false), 0);
	EVENTUALLY(f, leads(f, RTE_BE32(UINT32_MAX), NULL));
	assert_int_equal(gremc_route_set(&f->netlink, ifindex, &rest, true), 0);
	EVENTUALLY(f, leads(f, GATEWAY, NULL));
}

/* A neighbour of the configuration wins over the kernel's, on the way of a tunnel that the kernel leads, too.
 */
static void static_neighbors_win(void **state)
{
	struct gremc_config_neighbor neighbor = {GATEWAY2, mac_a};
	const struct gremc_link_route host_route = {{REMOTE, 32}, GATEWAY2, false};
	struct fixture *f = *state;

	NEEDS_ROOT(state);
	f->config_port.neighbors = &neighbor;
	f->config_port.neighbor_count = 1;
	apply(f);
	set_neighbor(f, GATEWAY2, &mac_b);
	assert_int_equal(gremc_route_set(&f->netlink, if_nametoindex("wan0"), &host_route, true), 0);
	EVENTUALLY(f, leads(f, GATEWAY2, &mac_a));
}

/* More changes than the socket holds. */
static void flood(struct fixture *f)
{
	struct gremc_link_route route = {{0, 32}, GATEWAY2, false};
	unsigned ifindex = if_nametoindex("wan0");

	for (uint32_t i = 0; i < 60000; i++) {
		route.to.address = rte_cpu_to_be_32(0x0b000000 + i / 2);
		gremc_route_set(&f->netlink, ifindex, &route, i % 2 == 0);
	}
}

static void an_overrun_is_made_good(void **state)
{
	const struct gremc_link_route route = {{REMOTE, 32}, GATEWAY2, false};
	struct fixture *f = *state;

	NEEDS_ROOT(state);
	apply(f);
	set_neighbor(f, GATEWAY2, &mac_b);
	flood(f);
	/* the one that matters is lost among them */
	assert_int_equal(gremc_route_set(&f->netlink, if_nametoindex("wan0"), &route, true), 0);
	set_neighbor(f, GATEWAY2, &mac_a);
	assert_int_equal(gremc_host_overruns(f->host), 0);
	EVENTUALLY(f, leads(f, GATEWAY2, &mac_a));
	assert_true(gremc_host_overruns(f->host) > 0);
}

/* The kernel says once that it loses events, and goes on losing them until all others are read. */
static void what_changes_in_an_overrun_is_seen(void **state)
{
	const struct gremc_link_route route = {{REMOTE, 32}, GATEWAY2, false};
	struct fixture *f = *state;

	NEEDS_ROOT(state);
	apply(f);
	set_neighbor(f, GATEWAY2, &mac_b);
	assert_int_equal(gremc_route_set(&f->netlink, if_nametoindex("wan0"), &route, true), 0);
	EVENTUALLY(f, leads(f, GATEWAY2, &mac_b));
	flood(f);
	for (unsigned i = 0; i < 8; i++)
		turn(f);
	set_neighbor(f, GATEWAY2, &mac_a);
	EVENTUALLY(f, leads(f, GATEWAY2, &mac_a));
}

static void the_mtu_is_followed(void **state)
{
	const struct gremc_link_settings small = {.mtu = 1400}, large = {.mtu = 9000};
	struct fixture *f = *state;

	NEEDS_ROOT(state);
	apply(f);
	assert_int_equal(gremc_link_set(&f->netlink, if_nametoindex("gre1"), &small), 0);
	EVENTUALLY(f, f->vifs->encap[f->vif[0]].mtu == 1400);
	assert_int_equal(gremc_link_set(&f->netlink, if_nametoindex("gre1"), &large), 0);
	EVENTUALLY(f, f->vifs->encap[f->vif[0]].mtu == 1476);
}

static void remove_link(struct fixture *f, const char *name)
{
	struct nlmsghdr *request = gremc_netlink_request(&f->netlink, RTM_DELLINK, 0);
	struct ifinfomsg *message = mnl_nlmsg_put_extra_header(request, sizeof(*message));

	message->ifi_index = if_nametoindex(name);
	assert_int_equal(gremc_netlink_ask(&f->netlink, request, NULL, NULL), 0);
}

static void a_deleted_device_comes_back(void **state)
{
	struct fixture *f = *state;
	struct gremc_way way;
	unsigned ifindex;

	NEEDS_ROOT(state);
	apply(f);
	ifindex = if_nametoindex("wan0");
	remove_link(f, "wan0");
	EVENTUALLY(f, if_nametoindex("wan0") != 0 && if_nametoindex("wan0") != ifindex);
	assert_int_equal(gremc_route_lookup(&f->netlink, REMOTE, LOCAL, &way), 0);
	assert_int_equal(way.via, GATEWAY);
	set_neighbor(f, GATEWAY, &mac_b);
	EVENTUALLY(f, leads(f, GATEWAY, &mac_b));
}

static bool has_carrier(const char *name)
{
	return gremc_kernel_is_running(if_nametoindex(name));
}

/* The TAP of a port has the carrier of its link, also after it has been made again; a tunnel's TUN keeps it.
 */
static void the_carrier_follows_the_link(void **state)
{
	struct fixture *f = *state;
	unsigned ifindex;

	NEEDS_ROOT(state);
	gremc_host_carrier_set(f->host, 0, false);
	apply(f);
	assert_false(has_carrier("wan0"));
	assert_true(has_carrier("gre1"));
	gremc_host_carrier_set(f->host, 0, true);
	assert_true(has_carrier("wan0"));
	gremc_host_carrier_set(f->host, 0, false);
	assert_false(has_carrier("wan0"));
	ifindex = if_nametoindex("wan0");
	remove_link(f, "wan0");
	EVENTUALLY(f, if_nametoindex("wan0") != 0 && if_nametoindex("wan0") != ifindex);
	assert_false(has_carrier("wan0"));
	gremc_host_carrier_set(f->host, 0, true);
	assert_true(has_carrier("wan0"));
}

/* The same names after a stop that leaves them, as after a crash. */
static void devices_are_taken_over(void **state)
{
	const struct gremc_link_settings small = {.mtu = 1300};
	struct fixture *f = *state;
	unsigned ifindex;

	NEEDS_ROOT(state);
	apply(f);
	ifindex = if_nametoindex("gre1");
	assert_int_equal(gremc_link_set(&f->netlink, ifindex, &small), 0);
	gremc_host_destroy(f->host, false);
	assert_int_equal(if_nametoindex("gre1"), ifindex);
	create_host(f);
	apply(f);
	assert_int_equal(if_nametoindex("gre1"), ifindex);
	EVENTUALLY(f, f->vifs->encap[f->vif[0]].mtu == 1300);
}

static void devices_follow_the_configuration(void **state)
{
	struct fixture *f = *state;

	NEEDS_ROOT(state);
	apply(f);
	f->config.tunnel_count = 0;
	f->config.names_host = true;
	f->vif[0] = GREMC_VIF_NONE; /* the port's number moves up */
	assert_true(gremc_host_vif(f->host) != GREMC_VIF_NONE);
	apply(f);
	assert_int_equal(if_nametoindex("gre1"), 0);
	assert_int_not_equal(if_nametoindex("gremc0"), 0);
	assert_int_not_equal(if_nametoindex("wan0"), 0);
}

/* A name that the kernel has for something else is an error that says so. */
static void a_name_in_use_is_said(void **state)
{
	struct fixture *f = *state;
	struct gremc_errors errors = {0};

	NEEDS_ROOT(state);
	strcpy(f->tunnel.name, "lo");
	assert_int_equal(gremc_host_apply(f->host, &f->config, f->vif, &errors), 1);
	assert_non_null(strstr(errors.text, "host interface lo: "));
	gremc_errors_fini(&errors);
}

static void reasons_have_texts(void **state __rte_unused)
{
	for (unsigned i = 0; i < GREMC_HOST_LOSS_COUNT; i++) {
		assert_true(strlen(gremc_host_loss_name(i)) > 0);
		assert_true(strlen(gremc_host_loss_text(i)) > strlen("down"));
	}
}

/* ---- EAL ---- */

static int start_eal(void **state __rte_unused)
{
	char *arguments[] = {"test",        "--no-huge",      "-m", "256", "--no-pci",
			     "--no-shconf", "--no-telemetry", "-l", "0",   "--vdev=net_ring0"};
	struct rte_eth_conf conf = {0};

	may = unshare(CLONE_NEWNET) == 0 && access("/dev/net/tun", R_OK | W_OK) == 0;
	if (rte_eal_init(RTE_DIM(arguments), arguments) < 0)
		return -1;
	pool = rte_pktmbuf_pool_create("pool", 2047, 0, 0, 2200, SOCKET_ID_ANY);
	if (pool == NULL || rte_eth_dev_get_port_by_name("net_ring0", &device) ||
	    rte_eth_dev_configure(device, 1, 1, &conf) ||
	    rte_eth_rx_queue_setup(device, 0, 512, SOCKET_ID_ANY, NULL, pool) ||
	    rte_eth_tx_queue_setup(device, 0, 512, SOCKET_ID_ANY, NULL))
		return -1;
	return rte_eth_dev_start(device);
}

static int stop_eal(void **state __rte_unused)
{
	rte_eth_dev_stop(device);
	rte_eth_dev_close(device);
	return rte_eal_cleanup();
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reasons_have_texts),
		TEST(devices_are_as_configured),
		TEST(only_ours_is_taken_back),
		TEST(neighbors_resolve_adjacencies),
		TEST(routes_lead_tunnels),
		TEST(static_neighbors_win),
		TEST(an_overrun_is_made_good),
		TEST(what_changes_in_an_overrun_is_seen),
		TEST(the_mtu_is_followed),
		TEST(a_deleted_device_comes_back),
		TEST(the_carrier_follows_the_link),
		TEST(devices_are_taken_over),
		TEST(devices_follow_the_configuration),
		TEST(a_name_in_use_is_said),
	};

	return cmocka_run_group_tests_name("host", tests, start_eal, stop_eal);
}
