/* SPDX-License-Identifier: BSD-3-Clause */
/* Generic segmentation offload: checksums and TCP segmentation that the kernel leaves to the device.
 *
 * rte_gso is not used: it makes chains of a header and pieces of the packet, which half of the drivers cannot
 * send, and it leaves the checksums to the caller. */
#include <errno.h>
#include <string.h>

#include <rte_ether.h>
#include <rte_ip.h>
#include <rte_tcp.h>

#include "host/offload_priv.h"

#define TCP_ONCE_AT_END   (RTE_TCP_FIN_FLAG | RTE_TCP_PSH_FLAG)
#define TCP_ONCE_AT_FRONT RTE_TCP_CWR_FLAG /* RFC 3168, 6.1.2 */

/* Where the IP header of a frame begins. */
static uint32_t frame_ip_offset(const uint8_t *frame, uint32_t length)
{
	uint32_t at = 2 * RTE_ETHER_ADDR_LEN;

	while (at + sizeof(struct rte_vlan_hdr) + sizeof(rte_be16_t) <= length &&
	       (memcmp(frame + at, "\x81\x00", 2) == 0 || memcmp(frame + at, "\x88\xa8", 2) == 0))
		at += sizeof(struct rte_vlan_hdr);
	return at + sizeof(rte_be16_t);
}

/* Complete a checksum: the field holds the sum of the pseudo header. */
static int gso_checksum_finish(const struct virtio_net_hdr *header, uint8_t *packet, uint32_t length)
{
	uint32_t at = header->csum_start + header->csum_offset;
	uint16_t sum;

	if (at + sizeof(sum) > length)
		return -EINVAL;
	sum = (uint16_t)~rte_raw_cksum(packet + header->csum_start, length - header->csum_start);
	/* 0 and 0xffff are equal sums, but 0 means "no checksum" in UDP (RFC 768) */
	if (sum == 0)
		sum = UINT16_MAX;
	memcpy(packet + at, &sum, sizeof(sum));
	return 0;
}

int gremc_gso_init(struct gremc_gso *gso, const struct virtio_net_hdr *header, bool is_frame, uint8_t *packet,
		   uint32_t length)
{
	const struct rte_ipv4_hdr *ip;
	const struct rte_tcp_hdr *tcp;

	*gso = (struct gremc_gso){.packet = packet, .length = length, .count = 1};
	if (header->gso_type == VIRTIO_NET_HDR_GSO_NONE)
		return header->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM
			       ? gso_checksum_finish(header, packet, length)
			       : 0;
	gso->l3 = is_frame ? frame_ip_offset(packet, length) : 0;
	ip = (const struct rte_ipv4_hdr *)(packet + gso->l3);
	if (header->gso_type != VIRTIO_NET_HDR_GSO_TCPV4 || header->gso_size == 0 ||
	    length < gso->l3 + sizeof(*ip))
		return -EINVAL;
	gso->l4 = gso->l3 + rte_ipv4_hdr_len(ip);
	tcp = (const struct rte_tcp_hdr *)(packet + gso->l4);
	if (length < gso->l4 + sizeof(*tcp))
		return -EINVAL;
	gso->header = gso->l4 + (tcp->data_off >> 4) * 4;
	if (length <= gso->header || gso->header < gso->l4 + sizeof(*tcp))
		return -EINVAL;
	gso->size = header->gso_size;
	gso->count = (length - gso->header + gso->size - 1) / gso->size;
	return 0;
}

uint32_t gremc_gso_segment_length(const struct gremc_gso *gso, uint32_t n)
{
	gremc_assert(n < gso->count);
	if (gso->size == 0)
		return gso->length;
	return n + 1 < gso->count ? gso->header + gso->size : gso->length - n * gso->size;
}

void gremc_gso_segment_write(const struct gremc_gso *gso, uint32_t n, uint8_t *to)
{
	uint32_t length = gremc_gso_segment_length(gso, n), skip = n * gso->size;
	struct rte_ipv4_hdr *ip = (struct rte_ipv4_hdr *)(to + gso->l3);
	struct rte_tcp_hdr *tcp = (struct rte_tcp_hdr *)(to + gso->l4);

	memcpy(to, gso->packet, gso->size ? gso->header : length);
	if (gso->size == 0)
		return;
	memcpy(to + gso->header, gso->packet + gso->header + skip, length - gso->header);
	ip->total_length = rte_cpu_to_be_16((uint16_t)(length - gso->l3));
	ip->packet_id = rte_cpu_to_be_16((uint16_t)(rte_be_to_cpu_16(ip->packet_id) + n));
	ip->hdr_checksum = 0;
	ip->hdr_checksum = rte_ipv4_cksum(ip);
	tcp->sent_seq = rte_cpu_to_be_32(rte_be_to_cpu_32(tcp->sent_seq) + skip);
	if (n > 0)
		tcp->tcp_flags &= (uint8_t)~TCP_ONCE_AT_FRONT;
	if (n + 1 < gso->count)
		tcp->tcp_flags &= (uint8_t)~TCP_ONCE_AT_END;
	tcp->cksum = 0;
	tcp->cksum = rte_ipv4_udptcp_cksum(ip, tcp);
}
