/* SPDX-License-Identifier: BSD-3-Clause */
/* /gremc/igmp, /gremc/groups: queriers and memberships. */
#include <stdio.h>
#include <string.h>

#include "telemetry/telemetry_priv.h"

#define IGMP_PAGE   5
#define GROUPS_PAGE 20

char *gremc_query_interface_name(const struct gremc_query *query, uint32_t interface,
				 char name[GREMC_VIF_NAME_SIZE])
{
	uint32_t vif = gremc_u32_load(&query->telemetry->interface_vif[interface]);

	/* the tunnel was removed */
	if (vif != GREMC_VIF_NONE)
		return gremc_query_vif_name(query, vif, name);
	name[0] = '\0';
	return name;
}

static void igmp_interface_reply(struct gremc_query *query, struct rte_tel_data *dict,
				 const struct gremc_igmp_interface_info *info)
{
	char name[GREMC_VIF_NAME_SIZE];
	struct rte_tel_data *counters;

	gremc_reply_text(dict, "interface", gremc_query_interface_name(query, info->interface, name));
	gremc_reply_text(dict, "mode", gremc_keyword_name(&gremc_igmp_mode_keywords, info->mode));
	gremc_reply_u64(dict, "version", info->version);
	gremc_reply_u64(dict, "is_querier", info->is_querier);
	gremc_reply_address(dict, "address", &info->address);
	gremc_reply_address(dict, "querier", &info->querier);
	gremc_reply_u64(dict, "querier_expires", info->querier_expires);
	gremc_reply_u64(dict, "next_query", info->next_query);
	gremc_reply_u64(dict, "robustness", info->robustness);
	gremc_reply_u64(dict, "query_interval", info->query_interval);
	gremc_reply_u64(dict, "group_timeout", info->group_timeout);
	gremc_reply_u64(dict, "groups", info->groups);
	gremc_reply_u64(dict, "cost", info->cost);
	counters = gremc_query_dict(query, dict, "counters");
	for (unsigned i = 0; i < GREMC_IGMP_COUNTER_COUNT; i++)
		if (info->counters[i])
			gremc_reply_u64(counters, gremc_igmp_counter_name(i), info->counters[i]);
}

/* Microseconds, rounded up. */
static void igmp_delays_reply(struct gremc_query *query, const struct gremc_delays *delays)
{
	struct rte_tel_data *dict = gremc_query_dict(query, query->reply, "report_delay");

	gremc_reply_u64(dict, "count", gremc_counter_read(&delays->count));
	gremc_reply_u64(dict, "min", (gremc_counter_read(&delays->min) + 999) / 1000);
	gremc_reply_u64(dict, "p50", (gremc_delays_percentile(delays, 50) + 999) / 1000);
	gremc_reply_u64(dict, "p99", (gremc_delays_percentile(delays, 99) + 999) / 1000);
	gremc_reply_u64(dict, "max", (gremc_counter_read(&delays->max) + 999) / 1000);
}

/* The budget of all memberships. */
static void igmp_budget_reply(struct gremc_query *query)
{
	struct rte_tel_data *dict = gremc_query_dict(query, query->reply, "budget");
	struct gremc_igmp_budget_info info;

	gremc_igmp_budget_info_get(query->telemetry->igmp, &info);
	gremc_reply_u64(dict, "limit", info.limit);
	gremc_reply_u64(dict, "used", info.used);
	gremc_reply_u64(dict, "routes", info.routes);
	gremc_reply_u64(dict, "largest", info.largest);
}

/* Add an interface to the page if it belongs to it. */
static void page_interface_add(struct gremc_page *page, struct gremc_igmp_interface_info *infos,
			       const struct gremc_igmp_interface_info *info)
{
	page->total++;
	if (info->interface < page->offset)
		return;
	if (page->count == IGMP_PAGE) {
		page->next = page->next ? page->next : info->interface;
		return;
	}
	infos[page->count] = *info;
	page->number[page->count++] = info->interface;
}

void gremc_command_igmp(struct gremc_query *query)
{
	struct gremc_igmp_interface_info infos[IGMP_PAGE], info;
	struct gremc_page page = {.total = 0};

	if (!gremc_query_offset_parse(query, 0, &page.offset))
		return;
	for (uint32_t at = 0; gremc_igmp_interface_info_get(query->telemetry->igmp, at, &info);
	     at = info.interface + 1)
		page_interface_add(&page, infos, &info);
	gremc_page_begin(&page, query);
	gremc_reply_u64(query->reply, "unsent", gremc_u64_load(query->telemetry->igmp_unsent));
	igmp_delays_reply(query, query->telemetry->igmp_delays);
	igmp_budget_reply(query);
	for (uint32_t i = 0; i < page.count; i++)
		igmp_interface_reply(query, gremc_page_entry(&page, query, i), &infos[i]);
}

static void igmp_group_reply(struct gremc_query *query, struct rte_tel_data *dict,
			     const struct gremc_igmp_group_info *info)
{
	uint32_t shown = RTE_MIN(info->source_count, GREMC_IGMP_INFO_SOURCES);
	char name[GREMC_VIF_NAME_SIZE], text[GREMC_ADDR_TEXT + 8];
	struct rte_tel_data *sources;

	gremc_reply_text(dict, "interface", gremc_query_interface_name(query, info->interface, name));
	gremc_reply_address(dict, "group", &info->group);
	gremc_reply_text(dict, "mode", info->exclude ? "exclude" : "include");
	gremc_reply_u64(dict, "static", info->is_static);
	gremc_reply_u64(dict, "version", info->version);
	gremc_reply_u64(dict, "age", info->age);
	gremc_reply_u64(dict, "expires", info->expires);
	gremc_reply_u64(dict, "sources", info->source_count);
	sources = gremc_query_array(query, dict, "source_list", RTE_TEL_STRING_VAL);
	for (uint32_t i = 0; i < shown; i++) {
		char address[GREMC_ADDR_TEXT];

		/* a minus marks an excluded source */
		snprintf(text, sizeof(text), "%s%s", info->sources[i].excluded ? "-" : "",
			 gremc_addr_format(address, &info->sources[i].address));
		gremc_reply_array_text(sources, text);
	}
}

void gremc_command_groups(struct gremc_query *query)
{
	struct gremc_igmp_group_info infos[GROUPS_PAGE + 1];
	struct gremc_page page = {.total = 0};
	uint32_t found;

	if (!gremc_query_offset_parse(query, 0, &page.offset))
		return;
	found = gremc_igmp_groups_list(query->telemetry->igmp, page.offset, infos, GROUPS_PAGE + 1,
				       &page.total);
	page.count = RTE_MIN(found, (uint32_t)GROUPS_PAGE);
	page.next = found > GROUPS_PAGE ? infos[GROUPS_PAGE].number : 0;
	for (uint32_t i = 0; i < page.count; i++)
		page.number[i] = infos[i].number;
	gremc_page_begin(&page, query);
	for (uint32_t i = 0; i < page.count; i++)
		igmp_group_reply(query, gremc_page_entry(&page, query, i), &infos[i]);
}
