/* SPDX-License-Identifier: BSD-3-Clause */
/* The proxy's reports against a simple merge of the downstream requests and a simple upstream router: every
 * MTU from 68 to 1600 and some larger ones, group counts and source lists around every packing boundary, and
 * interfaces that cannot send for a while.
 *
 *   model_proxy [SEED [ROUNDS]] */
#include <string.h>

#include "igmp/igmp.h"
#include "model.h"

#define DOWNSTREAM 2u /* interfaces 0 and 1; the upstream one is 2 */
#define UPSTREAM   2u
#define MTU_LAST   1600u
#define HEADERS    32u /* of a report: IP with Router Alert, IGMP */
#define RECORD     8u
#define GROUPS_MAX 3000u

/* The state of a group in the upstream router. */
struct group {
	bool exclude, is_cut; /* is_cut: a list exceeded a message, so sources may be missing */
	uint64_t to_include;  /* call of the engine with the TO_IN; its later records continue the list */
};

static struct {
	struct gremc_igmp *igmp;
	uint64_t now, calls;
	size_t mtu;
	uint32_t groups, sources, accept;
	uint8_t *said;    /* [interface][group][source]; the last source is (*,G) */
	uint8_t *routed;  /* [group][source]: in the router's list */
	uint8_t *answers; /* [group][source]: count in the answers */
	uint8_t *answered, *answer_type;
	struct group *group;
	/* of the last message with an answer */
	size_t last_length;
	bool is_answering;
} model;

static rte_be32_t proxy_group_of(uint32_t i)
{
	return rte_cpu_to_be_32(0xef010100 + i);
}

static rte_be32_t proxy_source_of(uint32_t i)
{
	return rte_cpu_to_be_32(0x0a010101 + i);
}

static uint32_t source_capacity(void)
{
	return (uint32_t)(model.mtu - HEADERS - RECORD) / 4;
}

static uint8_t *request_at(uint32_t interface, uint32_t g, uint32_t s)
{
	return &model.said[((size_t)interface * model.groups + g) * (model.sources + 1) + s];
}

static size_t source_index(uint32_t g, uint32_t s)
{
	return (size_t)g * model.sources + s;
}

/* ---- the simple merge (RFC 3376, 3.2) ---- */

static bool merged_exclude(uint32_t g)
{
	bool exclude = false;

	for (uint32_t i = 0; i < DOWNSTREAM; i++)
		exclude |= *request_at(i, g, model.sources) == GREMC_IGMP_INCLUDE;
	return exclude;
}

static bool merged_has(uint32_t g, uint32_t s)
{
	bool exclude = merged_exclude(g), included = false, refused = true;

	for (uint32_t i = 0; i < DOWNSTREAM; i++) {
		included |= *request_at(i, g, s) == GREMC_IGMP_INCLUDE;
		if (*request_at(i, g, model.sources) == GREMC_IGMP_INCLUDE)
			refused &= *request_at(i, g, s) == GREMC_IGMP_EXCLUDE;
	}
	return exclude ? refused && !included : included;
}

static uint32_t merged_count(uint32_t g)
{
	uint32_t count = 0;

	for (uint32_t s = 0; s < model.sources; s++)
		count += merged_has(g, s);
	return count;
}

/* ---- the simple router ---- */

static void router_apply(uint32_t g, const struct gremc_igmp_record *r)
{
	struct group *group = &model.group[g];
	bool replaces = r->type == GREMC_IGMP_TO_EX ||
			(r->type == GREMC_IGMP_TO_IN && group->to_include != model.calls);

	if (replaces)
		memset(&model.routed[source_index(g, 0)], 0, model.sources);
	if (r->type == GREMC_IGMP_TO_EX || r->type == GREMC_IGMP_TO_IN)
		group->exclude = r->type == GREMC_IGMP_TO_EX;
	group->to_include = r->type == GREMC_IGMP_TO_IN ? model.calls : 0;
	for (uint16_t i = 0; i < r->source_count; i++) {
		uint32_t s = rte_be_to_cpu_32(gremc_igmp_source_at(r->sources, i)) - 0x0a010101;
		bool adds = r->type != GREMC_IGMP_ALLOW && r->type != GREMC_IGMP_BLOCK;

		CHECK(s < model.sources);
		model.routed[source_index(g, s)] = adds || (r->type == GREMC_IGMP_BLOCK) == group->exclude;
	}
}

static void answer_add(uint32_t g, const struct gremc_igmp_record *r)
{
	CHECK(model.answered[g] == 0 || model.answer_type[g] == r->type);
	/* only lists that exceed a message have several records */
	CHECK(model.answered[g] == 0 || (r->type == GREMC_IGMP_IS_IN && merged_count(g) > source_capacity()));
	model.answered[g]++;
	model.answer_type[g] = r->type;
	for (uint16_t i = 0; i < r->source_count; i++) {
		uint32_t s = rte_be_to_cpu_32(gremc_igmp_source_at(r->sources, i)) - 0x0a010101;

		CHECK(s < model.sources);
		model.answers[source_index(g, s)]++;
	}
}

static void report_apply(const struct gremc_igmp_message *message, size_t length)
{
	const uint8_t *next = message->records;
	struct gremc_igmp_record r;

	CHECK(message->record_count > 0);
	for (uint16_t i = 0; i < message->record_count; i++) {
		uint32_t g;

		next = gremc_igmp_record_read(next, &r);
		g = rte_be_to_cpu_32(r.group) - 0xef010100;
		CHECK(g < model.groups);
		if (r.type != GREMC_IGMP_IS_IN && r.type != GREMC_IGMP_IS_EX) {
			router_apply(g, &r);
			continue;
		}
		/* the previous message had no capacity for this record */
		CHECK(!model.is_answering || i > 0 || model.last_length == 0 ||
		      model.last_length + RECORD + 4u * r.source_count > model.mtu);
		answer_add(g, &r);
	}
	model.last_length = length;
}

/* ---- callbacks ---- */

static int report_packet_check(void *argument, uint32_t interface, const uint8_t *packet, size_t length)
{
	struct gremc_igmp_message message;

	(void)argument;
	CHECK(length <= model.mtu);
	CHECK(gremc_igmp_parse(packet, length, &message) == GREMC_IGMP_OK);
	if (interface != UPSTREAM)
		return 0;
	if (model.accept == 0)
		return -EAGAIN;
	model.accept--;
	report_apply(&message, length);
	return 0;
}

static int proxy_request_check(void *argument, uint32_t interface, const struct gremc_addr *from,
			       const struct gremc_addr *to, enum gremc_igmp_request now)
{
	const rte_be32_t source = gremc_addr_to_ipv4(from), group = gremc_addr_to_ipv4(to);
	uint32_t s = source ? rte_be_to_cpu_32(source) - 0x0a010101 : model.sources;

	(void)argument;
	*request_at(interface, rte_be_to_cpu_32(group) - 0xef010100, s) = now;
	return 0;
}

static size_t proxy_mtu_report(void *argument, uint32_t interface)
{
	(void)argument;
	return interface == UPSTREAM && model.accept == 0 ? 0 : model.mtu;
}

/* ---- operations ---- */

static void proxy_time_advance(uint64_t milliseconds)
{
	uint64_t end = model.now + milliseconds;

	while (gremc_igmp_next_due(model.igmp) <= end) {
		model.now = gremc_igmp_next_due(model.igmp);
		model.calls++;
		gremc_igmp_timers_run(model.igmp, model.now);
	}
	model.now = end;
}

/* A random length, mostly around a boundary. */
static uint32_t length_around(uint32_t boundary, uint32_t limit)
{
	static const int off[] = {-2, -1, 0, 1, 2};
	uint32_t count = random_below(3) ? boundary * (1 + random_below(2)) + (uint32_t)off[random_below(5)]
					 : random_below(limit + 1);

	return RTE_MIN(RTE_MAX((int32_t)count, 0), (int32_t)limit);
}

static void proxy_record_send(uint32_t interface, uint8_t type, uint32_t g, uint32_t first, uint32_t count)
{
	static uint8_t packet[GREMC_IGMP_PACKET_MAX];
	static rte_be32_t sources[GREMC_IGMP_PACKET_MAX / 4];
	struct gremc_igmp_report report = {.packet = packet, .size = sizeof(packet)};

	for (uint32_t i = 0; i < count; i++)
		sources[i] = proxy_source_of((first + i) % model.sources);
	CHECK(gremc_igmp_report_add(&report, type, proxy_group_of(g), sources, (uint16_t)count));
	gremc_igmp_report_finish(&report, RTE_BE32(0x0a000009));
	model.calls++;
	gremc_igmp_input(model.igmp, interface, packet, report.length, model.now);
}

static void random_record_send(void)
{
	uint8_t type = (uint8_t)(GREMC_IGMP_IS_IN + random_below(6));
	uint32_t count = random_below(3) ? length_around(source_capacity(), model.sources) : 0;

	proxy_record_send(random_below(DOWNSTREAM), type, random_below(model.groups),
			  random_below(model.sources), count);
}

static void omissions_note(void)
{
	for (uint32_t g = 0; g < model.groups; g++)
		model.group[g].is_cut |= merged_exclude(g) && merged_count(g) > source_capacity();
}

static void router_compare(void)
{
	omissions_note();
	for (uint32_t g = 0; g < model.groups; g++) {
		if (model.group[g].is_cut)
			continue;
		CHECK(model.group[g].exclude == merged_exclude(g));
		for (uint32_t s = 0; s < model.sources; s++)
			CHECK(model.routed[source_index(g, s)] == merged_has(g, s));
	}
}

static void answer_compare(uint32_t g)
{
	uint32_t count = merged_count(g), seen = 0;
	bool exclude = merged_exclude(g);

	CHECK((model.answered[g] > 0) == (exclude || count > 0));
	if (model.answered[g] == 0)
		return;
	CHECK(model.answer_type[g] == (exclude ? GREMC_IGMP_IS_EX : GREMC_IGMP_IS_IN));
	for (uint32_t s = 0; s < model.sources; s++) {
		CHECK(model.answers[source_index(g, s)] <= merged_has(g, s));
		seen += model.answers[source_index(g, s)];
	}
	CHECK(seen == (exclude ? RTE_MIN(count, source_capacity()) : count));
	CHECK(model.answered[g] ==
	      (exclude || count == 0 ? 1 : (count + source_capacity() - 1) / source_capacity()));
}

static void answers_compare(void)
{
	const struct gremc_igmp_query query = {.version = 3,
					       .source = RTE_BE32(0x09000001),
					       .response_time = 1000,
					       .interval = 125000,
					       .robustness = 2};
	uint8_t packet[GREMC_IGMP_PACKET_MIN];

	memset(model.answered, 0, model.groups);
	memset(model.answers, 0, (size_t)model.groups * model.sources);
	model.last_length = 0;
	model.is_answering = true;
	gremc_igmp_input(model.igmp, UPSTREAM, packet, gremc_igmp_query_build(packet, &query), model.now);
	proxy_time_advance(15000);
	model.is_answering = false;
	for (uint32_t g = 0; g < model.groups; g++)
		answer_compare(g);
}

/* ---- a round: one engine, one MTU ---- */

static void model_set_up(void)
{
	static const struct gremc_igmp_settings settings = {2, 3600000, 10000, 1000, 0};
	static const struct gremc_igmp_callbacks callbacks = {
		.send = report_packet_check, .change = proxy_request_check, .mtu = proxy_mtu_report};
	struct gremc_igmp_policy policy = {.mode = GREMC_IGMP_QUERIER,
					   .version = 3,
					   .address = GREMC_ADDR_IPV4(RTE_BE32(0x0a000001)),
					   .fast_leave = true,
					   .max_groups = GROUPS_MAX,
					   .max_sources = UINT16_MAX};

	model.accept = UINT32_MAX;
	model.said = calloc((size_t)DOWNSTREAM * model.groups, model.sources + 1);
	model.routed = calloc(model.groups, model.sources);
	model.answers = calloc(model.groups, model.sources);
	model.answered = calloc(model.groups, 1);
	model.answer_type = calloc(model.groups, 1);
	model.group = calloc(model.groups, sizeof(*model.group));
	model.igmp = gremc_igmp_create(&settings, &callbacks, model.now);
	CHECK(model.igmp && model.said && model.routed && model.answers && model.group);
	for (uint32_t i = 0; i < DOWNSTREAM; i++)
		CHECK(gremc_igmp_interface_set(model.igmp, i, &policy, model.now) == 0);
	policy.mode = GREMC_IGMP_UPSTREAM;
	CHECK(gremc_igmp_interface_set(model.igmp, UPSTREAM, &policy, model.now) == 0);
	proxy_time_advance(3000);
}

static void model_tear_down(void)
{
	gremc_igmp_destroy(model.igmp);
	free(model.said);
	free(model.routed);
	free(model.answers);
	free(model.answered);
	free(model.answer_type);
	free(model.group);
}

/* A number of groups around a boundary, without source lists. */
static void round_of_groups(void)
{
	uint32_t full = (uint32_t)(model.mtu - HEADERS) / RECORD;

	model.groups = RTE_MIN(full * (1 + random_below(4)) + random_below(3), GROUPS_MAX);
	model.sources = 1;
	model_set_up();
	for (uint32_t g = 0; g < model.groups; g++)
		proxy_record_send(random_below(DOWNSTREAM), GREMC_IGMP_IS_EX, g, 0, 0);
	proxy_time_advance(10000);
	router_compare();
	answers_compare();
	model_tear_down();
}

/* Source lists, and periods in which the upstream accepts few messages or none. */
static void round_of_lists(void)
{
	model.groups = 2 + random_below(20);
	model.sources = 2 * source_capacity() + 3;
	model_set_up();
	for (uint32_t n = random_below(60); n > 0; n--) {
		if (random_below(4) == 0)
			model.accept = random_below(3);
		random_record_send();
		omissions_note();
		if (random_below(3) == 0)
			proxy_time_advance(random_below(1500));
		if (model.accept < 3 && random_below(2))
			model.accept = UINT32_MAX;
	}
	model.accept = UINT32_MAX;
	proxy_time_advance(10000);
	router_compare();
	answers_compare();
	model_tear_down();
}

int main(int argc, char **argv)
{
	run_begin(argc, argv, MTU_LAST - GREMC_IGMP_PACKET_MIN + 20);
	model.now = 1000000;
	for (; run.operation < run.operations; run.operation++) {
		model.mtu = GREMC_IGMP_PACKET_MIN + run.operation;
		if (model.mtu > MTU_LAST)
			model.mtu = MTU_LAST + random_below(7600);
		round_of_groups();
		round_of_lists();
	}
	run_end();
	return 0;
}
