/* SPDX-License-Identifier: BSD-3-Clause */
#include <string.h>

#include <rte_malloc.h>

#include "datapath/backlog.h"
#include "datapath/tx.h"

/* ---- life ---- */

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
	gremc_tx_set_device(tx, port ? port->id : RTE_MAX_ETHPORTS, GREMC_TX_DROP_NONE);
	tx->queue = queue;
	tx->max_segments = port ? port_max_segments(port) : UINT16_MAX;
	tx->keep_alive = port && port->keep_alive;
	return tx;
}

void gremc_tx_destroy(struct gremc_tx *tx)
{
	if (tx == NULL)
		return;
	gremc_backlog_destroy(tx->backlog);
	rte_free(tx);
}

/* ---- to an owned queue ---- */

/* Replicas that leave the iteration or the worker name their vifs with the serial number. */
static void mbufs_set_vif_serial(const struct gremc_egress *egress, struct rte_mbuf **packet, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		gremc_mbuf_vif_set(packet[i], egress->vifs, gremc_mbuf_fields(packet[i])->vif);
}

/* Count the first `sent` of n packets, which the port has accepted, and append the others to its backlog.
 * Input:   bytes: of all n packets. */
static __rte_noinline void tx_backlog_rest(struct gremc_egress *egress, struct gremc_tx *tx,
					   struct rte_mbuf **packet, uint32_t n, uint32_t sent,
					   uint64_t bytes)
{
	for (uint32_t i = sent; i < n; i++)
		bytes -= packet[i]->pkt_len;
	tx->sent += sent;
	tx->sent_bytes += bytes;
	if (packet == tx->packet) /* of this iteration: they have no serial numbers yet */
		mbufs_set_vif_serial(egress, packet + sent, n - sent);
	gremc_backlog_add(egress, tx, packet + sent, n - sent);
}

static __rte_noinline void tx_drop_closed(struct gremc_egress *egress, struct gremc_tx *tx,
					  struct rte_mbuf **packet, uint32_t n, enum gremc_tx_drop reason)
{
	if (packet == tx->packet)
		mbufs_set_vif_serial(egress, packet, n);
	gremc_egress_drop(egress, tx, packet, n, reason);
}

/* Transmit n packets, which have `bytes` together. */
static inline void tx_transmit(struct gremc_egress *egress, struct gremc_tx *tx, struct rte_mbuf **packet,
			       uint32_t n, uint64_t bytes)
{
	const enum gremc_tx_drop closed = gremc_tx_closed(tx);
	uint32_t sent = 0;

	if (unlikely(closed != GREMC_TX_DROP_NONE)) {
		tx_drop_closed(egress, tx, packet, n, closed);
		return;
	}
	if (likely(!tx->backlogged)) {
		sent = gremc_tx_burst(tx, packet, n);
		if (likely(sent == n)) {
			tx->sent += n;
			tx->sent_bytes += bytes;
			return;
		}
	}
	tx_backlog_rest(egress, tx, packet, n, sent, bytes);
}

/* ---- to rings ---- */

/* A replica for the host holds the iif in its L2 header. Add the serial number of the iif. */
static void mbuf_set_iif_serial(const struct gremc_egress *egress, struct rte_mbuf *mbuf)
{
	uint32_t iif;

	memcpy(&iif, rte_pktmbuf_mtod_offset(mbuf, uint8_t *, RTE_ETHER_ADDR_LEN), sizeof(iif));
	gremc_mbuf_fields(mbuf)->iif_serial = iif < GREMC_VIFS_MAX ? gremc_vif_serial(egress->vifs, iif) : 0;
}

/* The control thread frees the mbufs, so their lengths are read before they are enqueued. */
static void tx_enqueue_to_host(struct gremc_egress *egress, struct gremc_tx *tx)
{
	uint32_t n = tx->count, taken;
	uint64_t bytes = tx->bytes;

	mbufs_set_vif_serial(egress, tx->packet, n);
	for (uint32_t i = 0; i < n; i++)
		mbuf_set_iif_serial(egress, tx->packet[i]);
	taken = gremc_ring_enqueue(tx->ring, tx->packet, n);
	for (uint32_t i = taken; i < n; i++)
		bytes -= tx->packet[i]->pkt_len;
	if (unlikely(taken < n))
		gremc_egress_drop(egress, tx, tx->packet + taken, n - taken, GREMC_TX_DROP_ring_full);
	tx->sent += taken;
	tx->sent_bytes += bytes;
	egress->wake_control = true;
}

static void tx_enqueue_to_owner(struct gremc_egress *egress, struct gremc_tx *tx)
{
	uint32_t n = tx->count, taken;

	mbufs_set_vif_serial(egress, tx->packet, n);
	taken = gremc_ring_enqueue(tx->ring, tx->packet, n);
	tx->queued += taken;
	if (unlikely(taken < n))
		gremc_egress_drop(egress, tx, tx->packet + taken, n - taken, GREMC_TX_DROP_ring_full);
}

/* Transmit up to a burst of the packets that other workers enqueued for the queue, `most` of them. Returns
 * how many were dequeued. */
static uint32_t tx_shared_transmit(struct gremc_egress *egress, struct gremc_tx *tx, struct rte_ring *ring,
				   uint32_t most)
{
	struct rte_mbuf *packet[GREMC_BURST];
	uint32_t n = gremc_ring_dequeue(ring, packet, RTE_MIN(most, GREMC_BURST));
	uint64_t bytes = 0;

	if (n == 0)
		return 0;
	tx->queued -= n; /* modulo 2^32: only the sum over the workers counts */
	for (uint32_t i = 0; i < n; i++)
		bytes += packet[i]->pkt_len;
	tx_transmit(egress, tx, packet, n, bytes);
	return n;
}

/* ---- the stage ---- */

void gremc_tx_flush(struct gremc_egress *egress, struct gremc_tx *tx)
{
	if (likely(tx->ring == NULL)) {
		tx_transmit(egress, tx, tx->packet, tx->count, tx->bytes);
		/* A large oil makes many bursts in one iteration. Bursts of other workers go between them. */
		for (uint32_t i = 0; unlikely(i < tx->sharers); i++)
			if (tx_shared_transmit(egress, tx, tx->shared, GREMC_BURST) < GREMC_BURST)
				break;
	} else if (tx->to_host) {
		tx_enqueue_to_host(egress, tx);
	} else {
		tx_enqueue_to_owner(egress, tx);
	}
	tx->count = 0;
	tx->bytes = 0;
}

void gremc_tx_enqueue_frame(struct gremc_egress *egress, struct rte_mbuf *mbuf)
{
	const uint32_t vif = gremc_mbuf_vif(mbuf, egress->vifs);

	egress->injected++;
	egress->requested++;
	if (vif != GREMC_VIF_NONE)
		gremc_counter_pair_add(&egress->stats->vif_hot[vif].tx_packets, 1,
				       gremc_mbuf_fields(mbuf)->inner_length);
	gremc_mbuf_fields(mbuf)->vif = vif;
	gremc_tx_enqueue(egress, egress->tx[mbuf->port], mbuf, mbuf->pkt_len);
}

void gremc_stage_tx(struct gremc_egress *egress)
{
	for (uint16_t i = 0; i < egress->port_count; i++)
		if (egress->tx[i] && egress->tx[i]->count > 0)
			gremc_tx_flush(egress, egress->tx[i]);
}

/* ---- queues that other workers use ---- */

uint32_t gremc_tx_shared_poll(struct gremc_egress *egress)
{
	uint64_t until = 0;
	uint32_t total = 0;

	for (uint16_t i = 0; i < egress->shared_count; i++) {
		struct rte_ring *ring = egress->shared[i].ring;
		uint32_t left = rte_ring_count(ring), n;

		if (left > 0 && until == 0)
			until = gremc_poll_deadline();
		for (; left > 0; left -= n) {
			n = tx_shared_transmit(egress, egress->tx[egress->shared[i].port], ring, left);
			total += n;
			if (n == 0 || rte_rdtsc() > until)
				break;
		}
	}
	return total;
}

static void tx_shared_drop(struct gremc_egress *egress, const struct gremc_tx_shared_queue *shared)
{
	struct gremc_tx *tx = egress->tx[shared->port];
	struct rte_mbuf *packet[GREMC_BURST];
	uint32_t n;

	while ((n = gremc_ring_dequeue(shared->ring, packet, GREMC_BURST)) > 0) {
		tx->queued -= n;
		gremc_egress_drop(egress, tx, packet, n, GREMC_TX_DROP_ring_full);
	}
}

void gremc_tx_drop_all(struct gremc_egress *egress)
{
	for (uint16_t i = 0; i < egress->shared_count; i++)
		tx_shared_drop(egress, &egress->shared[i]);
	gremc_backlogs_drop(egress);
}
