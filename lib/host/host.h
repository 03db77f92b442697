/* SPDX-License-Identifier: BSD-3-Clause */
/* host: the kernel's view of the forwarder. A TAP device represents a port and a TUN device a tunnel, so that
 * the kernel keeps its network: packets that the workers punt are written to these devices, and packets that
 * the kernel sends by them are injected into ports. No ARP, no ICMP and no routing of its own.
 *
 * Every function runs on the control thread, in its epoll loop, and blocks on the kernel only, unless its
 * contract names another thread. */
#ifndef GREMC_HOST_HOST_H
#define GREMC_HOST_HOST_H

#include <stdbool.h>
#include <stdint.h>

#include "config/config.h"
#include "datapath/datapath.h"
#include "nexthop/nexthop.h"
#include "port/port.h"
#include "takeover/takeover.h"
#include "vif/vif.h"

/* The TUN of the host's own vif, and of all tunnels that have no device of their own. */
#define GREMC_HOST_INTERFACE "gremc0"

/* Why a packet between the kernel and a worker was dropped: name, text. A packet that a worker could not hand
 * over is counted by the worker, as a drop punt_*. */
#define GREMC_HOST_DROPS(X)                                                                                  \
	X(no_device, "there is no host interface for it")                                                    \
	X(device_down, "the host interface is down")                                                         \
	X(device_full, "the kernel had no buffer for it")                                                    \
	X(refused, "the kernel rejected it as malformed, or its offload request is not supported")           \
	X(no_mbuf, "no free buffer in the host pool")                                                        \
	X(ring_full, "the worker's ring was full")                                                           \
	X(not_ipv4, "not IPv4, and a tunnel carries IPv4 only")                                              \
	X(too_big, "larger than the MTU of the tunnel or port, or a keepalive larger than a buffer")         \
	X(no_adjacency, "the MAC address of the tunnel's next hop is not known")

#define GREMC_X(name, text) GREMC_HOST_DROP_##name,
enum gremc_host_drop { GREMC_HOST_DROP_NONE = -1, GREMC_HOST_DROPS(GREMC_X) GREMC_HOST_DROP_COUNT };
#undef GREMC_X
/* Returns: the name of a reason, as in telemetry. */
const char *gremc_host_drop_name(enum gremc_host_drop reason);
/* Returns: the meaning of a reason. */
const char *gremc_host_drop_text(enum gremc_host_drop reason);

/* Counters of one host interface; up: to the kernel, down: from the kernel. Relaxed atomics.
 * Thread:  control thread: write; any: read, by gremc_counter_read(). */
struct gremc_host_counters {
	uint64_t up_packets, up_bytes, down_packets, down_bytes;
	uint64_t lost[GREMC_HOST_DROP_COUNT];
};

struct gremc_host; /* heap */

/* The objects that the host module works on.
 * Lifetime: all of it outlives the host. */
struct gremc_host_context {
	const struct gremc_ports *ports;
	struct gremc_vifs *vifs;
	struct gremc_worker_group *workers;
	struct gremc_rcu *rcu;
	int epoll; /* the control loop's: data.ptr is a struct gremc_watch */
	/* The directory of the takeover journals, the same for all processes; NULL: keep no journal. */
	const char *state_directory;
};

/* Create the object and undo takeovers whose processes were killed. No device is created yet.
 * Returns: NULL: *errors has the reason. */
struct gremc_host *gremc_host_create(const struct gremc_host_context *context, struct gremc_errors *errors);
/* Write the packets that were punted before, and leave the devices as they are or remove them. Before
 * gremc_host_commit() the devices that were created are removed in any case.
 * Order:   after the workers have stopped. */
void gremc_host_destroy(struct gremc_host *host, bool remove_devices);

/* Set the carrier of a port's TAP to the port's link state. The state is kept for a TAP that is created
 * later. */
void gremc_host_carrier_set(struct gremc_host *host, uint16_t port, bool up);

/* See gremc_nexthops_port_interface_set(). */
void gremc_host_kernel_interface_set(struct gremc_host *host, uint16_t port, const char *interface);
/* See gremc_nexthops_port_follows_kernel(). */
bool gremc_host_port_follows_kernel(const struct gremc_host *host, const struct gremc_config *config,
				    uint16_t port);
/* See gremc_nexthops_tunnel_adjacency(). */
__rte_warn_unused_result int gremc_host_tunnel_adjacency(struct gremc_host *host,
							 const struct gremc_config *config,
							 const struct gremc_config_tunnel *tunnel,
							 uint32_t *adjacency);

/* Take over the kernel interface `name` for the port of that name, see gremc_takeover_begin().
 * gremc_host_commit() finishes the takeover; gremc_host_destroy() before it undoes the takeover.
 * Order:   at start, before gremc_host_apply().
 * Returns: 0, or a negative errno with the reason in *errors. */
__rte_warn_unused_result int gremc_host_takeover_begin(struct gremc_host *host,
						       const struct gremc_config *config, const char *name,
						       struct gremc_errors *errors);

/* Allocate the memory by which gremc_host_apply() of this configuration replaces the old one as a whole. It
 * can still lack memory for single devices. gremc_host_apply() uses it; the next call replaces it.
 * Returns: 0 or -ENOMEM. */
__rte_warn_unused_result int gremc_host_reserve(struct gremc_host *host, const struct gremc_config *config);
/* Apply a configuration to the devices, their addresses and routes, and the mirrored tunnels. Unchanged
 * objects stay untouched. A device that cannot be created is an error, and the others are created
 * nevertheless. Before gremc_host_commit() devices are created and nothing else.
 * Input:    vif: of each tunnel of `config`, then of each port.
 * Lifetime: `config` until the next call.
 * Order:    after gremc_host_reserve() of the same configuration.
 * Returns:  the number of errors added to *errors. */
unsigned gremc_host_apply(struct gremc_host *host, const struct gremc_config *config, const uint32_t *vif,
			  struct gremc_errors *errors);

/* Returns: false: the last gremc_host_apply() lacked memory. A repeated gremc_host_reserve() and
 *          gremc_host_apply() completes it. */
bool gremc_host_is_complete(const struct gremc_host *host);

/* Make the devices persistent and add their addresses and routes: the last step of a start. Until then the
 * end of the process removes the devices that it created. Addresses and routes that cannot be added are
 * logged only.
 * Returns: 0, or a negative errno with the reason in *errors: nothing has changed. */
__rte_warn_unused_result int gremc_host_commit(struct gremc_host *host, struct gremc_errors *errors);

/* Get the host's own vif, for mroutes that name it; the first call creates it.
 * Returns: GREMC_VIF_NONE: out of memory. */
uint32_t gremc_host_vif_get(struct gremc_host *host);

/* Do the work that is due before epoll_wait().
 * Input:   timeout in milliseconds, -1: infinite.
 * Returns: the timeout for epoll_wait(), at most `timeout`. */
int gremc_host_loop_prepare(struct gremc_host *host, int timeout);
/* Do the work that is due after epoll_wait() and its watches. */
void gremc_host_loop_poll(struct gremc_host *host);

/* Hold the host's timers while a configuration is applied in slices: missing devices, routes of tunnels, and
 * periodic checks. Packets and events are not held.
 * Thread: control thread. */
void gremc_host_hold(struct gremc_host *host, bool is_held);

/* A listener for packets of class `control` that came by a vif (IGMP, PIM, other link-local multicast). The
 * packets go to the vif's device as well.
 * Input:   ip: the contiguous beginning of the packet, `length` bytes; stamp: the time at which a worker
 *          handed the packet over, see gremc_timestamp_age(). */
typedef void gremc_host_listener(void *argument, uint32_t vif, const uint8_t *ip, uint32_t length,
				 uint32_t stamp);
/* Set the only listener. */
void gremc_host_listener_set(struct gremc_host *host, gremc_host_listener *listener, void *argument);

/* A listener for GRE keepalives (class `keepalive`). The kernel does not get them.
 * Input:   ip: the complete packet with `length` bytes, contiguous and writable: the inner packet of a
 *          keepalive of the peer (is_request), or the outer packet of an answer, perhaps with padding;
 *          stamp: as for gremc_host_listener. */
typedef void gremc_host_keepalive_listener(void *argument, uint32_t vif, bool is_request, uint8_t *ip,
					   uint32_t length, uint32_t stamp);
/* Set the only listener. */
void gremc_host_keepalive_listener_set(struct gremc_host *host, gremc_host_keepalive_listener *listener,
				       void *argument);

/* A listener for ICMP Destination Unreachable that arrives by a port. The packets go to the kernel as well.
 * Input:   ip: the contiguous beginning of the packet, `length` bytes. */
typedef void gremc_host_icmp_listener(void *argument, const uint8_t *ip, uint32_t length);
/* Set the only listener. */
void gremc_host_icmp_listener_set(struct gremc_host *host, gremc_host_icmp_listener *listener,
				  void *argument);

/* Write an IPv4 packet to the device of a vif, as if the packet had come by that vif.
 * Returns: 0; -ENODEV: the vif has no device of its own; another negative errno of the kernel. */
__rte_warn_unused_result int gremc_host_packet_write(struct gremc_host *host, uint32_t vif,
						     const void *packet, size_t length);

/* ---- for telemetry; Thread: any ---- */

struct gremc_host_device_info {
	char name[GREMC_NAME_SIZE];
	bool is_tap; /* of a port; false: a TUN of a tunnel, or of the host's own vif */
	bool open;
	bool up; /* not set down by the operator */
	uint32_t ifindex;
	struct gremc_host_counters counters;
};
/* Returns: the number of devices; their numbers have no gaps. */
uint32_t gremc_host_device_count(struct gremc_host *host);
/* Copy one device's state. Returns: false: there is no such device any more. */
bool gremc_host_device_info(struct gremc_host *host, uint32_t number, struct gremc_host_device_info *info);
/* Sum over all devices, including those that were removed, and packets that had no device. */
void gremc_host_totals_read(struct gremc_host *host, struct gremc_host_counters *sum);
/* See gremc_nexthops_overruns_read(). */
uint64_t gremc_host_overruns_read(struct gremc_host *host);

#endif
