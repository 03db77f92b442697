/* SPDX-License-Identifier: BSD-3-Clause */
/* Whether a peer is alive.
 *
 * The timer of a peer expires once in an interval, with a jitter of a tenth, so that tunnels that are
 * configured together do not send together. Each time the peer has had no sign of life since the last time
 * counts as one silent interval; a peer with `retries` of them is dead. A sign of life resets the count. An
 * answer to a keepalive is an event. Traffic is a counter that the timer reads, each second while the peer is
 * dead. */
#include <rte_common.h>
#include <rte_random.h>

#include "peer/peer_priv.h"
#include "proto/keepalive.h"

#define TIMERS_AT_ONCE 256u                 /* of one run */
#define DEAD_CHECK     UINT64_C(1000000000) /* nanoseconds between checks of a dead peer's traffic */

static void peer_dead_set(struct gremc_peers *peers, uint32_t vif, bool dead)
{
	struct peer *peer = &peers->peer[vif];

	if (gremc_bool_load(&peer->dead) == dead)
		return;
	gremc_bool_store(&peer->dead, dead);
	gremc_u32_store(&peer->changes, gremc_u32_load(&peer->changes) + 1);
	peers->callbacks.dead_set(peers->callbacks.argument, vif, dead);
}

void gremc_peer_sign_seen(struct gremc_peers *peers, uint32_t vif)
{
	peers->peer[vif].silent = 0;
	peer_dead_set(peers, vif, false);
}

void gremc_peer_packet_seen(struct gremc_peers *peers, uint32_t vif)
{
	if (peers->peer[vif].policy.liveness == GREMC_LIVENESS_TRAFFIC)
		gremc_peer_sign_seen(peers, vif);
}

/* Whether the peer has sent a packet since the last check. */
static bool peer_has_traffic(struct gremc_peers *peers, uint32_t vif)
{
	struct peer *peer = &peers->peer[vif];
	const uint64_t packets = peers->callbacks.packets_read(peers->callbacks.argument, vif);
	const bool has_traffic = packets != peer->packets;

	peer->packets = packets;
	return has_traffic;
}

void gremc_peer_liveness_start(struct gremc_peers *peers, uint32_t vif, uint64_t now)
{
	struct peer *peer = &peers->peer[vif];
	const struct gremc_peer_policy *policy = &peer->policy;

	peer->silent = 0;
	peer->awaits_answer = false;
	if (policy->liveness == GREMC_LIVENESS_OFF)
		peer_dead_set(peers, vif, false);
	if (!policy->sends && policy->liveness == GREMC_LIVENESS_OFF) {
		gremc_peer_timer_start(&peers->timers, vif, GREMC_PEER_NEVER);
		return;
	}
	if (policy->liveness == GREMC_LIVENESS_TRAFFIC)
		peer_has_traffic(peers, vif); /* the count starts here */
	peer->next_send = now + rte_rand_max(policy->interval);
	gremc_peer_timer_start(&peers->timers, vif, peer->next_send);
}

static void peer_keepalive_send(struct gremc_peers *peers, uint32_t vif, uint64_t now)
{
	struct peer *peer = &peers->peer[vif];
	uint8_t packet[GREMC_KEEPALIVE_MAX];
	uint16_t length = gremc_keepalive_build(packet, &peer->policy.options, ++peer->id);

	if (peers->callbacks.send(peers->callbacks.argument, vif, packet, length)) {
		gremc_u64_count(&peer->unsent);
		return;
	}
	gremc_u64_count(&peer->sent);
	peer->sent_at = now;
	peer->awaits_answer = true;
}

/* Returns: when the timer of the peer is due next. */
static uint64_t peer_tick(struct gremc_peers *peers, uint32_t vif, uint64_t now)
{
	struct peer *peer = &peers->peer[vif];
	const struct gremc_peer_policy *policy = &peer->policy;

	if (policy->liveness == GREMC_LIVENESS_TRAFFIC && peer_has_traffic(peers, vif))
		gremc_peer_sign_seen(peers, vif);
	if (now >= peer->next_send) {
		if (policy->liveness != GREMC_LIVENESS_OFF && peer->silent >= policy->retries)
			peer_dead_set(peers, vif, true);
		peer->silent += peer->silent < policy->retries;
		if (policy->sends)
			peer_keepalive_send(peers, vif, now);
		peer->next_send = now + policy->interval * 9 / 10 + rte_rand_max(policy->interval / 5 + 1);
	}
	if (policy->liveness == GREMC_LIVENESS_TRAFFIC && gremc_bool_load(&peer->dead))
		return RTE_MIN(peer->next_send, now + DEAD_CHECK);
	return peer->next_send;
}

void gremc_peers_run(struct gremc_peers *peers, uint64_t now)
{
	gremc_assert_control_thread();
	gremc_peer_path_mtus_expire(peers, now, TIMERS_AT_ONCE);
	for (unsigned i = 0; i < TIMERS_AT_ONCE; i++) {
		const uint32_t vif = gremc_peer_timers_pop(&peers->timers, now);

		if (vif == UINT32_MAX)
			return;
		gremc_peer_timer_start(&peers->timers, vif, peer_tick(peers, vif, now));
	}
}

uint64_t gremc_peers_next_due(const struct gremc_peers *peers)
{
	return RTE_MIN(gremc_peer_timers_next(&peers->timers), gremc_peer_timers_next(&peers->mtu_timers));
}
