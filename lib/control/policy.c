/* SPDX-License-Identifier: BSD-3-Clause */
/* The IGMP settings of a configuration, for the engine. */
#include "control/control_priv.h"

static struct gremc_igmp_settings settings_of(const struct gremc_config_igmp_timing *timing)
{
	return (struct gremc_igmp_settings){
		.robustness = (uint8_t)timing->robustness,
		.query_interval = timing->query_interval * 1000u,
		.response_interval = timing->response_interval,
		.last_member_interval = timing->last_member_interval,
		.last_member_count = (uint8_t)timing->last_member_count,
	};
}

static struct gremc_igmp_policy policy_of(const struct gremc_config_igmp *igmp,
					  const struct gremc_addr *address)
{
	static_assert(sizeof(struct gremc_config_join) == sizeof(struct gremc_igmp_join) &&
			      offsetof(struct gremc_config_join, group) ==
				      offsetof(struct gremc_igmp_join, group),
		      "a join of the configuration has the layout of a join of the engine");
	return (struct gremc_igmp_policy){
		.mode = igmp->mode,
		.version = (uint8_t)igmp->version,
		.fast_leave = igmp->fast_leave,
		.router_alert = igmp->router_alert,
		.address = *address,
		.max_groups = igmp->max_groups,
		.max_sources = igmp->max_sources,
		.report_rate = igmp->report_rate,
		.groups = igmp->groups,
		.group_count = igmp->group_count,
		.sources = igmp->sources,
		.source_count = igmp->source_count,
		.joins = (const struct gremc_igmp_join *)igmp->joins,
		.join_count = igmp->join_count,
	};
}

/* The settings of a tunnel or port by its number in the map, and the source address of its messages.
 * Returns: NULL: no IGMP. */
static const struct gremc_config_igmp *igmp_of(const struct gremc_config *config, uint32_t number,
					       struct gremc_addr *address)
{
	const struct gremc_config_port *port;

	if (number < config->tunnel_count) {
		*address = config->tunnels[number].address.address;
		return config->tunnels[number].igmp;
	}
	*address = (struct gremc_addr){.family = GREMC_FAMILY_NONE};
	if (number >= config->tunnel_count + config->port_count)
		return NULL; /* the host */
	port = &config->ports[number - config->tunnel_count];
	if (port->address_count)
		*address = port->addresses[0].address;
	return port->igmp;
}

/* Returns: the interface of the configuration that is the upstream, or GREMC_RIB_NONE. */
static uint32_t upstream_of(const struct gremc_config *config, const struct gremc_vif_map *map)
{
	struct gremc_addr address;

	for (uint32_t i = 0; i < map->count; i++) {
		const struct gremc_config_igmp *igmp = igmp_of(config, i, &address);

		if (igmp && igmp->mode == GREMC_IGMP_UPSTREAM && map->vif[i] != GREMC_VIF_NONE)
			return map->interface[i];
	}
	return GREMC_RIB_NONE;
}

/* ---- source filters ---- */

static bool igmp_has_sources(const struct gremc_config_igmp *igmp)
{
	return igmp && igmp->mode == GREMC_IGMP_QUERIER && igmp->source_count > 0;
}

int gremc_membership_sources_set(struct gremc_control *control, const struct gremc_config_igmp *igmp,
				 uint32_t vif)
{
	gremc_assert_control_thread();
	return igmp_has_sources(igmp)
		       ? gremc_vif_sources_set(control->vifs, vif, igmp->sources, igmp->source_count)
		       : 0;
}

/* ---- interfaces ---- */

/* Returns: false: out of memory. */
static bool interface_configure(struct gremc_control *control, const struct gremc_config *config,
				const struct gremc_vif_map *map, uint32_t number)
{
	struct gremc_membership *membership = &control->membership;
	const uint32_t interface = map->interface[number], vif = map->vif[number];
	const struct gremc_config_igmp *igmp;
	struct gremc_igmp_policy policy;
	struct gremc_addr address;
	bool is_complete;

	if (vif == GREMC_VIF_NONE)
		return true;
	igmp = igmp_of(config, number, &address);
	if (igmp == NULL) {
		gremc_igmp_interface_remove(membership->igmp, interface, gremc_clock_ms());
		return true;
	}
	policy = policy_of(igmp, &address);
	/* the source filter is there before a (*,G) route references it; without memory all stays as it was
	 */
	is_complete = gremc_membership_sources_set(control, igmp, vif) == 0 &&
		      gremc_rib_source_filter_set(membership->rib, interface, igmp_has_sources(igmp)) == 0 &&
		      gremc_igmp_interface_set(membership->igmp, interface, &policy, gremc_clock_ms()) == 0;
	if (policy.mode == GREMC_IGMP_UPSTREAM)
		is_complete &= gremc_rib_upstream_set(membership->rib, interface) == 0;
	return is_complete;
}

/* Update the tables between interfaces and vifs. Interfaces without a vif leave the engine. */
static void interface_vifs_update(struct gremc_control *control, const struct gremc_vif_map *map)
{
	struct gremc_membership *membership = &control->membership;
	struct gremc_igmp_interface_info info = {0};

	for (uint32_t i = 0; i < GREMC_INTERFACES_MAX; i++)
		if (gremc_u32_load(&membership->interface_vif[i]) != membership->routes.vifs[i])
			gremc_u32_store(&membership->interface_vif[i], membership->routes.vifs[i]);
	for (uint32_t i = 0; i < map->count; i++)
		if (map->vif[i] != GREMC_VIF_NONE)
			gremc_u32_store(&membership->vif_interface[map->vif[i]], map->interface[i]);
	for (uint32_t next = 0; gremc_igmp_interface_info_get(membership->igmp, next, &info);
	     next = info.interface + 1)
		if (gremc_u32_load(&membership->interface_vif[info.interface]) == GREMC_VIF_NONE)
			gremc_igmp_interface_remove(membership->igmp, info.interface, gremc_clock_ms());
}

bool gremc_membership_configure(struct gremc_control *control, const struct gremc_config *config,
				const struct gremc_vif_map *map)
{
	struct gremc_membership *membership = &control->membership;
	const struct gremc_igmp_settings settings = settings_of(&config->igmp);
	const uint32_t upstream = upstream_of(config, map);
	uint32_t failed = 0;

	gremc_assert_control_thread();
	interface_vifs_update(control, map);
	gremc_igmp_configure(membership->igmp, &settings, gremc_clock_ms());
	/* the old upstream ends before the new one begins: there is one at a time */
	for (uint32_t i = 0; i < map->count; i++) {
		if (map->interface[i] != upstream)
			failed += !interface_configure(control, config, map, i);
		gremc_job_pause();
	}
	if (upstream == GREMC_RIB_NONE)
		failed += gremc_rib_upstream_set(membership->rib, GREMC_RIB_NONE) != 0;
	for (uint32_t i = 0; i < map->count; i++)
		if (map->interface[i] == upstream)
			failed += !interface_configure(control, config, map, i);
	/* routes that do not fit stay dirty or wait; gremc_membership_flush() continues and logs */
	(void)gremc_rib_flush(membership->rib, (uint32_t)(gremc_clock_ms() / 1000));
	gremc_rcu_commit(control->rcu);
	if (failed)
		GREMC_LOG_LIMITED(ERR, "out of memory: IGMP of %u interfaces has old settings", failed);
	return failed == 0;
}
