/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <rte_branch_prediction.h>
#include <rte_cycles.h>
#include <rte_ethdev.h>
#include <rte_prefetch.h>
#include <rte_udp.h>

#include "base/ring.h"
#include "proto/proto.h"
#include "receive_stages.h"
#include "stamp.h"
#include "template.h"

#define WINDOW      64u
#define UDP_SUM_ODD 2u

static const char *const fault_names[] = {
#define GREMC_X(kind, name, text) #name,
	GREMC_FAULTS(GREMC_X)
#undef GREMC_X
};
static const char *const fault_texts[] = {
#define GREMC_X(kind, name, text) text,
	GREMC_FAULTS(GREMC_X)
#undef GREMC_X
};

const char *gremc_fault_name(unsigned fault)
{
	return fault_names[fault];
}

const char *gremc_fault_text(unsigned fault)
{
	return fault_texts[fault];
}

/* ---- life ---- */

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

/* ---- stage 2: the flow's headers, and a guess at the stream ---- */

static unsigned inner_headers_check(const struct gremc_receiver *rx, const struct gremc_rx_frame *frame,
				    const struct gremc_flow *flow)
{
	const struct rte_ipv4_hdr *ip = (const struct rte_ipv4_hdr *)frame->inner;
	const struct rte_udp_hdr *udp = (const struct rte_udp_hdr *)(ip + 1);

	if (unlikely(ip->src_addr != flow->source || ip->dst_addr != flow->group ||
		     udp->src_port != flow->source_port || udp->dst_port != flow->target_port ||
		     udp->dgram_len != rte_cpu_to_be_16(frame->payload + sizeof(*udp))))
		return GREMC_FAULT_inner_header;
	if (unlikely(ip->time_to_live != GREMC_TEMPLATE_TTL - rx->ttl_step))
		return GREMC_FAULT_inner_ttl;
	return FRAME_GOOD;
}

/* Replicas of a packet come in the same order as those of the packet before, mostly. */
static uint32_t stream_guess(const struct gremc_receiver *rx, uint32_t number)
{
	const struct gremc_flow *flow = &rx->flows->flow[number];
	uint32_t next = rx->hint[number] + 1;

	return flow->first + (next < flow->fanout ? next : 0);
}

static void stage_flow_check(struct gremc_receiver *rx, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		struct gremc_rx_frame *frame = &rx->frame[i];
		const struct gremc_flow *flow;

		if (unlikely(frame->fault != FRAME_GOOD))
			continue;
		flow = &rx->flows->flow[frame->flow];
		frame->fault = (uint8_t)inner_headers_check(rx, frame, flow);
		if (likely(flow->fanout))
			rte_prefetch0(&rx->flows->stream[stream_guess(rx, frame->flow)]);
	}
}

/* ---- stage 3: the stream ---- */

static bool frame_is_of_tunnel(const struct gremc_flows *flows, const struct gremc_rx_frame *frame)
{
	for (uint32_t i = 0; i < flows->config->tunnel_count; i++) {
		const struct gremc_site *site = &flows->site[i];

		if (site->site == frame->remote && site->forwarder == frame->local &&
		    site->has_out == frame->has_key && site->out_key == frame->key)
			return true;
	}
	return frame->remote == 0;
}

static struct gremc_stream *frame_stream_find(struct gremc_receiver *rx, const struct gremc_rx_frame *frame)
{
	const struct gremc_flow *flow = &rx->flows->flow[frame->flow];
	struct gremc_stream *stream = &rx->flows->stream[stream_guess(rx, frame->flow)];

	if (likely(flow->fanout &&
		   gremc_stream_matches(stream, frame->remote, frame->local, frame->key, frame->flow))) {
		rx->hint[frame->flow] = (uint32_t)(stream - &rx->flows->stream[flow->first]);
		return stream;
	}
	stream = gremc_stream_find(rx->flows, frame->remote, frame->local, frame->key, frame->flow);
	if (stream)
		rx->hint[frame->flow] = (uint32_t)(stream - &rx->flows->stream[flow->first]);
	return stream;
}

/* Which of the two is wrong, if any. */
static unsigned frame_macs_compare(const struct gremc_receiver *rx, const struct gremc_rx_frame *frame)
{
	const struct rte_ether_hdr *ether = (const struct rte_ether_hdr *)frame->data;
	struct gremc_site_macs macs = rx->macs[frame->stream->site];

	if (rx->flows->site[frame->stream->site].native)
		gremc_group_mac(macs.target.addr_bytes, rx->flows->flow[frame->flow].group);
	if (!rte_is_zero_ether_addr(&macs.target) && !rte_is_same_ether_addr(&macs.target, &ether->dst_addr))
		return GREMC_FAULT_target_mac;
	if (!rte_is_zero_ether_addr(&macs.source) && !rte_is_same_ether_addr(&macs.source, &ether->src_addr))
		return GREMC_FAULT_source_mac;
	return FRAME_GOOD;
}

static inline unsigned frame_macs_check(const struct gremc_receiver *rx, const struct gremc_rx_frame *frame)
{
	if (likely(rx->macs && memcmp(frame->data, &rx->macs[frame->stream->site], sizeof(*rx->macs)) == 0))
		return FRAME_GOOD;
	return rx->macs ? frame_macs_compare(rx, frame) : FRAME_GOOD;
}

static void stage_stream_find(struct gremc_receiver *rx, uint16_t port, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		struct gremc_rx_frame *frame = &rx->frame[i];

		if (unlikely(frame->fault != FRAME_GOOD && frame->fault != GREMC_FAULT_inner_ttl &&
			     frame->fault != GREMC_FAULT_inner_header))
			continue;
		frame->stream = frame_stream_find(rx, frame);
		if (unlikely(frame->stream == NULL || frame->stream->has_key != frame->has_key)) {
			frame->fault = frame_is_of_tunnel(rx->flows, frame) ? GREMC_FAULT_misdirected
									    : GREMC_FAULT_unknown_tunnel;
			frame->stream = NULL;
		} else if (unlikely(frame->stream->port != port)) {
			frame->fault = GREMC_FAULT_wrong_port;
		} else if (likely(frame->fault == FRAME_GOOD)) {
			frame->fault = (uint8_t)frame_macs_check(rx, frame);
		}
	}
}

/* ---- stage 4: payload, sequence, delay ---- */

static unsigned payload_check(const struct gremc_rx_frame *frame)
{
	const struct rte_ipv4_hdr *ip = (const struct rte_ipv4_hdr *)frame->inner;
	const struct rte_udp_hdr *udp = (const struct rte_udp_hdr *)(ip + 1);
	const uint8_t *payload = (const uint8_t *)(udp + 1);
	uint16_t length = RTE_MIN(frame->payload, (uint16_t)GREMC_PATTERN_SIZE);
	uint64_t sum;

	if (unlikely(memcmp(payload + GREMC_STAMP_LENGTH, gremc_pattern + GREMC_STAMP_LENGTH,
			    length - GREMC_STAMP_LENGTH) != 0))
		return GREMC_FAULT_payload;
	/* The pattern is right, so its sum is known. */
	sum = (uint64_t)ip->src_addr + ip->dst_addr + RTE_BE16(IPPROTO_UDP) + UDP_SUM_ODD * udp->dgram_len +
	      udp->src_port + udp->dst_port + udp->dgram_cksum + gremc_pattern_sum[length];
	return likely(gremc_sum_fold(sum + gremc_stamp_sum(payload)) == 0xffff) ? FRAME_GOOD
										: GREMC_FAULT_udp_checksum;
}

/* Not the next one in order. Returns the fault, or NONE after a gap. */
static unsigned stream_order_check(struct gremc_stream *stream, uint64_t sequence)
{
	uint64_t gap, back;

	if (sequence >= stream->next) {
		gap = sequence - stream->next + 1;
		stream->window = gap < WINDOW ? stream->window << gap | 1 : 1;
		stream->next = sequence + 1;
		return FRAME_GOOD;
	}
	back = stream->next - 1 - sequence;
	if (back >= WINDOW) {
		stream->late++;
		return GREMC_FAULT_late;
	}
	if (stream->window >> back & 1) {
		stream->duplicated++;
		return GREMC_FAULT_duplicated;
	}
	stream->window |= UINT64_C(1) << back;
	stream->reordered++;
	return GREMC_FAULT_reordered;
}

static unsigned stream_sequence_account(struct gremc_stream *stream, uint64_t sequence)
{
	stream->received++;
	if (unlikely(sequence != stream->next))
		return stream_order_check(stream, sequence);
	stream->next++;
	stream->window = stream->window << 1 | 1;
	return FRAME_GOOD;
}

static void stream_times_record(struct gremc_receiver *rx, const struct gremc_rx_frame *frame, uint64_t now)
{
	size_t number = (size_t)(frame->stream - rx->flows->stream);

	if (rx->histogram && !rx->flows->flow[frame->flow].burden) {
		uint64_t delay = now > frame->time ? now - frame->time : 0;

		gremc_histogram_add(&rx->histogram[frame->stream->site], delay + frame->lag);
		gremc_histogram_add(rx->from_sent, delay);
	}
	if (rx->last_time == NULL)
		return;
	if (rx->first_time[number] == 0)
		rx->first_time[number] = now;
	rx->last_time[number] = now;
}

/* A damaged one that is known takes its place in the sequence: it is damaged, not lost. */
static void frame_verdict_count(struct gremc_receiver *rx, struct gremc_rx_frame *frame, uint64_t now)
{
	unsigned order;

	if (likely(frame->fault == FRAME_GOOD))
		frame->fault = (uint8_t)payload_check(frame);
	order = stream_sequence_account(frame->stream, frame->sequence);
	if (unlikely(frame->fault != FRAME_GOOD)) {
		rx->counters.fault[frame->fault]++;
		return;
	}
	if (unlikely(order != FRAME_GOOD))
		rx->counters.fault[order]++;
	if (rx->histogram || rx->last_time)
		stream_times_record(rx, frame, now);
}

static bool fault_is_damage(unsigned fault)
{
	return fault >= GREMC_FAULT_DAMAGED_FIRST && fault < GREMC_FAULT_UNEXPECTED_FIRST;
}

static void stage_verdict_count(struct gremc_receiver *rx, uint64_t now, unsigned count)
{
	unsigned replicas = 0;

	for (unsigned i = 0; i < count; i++) {
		struct gremc_rx_frame *frame = &rx->frame[i];

		if (likely(frame->stream != NULL)) {
			replicas++;
			frame_verdict_count(rx, frame, now);
		} else if (frame->fault == FRAME_CONTROL) {
			rx->counters.control++;
		} else {
			rx->counters.fault[frame->fault]++;
			rx->counters.anonymous += fault_is_damage(frame->fault);
		}
	}
	rx->counters.replicas += replicas;
	if (replicas) {
		if (rx->counters.first == 0)
			rx->counters.first = now;
		rx->counters.last = now;
	}
}

/* ---- the burst ---- */

void gremc_receiver_check(struct gremc_receiver *rx, uint16_t port, uint64_t now, struct rte_mbuf **packet,
			  unsigned count)
{
	gremc_receiver_parse(rx, port, packet, count);
	stage_flow_check(rx, count);
	stage_stream_find(rx, port, count);
	stage_verdict_count(rx, now, count);
}

/* ARP is the control thread's. What the ring does not take is dropped: it is asked again. */
static unsigned queue_arp_divert(struct gremc_receiver *rx, uint16_t port, struct rte_mbuf **packet,
				 unsigned count)
{
	unsigned kept = 0;

	for (unsigned i = 0; i < count; i++) {
		if (likely(rx->frame[i].fault != FRAME_CONTROL) || rx->arp == NULL) {
			packet[kept++] = packet[i];
			continue;
		}
		packet[i]->port = port;
		if (gremc_ring_enqueue(rx->arp, &packet[i], 1) == 0)
			packet[kept++] = packet[i];
	}
	return kept;
}

/* A queue that gave much less than was asked for is empty; some drivers give a few less than they have. */
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
	rx->counters.frames += count;
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
