/* SPDX-License-Identifier: BSD-3-Clause */
/* The MTU of the path to a peer, from ICMP reports of routers (RFC 1191), with the checks of RFC 5927 against
 * forged reports: the quoted packet is one of the tunnel (its addresses and key, checked by the caller), it
 * was too large for the reported MTU, the MTU has a lower bound, and it changes at most once a second. After
 * ten minutes the path is assumed to carry the configured MTU again. */
#include "peer/peer_priv.h"
#include "proto/tunnel.h"

#define SECOND          UINT64_C(1000000000)
#define CHANGE_INTERVAL SECOND         /* between two changes of one path */
#define EXPIRY          (600 * SECOND) /* RFC 1191, section 6.3: ten minutes */

void gremc_peers_path_mtu_minimum_set(struct gremc_peers *peers, uint16_t bytes)
{
	gremc_assert_control_thread();
	gremc_assert(bytes >= 68);
	peers->path_mtu_minimum = bytes;
}

static void path_mtu_change(struct gremc_peers *peers, uint32_t vif, uint16_t bytes)
{
	gremc_u16_store(&peers->peer[vif].path_mtu, bytes);
	peers->callbacks.path_mtu_set(peers->callbacks.argument, vif, bytes);
}

/* Whether the report lowers the path MTU to `bytes` now. */
static bool report_is_accepted(const struct peer *peer, const struct gremc_icmp_error *error, uint16_t bytes,
			       uint16_t largest, uint64_t now)
{
	const uint16_t present = gremc_u16_load(&peer->path_mtu);

	/* a packet that fits was not rejected (RFC 5927, section 7.2) */
	if (error->total_length <= bytes || error->total_length > largest)
		return false;
	if (present && (bytes >= present || now - peer->path_mtu_since < CHANGE_INTERVAL))
		return false;
	return true;
}

void gremc_peer_icmp_input(struct gremc_peers *peers, uint32_t vif, const struct gremc_icmp_error *error,
			   uint16_t largest, uint64_t now)
{
	struct peer *peer = &peers->peer[vif];
	uint16_t bytes;

	gremc_assert_control_thread();
	gremc_assert(vif < peers->count);
	gremc_bool_store(&peer->is_known, true);
	if (error->code != GREMC_ICMP_FRAGMENTATION_NEEDED) {
		gremc_u64_count(&peer->unreachable);
		return;
	}
	bytes = RTE_MAX(gremc_icmp_error_mtu(error), peers->path_mtu_minimum);
	if (!report_is_accepted(peer, error, bytes, largest, now)) {
		gremc_u64_count(&peer->reports_ignored);
		return;
	}
	gremc_u64_count(&peer->reports);
	peer->path_mtu_since = now;
	gremc_peer_timer_start(&peers->mtu_timers, vif, now + EXPIRY);
	path_mtu_change(peers, vif, bytes);
}

void gremc_peer_path_mtus_expire(struct gremc_peers *peers, uint64_t now, unsigned most)
{
	for (unsigned i = 0; i < most; i++) {
		const uint32_t vif = gremc_peer_timers_pop(&peers->mtu_timers, now);

		if (vif == UINT32_MAX)
			return;
		path_mtu_change(peers, vif, 0);
	}
}
