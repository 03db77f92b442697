/* SPDX-License-Identifier: BSD-3-Clause */
/* The membership engine by the letter of RFC 3376, 2236 and 4605: its tables, its timers, its elections. */
#include <errno.h>

#include "igmp_world.h"
#include "test.h"

#define GMI  260000u
#define LMQT 2000u

static const rte_be32_t group = IP(239, 1, 1, 1), ssm = IP(232, 1, 1, 1);
static struct world w;

static int set_up(void **state)
{
	(void)state;
	world_init(&w);
	return gremc_igmp_interface_set(w.igmp, 1, &querier, w.now);
}

static int tear_down(void **state)
{
	(void)state;
	world_fini(&w);
	return 0;
}

/* ---- the tables of RFC 3376, 6.4 ---- */

/* Sets of the sources 10.9.0.1 to 10.9.0.3 are masks. */
#define SETS 8u

static rte_be32_t member(unsigned i)
{
	return IP(10, 9, 0, 1) + rte_cpu_to_be_32(i);
}

static void say(uint8_t type, unsigned set)
{
	rte_be32_t sources[3] = {0};
	uint16_t count = 0;

	for (unsigned i = 0; i < 3; i++)
		if (set >> i & 1)
			sources[count++] = member(i);
	world_record(&w, 1, type, group, sources, count);
}

/* A membership as the tables write it: INCLUDE(x) or EXCLUDE(x,y), and what a row does to it. */
struct outcome {
	bool exclude;
	unsigned x, y;
	unsigned fresh;  /* sources whose timer is GMI */
	unsigned leased; /* sources that got the group timer's value */
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

/* What the group and source queries among the packets sent ask for. */
static unsigned queried(bool *of_group)
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
				if (gremc_igmp_source_at(m.sources, s) == member(k))
					set |= 1u << k;
	}
	return set;
}

/* The state is the outcome's, timers to the millisecond: `left` is what those that nothing touched have. */
static void check(const struct outcome *o, uint32_t left)
{
	struct gremc_igmp_group_info info;
	unsigned x = 0, y = 0;
	bool of_group;

	assert_int_equal(queried(&of_group), o->query);
	assert_int_equal(of_group, o->query_group);
	if (!gremc_igmp_group_find(w.igmp, 1, group, &info)) {
		assert_true(!o->exclude && o->x == 0);
		return;
	}
	assert_int_equal(info.exclude, o->exclude);
	assert_int_equal(info.expires, !o->exclude ? 0 : o->query_group ? LMQT : o->group_fresh ? GMI : left);
	for (uint32_t i = 0; i < info.source_count; i++) {
		const struct gremc_igmp_source_info *s = &info.sources[i];
		unsigned bit = 1u << (rte_be_to_cpu_32(s->address) - rte_be_to_cpu_32(member(0)));

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

/* Each row with each set: 6 types of record, 8 sets, and every state of three sources. */
static void test_tables(void **state)
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
					say(GREMC_IGMP_IS_EX, y);
				if (x)
					say(GREMC_IGMP_ALLOW, x);
				world_run(&w, 50000);
				world_forget(&w);
				say(type, set);
				check(&o, GMI - 50000);
				tear_down(NULL);
				set_up(NULL);
			}
		}
	}
}

/* 6.5: the group timer runs out with sources still asked for, and without. */
static void test_group_timer(void **state)
{
	struct gremc_igmp_group_info info;

	(void)state;
	say(GREMC_IGMP_IS_EX, 4);
	world_run(&w, 100000);
	say(GREMC_IGMP_ALLOW, 3);
	world_run(&w, GMI - 100000 + 20);
	assert_true(gremc_igmp_group_find(w.igmp, 1, group, &info));
	assert_false(info.exclude);
	assert_int_equal(info.source_count, 2); /* the excluded one is forgotten */
	world_run(&w, 100000);
	assert_false(gremc_igmp_group_find(w.igmp, 1, group, &info));
	say(GREMC_IGMP_IS_EX, 0);
	world_run(&w, GMI - 10);
	assert_true(gremc_igmp_group_find(w.igmp, 1, group, &info));
	world_run(&w, 30);
	assert_false(gremc_igmp_group_find(w.igmp, 1, group, &info));
}

/* 6.3: a source of EXCLUDE mode whose timer runs out is excluded from then on. */
static void test_source_timer(void **state)
{
	struct gremc_igmp_group_info info;

	(void)state;
	say(GREMC_IGMP_IS_EX, 0);
	say(GREMC_IGMP_ALLOW, 1);
	world_run(&w, 200000);
	say(GREMC_IGMP_IS_EX, 1);
	world_run(&w, 100000);
	assert_true(gremc_igmp_group_find(w.igmp, 1, group, &info));
	assert_int_equal(info.source_count, 1);
	assert_true(info.sources[0].excluded);
}

/* ---- what is said of it ---- */

static void expect_said(uint32_t at, rte_be32_t source, enum gremc_igmp_request interest)
{
	assert_true(at < w.said_count);
	assert_int_equal(w.said[at].interface, 1);
	assert_int_equal(w.said[at].group, group);
	assert_int_equal(w.said[at].source, source);
	assert_int_equal(w.said[at].interest, interest);
}

static void test_changes(void **state)
{
	(void)state;
	say(GREMC_IGMP_ALLOW, 1);
	expect_said(0, member(0), GREMC_IGMP_INCLUDE);
	say(GREMC_IGMP_ALLOW, 1); /* a refresh says nothing */
	assert_int_equal(w.said_count, 1);
	say(GREMC_IGMP_TO_EX, 2);
	expect_said(1, 0, GREMC_IGMP_INCLUDE);
	assert_int_equal(w.said_count, 4);
	world_forget(&w);
	world_run(&w, GMI + 100);
	/* taken back, each once */
	assert_int_equal(w.said_count, 2);
	expect_said(0, 0, GREMC_IGMP_NONE);
	expect_said(1, member(1), GREMC_IGMP_NONE);
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
	expect_said(0, 0, GREMC_IGMP_NONE);
}

static void test_another_member_answers(void **state)
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

/* A retransmission after somebody answered suppresses: other routers shall not lower their timers. */
static void test_suppress(void **state)
{
	struct gremc_igmp_message m;

	(void)state;
	say(GREMC_IGMP_IS_EX, 0);
	world_run(&w, 5000);
	world_forget(&w);
	say(GREMC_IGMP_TO_IN, 0);
	assert_int_equal(gremc_igmp_parse(w.sent[0].packet, w.sent[0].length, &m), GREMC_IGMP_OK);
	assert_false(m.suppress);
	say(GREMC_IGMP_IS_EX, 0);
	world_run(&w, 1010);
	assert_int_equal(w.sent_count, 2);
	assert_int_equal(gremc_igmp_parse(w.sent[1].packet, w.sent[1].length, &m), GREMC_IGMP_OK);
	assert_true(m.suppress);
}

static void test_fast_leave(void **state)
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
	expect_said(0, 0, GREMC_IGMP_NONE);
	assert_false(gremc_igmp_group_find(w.igmp, 1, group, &info));
	say(GREMC_IGMP_ALLOW, 3);
	say(GREMC_IGMP_BLOCK, 1);
	assert_true(gremc_igmp_group_find(w.igmp, 1, group, &info));
	assert_int_equal(info.source_count, 1);
	assert_int_equal(info.sources[0].address, member(1));
	/* from any source to one: the others are gone at once */
	say(GREMC_IGMP_TO_EX, 0);
	say(GREMC_IGMP_TO_IN, 4);
	assert_true(gremc_igmp_group_find(w.igmp, 1, group, &info));
	assert_false(info.exclude);
	assert_int_equal(info.source_count, 1);
	assert_int_equal(info.sources[0].address, member(2));
}

/* ---- older hosts (7.3.2) ---- */

static void test_v2_host_is_present(void **state)
{
	struct gremc_igmp_group_info info;

	(void)state;
	world_old(&w, 1, GREMC_IGMP_V2_REPORT, group);
	assert_true(gremc_igmp_group_find(w.igmp, 1, group, &info));
	assert_int_equal(info.version, 2);
	say(GREMC_IGMP_BLOCK, 1);
	say(GREMC_IGMP_TO_EX, 2);
	assert_true(gremc_igmp_group_find(w.igmp, 1, group, &info));
	assert_int_equal(info.source_count, 0);
	assert_int_equal(world_counter(&w, 1, GREMC_IGMP_COUNT_older_host), 1);
	/* it is forgotten after the older host present interval */
	world_run(&w, GMI - 1000);
	say(GREMC_IGMP_IS_EX, 0);
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
	say(GREMC_IGMP_TO_IN, 0);
	assert_int_equal(w.sent_count, 0);
	world_run(&w, 5000);
	assert_int_equal(w.said_count, 0);
	assert_int_equal(world_counter(&w, 1, GREMC_IGMP_COUNT_older_host), 2);
	world_run(&w, GMI);
	expect_said(0, 0, GREMC_IGMP_NONE);
}

/* ---- queries and election ---- */

static void hear_query(rte_be32_t from, rte_be32_t of, bool suppress, const rte_be32_t *sources,
		       uint16_t count)
{
	const struct gremc_igmp_query query = {.version = 3,
					       .source = from,
					       .group = of,
					       .response_time = of ? 1000 : 10000,
					       .interval = 60000,
					       .robustness = 3,
					       .suppress = suppress,
					       .sources = sources,
					       .source_count = count};
	uint8_t packet[GREMC_IGMP_PACKET_MAX];

	world_input(&w, 1, packet, gremc_igmp_query_build(packet, &query));
}

static void test_general_queries(void **state)
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

static void test_election(void **state)
{
	struct gremc_igmp_interface_info info;

	(void)state;
	world_run(&w, 100);
	hear_query(IP(10, 0, 0, 2), 0, false, NULL, 0); /* higher: we stay */
	hear_query(0, 0, false, NULL, 0);               /* a snooper's: no election */
	assert_true(gremc_igmp_interface_info_get(w.igmp, 1, &info));
	assert_true(info.is_querier);
	hear_query(IP(9, 255, 0, 2), 0, false, NULL, 0);
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

/* 6.6.1: the querier's group specific queries lower our timers, unless they suppress. */
static void test_other_queriers_queries(void **state)
{
	const rte_be32_t asked[] = {member(0)};
	struct gremc_igmp_group_info info;

	(void)state;
	hear_query(IP(9, 0, 0, 2), 0, false, NULL, 0);
	say(GREMC_IGMP_IS_EX, 0);
	say(GREMC_IGMP_ALLOW, 1);
	hear_query(IP(9, 0, 0, 2), group, true, NULL, 0);
	assert_true(gremc_igmp_group_find(w.igmp, 1, group, &info));
	assert_int_equal(info.expires, 190000); /* 3 * 60 + 10: the querier's intervals */
	hear_query(IP(9, 0, 0, 2), group, false, asked, 1);
	assert_true(gremc_igmp_group_find(w.igmp, 1, group, &info));
	assert_int_equal(info.sources[0].expires, 3000);
	assert_int_equal(info.expires, 190000);
	hear_query(IP(9, 0, 0, 2), group, false, NULL, 0);
	assert_true(gremc_igmp_group_find(w.igmp, 1, group, &info));
	assert_int_equal(info.expires, 3000);
	/* and its silence on a leave is ours, too */
	world_forget(&w);
	say(GREMC_IGMP_TO_IN, 0);
	assert_int_equal(w.sent_count, 0);
}

/* Group queries of a leave go on when another router becomes the querier meanwhile (RFC 2236, 3). */
static void test_election_during_a_leave(void **state)
{
	struct gremc_igmp_settings settings = defaults;
	bool of_group;

	(void)state;
	settings.last_member_count = 4;
	gremc_igmp_configure(w.igmp, &settings, w.now);
	world_run(&w, 1000);
	say(GREMC_IGMP_IS_EX, 0);
	world_record(&w, 1, GREMC_IGMP_ALLOW, ssm, (rte_be32_t[]){member(0)}, 1);
	world_forget(&w);
	say(GREMC_IGMP_TO_IN, 0);
	world_record(&w, 1, GREMC_IGMP_BLOCK, ssm, (rte_be32_t[]){member(0)}, 1);
	hear_query(IP(9, 0, 0, 2), 0, false, NULL, 0);
	world_run(&w, 10000);
	assert_int_equal(w.sent_count, 8); /* four for the group, four for the source, no general one */
	queried(&of_group);
	assert_true(of_group);
	/* a leave that begins now is the other one's */
	say(GREMC_IGMP_IS_EX, 0);
	world_forget(&w);
	say(GREMC_IGMP_TO_IN, 0);
	world_run(&w, 10000);
	assert_int_equal(w.sent_count, 0);
}

/* ---- messages that cannot leave yet ---- */

static uint32_t sent_queries(rte_be32_t of)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < w.sent_count; i++) {
		struct gremc_igmp_message m;

		assert_int_equal(gremc_igmp_parse(w.sent[i].packet, w.sent[i].length, &m), GREMC_IGMP_OK);
		count += m.type == GREMC_IGMP_QUERY && m.group == of;
	}
	return count;
}

/* The startup queries begin when the next hop is known, and all of them are sent. */
static void test_first_query_waits_for_the_next_hop(void **state)
{
	static const uint32_t after[] = {0, 500, 5000, 40000, 200000, 1000000};

	(void)state;
	for (unsigned i = 0; i < RTE_DIM(after); i++) {
		tear_down(NULL);
		world_init(&w);
		w.mtu = 0;
		assert_int_equal(gremc_igmp_interface_set(w.igmp, 1, &querier, w.now), 0);
		world_run(&w, after[i]);
		assert_int_equal(w.sent_count, 0);
		assert_int_equal(world_counter(&w, 1, GREMC_IGMP_COUNT_queries_sent), 0);
		w.mtu = 1476;
		world_run(&w, 200);
		assert_int_equal(sent_queries(0), 1);
		world_run(&w, 31250);
		assert_int_equal(sent_queries(0), 2);
		world_run(&w, 125100);
		assert_int_equal(sent_queries(0), 3);
		assert_int_equal(world_counter(&w, 1, GREMC_IGMP_COUNT_queries_sent), 3);
	}
}

/* Many tunnels go by one gateway: when it answers, their queries do not overrun the queue. */
static void test_many_resume_at_once(void **state)
{
	(void)state;
	w.mtu = 0;
	for (uint32_t i = 2; i < 1000; i++)
		assert_int_equal(gremc_igmp_interface_set(w.igmp, i, &querier, w.now), 0);
	world_run(&w, 3000);
	w.mtu = 1476;
	w.accept = 100; /* and that is all for now */
	world_run(&w, 400);
	assert_int_equal(w.sent_count, 100);
	w.accept = UINT32_MAX;
	world_run(&w, 1000);
	assert_int_equal(sent_queries(0), 999);
}

/* Nobody is cut off by a leave that nobody could be asked about. */
static void test_leave_waits_for_the_next_hop(void **state)
{
	struct gremc_igmp_group_info info;

	(void)state;
	world_run(&w, 100);
	say(GREMC_IGMP_IS_EX, 0);
	world_record(&w, 1, GREMC_IGMP_ALLOW, ssm, (rte_be32_t[]){member(0)}, 1);
	world_forget(&w);
	w.mtu = 0;
	say(GREMC_IGMP_TO_IN, 0);
	world_record(&w, 1, GREMC_IGMP_BLOCK, ssm, (rte_be32_t[]){member(0)}, 1);
	world_run(&w, 60000);
	assert_true(gremc_igmp_group_find(w.igmp, 1, group, &info));
	assert_true(gremc_igmp_group_find(w.igmp, 1, ssm, &info));
	w.mtu = 1476;
	world_run(&w, 200);
	assert_int_equal(sent_queries(group), 1);
	assert_int_equal(sent_queries(ssm), 1);
	world_run(&w, 1700);
	assert_true(gremc_igmp_group_find(w.igmp, 1, group, &info));
	assert_int_equal(sent_queries(group), 2);
	assert_int_equal(sent_queries(ssm), 2);
	world_run(&w, 2000);
	assert_false(gremc_igmp_group_find(w.igmp, 1, group, &info));
	assert_false(gremc_igmp_group_find(w.igmp, 1, ssm, &info));
	/* but a way that stays away keeps no membership for ever */
	say(GREMC_IGMP_IS_EX, 0);
	w.mtu = 0;
	say(GREMC_IGMP_TO_IN, 0);
	world_run(&w, GMI + 5000);
	assert_false(gremc_igmp_group_find(w.igmp, 1, group, &info));
}

/* What is removed while it waits is asked nothing any more. */
static void test_interface_goes_while_it_waits(void **state)
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

/* A query for more sources than one message holds is several; each names each source once. */
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

static void test_version_2_querier(void **state)
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
	say(GREMC_IGMP_IS_EX, 0);
	assert_int_equal(world_counter(&w, 1, GREMC_IGMP_COUNT_version), 1);
	assert_int_equal(w.said_count, 0);
}

/* ---- policy ---- */

static void test_refusals(void **state)
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
	say(GREMC_IGMP_ALLOW, 7);
	assert_int_equal(world_counter(&w, 1, GREMC_IGMP_COUNT_source_limit), 1);
	assert_int_equal(w.said_count, 2);
	for (unsigned i = 2; i < 8; i++)
		world_old(&w, 1, GREMC_IGMP_V2_REPORT, IP(239, 1, 1, i));
	assert_int_equal(world_counter(&w, 1, GREMC_IGMP_COUNT_group_limit), 4);
	assert_int_equal(w.said_count, 4);
}

/* The bucket holds one second's records or all memberships, whichever is more, and fills by the rate. */
static void test_report_rate(void **state)
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

/* More memberships than the rate: the answers to queries, always in the same order, keep all of them. */
static void test_refresh_costs_no_token(void **state)
{
	struct gremc_igmp_policy policy = querier;
	const rte_be32_t named[] = {member(0), member(1)};
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

/* What changes state, or has members asked, costs a token: */
static void test_changes_cost_tokens(void **state)
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
		say(GREMC_IGMP_IS_EX, 3); /* by the bucket's only token */
		say(GREMC_IGMP_IS_EX, 3);
		assert_int_equal(world_counter(&w, 1, GREMC_IGMP_COUNT_rate), 0);
		say(records[i].type, records[i].set);
		assert_int_equal(world_counter(&w, 1, GREMC_IGMP_COUNT_rate), 1);
		gremc_igmp_interface_remove(w.igmp, 1, w.now);
	}
}

/* A list of sources refuses those that members name; of any source it says nothing. */
static void test_accepted_sources(void **state)
{
	/* 10.9.0.1 is member(0) */
	const struct gremc_prefix list[] = {{member(0), 32}, {member(1), 31}};
	struct gremc_igmp_policy policy = querier;

	(void)state;
	policy.sources = list;
	policy.source_count = 1;
	assert_int_equal(gremc_igmp_interface_set(w.igmp, 1, &policy, w.now), 0);
	say(GREMC_IGMP_IS_EX, 0);
	assert_int_equal(w.said_count, 1);
	expect_said(0, 0, GREMC_IGMP_INCLUDE);
	world_forget(&w);
	say(GREMC_IGMP_TO_IN, 5); /* the third is none of the list */
	assert_int_equal(world_counter(&w, 1, GREMC_IGMP_COUNT_source_refused), 1);
	world_run(&w, LMQT + 20);
	assert_int_equal(w.said_count, 2);
	expect_said(1, member(0), GREMC_IGMP_INCLUDE);
	policy.source_count = 2; /* 10.9.0.2/31: the second and the third */
	assert_int_equal(gremc_igmp_interface_set(w.igmp, 1, &policy, w.now), 0);
	expect_said(w.said_count - 1, member(0), GREMC_IGMP_INCLUDE); /* it stays */
	world_forget(&w);
	say(GREMC_IGMP_ALLOW, 6);
	assert_int_equal(w.said_count, 2);
	assert_int_equal(world_counter(&w, 1, GREMC_IGMP_COUNT_source_refused), 1);
}

static void test_static_joins(void **state)
{
	const struct gremc_igmp_join joins[] = {{group, 0}, {ssm, member(0)}};
	struct gremc_igmp_policy policy = querier;
	struct gremc_igmp_group_info info;

	(void)state;
	policy.joins = joins;
	policy.join_count = 2;
	assert_int_equal(gremc_igmp_interface_set(w.igmp, 1, &policy, w.now), 0);
	assert_int_equal(w.said_count, 2);
	/* no leave, no exclusion and no time ends it */
	say(GREMC_IGMP_TO_EX, 1);
	say(GREMC_IGMP_TO_IN, 0);
	world_run(&w, 3 * GMI);
	assert_int_equal(w.said_count, 2);
	assert_true(gremc_igmp_group_find(w.igmp, 1, group, &info));
	assert_true(info.is_static);
	world_forget(&w);
	assert_int_equal(gremc_igmp_interface_set(w.igmp, 1, &querier, w.now), 0);
	assert_false(gremc_igmp_group_find(w.igmp, 1, group, &info));
	assert_false(gremc_igmp_group_find(w.igmp, 1, ssm, &info));
}

static void test_off(void **state)
{
	struct gremc_igmp_policy policy = querier;

	(void)state;
	say(GREMC_IGMP_IS_EX, 0);
	policy.mode = GREMC_IGMP_OFF;
	assert_int_equal(gremc_igmp_interface_set(w.igmp, 1, &policy, w.now), 0);
	expect_said(1, 0, GREMC_IGMP_NONE);
	world_forget(&w);
	say(GREMC_IGMP_IS_EX, 0);
	world_run(&w, 1000000);
	assert_int_equal(w.sent_count + w.said_count, 0);
	assert_int_equal(world_counter(&w, 1, GREMC_IGMP_COUNT_off), 1);
	gremc_igmp_interface_remove(w.igmp, 1, w.now);
	say(GREMC_IGMP_IS_EX, 0); /* of nobody's interface */
	assert_int_equal(gremc_igmp_next_due(w.igmp), GREMC_IGMP_NEVER);
}

static void test_interface_goes(void **state)
{
	(void)state;
	say(GREMC_IGMP_IS_EX, 2);
	world_forget(&w);
	gremc_igmp_interface_remove(w.igmp, 1, w.now);
	assert_int_equal(w.said_count, 2);
}

/* ---- bad packets ---- */

static void test_malformed(void **state)
{
	uint8_t packet[100], good[100];
	struct gremc_igmp_report report = {.packet = packet, .size = sizeof(packet)};
	const rte_be32_t sources[] = {member(0), member(1)};

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
		/* every bit is under a checksum */
		assert_int_equal(w.said_count, 0);
	}
	assert_int_not_equal(world_counter(&w, 1, GREMC_IGMP_COUNT_truncated), 0);
	assert_int_not_equal(world_counter(&w, 1, GREMC_IGMP_COUNT_header), 0);
	assert_int_not_equal(world_counter(&w, 1, GREMC_IGMP_COUNT_checksum), 0);
	world_input(&w, 1, report.packet, report.length);
	assert_int_equal(w.said_count, 2);
}

static void test_router_alert(void **state)
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

static void proxy_up(void)
{
	assert_int_equal(gremc_igmp_interface_set(w.igmp, 2, &querier, w.now), 0);
	assert_int_equal(gremc_igmp_interface_set(w.igmp, 7, &upstream, w.now), 0);
	world_run(&w, 2000);
	world_forget(&w);
}

/* The records sent upstream since the last look. */
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

static void test_proxy_merges(void **state)
{
	const rte_be32_t one[] = {member(0)}, two[] = {member(1)};
	struct gremc_igmp_record r[16];

	(void)state;
	proxy_up();
	world_record(&w, 1, GREMC_IGMP_ALLOW, group, one, 1);
	world_record(&w, 2, GREMC_IGMP_ALLOW, group, two, 1);
	assert_int_equal(upstream_records(r, 16), 2);
	assert_int_equal(r[0].type, GREMC_IGMP_ALLOW);
	assert_int_equal(gremc_igmp_source_at(r[0].sources, 0), member(0));
	/* each is said twice (robustness): the first one's second time is with the second one's first */
	assert_int_equal(r[1].source_count, 2);
	world_run(&w, 3000);
	assert_int_equal(upstream_records(r, 16), 3);
	assert_int_equal(r[2].source_count, 1);
	assert_int_equal(gremc_igmp_source_at(r[2].sources, 0), member(1));
	world_forget(&w);
	/* one refuses what the other asks for: nothing is refused */
	world_record(&w, 1, GREMC_IGMP_TO_EX, group, two, 1);
	assert_int_equal(upstream_records(r, 16), 1);
	assert_int_equal(r[0].type, GREMC_IGMP_TO_EX);
	assert_int_equal(r[0].source_count, 0);
	world_run(&w, 3000);
	world_forget(&w);
	/* the other one leaves it after its last member query time: now it is refused */
	world_record(&w, 2, GREMC_IGMP_BLOCK, group, two, 1);
	world_run(&w, 1900);
	assert_int_equal(upstream_records(r, 16), 0);
	/* and once more, at a random time within the next second */
	world_run(&w, 1200);
	assert_int_equal(upstream_records(r, 16), 2);
	assert_int_equal(r[0].type, GREMC_IGMP_BLOCK);
	assert_int_equal(gremc_igmp_source_at(r[0].sources, 0), member(1));
	assert_int_equal(r[1].type, GREMC_IGMP_BLOCK);
}

static void test_proxy_answers(void **state)
{
	const rte_be32_t one[] = {member(0)};
	const struct gremc_igmp_query query = {.version = 3,
					       .source = IP(10, 7, 0, 1),
					       .response_time = 10000,
					       .interval = 125000,
					       .robustness = 2};
	uint8_t packet[GREMC_IGMP_PACKET_MAX];
	struct gremc_igmp_record r[16];

	(void)state;
	proxy_up();
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
	proxy_up();
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

/* A new upstream hears of all there is as of a change: as often as the robustness says. */
static void test_proxy_says_first_what_there_is(void **state)
{
	const rte_be32_t one[] = {member(0), member(1)};
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

/* What the proxy says first, and what changes meanwhile, waits for the next hop: then it is the present
 * state. */
static void test_proxy_waits_for_the_next_hop(void **state)
{
	const rte_be32_t one[] = {member(0)};
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
	/* a leave, too */
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

/* Version 2 has a packet for each group: more than a queue holds do not leave at once, and all of them leave.
 */
static void test_proxy_paces_its_messages(void **state)
{
	const struct gremc_igmp_query query = {.version = 2, .source = IP(10, 7, 0, 1), .response_time = 100};
	uint8_t packet[GREMC_IGMP_PACKET_MIN];

	(void)state;
	proxy_up();
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
	/* in a queue that is shorter still, each leaves once, too */
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

/* Groups around the number that one message holds: each is in the answer. */
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
	proxy_up();
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

/* An EXCLUDE list that a message of its own holds is not cut (RFC 3376, 4.2.16). */
static void test_proxy_keeps_exclude_lists(void **state)
{
	struct gremc_igmp_record r[400];
	rte_be32_t sources[400];
	struct gremc_igmp_policy policy = querier;
	unsigned count, cut = 0;

	(void)state;
	policy.max_sources = 400;
	assert_int_equal(gremc_igmp_interface_set(w.igmp, 1, &policy, w.now), 0);
	proxy_up();
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

/* 4.2: only a querier forwards, and there is one upstream. */
static void test_proxy_forwards_where_querier(void **state)
{
	(void)state;
	proxy_up();
	assert_int_equal(gremc_igmp_interface_set(w.igmp, 2, &upstream, w.now), -EEXIST);
	say(GREMC_IGMP_IS_EX, 0);
	world_forget(&w);
	hear_query(IP(9, 0, 0, 2), 0, false, NULL, 0);
	expect_said(0, 0, GREMC_IGMP_NONE);
	world_forget(&w);
	gremc_igmp_interface_remove(w.igmp, 7, w.now);
	expect_said(0, 0, GREMC_IGMP_INCLUDE);
	/* reports of the upstream are no memberships */
	assert_int_equal(gremc_igmp_interface_set(w.igmp, 7, &upstream, w.now), 0);
	world_forget(&w);
	world_old(&w, 7, GREMC_IGMP_V2_REPORT, IP(239, 9, 9, 9));
	assert_int_equal(w.said_count, 0);
	assert_int_equal(world_counter(&w, 7, GREMC_IGMP_COUNT_off), 1);
}

/* ---- the budget ---- */

#define SITES 31u /* interfaces 1 to 31; the last one is honest */

static void set_budget(uint32_t routes)
{
	struct gremc_igmp_policy policy = querier;

	policy.max_groups = 10000;
	for (uint32_t i = 1; i <= SITES; i++)
		assert_int_equal(gremc_igmp_interface_set(w.igmp, i, &policy, w.now), 0);
	gremc_igmp_budget_set(w.igmp, routes, w.now);
}

static uint32_t cost_of(uint32_t interface)
{
	struct gremc_igmp_interface_info info = {0};

	assert_true(gremc_igmp_interface_info_get(w.igmp, interface, &info));
	return info.cost;
}

static bool is_member(uint32_t interface, rte_be32_t of)
{
	struct gremc_igmp_group_info info;

	return gremc_igmp_group_find(w.igmp, interface, of, &info);
}

/* The budget's own sums, which no static membership is in. */
static void check_budget(void)
{
	struct gremc_igmp_budget_info info;
	uint64_t sum = 0, largest = 0;

	gremc_igmp_budget_info_get(w.igmp, &info);
	for (uint32_t i = 1; i <= SITES; i++) {
		sum += cost_of(i);
		largest = RTE_MAX(largest, cost_of(i));
	}
	assert_int_equal(sum, info.used);
	assert_int_equal(largest, info.largest);
	assert_true(info.used <= info.limit);
	assert_true(info.used >= 8u * info.routes);
}

static void join_groups(uint32_t interface, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
		world_record(&w, interface, GREMC_IGMP_IS_IN, IP(239, interface, i >> 8, i & 255),
			     (rte_be32_t[]){member(0), member(1), member(2)}, 3);
}

/* Thirty sites take all there is; the thirty-first gets whatever it asks for below their level. */
static void test_budget_is_shared_fairly(void **state)
{
	uint32_t least = UINT32_MAX, most = 0;

	(void)state;
	set_budget(3000);
	for (uint32_t i = 1; i < SITES; i++)
		join_groups(i, 200);
	check_budget();
	for (uint32_t i = 1; i < SITES; i++) {
		least = RTE_MIN(least, cost_of(i));
		most = RTE_MAX(most, cost_of(i));
	}
	assert_true(most - least <= 40 && least >= 3000 * 9 / 30 - 40);
	assert_true(world_counter(&w, 1, GREMC_IGMP_COUNT_evicted) > 0);
	assert_true(world_counter(&w, 30, GREMC_IGMP_COUNT_budget) > 0);
	/* who has as much as the others is refused, and takes nothing from them */
	world_forget(&w);
	join_groups(30, 200);
	assert_true(w.said_count < 20);
	join_groups(31, 20); /* 4 routes each */
	assert_int_equal(cost_of(31), 20 * 4 * 9);
	assert_int_equal(world_counter(&w, 31, GREMC_IGMP_COUNT_budget), 0);
	assert_int_equal(world_counter(&w, 31, GREMC_IGMP_COUNT_evicted), 0);
	check_budget();
	/* and keeps it, whatever the others do */
	for (uint32_t i = 1; i < SITES; i++)
		join_groups(i, 300);
	assert_int_equal(cost_of(31), 20 * 4 * 9);
	check_budget();
}

/* Many sites with the same groups need few routes. */
static void test_budget_of_shared_groups(void **state)
{
	struct gremc_igmp_budget_info info;

	(void)state;
	set_budget(250);
	for (uint32_t i = 1; i <= SITES; i++)
		for (uint32_t g = 0; g < 50; g++)
			world_old(&w, i, GREMC_IGMP_V2_REPORT, IP(239, 100, 0, g));
	gremc_igmp_budget_info_get(w.igmp, &info);
	assert_int_equal(info.routes, 50);
	assert_int_equal(info.used, 50 * (8 + SITES));
	check_budget();
	/* one of them wants more: what it shares with the others stays theirs */
	join_groups(1, 300);
	check_budget();
	for (uint32_t i = 2; i <= SITES; i++)
		for (uint32_t g = 0; g < 50; g++)
			assert_true(is_member(i, IP(239, 100, 0, g)));
}

/* What a site with much asked for first stays when a site with little has it, too. */
static void test_budget_payer_changes(void **state)
{
	(void)state;
	set_budget(100);
	world_old(&w, 1, GREMC_IGMP_V2_REPORT, group);
	for (uint32_t i = 0; i < 200; i++)
		world_old(&w, 1, GREMC_IGMP_V2_REPORT, IP(239, 5, 0, i));
	assert_int_equal(cost_of(1), 900);
	world_old(&w, 2, GREMC_IGMP_V2_REPORT, group);
	assert_int_equal(cost_of(2), 9);
	for (uint32_t i = 0; i < 49; i++)
		world_old(&w, 2, GREMC_IGMP_V2_REPORT, IP(239, 6, 0, i));
	assert_true(is_member(2, group));
	check_budget();
	gremc_igmp_interface_remove(w.igmp, 2, w.now);
	set_budget(100);
	check_budget();
	assert_true(cost_of(1) < 900);
}

/* What was refused is asked for again when there is room, and not before. */
static void test_budget_refills(void **state)
{
	struct gremc_igmp_settings settings = defaults;

	(void)state;
	settings.query_interval = 3600000;
	gremc_igmp_configure(w.igmp, &settings, w.now);
	set_budget(100);
	world_run(&w, 2000000); /* past the startup queries */
	for (uint32_t i = 0; i < 60; i++) {
		world_old(&w, 1, GREMC_IGMP_V2_REPORT, IP(239, 5, 0, i));
		world_old(&w, 2, GREMC_IGMP_V2_REPORT, IP(239, 6, 0, i));
	}
	assert_int_equal(cost_of(1) + cost_of(2), 900);
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
	assert_int_equal(cost_of(2), 540);
}

/* The operator's memberships are held in any case; a smaller budget takes from those with most. */
static void test_budget_spares_static_joins(void **state)
{
	const struct gremc_igmp_join joins[] = {{group, 0}, {ssm, member(0)}};
	struct gremc_igmp_policy policy = querier;

	(void)state;
	set_budget(50);
	for (uint32_t i = 0; i < 40; i++)
		world_old(&w, 1, GREMC_IGMP_V2_REPORT, IP(239, 5, 0, i));
	for (uint32_t i = 0; i < 10; i++)
		world_old(&w, 2, GREMC_IGMP_V2_REPORT, IP(239, 6, 0, i));
	policy.joins = joins;
	policy.join_count = 2;
	assert_int_equal(gremc_igmp_interface_set(w.igmp, 3, &policy, w.now), 0);
	assert_int_equal(cost_of(3), 0);
	gremc_igmp_budget_set(w.igmp, 23, w.now); /* three are the operator's */
	assert_int_equal(cost_of(1), 90);
	assert_int_equal(cost_of(2), 90);
	gremc_igmp_budget_set(w.igmp, 0, w.now);
	assert_int_equal(cost_of(1) + cost_of(2), 0);
	assert_true(is_member(3, group) && is_member(3, ssm));
	gremc_igmp_budget_set(w.igmp, 50, w.now);
	/* a member of the same keeps it when the operator takes the join out */
	world_old(&w, 3, GREMC_IGMP_V2_REPORT, group);
	assert_int_equal(gremc_igmp_interface_set(w.igmp, 3, &querier, w.now), 0);
	assert_true(is_member(3, group) && !is_member(3, ssm));
	assert_int_equal(cost_of(3), 9);
	check_budget();
}

/* Anything at random: the sums are right, and a site below its share never loses anything. */
static void test_budget_at_random(void **state)
{
	uint32_t random = 1;

	(void)state;
	set_budget(400);
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
			     (rte_be32_t[]){member(0), member(1), member(2)}, (uint16_t)(random >> 28) % 4);
		if (n % 50 == 0) {
			check_budget();
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

/* What the rib has no memory for is said again. */
static void test_changes_without_memory(void **state)
{
	(void)state;
	proxy_up();
	w.is_poor = true;
	say(GREMC_IGMP_TO_EX, 1);
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
	/* and taken back once */
	w.is_poor = true;
	gremc_igmp_interface_remove(w.igmp, 1, w.now);
	gremc_igmp_interface_remove(w.igmp, 2, w.now);
	assert_int_equal(w.said_count, 8);
}

/* ---- snapshots, timers ---- */

static void test_pages(void **state)
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

/* Deadlines over all levels of the wheel: none early, none more than a tick late. */
static void test_long_timers(void **state)
{
	struct gremc_igmp_settings settings = defaults;
	struct gremc_igmp_group_info info;
	const uint32_t intervals[] = {2000, 2550, 2560, 2570, 600000, 655360, 30000000};

	(void)state;
	for (unsigned i = 0; i < RTE_DIM(intervals); i++) {
		settings.query_interval = intervals[i];
		gremc_igmp_configure(w.igmp, &settings, w.now);
		world_run(&w, 7);
		say(GREMC_IGMP_IS_EX, 0);
		world_run(&w, 2 * intervals[i] + 10000 - 1);
		assert_true(gremc_igmp_group_find(w.igmp, 1, group, &info));
		world_run(&w, 11);
		assert_false(gremc_igmp_group_find(w.igmp, 1, group, &info));
	}
}

static void test_codes(void **state)
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

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_tables),
		TEST(test_group_timer),
		TEST(test_source_timer),
		TEST(test_changes),
		TEST(test_leave_takes_the_last_member_query_time),
		TEST(test_another_member_answers),
		TEST(test_suppress),
		TEST(test_fast_leave),
		TEST(test_v2_host_is_present),
		TEST(test_v1_host_cannot_leave),
		TEST(test_general_queries),
		TEST(test_election),
		TEST(test_election_during_a_leave),
		TEST(test_other_queriers_queries),
		TEST(test_source_queries_fit_the_mtu),
		TEST(test_interface_goes_while_it_waits),
		TEST(test_leave_waits_for_the_next_hop),
		TEST(test_many_resume_at_once),
		TEST(test_first_query_waits_for_the_next_hop),
		TEST(test_version_2_querier),
		TEST(test_refusals),
		TEST(test_report_rate),
		TEST(test_changes_cost_tokens),
		TEST(test_refresh_costs_no_token),
		TEST(test_accepted_sources),
		TEST(test_static_joins),
		TEST(test_off),
		TEST(test_interface_goes),
		TEST(test_malformed),
		TEST(test_router_alert),
		TEST(test_proxy_merges),
		TEST(test_proxy_answers),
		TEST(test_proxy_speaks_version_2),
		TEST(test_proxy_keeps_exclude_lists),
		TEST(test_proxy_reports_every_group),
		TEST(test_proxy_paces_its_messages),
		TEST(test_proxy_says_first_what_there_is),
		TEST(test_proxy_waits_for_the_next_hop),
		TEST(test_proxy_forwards_where_querier),
		TEST(test_budget_is_shared_fairly),
		TEST(test_budget_of_shared_groups),
		TEST(test_budget_payer_changes),
		TEST(test_budget_refills),
		TEST(test_budget_spares_static_joins),
		TEST(test_budget_at_random),
		TEST(test_changes_without_memory),
		TEST(test_pages),
		TEST(test_long_timers),
		TEST(test_codes),
		TEST(test_counters_have_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
