/* SPDX-License-Identifier: BSD-3-Clause */
/* `keepalive` and `liveness` of a tunnel. */
#include "config/config_priv.h"

void gremc_config_read_keepalive(struct loader *l, const struct key *key, yaml_node_t *node, void *object)
{
	struct value owner = {key->name, gremc_config_node_place(node), false};
	struct gremc_config_tunnel *tunnel = &((struct tunnel_draft *)object)->tunnel;

	if (tunnel->options.udp_port)
		gremc_config_error_add(l, owner.place,
				       "`keepalive` needs `mode: gre`: the answer of the peer is plain GRE; "
				       "`liveness: traffic` works");
	tunnel->liveness.sends = true;
	tunnel->liveness.sign = GREMC_LIVENESS_KEEPALIVE; /* `liveness` is read later */
	gremc_config_mapping_read(l, node, SECTION_KEEPALIVE, &owner, object, NULL);
}

void gremc_config_read_liveness(struct loader *l, const struct key *key, const struct value *value,
				void *object)
{
	struct gremc_config_tunnel *tunnel = &((struct tunnel_draft *)object)->tunnel;
	const struct value owner = {key->name, value->place, false};
	const int word = gremc_keyword_parse(&gremc_liveness_keywords, value->text);

	if (word < 0) {
		gremc_config_text_reject(l, key, value);
		return;
	}
	tunnel->liveness.sign = (enum gremc_liveness)word;
	if (word == GREMC_LIVENESS_KEEPALIVE && !tunnel->liveness.sends)
		gremc_config_error_add(l, value->place,
				       "`liveness` of %s is `keepalive`, and it sends none; add `keepalive:`",
				       tunnel->name);
	if (!tunnel->liveness.sends)
		gremc_config_defaults_set(l, SECTION_KEEPALIVE, &owner, object);
}
