/* SPDX-License-Identifier: BSD-3-Clause */
/* /gremc/igmp, /gremc/groups: who asks, who is a member of what. */
#include <stdio.h>
#include <string.h>

#include "telemetry/telemetry_priv.h"

#define IGMP_PAGE   6
#define GROUPS_PAGE 20

/* A list without gaps that the engine pages by itself: begin the reply with it. */
static void begin_page(struct gremc_query *query, uint32_t total, uint32_t offset, uint32_t next)
{
	gremc_reply_u64(query->reply, "total", total);
	gremc_reply_u64(query->reply, "offset", offset);
	gremc_reply_u64(query->reply, "next", next);
}

static struct rte_tel_data *entry_of(struct gremc_query *query, struct rte_tel_data *list, uint32_t number)
{
	char key[16];

	snprintf(key, sizeof(key), "%u", number);
	return gremc_query_dict(query, list, key);
}

char *gremc_query_interface_name(const struct gremc_query *query, uint32_t interface,
				 char name[GREMC_VIF_NAME_SIZE])
{
	uint32_t vif = __atomic_load_n(&query->telemetry->interface_vif[interface], __ATOMIC_RELAXED);

	/* its tunnel has gone since */
	if (vif == GREMC_VIF_NONE)
		return strcpy(name, "");
	return gremc_query_vif_name(query, vif, name);
}

static void reply_interface(struct gremc_query *query, struct rte_tel_data *dict,
			    const struct gremc_igmp_interface_info *info)
{
	static const char *const modes[] = {"off", "querier", "upstream"};
	char name[GREMC_VIF_NAME_SIZE];
	struct rte_tel_data *counters;

	gremc_reply_text(dict, "interface", gremc_query_interface_name(query, info->interface, name));
	gremc_reply_text(dict, "mode", modes[info->mode]);
	gremc_reply_u64(dict, "version", info->version);
	gremc_reply_u64(dict, "is_querier", info->is_querier);
	gremc_reply_address(dict, "address", info->address);
	gremc_reply_address(dict, "querier", info->querier);
	gremc_reply_u64(dict, "querier_expires", info->querier_expires);
	gremc_reply_u64(dict, "next_query", info->next_query);
	gremc_reply_u64(dict, "robustness", info->robustness);
	gremc_reply_u64(dict, "query_interval", info->query_interval);
	gremc_reply_u64(dict, "group_timeout", info->group_timeout);
	gremc_reply_u64(dict, "groups", info->groups);
	counters = gremc_query_dict(query, dict, "counters");
	for (unsigned i = 0; i < GREMC_IGMP_COUNTER_COUNT; i++)
		if (info->counters[i])
			gremc_reply_u64(counters, gremc_igmp_counter_name(i), info->counters[i]);
}

void gremc_answer_igmp(struct gremc_query *query)
{
	struct gremc_igmp_interface_info infos[IGMP_PAGE + 1];
	uint32_t offset, at, count = 0, total = 0;
	struct gremc_igmp_interface_info info;
	struct rte_tel_data *list;

	if (!gremc_query_offset(query, 0, &offset))
		return;
	for (at = 0; gremc_igmp_interface_info(query->telemetry->igmp, at, &info); at = info.interface + 1) {
		total++;
		if (info.interface >= offset && count <= IGMP_PAGE)
			infos[count++] = info;
	}
	begin_page(query, total, offset, count > IGMP_PAGE ? infos[IGMP_PAGE].interface : 0);
	gremc_reply_u64(query->reply, "unsent",
			__atomic_load_n(query->telemetry->igmp_unsent, __ATOMIC_RELAXED));
	list = gremc_query_dict(query, query->reply, "list");
	for (uint32_t i = 0; i < RTE_MIN(count, (uint32_t)IGMP_PAGE); i++)
		reply_interface(query, entry_of(query, list, infos[i].interface), &infos[i]);
}

static void reply_group(struct gremc_query *query, struct rte_tel_data *dict,
			const struct gremc_igmp_group_info *info)
{
	uint32_t shown = RTE_MIN(info->source_count, GREMC_IGMP_INFO_SOURCES);
	char name[GREMC_VIF_NAME_SIZE], text[GREMC_IPV4_TEXT + 8];
	struct rte_tel_data *sources;

	gremc_reply_text(dict, "interface", gremc_query_interface_name(query, info->interface, name));
	gremc_reply_address(dict, "group", info->group);
	gremc_reply_text(dict, "mode", info->exclude ? "exclude" : "include");
	gremc_reply_u64(dict, "static", info->is_static);
	gremc_reply_u64(dict, "version", info->version);
	gremc_reply_u64(dict, "age", info->age);
	gremc_reply_u64(dict, "expires", info->expires);
	gremc_reply_u64(dict, "sources", info->source_count);
	sources = gremc_query_array(query, dict, "source_list", RTE_TEL_STRING_VAL);
	for (uint32_t i = 0; i < shown; i++) {
		char address[GREMC_IPV4_TEXT];

		/* a source that is refused has a minus before it */
		snprintf(text, sizeof(text), "%s%s", info->sources[i].excluded ? "-" : "",
			 gremc_ipv4_format(address, info->sources[i].address));
		gremc_reply_item(sources, text);
	}
}

void gremc_answer_groups(struct gremc_query *query)
{
	struct gremc_igmp_group_info infos[GROUPS_PAGE + 1];
	struct rte_tel_data *list;
	uint32_t offset, count, total;

	if (!gremc_query_offset(query, 0, &offset))
		return;
	count = gremc_igmp_group_infos(query->telemetry->igmp, offset, infos, GROUPS_PAGE + 1, &total);
	begin_page(query, total, offset, count > GROUPS_PAGE ? infos[GROUPS_PAGE].number : 0);
	list = gremc_query_dict(query, query->reply, "list");
	for (uint32_t i = 0; i < RTE_MIN(count, (uint32_t)GROUPS_PAGE); i++)
		reply_group(query, entry_of(query, list, infos[i].number), &infos[i]);
}
