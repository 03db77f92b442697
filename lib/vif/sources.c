/* SPDX-License-Identifier: BSD-3-Clause */
/* The source filter of a vif, which source-filtered mroutes apply. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "vif/vif_priv.h"

static int source_range_compare(const void *a, const void *b)
{
	const struct gremc_vif_range *left = a, *right = b;

	return (left->first > right->first) - (left->first < right->first);
}

/* Whether both have the same ranges. `b` may be NULL. */
static bool sources_equal(const struct gremc_vif_sources *a, const struct gremc_vif_sources *b)
{
	return b && a->count == b->count && memcmp(a->range, b->range, a->count * sizeof(a->range[0])) == 0;
}

int gremc_vif_sources_set(struct gremc_vifs *vifs, uint32_t vif, const struct gremc_prefix *prefixes,
			  uint32_t count)
{
	const struct gremc_vif_sources *old = gremc_pointer_load(&vifs->sources[vif]);
	struct gremc_vif_sources *sources = malloc(sizeof(*sources) + count * sizeof(sources->range[0]));

	gremc_assert_control_thread();
	gremc_assert(gremc_vif_info_load(vifs, vif) != NULL);
	if (sources == NULL)
		return -ENOMEM;
	sources->count = count;
	for (uint32_t i = 0; i < count; i++) {
		uint32_t first = rte_be_to_cpu_32(gremc_addr_to_ipv4(&prefixes[i].address));

		sources->range[i] = (struct gremc_vif_range){
			first, first | ~rte_be_to_cpu_32(gremc_ipv4_mask(prefixes[i].length))};
	}
	qsort(sources->range, count, sizeof(sources->range[0]), source_range_compare);
	if (sources_equal(sources, old)) {
		free(sources);
		return 0;
	}
	gremc_pointer_store_release(&vifs->sources[vif], sources);
	if (old)
		gremc_vif_defer(vifs->priv, free, (void *)(uintptr_t)old);
	return 0;
}

bool gremc_vif_accepts_source(const struct gremc_vifs *vifs, uint32_t vif, rte_be32_t source)
{
	const struct gremc_vif_sources *sources = gremc_pointer_load_acquire(&vifs->sources[vif]);
	const uint32_t address = rte_be_to_cpu_32(source);
	uint32_t from = 0, to = sources ? sources->count : 0;

	/* find the first range, `to`, that begins behind the address */
	while (from < to) {
		uint32_t middle = (from + to) / 2;

		if (sources->range[middle].first > address)
			to = middle;
		else
			from = middle + 1;
	}
	return to > 0 && address <= sources->range[to - 1].last;
}
