/* SPDX-License-Identifier: BSD-3-Clause */
/* The state of IGMP for a hypothetical packet. */
#include <string.h>

#include "telemetry/why_priv.h"

#define MISSING 32 /* interfaces that a reply names as not joined */

/* Whether a membership includes this source. */
static bool group_includes_source(const struct packet_query *packet_query,
				  const struct gremc_igmp_group_info *info)
{
	uint32_t shown = RTE_MIN(info->source_count, GREMC_IGMP_INFO_SOURCES);

	for (uint32_t i = 0; i < shown; i++)
		if (gremc_addr_to_ipv4(&info->sources[i].address) == packet_query->key.source)
			return !info->sources[i].excluded;
	/* the state of sources beyond those shown is unknown; such a member is not reported as missing */
	return info->exclude || info->is_static || info->source_count > shown;
}

void gremc_why_missing_members_reply(const struct packet_query *packet_query, struct rte_tel_data *reply)
{
	struct gremc_query *query = packet_query->query;
	struct gremc_igmp *igmp = query->telemetry->igmp;
	struct rte_tel_data *names = gremc_query_array(query, reply, "not_joined", RTE_TEL_STRING_VAL);
	const struct gremc_addr address = gremc_addr_from_ipv4(packet_query->key.group);
	struct gremc_igmp_interface_info info;
	char name[GREMC_VIF_NAME_SIZE];
	unsigned named = 0;

	for (uint32_t at = 0; named < MISSING && gremc_igmp_interface_info_get(igmp, at, &info);
	     at = info.interface + 1) {
		struct gremc_igmp_group_info group;

		if (info.mode != GREMC_IGMP_QUERIER ||
		    (gremc_igmp_group_find(igmp, info.interface, &address, &group) &&
		     group_includes_source(packet_query, &group)))
			continue;
		gremc_query_interface_name(query, info.interface, name);
		if (*name == '\0' || strcmp(name, packet_query->iif_name) == 0)
			continue;
		gremc_reply_array_text(names, name);
		named++;
	}
}

bool gremc_why_igmp_is_used(const struct packet_query *packet_query)
{
	struct gremc_igmp_interface_info info;

	return gremc_igmp_interface_info_get(packet_query->query->telemetry->igmp, 0, &info);
}

/* The state of IGMP for a packet that no mroute covers. */
struct membership_summary {
	uint32_t members; /* interfaces whose membership includes it */
	uint32_t refused; /* interfaces with a join that was refused or evicted */
	uint32_t first;   /* of the members */
};

static struct membership_summary membership_summary(const struct packet_query *packet_query)
{
	struct gremc_igmp *igmp = packet_query->query->telemetry->igmp;
	const struct gremc_addr address = gremc_addr_from_ipv4(packet_query->key.group);
	struct membership_summary state = {0};
	struct gremc_igmp_interface_info info;
	struct gremc_igmp_group_info group;

	for (uint32_t at = 0; gremc_igmp_interface_info_get(igmp, at, &info); at = info.interface + 1) {
		if (info.mode != GREMC_IGMP_QUERIER)
			continue;
		if (gremc_igmp_group_find(igmp, info.interface, &address, &group) &&
		    group_includes_source(packet_query, &group) && state.members++ == 0)
			state.first = info.interface;
		state.refused +=
			info.counters[GREMC_IGMP_COUNT_budget] || info.counters[GREMC_IGMP_COUNT_evicted];
	}
	return state;
}

bool gremc_why_igmp_explains_no_mroute(const struct packet_query *packet_query)
{
	struct membership_summary state = membership_summary(packet_query);

	return state.members || state.refused;
}

void gremc_why_no_member_reply(const struct packet_query *packet_query, struct rte_tel_data *reply,
			       const char *key)
{
	struct membership_summary state = membership_summary(packet_query);
	char name[GREMC_VIF_NAME_SIZE];

	/* a telemetry string has 127 characters at most */
	if (state.members)
		gremc_reply_format(
			reply, key,
			"joined at %u interface%s (%s first), but there is no capacity for its mroute; "
			"tried again every second",
			state.members, state.members == 1 ? "" : "s",
			gremc_query_interface_name(packet_query->query, state.first, name));
	else if (state.refused)
		gremc_reply_format(
			reply, key,
			"not joined now; %u interface%s had joins refused or given up: all memberships "
			"are at their limit (/gremc/igmp)",
			state.refused, state.refused == 1 ? "" : "s");
	else
		gremc_reply_text(reply, key,
				 "no interface has joined it by IGMP (/gremc/groups), and no other mroute "
				 "covers it (/gremc/mroutes)");
}
