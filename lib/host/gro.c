/* SPDX-License-Identifier: BSD-3-Clause */
/* Generic receive offload: TCP segments for the kernel are merged, so that many packets cost one system call
 * and one pass through the kernel's network stack. rte_gro merges; this file checks and computes checksums,
 * preserves the order, and compares TOS and TTL, which rte_gro ignores. */
#include <netinet/in.h>
#include <stddef.h>

#include <rte_ether.h>
#include <rte_gro.h>
#include <rte_ip.h>
#include <rte_tcp.h>

#include "host/offload_priv.h"

static struct rte_ipv4_hdr *mbuf_ipv4_header(const struct rte_mbuf *mbuf)
{
	return rte_pktmbuf_mtod_offset(mbuf, struct rte_ipv4_hdr *, mbuf->l2_len);
}

static struct rte_tcp_hdr *mbuf_tcp_header(const struct rte_mbuf *mbuf)
{
	return (struct rte_tcp_hdr *)(mbuf_ipv4_header(mbuf) + 1);
}

static bool frame_is_ipv4(const struct rte_mbuf *mbuf)
{
	return mbuf->l2_len == sizeof(struct rte_ether_hdr) &&
	       rte_pktmbuf_mtod(mbuf, const struct rte_ether_hdr *)->ether_type ==
		       RTE_BE16(RTE_ETHER_TYPE_IPV4);
}

/* A segment with data and no flag or option that forbids a merge. */
static bool tcp_segment_is_mergeable(const struct rte_mbuf *mbuf)
{
	const struct rte_ipv4_hdr *ip = mbuf_ipv4_header(mbuf);
	const struct rte_tcp_hdr *tcp = mbuf_tcp_header(mbuf);
	uint32_t header = (tcp->data_off >> 4) * 4;

	return ip->version_ihl == RTE_IPV4_VHL_DEF && ip->next_proto_id == IPPROTO_TCP &&
	       (ip->fragment_offset & ~RTE_BE16(RTE_IPV4_HDR_DF_FLAG)) == 0 &&
	       rte_be_to_cpu_16(ip->total_length) == mbuf->pkt_len - mbuf->l2_len &&
	       tcp->tcp_flags == RTE_TCP_ACK_FLAG && header >= sizeof(*tcp) &&
	       mbuf->pkt_len > mbuf->l2_len + sizeof(*ip) + header;
}

bool gremc_gro_is_mergeable(const struct rte_mbuf *mbuf)
{
	if (mbuf->nb_segs > 1 ||
	    mbuf->data_len < mbuf->l2_len + sizeof(struct rte_ipv4_hdr) + sizeof(struct rte_tcp_hdr))
		return false;
	if (mbuf->l2_len > 0 ? !frame_is_ipv4(mbuf)
			     : rte_pktmbuf_headroom(mbuf) < sizeof(struct rte_ether_hdr))
		return false;
	/* the kernel does not verify the checksums of a merged packet */
	return tcp_segment_is_mergeable(mbuf) && rte_ipv4_cksum(mbuf_ipv4_header(mbuf)) == 0 &&
	       rte_ipv4_udptcp_cksum_verify(mbuf_ipv4_header(mbuf), mbuf_tcp_header(mbuf)) == 0;
}

bool gremc_gro_is_same_class(const struct rte_mbuf *a, const struct rte_mbuf *b)
{
	return mbuf_ipv4_header(a)->type_of_service == mbuf_ipv4_header(b)->type_of_service &&
	       mbuf_ipv4_header(a)->time_to_live == mbuf_ipv4_header(b)->time_to_live;
}

/* rte_gro compares Ethernet headers, so a packet of a TUN gets a zeroed one. */
static void gro_segment_prepare(struct rte_mbuf *mbuf, bool is_frame)
{
	if (!is_frame)
		memset(rte_pktmbuf_prepend(mbuf, sizeof(struct rte_ether_hdr)), 0,
		       sizeof(struct rte_ether_hdr));
	mbuf->packet_type = RTE_PTYPE_L2_ETHER | RTE_PTYPE_L3_IPV4 | RTE_PTYPE_L4_TCP;
	mbuf->l2_len = sizeof(struct rte_ether_hdr);
	mbuf->l3_len = sizeof(struct rte_ipv4_hdr);
	mbuf->l4_len = (mbuf_tcp_header(mbuf)->data_off >> 4) * 4;
}

static void gro_packet_finish(struct rte_mbuf *mbuf, bool is_frame)
{
	struct rte_ipv4_hdr *ip;

	if (!is_frame) {
		rte_pktmbuf_adj(mbuf, sizeof(struct rte_ether_hdr));
		mbuf->l2_len = 0;
	}
	if (mbuf->nb_segs == 1)
		return;
	ip = mbuf_ipv4_header(mbuf);
	ip->hdr_checksum = 0;
	ip->hdr_checksum = rte_ipv4_cksum(ip);
	mbuf_tcp_header(mbuf)->cksum = rte_ipv4_phdr_cksum(ip, 0);
	mbuf->ol_flags |= RTE_MBUF_F_RX_LRO;
	mbuf->tso_segsz = mbuf->data_len - mbuf->l2_len - mbuf->l3_len - mbuf->l4_len;
}

uint32_t gremc_gro_merge(struct rte_mbuf **mbufs, uint32_t n, bool is_frame)
{
	const struct rte_gro_param param = {
		.gro_types = RTE_GRO_TCP_IPV4, .max_flow_num = n, .max_item_per_flow = 1};

	gremc_assert(n <= GREMC_GRO_BURST);
	if (n < 2)
		return n;
	for (uint32_t i = 0; i < n; i++)
		gro_segment_prepare(mbufs[i], is_frame);
	n = rte_gro_reassemble_burst(mbufs, n, &param);
	for (uint32_t i = 0; i < n; i++)
		gro_packet_finish(mbufs[i], is_frame);
	return n;
}

uint32_t gremc_gro_segment_count(const struct rte_mbuf *mbuf)
{
	return mbuf->ol_flags & RTE_MBUF_F_RX_LRO ? mbuf->nb_segs : 1;
}

void gremc_gro_header_write(const struct rte_mbuf *mbuf, struct virtio_net_hdr *header)
{
	*header = (struct virtio_net_hdr){.gso_type = VIRTIO_NET_HDR_GSO_NONE};
	if (gremc_gro_segment_count(mbuf) == 1)
		return;
	header->flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
	header->gso_type = VIRTIO_NET_HDR_GSO_TCPV4;
	header->gso_size = mbuf->tso_segsz;
	header->csum_start = mbuf->l2_len + mbuf->l3_len;
	header->csum_offset = offsetof(struct rte_tcp_hdr, cksum);
	header->hdr_len = header->csum_start + mbuf->l4_len;
}
