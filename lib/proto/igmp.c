/* SPDX-License-Identifier: BSD-3-Clause */
/* IGMP messages in IP packets. The state machine of igmp/ processes messages and records, not bytes, so MLD
 * can be added as another wire format. */
#include <string.h>

#include "base/assert.h"
#include "proto/igmp.h"
#include "proto/ipv4.h"

#define ALERT_HEADER  24u /* IP header with the Router Alert option */
#define QUERY_MIN     8u
#define QUERY_V3      12u
#define REPORT_HEADER 8u
#define RECORD_HEADER 8u

static_assert(ALERT_HEADER + REPORT_HEADER + RECORD_HEADER + 4 <= GREMC_IGMP_PACKET_MIN,
	      "a record with a source fits into the smallest packet");
static_assert(ALERT_HEADER + QUERY_V3 + 4 <= GREMC_IGMP_PACKET_MIN,
	      "a query with a source fits into the smallest packet");

static const uint8_t router_alert[] = {0x94, 0x04, 0x00, 0x00}; /* RFC 2113 */

static uint16_t be16_load(const uint8_t *at)
{
	return (uint16_t)(at[0] << 8 | at[1]);
}

static rte_be32_t address_load(const uint8_t *at)
{
	rte_be32_t address;

	memcpy(&address, at, sizeof(address));
	return address;
}

rte_be32_t gremc_igmp_source_at(const uint8_t *sources, uint16_t i)
{
	return address_load(sources + 4u * i);
}

uint32_t gremc_igmp_code_decode(uint8_t code)
{
	if (code < 128)
		return code;
	return (uint32_t)((code & 0x0f) | 0x10) << ((code >> 4 & 7) + 3);
}

uint8_t gremc_igmp_code_encode(uint32_t value)
{
	unsigned exponent = 0;

	if (value < 128)
		return (uint8_t)value;
	if (value >= 31744)
		return 0xff;
	while (value >> (exponent + 3) > 31)
		exponent++;
	return (uint8_t)(0x80 | exponent << 4 | (value >> (exponent + 3) & 0x0f));
}

/* The checksum of RFC 1071. */
static uint16_t igmp_checksum(const uint8_t *data, size_t length)
{
	return (uint16_t)~rte_raw_cksum(data, length);
}

/* ---- parse ---- */

static bool router_alert_is_present(const uint8_t *options, size_t length)
{
	for (size_t at = 0; at < length && options[at] != 0;) {
		size_t size = options[at] == 1 ? 1 : at + 1 < length ? options[at + 1] : 0;

		if (options[at] == router_alert[0])
			return true;
		if (size == 0)
			return false;
		at += size;
	}
	return false;
}

static enum gremc_igmp_error igmp_query_parse(const uint8_t *data, size_t length,
					      struct gremc_igmp_message *message)
{
	if (length == QUERY_MIN) {
		/* a version 1 query has no code; its response time is 10 seconds (RFC 3376, 7.1) */
		message->version = data[1] ? 2 : 1;
		message->response_time = data[1] ? data[1] * 100u : 10000u;
		return GREMC_IGMP_OK;
	}
	if (length < QUERY_V3)
		return GREMC_IGMP_ERROR_truncated;
	message->version = 3;
	message->response_time = gremc_igmp_code_decode(data[1]) * 100u;
	message->suppress = data[8] & 0x08;
	message->robustness = data[8] & 0x07;
	message->interval = gremc_igmp_code_decode(data[9]) * 1000u;
	message->source_count = be16_load(data + 10);
	message->sources = data + QUERY_V3;
	if (QUERY_V3 + 4u * message->source_count > length)
		return GREMC_IGMP_ERROR_truncated;
	return message->group == 0 && message->source_count ? GREMC_IGMP_ERROR_group : GREMC_IGMP_OK;
}

static enum gremc_igmp_error igmp_report_parse(const uint8_t *data, size_t length,
					       struct gremc_igmp_message *message)
{
	size_t at = REPORT_HEADER;

	message->group = 0; /* these bytes hold the number of records */
	message->record_count = be16_load(data + 6);
	message->records = data + REPORT_HEADER;
	for (uint16_t i = 0; i < message->record_count; i++) {
		if (length - at < RECORD_HEADER)
			return GREMC_IGMP_ERROR_truncated;
		/* the length of the auxiliary data counts words of 32 bits */
		at += RECORD_HEADER + 4u * be16_load(data + at + 2) + 4u * data[at + 1];
		if (at > length)
			return GREMC_IGMP_ERROR_truncated;
	}
	return GREMC_IGMP_OK;
}

static enum gremc_igmp_error igmp_message_parse(const uint8_t *data, size_t length,
						struct gremc_igmp_message *message)
{
	enum gremc_igmp_error error = GREMC_IGMP_OK;
	bool needs_group = true;

	if (length < QUERY_MIN)
		return GREMC_IGMP_ERROR_truncated;
	if (igmp_checksum(data, length))
		return GREMC_IGMP_ERROR_checksum;
	message->type = data[0];
	message->group = address_load(data + 4);
	switch (data[0]) {
	case GREMC_IGMP_QUERY:
		error = igmp_query_parse(data, length, message);
		needs_group = message->group != 0;
		break;
	case GREMC_IGMP_V3_REPORT:
		return igmp_report_parse(data, length, message);
	case GREMC_IGMP_V1_REPORT:
	case GREMC_IGMP_V2_REPORT:
	case GREMC_IGMP_LEAVE:
		break;
	default:
		return GREMC_IGMP_ERROR_type;
	}
	if (error == GREMC_IGMP_OK && needs_group && !gremc_ipv4_is_multicast(message->group))
		return GREMC_IGMP_ERROR_group;
	return error;
}

enum gremc_igmp_error gremc_igmp_parse(const uint8_t *packet, size_t length,
				       struct gremc_igmp_message *message)
{
	const struct rte_ipv4_hdr *ip = (const struct rte_ipv4_hdr *)packet;
	struct gremc_ipv4 header;

	if (length < sizeof(*ip))
		return GREMC_IGMP_ERROR_truncated;
	if (gremc_ipv4_parse_header(packet, length, length, GREMC_IPV4_INNER, true, &header) !=
	    GREMC_PROTO_OK)
		return GREMC_IGMP_ERROR_header;
	if (ip->fragment_offset & RTE_BE16(RTE_IPV4_HDR_MF_FLAG | RTE_IPV4_HDR_OFFSET_MASK))
		return GREMC_IGMP_ERROR_header;
	if (ip->next_proto_id != IPPROTO_IGMP)
		return GREMC_IGMP_ERROR_protocol;
	if (ip->time_to_live != 1)
		return GREMC_IGMP_ERROR_ttl;
	*message = (struct gremc_igmp_message){
		.source = ip->src_addr,
		.destination = ip->dst_addr,
		.has_router_alert =
			router_alert_is_present(packet + sizeof(*ip), header.header_length - sizeof(*ip)),
	};
	return igmp_message_parse(packet + header.header_length, header.total_length - header.header_length,
				  message);
}

const uint8_t *gremc_igmp_record_read(const uint8_t *at, struct gremc_igmp_record *record)
{
	*record = (struct gremc_igmp_record){
		.type = at[0],
		.group = address_load(at + 4),
		.source_count = be16_load(at + 2),
		.sources = at + RECORD_HEADER,
	};
	return at + RECORD_HEADER + 4u * record->source_count + 4u * at[1];
}

/* ---- build ---- */

static void be16_store(uint8_t *at, uint16_t value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

/* Write the IP header in front of `length` bytes of IGMP, and both checksums.
 * Returns: length of the packet in bytes. */
static size_t igmp_packet_finish(uint8_t *packet, size_t length, rte_be32_t source, rte_be32_t destination)
{
	struct rte_ipv4_hdr ip = {
		.version_ihl = RTE_IPV4_VHL_DEF + 1,
		.type_of_service = 0xc0,
		.total_length = rte_cpu_to_be_16((uint16_t)(ALERT_HEADER + length)),
		.fragment_offset = RTE_BE16(RTE_IPV4_HDR_DF_FLAG),
		.time_to_live = 1,
		.next_proto_id = IPPROTO_IGMP,
		.src_addr = source,
		.dst_addr = destination,
	};
	uint8_t *message = packet + ALERT_HEADER;
	uint16_t sum;

	memset(message + 2, 0, 2);
	sum = igmp_checksum(message, length);
	memcpy(message + 2, &sum, sizeof(sum));
	memcpy(packet, &ip, sizeof(ip));
	memcpy(packet + sizeof(ip), router_alert, sizeof(router_alert));
	sum = igmp_checksum(packet, ALERT_HEADER);
	memcpy(packet + offsetof(struct rte_ipv4_hdr, hdr_checksum), &sum, sizeof(sum));
	return ALERT_HEADER + length;
}

size_t gremc_igmp_query_build(uint8_t *packet, const struct gremc_igmp_query *query)
{
	uint8_t *at = packet + ALERT_HEADER;
	rte_be32_t destination = query->group ? query->group : GREMC_IGMP_ALL_HOSTS;
	uint32_t tenths = query->response_time / 100;
	size_t length = QUERY_MIN;

	gremc_assert(query->version >= 1 && query->version <= 3);
	gremc_assert(query->source_count == 0 || query->version == 3);
	at[0] = GREMC_IGMP_QUERY;
	at[1] = query->version == 1   ? 0
		: query->version == 2 ? RTE_MIN(tenths, 255u)
				      : gremc_igmp_code_encode(tenths);
	memcpy(at + 4, &query->group, sizeof(query->group));
	if (query->version == 3) {
		at[8] = (uint8_t)((query->suppress ? 0x08 : 0) |
				  (query->robustness > 7 ? 0 : query->robustness));
		at[9] = gremc_igmp_code_encode(query->interval / 1000);
		be16_store(at + 10, query->source_count);
		if (query->source_count)
			memcpy(at + QUERY_V3, query->sources, query->source_count * sizeof(*query->sources));
		length = QUERY_V3 + query->source_count * sizeof(*query->sources);
	}
	return igmp_packet_finish(packet, length, query->source, destination);
}

size_t gremc_igmp_v1v2_build(uint8_t *packet, enum gremc_igmp_type type, rte_be32_t source, rte_be32_t group)
{
	uint8_t *at = packet + ALERT_HEADER;

	gremc_assert(type == GREMC_IGMP_V1_REPORT || type == GREMC_IGMP_V2_REPORT ||
		     type == GREMC_IGMP_LEAVE);
	at[0] = (uint8_t)type;
	at[1] = 0;
	memcpy(at + 4, &group, sizeof(group));
	return igmp_packet_finish(packet, QUERY_MIN, source,
				  type == GREMC_IGMP_LEAVE ? GREMC_IGMP_ALL_ROUTERS : group);
}

uint16_t gremc_igmp_query_capacity(size_t size)
{
	gremc_assert(size >= GREMC_IGMP_PACKET_MIN && size <= GREMC_IGMP_PACKET_MAX);
	return (uint16_t)((size - ALERT_HEADER - QUERY_V3) / 4);
}

uint16_t gremc_igmp_report_capacity(size_t size)
{
	gremc_assert(size >= GREMC_IGMP_PACKET_MIN && size <= GREMC_IGMP_PACKET_MAX);
	return (uint16_t)((size - ALERT_HEADER - REPORT_HEADER - RECORD_HEADER) / 4);
}

bool gremc_igmp_report_add(struct gremc_igmp_report *report, uint8_t type, rte_be32_t group,
			   const rte_be32_t *sources, uint16_t source_count)
{
	size_t begin = report->length ? report->length : ALERT_HEADER + REPORT_HEADER;
	size_t length = RECORD_HEADER + 4u * source_count;
	uint8_t *at = report->packet + begin;

	gremc_assert(report->size >= GREMC_IGMP_PACKET_MIN);
	if (begin + length > report->size)
		return false;
	at[0] = type;
	at[1] = 0;
	be16_store(at + 2, source_count);
	memcpy(at + 4, &group, sizeof(group));
	if (source_count)
		memcpy(at + RECORD_HEADER, sources, source_count * sizeof(*sources));
	report->length = begin + length;
	report->record_count++;
	return true;
}

void gremc_igmp_report_finish(struct gremc_igmp_report *report, rte_be32_t source)
{
	uint8_t *at = report->packet + ALERT_HEADER;

	gremc_assert(report->record_count > 0);
	memset(at, 0, REPORT_HEADER);
	at[0] = GREMC_IGMP_V3_REPORT;
	be16_store(at + 6, report->record_count);
	report->length =
		igmp_packet_finish(report->packet, report->length - ALERT_HEADER, source, GREMC_IGMP_REPORTS);
}
