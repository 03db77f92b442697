/* SPDX-License-Identifier: BSD-3-Clause */
/* Samples of dropped packets, taken from mbufs. */
#ifndef GREMC_DATAPATH_SAMPLE_H
#define GREMC_DATAPATH_SAMPLE_H

#include <stdbool.h>
#include <stdint.h>

#include <rte_mbuf.h>

#include "datapath/packet.h"
#include "stats/sample.h"

/* Where the bytes of a sample begin. */
struct gremc_packet_start {
	uint16_t headers; /* bytes before the mbuf's data that belong to the packet */
	bool is_ip;       /* the first byte is that of an IP header, not of an Ethernet header */
};
#define GREMC_STARTS_WITH_FRAME ((struct gremc_packet_start){.headers = 0, .is_ip = false})
#define GREMC_STARTS_WITH_IP    ((struct gremc_packet_start){.headers = 0, .is_ip = true})

/* A packet whose headers this worker has cut off still has them before its data. Another worker's packet has
 * none: its fields began with inner_offset 0. */
static inline struct gremc_packet_start gremc_packet_start_after_cut(const struct gremc_packet *packet)
{
	return (struct gremc_packet_start){.headers = packet->inner_offset,
					   .is_ip = packet->inner_offset == 0};
}

/* Add a sample of a packet.
 * Thread:  the writer of `samples` and a reader of the vifs, after gremc_samples_accept().
 * Input:   reason: below GREMC_SAMPLE_REASONS. vif: GREMC_VIF_NONE: unknown.
 * Owner:   the mbuf remains the caller's. */
void gremc_packet_sample(struct gremc_samples *samples, unsigned reason, const struct gremc_vifs *vifs,
			 uint32_t vif, const struct rte_mbuf *mbuf, struct gremc_packet_start start);

#endif
