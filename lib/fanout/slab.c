/* SPDX-License-Identifier: BSD-3-Clause */
/* Memory of mroutes: one range of address space, so that a line of it has a number of 32 bits, which is what
 * the hash holds. Huge pages where the kernel has them, whether DPDK has or not. rte_malloc would cost a
 * 128-byte header for each object of 64 bytes and a search of its free lists for each change.
 *
 * Each node has such a range. Objects are made, and all that this file keeps of them lies, in the first. */
#include <assert.h>
#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "fanout/fanout_priv.h"

#if defined(__SANITIZE_ADDRESS__)
#	define POISONS 1
#elif defined(__has_feature)
#	if __has_feature(address_sanitizer)
#		define POISONS 1
#	endif
#endif
#ifdef POISONS
#	include <sanitizer/asan_interface.h>
#	define POISON(memory, size)   ASAN_POISON_MEMORY_REGION(memory, size)
#	define UNPOISON(memory, size) ASAN_UNPOISON_MEMORY_REGION(memory, size)
#else
#	define POISON(memory, size)   RTE_SET_USED(memory), RTE_SET_USED(size)
#	define UNPOISON(memory, size) RTE_SET_USED(memory), RTE_SET_USED(size)
#endif

/* A chunk holds objects of one class. It starts at a multiple of its size within the range, so an object's
 * address leads to its chunk. */
#define CHUNK_SIZE 0x100000u
/* More address space than anybody has memory for; less where a limit of the process forbids that. */
#define RANGE_LARGEST  (UINT64_C(64) << 30)
#define RANGE_SMALLEST (UINT64_C(1) << 28)
static_assert(RANGE_LARGEST / GREMC_SLAB_STEP <= UINT32_MAX, "a line has a number of 32 bits");

struct gremc_slab_chunk {
	struct gremc_slab_chunk *next, *previous; /* in the list of those with room */
	void *free;                               /* freed objects; each begins with the next one's address */
	uint32_t untouched;                       /* objects at the end that were never given out */
	uint32_t used;
	uint32_t size_class;
};
static_assert(sizeof(struct gremc_slab_chunk) <= GREMC_SLAB_STEP, "objects start at the second cache line");

/* Sizes up to 16 lines each have a class; above, four classes each doubling. */
static uint32_t class_of(size_t size)
{
	uint32_t last = (uint32_t)((size - 1) / GREMC_SLAB_STEP), shift;

	if (last < 16)
		return last;
	shift = 29 - (uint32_t)__builtin_clz(last);
	return 16 + (shift - 2) * 4 + (last >> shift) - 4;
}

static uint32_t class_size(uint32_t size_class)
{
	uint32_t above = size_class - 16;

	if (size_class < 16)
		return (size_class + 1) * GREMC_SLAB_STEP;
	return (above % 4 + 5) << (above / 4 + 2) << 6;
}
static_assert(GREMC_SLAB_STEP == 1 << 6, "class_size() counts in lines");

static uint32_t chunk_objects(uint32_t size_class)
{
	return (CHUNK_SIZE - GREMC_SLAB_STEP) / class_size(size_class);
}

static bool has_room(const struct gremc_slab_chunk *chunk)
{
	return chunk->free || chunk->untouched > 0;
}

static void account(struct gremc_slab *slab, int64_t bytes)
{
	gremc_counter_add(&slab->bytes, (uint64_t)bytes);
}

/* On all nodes. */
static void poison(const struct gremc_slab *slab, const void *memory, size_t size)
{
	for (uint32_t node = 0; node < slab->node_count; node++)
		POISON(gremc_slab_at(slab, node, memory), size);
}

static void unpoison(const struct gremc_slab *slab, const void *memory, size_t size)
{
	for (uint32_t node = 0; node < slab->node_count; node++)
		UNPOISON(gremc_slab_at(slab, node, memory), size);
}

static void release_ranges(struct gremc_slab *slab)
{
	for (uint32_t node = 0; node < slab->node_count; node++) {
		gremc_memory_release(slab->lines[node], slab->size);
		slab->lines[node] = NULL;
	}
	slab->node_count = 0;
}

/* Of slab->size on each node. */
static bool reserve_ranges(struct gremc_slab *slab, const struct gremc_nodes *nodes)
{
	while (slab->node_count < nodes->count) {
		void *lines = gremc_memory_reserve(slab->size, nodes->socket[slab->node_count]);

		if (lines == NULL) {
			release_ranges(slab);
			return false;
		}
		slab->lines[slab->node_count++] = lines;
	}
	return true;
}

int gremc_slab_init(struct gremc_slab *slab, const struct gremc_nodes *nodes)
{
	*slab = (struct gremc_slab){.size = RANGE_LARGEST};
	while (!reserve_ranges(slab, nodes)) {
		slab->size /= 2;
		if (slab->size < RANGE_SMALLEST)
			return -ENOMEM;
	}
	slab->spare = gremc_memory_reserve(slab->size / CHUNK_SIZE * sizeof(*slab->spare), nodes->socket[0]);
	if (slab->spare)
		return 0;
	release_ranges(slab);
	return -ENOMEM;
}

void gremc_slab_fini(struct gremc_slab *slab)
{
	unpoison(slab, slab->lines[0], (size_t)slab->chunks * CHUNK_SIZE);
	gremc_memory_release(slab->spare, slab->size / CHUNK_SIZE * sizeof(*slab->spare));
	release_ranges(slab);
	slab->spare = NULL;
}

static void list_add(struct gremc_slab *slab, struct gremc_slab_chunk *chunk)
{
	struct gremc_slab_chunk *first = slab->room[chunk->size_class];

	chunk->next = first;
	chunk->previous = NULL;
	if (first)
		first->previous = chunk;
	slab->room[chunk->size_class] = chunk;
}

static void list_remove(struct gremc_slab *slab, struct gremc_slab_chunk *chunk)
{
	if (chunk->previous)
		chunk->previous->next = chunk->next;
	else
		slab->room[chunk->size_class] = chunk->next;
	if (chunk->next)
		chunk->next->previous = chunk->previous;
}

static struct gremc_slab_chunk *chunk_create(struct gremc_slab *slab, uint32_t size_class)
{
	struct gremc_slab_chunk *chunk;
	uint32_t number;

	if (slab->spare_count > 0)
		number = slab->spare[--slab->spare_count];
	else if (slab->chunks < slab->size / CHUNK_SIZE)
		number = slab->chunks++;
	else
		return NULL;
	chunk = RTE_PTR_ADD(slab->lines[0], (size_t)number * CHUNK_SIZE);
	*chunk = (struct gremc_slab_chunk){.size_class = size_class, .untouched = chunk_objects(size_class)};
	poison(slab, RTE_PTR_ADD(chunk, GREMC_SLAB_STEP), CHUNK_SIZE - GREMC_SLAB_STEP);
	list_add(slab, chunk);
	return chunk;
}

static void chunk_destroy(struct gremc_slab *slab, struct gremc_slab_chunk *chunk)
{
	list_remove(slab, chunk);
	unpoison(slab, chunk, CHUNK_SIZE);
	for (uint32_t node = 0; node < slab->node_count; node++)
		madvise(gremc_slab_at(slab, node, chunk), CHUNK_SIZE, MADV_DONTNEED);
	slab->spare[slab->spare_count++] = (uint32_t)(RTE_PTR_DIFF(chunk, slab->lines[0]) / CHUNK_SIZE);
}

static void *chunk_take(const struct gremc_slab *slab, struct gremc_slab_chunk *chunk, size_t size)
{
	uint32_t step = class_size(chunk->size_class);
	void *object = chunk->free;

	chunk->used++;
	if (object) {
		unpoison(slab, object, size);
		memcpy(&chunk->free, object, sizeof(chunk->free));
		return object;
	}
	object = RTE_PTR_ADD(chunk, GREMC_SLAB_STEP + (size_t)step * (chunk_objects(chunk->size_class) -
								      chunk->untouched));
	chunk->untouched--;
	unpoison(slab, object, size);
	return object;
}

void *gremc_slab_alloc(struct gremc_slab *slab, size_t size)
{
	uint32_t size_class = class_of(size);
	struct gremc_slab_chunk *chunk = slab->room[size_class];
	void *memory;

	if (chunk == NULL)
		chunk = chunk_create(slab, size_class);
	if (chunk == NULL)
		return NULL;
	memory = chunk_take(slab, chunk, size);
	account(slab, class_size(size_class));
	if (!has_room(chunk))
		list_remove(slab, chunk);
	return memory;
}

void gremc_slab_copy(struct gremc_slab *slab, const void *object, size_t size)
{
	for (uint32_t node = 1; node < slab->node_count; node++)
		memcpy(gremc_slab_at(slab, node, object), object, size);
}

void gremc_slab_free(struct gremc_slab *slab, void *memory, size_t size)
{
	size_t offset = RTE_PTR_DIFF(memory, slab->lines[0]);
	struct gremc_slab_chunk *chunk = RTE_PTR_ADD(slab->lines[0], RTE_ALIGN_FLOOR(offset, CHUNK_SIZE));

	/* Zero is a route without an oil: a reader that came too late would forward nothing. And the tests
	 * recognize it. */
	for (uint32_t node = 0; node < slab->node_count; node++)
		memset(gremc_slab_at(slab, node, memory), 0, size);
	if (!has_room(chunk))
		list_add(slab, chunk);
	memcpy(memory, &chunk->free, sizeof(chunk->free));
	chunk->free = memory;
	poison(slab, memory, class_size(chunk->size_class));
	account(slab, -(int64_t)class_size(chunk->size_class));
	/* The last with room of its class stays, so that a route that comes and goes does not take and give
	 * back a chunk each time. */
	if (--chunk->used == 0 && (chunk->next || chunk->previous))
		chunk_destroy(slab, chunk);
}
