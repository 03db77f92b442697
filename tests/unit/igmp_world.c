/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdlib.h>
#include <string.h>

#include "igmp_world.h"

static int packet_record(void *argument, uint32_t interface, const uint8_t *packet, size_t length)
{
	struct world *w = argument;
	struct sent *sent = &w->sent[w->sent_count % SENT_MAX];

	if (w->accept == 0 || length > w->mtu)
		return -1;
	w->accept--;
	w->sent_count++;
	sent->interface = interface;
	sent->length = length;
	sent->packet = realloc(sent->packet, length);
	memcpy(sent->packet, packet, length);
	return 0;
}

static size_t mtu_report(void *argument, uint32_t interface)
{
	const struct world *w = argument;

	(void)interface;
	return w->mtu;
}

static int request_record(void *argument, uint32_t interface, const struct gremc_addr *source,
			  const struct gremc_addr *group, enum gremc_igmp_request request)
{
	struct world *w = argument;

	if (w->is_poor && request != GREMC_IGMP_NONE)
		return -1;
	w->said[w->said_count++ % CHANGE_MAX] =
		(struct said){interface, gremc_addr_to_ipv4(source), gremc_addr_to_ipv4(group), request};
	return 0;
}

const struct gremc_igmp_settings defaults = {
	.robustness = 2, .query_interval = 125000, .response_interval = 10000, .last_member_interval = 1000};

const struct gremc_igmp_policy querier = {
	.mode = GREMC_IGMP_QUERIER,
	.version = 3,
	.address = GREMC_ADDR_IPV4(IP(10, 0, 0, 1)),
	.max_groups = 1000,
	.max_sources = 100,
};

void world_init(struct world *w)
{
	const struct gremc_igmp_callbacks callbacks = {packet_record, request_record, mtu_report, w};

	memset(w, 0, sizeof(*w));
	w->sent = calloc(SENT_MAX, sizeof(*w->sent));
	w->now = 5000000;
	w->mtu = 1476;
	w->accept = UINT32_MAX;
	w->igmp = gremc_igmp_create(&defaults, &callbacks, w->now);
}

void world_fini(struct world *w)
{
	gremc_igmp_destroy(w->igmp);
	for (uint32_t i = 0; i < SENT_MAX; i++)
		free(w->sent[i].packet);
	free(w->sent);
}

void world_forget(struct world *w)
{
	w->sent_count = w->said_count = 0;
}

void world_run(struct world *w, uint64_t milliseconds)
{
	uint64_t end = w->now + milliseconds;

	while (gremc_igmp_next_due(w->igmp) <= end) {
		w->now = gremc_igmp_next_due(w->igmp);
		gremc_igmp_timers_run(w->igmp, w->now);
	}
	w->now = end;
	gremc_igmp_timers_run(w->igmp, w->now);
}

void world_input(struct world *w, uint32_t interface, const uint8_t *packet, size_t length)
{
	uint8_t *copy = malloc(length ? length : 1);

	memcpy(copy, packet, length);
	gremc_igmp_input(w->igmp, interface, copy, length, w->now);
	free(copy);
}

void world_record(struct world *w, uint32_t interface, uint8_t type, rte_be32_t group,
		  const rte_be32_t *sources, uint16_t count)
{
	uint8_t packet[1500];
	struct gremc_igmp_report report = {.packet = packet, .size = sizeof(packet)};

	gremc_igmp_report_add(&report, type, group, sources, count);
	gremc_igmp_report_finish(&report, IP(10, 0, 0, 9));
	world_input(w, interface, report.packet, report.length);
}

void world_old(struct world *w, uint32_t interface, enum gremc_igmp_type type, rte_be32_t group)
{
	uint8_t packet[GREMC_IGMP_PACKET_MAX];

	world_input(w, interface, packet, gremc_igmp_v1v2_build(packet, type, IP(10, 0, 0, 9), group));
}

bool world_group_find(struct world *w, uint32_t interface, rte_be32_t group,
		      struct gremc_igmp_group_info *info)
{
	return gremc_igmp_group_find(w->igmp, interface, &(const struct gremc_addr)GREMC_ADDR_IPV4(group),
				     info);
}

uint64_t world_counter(struct world *w, uint32_t interface, enum gremc_igmp_counter counter)
{
	struct gremc_igmp_interface_info info = {0};

	gremc_igmp_interface_info_get(w->igmp, interface, &info);
	return info.counters[counter];
}
