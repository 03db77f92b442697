/* SPDX-License-Identifier: BSD-3-Clause */
/* host: the kernel's side of the forwarder. TAP devices in the place of ports, TUN devices in the place of
 * tunnels, by which the kernel keeps its network; and the mirror of what the kernel knows: routes to the
 * tunnels' remotes and their next hops' neighbours become adjacencies. No ARP, no ICMP, no routing of our
 * own.
 *
 * Everything here is the control thread's, in its epoll, and never blocks on anybody but the kernel. Counters
 * have one writer and may be read by any thread. */
#ifndef GREMC_HOST_HOST_H
#define GREMC_HOST_HOST_H

#include <stdbool.h>
#include <stdint.h>

#include "config/config.h"
#include "datapath/datapath.h"
#include "port/port.h"
#include "vif/vif.h"

#define GREMC_HOST_INTERFACE "gremc0" /* of the host's own vif, and of all tunnels that have none */

/* Why a packet between the kernel and a worker was not handed on: name, text. What a worker could not hand
 * over is counted there, as a drop punt_*. */
#define GREMC_HOST_DROPS(X)                                                                                  \
	X(no_device, "there is no host interface for it")                                                    \
	X(device_down, "the host interface is down")                                                         \
	X(device_full, "the kernel had no buffer for it")                                                    \
	X(refused, "the kernel did not take it for a packet")                                                \
	X(no_mbuf, "no free buffer in the host pool")                                                        \
	X(ring_full, "the worker had no room for it")                                                        \
	X(not_ipv4, "not IPv4, which is all that a tunnel carries")                                          \
	X(too_big, "larger than the tunnel or port carries")                                                 \
	X(no_adjacency, "the tunnel's next hop has no MAC address")

#define GREMC_X(name, text) GREMC_HOST_DROP_##name,
enum gremc_host_drop { GREMC_HOST_DROPS(GREMC_X) GREMC_HOST_DROP_COUNT };
#undef GREMC_X
const char *gremc_host_drop_name(enum gremc_host_drop reason);
const char *gremc_host_drop_text(enum gremc_host_drop reason);

/* Of one host interface. up: towards the kernel, down: from it. Relaxed atomics, written by the control
 * thread. */
struct gremc_host_counters {
	uint64_t up_packets, up_bytes, down_packets, down_bytes;
	uint64_t lost[GREMC_HOST_DROP_COUNT];
};

struct gremc_host; /* heap */

/* What the host room works on; all of it outlives it. */
struct gremc_host_context {
	const struct gremc_ports *ports;
	struct gremc_vifs *vifs;
	struct gremc_worker_group *workers;
	struct gremc_rcu *rcu;
	int epoll; /* the control loop's: data.ptr is a struct gremc_watch */
	/* Where a takeover keeps its journal, the same for all processes; NULL: it keeps none. */
	const char *state_directory;
};

/* NULL: the reason is in *errors. Makes no device yet. Undoes takeovers whose processes were killed. */
struct gremc_host *gremc_host_create(const struct gremc_host_context *context, struct gremc_errors *errors);
/* The workers have stopped: what they punted before is written, then the devices are left as they are, or
 * removed. Before gremc_host_commit() the devices that were made go in any case. */
void gremc_host_destroy(struct gremc_host *host, bool remove_devices);

/* The link of a port: its TAP has a carrier, or none, now and whenever it is made.
 * Thread:  control thread, at any time. */
void gremc_host_carrier_set(struct gremc_host *host, uint16_t port, bool up);

/* Before gremc_host_apply() and at any time: the kernel has an interface of its own for the port (a
 * bifurcated driver, AF_XDP): neighbours and routes of the port's tunnels are taken from there, without a
 * TAP. The interface may come and go. */
void gremc_host_kernel_interface_set(struct gremc_host *host, uint16_t port, const char *interface);
/* Are the next hops of this port's tunnels taken from the kernel? By the configuration's `host: true`, or by
 * gremc_host_kernel_interface_set(). */
bool gremc_host_port_follows_kernel(const struct gremc_host *host, const struct gremc_config *config,
				    uint16_t port);

/* The adjacency by which a tunnel of a mirrored port leaves as the kernel's routes and neighbours are now.
 * The caller holds it once more. Thread:  control thread. Input:   `config` is the one that the tunnel is
 * from; it need not be the running one. Returns: 0 or a negative errno. */
int gremc_host_tunnel_adjacency(struct gremc_host *host, const struct gremc_config *config,
				const struct gremc_config_tunnel *tunnel, uint32_t *adjacency);

/* At start, before the configuration is applied: the kernel's interface `name`, whose place the TAP of a port
 * takes, goes down and gets another name; its MAC address becomes the port's. With the TAP of an earlier
 * start in its place, or with nothing, there is nothing to do. gremc_host_commit() gives the TAP the
 * addresses and routes, gremc_host_destroy() before it undoes it all. Returns 0 or a negative errno with the
 * reason in *errors. */
int gremc_host_takeover_begin(struct gremc_host *host, const struct gremc_config *config, const char *name,
			      struct gremc_errors *errors);

/* Bring devices, addresses, routes and the mirror to `config`, whose vif numbers are vif[]: tunnels first,
 * then ports. What is the same stays untouched. A port of the configuration that is not running any more is
 * an error; a device that cannot be made is one, too, and the others are made all the same. Before
 * gremc_host_commit() the devices are made and nothing else. Returns how many errors were added to *errors.
 */
unsigned gremc_host_apply(struct gremc_host *host, const struct gremc_config *config, const uint32_t *vif,
			  struct gremc_errors *errors);

/* The last step of a start: devices outlive the process from now on, and get their addresses and routes.
 * Until then the kernel's network is as it was, and gremc_host_destroy() or the end of the process removes
 * the devices that were made. Returns 0, or a negative errno with the reason in *errors: then nothing has
 * changed. Addresses and routes that cannot be set are only logged. */
int gremc_host_commit(struct gremc_host *host, struct gremc_errors *errors);

/* The host's own vif, for mroutes that name it, made when it is asked for the first time; GREMC_VIF_NONE: out
 * of memory. */
uint32_t gremc_host_vif_get(struct gremc_host *host);

/* Around epoll_wait(): how long it may wait (milliseconds, -1: for ever), at most `timeout`; then, after the
 * watches that are ready, whatever else there is to do. */
int gremc_host_loop_prepare(struct gremc_host *host, int timeout);
void gremc_host_loop_poll(struct gremc_host *host);

/* Called for each packet of class `control` that came by a vif (IGMP, PIM, other link-local multicast): `ip`
 * is its contiguous beginning, `length` bytes, and `stamp` when a worker handed it over
 * (gremc_timestamp_age()). It goes on to the vif's device all the same. One listener at most. */
typedef void gremc_host_listener(void *argument, uint32_t vif, const uint8_t *ip, uint32_t length,
				 uint32_t stamp);
void gremc_host_listener_set(struct gremc_host *host, gremc_host_listener *listener, void *argument);

/* Give the kernel an IPv4 packet as if it had come by this vif. Returns 0; -ENODEV: the vif has no device of
 * its own; or why the kernel did not take it. */
int gremc_host_packet_write(struct gremc_host *host, uint32_t vif, const void *packet, size_t length);

/* ---- for telemetry: any thread ---- */

struct gremc_host_device_info {
	char name[GREMC_NAME_SIZE];
	bool is_tap; /* of a port; else of a tunnel, or of the host's own vif */
	bool open;
	bool up; /* not set down by the operator */
	uint32_t ifindex;
	struct gremc_host_counters counters;
};
/* How many entries there are (their numbers have no gaps), and a copy of one. false: it has gone. */
uint32_t gremc_host_device_count(struct gremc_host *host);
bool gremc_host_device_info(struct gremc_host *host, uint32_t number, struct gremc_host_device_info *entry);
/* The sums over all devices, those that have gone too, and what had no device. */
void gremc_host_totals_read(struct gremc_host *host, struct gremc_host_counters *sum);
/* Times that all links, addresses, routes and neighbours were looked at again, for events were lost. */
uint64_t gremc_host_overruns_read(struct gremc_host *host);

#endif
