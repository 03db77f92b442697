/* SPDX-License-Identifier: BSD-3-Clause */
/* Memory of mroutes: one range of address space, so that the number of a line has 32 bits, which the hash
 * holds. The memory is on huge pages where the kernel has them. rte_malloc() would need a header of 128 bytes
 * for each object of 64 bytes, and a search of its free lists for each change.
 *
 * Each node has such a range. The first one has the chunks' records, and new objects. */
#include <assert.h>
#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "base/annotate.h"
#include "fanout/fanout_priv.h"

#ifdef GREMC_ASAN
#	include <sanitizer/asan_interface.h>
#	define POISON(memory, size)   ASAN_POISON_MEMORY_REGION(memory, size)
#	define UNPOISON(memory, size) ASAN_UNPOISON_MEMORY_REGION(memory, size)
#else
#	define POISON(memory, size)   RTE_SET_USED(memory), RTE_SET_USED(size)
#	define UNPOISON(memory, size) RTE_SET_USED(memory), RTE_SET_USED(size)
#endif

/* A chunk holds objects of one class. Its offset in the range is a multiple of its size, so the address of an
 * object yields its chunk. */
#define CHUNK_SIZE 0x100000u
/* The first size that the process can reserve, from the largest one down. */
#define RANGE_LARGEST  (UINT64_C(64) << 30)
#define RANGE_SMALLEST (UINT64_C(1) << 28)
static_assert(RANGE_LARGEST / GREMC_SLAB_STEP <= UINT32_MAX, "a line has a number of 32 bits");

struct gremc_slab_chunk {
	struct gremc_slab_chunk *next, *previous; /* in the list of chunks with a free object */
	void *free;         /* freed objects; each begins with the address of the next one */
	uint32_t untouched; /* objects at the end that were never allocated */
	uint32_t used;
	uint32_t size_class;
};
static_assert(sizeof(struct gremc_slab_chunk) <= GREMC_SLAB_STEP, "objects start at the second cache line");

/* Each size up to 16 lines has a class; above, each doubling has four classes. */
static uint32_t size_class_of(size_t size)
{
	uint32_t last = (uint32_t)((size - 1) / GREMC_SLAB_STEP), shift;

	if (last < 16)
		return last;
	shift = 29 - (uint32_t)__builtin_clz(last);
	return 16 + (shift - 2) * 4 + (last >> shift) - 4;
}

static uint32_t size_class_bytes(uint32_t size_class)
{
	uint32_t above = size_class - 16;

	if (size_class < 16)
		return (size_class + 1) * GREMC_SLAB_STEP;
	return (above % 4 + 5) << (above / 4 + 2) << 6;
}
static_assert(GREMC_SLAB_STEP == 1 << 6, "size_class_bytes() counts in lines");

static uint32_t chunk_objects(uint32_t size_class)
{
	return (CHUNK_SIZE - GREMC_SLAB_STEP) / size_class_bytes(size_class);
}

static bool chunk_has_free(const struct gremc_slab_chunk *chunk)
{
	return chunk->free || chunk->untouched > 0;
}

static void slab_bytes_count(struct gremc_slab *slab, int64_t bytes)
{
	gremc_counter_add(&slab->bytes, (uint64_t)bytes);
}

/* Forbid accesses on all nodes, for AddressSanitizer. */
static void objects_poison(const struct gremc_slab *slab, const void *memory, size_t size)
{
	for (uint32_t node = 0; node < slab->node_count; node++)
		POISON(gremc_slab_at(slab, node, memory), size);
}

static void objects_unpoison(const struct gremc_slab *slab, const void *memory, size_t size)
{
	for (uint32_t node = 0; node < slab->node_count; node++)
		UNPOISON(gremc_slab_at(slab, node, memory), size);
}

static void ranges_release(struct gremc_slab *slab)
{
	for (uint32_t node = 0; node < slab->node_count; node++) {
		gremc_memory_release(slab->lines[node], slab->size);
		slab->lines[node] = NULL;
	}
	slab->node_count = 0;
}

/* Reserve slab->size bytes on each node. */
static bool ranges_reserve(struct gremc_slab *slab, const struct gremc_nodes *nodes)
{
	while (slab->node_count < nodes->count) {
		void *lines = gremc_memory_reserve(slab->size, nodes->socket[slab->node_count]);

		if (lines == NULL) {
			ranges_release(slab);
			return false;
		}
		slab->lines[slab->node_count++] = lines;
	}
	return true;
}

int gremc_slab_init(struct gremc_slab *slab, const struct gremc_nodes *nodes)
{
	*slab = (struct gremc_slab){.size = RANGE_LARGEST};
	while (!ranges_reserve(slab, nodes)) {
		slab->size /= 2;
		if (slab->size < RANGE_SMALLEST)
			return -ENOMEM;
	}
	slab->spare = gremc_memory_reserve(slab->size / CHUNK_SIZE * sizeof(*slab->spare), nodes->socket[0]);
	if (slab->spare)
		return 0;
	ranges_release(slab);
	return -ENOMEM;
}

void gremc_slab_fini(struct gremc_slab *slab)
{
	objects_unpoison(slab, slab->lines[0], (size_t)slab->chunks * CHUNK_SIZE);
	gremc_memory_release(slab->spare, slab->size / CHUNK_SIZE * sizeof(*slab->spare));
	ranges_release(slab);
	slab->spare = NULL;
}

static void chunk_list_add(struct gremc_slab *slab, struct gremc_slab_chunk *chunk)
{
	struct gremc_slab_chunk *first = slab->available[chunk->size_class];

	chunk->next = first;
	chunk->previous = NULL;
	if (first)
		first->previous = chunk;
	slab->available[chunk->size_class] = chunk;
}

static void chunk_list_remove(struct gremc_slab *slab, struct gremc_slab_chunk *chunk)
{
	if (chunk->previous)
		chunk->previous->next = chunk->next;
	else
		slab->available[chunk->size_class] = chunk->next;
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
	objects_poison(slab, RTE_PTR_ADD(chunk, GREMC_SLAB_STEP), CHUNK_SIZE - GREMC_SLAB_STEP);
	chunk_list_add(slab, chunk);
	return chunk;
}

static void chunk_destroy(struct gremc_slab *slab, struct gremc_slab_chunk *chunk)
{
	chunk_list_remove(slab, chunk);
	objects_unpoison(slab, chunk, CHUNK_SIZE);
	for (uint32_t node = 0; node < slab->node_count; node++)
		madvise(gremc_slab_at(slab, node, chunk), CHUNK_SIZE, MADV_DONTNEED);
	slab->spare[slab->spare_count++] = (uint32_t)(RTE_PTR_DIFF(chunk, slab->lines[0]) / CHUNK_SIZE);
}

static void *chunk_object_alloc(const struct gremc_slab *slab, struct gremc_slab_chunk *chunk, size_t size)
{
	uint32_t step = size_class_bytes(chunk->size_class);
	void *object = chunk->free;

	chunk->used++;
	if (object) {
		objects_unpoison(slab, object, size);
		memcpy(&chunk->free, object, sizeof(chunk->free));
		return object;
	}
	object = RTE_PTR_ADD(chunk, GREMC_SLAB_STEP + (size_t)step * (chunk_objects(chunk->size_class) -
								      chunk->untouched));
	chunk->untouched--;
	objects_unpoison(slab, object, size);
	return object;
}

void *gremc_slab_alloc(struct gremc_slab *slab, size_t size)
{
	uint32_t size_class = size_class_of(size);
	struct gremc_slab_chunk *chunk = slab->available[size_class];
	void *memory;

	if (chunk == NULL)
		chunk = chunk_create(slab, size_class);
	if (chunk == NULL)
		return NULL;
	memory = chunk_object_alloc(slab, chunk, size);
	slab_bytes_count(slab, size_class_bytes(size_class));
	if (!chunk_has_free(chunk))
		chunk_list_remove(slab, chunk);
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

	/* A zeroed mroute has an empty oil, so a late reader would forward nothing. The tests recognise it.
	 */
	for (uint32_t node = 0; node < slab->node_count; node++)
		memset(gremc_slab_at(slab, node, memory), 0, size);
	if (!chunk_has_free(chunk))
		chunk_list_add(slab, chunk);
	memcpy(memory, &chunk->free, sizeof(chunk->free));
	chunk->free = memory;
	objects_poison(slab, memory, size_class_bytes(chunk->size_class));
	slab_bytes_count(slab, -(int64_t)size_class_bytes(chunk->size_class));
	/* The last chunk of its class that has a free object stays, so that a route that comes and goes does
	 * not create and free a chunk each time. */
	if (--chunk->used == 0 && (chunk->next || chunk->previous))
		chunk_destroy(slab, chunk);
}
