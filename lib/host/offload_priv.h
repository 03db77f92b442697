/* SPDX-License-Identifier: BSD-3-Clause */
/* The offloads of the devices, in software. The kernel sees a NIC with checksum and TCP segmentation offload,
 * and gets TCP segments merged. */
#ifndef GREMC_HOST_OFFLOAD_PRIV_H
#define GREMC_HOST_OFFLOAD_PRIV_H

#include <stdbool.h>
#include <stdint.h>

#include <linux/virtio_net.h>
#include <rte_mbuf.h>

#include "base/assert.h"

/* ---- gso.c: packets of the kernel ---- */

/* A packet of the kernel and its segmentation. */
struct gremc_gso {
	uint8_t *packet;
	uint32_t length;
	uint32_t l3, l4; /* offsets of the IP and TCP headers */
	uint32_t header; /* bytes of all headers, which each segment begins with */
	uint32_t size;   /* payload bytes of a segment; 0: the packet is not segmented */
	uint32_t count;  /* segments */
};
/* Prepare a packet, and complete a partial checksum in it.
 * Input:   is_frame: the packet begins with an Ethernet header, otherwise with its IP header.
 * Errors:  -EINVAL: the virtio header does not fit the packet, or requests an offload that was not offered.
 */
__rte_warn_unused_result int gremc_gso_init(struct gremc_gso *gso, const struct virtio_net_hdr *header,
					    bool is_frame, uint8_t *packet, uint32_t length);
/* Returns: the bytes of segment `n`, below gso->count. */
uint32_t gremc_gso_segment_length(const struct gremc_gso *gso, uint32_t n);
/* Write segment `n`, a complete packet with all checksums.
 * Input:   to: a buffer of gremc_gso_segment_length() bytes. */
void gremc_gso_segment_write(const struct gremc_gso *gso, uint32_t n, uint8_t *to);

/* ---- gro.c: packets to the kernel ---- */

#define GREMC_GRO_BURST 64u /* packets per gremc_gro_merge() */

/* Whether the packet is a TCP segment over IPv4 that may be merged, with correct checksums.
 * Input:   mbuf->l2_len: bytes before the IP header. */
bool gremc_gro_is_mergeable(const struct rte_mbuf *mbuf);
/* Whether two mergeable packets may be in one call of gremc_gro_merge(). */
bool gremc_gro_is_same_class(const struct rte_mbuf *a, const struct rte_mbuf *b);
/* Merge consecutive segments of each TCP stream.
 * Input:   up to GREMC_GRO_BURST mergeable packets of one class.
 * Returns: the number of packets left.
 * Order:   preserved. */
uint32_t gremc_gro_merge(struct rte_mbuf **mbufs, uint32_t n, bool is_frame);
/* Returns: the number of segments in the packet. */
uint32_t gremc_gro_segment_count(const struct rte_mbuf *mbuf);
/* Write the virtio header of the packet. */
void gremc_gro_header_write(const struct rte_mbuf *mbuf, struct virtio_net_hdr *header);

#endif
