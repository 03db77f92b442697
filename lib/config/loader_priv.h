/* SPDX-License-Identifier: BSD-3-Clause */
/* The state of one load: drafts of ports and tunnels until they are validated. */
#ifndef GREMC_CONFIG_LOADER_PRIV_H
#define GREMC_CONFIG_LOADER_PRIV_H

#include <stdbool.h>
#include <stdint.h>

#include <yaml.h>

#include "config/config.h"
#include "config/keys_priv.h"
#include "config/names_priv.h"

struct route_draft {
	struct gremc_config_route route;
	struct place place; /* of the next hop */
};

struct port_draft {
	struct gremc_config_port port;
	struct place name;
	bool is_ethernet;
	struct place places[KEY_COUNT]; /* of the values in the file; line 0: none */
	yaml_node_t *interfaces;        /* of a bond; resolved when all names are read */
	struct place *address_places;   /* [index in port.addresses] */
	struct route_draft *routes;
	uint32_t route_count;
};

/* An Ethernet without a device for this program, or a bond of such: the kernel uses it. */
struct netplan_port {
	struct value name;
	struct gremc_addr *addresses;
	uint32_t address_count;
};

/* An address of a port. */
struct owned_address {
	struct gremc_addr address;
	uint32_t port;
	struct place place;
};

struct tunnel_draft {
	struct gremc_config_tunnel tunnel;
	struct place name, local, remote, mtu, address, peer, routes, igmp, ttl, dscp_map;
	bool broken; /* it has an error, so it is not compared with others */
};

struct loader {
	struct gremc_config *config;
	char **files;
	uint32_t file_count;
	struct problems problems;
	struct problems warnings, notes; /* reported only if the configuration loads */
	bool no_memory;

	yaml_document_t document;
	bool has_document;
	bool has_ports;    /* there is a YAML file, so each tunnel needs a port */
	bool ports_broken; /* a port has an error: tunnels without a port are not reported */
	yaml_node_t *mroutes;

	struct port_draft ports[GREMC_CONFIG_PORTS_MAX];
	uint32_t port_count;
	struct netplan_port *netplan_ports;
	uint32_t netplan_port_count;
	struct owned_address *addresses; /* of all ports, sorted */
	uint32_t address_count;
	struct tunnel_draft *tunnels;
	uint32_t tunnel_count;
	struct place *mroute_places; /* [index in config->mroutes] of the group */
	struct names names;
	uint32_t merges;      /* mappings merged by `<<` */
	unsigned suggestions; /* searches for a similar name; each compares all names */
};

#endif
