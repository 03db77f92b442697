/* SPDX-License-Identifier: BSD-3-Clause */
/* The traffic of a test, derived from the forwarder's configuration: the sites, the flows that they send, and
 * the streams of replicas that each flow must cause. */
#ifndef GREMC_LOADGEN_TRAFFIC_FLOWS_H
#define GREMC_LOADGEN_TRAFFIC_FLOWS_H

#include <assert.h>
#include <stdint.h>

#include "base/base.h"
#include "config/config.h"
#include "traffic/site.h"
#include "traffic/stream.h"

#define GREMC_FLOWS_MAX (1u << 20)
#define GREMC_FLOW_NONE UINT32_MAX

enum gremc_flow_kind {
	GREMC_FLOW_MULTICAST,
	GREMC_FLOW_UNICAST,
	GREMC_FLOW_JOINED /* multicast that no mroute covers; a test that joins the group selects it by number
			   */
};
/* The operation of the forwarder on the packets of a flow (RFC 3918, 4.4). */
enum gremc_tunneling {
	GREMC_TUNNELING_ENCAP,   /* from a LAN into tunnels */
	GREMC_TUNNELING_DECAP,   /* from a tunnel onto LANs */
	GREMC_TUNNELING_REENCAP, /* from a tunnel into tunnels */
	GREMC_TUNNELING_MIXED
};

struct gremc_flow {
	rte_be32_t source, group;
	rte_be16_t source_port, target_port;
	uint32_t first, fanout; /* its streams */
	uint32_t from;          /* site that sends it */
	uint32_t mroute;        /* of the configuration, or GREMC_FLOW_NONE */
	uint8_t kind;           /* enum gremc_flow_kind */
	uint8_t tunneling;      /* enum gremc_tunneling */
	uint8_t burden;         /* background traffic of a test: its delays are not measured */
	uint8_t reserved;
} __rte_cache_aligned;

static_assert(sizeof(struct gremc_flow) == 64, "a flow is one cache line");

struct gremc_flows {
	const struct gremc_config *config;
	struct gremc_site *site; /* tunnels, then ports */
	uint32_t site_count;
	struct gremc_flow *flow;
	uint32_t count;
	struct gremc_stream *stream;
	uint32_t stream_count;
	uint32_t *slot; /* hash table of streams by identity: a stream's index plus 1; 0: empty */
	uint32_t slot_mask;
};

struct gremc_flows_options {
	uint32_t groups_per_route; /* of a prefix */
	uint32_t senders;          /* at most: tunnels that send to one mroute, and as many ports */
	uint32_t unicast;          /* unicast flows from tunnel to tunnel */
	uint32_t limit;            /* flows at most; 0: GREMC_FLOWS_MAX */
};

/* Create the flows of a configuration.
 * Thread:   control thread; no lcore reads the flows yet.
 * Returns:  NULL on failure; *errors has the reasons.
 * Lifetime: borrows `config`; gremc_flows_destroy() releases the flows. */
struct gremc_flows *gremc_flows_create(const struct gremc_config *config,
				       const struct gremc_flows_options *options,
				       struct gremc_errors *errors);
/* Input:   NULL is permitted. */
void gremc_flows_destroy(struct gremc_flows *flows);
/* Add a flow from site `flow->from` that must arrive at `sites`. gremc_flows_index() must follow.
 * Thread:  control thread, while the lcores rest.
 * Errors:  -ENOSPC, -ENOMEM. */
int gremc_flows_add(struct gremc_flows *flows, const struct gremc_flow *flow, const uint32_t *sites,
		    uint32_t count);
/* Build the hash table of the streams.
 * Thread:  control thread, while the lcores rest.
 * Errors:  -ENOMEM; the previous table stays. */
int gremc_flows_index(struct gremc_flows *flows);
/* Reset the counters of all streams for the next trial.
 * Thread:  control thread, while the lcores rest. */
void gremc_flows_reset(struct gremc_flows *flows);

/* Find the mroute that must forward a packet: (S,G), then (*,G), then the longest prefix; only (S,G) in
 * 232.0.0.0/8 (RFC 4607). This implementation is independent of the forwarder's lookup, which it checks.
 * Returns: the mroute's index, or GREMC_FLOW_NONE. */
uint32_t gremc_flows_match(const struct gremc_config *config, rte_be32_t source, rte_be32_t group);

/* Find the stream of a replica.
 * Thread:  any lcore.
 * Returns: NULL if the flow must not arrive at this place. */
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
