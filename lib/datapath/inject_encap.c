/* SPDX-License-Identifier: BSD-3-Clause */
/* What the control thread sends by a vif: encapsulated here, by the thread that writes the tables, so that a
 * worker only has to transmit it. */
#include <errno.h>
#include <string.h>

#include "datapath/datapath_priv.h"
#include "datapath/encap.h"

int gremc_inject_encap(struct gremc_worker_group *group, struct rte_mbuf *mbuf, uint32_t vif)
{
	const struct gremc_vifs *vifs = group->worker[0]->vifs;
	const struct gremc_encap encap = gremc_encap_read(vifs, vif);
	const struct gremc_adjacency *adjacency = vifs->adjacency[encap.adjacency];
	uint8_t *packet = rte_pktmbuf_mtod(mbuf, uint8_t *);
	const struct gremc_inner inner = {(const struct rte_ipv4_hdr *)packet, GREMC_VIF_NONE, mbuf->pkt_len};
	struct gremc_outer_fields outer;

	if (mbuf->pkt_len > encap.mtu)
		return -EMSGSIZE;
	if (!adjacency->resolved)
		return adjacency->down ? -ENETDOWN : -EHOSTUNREACH;
	/* an L2 header is written with its whole template */
	if (rte_pktmbuf_headroom(mbuf) < GREMC_L2_MAX + encap.header_length)
		return -ENOBUFS;
	outer = gremc_outer_fields_make(&encap, inner.length, inner.ip->type_of_service);
	gremc_encap_prepend(packet, &encap, adjacency, &outer, &inner, &group->host_ip_id);
	rte_pktmbuf_prepend(mbuf, adjacency->l2_length + encap.header_length);
	mbuf->port = adjacency->port;
	mbuf->hash.usr = vif;
	mbuf->l2_len = adjacency->l2_length;
	return 0;
}

int gremc_inject_packet(struct gremc_worker_group *group, struct rte_mempool *pool, const void *packet,
			uint16_t length, uint32_t vif)
{
	struct rte_mbuf *mbuf = rte_pktmbuf_alloc(pool);
	char *to = mbuf && length >= sizeof(struct rte_ipv4_hdr) ? rte_pktmbuf_append(mbuf, length) : NULL;
	int rc = -ENOBUFS;

	if (to) {
		memcpy(to, packet, length);
		rc = gremc_inject_encap(group, mbuf, vif);
	}
	if (rc == 0 && gremc_inject_frames(group, &mbuf, 1) == 0)
		rc = -EAGAIN;
	if (rc)
		rte_pktmbuf_free(mbuf);
	return rc;
}
