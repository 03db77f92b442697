/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdio.h>
#include <stdlib.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include <rte_cycles.h>
#include <rte_eal.h>
#include <rte_ethdev.h>
#include <rte_version.h>

#include "actions/facts.h"
#include "engine/links.h"
#include "traffic/stamp.h"

#define CONFIG_MAX (256 * 1024) /* bytes of a configuration in the report; a longer one is truncated */

static void fact_processor_add(struct gremc_results *results)
{
	char line[256] = "", name[200] = "unknown";
	FILE *file = fopen("/proc/cpuinfo", "re");

	while (file && fgets(line, sizeof(line), file))
		if (sscanf(line, "model name : %199[^\n]", name) == 1)
			break;
	if (file)
		fclose(file);
	gremc_results_fact_add(results, "processor", "%s, %ld CPUs, TSC %.0f MHz", name,
			       sysconf(_SC_NPROCESSORS_ONLN), (double)rte_get_tsc_hz() / 1e6);
}

static void fact_date_add(struct gremc_results *results)
{
	char text[64];
	time_t now = time(NULL);
	struct tm tm;

	if (localtime_r(&now, &tm) && strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S %z", &tm))
		gremc_results_fact_add(results, "date", "%s", text);
}

static void facts_ports_add(struct gremc_tester *tester)
{
	for (uint16_t i = 0; i < tester->engine->ports->count; i++) {
		const struct gremc_port *port = tester->engine->ports->port[i];
		struct rte_eth_dev_info info;
		struct rte_eth_link link = {0};
		char speed[RTE_ETH_LINK_MAX_STR_LEN] = "unknown";
		char name[32];

		if (rte_eth_dev_info_get(port->id, &info))
			continue;
		if (gremc_engine_is_virtual(tester->engine))
			snprintf(speed, sizeof(speed), "no wire");
		else if (rte_eth_link_get_nowait(port->id, &link) == 0)
			rte_eth_link_to_str(speed, sizeof(speed), &link);
		snprintf(name, sizeof(name), "port %u", i);
		gremc_results_fact_add(&tester->results, name,
				       "%s, driver %s, %s, %u RX and %u TX queues, MTU %u", port->device,
				       info.driver_name ? info.driver_name : "unknown", speed,
				       port->rx_queues, port->tx_queues, port->mtu);
	}
}

static void fact_lcores_add(struct gremc_tester *tester)
{
	const struct gremc_engine *engine = tester->engine;

	if (engine->lcore_count == 1)
		gremc_results_fact_add(&tester->results, "lcores", "one that sends and receives in turn");
	else
		gremc_results_fact_add(&tester->results, "lcores", "%u send, %u receive", engine->tx_count,
				       engine->rx_count);
}

static void fact_command_add(struct gremc_tester *tester)
{
	char text[4096];
	size_t used = 0;
	FILE *file = fopen("/proc/self/cmdline", "re");

	if (file == NULL)
		return;
	used = fread(text, 1, sizeof(text) - 1, file);
	fclose(file);
	for (size_t i = 0; i + 1 < used; i++)
		if (text[i] == '\0')
			text[i] = ' ';
	text[used] = '\0';
	gremc_results_fact_add(&tester->results, "command", "%s", text);
}

static void fact_configuration_add(struct gremc_tester *tester)
{
	char *text = malloc(CONFIG_MAX + 1);
	FILE *file = fopen(tester->options->dut_config, "re");
	size_t length = text && file ? fread(text, 1, CONFIG_MAX, file) : 0;

	if (length) {
		text[length] = '\0';
		gremc_results_fact_add(&tester->results, "forwarder's configuration", "%s%s", text,
				       length == CONFIG_MAX ? "\n... (truncated)" : "");
	}
	if (file)
		fclose(file);
	free(text);
}

static void facts_claims_add(struct gremc_tester *tester)
{
	struct gremc_results *results = &tester->results;

	if (gremc_engine_is_virtual(tester->engine))
		gremc_results_fact_add(
			results, "claim: virtual devices",
			"the wire is a virtual device (memif, veth or similar): its speed is that of copies between two "
			"processes; the figures exclude the cost of a NIC's driver, PCIe and the wire");
	if (!tester->options->tested_by_rfc)
		gremc_results_fact_add(
			results, "claim: short times",
			"trials take %.3g s, settling %.3g s, and a rate fails after %u failed trials; RFC 2544 requires "
			"60 s, 2 s and one",
			tester->options->duration, tester->options->settle, tester->options->confirm);
	gremc_results_fact_add(
		results, "claim: repetitions",
		"a figure is the result of one trial or one search; RFC 2544 requires the mean of 20 latency trials (--repeat) "
		"and of 50 bursts");
	if (tester->options->given[GREMC_OPTION_dut_cpu])
		gremc_results_fact_add(
			results, "claim: one machine",
			"packets pass between the CPUs of forwarder and generator through the caches; `line ns` is the round trip "
			"of a cache line between the two CPUs. A hypervisor that moves its CPUs changes the figures: compare "
			"only rows with about the same `line ns`");
	if (rte_eal_has_hugepages() == 0)
		gremc_results_fact_add(results, "claim: no huge pages",
				       "the generator ran without huge pages, which lowers its own limit");
	gremc_results_fact_add(
		results, "claim: delays",
		"a delay is the time from the due time of the packet's burst (10 us of packets, at most 32) to the fetch of the "
		"replica's burst (at most 64). It includes the wait while the forwarder accepted no packets or the generator was "
		"stalled. `sent` delays start when the burst was begun. The TSC is read once per burst; percentiles are at most "
		"3.2 %% above the true values");
}

void gremc_setup_facts_add(struct gremc_tester *tester)
{
	struct gremc_results *results = &tester->results;
	struct utsname name;

	gremc_results_fact_add(results, "label", "%s", tester->options->label);
	fact_date_add(results);
	fact_processor_add(results);
	if (uname(&name) == 0)
		gremc_results_fact_add(results, "kernel", "%s %s", name.sysname, name.release);
	gremc_results_fact_add(results, "generator", "gremc-loadgen %s, %s, %s", GREMC_VERSION, rte_version(),
			       rte_eal_has_hugepages() ? "huge pages" : "no huge pages");
	facts_ports_add(tester);
	fact_lcores_add(tester);
	gremc_results_fact_add(
		results, "packets",
		"IPv4 UDP multicast, inner TTL 64, UDP checksum; a stamp of %u bytes and a pattern; outer DF set",
		GREMC_INNER_MIN - 28);
	gremc_results_fact_add(results, "configured", "%u tunnels, %u mroutes; %u flows, %u streams",
			       tester->config->tunnel_count, tester->config->mroute_count,
			       tester->flows->count, tester->flows->stream_count);
	gremc_results_fact_add(
		results, "times",
		"trial %.3g s, latency %.3g s, warm-up %.3g s, settling %.3g s, resolution %.3g %%",
		tester->options->duration, tester->options->latency_duration, tester->options->warmup,
		tester->options->settle, tester->options->resolution);
	gremc_results_fact_add(
		results, "search",
		"a rate passes when one of %u trials passes; at the end the lowest rate that failed gets as many trials again "
		"(RFC 2544, 26.1 leaves the order open)",
		tester->options->confirm);
	gremc_results_fact_add(results, "receive queue",
			       "%u frames; a row notes where the generator may have overflowed it",
			       tester->engine->rx_ring);
	fact_command_add(tester);
	facts_claims_add(tester);
	fact_configuration_add(tester);
}
