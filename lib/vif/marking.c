/* SPDX-License-Identifier: BSD-3-Clause */
/* The tables of marking. Tunnels with equal DSCP maps share one: an encap holds its number. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "vif/vif_priv.h"

static_assert(GREMC_DSCP_MAPS_MAX - 1 <= UINT8_MAX >> 1, "encap.tos holds the number of a map");

/* ---- DSCP maps of tunnels ---- */

/* Drop a reference; no reader sends by it any more. */
static void dscp_map_drop(void *argument)
{
	struct gremc_dscp_map *map = argument;

	if (--map->holds > 0)
		return;
	free(map->table);
	map->table = NULL;
	gremc_pointer_store(map->published, NULL);
}

void gremc_dscp_map_release(struct gremc_vifs *vifs, uint64_t encap_key)
{
	const struct gremc_encap encap = gremc_encap_from_key(encap_key);

	if (encap.tos & GREMC_ENCAP_TOS_MAPPED)
		gremc_vif_defer(vifs->priv, dscp_map_drop, &vifs->priv->dscp_map[encap.tos >> 1]);
}

static uint32_t dscp_map_find(const struct gremc_vifs_priv *priv, const struct gremc_dscp_table *table)
{
	uint32_t number;

	for (number = 0; number < GREMC_DSCP_MAPS_MAX; number++)
		if (priv->dscp_map[number].table &&
		    memcmp(priv->dscp_map[number].table, table, sizeof(*table)) == 0)
			break;
	return number;
}

static uint32_t dscp_map_find_free(const struct gremc_vifs_priv *priv)
{
	uint32_t number = 0;

	while (number < GREMC_DSCP_MAPS_MAX && priv->dscp_map[number].table)
		number++;
	return number;
}

/* Publish a table under a free number. */
static int dscp_map_add(struct gremc_vifs *vifs, const struct gremc_dscp_table *table, uint32_t *number)
{
	struct gremc_vifs_priv *priv = vifs->priv;
	struct gremc_dscp_table *copy;

	*number = dscp_map_find_free(priv);
	if (*number == GREMC_DSCP_MAPS_MAX) {
		gremc_rcu_synchronize(priv->rcu); /* free the maps that are not used any more */
		*number = dscp_map_find_free(priv);
	}
	if (*number == GREMC_DSCP_MAPS_MAX)
		return -ENOSPC;
	copy = malloc(sizeof(*copy));
	if (copy == NULL)
		return -ENOMEM;
	*copy = *table;
	priv->dscp_map[*number] =
		(struct gremc_dscp_map){.table = copy, .published = &vifs->dscp_map[*number]};
	gremc_pointer_store_release(&vifs->dscp_map[*number], copy);
	return 0;
}

int gremc_dscp_map_get(struct gremc_vifs *vifs, const struct gremc_tunnel_options *options, uint32_t *number)
{
	struct gremc_dscp_table table;
	int rc = 0;

	*number = 0;
	if (!options->has_dscp_map)
		return 0;
	for (uint32_t dscp = 0; dscp < GREMC_DSCP_COUNT; dscp++)
		table.value[dscp] = (uint8_t)(options->dscp_map[dscp] << 2);
	*number = dscp_map_find(vifs->priv, &table);
	if (*number == GREMC_DSCP_MAPS_MAX)
		rc = dscp_map_add(vifs, &table, number);
	if (rc == 0)
		vifs->priv->dscp_map[*number].holds++;
	return rc;
}

int gremc_markings_init(struct gremc_vifs *vifs)
{
	vifs->dscp_map = calloc(GREMC_DSCP_MAPS_MAX, sizeof(*vifs->dscp_map));
	return vifs->dscp_map ? 0 : -ENOMEM;
}

void gremc_markings_fini(struct gremc_vifs *vifs)
{
	for (uint32_t i = 0; i < GREMC_DSCP_MAPS_MAX; i++)
		free(vifs->priv->dscp_map[i].table);
	free(vifs->dscp_map);
}

/* ---- the priority of a port's frames ---- */

void gremc_port_pcp_set(struct gremc_vifs *vifs, uint16_t port, const uint8_t pcp[GREMC_DSCP_COUNT])
{
	gremc_assert_control_thread();
	gremc_assert(port < GREMC_STATS_PORTS);
	for (uint32_t i = 0; i < vifs->priv->nodes.count; i++)
		for (uint32_t dscp = 0; dscp < GREMC_DSCP_COUNT; dscp++)
			gremc_u8_store(&vifs->priv->node[i]->port_pcp[port][dscp], pcp[dscp]);
}
