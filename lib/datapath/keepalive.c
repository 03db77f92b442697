/* SPDX-License-Identifier: BSD-3-Clause */
#include <rte_cycles.h>

#include "datapath/keepalive.h"
#include "datapath/punt_ring.h"
#include "proto/keepalive.h"

bool gremc_packet_is_keepalive(const struct gremc_worker *worker, const struct gremc_packet *packet)
{
	const struct gremc_vif_info *info = gremc_vif_info_load(worker->vifs, packet->iif);
	const struct rte_mbuf *mbuf = packet->mbuf;

	/* a keepalive is answered by plain GRE */
	return info && info->kind == GREMC_VIF_TUNNEL && info->options.udp_port == 0 &&
	       gremc_keepalive_is_request(
		       rte_pktmbuf_mtod_offset(mbuf, const uint8_t *, packet->inner_offset),
		       mbuf->data_len - packet->inner_offset, &info->options);
}

uint32_t gremc_keepalive_answer_vif(const struct gremc_worker *worker, const struct rte_mbuf *mbuf,
				    uint32_t l2)
{
	const struct rte_ipv4_hdr *ip = rte_pktmbuf_mtod_offset(mbuf, const struct rte_ipv4_hdr *, l2);
	const uint32_t header = rte_ipv4_hdr_len(ip), readable = mbuf->data_len - l2;
	const uint32_t length = RTE_MIN((uint32_t)rte_be_to_cpu_16(ip->total_length), readable);
	struct gremc_tunnel_key key = {.local = ip->dst_addr, .remote = ip->src_addr};
	struct gremc_gre gre;
	uint32_t vif;

	if (length < header ||
	    gremc_gre_parse((const uint8_t *)ip + header, length - header, &gre) != GREMC_PROTO_OK ||
	    gre.protocol != GREMC_GRE_KEEPALIVE)
		return GREMC_VIF_NONE;
	key.key = gre.key;
	key.kind = gremc_tunnel_kind(0, gre.has_key);
	gremc_tunnel_lookup_bulk(worker->vifs, &key, 1, &vif);
	if (vif == GREMC_VIF_NONE)
		return GREMC_VIF_NONE;
	vif %= GREMC_VIFS_MAX;
	/* an interface that is down expects nothing */
	return !gremc_vif_is_down(worker->vifs, vif) &&
			       gremc_vif_punt_bits(worker->vifs, vif) & GREMC_VIF_PUNT_ANSWERS
		       ? vif
		       : GREMC_VIF_NONE;
}

bool gremc_keepalive_is_due(const struct gremc_worker *worker, uint32_t vif, enum gremc_keepalive_kind kind)
{
	gremc_atomic_u32 *time = &worker->group->keepalive_time[vif * GREMC_KEEPALIVE_KINDS + kind];
	const uint32_t last = gremc_u32_load(time);

	if (last &&
	    gremc_timestamp_age(last) < GREMC_KEEPALIVE_INTERVAL_MIN * (uint64_t)(NS_PER_S / MS_PER_S))
		return false;
	return gremc_u32_replace(time, last, gremc_timestamp() | 1);
}
