/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "control/control_priv.h"

#define FIRST_SLICE_MICROSECONDS 50000u

/* ---- life ---- */

/* The vifs of ports with native multicast exist once, because ports do not change. */
static int port_vifs_add(struct gremc_control *control)
{
	int rc = 0;

	for (uint16_t i = 0; i < control->ports->count && rc == 0; i++) {
		const struct gremc_port *port = control->ports->port[i];
		uint32_t adjacency, vif;

		if (port == NULL || !port->multicast)
			continue;
		rc = gremc_adjacency_get(control->vifs, i, 0, &port->mac, port->vlan, &adjacency);
		if (rc)
			break;
		rc = gremc_port_vif_add(control->vifs, port->name, i, port->mtu, adjacency, &vif);
		if (rc)
			gremc_adjacency_release(control->vifs, adjacency);
	}
	return rc;
}

struct gremc_control *gremc_control_create(const struct gremc_control_context *context)
{
	struct gremc_control *control = calloc(1, sizeof(*control));

	gremc_assert_control_thread();
	if (control == NULL)
		return NULL;
	*control = (struct gremc_control){
		.source = context->source,
		.rcu = context->rcu,
		.vifs = context->vifs,
		.fanout = context->fanout,
		.ports = context->ports,
		.workers = context->workers,
		.host = context->host,
		.epoll = context->epoll,
	};
	if (port_vifs_add(control) || gremc_membership_init(control) || gremc_control_peers_init(control)) {
		gremc_control_destroy(control);
		return NULL;
	}
	gremc_host_listener_set(control->host, gremc_membership_input, control);
	return control;
}

void gremc_control_destroy(struct gremc_control *control)
{
	gremc_assert_control_thread();
	if (control == NULL)
		return;
	gremc_reload_fini(&control->reload);
	gremc_membership_fini(&control->membership);
	gremc_peers_destroy(control->peers);
	gremc_kernel_fini(&control->kernel);
	free(control->map.vif);
	free(control->map.interface);
	gremc_config_free(control->config);
	free(control);
}

const struct gremc_config *gremc_control_config_get(const struct gremc_control *control)
{
	gremc_assert_control_thread();
	return control->config;
}

/* ---- the start ---- */

struct first_apply {
	struct gremc_control *control;
	struct gremc_config *config;
	struct gremc_errors *errors;
};

/* A job's function. */
static int first_apply_run(void *argument)
{
	const struct first_apply *apply = argument;

	return gremc_control_apply(apply->control, apply->config, apply->errors);
}

int gremc_control_start(struct gremc_control *control, struct gremc_config *config,
			bool (*is_stopped)(void *argument), void *argument, struct gremc_errors *errors)
{
	struct first_apply apply = {control, config, errors};
	struct gremc_job job = {0};
	bool stopped = false;
	int rc = gremc_job_start(&job, "gremc-apply", first_apply_run, &apply);

	gremc_assert_control_thread();
	gremc_assert(control->config == NULL);
	if (rc) {
		gremc_errors_add(errors, NULL, 0, 0, "cannot start a thread: %s", strerror(-rc));
		gremc_config_free(config);
		return rc;
	}
	while (!gremc_job_run(&job, FIRST_SLICE_MICROSECONDS)) {
		stopped = stopped || is_stopped(argument);
		if (stopped)
			gremc_job_cancel(&job);
	}
	rc = gremc_job_finish(&job);
	if (rc)
		gremc_config_free(config);
	if (stopped || is_stopped(argument))
		return -ECANCELED;
	/* later such a device is created again and again; a start without it is none */
	return rc == 0 && control->host_failed ? -ENODEV : rc;
}

/* ---- the loop ---- */

void gremc_control_reload(struct gremc_control *control)
{
	gremc_assert_control_thread();
	control->reload.is_due = true;
}

int gremc_control_poll(struct gremc_control *control)
{
	bool has_job;
	int wait;

	gremc_assert_control_thread();
	gremc_reload_run(control);
	has_job = gremc_control_jobs_run(control);
	wait = gremc_kernel_poll(control, gremc_membership_poll(control));
	wait = gremc_steering_wait(control, wait);
	wait = gremc_control_peers_poll(control, wait);
	if (control->repeat_at)
		wait = gremc_wait_until(control->repeat_at, wait);
	/* a job that is due has no thread: the wait of 0 for it would be a busy loop */
	if (gremc_clock_ms() < control->job.blocked_until)
		return gremc_wait_until(control->job.blocked_until, -1);
	return has_job ? 0 : wait;
}

void gremc_control_telemetry_fill(const struct gremc_control *control, struct gremc_telemetry *telemetry)
{
	gremc_assert_control_thread();
	telemetry->igmp = control->membership.igmp;
	telemetry->rib = control->membership.rib;
	telemetry->interface_vif = control->membership.interface_vif;
	telemetry->mfc = &control->kernel.mfc;
	telemetry->peers = control->peers;
	telemetry->alive = &control->kernel.alive;
	telemetry->igmp_unsent = &control->membership.unsent;
	telemetry->igmp_changes = &control->membership.changes;
	telemetry->igmp_applied = &control->membership.applied;
	telemetry->igmp_delays = &control->membership.delays;
	telemetry->reloads = &control->reloads;
	telemetry->reload_errors = &control->reload_errors;
}
