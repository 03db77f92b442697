/* SPDX-License-Identifier: BSD-3-Clause */
/* The control plane's state. Every function runs on the control thread, or in the job that it runs. */
#ifndef GREMC_CONTROL_CONTROL_PRIV_H
#define GREMC_CONTROL_CONTROL_PRIV_H

#include "base/atomic.h"
#include "base/clock.h"
#include "base/job.h"
#include "control/control.h"
#include "control/kernel_priv.h"
#include "control/membership_priv.h"
#include "peer/peer.h"
#include "port/steering.h"
#include "port/watch.h"

/* The vifs of a configuration, by its numbers: tunnels first, then ports, then the host. */
struct gremc_vif_map {
	uint32_t *vif; /* GREMC_VIF_NONE: a port without native multicast, a host that no mroute names */
	/* The number that IGMP and the rib use: a tunnel keeps it, by its name, from one configuration to the
	 * next. */
	uint32_t *interface;
	uint32_t count;
};

/* Groups of mroutes for shared ports. */
struct gremc_steering {
	bool is_due;   /* the table has changed */
	uint64_t next; /* not before this time, gremc_clock_ms() */
};

struct gremc_reload {
	bool is_due; /* requested since the last one began */
	struct gremc_watch watch;
	struct gremc_loading *loading; /* NULL: no loading thread */
	struct gremc_config *config;   /* loaded and not yet applied, or NULL */
	struct gremc_errors errors;    /* of the same reload */
};

/* A job that the control loop runs in slices. One job is active at a time. */
struct gremc_control_job {
	struct gremc_job job;
	void (*done)(struct gremc_control *control, int rc); /* NULL: nothing follows */
	uint64_t blocked_until; /* milliseconds: the thread of a job could not be started */
};

/* Owner:   the control thread. Telemetry reads the atomics. */
struct gremc_control {
	struct gremc_config_source source;
	struct gremc_config *config; /* the running one */
	struct gremc_vif_map map;    /* of config */
	struct gremc_rcu *rcu;
	struct gremc_vifs *vifs;
	struct gremc_fanout *fanout;
	struct gremc_ports *ports;
	struct gremc_worker_group *workers;
	struct gremc_host *host;
	int epoll;
	bool host_failed;   /* the last apply could not create all host interfaces */
	uint64_t repeat_at; /* milliseconds: of the steps of a transaction that failed; 0: all are complete */
	struct gremc_membership membership;
	struct gremc_kernel kernel;
	struct gremc_peers *peers;
	uint64_t icmp_searched; /* the last search for a quoted tunnel, gremc_clock_ns() */
	struct gremc_steering steering;
	struct gremc_reload reload;
	struct gremc_control_job job;
	gremc_atomic_u64 reloads, reload_errors;
};

/* ---- a transaction ---- */

/* The change from the running configuration to another one. */
struct gremc_transaction {
	struct gremc_control *control;
	struct gremc_config *config; /* the new one */
	struct gremc_errors *errors;
	struct gremc_vif_map map; /* of the new configuration */
	bool *is_new;             /* [tunnel of it] its vif is not published yet */
	bool *is_resolved;        /* [tunnel of it] its next hop had no MAC address before */
	bool *is_kept;            /* [vif] the new configuration has it */
	uint32_t new_count;
};

/* Give each vif of the new configuration its interface. Returns: 0 or -ENOMEM. */
__rte_warn_unused_result int gremc_transaction_interfaces_number(struct gremc_transaction *transaction);
/* Create a complete vif for each tunnel with a new key; no packet matches it yet. A tunnel with a known key
 * keeps its vif.
 * Returns: 0; -ECANCELED: the job is cancelled; another negative errno.
 * Order:   gremc_transaction_vifs_remove() follows a failure of this or a later step. */
__rte_warn_unused_result int gremc_transaction_vifs_create(struct gremc_transaction *transaction);
/* Undo gremc_transaction_vifs_create(), also if it failed in the middle. */
void gremc_transaction_vifs_remove(struct gremc_transaction *transaction);
/* Let packets match the new vifs, and remove the vifs that the new configuration does not have. */
void gremc_transaction_vifs_publish(const struct gremc_transaction *transaction);
/* Replace the static routes by those of the new configuration.
 * Returns: 0; -ECANCELED; -E2BIG: too many OIFs; -ENOSPC; -ENOMEM. After an error nothing has changed. */
__rte_warn_unused_result int gremc_static_routes_replace(const struct gremc_transaction *transaction);

/* Set the policy of each vif.
 * Returns: false: out of memory, logged. A repeated call completes it. */
__rte_warn_unused_result bool gremc_policies_apply(struct gremc_control *control,
						   const struct gremc_config *config,
						   const struct gremc_vif_map *map);

/* Repeat the steps of the last transaction that can be repeated, a second from now: one has failed. */
void gremc_control_repeat_set(struct gremc_control *control);
/* Start a job that repeats these steps, if it is due.
 * Returns: whether a job has started. */
bool gremc_repeat_job_start(struct gremc_control *control);

/* ---- tunnels ---- */

/* The description of the tunnel's vif. */
struct gremc_vif_info gremc_tunnel_info_of(const struct gremc_control *control,
					   const struct gremc_config *config,
					   const struct gremc_config_tunnel *tunnel);
/* The tunnel's next hop by the routes and neighbours of the configuration. */
struct gremc_config_next_hop gremc_next_hop_of(const struct gremc_config *config,
					       const struct gremc_config_tunnel *tunnel);
/* Whether the tunnel follows the kernel's routes and neighbours instead. */
bool gremc_next_hop_is_mirrored(const struct gremc_control *control, const struct gremc_config *config,
				const struct gremc_config_tunnel *tunnel,
				const struct gremc_config_next_hop *next_hop);
/* Get the adjacency of a next hop of the configuration (0: no route), with a reference.
 * Returns: 0, -ENOMEM or -ENOSPC. */
__rte_warn_unused_result int gremc_next_hop_adjacency_get(struct gremc_control *control,
							  const struct gremc_config_tunnel *tunnel,
							  rte_be32_t next_hop, uint32_t *adjacency);
/* Apply the marking of each port, the settings and the next hop of each tunnel, and the MAC address of each
 * next hop.
 * Returns: false: out of memory, logged. A repeated call completes it. */
__rte_warn_unused_result bool gremc_tunnels_configure(struct gremc_control *control,
						      const struct gremc_config *config,
						      const struct gremc_vif_map *map);
/* Warn of tunnels that cannot send, and of MTUs that do not fit. */
void gremc_tunnels_warn(const struct gremc_control *control, const struct gremc_config *config);

/* ---- peers of tunnels ---- */

/* Create the engine, and pass it the keepalives that the host module receives.
 * Errors:  -ENOMEM. */
__rte_warn_unused_result int gremc_control_peers_init(struct gremc_control *control);
/* Set the policy of each tunnel of a configuration. */
void gremc_control_peers_configure(struct gremc_control *control, const struct gremc_config *config,
				   const struct gremc_vif_map *map);
/* Do the work that is due.
 * Returns: the milliseconds until there is more, at most `wait`; -1: unlimited. */
int gremc_control_peers_poll(struct gremc_control *control, int wait);

/* ---- shared ports ---- */

/* Let the next packet of a mroute pass to the kernel, if its iif `vif` is a shared port.
 * Returns: whether the next packet passes. */
bool gremc_steering_packet_pass(struct gremc_control *control, const struct gremc_mroute *mroute,
				uint32_t vif);
/* The routes of the table have changed: shared ports follow soon. */
void gremc_steering_due_set(struct gremc_control *control);
/* Start a job that updates the groups that shared ports take, if it is due.
 * Returns: whether a job has started. */
bool gremc_steering_job_start(struct gremc_control *control);
/* Returns: the milliseconds until steering is due, at most `wait`; -1: unlimited. */
int gremc_steering_wait(const struct gremc_control *control, int wait);

/* ---- jobs ---- */

/* Returns: the milliseconds from now until `time`, at most `wait`; -1: unlimited. */
static inline int gremc_wait_until(uint64_t time, int wait)
{
	const uint64_t now = gremc_clock_ms();
	const int left = now < time ? (int)(time - now) : 0;

	return wait < 0 || wait > left ? left : wait;
}

/* Start a job whose argument is the control plane. done() gets its result.
 * Returns: whether it has started; it has not while another one is active. */
bool gremc_control_job_start(struct gremc_control *control, const char *name, int (*function)(void *control),
			     void (*done)(struct gremc_control *control, int rc));
/* Start a job if one is due and none is active, and run a slice of the active one.
 * Returns: whether a job is active. */
bool gremc_control_jobs_run(struct gremc_control *control);

/* Load the configuration if a reload is due and none is in progress. */
void gremc_reload_run(struct gremc_control *control);
/* Start the job that applies a loaded configuration.
 * Returns: whether a job has started. */
bool gremc_reload_job_start(struct gremc_control *control);
/* Abandon a reload that is in progress. */
void gremc_reload_fini(struct gremc_reload *reload);

#endif
