/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef GREMC_VIF_VIF_PRIV_H
#define GREMC_VIF_VIF_PRIV_H

#include "vif/vif.h"

/* Numbers handed out lowest first, so that what is indexed by them stays dense. */
struct gremc_indexes {
	uint32_t *free; /* stack of given back ones */
	uint32_t free_count, free_size;
	uint32_t next; /* never used so far */
	uint32_t limit;
};

int gremc_indexes_take(struct gremc_indexes *indexes, uint32_t *index);
void gremc_indexes_give(struct gremc_indexes *indexes, uint32_t index);

/* The writer's side of the table. */
struct gremc_vifs_priv {
	struct gremc_rcu *rcu;
	struct gremc_nodes nodes;
	struct gremc_vifs *node[GREMC_NODES_MAX]; /* the copies; the first is what the writer itself reads */
	struct gremc_indexes vif_indexes, adjacency_indexes;
	struct rte_hash *adjacency_hash; /* (port, next hop) to index; the writer's only */
	uint32_t *adjacency_holds;       /* [adjacency] */
	bool *adjacency_used;            /* [adjacency] a vif has sent by it */
	uint16_t *adjacency_vlan;        /* [adjacency], to build the L2 header again */
	struct rte_ether_addr *adjacency_source;
};

/* Call function(argument) after a grace period, at once after waiting for one when there is no memory to
 * defer. */
void gremc_vif_defer(struct gremc_vifs_priv *priv, void (*function)(void *), void *argument);

int gremc_adjacencies_init(struct gremc_vifs *vifs);
void gremc_adjacencies_fini(struct gremc_vifs *vifs);

int gremc_tunnels_init(struct gremc_vifs *vifs, uint32_t tunnels);
void gremc_tunnels_fini(struct gremc_vifs *vifs);
/* Take the vif's key out of the table unless another vif has it. */
void gremc_tunnel_unpublish(struct gremc_vifs *vifs, uint32_t vif);

/* Fill the template of a tunnel. */
void gremc_encap_init(struct gremc_encap *encap, const struct gremc_vif_info *info, uint32_t adjacency);

#endif
