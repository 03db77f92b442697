/* SPDX-License-Identifier: BSD-3-Clause */
/* Converts dirty entries to operations on the fan-out table, and retries those that failed. */
#include <errno.h>
#include <stdlib.h>

#include "base/job.h"
#include "rib/rib_priv.h"

/* Entries of one retry: each of them may need a change of its own. */
#define RETRIES 512u

/* ---- entries that wait ---- */

static void entry_waiting_set(struct gremc_rib *rib, struct rib_entry *entry, bool is_waiting)
{
	const uint32_t count = gremc_u32_load(&rib->waiting_count);

	if (entry->is_waiting == is_waiting)
		return;
	gremc_assert(is_waiting || count > 0);
	entry->is_waiting = is_waiting;
	gremc_u32_store(&rib->waiting_count, is_waiting ? count + 1 : count - 1);
	if (!is_waiting || entry->is_listed)
		return;
	entry->is_listed = true;
	entry->next_waiting = NULL;
	*rib->waiting_end = entry;
	rib->waiting_end = &entry->next_waiting;
}

void gremc_rib_retry(struct gremc_rib *rib)
{
	gremc_assert_control_thread();
	for (unsigned i = 0; i < RETRIES && rib->waiting; i++) {
		struct rib_entry *entry = rib->waiting;

		rib->waiting = entry->next_waiting;
		if (rib->waiting == NULL)
			rib->waiting_end = &rib->waiting;
		/* a failure adds it to the list again */
		entry->is_listed = false;
		entry_waiting_set(rib, entry, false);
		gremc_rib_entry_touch(rib, entry);
	}
}

/* ---- the batch ---- */

int gremc_rib_batch_add(struct gremc_rib *rib, struct rib_entry *entry)
{
	if (entry->is_batched)
		return 0;
	if (rib->batch_count == rib->batch_capacity) {
		uint32_t capacity = RTE_MAX(1024u, rib->batch_capacity * 2);
		struct rib_entry **batch = realloc(rib->batch, capacity * sizeof(struct rib_entry *));

		if (batch == NULL)
			return -ENOMEM;
		rib->batch = batch;
		rib->batch_capacity = capacity;
	}
	entry->is_batched = true;
	rib->batch[rib->batch_count++] = entry;
	return 0;
}

/* Move the dirty entries to the batch.
 * Errors:  -ENOMEM: the rest stays dirty. */
static int batch_collect(struct gremc_rib *rib)
{
	struct rib_entry *entry, *next;
	int rc = 0;

	if (rib->all_dirty) {
		rib->all_dirty = false;
		gremc_rib_entries_visit(rib, gremc_rib_entry_touch);
	}
	entry = rib->dirty;
	rib->dirty = NULL;
	rib->dirty_count = 0;
	for (; entry; entry = next) {
		next = entry->next_dirty;
		entry->is_dirty = false;
		if (rc == 0)
			rc = gremc_rib_batch_add(rib, entry);
		if (rc)
			gremc_rib_entry_touch(rib, entry);
		gremc_job_pause(); /* a cancelled job completes the pass */
	}
	return rc;
}

/* Make the entries of the batch dirty again, and empty it. */
static void batch_return(struct gremc_rib *rib)
{
	for (uint32_t i = 0; i < rib->batch_count; i++) {
		rib->batch[i]->is_batched = false;
		gremc_rib_entry_touch(rib, rib->batch[i]);
		gremc_job_pause();
	}
	rib->batch_count = 0;
}

void gremc_rib_batch_clean(struct gremc_rib *rib)
{
	for (uint32_t i = 0; i < rib->batch_count; i++) {
		rib->batch[i]->is_batched = false;
		gremc_rib_entry_release(rib, rib->batch[i]);
		gremc_job_pause();
	}
	rib->batch_count = 0;
}

/* ---- operations ---- */

static int ops_reserve(struct gremc_rib *rib, uint32_t count)
{
	struct gremc_fanout_op *ops;
	struct rib_entry **entries;

	if (count <= rib->op_capacity)
		return 0;
	ops = realloc(rib->ops, count * sizeof(*ops));
	if (ops)
		rib->ops = ops;
	entries = realloc(rib->op_entries, count * sizeof(struct rib_entry *));
	if (entries)
		rib->op_entries = entries;
	if (ops == NULL || entries == NULL)
		return -ENOMEM;
	rib->op_capacity = count;
	return 0;
}

/* Make the operations of the batch.
 * Input:   all: also those of entries that wait. */
static int ops_plan(struct gremc_rib *rib, bool all, uint32_t *op_count)
{
	uint32_t at = 0;
	int rc = ops_reserve(rib, rib->batch_count);

	gremc_rib_specs_reset(rib);
	for (uint32_t i = 0; i < rib->batch_count && rc == 0; i++) {
		struct gremc_fanout_op *op = &rib->ops[at];
		struct rib_entry *entry = rib->batch[i];
		bool is_requested;

		if (!all && entry->is_waiting && !entry->static_route && !entry->is_published)
			continue;
		rc = gremc_rib_spec_compose(rib, entry, &op->spec, &is_requested);
		op->kind = is_requested ? GREMC_FANOUT_SET : GREMC_FANOUT_REMOVE;
		if (is_requested || entry->is_published)
			rib->op_entries[at++] = entry;
		else
			entry_waiting_set(rib, entry, false);
		if (gremc_job_pause() && rc == 0)
			rc = -ECANCELED;
	}
	for (uint32_t i = 0; i < at; i++) {
		gremc_rib_spec_finish(rib, &rib->ops[i].spec);
		gremc_job_pause();
	}
	*op_count = at;
	return rc;
}

static void new_id_record(uint32_t id, void *argument)
{
	struct gremc_rib *rib = argument;

	gremc_assert(id < GREMC_MROUTE_IDS_MAX);
	gremc_u32_store(&rib->since[id], rib->now);
	if (rib->callbacks.on_new_id)
		rib->callbacks.on_new_id(id, rib->callbacks.argument);
}

static int ops_apply(struct gremc_rib *rib, uint32_t first, uint32_t count)
{
	/* without an operation there may be no array yet */
	int rc = count ? gremc_fanout_apply(rib->fanout, &rib->ops[first], count, new_id_record, rib) : 0;

	for (uint32_t i = first; rc == 0 && i < first + count; i++) {
		rib->op_entries[i]->is_published = rib->ops[i].kind == GREMC_FANOUT_SET;
		entry_waiting_set(rib, rib->op_entries[i], false);
		gremc_job_pause();
	}
	return rc;
}

static int ops_plan_and_apply(struct gremc_rib *rib, bool all)
{
	uint32_t count;
	int rc = ops_plan(rib, all, &count);

	return rc ? rc : ops_apply(rib, 0, count);
}

int gremc_rib_batch_apply(struct gremc_rib *rib)
{
	return ops_plan_and_apply(rib, false);
}

/* Apply each operation by itself, because one of them fails all together. Returns: number of failures. */
static uint32_t ops_apply_singly(struct gremc_rib *rib, uint32_t count)
{
	uint32_t failed = 0;

	for (uint32_t i = 0; i < count; i++) {
		if (ops_apply(rib, i, 1) == 0)
			continue;
		entry_waiting_set(rib, rib->op_entries[i], true);
		failed++;
	}
	return failed;
}

/* ---- the flush ---- */

uint32_t gremc_rib_dirty_flush(struct gremc_rib *rib)
{
	uint32_t count, failed = 1;
	int rc = batch_collect(rib);

	gremc_assert(rib->is_busy);
	if (rc == 0)
		rc = ops_plan_and_apply(rib, true);
	if (rc == 0) {
		gremc_rib_batch_clean(rib);
		return 0;
	}
	if (rc == -ECANCELED) {
		failed = 0;
		batch_return(rib);
	} else if (ops_plan(rib, true, &count)) {
		/* no memory for the operations: all stays dirty */
		batch_return(rib);
	} else {
		failed = ops_apply_singly(rib, count);
		gremc_rib_batch_clean(rib);
	}
	gremc_rib_failures_add(rib, failed);
	return failed;
}

uint32_t gremc_rib_flush(struct gremc_rib *rib, uint32_t now)
{
	uint32_t failed = 0;

	gremc_assert_control_thread();
	if (rib->is_busy)
		return 0;
	rib->now = now;
	rib->is_busy = true;
	if (gremc_rib_is_dirty(rib))
		failed = gremc_rib_dirty_flush(rib);
	rib->is_busy = false;
	return failed;
}

bool gremc_rib_is_dirty(const struct gremc_rib *rib)
{
	gremc_assert_control_thread();
	return rib->dirty != NULL || rib->all_dirty;
}

uint32_t gremc_rib_dirty_count(const struct gremc_rib *rib)
{
	gremc_assert_control_thread();
	return rib->all_dirty ? rib->entries.count : rib->dirty_count;
}

bool gremc_rib_is_busy(const struct gremc_rib *rib)
{
	gremc_assert_control_thread();
	return rib->is_busy;
}

uint32_t gremc_rib_waiting(const struct gremc_rib *rib)
{
	return gremc_u32_load(&rib->waiting_count);
}

uint32_t gremc_rib_since(const struct gremc_rib *rib, uint32_t id)
{
	gremc_assert(id < GREMC_MROUTE_IDS_MAX);
	return gremc_u32_load(&rib->since[id]);
}

uint64_t gremc_rib_failures(const struct gremc_rib *rib)
{
	return gremc_u64_load(&rib->failures);
}
