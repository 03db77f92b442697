/* SPDX-License-Identifier: BSD-3-Clause */
/* "Is there still somebody?": group specific, and group and source specific queries. */
#include "igmp/igmp_priv.h"

static bool is_querier(const struct membership *membership)
{
	return membership->interface->is_querier;
}

static uint64_t last_due(const struct gremc_igmp *igmp, const struct membership *membership)
{
	return igmp->now + gremc_igmp_last_time(igmp, membership->interface);
}

/* Timers are only ever lowered. Returns whether this one was. */
static bool lower(struct gremc_igmp *igmp, struct gremc_timer *timer, uint64_t due)
{
	if (timer->due <= due)
		return false;
	gremc_timer_set(&igmp->wheel, timer, due);
	return true;
}

/* ---- sent ---- */

static void query_group(struct gremc_igmp *igmp, struct membership *m)
{
	/* somebody has answered: other routers need not lower their timers (6.6.3.1) */
	bool suppress = m->timer.due > last_due(igmp, m);

	m->queries_left--;
	gremc_querier_send(igmp, m->interface, m->group, NULL, 0, suppress);
}

/* One query for the sources whose timers are above, or not above, the last member query time (6.6.3.2). */
static void query_sources(struct gremc_igmp *igmp, struct membership *m, bool above)
{
	rte_be32_t sources[GREMC_IGMP_SOURCES_MAX];
	uint64_t due = last_due(igmp, m);
	uint16_t count = 0;

	for (struct source *source = m->sources; source; source = source->next) {
		if (source->queries_left == 0 || (source->timer.due > due) != above)
			continue;
		source->queries_left--;
		sources[count++] = source->address;
		if (count < GREMC_IGMP_SOURCES_MAX)
			continue;
		gremc_querier_send(igmp, m->interface, m->group, sources, count, above);
		count = 0;
	}
	if (count)
		gremc_querier_send(igmp, m->interface, m->group, sources, count, above);
}

static void send_queries(struct gremc_igmp *igmp, struct membership *m)
{
	bool group = m->queries_left > 0, more = false;

	if (group)
		query_group(igmp, m);
	query_sources(igmp, m, false);
	/* a group query says as much as one with suppression would */
	if (!group)
		query_sources(igmp, m, true);
	for (struct source *source = m->sources; source && !more; source = source->next)
		more = source->queries_left > 0;
	if (more || m->queries_left > 0)
		gremc_timer_set(&igmp->wheel, &m->retransmit,
				igmp->now + igmp->settings.last_member_interval);
}

void gremc_membership_query(struct gremc_igmp *igmp, struct membership *m)
{
	if (m->interface->policy.fast_leave) {
		/* as if nobody had answered; the caller settles */
		gremc_timer_stop(&igmp->wheel, &m->timer);
		m->exclude = false;
		for (struct source *source = m->sources; source; source = source->next)
			source->excluded = false;
		return;
	}
	if (!is_querier(m))
		return;
	lower(igmp, &m->timer, last_due(igmp, m));
	m->queries_left = (uint8_t)gremc_igmp_last_count(igmp, m->interface);
	send_queries(igmp, m);
}

static void drop_source(struct gremc_igmp *igmp, struct source *source)
{
	gremc_timer_stop(&igmp->wheel, &source->timer);
	source->excluded = source->membership->exclude;
}

void gremc_membership_query_sources(struct gremc_igmp *igmp, struct membership *m, bool marked)
{
	uint8_t count = (uint8_t)gremc_igmp_last_count(igmp, m->interface);
	uint64_t due = last_due(igmp, m);
	bool any = false;

	for (struct source *source = m->sources; source; source = source->next) {
		if (!gremc_source_runs(source) || (source->mark == igmp->epoch) != marked)
			continue;
		if (m->interface->policy.fast_leave) {
			drop_source(igmp, source);
		} else if (is_querier(m) && source->timer.due >= due) {
			lower(igmp, &source->timer, due);
			source->queries_left = count;
			any = true;
		}
	}
	if (any)
		send_queries(igmp, m);
}

void gremc_membership_retransmit(struct gremc_igmp *igmp, struct gremc_timer *timer)
{
	struct membership *m = container_of(timer, struct membership, retransmit);

	if (is_querier(m))
		send_queries(igmp, m);
}

/* ---- received, from the querier ---- */

void gremc_membership_lower(struct gremc_igmp *igmp, struct membership *m,
			    const struct gremc_igmp_message *query)
{
	uint64_t due = last_due(igmp, m);

	if (query->source_count == 0 && m->exclude)
		lower(igmp, &m->timer, due);
	for (uint16_t i = 0; i < query->source_count; i++) {
		struct source *source = gremc_source_find(igmp, m, gremc_igmp_source(query->sources, i));

		if (source && gremc_source_runs(source))
			lower(igmp, &source->timer, due);
	}
}
