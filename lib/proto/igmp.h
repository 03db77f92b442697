/* SPDX-License-Identifier: BSD-3-Clause */
/* IGMP messages in IP packets: parser and builders (RFC 1112 appendix I, 2236, 3376). */
#ifndef GREMC_PROTO_IGMP_H
#define GREMC_PROTO_IGMP_H

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <rte_byteorder.h>

/* Errors of the parser: name and text. The counters of igmp/ start with this list. */
#define GREMC_IGMP_ERRORS(X)                                                                                 \
	X(truncated, "shorter than its IP header, its IGMP header, or its announced content")                \
	X(header, "IP version, header length, total length or checksum is wrong, or a fragment")             \
	X(protocol, "not IGMP")                                                                              \
	X(ttl, "TTL is not 1 (RFC 3376, 4)")                                                                 \
	X(checksum, "IGMP checksum is wrong")                                                                \
	X(type, "an unknown type, ignored (RFC 3376, 4)")                                                    \
	X(group, "the group is not multicast, or is absent")

enum gremc_igmp_error {
	GREMC_IGMP_OK = -1,
#define GREMC_X(name, text) GREMC_IGMP_ERROR_##name,
	GREMC_IGMP_ERRORS(GREMC_X)
#undef GREMC_X
		GREMC_IGMP_ERROR_COUNT
};

enum gremc_igmp_type {
	GREMC_IGMP_QUERY = 0x11,
	GREMC_IGMP_V1_REPORT = 0x12,
	GREMC_IGMP_V2_REPORT = 0x16,
	GREMC_IGMP_LEAVE = 0x17,
	GREMC_IGMP_V3_REPORT = 0x22,
};

/* Group record types (RFC 3376, 4.2.12). */
enum gremc_igmp_record_type {
	GREMC_IGMP_IS_IN = 1,
	GREMC_IGMP_IS_EX = 2,
	GREMC_IGMP_TO_IN = 3,
	GREMC_IGMP_TO_EX = 4,
	GREMC_IGMP_ALLOW = 5,
	GREMC_IGMP_BLOCK = 6,
};

#define GREMC_IGMP_ALL_HOSTS   RTE_BE32(0xe0000001) /* 224.0.0.1 */
#define GREMC_IGMP_ALL_ROUTERS RTE_BE32(0xe0000002) /* 224.0.0.2 */
#define GREMC_IGMP_REPORTS     RTE_BE32(0xe0000016) /* 224.0.0.22 */
#define GREMC_IGMP_PACKET_MAX  65535u               /* bytes of the largest IP packet */
#define GREMC_IGMP_PACKET_MIN  68u                  /* the least MTU of an interface (RFC 791) */

/* A parsed message. */
struct gremc_igmp_message {
	rte_be32_t source, destination; /* of the IP header */
	enum gremc_igmp_type type;
	uint8_t version; /* of a query: 1, 2 or 3, from its length and code (RFC 3376, 7.1) */
	bool has_router_alert;
	rte_be32_t group; /* 0: general query or version 3 report */
	/* queries */
	uint32_t response_time; /* milliseconds */
	bool suppress;          /* S flag */
	uint8_t robustness;     /* QRV; 0: absent */
	uint32_t interval;      /* QQIC, milliseconds; 0: absent */
	uint16_t source_count;
	const uint8_t *sources; /* in the packet: addresses of any alignment */
	/* version 3 reports */
	uint16_t record_count;
	const uint8_t *records; /* in the packet, within its bounds */
};

/* A group record of a version 3 report. */
struct gremc_igmp_record {
	uint8_t type; /* enum gremc_igmp_record_type; the receiver ignores other values */
	rte_be32_t group;
	uint16_t source_count;
	const uint8_t *sources; /* in the packet */
};

/* Parse an IP packet of `length` bytes.
 * Output:   on GREMC_IGMP_OK *message; all its sources and records are within the packet.
 * Lifetime: *message points into the packet.
 * Returns:  GREMC_IGMP_OK or the first error. */
enum gremc_igmp_error gremc_igmp_parse(const uint8_t *packet, size_t length,
				       struct gremc_igmp_message *message);
/* Read a record of a parsed report.
 * Input:   `at` is message->records or the result of the call before.
 * Returns: the position of the next record. */
const uint8_t *gremc_igmp_record_read(const uint8_t *at, struct gremc_igmp_record *record);
/* The i-th address of the sources of a message or record. */
rte_be32_t gremc_igmp_source_at(const uint8_t *sources, uint16_t i);

/* The floating point code of a value (RFC 3376, 4.1.1 and 4.1.7), rounded down to a value that has a code;
 * 31744 at most. */
uint8_t gremc_igmp_code_encode(uint32_t value);

/* The value of a code, 0 to 31744. */
uint32_t gremc_igmp_code_decode(uint8_t code);

/* A query to build. */
struct gremc_igmp_query {
	uint8_t version;                  /* 1, 2 or 3 */
	rte_be32_t source;                /* of the IP header; 0: the interface has no address */
	rte_be32_t group;                 /* 0: general */
	uint32_t response_time, interval; /* milliseconds */
	uint8_t robustness;
	bool suppress;
	const rte_be32_t *sources; /* version 3 only */
	uint16_t source_count;     /* at most gremc_igmp_query_capacity() of the interface's MTU */
};

/* Maximum number of sources of a query in an IP packet of `size` bytes.
 * Input:   size is GREMC_IGMP_PACKET_MIN to GREMC_IGMP_PACKET_MAX. */
uint16_t gremc_igmp_query_capacity(size_t size);

/* Maximum number of sources of a report with one record in an IP packet of `size` bytes.
 * Input:   as above. */
uint16_t gremc_igmp_report_capacity(size_t size);

/* Build the IP packet of a query: TTL 1, TOS 0xc0, Router Alert, checksums (RFC 3376, 4).
 * Output:  `packet` has a capacity of GREMC_IGMP_PACKET_MIN bytes and 4 bytes for each source.
 * Returns: length of the packet in bytes. */
size_t gremc_igmp_query_build(uint8_t *packet, const struct gremc_igmp_query *query);
/* Build the IP packet of a version 1 or 2 report or of a leave, like gremc_igmp_query_build().
 * Output:  `packet` has a capacity of GREMC_IGMP_PACKET_MIN bytes.
 * Returns: length of the packet in bytes. */
size_t gremc_igmp_v1v2_build(uint8_t *packet, enum gremc_igmp_type type, rte_be32_t source, rte_be32_t group);

/* A version 3 report under construction. The caller sets `packet` and `size` and zeroes the other fields. */
struct gremc_igmp_report {
	uint8_t *packet;
	size_t size;   /* maximum bytes of the IP packet, at least GREMC_IGMP_PACKET_MIN */
	size_t length; /* 0: no record */
	uint16_t record_count;
};

/* Append a record. A record of at most gremc_igmp_report_capacity() sources fits into an empty report.
 * Returns: false, without a change, if the record does not fit. */
bool gremc_igmp_report_add(struct gremc_igmp_report *report, uint8_t type, rte_be32_t group,
			   const rte_be32_t *sources, uint16_t source_count);

/* Write the headers and checksums.
 * Output:  report->length is the length of the IP packet. */
void gremc_igmp_report_finish(struct gremc_igmp_report *report, rte_be32_t source);

static_assert(GREMC_IGMP_ERROR_COUNT > 0 && GREMC_IGMP_OK < 0, "an error is a counter index, success is not");

#endif
