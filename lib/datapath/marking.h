/* SPDX-License-Identifier: BSD-3-Clause */
/* The marking of replicas: the outer TOS, and the priority in the VLAN tag. */
#ifndef GREMC_DATAPATH_MARKING_H
#define GREMC_DATAPATH_MARKING_H

#include <rte_branch_prediction.h>
#include <rte_ether.h>

#include "vif/vif.h"

/* gremc_outer_tos() by the encap's DSCP map. */
uint8_t gremc_outer_tos_map(const struct gremc_vifs *vifs, const struct gremc_encap *encap, uint8_t tos);

/* The outer TOS of a packet with this inner TOS; that of a native port is the inner one.
 * Thread:  any reader, or the control thread.
 * RFC:     2983, 6040. */
static inline uint8_t gremc_outer_tos(const struct gremc_vifs *vifs, const struct gremc_encap *encap,
				      uint8_t tos)
{
	if (unlikely(encap->tos & GREMC_ENCAP_TOS_MAPPED))
		return gremc_outer_tos_map(vifs, encap, tos);
	return encap->tos | (tos & encap->tos_mask);
}

/* gremc_adjacency_mark() of an adjacency with a tag. */
const struct gremc_adjacency *gremc_adjacency_mark_tag(const struct gremc_vifs *vifs,
						       const struct gremc_adjacency *adjacency,
						       uint8_t outer_tos, struct gremc_adjacency *copy);

/* The adjacency whose L2 header has the priority for this outer TOS.
 * Thread:  any reader, or the control thread.
 * Returns: the adjacency itself, or *copy. */
static inline const struct gremc_adjacency *gremc_adjacency_mark(const struct gremc_vifs *vifs,
								 const struct gremc_adjacency *adjacency,
								 uint8_t outer_tos,
								 struct gremc_adjacency *copy)
{
	if (likely(adjacency->l2_length == sizeof(struct rte_ether_hdr)))
		return adjacency;
	return gremc_adjacency_mark_tag(vifs, adjacency, outer_tos, copy);
}

/* Set the priority in the first VLAN tag of a frame that the kernel sends by a port: by the DSCP of IPv4 and
 * IPv6 packets, by DSCP 0 for others.
 * Thread:  control thread.
 * Input:   a frame of one segment, whose first tag is the port's. */
void gremc_frame_tag_mark(const struct gremc_vifs *vifs, uint16_t port, struct rte_mbuf *frame);

#endif
