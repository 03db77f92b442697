/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_launch.h>
#include <rte_lcore.h>
#include <rte_version.h>

#include "forwarder.h"

/* Block the signals before the first slow step and before the first thread, which inherits the mask: only
 * the signalfd receives them. */
static int signals_open(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	/* neither can fail: the arguments are valid */
	(void)sigprocmask(SIG_BLOCK, &set, NULL);
	(void)signal(SIGPIPE, SIG_IGN);
	return signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
}

static int worker_run(void *worker)
{
	gremc_worker_run(worker);
	return 0;
}

static gremc_thread_result control_run(void *forwarder)
{
	gremc_forwarder_loop(forwarder);
	return (gremc_thread_result)0;
}

/* A single lcore polls, beside a control thread; with more lcores, the first one controls.
 * Returns: the exit code. */
static int threads_run(struct gremc_forwarder *forwarder)
{
	struct gremc_worker_group *workers = forwarder->workers;
	gremc_thread thread;

	if (rte_lcore_count() == 1) {
		if (gremc_thread_create(&thread, "gremc-control", control_run, forwarder)) {
			GREMC_LOG(ERR, "cannot start the control thread");
			return GREMC_EXIT_FAILURE;
		}
		gremc_worker_run(workers->worker[0]);
		gremc_thread_join(thread);
		return forwarder->status;
	}
	for (uint32_t i = 0; i < workers->count; i++) {
		int rc = rte_eal_remote_launch(worker_run, workers->worker[i], workers->worker[i]->lcore);

		if (rc) {
			GREMC_LOG(ERR, "lcore %u does not start: %s", workers->worker[i]->lcore,
				  rte_strerror(-rc));
			gremc_workers_stop(workers);
			rte_eal_mp_wait_lcore();
			return GREMC_EXIT_FAILURE;
		}
	}
	gremc_forwarder_loop(forwarder);
	rte_eal_mp_wait_lcore();
	return forwarder->status;
}

/* rte_errno has no reason, or 0, if another process is the reason. */
static void eal_failure_report(void)
{
	const char *path = rte_eal_get_runtime_dir(), *slash = strrchr(path, '/');
	int error = rte_errno;
	pid_t holder = path[0] ? gremc_runtime_holder(path) : 0;
	char pid[32] = "";

	if (holder > 0)
		snprintf(pid, sizeof(pid), " (pid %d)", (int)holder);
	if (holder)
		GREMC_LOG(
			ERR,
			"DPDK's EAL does not start: another process%s uses the file prefix `%s`; stop it, or choose "
			"another prefix with --file-prefix",
			pid, slash ? slash + 1 : path);
	else if (error)
		GREMC_LOG(ERR, "DPDK's EAL does not start: %s; its messages above have the reason",
			  rte_strerror(error));
	else
		GREMC_LOG(ERR, "DPDK's EAL does not start; its messages above have the reason");
}

/* Returns: the exit code. */
static int config_forward(const struct gremc_options *options, struct gremc_forwarder *forwarder,
			  struct gremc_config *config)
{
	int status;

	if (gremc_runtime_remove_at_exit())
		GREMC_LOG(WARNING, "the EAL's files will stay: out of memory");
	if (rte_eal_init(options->eal_argc, options->eal_argv) < 0) {
		eal_failure_report();
		gremc_config_free(config);
		return GREMC_EXIT_FAILURE;
	}
	if (gremc_log_open())
		GREMC_LOG(WARNING, "messages go where DPDK sends them");
	status = gremc_forwarder_init(forwarder, options, config);
	if (status < 0) {
		status = GREMC_EXIT_STOPPED;
	} else if (status == 0) {
		status = threads_run(forwarder);
		if (gremc_forwarder_fini(forwarder) > 0 && status == GREMC_EXIT_STOPPED)
			status = GREMC_EXIT_FAILURE;
	}
	if (rte_eal_cleanup())
		GREMC_LOG(WARNING, "DPDK's EAL does not clean up");
	return status;
}

static int config_check_print(const struct gremc_options *options, struct gremc_config *config)
{
	fputs(config->warnings.text ? config->warnings.text : "", stderr);
	fputs(config->notes.text ? config->notes.text : "", stderr);
	printf("%s%s%s: good: %u ports, %u tunnels, %u mroutes\n",
	       options->source.config ? options->source.config : "",
	       options->source.config && options->source.ifcfg ? ", " : "",
	       options->source.ifcfg ? options->source.ifcfg : "", config->port_count, config->tunnel_count,
	       config->mroute_count);
	gremc_config_free(config);
	return GREMC_EXIT_STOPPED;
}

/* Returns: NULL: the reasons are in the log. */
static struct gremc_config *config_get(struct gremc_loading *loading)
{
	struct gremc_errors errors;
	struct gremc_config *config = gremc_loading_finish(loading, &errors);

	if (config == NULL)
		gremc_errors_log(&errors);
	gremc_errors_fini(&errors);
	return config;
}

/* Returns: false: a signal has stopped the program before the configuration is loaded, or an error is in the
 * log. */
static bool loading_wait(const struct gremc_loading *loading, struct gremc_forwarder *forwarder)
{
	struct pollfd waiting[] = {{.fd = forwarder->signals, .events = POLLIN},
				   {.fd = gremc_loading_fd_get(loading), .events = POLLIN}};

	while (waiting[1].revents == 0) {
		if (poll(waiting, RTE_DIM(waiting), -1) < 0 && errno != EINTR) {
			GREMC_LOG(ERR, "cannot wait for the configuration: %s", strerror(errno));
			return false;
		}
		if (gremc_signals_read(forwarder))
			return false;
	}
	return true;
}

/* Load the configuration while signals are read: a stop takes effect at once, a reload later.
 * Returns: the exit code. */
static int forward_run(const struct gremc_options *options)
{
	struct gremc_forwarder forwarder = {.signals = signals_open()};
	struct gremc_loading *loading;
	struct gremc_config *config;
	int rc, status;

	if (forwarder.signals < 0) {
		GREMC_LOG(ERR, "cannot read signals: %s", strerror(errno));
		return GREMC_EXIT_FAILURE;
	}
	rc = gremc_loading_start(&options->source, &loading);
	if (rc) {
		GREMC_LOG(ERR, "cannot load the configuration: %s", strerror(-rc));
		return GREMC_EXIT_FAILURE;
	}
	if (loading_wait(loading, &forwarder)) {
		config = config_get(loading);
		status = config ? config_forward(options, &forwarder, config) : GREMC_EXIT_CONFIG;
	} else {
		gremc_loading_abandon(loading);
		status = forwarder.is_stopping ? GREMC_EXIT_STOPPED : GREMC_EXIT_FAILURE;
	}
	close(forwarder.signals);
	return status;
}

static int check_run(const struct gremc_options *options)
{
	struct gremc_errors errors = {0};
	struct gremc_config *config =
		gremc_config_load(options->source.config, options->source.ifcfg, &errors);

	if (config == NULL)
		fputs(errors.text ? errors.text : "out of memory\n", stderr);
	gremc_errors_fini(&errors);
	return config ? config_check_print(options, config) : GREMC_EXIT_CONFIG;
}

int main(int argc, char **argv)
{
	struct gremc_options options;
	int status = gremc_options_parse(&options, argc, argv);

	if (status)
		return status;
	switch (options.action) {
	case GREMC_SHOW_HELP:
		gremc_options_help(stdout, program_invocation_short_name);
		return GREMC_EXIT_STOPPED;
	case GREMC_SHOW_HELP_CONFIG:
		gremc_config_help(stdout);
		return GREMC_EXIT_STOPPED;
	case GREMC_SHOW_HELP_TELEMETRY:
		gremc_telemetry_reference(stdout);
		return GREMC_EXIT_STOPPED;
	case GREMC_SHOW_VERSION:
		printf("dpdk-gremc %s, %s\n", GREMC_VERSION, rte_version());
		return GREMC_EXIT_STOPPED;
	case GREMC_CHECK:
		return check_run(&options);
	case GREMC_RUN:
		if (gremc_log_open())
			GREMC_LOG(WARNING, "messages go where DPDK sends them");
		break;
	default:
		break;
	}
	return forward_run(&options);
}
