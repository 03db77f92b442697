/* SPDX-License-Identifier: BSD-3-Clause */
/* The querier election and general queries (RFC 3376, 6.6.2, 7.3 and 8). */
#include "igmp/igmp_priv.h"

/* The first queries of all interfaces are spread over this interval; milliseconds. */
#define SPREAD 1000u

static void querier_timing_reset(const struct gremc_igmp *igmp, struct interface *interface)
{
	interface->robustness = igmp->settings.robustness;
	interface->query_interval = igmp->settings.query_interval;
}

void gremc_querier_update(struct gremc_igmp *igmp, struct interface *interface)
{
	bool forwards = interface->policy.mode == GREMC_IGMP_QUERIER &&
			(interface->is_querier || igmp->proxy.interface == NULL);

	if (interface->forwards == forwards)
		return;
	interface->forwards = forwards;
	gremc_interface_publish(igmp, interface);
}

static void querier_become(struct gremc_igmp *igmp, struct interface *interface, uint64_t first)
{
	interface->is_querier = true;
	interface->querier = gremc_addr_to_ipv4(&interface->policy.address);
	querier_timing_reset(igmp, interface);
	gremc_timer_set(&igmp->wheel, &interface->query, first);
	gremc_querier_update(igmp, interface);
}

void gremc_querier_start(struct gremc_igmp *igmp, struct interface *interface)
{
	gremc_assert_locked(&igmp->lock);
	interface->startup_left = igmp->settings.robustness;
	querier_become(igmp, interface, igmp->now + interface->number * 10u % SPREAD);
}

void gremc_querier_query_now(struct gremc_igmp *igmp, struct interface *interface)
{
	uint64_t due = igmp->now + interface->number * 10u % SPREAD;

	if (interface->is_querier && interface->query.due > due)
		gremc_timer_set(&igmp->wheel, &interface->query, due);
}

void gremc_querier_stop(struct gremc_igmp *igmp, struct interface *interface)
{
	gremc_timer_stop(&igmp->wheel, &interface->query);
	gremc_timer_stop(&igmp->wheel, &interface->other_querier);
	gremc_interface_unblock(interface);
	interface->is_querier = interface->is_query_due = false;
	interface->querier = 0;
}

void gremc_querier_expire(struct gremc_igmp *igmp, struct gremc_timer *timer)
{
	struct interface *interface = container_of(timer, struct interface, query);
	uint32_t wait = interface->query_interval;

	/* a query that is not sent stays due until the interface can send; it does not count for the startup
	 */
	interface->is_query_due =
		interface->is_blocked || !gremc_querier_query_send(igmp, interface, 0, NULL, 0, false);
	if (!interface->is_query_due && interface->startup_left > 0 && --interface->startup_left > 0)
		wait /= 4;
	gremc_timer_set(&igmp->wheel, &interface->query, igmp->now + wait);
}

void gremc_querier_other_expire(struct gremc_igmp *igmp, struct gremc_timer *timer)
{
	struct interface *interface = container_of(timer, struct interface, other_querier);

	querier_become(igmp, interface, igmp->now);
}

bool gremc_querier_query_send(struct gremc_igmp *igmp, struct interface *interface, rte_be32_t group,
			      const rte_be32_t *sources, uint16_t source_count, bool suppress)
{
	const struct gremc_igmp_query query = {
		.version = interface->policy.version,
		.source = gremc_addr_to_ipv4(&interface->policy.address),
		.group = group,
		.response_time =
			group ? igmp->settings.last_member_interval : igmp->settings.response_interval,
		.interval = interface->query_interval,
		.robustness = interface->robustness,
		.suppress = suppress,
		.sources = sources,
		.source_count = source_count,
	};
	uint8_t packet[GREMC_IGMP_PACKET_MIN + GREMC_QUERY_SOURCES * sizeof(rte_be32_t)];

	gremc_assert_locked(&igmp->lock);
	gremc_assert(source_count <= GREMC_QUERY_SOURCES);
	/* version 1 has no group specific queries, version 2 no source specific ones */
	if ((group && query.version == 1) || (source_count && query.version == 2))
		return true;
	if (gremc_interface_packet_max(igmp, interface) == 0 ||
	    !gremc_interface_send(igmp, interface, packet, gremc_igmp_query_build(packet, &query)))
		return false;
	gremc_igmp_counter_increment(interface, GREMC_IGMP_COUNT_queries_sent);
	return true;
}

void gremc_querier_resume(struct gremc_igmp *igmp, struct interface *interface)
{
	if (interface->is_query_due && interface->is_querier)
		gremc_timer_set(&igmp->wheel, &interface->query, igmp->now);
	for (struct membership *m = interface->memberships; m && !interface->is_blocked; m = m->next)
		gremc_membership_resume(igmp, m);
}

/* Whether the other router wins the election: the lower address is the querier (RFC 3376, 6.6.2). A router
 * with the address 0.0.0.0 loses. */
static bool querier_other_wins(const struct interface *interface, rte_be32_t other)
{
	rte_be32_t own = gremc_addr_to_ipv4(&interface->policy.address);

	return other != 0 && other != own && (own == 0 || rte_be_to_cpu_32(other) < rte_be_to_cpu_32(own));
}

static void querier_yield(struct gremc_igmp *igmp, struct interface *interface,
			  const struct gremc_igmp_message *query)
{
	uint64_t present;

	interface->is_querier = false;
	interface->querier = query->source;
	interface->robustness = query->robustness ? query->robustness : igmp->settings.robustness;
	interface->query_interval = query->interval ? query->interval : igmp->settings.query_interval;
	/* other querier present interval (RFC 3376, 8.5) */
	present = (uint64_t)interface->robustness * interface->query_interval + query->response_time / 2;
	gremc_timer_stop(&igmp->wheel, &interface->query);
	interface->is_query_due = false;
	gremc_timer_set(&igmp->wheel, &interface->other_querier, igmp->now + present);
	gremc_querier_update(igmp, interface);
}

void gremc_querier_query_input(struct gremc_igmp *igmp, struct interface *interface,
			       const struct gremc_igmp_message *query)
{
	struct membership *membership;

	gremc_assert_locked(&igmp->lock);
	gremc_igmp_counter_increment(interface, GREMC_IGMP_COUNT_queries_received);
	if (querier_other_wins(interface, query->source)) {
		/* a router with a higher address than the querier's is about to lose the election */
		if (interface->is_querier || query->source == interface->querier ||
		    rte_be_to_cpu_32(query->source) < rte_be_to_cpu_32(interface->querier)) {
			/* general queries carry the intervals, and so do all queries of version 3 */
			querier_yield(igmp, interface, query);
		}
	}
	if (interface->is_querier || query->group == 0 || query->suppress)
		return;
	membership = gremc_membership_find(igmp, interface, query->group);
	if (membership)
		gremc_membership_timers_lower(igmp, membership, query);
}
