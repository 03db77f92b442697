/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>

#include <rte_memory.h>

#include "base/base.h"
#include "base/memory.h"
#include "peer/timers_priv.h"

int gremc_peer_timers_init(struct gremc_peer_timers *timers, uint32_t vifs)
{
	*timers = (struct gremc_peer_timers){
		.due = gremc_memory_reserve(vifs * sizeof(*timers->due), SOCKET_ID_ANY),
		.position = gremc_memory_reserve(vifs * sizeof(*timers->position), SOCKET_ID_ANY),
		.heap = gremc_memory_reserve((vifs + 1) * sizeof(*timers->heap), SOCKET_ID_ANY),
	};
	return timers->due && timers->position && timers->heap ? 0 : -ENOMEM;
}

void gremc_peer_timers_fini(struct gremc_peer_timers *timers, uint32_t vifs)
{
	if (timers->due)
		gremc_memory_release(timers->due, vifs * sizeof(*timers->due));
	if (timers->position)
		gremc_memory_release(timers->position, vifs * sizeof(*timers->position));
	if (timers->heap)
		gremc_memory_release(timers->heap, (vifs + 1) * sizeof(*timers->heap));
}

static void heap_entry_set(struct gremc_peer_timers *timers, uint32_t position, uint32_t vif)
{
	timers->heap[position] = vif;
	timers->position[vif] = position;
}

/* Move the vif from the free place `position` towards the top while it is due before its parent. */
static uint32_t heap_place_up(struct gremc_peer_timers *timers, uint32_t position, uint64_t due)
{
	while (position > 1 && due < timers->due[timers->heap[position / 2]]) {
		heap_entry_set(timers, position, timers->heap[position / 2]);
		position /= 2;
	}
	return position;
}

/* Likewise away from the top while a child is due before it. */
static uint32_t heap_place_down(struct gremc_peer_timers *timers, uint32_t position, uint64_t due)
{
	for (uint32_t child = 2 * position; child <= timers->count; child = 2 * position) {
		if (child < timers->count &&
		    timers->due[timers->heap[child + 1]] < timers->due[timers->heap[child]])
			child++;
		if (due <= timers->due[timers->heap[child]])
			break;
		heap_entry_set(timers, position, timers->heap[child]);
		position = child;
	}
	return position;
}

static void heap_place(struct gremc_peer_timers *timers, uint32_t position, uint32_t vif)
{
	const uint64_t due = timers->due[vif];

	position = heap_place_up(timers, position, due);
	heap_entry_set(timers, heap_place_down(timers, position, due), vif);
}

static void heap_remove(struct gremc_peer_timers *timers, uint32_t vif)
{
	const uint32_t position = timers->position[vif];
	const uint32_t last = timers->heap[timers->count--];

	timers->position[vif] = 0;
	if (last != vif)
		heap_place(timers, position, last);
}

void gremc_peer_timer_start(struct gremc_peer_timers *timers, uint32_t vif, uint64_t due)
{
	if (timers->position[vif])
		heap_remove(timers, vif);
	if (due == GREMC_PEER_NEVER)
		return;
	timers->due[vif] = due;
	heap_place(timers, ++timers->count, vif);
}

uint64_t gremc_peer_timers_next(const struct gremc_peer_timers *timers)
{
	return timers->count ? timers->due[timers->heap[1]] : GREMC_PEER_NEVER;
}

uint32_t gremc_peer_timers_pop(struct gremc_peer_timers *timers, uint64_t now)
{
	uint32_t vif;

	if (gremc_peer_timers_next(timers) > now)
		return UINT32_MAX;
	vif = timers->heap[1];
	heap_remove(timers, vif);
	return vif;
}
