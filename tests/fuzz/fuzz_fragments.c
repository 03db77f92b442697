/* SPDX-License-Identifier: BSD-3-Clause */
/* Fuzzer of the reassembly of outer fragments. The input is a list of fragments: offset, length, the last one
 * or not, and the identification. A reassembled packet has the bytes of a consistent set of fragments, and
 * no mbuf is lost. */
#include <stdlib.h>
#include <string.h>

#include <rte_eal.h>
#include <rte_ip.h>

#include "datapath/reassembly.h"
#include "fuzz.h"

#define STEP    4 /* input bytes of a fragment */
#define L2      sizeof(struct rte_ether_hdr)
#define MBUFS   1023
#define PAYLOAD 256 /* the most bytes of one fragment */
#define ADDRESS RTE_BE32(0x0a000001)

int LLVMFuzzerInitialize(int *argc, char ***argv);

static struct rte_mempool *fuzz_pool;
static struct gremc_worker *worker;

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	char *arguments[] = {"fuzz",        "--no-huge",      "--no-pci", "-m", "128",
			     "--no-shconf", "--no-telemetry", "-l",       "0",  NULL};

	(void)argc, (void)argv;
	fuzz_require(rte_eal_init(RTE_DIM(arguments) - 1, arguments) >= 0);
	fuzz_pool = rte_pktmbuf_pool_create("fuzz", MBUFS, 0, 0, RTE_PKTMBUF_HEADROOM + 2048, SOCKET_ID_ANY);
	worker = calloc(1, sizeof(*worker));
	fuzz_require(fuzz_pool && worker);
	worker->stats = gremc_stats_create(SOCKET_ID_ANY, 1, 1);
	fuzz_require(worker->stats != NULL);
	return 0;
}

/* The byte at an offset of the packet; it is the same in every fragment. */
static uint8_t payload_byte(uint32_t at)
{
	return (uint8_t)(at * 31 + 7);
}

static struct rte_mbuf *fragment_read(const uint8_t *input)
{
	const uint16_t field = (uint16_t)(input[0] & 0x3f) | (input[1] & 1 ? RTE_IPV4_HDR_MF_FLAG : 0);
	const uint16_t length =
		(uint16_t)((input[2] % (PAYLOAD / 8)) * 8 + (input[1] & 1 ? 0 : input[1] >> 5));
	struct rte_mbuf *mbuf = rte_pktmbuf_alloc(fuzz_pool);
	struct rte_ipv4_hdr ip = {.version_ihl = RTE_IPV4_VHL_DEF,
				  .total_length = rte_cpu_to_be_16(sizeof(ip) + length),
				  .packet_id = rte_cpu_to_be_16(input[3] & 3),
				  .fragment_offset = rte_cpu_to_be_16(field),
				  .time_to_live = 64,
				  .next_proto_id = 47,
				  .src_addr = ADDRESS + RTE_BE32(input[3] >> 6),
				  .dst_addr = ADDRESS};
	uint8_t *bytes;

	fuzz_require(mbuf != NULL);
	bytes = (uint8_t *)rte_pktmbuf_append(mbuf, (uint16_t)(L2 + sizeof(ip) + length));
	memset(bytes, 0, L2);
	memcpy(bytes + L2, &ip, sizeof(ip));
	for (uint32_t i = 0; i < length; i++)
		bytes[L2 + sizeof(ip) + i] = payload_byte((field & 0x1fff) * 8u + i);
	return mbuf;
}

static void reassembled_check(struct rte_mbuf *mbuf)
{
	uint8_t flat[64 * 8 + PAYLOAD + 64];
	const uint8_t *bytes;
	const struct rte_ipv4_hdr *ip;

	rte_mbuf_sanity_check(mbuf, 1);
	fuzz_require(mbuf->pkt_len <= sizeof(flat));
	bytes = rte_pktmbuf_read(mbuf, 0, mbuf->pkt_len, flat);
	ip = (const struct rte_ipv4_hdr *)(bytes + L2);
	fuzz_require(rte_be_to_cpu_16(ip->total_length) + L2 == mbuf->pkt_len);
	fuzz_require((ip->fragment_offset & RTE_BE16(0x3fff)) == 0 && rte_raw_cksum(ip, 20) == UINT16_MAX);
	for (uint32_t i = 0; i < mbuf->pkt_len - L2 - 20; i++)
		fuzz_require(bytes[L2 + 20 + i] == payload_byte(i));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	worker->reassembly = gremc_reassembly_create(SOCKET_ID_ANY);
	fuzz_require(worker->reassembly != NULL);
	for (size_t at = 0; at + STEP <= size && at < 200 * STEP; at += STEP) {
		struct rte_mbuf *mbuf = fragment_read(data + at);

		/* the caller passes fragments only */
		if ((data[at] & 0x3f) == 0 && !(data[at + 1] & 1)) {
			rte_pktmbuf_free(mbuf);
			continue;
		}
		mbuf = gremc_reassembly_add(worker, mbuf);
		if (mbuf)
			reassembled_check(mbuf);
		rte_pktmbuf_free(mbuf);
		rte_pktmbuf_free_bulk(worker->burst.done, worker->burst.done_count);
		worker->burst.done_count = 0;
	}
	gremc_reassembly_drop_all(worker);
	fuzz_require(gremc_reassembly_is_empty(worker));
	gremc_reassembly_destroy(worker->reassembly);
	fuzz_require(rte_mempool_avail_count(fuzz_pool) == MBUFS);
	return 0;
}
