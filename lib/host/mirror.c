/* SPDX-License-Identifier: BSD-3-Clause */
/* The kernel's routes and neighbours as adjacencies. A target is a tunnel, which the kernel's routes lead by
 * a hop; a hop is a neighbour of a port, with one adjacency for all tunnels that go by it. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <rte_malloc.h>

#include "host/mirror_priv.h"

#define VALID_STATES (NUD_REACHABLE | NUD_STALE | NUD_DELAY | NUD_PROBE | NUD_PERMANENT | NUD_NOARP)

/* Milliseconds between two askings for one neighbour: the kernel itself asks once a second, three times. */
#define ASK_INTERVAL 1000

/* The next hop of a tunnel that the kernel has no route for: never resolved. */
#define NO_ROUTE RTE_BE32(0xffffffff)

/* ---- hops ---- */

struct hop_key {
	uint32_t ifindex;
	struct in6_addr address;
};

static struct gremc_hop *find_hop(const struct gremc_mirror *mirror, unsigned ifindex,
				  const struct in6_addr *address)
{
	const struct hop_key key = {ifindex, *address};
	void *hop;

	return rte_hash_lookup_data(mirror->hops, &key, &hop) >= 0 ? hop : NULL;
}

static void ask(struct gremc_mirror *mirror, struct gremc_hop *hop, uint64_t now)
{
	int rc = gremc_neighbor_use(&mirror->host->netlink, hop->ifindex, &hop->address);

	/* it is asked again in any case */
	if (rc)
		GREMC_LOG(DEBUG, "a neighbour cannot be asked for: %s", strerror(-rc));
	hop->asked = now;
}

/* The configuration's neighbour wins. */
static const struct rte_ether_addr *static_mac(const struct gremc_mirror *mirror, const struct gremc_hop *hop)
{
	if (!IN6_IS_ADDR_V4MAPPED(&hop->address))
		return NULL;
	return gremc_config_neighbor(&mirror->config->ports[hop->port], gremc_ip_unmapped(&hop->address));
}

static void learn(struct gremc_mirror *mirror, struct gremc_hop *hop, const struct gremc_neighbor *neighbor)
{
	const struct rte_ether_addr *mac = static_mac(mirror, hop);
	bool valid = mac || neighbor->state & VALID_STATES;

	if (mac == NULL)
		mac = &neighbor->mac;

	mirror->stale_count -= hop->state == NUD_STALE;
	hop->state = neighbor->state;
	mirror->stale_count += hop->state == NUD_STALE;
	mirror->unresolved_count += (int)hop->resolved - (int)valid;
	hop->resolved = valid;
	if (gremc_adjacency_resolve(mirror->host->parts.vifs, hop->adjacency, valid ? mac : NULL))
		GREMC_LOG_LIMITED(ERR, "out of memory: a next hop keeps its old MAC");
	gremc_rcu_commit(mirror->rcu);
}

static void refresh(struct gremc_mirror *mirror, struct gremc_hop *hop)
{
	struct gremc_neighbor neighbor;

	hop->read = gremc_host_now();
	/* an error is that the kernel has none, which the neighbour's state says, too */
	(void)gremc_neighbor_get(&mirror->host->netlink, hop->ifindex, &hop->address, &neighbor);
	learn(mirror, hop, &neighbor);
	if (!hop->resolved)
		ask(mirror, hop, gremc_host_now());
}

static int hold_adjacency(struct gremc_mirror *mirror, uint16_t port, const struct in6_addr *next_hop,
			  uint32_t *adjacency)
{
	const struct gremc_port *p = mirror->host->parts.ports->port[port];
	struct gremc_vifs *vifs = mirror->host->parts.vifs;

	if (IN6_IS_ADDR_V4MAPPED(next_hop))
		return gremc_adjacency_get(vifs, port, gremc_ip_unmapped(next_hop), &p->mac, p->vlan,
					   adjacency);
	return gremc_adjacency_get6(vifs, port, next_hop->s6_addr, &p->mac, p->vlan, adjacency);
}

static struct gremc_hop *make_hop(struct gremc_mirror *mirror, uint16_t port, unsigned ifindex,
				  const struct in6_addr *address)
{
	const struct hop_key key = {ifindex, *address};
	struct gremc_hop *hop = calloc(1, sizeof(*hop));

	if (hop == NULL)
		return NULL;
	*hop = (struct gremc_hop){.ifindex = ifindex, .address = *address, .port = port};
	if (hold_adjacency(mirror, port, address, &hop->adjacency))
		goto fail;
	if (rte_hash_add_key_data(mirror->hops, &key, hop)) {
		gremc_adjacency_put(mirror->host->parts.vifs, hop->adjacency);
		goto fail;
	}
	mirror->unresolved_count++;
	refresh(mirror, hop);
	return hop;
fail:
	free(hop);
	return NULL;
}

static void put_hop(struct gremc_mirror *mirror, struct gremc_hop *hop)
{
	struct hop_key key;

	if (hop == NULL || --hop->users > 0)
		return;
	key = (struct hop_key){hop->ifindex, hop->address};
	rte_hash_del_key(mirror->hops, &key);
	mirror->stale_count -= hop->state == NUD_STALE;
	mirror->unresolved_count -= !hop->resolved;
	gremc_adjacency_put(mirror->host->parts.vifs, hop->adjacency);
	free(hop);
}

/* ---- targets ---- */

static uint16_t port_of(const struct gremc_mirror *mirror, unsigned ifindex)
{
	for (uint16_t i = 0; i < RTE_DIM(mirror->ifindex); i++)
		if (ifindex && mirror->ifindex[i] == ifindex)
			return i;
	return GREMC_PORT_NONE;
}

/* The tunnel sends by this neighbour from its next packet on. */
static void lead(struct gremc_mirror *mirror, const struct gremc_target *target, uint16_t port,
		 const struct in6_addr *next_hop)
{
	struct gremc_vifs *vifs = mirror->host->parts.vifs;
	uint32_t adjacency;

	if (hold_adjacency(mirror, port, next_hop, &adjacency))
		GREMC_LOG_LIMITED(ERR, "out of memory: a tunnel keeps its old next hop");
	else if (adjacency == gremc_vif_adjacency(vifs, target->vif))
		gremc_adjacency_put(vifs, adjacency);
	else
		gremc_tunnel_reroute(vifs, target->vif, adjacency);
}

int gremc_mirror_next_hop(struct gremc_mirror *mirror, const struct gremc_config *config,
			  const struct gremc_config_tunnel *tunnel, uint32_t *adjacency)
{
	struct gremc_vifs *vifs = mirror->host->parts.vifs;
	const struct in6_addr none = gremc_ip_mapped(NO_ROUTE);
	const struct rte_ether_addr *mac = NULL;
	struct gremc_neighbor neighbor;
	uint16_t port = GREMC_PORT_NONE;
	struct gremc_way way;
	int rc;

	if (gremc_route_lookup(&mirror->host->netlink, tunnel->remote, tunnel->local,
			       mirror->vrf[tunnel->port], &way) == 0)
		port = port_of(mirror, way.ifindex);
	if (port == GREMC_PORT_NONE)
		return hold_adjacency(mirror, tunnel->port, &none, adjacency);
	if (IN6_IS_ADDR_UNSPECIFIED(&way.via))
		way.via = gremc_ip_mapped(tunnel->remote);
	rc = hold_adjacency(mirror, port, &way.via, adjacency);
	if (rc || vifs->adjacency[*adjacency]->known)
		return rc;
	if (IN6_IS_ADDR_V4MAPPED(&way.via))
		mac = gremc_config_neighbor(&config->ports[port], gremc_ip_unmapped(&way.via));
	if (mac == NULL) {
		/* an error is that the kernel has none, which the neighbour's state says, too */
		(void)gremc_neighbor_get(&mirror->host->netlink, way.ifindex, &way.via, &neighbor);
		mac = neighbor.state & VALID_STATES ? &neighbor.mac : NULL;
	}
	/* without memory for it the mirror resolves the next hop a little later */
	if (mac && gremc_adjacency_resolve(vifs, *adjacency, mac) == 0)
		gremc_rcu_commit(mirror->rcu);
	return 0;
}

/* The hop by which the kernel sends to the target, held once more; NULL: none of our ports. */
static struct gremc_hop *hold_hop(struct gremc_mirror *mirror, struct gremc_target *target)
{
	uint16_t port = GREMC_PORT_NONE;
	struct gremc_hop *hop;
	struct gremc_way way;

	target->elsewhere = 0;
	if (gremc_route_lookup(&mirror->host->netlink, target->remote, target->local,
			       mirror->vrf[target->port], &way) == 0)
		port = port_of(mirror, way.ifindex);
	else
		way.ifindex = 0;
	if (port == GREMC_PORT_NONE) {
		target->elsewhere = way.ifindex;
		return NULL;
	}
	if (IN6_IS_ADDR_UNSPECIFIED(&way.via))
		way.via = gremc_ip_mapped(target->remote);
	hop = find_hop(mirror, way.ifindex, &way.via);
	if (hop == NULL)
		hop = make_hop(mirror, port, way.ifindex, &way.via);
	if (hop)
		hop->users++;
	return hop;
}

static void route_target(struct gremc_mirror *mirror, struct gremc_target *target)
{
	struct gremc_hop *hop = hold_hop(mirror, target);
	struct in6_addr none = gremc_ip_mapped(NO_ROUTE);

	if (hop)
		lead(mirror, target, hop->port, &hop->address);
	else
		lead(mirror, target, target->port, &none);
	put_hop(mirror, target->hop);
	target->hop = hop;
}

/* ---- changed routes ---- */

static bool is_affected(const struct gremc_changes *changes, const struct gremc_target *target)
{
	if (changes->all)
		return true;
	for (uint32_t i = 0; i < changes->count; i++)
		if (gremc_prefix_covers(&changes->to[i], target->remote))
			return true;
	return false;
}

/* No event announces everything: a redirect, the end of an exception of the path, a setting. */
static void check_hop(struct gremc_mirror *mirror, struct gremc_hop *hop, uint64_t now)
{
	if (hop && now - hop->read >= CHECK_INTERVAL / 2)
		refresh(mirror, hop);
}

static void begin_pass(struct gremc_mirror *mirror, uint64_t now, bool checking)
{
	mirror->pass = mirror->changes;
	mirror->pass.all |= checking;
	mirror->changes = (struct gremc_changes){0};
	mirror->passing = true;
	mirror->checking = checking;
	mirror->cursor = 0;
	mirror->pass_began = now;
	for (uint16_t i = 0; checking && i < RTE_DIM(mirror->ifindex); i++)
		mirror->vrf[i] = gremc_link_vrf(&mirror->host->netlink, mirror->ifindex[i]);
}

/* Tunnels without a next hop lose all their packets, and the kernel's routes say why. */
static void report_astray(struct gremc_mirror *mirror)
{
	const struct gremc_target *first = NULL;
	char text[GREMC_IPV4_TEXT], name[IF_NAMESIZE];
	uint32_t count = 0;

	for (uint32_t i = 0; i < mirror->target_count; i++) {
		if (mirror->targets[i].hop)
			continue;
		if (count++ == 0)
			first = &mirror->targets[i];
	}
	if (count > mirror->astray &&
	    (first->elsewhere == 0 || if_indextoname(first->elsewhere, name) == NULL))
		GREMC_LOG_LIMITED(
			WARNING,
			"%u tunnels have no next hop, and lose their replicas as no_adjacency: the kernel has no "
			"route to %s%s",
			count, gremc_ipv4_format(text, first->remote), count > 1 ? " and others" : "");
	else if (count > mirror->astray)
		GREMC_LOG_LIMITED(
			WARNING,
			"%u tunnels have no next hop, and lose their replicas as no_adjacency: the kernel's route to "
			"%s%s leads by %s, which is no port of the configuration",
			count, gremc_ipv4_format(text, first->remote), count > 1 ? " and others" : "", name);
	mirror->astray = count;
}

/* Some of the present pass. */
static void go_on(struct gremc_mirror *mirror, uint64_t now)
{
	for (uint32_t lookups = 0; mirror->cursor < mirror->target_count; mirror->cursor++) {
		struct gremc_target *target = &mirror->targets[mirror->cursor];

		if (!is_affected(&mirror->pass, target))
			continue;
		if (lookups++ == ROUTE_SLICE)
			break;
		route_target(mirror, target);
		if (mirror->checking)
			check_hop(mirror, target->hop, now);
	}
	gremc_rcu_commit(mirror->rcu);
	if (mirror->cursor < mirror->target_count)
		return;
	mirror->passing = false;
	mirror->pass_ended = gremc_host_now();
	if (mirror->checking) {
		report_astray(mirror);
		mirror->checked = mirror->pass_ended;
	}
}

/* ---- keeping neighbours fresh ---- */

static uint64_t sent_by(const struct gremc_worker_group *workers, uint32_t vif)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < workers->stats_count; i++)
		sum += gremc_counter_read(&workers->stats[i]->vif_hot[vif].tx_packets);
	return sum;
}

/* The kernel sees none of the packets that go by its neighbours: it is told of those that are stale and used.
 */
static void confirm_used(struct gremc_mirror *mirror, uint64_t now)
{
	for (uint32_t i = 0; i < mirror->target_count; i++) {
		struct gremc_target *target = &mirror->targets[i];
		uint64_t sent = sent_by(mirror->host->parts.workers, target->vif);

		if (sent != target->sent && target->hop && target->hop->state == NUD_STALE &&
		    now - target->hop->asked >= ASK_INTERVAL)
			ask(mirror, target->hop, now);
		target->sent = sent;
	}
}

static void ask_again(struct gremc_mirror *mirror, uint64_t now)
{
	uint32_t next = 0;
	const void *key;
	void *data;

	while (rte_hash_iterate(mirror->hops, &key, &data, &next) >= 0) {
		struct gremc_hop *hop = data;

		if (!hop->resolved && now - hop->asked >= ASK_INTERVAL)
			ask(mirror, hop, now);
	}
}

/* ---- what the kernel says ---- */

void gremc_mirror_neighbor(struct gremc_mirror *mirror, const struct gremc_neighbor *neighbor)
{
	struct gremc_hop *hop = find_hop(mirror, neighbor->ifindex, &neighbor->address);
	uint64_t now = gremc_host_now();

	if (hop == NULL)
		return;
	learn(mirror, hop, neighbor);
	if (!hop->resolved && now - hop->asked >= ASK_INTERVAL)
		ask(mirror, hop, now);
}

void gremc_mirror_route(struct gremc_mirror *mirror, const struct gremc_prefix *to)
{
	struct gremc_changes *changes = &mirror->changes;

	if (changes->count < RTE_DIM(changes->to))
		changes->to[changes->count++] = *to;
	else
		changes->all = true;
}

void gremc_mirror_all_changed(struct gremc_mirror *mirror)
{
	mirror->changes.all = true;
}

void gremc_mirror_port(struct gremc_mirror *mirror, uint16_t port, unsigned ifindex)
{
	if (mirror->ifindex[port] == ifindex)
		return;
	mirror->ifindex[port] = ifindex;
	mirror->vrf[port] = gremc_link_vrf(&mirror->host->netlink, ifindex);
	gremc_mirror_all_changed(mirror);
}

void gremc_mirror_interface(struct gremc_mirror *mirror, uint16_t port, const char *name)
{
	snprintf(mirror->interface[port], sizeof(mirror->interface[port]), "%s", name);
	gremc_mirror_port(mirror, port, if_nametoindex(name));
}

bool gremc_mirror_has_interface(const struct gremc_mirror *mirror, uint16_t port)
{
	return mirror->interface[port][0] != '\0';
}

void gremc_mirror_link(struct gremc_mirror *mirror, const struct gremc_link *link, bool gone)
{
	for (uint16_t i = 0; i < RTE_DIM(mirror->ifindex); i++) {
		if (strcmp(mirror->interface[i], link->name) == 0) {
			gremc_mirror_port(mirror, i, gone ? 0 : link->ifindex);
			/* one that is removed goes down first; the port works on without it */
			gremc_host_port_down(mirror->host, i, !gone && !(link->flags & IFF_UP));
		}
		if (mirror->ifindex[i] == link->ifindex)
			mirror->vrf[i] = link->in_vrf ? link->master : 0;
	}
	/* routes go with any link, and the kernel announces none of them */
	gremc_mirror_all_changed(mirror);
}

/* After an overrun nothing is known for sure: look at everything again. */
static void resynchronise(struct gremc_mirror *mirror)
{
	uint32_t next = 0;
	const void *key;
	void *data;

	__atomic_add_fetch(&mirror->overruns, 1, __ATOMIC_RELAXED);
	GREMC_LOG_LIMITED(NOTICE,
			  "netlink: more changes at once than could be read; looking at everything again");
	for (uint16_t i = 0; i < RTE_DIM(mirror->ifindex); i++)
		if (gremc_mirror_has_interface(mirror, i))
			gremc_mirror_port(mirror, i, if_nametoindex(mirror->interface[i]));
	gremc_mirror_all_changed(mirror);
	while (rte_hash_iterate(mirror->hops, &key, &data, &next) >= 0)
		refresh(mirror, data);
	gremc_host_resynchronise(mirror->host);
	mirror->overrun = false;
}

uint64_t gremc_mirror_overruns(const struct gremc_mirror *mirror)
{
	return __atomic_load_n(&mirror->overruns, __ATOMIC_RELAXED);
}

/* ---- its life ---- */

struct gremc_mirror *gremc_mirror_create(struct gremc_host *host)
{
	struct rte_hash_parameters parameters = {
		.name = "gremc_hops",
		.entries = GREMC_ADJACENCIES_MAX,
		.key_len = sizeof(struct hop_key),
		.socket_id = SOCKET_ID_ANY,
	};
	struct gremc_mirror *mirror = calloc(1, sizeof(*mirror));

	if (mirror == NULL)
		return NULL;
	mirror->host = host;
	mirror->rcu = host->parts.rcu;
	mirror->hops = rte_hash_create(&parameters);
	if (mirror->hops && gremc_events_open(mirror) == 0)
		return mirror;
	gremc_mirror_destroy(mirror);
	return NULL;
}

void gremc_mirror_destroy(struct gremc_mirror *mirror)
{
	if (mirror == NULL)
		return;
	for (uint32_t i = 0; i < mirror->target_count; i++)
		put_hop(mirror, mirror->targets[i].hop);
	gremc_events_close(mirror);
	rte_hash_free(mirror->hops);
	free(mirror->targets);
	free(mirror);
}

static bool is_mirrored(const struct gremc_mirror *mirror, const struct gremc_config *config,
			const struct gremc_config_tunnel *tunnel)
{
	return gremc_host_is_mirrored(mirror->host, config, tunnel->port) &&
	       gremc_config_way(&config->ports[tunnel->port], tunnel->remote).mac == NULL;
}

int gremc_mirror_apply(struct gremc_mirror *mirror, const struct gremc_config *config, const uint32_t *vif)
{
	struct gremc_target *targets = calloc(config->tunnel_count + 1, sizeof(*targets)),
			    *old = mirror->targets;
	uint32_t count = 0, old_count = mirror->target_count;

	if (targets == NULL)
		return -ENOMEM;
	mirror->config = config;
	for (uint32_t i = 0; i < config->tunnel_count; i++) {
		const struct gremc_config_tunnel *tunnel = &config->tunnels[i];

		if (!is_mirrored(mirror, config, tunnel))
			continue;
		targets[count] = (struct gremc_target){.vif = vif[i],
						       .port = tunnel->port,
						       .local = tunnel->local,
						       .remote = tunnel->remote};
		route_target(mirror, &targets[count++]);
	}
	mirror->targets = targets;
	mirror->target_count = count;
	mirror->passing = false;
	mirror->checked = gremc_host_now();
	/* the new ones hold what is still used */
	for (uint32_t i = 0; i < old_count; i++)
		put_hop(mirror, old[i].hop);
	free(old);
	gremc_rcu_commit(mirror->rcu);
	return 0;
}

static bool is_check_due(const struct gremc_mirror *mirror, uint64_t now)
{
	return now - mirror->checked >= CHECK_INTERVAL;
}

/* Milliseconds until the next pass may begin; -1: none is due. */
static int until_pass(const struct gremc_mirror *mirror, uint64_t now)
{
	uint64_t took = mirror->pass_ended - mirror->pass_began;
	uint64_t next = mirror->pass_ended + RTE_MAX((uint64_t)ROUTE_INTERVAL, took * ROUTE_SHARE);

	if (mirror->target_count == 0)
		return -1;
	if (!is_check_due(mirror, now) && !mirror->changes.all && mirror->changes.count == 0)
		next = RTE_MAX(next, mirror->checked + CHECK_INTERVAL);
	return now < next ? (int)(next - now) : 0;
}

/* Returns as gremc_mirror_run(). */
static int run_routes(struct gremc_mirror *mirror, uint64_t now)
{
	int wait = mirror->passing ? 0 : until_pass(mirror, now);

	if (wait)
		return wait;
	if (!mirror->passing)
		begin_pass(mirror, now, is_check_due(mirror, now));
	go_on(mirror, now);
	return mirror->passing ? 0 : until_pass(mirror, gremc_host_now());
}

int gremc_mirror_run(struct gremc_mirror *mirror, uint64_t now)
{
	int wait;

	if (mirror->overrun)
		resynchronise(mirror);
	wait = run_routes(mirror, now);
	if (mirror->stale_count == 0 && mirror->unresolved_count == 0)
		return wait;
	if (now - mirror->ticked >= TICK_INTERVAL) {
		mirror->ticked = now;
		if (mirror->stale_count)
			confirm_used(mirror, now);
		if (mirror->unresolved_count)
			ask_again(mirror, now);
	}
	return wait < 0 ? TICK_INTERVAL : RTE_MIN(wait, TICK_INTERVAL);
}
