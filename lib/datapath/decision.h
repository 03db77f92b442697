/* SPDX-License-Identifier: BSD-3-Clause */
/* The decisions about a packet, as functions of the tables. The stages act on them, and telemetry explains a
 * packet by them (/gremc/why), so both always agree.
 *
 * Thread:  any RCU reader. */
#ifndef GREMC_DATAPATH_DECISION_H
#define GREMC_DATAPATH_DECISION_H

#include <stdbool.h>
#include <stdint.h>

#include "fanout/fanout.h"
#include "stats/stats.h"
#include "vif/vif.h"

enum gremc_rpf {
	GREMC_RPF_PASS,        /* every outgoing interface but the incoming one gets a replica */
	GREMC_RPF_CONDITIONAL, /* gremc_oif_accepts() decides for each outgoing interface */
	GREMC_RPF_FAIL,        /* the mroute does not accept the incoming interface */
	GREMC_RPF_NO_OIF,      /* no outgoing interface but the incoming one */
};

/* Check the incoming interface of a packet against its mroute, and apply split horizon.
 * Input:   *found: the mroute or trunk of the lookup.
 * Output:  *found: the branch of `iif`, if the trunk has one. *oif_skip: set unless the check fails: the
 * index of `iif` in the oil, or oif_count. */
static __rte_always_inline enum gremc_rpf gremc_rpf_check(const struct gremc_mroute **found, uint32_t iif,
							  uint32_t *oif_skip)
{
	const struct gremc_mroute *mroute = *found;

	if (likely(mroute->plain && mroute->iif == iif)) {
		*oif_skip = mroute->oif_count;
		return GREMC_RPF_PASS;
	}
	if (unlikely(mroute->trunk))
		*found = mroute = gremc_mroute_branch(mroute, iif);
	if (unlikely(!gremc_mroute_accepts(mroute, iif)))
		return GREMC_RPF_FAIL;
	*oif_skip = gremc_mroute_skip(mroute, iif);
	if (unlikely(mroute->limited))
		return GREMC_RPF_CONDITIONAL;
	return likely(mroute->oif_count > (*oif_skip < mroute->oif_count)) ? GREMC_RPF_PASS
									   : GREMC_RPF_NO_OIF;
}

/* Whether a conditional mroute requests a replica for outgoing interface `i` of a packet with this TTL and
 * source. The policy of the interface may forbid the replica. */
static inline bool gremc_oif_requests(const struct gremc_vifs *vifs, const struct gremc_mroute *mroute,
				      uint32_t i, uint8_t ttl, rte_be32_t source)
{
	const uint8_t threshold = gremc_mroute_thresholds(mroute)[i];

	if (threshold == GREMC_THRESHOLD_SOURCES)
		return gremc_vif_accepts_source(vifs, mroute->vif[i], source);
	return ttl > threshold;
}

/* Check a requested replica by the policy of its vif.
 * Input:   ttl: as received. */
static inline enum gremc_tx_drop gremc_oif_policy_check(const struct gremc_vifs *vifs, uint32_t vif,
							uint8_t ttl, rte_be32_t source, rte_be32_t group)
{
	const struct gremc_policy *policy = gremc_policy_load(vifs, vif);

	return policy ? gremc_policy_check_output(policy, ttl, source, group) : GREMC_TX_DROP_NONE;
}

/* Whether the policy of the incoming interface allows the replicas of a conditional mroute. */
static inline bool gremc_fanout_is_allowed(const struct gremc_vifs *vifs, const struct gremc_mroute *mroute,
					   uint32_t iif, uint32_t oif_skip)
{
	const struct gremc_policy *policy = gremc_policy_load(vifs, iif);

	return policy == NULL || policy->max_fanout == 0 ||
	       mroute->oif_count - (oif_skip < mroute->oif_count) <= policy->max_fanout;
}

/* The drop reason of a packet that no outgoing interface of a conditional mroute accepts. */
enum gremc_drop gremc_conditional_drop_reason(const struct gremc_mroute *mroute, uint32_t oif_skip);

/* The reason why an adjacency that is not ready sends no replica now. */
static inline enum gremc_tx_drop gremc_adjacency_drop_reason(const struct gremc_adjacency *adjacency)
{
	if (adjacency->dead)
		return GREMC_TX_DROP_peer_dead;
	return adjacency->down ? GREMC_TX_DROP_oif_down : GREMC_TX_DROP_no_adjacency;
}

/* Whether a replica of an inner packet of `length` bytes can be sent by this encapsulation.
 * Returns: GREMC_TX_DROP_NONE, or the reason why not. */
static inline enum gremc_tx_drop gremc_replica_check(const struct gremc_encap *encap,
						     const struct gremc_adjacency *adjacency, uint16_t length)
{
	if (length > encap->mtu)
		return GREMC_TX_DROP_too_big;
	if (!adjacency->ready)
		return gremc_adjacency_drop_reason(adjacency);
	return GREMC_TX_DROP_NONE;
}

#endif
