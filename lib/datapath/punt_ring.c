/* SPDX-License-Identifier: BSD-3-Clause */
/* The rings between the workers and the control thread, and the control thread's ends of them. */
#include <errno.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <rte_cycles.h>
#include <rte_malloc.h>

#include "datapath/datapath_priv.h"

struct rte_ring *gremc_ring_create(unsigned size, unsigned flags)
{
	struct rte_ring *ring = rte_zmalloc("gremc_ring", rte_ring_get_memsize(size), RTE_CACHE_LINE_SIZE);

	if (!(flags & RING_F_SP_ENQ))
		flags |= RING_F_MP_RTS_ENQ;
	if (ring && rte_ring_init(ring, "gremc", size, flags)) {
		rte_free(ring);
		ring = NULL;
	}
	/* as far from the last one that has ended as there are places: then no producer waits for another */
	if (ring && flags & RING_F_MP_RTS_ENQ)
		rte_ring_set_prod_htd_max(ring, rte_ring_get_capacity(ring));
	return ring;
}

int gremc_worker_rings_init(struct gremc_worker *worker, uint16_t port, const struct gremc_ring_sizes *sizes)
{
	for (unsigned class = 0; class < GREMC_PUNT_COUNT; class ++) {
		worker->up[class] = gremc_ring_create(sizes->up[class], RING_F_SP_ENQ | RING_F_SC_DEQ);
		if (worker->up[class] == NULL)
			return -ENOMEM;
	}
	worker->down = gremc_ring_create(sizes->down, RING_F_SP_ENQ | RING_F_SC_DEQ);
	worker->host_rxq = (struct gremc_rxq){.port = port, .multicast = true};
	return worker->down ? 0 : -ENOMEM;
}

static void ring_free_mbufs(struct rte_ring *ring)
{
	struct rte_mbuf *mbuf;

	while (ring && gremc_ring_dequeue(ring, &mbuf, 1) == 1)
		rte_pktmbuf_free(mbuf);
}

void gremc_worker_rings_drain(struct gremc_worker *worker)
{
	for (unsigned class = 0; class < GREMC_PUNT_COUNT; class ++)
		ring_free_mbufs(worker->up[class]);
	ring_free_mbufs(worker->down);
}

void gremc_worker_rings_fini(struct gremc_worker *worker)
{
	for (unsigned class = 0; class < GREMC_PUNT_COUNT; class ++)
		rte_free(worker->up[class]);
	rte_free(worker->down);
}

#define STAMP_SHIFT 8 /* of the TSC: a tenth of a microsecond */

uint32_t gremc_timestamp(void)
{
	return (uint32_t)(rte_rdtsc() >> STAMP_SHIFT);
}

uint64_t gremc_timestamp_age(uint32_t stamp)
{
	uint64_t cycles = (uint64_t)(gremc_timestamp() - stamp) << STAMP_SHIFT;

	return (uint64_t)((double)cycles * 1e9 / (double)rte_get_tsc_hz());
}

void gremc_punt_wake(struct gremc_worker *worker)
{
	struct gremc_worker_group *group = worker->group;

	worker->wake_host = false;
	/* what is in the rings is seen before we look whether anybody sleeps; gremc_punt_wait() does it the
	 * other way round */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (__atomic_load_n(&group->host_sleeps, __ATOMIC_RELAXED) &&
	    __atomic_exchange_n(&group->host_sleeps, 0, __ATOMIC_RELAXED))
		eventfd_write(group->host_event, 1);
}

/* ---- the control thread ---- */

uint32_t gremc_punt_dequeue(struct gremc_worker_group *group, enum gremc_punt class, struct rte_mbuf **mbufs,
			    uint32_t n)
{
	uint32_t total = 0;

	/* Another worker is first each time, so that none can shut the others out. */
	for (uint32_t i = 0; i < group->count && total < n; i++) {
		struct gremc_worker *worker = group->worker[(group->host_turn + i) % group->count];

		total += gremc_ring_dequeue(worker->up[class], &mbufs[total], n - total);
	}
	group->host_turn++;
	return total;
}

static bool punt_rings_empty(const struct gremc_worker_group *group)
{
	for (uint32_t i = 0; i < group->count; i++)
		for (unsigned class = 0; class < GREMC_PUNT_COUNT; class ++)
			if (!rte_ring_empty(group->worker[i]->up[class]))
				return false;
	return true;
}

bool gremc_punt_sleep_begin(struct gremc_worker_group *group)
{
	__atomic_store_n(&group->host_sleeps, 1, __ATOMIC_RELAXED);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (punt_rings_empty(group))
		return true;
	__atomic_store_n(&group->host_sleeps, 0, __ATOMIC_RELAXED);
	return false;
}

void gremc_punt_sleep_end(struct gremc_worker_group *group)
{
	eventfd_t value;

	__atomic_store_n(&group->host_sleeps, 0, __ATOMIC_RELAXED);
	eventfd_read(group->host_event, &value);
}
