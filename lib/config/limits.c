/* SPDX-License-Identifier: BSD-3-Clause */
/* Warnings about settings of `igmp` that contradict each other and are partly without effect. */
#include <stdlib.h>
#include <string.h>

#include "config/config_priv.h"

static bool prefixes_cover_address(const struct gremc_prefix *list, uint32_t count,
				   const struct gremc_addr *address)
{
	bool found = count == 0;

	for (uint32_t i = 0; i < count && !found; i++)
		found = gremc_prefix_covers(&list[i], address);
	return found;
}

static int join_compare_memory(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct gremc_config_join));
}

/* Distinct groups of sorted joins, and the most sources that one of them has. */
static uint32_t joins_count_groups(const struct gremc_config_join *joins, uint32_t count, uint32_t *most)
{
	uint32_t groups = 0, sources = 0;

	*most = 0;
	for (uint32_t i = 0; i < count; i++) {
		bool is_new = i == 0 || !gremc_addr_is_equal(&joins[i].group, &joins[i - 1].group);

		groups += is_new;
		sources = is_new ? 0 : sources;
		sources += gremc_addr_is_set(&joins[i].source) &&
			   (is_new || !gremc_addr_is_equal(&joins[i].source, &joins[i - 1].source));
		*most = RTE_MAX(*most, sources);
	}
	return groups;
}

static void igmp_warn_limit(struct loader *l, struct place place, const char *name, const char *what,
			    uint32_t count, const char *key, uint32_t maximum)
{
	if (count > maximum)
		gremc_config_warning_add(l, place,
					 "%s: `join` has %u %s and `%s` is %u, so some are not joined; raise "
					 "`%s`",
					 name, count, what, key, maximum, key);
}

static void igmp_check_join_limits(struct loader *l, const struct gremc_config_igmp *igmp, struct place place,
				   const char *name)
{
	size_t size = igmp->join_count * sizeof(*igmp->joins);
	struct gremc_config_join *sorted = gremc_config_array_alloc(l, igmp->join_count + 1, sizeof(*sorted));
	uint32_t groups, sources;

	if (sorted == NULL)
		return;
	if (size)
		memcpy(sorted, igmp->joins, size);
	qsort(sorted, igmp->join_count, sizeof(*sorted), join_compare_memory);
	groups = joins_count_groups(sorted, igmp->join_count, &sources);
	free(sorted);
	igmp_warn_limit(l, place, name, "groups", groups, "max-groups", igmp->max_groups);
	igmp_warn_limit(l, place, name, "sources of one group", sources, "max-sources", igmp->max_sources);
}

static void igmp_warn_outside(struct loader *l, struct place place, const char *name, const char *what,
			      const struct gremc_addr *address, const char *key)
{
	gremc_config_warning_add(l, place, "%s: `join` has %s%s, which is outside `%s`, so it is not joined",
				 name, what, ADDRESS(address), key);
}

static void igmp_check_join(struct loader *l, const struct gremc_config_igmp *igmp, struct place place,
			    const char *name, const struct gremc_config_join *join)
{
	if (!prefixes_cover_address(igmp->groups, igmp->group_count, &join->group))
		igmp_warn_outside(l, place, name, "", &join->group, "groups");
	if (gremc_addr_is_set(&join->source) &&
	    !prefixes_cover_address(igmp->sources, igmp->source_count, &join->source))
		igmp_warn_outside(l, place, name, "the source ", &join->source, "sources");
}

void gremc_config_igmp_check_limits(struct loader *l, const struct gremc_config_igmp *igmp,
				    struct place place, const char *name)
{
	const uint32_t seconds = RTE_MAX(l->config->igmp.response_interval / 1000, 1u);

	if (igmp == NULL || igmp->mode != GREMC_IGMP_QUERIER)
		return;
	igmp_check_join_limits(l, igmp, place, name);
	for (uint32_t i = 0; i < igmp->join_count; i++)
		igmp_check_join(l, igmp, place, name, &igmp->joins[i]);
	if (igmp->report_rate && igmp->max_groups > (uint64_t)igmp->report_rate * seconds)
		gremc_config_warning_add(
			l, place,
			"%s: `report-rate` %u lets %u records pass in the %u s in which hosts answer a "
			"query, and `max-groups` is %u, so groups that come back together are missed; "
			"raise `report-rate` to %u",
			name, igmp->report_rate, igmp->report_rate * seconds, seconds, igmp->max_groups,
			(igmp->max_groups + seconds - 1) / seconds);
	if (igmp->max_groups > GREMC_CONFIG_MEMBER_ROUTES)
		gremc_config_warning_add(l, place,
					 "%s: `max-groups` is %u, and all vifs together join %u at most",
					 name, igmp->max_groups, GREMC_CONFIG_MEMBER_ROUTES);
}
