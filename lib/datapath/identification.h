/* SPDX-License-Identifier: BSD-3-Clause */
/* Identifications of IPv4 packets that may be fragmented (RFC 6864). Packets with one source, destination and
 * protocol have different ones for as long as 16 bits allow, whichever threads send them.
 *
 * Each pair of addresses has a counter, by a hash: two pairs that share a counter have a shorter period. The
 * counter gives blocks of consecutive numbers to threads, so a packet needs no atomic operation. */
#ifndef GREMC_DATAPATH_IDENTIFICATION_H
#define GREMC_DATAPATH_IDENTIFICATION_H

#include <stdint.h>
#include <string.h>

#include <rte_branch_prediction.h>
#include <rte_hash_crc.h>
#include <rte_ip.h>

#include "base/atomic.h"

#define GREMC_ID_SLOTS 16384u /* counters */
#define GREMC_ID_BLOCK 64u    /* numbers */
#define GREMC_ID_STALE 16384u /* numbers given out since a block: its rest is not used any more */

/* The rest of a block. Its numbers are those of the counter, modulo 2^16. */
struct gremc_id_block {
	uint32_t next, end;
};

/* The identifications of one thread. */
struct gremc_ids {
	/* [slot] numbers given out, shared by all threads. Writers and readers: all that send. */
	gremc_atomic_u32 *counter;
	struct gremc_id_block *block; /* [slot] the thread's own */
	uint64_t seed;                /* of the hash; equal in all threads */
};

/* Create the counters that the threads share.
 * Thread:  control thread.
 * Returns: NULL: out of memory. */
gremc_atomic_u32 *gremc_id_counters_create(void);
/* Free the counters. NULL is allowed. */
void gremc_id_counters_destroy(gremc_atomic_u32 *counters);
/* Prepare the identifications of a thread on a NUMA node.
 * Thread:  control thread.
 * Errors:  -ENOMEM. */
int gremc_ids_init(struct gremc_ids *ids, gremc_atomic_u32 *counters, uint64_t seed, int socket);
/* Free them. Zeroed ones are allowed. */
void gremc_ids_fini(struct gremc_ids *ids);

/* Get another block if the present one is used up, or so old that the counter comes round to it. */
void gremc_id_block_take(struct gremc_ids *ids, uint32_t slot);

/* The identification of the next packet with the addresses of this header, in network order.
 * Thread:  the owner of `ids`.
 * RFC:     6864, section 4.2. */
static inline rte_be16_t gremc_id_take(struct gremc_ids *ids, const struct rte_ipv4_hdr *ip)
{
	struct gremc_id_block *block;
	uint64_t addresses;
	uint32_t slot;

	memcpy(&addresses, &ip->src_addr, sizeof(addresses));
	slot = rte_hash_crc_8byte(addresses ^ ids->seed, (uint32_t)ids->seed) % GREMC_ID_SLOTS;
	block = &ids->block[slot];
	if (unlikely(block->next == block->end ||
		     gremc_u32_load(&ids->counter[slot]) - block->end >= GREMC_ID_STALE))
		gremc_id_block_take(ids, slot);
	return rte_cpu_to_be_16((uint16_t)block->next++);
}

#endif
