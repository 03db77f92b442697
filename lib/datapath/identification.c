/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>

#include <rte_random.h>

#include "base/base.h"
#include "datapath/identification.h"

#define COUNTER_BYTES (GREMC_ID_SLOTS * sizeof(gremc_atomic_u32))
#define BLOCK_BYTES   (GREMC_ID_SLOTS * sizeof(struct gremc_id_block))

static_assert(GREMC_ID_STALE + GREMC_ID_BLOCK <= UINT16_MAX / 2,
	      "a block is stale long before its numbers are given out again");

gremc_atomic_u32 *gremc_id_counters_create(void)
{
	gremc_atomic_u32 *counters = gremc_memory_reserve(COUNTER_BYTES, SOCKET_ID_ANY);

	/* a program that starts again does not begin with the numbers of the one before */
	for (uint32_t i = 0; counters && i < GREMC_ID_SLOTS; i++)
		gremc_u32_store(&counters[i], (uint32_t)rte_rand());
	return counters;
}

void gremc_id_counters_destroy(gremc_atomic_u32 *counters)
{
	gremc_memory_release(counters, COUNTER_BYTES);
}

int gremc_ids_init(struct gremc_ids *ids, gremc_atomic_u32 *counters, uint64_t seed, int socket)
{
	ids->counter = counters;
	ids->seed = seed;
	ids->block = gremc_memory_reserve(BLOCK_BYTES, socket);
	return ids->block ? 0 : -ENOMEM;
}

void gremc_ids_fini(struct gremc_ids *ids)
{
	gremc_memory_release(ids->block, BLOCK_BYTES);
}

void gremc_id_block_take(struct gremc_ids *ids, uint32_t slot)
{
	struct gremc_id_block *block = &ids->block[slot];

	block->next = gremc_u32_add(&ids->counter[slot], GREMC_ID_BLOCK);
	block->end = block->next + GREMC_ID_BLOCK;
}
