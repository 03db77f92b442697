/* SPDX-License-Identifier: BSD-3-Clause */
/* datapath: the fast path, as workers run it.
 *
 *     rx -> classify -> decap -> lookup -> replicate (encap each replica) -> tx
 *
 * forward.c calls the stages in this order. A packet leaves the pipeline as replicas at ports, by a ring to
 * the control thread (a punt), by a ring to another worker (a handoff), or as a named drop. Counts are
 * published once a burst (gremc_worker_account()).
 *
 * The control thread's side: the life of the workers (here), punted packets (punt_ring.h), packets to send
 * (inject.h). */
#ifndef GREMC_DATAPATH_DATAPATH_H
#define GREMC_DATAPATH_DATAPATH_H

#include "datapath/inject.h"
#include "datapath/punt.h"
#include "datapath/punt_ring.h"
#include "datapath/worker.h"
#include "fanout/fanout.h"
#include "port/port.h"
#include "rcu/rcu.h"

#define GREMC_SHUTDOWN_MS 1000 /* the longest wait of a worker's shutdown for other workers and for ports */

/* Create a worker for each of ports->worker, with the tables of its NUMA node.
 * Thread:   control thread.
 * Lifetime: the ports, vifs, mroute table and RCU variable outlive the group.
 * Returns:  NULL if no memory is available. */
struct gremc_worker_group *gremc_workers_create(const struct gremc_ports *ports,
						const struct gremc_config_settings *settings,
						const struct gremc_vifs *vifs,
						const struct gremc_fanout *fanout, struct gremc_rcu *rcu);
/* Free the group and the mbufs in the rings of the host path.
 * Thread:  control thread, after all workers have ended. */
void gremc_workers_destroy(struct gremc_worker_group *group, struct gremc_rcu *rcu);

/* Apply the settings that may change while workers run: copy threshold, retries, sleep, OIL split and
 * software RSS. The last two stay off if the pools are not planned for them (gremc_ports.shards, .spread).
 * Thread:  control thread. */
void gremc_workers_configure(struct gremc_worker_group *group, const struct gremc_config_settings *settings);
/* Apply status and device of a port. Replicas to a port that lost its link are dropped as link_down without
 * an attempt. Nothing is received from a closed port (gremc_port_is_closed()), and replicas to it are dropped
 * as port_down; a grace period later no worker is inside its driver.
 * Thread:  control thread. */
void gremc_workers_port_changed(struct gremc_worker_group *group, const struct gremc_port *port);
/* Apply that the operator set the port's interface down or up. Packets received by a port that is down
 * are dropped as iif_down.
 * Thread:  control thread. */
void gremc_workers_port_down(struct gremc_worker_group *group, uint16_t port, bool down);

/* Request that the next packet of a punt-sampled mroute goes to the kernel.
 * Thread:  control thread. */
void gremc_workers_punt_sample(struct gremc_worker_group *group, uint32_t mroute_id);

/* Poll until gremc_workers_stop(), then shut down: send the packets that other workers hand over, for
 * GREMC_SHUTDOWN_MS at most.
 * Thread:  the worker's lcore. */
void gremc_worker_run(struct gremc_worker *worker);
/* End gremc_worker_run() of all workers.
 * Thread:  any; async-signal-safe. */
void gremc_workers_stop(struct gremc_worker_group *group);
/* Drop and count by name the packets that are left in rings because a worker did not empty them in time.
 * Thread:  control thread, after all workers have ended and before the ports are closed. */
void gremc_workers_drain(struct gremc_worker_group *group);

#endif
