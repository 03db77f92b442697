/* SPDX-License-Identifier: BSD-3-Clause */
/* The UDP header of GRE-in-UDP (RFC 8086). */
#ifndef GREMC_PROTO_UDP_H
#define GREMC_PROTO_UDP_H

#include <stddef.h>
#include <stdint.h>

#include <rte_ip.h>
#include <rte_udp.h>

#include "proto/error.h"

#define GREMC_UDP_SOURCE_BASE 49152u /* source ports are this one and above (RFC 8086, section 3.2.1) */

struct gremc_udp {
	uint16_t source, destination; /* ports, host order */
	uint16_t length;              /* bytes, header included; at least 8 */
	uint16_t checksum;            /* as received; 0: none */
};

/* Parse the UDP header at the start of an IPv4 payload of `length` bytes, of which `readable` are contiguous.
 * Returns: GREMC_PROTO_OK; GREMC_PROTO_udp_truncated: the header or its length exceeds the payload.
 * RFC:     768. */
enum gremc_proto_error gremc_udp_parse(const uint8_t *data, size_t length, size_t readable,
				       struct gremc_udp *udp);
/* The folded ones' complement sum of the pseudo-header, in the packet's byte order.
 * Input:   length of the UDP header and its payload in bytes.
 * RFC:     768. */
uint16_t gremc_udp_pseudo_sum(const struct rte_ipv4_hdr *ip, uint16_t length);
/* Compute the source port by which the underlay distributes flows: equal for all packets of an inner flow.
 * The ports of the flow count, too, unless the packet is a fragment.
 * Input:   an inner packet with a valid header, of which `readable` bytes are contiguous.
 * Returns: GREMC_UDP_SOURCE_BASE or more, host order.
 * RFC:     8086, section 3.2.1. */
uint16_t gremc_udp_source_port(const struct rte_ipv4_hdr *inner, size_t readable);
/* Write a UDP header in front of `gre_length` bytes of GRE header, which are written already.
 * Input:   ip: the outer header with its length; sum: of the inner packet, or NULL for no checksum.
 * RFC:     768; 8086, section 3.2. */
void gremc_udp_write(const struct rte_ipv4_hdr *ip, struct rte_udp_hdr *udp, uint16_t source,
		     uint16_t destination, unsigned gre_length, const uint16_t *sum);

#endif
