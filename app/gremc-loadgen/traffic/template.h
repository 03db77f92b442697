/* SPDX-License-Identifier: BSD-3-Clause */
/* Packet templates: for each flow and size, all headers complete except the UDP checksum, whose sum over
 * everything but the stamp is stored. Written by the control thread before each trial, read by the lcores
 * that transmit. */
#ifndef GREMC_LOADGEN_TRAFFIC_TEMPLATE_H
#define GREMC_LOADGEN_TRAFFIC_TEMPLATE_H

#include <assert.h>
#include <stdint.h>

#include <rte_ether.h>

#include "traffic/flows.h"

/* The longest headers: Ethernet 14, VLAN 4, IPv4 20, GRE with key 8, IPv4 20, UDP 8: 74 bytes. */
#define GREMC_TEMPLATE_HEADER 80u
#define GREMC_TEMPLATE_TTL    64u

struct gremc_template {
	uint8_t header[GREMC_TEMPLATE_HEADER]; /* right-aligned: the stamp follows its last byte */
	uint32_t flow;
	uint16_t header_length;
	uint16_t payload; /* bytes of UDP payload, with the stamp */
	uint32_t udp_sum; /* sum of pseudo header, UDP header and pattern, not folded */
	uint16_t port;    /* index of the forwarder's port */
	uint16_t reserved;
} __rte_aligned(128);

static_assert(GREMC_TEMPLATE_HEADER >= 14 + 4 + 20 + 8 + 20 + 8, "the longest headers fit");
static_assert(sizeof(struct gremc_template) == 128, "a template is two cache lines");

/* Build the template of a flow.
 * Input:   `inner` is at least GREMC_INNER_MIN; `target` is the MAC address of the forwarder's port,
 *          `sender` that of the site. */
void gremc_template_build(struct gremc_template *template, const struct gremc_flows *flows, uint32_t flow,
			  uint16_t inner, const struct rte_ether_addr *target,
			  const struct rte_ether_addr *sender);

/* Prepend the Ethernet, IPv4 and GRE headers of a packet that a tunnel's site sends.
 * Input:   `inner` is the length of the inner packet. */
void gremc_template_tunnel_add(struct gremc_template *template, const struct gremc_site *site, uint16_t inner,
			       const struct rte_ether_addr *target, const struct rte_ether_addr *sender);

#endif
