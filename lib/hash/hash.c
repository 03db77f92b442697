/* SPDX-License-Identifier: BSD-3-Clause */
/* The writer. */
#include <errno.h>

#include <rte_random.h>

#include "base/assert.h"
#include "base/base.h"
#include "hash/hash.h"

#define SMALLEST 16u /* buckets */
/* Capacity of a bucket: at this load one in seventy entries is stored outside its bucket. */
#define FILL 8u

static_assert(FILL < GREMC_HASH_ENTRIES,
	      "a table at its capacity has free entries, so a search for one ends");

int gremc_hash_init(struct gremc_hash *hash, uint32_t entries, int socket)
{
	uint32_t buckets = rte_align32pow2(RTE_MAX(SMALLEST, (entries + FILL - 1) / FILL));

	gremc_assert_control_thread();
	gremc_assert(entries <= UINT32_MAX / 2);
	*hash = (struct gremc_hash){
		.bucket = gremc_memory_reserve((size_t)buckets * sizeof(*hash->bucket), socket),
		/* rte_rand() returns 0 before rte_eal_init() (DPDK 24.11); a zero seed would not mix */
		.seed = {rte_rand() ^ UINT64_C(0xbf58476d1ce4e5b9),
			 rte_rand() ^ UINT64_C(0x94d049bb133111eb)},
		.mask = buckets - 1,
		.capacity = buckets * FILL,
	};
	return hash->bucket ? 0 : -ENOMEM;
}

void gremc_hash_fini(struct gremc_hash *hash)
{
	gremc_assert_control_thread();
	gremc_memory_release(hash->bucket, gremc_hash_bytes(hash));
	hash->bucket = NULL;
}

uint64_t gremc_hash_bytes(const struct gremc_hash *hash)
{
	return ((uint64_t)hash->mask + 1) * sizeof(*hash->bucket);
}

static struct gremc_hash_bucket *bucket_first(const struct gremc_hash *hash, uint64_t h)
{
	return (struct gremc_hash_bucket *)(uintptr_t)gremc_hash_bucket_get(hash, h);
}

static struct gremc_hash_bucket *bucket_next(const struct gremc_hash *hash, struct gremc_hash_bucket *bucket)
{
	return bucket == &hash->bucket[hash->mask] ? hash->bucket : bucket + 1;
}

/* Returns: the first free entry, or GREMC_HASH_ENTRIES. */
static uint32_t bucket_free_entry_find(const struct gremc_hash_bucket *bucket)
{
	uint32_t i = 0;

	while (i < GREMC_HASH_ENTRIES && gremc_u8_load(&bucket->tag[i]) != 0)
		i++;
	return i;
}

/* Returns: the entry of this line, or GREMC_HASH_ENTRIES. */
static uint32_t bucket_entry_find(const struct gremc_hash_bucket *bucket, uint32_t number)
{
	uint32_t i = 0;

	while (i < GREMC_HASH_ENTRIES &&
	       !(gremc_u8_load(&bucket->tag[i]) != 0 && gremc_u32_load(&bucket->entry[i]) == number))
		i++;
	return i;
}

static void bucket_overflow_add(struct gremc_hash_bucket *bucket, int by)
{
	gremc_u32_store_release(&bucket->overflow, gremc_u32_load(&bucket->overflow) + (uint32_t)by);
}

int gremc_hash_add(struct gremc_hash *hash, uint64_t h, uint32_t number)
{
	struct gremc_hash_bucket *bucket = bucket_first(hash, h);
	uint32_t i;

	gremc_assert_control_thread();
	if (hash->count == hash->capacity)
		return -ENOSPC;
	/* the overflow of all full buckets is stored before the entry becomes visible */
	for (; (i = bucket_free_entry_find(bucket)) == GREMC_HASH_ENTRIES; bucket = bucket_next(hash, bucket))
		bucket_overflow_add(bucket, 1);
	gremc_u32_store_release(&bucket->entry[i], number);
	/* release: a reader that loads this tag loads the entry */
	gremc_u8_store_release(&bucket->tag[i], gremc_hash_tag(h));
	hash->count++;
	return 0;
}

void gremc_hash_replace(struct gremc_hash *hash, uint64_t h, uint32_t old, uint32_t number)
{
	struct gremc_hash_bucket *bucket = bucket_first(hash, h);
	uint32_t i;

	gremc_assert_control_thread();
	while ((i = bucket_entry_find(bucket, old)) == GREMC_HASH_ENTRIES)
		bucket = bucket_next(hash, bucket);
	gremc_u32_store_release(&bucket->entry[i], number);
}

void gremc_hash_remove(struct gremc_hash *hash, uint64_t h, uint32_t number)
{
	struct gremc_hash_bucket *bucket = bucket_first(hash, h), *at = bucket;
	uint32_t i;

	gremc_assert_control_thread();
	gremc_assert(hash->count > 0);
	while ((i = bucket_entry_find(at, number)) == GREMC_HASH_ENTRIES)
		at = bucket_next(hash, at);
	gremc_u8_store_release(&at->tag[i], 0);
	for (; bucket != at; bucket = bucket_next(hash, bucket))
		bucket_overflow_add(bucket, -1);
	hash->count--;
}
