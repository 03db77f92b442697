/* SPDX-License-Identifier: BSD-3-Clause */
/* Messages of the proxy on the upstream interface, and the queries that it receives there. */
#include "igmp/igmp_priv.h"

/* ---- messages ---- */

void gremc_proxy_writer_begin(struct proxy_writer *writer, struct gremc_igmp *igmp)
{
	struct proxy *proxy = &igmp->proxy;
	size_t size = proxy->interface ? gremc_interface_packet_max(igmp, proxy->interface) : 0;

	*writer = (struct proxy_writer){
		.igmp = igmp,
		.report = {.packet = proxy->packet, .size = size},
		.has_failed = size == 0,
	};
	if (proxy->paced_tick != igmp->now / GREMC_WHEEL_TICK) {
		proxy->paced_tick = igmp->now / GREMC_WHEEL_TICK;
		proxy->paced_left = GREMC_PROXY_MESSAGES_A_TICK;
	}
}

bool gremc_proxy_writer_may_send(const struct proxy_writer *writer)
{
	return !writer->has_failed && writer->igmp->proxy.paced_left > 0;
}

static void writer_packet_send(struct proxy_writer *writer, const uint8_t *packet, size_t length)
{
	struct gremc_igmp *igmp = writer->igmp;
	struct proxy *proxy = &igmp->proxy;

	gremc_assert_locked(&igmp->lock);
	if (writer->has_failed)
		return;
	if (!gremc_interface_send(igmp, proxy->interface, packet, length)) {
		writer->has_failed = true;
		return;
	}
	gremc_igmp_counter_increment(proxy->interface, GREMC_IGMP_COUNT_reports_sent);
	proxy->paced_left -= proxy->paced_left > 0;
}

void gremc_proxy_writer_flush(struct proxy_writer *writer)
{
	struct gremc_igmp_report *report = &writer->report;
	struct proxied *proxied = writer->written, *next;

	if (report->record_count) {
		gremc_igmp_report_finish(report,
					 gremc_addr_to_ipv4(&writer->igmp->proxy.interface->policy.address));
		writer_packet_send(writer, report->packet, report->length);
	}
	report->length = 0;
	report->record_count = 0;
	writer->written = NULL;
	for (; proxied; proxied = next) {
		next = proxied->next_written;
		gremc_proxy_group_written(writer->igmp, proxied, !writer->has_failed);
	}
}

/* The last record of the group is in the current report; gremc_proxy_writer_flush() completes the group. */
static void writer_group_add(struct proxy_writer *writer, struct proxied *proxied)
{
	proxied->next_written = writer->written;
	writer->written = proxied;
}

/* Add a record that fits into an empty message. If it does not fit into the current report, start another, so
 * a record that one message can hold is not split. */
static void record_write(struct proxy_writer *writer, uint8_t type, rte_be32_t group,
			 const rte_be32_t *sources, uint16_t count)
{
	if (gremc_igmp_report_add(&writer->report, type, group, sources, count))
		return;
	gremc_proxy_writer_flush(writer);
	gremc_igmp_report_add(&writer->report, type, group, sources, count);
}

/* The version of the oldest querier present (RFC 3376, 7.2.1). */
static unsigned upstream_version(const struct gremc_igmp *igmp)
{
	const struct proxy *proxy = &igmp->proxy;
	unsigned heard = igmp->now < proxy->v1_until ? 1 : igmp->now < proxy->v2_until ? 2 : 3;

	return RTE_MIN(heard, (unsigned)proxy->interface->policy.version);
}

static void v1v2_report_send(struct proxy_writer *writer, const struct proxied *proxied, unsigned spoken)
{
	const struct interface *interface = writer->igmp->proxy.interface;
	enum gremc_igmp_type type = !proxied->is_member ? GREMC_IGMP_LEAVE
				    : spoken == 1       ? GREMC_IGMP_V1_REPORT
							: GREMC_IGMP_V2_REPORT;
	uint8_t packet[GREMC_IGMP_PACKET_MIN];

	if (type == GREMC_IGMP_LEAVE && spoken == 1)
		return;
	writer_packet_send(writer, packet,
			   gremc_igmp_v1v2_build(packet, type, gremc_addr_to_ipv4(&interface->policy.address),
						 proxied->group));
}

enum source_selection { LISTED, ADDED, REMOVED };

static bool source_is_selected(const struct proxied_source *source, enum source_selection source_selection)
{
	if (source_selection == LISTED)
		return source->is_listed;
	return source->changes_left > 0 && source->is_listed == (source_selection == ADDED);
}

/* Write records of the selected sources; an empty record only for a complete list. Sources beyond the
 * capacity of a message continue in another record, but those of an EXCLUDE list are omitted (RFC
 * 3376, 4.2.16). */
static void source_records_write(struct proxy_writer *writer, uint8_t type, const struct proxied *proxied,
				 enum source_selection source_selection)
{
	const bool is_exclude = type == GREMC_IGMP_IS_EX || type == GREMC_IGMP_TO_EX;
	const uint16_t most = gremc_igmp_report_capacity(writer->report.size);
	rte_be32_t sources[GREMC_IGMP_PACKET_MAX / 4];
	bool is_complete = source_selection != LISTED;
	uint16_t count = 0;

	for (const struct proxied_source *source = proxied->sources; source; source = source->next) {
		if (!source_is_selected(source, source_selection))
			continue;
		if (count == most && is_exclude)
			break;
		if (count == most) {
			record_write(writer, type, proxied->group, sources, count);
			is_complete = true;
			count = 0;
		}
		sources[count++] = source->address;
	}
	if (count || !is_complete)
		record_write(writer, type, proxied->group, sources, count);
}

/* ---- changes (RFC 3376, 5.1) ---- */

static void change_records_write(struct proxy_writer *writer, const struct proxied *proxied)
{
	if (proxied->mode_left) {
		source_records_write(writer, proxied->exclude ? GREMC_IGMP_TO_EX : GREMC_IGMP_TO_IN, proxied,
				     LISTED);
		return;
	}
	/* a source that is added to an EXCLUDE list is blocked */
	source_records_write(writer, proxied->exclude ? GREMC_IGMP_BLOCK : GREMC_IGMP_ALLOW, proxied, ADDED);
	source_records_write(writer, proxied->exclude ? GREMC_IGMP_ALLOW : GREMC_IGMP_BLOCK, proxied,
			     REMOVED);
}

void gremc_proxy_change_write(struct proxy_writer *writer, struct proxied *proxied)
{
	unsigned spoken = upstream_version(writer->igmp);

	if (spoken == 3) {
		change_records_write(writer, proxied);
		writer_group_add(writer, proxied);
		return;
	}
	if (proxied->member_left)
		v1v2_report_send(writer, proxied, spoken);
	gremc_proxy_group_written(writer->igmp, proxied, !writer->has_failed);
}

/* ---- answers (RFC 3376, 5.2) ---- */

void gremc_proxy_state_write(struct proxy_writer *writer, struct proxied *proxied)
{
	unsigned spoken = upstream_version(writer->igmp);

	if (spoken == 3) {
		if (proxied->is_member)
			source_records_write(writer, proxied->exclude ? GREMC_IGMP_IS_EX : GREMC_IGMP_IS_IN,
					     proxied, LISTED);
		writer_group_add(writer, proxied);
		return;
	}
	if (proxied->is_member)
		v1v2_report_send(writer, proxied, spoken);
	gremc_proxy_group_written(writer->igmp, proxied, !writer->has_failed);
}

void gremc_proxy_answer_expire(struct gremc_igmp *igmp, struct gremc_timer *timer)
{
	(void)timer;
	for (struct proxied *proxied = igmp->proxy.all; proxied; proxied = proxied->next) {
		proxied->answer_at = 0;
		gremc_proxy_answer_enqueue(&igmp->proxy, proxied);
	}
}

void gremc_proxy_group_answer_expire(struct gremc_igmp *igmp, struct gremc_timer *timer)
{
	uint64_t next = 0;

	for (struct proxied *proxied = igmp->proxy.all; proxied; proxied = proxied->next) {
		if (proxied->answer_at == 0)
			continue;
		if (proxied->answer_at > igmp->now) {
			next = next ? RTE_MIN(next, proxied->answer_at) : proxied->answer_at;
			continue;
		}
		proxied->answer_at = 0;
		gremc_proxy_answer_enqueue(&igmp->proxy, proxied);
	}
	if (next)
		gremc_timer_set(&igmp->wheel, timer, next);
}

/* ---- received queries ---- */

static void querier_version_note(struct gremc_igmp *igmp, const struct gremc_igmp_message *query)
{
	struct proxy *proxy = &igmp->proxy;
	/* older version querier present timeout (RFC 3376, 8.12) */
	uint64_t until = igmp->now + (uint64_t)proxy->robustness * igmp->settings.query_interval +
			 query->response_time;

	if (query->version == 1)
		proxy->v1_until = until;
	else if (query->version == 2)
		proxy->v2_until = until;
	else if (query->robustness)
		proxy->robustness = query->robustness;
}

static void timer_advance(struct gremc_igmp *igmp, struct gremc_timer *timer, uint64_t due)
{
	if (timer->due == 0 || timer->due > due)
		gremc_timer_set(&igmp->wheel, timer, due);
}

void gremc_proxy_query_input(struct gremc_igmp *igmp, const struct gremc_igmp_message *query)
{
	struct proxy *proxy = &igmp->proxy;
	struct gremc_map_node *node;
	uint64_t due = igmp->now + gremc_proxy_random_delay(proxy, query->response_time);

	gremc_igmp_counter_increment(proxy->interface, GREMC_IGMP_COUNT_queries_received);
	proxy->interface->querier = query->source;
	querier_version_note(igmp, query);
	if (query->group == 0) {
		timer_advance(igmp, &proxy->answer, due);
		return;
	}
	node = gremc_map_find(&proxy->groups, query->group);
	if (node) {
		/* The answer to a source specific query is also the whole state of the group. */
		struct proxied *proxied = container_of(node, struct proxied, node);

		if (proxied->answer_at == 0 || proxied->answer_at > due)
			proxied->answer_at = due;
		timer_advance(igmp, &proxy->group_answer, due);
	}
}
