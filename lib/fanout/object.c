/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fanout/fanout_priv.h"

int gremc_spec_check(const struct gremc_mroute_spec *spec)
{
	if (spec->length < 4 || spec->length > 32 || !gremc_ipv4_is_multicast(spec->group) ||
	    (spec->group & ~gremc_ipv4_mask(spec->length)))
		return -EINVAL;
	if (spec->source) {
		/* sources in 0.0.0.0/8 are not valid; in keys they are lengths */
		if (spec->length != 32 || gremc_ipv4_is_multicast(spec->source) ||
		    (spec->source & RTE_BE32(0xff000000)) == 0)
			return -EINVAL;
	} else if (spec->length > GREMC_SSM_LENGTH && gremc_ipv4_is_ssm(spec->group)) {
		return -EINVAL; /* no lookup finds it (RFC 4607) */
	}
	if (spec->oif_count > GREMC_FANOUT_MAX || spec->iif_count > GREMC_FANOUT_MAX)
		return -E2BIG;
	return 0;
}

static size_t object_size(uint32_t oif_count, uint32_t iif_count, bool limited)
{
	uint32_t vifs = oif_count + (iif_count > 1 ? iif_count : 0);

	return sizeof(struct gremc_object) + sizeof(struct gremc_mroute) + vifs * sizeof(uint32_t) +
	       (limited ? oif_count : 0);
}

/* A trunk has each iif, and the distance of its branch. */
static size_t trunk_size(uint32_t iif_count)
{
	return sizeof(struct gremc_object) + sizeof(struct gremc_mroute) +
	       2 * (size_t)iif_count * sizeof(uint32_t);
}

static size_t mroute_size(const struct gremc_mroute *mroute)
{
	if (mroute->trunk)
		return trunk_size(mroute->iif_count);
	return object_size(mroute->oif_count, mroute->iif_count, mroute->limited);
}

static int vifs_compare(const void *a, const void *b)
{
	uint32_t left = *(const uint32_t *)a, right = *(const uint32_t *)b;

	return (left > right) - (left < right);
}

/* The length of the ascending start of `vifs`. */
static uint32_t vifs_ascending_length(const uint32_t *vifs, uint32_t count)
{
	for (uint32_t i = 1; i < count; i++)
		if (vifs[i] <= vifs[i - 1])
			return i;
	return count;
}

/* Copy in ascending order.
 * Errors:  -EINVAL: a vif is in it twice. */
static int vifs_copy_sorted(uint32_t *to, const uint32_t *from, uint32_t count)
{
	if (count == 0)
		return 0;
	memcpy(to, from, count * sizeof(*to));
	if (vifs_ascending_length(to, count) == count)
		return 0;
	qsort(to, count, sizeof(*to), vifs_compare);
	return vifs_ascending_length(to, count) == count ? 0 : -EINVAL;
}

/* Whether an accepted iif is in the oil. */
static bool mroute_can_loop(const struct gremc_mroute *mroute)
{
	const uint32_t *iifs = gremc_mroute_iifs(mroute);
	bool found = mroute->iif_count == 0;

	for (uint32_t i = 0; i < mroute->iif_count && !found; i++) {
		uint32_t at = gremc_vif_lower_bound(mroute->vif, mroute->oif_count, iifs[i]);

		found = at < mroute->oif_count && mroute->vif[at] == iifs[i];
	}
	return found;
}

int gremc_object_create(struct gremc_slab *slab, const struct gremc_mroute_spec *spec,
			struct gremc_object **out)
{
	const bool limited = spec->thresholds != NULL;
	struct gremc_object *object =
		gremc_slab_alloc(slab, object_size(spec->oif_count, spec->iif_count, limited));
	struct gremc_mroute *mroute;
	int rc;

	if (object == NULL)
		return -ENOMEM;
	*object = (struct gremc_object){.key = gremc_fanout_key_of(spec->source, spec->group, spec->length)};
	mroute = gremc_object_mroute(object);
	*mroute = (struct gremc_mroute){
		.source = spec->source,
		.group = spec->group,
		.length = spec->length,
		.origin = spec->origin,
		.origins = spec->origins,
		.limited = limited,
		.sampled = limited && spec->sampled,
		.rotates = spec->rotates,
		.iif = spec->iif_count == 1 ? spec->iifs[0] : 0,
		.iif_count = spec->iif_count,
		.oif_count = spec->oif_count,
	};
	rc = vifs_copy_sorted(mroute->vif, spec->oifs, spec->oif_count);
	/* the thresholds are not sorted with the oifs */
	if (limited && vifs_ascending_length(spec->oifs, spec->oif_count) < spec->oif_count)
		rc = -EINVAL;
	if (rc == 0 && spec->iif_count > 1)
		rc = vifs_copy_sorted(&mroute->vif[spec->oif_count], spec->iifs, spec->iif_count);
	if (rc) {
		gremc_object_destroy(slab, object);
		return rc;
	}
	if (limited)
		memcpy((uint8_t *)(uintptr_t)gremc_mroute_thresholds(mroute), spec->thresholds,
		       spec->oif_count);
	mroute->loops = mroute_can_loop(mroute);
	mroute->plain = mroute->iif_count == 1 && mroute->oif_count > 0 && !mroute->loops && !limited;
	*out = object;
	return 0;
}

struct gremc_object *gremc_trunk_object_create(struct gremc_slab *slab, const struct gremc_mroute_spec *spec,
					       uint32_t iif_count)
{
	struct gremc_object *object = gremc_slab_alloc(slab, trunk_size(iif_count));

	if (object == NULL)
		return NULL;
	*object = (struct gremc_object){.key = gremc_fanout_key_of(spec->source, spec->group, spec->length)};
	*gremc_object_mroute(object) = (struct gremc_mroute){
		.source = spec->source,
		.group = spec->group,
		.length = spec->length,
		.origin = spec->branches[0].origin,
		.origins = spec->branches[0].origins,
		.trunk = true,
		.iif_count = iif_count,
	};
	return object;
}

void gremc_object_destroy(struct gremc_slab *slab, struct gremc_object *object)
{
	gremc_slab_free(slab, object, mroute_size(gremc_object_mroute(object)));
}

void gremc_object_copy(struct gremc_slab *slab, const struct gremc_object *object)
{
	const struct gremc_mroute *mroute = (const struct gremc_mroute *)(object + 1);

	gremc_slab_copy(slab, object, mroute_size(mroute));
}

bool gremc_mroute_same(const struct gremc_mroute *a, const struct gremc_mroute *b)
{
	const size_t skip = offsetof(struct gremc_mroute, source);

	return mroute_size(a) == mroute_size(b) &&
	       memcmp(RTE_PTR_ADD(a, skip), RTE_PTR_ADD(b, skip),
		      mroute_size(a) - sizeof(struct gremc_object) - skip) == 0;
}
