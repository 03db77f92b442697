/* SPDX-License-Identifier: BSD-3-Clause */
/* /gremc/hosts: the TAP and TUN devices of the kernel. */
#include "telemetry/telemetry_priv.h"

#define HOSTS_PAGE 20

static bool host_exists(const void *context, uint32_t number)
{
	const uint32_t *count = context;

	return number < *count;
}

static void host_reply(struct gremc_query *query, struct rte_tel_data *dict,
		       const struct gremc_host_device_info *entry)
{
	const struct gremc_host_counters *counters = &entry->counters;
	struct rte_tel_data *losses;

	gremc_reply_text(dict, "name", entry->name);
	gremc_reply_text(dict, "kind", entry->is_tap ? "tap" : "tun");
	gremc_reply_u64(dict, "open", entry->open);
	gremc_reply_u64(dict, "up", entry->up);
	gremc_reply_u64(dict, "ifindex", entry->ifindex);
	gremc_reply_u64(dict, "up_packets", counters->up_packets);
	gremc_reply_u64(dict, "up_bytes", counters->up_bytes);
	gremc_reply_u64(dict, "down_packets", counters->down_packets);
	gremc_reply_u64(dict, "down_bytes", counters->down_bytes);
	losses = gremc_query_dict(query, dict, "losses");
	for (unsigned i = 0; i < GREMC_HOST_DROP_COUNT; i++)
		gremc_reply_u64(losses, gremc_host_drop_name(i), counters->lost[i]);
}

void gremc_command_hosts(struct gremc_query *query)
{
	const struct gremc_telemetry_hosts *hosts = &query->telemetry->hosts;
	uint32_t count = hosts->count ? hosts->count(hosts->host) : 0;
	struct gremc_page page;

	if (!gremc_page_collect(&page, query, count, HOSTS_PAGE, host_exists, &count))
		return;
	for (uint32_t i = 0; i < page.count; i++) {
		struct gremc_host_device_info entry;

		if (hosts->entry(hosts->host, page.number[i], &entry))
			host_reply(query, gremc_page_entry(&page, query, i), &entry);
	}
}
