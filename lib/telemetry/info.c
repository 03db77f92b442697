/* SPDX-License-Identifier: BSD-3-Clause */
/* /gremc/info, /gremc/lcores: the program, its workers and their sums. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <rte_cycles.h>

#include "telemetry/telemetry_priv.h"

#define LCORES_PAGE 16

/* Add a path; of one that is too long the end. */
static void path_reply(struct rte_tel_data *dict, const char *key, const char *path)
{
	size_t length = path ? strlen(path) : 0;

	if (length < RTE_TEL_MAX_STRING_LEN)
		gremc_reply_text(dict, key, path ? path : "");
	else
		gremc_reply_format(dict, key, "...%s", path + length - (RTE_TEL_MAX_STRING_LEN - 4));
}

static unsigned ports_count(const struct gremc_ports *ports)
{
	unsigned count = 0;

	for (unsigned i = 0; i < ports->count; i++)
		count += ports->port[i] != NULL;
	return count;
}

static uint32_t tunnels_count(const struct gremc_query *query)
{
	uint32_t limit = gremc_vifs_limit(query->telemetry->vifs), count = 0;

	for (uint32_t i = 0; i < limit; i++) {
		const struct gremc_vif_info *info = gremc_query_vif(query, i);

		count += info && info->kind == GREMC_VIF_TUNNEL;
	}
	return count;
}

static uint32_t mroutes_count(const struct gremc_fanout *fanout)
{
	uint32_t limit = gremc_fanout_id_limit(fanout), count = 0;

	for (uint32_t i = 0; i < limit; i++)
		count += gremc_fanout_get(fanout, i) != NULL;
	return count;
}

void gremc_command_info(struct gremc_query *query)
{
	const struct gremc_telemetry *telemetry = query->telemetry;
	struct rte_tel_data *reply = query->reply;
	struct gremc_fanout_usage usage;
	struct gremc_totals sum;

	gremc_query_totals(query, &sum);
	gremc_fanout_usage(telemetry->fanout, &usage);
	gremc_reply_text(reply, "version", GREMC_VERSION);
	gremc_reply_text(reply, "dpdk", rte_version());
	gremc_reply_u64(reply, "pid", getpid());
	gremc_reply_u64(reply, "uptime", query->uptime);
	gremc_reply_u64(reply, "started", telemetry->started);
	path_reply(reply, "config", telemetry->config_path);
	gremc_reply_u64(reply, "reloads", gremc_u64_load(telemetry->reloads));
	gremc_reply_u64(reply, "reload_errors", gremc_u64_load(telemetry->reload_errors));
	gremc_reply_u64(reply, "workers", telemetry->ports->worker_count);
	gremc_reply_u64(reply, "ports", ports_count(telemetry->ports));
	gremc_reply_u64(reply, "tunnels", tunnels_count(query));
	gremc_reply_u64(reply, "mroutes", mroutes_count(telemetry->fanout));
	gremc_reply_u64(reply, "mroutes_waiting", gremc_rib_waiting(telemetry->rib));
	gremc_reply_u64(reply, "mroute_failures", gremc_rib_failures(telemetry->rib));
	gremc_reply_u64(reply, "mroute_bytes", usage.bytes);
	gremc_reply_u64(reply, "table_nodes", usage.nodes);
	gremc_reply_u64(reply, "rx_packets", sum.rx_packets);
	gremc_reply_u64(reply, "rx_bytes", sum.rx_bytes);
	gremc_reply_u64(reply, "forwarded", sum.forwarded);
	gremc_reply_u64(reply, "punted", gremc_counters_sum(sum.punted, GREMC_PUNT_COUNT));
	gremc_reply_u64(reply, "dropped", gremc_counters_sum(sum.drops, GREMC_DROP_COUNT));
	gremc_reply_u64(reply, "relayed", sum.relayed);
	gremc_reply_u64(reply, "reassembled", sum.reassembled);
	gremc_reply_u64(reply, "injected", sum.injected);
	gremc_reply_u64(reply, "wanted", sum.wanted);
	gremc_reply_u64(reply, "sent", sum.sent);
	gremc_reply_u64(reply, "lost", gremc_counters_sum(sum.losses, GREMC_TX_DROP_COUNT));
	gremc_reply_u64(reply, "queued", sum.queued);
	gremc_reply_u64(reply, "waiting", sum.waiting);
	gremc_reply_u64(reply, "tx_bytes", sum.tx_bytes);
	gremc_reply_u64(reply, "log_left_out", gremc_log_left_out());
}

/* List the RX queues of a worker, "PORT/QUEUE ...", as many as fit. Returns: the number of queues. */
static unsigned worker_queues_format(const struct gremc_ports *ports, unsigned worker, char *text,
				     size_t size)
{
	unsigned count = 0;
	size_t used = 0;

	text[0] = '\0';
	for (unsigned i = 0; i < ports->count; i++) {
		const struct gremc_port *port = ports->port[i];

		for (unsigned q = 0; port && q < port->rx_queues; q++) {
			if (port->rx_worker[q] != worker)
				continue;
			count++;
			if (used < size)
				used += snprintf(text + used, size - used, "%s%s/%u", used ? " " : "",
						 port->name, q);
		}
	}
	if (used >= size)
		gremc_text_copy(text + size - sizeof("..."), sizeof("..."), "...");
	return count;
}

static void worker_reply(struct gremc_query *query, struct rte_tel_data *dict, uint32_t worker)
{
	const struct gremc_worker_place *place = &query->telemetry->ports->worker[worker];
	struct gremc_totals sum = {0};
	struct rte_tel_data *bursts;
	char polls[RTE_TEL_MAX_STRING_LEN];

	gremc_stats_read(query->telemetry->stats[worker], &sum);
	gremc_reply_u64(dict, "lcore", place->lcore);
	gremc_reply_u64(dict, "socket", place->socket < 0 ? 0 : place->socket);
	gremc_reply_u64(dict, "queues",
			worker_queues_format(query->telemetry->ports, worker, polls, sizeof(polls)));
	gremc_reply_text(dict, "polls", polls);
	gremc_reply_u64(dict, "rx_packets", sum.rx_packets);
	gremc_reply_u64(dict, "forwarded", sum.forwarded);
	gremc_reply_u64(dict, "punted", gremc_counters_sum(sum.punted, GREMC_PUNT_COUNT));
	gremc_reply_u64(dict, "dropped", gremc_counters_sum(sum.drops, GREMC_DROP_COUNT));
	gremc_reply_u64(dict, "wanted", sum.wanted);
	gremc_reply_u64(dict, "sent", sum.sent);
	gremc_reply_u64(dict, "lost", gremc_counters_sum(sum.losses, GREMC_TX_DROP_COUNT));
	gremc_reply_u64(dict, "busy_cycles", sum.busy_cycles);
	gremc_reply_u64(dict, "longest_cycles", sum.longest);
	gremc_reply_u64(dict, "longest_recent_cycles", RTE_MAX(sum.longest_now, sum.longest_before));
	gremc_reply_u64(dict, "sleeps", sum.sleeps);
	gremc_reply_u64(dict, "sleep_cycles", sum.sleep_cycles);
	gremc_reply_u64(dict, "sleep_percent",
			RTE_MIN(sum.sleep_cycles / (query->cycles / 100 + 1), (uint64_t)100));
	bursts = gremc_query_array(query, dict, "bursts", GREMC_TEL_U64);
	for (unsigned i = 0; bursts && i < GREMC_BURST_BUCKETS; i++)
		gremc_reply_array_u64(bursts, sum.bursts[i]);
}

static bool number_exists(const void *context __rte_unused, uint32_t number __rte_unused)
{
	return true;
}

void gremc_command_lcores(struct gremc_query *query)
{
	struct gremc_page page;

	if (!gremc_page_collect(&page, query, query->telemetry->ports->worker_count, LCORES_PAGE,
				number_exists, NULL))
		return;
	gremc_reply_u64(query->reply, "cycles", query->cycles);
	gremc_reply_u64(query->reply, "cycles_per_second", rte_get_tsc_hz());
	for (uint32_t i = 0; i < page.count; i++)
		worker_reply(query, gremc_page_entry(&page, query, i), page.number[i]);
}
