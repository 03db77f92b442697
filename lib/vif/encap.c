/* SPDX-License-Identifier: BSD-3-Clause */
#include <netinet/in.h>
#include <string.h>

#include <rte_ip.h>

#include "proto/proto.h"
#include "vif/vif_priv.h"

static void encap_write_gre(uint8_t *gre, const struct gremc_tunnel_options *options)
{
	const uint16_t flags = (options->checksum ? GREMC_GRE_CHECKSUM : 0) |
			       (options->has_output_key ? GREMC_GRE_KEY : 0) |
			       (options->sequence != GREMC_SEQUENCE_OFF ? GREMC_GRE_SEQUENCE : 0);
	rte_be16_t word[2] = {rte_cpu_to_be_16(flags), RTE_BE16(GREMC_GRE_IPV4)};
	rte_be32_t key = rte_cpu_to_be_32(options->output_key);

	memcpy(gre, word, sizeof(word));
	if (options->has_output_key)
		memcpy(gre + sizeof(word), &key, sizeof(key));
}

/* Write a UDP header for gremc_options_write(), with GREMC_ENCAP_UDP_CHECKSUM where replicas have a checksum.
 * Returns its length: 0 for plain GRE. */
static size_t encap_write_udp(uint8_t *at, const struct gremc_tunnel_options *options)
{
	const struct rte_udp_hdr udp = {.src_port = rte_cpu_to_be_16(options->udp_port),
					.dst_port = rte_cpu_to_be_16(options->udp_port),
					.dgram_cksum = options->udp_checksum ? GREMC_ENCAP_UDP_CHECKSUM : 0};

	if (options->udp_port == 0)
		return 0;
	memcpy(at, &udp, sizeof(udp));
	return sizeof(udp);
}

static uint8_t encap_flags_of(const struct gremc_tunnel_options *options)
{
	uint8_t flags = 0;

	if (options->ttl == 0)
		flags |= GREMC_ENCAP_TTL_INHERIT;
	if (options->df == GREMC_DF_INHERIT)
		flags |= GREMC_ENCAP_DF_INHERIT;
	if (options->df != GREMC_DF_SET)
		flags |= GREMC_ENCAP_ID;
	if (options->udp_port || options->checksum || options->sequence != GREMC_SEQUENCE_OFF)
		flags |= GREMC_ENCAP_OPTIONS;
	if (options->has_dscp_map)
		flags |= GREMC_ENCAP_ADJUST;
	return flags;
}

/* The DSCP is fixed, or mapped, or a copy (RFC 2983); ECN is a copy or 0 (RFC 6040, 4.1). */
static void encap_tos_set(struct gremc_encap *encap, const struct gremc_tunnel_options *options,
			  uint32_t dscp_map)
{
	encap->tos_mask = options->ecn == GREMC_ECN_NORMAL ? GREMC_ECN_MASK : 0;
	if (options->has_dscp_map)
		encap->tos = (uint8_t)(dscp_map << 1 | GREMC_ENCAP_TOS_MAPPED);
	else if (options->tos_inherit)
		encap->tos_mask |= (uint8_t)~GREMC_ECN_MASK;
	else
		encap->tos = options->tos & (uint8_t)~GREMC_ECN_MASK;
}

void gremc_encap_init(struct gremc_encap *encap, const struct gremc_vif_info *info, uint32_t adjacency,
		      uint32_t dscp_map)
{
	struct rte_ipv4_hdr *ip = (struct rte_ipv4_hdr *)encap->header;
	const uint16_t *word = (const uint16_t *)encap->header;
	const struct gremc_tunnel_options *options = &info->options;

	gremc_assert(gremc_tunnel_overhead(&info->options) <= GREMC_ENCAP_HEADER_MAX);
	memset(encap, 0, sizeof(*encap));
	ip->version_ihl = RTE_IPV4_VHL_DEF; /* in the first word, which each replica writes again */
	ip->fragment_offset = options->df == GREMC_DF_SET ? RTE_BE16(RTE_IPV4_HDR_DF_FLAG) : 0;
	ip->time_to_live = options->ttl;
	ip->next_proto_id = options->udp_port ? IPPROTO_UDP : IPPROTO_GRE;
	ip->src_addr = options->local;
	ip->dst_addr = options->remote;
	/* Each replica adds its own first two words (version, TOS, length). The checksum is still zero. */
	for (unsigned i = 2; i < sizeof(*ip) / sizeof(*word); i++)
		encap->sum += word[i];
	encap->sum = (encap->sum & 0xffff) + (encap->sum >> 16);
	encap->sum = (encap->sum & 0xffff) + (encap->sum >> 16);
	encap_write_gre(encap->header + sizeof(*ip) + encap_write_udp(encap->header + sizeof(*ip), options),
			options);
	encap->header_length = gremc_tunnel_overhead(options);
	encap->adjacency = adjacency;
	encap->mtu = info->mtu;
	encap->kind = gremc_tunnel_kind(options->udp_port, options->has_input_key);
	encap->input_key = options->has_input_key ? options->input_key : 0;
	encap->flags = encap_flags_of(options);
	encap_tos_set(encap, options, dscp_map);
}
