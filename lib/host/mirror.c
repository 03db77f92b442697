/* SPDX-License-Identifier: BSD-3-Clause */
/* The kernel's routes and neighbours as adjacencies. A target is a tunnel, which the kernel's routes lead by
 * a hop; a hop is a neighbour of a port, with one adjacency for all tunnels that go by it. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <rte_malloc.h>

#include "host/mirror_priv.h"

#define NUD_VALID_STATES (NUD_REACHABLE | NUD_STALE | NUD_DELAY | NUD_PROBE | NUD_PERMANENT | NUD_NOARP)

/* Milliseconds between two askings for one neighbour: the kernel itself asks once a second, three times. */
#define PROBE_INTERVAL 1000

/* The next hop of a tunnel that the kernel has no route for: never resolved. */
#define NO_ROUTE RTE_BE32(0xffffffff)

/* ---- hops ---- */

struct neighbor_key {
	uint32_t ifindex;
	struct in6_addr address;
};

static struct gremc_nexthop_neighbor *neighbor_find(const struct gremc_nexthops *nexthops, unsigned ifindex,
						    const struct in6_addr *address)
{
	const struct neighbor_key key = {ifindex, *address};
	void *neighbor;

	return rte_hash_lookup_data(nexthops->neighbors, &key, &neighbor) >= 0 ? neighbor : NULL;
}

static void neighbor_probe(struct gremc_nexthops *nexthops, struct gremc_nexthop_neighbor *neighbor,
			   uint64_t now)
{
	int rc = gremc_neighbor_use(&nexthops->host->netlink, neighbor->ifindex, &neighbor->address);

	/* it is asked again in any case */
	if (rc)
		GREMC_LOG(DEBUG, "a neighbour cannot be asked for: %s", strerror(-rc));
	neighbor->probed = now;
}

/* The configuration's neighbour wins. */
static const struct rte_ether_addr *neighbor_static_mac(const struct gremc_nexthops *nexthops,
							const struct gremc_nexthop_neighbor *neighbor)
{
	if (!IN6_IS_ADDR_V4MAPPED(&neighbor->address))
		return NULL;
	return gremc_config_neighbor(&nexthops->config->ports[neighbor->port],
				     gremc_ipv4_from_mapped(&neighbor->address));
}

static void neighbor_state_set(struct gremc_nexthops *nexthops, struct gremc_nexthop_neighbor *neighbor,
			       const struct gremc_neighbor *entry)
{
	const struct rte_ether_addr *mac = neighbor_static_mac(nexthops, neighbor);
	bool valid = mac || entry->state & NUD_VALID_STATES;

	if (mac == NULL)
		mac = &entry->mac;

	nexthops->stale_count -= neighbor->state == NUD_STALE;
	neighbor->state = entry->state;
	nexthops->stale_count += neighbor->state == NUD_STALE;
	nexthops->unresolved_count += (int)neighbor->resolved - (int)valid;
	neighbor->resolved = valid;
	if (gremc_adjacency_resolve(nexthops->host->context.vifs, neighbor->adjacency, valid ? mac : NULL))
		GREMC_LOG_LIMITED(ERR, "out of memory: a next hop keeps its old MAC");
	gremc_rcu_commit(nexthops->rcu);
}

static void neighbor_refresh(struct gremc_nexthops *nexthops, struct gremc_nexthop_neighbor *neighbor)
{
	struct gremc_neighbor entry;

	neighbor->refreshed = gremc_clock_ms();
	/* an error is that the kernel has none, which the neighbour's state says, too */
	(void)gremc_neighbor_get(&nexthops->host->netlink, neighbor->ifindex, &neighbor->address, &entry);
	neighbor_state_set(nexthops, neighbor, &entry);
	if (!neighbor->resolved)
		neighbor_probe(nexthops, neighbor, gremc_clock_ms());
}

static int adjacency_hold(struct gremc_nexthops *nexthops, uint16_t port, const struct in6_addr *next_hop,
			  uint32_t *adjacency)
{
	const struct gremc_port *p = nexthops->host->context.ports->port[port];
	struct gremc_vifs *vifs = nexthops->host->context.vifs;

	if (IN6_IS_ADDR_V4MAPPED(next_hop))
		return gremc_adjacency_get(vifs, port, gremc_ipv4_from_mapped(next_hop), &p->mac, p->vlan,
					   adjacency);
	return gremc_adjacency_get6(vifs, port, next_hop->s6_addr, &p->mac, p->vlan, adjacency);
}

static struct gremc_nexthop_neighbor *neighbor_create(struct gremc_nexthops *nexthops, uint16_t port,
						      unsigned ifindex, const struct in6_addr *address)
{
	const struct neighbor_key key = {ifindex, *address};
	struct gremc_nexthop_neighbor *neighbor = calloc(1, sizeof(*neighbor));

	if (neighbor == NULL)
		return NULL;
	*neighbor = (struct gremc_nexthop_neighbor){.ifindex = ifindex, .address = *address, .port = port};
	if (adjacency_hold(nexthops, port, address, &neighbor->adjacency))
		goto fail;
	if (rte_hash_add_key_data(nexthops->neighbors, &key, neighbor)) {
		gremc_adjacency_put(nexthops->host->context.vifs, neighbor->adjacency);
		goto fail;
	}
	nexthops->unresolved_count++;
	neighbor_refresh(nexthops, neighbor);
	return neighbor;
fail:
	free(neighbor);
	return NULL;
}

static void neighbor_release(struct gremc_nexthops *nexthops, struct gremc_nexthop_neighbor *neighbor)
{
	struct neighbor_key key;

	if (neighbor == NULL || --neighbor->users > 0)
		return;
	key = (struct neighbor_key){neighbor->ifindex, neighbor->address};
	rte_hash_del_key(nexthops->neighbors, &key);
	nexthops->stale_count -= neighbor->state == NUD_STALE;
	nexthops->unresolved_count -= !neighbor->resolved;
	gremc_adjacency_put(nexthops->host->context.vifs, neighbor->adjacency);
	free(neighbor);
}

/* ---- targets ---- */

static uint16_t port_by_ifindex(const struct gremc_nexthops *nexthops, unsigned ifindex)
{
	for (uint16_t i = 0; i < RTE_DIM(nexthops->ifindex); i++)
		if (ifindex && nexthops->ifindex[i] == ifindex)
			return i;
	return GREMC_PORT_NONE;
}

/* The tunnel sends by this neighbour from its next packet on. */
static void binding_adjacency_set(struct gremc_nexthops *nexthops,
				  const struct gremc_nexthop_binding *binding, uint16_t port,
				  const struct in6_addr *next_hop)
{
	struct gremc_vifs *vifs = nexthops->host->context.vifs;
	uint32_t adjacency;

	if (adjacency_hold(nexthops, port, next_hop, &adjacency))
		GREMC_LOG_LIMITED(ERR, "out of memory: a tunnel keeps its old next hop");
	else if (adjacency == gremc_vif_adjacency(vifs, binding->vif))
		gremc_adjacency_put(vifs, adjacency);
	else
		gremc_tunnel_reroute(vifs, binding->vif, adjacency);
}

int gremc_nexthops_tunnel_adjacency(struct gremc_nexthops *nexthops, const struct gremc_config *config,
				    const struct gremc_config_tunnel *tunnel, uint32_t *adjacency)
{
	struct gremc_vifs *vifs = nexthops->host->context.vifs;
	const struct in6_addr none = gremc_ipv4_to_mapped(NO_ROUTE);
	const struct rte_ether_addr *mac = NULL;
	struct gremc_neighbor entry;
	uint16_t port = GREMC_PORT_NONE;
	struct gremc_kernel_next_hop next_hop;
	int rc;

	if (gremc_route_lookup(&nexthops->host->netlink, tunnel->remote, tunnel->local,
			       nexthops->vrf[tunnel->port], &next_hop) == 0)
		port = port_by_ifindex(nexthops, next_hop.ifindex);
	if (port == GREMC_PORT_NONE)
		return adjacency_hold(nexthops, tunnel->port, &none, adjacency);
	if (IN6_IS_ADDR_UNSPECIFIED(&next_hop.via))
		next_hop.via = gremc_ipv4_to_mapped(tunnel->remote);
	rc = adjacency_hold(nexthops, port, &next_hop.via, adjacency);
	if (rc || vifs->adjacency[*adjacency]->known)
		return rc;
	if (IN6_IS_ADDR_V4MAPPED(&next_hop.via))
		mac = gremc_config_neighbor(&config->ports[port], gremc_ipv4_from_mapped(&next_hop.via));
	if (mac == NULL) {
		/* an error is that the kernel has none, which the neighbour's state says, too */
		(void)gremc_neighbor_get(&nexthops->host->netlink, next_hop.ifindex, &next_hop.via, &entry);
		mac = entry.state & NUD_VALID_STATES ? &entry.mac : NULL;
	}
	/* without memory for it the mirror resolves the next hop a little later */
	if (mac && gremc_adjacency_resolve(vifs, *adjacency, mac) == 0)
		gremc_rcu_commit(nexthops->rcu);
	return 0;
}

/* The hop by which the kernel sends to the target, held once more; NULL: none of our ports. */
static struct gremc_nexthop_neighbor *binding_neighbor_get(struct gremc_nexthops *nexthops,
							   struct gremc_nexthop_binding *binding)
{
	uint16_t port = GREMC_PORT_NONE;
	struct gremc_nexthop_neighbor *neighbor;
	struct gremc_kernel_next_hop next_hop;

	binding->other_ifindex = 0;
	if (gremc_route_lookup(&nexthops->host->netlink, binding->remote, binding->local,
			       nexthops->vrf[binding->port], &next_hop) == 0)
		port = port_by_ifindex(nexthops, next_hop.ifindex);
	else
		next_hop.ifindex = 0;
	if (port == GREMC_PORT_NONE) {
		binding->other_ifindex = next_hop.ifindex;
		return NULL;
	}
	if (IN6_IS_ADDR_UNSPECIFIED(&next_hop.via))
		next_hop.via = gremc_ipv4_to_mapped(binding->remote);
	neighbor = neighbor_find(nexthops, next_hop.ifindex, &next_hop.via);
	if (neighbor == NULL)
		neighbor = neighbor_create(nexthops, port, next_hop.ifindex, &next_hop.via);
	if (neighbor)
		neighbor->users++;
	return neighbor;
}

static void binding_route_update(struct gremc_nexthops *nexthops, struct gremc_nexthop_binding *binding)
{
	struct gremc_nexthop_neighbor *neighbor = binding_neighbor_get(nexthops, binding);
	struct in6_addr none = gremc_ipv4_to_mapped(NO_ROUTE);

	if (neighbor)
		binding_adjacency_set(nexthops, binding, neighbor->port, &neighbor->address);
	else
		binding_adjacency_set(nexthops, binding, binding->port, &none);
	neighbor_release(nexthops, binding->neighbor);
	binding->neighbor = neighbor;
}

/* ---- changed routes ---- */

static bool binding_is_affected(const struct gremc_nexthop_changes *changes,
				const struct gremc_nexthop_binding *binding)
{
	if (changes->all)
		return true;
	for (uint32_t i = 0; i < changes->count; i++)
		if (gremc_prefix_covers(&changes->to[i], binding->remote))
			return true;
	return false;
}

/* No event announces everything: a redirect, the end of an exception of the path, a setting. */
static void neighbor_check(struct gremc_nexthops *nexthops, struct gremc_nexthop_neighbor *neighbor,
			   uint64_t now)
{
	if (neighbor && now - neighbor->refreshed >= CHECK_INTERVAL / 2)
		neighbor_refresh(nexthops, neighbor);
}

static void route_pass_begin(struct gremc_nexthops *nexthops, uint64_t now, bool full_check)
{
	nexthops->pass = nexthops->changes;
	nexthops->pass.all |= full_check;
	nexthops->changes = (struct gremc_nexthop_changes){0};
	nexthops->pass_active = true;
	nexthops->full_check = full_check;
	nexthops->cursor = 0;
	nexthops->pass_began = now;
	for (uint16_t i = 0; full_check && i < RTE_DIM(nexthops->ifindex); i++)
		nexthops->vrf[i] = gremc_link_vrf(&nexthops->host->netlink, nexthops->ifindex[i]);
}

/* Tunnels without a next hop lose all their packets, and the kernel's routes say why. */
static void unrouted_bindings_report(struct gremc_nexthops *nexthops)
{
	const struct gremc_nexthop_binding *first = NULL;
	char text[GREMC_IPV4_TEXT], name[IF_NAMESIZE];
	uint32_t count = 0;

	for (uint32_t i = 0; i < nexthops->binding_count; i++) {
		if (nexthops->bindings[i].neighbor)
			continue;
		if (count++ == 0)
			first = &nexthops->bindings[i];
	}
	if (count > nexthops->unrouted_count &&
	    (first->other_ifindex == 0 || if_indextoname(first->other_ifindex, name) == NULL))
		GREMC_LOG_LIMITED(
			WARNING,
			"%u tunnels have no next hop, and lose their replicas as no_adjacency: the kernel has no "
			"route to %s%s",
			count, gremc_ipv4_format(text, first->remote), count > 1 ? " and others" : "");
	else if (count > nexthops->unrouted_count)
		GREMC_LOG_LIMITED(
			WARNING,
			"%u tunnels have no next hop, and lose their replicas as no_adjacency: the kernel's route to "
			"%s%s leads by %s, which is no port of the configuration",
			count, gremc_ipv4_format(text, first->remote), count > 1 ? " and others" : "", name);
	nexthops->unrouted_count = count;
}

/* Some of the present pass. */
static void route_pass_continue(struct gremc_nexthops *nexthops, uint64_t now)
{
	for (uint32_t lookups = 0; nexthops->cursor < nexthops->binding_count; nexthops->cursor++) {
		struct gremc_nexthop_binding *binding = &nexthops->bindings[nexthops->cursor];

		if (!binding_is_affected(&nexthops->pass, binding))
			continue;
		if (lookups++ == ROUTE_SLICE)
			break;
		binding_route_update(nexthops, binding);
		if (nexthops->full_check)
			neighbor_check(nexthops, binding->neighbor, now);
	}
	gremc_rcu_commit(nexthops->rcu);
	if (nexthops->cursor < nexthops->binding_count)
		return;
	nexthops->pass_active = false;
	nexthops->pass_ended = gremc_clock_ms();
	if (nexthops->full_check) {
		unrouted_bindings_report(nexthops);
		nexthops->full_check_ended = nexthops->pass_ended;
	}
}

/* ---- keeping neighbours fresh ---- */

static uint64_t vif_sent_packets(const struct gremc_worker_group *workers, uint32_t vif)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < workers->stats_count; i++)
		sum += gremc_counter_read(&workers->stats[i]->vif_hot[vif].tx_packets);
	return sum;
}

/* The kernel sees none of the packets that go by its neighbours: it is told of those that are stale and used.
 */
static void stale_neighbors_confirm(struct gremc_nexthops *nexthops, uint64_t now)
{
	for (uint32_t i = 0; i < nexthops->binding_count; i++) {
		struct gremc_nexthop_binding *binding = &nexthops->bindings[i];
		uint64_t sent = vif_sent_packets(nexthops->host->context.workers, binding->vif);

		if (sent != binding->sent && binding->neighbor && binding->neighbor->state == NUD_STALE &&
		    now - binding->neighbor->probed >= PROBE_INTERVAL)
			neighbor_probe(nexthops, binding->neighbor, now);
		binding->sent = sent;
	}
}

static void unresolved_neighbors_probe(struct gremc_nexthops *nexthops, uint64_t now)
{
	uint32_t next = 0;
	const void *key;
	void *data;

	while (rte_hash_iterate(nexthops->neighbors, &key, &data, &next) >= 0) {
		struct gremc_nexthop_neighbor *neighbor = data;

		if (!neighbor->resolved && now - neighbor->probed >= PROBE_INTERVAL)
			neighbor_probe(nexthops, neighbor, now);
	}
}

/* ---- what the kernel says ---- */

void gremc_nexthops_neighbor_update(struct gremc_nexthops *nexthops, const struct gremc_neighbor *entry)
{
	struct gremc_nexthop_neighbor *neighbor = neighbor_find(nexthops, entry->ifindex, &entry->address);
	uint64_t now = gremc_clock_ms();

	if (neighbor == NULL)
		return;
	neighbor_state_set(nexthops, neighbor, entry);
	if (!neighbor->resolved && now - neighbor->probed >= PROBE_INTERVAL)
		neighbor_probe(nexthops, neighbor, now);
}

void gremc_nexthops_route_changed(struct gremc_nexthops *nexthops, const struct gremc_prefix *to)
{
	struct gremc_nexthop_changes *changes = &nexthops->changes;

	if (changes->count < RTE_DIM(changes->to))
		changes->to[changes->count++] = *to;
	else
		changes->all = true;
}

void gremc_nexthops_all_changed(struct gremc_nexthops *nexthops)
{
	nexthops->changes.all = true;
}

void gremc_nexthops_port_ifindex_set(struct gremc_nexthops *nexthops, uint16_t port, unsigned ifindex)
{
	if (nexthops->ifindex[port] == ifindex)
		return;
	nexthops->ifindex[port] = ifindex;
	nexthops->vrf[port] = gremc_link_vrf(&nexthops->host->netlink, ifindex);
	gremc_nexthops_all_changed(nexthops);
}

void gremc_nexthops_port_interface_set(struct gremc_nexthops *nexthops, uint16_t port, const char *name)
{
	snprintf(nexthops->interface[port], sizeof(nexthops->interface[port]), "%s", name);
	gremc_nexthops_port_ifindex_set(nexthops, port, if_nametoindex(name));
}

bool gremc_nexthops_port_has_interface(const struct gremc_nexthops *nexthops, uint16_t port)
{
	return nexthops->interface[port][0] != '\0';
}

void gremc_nexthops_link_changed(struct gremc_nexthops *nexthops, const struct gremc_link *link, bool gone)
{
	for (uint16_t i = 0; i < RTE_DIM(nexthops->ifindex); i++) {
		if (strcmp(nexthops->interface[i], link->name) == 0) {
			gremc_nexthops_port_ifindex_set(nexthops, i, gone ? 0 : link->ifindex);
			/* one that is removed goes down first; the port works on without it */
			gremc_host_port_down_set(nexthops->host, i, !gone && !(link->flags & IFF_UP));
		}
		if (nexthops->ifindex[i] == link->ifindex)
			nexthops->vrf[i] = link->in_vrf ? link->master : 0;
	}
	/* routes go with any link, and the kernel announces none of them */
	gremc_nexthops_all_changed(nexthops);
}

/* After an overrun nothing is known for sure: look at everything again. */
static void nexthops_resync(struct gremc_nexthops *nexthops)
{
	uint32_t next = 0;
	const void *key;
	void *data;

	__atomic_add_fetch(&nexthops->overruns, 1, __ATOMIC_RELAXED);
	GREMC_LOG_LIMITED(NOTICE,
			  "netlink: more changes at once than could be read; looking at everything again");
	for (uint16_t i = 0; i < RTE_DIM(nexthops->ifindex); i++)
		if (gremc_nexthops_port_has_interface(nexthops, i))
			gremc_nexthops_port_ifindex_set(nexthops, i, if_nametoindex(nexthops->interface[i]));
	gremc_nexthops_all_changed(nexthops);
	while (rte_hash_iterate(nexthops->neighbors, &key, &data, &next) >= 0)
		neighbor_refresh(nexthops, data);
	gremc_host_devices_resync(nexthops->host);
	nexthops->overrun = false;
}

uint64_t gremc_nexthops_overruns_read(const struct gremc_nexthops *nexthops)
{
	return __atomic_load_n(&nexthops->overruns, __ATOMIC_RELAXED);
}

/* ---- its life ---- */

struct gremc_nexthops *gremc_nexthops_create(struct gremc_host *host)
{
	struct rte_hash_parameters parameters = {
		.name = "gremc_hops",
		.entries = GREMC_ADJACENCIES_MAX,
		.key_len = sizeof(struct neighbor_key),
		.socket_id = SOCKET_ID_ANY,
	};
	struct gremc_nexthops *nexthops = calloc(1, sizeof(*nexthops));

	if (nexthops == NULL)
		return NULL;
	nexthops->host = host;
	nexthops->rcu = host->context.rcu;
	nexthops->neighbors = rte_hash_create(&parameters);
	if (nexthops->neighbors && gremc_nexthops_events_open(nexthops) == 0)
		return nexthops;
	gremc_nexthops_destroy(nexthops);
	return NULL;
}

void gremc_nexthops_destroy(struct gremc_nexthops *nexthops)
{
	if (nexthops == NULL)
		return;
	for (uint32_t i = 0; i < nexthops->binding_count; i++)
		neighbor_release(nexthops, nexthops->bindings[i].neighbor);
	gremc_nexthops_events_close(nexthops);
	rte_hash_free(nexthops->neighbors);
	free(nexthops->bindings);
	free(nexthops);
}

static bool tunnel_follows_kernel(const struct gremc_nexthops *nexthops, const struct gremc_config *config,
				  const struct gremc_config_tunnel *tunnel)
{
	return gremc_host_port_follows_kernel(nexthops->host, config, tunnel->port) &&
	       gremc_config_way(&config->ports[tunnel->port], tunnel->remote).mac == NULL;
}

int gremc_nexthops_config_apply(struct gremc_nexthops *nexthops, const struct gremc_config *config,
				const uint32_t *vif)
{
	struct gremc_nexthop_binding *bindings = calloc(config->tunnel_count + 1, sizeof(*bindings)),
				     *old = nexthops->bindings;
	uint32_t count = 0, old_count = nexthops->binding_count;

	if (bindings == NULL)
		return -ENOMEM;
	nexthops->config = config;
	for (uint32_t i = 0; i < config->tunnel_count; i++) {
		const struct gremc_config_tunnel *tunnel = &config->tunnels[i];

		if (!tunnel_follows_kernel(nexthops, config, tunnel))
			continue;
		bindings[count] = (struct gremc_nexthop_binding){.vif = vif[i],
								 .port = tunnel->port,
								 .local = tunnel->local,
								 .remote = tunnel->remote};
		binding_route_update(nexthops, &bindings[count++]);
	}
	nexthops->bindings = bindings;
	nexthops->binding_count = count;
	nexthops->pass_active = false;
	nexthops->full_check_ended = gremc_clock_ms();
	/* the new ones hold what is still used */
	for (uint32_t i = 0; i < old_count; i++)
		neighbor_release(nexthops, old[i].neighbor);
	free(old);
	gremc_rcu_commit(nexthops->rcu);
	return 0;
}

static bool full_check_is_due(const struct gremc_nexthops *nexthops, uint64_t now)
{
	return now - nexthops->full_check_ended >= CHECK_INTERVAL;
}

/* Milliseconds until the next pass may begin; -1: none is due. */
static int route_pass_delay(const struct gremc_nexthops *nexthops, uint64_t now)
{
	uint64_t took = nexthops->pass_ended - nexthops->pass_began;
	uint64_t next = nexthops->pass_ended + RTE_MAX((uint64_t)ROUTE_INTERVAL, took * ROUTE_SHARE);

	if (nexthops->binding_count == 0)
		return -1;
	if (!full_check_is_due(nexthops, now) && !nexthops->changes.all && nexthops->changes.count == 0)
		next = RTE_MAX(next, nexthops->full_check_ended + CHECK_INTERVAL);
	return now < next ? (int)(next - now) : 0;
}

/* Returns as gremc_nexthops_poll(). */
static int route_pass_poll(struct gremc_nexthops *nexthops, uint64_t now)
{
	int wait = nexthops->pass_active ? 0 : route_pass_delay(nexthops, now);

	if (wait)
		return wait;
	if (!nexthops->pass_active)
		route_pass_begin(nexthops, now, full_check_is_due(nexthops, now));
	route_pass_continue(nexthops, now);
	return nexthops->pass_active ? 0 : route_pass_delay(nexthops, gremc_clock_ms());
}

int gremc_nexthops_poll(struct gremc_nexthops *nexthops, uint64_t now)
{
	int wait;

	if (nexthops->overrun)
		nexthops_resync(nexthops);
	wait = route_pass_poll(nexthops, now);
	if (nexthops->stale_count == 0 && nexthops->unresolved_count == 0)
		return wait;
	if (now - nexthops->neighbors_polled >= TICK_INTERVAL) {
		nexthops->neighbors_polled = now;
		if (nexthops->stale_count)
			stale_neighbors_confirm(nexthops, now);
		if (nexthops->unresolved_count)
			unresolved_neighbors_probe(nexthops, now);
	}
	return wait < 0 ? TICK_INTERVAL : RTE_MIN(wait, TICK_INTERVAL);
}
