/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_launch.h>
#include <rte_lcore.h>
#include <rte_version.h>

#include "actions/actions.h"
#include "actions/devices.h"
#include "base/annotate.h"
#include "base/assert.h"
#include "engine/create.h"
#include "engine/lcore.h"
#include "options/actions.h"
#include "options/parse.h"
#include "traffic/stamp.h"

#define LARGEST_INNER 9600
#define UNICAST_FLOWS 64

/* Global for the signal handler. */
static struct gremc_tester tester;

static void signal_stop_request(int number)
{
	RTE_SET_USED(number);
	gremc_u64_store(&tester.stop, 1);
}

#ifndef GREMC_ASAN /* whose report is more detailed */
/* DPDK's memif frees the queues of a peer that disconnects, even while they are polled. */
static void signal_crash_report(int number)
{
	static const char text[] =
		"gremc-loadgen: crashed; DPDK's memif may crash when the forwarder ends while packets are sent\n";
	ssize_t written = write(STDERR_FILENO, text, sizeof(text) - 1);

	RTE_SET_USED(written);
	raise(number);
}

static void signal_crash_catch(void)
{
	struct sigaction action = {.sa_handler = signal_crash_report, .sa_flags = (int)SA_RESETHAND};

	sigaction(SIGSEGV, &action, NULL);
}
#else
static void signal_crash_catch(void)
{
}
#endif

static void signals_catch(void)
{
	struct sigaction action = {.sa_handler = signal_stop_request};

	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	signal_crash_catch();
}

/* Returns: bytes of the largest inner packet that a site can send or receive. Tests skip larger ones, so no
 * buffer needs to hold them. */
static uint16_t inner_length_max(const struct gremc_loadgen_options *options, const struct gremc_flows *flows)
{
	uint16_t largest = 0, most = 0;

	for (uint32_t i = 0; i < flows->site_count; i++)
		most = RTE_MAX(most, flows->site[i].mtu ? flows->site[i].mtu : RTE_ETHER_MTU);
	for (unsigned i = 0; i < options->mix_count; i++)
		for (unsigned s = 0; s < options->mix[i].size_count; s++)
			if (options->mix[i].size[s].bytes <= most)
				largest = RTE_MAX(largest, options->mix[i].size[s].bytes);
	return RTE_MIN(largest, LARGEST_INNER);
}

/* ---- lcores ---- */

static int lcore_main(void *lcore)
{
	gremc_role_register(GREMC_ROLE_WORKER);
	gremc_lcore_loop(lcore);
	gremc_role_unregister(GREMC_ROLE_WORKER);
	return 0;
}

static void control_main(struct gremc_tester *t)
{
	gremc_role_register(GREMC_ROLE_CONTROL);
	t->status = gremc_tester_execute(t);
	gremc_engine_quit(t->engine);
	gremc_role_unregister(GREMC_ROLE_CONTROL);
}

static gremc_thread_result control_thread_main(void *t)
{
	control_main(t);
	return (gremc_thread_result)0;
}

/* A single lcore polls, and the control thread runs beside it. With several lcores the first one controls. */
static int lcores_run(struct gremc_tester *t)
{
	gremc_thread thread;

	if (rte_lcore_count() == 1) {
		if (gremc_thread_create(&thread, "gremc-control", control_thread_main, t)) {
			fprintf(stderr, "gremc-loadgen: cannot start the control thread\n");
			return GREMC_EXIT_FAILURE;
		}
		lcore_main(&t->engine->lcore[0]);
		gremc_thread_join(thread);
		return t->status;
	}
	for (uint32_t i = 0; i < t->engine->lcore_count; i++)
		rte_eal_remote_launch(lcore_main, &t->engine->lcore[i], t->engine->lcore[i].lcore);
	control_main(t);
	rte_eal_mp_wait_lcore();
	return t->status;
}

/* ---- a test ---- */

static int errors_print(struct gremc_errors *errors, int status)
{
	fprintf(stderr, "gremc-loadgen: %s", errors->text ? errors->text : "out of memory\n");
	gremc_errors_fini(errors);
	return status;
}

static int forwarder_test(const struct gremc_loadgen_options *options)
{
	struct gremc_flows_options flows = {.groups_per_route = options->groups_per_route,
					    .senders = options->senders,
					    .limit = options->flows,
					    .unicast = UNICAST_FLOWS};
	static struct gremc_engine_options engine;
	struct gremc_errors errors = {0};
	int status = GREMC_EXIT_FAILURE;

	tester.options = options;
	tester.flows = gremc_flows_create(tester.config, &flows, &errors);
	if (tester.flows == NULL)
		return errors_print(&errors, GREMC_EXIT_CONFIG);
	engine.tx_lcores = options->tx_lcores;
	engine.inner_max = inner_length_max(options, tester.flows);
	engine.link_wait = options->link_wait;
	engine.ttl_step = options->keep_ttl ? 0 : 1;
	if (gremc_devices_map(tester.config, options, &engine, &errors) == 0 &&
	    gremc_macs_map(tester.config, options, &engine, &errors) == 0)
		tester.engine = gremc_engine_create(tester.config, tester.flows, &engine, &errors);
	if (tester.engine) {
		signals_catch();
		status = lcores_run(&tester);
		if (gremc_engine_destroy(tester.engine) && status == GREMC_EXIT_DONE)
			status = GREMC_EXIT_FAILURE;
	} else {
		errors_print(&errors, status);
	}
	gremc_flows_destroy(tester.flows);
	return status;
}

static int eal_run(const struct gremc_loadgen_options *options)
{
	int status;

	if (gremc_runtime_remove_at_exit())
		fputs("gremc-loadgen: out of memory\n", stderr);
	if (rte_eal_init(options->eal_argc, options->eal_argv) < 0) {
		fprintf(stderr,
			"gremc-loadgen: DPDK's EAL does not start: %s; its messages above give the reason\n",
			rte_strerror(rte_errno));
		return GREMC_EXIT_FAILURE;
	}
	gremc_pattern_init();
	status = strcmp(options->test, "bench") == 0 ? gremc_bench_run(options) : forwarder_test(options);
	(void)rte_eal_cleanup();
	return status;
}

/* Check that the results can be written before a test of hours. */
static int outputs_check(const struct gremc_loadgen_options *options)
{
	const char *const path[] = {options->json, options->csv, options->report};

	for (unsigned i = 0; i < RTE_DIM(path); i++) {
		bool is_new = path[i] && access(path[i], F_OK) != 0;
		FILE *file = path[i] ? fopen(path[i], "ae") : NULL;

		if (path[i] && file == NULL) {
			fprintf(stderr, "gremc-loadgen: cannot write %s: %s\n", path[i], strerror(errno));
			return -1;
		}
		if (file)
			fclose(file);
		if (is_new)
			unlink(path[i]);
	}
	return 0;
}

/* Whether the generator can make the packets of all tunnels; a refusal is printed. */
static bool tunnels_check(const struct gremc_loadgen_options *options, const struct gremc_config *config)
{
	for (uint32_t i = 0; i < config->tunnel_count; i++) {
		const struct gremc_config_tunnel *tunnel = &config->tunnels[i];

		if (tunnel->options.udp_port == 0)
			continue;
		fprintf(stderr,
			"gremc-loadgen: %s: %s has `mode: gre-udp`, and the generator sends plain GRE only; "
			"measure with `mode: gre`\n",
			options->dut_config, tunnel->name);
		return false;
	}
	return true;
}

/* Load the configuration before the EAL starts, so that its errors precede DPDK's messages. */
static int config_load_and_test(const struct gremc_loadgen_options *options)
{
	struct gremc_errors errors = {0};
	int status;

	if (outputs_check(options))
		return GREMC_EXIT_FAILURE;
	tester.config = gremc_config_load(options->dut_config, NULL, &errors);
	if (tester.config == NULL) {
		fputs(errors.text ? errors.text : "out of memory\n", stderr);
		gremc_errors_fini(&errors);
		return GREMC_EXIT_CONFIG;
	}
	status = tunnels_check(options, tester.config) ? eal_run(options) : GREMC_EXIT_CONFIG;
	gremc_config_free(tester.config);
	return status;
}

int main(int argc, char **argv)
{
	static struct gremc_loadgen_options options;
	enum gremc_action_needs needs;
	int status = gremc_loadgen_options_parse(&options, argc, argv);

	if (status)
		return status;
	if (options.shown_help) {
		gremc_loadgen_help_print(stdout, program_invocation_short_name);
		return GREMC_EXIT_DONE;
	}
	if (options.shown_version) {
		printf("gremc-loadgen %s, %s\n", GREMC_VERSION, rte_version());
		return GREMC_EXIT_DONE;
	}
	gremc_action_needs_get(options.test, &needs);
	switch (needs) {
	case GREMC_NEEDS_NOTHING:
		return gremc_hub_config_print(&options);
	case GREMC_NEEDS_RESULTS:
		return gremc_report_write(&options);
	case GREMC_NEEDS_EAL:
		return eal_run(&options);
	default:
		return config_load_and_test(&options);
	}
}
