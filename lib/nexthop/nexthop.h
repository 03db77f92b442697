/* SPDX-License-Identifier: BSD-3-Clause */
/* The kernel's routes and neighbours as adjacencies of tunnels. The kernel resolves next hops; this
 * module mirrors its decision for each tunnel whose port follows the kernel: the route to the tunnel's remote
 * address gives the neighbour, the neighbour's MAC address gives the adjacency. No ARP and no routing of its
 * own.
 *
 * Every function runs on the control thread unless its contract names another one. */
#ifndef GREMC_NEXTHOP_NEXTHOP_H
#define GREMC_NEXTHOP_NEXTHOP_H

#include <stdbool.h>
#include <stdint.h>

#include "config/config.h"
#include "datapath/datapath.h"
#include "netlink/netlink.h"
#include "port/port.h"
#include "rcu/rcu.h"
#include "vif/vif.h"

struct gremc_nexthops; /* heap */

/* The objects that the module works on, and the callbacks by which it reports events of the kernel.
 * Lifetime: all of them outlive the module's object. */
struct gremc_nexthops_context {
	const struct gremc_ports *ports;
	struct gremc_vifs *vifs;
	const struct gremc_worker_group *workers; /* for the counters of transmitted packets */
	struct gremc_rcu *rcu;
	struct gremc_netlink *netlink;
	int epoll; /* the control loop's: data.ptr is a struct gremc_watch */

	/* A link was added, changed or removed. */
	void (*link_changed)(void *argument, const struct gremc_link *link, bool removed);
	/* Events were dropped: the state of every link must be read again. */
	void (*links_resync)(void *argument);
	/* A port's own kernel interface was set down or up by the operator. */
	void (*port_down_set)(void *argument, uint16_t port, bool down);
	/* A reverse path filter was changed. */
	void (*rp_filter_changed)(void *argument);
	void *argument;
};

/* Returns: NULL: errno has the reason. */
struct gremc_nexthops *gremc_nexthops_create(const struct gremc_nexthops_context *context);
/* Release all adjacencies and close the event socket; no-op for NULL. */
void gremc_nexthops_destroy(struct gremc_nexthops *nexthops);

/* Set the kernel interface of a port.
 * Input:   ifindex 0: the port has none at present. */
void gremc_nexthops_port_ifindex_set(struct gremc_nexthops *nexthops, uint16_t port, unsigned ifindex);
/* Mirror a port by an interface that the kernel has for the same device (a bifurcated driver, AF_XDP). The
 * interface may be removed and added at any time. */
void gremc_nexthops_port_interface_set(struct gremc_nexthops *nexthops, uint16_t port, const char *name);
/* Whether the port's tunnels get their next hops from the kernel: by `host: true` in the configuration, or by
 * gremc_nexthops_port_interface_set().
 * Input:   `config` need not be the running configuration. */
bool gremc_nexthops_port_follows_kernel(const struct gremc_nexthops *nexthops,
					const struct gremc_config *config, uint16_t port);

/* Allocate the set of mirrored tunnels of a configuration. The next call replaces it.
 * Returns: 0 or -ENOMEM. */
__rte_warn_unused_result int gremc_nexthops_config_reserve(struct gremc_nexthops *nexthops,
							   const struct gremc_config *config);
/* Replace the set of mirrored tunnels. Neighbours that both sets use keep their state.
 * Input:    vif: the vif of each tunnel of `config`.
 * Lifetime: `config` until the next call.
 * Order:    after gremc_nexthops_config_reserve() of the same configuration. */
void gremc_nexthops_config_apply(struct gremc_nexthops *nexthops, const struct gremc_config *config,
				 const uint32_t *vif);
/* Get the adjacency of a tunnel according to the kernel's present routes and neighbours.
 * Input:   `config` is the tunnel's configuration; it need not be the running one.
 * Owner:   the caller holds one more reference to *adjacency.
 * Returns: 0 or a negative errno. */
__rte_warn_unused_result int gremc_nexthops_tunnel_adjacency(struct gremc_nexthops *nexthops,
							     const struct gremc_config *config,
							     const struct gremc_config_tunnel *tunnel,
							     uint32_t *adjacency);

/* Do the work that is due.
 * Input:   gremc_clock_ms().
 * Returns: milliseconds until the next call; -1: no work is scheduled. */
int gremc_nexthops_poll(struct gremc_nexthops *nexthops, uint64_t now);

/* Returns: how often the event socket overflowed and everything was read again.
 * Thread:  any. */
uint64_t gremc_nexthops_overruns_read(const struct gremc_nexthops *nexthops);

#endif
