/* SPDX-License-Identifier: BSD-3-Clause */
/* The state of the engine. */
#ifndef GREMC_IGMP_STATE_PRIV_H
#define GREMC_IGMP_STATE_PRIV_H

#include <pthread.h>

#include "base/map.h"
#include "igmp/igmp.h"
#include "igmp/wheel_priv.h"

struct interface;

/* The hold of a membership or a source on the route that it requests (budget.c). */
struct holder {
	struct requested_route *route;
	struct interface *interface;
	struct holder *next, **previous;                 /* of route->holders */
	struct holder *next_granted, **previous_granted; /* of interface->granted, unless pinned */
	bool is_source; /* member of a struct source, else of a struct membership */
	bool is_pinned; /* requested by the configuration: never evicted, charged to no interface */
};

/* A source of a membership. In the terms of RFC 3376, 6.4: if its timer runs, it is in A (INCLUDE mode) or X
 * (EXCLUDE mode); if it is `excluded`, it is in Y; otherwise it is static. */
struct source {
	struct gremc_map_node node; /* of igmp->sources; key: membership number, address */
	struct source *next, **previous;
	struct membership *membership;
	struct holder holder;
	struct gremc_timer timer;
	rte_be32_t address;
	uint32_t mark; /* epoch of the last record that names it */
	uint8_t queries_left;
	bool excluded, is_static;
	uint8_t published; /* enum gremc_igmp_request */
};

/* A membership of an interface in a group. */
struct membership {
	struct gremc_map_node node; /* of igmp->memberships; key: interface, group */
	struct membership *next, **previous;
	struct interface *interface;
	struct holder holder;
	rte_be32_t group;
	uint32_t number; /* index in igmp->numbers */
	uint64_t since;
	struct source *sources;
	uint32_t source_count;
	bool exclude, is_static; /* is_static: the configuration joins (*,G) */
	bool published;          /* the (*,G) request is published */
	bool is_query_pending;   /* last member queries wait until the interface can send */
	uint8_t queries_left;
	uint64_t v1_until, v2_until;   /* until then older hosts are present (RFC 3376, 7.3.2) */
	struct gremc_timer timer;      /* of EXCLUDE mode */
	struct gremc_timer retransmit; /* of last member queries */
};

/* An interface, by the number of the caller. */
struct interface {
	uint32_t number;
	struct gremc_igmp_policy policy; /* its arrays are in the block `arrays` */
	void *arrays;
	struct membership *memberships;
	uint32_t membership_count;
	bool is_querier;
	bool forwards; /* its requests are published (RFC 4605, 4.2) */
	rte_be32_t querier;
	uint8_t startup_left;
	uint8_t robustness;      /* in use: ours or the querier's */
	uint32_t query_interval; /* in use, milliseconds */
	struct gremc_timer query, other_querier;
	/* is_blocked: a message was not sent; the engine sends no other before the interface can send. */
	bool is_blocked, is_query_due; /* is_query_due: send a general query then */
	uint64_t blocked_since;
	struct interface *next_blocked, **previous_blocked; /* of igmp->blocked */
	/* of the budget: units of cost, position in the heap */
	uint32_t cost, heap_at;
	struct holder *granted;     /* newest first */
	bool is_unpublished;        /* a request is not published, for lack of memory */
	bool is_starved;            /* a request was refused or evicted since the last query */
	uint64_t tokens, tokens_at; /* thousandths of a record; time of the last refill */
	uint64_t counters[GREMC_IGMP_COUNTER_COUNT];
};

/* ---- proxy.c: requests of all downstream interfaces, reported upstream ---- */

/* A source of a group. */
struct proxied_source {
	struct gremc_map_node node; /* of proxy->sources; key: group number, address */
	struct proxied_source *next, **previous;
	rte_be32_t address;
	uint32_t included, excluded; /* numbers of interfaces */
	bool is_listed;              /* in the reported list */
	uint8_t changes_left;        /* reports of its change that remain to be sent */
};

/* A group. */
struct proxied {
	struct gremc_map_node node;       /* of proxy->groups; key: the group */
	struct proxied *next, **previous; /* of proxy->all */
	struct proxied *next_dirty, *next_pending, *next_answer;
	struct proxied *next_written; /* of writer->written */
	rte_be32_t group;
	uint32_t number;
	uint32_t any; /* interfaces that request (*,G) */
	struct proxied_source *sources;
	bool is_dirty, is_pending, is_answering; /* listed in proxy->dirty, pending, answers */
	bool exclude, is_member;                 /* reported state */
	uint8_t mode_left;                       /* mode change reports that remain to be sent */
	uint8_t member_left;                     /* version 1 or 2 reports or leaves that remain */
	uint64_t answer_at;                      /* time of the answer to a query; 0: none */
};

/* The host side on the upstream interface. */
struct proxy {
	struct interface *interface; /* NULL: no upstream */
	struct gremc_map groups, sources;
	struct proxied *all;
	struct proxied *dirty;   /* changes to report as soon as the interface can send */
	struct proxied *pending; /* changes to report again when `retransmit` expires */
	struct proxied *answers; /* states to report as soon as the interface can send */
	uint32_t next_number;
	struct gremc_timer retransmit, answer; /* repeat changes; answer a general query */
	struct gremc_timer group_answer;       /* answer group queries */
	struct gremc_timer pace;               /* continue in the next tick */
	uint64_t paced_tick;
	uint32_t paced_left;         /* messages that may still be sent in that tick */
	uint8_t *packet;             /* report buffer of GREMC_IGMP_PACKET_MAX bytes */
	uint64_t v1_until, v2_until; /* until then an older querier is present */
	uint64_t random;
	uint8_t robustness;
	bool is_answering; /* the writer reports answers, not changes */
	bool is_closed;    /* set by gremc_proxy_fini() */
};

/* Limit per tick, because longer bursts overrun transmit queues. */
#define GREMC_PROXY_MESSAGES_A_TICK 64u

/* ---- budget.c: limit of all memberships together, and the share of each interface ---- */

/* A route that memberships request. */
struct requested_route {
	struct gremc_map_node node; /* of budget->routes; key: source, group */
	struct holder *holders;
	struct interface *payer; /* charged for the route; NULL: all holders are pinned */
};

/* Cost of a route in units of a holder: the approximate ratio of their memory. */
#define GREMC_COST_ROUTE 8u

/* The budget, in units of a holder. */
struct budget {
	uint64_t limit, used;
	struct gremc_map routes;
	struct interface **heap; /* all interfaces; the largest cost at the root */
	uint32_t heap_count;
	uint32_t starved;                /* upper bound of the number of interfaces with is_starved */
	uint64_t refilled;               /* time of the last queries by refill_timer */
	struct gremc_timer refill_timer; /* queries the members of starved interfaces */
};

/* The engine. `lock` protects all other fields. */
struct gremc_igmp {
	pthread_mutex_t lock;
	struct gremc_igmp_settings settings;
	struct gremc_igmp_callbacks callbacks;
	uint64_t now; /* milliseconds; time of the current call */
	struct gremc_wheel wheel;
	struct interface **interfaces; /* [number] */
	uint32_t interface_limit;
	struct gremc_map memberships, sources;
	struct membership **numbers;                        /* [membership->number]; NULL: free */
	uint32_t number_limit, number_capacity, first_free; /* no entry below first_free is free */
	uint32_t epoch;                                     /* of the current record */
	struct interface *blocked;
	struct gremc_timer unblock;   /* polls whether blocked interfaces can send */
	struct gremc_timer republish; /* publishes requests after a lack of memory */
	struct budget budget;
	struct proxy proxy;
};

/* Count an event or a refusal of the interface. */
static inline void gremc_igmp_counter_increment(struct interface *interface, enum gremc_igmp_counter counter)
{
	interface->counters[counter]++;
}

/* The interface with this number, or NULL. */
static inline struct interface *gremc_igmp_interface_find(const struct gremc_igmp *igmp, uint32_t number)
{
	return number < igmp->interface_limit ? igmp->interfaces[number] : NULL;
}

/* Group membership interval and older host present interval (RFC 3376, 8.4, 8.13), milliseconds. */
static inline uint64_t gremc_igmp_group_timeout(const struct gremc_igmp *igmp,
						const struct interface *interface)
{
	return (uint64_t)interface->robustness * interface->query_interval + igmp->settings.response_interval;
}

/* Last member query count (RFC 3376, 8.9). */
static inline unsigned gremc_igmp_last_member_count(const struct gremc_igmp *igmp,
						    const struct interface *interface)
{
	return igmp->settings.last_member_count ? igmp->settings.last_member_count : interface->robustness;
}

/* Last member query time (RFC 3376, 8.10), milliseconds. */
static inline uint64_t gremc_igmp_last_member_time(const struct gremc_igmp *igmp,
						   const struct interface *interface)
{
	return (uint64_t)igmp->settings.last_member_interval * gremc_igmp_last_member_count(igmp, interface);
}

/* Whether the source is in A or X (RFC 3376, 6.4). */
static inline bool gremc_source_timer_runs(const struct source *source)
{
	return source->timer.due != 0;
}

#endif
