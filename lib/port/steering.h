/* SPDX-License-Identifier: BSD-3-Clause */
/* The traffic that shared ports take (lib/steer). Functions skip ports that are not shared. */
#ifndef GREMC_PORT_STEERING_H
#define GREMC_PORT_STEERING_H

#include "port/port.h"
#include "steer/steer.h"

/* Also take the traffic of a new configuration: GRE to its tunnels, multicast of its mroutes from a port.
 * Thread:  control thread.
 * Returns: 0, or a negative errno with the reason in *errors.
 * Order:   gremc_ports_steer_trim() follows: with the new configuration, or after a failure with the old
 *          one. */
__rte_warn_unused_result int gremc_ports_steer_add(struct gremc_ports *ports,
						   const struct gremc_config *config,
						   struct gremc_errors *errors);
/* Take only the traffic of the configuration and the groups of gremc_ports_steer_groups().
 * Thread:  control thread.
 * Returns: 0, or a negative errno, logged: a port takes more or less; a repeated call completes it. */
__rte_warn_unused_result int gremc_ports_steer_trim(struct gremc_ports *ports,
						    const struct gremc_config *config);
/* Replace the groups of mroutes that accept a port with `multicast` and that IGMP or the kernel brought.
 * Thread:  control thread.
 * Input:   groups in any order, duplicates allowed.
 * Errors:  logged when the device cannot take all; the next call tries all again. */
void gremc_ports_steer_groups(struct gremc_ports *ports, uint16_t port,
			      const struct gremc_steer_group *groups, uint32_t count);
/* Pass the next packet of a group to the kernel, which then counts the flow or notifies its daemon.
 * Thread:  control thread.
 * Returns: whether it passes: the port has `interface:` and takes exactly this group. */
bool gremc_ports_steer_pass(struct gremc_ports *ports, uint16_t port, const struct gremc_steer_group *group);

#endif
