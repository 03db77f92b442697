/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <string.h>

#include <rte_ip.h>

#include "igmp.h"
#include "template.h"

#define IP_LENGTH      24u /* with Router Alert (RFC 2113), which every report has */
#define TOS_CONTROL    0xc0u
#define V2_REPORT      0x16u
#define V2_LEAVE       0x17u
#define V3_REPORT      0x22u
#define V2_LENGTH      8u
#define V3_LENGTH      16u /* of one record */
#define TO_INCLUDE     3u
#define TO_EXCLUDE     4u
#define ALLOW_SOURCES  5u
#define BLOCK_SOURCES  6u
#define ALL_ROUTERS    RTE_BE32(0xe0000002)
#define ALL_V3_ROUTERS RTE_BE32(0xe0000016)
#define CHECKSUM_AT    2u

static uint16_t igmp_v2_report_write(uint8_t *at, bool join, rte_be32_t group)
{
	at[0] = join ? V2_REPORT : V2_LEAVE;
	memcpy(at + 4, &group, sizeof(group));
	return V2_LENGTH;
}

/* A change of filter mode for a group of any source, a change of the source list for one of a source. */
static uint16_t igmp_v3_report_write(uint8_t *at, bool join, rte_be32_t group, rte_be32_t source)
{
	at[0] = V3_REPORT;
	at[7] = 1; /* record */
	at[8] = source ? (join ? ALLOW_SOURCES : BLOCK_SOURCES) : (join ? TO_EXCLUDE : TO_INCLUDE);
	at[11] = source ? 1 : 0;
	memcpy(at + 12, &group, sizeof(group));
	if (source)
		memcpy(at + V3_LENGTH, &source, sizeof(source));
	return V3_LENGTH + (source ? sizeof(source) : 0);
}

uint16_t gremc_igmp_write(uint8_t *packet, unsigned version, bool join, rte_be32_t reporter, rte_be32_t group,
			  rte_be32_t source)
{
	static const uint8_t router_alert[] = {0x94, 4, 0, 0};
	struct rte_ipv4_hdr *ip = (struct rte_ipv4_hdr *)packet;
	uint8_t *igmp = packet + IP_LENGTH;
	uint16_t length, sum;

	memset(packet, 0, GREMC_IGMP_MOST);
	length = version == 2 ? igmp_v2_report_write(igmp, join, group)
			      : igmp_v3_report_write(igmp, join, group, source);
	sum = (uint16_t)~rte_raw_cksum(igmp, length);
	memcpy(igmp + CHECKSUM_AT, &sum, sizeof(sum));
	*ip = (struct rte_ipv4_hdr){
		.version_ihl = 0x40 | IP_LENGTH / 4,
		.type_of_service = TOS_CONTROL,
		.total_length = rte_cpu_to_be_16(IP_LENGTH + length),
		.time_to_live = 1,
		.next_proto_id = IPPROTO_IGMP,
		.src_addr = reporter,
		.dst_addr = version == 3 ? ALL_V3_ROUTERS
			    : join       ? group
					 : ALL_ROUTERS,
	};
	memcpy(packet + sizeof(*ip), router_alert, sizeof(router_alert));
	ip->hdr_checksum = (uint16_t)~rte_raw_cksum(packet, IP_LENGTH);
	return IP_LENGTH + length;
}

int gremc_igmp_send(struct gremc_engine *engine, uint32_t site, unsigned version, bool join, rte_be32_t group,
		    rte_be32_t source)
{
	const struct gremc_site *s = &engine->flows->site[site];
	struct rte_ether_addr mac = gremc_engine_site_mac(engine, site);
	struct rte_mbuf *packet = gremc_engine_mbuf_alloc(engine);
	struct gremc_template outer = {0};
	uint8_t inner[GREMC_IGMP_MOST];
	uint16_t length = gremc_igmp_write(inner, version, join, s->inner, group, source);

	if (packet == NULL)
		return -ENOBUFS;
	gremc_template_tunnel_add(&outer, s, length, &engine->options.map[s->port].forwarder, &mac);
	packet->data_len = outer.header_length + length;
	packet->pkt_len = packet->data_len;
	memcpy(rte_pktmbuf_mtod(packet, uint8_t *),
	       outer.header + GREMC_TEMPLATE_HEADER - outer.header_length, outer.header_length);
	memcpy(rte_pktmbuf_mtod_offset(packet, uint8_t *, outer.header_length), inner, length);
	return gremc_engine_inject(engine, s->port, packet);
}
