/* SPDX-License-Identifier: BSD-3-Clause */
/* A stream: one flow at one site that must receive it. */
#ifndef GREMC_LOADGEN_TRAFFIC_STREAM_H
#define GREMC_LOADGEN_TRAFFIC_STREAM_H

#include <assert.h>
#include <stdbool.h>
#include <stdint.h>

#include <rte_byteorder.h>
#include <rte_common.h>

#define GREMC_STREAMS_MAX (1u << 24)

struct gremc_stream {
	/* Constant: the identity of a replica. On a LAN `remote` is 0 and `local` is the port's index. */
	rte_be32_t remote, local;
	uint32_t key, flow;
	/* Written by the one lcore that receives the stream; read by the control thread while lcores rest. */
	uint64_t next;     /* the highest sequence number received, plus 1 */
	uint64_t window;   /* bit n: sequence number next - 1 - n was received */
	uint64_t received; /* replicas recognised as the stream's, with duplicates and damaged ones */
	uint32_t duplicated, reordered, late;
	/* Constant. */
	uint32_t site;
	uint16_t port;
	uint8_t has_key;
	uint8_t reserved[5];
} __rte_cache_aligned;

static_assert(sizeof(struct gremc_stream) == 64, "a stream is one cache line");

/* Returns: a hash of the identity of a replica. */
static inline uint32_t gremc_stream_hash(rte_be32_t remote, rte_be32_t local, uint32_t key, uint32_t flow)
{
	uint64_t a = (uint64_t)remote << 32 | local, b = (uint64_t)key << 32 | flow;

	a = (a ^ UINT64_C(0x9e3779b97f4a7c15)) * UINT64_C(0xbf58476d1ce4e5b9);
	a = (a ^ a >> 29 ^ b) * UINT64_C(0x94d049bb133111eb);
	return (uint32_t)(a >> 32);
}

/* Returns: whether a replica with this identity belongs to the stream. */
static inline bool gremc_stream_matches(const struct gremc_stream *stream, rte_be32_t remote,
					rte_be32_t local, uint32_t key, uint32_t flow)
{
	return stream->remote == remote && stream->local == local && stream->key == key &&
	       stream->flow == flow;
}

#endif
