/* SPDX-License-Identifier: BSD-3-Clause */
/* The devices that a configuration wants, with their addresses and routes, and from one such set to the next.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "host/host_priv.h"

/* The devices of a configuration, as they are being collected. */
struct wish {
	struct gremc_host *host;
	struct gremc_device **devices; /* those that stay, and new ones */
	struct gremc_link_plan *plans; /* of each */
	uint32_t count;
	struct gremc_errors *errors;
	unsigned failed;
	bool kernel_mroutes;
};

static void fail(struct wish *wish, const char *name, int rc)
{
	static const char in_use[] =
		"; the kernel has an interface of this name already: another program holds it, or "
		"it is no TUN or TAP device (--takeover renames it)";

	wish->failed++;
	gremc_errors_add(wish->errors, NULL, 0, 0, "host interface %s: %s%s", name, strerror(-rc),
			 rc == -EBUSY || rc == -EINVAL ? in_use
			 : rc == -EPERM                ? "; making one needs CAP_NET_ADMIN"
			 : rc == -ENOENT               ? "; there is no /dev/net/tun: load the module tun"
						       : "");
}

/* The device of this name and kind: the one that is there, or another. */
static struct gremc_device *want(struct wish *wish, const char *name, bool is_tap,
				 struct gremc_link_plan *plan)
{
	struct gremc_device *device = gremc_host_find_device(wish->host, name);

	if (device && device->is_tap == is_tap && !device->wanted) {
		gremc_host_forget_device(wish->host, device);
	} else {
		device = calloc(1, sizeof(*device));
		if (device == NULL) {
			fail(wish, name, -ENOMEM);
			gremc_link_plan_fini(plan);
			return NULL;
		}
		snprintf(device->name, sizeof(device->name), "%s", name);
		device->fd = -1;
		device->is_tap = is_tap;
		device->host = wish->host;
		device->watch = (struct gremc_watch){.ready = gremc_path_down, .argument = device};
	}
	device->wanted = true;
	wish->plans[wish->count] = *plan;
	wish->devices[wish->count++] = device;
	return device;
}

static int plan_init(struct gremc_link_plan *plan, uint32_t addresses, uint32_t routes)
{
	plan->addresses = calloc(addresses + 1, sizeof(*plan->addresses));
	plan->routes = calloc(routes + 1, sizeof(*plan->routes));
	if (plan->addresses && plan->routes)
		return 0;
	gremc_link_plan_fini(plan);
	return -ENOMEM;
}

static void plan_routes(struct gremc_link_plan *plan, const struct gremc_config_route *routes, uint32_t count,
			bool on_link)
{
	for (uint32_t i = 0; i < count; i++)
		plan->routes[plan->route_count++] = (struct gremc_link_route){
			routes[i].to, routes[i].via, routes[i].via && (on_link || routes[i].on_link)};
}

static int plan_of_port(const struct gremc_config_port *port, struct gremc_link_plan *plan)
{
	if (plan_init(plan, port->address_count, port->route_count))
		return -ENOMEM;
	for (uint32_t i = 0; i < port->address_count; i++)
		plan->addresses[plan->address_count++] = (struct gremc_link_address){
			.address = port->addresses[i].address, .length = port->addresses[i].length};
	plan_routes(plan, port->routes, port->route_count, false);
	return 0;
}

static int plan_of_tunnel(const struct gremc_config_tunnel *tunnel, struct gremc_link_plan *plan)
{
	if (plan_init(plan, 1, tunnel->route_count))
		return -ENOMEM;
	/* with a peer the length is the peer's: a single address */
	if (tunnel->address.address)
		plan->addresses[plan->address_count++] =
			(struct gremc_link_address){.address = tunnel->address.address,
						    .peer = tunnel->peer,
						    .length = tunnel->peer ? 32 : tunnel->address.length};
	/* a tunnel has one other end: each next hop is on its link */
	plan_routes(plan, tunnel->routes, tunnel->route_count, true);
	return 0;
}

static void want_port(struct wish *wish, const struct gremc_config_port *config, uint16_t index)
{
	const struct gremc_port *port = wish->host->parts.ports->port[index];
	struct gremc_link_plan plan = {0};
	struct gremc_device *device;

	if (!config->host || port == NULL)
		return;
	if (plan_of_port(config, &plan)) {
		fail(wish, config->name, -ENOMEM);
		return;
	}
	device = want(wish, config->name, true, &plan);
	if (device == NULL)
		return;
	device->port = index;
	device->mac = port->mac;
	device->mtu = device->mtu_max = port->mtu;
	/* packets that keep the kernel's multicast routes alive enter by it */
	device->accepts_groups = wish->kernel_mroutes && config->multicast;
}

static void want_tunnel(struct wish *wish, const struct gremc_config_tunnel *tunnel, uint32_t vif)
{
	struct gremc_link_plan plan = {0};
	struct gremc_device *device;

	if (!tunnel->host)
		return;
	if (plan_of_tunnel(tunnel, &plan)) {
		fail(wish, tunnel->name, -ENOMEM);
		return;
	}
	device = want(wish, tunnel->name, false, &plan);
	if (device == NULL)
		return;
	device->vif = vif;
	device->mtu = device->mtu_max = wish->host->parts.vifs->info[vif]->mtu;
	device->accepts_groups = true;
}

static void want_own(struct wish *wish, const struct gremc_config *config)
{
	struct gremc_link_plan plan = {0};
	struct gremc_device *device;

	wish->host->own = NULL;
	if (!config->names_host)
		return;
	device = want(wish, GREMC_HOST_INTERFACE, false, &plan);
	if (device == NULL)
		return;
	device->vif = wish->host->own_vif;
	device->vif_is_host = true;
	device->accepts_groups = true;
	device->mtu = 1500;
	device->mtu_max = UINT16_MAX;
	wish->host->own = device;
}

static int wish_init(struct wish *wish, struct gremc_host *host, const struct gremc_config *config,
		     struct gremc_errors *errors)
{
	uint32_t most = config->port_count + config->tunnel_count + 1;

	*wish = (struct wish){.host = host, .errors = errors, .kernel_mroutes = config->kernel_mroutes};
	wish->devices = calloc(most, sizeof(struct gremc_device *));
	wish->plans = calloc(most, sizeof(*wish->plans));
	if (wish->devices && wish->plans)
		return 0;
	free(wish->devices);
	free(wish->plans);
	return -ENOMEM;
}

/* What nobody wants any more goes before what is new comes: names may change their kind. */
static void drop_unwanted(struct gremc_host *host)
{
	for (uint32_t i = 0; i < host->device_count; i++) {
		if (host->devices[i]->wanted)
			continue;
		if (host->devices[i]->is_tap)
			gremc_mirror_port(host->mirror, host->devices[i]->port, 0);
		gremc_host_destroy_device(host, host->devices[i], true);
	}
}

/* Takes the plan over. */
static int bring(struct gremc_host *host, struct gremc_device *device, struct gremc_link_plan *plan)
{
	if (device->fd >= 0 && host->committed) {
		gremc_host_show_device(host, device);
		gremc_device_plan(host, device, plan);
		return 0;
	}
	gremc_link_plan_fini(&device->plan);
	device->plan = *plan;
	if (device->fd < 0)
		return gremc_host_open_device(host, device);
	gremc_host_show_device(host, device);
	return 0;
}

static void fulfil(struct wish *wish)
{
	struct gremc_host *host = wish->host;

	pthread_mutex_lock(&host->lock);
	drop_unwanted(host);
	free(host->devices);
	host->devices = wish->devices;
	host->device_count = wish->count;
	pthread_mutex_unlock(&host->lock);
	for (uint32_t i = 0; i < wish->count; i++) {
		struct gremc_device *device = host->devices[i];
		int rc = bring(host, device, &wish->plans[i]);

		if (rc)
			fail(wish, device->name, rc);
		device->wanted = false;
	}
	free(wish->plans);
	pthread_mutex_lock(&host->lock);
	gremc_host_sort_devices(host);
	pthread_mutex_unlock(&host->lock);
}

/* The workers punt what has somebody to take it. */
static void set_punts(struct gremc_host *host, const struct gremc_config *config, const uint32_t *vif)
{
	struct gremc_vifs *vifs = host->parts.vifs;
	const uint8_t all = GREMC_VIF_PUNT_CONTROL | GREMC_VIF_PUNT_UNICAST | GREMC_VIF_PUNT_MULTICAST;
	const uint8_t shared = host->own ? GREMC_VIF_PUNT_CONTROL : 0, igmp = GREMC_VIF_PUNT_CONTROL;

	for (uint32_t i = 0; i < config->port_count; i++) {
		if (host->parts.ports->port[i] == NULL)
			continue;
		gremc_port_punt_set(vifs, i, config->ports[i].host ? GREMC_VIF_PUNT_FRAMES : 0);
		/* without an interface there is none that could be down */
		if (!gremc_host_is_mirrored(host, config, i))
			gremc_host_port_down(host, i, false);
	}
	for (uint32_t i = 0; i < config->tunnel_count; i++) {
		gremc_vif_punt_set(vifs, vif[i],
				   config->tunnels[i].host   ? all
				   : config->tunnels[i].igmp ? igmp
							     : shared);
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
	struct wish wish;

	if (wish_init(&wish, host, config, errors)) {
		gremc_errors_add(errors, NULL, 0, 0, "out of memory for the host interfaces");
		return 1;
	}
	for (uint32_t i = 0; i < config->port_count; i++)
		want_port(&wish, &config->ports[i], i);
	for (uint32_t i = 0; i < config->tunnel_count; i++)
		want_tunnel(&wish, &config->tunnels[i], vif[i]);
	want_own(&wish, config);
	fulfil(&wish);
	set_punts(host, config, vif);
	if (gremc_mirror_apply(host->mirror, config, vif)) {
		wish.failed++;
		gremc_errors_add(errors, NULL, 0, 0, "out of memory for the mirror of the kernel's routes");
	}
	return wish.failed;
}
