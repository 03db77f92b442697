/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdlib.h>
#include <string.h>

#include <rte_eal.h>

#include "fanout_world.h"

const rte_be32_t source = IP(10, 1, 1, 1), group = IP(239, 1, 1, 1);
const uint32_t vifs123[] = {1, 2, 3};

int fanout_eal_init(void **state)
{
	static char name[] = "test_fanout", no_huge[] = "--no-huge", m[] = "-m", size[] = "512",
		    no_pci[] = "--no-pci", no_shconf[] = "--no-shconf", no_telemetry[] = "--no-telemetry",
		    l[] = "-l", cpus[] = "0";
	char *arguments[] = {name, no_huge, m, size, no_pci, no_shconf, no_telemetry, l, cpus};

	(void)state;
	return rte_eal_init(RTE_DIM(arguments), arguments) < 0;
}

int fanout_eal_cleanup(void **state)
{
	(void)state;
	return rte_eal_cleanup();
}

static int fanout_set_up_on_nodes(void **state, const struct gremc_nodes *nodes)
{
	static struct fanout_world f;

	f.nodes = nodes;
	f.rcu = gremc_rcu_create();
	f.table = f.rcu ? gremc_fanout_create(0, nodes, f.rcu) : NULL;
	f.ramp = malloc((GREMC_FANOUT_MAX + 1) * sizeof(*f.ramp));
	if (f.table == NULL || f.ramp == NULL)
		return -1;
	for (uint32_t i = 0; i <= GREMC_FANOUT_MAX; i++)
		f.ramp[i] = 5 + i * 3;
	*state = &f;
	return 0;
}

int fanout_set_up(void **state)
{
	return fanout_set_up_on_nodes(state, &gremc_nodes_any);
}

int fanout_set_up_two_nodes(void **state)
{
	static const struct gremc_nodes nodes = {.count = 2, .socket = {0, 1}};

	return fanout_set_up_on_nodes(state, &nodes);
}

int fanout_tear_down(void **state)
{
	struct fanout_world *f = *state;

	free(f->ramp);
	gremc_fanout_destroy(f->table);
	gremc_rcu_destroy(f->rcu);
	return 0;
}

struct gremc_fanout_op route_set_op(rte_be32_t s, rte_be32_t g, uint8_t length, const uint32_t *oifs,
				    uint32_t count)
{
	return (struct gremc_fanout_op){
		.kind = GREMC_FANOUT_SET,
		.spec = {.source = s, .group = g, .length = length, .oifs = oifs, .oif_count = count},
	};
}

struct gremc_fanout_op route_remove_op(rte_be32_t s, rte_be32_t g, uint8_t length)
{
	return (struct gremc_fanout_op){
		.kind = GREMC_FANOUT_REMOVE,
		.spec = {.source = s, .group = g, .length = length},
	};
}

int op_apply(struct fanout_world *f, struct gremc_fanout_op op)
{
	return gremc_fanout_apply(f->table, &op, 1, NULL, NULL);
}

void route_add(struct fanout_world *f, rte_be32_t s, rte_be32_t g, uint8_t length)
{
	assert_int_equal(op_apply(f, route_set_op(s, g, length, vifs123, 3)), 0);
}

void routes_change_many(struct fanout_world *f, enum gremc_fanout_op_kind kind, uint32_t count,
			uint32_t batch)
{
	struct gremc_fanout_op *ops = calloc(batch, sizeof(*ops));

	assert_non_null(ops);
	for (uint32_t i = 0; i < count; i += batch) {
		uint32_t n = RTE_MIN(batch, count - i);

		for (uint32_t j = 0; j < n; j++) {
			ops[j] = route_set_op(rte_cpu_to_be_32(0x0a000000 + (i + j) % 251),
					      rte_cpu_to_be_32(0xef000000 + (i + j) / 251), 32, f->ramp,
					      1 + (i + j) % 4);
			ops[j].kind = kind;
		}
		assert_int_equal(gremc_fanout_apply(f->table, ops, n, NULL, NULL), 0);
	}
	free(ops);
}

/* The mroute on the node equals that of the first node, and is in the memory of its node. */
static void copy_check(const struct gremc_slab *slab, uint32_t node, const struct gremc_mroute *copy,
		       const struct gremc_mroute *first)
{
	uint32_t vifs = first ? first->oif_count + (first->iif_count > 1 ? first->iif_count : 0) : 0;

	assert_int_equal(copy == NULL, first == NULL);
	if (first == NULL)
		return;
	assert_in_range((uintptr_t)copy, (uintptr_t)slab->lines[node],
			(uintptr_t)slab->lines[node] + slab->size - 1);
	assert_ptr_equal(copy, gremc_slab_at(slab, node, first));
	vifs += first->trunk ? first->iif_count : 0; /* the distances of the branches */
	assert_memory_equal(copy, first, sizeof(*first) + vifs * sizeof(*first->vif));
	for (uint32_t i = 0; first->trunk && i < first->iif_count; i++)
		copy_check(slab, node, gremc_trunk_branch_at(copy, i), gremc_trunk_branch_at(first, i));
}

const struct gremc_mroute *route_lookup(struct fanout_world *f, rte_be32_t s, rte_be32_t g)
{
	const struct gremc_fanout_key key = {s, g};
	const struct gremc_mroute *found = (const struct gremc_mroute *)f; /* must be overwritten */
	const struct gremc_mroute *copy = found;

	gremc_fanout_lookup_bulk(gremc_fanout_at(f->table, SOCKET_ID_ANY), &key, 1, &found);
	for (uint32_t i = 1; i < f->nodes->count; i++) {
		gremc_fanout_lookup_bulk(gremc_fanout_at(f->table, f->nodes->socket[i]), &key, 1, &copy);
		copy_check(&f->table->slab, i, copy, found);
	}
	return found;
}

void routes_expect_many(struct fanout_world *f, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		const struct gremc_mroute *mroute = route_lookup(f, rte_cpu_to_be_32(0x0a000000 + i % 251),
								 rte_cpu_to_be_32(0xef000000 + i / 251));

		assert_non_null(mroute);
		assert_int_equal(mroute->oif_count, 1 + i % 4);
		assert_ptr_equal(gremc_fanout_get(f->table, mroute->id), mroute);
	}
}

struct gremc_fanout_usage table_usage(struct fanout_world *f)
{
	struct gremc_fanout_usage usage;

	gremc_fanout_usage(f->table, &usage);
	return usage;
}
