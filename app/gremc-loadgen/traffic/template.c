/* SPDX-License-Identifier: BSD-3-Clause */
#include <string.h>

#include <rte_ip.h>
#include <rte_udp.h>

#include "proto/proto.h"
#include "traffic/stamp.h"
#include "traffic/template.h"

#define GRE_LENGTH      4u
#define GRE_KEY_LENGTH  4u
#define IP_PROTOCOL_GRE 47u

/* Returns: the place of the next header, which precedes the previous one: headers are written from the
 * innermost to the outermost. */
static uint8_t *template_space_before(struct gremc_template *template, uint16_t length)
{
	template->header_length += length;
	return &template->header[GREMC_TEMPLATE_HEADER - template->header_length];
}

static void template_ipv4_add(struct gremc_template *template, uint16_t length, uint8_t protocol,
			      rte_be32_t source, rte_be32_t target)
{
	struct rte_ipv4_hdr ip = {
		.version_ihl = RTE_IPV4_VHL_DEF,
		.total_length = rte_cpu_to_be_16(length),
		.fragment_offset = RTE_BE16(RTE_IPV4_HDR_DF_FLAG),
		.time_to_live = GREMC_TEMPLATE_TTL,
		.next_proto_id = protocol,
		.src_addr = source,
		.dst_addr = target,
	};

	ip.hdr_checksum = rte_ipv4_cksum(&ip);
	memcpy(template_space_before(template, sizeof(ip)), &ip, sizeof(ip));
}

static void template_udp_add(struct gremc_template *template, const struct gremc_flow *flow)
{
	struct rte_udp_hdr udp = {
		.src_port = flow->source_port,
		.dst_port = flow->target_port,
		.dgram_len = rte_cpu_to_be_16(sizeof(udp) + template->payload),
	};
	uint64_t sum = (uint64_t)flow->source + flow->group + RTE_BE16(IPPROTO_UDP) + 2u * udp.dgram_len +
		       udp.src_port + udp.dst_port;

	template->udp_sum = gremc_sum_fold(sum + gremc_pattern_sum[template->payload]);
	memcpy(template_space_before(template, sizeof(udp)), &udp, sizeof(udp));
}

static void template_gre_add(struct gremc_template *template, const struct gremc_site *site)
{
	rte_be16_t word[2] = {rte_cpu_to_be_16(site->has_in ? GREMC_GRE_KEY : 0), RTE_BE16(GREMC_GRE_IPV4)};
	rte_be32_t key = rte_cpu_to_be_32(site->in_key);

	if (site->has_in)
		memcpy(template_space_before(template, sizeof(key)), &key, sizeof(key));
	memcpy(template_space_before(template, sizeof(word)), word, sizeof(word));
}

static void template_ethernet_add(struct gremc_template *template, uint16_t vlan,
				  const struct rte_ether_addr *target, const struct rte_ether_addr *sender)
{
	struct rte_ether_hdr ether = {.ether_type = RTE_BE16(RTE_ETHER_TYPE_IPV4)};
	rte_be16_t tag[2] = {rte_cpu_to_be_16(vlan), RTE_BE16(RTE_ETHER_TYPE_IPV4)};

	if (vlan) {
		memcpy(template_space_before(template, sizeof(tag)), tag, sizeof(tag));
		ether.ether_type = RTE_BE16(RTE_ETHER_TYPE_VLAN);
	}
	rte_ether_addr_copy(target, &ether.dst_addr);
	rte_ether_addr_copy(sender, &ether.src_addr);
	memcpy(template_space_before(template, sizeof(ether)), &ether, sizeof(ether));
}

void gremc_template_tunnel_add(struct gremc_template *template, const struct gremc_site *site, uint16_t inner,
			       const struct rte_ether_addr *target, const struct rte_ether_addr *sender)
{
	template_gre_add(template, site);
	template_ipv4_add(template,
			  inner + sizeof(struct rte_ipv4_hdr) + GRE_LENGTH +
				  (site->has_in ? GRE_KEY_LENGTH : 0),
			  IP_PROTOCOL_GRE, site->site, site->forwarder);
	template_ethernet_add(template, site->vlan, target, sender);
}

void gremc_template_build(struct gremc_template *template, const struct gremc_flows *flows, uint32_t flow,
			  uint16_t inner, const struct rte_ether_addr *target,
			  const struct rte_ether_addr *sender)
{
	const struct gremc_flow *f = &flows->flow[flow];
	const struct gremc_site *site = &flows->site[f->from];
	struct rte_ether_addr group;

	*template = (struct gremc_template){.flow = flow, .port = (uint16_t)site->port};
	template->payload = inner - sizeof(struct rte_ipv4_hdr) - sizeof(struct rte_udp_hdr);
	template_udp_add(template, f);
	template_ipv4_add(template, inner, IPPROTO_UDP, f->source, f->group);
	if (site->native) {
		gremc_group_mac(group.addr_bytes, f->group);
		template_ethernet_add(template, site->vlan, &group, sender);
		return;
	}
	gremc_template_tunnel_add(template, site, inner, target, sender);
}
