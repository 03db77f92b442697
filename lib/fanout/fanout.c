/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>

#include <rte_malloc.h>

#include "fanout/fanout_priv.h"

#define SLOTS_SIZE    (GREMC_MROUTE_IDS_MAX * sizeof(const struct gremc_mroute *))
#define FREE_IDS_SIZE (GREMC_MROUTE_IDS_MAX * sizeof(uint32_t))

static int table_nodes_create(struct gremc_fanout *table)
{
	for (uint32_t i = 0; i < table->nodes.count; i++) {
		table->node[i] = gremc_memory_zalloc(sizeof(*table->node[i]), table->nodes.socket[i]);
		if (table->node[i] == NULL)
			return -ENOMEM;
		table->node[i]->lines = table->slab.lines[i];
	}
	return 0;
}

static void table_free(struct gremc_fanout *table)
{
	for (uint32_t i = 0; i < table->nodes.count; i++)
		rte_free(table->node[i]);
	gremc_slab_fini(&table->slab);
	gremc_memory_release(table->free_ids, FREE_IDS_SIZE);
	gremc_memory_release(table->slots, SLOTS_SIZE);
	rte_free(table);
}

struct gremc_fanout *gremc_fanout_create(uint32_t entries, const struct gremc_nodes *nodes,
					 struct gremc_rcu *rcu)
{
	struct gremc_fanout *table = gremc_memory_zalloc(sizeof(*table), nodes->socket[0]);
	struct gremc_view *view;

	if (table == NULL)
		return NULL;
	table->rcu = rcu;
	table->nodes = *nodes;
	table->slots = gremc_memory_reserve(SLOTS_SIZE, nodes->socket[0]);
	table->free_ids = gremc_memory_reserve(FREE_IDS_SIZE, nodes->socket[0]);
	if (table->slots == NULL || table->free_ids == NULL || gremc_slab_init(&table->slab, nodes) ||
	    table_nodes_create(table) ||
	    gremc_view_create(table, RTE_MIN(entries, GREMC_MROUTES_MAX), &view)) {
		table_free(table);
		return NULL;
	}
	gremc_view_publish(table, view);
	return table;
}

void gremc_fanout_destroy(struct gremc_fanout *table)
{
	if (table == NULL)
		return;
	/* deferred frees refer to the table */
	gremc_rcu_synchronize(table->rcu);
	gremc_view_destroy(table, table->view);
	table_free(table);
}

const struct gremc_fanout_node *gremc_fanout_at(const struct gremc_fanout *table, int socket)
{
	return table->node[gremc_nodes_index(&table->nodes, socket)];
}

const struct gremc_mroute *gremc_fanout_get(const struct gremc_fanout *table, uint32_t id)
{
	return id < GREMC_MROUTE_IDS_MAX ? gremc_pointer_load_acquire(&table->slots[id]) : NULL;
}

uint32_t gremc_fanout_id_limit(const struct gremc_fanout *table)
{
	return gremc_u32_load(&table->id_limit);
}

void gremc_fanout_usage(const struct gremc_fanout *table, struct gremc_fanout_usage *usage)
{
	uint64_t ids = gremc_fanout_id_limit(table);

	usage->mroutes = gremc_u32_load(&table->mroutes);
	usage->capacity = gremc_u32_load(&table->capacity);
	usage->lengths = gremc_u64_load(&table->node[0]->lengths);
	usage->nodes = table->nodes.count;
	usage->bytes = sizeof(*table) + ids * (sizeof(*table->slots) + sizeof(*table->free_ids)) +
		       gremc_counter_read(&table->view_bytes) +
		       usage->nodes * (sizeof(*table->node[0]) + gremc_counter_read(&table->slab.bytes));
}
