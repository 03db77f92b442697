/* SPDX-License-Identifier: BSD-3-Clause */
/* What the proxy sends upstream, and what it hears there. */
#include "igmp/igmp_priv.h"

static void send_packet(struct gremc_igmp *igmp, const uint8_t *packet, size_t length)
{
	struct interface *interface = igmp->proxy.interface;

	gremc_igmp_count(interface, GREMC_IGMP_COUNT_reports_sent);
	igmp->callbacks.send(igmp->callbacks.argument, interface->number, packet, length);
}

void gremc_proxy_send(struct proxy_writer *writer)
{
	struct gremc_igmp_report *report = &writer->report;

	if (report->record_count == 0)
		return;
	gremc_igmp_report_finish(report, writer->igmp->proxy.interface->policy.address);
	send_packet(writer->igmp, report->packet, report->length);
	report->length = 0;
	report->record_count = 0;
}

/* A record whose sources do not fit goes on in the next report, but that of an EXCLUDE is cut (RFC 3376,
 * 4.2.16). */
static void write_record(struct proxy_writer *writer, uint8_t type, rte_be32_t group,
			 const rte_be32_t *sources, uint16_t count)
{
	bool is_exclude = type == GREMC_IGMP_IS_EX || type == GREMC_IGMP_TO_EX;
	uint16_t done = 0;

	do {
		int fits = gremc_igmp_report_add(&writer->report, type, group, sources + done, count - done);

		if (fits < count - done)
			gremc_proxy_send(writer);
		if (fits < 0)
			continue;
		done += (uint16_t)fits;
		if (is_exclude)
			break;
	} while (done < count);
}

/* Version to speak: the oldest querier's that is present (RFC 3376, 7.2.1). */
static unsigned version(const struct gremc_igmp *igmp)
{
	const struct proxy *proxy = &igmp->proxy;
	unsigned heard = igmp->now < proxy->v1_until ? 1 : igmp->now < proxy->v2_until ? 2 : 3;

	return RTE_MIN(heard, (unsigned)proxy->interface->policy.version);
}

static void send_old(struct gremc_igmp *igmp, const struct proxied *proxied, unsigned spoken)
{
	enum gremc_igmp_type type = !proxied->is_member ? GREMC_IGMP_LEAVE
				    : spoken == 1       ? GREMC_IGMP_V1_REPORT
							: GREMC_IGMP_V2_REPORT;
	uint8_t packet[GREMC_IGMP_PACKET_MAX];

	if (type == GREMC_IGMP_LEAVE && spoken == 1)
		return;
	send_packet(
		igmp, packet,
		gremc_igmp_build_old(packet, type, igmp->proxy.interface->policy.address, proxied->group));
}

enum which { LISTED, ADDED, REMOVED };

static bool is_wanted(const struct proxied_source *source, enum which which)
{
	if (which == LISTED)
		return source->is_listed;
	return source->changes_left > 0 && source->is_listed == (which == ADDED);
}

/* A record of the group's sources of this kind; an empty one only where that says something. */
static void write_sources(struct proxy_writer *writer, uint8_t type, const struct proxied *proxied,
			  enum which which)
{
	rte_be32_t sources[GREMC_IGMP_SOURCES_MAX];
	bool said = which != LISTED;
	uint16_t count = 0;

	for (const struct proxied_source *source = proxied->sources; source; source = source->next) {
		if (!is_wanted(source, which))
			continue;
		sources[count++] = source->address;
		if (count < GREMC_IGMP_SOURCES_MAX)
			continue;
		write_record(writer, type, proxied->group, sources, count);
		said = true;
		count = 0;
		if (type == GREMC_IGMP_IS_EX || type == GREMC_IGMP_TO_EX)
			return;
	}
	if (count || !said)
		write_record(writer, type, proxied->group, sources, count);
}

/* ---- changes (RFC 3376, 5.1) ---- */

static void write_change(struct proxy_writer *writer, struct proxied *proxied)
{
	if (proxied->mode_left) {
		write_sources(writer, proxied->exclude ? GREMC_IGMP_TO_EX : GREMC_IGMP_TO_IN, proxied,
			      LISTED);
		return;
	}
	/* into a list of excluded ones: block */
	write_sources(writer, proxied->exclude ? GREMC_IGMP_BLOCK : GREMC_IGMP_ALLOW, proxied, ADDED);
	write_sources(writer, proxied->exclude ? GREMC_IGMP_ALLOW : GREMC_IGMP_BLOCK, proxied, REMOVED);
}

static void count_down(struct proxied *proxied)
{
	proxied->mode_left -= proxied->mode_left > 0;
	proxied->member_left -= proxied->member_left > 0;
	for (struct proxied_source *source = proxied->sources; source; source = source->next)
		source->changes_left -= source->changes_left > 0;
}

void gremc_proxy_say_change(struct proxy_writer *writer, struct proxied *proxied)
{
	unsigned spoken = version(writer->igmp);

	if (spoken == 3)
		write_change(writer, proxied);
	else if (proxied->member_left)
		send_old(writer->igmp, proxied, spoken);
	count_down(proxied);
}

/* ---- answers (5.2) ---- */

static void write_state(struct proxy_writer *writer, const struct proxied *proxied)
{
	unsigned spoken = version(writer->igmp);

	if (!proxied->is_member)
		return;
	if (spoken < 3)
		send_old(writer->igmp, proxied, spoken);
	else
		write_sources(writer, proxied->exclude ? GREMC_IGMP_IS_EX : GREMC_IGMP_IS_IN, proxied,
			      LISTED);
}

void gremc_proxy_answer(struct gremc_igmp *igmp, struct gremc_timer *timer)
{
	struct proxy_writer writer = {.igmp = igmp};

	(void)timer;
	for (struct proxied *proxied = igmp->proxy.all; proxied; proxied = proxied->next) {
		proxied->answer_at = 0;
		write_state(&writer, proxied);
	}
	gremc_proxy_send(&writer);
}

void gremc_proxy_group_answer(struct gremc_igmp *igmp, struct gremc_timer *timer)
{
	struct proxy_writer writer = {.igmp = igmp};
	uint64_t next = 0;

	for (struct proxied *proxied = igmp->proxy.all; proxied; proxied = proxied->next) {
		if (proxied->answer_at == 0)
			continue;
		if (proxied->answer_at > igmp->now) {
			next = next ? RTE_MIN(next, proxied->answer_at) : proxied->answer_at;
			continue;
		}
		proxied->answer_at = 0;
		write_state(&writer, proxied);
	}
	gremc_proxy_send(&writer);
	if (next)
		gremc_timer_set(&igmp->wheel, timer, next);
}

/* ---- queries heard ---- */

static void note_version(struct gremc_igmp *igmp, const struct gremc_igmp_message *query)
{
	struct proxy *proxy = &igmp->proxy;
	/* older version querier present timeout (8.12) */
	uint64_t until = igmp->now + (uint64_t)proxy->robustness * igmp->settings.query_interval +
			 query->response_time;

	if (query->version == 1)
		proxy->v1_until = until;
	else if (query->version == 2)
		proxy->v2_until = until;
	else if (query->robustness)
		proxy->robustness = query->robustness;
}

static void sooner(struct gremc_igmp *igmp, struct gremc_timer *timer, uint64_t due)
{
	if (timer->due == 0 || timer->due > due)
		gremc_timer_set(&igmp->wheel, timer, due);
}

void gremc_proxy_input(struct gremc_igmp *igmp, const struct gremc_igmp_message *query)
{
	struct proxy *proxy = &igmp->proxy;
	struct gremc_map_node *node;
	uint64_t due = igmp->now + gremc_proxy_delay(proxy, query->response_time);

	gremc_igmp_count(proxy->interface, GREMC_IGMP_COUNT_queries_received);
	proxy->interface->querier = query->source;
	note_version(igmp, query);
	if (query->group == 0) {
		sooner(igmp, &proxy->answer, due);
		return;
	}
	node = gremc_map_find(&proxy->groups, query->group);
	if (node) {
		/* Of a query for some sources, too, the answer is the whole state: it says as much. */
		struct proxied *proxied = container_of(node, struct proxied, node);

		if (proxied->answer_at == 0 || proxied->answer_at > due)
			proxied->answer_at = due;
		sooner(igmp, &proxy->group_answer, due);
	}
}
