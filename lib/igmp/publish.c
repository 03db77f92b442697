/* SPDX-License-Identifier: BSD-3-Clause */
/* Derive the requests of an interface for (*,G) and each (S,G) from its memberships, and publish the changes.
 */
#include "igmp/igmp_priv.h"

#define REPUBLISH_INTERVAL 1000u /* milliseconds */

bool gremc_policy_allows_source(const struct gremc_igmp_policy *policy, rte_be32_t source)
{
	const struct gremc_addr address = gremc_addr_from_ipv4(source);

	for (uint32_t i = 0; i < policy->source_count; i++)
		if (gremc_prefix_covers(&policy->sources[i], &address))
			return true;
	return policy->source_count == 0;
}

bool gremc_policy_allows_group(const struct gremc_igmp_policy *policy, rte_be32_t group)
{
	const struct gremc_addr address = gremc_addr_from_ipv4(group);

	for (uint32_t i = 0; i < policy->group_count; i++)
		if (gremc_prefix_covers(&policy->groups[i], &address))
			return true;
	return policy->group_count == 0;
}

/* Publish a changed request.
 * Returns: false if memory is exhausted; the timer `republish` repeats it. */
static bool request_publish(struct gremc_igmp *igmp, const struct membership *membership, rte_be32_t source,
			    enum gremc_igmp_request before, enum gremc_igmp_request after)
{
	const struct gremc_igmp_callbacks *callbacks = &igmp->callbacks;
	const struct gremc_addr from = gremc_addr_from_ipv4_or_none(source),
				to = gremc_addr_from_ipv4(membership->group);
	struct interface *interface = membership->interface;

	if (before == after)
		return true;
	if (gremc_proxy_change_prepare(igmp, source, membership->group) &&
	    (callbacks->change == NULL ||
	     callbacks->change(callbacks->argument, interface->number, &from, &to, after) == 0)) {
		gremc_proxy_change_add(igmp, source, membership->group, before, after);
		return true;
	}
	gremc_igmp_counter_increment(interface, GREMC_IGMP_COUNT_no_memory);
	interface->is_unpublished = true;
	if (igmp->republish.due == 0)
		gremc_timer_set(&igmp->wheel, &igmp->republish, igmp->now + REPUBLISH_INTERVAL);
	return false;
}

void gremc_igmp_republish_expire(struct gremc_igmp *igmp, struct gremc_timer *timer)
{
	(void)timer;
	for (uint32_t i = 0; i < igmp->interface_limit; i++) {
		struct interface *interface = igmp->interfaces[i];

		if (interface == NULL || !interface->is_unpublished)
			continue;
		interface->is_unpublished = false;
		gremc_interface_publish(igmp, interface);
	}
}

/* The request for a source. For a source without any state it equals the request without the source. */
static enum gremc_igmp_request source_request(const struct membership *membership,
					      const struct source *source, bool any)
{
	const struct gremc_igmp_policy *policy = &membership->interface->policy;
	bool refused = source->excluded && !source->is_static && !membership->is_static;

	if (!any)
		return (gremc_source_timer_runs(source) || source->is_static) &&
				       gremc_policy_allows_source(policy, source->address)
			       ? GREMC_IGMP_INCLUDE
			       : GREMC_IGMP_NONE;
	return refused ? GREMC_IGMP_EXCLUDE : GREMC_IGMP_NONE;
}

/* Publish the request for (*,G). */
static void any_source_publish(struct gremc_igmp *igmp, struct membership *membership, bool any)
{
	enum gremc_igmp_request before = membership->published ? GREMC_IGMP_INCLUDE : GREMC_IGMP_NONE;
	enum gremc_igmp_request after = any ? GREMC_IGMP_INCLUDE : GREMC_IGMP_NONE;

	if (request_publish(igmp, membership, 0, before, after))
		membership->published = any;
}

static void source_publish(struct gremc_igmp *igmp, struct source *source, enum gremc_igmp_request request)
{
	if (request_publish(igmp, source->membership, source->address, source->published, request))
		source->published = request;
}

void gremc_membership_withdraw(struct gremc_igmp *igmp, struct membership *membership)
{
	any_source_publish(igmp, membership, false);
	for (struct source *source = membership->sources; source; source = source->next)
		source_publish(igmp, source, GREMC_IGMP_NONE);
}

void gremc_source_evict(struct gremc_igmp *igmp, struct source *source)
{
	struct membership *membership = source->membership;

	source_publish(igmp, source, GREMC_IGMP_NONE);
	gremc_source_destroy(igmp, source);
	if (membership->sources == NULL && !membership->exclude && !membership->is_static)
		gremc_membership_destroy(igmp, membership);
}

void gremc_membership_publish(struct gremc_igmp *igmp, struct membership *membership)
{
	bool any = membership->exclude || membership->is_static;
	struct source *next;

	gremc_assert_locked(&igmp->lock);
	if (membership->interface->forwards) {
		any_source_publish(igmp, membership, any);
		for (struct source *source = membership->sources; source; source = source->next)
			source_publish(igmp, source, source_request(membership, source, any));
	} else {
		gremc_membership_withdraw(igmp, membership);
	}
	for (struct source *source = membership->sources; source; source = next) {
		next = source->next;
		if (!gremc_source_timer_runs(source) && !source->excluded && !source->is_static)
			gremc_source_destroy(igmp, source);
	}
	if (!any && membership->sources == NULL)
		gremc_membership_destroy(igmp, membership);
}

void gremc_interface_publish(struct gremc_igmp *igmp, struct interface *interface)
{
	struct membership *next;

	for (struct membership *m = interface->memberships; m; m = next) {
		next = m->next;
		if (gremc_policy_allows_group(&interface->policy, m->group))
			gremc_membership_publish(igmp, m);
		else
			gremc_membership_destroy(igmp, m);
	}
}

static void static_join_add(struct gremc_igmp *igmp, struct interface *interface,
			    const struct gremc_igmp_join *join)
{
	const rte_be32_t group = gremc_addr_to_ipv4(&join->group),
			 address = gremc_addr_to_ipv4(&join->source);
	struct membership *m = gremc_membership_find(igmp, interface, group);
	struct source *source;

	if (m == NULL)
		m = gremc_membership_create(igmp, interface, group, true);
	if (m == NULL)
		return;
	gremc_holder_pin(igmp, &m->holder, true);
	if (address == 0) {
		m->is_static = true;
		return;
	}
	source = gremc_source_get(igmp, m, address, true);
	if (source == NULL)
		return;
	gremc_holder_pin(igmp, &source->holder, true);
	source->is_static = true;
}

void gremc_interface_join_static(struct gremc_igmp *igmp, struct interface *interface)
{
	const struct gremc_igmp_policy *policy = &interface->policy;

	for (struct membership *m = interface->memberships; m; m = m->next) {
		m->is_static = false;
		gremc_holder_pin(igmp, &m->holder, false);
		for (struct source *source = m->sources; source; source = source->next) {
			source->is_static = false;
			gremc_holder_pin(igmp, &source->holder, false);
		}
	}
	for (uint32_t i = 0; i < policy->join_count; i++)
		static_join_add(igmp, interface, &policy->joins[i]);
}
