/* SPDX-License-Identifier: BSD-3-Clause */
#include <rte_prefetch.h>

#include "datapath/options.h"
#include "datapath/punt.h"
#include "datapath/segments.h"
#include "datapath/stages.h"
#include "proto/proto.h"

static_assert(sizeof(struct gremc_fanout_key) == 8 &&
		      offsetof(struct rte_ipv4_hdr, dst_addr) == offsetof(struct rte_ipv4_hdr, src_addr) + 4,
	      "a key is the two addresses in the header's order");

/* Check the inner packet, then cut the mbuf to it: remove the outer headers and trailing padding. */
static inline enum gremc_proto_error packet_decap(struct gremc_packet *packet, struct gremc_fanout_key *key)
{
	struct rte_mbuf *mbuf = packet->mbuf;
	uint8_t *inner = rte_pktmbuf_mtod_offset(mbuf, uint8_t *, packet->inner_offset);
	struct rte_ipv4_hdr *ip = (struct rte_ipv4_hdr *)inner;
	enum gremc_proto_error error;
	struct gremc_ipv4 parsed;

	/* classify has summed a native packet's header as the outer one */
	error = gremc_ipv4_parse_header(inner, packet->inner_space, mbuf->data_len - packet->inner_offset,
					GREMC_IPV4_INNER, !packet->native, &parsed);
	if (unlikely(error != GREMC_PROTO_OK))
		return error;
	error = gremc_ipv4_check_multicast(ip);
	if (unlikely(error != GREMC_PROTO_OK))
		return error;
	error = gremc_ipv4_decap_ecn(ip, packet->outer_tos);
	if (unlikely(error != GREMC_PROTO_OK))
		return error;
	memcpy(key, &ip->src_addr, sizeof(*key));
	packet->length = parsed.total_length;
	gremc_packet_cut(packet);
	return GREMC_PROTO_OK;
}

/* The vif of a port's native packets; from GREMC_VIFS_MAX on, as in the tunnels' table, if they need checks.
 * Out of line: ports of tunnels only do not pay for it. */
static __rte_noinline uint32_t port_vif_load(const struct gremc_vifs *vifs, uint16_t port)
{
	const uint32_t vif = gremc_u32_load(&vifs->port_vif[port]);

	if (vif != GREMC_VIF_NONE && gremc_policy_checks_input(gremc_policy_load(vifs, vif)))
		return vif + GREMC_VIFS_MAX;
	return vif;
}

/* A packet of no vif: punted if the port punts frames. */
static void unknown_tunnel_punt_or_drop(struct gremc_worker *worker, const struct gremc_rxq *rxq,
					const struct gremc_packet *packet, const struct gremc_tunnel_key *key)
{
	const bool known = gremc_tunnel_peer_known(worker->vifs, key->local, key->remote);

	if (packet->native)
		gremc_packet_drop(worker, packet->mbuf, GREMC_DROP_unknown_peer);
	else
		gremc_frame_punt_or_drop(worker, rxq, packet->mbuf,
					 known ? GREMC_DROP_unknown_key : GREMC_DROP_unknown_peer);
}

void gremc_stage_decap(struct gremc_worker *worker, const struct gremc_rxq *rxq)
{
	struct gremc_burst *burst = &worker->burst;
	const uint32_t port_vif = rxq->multicast ? port_vif_load(worker->vifs, rxq->port) : GREMC_VIF_NONE;
	struct gremc_vif_cold *const cold = worker->stats->vif_cold;
	const uint32_t count = burst->count;
	uint32_t vif[GREMC_BURST], alive = 0;

	if (count == 0)
		return;
	gremc_tunnel_lookup_bulk(worker->vifs, burst->tunnel, count, vif);
	for (uint32_t i = 0; rxq->multicast && i < count; i++)
		if (burst->packet[i].native)
			vif[i] = port_vif;
	/* GREMC_VIF_NONE gives an invalid address, but a prefetch does not fault */
	for (uint32_t i = 0; i < count; i++)
		rte_prefetch0(&cold[vif[i]]);
	for (uint32_t i = 0; i < count; i++) {
		struct gremc_packet *packet = &burst->packet[i];
		enum gremc_proto_error error;

		if (unlikely(vif[i] >= GREMC_VIFS_MAX)) {
			if (vif[i] == GREMC_VIF_NONE) {
				unknown_tunnel_punt_or_drop(worker, rxq, packet, &burst->tunnel[i]);
				continue;
			}
			vif[i] -= GREMC_VIFS_MAX;
			if (!gremc_tunnel_input_check(worker, packet, vif[i]))
				continue;
		}
		packet->iif = vif[i];
		error = packet_decap(packet, &burst->key[alive]);
		if (unlikely(error != GREMC_PROTO_OK)) {
			gremc_inner_punt_or_drop(worker, packet, gremc_drop_from_proto(error));
			continue;
		}
		gremc_counter_pair_add(&cold[vif[i]].rx_packets, 1, packet->length);
		gremc_burst_retain(burst, &alive, i);
	}
	burst->count = alive;
}
