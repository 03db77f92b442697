/* SPDX-License-Identifier: BSD-3-Clause */
/* The XDP program of a port with `interface:`. xdp_absent.c replaces xdp.c and xdp_maps.c in builds without
 * libbpf or clang. */
#ifndef GREMC_STEER_XDP_PRIV_H
#define GREMC_STEER_XDP_PRIV_H

#include <net/if.h>

#include "steer/set_priv.h"

/* The program on one interface, its AF_XDP device and its maps. A descriptor that is not open is -1. */
struct gremc_xdp {
	char port[GREMC_NAME_SIZE];
	char device[GREMC_DEVICE_SIZE];
	char interface[GREMC_NAME_SIZE];
	unsigned if_index;
	uint16_t vlan;
	bool multicast;
	bool plugged;
	int lock;     /* this socket reserves the interface for this process */
	int object;   /* memory file with the program */
	int allmulti; /* while this socket is open, the interface receives all groups */
	int tunnels, groups, flows, vlan_map; /* maps of the program */
	uint32_t tunnel_count;                /* entries of `tunnels` */
};

static_assert(GREMC_NAME_SIZE == IF_NAMESIZE, "a port's name can be an interface name");

/* Make the AF_XDP device of a port, which loads the program. Replace a program that a killed process left.
 * Owner:   gremc_xdp_unplug() frees *xdp, which may also be set after an error.
 * Returns: 0, or a negative errno with the reason in *errors. */
__rte_warn_unused_result int gremc_xdp_plug(const struct gremc_config_port *config, struct gremc_xdp **xdp,
					    struct gremc_errors *errors);
/* Find the maps of the program, set its VLAN and let multicast frames in.
 * Returns: 0, or a negative errno with the reason in *errors.
 * Order:   after the device has started. */
__rte_warn_unused_result int gremc_xdp_attach(struct gremc_xdp *xdp, struct gremc_errors *errors);
/* Take also all of the set; the tunnels of `present` are in the map already.
 * Returns: 0, or a negative errno; then gremc_xdp_trim() removes the new entries. */
__rte_warn_unused_result int gremc_xdp_add(struct gremc_xdp *xdp, const struct gremc_steer_set *set,
					   const struct gremc_steer_set *present);
/* Stop to take the groups of the set.
 * Returns: 0, or the negative errno of the last failure. */
__rte_warn_unused_result int gremc_xdp_remove(struct gremc_xdp *xdp, const struct gremc_steer_set *set);
/* Pass the next packet of the group to the kernel.
 * Returns: whether a map has the group. */
bool gremc_xdp_pass_next(struct gremc_xdp *xdp, const struct gremc_steer_group *group);
/* Take no more than the set. `present` has the tunnels of the last trim.
 * Returns: 0, or the negative errno of the last failure. */
__rte_warn_unused_result int gremc_xdp_trim(struct gremc_xdp *xdp, const struct gremc_steer_set *set,
					    const struct gremc_steer_set *present);
/* Remove the device, which removes the program, and free everything. NULL is a no-op. */
void gremc_xdp_unplug(struct gremc_xdp *xdp);

#endif
