/* SPDX-License-Identifier: BSD-3-Clause */
/* Packets that the fast path does not forward. The control thread passes them to the kernel if the port or
 * the vif has a host path for them; else they are drops with a name. */
#ifndef GREMC_DATAPATH_PUNT_H
#define GREMC_DATAPATH_PUNT_H

#include "datapath/worker.h"

/* ---- classify, decap, lookup: each takes the mbuf over ---- */

/* A frame that belongs to no configured tunnel.
 * Input:   the data starts with the Ethernet header. */
void gremc_frame_punt_or_drop(struct gremc_worker *worker, const struct gremc_rxq *rxq, struct rte_mbuf *mbuf,
			      enum gremc_drop reason);
/* An inner packet that is not multicast to forward.
 * Input:   the outer headers are still in the data. */
void gremc_inner_punt_or_drop(struct gremc_worker *worker, struct gremc_packet *packet,
			      enum gremc_drop reason);
/* An inner packet that no mroute matches, or that the kernel gets as if none matched.
 * Input:   the data starts with the inner IP header. */
void gremc_unrouted_punt_or_drop(struct gremc_worker *worker, struct gremc_packet *packet);

/* ---- lookup: whether the kernel gets a packet that has an mroute ---- */

/* The mroute is punt-sampled, and this packet is the sample. Clears the request for it. */
bool gremc_punt_sample_due(const struct gremc_worker *worker, const struct gremc_packet *packet);
/* The mroute does not accept the packet's iif, and the kernel reports the packet to the routing daemon
 * (IGMPMSG_WRONGVIF): one packet in three seconds for each of the kernel's routes. */
bool gremc_punt_wrong_vif_due(const struct gremc_worker *worker, const struct gremc_packet *packet);

/* ---- end of the burst ---- */

/* Enqueue the burst's punts to the control thread. Punts that find a full ring are dropped by name. */
void gremc_punt_flush(struct gremc_worker *worker);

/* ---- the same decisions for telemetry ---- */

/* Whether an ordinary packet (not IGMP) of a vif is punted instead of dropped for the reason.
 * Thread:  any reader of the vifs.
 * Returns: whether it is punted; *class is its class. */
bool gremc_punt_vif_class(const struct gremc_vifs *vifs, uint32_t vif, enum gremc_drop reason,
			  enum gremc_punt *class);
/* Likewise for an IPv4 frame of a port that belongs to no vif. */
bool gremc_punt_port_class(const struct gremc_vifs *vifs, uint16_t port, bool multicast,
			   enum gremc_punt *class);

#endif
