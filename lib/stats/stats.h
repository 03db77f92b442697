/* SPDX-License-Identifier: BSD-3-Clause */
/* Counters of packets. Each worker has its own; it is their only writer, and any thread reads them. At every
 * consistent read (gremc_stats_read()):
 *     rx_packets = forwarded + sum of punted + sum of drops + relayed + reassembled   (input packets)
 *     wanted     = sent + sum of losses + queued + waiting                            (replicas, and packets
 * of the host) `relayed` packets are in the ring to another worker, which has their flow; 0 without `spread`.
 * `reassembled` is the number of outer fragments, less the packets that they made. `queued` replicas are in
 * the ring to another worker's transmit queue, or in a backlog; 0 while each worker owns its queues and the
 * ports keep up. `waiting` replicas wait until their next hop is resolved. */
#ifndef GREMC_STATS_STATS_H
#define GREMC_STATS_STATS_H

#include <assert.h>
#include <stdint.h>

#include <rte_common.h>

#include "base/atomic.h"
#include "proto/proto.h"
#include "stats/counter.h"

/* The reasons for the drop of an input packet: name, text. Each has a counter. */
#define GREMC_DROPS(X)                                                                                       \
	GREMC_PROTO_ERRORS(X)                                                                                \
	X(unknown_peer, "no tunnel between these two addresses")                                             \
	X(unknown_key, "a tunnel joins these two addresses, but not with this key (or lack of one)")         \
	X(iif_down, "the operator has set the interface down that it came by")                               \
	X(sequence, "GRE sequence number not above the tunnel's last one (`sequence: strict`, RFC 2890)")    \
	X(no_sequence, "no GRE sequence number, which the tunnel requires (`sequence: strict`)")             \
	X(no_mroute, "no mroute matches this source and group")                                              \
	X(rpf, "the mroute does not accept this incoming interface")                                         \
	X(empty_oil, "no outgoing interface but the incoming one (split horizon)")                           \
	X(source_guard, "no outgoing interface takes packets of this source (`sources`)")                    \
	X(ttl_threshold, "the TTL is not above the threshold of any outgoing interface")                     \
	X(boundary, "the group does not cross the interface (`boundary`)")                                   \
	X(source_filter, "the sender is none of the interface's (`sources`)")                                \
	X(policed, "above the rate of the interface by which it came (`police`)")                            \
	X(fanout_limit, "more replicas than packets of this interface may have (`max-fanout`)")              \
	X(header_split, "headers spread over segments in a way that no buffer can hold together")            \
	X(shared_input, "the driver gave a shared buffer and no buffer was free to copy it")                 \
	X(reassembly_full, "outer fragment: as many of its addresses, or of all, wait as may wait")          \
	X(reassembly_failed, "outer fragments that overlap, are too many, or gave way to newer packets")     \
	X(reassembly_timeout, "outer fragments whose packet was not complete after a second")                \
	X(keepalive_rate, "a GRE keepalive less than 100 ms after the last one of its tunnel")               \
	X(relay_full, "the ring to the worker that has the flow was full (`spread`)")                        \
	X(punt_neighbor, "for the kernel, but the ring of ARP and neighbour discovery was full")             \
	X(punt_control, "for the kernel, but the ring of control traffic to groups was full")                \
	X(punt_keepalive, "a GRE keepalive, but the ring of keepalives was full")                            \
	X(punt_tcp, "for the kernel, but the ring of unicast TCP was full")                                  \
	X(punt_traffic, "for the kernel, but the ring of unicast UDP and ICMP was full")                     \
	X(punt_gre, "for the kernel, but the ring of GRE that is no tunnel's was full")                      \
	X(punt_other, "for the kernel, but the ring of all other protocols was full")                        \
	X(punt_multicast, "for the kernel, but the ring of multicast without an mroute was full")

/* The classes of punted packets: name, text. Each class has rings of its own, so that a flood of one class
 * does not affect the others. */
#define GREMC_PUNTS(X)                                                                                       \
	X(neighbor, "ARP and IPv6 neighbour discovery")                                                      \
	X(control, "link-local multicast, and IGMP to any group")                                            \
	X(keepalive, "GRE keepalives of tunnels' peers, and their answers to ours")                          \
	X(tcp, "unicast TCP: SSH and BGP do not share a ring with anything else")                            \
	X(traffic, "unicast UDP and ICMP")                                                                   \
	X(gre, "GRE that is no tunnel's")                                                                    \
	X(other, "all other protocols")                                                                      \
	X(multicast, "multicast that no mroute takes")

/* The reasons for the loss of a replica: name, text. Each is also counted for the outgoing interface. */
#define GREMC_TX_DROPS(X)                                                                                    \
	X(no_adjacency, "the next hop's MAC address is not known")                                           \
	X(oif_down, "the operator has set the outgoing interface down")                                      \
	X(peer_dead, "the other end of the tunnel has shown no sign of life (`keepalive`, `liveness`)")      \
	X(too_big, "inner packet larger than the tunnel's MTU")                                              \
	X(oif_scope, "the group or the TTL does not pass the interface (`boundary`, `ttl-threshold`)")       \
	X(oif_source, "packets of this sender do not leave by the interface (`sources`)")                    \
	X(oif_policed, "above the rate of the interface (`police`)")                                         \
	X(no_mbuf, "no free buffer in the header pool")                                                      \
	X(tx_full, "the port did not take the packet, and no more could be held for it")                     \
	X(ring_full, "the ring to the worker that owns the port's transmit queue was full")                  \
	X(shard_full, "the ring to the worker that has this part of a large oil was full")                   \
	X(link_down, "the port has lost its link")                                                           \
	X(port_down, "the port is being reset, or its device has been removed")

#define GREMC_X(name, text) GREMC_DROP_##name,
enum gremc_drop {
	GREMC_DROP_NONE = -1, /* the packet is forwarded */
	GREMC_DROPS(GREMC_X) GREMC_DROP_COUNT
};
#undef GREMC_X
#define GREMC_X(name, text) GREMC_TX_DROP_##name,
enum gremc_tx_drop {
	GREMC_TX_DROP_NONE = -1, /* the replica is sent */
	GREMC_TX_DROPS(GREMC_X) GREMC_TX_DROP_COUNT
};
#undef GREMC_X
#define GREMC_X(name, text) GREMC_PUNT_##name,
enum gremc_punt { GREMC_PUNTS(GREMC_X) GREMC_PUNT_COUNT };
#undef GREMC_X

/* The drop reason of a packet that a parser rejects: it has the name of the parser's error. */
static inline enum gremc_drop gremc_drop_from_proto(enum gremc_proto_error error)
{
	switch (error) {
#define GREMC_X(name, text)                                                                                  \
case GREMC_PROTO_##name:                                                                                     \
	return GREMC_DROP_##name;
		GREMC_PROTO_ERRORS(GREMC_X)
#undef GREMC_X
	default:
		return GREMC_DROP_NONE;
	}
}

/* The drop reason of a punted packet that its class's ring has no space for. */
static inline enum gremc_drop gremc_drop_from_punt(enum gremc_punt class)
{
	switch (class) {
#define GREMC_X(name, text)                                                                                  \
case GREMC_PUNT_##name:                                                                                      \
	return GREMC_DROP_punt_##name;
		GREMC_PUNTS(GREMC_X)
#undef GREMC_X
	default:
		return GREMC_DROP_NONE;
	}
}

/* The name of a drop reason. */
const char *gremc_drop_name(enum gremc_drop reason);
/* The sentence of a drop reason. */
const char *gremc_drop_text(enum gremc_drop reason);
/* The name of a loss reason. */
const char *gremc_tx_drop_name(enum gremc_tx_drop reason);
/* The sentence of a loss reason. */
const char *gremc_tx_drop_text(enum gremc_tx_drop reason);
/* The name of a punt class. */
const char *gremc_punt_name(enum gremc_punt class);
/* The sentence of a punt class. */
const char *gremc_punt_text(enum gremc_punt class);

#define GREMC_STATS_PORTS 33 /* 32, and the host as one more behind those of the configuration */
/* Bursts by their number of packets: 0, 1, 2-3, 4-7, 8-15, 16-31, 32-63, 64 */
#define GREMC_BURST_BUCKETS 8

/* The sums of one worker, or of several. All are counts of packets unless named otherwise. */
struct gremc_totals {
	uint64_t rx_packets;
	uint64_t rx_bytes;  /* frames as received, without FCS */
	uint64_t forwarded; /* input packets that were replicated at least once */
	uint64_t relayed; /* input packets put into other workers' rings, less those taken from such rings */
	/* outer fragments that wait for others or are part of a packet, less the complete packets */
	uint64_t reassembled;
	uint64_t injected; /* packets of the host for a port; each is also wanted */
	uint64_t wanted;   /* replicas that the oils request, and packets of the host */
	uint64_t sent;     /* those of `wanted` that a port accepted, or the ring to the host */
	uint64_t queued;   /* replicas put into another worker's ring, or held for a port that did not take
			      them, less those taken from there */
	uint64_t waiting;  /* replicas held until the next hop is resolved, less those that wait no more */
	uint64_t tx_bytes; /* of `sent`, frames without FCS */
	uint64_t drops[GREMC_DROP_COUNT];
	uint64_t losses[GREMC_TX_DROP_COUNT];
	uint64_t punted[GREMC_PUNT_COUNT]; /* handed to the control thread */
	struct {
		uint64_t rx_packets, rx_bytes, tx_packets, tx_bytes, tx_lost;
	} ports[GREMC_STATS_PORTS]; /* by index in the configuration, not by ethdev id */
	uint64_t bursts[GREMC_BURST_BUCKETS];
	uint64_t busy_cycles;  /* TSC cycles in iterations that found packets */
	uint64_t sleeps;       /* idle sleeps */
	uint64_t sleep_cycles; /* TSC cycles in them */
	/* TSC cycles of the longest iteration, which are not for sums: since the start, in the present window
	 * of ten seconds, and in the one before */
	uint64_t longest, longest_now, longest_before;
};

/* Per outgoing or incoming interface; lost ones are counted in tx, too, and in the cold counters by reason.
 * Those that wait are in none until they are sent or lost.
 */
struct gremc_vif_hot {
	uint64_t tx_packets, tx_bytes; /* replicas wanted, and the bytes of inner packets */
} __rte_aligned(16);                   /* of gremc_counter_pair_add() */
struct gremc_vif_cold {
	uint64_t rx_packets, rx_bytes; /* inner packets accepted from this vif, before lookup */
	uint64_t lost_bytes;           /* inner */
	uint64_t lost[GREMC_TX_DROP_COUNT];
} __rte_aligned(16);
/* Packets that came by one vif and were dropped. Relaxed atomics. Worker: write; telemetry: read. */
struct gremc_vif_drop {
	uint64_t packets[GREMC_DROP_COUNT]; /* [reason] */
	/* [reason] Source and group of the last packet, 8 bytes as in the IPv4 header; 0: not known for this
	 * reason. */
	uint64_t flow[GREMC_DROP_COUNT];
};
struct gremc_mroute_counter {
	uint64_t packets, bytes; /* inner packets forwarded by this mroute */
} __rte_aligned(16);

struct gremc_samples;

/* All counters of one worker. The arrays are reserved address space: memory is used where an index is
 * touched. */
struct gremc_stats {
	/* Odd while the worker changes `totals`: gremc_stats_read() repeats its copy. Writer: the worker, as
	 * of all counters. Readers: any thread. */
	gremc_atomic_u64 sequence __rte_cache_aligned;
	struct gremc_totals totals;
	struct gremc_vif_hot *vif_hot;       /* [vif] */
	struct gremc_vif_cold *vif_cold;     /* [vif] */
	struct gremc_vif_drop *vif_drop;     /* [vif] */
	struct gremc_mroute_counter *mroute; /* [mroute id] */
	struct gremc_samples *samples;       /* of the last drops and losses (stats/sample.h) */
	uint32_t vifs, mroutes;              /* limits of the indexes */
};

/* Create the counters of a worker, all 0.
 * Thread:  control thread.
 * Input:   `socket` is the worker's NUMA node, or SOCKET_ID_ANY. `vifs` and `mroutes` limit the indexes.
 * Returns: NULL: out of memory. */
struct gremc_stats *gremc_stats_create(int socket, uint32_t vifs, uint32_t mroutes);
/* Free the counters. Their worker has ended. NULL is allowed. */
void gremc_stats_destroy(struct gremc_stats *stats);

/* Reset the counters of a vif whose index is about to be used again.
 * Thread:  control thread.
 * Input:   no worker can have a reference to the index. */
void gremc_stats_reset_vif(struct gremc_stats *stats, uint32_t vif);
/* The same for the id of an mroute. */
void gremc_stats_reset_mroute(struct gremc_stats *stats, uint32_t mroute);

/* Begin a change of `totals`, once per burst. They change only between this and gremc_stats_write_end(), so
 * that the sums above hold for readers.
 * Thread:  the worker. */
static inline void gremc_stats_write_begin(struct gremc_stats *stats)
{
	gremc_u64_store(&stats->sequence, gremc_u64_load(&stats->sequence) + 1);
	/* the odd number is visible before any counter that changes afterwards */
	gremc_fence_release();
}
/* End the change.
 * Thread:  the worker. */
static inline void gremc_stats_write_end(struct gremc_stats *stats)
{
	/* every counter is visible before the even number */
	gremc_u64_store_release(&stats->sequence, gremc_u64_load(&stats->sequence) + 1);
}

/* A number that changes with each burst.
 * Thread:  the worker. */
static inline uint64_t gremc_stats_sequence(const struct gremc_stats *stats)
{
	return gremc_u64_load(&stats->sequence);
}

/* Add a consistent copy of a worker's totals to *sum.
 * Thread:  any. */
void gremc_stats_read(const struct gremc_stats *stats, struct gremc_totals *sum);

#endif
