/* SPDX-License-Identifier: BSD-3-Clause */
/* vif: what multicast enters and leaves by: tunnels and native ports, their encap templates, the table that
 * finds a tunnel by its outer header, and the adjacencies (next hops' L2 rewrites).
 *
 * One writer (the control thread), lock-free readers online in the RCU. A vif is the key of its packets:
 * local and remote address and input key never change. Everything else changes while packets pass: the shape
 * of an encap by one store, its template by way of a second line (change.c). An adjacency changes by one
 * pointer store, however many tunnels use it. One that becomes resolved is `ready` a grace period later: by
 * then every worker has seen it between two bursts, and sent what had waited for it.
 *
 * What a packet or a replica touches is on each NUMA node that has workers: encaps, adjacencies, the tunnels'
 * table, what is known of ports. A worker reads its own node's (gremc_vifs_on_socket), so the writer makes
 * every change on each of them; indexes are the same on all. Between two nodes a change is seen at moments a
 * little apart. */
#ifndef GREMC_VIF_VIF_H
#define GREMC_VIF_VIF_H

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <rte_common.h>
#include <rte_ether.h>
#include <rte_hash.h>

#include "base/base.h"
#include "hash/hash.h"
#include "proto/tunnel.h"
#include "rcu/rcu.h"
#include "stats/stats.h"

#define GREMC_VIFS_MAX        (1u << 17)
#define GREMC_VIF_NONE        UINT32_MAX
#define GREMC_ADJACENCIES_MAX (1u << 16)
#define GREMC_L2_MAX          32
#define GREMC_PORT_NONE       UINT16_MAX

/* ---- adjacencies ---- */

/* Stands for an IPv6 next hop of IPv4 packets (RFC 5549). No IPv4 host has this address. */
#define GREMC_NEXT_HOP_IPV6 RTE_BE32(0x00000006)

/* One published L2 rewrite: immutable, freed after a grace period. */
struct gremc_adjacency {
	uint8_t l2[GREMC_L2_MAX]; /* the header, right-aligned: its last byte is l2[31] */
	uint8_t l2_length;        /* 14, or 18 with a VLAN tag */
	bool resolved;            /* false: the MAC is not known, nothing can be sent */
	bool ready;               /* resolved for so long that no replica waits for it any more */
	bool known;               /* the MAC is known, whether the interface is up or down */
	bool down;                /* the operator has set the interface down: neither resolved nor ready */
	uint16_t port;            /* index in struct gremc_ports */
	rte_be32_t next_hop;      /* 0: native multicast, the destination MAC is the group's */
	uint8_t next_hop6[16];    /* where next_hop is GREMC_NEXT_HOP_IPV6 */
} __rte_cache_aligned;

/* ---- encaps ---- */

#define GREMC_ENCAP_HEADER_MAX 36

/* Any of these is work beyond the template (gremc_encap_patch). */
enum gremc_encap_flags {
	GREMC_ENCAP_NATIVE = 1,      /* no outer header: the inner packet leaves a port as it is */
	GREMC_ENCAP_TTL_INHERIT = 2, /* outer TTL from the inner packet, as forwarded */
	GREMC_ENCAP_DF_INHERIT = 4,  /* outer DF from the inner packet */
	GREMC_ENCAP_ID = 8,          /* DF may be clear: each packet needs an identification of its own */
	GREMC_ENCAP_HOST = 16,       /* NATIVE to the host: the L2 header's source says the iif */
	GREMC_ENCAP_CHANGING = 32,   /* the template is in the encap's twin */
};

/* A tunnel's outer header, ready: IPv4 with TOS, length and checksum zero, then GRE; and what its
 * peer's packets are known by. One cache line. */
struct gremc_encap {
	uint8_t header[GREMC_ENCAP_HEADER_MAX];
	uint32_t sum; /* of the IPv4 header's 16-bit words but the first two, which each replica sets anew;
			 folded to 16 bits */
	union {
		struct {
			uint16_t adjacency;    /* index */
			uint16_t mtu;          /* largest inner packet */
			uint8_t header_length; /* 24 or 28; 0 for a native port */
			uint8_t flags;         /* enum gremc_encap_flags */
			uint8_t tos;           /* fixed bits of the outer TOS */
			uint8_t tos_mask; /* bits taken from the inner TOS: 0x03 (ECN) or 0xff (inherit) */
		};
		uint64_t encap_key; /* all of that: equal shapes make of one packet replicas that differ in
				   the template's bytes only, or none */
	};
	uint32_t input_key; /* with the header's addresses what identifies the tunnel's packets; 0 without */
	uint32_t has_input_key; /* 0 or 1 */
} __rte_cache_aligned;

static_assert(sizeof(struct gremc_encap) == 64, "an encap is one cache line");
static_assert(GREMC_ADJACENCIES_MAX <= UINT16_MAX + 1, "an encap's index reaches all adjacencies");
static_assert(offsetof(struct gremc_encap, has_input_key) == offsetof(struct gremc_encap, input_key) + 4,
	      "both are compared as one");

enum gremc_vif_kind { GREMC_VIF_FREE, GREMC_VIF_TUNNEL, GREMC_VIF_PORT, GREMC_VIF_HOST };

/* What of a vif, or of a port, goes to the control thread instead of being dropped. */
enum gremc_vif_punt {
	GREMC_VIF_PUNT_CONTROL = 1,   /* control traffic to a group (proto/control.h) */
	GREMC_VIF_PUNT_UNICAST = 2,   /* inner unicast */
	GREMC_VIF_PUNT_MULTICAST = 4, /* multicast that no mroute takes */
	GREMC_VIF_PUNT_FRAMES = 8,    /* a port: every frame that is no configured tunnel's */
};

#define GREMC_VIF_NAME_SIZE GREMC_NAME_SIZE

/* The sources that a vif takes where an mroute asks for it: ranges of addresses, in host byte order and
 * ascending. Immutable once published. */
struct gremc_vif_sources {
	uint32_t count;
	struct gremc_vif_range {
		uint32_t first, last;
	} range[];
};

/* What is known of a vif beside the fast path: names, the settings as text needs them. Immutable once
 * published. */
struct gremc_vif_info {
	enum gremc_vif_kind kind;
	char name[GREMC_VIF_NAME_SIZE];
	uint16_t port; /* index in struct gremc_ports that it sends by */
	uint16_t mtu;  /* bytes of the largest inner packet, as configured and as the port allows */
	/* tunnels only */
	rte_be32_t next_hop; /* 0: no route to the remote */
	struct gremc_tunnel_options options;
};

/* ---- the table of all of them ---- */

/* The outer header's identity of a tunnel packet. */
struct gremc_tunnel_key {
	rte_be32_t local;  /* outer destination */
	rte_be32_t remote; /* outer source */
	uint32_t key;      /* 0 without one */
	uint32_t has_key;  /* 0 or 1 */
};

/* As it is on one node. What is read seldom (info, peers, punt, serial; sources, of mroutes that ask for it)
 * is the same memory for all. */
struct gremc_vifs {
	/* [vif], and behind GREMC_VIFS_MAX of them the twins; reserved address space */
	struct gremc_encap *encap;
	struct gremc_adjacency **adjacency;   /* [adjacency]: load-acquire; never NULL at an index in use */
	const struct gremc_vif_info **info;   /* [vif]: load-acquire; NULL: free */
	uint32_t limit;                       /* vifs below it may be in use; load-acquire */
	struct gremc_hash *tunnels;           /* outer identity to vif; load-acquire, grows by replacement */
	struct rte_hash *peers;               /* two addresses to the number of their tunnels */
	uint32_t port_vif[GREMC_STATS_PORTS]; /* of a port with native multicast, or GREMC_VIF_NONE */
	const struct gremc_vif_sources **sources; /* [vif]: load-acquire; NULL: none are taken */
	uint32_t *serial; /* [vif] relaxed: odd while the index is a vif's, and another number for each vif */
	uint8_t *punt;    /* [vif] enum gremc_vif_punt, relaxed */
	uint8_t port_punt[GREMC_STATS_PORTS]; /* [port] GREMC_VIF_PUNT_FRAMES, relaxed */
	struct gremc_vifs_priv *priv;         /* the writer's */
};

/* A table with a copy on each of `nodes` (copied), the first of which is returned: that one is the writer's,
 * and what readers use who are no workers. `tunnels` is how many to expect; the table grows. rcu outlives it.
 * NULL: ENOMEM. */
struct gremc_vifs *gremc_vifs_create(uint32_t tunnels, const struct gremc_nodes *nodes,
				     struct gremc_rcu *rcu);
void gremc_vifs_destroy(struct gremc_vifs *vifs);
/* Any thread: what readers on NUMA node `socket` are to use: its copy, or the first one where it has none.
 * Lives as long as the first. */
const struct gremc_vifs *gremc_vifs_on_socket(const struct gremc_vifs *vifs, int socket);

/* Writer: a new tunnel vif: index, template and info are ready, but the packets of its peer do not find it
 * before gremc_tunnel_publish(). Returns 0; -ENOSPC, -ENOMEM. `info` is copied. The vif takes over the
 * caller's hold on the adjacency and gives it back when it is removed. */
int gremc_tunnel_add(struct gremc_vifs *vifs, const struct gremc_vif_info *info, uint32_t adjacency,
		     uint32_t *vif);
/* Writer: from now on the peer's packets are this vif's. Everything else of the vif is complete by then. A
 * tunnel with the same key that was published before is replaced by one store, without a packet lost between.
 * -ENOMEM. */
int gremc_tunnel_publish(struct gremc_vifs *vifs, uint32_t vif);
/* Make room for so many more tunnels, so that gremc_tunnel_publish() cannot fail for them.
 * Thread:  writer.
 * Returns: 0 or -ENOMEM. */
int gremc_tunnels_reserve(struct gremc_vifs *vifs, uint32_t more);
/* Change the settings of a tunnel while packets pass: each replica has either all of the old ones or all of
 * the new ones. The vif keeps its index and counters. Thread:  writer. Input:   `info` is copied; its local,
 * remote and input key are those that the vif has. Takes:   the caller's hold on the adjacency, also when it
 * fails; gives back the hold on the old one. Returns: 0; -ENOMEM: nothing changed. */
int gremc_tunnel_change(struct gremc_vifs *vifs, uint32_t vif, const struct gremc_vif_info *info,
			uint32_t adjacency);
/* The vif with the local and remote address and the input key of `options`, or GREMC_VIF_NONE.
 * Thread:  writer. */
uint32_t gremc_tunnel_find(const struct gremc_vifs *vifs, const struct gremc_tunnel_options *options);
/* Writer: the tunnel sends by another adjacency from its next packet on: one store. Takes over the caller's
 * hold on it, and gives the old one back. */
void gremc_tunnel_reroute(struct gremc_vifs *vifs, uint32_t vif, uint32_t adjacency);
/* Writer: another MTU, from the next packet on. */
void gremc_tunnel_mtu_set(struct gremc_vifs *vifs, uint32_t vif, uint16_t mtu);
/* The operator has set the vif's interface down, or up: a vif that is down neither sends nor receives. Its
 * packets are dropped as iif_down, its replicas lost as oif_down.
 * Thread:  writer. */
void gremc_vif_down_set(struct gremc_vifs *vifs, uint32_t vif, bool down);
/* The same for everything that leaves by a port. Packets that arrive by it are the data path's
 * (gremc_workers_port_down()).
 * Thread:  writer.
 * Returns: 0; -ENOMEM: some adjacencies are as they were; call it again. */
int gremc_port_down_set(struct gremc_vifs *vifs, uint16_t port, bool down);
/* Writer: a port's vif for native multicast. */
int gremc_port_vif_add(struct gremc_vifs *vifs, const char *name, uint16_t port, uint16_t mtu,
		       uint32_t adjacency, uint32_t *vif);
/* Writer: the host as a vif, behind the ring to the control thread, which is `port`. It has no adjacency to
 * give. -ENOSPC, -ENOMEM. */
int gremc_host_vif_add(struct gremc_vifs *vifs, const char *name, uint16_t port, uint32_t *vif);
/* Writer: say what goes to the control thread: these bits and no others, from the next burst on. */
void gremc_vif_punt_set(struct gremc_vifs *vifs, uint32_t vif, uint8_t bits);
void gremc_port_punt_set(struct gremc_vifs *vifs, uint16_t port, uint8_t bits);
/* Writer: these are the vif's sources from now on; no prefix is inside another. -ENOMEM: nothing changed. */
int gremc_vif_sources_set(struct gremc_vifs *vifs, uint32_t vif, const struct gremc_prefix *prefixes,
			  uint32_t count);
/* Reader. */
bool gremc_vif_accepts_source(const struct gremc_vifs *vifs, uint32_t vif, rte_be32_t source);
/* Writer: no mroute names the vif any more. Its packets are no longer found (unless another vif has taken its
 * key); index, info and the hold on its adjacency are given back after a grace period. */
void gremc_vif_remove(struct gremc_vifs *vifs, uint32_t vif);

/* Writer: the index of the adjacency for (port, next_hop), made unresolved when there is none; held once
 * more. vlan 0: untagged. Returns 0; -ENOSPC, -ENOMEM. */
int gremc_adjacency_get(struct gremc_vifs *vifs, uint16_t port, rte_be32_t next_hop,
			const struct rte_ether_addr *source, uint16_t vlan, uint32_t *adjacency);
/* The same for an IPv6 next hop. */
int gremc_adjacency_get6(struct gremc_vifs *vifs, uint16_t port, const uint8_t next_hop[16],
			 const struct rte_ether_addr *source, uint16_t vlan, uint32_t *adjacency);
/* Writer: hold an adjacency that is held already once more. */
void gremc_adjacency_hold(struct gremc_vifs *vifs, uint32_t adjacency);
/* Writer: give one hold back; the last one frees it after a grace period. */
void gremc_adjacency_release(struct gremc_vifs *vifs, uint32_t adjacency);
/* Writer: set the next hop's MAC, or with NULL say that it is not known. -ENOMEM: nothing changed. */
int gremc_adjacency_resolve(struct gremc_vifs *vifs, uint32_t adjacency, const struct rte_ether_addr *mac);
/* Indexes below it may be in use (then the pointer is not NULL). */
uint32_t gremc_adjacency_limit(const struct gremc_vifs *vifs);

/* Reader: what tells a vif from a later one of the same index. To be kept with an index for longer than until
 * the next quiescent state. */
static inline uint32_t gremc_vif_serial(const struct gremc_vifs *vifs, uint32_t vif)
{
	return __atomic_load_n(&vifs->serial[vif], __ATOMIC_RELAXED);
}
/* Reader: is the index still that vif's? Then it is, counters included, until the reader's next quiescent
 * state: another vif gets it a grace period after this one has been removed. */
static inline bool gremc_vif_is(const struct gremc_vifs *vifs, uint32_t vif, uint32_t serial)
{
	return serial & 1 && gremc_vif_serial(vifs, vif) == serial;
}

/* A coherent copy of an encap: its shape and the template that belongs to it. For everything but the loop
 * over replicas. Thread:  any reader, or the writer. */
struct gremc_encap gremc_encap_read(const struct gremc_vifs *vifs, uint32_t vif);
/* The adjacency that the vif sends by, or would send by if its interface were up.
 * Thread:  any reader, or the writer. */
static inline uint32_t gremc_vif_adjacency(const struct gremc_vifs *vifs, uint32_t vif)
{
	return __atomic_load_n(&vifs->encap[vif + GREMC_VIFS_MAX].adjacency, __ATOMIC_RELAXED);
}
/* Has the operator set the vif's own interface down?
 * Thread:  any reader, or the writer. */
static inline bool gremc_vif_is_down(const struct gremc_vifs *vifs, uint32_t vif)
{
	return __atomic_load_n(&vifs->encap[vif].adjacency, __ATOMIC_RELAXED) !=
	       gremc_vif_adjacency(vifs, vif);
}
/* The MTU as it is now.
 * Thread:  any reader, or the writer. */
static inline uint16_t gremc_vif_mtu(const struct gremc_vifs *vifs, uint32_t vif)
{
	return __atomic_load_n(&vifs->encap[vif + GREMC_VIFS_MAX].mtu, __ATOMIC_RELAXED);
}

/* Reader: the vif of each of n <= 64 outer identities; GREMC_VIF_NONE where there is none. A number from
 * GREMC_VIFS_MAX on, other than GREMC_VIF_NONE: the tunnel's interface is down. */
void gremc_tunnel_lookup_bulk(const struct gremc_vifs *vifs, const struct gremc_tunnel_key *keys, uint32_t n,
			      uint32_t *vif);
/* Reader: is there any tunnel between these two, of whatever key? */
bool gremc_tunnel_peer_known(const struct gremc_vifs *vifs, rte_be32_t local, rte_be32_t remote);

/* Reader or writer: the vif of this name, or GREMC_VIF_NONE. Linear: for people, not for packets. */
uint32_t gremc_vif_find(const struct gremc_vifs *vifs, const char *name);

/* ---- what readers load ---- */

/* acquire: pairs with the publication of the object
 * Thread:   a reader.
 * Lifetime: valid until the reader's next quiescent state.
 * Returns:  NULL if the index is free. */
static inline const struct gremc_vif_info *gremc_vif_info_load(const struct gremc_vifs *vifs, uint32_t vif)
{
	return __atomic_load_n(&vifs->info[vif], __ATOMIC_ACQUIRE);
}

/* The same for an adjacency. Never NULL at an index in use. */
static inline const struct gremc_adjacency *gremc_adjacency_load(const struct gremc_vifs *vifs,
								 uint32_t adjacency)
{
	return __atomic_load_n(&vifs->adjacency[adjacency], __ATOMIC_ACQUIRE);
}

/* relaxed: all that a key leads to stays valid until the reader's next quiescent state */
static inline uint64_t gremc_encap_key_load(const struct gremc_encap *encap)
{
	return __atomic_load_n(&encap->encap_key, __ATOMIC_RELAXED);
}

/* Packets of the vif that are punted: enum gremc_vif_punt. */
static inline uint8_t gremc_vif_punt_bits(const struct gremc_vifs *vifs, uint32_t vif)
{
	return __atomic_load_n(&vifs->punt[vif], __ATOMIC_RELAXED);
}

/* GREMC_VIF_PUNT_FRAMES or 0. */
static inline uint8_t gremc_port_punt_bits(const struct gremc_vifs *vifs, uint16_t port)
{
	return __atomic_load_n(&vifs->port_punt[port], __ATOMIC_RELAXED);
}

#endif
