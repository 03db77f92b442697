/* SPDX-License-Identifier: BSD-3-Clause */
/* Objects that several commands read, and their names. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <arpa/inet.h>

#include "telemetry/telemetry_priv.h"

char *gremc_query_vif_name(const struct gremc_query *query, uint32_t vif, char name[GREMC_VIF_NAME_SIZE])
{
	const struct gremc_vif_info *info = gremc_query_vif(query, vif);

	gremc_assert(vif < GREMC_VIFS_MAX);
	if (info)
		gremc_text_copy(name, GREMC_VIF_NAME_SIZE, info->name);
	else
		snprintf(name, GREMC_VIF_NAME_SIZE, "#%u", vif);
	return name;
}

const char *gremc_query_port_name(const struct gremc_query *query, uint16_t port)
{
	const struct gremc_ports *ports = query->telemetry->ports;

	return port < ports->count && ports->port[port] ? ports->port[port]->name : "";
}

uint64_t gremc_counters_sum(const uint64_t *counters, unsigned count)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < count; i++)
		sum += counters[i];
	return sum;
}

void gremc_query_totals(const struct gremc_query *query, struct gremc_totals *sum)
{
	memset(sum, 0, sizeof(*sum));
	for (unsigned i = 0; i < query->telemetry->stats_count; i++)
		gremc_stats_read(query->telemetry->stats[i], sum);
	/* The workers are read one after another, so a replica may be counted as sent by a worker that is
	 * read later than the worker that created it. Such replicas are added to `wanted`, so that the sums
	 * of stats.h hold. */
	if ((int64_t)sum->queued < 0) {
		sum->wanted -= sum->queued;
		sum->queued = 0;
	}
	/* likewise for input packets */
	if ((int64_t)sum->relayed < 0) {
		sum->rx_packets -= sum->relayed;
		sum->relayed = 0;
	}
}

void gremc_reply_next_hop(struct rte_tel_data *dict, const char *key, const struct gremc_adjacency *adjacency)
{
	struct gremc_addr address = GREMC_ADDR_IPV4(adjacency->next_hop);

	if (adjacency->next_hop == GREMC_NEXT_HOP_IPV6) {
		address.family = GREMC_FAMILY_IPV6;
		memcpy(address.bytes, adjacency->next_hop6, sizeof(address.bytes));
	}
	gremc_reply_address(dict, key, &address);
}

void gremc_reply_adjacency_mac(struct rte_tel_data *dict, const char *key,
			       const struct gremc_adjacency *adjacency)
{
	struct rte_ether_addr mac;

	if (adjacency == NULL || !adjacency->known) {
		gremc_reply_text(dict, key, "");
	} else if (adjacency->next_hop == 0) {
		gremc_reply_text(dict, key, "by group");
	} else {
		memcpy(&mac, &adjacency->l2[GREMC_L2_MAX - adjacency->l2_length], sizeof(mac));
		gremc_reply_mac(dict, key, &mac);
	}
}

char *gremc_source_format(char text[GREMC_IPV4_TEXT], rte_be32_t source)
{
	if (source != 0)
		return gremc_ipv4_format(text, source);
	gremc_text_copy(text, GREMC_IPV4_TEXT, "*");
	return text;
}

char *gremc_group_format(char text[GREMC_PREFIX_TEXT], rte_be32_t group, uint8_t length)
{
	const struct gremc_prefix prefix = GREMC_PREFIX_IPV4(group, length);

	return length == 32 ? gremc_ipv4_format(text, group) : gremc_prefix_format(text, &prefix);
}

/* All origins of the interfaces, such as "static+igmp". */
static char *origins_format(char *text, size_t size, const struct gremc_mroute *mroute)
{
	size_t length = 0;

	text[0] = '\0';
	for (unsigned i = 0; i < GREMC_ORIGIN_COUNT; i++)
		if (mroute->origins >> i & 1)
			length += (size_t)snprintf(text + length, size - length, "%s%s", length ? "+" : "",
						   gremc_keyword_name(&gremc_origin_keywords, i));
	return text;
}

/* Seconds since the route was added to the table, by the control thread's clock. */
static uint64_t mroute_age_seconds(const struct gremc_query *query, uint32_t id)
{
	uint32_t since = gremc_rib_since(query->telemetry->rib, id);
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec > since ? (uint64_t)now.tv_sec - since : 0;
}

/* Count the oifs that accept packets by their source, or by their TTL. */
static uint32_t mroute_conditional_oifs(const struct gremc_mroute *mroute, bool by_source)
{
	uint32_t count = 0;

	for (uint32_t i = 0; mroute->limited && i < mroute->oif_count; i++)
		count += gremc_mroute_thresholds(mroute)[i] > 0 &&
			 (gremc_mroute_thresholds(mroute)[i] == GREMC_THRESHOLD_SOURCES) == by_source;
	return count;
}

void gremc_reply_mroute(const struct gremc_query *query, struct rte_tel_data *dict,
			const struct gremc_mroute *mroute)
{
	char text[GREMC_PREFIX_TEXT], name[GREMC_VIF_NAME_SIZE];

	gremc_reply_text(dict, "source", gremc_source_format(text, mroute->source));
	gremc_reply_text(dict, "group", gremc_group_format(text, mroute->group, mroute->length));
	gremc_reply_text(dict, "origin", gremc_keyword_name(&gremc_origin_keywords, mroute->origin));
	gremc_reply_text(dict, "origins", origins_format(text, sizeof(text), mroute));
	gremc_reply_u64(dict, "age", mroute_age_seconds(query, mroute->id));
	gremc_reply_u64(dict, "branch", mroute->branch);
	gremc_reply_text(dict, "iif",
			 mroute->iif_count == 1 ? gremc_query_vif_name(query, mroute->iif, name) : "");
	gremc_reply_u64(dict, "iifs", mroute->iif_count);
	gremc_reply_u64(dict, "oifs", mroute->oif_count);
	gremc_reply_u64(dict, "thresholds", mroute_conditional_oifs(mroute, false));
	gremc_reply_u64(dict, "guarded", mroute_conditional_oifs(mroute, true));
	gremc_reply_text(dict, "order",
			 gremc_keyword_name(&gremc_order_keywords,
					    mroute->rotates ? GREMC_ORDER_ROTATE : GREMC_ORDER_FIXED));
}
