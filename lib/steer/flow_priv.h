/* SPDX-License-Identifier: BSD-3-Clause */
/* The flow rules of a port with `isolate: true`. */
#ifndef GREMC_STEER_FLOW_PRIV_H
#define GREMC_STEER_FLOW_PRIV_H

#include <rte_errno.h>
#include <rte_ethdev.h>
#include <rte_flow.h>

#include "steer/set_priv.h"

/* ---- flow_draft.c: one rule in the form of rte_flow ---- */

#define GREMC_FLOW_RSS_INNER 2u /* RSS level of inner headers */

/* The packets that a rule matches. */
struct gremc_flow_pattern {
	uint8_t protocol; /* IPPROTO_GRE or IPPROTO_UDP */
	rte_be32_t destination, destination_mask;
	rte_be32_t source; /* 0: any */
	uint16_t port;     /* UDP destination, host order; 0: any */
	bool gre_item;     /* the rule has an item for the GRE header */
	bool gre_fields;   /* the item matches IPv4 inside, and has_key and key */
	bool has_key;
	uint32_t key;
};

/* The queues that a rule sends packets to. */
struct gremc_flow_spread {
	bool rss;           /* false, or one queue: queue 0 */
	uint32_t level;     /* RSS level: 0 leaves the choice to the device */
	uint16_t rx_queues; /* at most GREMC_STEER_QUEUES_MAX */
};

/* All that the items and actions of a rule point to. Not copyable. */
struct gremc_flow_draft {
	struct rte_flow_item_vlan vlan, vlan_mask;
	struct rte_flow_item_ipv4 ip, ip_mask;
	struct rte_flow_item_udp udp, udp_mask;
	struct rte_flow_item_gre gre, gre_mask;
	rte_be32_t key, key_mask;
	uint16_t queues[GREMC_STEER_QUEUES_MAX];
	struct rte_flow_action_rss rss;
	struct rte_flow_action_queue queue;
	struct rte_flow_item items[6];
	struct rte_flow_action actions[2];
};

extern const struct rte_flow_attr gremc_flow_ingress;

/* Write a rule.
 * Input:   vlan 0: untagged. */
void gremc_flow_draft_init(struct gremc_flow_draft *draft, const struct gremc_flow_pattern *pattern,
			   uint16_t vlan, const struct gremc_flow_spread *spread);

/* ---- flow.c: the rules of one device ---- */

struct gremc_flow_rules;

/* Enter isolated mode.
 * Owner:   gremc_flow_rules_destroy() frees *rules.
 * Returns: 0, or a negative errno with the reason in *errors.
 * Order:   before the device is configured. */
__rte_warn_unused_result int gremc_flow_rules_isolate(const struct gremc_steer_device *device,
						      struct gremc_flow_rules **rules,
						      struct gremc_errors *errors);
/* Add rules for all of the set. Where the device cannot match tunnels exactly, or has no space for one rule
 * per tunnel, the rules of all tunnels match less: the addresses, or the local address alone. The log has a
 * warning then.
 * Returns: 0, or a negative errno with the driver's text, or NULL, in *reason. After a failure no tunnel
 *          has a new rule; new groups may have. */
__rte_warn_unused_result int gremc_flow_rules_add(struct gremc_flow_rules *rules,
						  const struct gremc_steer_device *device,
						  const struct gremc_steer_set *set, const char **reason);
/* Destroy the rules of the set. */
void gremc_flow_rules_remove(struct gremc_flow_rules *rules, const struct gremc_steer_set *set);
/* Destroy the rules that are not of the set. */
void gremc_flow_rules_trim(struct gremc_flow_rules *rules, const struct gremc_steer_set *set);
/* Destroy all rules and free the list. NULL is a no-op.
 * Order:   before the device stops. */
void gremc_flow_rules_destroy(struct gremc_flow_rules *rules);

#endif
