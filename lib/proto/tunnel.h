/* SPDX-License-Identifier: BSD-3-Clause */
/* The options of a GRE tunnel. The configuration sets them; the vif builds its outer header from them. */
#ifndef GREMC_PROTO_TUNNEL_H
#define GREMC_PROTO_TUNNEL_H

#include <assert.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include <rte_byteorder.h>
#include <rte_ip.h>
#include <rte_udp.h>

#include "base/keyword.h"
#include "proto/dscp.h"

/* The outer Don't Fragment bit. */
enum gremc_df {
	GREMC_DF_SET,
	GREMC_DF_CLEAR,
	GREMC_DF_INHERIT, /* the inner packet's bit */
};

extern const struct gremc_keywords gremc_df_keywords;

/* GRE sequence numbers (RFC 2890, 2.2). With all but OFF, sent packets have one. */
enum gremc_sequence {
	GREMC_SEQUENCE_OFF,
	GREMC_SEQUENCE_COUNT,  /* loss, reordering and duplicates of received packets are counted */
	GREMC_SEQUENCE_STRICT, /* received packets that are not above the last number are dropped */
};

extern const struct gremc_keywords gremc_sequence_keywords;

/* The outer ECN field of packets sent (RFC 6040, 4.1). */
enum gremc_ecn_mode {
	GREMC_ECN_NORMAL,        /* a copy of the inner one */
	GREMC_ECN_COMPATIBILITY, /* Not-ECT, for peers that ignore the outer field */
};

extern const struct gremc_keywords gremc_ecn_mode_keywords;

#define GREMC_UDP_GRE_PORT 4754 /* destination port of GRE-in-UDP (RFC 8086, section 3.2.2) */

/* The mode of a tunnel. */
enum gremc_tunnel_mode {
	GREMC_TUNNEL_GRE,
	GREMC_TUNNEL_GRE_UDP, /* RFC 8086 */
};

extern const struct gremc_keywords gremc_tunnel_mode_keywords;

/* Without padding, so that it is compared as a whole. A key that is absent is 0. */
struct gremc_tunnel_options {
	rte_be32_t local, remote;       /* outer addresses: of this end, of the other end */
	uint32_t input_key, output_key; /* GRE keys of received and of sent packets (RFC 2890), host order */
	uint16_t mtu;                   /* bytes of the largest inner packet; 0: as the port allows */
	uint16_t udp_port;              /* of GRE-in-UDP (RFC 8086), at both ends; 0: plain GRE */
	bool has_input_key, has_output_key;
	uint8_t ttl;       /* outer TTL; 0: the inner packet's */
	uint8_t tos;       /* outer DSCP << 2 unless tos_inherit */
	bool tos_inherit;  /* DSCP of the inner packet (RFC 2983) */
	uint8_t df;        /* enum gremc_df */
	bool checksum;     /* sent packets have a GRE checksum (RFC 2784, 2.1) */
	uint8_t sequence;  /* enum gremc_sequence */
	uint8_t ecn;       /* enum gremc_ecn_mode */
	bool has_dscp_map; /* the outer DSCP is that of dscp_map, instead of tos and tos_inherit */
	bool udp_checksum; /* sent packets have a UDP checksum (RFC 8086, 6.1) */
	uint8_t unused;
	uint8_t dscp_map[GREMC_DSCP_COUNT]; /* [inner DSCP] 0 without has_dscp_map */
};

/* A new option changes this sum; it is then part of the comparison. */
static_assert(sizeof(struct gremc_tunnel_options) ==
		      4 * sizeof(uint32_t) + 2 * sizeof(uint16_t) + (12 + GREMC_DSCP_COUNT) * sizeof(uint8_t),
	      "tunnel options have no padding");

/* The mode of a tunnel with these options. */
static inline enum gremc_tunnel_mode gremc_tunnel_mode(const struct gremc_tunnel_options *options)
{
	return options->udp_port ? GREMC_TUNNEL_GRE_UDP : GREMC_TUNNEL_GRE;
}

/* Whether all options are equal. */
static inline bool gremc_tunnel_options_equal(const struct gremc_tunnel_options *a,
					      const struct gremc_tunnel_options *b)
{
	return memcmp(a, b, sizeof(*a)) == 0;
}

/* Bytes of the GRE header that is sent. */
static inline uint16_t gremc_tunnel_gre_length(const struct gremc_tunnel_options *options)
{
	return (uint16_t)(4 + 4 * (options->checksum + options->has_output_key +
				   (options->sequence != GREMC_SEQUENCE_OFF)));
}

/* Bytes of the outer IPv4, UDP and GRE headers, which a port's MTU has to hold beside the inner packet. */
static inline uint16_t gremc_tunnel_overhead(const struct gremc_tunnel_options *options)
{
	return (uint16_t)(sizeof(struct rte_ipv4_hdr) + (options->udp_port ? sizeof(struct rte_udp_hdr) : 0) +
			  gremc_tunnel_gre_length(options));
}

/* The MTU of the tunnel over a port.
 * Input:   port_mtu is at least the overhead.
 * Returns: bytes of the largest inner packet: the configured MTU if it fits the port. */
static inline uint16_t gremc_tunnel_mtu(const struct gremc_tunnel_options *options, uint16_t port_mtu)
{
	const uint16_t largest = (uint16_t)(port_mtu - gremc_tunnel_overhead(options));

	return options->mtu && options->mtu < largest ? options->mtu : largest;
}

#endif
