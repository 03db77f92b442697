/* SPDX-License-Identifier: BSD-3-Clause */
/* A NIC in isolated mode: its driver (mlx5) shares it with the kernel. DPDK receives only the packets that
 * flow rules match; the kernel receives all others.
 *
 * The capabilities of a device are found by rte_flow_validate(): styles and matches are tried once, from the
 * best on. When a device cannot match a tunnel exactly, or has no space for one rule per tunnel, the rules
 * match less. Then other GRE arrives, too, which cannot return to the kernel and is dropped with a reason.
 *
 * Each rule is a call of the driver. So a change of the rules pauses its job after each of them, also where
 * the list is incomplete; only gremc_steer_is_busy() prevents a use of the list meanwhile. */
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "base/job.h"
#include "steer/flow_priv.h"

/* A form of a rule. Inner RSS distributes the packets of one tunnel; some devices need the GRE item for it.
 */
struct flow_style {
	bool gre_item;
	bool rss;
	uint32_t level;   /* of RSS; 0: the device chooses */
	const char *lack; /* for a warning; NULL: none */
};

static const struct flow_style flow_styles[] = {
	{true, true, GREMC_FLOW_RSS_INNER, NULL},
	{true, true, 0, "RSS sees outer headers only: all packets of a tunnel arrive in one queue"},
	{false, true, 0, "RSS sees outer headers only: all packets of a tunnel arrive in one queue"},
	{false, false, 0, "no RSS in flow rules: all packets arrive in queue 0"},
};

/* The packets that a match takes beside those of the tunnels. */
static const char *const match_excess[GREMC_STEER_MATCHES] = {
	[GREMC_STEER_ADDRESSES] = "all GRE between the addresses of a tunnel",
	[GREMC_STEER_LOCAL] = "all GRE to the `local` of a tunnel",
};

/* The styles of rules for UDP, behind those of GRE by match. */
enum udp_style { GROUP_STYLE = GREMC_STEER_MATCHES, UDP_STYLE, STYLES };

struct flow_rule {
	bool is_group;
	enum gremc_steer_match match;     /* of a tunnel */
	struct gremc_steer_tunnel tunnel; /* reduced to the match */
	struct gremc_steer_group group;
	struct rte_flow *flow;
};

struct gremc_flow_rules {
	uint16_t id;                            /* ethdev */
	enum gremc_steer_match match;           /* of all tunnels; never becomes more exact */
	const struct flow_style *style[STYLES]; /* by flow_rule_style_index(); NULL: not chosen yet */
	struct flow_rule *rule;                 /* [0, sorted) are sorted */
	uint32_t count, sorted, capacity;
};

int gremc_flow_rules_isolate(const struct gremc_steer_device *device, struct gremc_flow_rules **rules,
			     struct gremc_errors *errors)
{
	struct rte_flow_error error = {0};
	int ret = rte_flow_isolate(device->id, 1, &error);

	if (ret) {
		gremc_errors_add(errors, NULL, 0, 0,
				 "ethernets.%s: `%s` (driver %s) cannot be shared with the kernel by "
				 "`isolate`: %s; mlx5 can; remove `isolate` to use the whole device, or use "
				 "`interface:` instead of `device:`",
				 device->port, device->name, device->driver,
				 error.message ? error.message : rte_strerror(-ret));
		return ret;
	}
	*rules = calloc(1, sizeof(**rules));
	if (*rules == NULL) {
		gremc_errors_add(errors, NULL, 0, 0, "ethernets.%s: out of memory", device->port);
		return -ENOMEM;
	}
	(*rules)->id = device->id;
	return 0;
}

/* ---- one rule ---- */

static bool flow_rule_is_gre(const struct flow_rule *rule)
{
	return !rule->is_group && rule->tunnel.udp_port == 0;
}

/* The place of the rule's style in struct gremc_flow_rules. */
static unsigned flow_rule_style_index(const struct flow_rule *rule)
{
	if (rule->is_group)
		return GROUP_STYLE;
	return rule->tunnel.udp_port ? UDP_STYLE : (unsigned)rule->match;
}

/* A rule for a tunnel. The items of rte_flow cannot match GRE inside UDP, so one rule takes all tunnels of
 * GRE-in-UDP between two addresses on one port. */
static struct flow_rule tunnel_rule_make(const struct gremc_steer_tunnel *tunnel,
					 enum gremc_steer_match match)
{
	if (tunnel->udp_port && match == GREMC_STEER_TUNNEL)
		match = GREMC_STEER_ADDRESSES;
	return (struct flow_rule){.match = match, .tunnel = gremc_steer_tunnel_reduce(tunnel, match)};
}

/* Rules for groups take UDP only, so that IGMP and routing protocols stay with the kernel. */
static struct gremc_flow_pattern flow_rule_pattern(const struct flow_rule *rule,
						   const struct flow_style *style)
{
	if (rule->is_group)
		return (struct gremc_flow_pattern){
			.protocol = IPPROTO_UDP,
			.destination = rule->group.group.address.ipv4,
			.destination_mask = gremc_ipv4_mask(rule->group.group.length),
			.source = rule->group.source,
		};
	if (rule->tunnel.udp_port)
		return (struct gremc_flow_pattern){
			.protocol = IPPROTO_UDP,
			.destination = rule->tunnel.local,
			.destination_mask = UINT32_MAX,
			.source = rule->tunnel.remote,
			.port = rule->tunnel.udp_port,
		};
	return (struct gremc_flow_pattern){
		.protocol = IPPROTO_GRE,
		.destination = rule->tunnel.local,
		.destination_mask = UINT32_MAX,
		.source = rule->tunnel.remote,
		.gre_item = style->gre_item,
		.gre_fields = rule->match == GREMC_STEER_TUNNEL,
		.has_key = rule->tunnel.has_key,
		.key = rule->tunnel.key,
	};
}

static void flow_rule_draft(struct gremc_flow_draft *draft, const struct gremc_steer_device *device,
			    const struct flow_rule *rule, const struct flow_style *style)
{
	const struct gremc_flow_pattern pattern = flow_rule_pattern(rule, style);
	const struct gremc_flow_spread spread = {
		.rss = style->rss,
		.level = flow_rule_is_gre(rule) ? style->level : 0,
		.rx_queues = device->rx_queues,
	};

	gremc_flow_draft_init(draft, &pattern, device->vlan, &spread);
}

/* Choose the best style that the device accepts for such a rule. Returns 0, or the error of the last style.
 */
static int flow_style_choose(struct gremc_flow_rules *rules, const struct gremc_steer_device *device,
			     const struct flow_rule *rule, struct rte_flow_error *error)
{
	const struct flow_style **chosen = &rules->style[flow_rule_style_index(rule)];
	struct gremc_flow_draft draft;
	int ret = -ENOTSUP;

	for (unsigned i = 0; i < RTE_DIM(flow_styles) && ret; i++) {
		flow_rule_draft(&draft, device, rule, &flow_styles[i]);
		ret = rte_flow_validate(rules->id, &gremc_flow_ingress, draft.items, draft.actions, error);
		if (ret == 0)
			*chosen = &flow_styles[i];
	}
	if (ret == 0 && flow_rule_is_gre(rule) && device->rx_queues > 1 && (*chosen)->lack)
		GREMC_LOG(WARNING, "port %s: flow rules of `%s`: %s", device->port, device->name,
			  (*chosen)->lack);
	return ret;
}

static int flow_rule_create(struct gremc_flow_rules *rules, const struct gremc_steer_device *device,
			    struct flow_rule *rule, const char **reason)
{
	const struct flow_style *const *style = &rules->style[flow_rule_style_index(rule)];
	struct rte_flow_error error = {0};
	struct gremc_flow_draft draft;
	int ret = *style ? 0 : flow_style_choose(rules, device, rule, &error);

	if (ret == 0) {
		flow_rule_draft(&draft, device, rule, *style);
		rule->flow =
			rte_flow_create(rules->id, &gremc_flow_ingress, draft.items, draft.actions, &error);
		ret = rule->flow ? 0 : -rte_errno;
	}
	*reason = error.message;
	return ret;
}

/* Returns whether the rule is gone. A rule that the device keeps stays in the list, for the next attempt. */
static bool flow_rule_destroy(const struct gremc_flow_rules *rules, const struct flow_rule *rule)
{
	const struct gremc_prefix local = GREMC_PREFIX_IPV4(rule->tunnel.local, 32);
	struct rte_flow_error error = {0};
	char text[GREMC_PREFIX_TEXT];

	if (rte_flow_destroy(rules->id, rule->flow, &error) == 0)
		return true;
	GREMC_LOG_LIMITED(ERR, "the flow rule for %s cannot be destroyed: %s",
			  gremc_prefix_format(text, rule->is_group ? &rule->group.group : &local),
			  error.message ? error.message : rte_strerror(rte_errno));
	return false;
}

/* ---- all rules ---- */

static int flow_rule_compare(const void *a, const void *b)
{
	const struct flow_rule *x = a, *y = b;

	if (x->is_group != y->is_group)
		return x->is_group - y->is_group;
	if (x->match != y->match)
		return x->match < y->match ? -1 : 1;
	return x->is_group ? gremc_steer_group_compare(&x->group, &y->group)
			   : gremc_steer_tunnel_compare(&x->tunnel, &y->tunnel);
}

/* Rules are added in order, so an unsorted duplicate is the last one. */
static bool flow_rules_contain(const struct gremc_flow_rules *rules, const struct flow_rule *rule)
{
	if (rules->count > rules->sorted && flow_rule_compare(&rules->rule[rules->count - 1], rule) == 0)
		return true;
	return rules->sorted && bsearch(rule, rules->rule, rules->sorted, sizeof(*rule), flow_rule_compare);
}

static int flow_rules_reserve(struct gremc_flow_rules *rules, uint32_t more)
{
	struct flow_rule *rule;

	if (rules->count + more <= rules->capacity)
		return 0;
	rule = realloc(rules->rule, (rules->count + more) * sizeof(*rule));
	if (rule == NULL)
		return -ENOMEM;
	rules->rule = rule;
	rules->capacity = rules->count + more;
	return 0;
}

/* The list has capacity for the rule. */
static int flow_rule_add(struct gremc_flow_rules *rules, const struct gremc_steer_device *device,
			 struct flow_rule rule, const char **reason)
{
	int ret;

	if (flow_rules_contain(rules, &rule))
		return 0;
	ret = flow_rule_create(rules, device, &rule, reason);
	if (ret)
		return ret;
	gremc_assert(rules->count < rules->capacity);
	rules->rule[rules->count++] = rule;
	return 0;
}

/* Add rules with such a match for all of the set. */
static int flow_rules_add_set(struct gremc_flow_rules *rules, const struct gremc_steer_device *device,
			      const struct gremc_steer_set *set, enum gremc_steer_match match,
			      const char **reason)
{
	int ret = flow_rules_reserve(rules, set->tunnel_count + set->group_count);

	for (uint32_t i = 0; i < set->tunnel_count && ret == 0; i++) {
		ret = flow_rule_add(rules, device, tunnel_rule_make(&set->tunnels[i], match), reason);
		gremc_job_pause();
	}
	for (uint32_t i = 0; i < set->group_count && ret == 0; i++) {
		ret = flow_rule_add(rules, device,
				    (struct flow_rule){.group = set->groups[i], .is_group = true}, reason);
		gremc_job_pause();
	}
	return ret;
}

/* Destroy the rules from `first` on. */
static void flow_rules_truncate(struct gremc_flow_rules *rules, uint32_t first)
{
	uint32_t kept = first;

	for (uint32_t i = first; i < rules->count; i++) {
		if (!flow_rule_destroy(rules, &rules->rule[i]))
			rules->rule[kept++] = rules->rule[i];
		gremc_job_pause();
	}
	rules->count = kept;
}

static void flow_rules_sort(struct gremc_flow_rules *rules)
{
	gremc_steer_sort(rules->rule, rules->count, sizeof(*rules->rule), flow_rule_compare);
	rules->sorted = rules->count;
}

/* All tunnels have rules with this wider match now: destroy the rules of the match before. */
static void flow_rules_widen(struct gremc_flow_rules *rules, const struct gremc_steer_device *device,
			     enum gremc_steer_match match, const char *reason)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < rules->count; i++) {
		const struct flow_rule *rule = &rules->rule[i];

		if (rule->is_group || rule->match == match || !flow_rule_destroy(rules, rule))
			rules->rule[kept++] = *rule;
		gremc_job_pause();
	}
	rules->count = kept;
	rules->match = match;
	GREMC_LOG(WARNING,
		  "port %s: `%s` has no flow rule for each tunnel (%s): it delivers %s; other GRE among it "
		  "does not reach the kernel and is dropped as unknown_peer, unknown_key or gre_protocol",
		  device->port, device->name, reason ? reason : "out of memory", match_excess[match]);
}

int gremc_flow_rules_add(struct gremc_flow_rules *rules, const struct gremc_steer_device *device,
			 const struct gremc_steer_set *set, const char **reason)
{
	const uint32_t before = rules->count;
	enum gremc_steer_match match = rules->match;
	const char *first_reason = NULL;
	int ret = flow_rules_add_set(rules, device, set, match, reason);

	/* a wider match of tunnels helps only where there are tunnels */
	while (ret && set->tunnel_count && match < GREMC_STEER_LOCAL) {
		first_reason = first_reason ? first_reason : *reason;
		flow_rules_truncate(rules, before);
		ret = flow_rules_add_set(rules, device, set, ++match, reason);
	}
	if (ret && set->tunnel_count)
		flow_rules_truncate(rules, before);
	if (ret == 0 && match != rules->match)
		flow_rules_widen(rules, device, match, first_reason);
	flow_rules_sort(rules);
	return ret;
}

static bool flow_rule_is_in_set(const struct flow_rule *rule, const struct gremc_steer_set *set)
{
	return rule->is_group ? gremc_steer_set_has_group(set, &rule->group)
			      : gremc_steer_set_has_tunnel(set, &rule->tunnel, rule->match);
}

void gremc_flow_rules_remove(struct gremc_flow_rules *rules, const struct gremc_steer_set *set)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < rules->count; i++) {
		if (!flow_rule_is_in_set(&rules->rule[i], set) || !flow_rule_destroy(rules, &rules->rule[i]))
			rules->rule[kept++] = rules->rule[i];
		gremc_job_pause();
	}
	rules->count = rules->sorted = kept;
}

void gremc_flow_rules_trim(struct gremc_flow_rules *rules, const struct gremc_steer_set *set)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < rules->count; i++) {
		if (flow_rule_is_in_set(&rules->rule[i], set) || !flow_rule_destroy(rules, &rules->rule[i]))
			rules->rule[kept++] = rules->rule[i];
		gremc_job_pause();
	}
	rules->count = rules->sorted = kept;
}

void gremc_flow_rules_destroy(struct gremc_flow_rules *rules)
{
	const struct gremc_steer_set nothing = {0};

	if (rules == NULL)
		return;
	gremc_flow_rules_trim(rules, &nothing);
	free(rules->rule);
	free(rules);
}
