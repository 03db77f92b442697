/* SPDX-License-Identifier: BSD-3-Clause */
/* /gremc/drops, /gremc/vif_drops, /gremc/reasons: why packets were dropped. */
#include <string.h>

#include "telemetry/telemetry_priv.h"

#define VIF_DROPS_PAGE 2

void gremc_command_drops(struct gremc_query *query)
{
	struct gremc_totals sum;

	gremc_query_totals(query, &sum);
	gremc_reply_drops(gremc_query_dict(query, query->reply, "drops"), sum.drops);
	gremc_reply_losses(gremc_query_dict(query, query->reply, "losses"), sum.losses);
	gremc_reply_punts(gremc_query_dict(query, query->reply, "punts"), sum.punted);
}

void gremc_command_reasons(struct gremc_query *query)
{
	struct rte_tel_data *dict = gremc_query_dict(query, query->reply, "drops");

	for (unsigned i = 0; i < GREMC_DROP_COUNT; i++)
		gremc_reply_text(dict, gremc_drop_name(i), gremc_drop_text(i));
	dict = gremc_query_dict(query, query->reply, "losses");
	for (unsigned i = 0; i < GREMC_TX_DROP_COUNT; i++)
		gremc_reply_text(dict, gremc_tx_drop_name(i), gremc_tx_drop_text(i));
	dict = gremc_query_dict(query, query->reply, "punts");
	for (unsigned i = 0; i < GREMC_PUNT_COUNT; i++)
		gremc_reply_text(dict, gremc_punt_name(i), gremc_punt_text(i));
}

/* ---- /gremc/vif_drops ---- */

/* Sum one vif's drops over all workers. The last flow is that of any worker. */
static void vif_drop_sum(const struct gremc_query *query, uint32_t vif, struct gremc_vif_drop *sum)
{
	*sum = (struct gremc_vif_drop){0};
	for (uint32_t w = 0; w < query->telemetry->stats_count; w++) {
		const struct gremc_vif_drop *drop = &query->telemetry->stats[w]->vif_drop[vif];

		for (unsigned i = 0; i < GREMC_DROP_COUNT; i++) {
			uint64_t flow = gremc_counter_read(&drop->flow[i]);

			sum->packets[i] += gremc_counter_read(&drop->packets[i]);
			if (flow)
				sum->flow[i] = flow;
		}
	}
}

static bool vif_has_drops(const void *context, uint32_t number)
{
	const struct gremc_query *query = context;

	if (gremc_query_vif(query, number) == NULL)
		return false;
	for (uint32_t w = 0; w < query->telemetry->stats_count; w++)
		for (unsigned i = 0; i < GREMC_DROP_COUNT; i++)
			if (gremc_counter_read(&query->telemetry->stats[w]->vif_drop[number].packets[i]))
				return true;
	return false;
}

static void vif_drop_reason_reply(struct gremc_query *query, struct rte_tel_data *reasons,
				  const struct gremc_vif_drop *sum, unsigned reason)
{
	struct rte_tel_data *dict = gremc_query_dict(query, reasons, gremc_drop_name(reason));
	rte_be32_t flow[2]; /* source and group */

	static_assert(sizeof(flow) == sizeof(sum->flow[0]), "a flow is two IPv4 addresses");
	gremc_reply_u64(dict, "packets", sum->packets[reason]);
	if (sum->flow[reason] == 0)
		return;
	memcpy(flow, &sum->flow[reason], sizeof(flow));
	gremc_reply_address(dict, "source", &(struct gremc_addr)GREMC_ADDR_IPV4(flow[0]));
	gremc_reply_address(dict, "group", &(struct gremc_addr)GREMC_ADDR_IPV4(flow[1]));
}

void gremc_command_vif_drops(struct gremc_query *query)
{
	uint32_t limit = gremc_vifs_limit(query->telemetry->vifs);
	struct gremc_vif_drop sum;
	struct gremc_page page;

	if (!gremc_page_collect(&page, query, limit, VIF_DROPS_PAGE, vif_has_drops, query))
		return;
	for (uint32_t i = 0; i < page.count; i++) {
		struct rte_tel_data *dict = gremc_page_entry(&page, query, i), *reasons;
		char name[GREMC_VIF_NAME_SIZE];

		vif_drop_sum(query, page.number[i], &sum);
		gremc_reply_text(dict, "name", gremc_query_vif_name(query, page.number[i], name));
		gremc_reply_u64(dict, "dropped", gremc_counters_sum(sum.packets, GREMC_DROP_COUNT));
		reasons = gremc_query_dict(query, dict, "drops");
		for (unsigned k = 0; k < GREMC_DROP_COUNT; k++)
			if (sum.packets[k])
				vif_drop_reason_reply(query, reasons, &sum, k);
	}
}
