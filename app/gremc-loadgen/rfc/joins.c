/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <stdlib.h>

#include <rte_cycles.h>

#include "engine/igmp.h"
#include "engine/inject.h"
#include "rfc/joins.h"

#define SEND_SECONDS 1 /* reports that have not left by then do not leave */

static rte_be32_t join_group_at(const struct gremc_tester *tester, uint32_t number)
{
	return rte_cpu_to_be_32(rte_be_to_cpu_32(tester->options->join_group) + number);
}

const char *gremc_joins_check(const struct gremc_tester *tester, uint32_t groups)
{
	if (tester->config->tunnel_count < 2)
		return "a join needs two tunnels";
	if (!gremc_ipv4_is_multicast(join_group_at(tester, groups - 1)))
		return "there are fewer groups from --join-group on";
	for (uint32_t i = 0; i < groups; i++)
		if (gremc_flows_match(tester->config, tester->flows->site[0].inner,
				      join_group_at(tester, i)) != GREMC_FLOW_NONE)
			return "an mroute of the configuration covers the group, which is forwarded without a join: choose "
			       "another one by --join-group";
	return NULL;
}

int gremc_joins_add(struct gremc_tester *tester, uint32_t groups, uint32_t sites, uint32_t *first)
{
	uint32_t count = RTE_MIN(sites, tester->config->tunnel_count - 1);
	uint32_t *site = malloc((size_t)count * sizeof(*site));
	int rc = site ? 0 : -ENOMEM;

	*first = tester->flows->count;
	for (uint32_t i = 0; rc == 0 && i < count; i++)
		site[i] = i + 1;
	for (uint32_t i = 0; rc == 0 && i < groups; i++) {
		struct gremc_flow flow = {.source = tester->flows->site[0].inner,
					  .group = join_group_at(tester, i),
					  .from = 0,
					  .mroute = GREMC_FLOW_NONE,
					  .kind = GREMC_FLOW_JOINED};

		rc = gremc_flows_add(tester->flows, &flow, site, count);
	}
	free(site);
	return rc ? rc : gremc_flows_index(tester->flows);
}

void gremc_joins_remove(struct gremc_tester *tester, uint32_t first)
{
	if (tester->flows->count <= first)
		return;
	/* They are the last flows, so the indexes of the others stay. */
	tester->flows->stream_count = tester->flows->flow[first].first;
	tester->flows->count = first;
	gremc_flows_index(tester->flows);
	tester->template_flows = 0;
}

void gremc_joins_report_send(struct gremc_tester *tester, uint32_t number, enum gremc_join_action action)
{
	const struct gremc_flow *flow = &tester->flows->flow[number];
	struct gremc_site_report report = {.version = tester->options->igmp,
					   .join = action == GREMC_JOIN,
					   .group = flow->group,
					   .source = gremc_ipv4_is_ssm(flow->group) ? flow->source : 0};
	uint64_t end = rte_rdtsc() + SEND_SECONDS * tester->engine->hz;

	for (uint32_t i = 0; i < flow->fanout; i++)
		gremc_igmp_send(tester->engine, tester->flows->stream[flow->first + i].site, &report);
	while (!gremc_engine_inject_is_done(tester->engine) && rte_rdtsc() < end)
		rte_pause();
}
