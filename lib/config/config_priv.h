/* SPDX-License-Identifier: BSD-3-Clause */
/* config: what its files share while one configuration is being loaded. */
#ifndef GREMC_CONFIG_CONFIG_PRIV_H
#define GREMC_CONFIG_CONFIG_PRIV_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <yaml.h>

#include "config/config.h"

/* ---- places and problems ---- */

/* Where something stands. file: index in the loader's files; line 0: nowhere in the file. */
struct place {
	uint32_t file, line, column;
};

struct problem {
	struct place place;
	uint32_t order; /* as found, to keep a stable order within one place */
	char *text;
};

/* One kind of messages: errors, warnings or notes. */
struct problems {
	struct problem *list;
	uint32_t count;
};

/* One scalar as the user wrote it. */
struct value {
	const char *text;
	struct place place;
	bool quoted;
};

/* ---- the table of keys ---- */

enum section {
	SECTION_TOP,
	SECTION_ETHERNET,
	SECTION_BOND,
	SECTION_PARAMETERS,
	SECTION_ROUTE,
	SECTION_TUNNEL,
	SECTION_KEY,
	SECTION_MROUTE,
	SECTION_SETTINGS,
	SECTION_TIMING,
	SECTION_IGMP,
	SECTION_JOIN,
	SECTION_COUNT
};
#define IN(section) (1u << SECTION_##section)

/* In the order in which the keys of one mapping are read, whatever their order in the file. */
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
	KEY_MULTICAST,
	KEY_PORT_IGMP,
	KEY_HOST,
	KEY_BOND_MODE,
	KEY_ROUTE_TO,
	KEY_ROUTE_VIA,
	KEY_ROUTE_ON_LINK,
	KEY_TUNNEL_MODE,
	KEY_LOCAL,
	KEY_REMOTE,
	KEY_KEY,
	KEY_TTL,
	KEY_TOS,
	KEY_DF,
	KEY_TUNNEL_MTU,
	KEY_TUNNEL_ADDRESSES,
	KEY_PEER,
	KEY_TUNNEL_ROUTES,
	KEY_TUNNEL_IGMP,
	KEY_TUNNEL_HOST,
	KEY_INPUT,
	KEY_OUTPUT,
	KEY_GROUP,
	KEY_SOURCE,
	KEY_FROM,
	KEY_TO,
	KEY_COPY_THRESHOLD,
	KEY_SHARD_THRESHOLD,
	KEY_SPREAD,
	KEY_TX_RETRIES,
	KEY_RX_DESCRIPTORS,
	KEY_TX_DESCRIPTORS,
	KEY_MAX_SLEEP,
	KEY_IDLE,
	KEY_HOST_PERSIST,
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

/* Readers check one value and put it into the section's object; what is wrong becomes a problem. */
typedef void scalar_reader(struct loader *l, const struct key *key, const struct value *value, void *object);
typedef void node_reader(struct loader *l, const struct key *key, yaml_node_t *node, void *object);

struct key {
	const char *name;
	unsigned sections; /* IN() of each section that has it */
	const char *type;  /* what it takes; with a maximum: what it takes beside the number, or NULL */
	uint32_t minimum, maximum; /* of a number; maximum 0: it takes none */
	const char *fallback;      /* the default as one would write it, or NULL */
	bool required;
	scalar_reader *scalar;      /* NULL: it takes no scalar */
	node_reader *node;          /* NULL: it takes nothing but a scalar */
	yaml_node_type_t node_type; /* of what `node` takes */
	uint16_t offset, size;      /* the field in the section's object, for the readers that need no more */
	const char *meaning;
	const struct gremc_keywords *keywords; /* it takes one of these words, or `type`; NULL: none */
	unsigned first_keyword;                /* the words before this one are not accepted */
};

extern const struct key gremc_config_keys[KEY_COUNT];

const struct key *gremc_config_key_find(enum section section, const char *name);
/* Does netplan have this key, and this program no use for it? */
bool gremc_config_key_is_netplans(enum section section, const char *name);
/* "did you mean `x`?", or the list of what there is. Writes to text and returns it. */
char *gremc_config_key_suggest(char *text, size_t size, enum section section, const char *name);
/* "a number from 1 to 255, or `inherit`". Writes to text and returns it. */
char *gremc_config_key_type(char *text, size_t size, const struct key *key);
#define KEY_TEXT 256

/* ---- names of ports and tunnels ---- */

struct name {
	char text[GREMC_NAME_SIZE];
	bool is_port;
	uint32_t index; /* of the port or the tunnel */
	struct place place;
};

/* All names of one configuration, which share one space: a hash with open addressing. */
struct names {
	struct name *entries;
	uint32_t *slots; /* entry + 1; 0: free */
	uint32_t count, slot_count;
};

/* Returns 0, -EEXIST with the older entry in *other, or -ENOMEM. */
int gremc_config_names_add(struct names *names, const struct name *name, const struct name **other);
const struct name *gremc_config_names_find(const struct names *names, const char *text);
/* The nearest name that is near enough to be meant, or NULL. */
const struct name *gremc_config_names_nearest(const struct names *names, const char *text);
void gremc_config_names_fini(struct names *names);
/* Letters to change, insert, drop or swap to make one text of the other. Texts over 63 bytes are far from
 * all. */
unsigned gremc_config_text_distance(const char *a, const char *b);
bool gremc_config_distance_is_near(unsigned distance, const char *text);

/* ---- what is loaded, before it is validated ---- */

struct route_draft {
	struct gremc_config_route_read route;
	struct place place; /* of the next hop */
};

struct port_draft {
	struct gremc_config_port port;
	struct place name;
	bool is_ethernet;
	struct place places[KEY_COUNT]; /* of the values given */
	yaml_node_t *interfaces;        /* a bond's; names may come later in the file */
	struct place *address_places;   /* by index in port.addresses */
	struct route_draft *routes;
	uint32_t route_count;
};

/* An Ethernet, or a bond of such, that is in the file for netplan: it has no device here. */
struct netplan_port {
	struct value name;
	rte_be32_t *addresses;
	uint32_t address_count;
};

/* An address and the port that has it. */
struct owned_address {
	rte_be32_t address;
	uint32_t port;
	struct place place;
};

struct tunnel_draft {
	struct gremc_config_tunnel tunnel;
	struct place name, local, remote, mtu, address, peer, routes, igmp, ttl;
	bool broken; /* had a problem of its own: comparing it with others would only confuse */
};

struct loader {
	struct gremc_config *config;
	char **files;
	uint32_t file_count;
	struct problems problems;
	struct problems warnings, notes; /* of a configuration that loads */
	bool no_memory;

	yaml_document_t document;
	bool has_document;
	bool has_ports;    /* a YAML file was given, so that tunnels must find their port */
	bool ports_broken; /* a port had a problem: that a tunnel does not find its address says nothing */
	yaml_node_t *mroutes;

	struct port_draft ports[GREMC_CONFIG_PORTS_MAX];
	uint32_t port_count;
	struct netplan_port *netplan_ports;
	uint32_t netplan_port_count;
	struct owned_address *addresses; /* of all ports, sorted */
	uint32_t address_count;
	struct tunnel_draft *tunnels;
	uint32_t tunnel_count;
	struct place *mroute_places; /* by index in config->mroutes: of the group */
	struct names names;
	uint32_t merges;      /* mappings that were merged so far */
	unsigned suggestions; /* names looked for so far: each costs a pass over all names */
};

/* ---- report.c ---- */

/* A file's index, by which places name it. */
uint32_t gremc_config_file_add(struct loader *l, const char *path);
void gremc_config_error_add(struct loader *l, struct place place, const char *format, ...)
	__rte_format_printf(3, 4);
/* The file loads, and the user should see this: as a warning when a setting probably does not do what it is
 * for, as a note when it has no effect here. */
void gremc_config_warning_add(struct loader *l, struct place place, const char *format, ...)
	__rte_format_printf(3, 4);
void gremc_config_note_add(struct loader *l, struct place place, const char *format, ...)
	__rte_format_printf(3, 4);
/* All problems into *errors, and warnings and notes into l->config, in the order of the files and their
 * lines.
 */
void gremc_config_messages_report(struct loader *l, struct gremc_errors *errors);
void gremc_config_messages_fini(struct loader *l);
/* "line 3", or "FILE:3" when it is in another file than `from`. */
#define WHERE_TEXT 160
char *gremc_config_place_format(char *text, const struct loader *l, struct place place, struct place from);
/* A user's text made fit for a message: of bounded length, without control characters. */
#define QUOTE_TEXT 72
char *gremc_config_text_quote(char *buffer, const char *text);
#define QUOTE(text)      gremc_config_text_quote((char[QUOTE_TEXT]){0}, text)
#define ADDRESS(address) gremc_ipv4_format((char[GREMC_IPV4_TEXT]){0}, address)
/* Room for one more in an array that doubles: the array, or NULL when memory is out (said once). */
void *gremc_config_array_grow(struct loader *l, void *array, uint32_t count, size_t size);
void *gremc_config_array_alloc(struct loader *l, size_t count, size_t size);

/* ---- yaml.c ---- */

struct place gremc_config_node_place(const yaml_node_t *node);
bool gremc_config_node_is_null(const yaml_node_t *node);
/* The scalar of a node; false when it is none or holds a NUL. */
bool gremc_config_node_scalar(const yaml_node_t *node, struct value *value);
/* Reads a mapping of the section's keys into object. owner: what to call it, and where, when a key is
 * missing. places: [KEY_COUNT] of the values given, or NULL. */
void gremc_config_mapping_read(struct loader *l, yaml_node_t *node, enum section section,
			       const struct value *owner, void *object, struct place *places);
void gremc_config_defaults_set(struct loader *l, enum section section, const struct value *owner,
			       void *object);
/* `key` was given a value of another kind. */
void gremc_config_node_reject(struct loader *l, const struct key *key, yaml_node_t *node);
void gremc_config_entry_reject(struct loader *l, const struct key *key, yaml_node_t *entry);
void gremc_config_text_reject(struct loader *l, const struct key *key, const struct value *value);
/* The value of a name that a mapping has itself, or NULL. */
yaml_node_t *gremc_config_mapping_find(struct loader *l, const yaml_node_t *node, const char *name);
/* Every name of a mapping, or every scalar of a sequence; stops when `each` returns false. */
void gremc_config_mapping_visit(struct loader *l, yaml_node_t *node,
				bool (*each)(struct loader *l, const struct value *name, yaml_node_t *node,
					     void *object),
				void *object);
void gremc_config_sequence_visit(struct loader *l, const struct key *key, yaml_node_t *node,
				 bool (*each)(struct loader *l, const struct value *value, void *object),
				 void *object);
/* As gremc_config_sequence_visit() for IPv4 addresses of an interface: IPv6 addresses and netplan's options
 * of an address become notes. */
void gremc_config_addresses_visit(struct loader *l, const struct key *key, yaml_node_t *node,
				  bool (*each)(struct loader *l, const struct value *value, void *object),
				  void *object);
/* Is the text an IPv6 address, with or without a prefix length? */
bool gremc_config_text_is_ipv6(const char *text);
/* The whole text as one document into the loader. False when it is no YAML. */
bool gremc_config_document_parse(struct loader *l, const char *text, size_t size);

/* ---- scalars.c ---- */

bool gremc_config_number_parse(const char *text, uint64_t *number);
/* What a unicast address may not be, in words, or NULL when it may be one. */
const char *gremc_config_unicast_problem(rte_be32_t address);
/* ADDRESS/LENGTH of an interface. bare: the length, when there is none; 0: there must be one. */
bool gremc_config_interface_address_read(struct loader *l, const struct value *value, uint8_t bare,
					 struct gremc_config_address *address);
bool gremc_config_unicast_read(struct loader *l, const char *what, const struct value *value,
			       rte_be32_t *address);
bool gremc_config_prefix_read(struct loader *l, const char *what, const struct value *value,
			      struct gremc_prefix *prefix);
/* Checks the name and takes it into the loader's names; fills text. */
bool gremc_config_name_read(struct loader *l, const struct value *value, bool is_port, uint32_t index,
			    char *text);
scalar_reader gremc_config_read_version, gremc_config_read_number, gremc_config_read_boolean,
	gremc_config_read_address, gremc_config_read_endpoint, gremc_config_read_device,
	gremc_config_read_interface, gremc_config_read_mode, gremc_config_read_gre, gremc_config_read_key,
	gremc_config_read_key_number, gremc_config_read_ttl, gremc_config_read_tos, gremc_config_read_df;

/* ---- ports.c, tunnels.c, mroutes.c, settings in load.c ---- */

node_reader gremc_config_read_ethernets, gremc_config_read_bonds, gremc_config_read_parameters,
	gremc_config_read_interfaces, gremc_config_read_addresses, gremc_config_read_routes,
	gremc_config_read_neighbors;
scalar_reader gremc_config_read_gateway, gremc_config_read_route_to;
node_reader gremc_config_read_tunnels, gremc_config_read_key_pair, gremc_config_read_tunnel_addresses,
	gremc_config_read_tunnel_routes;
/* One entry of `routes`: false when it is wrong, or netplan's alone. is_tunnel: `via` may be left out with
 * `scope: link`. */
bool gremc_config_route_read(struct loader *l, yaml_node_t *entry, bool is_tunnel,
			     struct gremc_config_route_read *route, struct place *place);
/* The port of netplan's alone with this name, or with this address; NULL: there is none. */
const struct netplan_port *gremc_config_netplan_port_find(const struct loader *l, const char *name);
const struct netplan_port *gremc_config_netplan_owner_find(const struct loader *l, rte_be32_t address);
/* A new tunnel with every default; NULL: over the limit or out of memory, said. */
struct tunnel_draft *gremc_config_tunnel_add(struct loader *l, const struct value *name);
node_reader gremc_config_read_mroutes, gremc_config_read_settings, gremc_config_read_vifs;
scalar_reader gremc_config_read_group, gremc_config_read_source, gremc_config_read_vif;
scalar_reader gremc_config_read_origin;
/* igmp.c */
scalar_reader gremc_config_read_igmp_word, gremc_config_read_igmp_mode, gremc_config_read_join_group;
node_reader gremc_config_read_igmp, gremc_config_read_timing, gremc_config_read_igmp_groups,
	gremc_config_read_igmp_sources, gremc_config_read_joins;
void gremc_config_igmp_free(struct gremc_config_igmp *igmp);
void gremc_config_validate_igmp(struct loader *l);
/* limits.c: warn of settings that contradict each other. igmp NULL: off. */
void gremc_config_igmp_check_limits(struct loader *l, const struct gremc_config_igmp *igmp,
				    struct place place, const char *name);
/* The mroutes are read last: their vifs' numbers depend on how many tunnels there are. */
void gremc_config_load_mroutes(struct loader *l);

/* ---- validate.c ---- */

/* What no single key can be blamed for; moves the drafts into l->config. */
void gremc_config_validate_ports(struct loader *l);
void gremc_config_validate_tunnels(struct loader *l);
void gremc_config_validate_mroutes(struct loader *l);

/* ---- ifcfg.c ---- */

void gremc_config_load_ifcfg(struct loader *l, const char *directory);
/* One file; path ends with ifcfg-NAME. */
void gremc_config_ifcfg_read(struct loader *l, const char *path, const char *text, size_t size);

/* ---- load.c ---- */

void gremc_config_port_draft_fini(struct port_draft *draft);
/* The whole file, with a NUL behind it; NULL: said. */
char *gremc_config_file_read(struct loader *l, const char *path, size_t *size);
/* As gremc_config_load(path, NULL, errors) of a file with this text; path is only a name for messages. */
struct gremc_config *gremc_config_load_memory(const char *path, const char *text, size_t size,
					      struct gremc_errors *errors);
/* One ifcfg file from memory, as ifcfg alone. */
struct gremc_config *gremc_config_load_ifcfg_memory(const char *path, const char *text, size_t size,
						    struct gremc_errors *errors);

#endif
