/* SPDX-License-Identifier: BSD-3-Clause */
/* Adjacencies: the L2 rewrites of next hops, shared by all vifs that send to them.
 *
 * The control thread changes an adjacency by one pointer store, however many tunnels use it. An adjacency
 * becomes `resolved` with its MAC and `ready` a grace period later. By then every worker has seen the MAC
 * between two bursts and has sent the replicas that waited for it. */
#ifndef GREMC_VIF_ADJACENCY_H
#define GREMC_VIF_ADJACENCY_H

#include <stdbool.h>
#include <stdint.h>

#include <rte_common.h>
#include <rte_ether.h>

#include "base/base.h"

struct gremc_vifs;

#define GREMC_ADJACENCIES_MAX (1u << 16)
#define GREMC_L2_MAX          32

/* Reserved indexes: of every vif whose own interface is down, and of every other vif whose peer is dead. Both
 * are never resolved, so one store of such an index takes a vif out of all oils. */
#define GREMC_ADJACENCY_DOWN (GREMC_ADJACENCIES_MAX - 1)
#define GREMC_ADJACENCY_DEAD (GREMC_ADJACENCIES_MAX - 2)

/* Marks an IPv6 next hop of IPv4 packets (RFC 5549). No IPv4 host has this address. */
#define GREMC_NEXT_HOP_IPV6 RTE_BE32(0x00000006)

/* One published L2 rewrite: immutable, freed after a grace period. */
struct gremc_adjacency {
	uint8_t l2[GREMC_L2_MAX]; /* the header, right-aligned: its last byte is l2[31] */
	uint8_t l2_length;        /* 14, or 18 with a VLAN tag */
	bool resolved;            /* the MAC is known and the interface is up: frames can be sent */
	bool ready;               /* resolved for a grace period: no replica waits for the MAC */
	bool known;               /* the MAC is known, whether the interface is up or down */
	bool down;                /* the operator has set the interface down: neither resolved nor ready */
	bool dead;                /* of all vifs with a dead peer: neither resolved nor ready */
	uint16_t port;            /* index in struct gremc_ports */
	rte_be32_t next_hop;      /* 0: native multicast, the destination MAC is the group's */
	uint8_t next_hop6[16];    /* the next hop if next_hop is GREMC_NEXT_HOP_IPV6 */
} __rte_cache_aligned;

/* Take a reference to the adjacency of (port, next_hop). A new one is unresolved.
 * Thread:  control thread.
 * Input:   vlan 0 sends untagged frames.
 * Errors:  -ENOSPC, -ENOMEM. */
__rte_warn_unused_result int gremc_adjacency_get(struct gremc_vifs *vifs, uint16_t port, rte_be32_t next_hop,
						 const struct rte_ether_addr *source, uint16_t vlan,
						 uint32_t *adjacency);
/* Take a reference to the adjacency of (port, IPv6 next_hop).
 * Thread:  control thread.
 * Input:   vlan 0 sends untagged frames.
 * Errors:  -ENOSPC, -ENOMEM. */
__rte_warn_unused_result int gremc_adjacency_get6(struct gremc_vifs *vifs, uint16_t port,
						  const uint8_t next_hop[16],
						  const struct rte_ether_addr *source, uint16_t vlan,
						  uint32_t *adjacency);
/* Take one more reference to an adjacency.
 * Thread:  control thread.
 * Input:   the caller already has a reference. */
void gremc_adjacency_hold(struct gremc_vifs *vifs, uint32_t adjacency);
/* Drop a reference. After the last one the adjacency is freed, a grace period later.
 * Thread:  control thread. */
void gremc_adjacency_release(struct gremc_vifs *vifs, uint32_t adjacency);
/* Set the MAC of the next hop.
 * Thread:  control thread.
 * Input:   mac NULL: the MAC is unknown.
 * Errors:  -ENOMEM: nothing changed. */
__rte_warn_unused_result int gremc_adjacency_resolve(struct gremc_vifs *vifs, uint32_t adjacency,
						     const struct rte_ether_addr *mac);
/* Thread:  any.
 * Returns: an upper bound of the adjacency indexes; below it, the pointer of an index in use is not NULL. */
uint32_t gremc_adjacency_limit(const struct gremc_vifs *vifs);
/* Set all adjacencies of a port down or up. Frames that arrive by the port are not affected
 * (gremc_workers_port_down()).
 * Thread:  control thread.
 * Errors:  -ENOMEM: some adjacencies did not change; call it again. */
__rte_warn_unused_result int gremc_port_down_set(struct gremc_vifs *vifs, uint16_t port, bool down);

#endif
