/* SPDX-License-Identifier: BSD-3-Clause */
/* Addresses and routes of a device, from one plan to the next. The kernel marks what a plan gave with
 * GREMC_RTPROT, so a later start removes or replaces what an earlier one has left. What an operator or
 * another program has set stays, and is reported when it is in the way. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "host/host_priv.h"

static bool link_address_is_equal(const struct gremc_link_address *a, const struct gremc_link_address *b)
{
	return a->address == b->address && a->length == b->length && a->peer == b->peer;
}

static bool link_config_has_address(const struct gremc_link_config *link_config,
				    const struct gremc_link_address *address)
{
	for (uint32_t i = 0; i < link_config->address_count; i++)
		if (link_address_is_equal(&link_config->addresses[i], address))
			return true;
	return false;
}

static bool prefix_is_equal(const struct gremc_prefix *a, const struct gremc_prefix *b)
{
	return a->address == b->address && a->length == b->length;
}

static bool link_config_has_route(const struct gremc_link_config *link_config, const struct gremc_prefix *to)
{
	for (uint32_t i = 0; i < link_config->route_count; i++)
		if (prefix_is_equal(&link_config->routes[i].to, to))
			return true;
	return false;
}

static void device_prefix_warn(const struct gremc_device *device, const char *what, rte_be32_t address,
			       uint8_t length, int rc)
{
	const struct gremc_prefix prefix = {address, length};
	char text[GREMC_PREFIX_TEXT];

	if (rc)
		GREMC_LOG(WARNING, "%s: cannot %s %s: %s", device->name, what,
			  gremc_prefix_format(text, &prefix), strerror(-rc));
}

/* ---- addresses ---- */

/* Looks for an address with the same local part and length. */
struct address_search {
	const struct gremc_link_address *configured;
	struct gremc_link_address found;
	uint8_t protocol;
	bool is_same, is_there;
};

static void address_search_match(void *argument, const struct gremc_link_address *address, uint8_t protocol)
{
	struct address_search *search = argument;

	search->is_same |= link_address_is_equal(address, search->configured);
	if (address->address != search->configured->address || address->length != search->configured->length)
		return;
	search->found = *address;
	search->protocol = protocol;
	search->is_there = true;
}

static void device_peer_warn(const struct gremc_device *device, const struct gremc_link_address *configured,
			     const struct gremc_link_address *found)
{
	const struct gremc_prefix prefix = {configured->address, configured->length};
	char text[GREMC_PREFIX_TEXT], peer[GREMC_IPV4_TEXT];

	GREMC_LOG(
		WARNING,
		"%s: the address %s is not set as configured: it is there with %s %s, which the configuration "
		"did not give; `ip addr del` removes it",
		device->name, gremc_prefix_format(text, &prefix), found->peer ? "the peer" : "no peer",
		found->peer ? gremc_ipv4_format(peer, found->peer) : "");
}

static void device_address_add(struct gremc_host *host, const struct gremc_device *device,
			       const struct gremc_link_address *address)
{
	struct address_search search = {.configured = address};
	int rc = gremc_address_set(&host->netlink, device->ifindex, address, true);

	if (rc == -EEXIST) {
		rc = gremc_address_each(&host->netlink, device->ifindex, address_search_match, &search);
		if (rc == 0 && search.is_same)
			return;
		if (rc == 0 && search.is_there && search.protocol != GREMC_RTPROT) {
			device_peer_warn(device, address, &search.found);
			return;
		}
		if (rc == 0 && search.is_there)
			rc = gremc_address_set(&host->netlink, device->ifindex, &search.found, false);
		if (rc == 0)
			rc = gremc_address_set(&host->netlink, device->ifindex, address, true);
	}
	device_prefix_warn(device, "add the address", address->address, address->length, rc);
}

/* ---- routes ---- */

/* What the kernel has for each destination of a plan. */
struct route_search {
	const struct gremc_device *device;
	const struct gremc_link_config *link_config;
	struct gremc_kernel_route *there; /* [route of the plan]; the first of several */
	bool *is_there, *is_same;
};

static void route_search_match(void *argument, const struct gremc_kernel_route *route)
{
	struct route_search *search = argument;

	for (uint32_t i = 0; i < search->link_config->route_count; i++) {
		const struct gremc_link_route *configured = &search->link_config->routes[i];

		/* routes of other metrics are no obstacle */
		if (route->metric || !prefix_is_equal(&configured->to, &route->to))
			continue;
		if (!search->is_there[i])
			search->there[i] = *route;
		search->is_there[i] = true;
		search->is_same[i] |= route->is_unicast && route->via == configured->via &&
				      route->ifindex == search->device->ifindex;
	}
}

/* Whether this or an earlier start has set it for this device. */
static bool route_is_own(const struct gremc_device *device, const struct gremc_kernel_route *route)
{
	return route->protocol == GREMC_RTPROT && route->ifindex == device->ifindex;
}

/* Whether an earlier start has set it for a device that no program holds any more. */
static bool route_is_abandoned(const struct gremc_host *host, const struct gremc_kernel_route *route)
{
	char name[IF_NAMESIZE];

	return route->protocol == GREMC_RTPROT && if_indextoname(route->ifindex, name) &&
	       gremc_host_device_find(host, name) == NULL && gremc_tap_is_abandoned(name);
}

static const char *gateway_format(char *text, rte_be32_t via)
{
	return via ? gremc_ipv4_format(text, via) : "no gateway";
}

static void device_route_warn(const struct gremc_device *device, const struct gremc_link_route *configured,
			      const struct gremc_kernel_route *there)
{
	char to[GREMC_PREFIX_TEXT], via[GREMC_IPV4_TEXT], other[GREMC_IPV4_TEXT], name[IF_NAMESIZE];

	if (there->ifindex == 0 || if_indextoname(there->ifindex, name) == NULL)
		snprintf(name, sizeof(name), "%s", "no one device");
	GREMC_LOG(
		WARNING,
		"%s: the route to %s via %s is not set: the kernel has one via %s on %s, which the configuration "
		"did not give. The kernel and the tunnels go by that one until it is removed or has a metric",
		device->name, gremc_prefix_format(to, &configured->to), gateway_format(via, configured->via),
		gateway_format(other, there->via), name);
}

/* Returns whether the route is set. */
static bool device_route_replace(struct gremc_host *host, const struct gremc_device *device,
				 const struct gremc_link_route *route, const struct gremc_kernel_route *there)
{
	int rc;

	if (!route_is_own(device, there) && !route_is_abandoned(host, there)) {
		device_route_warn(device, route, there);
		return false;
	}
	rc = gremc_route_set(&host->netlink, device->ifindex, route, GREMC_ROUTE_REPLACE);
	device_prefix_warn(device, "replace the route to", route->to.address, route->to.length, rc);
	return rc == 0;
}

/* Whether the search has found a route of the program's own for each that was refused. */
static bool route_search_is_complete(const struct route_search *search, const bool *refused)
{
	for (uint32_t i = 0; i < search->link_config->route_count; i++)
		if (refused[i] && !search->is_there[i])
			return false;
	return true;
}

/* The routes that the kernel refuses because their destinations have some. Most often they are the program's
 * own, and the kernel finds those without a copy of its whole table. */
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

static void device_routes_add(struct gremc_host *host, const struct gremc_device *device,
			      struct gremc_link_config *link_config)
{
	bool *refused = calloc(link_config->route_count + 1, sizeof(*refused)), any = false;
	int rc = -ENOMEM;

	free(link_config->missing); /* of a device that is made again */
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
			device_prefix_warn(device, "add the route to", route->to.address, route->to.length,
					   rc);
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

/* ---- plans ---- */

void gremc_device_config_apply(struct gremc_host *host, struct gremc_device *device,
			       struct gremc_link_config *link_config)
{
	const struct gremc_link_config *old = &device->link_config;

	/* What the configuration no longer has goes, what it never had is the operator's and stays. A route
	 * to a destination that stays is replaced below, without a gap. */
	for (uint32_t i = 0; i < old->route_count; i++)
		if (!link_config_has_route(link_config, &old->routes[i].to))
			device_prefix_warn(device, "remove the route to", old->routes[i].to.address,
					   old->routes[i].to.length,
					   gremc_route_set(&host->netlink, device->ifindex, &old->routes[i],
							   GREMC_ROUTE_REMOVE));
	for (uint32_t i = 0; i < link_config->address_count; i++)
		device_address_add(host, device, &link_config->addresses[i]);
	for (uint32_t i = 0; i < old->address_count; i++)
		if (!link_config_has_address(link_config, &old->addresses[i]))
			device_prefix_warn(device, "remove the address", old->addresses[i].address,
					   old->addresses[i].length,
					   gremc_address_set(&host->netlink, device->ifindex,
							     &old->addresses[i], false));
	device_routes_add(host, device, link_config);
	gremc_link_config_fini(&device->link_config);
	device->link_config = *link_config;
	*link_config = (struct gremc_link_config){0};
}

/* What is there of earlier starts, as it is being collected. */
struct own_config_search {
	const struct gremc_device *device;
	struct gremc_link_config link_config;
	bool no_memory;
};

static void own_address_collect(void *argument, const struct gremc_link_address *address, uint8_t protocol)
{
	struct own_config_search *own_config_search = argument;
	struct gremc_link_config *link_config = &own_config_search->link_config;
	struct gremc_link_address *more;

	if (protocol != GREMC_RTPROT)
		return;
	more = realloc(link_config->addresses, (link_config->address_count + 1) * sizeof(*more));
	if (more == NULL) {
		own_config_search->no_memory = true;
		return;
	}
	link_config->addresses = more;
	more[link_config->address_count++] = *address;
}

static void own_route_collect(void *argument, const struct gremc_kernel_route *route)
{
	struct own_config_search *own_config_search = argument;
	struct gremc_link_config *link_config = &own_config_search->link_config;
	struct gremc_link_route *more;

	if (!route_is_own(own_config_search->device, route))
		return;
	more = realloc(link_config->routes, (link_config->route_count + 1) * sizeof(*more));
	if (more == NULL) {
		own_config_search->no_memory = true;
		return;
	}
	link_config->routes = more;
	more[link_config->route_count++] = (struct gremc_link_route){.to = route->to, .via = route->via};
}

int gremc_device_config_read(struct gremc_host *host, struct gremc_device *device)
{
	struct own_config_search own_config_search = {.device = device};
	int rc = gremc_address_each(&host->netlink, device->ifindex, own_address_collect, &own_config_search);

	if (rc == 0)
		rc = gremc_route_each(&host->netlink, device->ifindex, GREMC_RTPROT, own_route_collect,
				      &own_config_search);
	if (rc == 0 && own_config_search.no_memory)
		rc = -ENOMEM;
	if (rc) {
		gremc_link_config_fini(&own_config_search.link_config);
		return rc;
	}
	gremc_link_config_fini(&device->link_config);
	device->link_config = own_config_search.link_config;
	return 0;
}

void gremc_link_config_fini(struct gremc_link_config *link_config)
{
	free(link_config->addresses);
	free(link_config->routes);
	free(link_config->missing);
	*link_config = (struct gremc_link_config){0};
}
