/* SPDX-License-Identifier: BSD-3-Clause */
/* Keys with several mroutes, each with other iifs: branches, and the trunk that the hash has. */
#include <errno.h>
#include <stdlib.h>

#include "fanout/fanout_priv.h"

/* An accepted iif and the distance of its branch from the trunk. */
struct trunk_iif {
	uint32_t vif;
	int32_t distance;
};

static_assert((UINT64_C(64) << 30) / GREMC_SLAB_STEP <= INT32_MAX, "a distance in any slab has 32 bits");

int gremc_route_check(const struct gremc_mroute_spec *spec)
{
	uint64_t iifs = 0;

	if (spec->branch_count == 0)
		return gremc_spec_check(spec);
	for (uint32_t i = 0; i < spec->branch_count; i++) {
		const struct gremc_mroute_spec *branch = &spec->branches[i];
		const int rc = gremc_spec_check(branch);

		if (rc)
			return rc;
		if (branch->source != spec->source || branch->group != spec->group ||
		    branch->length != spec->length || branch->branch_count > 0 || branch->iif_count == 0)
			return -EINVAL;
		iifs += branch->iif_count;
	}
	if (spec->branch_count == 1)
		return -EINVAL;
	return iifs > GREMC_FANOUT_MAX ? -E2BIG : 0;
}

static int trunk_iif_compare(const void *a, const void *b)
{
	uint32_t left = ((const struct trunk_iif *)a)->vif, right = ((const struct trunk_iif *)b)->vif;

	return (left > right) - (left < right);
}

/* Create the branches of a trunk, and list their iifs.
 * Errors:  -ENOMEM; -EINVAL: a vif twice in one list. The branches so far are in *created in either case,
 *          linked by `next`. */
static int branches_create(struct gremc_slab *slab, const struct gremc_mroute_spec *spec,
			   struct gremc_object *trunk, struct trunk_iif *iifs, struct gremc_object **created)
{
	for (uint32_t i = 0; i < spec->branch_count; i++) {
		const struct gremc_mroute_spec *branch = &spec->branches[i];
		struct gremc_object *object;
		int64_t bytes;
		int rc = gremc_object_create(slab, branch, &object);

		if (rc)
			return rc;
		object->next = *created;
		*created = object;
		object->trunk = trunk;
		gremc_object_mroute(object)->branch = true;
		bytes = (const uint8_t *)object - (const uint8_t *)trunk;
		for (uint32_t k = 0; k < branch->iif_count; k++)
			*iifs++ = (struct trunk_iif){branch->iifs[k], (int32_t)(bytes / GREMC_SLAB_STEP)};
	}
	return 0;
}

/* Write the iifs into the trunk.
 * Errors:  -EINVAL: two branches have one iif. */
static int trunk_iifs_write(struct gremc_mroute *trunk, struct trunk_iif *iifs)
{
	const uint32_t count = trunk->iif_count;

	qsort(iifs, count, sizeof(*iifs), trunk_iif_compare);
	for (uint32_t i = 0; i < count; i++) {
		if (i > 0 && iifs[i].vif == iifs[i - 1].vif)
			return -EINVAL;
		trunk->vif[i] = iifs[i].vif;
		trunk->vif[count + i] = (uint32_t)iifs[i].distance;
	}
	return 0;
}

static int trunk_create(struct gremc_slab *slab, const struct gremc_mroute_spec *spec,
			struct gremc_object **out)
{
	struct gremc_object *trunk, *created = NULL, *next;
	struct trunk_iif *iifs;
	uint32_t count = 0;
	int rc = -ENOMEM;

	for (uint32_t i = 0; i < spec->branch_count; i++)
		count += spec->branches[i].iif_count;
	iifs = malloc(count * sizeof(*iifs));
	trunk = gremc_trunk_object_create(slab, spec, count);
	if (trunk && iifs)
		rc = branches_create(slab, spec, trunk, iifs, &created);
	if (rc == 0)
		rc = trunk_iifs_write(gremc_object_mroute(trunk), iifs);
	for (; created; created = next) {
		next = created->next;
		created->next = NULL;
		if (rc)
			gremc_object_destroy(slab, created);
	}
	if (rc && trunk)
		gremc_object_destroy(slab, trunk);
	free(iifs);
	*out = trunk;
	return rc;
}

int gremc_route_create(struct gremc_slab *slab, const struct gremc_mroute_spec *spec,
		       struct gremc_object **out)
{
	return spec->branch_count > 0 ? trunk_create(slab, spec, out) : gremc_object_create(slab, spec, out);
}

void gremc_route_destroy(struct gremc_slab *slab, struct gremc_object *object)
{
	const struct gremc_mroute *mroute = gremc_object_mroute(object);

	/* From the last iif on: the first iif of a branch is the last one that needs it. */
	for (uint32_t i = mroute->trunk ? mroute->iif_count : 0; i-- > 0;) {
		const struct gremc_mroute *branch = gremc_trunk_branch_begin(mroute, i);

		if (branch)
			gremc_object_destroy(slab, gremc_object_of(branch));
	}
	gremc_object_destroy(slab, object);
}

bool gremc_route_same(const struct gremc_mroute *a, const struct gremc_mroute *b)
{
	if (!a->trunk || !b->trunk)
		return a->trunk == b->trunk && gremc_mroute_same(a, b);
	if (a->iif_count != b->iif_count || memcmp(a->vif, b->vif, a->iif_count * sizeof(*a->vif)))
		return false;
	for (uint32_t i = 0; i < a->iif_count; i++) {
		const struct gremc_mroute *left = gremc_trunk_branch_begin(a, i),
					  *right = gremc_trunk_branch_begin(b, i);

		if ((left == NULL) != (right == NULL) || (left && !gremc_mroute_same(left, right)))
			return false;
	}
	return true;
}

uint32_t gremc_route_branches(const struct gremc_mroute *mroute)
{
	uint32_t at = 0, count = 0;

	while (gremc_branch_next(mroute, &at))
		count++;
	return count;
}
