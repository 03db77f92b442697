/* SPDX-License-Identifier: BSD-3-Clause */
/* The options that plain tunnels do not have: GRE checksum and sequence number (RFC 2784, RFC 2890), and the
 * UDP header of GRE-in-UDP (RFC 8086). The
 * loops over plain packets and replicas reach these functions by tests that they make anyway: received
 * packets by the number in the tunnels' table (GREMC_VIF_CHECKED), sent ones by GREMC_ENCAP_OPTIONS. */
#ifndef GREMC_DATAPATH_OPTIONS_H
#define GREMC_DATAPATH_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "datapath/worker.h"
#include "proto/proto.h"

/* ---- received packets ---- */

/* Whether the GRE checksum of a packet is right (RFC 2784, 2.2).
 * Input:   a header with a checksum at `offset`, which `length` bytes of GRE follow from there. */
bool gremc_gre_checksum_is_valid(const struct rte_mbuf *mbuf, uint32_t offset, uint32_t length);
/* Whether the UDP checksum of a packet is right, which has one (RFC 768).
 * Input:   the UDP header at `offset`, of a datagram of `length` bytes in the packet `ip`. */
bool gremc_udp_checksum_is_valid(const struct rte_mbuf *mbuf, uint32_t offset, const struct rte_ipv4_hdr *ip,
				 uint16_t length);
/* Drop a frame whose UDP or GRE checksum is wrong, if it belongs to a tunnel.
 * Owner:   takes the mbuf over if it returns true.
 * Returns: false for GRE of no tunnel, which is not for the forwarder. */
bool gremc_checksum_drop(struct gremc_worker *worker, struct rte_mbuf *mbuf,
			 const struct gremc_tunnel_key *key, enum gremc_drop reason);
/* Check a packet of a vif that is down, or has options or a policy for received packets.
 * Input:   the headers are still in the data, and the outer ones are valid.
 * Owner:   takes the packet over if it returns false.
 * Returns: whether the packet goes on like one of a plain vif. */
bool gremc_tunnel_input_check(struct gremc_worker *worker, const struct gremc_packet *packet, uint32_t vif);

/* ---- replicas ---- */

/* The digest of the packet in replication, which all its replicas share. */
struct gremc_digest *gremc_replication_digest(struct gremc_worker *worker, const struct rte_mbuf *packet);
/* Write the UDP and GRE headers of a replica behind its outer IPv4 header `ip`, which is complete.
 * Input:   encap: the line with the template; packet: the inner one; digest: of the packet, or zero. */
void gremc_options_write(const struct gremc_vifs *vifs, uint32_t vif, const struct gremc_encap *encap,
			 const struct rte_mbuf *packet, struct gremc_digest *digest, uint8_t *ip);

#endif
