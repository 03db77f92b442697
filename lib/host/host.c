/* SPDX-License-Identifier: BSD-3-Clause */
/* The host room's life, and that of its devices; which ones there are is wanted.c's. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <time.h>

#include "host/host_priv.h"

/* Milliseconds between two attempts to make a device that has gone or could not be made. */
#define RETRY_INTERVAL 500
/* Milliseconds between two attempts to set a route that could not be set. */
#define PLAN_INTERVAL 5000

#define GREMC_X(name, text) #name,
static const char *const host_drop_names[] = {GREMC_HOST_DROPS(GREMC_X)};
#undef GREMC_X
#define GREMC_X(name, text) text,
static const char *const host_drop_texts[] = {GREMC_HOST_DROPS(GREMC_X)};
#undef GREMC_X

const char *gremc_host_drop_name(enum gremc_host_drop reason)
{
	return host_drop_names[reason];
}

const char *gremc_host_drop_text(enum gremc_host_drop reason)
{
	return host_drop_texts[reason];
}

uint64_t gremc_clock_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000ull + now.tv_nsec / 1000000;
}

/* ---- the list of devices ---- */

static int device_name_compare(const void *a, const void *b)
{
	return strcmp((*(struct gremc_device *const *)a)->name, (*(struct gremc_device *const *)b)->name);
}

struct gremc_device *gremc_host_device_find(const struct gremc_host *host, const char *name)
{
	struct gremc_device pattern = {0}, *key = &pattern, **found;

	snprintf(pattern.name, sizeof(pattern.name), "%s", name);
	if (host->device_count == 0)
		return NULL;
	found = bsearch(&key, host->devices, host->device_count, sizeof(struct gremc_device *),
			device_name_compare);
	return found ? *found : NULL;
}

void gremc_host_devices_sort(struct gremc_host *host)
{
	qsort(host->devices, host->device_count, sizeof(struct gremc_device *), device_name_compare);
}

static void host_counters_add(struct gremc_host_counters *sum, const struct gremc_host_counters *counters)
{
	const uint64_t *from = (const uint64_t *)counters;
	uint64_t *to = (uint64_t *)sum;

	for (size_t i = 0; i < sizeof(*counters) / sizeof(*from); i++)
		gremc_counter_add(&to[i], gremc_counter_read(&from[i]));
}

void gremc_host_device_unpublish(struct gremc_host *host, const struct gremc_device *device)
{
	if (device->is_tap && host->port_device[device->port] == device)
		host->port_device[device->port] = NULL;
	if (!device->is_tap && host->vif_device[device->vif] == device)
		host->vif_device[device->vif] = NULL;
}

void gremc_host_device_destroy(struct gremc_host *host, struct gremc_device *device, bool remove)
{
	gremc_host_device_unpublish(host, device);
	gremc_device_close(host, device, remove);
	host_counters_add(&host->other_counters, &device->counters);
	gremc_link_config_fini(&device->link_config);
	free(device);
}

void gremc_host_port_down_set(struct gremc_host *host, uint16_t port, bool down)
{
	if (host->port_down[port] == down)
		return;
	if (gremc_port_down_set(host->context.vifs, port, down))
		GREMC_LOG(ERR, "out of memory: some next hops of port %s do not follow its interface",
			  host->context.ports->port[port]->name);
	gremc_workers_port_down(host->context.workers, port, down);
	host->port_down[port] = down;
}

/* The fast path follows the device's state. */
static void device_state_publish(struct gremc_host *host, const struct gremc_device *device)
{
	if (device->is_tap)
		gremc_host_port_down_set(host, device->port, device->down);
	else if (device->vif != GREMC_VIF_NONE)
		gremc_vif_down_set(host->context.vifs, device->vif, device->down);
}

void gremc_host_device_publish(struct gremc_host *host, struct gremc_device *device)
{
	device_state_publish(host, device);
	if (device->is_tap) {
		host->port_device[device->port] = device;
		gremc_nexthops_port_ifindex_set(host->nexthops, device->port, device->ifindex);
	} else {
		host->vif_device[device->vif] = device;
	}
}

int gremc_host_device_open(struct gremc_host *host, struct gremc_device *device)
{
	int rc = gremc_device_open(host, device);

	if (rc == 0)
		device->down = false; /* it has been set up */
	if (rc == 0 && host->committed)
		rc = gremc_device_persist(device);
	if (rc && device->fd >= 0)
		gremc_device_close(host, device, !device->was_there);
	if (rc == 0 && host->committed)
		gremc_device_commit(host, device);
	gremc_host_device_publish(host, device);
	return rc;
}

#define NAMED_MAX 3u /* interfaces that one message names */

/* The kernel drops without a word to the program what its reverse path filter does not like. */
static void rp_filters_check(struct gremc_host *host)
{
	char names[(IFNAMSIZ + 2) * NAMED_MAX + 1] = "";
	uint32_t count = 0;
	int strict = 0;

	host->rp_filter_due = false;
	for (uint32_t i = 0; i < host->device_count; i++) {
		struct gremc_device *device = host->devices[i];
		int before = device->rp_filter;

		if (device->fd < 0 || !device->accepts_groups)
			continue;
		device->rp_filter = gremc_device_rp_filter_read(device);
		if (device->rp_filter == 0 || device->rp_filter == before)
			continue;
		strict |= device->rp_filter == 1;
		if (count++ < NAMED_MAX)
			snprintf(names + strlen(names), sizeof(names) - strlen(names), "%s%s",
				 count > 1 ? ", " : "", device->name);
	}
	if (count)
		GREMC_LOG(
			WARNING,
			"rp_filter is on for %u host interfaces (%s%s): the kernel drops packets that it is given "
			"there from senders that it has no route to%s, and counts them as IPReversePathFilter "
			"(nstat) only; set net.ipv4.conf.all.rp_filter and those of the interfaces to 0",
			count, names, count > NAMED_MAX ? ", ..." : "",
			strict ? " by the same interface" : "");
}

/* Devices that were not there go. */
static void devices_persist_undo(struct gremc_host *host)
{
	for (uint32_t i = 0; i < host->device_count; i++)
		gremc_device_close(host, host->devices[i], !host->devices[i]->was_there);
}

int gremc_host_commit(struct gremc_host *host, struct gremc_errors *errors)
{
	for (uint32_t i = 0; i < host->device_count; i++) {
		struct gremc_device *device = host->devices[i];
		int rc = device->fd < 0 ? 0 : gremc_device_persist(device);

		if (rc) {
			gremc_errors_add(errors, NULL, 0, 0, "host interface %s cannot be kept: %s",
					 device->name, strerror(-rc));
			devices_persist_undo(host);
			return rc;
		}
	}
	host->committed = true;
	for (uint32_t i = 0; i < host->device_count; i++)
		if (host->devices[i]->fd >= 0)
			gremc_device_commit(host, host->devices[i]);
	gremc_host_takeover_finish(host);
	rp_filters_check(host);
	return 0;
}

/* ---- links come and go ---- */

static void device_mtu_follow(struct gremc_host *host, const struct gremc_device *device, unsigned mtu)
{
	if (!device->is_tap && !device->vif_is_host)
		gremc_tunnel_mtu_set(host->context.vifs, device->vif,
				     RTE_MIN(mtu, (unsigned)device->mtu_max));
}

/* An event that says `down` may be old: opening a device sets it up. So the kernel is asked what is true now.
 */
static void device_state_follow(struct gremc_host *host, struct gremc_device *device,
				const struct gremc_link *link)
{
	struct gremc_link now = *link;

	if (!device->down && !(now.flags & IFF_UP) && gremc_link_get(&host->netlink, device->name, &now))
		return;
	if (now.ifindex != device->ifindex || device->down == !(now.flags & IFF_UP))
		return;
	device->down = !device->down;
	GREMC_LOG(NOTICE, "host interface %s has been set %s", device->name,
		  device->down ? "down: it neither receives nor sends" : "up");
	device_state_publish(host, device);
}

void gremc_host_link_changed(struct gremc_host *host, const struct gremc_link *link, bool gone)
{
	for (uint32_t i = 0; i < host->device_count; i++) {
		struct gremc_device *device = host->devices[i];

		if (device->ifindex != link->ifindex)
			continue;
		if (gone) {
			GREMC_LOG_LIMITED(WARNING, "host interface %s has been removed; it is made again",
					  device->name);
			gremc_device_close(host, device, false);
			gremc_host_device_publish(host, device);
		} else {
			device_mtu_follow(host, device, link->mtu);
			device_state_follow(host, device, link);
		}
		return;
	}
}

void gremc_host_devices_resync(struct gremc_host *host)
{
	struct gremc_link link;

	for (uint32_t i = 0; i < host->device_count; i++) {
		struct gremc_device *device = host->devices[i];

		if (device->fd < 0)
			continue;
		if (gremc_link_get(&host->netlink, device->name, &link) || link.ifindex != device->ifindex)
			gremc_host_link_changed(host, &(struct gremc_link){.ifindex = device->ifindex}, true);
		else {
			device_mtu_follow(host, device, link.mtu);
			device_state_follow(host, device, &link);
		}
	}
}

/* Returns whether a device is still missing. */
static bool devices_reopen(struct gremc_host *host)
{
	bool missing = false;

	for (uint32_t i = 0; i < host->device_count; i++)
		if (host->devices[i]->fd < 0 && gremc_host_device_open(host, host->devices[i]))
			missing = true;
	return missing;
}

static bool host_has_missing_device(const struct gremc_host *host)
{
	for (uint32_t i = 0; i < host->device_count; i++)
		if (host->devices[i]->fd < 0)
			return true;
	return false;
}

/* ---- in the loop ---- */

static int timeout_min(int a, int b)
{
	return a < 0 ? b : b < 0 ? a : RTE_MIN(a, b);
}

/* What no event announces, or what an event cannot make good. */
static void host_periodic_check(struct gremc_host *host)
{
	if (!host->committed)
		return;
	if (host->rp_filter_due)
		rp_filters_check(host);
	for (uint32_t i = 0; i < host->device_count; i++)
		if (host->devices[i]->fd >= 0)
			gremc_device_routes_retry(host, host->devices[i]);
}

int gremc_host_loop_prepare(struct gremc_host *host, int timeout)
{
	uint64_t now = gremc_clock_ms();

	if (host->missing && now >= host->next_try) {
		host->missing = devices_reopen(host);
		host->next_try = now + RETRY_INTERVAL;
	}
	if (host->missing)
		timeout = timeout_min(timeout, RETRY_INTERVAL);
	if (now >= host->next_check) {
		host_periodic_check(host);
		host->next_check = now + PLAN_INTERVAL;
	}
	timeout = timeout_min(timeout, PLAN_INTERVAL);
	timeout = timeout_min(timeout, gremc_nexthops_poll(host->nexthops, now));
	return gremc_punt_sleep_begin(host->context.workers) ? timeout : 0;
}

void gremc_host_loop_poll(struct gremc_host *host)
{
	gremc_punt_sleep_end(host->context.workers);
	gremc_host_punts_write(host);
	if (!host->missing && host_has_missing_device(host)) {
		host->missing = true;
		host->next_try = gremc_clock_ms();
	}
}

/* ---- its life ---- */

/* A device is an open file. */
static void open_file_limit_raise(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit))
		return;
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
}

static void wake_event_ignore(void *argument)
{
	RTE_SET_USED(argument);
}

struct gremc_host *gremc_host_create(const struct gremc_host_context *context, struct gremc_errors *errors)
{
	struct gremc_host *host = calloc(1, sizeof(*host));
	struct epoll_event event = {.events = EPOLLIN};

	if (host == NULL)
		goto fail;
	host->context = *context;
	host->epoll = context->epoll;
	host->host_port = context->ports->count;
	host->host_vif = GREMC_VIF_NONE;
	pthread_mutex_init(&host->lock, NULL);
	open_file_limit_raise();
	host->wake = (struct gremc_watch){.ready = wake_event_ignore};
	event.data.ptr = &host->wake;
	host->buffer = malloc(GREMC_HOST_BUFFER);
	host->vif_device = gremc_reserve(GREMC_VIFS_MAX * sizeof(*host->vif_device), SOCKET_ID_ANY);
	if (host->vif_device == NULL || host->buffer == NULL || gremc_netlink_open(&host->netlink) ||
	    epoll_ctl(host->epoll, EPOLL_CTL_ADD, context->workers->host_event, &event))
		goto fail;
	host->nexthops = gremc_nexthops_create(host);
	if (host->nexthops == NULL)
		goto fail;
	gremc_host_takeover_recover(host);
	return host;
fail:
	gremc_errors_add(errors, NULL, 0, 0, "no way to the kernel: %s", strerror(errno));
	gremc_host_destroy(host, false);
	return NULL;
}

void gremc_host_destroy(struct gremc_host *host, bool remove_devices)
{
	if (host == NULL)
		return;
	if (host->nexthops)
		gremc_host_punts_write(host);
	for (uint32_t i = 0; i < host->device_count; i++)
		gremc_host_device_destroy(host, host->devices[i],
					  host->committed ? remove_devices : !host->devices[i]->was_there);
	gremc_host_takeover_undo(host);
	free(host->devices);
	epoll_ctl(host->epoll, EPOLL_CTL_DEL, host->context.workers->host_event, NULL);
	gremc_nexthops_destroy(host->nexthops);
	gremc_netlink_close(&host->netlink);
	gremc_release(host->vif_device, GREMC_VIFS_MAX * sizeof(*host->vif_device));
	pthread_mutex_destroy(&host->lock);
	free(host->buffer);
	free(host);
}

void gremc_host_carrier_set(struct gremc_host *host, uint16_t port, bool up)
{
	host->no_carrier[port] = !up;
	if (host->port_device[port])
		gremc_device_carrier_set(host, host->port_device[port]);
}

void gremc_host_kernel_interface_set(struct gremc_host *host, uint16_t port, const char *interface)
{
	gremc_nexthops_port_interface_set(host->nexthops, port, interface);
}

bool gremc_host_port_follows_kernel(const struct gremc_host *host, const struct gremc_config *config,
				    uint16_t port)
{
	return config->ports[port].host || gremc_nexthops_port_has_interface(host->nexthops, port);
}

int gremc_host_tunnel_adjacency(struct gremc_host *host, const struct gremc_config *config,
				const struct gremc_config_tunnel *tunnel, uint32_t *adjacency)
{
	return gremc_nexthops_tunnel_adjacency(host->nexthops, config, tunnel, adjacency);
}

uint32_t gremc_host_vif_get(struct gremc_host *host)
{
	struct gremc_vifs *vifs = host->context.vifs;

	if (host->host_vif == GREMC_VIF_NONE)
		gremc_host_vif_add(vifs, GREMC_HOST_VIF_NAME, host->host_port, &host->host_vif);
	return host->host_vif;
}

void gremc_host_listener_set(struct gremc_host *host, gremc_host_listener *listener, void *argument)
{
	host->listener = listener;
	host->listener_argument = argument;
}

/* ---- for telemetry ---- */

uint32_t gremc_host_device_count(struct gremc_host *host)
{
	uint32_t count;

	pthread_mutex_lock(&host->lock);
	count = host->device_count;
	pthread_mutex_unlock(&host->lock);
	return count;
}

bool gremc_host_device_info(struct gremc_host *host, uint32_t number, struct gremc_host_device_info *entry)
{
	bool found = false;

	pthread_mutex_lock(&host->lock);
	if (number < host->device_count) {
		const struct gremc_device *device = host->devices[number];

		*entry = (struct gremc_host_device_info){.is_tap = device->is_tap,
							 .open = device->fd >= 0,
							 .up = !device->down,
							 .ifindex = device->ifindex};
		snprintf(entry->name, sizeof(entry->name), "%s", device->name);
		host_counters_add(&entry->counters, &device->counters);
		found = true;
	}
	pthread_mutex_unlock(&host->lock);
	return found;
}

void gremc_host_totals_read(struct gremc_host *host, struct gremc_host_counters *sum)
{
	*sum = (struct gremc_host_counters){0};
	pthread_mutex_lock(&host->lock);
	host_counters_add(sum, &host->other_counters);
	for (uint32_t i = 0; i < host->device_count; i++)
		host_counters_add(sum, &host->devices[i]->counters);
	pthread_mutex_unlock(&host->lock);
}

uint64_t gremc_host_overruns_read(struct gremc_host *host)
{
	return gremc_nexthops_overruns_read(host->nexthops);
}
