/* SPDX-License-Identifier: BSD-3-Clause */
/* control: the control plane of a forwarder. It brings the configuration, IGMP and the kernel's multicast
 * routes into the tables that the workers read.
 *
 * A transaction replaces the running configuration by another one (transaction.c):
 *
 *     step                                                   can fail            after a failure
 *     1. create vifs for tunnels with a new key              memory, vifs        \
 *     2. shared ports also take the new traffic              NIC, XDP, memory     } undone
 *     3. replace the static mroutes, all or none             memory, mroutes     /
 *     ---- the new configuration is running ----
 *     4. settings of tunnels, MAC addresses of next hops     memory              \
 *     5. devices, addresses and routes of the host           kernel, memory       } logged, repeated
 *     6. IGMP of vifs, source filters                        memory              /
 *     7. publish new vifs, remove old ones                   -
 *     8. shared ports take the new traffic only, filters     NIC, XDP, memory    logged
 *
 * A failure of the steps 1 to 3 is undone: tunnels, mroutes, counters, next hops and steering are as before,
 * and no packet is lost. The same holds for a transaction that is cancelled before the end of step 3. An
 * object that is equal in both configurations is not touched.
 *
 * Thread: control thread, unless a function names another one. A transaction is a job (base/job.h): it pauses
 * after each tunnel and mroute, and the control loop continues with packets, timers and events. */
#ifndef GREMC_CONTROL_CONTROL_H
#define GREMC_CONTROL_CONTROL_H

#include <stdbool.h>

#include "config/config.h"
#include "control/loading.h"
#include "datapath/datapath.h"
#include "fanout/fanout.h"
#include "host/host.h"
#include "port/port.h"
#include "rcu/rcu.h"
#include "telemetry/telemetry.h"
#include "vif/vif.h"

struct gremc_control; /* heap */

/* The objects that the control plane changes.
 * Lifetime: all outlive the control plane, except the host, which ends before it. */
struct gremc_control_context {
	struct gremc_config_source source; /* of reloads */
	struct gremc_rcu *rcu;
	struct gremc_vifs *vifs;
	struct gremc_fanout *fanout;
	struct gremc_ports *ports;
	struct gremc_worker_group *workers;
	struct gremc_host *host;
	int epoll; /* the control loop's: data.ptr is a struct gremc_watch */
};

/* Create a control plane without a configuration, and the vifs of ports with native multicast. The host's
 * packets of class `control` go to IGMP from now on.
 * Returns: NULL: out of memory. */
struct gremc_control *gremc_control_create(const struct gremc_control_context *context);
/* Free the control plane and its configuration. Routes and vifs stay in the tables. NULL is allowed.
 * Order:   after the workers and telemetry have ended. */
void gremc_control_destroy(struct gremc_control *control);

/* Apply the configuration of the start, which gremc_host_commit() completes.
 * Input:   is_stopped: whether the start is cancelled; called every 50 ms.
 * Owner:   takes the configuration in any case.
 * Returns: 0; -ECANCELED: is_stopped() was true; another negative errno with the reasons in *errors. */
__rte_warn_unused_result int gremc_control_start(struct gremc_control *control, struct gremc_config *config,
						 bool (*is_stopped)(void *argument), void *argument,
						 struct gremc_errors *errors);
/* Apply a configuration in one transaction: the body of the jobs of start and reload.
 * Thread:  control thread, or a job of it.
 * Owner:   takes the configuration on success, and frees the running one.
 * Returns: 0; -ECANCELED: the job is cancelled; another negative errno with the reasons in *errors. After an
 *          error the running configuration forwards as before. */
__rte_warn_unused_result int gremc_control_apply(struct gremc_control *control, struct gremc_config *config,
						 struct gremc_errors *errors);
/* The running configuration.
 * Lifetime: until the next gremc_control_poll(). */
const struct gremc_config *gremc_control_config_get(const struct gremc_control *control);

/* Load and apply the configuration again: gremc_control_poll() does it. A request during a reload causes one
 * more reload. */
void gremc_control_reload(struct gremc_control *control);
/* Do the work that is due: begin a reload, run a slice of a job, run timers, flush changes of mroutes.
 * Order:   in each iteration of the control loop, before epoll_wait().
 * Returns: milliseconds until the next call; 0: there is more to do; -1: not before an event. */
int gremc_control_poll(struct gremc_control *control);
/* End the active job, if any: it is cancelled, or runs to its end if it cannot be undone.
 * Order:   last, before gremc_control_destroy(). */
void gremc_control_stop(struct gremc_control *control);

/* Set the fields of *telemetry that the control plane provides.
 * Lifetime: of the pointers: until gremc_control_destroy(). */
void gremc_control_telemetry_fill(const struct gremc_control *control, struct gremc_telemetry *telemetry);

#endif
