/* SPDX-License-Identifier: BSD-3-Clause */
/* The configuration's mroutes as the rib's static routes. */
#include <errno.h>
#include <stdlib.h>

#include "base/job.h"
#include "control/control_priv.h"

static void routes_free(struct gremc_static_routes *routes)
{
	free(routes->specs);
	free(routes->lists);
	free(routes->vifs);
	*routes = (struct gremc_static_routes){0};
}

static int routes_init(struct gremc_static_routes *routes, const struct gremc_config *config,
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
	routes_free(routes);
	return -ENOMEM;
}

/* A list of the configuration's vif numbers as interfaces, behind the `*used` ones. */
static const uint32_t *translate(struct gremc_static_routes *routes, uint32_t *used,
				 const struct gremc_vif_map *map, const uint32_t *numbers, uint32_t count)
{
	uint32_t *list = &routes->lists[*used];

	for (uint32_t i = 0; i < count; i++)
		list[i] = map->interface[numbers[i]];
	*used += count;
	return list;
}

/* Every interface that `to: all` means; first in the lists. Returns how many. */
static uint32_t list_all(struct gremc_static_routes *routes, const struct gremc_vif_map *map)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < GREMC_INTERFACES_MAX; i++)
		routes->vifs[i] = GREMC_VIF_NONE;
	for (uint32_t i = 0; i < map->count; i++) {
		if (map->vif[i] == GREMC_VIF_NONE)
			continue;
		routes->vifs[map->interface[i]] = map->vif[i];
		/* `all` is the network's: the host, the last of the map, is named or left out */
		if (i + 1 < map->count)
			routes->lists[count++] = map->interface[i];
	}
	return count;
}

static void add_route(struct gremc_static_routes *routes, uint32_t *used, const struct gremc_vif_map *map,
		      const struct gremc_config_mroute *mroute, uint32_t all_count)
{
	uint32_t from_count = mroute->from_any ? 0 : mroute->from_count;

	routes->specs[routes->count++] = (struct gremc_rib_route){
		.key = {mroute->source, mroute->group},
		.iif_count = from_count,
		.iifs = translate(routes, used, map, mroute->from, from_count),
		.oif_count = mroute->to_all ? all_count : mroute->to_count,
		.oifs = mroute->to_all ? routes->lists
				       : translate(routes, used, map, mroute->to, mroute->to_count),
	};
}

int gremc_static_routes_replace(const struct gremc_transaction *transaction)
{
	struct gremc_membership *membership = &transaction->control->membership;
	const struct gremc_config *config = transaction->config;
	const struct gremc_vif_map *map = &transaction->map;
	struct gremc_static_routes routes;
	uint32_t all_count, used;
	int rc = routes_init(&routes, config, map);

	if (rc)
		return rc;
	used = all_count = list_all(&routes, map);
	for (uint32_t i = 0; i < config->mroute_count; i++) {
		add_route(&routes, &used, map, &config->mroutes[i], all_count);
		gremc_job_pause();
	}
	/* old and new ones are in the table together for a moment */
	gremc_membership_reserve(transaction->control, RTE_MAX(routes.count, membership->routes.count));
	rc = gremc_rib_static_replace(membership->rib, routes.specs, routes.count, routes.vifs,
				      GREMC_INTERFACES_MAX, (uint32_t)(gremc_clock_ms() / 1000));
	if (rc) {
		routes_free(&routes);
		return rc;
	}
	routes_free(&membership->routes);
	membership->routes = routes;
	return 0;
}
