/* SPDX-License-Identifier: BSD-3-Clause */
/* Random reports, leaves and time for the membership engine and for sets that implement the tables of RFC
 * 3376 literally. States, timers and published requests must agree to the tick.
 *
 *   model_igmp [SEED [OPERATIONS]] */
#include <string.h>

#include "igmp/igmp.h"
#include "model.h"

#define INTERFACES 3u /* 1 has fast leave */
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
	enum gremc_igmp_request said[INTERFACES][GROUPS][SOURCES + 1]; /* the last element: (*,G) */
	uint64_t now;
} model;

static rte_be32_t igmp_group_of(uint32_t i)
{
	return RTE_BE32(0xef010100) + rte_cpu_to_be_32(i);
}

static rte_be32_t source_of(uint32_t i)
{
	return RTE_BE32(0x0a010101) + rte_cpu_to_be_32(i);
}

/* ---- the model ---- */

static set running_sources(const struct membership *m)
{
	set s = 0;

	for (unsigned i = 0; i < SOURCES; i++)
		s |= m->due[i] ? 1u << i : 0;
	return s;
}

static void membership_expire(struct membership *m)
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

static void timers_set(struct membership *m, set s, uint64_t due)
{
	for (unsigned i = 0; i < SOURCES; i++)
		if (s >> i & 1)
			m->due[i] = due;
}

static void sources_lower(struct membership *m, set s, bool fast)
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

static void group_lower(struct membership *m, bool fast)
{
	if (fast) {
		m->exclude = false;
		m->excluded = 0;
	} else if (m->group_due > model.now + LMQT) {
		m->group_due = model.now + LMQT;
	}
}

/* RFC 3376, 6.4.1 and 6.4.2. */
static void model_record_apply(struct membership *m, uint8_t type, set b, bool fast)
{
	set x = running_sources(m), y = m->excluded;
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
		timers_set(m, b, gmi);
		if (type != GREMC_IGMP_TO_IN)
			break;
		sources_lower(m, x & ~b, fast);
		if (m->exclude)
			group_lower(m, fast);
		break;
	case GREMC_IGMP_IS_EX:
	case GREMC_IGMP_TO_EX:
		if (m->exclude) {
			timers_set(m, b & ~x & ~y, type == GREMC_IGMP_IS_EX ? gmi : m->group_due);
			m->excluded = y & b;
			timers_set(m, x & ~b, 0);
		} else {
			m->excluded = b & ~x;
			timers_set(m, x & ~b, 0);
		}
		m->exclude = true;
		m->group_due = gmi;
		if (type == GREMC_IGMP_TO_EX)
			sources_lower(m, b & running_sources(m), fast);
		break;
	default:
		if (m->exclude)
			timers_set(m, b & ~x & ~y, m->group_due);
		sources_lower(m, b & ~y, fast);
		break;
	}
}

/* ---- comparison ---- */

static enum gremc_igmp_request expected_request(const struct membership *m, unsigned i)
{
	if (m->exclude)
		return m->excluded >> i & 1 ? GREMC_IGMP_EXCLUDE : GREMC_IGMP_NONE;
	return m->due[i] ? GREMC_IGMP_INCLUDE : GREMC_IGMP_NONE;
}

static void sources_compare(const struct membership *m, const struct gremc_igmp_group_info *info)
{
	set x = 0, y = 0;

	for (uint32_t i = 0; i < info->source_count; i++) {
		unsigned n = rte_be_to_cpu_32(info->sources[i].address.ipv4) - rte_be_to_cpu_32(source_of(0));

		CHECK(n < SOURCES);
		*(info->sources[i].excluded ? &y : &x) |= 1u << n;
		if (!info->sources[i].excluded)
			CHECK(model.now + info->sources[i].expires == m->due[n]);
	}
	CHECK(x == running_sources(m) && y == m->excluded);
}

static void model_compare(void)
{
	for (uint32_t i = 0; i < INTERFACES; i++) {
		for (uint32_t g = 0; g < GROUPS; g++) {
			struct membership *m = &model.m[i][g];
			struct gremc_igmp_group_info info;
			bool is_there = m->exclude || running_sources(m);

			const struct gremc_addr group = gremc_addr_from_ipv4(igmp_group_of(g));

			CHECK(gremc_igmp_group_find(model.igmp, i, &group, &info) == is_there);
			CHECK(model.said[i][g][SOURCES] ==
			      (m->exclude ? GREMC_IGMP_INCLUDE : GREMC_IGMP_NONE));
			for (unsigned s = 0; s < SOURCES; s++)
				CHECK(model.said[i][g][s] == expected_request(m, s));
			if (!is_there) {
				/* the older hosts are forgotten with the membership */
				*m = (struct membership){0};
				continue;
			}
			CHECK(info.exclude == m->exclude);
			CHECK(!m->exclude || model.now + info.expires == m->group_due);
			sources_compare(m, &info);
		}
	}
}

/* ---- operations ---- */

static int query_check(void *argument, uint32_t interface, const uint8_t *packet, size_t length)
{
	struct gremc_igmp_message message;

	(void)argument;
	CHECK(interface < INTERFACES);
	CHECK(gremc_igmp_parse(packet, length, &message) == GREMC_IGMP_OK);
	return 0;
}

static int request_check(void *argument, uint32_t interface, const struct gremc_addr *from,
			 const struct gremc_addr *to, enum gremc_igmp_request now)
{
	const rte_be32_t source = gremc_addr_to_ipv4(from), group = gremc_addr_to_ipv4(to);
	uint32_t g = rte_be_to_cpu_32(group) - rte_be_to_cpu_32(igmp_group_of(0));
	uint32_t s = source ? rte_be_to_cpu_32(source) - rte_be_to_cpu_32(source_of(0)) : SOURCES;

	(void)argument;
	CHECK(interface < INTERFACES && g < GROUPS && s <= SOURCES);
	CHECK(model.said[interface][g][s] != now); /* only changes are published */
	model.said[interface][g][s] = now;
	return 0;
}

static void memberships_expire(void)
{
	for (uint32_t i = 0; i < INTERFACES; i++)
		for (uint32_t g = 0; g < GROUPS; g++)
			membership_expire(&model.m[i][g]);
}

static void membership_reset_if_gone(struct membership *m)
{
	if (!m->exclude && running_sources(m) == 0)
		*m = (struct membership){0};
}

static void record_send(void)
{
	uint32_t interface = random_below(INTERFACES), g = random_below(GROUPS);
	uint8_t type = (uint8_t)(GREMC_IGMP_IS_IN + random_below(6));
	set b = random_below(1u << SOURCES);
	uint8_t packet[200];
	struct gremc_igmp_report report = {.packet = packet, .size = sizeof(packet)};
	rte_be32_t sources[2 * SOURCES];
	uint16_t count = 0;

	for (unsigned i = 0; i < SOURCES; i++) {
		if (!(b >> i & 1))
			continue;
		sources[count++] = source_of(i);
		if (random_below(8) == 0)
			sources[count++] = source_of(i); /* a duplicate has no effect */
	}
	gremc_igmp_report_add(&report, type, igmp_group_of(g), count ? sources : NULL, count);
	gremc_igmp_report_finish(&report, RTE_BE32(0x0a000009));
	gremc_igmp_input(model.igmp, interface, report.packet, report.length, model.now);
	model_record_apply(&model.m[interface][g], type, b, interface == 1);
	membership_reset_if_gone(&model.m[interface][g]);
}

static void v1v2_message_send(void)
{
	static const enum gremc_igmp_type types[] = {GREMC_IGMP_V1_REPORT, GREMC_IGMP_V2_REPORT,
						     GREMC_IGMP_LEAVE, GREMC_IGMP_LEAVE};
	uint32_t interface = random_below(INTERFACES), g = random_below(GROUPS);
	enum gremc_igmp_type type = types[random_below(RTE_DIM(types))];
	struct membership *m = &model.m[interface][g];
	uint8_t packet[GREMC_IGMP_PACKET_MAX];

	gremc_igmp_input(model.igmp, interface, packet,
			 gremc_igmp_v1v2_build(packet, type, RTE_BE32(0x0a000009), igmp_group_of(g)),
			 model.now);
	model_record_apply(m, type == GREMC_IGMP_LEAVE ? GREMC_IGMP_TO_IN : GREMC_IGMP_IS_EX, 0,
			   interface == 1);
	if (type == GREMC_IGMP_V1_REPORT)
		m->v1_until = model.now + GMI;
	else if (type == GREMC_IGMP_V2_REPORT)
		m->v2_until = model.now + GMI;
	membership_reset_if_gone(m);
}

static void time_advance(void)
{
	static const uint32_t most[] = {1, 50, 250, 2000, 30000};

	model.now += (uint64_t)TICK * (1 + random_below(most[random_below(RTE_DIM(most))]));
	gremc_igmp_timers_run(model.igmp, model.now);
	memberships_expire();
}

int main(int argc, char **argv)
{
	static const struct gremc_igmp_settings settings = {2, 125000, 10000, 1000, 0};
	static const struct gremc_igmp_callbacks callbacks = {.send = query_check, .change = request_check};
	struct gremc_igmp_policy policy = {.mode = GREMC_IGMP_QUERIER,
					   .version = 3,
					   .address = GREMC_ADDR_IPV4(RTE_BE32(0x0a000001)),
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
		uint32_t operation = random_below(10);

		if (operation < 6)
			record_send();
		else if (operation < 7)
			v1v2_message_send();
		else
			time_advance();
		model_compare();
	}
	gremc_igmp_destroy(model.igmp);
	run_end();
	return 0;
}
