/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <rte_malloc.h>

#include "vif/vif_priv.h"

struct adjacency_key {
	uint32_t port;
	rte_be32_t next_hop;
	uint8_t next_hop6[16]; /* 0 unless next_hop is GREMC_NEXT_HOP_IPV6 */
};

/* An adjacency that becomes ready after a grace period. */
struct becoming_ready {
	struct gremc_vifs *vifs;
	uint32_t index;
	const struct gremc_adjacency *published; /* on the first node */
};

int gremc_adjacencies_init(struct gremc_vifs *vifs)
{
	struct gremc_vifs_priv *priv = vifs->priv;
	char name[32];
	struct rte_hash_parameters parameters = {
		.name = name,
		.entries = GREMC_ADJACENCIES_MAX,
		.key_len = sizeof(struct adjacency_key),
		.socket_id = SOCKET_ID_ANY,
	};
	const size_t n = GREMC_ADJACENCIES_MAX;
	struct gremc_adjacency *reserved;

	snprintf(name, sizeof(name), "gremc_adj_%p", (void *)vifs);
	priv->adjacency_hash = rte_hash_create(&parameters);
	priv->adjacency_holds = gremc_memory_reserve(n * sizeof(*priv->adjacency_holds), SOCKET_ID_ANY);
	priv->adjacency_used = gremc_memory_reserve(n * sizeof(*priv->adjacency_used), SOCKET_ID_ANY);
	priv->adjacency_vlan = gremc_memory_reserve(n * sizeof(*priv->adjacency_vlan), SOCKET_ID_ANY);
	priv->adjacency_source = gremc_memory_reserve(n * sizeof(*priv->adjacency_source), SOCKET_ID_ANY);
	priv->retired_adjacencies =
		gremc_memory_reserve(n * sizeof(*priv->retired_adjacencies), SOCKET_ID_ANY);
	if (gremc_indexes_init(&priv->adjacency_indexes, GREMC_ADJACENCY_RESERVED) ||
	    priv->retired_adjacencies == NULL || priv->adjacency_hash == NULL ||
	    priv->adjacency_holds == NULL || priv->adjacency_used == NULL || priv->adjacency_vlan == NULL ||
	    priv->adjacency_source == NULL)
		return -ENOMEM;
	for (uint32_t i = 0; i < priv->nodes.count; i++) {
		struct gremc_vifs *node = priv->node[i];

		node->adjacency = gremc_memory_reserve(n * sizeof(*node->adjacency), priv->nodes.socket[i]);
		if (node->adjacency == NULL)
			return -ENOMEM;
		for (uint32_t k = GREMC_ADJACENCY_RESERVED; k < GREMC_ADJACENCIES_MAX; k++) {
			reserved = gremc_memory_zalloc(sizeof(*reserved), priv->nodes.socket[i]);
			if (reserved == NULL)
				return -ENOMEM;
			reserved->down = k == GREMC_ADJACENCY_DOWN;
			reserved->dead = k == GREMC_ADJACENCY_DEAD;
			gremc_pointer_store(&node->adjacency[k], reserved);
		}
	}
	return 0;
}

void gremc_adjacencies_fini(struct gremc_vifs *vifs)
{
	struct gremc_vifs_priv *priv = vifs->priv;
	const size_t n = GREMC_ADJACENCIES_MAX;

	for (uint32_t node = 0; node < priv->nodes.count; node++) {
		gremc_atomic_adjacency *adjacency = priv->node[node]->adjacency;

		for (uint32_t i = 0; adjacency && i < gremc_adjacency_limit(vifs); i++)
			rte_free(gremc_pointer_load(&adjacency[i]));
		for (uint32_t i = GREMC_ADJACENCY_RESERVED; adjacency && i < GREMC_ADJACENCIES_MAX; i++)
			rte_free(gremc_pointer_load(&adjacency[i]));
		gremc_memory_release(adjacency, n * sizeof(*adjacency));
	}
	rte_hash_free(priv->adjacency_hash);
	gremc_memory_release(priv->adjacency_holds, n * sizeof(*priv->adjacency_holds));
	gremc_memory_release(priv->adjacency_used, n * sizeof(*priv->adjacency_used));
	gremc_memory_release(priv->adjacency_vlan, n * sizeof(*priv->adjacency_vlan));
	gremc_memory_release(priv->adjacency_source, n * sizeof(*priv->adjacency_source));
	gremc_memory_release(priv->retired_adjacencies, n * sizeof(*priv->retired_adjacencies));
	gremc_indexes_fini(&priv->adjacency_indexes);
}

/* The L2 header towards `mac` (NULL: unknown), right-aligned. For native multicast, next hop 0, the
 * destination is each packet's own and the adjacency needs no resolving. */
static struct gremc_adjacency *adjacency_build(const struct gremc_vifs_priv *priv, int socket, uint32_t index,
					       const struct adjacency_key *key,
					       const struct rte_ether_addr *mac)
{
	struct gremc_adjacency *adjacency = gremc_memory_zalloc(sizeof(*adjacency), socket);
	const uint16_t vlan = priv->adjacency_vlan[index];
	struct rte_ether_hdr *ether;
	struct rte_vlan_hdr *tag;

	if (adjacency == NULL)
		return NULL;
	adjacency->l2_length = sizeof(*ether) + (vlan ? sizeof(*tag) : 0);
	adjacency->port = key->port;
	adjacency->next_hop = key->next_hop;
	memcpy(adjacency->next_hop6, key->next_hop6, sizeof(adjacency->next_hop6));
	adjacency->known = mac != NULL || key->next_hop == 0;
	adjacency->down = priv->port_down[key->port];
	adjacency->resolved = adjacency->ready = adjacency->known && !adjacency->down;
	ether = (struct rte_ether_hdr *)(adjacency->l2 + GREMC_L2_MAX - adjacency->l2_length);
	if (mac)
		ether->dst_addr = *mac;
	ether->src_addr = priv->adjacency_source[index];
	ether->ether_type = RTE_BE16(RTE_ETHER_TYPE_IPV4);
	if (vlan) {
		tag = (struct rte_vlan_hdr *)(ether + 1);
		ether->ether_type = RTE_BE16(RTE_ETHER_TYPE_VLAN);
		tag->vlan_tci = rte_cpu_to_be_16(vlan);
		tag->eth_proto = RTE_BE16(RTE_ETHER_TYPE_IPV4);
	}
	return adjacency;
}

static void adjacency_free_nodes(const struct gremc_vifs_priv *priv, struct gremc_adjacency *const *adjacency)
{
	for (uint32_t i = 0; i < priv->nodes.count; i++)
		rte_free(adjacency[i]);
}

/* Build one for each node, into made[].
 * Errors:  -ENOMEM: none is built. */
static int adjacency_build_nodes(const struct gremc_vifs_priv *priv, uint32_t index,
				 const struct adjacency_key *key, const struct rte_ether_addr *mac,
				 struct gremc_adjacency **made)
{
	bool complete = true;

	for (uint32_t i = 0; i < priv->nodes.count; i++) {
		made[i] = adjacency_build(priv, priv->nodes.socket[i], index, key, mac);
		complete &= made[i] != NULL;
	}
	if (complete)
		return 0;
	adjacency_free_nodes(priv, made);
	return -ENOMEM;
}

static void adjacency_publish(struct gremc_vifs_priv *priv, uint32_t index,
			      struct gremc_adjacency *const *adjacency)
{
	for (uint32_t i = 0; i < priv->nodes.count; i++)
		gremc_pointer_store_release(&priv->node[i]->adjacency[index], adjacency[i]);
}

static struct adjacency_key adjacency_key_of(const struct gremc_adjacency *adjacency)
{
	struct adjacency_key key = {.port = adjacency->port, .next_hop = adjacency->next_hop};

	memcpy(key.next_hop6, adjacency->next_hop6, sizeof(key.next_hop6));
	return key;
}

static int adjacency_get_by_key(struct gremc_vifs *vifs, const struct adjacency_key *key,
				const struct rte_ether_addr *source, uint16_t vlan, uint32_t *index)
{
	struct gremc_vifs_priv *priv = vifs->priv;
	struct gremc_adjacency *made[GREMC_NODES_MAX];
	void *found;
	int rc;

	if (rte_hash_lookup_data(priv->adjacency_hash, key, &found) >= 0) {
		*index = (uintptr_t)found;
		priv->adjacency_holds[*index]++;
		return 0;
	}
	rc = gremc_index_alloc(&priv->adjacency_indexes, index);
	if (rc)
		return rc;
	priv->adjacency_used[*index] = false;
	priv->adjacency_vlan[*index] = vlan;
	priv->adjacency_source[*index] = *source;
	rc = adjacency_build_nodes(priv, *index, key, NULL, made);
	if (rc)
		goto give_index;
	rc = rte_hash_add_key_data(priv->adjacency_hash, key, (void *)(uintptr_t)*index);
	if (rc)
		goto free_made;
	priv->adjacency_holds[*index] = 1;
	adjacency_publish(priv, *index, made);
	return 0;

free_made:
	adjacency_free_nodes(priv, made);
give_index:
	gremc_index_free(&priv->adjacency_indexes, *index);
	return rc;
}

int gremc_adjacency_get(struct gremc_vifs *vifs, uint16_t port, rte_be32_t next_hop,
			const struct rte_ether_addr *source, uint16_t vlan, uint32_t *index)
{
	const struct adjacency_key key = {.port = port, .next_hop = next_hop};

	gremc_assert_control_thread();
	gremc_assert(vifs == vifs->priv->node[0]);
	return adjacency_get_by_key(vifs, &key, source, vlan, index);
}

int gremc_adjacency_get6(struct gremc_vifs *vifs, uint16_t port, const uint8_t next_hop[16],
			 const struct rte_ether_addr *source, uint16_t vlan, uint32_t *index)
{
	struct adjacency_key key = {.port = port, .next_hop = GREMC_NEXT_HOP_IPV6};

	gremc_assert_control_thread();
	gremc_assert(vifs == vifs->priv->node[0]);
	memcpy(key.next_hop6, next_hop, sizeof(key.next_hop6));
	return adjacency_get_by_key(vifs, &key, source, vlan, index);
}

static void adjacency_reclaim(void *argument)
{
	const struct gremc_retired *retired = argument;
	struct gremc_vifs_priv *priv = retired->vifs->priv;

	for (uint32_t i = 0; i < priv->nodes.count; i++) {
		struct gremc_vifs *node = priv->node[i];

		rte_free(gremc_pointer_load(&node->adjacency[retired->index]));
		gremc_pointer_store(&node->adjacency[retired->index], NULL);
	}
	gremc_index_free(&priv->adjacency_indexes, retired->index);
}

void gremc_adjacency_hold(struct gremc_vifs *vifs, uint32_t index)
{
	gremc_assert_control_thread();
	gremc_assert(vifs->priv->adjacency_holds[index] > 0);
	vifs->priv->adjacency_holds[index]++;
}

void gremc_adjacency_release(struct gremc_vifs *vifs, uint32_t index)
{
	struct gremc_vifs_priv *priv = vifs->priv;
	const struct adjacency_key key = adjacency_key_of(gremc_adjacency_load(vifs, index));
	struct gremc_retired *retired = &priv->retired_adjacencies[index];

	gremc_assert_control_thread();
	gremc_assert(vifs->priv->adjacency_holds[index] > 0);
	if (--priv->adjacency_holds[index] > 0)
		return;
	if (rte_hash_del_key(priv->adjacency_hash, &key) < 0)
		GREMC_LOG(ERR, "adjacency %u is not in the table of next hops", index);
	*retired = (struct gremc_retired){.vifs = vifs, .index = index};
	gremc_vif_defer(priv, adjacency_reclaim, retired);
}

/* A reader finds either the whole old header or the whole new one behind the pointer. */
static void adjacency_replace(struct gremc_vifs_priv *priv, uint32_t index,
			      struct gremc_adjacency *const *new)
{
	for (uint32_t i = 0; i < priv->nodes.count; i++) {
		struct gremc_adjacency *old = gremc_pointer_load(&priv->node[i]->adjacency[index]);

		gremc_pointer_store_release(&priv->node[i]->adjacency[index], new[i]);
		gremc_vif_defer(priv, rte_free, old);
	}
}

/* The MAC of an adjacency's L2 header. */
static struct rte_ether_addr adjacency_mac_of(const struct gremc_adjacency *adjacency)
{
	struct rte_ether_addr mac;

	memcpy(&mac, &adjacency->l2[GREMC_L2_MAX - adjacency->l2_length], sizeof(mac));
	return mac;
}

/* Mark the adjacency ready unless it has changed since. Without memory it stays unready: replicas then take
 * the slower path that looks for waiting ones. */
static void adjacency_mark_ready(void *argument)
{
	struct becoming_ready *becoming_ready = argument;
	struct gremc_vifs_priv *priv = becoming_ready->vifs->priv;
	const struct gremc_adjacency *present =
		gremc_adjacency_load(becoming_ready->vifs, becoming_ready->index);
	struct gremc_adjacency *new[GREMC_NODES_MAX];

	if (present == becoming_ready->published) {
		const struct adjacency_key key = adjacency_key_of(present);
		const struct rte_ether_addr mac = adjacency_mac_of(present);

		if (adjacency_build_nodes(priv, becoming_ready->index, &key, &mac, new) == 0) {
			adjacency_replace(priv, becoming_ready->index, new);
			gremc_rcu_commit(priv->rcu);
		}
	}
	free(becoming_ready);
}

int gremc_adjacency_resolve(struct gremc_vifs *vifs, uint32_t index, const struct rte_ether_addr *mac)
{
	struct gremc_vifs_priv *priv = vifs->priv;
	const struct gremc_adjacency *old = gremc_adjacency_load(vifs, index);
	const struct adjacency_key key = adjacency_key_of(old);
	struct gremc_adjacency *new[GREMC_NODES_MAX];
	struct becoming_ready *becoming_ready = NULL;

	gremc_assert_control_thread();
	gremc_assert(vifs->priv->adjacency_holds[index] > 0);
	/* no replica waits for an adjacency that no vif has used */
	if (mac && !old->ready && priv->adjacency_used[index]) {
		becoming_ready = malloc(sizeof(*becoming_ready));
		if (becoming_ready == NULL)
			return -ENOMEM;
	}
	if (adjacency_build_nodes(priv, index, &key, mac, new)) {
		free(becoming_ready);
		return -ENOMEM;
	}
	for (uint32_t i = 0; becoming_ready && i < priv->nodes.count; i++)
		new[i]->ready = false;
	if (memcmp(new[0], old, sizeof(*old)) == 0) {
		adjacency_free_nodes(priv, new);
		free(becoming_ready);
		return 0;
	}
	adjacency_replace(priv, index, new);
	if (becoming_ready == NULL)
		return 0;
	*becoming_ready = (struct becoming_ready){vifs, index, new[0]};
	gremc_vif_defer(priv, adjacency_mark_ready, becoming_ready);
	return 0;
}

int gremc_port_down_set(struct gremc_vifs *vifs, uint16_t port, bool down)
{
	struct gremc_vifs_priv *priv = vifs->priv;
	struct gremc_adjacency *new[GREMC_NODES_MAX];
	int rc = 0;

	gremc_assert_control_thread();
	gremc_assert(vifs == vifs->priv->node[0]);
	gremc_assert(port < GREMC_STATS_PORTS);
	priv->port_down[port] = down;
	for (uint32_t i = 0; i < gremc_adjacency_limit(vifs); i++) {
		const struct gremc_adjacency *old = gremc_adjacency_load(vifs, i);
		struct adjacency_key key;
		struct rte_ether_addr mac;

		if (old == NULL || old->port != port || old->down == down)
			continue;
		mac = adjacency_mac_of(old);
		key = adjacency_key_of(old);
		if (adjacency_build_nodes(priv, i, &key, old->known && old->next_hop ? &mac : NULL, new))
			rc = -ENOMEM;
		else
			adjacency_replace(priv, i, new);
	}
	gremc_rcu_commit(priv->rcu);
	return rc;
}

uint32_t gremc_adjacency_limit(const struct gremc_vifs *vifs)
{
	return gremc_u32_load_acquire(&vifs->priv->adjacency_indexes.next);
}
