/* SPDX-License-Identifier: BSD-3-Clause */
/* hash: the fast path's lock-free hash table. It maps a 64-bit hash to the number of a 64-byte line in an
 * array of the caller's; the line holds the key, so a lookup that hits touches two lines: a bucket, and the
 * line that it was for.
 *
 * Why not rte_hash: that one keeps a copy of each key in a third place, takes six times the instructions a
 * lookup, and three times the memory. This one does less: one writer, a fixed number of buckets (a table that
 * grows makes another), keys that are the caller's.
 *
 * A bucket is a cache line of twelve entries, each with a tag of 8 bits of its hash. An entry that finds its
 * bucket full stands in one of those that follow, and each bucket that it passed counts it, so a reader knows
 * when to look further. Nothing is ever moved: an entry that is in the table during all of a lookup is found.
 *
 * One writer, any number of lock-free readers. A reader may hold a number that is removed meanwhile: the
 * writer lets the line live for a grace period (rcu). */
#ifndef GREMC_HASH_HASH_H
#define GREMC_HASH_HASH_H

#include <stdbool.h>
#include <stdint.h>

#include <rte_branch_prediction.h>
#include <rte_common.h>
#include <rte_prefetch.h>

#include "base/annotate.h"

#define GREMC_HASH_ENTRIES 12u /* of a bucket */
#define GREMC_HASH_BULK    64u /* lookups a call */

struct gremc_hash_bucket {
	uint8_t tag[GREMC_HASH_ENTRIES]; /* 0: the entry is free */
	uint32_t overflow;               /* entries that stand further on, for this bucket was full */
	uint32_t entry[GREMC_HASH_ENTRIES];
} __rte_cache_aligned;

struct gremc_hash {
	struct gremc_hash_bucket *bucket;
	uint64_t seed[2];  /* of gremc_hash_compute() */
	uint32_t mask;     /* buckets, a power of two, less one */
	uint32_t capacity; /* entries that it takes */
	/* the writer's */
	uint32_t count;
};

/* Writer. Room for at least `entries`, on NUMA node `socket`; a random seed. 0, or -ENOMEM. */
int gremc_hash_init(struct gremc_hash *hash, uint32_t entries, int socket);
/* No reader is left. Zeroed or failed: nothing happens. */
void gremc_hash_fini(struct gremc_hash *hash);
/* Bytes of a table with room for `entries`. */
uint64_t gremc_hash_bytes(const struct gremc_hash *hash);

/* Writer: add a number whose key is not in the table. 0, or -ENOSPC: it is full. */
int gremc_hash_add(struct gremc_hash *hash, uint64_t h, uint32_t number);
/* Writer: let `number` take the place of `old`, whose line has the same key. By one store. */
void gremc_hash_replace(struct gremc_hash *hash, uint64_t h, uint32_t old, uint32_t number);
/* Writer: take out a number that is in the table. */
void gremc_hash_remove(struct gremc_hash *hash, uint64_t h, uint32_t number);

/* The hash of a key of 16 bytes: both halves of a product, mixed, and mixed once more, for with some seeds
 * neighbouring addresses stay neighbours in the first. Seeds of each table's own: whoever chooses addresses
 * (a receiver its groups, by IGMP) cannot choose such that fall together. */
static inline uint64_t gremc_hash_compute(const struct gremc_hash *hash, uint64_t a, uint64_t b)
{
	__extension__ typedef unsigned __int128 wide;
	const wide product = (wide)(a ^ hash->seed[0]) * (b ^ hash->seed[1]);
	uint64_t h = (uint64_t)product ^ (uint64_t)(product >> 64);

	h ^= h >> 32;
	return h * UINT64_C(0x9e3779b97f4a7c15);
}

static inline const struct gremc_hash_bucket *gremc_hash_bucket_get(const struct gremc_hash *hash, uint64_t h)
{
	return &hash->bucket[(uint32_t)(h >> 24) & hash->mask];
}

/* A lookup that has begun: its bucket is on its way into the cache. */
struct gremc_hash_probe {
	const struct gremc_hash_bucket *bucket;
	uint64_t h;
};

static inline struct gremc_hash_probe gremc_hash_probe_start(const struct gremc_hash *hash, uint64_t h)
{
	const struct gremc_hash_bucket *bucket = gremc_hash_bucket_get(hash, h);

	rte_prefetch0(bucket);
	return (struct gremc_hash_probe){bucket, h};
}

static inline uint8_t gremc_hash_tag(uint64_t h)
{
	uint8_t tag = h >> 56;

	return tag ? tag : 1;
}

/* The entries whose tag this is, as bits; candidates. The writer may be storing meanwhile: what a stale tag
 * leads to is told by the key. */
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
		found |= (uint32_t)(__atomic_load_n(&bucket->tag[i], __ATOMIC_RELAXED) == tag) << i;
#endif
	/* the tag was stored after the entry, and is loaded before it */
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	return found;
}

static inline uint32_t gremc_hash_entry_load(const struct gremc_hash_bucket *bucket, uint32_t i)
{
	return __atomic_load_n(&bucket->entry[i], __ATOMIC_ACQUIRE);
}

/* Does the line have this key? */
typedef bool (*gremc_hash_key_equals)(const void *line, const void *key);

static inline const void *gremc_hash_line_at(const void *lines, uint32_t number)
{
	return (const uint8_t *)lines + (uint64_t)number * RTE_CACHE_LINE_SIZE;
}

static inline uint32_t gremc_hash_line_number(const void *lines, const void *line)
{
	return (uint32_t)(((uintptr_t)line - (uintptr_t)lines) / RTE_CACHE_LINE_SIZE);
}

/* Reader or writer: the line with this key of those whose tag matches, beginning with the candidates
 * `found` of `bucket`; NULL. */
static __rte_always_inline const void *gremc_hash_search(const struct gremc_hash *hash,
							 const struct gremc_hash_bucket *bucket,
							 uint32_t found, uint64_t h, const void *lines,
							 gremc_hash_key_equals same, const void *key)
{
	const void *line;

	/* no further than once around, whatever the buckets say of what has passed them */
	for (uint32_t looked = 0; looked <= hash->mask; looked++) {
		for (; found; found &= found - 1) {
			line = gremc_hash_line_at(
				lines, gremc_hash_entry_load(bucket, (uint32_t)__builtin_ctz(found)));
			GREMC_TSAN_ACQUIRE(line);
			if (likely(same(line, key)))
				return line;
		}
		if (likely(__atomic_load_n(&bucket->overflow, __ATOMIC_ACQUIRE) == 0))
			break;
		bucket = bucket == &hash->bucket[hash->mask] ? hash->bucket : bucket + 1;
		found = gremc_hash_candidates(bucket, gremc_hash_tag(h));
	}
	return NULL;
}

/* Reader or writer: the line with this key, or NULL. */
static __rte_always_inline const void *gremc_hash_find(const struct gremc_hash *hash, uint64_t h,
						       const void *lines, gremc_hash_key_equals same,
						       const void *key)
{
	const struct gremc_hash_bucket *bucket = gremc_hash_bucket_get(hash, h);

	return gremc_hash_search(hash, bucket, gremc_hash_candidates(bucket, gremc_hash_tag(h)), h, lines,
				 same, key);
}

/* Reader: the lines with n <= GREMC_HASH_BULK keys, or NULL, fetched together and in the cache at the end.
 * `keys` is an array of keys of `key_size` bytes. */
static __rte_always_inline void gremc_hash_find_bulk(const struct gremc_hash *hash,
						     const struct gremc_hash_probe *probe, uint32_t n,
						     const void *lines, gremc_hash_key_equals same,
						     const void *keys, size_t key_size, const void **found)
{
	/* The first candidate is nearly always the only one. */
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
