/* SPDX-License-Identifier: BSD-3-Clause */
/* Frames as a peer sends them: good ones, and ones that the forwarder must drop. */
#include <netinet/in.h>
#include <string.h>

#include <rte_ip.h>

#include "bench.h"
#include "proto/proto.h"

#define BENCH_X(name, text) #name,
static const char *const input_names[] = {BENCH_INPUTS(BENCH_X)};
#undef BENCH_X
#define BENCH_X(name, text) text,
static const char *const texts[] = {BENCH_INPUTS(BENCH_X)};
#undef BENCH_X

/* Addresses that no flow and no tunnel of a world has. */
#define OTHER_GROUPS  0x02000000u /* cleared in a group: 239 becomes 237 */
#define OTHER_REMOTES 0x40000000u /* set in a remote */
#define LOCAL         0x0a000001u

const char *bench_input_name(enum bench_input input)
{
	return input_names[input];
}

const char *bench_input_text(enum bench_input input)
{
	return texts[input];
}

static void frame_ipv4_write(struct rte_ipv4_hdr *ip, uint8_t protocol, uint32_t total)
{
	*ip = (struct rte_ipv4_hdr){
		.version_ihl = RTE_IPV4_VHL_DEF,
		.total_length = rte_cpu_to_be_16(total),
		.time_to_live = 16,
		.next_proto_id = protocol,
		.dst_addr = rte_cpu_to_be_32(LOCAL),
	};
}

static void frame_ether_write(struct bench_source *source)
{
	*(struct rte_ether_hdr *)source->frame = (struct rte_ether_hdr){
		.dst_addr = {{0x02, 0, 0, 0, 0, 1}},
		.src_addr = {{0x02, 0, 0, 0, 0, 2}},
		.ether_type = source->input == BENCH_INPUT_not_ipv4 ? RTE_BE16(RTE_ETHER_TYPE_ARP)
								    : RTE_BE16(RTE_ETHER_TYPE_IPV4),
	};
}

void bench_source_init(struct bench_source *source, const struct bench_world *world, enum bench_input input,
		       uint32_t size)
{
	const bool has_key = input == BENCH_INPUT_unknown_key;
	const rte_be16_t gre[4] = {has_key ? RTE_BE16(GREMC_GRE_KEY) : 0, RTE_BE16(GREMC_GRE_IPV4), 0, 1};
	const uint32_t gre_length = has_key ? 8 : 4;
	const bool is_gre = input != BENCH_INPUT_not_gre;

	memset(source, 0, sizeof(*source));
	source->world = world;
	source->input = input;
	source->outer = sizeof(struct rte_ether_hdr);
	source->length = source->outer + sizeof(struct rte_ipv4_hdr) + gre_length + size;
	memset(source->frame, 0x5a, source->length);
	frame_ether_write(source);
	frame_ipv4_write((struct rte_ipv4_hdr *)&source->frame[source->outer],
			 is_gre ? IPPROTO_GRE : IPPROTO_UDP, source->length - source->outer);
	if (!is_gre)
		return;
	memcpy(&source->frame[source->outer + sizeof(struct rte_ipv4_hdr)], gre, gre_length);
	source->inner = source->length - size;
	frame_ipv4_write((struct rte_ipv4_hdr *)&source->frame[source->inner], IPPROTO_UDP, size);
}

/* Change a flow by the kind of input. */
static struct bench_flow flow_make_unknown(const struct bench_source *source, struct bench_flow flow)
{
	const uint32_t tunnels = source->world->tunnel_count;
	uint32_t remote = rte_be_to_cpu_32(flow.remote);

	switch (source->input) {
	case BENCH_INPUT_no_mroute:
		flow.group &= rte_cpu_to_be_32(~OTHER_GROUPS);
		break;
	case BENCH_INPUT_rpf: /* another existing tunnel */
		remote = (remote & 0xffff0000u) + ((remote & 0xffffu) + 1) % RTE_MIN(tunnels, 0x10000u);
		flow.remote = rte_cpu_to_be_32(remote);
		break;
	case BENCH_INPUT_unknown_peer:
		flow.remote |= rte_cpu_to_be_32(OTHER_REMOTES);
		break;
	default:
		break;
	}
	return flow;
}

static void frame_addresses_write(const struct bench_source *source, uint8_t *frame,
				  const struct bench_flow *flow)
{
	struct rte_ipv4_hdr *outer = (struct rte_ipv4_hdr *)(frame + source->outer), *inner;

	if (source->input == BENCH_INPUT_not_ipv4)
		return;
	outer->src_addr = flow->remote;
	outer->hdr_checksum = rte_ipv4_cksum(outer);
	if (source->inner == 0)
		return;
	inner = (struct rte_ipv4_hdr *)(frame + source->inner);
	inner->src_addr = flow->source;
	inner->dst_addr = flow->group;
	if (source->input == BENCH_INPUT_ttl_expired)
		inner->time_to_live = 1;
	inner->hdr_checksum = rte_ipv4_cksum(inner);
	if (source->input == BENCH_INPUT_inner_checksum)
		inner->hdr_checksum ^= 0x5555;
}

static struct bench_flow source_flow_next(struct bench_source *source)
{
	const struct bench_world *world = source->world;
	uint32_t n = source->next++;

	if (world->flow_count == 0) /* a world without mroutes: flows of any tunnel */
		return flow_make_unknown(source, bench_flow_make(n, n % world->tunnel_count));
	if (source->next >= world->flow_count)
		source->next = 0;
	return flow_make_unknown(source, world->flow[n]);
}

int bench_source_alloc(struct bench_source *source, struct rte_mbuf **frames, uint32_t n)
{
	if (rte_pktmbuf_alloc_bulk(source->world->environment->rx_pool, frames, n))
		return -1;
	for (uint32_t i = 0; i < n; i++) {
		uint8_t *frame = rte_pktmbuf_mtod(frames[i], uint8_t *);
		struct bench_flow flow;

		if (source->extra && i == 0)
			flow = *source->extra;
		else
			flow = source_flow_next(source);
		memcpy(frame, source->frame, source->length);
		frame_addresses_write(source, frame, &flow);
		frames[i]->data_len = frames[i]->pkt_len = source->length;
	}
	return 0;
}
