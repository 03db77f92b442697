/* SPDX-License-Identifier: BSD-3-Clause */
/* The table from a packet's outer identity to its tunnel: a hash of vifs, compared by the addresses and the
 * input key in their encaps. */
#include <errno.h>
#include <string.h>

#include <rte_errno.h>
#include <rte_malloc.h>

#include "vif/vif_priv.h"

#define SMALLEST 1024u

/* An identity as two words: the addresses, and the key. */
struct key_words {
	uint64_t addresses, key;
};
static_assert(sizeof(struct key_words) == sizeof(struct gremc_tunnel_key),
	      "two words hold the whole identity");

static inline uint64_t tunnel_key_hash(const struct gremc_hash *hash, const struct gremc_tunnel_key *key)
{
	struct key_words key_words;

	memcpy(&key_words, key, sizeof(key_words));
	return gremc_hash_compute(hash, key_words.addresses, key_words.key);
}

static inline bool encap_has_key(const void *line, const void *searched)
{
	const struct gremc_encap *encap = line;
	struct key_words key_words;
	uint64_t addresses, key;

	memcpy(&key_words, searched, sizeof(key_words));
	/* the template's source and destination are the local and remote address of received packets */
	memcpy(&addresses, encap->header + offsetof(struct rte_ipv4_hdr, src_addr), sizeof(addresses));
	memcpy(&key, &encap->input_key, sizeof(key));
	return ((addresses ^ key_words.addresses) | (key ^ key_words.key)) == 0;
}

static struct gremc_tunnel_key tunnel_key_of(const struct gremc_tunnel_options *options)
{
	return (struct gremc_tunnel_key){
		.remote = options->remote,
		.local = options->local,
		.key = options->has_input_key ? options->input_key : 0,
		.kind = gremc_tunnel_kind(options->udp_port, options->has_input_key),
	};
}

/* ---- peers: how many tunnels there are between two addresses, to tell a wrong key from an unknown peer ----
 */

struct peer {
	rte_be32_t remote, local;
};

static struct rte_hash *peers_create(struct gremc_vifs *vifs)
{
	char name[RTE_HASH_NAMESIZE];
	struct rte_hash_parameters parameters = {
		.name = name,
		.entries = GREMC_VIFS_MAX,
		.key_len = sizeof(struct peer),
		.socket_id = SOCKET_ID_ANY,
		.extra_flag = RTE_HASH_EXTRA_FLAGS_RW_CONCURRENCY_LF,
	};
	/* Slots of removed keys are reused after a grace period. The data are numbers: nothing to free. */
	struct rte_hash_rcu_config rcu = {.v = gremc_rcu_qsbr(vifs->priv->rcu),
					  .mode = RTE_HASH_QSBR_MODE_DQ};
	struct rte_hash *peers;

	snprintf(name, sizeof(name), "gremc_peers_%x", (unsigned)(uintptr_t)vifs);
	peers = rte_hash_create(&parameters);
	if (peers && rte_hash_rcu_qsbr_add(peers, &rcu)) {
		rte_hash_free(peers);
		peers = NULL;
	}
	return peers;
}

/* Without memory a packet with a wrong key counts as one of an unknown peer. */
static void peer_count_add(struct gremc_vifs *vifs, const struct gremc_tunnel_key *key, int by)
{
	const struct peer peer = {key->remote, key->local};
	void *data;
	intptr_t count;
	bool found;
	int rc = 0;

	found = rte_hash_lookup_data(vifs->peers, &peer, &data) >= 0;
	count = (found ? (intptr_t)data : 0) + by;
	if (count > 0)
		rc = rte_hash_add_key_data(vifs->peers, &peer, (void *)count);
	else if (found)
		rc = rte_hash_del_key(vifs->peers, &peer);
	if (rc < 0)
		GREMC_LOG_LIMITED(WARNING, "packets with a wrong key count as those of an unknown peer: %s",
				  rte_strerror(-rc));
}

static void udp_users_add(struct gremc_vifs *vifs, const struct gremc_tunnel_key *key, int by)
{
	const uint16_t port = gremc_tunnel_kind_port(key->kind);

	if (port == 0)
		return;
	gremc_u32_store(&vifs->udp_users[port], gremc_u32_load(&vifs->udp_users[port]) + (uint32_t)by);
	gremc_u32_store(&vifs->udp_users[0], gremc_u32_load(&vifs->udp_users[0]) + (uint32_t)by);
}

bool gremc_tunnel_peer_known(const struct gremc_vifs *vifs, rte_be32_t local, rte_be32_t remote)
{
	const struct peer peer = {remote, local};

	return rte_hash_lookup(vifs->peers, &peer) >= 0;
}

/* ---- tunnels ---- */

static void tunnel_table_destroy(void *hash)
{
	if (hash)
		gremc_hash_fini(hash);
	rte_free(hash);
}

/* Create one for each node, into made[].
 * Errors:  -ENOMEM: none is created. */
static int tunnel_tables_create(const struct gremc_vifs_priv *priv, uint32_t tunnels,
				struct gremc_hash **made)
{
	bool complete = true;

	for (uint32_t i = 0; i < priv->nodes.count; i++) {
		made[i] = gremc_memory_zalloc(sizeof(*made[i]), priv->nodes.socket[i]);
		complete &= made[i] && gremc_hash_init(made[i], tunnels, priv->nodes.socket[i]) == 0;
	}
	if (complete)
		return 0;
	for (uint32_t i = 0; i < priv->nodes.count; i++)
		tunnel_table_destroy(made[i]);
	return -ENOMEM;
}

static void tunnel_tables_publish(struct gremc_vifs_priv *priv, struct gremc_hash *const *hash)
{
	for (uint32_t i = 0; i < priv->nodes.count; i++)
		gremc_pointer_store_release(&priv->node[i]->tunnels, hash[i]);
}

int gremc_tunnels_init(struct gremc_vifs *vifs, uint32_t tunnels)
{
	struct gremc_hash *hash[GREMC_NODES_MAX];

	vifs->peers = peers_create(vifs);
	if (vifs->peers == NULL || tunnel_tables_create(vifs->priv, RTE_MAX(SMALLEST, tunnels), hash))
		return -ENOMEM;
	tunnel_tables_publish(vifs->priv, hash);
	return 0;
}

void gremc_tunnels_fini(struct gremc_vifs *vifs)
{
	rte_hash_free(vifs->peers);
	for (uint32_t i = 0; i < vifs->priv->nodes.count; i++)
		tunnel_table_destroy(gremc_pointer_load(&vifs->priv->node[i]->tunnels));
}

/* The published vif with this key, up or down, or GREMC_VIF_NONE. */
static uint32_t tunnel_find_by_key(const struct gremc_vifs *vifs, const struct gremc_tunnel_key *key)
{
	const struct gremc_hash *table = gremc_pointer_load(&vifs->tunnels);
	const void *encap =
		gremc_hash_find(table, tunnel_key_hash(table, key), vifs->encap, encap_has_key, key);

	return encap ? gremc_hash_line_number(vifs->encap, encap) % GREMC_VIFS_MAX : GREMC_VIF_NONE;
}

uint32_t gremc_tunnel_find(const struct gremc_vifs *vifs, const struct gremc_tunnel_options *options)
{
	const struct gremc_tunnel_key key = tunnel_key_of(options);

	gremc_assert_control_thread();
	return tunnel_find_by_key(vifs, &key);
}

/* Add every published tunnel to the empty tables.
 * Errors:  -ENOSPC. */
static int tunnel_tables_fill(const struct gremc_vifs *vifs, struct gremc_hash *const *hash)
{
	int rc = 0;

	for (uint32_t vif = 0; vif < gremc_vifs_limit(vifs) && rc == 0; vif++) {
		const struct gremc_vif_info *info = gremc_vif_info_load(vifs, vif);
		struct gremc_tunnel_key key;

		if (info == NULL || info->kind != GREMC_VIF_TUNNEL)
			continue;
		key = tunnel_key_of(&info->options);
		/* of two vifs with one key only one is published */
		if (tunnel_find_by_key(vifs, &key) != vif)
			continue;
		for (uint32_t i = 0; i < vifs->priv->nodes.count && rc == 0; i++)
			rc = gremc_hash_add(hash[i], tunnel_key_hash(hash[i], &key),
					    gremc_tunnel_entry(vifs, vif));
	}
	return rc;
}

/* Replace the tables by larger ones with the same content. */
static int tunnels_grow(struct gremc_vifs *vifs, uint32_t capacity)
{
	struct gremc_vifs_priv *priv = vifs->priv;
	struct gremc_hash *old[GREMC_NODES_MAX], *hash[GREMC_NODES_MAX];
	int rc = tunnel_tables_create(priv, capacity, hash);

	if (rc)
		return rc;
	rc = tunnel_tables_fill(vifs, hash);
	if (rc) {
		for (uint32_t i = 0; i < priv->nodes.count; i++)
			tunnel_table_destroy(hash[i]);
		return rc;
	}
	for (uint32_t i = 0; i < priv->nodes.count; i++)
		old[i] = gremc_pointer_load(&priv->node[i]->tunnels);
	tunnel_tables_publish(priv, hash);
	for (uint32_t i = 0; i < priv->nodes.count; i++)
		gremc_vif_defer(priv, tunnel_table_destroy, old[i]);
	return 0;
}

int gremc_tunnels_reserve(struct gremc_vifs *vifs, uint32_t more)
{
	const struct gremc_hash *table = gremc_pointer_load(&vifs->tunnels);
	const uint32_t count = table->count + more;

	gremc_assert_control_thread();
	gremc_assert(vifs == vifs->priv->node[0]);
	return count > table->capacity ? tunnels_grow(vifs, RTE_MAX(count, table->capacity * 2)) : 0;
}

int gremc_tunnel_publish(struct gremc_vifs *vifs, uint32_t vif)
{
	struct gremc_vifs_priv *priv = vifs->priv;
	const struct gremc_tunnel_key key = tunnel_key_of(&gremc_vif_info_load(vifs, vif)->options);
	const uint32_t before = tunnel_find_by_key(vifs, &key), entry = gremc_tunnel_entry(vifs, vif);
	int rc = 0;

	gremc_assert_control_thread();
	gremc_assert(gremc_vif_is_tunnel(vifs, vif));
	if (before == GREMC_VIF_NONE)
		rc = gremc_tunnels_reserve(vifs, 1);
	for (uint32_t i = 0; i < priv->nodes.count && rc == 0; i++) {
		struct gremc_hash *hash = gremc_pointer_load(&priv->node[i]->tunnels);

		GREMC_TSAN_RELEASE(&priv->node[i]->encap[entry]);
		if (before != GREMC_VIF_NONE)
			gremc_hash_replace(hash, tunnel_key_hash(hash, &key),
					   gremc_tunnel_entry(vifs, before), entry);
		else
			rc = gremc_hash_add(hash, tunnel_key_hash(hash, &key), entry);
	}
	if (rc == 0 && before == GREMC_VIF_NONE) {
		peer_count_add(vifs, &key, 1);
		udp_users_add(vifs, &key, 1);
	}
	return rc;
}

void gremc_tunnel_unpublish(struct gremc_vifs *vifs, uint32_t vif)
{
	struct gremc_vifs_priv *priv = vifs->priv;
	const struct gremc_tunnel_key key = tunnel_key_of(&gremc_vif_info_load(vifs, vif)->options);

	gremc_assert_control_thread();
	gremc_assert(gremc_vif_is_tunnel(vifs, vif));
	if (tunnel_find_by_key(vifs, &key) != vif)
		return;
	for (uint32_t i = 0; i < priv->nodes.count; i++) {
		struct gremc_hash *hash = gremc_pointer_load(&priv->node[i]->tunnels);

		gremc_hash_remove(hash, tunnel_key_hash(hash, &key), gremc_tunnel_entry(vifs, vif));
	}
	peer_count_add(vifs, &key, -1);
	udp_users_add(vifs, &key, -1);
}

void gremc_tunnel_renumber(struct gremc_vifs *vifs, uint32_t vif, uint32_t before, uint32_t now)
{
	struct gremc_vifs_priv *priv = vifs->priv;
	const struct gremc_tunnel_key key = tunnel_key_of(&gremc_vif_info_load(vifs, vif)->options);

	if (tunnel_find_by_key(vifs, &key) != vif)
		return;
	for (uint32_t i = 0; i < priv->nodes.count; i++) {
		struct gremc_hash *hash = gremc_pointer_load(&priv->node[i]->tunnels);

		GREMC_TSAN_RELEASE(&priv->node[i]->encap[now]);
		gremc_hash_replace(hash, tunnel_key_hash(hash, &key), before, now);
	}
}

void gremc_tunnel_lookup_bulk(const struct gremc_vifs *vifs, const struct gremc_tunnel_key *keys, uint32_t n,
			      uint32_t *vif)
{
	const struct gremc_hash *table = gremc_pointer_load_acquire(&vifs->tunnels);
	struct gremc_hash_probe probe[GREMC_HASH_BULK];
	const void *encap[GREMC_HASH_BULK];

	gremc_assert(n <= GREMC_HASH_BULK);
	for (uint32_t i = 0; i < n; i++)
		probe[i] = gremc_hash_probe_start(table, tunnel_key_hash(table, &keys[i]));
	gremc_hash_find_bulk(table, probe, n, vifs->encap, encap_has_key, keys, sizeof(*keys), encap);
	for (uint32_t i = 0; i < n; i++)
		vif[i] = encap[i] ? gremc_hash_line_number(vifs->encap, encap[i]) : GREMC_VIF_NONE;
}
