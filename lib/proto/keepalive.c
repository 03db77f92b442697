/* SPDX-License-Identifier: BSD-3-Clause */
#include <netinet/in.h>
#include <string.h>

#include "proto/keepalive.h"
#include "proto/proto.h"

#define INTERNETWORK_CONTROL 0xc0 /* TOS of routers' own packets (RFC 791, 3.1) */

uint16_t gremc_keepalive_build(uint8_t *packet, const struct gremc_tunnel_options *options, uint16_t id)
{
	const rte_be16_t flags = rte_cpu_to_be_16(options->has_input_key ? GREMC_GRE_KEY : 0);
	const rte_be32_t key = rte_cpu_to_be_32(options->input_key);
	const uint16_t length = sizeof(struct rte_ipv4_hdr) + (options->has_input_key ? 8 : 4);
	struct rte_ipv4_hdr ip = {
		.version_ihl = RTE_IPV4_VHL_DEF,
		.type_of_service = INTERNETWORK_CONTROL,
		.total_length = rte_cpu_to_be_16(length),
		.packet_id = rte_cpu_to_be_16(id),
		.time_to_live = UINT8_MAX,
		.next_proto_id = IPPROTO_GRE,
		.src_addr = options->remote,
		.dst_addr = options->local,
	};

	ip.hdr_checksum = rte_ipv4_cksum(&ip);
	memset(packet, 0, GREMC_KEEPALIVE_MAX);
	memcpy(packet, &ip, sizeof(ip));
	memcpy(packet + sizeof(ip), &flags, sizeof(flags)); /* the protocol behind them is 0 */
	if (options->has_input_key)
		memcpy(packet + sizeof(ip) + 4, &key, sizeof(key));
	return length;
}

bool gremc_keepalive_is_request(const uint8_t *packet, size_t readable,
				const struct gremc_tunnel_options *options)
{
	const uint16_t header_length = (uint16_t)((packet[0] & 0xf) * RTE_IPV4_IHL_MULTIPLIER);
	struct rte_ipv4_hdr ip;
	struct gremc_gre gre;
	size_t end;

	memcpy(&ip, packet, sizeof(ip));
	end = RTE_MIN((size_t)rte_be_to_cpu_16(ip.total_length), readable);
	if (ip.next_proto_id != IPPROTO_GRE || ip.src_addr != options->local ||
	    ip.dst_addr != options->remote ||
	    ip.fragment_offset & RTE_BE16(RTE_IPV4_HDR_MF_FLAG | RTE_IPV4_HDR_OFFSET_MASK) ||
	    end < header_length)
		return false;
	if (gremc_gre_parse(packet + header_length, end - header_length, &gre) != GREMC_PROTO_OK ||
	    gre.protocol != GREMC_GRE_KEEPALIVE)
		return false;
	return !gre.has_key || (options->has_output_key && gre.key == options->output_key);
}

bool gremc_keepalive_turn(uint8_t *packet)
{
	struct rte_ipv4_hdr *ip = (struct rte_ipv4_hdr *)packet;

	if (ip->time_to_live <= 1)
		return false;
	gremc_ipv4_decrement_ttl(ip);
	return true;
}
