/* SPDX-License-Identifier: BSD-3-Clause */
/* How the control thread sends frames: itself, by a TX queue of its own, where the port has one to spare;
 * else by the ring of a worker. A driver's transmit may be a system call that carries the packet through half
 * a kernel, and that is not to be the fast path's time. */
#include <errno.h>
#include <string.h>

#include <rte_malloc.h>

#include "datapath/backlog.h"

/* ---- its life ---- */

static bool host_egress_is_needed(const struct gremc_ports *ports)
{
	for (uint16_t i = 0; i < ports->count; i++)
		if (ports->port[i] && ports->port[i]->host_tx)
			return true;
	return false;
}

int gremc_host_egress_create(struct gremc_worker_group *group, const struct gremc_ports *ports,
			     const struct gremc_vifs *vifs)
{
	struct gremc_worker *sender;

	if (!host_egress_is_needed(ports))
		return 0;
	sender = rte_zmalloc("gremc_sender", sizeof(*sender), RTE_CACHE_LINE_SIZE);
	group->sender = sender;
	if (sender == NULL)
		return -ENOMEM;
	sender->group = group;
	sender->vifs = vifs;
	sender->port_count = ports->count;
	sender->stats = gremc_stats_create(SOCKET_ID_ANY, GREMC_VIFS_MAX, GREMC_MROUTE_IDS_MAX);
	if (sender->stats == NULL)
		return -ENOMEM;
	group->stats[group->stats_count++] = sender->stats;
	for (uint16_t i = 0; i < ports->count; i++) {
		const struct gremc_port *port = ports->port[i];

		if (port == NULL || !port->host_tx)
			continue;
		sender->tx[i] = gremc_tx_create(port, port->tx_queues, SOCKET_ID_ANY);
		if (sender->tx[i])
			sender->tx[i]->backlog = gremc_backlog_create(false, SOCKET_ID_ANY);
		if (sender->tx[i] == NULL || sender->tx[i]->backlog == NULL)
			return -ENOMEM;
	}
	return 0;
}

void gremc_host_egress_destroy(struct gremc_worker_group *group)
{
	struct gremc_worker *sender = group->sender;

	if (sender == NULL)
		return;
	for (uint16_t i = 0; i < sender->port_count; i++)
		gremc_tx_destroy(sender->tx[i]);
	gremc_stats_destroy(sender->stats);
	rte_free(sender);
}

/* ---- sending ---- */

/* By our own queues what has one. Returns how many have none: they are first in mbufs now. */
static uint32_t host_egress_send(struct gremc_worker *sender, struct rte_mbuf **mbufs, uint32_t n)
{
	uint32_t left = 0;

	for (uint32_t i = 0; i < n; i++) {
		uint16_t port = mbufs[i]->port;

		if (port < sender->port_count && sender->tx[port])
			gremc_host_frame_send(sender, mbufs[i]);
		else
			mbufs[left++] = mbufs[i];
	}
	if (left < n) {
		gremc_stage_tx(sender);
		gremc_worker_account(sender, NULL);
	}
	return left;
}

/* What a worker is to know of a frame's vif, which it may meet after a grace period only. */
static void frame_set_vif(const struct gremc_vifs *vifs, struct rte_mbuf *mbuf, uint16_t host_port)
{
	const uint32_t vif = mbuf->hash.usr;

	if (mbuf->port == host_port) /* for the fast path, which finds the vif by the port */
		return;
	gremc_mbuf_vif_set(mbuf, vifs, vif);
	if (vif != GREMC_VIF_NONE)
		mbuf->vlan_tci = mbuf->pkt_len - mbuf->l2_len - vifs->encap[vif].header_length;
}

uint32_t gremc_inject_frames(struct gremc_worker_group *group, struct rte_mbuf **mbufs, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		frame_set_vif(group->worker[0]->vifs, mbufs[i], group->worker[0]->host_rxq.port);

	uint32_t left = group->sender ? host_egress_send(group->sender, mbufs, n) : n;
	uint32_t taken = gremc_ring_enqueue(group->worker[0]->down, mbufs, left);

	memmove(&mbufs[n - (left - taken)], &mbufs[taken], (left - taken) * sizeof(*mbufs));
	return n - (left - taken);
}

uint32_t gremc_inject_capacity(const struct gremc_worker_group *group)
{
	return rte_ring_free_count(group->worker[0]->down);
}
