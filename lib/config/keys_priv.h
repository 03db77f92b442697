/* SPDX-License-Identifier: BSD-3-Clause */
/* The table of keys: readers, help, suggestions and the reference in docs/config.md use it. */
#ifndef GREMC_CONFIG_KEYS_PRIV_H
#define GREMC_CONFIG_KEYS_PRIV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <yaml.h>

#include "config/messages_priv.h"

enum section {
	SECTION_TOP,
	SECTION_ETHERNET,
	SECTION_BOND,
	SECTION_PARAMETERS,
	SECTION_ROUTE,
	SECTION_TUNNEL,
	SECTION_KEY,
	SECTION_KEEPALIVE,
	SECTION_POLICY,
	SECTION_BOUNDARY,
	SECTION_SOURCES,
	SECTION_POLICE,
	SECTION_RATE,
	SECTION_MROUTE,
	SECTION_SETTINGS,
	SECTION_TIMING,
	SECTION_IGMP,
	SECTION_JOIN,
	SECTION_COUNT
};
#define IN(section) (1u << SECTION_##section)

/* The keys of one mapping are read in this order, which need not be that of the file. */
enum key_id {
	KEY_NETWORK,
	KEY_VERSION,
	KEY_ETHERNETS,
	KEY_BONDS,
	KEY_TUNNELS,
	KEY_MROUTES,
	KEY_TIMING,
	KEY_SETTINGS,
	KEY_ETHERNET_DEVICE,
	KEY_INTERFACE,
	KEY_ISOLATE,
	KEY_INTERFACES,
	KEY_PARAMETERS,
	KEY_BOND_DEVICE,
	KEY_ADDRESSES,
	KEY_GATEWAY4,
	KEY_ROUTES,
	KEY_NEIGHBORS,
	KEY_MTU,
	KEY_VLAN,
	KEY_PCP,
	KEY_MULTICAST,
	KEY_PORT_IGMP,
	KEY_PORT_POLICY,
	KEY_HOST,
	KEY_BOND_MODE,
	KEY_ROUTE_TO,
	KEY_ROUTE_VIA,
	KEY_ROUTE_ON_LINK,
	KEY_TUNNEL_MODE,
	KEY_UDP_PORT,
	KEY_UDP_CHECKSUM,
	KEY_LOCAL,
	KEY_REMOTE,
	KEY_KEY,
	KEY_TTL,
	KEY_TOS,
	KEY_DSCP_MAP, /* after KEY_TOS: it has the DSCPs that the map does not have */
	KEY_ECN,
	KEY_DF,
	KEY_CHECKSUM,
	KEY_SEQUENCE,
	KEY_TUNNEL_MTU,
	KEY_IGNORE_DF,
	KEY_TUNNEL_ADDRESSES,
	KEY_PEER,
	KEY_TUNNEL_ROUTES,
	KEY_TUNNEL_IGMP,
	KEY_TUNNEL_POLICY,
	KEY_TUNNEL_HOST,
	KEY_KEEPALIVE,
	KEY_LIVENESS,
	KEY_INPUT,
	KEY_OUTPUT,
	KEY_KEEPALIVE_INTERVAL,
	KEY_KEEPALIVE_RETRIES,
	KEY_BOUNDARY,
	KEY_POLICY_SOURCES,
	KEY_TTL_THRESHOLD,
	KEY_MAX_FANOUT,
	KEY_POLICE,
	KEY_BOUNDARY_IN,
	KEY_BOUNDARY_OUT,
	KEY_SOURCES_IN,
	KEY_SOURCES_OUT,
	KEY_POLICE_IN,
	KEY_POLICE_OUT,
	KEY_PPS,
	KEY_KBPS,
	KEY_BURST,
	KEY_GROUP,
	KEY_SOURCE,
	KEY_FROM,
	KEY_TO,
	KEY_ORDER,
	KEY_COPY_THRESHOLD,
	KEY_SHARD_THRESHOLD,
	KEY_SPREAD,
	KEY_TX_RETRIES,
	KEY_RX_DESCRIPTORS,
	KEY_TX_DESCRIPTORS,
	KEY_MAX_SLEEP,
	KEY_IDLE,
	KEY_HOST_PERSIST,
	KEY_PATH_MTU_MINIMUM,
	KEY_REASSEMBLE,
	KEY_ROBUSTNESS,
	KEY_QUERY_INTERVAL,
	KEY_RESPONSE_INTERVAL,
	KEY_LAST_MEMBER_INTERVAL,
	KEY_LAST_MEMBER_COUNT,
	KEY_IGMP_MODE,
	KEY_IGMP_VERSION,
	KEY_FAST_LEAVE,
	KEY_ROUTER_ALERT,
	KEY_MAX_GROUPS,
	KEY_MAX_SOURCES,
	KEY_REPORT_RATE,
	KEY_IGMP_GROUPS,
	KEY_IGMP_SOURCES,
	KEY_JOIN,
	KEY_JOIN_GROUP,
	KEY_JOIN_SOURCE,
	KEY_COUNT
};

struct loader;
struct key;

/* Check one value and store it in the section's object. A wrong value becomes an error. */
typedef void scalar_reader(struct loader *l, const struct key *key, const struct value *value, void *object);
typedef void node_reader(struct loader *l, const struct key *key, yaml_node_t *node, void *object);

struct key {
	const char *name;
	unsigned sections;         /* IN() of each section that has it */
	const char *type;          /* accepted values; with a maximum or keywords: further ones, or NULL */
	uint32_t minimum, maximum; /* of a number; maximum 0: no number is accepted */
	const char *fallback;      /* the default as a user would write it, or NULL */
	bool required;
	bool needs_restart;         /* a reload cannot change it */
	scalar_reader *scalar;      /* NULL: no scalar is accepted */
	node_reader *node;          /* NULL: only a scalar is accepted */
	yaml_node_type_t node_type; /* accepted by `node` */
	uint16_t offset, size;      /* of the field in the section's object */
	const char *meaning;
	const struct gremc_keywords *keywords; /* accepted words, or NULL */
	unsigned first_keyword;                /* earlier words of the table are not accepted */
};

extern const struct key gremc_config_keys[KEY_COUNT];

/* Returns: the section's key of this name, or NULL. */
const struct key *gremc_config_key_find(enum section section, const char *name);
/* Whether netplan has this key and this program ignores it. */
bool gremc_config_key_is_netplans(enum section section, const char *name);
/* Write "did you mean `x`?", or the list of the section's keys.
 * Returns: text. */
char *gremc_config_key_suggest(char *text, size_t size, enum section section, const char *name);
#define KEY_TEXT 256 /* bytes of gremc_config_key_type() */
/* Write the accepted values, such as "a number from 1 to 255, or `inherit`".
 * Returns: text. */
char *gremc_config_key_type(char *text, size_t size, const struct key *key);

/* ---- readers: scalars.c, ports.c, tunnels.c, marking.c, policy.c, mroutes.c, igmp.c, load.c ---- */

scalar_reader gremc_config_read_version, gremc_config_read_number, gremc_config_read_boolean,
	gremc_config_read_address, gremc_config_read_endpoint, gremc_config_read_device,
	gremc_config_read_interface, gremc_config_read_mode, gremc_config_read_tunnel_mode,
	gremc_config_read_udp_port, gremc_config_read_udp_checksum, gremc_config_read_key,
	gremc_config_read_key_number, gremc_config_read_ttl, gremc_config_read_tos, gremc_config_read_df,
	gremc_config_read_keyword;
node_reader gremc_config_read_ethernets, gremc_config_read_bonds, gremc_config_read_parameters,
	gremc_config_read_interfaces, gremc_config_read_addresses, gremc_config_read_routes,
	gremc_config_read_neighbors;
scalar_reader gremc_config_read_gateway, gremc_config_read_route_to;
node_reader gremc_config_read_tunnels, gremc_config_read_key_pair, gremc_config_read_tunnel_addresses,
	gremc_config_read_tunnel_routes, gremc_config_read_keepalive;
scalar_reader gremc_config_read_liveness, gremc_config_read_pcp;
node_reader gremc_config_read_dscp_map, gremc_config_read_pcp_map;
node_reader gremc_config_read_mroutes, gremc_config_read_settings, gremc_config_read_vifs;
scalar_reader gremc_config_read_group, gremc_config_read_source, gremc_config_read_vif,
	gremc_config_read_origin;
scalar_reader gremc_config_read_igmp_word, gremc_config_read_igmp_mode, gremc_config_read_join_group;
node_reader gremc_config_read_igmp, gremc_config_read_timing, gremc_config_read_igmp_groups,
	gremc_config_read_igmp_sources, gremc_config_read_joins;
node_reader gremc_config_read_policy, gremc_config_read_boundary, gremc_config_read_policy_sources,
	gremc_config_read_police, gremc_config_read_rate, gremc_config_read_boundary_groups,
	gremc_config_read_source_list;

#endif
