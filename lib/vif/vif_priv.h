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

int gremc_index_alloc(struct gremc_indexes *indexes, uint32_t *index);
void gremc_index_free(struct gremc_indexes *indexes, uint32_t index);

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
	uint8_t *state; /* [vif] enum gremc_vif_state, reserved address space */
	bool port_down[GREMC_STATS_PORTS];
};

enum gremc_vif_state {
	GREMC_VIF_DOWN = 1,      /* its interface is down */
	GREMC_VIF_CHANGING = 2,  /* readers use the twin's template */
	GREMC_VIF_TWIN_BUSY = 4, /* some reader may use the twin's template still */
};

/* The index that all vifs send by whose own interface is down. */
#define GREMC_ADJACENCY_DOWN (GREMC_ADJACENCIES_MAX - 1)

/* The twin of an encap on the first node says what the vif is to be. */
static inline struct gremc_encap *gremc_encap_twin(const struct gremc_vifs *vifs, uint32_t vif)
{
	return &vifs->encap[vif + GREMC_VIFS_MAX];
}

/* Bring the shape of the first node's twin, as the vif's state has it, to the fast path. */
void gremc_encap_key_publish(struct gremc_vifs *vifs, uint32_t vif);
/* The number by which the tunnels' table has the vif. */
static inline uint32_t gremc_tunnel_entry(const struct gremc_vifs *vifs, uint32_t vif)
{
	return vifs->priv->state[vif] & GREMC_VIF_DOWN ? vif + GREMC_VIFS_MAX : vif;
}
/* Let readers find the vif by another number, if they find it. */
void gremc_tunnel_renumber(struct gremc_vifs *vifs, uint32_t vif, uint32_t before, uint32_t now);

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
