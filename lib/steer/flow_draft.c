/* SPDX-License-Identifier: BSD-3-Clause */
/* One rule in the form of rte_flow. */
#include <netinet/in.h>

#include "proto/gre.h"
#include "steer/flow_priv.h"

#define VLAN_ID_MASK 0x0fff

const struct rte_flow_attr gremc_flow_ingress = {.ingress = 1};

static void draft_set_ip(struct gremc_flow_draft *draft, const struct gremc_flow_pattern *pattern)
{
	draft->ip.hdr.next_proto_id = pattern->protocol;
	draft->ip_mask.hdr.next_proto_id = UINT8_MAX;
	draft->ip.hdr.dst_addr = pattern->destination;
	draft->ip_mask.hdr.dst_addr = pattern->destination_mask;
	draft->ip.hdr.src_addr = pattern->source;
	draft->ip_mask.hdr.src_addr = pattern->source ? UINT32_MAX : 0;
}

/* Match IPv4 in GRE with this key, or without a key. mlx5 cannot match the version; packets of other versions
 * have other protocol types. */
static struct rte_flow_item *draft_add_gre(struct gremc_flow_draft *draft, struct rte_flow_item *item,
					   const struct gremc_flow_pattern *pattern)
{
	draft->gre.protocol = RTE_BE16(GREMC_GRE_IPV4);
	draft->gre_mask.protocol = UINT16_MAX;
	draft->gre.c_rsvd0_ver = pattern->has_key ? RTE_BE16(GREMC_GRE_KEY) : 0;
	draft->gre_mask.c_rsvd0_ver = RTE_BE16(GREMC_GRE_KEY);
	draft->key = rte_cpu_to_be_32(pattern->key);
	draft->key_mask = UINT32_MAX;
	*item++ = (struct rte_flow_item){
		.type = RTE_FLOW_ITEM_TYPE_GRE, .spec = &draft->gre, .mask = &draft->gre_mask};
	if (pattern->has_key)
		*item++ = (struct rte_flow_item){
			.type = RTE_FLOW_ITEM_TYPE_GRE_KEY, .spec = &draft->key, .mask = &draft->key_mask};
	return item;
}

static void draft_set_items(struct gremc_flow_draft *draft, const struct gremc_flow_pattern *pattern,
			    uint16_t vlan)
{
	struct rte_flow_item *item = draft->items;

	draft_set_ip(draft, pattern);
	draft->udp.hdr.dst_port = rte_cpu_to_be_16(pattern->port);
	draft->udp_mask.hdr.dst_port = UINT16_MAX;
	draft->vlan.tci = rte_cpu_to_be_16(vlan);
	draft->vlan_mask.tci = RTE_BE16(VLAN_ID_MASK);
	(item++)->type = RTE_FLOW_ITEM_TYPE_ETH;
	if (vlan)
		*item++ = (struct rte_flow_item){
			.type = RTE_FLOW_ITEM_TYPE_VLAN, .spec = &draft->vlan, .mask = &draft->vlan_mask};
	*item++ = (struct rte_flow_item){
		.type = RTE_FLOW_ITEM_TYPE_IPV4, .spec = &draft->ip, .mask = &draft->ip_mask};
	if (pattern->port)
		*item++ = (struct rte_flow_item){
			.type = RTE_FLOW_ITEM_TYPE_UDP, .spec = &draft->udp, .mask = &draft->udp_mask};
	if (pattern->gre_fields)
		item = draft_add_gre(draft, item, pattern);
	else if (pattern->gre_item)
		(item++)->type = RTE_FLOW_ITEM_TYPE_GRE;
	item->type = RTE_FLOW_ITEM_TYPE_END;
}

static void draft_set_actions(struct gremc_flow_draft *draft, const struct gremc_flow_spread *spread)
{
	for (uint16_t q = 0; q < spread->rx_queues; q++)
		draft->queues[q] = q;
	draft->rss = (struct rte_flow_action_rss){
		.level = spread->level,
		.types = RTE_ETH_RSS_IP | RTE_ETH_RSS_UDP,
		.queue_num = spread->rx_queues,
		.queue = draft->queues,
	};
	if (spread->rss && spread->rx_queues > 1)
		draft->actions[0] =
			(struct rte_flow_action){.type = RTE_FLOW_ACTION_TYPE_RSS, .conf = &draft->rss};
	else
		draft->actions[0] =
			(struct rte_flow_action){.type = RTE_FLOW_ACTION_TYPE_QUEUE, .conf = &draft->queue};
	draft->actions[1].type = RTE_FLOW_ACTION_TYPE_END;
}

void gremc_flow_draft_init(struct gremc_flow_draft *draft, const struct gremc_flow_pattern *pattern,
			   uint16_t vlan, const struct gremc_flow_spread *spread)
{
	gremc_assert(spread->rx_queues <= GREMC_STEER_QUEUES_MAX);
	*draft = (struct gremc_flow_draft){0};
	draft_set_items(draft, pattern, vlan);
	draft_set_actions(draft, spread);
}
