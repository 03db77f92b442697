/* SPDX-License-Identifier: BSD-3-Clause */
#include <netinet/in.h>
#include <string.h>

#include <rte_byteorder.h>
#include <rte_hash_crc.h>

#include "proto/udp.h"

#define SOURCE_MASK (UINT16_MAX - GREMC_UDP_SOURCE_BASE)

static_assert((SOURCE_MASK & (SOURCE_MASK + 1)) == 0, "the source ports are selected by a mask");

enum gremc_proto_error gremc_udp_parse(const uint8_t *data, size_t length, size_t readable,
				       struct gremc_udp *udp)
{
	struct rte_udp_hdr header;

	if (length < sizeof(header) || readable < sizeof(header))
		return GREMC_PROTO_udp_truncated;
	memcpy(&header, data, sizeof(header));
	udp->source = rte_be_to_cpu_16(header.src_port);
	udp->destination = rte_be_to_cpu_16(header.dst_port);
	udp->length = rte_be_to_cpu_16(header.dgram_len);
	udp->checksum = header.dgram_cksum;
	return udp->length < sizeof(header) || udp->length > length ? GREMC_PROTO_udp_truncated
								    : GREMC_PROTO_OK;
}

static uint16_t sum_fold(uint32_t sum)
{
	sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)((sum & 0xffff) + (sum >> 16));
}

uint16_t gremc_udp_pseudo_sum(const struct rte_ipv4_hdr *ip, uint16_t length)
{
	const struct {
		rte_be32_t source, destination;
		rte_be16_t protocol, length;
	} header = {ip->src_addr, ip->dst_addr, RTE_BE16(IPPROTO_UDP), rte_cpu_to_be_16(length)};

	return rte_raw_cksum(&header, sizeof(header));
}

uint16_t gremc_udp_source_port(const struct rte_ipv4_hdr *inner, size_t readable)
{
	const size_t header = rte_ipv4_hdr_len(inner);
	uint32_t ports = 0, hash;
	uint64_t addresses;

	memcpy(&addresses, &inner->src_addr, sizeof(addresses));
	if ((inner->next_proto_id == IPPROTO_UDP || inner->next_proto_id == IPPROTO_TCP) &&
	    !(inner->fragment_offset & RTE_BE16(RTE_IPV4_HDR_MF_FLAG | RTE_IPV4_HDR_OFFSET_MASK)) &&
	    readable >= header + sizeof(ports))
		memcpy(&ports, (const uint8_t *)inner + header, sizeof(ports));
	hash = rte_hash_crc_8byte(addresses, inner->next_proto_id);
	hash = rte_hash_crc_4byte(ports, hash);
	return (uint16_t)(GREMC_UDP_SOURCE_BASE + ((hash ^ hash >> 16) & SOURCE_MASK));
}

void gremc_udp_write(const struct rte_ipv4_hdr *ip, struct rte_udp_hdr *udp, uint16_t source,
		     uint16_t destination, unsigned gre_length, const uint16_t *sum)
{
	const uint16_t length = (uint16_t)(rte_be_to_cpu_16(ip->total_length) - sizeof(*ip));

	*udp = (struct rte_udp_hdr){.src_port = rte_cpu_to_be_16(source),
				    .dst_port = rte_cpu_to_be_16(destination),
				    .dgram_len = rte_cpu_to_be_16(length)};
	if (sum == NULL)
		return;
	udp->dgram_cksum = (uint16_t)~sum_fold((uint32_t)gremc_udp_pseudo_sum(ip, length) +
					       rte_raw_cksum(udp, sizeof(*udp) + gre_length) + *sum);
	/* 0 stands for "no checksum" */
	if (udp->dgram_cksum == 0)
		udp->dgram_cksum = UINT16_MAX;
}
