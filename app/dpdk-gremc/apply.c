/* SPDX-License-Identifier: BSD-3-Clause */
/* From one configuration to the next without a packet lost of what is in both:
 *   1. make vifs for tunnels that are new or changed (nobody can reach them yet);
 *   2. have ports that the kernel keeps bring their packets, and publish them: a changed tunnel's packets go
 *      over to its new vif by one store;
 *   3. change the mroutes, all or none;
 *   4. give adjacencies their MACs, remove the vifs that nothing names any more, leave their packets to the
 *      kernel.
 * Up to and including 3 a failure is undone; 4 cannot fail but for memory, and then an old MAC stays. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <rte_byteorder.h>

#include "forwarder.h"

#define WARNINGS_MAX 5 /* of one kind at a time: ten thousand lines help nobody */

static uint16_t mtu_of(const struct gremc_port *port, const struct gremc_config_tunnel *tunnel)
{
	uint16_t overhead = sizeof(struct rte_ipv4_hdr) + (tunnel->has_output_key ? 8 : 4);
	uint16_t largest = port->mtu - overhead;

	return tunnel->mtu && tunnel->mtu < largest ? tunnel->mtu : largest;
}

static struct gremc_vif_info info_of(const struct gremc_port *port, const struct gremc_config_tunnel *tunnel,
				     rte_be32_t next_hop)
{
	struct gremc_vif_info info = {
		.kind = GREMC_VIF_TUNNEL,
		.port = port->index,
		.local = tunnel->local,
		.remote = tunnel->remote,
		.next_hop = next_hop,
		.has_input_key = tunnel->has_input_key,
		.has_output_key = tunnel->has_output_key,
		.input_key = tunnel->input_key,
		.output_key = tunnel->output_key,
		.mtu = mtu_of(port, tunnel),
		.ttl = tunnel->ttl,
		.tos = tunnel->tos,
		.tos_inherit = tunnel->tos_inherit,
		.df = tunnel->df,
	};

	memcpy(info.name, tunnel->name, sizeof(info.name));
	return info;
}

/* ---- step 1 ---- */

static int make_vif(struct gremc_forwarder *forwarder, const struct gremc_config *config, uint32_t number,
		    uint32_t *vif)
{
	const struct gremc_config_tunnel *tunnel = &config->tunnels[number];
	const struct gremc_port *port = forwarder->ports->port[tunnel->port];
	struct gremc_config_way way = gremc_config_way(&config->ports[tunnel->port], tunnel->remote);
	struct gremc_vif_info info = info_of(port, tunnel, way.next_hop);
	/* without a route the remote stands for its own next hop, which then has no MAC */
	rte_be32_t next_hop = way.next_hop ? way.next_hop : tunnel->remote;
	uint32_t adjacency;
	int rc;

	rc = gremc_adjacency_get(forwarder->vifs, port->index, next_hop, &port->mac, port->vlan, &adjacency);
	if (rc)
		return rc;
	rc = gremc_tunnel_add(forwarder->vifs, &info, adjacency, vif);
	if (rc) {
		gremc_adjacency_put(forwarder->vifs, adjacency);
		return rc;
	}
	for (uint32_t i = 0; i < forwarder->workers->stats_count; i++)
		gremc_stats_reset_vif(forwarder->workers->stats[i], *vif);
	return 0;
}

/* Tunnels of the running configuration by name. */
static int by_name(const void *a, const void *b)
{
	return strcmp((*(const struct gremc_config_tunnel *const *)a)->name,
		      (*(const struct gremc_config_tunnel *const *)b)->name);
}

static const struct gremc_config_tunnel **index_tunnels(const struct gremc_config *config)
{
	const struct gremc_config_tunnel **index =
		calloc(config->tunnel_count + 1, sizeof(struct gremc_config_tunnel *));

	for (uint32_t i = 0; index && i < config->tunnel_count; i++)
		index[i] = &config->tunnels[i];
	if (index)
		qsort(index, config->tunnel_count, sizeof(struct gremc_config_tunnel *), by_name);
	return index;
}

/* The one of this name in the running configuration, or NULL. */
static const struct gremc_config_tunnel *find_tunnel(const struct gremc_config_tunnel **index,
						     const struct gremc_config *running,
						     const struct gremc_config_tunnel *tunnel)
{
	const struct gremc_config_tunnel **found =
		bsearch(&tunnel, index, running->tunnel_count, sizeof(struct gremc_config_tunnel *), by_name);

	return found ? *found : NULL;
}

/* The running vif that can stay for this tunnel, or GREMC_VIF_NONE. */
static uint32_t kept_vif(const struct gremc_forwarder *forwarder, const struct gremc_config_tunnel **index,
			 const struct gremc_config *wanted, const struct gremc_config_tunnel *tunnel)
{
	const struct gremc_config *running = forwarder->config;
	const struct gremc_config_tunnel *found = find_tunnel(index, running, tunnel);
	const struct gremc_vif_info *info;
	uint32_t vif;

	if (found == NULL || !gremc_config_tunnel_equal(found, tunnel))
		return GREMC_VIF_NONE;
	vif = forwarder->map.vif[found - running->tunnels];
	info = forwarder->vifs->info[vif];
	/* the same settings, but addresses or routes of its port may lead elsewhere now */
	return info->port == tunnel->port &&
			       info->next_hop ==
				       gremc_config_way(&wanted->ports[tunnel->port], tunnel->remote).next_hop
		       ? vif
		       : GREMC_VIF_NONE;
}

/* What one apply changes of the vifs, so that it can be undone. */
struct change {
	struct gremc_vif_map map; /* of the wanted configuration */
	bool *is_new;             /* [number] of wanted's tunnels */
	bool *is_kept;            /* [number] of the running one's tunnels */
	uint32_t published;       /* tunnels [0, published) of wanted have been published */
};

static void change_fini(struct change *change)
{
	free(change->map.vif);
	free(change->map.interface);
	free(change->is_new);
	free(change->is_kept);
}

static int change_init(struct change *change, const struct gremc_forwarder *forwarder,
		       const struct gremc_config *wanted)
{
	uint32_t count = wanted->tunnel_count + wanted->port_count + 1;
	uint32_t running = forwarder->config ? forwarder->config->tunnel_count : 0;

	*change = (struct change){.map.count = count};
	change->map.vif = malloc((count + 1) * sizeof(*change->map.vif));
	change->map.interface = malloc((count + 1) * sizeof(*change->map.interface));
	change->is_new = calloc(wanted->tunnel_count + 1, sizeof(*change->is_new));
	change->is_kept = calloc(running + 1, sizeof(*change->is_kept));
	if (change->map.vif == NULL || change->map.interface == NULL || change->is_new == NULL ||
	    change->is_kept == NULL) {
		change_fini(change);
		return -ENOMEM;
	}
	for (uint32_t i = 0; i < wanted->tunnel_count; i++)
		change->map.vif[i] = GREMC_VIF_NONE;
	for (uint32_t i = 0; i < wanted->port_count; i++)
		change->map.vif[wanted->tunnel_count + i] = forwarder->vifs->port_vif[i];
	change->map.vif[count - 1] = wanted->names_host ? gremc_host_vif(forwarder->host) : GREMC_VIF_NONE;
	if (wanted->names_host && change->map.vif[count - 1] == GREMC_VIF_NONE) {
		change_fini(change);
		return -ENOMEM;
	}
	return 0;
}

/* Tunnels keep their interfaces by name; new ones get those that the running configuration does not use. */
static int number_interfaces(struct change *change, const struct gremc_forwarder *forwarder,
			     const struct gremc_config *wanted, const struct gremc_config_tunnel **index)
{
	const struct gremc_config *running = forwarder->config;
	uint32_t *interface = change->map.interface, next = GREMC_INTERFACE_HOST + 1;
	bool *used = calloc(GREMC_INTERFACES_MAX, sizeof(*used));

	if (used == NULL)
		return -ENOMEM;
	for (uint32_t i = 0; i < wanted->port_count; i++)
		interface[wanted->tunnel_count + i] = i;
	interface[change->map.count - 1] = GREMC_INTERFACE_HOST;
	for (uint32_t i = 0; running && i < running->tunnel_count; i++)
		used[forwarder->map.interface[i]] = true;
	for (uint32_t i = 0; i < wanted->tunnel_count; i++) {
		const struct gremc_config_tunnel *running_one =
			index ? find_tunnel(index, running, &wanted->tunnels[i]) : NULL;

		if (running_one) {
			interface[i] = forwarder->map.interface[running_one - running->tunnels];
			continue;
		}
		while (used[next])
			next++;
		interface[i] = next++;
	}
	free(used);
	return 0;
}

static int make_vifs(struct gremc_forwarder *forwarder, const struct gremc_config *wanted,
		     struct change *change)
{
	const struct gremc_config_tunnel **index = NULL;
	uint32_t *vif = change->map.vif;
	int rc = 0;

	if (forwarder->config) {
		index = index_tunnels(forwarder->config);
		if (index == NULL)
			return -ENOMEM;
	}
	rc = number_interfaces(change, forwarder, wanted, index);
	for (uint32_t i = 0; i < wanted->tunnel_count && rc == 0; i++) {
		if (index)
			vif[i] = kept_vif(forwarder, index, wanted, &wanted->tunnels[i]);
		if (vif[i] != GREMC_VIF_NONE)
			continue;
		rc = make_vif(forwarder, wanted, i, &vif[i]);
		change->is_new[i] = rc == 0;
	}
	free(index);
	return rc;
}

/* ---- steps 2 and 4, and back ---- */

static int publish_vifs(struct gremc_forwarder *forwarder, const struct gremc_config *wanted,
			struct change *change)
{
	int rc = 0;

	for (uint32_t i = 0; i < wanted->tunnel_count && rc == 0; i++) {
		if (change->is_new[i])
			rc = gremc_tunnel_publish(forwarder->vifs, change->map.vif[i]);
		change->published += rc == 0;
	}
	return rc;
}

/* The running configuration's tunnels take their packets back, and the new vifs go. */
static void undo(struct gremc_forwarder *forwarder, const struct gremc_config *wanted, struct change *change)
{
	if (change->published > 0)
		for (uint32_t i = 0; forwarder->config && i < forwarder->config->tunnel_count; i++)
			gremc_tunnel_publish(forwarder->vifs, forwarder->map.vif[i]);
	for (uint32_t i = 0; i < wanted->tunnel_count; i++)
		if (change->is_new[i])
			gremc_vif_remove(forwarder->vifs, change->map.vif[i]);
	if (forwarder->config)
		gremc_ports_steer_trim(forwarder->ports, forwarder->config);
	gremc_rcu_commit(forwarder->rcu);
}

static void remove_old_vifs(struct gremc_forwarder *forwarder, const struct change *change)
{
	const struct gremc_config *running = forwarder->config;
	uint32_t *kept = calloc(forwarder->vifs->limit / 32 + 1, sizeof(*kept));

	for (uint32_t i = 0; kept && i < change->map.count; i++)
		if (change->map.vif[i] != GREMC_VIF_NONE)
			kept[change->map.vif[i] / 32] |= 1u << change->map.vif[i] % 32;
	for (uint32_t i = 0; kept && running && i < running->tunnel_count; i++) {
		uint32_t vif = forwarder->map.vif[i];

		if ((kept[vif / 32] >> vif % 32 & 1) == 0)
			gremc_vif_remove(forwarder->vifs, vif);
	}
	free(kept);
}

/* ---- adjacencies ---- */

/* A tunnel whose next hop was the kernel's, and is the configuration's now, goes back to it. */
static void lead(struct gremc_forwarder *forwarder, const struct gremc_config *config, uint32_t number,
		 uint32_t vif)
{
	const struct gremc_config_tunnel *tunnel = &config->tunnels[number];
	const struct gremc_port *port = forwarder->ports->port[tunnel->port];
	struct gremc_vifs *vifs = forwarder->vifs;
	const struct gremc_adjacency *present = vifs->adjacency[vifs->encap[vif].adjacency];
	rte_be32_t next_hop = vifs->info[vif]->next_hop ? vifs->info[vif]->next_hop : tunnel->remote;
	uint32_t adjacency;

	if (present->port == port->index && present->next_hop == next_hop)
		return;
	if (gremc_adjacency_get(vifs, port->index, next_hop, &port->mac, port->vlan, &adjacency) == 0)
		gremc_tunnel_reroute(vifs, vif, adjacency);
}

static void resolve_adjacencies(struct gremc_forwarder *forwarder, const struct gremc_config *wanted,
				const struct change *change)
{
	unsigned unresolved = 0;

	for (uint32_t i = 0; i < wanted->tunnel_count; i++) {
		const struct gremc_config_tunnel *tunnel = &wanted->tunnels[i];
		struct gremc_config_way way = gremc_config_way(&wanted->ports[tunnel->port], tunnel->remote);
		uint32_t adjacency;
		char text[GREMC_IPV4_TEXT];

		/* the kernel's neighbours lead it, unless there is a static one */
		if (way.mac == NULL && gremc_host_is_mirrored(forwarder->host, wanted, tunnel->port))
			continue;
		lead(forwarder, wanted, i, change->map.vif[i]);
		adjacency = forwarder->vifs->encap[change->map.vif[i]].adjacency;
		if (gremc_adjacency_resolve(forwarder->vifs, adjacency, way.mac))
			GREMC_LOG(ERR, "%s: out of memory, its next hop keeps its old MAC", tunnel->name);
		if (way.mac || unresolved++ >= WARNINGS_MAX)
			continue;
		if (way.next_hop)
			GREMC_LOG(
				WARNING,
				"%s: next hop %s on %s has no MAC: add it to the port's `neighbors:`; until then its "
				"replicas are lost as no_adjacency",
				tunnel->name, gremc_ipv4_format(text, way.next_hop),
				wanted->ports[tunnel->port].name);
		else
			GREMC_LOG(
				WARNING,
				"%s: no route to remote %s on %s: add `gateway4:` or `routes:`; until then its "
				"replicas are lost as no_adjacency",
				tunnel->name, gremc_ipv4_format(text, tunnel->remote),
				wanted->ports[tunnel->port].name);
	}
	if (unresolved > WARNINGS_MAX)
		GREMC_LOG(WARNING, "and %u more tunnels without a usable next hop",
			  unresolved - WARNINGS_MAX);
}

static void warn_of_mtus(const struct gremc_forwarder *forwarder, const struct gremc_config *wanted)
{
	unsigned clamped = 0;

	for (uint32_t i = 0; i < wanted->tunnel_count; i++) {
		const struct gremc_config_tunnel *tunnel = &wanted->tunnels[i];
		uint16_t mtu = mtu_of(forwarder->ports->port[tunnel->port], tunnel);

		if (tunnel->mtu > mtu && clamped++ < WARNINGS_MAX)
			GREMC_LOG(WARNING, "%s: MTU %u does not fit port %s; it is %u", tunnel->name,
				  tunnel->mtu, wanted->ports[tunnel->port].name, mtu);
	}
}

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
		       struct gremc_errors *errors)
{
	bool is_first = forwarder->config == NULL;
	unsigned failed = gremc_host_apply(forwarder->host, wanted, forwarder->map.vif, errors);

	forwarder->host_failed = failed > 0;
	if (failed && !is_first)
		GREMC_LOG(ERR, "%u host interfaces are not as they should be; it is tried again:\n%s", failed,
			  errors->text ? errors->text : "");
}

/* ---- all of it ---- */

int gremc_forwarder_apply(struct gremc_forwarder *forwarder, struct gremc_config *wanted,
			  struct gremc_errors *errors)
{
	struct change change;
	unsigned reasons = errors->count;
	int rc = change_init(&change, forwarder, wanted);

	if (rc)
		goto fail;
	rc = make_vifs(forwarder, wanted, &change);
	if (rc == 0)
		rc = gremc_ports_steer_add(forwarder->ports, wanted, errors);
	if (rc == 0)
		rc = publish_vifs(forwarder, wanted, &change);
	if (rc == 0)
		rc = gremc_forwarder_apply_mroutes(forwarder, wanted, &change.map);
	if (rc) {
		undo(forwarder, wanted, &change);
		change_fini(&change);
		goto fail;
	}
	resolve_adjacencies(forwarder, wanted, &change);
	warn_of_mtus(forwarder, wanted);
	log_warnings(wanted);
	gremc_membership_configure(forwarder, wanted, &change.map);
	remove_old_vifs(forwarder, &change);
	gremc_ports_steer_trim(forwarder->ports, wanted);
	gremc_rcu_commit(forwarder->rcu);
	gremc_workers_configure(forwarder->workers, &wanted->settings);
	free(forwarder->map.vif);
	free(forwarder->map.interface);
	forwarder->map = change.map;
	change.map.vif = change.map.interface = NULL;
	change_fini(&change);
	apply_host(forwarder, wanted, errors);
	gremc_config_free(forwarder->config);
	forwarder->config = wanted;
	gremc_kernel_configure(forwarder);
	gremc_steering_changed(forwarder);
	return 0;
fail:
	if (errors->count > reasons)
		return rc; /* said where it happened */
	if (rc == -E2BIG)
		gremc_errors_add(errors, NULL, 0, 0, "an mroute has more than %u outgoing interfaces",
				 GREMC_FANOUT_MAX);
	else
		gremc_errors_add(errors, NULL, 0, 0, "cannot apply the configuration: %s%s", strerror(-rc),
				 rc == -ENOMEM ? "; give DPDK more memory (-m or --socket-mem)" : "");
	return rc;
}
