/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <sched.h>
#include <stdbool.h>
#include <stdlib.h>

#include "base/annotate.h"
#include "rcu/rcu.h"

#define WORD_BITS     64u
#define SLOT_WORDS    (GREMC_RCU_READERS / WORD_BITS)
#define RING_SMALLEST 64u

/* The deferred list is our own and not rte_rcu_qsbr_dq: that one has a size fixed at its creation, and a full
 * one refuses, while what waits here is bounded only by what a reload changes; and it takes a token for each
 * entry, where here all of a commit share one, so a reader acknowledges a reload of a million routes once. */
struct deferred {
	void (*free_function)(void *);
	void *argument;
	uint64_t token; /* of its grace period; unset while uncommitted */
};

struct gremc_rcu {
	struct rte_rcu_qsbr *qsbr;
	uint64_t slots[SLOT_WORDS]; /* any thread, atomic: bit set = slot taken */

	/* The writer's alone: a ring of `size` (a power of two), the oldest at `head`, the last `open` of the
	 * `count` not yet committed. */
	struct deferred *ring;
	uint32_t size, head, count, uncommitted;
	uint64_t elapsed_token; /* the youngest token known to be over: spares a look at every reader for each
				 * entry
				 */
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

/* Take the oldest off the list before it is run: what it calls may defer more. */
static void deferred_run_oldest(struct gremc_rcu *rcu)
{
	struct deferred oldest = rcu->ring[rcu->head];

	rcu->head = (rcu->head + 1) & (rcu->size - 1);
	rcu->count--;
	oldest.free_function(oldest.argument);
}

void gremc_rcu_destroy(struct gremc_rcu *rcu)
{
	if (rcu == NULL)
		return;
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
		uint64_t taken = __atomic_load_n(&rcu->slots[word], __ATOMIC_RELAXED);

		while (taken != UINT64_MAX) {
			unsigned bit = __builtin_ctzll(~taken);
			unsigned slot = word * WORD_BITS + bit;

			/* acquire: the slot's last holder has left it completely; a failure re-reads `taken`
			 */
			if (!__atomic_compare_exchange_n(&rcu->slots[word], &taken,
							 taken | UINT64_C(1) << bit, false, __ATOMIC_ACQUIRE,
							 __ATOMIC_RELAXED))
				continue;
			rte_rcu_qsbr_thread_register(rcu->qsbr, slot);
			return (int)slot;
		}
	}
	return -ENOSPC;
}

void gremc_rcu_reader_unregister(struct gremc_rcu *rcu, int slot)
{
	/* The library's release of the slot's bit, which a writer's check acquires. */
	GREMC_TSAN_RELEASE(rcu->qsbr);
	rte_rcu_qsbr_thread_unregister(rcu->qsbr, (unsigned)slot);
	__atomic_fetch_and(&rcu->slots[slot / WORD_BITS], ~(UINT64_C(1) << slot % WORD_BITS),
			   __ATOMIC_RELEASE);
}

/* Twice the ring, its content from the start. */
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

	if (rcu->uncommitted == 0)
		return;
	/* A release: whoever acknowledges this token has seen all that was unpublished before it. */
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

unsigned gremc_rcu_reclaim(struct gremc_rcu *rcu)
{
	while (rcu->count > rcu->uncommitted && grace_is_over(rcu, rcu->ring[rcu->head].token))
		deferred_run_oldest(rcu);
	return rcu->count;
}

void gremc_rcu_synchronize(struct gremc_rcu *rcu)
{
	uint64_t token;

	/* what is run may wait for another period, and that is waited for, too */
	do {
		gremc_rcu_commit(rcu);
		token = rte_rcu_qsbr_start(rcu->qsbr);
		/* Not the library's own wait, which spins: on a machine with fewer CPUs than threads the
		 * reader waited for may need this one. */
		while (!grace_is_over(rcu, token))
			sched_yield();
	} while (gremc_rcu_reclaim(rcu) > 0);
}
