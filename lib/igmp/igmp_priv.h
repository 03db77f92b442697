/* SPDX-License-Identifier: BSD-3-Clause */
/* Functions that the files of igmp/ share.
 * Thread:  control thread, with the engine's mutex locked. */
#ifndef GREMC_IGMP_IGMP_PRIV_H
#define GREMC_IGMP_IGMP_PRIV_H

#include "base/assert.h"
#include "igmp/budget_priv.h"
#include "igmp/proxy_priv.h"
#include "igmp/state_priv.h"

/* ---- membership.c: memberships and sources ---- */

/* Returns: the membership of the interface in the group, or NULL. */
struct membership *gremc_membership_find(const struct gremc_igmp *igmp, const struct interface *interface,
					 rte_be32_t group);

/* Create a membership in the state INCLUDE({}).
 * Input:   the interface has no membership in the group.
 * Returns: NULL if it is refused; the refusal is counted. */
struct membership *gremc_membership_create(struct gremc_igmp *igmp, struct interface *interface,
					   rte_be32_t group, bool is_pinned);

/* Withdraw the membership's requests and free it. */
void gremc_membership_destroy(struct gremc_igmp *igmp, struct membership *membership);

/* Returns: the source of the membership, or NULL. */
struct source *gremc_source_find(const struct gremc_igmp *igmp, const struct membership *membership,
				 rte_be32_t address);

/* Find or create a source.
 * Returns: NULL if it is refused; the refusal is counted. */
struct source *gremc_source_get(struct gremc_igmp *igmp, struct membership *membership, rte_be32_t address,
				bool is_pinned);

/* Free a source, without a call of change().
 * Input:   the published request of the source equals the request without the source. */
void gremc_source_destroy(struct gremc_igmp *igmp, struct source *source);

/* ---- publish.c: from the state to the requests of the interface ---- */

/* Timer: publish the requests that were not published for lack of memory. */
void gremc_igmp_republish_expire(struct gremc_igmp *igmp, struct gremc_timer *timer);

/* Withdraw the source's request and free the source, and its membership if no state remains. */
void gremc_source_evict(struct gremc_igmp *igmp, struct source *source);

/* Publish the membership's changed requests. Free sources without a state.
 * Lifetime: frees the membership if no state remains. */
void gremc_membership_publish(struct gremc_igmp *igmp, struct membership *membership);

/* Withdraw the membership's requests. Its state remains. */
void gremc_membership_withdraw(struct gremc_igmp *igmp, struct membership *membership);

/* Publish all memberships of the interface; destroy those that the policy does not allow. */
void gremc_interface_publish(struct gremc_igmp *igmp, struct interface *interface);

/* Whether the policy allows requests for the source. */
bool gremc_policy_allows_source(const struct gremc_igmp_policy *policy, rte_be32_t source);

/* Whether the policy allows memberships in the group. */
bool gremc_policy_allows_group(const struct gremc_igmp_policy *policy, rte_be32_t group);

/* Apply the joins of the configuration to the memberships. */
void gremc_interface_join_static(struct gremc_igmp *igmp, struct interface *interface);

/* ---- record.c: group records (RFC 3376, 6.4) and expiry (6.5) ---- */

/* Apply a group record.
 * Returns: false if the record is refused as a whole; the refusal is counted. */
bool gremc_membership_record_input(struct gremc_igmp *igmp, struct interface *interface,
				   const struct gremc_igmp_record *record);

/* Capacity of the token bucket, in thousandths of a record: the records of a second, and one for each allowed
 * membership, so that all can start together. */
static inline uint64_t gremc_policy_token_max(const struct gremc_igmp_policy *policy)
{
	return UINT64_C(1000) * RTE_MAX(policy->report_rate, policy->max_groups);
}

/* Timer: the membership leaves EXCLUDE mode (RFC 3376, 6.5). */
void gremc_membership_expire(struct gremc_igmp *igmp, struct gremc_timer *timer);

/* Timer: the source expires (RFC 3376, 6.3). */
void gremc_source_expire(struct gremc_igmp *igmp, struct gremc_timer *timer);

/* ---- last_member.c: group specific queries, sent (RFC 3376, 6.6.3) and received (6.6.1) ---- */

/* Maximum number of sources of a query, with any MTU. */
#define GREMC_QUERY_SOURCES 1024u

/* Send Q(G) and lower the group timer. With fast leave: end EXCLUDE mode instead. The caller publishes. */
void gremc_membership_group_query(struct gremc_igmp *igmp, struct membership *membership);

/* Send Q(G, A) for the sources whose timer runs and whose mark is (`marked`) or is not the current epoch, and
 * lower their timers. With fast leave: remove these sources. The caller publishes. */
void gremc_membership_source_query(struct gremc_igmp *igmp, struct membership *membership, bool marked);

/* Timer: repeat the last member queries. */
void gremc_membership_retransmit_expire(struct gremc_igmp *igmp, struct gremc_timer *timer);

/* Send the last member queries that waited for the interface. */
void gremc_membership_resume(struct gremc_igmp *igmp, struct membership *membership);

/* Whether the membership's timers must not expire yet, because its last member queries could not be sent. */
bool gremc_membership_timer_waits(const struct gremc_igmp *igmp, const struct membership *membership);

/* Lower the timers that a query of the querier names. */
void gremc_membership_timers_lower(struct gremc_igmp *igmp, struct membership *membership,
				   const struct gremc_igmp_message *query);

/* ---- send.c ---- */

/* Bytes of the largest IP packet that the interface can send now; 0: it cannot send, which is counted and
 * blocks the interface. */
size_t gremc_interface_packet_max(struct gremc_igmp *igmp, struct interface *interface);

/* Send an IP packet.
 * Returns: false if it was not sent, which is counted and blocks the interface; the caller repeats it after
 * the interface is unblocked. */
bool gremc_interface_send(struct gremc_igmp *igmp, struct interface *interface, const uint8_t *packet,
			  size_t length);

/* Remove the interface from the list of blocked ones; no-op if it is not blocked. */
void gremc_interface_unblock(struct interface *interface);

/* Timer: unblock the interfaces that can send, and resume their messages. */
void gremc_igmp_unblock_expire(struct gremc_igmp *igmp, struct gremc_timer *timer);

/* ---- querier.c: election and general queries (RFC 3376, 6.6.2 and 8) ---- */

/* Become the querier, with the queries of the startup. */
void gremc_querier_start(struct gremc_igmp *igmp, struct interface *interface);

/* Stop all queries and timers of the interface. */
void gremc_querier_stop(struct gremc_igmp *igmp, struct interface *interface);

/* Process a query of another router. */
void gremc_querier_query_input(struct gremc_igmp *igmp, struct interface *interface,
			       const struct gremc_igmp_message *query);

/* Timer: send a general query. */
void gremc_querier_expire(struct gremc_igmp *igmp, struct gremc_timer *timer);

/* Timer: the other querier has gone (RFC 3376, 8.5). */
void gremc_querier_other_expire(struct gremc_igmp *igmp, struct gremc_timer *timer);

/* Send a query: general if the group is 0, else for the group or its sources.
 * Returns: false if it was not sent. A query that the interface's version does not define counts as sent. */
bool gremc_querier_query_send(struct gremc_igmp *igmp, struct interface *interface, rte_be32_t group,
			      const rte_be32_t *sources, uint16_t source_count, bool suppress);

/* Advance the next general query, if the interface is the querier. */
void gremc_querier_query_now(struct gremc_igmp *igmp, struct interface *interface);

/* Send the queries that waited for the interface. */
void gremc_querier_resume(struct gremc_igmp *igmp, struct interface *interface);

/* Recompute whether the interface's requests are published, and publish the change. With a proxy only the
 * querier of a link forwards (RFC 4605, 4.2). */
void gremc_querier_update(struct gremc_igmp *igmp, struct interface *interface);

#endif
