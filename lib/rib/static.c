/* SPDX-License-Identifier: BSD-3-Clause */
/* Replaces one set of static routes by another, completely or not at all. */
#include <errno.h>
#include <string.h>

#include "base/job.h"
#include "rib/rib_priv.h"

/* Account for a static route of the entry in the lengths in use. */
static void static_length_add(struct gremc_rib *rib, const struct rib_entry *entry, int count)
{
	if (gremc_addr_is_set(&entry->key.source))
		return;
	gremc_assert(count > 0 || rib->lengths[entry->key.group.length] > 0);
	rib->lengths[entry->key.group.length] += (uint32_t)count;
}

static void static_route_save(struct gremc_rib *rib, struct rib_entry *entry)
{
	entry->static_before = entry->static_route;
	if (entry->static_route)
		static_length_add(rib, entry, -1);
	entry->static_route = NULL;
}

static void static_route_restore(struct gremc_rib *rib, struct rib_entry *entry)
{
	if (entry->static_route)
		static_length_add(rib, entry, -1);
	entry->static_route = entry->static_before;
	entry->static_before = NULL;
	if (entry->static_route)
		static_length_add(rib, entry, 1);
}

static void static_before_clear(struct gremc_rib *rib, struct rib_entry *entry)
{
	(void)rib;
	entry->static_before = NULL;
}

/* Whether each of several routes with one key has iifs. */
static bool static_branches_are_valid(const struct gremc_rib_route *route)
{
	const struct gremc_rib_key *key = &route->key;

	if (route->next == NULL)
		return true;
	for (; route; route = route->next)
		if (route->iif_count == 0 || memcmp(&route->key, key, sizeof(*key)))
			return false;
	return true;
}

static int static_route_add(struct gremc_rib *rib, const struct gremc_rib_route *route)
{
	struct rib_entry *entry;

	if (gremc_rib_key_check(&route->key))
		return -EAFNOSUPPORT;
	if (!static_branches_are_valid(route))
		return -EINVAL;
	entry = gremc_rib_entry_get(rib, &route->key);
	if (entry == NULL)
		return -ENOMEM;
	if (entry->static_route)
		return -EINVAL; /* a key twice */
	entry->static_route = route;
	static_length_add(rib, entry, 1);
	/* in the order of the configuration, which is that of the memory */
	return gremc_rib_batch_add(rib, entry);
}

static int static_routes_add(struct gremc_rib *rib, const struct gremc_rib_route *routes, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		int rc = static_route_add(rib, &routes[i]);

		if (rc)
			return rc;
		if (gremc_job_pause())
			return -ECANCELED;
	}
	return 0;
}

static void batch_add_visitor(struct gremc_rib *rib, struct rib_entry *entry)
{
	if (gremc_rib_batch_add(rib, entry))
		rib->batch_failed = true;
}

int gremc_rib_static_replace(struct gremc_rib *rib, const struct gremc_rib_route *routes, uint32_t count,
			     const uint32_t *vifs, uint32_t interface_count, uint32_t now)
{
	const uint32_t *old_vifs = rib->vifs, old_interface_count = rib->interface_count;
	int rc;

	gremc_assert_control_thread();
	gremc_assert(!rib->is_busy);
	rib->is_busy = true;
	rib->now = now;
	/* Apply earlier changes of the other origins first, because a failure must not undo them. Those that
	 * do not fit are counted and wait. */
	(void)gremc_rib_dirty_flush(rib);
	gremc_rib_entries_visit(rib, static_route_save);
	rib->vifs = vifs;
	rib->interface_count = interface_count;
	RTE_SWAP(rib->policies, rib->next_policies);
	rib->batch_failed = false;
	rc = static_routes_add(rib, routes, count);
	gremc_rib_entries_visit(rib, batch_add_visitor);
	if (rc == 0 && rib->batch_failed)
		rc = -ENOMEM;
	if (rc == 0)
		rc = gremc_rib_batch_apply(rib);
	gremc_rib_entries_visit(rib, rc ? static_route_restore : static_before_clear);
	if (rc) {
		rib->vifs = old_vifs;
		rib->interface_count = old_interface_count;
		rib->policies = rib->next_policies;
	}
	rib->next_policies = rib->policies;
	gremc_rib_batch_clean(rib);
	rib->is_busy = false;
	return rc;
}
