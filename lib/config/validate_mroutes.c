/* SPDX-License-Identifier: BSD-3-Clause */
/* Checks of mroutes against each other. */
#include <stdlib.h>
#include <string.h>

#include "config/config_priv.h"

static int mroute_compare(const void *a, const void *b, void *mroutes)
{
	const struct gremc_config_mroute *all = mroutes;
	uint32_t i = *(const uint32_t *)a, j = *(const uint32_t *)b;
	const struct gremc_config_mroute *x = &all[i], *y = &all[j];

	int order = gremc_addr_compare(&x->group.address, &y->group.address);

	if (order)
		return order;
	if (x->group.length != y->group.length)
		return x->group.length < y->group.length ? -1 : 1;
	order = gremc_addr_compare(&x->source, &y->source);
	if (order)
		return order;
	return i < j ? -1 : i > j; /* the order of the file */
}

static bool mroutes_have_one_key(const struct gremc_config_mroute *x, const struct gremc_config_mroute *y)
{
	return gremc_prefix_is_equal(&x->group, &y->group) && gremc_addr_is_equal(&x->source, &y->source);
}

/* A vif in `from`, and the mroute that has it. */
struct accepted_vif {
	uint32_t vif, mroute;
};

static int accepted_vif_compare(const void *a, const void *b)
{
	const struct accepted_vif *x = a, *y = b;

	if (x->vif != y->vif)
		return x->vif < y->vif ? -1 : 1;
	return x->mroute < y->mroute ? -1 : x->mroute > y->mroute; /* the order of the file */
}

static const char *vif_name(const struct loader *l, uint32_t vif)
{
	if (vif < l->tunnel_count)
		return l->config->tunnels[vif].name;
	vif -= l->tunnel_count;
	return vif < l->config->port_count ? l->config->ports[vif].name : "host";
}

/* Mroute `j` has the key of mroute `i`, which is above it in the file, and `what` accepts packets for both.
 */
static void mroutes_overlap_error(struct loader *l, uint32_t i, uint32_t j, const char *what)
{
	const struct gremc_config_mroute *mroute = &l->config->mroutes[j];
	const bool has_source = gremc_addr_is_set(&mroute->source);
	char where[WHERE_TEXT], group[GREMC_PREFIX_TEXT];

	gremc_config_error_add(
		l, l->mroute_places[j],
		"there is an mroute for group %s and %s%s from %s already (%s); keep one of them, or name other "
		"interfaces in `from`",
		gremc_prefix_format(group, &mroute->group), has_source ? "source " : "any source",
		has_source ? ADDRESS(&mroute->source) : "", what,
		gremc_config_place_format(where, l, l->mroute_places[i], l->mroute_places[j]));
}

/* Check that no two of these mroutes with one key accept packets from one vif. */
static void mroutes_check_from(struct loader *l, const uint32_t *mroutes, uint32_t count)
{
	const struct gremc_config_mroute *all = l->config->mroutes;
	struct accepted_vif *vifs;
	uint32_t total = 0;

	for (uint32_t i = 0; i < count; i++)
		total += all[mroutes[i]].from_count;
	vifs = gremc_config_array_alloc(l, total, sizeof(*vifs));
	if (vifs == NULL)
		return;
	total = 0;
	for (uint32_t i = 0; i < count; i++)
		for (uint32_t k = 0; k < all[mroutes[i]].from_count; k++)
			vifs[total++] = (struct accepted_vif){all[mroutes[i]].from[k], mroutes[i]};
	qsort(vifs, total, sizeof(*vifs), accepted_vif_compare);
	for (uint32_t i = 1; i < total; i++)
		if (vifs[i].vif == vifs[i - 1].vif)
			mroutes_overlap_error(l, vifs[i - 1].mroute, vifs[i].mroute,
					      vif_name(l, vifs[i].vif));
	free(vifs);
}

/* Link and check the mroutes with one key, in the order of the file. */
static void mroutes_link(struct loader *l, const uint32_t *mroutes, uint32_t count)
{
	struct gremc_config_mroute *all = l->config->mroutes;
	bool any = false;

	for (uint32_t i = 1; i < count; i++) {
		all[mroutes[i - 1]].next = mroutes[i];
		all[mroutes[i]].is_branch = true;
		any |= all[mroutes[i]].from_any || all[mroutes[i - 1]].from_any;
		if (all[mroutes[i]].from_any || all[mroutes[i - 1]].from_any)
			mroutes_overlap_error(l, mroutes[i - 1], mroutes[i], "any interface");
	}
	if (count > 1 && !any)
		mroutes_check_from(l, mroutes, count);
}

void gremc_config_validate_mroutes(struct loader *l)
{
	const struct gremc_config *config = l->config;
	uint32_t *sorted = gremc_config_array_alloc(l, config->mroute_count, sizeof(*sorted)), first = 0;

	if (sorted == NULL)
		return;
	for (uint32_t i = 0; i < config->mroute_count; i++)
		sorted[i] = i;
	qsort_r(sorted, config->mroute_count, sizeof(*sorted), mroute_compare, config->mroutes);
	for (uint32_t i = 1; i <= config->mroute_count; i++) {
		if (i < config->mroute_count &&
		    mroutes_have_one_key(&config->mroutes[sorted[first]], &config->mroutes[sorted[i]]))
			continue;
		mroutes_link(l, &sorted[first], i - first);
		first = i;
	}
	free(sorted);
}
