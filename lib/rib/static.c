/* SPDX-License-Identifier: BSD-3-Clause */
/* One set of static routes takes the place of another, whole or not at all. */
#include <errno.h>
#include <string.h>

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
	}
	return 0;
}

int gremc_rib_replace_static(struct gremc_rib *rib, const struct gremc_mroute_spec *routes, uint32_t count,
			     const uint32_t *vifs, uint32_t interface_count, uint32_t now)
{
	const uint32_t *vifs_before = rib->vifs;
	uint32_t interfaces_before = rib->interface_count;
	int rc;

	/* what the others have changed goes in first: it is not to be undone with this */
	gremc_rib_flush(rib, now);
	gremc_rib_each(rib, set_aside);
	rib->vifs = vifs;
	rib->interface_count = interface_count;
	rc = bring_in(rib, routes, count);
	gremc_rib_touch_all(rib);
	if (rc == 0)
		rc = gremc_rib_flush_whole(rib);
	if (rc == 0) {
		gremc_rib_each(rib, forget);
		/* those that were only static, and are not any more */
		gremc_rib_touch_all(rib);
		gremc_rib_clean(rib);
		return 0;
	}
	gremc_rib_each(rib, take_back);
	rib->vifs = vifs_before;
	rib->interface_count = interfaces_before;
	gremc_rib_clean(rib);
	return rc;
}
