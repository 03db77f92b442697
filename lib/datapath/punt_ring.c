/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <rte_cycles.h>
#include <rte_malloc.h>

#include "base/assert.h"
#include "datapath/punt_ring.h"

struct rte_ring *gremc_ring_create(unsigned size, unsigned flags)
{
	struct rte_ring *ring = rte_zmalloc("gremc_ring", rte_ring_get_memsize(size), RTE_CACHE_LINE_SIZE);

	if (!(flags & RING_F_SP_ENQ))
		flags |= RING_F_MP_RTS_ENQ;
	if (ring && rte_ring_init(ring, "gremc", size, flags)) {
		rte_free(ring);
		ring = NULL;
	}
	/* The allowed distance between the first unfinished producer and the last one is the whole ring, so
	 * no producer waits for another. */
	if (ring && flags & RING_F_MP_RTS_ENQ)
		rte_ring_set_prod_htd_max(ring, rte_ring_get_capacity(ring));
	return ring;
}

#define TIMESTAMP_SHIFT 8 /* a tenth of a microsecond */

uint32_t gremc_timestamp(void)
{
	return (uint32_t)(rte_rdtsc() >> TIMESTAMP_SHIFT);
}

uint64_t gremc_timestamp_age(uint32_t timestamp)
{
	uint64_t cycles = (uint64_t)(gremc_timestamp() - timestamp) << TIMESTAMP_SHIFT;

	return (uint64_t)((double)cycles * 1e9 / (double)rte_get_tsc_hz());
}

/* ---- the workers' side ---- */

int gremc_worker_rings_init(struct gremc_worker *worker, uint16_t port, const struct gremc_ring_sizes *sizes)
{
	for (unsigned class = 0; class < GREMC_PUNT_COUNT; class ++) {
		worker->punt_ring[class] = gremc_ring_create(sizes->up[class], RING_F_SP_ENQ | RING_F_SC_DEQ);
		if (worker->punt_ring[class] == NULL)
			return -ENOMEM;
	}
	worker->inject_ring = gremc_ring_create(sizes->down, RING_F_SP_ENQ | RING_F_SC_DEQ);
	worker->host_rxq = (struct gremc_rxq){.port = port, .multicast = true};
	return worker->inject_ring ? 0 : -ENOMEM;
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
		ring_free_mbufs(worker->punt_ring[class]);
	ring_free_mbufs(worker->inject_ring);
}

void gremc_worker_rings_fini(struct gremc_worker *worker)
{
	for (unsigned class = 0; class < GREMC_PUNT_COUNT; class ++)
		rte_free(worker->punt_ring[class]);
	rte_free(worker->inject_ring);
}

void gremc_punt_wake(struct gremc_worker *worker)
{
	struct gremc_worker_group *group = worker->group;

	worker->egress.wake_control = false;
	/* The mbufs are in the rings before host_sleeps is read. gremc_punt_sleep_begin() sets host_sleeps
	 * before it reads the rings. So at least one of the two threads sees the other's store. */
	gremc_fence_full();
	if (gremc_bool_load(&group->host_sleeps) && gremc_bool_exchange(&group->host_sleeps, false))
		eventfd_write(group->host_event, 1);
}

/* ---- the control thread's side ---- */

uint32_t gremc_punt_dequeue(struct gremc_worker_group *group, enum gremc_punt class, struct rte_mbuf **mbufs,
			    uint32_t n)
{
	uint32_t total = 0;

	gremc_assert_control_thread();
	gremc_assert(class < GREMC_PUNT_COUNT);
	/* Each call begins with another worker, so that no worker can starve the others. */
	for (uint32_t i = 0; i < group->count && total < n; i++) {
		struct gremc_worker *worker = group->worker[(group->host_turn + i) % group->count];

		total += gremc_ring_dequeue(worker->punt_ring[class], &mbufs[total], n - total);
	}
	group->host_turn++;
	return total;
}

static bool punt_rings_empty(const struct gremc_worker_group *group)
{
	for (uint32_t i = 0; i < group->count; i++)
		for (unsigned class = 0; class < GREMC_PUNT_COUNT; class ++)
			if (!rte_ring_empty(group->worker[i]->punt_ring[class]))
				return false;
	return true;
}

bool gremc_punt_sleep_begin(struct gremc_worker_group *group)
{
	gremc_assert_control_thread();
	gremc_bool_store(&group->host_sleeps, true);
	gremc_fence_full(); /* pairs with the fence of gremc_punt_wake() */
	if (punt_rings_empty(group))
		return true;
	gremc_bool_store(&group->host_sleeps, false);
	return false;
}

void gremc_punt_sleep_end(struct gremc_worker_group *group)
{
	eventfd_t value;

	gremc_assert_control_thread();
	gremc_bool_store(&group->host_sleeps, false);
	eventfd_read(group->host_event, &value);
}
