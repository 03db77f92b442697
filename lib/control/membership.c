/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/job.h"
#include "control/control_priv.h"

#define FLUSH_AT_ONCE  4096u /* dirty routes; a flush of more is a job */
#define RETRY_INTERVAL 1000u /* milliseconds between tries of routes that did not go into the table */

static uint32_t load(const uint32_t *at)
{
	return __atomic_load_n(at, __ATOMIC_RELAXED);
}

/* ---- between the rooms ---- */

static int send_packet(void *argument, uint32_t interface, const uint8_t *packet, size_t length)
{
	struct gremc_control *control = argument;
	struct gremc_membership *membership = &control->membership;
	uint32_t vif = load(&membership->interface_vif[interface]);
	int rc = -ENODEV;

	if (vif != GREMC_VIF_NONE)
		rc = gremc_inject_packet(control->workers, control->ports->host_pool, packet,
					 (uint16_t)length, vif);
	if (rc)
		__atomic_add_fetch(&membership->unsent, 1, __ATOMIC_RELAXED);
	return rc;
}

/* 0 while the next hop's MAC address is not known. */
static size_t mtu_now(void *argument, uint32_t interface)
{
	const struct gremc_control *control = argument;
	uint32_t vif = load(&control->membership.interface_vif[interface]);
	const struct gremc_vifs *vifs = control->vifs;
	const struct gremc_adjacency *adjacency;

	if (vif == GREMC_VIF_NONE)
		return 0;
	if (gremc_vif_is_down(vifs, vif))
		return 0;
	adjacency = vifs->adjacency[gremc_vif_adjacency(vifs, vif)];
	return adjacency && adjacency->resolved ? vifs->encap[vif].mtu : 0;
}

static int take_change(void *argument, uint32_t interface, const struct gremc_addr *source,
		       const struct gremc_addr *group, enum gremc_igmp_request interest)
{
	struct gremc_control *control = argument;

	control->membership.reports.changed = true;
	/* under the engine's lock: a reader that sees the membership sees the number, too */
	__atomic_add_fetch(&control->membership.changes, 1, __ATOMIC_RELEASE);
	return gremc_rib_member_set(control->membership.rib, interface, source, group, interest);
}

static void reset_counters(uint32_t id, void *argument)
{
	const struct gremc_control *control = argument;

	for (uint32_t i = 0; i < control->workers->stats_count; i++)
		gremc_stats_reset_mroute(control->workers->stats[i], id);
}

/* ---- life ---- */

int gremc_membership_init(struct gremc_control *control)
{
	const struct gremc_igmp_callbacks callbacks = {send_packet, take_change, mtu_now, control};
	const struct gremc_rib_callbacks rib_callbacks = {reset_counters, control};
	const struct gremc_igmp_settings settings = {.robustness = 2};
	struct gremc_membership *membership = &control->membership;

	membership->interface_vif =
		gremc_memory_reserve(GREMC_INTERFACES_MAX * sizeof(uint32_t), SOCKET_ID_ANY);
	membership->vif_interface = gremc_memory_reserve(GREMC_VIFS_MAX * sizeof(uint32_t), SOCKET_ID_ANY);
	membership->igmp = gremc_igmp_create(&settings, &callbacks, gremc_clock_ms());
	membership->rib = gremc_rib_create(control->fanout, &rib_callbacks);
	return membership->interface_vif && membership->vif_interface && membership->igmp && membership->rib
		       ? 0
		       : -ENOMEM;
}

void gremc_membership_fini(struct gremc_membership *membership)
{
	gremc_igmp_destroy(membership->igmp);
	gremc_rib_destroy(membership->rib);
	if (membership->interface_vif)
		gremc_memory_release(membership->interface_vif, GREMC_INTERFACES_MAX * sizeof(uint32_t));
	if (membership->vif_interface)
		gremc_memory_release(membership->vif_interface, GREMC_VIFS_MAX * sizeof(uint32_t));
	free(membership->routes.specs);
	free(membership->routes.lists);
	free(membership->routes.vifs);
}

/* ---- configuration ---- */

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

/* The configuration's words in the engine's; both have the same layout of a member. */
static struct gremc_igmp_policy policy_of(const struct gremc_config_igmp *igmp,
					  const struct gremc_addr *address)
{
	static_assert(sizeof(struct gremc_config_join) == sizeof(struct gremc_igmp_join) &&
			      offsetof(struct gremc_config_join, group) ==
				      offsetof(struct gremc_igmp_join, group),
		      "a member is a member");
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

static bool has_sources(const struct gremc_config_igmp *igmp)
{
	return igmp && igmp->mode == GREMC_IGMP_QUERIER && igmp->source_count > 0;
}

int gremc_membership_sources(struct gremc_control *control, const struct gremc_config_igmp *igmp,
			     uint32_t vif)
{
	return has_sources(igmp)
		       ? gremc_vif_sources_set(control->vifs, vif, igmp->sources, igmp->source_count)
		       : 0;
}

/* Install the source filter before any (*,G) route references it. Returns: false: out of memory, no change.
 */
static bool guard(struct gremc_control *control, const struct gremc_config_igmp *igmp, uint32_t interface,
		  uint32_t vif)
{
	return gremc_membership_sources(control, igmp, vif) == 0 &&
	       gremc_rib_source_filter_set(control->membership.rib, interface, has_sources(igmp)) == 0;
}

static void configure_one(struct gremc_control *control, const struct gremc_config *config,
			  const struct gremc_vif_map *map, uint32_t number)
{
	struct gremc_membership *membership = &control->membership;
	uint32_t interface = map->interface[number];
	const struct gremc_config_igmp *igmp;
	struct gremc_igmp_policy policy;
	struct gremc_addr address;

	if (map->vif[number] == GREMC_VIF_NONE)
		return;
	igmp = igmp_of(config, number, &address);
	if (igmp == NULL) {
		gremc_igmp_interface_remove(membership->igmp, interface, gremc_clock_ms());
		return;
	}
	membership->active = true;
	policy = policy_of(igmp, &address);
	if (!guard(control, igmp, interface, map->vif[number]) ||
	    gremc_igmp_interface_set(membership->igmp, interface, &policy, gremc_clock_ms()))
		GREMC_LOG(ERR, "out of memory: IGMP of interface %u stays as it was", interface);
	if (policy.mode == GREMC_IGMP_UPSTREAM && gremc_rib_upstream_set(membership->rib, interface))
		GREMC_LOG(ERR, "out of memory: interface %u does not get all packets as the upstream",
			  interface);
}

/* The upstream interface of the new configuration, or none. */
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

/* Which vif each interface is now, both ways. Those that are none any more leave the engine. */
static void update_vifs(struct gremc_control *control, const struct gremc_vif_map *map)
{
	struct gremc_membership *membership = &control->membership;
	struct gremc_igmp_interface_info info = {0};

	for (uint32_t i = 0; i < GREMC_INTERFACES_MAX; i++)
		if (load(&membership->interface_vif[i]) != membership->routes.vifs[i])
			__atomic_store_n(&membership->interface_vif[i], membership->routes.vifs[i],
					 __ATOMIC_RELAXED);
	for (uint32_t i = 0; i < map->count; i++)
		if (map->vif[i] != GREMC_VIF_NONE)
			__atomic_store_n(&membership->vif_interface[map->vif[i]], map->interface[i],
					 __ATOMIC_RELAXED);
	for (uint32_t next = 0; gremc_igmp_interface_info_get(membership->igmp, next, &info);
	     next = info.interface + 1)
		if (load(&membership->interface_vif[info.interface]) == GREMC_VIF_NONE)
			gremc_igmp_interface_remove(membership->igmp, info.interface, gremc_clock_ms());
}

void gremc_membership_configure(struct gremc_control *control, const struct gremc_config *config,
				const struct gremc_vif_map *map)
{
	struct gremc_membership *membership = &control->membership;
	struct gremc_igmp_settings settings = settings_of(&config->igmp);
	uint32_t upstream = upstream_of(config, map);

	update_vifs(control, map);
	gremc_igmp_configure(membership->igmp, &settings, gremc_clock_ms());
	membership->active = false;
	/* an upstream that is none any more makes room for the next one before that comes */
	for (uint32_t i = 0; i < map->count; i++)
		if (map->interface[i] != upstream) {
			configure_one(control, config, map, i);
			gremc_job_pause();
		}
	if (upstream == GREMC_RIB_NONE && gremc_rib_upstream_set(membership->rib, GREMC_RIB_NONE))
		GREMC_LOG(ERR, "out of memory: the old upstream still gets all packets");
	for (uint32_t i = 0; i < map->count; i++)
		if (map->interface[i] == upstream)
			configure_one(control, config, map, i);
	gremc_rib_flush(membership->rib, (uint32_t)(gremc_clock_ms() / 1000));
	gremc_rcu_commit(control->rcu);
}

/* ---- packets and time ---- */

static void note_report(struct gremc_membership *membership, uint32_t stamp)
{
	if (membership->reports.changed && membership->reports.count < GREMC_REPORTS_MEASURED)
		membership->reports.stamp[membership->reports.count++] = stamp;
}

/* What the reports changed is in the table now. */
static void measure_reports(struct gremc_membership *membership)
{
	for (uint32_t i = 0; i < membership->reports.count; i++)
		gremc_delays_add(&membership->delays, gremc_timestamp_age(membership->reports.stamp[i]));
	membership->reports.count = 0;
}

void gremc_membership_input(void *argument, uint32_t vif, const uint8_t *ip, uint32_t length, uint32_t stamp)
{
	struct gremc_control *control = argument;
	struct gremc_membership *membership = &control->membership;
	uint32_t interface;

	if (vif >= GREMC_VIFS_MAX || length < sizeof(struct rte_ipv4_hdr) ||
	    ((const struct rte_ipv4_hdr *)ip)->next_proto_id != IPPROTO_IGMP)
		return;
	interface = load(&membership->vif_interface[vif]);
	if (load(&membership->interface_vif[interface]) != vif)
		return;
	membership->reports.changed = false;
	gremc_igmp_input(membership->igmp, interface, ip, length, gremc_clock_ms());
	note_report(membership, stamp);
}

/* ---- the routes that fit ---- */

static uint32_t routes_left(const struct gremc_membership *membership, uint32_t static_count)
{
	uint64_t taken =
		(uint64_t)static_count + gremc_rib_kernel_count(membership->rib) + GREMC_MROUTES_SLACK;

	taken = RTE_MAX(taken, (uint64_t)GREMC_MROUTES_RESERVED);
	return taken < GREMC_MROUTES_MAX ? (uint32_t)(GREMC_MROUTES_MAX - taken) : 0;
}

/* Returns whether memberships have to give up some. */
static bool set_budget(struct gremc_membership *membership, uint32_t static_count)
{
	uint32_t routes = routes_left(membership, static_count);
	bool is_less = routes < membership->budget;

	if (routes != membership->budget)
		gremc_igmp_budget_set(membership->igmp, routes, gremc_clock_ms());
	membership->budget = routes;
	return is_less && gremc_rib_is_dirty(membership->rib);
}

void gremc_membership_reserve(struct gremc_control *control, uint32_t static_count)
{
	struct gremc_membership *membership = &control->membership;

	if (!set_budget(membership, static_count))
		return;
	gremc_rib_flush(membership->rib, (uint32_t)(gremc_clock_ms() / 1000));
	gremc_rcu_synchronize(control->rcu);
	gremc_rcu_reclaim(control->rcu);
}

/* Once a second those that wait have another try. */
static void retry(struct gremc_membership *membership, uint64_t now)
{
	if (membership->retry_at == 0 || now < membership->retry_at)
		return;
	gremc_rib_retry(membership->rib);
	membership->retry_at = 0;
}

/* Whether a flush takes so long that it goes to a job. */
static bool flush_is_long(const struct gremc_membership *membership)
{
	return gremc_rib_dirty_count(membership->rib) > FLUSH_AT_ONCE;
}

static void flush(struct gremc_control *control, uint64_t now)
{
	struct gremc_membership *membership = &control->membership;

	if (gremc_rib_is_dirty(membership->rib))
		gremc_steering_due_set(control);
	if (gremc_rib_flush(membership->rib, (uint32_t)(now / 1000)))
		GREMC_LOG_LIMITED(
			ERR,
			"%u mroutes wait for room in the table: out of memory, or more than %u; they are "
			"tried again every second",
			gremc_rib_waiting(membership->rib), GREMC_MROUTES_MAX);
	if (membership->retry_at == 0 &&
	    (gremc_rib_waiting(membership->rib) || gremc_rib_is_dirty(membership->rib)))
		membership->retry_at = now + RETRY_INTERVAL;
}

/* A job's function. */
static int flush_long(void *argument)
{
	flush(argument, gremc_clock_ms());
	return 0;
}

bool gremc_membership_job_start(struct gremc_control *control)
{
	return flush_is_long(&control->membership) &&
	       gremc_control_job_start(control, "gremc-routes", flush_long, NULL);
}

/* Bring the changes into the table, unless a job has the rib, or is to have it. */
static void table_update(struct gremc_control *control, uint64_t now)
{
	struct gremc_membership *membership = &control->membership;

	if (gremc_rib_is_busy(membership->rib))
		return;
	set_budget(membership, membership->routes.count);
	retry(membership, now);
	if (flush_is_long(membership))
		return;
	flush(control, now);
	__atomic_store_n(&membership->applied, membership->changes, __ATOMIC_RELEASE);
	measure_reports(membership);
}

int gremc_membership_run(struct gremc_control *control)
{
	struct gremc_membership *membership = &control->membership;
	uint64_t now = gremc_clock_ms(), next;

	gremc_igmp_timers_run(membership->igmp, now);
	table_update(control, now);
	next = gremc_igmp_next_due(membership->igmp);
	if (membership->retry_at)
		next = RTE_MIN(next, membership->retry_at);
	if (flush_is_long(membership) && !gremc_rib_is_busy(membership->rib))
		return 0; /* for the job */
	if (next == GREMC_IGMP_NEVER)
		return -1;
	return next > now ? (int)RTE_MIN(next - now, UINT64_C(60000)) : 0;
}
