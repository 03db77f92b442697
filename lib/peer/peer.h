/* SPDX-License-Identifier: BSD-3-Clause */
/* peer: the other ends of tunnels. The module sends keepalives, answers those of peers, decides whether a
 * peer is alive, and learns the MTU of the path to it. Its input is packets and the time. Its output is
 * packets and changes, by callbacks. It has no socket, no device and no clock, and it allocates nothing after
 * its creation.
 *
 * All functions run on the control thread unless their contract names another thread. All times are
 * nanoseconds of one monotonic clock. */
#ifndef GREMC_PEER_PEER_H
#define GREMC_PEER_PEER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/base.h"
#include "proto/icmp.h"
#include "proto/liveness.h"
#include "proto/tunnel.h"

#define GREMC_PEER_NEVER UINT64_MAX

struct gremc_peers; /* heap */

/* The outputs. Each is called on the control thread with the `argument`. */
struct gremc_peer_callbacks {
	/* Send a keepalive through the tunnel. Returns 0 or a negative errno. */
	int (*send)(void *argument, uint32_t vif, const uint8_t *packet, uint16_t length);
	/* Send the answer to a keepalive by the underlay of the tunnel. Returns likewise. */
	int (*answer)(void *argument, uint32_t vif, const uint8_t *packet, uint16_t length);
	/* The peer has died, or is alive again. */
	void (*dead_set)(void *argument, uint32_t vif, bool dead);
	/* The path to the peer carries outer packets of so many bytes; 0: of any size. */
	void (*path_mtu_set)(void *argument, uint32_t vif, uint16_t bytes);
	/* Returns: the packets received from the peer, counted from any start. */
	uint64_t (*packets_read)(void *argument, uint32_t vif);
	void *argument;
};

/* Create the table of the peers of vifs 0 to `vifs` - 1. No peer has a policy.
 * Returns: NULL: -ENOMEM. */
struct gremc_peers *gremc_peers_create(uint32_t vifs, const struct gremc_peer_callbacks *callbacks);
/* Free the table. NULL is allowed. */
void gremc_peers_destroy(struct gremc_peers *peers);

/* The configuration of one peer. */
struct gremc_peer_policy {
	struct gremc_tunnel_options options; /* of the tunnel; keepalives have its addresses and input key */
	uint64_t interval;                   /* between two keepalives, or two checks of traffic */
	uint16_t retries;             /* intervals without a sign of life after which the peer is dead */
	bool sends;                   /* keepalives are sent */
	enum gremc_liveness liveness; /* the sign of life */
};

/* Set the policy of a peer. State and counters stay; without `liveness` the peer is alive.
 * Input:   policy: interval and retries are at least 1. NULL: no keepalives, no liveness. */
void gremc_peer_policy_set(struct gremc_peers *peers, uint32_t vif, const struct gremc_peer_policy *policy,
			   uint64_t now);
/* Forget a vif that is about to be removed, with its counters. No callback is called. */
void gremc_peer_forget(struct gremc_peers *peers, uint32_t vif);

/* A keepalive of the peer has arrived: answer it.
 * Input:   packet: its inner packet, for which gremc_keepalive_is_request() is true, complete and writable.
 */
void gremc_peer_request_input(struct gremc_peers *peers, uint32_t vif, uint8_t *packet, uint16_t length);
/* An answer to a keepalive has arrived.
 * Input:   id: the identification in its IP header; received: when a worker received it. */
void gremc_peer_answer_input(struct gremc_peers *peers, uint32_t vif, uint16_t id, uint64_t received);

/* Set the least path MTU that a report of a router can cause.
 * Units:   bytes of the outer packet, at least 68 (RFC 791). */
void gremc_peers_path_mtu_minimum_set(struct gremc_peers *peers, uint16_t bytes);
/* A router reports that it cannot forward packets of the tunnel.
 * Input:   error: quotes a packet of the vif's tunnel, key included; largest: bytes of the largest outer
 *          packet that the tunnel can have sent.
 * RFC:     1191, 5927. */
void gremc_peer_icmp_input(struct gremc_peers *peers, uint32_t vif, const struct gremc_icmp_error *error,
			   uint16_t largest, uint64_t now);

/* Send the keepalives that are due, expire path MTUs, and find the peers that have died. The work of one call
 * is bounded. */
void gremc_peers_run(struct gremc_peers *peers, uint64_t now);
/* Returns: when gremc_peers_run() has work; GREMC_PEER_NEVER: none. */
uint64_t gremc_peers_next_due(const struct gremc_peers *peers);

/* ---- for telemetry ---- */

struct gremc_peer_info {
	enum gremc_liveness liveness;
	bool sends, dead;
	uint32_t changes;         /* between alive and dead */
	uint64_t sent;            /* keepalives sent */
	uint64_t unsent;          /* keepalives that could not be sent */
	uint64_t answers;         /* to them */
	uint64_t requests;        /* keepalives of the peer */
	uint64_t answered;        /* of them, those whose answer was sent */
	uint64_t rtt;             /* of the last keepalive that was answered in time; 0: none */
	uint64_t rtt_least;       /* of all; 0: none */
	uint16_t path_mtu;        /* bytes of the outer packet; 0: not known */
	uint64_t reports;         /* of routers that lowered it */
	uint64_t reports_ignored; /* not lower, too early, or forged */
	uint64_t unreachable;     /* ICMP unreachable of other codes */
};

/* Thread:  any.
 * Returns: false: nothing is configured for the vif, and no keepalive or ICMP has come. */
bool gremc_peer_info_get(const struct gremc_peers *peers, uint32_t vif, struct gremc_peer_info *info);

#endif
