/* SPDX-License-Identifier: BSD-3-Clause */
#include "datapath/marking.h"

#include <rte_ip.h>
#include <rte_mbuf.h>

#include "proto/proto.h"

/* The first byte of the TCI is so many bytes before the end of the L2 header; it begins with the PCP. */
#define TCI_FROM_END sizeof(struct rte_vlan_hdr)
#define PCP_SHIFT    5

uint8_t gremc_outer_tos_map(const struct gremc_vifs *vifs, const struct gremc_encap *encap, uint8_t tos)
{
	const struct gremc_dscp_table *map = gremc_pointer_load_acquire(&vifs->dscp_map[encap->tos >> 1]);

	gremc_assert(map != NULL);
	return map->value[tos >> 2] | (tos & encap->tos_mask);
}

const struct gremc_adjacency *gremc_adjacency_mark_tag(const struct gremc_vifs *vifs,
						       const struct gremc_adjacency *adjacency,
						       uint8_t outer_tos, struct gremc_adjacency *copy)
{
	const uint8_t pcp = gremc_u8_load(&vifs->port_pcp[adjacency->port][outer_tos >> 2]);

	if (pcp == 0)
		return adjacency;
	*copy = *adjacency;
	copy->l2[GREMC_L2_MAX - TCI_FROM_END] |= (uint8_t)(pcp << PCP_SHIFT);
	return copy;
}

/* The TOS, or traffic class, of the packet behind a tag. */
static uint8_t frame_tos(const uint8_t *packet, uint32_t length, rte_be16_t type)
{
	if (type == RTE_BE16(RTE_ETHER_TYPE_IPV4) && length >= sizeof(struct rte_ipv4_hdr))
		return packet[offsetof(struct rte_ipv4_hdr, type_of_service)];
	if (type == RTE_BE16(RTE_ETHER_TYPE_IPV6) && length >= sizeof(struct rte_ipv6_hdr))
		return (uint8_t)(packet[0] << 4 | packet[1] >> 4);
	return 0;
}

void gremc_frame_tag_mark(const struct gremc_vifs *vifs, uint16_t port, struct rte_mbuf *frame)
{
	const uint32_t l2 = sizeof(struct rte_ether_hdr) + sizeof(struct rte_vlan_hdr);
	uint8_t *bytes = rte_pktmbuf_mtod(frame, uint8_t *);
	rte_be16_t type;
	uint8_t dscp;

	if (frame->data_len < l2)
		return;
	memcpy(&type, bytes + l2 - sizeof(type), sizeof(type));
	dscp = frame_tos(bytes + l2, frame->data_len - l2, type) >> 2;
	bytes[l2 - TCI_FROM_END] |= (uint8_t)(gremc_u8_load(&vifs->port_pcp[port][dscp]) << PCP_SHIFT);
}
