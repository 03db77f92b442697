/* SPDX-License-Identifier: BSD-3-Clause */
/* Control traffic: packets that no router forwards, with any TTL and any mroute. A macro with plain C types,
 * because the data path and the XDP program (steer/xdp) share the table. */
#ifndef GREMC_PROTO_CONTROL_H
#define GREMC_PROTO_CONTROL_H

#define GREMC_CONTROL_ANY 256u /* any protocol */

/* Rows: protocol; group and prefix length (host order); drop reason. The first matching row applies.
 *
 * 224.0.0.0/24    RFC 1112, RFC 5771 section 4. PIM, OSPF, EIGRP, VRRP, IS-IS and CBT use these groups.
 * IGMP            RFC 3376 section 4, RFC 2236: one hop, to any group. Routers accept IGMP to all groups. If
 * a query with a TTL of 2 were forwarded, one site would take over the querier's role of another.
 *
 * Other protocols to other groups are data, as in Linux. */
#define GREMC_CONTROL_TABLE(X)                                                                               \
	X(GREMC_CONTROL_ANY, 0xe0000000u, 24, inner_link_local)                                              \
	X(2u, 0xe0000000u, 4, inner_igmp)

/* Whether a row matches a packet of this protocol to this group (host order). */
#define GREMC_CONTROL_MATCHES(row_protocol, row_group, row_length, protocol, group)                          \
	(((row_protocol) == GREMC_CONTROL_ANY || (row_protocol) == (protocol)) &&                            \
	 (((group) ^ (row_group)) >> (32 - (row_length))) == 0)

#endif
