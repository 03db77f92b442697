/* SPDX-License-Identifier: BSD-3-Clause */
/* steer: the packets that the fast path takes from the device of a shared (bifurcated) port. The kernel keeps
 * the interface and receives all other packets.
 *
 * A port with `interface:` has an XDP program on the interface. A port with `isolate: true` has flow rules in
 * the NIC, which is in isolated mode. Both take GRE of the configured tunnels, and multicast of the mroutes
 * that accept the port.
 *
 * The control thread, or a job of it, calls all functions. Changes of sets pause the job. None of the
 * functions uses queues, pools or workers. */
#ifndef GREMC_STEER_STEER_H
#define GREMC_STEER_STEER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/base.h"
#include "config/config.h"

#define GREMC_STEER_QUEUES_MAX 128 /* RX queues of a port */

struct rte_flow;

/* The traffic of one shared port that is steered to the fast path. */
struct gremc_steer;

/* The device of a port, as rules and messages name it. */
struct gremc_steer_device {
	const char *port;   /* its name in the configuration */
	const char *name;   /* of the ethdev */
	const char *driver; /* for messages */
	uint16_t id;        /* ethdev */
	uint16_t vlan;      /* 0: untagged */
	uint16_t rx_queues; /* at most GREMC_STEER_QUEUES_MAX */
};

/* Multicast that a shared port takes. The kernel receives other sources of the group, so that its routing
 * daemon can add an mroute for them. */
struct gremc_steer_group {
	struct gremc_prefix group;
	rte_be32_t source; /* 0: any */
};

/* ---- life ---- */

/* Prepare a shared port before its ethdev is looked up. For `interface:`: plug the AF_XDP device that loads
 * the XDP program, and replace a program that an earlier process left.
 * Thread:  control thread.
 * Owner:   gremc_steer_close() frees *steer, which may also be set after an error.
 * Returns: 0, or a negative errno with the reason in *errors. */
__rte_warn_unused_result int gremc_steer_open(const struct gremc_config_port *config,
					      struct gremc_steer **steer, struct gremc_errors *errors);
/* Enter isolated mode; no-op with an XDP program.
 * Thread:  control thread.
 * Returns: 0, or a negative errno with the reason in *errors.
 * Order:   before the device is configured. */
__rte_warn_unused_result int gremc_steer_isolate(struct gremc_steer *steer,
						 const struct gremc_steer_device *device,
						 struct gremc_errors *errors);
/* Find the maps of the XDP program, set its VLAN and let multicast frames in; no-op with flow rules.
 * Thread:  control thread.
 * Returns: 0, or a negative errno with the reason in *errors.
 * Order:   after the device has started. */
__rte_warn_unused_result int gremc_steer_attach(struct gremc_steer *steer, struct gremc_errors *errors);
/* Add the rules that the device had before a restart; log a failure.
 * Thread:  control thread.
 * Returns: 0 or a negative errno. */
__rte_warn_unused_result int gremc_steer_restore(struct gremc_steer *steer,
						 const struct gremc_steer_device *device);
/* Whether a job that has paused is changing the flow rules. Its owner must not stop the device then.
 * Thread:  control thread. */
bool gremc_steer_is_busy(const struct gremc_steer *steer);
/* Destroy the flow rules of the device; the sets stay for gremc_steer_restore().
 * Thread:  control thread.
 * Order:   before the device stops, and not while gremc_steer_is_busy(). */
void gremc_steer_halt(struct gremc_steer *steer);
/* Remove the XDP program with its device, and free everything.
 * Thread:  control thread.
 * Input:   NULL is a no-op.
 * Order:   after the ethdev has been closed. */
void gremc_steer_close(struct gremc_steer *steer);

/* ---- the sets ---- */

/* Also take the traffic of a new configuration: GRE of its tunnels, multicast of its mroutes from the port.
 * The device keeps all earlier entries.
 * Thread:  control thread.
 * Input:   port is the index of the port in the configuration.
 * Returns: 0, or a negative errno with the reason in *errors; then gremc_steer_trim() with the old
 *          configuration removes the new entries. */
__rte_warn_unused_result int gremc_steer_add(struct gremc_steer *steer,
					     const struct gremc_steer_device *device,
					     const struct gremc_config *config, uint32_t port,
					     struct gremc_errors *errors);
/* Take only the traffic of the configuration and the groups of gremc_steer_groups_set(). A device that has
 * been restored since gremc_steer_add() gets all of it again.
 * Thread:  control thread.
 * Returns: 0; -ENOMEM: nothing has changed; another negative errno, logged: a restored device lacks entries,
 *          and the next call adds them. */
__rte_warn_unused_result int gremc_steer_trim(struct gremc_steer *steer,
					      const struct gremc_steer_device *device,
					      const struct gremc_config *config, uint32_t port);
/* Replace the groups of mroutes that IGMP and the kernel brought.
 * Thread:  control thread.
 * Input:   groups in any order, duplicates allowed.
 * Errors:  logged when the device cannot take all of them; the next call tries all again. */
void gremc_steer_groups_set(struct gremc_steer *steer, const struct gremc_steer_device *device,
			    const struct gremc_steer_group *groups, uint32_t count);
/* Pass the next packet of a group to the kernel, which then counts the flow or notifies its daemon.
 * Thread:  control thread.
 * Returns: whether the next packet passes: an XDP program takes exactly this group. */
bool gremc_steer_pass_next(struct gremc_steer *steer, const struct gremc_steer_group *group);

/* ---- RSS by inner headers, also of ports that are not shared ---- */

/* Create a flow rule that distributes GRE over the RX queues by its inner headers. Between two sites the
 * outer addresses are constant, so outer RSS sends all packets of a tunnel to one queue.
 * Thread:  control thread.
 * Input:   lower_ids, the ethdevs that carry the frames: each must accept the rule.
 * Owner:   gremc_steer_inner_rss_destroy() destroys the rule before the device stops.
 * Returns: the rule; NULL when the device refuses it. */
struct rte_flow *gremc_steer_inner_rss_create(const struct gremc_steer_device *device,
					      const uint16_t *lower_ids, uint16_t lower_count);
/* Destroy such a rule of ethdev `id`; log a failure.
 * Thread:  control thread. */
void gremc_steer_inner_rss_destroy(uint16_t id, struct rte_flow *rule);

#endif
