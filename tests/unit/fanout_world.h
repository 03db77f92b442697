/* SPDX-License-Identifier: BSD-3-Clause */
/* A multicast route table, and short forms of its operations. */
#ifndef GREMC_TEST_FANOUT_WORLD_H
#define GREMC_TEST_FANOUT_WORLD_H

#include "fanout/fanout_priv.h" /* views, slab, seed of the hash */
#include "test.h"

#define IP(a, b, c, d) RTE_BE32((uint32_t)(a) << 24 | (b) << 16 | (c) << 8 | (d))

struct fanout_world {
	const struct gremc_nodes *nodes;
	struct gremc_rcu *rcu;
	struct gremc_fanout *table;
	uint32_t *ramp; /* GREMC_FANOUT_MAX + 1 vifs: 5, 8, 11 ... */
};

extern const rte_be32_t source, group;
extern const uint32_t vifs123[3];

/* Start the EAL without huge pages. */
int fanout_eal_init(void **state);
/* Stop the EAL. */
int fanout_eal_cleanup(void **state);
/* An empty table in *state. */
int fanout_set_up(void **state);
/* The same on two NUMA nodes. The second node may be absent: then its table is a copy in other memory. */
int fanout_set_up_two_nodes(void **state);
/* Destroy the table. */
int fanout_tear_down(void **state);

#define TEST(function) cmocka_unit_test_setup_teardown(function, fanout_set_up, fanout_tear_down)
#define TEST_ON_TWO_NODES(function)                                                                          \
	{                                                                                                    \
#		function " on two nodes", function, fanout_set_up_two_nodes, fanout_tear_down, NULL         \
	}

/* The operation that sets the oil of (s,g/length). */
struct gremc_fanout_op route_set_op(rte_be32_t s, rte_be32_t g, uint8_t length, const uint32_t *oifs,
				    uint32_t count);
/* The operation that removes (s,g/length). */
struct gremc_fanout_op route_remove_op(rte_be32_t s, rte_be32_t g, uint8_t length);
/* Apply one operation. Returns the result of gremc_fanout_apply(). */
int op_apply(struct fanout_world *f, struct gremc_fanout_op op);
/* Set (s,g/length) to the oil vifs123. */
void route_add(struct fanout_world *f, rte_be32_t s, rte_be32_t g, uint8_t length);
/* Set or remove `count` routes in batches; route i has 1 + i % 4 OIFs. */
void routes_change_many(struct fanout_world *f, enum gremc_fanout_op_kind kind, uint32_t count,
			uint32_t batch);
/* Look up a packet on every node; the results of all nodes are equal. Returns that of the first node. */
const struct gremc_mroute *route_lookup(struct fanout_world *f, rte_be32_t s, rte_be32_t g);
/* The first `count` routes of routes_change_many() exist. */
void routes_expect_many(struct fanout_world *f, uint32_t count);
/* The numbers of gremc_fanout_usage(). */
struct gremc_fanout_usage table_usage(struct fanout_world *f);

#endif
