/* SPDX-License-Identifier: BSD-3-Clause */
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <sys/epoll.h>

#include <linux/veth.h>

#include <rte_eal.h>
#include <rte_ethdev.h>

#include "base/clock.h"
#include "datapath/forward.h"
#include "host_fixture.h"

const struct rte_ether_addr mac_a = {{0x02, 0, 0, 0, 0, 0xa}}, mac_b = {{0x02, 0, 0, 0, 0, 0xb}};

static const struct gremc_config_settings settings = {.copy_threshold = 256, .max_sleep = 1};

static char state_directory[] = "/tmp/gremc-host-XXXXXX";
static bool has_namespace;
static struct rte_mempool *pool;
static uint16_t device;

/* The messages that were logged since log_capture_begin(). */
static struct {
	char *text;
	size_t size;
	FILE *stream;
} captured;

const char *host_state_directory(void)
{
	return state_directory;
}

void config_init(struct host_fixture *f)
{
	f->address = (struct gremc_config_address){GREMC_ADDR_IPV4(LOCAL), 24};
	f->route =
		(struct gremc_config_route){.to = GREMC_PREFIX_IPV4(0, 0), .via = GREMC_ADDR_IPV4(GATEWAY)};
	f->config_port = (struct gremc_config_port){.name = "wan0",
						    .host = true,
						    .member_of = GREMC_CONFIG_NONE,
						    .addresses = &f->address,
						    .address_count = 1,
						    .routes = &f->route,
						    .route_count = 1};
	f->tunnel = (struct gremc_config_tunnel){.name = "gre1",
						 .options.local = LOCAL,
						 .options.remote = REMOTE,
						 .host = true,
						 .address = {GREMC_ADDR_IPV4(RTE_BE32(0x0a000001)), 32},
						 .peer = GREMC_ADDR_IPV4(RTE_BE32(0x0a000002))};
	f->config = (struct gremc_config){
		.ports = &f->config_port, .port_count = 1, .tunnels = &f->tunnel, .tunnel_count = 1};
}

static void tunnel_create(struct host_fixture *f)
{
	struct gremc_vif_info info = {
		.kind = GREMC_VIF_TUNNEL, .name = "gre1", .mtu = 1476, .options.remote = REMOTE};
	uint32_t adjacency;

	assert_int_equal(gremc_adjacency_get(f->vifs, 0, GATEWAY, &mac_a, 0, &adjacency), 0);
	assert_int_equal(gremc_tunnel_add(f->vifs, &info, adjacency, &f->vif[0]), 0);
	f->vif[1] = f->vif[2] = GREMC_VIF_NONE;
}

struct gremc_host_context host_context(const struct host_fixture *f)
{
	return (struct gremc_host_context){.ports = &f->ports,
					   .vifs = f->vifs,
					   .workers = f->workers,
					   .rcu = f->rcu,
					   .epoll = f->epoll,
					   .state_directory = state_directory};
}

void host_create(struct host_fixture *f)
{
	const struct gremc_host_context context = host_context(f);
	struct gremc_errors errors = {0};

	f->host = gremc_host_create(&context, &errors);
	if (f->host == NULL)
		print_error("%s", errors.text);
	assert_non_null(f->host);
}

int host_set_up(void **state)
{
	struct host_fixture *f = calloc(1, sizeof(*f));

	if (!has_namespace) {
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
	host_create(f);
	assert_int_equal(gremc_netlink_open(&f->netlink), 0);
	config_init(f);
	*state = f;
	return 0;
}

int host_tear_down(void **state)
{
	struct host_fixture *f = *state;

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

void config_apply(struct host_fixture *f)
{
	struct gremc_errors errors = {0};
	unsigned failed;

	assert_int_equal(gremc_host_reserve(f->host, &f->config), 0);
	failed = gremc_host_apply(f->host, &f->config, f->vif, &errors);

	if (failed)
		print_error("%s", errors.text);
	gremc_errors_fini(&errors);
	assert_int_equal(failed, 0);
	assert_int_equal(gremc_host_commit(f->host, &errors), 0);
}

/* One turn of the control loop. */
void loop_turn(struct host_fixture *f)
{
	struct epoll_event events[8];
	int wait = gremc_host_loop_prepare(f->host, 50);
	int n = epoll_wait(f->epoll, events, 8, RTE_MIN(wait, 50));

	for (int i = 0; i < n; i++) {
		const struct gremc_watch *watch = events[i].data.ptr;

		watch->ready(watch->argument);
	}
	gremc_host_loop_poll(f->host);
	gremc_worker_poll_inject(f->workers->worker[0]);
	gremc_rcu_reclaim(f->rcu);
}

void kernel_neighbor_set(struct host_fixture *f, rte_be32_t address, const struct rte_ether_addr *mac)
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

void kernel_link_remove(struct host_fixture *f, const char *name)
{
	struct nlmsghdr *request = gremc_netlink_request_init(&f->netlink, RTM_DELLINK, 0);
	struct ifinfomsg *message = mnl_nlmsg_put_extra_header(request, sizeof(*message));

	message->ifi_index = if_nametoindex(name);
	assert_int_equal(gremc_netlink_send(&f->netlink, request, NULL, NULL), 0);
}

void kernel_request_send(struct host_fixture *f, struct nlmsghdr *request)
{
	assert_int_equal(gremc_netlink_send(&f->netlink, request, NULL, NULL), 0);
}

unsigned kernel_veth_create(struct host_fixture *f, const char *name)
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
	kernel_request_send(f, request);
	assert_int_equal(gremc_link_set(&f->netlink, if_nametoindex(text), &up), 0);
	assert_int_equal(gremc_link_set(&f->netlink, if_nametoindex(name), &up), 0);
	return if_nametoindex(name);
}

/* An address and a route as an operator sets them. */
void kernel_address_add(struct host_fixture *f, unsigned ifindex, rte_be32_t address, uint8_t length,
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
	kernel_request_send(f, request);
}

struct nlmsghdr *kernel_route_request(struct host_fixture *f, uint16_t type, const struct gremc_prefix *to)
{
	struct nlmsghdr *request =
		gremc_netlink_request_init(&f->netlink, type, type == RTM_NEWROUTE ? NLM_F_CREATE : 0);
	struct rtmsg *message = mnl_nlmsg_put_extra_header(request, sizeof(*message));

	message->rtm_family = AF_INET;
	message->rtm_table = RT_TABLE_MAIN;
	message->rtm_protocol = RTPROT_BOOT;
	message->rtm_dst_len = (uint8_t)to->length;
	message->rtm_type = RTN_UNICAST;
	mnl_attr_put_u32(request, RTA_DST, gremc_addr_to_ipv4(&to->address));
	return request;
}

void kernel_route_change(struct host_fixture *f, uint16_t type, const struct gremc_prefix *to, rte_be32_t via,
			 unsigned ifindex)
{
	struct nlmsghdr *request = kernel_route_request(f, type, to);

	mnl_attr_put_u32(request, RTA_GATEWAY, via);
	mnl_attr_put_u32(request, RTA_OIF, ifindex);
	kernel_request_send(f, request);
}

int kernel_route_lookup(struct host_fixture *f, rte_be32_t to, rte_be32_t from,
			struct gremc_kernel_next_hop *next_hop)
{
	const struct gremc_addr to_addr = gremc_addr_from_ipv4(to),
				from_addr = gremc_addr_from_ipv4_or_none(from);

	return gremc_route_lookup(&f->netlink, &to_addr, &from_addr, 0, next_hop);
}

bool kernel_routes_via(struct host_fixture *f, rte_be32_t to, rte_be32_t via)
{
	struct gremc_kernel_next_hop next_hop;

	return kernel_route_lookup(f, to, 0, &next_hop) == 0 && gremc_addr_to_ipv4(&next_hop.via) == via;
}

void kernel_setting_write(const char *path, const char *value)
{
	int fd = open(path, O_WRONLY);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, value, strlen(value)), strlen(value));
	close(fd);
}

void log_capture_begin(void)
{
	captured.stream = open_memstream(&captured.text, &captured.size);
	assert_int_equal(rte_openlog_stream(captured.stream), 0);
}

void log_capture_end(void)
{
	assert_int_equal(rte_openlog_stream(NULL), 0);
	fclose(captured.stream);
	free(captured.text);
}

bool log_contains(const char *what)
{
	fflush(captured.stream);
	return strstr(captured.text, what) != NULL;
}

const struct gremc_adjacency *tunnel_adjacency(const struct host_fixture *f)
{
	return gremc_adjacency_load(f->vifs, f->vifs->encap[f->vif[0]].adjacency);
}

bool tunnel_adjacency_is(const struct host_fixture *f, rte_be32_t next_hop, const struct rte_ether_addr *mac)
{
	const struct gremc_adjacency *a = tunnel_adjacency(f);

	return a->next_hop == next_hop && a->resolved == (mac != NULL) &&
	       (mac == NULL || memcmp(&a->l2[GREMC_L2_MAX - 14], mac, 6) == 0);
}

int host_group_set_up(void **state __rte_unused)
{
	char *arguments[] = {"test",        "--no-huge",      "-m", "256", "--no-pci",
			     "--no-shconf", "--no-telemetry", "-l", "0",   "--vdev=net_ring0"};
	struct rte_eth_conf conf = {0};

	if (mkdtemp(state_directory) == NULL)
		return -1;
	has_namespace = unshare(CLONE_NEWNET) == 0 && access("/dev/net/tun", R_OK | W_OK) == 0;
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

int host_group_tear_down(void **state __rte_unused)
{
	rte_eth_dev_stop(device);
	rte_eth_dev_close(device);
	assert_int_equal(rmdir(state_directory), 0);
	return rte_eal_cleanup();
}
