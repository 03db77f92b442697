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

static const char *const names[] = {
#define GREMC_X(kind, name, text) #name,
	GREMC_FAULTS(GREMC_X)
#undef GREMC_X
};
static const char *const texts[] = {
#define GREMC_X(kind, name, text) text,
	GREMC_FAULTS(GREMC_X)
#undef GREMC_X
};

const char *gremc_fault_name(unsigned fault)
{
	return names[fault];
}

const char *gremc_fault_text(unsigned fault)
{
	return texts[fault];
}

/* ---- life ---- */

int gremc_rx_init(struct gremc_rx *rx, const struct gremc_flows *flows)
{
	rx->flows = flows;
	rx->hint = calloc(GREMC_FLOWS_MAX, sizeof(*rx->hint));
	rx->scratch = malloc((size_t)GREMC_RX_BURST * GREMC_RX_SCRATCH);
	return rx->hint && rx->scratch ? 0 : -ENOMEM;
}

void gremc_rx_fini(struct gremc_rx *rx)
{
	free(rx->hint);
	free(rx->scratch);
}

void gremc_rx_reset(struct gremc_rx *rx, uint32_t run)
{
	rx->counters = (struct gremc_rx_counters){0};
	for (uint16_t i = 0; i < rx->queue_count; i++)
		rx->queue[i].waiting = 0;
	rx->run = run;
}

/* ---- stage 2: the flow's headers, and a guess at the stream ---- */

static unsigned check_inner(const struct gremc_rx *rx, const struct gremc_seen *seen,
			    const struct gremc_flow *flow)
{
	const struct rte_ipv4_hdr *ip = (const struct rte_ipv4_hdr *)seen->inner;
	const struct rte_udp_hdr *udp = (const struct rte_udp_hdr *)(ip + 1);

	if (unlikely(ip->src_addr != flow->source || ip->dst_addr != flow->group ||
		     udp->src_port != flow->source_port || udp->dst_port != flow->target_port ||
		     udp->dgram_len != rte_cpu_to_be_16(seen->payload + sizeof(*udp))))
		return GREMC_FAULT_inner_header;
	if (unlikely(ip->time_to_live != GREMC_TEMPLATE_TTL - rx->ttl_step))
		return GREMC_FAULT_inner_ttl;
	return NONE;
}

/* Replicas of a packet come in the same order as those of the packet before, mostly. */
static uint32_t guess(const struct gremc_rx *rx, uint32_t number)
{
	const struct gremc_flow *flow = &rx->flows->flow[number];
	uint32_t next = rx->hint[number] + 1;

	return flow->first + (next < flow->fanout ? next : 0);
}

static void stage_flow(struct gremc_rx *rx, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		struct gremc_seen *seen = &rx->seen[i];
		const struct gremc_flow *flow;

		if (unlikely(seen->fault != NONE))
			continue;
		flow = &rx->flows->flow[seen->flow];
		seen->fault = (uint8_t)check_inner(rx, seen, flow);
		if (likely(flow->fanout))
			rte_prefetch0(&rx->flows->stream[guess(rx, seen->flow)]);
	}
}

/* ---- stage 3: the stream ---- */

static bool is_a_tunnel(const struct gremc_flows *flows, const struct gremc_seen *seen)
{
	for (uint32_t i = 0; i < flows->config->tunnel_count; i++) {
		const struct gremc_site *site = &flows->site[i];

		if (site->site == seen->remote && site->forwarder == seen->local &&
		    site->has_out == seen->has_key && site->out_key == seen->key)
			return true;
	}
	return seen->remote == 0;
}

static struct gremc_stream *stream_of(struct gremc_rx *rx, const struct gremc_seen *seen)
{
	const struct gremc_flow *flow = &rx->flows->flow[seen->flow];
	struct gremc_stream *stream = &rx->flows->stream[guess(rx, seen->flow)];

	if (likely(flow->fanout &&
		   gremc_stream_is(stream, seen->remote, seen->local, seen->key, seen->flow))) {
		rx->hint[seen->flow] = (uint32_t)(stream - &rx->flows->stream[flow->first]);
		return stream;
	}
	stream = gremc_stream_find(rx->flows, seen->remote, seen->local, seen->key, seen->flow);
	if (stream)
		rx->hint[seen->flow] = (uint32_t)(stream - &rx->flows->stream[flow->first]);
	return stream;
}

/* Which of the two is wrong, if any. */
static unsigned judge_macs(const struct gremc_rx *rx, const struct gremc_seen *seen)
{
	const struct rte_ether_hdr *ether = (const struct rte_ether_hdr *)seen->frame;
	struct gremc_rx_macs macs = rx->macs[seen->stream->site];

	if (rx->flows->site[seen->stream->site].native)
		gremc_group_mac(macs.target.addr_bytes, rx->flows->flow[seen->flow].group);
	if (!rte_is_zero_ether_addr(&macs.target) && !rte_is_same_ether_addr(&macs.target, &ether->dst_addr))
		return GREMC_FAULT_target_mac;
	if (!rte_is_zero_ether_addr(&macs.source) && !rte_is_same_ether_addr(&macs.source, &ether->src_addr))
		return GREMC_FAULT_source_mac;
	return NONE;
}

static inline unsigned check_macs(const struct gremc_rx *rx, const struct gremc_seen *seen)
{
	if (likely(rx->macs && memcmp(seen->frame, &rx->macs[seen->stream->site], sizeof(*rx->macs)) == 0))
		return NONE;
	return rx->macs ? judge_macs(rx, seen) : NONE;
}

static void stage_stream(struct gremc_rx *rx, uint16_t port, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		struct gremc_seen *seen = &rx->seen[i];

		if (unlikely(seen->fault != NONE && seen->fault != GREMC_FAULT_inner_ttl &&
			     seen->fault != GREMC_FAULT_inner_header))
			continue;
		seen->stream = stream_of(rx, seen);
		if (unlikely(seen->stream == NULL || seen->stream->has_key != seen->has_key)) {
			seen->fault = is_a_tunnel(rx->flows, seen) ? GREMC_FAULT_misdirected
								   : GREMC_FAULT_unknown_tunnel;
			seen->stream = NULL;
		} else if (unlikely(seen->stream->port != port)) {
			seen->fault = GREMC_FAULT_wrong_port;
		} else if (likely(seen->fault == NONE)) {
			seen->fault = (uint8_t)check_macs(rx, seen);
		}
	}
}

/* ---- stage 4: payload, sequence, delay ---- */

static unsigned check_payload(const struct gremc_seen *seen)
{
	const struct rte_ipv4_hdr *ip = (const struct rte_ipv4_hdr *)seen->inner;
	const struct rte_udp_hdr *udp = (const struct rte_udp_hdr *)(ip + 1);
	const uint8_t *payload = (const uint8_t *)(udp + 1);
	uint16_t length = RTE_MIN(seen->payload, (uint16_t)GREMC_PATTERN_SIZE);
	uint64_t sum;

	if (unlikely(memcmp(payload + GREMC_STAMP_LENGTH, gremc_pattern + GREMC_STAMP_LENGTH,
			    length - GREMC_STAMP_LENGTH) != 0))
		return GREMC_FAULT_payload;
	/* The pattern is right, so its sum is known. */
	sum = (uint64_t)ip->src_addr + ip->dst_addr + RTE_BE16(IPPROTO_UDP) + UDP_SUM_ODD * udp->dgram_len +
	      udp->src_port + udp->dst_port + udp->dgram_cksum + gremc_pattern_sum[length];
	return likely(gremc_sum_fold(sum + gremc_stamp_sum(payload)) == 0xffff) ? NONE
										: GREMC_FAULT_udp_checksum;
}

/* Not the next one in order. Returns the fault, or NONE after a gap. */
static unsigned out_of_order(struct gremc_stream *stream, uint64_t sequence)
{
	uint64_t gap, back;

	if (sequence >= stream->next) {
		gap = sequence - stream->next + 1;
		stream->window = gap < WINDOW ? stream->window << gap | 1 : 1;
		stream->next = sequence + 1;
		return NONE;
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

static unsigned account(struct gremc_stream *stream, uint64_t sequence)
{
	stream->received++;
	if (unlikely(sequence != stream->next))
		return out_of_order(stream, sequence);
	stream->next++;
	stream->window = stream->window << 1 | 1;
	return NONE;
}

static void keep_times(struct gremc_rx *rx, const struct gremc_seen *seen, uint64_t now)
{
	size_t number = (size_t)(seen->stream - rx->flows->stream);

	if (rx->histogram && !rx->flows->flow[seen->flow].burden) {
		uint64_t delay = now > seen->time ? now - seen->time : 0;

		gremc_histogram_add(&rx->histogram[seen->stream->site], delay + seen->lag);
		gremc_histogram_add(rx->from_sent, delay);
	}
	if (rx->last_time == NULL)
		return;
	if (rx->first_time[number] == 0)
		rx->first_time[number] = now;
	rx->last_time[number] = now;
}

/* A damaged one that is known takes its place in the sequence: it is damaged, not lost. */
static void judge(struct gremc_rx *rx, struct gremc_seen *seen, uint64_t now)
{
	unsigned order;

	if (likely(seen->fault == NONE))
		seen->fault = (uint8_t)check_payload(seen);
	order = account(seen->stream, seen->sequence);
	if (unlikely(seen->fault != NONE)) {
		rx->counters.fault[seen->fault]++;
		return;
	}
	if (unlikely(order != NONE))
		rx->counters.fault[order]++;
	if (rx->histogram || rx->last_time)
		keep_times(rx, seen, now);
}

static bool is_damaged(unsigned fault)
{
	return fault >= GREMC_FAULT_DAMAGED_FIRST && fault < GREMC_FAULT_UNEXPECTED_FIRST;
}

static void stage_judge(struct gremc_rx *rx, uint64_t now, unsigned count)
{
	unsigned replicas = 0;

	for (unsigned i = 0; i < count; i++) {
		struct gremc_seen *seen = &rx->seen[i];

		if (likely(seen->stream != NULL)) {
			replicas++;
			judge(rx, seen, now);
		} else if (seen->fault == CONTROL) {
			rx->counters.control++;
		} else {
			rx->counters.fault[seen->fault]++;
			rx->counters.anonymous += is_damaged(seen->fault);
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

void gremc_rx_check(struct gremc_rx *rx, uint16_t port, uint64_t now, struct rte_mbuf **packet,
		    unsigned count)
{
	gremc_rx_parse(rx, port, packet, count);
	stage_flow(rx, count);
	stage_stream(rx, port, count);
	stage_judge(rx, now, count);
}

/* ARP is the control thread's. What the ring does not take is dropped: it is asked again. */
static unsigned divert_arp(struct gremc_rx *rx, uint16_t port, struct rte_mbuf **packet, unsigned count)
{
	unsigned kept = 0;

	for (unsigned i = 0; i < count; i++) {
		if (likely(rx->seen[i].fault != CONTROL) || rx->arp == NULL) {
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
static void note_backlog(struct gremc_rx *rx, struct gremc_rx_queue *queue, unsigned count)
{
	queue->waiting += count;
	if (unlikely(queue->waiting > rx->counters.backlog))
		rx->counters.backlog = queue->waiting;
	if (count < GREMC_RX_BURST / 2)
		queue->waiting = 0;
}

static unsigned poll_queue(struct gremc_rx *rx, struct gremc_rx_queue *queue)
{
	struct rte_mbuf *packet[GREMC_RX_BURST];
	unsigned count = rte_eth_rx_burst(queue->id, queue->queue, packet, GREMC_RX_BURST);
	uint64_t control = rx->counters.control, bytes = 0;
	unsigned kept = count;

	note_backlog(rx, queue, count);
	if (count == 0)
		return 0;
	for (unsigned i = 0; i < count; i++) {
		rte_prefetch0(rte_pktmbuf_mtod(packet[i], void *));
		bytes += packet[i]->pkt_len;
	}
	rx->counters.frames += count;
	rx->counters.bytes += bytes;
	gremc_rx_check(rx, queue->port, rte_rdtsc(), packet, count);
	if (unlikely(rx->counters.control != control))
		kept = divert_arp(rx, queue->port, packet, count);
	rte_pktmbuf_free_bulk(packet, kept);
	return count;
}

bool gremc_rx_poll(struct gremc_rx *rx)
{
	bool more = false;

	for (uint16_t i = 0; i < rx->queue_count; i++)
		more |= poll_queue(rx, &rx->queue[i]) == GREMC_RX_BURST;
	return more;
}
