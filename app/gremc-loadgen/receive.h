/* SPDX-License-Identifier: BSD-3-Clause */
/* The receiving side of one lcore: every frame that comes back is held against what must come.
 *
 * A frame gets one verdict: a good replica, the first fault found, or none of ours. Stage by stage over a
 * burst: headers and stamp, then the flow, then the stream, then payload and sequence, so that what one stage
 * needs is in the cache when it runs. The TSC is read once a burst: a delay is measured to the moment at
 * which the burst was fetched, so its resolution is a round of the loop (well under a microsecond when
 * lightly loaded, up to the time that 64 replicas and 32 packets take when not). */
#ifndef GREMC_LOADGEN_RECEIVE_H
#define GREMC_LOADGEN_RECEIVE_H

#include <stdbool.h>
#include <stdint.h>

#include <rte_ether.h>
#include <rte_mbuf.h>
#include <rte_ring.h>

#include "flows.h"
#include "histogram.h"

#define GREMC_RX_BURST 64u

/* What can be wrong with a replica: kind, name, text.
 * sequence: it is good, but not when it should be; damaged: recognised as a replica and not intact;
 * unexpected: it should not be here at all. */
#define GREMC_FAULTS(X)                                                                                      \
	X(sequence, duplicated, "came before, with the same sequence number")                                \
	X(sequence, reordered, "came after one that was sent later in the same flow")                        \
	X(sequence, late,                                                                                    \
	  "more than 64 behind the latest of its flow: first or second copy, cannot be told")                \
	X(damaged, outer_header, "outer IPv4 header: version, length, fragment or TTL 0")                    \
	X(damaged, outer_checksum, "outer IPv4 header checksum is wrong")                                    \
	X(damaged, gre_header, "GRE header: flags, version, protocol, length or checksum")                   \
	X(damaged, target_mac,                                                                               \
	  "destination MAC is neither the site's nor its next hop's, or not the group's")                    \
	X(damaged, source_mac, "source MAC is not the forwarder's")                                          \
	X(damaged, inner_header, "inner headers are not those that were sent")                               \
	X(damaged, inner_checksum, "inner IPv4 header checksum is wrong")                                    \
	X(damaged, inner_ttl, "inner TTL is not one less than it was sent with")                             \
	X(damaged, stamp, "the stamp's check value does not fit")                                            \
	X(damaged, udp_checksum, "inner UDP checksum is wrong")                                              \
	X(damaged, payload, "payload behind the stamp is not the pattern")                                   \
	X(unexpected, unknown_tunnel, "outer addresses and key are no tunnel's of the configuration")        \
	X(unexpected, misdirected, "of a flow that must not leave by this tunnel")                           \
	X(unexpected, wrong_port, "came in by another port than its tunnel's")                               \
	X(unexpected, stale, "of an earlier trial")                                                          \
	X(unexpected, foreign, "neither a test packet nor ARP, IGMP, LACP, LLDP or IPv6")

enum gremc_fault {
#define GREMC_X(kind, name, text) GREMC_FAULT_##name,
	GREMC_FAULTS(GREMC_X)
#undef GREMC_X
		GREMC_FAULT_COUNT
};

/* In the order of the list. */
enum {
	GREMC_FAULT_DAMAGED_FIRST = GREMC_FAULT_outer_header,
	GREMC_FAULT_UNEXPECTED_FIRST = GREMC_FAULT_unknown_tunnel
};

const char *gremc_fault_name(unsigned fault);
const char *gremc_fault_text(unsigned fault);

struct gremc_receiver_counters {
	uint64_t frames, bytes; /* all that came in; bytes without FCS */
	uint64_t replicas;      /* recognised as some stream's, damaged ones too */
	uint64_t anonymous;     /* damaged so that no stream could be told: they came, so they are not lost */
	uint64_t control;       /* ARP, IGMP, LACP and the like */
	uint64_t fault[GREMC_FAULT_COUNT];
	uint64_t first, last; /* TSC of the first and the last replica */
	/* The most frames that were fetched from a queue before it was empty again: it never held more. */
	uint64_t backlog;
};

struct gremc_receiver_queue {
	uint16_t id, queue; /* ethdev */
	uint16_t port;      /* index of the forwarder's port */
	uint64_t waiting;   /* frames since a fetch last left nothing in the queue */
};

/* The addresses of frames to a site, as they stand in a frame. All 0: not known, and not checked; on a LAN
 * the destination is the group's. */
struct gremc_site_macs {
	struct rte_ether_addr target, source;
};

/* What is known of a frame between the stages. */
struct gremc_rx_frame {
	const uint8_t *data;  /* contiguous */
	const uint8_t *inner; /* IPv4 header */
	struct gremc_stream *stream;
	uint64_t sequence, time, lag;
	rte_be32_t remote, local;
	uint32_t key, flow;
	uint16_t payload;
	uint8_t has_key;
	uint8_t fault; /* GREMC_FAULT_COUNT: good so far */
};

struct gremc_receiver {
	struct gremc_receiver_counters counters;
	const struct gremc_flows *flows;
	const struct gremc_site_macs *macs; /* [site], borrowed; NULL: none are known */
	uint32_t *hint; /* [flow] its stream that came last here: the next one is the next, mostly */
	struct gremc_histogram *histogram; /* [site], reserved memory; NULL: delays are not measured */
	struct gremc_histogram *from_sent; /* one, of all sites; with `histogram`: those count from the
					      schedule, and this one from when the packets were sent */
	uint64_t *first_time, *last_time;  /* [stream] NULL: not kept */
	struct rte_ring *arp; /* ARP packets for the control thread; bounded, what does not fit is dropped */
	uint8_t *scratch;     /* [GREMC_RX_BURST][GREMC_RX_SCRATCH] for packets of several segments */
	uint32_t trial_id;
	uint8_t ttl_step; /* by how much the forwarder lowers the inner TTL */
	uint16_t queue_count;
	struct gremc_receiver_queue queue[GREMC_CONFIG_PORTS_MAX * 4];
	struct gremc_rx_frame frame[GREMC_RX_BURST];
} __rte_cache_aligned;

#define GREMC_RX_SCRATCH 10240u

/* Heap and reserved memory that the fields above point to. 0 or -ENOMEM. Control thread. */
int gremc_receiver_init(struct gremc_receiver *rx, const struct gremc_flows *flows);
void gremc_receiver_fini(struct gremc_receiver *rx);
/* Before a trial, by the lcore or while it rests. */
void gremc_receiver_reset(struct gremc_receiver *rx, uint32_t trial_id);

/* Fetch and check a burst from each queue. True: one was full, and more may be waiting. */
bool gremc_receiver_poll(struct gremc_receiver *rx);
/* Check `count` <= GREMC_RX_BURST frames that came in by `port` at `now`; they stay the caller's, but for
 * ARP. */
void gremc_receiver_check(struct gremc_receiver *rx, uint16_t port, uint64_t now, struct rte_mbuf **packet,
			  unsigned count);

#endif
