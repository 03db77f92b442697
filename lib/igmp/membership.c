/* SPDX-License-Identifier: BSD-3-Clause */
/* Storage of memberships and sources, and their limits per interface. */
#include <stdlib.h>

#include "igmp/igmp_priv.h"

static uint64_t membership_node_key(uint32_t high, rte_be32_t low)
{
	return (uint64_t)high << 32 | low;
}

struct membership *gremc_membership_find(const struct gremc_igmp *igmp, const struct interface *interface,
					 rte_be32_t group)
{
	struct gremc_map_node *node =
		gremc_map_find(&igmp->memberships, membership_node_key(interface->number, group));

	return node ? container_of(node, struct membership, node) : NULL;
}

/* Assign the lowest free number; snapshots page by number.
 * Returns: false if memory is exhausted. */
static bool membership_number_alloc(struct gremc_igmp *igmp, struct membership *membership)
{
	uint32_t at = igmp->first_free;

	while (at < igmp->number_limit && igmp->numbers[at])
		at++;
	if (at == igmp->number_capacity) {
		uint32_t capacity = at ? at * 2 : 64;
		struct membership **numbers = realloc(igmp->numbers, capacity * sizeof(*numbers));

		if (numbers == NULL)
			return false;
		igmp->numbers = numbers;
		igmp->number_capacity = capacity;
	}
	igmp->numbers[at] = membership;
	igmp->first_free = at + 1;
	igmp->number_limit = RTE_MAX(igmp->number_limit, at + 1);
	membership->number = at;
	return true;
}

static void membership_number_free(struct gremc_igmp *igmp, const struct membership *membership)
{
	igmp->numbers[membership->number] = NULL;
	igmp->first_free = RTE_MIN(igmp->first_free, membership->number);
	while (igmp->number_limit > 0 && igmp->numbers[igmp->number_limit - 1] == NULL)
		igmp->number_limit--;
	igmp->first_free = RTE_MIN(igmp->first_free, igmp->number_limit);
}

struct membership *gremc_membership_create(struct gremc_igmp *igmp, struct interface *interface,
					   rte_be32_t group, bool is_pinned)
{
	struct membership *membership;

	gremc_assert_locked(&igmp->lock);
	gremc_assert(gremc_membership_find(igmp, interface, group) == NULL);
	if (interface->membership_count >= interface->policy.max_groups) {
		gremc_igmp_counter_increment(interface, GREMC_IGMP_COUNT_group_limit);
		return NULL;
	}
	membership = calloc(1, sizeof(*membership));
	if (membership == NULL) {
		gremc_igmp_counter_increment(interface, GREMC_IGMP_COUNT_no_memory);
		return NULL;
	}
	if (!gremc_holder_add(igmp, interface, &membership->holder, 0, group, is_pinned)) {
		free(membership);
		return NULL;
	}
	if (!membership_number_alloc(igmp, membership)) {
		gremc_igmp_counter_increment(interface, GREMC_IGMP_COUNT_no_memory);
		gremc_holder_remove(igmp, &membership->holder);
		free(membership);
		return NULL;
	}
	membership->interface = interface;
	membership->group = group;
	membership->since = igmp->now;
	membership->timer.expire = gremc_membership_expire;
	membership->retransmit.expire = gremc_membership_retransmit_expire;
	gremc_map_add(&igmp->memberships, &membership->node, membership_node_key(interface->number, group));
	membership->next = interface->memberships;
	membership->previous = &interface->memberships;
	if (membership->next)
		membership->next->previous = &membership->next;
	interface->memberships = membership;
	interface->membership_count++;
	gremc_igmp_counter_increment(interface, GREMC_IGMP_COUNT_joined);
	return membership;
}

void gremc_source_destroy(struct gremc_igmp *igmp, struct source *source)
{
	gremc_timer_stop(&igmp->wheel, &source->timer);
	gremc_map_remove(&igmp->sources, &source->node);
	gremc_holder_remove(igmp, &source->holder);
	*source->previous = source->next;
	if (source->next)
		source->next->previous = source->previous;
	source->membership->source_count--;
	free(source);
}

void gremc_membership_destroy(struct gremc_igmp *igmp, struct membership *membership)
{
	struct interface *interface = membership->interface;

	gremc_assert_locked(&igmp->lock);
	gremc_membership_withdraw(igmp, membership);
	while (membership->sources)
		gremc_source_destroy(igmp, membership->sources);
	gremc_timer_stop(&igmp->wheel, &membership->timer);
	gremc_timer_stop(&igmp->wheel, &membership->retransmit);
	gremc_map_remove(&igmp->memberships, &membership->node);
	gremc_holder_remove(igmp, &membership->holder);
	*membership->previous = membership->next;
	if (membership->next)
		membership->next->previous = membership->previous;
	membership_number_free(igmp, membership);
	interface->membership_count--;
	gremc_igmp_counter_increment(interface, GREMC_IGMP_COUNT_left);
	free(membership);
}

struct source *gremc_source_find(const struct gremc_igmp *igmp, const struct membership *membership,
				 rte_be32_t address)
{
	struct gremc_map_node *node =
		gremc_map_find(&igmp->sources, membership_node_key(membership->number, address));

	return node ? container_of(node, struct source, node) : NULL;
}

struct source *gremc_source_get(struct gremc_igmp *igmp, struct membership *membership, rte_be32_t address,
				bool is_pinned)
{
	struct source *source = gremc_source_find(igmp, membership, address);
	struct interface *interface = membership->interface;

	if (source)
		return source;
	if (membership->source_count >= interface->policy.max_sources) {
		gremc_igmp_counter_increment(interface, GREMC_IGMP_COUNT_source_limit);
		return NULL;
	}
	source = calloc(1, sizeof(*source));
	if (source == NULL) {
		gremc_igmp_counter_increment(interface, GREMC_IGMP_COUNT_no_memory);
		return NULL;
	}
	if (!gremc_holder_add(igmp, interface, &source->holder, address, membership->group, is_pinned)) {
		free(source);
		return NULL;
	}
	source->membership = membership;
	source->address = address;
	source->timer.expire = gremc_source_expire;
	gremc_map_add(&igmp->sources, &source->node, membership_node_key(membership->number, address));
	source->next = membership->sources;
	source->previous = &membership->sources;
	if (source->next)
		source->next->previous = &source->next;
	membership->sources = source;
	membership->source_count++;
	return source;
}
