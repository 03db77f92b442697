/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdlib.h>
#include <string.h>

#include <rte_memory.h>

#include "peer/peer_priv.h"
#include "proto/keepalive.h"

struct gremc_peers *gremc_peers_create(uint32_t vifs, const struct gremc_peer_callbacks *callbacks)
{
	struct gremc_peers *peers = calloc(1, sizeof(*peers));

	if (peers == NULL)
		return NULL;
	peers->callbacks = *callbacks;
	peers->count = vifs;
	peers->peer = gremc_memory_reserve(vifs * sizeof(*peers->peer), SOCKET_ID_ANY);
	peers->path_mtu_minimum = 68;
	if (gremc_peer_timers_init(&peers->timers, vifs) == 0 &&
	    gremc_peer_timers_init(&peers->mtu_timers, vifs) == 0 && peers->peer)
		return peers;
	gremc_peers_destroy(peers);
	return NULL;
}

void gremc_peers_destroy(struct gremc_peers *peers)
{
	if (peers == NULL)
		return;
	gremc_peer_timers_fini(&peers->timers, peers->count);
	gremc_peer_timers_fini(&peers->mtu_timers, peers->count);
	gremc_memory_release(peers->peer, peers->count * sizeof(*peers->peer));
	free(peers);
}

/* ---- configuration ---- */

static bool policy_equal(const struct gremc_peer_policy *a, const struct gremc_peer_policy *b)
{
	return gremc_tunnel_options_equal(&a->options, &b->options) && a->interval == b->interval &&
	       a->retries == b->retries && a->sends == b->sends && a->liveness == b->liveness;
}

void gremc_peer_policy_set(struct gremc_peers *peers, uint32_t vif, const struct gremc_peer_policy *policy,
			   uint64_t now)
{
	static const struct gremc_peer_policy none;
	struct peer *peer = &peers->peer[vif];

	gremc_assert_control_thread();
	gremc_assert(vif < peers->count);
	gremc_assert(policy == NULL || (policy->interval > 0 && policy->retries > 0));
	policy = policy ? policy : &none;
	if (policy_equal(&peer->policy, policy))
		return;
	peer->policy = *policy;
	gremc_u8_store(&peer->liveness, (uint8_t)policy->liveness);
	gremc_bool_store(&peer->sends, policy->sends);
	gremc_bool_store(&peer->is_known, true);
	gremc_peer_liveness_start(peers, vif, now);
}

void gremc_peer_forget(struct gremc_peers *peers, uint32_t vif)
{
	static const struct peer none;

	gremc_assert_control_thread();
	gremc_assert(vif < peers->count);
	gremc_peer_timer_start(&peers->timers, vif, GREMC_PEER_NEVER);
	gremc_peer_timer_start(&peers->mtu_timers, vif, GREMC_PEER_NEVER);
	peers->peer[vif] = none;
}

/* ---- packets ---- */

void gremc_peer_request_input(struct gremc_peers *peers, uint32_t vif, uint8_t *packet, uint16_t length)
{
	struct peer *peer = &peers->peer[vif];

	gremc_assert_control_thread();
	gremc_assert(vif < peers->count);
	gremc_bool_store(&peer->is_known, true);
	gremc_u64_count(&peer->requests);
	gremc_peer_packet_seen(peers, vif);
	if (gremc_keepalive_turn(packet) &&
	    peers->callbacks.answer(peers->callbacks.argument, vif, packet, length) == 0)
		gremc_u64_count(&peer->answered);
}

void gremc_peer_answer_input(struct gremc_peers *peers, uint32_t vif, uint16_t id, uint64_t received)
{
	struct peer *peer = &peers->peer[vif];
	uint64_t rtt, least;

	gremc_assert_control_thread();
	gremc_assert(vif < peers->count);
	if (!peer->policy.sends)
		return;
	gremc_u64_count(&peer->answers);
	if (peer->awaits_answer && id == peer->id) {
		peer->awaits_answer = false;
		/* never 0, which is no measurement */
		rtt = received > peer->sent_at ? received - peer->sent_at : 1;
		least = gremc_u64_load(&peer->rtt_least);
		gremc_u64_store(&peer->rtt, rtt);
		if (least == 0 || rtt < least)
			gremc_u64_store(&peer->rtt_least, rtt);
	}
	if (peer->policy.liveness != GREMC_LIVENESS_OFF)
		gremc_peer_sign_seen(peers, vif);
}

/* ---- telemetry ---- */

bool gremc_peer_info_get(const struct gremc_peers *peers, uint32_t vif, struct gremc_peer_info *info)
{
	const struct peer *peer = &peers->peer[vif];

	if (vif >= peers->count || !gremc_bool_load(&peer->is_known))
		return false;
	*info = (struct gremc_peer_info){
		.liveness = gremc_u8_load(&peer->liveness),
		.sends = gremc_bool_load(&peer->sends),
		.dead = gremc_bool_load(&peer->dead),
		.changes = gremc_u32_load(&peer->changes),
		.sent = gremc_u64_load(&peer->sent),
		.unsent = gremc_u64_load(&peer->unsent),
		.answers = gremc_u64_load(&peer->answers),
		.requests = gremc_u64_load(&peer->requests),
		.answered = gremc_u64_load(&peer->answered),
		.rtt = gremc_u64_load(&peer->rtt),
		.rtt_least = gremc_u64_load(&peer->rtt_least),
		.path_mtu = gremc_u16_load(&peer->path_mtu),
		.reports = gremc_u64_load(&peer->reports),
		.reports_ignored = gremc_u64_load(&peer->reports_ignored),
		.unreachable = gremc_u64_load(&peer->unreachable),
	};
	return true;
}
