/* SPDX-License-Identifier: BSD-3-Clause */
/* A port with `isolate: true`: a NIC whose driver shares it with the kernel (mlx5). In isolated mode nothing
 * comes to DPDK but what flow rules name: GRE to each local address, multicast to each group. The rest never
 * leaves the kernel.
 *
 * What a device can match and do is found by asking it: the styles are tried from the best on, once. */
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include <rte_flow.h>

#include "port/steer_priv.h"

/* How a rule is written. Inner-most RSS spreads what comes by one tunnel; a device may need to be told that
 * there is a tunnel. */
struct style {
	bool gre_item;
	bool rss;
	uint32_t level; /* of RSS: 2 inner headers, 0 as the device likes */
	const char *lack;
};

static const struct style styles[] = {
	{true, true, 2, NULL},
	{true, true, 0, "RSS sees outer headers only: all packets of a tunnel come by one queue"},
	{false, true, 0, "RSS sees outer headers only: all packets of a tunnel come by one queue"},
	{false, false, 0, "no RSS in flow rules: everything comes by queue 0"},
};

struct rule {
	struct gremc_prefix destination;
	rte_be32_t source; /* 0: any */
	bool is_group;
	struct rte_flow *flow;
};

struct gremc_flow_rules {
	uint16_t id;               /* ethdev */
	const struct style *style; /* of GRE; NULL: not yet chosen */
	struct rule *rules;
	uint32_t count;
};

int gremc_flow_rules_isolate(struct gremc_port_set *set, struct gremc_port_state *state)
{
	struct rte_flow_error error = {0};
	int ret = rte_flow_isolate(state->id, 1, &error);

	if (ret) {
		gremc_port_error(
			set, state,
			"`%s` (driver %s) cannot be shared with the kernel by `isolate`: %s; mlx5 can; give "
			"it whole, or use `interface:` instead of `device:`",
			state->config->device, state->info.driver_name,
			error.message ? error.message : rte_strerror(-ret));
		return ret;
	}
	state->flows = calloc(1, sizeof(*state->flows));
	if (state->flows == NULL)
		return -ENOMEM;
	state->flows->id = state->id;
	return 0;
}

/* ---- one rule ---- */

/* All that the items and actions of a rule point to. */
struct draft {
	struct rte_flow_item_vlan vlan, vlan_mask;
	struct rte_flow_item_ipv4 ip, ip_mask;
	uint16_t queues[GREMC_QUEUES_MAX];
	struct rte_flow_action_rss rss;
	struct rte_flow_action_queue queue;
	struct rte_flow_item items[5];
	struct rte_flow_action actions[2];
};

static void draft_items(struct draft *draft, const struct gremc_port *port, const struct rule *rule,
			const struct style *style)
{
	struct rte_flow_item *item = draft->items;

	draft->ip.hdr.dst_addr = rule->destination.address;
	draft->ip_mask.hdr.dst_addr = gremc_netmask(rule->destination.length);
	draft->ip.hdr.src_addr = rule->source;
	draft->ip_mask.hdr.src_addr = rule->source ? UINT32_MAX : 0;
	/* of multicast UDP alone, so that IGMP and routing protocols stay with the kernel */
	draft->ip.hdr.next_proto_id = rule->is_group ? IPPROTO_UDP : IPPROTO_GRE;
	draft->ip_mask.hdr.next_proto_id = 0xff;
	draft->vlan.tci = rte_cpu_to_be_16(port->vlan);
	draft->vlan_mask.tci = RTE_BE16(0x0fff);
	(item++)->type = RTE_FLOW_ITEM_TYPE_ETH;
	if (port->vlan)
		*item++ = (struct rte_flow_item){
			.type = RTE_FLOW_ITEM_TYPE_VLAN, .spec = &draft->vlan, .mask = &draft->vlan_mask};
	*item++ = (struct rte_flow_item){
		.type = RTE_FLOW_ITEM_TYPE_IPV4, .spec = &draft->ip, .mask = &draft->ip_mask};
	if (style->gre_item && !rule->is_group)
		(item++)->type = RTE_FLOW_ITEM_TYPE_GRE;
	item->type = RTE_FLOW_ITEM_TYPE_END;
}

static void draft_actions(struct draft *draft, const struct gremc_port *port, const struct rule *rule,
			  const struct style *style)
{
	for (uint16_t q = 0; q < port->rx_queues; q++)
		draft->queues[q] = q;
	draft->rss = (struct rte_flow_action_rss){
		.level = rule->is_group ? 0 : style->level,
		.types = RTE_ETH_RSS_IP | RTE_ETH_RSS_UDP,
		.queue_num = port->rx_queues,
		.queue = draft->queues,
	};
	if (style->rss && port->rx_queues > 1)
		draft->actions[0] =
			(struct rte_flow_action){.type = RTE_FLOW_ACTION_TYPE_RSS, .conf = &draft->rss};
	else
		draft->actions[0] =
			(struct rte_flow_action){.type = RTE_FLOW_ACTION_TYPE_QUEUE, .conf = &draft->queue};
	draft->actions[1].type = RTE_FLOW_ACTION_TYPE_END;
}

static void draft_rule(struct draft *draft, const struct gremc_port *port, const struct rule *rule,
		       const struct style *style)
{
	*draft = (struct draft){0};
	draft_items(draft, port, rule, style);
	draft_actions(draft, port, rule, style);
}

static const struct rte_flow_attr ingress = {.ingress = 1};

/* The best style that the device takes. Returns 0, or the answer to the least. */
static int choose_style(struct gremc_flow_rules *flows, const struct gremc_port *port,
			const struct rule *rule, struct rte_flow_error *error)
{
	struct draft draft;
	int ret = -ENOTSUP;

	for (unsigned i = 0; i < RTE_DIM(styles) && ret; i++) {
		draft_rule(&draft, port, rule, &styles[i]);
		ret = rte_flow_validate(flows->id, &ingress, draft.items, draft.actions, error);
		if (ret == 0)
			flows->style = &styles[i];
	}
	if (ret == 0 && port->rx_queues > 1 && flows->style->lack)
		GREMC_LOG(WARNING, "port %s: flow rules of `%s`: %s", port->name, port->device,
			  flows->style->lack);
	return ret;
}

static int create(struct gremc_flow_rules *flows, const struct gremc_port *port, struct rule *rule,
		  const char **reason)
{
	struct rte_flow_error error = {0};
	struct draft draft;
	int ret = flows->style ? 0 : choose_style(flows, port, rule, &error);

	if (ret == 0) {
		draft_rule(&draft, port, rule, flows->style);
		rule->flow = rte_flow_create(flows->id, &ingress, draft.items, draft.actions, &error);
		ret = rule->flow ? 0 : -rte_errno;
	}
	*reason = error.message;
	return ret;
}

/* ---- all rules ---- */

static bool has_rule(const struct gremc_flow_rules *flows, const struct rule *rule)
{
	for (uint32_t i = 0; i < flows->count; i++)
		if (flows->rules[i].is_group == rule->is_group && flows->rules[i].source == rule->source &&
		    flows->rules[i].destination.address == rule->destination.address &&
		    flows->rules[i].destination.length == rule->destination.length)
			return true;
	return false;
}

static int add(struct gremc_flow_rules *flows, const struct gremc_port *port, struct rule rule,
	       const char **reason)
{
	struct rule *rules;
	int ret;

	if (has_rule(flows, &rule))
		return 0;
	rules = realloc(flows->rules, (flows->count + 1) * sizeof(*rules));
	if (rules == NULL)
		return -ENOMEM;
	flows->rules = rules;
	ret = create(flows, port, &rule, reason);
	if (ret == 0)
		rules[flows->count++] = rule;
	return ret;
}

int gremc_flow_rules_add(struct gremc_flow_rules *flows, const struct gremc_port *port,
			 const struct gremc_steer_set *steer, const char **reason)
{
	int ret = 0;

	for (uint32_t i = 0; i < steer->local_count && ret == 0; i++)
		ret = add(flows, port, (struct rule){.destination = {steer->locals[i], 32}}, reason);
	for (uint32_t i = 0; i < steer->group_count && ret == 0; i++)
		ret = add(flows, port,
			  (struct rule){.destination = steer->groups[i].group,
					.source = steer->groups[i].source,
					.is_group = true},
			  reason);
	return ret;
}

static bool is_in(const struct rule *rule, const struct gremc_steer_set *steer)
{
	const struct gremc_steer_group group = {rule->destination, rule->source};

	return rule->is_group ? gremc_steer_has_group(steer, &group)
			      : gremc_steer_has_local(steer, rule->destination.address);
}

static bool destroy(const struct gremc_flow_rules *flows, const struct rule *rule)
{
	struct rte_flow_error error = {0};
	char text[GREMC_PREFIX_TEXT];

	if (rte_flow_destroy(flows->id, rule->flow, &error) == 0)
		return true;
	GREMC_LOG_LIMITED(ERR, "a flow rule for %s stays: %s", gremc_prefix_format(text, &rule->destination),
			  error.message ? error.message : rte_strerror(rte_errno));
	return false;
}

/* Destroy the rules that are in the set, or those that are not. */
static void destroy_those(struct gremc_flow_rules *flows, const struct gremc_steer_set *steer, bool in)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < flows->count; i++)
		if (is_in(&flows->rules[i], steer) != in || !destroy(flows, &flows->rules[i]))
			flows->rules[kept++] = flows->rules[i];
	flows->count = kept;
}

void gremc_flow_rules_remove(struct gremc_flow_rules *flows, const struct gremc_steer_set *steer)
{
	destroy_those(flows, steer, true);
}

void gremc_flow_rules_trim(struct gremc_flow_rules *flows, const struct gremc_steer_set *steer)
{
	destroy_those(flows, steer, false);
}

void gremc_flow_rules_destroy(struct gremc_flow_rules *flows)
{
	const struct gremc_steer_set nothing = {0};

	if (flows == NULL)
		return;
	gremc_flow_rules_trim(flows, &nothing);
	free(flows->rules);
	free(flows);
}
