/* SPDX-License-Identifier: BSD-3-Clause */
/* The source filter of a vif, which source-filtered mroutes apply. */
#include <errno.h>
#include <stdlib.h>

#include "vif/vif_priv.h"

int gremc_vif_sources_set(struct gremc_vifs *vifs, uint32_t vif, const struct gremc_prefix *prefixes,
			  uint32_t count)
{
	const struct gremc_vif_sources *old = gremc_pointer_load(&vifs->sources[vif]);
	struct gremc_vif_sources *sources = gremc_ranges_create(prefixes, count);

	gremc_assert_control_thread();
	gremc_assert(gremc_vif_info_load(vifs, vif) != NULL);
	if (sources == NULL)
		return -ENOMEM;
	if (gremc_ranges_are_equal(sources, old)) {
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

	return sources && gremc_ranges_have(sources, source);
}
