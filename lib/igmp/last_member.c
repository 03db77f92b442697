/* SPDX-License-Identifier: BSD-3-Clause */
/* Last member queries: group specific, and group and source specific (RFC 3376, 6.6). */
#include "igmp/igmp_priv.h"

static bool membership_is_querier(const struct membership *membership)
{
	return membership->interface->is_querier;
}

static uint64_t last_member_due(const struct gremc_igmp *igmp, const struct membership *membership)
{
	return igmp->now + gremc_igmp_last_member_time(igmp, membership->interface);
}

/* Lower a timer.
 * Returns: whether it was later than `due`. */
static bool timer_lower(struct gremc_igmp *igmp, struct gremc_timer *timer, uint64_t due)
{
	if (timer->due <= due)
		return false;
	gremc_timer_set(&igmp->wheel, timer, due);
	return true;
}

/* ---- sent queries ---- */

static bool group_query_send(struct gremc_igmp *igmp, struct membership *m)
{
	/* a member has answered, so other routers do not lower their timers (RFC 3376, 6.6.3.1) */
	bool suppress = m->timer.due > last_member_due(igmp, m);

	if (!gremc_querier_query_send(igmp, m->interface, m->group, NULL, 0, suppress))
		return false;
	m->queries_left--;
	return true;
}

/* Sources of a query. */
struct batch {
	struct source *source[GREMC_QUERY_SOURCES];
	uint16_t count, most;
};

static bool source_batch_send(struct gremc_igmp *igmp, struct membership *m, struct batch *batch,
			      bool suppress)
{
	rte_be32_t addresses[GREMC_QUERY_SOURCES];

	for (uint16_t i = 0; i < batch->count; i++)
		addresses[i] = batch->source[i]->address;
	if (batch->count &&
	    !gremc_querier_query_send(igmp, m->interface, m->group, addresses, batch->count, suppress))
		return false;
	for (uint16_t i = 0; i < batch->count; i++)
		batch->source[i]->queries_left--;
	batch->count = 0;
	return true;
}

/* Send queries for the sources whose timers are above (`above`) or not above the last member query time (RFC
 * 3376, 6.6.3.2), in as many messages as the MTU requires. Returns: false if a message was not sent. */
static bool source_queries_send(struct gremc_igmp *igmp, struct membership *m, size_t size, bool above)
{
	struct batch batch = {
		.most = RTE_MIN(gremc_igmp_query_capacity(size), (uint16_t)GREMC_QUERY_SOURCES)};
	uint64_t due = last_member_due(igmp, m);

	for (struct source *source = m->sources; source; source = source->next) {
		if (source->queries_left == 0 || (source->timer.due > due) != above)
			continue;
		batch.source[batch.count++] = source;
		if (batch.count == batch.most && !source_batch_send(igmp, m, &batch, above))
			return false;
	}
	return source_batch_send(igmp, m, &batch, above);
}

/* Returns: false if a message was not sent. */
static bool last_queries_send(struct gremc_igmp *igmp, struct membership *m)
{
	bool group = m->queries_left > 0;
	size_t size = gremc_interface_packet_max(igmp, m->interface);

	if (size == 0 || (group && !group_query_send(igmp, m)) || !source_queries_send(igmp, m, size, false))
		return false;
	/* a group query includes a source query with the S flag (RFC 3376, 6.6.3.2) */
	return group || source_queries_send(igmp, m, size, true);
}

static bool last_queries_remain(const struct membership *m)
{
	bool more = m->queries_left > 0;

	for (const struct source *source = m->sources; source && !more; source = source->next)
		more = source->queries_left > 0;
	return more;
}

static void last_queries_continue(struct gremc_igmp *igmp, struct membership *m)
{
	if (m->interface->is_blocked || !last_queries_send(igmp, m)) {
		m->is_query_pending = true;
		return;
	}
	if (last_queries_remain(m))
		gremc_timer_set(&igmp->wheel, &m->retransmit,
				igmp->now + igmp->settings.last_member_interval);
}

/* The response time starts with the query. */
static void timer_raise(struct gremc_igmp *igmp, struct gremc_timer *timer, uint64_t due)
{
	if (timer->due && timer->due < due)
		gremc_timer_set(&igmp->wheel, timer, due);
}

void gremc_membership_resume(struct gremc_igmp *igmp, struct membership *m)
{
	uint64_t due = last_member_due(igmp, m);

	gremc_assert_locked(&igmp->lock);
	if (!m->is_query_pending)
		return;
	m->is_query_pending = false;
	if (m->queries_left)
		timer_raise(igmp, &m->timer, due);
	for (struct source *source = m->sources; source; source = source->next)
		if (source->queries_left)
			timer_raise(igmp, &source->timer, due);
	last_queries_continue(igmp, m);
}

bool gremc_membership_timer_waits(const struct gremc_igmp *igmp, const struct membership *m)
{
	const struct interface *interface = m->interface;

	return m->is_query_pending && interface->is_blocked &&
	       igmp->now < interface->blocked_since + gremc_igmp_group_timeout(igmp, interface);
}

void gremc_membership_group_query(struct gremc_igmp *igmp, struct membership *m)
{
	gremc_assert_locked(&igmp->lock);
	if (m->interface->policy.fast_leave) {
		/* as if no member had answered; the caller publishes */
		gremc_timer_stop(&igmp->wheel, &m->timer);
		m->exclude = false;
		for (struct source *source = m->sources; source; source = source->next)
			source->excluded = false;
		return;
	}
	if (!membership_is_querier(m))
		return;
	timer_lower(igmp, &m->timer, last_member_due(igmp, m));
	m->queries_left = (uint8_t)gremc_igmp_last_member_count(igmp, m->interface);
	last_queries_continue(igmp, m);
}

static void source_drop(struct gremc_igmp *igmp, struct source *source)
{
	gremc_timer_stop(&igmp->wheel, &source->timer);
	source->excluded = source->membership->exclude;
}

void gremc_membership_source_query(struct gremc_igmp *igmp, struct membership *m, bool marked)
{
	uint8_t count = (uint8_t)gremc_igmp_last_member_count(igmp, m->interface);
	uint64_t due = last_member_due(igmp, m);
	bool any = false;

	for (struct source *source = m->sources; source; source = source->next) {
		if (!gremc_source_timer_runs(source) || (source->mark == igmp->epoch) != marked)
			continue;
		if (m->interface->policy.fast_leave) {
			source_drop(igmp, source);
		} else if (membership_is_querier(m) && source->timer.due >= due) {
			timer_lower(igmp, &source->timer, due);
			source->queries_left = count;
			any = true;
		}
	}
	if (any)
		last_queries_continue(igmp, m);
}

void gremc_membership_retransmit_expire(struct gremc_igmp *igmp, struct gremc_timer *timer)
{
	/* A router that stops being the querier completes its last member queries, because the new querier
	 * has not received the leave (RFC 2236, 3). */
	last_queries_continue(igmp, container_of(timer, struct membership, retransmit));
}

/* ---- received queries ---- */

void gremc_membership_timers_lower(struct gremc_igmp *igmp, struct membership *m,
				   const struct gremc_igmp_message *query)
{
	uint64_t due = last_member_due(igmp, m);

	if (query->source_count == 0 && m->exclude)
		timer_lower(igmp, &m->timer, due);
	for (uint16_t i = 0; i < query->source_count; i++) {
		struct source *source = gremc_source_find(igmp, m, gremc_igmp_source_at(query->sources, i));

		if (source && gremc_source_timer_runs(source))
			timer_lower(igmp, &source->timer, due);
	}
}
