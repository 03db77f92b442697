/* SPDX-License-Identifier: BSD-3-Clause */
/* /gremc/peers: the other ends of tunnels. */
#include "telemetry/telemetry_priv.h"

#define PEERS_PAGE 16

static bool peer_exists(const void *context, uint32_t number)
{
	const struct gremc_query *query = context;
	const struct gremc_vif_info *info = gremc_query_vif(query, number);
	struct gremc_peer_info peer;

	return info && info->kind == GREMC_VIF_TUNNEL &&
	       gremc_peer_info_get(query->telemetry->peers, number, &peer);
}

static void peer_reply(struct rte_tel_data *dict, const char *name, const struct gremc_peer_info *peer)
{
	gremc_reply_text(dict, "name", name);
	gremc_reply_text(dict, "liveness", gremc_keyword_name(&gremc_liveness_keywords, peer->liveness));
	gremc_reply_text(dict, "state", peer->dead ? "dead" : "alive");
	gremc_reply_u64(dict, "changes", peer->changes);
	gremc_reply_u64(dict, "sends", peer->sends);
	gremc_reply_u64(dict, "sent", peer->sent);
	gremc_reply_u64(dict, "unsent", peer->unsent);
	gremc_reply_u64(dict, "answers", peer->answers);
	gremc_reply_u64(dict, "rtt_ns", peer->rtt);
	gremc_reply_u64(dict, "rtt_least_ns", peer->rtt_least);
	gremc_reply_u64(dict, "requests", peer->requests);
	gremc_reply_u64(dict, "answered", peer->answered);
	gremc_reply_u64(dict, "path_mtu", peer->path_mtu);
	gremc_reply_u64(dict, "mtu_reports", peer->reports);
	gremc_reply_u64(dict, "mtu_reports_ignored", peer->reports_ignored);
	gremc_reply_u64(dict, "unreachable", peer->unreachable);
}

void gremc_command_peers(struct gremc_query *query)
{
	uint32_t limit = gremc_vifs_limit(query->telemetry->vifs);
	struct gremc_page page;

	if (!gremc_page_collect(&page, query, limit, PEERS_PAGE, peer_exists, query))
		return;
	for (uint32_t i = 0; i < page.count; i++) {
		const struct gremc_vif_info *info = gremc_query_vif(query, page.number[i]);
		struct gremc_peer_info peer;

		/* removed since the page was collected */
		if (info && gremc_peer_info_get(query->telemetry->peers, page.number[i], &peer))
			peer_reply(gremc_page_entry(&page, query, i), info->name, &peer);
	}
}
