/* SPDX-License-Identifier: BSD-3-Clause */
/* The budget of the memberships of all interfaces, and the share of each. A route ((*,G) or (S,G)) costs
 * GREMC_COST_ROUTE, and each holder (a membership or source that requests the route) costs 1. So many sites
 * in the same groups cost little, and the number of routes is bounded.
 *
 * The cost of a route is charged to its payer: an interface of one of its holders with a low cost. If the
 * budget is exhausted, a request is granted if another interface has a higher cost than the requesting one
 * would have; the interface with the highest cost loses its latest grants. Otherwise the request is refused.
 * An interface with a lower cost than the others loses nothing, so the shares are max-min fair.
 *
 * A step takes O(log interfaces), and a request takes as many steps as it costs. The joins of the
 * configuration are always granted and charged to no interface. */
#include <stdlib.h>

#include "igmp/igmp_priv.h"

#define REFILL_INTERVAL 10000u /* least interval of queries after a refusal, milliseconds */
#define PAYERS          64u    /* holders that are compared to find a payer */

/* ---- heap of interfaces, the largest cost at the root ---- */

static void heap_set(struct budget *budget, uint32_t at, struct interface *interface)
{
	budget->heap[at] = interface;
	interface->heap_at = at;
}

static void heap_up(struct budget *budget, struct interface *interface)
{
	uint32_t at = interface->heap_at;

	while (at > 0 && budget->heap[(at - 1) / 2]->cost < interface->cost) {
		heap_set(budget, at, budget->heap[(at - 1) / 2]);
		at = (at - 1) / 2;
	}
	heap_set(budget, at, interface);
}

static void heap_down(struct budget *budget, struct interface *interface)
{
	uint32_t at = interface->heap_at, child;

	while ((child = 2 * at + 1) < budget->heap_count) {
		child += child + 1 < budget->heap_count &&
			 budget->heap[child + 1]->cost > budget->heap[child]->cost;
		if (budget->heap[child]->cost <= interface->cost)
			break;
		heap_set(budget, at, budget->heap[child]);
		at = child;
	}
	heap_set(budget, at, interface);
}

int gremc_budget_reserve(struct gremc_igmp *igmp, uint32_t interfaces)
{
	struct interface **heap = realloc(igmp->budget.heap, interfaces * sizeof(struct interface *));

	if (heap == NULL)
		return -1;
	igmp->budget.heap = heap;
	return 0;
}

void gremc_budget_interface_add(struct gremc_igmp *igmp, struct interface *interface)
{
	heap_set(&igmp->budget, igmp->budget.heap_count++, interface); /* cost 0: a leaf */
}

void gremc_budget_interface_remove(struct gremc_igmp *igmp, struct interface *interface)
{
	struct budget *budget = &igmp->budget;
	struct interface *last = budget->heap[--budget->heap_count];

	gremc_assert(interface->granted == NULL && interface->cost == 0);
	if (last == interface)
		return;
	heap_set(budget, interface->heap_at, last);
	heap_up(budget, last);
	heap_down(budget, last);
}

static void interface_charge(struct gremc_igmp *igmp, struct interface *interface, int32_t cost)
{
	gremc_assert(cost > 0 || interface->cost >= (uint32_t)-cost);
	interface->cost += (uint32_t)cost;
	if (cost > 0)
		heap_up(&igmp->budget, interface);
	else
		heap_down(&igmp->budget, interface);
}

/* ---- routes ---- */

static uint64_t requested_route_key(rte_be32_t source, rte_be32_t group)
{
	return (uint64_t)source << 32 | group;
}

static struct requested_route *requested_route_find(const struct gremc_igmp *igmp, rte_be32_t source,
						    rte_be32_t group)
{
	struct gremc_map_node *node =
		gremc_map_find(&igmp->budget.routes, requested_route_key(source, group));

	return node ? container_of(node, struct requested_route, node) : NULL;
}

/* Returns: the interface with the least cost of the first PAYERS holders that are not pinned; NULL if none.
 */
static struct interface *route_payer_find(const struct requested_route *route)
{
	struct interface *payer = NULL;
	unsigned seen = 0;

	for (const struct holder *h = route->holders; h && seen < PAYERS; h = h->next, seen++)
		if (!h->is_pinned && (payer == NULL || h->interface->cost < payer->cost))
			payer = h->interface;
	return payer;
}

static void route_payer_set(struct gremc_igmp *igmp, struct requested_route *route, struct interface *payer)
{
	if (route->payer == payer)
		return;
	if (route->payer)
		interface_charge(igmp, route->payer, -(int32_t)GREMC_COST_ROUTE);
	route->payer = payer;
	if (payer)
		interface_charge(igmp, payer, GREMC_COST_ROUTE);
}

/* ---- grants of an interface, newest first ---- */

static void holder_granted_add(struct gremc_igmp *igmp, struct holder *holder)
{
	struct interface *interface = holder->interface;

	holder->next_granted = interface->granted;
	holder->previous_granted = &interface->granted;
	if (holder->next_granted)
		holder->next_granted->previous_granted = &holder->next_granted;
	interface->granted = holder;
	interface_charge(igmp, interface, 1);
}

static void holder_granted_remove(struct gremc_igmp *igmp, struct holder *holder)
{
	*holder->previous_granted = holder->next_granted;
	if (holder->next_granted)
		holder->next_granted->previous_granted = holder->previous_granted;
	interface_charge(igmp, holder->interface, -1);
}

/* ---- an exhausted budget ---- */

/* Count a refusal. The interface queries its members after other interfaces have released their share. */
static void interface_starve(struct gremc_igmp *igmp, struct interface *interface,
			     enum gremc_igmp_counter counter)
{
	gremc_igmp_counter_increment(interface, counter);
	igmp->budget.starved += !interface->is_starved;
	interface->is_starved = true;
}

static void interface_evict_newest(struct gremc_igmp *igmp, struct interface *interface)
{
	struct holder *holder = interface->granted;

	interface_starve(igmp, interface, GREMC_IGMP_COUNT_evicted);
	if (holder->is_source)
		gremc_source_evict(igmp, container_of(holder, struct source, holder));
	else
		gremc_membership_destroy(igmp, container_of(holder, struct membership, holder));
}

static bool budget_reclaim(struct gremc_igmp *igmp, const struct interface *interface, uint32_t cost)
{
	struct budget *budget = &igmp->budget;

	while (budget->used + cost > budget->limit) {
		struct interface *most = budget->heap[0];

		if (most->cost <= interface->cost + cost)
			return false;
		interface_evict_newest(igmp, most);
	}
	return true;
}

static uint64_t budget_slack(const struct budget *budget)
{
	return budget->limit / 64 + GREMC_COST_ROUTE;
}

/* After a release: schedule queries of the members of starved interfaces. */
static void budget_refill_schedule(struct gremc_igmp *igmp)
{
	struct budget *budget = &igmp->budget;

	if (budget->starved && budget->refill_timer.due == 0 &&
	    budget->used + budget_slack(budget) < budget->limit)
		gremc_timer_set(&igmp->wheel, &budget->refill_timer,
				RTE_MAX(igmp->now + GREMC_WHEEL_TICK, budget->refilled + REFILL_INTERVAL));
}

static void budget_refill_expire(struct gremc_igmp *igmp, struct gremc_timer *timer)
{
	struct budget *budget = container_of(timer, struct budget, refill_timer);

	if (budget->used + budget_slack(budget) >= budget->limit)
		return;
	budget->refilled = igmp->now;
	budget->starved = 0;
	for (uint32_t i = 0; i < igmp->interface_limit; i++) {
		struct interface *interface = igmp->interfaces[i];

		if (interface == NULL || !interface->is_starved)
			continue;
		interface->is_starved = false;
		gremc_querier_query_now(igmp, interface);
	}
}

/* ---- holders ---- */

bool gremc_holder_add(struct gremc_igmp *igmp, struct interface *interface, struct holder *holder,
		      rte_be32_t source, rte_be32_t group, bool is_pinned)
{
	struct budget *budget = &igmp->budget;
	struct requested_route *route = requested_route_find(igmp, source, group);
	uint32_t cost = 1 + (route ? 0 : GREMC_COST_ROUTE);

	gremc_assert_locked(&igmp->lock);
	if (!is_pinned && !budget_reclaim(igmp, interface, cost)) {
		interface_starve(igmp, interface, GREMC_IGMP_COUNT_budget);
		return false;
	}
	/* an eviction may have freed the route */
	route = requested_route_find(igmp, source, group);
	if (route == NULL) {
		route = calloc(1, sizeof(*route));
		if (route == NULL) {
			gremc_igmp_counter_increment(interface, GREMC_IGMP_COUNT_no_memory);
			return false;
		}
		gremc_map_add(&budget->routes, &route->node, requested_route_key(source, group));
		budget->used += GREMC_COST_ROUTE;
	}
	*holder = (struct holder){.route = route,
				  .interface = interface,
				  .next = route->holders,
				  .previous = &route->holders,
				  .is_source = source != 0,
				  .is_pinned = is_pinned};
	if (holder->next)
		holder->next->previous = &holder->next;
	route->holders = holder;
	budget->used++;
	if (is_pinned)
		return true;
	holder_granted_add(igmp, holder);
	if (route->payer == NULL || interface->cost + GREMC_COST_ROUTE < route->payer->cost)
		route_payer_set(igmp, route, interface);
	return true;
}

void gremc_holder_remove(struct gremc_igmp *igmp, struct holder *holder)
{
	struct requested_route *route = holder->route;

	gremc_assert_locked(&igmp->lock);
	gremc_assert(igmp->budget.used > 0 && route->holders);
	*holder->previous = holder->next;
	if (holder->next)
		holder->next->previous = holder->previous;
	if (!holder->is_pinned)
		holder_granted_remove(igmp, holder);
	igmp->budget.used--;
	if (route->payer == holder->interface)
		route_payer_set(igmp, route, route_payer_find(route));
	if (route->holders == NULL) {
		gremc_map_remove(&igmp->budget.routes, &route->node);
		igmp->budget.used -= GREMC_COST_ROUTE;
		free(route);
	}
	budget_refill_schedule(igmp);
}

void gremc_holder_pin(struct gremc_igmp *igmp, struct holder *holder, bool is_pinned)
{
	struct requested_route *route = holder->route;

	gremc_assert_locked(&igmp->lock);
	if (holder->is_pinned == is_pinned)
		return;
	holder->is_pinned = is_pinned;
	if (is_pinned)
		holder_granted_remove(igmp, holder);
	else
		holder_granted_add(igmp, holder);
	if (route->payer == NULL || route->payer == holder->interface)
		route_payer_set(igmp, route, route_payer_find(route));
}

/* ---- the budget ---- */

int gremc_budget_init(struct gremc_igmp *igmp)
{
	igmp->budget.limit = UINT64_MAX / 2;
	igmp->budget.refill_timer.expire = budget_refill_expire;
	return gremc_map_init(&igmp->budget.routes);
}

void gremc_budget_fini(struct gremc_igmp *igmp)
{
	gremc_assert(igmp->budget.used == 0);
	gremc_map_fini(&igmp->budget.routes);
	free(igmp->budget.heap);
}

void gremc_budget_set(struct gremc_igmp *igmp, uint32_t routes)
{
	struct budget *budget = &igmp->budget;

	budget->limit = (uint64_t)routes * (GREMC_COST_ROUTE + 1);
	while (budget->used > budget->limit && budget->heap_count && budget->heap[0]->granted)
		interface_evict_newest(igmp, budget->heap[0]);
	budget_refill_schedule(igmp);
}
