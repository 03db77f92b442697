/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <rte_malloc.h>

#include "config/config.h"
#include "vif/vif_priv.h"

#define UDP_PORTS (UINT16_MAX + 1u)

static_assert(GREMC_STATS_PORTS == GREMC_CONFIG_PORTS_MAX + 1, "one more port, the host, is counted");
static_assert(GREMC_DSCP_MAPS_MAX >= 2 * GREMC_CONFIG_DSCP_MAPS_MAX, "a reload can replace all DSCP maps");
static_assert(GREMC_VIFS_MAX >= GREMC_CONFIG_TUNNELS_MAX + GREMC_CONFIG_PORTS_MAX + 1,
	      "each tunnel and port, and the host, has a vif");

int gremc_indexes_init(struct gremc_indexes *indexes, uint32_t limit)
{
	indexes->limit = limit;
	indexes->free = gremc_memory_reserve(limit * sizeof(*indexes->free), SOCKET_ID_ANY);
	return indexes->free ? 0 : -ENOMEM;
}

void gremc_indexes_fini(struct gremc_indexes *indexes)
{
	gremc_memory_release(indexes->free, indexes->limit * sizeof(*indexes->free));
}

int gremc_index_alloc(struct gremc_indexes *indexes, uint32_t *index)
{
	if (indexes->free_count > 0) {
		*index = indexes->free[--indexes->free_count];
		return 0;
	}
	*index = gremc_u32_load(&indexes->next);
	if (*index >= indexes->limit)
		return -ENOSPC;
	/* readers load it as the upper bound of the indexes in use */
	gremc_u32_store_release(&indexes->next, *index + 1);
	return 0;
}

void gremc_index_free(struct gremc_indexes *indexes, uint32_t index)
{
	gremc_assert(index < gremc_u32_load(&indexes->next));
	indexes->free[indexes->free_count++] = index;
}

void gremc_vif_defer(struct gremc_vifs_priv *priv, void (*function)(void *), void *argument)
{
	if (gremc_rcu_defer(priv->rcu, function, argument) == 0)
		return;
	gremc_rcu_synchronize(priv->rcu);
	function(argument);
}

/* The copy of one node, without the shared arrays. NULL: -ENOMEM. */
static struct gremc_vifs *vifs_node_create(struct gremc_vifs_priv *priv, int socket)
{
	struct gremc_vifs *vifs = gremc_memory_zalloc(sizeof(*vifs), socket);

	if (vifs == NULL)
		return NULL;
	for (unsigned i = 0; i < RTE_DIM(vifs->port_vif); i++)
		gremc_u32_store(&vifs->port_vif[i], GREMC_VIF_NONE);
	vifs->priv = priv;
	vifs->encap = gremc_memory_reserve(2 * GREMC_VIFS_MAX * sizeof(*vifs->encap), socket);
	if (vifs->encap)
		return vifs;
	rte_free(vifs);
	return NULL;
}

/* Point every copy to the shared arrays. */
static void vifs_share_common(struct gremc_vifs *vifs)
{
	for (uint32_t i = 1; i < vifs->priv->nodes.count; i++) {
		struct gremc_vifs *node = vifs->priv->node[i];

		node->dscp_map = vifs->dscp_map;
		node->info = vifs->info;
		node->punt = vifs->punt;
		node->serial = vifs->serial;
		node->policy = vifs->policy;
		node->sequence = vifs->sequence;
		node->sources = vifs->sources;
		node->peers = vifs->peers;
		node->udp_users = vifs->udp_users;
	}
}

struct gremc_vifs *gremc_vifs_create(uint32_t tunnels, const struct gremc_nodes *nodes, struct gremc_rcu *rcu)
{
	struct gremc_vifs_priv *priv = calloc(1, sizeof(*priv));
	struct gremc_vifs *vifs = priv ? vifs_node_create(priv, nodes->socket[0]) : NULL;

	if (vifs == NULL) {
		free(priv);
		return NULL;
	}
	priv->rcu = rcu;
	priv->node[priv->nodes.count++] = vifs;
	while (priv->nodes.count < nodes->count) {
		struct gremc_vifs *node = vifs_node_create(priv, nodes->socket[priv->nodes.count]);

		if (node == NULL)
			goto fail;
		priv->node[priv->nodes.count++] = node;
	}
	priv->nodes = *nodes;
	vifs->info = gremc_memory_reserve(GREMC_VIFS_MAX * sizeof(*vifs->info), nodes->socket[0]);
	vifs->punt = gremc_memory_reserve(GREMC_VIFS_MAX * sizeof(*vifs->punt), nodes->socket[0]);
	vifs->serial = gremc_memory_reserve(GREMC_VIFS_MAX * sizeof(*vifs->serial), nodes->socket[0]);
	vifs->policy = gremc_memory_reserve(GREMC_VIFS_MAX * sizeof(*vifs->policy), nodes->socket[0]);
	vifs->sequence = gremc_memory_reserve(GREMC_VIFS_MAX * sizeof(*vifs->sequence), nodes->socket[0]);
	vifs->sources = gremc_memory_reserve(GREMC_VIFS_MAX * sizeof(*vifs->sources), nodes->socket[0]);
	vifs->udp_users = gremc_memory_reserve(UDP_PORTS * sizeof(*vifs->udp_users), nodes->socket[0]);
	priv->mtu = gremc_memory_reserve(GREMC_VIFS_MAX * sizeof(*priv->mtu), nodes->socket[0]);
	priv->path_mtu = gremc_memory_reserve(GREMC_VIFS_MAX * sizeof(*priv->path_mtu), nodes->socket[0]);
	priv->state = gremc_memory_reserve(GREMC_VIFS_MAX * sizeof(*priv->state), nodes->socket[0]);
	priv->retired_vifs =
		gremc_memory_reserve(GREMC_VIFS_MAX * sizeof(*priv->retired_vifs), nodes->socket[0]);
	if (gremc_indexes_init(&priv->vif_indexes, GREMC_VIFS_MAX) || priv->retired_vifs == NULL ||
	    priv->state == NULL || priv->mtu == NULL || priv->path_mtu == NULL || vifs->info == NULL ||
	    vifs->punt == NULL || vifs->serial == NULL || vifs->sequence == NULL || vifs->sources == NULL ||
	    vifs->policy == NULL || vifs->udp_users == NULL || gremc_adjacencies_init(vifs) ||
	    gremc_tunnels_init(vifs, tunnels) || gremc_markings_init(vifs))
		goto fail;
	vifs_share_common(vifs);
	return vifs;
fail:
	gremc_vifs_destroy(vifs);
	return NULL;
}

void gremc_vifs_destroy(struct gremc_vifs *vifs)
{
	struct gremc_vifs_priv *priv;

	if (vifs == NULL)
		return;
	priv = vifs->priv;
	for (uint32_t i = 0; vifs->info && i < gremc_vifs_limit(vifs); i++)
		free((void *)(uintptr_t)gremc_vif_info_load(vifs, i));
	for (uint32_t i = 0; vifs->sources && i < gremc_vifs_limit(vifs); i++)
		free((void *)(uintptr_t)gremc_pointer_load(&vifs->sources[i]));
	for (uint32_t i = 0; vifs->policy && i < gremc_vifs_limit(vifs); i++)
		gremc_policy_free(gremc_pointer_load(&vifs->policy[i]));
	for (uint32_t i = 0; vifs->sequence && i < gremc_vifs_limit(vifs); i++)
		free(gremc_pointer_load(&vifs->sequence[i]));
	gremc_tunnels_fini(vifs);
	gremc_adjacencies_fini(vifs);
	gremc_markings_fini(vifs);
	gremc_indexes_fini(&priv->vif_indexes);
	gremc_memory_release(vifs->info, GREMC_VIFS_MAX * sizeof(*vifs->info));
	gremc_memory_release(vifs->punt, GREMC_VIFS_MAX * sizeof(*vifs->punt));
	gremc_memory_release(vifs->serial, GREMC_VIFS_MAX * sizeof(*vifs->serial));
	gremc_memory_release(vifs->policy, GREMC_VIFS_MAX * sizeof(*vifs->policy));
	gremc_memory_release(vifs->sequence, GREMC_VIFS_MAX * sizeof(*vifs->sequence));
	gremc_memory_release(vifs->sources, GREMC_VIFS_MAX * sizeof(*vifs->sources));
	gremc_memory_release(vifs->udp_users, UDP_PORTS * sizeof(*vifs->udp_users));
	gremc_memory_release(priv->mtu, GREMC_VIFS_MAX * sizeof(*priv->mtu));
	gremc_memory_release(priv->path_mtu, GREMC_VIFS_MAX * sizeof(*priv->path_mtu));
	gremc_memory_release(priv->state, GREMC_VIFS_MAX * sizeof(*priv->state));
	gremc_memory_release(priv->retired_vifs, GREMC_VIFS_MAX * sizeof(*priv->retired_vifs));
	for (uint32_t i = 0; i < priv->nodes.count; i++) {
		gremc_memory_release(priv->node[i]->encap, 2 * GREMC_VIFS_MAX * sizeof(*vifs->encap));
		rte_free(priv->node[i]);
	}
	free(priv);
}

const struct gremc_vifs *gremc_vifs_on_socket(const struct gremc_vifs *vifs, int socket)
{
	const struct gremc_vifs_priv *priv = vifs->priv;

	return priv->node[gremc_nodes_index(&priv->nodes, socket)];
}

static void vif_serial_advance(struct gremc_vifs *vifs, uint32_t vif)
{
	gremc_u32_store(&vifs->serial[vif], gremc_vif_serial(vifs, vif) + 1);
}

/* Allocate an index and a copy of the info. The caller writes the encap before vif_info_publish(). */
static int vif_index_alloc(struct gremc_vifs *vifs, const struct gremc_vif_info *info,
			   struct gremc_vif_info **copy, uint32_t *vif)
{
	int rc;

	*copy = malloc(sizeof(**copy));
	if (*copy == NULL)
		return -ENOMEM;
	rc = gremc_index_alloc(&vifs->priv->vif_indexes, vif);
	if (rc) {
		free(*copy);
		return rc;
	}
	**copy = *info;
	vif_serial_advance(vifs, *vif);
	gremc_u8_store(&vifs->punt[*vif], 0); /* no reader has the index */
	vifs->priv->state[*vif] = 0;
	vifs->priv->mtu[*vif] = info->mtu;
	vifs->priv->path_mtu[*vif] = 0;
	return 0;
}

/* Undo vif_index_alloc(). No reader has seen the index. */
static void vif_index_undo(struct gremc_vifs *vifs, struct gremc_vif_info *copy, uint32_t vif)
{
	vif_serial_advance(vifs, vif);
	gremc_index_free(&vifs->priv->vif_indexes, vif);
	free(copy);
}

/* Copy the encap to all nodes and publish the vif. */
static void vif_info_publish(struct gremc_vifs *vifs, uint32_t vif, const struct gremc_vif_info *info)
{
	struct gremc_vifs_priv *priv = vifs->priv;

	*gremc_encap_twin(vifs, vif) = vifs->encap[vif];
	for (uint32_t i = 1; i < priv->nodes.count; i++) {
		priv->node[i]->encap[vif] = vifs->encap[vif];
		*gremc_encap_twin(priv->node[i], vif) = vifs->encap[vif];
	}
	gremc_pointer_store_release(&vifs->info[vif], info);
	for (uint32_t i = 0; i < priv->nodes.count; i++)
		gremc_u32_store_release(&priv->node[i]->limit, gremc_u32_load(&priv->vif_indexes.next));
}

static void port_vif_set(struct gremc_vifs *vifs, uint16_t port, uint32_t vif)
{
	gremc_assert(port < GREMC_STATS_PORTS);
	for (uint32_t i = 0; i < vifs->priv->nodes.count; i++)
		gremc_u32_store_release(&vifs->priv->node[i]->port_vif[port], vif);
}

int gremc_tunnel_add(struct gremc_vifs *vifs, const struct gremc_vif_info *info, uint32_t adjacency,
		     uint32_t *vif)
{
	struct gremc_vif_info *copy;
	uint32_t dscp_map;
	int rc = vif_index_alloc(vifs, info, &copy, vif);

	gremc_assert_control_thread();
	gremc_assert(vifs == vifs->priv->node[0]);
	gremc_assert(info->kind == GREMC_VIF_TUNNEL && info->mtu > 0);
	gremc_assert(vifs->priv->adjacency_holds[adjacency] > 0);
	if (rc)
		return rc;
	rc = gremc_vif_sequence_set(vifs, *vif, info->options.sequence);
	if (rc == 0)
		rc = gremc_dscp_map_get(vifs, &info->options, &dscp_map);
	if (rc) {
		vif_index_undo(vifs, copy, *vif);
		return rc;
	}
	vifs->priv->adjacency_used[adjacency] = true;
	gremc_encap_init(&vifs->encap[*vif], info, adjacency, dscp_map);
	vif_info_publish(vifs, *vif, copy);
	gremc_vif_checked_set(vifs, *vif, &info->options);
	return 0;
}

static int port_vif_add(struct gremc_vifs *vifs, const char *name, enum gremc_vif_kind kind, uint16_t port,
			uint16_t mtu, uint32_t adjacency, uint32_t *vif)
{
	struct gremc_vif_info info = {.kind = kind, .port = port, .mtu = mtu}, *copy;
	int rc;

	gremc_text_copy(info.name, sizeof(info.name), name);
	rc = vif_index_alloc(vifs, &info, &copy, vif);
	if (rc)
		return rc;
	vifs->encap[*vif] = (struct gremc_encap){
		.adjacency = adjacency,
		.mtu = mtu,
		.flags = GREMC_ENCAP_NATIVE | (kind == GREMC_VIF_HOST ? GREMC_ENCAP_HOST : 0),
		.tos_mask = UINT8_MAX, /* the inner header is the outer one */
	};
	vif_info_publish(vifs, *vif, copy);
	port_vif_set(vifs, port, *vif);
	return 0;
}

int gremc_port_vif_add(struct gremc_vifs *vifs, const char *name, uint16_t port, uint16_t mtu,
		       uint32_t adjacency, uint32_t *vif)
{
	gremc_assert_control_thread();
	gremc_assert(vifs == vifs->priv->node[0]);
	gremc_assert(vifs->priv->adjacency_holds[adjacency] > 0);
	return port_vif_add(vifs, name, GREMC_VIF_PORT, port, mtu, adjacency, vif);
}

int gremc_host_vif_add(struct gremc_vifs *vifs, const char *name, uint16_t port, uint32_t *vif)
{
	gremc_assert_control_thread();
	gremc_assert(vifs == vifs->priv->node[0]);
	/* no L2 header is sent: its bytes carry the iif */
	static const struct rte_ether_addr none;
	uint32_t adjacency;
	int rc = gremc_adjacency_get(vifs, port, 0, &none, 0, &adjacency);

	if (rc)
		return rc;
	rc = port_vif_add(vifs, name, GREMC_VIF_HOST, port, UINT16_MAX, adjacency, vif);
	if (rc)
		gremc_adjacency_release(vifs, adjacency);
	return rc;
}

void gremc_vif_punt_set(struct gremc_vifs *vifs, uint32_t vif, uint8_t bits)
{
	gremc_assert_control_thread();
	bits = (bits & (uint8_t)~GREMC_VIF_PUNT_ANSWERS) |
	       (gremc_vif_punt_bits(vifs, vif) & GREMC_VIF_PUNT_ANSWERS);
	gremc_u8_store(&vifs->punt[vif], bits);
}

void gremc_vif_answers_punt_set(struct gremc_vifs *vifs, uint32_t vif, bool punted)
{
	const uint8_t others = gremc_vif_punt_bits(vifs, vif) & (uint8_t)~GREMC_VIF_PUNT_ANSWERS;

	gremc_assert_control_thread();
	gremc_u8_store(&vifs->punt[vif], others | (punted ? GREMC_VIF_PUNT_ANSWERS : 0));
}

void gremc_port_punt_set(struct gremc_vifs *vifs, uint16_t port, uint8_t bits)
{
	gremc_assert_control_thread();
	gremc_assert(port < GREMC_STATS_PORTS);
	for (uint32_t i = 0; i < vifs->priv->nodes.count; i++)
		gremc_u8_store(&vifs->priv->node[i]->port_punt[port], bits);
}

static void vif_reclaim(void *argument)
{
	const struct gremc_retired *retired = argument;
	struct gremc_vifs *vifs = retired->vifs;
	const uint32_t vif = retired->index;

	free((void *)(uintptr_t)retired->info);
	free((void *)(uintptr_t)gremc_pointer_load(&vifs->sources[vif]));
	gremc_pointer_store(&vifs->sources[vif], NULL);
	gremc_policy_free(gremc_pointer_load(&vifs->policy[vif]));
	gremc_pointer_store(&vifs->policy[vif], NULL);
	free(gremc_pointer_load(&vifs->sequence[vif]));
	gremc_pointer_store(&vifs->sequence[vif], NULL);
	gremc_index_free(&vifs->priv->vif_indexes, vif);
}

void gremc_vif_remove(struct gremc_vifs *vifs, uint32_t vif)
{
	const struct gremc_vif_info *info = gremc_vif_info_load(vifs, vif);
	struct gremc_retired *retired = &vifs->priv->retired_vifs[vif];

	gremc_assert_control_thread();
	gremc_assert(gremc_vif_info_load(vifs, vif) != NULL);
	if (info->kind == GREMC_VIF_TUNNEL)
		gremc_tunnel_unpublish(vifs, vif);
	else
		port_vif_set(vifs, info->port, GREMC_VIF_NONE);
	gremc_pointer_store_release(&vifs->info[vif], NULL);
	vif_serial_advance(vifs, vif);
	/* readers may still send by the adjacency, which is freed after a grace period, too */
	gremc_adjacency_release(vifs, gremc_vif_adjacency(vifs, vif));
	gremc_dscp_map_release(vifs, gremc_encap_key_load(gremc_encap_twin(vifs, vif)));
	*retired = (struct gremc_retired){vifs, vif, info};
	gremc_vif_defer(vifs->priv, vif_reclaim, retired);
}

uint32_t gremc_vif_find(const struct gremc_vifs *vifs, const char *name)
{
	uint32_t limit = gremc_vifs_limit(vifs);

	for (uint32_t i = 0; i < limit; i++) {
		const struct gremc_vif_info *info = gremc_vif_info_load(vifs, i);

		if (info && strcmp(info->name, name) == 0)
			return i;
	}
	return GREMC_VIF_NONE;
}
