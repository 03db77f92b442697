/* SPDX-License-Identifier: BSD-3-Clause */
/* The control thread's part of a run: find the forwarder, prove that it forwards what its configuration says,
 * run the test, write the results. */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <rte_cycles.h>

#include "setup.h"
#include "tester.h"
#include "tests.h"

#define PROOF_RATE    5000.0
#define PROOF_MOST    20000u /* packets */
#define PROOF_EACH    4u     /* of each flow */
#define SILENT_SHOW   3u
#define PROOF_TRIES   4u
#define ASKED_SECONDS 1.0 /* between two ARP requests of a kernel */

/* ---- does it forward at all? ---- */

static void proof_nothing_back_print(const struct gremc_tester *tester, const struct gremc_outcome *outcome)
{
	char mac[GREMC_MAC_TEXT], faults[256];

	fprintf(stderr,
		"gremc-loadgen: no replica came back of %" PRIu64 " packets (%" PRIu64
		" frames came, faults: %s).\n"
		"  Is the forwarder running with this configuration (%s)?\n"
		"  Is its port's MAC %s (--dut-mac), and are the neighbours in its configuration the ones we play?\n"
		"  Its drop counters say what it thinks of the packets (dpdk-gremc: telemetry /gremc/drops).\n",
		outcome->sent, outcome->frames, gremc_outcome_faults_format(outcome, faults, sizeof(faults)),
		tester->options->dut_config,
		gremc_mac_format(mac, &tester->engine->options.map[0].forwarder));
}

/* Streams of the selection that nothing came by. */
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
			fprintf(stderr, "gremc-loadgen: (%s, %s) from %s does not come out at %s\n",
				gremc_ipv4_format(source, flow->source),
				gremc_ipv4_format(group, flow->group), tester->flows->site[flow->from].name,
				tester->flows->site[stream->site].name);
		}
	}
	return silent;
}

/* A forwarder whose kernel looks for its neighbours does so when it has something to send, and what it sends
 * before they have answered is lost. */
static bool forwarder_sends_arp(struct gremc_tester *tester, uint64_t answered)
{
	uint64_t end = rte_rdtsc() + (uint64_t)(ASKED_SECONDS * (double)tester->engine->hz);

	if (gremc_engine_phase_set(tester->engine, GREMC_PHASE_DRAIN))
		return false;
	while (tester->engine->arp_answered == answered && rte_rdtsc() < end) {
		gremc_engine_arp_poll(tester->engine);
		usleep(1000);
	}
	return tester->engine->arp_answered != answered;
}

static int proof_check(struct gremc_tester *tester, const struct gremc_selection *selection,
		       const struct gremc_outcome *outcome)
{
	uint32_t silent;

	if (outcome->cut) {
		fprintf(stderr,
			"gremc-loadgen: the ports take no packets: is the forwarder running, and are all links up?\n");
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
		"gremc-loadgen: %u of %u streams are silent: the forwarder does not run with this configuration, or "
		"lacks a neighbour\n",
		silent, selection->streams);
	return -ENODATA;
}

/* Some packets of each flow at a low rate: everything that the configuration says must come. */
static int forwarder_prove(struct gremc_tester *tester)
{
	struct gremc_flow_filter filter = {.tunneling = -1};
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
	trial.packets = RTE_MIN(selection.count * PROOF_EACH, PROOF_MOST);
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

/* ---- results ---- */

static bool results_have_passed(const struct gremc_results *results)
{
	for (unsigned i = 0; i < results->count; i++)
		if (results->row[i].verdict && strcmp(results->row[i].verdict, "failed") == 0)
			return false;
	return results->count > 0;
}

static int written_file_check(int rc, const char *path)
{
	if (rc == 0)
		return 0;
	fprintf(stderr, "gremc-loadgen: %s cannot be written: %s\n", path, strerror(errno));
	return -1;
}

static int results_write(const struct gremc_tester *tester)
{
	const struct gremc_loadgen_options *options = tester->options;
	const struct gremc_results *one = &tester->results;
	int rc = 0;

	gremc_results_print(one, stdout);
	fflush(stdout);
	if (options->json)
		rc |= written_file_check(gremc_results_json_write(one, options->json), options->json);
	if (options->csv)
		rc |= written_file_check(gremc_results_csv_write(one, options->csv), options->csv);
	if (options->report)
		rc |= written_file_check(gremc_results_html_write(&one, 1, options->report), options->report);
	return rc;
}

/* ---- the run ---- */

static int histograms_create(struct gremc_tester *tester)
{
	size_t sites = (size_t)tester->flows->site_count * tester->engine->rx_count;

	tester->histogram = gremc_memory_reserve(sites * sizeof(*tester->histogram), SOCKET_ID_ANY);
	tester->from_sent =
		gremc_memory_reserve(tester->engine->rx_count * sizeof(*tester->from_sent), SOCKET_ID_ANY);
	return tester->histogram && tester->from_sent ? 0 : -ENOMEM;
}

static int forwarder_find(struct gremc_tester *tester)
{
	struct gremc_errors errors = {0};
	int rc = gremc_engine_phase_set(tester->engine, GREMC_PHASE_DRAIN);

	if (rc == 0)
		rc = gremc_engine_macs_resolve(tester->engine, &errors);
	if (rc == 0)
		rc = gremc_engine_phase_set(tester->engine, GREMC_PHASE_REST);
	if (rc == 0)
		gremc_engine_macs_expect(tester->engine);
	if (errors.text)
		fprintf(stderr, "gremc-loadgen: %s", errors.text);
	gremc_errors_fini(&errors);
	return rc;
}

static int cpu_distance_check(const struct gremc_tester *tester)
{
	if (tester->options->given[GREMC_OPTION_dut_cpu] == NULL ||
	    !isnan(gremc_tester_distance_measure(tester)))
		return 0;
	fprintf(stderr,
		"gremc-loadgen: --dut-cpu %u: that is our own CPU, or none that this process may run on\n",
		tester->options->dut_cpu);
	return -EINVAL;
}

int gremc_tester_execute(struct gremc_tester *tester)
{
	int rc = histograms_create(tester), status = GREMC_EXIT_FAILURE;

	if (rc == 0)
		rc = cpu_distance_check(tester);
	if (rc == 0)
		rc = forwarder_find(tester);
	if (rc == 0)
		rc = forwarder_prove(tester);
	if (rc == 0) {
		gremc_setup_facts_add(tester);
		rc = gremc_test_run(tester, tester->options->test);
	}
	if (tester->results.count && results_write(tester) == 0 && rc == 0 &&
	    results_have_passed(&tester->results))
		status = GREMC_EXIT_DONE;
	if (rc == -EINTR)
		fprintf(stderr, "gremc-loadgen: stopped by a signal; the results are those so far\n");
	else if (rc == -ENOMEM)
		fprintf(stderr, "gremc-loadgen: out of memory\n");
	gremc_memory_release(tester->histogram, (size_t)tester->flows->site_count * tester->engine->rx_count *
							sizeof(*tester->histogram));
	gremc_memory_release(tester->from_sent, tester->engine->rx_count * sizeof(*tester->from_sent));
	free(tester->templates);
	gremc_results_fini(&tester->results);
	return status;
}
