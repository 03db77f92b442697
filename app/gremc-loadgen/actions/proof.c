/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include <rte_cycles.h>

#include "actions/proof.h"
#include "engine/arp.h"
#include "engine/lcore.h"
#include "trial/rate.h"
#include "trial/selection.h"
#include "trial/trial.h"

#define PROOF_RATE  5000.0
#define PACKETS_MAX 20000u
#define PACKETS     4u /* of each flow */
#define SILENT_SHOW 3u /* silent streams that are printed */
#define PROOF_TRIES 4u
#define ARP_SECONDS 1.0 /* between two ARP requests of a kernel */
#define POLL_MICRO  1000

static void proof_nothing_back_print(const struct gremc_tester *tester, const struct gremc_outcome *outcome)
{
	char mac[GREMC_MAC_TEXT], faults[256];

	fprintf(stderr,
		"gremc-loadgen: no replica of %" PRIu64 " packets returned (%" PRIu64
		" frames arrived, faults: %s).\n"
		"  Is the forwarder running with this configuration (%s)?\n"
		"  Is the MAC address of its port %s (--dut-mac), and are its neighbours those of the configuration?\n"
		"  The drop counters of the forwarder show the reason (dpdk-gremc: telemetry /gremc/drops).\n",
		outcome->sent, outcome->frames, gremc_outcome_faults_format(outcome, faults, sizeof(faults)),
		tester->options->dut_config,
		gremc_mac_format(mac, &tester->engine->options.map[0].forwarder));
}

/* Print the streams of the selection without a replica.
 * Returns: how many. */
static uint32_t proof_silent_streams_print(const struct gremc_tester *tester,
					   const struct gremc_selection *selection)
{
	uint32_t silent = 0;
	char group[GREMC_IPV4_TEXT], source[GREMC_IPV4_TEXT];

	for (uint32_t i = 0; i < selection->count; i++) {
		const struct gremc_flow *flow = &tester->flows->flow[selection->order[i]];

		for (uint32_t k = 0; k < flow->fanout; k++) {
			const struct gremc_stream *stream = &tester->flows->stream[flow->first + k];

			if (stream->received || tester->engine->sequence[selection->order[i]] == 0 ||
			    silent++ >= SILENT_SHOW)
				continue;
			fprintf(stderr, "gremc-loadgen: (%s, %s) from %s does not arrive at %s\n",
				gremc_ipv4_format(source, flow->source),
				gremc_ipv4_format(group, flow->group), tester->flows->site[flow->from].name,
				tester->flows->site[stream->site].name);
		}
	}
	return silent;
}

/* Wait for an ARP request. A forwarder whose kernel resolves its neighbours does so when it has a packet
 * to send, and drops packets until a neighbour has answered.
 * Returns: whether a request came. */
static bool forwarder_sends_arp(struct gremc_tester *tester, uint64_t answered)
{
	uint64_t end = rte_rdtsc() + (uint64_t)(ARP_SECONDS * (double)tester->engine->hz);

	if (gremc_engine_phase_set(tester->engine, GREMC_PHASE_DRAIN))
		return false;
	while (tester->engine->arp_answered == answered && rte_rdtsc() < end) {
		gremc_engine_arp_poll(tester->engine);
		usleep(POLL_MICRO);
	}
	return tester->engine->arp_answered != answered;
}

static int proof_check(struct gremc_tester *tester, const struct gremc_selection *selection,
		       const struct gremc_outcome *outcome)
{
	uint32_t silent;

	if (outcome->cut) {
		fprintf(stderr,
			"gremc-loadgen: the devices accept no packets: is the forwarder running, and are all links up?\n");
		return -EIO;
	}
	if (outcome->frames == 0 || outcome->received == 0) {
		proof_nothing_back_print(tester, outcome);
		return -ENODATA;
	}
	silent = proof_silent_streams_print(tester, selection);
	if (silent == 0)
		return 0;
	fprintf(stderr,
		"gremc-loadgen: %u of %u streams are silent: the forwarder runs with another configuration, or lacks "
		"a neighbour\n",
		silent, selection->streams);
	return -ENODATA;
}

int gremc_forwarder_prove(struct gremc_tester *tester)
{
	struct gremc_flow_filter filter = {.tunneling = GREMC_TUNNELING_ANY};
	struct gremc_selection selection;
	struct gremc_trial trial = {.selection = &selection,
				    .mix = &tester->options->mix[0],
				    .rate = PROOF_RATE,
				    .label = "proof"};
	struct gremc_outcome outcome;
	uint64_t answered;
	int rc = gremc_selection_create(tester, &filter, &selection);

	if (rc || gremc_mix_check(tester, &selection, trial.mix))
		goto done;
	trial.packets = RTE_MIN(selection.count * PACKETS, PACKETS_MAX);
	for (unsigned i = 0; i < PROOF_TRIES; i++) {
		answered = tester->engine->arp_answered;
		rc = gremc_trial_run_undisturbed(tester, &trial, &outcome);
		if (rc)
			goto done;
		if (outcome.lost == 0 || !forwarder_sends_arp(tester, answered))
			break;
	}
	rc = proof_check(tester, &selection, &outcome);
done:
	gremc_selection_fini(&selection);
	return rc;
}
