/* SPDX-License-Identifier: BSD-3-Clause */
/* From a membership's state to what the interface wants of (*,G) and each (S,G), and from one such to the
 * next: only differences are said. */
#include "igmp/igmp_priv.h"

bool gremc_policy_has_source(const struct gremc_igmp_policy *policy, rte_be32_t source)
{
	for (uint32_t i = 0; i < policy->source_count; i++)
		if (gremc_prefix_covers(&policy->sources[i], source))
			return true;
	return policy->source_count == 0;
}

bool gremc_policy_has_group(const struct gremc_igmp_policy *policy, rte_be32_t group)
{
	for (uint32_t i = 0; i < policy->group_count; i++)
		if (gremc_prefix_covers(&policy->groups[i], group))
			return true;
	return policy->group_count == 0;
}

static void say(struct gremc_igmp *igmp, const struct membership *membership, rte_be32_t source,
		enum gremc_igmp_interest before, enum gremc_igmp_interest after)
{
	const struct gremc_igmp_callbacks *callbacks = &igmp->callbacks;

	if (before == after)
		return;
	if (callbacks->change)
		callbacks->change(callbacks->argument, membership->interface->number, source,
				  membership->group, after);
	gremc_proxy_change(igmp, source, membership->group, before, after);
}

/* What is wanted of a source. Of one without any state this is what holds when it is not there at all. */
static enum gremc_igmp_interest interest_of(const struct membership *membership, const struct source *source,
					    bool any)
{
	const struct gremc_igmp_policy *policy = &membership->interface->policy;
	bool refused = source->excluded && !source->is_static && !membership->is_static;

	if (!any)
		return (gremc_source_runs(source) || source->is_static) &&
				       gremc_policy_has_source(policy, source->address)
			       ? GREMC_IGMP_INCLUDE
			       : GREMC_IGMP_NONE;
	return refused ? GREMC_IGMP_EXCLUDE : GREMC_IGMP_NONE;
}

/* (*,G) */
static void say_any(struct gremc_igmp *igmp, struct membership *membership, bool any)
{
	enum gremc_igmp_interest before = membership->published ? GREMC_IGMP_INCLUDE : GREMC_IGMP_NONE;
	enum gremc_igmp_interest after = any ? GREMC_IGMP_INCLUDE : GREMC_IGMP_NONE;

	membership->published = any;
	say(igmp, membership, 0, before, after);
}

static void say_source(struct gremc_igmp *igmp, struct source *source, enum gremc_igmp_interest interest)
{
	enum gremc_igmp_interest before = source->published;

	source->published = interest;
	say(igmp, source->membership, source->address, before, interest);
}

void gremc_membership_withdraw(struct gremc_igmp *igmp, struct membership *membership)
{
	say_any(igmp, membership, false);
	for (struct source *source = membership->sources; source; source = source->next)
		say_source(igmp, source, GREMC_IGMP_NONE);
}

void gremc_membership_settle(struct gremc_igmp *igmp, struct membership *membership)
{
	bool any = membership->exclude || membership->is_static;
	struct source *next;

	if (membership->interface->forwards) {
		say_any(igmp, membership, any);
		for (struct source *source = membership->sources; source; source = source->next)
			say_source(igmp, source, interest_of(membership, source, any));
	} else {
		gremc_membership_withdraw(igmp, membership);
	}
	for (struct source *source = membership->sources; source; source = next) {
		next = source->next;
		if (!gremc_source_runs(source) && !source->excluded && !source->is_static)
			gremc_source_destroy(igmp, source);
	}
	if (!any && membership->sources == NULL)
		gremc_membership_destroy(igmp, membership);
}

void gremc_interface_settle(struct gremc_igmp *igmp, struct interface *interface)
{
	struct membership *next;

	for (struct membership *m = interface->memberships; m; m = next) {
		next = m->next;
		if (gremc_policy_has_group(&interface->policy, m->group))
			gremc_membership_settle(igmp, m);
		else
			gremc_membership_destroy(igmp, m);
	}
}

void gremc_interface_join_static(struct gremc_igmp *igmp, struct interface *interface)
{
	const struct gremc_igmp_policy *policy = &interface->policy;

	for (struct membership *m = interface->memberships; m; m = m->next) {
		m->is_static = false;
		for (struct source *source = m->sources; source; source = source->next)
			source->is_static = false;
	}
	for (uint32_t i = 0; i < policy->join_count; i++) {
		const struct gremc_igmp_join *join = &policy->joins[i];
		struct membership *m = gremc_membership_find(igmp, interface, join->group);
		struct source *source;

		if (m == NULL)
			m = gremc_membership_create(igmp, interface, join->group);
		if (m == NULL)
			continue;
		if (join->source == 0) {
			m->is_static = true;
			continue;
		}
		source = gremc_source_get(igmp, m, join->source);
		if (source)
			source->is_static = true;
	}
}
