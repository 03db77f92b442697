/* SPDX-License-Identifier: BSD-3-Clause */
/* Stage 1 of receiving: parse a frame from its first byte to the stamp, with all headers and checksums. */
#include <string.h>

#include <rte_branch_prediction.h>
#include <rte_prefetch.h>
#include <rte_udp.h>

#include "proto/proto.h"
#include "receive/frame.h"
#include "traffic/stamp.h"

#define ETHERTYPE_SLOW 0x8809u /* LACP */
#define ETHERTYPE_LLDP 0x88ccu

static unsigned ethertype_fault(rte_be16_t type)
{
	switch (rte_be_to_cpu_16(type)) {
	case ETHERTYPE_SLOW:
	case ETHERTYPE_LLDP:
	case RTE_ETHER_TYPE_IPV6:
	case RTE_ETHER_TYPE_ARP:
		return GREMC_FRAME_CONTROL;
	default:
		return GREMC_FAULT_foreign;
	}
}

/* The checksum covers the GRE header and the payload, if the packet has one (RFC 2784, 2.3). */
static bool gre_checksum_is_valid(const uint8_t *gre, size_t length)
{
	if ((gre[0] & (GREMC_GRE_CHECKSUM >> 8)) == 0)
		return true;
	return rte_raw_cksum(gre, length) == 0xffff;
}

static unsigned gre_header_parse(struct gremc_rx_frame *frame, const uint8_t *gre, size_t length,
				 const uint8_t **inner)
{
	struct gremc_gre header;

	if (unlikely(gremc_gre_parse(gre, length, &header) != GREMC_PROTO_OK ||
		     header.protocol != GREMC_GRE_IPV4 || !gre_checksum_is_valid(gre, length)))
		return GREMC_FAULT_gre_header;
	frame->key = header.key;
	frame->has_key = header.has_key;
	*inner = gre + header.length;
	return GREMC_FRAME_GOOD;
}

static unsigned outer_error_fault(enum gremc_proto_error error)
{
	return error == GREMC_PROTO_outer_checksum ? GREMC_FAULT_outer_checksum : GREMC_FAULT_outer_header;
}

/* Parse from the outer, or only, IPv4 header to the inner one. */
static unsigned outer_header_parse(struct gremc_rx_frame *frame, const uint8_t *at, size_t length,
				   uint16_t port, const uint8_t **inner, size_t *inner_length)
{
	const struct rte_ipv4_hdr *ip = (const struct rte_ipv4_hdr *)at;
	struct gremc_ipv4 outer;
	enum gremc_proto_error error =
		gremc_ipv4_parse_header(at, length, length, GREMC_IPV4_OUTER, true, &outer);
	unsigned fault;

	if (unlikely(error != GREMC_PROTO_OK))
		return outer_error_fault(error);
	if (unlikely(ip->fragment_offset & RTE_BE16(0x3fff)) || unlikely(ip->time_to_live == 0))
		return GREMC_FAULT_outer_header;
	*inner = at;
	*inner_length = outer.total_length;
	if (ip->next_proto_id == IPPROTO_GRE) {
		frame->remote = ip->dst_addr;
		frame->local = ip->src_addr;
		fault = gre_header_parse(frame, at + outer.header_length,
					 outer.total_length - outer.header_length, inner);
		*inner_length -= *inner - at;
		return fault;
	}
	if (ip->next_proto_id == IPPROTO_IGMP || ip->next_proto_id == IPPROTO_PIM)
		return GREMC_FRAME_CONTROL;
	frame->remote = 0;
	frame->local = port;
	frame->key = 0;
	frame->has_key = 0;
	return GREMC_FRAME_GOOD;
}

static unsigned inner_headers_parse(struct gremc_rx_frame *frame, const uint8_t *at, size_t length,
				    struct gremc_stamp *stamp)
{
	const struct rte_ipv4_hdr *ip = (const struct rte_ipv4_hdr *)at;
	struct gremc_ipv4 inner;
	enum gremc_proto_error error =
		gremc_ipv4_parse_header(at, length, length, GREMC_IPV4_INNER, true, &inner);

	if (unlikely(error != GREMC_PROTO_OK))
		return error == GREMC_PROTO_inner_checksum ? GREMC_FAULT_inner_checksum
							   : GREMC_FAULT_inner_header;
	if (unlikely(ip->next_proto_id == IPPROTO_IGMP || ip->next_proto_id == IPPROTO_PIM))
		return GREMC_FRAME_CONTROL;
	if (unlikely(ip->next_proto_id != IPPROTO_UDP || inner.total_length < GREMC_INNER_MIN ||
		     inner.header_length != sizeof(*ip)))
		return frame->remote ? GREMC_FAULT_inner_header : GREMC_FAULT_foreign;
	frame->inner = at;
	frame->payload = inner.total_length - sizeof(*ip) - sizeof(struct rte_udp_hdr);
	return gremc_stamp_read(at + sizeof(*ip) + sizeof(struct rte_udp_hdr), stamp) ? GREMC_FRAME_GOOD
										      : GREMC_FAULT_stamp;
}

/* Returns: the contiguous bytes of the frame: in place, or in the scratch buffer if it has several segments.
 */
static const uint8_t *frame_bytes_get(struct gremc_receiver *rx, const struct rte_mbuf *packet,
				      unsigned place, size_t *length)
{
	*length = RTE_MIN(rte_pktmbuf_pkt_len(packet), GREMC_RX_SCRATCH);
	if (likely(packet->nb_segs == 1))
		return rte_pktmbuf_mtod(packet, const uint8_t *);
	return rte_pktmbuf_read(packet, 0, (uint32_t)*length, rx->scratch + (size_t)place * GREMC_RX_SCRATCH);
}

static unsigned frame_parse(struct gremc_receiver *rx, struct gremc_rx_frame *frame,
			    const struct rte_mbuf *packet, unsigned place, uint16_t port)
{
	size_t length, inner_length, at = RTE_ETHER_HDR_LEN;
	const uint8_t *data = frame_bytes_get(rx, packet, place, &length), *inner;
	struct gremc_stamp stamp = {0};
	rte_be16_t type;
	unsigned fault;

	frame->data = data;
	if (unlikely(length < RTE_ETHER_HDR_LEN + RTE_VLAN_HLEN))
		return GREMC_FAULT_foreign;
	memcpy(&type, data + RTE_ETHER_ADDR_LEN * 2, sizeof(type));
	if (type == RTE_BE16(RTE_ETHER_TYPE_VLAN)) {
		at += RTE_VLAN_HLEN;
		memcpy(&type, data + at - sizeof(type), sizeof(type));
	}
	if (unlikely(type != RTE_BE16(RTE_ETHER_TYPE_IPV4)))
		return ethertype_fault(type);
	fault = outer_header_parse(frame, data + at, length - at, port, &inner, &inner_length);
	if (likely(fault == GREMC_FRAME_GOOD))
		fault = inner_headers_parse(frame, inner, inner_length, &stamp);
	if (unlikely(fault != GREMC_FRAME_GOOD))
		return fault;
	frame->flow = stamp.flow;
	frame->sequence = stamp.sequence;
	frame->time = stamp.time;
	frame->lag = stamp.lag;
	if (unlikely(stamp.trial_id != rx->trial_id))
		return GREMC_FAULT_stale;
	return likely(stamp.flow < rx->flows->count) ? GREMC_FRAME_GOOD : GREMC_FAULT_stamp;
}

void gremc_frames_parse(struct gremc_receiver *rx, uint16_t port, struct rte_mbuf **packet, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		struct gremc_rx_frame *frame = &rx->frame[i];

		frame->stream = NULL;
		frame->fault = (uint8_t)frame_parse(rx, frame, packet[i], i, port);
		if (likely(frame->fault == GREMC_FRAME_GOOD)) {
			rte_prefetch0(&rx->flows->flow[frame->flow]);
			rte_prefetch0(&rx->hint[frame->flow]);
		}
	}
}
