/* SPDX-License-Identifier: BSD-3-Clause */
/* What the XDP program and its user space side (port/xdp.c) have to agree on. Included by both, so plain C
 * types only. */
#ifndef GREMC_PORT_XDP_MAPS_H
#define GREMC_PORT_XDP_MAPS_H

/* The kernel cuts names to 15 characters. */
#define GREMC_XDP_PROGRAM gremc_xdp
#define GREMC_XDP_TUNNELS gremc_tunnels /* outer addresses and keys of tunnels */
#define GREMC_XDP_GROUPS  gremc_groups  /* groups of native multicast, of any source */
#define GREMC_XDP_FLOWS   gremc_flows   /* groups of one source */
#define GREMC_XDP_VLAN    gremc_vlan    /* one entry: the port's VLAN; 0: untagged */

#define GREMC_XDP_QUEUES_MAX  128
#define GREMC_XDP_TUNNELS_MAX 262144 /* at a reload the tunnels of two configurations */
#define GREMC_XDP_GROUPS_MAX  1048576

/* The value of a group or flow. */
#define GREMC_XDP_TAKE      1u
#define GREMC_XDP_PASS_NEXT 2u /* one packet is the kernel's, then as above */

/* What a packet of a tunnel carries: it is the packet's destination that is local. All in wire order. */
struct gremc_xdp_tunnel {
	unsigned local, remote;
	unsigned key;     /* 0 without one */
	unsigned has_key; /* 0 or 1 */
};

/* Key of the groups: an LPM trie's, the address in wire order. */
struct gremc_xdp_group {
	unsigned length;
	unsigned address;
};

struct gremc_xdp_flow {
	unsigned source, group;
};

#endif
