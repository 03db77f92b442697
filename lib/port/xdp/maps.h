/* SPDX-License-Identifier: BSD-3-Clause */
/* What the XDP program and its user space side (port/xdp.c) have to agree on. Included by both, so plain C
 * types only. */
#ifndef GREMC_PORT_XDP_MAPS_H
#define GREMC_PORT_XDP_MAPS_H

/* The kernel cuts names to 15 characters. */
#define GREMC_XDP_PROGRAM gremc_xdp
#define GREMC_XDP_LOCALS  gremc_locals /* tunnels' local addresses */
#define GREMC_XDP_GROUPS  gremc_groups /* groups of native multicast */
#define GREMC_XDP_VLAN    gremc_vlan   /* one entry: the port's VLAN; 0: untagged */

#define GREMC_XDP_QUEUES_MAX 128
#define GREMC_XDP_LOCALS_MAX 65536
#define GREMC_XDP_GROUPS_MAX 1048576

/* Key of the groups: an LPM trie's, the address in wire order. */
struct gremc_xdp_group {
	unsigned length;
	unsigned address;
};

#endif
