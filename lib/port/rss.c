/* SPDX-License-Identifier: BSD-3-Clause */
/* RSS by the inner headers of GRE, where the device's own cannot see them. Between two sites the outer
 * addresses are always the same, so all packets of a tunnel come by one queue. mlx5 cannot be configured for
 * inner headers, but its flow rules can. (With `isolate`, flow.c makes all rules.) */
#include <netinet/in.h>

#include <rte_flow.h>

#include "port/port_priv.h"

/* All that the items and actions of the rule point to. */
struct draft {
	struct rte_flow_item_vlan vlan, vlan_mask;
	struct rte_flow_item_ipv4 ip, ip_mask;
	uint16_t queues[GREMC_QUEUES_MAX];
	struct rte_flow_action_rss rss;
	struct rte_flow_item items[5];
	struct rte_flow_action actions[2];
};

static void inner_rss_draft_build(struct draft *draft, const struct gremc_port *port)
{
	struct rte_flow_item *item = draft->items;

	*draft = (struct draft){0};
	draft->ip.hdr.next_proto_id = IPPROTO_GRE;
	draft->ip_mask.hdr.next_proto_id = 0xff;
	draft->vlan.tci = rte_cpu_to_be_16(port->vlan);
	draft->vlan_mask.tci = RTE_BE16(0x0fff);
	(item++)->type = RTE_FLOW_ITEM_TYPE_ETH;
	if (port->vlan)
		*item++ = (struct rte_flow_item){
			.type = RTE_FLOW_ITEM_TYPE_VLAN, .spec = &draft->vlan, .mask = &draft->vlan_mask};
	*item++ = (struct rte_flow_item){
		.type = RTE_FLOW_ITEM_TYPE_IPV4, .spec = &draft->ip, .mask = &draft->ip_mask};
	(item++)->type = RTE_FLOW_ITEM_TYPE_GRE;
	item->type = RTE_FLOW_ITEM_TYPE_END;
	for (uint16_t q = 0; q < port->rx_queues; q++)
		draft->queues[q] = q;
	draft->rss = (struct rte_flow_action_rss){
		.level = 2, /* inner headers */
		.types = RTE_ETH_RSS_IP | RTE_ETH_RSS_UDP,
		.queue_num = port->rx_queues,
		.queue = draft->queues,
	};
	draft->actions[0] = (struct rte_flow_action){.type = RTE_FLOW_ACTION_TYPE_RSS, .conf = &draft->rss};
	draft->actions[1].type = RTE_FLOW_ACTION_TYPE_END;
}

void gremc_port_inner_rss_create(struct gremc_port_state *state, const struct gremc_port *port)
{
	const struct rte_flow_attr ingress = {.ingress = 1};
	struct rte_flow_error error = {0};
	struct draft draft;
	int ret = 0;

	if (!state->rss_outer || port->shared)
		return;
	inner_rss_draft_build(&draft, port);
	/* each member of a bond for itself: the bond would log a refusal as an error */
	for (uint16_t i = 0; i < state->lower_count && ret == 0; i++)
		ret = rte_flow_validate(state->lower_id[i], &ingress, draft.items, draft.actions, &error);
	if (ret == 0)
		state->inner_rss = rte_flow_create(state->id, &ingress, draft.items, draft.actions, &error);
	if (state->inner_rss)
		GREMC_LOG(INFO, "port %s: a flow rule has RSS of `%s` see the inner headers of GRE",
			  port->name, port->device);
	else
		GREMC_LOG(
			INFO,
			"port %s: RSS of `%s` sees outer headers only: all packets of a tunnel come by one queue",
			port->name, port->device);
}

void gremc_port_inner_rss_destroy(struct gremc_port_state *state)
{
	struct rte_flow_error error = {0};

	if (state->inner_rss && rte_flow_destroy(state->id, state->inner_rss, &error))
		GREMC_LOG(ERR, "the flow rule for inner RSS stays: %s",
			  error.message ? error.message : rte_strerror(rte_errno));
	state->inner_rss = NULL;
}
