/* SPDX-License-Identifier: BSD-3-Clause */
/* The running forwarder: one object of each module, created in order and destroyed in reverse order. */
#ifndef GREMC_APP_FORWARDER_H
#define GREMC_APP_FORWARDER_H

#include <limits.h>

#include "control/control.h"
#include "options.h"

struct gremc_forwarder {
	const struct gremc_options *options;
	struct gremc_nodes nodes; /* with workers: each has a copy of the tables */
	struct gremc_rcu *rcu;
	struct gremc_vifs *vifs;
	struct gremc_fanout *fanout;
	struct gremc_ports *ports;
	struct gremc_worker_group *workers;
	struct gremc_host *host;
	struct gremc_control *control;
	struct gremc_telemetry telemetry;
	char state_directory[PATH_MAX]; /* of files that outlive a killed process */
	int epoll;                      /* the control loop's */
	int signals;                    /* signalfd: SIGHUP, SIGINT, SIGTERM; blocked in every thread */
	bool is_stopping;
	bool is_reload_due; /* SIGHUP since the last turn of the loop */
	int status;         /* exit code of the control loop */
};

/* Create everything up to workers that are ready to run, and apply the configuration.
 * Thread:  main, which becomes the control thread or starts it.
 * Owner:   takes the configuration in any case.
 * Returns: 0; an exit code, with the reasons in the log; or -1: a signal has stopped the start. */
int gremc_forwarder_init(struct gremc_forwarder *forwarder, const struct gremc_options *options,
			 struct gremc_config *config);
/* Finish the start: create the kernel's interfaces, addresses and routes.
 * Thread:  control thread.
 * Returns: 0, or a negative errno with the reasons in the log: nothing has changed. */
int gremc_forwarder_commit(struct gremc_forwarder *forwarder);
/* Print the summary, remove the host interfaces, close the ports. The tables stay until the process ends.
 * Thread:  main.
 * Order:   after the workers have returned.
 * Returns: how many mbufs are missing in the pools. */
unsigned gremc_forwarder_fini(struct gremc_forwarder *forwarder);

/* Run the control loop until a signal stops it, then stop the workers. The exit code is in
 * forwarder->status.
 * Thread:  control thread. */
void gremc_forwarder_loop(struct gremc_forwarder *forwarder);

/* Read the signals that have arrived, and record a reload.
 * Thread:  main before the control loop starts, then the control thread.
 * Returns: whether one has stopped the program. */
bool gremc_signals_read(struct gremc_forwarder *forwarder);

/* Print the counters to stdout.
 * Thread:  main, after the workers have returned. */
void gremc_forwarder_summary(const struct gremc_forwarder *forwarder);

#endif
