/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef GREMC_PEER_PEER_PRIV_H
#define GREMC_PEER_PEER_PRIV_H

#include "base/atomic.h"
#include "peer/peer.h"
#include "peer/timers_priv.h"

/* The state of one peer. Zeroed memory: no policy, alive. */
struct peer {
	struct gremc_peer_policy policy;
	uint64_t next_send;      /* the next keepalive is not due before */
	uint64_t sent_at;        /* the last keepalive */
	uint64_t packets;        /* packets_read() of the last check */
	uint16_t id;             /* of the last keepalive */
	uint16_t silent;         /* intervals since the last sign of life */
	uint64_t path_mtu_since; /* the last change of path_mtu */
	bool awaits_answer;      /* the last keepalive is not answered */
	/* Writer of all: the control thread. Readers: telemetry. */
	gremc_atomic_bool is_known; /* it has a policy, or has had a keepalive */
	gremc_atomic_u8 liveness;   /* enum gremc_liveness */
	gremc_atomic_bool sends, dead;
	gremc_atomic_u32 changes;
	gremc_atomic_u16 path_mtu;
	gremc_atomic_u64 reports, reports_ignored, unreachable;
	gremc_atomic_u64 sent, unsent, answers, requests, answered, rtt, rtt_least;
};

struct gremc_peers {
	struct gremc_peer_callbacks callbacks;
	struct gremc_peer_timers timers;     /* of liveness */
	struct gremc_peer_timers mtu_timers; /* of path MTUs */
	uint16_t path_mtu_minimum;           /* bytes */
	uint32_t count;                      /* of vifs */
	struct peer *peer;                   /* [vif] reserved address space */
};

/* ---- liveness.c ---- */

/* Follow a changed policy: start or stop the timer of the peer. */
void gremc_peer_liveness_start(struct gremc_peers *peers, uint32_t vif, uint64_t now);
/* Any packet of the peer has come, which is a sign of life if its traffic is one. */
void gremc_peer_packet_seen(struct gremc_peers *peers, uint32_t vif);
/* A sign of life has come. */
void gremc_peer_sign_seen(struct gremc_peers *peers, uint32_t vif);

/* ---- pmtu.c ---- */

/* Forget up to `most` path MTUs that have expired. */
void gremc_peer_path_mtus_expire(struct gremc_peers *peers, uint64_t now, unsigned most);

#endif
