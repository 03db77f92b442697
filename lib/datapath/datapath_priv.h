/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef GREMC_DATAPATH_DATAPATH_PRIV_H
#define GREMC_DATAPATH_DATAPATH_PRIV_H

#include <rte_cycles.h>
#include <rte_prefetch.h>

#include "base/ring.h"
#include "datapath/datapath.h"

/* The most that a parser reads of a packet: Ethernet and VLAN, two IP headers with options, GRE. */
#define GREMC_HEADERS_MAX (18 + 60 + 16 + 60)

/* ---- the burst ---- */

/* The packet's buffer is needed no more. */
static inline void gremc_burst_done(struct gremc_burst *burst, struct rte_mbuf *mbuf)
{
	burst->done[burst->done_count++] = mbuf;
}

/* A packet's way ends here, with a reason. */
static inline void gremc_drop(struct gremc_worker *worker, struct rte_mbuf *mbuf, enum gremc_drop reason)
{
	worker->drop[reason]++;
	worker->dropped_any = true;
	gremc_burst_done(&worker->burst, mbuf);
}

/* Packet `i` goes on, as number *alive. */
static inline void gremc_burst_retain(struct gremc_burst *burst, uint32_t *alive, uint32_t i)
{
	if (unlikely(*alive != i))
		burst->packet[*alive] = burst->packet[i];
	(*alive)++;
}

/* `n` replicas for one outgoing interface are not sent; `length` is of the inner packet. */
static inline void gremc_replica_count_drop(struct gremc_worker *worker, uint32_t vif,
					    enum gremc_transmitter_pending_free reason, uint16_t length)
{
	struct gremc_vif_cold *cold = &worker->stats->vif_cold[vif];

	worker->loss[reason]++;
	worker->lost_any = true;
	gremc_counter_add(&cold->lost[reason], 1);
	gremc_counter_add(&cold->lost_bytes, length);
}

/* ---- punt.c: not the fast path's: to the control thread where port or vif say so, else dropped ---- */

/* classify, decap: a frame that is no configured tunnel's; whole, from its Ethernet header on. */
void gremc_frame_punt_or_drop(struct gremc_worker *worker, const struct gremc_rxq *rxq, struct rte_mbuf *mbuf,
			      enum gremc_drop reason);
/* decap: an inner packet that is not multicast to forward; its outer headers are still there. */
void gremc_inner_punt_or_drop(struct gremc_worker *worker, struct gremc_packet *packet,
			      enum gremc_drop reason);
/* lookup: of a sampled mroute: is this packet the kernel's? It is said once. */
bool gremc_punt_sample_due(const struct gremc_worker *worker, const struct gremc_packet *packet);
/* lookup: the packet came by a vif that its mroute does not accept. Returns whether the kernel gets it, so
 * that it tells the multicast routing daemon (IGMPMSG_WRONGVIF): one packet in three seconds a route of the
 * kernel's. Any worker. */
bool gremc_punt_wrong_vif_due(const struct gremc_worker *worker, const struct gremc_packet *packet);
/* lookup: no mroute. */
void gremc_unrouted_punt_or_drop(struct gremc_worker *worker, struct gremc_packet *packet);
/* Hand over what the burst has punted; what does not fit is dropped. */
void gremc_punt_flush(struct gremc_worker *worker);

/* ---- limit.c: oils whose interfaces do not take all packets ---- */

/* lookup: is the packet, of a limited mroute, for any of the oil? GREMC_DROP_NONE: it is;
 * GREMC_DROP_no_mroute: it is for the kernel, as if there were none. */
enum gremc_drop gremc_conditional_oifs_check(const struct gremc_worker *worker,
					     const struct gremc_packet *packet);

/* ---- host.c: the rings to and from the control thread ---- */

/* `port` is the host's: behind those of the configuration. -ENOMEM: gremc_worker_rings_fini() all the same.
 */
int gremc_worker_rings_init(struct gremc_worker *worker, uint16_t port, const struct gremc_ring_sizes *sizes);
void gremc_worker_rings_fini(struct gremc_worker *worker);
/* Free what stands in them. */
void gremc_worker_rings_drain(struct gremc_worker *worker);
/* Outside of the stages, for this may be a system call: wake the control thread if it sleeps. */
void gremc_punt_wake(struct gremc_worker *worker);

/* ---- segments.c: what single-segment packets never need ---- */

/* Make the first min(bytes, pkt_len) bytes contiguous. Returns 0, or -ENOBUFS when the first buffer is too
 * small. */
int gremc_segments_pull(struct rte_mbuf *mbuf, uint32_t bytes);
/* Cut the packet, of several segments, to its first `length` bytes; buffers behind them are freed. */
void gremc_segments_trim(struct rte_mbuf *mbuf, uint32_t length);
/* Take `bytes`, which lie in the first segment, off its front; or, below 0, put them back. */
static inline void gremc_segments_strip(struct rte_mbuf *mbuf, int bytes)
{
	mbuf->data_off += bytes;
	mbuf->data_len -= bytes;
	mbuf->pkt_len -= bytes;
}
/* Cut the packet to its inner one, of packet->length bytes: headers before it and what trails go. */
static inline void gremc_packet_cut(const struct gremc_packet *packet)
{
	struct rte_mbuf *mbuf = packet->mbuf;

	if (likely(mbuf->nb_segs == 1)) {
		mbuf->data_off += packet->inner_offset;
		mbuf->data_len = mbuf->pkt_len = packet->length;
		return;
	}
	gremc_segments_strip(mbuf, packet->inner_offset);
	gremc_segments_trim(mbuf, packet->length);
}
/* Copy a packet of several segments to `to`. */
void gremc_segments_copy(uint8_t *to, const struct rte_mbuf *mbuf);
/* A copy of the packet in buffers of its own: of the packet's pool, or of the worker's header pool where
 * copies in that are not safe (a driver's pool of external buffers). Thread: the worker's. Returns the copy,
 * which is the caller's, or NULL: no free buffer. */
struct rte_mbuf *gremc_packet_copy(const struct gremc_worker *worker, const struct rte_mbuf *mbuf);

/* ---- host.c ---- */

/* A ring without a name: nobody looks it up, and there may be hundreds. Several producers (flags without
 * RING_F_SP_ENQ) do not wait for each other. rte_free() frees it. NULL: ENOMEM. */
struct rte_ring *gremc_ring_create(unsigned size, unsigned flags);

/* ---- inject.c, sender.c ---- */

/* A frame, ready but for being sent. Its vif, if it has one, counts it as a replica of its own. */
void gremc_host_frame_send(struct gremc_worker *worker, struct rte_mbuf *mbuf);
/* 0, or -ENOMEM: gremc_host_egress_destroy() all the same. No sender where no port has a queue for it. */
int gremc_host_egress_create(struct gremc_worker_group *group, const struct gremc_ports *ports,
			     const struct gremc_vifs *vifs);
void gremc_host_egress_destroy(struct gremc_worker_group *group);

/* ---- tx.c ---- */

/* The way out by a queue of a port, in memory of this node; the caller adds a ring or a backlog. NULL:
 * ENOMEM. */
struct gremc_tx *gremc_tx_create(const struct gremc_port *port, uint16_t queue, int socket);
/* What the backlog still holds is freed, uncounted. */
void gremc_tx_destroy(struct gremc_tx *tx);
/* Send or hand over what the buffer holds; what a port refuses waits in its backlog, what does not fit there
 * or in a ring is lost, and counted. */
void gremc_tx_flush(struct gremc_worker *worker, struct gremc_tx *tx);

/* Queue a replica of `length` bytes. Its mbuf has the vif in hash.usr, without its serial number: that is
 * added where it leaves the worker or the iteration. The inner packet's length is in vlan_tci (which is no
 * tag of a packet that is sent, for its ol_flags name none), so that a loss can be counted by the mbuf alone.
 */
static inline void gremc_tx_enqueue(struct gremc_worker *worker, struct gremc_tx *tx, struct rte_mbuf *mbuf,
				    uint32_t length)
{
	tx->packet[tx->count++] = mbuf;
	tx->bytes += length;
	if (unlikely(tx->count >= GREMC_BURST))
		gremc_tx_flush(worker, tx);
}

/* Replicas, which name their vifs, that nobody takes: lost for those that are still there. Frees them. */
void gremc_tx_drop_packets(struct gremc_worker *worker, struct gremc_tx *tx, struct rte_mbuf **packet,
			   uint32_t n, enum gremc_transmitter_pending_free reason);
/* Send what other workers have put into our rings by now, as far as GREMC_POLL_BUDGET_US allow. Returns how
 * many packets were taken out. */
uint32_t gremc_tx_shared_poll(struct gremc_worker *worker);
/* What stands in our rings and backlogs is lost: nobody sends it any more. */
void gremc_tx_drop_all(struct gremc_worker *worker);
/* Bonds in mode 802.3ad send their LACPDUs from transmit bursts: make one at least every 100 ms. */
void gremc_tx_keep_alive(struct gremc_worker *worker, uint64_t now);

#define GREMC_POLL_BUDGET_US 500 /* for what others gave, of each kind of ring, in one iteration */

/* When to leave the rest for the next iteration (TSC). */
static inline uint64_t gremc_poll_deadline(void)
{
	return rte_rdtsc() + rte_get_tsc_hz() / US_PER_S * GREMC_POLL_BUDGET_US;
}

/* ---- idle.c ---- */

/* After an iteration that found nothing: spin, pause or sleep. */
void gremc_idle_wait(struct gremc_worker *worker);
static inline void gremc_idle_reset(struct gremc_idle *idle)
{
	idle->empty = 0;
	idle->sleep = 1;
}

#endif
