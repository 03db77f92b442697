/* SPDX-License-Identifier: BSD-3-Clause */
/* The tunnels and groups in the maps of an XDP program. */
#include <errno.h>

#include <bpf/bpf.h>

#include "base/job.h"
#include "steer/xdp/maps.h"
#include "steer/xdp_priv.h"

/* The key of a group of any source, or of one source. */
union group_key {
	struct gremc_xdp_group group;
	struct gremc_xdp_flow flow;
};

static_assert(GREMC_XDP_TUNNELS_MAX >= 2 * GREMC_CONFIG_TUNNELS_MAX, "a reload holds two configurations");
static_assert(GREMC_XDP_GROUPS_MAX >= GREMC_CONFIG_MROUTES_MAX, "each mroute can have its group");

/* Write the key of a group. Returns the map that it belongs to. */
static int group_map_find(const struct gremc_xdp *xdp, const struct gremc_steer_group *steer,
			  union group_key *key)
{
	if (steer->source) {
		key->flow = (struct gremc_xdp_flow){steer->source, steer->group.address.ipv4};
		return xdp->flows;
	}
	key->group = (struct gremc_xdp_group){steer->group.length, steer->group.address.ipv4};
	return xdp->groups;
}

static struct gremc_xdp_tunnel tunnel_to_map_key(const struct gremc_steer_tunnel *tunnel)
{
	return (struct gremc_xdp_tunnel){.local = tunnel->local,
					 .remote = tunnel->remote,
					 .key = rte_cpu_to_be_32(tunnel->key),
					 .has_key = tunnel->has_key,
					 .udp_port = rte_cpu_to_be_16(tunnel->udp_port)};
}

static struct gremc_steer_tunnel tunnel_from_map_key(const struct gremc_xdp_tunnel *tunnel)
{
	return (struct gremc_steer_tunnel){.local = tunnel->local,
					   .remote = tunnel->remote,
					   .key = rte_be_to_cpu_32(tunnel->key),
					   .has_key = tunnel->has_key,
					   .udp_port = rte_be_to_cpu_16(tunnel->udp_port)};
}

/* Returns 0, also where the map had no such key, or a negative errno. */
static int map_key_delete(int map, const void *key)
{
	return bpf_map_delete_elem(map, key) == 0 || errno == ENOENT ? 0 : -errno;
}

/* ---- add ---- */

static int xdp_tunnel_add(struct gremc_xdp *xdp, const struct gremc_steer_tunnel *tunnel)
{
	const struct gremc_xdp_tunnel key = tunnel_to_map_key(tunnel);
	const uint32_t take = GREMC_XDP_TAKE;

	if (bpf_map_update_elem(xdp->tunnels, &key, &take, BPF_NOEXIST) == 0)
		xdp->tunnel_count++;
	else if (errno != EEXIST)
		return -errno;
	return 0;
}

int gremc_xdp_add(struct gremc_xdp *xdp, const struct gremc_steer_set *set,
		  const struct gremc_steer_set *present)
{
	uint32_t take = GREMC_XDP_TAKE;
	union group_key key;
	int ret = 0;

	/* each update is a system call: add only the new ones of up to 100,000 tunnels */
	for (uint32_t i = 0; i < set->tunnel_count && ret == 0; i++) {
		if (!gremc_steer_set_has_tunnel(present, &set->tunnels[i], GREMC_STEER_TUNNEL))
			ret = xdp_tunnel_add(xdp, &set->tunnels[i]);
		gremc_job_pause();
	}
	for (uint32_t i = 0; i < set->group_count && ret == 0; i++) {
		if (bpf_map_update_elem(group_map_find(xdp, &set->groups[i], &key), &key, &take, BPF_ANY))
			ret = -errno;
		gremc_job_pause();
	}
	return ret;
}

bool gremc_xdp_pass_next(struct gremc_xdp *xdp, const struct gremc_steer_group *group)
{
	uint32_t pass = GREMC_XDP_PASS_NEXT;
	union group_key key;

	return bpf_map_update_elem(group_map_find(xdp, group, &key), &key, &pass, BPF_EXIST) == 0;
}

/* ---- remove ---- */

int gremc_xdp_remove(struct gremc_xdp *xdp, const struct gremc_steer_set *set)
{
	union group_key key;
	int ret = 0, one;

	for (uint32_t i = 0; i < set->group_count; i++) {
		one = map_key_delete(group_map_find(xdp, &set->groups[i], &key), &key);
		ret = one ? one : ret;
		gremc_job_pause();
	}
	return ret;
}

static int xdp_tunnel_remove(struct gremc_xdp *xdp, const struct gremc_xdp_tunnel *key)
{
	if (bpf_map_delete_elem(xdp->tunnels, key))
		return errno == ENOENT ? 0 : -errno;
	xdp->tunnel_count--;
	return 0;
}

/* Walk the map itself: after a failure its content differs from the set of the last trim. */
static int xdp_tunnels_sweep(struct gremc_xdp *xdp, const struct gremc_steer_set *set)
{
	struct gremc_xdp_tunnel key, next;
	bool more = bpf_map_get_next_key(xdp->tunnels, NULL, &next) == 0;
	int ret = 0, one;

	while (more) {
		const struct gremc_steer_tunnel tunnel = tunnel_from_map_key(&next);

		key = next;
		/* step before the deletion: a walk behind a deleted key begins again */
		more = bpf_map_get_next_key(xdp->tunnels, &key, &next) == 0;
		gremc_job_pause();
		if (gremc_steer_set_has_tunnel(set, &tunnel, GREMC_STEER_TUNNEL))
			continue;
		one = xdp_tunnel_remove(xdp, &key);
		ret = one ? one : ret;
	}
	return ret;
}

static int xdp_tunnels_trim(struct gremc_xdp *xdp, const struct gremc_steer_set *set,
			    const struct gremc_steer_set *present)
{
	int ret = 0, one;

	for (uint32_t i = 0; i < present->tunnel_count; i++) {
		const struct gremc_xdp_tunnel key = tunnel_to_map_key(&present->tunnels[i]);

		gremc_job_pause();
		if (gremc_steer_set_has_tunnel(set, &present->tunnels[i], GREMC_STEER_TUNNEL))
			continue;
		one = xdp_tunnel_remove(xdp, &key);
		ret = one ? one : ret;
	}
	return xdp->tunnel_count == set->tunnel_count ? ret : xdp_tunnels_sweep(xdp, set);
}

static int xdp_groups_trim(const struct gremc_xdp *xdp, const struct gremc_steer_set *set)
{
	struct gremc_xdp_group key, next;
	bool more = bpf_map_get_next_key(xdp->groups, NULL, &next) == 0;
	int ret = 0, one;

	while (more) {
		struct gremc_steer_group group = {.group = GREMC_PREFIX_IPV4(next.address, next.length)};

		key = next;
		more = bpf_map_get_next_key(xdp->groups, &key, &next) == 0;
		gremc_job_pause();
		if (gremc_steer_set_has_group(set, &group))
			continue;
		one = map_key_delete(xdp->groups, &key);
		ret = one ? one : ret;
	}
	return ret;
}

static int xdp_flows_trim(const struct gremc_xdp *xdp, const struct gremc_steer_set *set)
{
	struct gremc_xdp_flow key, next;
	bool more = bpf_map_get_next_key(xdp->flows, NULL, &next) == 0;
	int ret = 0, one;

	while (more) {
		struct gremc_steer_group flow = {.group = GREMC_PREFIX_IPV4(next.group, 32),
						 .source = next.source};

		key = next;
		more = bpf_map_get_next_key(xdp->flows, &key, &next) == 0;
		gremc_job_pause();
		if (gremc_steer_set_has_group(set, &flow))
			continue;
		one = map_key_delete(xdp->flows, &key);
		ret = one ? one : ret;
	}
	return ret;
}

int gremc_xdp_trim(struct gremc_xdp *xdp, const struct gremc_steer_set *set,
		   const struct gremc_steer_set *present)
{
	int tunnels = xdp_tunnels_trim(xdp, set, present);
	int groups = xdp_groups_trim(xdp, set);
	int flows = xdp_flows_trim(xdp, set);

	return tunnels ? tunnels : groups ? groups : flows;
}
