/* SPDX-License-Identifier: BSD-3-Clause */
/* Interfaces: the numbers by which IGMP and the rib name vifs. A tunnel keeps its number, by its name, from
 * one configuration to the next, whichever vif it has. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "control/control_priv.h"

static int tunnel_name_compare(const void *a, const void *b)
{
	gremc_job_pause(); /* a sort of all tunnels takes long */
	return strcmp((*(const struct gremc_config_tunnel *const *)a)->name,
		      (*(const struct gremc_config_tunnel *const *)b)->name);
}

/* The tunnels of a configuration, sorted by name. Returns: NULL: out of memory. */
static const struct gremc_config_tunnel **tunnels_index_create(const struct gremc_config *config)
{
	const struct gremc_config_tunnel **index =
		calloc(config->tunnel_count + 1, sizeof(struct gremc_config_tunnel *));

	for (uint32_t i = 0; index && i < config->tunnel_count; i++)
		index[i] = &config->tunnels[i];
	if (index)
		qsort(index, config->tunnel_count, sizeof(struct gremc_config_tunnel *), tunnel_name_compare);
	return index;
}

/* Returns: the tunnel of the indexed configuration with the same name, or NULL. */
static const struct gremc_config_tunnel *tunnels_index_find(const struct gremc_config_tunnel **index,
							    uint32_t count,
							    const struct gremc_config_tunnel *tunnel)
{
	const struct gremc_config_tunnel **found =
		bsearch(&tunnel, index, count, sizeof(struct gremc_config_tunnel *), tunnel_name_compare);

	return found ? *found : NULL;
}

static void tunnels_number(struct gremc_transaction *transaction, const struct gremc_config_tunnel **index,
			   bool *used)
{
	const struct gremc_control *control = transaction->control;
	const struct gremc_config *config = transaction->config, *running = control->config;
	uint32_t *interface = transaction->map.interface, next = GREMC_INTERFACE_HOST + 1;

	for (uint32_t i = 0; running && i < running->tunnel_count; i++)
		used[control->map.interface[i]] = true;
	for (uint32_t i = 0; i < config->tunnel_count; i++) {
		const struct gremc_config_tunnel *known =
			running ? tunnels_index_find(index, running->tunnel_count, &config->tunnels[i])
				: NULL;

		gremc_job_pause();
		if (known) {
			interface[i] = control->map.interface[known - running->tunnels];
			continue;
		}
		/* the numbers are enough for the old and the new tunnels together */
		while (used[next])
			next++;
		interface[i] = next++;
	}
}

int gremc_transaction_interfaces_number(struct gremc_transaction *transaction)
{
	const struct gremc_config *config = transaction->config, *running = transaction->control->config;
	const struct gremc_config_tunnel **index = running ? tunnels_index_create(running) : NULL;
	uint32_t *interface = transaction->map.interface;
	bool *used = calloc(GREMC_INTERFACES_MAX, sizeof(*used));
	int rc = -ENOMEM;

	gremc_assert_control_thread();
	for (uint32_t i = 0; i < config->port_count; i++)
		interface[config->tunnel_count + i] = i;
	interface[transaction->map.count - 1] = GREMC_INTERFACE_HOST;
	if (used && (index || running == NULL)) {
		tunnels_number(transaction, index, used);
		rc = 0;
	}
	free(used);
	free(index);
	return rc;
}
