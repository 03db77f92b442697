/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/job.h"
#include "steer/set_priv.h"

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
		order = (int)x->udp_port - (int)y->udp_port;
	if (order == 0)
		order = address_compare(&x->remote, &y->remote);
	if (order == 0)
		order = x->has_key - y->has_key;
	return order ? order : x->key < y->key ? -1 : x->key > y->key;
}

int gremc_steer_group_compare(const void *a, const void *b)
{
	const struct gremc_steer_group *x = a, *y = b;
	int order = gremc_addr_compare(&x->group.address, &y->group.address);

	if (order == 0)
		order = (int)x->group.length - (int)y->group.length;
	return order ? order : address_compare(&x->source, &y->source);
}

/* A comparison for qsort_r() that pauses the job. */
static int entries_compare_in_job(const void *a, const void *b, void *argument)
{
	int (*const *compare)(const void *, const void *) = argument;

	gremc_job_pause();
	return (*compare)(a, b);
}

void gremc_steer_sort(void *array, uint32_t count, size_t size, int (*compare)(const void *, const void *))
{
	if (count > 0)
		qsort_r(array, count, size, entries_compare_in_job, &compare);
}

/* Sort an array and remove its duplicates. Returns the number of entries that stay. */
static uint32_t array_make_set(void *array, uint32_t count, size_t size,
			       int (*compare)(const void *, const void *))
{
	uint8_t *entry = array;
	uint32_t kept = count > 0;

	gremc_steer_sort(array, count, size, compare);
	for (uint32_t i = 1; i < count; i++)
		if (compare(entry + (kept - 1) * size, entry + i * size))
			memmove(entry + kept++ * size, entry + i * size, size);
	return kept;
}

static uint32_t groups_make_set(struct gremc_steer_group *groups, uint32_t count)
{
	return array_make_set(groups, count, sizeof(*groups), gremc_steer_group_compare);
}

static bool mroute_accepts_vif(const struct gremc_config_mroute *mroute, uint32_t vif)
{
	for (uint32_t i = 0; i < mroute->from_count; i++)
		if (mroute->from[i] == vif)
			return true;
	return mroute->from_any;
}

int gremc_steer_set_init(struct gremc_steer_set *set, const struct gremc_config *config, uint32_t port)
{
	uint32_t mroute_count = config->ports[port].multicast ? config->mroute_count : 0;

	*set = (struct gremc_steer_set){
		.tunnels = malloc((config->tunnel_count + 1) * sizeof(*set->tunnels)),
		.groups = malloc((mroute_count + 1) * sizeof(*set->groups)),
	};
	if (set->tunnels == NULL || set->groups == NULL) {
		gremc_steer_set_fini(set);
		return -ENOMEM;
	}
	for (uint32_t i = 0; i < config->tunnel_count; i++) {
		const struct gremc_config_tunnel *tunnel = &config->tunnels[i];

		set->tunnels[set->tunnel_count++] = (struct gremc_steer_tunnel){
			.local = tunnel->options.local,
			.remote = tunnel->options.remote,
			.udp_port = tunnel->options.udp_port,
			.key = tunnel->options.has_input_key ? tunnel->options.input_key : 0,
			.has_key = tunnel->options.has_input_key};
	}
	for (uint32_t i = 0; i < mroute_count; i++) {
		if (mroute_accepts_vif(&config->mroutes[i], config->tunnel_count + port))
			set->groups[set->group_count++] = (struct gremc_steer_group){
				config->mroutes[i].group, gremc_addr_to_ipv4(&config->mroutes[i].source)};
		gremc_job_pause();
	}
	set->tunnel_count = array_make_set(set->tunnels, set->tunnel_count, sizeof(*set->tunnels),
					   gremc_steer_tunnel_compare);
	set->group_count = groups_make_set(set->groups, set->group_count);
	return 0;
}

int gremc_steer_set_init_groups(struct gremc_steer_set *set, const struct gremc_steer_group *groups,
				uint32_t count)
{
	*set = (struct gremc_steer_set){.groups = malloc((count + 1) * sizeof(*groups))};
	if (set->groups == NULL)
		return -ENOMEM;
	for (uint32_t i = 0; i < count; i++)
		set->groups[i] = groups[i];
	set->group_count = groups_make_set(set->groups, count);
	return 0;
}

void gremc_steer_set_fini(struct gremc_steer_set *set)
{
	free(set->tunnels);
	free(set->groups);
	*set = (struct gremc_steer_set){0};
}

struct gremc_steer_tunnel gremc_steer_tunnel_reduce(const struct gremc_steer_tunnel *tunnel,
						    enum gremc_steer_match match)
{
	struct gremc_steer_tunnel reduced = {.local = tunnel->local, .udp_port = tunnel->udp_port};

	if (match <= GREMC_STEER_ADDRESSES)
		reduced.remote = tunnel->remote;
	if (match == GREMC_STEER_TUNNEL) {
		reduced.key = tunnel->key;
		reduced.has_key = tunnel->has_key;
	}
	return reduced;
}

bool gremc_steer_set_has_tunnel(const struct gremc_steer_set *set, const struct gremc_steer_tunnel *tunnel,
				enum gremc_steer_match match)
{
	const struct gremc_steer_tunnel reduced = gremc_steer_tunnel_reduce(tunnel, match);
	uint32_t low = 0, high = set->tunnel_count;
	struct gremc_steer_tunnel found;

	/* a reduced tunnel sorts before all tunnels that it stands for: find the first that is not below it
	 */
	while (low < high) {
		const uint32_t middle = low + (high - low) / 2;

		if (gremc_steer_tunnel_compare(&set->tunnels[middle], &reduced) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	if (low == set->tunnel_count)
		return false;
	found = gremc_steer_tunnel_reduce(&set->tunnels[low], match);
	return gremc_steer_tunnel_compare(&found, &reduced) == 0;
}

bool gremc_steer_set_has_group(const struct gremc_steer_set *set, const struct gremc_steer_group *group)
{
	return set->group_count &&
	       bsearch(group, set->groups, set->group_count, sizeof(*group), gremc_steer_group_compare);
}

int gremc_steer_set_join(struct gremc_steer_set *set, const struct gremc_steer_set *groups)
{
	uint32_t count = set->group_count + groups->group_count;
	struct gremc_steer_group *joined = realloc(set->groups, (count + 1) * sizeof(*joined));

	if (joined == NULL)
		return -ENOMEM;
	for (uint32_t i = 0; i < groups->group_count; i++)
		joined[set->group_count + i] = groups->groups[i];
	set->groups = joined;
	set->group_count = groups_make_set(joined, count);
	return 0;
}

int gremc_steer_set_subtract(struct gremc_steer_set *rest, const struct gremc_steer_set *set,
			     const struct gremc_steer_set *a, const struct gremc_steer_set *b)
{
	*rest = (struct gremc_steer_set){.groups = malloc((set->group_count + 1) * sizeof(*rest->groups))};
	if (rest->groups == NULL)
		return -ENOMEM;
	for (uint32_t i = 0; i < set->group_count; i++) {
		if (!gremc_steer_set_has_group(a, &set->groups[i]) &&
		    !gremc_steer_set_has_group(b, &set->groups[i]))
			rest->groups[rest->group_count++] = set->groups[i];
		gremc_job_pause();
	}
	return 0;
}
