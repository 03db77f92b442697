/* SPDX-License-Identifier: BSD-3-Clause */
/* The common set-up of the tests of memberships: interface 1 of the engine `w` is a querier. */
#ifndef GREMC_TESTS_UNIT_IGMP_QUERIER_H
#define GREMC_TESTS_UNIT_IGMP_QUERIER_H

#include "igmp_world.h"
#include "test.h"

#define GMI  260000u /* group membership interval, ms */
#define LMQT 2000u   /* last member query time, ms */

/* The policy of the upstream interface of a proxy. */
extern const struct gremc_igmp_policy upstream;
/* A group, and one in the SSM range. */
extern const rte_be32_t group, ssm;
/* The engine of the running test. */
extern struct world w;

#define TEST(name) cmocka_unit_test_setup_teardown(name, igmp_set_up, igmp_tear_down)

/* An engine `w` with interface 1 as querier. */
int igmp_set_up(void **state);
/* Free it. */
int igmp_tear_down(void **state);
/* Add interface 2 as querier and interface 7 as upstream, and forget the first messages. */
void proxy_start(void);
/* The source 10.9.0.(1 + i). */
rte_be32_t member_address(unsigned i);
/* Input a record for `group`; bit i of `set` is the source member_address(i), i < 3. */
void record_input(uint8_t type, unsigned set);
/* The S flag of a query. */
enum s_flag { S_CLEAR, S_SET };
/* Input a query of another router for the group, or a general query (0). */
void router_query_input(rte_be32_t from, rte_be32_t of, enum s_flag s_flag, const rte_be32_t *sources,
			uint16_t count);
/* The sources of the sent last member queries for `group`, as a set. *of_group: one query names no source. */
unsigned queried_sources(bool *of_group);
/* Request `at` since world_forget() is one of interface 1 for (source, group). */
void request_expect(uint32_t at, rte_be32_t source, enum gremc_igmp_request request);

#endif
