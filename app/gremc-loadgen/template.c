/* SPDX-License-Identifier: BSD-3-Clause */
#include <string.h>

#include <rte_ip.h>
#include <rte_udp.h>

#include "proto/proto.h"
#include "stamp.h"
#include "template.h"

#define GRE_LENGTH      4u
#define GRE_KEY_LENGTH  4u
#define IP_PROTOCOL_GRE 47u

static uint16_t overhead(const struct gremc_site *site, bool key)
{
	uint16_t l2 = RTE_ETHER_HDR_LEN + (site->vlan ? RTE_VLAN_HLEN : 0);

	if (site->native)
		return l2;
	return l2 + sizeof(struct rte_ipv4_hdr) + GRE_LENGTH + (key ? GRE_KEY_LENGTH : 0);
}

uint16_t gremc_template_overhead(const struct gremc_site *site)
{
	return overhead(site, site->has_in);
}

uint16_t gremc_template_overhead_back(const struct gremc_site *site)
{
	return overhead(site, site->has_out);
}

uint16_t gremc_template_inner(const struct gremc_site *site, struct gremc_size size)
{
	uint16_t around = size.outer ? gremc_template_overhead(site) + RTE_ETHER_CRC_LEN : 0;

	return size.bytes >= around + GREMC_INNER_LEAST ? size.bytes - around : 0;
}

/* Where the header ends so far: it is written from its last byte to its first. */
static uint8_t *before(struct gremc_template *made, uint16_t length)
{
	made->header_length += length;
	return &made->header[GREMC_TEMPLATE_HEADER - made->header_length];
}

static void put_ipv4(struct gremc_template *made, uint16_t length, uint8_t protocol, rte_be32_t source,
		     rte_be32_t target)
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
	memcpy(before(made, sizeof(ip)), &ip, sizeof(ip));
}

static void put_udp(struct gremc_template *made, const struct gremc_flow *flow)
{
	struct rte_udp_hdr udp = {
		.src_port = flow->source_port,
		.dst_port = flow->target_port,
		.dgram_len = rte_cpu_to_be_16(sizeof(udp) + made->payload),
	};
	uint64_t sum = (uint64_t)flow->source + flow->group + RTE_BE16(IPPROTO_UDP) + 2u * udp.dgram_len +
		       udp.src_port + udp.dst_port;

	made->udp_sum = gremc_sum_fold(sum + gremc_pattern_sum[made->payload]);
	memcpy(before(made, sizeof(udp)), &udp, sizeof(udp));
}

static void put_gre(struct gremc_template *made, const struct gremc_site *site)
{
	rte_be16_t word[2] = {rte_cpu_to_be_16(site->has_in ? GREMC_GRE_KEY : 0), RTE_BE16(GREMC_GRE_IPV4)};
	rte_be32_t key = rte_cpu_to_be_32(site->in_key);

	if (site->has_in)
		memcpy(before(made, sizeof(key)), &key, sizeof(key));
	memcpy(before(made, sizeof(word)), word, sizeof(word));
}

static void put_ethernet(struct gremc_template *made, uint16_t vlan, const struct rte_ether_addr *target,
			 const struct rte_ether_addr *sender)
{
	struct rte_ether_hdr ether = {.ether_type = RTE_BE16(RTE_ETHER_TYPE_IPV4)};
	rte_be16_t tag[2] = {rte_cpu_to_be_16(vlan), RTE_BE16(RTE_ETHER_TYPE_IPV4)};

	if (vlan) {
		memcpy(before(made, sizeof(tag)), tag, sizeof(tag));
		ether.ether_type = RTE_BE16(RTE_ETHER_TYPE_VLAN);
	}
	rte_ether_addr_copy(target, &ether.dst_addr);
	rte_ether_addr_copy(sender, &ether.src_addr);
	memcpy(before(made, sizeof(ether)), &ether, sizeof(ether));
}

void gremc_template_wrap(struct gremc_template *made, const struct gremc_site *site, uint16_t inner,
			 const struct rte_ether_addr *target, const struct rte_ether_addr *sender)
{
	put_gre(made, site);
	put_ipv4(made, inner + sizeof(struct rte_ipv4_hdr) + GRE_LENGTH + (site->has_in ? GRE_KEY_LENGTH : 0),
		 IP_PROTOCOL_GRE, site->site, site->forwarder);
	put_ethernet(made, site->vlan, target, sender);
}

void gremc_template_make(struct gremc_template *made, const struct gremc_flows *flows, uint32_t flow,
			 uint16_t inner, const struct rte_ether_addr *target,
			 const struct rte_ether_addr *sender)
{
	const struct gremc_flow *f = &flows->flow[flow];
	const struct gremc_site *site = &flows->site[f->from];
	struct rte_ether_addr group;

	*made = (struct gremc_template){.flow = flow, .port = (uint16_t)site->port};
	made->payload = inner - sizeof(struct rte_ipv4_hdr) - sizeof(struct rte_udp_hdr);
	put_udp(made, f);
	put_ipv4(made, inner, IPPROTO_UDP, f->source, f->group);
	if (site->native) {
		gremc_group_mac(group.addr_bytes, f->group);
		put_ethernet(made, site->vlan, &group, sender);
		return;
	}
	gremc_template_wrap(made, site, inner, target, sender);
}
