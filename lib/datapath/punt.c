/* SPDX-License-Identifier: BSD-3-Clause */
#include <netinet/in.h>

#include <rte_icmp.h>

#include "datapath/keepalive.h"
#include "datapath/punt.h"
#include "datapath/punt_ring.h"
#include "datapath/segments.h"
#include "proto/icmp.h"
#include "proto/proto.h"

/* ICMPv6 types of neighbour discovery (RFC 4861): 133 to 137 */
#define ND_FIRST 133
#define ND_LAST  137

/* ---- frames of the underlay ---- */

/* The EtherType behind the VLAN tag, if there is one. *l2 is the offset of its payload. */
static rte_be16_t frame_ether_type(const struct rte_mbuf *mbuf, uint32_t *l2)
{
	const struct rte_ether_hdr *ether = rte_pktmbuf_mtod(mbuf, const struct rte_ether_hdr *);
	const struct rte_vlan_hdr *tag = (const struct rte_vlan_hdr *)(ether + 1);

	*l2 = sizeof(*ether);
	if (ether->ether_type != RTE_BE16(RTE_ETHER_TYPE_VLAN) ||
	    mbuf->data_len < sizeof(*ether) + sizeof(*tag))
		return ether->ether_type;
	*l2 += sizeof(*tag);
	return tag->eth_proto;
}

static bool frame_is_neighbor_discovery(const struct rte_mbuf *mbuf, uint32_t l2)
{
	const uint8_t *ip = rte_pktmbuf_mtod_offset(mbuf, const uint8_t *, l2);

	return mbuf->data_len > l2 + sizeof(struct rte_ipv6_hdr) && ip[6] == IPPROTO_ICMPV6 &&
	       ip[40] >= ND_FIRST && ip[40] <= ND_LAST;
}

/* The class of a packet that is neither multicast nor neighbour discovery. */
static enum gremc_punt protocol_punt_class(uint8_t protocol)
{
	switch (protocol) {
	case IPPROTO_TCP:
		return GREMC_PUNT_tcp;
	case IPPROTO_UDP:
	case IPPROTO_ICMP:
	case IPPROTO_ICMPV6:
		return GREMC_PUNT_traffic;
	case IPPROTO_GRE:
		return GREMC_PUNT_gre;
	default:
		return GREMC_PUNT_other;
	}
}

/* The protocol of an IPv4 or IPv6 packet, also of a fragment; IPPROTO_RAW: unknown. */
static uint8_t frame_protocol(const struct rte_mbuf *mbuf, rte_be16_t type, uint32_t l2)
{
	const uint8_t *ip = rte_pktmbuf_mtod_offset(mbuf, const uint8_t *, l2);

	if (type == RTE_BE16(RTE_ETHER_TYPE_IPV4) && mbuf->data_len >= l2 + sizeof(struct rte_ipv4_hdr))
		return ((const struct rte_ipv4_hdr *)ip)->next_proto_id;
	if (type == RTE_BE16(RTE_ETHER_TYPE_IPV6) && mbuf->data_len >= l2 + sizeof(struct rte_ipv6_hdr))
		return ip[6];
	return IPPROTO_RAW;
}

static enum gremc_punt frame_punt_class(const struct rte_mbuf *mbuf)
{
	const struct rte_ether_hdr *ether = rte_pktmbuf_mtod(mbuf, const struct rte_ether_hdr *);
	uint32_t l2;
	rte_be16_t type = frame_ether_type(mbuf, &l2);

	if (type == RTE_BE16(RTE_ETHER_TYPE_ARP))
		return GREMC_PUNT_neighbor;
	if (type == RTE_BE16(RTE_ETHER_TYPE_IPV6) && frame_is_neighbor_discovery(mbuf, l2))
		return GREMC_PUNT_neighbor;
	if (rte_is_multicast_ether_addr(&ether->dst_addr) && !rte_is_broadcast_ether_addr(&ether->dst_addr))
		return GREMC_PUNT_control;
	return protocol_punt_class(frame_protocol(mbuf, type, l2));
}

/* A frame with another tag than the port's belongs to a VLAN of the kernel. On a tagged port, a frame without
 * a tag belongs to no interface. */
static bool frame_has_tag(const struct rte_mbuf *mbuf)
{
	const struct rte_ether_hdr *ether = rte_pktmbuf_mtod(mbuf, const struct rte_ether_hdr *);

	return mbuf->ol_flags & RTE_MBUF_F_RX_VLAN_STRIPPED ||
	       ether->ether_type == RTE_BE16(RTE_ETHER_TYPE_VLAN);
}

/* A fragment has the addresses, but usually not the key. Between the addresses of a tunnel it counts as the
 * tunnel's. */
static bool frame_is_tunnel_fragment(const struct gremc_worker *worker, const struct rte_mbuf *mbuf)
{
	const struct rte_ipv4_hdr *ip;
	uint32_t l2;

	frame_ether_type(mbuf, &l2);
	ip = rte_pktmbuf_mtod_offset(mbuf, const struct rte_ipv4_hdr *, l2);
	return gremc_tunnel_peer_known(worker->vifs, ip->dst_addr, ip->src_addr);
}

/* GRE that matches no configured tunnel by address, key, protocol type and version may belong to a tunnel of
 * the kernel. */
static bool frame_is_for_kernel(const struct gremc_worker *worker, const struct rte_mbuf *mbuf,
				enum gremc_drop reason)
{
	switch (reason) {
	case GREMC_DROP_not_ipv4:
	case GREMC_DROP_not_gre:
	case GREMC_DROP_udp_truncated:
	case GREMC_DROP_gre_truncated:
	case GREMC_DROP_gre_routing:
	case GREMC_DROP_gre_flags:
	case GREMC_DROP_gre_version:
	case GREMC_DROP_gre_protocol:
	case GREMC_DROP_unknown_peer:
	case GREMC_DROP_unknown_key:
		return true;
	case GREMC_DROP_outer_fragment:
		return !frame_is_tunnel_fragment(worker, mbuf);
	case GREMC_DROP_vlan_mismatch:
		return frame_has_tag(mbuf);
	default:
		return false;
	}
}

/* Add an mbuf to the burst's punts: its fields are those that punt_ring.h describes. */
static void packet_punt(struct gremc_worker *worker, struct rte_mbuf *mbuf, uint16_t port, uint32_t vif,
			uint16_t l2, enum gremc_punt class)
{
	struct gremc_burst *burst = &worker->burst;

	/* the control thread sets this flag on segments that it merges */
	mbuf->ol_flags &= ~RTE_MBUF_F_RX_LRO;
	mbuf->port = port;
	gremc_mbuf_vif_set(mbuf, worker->vifs, vif);
	mbuf->l2_len = l2;
	burst->punted[class][burst->punt_count[class]++] = mbuf;
	burst->punted_any = true;
}

static bool port_punts_frames(const struct gremc_vifs *vifs, uint16_t port)
{
	return gremc_port_punt_bits(vifs, port) & GREMC_VIF_PUNT_FRAMES;
}

/* Whether a frame is an ICMP unreachable about a packet of a tunnel: the control thread learns the path MTU
 * from it, whether the port punts frames or not. */
static bool frame_is_tunnel_icmp(const struct gremc_worker *worker, const struct rte_mbuf *mbuf, uint32_t l2)
{
	struct gremc_icmp_error error;

	return gremc_icmp_error_parse(rte_pktmbuf_mtod_offset(mbuf, const uint8_t *, l2), mbuf->data_len - l2,
				      &error) &&
	       gremc_tunnel_peer_known(worker->vifs, error.source, error.destination);
}

/* Punt an answer to a keepalive. Returns whether the frame is one; it is then punted or dropped. */
static bool keepalive_answer_punt(struct gremc_worker *worker, const struct gremc_rxq *rxq,
				  struct rte_mbuf *mbuf)
{
	uint32_t l2, vif;

	frame_ether_type(mbuf, &l2);
	vif = gremc_keepalive_answer_vif(worker, mbuf, l2);
	if (vif == GREMC_VIF_NONE)
		return false;
	if (gremc_keepalive_is_due(worker, vif, GREMC_KEEPALIVE_ANSWER))
		packet_punt(worker, mbuf, rxq->port, vif, l2, GREMC_PUNT_keepalive);
	else
		gremc_vif_drop(worker, vif, mbuf, GREMC_DROP_keepalive_rate);
	return true;
}

void gremc_frame_punt_or_drop(struct gremc_worker *worker, const struct gremc_rxq *rxq, struct rte_mbuf *mbuf,
			      enum gremc_drop reason)
{
	uint32_t l2;

	if (reason == GREMC_DROP_gre_protocol && keepalive_answer_punt(worker, rxq, mbuf))
		return;
	frame_ether_type(mbuf, &l2);
	if (reason == GREMC_DROP_not_gre && frame_is_tunnel_icmp(worker, mbuf, l2)) {
		packet_punt(worker, mbuf, rxq->port, GREMC_VIF_NONE, l2, GREMC_PUNT_traffic);
		return;
	}
	if (!port_punts_frames(worker->vifs, rxq->port) || !frame_is_for_kernel(worker, mbuf, reason)) {
		gremc_packet_drop(worker, mbuf, reason);
		return;
	}
	packet_punt(worker, mbuf, rxq->port, GREMC_VIF_NONE, l2, frame_punt_class(mbuf));
}

/* ---- packets of a vif ---- */

/* The bit of a vif that punts packets with this drop reason (0: no bit does), and their class. A reason with
 * a bit implies that the parser has checked the whole header. */
static uint8_t reason_punt_bit(enum gremc_drop reason, enum gremc_punt *class)
{
	*class = GREMC_PUNT_multicast;
	switch (reason) {
	case GREMC_DROP_inner_unicast:
		*class = GREMC_PUNT_traffic;
		return GREMC_VIF_PUNT_UNICAST;
	case GREMC_DROP_inner_link_local:
	case GREMC_DROP_inner_igmp: /* also from 0.0.0.0: a host without an address (RFC 3376, 4.2.13) */
		*class = GREMC_PUNT_control;
		return GREMC_VIF_PUNT_CONTROL;
	case GREMC_DROP_ttl_expired: /* not forwarded, but local receivers get it */
	case GREMC_DROP_no_mroute:
		return GREMC_VIF_PUNT_MULTICAST;
	default:
		return 0;
	}
}

static bool vif_punts(const struct gremc_vifs *vifs, uint32_t vif, uint8_t bit)
{
	return gremc_vif_punt_bits(vifs, vif) & bit;
}

/* Punt the whole frame of a native packet, if the port punts frames or the vif punts such packets. */
static void native_punt_or_drop(struct gremc_worker *worker, struct gremc_packet *packet,
				enum gremc_drop reason, uint8_t bit, enum gremc_punt class)
{
	const struct gremc_vif_info *info = gremc_vif_info_load(worker->vifs, packet->iif);

	if (bit && (port_punts_frames(worker->vifs, info->port) || vif_punts(worker->vifs, packet->iif, bit)))
		packet_punt(worker, packet->mbuf, info->port, packet->iif, packet->inner_offset, class);
	else
		gremc_vif_drop(worker, packet->iif, packet->mbuf, reason);
}

/* Remove the outer headers of a packet whose inner header is valid, count it, and punt it. */
static void inner_punt(struct gremc_worker *worker, struct gremc_packet *packet, enum gremc_punt class)
{
	struct rte_ipv4_hdr *ip =
		rte_pktmbuf_mtod_offset(packet->mbuf, struct rte_ipv4_hdr *, packet->inner_offset);
	struct gremc_vif_cold *cold = &worker->stats->vif_cold[packet->iif];

	packet->length = rte_be_to_cpu_16(ip->total_length);
	if (gremc_ipv4_decap_ecn(ip, packet->outer_tos) != GREMC_PROTO_OK) {
		gremc_vif_drop(worker, packet->iif, packet->mbuf, GREMC_DROP_ecn);
		return;
	}
	gremc_packet_cut(packet);
	gremc_counter_add(&cold->rx_packets, 1);
	gremc_counter_add(&cold->rx_bytes, packet->length);
	packet_punt(worker, packet->mbuf, GREMC_PORT_NONE, packet->iif, 0, class);
}

void gremc_inner_punt_or_drop(struct gremc_worker *worker, struct gremc_packet *packet,
			      enum gremc_drop reason)
{
	const struct rte_ipv4_hdr *ip =
		rte_pktmbuf_mtod_offset(packet->mbuf, const struct rte_ipv4_hdr *, packet->inner_offset);
	enum gremc_punt class;
	uint8_t bit = reason_punt_bit(reason, &class);

	if (reason == GREMC_DROP_inner_unicast)
		class = protocol_punt_class(ip->next_proto_id);
	if (packet->native) {
		native_punt_or_drop(worker, packet, reason, bit, class);
		return;
	}
	if (reason == GREMC_DROP_inner_unicast && class == GREMC_PUNT_gre &&
	    gremc_packet_is_keepalive(worker, packet)) {
		if (gremc_keepalive_is_due(worker, packet->iif, GREMC_KEEPALIVE_REQUEST))
			inner_punt(worker, packet, GREMC_PUNT_keepalive);
		else
			gremc_vif_drop(worker, packet->iif, packet->mbuf, GREMC_DROP_keepalive_rate);
		return;
	}
	if (bit && vif_punts(worker->vifs, packet->iif, bit))
		inner_punt(worker, packet, class);
	else
		gremc_vif_drop(worker, packet->iif, packet->mbuf, reason);
}

/* Whether the control thread would get the packet. */
static bool packet_is_punted(const struct gremc_worker *worker, const struct gremc_packet *packet,
			     uint8_t bit)
{
	const struct gremc_vif_info *info = gremc_vif_info_load(worker->vifs, packet->iif);

	return vif_punts(worker->vifs, packet->iif, bit) ||
	       (packet->native && port_punts_frames(worker->vifs, info->port));
}

bool gremc_punt_sample_due(const struct gremc_worker *worker, const struct gremc_packet *packet)
{
	gremc_atomic_bool *due = &worker->group->punt_sample[packet->mroute->id];

	if (!gremc_bool_load(due) || !packet_is_punted(worker, packet, GREMC_VIF_PUNT_MULTICAST))
		return false;
	return gremc_bool_exchange(due, false);
}

/* The kernel ignores a second packet within 3 s (MFC_ASSERT_THRESH), rounded to its ticks. */
#define WRONG_VIF_INTERVAL 3050000000ull /* nanoseconds */

bool gremc_punt_wrong_vif_due(const struct gremc_worker *worker, const struct gremc_packet *packet)
{
	const struct gremc_mroute *mroute = packet->mroute;
	gremc_atomic_u32 *time = &worker->group->wrong_vif_time[mroute->id];
	uint32_t last;
	enum gremc_punt class;

	if (!(mroute->origins >> GREMC_ORIGIN_KERNEL & 1) ||
	    !packet_is_punted(worker, packet, reason_punt_bit(GREMC_DROP_no_mroute, &class)))
		return false;
	last = gremc_u32_load(time);
	if (last && gremc_timestamp_age(last) < WRONG_VIF_INTERVAL)
		return false;
	return gremc_u32_replace(time, last, gremc_timestamp() | 1); /* one of the workers wins */
}

void gremc_unrouted_punt_or_drop(struct gremc_worker *worker, struct gremc_packet *packet)
{
	const struct rte_ipv4_hdr *ip = rte_pktmbuf_mtod(packet->mbuf, const struct rte_ipv4_hdr *);
	enum gremc_punt class;
	uint8_t bit = reason_punt_bit(GREMC_DROP_no_mroute, &class);

	if (packet->native) {
		gremc_vif_drop_flow_set(worker, packet->iif, GREMC_DROP_no_mroute, ip);
		/* the L2 header is still before the data */
		gremc_segments_strip(packet->mbuf, -packet->inner_offset);
		native_punt_or_drop(worker, packet, GREMC_DROP_no_mroute, bit, class);
	} else if (vif_punts(worker->vifs, packet->iif, bit)) {
		packet_punt(worker, packet->mbuf, GREMC_PORT_NONE, packet->iif, 0, class);
	} else {
		gremc_flow_drop(worker, packet, GREMC_DROP_no_mroute, ip);
	}
}

/* ---- for telemetry ---- */

bool gremc_punt_vif_class(const struct gremc_vifs *vifs, uint32_t vif, enum gremc_drop reason,
			  enum gremc_punt *class)
{
	const struct gremc_vif_info *info = gremc_vif_info_load(vifs, vif);
	const uint8_t bit = reason_punt_bit(reason, class);

	if (bit == 0 || info == NULL)
		return false;
	return vif_punts(vifs, vif, bit) ||
	       (info->kind == GREMC_VIF_PORT && port_punts_frames(vifs, info->port));
}

bool gremc_punt_port_class(const struct gremc_vifs *vifs, uint16_t port, bool multicast,
			   enum gremc_punt *class)
{
	*class = multicast ? GREMC_PUNT_control : GREMC_PUNT_traffic;
	return port_punts_frames(vifs, port);
}

/* ---- to the control thread ---- */

static void punts_set_timestamp(struct gremc_burst *burst, enum gremc_punt class)
{
	uint32_t now = gremc_timestamp();

	for (uint32_t i = 0; i < burst->punt_count[class]; i++)
		gremc_mbuf_fields(burst->punted[class][i])->timestamp = now;
}

static void class_enqueue(struct gremc_worker *worker, enum gremc_punt class)
{
	struct gremc_burst *burst = &worker->burst;
	uint32_t n = burst->punt_count[class], taken;

	if (class == GREMC_PUNT_control || class == GREMC_PUNT_keepalive)
		punts_set_timestamp(burst, class);
	taken = gremc_ring_enqueue(worker->punt_ring[class], burst->punted[class], n);
	for (uint32_t i = taken; i < n; i++)
		gremc_sampled_drop(worker, gremc_mbuf_vif(burst->punted[class][i], worker->vifs),
				   burst->punted[class][i],
				   burst->punted[class][i]->l2_len ? GREMC_STARTS_WITH_FRAME
								   : GREMC_STARTS_WITH_IP,
				   gremc_drop_from_punt(class));
	worker->punted[class] += taken;
	worker->punted_any = true;
	burst->punt_count[class] = 0;
}

void gremc_punt_flush(struct gremc_worker *worker)
{
	for (unsigned class = 0; class < GREMC_PUNT_COUNT; class ++)
		if (worker->burst.punt_count[class] > 0)
			class_enqueue(worker, class);
	worker->burst.punted_any = false;
	worker->egress.wake_control = true;
}
