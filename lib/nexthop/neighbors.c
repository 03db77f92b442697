/* SPDX-License-Identifier: BSD-3-Clause */
/* The neighbours that tunnels send to, and the kernel's table of them. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "nexthop/nexthop_priv.h"

struct neighbor_key {
	uint32_t ifindex;
	struct gremc_addr address;
};
static_assert(sizeof(struct neighbor_key) == sizeof(uint32_t) + sizeof(struct gremc_addr),
	      "the hash compares the key's bytes, so it has no padding");

static struct gremc_nexthop_neighbor *neighbor_find(const struct gremc_nexthops *nexthops, unsigned ifindex,
						    const struct gremc_addr *address)
{
	const struct neighbor_key key = {ifindex, *address};
	void *neighbor;

	return rte_hash_lookup_data(nexthops->neighbors, &key, &neighbor) >= 0 ? neighbor : NULL;
}

static void neighbor_probe(struct gremc_nexthops *nexthops, struct gremc_nexthop_neighbor *neighbor,
			   uint64_t now)
{
	int rc = gremc_neighbor_use(nexthops->context.netlink, neighbor->ifindex, &neighbor->address);

	/* the next poll tries again */
	if (rc)
		GREMC_LOG(DEBUG, "cannot make the kernel probe a neighbour: %s", strerror(-rc));
	neighbor->probed = now;
}

static bool probe_is_due(const struct gremc_nexthop_neighbor *neighbor, uint64_t now)
{
	return now - neighbor->probed >= GREMC_PROBE_INTERVAL;
}

/* A static neighbour of the configuration overrides the kernel's entry. */
static const struct rte_ether_addr *neighbor_static_mac(const struct gremc_nexthops *nexthops,
							const struct gremc_nexthop_neighbor *neighbor)
{
	if (neighbor->address.family != GREMC_FAMILY_IPV4)
		return NULL;
	return gremc_config_neighbor_find(&nexthops->config->ports[neighbor->port],
					  gremc_addr_to_ipv4(&neighbor->address));
}

static void neighbor_state_set(struct gremc_nexthops *nexthops, struct gremc_nexthop_neighbor *neighbor,
			       const struct gremc_neighbor *entry)
{
	const struct rte_ether_addr *mac = neighbor_static_mac(nexthops, neighbor);
	bool valid = mac || entry->state & GREMC_NUD_VALID;

	if (mac == NULL)
		mac = &entry->mac;

	nexthops->stale_count -= neighbor->state == NUD_STALE;
	neighbor->state = entry->state;
	nexthops->stale_count += neighbor->state == NUD_STALE;
	nexthops->unresolved_count += (int)neighbor->resolved - (int)valid;
	neighbor->resolved = valid;
	if (gremc_adjacency_resolve(nexthops->context.vifs, neighbor->adjacency, valid ? mac : NULL))
		GREMC_LOG_LIMITED(ERR, "out of memory: a next hop keeps its old MAC");
	gremc_rcu_commit(nexthops->context.rcu);
}

static void neighbor_refresh(struct gremc_nexthops *nexthops, struct gremc_nexthop_neighbor *neighbor)
{
	struct gremc_neighbor entry;

	neighbor->refreshed = gremc_clock_ms();
	/* after an error the entry's state is NUD_NONE */
	(void)gremc_neighbor_get(nexthops->context.netlink, neighbor->ifindex, &neighbor->address, &entry);
	neighbor_state_set(nexthops, neighbor, &entry);
	if (!neighbor->resolved)
		neighbor_probe(nexthops, neighbor, gremc_clock_ms());
}

int gremc_nexthop_adjacency_get(const struct gremc_nexthops *nexthops, uint16_t port,
				const struct gremc_addr *address, uint32_t *adjacency)
{
	const struct gremc_port *p = nexthops->context.ports->port[port];
	struct gremc_vifs *vifs = nexthops->context.vifs;

	if (address->family == GREMC_FAMILY_IPV4)
		return gremc_adjacency_get(vifs, port, gremc_addr_to_ipv4(address), &p->mac, p->vlan,
					   adjacency);
	return gremc_adjacency_get6(vifs, port, address->bytes, &p->mac, p->vlan, adjacency);
}

static struct gremc_nexthop_neighbor *neighbor_create(struct gremc_nexthops *nexthops, uint16_t port,
						      unsigned ifindex, const struct gremc_addr *address)
{
	const struct neighbor_key key = {ifindex, *address};
	struct gremc_nexthop_neighbor *neighbor = calloc(1, sizeof(*neighbor));

	gremc_assert(ifindex != 0);
	if (neighbor == NULL)
		return NULL;
	*neighbor = (struct gremc_nexthop_neighbor){.ifindex = ifindex, .address = *address, .port = port};
	if (gremc_nexthop_adjacency_get(nexthops, port, address, &neighbor->adjacency))
		goto fail;
	if (rte_hash_add_key_data(nexthops->neighbors, &key, neighbor)) {
		gremc_adjacency_release(nexthops->context.vifs, neighbor->adjacency);
		goto fail;
	}
	nexthops->unresolved_count++;
	neighbor_refresh(nexthops, neighbor);
	return neighbor;
fail:
	free(neighbor);
	return NULL;
}

struct gremc_nexthop_neighbor *gremc_nexthop_neighbor_get(struct gremc_nexthops *nexthops, uint16_t port,
							  unsigned ifindex, const struct gremc_addr *address)
{
	struct gremc_nexthop_neighbor *neighbor = neighbor_find(nexthops, ifindex, address);

	if (neighbor == NULL)
		neighbor = neighbor_create(nexthops, port, ifindex, address);
	if (neighbor)
		neighbor->users++;
	return neighbor;
}

void gremc_nexthop_neighbor_put(struct gremc_nexthops *nexthops, struct gremc_nexthop_neighbor *neighbor)
{
	struct neighbor_key key;

	gremc_assert(neighbor == NULL || neighbor->users > 0);
	if (neighbor == NULL || --neighbor->users > 0)
		return;
	key = (struct neighbor_key){neighbor->ifindex, neighbor->address};
	rte_hash_del_key(nexthops->neighbors, &key);
	nexthops->stale_count -= neighbor->state == NUD_STALE;
	nexthops->unresolved_count -= !neighbor->resolved;
	gremc_adjacency_release(nexthops->context.vifs, neighbor->adjacency);
	free(neighbor);
}

void gremc_nexthop_neighbor_check(struct gremc_nexthops *nexthops, struct gremc_nexthop_neighbor *neighbor,
				  uint64_t now)
{
	if (neighbor && now - neighbor->refreshed >= GREMC_FULL_CHECK_INTERVAL / 2)
		neighbor_refresh(nexthops, neighbor);
}

void gremc_nexthop_neighbor_update(struct gremc_nexthops *nexthops, const struct gremc_neighbor *entry)
{
	struct gremc_nexthop_neighbor *neighbor = neighbor_find(nexthops, entry->ifindex, &entry->address);
	uint64_t now = gremc_clock_ms();

	gremc_assert_control_thread();
	if (neighbor == NULL)
		return;
	neighbor_state_set(nexthops, neighbor, entry);
	if (!neighbor->resolved && probe_is_due(neighbor, now))
		neighbor_probe(nexthops, neighbor, now);
}

void gremc_nexthop_neighbors_refresh(struct gremc_nexthops *nexthops)
{
	uint32_t next = 0;
	const void *key;
	void *data;

	while (rte_hash_iterate(nexthops->neighbors, &key, &data, &next) >= 0)
		neighbor_refresh(nexthops, data);
}

static uint64_t vif_sent_packets(const struct gremc_worker_group *workers, uint32_t vif)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < workers->stats_count; i++)
		sum += gremc_counter_read(&workers->stats[i]->vif_hot[vif].tx_packets);
	return sum;
}

/* The kernel does not see the packets that the workers send, so it would let neighbours in use expire. */
static void stale_neighbors_confirm(struct gremc_nexthops *nexthops, uint64_t now)
{
	for (uint32_t i = 0; i < nexthops->binding_count; i++) {
		struct gremc_nexthop_binding *binding = &nexthops->bindings[i];
		uint64_t sent = vif_sent_packets(nexthops->context.workers, binding->vif);

		if (sent != binding->sent && binding->neighbor && binding->neighbor->state == NUD_STALE &&
		    probe_is_due(binding->neighbor, now))
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

		if (!neighbor->resolved && probe_is_due(neighbor, now))
			neighbor_probe(nexthops, neighbor, now);
	}
}

void gremc_nexthop_neighbors_poll(struct gremc_nexthops *nexthops, uint64_t now)
{
	gremc_assert_control_thread();
	if (now - nexthops->neighbors_polled < GREMC_NEIGHBOR_INTERVAL)
		return;
	nexthops->neighbors_polled = now;
	if (nexthops->stale_count)
		stale_neighbors_confirm(nexthops, now);
	if (nexthops->unresolved_count)
		unresolved_neighbors_probe(nexthops, now);
}
