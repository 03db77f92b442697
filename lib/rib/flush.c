/* SPDX-License-Identifier: BSD-3-Clause */
/* From what changed to operations on the fan-out table, and another try for those that failed. */
#include <errno.h>
#include <stdlib.h>

#include "rib/rib_priv.h"

static void on_new_id(uint32_t id, void *argument)
{
	struct gremc_rib *rib = argument;

	__atomic_store_n(&rib->since[id], rib->now, __ATOMIC_RELAXED);
	if (rib->callbacks.on_new_id)
		rib->callbacks.on_new_id(id, rib->callbacks.argument);
}

static int make_room(struct gremc_rib *rib, uint32_t count)
{
	struct gremc_fanout_op *ops;
	struct route **routes;

	if (count <= rib->op_room)
		return 0;
	ops = realloc(rib->ops, count * sizeof(*ops));
	if (ops)
		rib->ops = ops;
	routes = realloc(rib->op_routes, count * sizeof(struct route *));
	if (routes)
		rib->op_routes = routes;
	if (ops == NULL || routes == NULL)
		return -ENOMEM;
	rib->op_room = count;
	return 0;
}

/* Routes of one retry: each of them may be a change of its own. */
#define RETRIES 512u

static void waits(struct gremc_rib *rib, struct route *route, bool is_waiting)
{
	if (route->is_waiting == is_waiting)
		return;
	route->is_waiting = is_waiting;
	__atomic_store_n(&rib->waiting_count, rib->waiting_count + (is_waiting ? 1 : -1), __ATOMIC_RELAXED);
	if (!is_waiting || route->is_listed)
		return;
	route->is_listed = true;
	route->next_waiting = NULL;
	*rib->waiting_end = route;
	rib->waiting_end = &route->next_waiting;
}

/* The operations that the dirty routes need, and whose they are. `all`: of those that wait, too. */
static int plan(struct gremc_rib *rib, bool all, uint32_t *op_count)
{
	uint32_t count = 0, at = 0;
	int rc;

	for (const struct route *route = rib->dirty; route; route = route->next_dirty)
		count++;
	rc = make_room(rib, count);
	rib->arena.count = 0;
	for (struct route *route = rib->dirty; route && rc == 0; route = route->next_dirty) {
		struct gremc_fanout_op *op = &rib->ops[at];
		bool wanted;

		if (!all && route->is_waiting && !route->fixed && !route->is_published)
			continue;
		rc = gremc_compose(rib, route, &op->spec, &wanted);
		op->kind = wanted ? GREMC_FANOUT_SET : GREMC_FANOUT_REMOVE;
		if (wanted || route->is_published)
			rib->op_routes[at++] = route;
		else
			waits(rib, route, false);
	}
	for (uint32_t i = 0; i < at; i++)
		gremc_compose_finish(rib, &rib->ops[i].spec);
	*op_count = at;
	return rc;
}

static int apply(struct gremc_rib *rib, uint32_t first, uint32_t count)
{
	int rc = gremc_fanout_apply(rib->fanout, &rib->ops[first], count, on_new_id, rib);

	for (uint32_t i = first; rc == 0 && i < first + count; i++) {
		rib->op_routes[i]->is_published = rib->ops[i].kind == GREMC_FANOUT_SET;
		waits(rib, rib->op_routes[i], false);
	}
	return rc;
}

void gremc_rib_clean(struct gremc_rib *rib)
{
	while (rib->dirty) {
		struct route *route = rib->dirty;

		rib->dirty = route->next_dirty;
		route->is_dirty = false;
		gremc_route_tidy(rib, route);
	}
}

static int flush_whole(struct gremc_rib *rib, bool all)
{
	uint32_t count;
	int rc = plan(rib, all, &count);

	if (rc == 0)
		rc = apply(rib, 0, count);
	if (rc == 0)
		gremc_rib_clean(rib);
	return rc;
}

int gremc_rib_flush_whole(struct gremc_rib *rib)
{
	return flush_whole(rib, false);
}

uint32_t gremc_rib_flush(struct gremc_rib *rib, uint32_t now)
{
	uint32_t count, failed = 0;

	rib->now = now;
	if (rib->dirty == NULL || flush_whole(rib, true) == 0)
		return 0;
	/* one of them spoils it for all: each by itself */
	if (plan(rib, true, &count)) {
		__atomic_add_fetch(&rib->failures, 1, __ATOMIC_RELAXED);
		return 1; /* no memory even for the plan: all stays dirty */
	}
	for (uint32_t i = 0; i < count; i++) {
		if (apply(rib, i, 1) == 0)
			continue;
		waits(rib, rib->op_routes[i], true);
		failed++;
	}
	__atomic_add_fetch(&rib->failures, failed, __ATOMIC_RELAXED);
	gremc_rib_clean(rib);
	return failed;
}

void gremc_rib_retry(struct gremc_rib *rib)
{
	for (unsigned i = 0; i < RETRIES && rib->waiting; i++) {
		struct route *route = rib->waiting;

		rib->waiting = route->next_waiting;
		if (rib->waiting == NULL)
			rib->waiting_end = &rib->waiting;
		/* listed again when it fails again */
		route->is_listed = false;
		waits(rib, route, false);
		gremc_route_touch_one(rib, route);
	}
}

uint32_t gremc_rib_waiting(const struct gremc_rib *rib)
{
	return __atomic_load_n(&rib->waiting_count, __ATOMIC_RELAXED);
}

bool gremc_rib_is_dirty(const struct gremc_rib *rib)
{
	return rib->dirty != NULL;
}

uint32_t gremc_rib_since(const struct gremc_rib *rib, uint32_t id)
{
	return __atomic_load_n(&rib->since[id], __ATOMIC_RELAXED);
}

uint64_t gremc_rib_failures(const struct gremc_rib *rib)
{
	return __atomic_load_n(&rib->failures, __ATOMIC_RELAXED);
}
