/* SPDX-License-Identifier: BSD-3-Clause */
/* One route of what all origins want of its packets: the rules of rib.h. */
#include <errno.h>
#include <stdlib.h>

#include "rib/rib_priv.h"

/* What covers a route: of each origin the most exact. */
struct cover {
	const struct gremc_mroute_spec *fixed;
	const struct kernel_route *kernel;
	const struct interest *star; /* of (S,G): its (*,G)'s members */
};

static const struct gremc_mroute_spec *fixed_prefix(const struct gremc_rib *rib, const struct route *route)
{
	for (uint8_t length = route->length; length-- > 4;) {
		const struct route *wider;

		if (rib->lengths[length] == 0)
			continue;
		wider = gremc_route_find(rib, 0, route->group & gremc_ipv4_mask(length), length);
		if (wider && wider->fixed)
			return wider->fixed;
	}
	return NULL;
}

static struct cover cover_of(const struct gremc_rib *rib, const struct route *route)
{
	const struct route *star = route->source ? route->star : NULL;
	struct cover cover = {.fixed = route->fixed, .kernel = route->kernel};

	/* RFC 4607: there a source is always said */
	if (gremc_ipv4_is_ssm(route->group) && route->length >= 8)
		return cover;
	if (star) {
		cover.fixed = cover.fixed ? cover.fixed : star->fixed;
		cover.kernel = cover.kernel ? cover.kernel : star->kernel;
		cover.star = star->interest;
	}
	if (cover.fixed == NULL)
		cover.fixed = fixed_prefix(rib, route);
	if (cover.kernel == NULL) {
		const struct route *every = gremc_route_find(rib, 0, GREMC_RIB_EVERY_GROUP, 4);

		cover.kernel = every ? every->kernel : NULL;
	}
	return cover;
}

static bool reserve(struct arena *arena, uint32_t more)
{
	uint32_t room = RTE_MAX(1024u, arena->room * 2);
	uint32_t *items;

	if (arena->count + more <= arena->room)
		return true;
	room = RTE_MAX(room, arena->count + more);
	items = realloc(arena->items, room * sizeof(*items));
	if (items == NULL)
		return false;
	arena->items = items;
	arena->room = room;
	return true;
}

/* While a list is put together an item of it is a vif above its threshold, so that of a vif that is in it
 * twice the lowest threshold comes first. */
#define THRESHOLD_BITS 8

/* An interface as its vif; one without a vif at the moment is left out. */
static void put(struct gremc_rib *rib, uint32_t interface, uint8_t threshold)
{
	uint32_t vif = interface < rib->interface_count ? rib->vifs[interface] : GREMC_RIB_NONE;

	if (vif != GREMC_RIB_NONE)
		rib->arena.items[rib->arena.count++] = vif << THRESHOLD_BITS | threshold;
}

static int put_all(struct gremc_rib *rib, const uint32_t *interfaces, uint32_t count)
{
	if (!reserve(&rib->arena, count))
		return -ENOMEM;
	for (uint32_t i = 0; i < count; i++)
		put(rib, interfaces[i], 0);
	return 0;
}

static int put_kernel(struct gremc_rib *rib, const struct kernel_route *kernel, bool limited)
{
	if (!reserve(&rib->arena, kernel->oif_count))
		return -ENOMEM;
	for (uint32_t i = 0; i < kernel->oif_count; i++)
		put(rib, kernel->oifs[i].interface, limited ? kernel->oifs[i].threshold : 0);
	return 0;
}

/* Members of any source. */
static int put_star(struct gremc_rib *rib, const struct set *members, const struct set *excluded)
{
	if (!reserve(&rib->arena, members->count))
		return -ENOMEM;
	for (uint32_t i = 0; i < members->count; i++)
		if (excluded == NULL || !gremc_set_has(excluded, members->items[i]))
			put(rib, members->items[i],
			    gremc_set_has(&rib->guarded, members->items[i]) ? GREMC_THRESHOLD_SOURCES : 0);
	return 0;
}

static int compare(const void *a, const void *b)
{
	uint32_t left = *(const uint32_t *)a, right = *(const uint32_t *)b;

	return (left > right) - (left < right);
}

static bool is_above(uint32_t item, uint32_t other)
{
	return item >> THRESHOLD_BITS > other >> THRESHOLD_BITS;
}

/* The list from `begin` to the arena's end ascending, each vif once. Returns how many. */
static uint32_t tidy(struct arena *arena, uint32_t begin)
{
	uint32_t *items = &arena->items[begin], count = arena->count - begin, kept = 0;
	bool sorted = true;

	for (uint32_t i = 1; i < count && sorted; i++)
		sorted = is_above(items[i], items[i - 1]);
	if (!sorted) {
		qsort(items, count, sizeof(*items), compare);
		for (uint32_t i = 0; i < count; i++)
			if (i == 0 || is_above(items[i], items[kept - 1]))
				items[kept++] = items[i];
		count = kept;
	}
	arena->count = begin + count;
	return count;
}

/* `count` items from `begin` on become vifs; their thresholds, if there is any, or always, stand behind all
 * that is in the arena, at *thresholds, else 0. -ENOMEM. */
static int settle(struct arena *arena, uint32_t begin, uint32_t count, bool always, uint32_t *thresholds)
{
	uint32_t words = (count + sizeof(uint32_t) - 1) / sizeof(uint32_t), any = always;
	uint8_t *bytes;

	*thresholds = 0;
	if (!reserve(arena, words))
		return -ENOMEM;
	bytes = (uint8_t *)&arena->items[arena->count];
	for (uint32_t i = begin; i < begin + count; i++) {
		bytes[i - begin] = (uint8_t)arena->items[i];
		any |= bytes[i - begin];
		arena->items[i] >>= THRESHOLD_BITS;
	}
	if (any) {
		*thresholds = arena->count;
		arena->count += words;
	}
	return 0;
}

static int compose_oil(struct gremc_rib *rib, const struct route *route, const struct cover *cover)
{
	const struct interest *interest = route->interest;
	const uint32_t upstream = rib->upstream;
	int rc = 0;

	if (cover->fixed)
		rc = put_all(rib, cover->fixed->oifs, cover->fixed->oif_count);
	if (rc == 0 && cover->kernel)
		rc = put_kernel(rib, cover->kernel, true);
	if (rc == 0 && interest && route->source)
		rc = put_all(rib, interest->included.items, interest->included.count);
	else if (rc == 0 && interest)
		rc = put_star(rib, &interest->included, NULL);
	if (rc == 0 && cover->star)
		rc = put_star(rib, &cover->star->included, interest ? &interest->excluded : NULL);
	if (rc == 0 && upstream != GREMC_RIB_NONE && (interest || cover->star))
		rc = put_all(rib, &upstream, 1);
	return rc;
}

/* false: packets are taken from none, for the only accepted one has no vif. */
static int compose_iifs(struct gremc_rib *rib, const struct cover *cover, bool *none)
{
	uint32_t begin = rib->arena.count;
	int rc = 0;

	*none = false;
	if (cover->fixed) {
		rc = put_all(rib, cover->fixed->iifs, cover->fixed->iif_count);
		*none = cover->fixed->iif_count > 0 && rib->arena.count == begin;
	} else if (cover->kernel) {
		rc = put_all(rib, &cover->kernel->iif, 1);
		if (rc == 0 && cover->kernel->is_wild)
			rc = put_kernel(rib, cover->kernel, false);
		*none = rib->arena.count == begin;
	}
	return rc;
}

static uint8_t origin_of(const struct route *route)
{
	if (route->fixed)
		return GREMC_ORIGIN_STATIC;
	return route->interest ? GREMC_ORIGIN_IGMP : GREMC_ORIGIN_KERNEL;
}

int gremc_compose(struct gremc_rib *rib, const struct route *route, struct gremc_mroute_spec *spec,
		  bool *wanted)
{
	struct cover cover = cover_of(rib, route);
	uint32_t begin = rib->arena.count, oil, thresholds;
	bool none;
	int rc;

	*spec = (struct gremc_mroute_spec){
		.source = route->source, .group = route->group, .length = route->length};
	*wanted = route->fixed || route->interest || route->kernel;
	if (!*wanted)
		return 0;
	spec->origin = origin_of(route);
	spec->origins = (uint8_t)((cover.fixed ? 1u << GREMC_ORIGIN_STATIC : 0) |
				  (route->interest || cover.star ? 1u << GREMC_ORIGIN_IGMP : 0) |
				  (cover.kernel ? 1u << GREMC_ORIGIN_KERNEL : 0));
	/* what the kernel gets only it sends on: nobody else may be waiting for it */
	spec->sampled = spec->origins == 1u << GREMC_ORIGIN_KERNEL && cover.kernel->is_asked;
	rc = compose_iifs(rib, &cover, &none);
	if (rc)
		return rc;
	spec->iif_count = tidy(&rib->arena, begin);
	rc = none ? 0 : compose_oil(rib, route, &cover);
	if (rc)
		return rc;
	oil = begin + spec->iif_count;
	spec->oif_count = tidy(&rib->arena, oil);
	rc = settle(&rib->arena, begin, spec->iif_count, false, &thresholds);
	if (rc == 0)
		rc = settle(&rib->arena, oil, spec->oif_count, spec->sampled, &thresholds);
	if (rc)
		return rc;
	spec->iifs = (const uint32_t *)(uintptr_t)begin;
	spec->oifs = (const uint32_t *)(uintptr_t)oil;
	spec->thresholds = (const uint8_t *)(uintptr_t)thresholds;
	return 0;
}

void gremc_compose_finish(const struct gremc_rib *rib, struct gremc_mroute_spec *spec)
{
	spec->iifs = &rib->arena.items[(uintptr_t)spec->iifs];
	spec->oifs = &rib->arena.items[(uintptr_t)spec->oifs];
	if (spec->thresholds)
		spec->thresholds = (const uint8_t *)&rib->arena.items[(uintptr_t)spec->thresholds];
}
