/* SPDX-License-Identifier: BSD-3-Clause */
/* Routes that the program adds to devices, and routes of others with the same destination. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "host/host_priv.h"

/* The kernel's routes to each destination of a link configuration. */
struct route_search {
	const struct gremc_device *device;
	const struct gremc_link_config *link_config;
	struct gremc_kernel_route *there; /* [route of link_config] the first of several */
	bool *is_there, *is_same;         /* [route of link_config] */
};

static void route_search_match(void *argument, const struct gremc_kernel_route *route)
{
	struct route_search *search = argument;

	for (uint32_t i = 0; i < search->link_config->route_count; i++) {
		const struct gremc_link_route *configured = &search->link_config->routes[i];

		/* the kernel accepts routes of another metric to the same destination */
		if (route->metric || !gremc_prefix_is_equal(&configured->to, &route->to))
			continue;
		if (!search->is_there[i])
			search->there[i] = *route;
		search->is_there[i] = true;
		search->is_same[i] |= route->is_unicast &&
				      gremc_addr_is_equal(&route->via, &configured->via) &&
				      route->ifindex == search->device->ifindex;
	}
}

bool gremc_device_owns_route(const struct gremc_device *device, const struct gremc_kernel_route *route)
{
	return route->protocol == GREMC_RTPROT && route->ifindex == device->ifindex;
}

/* Whether an earlier start has added the route for a device that no process has open any more. */
static bool route_is_abandoned(const struct gremc_host *host, const struct gremc_kernel_route *route)
{
	char name[IF_NAMESIZE];

	return route->protocol == GREMC_RTPROT && if_indextoname(route->ifindex, name) &&
	       gremc_host_device_find(host, name) == NULL && gremc_tap_is_abandoned(name);
}

static const char *gateway_format(char *text, const struct gremc_addr *via)
{
	return gremc_addr_is_set(via) ? gremc_addr_format(text, via) : "no gateway";
}

static void device_route_warn(const struct gremc_device *device, const struct gremc_link_route *configured,
			      const struct gremc_kernel_route *there)
{
	char to[GREMC_PREFIX_TEXT], via[GREMC_ADDR_TEXT], other[GREMC_ADDR_TEXT], name[IF_NAMESIZE];

	if (there->ifindex == 0 || if_indextoname(there->ifindex, name) == NULL)
		gremc_text_copy(name, sizeof(name), "no one device");
	GREMC_LOG(
		WARNING,
		"%s: the route to %s via %s is not set: the kernel has one via %s on %s, which the configuration "
		"did not give. The kernel and the tunnels go by that one until it is removed or has a metric",
		device->name, gremc_prefix_format(to, &configured->to), gateway_format(via, &configured->via),
		gateway_format(other, &there->via), name);
}

/* Replace a route of the program by the configured one. Returns: whether the route is in the table. */
static bool device_route_replace(struct gremc_host *host, const struct gremc_device *device,
				 const struct gremc_link_route *route, const struct gremc_kernel_route *there)
{
	int rc;

	if (!gremc_device_owns_route(device, there) && !route_is_abandoned(host, there)) {
		device_route_warn(device, route, there);
		return false;
	}
	rc = gremc_route_set(&host->netlink, device->ifindex, route, GREMC_ROUTE_REPLACE);
	gremc_device_prefix_warn(device, "replace the route to", &route->to, rc);
	return rc == 0;
}

/* Whether the search has found a route for each destination that the kernel refused. */
static bool route_search_is_complete(const struct route_search *search, const bool *refused)
{
	for (uint32_t i = 0; i < search->link_config->route_count; i++)
		if (refused[i] && !search->is_there[i])
			return false;
	return true;
}

/* Resolve the routes that the kernel refused with EEXIST. In most cases the existing routes are the program's
 * own, so the first dump is limited to them and the whole table is dumped only if that is not enough. */
static int device_routes_compare(struct gremc_host *host, const struct gremc_device *device,
				 const struct gremc_link_config *link_config, const bool *refused,
				 bool *missing)
{
	struct route_search search = {
		.device = device,
		.link_config = link_config,
		.there = calloc(link_config->route_count, sizeof(*search.there)),
		.is_there = calloc(link_config->route_count, sizeof(*search.is_there)),
		.is_same = calloc(link_config->route_count, sizeof(*search.is_same)),
	};
	int rc = -ENOMEM;

	if (search.there && search.is_there && search.is_same)
		rc = gremc_route_each(&host->netlink, device->ifindex, GREMC_RTPROT, route_search_match,
				      &search);
	if (rc == 0 && !route_search_is_complete(&search, refused))
		rc = gremc_route_each(&host->netlink, 0, 0, route_search_match, &search);
	for (uint32_t i = 0; rc == 0 && i < link_config->route_count; i++)
		if (refused[i])
			missing[i] = !search.is_same[i] &&
				     !(search.is_there[i] &&
				       device_route_replace(host, device, &link_config->routes[i],
							    &search.there[i]));
	free(search.there);
	free(search.is_there);
	free(search.is_same);
	return rc;
}

void gremc_device_routes_add(struct gremc_host *host, const struct gremc_device *device,
			     struct gremc_link_config *link_config)
{
	bool *refused = calloc(link_config->route_count + 1, sizeof(*refused)), any = false;
	int rc = -ENOMEM;

	free(link_config->missing); /* of a device that is created again */
	link_config->missing = calloc(link_config->route_count + 1, sizeof(*link_config->missing));
	if (refused == NULL || link_config->missing == NULL)
		goto fail;
	for (uint32_t i = 0; i < link_config->route_count; i++) {
		const struct gremc_link_route *route = &link_config->routes[i];

		rc = gremc_route_set(&host->netlink, device->ifindex, route, GREMC_ROUTE_ADD);
		link_config->missing[i] = rc != 0;
		refused[i] = rc == -EEXIST;
		any |= refused[i];
		if (!refused[i])
			gremc_device_prefix_warn(device, "add the route to", &route->to, rc);
	}
	rc = any ? device_routes_compare(host, device, link_config, refused, link_config->missing) : 0;
fail:
	if (rc)
		GREMC_LOG(WARNING, "%s: cannot compare its routes with the kernel's: %s", device->name,
			  strerror(-rc));
	free(refused);
}

void gremc_device_routes_retry(struct gremc_host *host, struct gremc_device *device)
{
	const struct gremc_link_config *link_config = &device->link_config;

	gremc_assert_control_thread();
	for (uint32_t i = 0; link_config->missing && i < link_config->route_count; i++) {
		const struct gremc_link_route *route = &link_config->routes[i];
		char text[GREMC_PREFIX_TEXT];

		if (!link_config->missing[i] ||
		    gremc_route_set(&host->netlink, device->ifindex, route, GREMC_ROUTE_ADD))
			continue;
		link_config->missing[i] = false;
		GREMC_LOG_LIMITED(NOTICE, "%s: the route to %s is set now", device->name,
				  gremc_prefix_format(text, &route->to));
	}
}
