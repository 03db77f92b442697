/* SPDX-License-Identifier: BSD-3-Clause */
/* config: reads a YAML file and a directory of ifcfg files into one validated struct, without access to
 * devices or other live state. A loaded configuration is immutable. A load runs in any single thread. */
#ifndef GREMC_CONFIG_CONFIG_H
#define GREMC_CONFIG_CONFIG_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/base.h"
#include "proto/igmp_mode.h"
#include "proto/liveness.h"
#include "proto/order.h"
#include "proto/tunnel.h"

/* Limits; --help-config prints them. */
#define GREMC_DEVICE_SIZE          64
#define GREMC_CONFIG_PORTS_MAX     32
#define GREMC_CONFIG_MEMBERS_MAX   8
#define GREMC_CONFIG_TUNNELS_MAX   65536
#define GREMC_CONFIG_MROUTES_MAX   1048576
#define GREMC_CONFIG_MEMBER_ROUTES (GREMC_CONFIG_MROUTES_MAX / 8 * 7) /* of them for memberships */
#define GREMC_CONFIG_VIFS_MAX      65535       /* vifs in `from` or `to` of one mroute */
#define GREMC_CONFIG_SOURCES_MAX   1024        /* entries in `sources` of one vif */
#define GREMC_CONFIG_DSCP_MAPS_MAX 64          /* different `dscp-map` of all tunnels */
#define GREMC_CONFIG_FILE_MAX      (1ul << 30) /* bytes: a million mroutes with a hundred vifs each */
#define GREMC_CONFIG_MTU_MINIMUM   68 /* bytes of an IPv4 packet that every link carries (RFC 791, 3.2) */

#define GREMC_CONFIG_NONE UINT32_MAX /* no index */

/* Bonding modes: the values are the mode numbers of DPDK. */
enum gremc_bond_mode {
	GREMC_BOND_BALANCE_RR = 0,
	GREMC_BOND_ACTIVE_BACKUP = 1,
	GREMC_BOND_BALANCE_XOR = 2,
	GREMC_BOND_BROADCAST = 3,
	GREMC_BOND_8023AD = 4,
};

/* The names that netplan has for them. */
extern const struct gremc_keywords gremc_bond_mode_keywords;

/* An address of an interface, with the length of its network. */
struct gremc_config_address {
	struct gremc_addr address; /* without a family: none */
	uint32_t length;
};

struct gremc_config_route {
	struct gremc_prefix to; /* 0.0.0.0/0: default; gateway4 is one such */
	struct gremc_addr via;  /* without a family: none */
	bool on_link;           /* `via` is on the link, even outside the networks of the port */
};

struct gremc_config_neighbor {
	struct gremc_addr address;
	struct rte_ether_addr mac;
};

struct gremc_config_join {
	struct gremc_addr group, source; /* source without a family: any */
};

/* IGMP on one vif (igmp/igmp.h). */
struct gremc_config_igmp {
	enum gremc_igmp_mode mode; /* not off */
	bool fast_leave, router_alert;
	uint16_t version;
	uint32_t max_groups, max_sources, report_rate;
	struct gremc_prefix *groups, *sources;
	struct gremc_config_join *joins;
	uint32_t group_count, source_count, join_count;
};

/* A limit of the rate of packets, of bits, or of both. 0: no limit. */
struct gremc_config_rate {
	uint32_t pps, kbps; /* inner packets; 1,000 bits of them per second */
	uint32_t burst;     /* milliseconds of the rate that may pass at once */
};

struct gremc_config_policy_direction {
	struct gremc_prefix *groups;  /* that do not pass */
	struct gremc_prefix *sources; /* that pass; none: all */
	uint32_t group_count, source_count;
	struct gremc_config_rate rate;
};

/* The packets that a vif carries (vif/policy.h). */
struct gremc_config_policy {
	struct gremc_config_policy_direction in, out; /* received and sent packets */
	uint16_t ttl_threshold; /* the TTL of packets that leave must be greater; 0: none */
	uint16_t max_fanout;    /* replicas of a received packet; 0: no limit */
};

/* An Ethernet or a bond. */
struct gremc_config_port {
	char name[GREMC_NAME_SIZE];
	char device[GREMC_DEVICE_SIZE];  /* EAL device name; empty: a bond of `members` */
	char interface[GREMC_NAME_SIZE]; /* of the kernel, used by AF_XDP; or empty */
	bool isolate; /* the kernel keeps the device; flow rules direct packets to the forwarder */
	bool is_bond; /* the program creates it from `members` */
	enum gremc_bond_mode mode;
	uint32_t members[GREMC_CONFIG_MEMBERS_MAX]; /* indexes of ports */
	uint32_t member_count;
	uint32_t member_of;                 /* index of the bond, or GREMC_CONFIG_NONE */
	uint16_t mtu;                       /* bytes of an IP packet; 0: that of the device */
	uint16_t vlan;                      /* 1 to 4094; 0: untagged */
	uint8_t pcp[GREMC_DSCP_COUNT];      /* [outer DSCP] priority in the tag, 0 to 7 */
	bool multicast;                     /* native multicast: the port is a vif */
	bool host;                          /* the kernel has it as a TAP device */
	struct gremc_config_igmp *igmp;     /* NULL: off */
	struct gremc_config_policy *policy; /* NULL: none */
	struct gremc_config_address *addresses;
	uint32_t address_count;
	struct gremc_config_route *routes; /* longest prefix first */
	uint32_t route_count;
	struct gremc_config_neighbor *neighbors; /* ascending by address, no address twice */
	uint32_t neighbor_count;
};

/* Whether the peer of a tunnel is alive (peer/peer.h). */
struct gremc_config_liveness {
	uint16_t interval;        /* seconds between two keepalives, or two checks of traffic */
	uint16_t retries;         /* intervals without a sign of life after which the peer is dead */
	bool sends;               /* keepalives are sent */
	enum gremc_liveness sign; /* of life */
};

struct gremc_config_tunnel {
	char name[GREMC_NAME_SIZE];
	struct gremc_tunnel_options options;
	struct gremc_config_liveness liveness;
	bool ignore_df; /* inner packets above the MTU are fragmented although DF is set */
	bool host;
	struct gremc_config_igmp *igmp;      /* NULL: off */
	struct gremc_config_policy *policy;  /* NULL: none */
	struct gremc_config_address address; /* inner address of this end */
	struct gremc_addr peer;              /* inner address of the other end; without a family: none */
	struct gremc_config_route *routes; /* the kernel's, by the tunnel's interface; no via: on the link */
	uint32_t route_count;
	uint32_t port; /* index of the port that owns `local` */
};

/* A vif by its number in this configuration: tunnels first (index), then ports (tunnel_count + index), then
 * the host. */
struct gremc_config_mroute {
	struct gremc_addr source; /* without a family: any */
	struct gremc_prefix group;
	bool from_any, to_all; /* all tunnels and all ports with `multicast` */
	uint8_t order;         /* enum gremc_order */
	uint32_t *from, *to;   /* vif numbers, ascending */
	uint32_t from_count, to_count;
	/* Mroutes with one group and source accept packets from different vifs. */
	uint32_t next;  /* the next one in the file with this group and source; 0: none */
	bool is_branch; /* it is the `next` of another one */
};

struct gremc_config_settings {
	uint16_t copy_threshold;  /* bytes: replicas of inner packets up to this length are copies */
	uint16_t shard_threshold; /* workers share this many replicas of one packet; 0: never */
	bool spread;              /* workers share received packets by flow (software RSS) */
	uint16_t tx_retries;      /* attempts without progress before replicas are dropped as tx_full */
	uint16_t rx_descriptors, tx_descriptors; /* requested per queue; the device may adjust them */
	uint32_t max_sleep;                      /* microseconds of the longest idle sleep */
	bool idle;                               /* sleep when idle */
	bool reassemble;                         /* outer fragments of tunnels */
	uint16_t path_mtu_minimum;               /* bytes; ICMP lowers no path MTU below it */
	bool host_persist;                       /* host interfaces remain after the program */
};

/* Timers of IGMP (RFC 3376, 8). */
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
	bool kernel_mroutes; /* the kernel's multicast routes are used, too */
	struct gremc_config_settings settings;
	struct gremc_config_igmp_timing igmp;
	/* Lines `file:line:column: warning: ...`: settings that probably lack their intended effect. */
	struct gremc_errors warnings;
	/* Lines `file:line:column: note: ...`: keys of netplan without effect. */
	struct gremc_errors notes;
};

/* Load and validate a configuration.
 * Input:   `path` (YAML) and `ifcfg_dir`, of which one may be NULL. With both, the ifcfg tunnels are added to
 *          those of the file. Without a YAML file there are no ports, and the `port` of each tunnel is
 *          GREMC_CONFIG_NONE.
 * Owner:   the caller frees it by gremc_config_free().
 * Returns: NULL: every error is in *errors. */
struct gremc_config *gremc_config_load(const char *path, const char *ifcfg_dir, struct gremc_errors *errors);
/* Free a configuration. NULL is allowed. */
void gremc_config_free(struct gremc_config *config);

/* Print every key with its type, default and meaning, and the limits: the output of --help-config. */
void gremc_config_help(FILE *out);

/* Find changes that a reload cannot apply: of the ports' set, order and names, and of keys marked
 * needs_restart.
 * Input:   `path` names the file in the errors.
 * Returns: the number of changes, each of which is an error in *errors. */
unsigned gremc_config_restart_check(const struct gremc_config *running_config,
				    const struct gremc_config *new_config, const char *path,
				    struct gremc_errors *errors);

/* Returns: the network of an interface address. */
static inline struct gremc_prefix gremc_config_network_of(const struct gremc_config_address *address)
{
	return gremc_prefix_of(&address->address, address->length);
}

/* The underlay of tunnels is IPv4: remotes and next hops have 4 bytes. */

/* Look up the next hop of a remote: the remote itself in a network of the port, or else the `via` of the
 * longest route.
 * Errors:  -ENETUNREACH. */
__rte_warn_unused_result int gremc_config_route_lookup(const struct gremc_config_port *port,
						       rte_be32_t remote, rte_be32_t *next_hop);
/* A next hop from the static configuration of a port. */
struct gremc_config_next_hop {
	rte_be32_t next_hop;              /* 0: none */
	const struct rte_ether_addr *mac; /* NULL: no static neighbour */
};
/* Returns: the next hop of a remote, with its MAC if a static neighbour has one. */
struct gremc_config_next_hop gremc_config_next_hop(const struct gremc_config_port *port, rte_be32_t remote);
/* Returns: the MAC of the static neighbour; NULL: none. */
const struct rte_ether_addr *gremc_config_neighbor_find(const struct gremc_config_port *port,
							rte_be32_t address);

#endif
