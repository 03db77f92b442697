/* SPDX-License-Identifier: BSD-3-Clause */
/* RSS by inner headers for devices whose own RSS sees outer headers only: mlx5 has no configuration for inner
 * headers, but its flow rules can use them. In isolated mode the rules of flow.c do this. */
#include <netinet/in.h>

#include "steer/flow_priv.h"

struct rte_flow *gremc_steer_inner_rss_create(const struct gremc_steer_device *device,
					      const uint16_t *lower_ids, uint16_t lower_count)
{
	const struct gremc_flow_pattern pattern = {.protocol = IPPROTO_GRE, .gre_item = true};
	const struct gremc_flow_spread spread = {
		.rss = true, .level = GREMC_FLOW_RSS_INNER, .rx_queues = device->rx_queues};
	struct rte_flow_error error = {0};
	struct gremc_flow_draft draft;

	gremc_assert_control_thread();
	gremc_flow_draft_init(&draft, &pattern, device->vlan, &spread);
	/* validate on each member of a bond: the bond itself logs a refusal as an error */
	for (uint16_t i = 0; i < lower_count; i++)
		if (rte_flow_validate(lower_ids[i], &gremc_flow_ingress, draft.items, draft.actions, &error))
			return NULL;
	return rte_flow_create(device->id, &gremc_flow_ingress, draft.items, draft.actions, &error);
}

void gremc_steer_inner_rss_destroy(uint16_t id, struct rte_flow *rule)
{
	struct rte_flow_error error = {0};

	gremc_assert_control_thread();
	if (rte_flow_destroy(id, rule, &error))
		GREMC_LOG(ERR, "the flow rule for inner RSS stays: %s",
			  error.message ? error.message : rte_strerror(rte_errno));
}
