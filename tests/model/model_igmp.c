/* SPDX-License-Identifier: BSD-3-Clause */
/* Random reports, leaves and time to the membership engine and to sets that follow RFC 3376's tables word by
 * word. States, timers and what was said of them must agree, to the tick.
 *
 *   model_igmp [SEED [OPERATIONS]] */
#include <string.h>

#include "igmp/igmp.h"
#include "model.h"

#define INTERFACES 3u /* 0 by the RFC, 1 with fast leave, 2 by the RFC with other hosts */
#define GROUPS     3u
#define SOURCES    5u
#define TICK       10u

#define GMI  260000u
#define LMQT 2000u

typedef unsigned set; /* bit per source */

struct membership {
	bool exclude;
	uint64_t group_due;
	uint64_t due[SOURCES]; /* 0: no timer */
	set excluded;
	uint64_t v1_until, v2_until;
};

static struct {
	struct gremc_igmp *igmp;
	struct membership m[INTERFACES][GROUPS];
	enum gremc_igmp_request said[INTERFACES][GROUPS][SOURCES + 1]; /* the last: any source */
	uint64_t now;
} model;

static rte_be32_t group_of(uint32_t i)
{
	return RTE_BE32(0xef010100) + rte_cpu_to_be_32(i);
}

static rte_be32_t source_of(uint32_t i)
{
	return RTE_BE32(0x0a010101) + rte_cpu_to_be_32(i);
}

/* ---- the model ---- */

static set running(const struct membership *m)
{
	set s = 0;

	for (unsigned i = 0; i < SOURCES; i++)
		s |= m->due[i] ? 1u << i : 0;
	return s;
}

static void expire(struct membership *m)
{
	for (unsigned i = 0; i < SOURCES; i++) {
		if (m->due[i] == 0 || m->due[i] > model.now)
			continue;
		m->due[i] = 0;
		m->excluded |= m->exclude ? 1u << i : 0;
	}
	if (m->exclude && m->group_due <= model.now) {
		m->exclude = false;
		m->excluded = 0;
	}
}

static void set_timers(struct membership *m, set s, uint64_t due)
{
	for (unsigned i = 0; i < SOURCES; i++)
		if (s >> i & 1)
			m->due[i] = due;
}

static void query_sources(struct membership *m, set s, bool fast)
{
	for (unsigned i = 0; i < SOURCES; i++) {
		if (!(s >> i & 1) || m->due[i] == 0)
			continue;
		if (fast) {
			m->due[i] = 0;
			m->excluded |= m->exclude ? 1u << i : 0;
		} else if (m->due[i] > model.now + LMQT) {
			m->due[i] = model.now + LMQT;
		}
	}
}

static void query_group(struct membership *m, bool fast)
{
	if (fast) {
		m->exclude = false;
		m->excluded = 0;
	} else if (m->group_due > model.now + LMQT) {
		m->group_due = model.now + LMQT;
	}
}

/* RFC 3376, 6.4.1 and 6.4.2. */
static void record(struct membership *m, uint8_t type, set b, bool fast)
{
	set x = running(m), y = m->excluded;
	uint64_t gmi = model.now + GMI;
	bool v1 = model.now < m->v1_until, old = v1 || model.now < m->v2_until;

	if ((old && type == GREMC_IGMP_BLOCK) || (v1 && type == GREMC_IGMP_TO_IN))
		return;
	if (old && type == GREMC_IGMP_TO_EX)
		b = 0;
	switch (type) {
	case GREMC_IGMP_IS_IN:
	case GREMC_IGMP_ALLOW:
	case GREMC_IGMP_TO_IN:
		m->excluded &= ~b;
		set_timers(m, b, gmi);
		if (type != GREMC_IGMP_TO_IN)
			break;
		query_sources(m, x & ~b, fast);
		if (m->exclude)
			query_group(m, fast);
		break;
	case GREMC_IGMP_IS_EX:
	case GREMC_IGMP_TO_EX:
		if (m->exclude) {
			set_timers(m, b & ~x & ~y, type == GREMC_IGMP_IS_EX ? gmi : m->group_due);
			m->excluded = y & b;
			set_timers(m, x & ~b, 0);
		} else {
			m->excluded = b & ~x;
			set_timers(m, x & ~b, 0);
		}
		m->exclude = true;
		m->group_due = gmi;
		if (type == GREMC_IGMP_TO_EX)
			query_sources(m, b & running(m), fast);
		break;
	default:
		if (m->exclude)
			set_timers(m, b & ~x & ~y, m->group_due);
		query_sources(m, b & ~y, fast);
		break;
	}
}

/* ---- comparison ---- */

static enum gremc_igmp_request interest(const struct membership *m, unsigned i)
{
	if (m->exclude)
		return m->excluded >> i & 1 ? GREMC_IGMP_EXCLUDE : GREMC_IGMP_NONE;
	return m->due[i] ? GREMC_IGMP_INCLUDE : GREMC_IGMP_NONE;
}

static void compare_sources(const struct membership *m, const struct gremc_igmp_group_info *info)
{
	set x = 0, y = 0;

	for (uint32_t i = 0; i < info->source_count; i++) {
		unsigned n = rte_be_to_cpu_32(info->sources[i].address) - rte_be_to_cpu_32(source_of(0));

		CHECK(n < SOURCES);
		*(info->sources[i].excluded ? &y : &x) |= 1u << n;
		if (!info->sources[i].excluded)
			CHECK(model.now + info->sources[i].expires == m->due[n]);
	}
	CHECK(x == running(m) && y == m->excluded);
}

static void compare(void)
{
	for (uint32_t i = 0; i < INTERFACES; i++) {
		for (uint32_t g = 0; g < GROUPS; g++) {
			struct membership *m = &model.m[i][g];
			struct gremc_igmp_group_info info;
			bool is_there = m->exclude || running(m);

			CHECK(gremc_igmp_group_find(model.igmp, i, group_of(g), &info) == is_there);
			CHECK(model.said[i][g][SOURCES] ==
			      (m->exclude ? GREMC_IGMP_INCLUDE : GREMC_IGMP_NONE));
			for (unsigned s = 0; s < SOURCES; s++)
				CHECK(model.said[i][g][s] == interest(m, s));
			if (!is_there) {
				/* what is not there remembers no older hosts */
				*m = (struct membership){0};
				continue;
			}
			CHECK(info.exclude == m->exclude);
			CHECK(!m->exclude || model.now + info.expires == m->group_due);
			compare_sources(m, &info);
		}
	}
}

/* ---- operations ---- */

static int sent(void *argument, uint32_t interface, const uint8_t *packet, size_t length)
{
	struct gremc_igmp_message message;

	(void)argument;
	CHECK(interface < INTERFACES);
	CHECK(gremc_igmp_parse(packet, length, &message) == GREMC_IGMP_OK);
	return 0;
}

static int changed(void *argument, uint32_t interface, rte_be32_t source, rte_be32_t group,
		   enum gremc_igmp_request now)
{
	uint32_t g = rte_be_to_cpu_32(group) - rte_be_to_cpu_32(group_of(0));
	uint32_t s = source ? rte_be_to_cpu_32(source) - rte_be_to_cpu_32(source_of(0)) : SOURCES;

	(void)argument;
	CHECK(interface < INTERFACES && g < GROUPS && s <= SOURCES);
	CHECK(model.said[interface][g][s] != now); /* a change is one */
	model.said[interface][g][s] = now;
	return 0;
}

static void expire_all(void)
{
	for (uint32_t i = 0; i < INTERFACES; i++)
		for (uint32_t g = 0; g < GROUPS; g++)
			expire(&model.m[i][g]);
}

static void forget_gone(struct membership *m)
{
	if (!m->exclude && running(m) == 0)
		*m = (struct membership){0};
}

static void send_record(void)
{
	uint32_t interface = below(INTERFACES), g = below(GROUPS);
	uint8_t type = (uint8_t)(GREMC_IGMP_IS_IN + below(6));
	set b = below(1u << SOURCES);
	uint8_t packet[200];
	struct gremc_igmp_report report = {.packet = packet, .size = sizeof(packet)};
	rte_be32_t sources[2 * SOURCES];
	uint16_t count = 0;

	for (unsigned i = 0; i < SOURCES; i++) {
		if (!(b >> i & 1))
			continue;
		sources[count++] = source_of(i);
		if (below(8) == 0)
			sources[count++] = source_of(i); /* twice is once */
	}
	gremc_igmp_report_add(&report, type, group_of(g), count ? sources : NULL, count);
	gremc_igmp_report_finish(&report, RTE_BE32(0x0a000009));
	gremc_igmp_input(model.igmp, interface, report.packet, report.length, model.now);
	record(&model.m[interface][g], type, b, interface == 1);
	forget_gone(&model.m[interface][g]);
}

static void send_old(void)
{
	static const enum gremc_igmp_type types[] = {GREMC_IGMP_V1_REPORT, GREMC_IGMP_V2_REPORT,
						     GREMC_IGMP_LEAVE, GREMC_IGMP_LEAVE};
	uint32_t interface = below(INTERFACES), g = below(GROUPS);
	enum gremc_igmp_type type = types[below(RTE_DIM(types))];
	struct membership *m = &model.m[interface][g];
	uint8_t packet[GREMC_IGMP_PACKET_MAX];

	gremc_igmp_input(model.igmp, interface, packet,
			 gremc_igmp_v1v2_build(packet, type, RTE_BE32(0x0a000009), group_of(g)), model.now);
	record(m, type == GREMC_IGMP_LEAVE ? GREMC_IGMP_TO_IN : GREMC_IGMP_IS_EX, 0, interface == 1);
	if (type == GREMC_IGMP_V1_REPORT)
		m->v1_until = model.now + GMI;
	else if (type == GREMC_IGMP_V2_REPORT)
		m->v2_until = model.now + GMI;
	forget_gone(m);
}

static void pass_time(void)
{
	static const uint32_t most[] = {1, 50, 250, 2000, 30000};

	model.now += (uint64_t)TICK * (1 + below(most[below(RTE_DIM(most))]));
	gremc_igmp_timers_run(model.igmp, model.now);
	expire_all();
}

int main(int argc, char **argv)
{
	static const struct gremc_igmp_settings settings = {2, 125000, 10000, 1000, 0};
	static const struct gremc_igmp_callbacks callbacks = {.send = sent, .change = changed};
	struct gremc_igmp_policy policy = {.mode = GREMC_IGMP_QUERIER,
					   .version = 3,
					   .address = RTE_BE32(0x0a000001),
					   .max_groups = GROUPS,
					   .max_sources = SOURCES};

	run_begin(argc, argv, 300000);
	model.now = 1000000;
	model.igmp = gremc_igmp_create(&settings, &callbacks, model.now);
	CHECK(model.igmp != NULL);
	for (uint32_t i = 0; i < INTERFACES; i++) {
		policy.fast_leave = i == 1;
		CHECK(gremc_igmp_interface_set(model.igmp, i, &policy, model.now) == 0);
	}
	for (; run.operation < run.operations; run.operation++) {
		uint32_t what = below(10);

		if (what < 6)
			send_record();
		else if (what < 7)
			send_old();
		else
			pass_time();
		compare();
	}
	gremc_igmp_destroy(model.igmp);
	run_end();
	return 0;
}
