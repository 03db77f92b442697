/* SPDX-License-Identifier: BSD-3-Clause */
/* The routes that any origin wants, and how origins change them. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/job.h"
#include "rib/rib_priv.h"

static uint64_t key_of(rte_be32_t source, rte_be32_t group, uint8_t length)
{
	/* as in fanout: no source is 0.0.0.0 to 0.0.0.32 */
	return (uint64_t)(source ? source : rte_cpu_to_be_32(length)) << 32 | group;
}

struct gremc_rib *gremc_rib_create(struct gremc_fanout *fanout, const struct gremc_rib_callbacks *callbacks)
{
	struct gremc_rib *rib = calloc(1, sizeof(*rib));

	if (rib == NULL)
		return NULL;
	rib->fanout = fanout;
	rib->callbacks = *callbacks;
	rib->upstream = GREMC_RIB_NONE;
	rib->waiting_end = &rib->waiting;
	rib->since = gremc_memory_reserve(GREMC_MROUTE_IDS_MAX * sizeof(*rib->since), SOCKET_ID_ANY);
	if (rib->since == NULL || gremc_map_init(&rib->routes)) {
		gremc_rib_destroy(rib);
		return NULL;
	}
	return rib;
}

static void interest_free(struct route *route)
{
	if (route->interest == NULL)
		return;
	free(route->interest->included.items);
	free(route->interest->excluded.items);
	free(route->interest);
	route->interest = NULL;
}

void gremc_rib_each(struct gremc_rib *rib, void (*each)(struct gremc_rib *rib, struct route *route))
{
	rib->routes.is_frozen = true;
	for (uint32_t i = 0; i < gremc_map_lists(&rib->routes); i++) {
		struct gremc_map_node *node = gremc_map_list(&rib->routes, i), *next;

		for (; node; node = next) {
			next = node->next;
			each(rib, container_of(node, struct route, node));
		}
		gremc_job_pause();
	}
	rib->routes.is_frozen = false;
}

static void kernel_free(struct route *route)
{
	struct kernel_route *kernel = route->kernel;

	if (kernel == NULL)
		return;
	*kernel->previous = kernel->next;
	if (kernel->next)
		kernel->next->previous = kernel->previous;
	free(kernel);
	route->kernel = NULL;
}

static void kernel_add(struct gremc_rib *rib, struct route *route, struct kernel_route *kernel)
{
	kernel->route = route;
	kernel->next = rib->kernels;
	kernel->previous = &rib->kernels;
	if (kernel->next)
		kernel->next->previous = &kernel->next;
	rib->kernels = kernel;
	route->kernel = kernel;
}

static void route_free(struct gremc_rib *rib, struct route *route)
{
	(void)rib;
	interest_free(route);
	kernel_free(route);
	free(route);
}

void gremc_rib_destroy(struct gremc_rib *rib)
{
	if (rib == NULL)
		return;
	gremc_rib_each(rib, route_free);
	gremc_map_fini(&rib->routes);
	free(rib->guarded.items);
	if (rib->since)
		gremc_memory_release(rib->since, GREMC_MROUTE_IDS_MAX * sizeof(*rib->since));
	free(rib->arena.items);
	free(rib->batch);
	free(rib->ops);
	free(rib->op_routes);
	free(rib);
}

/* ---- routes ---- */

struct route *gremc_route_find(const struct gremc_rib *rib, rte_be32_t source, rte_be32_t group,
			       uint8_t length)
{
	struct gremc_map_node *node = gremc_map_find(&rib->routes, key_of(source, group, length));

	return node ? container_of(node, struct route, node) : NULL;
}

struct route *gremc_route_get(struct gremc_rib *rib, rte_be32_t source, rte_be32_t group, uint8_t length)
{
	struct route *route = gremc_route_find(rib, source, group, length), *star = NULL;

	if (route)
		return route;
	if (source) {
		star = gremc_route_get(rib, 0, group, 32);
		if (star == NULL)
			return NULL;
	}
	route = calloc(1, sizeof(*route));
	if (route == NULL) {
		if (star)
			gremc_route_tidy(rib, star);
		return NULL;
	}
	route->source = source;
	route->group = group;
	route->length = length;
	route->star = star;
	gremc_map_add(&rib->routes, &route->node, key_of(source, group, length));
	if (star) {
		route->next = star->sources;
		route->previous = &star->sources;
		if (route->next)
			route->next->previous = &route->next;
		star->sources = route;
	}
	return route;
}

void gremc_route_tidy(struct gremc_rib *rib, struct route *route)
{
	struct route *star = route->star;

	if (route->fixed || route->fixed_before || route->kernel || route->interest || route->sources ||
	    route->is_dirty || route->is_batched || route->is_published || route->is_listed)
		return;
	gremc_map_remove(&rib->routes, &route->node);
	if (star) {
		*route->previous = route->next;
		if (route->next)
			route->next->previous = route->previous;
	}
	route_free(rib, route);
	if (star)
		gremc_route_tidy(rib, star);
}

void gremc_route_touch_one(struct gremc_rib *rib, struct route *route)
{
	if (route->is_dirty)
		return;
	route->is_dirty = true;
	route->next_dirty = rib->dirty;
	rib->dirty = route;
	rib->dirty_count++;
}

void gremc_route_touch(struct gremc_rib *rib, struct route *route)
{
	gremc_route_touch_one(rib, route);
	for (struct route *source = route->sources; source; source = source->next)
		gremc_route_touch_one(rib, source);
}

void gremc_rib_touch_all(struct gremc_rib *rib)
{
	rib->all_dirty = true;
}

/* ---- IGMP ---- */

static int change_sets(struct interest *interest, uint32_t interface, enum gremc_igmp_request wanted)
{
	if (wanted != GREMC_IGMP_INCLUDE)
		gremc_set_remove(&interest->included, interface);
	if (wanted != GREMC_IGMP_EXCLUDE)
		gremc_set_remove(&interest->excluded, interface);
	if (wanted == GREMC_IGMP_NONE)
		return 0;
	return gremc_set_add(wanted == GREMC_IGMP_INCLUDE ? &interest->included : &interest->excluded,
			     interface);
}

static void fail(struct gremc_rib *rib)
{
	__atomic_add_fetch(&rib->failures, 1, __ATOMIC_RELAXED);
}

static int member_at(struct gremc_rib *rib, struct route *route, uint32_t interface,
		     enum gremc_igmp_request wanted)
{
	int rc = 0;

	if (route->interest == NULL && wanted != GREMC_IGMP_NONE)
		route->interest = calloc(1, sizeof(*route->interest));
	if (route->interest == NULL && wanted != GREMC_IGMP_NONE)
		rc = -ENOMEM;
	if (route->interest) {
		rc = change_sets(route->interest, interface, wanted);
		if (route->interest->included.count == 0 && route->interest->excluded.count == 0)
			interest_free(route);
	}
	if (rc)
		fail(rib);
	gremc_route_touch(rib, route);
	return rc;
}

int gremc_rib_member(struct gremc_rib *rib, uint32_t interface, rte_be32_t source, rte_be32_t group,
		     enum gremc_igmp_request interest)
{
	struct route *route = interest == GREMC_IGMP_NONE ? gremc_route_find(rib, source, group, 32)
							  : gremc_route_get(rib, source, group, 32);

	if (route)
		return member_at(rib, route, interface, interest);
	if (interest == GREMC_IGMP_NONE)
		return 0;
	fail(rib);
	return -ENOMEM;
}

void gremc_rib_guard(struct gremc_rib *rib, uint32_t interface, bool guarded)
{
	if (gremc_set_has(&rib->guarded, interface) == guarded)
		return;
	if (!guarded)
		gremc_set_remove(&rib->guarded, interface);
	else if (gremc_set_add(&rib->guarded, interface))
		fail(rib);
	gremc_rib_touch_all(rib);
}

static void upstream_at(struct gremc_rib *rib, struct route *route, uint32_t interface)
{
	if (route == NULL) {
		fail(rib);
		return;
	}
	if (rib->upstream != GREMC_RIB_NONE)
		member_at(rib, route, rib->upstream, GREMC_IGMP_NONE);
	if (interface != GREMC_RIB_NONE)
		member_at(rib, route, interface, GREMC_IGMP_INCLUDE);
}

void gremc_rib_upstream(struct gremc_rib *rib, uint32_t interface)
{
	if (interface == rib->upstream)
		return;
	/* a packet of 232.0.0.0/8 looks no further than there */
	upstream_at(rib, gremc_route_get(rib, 0, GREMC_RIB_EVERY_GROUP, 4), interface);
	upstream_at(rib, gremc_route_get(rib, 0, GREMC_SSM_GROUPS, GREMC_SSM_LENGTH), interface);
	rib->upstream = interface;
	gremc_rib_touch_all(rib);
}

/* ---- the kernel ---- */

static void kernel_touch(struct gremc_rib *rib, struct route *route)
{
	/* a route of every group is part of every other route */
	if (route->length < 32)
		gremc_rib_touch_all(rib);
	else
		gremc_route_touch(rib, route);
}

static bool kernel_equal(const struct kernel_route *a, const struct kernel_route *b)
{
	if (a == NULL || a->iif != b->iif || a->oif_count != b->oif_count || a->is_wild != b->is_wild ||
	    a->is_asked != b->is_asked)
		return false;
	for (uint32_t i = 0; i < a->oif_count; i++)
		if (a->oifs[i].interface != b->oifs[i].interface ||
		    a->oifs[i].threshold != b->oifs[i].threshold)
			return false;
	return true;
}

int gremc_rib_kernel_set(struct gremc_rib *rib, rte_be32_t source, rte_be32_t group, uint32_t iif,
			 const uint32_t *oifs, const uint8_t *thresholds, uint32_t oif_count)
{
	struct kernel_route *kernel = malloc(sizeof(*kernel) + oif_count * sizeof(*kernel->oifs));
	struct route *route = NULL;

	if (kernel)
		route = group ? gremc_route_get(rib, source, group, 32)
			      : gremc_route_get(rib, 0, GREMC_RIB_EVERY_GROUP, 4);

	if (route == NULL) {
		free(kernel);
		return -ENOMEM;
	}
	*kernel = (struct kernel_route){.iif = iif, .oif_count = oif_count, .is_wild = source == 0};
	for (uint32_t i = 0; i < oif_count; i++) {
		kernel->is_asked |= oifs[i] == GREMC_RIB_REGISTER;
		kernel->oifs[i] = (struct kernel_oif){
			oifs[i], thresholds && thresholds[i] > 1
					 ? RTE_MIN(thresholds[i], GREMC_THRESHOLD_SOURCES - 1)
					 : 0};
	}
	if (kernel_equal(route->kernel, kernel)) {
		route->kernel->is_stale = false;
		free(kernel);
		return 0;
	}
	rib->kernel_count += route->kernel == NULL;
	kernel_free(route);
	kernel_add(rib, route, kernel);
	kernel_touch(rib, route);
	return 0;
}

static void kernel_drop(struct gremc_rib *rib, struct route *route)
{
	rib->kernel_count--;
	kernel_free(route);
	kernel_touch(rib, route);
}

void gremc_rib_kernel_remove(struct gremc_rib *rib, rte_be32_t source, rte_be32_t group)
{
	struct route *route = group ? gremc_route_find(rib, source, group, 32)
				    : gremc_route_find(rib, 0, GREMC_RIB_EVERY_GROUP, 4);

	if (route && route->kernel)
		kernel_drop(rib, route);
}

uint32_t gremc_rib_kernel_count(const struct gremc_rib *rib)
{
	return rib->kernel_count;
}

void gremc_rib_kernel_begin(struct gremc_rib *rib)
{
	for (struct kernel_route *kernel = rib->kernels; kernel; kernel = kernel->next)
		kernel->is_stale = true;
}

void gremc_rib_kernel_end(struct gremc_rib *rib)
{
	struct kernel_route *next;

	for (struct kernel_route *kernel = rib->kernels; kernel; kernel = next) {
		next = kernel->next;
		if (kernel->is_stale)
			kernel_drop(rib, kernel->route);
	}
}
