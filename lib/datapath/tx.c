/* SPDX-License-Identifier: BSD-3-Clause */
#include <string.h>

#include <rte_ethdev.h>
#include <rte_malloc.h>
#include <rte_pause.h>
#include <rte_ring.h>

#include "datapath/datapath_priv.h"

/* LACP wants its bursts every 100 ms; twenty a 100 ms leave room for an iteration that is long. */
#define KEEP_ALIVES_PER_SECOND 200

/* The segments that a transmitted packet may have. */
static uint16_t segments_of(const struct gremc_port *port)
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
	tx->id = port->id;
	tx->queue = queue;
	tx->max_segments = segments_of(port);
	tx->keep_alive = port->keep_alive;
	return tx;
}

/* Replicas of this iteration that leave it, or the worker: from now on they name their vifs for good. */
static void name_vifs(const struct gremc_worker *worker, struct rte_mbuf **packet, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		gremc_mbuf_vif_set(packet[i], worker->vifs, packet[i]->hash.usr);
}

/* Replicas that nobody takes: lost for the vifs that they name, or for none. */
static void lose_unsent(struct gremc_worker *worker, struct gremc_tx *tx, struct rte_mbuf **packet,
			uint32_t n, enum gremc_loss reason)
{
	for (uint32_t i = 0; i < n; i++) {
		const uint32_t vif = gremc_mbuf_vif(packet[i], worker->vifs);

		if (likely(vif != GREMC_VIF_NONE)) {
			gremc_lose(worker, vif, reason, packet[i]->vlan_tci);
		} else { /* a frame of the host, or the vif has been removed */
			worker->loss[reason]++;
			worker->lost_any = true;
		}
	}
	tx->lost += n;
	rte_pktmbuf_free_bulk(packet, n);
}

/* Give packets to the port. After `retries` attempts in a row without progress the rest is lost, and until
 * the port moves again one attempt is all it gets: a stuck port must not hold up the others. `fresh`: they
 * are of this iteration, and do not name their vifs yet. */
static void transmit(struct gremc_worker *worker, struct gremc_tx *tx, struct rte_mbuf **packet, uint32_t n,
		     uint64_t bytes, bool fresh)
{
	const uint8_t closed = __atomic_load_n(&tx->closed, __ATOMIC_RELAXED);
	uint32_t sent = 0, tries = 0, now;

	if (unlikely(closed)) {
		if (fresh)
			name_vifs(worker, packet, n);
		lose_unsent(worker, tx, packet, n, closed - 1);
		return;
	}
	for (;;) {
		now = rte_eth_tx_burst(tx->id, tx->queue, packet + sent, n - sent);
		sent += now;
		if (likely(sent == n))
			break;
		if (now > 0) {
			tries = 0;
			tx->stalled = false;
		} else if (tx->stalled || ++tries > __atomic_load_n(&worker->tx_retries, __ATOMIC_RELAXED)) {
			tx->stalled = true;
			break;
		}
		rte_pause();
	}
	if (likely(sent == n)) {
		tx->stalled = false;
	} else {
		for (uint32_t i = sent; i < n; i++)
			bytes -= packet[i]->pkt_len;
		if (fresh)
			name_vifs(worker, packet + sent, n - sent);
		lose_unsent(worker, tx, packet + sent, n - sent, GREMC_LOSS_tx_full);
	}
	tx->sent += sent;
	tx->sent_bytes += bytes;
}

/* A replica for the host names the vif that the original came by in its L2 header: that one's serial number,
 * too.
 */
static void name_iif(const struct gremc_worker *worker, struct rte_mbuf *mbuf)
{
	uint32_t iif;

	memcpy(&iif, rte_pktmbuf_mtod_offset(mbuf, uint8_t *, RTE_ETHER_ADDR_LEN), sizeof(iif));
	mbuf->packet_type = iif < GREMC_VIFS_MAX ? gremc_vif_serial(worker->vifs, iif) : 0;
}

/* To the control thread, which frees them: looked at before they go. */
static void send_to_host(struct gremc_worker *worker, struct gremc_tx *tx)
{
	uint32_t n = tx->count, taken;
	uint64_t bytes = tx->bytes;

	name_vifs(worker, tx->packet, n);
	for (uint32_t i = 0; i < n; i++)
		name_iif(worker, tx->packet[i]);
	taken = rte_ring_enqueue_burst(tx->ring, (void **)tx->packet, n, NULL);
	for (uint32_t i = taken; i < n; i++)
		bytes -= tx->packet[i]->pkt_len;
	if (unlikely(taken < n))
		lose_unsent(worker, tx, tx->packet + taken, n - taken, GREMC_LOSS_ring_full);
	tx->sent += taken;
	tx->sent_bytes += bytes;
	worker->wake_host = true;
}

void gremc_tx_flush(struct gremc_worker *worker, struct gremc_tx *tx)
{
	uint32_t n = tx->count, taken;

	if (unlikely(tx->to_host)) {
		send_to_host(worker, tx);
	} else if (tx->ring == NULL) {
		transmit(worker, tx, tx->packet, n, tx->bytes, true);
	} else {
		name_vifs(worker, tx->packet, n);
		taken = rte_ring_enqueue_burst(tx->ring, (void **)tx->packet, n, NULL);
		tx->queued += taken;
		if (unlikely(taken < n))
			lose_unsent(worker, tx, tx->packet + taken, n - taken, GREMC_LOSS_ring_full);
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

uint32_t gremc_tx_drain_shares(struct gremc_worker *worker)
{
	struct rte_mbuf *packet[GREMC_BURST];
	uint32_t total = 0, n;
	uint64_t bytes;

	for (uint16_t i = 0; i < worker->share_count; i++) {
		struct gremc_tx *tx = worker->tx[worker->share[i].port];

		n = rte_ring_dequeue_burst(worker->share[i].ring, (void **)packet, GREMC_BURST, NULL);
		if (n == 0)
			continue;
		tx->queued -= n; /* modulo 2^32: the sum over the workers is what counts */
		bytes = 0;
		for (uint32_t p = 0; p < n; p++)
			bytes += packet[p]->pkt_len;
		transmit(worker, tx, packet, n, bytes, false);
		total += n;
	}
	return total;
}

void gremc_tx_keep_alive(struct gremc_worker *worker, uint64_t now)
{
	if (now - worker->last_keep_alive < rte_get_tsc_hz() / KEEP_ALIVES_PER_SECOND)
		return;
	worker->last_keep_alive = now;
	for (uint16_t i = 0; i < worker->port_count; i++)
		if (worker->tx[i] && worker->tx[i]->keep_alive && worker->tx[i]->ring == NULL)
			rte_eth_tx_burst(worker->tx[i]->id, worker->tx[i]->queue, NULL, 0);
}
