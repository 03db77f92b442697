/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdio.h>
#include <string.h>

#include <rte_ethdev.h>

#include "actions/devices.h"

static uint32_t config_port_find(const struct gremc_config *config, const struct gremc_named_value *named)
{
	for (uint32_t i = 0; i < config->port_count; i++)
		if (strlen(config->ports[i].name) == named->name_length &&
		    strncmp(config->ports[i].name, named->name, named->name_length) == 0)
			return i;
	return GREMC_CONFIG_NONE;
}

/* Count the ports that are no members of a bond; *first is the first one. */
static unsigned config_ports_count(const struct gremc_config *config, uint32_t *first)
{
	unsigned count = 0;

	for (uint32_t i = config->port_count; i-- > 0;)
		if (config->ports[i].member_of == GREMC_CONFIG_NONE) {
			*first = i;
			count++;
		}
	return count;
}

/* Map the devices to the ports in order. Their numbers must be equal. */
static int devices_map_in_order(const struct gremc_config *config, struct gremc_engine_options *engine,
				struct gremc_errors *errors)
{
	uint32_t port = 0, devices = 0, first = 0;
	uint16_t id;

	RTE_ETH_FOREACH_DEV (id)
		devices++;
	if (devices != config_ports_count(config, &first)) {
		gremc_errors_add(
			errors, NULL, 0, 0,
			"the forwarder has %u ports and this EAL %u devices: give their wiring, --port %s=DEVICE",
			config_ports_count(config, &first), devices, config->ports[first].name);
		return -1;
	}
	RTE_ETH_FOREACH_DEV (id) {
		while (config->ports[port].member_of != GREMC_CONFIG_NONE)
			port++;
		rte_eth_dev_get_name_by_port(id, engine->map[port++].rx);
	}
	return 0;
}

int gremc_devices_map(const struct gremc_config *config, const struct gremc_loadgen_options *options,
		      struct gremc_engine_options *engine, struct gremc_errors *errors)
{
	for (unsigned i = 0; i < options->port_count + options->tx_port_count; i++) {
		bool tx = i >= options->port_count;
		const struct gremc_named_value *named =
			tx ? &options->tx_port[i - options->port_count] : &options->port[i];
		uint32_t port = config_port_find(config, named);

		if (port == GREMC_CONFIG_NONE || config->ports[port].member_of != GREMC_CONFIG_NONE) {
			gremc_errors_add(
				errors, NULL, 0, 0,
				"--%s %s: %s has no port of this name that is not a member of a bond",
				tx ? "tx-port" : "port", named->name, options->dut_config);
			return -1;
		}
		gremc_text_copy(tx ? engine->map[port].tx : engine->map[port].rx, GREMC_DEVICE_SIZE,
				named->value);
	}
	return options->port_count ? 0 : devices_map_in_order(config, engine, errors);
}

int gremc_macs_map(const struct gremc_config *config, const struct gremc_loadgen_options *options,
		   struct gremc_engine_options *engine, struct gremc_errors *errors)
{
	for (unsigned i = 0; i < options->dut_mac_count; i++) {
		const struct gremc_named_value *named = &options->dut_mac[i];
		struct rte_ether_addr mac;
		uint32_t port = named->name ? config_port_find(config, named) : 0;

		if (rte_ether_unformat_addr(named->value, &mac) || port == GREMC_CONFIG_NONE) {
			gremc_errors_add(
				errors, NULL, 0, 0,
				"--dut-mac %s: expected [NAME=]aa:bb:cc:dd:ee:ff, with the name of a port of %s",
				named->name ? named->name : named->value, options->dut_config);
			return -1;
		}
		for (uint32_t k = 0; k < config->port_count; k++)
			if (named->name == NULL || k == port) {
				engine->map[k].forwarder = mac;
				engine->map[k].has_mac = true;
			}
	}
	return 0;
}
