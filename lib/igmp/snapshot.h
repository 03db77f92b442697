/* SPDX-License-Identifier: BSD-3-Clause */
/* Snapshots of the engine's state. Each call takes the mutex; any thread may call. */
#ifndef GREMC_IGMP_SNAPSHOT_H
#define GREMC_IGMP_SNAPSHOT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/address.h"
#include "igmp/counters.h"
#include "proto/igmp_mode.h"

struct gremc_igmp;

/* The state of an interface. */
struct gremc_igmp_interface_info {
	uint32_t interface;
	enum gremc_igmp_mode mode;
	uint8_t version;
	bool is_querier;
	struct gremc_addr address, querier;     /* querier 0.0.0.0: unknown */
	uint32_t groups;                        /* memberships */
	uint32_t cost;                          /* share of the budget: 8 per route, 1 per holder */
	uint32_t querier_expires, next_query;   /* milliseconds from now, 0: not running */
	uint8_t robustness;                     /* in use: ours or the querier's */
	uint32_t query_interval, group_timeout; /* in use, milliseconds */
	uint64_t counters[GREMC_IGMP_COUNTER_COUNT];
};

/* The state of a source of a membership. */
struct gremc_igmp_source_info {
	struct gremc_addr address;
	bool excluded, is_static;
	uint32_t expires; /* milliseconds, 0: no timer */
};

/* The state of the budget. */
struct gremc_igmp_budget_info {
	uint64_t limit, used; /* in units of `cost` */
	uint32_t routes;      /* requested by at least one holder */
	uint32_t largest;     /* the largest cost of an interface */
};

#define GREMC_IGMP_INFO_SOURCES 16u /* sources of a membership in its info */

/* The state of a membership. */
struct gremc_igmp_group_info {
	uint32_t number; /* position in the list of memberships */
	uint32_t interface;
	struct gremc_addr group;
	bool exclude;     /* filter mode */
	bool is_static;   /* (*,G) joined by the configuration */
	uint8_t version;  /* of the oldest member present */
	uint32_t expires; /* timer of EXCLUDE mode, milliseconds */
	uint32_t age;     /* seconds */
	uint32_t source_count;
	struct gremc_igmp_source_info sources[GREMC_IGMP_INFO_SOURCES]; /* the first ones */
};

/* Copy the state of the first interface with at least this number.
 * Thread:  any.
 * Returns: false if there is none. */
bool gremc_igmp_interface_info_get(struct gremc_igmp *igmp, uint32_t number,
				   struct gremc_igmp_interface_info *info);

/* Copy the state of the budget.
 * Thread:  any. */
void gremc_igmp_budget_info_get(struct gremc_igmp *igmp, struct gremc_igmp_budget_info *info);

/* Copy the state of up to `size` memberships, ordered by number, from number `from` on.
 * Thread:  any.
 * Output:  *total is the number of all memberships.
 * Returns: number of copied memberships. */
uint32_t gremc_igmp_groups_list(struct gremc_igmp *igmp, uint32_t from, struct gremc_igmp_group_info *infos,
				uint32_t size, uint32_t *total);

/* Copy the state of the membership of an interface in a group.
 * Thread:  any.
 * Returns: false if there is none. */
bool gremc_igmp_group_find(struct gremc_igmp *igmp, uint32_t interface, const struct gremc_addr *group,
			   struct gremc_igmp_group_info *info);

#endif
