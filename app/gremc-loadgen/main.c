/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_ethdev.h>
#include <rte_launch.h>
#include <rte_lcore.h>
#include <rte_version.h>

#include "stamp.h"
#include "tester.h"
#include "tests.h"

#define LARGEST_INNER 9600

/* For the signal handler. */
static struct gremc_tester tester;

static void signal_stop_request(int number)
{
	RTE_SET_USED(number);
	__atomic_store_n(&tester.stop, 1, __ATOMIC_RELAXED);
}

#ifndef __SANITIZE_ADDRESS__ /* which has more to say */
/* DPDK's memif frees the queues of a peer that leaves while they may be polled. */
static void signal_crash_report(int number)
{
	static const char text[] =
		"gremc-loadgen: crashed; over memif that is what happens when the forwarder ends while packets are sent\n";
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

/* ---- which device is which port ---- */

static uint32_t config_port_find(const struct gremc_config *config, const struct gremc_named_value *named)
{
	for (uint32_t i = 0; i < config->port_count; i++)
		if (strlen(config->ports[i].name) == named->name_length &&
		    strncmp(config->ports[i].name, named->name, named->name_length) == 0)
			return i;
	return GREMC_CONFIG_NONE;
}

/* Ports that carry packets of their own. */
static unsigned config_ports_count(const struct gremc_config *config, uint32_t *first)
{
	unsigned count = 0;

	for (uint32_t i = config->port_count; i-- > 0;)
		if (config->ports[i].member_of == GREMC_CONFIG_NONE) {
			*first = i;
			count++;
		}
	return count;
}

/* Nothing said, and as many devices as ports: in order. */
static int devices_map_in_order(const struct gremc_config *config, struct gremc_engine_options *engine,
				struct gremc_errors *errors)
{
	uint32_t port = 0, devices = 0, first = 0;
	uint16_t id;

	RTE_ETH_FOREACH_DEV (id)
		devices++;
	if (devices != config_ports_count(config, &first)) {
		gremc_errors_add(
			errors, NULL, 0, 0,
			"the forwarder has %u ports and this EAL %u devices: say which is wired to which, --port %s=DEVICE",
			config_ports_count(config, &first), devices, config->ports[first].name);
		return -1;
	}
	RTE_ETH_FOREACH_DEV (id) {
		while (config->ports[port].member_of != GREMC_CONFIG_NONE)
			port++;
		rte_eth_dev_get_name_by_port(id, engine->map[port++].rx);
	}
	return 0;
}

static int devices_map(const struct gremc_config *config, const struct gremc_loadgen_options *options,
		       struct gremc_engine_options *engine, struct gremc_errors *errors)
{
	for (unsigned i = 0; i < options->port_count + options->tx_port_count; i++) {
		bool tx = i >= options->port_count;
		const struct gremc_named_value *named =
			tx ? &options->tx_port[i - options->port_count] : &options->port[i];
		uint32_t port = config_port_find(config, named);

		if (port == GREMC_CONFIG_NONE || config->ports[port].member_of != GREMC_CONFIG_NONE) {
			gremc_errors_add(errors, NULL, 0, 0,
					 "--%s %s: %s has no port of that name that carries tunnels or LANs",
					 tx ? "tx-port" : "port", named->name, options->dut_config);
			return -1;
		}
		snprintf(tx ? engine->map[port].tx : engine->map[port].rx, GREMC_DEVICE_SIZE, "%s",
			 named->value);
	}
	return options->port_count ? 0 : devices_map_in_order(config, engine, errors);
}

static int macs_map(const struct gremc_config *config, const struct gremc_loadgen_options *options,
		    struct gremc_engine_options *engine, struct gremc_errors *errors)
{
	for (unsigned i = 0; i < options->dut_mac_count; i++) {
		const struct gremc_named_value *named = &options->dut_mac[i];
		struct rte_ether_addr mac;
		uint32_t port = named->name ? config_port_find(config, named) : 0;

		if (rte_ether_unformat_addr(named->value, &mac) || port == GREMC_CONFIG_NONE) {
			gremc_errors_add(
				errors, NULL, 0, 0,
				"--dut-mac %s: [NAME=]aa:bb:cc:dd:ee:ff is needed, NAME being a port of %s",
				named->name ? named->name : named->value, options->dut_config);
			return -1;
		}
		for (uint32_t k = 0; k < config->port_count; k++)
			if (named->name == NULL || k == port) {
				engine->map[k].forwarder = mac;
				engine->map[k].has_mac = true;
			}
	}
	return 0;
}

/* The largest inner packet that any site could send or get: larger ones are skipped, and no buffer need hold
 * them. */
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
	gremc_lcore_loop(lcore);
	return 0;
}

static void control_main(struct gremc_tester *t)
{
	t->status = gremc_tester_execute(t);
	gremc_engine_quit(t->engine);
}

static gremc_thread_result control_thread_main(void *t)
{
	control_main(t);
	return (gremc_thread_result)0;
}

/* With one lcore it polls, and control is a thread beside it; with more the first controls. */
static int lcores_run(struct gremc_tester *t)
{
	gremc_thread thread;

	if (rte_lcore_count() == 1) {
		if (gremc_thread_create(&thread, "gremc-control", control_thread_main, t)) {
			fprintf(stderr, "gremc-loadgen: cannot start the control thread\n");
			return GREMC_EXIT_FAILURE;
		}
		gremc_lcore_loop(&t->engine->lcore[0]);
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
					    .unicast = 64};
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
	if (devices_map(tester.config, options, &engine, &errors) == 0 &&
	    macs_map(tester.config, options, &engine, &errors) == 0)
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
		fprintf(stderr, "gremc-loadgen: DPDK's EAL does not start: %s; its messages above say why\n",
			rte_strerror(rte_errno));
		return GREMC_EXIT_FAILURE;
	}
	gremc_pattern_init();
	status = strcmp(options->test, "bench") == 0 ? gremc_bench_run(options) : forwarder_test(options);
	(void)rte_eal_cleanup();
	return status;
}

/* Hours of a test are not to end with results that cannot be written. */
static int outputs_check(const struct gremc_loadgen_options *options)
{
	const char *const path[] = {options->json, options->csv, options->report};

	for (unsigned i = 0; i < RTE_DIM(path); i++) {
		bool is_new = path[i] && access(path[i], F_OK) != 0;
		FILE *file = path[i] ? fopen(path[i], "ae") : NULL;

		if (path[i] && file == NULL) {
			fprintf(stderr, "gremc-loadgen: %s cannot be written: %s\n", path[i],
				strerror(errno));
			return -1;
		}
		if (file)
			fclose(file);
		if (is_new)
			unlink(path[i]);
	}
	return 0;
}

/* The configuration is read first: a mistake in it is said before DPDK says all it has to say. */
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
	status = eal_run(options);
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
