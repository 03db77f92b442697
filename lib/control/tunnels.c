/* SPDX-License-Identifier: BSD-3-Clause */
/* The vifs of tunnels, from one configuration to the next.
 *
 * The identity of a vif is the key of its packets: local address, remote address, input key. A tunnel with a
 * known key keeps its vif, so no mroute changes with it. A vif with a new key is complete, the MAC address of
 * its next hop included, before an mroute names it or a packet matches it. */
#include <errno.h>
#include <stdlib.h>

#include "control/control_priv.h"

/* ---- create ---- */

/* Get the adjacency of a new vif, with a reference. A missing MAC address is set now; a MAC address that
 * differs is set after the transaction can no longer fail. */
static int new_vif_adjacency_get(const struct gremc_transaction *transaction,
				 const struct gremc_config_tunnel *tunnel, uint32_t *adjacency,
				 bool *is_resolved)
{
	struct gremc_control *control = transaction->control;
	const struct gremc_config_next_hop next_hop = gremc_next_hop_of(transaction->config, tunnel);
	int rc;

	if (gremc_next_hop_is_mirrored(control, transaction->config, tunnel, &next_hop))
		return gremc_host_tunnel_adjacency(control->host, transaction->config, tunnel, adjacency);
	rc = gremc_next_hop_adjacency_get(control, tunnel, next_hop.next_hop, adjacency);
	if (rc || next_hop.mac == NULL || gremc_adjacency_load(control->vifs, *adjacency)->known)
		return rc;
	rc = gremc_adjacency_resolve(control->vifs, *adjacency, next_hop.mac);
	*is_resolved = rc == 0;
	if (rc)
		gremc_adjacency_release(control->vifs, *adjacency);
	return rc;
}

/* The adjacency has no MAC address in the running configuration. */
static void adjacency_unresolve(struct gremc_control *control, uint32_t adjacency)
{
	if (gremc_adjacency_resolve(control->vifs, adjacency, NULL))
		gremc_control_repeat_set(control);
}

static int vif_create(struct gremc_transaction *transaction, uint32_t number)
{
	struct gremc_control *control = transaction->control;
	const struct gremc_config_tunnel *tunnel = &transaction->config->tunnels[number];
	const struct gremc_vif_info info = gremc_tunnel_info_of(control, transaction->config, tunnel);
	uint32_t adjacency, *vif = &transaction->map.vif[number];
	int rc = new_vif_adjacency_get(transaction, tunnel, &adjacency, &transaction->is_resolved[number]);

	if (rc)
		return rc;
	rc = gremc_tunnel_add(control->vifs, &info, adjacency, vif);
	if (rc) {
		if (transaction->is_resolved[number])
			adjacency_unresolve(control, adjacency);
		gremc_adjacency_release(control->vifs, adjacency);
		return rc;
	}
	transaction->is_new[number] = true;
	transaction->new_count++;
	for (uint32_t i = 0; i < control->workers->stats_count; i++)
		gremc_stats_reset_vif(control->workers->stats[i], *vif);
	rc = gremc_vif_policy_set(control->vifs, *vif, tunnel->policy);
	return rc ? rc : gremc_membership_sources_set(control, tunnel->igmp, *vif);
}

static int transaction_alloc(struct gremc_transaction *transaction)
{
	const struct gremc_config *config = transaction->config;
	struct gremc_vif_map *map = &transaction->map;

	map->count = config->tunnel_count + config->port_count + 1;
	map->vif = malloc(map->count * sizeof(*map->vif));
	map->interface = malloc(map->count * sizeof(*map->interface));
	transaction->is_new = calloc(config->tunnel_count + 1, sizeof(*transaction->is_new));
	transaction->is_resolved = calloc(config->tunnel_count + 1, sizeof(*transaction->is_resolved));
	transaction->is_kept = calloc(GREMC_VIFS_MAX, sizeof(*transaction->is_kept));
	return map->vif && map->interface && transaction->is_new && transaction->is_resolved &&
			       transaction->is_kept
		       ? 0
		       : -ENOMEM;
}

/* The vifs of ports and of the host. Returns: 0 or -ENOMEM. */
static int other_vifs_map(const struct gremc_transaction *transaction)
{
	const struct gremc_control *control = transaction->control;
	const struct gremc_config *config = transaction->config;
	uint32_t *vif = transaction->map.vif + config->tunnel_count, *host = vif + config->port_count;

	for (uint32_t i = 0; i < config->port_count; i++)
		vif[i] = gremc_u32_load(&control->vifs->port_vif[i]);
	*host = config->names_host ? gremc_host_vif_get(control->host) : GREMC_VIF_NONE;
	return config->names_host && *host == GREMC_VIF_NONE ? -ENOMEM : 0;
}

int gremc_transaction_vifs_create(struct gremc_transaction *transaction)
{
	struct gremc_control *control = transaction->control;
	const struct gremc_config *config = transaction->config;
	int rc = transaction_alloc(transaction);

	gremc_assert_control_thread();
	if (rc == 0)
		rc = other_vifs_map(transaction);
	if (rc == 0)
		rc = gremc_transaction_interfaces_number(transaction);
	for (uint32_t i = 0; i < config->tunnel_count && rc == 0; i++) {
		uint32_t *vif = &transaction->map.vif[i];

		*vif = gremc_tunnel_find(control->vifs, &config->tunnels[i].options);
		if (*vif == GREMC_VIF_NONE)
			rc = vif_create(transaction, i);
		if (gremc_job_pause() && rc == 0)
			rc = -ECANCELED;
	}
	return rc ? rc : gremc_tunnels_reserve(control->vifs, transaction->new_count);
}

/* ---- undo ---- */

void gremc_transaction_vifs_remove(struct gremc_transaction *transaction)
{
	struct gremc_control *control = transaction->control;
	const uint32_t *vif = transaction->map.vif;

	gremc_assert_control_thread();
	for (uint32_t i = 0; transaction->new_count > 0 && i < transaction->config->tunnel_count; i++) {
		gremc_job_pause();
		if (!transaction->is_new[i])
			continue;
		if (transaction->is_resolved[i])
			adjacency_unresolve(control, gremc_vif_adjacency(control->vifs, vif[i]));
		gremc_vif_remove(control->vifs, vif[i]);
	}
}

/* ---- publish ---- */

static void old_vifs_remove(const struct gremc_transaction *transaction)
{
	struct gremc_control *control = transaction->control;
	const struct gremc_vif_map *map = &transaction->map;
	const uint32_t old_count = control->config ? control->config->tunnel_count : 0;

	for (uint32_t i = 0; i < map->count; i++)
		if (map->vif[i] != GREMC_VIF_NONE)
			transaction->is_kept[map->vif[i]] = true;
	for (uint32_t i = 0; i < old_count; i++) {
		const uint32_t vif = control->map.vif[i];

		if (!transaction->is_kept[vif]) {
			gremc_peer_forget(control->peers, vif);
			gremc_vif_remove(control->vifs, vif);
		}
		gremc_job_pause();
	}
}

void gremc_transaction_vifs_publish(const struct gremc_transaction *transaction)
{
	struct gremc_control *control = transaction->control;
	const struct gremc_config *config = transaction->config;

	gremc_assert_control_thread();
	for (uint32_t i = 0; i < config->tunnel_count; i++) {
		/* gremc_tunnels_reserve() has allocated the memory */
		if (transaction->is_new[i] && gremc_tunnel_publish(control->vifs, transaction->map.vif[i]))
			GREMC_LOG(ERR, "%s: no memory is reserved, the tunnel receives nothing",
				  config->tunnels[i].name);
		gremc_job_pause();
	}
	old_vifs_remove(transaction);
	gremc_rcu_commit(control->rcu);
}
