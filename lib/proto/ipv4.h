/* SPDX-License-Identifier: BSD-3-Clause */
/* IPv4 headers: parser, checks before forwarding, TTL, ECN, and the MAC addresses of groups. */
#ifndef GREMC_PROTO_IPV4_H
#define GREMC_PROTO_IPV4_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <rte_branch_prediction.h>
#include <rte_byteorder.h>
#include <rte_ip.h>

#include "base/base.h"
#include "proto/error.h"

/* ---- parser ---- */

/* The header that is parsed; it selects the errors. */
enum gremc_ipv4_layer { GREMC_IPV4_OUTER, GREMC_IPV4_INNER };

struct gremc_ipv4 {
	uint16_t header_length; /* bytes, options included, 20 to 60 */
	uint16_t total_length;  /* bytes, header included; at most the `length` given */
};

/* gremc_ipv4_parse_header() for all headers, out of line. */
enum gremc_proto_error gremc_ipv4_parse_header_slow(const uint8_t *data, size_t length, size_t readable,
						    enum gremc_ipv4_layer layer, bool check_sum,
						    struct gremc_ipv4 *out);

/* Returns whether the checksum of a header of 20 bytes is valid (RFC 1071).
 *
 * The one's complement sum of a valid header is a multiple of 0xffff. It is not 0 because the version is not
 * 0. 2^64 is 1 modulo 0xffff, so each carry out of 64 bits is added as 1. A number is a multiple of 0xffff if
 * its product with the inverse of 0xffff modulo 2^64 is at most (2^64 - 1) / 0xffff. */
static inline bool gremc_ipv4_checksum_is_valid(const uint8_t *data)
{
	uint64_t first, second, sum;
	uint32_t last;

	memcpy(&first, data, sizeof(first)); /* any alignment */
	memcpy(&second, data + 8, sizeof(second));
	memcpy(&last, data + 16, sizeof(last));
	sum = first + second;
	sum += (sum < second);
	sum += last;
	sum += (sum < last);
	return sum * UINT64_C(0xfffefffefffeffff) <= UINT64_MAX / 0xffff;
}

/* Check version, IHL, total length and, with check_sum, the checksum of an IPv4 header. Inline for valid
 * headers without options.
 * Input:   `length` bytes of packet from the header on, with padding, of which `readable` are contiguous at
 *          `data`. Reads at most min(length, readable, 60) bytes.
 * Output:  on GREMC_PROTO_OK *out.
 * Returns: GREMC_PROTO_OK or the first error of the layer; a header beyond the readable bytes is an ihl
 *          error. */
static inline enum gremc_proto_error gremc_ipv4_parse_header(const uint8_t *data, size_t length,
							     size_t readable, enum gremc_ipv4_layer layer,
							     bool check_sum, struct gremc_ipv4 *out)
{
	const struct rte_ipv4_hdr *ip = (const struct rte_ipv4_hdr *)data;
	unsigned total;

	if (unlikely(length < sizeof(*ip) || readable < sizeof(*ip) || ip->version_ihl != RTE_IPV4_VHL_DEF))
		goto slow;
	total = rte_be_to_cpu_16(ip->total_length);
	/* header length <= total <= length; a smaller total wraps around */
	if (unlikely(total - sizeof(*ip) > length - sizeof(*ip) ||
		     (check_sum && !gremc_ipv4_checksum_is_valid(data))))
		goto slow;
	out->header_length = sizeof(*ip);
	out->total_length = total;
	return GREMC_PROTO_OK;
slow : {
	struct gremc_ipv4 other = {0}; /* keeps *out in registers */
	enum gremc_proto_error error =
		gremc_ipv4_parse_header_slow(data, length, readable, layer, check_sum, &other);

	*out = other;
	return error;
}
}

/* gremc_ipv4_check_multicast() for all packets, out of line. */
enum gremc_proto_error gremc_ipv4_check_multicast_slow(const struct rte_ipv4_hdr *ip);

/* Check that a packet may be forwarded as multicast: destination, protocol (control.h), source and TTL, in
 * this order. Inline for valid UDP packets.
 * Input:   a header that gremc_ipv4_parse_header() has accepted.
 * Returns: GREMC_PROTO_OK or the first error. */
static inline enum gremc_proto_error gremc_ipv4_check_multicast(const struct rte_ipv4_hdr *ip)
{
	uint8_t net = *(const uint8_t *)&ip->src_addr;

	/* the first byte of a unicast source is 1 to 223, but not 127 */
	if (likely(gremc_ipv4_is_multicast(ip->dst_addr) && !gremc_ipv4_is_link_local_group(ip->dst_addr) &&
		   (uint8_t)(net - 1) < 223 && net != 127 && ip->time_to_live > 1 &&
		   ip->next_proto_id == IPPROTO_UDP))
		return GREMC_PROTO_OK;
	return gremc_ipv4_check_multicast_slow(ip);
}

/* Decrement the TTL and update the checksum incrementally (RFC 1624).
 * Input:   the TTL is at least 2. */
static inline void gremc_ipv4_decrement_ttl(struct rte_ipv4_hdr *ip)
{
	/* HC' = ~(~HC + ~m + m') with m' = m - 0x0100, which equals HC + 0x0100 with end-around carry */
	uint32_t sum = ip->hdr_checksum + RTE_BE16(0x0100);

	ip->time_to_live--;
	ip->hdr_checksum = (uint16_t)(sum + (sum >= 0xffff));
}

/* ---- ECN ---- */

#define GREMC_ECN_MASK    0x03u
#define GREMC_ECN_NOT_ECT 0x00u
#define GREMC_ECN_CE      0x03u

/* gremc_ipv4_decap_ecn() for all packets, out of line. */
enum gremc_proto_error gremc_ipv4_decap_ecn_slow(struct rte_ipv4_hdr *inner, uint8_t outer_tos);

/* Merge the ECN field of the outer header into the inner header and update the inner checksum (RFC 6040,
 * 4.2). Inline for equal fields and for an outer field without ECN.
 * Returns: GREMC_PROTO_OK; GREMC_PROTO_ecn if the packet must be dropped. */
static inline enum gremc_proto_error gremc_ipv4_decap_ecn(struct rte_ipv4_hdr *inner, uint8_t outer_tos)
{
	if (likely(((inner->type_of_service ^ outer_tos) & GREMC_ECN_MASK) == 0 ||
		   (outer_tos & GREMC_ECN_MASK) == GREMC_ECN_NOT_ECT))
		return GREMC_PROTO_OK;
	return gremc_ipv4_decap_ecn_slow(inner, outer_tos);
}

/* ---- groups ---- */

/* Write the MAC address of a group: 01:00:5e and the low 23 bits of the group (RFC 1112, 6.4). */
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
