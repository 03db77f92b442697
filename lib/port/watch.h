/* SPDX-License-Identifier: BSD-3-Clause */
/* Links, resets and removals of devices while the program runs.
 *
 * A device that requests a reset is closed to the workers, reset, set up as before and opened again. A
 * removed device is closed, released, and looked for until it returns. The same happens to a member of a
 * bond, while the bond continues without it. */
#ifndef GREMC_PORT_WATCH_H
#define GREMC_PORT_WATCH_H

#include "port/port.h"
#include "rcu/rcu.h"

/* Called on the control thread after the status of ports->port[port] has changed, or the `id` of a device
 * that has returned. From the return on, workers see the change: they use no queue of a closed port. */
typedef void gremc_port_listener(void *argument, uint16_t port);

/* Start to follow the devices. The listener is called at once for each port.
 * Thread:   control thread.
 * Input:    epoll of the control loop; data.ptr of an event is a struct gremc_watch. The workers are
 *           readers of `rcu`.
 * Lifetime: rcu, epoll and argument outlive the ports.
 * Returns:  0 or a negative errno. */
__rte_warn_unused_result int gremc_ports_watch(struct gremc_ports *ports, struct gremc_rcu *rcu, int epoll,
					       gremc_port_listener *listener, void *argument);
/* Handle the events of devices, read the links of devices that raise no event, continue restarts.
 * Thread:  control thread, in each iteration of its loop.
 * Units:   now, wait and the result in milliseconds; now of a monotonic clock.
 * Returns: the time until the next call, at most `wait`; -1: unlimited. */
int gremc_ports_poll(struct gremc_ports *ports, uint64_t now, int wait);

#endif
