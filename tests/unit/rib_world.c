/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdlib.h>

#include <rte_eal.h>

#include "rib_world.h"

uint32_t vifs[INTERFACES];
struct gremc_rcu *rcu;
struct gremc_fanout *table;
struct gremc_rib *rib;
unsigned new_ids;

/* ---- faults: the linker replaces these functions (--wrap) ---- */

uint32_t table_capacity = UINT32_MAX;
bool is_out_of_memory;

int __real_gremc_fanout_apply(struct gremc_fanout *fanout, const struct gremc_fanout_op *ops, uint32_t count,
			      void (*on_new_id)(uint32_t id, void *argument), void *argument);
int __wrap_gremc_fanout_apply(struct gremc_fanout *fanout, const struct gremc_fanout_op *ops, uint32_t count,
			      void (*on_new_id)(uint32_t id, void *argument), void *argument);
void *__real_calloc(size_t count, size_t size);
void *__wrap_calloc(size_t count, size_t size);

int __wrap_gremc_fanout_apply(struct gremc_fanout *fanout, const struct gremc_fanout_op *ops, uint32_t count,
			      void (*on_new_id)(uint32_t id, void *argument), void *argument)
{
	uint32_t added = 0;
	int rc;

	for (uint32_t i = 0; i < count; i++) {
		const struct gremc_mroute_spec *spec = &ops[i].spec;

		added += ops[i].kind == GREMC_FANOUT_SET &&
			 gremc_fanout_find(fanout, spec->source, spec->group, spec->length) == NULL;
	}
	if (added > table_capacity)
		return -ENOSPC;
	rc = __real_gremc_fanout_apply(fanout, ops, count, on_new_id, argument);
	table_capacity -= rc == 0 ? added : 0;
	return rc;
}

void *__wrap_calloc(size_t count, size_t size)
{
	return is_out_of_memory ? NULL : __real_calloc(count, size);
}

/* ---- set-up ---- */

static void new_id_count(uint32_t id, void *argument)
{
	(void)id, (void)argument;
	new_ids++;
}

int rib_set_up(void **state)
{
	const struct gremc_rib_callbacks callbacks = {new_id_count, NULL};

	(void)state;
	for (uint32_t i = 0; i < INTERFACES; i++)
		vifs[i] = 100 - i;
	rcu = gremc_rcu_create();
	table = gremc_fanout_create(0, &gremc_nodes_any, rcu);
	rib = gremc_rib_create(table, &callbacks);
	new_ids = 0;
	return rib && gremc_rib_static_replace(rib, NULL, 0, vifs, INTERFACES, 1) == 0 ? 0 : -1;
}

int rib_tear_down(void **state)
{
	(void)state;
	table_capacity = UINT32_MAX;
	is_out_of_memory = false;
	gremc_rib_destroy(rib);
	gremc_fanout_destroy(table);
	gremc_rcu_destroy(rcu);
	return 0;
}

int rib_world_run(const char *name, const struct CMUnitTest *tests, size_t count)
{
	char *eal[] = {"test_rib",       "--no-huge",     "--no-pci", "--no-shconf", "-m", "128",
		       "--no-telemetry", "--log-level=3", "-l",       "0",           NULL};

	if (rte_eal_init((int)RTE_DIM(eal) - 1, eal) < 0)
		return 1;
	return _cmocka_run_group_tests(name, tests, count, NULL, NULL);
}

/* ---- requests and routes ---- */

const struct gremc_mroute *route_flush(rte_be32_t s, rte_be32_t g, uint8_t length)
{
	assert_int_equal(gremc_rib_flush(rib, 7), 0);
	assert_false(gremc_rib_is_dirty(rib));
	return gremc_fanout_find(table, s, g, length);
}

void expect_oil(const struct gremc_mroute *mroute, uint32_t interfaces)
{
	uint32_t seen = 0;

	assert_non_null(mroute);
	for (uint32_t i = 0; i < mroute->oif_count; i++)
		seen |= 1u << (100 - mroute->vif[i]);
	assert_int_equal(seen, interfaces);
}

int member_set_at(struct gremc_rib *at, uint32_t interface, rte_be32_t s, rte_be32_t g,
		  enum gremc_igmp_request request)
{
	const struct gremc_addr from = gremc_addr_from_ipv4_or_none(s), to = gremc_addr_from_ipv4_or_none(g);

	return gremc_rib_member_set(at, interface, &from, &to, request);
}

int member_set(uint32_t interface, rte_be32_t s, rte_be32_t g, enum gremc_igmp_request request)
{
	return member_set_at(rib, interface, s, g, request);
}

int kernel_set(rte_be32_t s, rte_be32_t g, uint32_t iif, const uint32_t *oifs, const uint8_t *thresholds,
	       uint32_t oif_count)
{
	const struct gremc_addr from = gremc_addr_from_ipv4_or_none(s), to = gremc_addr_from_ipv4_or_none(g);

	return gremc_rib_kernel_set(rib, &from, &to, iif, oifs, thresholds, oif_count);
}

void kernel_remove(rte_be32_t s, rte_be32_t g)
{
	const struct gremc_addr from = gremc_addr_from_ipv4_or_none(s), to = gremc_addr_from_ipv4_or_none(g);

	gremc_rib_kernel_remove(rib, &from, &to);
}

void group_member_set(uint32_t interface, rte_be32_t s, enum gremc_igmp_request request)
{
	assert_int_equal(member_set(interface, s, group, request), 0);
}
