/* SPDX-License-Identifier: BSD-3-Clause */
/* A rib with its table for each test, and faults on request: a full table, no memory. */
#ifndef GREMC_TESTS_UNIT_RIB_WORLD_H
#define GREMC_TESTS_UNIT_RIB_WORLD_H

#include <errno.h>
#include <stdbool.h>

#include "rib/rib.h"
#include "test.h"

#define IP(a, b, c, d) RTE_BE32((uint32_t)(a) << 24 | (b) << 16 | (c) << 8 | (d))

/* Initializers of struct gremc_rib_key */
#define KEY(g, length)                                                                                       \
	{                                                                                                    \
		.group = GREMC_PREFIX_IPV4(g, length)                                                        \
	}
#define SOURCE_KEY(s, g)                                                                                     \
	{                                                                                                    \
		GREMC_ADDR_IPV4(s), GREMC_PREFIX_IPV4(g, 32)                                                 \
	}

static const rte_be32_t source = IP(10, 1, 1, 1), other = IP(10, 1, 1, 2), group = IP(239, 1, 1, 1),
			ssm = IP(232, 1, 1, 1);
static const uint32_t from1[] = {1}, to23[] = {2, 3}, to8[] = {8};

/* Interface i is vif 100 - i: another order. */
#define INTERFACES 20u
extern uint32_t vifs[INTERFACES];

extern struct gremc_rcu *rcu;
extern struct gremc_fanout *table;
extern struct gremc_rib *rib;
extern unsigned new_ids; /* ids that the rib has reported as new */

extern uint32_t table_capacity; /* routes that may still be added to the table */
extern bool is_out_of_memory;   /* there is no memory */

/* Start the EAL without huge pages and run the tests. Returns: the exit status of the test program. */
int rib_world_run(const char *name, const struct CMUnitTest *tests, size_t count);
/* Create the table and a rib without routes. */
int rib_set_up(void **state);
/* Free them and end the faults. */
int rib_tear_down(void **state);
#define TEST(test) cmocka_unit_test_setup_teardown(test, rib_set_up, rib_tear_down)

/* Flush the rib. Returns: the route with the key, or NULL. */
const struct gremc_mroute *route_flush(rte_be32_t s, rte_be32_t g, uint8_t length);
/* The route leaves by the interfaces of the mask, and no others. */
void expect_oil(const struct gremc_mroute *mroute, uint32_t interfaces);
/* Set the request of an interface. Returns: that of gremc_rib_member_set(). */
int member_set_at(struct gremc_rib *at, uint32_t interface, rte_be32_t s, rte_be32_t g,
		  enum gremc_igmp_request request);
/* The same for the rib of the test. */
int member_set(uint32_t interface, rte_be32_t s, rte_be32_t g, enum gremc_igmp_request request);
/* Set a route of the kernel. Returns: that of gremc_rib_kernel_set(). */
int kernel_set(rte_be32_t s, rte_be32_t g, uint32_t iif, const uint32_t *oifs, const uint8_t *thresholds,
	       uint32_t oif_count);
/* Remove a route of the kernel. */
void kernel_remove(rte_be32_t s, rte_be32_t g);
/* Set the request of an interface in `group`. */
void group_member_set(uint32_t interface, rte_be32_t s, enum gremc_igmp_request request);

#endif
