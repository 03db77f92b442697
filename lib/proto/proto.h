/* SPDX-License-Identifier: BSD-3-Clause */
/* proto: wire formats, parsed and built. Pure functions over bytes: no state, no allocation, no mbuf.
 * Every parser checks its bounds before it reads, so any bytes of any length are safe input. */
#ifndef GREMC_PROTO_PROTO_H
#define GREMC_PROTO_PROTO_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <rte_branch_prediction.h>
#include <rte_byteorder.h>
#include <rte_ether.h>
#include <rte_ip.h>

#include "base/base.h"
#include "proto/gre.h"

/* What a parser may find wrong: name, text. The drop reasons of stats/ begin with this list, in this order,
 * so a parser's answer is a drop reason. */
#define GREMC_PROTO_ERRORS(X)                                                                                \
	X(eth_truncated, "frame shorter than its Ethernet (and VLAN) header")                                \
	X(vlan_mismatch, "VLAN tag missing, unexpected or of another VLAN than the port's")                  \
	X(not_ipv4, "not IPv4 (ARP, IPv6, ...): not the fast path's")                                        \
	X(outer_version, "outer IP version is not 4")                                                        \
	X(outer_ihl, "outer IP header length below 20 bytes or past the packet's end")                       \
	X(outer_length, "outer IP total length below its header or past the frame's end")                    \
	X(outer_checksum, "outer IP header checksum is wrong")                                               \
	X(not_gre, "IPv4, but neither GRE nor multicast for a port that takes it: not the fast path's")      \
	X(outer_fragment, "outer packet is a fragment (RFC 7588)")                                           \
	X(gre_truncated, "GRE header past the packet's end")                                                 \
	X(gre_routing, "GRE routing bit is set (RFC 2784, 2.3)")                                             \
	X(gre_flags, "another GRE flag that must be zero is set (RFC 2784, 2.3)")                            \
	X(gre_version, "GRE version is not 0 (1 is PPTP)")                                                   \
	X(gre_protocol, "GRE protocol type is not IPv4")                                                     \
	X(inner_truncated, "inner packet shorter than an IP header")                                         \
	X(inner_version, "inner IP version is not 4")                                                        \
	X(inner_ihl, "inner IP header length below 20 bytes or past the packet's end")                       \
	X(inner_length, "inner IP total length below its header or past the outer packet's end")             \
	X(inner_checksum, "inner IP header checksum is wrong")                                               \
	X(inner_unicast, "inner destination is not multicast: not the fast path's")                          \
	X(inner_link_local, "inner destination in 224.0.0.0/24: never forwarded (RFC 1112)")                 \
	X(inner_igmp, "IGMP: never forwarded, whatever its TTL and group (RFC 3376, 4)")                     \
	X(bad_source, "inner source is multicast, broadcast, loopback or 0.0.0.0/8")                         \
	X(ttl_expired, "inner TTL is 0 or 1: not forwarded (RFC 1812)")                                      \
	X(ecn, "outer packet is marked CE but the inner one is not ECN-capable (RFC 6040)")

enum gremc_proto_error {
	GREMC_PROTO_OK = -1,
#define GREMC_X(name, text) GREMC_PROTO_##name,
	GREMC_PROTO_ERRORS(GREMC_X)
#undef GREMC_X
		GREMC_PROTO_ERROR_COUNT
};

/* ---- GRE (RFC 2784, 2890; the bits of 1701) ---- */

struct gremc_gre {
	uint32_t key;      /* host order; 0 when has_key is false */
	uint16_t protocol; /* EtherType, host order */
	uint8_t length;    /* header bytes, 4 to 16 */
	bool has_key;
};

/* Parse the GRE header in the `length` bytes at `data`. The protocol type is returned, not judged. */
enum gremc_proto_error gremc_gre_parse_slow(const uint8_t *data, size_t length, struct gremc_gre *gre);

/* The flags that say how to read a header; the others are ignored. */
#define GREMC_GRE_FLAGS                                                                                      \
	(GREMC_GRE_CHECKSUM | GREMC_GRE_ROUTING | GREMC_GRE_KEY | GREMC_GRE_SEQUENCE | GREMC_GRE_MBZ |       \
	 GREMC_GRE_VERSION)

/* The same; inline for headers without a field or with a key alone, which nearly all have. */
static inline enum gremc_proto_error gremc_gre_parse(const uint8_t *data, size_t length,
						     struct gremc_gre *gre)
{
	struct {
		rte_be16_t flags, protocol;
		rte_be32_t key;
	} header;

	if (unlikely(length < sizeof(header)))
		goto any;
	memcpy(&header, data, sizeof(header));
	header.flags &= RTE_BE16(GREMC_GRE_FLAGS);
	if (unlikely(header.flags & ~RTE_BE16(GREMC_GRE_KEY)))
		goto any;
	gre->has_key = header.flags != 0;
	gre->key = gre->has_key ? rte_be_to_cpu_32(header.key) : 0;
	gre->protocol = rte_be_to_cpu_16(header.protocol);
	gre->length = gre->has_key ? 8 : 4;
	return GREMC_PROTO_OK;
any : {
	struct gremc_gre other = {0}; /* so that *gre can be in registers */
	enum gremc_proto_error error = gremc_gre_parse_slow(data, length, &other);

	*gre = other;
	return error;
}
}

/* ---- IPv4 ---- */

/* Which header is parsed decides which reasons are given. */
enum gremc_ipv4_layer { GREMC_IPV4_OUTER, GREMC_IPV4_INNER };

struct gremc_ipv4 {
	uint16_t header_length; /* bytes, options included, 20 to 60 */
	uint16_t total_length;  /* bytes, header included; at most the `length` given */
};

/* Check version, IHL, total length against `length` (bytes of packet from here on, padding included) and,
 * with check_sum, the header checksum. Reads at most min(length, 60, readable) bytes: `readable` is how many
 * of them are contiguous at `data`; a header longer than that is reported as ihl. */
enum gremc_proto_error gremc_ipv4_parse_header_slow(const uint8_t *data, size_t length, size_t readable,
						    enum gremc_ipv4_layer layer, bool check_sum,
						    struct gremc_ipv4 *out);

/* Is the checksum of the 20 bytes right (RFC 1071)? The sum of right ones is a multiple of 0xffff, and not 0,
 * for the version is not. 2^64 is 1 modulo 0xffff: what is carried out of 64 bits comes in again as 1, and a
 * multiple is known by its product with the inverse of 0xffff modulo 2^64. */
static inline bool gremc_ipv4_checksum_is_valid(const uint8_t *data)
{
	uint64_t first, second, sum;
	uint32_t last;

	memcpy(&first, data, sizeof(first)); /* of any alignment */
	memcpy(&second, data + 8, sizeof(second));
	memcpy(&last, data + 16, sizeof(last));
	sum = first + second;
	sum += (sum < second);
	sum += last;
	sum += (sum < last);
	return sum * UINT64_C(0xfffefffefffeffff) <= UINT64_MAX / 0xffff;
}

/* The same; inline for headers without options and with nothing wrong. */
static inline enum gremc_proto_error gremc_ipv4_parse_header(const uint8_t *data, size_t length,
							     size_t readable, enum gremc_ipv4_layer layer,
							     bool check_sum, struct gremc_ipv4 *out)
{
	const struct rte_ipv4_hdr *ip = (const struct rte_ipv4_hdr *)data;
	unsigned total;

	if (unlikely(length < sizeof(*ip) || readable < sizeof(*ip) || ip->version_ihl != RTE_IPV4_VHL_DEF))
		goto any;
	total = rte_be_to_cpu_16(ip->total_length);
	/* from the header's length to what there is; below it the difference is huge */
	if (unlikely(total - sizeof(*ip) > length - sizeof(*ip) ||
		     (check_sum && !gremc_ipv4_checksum_is_valid(data))))
		goto any;
	out->header_length = sizeof(*ip);
	out->total_length = total;
	return GREMC_PROTO_OK;
any : {
	struct gremc_ipv4 other = {0}; /* so that *out can be in registers */
	enum gremc_proto_error error =
		gremc_ipv4_parse_header_slow(data, length, readable, layer, check_sum, &other);

	*out = other;
	return error;
}
}

/* What must hold of a multicast packet before it is forwarded: destination, protocol (control.h), source and
 * TTL, in that order. `ip` has passed gremc_ipv4_parse_header(). */
enum gremc_proto_error gremc_ipv4_check_multicast_slow(const struct rte_ipv4_hdr *ip);

/* The same; inline for UDP that is right. The function looks the other protocols up. */
static inline enum gremc_proto_error gremc_ipv4_check_multicast(const struct rte_ipv4_hdr *ip)
{
	uint8_t net = *(const uint8_t *)&ip->src_addr;

	/* 1 to 223, but not 127 */
	if (likely(gremc_ipv4_is_multicast(ip->dst_addr) && !gremc_ipv4_is_link_local_group(ip->dst_addr) &&
		   (uint8_t)(net - 1) < 223 && net != 127 && ip->time_to_live > 1 &&
		   ip->next_proto_id == IPPROTO_UDP))
		return GREMC_PROTO_OK;
	return gremc_ipv4_check_multicast_slow(ip);
}

/* Decrement the TTL, which is at least 2, and update the checksum incrementally (RFC 1624). */
static inline void gremc_ipv4_decrement_ttl(struct rte_ipv4_hdr *ip)
{
	/* ~(~HC + ~m + m') with m' = m - 0x0100: adding 0x0100 to HC with end-around carry is the same */
	uint32_t sum = ip->hdr_checksum + RTE_BE16(0x0100);

	ip->time_to_live--;
	ip->hdr_checksum = (uint16_t)(sum + (sum >= 0xffff));
}

/* ---- ECN on decapsulation (RFC 6040, 4.2) ---- */

#define GREMC_ECN_MASK    0x03u
#define GREMC_ECN_NOT_ECT 0x00u
#define GREMC_ECN_CE      0x03u

/* Carry the outer TOS's ECN field over to the inner header: GREMC_PROTO_ecn when the packet must be dropped.
 */
enum gremc_proto_error gremc_ipv4_decap_ecn_slow(struct rte_ipv4_hdr *inner, uint8_t outer_tos);

static inline enum gremc_proto_error gremc_ipv4_decap_ecn(struct rte_ipv4_hdr *inner, uint8_t outer_tos)
{
	if (likely(((inner->type_of_service ^ outer_tos) & GREMC_ECN_MASK) == 0 ||
		   (outer_tos & GREMC_ECN_MASK) == GREMC_ECN_NOT_ECT))
		return GREMC_PROTO_OK;
	return gremc_ipv4_decap_ecn_slow(inner, outer_tos);
}

/* ---- IGMP (RFC 1112 appendix I, 2236, 3376) ---- */

/* What may be wrong with an IGMP packet: name, text. The counters of igmp/ begin with this list. */
#define GREMC_IGMP_ERRORS(X)                                                                                 \
	X(truncated, "shorter than its IP header, its IGMP header, or what that announces")                  \
	X(header, "IP version, header length, total length or checksum is wrong, or a fragment")             \
	X(protocol, "not IGMP")                                                                              \
	X(ttl, "TTL is not 1 (RFC 3376, 4)")                                                                 \
	X(checksum, "IGMP checksum is wrong")                                                                \
	X(type, "a type that this version does not know, ignored (RFC 3376, 4)")                             \
	X(group, "the group is not multicast, or not there where it must be")

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
/* The largest IP packet. */
#define GREMC_IGMP_PACKET_MAX 65535u
/* The MTU that every interface has (RFC 791). Messages are built for this size at least. */
#define GREMC_IGMP_PACKET_MIN 68u

struct gremc_igmp_message {
	rte_be32_t source, destination; /* of the IP header */
	enum gremc_igmp_type type;
	uint8_t version; /* of a query: 1, 2 or 3, by its length and its code (RFC 3376, 7.1) */
	bool has_router_alert;
	rte_be32_t group; /* 0: a general query, a version 3 report */
	/* queries */
	uint32_t response_time; /* milliseconds */
	bool suppress;          /* S flag */
	uint8_t robustness;     /* QRV, 0: not told */
	uint32_t interval;      /* QQIC, milliseconds; 0: not told */
	uint16_t source_count;
	const uint8_t *sources; /* in the packet, 4 bytes each of any alignment */
	/* version 3 reports */
	uint16_t record_count;
	const uint8_t *records; /* all inside the packet */
};

struct gremc_igmp_record {
	uint8_t type; /* enum gremc_igmp_record_type, or another one, which is to be ignored */
	rte_be32_t group;
	uint16_t source_count;
	const uint8_t *sources; /* as above */
};

/* Parse the IP packet of `length` bytes. On GREMC_IGMP_OK *message points into it. Every announced source and
 * record is inside. */
enum gremc_igmp_error gremc_igmp_parse(const uint8_t *packet, size_t length,
				       struct gremc_igmp_message *message);
/* The record at `at` (first message->records) of a parsed report; returns where the next one is. */
const uint8_t *gremc_igmp_record_read(const uint8_t *at, struct gremc_igmp_record *record);
/* The i-th address of such a list of sources. */
rte_be32_t gremc_igmp_source_at(const uint8_t *sources, uint16_t i);

/* The floating point code of RFC 3376, 4.1.1 and 4.1.7, of at most 31744; what has no code of its own becomes
 * the next smaller that has. */
uint8_t gremc_igmp_code_encode(uint32_t value);
uint32_t gremc_igmp_code_decode(uint8_t code);

struct gremc_igmp_query {
	uint8_t version;                  /* 1, 2 or 3 */
	rte_be32_t source;                /* of the IP header; 0: this end has no address */
	rte_be32_t group;                 /* 0: general */
	uint32_t response_time, interval; /* milliseconds */
	uint8_t robustness;
	bool suppress;
	const rte_be32_t *sources; /* version 3 only */
	uint16_t source_count;     /* at most gremc_igmp_query_capacity() of the interface's MTU */
};

/* Sources that one IP packet of at most `size` bytes can hold, size >= GREMC_IGMP_PACKET_MIN: in a query, and
 * in the only record of a report. */
uint16_t gremc_igmp_query_capacity(size_t size);
uint16_t gremc_igmp_report_capacity(size_t size);

/* Build the whole IP packet: TTL 1, TOS 0xc0, Router Alert, checksums (RFC 3376, 4). `packet` has room for
 * the query's sources (GREMC_IGMP_PACKET_MIN bytes without any). Returns the packet's length. */
size_t gremc_igmp_query_build(uint8_t *packet, const struct gremc_igmp_query *query);
/* The same for a version 1 or 2 report, or a leave: 32 bytes. */
size_t gremc_igmp_v1v2_build(uint8_t *packet, enum gremc_igmp_type type, rte_be32_t source, rte_be32_t group);

/* A version 3 report that is filled record by record. The caller sets `packet` and `size`; the rest is 0. */
struct gremc_igmp_report {
	uint8_t *packet;
	size_t size;   /* bytes of the largest IP packet allowed, at least GREMC_IGMP_PACKET_MIN */
	size_t length; /* 0: no record yet */
	uint16_t record_count;
};
/* Append a whole record. Returns false, and changes nothing, when the record does not fit. A record of at
 * most gremc_igmp_report_capacity() sources always fits an empty report. */
bool gremc_igmp_report_add(struct gremc_igmp_report *report, uint8_t type, rte_be32_t group,
			   const rte_be32_t *sources, uint16_t source_count);
/* Write the headers and checksums. `length` is the packet's length afterwards. */
void gremc_igmp_report_finish(struct gremc_igmp_report *report, rte_be32_t source);

/* ---- Ethernet ---- */

/* The MAC of an IPv4 group: 01:00:5e and its low 23 bits (RFC 1112, 6.4). */
static inline void gremc_group_mac(uint8_t *mac, rte_be32_t group)
{
	const uint8_t *g = (const uint8_t *)&group;

	mac[0] = 0x01;
	mac[1] = 0x00;
	mac[2] = 0x5e;
	mac[3] = g[1] & 0x7f;
	mac[4] = g[2];
	mac[5] = g[3];
}

#endif
