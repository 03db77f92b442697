/* SPDX-License-Identifier: BSD-3-Clause */
/* Open all ports step by step, and close them. */
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <rte_malloc.h>

#include "base/ring.h"
#include "port/port_priv.h"

void gremc_port_error(struct gremc_port_set *set, const struct gremc_port_state *state, const char *format,
		      ...)
{
	const struct gremc_config_port *config = state->config;
	bool bond = config->is_bond ||
		    strncmp(config->device, GREMC_PORT_BOND_PREFIX, strlen(GREMC_PORT_BOND_PREFIX)) == 0;
	char *message = NULL;
	va_list arguments;

	va_start(arguments, format);
	if (vasprintf(&message, format, arguments) < 0)
		message = NULL;
	va_end(arguments);
	gremc_errors_add(set->errors, NULL, 0, 0, "%s.%s: %s", bond ? "bonds" : "ethernets", config->name,
			 message ? message : "failed");
	free(message);
}

int gremc_port_node(const struct gremc_port *port, const struct gremc_worker_place *worker)
{
	return port->socket >= 0 ? port->socket : worker->socket;
}

/* ---- open ---- */

static struct gremc_port_set *port_set_alloc(const struct gremc_config *config, unsigned count,
					     struct gremc_errors *errors)
{
	struct gremc_port_set *set;

	if (count == 0 || count > GREMC_WORKERS_MAX) {
		gremc_errors_add(errors, NULL, 0, 0, "%u lcores to poll; there can be 1 to %u", count,
				 GREMC_WORKERS_MAX);
		return NULL;
	}
	if (config->port_count > GREMC_CONFIG_PORTS_MAX) {
		gremc_errors_add(errors, NULL, 0, 0, "%u ports; there can be at most %u", config->port_count,
				 GREMC_CONFIG_PORTS_MAX);
		return NULL;
	}
	set = rte_zmalloc("gremc_ports", sizeof(*set), RTE_CACHE_LINE_SIZE);
	if (set == NULL)
		gremc_errors_add(errors, NULL, 0, 0,
				 "no memory for the ports; give the EAL more (-m or --socket-mem)");
	return set;
}

static struct gremc_port_set *port_set_create(const struct gremc_config *config, const unsigned *lcores,
					      unsigned count, struct gremc_errors *errors)
{
	struct gremc_port_set *set = port_set_alloc(config, count, errors);

	if (set == NULL)
		return NULL;
	set->config = config;
	set->errors = errors;
	set->events.fd = -1;
	pthread_mutex_init(&set->ports.devices, NULL);
	set->ports.count = config->port_count;
	set->ports.worker_count = count;
	set->ports.spread = count > 1 && config->settings.spread;
	set->ports.shards = count > 1 && config->settings.shard_threshold > 0;
	for (unsigned w = 0; w < count; w++) {
		set->ports.worker[w].lcore = lcores[w];
		set->ports.worker[w].socket = rte_lcore_to_socket_id(lcores[w]);
	}
	for (uint32_t i = 0; i < config->port_count; i++)
		set->state[i].config = &config->ports[i];
	return set;
}

/* Copy the fields that a restart of the device reads. The lists stay empty: they belong to the configuration.
 */
static void port_config_copy(struct gremc_port_state *state)
{
	state->kept = *state->config;
	state->kept.igmp = NULL;
	state->kept.addresses = NULL;
	state->kept.routes = NULL;
	state->kept.neighbors = NULL;
	state->kept.address_count = state->kept.route_count = state->kept.neighbor_count = 0;
	state->config = &state->kept;
}

struct gremc_ports *gremc_ports_open(const struct gremc_config *config, const unsigned *lcores,
				     unsigned count, struct gremc_errors *errors)
{
	static int (*const steps[])(struct gremc_port_set *) = {
		gremc_ports_devices_plug,    gremc_ports_devices_find,  gremc_ports_bonds_create,
		gremc_ports_settings_derive, gremc_ports_queues_assign, gremc_ports_devices_configure,
		gremc_ports_memory_setup,    gremc_ports_events_open,   gremc_ports_devices_start,
		gremc_ports_numa_audit,
	};
	struct gremc_port_set *set;

	gremc_assert_control_thread();
	set = port_set_create(config, lcores, count, errors);
	if (set == NULL)
		return NULL;
	for (unsigned i = 0; i < RTE_DIM(steps); i++) {
		if (steps[i](set) == 0)
			continue;
		gremc_assert(errors->count > 0);
		gremc_ports_close(&set->ports);
		return NULL;
	}
	set->config = NULL;
	set->errors = NULL;
	for (uint16_t i = 0; i < set->ports.count; i++) {
		port_config_copy(&set->state[i]);
		gremc_port_lowers_remember(&set->state[i]);
	}
	return &set->ports;
}

/* ---- close ---- */

static void tx_rings_free(struct gremc_port *port)
{
	struct rte_mbuf *packet;

	for (uint16_t q = 0; q < port->tx_queues; q++) {
		while (port->tx_ring[q] && gremc_ring_dequeue(port->tx_ring[q], &packet, 1) == 1)
			rte_pktmbuf_free(packet);
		rte_ring_free(port->tx_ring[q]);
	}
}

unsigned gremc_ports_close(struct gremc_ports *ports)
{
	struct gremc_port_set *set = gremc_port_set_of(ports);
	unsigned missing;

	gremc_assert_control_thread();
	if (ports == NULL)
		return 0;
	gremc_ports_events_close(set);
	for (uint16_t i = 0; i < ports->count; i++)
		if (ports->port[i])
			tx_rings_free(ports->port[i]);
	for (uint16_t i = 0; i < ports->count; i++)
		if (ports->port[i])
			gremc_port_device_stop(set, i);
	for (uint16_t i = 0; i < ports->count; i++)
		gremc_port_device_close(&set->state[i], ports->port[i] ? ports->port[i]->name : "bond");
	for (uint16_t i = 0; i < ports->count; i++) {
		gremc_steer_close(set->state[i].steer);
		gremc_port_lowers_forget(&set->state[i]);
	}
	/* closed devices have returned all mbufs that they held */
	missing = gremc_ports_pools_missing(set);
	gremc_ports_pools_free(set);
	for (uint16_t i = 0; i < ports->count; i++)
		rte_free(ports->port[i]);
	pthread_mutex_destroy(&ports->devices);
	rte_free(set);
	return missing;
}
