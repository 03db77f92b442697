/* SPDX-License-Identifier: BSD-3-Clause */
/* What of the packets of a device that the kernel keeps is ours, and telling it to the device. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "port/steer_priv.h"

/* ---- the set ---- */

static int address_compare(const void *a, const void *b)
{
	uint32_t x = rte_be_to_cpu_32(*(const rte_be32_t *)a), y = rte_be_to_cpu_32(*(const rte_be32_t *)b);

	return x < y ? -1 : x > y;
}

int gremc_steer_tunnel_compare(const void *a, const void *b)
{
	const struct gremc_steer_tunnel *x = a, *y = b;
	int order = address_compare(&x->local, &y->local);

	if (order == 0)
		order = address_compare(&x->remote, &y->remote);
	if (order == 0)
		order = x->has_key - y->has_key;
	return order ? order : x->key < y->key ? -1 : x->key > y->key;
}

int gremc_steer_group_compare(const void *a, const void *b)
{
	const struct gremc_steer_group *x = a, *y = b;
	int order = address_compare(&x->group.address, &y->group.address);

	if (order == 0)
		order = x->group.length - y->group.length;
	return order ? order : address_compare(&x->source, &y->source);
}

/* Sorts, and removes what is there twice; returns how many are left. */
static uint32_t array_make_set(void *array, uint32_t count, size_t size,
			       int (*compare)(const void *, const void *))
{
	uint8_t *entry = array;
	uint32_t kept = count > 0;

	qsort(array, count, size, compare);
	for (uint32_t i = 1; i < count; i++)
		if (compare(entry + (kept - 1) * size, entry + i * size))
			memmove(entry + kept++ * size, entry + i * size, size);
	return kept;
}

static bool mroute_accepts_vif(const struct gremc_config_mroute *mroute, uint32_t vif)
{
	for (uint32_t i = 0; i < mroute->from_count; i++)
		if (mroute->from[i] == vif)
			return true;
	return mroute->from_any;
}

int gremc_steer_set_init(struct gremc_steer_set *steer, const struct gremc_config *config, uint32_t port)
{
	uint32_t mroute_count = config->ports[port].multicast ? config->mroute_count : 0;

	*steer = (struct gremc_steer_set){
		.tunnels = malloc((config->tunnel_count + 1) * sizeof(*steer->tunnels)),
		.groups = malloc((mroute_count + 1) * sizeof(*steer->groups)),
	};
	if (steer->tunnels == NULL || steer->groups == NULL) {
		gremc_steer_set_fini(steer);
		return -ENOMEM;
	}
	for (uint32_t i = 0; i < config->tunnel_count; i++) {
		const struct gremc_config_tunnel *tunnel = &config->tunnels[i];

		steer->tunnels[steer->tunnel_count++] = (struct gremc_steer_tunnel){
			.local = tunnel->options.local,
			.remote = tunnel->options.remote,
			.key = tunnel->options.has_input_key ? tunnel->options.input_key : 0,
			.has_key = tunnel->options.has_input_key};
	}
	for (uint32_t i = 0; i < mroute_count; i++)
		if (mroute_accepts_vif(&config->mroutes[i], config->tunnel_count + port))
			steer->groups[steer->group_count++] = (struct gremc_steer_group){
				config->mroutes[i].group, config->mroutes[i].source};
	steer->tunnel_count = array_make_set(steer->tunnels, steer->tunnel_count, sizeof(*steer->tunnels),
					     gremc_steer_tunnel_compare);
	steer->group_count = array_make_set(steer->groups, steer->group_count, sizeof(*steer->groups),
					    gremc_steer_group_compare);
	return 0;
}

void gremc_steer_set_fini(struct gremc_steer_set *steer)
{
	free(steer->tunnels);
	free(steer->groups);
	*steer = (struct gremc_steer_set){0};
}

struct gremc_steer_tunnel gremc_steer_tunnel_reduce(const struct gremc_steer_tunnel *tunnel,
						    enum gremc_steer_match match)
{
	struct gremc_steer_tunnel matched = {.local = tunnel->local};

	if (match <= GREMC_STEER_ADDRESSES)
		matched.remote = tunnel->remote;
	if (match == GREMC_STEER_TUNNEL) {
		matched.key = tunnel->key;
		matched.has_key = tunnel->has_key;
	}
	return matched;
}

bool gremc_steer_set_has_tunnel(const struct gremc_steer_set *steer, const struct gremc_steer_tunnel *tunnel,
				enum gremc_steer_match match)
{
	const struct gremc_steer_tunnel wanted = gremc_steer_tunnel_reduce(tunnel, match);
	uint32_t low = 0, high = steer->tunnel_count;
	struct gremc_steer_tunnel found;

	/* what matches less of a tunnel comes before it: the first that is not below */
	while (low < high) {
		const uint32_t middle = low + (high - low) / 2;

		if (gremc_steer_tunnel_compare(&steer->tunnels[middle], &wanted) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	if (low == steer->tunnel_count)
		return false;
	found = gremc_steer_tunnel_reduce(&steer->tunnels[low], match);
	return gremc_steer_tunnel_compare(&found, &wanted) == 0;
}

bool gremc_steer_set_has_group(const struct gremc_steer_set *steer, const struct gremc_steer_group *group)
{
	return steer->group_count &&
	       bsearch(group, steer->groups, steer->group_count, sizeof(*group), gremc_steer_group_compare);
}

/* Adds the groups of `other`, which has no tunnels. */
static int steer_set_join(struct gremc_steer_set *steer, const struct gremc_steer_set *other)
{
	uint32_t count = steer->group_count + other->group_count;
	struct gremc_steer_group *groups = realloc(steer->groups, (count + 1) * sizeof(*groups));

	if (groups == NULL)
		return -ENOMEM;
	for (uint32_t i = 0; i < other->group_count; i++)
		groups[steer->group_count + i] = other->groups[i];
	steer->groups = groups;
	steer->group_count = array_make_set(groups, count, sizeof(*groups), gremc_steer_group_compare);
	return 0;
}

/* The groups of `steer` that are in neither a nor b. */
static int steer_set_subtract(struct gremc_steer_set *rest, const struct gremc_steer_set *steer,
			      const struct gremc_steer_set *a, const struct gremc_steer_set *b)
{
	*rest = (struct gremc_steer_set){.groups = malloc((steer->group_count + 1) * sizeof(*rest->groups))};
	if (rest->groups == NULL)
		return -ENOMEM;
	for (uint32_t i = 0; i < steer->group_count; i++)
		if (!gremc_steer_set_has_group(a, &steer->groups[i]) &&
		    !gremc_steer_set_has_group(b, &steer->groups[i]))
			rest->groups[rest->group_count++] = steer->groups[i];
	return 0;
}

/* ---- telling it ---- */

static int steer_device_add(const struct gremc_port_state *state, const struct gremc_port *port,
			    const struct gremc_steer_set *steer, const char **reason)
{
	int ret;

	*reason = NULL;
	ret = state->xdp ? gremc_xdp_add(state->xdp, steer, &state->fixed)
			 : gremc_flow_rules_add(state->flows, port, steer, reason);
	if (ret && *reason == NULL)
		*reason = rte_strerror(-ret);
	return ret;
}

static bool port_has_steering(const struct gremc_port_state *state)
{
	return state->xdp || state->flows;
}

int gremc_port_steer_restore(struct gremc_port_state *state, const struct gremc_port *port)
{
	const char *reason;
	int ret = port_has_steering(state) ? steer_device_add(state, port, &state->fixed, &reason) : 0;

	if (ret == 0 && port_has_steering(state))
		ret = steer_device_add(state, port, &state->routed, &reason);
	if (ret)
		GREMC_LOG(ERR, "port %s: it cannot be told again what to take: %s", port->name, reason);
	return ret;
}

static int steer_port_add(const struct gremc_port_state *state, const struct gremc_port *port,
			  const struct gremc_steer_set *steer, struct gremc_errors *errors)
{
	const char *reason;
	int ret = steer_device_add(state, port, steer, &reason);

	if (ret)
		gremc_errors_add(
			errors, NULL, 0, 0,
			"ethernets.%s: `%s` cannot be told what to take (tunnels: %u, groups: %u): %s",
			port->name, port->device, steer->tunnel_count, steer->group_count, reason);
	return ret;
}

int gremc_ports_steer_add(struct gremc_ports *ports, const struct gremc_config *config,
			  struct gremc_errors *errors)
{
	const struct gremc_port_set *set = (const struct gremc_port_set *)ports;
	struct gremc_steer_set steer;
	int ret = 0;

	for (uint16_t i = 0; i < ports->count && ret == 0; i++) {
		if (!port_has_steering(&set->state[i]))
			continue;
		ret = gremc_steer_set_init(&steer, config, i);
		if (ret == 0)
			ret = steer_port_add(&set->state[i], ports->port[i], &steer, errors);
		gremc_steer_set_fini(&steer);
	}
	return ret;
}

static int steer_port_trim(struct gremc_port_state *state, const struct gremc_config *config, uint16_t index)
{
	struct gremc_steer_set fixed = {0}, whole = {0};
	int ret = gremc_steer_set_init(&fixed, config, index);

	if (ret == 0)
		ret = gremc_steer_set_init(&whole, config, index);
	if (ret == 0)
		ret = steer_set_join(&whole, &state->routed);
	if (ret == 0) {
		if (state->xdp)
			gremc_xdp_trim(state->xdp, &whole, &state->fixed);
		else
			gremc_flow_rules_trim(state->flows, &whole);
		gremc_steer_set_fini(&state->fixed);
		state->fixed = fixed;
		fixed = (struct gremc_steer_set){0};
	}
	gremc_steer_set_fini(&fixed);
	gremc_steer_set_fini(&whole);
	return ret;
}

void gremc_ports_steer_trim(struct gremc_ports *ports, const struct gremc_config *config)
{
	struct gremc_port_set *set = (struct gremc_port_set *)ports;

	for (uint16_t i = 0; i < ports->count; i++)
		if (port_has_steering(&set->state[i]) && steer_port_trim(&set->state[i], config, i))
			GREMC_LOG_LIMITED(ERR,
					  "port %s: out of memory, it goes on taking what it no longer needs",
					  ports->port[i]->name);
}

/* From state->routed to `wanted`, which it takes over. */
static int steer_routed_replace(struct gremc_port_state *state, const struct gremc_port *port,
				struct gremc_steer_set *wanted, const char **reason)
{
	const struct gremc_steer_set nothing = {0};
	struct gremc_steer_set added = {0}, gone = {0};
	int ret = steer_set_subtract(&added, wanted, &state->routed, &nothing);

	*reason = rte_strerror(-ret);
	if (ret == 0)
		ret = steer_set_subtract(&gone, &state->routed, wanted, &state->fixed);
	if (ret == 0) {
		ret = steer_device_add(state, port, state->incomplete ? wanted : &added, reason);
		if (state->xdp)
			gremc_xdp_remove(state->xdp, &gone);
		else
			gremc_flow_rules_remove(state->flows, &gone);
		gremc_steer_set_fini(&state->routed);
		state->routed = *wanted;
		*wanted = nothing;
	}
	gremc_steer_set_fini(&added);
	gremc_steer_set_fini(&gone);
	return ret;
}

void gremc_ports_steer_groups(struct gremc_ports *ports, uint16_t port,
			      const struct gremc_steer_group *groups, uint32_t count)
{
	struct gremc_port_set *set = (struct gremc_port_set *)ports;
	struct gremc_port_state *state = &set->state[port];
	struct gremc_steer_set wanted = {.groups = malloc((count + 1) * sizeof(*groups))};
	const char *reason = rte_strerror(ENOMEM);
	int ret = wanted.groups ? 0 : -ENOMEM;

	if (ret == 0 && port_has_steering(state)) {
		for (uint32_t i = 0; i < count; i++)
			wanted.groups[i] = groups[i];
		wanted.group_count =
			array_make_set(wanted.groups, count, sizeof(*groups), gremc_steer_group_compare);
		ret = steer_routed_replace(state, ports->port[port], &wanted, &reason);
	}
	gremc_steer_set_fini(&wanted);
	if (ret && !state->incomplete)
		GREMC_LOG_LIMITED(ERR, "port %s: it cannot take all of the %u groups of mroutes from it: %s",
				  ports->port[port]->name, count, reason);
	state->incomplete = ret != 0;
}

bool gremc_ports_steer_pass(struct gremc_ports *ports, uint16_t port, const struct gremc_steer_group *group)
{
	const struct gremc_port_set *set = (const struct gremc_port_set *)ports;

	return set->state[port].xdp && gremc_xdp_pass(set->state[port].xdp, group);
}
