/* SPDX-License-Identifier: BSD-3-Clause */
/* The running forwarder: every room's object, made in order, taken down in reverse. */
#ifndef GREMC_APP_FORWARDER_H
#define GREMC_APP_FORWARDER_H

#include <limits.h>

#include "base/job.h"
#include "config/config.h"
#include "datapath/datapath.h"
#include "fanout/fanout.h"
#include "host/host.h"
#include "kernel.h"
#include "loading.h"
#include "membership.h"
#include "options.h"
#include "port/steering.h"
#include "port/watch.h"
#include "rcu/rcu.h"
#include "telemetry/telemetry.h"
#include "vif/vif.h"

/* The vifs of a configuration, by its numbers: tunnels first, then ports, then the host. */
struct gremc_vif_map {
	uint32_t *vif; /* GREMC_VIF_NONE: a port without native multicast, a host that no mroute names */
	/* The interface that IGMP and the rib know it by: a tunnel keeps it, by its name, from one
	 * configuration to the next. */
	uint32_t *interface;
	uint32_t count;
};

struct gremc_forwarder;

/* Groups of mroutes for ports that the kernel keeps. */
struct gremc_steering {
	bool due;      /* the table has changed */
	uint64_t next; /* not before then, by gremc_clock() */
};

struct gremc_reload {
	bool is_due; /* SIGHUP, since the last one began */
	struct gremc_watch watch;
	struct gremc_loading loading;
	struct gremc_config *config; /* loaded and not yet applied, or NULL */
	struct gremc_errors errors;  /* of it */
};

/* A job that the control loop runs in slices. One job is active at a time. */
struct gremc_forwarder_job {
	struct gremc_job job;
	void (*done)(struct gremc_forwarder *forwarder, int rc); /* NULL: nothing follows */
};

struct gremc_forwarder {
	const struct gremc_options *options;
	struct gremc_config *config; /* the one that is running */
	struct gremc_vif_map map;    /* of config */
	struct gremc_nodes nodes;    /* that have workers, and so a copy of vifs and fanout */
	struct gremc_rcu *rcu;
	struct gremc_vifs *vifs;
	struct gremc_fanout *fanout;
	struct gremc_ports *ports;
	struct gremc_worker_group *workers;
	struct gremc_host *host;
	char state_directory[PATH_MAX]; /* of what outlives a process that is killed */
	bool host_failed;               /* the last apply could not make all host interfaces */
	int epoll;                      /* the control loop's */
	struct gremc_membership membership;
	struct gremc_kernel kernel;
	struct gremc_steering steering;
	struct gremc_telemetry telemetry;
	int signals; /* signalfd: SIGHUP, SIGINT, SIGTERM; blocked in every thread */
	bool stopping;
	struct gremc_reload reload;
	struct gremc_forwarder_job job;
	uint64_t reloads, reload_errors;
	int status; /* exit code of the control loop */
};

/* Build everything up to workers that are ready to run. Returns 0; an exit code, after the reasons in the
 * log; or -1: a signal has said stop meanwhile. */
int gremc_forwarder_init(struct gremc_forwarder *forwarder, const struct gremc_options *options,
			 struct gremc_config *config);
/* The last step of a start, in the control thread: the kernel's interfaces, addresses and routes. Nothing of
 * them has changed before. Returns 0, or a negative errno after the reasons in the log: nothing has changed.
 */
int gremc_forwarder_commit(struct gremc_forwarder *forwarder);
/* The workers have returned: print the summary, take everything down. Returns how many mbufs were missing. */
unsigned gremc_forwarder_fini(struct gremc_forwarder *forwarder);

/* apply.c: bring vifs, adjacencies, mroutes and settings from the running configuration (NULL: none yet) to
 * `wanted`, all or nothing; what is the same in both is not touched. On success the forwarder owns `wanted`
 * and the running one is freed. In a job it pauses: packets, timers and events have their turn then. Returns
 * 0, a negative errno with the reasons in *errors, or -ECANCELED: the job is cancelled. Control thread. */
int gremc_forwarder_apply(struct gremc_forwarder *forwarder, struct gremc_config *wanted,
			  struct gremc_errors *errors);

/* The way of the vifs from the running configuration to another. */
struct gremc_change {
	struct gremc_vif_map map; /* of the new configuration */
	bool *is_new;             /* [tunnel of the new configuration] its vif is not published yet */
	bool *is_resolved;        /* [the same] its next hop's MAC has been set for it */
	uint32_t new_count;
};

/* tunnels.c, in this order; between the first two and the last ones the mroutes change.
 *
 * Number the interfaces, and make a complete vif for each tunnel whose key is new; no packet finds it yet. A
 * tunnel whose key is there keeps its vif. Returns 0 or a negative errno; gremc_change_undo() in any case. */
int gremc_change_begin(struct gremc_change *change, struct gremc_forwarder *forwarder,
		       const struct gremc_config *config);
/* As before gremc_change_begin(). */
void gremc_change_undo(struct gremc_change *change, struct gremc_forwarder *forwarder,
		       const struct gremc_config *config);
/* Give each tunnel its settings and its next hop, and each next hop its MAC. */
void gremc_change_settings(const struct gremc_change *change, struct gremc_forwarder *forwarder,
			   const struct gremc_config *config);
/* Let packets find the new vifs, and remove those that `config` does not have. */
void gremc_change_publish(const struct gremc_change *change, struct gremc_forwarder *forwarder,
			  const struct gremc_config *config);
/* All but the map, which is the forwarder's now. */
void gremc_change_fini(struct gremc_change *change);

/* mroutes.c: make the static routes what `config` with `map` says. Returns 0 or a negative errno: then
 * nothing has changed. */
int gremc_forwarder_apply_mroutes(struct gremc_forwarder *forwarder, const struct gremc_config *config,
				  const struct gremc_vif_map *map);

/* steering.c: a vif of a port that the kernel keeps: the mroute's next packet from there is the kernel's.
 * Returns whether the port can do that. */
bool gremc_steering_pass(struct gremc_forwarder *forwarder, const struct gremc_mroute *mroute, uint32_t vif);
/* The table's routes have changed. */
void gremc_steering_changed(struct gremc_forwarder *forwarder);
/* Start a job that has the ports take what the table has routes for, when it is time. Returns whether there
 * is one. */
bool gremc_steering_job_start(struct gremc_forwarder *forwarder);
/* Returns: the milliseconds that the loop may wait, at most `wait` (-1: for ever). */
int gremc_steering_wait(const struct gremc_forwarder *forwarder, int wait);

/* jobs.c: start a job whose argument is the forwarder; done() is called with its result.
 * Returns: whether it has started; it has not while another one is active. */
bool gremc_forwarder_job_start(struct gremc_forwarder *forwarder, const char *name,
			       int (*function)(void *forwarder),
			       void (*done)(struct gremc_forwarder *forwarder, int rc));
/* Start a job if one is due and none is active, and run a slice of it. Returns whether one is active. */
bool gremc_forwarder_jobs_run(struct gremc_forwarder *forwarder);
/* End the active job, if any: it is cancelled, or runs to its end where it cannot be. */
void gremc_forwarder_jobs_end(struct gremc_forwarder *forwarder);

/* reload.c: load the configuration after a SIGHUP. A SIGHUP that comes while a configuration is loaded or
 * applied is for the time after. */
void gremc_reload_run(struct gremc_forwarder *forwarder);
/* Start the job that applies a configuration that has been loaded. Returns whether there is one. */
bool gremc_reload_job_start(struct gremc_forwarder *forwarder);

/* control.c: signals, reload, reclaim; returns when told to stop, having stopped the workers. */
void gremc_forwarder_control(struct gremc_forwarder *forwarder);

/* Read the signals that have come. Returns whether one ends the program; one that reloads is noted. */
bool gremc_signals_stop(struct gremc_forwarder *forwarder);

/* summary.c: what happened, on stdout. */
void gremc_forwarder_summary(const struct gremc_forwarder *forwarder);

#endif
