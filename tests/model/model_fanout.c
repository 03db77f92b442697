/* SPDX-License-Identifier: BSD-3-Clause */
/* Random changes to a fan-out table and to a naive list, which must agree.
 *
 *   model_fanout [SEED [OPERATIONS]] */
#include <rte_eal.h>

#include "fanout/fanout.h"
#include "model.h"

#define ROUTES  1200u /* maximum routes of the list */
#define BATCH   12u   /* maximum operations of a change */
#define OIL_MAX 700u

/* A table on two nodes, which must both agree; the second need not exist. */
static const struct gremc_nodes nodes = {.count = 2, .socket = {0, 1}};

/* A route of the list. Its vifs follow from few numbers: vif i is first + i * step. */
struct vifs {
	uint32_t first, step, count;
};

struct route {
	rte_be32_t source, group;
	uint8_t length, origin;
	struct vifs oifs, iifs;
	uint32_t id;
};

struct model {
	struct gremc_fanout *table;
	struct gremc_rcu *rcu;
	struct route routes[ROUTES];
	uint32_t count;
	uint64_t changes, refused, lookups;
};

/* The present change. */
struct batch {
	struct gremc_fanout_op ops[BATCH + 1];
	struct route routes[BATCH + 1];
	uint32_t oifs[BATCH + 1][OIL_MAX], iifs[BATCH + 1][4];
	uint32_t count;
};

static struct model model;
static struct batch batch;

static bool one_in(uint32_t n)
{
	return random_below(n) == 0;
}

/* ---- small spaces, so that things meet ---- */

static rte_be32_t any_source(void)
{
	return rte_cpu_to_be_32(0x0a000001 + random_below(6));
}

/* A few values from 224.0.0.0 to 239.255.255.255, some of them in 232.0.0.0/8. */
static rte_be32_t any_group(void)
{
	static const uint32_t high[] = {0xe1000000, 0xe8000000, 0xef010000, 0xef010100, 0xef800000};

	return rte_cpu_to_be_32(high[random_below(RTE_DIM(high))] + random_below(40));
}

static void any_key(struct route *route)
{
	static const uint8_t lengths[] = {4, 5, 8, 9, 16, 23, 24, 27, 28, 29, 30, 31, 32, 32, 32, 32};

	do {
		route->source = one_in(2) ? any_source() : 0;
		route->length = route->source ? 32 : lengths[random_below(RTE_DIM(lengths))];
		route->group = any_group() & gremc_ipv4_mask(route->length);
	} while (route->source == 0 && route->length > GREMC_SSM_LENGTH && gremc_ipv4_is_ssm(route->group));
}

static void any_content(struct route *route)
{
	route->origin = (uint8_t)random_below(2);
	route->oifs = (struct vifs){random_below(5), 1 + random_below(3),
				    one_in(30) ? random_below(OIL_MAX) : random_below(9)};
	route->iifs = (struct vifs){random_below(5), 1 + random_below(3), random_below(4)};
}

/* ---- the list ---- */

static struct route *list_find(rte_be32_t source, rte_be32_t group, uint8_t length)
{
	for (uint32_t i = 0; i < model.count; i++) {
		struct route *route = &model.routes[i];

		if (route->source == source && route->group == group && route->length == length)
			return route;
	}
	return NULL;
}

static bool is_every_ssm(const struct route *route)
{
	return route->group == GREMC_SSM_GROUPS && route->length == GREMC_SSM_LENGTH;
}

static const struct route *list_match(rte_be32_t source, rte_be32_t group)
{
	const struct route *best = NULL;

	for (uint32_t i = 0; i < model.count; i++) {
		const struct route *route = &model.routes[i];

		if (route->source) {
			if (route->source == source && route->group == group)
				return route;
		} else if ((group & gremc_ipv4_mask(route->length)) == route->group &&
			   (!gremc_ipv4_is_ssm(group) || is_every_ssm(route)) &&
			   (best == NULL || route->length > best->length)) {
			best = route;
		}
	}
	return best;
}

static bool vifs_agree(const struct vifs *vifs, const uint32_t *array)
{
	for (uint32_t i = 0; i < vifs->count; i++)
		if (array[i] != vifs->first + i * vifs->step)
			return false;
	return true;
}

static void routes_agree(const struct route *route, const struct gremc_mroute *mroute)
{
	CHECK((route == NULL) == (mroute == NULL));
	if (route == NULL)
		return;
	CHECK(mroute->source == route->source && mroute->group == route->group);
	CHECK(mroute->length == route->length && mroute->origin == route->origin);
	CHECK(mroute->id == route->id);
	CHECK(mroute->oif_count == route->oifs.count && vifs_agree(&route->oifs, mroute->vif));
	CHECK(mroute->iif_count == route->iifs.count && vifs_agree(&route->iifs, gremc_mroute_iifs(mroute)));
}

/* ---- changes ---- */

static bool in_batch(const struct route *route)
{
	for (uint32_t i = 0; i < batch.count; i++)
		if (batch.routes[i].source == route->source && batch.routes[i].group == route->group &&
		    batch.routes[i].length == route->length)
			return true;
	return false;
}

static void write_vifs(const struct vifs *vifs, uint32_t *array)
{
	for (uint32_t i = 0; i < vifs->count; i++)
		array[i] = vifs->first + i * vifs->step;
	for (uint32_t i = 1; i < vifs->count; i++) {
		uint32_t j = one_in(4) ? random_below(i + 1) : i, swapped = array[i];

		array[i] = array[j];
		array[j] = swapped;
	}
}

/* Write batch.routes[at] as an operation. */
static void write_op(uint32_t at, enum gremc_fanout_op_kind kind)
{
	const struct route *route = &batch.routes[at];

	write_vifs(&route->oifs, batch.oifs[at]);
	write_vifs(&route->iifs, batch.iifs[at]);
	batch.ops[at] = (struct gremc_fanout_op){
		.kind = kind,
		.spec = {.source = route->source,
			 .group = route->group,
			 .length = route->length,
			 .origin = route->origin,
			 .iif_count = route->iifs.count,
			 .oif_count = route->oifs.count,
			 .iifs = batch.iifs[at],
			 .oifs = batch.oifs[at]},
	};
}

static void add_op(uint32_t remove_in)
{
	struct route *route = &batch.routes[batch.count];

	if (model.count > 0 && one_in(remove_in)) {
		*route = model.routes[random_below(model.count)];
		if (in_batch(route))
			return;
		write_op(batch.count++, GREMC_FANOUT_REMOVE);
		return;
	}
	any_key(route);
	if (in_batch(route))
		return;
	any_content(route);
	if (one_in(8)) { /* the same route again */
		const struct route *old = list_find(route->source, route->group, route->length);

		if (old)
			*route = *old;
	}
	write_op(batch.count++, GREMC_FANOUT_SET);
}

/* Insert an invalid operation. Returns the expected error. */
static int op_spoil(void)
{
	uint32_t at = random_below(batch.count + 1);
	struct route missing;
	int expected;

	batch.ops[batch.count] = batch.ops[at];
	switch (random_below(4)) {
	case 0:
		batch.ops[at] = (struct gremc_fanout_op){
			.kind = GREMC_FANOUT_SET, .spec = {.group = RTE_BE32(0xef000001), .length = 24}};
		expected = -EINVAL;
		break;
	case 1:
		batch.ops[at] = (struct gremc_fanout_op){
			.kind = GREMC_FANOUT_SET, .spec = {.group = RTE_BE32(0xc0000201), .length = 32}};
		expected = -EINVAL;
		break;
	case 2:
		batch.ops[at] = (struct gremc_fanout_op){.kind = GREMC_FANOUT_SET,
							 .spec = {.group = RTE_BE32(0xee000001),
								  .length = 32,
								  .oif_count = GREMC_FANOUT_MAX + 1}};
		expected = -E2BIG;
		break;
	default:
		do
			any_key(&missing);
		while (list_find(missing.source, missing.group, missing.length) || in_batch(&missing));
		batch.ops[at] = (struct gremc_fanout_op){
			.kind = GREMC_FANOUT_REMOVE,
			.spec = {.source = missing.source, .group = missing.group, .length = missing.length}};
		expected = -ENOENT;
	}
	batch.count++;
	return expected;
}

static uint32_t new_ids[BATCH + 1], new_id_count;

static void model_new_id(uint32_t id, void *argument)
{
	CHECK(argument == &model);
	CHECK(gremc_fanout_get(model.table, id) == NULL);
	new_ids[new_id_count++] = id;
}

/* Apply the batch to the list, after the table has accepted it. */
static void list_follow(void)
{
	uint32_t ids = 0;

	for (uint32_t i = 0; i < batch.count; i++) {
		struct route *route = &batch.routes[i];
		struct route *old = list_find(route->source, route->group, route->length);

		if (batch.ops[i].kind == GREMC_FANOUT_REMOVE) {
			*old = model.routes[--model.count];
			continue;
		}
		route->id = old ? old->id : new_ids[ids++];
		if (old == NULL) {
			CHECK(model.count < ROUTES);
			old = &model.routes[model.count++];
		}
		*old = *route;
	}
	CHECK(ids == new_id_count);
}

static void table_change(void)
{
	/* phases of growing and of shrinking */
	uint32_t remove_in = model.changes / 2000 % 2 ? 2 : 4;
	uint32_t wanted = 1 + random_below(BATCH);
	int expected = 0;

	batch.count = 0;
	new_id_count = 0;
	for (uint32_t i = 0; i < wanted; i++)
		add_op(remove_in);
	if (one_in(6))
		expected = op_spoil();
	CHECK(gremc_fanout_apply(model.table, batch.ops, batch.count, model_new_id, &model) == expected);
	if (expected == 0)
		list_follow();
	else
		CHECK(new_id_count == 0);
	run.operation += batch.count;
	model.refused += expected != 0;
	model.changes++;
	if (one_in(3))
		gremc_rcu_reclaim(model.rcu);
}

/* ---- comparisons ---- */

static void compare_lookups(uint32_t n)
{
	struct gremc_fanout_key keys[GREMC_FANOUT_BULK] = {{0, 0}};
	const struct gremc_mroute *found[GREMC_FANOUT_BULK];

	for (uint32_t i = 0; i < n; i++)
		keys[i] = (struct gremc_fanout_key){any_source(), any_group()};
	for (uint32_t node = 0; node < nodes.count; node++) {
		gremc_fanout_lookup_bulk(gremc_fanout_at(model.table, nodes.socket[node]), keys, n, found);
		for (uint32_t i = 0; i < n; i++)
			routes_agree(list_match(keys[i].source, keys[i].group), found[i]);
	}
	model.lookups += n;
}

static void compare_all(void)
{
	struct gremc_fanout_usage usage;
	uint64_t lengths = 0;
	uint32_t used = 0;

	for (uint32_t i = 0; i < model.count; i++) {
		const struct route *route = &model.routes[i];
		const struct gremc_mroute *mroute =
			gremc_fanout_find(model.table, route->source, route->group, route->length);

		routes_agree(route, mroute);
		CHECK(gremc_fanout_get(model.table, route->id) == mroute);
		lengths |= UINT64_C(1) << (route->source ? 33 : is_every_ssm(route) ? 34 : route->length);
	}
	for (uint32_t id = 0; id < gremc_fanout_id_limit(model.table); id++)
		used += gremc_fanout_get(model.table, id) != NULL;
	gremc_fanout_usage(model.table, &usage);
	CHECK(used == model.count && usage.mroutes == model.count);
	CHECK(usage.lengths == lengths);
}

static int start_eal(void)
{
	static char name[] = "model_fanout", no_huge[] = "--no-huge", m[] = "-m", size[] = "512",
		    no_pci[] = "--no-pci", no_shconf[] = "--no-shconf", no_telemetry[] = "--no-telemetry",
		    l[] = "-l", cpus[] = "0", level[] = "--log-level=error";
	char *arguments[] = {name, no_huge, m, size, no_pci, no_shconf, no_telemetry, l, cpus, level};

	return rte_eal_init(RTE_DIM(arguments), arguments);
}

int main(int argc, char **argv)
{
	run_begin(argc, argv, 200000);
	if (start_eal() < 0)
		run_fail("the EAL does not start");
	model.rcu = gremc_rcu_create();
	CHECK(model.rcu != NULL);
	model.table = gremc_fanout_create(0, &nodes, model.rcu);
	CHECK(model.table != NULL);
	while (run.operation < run.operations) {
		table_change();
		compare_lookups(1 + random_below(GREMC_FANOUT_BULK));
		if (one_in(50))
			compare_all();
	}
	compare_all();
	gremc_fanout_destroy(model.table);
	gremc_rcu_destroy(model.rcu);
	printf("%" PRIu64 " changes, %" PRIu64 " of them refused, %" PRIu64 " lookups\n", model.changes,
	       model.refused, model.lookups);
	run_end();
	return rte_eal_cleanup() ? 1 : 0;
}
