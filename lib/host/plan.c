/* SPDX-License-Identifier: BSD-3-Clause */
/* Addresses and routes of a device, from one plan to the next. The kernel marks what a plan gave with
 * GREMC_PROTOCOL, so a later start removes or replaces what an earlier one has left. What an operator or
 * another program has set stays, and is reported when it is in the way. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "host/host_priv.h"

static bool same_address(const struct gremc_link_address *a, const struct gremc_link_address *b)
{
	return a->address == b->address && a->length == b->length && a->peer == b->peer;
}

static bool has_address(const struct gremc_link_plan *plan, const struct gremc_link_address *address)
{
	for (uint32_t i = 0; i < plan->address_count; i++)
		if (same_address(&plan->addresses[i], address))
			return true;
	return false;
}

static bool same_prefix(const struct gremc_prefix *a, const struct gremc_prefix *b)
{
	return a->address == b->address && a->length == b->length;
}

static bool has_destination(const struct gremc_link_plan *plan, const struct gremc_prefix *to)
{
	for (uint32_t i = 0; i < plan->route_count; i++)
		if (same_prefix(&plan->routes[i].to, to))
			return true;
	return false;
}

static void complain(const struct gremc_device *device, const char *what, rte_be32_t address, uint8_t length,
		     int rc)
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
	const struct gremc_link_address *wanted;
	struct gremc_link_address found;
	uint8_t protocol;
	bool is_same, is_there;
};

static void match_address(void *argument, const struct gremc_link_address *address, uint8_t protocol)
{
	struct address_search *search = argument;

	search->is_same |= same_address(address, search->wanted);
	if (address->address != search->wanted->address || address->length != search->wanted->length)
		return;
	search->found = *address;
	search->protocol = protocol;
	search->is_there = true;
}

static void complain_of_peer(const struct gremc_device *device, const struct gremc_link_address *wanted,
			     const struct gremc_link_address *found)
{
	const struct gremc_prefix prefix = {wanted->address, wanted->length};
	char text[GREMC_PREFIX_TEXT], peer[GREMC_IPV4_TEXT];

	GREMC_LOG(
		WARNING,
		"%s: the address %s is not set as configured: it is there with %s %s, which the configuration "
		"did not give; `ip addr del` removes it",
		device->name, gremc_prefix_format(text, &prefix), found->peer ? "the peer" : "no peer",
		found->peer ? gremc_ipv4_format(peer, found->peer) : "");
}

static void add_address(struct gremc_host *host, const struct gremc_device *device,
			const struct gremc_link_address *address)
{
	struct address_search search = {.wanted = address};
	int rc = gremc_address_set(&host->netlink, device->ifindex, address, true);

	if (rc == -EEXIST) {
		rc = gremc_address_each(&host->netlink, device->ifindex, match_address, &search);
		if (rc == 0 && search.is_same)
			return;
		if (rc == 0 && search.is_there && search.protocol != GREMC_PROTOCOL) {
			complain_of_peer(device, address, &search.found);
			return;
		}
		if (rc == 0 && search.is_there)
			rc = gremc_address_set(&host->netlink, device->ifindex, &search.found, false);
		if (rc == 0)
			rc = gremc_address_set(&host->netlink, device->ifindex, address, true);
	}
	complain(device, "add the address", address->address, address->length, rc);
}

/* ---- routes ---- */

/* What the kernel has for each destination of a plan. */
struct route_search {
	const struct gremc_device *device;
	const struct gremc_link_plan *plan;
	struct gremc_kernel_route *there; /* [route of the plan]; the first of several */
	bool *is_there, *is_same;
};

static void match_route(void *argument, const struct gremc_kernel_route *route)
{
	struct route_search *search = argument;

	for (uint32_t i = 0; i < search->plan->route_count; i++) {
		const struct gremc_link_route *wanted = &search->plan->routes[i];

		/* routes of other metrics are no obstacle */
		if (route->metric || !same_prefix(&wanted->to, &route->to))
			continue;
		if (!search->is_there[i])
			search->there[i] = *route;
		search->is_there[i] = true;
		search->is_same[i] |= route->is_unicast && route->via == wanted->via &&
				      route->ifindex == search->device->ifindex;
	}
}

/* Whether this or an earlier start has set it for this device. */
static bool is_own(const struct gremc_device *device, const struct gremc_kernel_route *route)
{
	return route->protocol == GREMC_PROTOCOL && route->ifindex == device->ifindex;
}

/* Whether an earlier start has set it for a device that no program holds any more. */
static bool is_abandoned(const struct gremc_host *host, const struct gremc_kernel_route *route)
{
	char name[IF_NAMESIZE];

	return route->protocol == GREMC_PROTOCOL && if_indextoname(route->ifindex, name) &&
	       gremc_host_find_device(host, name) == NULL && gremc_device_is_abandoned(name);
}

static const char *via_text(char *text, rte_be32_t via)
{
	return via ? gremc_ipv4_format(text, via) : "no gateway";
}

static void complain_of_route(const struct gremc_device *device, const struct gremc_link_route *wanted,
			      const struct gremc_kernel_route *there)
{
	char to[GREMC_PREFIX_TEXT], via[GREMC_IPV4_TEXT], other[GREMC_IPV4_TEXT], name[IF_NAMESIZE];

	if (there->ifindex == 0 || if_indextoname(there->ifindex, name) == NULL)
		snprintf(name, sizeof(name), "%s", "no one device");
	GREMC_LOG(
		WARNING,
		"%s: the route to %s via %s is not set: the kernel has one via %s on %s, which the configuration "
		"did not give. The kernel and the tunnels go by that one until it is removed or has a metric",
		device->name, gremc_prefix_format(to, &wanted->to), via_text(via, wanted->via),
		via_text(other, there->via), name);
}

/* Returns whether the route is set. */
static bool settle_route(struct gremc_host *host, const struct gremc_device *device,
			 const struct gremc_link_route *route, const struct gremc_kernel_route *there)
{
	int rc;

	if (!is_own(device, there) && !is_abandoned(host, there)) {
		complain_of_route(device, route, there);
		return false;
	}
	rc = gremc_route_set(&host->netlink, device->ifindex, route, GREMC_ROUTE_REPLACE);
	complain(device, "replace the route to", route->to.address, route->to.length, rc);
	return rc == 0;
}

/* Whether the search has found a route of the program's own for each that was refused. */
static bool is_complete(const struct route_search *search, const bool *refused)
{
	for (uint32_t i = 0; i < search->plan->route_count; i++)
		if (refused[i] && !search->is_there[i])
			return false;
	return true;
}

/* The routes that the kernel refuses because their destinations have some. Most often they are the program's
 * own, and the kernel finds those without a copy of its whole table. */
static int compare_routes(struct gremc_host *host, const struct gremc_device *device,
			  const struct gremc_link_plan *plan, const bool *refused, bool *missing)
{
	struct route_search search = {
		.device = device,
		.plan = plan,
		.there = calloc(plan->route_count, sizeof(*search.there)),
		.is_there = calloc(plan->route_count, sizeof(*search.is_there)),
		.is_same = calloc(plan->route_count, sizeof(*search.is_same)),
	};
	int rc = -ENOMEM;

	if (search.there && search.is_there && search.is_same)
		rc = gremc_route_each(&host->netlink, device->ifindex, GREMC_PROTOCOL, match_route, &search);
	if (rc == 0 && !is_complete(&search, refused))
		rc = gremc_route_each(&host->netlink, 0, 0, match_route, &search);
	for (uint32_t i = 0; rc == 0 && i < plan->route_count; i++)
		if (refused[i])
			missing[i] = !search.is_same[i] &&
				     !(search.is_there[i] &&
				       settle_route(host, device, &plan->routes[i], &search.there[i]));
	free(search.there);
	free(search.is_there);
	free(search.is_same);
	return rc;
}

static void add_routes(struct gremc_host *host, const struct gremc_device *device,
		       struct gremc_link_plan *plan)
{
	bool *refused = calloc(plan->route_count + 1, sizeof(*refused)), any = false;
	int rc = -ENOMEM;

	free(plan->missing); /* of a device that is made again */
	plan->missing = calloc(plan->route_count + 1, sizeof(*plan->missing));
	if (refused == NULL || plan->missing == NULL)
		goto fail;
	for (uint32_t i = 0; i < plan->route_count; i++) {
		const struct gremc_link_route *route = &plan->routes[i];

		rc = gremc_route_set(&host->netlink, device->ifindex, route, GREMC_ROUTE_ADD);
		plan->missing[i] = rc != 0;
		refused[i] = rc == -EEXIST;
		any |= refused[i];
		if (!refused[i])
			complain(device, "add the route to", route->to.address, route->to.length, rc);
	}
	rc = any ? compare_routes(host, device, plan, refused, plan->missing) : 0;
fail:
	if (rc)
		GREMC_LOG(WARNING, "%s: cannot compare its routes with the kernel's: %s", device->name,
			  strerror(-rc));
	free(refused);
}

void gremc_device_plan_retry(struct gremc_host *host, struct gremc_device *device)
{
	const struct gremc_link_plan *plan = &device->plan;

	for (uint32_t i = 0; plan->missing && i < plan->route_count; i++) {
		const struct gremc_link_route *route = &plan->routes[i];
		char text[GREMC_PREFIX_TEXT];

		if (!plan->missing[i] ||
		    gremc_route_set(&host->netlink, device->ifindex, route, GREMC_ROUTE_ADD))
			continue;
		plan->missing[i] = false;
		GREMC_LOG_LIMITED(NOTICE, "%s: the route to %s is set now", device->name,
				  gremc_prefix_format(text, &route->to));
	}
}

/* ---- plans ---- */

void gremc_device_plan(struct gremc_host *host, struct gremc_device *device, struct gremc_link_plan *plan)
{
	const struct gremc_link_plan *old = &device->plan;

	/* What the configuration no longer has goes, what it never had is the operator's and stays. A route
	 * to a destination that stays is replaced below, without a gap. */
	for (uint32_t i = 0; i < old->route_count; i++)
		if (!has_destination(plan, &old->routes[i].to))
			complain(device, "remove the route to", old->routes[i].to.address,
				 old->routes[i].to.length,
				 gremc_route_set(&host->netlink, device->ifindex, &old->routes[i],
						 GREMC_ROUTE_REMOVE));
	for (uint32_t i = 0; i < plan->address_count; i++)
		add_address(host, device, &plan->addresses[i]);
	for (uint32_t i = 0; i < old->address_count; i++)
		if (!has_address(plan, &old->addresses[i]))
			complain(device, "remove the address", old->addresses[i].address,
				 old->addresses[i].length,
				 gremc_address_set(&host->netlink, device->ifindex, &old->addresses[i],
						   false));
	add_routes(host, device, plan);
	gremc_link_plan_fini(&device->plan);
	device->plan = *plan;
	*plan = (struct gremc_link_plan){0};
}

/* What is there of earlier starts, as it is being collected. */
struct collection {
	const struct gremc_device *device;
	struct gremc_link_plan plan;
	bool no_memory;
};

static void collect_address(void *argument, const struct gremc_link_address *address, uint8_t protocol)
{
	struct collection *collection = argument;
	struct gremc_link_plan *plan = &collection->plan;
	struct gremc_link_address *more;

	if (protocol != GREMC_PROTOCOL)
		return;
	more = realloc(plan->addresses, (plan->address_count + 1) * sizeof(*more));
	if (more == NULL) {
		collection->no_memory = true;
		return;
	}
	plan->addresses = more;
	more[plan->address_count++] = *address;
}

static void collect_route(void *argument, const struct gremc_kernel_route *route)
{
	struct collection *collection = argument;
	struct gremc_link_plan *plan = &collection->plan;
	struct gremc_link_route *more;

	if (!is_own(collection->device, route))
		return;
	more = realloc(plan->routes, (plan->route_count + 1) * sizeof(*more));
	if (more == NULL) {
		collection->no_memory = true;
		return;
	}
	plan->routes = more;
	more[plan->route_count++] = (struct gremc_link_route){.to = route->to, .via = route->via};
}

int gremc_device_plan_read(struct gremc_host *host, struct gremc_device *device)
{
	struct collection collection = {.device = device};
	int rc = gremc_address_each(&host->netlink, device->ifindex, collect_address, &collection);

	if (rc == 0)
		rc = gremc_route_each(&host->netlink, device->ifindex, GREMC_PROTOCOL, collect_route,
				      &collection);
	if (rc == 0 && collection.no_memory)
		rc = -ENOMEM;
	if (rc) {
		gremc_link_plan_fini(&collection.plan);
		return rc;
	}
	gremc_link_plan_fini(&device->plan);
	device->plan = collection.plan;
	return 0;
}

void gremc_link_plan_fini(struct gremc_link_plan *plan)
{
	free(plan->addresses);
	free(plan->routes);
	free(plan->missing);
	*plan = (struct gremc_link_plan){0};
}
