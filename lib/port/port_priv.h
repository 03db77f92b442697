/* SPDX-License-Identifier: BSD-3-Clause */
/* The private state of ports, and the steps that open them. The control thread calls all functions.
 *
 * Ports open in steps (port.c): each step visits all ports, so that a user sees the errors of all ports at
 * once. A step returns 0, or a negative errno after it has added its errors. */
#ifndef GREMC_PORT_PORT_PRIV_H
#define GREMC_PORT_PORT_PRIV_H

#include <rte_ethdev.h>

#include "base/base.h"
#include "port/device_priv.h"
#include "port/lower_priv.h"
#include "port/pool_priv.h"
#include "port/port.h"
#include "port/queues_priv.h"
#include "steer/steer.h"

struct gremc_port_state {
	const struct gremc_config_port
		*config;               /* after opening: &kept, because a reload frees the original */
	struct gremc_config_port kept; /* its lists are empty */
	uint16_t id;                   /* ethdev */
	bool found;
	bool is_member; /* of a bond, which opens and closes it */
	bool made;      /* a bond that this process created */
	bool touched;   /* configured, or a bond: this process closes it */
	bool started;
	bool promiscuous;
	bool all_multicast;         /* needed for native multicast, the host, IGMP or LACP */
	bool is_vf;                 /* a virtual function, whose physical function filters VLANs */
	bool rss_outer;             /* the device's RSS uses outer headers only */
	struct rte_flow *inner_rss; /* the rule for RSS by inner headers; NULL: none */
	/* traits of the drivers of the lower devices: of any, except copies, which all have */
	bool on_netdev, fixed_queues, copies, paired, umem;
	struct gremc_steer *steer; /* of a shared port, else NULL */
	uint16_t tx_configured;    /* TX queues of the device; with UMEM more than the workers use */
	uint16_t planned_mtu;
	uint16_t vlan_extra; /* bytes to add to the device's MTU, so that a tagged packet of full size fits */
	uint32_t rx_capacity; /* of RX mbufs, behind RTE_PKTMBUF_HEADROOM */
	uint16_t lower_count;
	uint16_t lower_id[RTE_MAX_ETHPORTS]; /* ethdevs of the lower devices */
	struct gremc_lower_device lower[RTE_MAX_ETHPORTS];
	enum gremc_port_phase phase;
	uint64_t grace; /* token of the grace period after closing */
	bool link_up;
	struct rte_eth_dev_info info;
	struct rte_eth_conf conf;
};

struct gremc_port_set {
	struct gremc_ports ports; /* first: the public part */
	const struct gremc_config *config;
	struct gremc_errors *errors;
	struct gremc_port_events events;
	struct gremc_port_state state[GREMC_CONFIG_PORTS_MAX];
	uint16_t netdev_mtu[RTE_MAX_ETHPORTS]; /* by ethdev, before opening; 0: not an interface of the kernel
						*/
};

static_assert(GREMC_QUEUES_MAX == GREMC_STEER_QUEUES_MAX, "rules can name each RX queue");
static_assert(offsetof(struct gremc_port_set, ports) == 0, "gremc_port_set_of() casts the pointer");

/* Returns: the set that the public part belongs to. */
static inline struct gremc_port_set *gremc_port_set_of(struct gremc_ports *ports)
{
	return (struct gremc_port_set *)ports;
}

/* Returns: the set that the public part belongs to, for reading. */
static inline const struct gremc_port_set *gremc_port_set_of_const(const struct gremc_ports *ports)
{
	return (const struct gremc_port_set *)ports;
}

/* Returns: whether the port is a bond, in DPDK. */
static inline bool gremc_port_is_bond(const struct gremc_port_state *state)
{
	return state->lower_count > 0 && state->lower_id[0] != state->id;
}

/* ---- port.c ---- */

/* Add an error about one port to set->errors, under its name in the configuration. */
void gremc_port_error(struct gremc_port_set *set, const struct gremc_port_state *state, const char *format,
		      ...) __rte_format_printf(3, 4);
/* Returns: the NUMA node for memory of the port: its own, or the worker's where the device
 *          reports none. */
int gremc_port_node(const struct gremc_port *port, const struct gremc_worker_place *worker);

/* ---- the steps, in order ---- */

__rte_warn_unused_result int
gremc_ports_devices_plug(struct gremc_port_set *set); /* device.c: AF_XDP devices of `interface:` */
__rte_warn_unused_result int
gremc_ports_devices_find(struct gremc_port_set *set); /* device.c: the ethdev of each device */
__rte_warn_unused_result int
gremc_ports_bonds_create(struct gremc_port_set *set); /* bond.c: bonds and their members */
__rte_warn_unused_result int
gremc_ports_settings_derive(struct gremc_port_set *set); /* describe.c: settings from capabilities */
__rte_warn_unused_result int
gremc_ports_queues_assign(struct gremc_port_set *set); /* queues.c: queues to workers */
__rte_warn_unused_result int gremc_ports_devices_configure(struct gremc_port_set *set); /* start.c */
__rte_warn_unused_result int
gremc_ports_memory_setup(struct gremc_port_set *set); /* pool.c: pools, queues, rings */
__rte_warn_unused_result int
gremc_ports_events_open(struct gremc_port_set *set); /* events.c: before a device raises events */
__rte_warn_unused_result int gremc_ports_devices_start(struct gremc_port_set *set); /* start.c */
__rte_warn_unused_result int gremc_ports_numa_audit(struct gremc_port_set *set); /* numa.c: warnings only */

/* ---- start.c ---- */

/* Set up the queues of every port.
 * Returns: 0 or a negative errno. -EAGAIN: a device refused the capacity of its mbufs or the number of
 *          its descriptors; both have been changed, and the pools must be created again. */
__rte_warn_unused_result int gremc_ports_queues_setup(struct gremc_port_set *set);
/* Set up and start a device as it was. It is stopped, or new.
 * Returns: 0, or a negative errno with the reason in set->errors. */
__rte_warn_unused_result int gremc_port_device_restart(struct gremc_port_set *set, uint16_t index);
/* Drain the RX queues and stop the device. */
void gremc_port_device_stop(struct gremc_port_set *set, uint16_t index);
/* Stop the device without a look at its queues. */
void gremc_port_device_halt(struct gremc_port_set *set, uint16_t index);
/* Returns: the next larger capacity of RX mbufs to try; 0: none. */
uint32_t gremc_port_rx_capacity_next(uint32_t capacity);
/* Returns: the device of the port, as lib/steer names it. */
struct gremc_steer_device gremc_port_steer_device(const struct gremc_port_state *state,
						  const struct gremc_port *port);

/* ---- filters.c ---- */

/* Returns: whether the configuration needs more multicast of the port than the device receives
 *          by default. */
bool gremc_port_needs_groups(const struct gremc_port *port, const struct gremc_config_port *config);
/* Let multicast in on one ethdev of a port, where the port needs it. */
void gremc_port_groups_open(struct gremc_port_state *state, const struct gremc_port *port, uint16_t id);
/* Set the receive filters of a port that has started: all-multicast and VLAN. */
void gremc_port_filters_open(struct gremc_port_state *state, const struct gremc_port *port);

/* ---- bond.c ---- */

/* Stop a member and remove it from its bond, which is stopped, or which no worker uses at the time.
 * Returns: 0, or a negative value when the bond keeps it; DPDK's bonding logs the reason. */
__rte_warn_unused_result int gremc_bond_member_detach(uint16_t bond, uint16_t member);
/* Close the device of a port; of a bond also its members. */
void gremc_port_device_close(struct gremc_port_state *state, const char *name);

/* ---- mtu.c ---- */

/* Returns: the largest MTU of a device. */
uint32_t gremc_port_mtu_max(const struct rte_eth_dev_info *info);
/* Returns: the bytes to add to the device's MTU for a VLAN tag. */
uint16_t gremc_port_vlan_extra(const struct rte_eth_dev_info *info);
/* Choose the MTU of a port, its mbuf capacity and its offloads.
 * Returns: 0, or a negative errno with the reason in set->errors. */
__rte_warn_unused_result int gremc_port_mtu_plan(struct gremc_port_set *set, uint16_t index);
/* Set the MTU of interfaces of the kernel, and read the MTU of the port into port->mtu.
 * Returns: 0, or a negative errno with the reason in set->errors.
 * Order:   after the start. */
__rte_warn_unused_result int gremc_port_mtu_apply(struct gremc_port_set *set, uint16_t index);

#endif
