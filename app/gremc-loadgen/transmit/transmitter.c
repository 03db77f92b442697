/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <stdbool.h>

#include <rte_branch_prediction.h>
#include <rte_ethdev.h>
#include <rte_prefetch.h>
#include <rte_udp.h>

#include "base/assert.h"
#include "common/counter.h"
#include "traffic/stamp.h"
#include "transmit/pattern_pool.h"
#include "transmit/transmitter.h"

#define TEMPLATE_AHEAD 4u
#define HEADER_STEP    16u
#define UDP_SUM_OFFSET 2u /* of the checksum, before the payload */

static_assert(GREMC_TEMPLATE_HEADER % HEADER_STEP == 0, "headers are copied in whole steps");
static_assert(GREMC_TEMPLATE_HEADER <= GREMC_PATTERN_OFFSET, "headers fit before the payload");

/* ---- build ---- */

static inline const struct gremc_template *transmitter_template_at(const struct gremc_transmitter *tx,
								   uint32_t order_at, uint32_t size_at)
{
	return &tx->templates[tx->sizes[size_at] * tx->template_stride + tx->order[order_at]];
}

static inline void transmitter_order_advance(struct gremc_transmitter *tx)
{
	if (unlikely(++tx->order_at == tx->order_count))
		tx->order_at = 0;
	if (++tx->size_at == tx->size_count)
		tx->size_at = 0;
}

static inline void transmitter_templates_prefetch(const struct gremc_transmitter *tx)
{
	uint32_t at = tx->order_at + TEMPLATE_AHEAD;
	const struct gremc_template *next;

	if (unlikely(at >= tx->order_count))
		return;
	next = transmitter_template_at(tx, at, tx->size_at);
	rte_prefetch0(next);
	rte_prefetch0((const uint8_t *)next + RTE_CACHE_LINE_SIZE);
	rte_prefetch0(&tx->sequence[tx->order[at]]);
}

static __rte_always_inline void packet_build(struct gremc_transmitter *tx, uint64_t now, uint64_t lag,
					     struct rte_mbuf *packet)
{
	const struct gremc_template *template = transmitter_template_at(tx, tx->order_at, tx->size_at);
	struct gremc_stamp stamp = {.trial_id = tx->trial_id,
				    .flow = template->flow,
				    .sequence = tx->sequence[template->flow]++,
				    .time = now};
	uint8_t *payload = (uint8_t *)packet->buf_addr + GREMC_PATTERN_OFFSET;
	uint16_t sum;

	for (unsigned i = 0; i < GREMC_TEMPLATE_HEADER; i += HEADER_STEP)
		memcpy(payload - GREMC_TEMPLATE_HEADER + i, template->header + i, HEADER_STEP);
	gremc_stamp_write_packed(payload, &stamp, lag);
	sum = (uint16_t)~gremc_sum_fold(template->udp_sum + gremc_stamp_sum(payload));
	sum = sum ? sum : UINT16_MAX; /* RFC 768: 0 stands for no checksum */
	memcpy(payload - UDP_SUM_OFFSET, &sum, sizeof(sum));
	packet->data_off = GREMC_PATTERN_OFFSET - template->header_length;
	packet->data_len = template->header_length + template->payload;
	packet->pkt_len = packet->data_len;
	packet->port = template->port;
	tx->bytes += packet->data_len;
}

/* Build packets of one burst of the schedule, which have the same lag. */
static __rte_always_inline void on_time_packets_build(struct gremc_transmitter *tx, uint64_t now,
						      struct rte_mbuf **packet, unsigned count)
{
	uint64_t lag = gremc_stamp_lag_pack(gremc_pace_lag(&tx->pace, now));

	gremc_pace_lag_skip(&tx->pace, count - 1);
	for (unsigned i = 0; i < count; i++) {
		transmitter_templates_prefetch(tx);
		packet_build(tx, now, lag, packet[i]);
		transmitter_order_advance(tx);
	}
}

/* Build packets of several bursts of the schedule, which have different lags: the transmitter is behind. */
static __rte_noinline void late_packets_build(struct gremc_transmitter *tx, uint64_t now,
					      struct rte_mbuf **packet, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		packet_build(tx, now, gremc_stamp_lag_pack(gremc_pace_lag(&tx->pace, now)), packet[i]);
		transmitter_order_advance(tx);
	}
}

int gremc_transmitter_packets_build(struct gremc_transmitter *tx, uint64_t now, struct rte_mbuf **packet,
				    unsigned count)
{
	if (unlikely(rte_pktmbuf_alloc_bulk(tx->pool, packet, count))) {
		tx->no_mbufs++;
		return -ENOBUFS;
	}
	if (likely(gremc_pace_is_one_burst(&tx->pace, count)))
		on_time_packets_build(tx, now, packet, count);
	else
		late_packets_build(tx, now, packet, count);
	gremc_lcore_counter_add(&tx->made, count);
	return 0;
}

/* ---- send ---- */

static unsigned tx_port_flush(struct gremc_transmitter *tx, struct gremc_transmitter_port *port)
{
	uint16_t sent = rte_eth_tx_burst(port->id, port->queue, &port->pending[port->first], port->count);

	port->first += sent;
	port->count -= sent;
	if (port->count == 0)
		port->first = 0;
	gremc_u64_store(&tx->pending, gremc_u64_load(&tx->pending) - sent);
	gremc_lcore_counter_add(&tx->taken, sent);
	return port->count;
}

unsigned gremc_transmitter_pending_flush(struct gremc_transmitter *tx)
{
	for (uint16_t i = 0; i < tx->port_count; i++)
		if (tx->port[i].count)
			tx_port_flush(tx, &tx->port[i]);
	return (unsigned)gremc_u64_load(&tx->pending);
}

static void packets_to_ports_append(struct gremc_transmitter *tx, struct rte_mbuf **packet, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		struct gremc_transmitter_port *port = &tx->port[packet[i]->port];

		gremc_assert(port->first + port->count < GREMC_TX_PENDING);
		port->pending[port->first + port->count++] = packet[i];
	}
	gremc_lcore_counter_add(&tx->pending, count);
}

/* Offer pending packets to their devices, and account for the time during which they accept none.
 * Returns: whether packets are still pending. */
static bool transmitter_is_blocked(struct gremc_transmitter *tx, uint64_t now)
{
	if (tx->blocked_at == 0)
		tx->blocked_at = now;
	if (gremc_transmitter_pending_flush(tx))
		return true;
	tx->blocked += now - tx->blocked_at;
	tx->blocked_at = 0;
	return false;
}

unsigned gremc_transmitter_poll(struct gremc_transmitter *tx, uint64_t now)
{
	struct rte_mbuf *packet[GREMC_PACE_BURST];
	uint64_t left = tx->packets - gremc_u64_load(&tx->made);
	unsigned count;

	if (unlikely(gremc_u64_load(&tx->pending)) && transmitter_is_blocked(tx, now))
		return 0;
	count = gremc_pace_due_count(&tx->pace, now, (uint32_t)RTE_MIN(left, GREMC_PACE_BURST));
	if (count == 0 || gremc_transmitter_packets_build(tx, now, packet, count))
		return 0;
	if (unlikely(tx->first == 0))
		tx->first = now;
	tx->last = now;
	gremc_pace_sent_add(&tx->pace, now, count);
	packets_to_ports_append(tx, packet, count);
	gremc_transmitter_pending_flush(tx);
	return count;
}

/* ---- between trials ---- */

void gremc_transmitter_pending_free(struct gremc_transmitter *tx)
{
	for (uint16_t i = 0; i < tx->port_count; i++) {
		struct gremc_transmitter_port *port = &tx->port[i];

		rte_pktmbuf_free_bulk(&port->pending[port->first], port->count);
		port->first = port->count = 0;
	}
	gremc_u64_store(&tx->pending, 0);
}

void gremc_transmitter_reset(struct gremc_transmitter *tx)
{
	tx->order_at = tx->size_at = 0;
	tx->bytes = tx->no_mbufs = tx->first = tx->last = 0;
	tx->blocked = tx->blocked_at = 0;
	gremc_u64_store(&tx->made, 0);
	gremc_u64_store(&tx->taken, 0);
}
