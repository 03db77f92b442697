/* SPDX-License-Identifier: BSD-3-Clause */
/* The desired state: the devices of a configuration with their addresses and routes. The reconciliation
 * destroys, creates and changes devices until the kernel has that state. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/job.h"
#include "host/host_priv.h"

/* The devices of a configuration. */
struct desired_state {
	struct gremc_host *host;
	struct gremc_device **devices;          /* existing and new ones */
	struct gremc_link_config *link_configs; /* [device] */
	uint32_t count;
	struct gremc_errors *errors;
	unsigned failed;
	bool kernel_mroutes;
};

static void device_error_add(struct desired_state *state, const char *name, int rc)
{
	static const char in_use[] =
		"; the kernel has an interface of this name already: another program holds it, or "
		"it is no TUN or TAP device (--takeover renames it)";

	state->failed++;
	state->host->is_incomplete |= rc == -ENOMEM;
	gremc_errors_add(state->errors, NULL, 0, 0, "host interface %s: %s%s", name, strerror(-rc),
			 rc == -EBUSY || rc == -EINVAL ? in_use
			 : rc == -EPERM                ? "; making one needs CAP_NET_ADMIN"
			 : rc == -ENOENT               ? "; there is no /dev/net/tun: load the module tun"
						       : "");
}

/* Add a device to the desired state: the existing one of this name and kind, or a new one.
 * Owner:   *link_config moves to the desired state.
 * Returns: NULL: out of memory, which is recorded. */
static struct gremc_device *desired_device_add(struct desired_state *state, const char *name, bool is_tap,
					       struct gremc_link_config *link_config)
{
	struct gremc_device *device = gremc_host_device_find(state->host, name);

	if (device && device->is_tap == is_tap && !device->in_config) {
		gremc_host_device_unpublish(state->host, device);
	} else {
		device = calloc(1, sizeof(*device));
		if (device == NULL) {
			device_error_add(state, name, -ENOMEM);
			gremc_link_config_fini(link_config);
			return NULL;
		}
		gremc_text_copy(device->name, sizeof(device->name), name);
		device->fd = -1;
		device->is_tap = is_tap;
		device->host = state->host;
		device->watch = (struct gremc_watch){.ready = gremc_device_inject, .argument = device};
	}
	device->in_config = true;
	device->desired = state->count;
	state->link_configs[state->count] = *link_config;
	state->devices[state->count++] = device;
	return device;
}

static int link_config_init(struct gremc_link_config *link_config, uint32_t addresses, uint32_t routes)
{
	link_config->addresses = calloc(addresses + 1, sizeof(*link_config->addresses));
	link_config->routes = calloc(routes + 1, sizeof(*link_config->routes));
	if (link_config->addresses && link_config->routes)
		return 0;
	gremc_link_config_fini(link_config);
	return -ENOMEM;
}

static void link_config_routes_add(struct gremc_link_config *link_config,
				   const struct gremc_config_route *routes, uint32_t count, bool on_link)
{
	for (uint32_t i = 0; i < count; i++)
		link_config->routes[link_config->route_count++] = (struct gremc_link_route){
			routes[i].to, routes[i].via,
			gremc_addr_is_set(&routes[i].via) && (on_link || routes[i].on_link)};
}

static int port_link_config(const struct gremc_config_port *port, struct gremc_link_config *link_config)
{
	if (link_config_init(link_config, port->address_count, port->route_count))
		return -ENOMEM;
	for (uint32_t i = 0; i < port->address_count; i++)
		link_config->addresses[link_config->address_count++] = (struct gremc_link_address){
			.address = port->addresses[i].address, .length = (uint8_t)port->addresses[i].length};
	link_config_routes_add(link_config, port->routes, port->route_count, false);
	return 0;
}

static int tunnel_link_config(const struct gremc_config_tunnel *tunnel, struct gremc_link_config *link_config)
{
	const bool has_peer = gremc_addr_is_set(&tunnel->peer);

	if (link_config_init(link_config, 1, tunnel->route_count))
		return -ENOMEM;
	/* of a point-to-point address the kernel takes the length to be the peer's */
	if (gremc_addr_is_set(&tunnel->address.address))
		link_config->addresses[link_config->address_count++] = (struct gremc_link_address){
			.address = tunnel->address.address,
			.peer = tunnel->peer,
			.length = has_peer ? 32 : (uint8_t)tunnel->address.length};
	/* a tunnel has one remote end, so every gateway is on the link */
	link_config_routes_add(link_config, tunnel->routes, tunnel->route_count, true);
	return 0;
}

static void desired_port_add(struct desired_state *state, const struct gremc_config_port *config,
			     uint16_t index)
{
	const struct gremc_port *port = state->host->context.ports->port[index];
	struct gremc_link_config link_config = {0};
	struct gremc_device *device;

	if (!config->host || port == NULL)
		return;
	if (port_link_config(config, &link_config)) {
		device_error_add(state, config->name, -ENOMEM);
		return;
	}
	device = desired_device_add(state, config->name, true, &link_config);
	if (device == NULL)
		return;
	device->port = index;
	device->mac = port->mac;
	device->mtu = device->mtu_max = port->mtu;
	/* lib/control/kernel.c writes packets that keep the kernel's multicast routes alive */
	device->accepts_groups = state->kernel_mroutes && config->multicast;
}

static void desired_tunnel_add(struct desired_state *state, const struct gremc_config_tunnel *tunnel,
			       uint32_t vif)
{
	struct gremc_link_config link_config = {0};
	struct gremc_device *device;

	if (!tunnel->host)
		return;
	if (tunnel_link_config(tunnel, &link_config)) {
		device_error_add(state, tunnel->name, -ENOMEM);
		return;
	}
	device = desired_device_add(state, tunnel->name, false, &link_config);
	if (device == NULL)
		return;
	device->vif = vif;
	device->mtu = device->mtu_max = gremc_vif_info_load(state->host->context.vifs, vif)->mtu;
	device->accepts_groups = true;
}

static void desired_host_add(struct desired_state *state, const struct gremc_config *config)
{
	struct gremc_link_config link_config = {0};
	struct gremc_device *device;

	state->host->host_device = NULL;
	if (!config->names_host)
		return;
	device = desired_device_add(state, GREMC_HOST_INTERFACE, false, &link_config);
	if (device == NULL)
		return;
	device->vif = state->host->host_vif;
	device->vif_is_host = true;
	device->accepts_groups = true;
	device->mtu = 1500;
	device->mtu_max = UINT16_MAX;
	state->host->host_device = device;
}

static struct desired_state desired_state_begin(struct gremc_host *host, const struct gremc_config *config,
						struct gremc_errors *errors)
{
	const struct desired_state state = {
		.host = host,
		.devices = host->reserve.devices,
		.link_configs = host->reserve.link_configs,
		.errors = errors,
		.kernel_mroutes = config->kernel_mroutes,
	};

	gremc_assert(state.devices && state.link_configs);
	host->reserve = (struct gremc_host_reserve){0};
	host->is_incomplete = false;
	return state;
}

/* Destroy before the reconciliation creates: a name may change from a TAP to a TUN. */
static void unconfigured_devices_destroy(struct gremc_host *host)
{
	gremc_assert_locked(&host->lock);
	for (uint32_t i = 0; i < host->device_count; i++) {
		if (host->devices[i]->in_config)
			continue;
		if (host->devices[i]->is_tap)
			gremc_nexthops_port_ifindex_set(host->nexthops, host->devices[i]->port, 0);
		gremc_host_device_destroy(host, host->devices[i], true);
	}
}

/* Owner:   *link_config moves to the device. Returns: 0 or a negative errno. */
static int device_reconcile(struct gremc_host *host, struct gremc_device *device,
			    struct gremc_link_config *link_config)
{
	if (device->fd >= 0 && host->committed) {
		gremc_host_device_publish(host, device);
		gremc_device_config_apply(host, device, link_config);
		return 0;
	}
	gremc_link_config_fini(&device->link_config);
	device->link_config = *link_config;
	if (device->fd < 0)
		return gremc_host_device_open(host, device);
	gremc_host_device_publish(host, device);
	return 0;
}

/* Reconcile the devices that are open, or those that are not. */
static void devices_reconcile_some(struct desired_state *state, bool is_open)
{
	struct gremc_host *host = state->host;

	for (uint32_t i = 0; i < state->count; i++) {
		struct gremc_device *device = host->devices[i];
		int rc;

		if (!device->in_config || (device->fd >= 0) != is_open)
			continue;
		rc = device_reconcile(host, device, &state->link_configs[device->desired]);
		if (rc)
			device_error_add(state, device->name, rc);
		device->in_config = false;
		/* to open a device takes long; open devices are not published yet, so they come first */
		if (!is_open)
			gremc_job_pause();
	}
}

static void devices_reconcile(struct desired_state *state)
{
	struct gremc_host *host = state->host;

	pthread_mutex_lock(&host->lock);
	unconfigured_devices_destroy(host);
	free(host->devices);
	host->devices = state->devices;
	host->device_count = state->count;
	gremc_host_devices_sort(host);
	pthread_mutex_unlock(&host->lock);
	devices_reconcile_some(state, true);
	devices_reconcile_some(state, false);
	free(state->link_configs);
}

/* Make the workers punt the packets that have a receiver: a device, or IGMP. */
static void punt_flags_set(struct gremc_host *host, const struct gremc_config *config, const uint32_t *vif)
{
	struct gremc_vifs *vifs = host->context.vifs;
	const uint8_t all = GREMC_VIF_PUNT_CONTROL | GREMC_VIF_PUNT_UNICAST | GREMC_VIF_PUNT_MULTICAST;
	const uint8_t shared = host->host_device ? GREMC_VIF_PUNT_CONTROL : 0, igmp = GREMC_VIF_PUNT_CONTROL;

	for (uint32_t i = 0; i < config->port_count; i++) {
		if (host->context.ports->port[i] == NULL)
			continue;
		gremc_port_punt_set(vifs, i, config->ports[i].host ? GREMC_VIF_PUNT_FRAMES : 0);
		/* a port without an interface cannot be down */
		if (!gremc_host_port_follows_kernel(host, config, i))
			gremc_host_port_down_set(host, i, false);
	}
	for (uint32_t i = 0; i < config->tunnel_count; i++) {
		uint8_t bits = config->tunnels[i].host ? all : config->tunnels[i].igmp ? igmp : shared;

		gremc_vif_punt_set(vifs, vif[i], bits);
		if (!config->tunnels[i].host)
			gremc_vif_down_set(vifs, vif[i], false);
	}
	for (uint32_t i = config->tunnel_count; i < config->tunnel_count + config->port_count; i++)
		if (vif[i] != GREMC_VIF_NONE)
			gremc_vif_punt_set(vifs, vif[i],
					   config->ports[i - config->tunnel_count].igmp ? igmp : 0);
}

unsigned gremc_host_apply(struct gremc_host *host, const struct gremc_config *config, const uint32_t *vif,
			  struct gremc_errors *errors)
{
	struct desired_state state = desired_state_begin(host, config, errors);

	gremc_assert_control_thread();
	for (uint32_t i = 0; i < config->port_count; i++)
		desired_port_add(&state, &config->ports[i], i);
	for (uint32_t i = 0; i < config->tunnel_count; i++)
		desired_tunnel_add(&state, &config->tunnels[i], vif[i]);
	desired_host_add(&state, config);
	devices_reconcile(&state);
	punt_flags_set(host, config, vif);
	gremc_nexthops_config_apply(host->nexthops, config, vif);
	return state.failed;
}

void gremc_host_reserve_free(struct gremc_host *host)
{
	free(host->reserve.devices);
	free(host->reserve.link_configs);
	host->reserve = (struct gremc_host_reserve){0};
}

int gremc_host_reserve(struct gremc_host *host, const struct gremc_config *config)
{
	const uint32_t most = config->port_count + config->tunnel_count + 1;

	gremc_assert_control_thread();
	gremc_host_reserve_free(host);
	host->reserve.devices = calloc(most, sizeof(struct gremc_device *));
	host->reserve.link_configs = calloc(most, sizeof(*host->reserve.link_configs));
	if (host->reserve.devices && host->reserve.link_configs &&
	    gremc_nexthops_config_reserve(host->nexthops, config) == 0)
		return 0;
	gremc_host_reserve_free(host);
	return -ENOMEM;
}

bool gremc_host_is_complete(const struct gremc_host *host)
{
	return !host->is_incomplete;
}
