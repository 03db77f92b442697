/* SPDX-License-Identifier: BSD-3-Clause */
#include <netinet/in.h>
#include <string.h>

#include <rte_ip.h>

#include "proto/gre_parse.h"
#include "proto/icmp.h"
#include "proto/udp.h"

struct icmp_header {
	uint8_t type, code;
	uint16_t checksum;
	rte_be16_t unused, next_hop_mtu;
};

/* The checksum of a message that is complete in the readable bytes must be valid (RFC 792). */
static bool message_is_valid(const uint8_t *message, size_t length, size_t readable)
{
	return readable < length || rte_raw_cksum(message, length) == UINT16_MAX;
}

static bool quote_parse(const uint8_t *quote, size_t length, struct gremc_icmp_error *error)
{
	struct rte_ipv4_hdr ip;
	struct gremc_gre gre;
	struct gremc_udp udp;
	size_t header;

	if (length < sizeof(ip))
		return false;
	memcpy(&ip, quote, sizeof(ip));
	header = rte_ipv4_hdr_len(&ip);
	if ((ip.version_ihl & 0xf0) != (RTE_IPV4_VHL_DEF & 0xf0) || header < sizeof(ip) || length < header ||
	    ip.fragment_offset & RTE_BE16(RTE_IPV4_HDR_OFFSET_MASK))
		return false;
	if (ip.next_proto_id == IPPROTO_UDP) {
		/* the quote ends before the datagram does */
		if (gremc_udp_parse(quote + header, UINT16_MAX, length - header, &udp) != GREMC_PROTO_OK ||
		    udp.destination == 0)
			return false;
		header += sizeof(struct rte_udp_hdr);
		error->udp_port = udp.destination;
	} else if (ip.next_proto_id != IPPROTO_GRE) {
		return false;
	}
	if (gremc_gre_parse(quote + header, length - header, &gre) != GREMC_PROTO_OK ||
	    gre.protocol != GREMC_GRE_IPV4)
		return false;
	error->source = ip.src_addr;
	error->destination = ip.dst_addr;
	error->total_length = rte_be_to_cpu_16(ip.total_length);
	error->key = gre.key;
	error->has_key = gre.has_key;
	return true;
}

bool gremc_icmp_error_parse(const uint8_t *packet, size_t readable, struct gremc_icmp_error *error)
{
	struct rte_ipv4_hdr ip;
	struct icmp_header icmp;
	size_t header, length, end;

	if (readable < sizeof(ip))
		return false;
	memcpy(&ip, packet, sizeof(ip));
	header = rte_ipv4_hdr_len(&ip);
	length = rte_be_to_cpu_16(ip.total_length);
	end = RTE_MIN(length, readable);
	if (ip.next_proto_id != IPPROTO_ICMP || end < header + sizeof(icmp) ||
	    ip.fragment_offset & RTE_BE16(RTE_IPV4_HDR_MF_FLAG | RTE_IPV4_HDR_OFFSET_MASK))
		return false;
	memcpy(&icmp, packet + header, sizeof(icmp));
	if (icmp.type != GREMC_ICMP_UNREACHABLE ||
	    !message_is_valid(packet + header, length - header, readable - header))
		return false;
	*error = (struct gremc_icmp_error){.code = icmp.code};
	if (icmp.code == GREMC_ICMP_FRAGMENTATION_NEEDED)
		error->next_hop_mtu = rte_be_to_cpu_16(icmp.next_hop_mtu);
	return quote_parse(packet + header + sizeof(icmp), end - header - sizeof(icmp), error);
}

uint16_t gremc_icmp_error_mtu(const struct gremc_icmp_error *error)
{
	/* RFC 1191, section 7.1, table 7-1 */
	static const uint16_t plateaus[] = {65535, 32000, 17914, 8166, 4352, 2002, 1492, 1006, 508, 296, 68};

	if (error->next_hop_mtu)
		return error->next_hop_mtu;
	for (unsigned i = 0; i < RTE_DIM(plateaus); i++)
		if (plateaus[i] < error->total_length)
			return plateaus[i];
	return plateaus[RTE_DIM(plateaus) - 1];
}
