/* SPDX-License-Identifier: BSD-3-Clause */
/* Fuzzer of the YAML and ifcfg loaders. A configuration that loads must obey the contracts of config.h. */
#include <stdlib.h>
#include <string.h>

#include "config/config_priv.h"
#include "fuzz.h"

static void check_list(const struct gremc_config *config, const uint32_t *vifs, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		fuzz_require(vifs[i] < config->tunnel_count + config->port_count);
		fuzz_require(i == 0 || vifs[i - 1] < vifs[i]);
	}
}

static void check_port(const struct gremc_config *config, const struct gremc_config_port *port)
{
	fuzz_require(port->member_count <= GREMC_CONFIG_MEMBERS_MAX);
	fuzz_require(port->member_of == GREMC_CONFIG_NONE || config->ports[port->member_of].is_bond);
	fuzz_require(port->is_bond == (*port->device == '\0'));
	for (uint32_t i = 0; i < port->member_count; i++)
		fuzz_require(port->members[i] < config->port_count);
	for (uint32_t i = 1; i < port->route_count; i++)
		fuzz_require(port->routes[i - 1].to.length >= port->routes[i].to.length);
	for (uint32_t i = 0; i < port->neighbor_count; i++)
		fuzz_require(gremc_config_neighbor_find(port, port->neighbors[i].address.ipv4) ==
			     &port->neighbors[i].mac);
}

static void check_config(struct gremc_config *config, struct gremc_errors *errors)
{
	fuzz_require((config == NULL) == (errors->count != 0));
	for (uint32_t i = 0; config && i < config->port_count; i++)
		check_port(config, &config->ports[i]);
	for (uint32_t i = 0; config && i < config->tunnel_count; i++) {
		const struct gremc_config_tunnel *tunnel = &config->tunnels[i];

		fuzz_require(tunnel->port == GREMC_CONFIG_NONE || tunnel->port < config->port_count);
		fuzz_require(*tunnel->name && tunnel->options.local && tunnel->options.remote &&
			     tunnel->options.local != tunnel->options.remote);
	}
	for (uint32_t i = 0; config && i < config->mroute_count; i++) {
		const struct gremc_config_mroute *mroute = &config->mroutes[i];

		fuzz_require(gremc_addr_is_multicast(&mroute->group.address));
		fuzz_require(mroute->from_any != (mroute->from_count != 0));
		fuzz_require(mroute->to_all != (mroute->to_count != 0));
		check_list(config, mroute->from, mroute->from_count);
		check_list(config, mroute->to, mroute->to_count);
	}
	if (config)
		fuzz_require(gremc_config_restart_check(config, config, NULL, errors) == 0);
	gremc_config_free(config);
	gremc_errors_fini(errors);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct gremc_errors errors = {0};
	char *text = malloc(size + 1);

	fuzz_require(text != NULL);
	memcpy(text, data, size);
	text[size] = '\0';
	check_config(gremc_config_load_memory("f", text, size, &errors), &errors);
	check_config(gremc_config_load_ifcfg_memory("d/ifcfg-g", text, size, &errors), &errors);
	free(text);
	return 0;
}
