/* SPDX-License-Identifier: BSD-3-Clause */
/* ICMP Destination Unreachable about GRE packets of a tunnel (RFC 792, RFC 1191). */
#ifndef GREMC_PROTO_ICMP_H
#define GREMC_PROTO_ICMP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <rte_byteorder.h>

#define GREMC_ICMP_UNREACHABLE          3u
#define GREMC_ICMP_FRAGMENTATION_NEEDED 4u /* code */

/* A router's report about a packet that it could not forward. */
struct gremc_icmp_error {
	uint8_t code;
	uint16_t next_hop_mtu; /* bytes; 0 unless the code is fragmentation needed, and from old routers */
	/* of the quoted packet */
	rte_be32_t source, destination;
	uint16_t total_length;
	uint16_t udp_port; /* destination port of GRE-in-UDP; 0: plain GRE */
	uint32_t key;      /* GRE key; 0 without one */
	bool has_key;
};

/* Parse an IPv4 packet as an ICMP unreachable that quotes a packet of GRE or UDP, with GRE and
 * an IPv4 payload. Any UDP port is accepted; the caller compares it.
 * Input:   a header that gremc_ipv4_parse_header() has accepted, of which `readable` bytes are contiguous.
 * Returns: false: it is another packet, its checksum is wrong, or the quote ends before the GRE key. */
bool gremc_icmp_error_parse(const uint8_t *packet, size_t readable, struct gremc_icmp_error *error);
/* The MTU that a report implies.
 * Returns: next_hop_mtu; from a router that reports none, the next lower plateau (RFC 1191, section 7.1). */
uint16_t gremc_icmp_error_mtu(const struct gremc_icmp_error *error);

#endif
