/* SPDX-License-Identifier: BSD-3-Clause */
/* The mroutes of the configuration as static routes of the rib. */
#include <errno.h>
#include <stdlib.h>

#include "control/control_priv.h"

void gremc_static_routes_free(struct gremc_static_routes *routes)
{
	free(routes->specs);
	free(routes->lists);
	free(routes->vifs);
	free(routes->policies);
	*routes = (struct gremc_static_routes){0};
}

static int routes_alloc(struct gremc_static_routes *routes, const struct gremc_config *config,
			const struct gremc_vif_map *map)
{
	size_t lists = map->count;

	for (uint32_t i = 0; i < config->mroute_count; i++) {
		lists += config->mroutes[i].from_count + config->mroutes[i].to_count;
		gremc_job_pause();
	}
	*routes = (struct gremc_static_routes){0};
	routes->specs = malloc(((size_t)config->mroute_count + 1) * sizeof(*routes->specs));
	routes->lists = malloc((lists + 1) * sizeof(*routes->lists));
	routes->vifs = malloc(GREMC_INTERFACES_MAX * sizeof(*routes->vifs));
	if (routes->specs && routes->lists && routes->vifs)
		return 0;
	gremc_static_routes_free(routes);
	return -ENOMEM;
}

/* The policy of a tunnel or port by its number in the map, or NULL. */
static const struct gremc_config_policy *config_policy_find(const struct gremc_config *config,
							    uint32_t number)
{
	if (number < config->tunnel_count)
		return config->tunnels[number].policy;
	number -= config->tunnel_count;
	return number < config->port_count ? config->ports[number].policy : NULL;
}

/* Make the table of policies, if any vif has one. Returns: 0 or -ENOMEM. */
static int policies_init(struct gremc_static_routes *routes, const struct gremc_config *config,
			 const struct gremc_vif_map *map)
{
	for (uint32_t i = 0; i < map->count; i++) {
		const struct gremc_config_policy *policy = config_policy_find(config, i);

		if (policy == NULL)
			continue;
		if (routes->policies == NULL)
			routes->policies = calloc(GREMC_INTERFACES_MAX, sizeof(policy));
		if (routes->policies == NULL)
			return -ENOMEM;
		routes->policies[map->interface[i]] = policy;
	}
	return 0;
}

/* Set the policy of each vif. */
bool gremc_policies_apply(struct gremc_control *control, const struct gremc_config *config,
			  const struct gremc_vif_map *map)
{
	uint32_t failed = 0;

	gremc_assert_control_thread();
	for (uint32_t i = 0; i < map->count; i++) {
		if (map->vif[i] != GREMC_VIF_NONE)
			failed += gremc_vif_policy_set(control->vifs, map->vif[i],
						       config_policy_find(config, i)) != 0;
		gremc_job_pause();
	}
	gremc_rcu_commit(control->rcu);
	if (failed)
		GREMC_LOG_LIMITED(ERR, "out of memory: %u interfaces have old policies", failed);
	return failed == 0;
}

/* Append the interfaces of a list of numbers to the lists. Returns: the new list. */
static const uint32_t *interface_list_append(const struct gremc_static_routes *routes, uint32_t *used,
					     const struct gremc_vif_map *map, const uint32_t *numbers,
					     uint32_t count)
{
	uint32_t *list = &routes->lists[*used];

	for (uint32_t i = 0; i < count; i++)
		list[i] = map->interface[numbers[i]];
	*used += count;
	return list;
}

/* Make the first list that of `to: all`. Returns: its length. */
static uint32_t all_list_init(struct gremc_static_routes *routes, const struct gremc_vif_map *map)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < GREMC_INTERFACES_MAX; i++)
		routes->vifs[i] = GREMC_VIF_NONE;
	for (uint32_t i = 0; i < map->count; i++) {
		if (map->vif[i] == GREMC_VIF_NONE)
			continue;
		routes->vifs[map->interface[i]] = map->vif[i];
		/* `all` is the network: it does not contain the host, which is the last of the map */
		if (i + 1 < map->count)
			routes->lists[count++] = map->interface[i];
	}
	return count;
}

static void route_init(struct gremc_rib_route *route, const struct gremc_static_routes *routes,
		       uint32_t *used, const struct gremc_vif_map *map,
		       const struct gremc_config_mroute *mroute, uint32_t all_count)
{
	uint32_t from_count = mroute->from_any ? 0 : mroute->from_count;

	*route = (struct gremc_rib_route){
		.key = {mroute->source, mroute->group},
		.iif_count = from_count,
		.iifs = interface_list_append(routes, used, map, mroute->from, from_count),
		.oif_count = mroute->to_all ? all_count : mroute->to_count,
		.oifs = mroute->to_all
				? routes->lists
				: interface_list_append(routes, used, map, mroute->to, mroute->to_count),
		.rotates = mroute->order == GREMC_ORDER_ROTATE,
	};
}

/* Make the routes of all mroutes. */
static void routes_init(struct gremc_static_routes *routes, const struct gremc_config *config,
			const struct gremc_vif_map *map)
{
	uint32_t all_count = all_list_init(routes, map), used = all_count;
	struct gremc_rib_route *route = routes->specs, *branch;

	for (uint32_t i = 0; i < config->mroute_count; i++)
		routes->keys += !config->mroutes[i].is_branch;
	routes->count = config->mroute_count;
	branch = &routes->specs[routes->keys];
	for (uint32_t i = 0; i < config->mroute_count; i++) {
		const struct gremc_config_mroute *mroute = &config->mroutes[i];
		struct gremc_rib_route *previous = route;

		gremc_job_pause();
		if (mroute->is_branch)
			continue;
		route_init(route++, routes, &used, map, mroute, all_count);
		while (mroute->next) {
			mroute = &config->mroutes[mroute->next];
			route_init(branch, routes, &used, map, mroute, all_count);
			previous->next = branch;
			previous = branch++;
		}
	}
}

int gremc_static_routes_replace(const struct gremc_transaction *transaction)
{
	struct gremc_membership *membership = &transaction->control->membership;
	const struct gremc_config *config = transaction->config;
	const struct gremc_vif_map *map = &transaction->map;
	struct gremc_static_routes routes;
	int rc = routes_alloc(&routes, config, map);

	gremc_assert_control_thread();
	if (rc)
		return rc;
	if (policies_init(&routes, config, map)) {
		gremc_static_routes_free(&routes);
		return -ENOMEM;
	}
	routes_init(&routes, config, map);
	/* old and new routes are in the table together for a moment */
	gremc_membership_reserve(transaction->control, RTE_MAX(routes.count, membership->routes.count));
	gremc_rib_policies_set(membership->rib, routes.policies, GREMC_INTERFACES_MAX);
	rc = gremc_rib_static_replace(membership->rib, routes.specs, routes.keys, routes.vifs,
				      GREMC_INTERFACES_MAX, (uint32_t)(gremc_clock_ms() / 1000));
	if (rc) {
		gremc_static_routes_free(&routes);
		return rc;
	}
	gremc_static_routes_free(&membership->routes);
	membership->routes = routes;
	return 0;
}
