/* SPDX-License-Identifier: BSD-3-Clause */
/* The control loop: one epoll for everything but the workers' packets. */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "forwarder.h"
#include "port/watch.h"

#define RECLAIM_MILLISECONDS 5   /* between two looks at a pending grace period */
#define RECLAIMS             64u /* batches that are freed in one turn of the loop */
#define EVENTS               64  /* of one wait */

bool gremc_signals_read(struct gremc_forwarder *forwarder)
{
	struct signalfd_siginfo info;

	while (read(forwarder->signals, &info, sizeof(info)) == sizeof(info)) {
		if (info.ssi_signo != SIGHUP)
			forwarder->is_stopping = true;
		else
			forwarder->is_reload_due = true; /* several at once are one reload */
	}
	return forwarder->is_stopping;
}

/* The signalfd's watch. */
static void signals_ready(void *argument)
{
	gremc_signals_read(argument);
}

static int signals_watch(struct gremc_forwarder *forwarder, struct gremc_watch *watch)
{
	struct epoll_event event = {.events = EPOLLIN, .data.ptr = watch};

	*watch = (struct gremc_watch){.ready = signals_ready, .argument = forwarder};
	return epoll_ctl(forwarder->epoll, EPOLL_CTL_ADD, forwarder->signals, &event);
}

/* The shorter of two waits in milliseconds; -1: unlimited. */
static int wait_min(int a, int b)
{
	if (a < 0 || b < 0)
		return RTE_MAX(a, b);
	return RTE_MIN(a, b);
}

/* Free memory whose grace period has ended. Returns: the wait until the next call. */
static int memory_reclaim(struct gremc_forwarder *forwarder)
{
	if (gremc_rcu_reclaim_some(forwarder->rcu, RECLAIMS) == RECLAIMS)
		return 0;
	return gremc_rcu_waiting(forwarder->rcu) ? RECLAIM_MILLISECONDS : -1;
}

/* Do the work that is due. Returns: the wait until there is more, unless an event comes. */
static int work_run(struct gremc_forwarder *forwarder)
{
	int wait;

	if (forwarder->is_reload_due)
		gremc_control_reload(forwarder->control);
	forwarder->is_reload_due = false;
	wait = gremc_control_poll(forwarder->control);
	wait = gremc_ports_poll(forwarder->ports, gremc_clock_ms(), wait);
	wait = wait_min(wait, gremc_log_report(false));
	return wait_min(wait, memory_reclaim(forwarder));
}

static void loop_turn(struct gremc_forwarder *forwarder)
{
	const int wait = work_run(forwarder);
	struct epoll_event events[EVENTS];
	int n = epoll_wait(forwarder->epoll, events, EVENTS, gremc_host_loop_prepare(forwarder->host, wait));

	/* no event, also if a debugger interrupts the wait: the next turn waits again */
	for (int i = 0; i < n; i++) {
		const struct gremc_watch *watch = events[i].data.ptr;

		watch->ready(watch->argument);
	}
	gremc_host_loop_poll(forwarder->host);
}

void gremc_forwarder_loop(struct gremc_forwarder *forwarder)
{
	struct gremc_watch watch;
	bool is_running = signals_watch(forwarder, &watch) == 0;

	gremc_role_register(GREMC_ROLE_CONTROL);
	if (!is_running)
		GREMC_LOG(ERR, "cannot wait for signals: %s", strerror(errno));
	is_running = is_running && gremc_forwarder_commit(forwarder) == 0;
	forwarder->status = is_running ? GREMC_EXIT_STOPPED : GREMC_EXIT_FAILURE;
	if (is_running)
		printf("gremc: ready\n");
	fflush(stdout);
	while (is_running && !forwarder->is_stopping)
		loop_turn(forwarder);
	gremc_control_stop(forwarder->control);
	gremc_workers_stop(forwarder->workers);
	gremc_role_unregister(GREMC_ROLE_CONTROL);
}
