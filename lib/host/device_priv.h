/* SPDX-License-Identifier: BSD-3-Clause */
/* One TAP or TUN device, and its addresses and routes. */
#ifndef GREMC_HOST_DEVICE_PRIV_H
#define GREMC_HOST_DEVICE_PRIV_H

#include "host/host.h"

/* The addresses and routes of a device. */
struct gremc_link_config {
	struct gremc_link_address *addresses;
	struct gremc_link_route *routes;
	uint32_t address_count, route_count;
	bool *missing; /* [route] it could not be added and is tried again; NULL: none is missing */
};

struct gremc_device {
	struct gremc_watch watch;
	struct gremc_host *host;
	char name[IFNAMSIZ];
	bool is_tap;
	bool vif_is_host;    /* the vif is the host's own */
	bool in_config;      /* while a configuration is applied: the device is in it */
	uint32_t desired;    /* index of its settings while a configuration is applied */
	bool was_there;      /* the kernel had the device before it was opened */
	bool accepts_groups; /* the kernel must accept multicast from any source by it */
	int rp_filter;       /* as last reported */
	bool down;           /* the operator has set it down */
	int fd;              /* -1: not open */
	unsigned ifindex;
	uint16_t port; /* of a TAP */
	uint32_t vif;  /* of a TUN */
	struct rte_ether_addr mac;
	uint16_t mtu;                         /* of a new device */
	uint16_t mtu_max;                     /* that the port or tunnel carries */
	struct gremc_link_config link_config; /* as last applied */
	struct gremc_host_counters counters;
};

/* ---- device.c ---- */

/* Create or find the device and add it to the control loop. A new device lives as long as the process until
 * it is persistent. The device is not set up.
 * Returns: 0 or a negative errno. */
__rte_warn_unused_result int gremc_device_open(struct gremc_host *host, struct gremc_device *device);
/* Make an open device outlive the process. Returns: 0 or a negative errno. */
__rte_warn_unused_result int gremc_device_persist(struct gremc_device *device);
/* Set an open device up and apply its link configuration. Failures are logged. */
void gremc_device_commit(struct gremc_host *host, struct gremc_device *device);
/* Close the device; no-op if it is not open. */
void gremc_device_close(struct gremc_host *host, struct gremc_device *device, bool remove);
/* Returns: the kernel's reverse path filter of the device: 0 off, 1 strict, 2 loose. */
int gremc_device_rp_filter_read(const struct gremc_device *device);
/* Set the carrier of a TAP to its port's link state; no-op for a device that is not open. */
void gremc_device_carrier_set(const struct gremc_host *host, const struct gremc_device *device);

/* ---- link_config.c ---- */

/* Apply a link configuration to an open device, and remove addresses and routes that only the last one had.
 * Failures are logged.
 * Owner:   *link_config moves to the device. */
void gremc_device_config_apply(struct gremc_host *host, struct gremc_device *device,
			       struct gremc_link_config *link_config);
/* Read the addresses and routes that an earlier start gave the device; they become its last configuration.
 * Returns: 0 or a negative errno. */
__rte_warn_unused_result int gremc_device_config_read(struct gremc_host *host, struct gremc_device *device);
/* Free the memory of a link configuration and zero it. */
void gremc_link_config_fini(struct gremc_link_config *link_config);
/* Warn that an address or route of the device could not be changed; no-op for rc 0. */
void gremc_device_prefix_warn(const struct gremc_device *device, const char *action,
			      const struct gremc_prefix *prefix, int rc);

/* ---- addresses.c ---- */

/* Whether address, length and peer are equal. */
bool gremc_link_address_is_equal(const struct gremc_link_address *a, const struct gremc_link_address *b);
/* Add an address. Failures are logged. */
void gremc_device_address_add(struct gremc_host *host, const struct gremc_device *device,
			      const struct gremc_link_address *address);

/* ---- routes.c ---- */

/* Whether this or an earlier start of the program has added the route to this device. */
bool gremc_device_owns_route(const struct gremc_device *device, const struct gremc_kernel_route *route);
/* Add the routes of a link configuration. Failures are logged and recorded in link_config->missing. */
void gremc_device_routes_add(struct gremc_host *host, const struct gremc_device *device,
			     struct gremc_link_config *link_config);
/* Try again to add the missing routes. */
void gremc_device_routes_retry(struct gremc_host *host, struct gremc_device *device);

#endif
