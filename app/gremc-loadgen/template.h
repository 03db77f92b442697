/* SPDX-License-Identifier: BSD-3-Clause */
/* Ready-made packets: of each flow and size all headers, complete but for the UDP checksum, of which all but
 * the stamp is summed. Made by the control thread for each trial, read by the transmitting lcores. */
#ifndef GREMC_LOADGEN_TEMPLATE_H
#define GREMC_LOADGEN_TEMPLATE_H

#include <stdint.h>

#include <rte_ether.h>

#include "flows.h"

/* The longest: Ethernet 14, VLAN 4, IPv4 20, GRE with key 8, IPv4 20, UDP 8 are 74. */
#define GREMC_TEMPLATE_HEADER 80u
#define GREMC_TEMPLATE_TTL    64u

struct gremc_template {
	uint8_t header[GREMC_TEMPLATE_HEADER]; /* right-aligned: its last byte is before the stamp's first */
	uint32_t flow;
	uint16_t header_length;
	uint16_t payload; /* bytes of UDP payload, stamp included */
	uint32_t udp_sum; /* of pseudo header, UDP header and pattern, not folded */
	uint16_t port;    /* index of the forwarder's port */
	uint16_t reserved;
} __rte_aligned(128);

/* The bytes that an inner packet of a flow must have to make a packet of this size. `outer` is a whole
 * Ethernet frame with FCS, as RFC 2544 counts; otherwise the inner IP packet. */
struct gremc_size {
	uint16_t bytes;
	bool outer;
};

/* Bytes around the inner packet of what site `site` sends: Ethernet, VLAN, IPv4, GRE; no FCS. */
uint16_t gremc_site_tx_overhead(const struct gremc_site *site);
/* The same of what the site receives. */
uint16_t gremc_site_rx_overhead(const struct gremc_site *site);
/* Inner bytes of a packet of `size` in a flow from `site`; 0: too small to hold a stamp. */
uint16_t gremc_size_inner_length(const struct gremc_site *site, struct gremc_size size);

/* `target` is the forwarder's MAC at that port, `sender` the site's. `inner` is at least GREMC_INNER_MIN.
 */
void gremc_template_build(struct gremc_template *template, const struct gremc_flows *flows, uint32_t flow,
			  uint16_t inner, const struct rte_ether_addr *target,
			  const struct rte_ether_addr *sender);

/* Put Ethernet, IPv4 and GRE header of what a tunnel's site sends before what `made` has so far; `inner` is
 * the length of the packet inside. */
void gremc_template_tunnel_add(struct gremc_template *template, const struct gremc_site *site, uint16_t inner,
			       const struct rte_ether_addr *target, const struct rte_ether_addr *sender);

#endif
