/* SPDX-License-Identifier: BSD-3-Clause */
/* The interface between the XDP program and user space (steer/xdp.c, steer/xdp_maps.c). Both include it, so
 * it uses plain C types only. */
#ifndef GREMC_STEER_XDP_MAPS_H
#define GREMC_STEER_XDP_MAPS_H

/* The kernel truncates names to 15 characters. */
#define GREMC_XDP_PROGRAM gremc_xdp
#define GREMC_XDP_TUNNELS gremc_tunnels /* outer addresses and keys of tunnels */
#define GREMC_XDP_GROUPS  gremc_groups  /* groups of native multicast, any source */
#define GREMC_XDP_FLOWS   gremc_flows   /* groups with one source */
#define GREMC_XDP_VLAN    gremc_vlan    /* one entry: the port's VLAN; 0: untagged */

#define GREMC_XDP_QUEUES_MAX  128
#define GREMC_XDP_TUNNELS_MAX 262144 /* during a reload: the tunnels of two configurations */
#define GREMC_XDP_GROUPS_MAX  1048576

/* The value of a group or flow. User space and the program write it. */
#define GREMC_XDP_TAKE      1u
#define GREMC_XDP_PASS_NEXT 2u /* pass one packet to the kernel, then take */

/* The key of a tunnel. `local` is the destination of a received packet. All fields in network order. */
struct gremc_xdp_tunnel {
	unsigned local, remote;
	unsigned key;            /* 0 without one */
	unsigned short has_key;  /* 0 or 1 */
	unsigned short udp_port; /* destination port of GRE-in-UDP; 0: plain GRE */
};

/* The key of a group: of an LPM trie, the address in network order. */
struct gremc_xdp_group {
	unsigned length;
	unsigned address;
};

/* The key of a group with one source, in network order. */
struct gremc_xdp_flow {
	unsigned source, group;
};

#endif
