/* SPDX-License-Identifier: BSD-3-Clause */
/* Encaps: the outer headers of vifs, prepared as templates that each replica copies. */
#ifndef GREMC_VIF_ENCAP_H
#define GREMC_VIF_ENCAP_H

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <rte_common.h>

#include "base/atomic.h"
#include "vif/adjacency.h"

#define GREMC_ENCAP_HEADER_MAX 44

#define GREMC_ENCAP_UDP_CHECKSUM UINT16_MAX /* in the template: replicas have a UDP checksum */

/* Each flag is work beyond the copy of the template (gremc_encap_patch). */
enum gremc_encap_flags {
	GREMC_ENCAP_NATIVE = 1,      /* no outer header: the inner packet leaves a port unchanged */
	GREMC_ENCAP_TTL_INHERIT = 2, /* outer TTL from the inner packet, as forwarded */
	GREMC_ENCAP_DF_INHERIT = 4,  /* outer DF from the inner packet */
	GREMC_ENCAP_ID = 8,          /* DF may be clear: each packet needs its own identification */
	GREMC_ENCAP_HOST = 16,       /* NATIVE to the host: the L2 header's source holds the iif */
	GREMC_ENCAP_CHANGING = 32,   /* the template is in the encap's twin */
	GREMC_ENCAP_OPTIONS = 64,    /* UDP, GRE checksum or sequence number (datapath/options.h) */
	GREMC_ENCAP_ADJUST = 128, /* a DSCP map or a policer: work for the replica cache, none for a header */
};

#define GREMC_ENCAP_TOS_MAPPED 1u /* in `tos`, whose ECN bits are not fixed */

/* One cache line: the outer header of a tunnel as IPv4 with TOS, length and checksum zero, then UDP for
 * GRE-in-UDP, then GRE; and the input key and kind, which identify the packets of the peer together with the
 * addresses in the header. With GREMC_ENCAP_OPTIONS the template's GRE header has the first word and the key
 * only: a replica's header, of header_length bytes, is longer. */
struct gremc_encap {
	uint8_t header[GREMC_ENCAP_HEADER_MAX];
	uint32_t sum; /* of the IPv4 header's 16-bit words from the third on, folded to 16 bits; each replica
			 sets the first two */
	union {
		struct {
			uint16_t adjacency;    /* index */
			uint16_t mtu;          /* bytes of the largest inner packet */
			uint8_t header_length; /* bytes of the template; 0 for a native port */
			uint8_t flags;         /* enum gremc_encap_flags */
			uint8_t tos;      /* fixed bits of the outer TOS; or GREMC_ENCAP_TOS_MAPPED and the
					     number of a DSCP map << 1 */
			uint8_t tos_mask; /* bits copied from the inner TOS: 0x03 (ECN), 0xfc (DSCP) */
		};
		/* Replicas of one packet with equal encap keys differ at most in the bytes of the template.
		 * Writer: control thread, all fields in one store. Readers: workers and telemetry, relaxed.
		 */
		gremc_atomic_u64 encap_key;
	};
	uint32_t input_key; /* 0 without one */
	uint32_t kind;      /* gremc_tunnel_kind() */
} __rte_cache_aligned;

static_assert(sizeof(struct gremc_encap) == 64, "an encap is one cache line");
static_assert(offsetof(struct gremc_encap, input_key) - offsetof(struct gremc_encap, encap_key) ==
		      sizeof(uint64_t),
	      "encap_key covers every field beside it");
static_assert(offsetof(struct gremc_encap, encap_key) % sizeof(uint64_t) == 0,
	      "encap_key is stored atomically");
static_assert(GREMC_ADJACENCIES_MAX <= UINT16_MAX + 1, "an encap's index reaches all adjacencies");
static_assert(offsetof(struct gremc_encap, kind) == offsetof(struct gremc_encap, input_key) + 4,
	      "both are compared as one");

/* The kind of a tunnel's received packets: the UDP port of GRE-in-UDP in the upper half, 0 for plain GRE; and
 * whether they have a key. */
static inline uint32_t gremc_tunnel_kind(uint16_t udp_port, bool has_key)
{
	return (uint32_t)udp_port << 16 | has_key;
}
/* The UDP port of a kind; 0: plain GRE. */
static inline uint16_t gremc_tunnel_kind_port(uint32_t kind)
{
	return (uint16_t)(kind >> 16);
}

/* An encap with the fields of an encap key alone. */
static inline struct gremc_encap gremc_encap_from_key(uint64_t encap_key)
{
	return (struct gremc_encap){.encap_key = {encap_key}};
}

/* relaxed: all that a key leads to stays valid until the reader's next quiescent state */
static inline uint64_t gremc_encap_key_load(const struct gremc_encap *encap)
{
	return gremc_u64_load(&encap->encap_key);
}

#endif
