/* SPDX-License-Identifier: BSD-3-Clause */
/* igmp: who wants which group, by IGMP version 1, 2 and 3 (RFC 1112, 2236, 3376, 4604), and the proxy of RFC
 * 4605. Packets in, packets and changes of membership out; no socket, no device, no clock: the caller brings
 * packets and the time.
 *
 * An interface is a number of the caller's for a vif: it keeps its number, and so its memberships, whatever
 * happens to the tunnel below it. The state machine works on messages and records; bytes are met in
 * proto/igmp.c only, so that MLD can join as a second wire format.
 *
 * One writer (the control thread) calls everything but the snapshots, which any thread may take: a mutex
 * guards the state. Times are milliseconds of any monotonic clock and never go back. */
#ifndef GREMC_IGMP_IGMP_H
#define GREMC_IGMP_IGMP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/base.h"
#include "proto/igmp_mode.h"
#include "proto/proto.h"

#define GREMC_IGMP_NEVER UINT64_MAX

/* Why a message, or a record of one, changed nothing: name, text. */
#define GREMC_IGMP_REFUSALS(X)                                                                               \
	X(off, "IGMP is off on this interface, or it is the upstream one")                                   \
	X(bad_source, "the sender's address is no unicast address")                                          \
	X(router_alert, "no Router Alert option, which the interface requires")                              \
	X(version, "a version above the interface's")                                                        \
	X(rate, "above the interface's report-rate")                                                         \
	X(record_type, "a type of record that this version does not know (RFC 3376, 4.2.12)")                \
	X(link_local, "224.0.0.0/24, which is never forwarded and needs no membership")                      \
	X(group_range, "outside the interface's groups")                                                     \
	X(ssm_any, "any source of a group in 232.0.0.0/8 (RFC 4604)")                                        \
	X(source_refused, "a source outside the interface's sources, or no unicast address")                 \
	X(group_limit, "the interface has max-groups memberships")                                           \
	X(source_limit, "the membership has max-sources sources")                                            \
	X(budget, "all memberships together are at their limit, and no interface has more than this one")    \
	X(older_host, "ignored while a host of an older version is a member (RFC 3376, 7.3.2)")              \
	X(no_memory, "out of memory")

/* What happened: name, text. */
#define GREMC_IGMP_EVENTS(X)                                                                                 \
	X(queries_received, "queries of another querier")                                                    \
	X(v1_reports, "version 1 reports")                                                                   \
	X(v2_reports, "version 2 reports")                                                                   \
	X(v3_reports, "version 3 reports")                                                                   \
	X(leaves, "version 2 leaves")                                                                        \
	X(queries_sent, "queries sent")                                                                      \
	X(reports_sent, "reports and leaves sent upstream")                                                  \
	X(deferred, "queries and reports that could not leave yet, and leave when they can")                 \
	X(evicted, "groups and sources given up for interfaces that have fewer")                             \
	X(joined, "memberships begun")                                                                       \
	X(left, "memberships ended")

#define GREMC_IGMP_COUNTERS(X)                                                                               \
	GREMC_IGMP_ERRORS(X)                                                                                 \
	GREMC_IGMP_REFUSALS(X)                                                                               \
	GREMC_IGMP_EVENTS(X)

#define GREMC_X(name, text) GREMC_IGMP_COUNT_##name,
enum gremc_igmp_counter { GREMC_IGMP_COUNTERS(GREMC_X) GREMC_IGMP_COUNTER_COUNT };
#undef GREMC_X

const char *gremc_igmp_counter_name(enum gremc_igmp_counter counter);
const char *gremc_igmp_counter_text(enum gremc_igmp_counter counter);

/* RFC 3376, 8; all times in milliseconds. */
struct gremc_igmp_settings {
	uint8_t robustness; /* 1 to 7 */
	uint32_t query_interval, response_interval, last_member_interval;
	uint8_t last_member_count; /* 0: as robustness */
};

struct gremc_igmp_join {
	rte_be32_t group, source; /* source 0: any */
};

/* What one interface allows. Arrays are copied. */
struct gremc_igmp_policy {
	enum gremc_igmp_mode mode;
	uint8_t version;    /* 1 to 3, what is spoken, and the newest that is heard */
	bool fast_leave;    /* a leave is believed without a query: one host behind this interface */
	bool router_alert;  /* messages without the option are refused */
	rte_be32_t address; /* of queries and reports; 0: none */
	uint32_t max_groups, max_sources; /* memberships; sources of one of them */
	uint32_t report_rate; /* records a second that change something; 0: no limit. At once as many as of
			       * one second, or max_groups */
	const struct gremc_prefix *groups; /* allowed ones; none: all */
	uint32_t group_count;
	const struct gremc_prefix *sources; /* the only ones that members may name; none: all. Of (*,G) it is
					     * the caller who keeps others away */
	uint32_t source_count;
	const struct gremc_igmp_join *joins; /* members that are always there */
	uint32_t join_count;
};

/* What an interface wants of (S,G), or of (*,G) with source 0, which knows no EXCLUDE. */
enum gremc_igmp_request { GREMC_IGMP_NONE, GREMC_IGMP_INCLUDE, GREMC_IGMP_EXCLUDE };

/* The caller's functions. They must not call this module. */
struct gremc_igmp_callbacks {
	/* Send an IP packet by the interface. Returns 0, or a negative errno: it did not leave. Then the
	 * engine sends nothing more there until mtu() says that it can, which it asks about every 100 ms. */
	int (*send)(void *argument, uint32_t interface, const uint8_t *packet, size_t length);
	/* The interface's interest is another one now; without a change nothing is said. Returns 0, or
	 * -ENOMEM: said again every second. GREMC_IGMP_NONE does not fail. */
	int (*change)(void *argument, uint32_t interface, rte_be32_t source, rte_be32_t group,
		      enum gremc_igmp_request request);
	/* Bytes of the largest IP packet that the interface can send now; 0: it cannot send yet. NULL:
	 * Ethernet's 1500. */
	size_t (*mtu)(void *argument, uint32_t interface);
	void *argument;
};

struct gremc_igmp;

/* NULL: ENOMEM. `now` is the first of the times. */
struct gremc_igmp *gremc_igmp_create(const struct gremc_igmp_settings *settings,
				     const struct gremc_igmp_callbacks *callbacks, uint64_t now);
/* Without a word to the callbacks. */
void gremc_igmp_destroy(struct gremc_igmp *igmp);

/* Other intervals, from the next query and report on. */
void gremc_igmp_configure(struct gremc_igmp *igmp, const struct gremc_igmp_settings *settings, uint64_t now);
/* Make the interface what the policy says; memberships that it still allows stay. There is one UPSTREAM at
 * most. Returns 0; -ENOMEM: nothing changed; -EEXIST: another interface is the upstream one. */
int gremc_igmp_interface_set(struct gremc_igmp *igmp, uint32_t interface,
			     const struct gremc_igmp_policy *policy, uint64_t now);
/* The interface is gone, and its memberships with it. */
void gremc_igmp_interface_remove(struct gremc_igmp *igmp, uint32_t interface, uint64_t now);

/* Let all memberships together ask for at most `routes` routes that one interface each wants; routes that
 * many want cost less (docs/design.md). Without a call there is no limit. Interfaces with most give up what
 * exceeds it. */
void gremc_igmp_budget_set(struct gremc_igmp *igmp, uint32_t routes, uint64_t now);

/* An IP packet that came in by the interface; anything is safe. */
void gremc_igmp_input(struct gremc_igmp *igmp, uint32_t interface, const uint8_t *packet, size_t length,
		      uint64_t now);
/* Let timers run up to `now`. */
void gremc_igmp_timers_run(struct gremc_igmp *igmp, uint64_t now);
/* Not later than this gremc_igmp_timers_run() has something to do; GREMC_IGMP_NEVER. */
uint64_t gremc_igmp_next_due(const struct gremc_igmp *igmp);

/* ---- snapshots: any thread ---- */

struct gremc_igmp_interface_info {
	uint32_t interface;
	enum gremc_igmp_mode mode;
	uint8_t version;
	bool is_querier;
	rte_be32_t address, querier;            /* querier 0: not known */
	uint32_t groups;                        /* memberships */
	uint32_t cost;                          /* of the budget: 8 a route, 1 each that asks for it */
	uint32_t querier_expires, next_query;   /* milliseconds from now, 0: not running */
	uint8_t robustness;                     /* in use: a querier's word counts */
	uint32_t query_interval, group_timeout; /* in use, milliseconds */
	uint64_t counters[GREMC_IGMP_COUNTER_COUNT];
};

struct gremc_igmp_source_info {
	rte_be32_t address;
	bool excluded, is_static;
	uint32_t expires; /* milliseconds, 0: no timer */
};

struct gremc_igmp_budget_info {
	uint64_t limit, used; /* as `cost` */
	uint32_t routes;      /* asked for, by however many */
	uint32_t largest;     /* the largest cost of an interface */
};

#define GREMC_IGMP_INFO_SOURCES 16u

struct gremc_igmp_group_info {
	uint32_t number; /* its place in the list */
	uint32_t interface;
	rte_be32_t group;
	bool exclude;     /* filter mode */
	bool is_static;   /* of any source, by configuration */
	uint8_t version;  /* of the oldest member heard of */
	uint32_t expires; /* of EXCLUDE mode, milliseconds */
	uint32_t age;     /* seconds */
	uint32_t source_count;
	struct gremc_igmp_source_info sources[GREMC_IGMP_INFO_SOURCES]; /* the first of them */
};

/* The interface of this number, or the next above it. False: there is none. */
bool gremc_igmp_interface_info(struct gremc_igmp *igmp, uint32_t number,
			       struct gremc_igmp_interface_info *info);
void gremc_igmp_budget_info(struct gremc_igmp *igmp, struct gremc_igmp_budget_info *info);
/* At most `size` memberships with numbers from `from` on; returns how many. *total: of all. */
uint32_t gremc_igmp_groups_list(struct gremc_igmp *igmp, uint32_t from, struct gremc_igmp_group_info *infos,
				uint32_t size, uint32_t *total);
/* The membership of this interface in this group. False: there is none. */
bool gremc_igmp_group_find(struct gremc_igmp *igmp, uint32_t interface, rte_be32_t group,
			   struct gremc_igmp_group_info *info);

#endif
