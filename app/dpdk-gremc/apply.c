/* SPDX-License-Identifier: BSD-3-Clause */
/* From one configuration to the next without a packet lost of anything that is in both:
 *   1. make complete vifs for tunnels whose key is new; no packet and no mroute finds them yet;
 *   2. have ports that the kernel keeps bring their packets;
 *   3. change the mroutes, all or none;
 *   4. give tunnels their new settings, next hops their MACs, the kernel its devices, vifs their punt bits
 * and lists of sources;
 *   5. let packets find the new vifs; remove the vifs that nothing names any more, and leave their packets to
 *      the kernel.
 * Up to and including 3 a failure is undone; after that only memory can fail, and then an old setting stays.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "forwarder.h"

#define WARNINGS_MAX 5 /* of a configuration */

/* The configuration's own warnings, a line each. */
static void log_warnings(const struct gremc_config *config)
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

/* ---- the host ---- */

/* What of it fails is tried again while the forwarder runs; at start it is a reason not to begin. */
static void apply_host(struct gremc_forwarder *forwarder, const struct gremc_config *wanted,
		       const struct gremc_vif_map *map, struct gremc_errors *errors)
{
	bool is_first = forwarder->config == NULL;
	unsigned failed = gremc_host_apply(forwarder->host, wanted, map->vif, errors);

	forwarder->host_failed = failed > 0;
	if (failed && !is_first)
		GREMC_LOG(ERR, "%u host interfaces are not as they should be; it is tried again:\n%s", failed,
			  errors->text ? errors->text : "");
}

/* ---- all of it ---- */

/* What the ports and their pools were not made for stays as it is. */
static void warn_of_restart(const struct gremc_forwarder *forwarder, const struct gremc_config *wanted)
{
	const struct gremc_ports *ports = forwarder->ports;
	const bool alone = ports->worker_count == 1;

	if (wanted->settings.spread && !ports->spread && !alone)
		GREMC_LOG(WARNING,
			  "settings.spread: it stays off until a restart: the mbuf pools are too small");
	if (wanted->settings.shard_threshold && !ports->shards && !alone)
		GREMC_LOG(
			WARNING,
			"settings.shard-threshold: no shards until a restart: there is no mbuf pool for them");
	for (uint16_t i = 0; i < ports->count; i++) {
		const struct gremc_port *port = ports->port[i];

		if (port && port->copies && wanted->settings.copy_threshold < port->mtu)
			GREMC_LOG(
				WARNING,
				"settings.copy-threshold: port %s goes on copying payloads of all lengths until a "
				"restart: it was started without chains",
				port->name);
	}
}

static int apply(struct gremc_forwarder *forwarder, struct gremc_config *wanted, struct gremc_errors *errors)
{
	struct gremc_change change;
	unsigned reasons = errors->count;
	int rc = gremc_change_begin(&change, forwarder, wanted);

	if (rc == 0)
		rc = gremc_ports_steer_add(forwarder->ports, wanted, errors);
	if (rc == 0)
		rc = gremc_forwarder_apply_mroutes(forwarder, wanted, &change.map);
	if (rc) {
		gremc_change_undo(&change, forwarder, wanted);
		if (forwarder->config)
			gremc_ports_steer_trim(forwarder->ports, forwarder->config);
		gremc_rcu_commit(forwarder->rcu);
		goto fail;
	}
	gremc_change_settings(&change, forwarder, wanted);
	log_warnings(wanted);
	apply_host(forwarder, wanted, &change.map, errors);
	gremc_membership_configure(forwarder, wanted, &change.map);
	gremc_change_publish(&change, forwarder, wanted);
	gremc_ports_steer_trim(forwarder->ports, wanted);
	gremc_ports_filters_change(forwarder->ports, wanted);
	warn_of_restart(forwarder, wanted);
	gremc_workers_configure(forwarder->workers, &wanted->settings);
	free(forwarder->map.vif);
	free(forwarder->map.interface);
	forwarder->map = change.map;
	gremc_change_fini(&change);
	gremc_loading_free(forwarder->config);
	forwarder->config = wanted;
	gremc_kernel_configure(forwarder);
	gremc_steering_changed(forwarder);
	return 0;
fail:
	if (errors->count > reasons || rc == -ECANCELED)
		return rc; /* said where it happened, or not worth a word */
	if (rc == -E2BIG)
		gremc_errors_add(errors, NULL, 0, 0, "an mroute has more than %u outgoing interfaces",
				 GREMC_FANOUT_MAX);
	else if (rc == -ENOSPC)
		gremc_errors_add(
			errors, NULL, 0, 0,
			"there is room for %u mroutes, with those of IGMP and of the kernel, and for "
			"%u vifs: name fewer of them",
			GREMC_MROUTES_MAX, GREMC_VIFS_MAX);
	else
		gremc_errors_add(errors, NULL, 0, 0, "cannot apply the configuration: %s%s", strerror(-rc),
				 rc == -ENOMEM ? "; give DPDK more memory (-m or --socket-mem)" : "");
	return rc;
}

int gremc_forwarder_apply(struct gremc_forwarder *forwarder, struct gremc_config *wanted,
			  struct gremc_errors *errors)
{
	int rc;

	gremc_host_hold(forwarder->host, true);
	rc = apply(forwarder, wanted, errors);
	gremc_host_hold(forwarder->host, false);
	return rc;
}
