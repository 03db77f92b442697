/* SPDX-License-Identifier: BSD-3-Clause */
/* GRE keepalives, as routers of Cisco, Huawei and MikroTik send them. No RFC describes them.
 *
 * A keepalive travels through the tunnel. Its inner packet is the answer, complete: an IPv4 packet from the
 * receiver to the sender with an empty GRE packet of protocol 0. The receiver removes the outer headers and
 * forwards the answer by its underlay, outside the tunnel. */
#ifndef GREMC_PROTO_KEEPALIVE_H
#define GREMC_PROTO_KEEPALIVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/tunnel.h"

#define GREMC_GRE_KEEPALIVE 0u /* the GRE protocol of an answer */
#define GREMC_KEEPALIVE_MAX 28 /* bytes of a keepalive that gremc_keepalive_build() makes */

/* Build the inner packet of a keepalive: the answer that the peer of the tunnel returns.
 * Input:   id: the identification of the answer.
 * Output:  `packet` has a capacity of GREMC_KEEPALIVE_MAX bytes.
 * Returns: its length in bytes. */
uint16_t gremc_keepalive_build(uint8_t *packet, const struct gremc_tunnel_options *options, uint16_t id);
/* Whether an inner packet of a tunnel is a keepalive of its peer. It carries the answer: from the tunnel's
 * local to its remote address, GRE of protocol 0, without a key or with the tunnel's output key.
 * Input:   a header that gremc_ipv4_parse_header() has accepted, of which `readable` bytes are contiguous. */
bool gremc_keepalive_is_request(const uint8_t *packet, size_t readable,
				const struct gremc_tunnel_options *options);
/* Decrement the TTL of a keepalive as a router does, so that it can be sent by the underlay.
 * Input:   a packet for which gremc_keepalive_is_request() is true.
 * Returns: false: the TTL is spent, and the packet is unchanged. */
bool gremc_keepalive_turn(uint8_t *packet);

#endif
