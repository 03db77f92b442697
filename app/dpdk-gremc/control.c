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
#define RECLAIMS             64u /* batches that are freed before packets have their turn */
#define EVENTS               64  /* of one wait */

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

/* Free what has had its grace period. Returns as patience(). */
static int reclaim(struct gremc_forwarder *forwarder)
{
	if (gremc_rcu_reclaim_some(forwarder->rcu, RECLAIMS) == RECLAIMS)
		return 0;
	return gremc_rcu_waiting(forwarder->rcu) ? RECLAIM_MILLISECONDS : -1;
}

/* The shorter of two waits in milliseconds; -1: for ever. */
static int shorter(int a, int b)
{
	if (a < 0 || b < 0)
		return RTE_MAX(a, b);
	return RTE_MIN(a, b);
}

/* Let timers run, and say how long nothing has to be done unless something comes. */
static int patience(struct gremc_forwarder *forwarder)
{
	int wait = gremc_kernel_run(forwarder, gremc_membership_run(forwarder));

	wait = gremc_steering_wait(forwarder, wait);
	wait = gremc_ports_poll(forwarder->ports, gremc_clock(), wait);
	wait = shorter(wait, gremc_log_report(false));
	return shorter(wait, reclaim(forwarder));
}

/* Wait for anything, and do it. */
static void turn(struct gremc_forwarder *forwarder)
{
	struct epoll_event events[EVENTS];
	bool has_job;
	int timeout, n;

	gremc_reload_run(forwarder);
	has_job = gremc_forwarder_jobs_run(forwarder);
	timeout = patience(forwarder);
	if (has_job)
		timeout = 0;
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
	gremc_forwarder_jobs_end(forwarder);
	gremc_workers_stop(forwarder->workers);
	gremc_role_unregister(GREMC_ROLE_CONTROL);
}
