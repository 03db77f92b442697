/* SPDX-License-Identifier: BSD-3-Clause */
/* Membership: IGMP's engine between punted packets and the rib, and the rib between all origins and the
 * fan-out table. */
#ifndef GREMC_CONTROL_MEMBERSHIP_PRIV_H
#define GREMC_CONTROL_MEMBERSHIP_PRIV_H

#include "base/atomic.h"
#include "config/config.h"
#include "igmp/igmp.h"
#include "rib/rib.h"
#include "stats/delay.h"

struct gremc_control;
struct gremc_vif_map;

/* Numbers of interfaces: a port has its index, then comes the host, then the tunnels. A reload has old and
 * new tunnels. */
#define GREMC_INTERFACE_HOST GREMC_CONFIG_PORTS_MAX
#define GREMC_INTERFACES_MAX (GREMC_INTERFACE_HOST + 1 + 2 * GREMC_CONFIG_TUNNELS_MAX)

/* Reports between two flushes whose delay is measured; one round of the host path has no more. */
#define GREMC_REPORTS_MEASURED 512u

/* Routes of the table that memberships never take: for static routes and the kernel's. If there are more of
 * these, memberships have less. */
#define GREMC_MROUTES_RESERVED (GREMC_MROUTES_MAX - GREMC_CONFIG_MEMBER_ROUTES)
/* Among them: for removed routes that wait for their grace period. */
#define GREMC_MROUTES_SLACK (GREMC_MROUTES_MAX / 32)

/* The static routes. The rib reads the arrays. */
struct gremc_static_routes {
	struct gremc_rib_route *specs; /* one for each key, then those that are the `next` of another one */
	uint32_t keys, count;          /* of all specs */
	uint32_t *lists;               /* the arrays of the specs */
	uint32_t *vifs;                /* [interface] */
	/* [interface] NULL: none; the table NULL: no vif has one */
	const struct gremc_config_policy **policies;
};

/* Owner:   the control thread. Telemetry reads the atomics and the delays. */
struct gremc_membership {
	struct gremc_igmp *igmp;
	struct gremc_rib *rib;
	struct gremc_static_routes routes;
	gremc_atomic_u32 *interface_vif; /* [interface] or GREMC_VIF_NONE; reserved address space */
	gremc_atomic_u32 *vif_interface; /* [vif]; reserved address space */
	gremc_atomic_u64 unsent;         /* queries and reports that could not be sent; sent again later */
	uint32_t budget;                 /* of memberships, as the engine has it; routes */
	uint64_t retry_at;               /* of routes that wait; 0: none waits */
	/* Changes of membership so far, and those of them that the table has. */
	gremc_atomic_u64 changes, applied;
	struct gremc_delays delays; /* from a worker's punt of a report to the change of the table */
	struct {
		uint32_t count;
		uint32_t stamp[GREMC_REPORTS_MEASURED];
		bool is_changed; /* by the present report */
	} reports;               /* since the last flush */
};

/* ---- membership.c ---- */

/* Returns: 0 or -ENOMEM; gremc_membership_fini() in both cases. */
__rte_warn_unused_result int gremc_membership_init(struct gremc_control *control);
/* Free everything. Routes stay in the table. */
void gremc_membership_fini(struct gremc_membership *membership);
/* Process IGMP of a vif: a gremc_host_listener with the control plane as argument. */
void gremc_membership_input(void *control, uint32_t vif, const uint8_t *ip, uint32_t length, uint32_t stamp);
/* Run timers, and flush changes to the table.
 * Returns: milliseconds until the next call; -1: unlimited. */
int gremc_membership_poll(struct gremc_control *control);

/* ---- policy.c ---- */

/* Apply the IGMP settings of a configuration and the vifs of its interfaces, and flush.
 * Returns: false: out of memory, logged. A repeated call completes it. */
__rte_warn_unused_result bool gremc_membership_configure(struct gremc_control *control,
							 const struct gremc_config *config,
							 const struct gremc_vif_map *map);
/* Set the source filter of a vif, if `igmp` (NULL: none) has one.
 * Returns: 0 or -ENOMEM.
 * Order:   before an mroute names the vif: a member of any source receives these sources only. */
__rte_warn_unused_result int gremc_membership_sources_set(struct gremc_control *control,
							  const struct gremc_config_igmp *igmp, uint32_t vif);

/* ---- flush.c ---- */

/* Provide capacity for `static_count` static routes: memberships beyond the rest are removed from the table,
 * and their ids are free on return. */
void gremc_membership_reserve(struct gremc_control *control, uint32_t static_count);
/* Flush changes to the table, unless the rib is busy or the changes are so many that a job flushes them. */
void gremc_membership_flush(struct gremc_control *control, uint64_t now);
/* Returns: whether the changes of the table are work for a job, which can begin now. */
bool gremc_membership_job_is_due(const struct gremc_control *control);
/* Start a job that flushes many changes, if there are.
 * Returns: whether a job has started. */
bool gremc_membership_job_start(struct gremc_control *control);

/* ---- mroutes.c ---- */

/* Free the arrays, which the rib no longer reads. */
void gremc_static_routes_free(struct gremc_static_routes *routes);

#endif
