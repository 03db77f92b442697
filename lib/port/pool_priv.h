/* SPDX-License-Identifier: BSD-3-Clause */
/* The mbuf pools: their plan and their life. */
#ifndef GREMC_PORT_POOL_PRIV_H
#define GREMC_PORT_POOL_PRIV_H

#include "port/port.h"

struct gremc_port_set;

/* Bytes behind the headroom of an RX mbuf. */
#define GREMC_PORT_RX_CAPACITY_MIN 2048u
#define GREMC_PORT_RX_CAPACITY_MAX (UINT16_MAX - RTE_PKTMBUF_HEADROOM)
#define GREMC_PORT_HEADERS         96u /* Ethernet, VLAN, outer IPv4 and GRE of a replica, rounded up */
/* mbufs of the pool of a UMEM queue that the driver holds: 2048 in the fill ring, 2048 in transmission */
#define GREMC_PORT_UMEM_HELD 4096u

/* ---- plan.c ---- */

/* Memory levels, from 0, sufficient memory, to the last, the least that works. */
#define GREMC_POOL_LEVELS 6u

struct gremc_pool_plan {
	char name[RTE_MEMPOOL_NAMESIZE];
	uint32_t count;     /* mbufs */
	uint32_t cache;     /* per lcore, see GREMC_MEMPOOL_CACHE(); 0: none */
	uint16_t data_room; /* as in DPDK: with the headroom */
	int socket;
	struct rte_mempool **pool; /* the pointer to set */
};

struct gremc_pool_plans {
	struct gremc_pool_plan *plan;
	unsigned count;
	struct gremc_ring_sizes rings;
};

/* Plan all pools at a memory level. A pool that several queues or workers share has one plan, for the first
 * of them. Sets also header_capacity of the workers and host_capacity.
 * Owner:   gremc_pool_plans_fini() frees the list.
 * Returns: 0 or -ENOMEM. */
__rte_warn_unused_result int gremc_pool_plans_init(struct gremc_pool_plans *plans, struct gremc_port_set *set,
						   unsigned level);
/* Free the list of plans. */
void gremc_pool_plans_fini(struct gremc_pool_plans *plans);
/* Returns: the approximate memory of all pools, in bytes. */
uint64_t gremc_pool_plans_bytes(const struct gremc_pool_plans *plans);
/* Returns: the first queue of the port that uses the same pool. */
uint16_t gremc_port_rx_pool_owner(const struct gremc_port_set *set, const struct gremc_port *port,
				  uint16_t queue);
/* Returns: the first worker that uses the same shard pool. */
uint16_t gremc_ports_split_pool_owner(const struct gremc_port_set *set, uint16_t worker);
/* Returns: the bytes behind the headroom of a header mbuf. */
uint32_t gremc_ports_header_capacity(const struct gremc_port_set *set);

/* ---- pool.c ---- */

/* Free all pools.
 * Order:   after the devices have been closed. */
void gremc_ports_pools_free(struct gremc_port_set *set);
/* Log a pool that lacks mbufs.
 * Returns: the number of missing mbufs. */
unsigned gremc_pool_missing(const struct rte_mempool *pool);
/* Log each pool that lacks mbufs, except UMEM pools, which the driver fills.
 * Returns: the number of missing mbufs. */
unsigned gremc_ports_pools_missing(const struct gremc_port_set *set);

#endif
