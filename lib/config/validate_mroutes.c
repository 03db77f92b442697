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

void gremc_config_validate_mroutes(struct loader *l)
{
	const struct gremc_config *config = l->config;
	uint32_t *sorted = gremc_config_array_alloc(l, config->mroute_count, sizeof(*sorted));

	if (sorted == NULL)
		return;
	for (uint32_t i = 0; i < config->mroute_count; i++)
		sorted[i] = i;
	qsort_r(sorted, config->mroute_count, sizeof(*sorted), mroute_compare, config->mroutes);
	for (uint32_t i = 1; i < config->mroute_count; i++) {
		const struct gremc_config_mroute *x = &config->mroutes[sorted[i - 1]],
						 *y = &config->mroutes[sorted[i]];
		struct place first = l->mroute_places[sorted[i - 1]], second = l->mroute_places[sorted[i]];
		char where[WHERE_TEXT], group[GREMC_PREFIX_TEXT];

		if (gremc_prefix_is_equal(&x->group, &y->group) &&
		    gremc_addr_is_equal(&x->source, &y->source))
			gremc_config_error_add(
				l, second,
				"there is an mroute for group %s and %s%s already (%s); keep one of them",
				gremc_prefix_format(group, &y->group),
				gremc_addr_is_set(&y->source) ? "source " : "any source",
				gremc_addr_is_set(&y->source) ? ADDRESS(&y->source) : "",
				gremc_config_place_format(where, l, first, second));
	}
	free(sorted);
}
