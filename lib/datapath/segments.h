/* SPDX-License-Identifier: BSD-3-Clause */
/* Packets of several segments. Packets of one segment never leave the inline functions. */
#ifndef GREMC_DATAPATH_SEGMENTS_H
#define GREMC_DATAPATH_SEGMENTS_H

#include <stdint.h>

#include <rte_ether.h>
#include <rte_mbuf.h>

#include "datapath/packet.h"

/* The most bytes that the parsers read: Ethernet and VLAN, two IP headers with options, UDP, GRE. */
#define GREMC_HEADERS_MAX (18 + 60 + 8 + 16 + 60)

/* Make the first min(bytes, pkt_len) bytes contiguous.
 * Errors:  -ENOBUFS: the first segment has too little tailroom. */
int gremc_segments_pull(struct rte_mbuf *mbuf, uint32_t bytes);
/* Cut the packet, of several segments, to its first `length` bytes. Frees the segments after them. */
void gremc_segments_trim(struct rte_mbuf *mbuf, uint32_t length);
/* Copy all bytes of a packet to `to`. */
void gremc_segments_copy(uint8_t *to, const struct rte_mbuf *mbuf);
/* The ones' complement sum of `length` bytes from `offset` on, folded to 16 bits, in the packet's byte order.
 * Input:   the packet has the bytes. */
uint16_t gremc_segments_sum(const struct rte_mbuf *mbuf, uint32_t offset, uint32_t length);
/* Copy a packet into mbufs that nothing shares.
 * Input:   pool: for the copy.
 * Owner:   the copy is the caller's.
 * Returns: NULL if the pool is empty. */
struct rte_mbuf *gremc_segments_clone(const struct rte_mbuf *mbuf, struct rte_mempool *pool);

/* Remove `bytes` from the front of the first segment, which has them; a negative number restores bytes. */
static inline void gremc_segments_strip(struct rte_mbuf *mbuf, int bytes)
{
	mbuf->data_off += bytes;
	mbuf->data_len -= bytes;
	mbuf->pkt_len -= bytes;
}

/* Cut a frame to its inner packet of packet->length bytes: remove the headers before it and the padding after
 * it. */
static inline void gremc_packet_cut(const struct gremc_packet *packet)
{
	struct rte_mbuf *mbuf = packet->mbuf;

	if (likely(mbuf->nb_segs == 1)) {
		mbuf->data_off += packet->inner_offset;
		mbuf->data_len = mbuf->pkt_len = packet->length;
		return;
	}
	gremc_segments_strip(mbuf, packet->inner_offset);
	gremc_segments_trim(mbuf, packet->length);
}

/* The bytes of the Ethernet header of a frame, with its VLAN tag.
 * Input:   the first segment has them. */
static inline uint16_t gremc_frame_l2_length(const struct rte_mbuf *mbuf)
{
	const struct rte_ether_hdr *ether = rte_pktmbuf_mtod(mbuf, const struct rte_ether_hdr *);

	return sizeof(*ether) +
	       (ether->ether_type == RTE_BE16(RTE_ETHER_TYPE_VLAN) ? sizeof(struct rte_vlan_hdr) : 0);
}

#endif
