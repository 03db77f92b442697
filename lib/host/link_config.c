/* SPDX-License-Identifier: BSD-3-Clause */
/* Changes of a device's addresses and routes from one link configuration to the next. The kernel stores
 * GREMC_RTPROT with each of them, so a later start finds and replaces those of an earlier one. Addresses and
 * routes of an operator or of another program stay, and a conflict with them is logged. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "host/host_priv.h"

static bool link_config_has_address(const struct gremc_link_config *link_config,
				    const struct gremc_link_address *address)
{
	for (uint32_t i = 0; i < link_config->address_count; i++)
		if (gremc_link_address_is_equal(&link_config->addresses[i], address))
			return true;
	return false;
}

static bool link_config_has_route(const struct gremc_link_config *link_config, const struct gremc_prefix *to)
{
	for (uint32_t i = 0; i < link_config->route_count; i++)
		if (gremc_prefix_is_equal(&link_config->routes[i].to, to))
			return true;
	return false;
}

void gremc_device_prefix_warn(const struct gremc_device *device, const char *action,
			      const struct gremc_prefix *prefix, int rc)
{
	char text[GREMC_PREFIX_TEXT];

	if (rc)
		GREMC_LOG(WARNING, "%s: cannot %s %s: %s", device->name, action,
			  gremc_prefix_format(text, prefix), strerror(-rc));
}

void gremc_device_config_apply(struct gremc_host *host, struct gremc_device *device,
			       struct gremc_link_config *link_config)
{
	const struct gremc_link_config *old = &device->link_config;

	gremc_assert_control_thread();
	gremc_assert(device->fd >= 0);
	/* A route to a destination that both configurations have is replaced below, without a gap. */
	for (uint32_t i = 0; i < old->route_count; i++)
		if (!link_config_has_route(link_config, &old->routes[i].to))
			gremc_device_prefix_warn(device, "remove the route to", &old->routes[i].to,
						 gremc_route_set(&host->netlink, device->ifindex,
								 &old->routes[i], GREMC_ROUTE_REMOVE));
	for (uint32_t i = 0; i < link_config->address_count; i++)
		gremc_device_address_add(host, device, &link_config->addresses[i]);
	for (uint32_t i = 0; i < old->address_count; i++)
		if (!link_config_has_address(link_config, &old->addresses[i]))
			gremc_device_prefix_warn(device, "remove the address",
						 &(const struct gremc_prefix){old->addresses[i].address,
									      old->addresses[i].length},
						 gremc_address_set(&host->netlink, device->ifindex,
								   &old->addresses[i], false));
	gremc_device_routes_add(host, device, link_config);
	gremc_link_config_fini(&device->link_config);
	device->link_config = *link_config;
	*link_config = (struct gremc_link_config){0};
}

/* The addresses and routes that earlier starts have added. */
struct own_config_search {
	const struct gremc_device *device;
	struct gremc_link_config link_config;
	bool no_memory;
};

static void own_address_collect(void *argument, const struct gremc_link_address *address, uint8_t protocol)
{
	struct own_config_search *search = argument;
	struct gremc_link_config *link_config = &search->link_config;
	struct gremc_link_address *more;

	if (protocol != GREMC_RTPROT)
		return;
	more = realloc(link_config->addresses, (link_config->address_count + 1) * sizeof(*more));
	if (more == NULL) {
		search->no_memory = true;
		return;
	}
	link_config->addresses = more;
	more[link_config->address_count++] = *address;
}

static void own_route_collect(void *argument, const struct gremc_kernel_route *route)
{
	struct own_config_search *search = argument;
	struct gremc_link_config *link_config = &search->link_config;
	struct gremc_link_route *more;

	if (!gremc_device_owns_route(search->device, route))
		return;
	more = realloc(link_config->routes, (link_config->route_count + 1) * sizeof(*more));
	if (more == NULL) {
		search->no_memory = true;
		return;
	}
	link_config->routes = more;
	more[link_config->route_count++] = (struct gremc_link_route){.to = route->to, .via = route->via};
}

int gremc_device_config_read(struct gremc_host *host, struct gremc_device *device)
{
	struct own_config_search search = {.device = device};
	int rc = gremc_address_each(&host->netlink, device->ifindex, own_address_collect, &search);

	if (rc == 0)
		rc = gremc_route_each(&host->netlink, device->ifindex, GREMC_RTPROT, own_route_collect,
				      &search);
	if (rc == 0 && search.no_memory)
		rc = -ENOMEM;
	if (rc) {
		gremc_link_config_fini(&search.link_config);
		return rc;
	}
	gremc_link_config_fini(&device->link_config);
	device->link_config = search.link_config;
	return 0;
}

void gremc_link_config_fini(struct gremc_link_config *link_config)
{
	free(link_config->addresses);
	free(link_config->routes);
	free(link_config->missing);
	*link_config = (struct gremc_link_config){0};
}
