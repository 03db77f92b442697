/* SPDX-License-Identifier: BSD-3-Clause */
/* Control traffic: protocols and addresses that no router forwards, whatever the TTL and the mroutes say. The
 * data path and the XDP program (steer/xdp) read this one table, so it is a macro and has plain C types only.
 */
#ifndef GREMC_PROTO_CONTROL_H
#define GREMC_PROTO_CONTROL_H

#define GREMC_CONTROL_ANY 256u /* any protocol */

/* protocol, group and prefix length (host order), drop reason; the first row that matches gives the reason.
 *
 * 224.0.0.0/24    RFC 1112, RFC 5771 section 4: never forwarded. PIM, OSPF, EIGRP, VRRP, IS-IS and CBT send
 *                 their multicast there.
 * IGMP            RFC 3376 section 4, RFC 2236: one hop, to any group. Routers take IGMP for all groups, so
 * the TTL is no guard: a site could send its neighbour's router a query, with a TTL of 2, and take its role.
 *
 * The same protocols to other groups are data, as they are to Linux: no router takes them for its own. */
#define GREMC_CONTROL_TABLE(X)                                                                               \
	X(GREMC_CONTROL_ANY, 0xe0000000u, 24, inner_link_local)                                              \
	X(2u, 0xe0000000u, 4, inner_igmp)

/* Does the row match a packet of this protocol to this group (host order)? */
#define GREMC_CONTROL_MATCHES(row_protocol, row_group, row_length, protocol, group)                          \
	(((row_protocol) == GREMC_CONTROL_ANY || (row_protocol) == (protocol)) &&                            \
	 (((group) ^ (row_group)) >> (32 - (row_length))) == 0)

#endif
