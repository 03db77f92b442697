/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef GREMC_VIF_VIF_PRIV_H
#define GREMC_VIF_VIF_PRIV_H

#include "vif/vif.h"

/* An allocator of small indexes. New indexes ascend, so the arrays that they index stay dense. */
struct gremc_indexes {
	uint32_t *free; /* stack of freed indexes; reserved address space for all of them */
	uint32_t free_count;
	/* The lowest index that was never used. Writer: control thread. Readers: telemetry, acquire. */
	gremc_atomic_u32 next;
	uint32_t limit;
};

/* Create an allocator of the indexes below `limit`.
 * Errors:  -ENOMEM; gremc_indexes_fini() in both cases. */
__rte_warn_unused_result int gremc_indexes_init(struct gremc_indexes *indexes, uint32_t limit);
/* Free the allocator. */
void gremc_indexes_fini(struct gremc_indexes *indexes);
/* Allocate an index, a freed one if there is one.
 * Errors:  -ENOSPC. */
__rte_warn_unused_result int gremc_index_alloc(struct gremc_indexes *indexes, uint32_t *index);
/* Free an index. */
void gremc_index_free(struct gremc_indexes *indexes, uint32_t index);

/* A removed vif or adjacency until its grace period has ended. The records are in reserved address space, so
 * that a removal needs no memory. */
struct gremc_retired {
	struct gremc_vifs *vifs;
	uint32_t index;
	const struct gremc_vif_info *info; /* of a vif */
};

/* A DSCP map of tunnels. */
struct gremc_dscp_map {
	struct gremc_dscp_table *table; /* NULL: the number is free */
	gremc_atomic_dscp_table *published;
	uint32_t holds; /* tunnels, and old encap keys that a reader may still have */
};

/* State of the control thread. */
struct gremc_vifs_priv {
	struct gremc_rcu *rcu;
	struct gremc_nodes nodes;
	struct gremc_vifs *node[GREMC_NODES_MAX]; /* the copies; the control thread reads the first */
	struct gremc_indexes vif_indexes, adjacency_indexes;
	struct gremc_retired *retired_vifs;        /* [vif] */
	struct gremc_retired *retired_adjacencies; /* [adjacency] */
	struct rte_hash *adjacency_hash;           /* (port, next hop) to index */
	uint32_t *adjacency_holds;                 /* [adjacency] */
	bool *adjacency_used;                      /* [adjacency] a vif has used it */
	uint16_t *adjacency_vlan;                  /* [adjacency], to build the L2 header again */
	struct rte_ether_addr *adjacency_source;
	uint16_t *mtu;      /* [vif] as set, without the path MTU; reserved address space */
	uint16_t *path_mtu; /* [vif] bytes of the outer packet; 0: not known; reserved address space */
	uint8_t *state;     /* [vif] enum gremc_vif_state, reserved address space */
	bool port_down[GREMC_STATS_PORTS];
	struct gremc_dscp_map dscp_map[GREMC_DSCP_MAPS_MAX];
};

enum gremc_vif_state {
	GREMC_VIF_DOWN = 1,      /* its interface is down */
	GREMC_VIF_CHANGING = 2,  /* readers use the template of the twin */
	GREMC_VIF_TWIN_BUSY = 4, /* a reader may still use the template of the twin */
	GREMC_VIF_DEAD = 8,      /* its peer is dead */
	GREMC_VIF_CHECKED = 16,  /* received packets need more checks than those of a plain tunnel */
	GREMC_VIF_POLICED = 32,  /* the rate of replicas is limited */
};

/* Indexes from here on are not for next hops. */
#define GREMC_ADJACENCY_RESERVED GREMC_ADJACENCY_DEAD

/* The twin of an encap. On the first node it holds the desired state of the vif. */
static inline struct gremc_encap *gremc_encap_twin(const struct gremc_vifs *vifs, uint32_t vif)
{
	return &vifs->encap[vif + GREMC_VIFS_MAX];
}

/* Whether the index is a tunnel that has not been removed.
 * Thread:  control thread. */
static inline bool gremc_vif_is_tunnel(const struct gremc_vifs *vifs, uint32_t vif)
{
	const struct gremc_vif_info *info = gremc_vif_info_load(vifs, vif);

	return info && info->kind == GREMC_VIF_TUNNEL;
}

/* Publish the encap key of the first node's twin on all nodes, changed as the vif's state requires. */
void gremc_encap_key_publish(struct gremc_vifs *vifs, uint32_t vif);
/* The entry of the vif in the tunnels' table: the twin's number while its packets leave the plain path. */
static inline uint32_t gremc_tunnel_entry(const struct gremc_vifs *vifs, uint32_t vif)
{
	return vifs->priv->state[vif] & (GREMC_VIF_DOWN | GREMC_VIF_CHECKED) ? vif + GREMC_VIFS_MAX : vif;
}
/* Replace the vif's entry in the tunnels' table, if the vif is published. */
void gremc_tunnel_renumber(struct gremc_vifs *vifs, uint32_t vif, uint32_t before, uint32_t now);

/* Call function(argument) after a grace period. Without memory to defer it, wait for the grace period now. */
void gremc_vif_defer(struct gremc_vifs_priv *priv, void (*function)(void *), void *argument);

/* Create the adjacencies' part of the table.
 * Errors:  -ENOMEM; gremc_adjacencies_fini() frees the rest. */
__rte_warn_unused_result int gremc_adjacencies_init(struct gremc_vifs *vifs);
/* Free the adjacencies' part of the table. */
void gremc_adjacencies_fini(struct gremc_vifs *vifs);

/* Create the tables that find tunnels.
 * Input:   the expected number of tunnels.
 * Errors:  -ENOMEM. */
__rte_warn_unused_result int gremc_tunnels_init(struct gremc_vifs *vifs, uint32_t tunnels);
/* Free the tables that find tunnels. */
void gremc_tunnels_fini(struct gremc_vifs *vifs);
/* Remove the vif's key from the table unless another vif has it. */
void gremc_tunnel_unpublish(struct gremc_vifs *vifs, uint32_t vif);

/* Prepare the sequence numbers of a tunnel. Numbers that it has already had continue.
 * Errors:  -ENOMEM: nothing changed. */
__rte_warn_unused_result int gremc_vif_sequence_set(struct gremc_vifs *vifs, uint32_t vif,
						    enum gremc_sequence mode);
/* Set or clear GREMC_VIF_CHECKED of a tunnel, as its options and its policy require. */
void gremc_vif_checked_set(struct gremc_vifs *vifs, uint32_t vif, const struct gremc_tunnel_options *options);
/* Bring a changed policy into effect. */
void gremc_vif_policy_apply(struct gremc_vifs *vifs, uint32_t vif);
/* Free a policy. NULL is allowed. */
void gremc_policy_free(void *policy);

/* Make ranges of prefixes, which may overlap.
 * Returns: NULL: out of memory. */
struct gremc_vif_sources *gremc_ranges_create(const struct gremc_prefix *prefixes, uint32_t count);
/* Whether both have the same ranges. Either may be NULL. */
bool gremc_ranges_are_equal(const struct gremc_vif_sources *a, const struct gremc_vif_sources *b);

/* Create the tables of marking.
 * Errors:  -ENOMEM; gremc_markings_fini() frees the rest. */
int gremc_markings_init(struct gremc_vifs *vifs);
/* Free the tables of marking. */
void gremc_markings_fini(struct gremc_vifs *vifs);
/* Get the number of the options' DSCP map, with a reference; 0 without a map.
 * Errors:  -ENOSPC, -ENOMEM. */
int gremc_dscp_map_get(struct gremc_vifs *vifs, const struct gremc_tunnel_options *options, uint32_t *number);
/* Drop the reference of an encap key, if it has a DSCP map, after a grace period. */
void gremc_dscp_map_release(struct gremc_vifs *vifs, uint64_t encap_key);

/* Build the encap of a tunnel.
 * Input:   dscp_map: the number of gremc_dscp_map_get(). */
void gremc_encap_init(struct gremc_encap *encap, const struct gremc_vif_info *info, uint32_t adjacency,
		      uint32_t dscp_map);

#endif
