/* SPDX-License-Identifier: BSD-3-Clause */
/* The host object and its list of devices. */
#ifndef GREMC_HOST_HOST_PRIV_H
#define GREMC_HOST_HOST_PRIV_H

#include <pthread.h>

#include "base/assert.h"
#include "base/clock.h"
#include "host/device_priv.h"
#include "host/host.h"

#define GREMC_HOST_VIF_NAME "host" /* the name of the host's own vif in mroutes */

/* Largest packet that a device delivers: an IPv4 packet and an L2 header. */
#define GREMC_HOST_BUFFER (UINT16_MAX + 64)
/* Most segments of one TCP packet that the kernel may leave to the device. */
#define GREMC_HOST_SEGMENTS 64u

/* Memory of gremc_host_reserve(). */
struct gremc_host_reserve {
	struct gremc_device **devices;
	struct gremc_link_config *link_configs; /* [device] */
};

/* Owner:   the control thread. `lock` protects the list of devices, which telemetry reads. */
struct gremc_host {
	struct gremc_host_context context;
	struct gremc_netlink netlink;
	struct gremc_watch wake; /* workers->host_event */
	struct gremc_nexthops *nexthops;
	struct gremc_takeover_context takeover_context;
	struct gremc_takeover *takeover; /* begun and not finished; NULL: none */
	pthread_mutex_t lock;
	struct gremc_device **devices; /* sorted by name */
	uint32_t device_count;
	struct gremc_host_reserve reserve;
	bool is_incomplete;               /* the last apply lacked memory for a device */
	struct gremc_device **vif_device; /* [vif] */
	struct gremc_device *port_device[GREMC_STATS_PORTS];
	bool no_carrier[GREMC_STATS_PORTS]; /* [port] the port has no link */
	bool port_down[GREMC_STATS_PORTS]; /* [port] the operator has set it down, as published to the workers
					    */
	struct gremc_device *host_device;  /* gremc0; NULL: no mroute names the host */
	uint32_t host_vif;                 /* GREMC_VIF_NONE: not created yet */
	uint16_t host_port;                /* port index of the host's own vif, behind the configured ports */
	gremc_host_listener *listener;
	void *listener_argument;
	gremc_host_keepalive_listener *keepalive_listener;
	void *keepalive_argument;
	gremc_host_icmp_listener *icmp_listener;
	void *icmp_argument;
	struct gremc_host_counters other_counters; /* of removed devices, and of packets without a device */
	uint8_t *buffer;                           /* GREMC_HOST_BUFFER bytes for a packet of a device */
	bool committed;      /* devices are persistent and have their addresses and routes */
	bool rp_filter_due;  /* a reverse path filter may have changed */
	bool is_held;        /* gremc_host_hold() */
	bool device_missing; /* a device is not open */
	uint64_t next_open;  /* milliseconds: of a missing device */
	uint64_t next_check; /* milliseconds: of settings that have no event */
};

/* ---- reconcile.c ---- */

/* Free the memory of gremc_host_reserve(). */
void gremc_host_reserve_free(struct gremc_host *host);

/* ---- devices.c: the list of devices ---- */

/* Returns: NULL: there is none of this name. */
struct gremc_device *gremc_host_device_find(const struct gremc_host *host, const char *name);
/* Sort the list after it has changed. */
void gremc_host_devices_sort(struct gremc_host *host);
/* Open the device, and commit it if the host is committed. Returns: 0 or a negative errno. */
__rte_warn_unused_result int gremc_host_device_open(struct gremc_host *host, struct gremc_device *device);
/* Publish the state of the device, open or not, to the punt path, to gremc_nexthops and to the fast path. */
void gremc_host_device_publish(struct gremc_host *host, struct gremc_device *device);
/* Remove the device from the punt path. */
void gremc_host_device_unpublish(struct gremc_host *host, const struct gremc_device *device);
/* Close and free the device; the kernel's device stays unless `remove` is set. */
void gremc_host_device_destroy(struct gremc_host *host, struct gremc_device *device, bool remove);
/* Publish to the fast path that the port's interface, a TAP or the kernel's own, was set down or up. */
void gremc_host_port_down_set(struct gremc_host *host, uint16_t port, bool down);
/* Handle an event about a link. */
void gremc_host_link_changed(struct gremc_host *host, const struct gremc_link *link, bool removed);
/* Read the state of every device's link again. */
void gremc_host_devices_resync(struct gremc_host *host);
/* Open the devices that are not open. Returns: whether one is still missing. */
bool gremc_host_devices_reopen(struct gremc_host *host);
/* Warn of devices whose reverse path filter drops packets. */
void gremc_host_rp_filters_check(struct gremc_host *host);
/* Add the counters to *sum. */
void gremc_host_counters_add(struct gremc_host_counters *sum, const struct gremc_host_counters *counters);

/* ---- punt.c ---- */

/* Write the packets that the workers have punted, a bounded number of rounds over all classes. */
void gremc_host_punts_write(struct gremc_host *host);

/* ---- inject.c ---- */

/* Read packets of the kernel from a device and inject them (watch.ready of a device). */
void gremc_device_inject(void *device);

#endif
