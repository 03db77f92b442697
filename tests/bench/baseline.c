/* SPDX-License-Identifier: BSD-3-Clause */
/* The baseline: the least cost of one GRE replica on this core with DPDK's mbufs and a transmit function that
 * drops packets. It does not parse, look up, check or count. It allocates a header mbuf (in bulk), writes a
 * 64-byte template and patches length and checksum. Then it copies the payload behind the header or chains
 * the shared payload, and transmits. The forwarder's figures are ratios to it, measured in the same run. */
#include <stdlib.h>

#include <rte_ethdev.h>
#include <rte_ip.h>
#include <rte_malloc.h>
#include <rte_memcpy.h>

#include "bench.h"

#define BURST           64
#define TUNNELS         256
#define OUTER           38 /* Ethernet 14, IPv4 20, GRE 4 */
#define HEADER_CAPACITY 896
#define LARGE           2176
#define ROUND           8192u /* replicas between two reads of the clock */
#define POOL            8191
#define HEADERS         16383
#define CACHE           256

struct baseline_template {
	uint8_t header[64];
	uint32_t partial_sum;
} __rte_cache_aligned;

struct bench_baseline {
	uint16_t port;
	struct rte_mempool *payloads, *headers, *large_headers;
	struct baseline_template *templates;
	uint32_t next; /* template */
	unsigned filled;
	struct rte_mbuf *out[BURST];
};

static inline void baseline_header_write(uint8_t *to, const struct baseline_template *template,
					 uint16_t inner_length)
{
	struct rte_ipv4_hdr *ip = (struct rte_ipv4_hdr *)(to + 14);
	uint32_t sum;

	rte_mov64(to, template->header);
	ip->total_length = rte_cpu_to_be_16(inner_length + OUTER - 14);
	sum = template->partial_sum + ip->total_length;
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	ip->hdr_checksum = (uint16_t)~sum;
}

static inline const struct baseline_template *baseline_template_next(struct bench_baseline *baseline)
{
	return &baseline->templates[baseline->next++ % TUNNELS];
}

static void baseline_transmit(struct bench_baseline *baseline)
{
	unsigned sent = rte_eth_tx_burst(baseline->port, 0, baseline->out, baseline->filled);

	for (; sent < baseline->filled; sent++)
		rte_pktmbuf_free(baseline->out[sent]);
	baseline->filled = 0;
}

/* `k` replicas with headers of their own. */
static inline int baseline_replica_build(struct bench_baseline *baseline, struct rte_mempool *pool,
					 struct rte_mbuf *payload, bool copy, uint32_t size, unsigned k)
{
	struct rte_mbuf **out = &baseline->out[baseline->filled];

	if (rte_pktmbuf_alloc_bulk(pool, out, k))
		return -1;
	for (unsigned i = 0; i < k; i++) {
		uint8_t *data = rte_pktmbuf_mtod(out[i], uint8_t *);

		baseline_header_write(data, baseline_template_next(baseline), size);
		out[i]->pkt_len = OUTER + size;
		if (copy) {
			rte_memcpy(data + OUTER, rte_pktmbuf_mtod(payload, void *), size);
			out[i]->data_len = OUTER + size;
		} else {
			out[i]->data_len = OUTER;
			out[i]->next = payload;
			out[i]->nb_segs = 2;
		}
	}
	return 0;
}

static inline int baseline_replicate(struct bench_baseline *baseline, struct rte_mempool *pool, bool copy,
				     uint32_t size, uint32_t fanout)
{
	struct rte_mbuf *payload = rte_pktmbuf_alloc(baseline->payloads);

	if (payload == NULL)
		return -1;
	payload->data_len = payload->pkt_len = size;
	if (!copy && fanout > 1)
		rte_mbuf_refcnt_update(payload, fanout - 1);
	for (uint32_t done = 0, k; done < fanout; done += k) {
		k = RTE_MIN(fanout - done, BURST - baseline->filled);
		if (!copy && fanout == 1) { /* in place */
			baseline_header_write((uint8_t *)rte_pktmbuf_prepend(payload, OUTER),
					      baseline_template_next(baseline), size);
			baseline->out[baseline->filled] = payload;
		} else if (baseline_replica_build(baseline, pool, payload, copy, size, k)) {
			return -1;
		}
		baseline->filled += k;
		if (baseline->filled == BURST)
			baseline_transmit(baseline);
	}
	if (copy)
		rte_pktmbuf_free(payload);
	return 0;
}

double bench_baseline_measure(struct bench_baseline *baseline, bool copy, uint32_t size, uint32_t fanout,
			      uint64_t cycles)
{
	struct rte_mempool *pool = copy && OUTER + size > HEADER_CAPACITY - RTE_PKTMBUF_HEADROOM
					   ? baseline->large_headers
					   : baseline->headers;
	const uint32_t inputs = RTE_MAX(1u, ROUND / fanout);
	uint64_t start = 0, spent = 0, rounds = 0;

	/* the first round fills the caches and does not count */
	do {
		if (rounds++ == 1)
			start = rte_rdtsc();
		for (uint32_t i = 0; i < inputs; i++)
			if (baseline_replicate(baseline, pool, copy, size, fanout))
				return -1;
		baseline_transmit(baseline);
		if (start)
			spent = rte_rdtsc() - start;
	} while (spent < cycles);
	return (double)spent / ((double)(rounds - 1) * inputs * fanout);
}

struct bench_baseline *bench_baseline_create(const struct bench_environment *environment)
{
	struct bench_baseline *baseline = calloc(1, sizeof(*baseline));

	if (baseline == NULL)
		return NULL;
	baseline->port = environment->out;
	baseline->payloads = rte_pktmbuf_pool_create("payloads", POOL, CACHE, 0, LARGE, SOCKET_ID_ANY);
	baseline->headers = rte_pktmbuf_pool_create("baseline_headers", HEADERS, CACHE, 0, HEADER_CAPACITY,
						    SOCKET_ID_ANY);
	baseline->large_headers =
		rte_pktmbuf_pool_create("baseline_large_headers", HEADERS, CACHE, 0, LARGE, SOCKET_ID_ANY);
	baseline->templates =
		rte_zmalloc("templates", sizeof(*baseline->templates) * TUNNELS, RTE_CACHE_LINE_SIZE);
	if (baseline->payloads && baseline->headers && baseline->large_headers && baseline->templates)
		return baseline;
	fprintf(stderr, "gremc-bench: no memory for the baseline's pools; try a larger --memory\n");
	bench_baseline_destroy(baseline);
	return NULL;
}

void bench_baseline_destroy(struct bench_baseline *baseline)
{
	if (baseline == NULL)
		return;
	rte_mempool_free(baseline->payloads);
	rte_mempool_free(baseline->headers);
	rte_mempool_free(baseline->large_headers);
	rte_free(baseline->templates);
	free(baseline);
}
