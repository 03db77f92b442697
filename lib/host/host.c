/* SPDX-License-Identifier: BSD-3-Clause */
/* The host object: its life, its part of the control loop, and its answers to telemetry. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>

#include "host/host_priv.h"

#define REOPEN_INTERVAL 500  /* milliseconds between two attempts to create a missing device */
#define CHECK_INTERVAL  5000 /* milliseconds between two checks of settings that have no event */

#define GREMC_X(name, text) #name,
static const char *const host_drop_names[] = {GREMC_HOST_DROPS(GREMC_X)};
#undef GREMC_X
#define GREMC_X(name, text) text,
static const char *const host_drop_texts[] = {GREMC_HOST_DROPS(GREMC_X)};
#undef GREMC_X

const char *gremc_host_drop_name(enum gremc_host_drop reason)
{
	gremc_assert(reason > GREMC_HOST_DROP_NONE && reason < GREMC_HOST_DROP_COUNT);
	return host_drop_names[reason];
}

const char *gremc_host_drop_text(enum gremc_host_drop reason)
{
	gremc_assert(reason > GREMC_HOST_DROP_NONE && reason < GREMC_HOST_DROP_COUNT);
	return host_drop_texts[reason];
}

/* ---- commit ---- */

/* Close the devices, and remove those that the kernel did not have before. */
static void devices_persist_undo(struct gremc_host *host)
{
	for (uint32_t i = 0; i < host->device_count; i++)
		gremc_device_close(host, host->devices[i], !host->devices[i]->was_there);
}

int gremc_host_commit(struct gremc_host *host, struct gremc_errors *errors)
{
	gremc_assert_control_thread();
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
	gremc_takeover_finish(&host->takeover_context, &host->takeover);
	gremc_host_rp_filters_check(host);
	return 0;
}

int gremc_host_takeover_begin(struct gremc_host *host, const struct gremc_config *config, const char *name,
			      struct gremc_errors *errors)
{
	gremc_assert_control_thread();
	return gremc_takeover_begin(&host->takeover_context, config, name, &host->takeover, errors);
}

/* ---- the control loop ---- */

static bool host_has_missing_device(const struct gremc_host *host)
{
	for (uint32_t i = 0; i < host->device_count; i++)
		if (host->devices[i]->fd < 0)
			return true;
	return false;
}

/* The smaller of two timeouts, of which -1 is infinite. */
static int timeout_min(int a, int b)
{
	return a < 0 ? b : b < 0 ? a : RTE_MIN(a, b);
}

static void host_periodic_check(struct gremc_host *host)
{
	if (!host->committed)
		return;
	if (host->rp_filter_due)
		gremc_host_rp_filters_check(host);
	for (uint32_t i = 0; i < host->device_count; i++)
		if (host->devices[i]->fd >= 0)
			gremc_device_routes_retry(host, host->devices[i]);
}

void gremc_host_hold(struct gremc_host *host, bool is_held)
{
	host->is_held = is_held;
}

/* Run the timers of devices and next hops. Returns as gremc_host_loop_prepare(). */
static int host_timers_run(struct gremc_host *host, int timeout)
{
	uint64_t now = gremc_clock_ms();

	gremc_assert_control_thread();
	if (host->device_missing && now >= host->next_open) {
		host->device_missing = gremc_host_devices_reopen(host);
		host->next_open = now + REOPEN_INTERVAL;
	}
	if (host->device_missing)
		timeout = timeout_min(timeout, REOPEN_INTERVAL);
	if (now >= host->next_check) {
		host_periodic_check(host);
		host->next_check = now + CHECK_INTERVAL;
	}
	timeout = timeout_min(timeout, CHECK_INTERVAL);
	return timeout_min(timeout, gremc_nexthops_poll(host->nexthops, now));
}

int gremc_host_loop_prepare(struct gremc_host *host, int timeout)
{
	if (!host->is_held)
		timeout = host_timers_run(host, timeout);
	return gremc_punt_sleep_begin(host->context.workers) ? timeout : 0;
}

void gremc_host_loop_poll(struct gremc_host *host)
{
	gremc_assert_control_thread();
	gremc_punt_sleep_end(host->context.workers);
	gremc_host_punts_write(host);
	if (!host->is_held && !host->device_missing && host_has_missing_device(host)) {
		host->device_missing = true;
		host->next_open = gremc_clock_ms();
	}
}

/* ---- callbacks of gremc_nexthops ---- */

static void nexthops_link_changed(void *host, const struct gremc_link *link, bool removed)
{
	gremc_host_link_changed(host, link, removed);
}

static void nexthops_links_resync(void *host)
{
	gremc_host_devices_resync(host);
}

static void nexthops_port_down_set(void *host, uint16_t port, bool down)
{
	gremc_host_port_down_set(host, port, down);
}

static void nexthops_rp_filter_changed(void *argument)
{
	struct gremc_host *host = argument;

	host->rp_filter_due = true;
}

static struct gremc_nexthops *host_nexthops_create(struct gremc_host *host)
{
	const struct gremc_nexthops_context context = {
		.ports = host->context.ports,
		.vifs = host->context.vifs,
		.workers = host->context.workers,
		.rcu = host->context.rcu,
		.netlink = &host->netlink,
		.epoll = host->context.epoll,
		.link_changed = nexthops_link_changed,
		.links_resync = nexthops_links_resync,
		.port_down_set = nexthops_port_down_set,
		.rp_filter_changed = nexthops_rp_filter_changed,
		.argument = host,
	};

	return gremc_nexthops_create(&context);
}

/* ---- life ---- */

/* Each device is an open file. */
static void open_file_limit_raise(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit))
		return;
	limit.rlim_cur = limit.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &limit))
		GREMC_LOG(DEBUG, "cannot raise the limit of open files: %s", strerror(errno));
}

/* The event only ends epoll_wait(); gremc_host_loop_poll() does the work. */
static void wake_event_ignore(void *argument)
{
	RTE_SET_USED(argument);
}

/* Returns: 0 or a negative errno. */
static int host_init(struct gremc_host *host)
{
	struct epoll_event event = {.events = EPOLLIN, .data.ptr = &host->wake};
	int rc;

	host->buffer = malloc(GREMC_HOST_BUFFER);
	host->vif_device = gremc_memory_reserve(GREMC_VIFS_MAX * sizeof(*host->vif_device), SOCKET_ID_ANY);
	if (host->vif_device == NULL || host->buffer == NULL)
		return -ENOMEM;
	rc = gremc_netlink_open(&host->netlink);
	if (rc)
		return rc;
	if (epoll_ctl(host->context.epoll, EPOLL_CTL_ADD, host->context.workers->host_event, &event))
		return -errno;
	host->nexthops = host_nexthops_create(host);
	return host->nexthops ? 0 : -errno;
}

struct gremc_host *gremc_host_create(const struct gremc_host_context *context, struct gremc_errors *errors)
{
	struct gremc_host *host = calloc(1, sizeof(*host));
	int rc = -ENOMEM;

	if (host == NULL)
		goto fail;
	host->context = *context;
	host->takeover_context = (struct gremc_takeover_context){.netlink = &host->netlink,
								 .ports = context->ports,
								 .state_directory = context->state_directory};
	host->host_port = context->ports->count;
	host->host_vif = GREMC_VIF_NONE;
	host->wake = (struct gremc_watch){.ready = wake_event_ignore};
	pthread_mutex_init(&host->lock, NULL);
	open_file_limit_raise();
	rc = host_init(host);
	if (rc)
		goto fail;
	gremc_takeovers_recover(&host->takeover_context);
	return host;
fail:
	gremc_errors_add(errors, NULL, 0, 0, "cannot open netlink sockets to the kernel: %s", strerror(-rc));
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
	gremc_takeover_undo(&host->takeover_context, &host->takeover);
	free(host->devices);
	gremc_host_reserve_free(host);
	/* fails only where gremc_host_create() did not come as far as to add it */
	(void)epoll_ctl(host->context.epoll, EPOLL_CTL_DEL, host->context.workers->host_event, NULL);
	gremc_nexthops_destroy(host->nexthops);
	gremc_netlink_close(&host->netlink);
	gremc_memory_release(host->vif_device, GREMC_VIFS_MAX * sizeof(*host->vif_device));
	pthread_mutex_destroy(&host->lock);
	free(host->buffer);
	free(host);
}

/* ---- small accessors ---- */

void gremc_host_carrier_set(struct gremc_host *host, uint16_t port, bool up)
{
	gremc_assert_control_thread();
	gremc_assert(port < RTE_DIM(host->no_carrier));
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
	return gremc_nexthops_port_follows_kernel(host->nexthops, config, port);
}

int gremc_host_tunnel_adjacency(struct gremc_host *host, const struct gremc_config *config,
				const struct gremc_config_tunnel *tunnel, uint32_t *adjacency)
{
	return gremc_nexthops_tunnel_adjacency(host->nexthops, config, tunnel, adjacency);
}

uint32_t gremc_host_vif_get(struct gremc_host *host)
{
	struct gremc_vifs *vifs = host->context.vifs;

	gremc_assert_control_thread();
	if (host->host_vif == GREMC_VIF_NONE &&
	    gremc_host_vif_add(vifs, GREMC_HOST_VIF_NAME, host->host_port, &host->host_vif))
		return GREMC_VIF_NONE;
	return host->host_vif;
}

void gremc_host_listener_set(struct gremc_host *host, gremc_host_listener *listener, void *argument)
{
	gremc_assert_control_thread();
	host->listener = listener;
	host->listener_argument = argument;
}

void gremc_host_icmp_listener_set(struct gremc_host *host, gremc_host_icmp_listener *listener, void *argument)
{
	gremc_assert_control_thread();
	host->icmp_listener = listener;
	host->icmp_argument = argument;
}

void gremc_host_keepalive_listener_set(struct gremc_host *host, gremc_host_keepalive_listener *listener,
				       void *argument)
{
	gremc_assert_control_thread();
	host->keepalive_listener = listener;
	host->keepalive_argument = argument;
}

/* ---- telemetry ---- */

uint32_t gremc_host_device_count(struct gremc_host *host)
{
	uint32_t count;

	pthread_mutex_lock(&host->lock);
	count = host->device_count;
	pthread_mutex_unlock(&host->lock);
	return count;
}

bool gremc_host_device_info(struct gremc_host *host, uint32_t number, struct gremc_host_device_info *info)
{
	bool found = false;

	pthread_mutex_lock(&host->lock);
	if (number < host->device_count) {
		const struct gremc_device *device = host->devices[number];

		*info = (struct gremc_host_device_info){.is_tap = device->is_tap,
							.open = device->fd >= 0,
							.up = !device->down,
							.ifindex = device->ifindex};
		gremc_text_copy(info->name, sizeof(info->name), device->name);
		gremc_host_counters_add(&info->counters, &device->counters);
		found = true;
	}
	pthread_mutex_unlock(&host->lock);
	return found;
}

void gremc_host_totals_read(struct gremc_host *host, struct gremc_host_counters *sum)
{
	*sum = (struct gremc_host_counters){0};
	pthread_mutex_lock(&host->lock);
	gremc_host_counters_add(sum, &host->other_counters);
	for (uint32_t i = 0; i < host->device_count; i++)
		gremc_host_counters_add(sum, &host->devices[i]->counters);
	pthread_mutex_unlock(&host->lock);
}

uint64_t gremc_host_overruns_read(struct gremc_host *host)
{
	return gremc_nexthops_overruns_read(host->nexthops);
}
