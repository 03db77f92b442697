/* SPDX-License-Identifier: BSD-3-Clause */
/* A port with `isolate: true`: a NIC whose driver shares it with the kernel (mlx5). In isolated mode nothing
 * comes to DPDK but what flow rules name: the packets of each tunnel, multicast to each group. The rest never
 * leaves the kernel.
 *
 * What a device can match and do is found by asking it: matches and styles are tried from the best on, once.
 * A device that cannot match a tunnel, or has no room for a rule a tunnel, gets rules that match less: then
 * GRE of others comes too, which cannot go back to the kernel and is dropped by name. */
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include <rte_flow.h>

#include "port/steer_priv.h"
#include "proto/gre.h"

/* How a rule is written. Inner-most RSS spreads what comes by one tunnel; a device may need to be told that
 * there is a tunnel. */
struct style {
	bool gre_item;
	bool rss;
	uint32_t level; /* of RSS: 2 inner headers, 0 as the device likes */
	const char *lack;
};

static const struct style rule_styles[] = {
	{true, true, 2, NULL},
	{true, true, 0, "RSS sees outer headers only: all packets of a tunnel come by one queue"},
	{false, true, 0, "RSS sees outer headers only: all packets of a tunnel come by one queue"},
	{false, false, 0, "no RSS in flow rules: everything comes by queue 0"},
};

/* What of GRE a match takes beside the tunnels' packets. */
static const char *const match_excess[GREMC_STEER_MATCHES] = {
	[GREMC_STEER_ADDRESSES] = "all GRE between the addresses of a tunnel",
	[GREMC_STEER_LOCAL] = "all GRE to the `local` of a tunnel",
};

#define GROUP_STYLE GREMC_STEER_MATCHES

struct rule {
	bool is_group;
	enum gremc_steer_match match;     /* of a tunnel */
	struct gremc_steer_tunnel tunnel; /* with what the rule matches of it */
	struct gremc_steer_group group;
	struct rte_flow *flow;
};

struct gremc_flow_rules {
	uint16_t id;                  /* ethdev */
	enum gremc_steer_match match; /* of all tunnels' rules; only becomes less */
	const struct style
		*style[GREMC_STEER_MATCHES + 1]; /* by match, then of groups; NULL: not yet chosen */
	struct rule *rules;                      /* [0, sorted) are sorted */
	uint32_t count, sorted, room;
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
	struct rte_flow_item_gre gre, gre_mask;
	rte_be32_t key, key_mask;
	uint16_t queues[GREMC_QUEUES_MAX];
	struct rte_flow_action_rss rss;
	struct rte_flow_action_queue queue;
	struct rte_flow_item items[6];
	struct rte_flow_action actions[2];
};

static void rule_draft_ip(struct draft *draft, const struct rule *rule)
{
	draft->ip_mask.hdr.next_proto_id = 0xff;
	if (rule->is_group) {
		/* of multicast UDP alone, so that IGMP and routing protocols stay with the kernel */
		draft->ip.hdr.next_proto_id = IPPROTO_UDP;
		draft->ip.hdr.dst_addr = rule->group.group.address;
		draft->ip_mask.hdr.dst_addr = gremc_netmask(rule->group.group.length);
		draft->ip.hdr.src_addr = rule->group.source;
	} else {
		draft->ip.hdr.next_proto_id = IPPROTO_GRE;
		draft->ip.hdr.dst_addr = rule->tunnel.local;
		draft->ip_mask.hdr.dst_addr = UINT32_MAX;
		draft->ip.hdr.src_addr = rule->tunnel.remote;
	}
	draft->ip_mask.hdr.src_addr = draft->ip.hdr.src_addr ? UINT32_MAX : 0;
}

/* IPv4 in GRE with this key, or without one. The version is not matched, for mlx5 cannot; other versions have
 * other protocol types. */
static struct rte_flow_item *rule_draft_tunnel(struct draft *draft, struct rte_flow_item *item,
					       const struct rule *rule)
{
	draft->gre.protocol = RTE_BE16(GREMC_GRE_IPV4);
	draft->gre_mask.protocol = UINT16_MAX;
	draft->gre.c_rsvd0_ver = rule->tunnel.has_key ? RTE_BE16(GREMC_GRE_KEY) : 0;
	draft->gre_mask.c_rsvd0_ver = RTE_BE16(GREMC_GRE_KEY);
	draft->key = rte_cpu_to_be_32(rule->tunnel.key);
	draft->key_mask = UINT32_MAX;
	*item++ = (struct rte_flow_item){
		.type = RTE_FLOW_ITEM_TYPE_GRE, .spec = &draft->gre, .mask = &draft->gre_mask};
	if (rule->tunnel.has_key)
		*item++ = (struct rte_flow_item){
			.type = RTE_FLOW_ITEM_TYPE_GRE_KEY, .spec = &draft->key, .mask = &draft->key_mask};
	return item;
}

static void rule_draft_items(struct draft *draft, const struct gremc_port *port, const struct rule *rule,
			     const struct style *style)
{
	struct rte_flow_item *item = draft->items;

	rule_draft_ip(draft, rule);
	draft->vlan.tci = rte_cpu_to_be_16(port->vlan);
	draft->vlan_mask.tci = RTE_BE16(0x0fff);
	(item++)->type = RTE_FLOW_ITEM_TYPE_ETH;
	if (port->vlan)
		*item++ = (struct rte_flow_item){
			.type = RTE_FLOW_ITEM_TYPE_VLAN, .spec = &draft->vlan, .mask = &draft->vlan_mask};
	*item++ = (struct rte_flow_item){
		.type = RTE_FLOW_ITEM_TYPE_IPV4, .spec = &draft->ip, .mask = &draft->ip_mask};
	if (!rule->is_group && rule->match == GREMC_STEER_TUNNEL)
		item = rule_draft_tunnel(draft, item, rule);
	else if (!rule->is_group && style->gre_item)
		(item++)->type = RTE_FLOW_ITEM_TYPE_GRE;
	item->type = RTE_FLOW_ITEM_TYPE_END;
}

static void rule_draft_actions(struct draft *draft, const struct gremc_port *port, const struct rule *rule,
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

static void rule_draft_build(struct draft *draft, const struct gremc_port *port, const struct rule *rule,
			     const struct style *style)
{
	*draft = (struct draft){0};
	rule_draft_items(draft, port, rule, style);
	rule_draft_actions(draft, port, rule, style);
}

static const struct rte_flow_attr ingress_attr = {.ingress = 1};

/* The best style that the device takes for such a rule. Returns 0, or the answer to the least. */
static int rule_style_choose(struct gremc_flow_rules *flows, const struct gremc_port *port,
			     const struct rule *rule, struct rte_flow_error *error)
{
	const struct style **chosen = &flows->style[rule->is_group ? GROUP_STYLE : rule->match];
	struct draft draft;
	int ret = -ENOTSUP;

	for (unsigned i = 0; i < RTE_DIM(rule_styles) && ret; i++) {
		rule_draft_build(&draft, port, rule, &rule_styles[i]);
		ret = rte_flow_validate(flows->id, &ingress_attr, draft.items, draft.actions, error);
		if (ret == 0)
			*chosen = &rule_styles[i];
	}
	if (ret == 0 && !rule->is_group && port->rx_queues > 1 && (*chosen)->lack)
		GREMC_LOG(WARNING, "port %s: flow rules of `%s`: %s", port->name, port->device,
			  (*chosen)->lack);
	return ret;
}

static int flow_rule_create(struct gremc_flow_rules *flows, const struct gremc_port *port, struct rule *rule,
			    const char **reason)
{
	const struct style *const *style = &flows->style[rule->is_group ? GROUP_STYLE : rule->match];
	struct rte_flow_error error = {0};
	struct draft draft;
	int ret = *style ? 0 : rule_style_choose(flows, port, rule, &error);

	if (ret == 0) {
		rule_draft_build(&draft, port, rule, *style);
		rule->flow = rte_flow_create(flows->id, &ingress_attr, draft.items, draft.actions, &error);
		ret = rule->flow ? 0 : -rte_errno;
	}
	*reason = error.message;
	return ret;
}

/* ---- all rules ---- */

static int flow_rule_compare(const void *a, const void *b)
{
	const struct rule *x = a, *y = b;

	if (x->is_group != y->is_group)
		return x->is_group - y->is_group;
	if (x->match != y->match)
		return x->match < y->match ? -1 : 1;
	return x->is_group ? gremc_steer_group_compare(&x->group, &y->group)
			   : gremc_steer_tunnel_compare(&x->tunnel, &y->tunnel);
}

/* Among the sorted ones, or the last one added: those that are added come in order. */
static bool flow_rules_contain(const struct gremc_flow_rules *flows, const struct rule *rule)
{
	if (flows->count > flows->sorted && flow_rule_compare(&flows->rules[flows->count - 1], rule) == 0)
		return true;
	return flows->sorted && bsearch(rule, flows->rules, flows->sorted, sizeof(*rule), flow_rule_compare);
}

/* There is room for the rule. */
static int flow_rule_add(struct gremc_flow_rules *flows, const struct gremc_port *port, struct rule rule,
			 const char **reason)
{
	int ret;

	if (flow_rules_contain(flows, &rule))
		return 0;
	ret = flow_rule_create(flows, port, &rule, reason);
	if (ret == 0)
		flows->rules[flows->count++] = rule;
	return ret;
}

static int flow_rules_reserve(struct gremc_flow_rules *flows, uint32_t more)
{
	struct rule *rules;

	if (flows->count + more <= flows->room)
		return 0;
	rules = realloc(flows->rules, (flows->count + more) * sizeof(*rules));
	if (rules == NULL)
		return -ENOMEM;
	flows->rules = rules;
	flows->room = flows->count + more;
	return 0;
}

static bool flow_rule_destroy(const struct gremc_flow_rules *flows, const struct rule *rule)
{
	const struct gremc_prefix local = {rule->tunnel.local, 32};
	struct rte_flow_error error = {0};
	char text[GREMC_PREFIX_TEXT];

	if (rte_flow_destroy(flows->id, rule->flow, &error) == 0)
		return true;
	GREMC_LOG_LIMITED(ERR, "a flow rule for %s stays: %s",
			  gremc_prefix_format(text, rule->is_group ? &rule->group.group : &local),
			  error.message ? error.message : rte_strerror(rte_errno));
	return false;
}

/* All of the set, with such a match; what was there before stays. */
static int flow_rules_add_set(struct gremc_flow_rules *flows, const struct gremc_port *port,
			      const struct gremc_steer_set *steer, enum gremc_steer_match match,
			      const char **reason)
{
	int ret = flow_rules_reserve(flows, steer->tunnel_count + steer->group_count);

	for (uint32_t i = 0; i < steer->tunnel_count && ret == 0; i++)
		ret = flow_rule_add(
			flows, port,
			(struct rule){.match = match,
				      .tunnel = gremc_steer_tunnel_reduce(&steer->tunnels[i], match)},
			reason);
	for (uint32_t i = 0; i < steer->group_count && ret == 0; i++)
		ret = flow_rule_add(flows, port, (struct rule){.group = steer->groups[i], .is_group = true},
				    reason);
	return ret;
}

/* Destroy the rules from `first` on. */
static void flow_rules_truncate(struct gremc_flow_rules *flows, uint32_t first)
{
	uint32_t kept = first;

	for (uint32_t i = first; i < flows->count; i++)
		if (!flow_rule_destroy(flows, &flows->rules[i]))
			flows->rules[kept++] = flows->rules[i];
	flows->count = kept;
}

static void flow_rules_sort(struct gremc_flow_rules *flows)
{
	if (flows->count)
		qsort(flows->rules, flows->count, sizeof(*flows->rules), flow_rule_compare);
	flows->sorted = flows->count;
}

/* From now on all tunnels have rules of this match, which are there: others go. */
static void flow_rules_widen(struct gremc_flow_rules *flows, const struct gremc_port *port,
			     enum gremc_steer_match match, const char *reason)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < flows->count; i++) {
		const struct rule *rule = &flows->rules[i];

		if (rule->is_group || rule->match == match || !flow_rule_destroy(flows, rule))
			flows->rules[kept++] = *rule;
	}
	flows->count = kept;
	flows->match = match;
	GREMC_LOG(
		WARNING,
		"port %s: `%s` has no flow rule for each tunnel (%s): it brings %s; what of that is no tunnel's "
		"does not reach the kernel and is dropped, as unknown_peer, unknown_key or gre_protocol",
		port->name, port->device, reason ? reason : "out of memory", match_excess[match]);
}

int gremc_flow_rules_add(struct gremc_flow_rules *flows, const struct gremc_port *port,
			 const struct gremc_steer_set *steer, const char **reason)
{
	const uint32_t before = flows->count;
	enum gremc_steer_match match = flows->match;
	const char *first_reason = NULL;
	int ret = flow_rules_add_set(flows, port, steer, match, reason);

	/* less of a tunnel is no way out for groups alone */
	while (ret && steer->tunnel_count && match < GREMC_STEER_LOCAL) {
		first_reason = first_reason ? first_reason : *reason;
		flow_rules_truncate(flows, before);
		ret = flow_rules_add_set(flows, port, steer, ++match, reason);
	}
	if (ret && steer->tunnel_count)
		flow_rules_truncate(flows, before);
	if (ret == 0 && match != flows->match)
		flow_rules_widen(flows, port, match, first_reason);
	flow_rules_sort(flows);
	return ret;
}

static bool flow_rule_is_in_set(const struct rule *rule, const struct gremc_steer_set *steer)
{
	return rule->is_group ? gremc_steer_set_has_group(steer, &rule->group)
			      : gremc_steer_set_has_tunnel(steer, &rule->tunnel, rule->match);
}

/* Destroy the rules that are in the set, or those that are not. */
static void flow_rules_filter(struct gremc_flow_rules *flows, const struct gremc_steer_set *steer, bool in)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < flows->count; i++)
		if (flow_rule_is_in_set(&flows->rules[i], steer) != in ||
		    !flow_rule_destroy(flows, &flows->rules[i]))
			flows->rules[kept++] = flows->rules[i];
	flows->count = flows->sorted = kept;
}

void gremc_flow_rules_remove(struct gremc_flow_rules *flows, const struct gremc_steer_set *steer)
{
	flow_rules_filter(flows, steer, true);
}

void gremc_flow_rules_trim(struct gremc_flow_rules *flows, const struct gremc_steer_set *steer)
{
	flow_rules_filter(flows, steer, false);
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
