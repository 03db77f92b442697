/* SPDX-License-Identifier: BSD-3-Clause */
/* From what changed to operations on the fan-out table, and another try for those that failed. */
#include <errno.h>
#include <stdlib.h>

#include "base/job.h"
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

/* ---- the batch ---- */

int gremc_batch_add(struct gremc_rib *rib, struct route *route)
{
	if (route->is_batched)
		return 0;
	if (rib->batch_count == rib->batch_room) {
		uint32_t room = RTE_MAX(1024u, rib->batch_room * 2);
		struct route **batch = realloc(rib->batch, room * sizeof(struct route *));

		if (batch == NULL)
			return -ENOMEM;
		rib->batch = batch;
		rib->batch_room = room;
	}
	route->is_batched = true;
	rib->batch[rib->batch_count++] = route;
	return 0;
}

/* The routes that are dirty now become the batch. -ENOMEM: the rest stays dirty. */
static int batch_collect(struct gremc_rib *rib)
{
	struct route *route, *next;
	int rc = 0;

	if (rib->all_dirty) {
		rib->all_dirty = false;
		gremc_rib_each(rib, gremc_route_touch_one);
	}
	route = rib->dirty;
	rib->dirty = NULL;
	rib->dirty_count = 0;
	for (; route; route = next) {
		next = route->next_dirty;
		route->is_dirty = false;
		if (rc == 0)
			rc = gremc_batch_add(rib, route);
		if (rc)
			gremc_route_touch_one(rib, route);
		gremc_job_pause();
	}
	return rc;
}

/* The batch is dirty again. */
static void batch_return(struct gremc_rib *rib)
{
	for (uint32_t i = 0; i < rib->batch_count; i++) {
		rib->batch[i]->is_batched = false;
		gremc_route_touch_one(rib, rib->batch[i]);
		gremc_job_pause();
	}
	rib->batch_count = 0;
}

void gremc_batch_clean(struct gremc_rib *rib)
{
	for (uint32_t i = 0; i < rib->batch_count; i++) {
		rib->batch[i]->is_batched = false;
		gremc_route_tidy(rib, rib->batch[i]);
		gremc_job_pause();
	}
	rib->batch_count = 0;
}

/* The operations that the batch needs, and whose they are. `all`: of those that wait, too. */
static int plan(struct gremc_rib *rib, bool all, uint32_t *op_count)
{
	uint32_t at = 0;
	int rc = make_room(rib, rib->batch_count);

	rib->arena.count = 0;
	for (uint32_t i = 0; i < rib->batch_count && rc == 0; i++) {
		struct gremc_fanout_op *op = &rib->ops[at];
		struct route *route = rib->batch[i];
		bool wanted;

		if (!all && route->is_waiting && !route->fixed && !route->is_published)
			continue;
		rc = gremc_compose(rib, route, &op->spec, &wanted);
		op->kind = wanted ? GREMC_FANOUT_SET : GREMC_FANOUT_REMOVE;
		if (wanted || route->is_published)
			rib->op_routes[at++] = route;
		else
			waits(rib, route, false);
		if (gremc_job_pause() && rc == 0)
			rc = -ECANCELED;
	}
	for (uint32_t i = 0; i < at; i++) {
		gremc_compose_finish(rib, &rib->ops[i].spec);
		gremc_job_pause();
	}
	*op_count = at;
	return rc;
}

static int apply(struct gremc_rib *rib, uint32_t first, uint32_t count)
{
	int rc = gremc_fanout_apply(rib->fanout, &rib->ops[first], count, on_new_id, rib);

	for (uint32_t i = first; rc == 0 && i < first + count; i++) {
		rib->op_routes[i]->is_published = rib->ops[i].kind == GREMC_FANOUT_SET;
		waits(rib, rib->op_routes[i], false);
		gremc_job_pause();
	}
	return rc;
}

static int batch_apply(struct gremc_rib *rib, bool all)
{
	uint32_t count;
	int rc = plan(rib, all, &count);

	return rc ? rc : apply(rib, 0, count);
}

int gremc_batch_apply(struct gremc_rib *rib)
{
	return batch_apply(rib, false);
}

/* One route spoils the batch for all: each by itself. Returns how many fail. */
static uint32_t batch_apply_each(struct gremc_rib *rib, uint32_t count)
{
	uint32_t failed = 0;

	for (uint32_t i = 0; i < count; i++) {
		if (apply(rib, i, 1) == 0)
			continue;
		waits(rib, rib->op_routes[i], true);
		failed++;
	}
	return failed;
}

uint32_t gremc_rib_flush_dirty(struct gremc_rib *rib)
{
	uint32_t count, failed = 1;
	int rc = batch_collect(rib);

	if (rc == 0)
		rc = batch_apply(rib, true);
	if (rc == 0) {
		gremc_batch_clean(rib);
		return 0;
	}
	if (rc == -ECANCELED) {
		failed = 0;
		batch_return(rib);
	} else if (plan(rib, true, &count)) {
		/* no memory even for the plan: all stays dirty */
		batch_return(rib);
	} else {
		failed = batch_apply_each(rib, count);
		gremc_batch_clean(rib);
	}
	__atomic_add_fetch(&rib->failures, failed, __ATOMIC_RELAXED);
	return failed;
}

uint32_t gremc_rib_flush(struct gremc_rib *rib, uint32_t now)
{
	uint32_t failed = 0;

	if (rib->is_busy)
		return 0;
	rib->now = now;
	rib->is_busy = true;
	if (gremc_rib_is_dirty(rib))
		failed = gremc_rib_flush_dirty(rib);
	rib->is_busy = false;
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
	return rib->dirty != NULL || rib->all_dirty;
}

uint32_t gremc_rib_dirty_count(const struct gremc_rib *rib)
{
	return rib->all_dirty ? rib->routes.count : rib->dirty_count;
}

bool gremc_rib_is_busy(const struct gremc_rib *rib)
{
	return rib->is_busy;
}

uint32_t gremc_rib_since(const struct gremc_rib *rib, uint32_t id)
{
	return __atomic_load_n(&rib->since[id], __ATOMIC_RELAXED);
}

uint64_t gremc_rib_failures(const struct gremc_rib *rib)
{
	return __atomic_load_n(&rib->failures, __ATOMIC_RELAXED);
}
