/* SPDX-License-Identifier: BSD-3-Clause */
#include <string.h>

#include <rte_ethdev.h>
#include <rte_malloc.h>

#include "datapath/backlog.h"

/* LACP wants its bursts every 100 ms; twenty a 100 ms leave room for an iteration that is long. */
#define KEEP_ALIVES_PER_SECOND 200

/* The segments that a transmitted packet may have. */
static uint16_t port_max_segments(const struct gremc_port *port)
{
	if (!port->multi_seg)
		return 1;
	return port->max_segments ? port->max_segments : UINT16_MAX;
}

struct gremc_tx *gremc_tx_create(const struct gremc_port *port, uint16_t queue, int socket)
{
	struct gremc_tx *tx = rte_zmalloc_socket("gremc_tx", sizeof(*tx), RTE_CACHE_LINE_SIZE, socket);

	if (tx == NULL)
		return NULL;
	tx->closed = GREMC_TX_DROP_NONE;
	tx->id = port->id;
	tx->queue = queue;
	tx->max_segments = port_max_segments(port);
	tx->keep_alive = port->keep_alive;
	return tx;
}

void gremc_tx_destroy(struct gremc_tx *tx)
{
	if (tx == NULL)
		return;
	gremc_backlog_destroy(tx->backlog);
	rte_free(tx);
}

/* Replicas of this iteration that leave it, or the worker: from now on they name their vifs for good. */
static void mbufs_set_vif_serial(const struct gremc_worker *worker, struct rte_mbuf **packet, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		gremc_mbuf_vif_set(packet[i], worker->vifs, packet[i]->hash.usr);
}

void gremc_tx_drop_packets(struct gremc_worker *worker, struct gremc_tx *tx, struct rte_mbuf **packet,
			   uint32_t n, enum gremc_transmitter_pending_free reason)
{
	for (uint32_t i = 0; i < n; i++) {
		const uint32_t vif = gremc_mbuf_vif(packet[i], worker->vifs);

		if (likely(vif != GREMC_VIF_NONE)) {
			gremc_replica_count_drop(worker, vif, reason, packet[i]->vlan_tci);
		} else { /* a frame of the host, or the vif has been removed */
			worker->loss[reason]++;
			worker->lost_any = true;
		}
	}
	tx->lost += n;
	rte_pktmbuf_free_bulk(packet, n);
}

/* The port has taken `sent` of them, of `bytes` in all: the others go behind what it has not taken before.
 * `fresh`: they are of this iteration, and do not name their vifs yet. */
static __rte_noinline void tx_backlog_rest(struct gremc_worker *worker, struct gremc_tx *tx,
					   struct rte_mbuf **packet, uint32_t n, uint32_t sent,
					   uint64_t bytes, bool fresh)
{
	for (uint32_t i = sent; i < n; i++)
		bytes -= packet[i]->pkt_len;
	tx->sent += sent;
	tx->sent_bytes += bytes;
	if (fresh)
		mbufs_set_vif_serial(worker, packet + sent, n - sent);
	gremc_backlog_add(worker, tx, packet + sent, n - sent);
}

/* Give packets to the port. */
static inline void tx_transmit(struct gremc_worker *worker, struct gremc_tx *tx, struct rte_mbuf **packet,
			       uint32_t n, uint64_t bytes, bool fresh)
{
	/* acquire: an open port is the device whose number is read after */
	const enum gremc_transmitter_pending_free closed = __atomic_load_n(&tx->closed, __ATOMIC_ACQUIRE);
	uint32_t sent = 0;

	if (unlikely(closed != GREMC_TX_DROP_NONE)) {
		if (fresh)
			mbufs_set_vif_serial(worker, packet, n);
		gremc_tx_drop_packets(worker, tx, packet, n, closed);
		return;
	}
	if (likely(!tx->holds)) {
		sent = rte_eth_tx_burst(tx->id, tx->queue, packet, n);
		if (likely(sent == n)) {
			tx->sent += n;
			tx->sent_bytes += bytes;
			return;
		}
	}
	tx_backlog_rest(worker, tx, packet, n, sent, bytes, fresh);
}

/* A replica for the host names the vif that the original came by in its L2 header: that one's serial number,
 * too.
 */
static void mbuf_set_iif_serial(const struct gremc_worker *worker, struct rte_mbuf *mbuf)
{
	uint32_t iif;

	memcpy(&iif, rte_pktmbuf_mtod_offset(mbuf, uint8_t *, RTE_ETHER_ADDR_LEN), sizeof(iif));
	mbuf->packet_type = iif < GREMC_VIFS_MAX ? gremc_vif_serial(worker->vifs, iif) : 0;
}

/* To the control thread, which frees them: looked at before they go. */
static void tx_enqueue_to_host(struct gremc_worker *worker, struct gremc_tx *tx)
{
	uint32_t n = tx->count, taken;
	uint64_t bytes = tx->bytes;

	mbufs_set_vif_serial(worker, tx->packet, n);
	for (uint32_t i = 0; i < n; i++)
		mbuf_set_iif_serial(worker, tx->packet[i]);
	taken = gremc_ring_enqueue(tx->ring, tx->packet, n);
	for (uint32_t i = taken; i < n; i++)
		bytes -= tx->packet[i]->pkt_len;
	if (unlikely(taken < n))
		gremc_tx_drop_packets(worker, tx, tx->packet + taken, n - taken, GREMC_TX_DROP_ring_full);
	tx->sent += taken;
	tx->sent_bytes += bytes;
	worker->wake_host = true;
}

static void tx_enqueue_to_owner(struct gremc_worker *worker, struct gremc_tx *tx)
{
	uint32_t n = tx->count, taken;

	mbufs_set_vif_serial(worker, tx->packet, n);
	taken = gremc_ring_enqueue(tx->ring, tx->packet, n);
	tx->queued += taken;
	if (unlikely(taken < n))
		gremc_tx_drop_packets(worker, tx, tx->packet + taken, n - taken, GREMC_TX_DROP_ring_full);
}

/* Up to `most` of the packets that others have given for our queue. Returns how many. */
static uint32_t tx_shared_transmit(struct gremc_worker *worker, struct gremc_tx *tx, struct rte_ring *ring,
				   uint32_t most)
{
	struct rte_mbuf *packet[GREMC_BURST];
	uint32_t n = gremc_ring_dequeue(ring, packet, RTE_MIN(most, GREMC_BURST));
	uint64_t bytes = 0;

	if (n == 0)
		return 0;
	tx->queued -= n; /* modulo 2^32: the sum over the workers is what counts */
	for (uint32_t i = 0; i < n; i++)
		bytes += packet[i]->pkt_len;
	tx_transmit(worker, tx, packet, n, bytes, false);
	return n;
}

void gremc_tx_flush(struct gremc_worker *worker, struct gremc_tx *tx)
{
	if (likely(tx->ring == NULL)) {
		tx_transmit(worker, tx, tx->packet, tx->count, tx->bytes, true);
		/* A large oil makes many bursts in one iteration: the others' go between ours. */
		for (uint32_t i = 0; unlikely(i < tx->givers); i++)
			if (tx_shared_transmit(worker, tx, tx->share, GREMC_BURST) < GREMC_BURST)
				break;
	} else if (tx->to_host) {
		tx_enqueue_to_host(worker, tx);
	} else {
		tx_enqueue_to_owner(worker, tx);
	}
	tx->count = 0;
	tx->bytes = 0;
}

void gremc_stage_tx(struct gremc_worker *worker)
{
	for (uint16_t i = 0; i < worker->port_count; i++)
		if (worker->tx[i] && worker->tx[i]->count > 0)
			gremc_tx_flush(worker, worker->tx[i]);
}

uint32_t gremc_tx_shared_poll(struct gremc_worker *worker)
{
	uint64_t until = 0;
	uint32_t total = 0;

	for (uint16_t i = 0; i < worker->share_count; i++) {
		struct rte_ring *ring = worker->share[i].ring;
		uint32_t left = rte_ring_count(ring), n;

		if (left > 0 && until == 0)
			until = gremc_poll_deadline();
		for (; left > 0; left -= n) {
			n = tx_shared_transmit(worker, worker->tx[worker->share[i].port], ring, left);
			total += n;
			if (n == 0 || rte_rdtsc() > until)
				break;
		}
	}
	return total;
}

void gremc_tx_keep_alive(struct gremc_worker *worker, uint64_t now)
{
	if (now - worker->last_keep_alive < rte_get_tsc_hz() / KEEP_ALIVES_PER_SECOND)
		return;
	worker->last_keep_alive = now;
	for (uint16_t i = 0; i < worker->port_count; i++)
		if (worker->tx[i] && worker->tx[i]->keep_alive && worker->tx[i]->ring == NULL &&
		    __atomic_load_n(&worker->tx[i]->closed, __ATOMIC_ACQUIRE) != GREMC_TX_DROP_port_down)
			rte_eth_tx_burst(worker->tx[i]->id, worker->tx[i]->queue, NULL, 0);
}

/* ---- the end ---- */

static void tx_shared_drop(struct gremc_worker *worker, const struct gremc_tx_shared_queue *share)
{
	struct gremc_tx *tx = worker->tx[share->port];
	struct rte_mbuf *packet[GREMC_BURST];
	uint32_t n;

	while ((n = gremc_ring_dequeue(share->ring, packet, GREMC_BURST)) > 0) {
		tx->queued -= n;
		gremc_tx_drop_packets(worker, tx, packet, n, GREMC_TX_DROP_ring_full);
	}
}

void gremc_tx_drop_all(struct gremc_worker *worker)
{
	for (uint16_t i = 0; i < worker->share_count; i++)
		tx_shared_drop(worker, &worker->share[i]);
	gremc_backlogs_drop(worker);
}
