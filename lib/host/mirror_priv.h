/* SPDX-License-Identifier: BSD-3-Clause */
/* Inside the mirror: its state, and what the events of the kernel do to it. */
#ifndef GREMC_HOST_MIRROR_PRIV_H
#define GREMC_HOST_MIRROR_PRIV_H

#include <rte_hash.h>

#include "host/host_priv.h"

#define ROUTE_INTERVAL 100 /* milliseconds between two lookups of changed routes, at least */
#define ROUTE_SHARE    10  /* a pass over the routes takes at most this part of the time */
#define ROUTE_SLICE    256 /* lookups before the loop looks at packets again */
/* Milliseconds after which all routes are looked up again though nothing has been announced. */
#define CHECK_INTERVAL 5000
#define TICK_INTERVAL  250 /* milliseconds between looks at what is stale or unresolved */
#define CHANGED_MAX    32

/* A neighbour that tunnels send by: (ifindex, address) is one, with one adjacency. */
struct gremc_nexthop_neighbor {
	unsigned ifindex;
	struct in6_addr address;
	uint16_t port;
	uint16_t state; /* NUD_* as last seen */
	bool resolved;
	uint32_t adjacency; /* held */
	uint32_t users;     /* targets */
	uint64_t probed;    /* milliseconds */
	uint64_t refreshed; /* milliseconds: the kernel's entry was asked for */
};

/* A tunnel whose next hop is the kernel's. */
struct gremc_nexthop_binding {
	uint32_t vif;
	uint16_t port; /* its own, where it stays while there is no route */
	rte_be32_t local, remote;
	struct gremc_nexthop_neighbor *neighbor; /* NULL: no route by one of our ports */
	unsigned other_ifindex; /* then: the interface that the kernel's route leads by; 0: there is none */
	uint64_t sent;          /* as last seen */
};

/* Destinations whose routes may have changed. */
struct gremc_nexthop_changes {
	struct gremc_prefix to[CHANGED_MAX];
	uint32_t count;
	bool all;
};

struct gremc_nexthops {
	struct gremc_host *host;
	struct gremc_rcu *rcu;
	const struct gremc_config *config; /* the running one */
	struct gremc_watch watch;          /* the events' socket */
	struct mnl_socket *events;
	bool events_lost;  /* events, since the socket was empty */
	bool overrun;      /* and now it is: to be made good */
	uint64_t overruns; /* atomic */
	struct rte_hash *neighbors;
	struct gremc_nexthop_binding *bindings;
	uint32_t binding_count;
	unsigned ifindex[GREMC_STATS_PORTS];         /* of each port's interface; 0: none */
	char interface[GREMC_STATS_PORTS][IFNAMSIZ]; /* its name, where it is not our TAP */
	unsigned vrf[GREMC_STATS_PORTS];             /* that this interface is in; 0: none */
	struct gremc_nexthop_changes changes;        /* since the last pass has begun */
	struct gremc_nexthop_changes pass;           /* that the present pass is for */
	bool pass_active, full_check; /* a pass goes on; it is one that nothing has asked for */
	uint32_t cursor;              /* the pass's next target */
	uint64_t pass_began, pass_ended, full_check_ended; /* milliseconds */
	uint32_t unrouted_count;                           /* targets without a hop, as last reported */
	uint32_t stale_count, unresolved_count;            /* hops */
	uint64_t neighbors_polled;                         /* milliseconds */
	char buffer[32768] __rte_aligned(8);
};

/* events.c */
int gremc_nexthops_events_open(struct gremc_nexthops *nexthops);
void gremc_nexthops_events_close(struct gremc_nexthops *nexthops);

/* What the kernel said. */
void gremc_nexthops_neighbor_update(struct gremc_nexthops *nexthops, const struct gremc_neighbor *neighbor);
void gremc_nexthops_route_changed(struct gremc_nexthops *nexthops, const struct gremc_prefix *to);
void gremc_nexthops_link_changed(struct gremc_nexthops *nexthops, const struct gremc_link *link, bool gone);
/* Any route may have changed. */
void gremc_nexthops_all_changed(struct gremc_nexthops *nexthops);

#endif
