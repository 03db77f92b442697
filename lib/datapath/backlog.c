/* SPDX-License-Identifier: BSD-3-Clause */
/* A port that does not take packets at the pace at which they come must not set the pace of the others. What
 * it has not taken stands aside here, in order, while the worker goes on; it has one more attempt with each
 * burst and each iteration. Waiting for a port is worth it only where it catches up by that, as after a
 * packet of high fan-out. */
#include <rte_cycles.h>
#include <rte_ethdev.h>
#include <rte_malloc.h>
#include <rte_pause.h>

#include "datapath/backlog.h"

/* What one worker holds for one port. Times are of the TSC. */
struct gremc_backlog {
	uint32_t first, count; /* [first, first + count), modulo GREMC_TX_HELD_MAX */
	bool keeps;
	bool stuck;        /* it has had all its attempts, and has taken nothing since */
	uint64_t moved;    /* when it last took something, or the first was held */
	uint64_t patience; /* how long the port may still be waited for */
	uint64_t since;    /* when the last of them had gone */
	struct rte_mbuf *mbuf[GREMC_TX_HELD_MAX];
	uint32_t bytes[GREMC_TX_HELD_MAX]; /* the mbufs of sent packets are no longer ours */
};
static_assert((GREMC_TX_HELD_MAX & (GREMC_TX_HELD_MAX - 1)) == 0, "places are numbers modulo a power of two");

static inline uint64_t cycles_from_ms(uint64_t ms)
{
	return rte_get_tsc_hz() / MS_PER_S * ms;
}

struct gremc_backlog *gremc_backlog_create(bool keeps, int socket)
{
	struct gremc_backlog *backlog =
		rte_zmalloc_socket("gremc_backlog", sizeof(*backlog), RTE_CACHE_LINE_SIZE, socket);

	if (backlog) {
		backlog->keeps = keeps;
		backlog->patience = cycles_from_ms(GREMC_BACKLOG_WAIT_MS);
	}
	return backlog;
}

static inline uint32_t backlog_slot(uint32_t at)
{
	return at & (GREMC_TX_HELD_MAX - 1);
}

void gremc_backlog_destroy(struct gremc_backlog *backlog)
{
	for (uint32_t i = 0; backlog && i < backlog->count; i++)
		rte_pktmbuf_free(backlog->mbuf[backlog_slot(backlog->first + i)]);
	rte_free(backlog);
}

/* ---- holding ---- */

/* The time that has passed since the port had caught up is time to wait for it. */
static void backlog_begin(struct gremc_worker *worker, struct gremc_tx *tx)
{
	struct gremc_backlog *backlog = tx->backlog;
	const uint64_t now = rte_rdtsc();

	backlog->patience =
		RTE_MIN(backlog->patience + (now - backlog->since), cycles_from_ms(GREMC_BACKLOG_WAIT_MS));
	backlog->moved = now;
	tx->holds = true;
	worker->holds = true;
}

/* As many as there are places for. Returns how many that were, with those that are lost because their vif is
 * no longer there. */
static uint32_t backlog_append(struct gremc_worker *worker, struct gremc_tx *tx, struct rte_mbuf **packet,
			       uint32_t n)
{
	struct gremc_backlog *backlog = tx->backlog;
	uint32_t i, at;

	for (i = 0; i < n && backlog->count < GREMC_TX_HELD_MAX; i++) {
		if (unlikely(packet[i]->hash.usr != GREMC_VIF_NONE &&
			     gremc_mbuf_vif(packet[i], worker->vifs) == GREMC_VIF_NONE)) {
			gremc_tx_drop_packets(worker, tx, &packet[i], 1, GREMC_TX_DROP_tx_full);
			continue;
		}
		if (backlog->count == 0)
			backlog_begin(worker, tx);
		at = backlog_slot(backlog->first + backlog->count++);
		backlog->mbuf[at] = packet[i];
		backlog->bytes[at] = packet[i]->pkt_len;
		tx->queued++;
	}
	return i;
}

/* What is held, up to the end of the array. */
static inline uint32_t backlog_contiguous_count(const struct gremc_backlog *backlog)
{
	return RTE_MIN(backlog->count, GREMC_TX_HELD_MAX - backlog->first);
}

static void backlog_consume(struct gremc_tx *tx, uint32_t n)
{
	struct gremc_backlog *backlog = tx->backlog;

	backlog->first = backlog_slot(backlog->first + n);
	backlog->count -= n;
	tx->queued -= n;
	if (backlog->count > 0)
		return;
	tx->holds = false;
	backlog->since = rte_rdtsc();
}

/* One attempt, and others as long as the port takes all that it is given. Returns how many packets it took.
 */
static uint32_t backlog_transmit(struct gremc_tx *tx)
{
	struct gremc_backlog *backlog = tx->backlog;
	uint32_t total = 0, n, sent;

	do {
		n = RTE_MIN(backlog_contiguous_count(backlog), GREMC_BURST);
		sent = rte_eth_tx_burst(tx->id, tx->queue, &backlog->mbuf[backlog->first], n);
		for (uint32_t i = 0; i < sent; i++)
			tx->sent_bytes += backlog->bytes[backlog->first + i];
		backlog_consume(tx, sent);
		total += sent;
	} while (sent == n && backlog->count > 0);
	tx->sent += total;
	if (total > 0) {
		backlog->stuck = false;
		backlog->moved = rte_rdtsc();
	}
	return total;
}

static void backlog_drop_all(struct gremc_worker *worker, struct gremc_tx *tx,
			     enum gremc_transmitter_pending_free reason)
{
	struct gremc_backlog *backlog = tx->backlog;

	while (backlog->count > 0) {
		const uint32_t n = backlog_contiguous_count(backlog);

		gremc_tx_drop_packets(worker, tx, &backlog->mbuf[backlog->first], n, reason);
		backlog_consume(tx, n);
	}
}

/* ---- waiting ---- */

/* How long the worker may wait now: it gets as much time for it as it has spent otherwise. */
static uint64_t worker_wait_budget(struct gremc_worker *worker, uint64_t now)
{
	worker->patience = RTE_MIN(worker->patience + (now - worker->waited_until),
				   cycles_from_ms(GREMC_BACKLOG_WAIT_MS));
	return worker->patience;
}

/* Until the port has taken so much that all of these are held, or, where nothing is kept, sent. Returns how
 * many are. */
static uint32_t port_wait(struct gremc_worker *worker, struct gremc_tx *tx, struct rte_mbuf **packet,
			  uint32_t n)
{
	const uint32_t retries = __atomic_load_n(&worker->tx_retries, __ATOMIC_RELAXED);
	struct gremc_backlog *backlog = tx->backlog;
	const uint64_t start = rte_rdtsc();
	const uint64_t until = start + RTE_MIN(worker_wait_budget(worker, start), backlog->patience);
	uint32_t done = 0, tries = 0;
	uint64_t now = start;

	while (!backlog->stuck && now < until && (done < n || (!backlog->keeps && backlog->count > 0))) {
		if (backlog_transmit(tx) > 0) {
			tries = 0;
			done += backlog_append(worker, tx, packet + done, n - done);
		} else if (++tries > retries) {
			backlog->stuck = true;
		}
		rte_pause();
		now = rte_rdtsc();
		if (unlikely(worker->needs_keep_alive))
			gremc_tx_keep_alive(worker, now);
	}
	worker->patience -= RTE_MIN(worker->patience, now - start);
	worker->waited_until = now;
	backlog->patience -= RTE_MIN(backlog->patience, now - start);
	return done;
}

/* ---- for the transmit stage ---- */

void gremc_backlog_add(struct gremc_worker *worker, struct gremc_tx *tx, struct rte_mbuf **packet, uint32_t n)
{
	struct gremc_backlog *backlog = tx->backlog;
	const bool held = tx->holds;
	uint32_t done = backlog_append(worker, tx, packet, n);

	/* what was held has its attempt; what the port has just refused has had it */
	if (held && backlog_transmit(tx) > 0)
		done += backlog_append(worker, tx, packet + done, n - done);
	if (unlikely(done < n || !backlog->keeps))
		done += port_wait(worker, tx, packet + done, n - done);
	if (unlikely(done < n))
		gremc_tx_drop_packets(worker, tx, packet + done, n - done, GREMC_TX_DROP_tx_full);
	if (unlikely(!backlog->keeps))
		backlog_drop_all(worker, tx, GREMC_TX_DROP_tx_full);
}

/* ---- for the worker's loop ---- */

/* Returns how many packets are held no longer. */
static uint32_t backlog_transmit_or_drop(struct gremc_worker *worker, struct gremc_tx *tx)
{
	const enum gremc_transmitter_pending_free closed = __atomic_load_n(&tx->closed, __ATOMIC_ACQUIRE);
	const uint32_t count = tx->backlog->count;

	if (closed != GREMC_TX_DROP_NONE) {
		backlog_drop_all(worker, tx, closed);
		return count;
	}
	backlog_transmit(tx);
	if (tx->holds && rte_rdtsc() - tx->backlog->moved > cycles_from_ms(GREMC_BACKLOG_MAX_AGE_MS))
		backlog_drop_all(worker, tx, GREMC_TX_DROP_tx_full);
	return count - tx->backlog->count;
}

uint32_t gremc_backlogs_send(struct gremc_worker *worker)
{
	uint32_t total = 0;

	worker->holds = false;
	for (uint16_t i = 0; i < worker->port_count; i++) {
		struct gremc_tx *tx = worker->tx[i];

		if (tx == NULL || !tx->holds)
			continue;
		total += backlog_transmit_or_drop(worker, tx);
		worker->holds |= tx->holds;
	}
	return total;
}

void gremc_backlogs_drop(struct gremc_worker *worker)
{
	for (uint16_t i = 0; i < worker->port_count; i++)
		if (worker->tx[i] && worker->tx[i]->holds)
			backlog_drop_all(worker, worker->tx[i], GREMC_TX_DROP_tx_full);
	worker->holds = false;
}
