/* SPDX-License-Identifier: BSD-3-Clause */
/* The control loop: one epoll for all that is not a packet. */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "forwarder.h"

/* While something waits for its grace period, look again this often. */
#define RECLAIM_MILLISECONDS 5
#define EVENTS               64 /* of one wait */

static void refuse(struct gremc_forwarder *forwarder, const struct gremc_errors *errors)
{
	__atomic_add_fetch(&forwarder->reload_errors, 1, __ATOMIC_RELAXED);
	GREMC_LOG(ERR, "reload refused, the running configuration stays:");
	gremc_errors_log(errors);
}

/* The loading thread has ended. */
static void loaded(void *argument)
{
	struct gremc_forwarder *forwarder = argument;
	const struct gremc_options *options = forwarder->options;
	struct gremc_errors errors;
	struct gremc_config *config = gremc_loading_finish(&forwarder->reload.loading, &errors);

	if (config == NULL ||
	    gremc_config_restart_check(forwarder->config, config, options->config, &errors) ||
	    gremc_forwarder_apply(forwarder, config, &errors)) {
		refuse(forwarder, &errors);
		gremc_loading_free(config);
	} else {
		__atomic_add_fetch(&forwarder->reloads, 1, __ATOMIC_RELAXED);
		GREMC_LOG(NOTICE, "reloaded %s: %u tunnels, %u mroutes", options->config,
			  config->tunnel_count, config->mroute_count);
	}
	gremc_errors_fini(&errors);
}

/* A SIGHUP that comes while a configuration is loaded is for the time after. */
static void reload_run(struct gremc_forwarder *forwarder)
{
	struct gremc_reload *reload = &forwarder->reload;
	struct epoll_event event = {.events = EPOLLIN, .data.ptr = &reload->watch};
	const bool is_first = reload->loading.event < 0;
	struct gremc_errors errors = {0};
	int rc;

	if (!reload->is_due || reload->loading.active)
		return;
	reload->is_due = false;
	reload->watch = (struct gremc_watch){.ready = loaded, .argument = forwarder};
	rc = gremc_loading_start(&reload->loading, forwarder->options);
	if (rc == 0 && is_first && epoll_ctl(forwarder->epoll, EPOLL_CTL_ADD, reload->loading.event, &event))
		rc = -errno;
	if (rc) {
		gremc_errors_add(&errors, NULL, 0, 0, "cannot load it: %s", strerror(-rc));
		refuse(forwarder, &errors);
		gremc_errors_fini(&errors);
	}
}

bool gremc_signals_stop(struct gremc_forwarder *forwarder)
{
	struct signalfd_siginfo info;

	while (read(forwarder->signals, &info, sizeof(info)) == sizeof(info)) {
		if (info.ssi_signo != SIGHUP)
			forwarder->stopping = true;
		else
			forwarder->reload.is_due = true; /* several at once are one reload */
	}
	return forwarder->stopping;
}

/* The signalfd's watch. */
static void signalled(void *argument)
{
	gremc_signals_stop(argument);
}

static int watch_signals(struct gremc_forwarder *forwarder, struct gremc_watch *watch)
{
	struct epoll_event event = {.events = EPOLLIN, .data.ptr = watch};

	*watch = (struct gremc_watch){.ready = signalled, .argument = forwarder};
	return epoll_ctl(forwarder->epoll, EPOLL_CTL_ADD, forwarder->signals, &event);
}

/* Let timers run, and say how long nothing has to be done unless something comes. */
static int patience(struct gremc_forwarder *forwarder)
{
	int wait = gremc_kernel_run(forwarder, gremc_membership_run(forwarder));
	int report = gremc_log_report(false);

	wait = gremc_steering_run(forwarder, wait);
	wait = gremc_ports_poll(forwarder->ports, gremc_clock(), wait);
	if (report >= 0 && (wait < 0 || wait > report))
		wait = report;
	if (gremc_rcu_reclaim(forwarder->rcu) && (wait < 0 || wait > RECLAIM_MILLISECONDS))
		wait = RECLAIM_MILLISECONDS;
	return wait;
}

/* Wait for anything, and do it. */
static void turn(struct gremc_forwarder *forwarder)
{
	struct epoll_event events[EVENTS];
	int timeout, n;

	reload_run(forwarder);
	timeout = patience(forwarder);
	n = epoll_wait(forwarder->epoll, events, EVENTS, gremc_host_loop_prepare(forwarder->host, timeout));

	for (int i = 0; i < n; i++) {
		const struct gremc_watch *watch = events[i].data.ptr;

		watch->ready(watch->argument);
	}
	gremc_host_loop_poll(forwarder->host);
}

void gremc_forwarder_control(struct gremc_forwarder *forwarder)
{
	struct gremc_watch watch;
	bool running = watch_signals(forwarder, &watch) == 0;

	gremc_role_register(GREMC_ROLE_CONTROL);
	if (!running)
		GREMC_LOG(ERR, "no control loop: %s", strerror(errno));
	running = running && gremc_forwarder_commit(forwarder) == 0;
	forwarder->status = running ? GREMC_EXIT_STOPPED : GREMC_EXIT_FAILURE;
	if (running)
		printf("gremc: ready\n");
	fflush(stdout);
	while (running && !forwarder->stopping)
		turn(forwarder);
	gremc_workers_stop(forwarder->workers);
	gremc_role_unregister(GREMC_ROLE_CONTROL);
}
