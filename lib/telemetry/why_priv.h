/* SPDX-License-Identifier: BSD-3-Clause */
/* Files of /gremc/why: the decisions of the data path, the state of IGMP, and the reply.
 * Thread:  telemetry, an online reader. */
#ifndef GREMC_TELEMETRY_WHY_PRIV_H
#define GREMC_TELEMETRY_WHY_PRIV_H

#include "datapath/decision.h"
#include "telemetry/telemetry_priv.h"

/* A hypothetical packet and the decisions about it. */
struct packet_query {
	struct gremc_query *query;
	const char *iif_name;
	uint32_t iif;  /* GREMC_VIF_NONE: a port without `multicast: true` */
	bool native;   /* it arrives by a port, not by a tunnel */
	uint16_t port; /* if native: its index */
	struct gremc_fanout_key key;
	enum gremc_drop reason; /* GREMC_DROP_NONE: forwarded */
	bool punted;            /* not dropped but punted, in this class: */
	enum gremc_punt class;
	const struct gremc_mroute *mroute; /* NULL: none matched, or the packet was dropped before */
	uint32_t oif_skip;                 /* index of the iif in the oil, or oif_count */
	uint32_t wanted, no_adjacency, oif_down, peer_dead;
	uint32_t limited;                 /* of `wanted`: those with a TTL threshold */
	uint32_t policy;                  /* of `wanted`: those that the policy of their interface forbids */
	enum gremc_tx_drop policy_reason; /* of one of them */
	uint16_t smallest_mtu;
};

/* ---- why_decision.c ---- */

/* Parse the arguments of the query and make all decisions about the packet.
 * Returns: false: an argument is wrong, and the reply has the error. */
bool gremc_why_decide(struct packet_query *packet_query);
/* Whether outgoing interface `i` gets packets of this source with some TTL, within its rate. */
bool gremc_why_oif_accepts(const struct packet_query *packet_query, uint32_t i);

/* ---- why_members.c ---- */

/* Name the first interfaces with an IGMP querier that are not members. */
void gremc_why_missing_members_reply(const struct packet_query *packet_query, struct rte_tel_data *reply);
/* Whether an interface has IGMP. */
bool gremc_why_igmp_is_used(const struct packet_query *packet_query);
/* Whether memberships, or their refusal, explain that no mroute matches. */
bool gremc_why_igmp_explains_no_mroute(const struct packet_query *packet_query);
/* Explain by IGMP why there is no mroute. */
void gremc_why_no_member_reply(const struct packet_query *packet_query, struct rte_tel_data *reply,
			       const char *key);

#endif
