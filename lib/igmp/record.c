/* SPDX-License-Identifier: BSD-3-Clause */
/* The effect of group records on a membership: the tables of RFC 3376, 6.4.1 and 6.4.2, in their terms. A and
 * X are the sources with a running timer, Y the excluded sources, A or B the sources of the record. */
#include "igmp/igmp_priv.h"

static void source_timer_start(struct gremc_igmp *igmp, struct source *source, uint64_t due)
{
	source->excluded = false;
	gremc_timer_set(&igmp->wheel, &source->timer, due);
}

static void source_clear(struct gremc_igmp *igmp, struct source *source)
{
	source->excluded = false;
	gremc_timer_stop(&igmp->wheel, &source->timer);
	source->queries_left = 0;
}

/* The record that is being processed. */
struct change {
	struct gremc_igmp *igmp;
	struct membership *membership;
	const struct gremc_igmp_record *record;
	uint64_t timeout; /* now + group membership interval (GMI) */
};

/* Returns: whether members may request the source; a refusal is counted. */
static bool source_is_allowed(const struct change *c, rte_be32_t address)
{
	struct interface *interface = c->membership->interface;
	uint8_t net = (uint8_t)(rte_be_to_cpu_32(address) >> 24);

	if (net != 0 && net != 127 && net < 224 && gremc_policy_allows_source(&interface->policy, address))
		return true;
	gremc_igmp_counter_increment(interface, GREMC_IGMP_COUNT_source_refused);
	return false;
}

/* Find or create the i-th source of the record and mark it.
 * Returns: NULL if it is refused. */
static struct source *record_source_mark(const struct change *c, uint16_t i)
{
	rte_be32_t address = gremc_igmp_source_at(c->record->sources, i);
	struct source *source = NULL;

	if (source_is_allowed(c, address))
		source = gremc_source_get(c->igmp, c->membership, address, false);
	if (source)
		source->mark = c->igmp->epoch;
	return source;
}

static bool source_is_new(const struct source *source)
{
	return !gremc_source_timer_runs(source) && !source->excluded;
}

/* Clear the sources that the record does not name. */
static void sources_delete_unmarked(const struct change *c)
{
	for (struct source *source = c->membership->sources; source; source = source->next)
		if (source->mark != c->igmp->epoch)
			source_clear(c->igmp, source);
}

/* IS_IN, ALLOW, and the first part of TO_IN, in both modes: (B) = GMI. */
static void record_include(const struct change *c)
{
	for (uint16_t i = 0; i < c->record->source_count; i++) {
		struct source *source = record_source_mark(c, i);

		if (source)
			source_timer_start(c->igmp, source, c->timeout);
	}
}

/* INCLUDE(A) and IS_EX(B) or TO_EX(B): EXCLUDE(A*B, B-A). */
static void record_include_to_exclude(const struct change *c)
{
	for (uint16_t i = 0; i < c->record->source_count; i++) {
		struct source *source = record_source_mark(c, i);

		if (source && !gremc_source_timer_runs(source))
			source->excluded = true;
	}
	sources_delete_unmarked(c);
	c->membership->exclude = true;
}

/* EXCLUDE(X,Y) and IS_EX(A), TO_EX(A) or BLOCK(A): (A-X-Y) = `due`. */
static void record_exclude_more(const struct change *c, uint64_t due)
{
	for (uint16_t i = 0; i < c->record->source_count; i++) {
		struct source *source = record_source_mark(c, i);

		if (source && source_is_new(source))
			source_timer_start(c->igmp, source, due);
	}
}

static void record_mark_known(const struct change *c)
{
	for (uint16_t i = 0; i < c->record->source_count; i++) {
		struct source *source = gremc_source_find(c->igmp, c->membership,
							  gremc_igmp_source_at(c->record->sources, i));

		if (source)
			source->mark = c->igmp->epoch;
	}
}

static void record_to_exclude(const struct change *c, bool is_change)
{
	struct membership *m = c->membership;

	if (m->exclude) {
		record_exclude_more(c, is_change ? m->timer.due : c->timeout);
		sources_delete_unmarked(c);
	} else {
		record_include_to_exclude(c);
	}
	gremc_timer_set(&c->igmp->wheel, &m->timer, c->timeout);
	if (is_change)
		gremc_membership_source_query(c->igmp, m, true);
}

static void record_to_include(const struct change *c)
{
	bool was_exclude = c->membership->exclude;

	record_include(c);
	gremc_membership_source_query(c->igmp, c->membership, false);
	if (was_exclude)
		gremc_membership_group_query(c->igmp, c->membership);
}

static void record_block(const struct change *c)
{
	if (c->membership->exclude)
		record_exclude_more(c, c->membership->timer.due);
	else
		record_mark_known(c);
	gremc_membership_source_query(c->igmp, c->membership, true);
}

static void record_apply(const struct change *c)
{
	switch (c->record->type) {
	case GREMC_IGMP_IS_IN:
	case GREMC_IGMP_ALLOW:
		record_include(c);
		break;
	case GREMC_IGMP_IS_EX:
		record_to_exclude(c, false);
		break;
	case GREMC_IGMP_TO_EX:
		record_to_exclude(c, true);
		break;
	case GREMC_IGMP_TO_IN:
		record_to_include(c);
		break;
	default:
		record_block(c);
		break;
	}
}

/* While an older host is a member, ignore the parts of a record that this host could not contradict (RFC
 * 3376, 7.3.2). Returns: false if the whole record is ignored. */
static bool record_fit_to_older_host(struct gremc_igmp *igmp, struct membership *m,
				     struct gremc_igmp_record *record)
{
	bool v1 = igmp->now < m->v1_until, v2 = igmp->now < m->v2_until;

	if (!v1 && !v2)
		return true;
	if (record->type == GREMC_IGMP_BLOCK || (v1 && record->type == GREMC_IGMP_TO_IN)) {
		gremc_igmp_counter_increment(m->interface, GREMC_IGMP_COUNT_older_host);
		return false;
	}
	if (record->type == GREMC_IGMP_TO_EX)
		record->source_count = 0;
	return true;
}

static bool record_is_exclude(const struct gremc_igmp_record *record)
{
	return record->type == GREMC_IGMP_IS_EX || record->type == GREMC_IGMP_TO_EX;
}

/* Returns: whether the interface accepts records of this type for the group; a refusal is counted. */
static bool record_group_check(struct interface *interface, const struct gremc_igmp_record *record)
{
	enum gremc_igmp_counter counter = GREMC_IGMP_COUNTER_COUNT;

	if (!gremc_ipv4_is_multicast(record->group))
		counter = GREMC_IGMP_COUNT_group;
	else if (gremc_ipv4_is_link_local_group(record->group))
		counter = GREMC_IGMP_COUNT_link_local;
	else if (record->type < GREMC_IGMP_IS_IN || record->type > GREMC_IGMP_BLOCK)
		counter = GREMC_IGMP_COUNT_record_type;
	else if (!gremc_policy_allows_group(&interface->policy, record->group))
		counter = GREMC_IGMP_COUNT_group_range;
	else if (gremc_ipv4_is_ssm(record->group) && record_is_exclude(record))
		counter = GREMC_IGMP_COUNT_ssm_any;
	if (counter == GREMC_IGMP_COUNTER_COUNT)
		return true;
	gremc_igmp_counter_increment(interface, counter);
	return false;
}

/* A token bucket of `report_rate` records per second.
 * Returns: false if it is empty, which is counted. */
static bool report_token_take(struct gremc_igmp *igmp, struct interface *interface)
{
	uint64_t rate = interface->policy.report_rate;

	if (rate == 0)
		return true;
	interface->tokens += (igmp->now - interface->tokens_at) * rate;
	interface->tokens = RTE_MIN(interface->tokens, gremc_policy_token_max(&interface->policy));
	interface->tokens_at = igmp->now;
	if (interface->tokens < 1000) {
		gremc_igmp_counter_increment(interface, GREMC_IGMP_COUNT_rate);
		return false;
	}
	interface->tokens -= 1000;
	return true;
}

/* Whether the membership has all sources of the record, with a running timer or (unless `running`) excluded.
 */
static bool membership_has_sources(const struct gremc_igmp *igmp, const struct membership *m,
				   const struct gremc_igmp_record *record, bool running)
{
	for (uint16_t i = 0; i < record->source_count; i++) {
		const struct source *source =
			gremc_source_find(igmp, m, gremc_igmp_source_at(record->sources, i));

		if (source == NULL || !(gremc_source_timer_runs(source) || (source->excluded && !running)))
			return false;
	}
	return true;
}

/* Whether the record changes timers only. Hosts repeat their complete state after each query; such records
 * change no route, so report_rate does not limit them. */
static bool record_is_refresh(const struct gremc_igmp *igmp, const struct membership *m,
			      const struct gremc_igmp_record *record)
{
	switch (record->type) {
	case GREMC_IGMP_IS_IN:
	case GREMC_IGMP_ALLOW:
		return membership_has_sources(igmp, m, record, true);
	case GREMC_IGMP_TO_EX:
		/* the record would query the running sources that it names */
		if (record->source_count)
			return false;
		/* fall through */
	case GREMC_IGMP_IS_EX:
		return m->exclude && m->source_count == record->source_count &&
		       membership_has_sources(igmp, m, record, false);
	default:
		return false;
	}
}

bool gremc_membership_record_input(struct gremc_igmp *igmp, struct interface *interface,
				   const struct gremc_igmp_record *received)
{
	struct gremc_igmp_record record = *received;
	struct change c = {.igmp = igmp,
			   .record = &record,
			   .timeout = igmp->now + gremc_igmp_group_timeout(igmp, interface)};
	bool adds = record_is_exclude(&record) || (record.source_count && record.type != GREMC_IGMP_BLOCK);

	gremc_assert_locked(&igmp->lock);
	if (!record_group_check(interface, &record))
		return false;
	c.membership = gremc_membership_find(igmp, interface, record.group);
	/* a leave without a membership has no effect */
	if (c.membership == NULL && !adds)
		return true;
	if ((c.membership == NULL || !record_is_refresh(igmp, c.membership, &record)) &&
	    !report_token_take(igmp, interface))
		return false;
	if (c.membership == NULL)
		c.membership = gremc_membership_create(igmp, interface, record.group, false);
	if (c.membership == NULL)
		return false;
	igmp->epoch++;
	if (record_fit_to_older_host(igmp, c.membership, &record))
		record_apply(&c);
	gremc_membership_publish(igmp, c.membership);
	return true;
}

/* ---- timers (RFC 3376, 6.2.2, 6.2.3, 6.5) ---- */

void gremc_membership_expire(struct gremc_igmp *igmp, struct gremc_timer *timer)
{
	struct membership *m = container_of(timer, struct membership, timer);

	if (m->queries_left && gremc_membership_timer_waits(igmp, m)) {
		gremc_timer_set(&igmp->wheel, timer,
				igmp->now + gremc_igmp_last_member_time(igmp, m->interface));
		return;
	}
	gremc_timer_stop(&igmp->wheel, &m->timer);
	m->exclude = false;
	m->queries_left = 0;
	for (struct source *source = m->sources; source; source = source->next)
		source->excluded = false;
	gremc_membership_publish(igmp, m);
}

void gremc_source_expire(struct gremc_igmp *igmp, struct gremc_timer *timer)
{
	struct source *source = container_of(timer, struct source, timer);
	struct membership *m = source->membership;

	if (source->queries_left && gremc_membership_timer_waits(igmp, m)) {
		gremc_timer_set(&igmp->wheel, timer,
				igmp->now + gremc_igmp_last_member_time(igmp, m->interface));
		return;
	}
	source_clear(igmp, source);
	source->excluded = m->exclude;
	gremc_membership_publish(igmp, m);
}
