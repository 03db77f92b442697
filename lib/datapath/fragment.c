/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>

#include <rte_ip_frag.h>

#include "datapath/fragment.h"
#include "datapath/replica.h"
#include "datapath/segments.h"

static_assert(2 * GREMC_FRAGMENTS_MAX < GREMC_FRAGMENT_MBUFS,
	      "the header pools are planned with the fragments of one packet, two mbufs each");

bool gremc_packet_may_fragment(const struct rte_ipv4_hdr *ip, bool ignore_df)
{
	return ignore_df || !(ip->fragment_offset & RTE_BE16(RTE_IPV4_HDR_DF_FLAG));
}

void gremc_fragments_free(struct gremc_worker *worker)
{
	rte_pktmbuf_free_bulk(worker->fragments.mbuf, worker->fragments.count);
	worker->fragments.count = 0;
	worker->fragments.packet = NULL;
}

/* Make a copy of the packet's header, with DF clear, in front of a reference to its payload: other replicas
 * share the packet itself. A packet that had DF set may have any identification (RFC 6864, 4.1), so it gets
 * one. Returns NULL: no mbuf. */
static struct rte_mbuf *fragmentable_create(struct gremc_worker *worker, struct rte_mbuf *packet)
{
	const uint16_t length = rte_ipv4_hdr_len(rte_pktmbuf_mtod(packet, struct rte_ipv4_hdr *));
	struct rte_mbuf *header = rte_pktmbuf_alloc(worker->header_pool);
	struct rte_mbuf *payload = rte_pktmbuf_clone(packet, worker->header_pool);
	struct rte_ipv4_hdr *ip;

	if (header == NULL || payload == NULL) {
		rte_pktmbuf_free(header);
		rte_pktmbuf_free(payload);
		return NULL;
	}
	ip = (struct rte_ipv4_hdr *)rte_pktmbuf_append(header, length);
	memcpy(ip, rte_pktmbuf_mtod(packet, const void *), length);
	if (ip->fragment_offset & RTE_BE16(RTE_IPV4_HDR_DF_FLAG)) {
		ip->fragment_offset &= ~RTE_BE16(RTE_IPV4_HDR_DF_FLAG);
		ip->packet_id = gremc_id_take(&worker->ids, ip);
	}
	gremc_segments_strip(payload, length);
	header->next = payload;
	header->nb_segs += payload->nb_segs;
	header->pkt_len += payload->pkt_len;
	return header;
}

static void fragment_finish(struct rte_mbuf *fragment)
{
	struct rte_ipv4_hdr *ip = rte_pktmbuf_mtod(fragment, struct rte_ipv4_hdr *);

	ip->hdr_checksum = 0;
	ip->hdr_checksum = rte_ipv4_cksum(ip);
}

/* Fragment the packet into worker->fragments. */
static enum gremc_tx_drop fragments_make(struct gremc_worker *worker, struct rte_mbuf *packet, uint16_t mtu)
{
	struct gremc_fragments *fragments = &worker->fragments;
	struct rte_mbuf *whole = fragmentable_create(worker, packet);
	int32_t count;

	if (whole == NULL)
		return GREMC_TX_DROP_no_mbuf;
	count = rte_ipv4_fragment_packet(whole, fragments->mbuf, RTE_DIM(fragments->mbuf), mtu,
					 worker->header_pool, worker->header_pool);
	rte_pktmbuf_free(whole);
	if (count < 0)
		return count == -ENOMEM ? GREMC_TX_DROP_no_mbuf : GREMC_TX_DROP_too_big;
	for (int32_t i = 0; i < count; i++)
		fragment_finish(fragments->mbuf[i]);
	fragments->count = (uint32_t)count;
	return GREMC_TX_DROP_NONE;
}

/* Store the fragments of the packet in worker->fragments. The sequence number of the statistics identifies
 * the burst: no mbuf of a burst is freed and received again within it. */
static enum gremc_tx_drop fragments_update(struct gremc_worker *worker, struct rte_mbuf *packet, uint16_t mtu)
{
	struct gremc_fragments *fragments = &worker->fragments;
	const uint64_t burst = gremc_stats_sequence(worker->stats);
	enum gremc_tx_drop reason;

	if (fragments->packet == packet && fragments->mtu == mtu && fragments->burst == burst)
		return GREMC_TX_DROP_NONE;
	gremc_fragments_free(worker);
	/* the mbufs of freed fragments may be those of the new ones */
	worker->digest_cache.packet = NULL;
	reason = fragments_make(worker, packet, mtu);
	if (reason != GREMC_TX_DROP_NONE)
		return reason;
	fragments->packet = packet;
	fragments->mtu = mtu;
	fragments->burst = burst;
	return GREMC_TX_DROP_NONE;
}

enum gremc_tx_drop gremc_replica_fragment(struct gremc_worker *worker, struct rte_mbuf *packet, uint32_t vif)
{
	const struct gremc_vif_info *info = gremc_vif_info_load(worker->vifs, vif);
	const struct rte_ipv4_hdr *ip = rte_pktmbuf_mtod(packet, const struct rte_ipv4_hdr *);
	struct gremc_fragments *fragments = &worker->fragments;
	enum gremc_tx_drop reason;

	/* a fragment does not fit if the MTU has shrunk since it was made */
	if (fragments->is_sending || info == NULL || !gremc_packet_may_fragment(ip, info->ignore_df))
		return GREMC_TX_DROP_too_big;
	reason = fragments_update(worker, packet, gremc_vif_mtu(worker->vifs, vif));
	if (reason != GREMC_TX_DROP_NONE)
		return reason;
	worker->egress.requested += fragments->count - 1;
	fragments->is_sending = true;
	for (uint32_t i = 0; i < fragments->count; i++) {
		const struct gremc_packet fragment = {.mbuf = fragments->mbuf[i],
						      .iif = GREMC_VIF_NONE,
						      .length = (uint16_t)fragments->mbuf[i]->pkt_len};

		gremc_replicas_send(worker, &fragment, &vif, 1);
	}
	fragments->is_sending = false;
	return GREMC_TX_DROP_NONE;
}
