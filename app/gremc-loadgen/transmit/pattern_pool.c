/* SPDX-License-Identifier: BSD-3-Clause */
#include <string.h>

#include <rte_mbuf.h>

#include "traffic/stamp.h"
#include "transmit/pattern_pool.h"

#define POOL_CACHE  512u
#define INNER_SPACE 512u /* of the smallest buffers */

static void mbuf_pattern_write(struct rte_mempool *pool, void *argument, void *object, unsigned index)
{
	struct rte_mbuf *packet = object;
	uint16_t capacity = packet->buf_len - GREMC_PATTERN_OFFSET;

	RTE_SET_USED(pool);
	RTE_SET_USED(argument);
	RTE_SET_USED(index);
	memcpy((uint8_t *)packet->buf_addr + GREMC_PATTERN_OFFSET, gremc_pattern,
	       RTE_MIN(capacity, GREMC_PATTERN_SIZE));
}

void gremc_pattern_pool_refill(struct rte_mempool *pool)
{
	rte_mempool_obj_iter(pool, mbuf_pattern_write, NULL);
}

struct rte_mempool *gremc_pattern_pool_create(const char *name, unsigned count, uint16_t inner, int socket)
{
	unsigned cache = RTE_MIN(POOL_CACHE, count / 4);
	uint16_t size = RTE_ALIGN(GREMC_PATTERN_OFFSET + RTE_MAX(inner, INNER_SPACE), RTE_CACHE_LINE_SIZE);
	struct rte_mempool *pool = rte_pktmbuf_pool_create(name, count, cache, 0, size, socket);

	if (pool == NULL)
		pool = rte_pktmbuf_pool_create(name, count, cache, 0, size, SOCKET_ID_ANY);
	if (pool)
		gremc_pattern_pool_refill(pool);
	return pool;
}
