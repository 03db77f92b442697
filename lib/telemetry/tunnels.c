/* SPDX-License-Identifier: BSD-3-Clause */
/* /gremc/tunnels, /gremc/tunnel, /gremc/neighbors: vifs and their next hops. */
#include <stdio.h>
#include <stdlib.h>

#include "telemetry/telemetry_priv.h"

#define TUNNELS_PAGE   32
#define NEIGHBORS_PAGE 64

/* The counters of one vif, sum over all workers. */
struct vif_sum {
	uint64_t rx_packets, rx_bytes;
	uint64_t wanted, wanted_bytes; /* including lost ones */
	uint64_t lost, lost_bytes;
	uint64_t losses[GREMC_TX_DROP_COUNT];
};

static void vif_sum_read(const struct gremc_query *query, uint32_t vif, struct vif_sum *sum)
{
	const uint32_t count = query->telemetry->stats_count;
	struct gremc_stats *const *stats = query->telemetry->stats;

	*sum = (struct vif_sum){0};
	for (uint32_t i = 0; i < count; i++) {
		const struct gremc_vif_cold *cold = &stats[i]->vif_cold[vif];

		sum->rx_packets += gremc_counter_read(&cold->rx_packets);
		sum->rx_bytes += gremc_counter_read(&cold->rx_bytes);
		sum->lost_bytes += gremc_counter_read(&cold->lost_bytes);
		for (unsigned k = 0; k < GREMC_TX_DROP_COUNT; k++)
			sum->losses[k] += gremc_counter_read(&cold->lost[k]);
	}
	sum->lost = gremc_counters_sum(sum->losses, GREMC_TX_DROP_COUNT);
	/* A worker counts a replica as wanted before it counts it as lost. Reading in the opposite order
	 * guarantees lost <= wanted. */
	gremc_fence_acquire();
	for (uint32_t i = 0; i < count; i++) {
		sum->wanted += gremc_counter_read(&stats[i]->vif_hot[vif].tx_packets);
		sum->wanted_bytes += gremc_counter_read(&stats[i]->vif_hot[vif].tx_bytes);
	}
}

static uint64_t counter_difference(uint64_t a, uint64_t b)
{
	return a > b ? a - b : 0;
}

static void tunnel_identity_reply(struct rte_tel_data *dict, const struct gremc_vif_info *info)
{
	gremc_reply_text(dict, "name", info->name);
	gremc_reply_address(dict, "local", &(struct gremc_addr)GREMC_ADDR_IPV4(info->options.local));
	gremc_reply_address(dict, "remote", &(struct gremc_addr)GREMC_ADDR_IPV4(info->options.remote));
	/* an absent key differs from the key 0 */
	if (info->options.has_input_key)
		gremc_reply_u64(dict, "input_key", info->options.input_key);
	if (info->options.has_output_key)
		gremc_reply_u64(dict, "output_key", info->options.output_key);
}

static bool adjacency_is_resolved(const struct gremc_adjacency *adjacency)
{
	return adjacency && adjacency->resolved;
}

static void vif_counters_reply(struct rte_tel_data *dict, const struct vif_sum *sum)
{
	gremc_reply_u64(dict, "rx_packets", sum->rx_packets);
	gremc_reply_u64(dict, "rx_bytes", sum->rx_bytes);
	gremc_reply_u64(dict, "tx_packets", counter_difference(sum->wanted, sum->lost));
	gremc_reply_u64(dict, "tx_bytes", counter_difference(sum->wanted_bytes, sum->lost_bytes));
	gremc_reply_u64(dict, "lost", sum->lost);
}

static bool tunnel_exists(const void *context, uint32_t number)
{
	const struct gremc_vif_info *info = gremc_query_vif(context, number);

	return info && info->kind == GREMC_VIF_TUNNEL;
}

void gremc_command_tunnels(struct gremc_query *query)
{
	uint32_t limit = gremc_vifs_limit(query->telemetry->vifs);
	struct gremc_page page;
	struct vif_sum sum;

	if (!gremc_page_collect(&page, query, limit, TUNNELS_PAGE, tunnel_exists, query))
		return;
	for (uint32_t i = 0; i < page.count; i++) {
		uint32_t vif = page.number[i];
		const struct gremc_vif_info *info = gremc_query_vif(query, vif);
		struct rte_tel_data *dict;

		/* removed since the page was collected */
		if (info == NULL)
			continue;
		dict = gremc_page_entry(&page, query, i);
		tunnel_identity_reply(dict, info);
		gremc_reply_u64(dict, "resolved", adjacency_is_resolved(gremc_query_adjacency(query, vif)));
		vif_sum_read(query, vif, &sum);
		vif_counters_reply(dict, &sum);
	}
}

static void tunnel_settings_reply(struct rte_tel_data *dict, const struct gremc_vif_info *info, uint16_t mtu)
{
	const struct gremc_tunnel_options *options = &info->options;

	gremc_reply_text(dict, "mode",
			 gremc_keyword_name(&gremc_tunnel_mode_keywords, gremc_tunnel_mode(options)));
	gremc_reply_u64(dict, "udp_port", options->udp_port);
	gremc_reply_u64(dict, "udp_checksum", options->udp_checksum);
	gremc_reply_u64(dict, "mtu", mtu);
	if (options->ttl)
		gremc_reply_format(dict, "ttl", "%u", options->ttl);
	else
		gremc_reply_text(dict, "ttl", "inherit");
	if (options->tos_inherit)
		gremc_reply_text(dict, "tos", "inherit");
	else
		gremc_reply_format(dict, "tos", "%u", options->tos);
	gremc_reply_text(dict, "ecn", gremc_keyword_name(&gremc_ecn_mode_keywords, options->ecn));
	gremc_reply_text(dict, "df", gremc_keyword_name(&gremc_df_keywords, options->df));
	gremc_reply_u64(dict, "checksum", options->checksum);
	gremc_reply_text(dict, "sequence", gremc_keyword_name(&gremc_sequence_keywords, options->sequence));
}

/* The DSCPs that the tunnel's map changes from those of `tos`. */
static void tunnel_dscp_map_reply(struct gremc_query *query, const struct gremc_tunnel_options *options)
{
	struct rte_tel_data *dict;

	if (!options->has_dscp_map)
		return;
	dict = gremc_query_dict(query, query->reply, "dscp_map");
	for (unsigned dscp = 0; dscp < GREMC_DSCP_COUNT; dscp++) {
		char key[4];

		snprintf(key, sizeof(key), "%u", dscp);
		if (options->dscp_map[dscp] != (options->tos_inherit ? dscp : options->tos >> 2))
			gremc_reply_u64(dict, key, options->dscp_map[dscp]);
	}
}

/* The numbers of a tunnel that has, or had, sequence numbers. */
static void tunnel_sequence_reply(struct gremc_query *query, uint32_t vif)
{
	const struct gremc_sequence_state *sequence = gremc_sequence_load(query->telemetry->vifs, vif);
	struct rte_tel_data *dict;

	if (sequence == NULL)
		return;
	dict = gremc_query_dict(query, query->reply, "sequence_numbers");
	gremc_reply_u64(dict, "sent", gremc_u32_load(&sequence->next));
#define GREMC_X(name, text) gremc_reply_u64(dict, #name, gremc_u64_load(&sequence->name));
	GREMC_SEQUENCE_COUNTERS(GREMC_X)
#undef GREMC_X
}

/* Find the tunnel of this name. Returns: NULL: the reply has the error. */
static const struct gremc_vif_info *tunnel_argument_find(struct gremc_query *query, const char *name,
							 uint32_t *vif)
{
	const struct gremc_vif_info *info;

	*vif = gremc_vif_find(query->telemetry->vifs, name);
	info = *vif == GREMC_VIF_NONE ? NULL : gremc_query_vif(query, *vif);
	if (info == NULL)
		gremc_query_error(query, "no tunnel '%.32s'; /gremc/tunnels lists them", name);
	else if (info->kind != GREMC_VIF_TUNNEL)
		gremc_query_error(query, "'%.32s' is a port, not a tunnel; /gremc/ports shows it", name);
	return info && info->kind == GREMC_VIF_TUNNEL ? info : NULL;
}

/* Add the present next hop, which follows the kernel's routes; 0.0.0.0: none. */
static void tunnel_next_hop_reply(struct rte_tel_data *reply, const struct gremc_vif_info *info,
				  const struct gremc_adjacency *adjacency)
{
	if (adjacency->next_hop == RTE_BE32(UINT32_MAX) ||
	    (info->next_hop == 0 && !adjacency->resolved && adjacency->next_hop != GREMC_NEXT_HOP_IPV6))
		gremc_reply_address(reply, "next_hop", &(struct gremc_addr)GREMC_ADDR_IPV4(0));
	else
		gremc_reply_next_hop(reply, "next_hop", adjacency);
}

void gremc_command_tunnel(struct gremc_query *query)
{
	struct rte_tel_data *reply = query->reply;
	const struct gremc_adjacency *adjacency;
	const struct gremc_vif_info *info;
	struct vif_sum sum;
	uint32_t vif;

	info = tunnel_argument_find(query, query->argument[0], &vif);
	if (info == NULL)
		return;
	adjacency = gremc_query_adjacency(query, vif);
	vif_sum_read(query, vif, &sum);
	gremc_reply_u64(reply, "number", vif);
	tunnel_identity_reply(reply, info);
	tunnel_settings_reply(reply, info, gremc_vif_mtu(query->telemetry->vifs, vif));
	tunnel_dscp_map_reply(query, &info->options);
	gremc_reply_text(reply, "port", gremc_query_port_name(query, info->port));
	tunnel_next_hop_reply(reply, info, adjacency);
	gremc_reply_adjacency_mac(reply, "mac", adjacency);
	gremc_reply_u64(reply, "resolved", adjacency_is_resolved(adjacency));
	gremc_reply_u64(reply, "wanted", sum.wanted);
	vif_counters_reply(reply, &sum);
	gremc_reply_u64(reply, "lost_bytes", sum.lost_bytes);
	gremc_reply_losses(gremc_query_dict(query, reply, "losses"), sum.losses);
	tunnel_sequence_reply(query, vif);
}

/* Count the vifs that use each adjacency. Adjacencies are read through vifs in use only, because an unused
 * one may be freed at any time. */
static uint32_t *adjacency_users_count(const struct gremc_query *query, uint32_t adjacencies)
{
	const struct gremc_vifs *vifs = query->telemetry->vifs;
	uint32_t limit = gremc_vifs_limit(vifs);
	uint32_t *users = calloc(adjacencies + 1, sizeof(*users));

	for (uint32_t i = 0; users && i < limit; i++) {
		if (gremc_query_vif(query, i) && gremc_vif_adjacency(vifs, i) < adjacencies)
			users[gremc_vif_adjacency(vifs, i)]++;
	}
	return users;
}

static bool adjacency_is_used(const void *context, uint32_t number)
{
	const uint32_t *users = context;

	return users[number] > 0;
}

void gremc_command_neighbors(struct gremc_query *query)
{
	const struct gremc_vifs *vifs = query->telemetry->vifs;
	uint32_t limit = gremc_adjacency_limit(vifs);
	uint32_t *users = adjacency_users_count(query, limit);
	struct gremc_page page;

	if (users == NULL) {
		query->no_memory = true;
		return;
	}
	if (!gremc_page_collect(&page, query, limit, NEIGHBORS_PAGE, adjacency_is_used, users))
		goto out;
	for (uint32_t i = 0; i < page.count; i++) {
		struct rte_tel_data *dict = gremc_page_entry(&page, query, i);
		const struct gremc_adjacency *adjacency = gremc_adjacency_load(vifs, page.number[i]);

		gremc_reply_text(dict, "port", gremc_query_port_name(query, adjacency->port));
		gremc_reply_next_hop(dict, "next_hop", adjacency);
		gremc_reply_adjacency_mac(dict, "mac", adjacency);
		gremc_reply_u64(dict, "resolved", adjacency->resolved);
		gremc_reply_u64(dict, "users", users[page.number[i]]);
	}
out:
	free(users);
}
