/* SPDX-License-Identifier: BSD-3-Clause */
#include "igmp_querier.h"

const rte_be32_t group = IP(239, 1, 1, 1), ssm = IP(232, 1, 1, 1);

const struct gremc_igmp_policy upstream = {
	.mode = GREMC_IGMP_UPSTREAM, .version = 3, .address = GREMC_ADDR_IPV4(IP(10, 7, 0, 2))};

struct world w;

int igmp_set_up(void **state)
{
	(void)state;
	world_init(&w);
	return gremc_igmp_interface_set(w.igmp, 1, &querier, w.now);
}

int igmp_tear_down(void **state)
{
	(void)state;
	world_fini(&w);
	return 0;
}

rte_be32_t member_address(unsigned i)
{
	return IP(10, 9, 0, 1) + rte_cpu_to_be_32(i);
}

void record_input(uint8_t type, unsigned set)
{
	rte_be32_t sources[3] = {0};
	uint16_t count = 0;

	for (unsigned i = 0; i < 3; i++)
		if (set >> i & 1)
			sources[count++] = member_address(i);
	world_record(&w, 1, type, group, sources, count);
}

unsigned queried_sources(bool *of_group)
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

void request_expect(uint32_t at, rte_be32_t source, enum gremc_igmp_request request)
{
	assert_true(at < w.said_count);
	assert_int_equal(w.said[at].interface, 1);
	assert_int_equal(w.said[at].group, group);
	assert_int_equal(w.said[at].source, source);
	assert_int_equal(w.said[at].request, request);
}

void router_query_input(rte_be32_t from, rte_be32_t of, enum s_flag s_flag, const rte_be32_t *sources,
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

void proxy_start(void)
{
	assert_int_equal(gremc_igmp_interface_set(w.igmp, 2, &querier, w.now), 0);
	assert_int_equal(gremc_igmp_interface_set(w.igmp, 7, &upstream, w.now), 0);
	world_run(&w, 2000);
	world_forget(&w);
}
