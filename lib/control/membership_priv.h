/* SPDX-License-Identifier: BSD-3-Clause */
/* Membership in the control plane: IGMP's engine between the punted packets and the rib, and the rib
 * between all origins and the fan-out table. Control thread. */
#ifndef GREMC_CONTROL_MEMBERSHIP_PRIV_H
#define GREMC_CONTROL_MEMBERSHIP_PRIV_H

#include "config/config.h"
#include "igmp/igmp.h"
#include "rib/rib.h"
#include "stats/delay.h"

struct gremc_control;
struct gremc_vif_map;

/* Ports have the interfaces of their index, then comes the host, then the tunnels. A reload holds the old
 * tunnels and the new ones. */
#define GREMC_INTERFACE_HOST GREMC_CONFIG_PORTS_MAX
#define GREMC_INTERFACES_MAX (GREMC_INTERFACE_HOST + 1 + 2 * GREMC_CONFIG_TUNNELS_MAX)

/* Reports between two flushes whose delay is measured: more do not come in one round of the host path. */
#define GREMC_REPORTS_MEASURED 512u

/* The static routes as the rib has them, which reads them as long as they are its. */
struct gremc_static_routes {
	struct gremc_rib_route *specs;
	uint32_t count;
	uint32_t *lists; /* what the specs point to */
	uint32_t *vifs;  /* [interface] */
};

struct gremc_membership {
	struct gremc_igmp *igmp;
	struct gremc_rib *rib;
	struct gremc_static_routes routes;
	/* Reserved address space, atomic: telemetry reads them. */
	uint32_t *interface_vif; /* [interface] or GREMC_VIF_NONE */
	uint32_t *vif_interface; /* [vif] or GREMC_RIB_NONE */
	uint64_t unsent;   /* queries and reports that no buffer or a full queue kept from leaving; the engine
			    * sends them again */
	uint32_t budget;   /* routes that memberships may ask for, as the engine has it */
	uint64_t retry_at; /* when the routes that wait are tried again; 0: none waits */
	bool active;       /* some vif has IGMP */
	/* Changes of membership so far, and those of them that the table has. Atomic: telemetry reads them.
	 */
	uint64_t changes, applied;
	/* From a worker's handing over a report that changes something until the table has it. */
	struct gremc_delays delays;
	struct {
		uint32_t count;
		uint32_t stamp[GREMC_REPORTS_MEASURED];
		bool changed; /* by the report at hand */
	} reports;            /* since the last flush */
};

/* Of the table's routes, those that memberships never take: for static ones and the kernel's. More of these
 * take their room from the memberships. */
#define GREMC_MROUTES_RESERVED (GREMC_MROUTES_MAX - GREMC_CONFIG_MEMBER_ROUTES)
/* Of these, for routes that were removed and wait for their grace period. */
#define GREMC_MROUTES_SLACK (GREMC_MROUTES_MAX / 32)

/* 0 or -ENOMEM. */
int gremc_membership_init(struct gremc_control *control);
void gremc_membership_fini(struct gremc_membership *membership);

/* The static routes and the vifs are those of `config` and `map` now: IGMP follows. */
void gremc_membership_configure(struct gremc_control *control, const struct gremc_config *config,
				const struct gremc_vif_map *map);

/* There are to be so many static routes: memberships get what these and the kernel's leave, and what they
 * have too much is out of the table, and its ids are free, on return. */
void gremc_membership_reserve(struct gremc_control *control, uint32_t static_count);

/* A vif that a member of any source can be behind gets its list of sources before an mroute asks for it.
 * Returns 0 or -ENOMEM. */
int gremc_membership_sources(struct gremc_control *control, const struct gremc_config_igmp *igmp,
			     uint32_t vif);

/* A gremc_host_listener: IGMP of a vif that has it on is taken in. The argument is the control. */
void gremc_membership_input(void *argument, uint32_t vif, const uint8_t *ip, uint32_t length, uint32_t stamp);
/* Timers, and what changed into the table. Returns milliseconds until there is something to do, -1: never. */
int gremc_membership_run(struct gremc_control *control);
/* Start a job for the changes of the table if they are many. Returns whether there is one. */
bool gremc_membership_job_start(struct gremc_control *control);

#endif
