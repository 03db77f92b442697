/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <string.h>

#include "base/assert.h"
#include "datapath/encap.h"
#include "datapath/host_egress.h"
#include "datapath/inject.h"
#include "datapath/marking.h"
#include "datapath/options.h"
#include "datapath/tx.h"

/* ---- frames ---- */

/* Set the fields by which a worker counts the frame, perhaps after a grace period. */
static void frame_set_vif(const struct gremc_vifs *vifs, struct rte_mbuf *mbuf)
{
	const uint32_t vif = gremc_mbuf_fields(mbuf)->vif;

	gremc_mbuf_vif_set(mbuf, vifs, vif);
	if (vif != GREMC_VIF_NONE)
		gremc_mbuf_fields(mbuf)->inner_length =
			mbuf->pkt_len - mbuf->l2_len - vifs->encap[vif].header_length;
}

/* Transmit the frames of ports with an own queue. Returns how many frames have none: they are first in the
 * array afterwards. */
static uint32_t host_egress_send(struct gremc_egress *egress, struct rte_mbuf **mbufs, uint32_t n)
{
	uint32_t left = 0;

	for (uint32_t i = 0; i < n; i++) {
		uint16_t port = mbufs[i]->port;

		if (port < egress->port_count && egress->tx[port])
			gremc_tx_enqueue_frame(egress, mbufs[i]);
		else
			mbufs[left++] = mbufs[i];
	}
	if (left < n) {
		gremc_stage_tx(egress);
		gremc_host_egress_account(egress);
	}
	return left;
}

uint32_t gremc_inject_frames(struct gremc_worker_group *group, struct rte_mbuf **mbufs, uint32_t n)
{
	const struct gremc_worker *worker = group->worker[0];
	uint32_t left = n, taken;

	gremc_assert_control_thread();
	for (uint32_t i = 0; i < n; i++)
		if (mbufs[i]->port != worker->host_rxq.port) /* decap finds the vif of the host's packets */
			frame_set_vif(worker->vifs, mbufs[i]);
	if (group->host_egress)
		left = host_egress_send(group->host_egress, mbufs, n);
	taken = gremc_ring_enqueue(worker->inject_ring, mbufs, left);
	memmove(&mbufs[n - (left - taken)], &mbufs[taken], (left - taken) * sizeof(*mbufs));
	return n - (left - taken);
}

uint32_t gremc_inject_capacity(const struct gremc_worker_group *group)
{
	return rte_ring_free_count(group->worker[0]->inject_ring);
}

/* ---- inner packets ---- */

/* The adjacency of the host's packets. A dead peer gets them, because its answer may bring it back. */
static const struct gremc_adjacency *host_adjacency(const struct gremc_vifs *vifs, uint32_t vif)
{
	return gremc_adjacency_load(vifs, gremc_vif_is_down(vifs, vif) ? GREMC_ADJACENCY_DOWN
								       : gremc_vif_adjacency(vifs, vif));
}

int gremc_inject_encap(struct gremc_worker_group *group, struct rte_mbuf *mbuf, uint32_t vif)
{
	const struct gremc_vifs *vifs = group->worker[0]->vifs;
	const struct gremc_encap encap = gremc_encap_read(vifs, vif);
	const struct gremc_adjacency *adjacency = host_adjacency(vifs, vif);
	uint8_t *packet = rte_pktmbuf_mtod(mbuf, uint8_t *);
	const struct gremc_inner inner = {(const struct rte_ipv4_hdr *)packet, GREMC_VIF_NONE, mbuf->pkt_len};
	struct gremc_adjacency marked;
	struct gremc_outer_fields outer;
	struct gremc_digest digest = {0};
	uint8_t outer_tos;

	gremc_assert_control_thread();
	if (mbuf->pkt_len > encap.mtu)
		return -EMSGSIZE;
	if (!adjacency->resolved)
		return adjacency->down ? -ENETDOWN : -EHOSTUNREACH;
	/* gremc_encap_l2() writes GREMC_L2_MAX bytes for any length of the L2 header */
	if (rte_pktmbuf_headroom(mbuf) < GREMC_L2_MAX + encap.header_length)
		return -ENOBUFS;
	outer_tos = gremc_outer_tos(vifs, &encap, inner.ip->type_of_service);
	adjacency = gremc_adjacency_mark(vifs, adjacency, outer_tos, &marked);
	outer = gremc_outer_fields_make(&encap, inner.length, outer_tos);
	gremc_encap_prepend(packet, &encap, adjacency, &outer, &inner, &group->host_ids);
	if (encap.flags & GREMC_ENCAP_OPTIONS)
		gremc_options_write(vifs, vif, &encap, mbuf, &digest, packet - encap.header_length);
	rte_pktmbuf_prepend(mbuf, adjacency->l2_length + encap.header_length);
	mbuf->port = adjacency->port;
	gremc_mbuf_fields(mbuf)->vif = vif;
	mbuf->l2_len = adjacency->l2_length;
	return 0;
}

/* Make the frame of a packet that leaves outside the tunnel, to the next hop of the tunnel. */
static int underlay_encap(const struct gremc_vifs *vifs, struct rte_mbuf *mbuf, uint32_t vif)
{
	const struct rte_ipv4_hdr *ip = rte_pktmbuf_mtod(mbuf, const struct rte_ipv4_hdr *);
	const struct gremc_adjacency *adjacency = host_adjacency(vifs, vif);
	struct gremc_adjacency marked;

	if (!adjacency->resolved)
		return adjacency->down ? -ENETDOWN : -EHOSTUNREACH;
	if (rte_pktmbuf_headroom(mbuf) < GREMC_L2_MAX)
		return -ENOBUFS;
	adjacency = gremc_adjacency_mark(vifs, adjacency, ip->type_of_service, &marked);
	gremc_encap_l2(rte_pktmbuf_mtod(mbuf, uint8_t *), adjacency);
	rte_pktmbuf_prepend(mbuf, adjacency->l2_length);
	mbuf->port = adjacency->port;
	gremc_mbuf_fields(mbuf)->vif = GREMC_VIF_NONE;
	mbuf->l2_len = adjacency->l2_length;
	return 0;
}

/* Send a copy of a packet through the vif, or by the underlay to its next hop. */
static int packet_inject(struct gremc_worker_group *group, struct rte_mempool *pool, const void *packet,
			 uint16_t length, uint32_t vif, bool underlay)
{
	struct rte_mbuf *mbuf = rte_pktmbuf_alloc(pool);
	char *to = mbuf && length >= sizeof(struct rte_ipv4_hdr) ? rte_pktmbuf_append(mbuf, length) : NULL;
	int rc = -ENOBUFS;

	gremc_assert_control_thread();
	if (to) {
		memcpy(to, packet, length);
		rc = underlay ? underlay_encap(group->worker[0]->vifs, mbuf, vif)
			      : gremc_inject_encap(group, mbuf, vif);
	}
	if (rc == 0 && gremc_inject_frames(group, &mbuf, 1) == 0)
		rc = -EAGAIN;
	if (rc)
		rte_pktmbuf_free(mbuf);
	return rc;
}

int gremc_inject_packet(struct gremc_worker_group *group, struct rte_mempool *pool, const void *packet,
			uint16_t length, uint32_t vif)
{
	return packet_inject(group, pool, packet, length, vif, false);
}

int gremc_inject_underlay(struct gremc_worker_group *group, struct rte_mempool *pool, const void *packet,
			  uint16_t length, uint32_t vif)
{
	return packet_inject(group, pool, packet, length, vif, true);
}
