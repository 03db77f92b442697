/* SPDX-License-Identifier: BSD-3-Clause */
/* /gremc/policies: the limits of vifs. */
#include "telemetry/telemetry_priv.h"

#define POLICIES_PAGE 24

static bool vif_has_policy(const void *context, uint32_t number)
{
	const struct gremc_query *query = context;

	return gremc_query_vif(query, number) && gremc_policy_load(query->telemetry->vifs, number);
}

/* Received packets of the vif that its policy forbids. */
static uint64_t policy_drops_sum(const struct gremc_query *query, uint32_t vif)
{
	static const enum gremc_drop reasons[] = {GREMC_DROP_boundary, GREMC_DROP_source_filter,
						  GREMC_DROP_policed, GREMC_DROP_fanout_limit};
	uint64_t sum = 0;

	for (uint32_t w = 0; w < query->telemetry->stats_count; w++)
		for (unsigned i = 0; i < RTE_DIM(reasons); i++)
			sum += gremc_counter_read(
				&query->telemetry->stats[w]->vif_drop[vif].packets[reasons[i]]);
	return sum;
}

/* Replicas that the policy of the vif forbids. */
static uint64_t policy_losses_sum(const struct gremc_query *query, uint32_t vif)
{
	static const enum gremc_tx_drop reasons[] = {GREMC_TX_DROP_oif_scope, GREMC_TX_DROP_oif_source,
						     GREMC_TX_DROP_oif_policed};
	uint64_t sum = 0;

	for (uint32_t w = 0; w < query->telemetry->stats_count; w++)
		for (unsigned i = 0; i < RTE_DIM(reasons); i++)
			sum += gremc_counter_read(
				&query->telemetry->stats[w]->vif_cold[vif].lost[reasons[i]]);
	return sum;
}

static void direction_reply(struct rte_tel_data *dict, const struct gremc_policy_direction *direction,
			    const struct gremc_config_rate *rate)
{
	gremc_reply_u64(dict, "boundary", direction->groups ? direction->groups->count : 0);
	gremc_reply_u64(dict, "sources", direction->sources ? direction->sources->count : 0);
	gremc_reply_u64(dict, "pps", rate->pps);
	gremc_reply_u64(dict, "kbps", rate->kbps);
	gremc_reply_u64(dict, "burst", rate->burst);
}

void gremc_command_policies(struct gremc_query *query)
{
	const struct gremc_vifs *vifs = query->telemetry->vifs;
	struct gremc_page page;

	if (!gremc_page_collect(&page, query, gremc_vifs_limit(vifs), POLICIES_PAGE, vif_has_policy, query))
		return;
	for (uint32_t i = 0; i < page.count; i++) {
		const struct gremc_policy *policy = gremc_policy_load(vifs, page.number[i]);
		char name[GREMC_VIF_NAME_SIZE];
		struct rte_tel_data *dict;

		if (policy == NULL) /* removed since the page was collected */
			continue;
		dict = gremc_page_entry(&page, query, i);
		gremc_reply_text(dict, "name", gremc_query_vif_name(query, page.number[i], name));
		direction_reply(gremc_query_dict(query, dict, "in"), &policy->in, &policy->in_rate);
		direction_reply(gremc_query_dict(query, dict, "out"), &policy->out, &policy->out_rate);
		gremc_reply_u64(dict, "ttl_threshold", policy->ttl_threshold);
		gremc_reply_u64(dict, "max_fanout", policy->max_fanout);
		gremc_reply_u64(dict, "dropped", policy_drops_sum(query, page.number[i]));
		gremc_reply_u64(dict, "lost", policy_losses_sum(query, page.number[i]));
	}
}
