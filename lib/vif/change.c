/* SPDX-License-Identifier: BSD-3-Clause */
/* Changes of a vif while packets pass.
 *
 * The key of an encap (adjacency, MTU, header length, flags, TOS) is one word and changes by one store. The
 * template is longer, so it is never written while a reader may read it. Each encap has a twin, a second
 * cache line. A change of the template takes three grace periods:
 *
 *   1. The new template is written to the twin. One store of the new encap key, with GREMC_ENCAP_CHANGING,
 *      directs readers to the twin.
 *   2. After a grace period no reader reads the encap's own template. The new template is copied to it.
 *   3. After a second grace period every reader sees that copy. GREMC_ENCAP_CHANGING is cleared in the key.
 *   4. After a third grace period no reader reads the twin. It is free for the next change.
 *
 * The tunnels' table refers to a vif's encap, or to its twin while its packets leave the plain path. Both
 * hold the words that identify the tunnel's packets, and these words never change. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <rte_ip.h>

#include "vif/vif_priv.h"

/* The part of a header that identifies the tunnel's packets: source and destination address. */
#define KEY_BEGIN offsetof(struct rte_ipv4_hdr, src_addr)
#define KEY_END   sizeof(struct rte_ipv4_hdr)

/* A change of a template, between its steps. */
struct edit {
	struct gremc_vifs *vifs;
	uint32_t vif, serial;
};

static void template_copy(struct gremc_encap *to, const struct gremc_encap *from)
{
	memcpy(to->header, from->header, KEY_BEGIN);
	memcpy(to->header + KEY_END, from->header + KEY_END, sizeof(to->header) - KEY_END);
	to->sum = from->sum;
}

static bool template_equal(const struct gremc_encap *a, const struct gremc_encap *b)
{
	return a->sum == b->sum && memcmp(a->header, b->header, sizeof(a->header)) == 0;
}

void gremc_encap_key_publish(struct gremc_vifs *vifs, uint32_t vif)
{
	const struct gremc_vifs_priv *priv = vifs->priv;
	const uint8_t state = priv->state[vif];
	struct gremc_encap encap_key =
		gremc_encap_from_key(gremc_encap_key_load(gremc_encap_twin(vifs, vif)));

	if (state & GREMC_VIF_DOWN)
		encap_key.adjacency = GREMC_ADJACENCY_DOWN;
	else if (state & GREMC_VIF_DEAD)
		encap_key.adjacency = GREMC_ADJACENCY_DEAD;
	if (state & GREMC_VIF_CHANGING)
		encap_key.flags |= GREMC_ENCAP_CHANGING;
	if (state & GREMC_VIF_POLICED)
		encap_key.flags |= GREMC_ENCAP_ADJUST;
	/* A reader loads the old key or the new one. The adjacency and the template of either remain valid
	 * until its next quiescent state. */
	for (uint32_t i = 0; i < priv->nodes.count; i++)
		gremc_u64_store_release(&priv->node[i]->encap[vif].encap_key,
					gremc_encap_key_load(&encap_key));
}

static void twin_encap_key_set(struct gremc_vifs *vifs, uint32_t vif, uint64_t encap_key)
{
	for (uint32_t i = 0; i < vifs->priv->nodes.count; i++)
		gremc_u64_store(&gremc_encap_twin(vifs->priv->node[i], vif)->encap_key, encap_key);
	gremc_encap_key_publish(vifs, vif);
}

/* ---- the steps of a change ---- */

/* End the change if the vif has been removed: another vif may have its index. */
static bool edit_is_void(struct edit *edit)
{
	if (gremc_u32_load(&edit->vifs->serial[edit->vif]) == edit->serial)
		return false;
	free(edit);
	return true;
}

static void edit_end(void *argument)
{
	struct edit *edit = argument;

	if (edit_is_void(edit))
		return;
	edit->vifs->priv->state[edit->vif] &= (uint8_t)~GREMC_VIF_TWIN_BUSY;
	free(edit);
}

static void edit_use_encap(void *argument)
{
	struct edit *edit = argument;
	struct gremc_vifs_priv *priv = edit->vifs->priv;

	if (edit_is_void(edit))
		return;
	priv->state[edit->vif] &= (uint8_t)~GREMC_VIF_CHANGING;
	gremc_encap_key_publish(edit->vifs, edit->vif);
	gremc_vif_defer(priv, edit_end, edit);
	gremc_rcu_commit(priv->rcu);
}

static void edit_copy_template(void *argument)
{
	struct edit *edit = argument;
	struct gremc_vifs_priv *priv = edit->vifs->priv;

	if (edit_is_void(edit))
		return;
	for (uint32_t i = 0; i < priv->nodes.count; i++)
		template_copy(&priv->node[i]->encap[edit->vif], gremc_encap_twin(priv->node[i], edit->vif));
	gremc_vif_defer(priv, edit_use_encap, edit);
	gremc_rcu_commit(priv->rcu);
}

static void edit_begin(struct edit *edit, const struct gremc_encap *new_encap)
{
	struct gremc_vifs_priv *priv = edit->vifs->priv;

	for (uint32_t i = 0; i < priv->nodes.count; i++)
		template_copy(gremc_encap_twin(priv->node[i], edit->vif), new_encap);
	priv->state[edit->vif] |= GREMC_VIF_CHANGING | GREMC_VIF_TWIN_BUSY;
	twin_encap_key_set(edit->vifs, edit->vif, gremc_encap_key_load(new_encap));
	gremc_vif_defer(priv, edit_copy_template, edit);
	gremc_rcu_commit(priv->rcu);
}

/* ---- changes ---- */

void gremc_tunnel_reroute(struct gremc_vifs *vifs, uint32_t vif, uint32_t adjacency)
{
	struct gremc_encap encap_key =
		gremc_encap_from_key(gremc_encap_key_load(gremc_encap_twin(vifs, vif)));
	const uint32_t old = encap_key.adjacency;

	gremc_assert_control_thread();
	gremc_assert(gremc_vif_is_tunnel(vifs, vif));
	gremc_assert(vifs->priv->adjacency_holds[adjacency] > 0);
	vifs->priv->adjacency_used[adjacency] = true;
	encap_key.adjacency = (uint16_t)adjacency;
	twin_encap_key_set(vifs, vif, gremc_encap_key_load(&encap_key));
	gremc_adjacency_release(vifs, old);
}

/* The MTU that holds for replicas: as set, or as the path allows. */
static uint16_t tunnel_mtu_compute(const struct gremc_vifs_priv *priv, uint32_t vif,
				   const struct gremc_tunnel_options *options)
{
	const uint16_t overhead = gremc_tunnel_overhead(options), path = priv->path_mtu[vif];

	if (path == 0)
		return priv->mtu[vif];
	return RTE_MIN(priv->mtu[vif], (uint16_t)(path > overhead ? path - overhead : 1));
}

static void tunnel_mtu_publish(struct gremc_vifs *vifs, uint32_t vif)
{
	struct gremc_encap encap_key =
		gremc_encap_from_key(gremc_encap_key_load(gremc_encap_twin(vifs, vif)));

	encap_key.mtu = tunnel_mtu_compute(vifs->priv, vif, &gremc_vif_info_load(vifs, vif)->options);
	twin_encap_key_set(vifs, vif, gremc_encap_key_load(&encap_key));
}

void gremc_tunnel_mtu_set(struct gremc_vifs *vifs, uint32_t vif, uint16_t mtu)
{
	gremc_assert_control_thread();
	gremc_assert(gremc_vif_is_tunnel(vifs, vif));
	vifs->priv->mtu[vif] = mtu;
	tunnel_mtu_publish(vifs, vif);
}

void gremc_tunnel_path_mtu_set(struct gremc_vifs *vifs, uint32_t vif, uint16_t path_mtu)
{
	gremc_assert_control_thread();
	gremc_assert(gremc_vif_is_tunnel(vifs, vif));
	vifs->priv->path_mtu[vif] = path_mtu;
	tunnel_mtu_publish(vifs, vif);
}

static bool info_equal(const struct gremc_vif_info *a, const struct gremc_vif_info *b)
{
	return strcmp(a->name, b->name) == 0 && a->port == b->port && a->mtu == b->mtu &&
	       a->next_hop == b->next_hop && a->ignore_df == b->ignore_df &&
	       gremc_tunnel_options_equal(&a->options, &b->options);
}

static int info_change(struct gremc_vifs *vifs, uint32_t vif, const struct gremc_vif_info *info)
{
	const struct gremc_vif_info *old = gremc_vif_info_load(vifs, vif);
	struct gremc_vif_info *copy = malloc(sizeof(*copy));

	if (copy == NULL)
		return -ENOMEM;
	*copy = *info;
	gremc_pointer_store_release(&vifs->info[vif], copy);
	gremc_vif_defer(vifs->priv, free, (void *)(uintptr_t)old);
	return 0;
}

int gremc_tunnel_change(struct gremc_vifs *vifs, uint32_t vif, const struct gremc_vif_info *info,
			uint32_t adjacency)
{
	struct gremc_vifs_priv *priv = vifs->priv;
	const struct gremc_encap *twin = gremc_encap_twin(vifs, vif);
	const uint64_t old_key = gremc_encap_key_load(twin);
	const uint32_t old = twin->adjacency;
	uint32_t dscp_map;
	uint16_t mtu;
	struct edit *edit;
	struct gremc_encap new_encap;

	gremc_assert_control_thread();
	gremc_assert(gremc_vif_is_tunnel(vifs, vif));
	gremc_assert(vifs->priv->adjacency_holds[adjacency] > 0);
	gremc_assert(info->options.local == gremc_vif_info_load(vifs, vif)->options.local &&
		     info->options.remote == gremc_vif_info_load(vifs, vif)->options.remote);
	gremc_assert(info->options.has_input_key == gremc_vif_info_load(vifs, vif)->options.has_input_key &&
		     info->options.input_key == gremc_vif_info_load(vifs, vif)->options.input_key);
	gremc_assert(info->options.udp_port == gremc_vif_info_load(vifs, vif)->options.udp_port);
	if (old == adjacency && info_equal(gremc_vif_info_load(vifs, vif), info)) {
		gremc_adjacency_release(vifs, adjacency);
		return 0;
	}
	if (priv->state[vif] & GREMC_VIF_TWIN_BUSY)
		gremc_rcu_synchronize(priv->rcu); /* wait for the end of the previous change */
	if (gremc_dscp_map_get(vifs, &info->options, &dscp_map)) {
		gremc_adjacency_release(vifs, adjacency);
		return -ENOMEM;
	}
	gremc_encap_init(&new_encap, info, adjacency, dscp_map);
	/* the MTU set at the kernel interface stays until the configured MTU changes */
	mtu = priv->mtu[vif];
	if (info->mtu != gremc_vif_info_load(vifs, vif)->mtu)
		priv->mtu[vif] = info->mtu;
	new_encap.mtu = tunnel_mtu_compute(priv, vif, &info->options);
	edit = malloc(sizeof(*edit));
	if (edit == NULL || gremc_vif_sequence_set(vifs, vif, info->options.sequence) ||
	    info_change(vifs, vif, info)) {
		/* the old mode needs no new memory */
		const int undone =
			gremc_vif_sequence_set(vifs, vif, gremc_vif_info_load(vifs, vif)->options.sequence);

		gremc_assert(undone == 0);
		priv->mtu[vif] = mtu;
		free(edit);
		gremc_dscp_map_release(vifs, gremc_encap_key_load(&new_encap));
		gremc_adjacency_release(vifs, adjacency);
		return -ENOMEM;
	}
	priv->adjacency_used[adjacency] = true;
	*edit = (struct edit){vifs, vif, gremc_u32_load(&vifs->serial[vif])};
	if (template_equal(twin, &new_encap)) {
		twin_encap_key_set(vifs, vif, gremc_encap_key_load(&new_encap));
		free(edit);
	} else {
		edit_begin(edit, &new_encap);
	}
	gremc_vif_checked_set(vifs, vif, &info->options);
	gremc_dscp_map_release(vifs, old_key);
	gremc_adjacency_release(vifs, old);
	return 0;
}

void gremc_vif_down_set(struct gremc_vifs *vifs, uint32_t vif, bool down)
{
	struct gremc_vifs_priv *priv = vifs->priv;
	const uint32_t before = gremc_tunnel_entry(vifs, vif);

	gremc_assert_control_thread();
	gremc_assert(gremc_vif_info_load(vifs, vif) != NULL);
	if ((priv->state[vif] & GREMC_VIF_DOWN) == (down ? GREMC_VIF_DOWN : 0))
		return;
	priv->state[vif] ^= GREMC_VIF_DOWN;
	gremc_encap_key_publish(vifs, vif);
	if (gremc_vif_info_load(vifs, vif)->kind == GREMC_VIF_TUNNEL &&
	    gremc_tunnel_entry(vifs, vif) != before)
		gremc_tunnel_renumber(vifs, vif, before, gremc_tunnel_entry(vifs, vif));
}

void gremc_vif_policy_apply(struct gremc_vifs *vifs, uint32_t vif)
{
	const struct gremc_policy *policy = gremc_policy_load(vifs, vif);
	const struct gremc_vif_info *info = gremc_vif_info_load(vifs, vif);
	uint8_t *state = &vifs->priv->state[vif];
	const bool is_policed = policy && gremc_policy_has_rate(&policy->out);

	*state = (uint8_t)((*state & ~GREMC_VIF_POLICED) | (is_policed ? GREMC_VIF_POLICED : 0));
	gremc_encap_key_publish(vifs, vif);
	if (info->kind == GREMC_VIF_TUNNEL)
		gremc_vif_checked_set(vifs, vif, &info->options);
}

void gremc_vif_dead_set(struct gremc_vifs *vifs, uint32_t vif, bool dead)
{
	struct gremc_vifs_priv *priv = vifs->priv;

	gremc_assert_control_thread();
	gremc_assert(gremc_vif_is_tunnel(vifs, vif));
	if ((priv->state[vif] & GREMC_VIF_DEAD) == (dead ? GREMC_VIF_DEAD : 0))
		return;
	priv->state[vif] ^= GREMC_VIF_DEAD;
	gremc_encap_key_publish(vifs, vif);
}

struct gremc_encap gremc_encap_read(const struct gremc_vifs *vifs, uint32_t vif)
{
	struct gremc_encap encap = gremc_encap_from_key(gremc_u64_load_acquire(&vifs->encap[vif].encap_key));
	const struct gremc_encap *line =
		encap.flags & GREMC_ENCAP_CHANGING ? gremc_encap_twin(vifs, vif) : &vifs->encap[vif];

	encap.flags &= (uint8_t) ~(GREMC_ENCAP_CHANGING | GREMC_ENCAP_ADJUST);
	memcpy(encap.header, line->header, sizeof(encap.header));
	encap.sum = line->sum;
	encap.input_key = line->input_key;
	encap.kind = line->kind;
	return encap;
}
