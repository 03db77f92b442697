/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdio.h>

#include <rte_ethdev.h>

#include "engine/links.h"
#include "traffic/stamp.h"
#include "trial/rate.h"

#define FCS           4u
#define LINE_OVERHEAD 20.0 /* bytes: preamble, start of frame, gap */
#define MEGA          1e6

/* ---- rates ---- */

/* Returns: bytes of a frame into the forwarder with FCS, mean over selection and mix. */
static double trial_frame_bytes(const struct gremc_tester *tester, const struct gremc_trial *trial)
{
	const struct gremc_selection *selection = trial->selection;
	double bytes = 0;

	for (uint32_t i = 0; i < selection->count; i++) {
		const struct gremc_site *site =
			&tester->flows->site[tester->flows->flow[selection->order[i]].from];

		for (unsigned k = 0; k < trial->mix->pattern_count; k++)
			bytes += gremc_size_inner_length(site, trial->mix->size[trial->mix->pattern[k]]) +
				 gremc_site_tx_overhead(site) + FCS;
	}
	return bytes / selection->count / trial->mix->pattern_count;
}

double gremc_trial_frame_bits(const struct gremc_tester *tester, const struct gremc_trial *trial)
{
	return trial_frame_bytes(tester, trial) * 8;
}

double gremc_trial_line_bits(const struct gremc_tester *tester, const struct gremc_trial *trial)
{
	return (trial_frame_bytes(tester, trial) + LINE_OVERHEAD) * 8;
}

double gremc_line_speed(const struct gremc_tester *tester)
{
	struct rte_eth_link link;
	double slowest = tester->options->line;

	if (gremc_engine_is_virtual(tester->engine))
		return slowest;
	for (uint16_t i = 0; tester->options->line <= 0 && i < tester->engine->ports->count; i++) {
		double speed;

		if (rte_eth_link_get_nowait(tester->engine->ports->port[i]->id, &link) ||
		    link.link_speed == RTE_ETH_SPEED_NUM_NONE || link.link_speed == RTE_ETH_SPEED_NUM_UNKNOWN)
			return 0;
		speed = link.link_speed * MEGA;
		slowest = slowest > 0 ? RTE_MIN(slowest, speed) : speed;
	}
	return slowest;
}

double gremc_rate_to_pps(const struct gremc_tester *tester, const struct gremc_trial *trial,
			 struct gremc_rate rate)
{
	double line = gremc_line_speed(tester);

	switch (rate.unit) {
	case GREMC_RATE_PPS:
		return rate.value;
	case GREMC_RATE_BPS:
		return rate.value / gremc_trial_frame_bits(tester, trial);
	case GREMC_RATE_PERCENT:
		if (line > 0)
			return rate.value / 100 * line / gremc_trial_line_bits(tester, trial);
	}
	fprintf(stderr,
		"gremc-loadgen: a rate in %% needs the speed of the line, which this device does not report: give it "
		"by --line 10G\n");
	return 0;
}

/* ---- sizes ---- */

/* Describe why a packet of one size does not fit into a flow.
 * Returns: whether it does not fit. */
static bool flow_size_misfits(const struct gremc_flows *flows, const struct gremc_flow *flow,
			      struct gremc_packet_size size, char *reason, size_t reason_size)
{
	const struct gremc_site *from = &flows->site[flow->from];
	uint16_t inner = gremc_size_inner_length(from, size);

	if (inner == 0) {
		snprintf(
			reason, reason_size,
			"a frame of %u bytes cannot hold the headers and the stamp: the smallest is outer:%u",
			size.bytes, gremc_site_tx_overhead(from) + FCS + GREMC_INNER_MIN);
		return true;
	}
	for (uint32_t i = 0; i < flow->fanout; i++) {
		const struct gremc_site *to = &flows->site[flows->stream[flow->first + i].site];

		if (inner <= gremc_site_inner_max(to))
			continue;
		snprintf(reason, reason_size,
			 "inner packets of %u bytes exceed the MTU %u of %s: the forwarder would drop them",
			 inner, gremc_site_inner_max(to), to->name);
		return true;
	}
	return false;
}

const char *gremc_mix_check(const struct gremc_tester *tester, const struct gremc_selection *selection,
			    const struct gremc_mix *mix)
{
	static char reason[192];

	for (uint32_t i = 0; i < selection->count; i++)
		for (unsigned s = 0; s < mix->size_count; s++)
			if (flow_size_misfits(tester->flows, &tester->flows->flow[selection->order[i]],
					      mix->size[s], reason, sizeof(reason)))
				return reason;
	return NULL;
}
