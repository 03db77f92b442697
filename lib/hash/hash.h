/* SPDX-License-Identifier: BSD-3-Clause */
/* hash: the lock-free hash table of the fast path. It maps a 64-bit hash to a line number: the index of a
 * 64-byte line in an array of the caller. The line holds the key, so a successful lookup reads two cache
 * lines: one bucket and one line of the array.
 *
 * rte_hash is not used: it keeps a copy of each key in a third cache line, and needs six times the
 * instructions of a lookup and three times the memory. This table has one writer and a fixed number of
 * buckets (a larger table replaces a full one), and the keys belong to the caller.
 *
 * A bucket is a cache line of twelve entries, each with an 8-bit tag of its hash. An entry whose bucket is
 * full is stored in one of the following buckets, and each full bucket on its way counts it in `overflow`, so
 * a reader continues only past a bucket with overflow. Entries never move: a lookup finds each entry that is
 * in the table for the whole duration of the lookup.
 *
 * Threads: one writer (the control thread), any number of readers without a lock. A reader may hold the
 * number of a line that the writer has removed, so the writer keeps the line for a grace period (rcu). */
#ifndef GREMC_HASH_HASH_H
#define GREMC_HASH_HASH_H

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <rte_branch_prediction.h>
#include <rte_common.h>
#include <rte_prefetch.h>

#include "base/annotate.h"
#include "base/atomic.h"

#define GREMC_HASH_ENTRIES 12u /* of a bucket */
#define GREMC_HASH_BULK    64u /* lookups of one gremc_hash_find_bulk() */

/* Writer: the table's writer. Readers: all. */
struct gremc_hash_bucket {
	gremc_atomic_u8
		tag[GREMC_HASH_ENTRIES]; /* 0: free entry; stored after the entry, with release order */
	gremc_atomic_u32 overflow;       /* entries in later buckets because this one was full */
	gremc_atomic_u32 entry[GREMC_HASH_ENTRIES]; /* line numbers */
} __rte_cache_aligned;

static_assert(sizeof(struct gremc_hash_bucket) == RTE_CACHE_LINE_SIZE, "a bucket is one cache line");
static_assert(offsetof(struct gremc_hash_bucket, tag) == 0, "the tags are compared as one vector");
static_assert(offsetof(struct gremc_hash_bucket, tag) + 16 <= sizeof(struct gremc_hash_bucket),
	      "the vector of 16 bytes is inside the bucket");

struct gremc_hash {
	struct gremc_hash_bucket *bucket; /* constant, like the fields below it */
	uint64_t seed[2];                 /* of gremc_hash_compute() */
	uint32_t mask;                    /* number of buckets, a power of two, minus one */
	uint32_t capacity;                /* maximum number of entries */
	uint32_t count;                   /* entries; writer only */
};

/* Allocate an empty table with random seeds.
 * Thread:  writer.
 * Input:   entries is the least capacity; socket is a NUMA node or SOCKET_ID_ANY.
 * Returns: 0 or -ENOMEM. */
__rte_warn_unused_result int gremc_hash_init(struct gremc_hash *hash, uint32_t entries, int socket);

/* Free the table.
 * Thread:  writer.
 * Input:   no reader uses the table; a zeroed, failed or freed table is allowed. */
void gremc_hash_fini(struct gremc_hash *hash);

/* Bytes of the table's buckets. */
uint64_t gremc_hash_bytes(const struct gremc_hash *hash);

/* Add a line.
 * Thread:  writer.
 * Input:   no line with this key is in the table.
 * Returns: 0, or -ENOSPC if the table is full. */
__rte_warn_unused_result int gremc_hash_add(struct gremc_hash *hash, uint64_t h, uint32_t number);

/* Replace line `old` by line `number`, which has the same key, by one store: a lookup finds one of the two.
 * Thread:  writer.
 * Input:   `old` is in the table. */
void gremc_hash_replace(struct gremc_hash *hash, uint64_t h, uint32_t old, uint32_t number);

/* Remove a line.
 * Thread:  writer.
 * Input:   `number` is in the table. */
void gremc_hash_remove(struct gremc_hash *hash, uint64_t h, uint32_t number);

/* Hash a key of 16 bytes: the two halves of a product are combined and mixed twice, because with some seeds
 * one step leaves neighbouring addresses in neighbouring buckets. The seeds are random, so a sender of chosen
 * addresses (a receiver that joins groups by IGMP) cannot construct collisions. */
static inline uint64_t gremc_hash_compute(const struct gremc_hash *hash, uint64_t a, uint64_t b)
{
	__extension__ typedef unsigned __int128 wide;
	const wide product = (wide)(a ^ hash->seed[0]) * (b ^ hash->seed[1]);
	uint64_t h = (uint64_t)product ^ (uint64_t)(product >> 64);

	h ^= h >> 32;
	return h * UINT64_C(0x9e3779b97f4a7c15);
}

/* The bucket in which entries with this hash belong. */
static inline const struct gremc_hash_bucket *gremc_hash_bucket_get(const struct gremc_hash *hash, uint64_t h)
{
	return &hash->bucket[(uint32_t)(h >> 24) & hash->mask];
}

/* A started lookup: its bucket is prefetched. */
struct gremc_hash_probe {
	const struct gremc_hash_bucket *bucket;
	uint64_t h;
};

/* Start a lookup: prefetch its bucket. */
static inline struct gremc_hash_probe gremc_hash_probe_start(const struct gremc_hash *hash, uint64_t h)
{
	const struct gremc_hash_bucket *bucket = gremc_hash_bucket_get(hash, h);

	rte_prefetch0(bucket);
	return (struct gremc_hash_probe){bucket, h};
}

/* The tag of a hash; never 0, which marks a free entry. */
static inline uint8_t gremc_hash_tag(uint64_t h)
{
	uint8_t tag = h >> 56;

	return tag ? tag : 1;
}

/* The entries with this tag, as a bit mask. The plain vector load may race with the writer's stores: a stale
 * tag yields a wrong candidate or misses a new one, and the comparison of keys rejects the wrong one. */
__attribute__((no_sanitize("thread"))) static inline uint32_t
gremc_hash_candidates(const struct gremc_hash_bucket *bucket, uint8_t tag)
{
	uint32_t found = 0;

#if defined(__SSE2__)
	typedef char tags __attribute__((vector_size(16), may_alias));
	const tags all = *(const tags *)bucket;

	found = (uint32_t)__builtin_ia32_pmovmskb128((tags)(all == (char)tag));
	found &= (1u << GREMC_HASH_ENTRIES) - 1;
#else
	for (uint32_t i = 0; i < GREMC_HASH_ENTRIES; i++)
		found |= (uint32_t)(gremc_u8_load(&bucket->tag[i]) == tag) << i;
#endif
	/* pairs with the release store of the tag: the entry is loaded after the tag */
	gremc_fence_acquire();
	return found;
}

/* The line number of an entry, with acquire order: the line is complete. */
static inline uint32_t gremc_hash_entry_load(const struct gremc_hash_bucket *bucket, uint32_t i)
{
	return gremc_u32_load_acquire(&bucket->entry[i]);
}

/* Returns whether the line has this key. */
typedef bool (*gremc_hash_key_equals)(const void *line, const void *key);

/* The line with this number. */
static inline const void *gremc_hash_line_at(const void *lines, uint32_t number)
{
	return (const uint8_t *)lines + (uint64_t)number * RTE_CACHE_LINE_SIZE;
}

/* The number of a line. */
static inline uint32_t gremc_hash_line_number(const void *lines, const void *line)
{
	return (uint32_t)(((uintptr_t)line - (uintptr_t)lines) / RTE_CACHE_LINE_SIZE);
}

/* Search from a bucket on.
 * Thread:  writer or online reader.
 * Input:   `found` is the mask of candidates in `bucket`; h is the hash of the key.
 * Returns: the line with this key, or NULL. */
static __rte_always_inline const void *gremc_hash_search(const struct gremc_hash *hash,
							 const struct gremc_hash_bucket *bucket,
							 uint32_t found, uint64_t h, const void *lines,
							 gremc_hash_key_equals same, const void *key)
{
	const void *line;

	/* at most one round, even if concurrent changes keep `overflow` above 0 */
	for (uint32_t looked = 0; looked <= hash->mask; looked++) {
		for (; found; found &= found - 1) {
			line = gremc_hash_line_at(
				lines, gremc_hash_entry_load(bucket, (uint32_t)__builtin_ctz(found)));
			GREMC_TSAN_ACQUIRE(line);
			if (likely(same(line, key)))
				return line;
		}
		if (likely(gremc_u32_load_acquire(&bucket->overflow) == 0))
			break;
		bucket = bucket == &hash->bucket[hash->mask] ? hash->bucket : bucket + 1;
		found = gremc_hash_candidates(bucket, gremc_hash_tag(h));
	}
	return NULL;
}

/* Look up one key.
 * Thread:  writer or online reader.
 * Returns: the line with this key, or NULL. */
static __rte_always_inline const void *gremc_hash_find(const struct gremc_hash *hash, uint64_t h,
						       const void *lines, gremc_hash_key_equals same,
						       const void *key)
{
	const struct gremc_hash_bucket *bucket = gremc_hash_bucket_get(hash, h);

	return gremc_hash_search(hash, bucket, gremc_hash_candidates(bucket, gremc_hash_tag(h)), h, lines,
				 same, key);
}

/* Look up n keys together; the lines are in the cache afterwards.
 * Thread:  online reader.
 * Input:   n <= GREMC_HASH_BULK; `keys` is an array of keys of `key_size` bytes.
 * Output:  found[i] is the line with key i, or NULL. */
static __rte_always_inline void gremc_hash_find_bulk(const struct gremc_hash *hash,
						     const struct gremc_hash_probe *probe, uint32_t n,
						     const void *lines, gremc_hash_key_equals same,
						     const void *keys, size_t key_size, const void **found)
{
	/* Nearly every lookup has one candidate. */
	for (uint32_t i = 0; i < n; i++) {
		const struct gremc_hash_bucket *bucket = probe[i].bucket;
		uint32_t candidates = gremc_hash_candidates(bucket, gremc_hash_tag(probe[i].h));

		found[i] = NULL;
		if (unlikely(candidates == 0))
			continue;
		found[i] = gremc_hash_line_at(
			lines, gremc_hash_entry_load(bucket, (uint32_t)__builtin_ctz(candidates)));
		rte_prefetch0(found[i]);
	}
	for (uint32_t i = 0; i < n; i++) {
		const void *key = (const uint8_t *)keys + i * key_size;

		if (likely(found[i] != NULL)) {
			GREMC_TSAN_ACQUIRE(found[i]);
			if (likely(same(found[i], key)))
				continue;
		}
		found[i] = gremc_hash_find(hash, probe[i].h, lines, same, key);
	}
}

#endif
