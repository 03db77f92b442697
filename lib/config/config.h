/* SPDX-License-Identifier: BSD-3-Clause */
/* config: a YAML file (and a folder of ifcfg files) to one validated struct. Never sees ethdev or any live
 * state. Control thread only; a loaded configuration is not changed any more. */
#ifndef GREMC_CONFIG_CONFIG_H
#define GREMC_CONFIG_CONFIG_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/base.h"
#include "proto/igmp_mode.h"
#include "proto/tunnel.h"

/* The program's stated limits. */
#define GREMC_DEVICE_SIZE        64
#define GREMC_CONFIG_PORTS_MAX   32
#define GREMC_CONFIG_MEMBERS_MAX 8
#define GREMC_CONFIG_TUNNELS_MAX 65536
#define GREMC_CONFIG_MROUTES_MAX (1u << 20)
/* Of these, for memberships; the rest is kept for static ones and the kernel's. */
#define GREMC_CONFIG_MEMBER_ROUTES (GREMC_CONFIG_MROUTES_MAX / 8 * 7)
#define GREMC_CONFIG_NONE          UINT32_MAX
#define GREMC_CONFIG_VIFS_MAX      65535 /* vifs in `from` or `to` of one mroute */
#define GREMC_CONFIG_MTU_MINIMUM   68    /* bytes of an IPv4 packet that every link carries (RFC 791, 3.2) */

enum gremc_bond_mode { /* netplan's names; the values are DPDK's mode numbers */
		       GREMC_BOND_BALANCE_RR = 0,
		       GREMC_BOND_ACTIVE_BACKUP = 1,
		       GREMC_BOND_BALANCE_XOR = 2,
		       GREMC_BOND_BROADCAST = 3,
		       GREMC_BOND_8023AD = 4,
};

extern const struct gremc_keywords gremc_bond_mode_keywords;

struct gremc_config_address {
	rte_be32_t address;
	uint8_t length;
};

struct gremc_config_route_read {
	struct gremc_prefix to; /* 0.0.0.0/0: default; gateway4 is one such */
	rte_be32_t via;
	bool on_link; /* the link reaches `via`, whatever the port's networks are */
};

struct gremc_config_neighbor_find {
	rte_be32_t address;
	struct rte_ether_addr mac;
};

struct gremc_config_join {
	rte_be32_t group, source; /* source 0: any */
};

/* Membership on one vif (see igmp/igmp.h, which says what each means). */
struct gremc_config_igmp {
	enum gremc_igmp_mode mode; /* not off */
	bool fast_leave, router_alert;
	uint16_t version;
	uint32_t max_groups, max_sources, report_rate;
	struct gremc_prefix *groups, *sources;
	struct gremc_config_join *joins;
	uint32_t group_count, source_count, join_count;
};

/* An Ethernet or a bond. */
struct gremc_config_port {
	char name[GREMC_NAME_SIZE];
	char device[GREMC_DEVICE_SIZE];  /* EAL device name; empty: a bond that we make */
	char interface[GREMC_NAME_SIZE]; /* of the kernel, which keeps it: `device` is ours to make; or empty
					  */
	bool isolate;                    /* the kernel keeps the device: flow rules bring what is ours */
	bool is_bond;                    /* made by us from members */
	enum gremc_bond_mode mode;
	uint32_t members[GREMC_CONFIG_MEMBERS_MAX]; /* indexes of ports */
	uint32_t member_count;
	uint32_t member_of;             /* index of the bond, or GREMC_CONFIG_NONE */
	uint16_t mtu;                   /* IP bytes; 0: the device's own */
	uint16_t vlan;                  /* 1 to 4094; 0: untagged */
	bool multicast;                 /* native multicast enters and leaves here: the port is a vif */
	bool host;                      /* the kernel has it, as a TAP */
	struct gremc_config_igmp *igmp; /* NULL: off */
	struct gremc_config_address *addresses;
	uint32_t address_count;
	struct gremc_config_route_read *routes; /* longest prefix first */
	uint32_t route_count;
	struct gremc_config_neighbor_find
		*neighbors; /* ascending by address in host order, no address twice */
	uint32_t neighbor_count;
};

struct gremc_config_tunnel {
	char name[GREMC_NAME_SIZE];
	struct gremc_tunnel_options options;
	bool host;
	struct gremc_config_igmp *igmp;      /* NULL: off */
	struct gremc_config_address address; /* inner address of this end; length 0 and address 0: none */
	rte_be32_t peer;                     /* inner address of the other end, or 0 */
	struct gremc_config_route_read
		*routes; /* the kernel's, by the tunnel's interface; via 0: on the link */
	uint32_t route_count;
	uint32_t port; /* index of the port that owns `local` */
};

/* A vif by its number in this configuration: tunnels first (index), then ports (tunnel_count + index), then
 * the host. */
struct gremc_config_mroute {
	rte_be32_t source; /* 0: any */
	struct gremc_prefix group;
	bool from_any, to_all; /* every tunnel, and every port with `multicast: true` */
	uint32_t *from, *to;   /* vif numbers, ascending */
	uint32_t from_count, to_count;
};

struct gremc_config_settings {
	uint16_t copy_threshold;  /* bytes of inner packet up to which replicas are copies, 0 to 9000 */
	uint16_t shard_threshold; /* replicas of one packet from which the workers share them; 0: never */
	bool spread;              /* workers share received packets by flow */
	uint16_t tx_retries; /* attempts without progress before replicas are lost as tx_full, 0 to 1000 */
	uint16_t rx_descriptors, tx_descriptors; /* wanted per queue, 64 to 32768; the device adjusts them */
	uint32_t max_sleep;                      /* microseconds, longest idle sleep, 1 to 20000 */
	bool idle;                               /* back off when there is nothing to do */
	bool host_persist;                       /* the host interfaces stay when the program stops */
};

/* RFC 3376, 8. */
struct gremc_config_igmp_timing {
	uint32_t query_interval;                          /* seconds */
	uint32_t response_interval, last_member_interval; /* milliseconds */
	uint16_t robustness, last_member_count;           /* count 0: as robustness */
};

struct gremc_config {
	struct gremc_config_port *ports;
	struct gremc_config_tunnel *tunnels;
	struct gremc_config_mroute *mroutes;
	uint32_t port_count, tunnel_count, mroute_count;
	bool names_host;     /* an mroute has `host` among its vifs */
	bool kernel_mroutes; /* the kernel's multicast routes, too */
	struct gremc_config_settings settings;
	struct gremc_config_igmp_timing igmp;
	/* Lines `file:line:column: warning: ...`: settings that load and probably do not do what they are
	 * for.
	 */
	struct gremc_errors warnings;
	/* Lines `file:line:column: note: ...`: netplan's keys without effect here. */
	struct gremc_errors notes;
};

/* Load and validate. `path` (YAML) and `ifcfg_dir` may each be NULL, not both; with both, the ifcfg tunnels
 * join those of the file. With ifcfg_dir alone there are no ports, so that tunnels are checked by themselves
 * and their `port` is GREMC_CONFIG_NONE. Returns the configuration (heap, gremc_config_free), or NULL with
 * every error in *errors. */
struct gremc_config *gremc_config_load(const char *path, const char *ifcfg_dir, struct gremc_errors *errors);
void gremc_config_free(struct gremc_config *config);

/* Every key with its type, default and meaning: what --help-config prints. From the one table of keys. */
void gremc_config_help(FILE *out);

/* What a running program cannot take over (ports: device, interface, isolate, members, mode, mtu, vlan,
 * multicast, their set or order; descriptors): an error for each into *errors; returns how many. */
unsigned gremc_config_restart_check(const struct gremc_config *running_config,
				    const struct gremc_config *new_config, const char *path,
				    struct gremc_errors *errors);

/* The tunnel's next hop: the remote itself where an address of the port covers it, else the longest route's
 * via. Returns 0, or -ENETUNREACH. */
int gremc_config_route_lookup(const struct gremc_config_port *port, rte_be32_t remote, rte_be32_t *next_hop);
/* A way to a remote, as the port's static configuration has it. */
struct gremc_config_next_hop {
	rte_be32_t next_hop;              /* 0: none */
	const struct rte_ether_addr *mac; /* NULL: no static neighbour */
};
struct gremc_config_next_hop gremc_config_next_hop(const struct gremc_config_port *port, rte_be32_t remote);
/* The static neighbour's MAC, or NULL. */
const struct rte_ether_addr *gremc_config_neighbor_find(const struct gremc_config_port *port,
							rte_be32_t address);

#endif
