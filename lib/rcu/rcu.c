/* SPDX-License-Identifier: BSD-3-Clause */
/* QSBR and deferred calls. */
#include <errno.h>
#include <sched.h>
#include <stdbool.h>
#include <stdlib.h>

#include "base/annotate.h"
#include "base/assert.h"
#include "base/atomic.h"
#include "rcu/rcu.h"
#include "stats/counter.h"

#define WORD_BITS     64u
#define SLOT_WORDS    (GREMC_RCU_READERS / WORD_BITS)
#define RING_SMALLEST 64u

static_assert(GREMC_RCU_READERS % WORD_BITS == 0, "each bit of `slots` is a slot");
static_assert((RING_SMALLEST & (RING_SMALLEST - 1)) == 0, "the size of the ring is a power of two");

/* rte_rcu_qsbr_dq is not used: it rejects entries above a size that is fixed at its creation, and it starts a
 * grace period for each entry. This list grows with the changes of a reload, and all entries of a commit
 * share one grace period, so a reader acknowledges a reload of a million routes once. */
struct deferred {
	void (*free_function)(void *);
	void *argument;
	uint64_t token; /* of its grace period; 0 while uncommitted */
};

struct gremc_rcu {
	struct rte_rcu_qsbr *qsbr;          /* constant */
	gremc_atomic_u64 slots[SLOT_WORDS]; /* bit set: slot in use. Writers and readers: all threads. */

	/* Writer only: a ring of `size` entries, the oldest at `head`. The last `uncommitted` of the `count`
	 * entries have no grace period yet. */
	struct deferred *ring;
	uint32_t size, head, count, uncommitted;
	uint64_t elapsed_token; /* latest token whose grace period is known to be over */
};

struct gremc_rcu *gremc_rcu_create(void)
{
	struct gremc_rcu *rcu = calloc(1, sizeof(*rcu));
	size_t size = RTE_ALIGN_CEIL(rte_rcu_qsbr_get_memsize(GREMC_RCU_READERS), RTE_CACHE_LINE_SIZE);

	if (rcu == NULL)
		return NULL;
	rcu->qsbr = aligned_alloc(RTE_CACHE_LINE_SIZE, size);
	rcu->ring = malloc(RING_SMALLEST * sizeof(*rcu->ring));
	rcu->size = RING_SMALLEST;
	if (rcu->qsbr == NULL || rcu->ring == NULL || rte_rcu_qsbr_init(rcu->qsbr, GREMC_RCU_READERS)) {
		free(rcu->ring);
		free(rcu->qsbr);
		free(rcu);
		return NULL;
	}
	return rcu;
}

__rte_unused static bool reader_is_online(const struct gremc_rcu *rcu, unsigned slot)
{
	return gremc_counter_read(&rcu->qsbr->qsbr_cnt[slot].cnt) != 0; /* 0: offline */
}

__rte_unused static bool slot_is_taken(const struct gremc_rcu *rcu, int slot)
{
	return slot >= 0 && slot < GREMC_RCU_READERS &&
	       gremc_u64_load(&rcu->slots[slot / WORD_BITS]) >> slot % WORD_BITS & 1;
}

/* Remove the oldest entry before its call: the call may defer others. */
static void deferred_run_oldest(struct gremc_rcu *rcu)
{
	struct deferred oldest = rcu->ring[rcu->head];

	rcu->head = (rcu->head + 1) & (rcu->size - 1);
	rcu->count--;
	oldest.free_function(oldest.argument);
}

__rte_unused static bool readers_are_online(const struct gremc_rcu *rcu)
{
	for (unsigned slot = 0; slot < GREMC_RCU_READERS; slot++)
		if (reader_is_online(rcu, slot))
			return true;
	return false;
}

void gremc_rcu_destroy(struct gremc_rcu *rcu)
{
	if (rcu == NULL)
		return;
	gremc_assert_control_thread();
	gremc_assert(!readers_are_online(rcu));
	while (rcu->count > 0)
		deferred_run_oldest(rcu);
	free(rcu->ring);
	free(rcu->qsbr);
	free(rcu);
}

struct rte_rcu_qsbr *gremc_rcu_qsbr(struct gremc_rcu *rcu)
{
	return rcu->qsbr;
}

int gremc_rcu_reader_register(struct gremc_rcu *rcu)
{
	for (unsigned word = 0; word < SLOT_WORDS; word++) {
		uint64_t taken;

		while ((taken = gremc_u64_load(&rcu->slots[word])) != UINT64_MAX) {
			unsigned bit = (unsigned)__builtin_ctzll(~taken), slot = word * WORD_BITS + bit;

			/* acquire: the last holder has finished with the slot */
			if (!gremc_u64_bit_set_acquire(&rcu->slots[word], bit))
				continue;
			rte_rcu_qsbr_thread_register(rcu->qsbr, slot);
			return (int)slot;
		}
	}
	return -ENOSPC;
}

void gremc_rcu_reader_unregister(struct gremc_rcu *rcu, int slot)
{
	gremc_assert(slot_is_taken(rcu, slot) && !reader_is_online(rcu, (unsigned)slot));
	/* The library releases the reader's bit; the writer's check acquires it. */
	GREMC_TSAN_RELEASE(rcu->qsbr);
	rte_rcu_qsbr_thread_unregister(rcu->qsbr, (unsigned)slot);
	gremc_u64_bit_clear_release(&rcu->slots[slot / WORD_BITS], (unsigned)slot % WORD_BITS);
}

/* Double the ring; the oldest entry moves to its start. */
static int deferred_ring_grow(struct gremc_rcu *rcu)
{
	struct deferred *ring = NULL;

	if (rcu->size <= UINT32_MAX / 4)
		ring = malloc(sizeof(*ring) * rcu->size * 2);
	if (ring == NULL)
		return -ENOMEM;
	for (uint32_t i = 0; i < rcu->count; i++)
		ring[i] = rcu->ring[(rcu->head + i) & (rcu->size - 1)];
	free(rcu->ring);
	rcu->ring = ring;
	rcu->size *= 2;
	rcu->head = 0;
	return 0;
}

int gremc_rcu_defer(struct gremc_rcu *rcu, void (*free_function)(void *), void *argument)
{
	gremc_assert_control_thread();
	if (rcu->count == rcu->size && deferred_ring_grow(rcu))
		return -ENOMEM;
	rcu->ring[(rcu->head + rcu->count) & (rcu->size - 1)] = (struct deferred){
		.free_function = free_function,
		.argument = argument,
	};
	rcu->count++;
	rcu->uncommitted++;
	return 0;
}

void gremc_rcu_commit(struct gremc_rcu *rcu)
{
	uint64_t token;

	gremc_assert_control_thread();
	if (rcu->uncommitted == 0)
		return;
	/* Release: a reader that acknowledges this token does not find the objects unpublished before it. */
	token = rte_rcu_qsbr_start(rcu->qsbr);
	for (; rcu->uncommitted > 0; rcu->uncommitted--)
		rcu->ring[(rcu->head + rcu->count - rcu->uncommitted) & (rcu->size - 1)].token = token;
}

static bool grace_is_over(struct gremc_rcu *rcu, uint64_t token)
{
	if (token <= rcu->elapsed_token)
		return true;
	if (!rte_rcu_qsbr_check(rcu->qsbr, token, false))
		return false;
	GREMC_TSAN_ACQUIRE(rcu->qsbr);
	rcu->elapsed_token = token;
	return true;
}

unsigned gremc_rcu_reclaim_some(struct gremc_rcu *rcu, unsigned max_calls)
{
	unsigned n = 0;

	gremc_assert_control_thread();
	for (;
	     n < max_calls && rcu->count > rcu->uncommitted && grace_is_over(rcu, rcu->ring[rcu->head].token);
	     n++)
		deferred_run_oldest(rcu);
	return n;
}

unsigned gremc_rcu_reclaim(struct gremc_rcu *rcu)
{
	gremc_rcu_reclaim_some(rcu, UINT32_MAX);
	return rcu->count;
}

unsigned gremc_rcu_waiting(const struct gremc_rcu *rcu)
{
	return rcu->count;
}

void gremc_rcu_synchronize(struct gremc_rcu *rcu)
{
	uint64_t token;

	gremc_assert_control_thread();
	/* a deferred call may defer others */
	do {
		gremc_rcu_commit(rcu);
		token = rte_rcu_qsbr_start(rcu->qsbr);
		/* rte_rcu_qsbr_synchronize() spins without a yield: with fewer CPUs than threads the reader
		 * may need this CPU. */
		while (!grace_is_over(rcu, token))
			sched_yield();
	} while (gremc_rcu_reclaim(rcu) > 0);
}
