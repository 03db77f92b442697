/* SPDX-License-Identifier: BSD-3-Clause */
/* telemetry: what DPDK's telemetry socket answers about the forwarder: read-only. A callback runs on a thread
 * of DPDK's, borrows an RCU reader slot for its duration and reads what the workers and the writer publish.
 */
#ifndef GREMC_TELEMETRY_TELEMETRY_H
#define GREMC_TELEMETRY_TELEMETRY_H

#include <stdint.h>

#include "fanout/fanout.h"
#include "host/host.h"
#include "igmp/igmp.h"
#include "mfc/mfc.h"
#include "port/port.h"
#include "rcu/rcu.h"
#include "rib/rib.h"
#include "stats/delay.h"
#include "stats/stats.h"
#include "vif/vif.h"

/* How the host interfaces are read: gremc_host_device_count(), gremc_host_device_info() and
 * gremc_host_overruns_read(). count NULL: there are none. */
struct gremc_telemetry_hosts {
	struct gremc_host *host;
	uint32_t (*count)(struct gremc_host *host);
	bool (*entry)(struct gremc_host *host, uint32_t number, struct gremc_host_device_info *entry);
	uint64_t (*overruns)(struct gremc_host *host);
};

/* What the commands read. Every pointer stays valid until gremc_telemetry_stop() has returned. */
struct gremc_telemetry {
	struct gremc_ports *ports; /* its devices are locked to be asked */
	const struct gremc_vifs *vifs;
	const struct gremc_fanout *fanout;
	struct gremc_igmp *igmp;
	const struct gremc_rib *rib;
	const uint32_t *interface_vif; /* [interface of igmp] or GREMC_VIF_NONE; atomic */
	struct gremc_mfc *const *mfc;  /* NULL inside: not mirrored; atomic */
	const uint64_t *alive;         /* packets given to the kernel for its counters; atomic */
	const uint64_t *igmp_unsent;   /* queries and reports that could not be sent; atomic */
	/* Changes of membership that the engine has made, and those of them that the table of mroutes has.
	 * Atomic; NULL: nothing is waited for. */
	const uint64_t *igmp_changes, *igmp_applied;
	const struct gremc_delays *igmp_delays; /* from reports to changes of the table */
	struct gremc_rcu *rcu;
	struct gremc_telemetry_hosts hosts;
	struct gremc_stats *const *stats; /* [worker], then of the control thread where it sends */
	uint32_t stats_count;
	const char *config_path;
	uint64_t started;        /* wall clock, seconds since 1970 */
	const uint64_t *reloads; /* successful ones; atomic */
	const uint64_t *reload_errors;
};

/* Register the commands of docs/telemetry.md. Once, before packets flow. Returns 0 or a negative errno. */
int gremc_telemetry_start(const struct gremc_telemetry *telemetry);
/* From now on every command answers that the program is stopping; returns when no callback is running. (DPDK
 * cannot unregister a command.) */
void gremc_telemetry_stop(void);

#endif
