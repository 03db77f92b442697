/* SPDX-License-Identifier: BSD-3-Clause */
/* One set of static routes takes the place of another, whole or not at all. */
#include <errno.h>
#include <string.h>

#include "base/job.h"
#include "rib/rib_priv.h"

static void count_prefix(struct gremc_rib *rib, const struct route *route, int by)
{
	if (route->source == 0)
		rib->lengths[route->length] += (uint32_t)by;
}

static void set_aside(struct gremc_rib *rib, struct route *route)
{
	route->fixed_before = route->fixed;
	if (route->fixed)
		count_prefix(rib, route, -1);
	route->fixed = NULL;
}

static void take_back(struct gremc_rib *rib, struct route *route)
{
	if (route->fixed)
		count_prefix(rib, route, -1);
	route->fixed = route->fixed_before;
	route->fixed_before = NULL;
	if (route->fixed)
		count_prefix(rib, route, 1);
}

static void forget(struct gremc_rib *rib, struct route *route)
{
	(void)rib;
	route->fixed_before = NULL;
}

static int bring_in(struct gremc_rib *rib, const struct gremc_mroute_spec *routes, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		struct route *route =
			gremc_route_get(rib, routes[i].source, routes[i].group, routes[i].length);

		if (route == NULL)
			return -ENOMEM;
		if (route->fixed)
			return -EINVAL; /* the same twice */
		route->fixed = &routes[i];
		count_prefix(rib, route, 1);
		/* in the order of the configuration, which is that of the memory */
		if (gremc_batch_add(rib, route))
			return -ENOMEM;
		if (gremc_job_pause())
			return -ECANCELED;
	}
	return 0;
}

static void batch_all(struct gremc_rib *rib, struct route *route)
{
	if (gremc_batch_add(rib, route))
		rib->batch_failed = true;
}

int gremc_rib_replace_static(struct gremc_rib *rib, const struct gremc_mroute_spec *routes, uint32_t count,
			     const uint32_t *vifs, uint32_t interface_count, uint32_t now)
{
	const uint32_t *vifs_before = rib->vifs;
	uint32_t interfaces_before = rib->interface_count;
	int rc;

	gremc_assert(!rib->is_busy);
	rib->is_busy = true;
	rib->now = now;
	/* what the others have changed goes in first: it is not to be undone with this */
	gremc_rib_flush_dirty(rib);
	gremc_rib_each(rib, set_aside);
	rib->vifs = vifs;
	rib->interface_count = interface_count;
	rib->batch_failed = false;
	rc = bring_in(rib, routes, count);
	gremc_rib_each(rib, batch_all);
	if (rc == 0 && rib->batch_failed)
		rc = -ENOMEM;
	if (rc == 0)
		rc = gremc_batch_apply(rib);
	gremc_rib_each(rib, rc ? take_back : forget);
	if (rc) {
		rib->vifs = vifs_before;
		rib->interface_count = interfaces_before;
	}
	gremc_batch_clean(rib);
	rib->is_busy = false;
	return rc;
}
