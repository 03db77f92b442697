/* SPDX-License-Identifier: BSD-3-Clause */
/* Snapshots of the state for any thread. */
#include <string.h>

#include "igmp/igmp_priv.h"

static uint32_t timer_remaining(const struct gremc_igmp *igmp, uint64_t due)
{
	return due > igmp->now ? (uint32_t)RTE_MIN(due - igmp->now, (uint64_t)UINT32_MAX) : due != 0;
}

static void interface_info_fill(const struct gremc_igmp *igmp, const struct interface *interface,
				struct gremc_igmp_interface_info *info)
{
	*info = (struct gremc_igmp_interface_info){
		.interface = interface->number,
		.mode = interface->policy.mode,
		.version = interface->policy.version,
		.is_querier = interface->is_querier,
		.address = gremc_addr_from_ipv4(gremc_addr_to_ipv4(&interface->policy.address)),
		.querier = gremc_addr_from_ipv4(interface->querier),
		.groups = interface->membership_count,
		.cost = interface->cost,
		.querier_expires = timer_remaining(igmp, interface->other_querier.due),
		.next_query = timer_remaining(igmp, interface->query.due),
		.robustness = interface->robustness,
		.query_interval = interface->query_interval,
		.group_timeout = (uint32_t)gremc_igmp_group_timeout(igmp, interface),
	};
	memcpy(info->counters, interface->counters, sizeof(info->counters));
}

bool gremc_igmp_interface_info_get(struct gremc_igmp *igmp, uint32_t number,
				   struct gremc_igmp_interface_info *info)
{
	bool found = false;

	pthread_mutex_lock(&igmp->lock);
	for (; number < igmp->interface_limit && !found; number++) {
		found = igmp->interfaces[number] != NULL;
		if (found)
			interface_info_fill(igmp, igmp->interfaces[number], info);
	}
	pthread_mutex_unlock(&igmp->lock);
	return found;
}

void gremc_igmp_budget_info_get(struct gremc_igmp *igmp, struct gremc_igmp_budget_info *info)
{
	const struct budget *budget = &igmp->budget;

	pthread_mutex_lock(&igmp->lock);
	*info = (struct gremc_igmp_budget_info){
		.limit = budget->limit,
		.used = budget->used,
		.routes = budget->routes.count,
		.largest = budget->heap_count ? budget->heap[0]->cost : 0,
	};
	pthread_mutex_unlock(&igmp->lock);
}

static void group_info_fill(const struct gremc_igmp *igmp, const struct membership *m,
			    struct gremc_igmp_group_info *info)
{
	const struct source *source = m->sources;

	*info = (struct gremc_igmp_group_info){
		.number = m->number,
		.interface = m->interface->number,
		.group = gremc_addr_from_ipv4(m->group),
		.exclude = m->exclude,
		.is_static = m->is_static,
		.version = igmp->now < m->v1_until   ? 1
			   : igmp->now < m->v2_until ? 2
						     : 3,
		.expires = timer_remaining(igmp, m->timer.due),
		.age = (uint32_t)((igmp->now - m->since) / 1000),
		.source_count = m->source_count,
	};
	for (unsigned i = 0; i < GREMC_IGMP_INFO_SOURCES && source; i++, source = source->next)
		info->sources[i] = (struct gremc_igmp_source_info){
			.address = gremc_addr_from_ipv4(source->address),
			.excluded = source->excluded,
			.is_static = source->is_static,
			.expires = timer_remaining(igmp, source->timer.due),
		};
}

uint32_t gremc_igmp_groups_list(struct gremc_igmp *igmp, uint32_t from, struct gremc_igmp_group_info *infos,
				uint32_t size, uint32_t *total)
{
	uint32_t count = 0;

	pthread_mutex_lock(&igmp->lock);
	*total = igmp->memberships.count;
	for (; from < igmp->number_limit && count < size; from++)
		if (igmp->numbers[from])
			group_info_fill(igmp, igmp->numbers[from], &infos[count++]);
	pthread_mutex_unlock(&igmp->lock);
	return count;
}

bool gremc_igmp_group_find(struct gremc_igmp *igmp, uint32_t number, const struct gremc_addr *group,
			   struct gremc_igmp_group_info *info)
{
	const struct interface *interface;
	const struct membership *m = NULL;

	pthread_mutex_lock(&igmp->lock);
	interface = gremc_igmp_interface_find(igmp, number);
	if (interface && group->family == GREMC_FAMILY_IPV4)
		m = gremc_membership_find(igmp, interface, group->ipv4);
	if (m)
		group_info_fill(igmp, m, info);
	pthread_mutex_unlock(&igmp->lock);
	return m != NULL;
}
