/* SPDX-License-Identifier: BSD-3-Clause */
/* Ports whose device stays the kernel's: what of its packets is ours, and the two ways to get just that: an
 * XDP program (`interface:`) and flow rules (`isolate:`). Control thread only. */
#ifndef GREMC_PORT_STEER_PRIV_H
#define GREMC_PORT_STEER_PRIV_H

#include "port/port_priv.h"

/* ---- steer.c: what is ours ---- */

/* The set of one port of the configuration. Any port takes GRE to any tunnel, as routing may bring it by any.
 * Returns 0 or -ENOMEM. */
int gremc_steer_set_init(struct gremc_steer_set *steer, const struct gremc_config *config, uint32_t port);
void gremc_steer_set_fini(struct gremc_steer_set *steer);
/* How much of a tunnel a rule of a device matches. */
enum gremc_steer_match { GREMC_STEER_TUNNEL, GREMC_STEER_ADDRESSES, GREMC_STEER_LOCAL, GREMC_STEER_MATCHES };
/* The tunnel with nothing in it but what such a rule matches, so that tunnels with one rule are equal. */
struct gremc_steer_tunnel gremc_steer_tunnel_reduce(const struct gremc_steer_tunnel *tunnel,
						    enum gremc_steer_match match);
/* qsort() and bsearch(): the order of a set's tunnels. */
int gremc_steer_tunnel_compare(const void *a, const void *b);
/* Is there a tunnel in the set that the rule is for? */
bool gremc_steer_set_has_tunnel(const struct gremc_steer_set *steer, const struct gremc_steer_tunnel *tunnel,
				enum gremc_steer_match match);
int gremc_steer_group_compare(const void *a, const void *b);
bool gremc_steer_set_has_group(const struct gremc_steer_set *steer, const struct gremc_steer_group *group);

/* A device that has been set up again takes what it took.
 * Returns: 0 or a negative errno. */
int gremc_port_steer_restore(struct gremc_port_state *state, const struct gremc_port *port);

/* ---- xdp.c, or xdp_absent.c where the program could not be built ---- */

struct gremc_xdp;

/* A step before finding devices: for a port with `interface:` make its AF_XDP device, which will load our
 * program. A program that a killed forwarder has left is taken away. */
int gremc_xdp_plug(struct gremc_port_set *set, struct gremc_port_state *state);
/* The device has started: find the maps of the program, tell it the VLAN, let groups' frames come in. */
int gremc_xdp_attach(struct gremc_port_set *set, struct gremc_port_state *state);
/* Take all that is in the set, too; tunnels of `present` are taken already. Returns 0 or a negative errno,
 * and then gremc_xdp_trim() takes back what was added. */
int gremc_xdp_add(struct gremc_xdp *xdp, const struct gremc_steer_set *steer,
		  const struct gremc_steer_set *present);
/* Take the set's groups no more. */
void gremc_xdp_remove(struct gremc_xdp *xdp, const struct gremc_steer_set *steer);
/* The next packet of the group passes. Returns whether the group was taken. */
bool gremc_xdp_pass(struct gremc_xdp *xdp, const struct gremc_steer_group *group);
/* Take no more than what is in the set. `present` are the tunnels of the last trim. */
void gremc_xdp_trim(struct gremc_xdp *xdp, const struct gremc_steer_set *steer,
		    const struct gremc_steer_set *present);
/* Remove the device and with it the program. */
void gremc_xdp_unplug(struct gremc_xdp *xdp);

/* ---- flow.c ---- */

struct gremc_flow_rules;

/* Before the device is configured: nothing but what rules name shall come. */
int gremc_flow_rules_isolate(struct gremc_port_set *set, struct gremc_port_state *state);
/* Take all that is in the set, too. What the device cannot match, or has no room for, is matched by less of
 * the tunnels, by addresses or by the local address alone, and said. Returns 0 or a negative errno, and then
 * nothing is added; *reason: the driver's text, or NULL. */
int gremc_flow_rules_add(struct gremc_flow_rules *flows, const struct gremc_port *port,
			 const struct gremc_steer_set *steer, const char **reason);
void gremc_flow_rules_remove(struct gremc_flow_rules *flows, const struct gremc_steer_set *steer);
void gremc_flow_rules_trim(struct gremc_flow_rules *flows, const struct gremc_steer_set *steer);
/* Before the device is stopped. */
void gremc_flow_rules_destroy(struct gremc_flow_rules *flows);

#endif
