/* SPDX-License-Identifier: BSD-3-Clause */
/* A slow port must not slow down the other ports. The packets that it does not accept stay in its backlog, in
 * order, while the worker continues. Each burst and each iteration makes one more attempt. The worker waits
 * only where the port catches up meanwhile, as after a packet of high fan-out. */
#include <rte_cycles.h>
#include <rte_malloc.h>
#include <rte_pause.h>

#include "datapath/backlog.h"

/* Times are TSC values and cycles. */
struct gremc_backlog {
	uint32_t first, count; /* [first, first + count), modulo GREMC_TX_HELD_MAX */
	enum gremc_backlog_kind kind;
	bool stuck;           /* the port used up its attempts and has accepted nothing since */
	uint64_t progress;    /* when the port last accepted a packet, or the backlog began */
	uint64_t wait_budget; /* the remaining time to wait for the port */
	uint64_t empty_since; /* when the backlog became empty */
	struct rte_mbuf *mbuf[GREMC_TX_HELD_MAX];
	uint32_t bytes[GREMC_TX_HELD_MAX]; /* of each packet: sent mbufs are no longer readable */
};
static_assert((GREMC_TX_HELD_MAX & (GREMC_TX_HELD_MAX - 1)) == 0, "backlog_slot() needs a power of two");

static inline uint64_t cycles_from_ms(uint64_t ms)
{
	return rte_get_tsc_hz() / MS_PER_S * ms;
}

struct gremc_backlog *gremc_backlog_create(enum gremc_backlog_kind kind, int socket)
{
	struct gremc_backlog *backlog =
		rte_zmalloc_socket("gremc_backlog", sizeof(*backlog), RTE_CACHE_LINE_SIZE, socket);

	if (backlog) {
		backlog->kind = kind;
		backlog->wait_budget = cycles_from_ms(GREMC_BACKLOG_WAIT_MS);
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

/* ---- append and transmit ---- */

/* Refill the port's budget by the time that the backlog was empty. */
static void backlog_begin(struct gremc_egress *egress, struct gremc_tx *tx)
{
	struct gremc_backlog *backlog = tx->backlog;
	const uint64_t now = rte_rdtsc();

	backlog->wait_budget = RTE_MIN(backlog->wait_budget + (now - backlog->empty_since),
				       cycles_from_ms(GREMC_BACKLOG_WAIT_MS));
	backlog->progress = now;
	tx->backlogged = true;
	egress->backlogged = true;
}

/* Append packets until the backlog is full. Returns how many were appended, or dropped because their vif has
 * been removed. */
static uint32_t backlog_append(struct gremc_egress *egress, struct gremc_tx *tx, struct rte_mbuf **packet,
			       uint32_t n)
{
	struct gremc_backlog *backlog = tx->backlog;
	uint32_t i, at;

	for (i = 0; i < n && backlog->count < GREMC_TX_HELD_MAX; i++) {
		if (unlikely(packet[i]->hash.usr != GREMC_VIF_NONE &&
			     gremc_mbuf_vif(packet[i], egress->vifs) == GREMC_VIF_NONE)) {
			gremc_egress_drop(egress, tx, &packet[i], 1, GREMC_TX_DROP_tx_full);
			continue;
		}
		if (backlog->count == 0)
			backlog_begin(egress, tx);
		at = backlog_slot(backlog->first + backlog->count++);
		backlog->mbuf[at] = packet[i];
		backlog->bytes[at] = packet[i]->pkt_len;
		tx->queued++;
	}
	return i;
}

/* Entries from the first one up to the end of the array. */
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
	tx->backlogged = false;
	backlog->empty_since = rte_rdtsc();
}

/* Transmit until the port takes less than it is given. Returns how many packets it took. */
static uint32_t backlog_transmit(struct gremc_tx *tx)
{
	struct gremc_backlog *backlog = tx->backlog;
	uint32_t total = 0, n, sent;

	do {
		n = RTE_MIN(backlog_contiguous_count(backlog), GREMC_BURST);
		sent = gremc_tx_burst(tx, &backlog->mbuf[backlog->first], n);
		for (uint32_t i = 0; i < sent; i++)
			tx->sent_bytes += backlog->bytes[backlog->first + i];
		backlog_consume(tx, sent);
		total += sent;
	} while (sent == n && backlog->count > 0);
	tx->sent += total;
	if (total > 0) {
		backlog->stuck = false;
		backlog->progress = rte_rdtsc();
	}
	return total;
}

static void backlog_drop_all(struct gremc_egress *egress, struct gremc_tx *tx, enum gremc_tx_drop reason)
{
	struct gremc_backlog *backlog = tx->backlog;

	while (backlog->count > 0) {
		const uint32_t n = backlog_contiguous_count(backlog);

		gremc_egress_drop(egress, tx, &backlog->mbuf[backlog->first], n, reason);
		backlog_consume(tx, n);
	}
}

/* ---- wait ---- */

/* Refill the thread's budget by the time since its last wait. Returns it. */
static uint64_t egress_wait_budget(struct gremc_egress *egress, uint64_t now)
{
	egress->wait_budget = RTE_MIN(egress->wait_budget + (now - egress->waited_until),
				      cycles_from_ms(GREMC_BACKLOG_WAIT_MS));
	return egress->wait_budget;
}

/* Transmit until all of the packets are appended (POLLED), or also sent (IMMEDIATE). Returns how many were
 * appended. */
static uint32_t port_wait(struct gremc_egress *egress, struct gremc_tx *tx, struct rte_mbuf **packet,
			  uint32_t n)
{
	const uint32_t retries = gremc_u16_load(&egress->tx_retries);
	struct gremc_backlog *backlog = tx->backlog;
	const uint64_t start = rte_rdtsc();
	const uint64_t until = start + RTE_MIN(egress_wait_budget(egress, start), backlog->wait_budget);
	uint32_t done = 0, tries = 0;
	uint64_t now = start;

	while (!backlog->stuck && now < until &&
	       (done < n || (backlog->kind == GREMC_BACKLOG_IMMEDIATE && backlog->count > 0))) {
		if (backlog_transmit(tx) > 0) {
			tries = 0;
			done += backlog_append(egress, tx, packet + done, n - done);
		} else if (++tries > retries) {
			backlog->stuck = true;
		}
		rte_pause();
		now = rte_rdtsc();
		if (unlikely(egress->needs_keep_alive))
			gremc_egress_keep_alive(egress, now);
	}
	egress->wait_budget -= RTE_MIN(egress->wait_budget, now - start);
	egress->waited_until = now;
	backlog->wait_budget -= RTE_MIN(backlog->wait_budget, now - start);
	return done;
}

void gremc_backlog_add(struct gremc_egress *egress, struct gremc_tx *tx, struct rte_mbuf **packet, uint32_t n)
{
	struct gremc_backlog *backlog = tx->backlog;
	const bool held = tx->backlogged;
	uint32_t done = backlog_append(egress, tx, packet, n);

	/* the port has just refused `packet`: no second attempt if the backlog was empty */
	if (held && backlog_transmit(tx) > 0)
		done += backlog_append(egress, tx, packet + done, n - done);
	if (unlikely(done < n || backlog->kind == GREMC_BACKLOG_IMMEDIATE))
		done += port_wait(egress, tx, packet + done, n - done);
	if (unlikely(done < n))
		gremc_egress_drop(egress, tx, packet + done, n - done, GREMC_TX_DROP_tx_full);
	if (unlikely(backlog->kind == GREMC_BACKLOG_IMMEDIATE))
		backlog_drop_all(egress, tx, GREMC_TX_DROP_tx_full);
}

/* ---- once an iteration ---- */

/* Returns how many packets left the backlog. */
static uint32_t backlog_transmit_or_drop(struct gremc_egress *egress, struct gremc_tx *tx)
{
	const enum gremc_tx_drop closed = gremc_tx_closed(tx);
	const uint32_t count = tx->backlog->count;

	if (closed != GREMC_TX_DROP_NONE) {
		backlog_drop_all(egress, tx, closed);
		return count;
	}
	backlog_transmit(tx);
	if (tx->backlogged && rte_rdtsc() - tx->backlog->progress > cycles_from_ms(GREMC_BACKLOG_MAX_AGE_MS))
		backlog_drop_all(egress, tx, GREMC_TX_DROP_tx_full);
	return count - tx->backlog->count;
}

uint32_t gremc_backlogs_send(struct gremc_egress *egress)
{
	uint32_t total = 0;

	egress->backlogged = false;
	for (uint16_t i = 0; i < egress->port_count; i++) {
		struct gremc_tx *tx = egress->tx[i];

		if (tx == NULL || !tx->backlogged)
			continue;
		total += backlog_transmit_or_drop(egress, tx);
		egress->backlogged |= tx->backlogged;
	}
	return total;
}

void gremc_backlogs_drop(struct gremc_egress *egress)
{
	for (uint16_t i = 0; i < egress->port_count; i++)
		if (egress->tx[i] && egress->tx[i]->backlogged)
			backlog_drop_all(egress, egress->tx[i], GREMC_TX_DROP_tx_full);
	egress->backlogged = false;
}
