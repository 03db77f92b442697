/* SPDX-License-Identifier: BSD-3-Clause */
/* The errors of the parsers. */
#ifndef GREMC_PROTO_ERROR_H
#define GREMC_PROTO_ERROR_H

/* Name and text. The drop reasons of stats/ start with this list, in this order. */
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
	X(gre_checksum, "GRE checksum is wrong (RFC 2784, 2.2)")                                             \
	X(udp_truncated, "UDP header or length past the packet's end (RFC 768)")                             \
	X(udp_checksum, "UDP checksum of GRE-in-UDP is wrong (RFC 8086, 6.1)")                               \
	X(inner_truncated, "inner packet shorter than an IP header")                                         \
	X(inner_version, "inner IP version is not 4")                                                        \
	X(inner_ihl, "inner IP header length below 20 bytes or past the packet's end")                       \
	X(inner_length, "inner IP total length below its header or past the outer packet's end")             \
	X(inner_checksum, "inner IP header checksum is wrong")                                               \
	X(inner_unicast, "inner destination is not multicast: not the fast path's")                          \
	X(inner_link_local, "inner destination in 224.0.0.0/24: never forwarded (RFC 1112)")                 \
	X(inner_igmp, "IGMP: never forwarded, with any TTL and group (RFC 3376, 4)")                         \
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

#endif
