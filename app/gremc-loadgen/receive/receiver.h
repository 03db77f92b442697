/* SPDX-License-Identifier: BSD-3-Clause */
/* The receiver of one lcore: checks every frame that returns against the frames that must return.
 *
 * A frame gets one verdict: a good replica, the first fault found, or control traffic. The checks are stages
 * over a burst (receive/frame.h). The TSC is read once per burst: a delay ends when the burst was fetched, so
 * its resolution is one round of the lcore's loop (far below a microsecond at low load; at high load the time
 * that 64 replicas and 32 packets take). */
#ifndef GREMC_LOADGEN_RECEIVE_RECEIVER_H
#define GREMC_LOADGEN_RECEIVE_RECEIVER_H

#include <assert.h>
#include <stdbool.h>
#include <stdint.h>

#include <rte_ether.h>
#include <rte_mbuf.h>
#include <rte_ring.h>

#include "base/atomic.h"
#include "receive/faults.h"
#include "receive/histogram.h"
#include "traffic/flows.h"

#define GREMC_RX_BURST   64u
#define GREMC_RX_SCRATCH 10240u

struct gremc_receiver_counters {
	/* Written by the lcore; read at any time by the control thread and, in a closed loop, by all lcores.
	 */
	gremc_atomic_u64 frames;    /* all frames that arrived */
	gremc_atomic_u64 replicas;  /* recognised as a stream's, with damaged ones */
	gremc_atomic_u64 anonymous; /* damaged replicas whose stream is unknown; they are not lost */
	/* Written by the lcore; read by the control thread while the lcores rest. */
	uint64_t bytes;   /* of all frames, without FCS */
	uint64_t control; /* ARP, IGMP, LACP and similar */
	uint64_t fault[GREMC_FAULT_COUNT];
	uint64_t first, last; /* TSC of the first and the last replica */
	uint64_t backlog;     /* upper bound of the frames that any queue held */
};

struct gremc_receiver_queue {
	uint16_t id, queue; /* ethdev */
	uint16_t port;      /* index of the forwarder's port */
	uint64_t waiting;   /* frames fetched since the queue was last empty */
};

/* MAC addresses of frames to a site, in the order of an Ethernet header. 0: unknown, not checked. On a LAN
 * the destination is the group's address. */
struct gremc_site_macs {
	struct rte_ether_addr target, source;
};

static_assert(sizeof(struct gremc_site_macs) == 2 * RTE_ETHER_ADDR_LEN, "compared with a frame by memcmp()");

/* The findings of the stages about a frame. */
struct gremc_rx_frame {
	const uint8_t *data;  /* contiguous bytes */
	const uint8_t *inner; /* IPv4 header */
	struct gremc_stream *stream;
	uint64_t sequence, time, lag;
	rte_be32_t remote, local;
	uint32_t key, flow;
	uint16_t payload;
	uint8_t has_key;
	uint8_t fault; /* enum gremc_fault or enum gremc_frame_verdict */
};

struct gremc_receiver {
	struct gremc_receiver_counters counters;
	/* Set by the control thread while the lcores rest; borrowed unless noted. */
	const struct gremc_flows *flows;
	const struct gremc_site_macs *macs; /* [site]; NULL: none is known */
	struct gremc_histogram *histogram;  /* [site] delays from the due time; NULL: not measured */
	struct gremc_histogram *from_sent;  /* one: delays from transmission; set together with `histogram` */
	/* [stream] TSC of the first and the last replica; NULL: not recorded. Written by the lcore, read at
	 * any time by the control thread. */
	gremc_atomic_u64 *first_time, *last_time;
	struct rte_ring *arp; /* ARP packets for the control thread; packets that do not fit are freed */
	uint32_t trial_id;
	uint8_t ttl_step; /* by which the forwarder decrements the inner TTL */
	uint16_t queue_count;
	struct gremc_receiver_queue queue[GREMC_CONFIG_PORTS_MAX * 4];
	/* Private to the lcore. */
	uint32_t *hint; /* [flow] its stream that arrived last; mostly the next stream arrives next. Owned */
	uint8_t *scratch; /* [GREMC_RX_BURST][GREMC_RX_SCRATCH] for packets of several segments. Owned */
	struct gremc_rx_frame frame[GREMC_RX_BURST];
} __rte_cache_aligned;

#endif
