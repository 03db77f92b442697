/* SPDX-License-Identifier: BSD-3-Clause */
/* Inside the mirror: its state, and what the events of the kernel do to it. */
#ifndef GREMC_HOST_MIRROR_PRIV_H
#define GREMC_HOST_MIRROR_PRIV_H

#include <rte_hash.h>

#include "host/host_priv.h"

#define ROUTE_INTERVAL 100 /* milliseconds between two lookups of changed routes */
#define TICK_INTERVAL  250 /* milliseconds between looks at what is stale or unresolved */
#define CHANGED_MAX    32

/* A neighbour that tunnels send by: (ifindex, address) is one, with one adjacency. */
struct gremc_hop {
	unsigned ifindex;
	rte_be32_t address;
	uint16_t port;
	uint16_t state; /* NUD_* as last seen */
	bool resolved;
	uint32_t adjacency; /* held */
	uint32_t users;     /* targets */
	uint64_t asked;     /* milliseconds */
};

/* A tunnel whose next hop is the kernel's. */
struct gremc_target {
	uint32_t vif;
	uint16_t port; /* its own, where it stays while there is no route */
	rte_be32_t local, remote;
	struct gremc_hop *hop; /* NULL: no route by one of our ports */
	uint64_t sent;         /* as last seen */
};

struct gremc_mirror {
	struct gremc_host *host;
	struct gremc_rcu *rcu;
	const struct gremc_config *config; /* the running one */
	struct gremc_watch watch;          /* the events' socket */
	struct mnl_socket *events;
	bool lost;         /* events, since the socket was empty */
	bool overrun;      /* and now it is: to be made good */
	uint64_t overruns; /* atomic */
	struct rte_hash *hops;
	struct gremc_target *targets;
	uint32_t target_count;
	unsigned ifindex[GREMC_STATS_PORTS];         /* of each port's interface; 0: none */
	char interface[GREMC_STATS_PORTS][IFNAMSIZ]; /* its name, where it is not our TAP */
	/* routes that have changed since the last look */
	struct gremc_prefix changed[CHANGED_MAX];
	uint32_t changed_count;
	bool all_changed;
	uint32_t stale_count, unresolved_count; /* hops */
	uint64_t routed, ticked;                /* milliseconds */
	char buffer[32768] __rte_aligned(8);
};

/* events.c */
int gremc_events_open(struct gremc_mirror *mirror);
void gremc_events_close(struct gremc_mirror *mirror);

/* What the kernel said. */
void gremc_mirror_neighbor(struct gremc_mirror *mirror, const struct gremc_neighbor *neighbor);
void gremc_mirror_route(struct gremc_mirror *mirror, const struct gremc_prefix *to);
void gremc_mirror_link(struct gremc_mirror *mirror, const struct gremc_link *link, bool gone);

#endif
