/* SPDX-License-Identifier: BSD-3-Clause */
/* igmp: group membership by IGMP version 1, 2 and 3 (RFC 1112, 2236, 3376, 4604), and the proxy of RFC 4605.
 * The input is packets and time, the output is packets and changes of membership. The module uses no socket,
 * no device and no clock.
 *
 * An interface is a number that the caller assigns to a vif. The number and the memberships stay when the
 * tunnel of the vif changes. The state machine processes messages and records; only proto/igmp.c processes
 * bytes, so MLD can be added as another wire format.
 *
 * Threads: the control thread calls the functions of this header. Any thread calls those of snapshot.h. A
 * mutex protects the state. Times are milliseconds of a monotonic clock. */
#ifndef GREMC_IGMP_IGMP_H
#define GREMC_IGMP_IGMP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/base.h"
#include "igmp/counters.h"
#include "igmp/snapshot.h"
#include "proto/igmp_mode.h"
#include "proto/proto.h"

#define GREMC_IGMP_NEVER UINT64_MAX

/* Timer values and robustness (RFC 3376, 8); milliseconds. */
struct gremc_igmp_settings {
	uint8_t robustness; /* 1 to 7 */
	uint32_t query_interval, response_interval, last_member_interval;
	uint8_t last_member_count; /* 0: as robustness */
};

/* A membership of the configuration. */
struct gremc_igmp_join {
	struct gremc_addr group, source; /* source without a family: any */
};

/* The configuration of an interface. */
struct gremc_igmp_policy {
	enum gremc_igmp_mode mode;
	uint8_t version;           /* 1 to 3: version that is sent, and the newest that is accepted */
	bool fast_leave;           /* a leave takes effect without a query: the interface has one host */
	bool router_alert;         /* messages without the option are refused */
	struct gremc_addr address; /* source of queries and reports; without a family: 0.0.0.0 */
	uint32_t max_groups, max_sources; /* memberships; sources of a membership */
	/* Records per second that change the state; 0: no limit. The burst size is the larger one of
	 * report_rate and max_groups. */
	uint32_t report_rate;
	const struct gremc_prefix *groups; /* allowed groups; none: all */
	uint32_t group_count;
	/* Sources that members may request; none: all. The engine does not filter a (*,G): the caller does.
	 */
	const struct gremc_prefix *sources;
	uint32_t source_count;
	const struct gremc_igmp_join *joins; /* permanent memberships */
	uint32_t join_count;
};

/* An interface's request for (S,G), or for (*,G) without a source. A (*,G) has no EXCLUDE. */
enum gremc_igmp_request { GREMC_IGMP_NONE, GREMC_IGMP_INCLUDE, GREMC_IGMP_EXCLUDE };

/* Functions of the caller, called in the control thread with the mutex locked. They do not call this module.
 */
struct gremc_igmp_callbacks {
	/* Send an IP packet by the interface.
	 * Returns: 0; a negative errno if the packet was not sent. The engine then sends nothing by this
	 *          interface until mtu(), called about every 100 ms, reports that it can send. */
	int (*send)(void *argument, uint32_t interface, const uint8_t *packet, size_t length);
	/* Apply a changed request of the interface.
	 * Input:   source: without a family: any.
	 * Returns: 0; -ENOMEM: the engine repeats the call every second. GREMC_IGMP_NONE does not fail. */
	int (*change)(void *argument, uint32_t interface, const struct gremc_addr *source,
		      const struct gremc_addr *group, enum gremc_igmp_request request);
	/* Bytes of the largest IP packet that the interface can send now; 0: it cannot send. A null pointer
	 * stands for 1500. */
	size_t (*mtu)(void *argument, uint32_t interface);
	void *argument;
};

struct gremc_igmp;

/* Create an engine without interfaces. `now` is the earliest time of all calls.
 * Thread:  control thread.
 * Owner:   settings and callbacks are copied.
 * Returns: NULL if memory is exhausted. */
struct gremc_igmp *gremc_igmp_create(const struct gremc_igmp_settings *settings,
				     const struct gremc_igmp_callbacks *callbacks, uint64_t now);

/* Free the engine. Calls no callback.
 * Thread:  control thread.
 * Input:   NULL is allowed. */
void gremc_igmp_destroy(struct gremc_igmp *igmp);

/* Replace the settings. They apply from the next query and report on.
 * Thread:  control thread. */
void gremc_igmp_configure(struct gremc_igmp *igmp, const struct gremc_igmp_settings *settings, uint64_t now);

/* Create or reconfigure an interface. Memberships that the policy allows stay.
 * Thread:  control thread.
 * Owner:   the policy and its arrays are copied.
 * Returns: 0; without a change: -ENOMEM; -EEXIST if another interface is the upstream; -EAFNOSUPPORT if the
 *          policy has an IPv6 address, because IGMP is for IPv4. */
__rte_warn_unused_result int gremc_igmp_interface_set(struct gremc_igmp *igmp, uint32_t interface,
						      const struct gremc_igmp_policy *policy, uint64_t now);

/* Remove an interface and its memberships; no-op if it does not exist.
 * Thread:  control thread. */
void gremc_igmp_interface_remove(struct gremc_igmp *igmp, uint32_t interface, uint64_t now);

/* Limit all memberships together to the cost of `routes` routes with one holder each (docs/design.md). A
 * route with several holders costs less per holder. Interfaces with the largest cost lose their excess. There
 * is no limit before the first call.
 * Thread:  control thread. */
void gremc_igmp_budget_set(struct gremc_igmp *igmp, uint32_t routes, uint64_t now);

/* Process an IP packet that arrived on the interface. Any bytes are safe input.
 * Thread:  control thread. */
void gremc_igmp_input(struct gremc_igmp *igmp, uint32_t interface, const uint8_t *packet, size_t length,
		      uint64_t now);

/* Run the timers that are due.
 * Thread:  control thread. */
void gremc_igmp_timers_run(struct gremc_igmp *igmp, uint64_t now);

/* Thread:  control thread.
 * Returns: the latest time of the next gremc_igmp_timers_run(); GREMC_IGMP_NEVER if no timer runs. */
uint64_t gremc_igmp_next_due(const struct gremc_igmp *igmp);

#endif
