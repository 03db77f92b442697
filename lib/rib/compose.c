/* SPDX-License-Identifier: BSD-3-Clause */
/* Composes an mroute from the requests of all origins by the rules of rib.h. */
#include <errno.h>
#include <stdlib.h>

#include "rib/rib_priv.h"

/* The requests that cover an entry: the most specific one of each origin. */
struct request_cover {
	const struct gremc_rib_route *static_route;
	const struct kernel_entry *kernel;
	const struct membership_set *wildcard; /* for an (S,G): the members of its (*,G) */
};

static const struct gremc_rib_route *static_prefix_find(const struct gremc_rib *rib,
							const struct rib_entry *entry)
{
	for (uint32_t length = entry->key.group.length; length-- > 0;) {
		struct gremc_rib_key key = {.source.family = GREMC_FAMILY_NONE};
		const struct rib_entry *wider;

		if (rib->lengths[length] == 0)
			continue;
		key.group = gremc_prefix_of(&entry->key.group.address, length);
		wider = gremc_rib_entry_find(rib, &key);
		if (wider && wider->static_route)
			return wider->static_route;
	}
	return NULL;
}

/* Whether no (*,G) and no wider prefix covers the key (RFC 4607). */
static bool key_is_ssm(const struct gremc_rib_key *key)
{
	return gremc_addr_is_ssm(&key->group.address) && key->group.length >= GREMC_SSM_LENGTH;
}

static struct request_cover cover_find(const struct gremc_rib *rib, const struct rib_entry *entry)
{
	const struct rib_entry *wildcard = entry->wildcard, *every;
	struct request_cover cover = {.static_route = entry->static_route, .kernel = entry->kernel};

	if (key_is_ssm(&entry->key))
		return cover;
	if (wildcard) {
		cover.static_route = cover.static_route ? cover.static_route : wildcard->static_route;
		cover.kernel = cover.kernel ? cover.kernel : wildcard->kernel;
		cover.wildcard = wildcard->members;
	}
	if (cover.static_route == NULL)
		cover.static_route = static_prefix_find(rib, entry);
	if (cover.kernel == NULL) {
		every = gremc_rib_entry_find(rib, &gremc_rib_every_group);
		cover.kernel = every ? every->kernel : NULL;
	}
	return cover;
}

/* ---- lists ---- */

static bool arena_reserve(struct list_arena *arena, size_t more)
{
	size_t capacity = RTE_MAX((size_t)1024, arena->capacity * 2);
	uint32_t *items;

	if (arena->count + more <= arena->capacity)
		return true;
	capacity = RTE_MAX(capacity, arena->count + more);
	items = realloc(arena->items, capacity * sizeof(*items));
	if (items == NULL)
		return false;
	arena->items = items;
	arena->capacity = capacity;
	return true;
}

/* While a list is composed, an item is a vif above its threshold, so that the lowest threshold of a vif comes
 * first. */
#define THRESHOLD_BITS 8

/* ---- policies ---- */

static const struct gremc_config_policy *interface_policy(const struct gremc_rib *rib, uint32_t interface)
{
	return interface < rib->policies.count ? rib->policies.policies[interface] : NULL;
}

/* Whether the outer boundary of a policy has all groups of the route. A boundary that has some of them makes
 * the route conditional. */
static bool boundary_covers(struct gremc_rib *rib, const struct gremc_config_policy *policy,
			    const struct gremc_prefix *groups)
{
	for (uint32_t i = 0; i < policy->out.group_count; i++) {
		const struct gremc_prefix *boundary = &policy->out.groups[i];

		if (boundary->length <= groups->length && gremc_prefix_covers(boundary, &groups->address))
			return true;
		if (gremc_prefix_covers(groups, &boundary->address))
			rib->is_conditional = true;
	}
	return false;
}

/* Whether the interface may be in the oil in composition. */
static bool interface_is_allowed(struct gremc_rib *rib, uint32_t interface)
{
	const struct gremc_config_policy *policy = interface_policy(rib, interface);

	if (policy == NULL)
		return true;
	if (policy->out.source_count > 0 || policy->ttl_threshold > 0)
		rib->is_conditional = true;
	return !boundary_covers(rib, policy, rib->oil_groups);
}

void gremc_rib_policies_set(struct gremc_rib *rib, const struct gremc_config_policy *const *policies,
			    uint32_t interface_count)
{
	struct policy_table table = {policies, policies ? interface_count : 0, 0};

	gremc_assert_control_thread();
	for (uint32_t i = 0; i < table.count; i++)
		if (policies[i] && policies[i]->max_fanout > 0 &&
		    (table.least_fanout == 0 || policies[i]->max_fanout < table.least_fanout))
			table.least_fanout = policies[i]->max_fanout;
	rib->next_policies = table;
}

/* Append the vif of an interface, if the interface has one. The arena has capacity for it. */
static void vif_append(struct gremc_rib *rib, uint32_t interface, uint8_t threshold)
{
	uint32_t vif = interface < rib->interface_count ? rib->vifs[interface] : GREMC_RIB_NONE;

	if (vif == GREMC_RIB_NONE || (rib->oil_groups && !interface_is_allowed(rib, interface)))
		return;
	gremc_assert(vif >> (32 - THRESHOLD_BITS) == 0);
	gremc_assert(rib->arena.count < rib->arena.capacity);
	rib->arena.items[rib->arena.count++] = vif << THRESHOLD_BITS | threshold;
}

static int interfaces_append(struct gremc_rib *rib, const uint32_t *interfaces, uint32_t count)
{
	if (!arena_reserve(&rib->arena, count))
		return -ENOMEM;
	for (uint32_t i = 0; i < count; i++)
		vif_append(rib, interfaces[i], 0);
	return 0;
}

/* Append the OIFs of a kernel route, with or without their thresholds. */
static int kernel_oifs_append(struct gremc_rib *rib, const struct kernel_entry *kernel, bool has_thresholds)
{
	if (!arena_reserve(&rib->arena, kernel->oif_count))
		return -ENOMEM;
	for (uint32_t i = 0; i < kernel->oif_count; i++)
		vif_append(rib, kernel->oifs[i].interface, has_thresholds ? kernel->oifs[i].threshold : 0);
	return 0;
}

/* Append the members of any source.
 * Input:   excluded: without these; NULL: all. */
static int any_source_members_append(struct gremc_rib *rib, const struct interface_set *members,
				     const struct interface_set *excluded)
{
	if (!arena_reserve(&rib->arena, members->count))
		return -ENOMEM;
	for (uint32_t i = 0; i < members->count; i++) {
		const uint32_t interface = members->items[i];

		if (excluded && gremc_interface_set_has(excluded, interface))
			continue;
		vif_append(rib, interface,
			   gremc_interface_set_has(&rib->filtered, interface) ? GREMC_THRESHOLD_SOURCES : 0);
	}
	return 0;
}

static int list_item_compare(const void *a, const void *b)
{
	uint32_t left = *(const uint32_t *)a, right = *(const uint32_t *)b;

	return (left > right) - (left < right);
}

static bool list_item_is_higher_vif(uint32_t item, uint32_t other)
{
	return item >> THRESHOLD_BITS > other >> THRESHOLD_BITS;
}

/* Sort the list from `begin` to the end of the arena, and keep each vif once. Returns: its length. */
static uint32_t list_sort(struct list_arena *arena, size_t begin)
{
	uint32_t *items = &arena->items[begin], count = (uint32_t)(arena->count - begin), kept = 0;
	bool is_sorted = true;

	for (uint32_t i = 1; i < count && is_sorted; i++)
		is_sorted = list_item_is_higher_vif(items[i], items[i - 1]);
	if (!is_sorted) {
		qsort(items, count, sizeof(*items), list_item_compare);
		for (uint32_t i = 0; i < count; i++)
			if (i == 0 || list_item_is_higher_vif(items[i], items[kept - 1]))
				items[kept++] = items[i];
		count = kept;
	}
	arena->count = begin + count;
	return count;
}

/* Convert `count` items from `begin` on to vifs. If one of them has a threshold, or `always`, append the
 * thresholds to the arena.
 * Output:  *thresholds: their offset; 0: none. */
static int list_finish(struct list_arena *arena, size_t begin, uint32_t count, bool always,
		       size_t *thresholds)
{
	uint32_t words = (count + sizeof(uint32_t) - 1) / sizeof(uint32_t), any = always;
	uint8_t *bytes;

	*thresholds = 0;
	if (!arena_reserve(arena, words))
		return -ENOMEM;
	bytes = (uint8_t *)&arena->items[arena->count];
	for (size_t i = begin; i < begin + count; i++) {
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

/* ---- the mroute ---- */

static int oil_append(struct gremc_rib *rib, const struct rib_entry *entry, const struct request_cover *cover)
{
	const struct membership_set *members = entry->members;
	const bool has_source = gremc_addr_is_set(&entry->key.source);
	int rc = 0;

	rib->oil_groups = &entry->key.group;
	if (cover->static_route)
		rc = interfaces_append(rib, cover->static_route->oifs, cover->static_route->oif_count);
	if (rc == 0 && cover->kernel)
		rc = kernel_oifs_append(rib, cover->kernel, true);
	if (rc == 0 && members && has_source)
		rc = interfaces_append(rib, members->included.items, members->included.count);
	else if (rc == 0 && members)
		rc = any_source_members_append(rib, &members->included, NULL);
	if (rc == 0 && cover->wildcard)
		rc = any_source_members_append(rib, &cover->wildcard->included,
					       members ? &members->excluded : NULL);
	if (rc == 0 && rib->upstream != GREMC_RIB_NONE && (members || cover->wildcard))
		rc = interfaces_append(rib, &rib->upstream, 1);
	rib->oil_groups = NULL;
	return rc;
}

/* Append the accepted iifs.
 * Output:  *accepts_none: the iifs are restricted and none of them has a vif. */
static int iifs_append(struct gremc_rib *rib, const struct request_cover *cover, bool *accepts_none)
{
	size_t begin = rib->arena.count;
	int rc = 0;

	*accepts_none = false;
	if (cover->static_route) {
		rc = interfaces_append(rib, cover->static_route->iifs, cover->static_route->iif_count);
		*accepts_none = cover->static_route->iif_count > 0 && rib->arena.count == begin;
	} else if (cover->kernel) {
		rc = interfaces_append(rib, &cover->kernel->iif, 1);
		if (rc == 0 && cover->kernel->is_wildcard)
			rc = kernel_oifs_append(rib, cover->kernel, false);
		*accepts_none = rib->arena.count == begin;
	}
	return rc;
}

/* Set the key. The table has IPv4 addresses of 4 bytes. */
static void spec_set_key(struct gremc_mroute_spec *spec, const struct gremc_rib_key *key)
{
	*spec = (struct gremc_mroute_spec){
		.source = gremc_addr_to_ipv4(&key->source),
		.group = gremc_addr_to_ipv4(&key->group.address),
		.length = (uint8_t)key->group.length,
	};
}

static void spec_set_origins(struct gremc_mroute_spec *spec, const struct rib_entry *entry,
			     const struct request_cover *cover)
{
	const bool has_members = entry->members || cover->wildcard;

	spec->origin = entry->static_route ? GREMC_ORIGIN_STATIC
		       : entry->members    ? GREMC_ORIGIN_IGMP
					   : GREMC_ORIGIN_KERNEL;
	spec->origins = (uint8_t)((cover->static_route ? GREMC_ORIGIN_BIT(GREMC_ORIGIN_STATIC) : 0) |
				  (has_members ? GREMC_ORIGIN_BIT(GREMC_ORIGIN_IGMP) : 0) |
				  (cover->kernel ? GREMC_ORIGIN_BIT(GREMC_ORIGIN_KERNEL) : 0));
	/* The kernel forwards the punted packets, by its own interfaces only. So no other origin may request
	 * the route. */
	spec->sampled = spec->origins == GREMC_ORIGIN_BIT(GREMC_ORIGIN_KERNEL) && cover->kernel->has_register;
	spec->rotates = cover->static_route && cover->static_route->rotates;
}

/* Compose the lists of the spec, as offsets. */
static int spec_compose_lists(struct gremc_rib *rib, const struct rib_entry *entry,
			      const struct request_cover *cover, struct gremc_mroute_spec *spec)
{
	const size_t iifs = rib->arena.count;
	size_t oifs, thresholds;
	bool accepts_none;
	int rc = iifs_append(rib, cover, &accepts_none);

	rib->is_conditional = false;

	if (rc)
		return rc;
	spec->iif_count = list_sort(&rib->arena, iifs);
	rc = accepts_none ? 0 : oil_append(rib, entry, cover);
	if (rc)
		return rc;
	oifs = iifs + spec->iif_count;
	spec->oif_count = list_sort(&rib->arena, oifs);
	rib->is_conditional |= rib->policies.least_fanout > 0 && spec->oif_count > rib->policies.least_fanout;
	rc = list_finish(&rib->arena, iifs, spec->iif_count, false, &thresholds);
	if (rc == 0)
		rc = list_finish(&rib->arena, oifs, spec->oif_count, spec->sampled || rib->is_conditional,
				 &thresholds);
	spec->iifs = (const uint32_t *)iifs;
	spec->oifs = (const uint32_t *)oifs;
	spec->thresholds = (const uint8_t *)thresholds;
	return rc;
}

/* ---- branches ---- */

/* Whether packets can arrive by an iif of the static route. */
static bool static_route_has_iif(const struct gremc_rib *rib, const struct gremc_rib_route *route)
{
	for (uint32_t i = 0; i < route->iif_count; i++)
		if (route->iifs[i] < rib->interface_count && rib->vifs[route->iifs[i]] != GREMC_RIB_NONE)
			return true;
	return false;
}

/* Find the branches of a trunk: the static routes from `route` on with an iif. Returns: the first one. */
static const struct gremc_rib_route *static_branch_next(const struct gremc_rib *rib,
							const struct gremc_rib_route *route)
{
	while (route && !static_route_has_iif(rib, route))
		route = route->next;
	return route;
}

static bool branch_reserve(struct branch_arena *arena)
{
	size_t capacity = RTE_MAX((size_t)64, arena->capacity * 2);
	struct gremc_mroute_spec *items;

	if (arena->count < arena->capacity)
		return true;
	items = realloc(arena->items, capacity * sizeof(*items));
	if (items == NULL)
		return false;
	arena->items = items;
	arena->capacity = capacity;
	return true;
}

/* Compose each static route with an iif as a branch. */
static int spec_compose_branches(struct gremc_rib *rib, const struct rib_entry *entry,
				 struct request_cover *cover, struct gremc_mroute_spec *trunk)
{
	const struct gremc_rib_route *route = static_branch_next(rib, cover->static_route);

	trunk->branches = (const struct gremc_mroute_spec *)rib->branches.count;
	for (; route; route = static_branch_next(rib, route->next)) {
		struct gremc_mroute_spec branch = *trunk;
		int rc;

		cover->static_route = route;
		branch.branch_count = 0;
		spec_set_origins(&branch, entry, cover);
		rc = spec_compose_lists(rib, entry, cover, &branch);
		if (rc || !branch_reserve(&rib->branches))
			return rc ? rc : -ENOMEM;
		rib->branches.items[rib->branches.count++] = branch;
		trunk->branch_count++;
	}
	return 0;
}

/* ---- the specs of a batch ---- */

int gremc_rib_spec_compose(struct gremc_rib *rib, const struct rib_entry *entry,
			   struct gremc_mroute_spec *spec, bool *is_requested)
{
	struct request_cover cover;
	const struct gremc_rib_route *first;

	spec_set_key(spec, &entry->key);
	*is_requested = entry->static_route || entry->members || entry->kernel;
	if (!*is_requested)
		return 0;
	cover = cover_find(rib, entry);
	if (cover.static_route && cover.static_route->next) {
		first = static_branch_next(rib, cover.static_route);
		if (first && static_branch_next(rib, first->next))
			return spec_compose_branches(rib, entry, &cover, spec);
		/* at most one of them is left, which needs no trunk */
		cover.static_route = first ? first : cover.static_route;
	}
	spec_set_origins(spec, entry, &cover);
	return spec_compose_lists(rib, entry, &cover, spec);
}

void gremc_rib_specs_reset(struct gremc_rib *rib)
{
	rib->arena.count = 0;
	rib->branches.count = 0;
}

static void spec_finish_lists(const struct gremc_rib *rib, struct gremc_mroute_spec *spec)
{
	spec->iifs = &rib->arena.items[(uintptr_t)spec->iifs];
	spec->oifs = &rib->arena.items[(uintptr_t)spec->oifs];
	if (spec->thresholds)
		spec->thresholds = (const uint8_t *)&rib->arena.items[(uintptr_t)spec->thresholds];
}

void gremc_rib_spec_finish(const struct gremc_rib *rib, struct gremc_mroute_spec *spec)
{
	struct gremc_mroute_spec *branches;

	if (spec->branch_count == 0) {
		spec_finish_lists(rib, spec);
		return;
	}
	branches = &rib->branches.items[(uintptr_t)spec->branches];
	for (uint32_t i = 0; i < spec->branch_count; i++)
		spec_finish_lists(rib, &branches[i]);
	spec->branches = branches;
}
