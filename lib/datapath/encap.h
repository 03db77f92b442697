/* SPDX-License-Identifier: BSD-3-Clause */
/* The outer headers of a replica: the template, its first word and a checksum fold. The replicate stage
 * inlines these functions. */
#ifndef GREMC_DATAPATH_ENCAP_H
#define GREMC_DATAPATH_ENCAP_H

#include <string.h>

#include <rte_branch_prediction.h>
#include <rte_byteorder.h>
#include <rte_ip.h>
#include <rte_memcpy.h>

#include "datapath/identification.h"
#include "proto/proto.h"
#include "vif/vif.h"

/* The fields of an inner packet that its replicas read. */
struct gremc_inner {
	const struct rte_ipv4_hdr *ip; /* TTL already decremented */
	uint32_t iif;
	uint16_t length;
};

/* Write the L2 header so that it ends at `ip`. Up to 32 bytes before `ip` are overwritten. */
static inline void gremc_encap_l2(uint8_t *ip, const struct gremc_adjacency *adjacency)
{
	rte_mov32(ip - GREMC_L2_MAX, adjacency->l2);
}

/* The ones' complement sum of two 16-bit sums. */
static inline uint32_t gremc_checksum_add(uint32_t a, uint32_t b)
{
	uint32_t sum = a + b;

	return (sum & 0xffff) + (sum >> 16);
}

/* The outer header's fields that the template does not have. They are equal for all encaps with one key. */
struct gremc_outer_fields {
	uint32_t first; /* word: version, TOS, total length; in memory order */
	uint32_t sum;   /* of its two 16-bit halves, folded to 16 bits */
};

/* Input: length of the inner packets, outer TOS. */
static inline struct gremc_outer_fields gremc_outer_fields_make(const struct gremc_encap *encap,
								uint16_t length, uint8_t outer_tos)
{
	const uint32_t total = encap->header_length + length;
	const uint32_t first =
		rte_cpu_to_be_32((uint32_t)RTE_IPV4_VHL_DEF << 24 | (uint32_t)outer_tos << 16 | total);

	return (struct gremc_outer_fields){first, gremc_checksum_add((uint16_t)first, first >> 16)};
}

/* Write the first word and the checksum over a template. */
static inline void gremc_encap_outer(uint8_t *ip, const struct gremc_encap *encap,
				     const struct gremc_outer_fields *outer)
{
	const uint16_t checksum = (uint16_t)~gremc_checksum_add(encap->sum, outer->sum);

	memcpy(ip, &outer->first, sizeof(outer->first));
	memcpy(ip + offsetof(struct rte_ipv4_hdr, hdr_checksum), &checksum, sizeof(checksum));
}

/* Write the group's MAC to the L2 header of a native replica, and the iif if the replica is for the host. */
static inline void gremc_encap_native(uint8_t *l2, const struct gremc_encap *encap,
				      const struct gremc_inner *inner)
{
	gremc_group_mac(l2, inner->ip->dst_addr);
	if (encap->flags & GREMC_ENCAP_HOST)
		memcpy(l2 + RTE_ETHER_ADDR_LEN, &inner->iif, sizeof(inner->iif));
}

/* Patch headers that are written from a template: fields that some tunnels inherit from the packet, or the
 * MAC of a native port's group.
 * Input:   encap: with the key that the packet is sent by. */
static inline void gremc_encap_patch(uint8_t *ip, const struct gremc_encap *encap,
				     const struct gremc_adjacency *adjacency, const struct gremc_inner *inner,
				     struct gremc_ids *ids)
{
	struct rte_ipv4_hdr *header = (struct rte_ipv4_hdr *)ip;
	uint32_t sum;

	if (encap->flags & GREMC_ENCAP_NATIVE) {
		gremc_encap_native(ip - adjacency->l2_length, encap, inner);
		return;
	}
	sum = (uint16_t)~header->hdr_checksum;
	if (encap->flags & GREMC_ENCAP_TTL_INHERIT) {
		header->time_to_live = inner->ip->time_to_live;
		/* the TTL is the first byte of its 16-bit word */
		sum = gremc_checksum_add(sum, rte_cpu_to_be_16((uint16_t)(header->time_to_live << 8)));
	}
	if (encap->flags & GREMC_ENCAP_DF_INHERIT &&
	    inner->ip->fragment_offset & RTE_BE16(RTE_IPV4_HDR_DF_FLAG)) {
		header->fragment_offset = RTE_BE16(RTE_IPV4_HDR_DF_FLAG);
		sum = gremc_checksum_add(sum, RTE_BE16(RTE_IPV4_HDR_DF_FLAG));
	}
	if (encap->flags & GREMC_ENCAP_ID && header->fragment_offset == 0) {
		/* a packet that may be fragmented needs an identification; with DF set any one will do (RFC
		 * 6864, 4) */
		header->packet_id = gremc_id_take(ids, header);
		sum = gremc_checksum_add(sum, header->packet_id);
	}
	header->hdr_checksum = (uint16_t)~sum;
}

/* Write L2, IP and GRE headers so that they end where the inner packet begins.
 * Input:   length: of the key that the packet is sent by; the encap may have another key by now. */
static __rte_always_inline void gremc_encap_headers(uint8_t *packet, const struct gremc_encap *encap,
						    uint16_t length, const struct gremc_adjacency *adjacency,
						    const struct gremc_outer_fields *outer)
{
	uint8_t *ip = packet - length;

	gremc_encap_l2(ip, adjacency);
	if (likely(length > 0)) {
		rte_mov16(ip, encap->header);
		memcpy(ip + 16, encap->header + 16, 8);
		if (length > 24)
			memcpy(ip + 24, encap->header + 24, 4);
		gremc_encap_outer(ip, encap, outer);
	}
}

/* Write and patch all headers.
 * Input:   encap: a coherent copy by gremc_encap_read(). */
static inline void gremc_encap_prepend(uint8_t *packet, const struct gremc_encap *encap,
				       const struct gremc_adjacency *adjacency,
				       const struct gremc_outer_fields *outer,
				       const struct gremc_inner *inner, struct gremc_ids *ids)
{
	gremc_encap_headers(packet, encap, encap->header_length, adjacency, outer);
	if (unlikely(encap->flags))
		gremc_encap_patch(packet - encap->header_length, encap, adjacency, inner, ids);
}

#endif
