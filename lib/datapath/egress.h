/* SPDX-License-Identifier: BSD-3-Clause */
/* The transmit side of one thread: its way out of each port, and its counts of replicas.
 *
 * Each worker has one. The control thread has one if ports have a TX queue to spare (host_egress.c). */
#ifndef GREMC_DATAPATH_EGRESS_H
#define GREMC_DATAPATH_EGRESS_H

#include <stdbool.h>
#include <stdint.h>

#include <rte_ethdev.h>

#include "base/assert.h"
#include "base/atomic.h"
#include "base/ring.h"
#include "datapath/mbuf.h"
#include "datapath/packet.h"
#include "datapath/sample.h"
#include "port/port.h"
#include "stats/stats.h"
#include "vif/vif.h"

struct gremc_backlog;

/* One thread's way out of one port: a TX queue that it owns, or a ring to the thread that owns the queue. */
struct gremc_tx {
	uint64_t bytes; /* in the buffer */
	uint32_t count;
	/* Writer: the control thread. Reader: the owner of the queue. An open port's device number is stored
	 * before `closed` is released. */
	gremc_atomic_u16 id; /* ethdev */
	uint16_t queue;
	uint16_t max_segments; /* of one packet; UINT16_MAX: no limit; 1: single-segment packets only */
	bool keep_alive;
	/* GREMC_TX_DROP_NONE: the port is open; else the reason why its replicas are dropped
	 * (enum gremc_tx_drop). Writer: the control thread. Reader: the owner of the queue. */
	gremc_atomic_int closed;
	bool to_host;          /* `ring` leads to the control thread, and enqueued replicas count as sent */
	bool backlogged;       /* the backlog is not empty */
	uint16_t sharers;      /* workers that use this queue by `shared` */
	struct rte_ring *ring; /* not NULL: replicas are enqueued to the queue's owner */
	/* since gremc_egress_account() */
	uint32_t sent, dropped, queued;
	uint64_t sent_bytes;
	struct gremc_backlog *backlog; /* not NULL if the queue is owned */
	/* Flushed when it holds a burst. A stage adds at most another burst before it checks. */
	struct rte_mbuf *packet[2 * GREMC_BURST];
	struct rte_ring *shared; /* not NULL: replicas of other workers for this queue */
} __rte_cache_aligned;
static_assert(2 * GREMC_BURST <= GREMC_TX_MBUFS && 3 * GREMC_BURST <= GREMC_WORK_MBUFS,
	      "the pools are planned with so many mbufs in a worker's hands");

/* An owned TX queue that other workers use through a ring. */
struct gremc_tx_shared_queue {
	struct rte_ring *ring;
	uint16_t port; /* index */
};

/* All fields belong to the owning thread, except as noted. */
struct gremc_egress {
	const struct gremc_vifs *vifs; /* the copy of the thread's NUMA node */
	struct gremc_stats *stats;     /* writer: the owning thread; any thread reads */
	uint16_t port_count;           /* length of `tx` */
	uint16_t shared_count;         /* length of `shared` */
	bool needs_keep_alive;         /* gremc_egress_keep_alive() has work to do */
	/* Attempts without progress after the first. Writer: the control thread. */
	gremc_atomic_u16 tx_retries;
	/* since gremc_egress_account() */
	bool dropped_any;
	uint32_t requested; /* replicas, and frames of the host */
	uint32_t injected;  /* frames of the host */
	uint32_t drops[GREMC_TX_DROP_COUNT];

	bool backlogged;   /* a port's backlog is not empty */
	bool wake_control; /* the control thread's rings got mbufs: call gremc_punt_wake() */
	uint64_t last_keep_alive;
	uint64_t wait_budget;  /* TSC cycles that the thread may spend waiting for ports */
	uint64_t waited_until; /* TSC; wait_budget is counted up to here */
	struct gremc_tx_shared_queue shared[GREMC_CONFIG_PORTS_MAX];
	/* By port index; NULL: a member of a bond. The last one leads to the host. */
	struct gremc_tx *tx[GREMC_CONFIG_PORTS_MAX + 1];
};

/* Thread:  the owner of the queue.
 * Returns: GREMC_TX_DROP_NONE: the port is open; else the reason why its replicas are dropped. */
static inline enum gremc_tx_drop gremc_tx_closed(const struct gremc_tx *tx)
{
	/* acquire: pairs with the release in gremc_tx_set_device(), so that an open port's `id` is current */
	return (enum gremc_tx_drop)gremc_int_load_acquire(&tx->closed);
}

/* Publish the device and the state of a port.
 * Thread:  control thread. */
static inline void gremc_tx_set_device(struct gremc_tx *tx, uint16_t id, enum gremc_tx_drop closed)
{
	gremc_u16_store(&tx->id, id);
	gremc_int_store_release(&tx->closed, closed);
}

/* Count a replica that is not sent by reason, and sample it.
 * Input:   vif: GREMC_VIF_NONE: unknown.
 *          packet: the replica, or its inner packet.
 *          start: the first byte of `packet`.
 * Owner:   the mbuf remains the caller's. */
static inline void gremc_egress_count_reason(struct gremc_egress *egress, uint32_t vif,
					     enum gremc_tx_drop reason, const struct rte_mbuf *packet,
					     struct gremc_packet_start start)
{
	const unsigned sample = GREMC_DROP_COUNT + (unsigned)reason;

	gremc_assert(reason > GREMC_TX_DROP_NONE && reason < GREMC_TX_DROP_COUNT);
	egress->drops[reason]++;
	egress->dropped_any = true;
	if (gremc_samples_accept(egress->stats->samples, sample))
		gremc_packet_sample(egress->stats->samples, sample, egress->vifs, vif, packet, start);
}

/* Count a replica that is not sent, for its vif and by reason.
 * Input:   packet: the inner packet.
 * Owner:   the mbuf remains the caller's. */
static inline void gremc_egress_count_drop(struct gremc_egress *egress, uint32_t vif,
					   enum gremc_tx_drop reason, const struct rte_mbuf *packet)
{
	struct gremc_vif_cold *cold = &egress->stats->vif_cold[vif];

	gremc_counter_add(&cold->lost[reason], 1);
	gremc_counter_add(&cold->lost_bytes, packet->pkt_len);
	gremc_egress_count_reason(egress, vif, reason, packet, GREMC_STARTS_WITH_IP);
}

/* Drop replicas that name their vifs. A replica whose vif has been removed is counted by reason only.
 * Owner:   frees the mbufs. */
void gremc_egress_drop(struct gremc_egress *egress, struct gremc_tx *tx, struct rte_mbuf **packet, uint32_t n,
		       enum gremc_tx_drop reason);
/* Make an empty transmit burst on each port that needs one every 100 ms: bonds in mode 802.3ad send their
 * LACPDUs from transmit bursts.
 * Input:   the current TSC. */
void gremc_egress_keep_alive(struct gremc_egress *egress, uint64_t now);
/* Publish the counts since the last call.
 * Thread:  the owner, between gremc_stats_write_begin() and gremc_stats_write_end(). */
void gremc_egress_account(struct gremc_egress *egress);

/* Transmit to an owned queue of an open port.
 * Returns: packets that the driver accepted, from the first on. */
static inline uint16_t gremc_tx_burst(const struct gremc_tx *tx, struct rte_mbuf **packet, uint16_t n)
{
	return rte_eth_tx_burst(gremc_u16_load(&tx->id), tx->queue, packet, n);
}

#ifdef GREMC_LIB
#	pragma GCC poison                                                                                   \
		rte_eth_tx_burst /* transmit by gremc_tx_burst(), which honours tx->closed's order */
#endif

#endif
