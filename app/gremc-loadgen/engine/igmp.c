/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <string.h>

#include <rte_ip.h>

#include "engine/igmp.h"
#include "engine/inject.h"
#include "engine/macs.h"
#include "traffic/template.h"

#define IP_LENGTH      24u /* with Router Alert (RFC 2113), which every report has */
#define TOS_CONTROL    0xc0u
#define V2_REPORT      0x16u
#define V2_LEAVE       0x17u
#define V3_REPORT      0x22u
#define V2_LENGTH      8u
#define V3_LENGTH      16u /* with one record */
#define TO_INCLUDE     3u
#define TO_EXCLUDE     4u
#define ALLOW_SOURCES  5u
#define BLOCK_SOURCES  6u
#define ALL_ROUTERS    RTE_BE32(0xe0000002)
#define ALL_V3_ROUTERS RTE_BE32(0xe0000016)
#define CHECKSUM_AT    2u

static_assert(IP_LENGTH + V3_LENGTH + sizeof(rte_be32_t) == GREMC_IGMP_LENGTH, "the longest report");

static uint16_t igmp_v2_report_write(uint8_t *at, const struct gremc_site_report *report)
{
	at[0] = report->join ? V2_REPORT : V2_LEAVE;
	memcpy(at + 4, &report->group, sizeof(report->group));
	return V2_LENGTH;
}

/* (*,G) changes the filter mode of the group; (S,G) changes its list of sources. */
static uint8_t igmp_v3_record_type(const struct gremc_site_report *report)
{
	if (report->source)
		return report->join ? ALLOW_SOURCES : BLOCK_SOURCES;
	return report->join ? TO_EXCLUDE : TO_INCLUDE;
}

static uint16_t igmp_v3_report_write(uint8_t *at, const struct gremc_site_report *report)
{
	at[0] = V3_REPORT;
	at[7] = 1; /* number of records */
	at[8] = igmp_v3_record_type(report);
	at[11] = report->source ? 1 : 0;
	memcpy(at + 12, &report->group, sizeof(report->group));
	if (report->source == 0)
		return V3_LENGTH;
	memcpy(at + V3_LENGTH, &report->source, sizeof(report->source));
	return V3_LENGTH + sizeof(report->source);
}

static rte_be32_t igmp_report_destination(const struct gremc_site_report *report)
{
	if (report->version == 3)
		return ALL_V3_ROUTERS;
	return report->join ? report->group : ALL_ROUTERS;
}

uint16_t gremc_igmp_write(uint8_t *packet, rte_be32_t reporter, const struct gremc_site_report *report)
{
	static const uint8_t router_alert[] = {0x94, 4, 0, 0};
	struct rte_ipv4_hdr *ip = (struct rte_ipv4_hdr *)packet;
	uint8_t *igmp = packet + IP_LENGTH;
	uint16_t length, sum;

	memset(packet, 0, GREMC_IGMP_LENGTH);
	length = report->version == 2 ? igmp_v2_report_write(igmp, report)
				      : igmp_v3_report_write(igmp, report);
	sum = (uint16_t)~rte_raw_cksum(igmp, length);
	memcpy(igmp + CHECKSUM_AT, &sum, sizeof(sum));
	*ip = (struct rte_ipv4_hdr){
		.version_ihl = 0x40 | IP_LENGTH / 4,
		.type_of_service = TOS_CONTROL,
		.total_length = rte_cpu_to_be_16(IP_LENGTH + length),
		.time_to_live = 1,
		.next_proto_id = IPPROTO_IGMP,
		.src_addr = reporter,
		.dst_addr = igmp_report_destination(report),
	};
	memcpy(packet + sizeof(*ip), router_alert, sizeof(router_alert));
	ip->hdr_checksum = (uint16_t)~rte_raw_cksum(packet, IP_LENGTH);
	return IP_LENGTH + length;
}

int gremc_igmp_send(struct gremc_engine *engine, uint32_t site, const struct gremc_site_report *report)
{
	const struct gremc_site *s = &engine->flows->site[site];
	struct rte_ether_addr mac = gremc_engine_site_mac(engine, site);
	struct rte_mbuf *packet = gremc_engine_mbuf_alloc(engine);
	struct gremc_template outer = {0};
	uint8_t inner[GREMC_IGMP_LENGTH];
	uint16_t length = gremc_igmp_write(inner, s->inner, report);

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
