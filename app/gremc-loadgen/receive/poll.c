/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <stdlib.h>

#include <rte_branch_prediction.h>
#include <rte_cycles.h>
#include <rte_ethdev.h>
#include <rte_prefetch.h>

#include "base/assert.h"
#include "base/ring.h"
#include "common/counter.h"
#include "receive/frame.h"
#include "receive/poll.h"

int gremc_receiver_init(struct gremc_receiver *rx, const struct gremc_flows *flows)
{
	rx->flows = flows;
	rx->hint = calloc(GREMC_FLOWS_MAX, sizeof(*rx->hint));
	rx->scratch = malloc((size_t)GREMC_RX_BURST * GREMC_RX_SCRATCH);
	return rx->hint && rx->scratch ? 0 : -ENOMEM;
}

void gremc_receiver_fini(struct gremc_receiver *rx)
{
	free(rx->hint);
	free(rx->scratch);
}

void gremc_receiver_reset(struct gremc_receiver *rx, uint32_t trial_id)
{
	rx->counters = (struct gremc_receiver_counters){0};
	for (uint16_t i = 0; i < rx->queue_count; i++)
		rx->queue[i].waiting = 0;
	rx->trial_id = trial_id;
}

void gremc_receiver_check(struct gremc_receiver *rx, uint16_t port, uint64_t now, struct rte_mbuf **packet,
			  unsigned count)
{
	gremc_assert(count <= GREMC_RX_BURST);
	gremc_frames_parse(rx, port, packet, count);
	gremc_frames_flow_check(rx, count);
	gremc_frames_stream_find(rx, port, count);
	gremc_frames_verdict_count(rx, now, count);
}

/* Pass ARP packets to the control thread. Packets that do not fit into the ring stay in the array and are
 * freed; the sender repeats them.
 * Returns: number of packets left in the array. */
static unsigned queue_arp_divert(struct gremc_receiver *rx, uint16_t port, struct rte_mbuf **packet,
				 unsigned count)
{
	unsigned kept = 0;

	for (unsigned i = 0; i < count; i++) {
		if (likely(rx->frame[i].fault != GREMC_FRAME_CONTROL) || rx->arp == NULL) {
			packet[kept++] = packet[i];
			continue;
		}
		packet[i]->port = port;
		if (gremc_ring_enqueue(rx->arp, &packet[i], 1) == 0)
			packet[kept++] = packet[i];
	}
	return kept;
}

/* Update the upper bound of the queue's fill. A fetch of less than half a burst emptied the queue; some
 * drivers return a few frames less than they hold. */
static void queue_backlog_update(struct gremc_receiver *rx, struct gremc_receiver_queue *queue,
				 unsigned count)
{
	queue->waiting += count;
	if (unlikely(queue->waiting > rx->counters.backlog))
		rx->counters.backlog = queue->waiting;
	if (count < GREMC_RX_BURST / 2)
		queue->waiting = 0;
}

static unsigned queue_poll(struct gremc_receiver *rx, struct gremc_receiver_queue *queue)
{
	struct rte_mbuf *packet[GREMC_RX_BURST];
	unsigned count = rte_eth_rx_burst(queue->id, queue->queue, packet, GREMC_RX_BURST);
	uint64_t control = rx->counters.control, bytes = 0;
	unsigned kept = count;

	queue_backlog_update(rx, queue, count);
	if (count == 0)
		return 0;
	for (unsigned i = 0; i < count; i++) {
		rte_prefetch0(rte_pktmbuf_mtod(packet[i], void *));
		bytes += packet[i]->pkt_len;
	}
	gremc_lcore_counter_add(&rx->counters.frames, count);
	rx->counters.bytes += bytes;
	gremc_receiver_check(rx, queue->port, rte_rdtsc(), packet, count);
	if (unlikely(rx->counters.control != control))
		kept = queue_arp_divert(rx, queue->port, packet, count);
	rte_pktmbuf_free_bulk(packet, kept);
	return count;
}

bool gremc_receiver_poll(struct gremc_receiver *rx)
{
	bool more = false;

	for (uint16_t i = 0; i < rx->queue_count; i++)
		more |= queue_poll(rx, &rx->queue[i]) == GREMC_RX_BURST;
	return more;
}
