/* SPDX-License-Identifier: BSD-3-Clause */
/* Policies: the packets that a vif carries, and the rate of them. A vif without a policy pays nothing:
 * received packets reach these functions by GREMC_VIF_CHECKED, replicas by a conditional mroute or
 * GREMC_ENCAP_ADJUST. */
#ifndef GREMC_VIF_POLICY_H
#define GREMC_VIF_POLICY_H

#include <stdbool.h>
#include <stdint.h>

#include <rte_byteorder.h>

#include "base/atomic.h"
#include "config/config.h"
#include "stats/stats.h"

struct gremc_vifs;

/* Ranges of addresses, in host byte order, ascending, without overlap. Immutable once published. */
struct gremc_vif_sources {
	uint32_t count;
	struct gremc_vif_range {
		uint32_t first, last;
	} range[];
};

/* Whether one of the ranges has the address. */
bool gremc_ranges_have(const struct gremc_vif_sources *ranges, rte_be32_t address);

/* A token bucket that all threads share: the srTCM of RFC 2697 with an EBS of 0. CIR is the rate, CBS the
 * tokens of `burst` at that rate. Green packets pass, red ones are dropped, and no packet is yellow.
 *
 * The bucket is one word, the theoretical arrival time of the next packet at the rate. It is ahead of the
 * clock by the time that the missing tokens take, so one compare-and-swap refills the bucket and takes tokens
 * from it. The library's rte_meter keeps tokens and time in separate words, which threads cannot share
 * without a lock, and rounds the rate by up to 1 %. */
struct gremc_policer {
	uint64_t packet_cost,
		byte_cost; /* time units that a packet and each of its bytes take; 0: no limit */
	uint64_t burst;    /* time units */
	/* Time units. Writers and readers: all that send or receive by the vif. */
	gremc_atomic_u64 arrival;
};

/* The time unit of policers: TSC cycles / 2^8. Differences are right modulo 2^64. */
#define GREMC_POLICER_SHIFT 8

/* The limits of one direction. */
struct gremc_policy_direction {
	struct gremc_vif_sources *groups;  /* that do not pass; NULL: none */
	struct gremc_vif_sources *sources; /* that pass; NULL: all */
	struct gremc_policer packets, bytes;
};

/* Immutable once published, except the state of policers. */
struct gremc_policy {
	struct gremc_policy_direction in, out;
	uint8_t ttl_threshold; /* the TTL of a packet that leaves must be greater; 0: none */
	uint16_t max_fanout;   /* replicas that a received packet may have; 0: no limit */
	struct gremc_config_rate in_rate, out_rate; /* as configured */
};

GREMC_ATOMIC_POINTER(policy, struct gremc_policy);

/* Set or remove the policy of a vif, from the next packet on. A policer whose rate does not change keeps its
 * state.
 * Thread:  control thread.
 * Input:   config NULL: no policy; copied.
 * Errors:  -ENOMEM: nothing changed. */
__rte_warn_unused_result int gremc_vif_policy_set(struct gremc_vifs *vifs, uint32_t vif,
						  const struct gremc_config_policy *config);

/* Check the source and group of a received packet.
 * Thread:  any reader.
 * Returns: GREMC_DROP_NONE, _boundary or _source_filter. */
enum gremc_drop gremc_policy_check_input(const struct gremc_policy *policy, rte_be32_t source,
					 rte_be32_t group);
/* Check the TTL, as received, source and group of a packet that leaves.
 * Thread:  any reader.
 * Returns: GREMC_TX_DROP_NONE, _oif_scope or _oif_source. */
enum gremc_tx_drop gremc_policy_check_output(const struct gremc_policy *policy, uint8_t ttl,
					     rte_be32_t source, rte_be32_t group);
/* Take the tokens of a packet.
 * Thread:  any.
 * Units:   now: TSC cycles; length: bytes.
 * Returns: false: there are too few, and the packet is dropped. */
bool gremc_policer_accept(struct gremc_policy_direction *direction, uint64_t now, uint16_t length);

/* Whether the direction limits the rate. */
static inline bool gremc_policy_has_rate(const struct gremc_policy_direction *direction)
{
	return direction->packets.packet_cost | direction->bytes.byte_cost;
}

#endif
