/* SPDX-License-Identifier: BSD-3-Clause */
/* Random requests of all origins to the rib and to a simple implementation of its rules: after each flush the
 * fan-out table has exactly the mroutes of the rules.
 *
 *   model_rib [SEED [OPERATIONS]] */
#include <string.h>

#include <rte_eal.h>

#include "model.h"
#include "rib/rib.h"

#define INTERFACES 8u
#define GROUPS     3u /* 239.1.1.0 and 239.1.1.1; 232.1.1.1 */
#define SOURCES    3u
#define KEYS       (GROUPS * (SOURCES + 1) + 2) /* (S,G), (*,G), and two prefixes */
#define NO_KEY     UINT32_MAX

typedef uint32_t set; /* a bit per interface */

struct key {
	rte_be32_t source, group;
	uint8_t length;
};

struct static_route {
	bool exists, rotates;
	set iifs, oifs;
	set branch_iifs, branch_oifs; /* of another route with this key; no iifs: there is none */
};

static struct {
	struct gremc_rib *rib;
	struct gremc_fanout *table;
	struct gremc_rcu *rcu;
	struct static_route static_routes[KEYS];
	set included[KEYS], excluded[KEYS];
	struct {
		bool exists;
		uint32_t iif;
		set oifs;
		uint8_t threshold; /* of every third interface */
	} kernel[KEYS];
	uint32_t upstream;
	set filtered;
	uint32_t vifs[2][INTERFACES], turn;
	/* the arrays of the current static routes and of the previous ones */
	struct gremc_rib_route specs[2][KEYS], branch_specs[2][KEYS];
	uint32_t lists[2][KEYS * 4 * INTERFACES];
} model;

/* Keys: of group g (g * 4): its (*,G), then its (S,G); at the end 239.1.0.0/16 and 224.0.0.0/4. */
static struct key key_of(uint32_t k)
{
	static const rte_be32_t groups[] = {RTE_BE32(0xef010100), RTE_BE32(0xef010101), RTE_BE32(0xe8010101)};
	uint32_t s = k % (SOURCES + 1);

	if (k == KEYS - 2)
		return (struct key){0, RTE_BE32(0xef010000), 16};
	if (k == KEYS - 1)
		return (struct key){0, RTE_BE32(0xe0000000), 4};
	return (struct key){s ? RTE_BE32(0x0a010100) + rte_cpu_to_be_32(s) : 0, groups[k / (SOURCES + 1)],
			    32};
}

static bool is_ssm(uint32_t k)
{
	return k / (SOURCES + 1) == 2;
}

static bool is_star(uint32_t k)
{
	return k >= KEYS - 2 || k % (SOURCES + 1) == 0;
}

static uint32_t star_of(uint32_t k)
{
	return k - k % (SOURCES + 1);
}

/* ---- the rules ---- */

static set vifs_of(set interfaces)
{
	const uint32_t *vifs = model.vifs[model.turn];
	set present = 0;

	for (uint32_t i = 0; i < INTERFACES; i++)
		if (interfaces >> i & 1 && vifs[i] != GREMC_RIB_NONE)
			present |= 1u << i;
	return present;
}

/* The threshold of the kernel route for this interface, unless another origin requests the interface. */
static uint8_t threshold_of(uint32_t kernel, uint32_t interface)
{
	return interface % 3 == 0 && model.kernel[kernel].threshold > 1 ? model.kernel[kernel].threshold : 0;
}

/* List the keys that cover k, the most specific first. Returns: their number. */
static unsigned covers_list(uint32_t k, uint32_t *list)
{
	unsigned n = 0;

	list[n++] = k;
	if (k == KEYS - 1 || is_ssm(k))
		return n;
	if (!is_star(k))
		list[n++] = star_of(k);
	if (k != KEYS - 2)
		list[n++] = KEYS - 2;
	list[n++] = KEYS - 1;
	return n;
}

static const struct static_route *static_route_find(uint32_t k)
{
	uint32_t list[4];
	unsigned n = covers_list(k, list);

	for (unsigned i = 0; i < n; i++)
		if (model.static_routes[list[i]].exists)
			return &model.static_routes[list[i]];
	return NULL;
}

static uint32_t kernel_of(uint32_t k)
{
	uint32_t list[4];
	unsigned n = covers_list(k, list);

	for (unsigned i = 0; i < n; i++)
		if (model.kernel[list[i]].exists)
			return list[i];
	return NO_KEY;
}

static set interfaces_of(const struct gremc_mroute *mroute, const uint32_t *vifs, uint32_t count)
{
	set found = 0;

	(void)mroute;
	for (uint32_t i = 0; i < count; i++)
		for (uint32_t n = 0; n < INTERFACES; n++)
			found |= model.vifs[model.turn][n] == vifs[i] ? 1u << n : 0;
	CHECK((uint32_t)__builtin_popcount(found) == count);
	return found;
}

/* The threshold of a requested interface: the lowest of all requests. */
static uint8_t expected_threshold(uint32_t kernel, set any, set filtered, uint32_t n)
{
	uint8_t lowest = filtered >> n & 1 ? GREMC_THRESHOLD_SOURCES : UINT8_MAX;

	if (any >> n & 1)
		return 0;
	if (kernel != NO_KEY && model.kernel[kernel].oifs >> n & 1)
		return RTE_MIN(lowest, threshold_of(kernel, n));
	return lowest;
}

/* Each vif of the oil has the expected threshold. `any`: interfaces for which an origin requests all packets;
 * `filtered`: those that only members of any source request. */
static void thresholds_compare(const struct gremc_mroute *mroute, uint32_t kernel, set any, set filtered)
{
	const uint8_t *thresholds = mroute->limited ? gremc_mroute_thresholds(mroute) : NULL;
	bool limited = false;

	for (uint32_t i = 0; i < mroute->oif_count; i++)
		for (uint32_t n = 0; n < INTERFACES; n++) {
			if (model.vifs[model.turn][n] != mroute->vif[i])
				continue;
			CHECK((thresholds ? thresholds[i] : 0) ==
			      expected_threshold(kernel, any, filtered, n));
			limited |= thresholds && thresholds[i] > 0;
		}
	CHECK(limited == mroute->limited);
}

/* Compare an mroute of the key, whose static route is `static_route` or NULL. */
static void rib_mroute_compare(uint32_t k, const struct gremc_mroute *mroute,
			       const struct static_route *static_route)
{
	uint32_t kernel = kernel_of(k);
	bool igmp = model.included[k] || model.excluded[k];
	set star = is_star(k) || is_ssm(k) ? 0 : model.included[star_of(k)];
	set oil = model.included[k] | (star & ~model.excluded[k]), iifs = 0, any, filtered;
	bool restricted = false;

	if ((igmp || star) && model.upstream != GREMC_RIB_NONE)
		oil |= 1u << model.upstream;
	if (static_route) {
		oil |= static_route->oifs;
		iifs = static_route->iifs;
		restricted = iifs != 0;
	}
	filtered = (star & ~model.excluded[k]) | (is_star(k) ? model.included[k] : 0);
	filtered &= model.filtered;
	any = (oil & ~filtered) | (static_route ? static_route->oifs : 0) |
	      (is_star(k) ? 0 : model.included[k]);
	if ((igmp || star) && model.upstream != GREMC_RIB_NONE)
		any |= 1u << model.upstream;
	if (kernel != NO_KEY) {
		oil |= model.kernel[kernel].oifs;
		if (static_route == NULL) {
			restricted = true;
			iifs = model.kernel[kernel].iif < INTERFACES ? 1u << model.kernel[kernel].iif : 0;
			iifs |= is_star(kernel) ? model.kernel[kernel].oifs : 0;
		}
	}
	oil = vifs_of(oil);
	iifs = vifs_of(iifs);
	if (restricted && iifs == 0)
		oil = 0; /* no iif is left */
	CHECK(interfaces_of(mroute, mroute->vif, mroute->oif_count) == oil);
	thresholds_compare(mroute, kernel, any, filtered);
	CHECK(interfaces_of(mroute, gremc_mroute_iifs(mroute), mroute->iif_count) == iifs);
	CHECK(mroute->rotates == (static_route && static_route->rotates));
	CHECK(mroute->origin == (model.static_routes[k].exists ? GREMC_ORIGIN_STATIC
				 : igmp                        ? GREMC_ORIGIN_IGMP
							       : GREMC_ORIGIN_KERNEL));
}

/* A vif of the interfaces, which have one. */
static uint32_t any_vif_of(set interfaces)
{
	for (uint32_t i = 0;; i++)
		if (vifs_of(1u << i & interfaces))
			return model.vifs[model.turn][i];
}

/* Compare a trunk whose branches are two static routes with other iifs. */
static void trunk_compare(uint32_t k, const struct gremc_mroute *trunk, const struct static_route *first,
			  const struct static_route *second)
{
	CHECK(trunk->trunk);
	CHECK(interfaces_of(trunk, gremc_mroute_iifs(trunk), trunk->iif_count) ==
	      vifs_of(first->iifs | second->iifs));
	rib_mroute_compare(k, gremc_mroute_branch(trunk, any_vif_of(first->iifs)), first);
	rib_mroute_compare(k, gremc_mroute_branch(trunk, any_vif_of(second->iifs)), second);
}

static void rib_key_compare(uint32_t k)
{
	struct key key = key_of(k);
	const struct gremc_mroute *mroute = gremc_fanout_find(model.table, key.source, key.group, key.length);
	const struct static_route *static_route = static_route_find(k);
	struct static_route branch;

	CHECK((mroute != NULL) == (model.static_routes[k].exists || model.included[k] || model.excluded[k] ||
				   model.kernel[k].exists));
	if (mroute == NULL)
		return;
	if (static_route && static_route->branch_iifs) {
		branch = *static_route;
		branch.iifs = static_route->branch_iifs;
		branch.oifs = static_route->branch_oifs;
		if (vifs_of(static_route->iifs) && vifs_of(branch.iifs)) {
			trunk_compare(k, mroute, static_route, &branch);
			return;
		}
		if (vifs_of(branch.iifs)) /* the only one with an iif */
			static_route = &branch;
	}
	CHECK(!mroute->trunk);
	rib_mroute_compare(k, mroute, static_route);
}

/* In 232.0.0.0/8 packets without a join leave by the upstream only. */
static void upstream_compare(void)
{
	const struct gremc_mroute *mroute =
		gremc_fanout_find(model.table, 0, GREMC_SSM_GROUPS, GREMC_SSM_LENGTH);

	CHECK((mroute != NULL) == (model.upstream != GREMC_RIB_NONE));
	if (mroute)
		CHECK(mroute->iif_count == 0 &&
		      interfaces_of(mroute, mroute->vif, mroute->oif_count) == vifs_of(1u << model.upstream));
}

/* ---- operations ---- */

static uint32_t list_of(set s, uint32_t *list)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < INTERFACES; i++)
		if (s >> i & 1)
			list[count++] = i;
	return count;
}

/* Other static routes, and other vifs. */
static void static_replace(void)
{
	uint32_t turn = !model.turn, count = 0, used = 0;
	struct gremc_rib_route *specs = model.specs[turn];

	for (uint32_t i = 0; i < INTERFACES; i++)
		model.vifs[turn][i] = random_below(6) ? 1000 - i * 7 - random_below(2) : GREMC_RIB_NONE;
	for (uint32_t k = 0; k < KEYS; k++) {
		struct key key = key_of(k);

		model.static_routes[k] = (struct static_route){
			.exists = random_below(3) == 0 && !(is_ssm(k) && is_star(k)),
			.rotates = random_below(2),
			.iifs = random_below(2) ? random_below(1u << INTERFACES) : 0,
			.oifs = random_below(1u << INTERFACES),
		};
		if (!model.static_routes[k].exists)
			continue;
		if (model.static_routes[k].iifs && random_below(2)) {
			model.static_routes[k].branch_iifs =
				random_below(1u << INTERFACES) & ~model.static_routes[k].iifs;
			model.static_routes[k].branch_oifs = random_below(1u << INTERFACES);
		}
		specs[count] = (struct gremc_rib_route){.key = {gremc_addr_from_ipv4_or_none(key.source),
								GREMC_PREFIX_IPV4(key.group, key.length)},
							.rotates = model.static_routes[k].rotates};
		specs[count].iifs = &model.lists[turn][used];
		specs[count].iif_count = list_of(model.static_routes[k].iifs, &model.lists[turn][used]);
		used += specs[count].iif_count;
		specs[count].oifs = &model.lists[turn][used];
		specs[count].oif_count = list_of(model.static_routes[k].oifs, &model.lists[turn][used]);
		used += specs[count].oif_count;
		if (model.static_routes[k].branch_iifs) {
			struct gremc_rib_route *branch = &model.branch_specs[turn][count];

			*branch = specs[count];
			specs[count].next = branch;
			branch->iifs = &model.lists[turn][used];
			branch->iif_count =
				list_of(model.static_routes[k].branch_iifs, &model.lists[turn][used]);
			used += branch->iif_count;
			branch->oifs = &model.lists[turn][used];
			branch->oif_count =
				list_of(model.static_routes[k].branch_oifs, &model.lists[turn][used]);
			used += branch->oif_count;
		}
		count++;
	}
	CHECK(gremc_rib_static_replace(model.rib, specs, count, model.vifs[turn], INTERFACES, 1) == 0);
	model.turn = turn;
}

static void member_change(void)
{
	uint32_t k = random_below(KEYS - 2), i = random_below(INTERFACES);
	enum gremc_igmp_request request = random_below(3);
	struct key key = key_of(k);
	struct gremc_addr source, group;

	if (is_star(k) && (request == GREMC_IGMP_EXCLUDE || is_ssm(k)))
		return;
	model.included[k] &= ~(1u << i);
	model.excluded[k] &= ~(1u << i);
	if (request == GREMC_IGMP_INCLUDE)
		model.included[k] |= 1u << i;
	else if (request == GREMC_IGMP_EXCLUDE)
		model.excluded[k] |= 1u << i;
	source = gremc_addr_from_ipv4_or_none(key.source);
	group = gremc_addr_from_ipv4(key.group);
	CHECK(gremc_rib_member_set(model.rib, i, &source, &group, request) == 0);
}

static void kernel_change(void)
{
	uint32_t k = random_below(5) ? random_below(KEYS - 2) : KEYS - 1, list[INTERFACES], count;
	uint8_t thresholds[INTERFACES];
	struct key key = key_of(k);
	struct gremc_addr source, group;

	if (is_star(k) && is_ssm(k))
		return;
	source = gremc_addr_from_ipv4_or_none(key.source);
	group = gremc_addr_from_ipv4_or_none(k == KEYS - 1 ? 0 : key.group);
	model.kernel[k].exists = random_below(2);
	if (!model.kernel[k].exists) {
		gremc_rib_kernel_remove(model.rib, &source, &group);
		return;
	}
	model.kernel[k].iif = random_below(4) ? random_below(INTERFACES) : GREMC_RIB_NONE;
	model.kernel[k].oifs = random_below(1u << INTERFACES);
	model.kernel[k].threshold = random_below(2) ? 1 + random_below(3) : 0;
	count = list_of(model.kernel[k].oifs, list);
	for (uint32_t i = 0; i < count; i++)
		thresholds[i] = RTE_MAX(threshold_of(k, list[i]), 1);
	CHECK(gremc_rib_kernel_set(model.rib, &source, &group, model.kernel[k].iif, list, thresholds,
				   count) == 0);
}

static void source_filter_change(void)
{
	uint32_t i = random_below(INTERFACES);
	bool is_filtered = random_below(2);

	model.filtered = (model.filtered & ~(1u << i)) | (is_filtered ? 1u << i : 0);
	CHECK(gremc_rib_source_filter_set(model.rib, i, is_filtered) == 0);
}

static void upstream_change(void)
{
	if (model.upstream != GREMC_RIB_NONE)
		model.included[KEYS - 1] &= ~(1u << model.upstream);
	model.upstream = random_below(2) ? random_below(INTERFACES) : GREMC_RIB_NONE;
	if (model.upstream != GREMC_RIB_NONE)
		model.included[KEYS - 1] |= 1u << model.upstream;
	CHECK(gremc_rib_upstream_set(model.rib, model.upstream) == 0);
}

int main(int argc, char **argv)
{
	char *eal[] = {"model_rib",      "--no-huge",     "--no-pci", "--no-shconf", "-m", "256",
		       "--no-telemetry", "--log-level=3", "-l",       "0",           NULL};
	static const struct gremc_rib_callbacks callbacks;

	if (rte_eal_init((int)RTE_DIM(eal) - 1, eal) < 0)
		return 1;
	run_begin(argc, argv, 100000);
	model.upstream = GREMC_RIB_NONE;
	model.rcu = gremc_rcu_create();
	model.table = gremc_fanout_create(0, &gremc_nodes_any, model.rcu);
	model.rib = gremc_rib_create(model.table, &callbacks);
	CHECK(model.rib != NULL);
	static_replace();
	for (; run.operation < run.operations; run.operation++) {
		uint32_t choice = random_below(40);

		if (choice == 0)
			static_replace();
		else if (choice == 1)
			upstream_change();
		else if (choice == 2)
			source_filter_change();
		else if (choice < 12)
			kernel_change();
		else
			member_change();
		if (random_below(4))
			continue;
		CHECK(gremc_rib_flush(model.rib, 1) == 0);
		for (uint32_t k = 0; k < KEYS; k++)
			rib_key_compare(k);
		upstream_compare();
		gremc_rcu_reclaim(model.rcu);
	}
	gremc_rib_destroy(model.rib);
	gremc_fanout_destroy(model.table);
	gremc_rcu_destroy(model.rcu);
	run_end();
	return 0;
}
