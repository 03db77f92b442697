/* SPDX-License-Identifier: BSD-3-Clause */
/* The host room on this kernel, in a network namespace of its own: devices, addresses and the mirror of
 * routes and neighbours. Without the right to make one (root) there is nothing to test, and it is said. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/if_tun.h>
#include <linux/nexthop.h>
#include <linux/veth.h>

#include <rte_eal.h>
#include <rte_ethdev.h>

#include "host/mirror_priv.h"
#include "port/port_priv.h"
#include "test.h"

#define LOCAL    RTE_BE32(0xc0000201) /* 192.0.2.1 */
#define GATEWAY  RTE_BE32(0xc00002fe) /* 192.0.2.254 */
#define GATEWAY2 RTE_BE32(0xc00002fd)
#define REMOTE   RTE_BE32(0xc6336402) /* 198.51.100.2 */
#define PATIENCE 60000                /* milliseconds */

static const struct rte_ether_addr mac_a = {{0x02, 0, 0, 0, 0, 0xa}}, mac_b = {{0x02, 0, 0, 0, 0, 0xb}};
static const struct gremc_config_settings settings = {.copy_threshold = 256, .max_sleep = 1};

static char state_directory[] = "/tmp/gremc-host-XXXXXX";
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

/* ---- faults ---- */

/* What the Nth change that is asked of the kernel meets: a request by netlink, or one of a device's. */
static struct {
	unsigned at; /* 0: none of them */
	bool kills;
	unsigned count;
	jmp_buf end; /* where a start that is killed goes on */
} fault;

static bool fails_here(void)
{
	if (fault.at == 0 || ++fault.count != fault.at)
		return false;
	if (fault.kills)
		longjmp(fault.end, 1);
	return true;
}

/* In the place of the C library's, for libmnl, too. The header's type of the address is a union. */
ssize_t faulty_sendto(int fd, const void *message, size_t length, int flags, const struct sockaddr *address,
		      socklen_t size) __asm__("sendto");

ssize_t faulty_sendto(int fd, const void *message, size_t length, int flags, const struct sockaddr *address,
		      socklen_t size)
{
	if (fails_here()) {
		errno = ENOBUFS;
		return -1;
	}
	return syscall(SYS_sendto, fd, message, length, flags, address, size);
}

int ioctl(int fd, unsigned long request, ...)
{
	va_list arguments;
	void *argument;

	va_start(arguments, request);
	argument = va_arg(arguments, void *);
	va_end(arguments);
	if ((request == TUNSETIFF || request == TUNSETPERSIST || request == TUNSETVNETHDRSZ) &&
	    fails_here()) {
		errno = EIO;
		return -1;
	}
	return (int)syscall(SYS_ioctl, fd, request, argument);
}

/* ---- the fixture ---- */

static void config_init(struct fixture *f)
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

static void tunnel_create(struct fixture *f)
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
	const struct gremc_host_context context = {.ports = &f->ports,
						   .vifs = f->vifs,
						   .workers = f->workers,
						   .rcu = f->rcu,
						   .epoll = f->epoll,
						   .state_directory = state_directory};
	struct gremc_errors errors = {0};

	f->host = gremc_host_create(&context, &errors);
	if (f->host == NULL)
		print_error("%s", errors.text);
	assert_non_null(f->host);
}

static int host_set_up(void **state)
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
		.count = 1, .worker_count = 1, .port = {&f->port}, .host_pool = pool, .host_capacity = 1600};
	gremc_ring_sizes_init(&f->ports.rings, 1);
	f->ports.worker[0] = (struct gremc_worker_place){
		.socket = SOCKET_ID_ANY, .header_pool = pool, .header_capacity = 2000};
	f->workers = gremc_workers_create(&f->ports, &settings, f->vifs, f->fanout, f->rcu);
	f->epoll = epoll_create1(EPOLL_CLOEXEC);
	tunnel_create(f);
	create_host(f);
	assert_int_equal(gremc_netlink_open(&f->netlink), 0);
	config_init(f);
	*state = f;
	return 0;
}

static int host_tear_down(void **state)
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

static void config_reapply(struct fixture *f)
{
	struct gremc_errors errors = {0};
	unsigned failed = gremc_host_apply(f->host, &f->config, f->vif, &errors);

	if (failed)
		print_error("%s", errors.text);
	gremc_errors_fini(&errors);
	assert_int_equal(failed, 0);
	assert_int_equal(gremc_host_commit(f->host, &errors), 0);
}

/* One turn of the control loop. */
static void loop_turn(struct fixture *f)
{
	struct epoll_event events[8];
	int wait = gremc_host_loop_prepare(f->host, 50);
	int n = epoll_wait(f->epoll, events, 8, RTE_MIN(wait, 50));

	for (int i = 0; i < n; i++) {
		const struct gremc_watch *watch = events[i].data.ptr;

		watch->ready(watch->argument);
	}
	gremc_host_loop_poll(f->host);
	gremc_stage_inject(f->workers->worker[0]);
	gremc_rcu_reclaim(f->rcu);
}

#define EVENTUALLY(f, condition)                                                                             \
	do {                                                                                                 \
		uint64_t start_ = gremc_clock_ms();                                                          \
		while (!(condition) && gremc_clock_ms() - start_ < PATIENCE)                                 \
			loop_turn(f);                                                                        \
		assert_true(condition);                                                                      \
	} while (0)

static const struct gremc_adjacency *adjacency(const struct fixture *f)
{
	return f->vifs->adjacency[f->vifs->encap[f->vif[0]].adjacency];
}

static bool adjacency_leads_to(const struct fixture *f, rte_be32_t next_hop, const struct rte_ether_addr *mac)
{
	const struct gremc_adjacency *a = adjacency(f);

	return a->next_hop == next_hop && a->resolved == (mac != NULL) &&
	       (mac == NULL || memcmp(&a->l2[GREMC_L2_MAX - 14], mac, 6) == 0);
}

static void set_neighbor(struct fixture *f, rte_be32_t address, const struct rte_ether_addr *mac)
{
	struct nlmsghdr *request = gremc_netlink_request_init(&f->netlink, mac ? RTM_NEWNEIGH : RTM_DELNEIGH,
							      mac ? NLM_F_CREATE | NLM_F_REPLACE : 0);
	struct ndmsg *message = mnl_nlmsg_put_extra_header(request, sizeof(*message));

	message->ndm_family = AF_INET;
	message->ndm_ifindex = if_nametoindex("wan0");
	message->ndm_state = NUD_PERMANENT;
	mnl_attr_put_u32(request, NDA_DST, address);
	if (mac)
		mnl_attr_put(request, NDA_LLADDR, sizeof(*mac), mac);
	assert_int_equal(gremc_netlink_send(&f->netlink, request, NULL, NULL), 0);
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
	struct gremc_host_device_info entry;
	struct gremc_link link;
	struct gremc_kernel_next_hop way;

	NEEDS_ROOT(state);
	config_reapply(f);
	assert_int_equal(gremc_link_get(&f->netlink, "wan0", &link), 0);
	assert_int_equal(link.mtu, 1500);
	assert_memory_equal(&link.mac, &mac_a, 6);
	assert_true(link.flags & IFF_UP);
	assert_int_equal(gremc_link_get(&f->netlink, "gre1", &link), 0);
	assert_int_equal(link.mtu, 1476);
	assert_int_equal(link.flags & (IFF_POINTOPOINT | IFF_NOARP | IFF_MULTICAST | IFF_UP),
			 IFF_POINTOPOINT | IFF_NOARP | IFF_MULTICAST | IFF_UP);
	assert_int_equal(gremc_route_lookup(&f->netlink, REMOTE, LOCAL, 0, &way), 0);
	assert_int_equal(gremc_ipv4_from_mapped(&way.via), GATEWAY);
	assert_int_equal(gremc_route_lookup(&f->netlink, f->tunnel.peer, 0, 0, &way), 0);
	assert_int_equal(way.ifindex, link.ifindex);
	assert_int_equal(gremc_host_device_count(f->host), 2);
	assert_true(gremc_host_device_info(f->host, 0, &entry));
	assert_string_equal(entry.name, "gre1");
	assert_false(gremc_host_device_info(f->host, 2, &entry));
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
	config_reapply(f);
	ifindex = if_nametoindex("wan0");
	assert_int_equal(gremc_address_set(&f->netlink, ifindex, &theirs, true), 0);
	config_init(f);
	f->config_port.route_count = 0;
	config_reapply(f);
	assert_int_equal(if_nametoindex("wan0"), ifindex);
	/* removing says whether it was there: of ours nothing is left */
	assert_int_equal(
		gremc_route_lookup(&f->netlink, REMOTE, LOCAL, 0, &(struct gremc_kernel_next_hop){0}),
		-ENETUNREACH);
	assert_int_not_equal(gremc_route_lookup(&f->netlink, GATEWAY, theirs.address, 0,
						&(struct gremc_kernel_next_hop){0}),
			     -EINVAL);
	assert_int_equal(
		gremc_route_lookup(&f->netlink, ours.address, 0, 0, &(struct gremc_kernel_next_hop){0}), 0);
}

static void neighbors_resolve_adjacencies(void **state)
{
	struct fixture *f = *state;

	NEEDS_ROOT(state);
	config_reapply(f);
	EVENTUALLY(f, adjacency_leads_to(f, GATEWAY, NULL));
	set_neighbor(f, GATEWAY, &mac_a);
	EVENTUALLY(f, adjacency_leads_to(f, GATEWAY, &mac_a));
	set_neighbor(f, GATEWAY, &mac_b);
	EVENTUALLY(f, adjacency_leads_to(f, GATEWAY, &mac_b));
	set_neighbor(f, GATEWAY, NULL);
	EVENTUALLY(f, adjacency_leads_to(f, GATEWAY, NULL));
}

static void routes_lead_tunnels(void **state)
{
	const struct gremc_link_route host_route = {{REMOTE, 32}, GATEWAY2, false},
				      rest = {{0, 0}, GATEWAY, false};
	struct fixture *f = *state;
	unsigned ifindex;

	NEEDS_ROOT(state);
	config_reapply(f);
	ifindex = if_nametoindex("wan0");
	set_neighbor(f, GATEWAY2, &mac_b);
	assert_int_equal(gremc_route_set(&f->netlink, ifindex, &host_route, GREMC_ROUTE_ADD), 0);
	EVENTUALLY(f, adjacency_leads_to(f, GATEWAY2, &mac_b));
	assert_int_equal(gremc_route_set(&f->netlink, ifindex, &host_route, GREMC_ROUTE_REMOVE), 0);
	EVENTUALLY(f, adjacency_leads_to(f, GATEWAY, NULL));
	assert_int_equal(gremc_route_set(&f->netlink, ifindex, &rest, GREMC_ROUTE_REMOVE), 0);
	EVENTUALLY(f, adjacency_leads_to(f, RTE_BE32(UINT32_MAX), NULL));
	assert_int_equal(gremc_route_set(&f->netlink, ifindex, &rest, GREMC_ROUTE_ADD), 0);
	EVENTUALLY(f, adjacency_leads_to(f, GATEWAY, NULL));
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
	config_reapply(f);
	set_neighbor(f, GATEWAY2, &mac_b);
	assert_int_equal(gremc_route_set(&f->netlink, if_nametoindex("wan0"), &host_route, GREMC_ROUTE_ADD),
			 0);
	EVENTUALLY(f, adjacency_leads_to(f, GATEWAY2, &mac_a));
}

/* More changes than the socket holds. */
static void events_flood(struct fixture *f)
{
	struct gremc_link_route route = {{0, 32}, GATEWAY2, false};
	unsigned ifindex = if_nametoindex("wan0");

	for (uint32_t i = 0; i < 60000; i++) {
		route.to.address = rte_cpu_to_be_32(0x0b000000 + i / 2);
		gremc_route_set(&f->netlink, ifindex, &route, i % 2 ? GREMC_ROUTE_REMOVE : GREMC_ROUTE_ADD);
	}
}

static void an_overrun_is_made_good(void **state)
{
	const struct gremc_link_route route = {{REMOTE, 32}, GATEWAY2, false};
	struct fixture *f = *state;

	NEEDS_ROOT(state);
	config_reapply(f);
	set_neighbor(f, GATEWAY2, &mac_b);
	events_flood(f);
	/* the one that matters is lost among them */
	assert_int_equal(gremc_route_set(&f->netlink, if_nametoindex("wan0"), &route, GREMC_ROUTE_ADD), 0);
	set_neighbor(f, GATEWAY2, &mac_a);
	assert_int_equal(gremc_host_overruns_read(f->host), 0);
	EVENTUALLY(f, adjacency_leads_to(f, GATEWAY2, &mac_a));
	assert_true(gremc_host_overruns_read(f->host) > 0);
}

/* The kernel says once that it loses events, and goes on losing them until all others are read. */
static void what_changes_in_an_overrun_is_seen(void **state)
{
	const struct gremc_link_route route = {{REMOTE, 32}, GATEWAY2, false};
	struct fixture *f = *state;

	NEEDS_ROOT(state);
	config_reapply(f);
	set_neighbor(f, GATEWAY2, &mac_b);
	assert_int_equal(gremc_route_set(&f->netlink, if_nametoindex("wan0"), &route, GREMC_ROUTE_ADD), 0);
	EVENTUALLY(f, adjacency_leads_to(f, GATEWAY2, &mac_b));
	events_flood(f);
	for (unsigned i = 0; i < 8; i++)
		loop_turn(f);
	set_neighbor(f, GATEWAY2, &mac_a);
	EVENTUALLY(f, adjacency_leads_to(f, GATEWAY2, &mac_a));
}

static void the_mtu_is_followed(void **state)
{
	const struct gremc_link_settings small = {.mtu = 1400}, large = {.mtu = 9000};
	struct fixture *f = *state;

	NEEDS_ROOT(state);
	config_reapply(f);
	assert_int_equal(gremc_link_set(&f->netlink, if_nametoindex("gre1"), &small), 0);
	EVENTUALLY(f, f->vifs->encap[f->vif[0]].mtu == 1400);
	assert_int_equal(gremc_link_set(&f->netlink, if_nametoindex("gre1"), &large), 0);
	EVENTUALLY(f, f->vifs->encap[f->vif[0]].mtu == 1476);
}

static void remove_link(struct fixture *f, const char *name)
{
	struct nlmsghdr *request = gremc_netlink_request_init(&f->netlink, RTM_DELLINK, 0);
	struct ifinfomsg *message = mnl_nlmsg_put_extra_header(request, sizeof(*message));

	message->ifi_index = if_nametoindex(name);
	assert_int_equal(gremc_netlink_send(&f->netlink, request, NULL, NULL), 0);
}

static void a_deleted_device_comes_back(void **state)
{
	struct fixture *f = *state;
	struct gremc_kernel_next_hop way;
	unsigned ifindex;

	NEEDS_ROOT(state);
	config_reapply(f);
	ifindex = if_nametoindex("wan0");
	remove_link(f, "wan0");
	EVENTUALLY(f, if_nametoindex("wan0") != 0 && if_nametoindex("wan0") != ifindex);
	assert_int_equal(gremc_route_lookup(&f->netlink, REMOTE, LOCAL, 0, &way), 0);
	assert_int_equal(gremc_ipv4_from_mapped(&way.via), GATEWAY);
	set_neighbor(f, GATEWAY, &mac_b);
	EVENTUALLY(f, adjacency_leads_to(f, GATEWAY, &mac_b));
}

static bool has_carrier(const char *name)
{
	return gremc_netdev_has_carrier(if_nametoindex(name));
}

/* The TAP of a port has the carrier of its link, also after it has been made again; a tunnel's TUN keeps it.
 */
static void the_carrier_follows_the_link(void **state)
{
	struct fixture *f = *state;
	unsigned ifindex;

	NEEDS_ROOT(state);
	gremc_host_carrier_set(f->host, 0, false);
	config_reapply(f);
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
	config_reapply(f);
	ifindex = if_nametoindex("gre1");
	assert_int_equal(gremc_link_set(&f->netlink, ifindex, &small), 0);
	gremc_host_destroy(f->host, false);
	assert_int_equal(if_nametoindex("gre1"), ifindex);
	create_host(f);
	config_reapply(f);
	assert_int_equal(if_nametoindex("gre1"), ifindex);
	EVENTUALLY(f, f->vifs->encap[f->vif[0]].mtu == 1300);
}

static void devices_follow_the_configuration(void **state)
{
	struct fixture *f = *state;

	NEEDS_ROOT(state);
	config_reapply(f);
	f->config.tunnel_count = 0;
	f->config.names_host = true;
	f->vif[0] = GREMC_VIF_NONE; /* the port's number moves up */
	assert_true(gremc_host_vif_get(f->host) != GREMC_VIF_NONE);
	config_reapply(f);
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

/* ---- the test's own changes of the kernel ---- */

static void kernel_route_change(struct fixture *f, struct nlmsghdr *request)
{
	assert_int_equal(gremc_netlink_send(&f->netlink, request, NULL, NULL), 0);
}

static unsigned make_veth(struct fixture *f, const char *name)
{
	const struct gremc_link_settings up = {.up = true};
	struct nlmsghdr *request =
		gremc_netlink_request_init(&f->netlink, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL);
	struct ifinfomsg peer = {.ifi_family = AF_UNSPEC};
	struct nlattr *info, *data, *other;
	char text[IFNAMSIZ];

	mnl_nlmsg_put_extra_header(request, sizeof(struct ifinfomsg));
	mnl_attr_put_strz(request, IFLA_IFNAME, name);
	info = mnl_attr_nest_start(request, IFLA_LINKINFO);
	mnl_attr_put_strz(request, IFLA_INFO_KIND, "veth");
	data = mnl_attr_nest_start(request, IFLA_INFO_DATA);
	other = mnl_attr_nest_start(request, VETH_INFO_PEER);
	memcpy(mnl_nlmsg_get_payload_tail(request), &peer, sizeof(peer));
	request->nlmsg_len += MNL_ALIGN(sizeof(peer));
	snprintf(text, sizeof(text), "%s_p", name);
	mnl_attr_put_strz(request, IFLA_IFNAME, text);
	mnl_attr_nest_end(request, other);
	mnl_attr_nest_end(request, data);
	mnl_attr_nest_end(request, info);
	kernel_route_change(f, request);
	assert_int_equal(gremc_link_set(&f->netlink, if_nametoindex(text), &up), 0);
	assert_int_equal(gremc_link_set(&f->netlink, if_nametoindex(name), &up), 0);
	return if_nametoindex(name);
}

/* An address and a route as an operator sets them. */
static void kernel_object_send(struct fixture *f, unsigned ifindex, rte_be32_t address, uint8_t length,
			       rte_be32_t peer)
{
	struct nlmsghdr *request =
		gremc_netlink_request_init(&f->netlink, RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL);
	struct ifaddrmsg *message = mnl_nlmsg_put_extra_header(request, sizeof(*message));

	message->ifa_family = AF_INET;
	message->ifa_prefixlen = length;
	message->ifa_index = ifindex;
	mnl_attr_put_u32(request, IFA_LOCAL, address);
	mnl_attr_put_u32(request, IFA_ADDRESS, peer ? peer : address);
	kernel_route_change(f, request);
}

static struct nlmsghdr *route_request(struct fixture *f, uint16_t type, const struct gremc_prefix *to)
{
	struct nlmsghdr *request =
		gremc_netlink_request_init(&f->netlink, type, type == RTM_NEWROUTE ? NLM_F_CREATE : 0);
	struct rtmsg *message = mnl_nlmsg_put_extra_header(request, sizeof(*message));

	message->rtm_family = AF_INET;
	message->rtm_table = RT_TABLE_MAIN;
	message->rtm_protocol = RTPROT_BOOT;
	message->rtm_dst_len = to->length;
	message->rtm_type = RTN_UNICAST;
	mnl_attr_put_u32(request, RTA_DST, to->address);
	return request;
}

static void route(struct fixture *f, uint16_t type, const struct gremc_prefix *to, rte_be32_t via,
		  unsigned ifindex)
{
	struct nlmsghdr *request = route_request(f, type, to);

	mnl_attr_put_u32(request, RTA_GATEWAY, via);
	mnl_attr_put_u32(request, RTA_OIF, ifindex);
	kernel_route_change(f, request);
}

static bool goes_via(struct fixture *f, rte_be32_t to, rte_be32_t via)
{
	struct gremc_kernel_next_hop way;

	return gremc_route_lookup(&f->netlink, to, 0, 0, &way) == 0 &&
	       gremc_ipv4_from_mapped(&way.via) == via;
}

/* What is logged meanwhile, as one text. */
static struct {
	char *text;
	size_t size;
	FILE *stream;
} said;

static void listen_to_log(void)
{
	said.stream = open_memstream(&said.text, &said.size);
	assert_int_equal(rte_openlog_stream(said.stream), 0);
}

static void end_of_log(void)
{
	assert_int_equal(rte_openlog_stream(NULL), 0);
	fclose(said.stream);
	free(said.text);
}

static bool was_said(const char *what)
{
	fflush(said.stream);
	return strstr(said.text, what) != NULL;
}

#define DEFAULT (&(const struct gremc_prefix){0, 0})
#define MGMT    RTE_BE32(0x0a090902) /* 10.9.9.2 */
#define MGMT_GW RTE_BE32(0x0a090901)

/* ---- what was there before ---- */

/* Another start gives another gateway, fewer addresses and routes: what the earlier one gave is replaced or
 * goes, what an operator gave stays. */
static void leftovers_of_an_earlier_start_go(void **state)
{
	const struct gremc_prefix theirs = {RTE_BE32(0xc6120000), 15};
	struct gremc_config_address two[2] = {{LOCAL, 24}, {RTE_BE32(0xc0000205), 24}};
	struct gremc_config_route routes[2] = {{.via = GATEWAY},
					       {.to = {RTE_BE32(0xcb007100), 24}, .via = GATEWAY}};
	struct fixture *f = *state;
	unsigned ifindex;

	NEEDS_ROOT(state);
	f->config_port.addresses = two;
	f->config_port.address_count = 2;
	f->config_port.routes = routes;
	f->config_port.route_count = 2;
	config_reapply(f);
	ifindex = if_nametoindex("wan0");
	kernel_object_send(f, ifindex, RTE_BE32(0xc0000209), 32, 0);
	route(f, RTM_NEWROUTE, &theirs, GATEWAY2, ifindex);
	assert_true(goes_via(f, RTE_BE32(0xcb007101), GATEWAY));
	gremc_host_destroy(f->host, false);

	create_host(f);
	config_init(f);
	f->route.via = GATEWAY2;
	f->tunnel.peer = RTE_BE32(0x0a000009);
	config_reapply(f);
	assert_int_equal(if_nametoindex("wan0"), ifindex);
	assert_true(goes_via(f, REMOTE, GATEWAY2));
	/* no more specific one is left, and the address is no local one any more */
	assert_true(goes_via(f, RTE_BE32(0xcb007101), GATEWAY2));
	assert_int_equal(gremc_route_lookup(&f->netlink, RTE_BE32(0xc0000205), 0, 0,
					    &(struct gremc_kernel_next_hop){0}),
			 0);
	assert_int_not_equal(gremc_route_lookup(&f->netlink, RTE_BE32(0xc0000209), 0, 0,
						&(struct gremc_kernel_next_hop){0}),
			     0);
	assert_true(goes_via(f, theirs.address, GATEWAY2));
	/* the tunnel's peer is the new one only */
	assert_true(goes_via(f, RTE_BE32(0x0a000002), GATEWAY2));
	assert_true(goes_via(f, RTE_BE32(0x0a000009), 0));
}

/* The configuration names the port otherwise now: the route of the device that no program holds is in the
 * way. */
static void a_route_of_an_abandoned_device_is_replaced(void **state)
{
	struct fixture *f = *state;

	NEEDS_ROOT(state);
	config_reapply(f);
	gremc_host_destroy(f->host, false);
	create_host(f);
	strcpy(f->config_port.name, "wan1");
	f->address.address = RTE_BE32(0xc0000203);
	config_reapply(f);
	remove_link(f, "wan0");
	assert_true(goes_via(f, REMOTE, GATEWAY));
}

/* A route that the program did not set stays, and the log names it. When it goes, ours is set. */
static void a_route_in_the_way_is_reported(void **state)
{
	struct fixture *f = *state;
	unsigned mgmt;

	NEEDS_ROOT(state);
	mgmt = make_veth(f, "mgmt");
	kernel_object_send(f, mgmt, MGMT, 24, 0);
	route(f, RTM_NEWROUTE, DEFAULT, MGMT_GW, mgmt);
	listen_to_log();
	config_reapply(f);
	assert_true(goes_via(f, REMOTE, MGMT_GW));
	assert_true(was_said(
		"the route to 0.0.0.0/0 via 192.0.2.254 is not set: the kernel has one via 10.9.9.1 on "
		"mgmt"));
	/* the tunnel has no next hop, and that is reported, too */
	f->host->nexthops->full_check_ended = 0;
	EVENTUALLY(f, was_said("1 tunnels have no next hop"));
	assert_true(was_said("leads by mgmt"));
	f->host->next_check = 0;
	loop_turn(f);
	assert_true(goes_via(f, REMOTE, MGMT_GW));
	route(f, RTM_DELROUTE, DEFAULT, MGMT_GW, mgmt);
	f->host->next_check = 0;
	EVENTUALLY(f, goes_via(f, REMOTE, GATEWAY));
	assert_true(was_said("wan0: the route to 0.0.0.0/0 is set now"));
	EVENTUALLY(f, adjacency_leads_to(f, GATEWAY, NULL));
	end_of_log();
	remove_link(f, "mgmt");
}

/* The same route is no obstacle, whoever has set it; the same address with another peer is. */
static void what_is_the_same_is_no_obstacle(void **state)
{
	struct fixture *f = *state;
	unsigned wan0, gre1;

	NEEDS_ROOT(state);
	f->config_port.route_count = f->config_port.address_count = 0;
	f->tunnel.address.address = 0;
	config_reapply(f);
	wan0 = if_nametoindex("wan0");
	gre1 = if_nametoindex("gre1");
	kernel_object_send(f, wan0, LOCAL, 24, 0);
	route(f, RTM_NEWROUTE, DEFAULT, GATEWAY, wan0);
	kernel_object_send(f, gre1, RTE_BE32(0x0a000001), 32, RTE_BE32(0x0a000002));
	config_init(f);
	listen_to_log();
	config_reapply(f);
	assert_false(was_said("not set"));
	f->route.via = GATEWAY2;
	config_reapply(f);
	assert_true(was_said(
		"the route to 0.0.0.0/0 via 192.0.2.253 is not set: the kernel has one via 192.0.2.254 on "
		"wan0"));
	end_of_log();
}

/* ---- the reverse path filter ---- */

static void set_rp_filter(const char *interface, char value)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/proc/sys/net/ipv4/conf/%s/rp_filter", interface);
	fd = open(path, O_WRONLY);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, &value, 1), 1);
	close(fd);
}

static int rp_filter_of(struct fixture *f, const char *name)
{
	return gremc_device_rp_filter_read(gremc_host_device_find(f->host, name));
}

/* New tunnels are without one. Where `all` or somebody else overrules that, the log says it. */
static void reverse_path_filters_are_off_or_reported(void **state)
{
	struct fixture *f = *state;

	NEEDS_ROOT(state);
	set_rp_filter("default", '1');
	listen_to_log();
	config_reapply(f);
	assert_int_equal(rp_filter_of(f, "gre1"), 0);
	assert_int_equal(rp_filter_of(f, "wan0"), 1);
	assert_false(was_said("rp_filter"));
	/* as a rule of udev does, after the interface has come */
	set_rp_filter("gre1", '1');
	while (!f->host->rp_filter_due)
		loop_turn(f);
	f->host->next_check = 0;
	EVENTUALLY(f, was_said("rp_filter is on for 1 host interfaces (gre1)"));
	gremc_host_destroy(f->host, true);
	create_host(f);
	set_rp_filter("all", '1');
	config_reapply(f);
	/* a loose device makes a strict `all` loose */
	assert_int_equal(rp_filter_of(f, "gre1"), 2);
	end_of_log();
	set_rp_filter("all", '0');
	set_rp_filter("default", '0');
}

/* ---- routes that change without a message about a route ---- */

static void set_setting(const char *path, const char *value)
{
	int fd = open(path, O_WRONLY);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, value, strlen(value)), strlen(value));
	close(fd);
}

static void nexthop(struct fixture *f, uint16_t type, uint32_t id, rte_be32_t via, unsigned ifindex)
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
	kernel_route_change(f, request);
}

static void nexthop_group(struct fixture *f, uint32_t id, uint32_t member)
{
	struct nlmsghdr *request =
		gremc_netlink_request_init(&f->netlink, RTM_NEWNEXTHOP, NLM_F_CREATE | NLM_F_REPLACE);
	struct nexthop_grp group = {.id = member};

	mnl_nlmsg_put_extra_header(request, sizeof(struct nhmsg));
	mnl_attr_put_u32(request, NHA_ID, id);
	mnl_attr_put(request, NHA_GROUP, sizeof(group), &group);
	kernel_route_change(f, request);
}

static void route_by_nexthop(struct fixture *f, const struct gremc_prefix *to, uint32_t id)
{
	struct nlmsghdr *request = route_request(f, RTM_NEWROUTE, to);

	mnl_attr_put_u32(request, RTA_NH_ID, id);
	kernel_route_change(f, request);
}

/* A nexthop object is replaced, a group gets another member, the object is deleted. */
static void nexthop_objects_are_followed(void **state)
{
	const struct gremc_prefix to = {REMOTE & gremc_netmask(24), 24}, host = {REMOTE, 32};
	struct fixture *f = *state;
	unsigned ifindex;

	NEEDS_ROOT(state);
	set_setting("/proc/sys/net/ipv4/nexthop_compat_mode", "0");
	config_reapply(f);
	ifindex = if_nametoindex("wan0");
	EVENTUALLY(f, adjacency_leads_to(f, GATEWAY, NULL));
	nexthop(f, RTM_NEWNEXTHOP, 7, GATEWAY2, ifindex);
	route_by_nexthop(f, &to, 7);
	EVENTUALLY(f, adjacency_leads_to(f, GATEWAY2, NULL));
	nexthop(f, RTM_NEWNEXTHOP, 7, RTE_BE32(0xc00002fc), ifindex);
	EVENTUALLY(f, adjacency_leads_to(f, RTE_BE32(0xc00002fc), NULL));
	nexthop(f, RTM_NEWNEXTHOP, 8, GATEWAY2, ifindex);
	nexthop_group(f, 20, 7);
	route_by_nexthop(f, &host, 20);
	EVENTUALLY(f, adjacency_leads_to(f, RTE_BE32(0xc00002fc), NULL));
	nexthop_group(f, 20, 8);
	EVENTUALLY(f, adjacency_leads_to(f, GATEWAY2, NULL));
	set_setting("/proc/sys/net/ipv4/nexthop_compat_mode", "1");
	nexthop(f, RTM_DELNEXTHOP, 20, 0, 0);
	EVENTUALLY(f, adjacency_leads_to(f, RTE_BE32(0xc00002fc), NULL));
	nexthop(f, RTM_DELNEXTHOP, 7, 0, 0);
	EVENTUALLY(f, adjacency_leads_to(f, GATEWAY, NULL));
}

/* The link that a better route leads by goes down, and comes back. */
static void links_of_others_are_followed(void **state)
{
	const struct gremc_link_settings down = {.down = true};
	const struct gremc_prefix to = {REMOTE & gremc_netmask(24), 24};
	struct fixture *f = *state;
	unsigned mgmt;

	NEEDS_ROOT(state);
	mgmt = make_veth(f, "mgmt");
	kernel_object_send(f, mgmt, MGMT, 24, 0);
	config_reapply(f);
	route(f, RTM_NEWROUTE, &to, MGMT_GW, mgmt);
	EVENTUALLY(f, adjacency_leads_to(f, RTE_BE32(UINT32_MAX), NULL));
	assert_int_equal(gremc_link_set(&f->netlink, mgmt, &down), 0);
	EVENTUALLY(f, adjacency_leads_to(f, GATEWAY, NULL));
	remove_link(f, "mgmt");
}

/* Nothing announces it, and yet it is seen. */
static void what_nothing_announces_is_seen(void **state)
{
	const struct gremc_prefix to = {REMOTE, 32};
	struct fixture *f = *state;
	char buffer[32768];

	NEEDS_ROOT(state);
	config_reapply(f);
	EVENTUALLY(f, adjacency_leads_to(f, GATEWAY, NULL));
	route(f, RTM_NEWROUTE, &to, GATEWAY2, if_nametoindex("wan0"));
	while (mnl_socket_recvfrom(f->host->nexthops->events, buffer, sizeof(buffer)) > 0)
		;
	f->host->nexthops->full_check_ended = 0;
	EVENTUALLY(f, adjacency_leads_to(f, GATEWAY2, NULL));
}

/* An IPv4 route by an IPv6 neighbour (RFC 5549): its MAC address is the next hop's. */
static void ipv6_next_hops_lead(void **state)
{
	static const struct in6_addr gateway = {.s6_addr = {0xfe, 0x80, [15] = 0x42}};
	const struct gremc_prefix to = {REMOTE, 32};
	struct rtvia *via = (struct rtvia *)(uint8_t[sizeof(*via) + sizeof(gateway)]){0};
	struct fixture *f = *state;
	struct nlmsghdr *request;
	struct ndmsg *message;
	unsigned ifindex;

	NEEDS_ROOT(state);
	if (access("/proc/sys/net/ipv6", R_OK)) {
		print_message("no IPv6\n");
		skip();
	}
	set_setting("/proc/sys/net/ipv6/conf/all/disable_ipv6", "0");
	config_reapply(f);
	ifindex = if_nametoindex("wan0");
	request = route_request(f, RTM_NEWROUTE, &to);
	via->rtvia_family = AF_INET6;
	memcpy(via->rtvia_addr, &gateway, sizeof(gateway));
	mnl_attr_put(request, RTA_VIA, sizeof(*via) + sizeof(gateway), via);
	mnl_attr_put_u32(request, RTA_OIF, ifindex);
	kernel_route_change(f, request);
	EVENTUALLY(f, adjacency_leads_to(f, GREMC_NEXT_HOP_IPV6, NULL));
	assert_memory_equal(adjacency(f)->next_hop6, &gateway, sizeof(gateway));
	request = gremc_netlink_request_init(&f->netlink, RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_REPLACE);
	message = mnl_nlmsg_put_extra_header(request, sizeof(*message));
	message->ndm_family = AF_INET6;
	message->ndm_ifindex = ifindex;
	message->ndm_state = NUD_PERMANENT;
	mnl_attr_put(request, NDA_DST, sizeof(gateway), &gateway);
	mnl_attr_put(request, NDA_LLADDR, sizeof(mac_b), &mac_b);
	kernel_route_change(f, request);
	EVENTUALLY(f, adjacency_leads_to(f, GREMC_NEXT_HOP_IPV6, &mac_b));
	route(f, RTM_DELROUTE, &to, 0, ifindex);
	EVENTUALLY(f, adjacency_leads_to(f, GATEWAY, NULL));
}

/* ---- starts that fail or are killed ---- */

/* The kernel's network as text: links, addresses, routes. */
struct picture {
	char text[4096];
};

static void kernel_picture_draw(struct picture *picture, const char *format, ...) __rte_format_printf(2, 3);
static void kernel_picture_draw(struct picture *picture, const char *format, ...)
{
	size_t length = strlen(picture->text);
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(picture->text + length, sizeof(picture->text) - length, format, arguments);
	va_end(arguments);
}

static void address_draw(void *argument, const struct gremc_link_address *address, uint8_t protocol)
{
	kernel_picture_draw(argument, " address %x/%u peer %x proto %u\n", address->address, address->length,
			    address->peer, protocol);
}

static void route_draw(void *argument, const struct gremc_kernel_route *route)
{
	kernel_picture_draw(argument, "route %x/%u dev %u via %x metric %u proto %u\n", route->to.address,
			    route->to.length, route->ifindex, route->via, route->metric, route->protocol);
}

static struct picture kernel_picture_take(struct fixture *f)
{
	struct if_nameindex *links = if_nameindex();
	struct picture picture = {0};
	struct gremc_link link;

	for (unsigned i = 0; links[i].if_index; i++) {
		assert_int_equal(gremc_link_get(&f->netlink, links[i].if_name, &link), 0);
		kernel_picture_draw(&picture, "link %u %s %s%s\n", link.ifindex, link.name, link.kind,
				    link.flags & IFF_UP ? " up" : "");
		assert_int_equal(gremc_address_each(&f->netlink, link.ifindex, address_draw, &picture), 0);
	}
	if_freenameindex(links);
	assert_int_equal(gremc_route_each(&f->netlink, 0, 0, route_draw, &picture), 0);
	return picture;
}

/* Everything of a start that touches the kernel's network. */
static int host_start(struct fixture *f, bool takes_over)
{
	const struct gremc_host_context context = {.ports = &f->ports,
						   .vifs = f->vifs,
						   .workers = f->workers,
						   .rcu = f->rcu,
						   .epoll = f->epoll,
						   .state_directory = state_directory};
	struct gremc_errors errors = {0};
	int rc = -1;

	f->host = gremc_host_create(&context, &errors);
	if (f->host == NULL)
		goto out;
	rc = takes_over ? gremc_host_takeover_begin(f->host, &f->config, "wan0", &errors) : 0;
	if (rc == 0)
		rc = -(int)gremc_host_apply(f->host, &f->config, f->vif, &errors);
	if (rc == 0)
		rc = gremc_host_commit(f->host, &errors);
	if (rc)
		gremc_host_destroy(f->host, false);
out:
	gremc_errors_fini(&errors);
	return rc;
}

/* As the kernel has it before a takeover: the interface, another one, and what was there of an earlier start.
 */
static void interface_furnish(struct fixture *f)
{
	const struct gremc_prefix far = {RTE_BE32(0xc6120000), 15};
	unsigned wan0 = make_veth(f, "wan0"), mgmt = make_veth(f, "mgmt");

	kernel_object_send(f, wan0, LOCAL, 24, 0);
	kernel_object_send(f, wan0, RTE_BE32(0xc0000207), 32, 0);
	route(f, RTM_NEWROUTE, &far, GATEWAY2, wan0);
	kernel_object_send(f, mgmt, MGMT, 24, 0);
	route(f, RTM_NEWROUTE, DEFAULT, MGMT_GW, mgmt);
}

static void kernel_clear(struct fixture *f)
{
	static const char *const names[] = {"wan0", "wan0_k", "gre1", "mgmt"};

	for (unsigned i = 0; i < RTE_DIM(names); i++)
		if (if_nametoindex(names[i]))
			remove_link(f, names[i]);
}

static bool has_journal(void)
{
	/* the folder is empty otherwise */
	bool is_empty = rmdir(state_directory) == 0;

	assert_true(!is_empty || mkdir(state_directory, 0700) == 0);
	return !is_empty;
}

/* Each request of a start fails in turn: either it starts, or all is as before. */
static void fail_each_step(struct fixture *f, bool takes_over)
{
	struct picture before = kernel_picture_take(f), after;
	unsigned failed = 0;

	for (unsigned at = 1;; at++) {
		int rc;

		fault.at = at;
		fault.kills = false;
		fault.count = 0;
		rc = host_start(f, takes_over);
		fault.at = 0;
		if (rc == 0)
			gremc_host_destroy(f->host, true);
		f->host = NULL;
		if (rc == 0) {
			if (fault.count < at)
				break;
			kernel_clear(f);
			if (takes_over)
				interface_furnish(f);
			before = kernel_picture_take(f);
			continue;
		}
		failed++;
		after = kernel_picture_take(f);
		assert_string_equal(after.text, before.text);
		assert_false(has_journal());
	}
	f->host = NULL;
	/* some of them are fatal */
	assert_true(failed >= (takes_over ? 10 : 5));
}

/* To the kernel the end of a process is the end of its files. DPDK's memory would outlive a process that was
 * forked.
 */
#define FILES_MAX 256

static void end_process(struct fixture *f, const bool *was_open)
{
	for (int fd = 0; fd < FILES_MAX; fd++)
		if (!was_open[fd])
			close(fd);
	rte_hash_free(rte_hash_find_existing("gremc_hops"));
	close(f->epoll);
	f->epoll = epoll_create1(EPOLL_CLOEXEC);
	f->host = NULL;
}

/* Memory of a process that is killed is no leak. */
#ifdef __SANITIZE_ADDRESS__
#	include <sanitizer/lsan_interface.h>
#else
#	define __lsan_disable() RTE_SET_USED(fault)
#	define __lsan_enable()  RTE_SET_USED(fault)
#endif

/* Returns whether the start was killed at this step; if not, it is over. */
static bool kill_at(struct fixture *f, unsigned at, bool takes_over)
{
	volatile bool killed = true;
	bool was_open[FILES_MAX];

	for (int fd = 0; fd < FILES_MAX; fd++)
		was_open[fd] = fcntl(fd, F_GETFD) >= 0;
	fault.kills = true;
	fault.count = 0;
	__lsan_disable();
	if (setjmp(fault.end) == 0) {
		fault.at = at;
		assert_int_equal(host_start(f, takes_over), 0);
		killed = false;
	}
	__lsan_enable();
	fault.at = 0;
	if (killed)
		end_process(f, was_open);
	return killed;
}

/* The process is killed at each request in turn: the next start finds the kernel's network as it was before,
 * or the start finished. */
static void kill_each_step(struct fixture *f, bool takes_over)
{
	struct picture before = kernel_picture_take(f), after;
	unsigned undone = 0;

	for (unsigned at = 1; kill_at(f, at, takes_over); at++) {
		/* a start of any other configuration looks after what is left */
		create_host(f);
		gremc_host_destroy(f->host, false);
		f->host = NULL;
		after = kernel_picture_take(f);
		assert_false(has_journal());
		if (strcmp(after.text, before.text) == 0) {
			undone++;
			continue;
		}
		/* the devices were made, and stay, as after a crash */
		assert_non_null(strstr(after.text, " gre1 tun"));
		assert_int_equal(strstr(after.text, " wan0 veth") != NULL, takes_over);
		remove_link(f, "gre1");
		if (!takes_over && if_nametoindex("wan0"))
			remove_link(f, "wan0");
		after = kernel_picture_take(f);
		assert_string_equal(after.text, before.text);
	}
	gremc_host_destroy(f->host, true);
	f->host = NULL;
	assert_true(undone >= 5);
}

static void each_step(struct fixture *f, void (*test)(struct fixture *, bool))
{
	gremc_host_destroy(f->host, true);
	f->host = NULL;
	/* lines for each step help nobody */
	listen_to_log();
	test(f, false);
	kernel_clear(f);
	interface_furnish(f);
	test(f, true);
	kernel_clear(f);
	end_of_log();
}

static void a_start_that_fails_changes_nothing(void **state)
{
	NEEDS_ROOT(state);
	each_step(*state, fail_each_step);
}

static void a_start_that_is_killed_is_undone(void **state)
{
	NEEDS_ROOT(state);
	each_step(*state, kill_each_step);
}

/* A device that was there before a start that fails stays, with what it had. */
static void a_start_that_fails_keeps_what_was_there(void **state)
{
	struct picture before, after;
	struct fixture *f = *state;
	struct gremc_config_tunnel tunnels[2];

	NEEDS_ROOT(state);
	config_reapply(f);
	kernel_object_send(f, if_nametoindex("gre1"), RTE_BE32(0xcb007105), 32, 0);
	gremc_host_destroy(f->host, false);
	f->host = NULL;
	make_veth(f, "gre2");
	before = kernel_picture_take(f);
	tunnels[0] = tunnels[1] = f->tunnel;
	strcpy(tunnels[1].name, "gre2");
	f->config.tunnels = tunnels;
	f->config.tunnel_count = 2;
	f->vif[1] = f->vif[0];
	f->route.via = GATEWAY2;
	assert_int_not_equal(host_start(f, false), 0);
	f->host = NULL;
	after = kernel_picture_take(f);
	assert_string_equal(after.text, before.text);
	remove_link(f, "gre2");
	kernel_clear(f);
}

static void reasons_have_texts(void **state __rte_unused)
{
	for (unsigned i = 0; i < GREMC_HOST_DROP_COUNT; i++) {
		assert_true(strlen(gremc_host_drop_name(i)) > 0);
		assert_true(strlen(gremc_host_drop_text(i)) > strlen("down"));
	}
}

/* ---- EAL ---- */

static int host_eal_start(void **state __rte_unused)
{
	char *arguments[] = {"test",        "--no-huge",      "-m", "256", "--no-pci",
			     "--no-shconf", "--no-telemetry", "-l", "0",   "--vdev=net_ring0"};
	struct rte_eth_conf conf = {0};

	if (mkdtemp(state_directory) == NULL)
		return -1;
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

static int host_eal_stop(void **state __rte_unused)
{
	rte_eth_dev_stop(device);
	rte_eth_dev_close(device);
	assert_int_equal(rmdir(state_directory), 0);
	return rte_eal_cleanup();
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, host_set_up, host_tear_down)

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
		TEST(leftovers_of_an_earlier_start_go),
		TEST(a_route_of_an_abandoned_device_is_replaced),
		TEST(a_route_in_the_way_is_reported),
		TEST(what_is_the_same_is_no_obstacle),
		TEST(reverse_path_filters_are_off_or_reported),
		TEST(nexthop_objects_are_followed),
		TEST(links_of_others_are_followed),
		TEST(what_nothing_announces_is_seen),
		TEST(ipv6_next_hops_lead),
		TEST(a_start_that_fails_changes_nothing),
		TEST(a_start_that_is_killed_is_undone),
		TEST(a_start_that_fails_keeps_what_was_there),
	};

	return cmocka_run_group_tests_name("host", tests, host_eal_start, host_eal_stop);
}
