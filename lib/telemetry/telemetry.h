/* SPDX-License-Identifier: BSD-3-Clause */
/* telemetry: read-only commands about the forwarder on DPDK's telemetry socket. A callback runs on a thread
 * of DPDK, borrows an RCU reader slot for its duration, and reads the data that the workers and the control
 * thread publish. */
#ifndef GREMC_TELEMETRY_TELEMETRY_H
#define GREMC_TELEMETRY_TELEMETRY_H

#include <stdint.h>
#include <stdio.h>

#include "base/atomic.h"
#include "fanout/fanout.h"
#include "host/host.h"
#include "igmp/igmp.h"
#include "mfc/mfc.h"
#include "peer/peer.h"
#include "port/port.h"
#include "rcu/rcu.h"
#include "rib/rib.h"
#include "stats/delay.h"
#include "stats/stats.h"
#include "vif/vif.h"

/* The functions of the host module that telemetry calls; tests replace them. They are
 * gremc_host_device_count(), gremc_host_device_info() and
 * gremc_host_overruns_read(). count NULL: there are none. */
struct gremc_telemetry_hosts {
	struct gremc_host *host;
	uint32_t (*count)(struct gremc_host *host);
	bool (*entry)(struct gremc_host *host, uint32_t number, struct gremc_host_device_info *entry);
	uint64_t (*overruns)(struct gremc_host *host);
};

/* The objects that the commands read.
 * Thread:   the control thread is the writer of the counters and atomics behind the pointers.
 * Lifetime: every pointer stays valid until gremc_telemetry_stop() has returned. */
struct gremc_telemetry {
	struct gremc_ports *ports; /* a command locks `devices` while it calls a driver */
	const struct gremc_vifs *vifs;
	const struct gremc_fanout *fanout;
	struct gremc_igmp *igmp;
	const struct gremc_rib *rib;
	const gremc_atomic_u32 *interface_vif; /* [interface of igmp] or GREMC_VIF_NONE */
	const gremc_atomic_mfc *mfc;           /* NULL inside: not mirrored */
	const struct gremc_peers *peers;
	const gremc_atomic_u64 *alive;       /* keepalives of the kernel's flows */
	const gremc_atomic_u64 *igmp_unsent; /* queries and reports that could not be sent */
	/* Changes of membership that the engine has made, and those of them that the table of mroutes has.
	 * NULL: replies do not wait for the table. */
	const gremc_atomic_u64 *igmp_changes, *igmp_applied;
	const struct gremc_delays *igmp_delays; /* from reports to changes of the table */
	struct gremc_rcu *rcu;
	struct gremc_telemetry_hosts hosts;
	struct gremc_stats *const *stats; /* [worker], then of the control thread where it sends */
	uint32_t stats_count;
	const char *config_path;
	uint64_t started;                /* wall clock, seconds since 1970 */
	const gremc_atomic_u64 *reloads; /* successful ones */
	const gremc_atomic_u64 *reload_errors;
};

/* Print every command with its parameters and meaning. */
void gremc_telemetry_reference(FILE *out);

/* Register the commands of docs/telemetry.md.
 * Order:   once, before packets flow.
 * Returns: 0 or a negative errno. */
__rte_warn_unused_result int gremc_telemetry_start(const struct gremc_telemetry *telemetry);
/* Stop answering: every command replies that the program is stopping, because DPDK cannot unregister it.
 * Returns: when no callback is running any more. */
void gremc_telemetry_stop(void);

#endif
