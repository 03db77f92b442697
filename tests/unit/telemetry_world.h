/* SPDX-License-Identifier: BSD-3-Clause */
/* A small forwarder without workers, for telemetry: real tables, three net_null ports, counters set by tests.
 *
 *     wan0: gre0 (no key), gre1 (keys 7 and 8) and gre3 by a resolved next hop, gre2 by an unresolved one
 *     lan0: accepts native multicast
 *     wan1: accepts GRE only
 *     port 3: a member of a bond, not open */
#ifndef GREMC_TESTS_UNIT_TELEMETRY_WORLD_H
#define GREMC_TESTS_UNIT_TELEMETRY_WORLD_H

#include "telemetry/telemetry.h"

#define WORLD_WORKERS 2
/* Next hops by wan0. */
#define RESOLVED       IP(192, 0, 2, 254)
#define UNRESOLVED     IP(192, 0, 2, 253)
#define IP(a, b, c, d) RTE_BE32((uint32_t)(a) << 24 | (b) << 16 | (c) << 8 | (d))

enum { WAN0, LAN0, WAN1, MEMBER, PORTS };
enum { GRE0, GRE1, GRE2, GRE3, LAN, VIFS }; /* in world.vif */

struct world {
	struct gremc_rcu *rcu;
	struct gremc_vifs *vifs;
	struct gremc_fanout *fanout;
	struct gremc_igmp *igmp;
	struct gremc_rib *rib;
	struct gremc_peers *peers;            /* without policies */
	gremc_atomic_u32 interface_vif[VIFS]; /* interface i is vif[i] */
	gremc_atomic_u64 igmp_unsent, alive;
	gremc_atomic_u64 igmp_changes, igmp_applied;
	struct gremc_delays igmp_delays;
	gremc_atomic_mfc mfc;
	struct gremc_ports ports;
	struct gremc_port port[PORTS];
	struct gremc_stats *stats[GREMC_WORKERS_MAX];
	struct rte_mempool *rx_pool, *header_pool;
	uint32_t vif[VIFS];
	gremc_atomic_u64 reloads, reload_errors;
	struct gremc_telemetry telemetry;
};

enum tunnel_keys { WITHOUT_KEY, WITH_KEYS };

/* Create the tables, with the vifs and mroutes above. */
struct world *world_create(void);
/* Free it. */
void world_destroy(struct world *world);
/* Add a tunnel to wan0. Returns its vif. */
uint32_t world_tunnel_add(struct world *world, const char *name, rte_be32_t remote, enum tunnel_keys keys,
			  rte_be32_t next_hop);
/* Set or remove an mroute. Returns the result of gremc_fanout_apply(). */
int world_mroute_change(struct world *world, enum gremc_fanout_op_kind kind, rte_be32_t source,
			rte_be32_t group, uint8_t length, const uint32_t *iifs, uint32_t iif_count,
			const uint32_t *oifs, uint32_t oif_count);

#endif
