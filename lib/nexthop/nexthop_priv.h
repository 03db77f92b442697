/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef GREMC_NEXTHOP_NEXTHOP_PRIV_H
#define GREMC_NEXTHOP_NEXTHOP_PRIV_H

#include <rte_hash.h>

#include "base/assert.h"
#include "base/clock.h"
#include "nexthop/nexthop.h"

/* All intervals are milliseconds. */
#define GREMC_ROUTE_PASS_INTERVAL 100  /* least time between two passes over changed routes */
#define GREMC_ROUTE_PASS_SHARE    10   /* a pass takes at most 1/10 of the control thread's time */
#define GREMC_ROUTE_PASS_SLICE    256  /* route lookups per turn of the control loop */
#define GREMC_FULL_CHECK_INTERVAL 5000 /* all routes are looked up even if no event announced a change */
#define GREMC_NEIGHBOR_INTERVAL   250  /* between two polls of stale and unresolved neighbours */
#define GREMC_PROBE_INTERVAL      1000 /* per neighbour; the kernel sends three probes, one a second */
#define GREMC_ROUTE_CHANGES_MAX   32   /* changed prefixes that are kept apart */
#define GREMC_NUD_VALID           (NUD_REACHABLE | NUD_STALE | NUD_DELAY | NUD_PROBE | NUD_PERMANENT | NUD_NOARP)
static_assert(GREMC_NEIGHBOR_INTERVAL <= GREMC_PROBE_INTERVAL, "a poll comes before the next probe is due");

/* A neighbour that tunnels send to, identified by (ifindex, address). All tunnels that use it share its
 * adjacency. */
struct gremc_nexthop_neighbor {
	unsigned ifindex;
	struct gremc_addr address;
	uint16_t port;
	uint16_t state; /* NUD_* as last read */
	bool resolved;
	uint32_t adjacency; /* one reference is held */
	uint32_t users;     /* bindings */
	uint64_t probed;    /* milliseconds: the kernel was last told to probe it */
	uint64_t refreshed; /* milliseconds: the kernel's entry was last read */
};

/* A tunnel and the neighbour that its packets go to. */
struct gremc_nexthop_binding {
	uint32_t vif;
	uint16_t port; /* the tunnel's configured port, used while there is no route */
	struct gremc_addr local, remote;
	struct gremc_nexthop_neighbor *neighbor; /* NULL: no route by one of the ports */
	unsigned other_ifindex; /* the interface of a route that uses none of the ports; 0: there is no route
				 */
	uint64_t sent;          /* packets transmitted as last read */
};

/* Destinations whose routes may have changed. */
struct gremc_nexthop_changes {
	struct gremc_prefix to[GREMC_ROUTE_CHANGES_MAX];
	uint32_t count;
	bool all;
};

/* The kernel interface of a port. */
struct gremc_nexthop_port {
	unsigned ifindex;    /* 0: none at present */
	char name[IFNAMSIZ]; /* an interface that the kernel has for the device; empty: the port has a TAP, or
				none */
	unsigned vrf;        /* ifindex of the VRF that the interface is in; 0: none */
};

/* Owner:   the control thread, except `overruns`. */
struct gremc_nexthops {
	struct gremc_nexthops_context context;
	const struct gremc_config *config; /* the running one */
	struct gremc_watch watch;          /* of the event socket */
	struct gremc_netlink_events events;
	bool resync_due;   /* the event socket overflowed and is empty again */
	uint64_t overruns; /* a counter. Writer: control thread. Readers: telemetry. */
	struct rte_hash *neighbors;
	struct gremc_nexthop_binding *bindings;
	uint32_t binding_count;
	struct gremc_nexthop_binding *reserved; /* of gremc_nexthops_config_reserve() */
	struct gremc_nexthop_port port[GREMC_STATS_PORTS];
	struct gremc_nexthop_changes changes; /* since the present pass began */
	struct gremc_nexthop_changes pass;    /* that the present pass covers */
	bool pass_active;
	bool full_check; /* the present pass covers every route and neighbour */
	uint32_t cursor; /* the next binding of the pass */
	uint64_t pass_began, pass_ended, full_check_ended; /* milliseconds */
	uint32_t unrouted_count;                /* bindings without a neighbour, as last reported */
	uint32_t stale_count, unresolved_count; /* neighbours */
	uint64_t neighbors_polled;              /* milliseconds */
};

/* ---- neighbors.c ---- */

/* Find or create the neighbour.
 * Owner:   the caller holds one more reference.
 * Returns: NULL: out of memory. */
struct gremc_nexthop_neighbor *gremc_nexthop_neighbor_get(struct gremc_nexthops *nexthops, uint16_t port,
							  unsigned ifindex, const struct gremc_addr *address);
/* Release one reference; no-op for NULL. */
void gremc_nexthop_neighbor_put(struct gremc_nexthops *nexthops, struct gremc_nexthop_neighbor *neighbor);
/* Read the kernel's entry again if it was not read lately; no-op for NULL. */
void gremc_nexthop_neighbor_check(struct gremc_nexthops *nexthops, struct gremc_nexthop_neighbor *neighbor,
				  uint64_t now);
/* Handle an event about an entry of the kernel's neighbour table. */
void gremc_nexthop_neighbor_update(struct gremc_nexthops *nexthops, const struct gremc_neighbor *entry);
/* Read the kernel's entries of all neighbours again. */
void gremc_nexthop_neighbors_refresh(struct gremc_nexthops *nexthops);
/* Confirm stale neighbours that are in use, and probe unresolved ones. */
void gremc_nexthop_neighbors_poll(struct gremc_nexthops *nexthops, uint64_t now);
/* Get the adjacency of a neighbour of a port.
 * Owner:   the caller holds one more reference to *adjacency.
 * Returns: 0 or a negative errno. */
__rte_warn_unused_result int gremc_nexthop_adjacency_get(const struct gremc_nexthops *nexthops, uint16_t port,
							 const struct gremc_addr *address,
							 uint32_t *adjacency);

/* ---- routes.c ---- */

/* Look up the tunnel's route and make the tunnel send to the route's neighbour. */
void gremc_nexthop_binding_update(struct gremc_nexthops *nexthops, struct gremc_nexthop_binding *binding);
/* Look up the routes that have changed, in slices.
 * Returns: milliseconds until the next call; -1: no pass is scheduled. */
int gremc_nexthop_routes_poll(struct gremc_nexthops *nexthops, uint64_t now);
/* The route to this prefix may have changed. */
void gremc_nexthop_route_changed(struct gremc_nexthops *nexthops, const struct gremc_prefix *to);
/* Any route may have changed. */
void gremc_nexthop_routes_changed(struct gremc_nexthops *nexthops);

/* ---- nexthop.c ---- */

/* Handle an event about a link. */
void gremc_nexthop_link_changed(struct gremc_nexthops *nexthops, const struct gremc_link *link, bool removed);

/* ---- events.c ---- */

/* Open the event socket and add it to the control loop. Returns: 0 or a negative errno. */
__rte_warn_unused_result int gremc_nexthop_events_open(struct gremc_nexthops *nexthops);
/* Close the event socket; no-op if it is closed. */
void gremc_nexthop_events_close(struct gremc_nexthops *nexthops);

#endif
