/* SPDX-License-Identifier: BSD-3-Clause */
/* The vifs from one configuration to the next.
 *
 * A vif is the key of its packets (local and remote address, input key). A tunnel whose key is there keeps
 * its vif, whatever else changes, so no mroute changes with it and no packet finds less than a whole tunnel.
 * A vif with a new key is complete, its next hop's MAC included, before an mroute names it or a packet finds
 * it. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <rte_byteorder.h>

#include "base/job.h"
#include "control/control_priv.h"

#define WARNINGS_MAX 5 /* of one kind at a time: ten thousand lines help nobody */

static struct gremc_vif_info tunnel_info(const struct gremc_port *port,
					 const struct gremc_config_tunnel *tunnel, rte_be32_t next_hop)
{
	struct gremc_vif_info info = {
		.kind = GREMC_VIF_TUNNEL,
		.port = port->index,
		.mtu = gremc_tunnel_mtu(&tunnel->options, port->mtu),
		.ignore_df = tunnel->ignore_df,
		.next_hop = next_hop,
		.options = tunnel->options,
	};

	memcpy(info.name, tunnel->name, sizeof(info.name));
	return info;
}

/* ---- the next hop ---- */

static bool is_mirrored(const struct gremc_control *control, const struct gremc_config *config,
			const struct gremc_config_tunnel *tunnel, const struct gremc_config_next_hop *way)
{
	/* a static neighbour wins over the kernel's */
	return way->mac == NULL && gremc_host_port_follows_kernel(control->host, config, tunnel->port);
}

/* The adjacency that the configuration gives the tunnel, held. Without a route the remote stands for its own
 * next hop, which then has no MAC. */
static int static_adjacency(struct gremc_control *control, const struct gremc_config_tunnel *tunnel,
			    rte_be32_t next_hop, uint32_t *adjacency)
{
	const struct gremc_port *port = control->ports->port[tunnel->port];

	return gremc_adjacency_get(control->vifs, port->index, next_hop ? next_hop : tunnel->options.remote,
				   &port->mac, port->vlan, adjacency);
}

/* A MAC that is not known yet is set now. One that is known changes when the reload cannot fail any more. */
static int new_adjacency(struct gremc_control *control, const struct gremc_config *config,
			 const struct gremc_config_tunnel *tunnel, const struct gremc_config_next_hop *way,
			 uint32_t *adjacency, bool *is_resolved)
{
	int rc;

	if (is_mirrored(control, config, tunnel, way))
		return gremc_host_tunnel_adjacency(control->host, config, tunnel, adjacency);
	rc = static_adjacency(control, tunnel, way->next_hop, adjacency);
	if (rc || way->mac == NULL || control->vifs->adjacency[*adjacency]->known)
		return rc;
	rc = gremc_adjacency_resolve(control->vifs, *adjacency, way->mac);
	*is_resolved = rc == 0;
	if (rc)
		gremc_adjacency_release(control->vifs, *adjacency);
	return rc;
}

/* ---- a new vif ---- */

static int vif_make(struct gremc_transaction *transaction, uint32_t number)
{
	struct gremc_control *control = transaction->control;
	const struct gremc_config *config = transaction->config;
	const struct gremc_config_tunnel *tunnel = &config->tunnels[number];
	const struct gremc_config_next_hop way =
		gremc_config_next_hop(&config->ports[tunnel->port], tunnel->options.remote);
	const struct gremc_vif_info info =
		tunnel_info(control->ports->port[tunnel->port], tunnel, way.next_hop);
	uint32_t adjacency, *vif = &transaction->map.vif[number];
	int rc;

	rc = new_adjacency(control, config, tunnel, &way, &adjacency, &transaction->is_resolved[number]);
	if (rc)
		return rc;
	rc = gremc_tunnel_add(control->vifs, &info, adjacency, vif);
	if (rc) {
		gremc_adjacency_release(control->vifs, adjacency);
		return rc;
	}
	transaction->is_new[number] = true;
	transaction->new_count++;
	for (uint32_t i = 0; i < control->workers->stats_count; i++)
		gremc_stats_reset_vif(control->workers->stats[i], *vif);
	return gremc_membership_sources(control, tunnel->igmp, *vif);
}

/* ---- interfaces ---- */

/* Tunnels of the running configuration by name. */
static int tunnel_compare(const void *a, const void *b)
{
	gremc_job_pause(); /* a sort of all tunnels takes long */
	return strcmp((*(const struct gremc_config_tunnel *const *)a)->name,
		      (*(const struct gremc_config_tunnel *const *)b)->name);
}

static const struct gremc_config_tunnel **tunnels_index(const struct gremc_config *config)
{
	const struct gremc_config_tunnel **index =
		calloc(config->tunnel_count + 1, sizeof(struct gremc_config_tunnel *));

	for (uint32_t i = 0; index && i < config->tunnel_count; i++)
		index[i] = &config->tunnels[i];
	if (index)
		qsort(index, config->tunnel_count, sizeof(struct gremc_config_tunnel *), tunnel_compare);
	return index;
}

/* The one of this name in the running configuration, or NULL. */
static const struct gremc_config_tunnel *tunnel_find(const struct gremc_config_tunnel **index,
						     const struct gremc_config *running,
						     const struct gremc_config_tunnel *tunnel)
{
	const struct gremc_config_tunnel **found = bsearch(
		&tunnel, index, running->tunnel_count, sizeof(struct gremc_config_tunnel *), tunnel_compare);

	return found ? *found : NULL;
}

/* Tunnels keep their interfaces by name; new ones get those that the running configuration does not use. */
static int interfaces_number(struct gremc_transaction *transaction, const struct gremc_config_tunnel **index)
{
	const struct gremc_control *control = transaction->control;
	const struct gremc_config *config = transaction->config, *running = control->config;
	uint32_t *interface = transaction->map.interface, next = GREMC_INTERFACE_HOST + 1;
	bool *used = calloc(GREMC_INTERFACES_MAX, sizeof(*used));

	if (used == NULL)
		return -ENOMEM;
	for (uint32_t i = 0; i < config->port_count; i++)
		interface[config->tunnel_count + i] = i;
	interface[transaction->map.count - 1] = GREMC_INTERFACE_HOST;
	for (uint32_t i = 0; running && i < running->tunnel_count; i++)
		used[control->map.interface[i]] = true;
	for (uint32_t i = 0; i < config->tunnel_count; i++) {
		const struct gremc_config_tunnel *running_one =
			index ? tunnel_find(index, running, &config->tunnels[i]) : NULL;

		gremc_job_pause();
		if (running_one) {
			interface[i] = control->map.interface[running_one - running->tunnels];
			continue;
		}
		while (used[next])
			next++;
		interface[i] = next++;
	}
	free(used);
	return 0;
}

/* ---- create and remove ---- */

void gremc_transaction_free(struct gremc_transaction *transaction)
{
	free(transaction->is_new);
	free(transaction->is_resolved);
	transaction->is_new = transaction->is_resolved = NULL;
}

static int map_init(struct gremc_transaction *transaction)
{
	const struct gremc_control *control = transaction->control;
	const struct gremc_config *config = transaction->config;
	uint32_t count = config->tunnel_count + config->port_count + 1;
	struct gremc_vif_map *map = &transaction->map;

	map->count = count;
	map->vif = malloc((count + 1) * sizeof(*map->vif));
	map->interface = malloc((count + 1) * sizeof(*map->interface));
	transaction->is_new = calloc(config->tunnel_count + 1, sizeof(*transaction->is_new));
	transaction->is_resolved = calloc(config->tunnel_count + 1, sizeof(*transaction->is_resolved));
	if (map->vif == NULL || map->interface == NULL || transaction->is_new == NULL ||
	    transaction->is_resolved == NULL)
		return -ENOMEM;
	for (uint32_t i = 0; i < config->tunnel_count; i++)
		map->vif[i] = GREMC_VIF_NONE;
	for (uint32_t i = 0; i < config->port_count; i++)
		map->vif[config->tunnel_count + i] = control->vifs->port_vif[i];
	map->vif[count - 1] = config->names_host ? gremc_host_vif_get(control->host) : GREMC_VIF_NONE;
	return config->names_host && map->vif[count - 1] == GREMC_VIF_NONE ? -ENOMEM : 0;
}

int gremc_transaction_vifs_create(struct gremc_transaction *transaction)
{
	struct gremc_control *control = transaction->control;
	const struct gremc_config *config = transaction->config;
	const struct gremc_config_tunnel **index = NULL;
	uint32_t *vif;
	int rc = map_init(transaction);

	if (rc)
		return rc;
	if (control->config) {
		index = tunnels_index(control->config);
		if (index == NULL)
			return -ENOMEM;
	}
	vif = transaction->map.vif;
	rc = interfaces_number(transaction, index);
	for (uint32_t i = 0; i < config->tunnel_count && rc == 0; i++) {
		vif[i] = gremc_tunnel_find(control->vifs, &config->tunnels[i].options);
		if (vif[i] == GREMC_VIF_NONE)
			rc = vif_make(transaction, i);
		if (gremc_job_pause() && rc == 0)
			rc = -ECANCELED;
	}
	free(index);
	return rc ? rc : gremc_tunnels_reserve(control->vifs, transaction->new_count);
}

void gremc_transaction_vifs_remove(struct gremc_transaction *transaction)
{
	struct gremc_vifs *vifs = transaction->control->vifs;
	struct gremc_vif_map *map = &transaction->map;

	for (uint32_t i = 0; transaction->new_count > 0 && i < transaction->config->tunnel_count; i++) {
		gremc_job_pause();
		if (!transaction->is_new[i])
			continue;
		if (transaction->is_resolved[i])
			gremc_adjacency_resolve(vifs, gremc_vif_adjacency(vifs, map->vif[i]), NULL);
		gremc_vif_remove(vifs, map->vif[i]);
	}
	free(map->vif);
	free(map->interface);
	gremc_transaction_free(transaction);
}

/* ---- settings ---- */

/* Says why nothing can be sent by the tunnel. */
static void warn_unresolved(const struct gremc_config *config, const struct gremc_config_tunnel *tunnel,
			    rte_be32_t next_hop)
{
	const char *port = config->ports[tunnel->port].name;
	char text[GREMC_IPV4_TEXT];

	if (next_hop)
		GREMC_LOG(
			WARNING,
			"%s: next hop %s on %s has no MAC: add it to the port's `neighbors:`; until then its "
			"replicas are lost as no_adjacency",
			tunnel->name, gremc_ipv4_format(text, next_hop), port);
	else
		GREMC_LOG(WARNING,
			  "%s: no route to remote %s on %s: add `gateway4:` or `routes:`; until then its "
			  "replicas are lost as no_adjacency",
			  tunnel->name, gremc_ipv4_format(text, tunnel->options.remote), port);
}

/* Returns 0 or -ENOMEM; *is_unresolved: its next hop is the configuration's, and has no MAC. */
static int settings_apply(struct gremc_control *control, const struct gremc_config *config,
			  const struct gremc_config_tunnel *tunnel, uint32_t vif, bool *is_unresolved)
{
	const struct gremc_config_next_hop way =
		gremc_config_next_hop(&config->ports[tunnel->port], tunnel->options.remote);
	const struct gremc_vif_info info =
		tunnel_info(control->ports->port[tunnel->port], tunnel, way.next_hop);
	const bool mirrored = is_mirrored(control, config, tunnel, &way);
	uint32_t adjacency;
	int rc;

	*is_unresolved = !mirrored && way.mac == NULL;
	if (mirrored) {
		/* it stays until the mirror leads elsewhere */
		adjacency = gremc_vif_adjacency(control->vifs, vif);
		gremc_adjacency_hold(control->vifs, adjacency);
		return gremc_tunnel_change(control->vifs, vif, &info, adjacency);
	}
	rc = static_adjacency(control, tunnel, way.next_hop, &adjacency);
	if (rc)
		return rc;
	/* before the tunnel sends by it */
	rc = gremc_adjacency_resolve(control->vifs, adjacency, way.mac);
	if (rc) {
		gremc_adjacency_release(control->vifs, adjacency);
		return rc;
	}
	return gremc_tunnel_change(control->vifs, vif, &info, adjacency);
}

static void warn_mtus(const struct gremc_control *control, const struct gremc_config *config)
{
	unsigned clamped = 0;

	for (uint32_t i = 0; i < config->tunnel_count; i++) {
		const struct gremc_config_tunnel *tunnel = &config->tunnels[i];
		uint16_t mtu = gremc_tunnel_mtu(&tunnel->options, control->ports->port[tunnel->port]->mtu);

		if (tunnel->options.mtu > mtu && clamped++ < WARNINGS_MAX)
			GREMC_LOG(WARNING, "%s: MTU %u does not fit port %s; it is %u", tunnel->name,
				  tunnel->options.mtu, config->ports[tunnel->port].name, mtu);
		gremc_job_pause();
	}
}

void gremc_transaction_settings_apply(const struct gremc_transaction *transaction)
{
	struct gremc_control *control = transaction->control;
	const struct gremc_config *config = transaction->config;
	unsigned unresolved = 0;

	for (uint32_t i = 0; i < config->tunnel_count; i++) {
		const struct gremc_config_tunnel *tunnel = &config->tunnels[i];
		bool is_unresolved;

		if (settings_apply(control, config, tunnel, transaction->map.vif[i], &is_unresolved))
			GREMC_LOG(ERR, "%s: out of memory, it keeps its old settings", tunnel->name);
		if (is_unresolved && unresolved++ < WARNINGS_MAX)
			warn_unresolved(
				config, tunnel,
				gremc_config_next_hop(&config->ports[tunnel->port], tunnel->options.remote)
					.next_hop);
		gremc_job_pause();
	}
	if (unresolved > WARNINGS_MAX)
		GREMC_LOG(WARNING, "and %u more tunnels without a usable next hop",
			  unresolved - WARNINGS_MAX);
	warn_mtus(control, config);
	gremc_rcu_commit(control->rcu);
}

/* ---- publish and remove ---- */

static void remove_old_vifs(const struct gremc_transaction *transaction)
{
	struct gremc_control *control = transaction->control;
	const struct gremc_config *running = control->config;
	const struct gremc_vif_map *map = &transaction->map;
	uint32_t *kept = calloc(control->vifs->limit / 32 + 1, sizeof(*kept));

	for (uint32_t i = 0; kept && i < map->count; i++)
		if (map->vif[i] != GREMC_VIF_NONE)
			kept[map->vif[i] / 32] |= 1u << map->vif[i] % 32;
	for (uint32_t i = 0; kept && running && i < running->tunnel_count; i++) {
		uint32_t vif = control->map.vif[i];

		if ((kept[vif / 32] >> vif % 32 & 1) == 0) {
			gremc_peer_forget(control->peers, vif);
			gremc_vif_remove(control->vifs, vif);
		}
		gremc_job_pause();
	}
	free(kept);
}

void gremc_transaction_vifs_publish(const struct gremc_transaction *transaction)
{
	struct gremc_control *control = transaction->control;
	const struct gremc_config *config = transaction->config;

	for (uint32_t i = 0; i < config->tunnel_count; i++) {
		if (transaction->is_new[i] && gremc_tunnel_publish(control->vifs, transaction->map.vif[i]))
			GREMC_LOG(ERR, "%s: out of memory, its packets are not found",
				  config->tunnels[i].name);
		gremc_job_pause();
	}
	remove_old_vifs(transaction);
	gremc_rcu_commit(control->rcu);
}
