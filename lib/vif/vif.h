/* SPDX-License-Identifier: BSD-3-Clause */
/* vif: the interfaces that multicast enters and leaves by. A vif is a tunnel, a native port or the host. The
 * module holds their encap templates, the table from a tunnel packet's outer header to its vif, and the
 * adjacencies.
 *
 * The control thread writes; readers are lock-free and online in the RCU. Local address, remote address,
 * input key and UDP port of a vif never change. Everything else changes while packets pass: the encap key by
 * one store, the template by way of a second line (change.c).
 *
 * Data that the fast path reads has a copy on each NUMA node with workers: encaps, adjacencies, the tunnels'
 * table, the state of ports. A worker reads the copy of its own node (gremc_vifs_on_socket()). The control
 * thread changes every copy; indexes are the same in all. The copies change one after the other, so two nodes
 * may see a change at slightly different times. */
#ifndef GREMC_VIF_VIF_H
#define GREMC_VIF_VIF_H

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <rte_common.h>
#include <rte_hash.h>

#include "base/atomic.h"
#include "base/base.h"
#include "hash/hash.h"
#include "proto/tunnel.h"
#include "rcu/rcu.h"
#include "stats/stats.h"
#include "vif/adjacency.h"
#include "vif/encap.h"
#include "vif/marking.h"
#include "vif/policy.h"
#include "vif/sequence.h"

#define GREMC_VIFS_MAX  (1u << 17)
#define GREMC_VIF_NONE  UINT32_MAX
#define GREMC_PORT_NONE UINT16_MAX

enum gremc_vif_kind { GREMC_VIF_FREE, GREMC_VIF_TUNNEL, GREMC_VIF_PORT, GREMC_VIF_HOST };

/* Packets of a vif, or of a port, that go to the control thread instead of being dropped. */
enum gremc_vif_punt {
	GREMC_VIF_PUNT_CONTROL = 1,   /* control traffic to a group (proto/control.h) */
	GREMC_VIF_PUNT_UNICAST = 2,   /* inner unicast */
	GREMC_VIF_PUNT_MULTICAST = 4, /* multicast without an mroute */
	GREMC_VIF_PUNT_FRAMES = 8,    /* a port: every frame that belongs to no configured tunnel */
	GREMC_VIF_PUNT_ANSWERS = 16,  /* answers of the peer to keepalives of the program */
};

#define GREMC_VIF_NAME_SIZE GREMC_NAME_SIZE

/* The description of a vif for the control thread and telemetry. Immutable once published. */
struct gremc_vif_info {
	enum gremc_vif_kind kind;
	char name[GREMC_VIF_NAME_SIZE];
	uint16_t port; /* it sends by: index in struct gremc_ports */
	uint16_t mtu;  /* bytes of the largest inner packet: as configured and as the port allows */
	/* tunnels only */
	bool ignore_df;      /* inner packets above the MTU are fragmented although DF is set */
	rte_be32_t next_hop; /* 0: no route to the remote */
	struct gremc_tunnel_options options;
};

/* ---- the table of all of them ---- */

/* The outer header's identity of a tunnel packet. */
struct gremc_tunnel_key {
	rte_be32_t local;  /* outer destination */
	rte_be32_t remote; /* outer source */
	uint32_t key;      /* 0 without one */
	uint32_t kind;     /* gremc_tunnel_kind() */
};

GREMC_ATOMIC_POINTER(adjacency, struct gremc_adjacency);
GREMC_ATOMIC_POINTER(vif_info, const struct gremc_vif_info);
GREMC_ATOMIC_POINTER(vif_sources, const struct gremc_vif_sources);
GREMC_ATOMIC_POINTER(vif_sequence, struct gremc_sequence_state);
GREMC_ATOMIC_POINTER(vif_hash, struct gremc_hash);

/* The copy of one node. Rarely read arrays (dscp_map, info, peers, policy, punt, sequence, serial,
 * sources, udp_users) are shared by all copies. The control thread is the writer of every field; workers,
 * telemetry and the control thread are the readers. */
struct gremc_vifs {
	struct gremc_encap *encap; /* [vif], and the twins from GREMC_VIFS_MAX on; reserved address space */
	gremc_atomic_adjacency *adjacency; /* [adjacency] acquire; never NULL at an index in use */
	gremc_atomic_vif_info *info;       /* [vif] acquire; NULL: free */
	gremc_atomic_u32 limit;            /* acquire; vifs below it may be in use */
	gremc_atomic_vif_hash tunnels;     /* acquire; outer identity to vif; grows by replacement */
	struct rte_hash *peers;            /* two addresses to the number of their tunnels */
	gremc_atomic_u32 *udp_users;       /* [UDP port] relaxed: its tunnels; port 0: those of all ports */
	gremc_atomic_u32 port_vif[GREMC_STATS_PORTS]; /* of native multicast, or GREMC_VIF_NONE; relaxed */
	gremc_atomic_vif_sources *sources;            /* [vif] acquire; NULL: accepts none */
	gremc_atomic_policy *policy;                  /* [vif] acquire; NULL: none */
	gremc_atomic_vif_sequence *sequence;          /* [vif] acquire; NULL: no sequence numbers so far */
	gremc_atomic_u32 *serial; /* [vif] relaxed: odd while the index is in use; differs for each vif */
	gremc_atomic_u8 *punt;    /* [vif] enum gremc_vif_punt, relaxed */
	gremc_atomic_u8 port_punt[GREMC_STATS_PORTS]; /* [port] GREMC_VIF_PUNT_FRAMES, relaxed */
	gremc_atomic_dscp_table
		*dscp_map; /* [number] acquire; the outer TOS without ECN, by the inner DSCP */
	gremc_atomic_u8 port_pcp[GREMC_STATS_PORTS][GREMC_DSCP_COUNT]; /* by the outer DSCP, relaxed */
	struct gremc_vifs_priv *priv;                                  /* the control thread's */
};

/* Create the table with a copy on each of `nodes`.
 * Input:    `tunnels` is the expected number; the table grows. `nodes` is copied.
 * Lifetime: rcu outlives the table.
 * Returns:  the first copy, which the control thread and readers outside the workers use; NULL: -ENOMEM. */
struct gremc_vifs *gremc_vifs_create(uint32_t tunnels, const struct gremc_nodes *nodes,
				     struct gremc_rcu *rcu);
/* Free the table and every vif in it. No reader is online. NULL is allowed. */
void gremc_vifs_destroy(struct gremc_vifs *vifs);
/* Thread:  any.
 * Returns: the copy on NUMA node `socket`; the first copy if that node has none. */
const struct gremc_vifs *gremc_vifs_on_socket(const struct gremc_vifs *vifs, int socket);

/* Add a tunnel. Packets of its peer do not match it before gremc_tunnel_publish().
 * Thread:  control thread.
 * Input:   `info` is copied.
 * Owner:   on success the vif owns the caller's reference to the adjacency and drops it when it is removed.
 * Errors:  -ENOSPC, -ENOMEM. */
__rte_warn_unused_result int gremc_tunnel_add(struct gremc_vifs *vifs, const struct gremc_vif_info *info,
					      uint32_t adjacency, uint32_t *vif);
/* Let the peer's packets match the vif, which is complete. A published tunnel with the same key is replaced
 * by one store, and no packet is lost between.
 * Thread:  control thread.
 * Errors:  -ENOMEM; none after gremc_tunnels_reserve(). */
__rte_warn_unused_result int gremc_tunnel_publish(struct gremc_vifs *vifs, uint32_t vif);
/* Allocate space for `more` tunnels, so that gremc_tunnel_publish() cannot fail for them.
 * Thread:  control thread.
 * Errors:  -ENOMEM. */
__rte_warn_unused_result int gremc_tunnels_reserve(struct gremc_vifs *vifs, uint32_t more);
/* Change the options of a tunnel while packets pass. Each replica has either all of the old options or all of
 * the new ones. The vif keeps its index and counters.
 * Thread:  control thread.
 * Input:   `info` is copied; its local, remote, input key and UDP port are those of the vif.
 * Owner:   the caller's reference to the adjacency is taken, also on error.
 * Errors:  -ENOMEM: nothing changed. */
__rte_warn_unused_result int gremc_tunnel_change(struct gremc_vifs *vifs, uint32_t vif,
						 const struct gremc_vif_info *info, uint32_t adjacency);
/* Find the published tunnel with the local and remote address and the input key of `options`.
 * Thread:  control thread.
 * Returns: its vif, or GREMC_VIF_NONE. */
uint32_t gremc_tunnel_find(const struct gremc_vifs *vifs, const struct gremc_tunnel_options *options);
/* Send the tunnel's packets by another adjacency, from the next packet on, by one store.
 * Thread:  control thread.
 * Owner:   takes the caller's reference to the adjacency; drops that of the old one. */
void gremc_tunnel_reroute(struct gremc_vifs *vifs, uint32_t vif, uint32_t adjacency);
/* Set the MTU, from the next packet on. The path MTU may lower it further.
 * Thread:  control thread.
 * Units:   bytes of the inner packet. */
void gremc_tunnel_mtu_set(struct gremc_vifs *vifs, uint32_t vif, uint16_t mtu);
/* Set the MTU of the path to the remote, from the next packet on.
 * Thread:  control thread.
 * Units:   bytes of the outer packet; 0: not known. */
void gremc_tunnel_path_mtu_set(struct gremc_vifs *vifs, uint32_t vif, uint16_t path_mtu);
/* Set the vif's own interface down or up, as the operator does. A vif that is down neither sends nor
 * receives: its packets are dropped as iif_down, its replicas as oif_down.
 * Thread:  control thread. */
void gremc_vif_down_set(struct gremc_vifs *vifs, uint32_t vif, bool down);
/* Set the peer of a tunnel dead or alive, by one store. Replicas to a dead peer are lost as peer_dead.
 * Packets of the host are sent, and packets of the peer are received, because either may bring the peer back.
 * Thread:  control thread. */
void gremc_vif_dead_set(struct gremc_vifs *vifs, uint32_t vif, bool dead);
/* Add the vif of a port with native multicast.
 * Thread:  control thread.
 * Owner:   on success the vif owns the caller's reference to the adjacency.
 * Errors:  -ENOSPC, -ENOMEM. */
__rte_warn_unused_result int gremc_port_vif_add(struct gremc_vifs *vifs, const char *name, uint16_t port,
						uint16_t mtu, uint32_t adjacency, uint32_t *vif);
/* Add the host as a vif, behind the ring to the control thread.
 * Thread:  control thread.
 * Input:   `port` is the number of that ring.
 * Errors:  -ENOSPC, -ENOMEM. */
__rte_warn_unused_result int gremc_host_vif_add(struct gremc_vifs *vifs, const char *name, uint16_t port,
						uint32_t *vif);
/* Set the packets of the vif that go to the control thread for the host, from the next burst on.
 * Thread:  control thread.
 * Input:   enum gremc_vif_punt; GREMC_VIF_PUNT_ANSWERS stays as it is, other bits that are not set are
 * cleared. */
void gremc_vif_punt_set(struct gremc_vifs *vifs, uint32_t vif, uint8_t bits);
/* Set whether the control thread gets the answers to keepalives, GREMC_VIF_PUNT_ANSWERS.
 * Thread:  control thread. */
void gremc_vif_answers_punt_set(struct gremc_vifs *vifs, uint32_t vif, bool punted);
/* Set the frames of the port that go to the control thread, from the next burst on.
 * Thread:  control thread.
 * Input:   GREMC_VIF_PUNT_FRAMES or 0. */
void gremc_port_punt_set(struct gremc_vifs *vifs, uint16_t port, uint8_t bits);
/* Replace the vif's source filter.
 * Thread:  control thread.
 * Input:   no prefix is inside another one; copied.
 * Errors:  -ENOMEM: nothing changed. */
__rte_warn_unused_result int gremc_vif_sources_set(struct gremc_vifs *vifs, uint32_t vif,
						   const struct gremc_prefix *prefixes, uint32_t count);
/* Thread:  any reader.
 * Returns: whether the vif's source filter has the source. */
bool gremc_vif_accepts_source(const struct gremc_vifs *vifs, uint32_t vif, rte_be32_t source);
/* Remove a vif that no mroute names. Its packets no longer match unless another vif has its key. Index, info
 * and adjacency are released after a grace period.
 * Thread:  control thread. */
void gremc_vif_remove(struct gremc_vifs *vifs, uint32_t vif);

/* The number that distinguishes a vif from a later one with the same index. A reader that keeps an index past
 * its next quiescent state keeps the serial, too.
 * Thread:  any reader. */
static inline uint32_t gremc_vif_serial(const struct gremc_vifs *vifs, uint32_t vif)
{
	return gremc_u32_load(&vifs->serial[vif]);
}
/* Whether the index still is the vif that had this serial. The answer, counters included, holds until the
 * reader's next quiescent state: a removed vif's index is reused after a grace period.
 * Thread:  any reader. */
static inline bool gremc_vif_is(const struct gremc_vifs *vifs, uint32_t vif, uint32_t serial)
{
	return serial & 1 && gremc_vif_serial(vifs, vif) == serial;
}

/* A coherent copy of an encap: its key and the template that belongs to it. Not for the loop over replicas.
 * Thread:  any reader, or the control thread. */
struct gremc_encap gremc_encap_read(const struct gremc_vifs *vifs, uint32_t vif);
/* The adjacency that the vif sends by, or would send by if its interface were up.
 * Thread:  any reader, or the control thread. */
static inline uint32_t gremc_vif_adjacency(const struct gremc_vifs *vifs, uint32_t vif)
{
	return gremc_encap_from_key(gremc_encap_key_load(&vifs->encap[vif + GREMC_VIFS_MAX])).adjacency;
}
/* Whether the operator has set the vif's own interface down.
 * Thread:  any reader, or the control thread. */
static inline bool gremc_vif_is_down(const struct gremc_vifs *vifs, uint32_t vif)
{
	return gremc_encap_from_key(gremc_encap_key_load(&vifs->encap[vif])).adjacency ==
	       GREMC_ADJACENCY_DOWN;
}
/* Whether the vif is up and its peer is dead.
 * Thread:  any reader, or the control thread. */
static inline bool gremc_vif_is_dead(const struct gremc_vifs *vifs, uint32_t vif)
{
	return gremc_encap_from_key(gremc_encap_key_load(&vifs->encap[vif])).adjacency ==
	       GREMC_ADJACENCY_DEAD;
}
/* The current MTU, in bytes of the inner packet.
 * Thread:  any reader, or the control thread. */
static inline uint16_t gremc_vif_mtu(const struct gremc_vifs *vifs, uint32_t vif)
{
	return gremc_encap_from_key(gremc_encap_key_load(&vifs->encap[vif + GREMC_VIFS_MAX])).mtu;
}

/* Find the vifs of n outer identities.
 * Thread:  any reader.
 * Input:   n <= 64.
 * Returns: in vif[], GREMC_VIF_NONE where there is none. A number from GREMC_VIFS_MAX on, other than
 *          GREMC_VIF_NONE, is a tunnel whose interface is down, or whose packets need more checks than those
 *          of a plain tunnel: the vif plus GREMC_VIFS_MAX. */
void gremc_tunnel_lookup_bulk(const struct gremc_vifs *vifs, const struct gremc_tunnel_key *keys, uint32_t n,
			      uint32_t *vif);
/* Whether there is a tunnel between the two addresses, with any key.
 * Thread:  any reader. */
bool gremc_tunnel_peer_known(const struct gremc_vifs *vifs, rte_be32_t local, rte_be32_t remote);

/* Whether there are tunnels of GRE-in-UDP on this port; port 0: on any port.
 * Thread:  any reader. */
static inline bool gremc_udp_port_is_used(const struct gremc_vifs *vifs, uint16_t port)
{
	return gremc_u32_load(&vifs->udp_users[port]) > 0;
}

/* Find a vif by its name, in linear time: for commands, not for packets.
 * Thread:  any reader, or the control thread.
 * Returns: the vif, or GREMC_VIF_NONE. */
uint32_t gremc_vif_find(const struct gremc_vifs *vifs, const char *name);

/* ---- accessors of readers ---- */

/* An upper bound of the vifs in use. acquire: the infos below it are published.
 * Thread:  any reader, or the control thread. */
static inline uint32_t gremc_vifs_limit(const struct gremc_vifs *vifs)
{
	return gremc_u32_load_acquire(&vifs->limit);
}

/* acquire: pairs with the publication of the object
 * Thread:   a reader.
 * Lifetime: valid until the reader's next quiescent state.
 * Returns:  NULL if the index is free. */
static inline const struct gremc_vif_info *gremc_vif_info_load(const struct gremc_vifs *vifs, uint32_t vif)
{
	return gremc_pointer_load_acquire(&vifs->info[vif]);
}

/* The sequence numbers of a tunnel.
 * Thread:   a reader.
 * Lifetime: valid until the reader's next quiescent state.
 * Returns:  NULL if the tunnel has never had any. */
static inline struct gremc_sequence_state *gremc_sequence_load(const struct gremc_vifs *vifs, uint32_t vif)
{
	return gremc_pointer_load_acquire(&vifs->sequence[vif]);
}

/* The policy of a vif.
 * Thread:   a reader.
 * Lifetime: valid until the reader's next quiescent state.
 * Returns:  NULL: none. */
static inline struct gremc_policy *gremc_policy_load(const struct gremc_vifs *vifs, uint32_t vif)
{
	return gremc_pointer_load_acquire(&vifs->policy[vif]);
}

/* Whether received packets of a vif with this policy, or NULL, need a check. */
static inline bool gremc_policy_checks_input(const struct gremc_policy *policy)
{
	return policy && (policy->in.groups || policy->in.sources || gremc_policy_has_rate(&policy->in));
}

/* The same for an adjacency. Never NULL at an index in use. */
static inline const struct gremc_adjacency *gremc_adjacency_load(const struct gremc_vifs *vifs,
								 uint32_t adjacency)
{
	return gremc_pointer_load_acquire(&vifs->adjacency[adjacency]);
}

/* Packets of the vif that are punted: enum gremc_vif_punt. */
static inline uint8_t gremc_vif_punt_bits(const struct gremc_vifs *vifs, uint32_t vif)
{
	return gremc_u8_load(&vifs->punt[vif]);
}

/* GREMC_VIF_PUNT_FRAMES or 0. */
static inline uint8_t gremc_port_punt_bits(const struct gremc_vifs *vifs, uint16_t port)
{
	return gremc_u8_load(&vifs->port_punt[port]);
}

#endif
