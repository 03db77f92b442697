/* SPDX-License-Identifier: BSD-3-Clause */
/* A host on this kernel, in a network namespace of the test's own: one port, wan0, and one tunnel, gre1.
 * Without root, or without /dev/net/tun, there is no namespace and the tests are skipped. */
#ifndef GREMC_TESTS_UNIT_HOST_FIXTURE_H
#define GREMC_TESTS_UNIT_HOST_FIXTURE_H

#include "test.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "host/host.h"

#define LOCAL    RTE_BE32(0xc0000201) /* 192.0.2.1 */
#define GATEWAY  RTE_BE32(0xc00002fe) /* 192.0.2.254 */
#define GATEWAY2 RTE_BE32(0xc00002fd)
#define REMOTE   RTE_BE32(0xc6336402) /* 198.51.100.2 */
#define PATIENCE 60000                /* milliseconds */

/* A second network, by an interface that is no port. */
#define DEFAULT (&(const struct gremc_prefix)GREMC_PREFIX_IPV4(0, 0))
#define MGMT    RTE_BE32(0x0a090902) /* 10.9.9.2 */
#define MGMT_GW RTE_BE32(0x0a090901)

extern const struct rte_ether_addr mac_a, mac_b;

struct host_fixture {
	struct gremc_rcu *rcu;
	struct gremc_vifs *vifs;
	struct gremc_fanout *fanout;
	struct gremc_ports ports;
	struct gremc_port port;
	struct gremc_worker_group *workers;
	struct gremc_host *host;
	struct gremc_netlink netlink; /* of the test */
	struct gremc_config config;
	struct gremc_config_port config_port;
	struct gremc_config_address address;
	struct gremc_config_route route;
	struct gremc_config_tunnel tunnel;
	uint32_t vif[3]; /* tunnel, port, host */
	int epoll;
};

#define TEST(function) cmocka_unit_test_setup_teardown(function, host_set_up, host_tear_down)
#define NEEDS_ROOT(state)                                                                                    \
	do {                                                                                                 \
		if (*(state) == NULL) {                                                                      \
			print_message("needs root\n");                                                       \
			skip();                                                                              \
		}                                                                                            \
	} while (0)
/* Turn the control loop until the condition holds. */
#define EVENTUALLY(f, condition)                                                                             \
	do {                                                                                                 \
		uint64_t start_ = gremc_clock_ms();                                                          \
		while (!(condition) && gremc_clock_ms() - start_ < PATIENCE)                                 \
			loop_turn(f);                                                                        \
		assert_true(condition);                                                                      \
	} while (0)

/* Start the EAL, in a network namespace of its own. Without root, *state of each test is NULL. */
int host_group_set_up(void **state);
/* Close the device and stop the EAL. */
int host_group_tear_down(void **state);
/* The tables, a port, a tunnel and an epoll set in *state. */
int host_set_up(void **state);
/* Free them and remove all interfaces of the test. */
int host_tear_down(void **state);

/* The context of gremc_host_create(). */
struct gremc_host_context host_context(const struct host_fixture *f);
/* Create the host with the configuration. */
void host_create(struct host_fixture *f);
/* Set the fixture's configuration to its initial value. */
void config_init(struct host_fixture *f);
/* Apply the fixture's configuration and commit it. */
void config_apply(struct host_fixture *f);
/* One turn of the control loop. */
void loop_turn(struct host_fixture *f);
/* The folder of the takeover journal. */
const char *host_state_directory(void);
/* The adjacency that the tunnel sends by. */
const struct gremc_adjacency *tunnel_adjacency(const struct host_fixture *f);
/* Returns true if the tunnel sends to this next hop; mac NULL: an unresolved one. */
bool tunnel_adjacency_is(const struct host_fixture *f, rte_be32_t next_hop, const struct rte_ether_addr *mac);

/* ---- changes of the kernel that the test makes ---- */

/* Send a netlink request and check the reply. */
void kernel_request_send(struct host_fixture *f, struct nlmsghdr *request);
/* mac NULL: remove the entry. */
void kernel_neighbor_set(struct host_fixture *f, rte_be32_t address, const struct rte_ether_addr *mac);
/* Remove a link. */
void kernel_link_remove(struct host_fixture *f, const char *name);
/* Create the pair NAME and NAME_p, both up. Returns: the ifindex of NAME. */
unsigned kernel_veth_create(struct host_fixture *f, const char *name);
/* An address as an operator adds it. */
void kernel_address_add(struct host_fixture *f, unsigned ifindex, rte_be32_t address, uint8_t length,
			rte_be32_t peer);
/* A request without a next hop; type: RTM_NEWROUTE or RTM_DELROUTE. */
struct nlmsghdr *kernel_route_request(struct host_fixture *f, uint16_t type, const struct gremc_prefix *to);
/* A route as an operator adds or removes it. */
void kernel_route_change(struct host_fixture *f, uint16_t type, const struct gremc_prefix *to, rte_be32_t via,
			 unsigned ifindex);
/* Look up a route of the kernel. `from` 0: any. Returns: that of gremc_route_lookup(). */
int kernel_route_lookup(struct host_fixture *f, rte_be32_t to, rte_be32_t from,
			struct gremc_kernel_next_hop *next_hop);
/* Returns true if the route to the destination has this gateway. */
bool kernel_routes_via(struct host_fixture *f, rte_be32_t to, rte_be32_t via);
/* Write a file of /proc/sys. */
void kernel_setting_write(const char *path, const char *value);

/* ---- the log, captured ---- */

/* Redirect the log to a file. */
void log_capture_begin(void);
/* End it. */
void log_capture_end(void);
/* Returns true if the captured log contains the text. */
bool log_contains(const char *text);

#endif
