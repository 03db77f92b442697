/* SPDX-License-Identifier: BSD-3-Clause */
/* Stages 2 to 4 of receiving: inner headers, stream, payload and sequence. */
#include <string.h>

#include <rte_branch_prediction.h>
#include <rte_prefetch.h>
#include <rte_udp.h>

#include "base/assert.h"
#include "common/counter.h"
#include "proto/proto.h"
#include "receive/frame.h"
#include "traffic/stamp.h"
#include "traffic/template.h"

#define WINDOW      64u /* sequence numbers that a stream remembers */
#define UDP_SUM_ODD 2u  /* the UDP length is in the header and in the pseudo header */

static_assert(WINDOW == 8 * sizeof(((struct gremc_stream *)NULL)->window),
	      "one bit for each sequence number");

/* ---- stage 2: the inner headers of the flow, and a guess at the stream ---- */

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
	return GREMC_FRAME_GOOD;
}

/* Replicas of a packet mostly arrive in the same order as those of the previous packet. */
static uint32_t stream_guess(const struct gremc_receiver *rx, uint32_t number)
{
	const struct gremc_flow *flow = &rx->flows->flow[number];
	uint32_t next = rx->hint[number] + 1;

	return flow->first + (next < flow->fanout ? next : 0);
}

void gremc_frames_flow_check(struct gremc_receiver *rx, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		struct gremc_rx_frame *frame = &rx->frame[i];
		const struct gremc_flow *flow;

		if (unlikely(frame->fault != GREMC_FRAME_GOOD))
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

/* Returns: which of the two addresses is wrong, if any. */
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
	return GREMC_FRAME_GOOD;
}

static inline unsigned frame_macs_check(const struct gremc_receiver *rx, const struct gremc_rx_frame *frame)
{
	if (likely(rx->macs && memcmp(frame->data, &rx->macs[frame->stream->site], sizeof(*rx->macs)) == 0))
		return GREMC_FRAME_GOOD;
	return rx->macs ? frame_macs_compare(rx, frame) : GREMC_FRAME_GOOD;
}

void gremc_frames_stream_find(struct gremc_receiver *rx, uint16_t port, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		struct gremc_rx_frame *frame = &rx->frame[i];

		if (unlikely(frame->fault != GREMC_FRAME_GOOD && frame->fault != GREMC_FAULT_inner_ttl &&
			     frame->fault != GREMC_FAULT_inner_header))
			continue;
		frame->stream = frame_stream_find(rx, frame);
		if (unlikely(frame->stream == NULL || frame->stream->has_key != frame->has_key)) {
			frame->fault = frame_is_of_tunnel(rx->flows, frame) ? GREMC_FAULT_misdirected
									    : GREMC_FAULT_unknown_tunnel;
			frame->stream = NULL;
		} else if (unlikely(frame->stream->port != port)) {
			frame->fault = GREMC_FAULT_wrong_port;
		} else if (likely(frame->fault == GREMC_FRAME_GOOD)) {
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
	/* The payload equals the pattern, whose sum is precomputed. */
	sum = (uint64_t)ip->src_addr + ip->dst_addr + RTE_BE16(IPPROTO_UDP) + UDP_SUM_ODD * udp->dgram_len +
	      udp->src_port + udp->dst_port + udp->dgram_cksum + gremc_pattern_sum[length];
	return likely(gremc_sum_fold(sum + gremc_stamp_sum(payload)) == 0xffff) ? GREMC_FRAME_GOOD
										: GREMC_FAULT_udp_checksum;
}

/* Account for a sequence number that is not the next one.
 * Returns: the fault; GREMC_FRAME_GOOD after a gap. */
static unsigned stream_order_check(struct gremc_stream *stream, uint64_t sequence)
{
	uint64_t gap, back;

	if (sequence >= stream->next) {
		gap = sequence - stream->next + 1;
		stream->window = gap < WINDOW ? stream->window << gap | 1 : 1;
		stream->next = sequence + 1;
		return GREMC_FRAME_GOOD;
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
	return GREMC_FRAME_GOOD;
}

static void stream_times_record(struct gremc_receiver *rx, const struct gremc_rx_frame *frame, uint64_t now)
{
	size_t number = (size_t)(frame->stream - rx->flows->stream);

	gremc_assert(number < rx->flows->stream_count);
	if (rx->histogram && !rx->flows->flow[frame->flow].burden) {
		uint64_t delay = now > frame->time ? now - frame->time : 0;

		gremc_histogram_add(&rx->histogram[frame->stream->site], delay + frame->lag);
		gremc_histogram_add(rx->from_sent, delay);
	}
	if (rx->last_time == NULL)
		return;
	if (gremc_u64_load(&rx->first_time[number]) == 0)
		gremc_u64_store(&rx->first_time[number], now);
	gremc_u64_store(&rx->last_time[number], now);
}

/* A damaged replica of a known stream takes its place in the sequence: it is damaged, not lost. */
static void frame_verdict_count(struct gremc_receiver *rx, struct gremc_rx_frame *frame, uint64_t now)
{
	unsigned order;

	if (likely(frame->fault == GREMC_FRAME_GOOD))
		frame->fault = (uint8_t)payload_check(frame);
	order = stream_sequence_account(frame->stream, frame->sequence);
	if (unlikely(frame->fault != GREMC_FRAME_GOOD)) {
		rx->counters.fault[frame->fault]++;
		return;
	}
	if (unlikely(order != GREMC_FRAME_GOOD))
		rx->counters.fault[order]++;
	if (rx->histogram || rx->last_time)
		stream_times_record(rx, frame, now);
}

void gremc_frames_verdict_count(struct gremc_receiver *rx, uint64_t now, unsigned count)
{
	unsigned replicas = 0;

	for (unsigned i = 0; i < count; i++) {
		struct gremc_rx_frame *frame = &rx->frame[i];

		if (likely(frame->stream != NULL)) {
			replicas++;
			frame_verdict_count(rx, frame, now);
		} else if (frame->fault == GREMC_FRAME_CONTROL) {
			rx->counters.control++;
		} else {
			rx->counters.fault[frame->fault]++;
			if (gremc_fault_is_damage(frame->fault))
				gremc_lcore_counter_add(&rx->counters.anonymous, 1);
		}
	}
	if (replicas) {
		gremc_lcore_counter_add(&rx->counters.replicas, replicas);
		if (rx->counters.first == 0)
			rx->counters.first = now;
		rx->counters.last = now;
	}
}
