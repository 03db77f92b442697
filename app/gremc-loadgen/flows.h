/* SPDX-License-Identifier: BSD-3-Clause */
/* From the forwarder's configuration: the sites that we play, the flows that they send, and the replicas that
 * must come of each packet. Made by the control thread before the lcores start; of a stream, what changes
 * belongs to the lcore that receives it. */
#ifndef GREMC_LOADGEN_FLOWS_H
#define GREMC_LOADGEN_FLOWS_H

#include <assert.h>
#include <stdbool.h>
#include <stdint.h>

#include "config/config.h"

#define GREMC_FLOWS_MAX   (1u << 20)
#define GREMC_STREAMS_MAX (1u << 24)
#define GREMC_FLOW_NONE   UINT32_MAX

/* What stands behind a vif of the forwarder, by the number of the vif in its configuration. */
struct gremc_site {
	const char *name;
	bool native;          /* a LAN at a port with native multicast, not a tunnel */
	bool used;            /* false: a port without native multicast */
	bool has_in, has_out; /* GRE keys: of what we send (the forwarder's input), of what we receive */
	uint32_t in_key, out_key;
	rte_be32_t site, forwarder; /* outer addresses; of a LAN 0 */
	rte_be32_t inner;           /* source address of what this site sends */
	uint32_t port;              /* index of the forwarder's port */
	uint16_t vlan;
	uint16_t mtu; /* largest inner packet that the configuration lets through; 0: not said */
};

enum gremc_flow_kind {
	GREMC_FLOW_MULTICAST,
	GREMC_FLOW_UNICAST,
	GREMC_FLOW_JOINED /* multicast that no mroute covers: in no selection, only by its number */
};
/* What enters and what leaves. */
enum gremc_kernel_next_hop {
	GREMC_TUNNELING_ENCAP,
	GREMC_TUNNELING_DECAP,
	GREMC_TUNNELING_REENCAP,
	GREMC_TUNNELING_MIXED
};

struct gremc_flow {
	rte_be32_t source, group;
	rte_be16_t source_port, target_port;
	uint32_t first, fanout; /* its streams */
	uint32_t from;          /* site that sends it */
	uint32_t mroute;        /* of the configuration, or GREMC_FLOW_NONE */
	uint8_t kind;           /* enum gremc_flow_kind */
	uint8_t tunneling;      /* enum gremc_kernel_next_hop */
	uint8_t burden;         /* background of a test: its delays are not measured */
	uint8_t reserved;
} __rte_cache_aligned;

/* One flow at one site that must receive it. One cache line. */
struct gremc_stream {
	/* the identity of a replica; remote 0: native, local is the port */
	rte_be32_t remote, local;
	uint32_t key, flow;
	/* the receiving lcore's */
	uint64_t next;     /* sequence after the highest one seen */
	uint64_t window;   /* bit n: sequence next - 1 - n was seen */
	uint64_t received; /* good and damaged ones that were recognised, doubles too */
	uint32_t duplicated, reordered, late;
	uint32_t site;
	uint16_t port;
	uint8_t has_key;
	uint8_t reserved[5];
} __rte_cache_aligned;

static_assert(sizeof(struct gremc_stream) == 64, "a stream is one cache line");

struct gremc_flows {
	const struct gremc_config *config;
	struct gremc_site *site; /* [tunnels, then ports] */
	uint32_t site_count;
	struct gremc_flow *flow;
	uint32_t count;
	struct gremc_stream *stream;
	uint32_t stream_count;
	uint32_t *slot; /* hash of replicas' identities: index of a stream plus 1, 0 is free */
	uint32_t slot_mask;
};

struct gremc_flows_options {
	uint32_t groups_per_route; /* of a prefix */
	uint32_t senders;          /* tunnels (and ports) that send to one mroute, at most */
	uint32_t unicast;          /* flows of unicast from tunnel to tunnel */
	uint32_t limit;            /* flows at most; 0: GREMC_FLOWS_MAX */
};

/* Heap. Borrows `config`. NULL: the reasons are in *errors. */
struct gremc_flows *gremc_flows_create(const struct gremc_config *config,
				       const struct gremc_flows_options *options,
				       struct gremc_errors *errors);
void gremc_flows_destroy(struct gremc_flows *flows);
/* A flow of (source, group) from site `from` that must arrive at the given sites; for tests that make their
 * own. Before the lcores start, or while they rest. Returns 0; -ENOSPC. */
int gremc_flows_add(struct gremc_flows *flows, const struct gremc_flow *flow, const uint32_t *sites,
		    uint32_t count);
/* The streams' table, after the last flow was added. Returns 0 or -ENOMEM. */
int gremc_flows_index(struct gremc_flows *flows);
/* All streams as new, for the next trial. Control thread, while the lcores rest. */
void gremc_flows_reset(struct gremc_flows *flows);

/* The mroute by which the forwarder must forward (source, group): (S,G), (*,G), the longest prefix; in
 * 232.0.0.0/8 (S,G) only (RFC 4607). GREMC_FLOW_NONE: none. Written anew from the documentation, not the
 * forwarder's own lookup. */
uint32_t gremc_flows_match(const struct gremc_config *config, rte_be32_t source, rte_be32_t group);

static inline uint32_t gremc_stream_hash(rte_be32_t remote, rte_be32_t local, uint32_t key, uint32_t flow)
{
	uint64_t a = (uint64_t)remote << 32 | local, b = (uint64_t)key << 32 | flow;

	a = (a ^ UINT64_C(0x9e3779b97f4a7c15)) * UINT64_C(0xbf58476d1ce4e5b9);
	a = (a ^ a >> 29 ^ b) * UINT64_C(0x94d049bb133111eb);
	return (uint32_t)(a >> 32);
}

static inline bool gremc_stream_matches(const struct gremc_stream *stream, rte_be32_t remote,
					rte_be32_t local, uint32_t key, uint32_t flow)
{
	return stream->remote == remote && stream->local == local && stream->key == key &&
	       stream->flow == flow;
}

/* NULL: this flow must not arrive there. */
static inline struct gremc_stream *gremc_stream_find(const struct gremc_flows *flows, rte_be32_t remote,
						     rte_be32_t local, uint32_t key, uint32_t flow)
{
	uint32_t at = gremc_stream_hash(remote, local, key, flow);

	for (;; at++) {
		uint32_t number = flows->slot[at & flows->slot_mask];

		if (number == 0)
			return NULL;
		if (gremc_stream_matches(&flows->stream[number - 1], remote, local, key, flow))
			return &flows->stream[number - 1];
	}
}

#endif
