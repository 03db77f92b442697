/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>

#include <rte_ip.h>
#include <rte_memcpy.h>

#include "datapath/segments.h"

/* Move up to `want` bytes from the second segment to the end of the first. Frees the second one if that
 * empties it. Returns how many bytes were moved. */
static uint32_t segment_pull_next(struct rte_mbuf *first, uint32_t want)
{
	struct rte_mbuf *next = first->next;
	uint32_t n = RTE_MIN(want, (uint32_t)next->data_len);

	rte_memcpy(rte_pktmbuf_mtod_offset(first, uint8_t *, first->data_len),
		   rte_pktmbuf_mtod(next, uint8_t *), n);
	first->data_len += n;
	next->data_off += n;
	next->data_len -= n;
	if (next->data_len == 0) {
		first->next = next->next;
		first->nb_segs--;
		rte_pktmbuf_free_seg(next);
	}
	return n;
}

int gremc_segments_pull(struct rte_mbuf *mbuf, uint32_t bytes)
{
	uint32_t want = RTE_MIN(bytes, mbuf->pkt_len), missing;

	if (likely(mbuf->data_len >= want))
		return 0;
	missing = want - mbuf->data_len;
	if (missing > rte_pktmbuf_tailroom(mbuf))
		return -ENOBUFS;
	while (missing > 0 && mbuf->next)
		missing -= segment_pull_next(mbuf, missing);
	return 0;
}

void gremc_segments_trim(struct rte_mbuf *mbuf, uint32_t length)
{
	struct rte_mbuf *segment = mbuf;
	uint32_t left = length;
	uint16_t kept = 1;

	mbuf->pkt_len = length;
	while (segment->next && left > segment->data_len) {
		left -= segment->data_len;
		segment = segment->next;
		kept++;
	}
	segment->data_len = left;
	mbuf->nb_segs = kept;
	if (segment->next) {
		rte_pktmbuf_free(segment->next);
		segment->next = NULL;
	}
}

void gremc_segments_copy(uint8_t *to, const struct rte_mbuf *mbuf)
{
	for (; mbuf; mbuf = mbuf->next) {
		rte_memcpy(to, rte_pktmbuf_mtod(mbuf, const void *), mbuf->data_len);
		to += mbuf->data_len;
	}
}

struct rte_mbuf *gremc_segments_clone(const struct rte_mbuf *mbuf, struct rte_mempool *pool)
{
	return rte_pktmbuf_copy(mbuf, pool, 0, UINT32_MAX);
}

/* rte_raw_cksum_mbuf() of DPDK 22.11 loses carries behind a segment of an odd length. */
uint16_t gremc_segments_sum(const struct rte_mbuf *mbuf, uint32_t offset, uint32_t length)
{
	uint32_t sum = 0;

	for (; offset >= mbuf->data_len && mbuf->next; mbuf = mbuf->next)
		offset -= mbuf->data_len;
	for (uint32_t done = 0, n; done < length && mbuf; done += n, mbuf = mbuf->next, offset = 0) {
		uint16_t part;

		n = RTE_MIN(mbuf->data_len - offset, length - done);
		part = rte_raw_cksum(rte_pktmbuf_mtod_offset(mbuf, const void *, offset), n);
		sum += done & 1 ? rte_bswap16(part) : part;
	}
	sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)((sum & 0xffff) + (sum >> 16));
}
