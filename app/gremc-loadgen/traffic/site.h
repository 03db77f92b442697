/* SPDX-License-Identifier: BSD-3-Clause */
/* A site: the network behind one vif of the forwarder, which the load generator plays. */
#ifndef GREMC_LOADGEN_TRAFFIC_SITE_H
#define GREMC_LOADGEN_TRAFFIC_SITE_H

#include <stdbool.h>
#include <stdint.h>

#include <rte_byteorder.h>

#include "config/config.h"
#include "traffic/mix.h"

struct gremc_site {
	const char *name;     /* borrowed from the configuration */
	bool native;          /* a LAN at a port with native multicast; otherwise a tunnel */
	bool used;            /* false for a port without native multicast */
	bool has_in, has_out; /* GRE keys: sent by the site (the forwarder's input), received by the site */
	uint32_t in_key, out_key;
	rte_be32_t site, forwarder; /* outer addresses; 0 for a LAN */
	rte_be32_t inner;           /* source address of the packets that the site sends */
	uint32_t port;              /* index of the forwarder's port */
	uint16_t vlan;
	uint16_t mtu; /* largest inner packet that the configuration permits; 0: it sets no limit */
};

/* Describe the sites of a configuration: its tunnels, then its ports.
 * Returns:  an array of *count sites; NULL if memory is short.
 * Lifetime: borrows the names of `config`; free() releases the array. */
struct gremc_site *gremc_sites_create(const struct gremc_config *config, uint32_t *count);

/* Returns: bytes around the inner packet of a frame that the site sends (Ethernet, VLAN, IPv4, GRE), without
 *          FCS. */
uint16_t gremc_site_tx_overhead(const struct gremc_site *site);
/* Returns: bytes of the inner packet that makes a packet of `size`; 0 if it is too small for a stamp. */
uint16_t gremc_size_inner_length(const struct gremc_site *site, struct gremc_packet_size size);
/* Returns: bytes of the largest inner packet that the forwarder can send to the site. */
uint16_t gremc_site_inner_max(const struct gremc_site *site);

#endif
