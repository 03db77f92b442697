/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <rte_cycles.h>

#include "vif/vif_priv.h"

#define CLOCK_SKEW 3600u /* seconds: no thread's clock reading is older */

/* ---- ranges of addresses ---- */

static int range_compare(const void *a, const void *b)
{
	const struct gremc_vif_range *left = a, *right = b;

	return (left->first > right->first) - (left->first < right->first);
}

/* Merge ranges that overlap. */
static void ranges_merge(struct gremc_vif_sources *ranges)
{
	uint32_t kept = 0;

	qsort(ranges->range, ranges->count, sizeof(ranges->range[0]), range_compare);
	for (uint32_t i = 0; i < ranges->count; i++) {
		struct gremc_vif_range *last = kept > 0 ? &ranges->range[kept - 1] : NULL;

		if (last && ranges->range[i].first <= last->last)
			last->last = RTE_MAX(last->last, ranges->range[i].last);
		else
			ranges->range[kept++] = ranges->range[i];
	}
	ranges->count = kept;
}

struct gremc_vif_sources *gremc_ranges_create(const struct gremc_prefix *prefixes, uint32_t count)
{
	struct gremc_vif_sources *ranges = malloc(sizeof(*ranges) + count * sizeof(ranges->range[0]));

	if (ranges == NULL)
		return NULL;
	ranges->count = count;
	for (uint32_t i = 0; i < count; i++) {
		const uint32_t first = rte_be_to_cpu_32(gremc_addr_to_ipv4(&prefixes[i].address));
		const uint32_t hosts = prefixes[i].length ? UINT32_MAX >> prefixes[i].length : UINT32_MAX;

		ranges->range[i] =
			(struct gremc_vif_range){first, first | (prefixes[i].length == 32 ? 0 : hosts)};
	}
	ranges_merge(ranges);
	return ranges;
}

bool gremc_ranges_are_equal(const struct gremc_vif_sources *a, const struct gremc_vif_sources *b)
{
	if (a == NULL || b == NULL)
		return a == b;
	return a->count == b->count && memcmp(a->range, b->range, a->count * sizeof(a->range[0])) == 0;
}

bool gremc_ranges_have(const struct gremc_vif_sources *ranges, rte_be32_t address)
{
	const uint32_t number = rte_be_to_cpu_32(address);
	uint32_t from = 0, to = ranges->count;

	/* find the first range, `to`, that begins behind the address */
	while (from < to) {
		uint32_t middle = (from + to) / 2;

		if (ranges->range[middle].first > number)
			to = middle;
		else
			from = middle + 1;
	}
	return to > 0 && number <= ranges->range[to - 1].last;
}

/* ---- policers ---- */

/* Time units of one token at a rate per second, rounded. */
static uint64_t token_cost(double rate)
{
	return rate > 0 ? (uint64_t)((double)rte_get_tsc_hz() * (1 << GREMC_POLICER_SHIFT) / rate + 0.5) : 0;
}

static void policers_init(struct gremc_policy_direction *direction, const struct gremc_config_rate *rate)
{
	const uint64_t burst = (rte_get_tsc_hz() << GREMC_POLICER_SHIFT) / 1000 * rate->burst;

	direction->packets = (struct gremc_policer){.packet_cost = token_cost(rate->pps), .burst = burst};
	direction->bytes =
		(struct gremc_policer){.byte_cost = token_cost(rate->kbps * 125.0), .burst = burst};
}

/* Keep the tokens of a policer whose rate does not change. */
static void policers_continue(struct gremc_policy_direction *direction,
			      const struct gremc_policy_direction *old)
{
	gremc_u64_store(&direction->packets.arrival, gremc_u64_load(&old->packets.arrival));
	gremc_u64_store(&direction->bytes.arrival, gremc_u64_load(&old->bytes.arrival));
}

/* Take `cost` from a bucket. A packet passes a full bucket even if it costs more. */
static bool tokens_take(struct gremc_policer *policer, uint64_t now, uint64_t cost)
{
	const uint64_t limit = RTE_MAX(policer->burst, cost);
	const uint64_t farthest = limit + (rte_get_tsc_hz() << GREMC_POLICER_SHIFT) * CLOCK_SKEW;
	uint64_t arrival, ahead;

	do {
		arrival = gremc_u64_load(&policer->arrival);
		ahead = arrival - now;
		/* The clock has passed the arrival: the bucket is full. An arrival ahead by more than the
		 * burst is that of a thread that read the clock later. */
		if (ahead > farthest)
			ahead = 0;
		if (ahead + cost > limit)
			return false;
	} while (!gremc_u64_replace(&policer->arrival, arrival, now + ahead + cost));
	return true;
}

bool gremc_policer_accept(struct gremc_policy_direction *direction, uint64_t now, uint16_t length)
{
	const uint64_t units = now << GREMC_POLICER_SHIFT, packet_cost = direction->packets.packet_cost;
	const uint64_t bytes_cost = direction->bytes.byte_cost * length;

	if (packet_cost && !tokens_take(&direction->packets, units, packet_cost))
		return false;
	if (bytes_cost == 0 || tokens_take(&direction->bytes, units, bytes_cost))
		return true;
	if (packet_cost)
		gremc_u64_add(&direction->packets.arrival, -packet_cost);
	return false;
}

/* ---- checks of packets ---- */

enum gremc_drop gremc_policy_check_input(const struct gremc_policy *policy, rte_be32_t source,
					 rte_be32_t group)
{
	if (policy->in.groups && gremc_ranges_have(policy->in.groups, group))
		return GREMC_DROP_boundary;
	if (policy->in.sources && !gremc_ranges_have(policy->in.sources, source))
		return GREMC_DROP_source_filter;
	return GREMC_DROP_NONE;
}

enum gremc_tx_drop gremc_policy_check_output(const struct gremc_policy *policy, uint8_t ttl,
					     rte_be32_t source, rte_be32_t group)
{
	if (policy->out.groups && gremc_ranges_have(policy->out.groups, group))
		return GREMC_TX_DROP_oif_scope;
	if (policy->out.sources && !gremc_ranges_have(policy->out.sources, source))
		return GREMC_TX_DROP_oif_source;
	if (ttl <= policy->ttl_threshold)
		return GREMC_TX_DROP_oif_scope;
	return GREMC_TX_DROP_NONE;
}

/* ---- the policy of a vif ---- */

static void direction_free(struct gremc_policy_direction *direction)
{
	free(direction->groups);
	free(direction->sources);
}

void gremc_policy_free(void *argument)
{
	struct gremc_policy *policy = argument;

	if (policy == NULL)
		return;
	direction_free(&policy->in);
	direction_free(&policy->out);
	free(policy);
}

static bool direction_init(struct gremc_policy_direction *direction,
			   const struct gremc_config_policy_direction *config)
{
	policers_init(direction, &config->rate);
	if (config->group_count)
		direction->groups = gremc_ranges_create(config->groups, config->group_count);
	if (config->source_count)
		direction->sources = gremc_ranges_create(config->sources, config->source_count);
	return (direction->groups || config->group_count == 0) &&
	       (direction->sources || config->source_count == 0);
}

/* Returns: NULL: out of memory. */
static struct gremc_policy *policy_create(const struct gremc_config_policy *config)
{
	struct gremc_policy *policy = aligned_alloc(RTE_CACHE_LINE_SIZE, RTE_ALIGN_CEIL(sizeof(*policy), 64));

	if (policy == NULL)
		return NULL;
	memset(policy, 0, sizeof(*policy));
	policy->ttl_threshold = (uint8_t)config->ttl_threshold;
	policy->max_fanout = config->max_fanout;
	policy->in_rate = config->in.rate;
	policy->out_rate = config->out.rate;
	if (direction_init(&policy->in, &config->in) && direction_init(&policy->out, &config->out))
		return policy;
	gremc_policy_free(policy);
	return NULL;
}

static bool rate_is_equal(const struct gremc_config_rate *a, const struct gremc_config_rate *b)
{
	return a->pps == b->pps && a->kbps == b->kbps && a->burst == b->burst;
}

static bool policy_is_equal(const struct gremc_policy *a, const struct gremc_policy *b)
{
	return a->ttl_threshold == b->ttl_threshold && a->max_fanout == b->max_fanout &&
	       rate_is_equal(&a->in_rate, &b->in_rate) && rate_is_equal(&a->out_rate, &b->out_rate) &&
	       gremc_ranges_are_equal(a->in.groups, b->in.groups) &&
	       gremc_ranges_are_equal(a->in.sources, b->in.sources) &&
	       gremc_ranges_are_equal(a->out.groups, b->out.groups) &&
	       gremc_ranges_are_equal(a->out.sources, b->out.sources);
}

int gremc_vif_policy_set(struct gremc_vifs *vifs, uint32_t vif, const struct gremc_config_policy *config)
{
	struct gremc_policy *old = gremc_pointer_load(&vifs->policy[vif]);
	struct gremc_policy *policy = config ? policy_create(config) : NULL;

	gremc_assert_control_thread();
	gremc_assert(gremc_vif_info_load(vifs, vif) != NULL);
	if (config && policy == NULL)
		return -ENOMEM;
	if (policy && old && policy_is_equal(policy, old)) {
		gremc_policy_free(policy);
		return 0;
	}
	if (policy && old && rate_is_equal(&policy->in_rate, &old->in_rate))
		policers_continue(&policy->in, &old->in);
	if (policy && old && rate_is_equal(&policy->out_rate, &old->out_rate))
		policers_continue(&policy->out, &old->out);
	gremc_pointer_store_release(&vifs->policy[vif], policy);
	gremc_vif_policy_apply(vifs, vif);
	if (old)
		gremc_vif_defer(vifs->priv, gremc_policy_free, old);
	return 0;
}
