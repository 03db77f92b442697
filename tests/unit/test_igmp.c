/* SPDX-License-Identifier: BSD-3-Clause */
/* The membership engine against RFC 3376, 2236 and 4605: tables, timers, election, proxy; and its budget. */
#include <errno.h>

#include "igmp_world.h"
#include "test.h"

#define GMI  260000u
#define LMQT 2000u

static const rte_be32_t group = IP(239, 1, 1, 1), ssm = IP(232, 1, 1, 1);
static struct world w;

static int igmp_set_up(void **state)
{
	(void)state;
	world_init(&w);
	return gremc_igmp_interface_set(w.igmp, 1, &querier, w.now);
}

static int igmp_tear_down(void **state)
{
	(void)state;
	world_fini(&w);
	return 0;
}

/* ---- the tables of RFC 3376, 6.4 ---- */

/* A mask is a set of the sources 10.9.0.1 to 10.9.0.3. */
#define SETS 8u

static rte_be32_t member_address(unsigned i)
{
	return IP(10, 9, 0, 1) + rte_cpu_to_be_32(i);
}

static void record_input(uint8_t type, unsigned set)
{
	rte_be32_t sources[3] = {0};
	uint16_t count = 0;

	for (unsigned i = 0; i < 3; i++)
		if (set >> i & 1)
			sources[count++] = member_address(i);
	world_record(&w, 1, type, group, sources, count);
}

/* A membership in the notation of the tables, INCLUDE(x) or EXCLUDE(x,y), and the actions of a row. */
struct outcome {
	bool exclude;
	unsigned x, y;
	unsigned fresh;  /* sources with a timer of GMI */
	unsigned leased; /* sources with the value of the group timer */
	bool group_fresh;
	unsigned query; /* Send Q(G,query) */
	bool query_group;
};

static struct outcome include_row(unsigned a, uint8_t type, unsigned b)
{
	switch (type) {
	case GREMC_IGMP_IS_IN:
	case GREMC_IGMP_ALLOW:
		return (struct outcome){.x = a | b, .fresh = b};
	case GREMC_IGMP_IS_EX:
		return (struct outcome){.exclude = true, .x = a & b, .y = b & ~a, .group_fresh = true};
	case GREMC_IGMP_TO_EX:
		return (struct outcome){
			.exclude = true, .x = a & b, .y = b & ~a, .group_fresh = true, .query = a & b};
	case GREMC_IGMP_TO_IN:
		return (struct outcome){.x = a | b, .fresh = b, .query = a & ~b};
	default:
		return (struct outcome){.x = a, .query = a & b};
	}
}

static struct outcome exclude_row(unsigned x, unsigned y, uint8_t type, unsigned a)
{
	switch (type) {
	case GREMC_IGMP_IS_IN:
	case GREMC_IGMP_ALLOW:
		return (struct outcome){.exclude = true, .x = x | a, .y = y & ~a, .fresh = a};
	case GREMC_IGMP_IS_EX:
		return (struct outcome){
			.exclude = true, .x = a & ~y, .y = y & a, .fresh = a & ~x & ~y, .group_fresh = true};
	case GREMC_IGMP_TO_EX:
		return (struct outcome){.exclude = true,
					.x = a & ~y,
					.y = y & a,
					.leased = a & ~x & ~y,
					.group_fresh = true,
					.query = a & ~y};
	case GREMC_IGMP_TO_IN:
		return (struct outcome){.exclude = true,
					.x = x | a,
					.y = y & ~a,
					.fresh = a,
					.query = x & ~a,
					.query_group = true};
	default:
		return (struct outcome){
			.exclude = true, .x = x | (a & ~y), .y = y, .leased = a & ~x & ~y, .query = a & ~y};
	}
}

/* The sources of the sent last member queries. */
static unsigned queried_sources(bool *of_group)
{
	unsigned set = 0;

	*of_group = false;
	for (uint32_t i = 0; i < w.sent_count; i++) {
		struct gremc_igmp_message m;

		assert_int_equal(gremc_igmp_parse(w.sent[i].packet, w.sent[i].length, &m), GREMC_IGMP_OK);
		if (m.group != group)
			continue;
		assert_int_equal(m.response_time, 1000);
		*of_group |= m.source_count == 0;
		for (uint16_t s = 0; s < m.source_count; s++)
			for (unsigned k = 0; k < 3; k++)
				if (gremc_igmp_source_at(m.sources, s) == member_address(k))
					set |= 1u << k;
	}
	return set;
}

/* Compare the state with the outcome. `left` is the value of unchanged timers. */
static void outcome_check(const struct outcome *o, uint32_t left)
{
	struct gremc_igmp_group_info info;
	unsigned x = 0, y = 0;
	bool of_group;

	assert_int_equal(queried_sources(&of_group), o->query);
	assert_int_equal(of_group, o->query_group);
	if (!gremc_igmp_group_find(w.igmp, 1, group, &info)) {
		assert_true(!o->exclude && o->x == 0);
		return;
	}
	assert_int_equal(info.exclude, o->exclude);
	assert_int_equal(info.expires, !o->exclude ? 0 : o->query_group ? LMQT : o->group_fresh ? GMI : left);
	for (uint32_t i = 0; i < info.source_count; i++) {
		const struct gremc_igmp_source_info *s = &info.sources[i];
		unsigned bit = 1u << (rte_be_to_cpu_32(s->address) - rte_be_to_cpu_32(member_address(0)));

		*(s->excluded ? &y : &x) |= bit;
		assert_int_equal(s->expires, s->excluded       ? 0
					     : o->query & bit  ? LMQT
					     : o->fresh & bit  ? GMI
					     : o->leased & bit ? left
							       : left);
	}
	assert_int_equal(x, o->x);
	assert_int_equal(y, o->y);
}

/* Every row with every set: 6 record types, 8 sets, and all states of three sources. */
static void test_records_follow_tables_of_rfc_3376(void **state)
{
	(void)state;
	for (unsigned from = 0; from < 2 * SETS * SETS; from++) {
		unsigned exclude = from & 1, x = from >> 1 & 7, y = from >> 4 & 7;

		if ((x & y) || (!exclude && (y || !x)))
			continue;
		for (uint8_t type = GREMC_IGMP_IS_IN; type <= GREMC_IGMP_BLOCK; type++) {
			for (unsigned set = 0; set < SETS; set++) {
				struct outcome o =
					exclude ? exclude_row(x, y, type, set) : include_row(x, type, set);

				if (exclude)
					record_input(GREMC_IGMP_IS_EX, y);
				if (x)
					record_input(GREMC_IGMP_ALLOW, x);
				world_run(&w, 50000);
				world_forget(&w);
				record_input(type, set);
				outcome_check(&o, GMI - 50000);
				igmp_tear_down(NULL);
				igmp_set_up(NULL);
			}
		}
	}
}

/* RFC 3376, 6.5: the group timer expires with and without requested sources. */
static void test_group_timer_ends_exclude_mode(void **state)
{
	struct gremc_igmp_group_info info;

	(void)state;
	record_input(GREMC_IGMP_IS_EX, 4);
	world_run(&w, 100000);
	record_input(GREMC_IGMP_ALLOW, 3);
	world_run(&w, GMI - 100000 + 20);
	assert_true(gremc_igmp_group_find(w.igmp, 1, group, &info));
	assert_false(info.exclude);
	assert_int_equal(info.source_count, 2); /* the excluded source is removed */
	world_run(&w, 100000);
	assert_false(gremc_igmp_group_find(w.igmp, 1, group, &info));
	record_input(GREMC_IGMP_IS_EX, 0);
	world_run(&w, GMI - 10);
	assert_true(gremc_igmp_group_find(w.igmp, 1, group, &info));
	world_run(&w, 30);
	assert_false(gremc_igmp_group_find(w.igmp, 1, group, &info));
}

/* RFC 3376, 6.3. */
static void test_expired_source_is_excluded(void **state)
{
	struct gremc_igmp_group_info info;

	(void)state;
	record_input(GREMC_IGMP_IS_EX, 0);
	record_input(GREMC_IGMP_ALLOW, 1);
	world_run(&w, 200000);
	record_input(GREMC_IGMP_IS_EX, 1);
	world_run(&w, 100000);
	assert_true(gremc_igmp_group_find(w.igmp, 1, group, &info));
	assert_int_equal(info.source_count, 1);
	assert_true(info.sources[0].excluded);
}

/* ---- published requests ---- */

static void request_expect(uint32_t at, rte_be32_t source, enum gremc_igmp_request request)
{
	assert_true(at < w.said_count);
	assert_int_equal(w.said[at].interface, 1);
	assert_int_equal(w.said[at].group, group);
	assert_int_equal(w.said[at].source, source);
	assert_int_equal(w.said[at].request, request);
}

static void test_only_changes_are_published(void **state)
{
	(void)state;
	record_input(GREMC_IGMP_ALLOW, 1);
	request_expect(0, member_address(0), GREMC_IGMP_INCLUDE);
	record_input(GREMC_IGMP_ALLOW, 1); /* a refresh publishes nothing */
	assert_int_equal(w.said_count, 1);
	record_input(GREMC_IGMP_TO_EX, 2);
	request_expect(1, 0, GREMC_IGMP_INCLUDE);
	assert_int_equal(w.said_count, 4);
	world_forget(&w);
	world_run(&w, GMI + 100);
	/* each request is withdrawn once */
	assert_int_equal(w.said_count, 2);
	request_expect(0, 0, GREMC_IGMP_NONE);
	request_expect(1, member_address(1), GREMC_IGMP_NONE);
}

static void test_leave_takes_the_last_member_query_time(void **state)
{
	struct gremc_igmp_message m;

	(void)state;
	world_old(&w, 1, GREMC_IGMP_V2_REPORT, group);
	world_run(&w, 1000);
	world_forget(&w);
	world_old(&w, 1, GREMC_IGMP_LEAVE, group);
	assert_int_equal(w.sent_count, 1);
	assert_int_equal(gremc_igmp_parse(w.sent[0].packet, w.sent[0].length, &m), GREMC_IGMP_OK);
	assert_int_equal(m.group, group);
	assert_int_equal(m.destination, group);
	world_run(&w, 1990);
	assert_int_equal(w.sent_count, 2); /* last member query count */
	assert_int_equal(w.said_count, 0);
	world_run(&w, 20);
	request_expect(0, 0, GREMC_IGMP_NONE);
}

static void test_answer_keeps_membership_after_leave(void **state)
{
	(void)state;
	world_old(&w, 1, GREMC_IGMP_V2_REPORT, group);
	world_forget(&w);
	world_old(&w, 1, GREMC_IGMP_LEAVE, group);
	world_run(&w, 500);
	world_old(&w, 1, GREMC_IGMP_V2_REPORT, group);
	world_run(&w, 5000);
	assert_int_equal(w.said_count, 0);
}

static void test_retransmission_after_answer_has_s_flag(void **state)
{
	struct gremc_igmp_message m;

	(void)state;
	record_input(GREMC_IGMP_IS_EX, 0);
	world_run(&w, 5000);
	world_forget(&w);
	record_input(GREMC_IGMP_TO_IN, 0);
	assert_int_equal(gremc_igmp_parse(w.sent[0].packet, w.sent[0].length, &m), GREMC_IGMP_OK);
	assert_false(m.suppress);
	record_input(GREMC_IGMP_IS_EX, 0);
	world_run(&w, 1010);
	assert_int_equal(w.sent_count, 2);
	assert_int_equal(gremc_igmp_parse(w.sent[1].packet, w.sent[1].length, &m), GREMC_IGMP_OK);
	assert_true(m.suppress);
}

static void test_fast_leave_sends_no_query(void **state)
{
	struct gremc_igmp_policy policy = querier;
	struct gremc_igmp_group_info info;

	(void)state;
	policy.fast_leave = true;
	assert_int_equal(gremc_igmp_interface_set(w.igmp, 1, &policy, w.now), 0);
	world_old(&w, 1, GREMC_IGMP_V2_REPORT, group);
	world_forget(&w);
	world_old(&w, 1, GREMC_IGMP_LEAVE, group);
	assert_int_equal(w.sent_count, 0);
	request_expect(0, 0, GREMC_IGMP_NONE);
	assert_false(gremc_igmp_group_find(w.igmp, 1, group, &info));
	record_input(GREMC_IGMP_ALLOW, 3);
	record_input(GREMC_IGMP_BLOCK, 1);
	assert_true(gremc_igmp_group_find(w.igmp, 1, group, &info));
	assert_int_equal(info.source_count, 1);
	assert_int_equal(info.sources[0].address, member_address(1));
	/* from EXCLUDE to INCLUDE: the other sources are removed at once */
	record_input(GREMC_IGMP_TO_EX, 0);
	record_input(GREMC_IGMP_TO_IN, 4);
	assert_true(gremc_igmp_group_find(w.igmp, 1, group, &info));
	assert_false(info.exclude);
	assert_int_equal(info.source_count, 1);
	assert_int_equal(info.sources[0].address, member_address(2));
}

/* ---- older hosts (7.3.2) ---- */

static void test_v2_host_limits_v3_records(void **state)
{
	struct gremc_igmp_group_info info;

	(void)state;
	world_old(&w, 1, GREMC_IGMP_V2_REPORT, group);
	assert_true(gremc_igmp_group_find(w.igmp, 1, group, &info));
	assert_int_equal(info.version, 2);
	record_input(GREMC_IGMP_BLOCK, 1);
	record_input(GREMC_IGMP_TO_EX, 2);
	assert_true(gremc_igmp_group_find(w.igmp, 1, group, &info));
	assert_int_equal(info.source_count, 0);
	assert_int_equal(world_counter(&w, 1, GREMC_IGMP_COUNT_older_host), 1);
	/* older host present interval (RFC 3376, 8.13) */
	world_run(&w, GMI - 1000);
	record_input(GREMC_IGMP_IS_EX, 0);
	world_run(&w, 2000);
	assert_true(gremc_igmp_group_find(w.igmp, 1, group, &info));
	assert_int_equal(info.version, 3);
}

static void test_v1_host_cannot_leave(void **state)
{
	(void)state;
	world_old(&w, 1, GREMC_IGMP_V1_REPORT, group);
	world_forget(&w);
	world_old(&w, 1, GREMC_IGMP_LEAVE, group);
	record_input(GREMC_IGMP_TO_IN, 0);
	assert_int_equal(w.sent_count, 0);
	world_run(&w, 5000);
	assert_int_equal(w.said_count, 0);
	assert_int_equal(world_counter(&w, 1, GREMC_IGMP_COUNT_older_host), 2);
	world_run(&w, GMI);
	request_expect(0, 0, GREMC_IGMP_NONE);
}

/* ---- queries and election ---- */

/* The S flag of a query. */
enum s_flag { S_CLEAR, S_SET };

static void router_query_input(rte_be32_t from, rte_be32_t of, enum s_flag s_flag, const rte_be32_t *sources,
			       uint16_t count)
{
	const struct gremc_igmp_query query = {.version = 3,
					       .source = from,
					       .group = of,
					       .response_time = of ? 1000 : 10000,
					       .interval = 60000,
					       .robustness = 3,
					       .suppress = s_flag == S_SET,
					       .sources = sources,
					       .source_count = count};
	uint8_t packet[GREMC_IGMP_PACKET_MAX];

	world_input(&w, 1, packet, gremc_igmp_query_build(packet, &query));
}

static void test_general_queries_follow_timers(void **state)
{
	struct gremc_igmp_message m;
	const uint8_t *p;

	(void)state;
	world_run(&w, 100);
	assert_int_equal(w.sent_count, 1);
	p = w.sent[0].packet;
	assert_int_equal(p[8], 1);    /* TTL */
	assert_int_equal(p[1], 0xc0); /* TOS */
	assert_memory_equal(p + 20, "\x94\x04\x00\x00", 4);
	assert_int_equal(gremc_igmp_parse(p, w.sent[0].length, &m), GREMC_IGMP_OK);
	assert_int_equal(m.destination, IP(224, 0, 0, 1));
	assert_int_equal(m.source, querier.address);
	assert_int_equal(m.group, 0);
	assert_int_equal(m.version, 3);
	assert_int_equal(m.response_time, 10000);
	assert_int_equal(m.interval, 125000);
	assert_int_equal(m.robustness, 2);
	assert_true(m.has_router_alert);
	world_run(&w, 31250); /* startup query interval */
	assert_int_equal(w.sent_count, 2);
	world_run(&w, 124900);
	assert_int_equal(w.sent_count, 2);
	world_run(&w, 125200);
	assert_int_equal(w.sent_count, 4);
}

static void test_lower_address_becomes_querier(void **state)
{
	struct gremc_igmp_interface_info info;

	(void)state;
	world_run(&w, 100);
	router_query_input(IP(10, 0, 0, 2), 0, S_CLEAR, NULL, 0); /* a higher address loses */
	router_query_input(0, 0, S_CLEAR, NULL, 0);               /* the address 0.0.0.0 loses */
	assert_true(gremc_igmp_interface_info_get(w.igmp, 1, &info));
	assert_true(info.is_querier);
	router_query_input(IP(9, 255, 0, 2), 0, S_CLEAR, NULL, 0);
	assert_true(gremc_igmp_interface_info_get(w.igmp, 1, &info));
	assert_false(info.is_querier);
	assert_int_equal(info.querier, IP(9, 255, 0, 2));
	assert_int_equal(info.robustness, 3);
	assert_int_equal(info.query_interval, 60000);
	assert_int_equal(info.querier_expires, 185000); /* 3 * 60 + 10 / 2 */
	world_forget(&w);
	world_run(&w, 184980);
	assert_int_equal(w.sent_count, 0);
	world_run(&w, 40);
	assert_int_equal(w.sent_count, 1);
	assert_true(gremc_igmp_interface_info_get(w.igmp, 1, &info));
	assert_true(info.is_querier);
	assert_int_equal(info.query_interval, 125000);
}

/* RFC 3376, 6.6.1: group specific queries lower timers, unless they have the S flag. */
static void test_queries_of_other_querier_lower_timers(void **state)
{
	const rte_be32_t asked[] = {member_address(0)};
	struct gremc_igmp_group_info info;

	(void)state;
	router_query_input(IP(9, 0, 0, 2), 0, S_CLEAR, NULL, 0);
	record_input(GREMC_IGMP_IS_EX, 0);
	record_input(GREMC_IGMP_ALLOW, 1);
	router_query_input(IP(9, 0, 0, 2), group, S_SET, NULL, 0);
	assert_true(gremc_igmp_group_find(w.igmp, 1, group, &info));
	assert_int_equal(info.expires, 190000); /* 3 * 60 + 10: the querier's intervals */
	router_query_input(IP(9, 0, 0, 2), group, S_CLEAR, asked, 1);
	assert_true(gremc_igmp_group_find(w.igmp, 1, group, &info));
	assert_int_equal(info.sources[0].expires, 3000);
	assert_int_equal(info.expires, 190000);
	router_query_input(IP(9, 0, 0, 2), group, S_CLEAR, NULL, 0);
	assert_true(gremc_igmp_group_find(w.igmp, 1, group, &info));
	assert_int_equal(info.expires, 3000);
	/* only the querier sends last member queries */
	world_forget(&w);
	record_input(GREMC_IGMP_TO_IN, 0);
	assert_int_equal(w.sent_count, 0);
}

/* RFC 2236, 3. */
static void test_leave_completes_after_lost_election(void **state)
{
	struct gremc_igmp_settings settings = defaults;
	bool of_group;

	(void)state;
	settings.last_member_count = 4;
	gremc_igmp_configure(w.igmp, &settings, w.now);
	world_run(&w, 1000);
	record_input(GREMC_IGMP_IS_EX, 0);
	world_record(&w, 1, GREMC_IGMP_ALLOW, ssm, (rte_be32_t[]){member_address(0)}, 1);
	world_forget(&w);
	record_input(GREMC_IGMP_TO_IN, 0);
	world_record(&w, 1, GREMC_IGMP_BLOCK, ssm, (rte_be32_t[]){member_address(0)}, 1);
	router_query_input(IP(9, 0, 0, 2), 0, S_CLEAR, NULL, 0);
	world_run(&w, 10000);
	assert_int_equal(w.sent_count, 8); /* four for the group, four for the source, no general query */
	queried_sources(&of_group);
	assert_true(of_group);
	/* the new querier handles the next leave */
	record_input(GREMC_IGMP_IS_EX, 0);
	world_forget(&w);
	record_input(GREMC_IGMP_TO_IN, 0);
	world_run(&w, 10000);
	assert_int_equal(w.sent_count, 0);
}

/* ---- deferred messages ---- */

static uint32_t sent_query_count(rte_be32_t of)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < w.sent_count; i++) {
		struct gremc_igmp_message m;

		assert_int_equal(gremc_igmp_parse(w.sent[i].packet, w.sent[i].length, &m), GREMC_IGMP_OK);
		count += m.type == GREMC_IGMP_QUERY && m.group == of;
	}
	return count;
}

/* The startup queries begin when the next hop is resolved. */
static void test_first_query_waits_for_the_next_hop(void **state)
{
	static const uint32_t after[] = {0, 500, 5000, 40000, 200000, 1000000};

	(void)state;
	for (unsigned i = 0; i < RTE_DIM(after); i++) {
		igmp_tear_down(NULL);
		world_init(&w);
		w.mtu = 0;
		assert_int_equal(gremc_igmp_interface_set(w.igmp, 1, &querier, w.now), 0);
		world_run(&w, after[i]);
		assert_int_equal(w.sent_count, 0);
		assert_int_equal(world_counter(&w, 1, GREMC_IGMP_COUNT_queries_sent), 0);
		w.mtu = 1476;
		world_run(&w, 200);
		assert_int_equal(sent_query_count(0), 1);
		world_run(&w, 31250);
		assert_int_equal(sent_query_count(0), 2);
		world_run(&w, 125100);
		assert_int_equal(sent_query_count(0), 3);
		assert_int_equal(world_counter(&w, 1, GREMC_IGMP_COUNT_queries_sent), 3);
	}
}

/* The gateway of many tunnels is resolved: their queries do not overrun the queue. */
static void test_resumed_queries_are_paced(void **state)
{
	(void)state;
	w.mtu = 0;
	for (uint32_t i = 2; i < 1000; i++)
		assert_int_equal(gremc_igmp_interface_set(w.igmp, i, &querier, w.now), 0);
	world_run(&w, 3000);
	w.mtu = 1476;
	w.accept = 100;
	world_run(&w, 400);
	assert_int_equal(w.sent_count, 100);
	w.accept = UINT32_MAX;
	world_run(&w, 1000);
	assert_int_equal(sent_query_count(0), 999);
}

/* A membership stays until its last member queries could be sent. */
static void test_leave_waits_for_the_next_hop(void **state)
{
	struct gremc_igmp_group_info info;

	(void)state;
	world_run(&w, 100);
	record_input(GREMC_IGMP_IS_EX, 0);
	world_record(&w, 1, GREMC_IGMP_ALLOW, ssm, (rte_be32_t[]){member_address(0)}, 1);
	world_forget(&w);
	w.mtu = 0;
	record_input(GREMC_IGMP_TO_IN, 0);
	world_record(&w, 1, GREMC_IGMP_BLOCK, ssm, (rte_be32_t[]){member_address(0)}, 1);
	world_run(&w, 60000);
	assert_true(gremc_igmp_group_find(w.igmp, 1, group, &info));
	assert_true(gremc_igmp_group_find(w.igmp, 1, ssm, &info));
	w.mtu = 1476;
	world_run(&w, 200);
	assert_int_equal(sent_query_count(group), 1);
	assert_int_equal(sent_query_count(ssm), 1);
	world_run(&w, 1700);
	assert_true(gremc_igmp_group_find(w.igmp, 1, group, &info));
	assert_int_equal(sent_query_count(group), 2);
	assert_int_equal(sent_query_count(ssm), 2);
	world_run(&w, 2000);
	assert_false(gremc_igmp_group_find(w.igmp, 1, group, &info));
	assert_false(gremc_igmp_group_find(w.igmp, 1, ssm, &info));
	/* at most for the group membership interval */
	record_input(GREMC_IGMP_IS_EX, 0);
	w.mtu = 0;
	record_input(GREMC_IGMP_TO_IN, 0);
	world_run(&w, GMI + 5000);
	assert_false(gremc_igmp_group_find(w.igmp, 1, group, &info));
}

static void test_removed_interface_sends_no_deferred_query(void **state)
{
	(void)state;
	w.mtu = 0;
	assert_int_equal(gremc_igmp_interface_set(w.igmp, 2, &querier, w.now), 0);
	world_run(&w, 1000);
	gremc_igmp_interface_remove(w.igmp, 1, w.now);
	w.mtu = 1476;
	world_run(&w, 1000);
	assert_int_equal(w.sent_count, 1);
	assert_int_equal(w.sent[0].interface, 2);
	gremc_igmp_interface_remove(w.igmp, 2, w.now);
	assert_int_equal(gremc_igmp_next_due(w.igmp), GREMC_IGMP_NEVER);
}

/* A query that exceeds a message is split; each source is in one message. */
static void test_source_queries_fit_the_mtu(void **state)
{
	static const size_t mtus[] = {68, 72, 100, 576, 1300, 1476, 9000};
	struct gremc_igmp_policy policy = querier;
	rte_be32_t sources[300];

	(void)state;
	policy.max_sources = 300;
	for (unsigned i = 0; i < 300; i++)
		sources[i] = IP(10, 9, 1, 0) + rte_cpu_to_be_32(i);
	for (unsigned i = 0; i < RTE_DIM(mtus); i++) {
		size_t most = (mtus[i] - 36) / 4, asked = 0;

		assert_int_equal(gremc_igmp_interface_set(w.igmp, 1, &policy, w.now), 0);
		world_record(&w, 1, GREMC_IGMP_ALLOW, ssm, sources, 300);
		world_run(&w, 2000);
		world_forget(&w);
		w.mtu = mtus[i];
		world_record(&w, 1, GREMC_IGMP_TO_IN, ssm, NULL, 0);
		assert_int_equal(w.sent_count, (300 + most - 1) / most);
		for (uint32_t n = 0; n < w.sent_count; n++) {
			struct gremc_igmp_message m;

			assert_true(w.sent[n].length <= mtus[i]);
			assert_int_equal(gremc_igmp_parse(w.sent[n].packet, w.sent[n].length, &m),
					 GREMC_IGMP_OK);
			asked += m.source_count;
		}
		assert_int_equal(asked, 300);
		w.mtu = 1476;
		gremc_igmp_interface_remove(w.igmp, 1, w.now);
	}
}

static void test_version_2_querier_refuses_v3_reports(void **state)
{
	struct gremc_igmp_policy policy = querier;
	struct gremc_igmp_message m;

	(void)state;
	policy.version = 2;
	assert_int_equal(gremc_igmp_interface_set(w.igmp, 1, &policy, w.now), 0);
	world_run(&w, 100);
	assert_int_equal(gremc_igmp_parse(w.sent[0].packet, w.sent[0].length, &m), GREMC_IGMP_OK);
	assert_int_equal(m.version, 2);
	assert_int_equal(m.response_time, 10000);
	record_input(GREMC_IGMP_IS_EX, 0);
	assert_int_equal(world_counter(&w, 1, GREMC_IGMP_COUNT_version), 1);
	assert_int_equal(w.said_count, 0);
}

/* ---- policy ---- */

static void test_policy_refuses_groups_and_sources(void **state)
{
	static const struct gremc_prefix groups[] = {{IP(239, 1, 0, 0), 16}, {IP(232, 0, 0, 0), 8}};
	struct gremc_igmp_policy policy = querier;
	const rte_be32_t bad[] = {IP(127, 0, 0, 1), IP(239, 0, 0, 1), 0};

	(void)state;
	policy.groups = groups;
	policy.group_count = 2;
	policy.max_groups = 3;
	policy.max_sources = 2;
	assert_int_equal(gremc_igmp_interface_set(w.igmp, 1, &policy, w.now), 0);
	world_old(&w, 1, GREMC_IGMP_V2_REPORT, IP(239, 2, 0, 1));
	assert_int_equal(world_counter(&w, 1, GREMC_IGMP_COUNT_group_range), 1);
	world_old(&w, 1, GREMC_IGMP_V2_REPORT, IP(224, 0, 0, 251));
	assert_int_equal(world_counter(&w, 1, GREMC_IGMP_COUNT_link_local), 1);
	world_old(&w, 1, GREMC_IGMP_V2_REPORT, ssm);
	world_record(&w, 1, GREMC_IGMP_TO_EX, ssm, NULL, 0);
	assert_int_equal(world_counter(&w, 1, GREMC_IGMP_COUNT_ssm_any), 2);
	world_record(&w, 1, GREMC_IGMP_ALLOW, group, bad, 3);
	assert_int_equal(world_counter(&w, 1, GREMC_IGMP_COUNT_source_refused), 3);
	world_record(&w, 1, 77, group, NULL, 0);
	assert_int_equal(world_counter(&w, 1, GREMC_IGMP_COUNT_record_type), 1);
	assert_int_equal(w.said_count, 0);
	record_input(GREMC_IGMP_ALLOW, 7);
	assert_int_equal(world_counter(&w, 1, GREMC_IGMP_COUNT_source_limit), 1);
	assert_int_equal(w.said_count, 2);
	for (unsigned i = 2; i < 8; i++)
		world_old(&w, 1, GREMC_IGMP_V2_REPORT, IP(239, 1, 1, i));
	assert_int_equal(world_counter(&w, 1, GREMC_IGMP_COUNT_group_limit), 4);
	assert_int_equal(w.said_count, 4);
}

/* The burst size is the larger one of the rate and max_groups. */
static void test_report_rate_limits_changes(void **state)
{
	struct gremc_igmp_policy policy = querier;

	(void)state;
	policy.report_rate = 10;
	policy.max_groups = 20;
	assert_int_equal(gremc_igmp_interface_set(w.igmp, 1, &policy, w.now), 0);
	for (unsigned i = 0; i < 30; i++)
		world_old(&w, 1, GREMC_IGMP_V2_REPORT, IP(239, 1, 1, i));
	assert_int_equal(w.said_count, 20);
	assert_int_equal(world_counter(&w, 1, GREMC_IGMP_COUNT_rate), 10);
	policy.max_groups = 5;
	assert_int_equal(gremc_igmp_interface_set(w.igmp, 2, &policy, w.now), 0);
	for (unsigned i = 0; i < 30; i++)
		world_record(&w, 2, i ? GREMC_IGMP_TO_IN : GREMC_IGMP_TO_EX, group, NULL, 0);
	assert_int_equal(world_counter(&w, 2, GREMC_IGMP_COUNT_rate), 20);
	world_run(&w, 500);
	for (unsigned i = 0; i < 30; i++)
		world_record(&w, 2, GREMC_IGMP_TO_IN, group, NULL, 0);
	assert_int_equal(world_counter(&w, 2, GREMC_IGMP_COUNT_rate), 45);
}

/* Answers to queries exceed the rate and keep all memberships. */
static void test_refresh_costs_no_token(void **state)
{
	struct gremc_igmp_policy policy = querier;
	const rte_be32_t named[] = {member_address(0), member_address(1)};
	struct gremc_igmp_group_info info;

	(void)state;
	policy.report_rate = 7;
	policy.max_groups = 100;
	assert_int_equal(gremc_igmp_interface_set(w.igmp, 1, &policy, w.now), 0);
	for (unsigned turn = 0; turn < 4; turn++) {
		for (unsigned i = 0; i < 100; i++) {
			if (i % 3 == 0)
				world_old(&w, 1, GREMC_IGMP_V2_REPORT, IP(239, 1, 1, i));
			else
				world_record(&w, 1, i % 3 == 1 ? GREMC_IGMP_IS_EX : GREMC_IGMP_IS_IN,
					     IP(239, 1, 1, i), named, 2);
		}
		assert_int_equal(world_counter(&w, 1, GREMC_IGMP_COUNT_rate), 0);
		world_run(&w, turn ? 100000 : 10);
	}
	for (unsigned i = 0; i < 100; i++)
		assert_true(gremc_igmp_group_find(w.igmp, 1, IP(239, 1, 1, i), &info));
}

static void test_each_change_costs_a_token(void **state)
{
	static const struct {
		uint8_t type;
		unsigned set;
	} records[] = {
		{GREMC_IGMP_IS_EX, 6}, /* another list */
		{GREMC_IGMP_IS_EX, 7}, {GREMC_IGMP_TO_EX, 3},
		{GREMC_IGMP_TO_EX, 0}, {GREMC_IGMP_ALLOW, 4}, /* a new source */
		{GREMC_IGMP_BLOCK, 4}, {GREMC_IGMP_TO_IN, 0},
	};
	struct gremc_igmp_policy policy = querier;

	(void)state;
	policy.report_rate = policy.max_groups = 1;
	for (unsigned i = 0; i < RTE_DIM(records); i++) {
		assert_int_equal(gremc_igmp_interface_set(w.igmp, 1, &policy, w.now), 0);
		record_input(GREMC_IGMP_IS_EX, 3); /* takes the only token */
		record_input(GREMC_IGMP_IS_EX, 3);
		assert_int_equal(world_counter(&w, 1, GREMC_IGMP_COUNT_rate), 0);
		record_input(records[i].type, records[i].set);
		assert_int_equal(world_counter(&w, 1, GREMC_IGMP_COUNT_rate), 1);
		gremc_igmp_interface_remove(w.igmp, 1, w.now);
	}
}

/* The list limits (S,G) requests, not (*,G) requests. */
static void test_source_list_limits_requests(void **state)
{
	/* 10.9.0.1 is member_address(0) */
	const struct gremc_prefix list[] = {{member_address(0), 32}, {member_address(1), 31}};
	struct gremc_igmp_policy policy = querier;

	(void)state;
	policy.sources = list;
	policy.source_count = 1;
	assert_int_equal(gremc_igmp_interface_set(w.igmp, 1, &policy, w.now), 0);
	record_input(GREMC_IGMP_IS_EX, 0);
	assert_int_equal(w.said_count, 1);
	request_expect(0, 0, GREMC_IGMP_INCLUDE);
	world_forget(&w);
	record_input(GREMC_IGMP_TO_IN, 5); /* the third source is not in the list */
	assert_int_equal(world_counter(&w, 1, GREMC_IGMP_COUNT_source_refused), 1);
	world_run(&w, LMQT + 20);
	assert_int_equal(w.said_count, 2);
	request_expect(1, member_address(0), GREMC_IGMP_INCLUDE);
	policy.source_count = 2; /* 10.9.0.2/31: the second and the third */
	assert_int_equal(gremc_igmp_interface_set(w.igmp, 1, &policy, w.now), 0);
	request_expect(w.said_count - 1, member_address(0), GREMC_IGMP_INCLUDE); /* it stays */
	world_forget(&w);
	record_input(GREMC_IGMP_ALLOW, 6);
	assert_int_equal(w.said_count, 2);
	assert_int_equal(world_counter(&w, 1, GREMC_IGMP_COUNT_source_refused), 1);
}

static void test_static_joins_stay(void **state)
{
	const struct gremc_igmp_join joins[] = {{group, 0}, {ssm, member_address(0)}};
	struct gremc_igmp_policy policy = querier;
	struct gremc_igmp_group_info info;

	(void)state;
	policy.joins = joins;
	policy.join_count = 2;
	assert_int_equal(gremc_igmp_interface_set(w.igmp, 1, &policy, w.now), 0);
	assert_int_equal(w.said_count, 2);
	/* neither a leave nor a timer ends them */
	record_input(GREMC_IGMP_TO_EX, 1);
	record_input(GREMC_IGMP_TO_IN, 0);
	world_run(&w, 3 * GMI);
	assert_int_equal(w.said_count, 2);
	assert_true(gremc_igmp_group_find(w.igmp, 1, group, &info));
	assert_true(info.is_static);
	world_forget(&w);
	assert_int_equal(gremc_igmp_interface_set(w.igmp, 1, &querier, w.now), 0);
	assert_false(gremc_igmp_group_find(w.igmp, 1, group, &info));
	assert_false(gremc_igmp_group_find(w.igmp, 1, ssm, &info));
}

static void test_mode_off_withdraws_and_ignores(void **state)
{
	struct gremc_igmp_policy policy = querier;

	(void)state;
	record_input(GREMC_IGMP_IS_EX, 0);
	policy.mode = GREMC_IGMP_OFF;
	assert_int_equal(gremc_igmp_interface_set(w.igmp, 1, &policy, w.now), 0);
	request_expect(1, 0, GREMC_IGMP_NONE);
	world_forget(&w);
	record_input(GREMC_IGMP_IS_EX, 0);
	world_run(&w, 1000000);
	assert_int_equal(w.sent_count + w.said_count, 0);
	assert_int_equal(world_counter(&w, 1, GREMC_IGMP_COUNT_off), 1);
	gremc_igmp_interface_remove(w.igmp, 1, w.now);
	record_input(GREMC_IGMP_IS_EX, 0); /* the interface does not exist */
	assert_int_equal(gremc_igmp_next_due(w.igmp), GREMC_IGMP_NEVER);
}

static void test_removed_interface_withdraws(void **state)
{
	(void)state;
	record_input(GREMC_IGMP_IS_EX, 2);
	world_forget(&w);
	gremc_igmp_interface_remove(w.igmp, 1, w.now);
	assert_int_equal(w.said_count, 2);
}

/* ---- bad packets ---- */

static void test_malformed_packets_change_nothing(void **state)
{
	uint8_t packet[100], good[100];
	struct gremc_igmp_report report = {.packet = packet, .size = sizeof(packet)};
	const rte_be32_t sources[] = {member_address(0), member_address(1)};

	(void)state;
	gremc_igmp_report_add(&report, GREMC_IGMP_ALLOW, group, sources, 2);
	gremc_igmp_report_finish(&report, IP(10, 0, 0, 9));
	for (size_t length = 0; length < report.length; length++)
		world_input(&w, 1, report.packet, length);
	assert_int_equal(w.said_count, 0);
	for (size_t bit = 0; bit < report.length * 8; bit++) {
		memcpy(good, report.packet, report.length);
		good[bit / 8] ^= (uint8_t)(1u << bit % 8);
		world_input(&w, 1, good, report.length);
		/* a checksum covers every bit */
		assert_int_equal(w.said_count, 0);
	}
	assert_int_not_equal(world_counter(&w, 1, GREMC_IGMP_COUNT_truncated), 0);
	assert_int_not_equal(world_counter(&w, 1, GREMC_IGMP_COUNT_header), 0);
	assert_int_not_equal(world_counter(&w, 1, GREMC_IGMP_COUNT_checksum), 0);
	world_input(&w, 1, report.packet, report.length);
	assert_int_equal(w.said_count, 2);
}

static void test_router_alert_can_be_required(void **state)
{
	struct gremc_igmp_policy policy = querier;
	uint8_t packet[GREMC_IGMP_PACKET_MAX], bare[GREMC_IGMP_PACKET_MAX];
	size_t length = gremc_igmp_v1v2_build(packet, GREMC_IGMP_V2_REPORT, IP(10, 0, 0, 9), group);
	uint16_t sum;

	(void)state;
	memcpy(bare, packet, 20);
	memcpy(bare + 20, packet + 24, length - 24);
	bare[0] = 0x45;
	bare[3] = (uint8_t)(length - 4);
	memset(bare + 10, 0, 2);
	sum = (uint16_t)~rte_raw_cksum(bare, 20);
	memcpy(bare + 10, &sum, 2);
	policy.router_alert = true;
	assert_int_equal(gremc_igmp_interface_set(w.igmp, 1, &policy, w.now), 0);
	world_input(&w, 1, bare, length - 4);
	assert_int_equal(world_counter(&w, 1, GREMC_IGMP_COUNT_router_alert), 1);
	assert_int_equal(w.said_count, 0);
	assert_int_equal(gremc_igmp_interface_set(w.igmp, 1, &querier, w.now), 0);
	world_input(&w, 1, bare, length - 4);
	assert_int_equal(w.said_count, 1);
}

/* ---- proxy (RFC 4605) ---- */

static const struct gremc_igmp_policy upstream = {
	.mode = GREMC_IGMP_UPSTREAM, .version = 3, .address = IP(10, 7, 0, 2)};

static void proxy_start(void)
{
	assert_int_equal(gremc_igmp_interface_set(w.igmp, 2, &querier, w.now), 0);
	assert_int_equal(gremc_igmp_interface_set(w.igmp, 7, &upstream, w.now), 0);
	world_run(&w, 2000);
	world_forget(&w);
}

/* The records sent upstream since world_forget(). */
static unsigned upstream_records(struct gremc_igmp_record *records, unsigned most)
{
	unsigned count = 0;

	for (uint32_t i = 0; i < w.sent_count; i++) {
		struct gremc_igmp_message m;
		const uint8_t *at;

		if (w.sent[i].interface != 7)
			continue;
		assert_int_equal(gremc_igmp_parse(w.sent[i].packet, w.sent[i].length, &m), GREMC_IGMP_OK);
		assert_int_equal(m.type, GREMC_IGMP_V3_REPORT);
		assert_int_equal(m.source, upstream.address);
		at = m.records;
		for (uint16_t r = 0; r < m.record_count && count < most; r++)
			at = gremc_igmp_record_read(at, &records[count++]);
	}
	return count;
}

static void test_proxy_merges_memberships(void **state)
{
	const rte_be32_t one[] = {member_address(0)}, two[] = {member_address(1)};
	struct gremc_igmp_record r[16];

	(void)state;
	proxy_start();
	world_record(&w, 1, GREMC_IGMP_ALLOW, group, one, 1);
	world_record(&w, 2, GREMC_IGMP_ALLOW, group, two, 1);
	assert_int_equal(upstream_records(r, 16), 2);
	assert_int_equal(r[0].type, GREMC_IGMP_ALLOW);
	assert_int_equal(gremc_igmp_source_at(r[0].sources, 0), member_address(0));
	/* each change is reported twice (robustness); the second report of the first is the first of the
	 * second */
	assert_int_equal(r[1].source_count, 2);
	world_run(&w, 3000);
	assert_int_equal(upstream_records(r, 16), 3);
	assert_int_equal(r[2].source_count, 1);
	assert_int_equal(gremc_igmp_source_at(r[2].sources, 0), member_address(1));
	world_forget(&w);
	/* one interface excludes a source that the other includes: the list is empty */
	world_record(&w, 1, GREMC_IGMP_TO_EX, group, two, 1);
	assert_int_equal(upstream_records(r, 16), 1);
	assert_int_equal(r[0].type, GREMC_IGMP_TO_EX);
	assert_int_equal(r[0].source_count, 0);
	world_run(&w, 3000);
	world_forget(&w);
	/* after the last member query time no interface includes it: it is excluded */
	world_record(&w, 2, GREMC_IGMP_BLOCK, group, two, 1);
	world_run(&w, 1900);
	assert_int_equal(upstream_records(r, 16), 0);
	/* repeated after a random time of at most a second */
	world_run(&w, 1200);
	assert_int_equal(upstream_records(r, 16), 2);
	assert_int_equal(r[0].type, GREMC_IGMP_BLOCK);
	assert_int_equal(gremc_igmp_source_at(r[0].sources, 0), member_address(1));
	assert_int_equal(r[1].type, GREMC_IGMP_BLOCK);
}

static void test_proxy_answers_general_query(void **state)
{
	const rte_be32_t one[] = {member_address(0)};
	const struct gremc_igmp_query query = {.version = 3,
					       .source = IP(10, 7, 0, 1),
					       .response_time = 10000,
					       .interval = 125000,
					       .robustness = 2};
	uint8_t packet[GREMC_IGMP_PACKET_MAX];
	struct gremc_igmp_record r[16];

	(void)state;
	proxy_start();
	world_record(&w, 1, GREMC_IGMP_ALLOW, group, one, 1);
	world_record(&w, 2, GREMC_IGMP_IS_EX, IP(239, 9, 9, 9), NULL, 0);
	world_run(&w, 5000);
	world_forget(&w);
	world_input(&w, 7, packet, gremc_igmp_query_build(packet, &query));
	world_run(&w, 10100);
	assert_int_equal(upstream_records(r, 16), 2);
	for (unsigned i = 0; i < 2; i++)
		assert_int_equal(r[i].type, r[i].group == group ? GREMC_IGMP_IS_IN : GREMC_IGMP_IS_EX);
}

static void test_proxy_speaks_version_2(void **state)
{
	const struct gremc_igmp_query query = {
		.version = 2, .source = IP(10, 7, 0, 1), .response_time = 1000};
	uint8_t packet[GREMC_IGMP_PACKET_MAX];
	struct gremc_igmp_policy fast = querier;
	struct gremc_igmp_message m;

	(void)state;
	fast.fast_leave = true;
	proxy_start();
	assert_int_equal(gremc_igmp_interface_set(w.igmp, 1, &fast, w.now), 0);
	world_input(&w, 7, packet, gremc_igmp_query_build(packet, &query));
	world_run(&w, 1100);
	world_forget(&w);
	world_record(&w, 1, GREMC_IGMP_IS_EX, group, NULL, 0);
	assert_int_equal(w.sent_count, 1);
	assert_int_equal(gremc_igmp_parse(w.sent[0].packet, w.sent[0].length, &m), GREMC_IGMP_OK);
	assert_int_equal(m.type, GREMC_IGMP_V2_REPORT);
	assert_int_equal(m.destination, group);
	world_run(&w, 3000);
	world_forget(&w);
	world_record(&w, 1, GREMC_IGMP_TO_IN, group, NULL, 0);
	assert_int_equal(gremc_igmp_parse(w.sent[0].packet, w.sent[0].length, &m), GREMC_IGMP_OK);
	assert_int_equal(m.type, GREMC_IGMP_LEAVE);
	assert_int_equal(m.destination, IP(224, 0, 0, 2));
	assert_int_equal(m.group, group);
}

/* The whole state is reported like a change. */
static void test_proxy_reports_state_to_new_upstream(void **state)
{
	const rte_be32_t one[] = {member_address(0), member_address(1)};
	struct gremc_igmp_record r[16];
	unsigned count, any = 0, named = 0;

	(void)state;
	world_record(&w, 1, GREMC_IGMP_IS_EX, group, one, 1);
	world_record(&w, 1, GREMC_IGMP_ALLOW, ssm, one, 2);
	world_run(&w, 5000);
	for (unsigned turn = 0; turn < 2; turn++) {
		world_forget(&w);
		assert_int_equal(gremc_igmp_interface_set(w.igmp, 7, &upstream, w.now), 0);
		world_run(&w, 5000);
		count = upstream_records(r, 16);
		assert_int_equal(count, 4);
		for (unsigned i = 0; i < count; i++) {
			bool is_any = r[i].group == group;

			any += is_any;
			named += !is_any;
			assert_int_equal(r[i].type, is_any ? GREMC_IGMP_TO_EX : GREMC_IGMP_ALLOW);
			assert_int_equal(r[i].source_count, is_any ? 1 : 2);
		}
		assert_true(any == 2 * (turn + 1) && named == 2 * (turn + 1));
		gremc_igmp_interface_remove(w.igmp, 7, w.now);
	}
}

/* Deferred reports contain the state at the time of their transmission. */
static void test_proxy_waits_for_the_next_hop(void **state)
{
	const rte_be32_t one[] = {member_address(0)};
	struct gremc_igmp_record r[16];

	(void)state;
	w.mtu = 0;
	assert_int_equal(gremc_igmp_interface_set(w.igmp, 7, &upstream, w.now), 0);
	world_record(&w, 1, GREMC_IGMP_IS_EX, group, NULL, 0);
	world_record(&w, 1, GREMC_IGMP_IS_EX, IP(239, 9, 9, 9), NULL, 0);
	world_run(&w, 20000);
	world_record(&w, 1, GREMC_IGMP_ALLOW, ssm, one, 1);
	assert_int_equal(w.sent_count, 0);
	w.mtu = 1476;
	world_run(&w, 200);
	assert_true(upstream_records(r, 16) >= 3);
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(r[i].type, r[i].group == ssm ? GREMC_IGMP_ALLOW : GREMC_IGMP_TO_EX);
	world_run(&w, 3000);
	/* likewise a leave */
	w.mtu = 0;
	world_record(&w, 1, GREMC_IGMP_TO_IN, group, NULL, 0);
	world_run(&w, 1000);
	w.mtu = 1476;
	world_run(&w, 5000);
	world_forget(&w);
	w.mtu = 0;
	gremc_igmp_interface_remove(w.igmp, 1, w.now);
	world_run(&w, 5000);
	w.mtu = 1476;
	world_run(&w, 150);
	assert_true(upstream_records(r, 16) >= 2);
	for (unsigned i = 0; i < 2; i++)
		assert_int_equal(r[i].type, r[i].group == ssm ? GREMC_IGMP_BLOCK : GREMC_IGMP_TO_IN);
}

/* Version 2 has a packet per group. All are sent, at the pace of the queue. */
static void test_proxy_paces_its_messages(void **state)
{
	const struct gremc_igmp_query query = {.version = 2, .source = IP(10, 7, 0, 1), .response_time = 100};
	uint8_t packet[GREMC_IGMP_PACKET_MIN];

	(void)state;
	proxy_start();
	for (unsigned i = 0; i < 1000; i++)
		world_old(&w, 1, GREMC_IGMP_V2_REPORT, IP(239, 1, i >> 8, i & 255));
	world_run(&w, 5000);
	world_input(&w, 7, packet, gremc_igmp_query_build(packet, &query));
	world_forget(&w);
	for (unsigned i = 0; i < 100; i++) {
		w.accept = 64;
		world_run(&w, 10);
	}
	assert_int_equal(w.sent_count, 1000);
	assert_int_equal(world_counter(&w, 7, GREMC_IGMP_COUNT_deferred), 0);
	/* likewise with a queue that is shorter than the pace */
	world_input(&w, 7, packet, gremc_igmp_query_build(packet, &query));
	world_forget(&w);
	for (unsigned i = 0; i < 100 && w.sent_count < 1000; i++) {
		w.accept = 50;
		world_run(&w, 110);
	}
	w.accept = UINT32_MAX;
	world_run(&w, 1000);
	assert_int_equal(w.sent_count, 1000);
}

/* Numbers of groups around the capacity of a message. */
static void test_proxy_reports_every_group(void **state)
{
	const struct gremc_igmp_query query = {
		.version = 3, .source = IP(10, 7, 0, 1), .response_time = 100, .robustness = 2};
	static const size_t mtus[] = {68, 576, 1300, 1400, 1476};
	static struct gremc_igmp_record r[1000];
	struct gremc_igmp_policy policy = querier;
	uint8_t packet[GREMC_IGMP_PACKET_MIN];
	struct gremc_igmp_settings settings = defaults;
	uint32_t count = 0;

	(void)state;
	settings.query_interval = 3600000;
	gremc_igmp_configure(w.igmp, &settings, w.now);
	policy.max_groups = 1000;
	assert_int_equal(gremc_igmp_interface_set(w.igmp, 1, &policy, w.now), 0);
	proxy_start();
	for (unsigned i = 0; i < RTE_DIM(mtus); i++) {
		uint32_t full = (uint32_t)(mtus[i] - 32) / 8;

		for (; count < 2 * full + 1; count++) {
			world_old(&w, 1, GREMC_IGMP_V2_REPORT, IP(239, 1, count >> 8, count & 255));
			if (count + 2 < full)
				continue;
			w.mtu = mtus[i];
			world_run(&w, 2500);
			world_forget(&w);
			world_input(&w, 7, packet, gremc_igmp_query_build(packet, &query));
			world_run(&w, 500);
			assert_int_equal(upstream_records(r, 1000), count + 1);
		}
	}
}

/* RFC 3376, 4.2.16: a list that fits into a message of its own is complete. */
static void test_proxy_sends_whole_exclude_lists(void **state)
{
	struct gremc_igmp_record r[400];
	rte_be32_t sources[400];
	struct gremc_igmp_policy policy = querier;
	unsigned count, cut = 0;

	(void)state;
	policy.max_sources = 400;
	assert_int_equal(gremc_igmp_interface_set(w.igmp, 1, &policy, w.now), 0);
	proxy_start();
	for (unsigned i = 0; i < 400; i++)
		sources[i] = IP(10, 9, 1, 0) + rte_cpu_to_be_32(i);
	for (unsigned i = 0; i < 20; i++)
		world_record(&w, 1, GREMC_IGMP_TO_EX, IP(239, 1, 2, i), sources, 300 + i);
	world_record(&w, 1, GREMC_IGMP_TO_EX, IP(239, 1, 2, 20), sources, 359); /* (1476 - 40) / 4 */
	world_record(&w, 1, GREMC_IGMP_TO_EX, IP(239, 1, 2, 21), sources, 360);
	count = upstream_records(r, 400);
	for (unsigned i = 0; i < count; i++) {
		unsigned n = rte_be_to_cpu_32(r[i].group) & 255;

		assert_int_equal(r[i].type, GREMC_IGMP_TO_EX);
		assert_int_equal(r[i].source_count, n < 20 ? 300 + n : 359);
		cut |= 1u << n;
	}
	assert_int_equal(cut, (1u << 22) - 1);
}

/* RFC 4605, 4.2. There is at most one upstream. */
static void test_proxy_forwards_only_as_querier(void **state)
{
	(void)state;
	proxy_start();
	assert_int_equal(gremc_igmp_interface_set(w.igmp, 2, &upstream, w.now), -EEXIST);
	record_input(GREMC_IGMP_IS_EX, 0);
	world_forget(&w);
	router_query_input(IP(9, 0, 0, 2), 0, S_CLEAR, NULL, 0);
	request_expect(0, 0, GREMC_IGMP_NONE);
	world_forget(&w);
	gremc_igmp_interface_remove(w.igmp, 7, w.now);
	request_expect(0, 0, GREMC_IGMP_INCLUDE);
	/* reports on the upstream interface are ignored */
	assert_int_equal(gremc_igmp_interface_set(w.igmp, 7, &upstream, w.now), 0);
	world_forget(&w);
	world_old(&w, 7, GREMC_IGMP_V2_REPORT, IP(239, 9, 9, 9));
	assert_int_equal(w.said_count, 0);
	assert_int_equal(world_counter(&w, 7, GREMC_IGMP_COUNT_off), 1);
}

/* ---- the budget ---- */

#define SITES 31u /* interfaces 1 to 31; the last one joins little */

static void budget_start(uint32_t routes)
{
	struct gremc_igmp_policy policy = querier;

	policy.max_groups = 10000;
	for (uint32_t i = 1; i <= SITES; i++)
		assert_int_equal(gremc_igmp_interface_set(w.igmp, i, &policy, w.now), 0);
	gremc_igmp_budget_set(w.igmp, routes, w.now);
}

static uint32_t interface_cost(uint32_t interface)
{
	struct gremc_igmp_interface_info info = {0};

	assert_true(gremc_igmp_interface_info_get(w.igmp, interface, &info));
	return info.cost;
}

static bool membership_exists(uint32_t interface, rte_be32_t of)
{
	struct gremc_igmp_group_info info;

	return gremc_igmp_group_find(w.igmp, interface, of, &info);
}

/* Check the sums of the budget. Static memberships are not in them. */
static void budget_check(void)
{
	struct gremc_igmp_budget_info info;
	uint64_t sum = 0, largest = 0;

	gremc_igmp_budget_info_get(w.igmp, &info);
	for (uint32_t i = 1; i <= SITES; i++) {
		sum += interface_cost(i);
		largest = RTE_MAX(largest, interface_cost(i));
	}
	assert_int_equal(sum, info.used);
	assert_int_equal(largest, info.largest);
	assert_true(info.used <= info.limit);
	assert_true(info.used >= 8u * info.routes);
}

static void groups_join(uint32_t interface, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
		world_record(&w, interface, GREMC_IGMP_IS_IN, IP(239, interface, i >> 8, i & 255),
			     (rte_be32_t[]){member_address(0), member_address(1), member_address(2)}, 3);
}

/* Thirty sites exhaust the budget. The thirty-first gets all its requests below their share. */
static void test_budget_is_shared_fairly(void **state)
{
	uint32_t least = UINT32_MAX, most = 0;

	(void)state;
	budget_start(3000);
	for (uint32_t i = 1; i < SITES; i++)
		groups_join(i, 200);
	budget_check();
	for (uint32_t i = 1; i < SITES; i++) {
		least = RTE_MIN(least, interface_cost(i));
		most = RTE_MAX(most, interface_cost(i));
	}
	assert_true(most - least <= 40 && least >= 3000 * 9 / 30 - 40);
	assert_true(world_counter(&w, 1, GREMC_IGMP_COUNT_evicted) > 0);
	assert_true(world_counter(&w, 30, GREMC_IGMP_COUNT_budget) > 0);
	/* a site with an equal share is refused and evicts nothing */
	world_forget(&w);
	groups_join(30, 200);
	assert_true(w.said_count < 20);
	groups_join(31, 20); /* 4 routes each */
	assert_int_equal(interface_cost(31), 20 * 4 * 9);
	assert_int_equal(world_counter(&w, 31, GREMC_IGMP_COUNT_budget), 0);
	assert_int_equal(world_counter(&w, 31, GREMC_IGMP_COUNT_evicted), 0);
	budget_check();
	/* and keeps them */
	for (uint32_t i = 1; i < SITES; i++)
		groups_join(i, 300);
	assert_int_equal(interface_cost(31), 20 * 4 * 9);
	budget_check();
}

/* Many sites with the same groups need few routes. */
static void test_budget_charges_shared_groups_once(void **state)
{
	struct gremc_igmp_budget_info info;

	(void)state;
	budget_start(250);
	for (uint32_t i = 1; i <= SITES; i++)
		for (uint32_t g = 0; g < 50; g++)
			world_old(&w, i, GREMC_IGMP_V2_REPORT, IP(239, 100, 0, g));
	gremc_igmp_budget_info_get(w.igmp, &info);
	assert_int_equal(info.routes, 50);
	assert_int_equal(info.used, 50 * (8 + SITES));
	budget_check();
	/* requests of one site do not evict shared groups of the others */
	groups_join(1, 300);
	budget_check();
	for (uint32_t i = 2; i <= SITES; i++)
		for (uint32_t g = 0; g < 50; g++)
			assert_true(membership_exists(i, IP(239, 100, 0, g)));
}

/* A route that both sites request is charged to the site with less. */
static void test_budget_charges_payer_with_least_cost(void **state)
{
	(void)state;
	budget_start(100);
	world_old(&w, 1, GREMC_IGMP_V2_REPORT, group);
	for (uint32_t i = 0; i < 200; i++)
		world_old(&w, 1, GREMC_IGMP_V2_REPORT, IP(239, 5, 0, i));
	assert_int_equal(interface_cost(1), 900);
	world_old(&w, 2, GREMC_IGMP_V2_REPORT, group);
	assert_int_equal(interface_cost(2), 9);
	for (uint32_t i = 0; i < 49; i++)
		world_old(&w, 2, GREMC_IGMP_V2_REPORT, IP(239, 6, 0, i));
	assert_true(membership_exists(2, group));
	budget_check();
	gremc_igmp_interface_remove(w.igmp, 2, w.now);
	budget_start(100);
	budget_check();
	assert_true(interface_cost(1) < 900);
}

/* After a refusal the site is queried when the budget has a reserve again. */
static void test_budget_queries_after_release(void **state)
{
	struct gremc_igmp_settings settings = defaults;

	(void)state;
	settings.query_interval = 3600000;
	gremc_igmp_configure(w.igmp, &settings, w.now);
	budget_start(100);
	world_run(&w, 2000000); /* past the startup queries */
	for (uint32_t i = 0; i < 60; i++) {
		world_old(&w, 1, GREMC_IGMP_V2_REPORT, IP(239, 5, 0, i));
		world_old(&w, 2, GREMC_IGMP_V2_REPORT, IP(239, 6, 0, i));
	}
	assert_int_equal(interface_cost(1) + interface_cost(2), 900);
	assert_true(world_counter(&w, 2, GREMC_IGMP_COUNT_budget) > 0);
	world_forget(&w);
	world_run(&w, 60000);
	assert_int_equal(w.sent_count, 0);
	gremc_igmp_interface_remove(w.igmp, 1, w.now);
	world_run(&w, 2000);
	assert_int_equal(w.sent_count, 1);
	assert_int_equal(w.sent[0].interface, 2);
	for (uint32_t i = 0; i < 60; i++)
		world_old(&w, 2, GREMC_IGMP_V2_REPORT, IP(239, 6, 0, i));
	assert_int_equal(interface_cost(2), 540);
}

/* A smaller budget evicts from the sites with the largest cost, but no static join. */
static void test_budget_spares_static_joins(void **state)
{
	const struct gremc_igmp_join joins[] = {{group, 0}, {ssm, member_address(0)}};
	struct gremc_igmp_policy policy = querier;

	(void)state;
	budget_start(50);
	for (uint32_t i = 0; i < 40; i++)
		world_old(&w, 1, GREMC_IGMP_V2_REPORT, IP(239, 5, 0, i));
	for (uint32_t i = 0; i < 10; i++)
		world_old(&w, 2, GREMC_IGMP_V2_REPORT, IP(239, 6, 0, i));
	policy.joins = joins;
	policy.join_count = 2;
	assert_int_equal(gremc_igmp_interface_set(w.igmp, 3, &policy, w.now), 0);
	assert_int_equal(interface_cost(3), 0);
	gremc_igmp_budget_set(w.igmp, 23, w.now); /* static joins need three */
	assert_int_equal(interface_cost(1), 90);
	assert_int_equal(interface_cost(2), 90);
	gremc_igmp_budget_set(w.igmp, 0, w.now);
	assert_int_equal(interface_cost(1) + interface_cost(2), 0);
	assert_true(membership_exists(3, group) && membership_exists(3, ssm));
	gremc_igmp_budget_set(w.igmp, 50, w.now);
	/* a member keeps the group after the join is removed from the configuration */
	world_old(&w, 3, GREMC_IGMP_V2_REPORT, group);
	assert_int_equal(gremc_igmp_interface_set(w.igmp, 3, &querier, w.now), 0);
	assert_true(membership_exists(3, group) && !membership_exists(3, ssm));
	assert_int_equal(interface_cost(3), 9);
	budget_check();
}

/* The sums hold, and a site below its share loses nothing. */
static void test_budget_holds_with_random_records(void **state)
{
	uint32_t random = 1;

	(void)state;
	budget_start(400);
	for (uint32_t i = 0; i < 12; i++)
		world_old(&w, SITES, GREMC_IGMP_V2_REPORT, IP(239, 200, 0, i));
	for (unsigned n = 0; n < 30000; n++) {
		uint32_t interface, g;
		uint8_t type;

		random = random * 1664525 + 1013904223;
		interface = 1 + (random >> 8) % (SITES - 1);
		g = (random >> 16) % 300;
		type = (uint8_t)(GREMC_IGMP_IS_IN + (random >> 4) % 6);
		world_record(&w, interface, type, IP(239, 100 + g % 2 * interface, g >> 8, g & 255),
			     (rte_be32_t[]){member_address(0), member_address(1), member_address(2)},
			     (uint16_t)(random >> 28) % 4);
		if (n % 50 == 0) {
			budget_check();
			world_run(&w, (random >> 12) % 4000);
		}
		if (n % 500 == 0)
			for (uint32_t i = 0; i < 12; i++)
				world_old(&w, SITES, GREMC_IGMP_V2_REPORT, IP(239, 200, 0, i));
		w.said_count = w.sent_count = 0;
	}
	assert_int_equal(world_counter(&w, SITES, GREMC_IGMP_COUNT_evicted), 0);
	assert_int_equal(world_counter(&w, SITES, GREMC_IGMP_COUNT_budget), 0);
	assert_int_equal(world_counter(&w, SITES, GREMC_IGMP_COUNT_joined), 12);
}

static void test_failed_change_is_repeated(void **state)
{
	(void)state;
	proxy_start();
	w.is_poor = true;
	record_input(GREMC_IGMP_TO_EX, 1);
	world_old(&w, 2, GREMC_IGMP_V2_REPORT, group);
	world_old(&w, 2, GREMC_IGMP_V2_REPORT, IP(239, 9, 9, 9));
	world_run(&w, 5000);
	assert_int_equal(w.said_count, 0);
	assert_true(world_counter(&w, 1, GREMC_IGMP_COUNT_no_memory) > 0);
	w.is_poor = false;
	world_run(&w, 1100);
	assert_int_equal(w.said_count, 4);
	world_run(&w, 1100);
	assert_int_equal(w.said_count, 4);
	/* each request is withdrawn once */
	w.is_poor = true;
	gremc_igmp_interface_remove(w.igmp, 1, w.now);
	gremc_igmp_interface_remove(w.igmp, 2, w.now);
	assert_int_equal(w.said_count, 8);
}

/* ---- snapshots, timers ---- */

static void test_groups_are_listed_by_pages(void **state)
{
	struct gremc_igmp_group_info infos[10];
	uint32_t total, from = 0, seen = 0, n;

	(void)state;
	for (unsigned i = 0; i < 95; i++)
		world_old(&w, 1, GREMC_IGMP_V2_REPORT, IP(239, 1, 1, i));
	while ((n = gremc_igmp_groups_list(w.igmp, from, infos, 10, &total)) > 0) {
		assert_int_equal(total, 95);
		seen += n;
		from = infos[n - 1].number + 1;
	}
	assert_int_equal(seen, 95);
}

/* No timer expires early or more than a tick late. */
static void test_timers_expire_on_every_wheel_level(void **state)
{
	struct gremc_igmp_settings settings = defaults;
	struct gremc_igmp_group_info info;
	const uint32_t intervals[] = {2000, 2550, 2560, 2570, 600000, 655360, 30000000};

	(void)state;
	for (unsigned i = 0; i < RTE_DIM(intervals); i++) {
		settings.query_interval = intervals[i];
		gremc_igmp_configure(w.igmp, &settings, w.now);
		world_run(&w, 7);
		record_input(GREMC_IGMP_IS_EX, 0);
		world_run(&w, 2 * intervals[i] + 10000 - 1);
		assert_true(gremc_igmp_group_find(w.igmp, 1, group, &info));
		world_run(&w, 11);
		assert_false(gremc_igmp_group_find(w.igmp, 1, group, &info));
	}
}

static void test_codes_round_down(void **state)
{
	(void)state;
	for (uint32_t value = 0; value < 31744; value++) {
		uint32_t back = gremc_igmp_code_decode(gremc_igmp_code_encode(value));

		assert_true(back <= value && value - back <= value / 16);
	}
	for (unsigned code = 0; code < 256; code++)
		assert_int_equal(gremc_igmp_code_encode(gremc_igmp_code_decode((uint8_t)code)), code);
}

static void test_counters_have_names(void **state)
{
	(void)state;
	for (unsigned i = 0; i < GREMC_IGMP_COUNTER_COUNT; i++) {
		assert_true(strlen(gremc_igmp_counter_name(i)) > 0);
		assert_true(strlen(gremc_igmp_counter_text(i)) > 0);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, igmp_set_up, igmp_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_records_follow_tables_of_rfc_3376),
		TEST(test_group_timer_ends_exclude_mode),
		TEST(test_expired_source_is_excluded),
		TEST(test_only_changes_are_published),
		TEST(test_leave_takes_the_last_member_query_time),
		TEST(test_answer_keeps_membership_after_leave),
		TEST(test_retransmission_after_answer_has_s_flag),
		TEST(test_fast_leave_sends_no_query),
		TEST(test_v2_host_limits_v3_records),
		TEST(test_v1_host_cannot_leave),
		TEST(test_general_queries_follow_timers),
		TEST(test_lower_address_becomes_querier),
		TEST(test_leave_completes_after_lost_election),
		TEST(test_queries_of_other_querier_lower_timers),
		TEST(test_source_queries_fit_the_mtu),
		TEST(test_removed_interface_sends_no_deferred_query),
		TEST(test_leave_waits_for_the_next_hop),
		TEST(test_resumed_queries_are_paced),
		TEST(test_first_query_waits_for_the_next_hop),
		TEST(test_version_2_querier_refuses_v3_reports),
		TEST(test_policy_refuses_groups_and_sources),
		TEST(test_report_rate_limits_changes),
		TEST(test_each_change_costs_a_token),
		TEST(test_refresh_costs_no_token),
		TEST(test_source_list_limits_requests),
		TEST(test_static_joins_stay),
		TEST(test_mode_off_withdraws_and_ignores),
		TEST(test_removed_interface_withdraws),
		TEST(test_malformed_packets_change_nothing),
		TEST(test_router_alert_can_be_required),
		TEST(test_proxy_merges_memberships),
		TEST(test_proxy_answers_general_query),
		TEST(test_proxy_speaks_version_2),
		TEST(test_proxy_sends_whole_exclude_lists),
		TEST(test_proxy_reports_every_group),
		TEST(test_proxy_paces_its_messages),
		TEST(test_proxy_reports_state_to_new_upstream),
		TEST(test_proxy_waits_for_the_next_hop),
		TEST(test_proxy_forwards_only_as_querier),
		TEST(test_budget_is_shared_fairly),
		TEST(test_budget_charges_shared_groups_once),
		TEST(test_budget_charges_payer_with_least_cost),
		TEST(test_budget_queries_after_release),
		TEST(test_budget_spares_static_joins),
		TEST(test_budget_holds_with_random_records),
		TEST(test_failed_change_is_repeated),
		TEST(test_groups_are_listed_by_pages),
		TEST(test_timers_expire_on_every_wheel_level),
		TEST(test_codes_round_down),
		TEST(test_counters_have_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
