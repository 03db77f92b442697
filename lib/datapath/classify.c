/* SPDX-License-Identifier: BSD-3-Clause */
#include <netinet/in.h>

#include "datapath/options.h"
#include "datapath/punt.h"
#include "datapath/reassembly.h"
#include "datapath/segments.h"
#include "datapath/stages.h"
#include "proto/proto.h"

/* Parse the frame up to the IP header. Its VLAN must be the port's. *length is the length of these headers.
 */
static enum gremc_proto_error frame_parse_l2(const struct gremc_rxq *rxq, const struct rte_mbuf *mbuf,
					     uint32_t *length)
{
	const struct rte_ether_hdr *ether = rte_pktmbuf_mtod(mbuf, const struct rte_ether_hdr *);
	const struct rte_vlan_hdr *tag = (const struct rte_vlan_hdr *)(ether + 1);
	rte_be16_t type;
	uint16_t vlan = 0;

	if (unlikely(mbuf->data_len < sizeof(*ether)))
		return GREMC_PROTO_eth_truncated;
	*length = sizeof(*ether);
	type = ether->ether_type;
	if (mbuf->ol_flags & RTE_MBUF_F_RX_VLAN_STRIPPED) {
		vlan = mbuf->vlan_tci & 0xfff;
	} else if (type == RTE_BE16(RTE_ETHER_TYPE_VLAN)) {
		if (unlikely(mbuf->data_len < sizeof(*ether) + sizeof(*tag)))
			return GREMC_PROTO_eth_truncated;
		/* VLAN 0 is a priority tag: the frame counts as untagged */
		vlan = rte_be_to_cpu_16(tag->vlan_tci) & 0xfff;
		type = tag->eth_proto;
		*length += sizeof(*tag);
	}
	if (unlikely(vlan != rxq->vlan))
		return GREMC_PROTO_vlan_mismatch;
	return likely(type == RTE_BE16(RTE_ETHER_TYPE_IPV4)) ? GREMC_PROTO_OK : GREMC_PROTO_not_ipv4;
}

/* Native multicast is not encapsulated: the packet itself is the inner one. The decap stage checks it. */
static void packet_set_native(struct gremc_packet *packet, uint32_t l2, uint32_t space)
{
	packet->native = true;
	packet->inner_offset = l2;
	packet->inner_space = RTE_MIN(space, (uint32_t)UINT16_MAX);
	packet->outer_tos = 0;
}

/* A GRE header and its payload in an outer packet. */
struct gre_place {
	const struct rte_ipv4_hdr *ip;
	uint32_t l2;       /* bytes before `ip` */
	uint32_t readable; /* contiguous bytes at `ip` */
	uint32_t begin, end;
	uint16_t udp_port; /* 0: plain GRE */
};

static enum gremc_proto_error packet_set_gre(struct gremc_packet *packet, const struct gre_place *place,
					     struct gremc_tunnel_key *key)
{
	const uint32_t space = RTE_MIN(place->end, place->readable) - place->begin;
	const uint8_t *bytes = (const uint8_t *)place->ip + place->begin;
	enum gremc_proto_error error;
	struct gremc_gre gre;

	error = gremc_gre_parse(bytes, space, &gre);
	if (unlikely(error != GREMC_PROTO_OK))
		return error;
	if (unlikely(gre.protocol != GREMC_GRE_IPV4))
		return GREMC_PROTO_gre_protocol;
	packet->native = false;
	packet->inner_offset = place->l2 + place->begin + gre.length;
	packet->inner_space = place->end - place->begin - gre.length;
	packet->outer_tos = place->ip->type_of_service;
	key->remote = place->ip->src_addr;
	key->local = place->ip->dst_addr;
	key->key = gre.key;
	key->kind = gremc_tunnel_kind(place->udp_port, gre.has_key);
	if (unlikely(gre.has_checksum) &&
	    !gremc_gre_checksum_is_valid(packet->mbuf, place->l2 + place->begin, place->end - place->begin))
		return GREMC_PROTO_gre_checksum;
	return GREMC_PROTO_OK;
}

static bool ip_is_fragment(const struct rte_ipv4_hdr *ip)
{
	return ip->fragment_offset & RTE_BE16(RTE_IPV4_HDR_MF_FLAG | RTE_IPV4_HDR_OFFSET_MASK);
}

/* Whether a UDP fragment can be a tunnel's. Only the first one has the port, so the others are the kernel's
 * unless fragments are reassembled. */
static bool udp_fragment_is_ours(const struct gremc_worker *worker, const struct rte_ipv4_hdr *ip,
				 enum gremc_proto_error error, const struct gremc_udp *udp)
{
	if (gremc_bool_load(&worker->reassembles))
		return gremc_udp_port_is_used(worker->vifs, 0);
	return !(ip->fragment_offset & RTE_BE16(RTE_IPV4_HDR_OFFSET_MASK)) && error == GREMC_PROTO_OK &&
	       gremc_udp_port_is_used(worker->vifs, udp->destination);
}

/* Find GRE-in-UDP (RFC 8086) in a packet. UDP to a port that no tunnel has is not the forwarder's. */
static __rte_noinline enum gremc_proto_error packet_set_udp(const struct gremc_worker *worker,
							    struct gremc_packet *packet,
							    struct gre_place *place,
							    struct gremc_tunnel_key *key)
{
	const uint8_t *bytes = (const uint8_t *)place->ip + place->begin;
	const uint32_t length = place->end - place->begin, at = place->l2 + place->begin;
	struct gremc_udp udp = {0};
	enum gremc_proto_error error =
		gremc_udp_parse(bytes, length, RTE_MIN(place->readable - place->begin, length), &udp);

	if (unlikely(ip_is_fragment(place->ip)))
		return udp_fragment_is_ours(worker, place->ip, error, &udp) ? GREMC_PROTO_outer_fragment
									    : GREMC_PROTO_not_gre;
	if (udp.destination == 0 || !gremc_udp_port_is_used(worker->vifs, udp.destination))
		return GREMC_PROTO_not_gre;
	if (error != GREMC_PROTO_OK)
		return error;
	place->end = place->begin + udp.length;
	place->begin += sizeof(struct rte_udp_hdr);
	place->udp_port = udp.destination;
	error = packet_set_gre(packet, place, key);
	if (error == GREMC_PROTO_OK && udp.checksum &&
	    !gremc_udp_checksum_is_valid(packet->mbuf, at, place->ip, udp.length))
		return GREMC_PROTO_udp_checksum;
	return error;
}

static enum gremc_proto_error frame_classify(const struct gremc_worker *worker, const struct gremc_rxq *rxq,
					     struct gremc_packet *packet, struct gremc_tunnel_key *key)
{
	const struct rte_mbuf *mbuf = packet->mbuf;
	const struct rte_ipv4_hdr *ip;
	enum gremc_proto_error error;
	struct gre_place place;
	struct gremc_ipv4 outer;
	uint32_t l2, space, readable;

	error = frame_parse_l2(rxq, mbuf, &l2);
	if (unlikely(error != GREMC_PROTO_OK))
		return error;
	ip = rte_pktmbuf_mtod_offset(mbuf, const struct rte_ipv4_hdr *, l2);
	space = mbuf->pkt_len - l2;
	readable = mbuf->data_len - l2;
	error = gremc_ipv4_parse_header((const uint8_t *)ip, space, readable, GREMC_IPV4_OUTER, true, &outer);
	if (unlikely(error != GREMC_PROTO_OK))
		return error;
	if (gremc_ipv4_is_multicast(ip->dst_addr)) {
		if (!rxq->multicast)
			return GREMC_PROTO_not_gre;
		packet_set_native(packet, l2, space);
		*key = (struct gremc_tunnel_key){0};
		return GREMC_PROTO_OK;
	}
	place = (struct gre_place){ip, l2, readable, outer.header_length, outer.total_length, 0};
	if (ip->next_proto_id == IPPROTO_UDP)
		return packet_set_udp(worker, packet, &place, key);
	if (unlikely(ip->next_proto_id != IPPROTO_GRE))
		return GREMC_PROTO_not_gre;
	if (unlikely(ip_is_fragment(ip)))
		return GREMC_PROTO_outer_fragment;
	return packet_set_gre(packet, &place, key);
}

/* Classify the most common frame with few comparisons: untagged, IPv4 without options, not a fragment, GRE
 * with or without a key. Returns false for any other frame and for an invalid one; frame_classify() finds the
 * reason.
 *
 * The driver's checksum flags are not used: RTE_MBUF_F_RX_IP_CKSUM_* describes the inner header for tunnels
 * that the NIC recognises and the outer header for others, and drivers differ. A sum of 20 bytes takes about
 * a cycle. */
static inline bool frame_classify_fast(struct gremc_packet *packet, const struct rte_mbuf *mbuf,
				       struct gremc_tunnel_key *key)
{
	const struct common_frame {
		struct rte_ether_hdr ether;
		struct rte_ipv4_hdr ip;
		rte_be16_t flags, protocol;
		rte_be32_t key;
	} __rte_packed __rte_aligned(2) *frame = rte_pktmbuf_mtod(mbuf, const struct common_frame *);
	const uint32_t headers = sizeof(*frame) - sizeof(frame->ether);
	const struct rte_ipv4_hdr *ip = &frame->ip;
	const uint32_t space = mbuf->pkt_len - sizeof(frame->ether);
	uint32_t total, gre = 4;
	rte_be16_t flags;

	/* a frame without a key has at least as many bytes of inner packet */
	if (unlikely(mbuf->data_len < sizeof(*frame) ||
		     frame->ether.ether_type != RTE_BE16(RTE_ETHER_TYPE_IPV4) ||
		     ip->version_ihl != RTE_IPV4_VHL_DEF || ip->next_proto_id != IPPROTO_GRE ||
		     ip->fragment_offset & RTE_BE16(RTE_IPV4_HDR_MF_FLAG | RTE_IPV4_HDR_OFFSET_MASK) ||
		     frame->protocol != RTE_BE16(GREMC_GRE_IPV4) || gremc_ipv4_is_multicast(ip->dst_addr)))
		return false;
	total = rte_be_to_cpu_16(ip->total_length);
	/* headers <= total <= space: a smaller total wraps to a large number */
	if (unlikely(total - headers > space - headers))
		return false;
	if (unlikely(mbuf->ol_flags & RTE_MBUF_F_RX_VLAN_STRIPPED ||
		     !gremc_ipv4_checksum_is_valid((const uint8_t *)ip)))
		return false;
	flags = frame->flags & RTE_BE16(GREMC_GRE_FLAGS);
	key->key = 0;
	key->kind = gremc_tunnel_kind(0, false);
	if (flags) {
		if (unlikely(flags != RTE_BE16(GREMC_GRE_KEY)))
			return false;
		gre = 8;
		key->key = rte_be_to_cpu_32(frame->key);
		key->kind = gremc_tunnel_kind(0, true);
	}
	packet->native = false;
	packet->inner_offset = sizeof(frame->ether) + sizeof(*ip) + gre;
	packet->inner_space = total - sizeof(*ip) - gre;
	packet->outer_tos = ip->type_of_service;
	key->remote = ip->src_addr;
	key->local = ip->dst_addr;
	return true;
}

/* Add an outer fragment. Returns the whole packet, if it is complete, with contiguous headers. */
static struct rte_mbuf *frame_reassemble(struct gremc_worker *worker, struct rte_mbuf *mbuf)
{
	mbuf = gremc_reassembly_add(worker, mbuf);
	if (mbuf == NULL || gremc_segments_pull(mbuf, GREMC_HEADERS_MAX) == 0)
		return mbuf;
	gremc_packet_drop(worker, mbuf, GREMC_DROP_header_split);
	return NULL;
}

void gremc_stage_classify(struct gremc_worker *worker, const struct gremc_rxq *rxq)
{
	struct gremc_burst *burst = &worker->burst;
	const bool slow_path = gremc_bool_load(&rxq->slow_path);
	const uint32_t count = burst->count;
	uint32_t alive = 0;

	for (uint32_t i = 0; i < count; i++) {
		struct gremc_packet *packet = &burst->packet[alive];
		struct rte_mbuf *mbuf = burst->packet[i].mbuf;
		enum gremc_proto_error error;

		if (unlikely(mbuf->nb_segs > 1 && gremc_segments_pull(mbuf, GREMC_HEADERS_MAX))) {
			gremc_packet_drop(worker, mbuf, GREMC_DROP_header_split);
			continue;
		}
		packet->mbuf = mbuf;
		if (likely(!slow_path && frame_classify_fast(packet, mbuf, &burst->tunnel[alive]))) {
			alive++;
			continue;
		}
		if (unlikely(gremc_bool_load(&rxq->down))) {
			gremc_packet_drop(worker, mbuf, GREMC_DROP_iif_down);
			continue;
		}
		error = frame_classify(worker, rxq, packet, &burst->tunnel[alive]);
		if (unlikely(error == GREMC_PROTO_outer_fragment &&
			     gremc_frame_is_reassembled(worker, mbuf))) {
			mbuf = frame_reassemble(worker, mbuf);
			if (mbuf == NULL)
				continue;
			packet->mbuf = mbuf;
			error = frame_classify(worker, rxq, packet, &burst->tunnel[alive]);
		}
		if (unlikely(error != GREMC_PROTO_OK)) {
			if (error != GREMC_PROTO_gre_checksum && error != GREMC_PROTO_udp_checksum) {
				gremc_frame_punt_or_drop(worker, rxq, mbuf, gremc_drop_from_proto(error));
				continue;
			}
			if (gremc_checksum_drop(worker, mbuf, &burst->tunnel[alive],
						gremc_drop_from_proto(error)))
				continue;
		}
		alive++;
	}
	burst->count = alive;
}
