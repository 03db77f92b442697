/* SPDX-License-Identifier: BSD-3-Clause */
/* A transaction: the table in control.h lists its steps. transaction_prepare() has those that can fail and
 * are undone, transaction_complete() the others. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "control/control_priv.h"

#define WARNINGS_MAX    5u    /* of a configuration */
#define REPEAT_INTERVAL 1000u /* milliseconds */

/* ---- messages ---- */

/* Log the configuration's own warnings, a line each. */
static void warnings_log(const struct gremc_config *config)
{
	const char *line = config->warnings.text;

	for (unsigned i = 0; i < config->warnings.count && line && i < WARNINGS_MAX; i++) {
		int length = (int)strcspn(line, "\n");

		GREMC_LOG(WARNING, "%.*s", length, line);
		line += length + 1;
	}
	if (config->warnings.count > WARNINGS_MAX)
		GREMC_LOG(WARNING, "and %u more warnings; --check prints all of them",
			  config->warnings.count - WARNINGS_MAX);
}

/* Warn of settings that ports and pools can change at a restart only. */
static void restart_settings_warn(const struct gremc_control *control, const struct gremc_config *config)
{
	const struct gremc_ports *ports = control->ports;
	const bool is_alone = ports->worker_count == 1;

	if (config->settings.spread && !ports->spread && !is_alone)
		GREMC_LOG(WARNING,
			  "settings.spread: it stays off until a restart: the mbuf pools are too small");
	if (config->settings.shard_threshold && !ports->shards && !is_alone)
		GREMC_LOG(
			WARNING,
			"settings.shard-threshold: no shards until a restart: there is no mbuf pool for them");
	for (uint16_t i = 0; i < ports->count; i++) {
		const struct gremc_port *port = ports->port[i];

		if (port && port->copies && config->settings.copy_threshold < port->mtu)
			GREMC_LOG(
				WARNING,
				"settings.copy-threshold: port %s goes on copying payloads of all lengths until a "
				"restart: it was started without chains",
				port->name);
	}
}

/* Add the reason for `rc`, if the step that failed has added none. */
static void reason_add(struct gremc_errors *errors, unsigned reasons, int rc)
{
	if (errors->count > reasons || rc == -ECANCELED)
		return;
	if (rc == -E2BIG)
		gremc_errors_add(errors, NULL, 0, 0, "an mroute has more than %u outgoing interfaces",
				 GREMC_FANOUT_MAX);
	else if (rc == -ENOSPC)
		gremc_errors_add(
			errors, NULL, 0, 0,
			"the capacity is %u mroutes, with those of IGMP and of the kernel, and %u vifs: "
			"configure fewer of them",
			GREMC_MROUTES_MAX, GREMC_VIFS_MAX);
	else
		gremc_errors_add(errors, NULL, 0, 0, "cannot apply the configuration: %s%s", strerror(-rc),
				 rc == -ENOMEM ? "; give DPDK more memory (-m or --socket-mem)" : "");
}

/* ---- steps that can be repeated ---- */

/* A device that cannot be created is created later; at start it is a reason to stop. */
static bool host_apply(struct gremc_control *control, const struct gremc_config *config,
		       const struct gremc_vif_map *map, struct gremc_errors *errors)
{
	bool is_first = control->config == NULL;
	unsigned failed = gremc_host_apply(control->host, config, map->vif, errors);

	control->host_failed = failed > 0;
	if (failed && !is_first)
		GREMC_LOG_LIMITED(ERR, "%u host interfaces are not as they should be; it is tried again:\n%s",
				  failed, errors->text ? errors->text : "");
	return gremc_host_is_complete(control->host);
}

/* Apply all settings but those of packets that arrive. Returns: whether no step has failed. */
static bool settings_apply(struct gremc_control *control, const struct gremc_config *config,
			   const struct gremc_vif_map *map, struct gremc_errors *errors)
{
	bool is_complete = gremc_tunnels_configure(control, config, map);

	is_complete &= host_apply(control, config, map, errors);
	is_complete &= gremc_policies_apply(control, config, map);
	is_complete &= gremc_membership_configure(control, config, map);
	gremc_control_peers_configure(control, config, map);
	return is_complete;
}

/* Limit the packets that arrive to those of the configuration. Returns: whether no step has failed. */
static bool filters_apply(struct gremc_control *control, const struct gremc_config *config)
{
	bool is_complete = gremc_ports_steer_trim(control->ports, config) == 0;

	gremc_ports_filters_change(control->ports, config);
	return is_complete;
}

void gremc_control_repeat_set(struct gremc_control *control)
{
	gremc_assert_control_thread();
	control->repeat_at = gremc_clock_ms() + REPEAT_INTERVAL;
}

/* A job's function. */
static int steps_repeat(void *argument)
{
	struct gremc_control *control = argument;
	struct gremc_errors errors = {0};
	bool is_complete;

	gremc_host_hold(control->host, true);
	is_complete = gremc_host_reserve(control->host, control->config) == 0 &&
		      settings_apply(control, control->config, &control->map, &errors);
	is_complete &= filters_apply(control, control->config);
	is_complete &= gremc_kernel_configure(control);
	gremc_host_hold(control->host, false);
	gremc_errors_fini(&errors);
	if (is_complete)
		GREMC_LOG(NOTICE, "the running configuration is complete now");
	else
		gremc_control_repeat_set(control);
	return 0;
}

bool gremc_repeat_job_start(struct gremc_control *control)
{
	gremc_assert_control_thread();
	if (control->repeat_at == 0 || gremc_clock_ms() < control->repeat_at ||
	    !gremc_control_job_start(control, "gremc-repeat", steps_repeat, NULL))
		return false;
	control->repeat_at = 0;
	return true;
}

/* ---- the transaction ---- */

/* The steps that can fail. */
static int transaction_prepare(struct gremc_transaction *transaction)
{
	int rc = gremc_transaction_vifs_create(transaction);

	if (rc == 0)
		rc = gremc_host_reserve(transaction->control->host, transaction->config);
	if (rc == 0)
		rc = gremc_ports_steer_add(transaction->control->ports, transaction->config,
					   transaction->errors);
	if (rc == 0)
		rc = gremc_static_routes_replace(transaction);
	return rc;
}

static void transaction_undo(struct gremc_transaction *transaction)
{
	struct gremc_control *control = transaction->control;

	gremc_transaction_vifs_remove(transaction);
	if (control->config && gremc_ports_steer_trim(control->ports, control->config))
		gremc_control_repeat_set(control);
	gremc_rcu_commit(control->rcu);
}

/* The steps after the mroutes have changed. */
static void transaction_complete(struct gremc_transaction *transaction)
{
	struct gremc_control *control = transaction->control;
	struct gremc_config *config = transaction->config;
	bool is_complete = settings_apply(control, config, &transaction->map, transaction->errors);

	gremc_transaction_vifs_publish(transaction);
	is_complete &= filters_apply(control, config);
	gremc_workers_configure(control->workers, &config->settings);
	RTE_SWAP(control->map, transaction->map);
	gremc_config_free_later(control->config);
	control->config = config;
	is_complete &= gremc_kernel_configure(control);
	gremc_steering_due_set(control);
	control->repeat_at = 0;
	if (!is_complete)
		gremc_control_repeat_set(control);
	warnings_log(config);
	gremc_tunnels_warn(control, config);
	restart_settings_warn(control, config);
}

static void transaction_free(struct gremc_transaction *transaction)
{
	free(transaction->map.vif);
	free(transaction->map.interface);
	free(transaction->is_new);
	free(transaction->is_resolved);
	free(transaction->is_kept);
}

int gremc_control_apply(struct gremc_control *control, struct gremc_config *config,
			struct gremc_errors *errors)
{
	struct gremc_transaction transaction = {.control = control, .config = config, .errors = errors};
	unsigned reasons = errors->count;
	int rc;

	gremc_assert_control_thread();
	gremc_host_hold(control->host, true);
	rc = transaction_prepare(&transaction);
	if (rc) {
		transaction_undo(&transaction);
		reason_add(errors, reasons, rc);
	} else {
		transaction_complete(&transaction);
	}
	gremc_host_hold(control->host, false);
	transaction_free(&transaction);
	return rc;
}
