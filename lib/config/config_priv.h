/* SPDX-License-Identifier: BSD-3-Clause */
/* config: functions that its files share while one configuration is loaded. */
#ifndef GREMC_CONFIG_CONFIG_PRIV_H
#define GREMC_CONFIG_CONFIG_PRIV_H

#include <stdarg.h>
#include <stdio.h>

#include "config/config.h"
#include "config/keys_priv.h"
#include "config/loader_priv.h"
#include "config/messages_priv.h"
#include "config/names_priv.h"
#include "config/yaml_priv.h"

/* ---- scalars.c ---- */

/* Parse a decimal number without leading zeros, or a hexadecimal one after 0x. */
bool gremc_config_number_parse(const char *text, uint64_t *number);
/* Returns: the class of an address that no host can have, such as "a multicast address"; NULL: unicast. */
const char *gremc_config_unicast_problem(const struct gremc_addr *address);
/* Read ADDRESS/LENGTH of an interface.
 * Input:   bare: the length of an address without one; 0: the length is required.
 * Returns: false: the error is added. */
bool gremc_config_interface_address_read(struct loader *l, const struct value *value, uint8_t bare,
					 struct gremc_config_address *address);
/* Read a unicast address of the key `what`.
 * Returns: false: the error is added. */
bool gremc_config_unicast_read(struct loader *l, const char *what, const struct value *value,
			       struct gremc_addr *address);
/* Read a prefix without host bits of the key `what`.
 * Returns: false: the error is added. */
bool gremc_config_prefix_read(struct loader *l, const char *what, const struct value *value,
			      struct gremc_prefix *prefix);
/* Check the name of a port or tunnel, add it to the loader's names and copy it to text.
 * Returns: false: the error is added. */
bool gremc_config_name_read(struct loader *l, const struct value *value, bool is_port, uint32_t index,
			    char *text);

/* ---- ports.c, tunnels.c ---- */

/* Read one entry of `routes`.
 * Input:   is_tunnel: with `scope: link` the route needs no `via`.
 * Returns: false: an error is added, or a note that the route has no effect. */
bool gremc_config_route_read(struct loader *l, yaml_node_t *entry, bool is_tunnel,
			     struct gremc_config_route *route, struct place *place);
/* Returns: the Ethernet or bond of this name that only the kernel uses; NULL: none. */
const struct netplan_port *gremc_config_netplan_port_find(const struct loader *l, const char *name);
/* Returns: the Ethernet or bond with this address that only the kernel uses; NULL: none. */
const struct netplan_port *gremc_config_netplan_owner_find(const struct loader *l,
							   const struct gremc_addr *address);
/* Free the arrays of the draft. */
void gremc_config_port_draft_fini(struct port_draft *draft);
/* Add a tunnel without options.
 * Returns: NULL: over the limit, with an error, or out of memory. */
struct tunnel_draft *gremc_config_tunnel_add(struct loader *l, const struct value *name);

/* ---- policy.c, igmp.c, limits.c, mroutes.c ---- */

/* Free a policy. NULL is allowed. */
void gremc_config_policy_free(struct gremc_config_policy *policy);

/* Free the settings. NULL is allowed. */
void gremc_config_igmp_free(struct gremc_config_igmp *igmp);
/* Read a unicast address or prefix of `sources`.
 * Returns: false: the error is added. */
bool gremc_config_source_read(struct loader *l, const struct value *value, struct gremc_prefix *source);
/* Check the IGMP settings of all vifs together. */
void gremc_config_validate_igmp(struct loader *l);
/* Warn of IGMP settings of a vif that contradict each other.
 * Input:   igmp NULL: off. */
void gremc_config_igmp_check_limits(struct loader *l, const struct gremc_config_igmp *igmp,
				    struct place place, const char *name);
/* Read the mroutes, after all ports and tunnels: vif numbers depend on the number of tunnels. */
void gremc_config_load_mroutes(struct loader *l);

/* ---- validate_ports.c, validate_tunnels.c, validate_mroutes.c ---- */

/* Check ports against each other and move them from the drafts to l->config. */
void gremc_config_validate_ports(struct loader *l);
/* Check tunnels against ports and each other, and move them from the drafts to l->config. */
void gremc_config_validate_tunnels(struct loader *l);
/* Link the mroutes with one source and group, and check that no two of them accept packets from one vif. */
void gremc_config_validate_mroutes(struct loader *l);

/* ---- mtu.c ---- */

/* Warn of tunnels that lose packets which other interfaces of an oil carry.
 * Order:   after all tunnels and mroutes are valid. */
void gremc_config_check_mtus(struct loader *l);

/* ---- ifcfg.c ---- */

/* Read the tunnels of all ifcfg files in a directory, in the order of their names. */
void gremc_config_load_ifcfg(struct loader *l, const char *directory);
/* Read the tunnel of one ifcfg file, if it describes one.
 * Input:   path ends with ifcfg-NAME. */
void gremc_config_ifcfg_read(struct loader *l, const char *path, const char *text, size_t size);

/* ---- load.c ---- */

/* Read a regular file.
 * Owner:   the caller frees the text, which ends with a NUL.
 * Returns: NULL: the error is added. */
char *gremc_config_file_read(struct loader *l, const char *path, size_t *size);
/* gremc_config_load() of a YAML file with this text. `path` is used in messages only. */
struct gremc_config *gremc_config_load_memory(const char *path, const char *text, size_t size,
					      struct gremc_errors *errors);
/* gremc_config_load() of one ifcfg file with this text, without a YAML file. */
struct gremc_config *gremc_config_load_ifcfg_memory(const char *path, const char *text, size_t size,
						    struct gremc_errors *errors);

#endif
